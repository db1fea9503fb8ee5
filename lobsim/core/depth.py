"""What the public sees of a book: its levels as a table.

Known limit: hidden size and reserves are left out, as they are for everybody.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import borrow, borrow_array, kernel
from lobsim.core.levels import first_level, fold, next_level
from lobsim.core.special import shown_at


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
