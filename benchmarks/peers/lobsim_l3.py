"""One replay by lobsim: `python -m benchmarks.peers.lobsim_l3 FILE.npy (two|one)`.

``two``: the exchange's book and, 50 us later, the book of a participant who never trades; that is what the peer does.  ``one``: the exchange's book alone.
Prints one JSON line: seconds of thread CPU time of the replay alone (compiled before), the final touch, memory.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np
import polars as pl

from benchmarks.peers.hftbacktest_file import FEED_NS
from lobsim.config import Latency, MarketConfig
from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo
from lobsim.market import Market
from lobsim.types import NEVER, Fidelity, Status

_KIB = 1024
_SECOND_NS = 10**9
_WARM_ROWS = 2000


def peak_bytes() -> int:
    """Peak resident memory of this program; getrusage would count the parent's from before this program began."""
    facts = Path("/proc/self/status")
    if facts.is_file():
        peak = next(line for line in facts.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * _KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def dataset_of(events: np.ndarray) -> Dataset:
    """A recording as a data set of its own."""
    count = len(events)
    known = {
        "ts_exchange": events["ts_ns"],
        "ts_local": events["ts_ns"],
        "kind": events["kind"],
        "side": events["side"],
        "price": events["price_ticks"],
        "size": events["size"],
        "order_id": events["order_id"],
        "sequence": np.arange(count),
    }
    columns = {
        name: pl.Series(known.get(name, np.zeros(count, np.int64)), dtype=kind) for name, kind in COLUMNS.items()
    }
    start, end = int(events["ts_ns"][0]), int(events["ts_ns"][-1])
    info = DatasetInfo(
        "PEER", "bench", "2012-06-21", "USD", "1", 1, "1", Fidelity.L3_FULL, 0, start, end, "recording", "0" * 64
    )
    return Dataset(info, pl.DataFrame(columns))


def replay(market: Market, end_ns: int, *, two: bool) -> tuple[float, Any]:
    """Replay it all; with two books the participant hears everything at the end.  Returns (seconds, world)."""
    run = market.start(participant=two)
    if two:
        run.world.head[0]["wake_ns"] = end_ns + _SECOND_NS
    start = thread_time()
    status = run.advance(NEVER)
    seconds = thread_time() - start
    if status != (Status.WAKE if two else Status.DONE):
        raise RuntimeError(f"the replay ended with {status.name}")
    return seconds, run.world


def measure(path: str, two: bool) -> dict[str, object]:
    """Load, compile on the first rows, replay once."""
    config = MarketConfig(latency=Latency(feed_ns=FEED_NS), median_life_ns=_SECOND_NS)
    before = peak_bytes()
    events = np.load(path)
    head = events[:_WARM_ROWS]
    replay(Market(dataset_of(head), config), int(head["ts_ns"][-1]), two=two)
    seconds, world = replay(Market(dataset_of(events), config), int(events["ts_ns"][-1]), two=two)
    book = world.seen if two else world.book
    bid, ask = (int(key) for key in book.sides["best_key"])
    sizes = [int(book.nodes[int(side["best"])]["size"]) for side in book.sides]
    return {
        "seconds": seconds,
        "ended": int(world.head[0]["cursor"]) == len(events),
        "touch": [-bid, ask],
        "sizes": sizes,
        "peak_bytes": peak_bytes(),
        "imports_bytes": before,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1], sys.argv[2] == "two")) + "\n")
