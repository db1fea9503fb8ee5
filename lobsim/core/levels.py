"""Price levels: find one by price, make and drop one, step to the next worse one.

Offsets in the window are marked in a bitmap of three levels of 64 (leaf words, middle words, one
top word), so the next level is found in a handful of instructions however empty the book is.  A window of 64 to 2^18 ticks fits.
Levels outside the window are in a sorted list per side; it is short in any real market, and the shell
moves the window when it grows.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel, trailing_zeros
from lobsim.core.layout import SIDE_BIT
from lobsim.types import NEVER

_ONE = np.uint64(1)
_BEFORE_ALL = -(2**60)


@inline
def fold(side, price_ticks):
    """Price as a folded key: smaller is better, for either side."""
    return price_ticks if side else -price_ticks


@inline
def window_of(book):
    """Ticks in the window of one side."""
    return len(book.ladder) >> 1


@inline
def _bit(place):
    """A word with the one bit set that stands for place."""
    return _ONE << np.uint64(place & 63)


@inline
def _from(word, place):
    """The bits of word from place on."""
    return word & ~(_bit(place) - _ONE)


@inline
def _mark(book, side, offset):
    """Mark an offset of the window: it holds a level."""
    leaf = window_of(book) >> 6
    middle = (leaf + 63) >> 6
    start = side * (leaf + middle + 1)
    book.bits[start + (offset >> 6)] |= _bit(offset)
    book.bits[start + leaf + (offset >> 12)] |= _bit(offset >> 6)
    book.bits[start + leaf + middle] |= _bit(offset >> 12)


@inline
def _unmark(book, side, offset):
    """Unmark an offset of the window, and the words above it that fall empty."""
    leaf = window_of(book) >> 6
    middle = (leaf + 63) >> 6
    start = side * (leaf + middle + 1)
    word = book.bits[start + (offset >> 6)] & ~_bit(offset)
    book.bits[start + (offset >> 6)] = word
    if word == 0:
        word = book.bits[start + leaf + (offset >> 12)] & ~_bit(offset >> 6)
        book.bits[start + leaf + (offset >> 12)] = word
        if word == 0:
            book.bits[start + leaf + middle] &= ~_bit(offset >> 12)


@kernel
def _next_marked(book, side, offset):
    """The first marked offset >= offset, or -1."""
    window = window_of(book)
    leaf = window >> 6
    middle = (leaf + 63) >> 6
    start = side * (leaf + middle + 1)
    if offset >= window:
        return -1
    place = offset >> 6
    word = _from(book.bits[start + place], offset)
    if word != 0:
        return (place << 6) + trailing_zeros(word)
    place += 1
    if place >= leaf:
        return -1
    above = place >> 6
    word = _from(book.bits[start + leaf + above], place)
    if word == 0:
        above += 1
        if above >= middle:
            return -1
        word = _from(book.bits[start + leaf + middle], above)
        if word == 0:
            return -1
        above = trailing_zeros(word)
        word = book.bits[start + leaf + above]
    place = (above << 6) + trailing_zeros(word)
    return (place << 6) + trailing_zeros(book.bits[start + place])


@kernel
def far_place(book, side, key):
    """Where key stands, or would stand, in the sorted far list of side (binary search)."""
    start = side * (len(book.far) >> 1)
    low = start
    high = start + book.sides[side]["far"]
    while low < high:
        middle = (low + high) >> 1
        if book.far[middle]["key"] < key:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _far_find(book, side, key):
    """Slot of the level at folded price key in the far list, or 0."""
    place = far_place(book, side, key)
    start = side * (len(book.far) >> 1)
    if place < start + book.sides[side]["far"] and book.far[place]["key"] == key:
        return np.int64(book.far[place]["slot"])
    return np.int64(0)


@kernel
def _far_insert(book, side, key, slot):
    """Enter a level in the far list.  Room was checked before."""
    place = far_place(book, side, key)
    end = side * (len(book.far) >> 1) + book.sides[side]["far"]
    for i in range(end, place, -1):
        book.far[i] = book.far[i - 1]
    book.far[place]["key"] = key
    book.far[place]["slot"] = slot
    book.sides[side]["far"] += 1


@kernel
def _far_remove(book, side, key):
    """Take the level at folded price key out of the far list."""
    place = far_place(book, side, key)
    end = side * (len(book.far) >> 1) + book.sides[side]["far"]
    for i in range(place, end - 1):
        book.far[i] = book.far[i + 1]
    book.sides[side]["far"] -= 1


@inline
def find_level(book, side, key):
    """Slot of the level at folded price key, or 0."""
    window = window_of(book)
    offset = key - book.sides[side]["base"]
    if 0 <= offset < window:
        return np.int64(book.ladder[side * window + offset])
    if book.sides[side]["far"] == 0:
        return np.int64(0)
    return _far_find(book, side, key)


@inline
def outside_window(book, side, key):
    """Whether a new level at key would go to the far list (an empty side moves its window instead)."""
    if book.sides[side]["levels"] == 0:
        return False
    offset = key - book.sides[side]["base"]
    return not 0 <= offset < window_of(book)


@inline
def take_slot(book):
    """A free slot of the pool.  Room was checked before the event."""
    head = book.head[0]
    slot = np.int64(head["free"])
    if slot != 0:
        head["free"] = book.nodes[slot]["next"]
    else:
        slot = np.int64(head["fresh"])
        head["fresh"] += 1
    head["used"] += 1
    return slot


@inline
def give_slot(book, slot):
    """Return a slot to the pool."""
    head = book.head[0]
    book.nodes[slot]["next"] = head["free"]
    head["free"] = slot
    head["used"] -= 1


@inline
def place_level(book, side, key, slot):
    """Make a level findable at its folded price: in the window, or in the far list."""
    window = window_of(book)
    offset = key - book.sides[side]["base"]
    if 0 <= offset < window:
        book.ladder[side * window + offset] = slot
        _mark(book, side, offset)
    else:
        _far_insert(book, side, key, slot)


@kernel
def make_level(book, side, price_ticks):
    """A new empty level at a price that has none.  Returns its slot."""
    key = fold(side, price_ticks)
    window = window_of(book)
    if book.sides[side]["levels"] == 0:
        book.sides[side]["base"] = key - (window >> 1)
    slot = take_slot(book)
    node = book.nodes[slot]
    node["next"] = slot
    node["prev"] = slot
    node["level"] = slot
    node["meta"] = side & SIDE_BIT
    node["size"] = 0
    node["key"] = price_ticks
    info = book.info[slot]
    info["hist"] = 0
    info["consumed"] = 0
    info["spared"] = 0
    place_level(book, side, key, slot)
    book.sides[side]["levels"] += 1
    return slot


@kernel
def drop_level(book, side, slot):
    """Take an empty level away.  The best price must be looked after by the caller."""
    key = fold(side, np.int64(book.nodes[slot]["key"]))
    window = window_of(book)
    offset = key - book.sides[side]["base"]
    if 0 <= offset < window:
        book.ladder[side * window + offset] = 0
        _unmark(book, side, offset)
    else:
        _far_remove(book, side, key)
    book.sides[side]["levels"] -= 1
    give_slot(book, slot)


@kernel
def _next_with_far(book, side, key):
    """The first level strictly worse than key, in the window or in the far list, or 0."""
    start = side * (len(book.far) >> 1)
    place = far_place(book, side, key + 1)
    far_key = np.int64(NEVER)
    if place < start + book.sides[side]["far"]:
        far_key = np.int64(book.far[place]["key"])
    base = np.int64(book.sides[side]["base"])
    offset = _next_marked(book, side, max(key + 1 - base, 0))
    if offset >= 0 and base + offset < far_key:
        return np.int64(book.ladder[side * window_of(book) + offset])
    if far_key == NEVER:
        return np.int64(0)
    return np.int64(book.far[place]["slot"])


@inline
def next_level(book, side, key):
    """Slot of the first level strictly worse than the folded price key, or 0; it may hold no size."""
    if book.sides[side]["far"] != 0:
        return _next_with_far(book, side, key)
    offset = _next_marked(book, side, max(key + 1 - book.sides[side]["base"], 0))
    if offset < 0:
        return np.int64(0)
    return np.int64(book.ladder[side * window_of(book) + offset])


@inline
def first_level(book, side):
    """Slot of the first level of a side, with or without size, or 0."""
    return next_level(book, side, _BEFORE_ALL)


@kernel
def find_best(book, side, after_key):
    """Make the first level with size worse than after_key the best of its side.

    changes: sides[side] best, best_key
    """
    slot = next_level(book, side, after_key)
    while slot != 0 and book.nodes[slot]["size"] <= 0:
        slot = next_level(book, side, fold(side, np.int64(book.nodes[slot]["key"])))
    book.sides[side]["best"] = slot
    if slot == 0:
        book.sides[side]["best_key"] = NEVER
    else:
        book.sides[side]["best_key"] = fold(side, np.int64(book.nodes[slot]["key"]))
