"""Impact.OVERLAY: own trading moves all historical prices by a whole number of ticks, the offset (docs/rules.md, section 2b).

The book of a world stays in the coordinates of history: a public price is the price in the book plus ``offset_ticks``.  So a moving offset
costs nothing per recorded order; only own orders, whose public price stands still, move through the book.  What is published tells the offset
once, and the reader's book stands in the coordinates of history too (``seen_offset_ticks``).

An own taker is cut where the offset moves (`cut_to_part`), and what is left of it goes on at the new offset, at the same instant: it pays for its own impact.

Known limit: whether a FOK order can be filled on its way is asked of recorded quantity alone.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import grow_level, link_before, set_recorded, shrink_level, unlink
from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel
from lobsim.core.layout import BLIND, SIDE_BIT
from lobsim.core.levels import first_level, fold, level_for, next_level
from lobsim.core.matching import would_trade
from lobsim.core.own import book_price, fill_resting, is_own, own_id
from lobsim.core.pressure import after_taking, is_outside, lots_to_move, nearest_offset, plan_overlay, relax
from lobsim.core.publication import publish_level, publish_offset, publish_trade
from lobsim.core.recorded import hist_of, size_of
from lobsim.core.refusal import limit_of
from lobsim.types import (
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    PRESSURE_UNITS,
    FillReason,
    Impact,
    MessageFlag,
    OrderState,
    Phase,
    TimeInForce,
)


@kernel
def _move(world, slot):
    """An own order goes to the level of its public price, behind all quantity there.  changes: its queue, the totals"""
    book = world.book
    head = world.head[0]
    node = book.nodes[slot]
    side = np.int64(node["meta"]) & SIDE_BIT
    size = np.int64(node["size"])
    level = np.int64(node["level"])
    left_ticks = np.int64(book.nodes[level]["key"])
    price_ticks = book_price(world, np.int64(world.own[own_id(np.int64(node["key"]))]["price_ticks"]))
    unlink(book, slot)
    book.sides[side]["orders"] -= 1
    shrink_level(book, side, level, size)
    level = level_for(book, side, price_ticks)
    node["level"] = level
    link_before(book, slot, level)
    grow_level(book, side, level, size)
    book.sides[side]["orders"] += 1
    worst = head["worst_1"] if side else head["worst_0"]
    blind = BLIND if fold(side, price_ticks) > worst else 0
    node["meta"] = (np.int64(node["meta"]) & ~BLIND) | blind
    head["reentered"] += 1
    publish_level(world, side, left_ticks)
    publish_level(world, side, price_ticks)


@kernel
def _take_recorded(world, side, price_ticks, size):
    """Recorded orders of a side that reach a price give up to size units to an own order, best first.  Returns how much."""
    book = world.book
    left = size
    level = first_level(book, side)
    while level != 0 and left > 0:
        level_ticks = np.int64(book.nodes[level]["key"])
        key = fold(side, level_ticks)
        if key > fold(side, price_ticks):
            break
        slot = np.int64(book.nodes[level]["next"])
        while slot != level and left > 0:
            after = np.int64(book.nodes[slot]["next"])
            traded = np.int64(0) if is_own(book, slot) else min(left, size_of(world, slot))
            if traded > 0:
                set_recorded(book, slot, size_of(world, slot) - traded, hist_of(world, slot))
                left -= traded
            slot = after
        publish_level(world, side, level_ticks)
        level = next_level(book, side, key)
    return size - left


@kernel
def _trade_reached(world, side):
    """Own orders of a side that shifted history has reached trade at their own prices, best first."""
    book = world.book
    level = first_level(book, side)
    while level != 0:
        price_ticks = np.int64(book.nodes[level]["key"])
        if not would_trade(book, side, price_ticks):
            break
        slot = np.int64(book.nodes[level]["next"])
        while slot != level:
            after = np.int64(book.nodes[slot]["next"])
            if is_own(book, slot):
                traded = _take_recorded(world, 1 - side, price_ticks, size_of(world, slot))
                if traded > 0:
                    world.head[0]["crossing_fills"] += traded
                    fill_resting(world, slot, traded, FillReason.BOOK_CROSSED)
                    publish_trade(world, side, price_ticks, traded, traded)
            slot = after
        level = next_level(book, side, fold(side, price_ticks))


@kernel
def _shift(world, offset_ticks):
    """History stands at another offset from now on: own orders go to their prices in it, oldest first, and trade where it has reached them."""
    head = world.head[0]
    head["offset_ticks"] = offset_ticks
    head["shifts"] += 1
    publish_offset(world, offset_ticks)
    for i in range(head["own"]):
        slot = find_id(world.book, own_id(i))
        if slot != 0:
            _move(world, slot)
    if head["phase"] == Phase.CONTINUOUS:
        _trade_reached(world, np.int64(0))
        _trade_reached(world, np.int64(1))


@kernel
def shift_if_due(world):
    """Bring pressure and offset up to now.  Returns whether the offset moved; where not, an own taker may go on."""
    head = world.head[0]
    relax(world)
    pressure = np.int64(head["pressure"])
    scale = np.int64(head["overlay_scale"])
    moved = is_outside(pressure, scale, np.int64(head["offset_ticks"]))
    if moved:
        _shift(world, nearest_offset(pressure, scale))
    plan_overlay(world)
    return moved


@inline
def waiting_taker(world):
    """Index of the own order of which a part is still to be taken, or -1; it is not waiting any more.  changes: overlay_order, overlay_ns"""
    head = world.head[0]
    order = np.int64(head["overlay_order"]) - 1
    head["overlay_order"] = 0
    plan_overlay(world)
    return order


@kernel
def _part_left(world, order, left_lots):
    """What is left of an own order after its first part: it joins what rests of that, or waits for its turn at this instant."""
    head = world.head[0]
    slot = find_id(world.book, own_id(order))
    if slot == 0:
        head["overlay_order"] = order + 1
        head["overlay_ns"] = head["now_ns"]
        return
    book = world.book
    side = np.int64(book.nodes[slot]["meta"]) & SIDE_BIT
    level = np.int64(book.nodes[slot]["level"])
    book.nodes[slot]["size"] += left_lots
    grow_level(book, side, level, left_lots)
    publish_level(world, side, np.int64(book.nodes[level]["key"]))


@kernel
def _first_part(world, message):
    """So many lots of a message that takes trade before the offset moves; all of it if it does not get so far, rests, or will be refused."""
    head = world.head[0]
    size = np.int64(message["size_lots"])
    side = np.int64(message["side"])
    limit_ticks = limit_of(message)
    post_only = message["flags"] & MessageFlag.POST_ONLY
    expired = message["tif"] == TimeInForce.GTD and message["expire_ns"] <= head["now_ns"]
    if size > MAX_SIZE_LOTS or post_only or expired or not would_trade(world.book, side, limit_ticks):
        return size
    if message["price_ticks"] > MAX_PRICE_TICKS or message["price_ticks"] < -MAX_PRICE_TICKS:
        return size
    relax(world)
    pressure, scale, offset_ticks = head["pressure"], head["overlay_scale"], head["offset_ticks"]
    return min(size, lots_to_move(np.int64(pressure), np.int64(scale), np.int64(offset_ticks), side))


@kernel
def _recorded_at(world, level):
    """Units of recorded orders in a level."""
    book = world.book
    total = np.int64(0)
    slot = np.int64(book.nodes[level]["next"])
    while slot != level:
        if not is_own(book, slot):
            total += np.int64(book.nodes[slot]["size"])
        slot = np.int64(book.nodes[slot]["next"])
    return total


@kernel
def _fillable_on_the_way(world, side, limit_ticks, size):
    """Whether recorded quantity within a limit (a price in the book) fills a taker of size lots, the offset moving as it takes."""
    head = world.head[0]
    book = world.book
    other = 1 - side
    scale = np.int64(head["overlay_scale"])
    pressure = np.int64(head["pressure"])
    start_ticks = np.int64(head["offset_ticks"])
    offset_ticks = start_ticks
    left = size
    level = first_level(book, other)
    while level != 0 and left > 0:
        price_ticks = np.int64(book.nodes[level]["key"])
        there = _recorded_at(world, level)
        while there > 0 and left > 0:
            if fold(other, price_ticks + offset_ticks - start_ticks) > fold(other, limit_ticks):
                return False
            part = min(min(there, left), lots_to_move(pressure, scale, offset_ticks, side))
            pressure = after_taking(pressure, side, part * PRESSURE_UNITS)
            if is_outside(pressure, scale, offset_ticks):
                offset_ticks = nearest_offset(pressure, scale)
            there -= part
            left -= part
        level = next_level(book, other, fold(other, price_ticks))
    return left == 0


@inline
def cut_to_part(world, message):
    """A taker comes in as far as the offset stays.  Returns the lots cut off, 0 in every other mode."""
    if world.head[0]["impact"] != Impact.OVERLAY:
        return np.int64(0)
    part_lots = _first_part(world, message)
    left_lots = np.int64(message["size_lots"]) - part_lots
    message["size_lots"] = part_lots
    return left_lots


@inline
def fills_on_the_way(world, message, left_lots):
    """Whether a message that was cut can be filled, with what was cut off."""
    side = np.int64(message["side"])
    return _fillable_on_the_way(world, side, limit_of(message), np.int64(message["size_lots"]) + left_lots)


@inline
def keep_part(world, order, left_lots):
    """What was cut off an own taker goes on, unless the order has left."""
    if left_lots > 0 and world.own[order]["venue_state"] == OrderState.LIVE:
        _part_left(world, order, left_lots)
