"""Facts F6 to F9: where limit orders stand, where they are cancelled, what becomes of them, how long they live."""

from __future__ import annotations

import numpy as np

from lobsim.realism.estimators import durations, incidence, ratios_of_sums, survival, time_until
from lobsim.realism.facts.measured import Context, Measured, NotMeasurable
from lobsim.realism.intervals import Interval
from lobsim.realism.lives import Lives
from lobsim.realism.prepare import Day
from lobsim.types import NEVER, Kind, Side

_EDGES = (-0.5, 0.5, 5.5, 20.5, 100.5)
BANDS = ("inside", "at", "1_to_5", "6_to_20", "21_to_100", "beyond_100")
"""Ticks behind the best price of the same side."""
_FEWEST_LEVELS = 10
_MOST_UNSEEN = 0.05
"""Share of orders that may leave the sight of a cut book before lifetimes cannot be told."""
_QUANTILES = (0.1, 0.5, 0.9, 0.99)


def distances(day: Day, rows: np.ndarray, price_ticks: np.ndarray) -> np.ndarray:
    """Ticks behind the best price of the same side before each row, below 0 in front of it; nan where that side was empty.

    rows         int64 [n]
    price_ticks  int64 [n]
    """
    buys = day.side[rows] == Side.BUY
    touch = day.before
    best = np.where(buys, touch.bid_ticks[rows], touch.ask_ticks[rows])
    there = np.where(buys, touch.bid_lots[rows], touch.ask_lots[rows]) > 0
    return np.where(there, np.where(buys, best - price_ticks, price_ticks - best), np.nan)


def _in_bands(context: Context, rows: np.ndarray, ticks: np.ndarray) -> Measured:
    """Shares of the distances in BANDS."""
    good = np.isfinite(ticks)
    if good.sum() < 1000:
        raise NotMeasurable(f"there are {int(good.sum())} orders with a distance, 1000 are needed")
    place = np.digitize(ticks[good], _EDGES)
    one = np.ones(len(place))
    columns = [column for band in range(len(BANDS)) for column in ((place == band).astype(float), one)]
    return context.measure(BANDS, context.day.ts_ns[rows[good]], columns, ratios_of_sums, context.cut_note())


def placement(context: Context) -> Measured:
    """F6: how far behind the best price of their side limit orders are placed."""
    context.need_orders()
    context.need_depth(_FEWEST_LEVELS, "most of where orders are placed")
    rows = context.day.rows(Kind.ADD, Kind.REPLACE)
    return _in_bands(context, rows, distances(context.day, rows, context.day.price_ticks[rows]))


def cancellation(context: Context) -> Measured:
    """F7: how far behind the best price of their side limit orders are cancelled or reduced."""
    context.need_orders()
    context.need_depth(_FEWEST_LEVELS, "most of where orders are cancelled")
    rows = context.day.rows(Kind.DELETE, Kind.REDUCE, Kind.REPLACE)
    return _in_bands(context, rows, distances(context.day, rows, context.day.order_ticks[rows]))


def followed(context: Context) -> Lives:
    """The orders of the day, where hardly any of them leaves unseen; raises NotMeasurable."""
    context.need_orders()
    lives = context.day.lives
    if lives is None or lives.number < 1000:
        raise NotMeasurable(f"there are {0 if lives is None else lives.number} limit orders, 1000 are needed")
    depth = context.day.info.depth
    unseen = float(1 - lives.ended.mean())
    if depth and unseen > _MOST_UNSEEN:
        raise NotMeasurable(
            f"the book is cut to {depth} level{'s' * (depth > 1)}, and {unseen:.0%} of the orders leave it unseen"
        )
    return lives


def fate(context: Context) -> Measured:
    """F8: share of limit orders of which anything was filled, and share of which the rest was cancelled; some are both."""
    lives = followed(context)
    one = np.ones(lives.number)
    columns = [lives.filled, one, lives.cancelled, one]
    return context.measure(("filled", "cancelled"), lives.start_ns, columns, ratios_of_sums, context.cut_note())


def lifetimes(context: Context) -> Measured:
    """F9: how long orders live.

    ``life_p50`` is Kaplan-Meier's median over every cause of leaving; ``cancel_`` and ``fill_`` are quantiles of the times that were seen;
    ``_by_60_s`` are shares of all orders by Aalen and Johansen, so that orders still alive at the end count for as long as they were seen.
    """
    lives = followed(context)
    last_ns = context.day.end_ns
    until_leave, left = durations(lives.start_ns, lives.end_ns, last_ns)
    until_fill, filled = durations(lives.start_ns, lives.first_fill_ns, last_ns)
    values: dict[str, float] = {"life_p50_s": _median_life(until_leave, left)}
    for name, times in (("cancel", until_leave[lives.cancelled]), ("fill", until_fill[filled])):
        for share, value in zip(_QUANTILES, np.quantile(times, _QUANTILES) if len(times) else [], strict=False):
            values[f"{name}_p{share * 100:g}_s"] = float(value) / 1e9
    first_ns = np.minimum(lives.first_fill_ns, lives.end_ns)
    waited, _ = durations(lives.start_ns, first_ns, last_ns)
    cause = np.where(first_ns == NEVER, 0, np.where(filled, 1, 2))
    for name, of in (("filled", 1), ("cancelled", 2)):
        times, share = incidence(waited, cause, of)
        values[f"{name}_by_60_s"] = float(share[max(np.searchsorted(times, 60 * 10**9, side="right") - 1, 0)])
    return Measured(values, _median_interval(context, lives, until_leave, left), context.cut_note())


def _median_life(duration_ns: np.ndarray, ended: np.ndarray) -> float:
    """Kaplan-Meier's median in seconds."""
    times, alive = survival(duration_ns, ended)
    return time_until(times, 1 - alive, 0.5) / 1e9


def _median_interval(context: Context, lives: Lives, duration_ns: np.ndarray, ended: np.ndarray) -> dict[str, Interval]:
    """The interval of the median life, from the blocks in which the orders arrived."""

    def statistic(members: np.ndarray) -> list[float]:
        return [_median_life(duration_ns[members], ended[members])]

    _, found = context.resampler.of_members(context.block(lives.start_ns), statistic, draws=40)
    return {"life_p50_s": found[0]} if found[0] is not None else {}
