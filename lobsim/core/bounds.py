"""How many reports a message can write at most, so that room for them is made before anything happens.

Every meeting of a taker with a maker uses up the maker, the taker, or a slice that an iceberg shows.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.auction import clearing_price
from lobsim.core.book import slices
from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import HAS_EXTRA, SIDE_BIT, WAITING
from lobsim.core.levels import first_level, fold, next_level
from lobsim.core.refusal import (
    FAR_LIMIT,
    far_limit,
    refusal_of_new,
    refusal_of_reentry,
    refusal_of_replace,
    size_that_reenters,
)
from lobsim.types import OrderType, Reason, Verb

_MANY = 2**50
"""More refreshes than this are not counted, so that no sum wraps."""


@inline
def _reports_of(book, refreshes):
    """So many reports come of meeting every order, and of so many refreshes."""
    orders = np.int64(book.sides[0]["orders"]) + np.int64(book.sides[1]["orders"])
    return 8 + 4 * (orders + min(refreshes, _MANY))


@inline
def quick_bound(book):
    """A bound for every message."""
    return _reports_of(book, np.int64(book.head[0]["slices"]))


@kernel
def _refreshes(book, side, limit_ticks, size):
    """How often icebergs of a side, as far as a price, refresh at most when they trade size units."""
    limit_key = fold(side, limit_ticks)
    total = np.int64(0)
    level = first_level(book, side)
    while level != 0 and fold(side, np.int64(book.nodes[level]["key"])) <= limit_key and total < _MANY:
        slot = np.int64(book.nodes[level]["next"])
        while slot != level:
            if book.nodes[slot]["meta"] & HAS_EXTRA:
                extra = book.extras[book.info[slot]["extra"]]
                if extra["reserve"] > 0:
                    total += min(slices(extra["reserve"], extra["display"]), size // extra["display"] + 1)
            slot = np.int64(book.nodes[slot]["next"])
        level = next_level(book, side, fold(side, np.int64(book.nodes[level]["key"])))
    return total


@kernel
def taker_bound(book, side, limit_ticks, size):
    """A bound for a taker of side: an iceberg of a million slices shows no more of them than the taker takes."""
    return _reports_of(book, _refreshes(book, 1 - side, limit_ticks, size))


@inline
def _limit_asked(message, side):
    """A price beyond which a message certainly does not trade."""
    if message["verb"] == Verb.NEW and message["type"] != OrderType.LIMIT:
        return far_limit(side)
    return max(-np.int64(FAR_LIMIT), min(np.int64(message["price_ticks"]), np.int64(FAR_LIMIT)))


@kernel
def _refused(book, message, table, largest, slot):
    """Whether a message is refused for certain; where time limits come first nothing is certain."""
    head = book.head[0]
    clock_ns = max(np.int64(head["clock_ns"]), np.int64(message["ts_ns"]))
    if head["timers"] > 0 and book.timers[0]["ts_ns"] <= clock_ns:
        return False
    if message["verb"] == Verb.NEW:
        return refusal_of_new(book, message, table, largest) != Reason.NONE
    if message["verb"] != Verb.REPLACE or slot == 0:
        return message["verb"] == Verb.REPLACE
    if refusal_of_replace(book, slot, message, largest) != Reason.NONE:
        return True
    size = size_that_reenters(book, slot, np.int64(message["size_lots"]))
    waits = book.nodes[slot]["meta"] & WAITING != 0
    return not waits and refusal_of_reentry(book, slot, message, size) != Reason.NONE


@kernel
def message_bound(book, message, table, largest):
    """A bound for one message, closer than `quick_bound` and dearer."""
    stay_apart()
    verb = message["verb"]
    slot = find_id(book, np.int64(message["order_id"]))
    if _refused(book, message, table, largest, slot):
        return _reports_of(book, np.int64(0))
    size = max(np.int64(0), np.int64(message["size_lots"]))
    if verb == Verb.PHASE:
        volume = clearing_price(book, np.int64(0))[1]
        buys = _refreshes(book, np.int64(0), far_limit(np.int64(1)), volume)
        return _reports_of(book, buys + _refreshes(book, np.int64(1), far_limit(np.int64(0)), volume))
    if verb == Verb.NEW and (message["side"] | 1) == 1:
        side = np.int64(message["side"])
        return taker_bound(book, side, _limit_asked(message, side), size)
    if verb == Verb.REPLACE and slot != 0:
        side = np.int64(book.nodes[slot]["meta"]) & SIDE_BIT
        return taker_bound(book, side, _limit_asked(message, side), size)
    return _reports_of(book, np.int64(0))
