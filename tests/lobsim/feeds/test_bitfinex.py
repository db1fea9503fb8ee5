"""The recorded raw book of Bitfinex, order by order; and small made-up ones with what it does not hold."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds import bitfinex
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Fidelity, Flag, Kind, Side
from tests.support.recorded_books import ORDER_COLUMNS, OrderBook

DAY = ReadOptions(date="2021-05-01")
START_NS = 1_619_827_200 * 10**9


def test_the_recorded_book_is_followed_without_a_fault(shared: Path) -> None:
    source = Source(shared / "data" / "bitfinex" / "L3_feed.json.gz")
    assert bitfinex.recognise(source)
    pieces = list(bitfinex.read(source, DAY))
    events = pl.concat([piece.events for piece in pieces])
    counts = {Kind.CLEAR: 1, Kind.ADD: 37_059, Kind.REPLACE: 24_963, Kind.REDUCE: 1_005, Kind.DELETE: 37_021}
    assert counts == Counter(events["kind"])
    assert {0} == {count for piece in pieces for count in piece.notes.values()}
    assert ("tBTCUSD", "BITFINEX", "USD", 25, Fidelity.L3_TOP_K) == (
        pieces[0].instrument.symbol,
        pieces[0].instrument.venue,
        pieces[0].instrument.currency,
        pieces[0].instrument.depth,
        pieces[0].instrument.fidelity,
    )
    book, crossed, most = OrderBook(), 0, 0
    for number, row in enumerate(events.select(ORDER_COLUMNS).iter_rows()):
        book.apply(*row)
        crossed += number > 50 and book.crossed
        most = max(most, len(book.orders))
    assert (21, 50) == (crossed, most)
    assert Counter() == book.faults
    assert events.equals(pl.concat([piece.events for piece in bitfinex.read(source, DAY, nbytes=70_000)]))


GREETING = [
    {"event": "info"},
    {"event": "subscribed", "channel": "book", "chanId": 7, "symbol": "tBTCUSD", "prec": "R0", "len": "25"},
]
BOOK = [7, [[1, 100, 2], [2, 101, -0.5]]]


def write(folder: Path, *messages: list, start: list | None = None) -> Source:
    """A recording of a book and some messages."""
    path = folder / "made_up.json"
    path.write_text(json.dumps([*(GREETING if start is None else start), BOOK, *messages]))
    return Source(path)


def rows(source: Source, nbytes: int = 2**20) -> tuple[list[tuple], Counter[str]]:
    """(kind, side, price, size in hundredths, order, new id) of each row, and the notes that count something."""
    pieces = list(bitfinex.read(source, DAY, nbytes=nbytes))
    events = pl.concat([piece.events for piece in pieces])
    names = ["kind", "side", pl.col("price") // 10**8, pl.col("size") // 10**6, "order_id", "other_id"]
    notes: Counter[str] = Counter()
    for piece in pieces:
        notes.update(piece.notes)
    return events.select(names).rows(), +notes


def test_the_book_comes_as_a_snapshot_at_midnight(tmp_path: Path) -> None:
    events = next(iter(bitfinex.read(write(tmp_path, [7, [3, 99, 1]]), DAY))).events
    snapshot = int(Flag.SNAPSHOT)
    assert [0, snapshot, snapshot | Flag.LAST_IN_PACKET] == events["flags"].to_list()
    assert [START_NS + 10**6] * 3 == events["ts_exchange"].to_list()


def test_each_kind_of_message_becomes_its_row(tmp_path: Path) -> None:
    messages = [[7, [3, 99, 1]], [7, [1, 100, 1.5]], [7, [1, 100, 1.75]], [7, [2, 102, -0.5]], [7, [1, 0, 1]]]
    found, notes = rows(write(tmp_path, *messages))
    assert [
        (Kind.ADD, Side.BUY, 99, 100, 3, 0),
        (Kind.REDUCE, Side.BUY, 100, 50, 1, 0),
        (Kind.REPLACE, Side.BUY, 100, 175, 1, 1),
        (Kind.REPLACE, Side.SELL, 102, 50, 2, 2),
        (Kind.DELETE, Side.BUY, 100, 175, 1, 0),
    ] == found[3:]
    assert Counter() == notes


def test_an_order_that_left_may_come_back_anew(tmp_path: Path) -> None:
    found, _ = rows(write(tmp_path, [7, [1, 0, 1]], [7, [1, 98, 3]]))
    assert [(Kind.DELETE, 100), (Kind.ADD, 98)] == [(row[0], row[2]) for row in found[3:]]


def test_heartbeats_and_messages_without_effect_are_counted(tmp_path: Path) -> None:
    messages = [[7, "hb"], [7, [3, 99, 1]], [7, "hb"], [7, "hb"], [7, [3, 99, 1]], [7, [9, 0, -1]]]
    found, notes = rows(write(tmp_path, *messages))
    assert [Kind.ADD] == [row[0] for row in found[3:]]
    assert 2 == rows(write(tmp_path, [7, [3, 99, 1]], [7, "hb"], [7, "hb"]))[1]["heartbeats"]
    assert {"heartbeats": 3, "messages that change nothing": 1, "removals of orders that are not there": 1} == notes


def test_small_amounts_with_an_exponent_are_exact(tmp_path: Path) -> None:
    pieces = list(bitfinex.read(write(tmp_path, [7, [3, 99.5, 4e-05]]), DAY))
    row = pl.concat([piece.events for piece in pieces]).row(-1, named=True)
    assert (9_950_000_000, 4_000) == (row["price"], row["size"])


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([[7, [3, 99, "x"]]], "is none of a raw book"),
        ([[7, [3, 99]]], "is none of a raw book"),
        ([[8, [3, 99, 1]]], "row 2: the message is of channel 8"),
        ([[7, [3, 99, 1]], [7, [4, 1.123456789, 1]]], "row 3: the message 3 holds a number"),
        ([[7, [1, 100, -2]]], "row 2: order 1 changes its side"),
        ([[7, [1, 100, 0]]], "row 2: order 1 has no amount"),
    ],
)
def test_messages_that_cannot_be_right_are_refused(tmp_path: Path, messages: list, said: str) -> None:
    with pytest.raises(DataError) as refused:
        rows(write(tmp_path, *messages))
    assert said in str(refused.value)


def test_cut_recordings_other_books_and_a_missing_day_are_refused(tmp_path: Path) -> None:
    source = write(tmp_path, [7, [3, 99, 1]])
    with pytest.raises(DataError, match="say which with date"):
        list(bitfinex.read(source, ReadOptions()))
    with pytest.raises(DataError, match="it holds tBTCUSD, not tETHUSD"):
        list(bitfinex.read(source, ReadOptions(date="2021-05-01", symbol="tETHUSD")))
    source.path.write_bytes(source.path.read_bytes()[:-2])
    with pytest.raises(DataError, match="its array does not end"):
        rows(Source(source.path))
    other = [GREETING[1] | {"prec": "P0"}]
    assert not bitfinex.recognise(write(tmp_path, [7, [3, 99, 1]], start=other))
    with pytest.raises(DataError, match="with precision P0"):
        rows(write(tmp_path, [7, [3, 99, 1]], start=other))
