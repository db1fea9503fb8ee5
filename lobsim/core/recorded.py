"""Recorded orders: which one a row speaks of, and what happens to its two ledgers.

Everything that changes ``hist`` or ``size`` of a recorded order outside matching goes through here.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import set_recorded
from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel
from lobsim.core.layout import ANONYMOUS, RECORDED
from lobsim.core.levels import find_level, fold
from lobsim.core.publication import publish_level


@inline
def size_of(world, slot):
    return np.int64(world.book.nodes[slot]["size"])


@inline
def hist_of(world, slot):
    return np.int64(world.book.info[slot]["hist"])


@inline
def price_of(world, slot):
    return np.int64(world.book.nodes[world.book.nodes[slot]["level"]]["key"])


@inline
def is_cut(world):
    """Whether the recording sees only the best K levels."""
    return world.rows.shape[1] > 0


@kernel
def stand_in(world, side, price_ticks):
    """Who answers for an order nobody knows: the first anonymous order at its price.

    In a book cut to K levels identities get lost out of sight, so there the oldest recorded order at the price answers if no anonymous one is left.
    Returns a slot, or 0.
    """
    book = world.book
    level = find_level(book, side, fold(side, price_ticks))
    if level == 0:
        return np.int64(0)
    oldest = np.int64(0)
    slot = np.int64(book.nodes[level]["next"])
    while slot != level:
        if book.nodes[slot]["meta"] & ANONYMOUS:
            return slot
        if oldest == 0 and book.info[slot]["hist"] > 0 and (book.nodes[slot]["meta"] & RECORDED) != 0:
            oldest = slot
        slot = np.int64(book.nodes[slot]["next"])
    return oldest if is_cut(world) else np.int64(0)


@inline
def meant(world, row):
    """The order a row speaks of: by id, else whoever stands in for it; 0 if nobody does."""
    slot = np.int64(0)
    if row["order_id"] != 0:
        slot = find_id(world.book, np.int64(row["order_id"]))
    if slot == 0:
        world.head[0]["unknown"] += 1
        slot = stand_in(world, np.int64(row["side"]), np.int64(row["price_ticks"]))
    return slot


@inline
def trim_surplus(world, slot, most):
    """Take up to `most` units of surplus off a recorded order.  Returns how much was taken."""
    surplus = min(size_of(world, slot) - hist_of(world, slot), most)
    if surplus > 0:
        set_recorded(world.book, slot, size_of(world, slot) - surplus, hist_of(world, slot))
        return surplus
    return np.int64(0)


@inline
def take_off(world, row, slot, size):
    """Both ledgers of an order fall by size, each at most to 0."""
    price_ticks = price_of(world, slot)
    rest = size_of(world, slot)
    hist = hist_of(world, slot)
    set_recorded(world.book, slot, rest - min(size, rest), hist - min(size, hist))
    publish_level(world, np.int64(row["side"]), price_ticks)
