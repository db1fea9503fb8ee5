"""Whole days of orders with a flow that is known: for what judges a market by its statistics.

A touch of one bid and one ask of `DEEP` lots stands around a mid that the caller gives; market orders take from it and are made good at once, so
that signs, sizes and times of market orders, and the path of the mid, are exactly what the caller chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lobsim.feeds.schema import Dataset
from lobsim.types import Fidelity, Kind, Side
from tests.support.made_days import day
from tests.support.pieces import level, order

DEEP = 1000
MIDDLE = 100_000


def mid_day(
    times_ns: Sequence[int] | np.ndarray, mid_ticks: Sequence[int] | np.ndarray, half_spread: int = 1, **info: Any
) -> Dataset:
    """A day of levels whose mid is mid_ticks from each time on."""
    rows: list[dict[str, int]] = []
    bid = ask = 0
    for at_ns, mid in zip(map(int, times_ns), map(int, mid_ticks), strict=True):
        new_bid, new_ask = mid - half_spread, mid + half_spread
        if (new_bid, new_ask) == (bid, ask):
            continue
        if bid:
            rows += [level(at_ns, Side.BUY, bid, 0), level(at_ns, Side.SELL, ask, 0)]
        rows += [level(at_ns, Side.BUY, new_bid, DEEP), level(at_ns, Side.SELL, new_ask, DEEP)]
        bid, ask = new_bid, new_ask
    for number, one in enumerate(rows):
        later = rows[number + 1] if number + 1 < len(rows) else None
        one["flags"] = int(later is None or later["ts_exchange"] != one["ts_exchange"])
    return day(rows, Fidelity.L2_TRADES, **info)


def market_order_day(
    times_ns: Sequence[int] | np.ndarray,
    signs: Sequence[int] | np.ndarray,
    sizes: Sequence[int] | np.ndarray,
    **info: Any,
) -> Dataset:
    """A day of orders at an unmoving touch: each market order takes its size from an order that is added again at once."""
    rows = [
        order(0, Kind.ADD, 1, Side.BUY, MIDDLE - 1, DEEP),
        order(0, Kind.ADD, 2, Side.SELL, MIDDLE + 1, DEEP),
    ]
    for number, (at_ns, sign, size) in enumerate(zip(times_ns, signs, sizes, strict=True)):
        side, price = (Side.SELL, MIDDLE + 1) if sign > 0 else (Side.BUY, MIDDLE - 1)
        rows.append(order(int(at_ns), Kind.EXECUTE, 2 if sign > 0 else 1, side, price, int(size)))
        rows.append(order(int(at_ns), Kind.ADD, 10 + number, side, price, int(size)))
        rows.append(order(int(at_ns), Kind.DELETE, 10 + number, side, price, int(size)))
        rows.append(order(int(at_ns), Kind.DELETE, 1 if side == Side.BUY else 2, side, price, DEEP - int(size)))
        rows.append(order(int(at_ns), Kind.ADD, 1 if side == Side.BUY else 2, side, price, DEEP))
    return day(rows, Fidelity.L3_FULL, **info)
