"""Facts F1 to F5 and F10: what arrives, in which order, how large, and how close together."""

from __future__ import annotations

import numpy as np

from lobsim.realism.estimators import (
    acf_columns,
    acf_of_sums,
    autocorrelation,
    hill,
    log_binned,
    log_log_slope,
    ratios_of_sums,
)
from lobsim.realism.facts.measured import Context, Measured, NotMeasurable
from lobsim.types import Kind

SIGN_LAGS = (1, 2, 5, 10, 20)
_MOST_LAG = 200
_FEWEST_LEVELS = 5
_NO_EVENT = (Kind.CLEAR, Kind.PHASE)


def sign_memory(context: Context) -> Measured:
    """F1: autocorrelation of the signs of market orders, in their own time."""
    context.need_market_orders()
    orders = context.day.orders
    columns = acf_columns(orders.sign.astype(float), SIGN_LAGS)
    names = [f"lag_{lag}" for lag in SIGN_LAGS]
    return context.measure(names, orders.ts_ns, columns, acf_of_sums, f"{orders.number:,} market orders")


def _gamma(signs: np.ndarray) -> float:
    """Exponent of the decay of the autocorrelation of signs, over lags 1 to 200 in bins of equal width in ln lag."""
    lags = np.arange(1, min(_MOST_LAG, len(signs) // 10) + 1)
    if not len(lags):
        return float("nan")
    return -log_log_slope(*log_binned(lags, autocorrelation(signs.astype(float), lags.tolist())))


def metaorder_tail(context: Context) -> Measured:
    """F2: tail index of metaorder sizes as the memory of signs implies it (Lillo, Mike, Farmer 2005): gamma + 1."""
    context.need_market_orders(1000)
    signs = context.day.orders.sign
    gamma = _gamma(signs)
    note = "one day is too short for the exponent: compare values of the autocorrelation instead"
    return Measured({"gamma": gamma, "alpha": gamma + 1}, note=note)


def event_clustering(context: Context) -> Measured:
    """F3: times between events in feed order."""
    context.need_orders()
    context.need_depth(_FEWEST_LEVELS, "most of what happens")
    day = context.day
    rows = np.flatnonzero(day.live & ~np.isin(day.kind, _NO_EVENT))
    if len(rows) < 1000:
        raise NotMeasurable(f"there are {len(rows)} events, 1000 are needed")
    gaps_ms = np.diff(day.ts_ns[rows]) / 1e6
    one = np.ones(len(gaps_ms))
    columns = [one, gaps_ms, gaps_ms**2, gaps_ms < 1, gaps_ms == 0]

    def statistic(sums: np.ndarray) -> np.ndarray:
        mean, square, short, same = (sums[..., place] / sums[..., 0] for place in range(1, 5))
        return np.stack([np.sqrt(square - mean**2) / mean, mean, short, same], axis=-1)

    found = context.measure(("cv", "mean_ms", "below_1_ms", "same_stamp"), day.ts_ns[rows[:-1]], columns, statistic)
    found.values["median_ms"] = float(np.median(gaps_ms))
    return found


def event_mix(context: Context) -> Measured:
    """F4: shares of kinds of rows; a replacement is a deletion and an addition."""
    context.need_orders()
    context.need_depth(_FEWEST_LEVELS, "most of what happens")
    day = context.day
    kinds = {
        "add": (Kind.ADD, Kind.REPLACE),
        "delete": (Kind.DELETE, Kind.REPLACE),
        "partial_cancel": (Kind.REDUCE,),
        "execution": (Kind.EXECUTE,),
        "hidden": (Kind.EXECUTE_HIDDEN, Kind.PRINT),
    }
    marks = [day.live & np.isin(day.kind, members) for members in kinds.values()]
    total = np.sum(marks, axis=0)
    if total.sum() < 1000:
        raise NotMeasurable(f"there are {int(total.sum())} events, 1000 are needed")
    columns = [column for mark in marks for column in (mark.astype(float), total.astype(float))]
    return context.measure(list(kinds), day.ts_ns, columns, ratios_of_sums, context.cut_note())


def order_size(context: Context) -> Measured:
    """F5: sizes of limit orders, in natural units, and of market orders; the tail is Hill's index of the largest 1 %."""
    context.need_orders()
    day = context.day
    rows = day.rows(Kind.ADD, Kind.REPLACE)
    if len(rows) < 1000:
        raise NotMeasurable(f"there are {len(rows)} limit orders, 1000 are needed")
    lots = day.size_lots[rows]
    sizes, counts = np.unique(lots, return_counts=True)
    usual = int(sizes[np.argmax(counts)])
    unit = float(day.info.lot)
    columns = [lots == usual, np.ones(len(lots)), lots < usual, np.ones(len(lots))]
    found = context.measure(("most_frequent_share", "smaller_share"), day.ts_ns[rows], columns, ratios_of_sums)
    found.values |= {
        "most_frequent": usual * unit,
        "median": float(np.median(lots)) * unit,
        "p99": float(np.quantile(lots, 0.99)) * unit,
        "tail": hill(lots.astype(float), 0.01),
        "market_order_mean": float(day.orders.size_lots.mean()) * unit if day.orders.number else float("nan"),
    }
    return found


def size_against_best(context: Context) -> Measured:
    """F10: the size of a market order beside what stood at the best price it met."""
    context.need_orders()
    context.need_market_orders()
    orders = context.day.orders
    known = orders.opposite_lots > 0
    size, best = orders.size_lots[known], orders.opposite_lots[known]
    one = np.ones(len(size))
    columns = [size == best, one, size > best, one, size < best, one]
    return context.measure(("equal", "larger", "smaller"), orders.ts_ns[known], columns, ratios_of_sums)
