"""Order by order replay: one recorded row at a time against the live book (docs/rules.md, section 2).

Recorded orders keep two ledgers, ``hist`` and ``size``; own orders create the difference.  Every routine here is written so that without own orders
the two stay equal on any tape, FIFO or not.

Known limit: a residual quantity is linked to its aggressor only when the feed shows both at one instant, one directly after the other.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import add_recorded, set_recorded
from lobsim.core.executions import execute, execute_hidden
from lobsim.core.ids import add_id, find_id, remove_id
from lobsim.core.jit import inline, kernel
from lobsim.core.layout import ANONYMOUS, BEHIND, RECORDED
from lobsim.core.levels import find_level, first_level, fold, next_level
from lobsim.core.notes import note, note_off_at
from lobsim.core.own import fill_resting, is_own
from lobsim.core.publication import publish_level, publish_trade
from lobsim.core.recorded import (
    anonymous_at,
    hist_of,
    is_cut,
    meant,
    price_of,
    size_of,
    surplus_of,
    take_off,
    trim_surplus,
)
from lobsim.types import CrossPolicy, FillReason, Flag, Impact, Kind, Phase, Reason, ReportKind


@kernel
def _slid(world, side, price_ticks):
    """Where an arriving order rests under CrossPolicy.SLIDE: one tick short of the best own price it would reach."""
    book = world.book
    other = 1 - side
    level = first_level(book, other)
    while level != 0:
        level_price = np.int64(book.nodes[level]["key"])
        if fold(other, level_price) > fold(other, price_ticks):
            break
        slot = np.int64(book.nodes[level]["next"])
        while slot != level:
            if is_own(book, slot):
                return level_price + 1 if side else level_price - 1
            slot = np.int64(book.nodes[slot]["next"])
        level = next_level(book, other, fold(other, level_price))
    return price_ticks


@kernel
def _meet(world, side, price_ticks, size):
    """A recorded order arrives through prices of the other side.  Returns the units that rest."""
    head = world.head[0]
    book = world.book
    other = 1 - side
    limit_key = fold(other, price_ticks)
    crossed = False
    level = first_level(book, other)
    left = size
    while level != 0 and left > 0:
        level_price = np.int64(book.nodes[level]["key"])
        level_key = fold(other, level_price)
        if level_key > limit_key:
            break
        slot = np.int64(book.nodes[level]["next"])
        while slot != level and left > 0:
            after = np.int64(book.nodes[slot]["next"])
            if is_own(book, slot):
                traded = min(left, size_of(world, slot))
                head["crossing_fills"] += traded
                participants = book.nodes[slot]["key"] < 0
                fill_resting(world, slot, traded, FillReason.BOOK_CROSSED)
                if participants:
                    publish_trade(world, other, level_price, traded, traded)
                left -= traded
            else:
                note_off_at(world, slot, surplus_of(world, slot))
                taken = trim_surplus(world, slot, np.int64(2**62))
                head["evicted"] += taken
                if taken > 0:
                    publish_level(world, other, level_price)
                crossed = crossed or (taken == 0 and book.nodes[slot]["size"] > 0)
            slot = after
        level = next_level(book, other, level_key)
    if crossed:
        head["history_crossed"] += 1
    return size if head["impact"] == Impact.NONE else left


@inline
def _place_of(world, row, price_ticks):
    """Where a recorded order joins its queue: 0 (the back), or in front of own orders that rested before a CLEAR."""
    if not row["flags"] & Flag.SNAPSHOT:
        return np.int64(0)
    book = world.book
    side = np.int64(row["side"])
    level = find_level(book, side, fold(side, price_ticks))
    if level == 0:
        return np.int64(0)
    slot = np.int64(book.nodes[level]["next"])
    while slot != level:
        if book.nodes[slot]["meta"] & BEHIND:
            return slot
        slot = np.int64(book.nodes[slot]["next"])
    return np.int64(0)


@kernel
def add(world, row, order_id):
    """A recorded order joins with this id; on its way it may meet own orders and surplus."""
    head = world.head[0]
    book = world.book
    extra = np.int64(0)
    if row["flags"] & Flag.RESIDUAL:
        extra = np.int64(head["group_unfilled"])
    if order_id != 0 and find_id(book, order_id) != 0:
        head["duplicates"] += 1
        head["short"] = -np.int64(row["size"])
        return
    side = np.int64(row["side"])
    price_ticks = np.int64(row["price_ticks"])
    hist = np.int64(row["size"])
    size = hist + extra
    other = 1 - side
    if head["phase"] == Phase.CONTINUOUS and book.sides[other]["best_key"] <= fold(other, price_ticks):
        if head["cross"] == CrossPolicy.SLIDE:
            slid = _slid(world, side, price_ticks)
            size = size if slid == price_ticks else hist
            price_ticks = slid
        size = _meet(world, side, price_ticks, size)
    meta = RECORDED if order_id != 0 else RECORDED | ANONYMOUS
    add_recorded(book, side, order_id, price_ticks, size, hist, meta, _place_of(world, row, price_ticks))
    note(world, ReportKind.ACCEPTED, Reason.NONE, side, order_id, 0, price_ticks, size, size)
    publish_level(world, side, price_ticks)


@kernel
def reduce(world, row):
    """Part of a recorded order is cancelled."""
    slot = meant(world, row)
    if slot != 0:
        take_off(world, slot, np.int64(row["size"]))


@kernel
def _forget_id(world, slot):
    """In a cut book: what is left of a deleted order stays in its place without an id, or joins the anonymous order there."""
    book = world.book
    standing = anonymous_at(world, np.int64(book.nodes[slot]["meta"]) & 1, price_of(world, slot))
    if standing != 0:
        size = size_of(world, slot)
        hist = hist_of(world, slot)
        set_recorded(book, standing, size_of(world, standing) + size, hist_of(world, standing) + hist)
        set_recorded(book, slot, np.int64(0), np.int64(0))
        return
    remove_id(book, np.int64(book.nodes[slot]["key"]))
    book.nodes[slot]["meta"] |= ANONYMOUS
    book.nodes[slot]["key"] = 0


@kernel
def delete(world, row):
    """A recorded order is cancelled, whatever is left of it.

    In a cut book part of it may have been cancelled out of sight: there the size of the row goes, not more.
    """
    book = world.book
    slot = meant(world, row)
    if slot == 0:
        return
    named = (book.nodes[slot]["meta"] & ANONYMOUS) == 0
    if named and not is_cut(world):
        take_off(world, slot, max(size_of(world, slot), hist_of(world, slot)))
        return
    stays = hist_of(world, slot) > row["size"]
    take_off(world, slot, np.int64(row["size"]))
    if stays and named and book.nodes[slot]["key"] == row["order_id"]:
        _forget_id(world, slot)


@kernel
def replace(world, row):
    """A recorded order changes price or size; only a smaller size at the same price keeps its place."""
    book = world.book
    slot = find_id(book, np.int64(row["order_id"]))
    if slot != 0:
        hist = hist_of(world, slot)
        size = np.int64(row["size"])
        new_id = np.int64(row["other_id"])
        renamed = new_id != row["order_id"]
        keeps = price_of(world, slot) == row["price_ticks"] and size <= hist
        if keeps and not (renamed and find_id(book, new_id) != 0):
            if renamed:
                remove_id(book, np.int64(row["order_id"]))
                add_id(book, new_id, slot)
                book.nodes[slot]["key"] = new_id
                side = np.int64(book.nodes[slot]["meta"]) & 1
                rest = size_of(world, slot)
                old_id = np.int64(row["order_id"])
                note(world, ReportKind.REPLACED, Reason.NONE, side, new_id, old_id, price_of(world, slot), rest, rest)
            if size < hist:
                take_off(world, slot, hist - size)
            return
        take_off(world, slot, max(size_of(world, slot), hist))
    else:
        world.head[0]["unknown"] += 1
    add(world, row, np.int64(row["other_id"]))


@kernel
def clear(world):
    """The recorded book is emptied; own orders stay, behind whatever the snapshot brings."""
    book = world.book
    for side in range(2):
        level = first_level(book, side)
        while level != 0:
            price_ticks = np.int64(book.nodes[level]["key"])
            slot = np.int64(book.nodes[level]["next"])
            while slot != level:
                after = np.int64(book.nodes[slot]["next"])
                if is_own(book, slot):
                    book.nodes[slot]["meta"] |= BEHIND
                else:
                    note_off_at(world, slot, size_of(world, slot))
                    set_recorded(book, slot, np.int64(0), np.int64(0))
                slot = after
            publish_level(world, side, price_ticks)
            level = next_level(book, side, fold(side, price_ticks))


@kernel
def apply_order_row(world, row):
    """One row of an order by order tape."""
    kind = row["kind"]
    head = world.head[0]
    if kind == Kind.EXECUTE:
        execute(world, row)
        return
    if kind == Kind.ADD:
        add(world, row, np.int64(row["order_id"]))
    elif kind == Kind.REDUCE:
        reduce(world, row)
    elif kind == Kind.DELETE:
        delete(world, row)
    elif kind == Kind.EXECUTE_HIDDEN:
        execute_hidden(world, row)
    elif kind == Kind.REPLACE:
        replace(world, row)
    elif kind == Kind.CLEAR:
        clear(world)
    head["group_unfilled"] = 0
