"""The recorded Bitstamp day of 2015 gives the book that the venue published, and links trades with the orders that were hit."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from lobsim.feeds.bitstamp import log, table
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Kind, Side
from tests.support.recorded_books import ORDER_COLUMNS, OrderBook

PAIR = ReadOptions(symbol="btcusd")
MS = 10**6
BLEMISHES = {
    "creations after the deletion of their order": 13,
    "changes after the deletion of their order": 4,
    "creations of an order that is there": 1,
    "deletions of an order never seen": 411,
    "changes of an order never seen": 16,
    "changes of the price": 307,
    "changes to a larger amount": 1,
    "orders without an amount": 0,
}
Day = tuple[pl.DataFrame, Counter[str]]


def whole(pieces: Iterator) -> Day:
    """All rows and all notes."""
    frames, notes = [], Counter()
    for piece in pieces:
        frames.append(piece.events)
        notes.update(piece.notes)
    return pl.concat(frames), notes


@pytest.fixture(scope="module")
def log_source(shared: Path) -> Source:
    """The log."""
    return Source(shared / "data" / "bitstamp" / "2015-05-01.log.bz2")


@pytest.fixture(scope="module")
def table_source(shared: Path) -> Source:
    """The table of the same day."""
    return Source(shared / "data" / "bitstamp" / "orders.csv.bz2")


@pytest.fixture(scope="module")
def logged(log_source: Source) -> Day:
    """The day from the log."""
    return whole(log.read(log_source, PAIR))


@pytest.fixture(scope="module")
def tabled(table_source: Source) -> Day:
    """The day from the table."""
    return whole(table.read(table_source, PAIR))


def test_each_format_is_told_from_the_other(log_source: Source, table_source: Source) -> None:
    assert [True, False] == [log.recognise(log_source), log.recognise(table_source)]
    assert [False, True] == [table.recognise(log_source), table.recognise(table_source)]


@pytest.mark.parametrize("day", ["logged", "tabled"])
def test_the_blemishes_of_the_recording_are_put_right_and_counted(day: str, request: pytest.FixtureRequest) -> None:
    events, notes = request.getfixturevalue(day)
    assert BLEMISHES == {name: notes[name] for name in BLEMISHES}
    assert 308 == (events["kind"] == Kind.REPLACE).sum()
    assert events["ts_exchange"].is_sorted()


def test_the_orders_of_the_log_give_the_books_that_the_venue_published(log_source: Source, logged: Day) -> None:
    bids = asks = top = crossed = compared = 0
    book, rows = OrderBook(), logged[0].select("ts_exchange", *ORDER_COLUMNS).iter_rows()
    row = next(rows, None)
    for time_ns, sides in _published(log_source):
        while row is not None and row[0] <= time_ns:
            book.apply(*row[1:])
            row = next(rows, None)
        best = [[level[:2] for level in book.top(side, 5)] for side in (Side.BUY, Side.SELL)]
        bids += best[0][0][0] == sides[0][0][0]
        asks += best[1][0][0] == sides[1][0][0]
        top += best == [side[:5] for side in sides]
        crossed += book.crossed
        compared += 1
    # Taken as they come, without arrivals put right, the messages give 1397, 1396, 1275 and 1.
    assert (1400, 1398, 1396, 1276, 0) == (compared, bids, asks, top, crossed)
    assert Counter() == book.faults


def _published(source: Source) -> Iterator[tuple[int, list[list[tuple[int, int]]]]]:
    """Time, bids and asks (in 10^-8) of every 20th book from the 2,000th on."""
    count = 0
    for block in source.line_blocks():
        for match in re.finditer(rb"^(\d{13}) order_book (.*)$", block, re.MULTILINE):
            count += 1
            if count < 2000 or count % 20:
                continue
            sides = json.loads(match[2])
            digits = [[(_scaled(price), _scaled(size)) for price, size in sides[name]] for name in ("bids", "asks")]
            yield int(match[1]) * MS, digits


def _scaled(text: str) -> int:
    whole_part, fraction = text.split(".")
    return int(whole_part + fraction.ljust(8, "0"))


def test_nearly_every_trade_of_the_log_is_linked_with_the_order_it_hit(logged: Day) -> None:
    events, notes = logged
    executions = events.filter(pl.col("kind") == Kind.EXECUTE)
    assert (3987, 3987, 264) == (
        notes["fills linked"],
        notes["trades linked"],
        notes["trades printed without their order"],
    )
    assert 4251 == len(executions) + (events["kind"] == Kind.PRINT).sum()
    assert (executions["match_id"] > executions["order_id"]).all()


def test_linked_fills_hit_the_oldest_order_of_the_best_price(logged: Day) -> None:
    queues: dict[tuple[int, int], dict[int, None]] = {}
    book, oldest, best, fills = OrderBook(), 0, 0, 0
    for kind, side, price, size, order_id, other_id in logged[0].select(ORDER_COLUMNS).iter_rows():
        there = book.orders.get(order_id)
        stands = (side, there[1]) if there else None
        if kind == Kind.EXECUTE and stands:
            fills += 1
            oldest += next(iter(queues[stands])) == order_id
            best += book.best(side)[0] == stands[1]
        book.apply(kind, side, price, size, order_id, other_id)
        if stands and (kind == Kind.REPLACE or order_id not in book.orders):
            del queues[stands][order_id]
        if kind in (Kind.ADD, Kind.REPLACE):
            queues.setdefault((side, price), {})[other_id or order_id] = None
    assert 3987 == fills
    assert 0.997 < oldest / fills
    assert 0.998 < best / fills


def test_fills_inferred_without_trades_are_nearly_always_those_with_trades(logged: Day, tabled: Day) -> None:
    names = ["order_id", "match_id", "price", "size"]
    with_trades, without = (day[0].filter(pl.col("kind") == Kind.EXECUTE).select(names) for day in (logged, tabled))
    assert 3436 == len(without)
    assert 45 >= len(without.join(with_trades, on=names, how="anti"))


def test_orders_that_traded_on_arrival_never_stand_across_the_book(logged: Day) -> None:
    events, notes = logged
    arrivals = (notes["orders that traded on arrival, in full"], notes["orders that traded on arrival, in part"])
    assert (2155, 445) == arrivals
    assert 118_960 - 13 - 1 + 16 - 2155 == (events["kind"] == Kind.ADD).sum()
    executions = events.with_row_index().filter(pl.col("kind") == Kind.EXECUTE)
    behind = executions.select(index=pl.col("index") + 1, order_id="match_id", ts_exchange="ts_exchange")
    adds = events.with_row_index().filter(pl.col("kind") == Kind.ADD)
    assert 445 == len(adds.join(behind, on=["index", "order_id", "ts_exchange"], how="semi"))


def test_log_and_table_of_one_day_hold_the_same_orders_but_for_the_last_digit(logged: Day, tabled: Day) -> None:
    keys = ["ts_exchange", "kind", "side", "price", "order_id", "other_id"]
    rested = [
        day[0].filter(pl.col("kind").is_in([int(Kind.ADD), int(Kind.REPLACE)])).select(*keys, "size")
        for day in (logged, tabled)
    ]
    both = rested[0].join(rested[1], on=keys)
    short = Counter(both["size"] - both["size_right"])
    assert 116_000 < len(both)
    assert {0, 1} == set(short)  # the table was made by cutting floats off
    assert 5_000 < short[1] < 9_000


def test_the_rows_do_not_depend_on_the_blocks(log_source: Source, logged: Day) -> None:
    events, notes = whole(log.read(log_source, PAIR, nbytes=1_500_000))
    assert logged[0].equals(events)
    assert logged[1] == notes
