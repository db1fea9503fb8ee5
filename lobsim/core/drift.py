"""How far the simulated book has moved away from history, measured on demand."""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import borrow, borrow_array, kernel
from lobsim.core.reconcile import best_of_history


@kernel
def touch_and_history(world, out):
    """The touch as simulated and as history has it.

    out  int64 [8], written: bid price, bid units, ask price, ask units of the simulated book, then the same of history; units 0 if a side is empty
    """
    world = borrow(world)
    out = borrow_array(out)
    book = world.book
    for side in range(2):
        best = np.int64(book.sides[side]["best"])
        out[2 * side] = book.nodes[best]["key"] + world.head[0]["offset_ticks"] if best != 0 else 0
        out[2 * side + 1] = book.nodes[best]["size"] if best != 0 else 0
        price_ticks, size = best_of_history(world, side)
        out[4 + 2 * side] = price_ticks
        out[5 + 2 * side] = size
