"""What a fact's estimator gets and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from lobsim.realism.intervals import Interval, Resampler, Statistic, block_count, block_of, block_sums
from lobsim.realism.prepare import Day

FEWEST_ORDERS = 100
"""Market orders below which nothing is said about them."""

METAORDERS = {"start_ns": pl.Int64, "end_ns": pl.Int64, "side": pl.Int8, "size_lots": pl.Int64}
"""Columns of a table of metaorders: when each began and ended, lobsim.types.Side, what it traded in all."""


class NotMeasurable(Exception):
    """This day cannot tell; the text goes on after "not measurable, because"."""


@dataclass
class Measured:
    """Values of a fact by name, their intervals where there are any, and what a reader should know."""

    values: dict[str, float]
    intervals: dict[str, Interval] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Context:
    """A day, and what statistics of it share.

    seed        of the drawing of blocks
    metaorders  METAORDERS; None where nobody knows whose an order is
    """

    day: Day
    seed: int = 0
    metaorders: pl.DataFrame | None = None

    @cached_property
    def resampler(self) -> Resampler:
        """Draws of the day's blocks."""
        return Resampler(block_count(self.day.seconds), seed=self.seed)

    def block(self, ts_ns: np.ndarray) -> np.ndarray:
        """The block of each time."""
        return block_of(ts_ns, self.day.start_ns, self.day.end_ns, self.resampler.blocks)

    def measure(
        self,
        names: Sequence[str],
        ts_ns: np.ndarray,
        columns: Sequence[np.ndarray],
        statistic: Statistic,
        note: str = "",
    ) -> Measured:
        """Named values of a statistic of sums.

        ts_ns    int64 [n]: when each entry of a column was
        columns  float [n] each: what is summed
        """
        return self.measure_sums(names, block_sums(self.block(ts_ns), self.resampler.blocks, columns), statistic, note)

    def measure_sums(self, names: Sequence[str], sums: np.ndarray, statistic: Statistic, note: str = "") -> Measured:
        """The same of sums that are there already, float [blocks, sums]."""
        values, intervals = self.resampler.of_sums(sums, statistic)
        known = {name: found for name, found in zip(names, intervals, strict=True) if found is not None}
        return Measured(dict(zip(names, map(float, values), strict=True)), known, note)

    def need_orders(self) -> None:
        """Refuse data that tell levels only."""
        if not self.day.by_orders:
            raise NotMeasurable("the day tells levels, not orders")

    def need_depth(self, levels: int, what: str) -> None:
        """Refuse books cut above so many levels."""
        if 0 < self.day.info.depth < levels:
            count = self.day.info.depth
            raise NotMeasurable(f"the book is cut to {count} level{'s' * (count > 1)}, and {what} lies beyond")

    def need_market_orders(self, count: int = FEWEST_ORDERS) -> None:
        """Refuse days with hardly a market order."""
        found = self.day.orders.number
        if found < count:
            raise NotMeasurable(f"there are {found} market orders, {count} are needed")

    def cut_note(self) -> str:
        """What to know about a cut book, or nothing."""
        depth = self.day.info.depth
        return (
            f"book cut to {depth} level{'s' * (depth > 1)}: what lies beyond is not seen"
            if depth and self.day.by_orders
            else ""
        )


def rolled(day: Day, step_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """Times of a grid, and log returns of the mid from each to the next; nan where a mid is missing or not above 0.

    int64 [n], float [n]
    """
    grid = day.grid_ns(step_ns)
    mid = day.mid_at(grid)
    logs = np.log(mid, where=mid > 0, out=np.full(len(mid), np.nan))
    return grid[:-1], np.diff(logs)
