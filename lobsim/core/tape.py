"""The recorded tape: made ready once, then read row by row.

Preparing finds what single rows do not say: which executions belong to one aggressor, how far that aggressor would have gone, and whether
the order that follows is what it left over (docs/rules.md, section 2).
"""

from __future__ import annotations

import numpy as np

from lobsim.core.executions import note_unseen
from lobsim.core.jit import inline, kernel
from lobsim.core.late_prints import mark_late_prints
from lobsim.core.levels import fold
from lobsim.core.notes import note
from lobsim.core.publication import publish_phase, publish_trade
from lobsim.core.replay_l2 import apply_level_row
from lobsim.core.replay_l3 import apply_order_row
from lobsim.types import NONE, Flag, Kind, Reason, ReportKind


@inline
def _same_aggressor(tape, i, j):
    """Whether execution j, directly after i, came from the same aggressor."""
    return (
        tape[j]["kind"] == Kind.EXECUTE
        and (tape[i]["flags"] | tape[j]["flags"]) & Flag.AUCTION == 0
        and tape[j]["ts_ns"] == tape[i]["ts_ns"]
        and tape[j]["side"] == tape[i]["side"]
        and tape[j]["match_id"] == tape[i]["match_id"]
    )


@inline
def _is_residual(tape, last, j, worst_key):
    """Whether the ADD at j is what the aggressor of the executions up to `last` left over."""
    side = np.int64(tape[last]["side"])
    return (
        j < len(tape)
        and tape[last]["flags"] & Flag.AUCTION == 0
        and tape[j]["kind"] == Kind.ADD
        and tape[j]["ts_ns"] == tape[last]["ts_ns"]
        and tape[j]["side"] == 1 - side
        and fold(side, np.int64(tape[j]["price_ticks"])) >= worst_key
    )


@kernel
def prepare_tape(tape):
    """Mark aggressor groups, their limits and their remainders, and prints told after their level.

    tape  TAPE [rows]

    changes: limit_ticks and flags of executions, flags of remainders, levels and prints
    """
    mark_late_prints(tape)
    i = 0
    while i < len(tape):
        if tape[i]["kind"] != Kind.EXECUTE:
            i += 1
            continue
        side = np.int64(tape[i]["side"])
        worst_key = fold(side, np.int64(tape[i]["price_ticks"]))
        last = i
        while last + 1 < len(tape) and _same_aggressor(tape, i, last + 1):
            last += 1
            worst_key = max(worst_key, fold(side, np.int64(tape[last]["price_ticks"])))
        tape[last]["flags"] |= Flag.GROUP_END
        if _is_residual(tape, last, last + 1, worst_key):
            tape[last + 1]["flags"] |= Flag.RESIDUAL
            worst_key = fold(side, np.int64(tape[last + 1]["price_ticks"]))
        for k in range(i, last + 1):
            tape[k]["limit_ticks"] = fold(side, worst_key)
        i = last + 1


@kernel
def apply_row(world, row):
    """One recorded row: phases for any tape, then by orders or by levels."""
    kind = row["kind"]
    head = world.head[0]
    if kind == Kind.PHASE:
        head["phase"] = row["size"]
        head["group_unfilled"] = 0
        publish_phase(world, np.int64(row["size"]))
        note(world, ReportKind.PHASE_CHANGED, Reason.NONE, NONE, 0, 0, 0, np.int64(row["size"]), 0)
    elif kind == Kind.PRINT and (row["flags"] & Flag.AUCTION) != 0:
        # An auction is no part of continuous trading: neither VWAP nor a participation rate counts it.
        head["group_unfilled"] = 0
    elif kind == Kind.PRINT and (head["shift"] == 0 or row["side"] < 0):
        # Among orders, and where it does not say which side rested, a print is volume and nothing more.
        publish_trade(world, np.int64(row["side"]), np.int64(row["price_ticks"]), np.int64(row["size"]), 0)
        note_unseen(world, row, np.int64(row["size"]))
        head["group_unfilled"] = 0
    elif head["shift"] == 0:
        apply_order_row(world, row)
    else:
        apply_level_row(world, row)
