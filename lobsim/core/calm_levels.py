"""Calm stretches of a tape of levels: nobody has an order in the market, so a row does to its price just what it says.

A level that nobody of ours has touched holds one block, as large as what the feed shows.  Such a level's row sets the block, such a level's print takes from it; the
queue model has nothing to split.  Whatever is not so (own taking still counted, a row that waits for its prints) is left to `loop.step`.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import change_size, join, remove_order
from lobsim.core.foresight import ROWS_AHEAD, STEP, foresee_block, foresee_level
from lobsim.core.jit import inline, kernel, prefetch, stay_apart, within
from lobsim.core.layout import BLOCK, SIDE_BIT
from lobsim.core.levels import (
    close_in_window,
    find_level,
    fold,
    give_slot,
    open_in_window,
    take_slot,
    window_of,
    window_slot,
)
from lobsim.core.publication import publish_size, publish_trade
from lobsim.core.special import careful
from lobsim.types import Flag, Impact, Kind, Phase

_UNUSUAL = Flag.AWAITS_PRINT | Flag.TOLD_LATE | Flag.AUCTION


@inline
def levels_are_calm(world):
    """Whether nobody but history is in a market of levels, and nobody waits for its touch to change."""
    head = world.head[0]
    return (
        (head["wake_on_touch"] | world.book.head[0]["own_resting"]) == 0
        and head["phase"] == Phase.CONTINUOUS
        and head["impact"] != Impact.DECAY
        and world.truth.shape[0] + world.rows.shape[0] == 0
        and not careful(world.book)
    )


@inline
def _odd(book, level, slot):
    """0 where the first of a level's queue is the one block that history alone has made; all is asked at once, without a branch."""
    node, info, first = book.nodes[level], book.info[level], book.nodes[slot]
    return (
        (np.int64(node["prev"]) ^ slot)
        | ((np.int64(first["meta"]) & BLOCK) ^ BLOCK)
        | (first["size"] ^ info["hist"])
        | (info["consumed"] | info["spared"] | info["limit_given"])
    )


@inline
def _only_block(book, level):
    """The one block of a level that history alone has made, or 0."""
    slot = np.int64(book.nodes[level]["next"])
    return slot if _odd(book, level, slot) == 0 else np.int64(0)


@kernel
def _set_level_anywhere(world, side, price_ticks, shown):
    """`_set_level` for any price: outside the window, or the first of its side."""
    stay_apart()
    book = world.book
    level = find_level(book, side, fold(side, price_ticks))
    if level == 0:
        if shown > 0:
            slot = join(book, side, np.int64(0), price_ticks, shown, BLOCK)
            info = book.info[book.nodes[slot]["level"]]
            info["hist"] = shown
            info["limit_given"] = 0
            publish_size(world, side, price_ticks, shown)
        return True
    slot = _only_block(book, level)
    if slot == 0:
        return False
    book.info[level]["hist"] = shown
    if shown == 0:
        remove_order(book, slot)
    else:
        change_size(book, slot, shown - np.int64(book.nodes[slot]["size"]))
    publish_size(world, side, price_ticks, shown)
    return True


@inline
def _begin(book, side, price_ticks, offset, shown):
    """A level of one block comes into being in the window."""
    mine = book.sides[side]
    level = open_in_window(book, side, price_ticks, offset)
    slot = take_slot(book)
    block = book.nodes[slot]
    block["next"] = block["prev"] = block["level"] = level
    block["meta"] = BLOCK | (side & SIDE_BIT)
    block["size"] = shown
    block["key"] = 0
    node = book.nodes[level]
    node["next"] = node["prev"] = slot
    node["size"] = shown
    mine["orders"] += 1
    info = book.info[level]
    info["hist"] = shown
    info["limit_given"] = 0
    return level


@inline
def _set_level(world, side, price_ticks, shown):
    """The feed shows a new quantity; returns whether that was plain."""
    book = world.book
    mine = book.sides[side]
    key = fold(side, price_ticks)
    offset = key - mine["base"]
    if not within(offset, window_of(book)) or mine["levels"] == 0:
        return _set_level_anywhere(world, side, price_ticks, shown)
    level = window_slot(book, side, offset)
    slot = np.int64(book.nodes[level]["next"])
    if slot == 0:
        if shown == 0:
            return True
        _begin(book, side, price_ticks, offset, shown)
    else:
        if _odd(book, level, slot) != 0:
            return False
        book.info[level]["hist"] = shown
        book.nodes[level]["size"] = shown
        if shown == 0:
            give_slot(book, slot)
            mine["orders"] -= 1
            close_in_window(book, side, offset)
            publish_size(world, side, price_ticks, shown)
            return True
        book.nodes[slot]["size"] = shown
    if key < mine["best_key"]:
        mine["best_key"] = key
        mine["best"] = level
    publish_size(world, side, price_ticks, shown)
    return True


@inline
def _trade(world, side, price_ticks, size, off_tick):
    """A print takes from its level; returns whether that was plain."""
    book = world.book
    level = np.int64(0) if off_tick else find_level(book, side, fold(side, price_ticks))
    if level != 0:
        slot = _only_block(book, level)
        if slot == 0:
            return False
        left = max(np.int64(book.nodes[slot]["size"]) - size, 0)
        change_size(book, slot, left - np.int64(book.nodes[slot]["size"]))
        book.info[level]["hist"] = left
        publish_size(world, side, price_ticks, left)
    publish_trade(world, side, price_ticks, size, 0)
    return True


@inline
def _apply(world, row):
    """Apply a row of levels if it is plain; returns whether it was, and nothing is done where not."""
    kind = row["kind"]
    if row["flags"] & _UNUSUAL:
        return False
    if kind == Kind.LEVEL:
        return _set_level(world, np.int64(row["side"]), np.int64(row["price_ticks"]), np.int64(row["size"]))
    if kind == Kind.PRINT and (row["side"] == 0 or row["side"] == 1):
        off_tick = (row["flags"] & Flag.OFF_TICK) != 0
        return _trade(world, np.int64(row["side"]), np.int64(row["price_ticks"]), np.int64(row["size"]), off_tick)
    return False


@kernel
def replay_levels(world, start, stop, last_ns):
    """Apply the rows from start on, before stop and up to last_ns, as long as they are plain.  Returns the first that was not applied.

    changes: book, ring, head.now_ns, head.crossed
    """
    stay_apart()
    head = world.head[0]
    book = world.book
    k = start
    while k < stop:
        row = world.tape[k]
        ts_ns = np.int64(row["ts_ns"])
        if ts_ns > last_ns:
            break
        prefetch(world.tape, k + ROWS_AHEAD)
        if k + 2 * STEP < stop:
            soon, next_one = world.tape[k + 2 * STEP], world.tape[k + STEP]
            foresee_level(book, np.int64(soon["side"]), np.int64(soon["price_ticks"]))
            foresee_block(book, np.int64(next_one["side"]), np.int64(next_one["price_ticks"]))
        now_ns = np.int64(head["now_ns"])
        head["now_ns"] = max(now_ns, ts_ns)
        if not _apply(world, row):
            head["now_ns"] = now_ns
            break
        k += 1
        if -book.sides[0]["best_key"] >= book.sides[1]["best_key"] and row["flags"] & Flag.LAST_IN_PACKET:
            head["crossed"] += 1
    return k
