"""Facts I3 and I4: what a large order that is worked over time does to the price.  Only a simulation knows whose orders are whose.

The table of metaorders (``measured.METAORDERS``) comes from whoever made the day.
"""

from __future__ import annotations

import numpy as np

from lobsim.realism.estimators import log_log_slope
from lobsim.realism.facts.measured import METAORDERS, Context, Measured, NotMeasurable
from lobsim.types import Side

_FEWEST = 30
_SIZE_BINS = 6


def _columns(context: Context) -> dict[str, np.ndarray]:
    """The metaorders' columns; raises NotMeasurable without them."""
    table = context.metaorders
    if table is None:
        raise NotMeasurable("nobody knows whose an order is: a table of metaorders is needed")
    if len(table) < _FEWEST:
        raise NotMeasurable(f"there are {len(table)} metaorders, {_FEWEST} are needed")
    return {name: table[name].to_numpy() for name in METAORDERS}


def square_root(context: Context) -> Measured:
    """I3: exponent of the impact in the share of the day's volume, over bins of equal count; and the factor at it, in daily volatilities."""
    columns, day = _columns(context), context.day
    sign = np.where(columns["side"] == Side.BUY, 1, -1)
    moved = sign * (day.mid_at(columns["end_ns"]) - day.mid_at(columns["start_ns"] - 1))
    volume = day.orders.size_lots.sum() + day.size_lots[day.hidden].sum()
    minutes = day.mid_at(day.grid_ns(60 * 10**9))
    sigma = np.sqrt(np.nansum(np.diff(minutes) ** 2))
    share = columns["size_lots"] / max(volume, 1)
    good = np.isfinite(moved)

    def statistic(members: np.ndarray) -> list[float]:
        mine = members[good[members]]
        parts = np.array_split(mine[np.argsort(share[mine], kind="stable")], _SIZE_BINS)
        size = np.array([share[part].mean() for part in parts])
        gone = np.array([moved[part].mean() for part in parts]) / sigma
        delta = log_log_slope(size, gone)
        above = gone > 0
        factor = float(np.exp(np.mean(np.log(gone[above]) - delta * np.log(size[above])))) if above.any() else np.nan
        return [delta, factor]

    values, found = context.resampler.of_members(context.block(columns["start_ns"]), statistic)
    known = {name: interval for name, interval in zip(("delta", "factor"), found, strict=True) if interval is not None}
    return Measured(dict(zip(("delta", "factor"), values, strict=True)), known, f"{len(sign)} metaorders")


def decay(context: Context) -> Measured:
    """I4: share of the impact at the end of a metaorder that is gone once as much time again has passed."""
    columns, day = _columns(context), context.day
    sign = np.where(columns["side"] == Side.BUY, 1, -1)
    before = day.mid_at(columns["start_ns"] - 1)
    later_ns = 2 * columns["end_ns"] - columns["start_ns"]
    peak = sign * (day.mid_at(columns["end_ns"]) - before)
    after = np.where(later_ns <= day.end_ns, sign * (day.mid_at(later_ns) - before), np.nan)
    both = np.isfinite(peak) & np.isfinite(after)
    if both.sum() < _FEWEST:
        raise NotMeasurable(f"{int(both.sum())} metaorders end early enough, {_FEWEST} are needed")
    sums = [np.where(both, peak, 0), np.where(both, after, 0), both]

    def statistic(total: np.ndarray) -> np.ndarray:
        return np.stack([1 - total[..., 1] / total[..., 0], total[..., 0] / total[..., 2]], axis=-1)

    return context.measure(
        ("decay", "peak_ticks"), columns["start_ns"], sums, statistic, f"{int(both.sum())} metaorders"
    )
