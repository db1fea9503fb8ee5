"""Six impact-response curves (LOB-Bench): how far the mid goes after market orders, limit orders and cancellations.

Each kind is split into events that leave the best prices as they are (_0) and events that change one (_1); only events at the best prices count, and
time is counted in them.  Executions of one aggressor are one event, whatever prices it swept.  The sign is the direction that should move the price up:
that of a limit order's own side, against that of the side that a cancellation or market order takes from.
"""

from __future__ import annotations

import numpy as np

from lobsim.realism.facts.measured import Context, NotMeasurable
from lobsim.realism.intervals import block_sums
from lobsim.types import Kind, Side

EVENTS = ("MO_0", "MO_1", "LO_0", "LO_1", "CA_0", "CA_1")
LAGS = np.unique(np.floor(10 ** np.arange(0.3, 2.31, 0.1) + 1e-9).astype(int))
_FEWEST = 500


def _events_at_best(context: Context) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows of events that touch the best prices, in order; 0 market order, 1 limit order, 2 cancellation; sign; and the row after which each is over."""
    day = context.day
    before = day.after.at(np.arange(len(day.ts_ns)) - 1)
    buys = day.side == Side.BUY
    best = np.where(buys, before.bid_ticks, before.ask_ticks)
    there = before.valid & day.after.valid & day.live
    limit = there & (day.kind == Kind.ADD) & np.where(buys, day.price_ticks >= best, day.price_ticks <= best)
    cancel = there & np.isin(day.kind, (Kind.DELETE, Kind.REDUCE)) & (day.order_ticks == best)
    orders = day.orders
    executed = np.flatnonzero(day.live & (day.kind == Kind.EXECUTE) & (day.side >= 0))
    ends = executed[np.cumsum(orders.executions) - 1] if orders.number else np.zeros(0, int)
    whole = there[orders.row] & day.after.valid[ends]
    side = np.where(buys, 1, -1)
    lo, ca = np.flatnonzero(limit), np.flatnonzero(cancel)
    rows = np.concatenate([orders.row[whole], lo, ca])
    kind = np.repeat((0, 1, 2), (int(whole.sum()), len(lo), len(ca)))
    sign = np.concatenate([orders.sign[whole], side[lo], -side[ca]])
    over = np.concatenate([ends[whole], lo, ca])
    place = np.argsort(rows, kind="stable")
    return rows[place], kind[place], sign[place], over[place]


def response_sums(context: Context) -> np.ndarray:
    """float [sequences, events, lags, 2]: signed moves of the mid in ticks, and how many."""
    context.need_orders()
    day = context.day
    rows, kind, sign, over = _events_at_best(context)
    if len(rows) < _FEWEST:
        raise NotMeasurable(f"there are {len(rows)} events at the best prices, {_FEWEST} are needed")
    before = day.after.at(rows - 1)
    after = day.after.at(over)
    changed = (before.bid_ticks != after.bid_ticks) | (before.ask_ticks != after.ask_ticks)
    number = 2 * kind + changed
    start, end = before.mid, after.mid
    columns = []
    for event in range(len(EVENTS)):
        mine = number == event
        for lag in LAGS:
            gone = np.full(len(rows), np.nan)
            gone[: len(rows) - lag + 1] = (sign * 1.0)[: len(rows) - lag + 1] * (
                end[lag - 1 :] - start[: len(rows) - lag + 1]
            )
            gone[~mine] = np.nan
            columns += [gone, np.isfinite(gone)]
    sums = block_sums(context.block(day.ts_ns[rows]), context.resampler.blocks, columns)
    return sums.reshape(len(sums), len(EVENTS), len(LAGS), 2)


def curves(sums: np.ndarray) -> np.ndarray:
    """float [..., events, lags]: mean response in ticks, of sums added over sequences."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]
