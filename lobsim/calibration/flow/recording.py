"""A recorded day cleaned for a fit: its continuous trading without the first and the last part, its events, its time.

Rates are events over time, and both are only counted while trading was continuous and the book had two sides that did not cross; what was left out is counted too.
Everything is summed over blocks of some minutes, so that whole blocks can be drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from lobsim.calibration.flow.events import FlowEvents, events_of_day, lots_gone, moved_orders
from lobsim.calibration.flow.levels import LevelSeries, level_series
from lobsim.errors import DataError
from lobsim.feeds.schema import Dataset
from lobsim.market import Market
from lobsim.realism.intervals import block_count, block_of
from lobsim.realism.prepare import SECOND_NS, Day, Touch, prepare_day
from lobsim.types import Fidelity, Flag, Kind, Side

DROPPED_NS = 15 * 60 * SECOND_NS
"""What is left out at either end of a day for models whose rates do not change along it."""
_DROPPED_SHARE = 8
"""At most one part in so many of a short recording."""
_FEWEST_TAKES = 10


class Window(NamedTuple):
    """Which part of a day is used, ns UTC."""

    start_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_ns - self.start_ns) / SECOND_NS


@dataclass(frozen=True, eq=False)
class Recording:
    """One day, ready for a fit.

    day       as the statistics of realism have it
    digest    of the data set
    window    what is used
    levels    what stood at each price
    events    of the window, with two sides in the book before each
    left_out  what is not used, in words -> how many
    moved     bool [rows]: a replacement that begins a new order
    """

    day: Day
    digest: str
    window: Window
    levels: LevelSeries
    events: FlowEvents
    left_out: dict[str, int]
    moved: np.ndarray

    @property
    def blocks(self) -> int:
        """Into how many parts the window is cut."""
        return block_count(self.window.seconds)

    def block(self, ts_ns: np.ndarray) -> np.ndarray:
        """int64 [n]: the part that each time lies in."""
        return block_of(ts_ns, self.window.start_ns, self.window.end_ns, self.blocks)

    @cached_property
    def usable_ns(self) -> np.ndarray:
        """int64 [rows]: how long the book stood after each row, within the window, with two sides, in continuous trading."""
        day = self.day
        start = np.maximum(day.ts_ns, self.window.start_ns)
        end = np.minimum(day.ts_ns + day.dwell_ns, self.window.end_ns)
        return np.maximum(end - start, 0)

    @cached_property
    def row_block(self) -> np.ndarray:
        """int64 [rows]: the block of each row."""
        return self.block(self.day.ts_ns)

    @cached_property
    def seconds(self) -> np.ndarray:
        """float [blocks]: usable seconds."""
        return self.sum_time(np.ones(len(self.usable_ns), bool))

    @cached_property
    def before(self) -> Touch:
        """The touch before the instant of each event."""
        return self.day.before.at(self.events.row)

    @property
    def event_block(self) -> np.ndarray:
        """int64 [events]."""
        return self.row_block[self.events.row]

    @cached_property
    def distance(self) -> np.ndarray:
        """int64 [events]: ticks from the opposite best price before it, 1 for the nearest that does not trade."""
        opposite = np.where(self.events.side == Side.BUY, self.before.ask_ticks, self.before.bid_ticks)
        away = opposite - self.events.price_ticks
        return np.where(self.events.side == Side.BUY, away, -away)

    def sum_time(self, chosen: np.ndarray, weights: np.ndarray | float = 1.0) -> np.ndarray:
        """float [blocks]: seconds for which something held.  chosen: bool [rows]"""
        return np.bincount(self.row_block, chosen * weights * (self.usable_ns / SECOND_NS), self.blocks)

    def count(self, chosen: np.ndarray, weights: np.ndarray | float = 1.0) -> np.ndarray:
        """float [blocks]: how many events.  chosen: bool [events]"""
        return np.bincount(self.event_block, chosen * weights, self.blocks)

    @cached_property
    def agreement(self) -> float:
        """Share of the time for which the best sizes that the events add up to are those of the replayed book."""
        after = self.day.after
        rows = np.flatnonzero(self.usable_ns > 0)
        good = np.ones(len(rows), bool)
        for side, price, lots in (
            (0, after.bid_ticks, after.bid_lots),
            (1, after.ask_ticks, after.ask_lots),
        ):
            good &= self.levels.lots(np.full(len(rows), side), price[rows], rows) == lots[rows]
        time = self.usable_ns[rows]
        return float((good * time).sum() / max(time.sum(), 1))


def window_of(day: Day, drop_ns: int) -> Window:
    """The day without its ends; of a short recording less is dropped, an eighth at most."""
    drop_ns = min(drop_ns, (day.end_ns - day.start_ns) // _DROPPED_SHARE)
    return Window(day.start_ns + drop_ns, day.end_ns - drop_ns)


def recording_of(dataset: Dataset, *, drop_ns: int = DROPPED_NS) -> Recording:
    """Prepare a data set for a fit.

    drop_ns  left out at either end

    Raises DataError for data from which orders cannot be told: snapshots, the touch alone, levels without trades; and for a day with hardly a market order.
    """
    info = dataset.info
    if info.fidelity in (Fidelity.L2_SNAPSHOTS, Fidelity.L1):
        what = f"{info.fidelity.name} data do not tell orders, cancels and market orders apart"
        raise DataError(what, file=info.source, hint="orders (L3), or levels with trades (L2), are needed")
    market = Market(dataset)
    day = prepare_day(dataset, market)
    if day.orders.number < _FEWEST_TAKES:
        what = f"there are {day.orders.number} market orders in it, a flow cannot be told from so few"
        raise DataError(what, file=info.source, hint="take a longer recording, one with trades")
    window = window_of(day, drop_ns)
    moved = moved_orders(day, market.tape)
    seed = market.rows[0] if len(market.rows) and market.rows.shape[1] else None
    levels = level_series(day, moved, lots_gone(day, moved), seed)
    every = events_of_day(day, market.tape, levels)
    inside = (day.ts_ns[every.row] >= window.start_ns) & (day.ts_ns[every.row] <= window.end_ns)
    valid = day.before.valid[every.row]
    unseen = np.flatnonzero((day.ts_ns[day.hidden] >= window.start_ns) & (day.ts_ns[day.hidden] <= window.end_ns))
    auction = np.isin(day.kind, (Kind.ADD, Kind.DELETE, Kind.REDUCE, Kind.EXECUTE, Kind.REPLACE)) & ~day.live
    snapshot = market.tape["flags"] & int(Flag.SNAPSHOT) != 0
    left_out = {
        "events of the dropped ends": int((~inside).sum()),
        "hidden executions": len(unseen),
        "rows outside continuous trading": int((auction & ~snapshot).sum()),
        "events without two sides before": int((inside & ~valid).sum()),
    }
    return Recording(day, dataset.digest, window, levels, every.only(inside & valid), left_out, moved)


def lots_time(recording: Recording, distances: int) -> np.ndarray:
    """float [blocks, distances]: lot-seconds that rested 1, 2, ... ticks from the opposite best price, both sides together.

    Of every stretch in which a level did not change, the time is taken for which the opposite best stood at each distance.
    """
    day = recording.day
    usable = recording.usable_ns
    edges = np.flatnonzero(np.append(True, np.diff(recording.row_block) != 0))
    found = np.zeros((recording.blocks, distances))
    for side, opposite in ((Side.BUY, day.after.ask_ticks), (Side.SELL, day.after.bid_ticks)):
        clock = _PriceClock(opposite, usable)
        price, first, until, size = recording.levels.spans(int(side), edges)
        away = 1 if side == Side.BUY else -1
        for i in range(1, distances + 1):
            stood = clock.reached(price + away * i, until) - clock.reached(price + away * i, first)
            found[:, i - 1] += np.bincount(recording.row_block[first], size * (stood / SECOND_NS), recording.blocks)
    return found


class _PriceClock:
    """How long a best price had been at each value before a row began."""

    def __init__(self, price_ticks: np.ndarray, usable_ns: np.ndarray) -> None:
        rows = np.flatnonzero(usable_ns > 0)
        self._count = len(price_ticks) + 1
        self._prices, place = np.unique(price_ticks[rows], return_inverse=True)
        order = np.lexsort((rows, place))
        self._keys = place[order] * self._count + rows[order]
        self._total = np.concatenate([[0], np.cumsum(usable_ns[rows][order])])
        self._base = self._total[np.searchsorted(place[order], np.arange(len(self._prices)))]

    def reached(self, price_ticks: np.ndarray, row: np.ndarray) -> np.ndarray:
        """int64 [n]: nanoseconds at a price before a row."""
        found = np.minimum(np.searchsorted(self._prices, price_ticks), len(self._prices) - 1)
        at = np.searchsorted(self._keys, found * self._count + row, side="left")
        known = self._prices[found] == price_ticks
        return np.where(known, self._total[at] - self._base[found], 0)
