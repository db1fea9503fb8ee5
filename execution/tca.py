"""Transaction cost analysis: a fills table and a market table in, costs out.

Tables only, so it serves fills of a real desk as well as those of a simulation.  Prices, sizes and money are
floats in natural units (dollars, shares), times int64 nanoseconds UTC; tables need no order of their own, rows of
equal time keep theirs.

=======  =====================================================================================================
table    columns
=======  =====================================================================================================
fills    ts_ns, side (0 buy, 1 sell), price, size, passive; optional: fee (money, positive = paid; absent: 0),
         forced (pushed out at the end), bid_before, ask_before (touch just before the fill in the market the
         fill happened in; null for an empty side)
quotes   ts_ns, bid, ask: the market WITHOUT us, one row per change, valid from ts_ns on; null for an empty side
prints   ts_ns, price, size; optional: hidden, auction: the trades of the market without us
=======  =====================================================================================================

Conventions: costs are positive when bad, in bps of the stated benchmark; ``e`` is +1 for a buy and -1 for a sell;
the benchmark window is decision to end, both included.  What cannot be known is None, never NaN.  Symbols and the
shortfall identity: `execution.decomposition`.

Known limits: one order at a time; latency of the fills' own report is not looked at; a fill without bid_before
and ask_before takes the mid of the market without us, so that its impact counts as zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import fsum, isfinite
from typing import Any

import numpy as np
import polars as pl

from execution.decomposition import (
    MARKOUTS,
    Fills,
    Floats,
    ParentFacts,
    QuoteHistory,
    ReferencePrices,
    RemainderRule,
    ShortfallParts,
    TextbookParts,
    measure_fills,
    reference_prices,
    schedule_deviation,
    shortfall_money,
    split_execution,
    split_shortfall,
    split_textbook,
)
from execution.tca_tables import FILLS, SCHEDULE, checked, checked_fills, counted_prints, quote_history, refuse

__all__ = ["MARKOUTS", "CostReport", "ParentFacts", "RemainderRule", "evaluate", "per_fill", "textbook_bps"]


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """What one order cost.  Money and prices in natural units; None: not known (no fills, no prints, no quotes)."""

    side: str
    """ "buy" or "sell" """
    size: float
    """X, quantity ordered"""
    fills: int
    """number of fills"""
    filled: float
    """X_e, quantity filled"""
    completion: float
    """X_e / X, 0 to 1"""
    fill_ratio: float | None
    """X_e / quantity submitted in all child orders; None where the caller did not say what was submitted"""
    avg_price: float | None
    """sum p_j q_j / X_e"""

    decision_price: float | None
    """P_d, mid at the decision"""
    arrival_price: float | None
    """P_0, mid at arrival: the first instant the algorithm could act at the venue"""
    end_price: float | None
    """P_T, mid at the end"""
    remainder: float
    """X - X_e, quantity left undone"""
    remainder_price: float | None
    """R, price at which the remainder is marked: far touch at the end, or the mid (`RemainderRule`)"""

    arrival_cost_bps: float | None
    """1e4 e (avg_price - P_0) / P_0; what was filled only"""
    vwap: float | None
    """volume-weighted price of the market's prints in the window; hidden in, auctions and own fills out"""
    vwap_cost_bps: float | None
    """1e4 e (avg_price - vwap) / vwap"""
    vwap_with_own: float | None
    """the same with own fills counted in"""
    vwap_with_own_cost_bps: float | None
    """1e4 e (avg_price - vwap_with_own) / vwap_with_own; drawn towards 0 by a large share of the volume"""
    vwap_lit: float | None
    """as vwap, hidden prints out as well"""
    vwap_lit_cost_bps: float | None
    """1e4 e (avg_price - vwap_lit) / vwap_lit"""
    twap: float | None
    """time-weighted average mid over the window"""
    twap_cost_bps: float | None
    """1e4 e (avg_price - twap) / twap"""

    shortfall_money: float | None
    """e [sum q_j p_j - X_e P_d] + e (X - X_e)(R - P_d) + fees; the completed order, so not trading is no way out"""
    shortfall_bps: float | None
    """1e4 shortfall_money / (X P_d)"""
    shortfall_parts_bps: dict[str, float | None]
    """delay, spread, impact, timing, opportunity, fees (convention A), bps of X P_d; they add up to shortfall_bps"""
    fees: float
    """explicit costs, money, positive = paid, negative = rebates earned"""

    effective_half_spread_bps: float | None
    """1e4 e (p_j - m_j) / m_j, size-weighted; m_j the mid just before the fill; negative when earned"""
    spread_capture: float | None
    """2 e (m_j - p_j) / (ask - bid), size-weighted over fills with a spread: +1 all at the near touch, -1 all at
    the far one, lower still through it"""
    markout_bps: dict[str, float | None]
    """1e4 e (m(t_j + h) - p_j) / m_j per horizon h, size-weighted over the fills whose horizon lies within the
    quotes; m(t) of the market without us; negative after passive fills is adverse selection"""
    realised_spread_bps: dict[str, float | None]
    """1e4 e (p_j - m(t_j + h)) / m_j: the effective half-spread less what the price moved afterwards; = -markout"""
    markout_known: dict[str, float | None]
    """share of the filled quantity that markout_bps and realised_spread_bps rest on, 0 to 1"""

    market_volume: float
    """volume of the market's prints in the window, as counted for vwap"""
    participation: float | None
    """X_e / (market_volume + X_e)"""
    passive_share: float | None
    """quantity filled passively / X_e; None where a fill does not say"""
    forced_share: float | None
    """quantity pushed out at the end / X_e; None where a fill does not say"""
    max_schedule_deviation: float | None
    """largest |done(t) - target(t)| / X; None without a schedule"""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def evaluate(
    facts: ParentFacts,
    fills: pl.DataFrame,
    quotes: pl.DataFrame,
    prints: pl.DataFrame,
    *,
    remainder: RemainderRule = RemainderRule.CROSS,
    submitted: float | None = None,
    schedule: pl.DataFrame | None = None,
) -> CostReport:
    """Cost one order against every benchmark.  Tables: see the module's head.

    remainder   how an unfilled rest is marked
    submitted   quantity sent in all child orders together, for the fill ratio
    schedule    columns ts_ns, target: cumulative quantity that should be done, straight lines between the rows

    Raises DataError for a missing column, a value that cannot be, a fill on the other side, or more fills than order.
    """
    table, history = checked_fills(facts, fills), quote_history(quotes)
    prices = reference_prices(facts, history, remainder)
    arrays = _arrays(table, history, prices.arrival)
    measured = _measured(table, measure_fills(facts.sign, arrays, history, prices.arrival))
    fees = float(table["fee"].sum())
    filled = fsum(arrays.size.tolist())
    worths, valued = prices.worths(facts), arrays.worths(facts)
    total = shortfall_money(facts, valued, worths, fees)
    return CostReport(
        side=facts.side.name.lower(),
        size=float(facts.size),
        fills=table.height,
        filled=filled,
        completion=filled / facts.size,
        fill_ratio=filled / submitted if submitted else None,
        decision_price=_known(prices.decision),
        arrival_price=_known(prices.arrival),
        end_price=_known(prices.end),
        remainder=max(0.0, facts.size - filled),
        remainder_price=_known(prices.remainder),
        **_benchmarks(facts, arrays, counted_prints(facts, prints), history, prices),
        shortfall_money=_known(total),
        shortfall_bps=_of_order(facts, worths, total),
        shortfall_parts_bps=_parts_bps(facts, worths, split_shortfall(facts, valued, worths, fees)),
        fees=fees,
        **_averages(measured),
        max_schedule_deviation=None if schedule is None else _deviation(facts, arrays, schedule),
    )


def per_fill(facts: ParentFacts, fills: pl.DataFrame, quotes: pl.DataFrame) -> pl.DataFrame:
    """One row per fill, in order of time, with what each fill contributed.  Null: not known.

    ts_ns, side, price, size, passive, forced, fee      as given
    mid_before                 m_j: mid just before the fill, where it happened
    mid0_before                m0_j: mid just before it in the market without us (strictly earlier rows; else P_0)
    arrival_cost_bps           1e4 e (p_j - P_0) / P_0
    effective_half_spread_bps  1e4 e (p_j - m_j) / m_j
    spread_capture             2 e (m_j - p_j) / (ask_before - bid_before)
    spread_money, impact_money, timing_money
                               e q_j (p_j - m_j), e q_j (m_j - m0_j), e q_j (m0_j - P_0): their sums are the parts
                               of the shortfall of the same names
    markout_<h>_bps            1e4 e (m(t_j + h) - p_j) / m_j for the horizons in `MARKOUTS`

    Raises DataError as `evaluate` does.
    """
    table, history = checked_fills(facts, fills), quote_history(quotes)
    prices = reference_prices(facts, history, RemainderRule.MID)
    arrays = _arrays(table, history, prices.arrival)
    parts = split_execution(facts.sign, arrays.worths(facts), prices.worths(facts).arrival)
    money = {f"{name}_money": values for name, values in parts._asdict().items()}
    return _measured(table, measure_fills(facts.sign, arrays, history, prices.arrival) | money)


def textbook_bps(
    facts: ParentFacts, fills: pl.DataFrame, quotes: pl.DataFrame, *, remainder: RemainderRule = RemainderRule.CROSS
) -> dict[str, float | None]:
    """The shortfall by convention B: delay (on what was filled), execution, missed, fees; bps of X P_d.

    The same total as the shortfall of `evaluate`, in the textbook's parts.
    """
    table, history = checked_fills(facts, fills), quote_history(quotes)
    prices = reference_prices(facts, history, remainder)
    arrays = _arrays(table, history, prices.arrival)
    worths, fees = prices.worths(facts), float(table["fee"].sum())
    return _parts_bps(facts, worths, split_textbook(facts, arrays.worths(facts), worths, fees))


# ------------------------------------------------------------------------------------------ measuring


def _measured(table: pl.DataFrame, columns: Mapping[str, Floats]) -> pl.DataFrame:
    """The frame of `per_fill`: checked fills, and what each contributed."""
    as_given = table.select(*FILLS, "forced", "fee")
    return as_given.with_columns(pl.Series(name, values).fill_nan(None) for name, values in columns.items())


def _arrays(table: pl.DataFrame, history: QuoteHistory, arrival: float) -> Fills:
    names = ("ts_ns", "price", "size", "bid_before", "ask_before")
    ts_ns, price, size, bid, ask = (table[name].to_numpy() for name in names)
    return Fills.of(ts_ns, price, size, (bid, ask), history, arrival)


def _benchmarks(
    facts: ParentFacts, fills: Fills, prints: pl.DataFrame, history: QuoteHistory, prices: ReferencePrices
) -> dict[str, Any]:
    """The fields of a CostReport that compare the average price with a benchmark, and the volumes behind them."""
    filled, paid = float(fills.size.sum()), float(fills.size @ facts.worth(fills.price))
    volume, traded = _volume_and_value(facts, prints)
    lit_volume, lit_traded = _volume_and_value(facts, prints.filter(~pl.col("hidden")))
    avg_price = _mean_price(facts, paid, filled)
    benchmarks = {
        "vwap": _mean_price(facts, traded, volume),
        "vwap_with_own": _mean_price(facts, traded + paid, volume + filled),
        "vwap_lit": _mean_price(facts, lit_traded, lit_volume),
        "twap": _known(history.time_average(facts.decision_ns, facts.end_ns)),
    }
    against = benchmarks | {"arrival": _known(prices.arrival)}
    costs = {f"{name}_cost_bps": _cost_bps(facts.sign, avg_price, price) for name, price in against.items()}
    share = _ratio(filled, volume + filled)
    return {"avg_price": avg_price, **benchmarks, **costs, "market_volume": volume, "participation": share}


def _averages(measured: pl.DataFrame) -> dict[str, Any]:
    """The fields of a CostReport that are size-weighted means over the fills."""
    size = measured["size"].to_numpy()

    def mean(column: str) -> float | None:
        values = measured[column].to_numpy()
        known = ~np.isnan(values)
        return _ratio(float(values[known] @ size[known]), float(size[known].sum()))

    def share(column: str) -> float | None:
        flags = measured[column]
        return None if flags.null_count() else _ratio(float(size[flags.to_numpy()].sum()), float(size.sum()))

    markouts = {name: mean(f"markout_{name}_bps") for name in MARKOUTS}
    covered = {name: size[measured[f"markout_{name}_bps"].is_not_null().to_numpy()].sum() for name in MARKOUTS}
    return {
        "effective_half_spread_bps": mean("effective_half_spread_bps"),
        "spread_capture": mean("spread_capture"),
        "markout_bps": markouts,
        "realised_spread_bps": {name: None if value is None else -value for name, value in markouts.items()},
        "markout_known": {name: _ratio(float(part), float(size.sum())) for name, part in covered.items()},
        "passive_share": share("passive"),
        "forced_share": share("forced"),
    }


def _deviation(facts: ParentFacts, fills: Fills, schedule: pl.DataFrame) -> float | None:
    plan = checked("schedule", schedule, SCHEDULE).sort("ts_ns", maintain_order=True)
    refuse("schedule", plan, "target", ~pl.col("target").is_finite(), "a row needs a target")
    if plan.is_empty():
        return None
    return schedule_deviation(fills, plan["ts_ns"].to_numpy(), plan["target"].to_numpy()) / facts.size


# -------------------------------------------------------------------------------------- small numbers


def _known(value: float) -> float | None:
    """None for what is not finite; minus zero becomes zero."""
    return float(value) + 0.0 if isfinite(value) else None


def _ratio(part: float, whole: float) -> float | None:
    return _known(part / whole) if whole > 0 else None


def _cost_bps(sign: int, avg_price: float | None, benchmark: float | None) -> float | None:
    """1e4 e (avg_price - benchmark) / benchmark; None where either is missing or the benchmark is not above 0."""
    if avg_price is None or benchmark is None or benchmark <= 0:
        return None
    return _known(1e4 * sign * (avg_price - benchmark) / benchmark)


def _of_order(facts: ParentFacts, prices: ReferencePrices, money: float) -> float | None:
    """Money in bps of what the whole order is worth at the decision price; `prices` are worths."""
    value = facts.size * abs(prices.decision)
    return _known(1e4 * money / value) if value > 0 and (facts.inverse or prices.decision > 0) else None


def _parts_bps(
    facts: ParentFacts, prices: ReferencePrices, parts: ShortfallParts | TextbookParts
) -> dict[str, float | None]:
    return {name: _of_order(facts, prices, money) for name, money in parts._asdict().items()}


def _volume_and_value(facts: ParentFacts, prints: pl.DataFrame) -> tuple[float, float]:
    """Units traded, and what they were worth."""
    size = prints["size"].to_numpy()
    return float(size.sum()), float(size @ facts.worth(prints["price"].to_numpy()))


def _mean_price(facts: ParentFacts, value: float, volume: float) -> float | None:
    """The price at which so many units are worth so much: of inverse contracts the harmonic mean."""
    return _known(facts.price_of(value / volume)) if volume > 0 and value else None
