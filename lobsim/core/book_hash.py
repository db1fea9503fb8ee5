"""The state hash of a book: one number for every order, in and outside the queues."""

from __future__ import annotations

import numpy as np

from lobsim.core.ids import find_id
from lobsim.core.jit import borrow, kernel, mix, mix_word, wrapping_sum
from lobsim.core.layout import HIDDEN, RECORDED, WAITING
from lobsim.core.levels import first_level, first_of_pool, fold, next_level
from lobsim.core.special import reserve_of


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
            if slot == level:  # a reader's book: totals alone
                h = mix(h, np.int64(book.nodes[level]["size"]))
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
