"""Renewal: under Impact.DECAY what own taking has consumed of a level comes back with a half-life (docs/rules.md, section 4).

Time is cut into steps of a 64th of the half-life, the same for all levels; with every step `consumed` is multiplied by 2^(-1/64) and rounded down, in
integers.  Nothing happens at the step itself: a level catches up at its next row, or when an own message looks at it, and as whole steps are taken the ledger does not
depend on how often anybody looked.  Rounding lets it come back too fast by less than 100 units of 2^-20 lot in all.

A level keeps the time up to which it has caught up where an order keeps its time limit (``expire_ns`` in INFO).
"""

from __future__ import annotations

import numpy as np

from lobsim.core.blocks import anonymous_size, join_back
from lobsim.core.jit import inline, kernel
from lobsim.core.layout import BLOCK
from lobsim.core.levels import find_level, first_level, fold, next_level
from lobsim.core.publication import publish_level
from lobsim.types import NEVER, Impact, OrderType

STEPS = 64
"""Steps in a half-life."""
FACTOR = 1_062_175_491
"""2^(-1/64), times 2^30."""
_LOW = 2**30 - 1


@inline
def step_at(ts_ns, half_life_ns):
    """How many steps have begun by then."""
    return (ts_ns // half_life_ns) * STEPS + (ts_ns % half_life_ns) * STEPS // half_life_ns


@kernel
def decayed(size, steps):
    """What so many steps leave of size >= 0 units."""
    while steps > 0 and size > 0:
        size = (size >> 30) * FACTOR + (((size & _LOW) * FACTOR) >> 30)
        steps -= 1
    return size


@inline
def in_whole_lots(world, units):
    """So many units rounded up to whole lots: the anonymous quantity of a level is whole lots, and so what comes back of it."""
    shift = world.head[0]["shift"]
    return -(-units >> shift) << shift


@kernel
def decay_consumed(world, level):
    """The ledger of a level catches up with the present.  changes: consumed of the level"""
    head = world.head[0]
    info = world.book.info[level]
    now_ns = np.int64(head["now_ns"])
    if info["consumed"] > 0:
        half_life_ns = np.int64(head["half_life_ns"])
        steps = step_at(now_ns, half_life_ns) - step_at(np.int64(info["expire_ns"]), half_life_ns)
        info["consumed"] = decayed(np.int64(info["consumed"]), steps)
    info["expire_ns"] = now_ns


@inline
def _own_at_back(book, level):
    """Whether the last quantity of a queue is an own order's."""
    slot = np.int64(book.nodes[level]["prev"])
    while slot != level and book.nodes[slot]["size"] == 0:
        slot = np.int64(book.nodes[slot]["prev"])
    return slot != level and (book.nodes[slot]["meta"] & BLOCK) == 0


@kernel
def renew_level(world, side, price_ticks, level, by_row):
    """What has come back since the level was last looked at joins its queue at the back; not published.

    by_row  a row of the level is about to act.  Else, behind an own order, it waits for that row: room was made for a few new blocks only

    changes: the ledger of the level, its last block
    """
    book = world.book
    decay_consumed(world, level)
    info = book.info[level]
    missing = max(np.int64(info["hist"]) - in_whole_lots(world, np.int64(info["consumed"])), 0) - anonymous_size(
        book, level
    )
    if missing > 0 and (by_row or not _own_at_back(book, level)):
        join_back(book, side, price_ticks, level, missing)


@kernel
def _each_level_reached(world, order, show):
    """Renew, or show, the levels of the other side that an own order may trade with: best first, as far as its limit and its size go."""
    book = world.book
    mine = world.own[order]
    other = 1 - np.int64(mine["side"])
    limit_key = fold(other, np.int64(mine["price_ticks"])) if mine["type"] == OrderType.LIMIT else np.int64(NEVER)
    left = np.int64(mine["size_lots"] - mine["cut_lots"]) << world.head[0]["shift"]
    level = first_level(book, other)
    while level != 0 and left > 0:
        price_ticks = np.int64(book.nodes[level]["key"])
        key = fold(other, price_ticks)
        if key > limit_key:
            break
        if show:
            publish_level(world, other, price_ticks)
        else:
            renew_level(world, other, price_ticks, level, False)
        left -= np.int64(book.nodes[level]["size"])
        level = next_level(book, other, key)


@kernel
def look(world, order):
    """An own order is about to enter: the levels it reaches, and the one it may join, are as they are now.

    Those it trades with are published then; if it is refused, `show_what_was_seen` does it.
    """
    if world.head[0]["impact"] != Impact.DECAY:
        return
    mine = world.own[order]
    side = np.int64(mine["side"])
    price_ticks = np.int64(mine["price_ticks"])
    level = find_level(world.book, side, fold(side, price_ticks)) if mine["type"] == OrderType.LIMIT else np.int64(0)
    if level != 0:
        renew_level(world, side, price_ticks, level, False)
        publish_level(world, side, price_ticks)
    _each_level_reached(world, order, False)


@kernel
def show_what_was_seen(world, order):
    """The own order was refused: what it looked at is published all the same."""
    if world.head[0]["impact"] == Impact.DECAY:
        _each_level_reached(world, order, True)
