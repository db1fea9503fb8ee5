"""Metaorders that are done: who worked them, from when to when, what they traded.  They are written down while the market is.

An agent that splits what it wants calls `close_metaorder` with the last of its child orders behind it; nobody else knows which orders belong together.  A metaorder
that traded nothing is not written.  Records stay in ``Crowd.metaorders`` until `take_metaorders`.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel

METAORDER = np.dtype(
    [
        ("agent", "i8"),
        ("serial", "i8"),  # its number among those that were written, from 1
        ("side", "i8"),  # lobsim.types.Side
        ("start_ns", "i8"),  # its first child order was sent
        ("end_ns", "i8"),  # its last one had traded
        ("lots", "i8"),  # traded in all
        ("children", "i8"),  # child orders sent
    ]
)
"""One metaorder."""

MOST_CLOSED = 8
"""No agent closes more metaorders at one wake."""
_LOW_BITS = 24


@kernel
def close_metaorder(scene, index, side, start_ns, end_ns, lots, children):
    """An agent's metaorder is done.  Room was checked (`lobsim.core.agents.room`).

    index     of the agent;  side  Side
    start_ns  when its first child order was sent;  end_ns  when its last one had traded
    lots      traded in all;  children  child orders sent

    changes: crowd.metaorders and its counts, if the market is written down
    """
    crowd = scene.crowd
    head = crowd.head[0]
    if head["logging"] == 0 or lots <= 0:
        return
    head["metaorder_serial"] += 1
    record = crowd.metaorders[head["metaorders"]]
    head["metaorders"] += 1
    record["agent"] = index
    record["serial"] = head["metaorder_serial"]
    record["side"] = side
    record["start_ns"] = start_ns
    record["end_ns"] = end_ns
    record["lots"] = lots
    record["children"] = children


@inline
def metaorder_room(crowd):
    """Whether what one wake closes fits."""
    return crowd.head[0]["metaorders"] + MOST_CLOSED <= len(crowd.metaorders)


@inline
def remember_ns(memory, place, apart, time_ns):
    """A time goes into two places of an agent's memory, `apart` from each other, for one holds whole numbers exactly up to 2^53 only."""
    memory[place] = np.float64(time_ns >> _LOW_BITS)
    memory[place + apart] = np.float64(time_ns & ((1 << _LOW_BITS) - 1))


@inline
def recall_ns(memory, place, apart):
    """The time that `remember_ns` put there."""
    return (np.int64(memory[place]) << _LOW_BITS) + np.int64(memory[place + apart])
