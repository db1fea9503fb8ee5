"""A slow, plain book of orders, rebuilt from canonical rows: what a reader's rows must add up to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from lobsim.types import Kind, Side

Level = tuple[int, int, int]
"""Price, quantity, number of orders."""


class RecordedOrders:
    """Orders by id, and quantity and number of orders by side and price.  A row about an order that is not there is an error."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}
        self.levels: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})

    def apply(self, row: dict[str, Any]) -> None:
        """Let one row happen."""
        kind = row["kind"]
        if kind == Kind.ADD:
            self._join(row["order_id"], row["side"], row["price"], row["size"])
        elif kind in (Kind.REDUCE, Kind.EXECUTE):
            self._take(row, row["size"])
        elif kind == Kind.DELETE:
            assert row["size"] == self.orders[row["order_id"]][2], row
            self._take(row, row["size"])
        elif kind == Kind.REPLACE:
            old = self.orders[row["order_id"]]
            assert row["side"] == old[0], row
            self._leave(row["order_id"])
            self._join(row["other_id"], row["side"], row["price"], row["size"])
        elif kind == Kind.CLEAR:
            self.__init__()

    def after_each(self, events: pl.DataFrame) -> Iterator[dict[str, Any]]:
        """Apply rows one by one; yields each after it has happened."""
        for row in events.iter_rows(named=True):
            self.apply(row)
            yield row

    def top(self, side: int, depth: int) -> list[Level]:
        """The best levels of a side."""
        prices = sorted(self.levels[side], reverse=side == Side.BUY)[:depth]
        return [(price, *self.levels[side][price]) for price in prices]

    @property
    def crossed(self) -> bool:
        """Whether the best bid reaches the best ask."""
        bid, ask = self.top(Side.BUY, 1), self.top(Side.SELL, 1)
        return bool(bid and ask and bid[0][0] >= ask[0][0])

    def _join(self, order_id: int, side: int, price: int, size: int) -> None:
        assert order_id not in self.orders, order_id
        assert size > 0
        self.orders[order_id] = (side, price, size)
        level = self.levels[side].setdefault(price, [0, 0])
        level[0] += size
        level[1] += 1

    def _take(self, row: dict[str, Any], size: int) -> None:
        side, price, rest = self.orders[row["order_id"]]
        assert row["side"] == side, row
        assert size <= rest, row
        self._leave(row["order_id"])
        if size < rest:
            self._join(row["order_id"], side, price, rest - size)

    def _leave(self, order_id: int) -> None:
        side, price, size = self.orders.pop(order_id)
        level = self.levels[side][price]
        level[0] -= size
        level[1] -= 1
        if level[1] == 0:
            assert level[0] == 0
            del self.levels[side][price]
