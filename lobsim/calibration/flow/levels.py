"""What stood at each price of a day after each row, and how long so much stood how far from the other side.

The series is built from the events alone.  Of a book that is cut to K levels it does not know what came into view silently (see `Recording.agreement`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lobsim.types import Kind, Side

if TYPE_CHECKING:
    from lobsim.realism.prepare import Day


class LevelSeries:
    """Lots at every price as changes add up.

    side, price_ticks, row, change  int64 [changes]; rows rise within a price
    rows                            how many rows the day has
    """

    def __init__(
        self, side: np.ndarray, price_ticks: np.ndarray, row: np.ndarray, change: np.ndarray, rows: int
    ) -> None:
        self.rows = rows
        code = _code(side, price_ticks)
        self.codes, place = np.unique(code, return_inverse=True)
        order = np.lexsort((np.arange(len(row)), row, place))
        self.place, self.row, change = place[order], row[order], change[order]
        self._keys = self.place * (rows + 2) + self.row + 1
        total = np.cumsum(change)
        begins = np.searchsorted(self.place, np.arange(len(self.codes)), side="left")
        base = np.concatenate([[0], total])[begins]
        self.size = np.maximum(total - base[self.place], 0) if len(total) else total

    def lots(self, side: np.ndarray, price_ticks: np.ndarray, row: np.ndarray) -> np.ndarray:
        """int64 [n]: lots at a price after a row (-1: before the first)."""
        if not len(self.codes):
            return np.zeros(len(row), np.int64)
        code = _code(side, price_ticks)
        found = np.minimum(np.searchsorted(self.codes, code), len(self.codes) - 1)
        at = np.searchsorted(self._keys, found * (self.rows + 2) + row + 1, side="right") - 1
        known = (self.codes[found] == code) & (at >= 0)
        known[known] &= self.place[at[known]] == found[known]
        return np.where(known, self.size[np.maximum(at, 0)], 0)

    def spans(self, side: int, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Price, first row, row after the last, and lots of every stretch in which a level of a side did not change.

        edges  int64 [any]: rows at which stretches are cut, so that none lies in two parts of the day
        """
        mine = np.flatnonzero(self.codes % 2 == side)
        chosen = np.isin(self.place, mine)
        place = np.concatenate([self.place[chosen], np.repeat(mine, len(edges))])
        row = np.concatenate([self.row[chosen], np.tile(edges, len(mine))])
        price = self.codes[place] // 2
        size = self.lots(np.full(len(row), side), price, row)
        order = np.lexsort((row, place))
        place, row, price, size = place[order], row[order], price[order], size[order]
        until = np.append(row[1:], self.rows)
        last = np.append(place[1:] != place[:-1], True)
        until = np.where(last, self.rows, until)
        kept = (size > 0) & (until > row)
        return price[kept], row[kept], until[kept], size[kept]


def _code(side: np.ndarray, price_ticks: np.ndarray) -> np.ndarray:
    return 2 * np.asarray(price_ticks, np.int64) + np.asarray(side, np.int64)


def level_series(day: Day, moved: np.ndarray, off: np.ndarray, seed: np.ndarray | None) -> LevelSeries:
    """The series of a day.

    moved  bool [rows]: replacements that begin a new order
    off    int64 [rows]: what each row takes off the order that it names (`events.lots_gone`)
    seed   int64 [4 K]: ask price in ticks, size, bid price, size of each level after row 0, where the feed gives one
    """
    kind, side = day.kind, day.side
    if day.by_orders:
        on = np.where((kind == Kind.ADD) | moved, day.size_lots, 0)
        gone, come = np.flatnonzero((off != 0) & (side >= 0)), np.flatnonzero((on != 0) & (side >= 0))
        parts = [
            (side[gone], day.order_ticks[gone], gone, -off[gone]),
            (side[come], day.price_ticks[come], come, on[come]),
        ]
    else:
        told = np.flatnonzero((kind == Kind.LEVEL) & (side >= 0))
        parts = [(side[told], day.price_ticks[told], told, _steps(side[told], day.price_ticks[told], day, told))]
    if seed is not None:
        parts = [tuple(column[part[2] > 0] for column in part) for part in parts]
        parts.insert(0, _seed_part(seed))
    for clear in np.flatnonzero(kind == Kind.CLEAR).tolist():
        parts = _cleared(parts, clear, len(kind))
    columns = [np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)]
    return LevelSeries(*columns, rows=len(kind))


def _steps(side: np.ndarray, price_ticks: np.ndarray, day: Day, rows: np.ndarray) -> np.ndarray:
    """By how much each level row changed its level; after a CLEAR a level begins at 0."""
    clears = np.searchsorted(np.flatnonzero(day.kind == Kind.CLEAR), rows)
    order = np.lexsort((rows, clears, price_ticks, side))
    keys = np.stack([side[order], price_ticks[order], clears[order]])
    same = np.append(False, (np.diff(keys, axis=1) == 0).all(axis=0))
    size = day.size_lots[rows][order]
    steps = np.empty(len(rows), np.int64)
    steps[order] = size - np.where(same, np.append(0, size[:-1])[: len(size)], 0)
    return steps


def _seed_part(seed: np.ndarray) -> tuple[np.ndarray, ...]:
    """The seed as changes of row 0."""
    levels = seed.reshape(-1, 4)
    price = np.concatenate([levels[:, 0], levels[:, 2]])
    size = np.concatenate([levels[:, 1], levels[:, 3]])
    side = np.repeat([int(Side.SELL), int(Side.BUY)], len(levels))
    there = size > 0
    return side[there], price[there], np.zeros(int(there.sum()), np.int64), size[there]


def _cleared(parts: list[tuple[np.ndarray, ...]], clear: int, rows: int) -> list[tuple[np.ndarray, ...]]:
    """The changes, with one more for each level that a CLEAR empties."""
    columns = [np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)]
    before = columns[2] < clear
    series = LevelSeries(*(column[before] for column in columns), rows=rows)
    side, price = series.codes % 2, series.codes // 2
    size = series.lots(side, price, np.full(len(side), clear))
    there = size > 0
    return [*parts, (side[there], price[there], np.full(int(there.sum()), clear), -size[there])]
