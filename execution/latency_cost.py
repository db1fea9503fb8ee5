"""What delay costs: the same parents and algorithms at several delays, compared pair by pair.

Every delay runs on the same recording with the same seed, so parent i under algorithm a differs between two delays by nothing but the delay.
The slope of a parent is the least-squares line through its costs over the delay; the slope of an algorithm is the mean over its parents (the
design is balanced, so this is also the slope of the mean costs).

How sure the slope is
    five parents or more  percentile bootstrap over parents; standard error = deviation of the parents' slopes / sqrt(n)
    two to four           Student's t with n - 1 degrees of freedom on the same standard error
    one, three delays up  Student's t with (delays - 2) degrees on the residuals of its line: how far from a line the costs are, no more
    one, two delays       nothing can be said

Invariants: costs are bps of size x decision price, positive when bad; a parent whose cost is not known at every delay is left out of everything.
Known limits: one day; only delays that are the same on every leg have a place on the line, others are shown beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from execution.backtest import BacktestResult
from execution.intervals import FEWEST_FOR_INTERVAL, mean_interval, student_interval
from lobsim.errors import ConfigError

Floats = NDArray[np.float64]

_DECIMALS = 15
"""Of a slope: costs that are equal but for the rounding of floats give exactly 0, which no interval then misses."""


@dataclass(frozen=True)
class DelayedResult:
    """A backtest under one delay.

    label     the delay as it was asked for: "50us", "measured.json"
    delay_ns  the delay of every leg, None where the legs differ or are drawn
    result    the backtest
    """

    label: str
    delay_ns: int | None
    result: BacktestResult


@dataclass(frozen=True, kw_only=True)
class Slope:
    """Cost per microsecond of delay on every leg.  None: it cannot be known."""

    bps_per_us: float
    standard_error: float | None
    low: float | None
    """of the 95 % interval"""
    high: float | None
    method: str
    """how the interval was found, in words"""

    @property
    def covers_zero(self) -> bool | None:
        """Whether the interval holds 0: then delay is not shown to cost anything."""
        return None if self.low is None or self.high is None else self.low <= 0.0 <= self.high


@dataclass(frozen=True, kw_only=True)
class DelayCost:
    """One algorithm at every delay, in the order of the delays."""

    algo: str
    parents: int
    """with a known cost at every delay; the figures are of these"""
    cost_bps: tuple[float | None, ...]
    """mean shortfall"""
    difference_bps: tuple[float | None, ...]
    """mean of the paired differences to the first delay, 0 for the first"""
    slope: Slope | None

    def to_json(self, labels: Sequence[str]) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        slope = self.slope
        return {
            "algo": self.algo,
            "parents": self.parents,
            "cost_bps": dict(zip(labels, self.cost_bps, strict=True)),
            "difference_bps": dict(zip(labels, self.difference_bps, strict=True)),
            "slope_bps_per_us": None if slope is None else slope.bps_per_us,
            "slope_standard_error": None if slope is None else slope.standard_error,
            "slope_interval": None if slope is None or slope.low is None else [slope.low, slope.high],
            "slope_method": None if slope is None else slope.method,
            "covers_zero": None if slope is None else slope.covers_zero,
        }


def delay_costs(points: Sequence[DelayedResult]) -> list[DelayCost]:
    """Every algorithm over the delays, in the order of the first result.

    Raises ConfigError unless all hold the same parents and algorithms.
    """
    tables = [point.result.results.select("parent_id", "algo", "shortfall_bps") for point in points]
    if any(not table.select("parent_id", "algo").equals(tables[0].select("parent_id", "algo")) for table in tables):
        raise ConfigError("the delays were not run with the same orders and algorithms", where="latency")
    delays_us = [None if point.delay_ns is None else point.delay_ns / 1000 for point in points]
    return [_cost_of(algo, tables, delays_us) for algo in tables[0]["algo"].unique(maintain_order=True)]


def _cost_of(algo: str, tables: Sequence[pl.DataFrame], delays_us: Sequence[float | None]) -> DelayCost:
    columns = [table.filter(pl.col("algo") == algo)["shortfall_bps"].to_numpy().astype(float) for table in tables]
    costs = np.stack(columns, axis=1)
    costs = costs[np.isfinite(costs).all(axis=1)]
    if not len(costs):
        unknown = (None,) * len(tables)
        return DelayCost(algo=algo, parents=0, cost_bps=unknown, difference_bps=unknown, slope=None)
    return DelayCost(
        algo=algo,
        parents=len(costs),
        cost_bps=tuple(costs.mean(axis=0).tolist()),
        difference_bps=tuple((costs - costs[:, :1]).mean(axis=0).tolist()),
        slope=_slope_of(costs, delays_us),
    )


def _slope_of(costs: Floats, delays_us: Sequence[float | None]) -> Slope | None:
    """The slope over the delays that have a place on the line; None below two different ones.

    costs  shape (parents, delays), finite
    """
    placed = [index for index, delay in enumerate(delays_us) if delay is not None]
    delay = np.array([delays_us[index] for index in placed], float)
    centred = delay - delay.mean() if delay.size else delay
    if not np.any(centred):
        return None
    on_line = costs[:, placed]
    slopes = np.round(on_line @ centred / float(centred @ centred), _DECIMALS) + 0.0
    if len(slopes) == 1:
        return _slope_of_one(float(slopes[0]), on_line[0], centred)
    error = float(slopes.std(ddof=1)) / sqrt(len(slopes))
    if len(slopes) < FEWEST_FOR_INTERVAL:
        low, high = student_interval(float(slopes.mean()), error, len(slopes) - 1)
        method = f"Student's t over {len(slopes)} orders"
    else:
        _, low, high = mean_interval(slopes)
        method = f"bootstrap over {len(slopes)} orders"
    return Slope(bps_per_us=float(slopes.mean()), standard_error=error, low=low, high=high, method=method)


def _slope_of_one(slope: float, costs: Floats, centred: Floats) -> Slope:
    """One parent: all that is known is how far its costs are from its line."""
    degrees = len(costs) - 2
    if degrees < 1:
        method = "one order at two delays: no interval"
        return Slope(bps_per_us=slope, standard_error=None, low=None, high=None, method=method)
    residuals = costs - costs.mean() - slope * centred
    error = sqrt(float(residuals @ residuals) / degrees / float(centred @ centred))
    low, high = student_interval(slope, error, degrees)
    method = f"Student's t on the residuals of one order at {len(costs)} delays"
    return Slope(bps_per_us=slope, standard_error=error, low=low, high=high, method=method)


COSTS_SCHEMA = {
    "algo": pl.String,
    "label": pl.String,
    "delay_us": pl.Float64,
    "cost_bps": pl.Float64,
    "difference_bps": pl.Float64,
}
SLOPES_SCHEMA = {
    "algo": pl.String,
    "parents": pl.Int64,
    "bps_per_us": pl.Float64,
    "standard_error": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "method": pl.String,
}


def delay_tables(points: Sequence[DelayedResult]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same as tables: one row per algorithm and delay (COSTS_SCHEMA), one per algorithm (SLOPES_SCHEMA)."""
    found = delay_costs(points)
    costs = [
        (cost.algo, point.label, None if point.delay_ns is None else point.delay_ns / 1000, bps, difference)
        for cost in found
        for point, bps, difference in zip(points, cost.cost_bps, cost.difference_bps, strict=True)
    ]
    slopes = []
    for cost in found:
        slope = cost.slope
        figures = (None,) * 5
        if slope is not None:
            figures = (slope.bps_per_us, slope.standard_error, slope.low, slope.high, slope.method)
        slopes.append((cost.algo, cost.parents, *figures))
    return pl.DataFrame(costs, COSTS_SCHEMA, orient="row"), pl.DataFrame(slopes, SLOPES_SCHEMA, orient="row")


def verdict(slope: Mapping[str, Any]) -> str:
    """What a row of the slopes says, in two words."""
    if slope["bps_per_us"] is None:
        return "no slope"
    if slope["low"] is None:
        return "no interval"
    if slope["low"] <= 0 <= slope["high"]:
        return "covers 0"
    return "costs" if slope["low"] > 0 else "saves"


def delay_sentence(slopes: pl.DataFrame, title: Callable[[str], str] = str) -> str:
    """Whether delay is shown to cost anything, for whom, and how that was judged.

    slopes  of `delay_tables`
    title   how an algorithm is called
    """
    known = [slope for slope in slopes.to_dicts() if slope["bps_per_us"] is not None]
    if not known:
        return "There is no slope: two delays that are the same on every leg, and a known cost, are needed."
    if known[0]["low"] is None:
        return f"How sure the slopes are cannot be said ({known[0]['method']})."
    dear = [title(slope["algo"]) for slope in known if verdict(slope) == "costs"]
    method = f"Intervals of 95 %: {known[0]['method']}."
    if not dear:
        return f"No interval lies above 0: on these orders delay is not shown to cost anything. {method}"
    if len(dear) == len(known):
        return f"No interval covers 0: every microsecond costs. {method}"
    return f"Delay is shown to cost only {' and '.join(dear)}; the other intervals cover 0 or lie below it. {method}"
