"""Order id to slot: directly for small ids, through open addressing for all others.

Any 64-bit id works.  Ids in ``[0, len(dense))`` index a table; the rest are hashed with linear probing and removed by
shifting the run back, so that lookups never meet tombstones.  The shell keeps the table at most half full.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import borrow_array, inline, kernel, stay_apart, within, wrapping_product

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@inline
def place_of(book, key):
    """Where an id stands in the table if nothing is in its way."""
    spread = wrapping_product(np.uint64(np.int64(key)), _SPREAD)
    return np.int64((spread >> np.uint64(20)) & np.uint64(len(book.ids) - 1))


@inline
def is_dense(book, order_id):
    """Whether an id indexes the table directly."""
    return within(order_id, len(book.dense))


@inline
def find_id(book, order_id):
    """Slot of a live order, or 0."""
    if is_dense(book, order_id):
        return np.int64(book.dense[order_id])
    mask = len(book.ids) - 1
    place = place_of(book, order_id)
    while book.ids[place]["slot"] != 0:
        if book.ids[place]["key"] == order_id:
            return np.int64(book.ids[place]["slot"])
        place = (place + 1) & mask
    return np.int64(0)


@inline
def add_id(book, order_id, slot):
    """Enter an id that is not live.  Room was checked before."""
    if is_dense(book, order_id):
        book.dense[order_id] = slot
        return
    mask = len(book.ids) - 1
    place = place_of(book, order_id)
    while book.ids[place]["slot"] != 0:
        place = (place + 1) & mask
    book.ids[place]["key"] = order_id
    book.ids[place]["slot"] = slot
    book.head[0]["ids"] += 1


@kernel
def _remove_hashed(book, order_id):
    """Forget a live id of the table; the run behind it moves up."""
    stay_apart()
    mask = len(book.ids) - 1
    place = place_of(book, order_id)
    while book.ids[place]["key"] != order_id or book.ids[place]["slot"] == 0:
        place = (place + 1) & mask
    ahead = place
    while True:
        ahead = (ahead + 1) & mask
        if book.ids[ahead]["slot"] == 0:
            break
        home = place_of(book, np.int64(book.ids[ahead]["key"]))
        if ((ahead - home) & mask) >= ((ahead - place) & mask):
            book.ids[place] = book.ids[ahead]
            place = ahead
    book.ids[place]["slot"] = 0
    book.head[0]["ids"] -= 1


@inline
def remove_id(book, order_id):
    """Forget a live id."""
    if is_dense(book, order_id):
        book.dense[order_id] = 0
        return
    _remove_hashed(book, order_id)


@kernel
def id_range(messages, start, stop):
    """The lowest and the highest id that messages[start:stop] speak of (start < stop).

    messages  MESSAGE [any]

    Returns (lowest, highest).
    """
    messages = borrow_array(messages)
    lowest = np.int64(messages[start]["order_id"])
    highest = lowest
    for i in range(start, stop):
        for order_id in (np.int64(messages[i]["order_id"]), np.int64(messages[i]["new_id"])):
            lowest = min(lowest, order_id)
            highest = max(highest, order_id)
    return lowest, highest
