"""A walk over a whole book: the first broken invariant.

Nothing here changes a book.  ``audit`` trusts as little as it can: it counts what it meets and holds the counts against those that the
verbs keep.  The scratch it needs is handed in, so that it runs anywhere a kernel runs.

Known limit: a time limit that has come is not looked for; it is the clock's business when an order leaves.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from lobsim.core.book import slices
from lobsim.core.ids import find_id
from lobsim.core.jit import borrow, borrow_array, kernel, trailing_zeros
from lobsim.core.layout import (
    ANONYMOUS,
    BLOCK,
    HAS_EXTRA,
    HIDDEN,
    OWN,
    RECORDED,
    SIDE_BIT,
    SPECIAL,
    TIMED,
    WAITING,
    Book,
)
from lobsim.core.levels import first_level, first_of_pool, fold, next_level, window_of, window_slot
from lobsim.core.timers import timer_holds
from lobsim.types import NEVER


class Broken(IntEnum):
    """What `audit` found wrong."""

    SOUND = 0
    POOL = 1  # free list and slots in use do not make up the pool, or a slot is in it twice
    QUEUE_LINKS = 2  # next and prev of neighbours disagree, or a queue never comes back to its level
    ORDER_PLACE = 3  # an order names another level or side than the one it stands in
    ORDER_SIZE = 4  # a size below 0, or of 0 where nothing allows it
    LEVEL_SIZE = 5  # not the sum of the orders
    LEVEL_HIST = 6  # not the sum of the recorded orders
    LEVEL_EMPTY = 7  # a level in whose queue no order stands
    LEVEL_ORDER = 8  # levels are not met best first, or stand on the wrong side
    LEVEL_INDEX = 9  # window, bitmap or far list say something else than the levels
    BEST = 10  # not the first level with size
    COUNTS = 11  # orders, levels or own orders counted wrongly
    ID_MISSING = 12  # an order that cannot be found by its id
    ID_STRAY = 13  # an entry of the id map that speaks of no order
    LEDGERS = 14  # surplus or deficit is not the sum over the recorded orders
    TIMER = 15  # no heap, or an order with a time limit that no timer knows
    HIDDEN_FIRST = 16  # a displayed order behind a hidden one
    HIDDEN_SUM = 17  # a level's hidden size, or its first hidden order
    SPECIALS = 18  # special or waiting orders, their rows of EXTRA or their refreshes counted wrongly


_ONE = np.uint64(1)
_FREE = 1
_LEVEL = 2
_ORDER = 4
_TIMED = 8

# places in `found`: where it broke, then running sums
_SIDE, _PRICE, _SLOT, _LEVELS, _ORDERS, _OWN, _SURPLUS, _DEFICIT, _LIVE = range(9)


def audit_scratch(book: Book) -> tuple[np.ndarray, np.ndarray]:
    """The scratch `audit` wants: uint8 [slots of the pool] and int64 [9]."""
    return np.zeros(len(book.nodes), np.uint8), np.zeros(9, np.int64)


@kernel
def _check_pool(book, marks, found):
    """The free list: every slot in it once.  changes: marks, found"""
    head = book.head[0]
    fresh = head["fresh"]
    if fresh < first_of_pool(book) or fresh > len(book.nodes):
        return Broken.POOL
    free = np.int64(0)
    slot = np.int64(head["free"])
    while slot != 0:
        found[_SLOT] = slot
        if slot < first_of_pool(book) or slot >= fresh or marks[slot] != 0:
            return Broken.POOL
        marks[slot] = _FREE
        free += 1
        slot = np.int64(book.nodes[slot]["next"])
    found[_SLOT] = 0
    found[_LIVE] = free
    return Broken.SOUND


@kernel
def _check_order(book, side, level, slot, found):
    """One order against its level, its ledgers and the id map.  changes: sums in found"""
    node = book.nodes[slot]
    meta = np.int64(node["meta"])
    size = np.int64(node["size"])
    if node["level"] != level or meta & SIDE_BIT != side:
        return Broken.ORDER_PLACE
    hist = np.int64(0)
    if meta & RECORDED:
        hist = np.int64(book.info[slot]["hist"])
        found[_SURPLUS] += max(size - hist, 0)
        found[_DEFICIT] += max(hist - size, 0)
    if hist < 0:
        return Broken.LEDGERS
    if size < 0 or (size == 0 and hist == 0 and meta & BLOCK == 0):
        return Broken.ORDER_SIZE
    if meta & (ANONYMOUS | BLOCK) == 0 and find_id(book, np.int64(node["key"])) != slot:
        return Broken.ID_MISSING
    if meta & OWN:
        found[_OWN] += 1
    found[_ORDERS] += 1
    return Broken.SOUND


@kernel
def _check_queue(book, side, level, marks, found):
    """The queue of one level, from the level around and back.  changes: marks, found"""
    total = np.int64(0)
    hist = np.int64(0)
    blocks = 0
    before = level
    slot = np.int64(book.nodes[level]["next"])
    hidden = np.int64(0)
    first_hidden = np.int64(0)
    while slot != level:
        found[_SLOT] = slot
        if slot == 0 or slot >= len(book.nodes) or book.nodes[slot]["prev"] != before:
            return Broken.QUEUE_LINKS
        if marks[slot] & _ORDER:
            return Broken.QUEUE_LINKS
        if marks[slot] != 0:
            return Broken.POOL
        marks[slot] = _ORDER
        found[_LIVE] += 1
        broken = _check_order(book, side, level, slot, found)
        if broken != Broken.SOUND:
            return broken
        total += np.int64(book.nodes[slot]["size"])
        if book.nodes[slot]["meta"] & RECORDED:
            hist += np.int64(book.info[slot]["hist"])
        blocks += 1 if book.nodes[slot]["meta"] & BLOCK else 0
        if book.nodes[slot]["meta"] & HIDDEN:
            hidden += np.int64(book.nodes[slot]["size"])
            first_hidden = slot if first_hidden == 0 else first_hidden
        elif first_hidden != 0:
            return Broken.HIDDEN_FIRST
        before = slot
        slot = np.int64(book.nodes[slot]["next"])
    found[_SLOT] = level
    if book.nodes[level]["prev"] != before:
        return Broken.QUEUE_LINKS
    if before == level:
        return Broken.LEVEL_EMPTY
    if book.nodes[level]["size"] != total:
        return Broken.LEVEL_SIZE
    if blocks == 0 and book.info[level]["hist"] != hist:
        return Broken.LEVEL_HIST
    if book.info[level]["hidden"] != hidden or book.info[level]["first_hidden"] != first_hidden:
        return Broken.HIDDEN_SUM
    return Broken.SOUND


@kernel
def _check_levels(book, side, marks, found):
    """Every level of a side, best first, with its queue; then the best and the counts.  changes: marks, found"""
    found[_SIDE] = side
    found[_LEVELS] = 0
    found[_ORDERS] = 0
    best = np.int64(0)
    last_key = np.int64(-NEVER)
    level = first_level(book, side)
    while level != 0:
        found[_SLOT] = level
        if level >= len(book.nodes) or marks[level] != 0:
            return Broken.POOL
        marks[level] = _LEVEL
        found[_LIVE] += 1 if level >= first_of_pool(book) else 0
        found[_LEVELS] += 1
        node = book.nodes[level]
        found[_PRICE] = node["key"]
        key = fold(side, np.int64(node["key"]))
        if key <= last_key or node["level"] != level or np.int64(node["meta"]) & SIDE_BIT != side:
            return Broken.LEVEL_ORDER
        broken = _check_queue(book, side, level, marks, found)
        if broken != Broken.SOUND:
            return broken
        if best == 0 and node["size"] > 0:
            best = level
        last_key = key
        level = next_level(book, side, key)
    found[_SLOT] = 0
    if book.sides[side]["levels"] != found[_LEVELS] or book.sides[side]["orders"] != found[_ORDERS]:
        return Broken.COUNTS
    best_key = np.int64(NEVER)
    if best != 0:
        best_key = fold(side, np.int64(book.nodes[best]["key"]))
        found[_PRICE] = book.nodes[best]["key"]
    if book.sides[side]["best"] != best or book.sides[side]["best_key"] != best_key:
        return Broken.BEST
    return Broken.SOUND


@kernel
def _check_bitmap(book, side, marks, found):
    """Every marked offset holds the level of its price, and the layers above mark the words that are not empty.

    Returns (what is broken, levels in the window).  changes: found
    """
    window = window_of(book)
    leaf = window >> 6
    middle = (len(book.upper) >> 1) - 1
    start = side * (middle + 1)
    levels = np.int64(0)
    for place in range(leaf):
        word = book.leaf[side * leaf + place]
        above = book.upper[start + (place >> 6)] >> np.uint64(place & 63)
        if (above & _ONE != 0) != (word != 0):
            return Broken.LEVEL_INDEX, levels
        while word != 0:
            offset = (place << 6) + trailing_zeros(word)
            word &= word - _ONE
            levels += 1
            level = window_slot(book, side, offset)
            key = np.int64(book.sides[side]["base"]) + offset
            found[_SLOT] = level
            found[_PRICE] = fold(side, key)
            if marks[level] != _LEVEL or fold(side, np.int64(book.nodes[level]["key"])) != key:
                return Broken.LEVEL_INDEX, levels
    for place in range(middle):
        above = book.upper[start + middle] >> np.uint64(place)
        if (above & _ONE != 0) != (book.upper[start + place] != 0):
            return Broken.LEVEL_INDEX, levels
    return Broken.SOUND, levels


@kernel
def _levels_in_window(book, side):
    """Nodes of the window that are in use, marked or not."""
    first = window_slot(book, side, 0)
    return np.count_nonzero(book.nodes[first : first + window_of(book)]["next"])


@kernel
def _check_index(book, side, marks, found):
    """Window, bitmap and far list against the levels that were met.  changes: found"""
    found[_SIDE] = side
    broken, levels = _check_bitmap(book, side, marks, found)
    if broken != Broken.SOUND:
        return broken
    window = window_of(book)
    found[_SLOT] = 0
    if _levels_in_window(book, side) != levels:
        return Broken.LEVEL_INDEX
    first = side * (len(book.far) >> 1)
    for place in range(first, first + book.sides[side]["far"]):
        level = np.int64(book.far[place]["slot"])
        key = np.int64(book.far[place]["key"])
        found[_SLOT] = level
        found[_PRICE] = fold(side, key)
        sorted_here = place == first or book.far[place - 1]["key"] < key
        inside = 0 <= key - book.sides[side]["base"] < window
        if not sorted_here or inside or marks[level] != _LEVEL or fold(side, np.int64(book.nodes[level]["key"])) != key:
            return Broken.LEVEL_INDEX
        levels += 1
    return Broken.SOUND if levels == book.sides[side]["levels"] else Broken.LEVEL_INDEX


@kernel
def _check_ids(book, marks, found):
    """Every entry of the id map speaks of one order that bears the id.  changes: found"""
    entries = np.int64(0)
    for place in range(len(book.ids)):
        slot = np.int64(book.ids[place]["slot"])
        if slot == 0:
            continue
        entries += 1
        found[_SLOT] = slot
        if slot >= len(book.nodes) or marks[slot] & _ORDER == 0 or book.nodes[slot]["key"] != book.ids[place]["key"]:
            return Broken.ID_STRAY
    for order_id in range(len(book.dense)):
        slot = np.int64(book.dense[order_id])
        if slot == 0:
            continue
        found[_SLOT] = slot
        if slot >= len(book.nodes) or marks[slot] & _ORDER == 0 or book.nodes[slot]["key"] != order_id:
            return Broken.ID_STRAY
    return Broken.SOUND if entries == book.head[0]["ids"] else Broken.ID_STRAY


@kernel
def _check_timers(book, marks, found):
    """The heap of time limits is one, and knows every order that has a limit.  changes: marks, found"""
    for i in range(book.head[0]["timers"]):
        timer = book.timers[i]
        above = book.timers[(i - 1) >> 1] if i > 0 else timer
        if above["ts_ns"] > timer["ts_ns"] or (
            above["ts_ns"] == timer["ts_ns"] and above["sequence"] > timer["sequence"]
        ):
            return Broken.TIMER
        if timer["ref"] < 1 or timer["ref"] >= len(book.nodes):
            return Broken.TIMER
        if timer_holds(book, timer):
            marks[timer["ref"]] |= _TIMED
    for slot in range(1, book.head[0]["fresh"]):
        node = book.nodes[slot]
        if marks[slot] != _ORDER or node["meta"] & TIMED == 0:
            continue
        found[_SLOT] = slot
        found[_SIDE] = node["meta"] & SIDE_BIT
        found[_PRICE] = book.nodes[node["level"]]["key"]
        return Broken.TIMER
    return Broken.SOUND


@kernel
def _check_specials(book, marks, found):
    """Orders that wait, and the counts of special orders, of their rows and of how often they refresh.  changes: marks, found"""
    head = book.head[0]
    waiting = np.int64(0)
    specials = np.int64(0)
    extras = np.int64(0)
    refreshes = np.int64(0)
    for slot in range(first_of_pool(book), head["fresh"]):
        node = book.nodes[slot]
        if marks[slot] == 0 and node["meta"] & WAITING:
            if find_id(book, np.int64(node["key"])) != slot:
                return Broken.ID_MISSING
            marks[slot] = _ORDER
            waiting += 1
            found[_LIVE] += 1
        if marks[slot] & _ORDER == 0:
            continue
        found[_SLOT] = slot
        specials += 1 if node["meta"] & SPECIAL else 0
        if node["meta"] & HAS_EXTRA:
            row = np.int64(book.info[slot]["extra"])
            if row < 1 or row >= head["extra_fresh"]:
                return Broken.SPECIALS
            extras += 1
            refreshes += slices(np.int64(book.extras[row]["reserve"]), np.int64(book.extras[row]["display"]))
    found[_SLOT] = 0
    same = waiting == head["waiting"] and specials == head["specials"] and extras == head["extras"]
    return Broken.SOUND if same and refreshes == head["slices"] else Broken.SPECIALS


@kernel
def _check_sums(book, found):
    """Counts and ledgers over the whole book."""
    head = book.head[0]
    if first_of_pool(book) + found[_LIVE] != head["fresh"]:
        return Broken.POOL
    if head["own_resting"] != found[_OWN]:
        return Broken.COUNTS
    if head["surplus"] != found[_SURPLUS] or head["deficit"] != found[_DEFICIT]:
        return Broken.LEDGERS
    return Broken.SOUND


@kernel
def audit(book, marks, found):
    """Walk a book and name the first broken invariant.

    marks, found  scratch from `audit_scratch`; afterwards found[0:3] is where it broke: side, price in ticks, slot

    Returns a member of Broken, 0 (SOUND) if every invariant of lobsim.core.book holds.
    """
    book = borrow(book)
    marks = borrow_array(marks)
    found = borrow_array(found)
    for slot in range(len(marks)):
        marks[slot] = 0
    for i in range(len(found)):
        found[i] = 0
    broken = _check_pool(book, marks, found)
    for side in range(2):
        if broken == Broken.SOUND:
            broken = _check_levels(book, side, marks, found)
    for side in range(2):
        if broken == Broken.SOUND:
            broken = _check_index(book, side, marks, found)
    if broken == Broken.SOUND:
        broken = _check_specials(book, marks, found)
    if broken == Broken.SOUND:
        broken = _check_sums(book, found)
    if broken == Broken.SOUND:
        broken = _check_ids(book, marks, found)
    if broken == Broken.SOUND:
        broken = _check_timers(book, marks, found)
    return broken
