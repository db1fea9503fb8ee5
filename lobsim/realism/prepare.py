"""A day made ready for statistics: its rows, the touch before and after each, its market orders, its order lives.

Everything comes from the event table and from one replay of it through the matching core, so that recorded and simulated days are prepared alike.

Invariants: "before" is the state before the first row of the instant; rows outside continuous trading and rows of a snapshot are kept, but not ``live``.
Known limit: some 250 bytes for each row of the day are held in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from lobsim.feeds.schema import Dataset, DatasetInfo
from lobsim.market import Market
from lobsim.realism.lives import Lives, order_lives
from lobsim.realism.market_orders import MarketOrders, market_orders
from lobsim.realism.record import BookRecord, record_market
from lobsim.sessions import scheduled_breaks_ns
from lobsim.types import Fidelity, Flag, Kind, Phase

SECOND_NS = 10**9
_NEAR_NS = 60 * SECOND_NS
VOLUME_LEVELS = 10
"""Levels a side that a volume of the book covers."""


class Touch(NamedTuple):
    """Best prices and their sizes, one entry per row; a side that is empty has size 0.

    bid_ticks, bid_lots, ask_ticks, ask_lots  int64 [rows]
    """

    bid_ticks: np.ndarray
    bid_lots: np.ndarray
    ask_ticks: np.ndarray
    ask_lots: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """bool [rows]: both sides are there, and not crossed or locked."""
        return (self.bid_lots > 0) & (self.ask_lots > 0) & (self.bid_ticks < self.ask_ticks)

    @property
    def mid(self) -> np.ndarray:
        """float [rows]: ticks, nan where it is not valid."""
        return np.where(self.valid, (self.bid_ticks + self.ask_ticks) / 2, np.nan)

    @property
    def spread(self) -> np.ndarray:
        """float [rows]: ticks, nan where it is not valid."""
        return np.where(self.valid, self.ask_ticks - self.bid_ticks, np.nan)

    @property
    def imbalance(self) -> np.ndarray:
        """float [rows]: (bid - ask) / (bid + ask) of the sizes, nan where it is not valid."""
        total = np.maximum(self.bid_lots + self.ask_lots, 1)
        return np.where(self.valid, (self.bid_lots - self.ask_lots) / total, np.nan)

    def at(self, index: np.ndarray) -> Touch:
        """The entries at some places; -1 is a book without orders."""
        return Touch(*(np.where(index < 0, 0, column[index]) for column in self))


@dataclass(frozen=True, eq=False)
class Day:
    """One day, ready for statistics; arrays have one entry per row unless they say otherwise.

    info         of the data set
    ts_ns        exchange time
    kind, side   lobsim.types
    size_lots    of the row
    order_ticks  price of the order that the row names, before it; of the row itself where it names none
    order_lots   what was left of that order before the row, -1 where it is not in the book
    index        levels that stood better than order_ticks before the row, -1 without a side
    after        the touch after the row
    instant      the first row of the same time
    live         bool: in continuous trading, not of a snapshot
    bid_volume, ask_volume  lots on the best VOLUME_LEVELS levels after the row
    orders       market orders
    lives        of the limit orders; None where no order has an identity
    hidden       rows of executions that nobody saw
    picture_ns   int64 [pictures]
    pictures     int64 [pictures, 2, levels, 2]: bids, then asks, best first: price in ticks, lots
    """

    info: DatasetInfo
    ts_ns: np.ndarray
    kind: np.ndarray
    side: np.ndarray
    price_ticks: np.ndarray
    size_lots: np.ndarray
    order_ticks: np.ndarray
    order_lots: np.ndarray
    index: np.ndarray
    after: Touch
    instant: np.ndarray
    live: np.ndarray
    continuous: np.ndarray
    bid_volume: np.ndarray
    ask_volume: np.ndarray
    orders: MarketOrders
    lives: Lives | None
    hidden: np.ndarray
    picture_ns: np.ndarray
    pictures: np.ndarray

    @property
    def by_orders(self) -> bool:
        """Whether single orders are told."""
        return self.info.fidelity in (Fidelity.L3_FULL, Fidelity.L3_TOP_K)

    @cached_property
    def start_ns(self) -> int:
        """Where the window begins: with the session if rows come within a minute of that, else with the first row."""
        first = int(self.ts_ns[0])
        return self.info.session_start_ns if 0 <= first - self.info.session_start_ns <= _NEAR_NS else first

    @cached_property
    def end_ns(self) -> int:
        """Where it ends, in the same way."""
        last = int(self.ts_ns[-1])
        return self.info.session_end_ns if 0 <= self.info.session_end_ns - last <= _NEAR_NS else last

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return (self.end_ns - self.start_ns) / SECOND_NS

    @cached_property
    def before(self) -> Touch:
        """The touch before the first row of each row's instant."""
        return self.after.at(self.instant - 1)

    @cached_property
    def dwell_ns(self) -> np.ndarray:
        """How long the book stood as it was after each row, breaks of the calendar left out; 0 where trading was not continuous or a side was missing."""
        dwell = np.append(np.diff(self.ts_ns), 0)
        for first, until in scheduled_breaks_ns(self.info):
            ends = self.ts_ns + dwell
            dwell = dwell - np.maximum(np.minimum(ends, until) - np.maximum(self.ts_ns, first), 0)
        return np.where(self.continuous & self.after.valid, dwell, 0)

    def rows(self, *kinds: Kind) -> np.ndarray:
        """int64 [any]: live rows of some kinds."""
        return np.flatnonzero(self.live & np.isin(self.kind, kinds))

    def row_at(self, times_ns: np.ndarray) -> np.ndarray:
        """The last row at or before each time, -1 before the first."""
        return np.searchsorted(self.ts_ns, times_ns, side="right") - 1

    def grid_ns(self, step_ns: int) -> np.ndarray:
        """Times every step_ns over the window, its start included."""
        return np.arange(self.start_ns, self.end_ns + 1, step_ns, dtype=np.int64)

    def mid_at(self, times_ns: np.ndarray) -> np.ndarray:
        """Mid in ticks at some times, nan where there is none, breaks of the calendar included; before the first whole book that book's."""
        row = self.row_at(times_ns)
        mid = np.where(self.continuous, self.after.mid, np.nan)
        whole = np.flatnonzero(np.isfinite(mid))
        first = int(whole[0]) if len(whole) else 0
        found = mid[np.maximum(row, first)]
        for start, until in scheduled_breaks_ns(self.info):
            found = np.where((times_ns >= start) & (times_ns < until), np.nan, found)
        return found


def prepare_day(dataset: Dataset, market: Market | None = None) -> Day:
    """Replay a data set once and lay out what the statistics need.

    market  of the same data set, where there is one already

    Raises DataError for what cannot be replayed.
    """
    market = market or Market(dataset)
    record = record_market(market, volume_levels=VOLUME_LEVELS)
    tape = market.tape
    flags = tape["flags"].astype(np.int64)
    kind = tape["kind"].astype(np.int64)
    size_lots = np.where(kind == Kind.PHASE, tape["size"], tape["size"] >> market.shift)
    after = Touch(record.bid_ticks, record.bid_lots, record.ask_ticks, record.ask_lots)
    instant = np.searchsorted(tape["ts_ns"], tape["ts_ns"], side="left")
    continuous = _continuous(kind, tape["size"])
    live = continuous & (flags & (Flag.SNAPSHOT | Flag.AUCTION) == 0)
    by_levels = market.by_levels
    traded = (kind == (Kind.PRINT if by_levels else Kind.EXECUTE)) & (tape["side"] >= 0) & live
    unseen = ((kind == Kind.EXECUTE_HIDDEN) | ((kind == Kind.PRINT) & ~traded)) & live
    orders = market_orders(tape, size_lots, np.flatnonzero(traded), after.at(instant - 1))
    return Day(
        info=dataset.info,
        ts_ns=tape["ts_ns"],
        kind=kind,
        side=tape["side"].astype(np.int64),
        price_ticks=tape["price_ticks"],
        size_lots=size_lots,
        order_ticks=record.order_ticks,
        order_lots=record.order_lots,
        index=record.index,
        after=after,
        instant=instant,
        live=live,
        continuous=continuous,
        bid_volume=record.bid_volume,
        ask_volume=record.ask_volume,
        orders=orders,
        lives=None if by_levels else order_lives(tape, size_lots, record, live),
        hidden=np.flatnonzero(unseen),
        picture_ns=record.picture_ns,
        pictures=record.pictures,
    )


def _continuous(kind: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Whether trading is continuous after each row; it is until a PHASE row says otherwise."""
    told = np.flatnonzero(kind == Kind.PHASE)
    last = np.searchsorted(told, np.arange(len(kind)), side="right") - 1
    if not len(told):
        return np.ones(len(kind), bool)
    return np.where(last < 0, int(Phase.CONTINUOUS), size[told[np.maximum(last, 0)]]) == Phase.CONTINUOUS


__all__ = ["SECOND_NS", "VOLUME_LEVELS", "BookRecord", "Day", "Touch", "prepare_day"]
