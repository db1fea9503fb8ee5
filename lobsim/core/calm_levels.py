"""Calm stretches of a tape of levels: nobody has an order in the market, so a row does to its price just what it says.

A level that nobody of ours has touched holds one block, as large as what the feed shows.  Such a level's row sets the block, such a level's print takes from it; the
queue model has nothing to split.  Whatever is not so (own taking still counted, a row that waits for its prints) is left to `loop.step`.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import change_size, join, remove_order
from lobsim.core.jit import inline, kernel
from lobsim.core.layout import BLOCK
from lobsim.core.levels import find_level, fold
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
def _only_block(book, level):
    """The one block of a level that history alone has made, or 0."""
    slot = np.int64(book.nodes[level]["next"])
    info = book.info[level]
    if (
        slot == level
        or book.nodes[level]["prev"] != slot
        or (book.nodes[slot]["meta"] & BLOCK) == 0
        or (info["consumed"] | info["spared"] | info["limit_given"]) != 0
        or book.nodes[slot]["size"] != info["hist"]
    ):
        return np.int64(0)
    return slot


@inline
def _set_level(world, side, price_ticks, shown):
    """The feed shows a new quantity; returns whether that was plain."""
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


@kernel
def apply_level_plainly(world, row):
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
