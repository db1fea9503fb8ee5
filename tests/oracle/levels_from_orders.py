"""The level feed that the same venue would have sent: an order by order data set without its identities.

One packet per instant: first the trades, as prints, then each level that changed, at its last quantity.  A hidden execution is a print like any other.

Invariants: after each packet the levels add up to the orders that history knows; two rows of one packet never speak of one level.
Known limit: on messages cut to the best K levels, what enters the window unannounced is not there; only a recorded first row is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from lobsim.errors import ConfigError
from lobsim.feeds.schema import COLUMNS, Dataset
from lobsim.types import NONE, NONE_PRICE, Fidelity, Flag, Kind, Phase, Side

_ORDERS = (Fidelity.L3_FULL, Fidelity.L3_TOP_K)
_Level = tuple[int, int]
"""Side and price in quanta."""


class _Levels:
    """Quantity of every level, and who is known to hold how much of it."""

    def __init__(self, cut: bool) -> None:
        self.cut = cut
        self.orders: dict[int, tuple[_Level, int]] = {}
        self.totals: dict[_Level, int] = {}
        self.touched: dict[_Level, None] = {}
        self.traded: set[_Level] = set()

    def _change(self, level: _Level, lots: int) -> None:
        self.totals[level] = max(self.totals.get(level, 0) + lots, 0)
        self.touched[level] = None

    def show_again(self, level: _Level) -> None:
        """A print named the level: it is told whether it changed or not."""
        if level in self.totals:
            self.touched[level] = None
            self.traded.add(level)

    def add(self, order_id: int, level: _Level, lots: int) -> None:
        """An order joins; a live id is passed over."""
        if order_id and order_id in self.orders:
            return
        if order_id:
            self.orders[order_id] = (level, lots)
        self._change(level, lots)

    def take(self, order_id: int, level: _Level, lots: int, *, whole: bool = False) -> None:
        """Quantity leaves: of the order, at most what it has (whole: all of it); in a cut book, of the level whoever held it."""
        known = self.orders.get(order_id)
        if known is None:
            if self.cut:
                self._change(level, -lots)
            return
        level, rest = known
        taken = lots if self.cut else rest if whole else min(lots, rest)
        if whole or rest <= lots:
            del self.orders[order_id]
        else:
            self.orders[order_id] = (level, rest - lots)
        self._change(level, -taken)

    def replace(self, order_id: int, new_id: int, level: _Level, lots: int) -> None:
        """An order changes its price, size or id."""
        known = self.orders.get(order_id)
        if known is not None:
            del self.orders[order_id]
            self._change(known[0], -known[1])
        self.add(new_id, level, lots)

    def clear(self) -> None:
        """Nobody is there any more."""
        self.orders.clear()
        for level in self.totals:
            self._change(level, -self.totals[level])

    def seed(self, row: Sequence[int]) -> None:
        """The levels of a recorded book row."""
        for start in range(0, len(row), 4):
            for side, place in ((Side.SELL, start), (Side.BUY, start + 2)):
                price, lots = row[place], row[place + 1]
                if price != NONE_PRICE and lots:
                    level = (int(side), price)
                    self._change(level, lots - self.totals.get(level, 0))


class _Writer:
    """The rows of a level feed, column by column."""

    def __init__(self) -> None:
        self.columns: dict[str, list[int]] = {name: [] for name in ("ts", "kind", "side", "price", "size", "flags")}

    def write(self, ts_ns: int, kind: int, side: int, price: int, size: int, flags: int = 0) -> None:
        """One row."""
        for values, value in zip(self.columns.values(), (ts_ns, kind, side, price, size, flags), strict=True):
            values.append(value)

    def flush(self, ts_ns: int, levels: _Levels, shown: dict[_Level, int]) -> None:
        """End a packet: the levels that changed since they were last shown."""
        for level in levels.touched:
            lots = levels.totals[level]
            # What a print took and an order brought again is told: the reader of the feed takes prints off by itself.
            if shown.get(level, 0) != lots or level in levels.traded:
                shown[level] = lots
                self.write(ts_ns, Kind.LEVEL, *level, lots)
        levels.touched.clear()
        levels.traded.clear()
        if self.columns["ts"] and self.columns["ts"][-1] == ts_ns:
            self.columns["flags"][-1] |= Flag.LAST_IN_PACKET

    def table(self) -> pl.DataFrame:
        """The canonical table."""
        count = len(self.columns["ts"])
        nothing = np.zeros(count, np.int64)
        given = {"ts_exchange": self.columns["ts"], "ts_local": self.columns["ts"]} | self.columns
        given |= {"sequence": np.arange(count)}
        return pl.DataFrame(
            {name: pl.Series(given.get(name, nothing), dtype=pl.Int64).cast(kind) for name, kind in COLUMNS.items()}
        )


def levels_from_orders(dataset: Dataset) -> Dataset:
    """Delete the identities of an order by order data set.

    Returns a data set of fidelity L2_TRADES, all levels, one packet per instant.

    Raises ConfigError for a data set without orders, and for one that comes with a book row after every message (which says more than its messages).
    """
    if dataset.info.fidelity not in _ORDERS:
        raise ConfigError(
            f"{dataset.info.fidelity.name} data has no orders to take the identities from", where=dataset.info.source
        )
    if dataset.rows is not None:
        raise ConfigError(
            "levels cannot be made from messages that need a recorded book row after each",
            where=dataset.info.source,
            hint="give messages of many levels, with --seed-book",
        )
    table = _write_levels(dataset)
    info = replace(dataset.info, fidelity=Fidelity.L2_TRADES, depth=0)
    return Dataset(info, table)


def _write_levels(dataset: Dataset) -> pl.DataFrame:
    levels, writer, shown = _Levels(dataset.seed_row is not None), _Writer(), {}
    phase, instant = int(Phase.CONTINUOUS), None
    names = ("ts_exchange", "kind", "side", "price", "size", "order_id", "other_id", "flags")
    for row, (ts_ns, kind, side, price, size, order_id, other_id, flags) in enumerate(
        dataset.events.select(names).iter_rows()
    ):
        if instant is not None and (ts_ns != instant or kind == Kind.PHASE):
            writer.flush(instant, levels, shown)
        instant = ts_ns
        if kind == Kind.PHASE:
            phase = size
            writer.write(ts_ns, kind, NONE, 0, size, Flag.LAST_IN_PACKET)
        elif kind in (Kind.EXECUTE, Kind.EXECUTE_HIDDEN, Kind.PRINT):
            auction = Flag.AUCTION if phase != Phase.CONTINUOUS else flags & Flag.AUCTION
            writer.write(ts_ns, Kind.PRINT, side, price, size, auction)
            levels.show_again((side, price))
        _apply(levels, kind, (side, price), size, order_id, other_id)
        if row == 0 and dataset.seed_row is not None:
            levels.seed(dataset.seed_row.tolist())
    if instant is not None:
        writer.flush(instant, levels, shown)
    return writer.table()


def _apply(levels: _Levels, kind: int, level: _Level, size: int, order_id: int, other_id: int) -> None:
    """One row of the tape."""
    if kind == Kind.ADD:
        levels.add(order_id, level, size)
    elif kind in (Kind.REDUCE, Kind.EXECUTE, Kind.DELETE):
        levels.take(order_id, level, size, whole=kind == Kind.DELETE)
    elif kind == Kind.REPLACE:
        levels.replace(order_id, other_id, level, size)
    elif kind == Kind.CLEAR:
        levels.clear()
