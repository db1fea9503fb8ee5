"""Notes: what has happened to orders in a world, for a scene that follows it.

Notes are reports; ``world.reports[:answered]`` holds those of the event at hand, own requests' answers among them.  A world that nobody follows writes none.
Besides what the exchange answers, a note says

- ACCEPTED: a recorded order joins, with this size in the simulated book
- TRADE: history trades with the order named; the taker is 0.  The order NAMELESS is somebody who was not seen, and then the taker is the Kind of the row
- REDUCED: size leaves the book without trading, for whatever reason; with nothing remaining the order does
- REPLACED: a recorded order keeps its place under another name
- PHASE_CHANGED
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.makers import write_report
from lobsim.types import Reason, ReportKind


@kernel
def _write_note(world, kind, reason, side, order_id, other_id, price_ticks, size, remaining):
    """One note more.  Room was checked."""
    stay_apart()
    head = world.head[0]
    n = np.int64(head["answered"])
    head["answered"] = write_report(
        world.reports, n, 0, kind, reason, side, order_id, other_id, price_ticks, size, remaining
    )


@inline
def note(world, kind, reason, side, order_id, other_id, price_ticks, size, remaining):
    """Tell whoever follows this world; arguments as those of a report."""
    if world.head[0]["followed"]:
        _write_note(world, kind, reason, side, order_id, other_id, price_ticks, size, remaining)


@inline
def note_off(world, reason, side, order_id, price_ticks, size, remaining):
    """Size of an order has left the book without trading."""
    if world.head[0]["followed"] and size > 0:
        _write_note(world, ReportKind.REDUCED, reason, side, order_id, 0, price_ticks, size, remaining)


@inline
def _write_note_at(world, slot, kind, reason, size):
    """Tell that size of the order at slot goes; it is still as it was before."""
    if world.head[0]["followed"] and size > 0:
        node = world.book.nodes[slot]
        price_ticks = np.int64(world.book.nodes[node["level"]]["key"])
        side = np.int64(node["meta"]) & 1
        _write_note(world, kind, reason, side, np.int64(node["key"]), 0, price_ticks, size, node["size"] - size)


@inline
def note_off_at(world, slot, size):
    """Size of the order at slot leaves the book without trading; it is still as it was before."""
    _write_note_at(world, slot, ReportKind.REDUCED, Reason.NONE, size)


@inline
def note_trade_at(world, slot, size, reason):
    """History trades with the recorded order at slot, which is still as it was before."""
    _write_note_at(world, slot, ReportKind.TRADE, reason, size)
