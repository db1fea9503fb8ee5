"""Reading a calendar from outside: what waits in it, and the first invariant that does not hold.

Written with plain Python integers beside the kernels of ``calendar``, not with them; for tests and for looking, not for speed.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.calendar import BITS, FAN, RUNS, Calendar
from lobsim.types import NEVER

_OFFSET = 2**63  # makes the order of times that of numbers from 0 on


def waiting(calendar: Calendar) -> np.ndarray:
    """WAIT [count]: what waits, in the order in which it will leave."""
    slots = _heap(calendar)
    for place in range(len(calendar.lists)):
        slots += _list(calendar, place)
    waits = calendar.waits[slots]
    return waits[np.lexsort((waits["sequence"], waits["ts_ns"]))]


def calendar_fault(calendar: Calendar) -> str:
    """The first broken invariant in words, or "" where all hold."""
    return _near_fault(calendar) or _lists_fault(calendar) or _count_fault(calendar)


def _heap(calendar: Calendar) -> list[int]:
    return calendar.heap[: int(calendar.head[0]["heap"])].tolist()


def _list(calendar: Calendar, place: int) -> list[int]:
    """Slots of a list, first to last; no more than the calendar has, whatever the links say."""
    slots: list[int] = []
    slot = int(calendar.lists[place]["first"])
    while slot != 0 and len(slots) < len(calendar.waits):
        slots.append(slot)
        slot = int(calendar.waits[slot]["next"])
    return slots


def _near_fault(calendar: Calendar) -> str:
    edge_ns = int(calendar.head[0]["edge_ns"])
    keys = calendar.waits[_heap(calendar)][["ts_ns", "sequence"]].tolist()
    for i in range(1, len(keys)):
        if keys[i] < keys[(i - 1) >> 1]:
            return f"entry {i} of the heap leaves before its parent"
    if any(ts_ns > edge_ns for ts_ns, _ in keys):
        return "the heap holds something later than the edge"
    for place in range(RUNS):
        run = calendar.waits[_list(calendar, place)]
        if (run["ts_ns"] != edge_ns).any() or (np.diff(run["sequence"]) <= 0).any():
            return f"run {place} is not one instant, the edge, in rising sequence"
    return ""


def _place(ts_ns: int, edge_ns: int) -> int:
    """The list of a time after the edge."""
    time, edge = ts_ns + _OFFSET, edge_ns + _OFFSET
    level = ((time ^ edge).bit_length() - 1) // BITS
    # The highest digit has four bits; read with its sign it covers 24 to 39.
    digit = time >> BITS * level & FAN - 1
    return RUNS + FAN * level + (digit + 24 if BITS * (level + 1) > 64 else digit)


def _lists_fault(calendar: Calendar) -> str:
    head = calendar.head[0]
    for place in range(RUNS, len(calendar.lists)):
        level, digit = divmod(place - RUNS, FAN)
        slots = _list(calendar, place)
        name = f"list {digit} of digit {level}"
        in_use = bool(int(head["levels"]) >> level & 1) and bool(int(calendar.used[level]) >> digit & 1)
        if bool(slots) != in_use:
            return f"{name} is {'not ' if slots else ''}marked as in use"
        if not slots:
            continue
        times = calendar.waits[slots]["ts_ns"].tolist()
        if min(times) <= head["edge_ns"] or any(_place(ts_ns, int(head["edge_ns"])) != place for ts_ns in times):
            return f"{name} holds what belongs elsewhere"
        if (slots[-1], min(times)) != tuple(calendar.lists[place][["last", "first_ns"]]):
            return f"{name} has another end or another first time"
    if any(int(calendar.used[level]) == 0 for level in range(len(calendar.used)) if int(head["levels"]) >> level & 1):
        return "a digit is marked as in use that is not"
    return ""


def _count_fault(calendar: Calendar) -> str:
    head = calendar.head[0]
    content = waiting(calendar)
    if len(content) != head["count"]:
        return f"{len(content)} wait, the head says {head['count']}"
    if head["first_ns"] != (content["ts_ns"][0] if len(content) else NEVER):
        return "the head gives another first time"
    return ""
