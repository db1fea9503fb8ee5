"""A plain book of single orders that follows canonical rows, slow and obvious, to hold readers of order feeds against the truth."""

from __future__ import annotations

from collections import Counter

from lobsim.types import NONE_PRICE, Kind, Side

ORDER_COLUMNS = ("kind", "side", "price", "size", "order_id", "other_id")


class OrderBook:
    """Orders by id, and the size at each price of each side; ``faults`` counts rows that do not fit."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}
        self.sides: dict[int, dict[int, int]] = {int(Side.BUY): {}, int(Side.SELL): {}}
        self.faults: Counter[str] = Counter()
        self.wrong_deletions = 0

    def apply(self, kind: int, side: int, price: int, size: int, order_id: int, other_id: int) -> None:
        """Follow one row."""
        if kind == Kind.CLEAR:
            self.orders.clear()
            for levels in self.sides.values():
                levels.clear()
        elif kind == Kind.ADD:
            self._add(order_id, side, price, size)
        elif kind in (Kind.REDUCE, Kind.EXECUTE):
            self._take(order_id, side, size)
        elif kind in (Kind.DELETE, Kind.REPLACE):
            there = self.orders.get(order_id)
            if there is not None and kind == Kind.DELETE:
                self.wrong_deletions += there != [side, price, size]
            self._take(order_id, side, there[2] if there else 0)
            if kind == Kind.REPLACE:
                self._add(other_id, side, price, size)

    def best(self, side: int) -> tuple[int, int]:
        """Best price and the size there; NONE_PRICE and 0 where a side is empty."""
        levels = self.sides[side]
        if not levels:
            return NONE_PRICE, 0
        price = max(levels) if side == Side.BUY else min(levels)
        return price, levels[price]

    def top(self, side: int, count: int) -> list[tuple[int, int]]:
        """The best levels of a side, best first."""
        return sorted(self.sides[side].items(), reverse=side == Side.BUY)[:count]

    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask."""
        bid, ask = self.best(Side.BUY), self.best(Side.SELL)
        return bool(bid[1]) and bool(ask[1]) and bid[0] >= ask[0]

    def _add(self, order_id: int, side: int, price: int, size: int) -> None:
        if order_id in self.orders:
            self.faults["added twice"] += 1
            return
        self.orders[order_id] = [side, price, size]
        self.sides[side][price] = self.sides[side].get(price, 0) + size

    def _take(self, order_id: int, side: int, size: int) -> None:
        there = self.orders.get(order_id)
        if there is None:
            self.faults["unknown"] += 1
            return
        if there[0] != side or there[2] < size:
            self.faults["wrong side or too much"] += 1
        there[2] -= size
        levels = self.sides[there[0]]
        levels[there[1]] -= size
        if not levels[there[1]]:
            del levels[there[1]]
        if there[2] <= 0:
            del self.orders[order_id]
