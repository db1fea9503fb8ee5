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
def find_place(book, order_id):
    """Where a live order's id stands in the index or in the table; for one that is not live, where it would be entered.

    A place stays right until another id is entered or removed.
    """
    if is_dense(book, order_id):
        return order_id
    mask = len(book.ids) - 1
    place = place_of(book, order_id)
    while book.ids[place]["slot"] != 0 and book.ids[place]["key"] != order_id:
        place = (place + 1) & mask
    return place


@inline
def slot_at(book, order_id, place):
    """Slot of the order whose id has this place, 0 if it is not live."""
    if is_dense(book, order_id):
        return np.int64(book.dense[place])
    return np.int64(book.ids[place]["slot"])


@inline
def add_id_at(book, order_id, place, slot):
    """Enter an id that is not live at its place.  Room was checked before."""
    if is_dense(book, order_id):
        book.dense[place] = slot
        return
    book.ids[place]["key"] = order_id
    book.ids[place]["slot"] = slot
    book.head[0]["ids"] += 1


@inline
def remove_id_at(book, order_id, place):
    """Forget a live id that stands at this place."""
    if is_dense(book, order_id):
        book.dense[place] = 0
        return
    _close_gap(book, place)


@inline
def find_id(book, order_id):
    """Slot of a live order, or 0."""
    return slot_at(book, order_id, find_place(book, order_id))


@inline
def add_id(book, order_id, slot):
    """Enter an id that is not live.  Room was checked before."""
    add_id_at(book, order_id, find_place(book, order_id), slot)


@kernel
def _remove_hashed(book, order_id):
    """Forget a live id of the table."""
    stay_apart()
    _close_gap(book, find_place(book, order_id))


@inline
def remove_id(book, order_id):
    """Forget a live id."""
    if is_dense(book, order_id):
        book.dense[order_id] = 0
        return
    _remove_hashed(book, order_id)


@kernel
def _close_gap(book, place):
    """Take the id at a place out of the table; the run behind it moves up."""
    stay_apart()
    mask = len(book.ids) - 1
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
