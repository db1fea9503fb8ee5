"""Level replay: displayed quantities and prints against the live book (docs/rules.md, section 4).

The anonymous quantity of a level stands in the real queue as blocks, with own orders between them.  A level's ``hist`` is what the feed
shows, ``consumed`` what own taking has eaten of it, ``spared`` what own passive fills kept from being traded since its last row.

A level that the feed shows keeps at least one block, if need be of size 0, so that its ledger is not lost.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.blocks import anonymous_size, drop_empty_blocks, join_back, leave_from_back
from lobsim.core.book import add_order, change_size
from lobsim.core.jit import inline, kernel
from lobsim.core.late_prints import level_before, more_to_come
from lobsim.core.layout import BLOCK
from lobsim.core.levels import find_level, first_level, fold, next_level
from lobsim.core.own import fill_resting, is_own
from lobsim.core.publication import publish_level, publish_trade
from lobsim.core.queue_models import share_ahead
from lobsim.core.renewal import in_whole_lots, renew_level
from lobsim.types import FillReason, Flag, Impact, Kind, Phase, QueueModel


@inline
def _whole(world, units):
    """The whole lots in so many units, in units."""
    shift = world.head[0]["shift"]
    return (units >> shift) << shift


@kernel
def _cancel_by_model(world, level, decrease):
    """An unexplained decrease is split over the blocks by the queue model.

    From the last block to the first: what one cannot give comes from the block in front, in the end from behind.
    """
    book = world.book
    model = np.int64(world.head[0]["queue_model"])
    power = np.int64(world.head[0]["queue_power_millionths"])
    if decrease == 0:
        return
    if model == QueueModel.RISK_AVERSE:
        leave_from_back(book, level, decrease)
        return
    total = anonymous_size(book, level)
    position = total
    upper = decrease
    carry = np.int64(0)
    slot = np.int64(book.nodes[level]["prev"])
    while slot != level:
        if book.nodes[slot]["meta"] & BLOCK:
            size = np.int64(book.nodes[slot]["size"])
            position -= size
            lower = min(upper, share_ahead(model, power, decrease, position, total))
            wanted = upper - lower + carry
            taken = min(wanted, size)
            change_size(book, slot, -taken)
            carry = wanted - taken
            upper = lower
        slot = np.int64(book.nodes[slot]["prev"])
    if carry > 0:
        leave_from_back(book, level, carry)


@kernel
def _meet_own(world, side, price_ticks, increase):
    """New quantity arrives through own prices: they trade first.  Returns what they took."""
    head = world.head[0]
    book = world.book
    other = 1 - side
    limit_key = fold(other, price_ticks)
    left = increase
    level = first_level(book, other)
    while level != 0 and left > 0:
        level_price = np.int64(book.nodes[level]["key"])
        level_key = fold(other, level_price)
        if level_key > limit_key:
            break
        slot = np.int64(book.nodes[level]["next"])
        while slot != level and left > 0:
            after = np.int64(book.nodes[slot]["next"])
            if is_own(book, slot):
                traded = _whole(world, min(left, np.int64(book.nodes[slot]["size"])))
                if traded > 0:
                    head["crossing_fills"] += traded
                    fill_resting(world, slot, traded, FillReason.BOOK_CROSSED)
                    publish_trade(world, other, level_price, traded, traded)
                    left -= traded
            slot = after
        level = next_level(book, other, level_key)
    return increase - left


@kernel
def set_level(world, row, awaits):
    """The feed shows a new quantity at a price.

    awaits  whether prints of this instant are still to explain a decrease: it waits for them
    """
    head = world.head[0]
    book = world.book
    side = np.int64(row["side"])
    price_ticks = np.int64(row["price_ticks"])
    shown = np.int64(row["size"])
    level = find_level(book, side, fold(side, price_ticks))
    if level == 0 and shown == 0:
        return
    if awaits and level != 0 and shown < book.info[level]["hist"]:
        book.info[level]["limit_given"] = 1
        return
    if level == 0:
        add_order(book, side, 0, price_ticks, np.int64(0), BLOCK)
        level = find_level(book, side, fold(side, price_ticks))
    info = book.info[level]
    info["limit_given"] = 0
    if head["impact"] == Impact.DECAY:
        renew_level(world, side, price_ticks, level, True)
    before = np.int64(info["hist"])
    consumed = min(np.int64(info["consumed"]), shown)
    if shown > before:
        consumed -= min(consumed, shown - before)
        if book.head[0]["own_resting"] > 0 and head["phase"] == Phase.CONTINUOUS:
            met = _meet_own(world, side, price_ticks, shown - before)
            consumed += 0 if head["impact"] == Impact.NONE else met
    info["consumed"] = consumed
    info["hist"] = shown
    target = max(shown - in_whole_lots(world, consumed), 0)
    there = anonymous_size(book, level)
    if there < target:
        join_back(book, side, price_ticks, level, target - there)
    elif there > target:
        spared = min(there - target, np.int64(info["spared"]))
        left = leave_from_back(book, level, spared)
        _cancel_by_model(world, level, there - target - spared + left)
    info["spared"] = 0
    drop_empty_blocks(book, level, shown > 0)
    publish_level(world, side, price_ticks)


@kernel
def _serve_better(world, side, price_ticks, size):
    """Own orders at better prices than a print take from its budget.  Returns what is left."""
    book = world.book
    key = fold(side, price_ticks)
    level = first_level(book, side)
    while level != 0 and size > 0:
        level_price = np.int64(book.nodes[level]["key"])
        level_key = fold(side, level_price)
        if level_key >= key:
            break
        slot = np.int64(book.nodes[level]["next"])
        while slot != level and size > 0:
            after = np.int64(book.nodes[slot]["next"])
            if is_own(book, slot):
                traded = _whole(world, min(size, np.int64(book.nodes[slot]["size"])))
                if traded > 0:
                    fill_resting(world, slot, traded, FillReason.TRADED_THROUGH)
                    publish_trade(world, side, level_price, traded, traded)
                    size -= traded
            slot = after
        level = next_level(book, side, level_key)
    return size


@kernel
def _serve_queue(world, row, level, for_own):
    """A print goes through the queue at its price.  Returns the units that went to own orders.

    for_own  units of its budget that own orders may still take

    Blocks give way to the same budget; under Impact.NONE to the whole print, for own fills are extra volume.
    """
    head = world.head[0]
    book = world.book
    extra = head["impact"] == Impact.NONE
    trading = head["phase"] == Phase.CONTINUOUS
    for_blocks = np.int64(row["size"]) if extra else for_own
    before = for_own
    given = np.int64(0)
    slot = np.int64(book.nodes[level]["next"])
    while slot != level and for_blocks > 0:
        after = np.int64(book.nodes[slot]["next"])
        if is_own(book, slot):
            traded = _whole(world, min(for_own, np.int64(book.nodes[slot]["size"]))) if trading else np.int64(0)
            if traded > 0:
                fill_resting(world, slot, traded, FillReason.QUEUE_EXHAUSTED)
                publish_trade(world, np.int64(row["side"]), np.int64(row["price_ticks"]), traded, traded)
                for_own -= traded
                for_blocks -= 0 if extra else traded
        elif book.nodes[slot]["meta"] & BLOCK:
            traded = min(for_blocks, np.int64(book.nodes[slot]["size"]))
            change_size(book, slot, -traded)
            for_blocks -= traded
            given += min(for_own, traded)
            for_own -= min(for_own, traded)
        slot = after
    return before - given - for_own


@kernel
def _end_wait(world, level):
    """The last print told late has come: the row of its level that waited for it acts."""
    tape = world.tape
    cursor = np.int64(world.head[0]["cursor"])
    if world.book.info[level]["limit_given"] == 1 and not more_to_come(tape, cursor):
        set_level(world, tape[level_before(tape, cursor)], False)


@kernel
def trade_print(world, row):
    """A print spends one budget: own orders at better prices, then the queue at its price."""
    head = world.head[0]
    book = world.book
    side = np.int64(row["side"])
    price_ticks = np.int64(row["price_ticks"])
    size = np.int64(row["size"])
    left = size
    if book.head[0]["own_resting"] > 0 and head["phase"] == Phase.CONTINUOUS:
        left = _serve_better(world, side, price_ticks, size)
    own = size - left
    # A print between two ticks met no displayed quantity: it went past every queue.
    level = np.int64(0)
    if (row["flags"] & Flag.OFF_TICK) == 0:
        level = find_level(book, side, fold(side, price_ticks))
    if level != 0:
        if head["impact"] == Impact.DECAY:
            renew_level(world, side, price_ticks, level, True)
        own += _serve_queue(world, row, level, left)
        level = find_level(book, side, fold(side, price_ticks))
    if level != 0:
        info = book.info[level]
        info["hist"] = max(np.int64(info["hist"]) - size, 0)
        if head["impact"] != Impact.NONE:
            info["spared"] += own
        publish_level(world, side, price_ticks)
    publish_trade(world, side, price_ticks, size if head["impact"] == Impact.NONE else max(size - own, 0), 0)
    if level != 0 and row["flags"] & Flag.TOLD_LATE:
        _end_wait(world, level)


@kernel
def apply_level_row(world, row):
    """One row of a tape of levels and prints."""
    kind = row["kind"]
    if kind == Kind.LEVEL:
        set_level(world, row, (row["flags"] & Flag.AWAITS_PRINT) != 0)
    elif kind == Kind.PRINT:
        trade_print(world, row)
    elif kind == Kind.CLEAR:
        clear_levels(world)


@kernel
def clear_levels(world):
    """The recorded levels are emptied; own orders stay."""
    book = world.book
    for side in range(2):
        level = first_level(book, side)
        while level != 0:
            price_ticks = np.int64(book.nodes[level]["key"])
            info = book.info[level]
            info["hist"] = 0
            info["consumed"] = 0
            info["spared"] = 0
            leave_from_back(book, level, np.int64(2**62))
            drop_empty_blocks(book, level, False)
            publish_level(world, side, price_ticks)
            level = next_level(book, side, fold(side, price_ticks))
