"""Days prepared for statistics without a replay, with a path and a flow that the caller chose: for what judges a market.

Invariant: what the caller does not give is a quiet market: one lot on either side, one tick from the mid, no market order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lobsim.feeds.schema import DatasetInfo
from lobsim.realism.lives import Lives
from lobsim.realism.market_orders import MarketOrders
from lobsim.realism.prepare import Day, Touch
from lobsim.types import NEVER, Fidelity, Kind

SECOND = 10**9
MIDDLE = 100_000
LEVELS = 60


def info(fidelity: Fidelity = Fidelity.L3_FULL, depth: int = 0, end_ns: int = 3600 * SECOND) -> DatasetInfo:
    """A made-up day from time 0 on."""
    return DatasetInfo(
        symbol="XYZ", venue="MADE_UP", date="1970-01-01", currency="USD", price_quantum="0.01", tick_quanta=1, lot="1",
        fidelity=fidelity, depth=depth, session_start_ns=0, session_end_ns=end_ns, source="made_up.csv", source_sha256="0" * 64,
    )  # fmt: skip


def touch_at(mid_ticks: np.ndarray, half_spread: int = 1, bid_lots: Any = 1, ask_lots: Any = 1) -> Touch:
    """Best prices around whole mids."""
    mid = np.asarray(mid_ticks, np.int64)
    lots = [np.broadcast_to(np.asarray(size, np.int64), mid.shape).copy() for size in (bid_lots, ask_lots)]
    return Touch(mid - half_spread, lots[0], mid + half_spread, lots[1])


def flow_day(
    ts_ns: Any,
    mid_ticks: Any = MIDDLE,
    *,
    after: Touch | None = None,
    kind: Any = Kind.ADD,
    side: Any = 0,
    size: Any = 1,
    behind: Any = 0,
    signs: Any = None,
    lives: Lives | None = None,
    **described: Any,
) -> Day:
    """A day whose rows come at ts_ns and leave the mid at mid_ticks.

    after   the touch after each row, where one around the mid is not enough
    behind  ticks of each row's price behind the best price of its side after it
    signs   of market orders, one for each row (0: none); its size is the row's
    """
    time = np.asarray(ts_ns, np.int64)
    columns = [
        np.broadcast_to(np.asarray(value, np.int64), time.shape).copy()
        for value in (mid_ticks, kind, side, size, behind)
    ]
    mid, kinds, sides, sizes, away = columns
    touch = after or touch_at(mid)
    price = np.where(sides == 0, touch.bid_ticks - away, touch.ask_ticks + away)
    instant = np.searchsorted(time, time, side="left")
    sign = np.zeros(len(time), np.int64) if signs is None else np.asarray(signs, np.int64)
    everywhere = np.ones(len(time), bool)
    described.setdefault("end_ns", int(time[-1]))
    return Day(
        info=info(**described), ts_ns=time, kind=kinds, side=sides, price_ticks=price, size_lots=sizes, order_ticks=price,
        order_lots=sizes, index=away, after=touch, instant=instant, live=everywhere, continuous=everywhere.copy(),
        bid_volume=touch.bid_lots, ask_volume=touch.ask_lots, orders=_orders(time, sign, sizes, touch.at(instant - 1)),
        lives=lives, hidden=np.zeros(0, np.int64), picture_ns=np.zeros(0, np.int64), pictures=np.zeros((0, 2, LEVELS, 2), np.int64),
    )  # fmt: skip


def _orders(time: np.ndarray, sign: np.ndarray, size: np.ndarray, before: Touch) -> MarketOrders:
    row = np.flatnonzero(sign)
    seen, buys = before.at(row), sign[row] > 0
    one = np.ones(len(row), np.int64)
    best = np.where(buys, seen.ask_ticks, seen.bid_ticks).astype(float)
    opposite = np.where(buys, seen.ask_lots, seen.bid_lots)
    return MarketOrders(row, time[row], sign[row], size[row], best, one, seen.mid, seen.spread, opposite, one)


def lives_of(start_ns: Any, end_ns: Any, filled: Any) -> Lives:
    """Orders that left at end_ns (NEVER: not seen), filled or cancelled."""
    start, end, fills = np.asarray(start_ns, np.int64), np.asarray(end_ns, np.int64), np.asarray(filled, bool)
    cancelled = ~fills & (end != NEVER)
    return Lives(np.arange(len(start)), start, end, cancelled, np.where(fills, end, NEVER), np.where(fills, NEVER, end))
