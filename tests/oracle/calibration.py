"""Slow twins of what a calibration reads out of a day: events of the flow, lots at prices, how long how much rested how far from the other side.

Written from the docstrings of lobsim.calibration.flow.events and recording; one row after the other over the slow book.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lobsim.types import Flag, Kind, Phase, Side
from tests.oracle import Row
from tests.oracle.realism import SlowBook, slow_market_orders

ARRIVAL, CANCEL, TAKE = range(3)


class SlowEvent(NamedTuple):
    """Row, what, side, price, lots."""

    row: int
    what: int
    side: int
    price_ticks: int
    lots: int


def slow_events(rows: Sequence[Row]) -> list[SlowEvent]:
    """What happens in a day of orders while trading is continuous."""
    book = SlowBook()
    found = []
    told = phases(rows)
    for index, row in enumerate(rows):
        known = book.orders.get(row.order_id)
        if told[index] == Phase.CONTINUOUS and not row.flags & (Flag.SNAPSHOT | Flag.AUCTION):
            found += _events_of(index, row, known)
        book.apply(row)
    for order in slow_market_orders(rows):
        if told[order.row] != Phase.CONTINUOUS:
            continue
        side = Side.SELL if order.sign > 0 else Side.BUY
        found.append(SlowEvent(order.row, TAKE, int(side), rows[order.row].price_ticks, order.size))
    return sorted(event for event in found if event.lots > 0)


def phases(rows: Sequence[Row]) -> list[int]:
    """The phase after each row."""
    found = [int(Phase.CONTINUOUS)]
    for row in rows:
        found.append(row.size_lots if row.kind == Kind.PHASE else found[-1])
    return found[1:]


def _events_of(index: int, row: Row, known: tuple[int, int, int] | None) -> list[SlowEvent]:
    if row.kind == Kind.ADD:
        return [SlowEvent(index, ARRIVAL, row.side, row.price_ticks, row.size_lots)]
    if known is None:
        return [SlowEvent(index, ARRIVAL, row.side, row.price_ticks, row.size_lots)] if row.kind == Kind.REPLACE else []
    _, price, size = known
    if row.kind == Kind.DELETE:
        return [SlowEvent(index, CANCEL, row.side, price, size)]
    if row.kind == Kind.REDUCE:
        return [SlowEvent(index, CANCEL, row.side, price, min(size, row.size_lots))]
    if row.kind == Kind.REPLACE and row.price_ticks == price and row.size_lots <= size and row.order_id == row.other_id:
        return [SlowEvent(index, CANCEL, row.side, price, size - row.size_lots)]
    if row.kind == Kind.REPLACE:
        old = SlowEvent(index, CANCEL, row.side, price, size)
        return [old, SlowEvent(index, ARRIVAL, row.side, row.price_ticks, row.size_lots)]
    return []


def slow_lots_time(rows: Sequence[Row], until_ns: int, distances: int) -> list[float]:
    """Lot-seconds that rested 1, 2, ... ticks from the opposite best price while the book had two sides that did not cross."""
    book = SlowBook()
    total = [0.0] * distances
    told = phases(rows)
    for index, row in enumerate(rows):
        book.apply(row)
        end_ns = rows[index + 1].ts_ns if index + 1 < len(rows) else until_ns
        bids, asks = book.levels(Side.BUY), book.levels(Side.SELL)
        if not bids or not asks or bids[0][0] >= asks[0][0] or told[index] != Phase.CONTINUOUS:
            continue
        for levels, best, away in ((bids, asks[0][0], 1), (asks, bids[0][0], -1)):
            for price, lots in levels:
                steps = (best - price) * away
                if 1 <= steps <= distances:
                    total[steps - 1] += lots * (end_ns - row.ts_ns) / 1e9
    return total
