"""Recorded executions against the live book: who gets what an aggressor of the past brought (docs/rules.md, section 2).

A recorded execution names its maker.  Own orders and surplus with priority are served first, then the maker, and only a shortage goes on.  Without own
orders nothing but the maker is ever touched, on any tape, FIFO or not.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import set_recorded
from lobsim.core.jit import inline, kernel
from lobsim.core.layout import NAMELESS
from lobsim.core.levels import first_level, fold, next_level
from lobsim.core.notes import note, note_trade_at
from lobsim.core.own import fill_resting, is_own
from lobsim.core.publication import publish_level, publish_trade
from lobsim.core.recorded import hist_of, meant, price_of, settle_surplus, size_of, surplus_of, trim_surplus
from lobsim.types import FillReason, Flag, Impact, Phase, Reason, ReportKind


@kernel
def _serve_before(world, row, maker, size):
    """Rule (a): own orders and surplus with priority over the maker take from an execution.

    maker  slot of the named maker;  size  units to give away

    Returns the units left.
    """
    book = world.book
    side = np.int64(row["side"])
    row_key = fold(side, np.int64(row["price_ticks"]))
    maker_key = fold(side, price_of(world, maker))
    level = first_level(book, side)
    while level != 0 and size > 0:
        level_price = np.int64(book.nodes[level]["key"])
        level_key = fold(side, level_price)
        if level_key > maker_key:
            break
        trimmed = np.int64(0)
        slot = np.int64(book.nodes[level]["next"])
        while slot != level and slot != maker and size > 0:
            after = np.int64(book.nodes[slot]["next"])
            if is_own(book, slot):
                traded = min(size, size_of(world, slot))
                fill_resting(world, slot, traded, _reason(row_key, level_key))
                size -= traded
            else:
                note_trade_at(world, slot, min(surplus_of(world, slot), size), Reason.NONE)
                taken = trim_surplus(world, slot, size)
                trimmed += taken
                size -= taken
            slot = after
        if trimmed > 0:
            publish_level(world, side, level_price)
        level = next_level(book, side, level_key)
    return size


@inline
def _reason(row_key, level_key):
    """Why an own order at a level is filled by an execution recorded at another, or the same, price."""
    return np.int64(FillReason.TRADED_THROUGH if level_key < row_key else FillReason.QUEUE_EXHAUSTED)


@kernel
def _serve_own_better(world, row, at_equal):
    """Own orders at strictly better prices than a print, best first, at most its size in all (with at_equal also those at it).

    Nobody visible is named here, so nobody else gives way.
    """
    book = world.book
    side = np.int64(row["side"])
    row_key = fold(side, np.int64(row["price_ticks"]))
    left = np.int64(row["size"])
    level = first_level(book, side)
    while level != 0 and left > 0:
        level_key = fold(side, np.int64(book.nodes[level]["key"]))
        if level_key > row_key or (level_key == row_key and not at_equal):
            break
        slot = np.int64(book.nodes[level]["next"])
        while slot != level and left > 0:
            after = np.int64(book.nodes[slot]["next"])
            if is_own(book, slot):
                traded = min(left, size_of(world, slot))
                fill_resting(world, slot, traded, _reason(row_key, level_key))
                left -= traded
            slot = after
        level = next_level(book, side, level_key)


@kernel
def _serve_onward(world, row, size):
    """Rule (c): a shortage goes on, best first, over everything with size, up to the aggressor's limit."""
    book = world.book
    side = np.int64(row["side"])
    limit_key = fold(side, np.int64(row["limit_ticks"]))
    row_key = fold(side, np.int64(row["price_ticks"]))
    while size > 0 and book.sides[side]["best_key"] <= limit_key:
        level = np.int64(book.sides[side]["best"])
        level_price = np.int64(book.nodes[level]["key"])
        slot = np.int64(book.nodes[level]["next"])
        while book.nodes[slot]["size"] == 0:
            slot = np.int64(book.nodes[slot]["next"])
        traded = min(size, size_of(world, slot))
        if is_own(book, slot):
            fill_resting(world, slot, traded, _reason(row_key, fold(side, level_price)))
        else:
            note_trade_at(world, slot, traded, Reason.NONE)
            set_recorded(book, slot, size_of(world, slot) - traded, hist_of(world, slot))
            publish_level(world, side, level_price)
        size -= traded
    return size


@kernel
def _execute_against(world, row, maker, size):
    """Size units of a recorded execution with its maker.  Returns the units that found nobody.

    maker  slot of a recorded order with hist >= size
    """
    head = world.head[0]
    book = world.book
    left = size
    trading = head["phase"] == Phase.CONTINUOUS
    if trading and (book.head[0]["own_resting"] > 0 or book.head[0]["surplus"] > 0):
        left = _serve_before(world, row, maker, size)
        if head["impact"] == Impact.NONE:
            left = size
    traded = min(left, size_of(world, maker))
    left -= traded
    rest = size_of(world, maker) - traded
    hist = hist_of(world, maker) - size
    maker_price = price_of(world, maker)
    note_trade_at(world, maker, traded, Reason.AUCTION if row["flags"] & Flag.AUCTION else Reason.NONE)
    set_recorded(book, maker, rest, hist)
    if left > 0 and trading and head["impact"] != Impact.NONE:
        left = _serve_onward(world, row, left)
    if hist == 0 and rest > 0:
        settle_surplus(world, maker)
    publish_level(world, np.int64(row["side"]), maker_price)
    return left


@kernel
def execute(world, row):
    """A recorded execution names its maker; its quantity goes where priority sends it.

    It counts for at most what history says the maker had.
    """
    head = world.head[0]
    first_fill = np.int64(head["fills"])
    head["crowd_units"] = 0
    if head["cursor"] == 0 or world.tape[head["cursor"] - 1]["flags"] & Flag.GROUP_END:
        head["group_unfilled"] = 0
    maker = meant(world, row)
    if maker == 0:
        if head["phase"] == Phase.CONTINUOUS and world.book.head[0]["own_resting"] > 0:
            _serve_own_better(world, row, False)
        note_unseen(
            world, row, np.int64(row["size"]) - _publish_execution(world, row, np.int64(row["size"]), first_fill)
        )
        return
    size = min(np.int64(row["size"]), hist_of(world, maker))
    head["overdrawn"] += np.int64(row["size"]) - size
    unfilled = np.int64(0)
    if size > 0:
        unfilled = _execute_against(world, row, maker, size)
    head["unfilled_history"] += unfilled
    head["group_unfilled"] += unfilled
    _publish_execution(world, row, np.int64(row["size"]) - unfilled, first_fill)


@inline
def _publish_execution(world, row, size, first_fill):
    """Prints of a recorded execution: each own fill at its own price, and what others traded of size units.  Returns the units that own orders had of them.

    What a crowd was given its scene tells.  Under Impact.NONE own fills are extra volume; otherwise they are part of the size.  An auction is no part of continuous trading
    (and names both orders of each trade): what is recorded of it is not told.
    """
    head = world.head[0]
    own = np.int64(0)
    for i in range(first_fill, head["fills"]):
        units = np.int64(world.fills[i]["size_lots"]) << head["shift"]
        price_ticks = np.int64(world.fills[i]["price_ticks"] - head["offset_ticks"])
        publish_trade(world, np.int64(world.fills[i]["side"]), price_ticks, units, units)
        own += 0 if head["impact"] == Impact.NONE else units
    own += head["crowd_units"]
    if row["flags"] & Flag.AUCTION == 0:
        publish_trade(world, np.int64(row["side"]), np.int64(row["price_ticks"]), max(size - own, 0), 0)
    return own


@inline
def note_unseen(world, row, size):
    """Somebody nobody saw traded so much of what a row says."""
    if world.head[0]["followed"] and size > 0:
        reason = np.int64(Reason.AUCTION if row["flags"] & Flag.AUCTION else Reason.NONE)
        side = np.int64(row["side"])
        kind = np.int64(row["kind"])
        note(world, ReportKind.TRADE, reason, side, np.int64(NAMELESS), kind, np.int64(row["price_ticks"]), size, 0)


@kernel
def execute_hidden(world, row):
    """Somebody nobody saw traded; own orders at strictly better prices would have been first.

    An off-tick print was rounded to the worse tick for the resting side: an own order at that tick is neither better nor equal.
    """
    head = world.head[0]
    first_fill = np.int64(head["fills"])
    head["crowd_units"] = 0
    trading = head["phase"] == Phase.CONTINUOUS and (row["flags"] & Flag.AUCTION) == 0
    if trading and world.book.head[0]["own_resting"] > 0:
        _serve_own_better(world, row, head["hidden_at_equal"] != 0 and (row["flags"] & Flag.OFF_TICK) == 0)
    note_unseen(world, row, np.int64(row["size"]) - _publish_execution(world, row, np.int64(row["size"]), first_fill))
