"""Matching in bulk with the whole report stream: consensus tapes and yardstick streams.  No time counts unless the answers match."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobsim.bench.answers import FillLog, compare
from lobsim.bench.drive import apply_messages, fresh_book
from lobsim.bench.streams import Stream
from lobsim.order_tapes import read_tape, report_digest
from lobsim.types import REPORT, Verb

TAPES = ("normal_s23_n1000000.xz", "static_s23_n1000000.xz", "flash-crash_s23_n1000000.xz", "quantcup_feed.xz")
_MOST_RESTING = 2**17


@pytest.mark.parametrize("name", TAPES)
def test_tape(benchmark: Any, shared: Path, name: str) -> None:
    """One consensus tape, from an empty book to the last report."""
    folder = shared / "consensus_tapes"
    expected = {entry["file"]: entry["report_sha256"] for entry in json.loads((folder / "manifest.json").read_text())}
    messages = read_tape(folder / name)
    live = min(int((messages["verb"] == Verb.NEW).sum()), _MOST_RESTING)
    reports = np.zeros(2 * len(messages) + 200_000, REPORT)

    def empty() -> tuple[tuple[Any], dict[str, Any]]:
        return (fresh_book(messages, live),), {}

    def once(book: Any) -> int:
        return apply_messages(book, messages, 0, len(messages), reports)

    count = benchmark.pedantic(once, setup=empty, rounds=7, warmup_rounds=1)
    assert expected[name] == report_digest(reports[:count])
    _note_rate(benchmark, len(messages))


@pytest.mark.parametrize("ids", ["dense", "arbitrary"])
@pytest.mark.parametrize("name", ["shallow", "deep"])
def test_yardstick(benchmark: Any, streams: dict[str, Stream], name: str, ids: str) -> None:
    """A yardstick stream; the messages that fill the book are not timed."""
    dense = ids == "dense"
    stream = streams[name] if dense else streams[name].with_arbitrary_ids()
    reports = np.zeros(3 * len(stream.messages), REPORT)
    books: list[Any] = []

    def filled() -> tuple[tuple[Any, int], dict[str, Any]]:
        books[:] = [fresh_book(stream.messages, stream.live, dense=dense)]
        return (books[0], apply_messages(books[0], stream.messages, 0, stream.warm, reports)), {}

    def timed(book: Any, before: int) -> int:
        return apply_messages(book, stream.messages, stream.warm, len(stream.messages), reports, before)

    count = benchmark.pedantic(timed, setup=filled, rounds=7, warmup_rounds=1)
    log = FillLog(dense=dense)
    log(reports[:count])
    compare(stream.answers, log.answers(books[0]), f"yardstick {name}")
    _note_rate(benchmark, len(stream.messages) - stream.warm)


def _note_rate(benchmark: Any, messages: int) -> None:
    best = benchmark.stats.stats.min
    benchmark.extra_info["messages_per_s"] = round(messages / best)
    benchmark.extra_info["ns_per_message"] = round(best / messages * 1e9, 2)
