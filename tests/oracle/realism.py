"""Slow twins of what a realism report prepares of a day: the book around every row, market orders, order lives.

Written from the docstrings of lobsim.core.book_record, lobsim.realism.market_orders and lobsim.realism.lives; plain dictionaries, one row after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lobsim.types import NEVER, Flag, Kind, Phase, Side
from tests.oracle import Row


class Around(NamedTuple):
    """The book around one row; the fields of AROUND."""

    bid_ticks: int
    bid: int
    ask_ticks: int
    ask: int
    bid_volume: int
    ask_volume: int
    order_ticks: int
    order: int
    index: int


class SlowBook:
    """Orders by id: side, price, size."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}

    def levels(self, side: int) -> list[tuple[int, int]]:
        """Price and size of every level of a side, best first."""
        sizes: dict[int, int] = {}
        for own_side, price, size in self.orders.values():
            if own_side == side:
                sizes[price] = sizes.get(price, 0) + size
        return sorted(sizes.items(), reverse=side == Side.BUY)

    def apply(self, row: Row) -> None:
        """One recorded row."""
        if row.kind == Kind.ADD and row.order_id not in self.orders:
            self.orders[row.order_id] = (row.side, row.price_ticks, row.size_lots)
        elif row.kind in (Kind.REDUCE, Kind.EXECUTE) and row.order_id in self.orders:
            side, price, size = self.orders[row.order_id]
            self.orders[row.order_id] = (side, price, size - row.size_lots)
            if size <= row.size_lots:
                del self.orders[row.order_id]
        elif row.kind == Kind.DELETE:
            self.orders.pop(row.order_id, None)
        elif row.kind == Kind.REPLACE and row.order_id in self.orders:
            side = self.orders.pop(row.order_id)[0]
            self.orders[row.other_id] = (side, row.price_ticks, row.size_lots)
        elif row.kind == Kind.CLEAR:
            self.orders.clear()

    def around(self, row: Row, levels: int) -> Around:
        """Apply a row and say what the book was around it."""
        known = self.orders.get(row.order_id)
        price = row.price_ticks if known is None else known[1]
        better = [at for at, _ in self.levels(row.side) if (at > price if row.side == Side.BUY else at < price)]
        before = (price, -1 if known is None else known[2], len(better) if row.side >= 0 else -1)
        self.apply(row)
        bids, asks = self.levels(Side.BUY), self.levels(Side.SELL)
        volumes = (sum(size for _, size in side[:levels]) for side in (bids, asks))
        return Around(*(bids or [(0, 0)])[0], *(asks or [(0, 0)])[0], *volumes, *before)


class SlowOrder(NamedTuple):
    """A market order: index of its first execution, sign, size, prices touched, executions."""

    row: int
    sign: int
    size: int
    prices: int
    executions: int


def slow_market_orders(rows: Sequence[Row]) -> list[SlowOrder]:
    """Executions of one instant, side and match id, taken together; other rows may lie between them."""
    groups: list[list[int]] = []
    for index, row in enumerate(rows):
        if row.kind != Kind.EXECUTE or row.flags & Flag.AUCTION:
            continue
        last = rows[groups[-1][-1]] if groups else None
        if last is not None and (last.ts_ns, last.side, last.match_id) == (row.ts_ns, row.side, row.match_id):
            groups[-1].append(index)
        else:
            groups.append([index])
    return [
        SlowOrder(
            group[0],
            1 if rows[group[0]].side == Side.SELL else -1,
            sum(rows[index].size_lots for index in group),
            len({rows[index].price_ticks for index in group}),
            len(group),
        )
        for group in groups
    ]


class SlowLife(NamedTuple):
    """A limit order: index of its arrival, time of its end, whether that was a cancellation, times of first fill and first cancellation."""

    row: int
    end_ns: int
    cancelled: int
    first_fill_ns: int
    first_cancel_ns: int


def slow_lives(rows: Sequence[Row]) -> list[SlowLife]:
    """What became of every order that joined in continuous trading, by following one after the other."""
    book = SlowBook()
    phase = int(Phase.CONTINUOUS)
    open_lives: dict[int, dict[str, int]] = {}
    found: list[dict[str, int]] = []
    for index, row in enumerate(rows):
        phase = row.size_lots if row.kind == Kind.PHASE else phase
        known = book.orders.get(row.order_id)
        life = open_lives.get(row.order_id)
        begins = row.order_id if row.kind == Kind.ADD else 0
        if life is not None and row.kind in (Kind.REDUCE, Kind.DELETE, Kind.EXECUTE, Kind.REPLACE):
            what = "first_fill_ns" if row.kind == Kind.EXECUTE else "first_cancel_ns"
            life[what] = min(life[what], row.ts_ns)
        if row.kind == Kind.REPLACE:
            same_id = row.order_id == row.other_id
            smaller = known is not None and same_id and row.price_ticks == known[1] and row.size_lots <= known[2]
            if not smaller:
                begins = row.other_id
                if life is not None:
                    life |= {"end_ns": row.ts_ns, "cancelled": 1}
                    del open_lives[row.order_id]
        emptied = row.kind == Kind.EXECUTE and known is not None and row.size_lots >= known[2]
        if life is not None and (row.kind == Kind.DELETE or emptied):
            life |= {"end_ns": row.ts_ns, "cancelled": int(not emptied)}
            del open_lives[row.order_id]
        if begins:
            open_lives[begins] = {
                "row": index,
                "end_ns": NEVER,
                "cancelled": 0,
                "first_fill_ns": NEVER,
                "first_cancel_ns": NEVER,
            }
            if not row.flags & Flag.SNAPSHOT and phase == Phase.CONTINUOUS:
                found.append(open_lives[begins])
        book.apply(row)
    return [SlowLife(**life) for life in found]
