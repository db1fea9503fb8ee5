"""History as a tape tells it: the recorded orders and nothing else, kept in a shadow; and what a checker of a replayed day holds.

Here a recorded order has one size, what history says remains.  Rows about orders that were never announced are passed over.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.core.jit import inline, kernel
from lobsim.core.shadow import best_place, join, line_of, name, place_beyond, place_of, price_at, take, total_at
from lobsim.core.violations import Checker
from lobsim.types import Flag, Kind

MINE = np.dtype([("live", "i8"), ("rest", "i8"), ("filled", "i8"), ("key", "i8"), ("joined", "i8"), ("before", "i8")])
"""One own order: whether it rests, what of it, filled in all, folded limit, place in time; ``before``: rest before the event at hand."""

REPLAY = np.dtype(
    [
        ("impact", "i8"),
        ("slides", "i8"),  # CrossPolicy.SLIDE: makers may stand elsewhere than history says
        ("hidden_at_equal", "i8"),
        ("depth_rows", "i8"),  # 1: a recorded book row after every message
        ("whole", "i8"),  # 1: the tape holds every order
        ("seen_0", "i8"),  # a cut book: buys from this place on are out of sight
        ("seen_1", "i8"),
        ("group_brought", "i8"),  # by the executions of the aggressor at hand
        ("pardoned", "i8"),  # crossed since a time without continuous trading
        ("history_crossed", "i8"),
        ("crossed_by_correction", "i8"),
        ("away_from_best", "i8"),  # recorded executions
        ("out_of_turn", "i8"),
        ("asked", "i8"),  # executions with own orders in front of or behind their maker
        ("asked_exactly", "i8"),  # of these: the ledgers agreed
    ]
)


class Replayed(NamedTuple):
    """A replayed day and its checker.

    check  Checker, its shadow history
    state  REPLAY [1]
    tape   TAPE [rows]
    rows   int64 [rows, 4 K] or [0, 0]
    trace  TRACE [events]
    own    OWN_ORDER [own orders]
    fills  FILL [fills]
    mine   MINE [own orders]
    """

    check: Checker
    state: np.ndarray
    tape: np.ndarray
    rows: np.ndarray
    trace: np.ndarray
    own: np.ndarray
    fills: np.ndarray
    mine: np.ndarray


@inline
def fold(side, price_ticks):
    """Smaller is better, on both sides."""
    return price_ticks if side else -price_ticks


@inline
def _seen(day, side):
    """The place from which on a side of a cut book is out of sight."""
    return np.int64(day.state[0]["seen_1"]) if side else np.int64(day.state[0]["seen_0"])


@kernel
def join_recorded(day, row, order_id):
    """A recorded order joins; one of a snapshot in front of every own order that was there."""
    shadow = day.check.shadow
    side = np.int64(row["side"])
    place = place_of(shadow, side, np.int64(row["price_ticks"]))
    if line_of(shadow, order_id) != 0 or row["size"] <= 0:
        return
    line = join(shadow, order_id, side, place, np.int64(row["size"]), 0)
    if day.state[0]["depth_rows"] and place >= _seen(day, side):
        shadow.lines[line]["blind"] = 1
    if row["flags"] & Flag.SNAPSHOT:
        shadow.lines[line]["joined"] = 0


@kernel
def replace_recorded(day, row):
    """A recorded order changes price or size."""
    shadow = day.check.shadow
    line = line_of(shadow, np.int64(row["order_id"]))
    new_id = np.int64(row["other_id"])
    if line != 0:
        mine = shadow.lines[line]
        rest = np.int64(mine["rest"])
        same = mine["place"] == place_of(shadow, np.int64(mine["side"]), np.int64(row["price_ticks"]))
        taken = new_id != row["order_id"] and line_of(shadow, new_id) != 0
        if same and row["size"] <= rest and not taken:
            name(shadow, new_id, line)
            take(shadow, line, rest - np.int64(row["size"]))
            return
        take(shadow, line, rest)
    join_recorded(day, row, new_id)


@kernel
def clear_recorded(day):
    """The recorded book is emptied."""
    shadow = day.check.shadow
    for line in range(1, shadow.used[0]):
        if shadow.lines[line]["rest"] > 0:
            take(shadow, line, np.int64(shadow.lines[line]["rest"]))


@kernel
def history_row(day, row):
    """History goes on by one row; executions out of turn are counted."""
    shadow = day.check.shadow
    kind = row["kind"]
    order_id = np.int64(row["order_id"])
    if kind == Kind.ADD:
        join_recorded(day, row, order_id)
    elif kind == Kind.REPLACE:
        replace_recorded(day, row)
    elif kind == Kind.CLEAR:
        clear_recorded(day)
    elif kind == Kind.REDUCE or kind == Kind.DELETE or kind == Kind.EXECUTE:
        line = line_of(shadow, order_id)
        if line == 0:
            return
        mine = shadow.lines[line]
        side = np.int64(mine["side"])
        if kind == Kind.EXECUTE:
            if mine["place"] != best_place(shadow, side):
                day.state[0]["away_from_best"] += 1
            elif shadow.queues[side, mine["place"]]["first"] != line:
                day.state[0]["out_of_turn"] += 1
        size = np.int64(mine["rest"]) if kind == Kind.DELETE else np.int64(row["size"])
        take(shadow, line, size)


@kernel
def _lose_sight(day, side, k):
    """Where row k no longer shows what the row before it showed, nobody can say who stands there."""
    shadow = day.check.shadow
    last = day.rows.shape[1] - (3 if side else 1)
    places = shadow.queues.shape[1]
    end = places
    if day.rows[k, last] > 0:
        end = place_beyond(shadow, side, np.int64(day.rows[k, last - 1]))
    for place in range(end, min(_seen(day, side), places)):
        line = np.int64(shadow.queues[side, place]["first"])
        while line != 0:
            shadow.lines[line]["blind"] = 1
            line = np.int64(shadow.lines[line]["next"])
    if side:
        day.state[0]["seen_1"] = end
    else:
        day.state[0]["seen_0"] = end


@kernel
def trim_to_row(day, k):
    """In a cut book orders leave out of sight: what stands at or before the recorded best price and is not in row k is forgotten, youngest first."""
    shadow = day.check.shadow
    for side in range(2):
        _lose_sight(day, side, k)
        price_ticks = np.int64(day.rows[k, 0 if side else 2])
        shown = np.int64(day.rows[k, 1 if side else 3])
        place = best_place(shadow, side)
        while place >= 0:
            key = fold(side, price_at(shadow, side, place))
            if shown > 0 and key > fold(side, price_ticks):
                break
            extra = total_at(shadow, side, place)
            if shown > 0 and key == fold(side, price_ticks):
                extra -= shown
            if extra <= 0:
                break
            while extra > 0:
                extra -= take(shadow, np.int64(shadow.queues[side, place]["last"]), extra)
            place = best_place(shadow, side)
