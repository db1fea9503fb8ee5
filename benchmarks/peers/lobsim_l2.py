"""One replay of levels by lobsim: `python -m benchmarks.peers.lobsim_l2 PARTITION`.

The exchange's book and, a feed leg later, the book of a participant, who is called (a compiled strategy that looks at the touch) at every instant at which
something new has come.  Prints one JSON line: seconds of thread CPU time of the replay alone (compiled before), calls, the sum of what the calls saw, the
final touch, memory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import thread_time

import numpy as np

from benchmarks.peers.hftbacktest_file import FEED_NS
from benchmarks.peers.levels import stored_day
from benchmarks.peers.lobsim_l3 import peak_bytes
from lobsim.config import Latency, MarketConfig
from lobsim.core.calm import replay_calmly
from lobsim.core.jit import borrow, borrow_array, kernel
from lobsim.core.loop import step
from lobsim.core.world import scratch
from lobsim.feeds.schema import Dataset
from lobsim.market import Market, MarketRun, roomier_world
from lobsim.types import NEVER, Status

_WARM_ROWS = 2000
_FOREVER = 2**62


@kernel
def call_at_every_packet(world, messages, spare, out):
    """Replay to the end.  out  int64 [2]: calls, and the sum of the best prices they saw.  Returns a Status: DONE, or the room that is missing."""
    world = borrow(world)  # pyright: ignore[reportCallIssue]
    messages = borrow_array(messages)
    spare = borrow_array(spare)
    head = world.head[0]
    seen = world.seen
    status = np.int64(Status.OK)
    while status == Status.OK or status == Status.WAKE:
        if status == Status.WAKE:
            if seen.sides[0]["best"] != 0 and seen.sides[1]["best"] != 0:
                out[1] += np.int64(seen.sides[1]["best_key"]) - np.int64(seen.sides[0]["best_key"])
            out[0] += 1
            head["wake_ns"] = NEVER
            if head["read"] < head["written"]:
                head["wake_ns"] = world.ring[head["read"] & (len(world.ring) - 1)]["ts_ns"] + head["feed_ns"]
            elif head["cursor"] < len(world.tape):
                head["wake_ns"] = world.tape[head["cursor"]]["ts_ns"] + head["feed_ns"]
        replay_calmly(world, NEVER, _FOREVER)
        status = np.int64(step(world, NEVER, messages, spare))
    return status


def replay(day: Dataset) -> tuple[float, np.ndarray, MarketRun]:
    """Replay a day; returns seconds, calls with their sum, and the run at its end."""
    run = Market(day, MarketConfig(latency=Latency(feed_ns=FEED_NS))).start(participant=True)
    run.world.head[0]["wake_ns"] = int(run.world.tape[0]["ts_ns"]) + FEED_NS
    messages, spare = scratch()
    out = np.zeros(2, np.int64)
    start = thread_time()
    while (status := Status(call_at_every_packet(run.world, messages, spare, out))) != Status.DONE:
        run.world = roomier_world(run.world, status)
    return thread_time() - start, out, run


def measure(partition: Path) -> dict[str, object]:
    """Load, compile on the first rows, replay once."""
    before = peak_bytes()
    day = stored_day(partition)
    replay(Dataset(day.info, day.events.head(_WARM_ROWS)))
    seconds, out, run = replay(day)
    book = run.world.seen
    bid, ask = (int(key) for key in book.sides["best_key"])
    return {
        "seconds": seconds,
        "calls": int(out[0]),
        "seen": int(out[1]),
        "ended": int(run.world.head[0]["cursor"]) == len(run.world.tape),
        "touch": [-bid, ask],
        "sizes": [int(book.nodes[int(side["best"])]["size"]) >> 20 for side in book.sides],
        "peak_bytes": peak_bytes(),
        "imports_bytes": before,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]))) + "\n")
