"""The publication ring: what the venue tells everyone, and the reader that hears it a feed leg later.

An entry published at t is heard at ``t + feed_ns``; with one constant delay nothing overtakes.  Where delays vary, or differ between book and trades, each
channel has a cursor of its own and an entry carries the time it is heard at (`latency.date_entries`).  The reader keeps a book of its own that holds totals and
no orders, so a participant can never see more than was published.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import pool_left
from lobsim.core.jit import inline, kernel, stay_apart, within
from lobsim.core.latency import FEED_BOOK, FEED_TRADES, date_entries
from lobsim.core.levels import (
    close_in_window,
    find_level,
    fold,
    level_emptied,
    level_for,
    open_total,
    window_of,
    window_slot,
)
from lobsim.core.state import PUBLISHED_LEVEL, PUBLISHED_OFFSET, PUBLISHED_PHASE, PUBLISHED_TRADE
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
    """Tell a trade: side of the resting order, its price in the book, units, and how many of them were own."""
    if world.head[0]["publish"] != 0 and size > 0:
        _write(world, PUBLISHED_TRADE, side, price_ticks + world.head[0]["offset_ticks"], size, own)


@kernel
def publish_phase(world, phase):
    """Tell that the venue has changed phase."""
    if world.head[0]["publish"] != 0:
        _write(world, PUBLISHED_PHASE, 0, 0, phase, 0)


@kernel
def publish_offset(world, offset_ticks):
    """Tell that all levels stand at another offset from their prices in the book."""
    if world.head[0]["publish"] != 0:
        _write(world, PUBLISHED_OFFSET, 0, 0, offset_ticks, 0)


@inline
def ring_room(world, entries):
    """Whether that many entries more fit."""
    head = world.head[0]
    return head["written"] - head["read"] + entries <= len(world.ring)


@kernel
def _hear_level_anywhere(view, side, price_ticks, size):
    """`_hear_level` for any price: outside the window, or the first of its side."""
    stay_apart()
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
def _hear_level(view, side, price_ticks, size):
    """The reader's book takes in a level's new total (units)."""
    mine = view.sides[side]
    key = fold(side, price_ticks)
    offset = key - mine["base"]
    if not within(offset, window_of(view)) or mine["levels"] == 0:
        _hear_level_anywhere(view, side, price_ticks, size)
        return
    level = window_slot(view, side, offset)
    if view.nodes[level]["next"] == 0:
        if size == 0:
            return
        open_total(view, side, price_ticks, offset)
    view.nodes[level]["size"] = size
    if size == 0:
        close_in_window(view, side, offset)
    elif key < mine["best_key"]:
        mine["best_key"] = key
        mine["best"] = level


@inline
def _levels_with_room(view):
    """How many levels more the reader's book certainly takes."""
    far = max(np.int64(view.sides[0]["far"]), np.int64(view.sides[1]["far"]))
    return min(pool_left(view), (len(view.far) >> 1) - far)


@inline
def _still_sure(view, sure):
    """So many levels more are known to fit; asked again where none is."""
    return sure if sure > 0 else _levels_with_room(view)


@inline
def _take_in(world, entry):
    """The reader hears one entry.  A level's room was checked."""
    head = world.head[0]
    if entry["kind"] == PUBLISHED_LEVEL:
        _hear_level(world.seen, np.int64(entry["side"]), np.int64(entry["price_ticks"]), np.int64(entry["size"]))
    elif entry["kind"] == PUBLISHED_TRADE:
        head["seen_volume"] += entry["size"]
        head["seen_own_volume"] += entry["own"]
        head["seen_price_ticks"] = entry["price_ticks"]
    elif entry["kind"] == PUBLISHED_PHASE:
        head["seen_phase"] = entry["size"]
    else:
        head["seen_offset_ticks"] = entry["size"]


@inline
def _missing_room(view):
    """What the reader's book lacks that takes no further level."""
    return Status.ROOM_VIEW_LEVELS if pool_left(view) > 0 else Status.ROOM_VIEW_ORDERS


@kernel
def _hear_apart(world, now_ns):
    """`hear` where the delays of the two channels vary or differ."""
    head = world.head[0]
    date_entries(world)
    mask = len(world.ring) - 1
    begin = np.int64(head["read"])
    sure = np.int64(0)
    for channel in range(2):
        memory = world.draws[channel]
        k = max(np.int64(memory["read"]), begin)
        memory["read"] = k
        while k < head["written"]:
            entry = world.ring[k & mask]
            if (entry["kind"] == PUBLISHED_TRADE) == (channel == FEED_TRADES):
                if entry["ts_ns"] > now_ns:
                    break
                if entry["kind"] == PUBLISHED_LEVEL:
                    sure = _still_sure(world.seen, sure)
                    if sure == 0:
                        return _missing_room(world.seen)
                    sure -= 1
                _take_in(world, entry)
            k += 1
            memory["read"] = k
    head["read"] = min(world.draws[FEED_BOOK]["read"], world.draws[FEED_TRADES]["read"])
    head["read_ns"] = now_ns
    return Status.OK


@kernel
def hear(world, now_ns):
    """Take in every entry that is due by now_ns.  Returns OK, or the room the view lacks."""
    head = world.head[0]
    if head["feed_varies"]:
        return _hear_apart(world, now_ns)
    mask = len(world.ring) - 1
    feed_ns = np.int64(head["feed_ns"])
    written = np.int64(head["written"])
    sure = np.int64(0)
    k = np.int64(head["read"])
    while k < written:
        entry = world.ring[k & mask]
        if entry["ts_ns"] + feed_ns > now_ns:
            break
        if entry["kind"] == PUBLISHED_LEVEL:
            sure = _still_sure(world.seen, sure)
            if sure == 0:
                head["read"] = k
                return _missing_room(world.seen)
            sure -= 1
        _take_in(world, entry)
        k += 1
    head["read"] = k
    head["read_ns"] = now_ns
    return Status.OK


@inline
def note_touch(world, bid_key, ask_key):
    """If the touch differs from these keys, a participant who watches it wakes a feed leg from now."""
    head = world.head[0]
    if head["wake_on_touch"] == 0:
        return
    if world.book.sides[0]["best_key"] != bid_key or world.book.sides[1]["best_key"] != ask_key:
        due_ns = head["now_ns"] + head["feed_ns"]
        if head["feed_varies"] and head["publish"]:
            date_entries(world)
            due_ns = world.draws[FEED_BOOK]["due_ns"]
        head["touch_due_ns"] = due_ns
        if head["touch_wake_ns"] == NEVER:
            head["touch_wake_ns"] = due_ns


@inline
def _next_book_ns(world):
    """When the next book entry is heard that has not been yet, or NEVER."""
    k = world.draws[FEED_BOOK]["read"]
    if k == world.head[0]["written"]:
        return np.int64(NEVER)
    return np.int64(world.ring[k & (len(world.ring) - 1)]["ts_ns"])


@inline
def next_touch_wake_ns(world, now_ns):
    """When to look again after a look at now_ns: NEVER, or at the next entry due, while a change of the touch is still on its way."""
    head = world.head[0]
    if head["touch_due_ns"] <= now_ns or head["read"] == head["written"]:
        return np.int64(NEVER)
    if head["feed_varies"]:
        return _next_book_ns(world)
    return np.int64(world.ring[head["read"] & (len(world.ring) - 1)]["ts_ns"]) + head["feed_ns"]
