"""Many small books in one call: books of 64 resting orders, 1 to 4,096 of them, 100 messages a visit; snapshots.  Every answer is checked."""

from __future__ import annotations

from typing import Any

import pytest
from lobsim.snapshot import Snapshot

from lobsim.bench.batches import LIVE, BatchRun, setup_for
from lobsim.bench.drive import apply_messages, fresh_book, report_buffer
from lobsim.bench.streams import make_stream

_MESSAGES = 102_400


@pytest.mark.parametrize("books", [1, 64, 1024, 4096])
def test_books(benchmark: Any, books: int) -> None:
    """About a hundred thousand messages in visits of 100 to each book; the figure includes gathering and checking them."""
    setup = setup_for(books, LIVE, 100, _MESSAGES)

    def ready() -> tuple[tuple[BatchRun], dict[str, Any]]:
        return (BatchRun(setup),), {}

    figures = []

    def visits(run: BatchRun) -> None:
        figures.append(run.time())

    benchmark.pedantic(visits, setup=ready, rounds=5, warmup_rounds=1)
    benchmark.extra_info["ns_per_message"] = round(min(figures), 2)


@pytest.mark.parametrize("resting", [64, 1000, 100_000])
def test_snapshot_and_restore(benchmark: Any, resting: int) -> None:
    """A snapshot of a book, put back at once."""
    stream = make_stream(resting, 1, seed=resting)
    book = fresh_book(stream.messages, stream.live)
    apply_messages(book, stream.messages, 0, stream.warm, report_buffer(stream.warm, stream.live))
    benchmark(lambda: Snapshot(book).restore(book))
