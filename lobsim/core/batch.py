"""Many worlds, or many books, in one call: the same kernels as for one, over a block of them.

A block (`jit.new_block`) holds where the arrays of each state are; `jit.view` hands one of them to a kernel as the very type that a single state has,
so nothing is compiled anew for batches and no answer can differ.  States of one block may have different capacities.  The kernels here run a
slice of a block and stop at the first state that lacks room; the shell makes room for that one and goes on from there.

`arena_like` gives a batch its memory in one piece, state after state, so that small books share no cache line and do not spread over the heap.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lobsim.core.calm import replay_calmly
from lobsim.core.exchange import run_messages
from lobsim.core.ids import place_of
from lobsim.core.jit import borrow_array, inline, kernel, prefetch, stay_apart, view, whole
from lobsim.core.levels import first_of_pool
from lobsim.core.loop import step
from lobsim.types import Status

SHARED = ("tape", "rows", "truth", "legs", "delays", "numbers")
"""Arrays that worlds, and scenes, share and nobody writes."""
_LINE_BYTES = 64
_WORTH_FETCHING = 20
"""A visit of fewer messages does not touch most of what would be fetched."""
_MOST_FETCHED = 160
"""Slots of the pool, and messages, of a book: of a large book no more than that."""


@kernel
def advance_slice(block, sample, start, stop, until_ns, budget, statuses, messages, spare):
    """Run the worlds block[start:stop] that are to move, each to its next decision or its time.

    sample    any world of the batch: it tells the type
    until_ns  int64 [worlds]
    budget    how many events at most in this call
    statuses  int64 [worlds]: CHUNK means "to move"; becomes WAKE or DONE
    messages  MESSAGE [1], scratch
    spare     GAP [any], scratch of the row check

    Returns (index, status, budget left): index == stop when all have arrived; else that of the world to go on with, and CHUNK or the room it lacks.
    """
    until_ns = borrow_array(until_ns)
    statuses = borrow_array(statuses)
    messages = borrow_array(messages)
    spare = borrow_array(spare)
    for i in range(start, stop):
        if statuses[i] != Status.CHUNK:
            continue
        world = view(block, i, sample)
        status = Status.OK
        while status == Status.OK:
            budget -= replay_calmly(world, until_ns[i], budget)
            if budget == 0:
                return i, np.int64(Status.CHUNK), budget
            budget -= 1
            status = step(world, until_ns[i], messages, spare)
        if status > Status.DONE:
            return i, np.int64(status), budget
        statuses[i] = status
    return stop, np.int64(Status.DONE), budget


@kernel
def _fetch_book(book, messages, first, last):
    """Ask for the memory of a book whose turn is next: its pool, the prices around its best, and where its messages' ids lead."""
    stay_apart()
    head = book.head[0]
    pool = first_of_pool(book)
    for slot in range(pool, min(np.int64(head["fresh"]), pool + _MOST_FETCHED), 2):
        prefetch(book.nodes, slot)
    for side in range(2):
        best = np.int64(book.sides[side]["best"])
        for slot in range(max(best - 8, 0), min(best + 24, len(book.nodes)), 2):
            prefetch(book.nodes, slot)
    for i in range(first, min(last, first + _MOST_FETCHED)):
        order_id = np.int64(messages[i]["order_id"])
        if 0 <= order_id < len(book.dense):
            prefetch(book.dense, order_id)
        else:
            prefetch(book.ids, place_of(book, order_id))


@inline
def _fetch_heads(book):
    """Ask for what `_fetch_book` will read."""
    prefetch(book.head, 0)
    prefetch(book.sides, 0)
    prefetch(book.sides, 1)
    for place in range(0, len(book.leaf), 8):
        prefetch(book.leaf, place)


@inline
def _fetch_ahead(block, sample, i, stop, messages, offsets):
    """While book i has its turn, the next one's memory comes nearer, what tells where to look in the one after it, and where that one's arrays are.

    Many small books do not fit a core's own caches: without this they take a fifth longer.
    """
    if i + 1 < stop and offsets[i + 2] - offsets[i + 1] >= _WORTH_FETCHING:
        _fetch_book(view(block, i + 1, sample), messages, np.int64(offsets[i + 1]), np.int64(offsets[i + 2]))
    if i + 2 < stop:
        _fetch_heads(view(block, i + 2, sample))
    if i + 3 < stop:
        nbytes = len(block) // (len(offsets) - 1)
        for place in range((i + 3) * nbytes, (i + 4) * nbytes, _LINE_BYTES):
            prefetch(block, place)


@kernel
def run_slice(block, sample, start, stop, messages, table, offsets, done, largest, budget, out, n, begins, ends):
    """Apply to each of the books block[start:stop] its own messages.

    sample   any book of the batch: it tells the type
    table    TERMS [any] of which row 0 means nothing, for all books
    offsets  int64 [books + 1]: messages[offsets[i]:offsets[i + 1]] are those of book i
    done     int64 [books]: first message of a book that was not applied; changed
    budget   how many messages at most in this call
    out      REPORT [any], of which n are written already
    begins   int64 [books], ends int64 [books]: out[begins[i]:ends[i]] are the reports of book i; changed; begins is below 0 for a book that has not begun

    Returns (index, status, n, budget left): index == stop when all are through; else that of the book to go on with, and CHUNK or the room it lacks.
    """
    block_bytes = borrow_array(block)
    all_messages = borrow_array(messages)
    offsets = borrow_array(offsets)
    done = borrow_array(done)
    begins = borrow_array(begins)
    ends = borrow_array(ends)
    for i in range(start, stop):
        _fetch_ahead(block_bytes, sample, i, stop, all_messages, offsets)
        first = np.int64(done[i])
        last = np.int64(offsets[i + 1])
        if begins[i] < 0:
            begins[i] = n
        book = view(block, i, sample)
        if first < last or book.head[0]["unsettled"] != 0:
            until = min(last, first + budget)
            status, at, n = run_messages(whole(book), messages, table, first, until, largest, out, n)
            budget -= at - first
            done[i] = at
            if status != Status.OK:
                return i, status, n, budget
            if at < last:
                return i, np.int64(Status.CHUNK), n, budget
        ends[i] = n
    return stop, np.int64(Status.DONE), n, budget


def _bytes_like(state: Any) -> int:
    """Bytes of the arrays of a state that are its own, each from the beginning of a cache line."""
    total = 0
    for name, part in state._asdict().items():
        if isinstance(part, tuple):
            total += _bytes_like(part)
        elif name not in SHARED:
            total += -(-part.nbytes // _LINE_BYTES) * _LINE_BYTES
    return total


def _carve(state: Any, memory: np.ndarray, at: int) -> tuple[Any, int]:
    """A state of the same shapes in memory[at:], and where the next may begin."""
    parts = {}
    for name, part in state._asdict().items():
        if isinstance(part, tuple):
            parts[name], at = _carve(part, memory, at)
        elif name in SHARED:
            parts[name] = part
        else:
            parts[name] = np.ndarray(part.shape, part.dtype, memory, at)
            at += -(-part.nbytes // _LINE_BYTES) * _LINE_BYTES
    return type(state)(**parts), at


def arena_like(states: list[Any]) -> list[Any]:
    """States of the same capacities, every byte 0, in one piece of memory, one after the other; the tape and its rows are shared."""
    memory = np.zeros(sum(map(_bytes_like, states)) + _LINE_BYTES, np.uint8)
    at = -memory.ctypes.data % _LINE_BYTES
    made = []
    for state in states:
        state, at = _carve(state, memory, at)
        made.append(state)
    return made
