"""Facts R1 to R7: how prices move.  Returns are of the mid."""

from __future__ import annotations

import numpy as np

from lobsim.realism.estimators import (
    acf_columns,
    acf_of_sums,
    correlation_columns,
    correlation_of_sums,
    hill,
    kurtosis_columns,
    kurtosis_of_sums,
    ratios_of_sums,
)
from lobsim.realism.facts.measured import Context, Measured, NotMeasurable, rolled
from lobsim.realism.intervals import block_sums
from lobsim.realism.prepare import SECOND_NS

HORIZONS_S = (1, 5, 10, 30, 60)
SIGNATURE_S = (0.1, 1, 5, 10, 30, 60)
_ENOUGH_FOR_ACF = 200
_ENOUGH_FOR_TAIL = 1000


def _horizon_with(context: Context, enough: int, horizons_s: tuple[int, ...]) -> int:
    """The longest horizon of which the day holds enough returns; raises NotMeasurable."""
    for horizon_s in sorted(horizons_s, reverse=True):
        if context.day.seconds / horizon_s >= enough:
            return horizon_s
    raise NotMeasurable(f"the window is {context.day.seconds:.0f} s long, {enough * min(horizons_s)} s are needed")


def linear(context: Context) -> Measured:
    """R1: autocorrelation of returns at lag 1, and its mean over lags 2 to 10, which one day tells better than each alone."""
    horizon_s = _horizon_with(context, _ENOUGH_FOR_ACF, (10, 60))
    times, returns = rolled(context.day, horizon_s * SECOND_NS)

    def statistic(sums: np.ndarray) -> np.ndarray:
        acf = acf_of_sums(sums)
        return np.stack([acf[..., 0], acf[..., 1:].mean(axis=-1)], axis=-1)

    columns = acf_columns(returns, range(1, 11))
    count = int(np.isfinite(returns).sum())
    return context.measure(
        ("lag_1", "mean_lags_2_10"), times, columns, statistic, f"{count} returns over {horizon_s} s"
    )


def tails(context: Context) -> Measured:
    """R2: Hill's index of the largest 5 % of absolute returns, at the longest horizon with 1,000 of them."""
    horizon_s = _horizon_with(context, _ENOUGH_FOR_TAIL, HORIZONS_S)
    times, returns = rolled(context.day, horizon_s * SECOND_NS)
    size = np.abs(returns)
    values, found = context.resampler.of_members(context.block(times), lambda members: [hill(size[members])])
    known = {"alpha": found[0]} if found[0] is not None else {}
    return Measured({"alpha": values[0]}, known, f"{int(np.isfinite(size).sum())} returns over {horizon_s} s")


def kurtosis(context: Context) -> Measured:
    """R3: excess kurtosis of returns over growing horizons, and its rank correlation with the horizon (-1: it always falls)."""
    if context.day.seconds < 20 * HORIZONS_S[-1]:
        raise NotMeasurable(f"the window is {context.day.seconds:.0f} s long, {20 * HORIZONS_S[-1]} s are needed")
    sums = []
    for horizon_s in HORIZONS_S:
        times, returns = rolled(context.day, horizon_s * SECOND_NS)
        sums.append(block_sums(context.block(times), context.resampler.blocks, kurtosis_columns(returns)))

    def statistic(total: np.ndarray) -> np.ndarray:
        values = kurtosis_of_sums(total)
        ranks = values.argsort(axis=-1).argsort(axis=-1)
        count = len(HORIZONS_S)
        squares = ((ranks - np.arange(count)) ** 2).sum(axis=-1, keepdims=True)
        return np.concatenate([values, 1 - 6 * squares / (count * (count**2 - 1))], axis=-1)

    names = [*(f"{horizon_s}_s" for horizon_s in HORIZONS_S), "rank_correlation"]
    return context.measure_sums(names, np.concatenate(sums, axis=1), statistic)


def clustering(context: Context) -> Measured:
    """R4: autocorrelation of absolute returns over one second, at lag 1 and on average over lags 2 to 20."""
    if context.day.seconds < 600:
        raise NotMeasurable(f"the window is {context.day.seconds:.0f} s long, 600 s are needed")
    times, returns = rolled(context.day, SECOND_NS)

    def statistic(sums: np.ndarray) -> np.ndarray:
        acf = acf_of_sums(sums)
        return np.stack([acf[..., 0], acf[..., 1:].mean(axis=-1)], axis=-1)

    columns = acf_columns(np.abs(returns), range(1, 21))
    note = "the decay over many lags of minutes needs many days"
    return context.measure(("lag_1", "mean_lags_2_20"), times, columns, statistic, note)


def signature(context: Context) -> Measured:
    """R5: realised variance per second, in square ticks, against the step it is measured with; and how the finest compares with the coarsest."""
    if context.day.seconds < 20 * SIGNATURE_S[-1]:
        raise NotMeasurable(f"the window is {context.day.seconds:.0f} s long, {20 * SIGNATURE_S[-1]:.0f} s are needed")
    sums = []
    for step_s in SIGNATURE_S:
        grid = context.day.grid_ns(int(step_s * SECOND_NS))
        squares = np.diff(context.day.mid_at(grid)) ** 2
        columns = [squares, np.isfinite(squares) * step_s]
        sums.append(block_sums(context.block(grid[:-1]), context.resampler.blocks, columns))

    def statistic(total: np.ndarray) -> np.ndarray:
        rates = ratios_of_sums(total)
        return np.concatenate([rates, rates[..., :1] / rates[..., -1:]], axis=-1)

    names = [*(f"{step_s:g}_s" for step_s in SIGNATURE_S), "finest_to_coarsest"]
    return context.measure_sums(names, np.concatenate(sums, axis=1), statistic)


def leverage(context: Context) -> Measured:
    """R6: correlation of a return with the squared return one step later."""
    horizon_s = _horizon_with(context, _ENOUGH_FOR_ACF, (10, 60))
    times, returns = rolled(context.day, horizon_s * SECOND_NS)
    later = np.append(returns[1:] ** 2, np.nan)
    columns = correlation_columns(returns, later)
    return context.measure(("lag_1",), times, columns, correlation_of_sums, f"over {horizon_s} s")


def volume_volatility(context: Context) -> Measured:
    """R7: correlation of what is traded within a minute, hidden executions included, with the absolute return of it."""
    day = context.day
    step_ns = 60 * SECOND_NS
    times, returns = rolled(day, step_ns)
    if np.isfinite(returns).sum() < 20:
        raise NotMeasurable(f"there are {int(np.isfinite(returns).sum())} minutes with a return, 20 are needed")
    traded_ns = np.concatenate([day.orders.ts_ns, day.ts_ns[day.hidden]])
    lots = np.concatenate([day.orders.size_lots, day.size_lots[day.hidden]])
    minute = (traded_ns - day.start_ns) // step_ns
    volume = np.bincount(minute, lots, len(returns) + 1)[: len(returns)]
    columns = correlation_columns(volume, np.abs(returns))
    return context.measure(("correlation",), times, columns, correlation_of_sums, f"{len(returns)} minutes")
