"""Walks over a whole book: the first broken invariant, the state hash, its levels as a table.

Nothing here changes a book.  The scratch that ``audit`` needs is handed in, so that it runs anywhere a kernel runs.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.audit_checks import (
    Broken,
    check_ids,
    check_index,
    check_levels,
    check_pool,
    check_specials,
    check_sums,
    check_timers,
)
from lobsim.core.ids import find_id
from lobsim.core.jit import borrow, borrow_array, kernel, mix, mix_word, wrapping_sum
from lobsim.core.layout import HIDDEN, RECORDED, WAITING, Book
from lobsim.core.levels import first_level, first_of_pool, fold, next_level
from lobsim.core.special import reserve_of, shown_at


def audit_scratch(book: Book) -> tuple[np.ndarray, np.ndarray]:
    """The scratch `audit` wants: uint8 [slots of the pool] and int64 [9]."""
    return np.zeros(len(book.nodes), np.uint8), np.zeros(9, np.int64)


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
    broken = check_pool(book, marks, found)
    for side in range(2):
        if broken == Broken.SOUND:
            broken = check_levels(book, side, marks, found)
    for side in range(2):
        if broken == Broken.SOUND:
            broken = check_index(book, side, marks, found)
    if broken == Broken.SOUND:
        broken = check_specials(book, marks, found)
    if broken == Broken.SOUND:
        broken = check_sums(book, found)
    if broken == Broken.SOUND:
        broken = check_ids(book, marks, found)
    if broken == Broken.SOUND:
        broken = check_timers(book, marks, found)
    return broken


@kernel
def _hash_of_waiting(book):
    """The sum modulo 2^64 of a hash of every order that waits outside the queues."""
    total = np.uint64(0)
    for slot in range(first_of_pool(book), book.head[0]["fresh"]):
        node = book.nodes[slot]
        if node["meta"] & WAITING == 0 or find_id(book, np.int64(node["key"])) != slot:
            continue
        h = mix(np.uint64(1469598103934665603), np.int64(node["key"]))
        h = mix(h, np.int64(book.extras[book.info[slot]["extra"]]["stop_ticks"]))
        total = wrapping_sum(total, mix(h, np.int64(node["size"])))
    return total


@kernel
def state_hash(book):
    """FNV-1a over every level and order, best first and first to last (docs/rules.md, section 1).

    Returns an int64 >= 0.
    """
    book = borrow(book)
    h = np.uint64(1469598103934665603)
    for side in range(2):
        h = mix(h, -1 - side)
        level = first_level(book, side)
        while level != 0:
            price_ticks = np.int64(book.nodes[level]["key"])
            h = mix(h, price_ticks)
            slot = np.int64(book.nodes[level]["next"])
            while slot != level:
                hist = np.int64(0)
                if book.nodes[slot]["meta"] & RECORDED:
                    hist = np.int64(book.info[slot]["hist"])
                h = mix(h, np.int64(book.nodes[slot]["key"]))
                h = mix(h, np.int64(book.nodes[slot]["size"]))
                h = mix(h, hist)
                reserve = reserve_of(book, slot)
                hidden = (book.nodes[slot]["meta"] & HIDDEN) != 0
                if reserve != 0 or hidden:
                    h = mix(h, reserve)
                    h = mix(h, 1 if hidden else 0)
                slot = np.int64(book.nodes[slot]["next"])
            level = next_level(book, side, fold(side, price_ticks))
    if book.head[0]["waiting"] != 0:
        h = mix_word(h, _hash_of_waiting(book))
    return np.int64(h >> np.uint64(1))


@kernel
def copy_levels(book, side, out):
    """Write the best levels of a side that show size, best first.

    out  int64 [any, 3]: price in ticks, units, orders with size

    Returns how many rows were written.
    """
    book = borrow(book)
    out = borrow_array(out)
    n = 0
    level = first_level(book, side)
    while level != 0 and n < len(out):
        price_ticks = np.int64(book.nodes[level]["key"])
        if shown_at(book, level) > 0:
            orders = np.int64(0)
            slot = np.int64(book.nodes[level]["next"])
            while slot != level and slot != book.info[level]["first_hidden"]:
                orders += 1 if book.nodes[slot]["size"] > 0 else 0
                slot = np.int64(book.nodes[slot]["next"])
            out[n, 0] = price_ticks
            out[n, 1] = shown_at(book, level)
            out[n, 2] = orders
            n += 1
        level = next_level(book, side, fold(side, price_ticks))
    return n
