"""A world that keeps a record of every event: what a checker of replayed days reads."""

from __future__ import annotations

import numpy as np

from lobsim.core.depth import copy_levels
from lobsim.core.jit import borrow, borrow_array, kernel
from lobsim.core.loop import step
from lobsim.types import NEVER, Status

TRACE = np.dtype(
    [
        ("ts_ns", "i8"),
        ("cursor", "i8"),  # recorded rows done
        ("fills", "i8"),  # fills of own orders logged
        ("arrived", "i8"),  # own orders that have reached the venue; they arrive in the order of their index
        ("phase", "i8"),
        ("bid_ticks", "i8"),
        ("bid_units", "i8"),  # 0: nobody
        ("ask_ticks", "i8"),
        ("ask_units", "i8"),
        ("corrected", "i8"),  # rows after which a cut book was corrected, each cause counted
        ("surplus", "i8"),
        ("deficit", "i8"),
    ]
)
"""The market right after one event."""


@kernel
def write_trace(world, trace, n, levels):
    """Describe the world as it is now in trace[n].

    levels  int64 [1, 3], scratch
    """
    head = world.head[0]
    now = trace[n]
    now["ts_ns"] = head["now_ns"]
    now["cursor"] = head["cursor"]
    now["fills"] = head["fills"]
    now["phase"] = head["phase"]
    now["corrected"] = head["missing_rows"] + head["excess_rows"] + head["gone_rows"]
    now["surplus"] = world.book.head[0]["surplus"]
    now["deficit"] = world.book.head[0]["deficit"]
    arrived = np.int64(trace[n - 1]["arrived"]) if n > 0 else np.int64(0)
    while arrived < head["own"] and world.own[arrived]["arrived_ns"] != NEVER:
        arrived += 1
    now["arrived"] = arrived
    levels[0, :] = 0
    copy_levels(world.book, 0, levels)
    now["bid_ticks"] = levels[0, 0]
    now["bid_units"] = levels[0, 1]
    levels[0, :] = 0
    copy_levels(world.book, 1, levels)
    now["ask_ticks"] = levels[0, 0]
    now["ask_units"] = levels[0, 1]


@kernel
def advance_traced(world, until_ns, trace, n, messages, spare):
    """Run the world to its next decision, as `loop.advance` does, and describe it after every event.

    trace  TRACE [any], of which n are written already
    messages, spare  as for `loop.advance`

    Returns (status, n): CHUNK where the trace is full.
    """
    world = borrow(world)
    trace = borrow_array(trace)
    messages = borrow_array(messages)
    spare = borrow_array(spare)
    levels = np.zeros((1, 3), np.int64)
    while n < len(trace):
        status = step(world, until_ns, messages, spare)
        if status != Status.OK:
            return status, n
        write_trace(world, trace, n, levels)
        n += 1
    return Status.CHUNK, n
