"""One replay by hftbacktest's L3 engine, in its own environment: `python hftbacktest_l3.py FILE.npz LOW HIGH (roi|hash)`.

Loads, builds one asset (exact FIFO queue model, 50 us of order latency, no fees), lets the whole recording pass through the exchange's and
the strategy's book with no order of our own, and prints one JSON line: seconds of thread CPU time of the replay alone, the strategy's final touch, memory.
The library's functions are called as its compiled bindings call them, so nothing is compiled here and Python is not in the way.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from time import thread_time

import numpy as np
from hftbacktest import BacktestAsset, binding
from hftbacktest._hftbacktest import build_hashmap_backtest, build_roivec_backtest

_ORDER_NS = 50_000
_FOREVER_NS = 10**18
_KIB = 1024


def peak_bytes() -> int:
    """Peak resident memory of this program; getrusage would count the parent's from before this program began."""
    facts = Path("/proc/self/status")
    if facts.is_file():
        peak = next(line for line in facts.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * _KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def replay(path: str, low: float, high: float, depth: str) -> dict[str, object]:
    """Replay one file; low and high bound the prices of the array-backed depth."""
    before = peak_bytes()
    with np.load(path) as file:
        data = np.ascontiguousarray(file["data"])
    asset = (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(_ORDER_NS, _ORDER_NS)
        .l3_fifo_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(1.0)
        .lot_size(1.0)
    )
    if depth == "roi":
        name, build = "roivec", build_roivec_backtest
        asset = asset.roi_lb(low).roi_ub(high)
    else:
        name, build = "hashmap", build_hashmap_backtest
    engine = build([asset])
    start = thread_time()
    code = getattr(binding, f"{name}bt_elapse_bt")(engine, _FOREVER_NS)
    seconds = thread_time() - start
    book = getattr(binding, f"{name}bt_depth")(engine, 0)
    touch = [int(getattr(binding, f"{name}depth_best_{side}_tick")(book)) for side in ("bid", "ask")]
    sizes = [round(getattr(binding, f"{name}depth_best_{side}_qty")(book)) for side in ("bid", "ask")]
    return {
        "seconds": seconds,
        "ended": code == 1,
        "touch": touch,
        "sizes": sizes,
        "peak_bytes": peak_bytes(),
        "imports_bytes": before,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(replay(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4])) + "\n")
