"""A binary heap of (time, sequence) over TIMER records, used for time limits and for messages in flight.

``heap[0 .. n)`` is the heap; the caller keeps n.  Ties in time leave in the order of ``sequence``.
"""

from __future__ import annotations

from lobsim.core.jit import kernel


@kernel
def push_timer(heap, n, ts_ns, sequence, ref, extra):
    """Add an entry to a heap of n entries (n < len(heap)); the heap has n + 1 afterwards."""
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
    heap[place]["extra"] = extra


@kernel
def pop_timer(heap, n):
    """Take the first entry off a heap of n entries; n - 1 remain.  Read heap[0] before."""
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
