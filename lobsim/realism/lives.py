"""What became of each limit order that was added in the day.

A REPLACE ends one order and begins another, unless it only makes the order smaller at its price.  An order that is still there at the end is
censored, and so is one that leaves the sight of a book cut to K levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lobsim.types import NEVER, Kind

if TYPE_CHECKING:
    from lobsim.realism.record import BookRecord


class Lives(NamedTuple):
    """Limit orders added while trading was continuous, in order of arrival, one entry each.

    row            of the arrival
    start_ns       when it joined
    end_ns         when it left; NEVER where nobody saw it leave
    cancelled      bool: it left because what was left of it was taken back
    first_fill_ns, first_cancel_ns  NEVER where it had none; a reduction counts as a cancellation
    """

    row: np.ndarray
    start_ns: np.ndarray
    end_ns: np.ndarray
    cancelled: np.ndarray
    first_fill_ns: np.ndarray
    first_cancel_ns: np.ndarray

    @property
    def filled(self) -> np.ndarray:
        """bool: any part of it was filled."""
        return self.first_fill_ns != NEVER

    @property
    def ended(self) -> np.ndarray:
        """bool: it was seen to leave."""
        return self.end_ns != NEVER

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.row)


def order_lives(tape: np.ndarray, size_lots: np.ndarray, record: BookRecord, live: np.ndarray) -> Lives:
    """Follow every order id through the day; an id may come again after its order has left.

    tape       TAPE [rows]
    size_lots  int64 [rows]
    record     the book around them
    live       bool [rows]: only arrivals at these rows are followed
    """
    kind, time = tape["kind"].astype(np.int64), tape["ts_ns"]
    replaced = kind == Kind.REPLACE
    same_price = record.order_ticks == tape["price_ticks"]
    smaller = replaced & same_price & (size_lots <= record.order_lots) & (tape["order_id"] == tape["other_id"])
    moved = replaced & ~smaller
    executed = kind == Kind.EXECUTE
    taken_back = (kind == Kind.DELETE) | moved
    emptied = executed & (record.order_lots >= 0) & (size_lots >= record.order_lots)
    every = np.arange(len(tape))
    # One entry per order and row: (id, row, begins, fills, cancels, ends); the new half of a REPLACE comes after the old.
    old = every[np.isin(kind, (Kind.REDUCE, Kind.DELETE, Kind.EXECUTE)) | replaced]
    new = every[(kind == Kind.ADD) | moved]
    ids = np.concatenate([tape["order_id"][old], np.where(moved[new], tape["other_id"][new], tape["order_id"][new])])
    rows = np.concatenate([old, new])
    begins = np.arange(len(rows)) >= len(old)
    order = np.lexsort((begins, rows, ids))
    ids, rows, begins = ids[order], rows[order], begins[order]
    life = np.cumsum(begins) - 1
    known = life >= 0
    starts = np.flatnonzero(begins)
    known[known] &= ids[known] == ids[starts[life[known]]]
    later = known & ~begins
    marks = {
        "first_fill_ns": later & executed[rows],
        "first_cancel_ns": later & ~executed[rows],
        "end_ns": later & (taken_back[rows] | emptied[rows]),
        "taken_back_ns": later & taken_back[rows],
    }
    columns = {name: _first_time(time[rows[mark]], life[mark], len(starts)) for name, mark in marks.items()}
    arrival = rows[starts]
    back = np.argsort(arrival, kind="stable")
    back = back[live[arrival[back]] & (ids[starts[back]] != 0)]
    taken_back_ns = columns.pop("taken_back_ns")
    cancelled = (taken_back_ns == columns["end_ns"]) & (taken_back_ns != NEVER)
    kept = {name: column[back] for name, column in columns.items()}
    return Lives(row=arrival[back], start_ns=time[arrival[back]], cancelled=cancelled[back], **kept)


def _first_time(time: np.ndarray, life: np.ndarray, count: int) -> np.ndarray:
    """The first time noted for each life, NEVER for those without."""
    first = np.full(count, NEVER, np.int64)
    np.minimum.at(first, life, time)
    return first
