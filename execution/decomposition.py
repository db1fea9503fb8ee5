"""Implementation shortfall taken apart: what an order cost against the price at its decision, and why.

Perold's shortfall compares the order as it went with a paper trade of its whole size X at the decision price:

    shortfall = e [sum q_j p_j - X_e P_d] + e (X - X_e) (R - P_d) + fees          money, positive = bad

===========  ====================================================================================
symbol       meaning
===========  ====================================================================================
e            +1 for a buy, -1 for a sell
X, X_e       size of the order; what was filled of it
p_j, q_j     price and size of fill j
P_d          mid at the decision
P_0          mid at arrival: the first instant the algorithm could act at the venue
P_T          mid at the end of the order's time
R            price at which what was left undone is marked (`RemainderRule`)
m_j          mid of the market the fill happened in, just before it: own earlier trades have moved it
m0_j         mid at that instant in the market without us: recorded history, or the run with no trading
===========  ====================================================================================

Two conventions split the same total (`split_shortfall`, `split_textbook`); they differ only in whether delay is
charged on the whole order or on what was filled.

For contracts, prices stand for what a unit is worth at them (`ParentFacts.worth`): price x multiplier, and of inverse contracts -multiplier / price coins.

Invariants: numbers only, no tables (`execution.tca` reads those); each split adds up to `shortfall_money` but for
float rounding; an unknown price is NaN here and becomes None in reports.

Known limit: marking the remainder at the far touch ignores that a large remainder would trade deeper than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lobsim.errors import ConfigError
from lobsim.types import Side

Floats = NDArray[np.float64]

MARKOUTS: Mapping[str, int] = {
    "100ms": 100_000_000,
    "1s": 1_000_000_000,
    "10s": 10_000_000_000,
    "60s": 60_000_000_000,
    "300s": 300_000_000_000,
}
"""Horizons of mark-outs and realised spreads: name -> ns."""


class RemainderRule(IntEnum):
    """At what price R an unfilled remainder is marked."""

    CROSS = 0  # the far touch at the end (a buy: the ask), as if crossed then; the mid P_T where that side was empty
    MID = 1  # the mid at the end, P_T: the textbook's


@dataclass(frozen=True, kw_only=True)
class ParentFacts:
    """What transaction cost analysis has to know of an order, in natural units.

    Raises ConfigError, on construction, for a size that is not above 0, an arrival before the decision or an end
    not after it.
    """

    side: Side
    """buy or sell"""
    size: float
    """X: quantity ordered (shares, coins, contracts)"""
    decision_ns: int
    """when it was decided to trade; start of the benchmark window; ns UTC"""
    arrival_ns: int
    """first instant the algorithm could act at the venue: decision plus the delays; ns UTC"""
    end_ns: int
    """end of the order's time and of the benchmark window; ns UTC"""
    multiplier: float = 1.0
    """what a price of 1 on one unit of size is worth in money: 50 for ES; of an inverse contract its value in the price currency"""
    inverse: bool = False
    """a contract of fixed value settled in the coin: one unit is worth multiplier / price coins"""

    def __post_init__(self) -> None:
        if not (isfinite(self.size) and self.size > 0):
            raise ConfigError(f"size is {self.size}, a number above 0 is needed", where="parent facts")
        if self.arrival_ns < self.decision_ns:
            raise ConfigError(
                f"arrival_ns {self.arrival_ns} is before decision_ns {self.decision_ns}", where="parent facts"
            )
        if not (isfinite(self.multiplier) and self.multiplier > 0):
            raise ConfigError(f"multiplier is {self.multiplier}, a number above 0 is needed", where="parent facts")
        if self.end_ns <= self.decision_ns:
            raise ConfigError(f"end_ns {self.end_ns} is not after decision_ns {self.decision_ns}", where="parent facts")

    @property
    def sign(self) -> int:
        """e: +1 for a buy, -1 for a sell."""
        return 1 if self.side == Side.BUY else -1

    def worth(self, price: Any) -> Any:
        """Money that one unit bought at a price costs, rising with the price: multiplier x price, of an inverse contract -multiplier / price coins.

        Of an inverse contract it is negative: whoever buys contracts sells coins forward.  Differences of it are gains and losses in coins, so every formula
        of this module holds with worths in place of prices.  price: float or floats; NaN and 0 give NaN.
        """
        if not self.inverse:
            return self.multiplier * price
        return -self.multiplier / np.where(np.asarray(price) > 0, price, np.nan)

    def price_of(self, worth: float) -> float:
        """The price of a worth."""
        return -self.multiplier / worth if self.inverse else worth / self.multiplier


@dataclass(frozen=True, eq=False)
class QuoteHistory:
    """Best bid and ask over time, and the mid looked up in it.

    The state of a row is valid from its time on.  Rows of equal time: the last one is the state.  The mid at t is
    that of the last state up to t with BOTH sides: while a side is empty the mid before stays.
    """

    ts_ns: NDArray[np.int64]
    """time of each state, ascending, shape (rows,)"""
    bid: Floats
    """best bid, NaN for an empty side, shape (rows,)"""
    ask: Floats
    """best ask, NaN for an empty side, shape (rows,)"""
    mid_ts_ns: NDArray[np.int64]
    """times of the states with both sides, shape (two-sided rows,)"""
    mid: Floats
    """their mids, shape (two-sided rows,)"""

    @classmethod
    def of(cls, ts_ns: NDArray[np.int64], bid: Floats, ask: Floats) -> QuoteHistory:
        """From arrays in ascending order of time; what is not finite counts as an empty side."""
        bid = np.where(np.isfinite(bid), bid, np.nan)
        ask = np.where(np.isfinite(ask), ask, np.nan)
        both = np.isfinite(bid) & np.isfinite(ask)
        return cls(ts_ns, bid, ask, ts_ns[both], (bid[both] + ask[both]) / 2)

    def mid_at(self, times_ns: ArrayLike) -> Floats:
        """Mid after all rows up to and including each time; NaN before the first."""
        return self._mid_of(np.searchsorted(self.mid_ts_ns, np.asarray(times_ns, np.int64), side="right"))

    def mid_before(self, times_ns: ArrayLike) -> Floats:
        """Mid after all rows strictly before each time; NaN before the first."""
        return self._mid_of(np.searchsorted(self.mid_ts_ns, np.asarray(times_ns, np.int64), side="left"))

    def _mid_of(self, rows_passed: NDArray[np.intp]) -> Floats:
        return np.concatenate(([np.nan], self.mid))[rows_passed]

    def mid_within(self, times_ns: ArrayLike) -> Floats:
        """As mid_at, but NaN for times after the last row: nobody knows how long that state lasted."""
        times_ns = np.asarray(times_ns, np.int64)
        last_ns = self.ts_ns[-1] if len(self.ts_ns) else -1
        return np.where(times_ns <= last_ns, self.mid_at(times_ns), np.nan)

    def time_average(self, start_ns: int, end_ns: int) -> float:
        """Time-weighted average mid over start..end; NaN if there is no mid yet at the start."""
        inside = (self.mid_ts_ns > start_ns) & (self.mid_ts_ns < end_ns)
        edges = np.concatenate(([start_ns], self.mid_ts_ns[inside], [end_ns]))
        mids = np.concatenate((self.mid_at([start_ns]), self.mid[inside]))
        return float(np.diff(edges) @ mids) / (end_ns - start_ns)

    def far_touch_at(self, t_ns: int, side: Side) -> float:
        """What a taker on `side` meets at t (a buy: the ask); NaN for an empty side."""
        rows_passed = int(np.searchsorted(self.ts_ns, t_ns, side="right"))
        if rows_passed == 0:
            return np.nan
        return float((self.ask if side == Side.BUY else self.bid)[rows_passed - 1])


class ReferencePrices(NamedTuple):
    """The four prices an order is measured against; NaN where the quotes do not reach."""

    decision: float  # P_d
    arrival: float  # P_0
    end: float  # P_T
    remainder: float  # R

    def worths(self, facts: ParentFacts) -> ReferencePrices:
        """The same as money per unit (`ParentFacts.worth`)."""
        return ReferencePrices(*(float(facts.worth(price)) for price in self))


def reference_prices(facts: ParentFacts, quotes: QuoteHistory, rule: RemainderRule) -> ReferencePrices:
    """Look the reference prices up in the quotes of the market without us."""
    decision, arrival, end = quotes.mid_at([facts.decision_ns, facts.arrival_ns, facts.end_ns]).tolist()
    far_touch = quotes.far_touch_at(facts.end_ns, facts.side) if rule == RemainderRule.CROSS else np.nan
    return ReferencePrices(decision, arrival, end, far_touch if isfinite(far_touch) else end)


class Fills(NamedTuple):
    """The fills of one order as arrays in order of time, shape (fills,)."""

    ts_ns: NDArray[np.int64]
    price: Floats  # p_j
    size: Floats  # q_j
    mid: Floats  # m_j; where the touch before the fill is not known, m0_j
    mid0: Floats  # m0_j, from quotes strictly before the fill; before the first quote, P_0
    touch_spread: Floats  # ask less bid just before the fill, NaN where a side is not known

    @classmethod
    def of(cls, ts_ns: NDArray[np.int64], price: Floats, size: Floats, touch: tuple[Floats, Floats],
           quotes: QuoteHistory, arrival: float) -> Fills:  # fmt: skip
        """From a fills table's columns; touch is (bid, ask) just before each fill, NaN for an empty side."""
        bid, ask = touch
        mid0 = quotes.mid_before(ts_ns)
        mid0 = np.where(np.isnan(mid0), arrival, mid0)
        mid = (bid + ask) / 2
        return cls(ts_ns, price, size, np.where(np.isfinite(mid), mid, mid0), mid0, ask - bid)

    def worths(self, facts: ParentFacts) -> Fills:
        """The same with money per unit in place of prices (`ParentFacts.worth`)."""
        price, mid, mid0 = (facts.worth(each) for each in (self.price, self.mid, self.mid0))
        return self._replace(price=price, mid=mid, mid0=mid0)


class ExecutionParts(NamedTuple):
    """The cost of each fill against arrival, ``e q_j (p_j - P_0)``, in three, money, shape (fills,)."""

    spread: Floats  # e q_j (p_j - m_j): paid for crossing; negative when a spread was earned
    impact: Floats  # e q_j (m_j - m0_j): how far own trading had moved the mid
    timing: Floats  # e q_j (m0_j - P_0): how far the market had drifted by itself


class ShortfallParts(NamedTuple):
    """Convention A, money: delay on the whole order."""

    delay: float  # e X (P_0 - P_d): the market moved before the algorithm could act
    spread: float
    impact: float
    timing: float
    opportunity: float  # e (X - X_e) (R - P_0): what was not done got dearer
    fees: float


class TextbookParts(NamedTuple):
    """Convention B, money: delay on what was filled only."""

    delay: float  # e X_e (P_0 - P_d)
    execution: float  # e sum q_j (p_j - P_0): spread, impact and timing of convention A together
    missed: float  # e (X - X_e) (R - P_d): the missed trade, its delay included
    fees: float


def unfilled(size: float, filled: float) -> float:
    """What is left of an order; a rest within float rounding of nothing is nothing."""
    rest = size - filled
    return rest if rest > 1e-9 * size else 0.0


def split_execution(sign: int, fills: Fills, arrival: float) -> ExecutionParts:
    """Split each fill's cost against arrival: spread + impact + timing."""
    weight = sign * fills.size
    return ExecutionParts(
        spread=weight * (fills.price - fills.mid),
        impact=weight * (fills.mid - fills.mid0),
        timing=weight * (fills.mid0 - arrival),
    )


def shortfall_money(facts: ParentFacts, fills: Fills, prices: ReferencePrices, fees: float) -> float:
    """The total, straight from its definition: the remainder completed at R, fees included."""
    rest = unfilled(facts.size, float(fills.size.sum()))
    against_decision = float(fills.size @ (fills.price - prices.decision)) + _times(
        rest, prices.remainder - prices.decision
    )
    return facts.sign * against_decision + fees


def split_shortfall(facts: ParentFacts, fills: Fills, prices: ReferencePrices, fees: float) -> ShortfallParts:
    """Convention A: delay, spread, impact, timing, opportunity, fees; they add up to the shortfall."""
    filled = float(fills.size.sum())
    rest = unfilled(facts.size, filled)
    execution = split_execution(facts.sign, fills, prices.arrival)
    return ShortfallParts(
        delay=facts.sign * (filled + rest) * (prices.arrival - prices.decision),
        spread=float(execution.spread.sum()),
        impact=float(execution.impact.sum()),
        timing=float(execution.timing.sum()),
        opportunity=facts.sign * _times(rest, prices.remainder - prices.arrival),
        fees=fees,
    )


def split_textbook(facts: ParentFacts, fills: Fills, prices: ReferencePrices, fees: float) -> TextbookParts:
    """Convention B: delay, execution, missed trade, fees; they add up to the same shortfall."""
    filled = float(fills.size.sum())
    return TextbookParts(
        delay=facts.sign * _times(filled, prices.arrival - prices.decision),
        execution=facts.sign * float(fills.size @ (fills.price - prices.arrival)),
        missed=facts.sign * _times(unfilled(facts.size, filled), prices.remainder - prices.decision),
        fees=fees,
    )


def _times(quantity: float, difference: float) -> float:
    """A product in which nothing times an unknown price is nothing."""
    return quantity * difference if quantity else 0.0


def measure_fills(sign: int, fills: Fills, quotes: QuoteHistory, arrival: float) -> dict[str, Floats]:
    """What each fill contributed, shape (fills,) each, NaN for not known; the columns are those of `tca.per_fill`."""
    mid = np.where(fills.mid > 0, fills.mid, np.nan)
    spread = np.where(fills.touch_spread > 0, fills.touch_spread, np.nan)
    arrival_or_nan = arrival if arrival > 0 else np.nan
    parts = split_execution(sign, fills, arrival)
    columns = {
        "mid_before": fills.mid,
        "mid0_before": fills.mid0,
        "arrival_cost_bps": 1e4 * sign * (fills.price - arrival_or_nan) / arrival_or_nan,
        "effective_half_spread_bps": 1e4 * sign * (fills.price - mid) / mid,
        "spread_capture": 2 * sign * (fills.mid - fills.price) / spread,
        "spread_money": parts.spread,
        "impact_money": parts.impact,
        "timing_money": parts.timing,
    }
    for name, horizon_ns in MARKOUTS.items():
        later = quotes.mid_within(fills.ts_ns + horizon_ns)
        columns[f"markout_{name}_bps"] = 1e4 * sign * (later - fills.price) / mid
    return columns


def schedule_deviation(fills: Fills, plan_ns: NDArray[np.int64], target: Floats) -> float:
    """``max_t |done(t) - target(t)|`` in units of size, the plan being straight lines between its rows.

    Done is a staircase, so the largest gap lies just before or after a fill, or at a row of the plan.
    """
    done = np.concatenate(([0.0], np.cumsum(fills.size)))
    times_ns = np.concatenate((plan_ns, fills.ts_ns))
    planned = np.interp((times_ns - plan_ns[0]).astype(np.float64), (plan_ns - plan_ns[0]).astype(np.float64), target)
    after = done[np.searchsorted(fills.ts_ns, times_ns, side="right")]
    before = done[np.searchsorted(fills.ts_ns, times_ns, side="left")]
    return float(max(np.abs(after - planned).max(), np.abs(before - planned).max()))
