"""Slow, obvious twins of the compiled core, written from docs/rules.md and from nothing else.

Pure Python on lists and dictionaries; the only import from the package is its vocabulary (`lobsim.types`).  A twin that
shared code with the core would share its mistakes, so none does.

This file holds what the twins share: the rows of a tape, and preparing a tape (section 2 of the rules).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lobsim.types import Flag, Kind, Side


class Row(NamedTuple):
    """One row of a tape; ``limit_ticks`` is how far the aggressor of an EXECUTE would have gone."""

    ts_ns: int
    kind: int
    side: int
    order_id: int
    other_id: int
    match_id: int
    price_ticks: int
    size_lots: int
    flags: int
    limit_ticks: int


ROW_FIELDS = Row._fields[:-1]


def row_of(row: Row | Mapping[str, Any] | Any) -> Row:
    """A row, mapping or numpy record as a Row; a mapping may leave fields out (0).  The limit defaults to the price."""
    if isinstance(row, Row):
        return row
    if isinstance(row, Mapping):
        values = [int(row.get(name, 0)) for name in ROW_FIELDS]
        return Row(*values, int(row.get("limit_ticks", row.get("price_ticks", 0))))
    values = [int(row[name]) for name in ROW_FIELDS]
    has_limit = "limit_ticks" in (row.dtype.names or ())
    return Row(*values, int(row["limit_ticks" if has_limit else "price_ticks"]))


def prepare(rows: Iterable[Row | Mapping[str, Any] | Any]) -> list[Row]:
    """Find the aggressor groups: sets ``limit_ticks`` and GROUP_END of executions, RESIDUAL of the remainder's ADD."""
    tape = [row_of(row) for row in rows]
    done: list[Row] = []
    while len(done) < len(tape):
        group = _group_at(tape, len(done))
        if not group:
            done.append(tape[len(done)])
            continue
        prices = [row.price_ticks for row in group]
        limit = max(prices) if group[0].side == Side.SELL else min(prices)
        after = tape[len(done) + len(group)] if len(done) + len(group) < len(tape) else None
        remainder = after if after is not None and _is_remainder(group[0], limit, after) else None
        if remainder is not None:
            limit = remainder.price_ticks
        group = [row._replace(limit_ticks=limit) for row in group]
        group[-1] = group[-1]._replace(flags=group[-1].flags | Flag.GROUP_END)
        done += group
        if remainder is not None:
            done.append(remainder._replace(flags=remainder.flags | Flag.RESIDUAL))
    return done


def _group_at(tape: list[Row], start: int) -> list[Row]:
    """The executions that stand directly one after the other from `start` on and belong to one aggressor."""
    first, end = tape[start], start
    while end < len(tape) and tape[end].kind == Kind.EXECUTE and _aggressor(tape[end]) == _aggressor(first):
        end += 1
        if tape[end - 1].flags & Flag.AUCTION or (end < len(tape) and tape[end].flags & Flag.AUCTION):
            break
    return tape[start:end]


def _aggressor(row: Row) -> tuple[int, int, int]:
    return row.ts_ns, row.side, row.match_id


def _is_remainder(execution: Row, worst: int, row: Row) -> bool:
    """Whether `row` is what the aggressor left over: its ADD at or beyond the worst printed price."""
    if execution.flags & Flag.AUCTION:
        return False
    is_add = row.kind == Kind.ADD and row.ts_ns == execution.ts_ns and row.side == 1 - execution.side
    beyond = row.price_ticks >= worst if row.side == Side.BUY else row.price_ticks <= worst
    return is_add and beyond
