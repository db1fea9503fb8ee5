"""The publication ring: what the venue tells everyone, and the reader that hears it a feed leg later.

An entry published at t is heard at ``t + feed_ns``; with one constant delay nothing overtakes.  The reader keeps a book of its own that holds totals and
no orders, so a participant can never see more than was published.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import pool_left
from lobsim.core.jit import inline, kernel
from lobsim.core.levels import find_level, fold, level_emptied, level_for
from lobsim.core.state import PUBLISHED_LEVEL, PUBLISHED_PHASE, PUBLISHED_TRADE
from lobsim.types import NEVER, Status


@inline
def _write(world, kind, side, price_ticks, size, own):
    """Put one entry on the ring.  Room was checked before."""
    head = world.head[0]
    entry = world.ring[head["written"] & (len(world.ring) - 1)]
    entry["ts_ns"] = head["now_ns"]
    entry["kind"] = kind
    entry["side"] = side
    entry["price_ticks"] = price_ticks
    entry["size"] = size
    entry["own"] = own
    head["written"] += 1


@inline
def publish_size(world, side, price_ticks, size):
    """Tell the present total of a level that the caller knows."""
    if world.head[0]["publish"] != 0:
        _write(world, PUBLISHED_LEVEL, side, price_ticks, size, 0)


@kernel
def publish_level(world, side, price_ticks):
    """Tell the present total of a level."""
    if world.head[0]["publish"] == 0:
        return
    level = find_level(world.book, side, fold(side, price_ticks))
    size = np.int64(0)
    if level != 0:
        size = np.int64(world.book.nodes[level]["size"])
    _write(world, PUBLISHED_LEVEL, side, price_ticks, size, 0)


@kernel
def publish_trade(world, side, price_ticks, size, own):
    """Tell a trade: side of the resting order, units, and how many of them were own."""
    if world.head[0]["publish"] != 0 and size > 0:
        _write(world, PUBLISHED_TRADE, side, price_ticks, size, own)


@kernel
def publish_phase(world, phase):
    """Tell that the venue has changed phase."""
    if world.head[0]["publish"] != 0:
        _write(world, PUBLISHED_PHASE, 0, 0, phase, 0)


@inline
def ring_room(world, entries):
    """Whether that many entries more fit."""
    head = world.head[0]
    return head["written"] - head["read"] + entries <= len(world.ring)


@inline
def _hear_level(view, side, price_ticks, size):
    """The reader's book takes in a level's new total (units)."""
    key = fold(side, price_ticks)
    level = level_for(view, side, price_ticks) if size > 0 else find_level(view, side, key)
    if level == 0:
        return
    view.nodes[level]["size"] = size
    if size == 0:
        level_emptied(view, side, level)
    elif key < view.sides[side]["best_key"]:
        view.sides[side]["best_key"] = key
        view.sides[side]["best"] = level


@inline
def _levels_with_room(view):
    """How many levels more the reader's book certainly takes."""
    far = max(np.int64(view.sides[0]["far"]), np.int64(view.sides[1]["far"]))
    return min(pool_left(view), (len(view.far) >> 1) - far)


@kernel
def hear(world, now_ns):
    """Take in every entry that is due by now_ns.  Returns OK, or the room the view lacks."""
    head = world.head[0]
    mask = len(world.ring) - 1
    sure = np.int64(0)
    while head["read"] < head["written"]:
        entry = world.ring[head["read"] & mask]
        if entry["ts_ns"] + head["feed_ns"] > now_ns:
            break
        if entry["kind"] == PUBLISHED_LEVEL:
            if sure == 0:
                sure = _levels_with_room(world.seen)
                if sure == 0:
                    return Status.ROOM_VIEW_LEVELS if pool_left(world.seen) > 0 else Status.ROOM_VIEW_ORDERS
            sure -= 1
            _hear_level(world.seen, np.int64(entry["side"]), np.int64(entry["price_ticks"]), np.int64(entry["size"]))
        elif entry["kind"] == PUBLISHED_TRADE:
            head["seen_volume"] += entry["size"]
            head["seen_own_volume"] += entry["own"]
            head["seen_price_ticks"] = entry["price_ticks"]
        else:
            head["seen_phase"] = entry["size"]
        head["read"] += 1
    head["read_ns"] = now_ns
    return Status.OK


@inline
def note_touch(world, bid_key, ask_key):
    """If the touch differs from these keys, a participant who watches it wakes a feed leg from now."""
    head = world.head[0]
    if head["wake_on_touch"] == 0:
        return
    if world.book.sides[0]["best_key"] != bid_key or world.book.sides[1]["best_key"] != ask_key:
        head["touch_ns"] = head["now_ns"]
        if head["touch_wake_ns"] == NEVER:
            head["touch_wake_ns"] = head["now_ns"] + head["feed_ns"]


@inline
def next_touch_wake_ns(world, now_ns):
    """When to look again after a look at now_ns: NEVER, or at the next entry due, while a change of the touch is still on its way."""
    head = world.head[0]
    if head["touch_ns"] + head["feed_ns"] <= now_ns or head["read"] == head["written"]:
        return np.int64(NEVER)
    return np.int64(world.ring[head["read"] & (len(world.ring) - 1)]["ts_ns"]) + head["feed_ns"]
