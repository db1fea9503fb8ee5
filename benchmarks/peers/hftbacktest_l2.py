"""One replay of levels by hftbacktest, in its own environment: `python hftbacktest_l2.py FILE.npz LOW HIGH (roi|hash) (calls|through)`.

calls: its own compiled strategy loop, which looks at the touch whenever something new has come; through: everything passes without anybody looking.
Prints one JSON line: seconds of thread CPU time of the replay alone (compiled before), calls, the sum of what they saw, the final touch, memory.
"""

from __future__ import annotations

import json
import sys
from time import thread_time
from typing import Any

import numpy as np
from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest, ROIVectorMarketDepthBacktest
from hftbacktest_l3 import peak_bytes
from numba import njit

_ORDER_NS = 50_000
_FOREVER_NS = 10**18
_NEW_DATA = 2
_END = 1
_WARM_ROWS = 2000


@njit
def call_at_every_packet(engine: Any) -> tuple[int, int]:
    """Calls, and the sum of the best prices they saw."""
    calls = 0
    seen = 0
    while engine.wait_next_feed(False, _FOREVER_NS) == _NEW_DATA:
        depth = engine.depth(0)
        bid, ask = depth.best_bid_tick, depth.best_ask_tick
        if abs(bid) < 2**40 and abs(ask) < 2**40:
            seen += bid + ask
        calls += 1
    return calls, seen


@njit
def pass_through(engine: Any) -> tuple[int, int]:
    """Nobody is called."""
    engine.elapse(_FOREVER_NS)
    return 0, 0


def made(data: np.ndarray, low: float, high: float, depth: str) -> Any:
    """An engine with one asset."""
    asset = (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(_ORDER_NS, _ORDER_NS)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(1.0)
        .lot_size(1.0)
    )
    if depth == "roi":
        return ROIVectorMarketDepthBacktest([asset.roi_lb(low).roi_ub(high)])
    return HashMapMarketDepthBacktest([asset])


def replay(path: str, low: float, high: float, depth: str, mode: str) -> dict[str, object]:
    """Compile on the first rows, replay once."""
    before = peak_bytes()
    with np.load(path) as file:
        data = np.ascontiguousarray(file["data"])
    run = call_at_every_packet if mode == "calls" else pass_through
    run(made(data[:_WARM_ROWS].copy(), low, high, depth))
    engine = made(data, low, high, depth)
    start = thread_time()
    calls, seen = run(engine)
    seconds = thread_time() - start
    book = engine.depth(0)
    return {
        "seconds": seconds,
        "calls": calls,
        "seen": seen,
        "ended": True,
        "touch": [int(book.best_bid_tick), int(book.best_ask_tick)],
        "sizes": [round(book.bid_qty_at_tick(book.best_bid_tick)), round(book.ask_qty_at_tick(book.best_ask_tick))],
        "peak_bytes": peak_bytes(),
        "imports_bytes": before,
    }


if __name__ == "__main__":
    found = replay(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4], sys.argv[5])
    sys.stdout.write(json.dumps(found) + "\n")
