"""Matching in bulk with the whole report stream: consensus tapes and yardstick streams.  No time counts unless the answers match."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.support import fresh_book, run_all
from lobsim.order_tapes import read_tape, report_digest
from lobsim.types import REPORT, ReportKind

TAPES = ("normal_s23_n1000000.xz", "static_s23_n1000000.xz", "flash-crash_s23_n1000000.xz", "quantcup_feed.xz")


@pytest.mark.parametrize("name", TAPES)
def test_tape(benchmark: Any, shared: Path, name: str) -> None:
    """One consensus tape, from an empty book to the last report."""
    folder = shared / "consensus_tapes"
    expected = {entry["file"]: entry["report_sha256"] for entry in json.loads((folder / "manifest.json").read_text())}
    messages = read_tape(folder / name)
    reports = np.zeros(2 * len(messages) + 200_000, REPORT)

    def empty() -> tuple[tuple[Any], dict[str, Any]]:
        return (fresh_book(messages),), {}

    def once(book: Any) -> int:
        return run_all(book, messages, 0, len(messages), reports)

    count = benchmark.pedantic(once, setup=empty, rounds=7, warmup_rounds=1)
    assert expected[name] == report_digest(reports[:count])
    _note_rate(benchmark, len(messages))


@pytest.mark.parametrize("ids", ["dense", "hashed"])
@pytest.mark.parametrize("name", ["shallow", "deep"])
def test_yardstick(benchmark: Any, streams: dict[str, Any], name: str, ids: str) -> None:
    """A yardstick stream; the messages that fill the book are not timed."""
    stream = streams[name]
    reports = np.zeros(3 * len(stream.messages), REPORT)

    def filled() -> tuple[tuple[Any, int], dict[str, Any]]:
        book = fresh_book(stream.messages, dense=ids == "dense")
        return (book, run_all(book, stream.messages, 0, stream.warm, reports)), {}

    def timed(book: Any, before: int) -> int:
        return run_all(book, stream.messages, stream.warm, len(stream.messages), reports, before)

    count = benchmark.pedantic(timed, setup=filled, rounds=7, warmup_rounds=1)
    trades = reports[:count][reports[:count]["kind"] == ReportKind.TRADE]
    assert stream.answers["fills"] == len(trades)
    assert stream.answers["notional"] == int((trades["size_lots"] * trades["price_ticks"]).sum())
    _note_rate(benchmark, len(stream.messages) - stream.warm)


def _note_rate(benchmark: Any, messages: int) -> None:
    best = benchmark.stats.stats.min
    benchmark.extra_info["messages_per_s"] = round(messages / best)
    benchmark.extra_info["ns_per_message"] = round(best / messages * 1e9, 2)
