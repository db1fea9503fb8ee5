"""What is waiting for its time: a calendar whose cost stays flat however much waits, in exact order of (time, sequence).

Times are read as numbers of eleven digits of six bits.  Whatever lies after the *edge* waits in a list chosen by the highest digit in
which its time differs from the edge's, and by the value of that digit: to put it there takes no search, and a far outlier or
NEVER costs nothing.  Whatever lies at the edge or before it is *near*: in one of two runs, which are lists of one instant in rising
sequence, or in a small binary heap.  When nothing is near the first list is opened.  A short one goes to the heap whole; of a long one only the
first instant becomes near, the others go to lists of lower digits.  There is no width of a bucket to choose, to adapt or to
get wrong: a wait is moved at most once per digit, and a burst at one instant is a run.

Sources: Denardo and Fox 1979 and Cherkassky, Goldberg and Silverstein 1999 (multi-level buckets with a heap for short ones).
Brown's calendar queue (1988) was not taken: its width is a guess about the spacing of times, and a burst or an outlier spoils it.

Invariants (``calendar_audit`` checks them)
- every wait in a list is later than the edge, and lies in the list that its time and the edge name;
- runs hold waits at the edge only, in rising sequence; the heap holds waits at the edge or before it;
- head.first_ns is the time of the first wait, NEVER if there is none.

Known limit: the cost is flat for times that are not before the last one taken, as in any simulation.  Earlier times keep the exact
order at a heap's cost.  A small calendar (`SMALL` waits) has no lists and is a heap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.core.jit import borrow, inline, kernel, leading_zeros, trailing_zeros
from lobsim.types import NEVER

SMALL = 64  # up to here a heap alone is as fast, and 11 KiB smaller
BITS = 6
FAN = 64
LEVELS = 11
RUNS = 2
_FEW = 8
_MANY = 64  # more than this in the heap: the edge lies too far ahead
_ONE = np.uint64(1)
_FIRST_NS = -(2**63)

CALENDAR = np.dtype(
    [
        ("first_ns", "i8"),  # time of the first wait, NEVER if there is none
        ("edge_ns", "i8"),  # what is later waits in lists
        ("count", "i8"),
        ("heap", "i8"),  # entries of the heap
        ("free", "i8"),  # head of the free list, 0 if empty
        ("fresh", "i8"),  # slots from here on were never used
        ("levels", "u8"),  # bit by digit: some list of it holds a wait
    ]
)
WAIT = np.dtype([("ts_ns", "i8"), ("sequence", "i8"), ("ref", "i8"), ("next", "u4"), ("pad", "u4")])
LIST = np.dtype([("first", "u4"), ("last", "u4"), ("first_ns", "i8")])  # first 0: empty


class Calendar(NamedTuple):
    """Waits in order of (time, sequence): arrays only, made by `new_calendar`.

    head   CALENDAR [1]
    waits  WAIT [capacity + 1], slot 0 reserved
    heap   uint32 [capacity + 1], slots
    lists  LIST [2 + 11 * 64]: two runs, then 64 lists per digit, lowest digit first; [2] in a small calendar
    used   uint64 [11], which lists of a digit hold a wait
    """

    head: np.ndarray
    waits: np.ndarray
    heap: np.ndarray
    lists: np.ndarray
    used: np.ndarray


def new_calendar(capacity: int) -> Calendar:
    """An empty calendar for that many waits."""
    calendar = Calendar(
        head=np.zeros(1, CALENDAR),
        waits=np.zeros(capacity + 1, WAIT),
        heap=np.zeros(capacity + 1, np.uint32),
        lists=np.zeros(RUNS if capacity <= SMALL else RUNS + LEVELS * FAN, LIST),
        used=np.zeros(LEVELS, np.uint64),
    )
    calendar.head["first_ns"] = NEVER
    calendar.head["edge_ns"] = NEVER
    calendar.head["fresh"] = 1
    return calendar


def roomier_calendar(calendar: Calendar) -> Calendar:
    """The same waits in a calendar of twice the capacity; the old one is not changed."""
    new = new_calendar(2 * (len(calendar.waits) - 1))
    for old_part, new_part in zip(calendar, new, strict=True):
        new_part[: len(old_part)] = old_part
    return new


@inline
def first_wait_ns(calendar):
    """When the first wait is over, or NEVER."""
    return np.int64(calendar.head[0]["first_ns"])


@inline
def calendar_room(calendar, waits):
    """Whether that many waits more fit."""
    return calendar.head[0]["count"] + waits < len(calendar.waits)


@inline
def _earlier(calendar, a, b):
    """Whether slot a leaves before slot b."""
    one = calendar.waits[a]
    other = calendar.waits[b]
    return one["ts_ns"] < other["ts_ns"] or (one["ts_ns"] == other["ts_ns"] and one["sequence"] < other["sequence"])


@inline
def _append(calendar, place, slot):
    """Put a slot at the end of a list.  (At the front, with one line of memory less to touch, was no faster.)"""
    there = calendar.lists[place]
    calendar.waits[slot]["next"] = 0
    if there["first"] == 0:
        there["first"] = slot
        there["first_ns"] = calendar.waits[slot]["ts_ns"]
    else:
        calendar.waits[there["last"]]["next"] = slot
        there["first_ns"] = min(np.int64(there["first_ns"]), np.int64(calendar.waits[slot]["ts_ns"]))
    there["last"] = slot


@inline
def _digit(ts_ns, level):
    """A digit of a time, 0 to 63, rising with the time: the sign is the highest bit of the highest digit."""
    return ((ts_ns >> (BITS * level)) & (FAN - 1)) ^ ((level // (LEVELS - 1)) << (BITS - 1))


@inline
def _level(ts_ns, edge_ns):
    """The highest digit in which two different times differ."""
    return (63 - leading_zeros(ts_ns ^ edge_ns)) // BITS


@kernel
def _put(calendar, slot):
    """A written slot joins a list, a run or the heap.  changes: lists, used, head levels; or heap, head heap"""
    head = calendar.head[0]
    wait = calendar.waits[slot]
    ts_ns = np.int64(wait["ts_ns"])
    edge_ns = np.int64(head["edge_ns"])
    if ts_ns > edge_ns:
        level = _level(ts_ns, edge_ns)
        digit = _digit(ts_ns, level)
        head["levels"] |= _ONE << np.uint64(level)
        calendar.used[level] |= _ONE << np.uint64(digit)
        _append(calendar, RUNS + FAN * level + digit, slot)
        return
    if ts_ns == edge_ns:
        for place in range(RUNS):
            there = calendar.lists[place]
            if there["first"] == 0 or wait["sequence"] > calendar.waits[there["last"]]["sequence"]:
                _append(calendar, place, slot)
                return
    place = np.int64(head["heap"])
    head["heap"] += 1
    while place > 0:
        parent = (place - 1) >> 1
        above = np.int64(calendar.heap[parent])
        if not _earlier(calendar, slot, above):
            break
        calendar.heap[place] = above
        place = parent
    calendar.heap[place] = slot


@kernel
def _open(calendar):
    """Nothing is near: the first list is opened.  changes: lists, used, heap, head levels, edge_ns"""
    head = calendar.head[0]
    level = trailing_zeros(head["levels"])
    word = calendar.used[level]
    there = calendar.lists[RUNS + FAN * level + trailing_zeros(word)]
    word &= word - _ONE
    calendar.used[level] = word
    if word == 0:
        head["levels"] &= head["levels"] - _ONE
    slot = np.int64(there["first"])
    there["first"] = 0
    look = slot
    count = 0
    last_ns = np.int64(there["first_ns"])
    while look != 0 and count < _FEW:
        last_ns = max(last_ns, np.int64(calendar.waits[look]["ts_ns"]))
        look = np.int64(calendar.waits[look]["next"])
        count += 1
    head["edge_ns"] = last_ns if look == 0 else np.int64(there["first_ns"])
    while slot != 0:
        following = np.int64(calendar.waits[slot]["next"])
        _put(calendar, slot)
        slot = following


@inline
def _join(calendar, place, target):
    """Put a whole list at the end of another."""
    there = calendar.lists[place]
    if there["first"] == 0:
        return
    end = calendar.lists[target]
    if end["first"] == 0:
        end["first"] = there["first"]
        end["first_ns"] = there["first_ns"]
    else:
        calendar.waits[end["last"]]["next"] = there["first"]
        end["first_ns"] = min(np.int64(end["first_ns"]), np.int64(there["first_ns"]))
    end["last"] = there["last"]
    there["first"] = 0


@kernel
def _withdraw(calendar):
    """The edge was drawn too far ahead: it goes back before all that waits, and the heap is emptied into lists.

    Seen from there all that differed from the old edge in lower digits is in one list.
    changes: lists, used, head levels, edge_ns, heap
    """
    head = calendar.head[0]
    old_ns = np.int64(head["edge_ns"])
    edge_ns = np.int64(calendar.waits[calendar.heap[0]]["ts_ns"]) - 1
    top = _level(old_ns, edge_ns)
    digit = _digit(old_ns, top)
    target = RUNS + FAN * top + digit
    for place in range(RUNS):
        _join(calendar, place, target)
    for level in range(top):
        while calendar.used[level] != 0:
            _join(calendar, RUNS + FAN * level + trailing_zeros(calendar.used[level]), target)
            calendar.used[level] &= calendar.used[level] - _ONE
        head["levels"] &= ~(_ONE << np.uint64(level))
    if calendar.lists[target]["first"] != 0:
        head["levels"] |= _ONE << np.uint64(top)
        calendar.used[top] |= _ONE << np.uint64(digit)
    head["edge_ns"] = edge_ns
    count = np.int64(head["heap"])
    head["heap"] = 0
    for i in range(count):
        _put(calendar, np.int64(calendar.heap[i]))


@kernel
def push_wait(calendar, ts_ns, sequence, ref):
    """Something waits for ts_ns; of equal times the smaller sequence leaves first.  `calendar_room` was asked.

    ref  int64, what the caller wants back

    changes: all of the calendar
    """
    calendar = borrow(calendar)
    head = calendar.head[0]
    slot = np.int64(head["free"])
    if slot != 0:
        head["free"] = calendar.waits[slot]["next"]
    else:
        slot = np.int64(head["fresh"])
        head["fresh"] += 1
    wait = calendar.waits[slot]
    wait["ts_ns"] = ts_ns
    wait["sequence"] = sequence
    wait["ref"] = ref
    lists = len(calendar.lists) > RUNS
    if head["count"] == 0:
        head["first_ns"] = ts_ns
        if lists:
            head["edge_ns"] = ts_ns
    else:
        head["first_ns"] = min(np.int64(head["first_ns"]), np.int64(ts_ns))
    head["count"] += 1
    _put(calendar, slot)
    # Where the whole heap is of one instant there is nothing to gain; before the first instant there is no edge.
    if lists and head["heap"] > _MANY and _FIRST_NS < head["first_ns"] < head["edge_ns"]:
        _withdraw(calendar)


@inline
def _drop_root(calendar):
    """Take the first slot off the heap.  changes: heap, head heap"""
    head = calendar.head[0]
    last = np.int64(head["heap"]) - 1
    head["heap"] = last
    slot = np.int64(calendar.heap[last])
    place = 0
    while True:
        child = 2 * place + 1
        if child >= last:
            break
        below = np.int64(calendar.heap[child])
        if child + 1 < last:
            right = np.int64(calendar.heap[child + 1])
            if _earlier(calendar, right, below):
                child += 1
                below = right
        if _earlier(calendar, slot, below):
            break
        calendar.heap[place] = below
        place = child
    calendar.heap[place] = slot


@inline
def _first_near(calendar):
    """(slot, run) of the first near wait, slot 0 if nothing is near, run -1 in the heap."""
    slot = np.int64(calendar.heap[0]) if calendar.head[0]["heap"] > 0 else np.int64(0)
    run = -1
    for place in range(RUNS):
        first = np.int64(calendar.lists[place]["first"])
        if first != 0 and (slot == 0 or _earlier(calendar, first, slot)):
            slot = first
            run = place
    return slot, run


@kernel
def first_ref(calendar):
    """The ref of the first wait of a calendar that has one.  changes: where waits are kept, and nothing else"""
    calendar = borrow(calendar)
    slot, _ = _first_near(calendar)
    if slot == 0:
        _open(calendar)
        slot, _ = _first_near(calendar)
    return np.int64(calendar.waits[slot]["ref"])


@kernel
def pop_wait(calendar):
    """Take the first wait out of a calendar that has one.  Returns its ref; ask `first_wait_ns` for its time before.

    changes: all of the calendar
    """
    calendar = borrow(calendar)
    head = calendar.head[0]
    slot, run = _first_near(calendar)
    if slot == 0:
        _open(calendar)
        slot, run = _first_near(calendar)
    if run >= 0:
        calendar.lists[run]["first"] = calendar.waits[slot]["next"]
    else:
        _drop_root(calendar)
    calendar.waits[slot]["next"] = head["free"]
    head["free"] = slot
    head["count"] -= 1
    following, _ = _first_near(calendar)
    if following != 0:
        head["first_ns"] = calendar.waits[following]["ts_ns"]
    elif head["levels"] != 0:
        level = trailing_zeros(head["levels"])
        head["first_ns"] = calendar.lists[RUNS + FAN * level + trailing_zeros(calendar.used[level])]["first_ns"]
    else:
        head["first_ns"] = NEVER
    return np.int64(calendar.waits[slot]["ref"])
