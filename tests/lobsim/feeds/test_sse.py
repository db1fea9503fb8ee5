"""The recorded day of Shanghai 600519 comes in whole, and gives the book that the exchange itself published."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from lobsim.feeds import sse
from lobsim.feeds.piece import Instrument, ReadOptions
from lobsim.feeds.source import Source
from lobsim.feeds.text import day_start_ns
from lobsim.types import Flag, Kind, Phase, Side
from tests.support.recorded_books import ORDER_COLUMNS, OrderBook

DATE = "2023-02-07"
SECOND = 10**9
MIDNIGHT = day_start_ns(DATE, "Asia/Shanghai")
_BEST = re.compile(
    rb"MsgType=111 .*DataTimeStamp=(\d+) BidLevel\[0\]\.Price=(\d+) BidLevel\[0\]\.Qty=(\d+) .*AskLevel\[0\]\.Price=(\d+) AskLevel\[0\]\.Qty=(\d+) "
)


def clock_ns(clock: int) -> int:
    """HHMMSS of the recorded day as nanoseconds UTC."""
    return MIDNIGHT + (clock // 10000 * 3600 + clock // 100 % 100 * 60 + clock % 100) * SECOND


@pytest.fixture(scope="module")
def source(shared: Path) -> Source:
    """The log inside the archive."""
    return Source(shared / "data" / "sse" / "AX_sbe_sse_600519.zip", "AX_sbe_sse_600519.log")


@pytest.fixture(scope="module")
def day(source: Source) -> tuple[Instrument, pl.DataFrame, Counter[str]]:
    """Instrument, all rows and all notes."""
    pieces = list(sse.read(source, ReadOptions(date=DATE)))
    notes: Counter[str] = Counter()
    for piece in pieces:
        notes.update(piece.notes)
    return pieces[0].instrument, pl.concat([piece.events for piece in pieces]), notes


def test_the_log_is_recognised_by_its_first_bytes(source: Source) -> None:
    assert sse.recognise(source)


def test_every_order_deletion_and_trade_of_the_day_is_there(day: tuple[Instrument, pl.DataFrame, Counter[str]]) -> None:
    instrument, events, notes = day
    auction = events.filter(pl.col("flags") & int(Flag.AUCTION) != 0)
    executions = events.filter((pl.col("kind") == Kind.EXECUTE) & (pl.col("flags") & int(Flag.AUCTION) == 0))
    assert ("600519", "SSE", "CNY") == (instrument.symbol, instrument.venue, instrument.currency)
    assert 31612 == (events["kind"] == Kind.ADD).sum()
    assert 14152 == (events["kind"] == Kind.DELETE).sum()
    assert (7713 + 10426, 10426) == (len(executions), (executions["side"] == Side.BUY).sum())
    assert (546, 546) == ((auction["side"] == Side.BUY).sum(), (auction["side"] == Side.SELL).sum())
    assert {"exchange snapshots left out": 5146} == dict(notes)
    assert events["ts_exchange"].is_sorted()
    assert events["sequence"].is_sorted()


def test_what_was_traded_adds_up_to_what_the_exchange_states(
    day: tuple[Instrument, pl.DataFrame, Counter[str]],
) -> None:
    events = day[1].filter(pl.col("kind") == Kind.EXECUTE)
    halves = events.filter((pl.col("flags") & int(Flag.AUCTION) != 0) & (pl.col("side") == Side.BUY))
    assert 18_685 == len(events) - len(halves)
    assert 2_432_171_000 == events["size"].sum() - halves["size"].sum()


def test_the_phases_are_those_of_the_exchange(day: tuple[Instrument, pl.DataFrame, Counter[str]]) -> None:
    _, events, _ = day
    phases = events.filter(pl.col("kind") == Kind.PHASE).select("ts_exchange", "size").rows()
    expected = [
        (91500, Phase.PRE_OPEN),
        (92500, Phase.AUCTION),
        (93000, Phase.CONTINUOUS),
        (113000, Phase.CLOSED),
        (130000, Phase.CONTINUOUS),
        (145700, Phase.AUCTION),
    ]
    assert [(clock_ns(clock), int(phase)) for clock, phase in expected] == phases[:-1]
    assert (clock_ns(150000) + 5 * 10**8, Phase.CLOSED) == phases[-1]
    assert Kind.PHASE == events["kind"][-1]


def test_the_rows_do_not_depend_on_the_blocks(
    source: Source, day: tuple[Instrument, pl.DataFrame, Counter[str]]
) -> None:
    pieces = list(sse.read(source, ReadOptions(date=DATE), nbytes=500_000, window_rows=3000))
    assert len(pieces) > 10
    assert day[1].equals(pl.concat([piece.events for piece in pieces]))


def test_the_book_agrees_with_every_snapshot_of_the_exchange(
    source: Source, day: tuple[Instrument, pl.DataFrame, Counter[str]]
) -> None:
    times, states, crossings, book = _replayed(day[1])
    found = compared = 0
    for block in source.line_blocks():
        for match in _BEST.finditer(block):
            clock, *best = (int(value) for value in match.groups())
            if not (93000 <= clock < 113000 or 130000 <= clock < 145700):
                continue
            compared += 1
            first, last = clock_ns(clock) - 6 * SECOND, clock_ns(clock) + 6 * SECOND
            near = states[max(0, bisect_left(times, first) - 1) : bisect_right(times, last)]
            found += tuple(best) in near
    assert (4767, 4767) == (compared, found)  # every snapshot stamped within the continuous sessions
    assert 0 == crossings
    assert Counter() == book.faults


def _replayed(events: pl.DataFrame) -> tuple[list[int], list[tuple[int, ...]], int, OrderBook]:
    """Times, best bid and ask with sizes after each row, crossed states in continuous trading, and the book at the end."""
    book, times, states, crossings = OrderBook(), [], [], 0
    continuous = False
    for time_ns, *row in events.select("ts_exchange", *ORDER_COLUMNS).iter_rows():
        book.apply(*row)
        if row[0] == Kind.PHASE:
            continuous = row[3] == Phase.CONTINUOUS
        times.append(time_ns)
        states.append((*book.best(Side.BUY), *book.best(Side.SELL)))
        crossings += continuous and book.crossed
    return times, states, crossings, book
