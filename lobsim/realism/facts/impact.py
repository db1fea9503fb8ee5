"""Facts I1, I2 and I5 to I10: what trades and order flow do to the price."""

from __future__ import annotations

import numpy as np

from lobsim.realism.estimators import correlation_columns, correlation_of_sums, log_log_slope, ratios_of_sums
from lobsim.realism.facts.measured import Context, Measured, NotMeasurable
from lobsim.realism.intervals import block_sums
from lobsim.realism.prepare import SECOND_NS, Day

RESPONSE_LAGS = (1, 2, 5, 10, 20, 50)
OFI_S = (1, 10, 30, 60)
REALISED_S = (1, 10, 60)
RELAXATION_S = (0.1, 0.3, 1, 3, 10)
_SIZE_BINS = 10
_FEWEST_BUCKETS = 20


def response(context: Context) -> Measured:
    """I1: how far the mid has gone in the direction of a market order so many market orders later, in ticks; from before the first of them."""
    context.need_market_orders()
    orders = context.day.orders
    columns = []
    for lag in RESPONSE_LAGS:
        gone = np.full(orders.number, np.nan)
        gone[:-lag] = orders.sign[:-lag] * (orders.mid_before[lag:] - orders.mid_before[:-lag])
        columns += [gone, np.isfinite(gone)]

    def statistic(sums: np.ndarray) -> np.ndarray:
        ticks = ratios_of_sums(sums)
        return np.concatenate([ticks, ticks[..., -1:] / ticks[..., :1]], axis=-1)

    names = [*(f"lag_{lag}" for lag in RESPONSE_LAGS), "last_to_first"]
    return context.measure(names, orders.ts_ns, columns, statistic)


def concavity(context: Context) -> Measured:
    """I2: exponent of the response at lag 1 in the size of the market order, by least squares over ten bins of equal count."""
    context.need_market_orders(500)
    orders = context.day.orders
    gone = orders.sign[:-1] * np.diff(orders.mid_before)
    size = orders.size_lots[:-1].astype(float)
    edges = np.unique(np.quantile(size, np.arange(1, _SIZE_BINS) / _SIZE_BINS))
    if len(edges) < 2:
        raise NotMeasurable("market orders hardly differ in size")
    place = np.searchsorted(edges, size, side="left")
    good = np.isfinite(gone)
    columns = []
    for number in range(len(edges) + 1):
        mine = (place == number) & good
        columns += [np.where(mine, size, 0), np.where(mine, gone, 0), mine]

    def statistic(sums: np.ndarray) -> np.ndarray:
        groups = sums.reshape(-1, len(edges) + 1, 3)
        slopes = [log_log_slope(g[:, 0] / g[:, 2], g[:, 1] / g[:, 2], g[:, 2]) for g in groups]
        return np.array(slopes).reshape(*sums.shape[:-1], 1)

    return context.measure(("exponent",), orders.ts_ns[:-1], columns, statistic)


def spread_volatility(context: Context) -> Measured:
    """I5: mean spread at market orders over the standard deviation of the mid from one to the next."""
    context.need_market_orders()
    orders = context.day.orders
    moved = np.append(np.diff(orders.mid_before), np.nan)
    columns = [orders.spread_before, np.isfinite(orders.spread_before), moved**2, np.isfinite(moved)]

    def statistic(sums: np.ndarray) -> np.ndarray:
        means = ratios_of_sums(sums)
        sigma = np.sqrt(means[..., 1])
        return np.stack([means[..., 0] / sigma, means[..., 0], sigma], axis=-1)

    return context.measure(("ratio", "spread_ticks", "sigma_ticks"), orders.ts_ns, columns, statistic)


def spread_impact(context: Context) -> Measured:
    """I6: slope of the volume-weighted spread on the volume-weighted response at lag 1, over buckets of five minutes."""
    context.need_market_orders(1000)
    orders = context.day.orders
    if context.resampler.blocks < _FEWEST_BUCKETS:
        raise NotMeasurable(
            f"there are {context.resampler.blocks} buckets of five minutes, {_FEWEST_BUCKETS} are needed"
        )
    gone = np.append(orders.sign[:-1] * np.diff(orders.mid_before), np.nan)
    size = np.where(np.isfinite(gone) & np.isfinite(orders.spread_before), orders.size_lots, 0).astype(float)
    columns = [size, size * np.nan_to_num(orders.spread_before), size * np.nan_to_num(gone)]
    sums = block_sums(context.block(orders.ts_ns), context.resampler.blocks, columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread, impact = sums[:, 1] / sums[:, 0], sums[:, 2] / sums[:, 0]
    points = np.nan_to_num(np.stack(correlation_columns(impact, spread), axis=1))
    ratio = np.nanstd(spread) / (np.nanstd(impact) or 1.0)

    def statistic(total: np.ndarray) -> np.ndarray:
        n, x, y, xx, _, xy = (total[..., place] for place in range(6))
        return ((xy / n - x * y / n**2) / (xx / n - (x / n) ** 2) * ratio)[..., None]

    return context.measure_sums(
        ("slope",), points, statistic, "over the day's own buckets; the reference is over stocks"
    )


def order_flow(day: Day) -> np.ndarray:
    """Order-flow imbalance of each row in lots (Cont, Kukanov, Stoikov 2014); 0 where a book is missing.

    What joins the best bid, less what leaves it, less what joins the best ask, plus what leaves it.
    """
    now = day.after
    then = now.at(np.arange(len(day.ts_ns)) - 1)
    bid = np.where(now.bid_ticks >= then.bid_ticks, now.bid_lots, 0) - np.where(
        now.bid_ticks <= then.bid_ticks, then.bid_lots, 0
    )
    ask = np.where(now.ask_ticks <= then.ask_ticks, now.ask_lots, 0) - np.where(
        now.ask_ticks >= then.ask_ticks, then.ask_lots, 0
    )
    return np.where(now.valid & then.valid & day.continuous, bid - ask, 0).astype(float)


def _flow_and_moves(context: Context, step_s: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, order-flow imbalance and change of the mid of each bucket."""
    day = context.day
    grid = day.grid_ns(step_s * SECOND_NS)
    total = np.concatenate([[0.0], np.cumsum(order_flow(day))])
    return grid[:-1], np.diff(total[day.row_at(grid) + 1]), np.diff(day.mid_at(grid))


def _flow_r2(context: Context, ahead: int) -> Measured:
    """R2 of the change of the mid on the imbalance of the same bucket, or of one before it."""
    sums, names = [], []
    for step_s in OFI_S:
        times, flow, moves = _flow_and_moves(context, step_s)
        if len(times) < _FEWEST_BUCKETS:
            continue
        moves = np.append(moves[ahead:], np.full(ahead, np.nan))
        columns = correlation_columns(flow, moves)
        sums.append(block_sums(context.block(times), context.resampler.blocks, columns))
        names.append(f"r2_{step_s}_s")
    if "r2_10_s" not in names:
        raise NotMeasurable(f"the window is {context.day.seconds:.0f} s long, {10 * _FEWEST_BUCKETS} s are needed")
    return context.measure_sums(names, np.concatenate(sums, axis=1), lambda total: correlation_of_sums(total) ** 2)


def flow_explains(context: Context) -> Measured:
    """I7: R2 of moves of the mid on the order-flow imbalance of the same bucket."""
    return _flow_r2(context, 0)


def flow_predicts(context: Context) -> Measured:
    """I8: R2 of moves of the mid on the order-flow imbalance of the bucket before."""
    return _flow_r2(context, 1)


def half_spreads(context: Context) -> Measured:
    """I9: half the spread that market orders paid, that was quoted as they came, and that was left to the other side later; in ticks, a market order counting once."""
    context.need_market_orders()
    day, orders = context.day, context.day.orders
    one = np.isfinite(orders.mid_before)
    paid = orders.sign * (orders.vwap_ticks - orders.mid_before)
    columns = [paid, one, orders.spread_before / 2, one]
    for later_s in REALISED_S:
        later_ns = orders.ts_ns + later_s * SECOND_NS
        left = orders.sign * (orders.vwap_ticks - day.mid_at(later_ns))
        left = np.where(one & (later_ns <= day.end_ns), left, np.nan)
        columns += [left, np.isfinite(left)]

    def statistic(sums: np.ndarray) -> np.ndarray:
        means = ratios_of_sums(sums)
        return np.concatenate([means, means[..., -1:] - means[..., :1]], axis=-1)

    names = ("effective", "quoted", *(f"realised_{later_s}_s" for later_s in REALISED_S), "realised_less_effective")
    return context.measure(names, orders.ts_ns, columns, statistic)


def relaxation(context: Context) -> Measured:
    """I10: how far the spread lies above its local mean some time after it opened by a tick or more, in ticks; the mean is that of five minutes."""
    day = context.day
    ticks = np.where(day.continuous, day.after.spread, np.nan)
    opened = np.flatnonzero(day.live[1:] & (np.diff(ticks) >= 1)) + 1
    opened = opened[day.row_at(day.ts_ns[opened]) == opened]
    if len(opened) < 200:
        raise NotMeasurable(f"the spread opens {len(opened)} times, 200 are needed")
    block = context.block(day.ts_ns)
    dwell = day.dwell_ns.astype(float)
    level = block_sums(block, context.resampler.blocks, [np.nan_to_num(ticks) * dwell, dwell])
    with np.errstate(divide="ignore", invalid="ignore"):
        usual = (level[:, 0] / level[:, 1])[block[opened]]
    columns = []
    for later_s in RELAXATION_S:
        later_ns = day.ts_ns[opened] + int(later_s * SECOND_NS)
        above = np.where(later_ns <= day.end_ns, ticks[day.row_at(later_ns)] - usual, np.nan)
        columns += [above, np.isfinite(above)]

    def statistic(sums: np.ndarray) -> np.ndarray:
        above = ratios_of_sums(sums)
        return np.concatenate([above, above[..., -1:] / above[..., :1]], axis=-1)

    names = [*(f"after_{later_s:g}_s" for later_s in RELAXATION_S), "last_to_first"]
    return context.measure(names, day.ts_ns[opened], columns, statistic)
