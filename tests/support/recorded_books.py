"""Plain books that follow canonical rows, slow and obvious, to hold readers against what the venue says itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl

from lobsim.types import NONE_PRICE, Flag, Kind, Side


class LevelBook:
    """Price -> size of each side, in the units of the rows."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, int]] = {int(Side.BUY): {}, int(Side.SELL): {}}

    def apply(self, kind: int, side: int, price: int, size: int) -> None:
        """Follow one row; prints leave the book alone."""
        if kind == Kind.CLEAR:
            for levels in self.sides.values():
                levels.clear()
        elif kind == Kind.LEVEL and size:
            self.sides[side][price] = size
        elif kind == Kind.LEVEL:
            self.sides[side].pop(price, None)

    def best(self) -> tuple[int, int, int, int] | None:
        """Bid, bid size, ask, ask size; None while a side is empty."""
        bids, asks = self.sides[Side.BUY], self.sides[Side.SELL]
        if not bids or not asks:
            return None
        bid, ask = max(bids), min(asks)
        return bid, bids[bid], ask, asks[ask]

    def depth(self) -> tuple[int, int]:
        """Number of bid and of ask levels."""
        return len(self.sides[Side.BUY]), len(self.sides[Side.SELL])


def after_level_packets(events: pl.DataFrame) -> Iterator[tuple[int, LevelBook]]:
    """Time of the last row and the book after each packet that holds levels (the same book, moved on)."""
    book = LevelBook()
    columns = ("ts_exchange", "kind", "side", "price", "size", "flags")
    has_level = False
    for time_ns, kind, side, price, size, flags in events.select(columns).iter_rows():
        book.apply(kind, side, price, size)
        has_level |= kind == Kind.LEVEL
        if flags & Flag.LAST_IN_PACKET:
            if has_level:
                yield time_ns, book
            has_level = False


def levels_after(events: pl.DataFrame) -> dict[tuple[int, int], int]:
    """(side, price) -> size after all rows."""
    book = LevelBook()
    for row in events.select("kind", "side", "price", "size").iter_rows():
        book.apply(*row)
    return {(side, price): size for side, levels in book.sides.items() for price, size in levels.items()}


ORDER_COLUMNS = ("kind", "side", "price", "size", "order_id", "other_id")


class OrderBook:
    """Orders by id, and size and number of orders at each price of each side; ``faults`` counts rows that do not fit."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}
        self.sides: dict[int, dict[int, list[int]]] = {int(Side.BUY): {}, int(Side.SELL): {}}
        self.faults: Counter[str] = Counter()

    def apply(self, kind: int, side: int, price: int, size: int, order_id: int, other_id: int) -> None:
        """Follow one row."""
        there = self.orders.get(order_id)
        if kind == Kind.CLEAR:
            self.orders.clear()
            for levels in self.sides.values():
                levels.clear()
        elif kind == Kind.ADD:
            self._join(order_id, side, price, size)
        elif kind in (Kind.REDUCE, Kind.EXECUTE):
            self._take(order_id, side, size)
        elif kind in (Kind.DELETE, Kind.REPLACE):
            if kind == Kind.DELETE and there is not None and there != (side, price, size):
                self.faults["deleted as another"] += 1
            self._take(order_id, side, there[2] if there else 0)
            if kind == Kind.REPLACE:
                self._join(other_id, side, price, size)

    def after_each(self, events: pl.DataFrame) -> Iterator[dict[str, Any]]:
        """Apply rows one by one, each of which must fit; yields each after it has happened."""
        for row in events.iter_rows(named=True):
            self.apply(*(row[name] for name in ORDER_COLUMNS))
            assert not self.faults, row
            yield row

    def best(self, side: int) -> tuple[int, int]:
        """Best price and the size there; NONE_PRICE and 0 where a side is empty."""
        top = self.top(side, 1)
        return top[0][:2] if top else (NONE_PRICE, 0)

    def top(self, side: int, count: int) -> list[tuple[int, int, int]]:
        """Price, size and number of orders of the best levels, best first."""
        levels = self.sides[side]
        if count == 1 and levels:
            prices = [max(levels) if side == Side.BUY else min(levels)]
        else:
            prices = sorted(levels, reverse=side == Side.BUY)[:count]
        return [(price, levels[price][0], levels[price][1]) for price in prices]

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask."""
        bid, ask = self.best(Side.BUY), self.best(Side.SELL)
        return bool(bid[1]) and bool(ask[1]) and bid[0] >= ask[0]

    def _join(self, order_id: int, side: int, price: int, size: int) -> None:
        if order_id in self.orders or size < 1:
            self.faults["added twice, or nothing"] += 1
            return
        self.orders[order_id] = (side, price, size)
        level = self.sides[side].setdefault(price, [0, 0])
        level[0] += size
        level[1] += 1

    def _take(self, order_id: int, side: int, size: int) -> None:
        if order_id not in self.orders:
            self.faults["unknown"] += 1
            return
        own_side, price, rest = self.orders[order_id]
        if own_side != side or size > rest:
            self.faults["wrong side or too much"] += 1
        level = self.sides[own_side][price]
        level[0] -= size
        self.orders[order_id] = (own_side, price, rest - size)
        if size >= rest:
            del self.orders[order_id]
            level[1] -= 1
        if not level[0]:
            del self.sides[own_side][price]
