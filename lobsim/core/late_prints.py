"""Prints that a feed tells after the level row that already lacks their size, at the same exchange time (docs/rules.md, section 4).

Taken as it comes the same quantity would leave twice: once as a cancel, once as a trade.  So the tape is marked when it is made ready: the LEVEL row
AWAITS_PRINT, and the PRINT is TOLD_LATE, unless a row of its level follows it in its own packet.  A row that takes quantity away waits for its prints.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel
from lobsim.types import Flag, Kind

_NO_QUEUE = Flag.AUCTION | Flag.OFF_TICK


@inline
def _in_one_go(tape, i, j):
    """Whether row j belongs to the instant of row i, and is a level or a print."""
    kind = tape[j]["kind"]
    return tape[j]["ts_ns"] == tape[i]["ts_ns"] and (kind == Kind.LEVEL or kind == Kind.PRINT)


@inline
def _same_place(tape, i, j):
    """Whether two rows speak of one price of one side."""
    return tape[j]["side"] == tape[i]["side"] and tape[j]["price_ticks"] == tape[i]["price_ticks"]


@inline
def _prints(tape, i):
    """Whether a row is a trade with a displayed queue."""
    return tape[i]["kind"] == Kind.PRINT and tape[i]["flags"] & _NO_QUEUE == 0


@kernel
def level_before(tape, k):
    """The last LEVEL row of a print's price in its instant in front of it, or -1."""
    j = k - 1
    while j >= 0 and _in_one_go(tape, k, j):
        if tape[j]["kind"] == Kind.LEVEL and _same_place(tape, k, j):
            return np.int64(j)
        j -= 1
    return np.int64(-1)


@kernel
def _followed(tape, k):
    """Whether a LEVEL row of a print's price follows it in its packet."""
    j = k
    while tape[j]["flags"] & Flag.LAST_IN_PACKET == 0 and j + 1 < len(tape) and _in_one_go(tape, k, j + 1):
        j += 1
        if tape[j]["kind"] == Kind.LEVEL and _same_place(tape, k, j):
            return True
    return False


@kernel
def mark_late_prints(tape):
    """Mark level rows that await a print, and these prints.

    tape  TAPE [rows]

    changes: flags
    """
    for k in range(len(tape)):
        if _prints(tape, k) and not _followed(tape, k):
            j = level_before(tape, k)
            if j >= 0:
                tape[j]["flags"] |= Flag.AWAITS_PRINT
                tape[k]["flags"] |= Flag.TOLD_LATE


@kernel
def more_to_come(tape, k):
    """Whether a print told late follows row k in its instant, before the next row of its price."""
    j = k + 1
    while j < len(tape) and _in_one_go(tape, k, j):
        if _same_place(tape, k, j):
            if tape[j]["kind"] == Kind.LEVEL:
                return False
            if tape[j]["flags"] & Flag.TOLD_LATE:
                return True
        j += 1
    return False
