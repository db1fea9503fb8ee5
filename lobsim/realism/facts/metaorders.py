"""Facts I3 and I4: what a large order that is worked over time does to the price; and the curve behind them.  Only a simulation knows whose orders are whose.

The table of metaorders (``measured.METAORDERS``) comes from whoever made the day.  Impact is the mid in the direction of the metaorder, from just before its first child
order.  Only metaorders within the day count.  Intervals draw whole metaorders again, those that began within the same five minutes together: metaorders worked at one time share the noise of the price, and drawn one by
one they would seem to know more than they do.

Known limit: metaorders that are not done when the day ends are not in the table, and one that ends too late for its decay to be seen is left out of I4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lobsim.realism.facts.measured import METAORDERS, Context, Measured, NotMeasurable
from lobsim.realism.intervals import block_sums
from lobsim.types import Side

_FEWEST = 30
_BINS = 8
_FEWEST_IN_BIN = 10
_CURVE_POINTS = 20
"""Points of a curve for each duration of the metaorder."""
_DURATIONS = 3


@dataclass(frozen=True)
class _Metaorders:
    """Those within the day: times, sign (+1 buys), lots, mid just before the first child order (ticks); arrays [n]."""

    start_ns: np.ndarray
    end_ns: np.ndarray
    sign: np.ndarray
    lots: np.ndarray
    before: np.ndarray

    def impact(self, context: Context, at_ns: np.ndarray) -> np.ndarray:
        """Ticks the mid has gone in each one's direction, at a time for each; nan where there is none or the day is over."""
        gone = self.sign * (context.day.mid_at(at_ns) - self.before)
        return np.where(at_ns <= context.day.end_ns, gone, np.nan)


def _taken(context: Context) -> _Metaorders:
    """The day's metaorders; raises NotMeasurable without enough of them."""
    table, day = context.metaorders, context.day
    if table is None:
        raise NotMeasurable("nobody knows whose an order is: a table of metaorders is needed")
    columns = {name: table[name].to_numpy() for name in METAORDERS}
    within = (columns["start_ns"] > day.start_ns) & (columns["end_ns"] <= day.end_ns) & (columns["size_lots"] > 0)
    if (count := int(within.sum())) < _FEWEST:
        raise NotMeasurable(f"there are {count} metaorders within the day, {_FEWEST} are needed")
    start_ns, end_ns, side, lots = (columns[name][within] for name in METAORDERS)
    sign = np.where(side == Side.BUY, 1, -1)
    return _Metaorders(start_ns, end_ns, sign, lots, day.mid_at(start_ns - 1))


def _scales(context: Context) -> tuple[float, float]:
    """What the day moves, root of the sum of squared one-minute changes of the mid (ticks), and what it trades (lots, hidden executions included)."""
    day = context.day
    minutes = day.mid_at(day.grid_ns(60 * 10**9))
    volume = day.orders.size_lots.sum() + day.size_lots[day.hidden].sum()
    return float(np.sqrt(np.nansum(np.diff(minutes) ** 2))), float(max(volume, 1))


def _size_bins(share: np.ndarray) -> np.ndarray:
    """The bin of each size: equally wide in ln size; one with hardly a member goes with the next smaller, the first with the next larger."""
    logs = np.log(share)
    width = max((logs.max() - logs.min()) / _BINS, 1e-12)
    place = np.minimum(((logs - logs.min()) / width).astype(int), _BINS - 1)
    counts = np.bincount(place, minlength=_BINS)
    merged, held = np.zeros(_BINS, int), 0
    for number in range(1, _BINS):
        held += counts[number - 1]
        rest = counts[number:].sum()
        opens = held >= _FEWEST_IN_BIN and rest >= _FEWEST_IN_BIN
        merged[number] = merged[number - 1] + opens
        held = 0 if opens else held
    return merged[place]


def _power_law(size: np.ndarray, mean: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Exponent and factor of mean = factor size^exponent: least squares in logarithms, each point by its relative precision; points at or below 0 left out."""
    good = np.isfinite(mean) & (mean > 0) & np.isfinite(error)
    if good.sum() < 3:
        return np.nan, np.nan
    x, y = np.log(size[good]), np.log(mean[good])
    weight = 1 / np.maximum(error[good] / mean[good], 1e-6) ** 2
    centre_x, centre_y = np.average(x, weights=weight), np.average(y, weights=weight)
    exponent = float((weight * (x - centre_x) * (y - centre_y)).sum() / (weight * (x - centre_x) ** 2).sum())
    return exponent, float(np.exp(centre_y - exponent * centre_x))


def square_root(context: Context) -> Measured:
    """I3: exponent of the impact at the end, in daily volatilities, in the share of the day's volume, over bins of size; and the factor at it."""
    taken = _taken(context)
    sigma, volume = _scales(context)
    if sigma == 0:
        raise NotMeasurable("the price does not move from minute to minute")
    moved = taken.impact(context, taken.end_ns) / sigma
    share = taken.lots / volume
    place = _size_bins(share)
    bins = int(place.max()) + 1
    columns = []
    for number in range(bins):
        mine = (place == number) & np.isfinite(moved)
        columns += [mine, np.where(mine, share, 0), np.where(mine, moved, 0), np.where(mine, moved**2, 0)]

    def statistic(sums: np.ndarray) -> np.ndarray:
        values = []
        for one in sums.reshape(-1, bins, 4):
            count = one[:, 0]
            size, mean, square = one[:, 1] / count, one[:, 2] / count, one[:, 3] / count
            values.append(_power_law(size, mean, np.sqrt(np.maximum(square - mean**2, 0) / count)))
        return np.array(values).reshape(*sums.shape[:-1], 2)

    note = f"{len(moved)} metaorders in {bins} bins of size"
    return context.measure(("delta", "factor"), taken.start_ns, columns, statistic, note)


def decay(context: Context) -> Measured:
    """I4: share of the impact at the end of a metaorder that is gone once as much time again has passed; also of the smaller and of the larger half."""
    taken = _taken(context)
    peak = taken.impact(context, taken.end_ns)
    after = taken.impact(context, 2 * taken.end_ns - taken.start_ns)
    both = np.isfinite(peak) & np.isfinite(after) & (taken.end_ns > taken.start_ns)
    if both.sum() < _FEWEST:
        raise NotMeasurable(
            f"{int(both.sum())} metaorders of several child orders end early enough, {_FEWEST} are needed"
        )
    large = taken.lots > np.median(taken.lots[both])
    columns = []
    for mine in (both, both & ~large, both & large):
        columns += [np.where(mine, peak, 0), np.where(mine, after, 0)]

    def statistic(sums: np.ndarray) -> np.ndarray:
        pairs = sums[..., :-1].reshape(*sums.shape[:-1], 3, 2)
        gone = 1 - pairs[..., 1] / pairs[..., 0]
        return np.concatenate([gone, (sums[..., 0] / sums[..., -1])[..., None]], axis=-1)

    names = ("decay", "decay_small", "decay_large", "peak_ticks")
    note = f"{int(both.sum())} metaorders of several child orders"
    return context.measure(names, taken.start_ns, [*columns, both], statistic, note)


@dataclass(frozen=True)
class ImpactCurve:
    """The impact of metaorders of about one size while they are worked and after.

    metaorders  how many;  lots  their mean size
    durations   float [points]: time from the first child order, in durations of the metaorder: 1 is its end
    ticks       float [points]: mean impact;  low, high: 95 % interval
    """

    metaorders: int
    lots: float
    durations: np.ndarray
    ticks: np.ndarray
    low: np.ndarray
    high: np.ndarray


def impact_curves(context: Context, sizes: int = 3) -> list[ImpactCurve]:
    """Rise, peak and decay of the impact by size, smallest first; sizes of equal count as far as they can be told apart.

    The same metaorders count at every point: those seen for three times their duration.  Raises NotMeasurable without enough of them.
    """
    taken = _taken(context)
    length_ns = taken.end_ns - taken.start_ns
    steps = np.arange(_DURATIONS * _CURVE_POINTS + 1)
    at_ns = taken.start_ns[:, None] + length_ns[:, None] * steps // _CURVE_POINTS
    at_ns[:, 0] -= 1
    gone = np.stack([taken.impact(context, at_ns[:, step]) for step in steps], axis=1)
    whole = np.flatnonzero(np.isfinite(gone).all(axis=1) & (length_ns > 0))
    if len(whole) < _FEWEST:
        raise NotMeasurable(f"{len(whole)} metaorders are seen for three times their duration, {_FEWEST} are needed")
    sizes = max(min(sizes, len(whole) // _FEWEST), 1)
    edges = np.unique(np.quantile(taken.lots[whole], np.arange(1, sizes) / sizes))
    place = np.searchsorted(edges, taken.lots[whole], side="left")
    return [
        _curve(context, gone[mine], taken.lots[mine], taken.start_ns[mine])
        for number in range(len(edges) + 1)
        if len(mine := whole[place == number])
    ]


def _curve(context: Context, gone: np.ndarray, lots: np.ndarray, start_ns: np.ndarray) -> ImpactCurve:
    """The mean of some curves, float [metaorders, points], and its interval."""
    columns = [np.ones(len(gone)), *gone.T]
    sums = block_sums(context.block(start_ns), context.resampler.blocks, columns)
    ticks, found = context.resampler.of_sums(sums, lambda total: total[..., 1:] / total[..., :1])
    low, high = (np.array([np.nan if one is None else one[end] for one in found]) for end in (0, 1))
    return ImpactCurve(len(gone), float(lots.mean()), np.arange(gone.shape[1]) / _CURVE_POINTS, ticks, low, high)
