"""Stop orders: they wait outside the queues until a trade at their price elects them.

Each side has a heap by stop price, then arrival.  As with time limits, an entry stays behind when its order leaves, and no longer holds.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import HAS_EXTRA, WAITING
from lobsim.core.timers import pop_timer, push_timer


@inline
def _holds(book, entry):
    """Whether an entry still speaks of a stop that waits."""
    slot = np.int64(entry["ref"])
    both = HAS_EXTRA | WAITING
    if book.nodes[slot]["meta"] & both != both or find_id(book, np.int64(book.nodes[slot]["key"])) != slot:
        return False
    extra = book.extras[book.info[slot]["extra"]]
    return extra["peg"] == 0 and extra["arrival"] == entry["sequence"]


@kernel
def push_stop(book, side, slot):
    """A stop begins to wait.  Room was checked before."""
    head = book.head[0]
    extra = book.extras[book.info[slot]["extra"]]
    if side:
        push_timer(
            book.sell_stops, head["sell_stops"], -np.int64(extra["stop_ticks"]), np.int64(extra["arrival"]), slot
        )
        head["sell_stops"] += 1
    else:
        push_timer(book.buy_stops, head["buy_stops"], np.int64(extra["stop_ticks"]), np.int64(extra["arrival"]), slot)
        head["buy_stops"] += 1


@kernel
def _sweep(book, heap, count):
    """Take every entry that does not hold out of a heap of count.  Returns how many are left."""
    kept = np.int64(0)
    for i in range(count):
        key = np.int64(heap[i]["ts_ns"])
        arrival = np.int64(heap[i]["sequence"])
        slot = np.int64(heap[i]["ref"])
        if _holds(book, heap[i]):
            push_timer(heap, kept, key, arrival, slot)
            kept += 1
    return kept


@kernel
def sweep_stops(book):
    """Take every entry that does not hold out of both heaps."""
    head = book.head[0]
    head["buy_stops"] = _sweep(book, book.buy_stops, np.int64(head["buy_stops"]))
    head["sell_stops"] = _sweep(book, book.sell_stops, np.int64(head["sell_stops"]))


@kernel
def first_elected(book):
    """Slot of the stop that enters next, 0 if none is elected: of both sides' first the one that arrived earlier."""
    stay_apart()
    head = book.head[0]
    while head["buy_stops"] > 0 and not _holds(book, book.buy_stops[0]):
        pop_timer(book.buy_stops, head["buy_stops"])
        head["buy_stops"] -= 1
    while head["sell_stops"] > 0 and not _holds(book, book.sell_stops[0]):
        pop_timer(book.sell_stops, head["sell_stops"])
        head["sell_stops"] -= 1
    buys = head["buy_stops"] > 0 and book.buy_stops[0]["ts_ns"] <= head["high_ticks"]
    sells = head["sell_stops"] > 0 and -book.sell_stops[0]["ts_ns"] >= head["low_ticks"]
    if buys and sells:
        buys = book.buy_stops[0]["sequence"] < book.sell_stops[0]["sequence"]
    if buys:
        return np.int64(book.buy_stops[0]["ref"])
    return np.int64(book.sell_stops[0]["ref"]) if sells else np.int64(0)
