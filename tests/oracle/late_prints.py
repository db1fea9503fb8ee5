"""Prints told after their level's row at one exchange time: the level row waits for them if it takes quantity away."""

from __future__ import annotations

from collections.abc import Sequence

from lobsim.types import Flag, Kind
from tests.oracle import Row


def _place(row: Row) -> tuple[int, int, int]:
    return row.ts_ns, row.side, row.price_ticks


def _instant(tape: Sequence[Row], at: int) -> tuple[int, int]:
    """Where the levels and prints around row `at` begin and end that share its instant with nothing else between."""
    first = last = at
    while first > 0 and _joins(tape[first - 1], tape[at]):
        first -= 1
    while last + 1 < len(tape) and _joins(tape[last + 1], tape[at]):
        last += 1
    return first, last + 1


def _joins(row: Row, other: Row) -> bool:
    return row.ts_ns == other.ts_ns and row.kind in (Kind.LEVEL, Kind.PRINT)


def told_late(tape: Sequence[Row], at: int) -> bool:
    """Whether a row is a print behind the row of its level, in its instant, with no other behind it in its packet."""
    if tape[at].kind != Kind.PRINT or tape[at].flags & (Flag.AUCTION | Flag.OFF_TICK) or row_before(tape, at) is None:
        return False
    packet = [tape[at]]
    for row in tape[at + 1 : _instant(tape, at)[1]]:
        if packet[-1].flags & Flag.LAST_IN_PACKET:
            break
        packet.append(row)
    return not any(row.kind == Kind.LEVEL and _place(row) == _place(tape[at]) for row in packet)


def more_to_come(tape: Sequence[Row], at: int) -> bool:
    """Whether a print told late comes between row `at` and the next row of its level in its instant."""
    for place in range(at + 1, _instant(tape, at)[1]):
        same = _place(tape[place]) == _place(tape[at])
        if same and tape[place].kind == Kind.LEVEL:
            return False
        if same and told_late(tape, place):
            return True
    return False


def row_before(tape: Sequence[Row], at: int) -> Row | None:
    """The last LEVEL row of print `at`'s price in its instant in front of it."""
    told = [row for row in tape[_instant(tape, at)[0] : at] if _place(row) == _place(tape[at])]
    levels = [row for row in told if row.kind == Kind.LEVEL]
    return levels[-1] if levels else None
