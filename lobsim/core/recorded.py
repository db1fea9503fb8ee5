"""Recorded orders: which one a row speaks of, and what happens to its two ledgers.

Everything that changes ``hist`` or ``size`` of a recorded order outside matching goes through here.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import set_recorded
from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel, splitmix64
from lobsim.core.layout import ANONYMOUS, RECORDED
from lobsim.core.levels import find_level, fold
from lobsim.core.notes import note_off_at
from lobsim.core.publication import publish_level
from lobsim.core.requests import set_time_limit
from lobsim.types import Kind, SurplusPolicy

_LIFETIMES = np.rint(-np.log2((np.arange(1024) + 0.5) / 1024) * 2**20).astype(np.int64)
"""Exponential lifetimes in half-lives, 2^-20 units: integers, so that a replay is the same everywhere."""


@inline
def size_of(world, slot):
    """Units of an order that rest in the simulated book."""
    return np.int64(world.book.nodes[slot]["size"])


@inline
def hist_of(world, slot):
    """Units of a recorded order that history says remain."""
    return np.int64(world.book.info[slot]["hist"])


@inline
def price_of(world, slot):
    """Price in ticks of the level an order stands in."""
    return np.int64(world.book.nodes[world.book.nodes[slot]["level"]]["key"])


@inline
def is_cut(world):
    """Whether the recording sees only the best K levels."""
    return world.rows.shape[1] > 0


@kernel
def anonymous_at(world, side, price_ticks):
    """Slot of the first anonymous order at a price that history still counts on, or 0."""
    book = world.book
    level = find_level(book, side, fold(side, price_ticks))
    if level == 0:
        return np.int64(0)
    slot = np.int64(book.nodes[level]["next"])
    while slot != level:
        if (book.nodes[slot]["meta"] & ANONYMOUS) != 0 and book.info[slot]["hist"] > 0:
            return slot
        slot = np.int64(book.nodes[slot]["next"])
    return np.int64(0)


@kernel
def _stand_in(world, side, price_ticks, oldest):
    """In a cut book: the oldest or the youngest recorded order at a price that history counts on, or 0."""
    book = world.book
    level = find_level(book, side, fold(side, price_ticks))
    found = np.int64(0)
    if level == 0:
        return found
    slot = np.int64(book.nodes[level]["next"])
    while slot != level:
        if (book.nodes[slot]["meta"] & RECORDED) != 0 and book.info[slot]["hist"] > 0:
            found = slot
            if oldest:
                return found
        slot = np.int64(book.nodes[slot]["next"])
    return found


@kernel
def settle_surplus(world, slot):
    """History is done with an order that still has size: the surplus policy says for how long it stays."""
    head = world.head[0]
    if head["surplus_policy"] == SurplusPolicy.EVICT:
        head["evicted"] += size_of(world, slot)
        side = np.int64(world.book.nodes[slot]["meta"]) & 1
        price_ticks = price_of(world, slot)
        note_off_at(world, slot, size_of(world, slot))
        set_recorded(world.book, slot, np.int64(0), np.int64(0))
        publish_level(world, side, price_ticks)
    elif head["surplus_policy"] == SurplusPolicy.LIFETIME:
        order_id = np.int64(world.book.nodes[slot]["key"])
        draw = np.int64(splitmix64(np.uint64(head["seed"] ^ order_id)) & np.uint64(1023))
        median_ns = head["median_life_ns"]
        # (median * draw) >> 20 in two parts: the product itself leaves 63 bits for a median above 13 minutes
        lifetime_ns = (median_ns >> 20) * _LIFETIMES[draw] + (((median_ns & 0xFFFFF) * _LIFETIMES[draw]) >> 20)
        set_time_limit(world.book, slot, head["now_ns"] + lifetime_ns)


@kernel
def take_off(world, slot, size):
    """Both ledgers of an order fall by size, each at most to 0; it may leave, or become surplus."""
    price_ticks = price_of(world, slot)
    side = np.int64(world.book.nodes[slot]["meta"]) & 1
    rest = size_of(world, slot)
    hist = hist_of(world, slot)
    note_off_at(world, slot, min(size, rest))
    rest -= min(size, rest)
    set_recorded(world.book, slot, rest, hist - min(size, hist))
    if 0 < hist <= size and rest > 0:
        settle_surplus(world, slot)
    publish_level(world, side, price_ticks)


@kernel
def _make_whole(world, slot, size):
    """In a cut book: hist is moved to an order from the youngest others at its price until it has `size` of it.

    Size moves along as far as the giver has any.  How much stands at a level is known; who holds it is partly guessed.
    """
    book = world.book
    level = np.int64(book.nodes[slot]["level"])
    giver = np.int64(book.nodes[level]["prev"])
    while giver != level and hist_of(world, slot) < size:
        before = np.int64(book.nodes[giver]["prev"])
        if giver != slot and (book.nodes[giver]["meta"] & RECORDED) != 0:
            moved = min(hist_of(world, giver), size - hist_of(world, slot))
            if moved > 0:
                rest = min(moved, size_of(world, giver))
                set_recorded(book, slot, size_of(world, slot) + rest, hist_of(world, slot) + moved)
                take_off(world, giver, moved)
                world.head[0]["moved"] += moved
        giver = before


@kernel
def meant(world, row):
    """The order a row speaks of: by id, else the anonymous one at its price; 0 if there is neither.

    In a book cut to K levels identities get lost out of sight: there the oldest recorded order at the price (for an execution) or the youngest
    answers for an unknown one, and whoever is meant is made whole.
    """
    slot = np.int64(0)
    if row["order_id"] != 0:
        slot = find_id(world.book, np.int64(row["order_id"]))
    if slot == 0:
        world.head[0]["unknown"] += 1
        side = np.int64(row["side"])
        price_ticks = np.int64(row["price_ticks"])
        slot = anonymous_at(world, side, price_ticks)
        if slot == 0 and is_cut(world):
            slot = _stand_in(world, side, price_ticks, row["kind"] == Kind.EXECUTE)
    if is_cut(world):
        known = np.int64(0)
        if slot != 0:
            _make_whole(world, slot, np.int64(row["size"]))
            known = hist_of(world, slot)
        world.head[0]["short"] = max(np.int64(row["size"]) - known, 0)
    return slot


@inline
def surplus_of(world, slot):
    """Units of a recorded order beyond what history says remains; below 0 for a deficit."""
    return size_of(world, slot) - hist_of(world, slot)


@inline
def trim_surplus(world, slot, most):
    """Take up to `most` units of surplus off a recorded order.  Returns how much was taken."""
    surplus = min(surplus_of(world, slot), most)
    if surplus > 0:
        set_recorded(world.book, slot, size_of(world, slot) - surplus, hist_of(world, slot))
        return surplus
    return np.int64(0)
