"""Price levels: find one by price, make and drop one, step to the next worse one.

Offsets in the window are marked in a bitmap of three levels of 64 (leaf words, middle words, one
top word), so the next level is found in a handful of instructions however empty the book is.  A window of 64 to 2^18 ticks fits.
Levels outside the window are in a sorted list per side; it is short in any real market, and the shell
moves the window when it grows.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel, stay_apart, trailing_zeros, within
from lobsim.core.layout import FIRST_LEVEL, SIDE_BIT
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
    return len(book.leaf) << 5


@inline
def first_of_pool(book):
    """The first slot behind the levels of the windows."""
    return FIRST_LEVEL + 2 * window_of(book)


@inline
def _upper_start(book, side):
    """Where the middle words of a side begin; its top word is the last of its half."""
    return side * (len(book.upper) >> 1)


@inline
def _bit(place):
    """A word with the one bit set that stands for place."""
    return _ONE << np.uint64(place & 63)


@inline
def _from(word, place):
    """The bits of word from place on."""
    return word & ~(_bit(place) - _ONE)


@inline
def _mark_above(book, side, leaf_place):
    """The first offset of a leaf word was marked."""
    start = _upper_start(book, side)
    book.upper[start + (leaf_place >> 6)] |= _bit(leaf_place)
    book.upper[start + (len(book.upper) >> 1) - 1] |= _bit(leaf_place >> 6)


@inline
def _unmark_above(book, side, leaf_place):
    """A leaf word fell empty."""
    start = _upper_start(book, side)
    word = book.upper[start + (leaf_place >> 6)] & ~_bit(leaf_place)
    book.upper[start + (leaf_place >> 6)] = word
    if word == 0:
        book.upper[start + (len(book.upper) >> 1) - 1] &= ~_bit(leaf_place >> 6)


@inline
def _mark(book, side, offset):
    """Mark an offset of the window: it holds a level."""
    place = (side * window_of(book) + offset) >> 6
    word = book.leaf[place]
    book.leaf[place] = word | _bit(offset)
    if word == 0:
        _mark_above(book, side, offset >> 6)


@inline
def _unmark(book, side, offset):
    """Unmark an offset of the window, and the words above it that fall empty."""
    place = (side * window_of(book) + offset) >> 6
    word = book.leaf[place] & ~_bit(offset)
    book.leaf[place] = word
    if word == 0:
        _unmark_above(book, side, offset >> 6)


@kernel
def _next_leaf(book, side, place):
    """The first marked offset in a leaf word after place, or -1."""
    stay_apart()
    first = side * (len(book.leaf) >> 1)
    start = _upper_start(book, side)
    middle = (len(book.upper) >> 1) - 1
    place += 1
    if place >= len(book.leaf) >> 1:
        return -1
    above = place >> 6
    word = _from(book.upper[start + above], place)
    if word == 0:
        above += 1
        if above >= middle:
            return -1
        word = _from(book.upper[start + middle], above)
        if word == 0:
            return -1
        above = trailing_zeros(word)
        word = book.upper[start + above]
    place = (above << 6) + trailing_zeros(word)
    return np.int64((place << 6) + trailing_zeros(book.leaf[first + place]))


@inline
def _next_marked(book, side, offset):
    """The first marked offset >= offset, or -1."""
    window = window_of(book)
    if offset >= window:
        return np.int64(-1)
    word = _from(book.leaf[(side * window + offset) >> 6], offset)
    if word != 0:
        return ((offset >> 6) << 6) + trailing_zeros(word)
    return _next_leaf(book, side, offset >> 6)


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
    stay_apart()
    place = far_place(book, side, key)
    start = side * (len(book.far) >> 1)
    if place < start + book.sides[side]["far"] and book.far[place]["key"] == key:
        return np.int64(book.far[place]["slot"])
    return np.int64(0)


@kernel
def _far_insert(book, side, key, slot):
    """Enter a level in the far list.  Room was checked before."""
    stay_apart()
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
    stay_apart()
    place = far_place(book, side, key)
    end = side * (len(book.far) >> 1) + book.sides[side]["far"]
    for i in range(place, end - 1):
        book.far[i] = book.far[i + 1]
    book.sides[side]["far"] -= 1


@inline
def window_slot(book, side, offset):
    """Slot of the level at an offset of the window: every place in the window has a node of its own, used or not."""
    return book.sides[side]["first"] + offset


@inline
def find_level(book, side, key):
    """Slot of the level at folded price key, or 0."""
    offset = key - book.sides[side]["base"]
    if within(offset, window_of(book)):
        slot = window_slot(book, side, offset)
        return slot if book.nodes[slot]["next"] != 0 else np.int64(0)
    if book.sides[side]["far"] == 0:
        return np.int64(0)
    return _far_find(book, side, key)


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
    return slot


@inline
def give_slot(book, slot):
    """Return a slot to the pool."""
    head = book.head[0]
    book.nodes[slot]["next"] = head["free"]
    head["free"] = slot


@inline
def _begin_node(book, side, price_ticks, slot):
    """Make the node at slot an empty level: its queue is itself alone."""
    node = book.nodes[slot]
    node["next"] = slot
    node["prev"] = slot
    node["level"] = slot
    node["meta"] = side & SIDE_BIT
    node["size"] = 0
    node["key"] = price_ticks
    book.sides[side]["levels"] += 1


@inline
def _begin_level(book, side, price_ticks, slot):
    """Make the node at slot an empty level, with empty ledgers."""
    _begin_node(book, side, price_ticks, slot)
    info = book.info[slot]
    info["hist"] = 0
    info["consumed"] = 0
    info["spared"] = 0
    info["hidden"] = 0
    info["first_hidden"] = 0


@inline
def open_in_window(book, side, price_ticks, offset):
    """Make the level at an offset of the window of a side that has levels.  Returns its slot."""
    slot = window_slot(book, side, offset)
    _mark(book, side, offset)
    _begin_level(book, side, price_ticks, slot)
    return slot


@inline
def open_total(view, side, price_ticks, offset):
    """The same in a reader's book, where a level has no ledgers."""
    slot = window_slot(view, side, offset)
    _mark(view, side, offset)
    _begin_node(view, side, price_ticks, slot)
    return slot


@inline
def close_in_window(book, side, offset):
    """Take away the level at an offset of the window, whose queue and size are gone; it may have been the best."""
    mine = book.sides[side]
    slot = window_slot(book, side, offset)
    mine["levels"] -= 1
    book.nodes[slot]["next"] = 0
    book.nodes[slot]["prev"] = 0
    _unmark(book, side, offset)
    if slot == mine["best"]:
        find_best(book, side, mine["base"] + offset)


@kernel
def _open_level(book, side, price_ticks):
    """Slot of the level at a price that no level of the window holds: found in the far list, or made.

    Where a side is empty its window moves to the price.
    """
    stay_apart()
    key = fold(side, price_ticks)
    window = window_of(book)
    if book.sides[side]["levels"] == 0:
        book.sides[side]["base"] = key - (window >> 1)
    offset = key - book.sides[side]["base"]
    if within(offset, window):
        slot = window_slot(book, side, offset)
        _mark(book, side, offset)
    else:
        slot = _far_find(book, side, key)
        if slot != 0:
            return slot
        slot = take_slot(book)
        _far_insert(book, side, key, slot)
    _begin_level(book, side, price_ticks, slot)
    return slot


@inline
def level_for(book, side, price_ticks):
    """Slot of the level at a price, made if there is none."""
    offset = fold(side, price_ticks) - book.sides[side]["base"]
    if within(offset, window_of(book)):
        slot = window_slot(book, side, offset)
        if book.nodes[slot]["next"] != 0:
            return slot
    return _open_level(book, side, price_ticks)


@inline
def _drop_level(book, side, slot):
    """Take an empty level away."""
    offset = slot - window_slot(book, side, 0)
    book.sides[side]["levels"] -= 1
    if within(offset, window_of(book)):
        book.nodes[slot]["next"] = 0
        book.nodes[slot]["prev"] = 0
        _unmark(book, side, offset)
    else:
        _far_remove(book, side, fold(side, np.int64(book.nodes[slot]["key"])))
        give_slot(book, slot)


@kernel
def _next_with_far(book, side, key):
    """The first level strictly worse than key, in the window or in the far list, or 0."""
    stay_apart()
    start = side * (len(book.far) >> 1)
    place = far_place(book, side, key + 1)
    far_key = np.int64(NEVER)
    if place < start + book.sides[side]["far"]:
        far_key = np.int64(book.far[place]["key"])
    base = np.int64(book.sides[side]["base"])
    offset = _next_marked(book, side, max(key + 1 - base, 0))
    if offset >= 0 and base + offset < far_key:
        return window_slot(book, side, offset)
    if far_key == NEVER:
        return np.int64(0)
    return np.int64(book.far[place]["slot"])


@inline
def next_level(book, side, key):
    """Slot of the first level strictly worse than the folded price key, or 0; it may hold no size."""
    base = np.int64(book.sides[side]["base"])
    offset = _next_marked(book, side, max(key + 1 - base, 0))
    if book.sides[side]["far"] != 0:
        # As a rule everything outside the window is worse than what is in it, and one look tells.
        if offset < 0 or book.far[side * (len(book.far) >> 1)]["key"] <= base + offset:
            return _next_with_far(book, side, key)
    elif offset < 0:
        return np.int64(0)
    return window_slot(book, side, offset)


@inline
def first_level(book, side):
    """Slot of the first level of a side, with or without size, or 0."""
    return next_level(book, side, _BEFORE_ALL)


@kernel
def find_best(book, side, after_key):
    """Make the first level with size worse than after_key the best of its side.

    changes: sides[side] best, best_key
    """
    stay_apart()
    slot = next_level(book, side, after_key)
    while slot != 0 and book.nodes[slot]["size"] <= 0:
        slot = next_level(book, side, fold(side, np.int64(book.nodes[slot]["key"])))
    book.sides[side]["best"] = slot
    if slot == 0:
        book.sides[side]["best_key"] = NEVER
    else:
        book.sides[side]["best_key"] = fold(side, np.int64(book.nodes[slot]["key"]))


@kernel
def level_emptied(book, side, level):
    """A level has no size left: it is no longer the best, and goes if no order stands in it.

    changes: sides[side], the level
    """
    stay_apart()
    if level == book.sides[side]["best"]:
        find_best(book, side, fold(side, np.int64(book.nodes[level]["key"])))
    if book.nodes[level]["next"] == level:
        _drop_level(book, side, level)
