"""What agents see: the touch as it was a feed delay ago, out of a ring that the venue writes.

Every agent reads the same ring at its own delay, so a thousand of them need no thousand books.  An entry may be overwritten once the one after it is older than
anybody's delay; until then room must be made.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel
from lobsim.types import NONE_PRICE


@inline
def best_price(book, side):
    """Best price of a side in ticks, NONE_PRICE if it is empty."""
    if book.sides[side]["best"] == 0:
        return np.int64(NONE_PRICE)
    key = np.int64(book.sides[side]["best_key"])
    return key if side else -key


@inline
def best_size(book, side):
    """Lots at the best price of a side."""
    best = np.int64(book.sides[side]["best"])
    return np.int64(book.nodes[best]["size"]) if best != 0 else np.int64(0)


@inline
def net_bought(crowd):
    """Lots bought less lots sold so far, by aggressors."""
    return np.int64(crowd.head[0]["bought_lots"] - crowd.head[0]["sold_lots"])


@kernel
def note_touch_change(scene):
    """Write the touch down if it, or what has been traded, differs from the last entry.  Room was checked.  Returns whether a best price has changed."""
    crowd = scene.crowd
    head = crowd.head[0]
    if head["touching"] == 0:
        return False
    book = scene.world.book
    mask = len(crowd.touches) - 1
    last = crowd.touches[(head["touches"] - 1) & mask]
    bid_ticks = best_price(book, 0)
    ask_ticks = best_price(book, 1)
    bid_lots = best_size(book, 0)
    ask_lots = best_size(book, 1)
    if (
        head["touches"] > 0
        and last["bid_ticks"] == bid_ticks
        and last["ask_ticks"] == ask_ticks
        and last["bid_lots"] == bid_lots
        and last["ask_lots"] == ask_lots
        and last["bought_lots"] == head["bought_lots"]
        and last["sold_lots"] == head["sold_lots"]
    ):
        return False
    moved = head["touches"] == 0 or last["bid_ticks"] != bid_ticks or last["ask_ticks"] != ask_ticks
    entry = crowd.touches[head["touches"] & mask]
    head["touches"] += 1
    entry["ts_ns"] = scene.world.head[0]["now_ns"]
    entry["bid_ticks"] = bid_ticks
    entry["bid_lots"] = bid_lots
    entry["ask_ticks"] = ask_ticks
    entry["ask_lots"] = ask_lots
    entry["last_ticks"] = head["last_ticks"]
    entry["bought_lots"] = head["bought_lots"]
    entry["sold_lots"] = head["sold_lots"]
    return moved


@inline
def touches_room(scene, entries):
    """Whether so many entries more leave everything that somebody may still look back at."""
    crowd = scene.crowd
    head = crowd.head[0]
    oldest_kept = head["touches"] + entries - len(crowd.touches)
    if oldest_kept <= 0:
        return True
    if entries >= len(crowd.touches):
        return False
    horizon_ns = scene.world.head[0]["now_ns"] - head["feed_most_ns"]
    return crowd.touches[oldest_kept & (len(crowd.touches) - 1)]["ts_ns"] <= horizon_ns


@kernel
def seen_touch(scene, index):
    """Place in the ring of what an agent sees now: the last entry no younger than its feed delay, -1 before the first."""
    crowd = scene.crowd
    head = crowd.head[0]
    mask = len(crowd.touches) - 1
    seen_ns = scene.world.head[0]["now_ns"] - crowd.agents[index]["feed_ns"]
    high = np.int64(head["touches"])
    low = max(np.int64(0), high - len(crowd.touches))
    while low < high:
        middle = (low + high) >> 1
        if crowd.touches[middle & mask]["ts_ns"] <= seen_ns:
            low = middle + 1
        else:
            high = middle
    return (low - 1) & mask if low > 0 else np.int64(-1)


@inline
def touch_price(touch, side):
    """Best price of a side in an entry of the ring, NONE_PRICE if it was empty.  touch: TOUCH"""
    return np.int64(touch["ask_ticks"]) if side else np.int64(touch["bid_ticks"])
