"""Blocks: the anonymous quantity of a replayed level, with own orders between them in one queue (docs/rules.md, section 4)."""

from __future__ import annotations

import numpy as np

from lobsim.core.book import add_order, change_size, remove_order
from lobsim.core.jit import kernel
from lobsim.core.layout import BLOCK


@kernel
def anonymous_size(book, level):
    """Units of anonymous quantity in a level's queue."""
    total = np.int64(0)
    slot = np.int64(book.nodes[level]["next"])
    while slot != level:
        if book.nodes[slot]["meta"] & BLOCK:
            total += np.int64(book.nodes[slot]["size"])
        slot = np.int64(book.nodes[slot]["next"])
    return total


@kernel
def drop_empty_blocks(book, level, keep):
    """Blocks of size 0 leave; with keep the last block stays whatever its size."""
    blocks = 0
    slot = np.int64(book.nodes[level]["next"])
    while slot != level:
        blocks += 1 if book.nodes[slot]["meta"] & BLOCK else 0
        slot = np.int64(book.nodes[slot]["next"])
    slot = np.int64(book.nodes[level]["next"])
    while slot != level:
        after = np.int64(book.nodes[slot]["next"])
        empty = (book.nodes[slot]["meta"] & BLOCK) != 0 and book.nodes[slot]["size"] == 0
        if empty and (blocks > 1 or not keep):
            blocks -= 1
            remove_order(book, slot)
        slot = after


@kernel
def join_back(book, side, price_ticks, level, size):
    """Anonymous quantity joins behind everything: in the last block, or in one of its own."""
    last = np.int64(book.nodes[level]["prev"]) if level != 0 else np.int64(0)
    if last != level and (book.nodes[last]["meta"] & BLOCK) != 0:
        change_size(book, last, size)
    else:
        add_order(book, side, 0, price_ticks, size, BLOCK)


@kernel
def leave_from_back(book, level, size):
    """Take up to size units off the blocks, last first.  Returns what could not be taken."""
    slot = np.int64(book.nodes[level]["prev"])
    while slot != level and size > 0:
        if book.nodes[slot]["meta"] & BLOCK:
            taken = min(size, np.int64(book.nodes[slot]["size"]))
            change_size(book, slot, -taken)
            size -= taken
        slot = np.int64(book.nodes[slot]["prev"])
    return size
