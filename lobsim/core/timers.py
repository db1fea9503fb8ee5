"""A binary heap of (time, sequence) over TIMER records, used for time limits.

``heap[0 .. n)`` is the heap; the caller keeps n.  Ties in time leave in the order of ``sequence``.

A time limit is not searched for when its order leaves: its timer stays behind and no longer *holds*.  Timers that do not hold are
passed over when they come up, and swept out when the heap is full.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import ANONYMOUS, TIMED
from lobsim.types import NEVER


@inline
def next_limit_ns(book):
    """When the next time limit of a book falls due, or NEVER."""
    return np.int64(book.timers[0]["ts_ns"]) if book.head[0]["timers"] > 0 else np.int64(NEVER)


@kernel
def push_timer(heap, n, ts_ns, sequence, ref):
    """Add an entry to a heap of n entries (n < len(heap)); the heap has n + 1 afterwards."""
    stay_apart()
    place = n
    while place > 0:
        parent = (place - 1) >> 1
        above = heap[parent]
        if above["ts_ns"] < ts_ns or (above["ts_ns"] == ts_ns and above["sequence"] < sequence):
            break
        heap[place] = heap[parent]
        place = parent
    heap[place]["ts_ns"] = ts_ns
    heap[place]["sequence"] = sequence
    heap[place]["ref"] = ref


@kernel
def pop_timer(heap, n):
    """Take the first entry off a heap of n entries; n - 1 remain.  Read heap[0] before."""
    stay_apart()
    last = n - 1
    ts_ns = heap[last]["ts_ns"]
    sequence = heap[last]["sequence"]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= last:
            break
        if child + 1 < last:
            left = heap[child]
            right = heap[child + 1]
            if right["ts_ns"] < left["ts_ns"] or (
                right["ts_ns"] == left["ts_ns"] and right["sequence"] < left["sequence"]
            ):
                child += 1
        below = heap[child]
        if ts_ns < below["ts_ns"] or (ts_ns == below["ts_ns"] and sequence < below["sequence"]):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = heap[last]


@inline
def timer_holds(book, timer):
    """Whether a timer still speaks of an order: one in the book, with the very limit it was pushed for."""
    slot = np.int64(timer["ref"])
    if book.nodes[slot]["meta"] & TIMED == 0:
        return False
    there = (book.nodes[slot]["meta"] & ANONYMOUS) != 0 or find_id(book, np.int64(book.nodes[slot]["key"])) == slot
    info = book.info[slot]
    return there and info["expire_ns"] == timer["ts_ns"] and info["limit_given"] == timer["sequence"]


@kernel
def sweep_timers(book):
    """Take every timer that no longer holds out of the book's heap.

    changes: book.timers, head timers
    """
    stay_apart()
    head = book.head[0]
    kept = np.int64(0)
    for i in range(head["timers"]):
        timer = book.timers[i]
        ts_ns = np.int64(timer["ts_ns"])
        sequence = np.int64(timer["sequence"])
        slot = np.int64(timer["ref"])
        if timer_holds(book, timer):
            push_timer(book.timers, kept, ts_ns, sequence, slot)
            kept += 1
            # An order that comes back to a slot it had before finds its old timer there: one of them is enough.
            book.nodes[slot]["meta"] ^= TIMED
    for i in range(kept):
        book.nodes[np.int64(book.timers[i]["ref"])]["meta"] |= TIMED
    head["timers"] = kept


@kernel
def timer_room(book, more):
    """Whether so many time limits more fit; those that no longer hold are swept out for it."""
    stay_apart()
    head = book.head[0]
    if head["timers"] + more <= len(book.timers):
        return True
    sweep_timers(book)
    return 2 * (head["timers"] + more - 1) <= len(book.timers)
