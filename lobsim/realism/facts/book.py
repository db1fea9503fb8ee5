"""Facts B1 to B4: what the book looks like.  Means are over time unless said otherwise."""

from __future__ import annotations

import numpy as np

from lobsim.realism.estimators import ratios_of_sums, size_columns, size_of_sums, weighted_quantile
from lobsim.realism.facts.measured import Context, Measured, NotMeasurable
from lobsim.realism.intervals import block_sums
from lobsim.realism.prepare import Day

_FEWEST_LEVELS = 10
_SHORTEST_S = 60
_SMALL_TICK_SPREAD = 2.0
"""Mean spread in ticks from which on a tick counts as small."""
SHAPE_EDGES = (0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200)
"""Ticks behind the best price of the same side at which the bins of the mean depth begin; the last ends."""


def _need_book(day: Day) -> None:
    if not day.dwell_ns.any():
        raise NotMeasurable("there is never a book with two sides in continuous trading")


def _need_time(day: Day) -> None:
    if day.seconds < _SHORTEST_S:
        raise NotMeasurable(f"the window is {day.seconds:.0f} s long, {_SHORTEST_S} s are needed")


def spread(context: Context) -> Measured:
    """B1: the spread, over time and over events."""
    day = context.day
    _need_book(day)
    ticks, dwell = day.after.spread, day.dwell_ns.astype(float)
    event = (day.live & day.after.valid).astype(float)
    bps = 1e4 * ticks / day.after.mid
    columns = [ticks * dwell, dwell, bps * dwell, dwell, np.nan_to_num(ticks) * event, event]
    found = context.measure(("mean_ticks", "mean_bps", "event_mean_ticks"), day.ts_ns, columns, ratios_of_sums)
    good = dwell > 0
    values = weighted_quantile(ticks[good], dwell[good], (0.05, 0.5, 0.95))
    found.values |= dict(zip(("p5_ticks", "p50_ticks", "p95_ticks"), map(float, values), strict=True))
    return found


def best_size(context: Context) -> Measured:
    """B2: the law of the sizes at the best prices: shape of a gamma law, and skewness."""
    day = context.day
    _need_book(day)
    _need_time(day)
    good = day.dwell_ns > 0
    lots = np.concatenate([day.after.bid_lots[good], day.after.ask_lots[good]]).astype(float)
    dwell = np.tile(day.dwell_ns[good], 2).astype(float)
    times = np.tile(day.ts_ns[good], 2)
    found = context.measure(("gamma_shape", "skewness"), times, size_columns(lots, dwell), size_of_sums)
    unit = float(day.info.lot)
    found.values["mean"] = float(np.average(lots, weights=dwell)) * unit
    found.values["median"] = float(weighted_quantile(lots, dwell, (0.5,))[0]) * unit
    return found


def depth_shape(day: Day) -> np.ndarray:
    """Lots per tick behind the best price, in the bins of SHAPE_EDGES; float [pictures, bins], both sides together."""
    price, lots = day.pictures[..., 0], day.pictures[..., 1]
    behind = np.abs(price - price[..., :1])
    place = np.searchsorted(SHAPE_EDGES, behind, side="right") - 1
    there = (lots > 0) & (place < len(SHAPE_EDGES) - 1)
    bins = len(SHAPE_EDGES) - 1
    number = np.arange(len(price))[:, None, None] * bins + place
    total = np.bincount(number[there], lots[there], len(price) * bins).reshape(-1, bins)
    return total / (2 * np.diff(SHAPE_EDGES))


def hump(context: Context) -> Measured:
    """B3: mean depth per tick against the distance behind the best price; where it is largest, and how much larger than one tick behind."""
    day = context.day
    context.need_depth(_FEWEST_LEVELS, "the shape of the book")
    _need_book(day)
    _need_time(day)
    shape = depth_shape(day)
    spread_ticks = float(np.average(np.nan_to_num(day.after.spread), weights=day.dwell_ns))
    small = spread_ticks > _SMALL_TICK_SPREAD
    sums = block_sums(context.block(day.picture_ns), context.resampler.blocks, [*shape.T, np.ones(len(shape))])
    middle = (np.array(SHAPE_EDGES[1:]) + np.array(SHAPE_EDGES[:-1]) - 1) / 2

    def statistic(total: np.ndarray) -> np.ndarray:
        mean = total[..., :-1] / total[..., -1:]
        behind = mean[..., 1:]  # the best price itself is never empty, so it says nothing about a shape
        peak = middle[1:][behind.argmax(axis=-1)]
        return np.stack([peak, behind.max(axis=-1) / behind[..., 0], behind[..., -1] / behind.max(axis=-1)], axis=-1)

    note = f"{'small' if small else 'large'} tick: mean spread {spread_ticks:.1f} ticks"
    return context.measure_sums(("peak_ticks", "peak_to_first", "far_to_peak"), sums, statistic, note)


def imbalance(context: Context) -> Measured:
    """B4: how often the next change of the mid is up, by decile of the imbalance of the best sizes; and how the share rises with the decile."""
    day = context.day
    mid = np.where(day.continuous, day.after.mid, np.nan)
    rows = np.flatnonzero(day.live & np.isfinite(mid))
    if len(rows) < 1000:
        raise NotMeasurable(f"there are {len(rows)} rows with a whole book, 1000 are needed")
    up = next_move(mid[rows])
    rows, up = rows[up != 0], up[up != 0]
    if len(rows) < 1000:
        raise NotMeasurable(f"the mid changes after {len(rows)} rows only, 1000 are needed")
    known = day.after.imbalance[rows]
    decile = np.searchsorted(np.quantile(known, np.arange(1, 10) / 10), known, side="left")
    columns = [
        column for place in range(10) for column in ((up > 0) * (decile == place), (decile == place).astype(float))
    ]

    def statistic(sums: np.ndarray) -> np.ndarray:
        share = ratios_of_sums(sums)
        filled = np.where(np.isfinite(share), share, 0.5)
        place = np.arange(10) - 4.5
        centred = filled - filled.mean(axis=-1, keepdims=True)
        slope = (centred * place).sum(axis=-1) / np.sqrt((centred**2).sum(axis=-1) * (place**2).sum())
        return np.stack([share[..., 0], share[..., -1], slope], axis=-1)

    return context.measure(("lowest_decile", "highest_decile", "correlation"), day.ts_ns[rows], columns, statistic)


def next_move(mid: np.ndarray) -> np.ndarray:
    """Sign of the next change of a series after each entry, 0 where it never changes again."""
    step = np.sign(np.diff(mid, append=mid[-1:])).astype(int)
    last = len(step)
    place = np.minimum.accumulate(np.where(step != 0, np.arange(last), last)[::-1])[::-1]
    return np.append(step, 0)[place]
