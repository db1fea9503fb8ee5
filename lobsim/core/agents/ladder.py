"""What flows see of single prices, and which of their orders they cancel there.

A cancel at a price means one lot of it, each lot equally likely.  Where that lot belongs to somebody else nothing happens: a flow's intensity counts all that rests,
so a void cancel here and there makes its own lots die at exactly their rate (thinning).
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.orders import send_cancel, send_reduce
from lobsim.core.agents.view import best_price
from lobsim.core.chance import draw_uniform
from lobsim.core.jit import inline, kernel
from lobsim.core.levels import find_level, fold, window_of, window_slot
from lobsim.types import NONE_PRICE


@inline
def remembered_best(scene, place, side):
    """Best price of a side, or the last one it had; that is kept at `place` of Crowd.memory."""
    best = best_price(scene.world.book, side)
    if best != NONE_PRICE:
        scene.crowd.memory[place] = best
        return best
    return np.int64(scene.crowd.memory[place])


@inline
def lots_at(book, side, price_ticks):
    """Lots resting at a price."""
    level = find_level(book, side, fold(side, price_ticks))
    return np.int64(book.nodes[level]["size"]) if level != 0 else np.int64(0)


@inline
def row_of(book, side, price_ticks, count):
    """Slot of a price, if it and the count - 1 prices behind it have places in the window, one after the other; else 0."""
    offset = fold(side, price_ticks) - np.int64(book.sides[side]["base"])
    if offset < 0 or offset + count > window_of(book):
        return np.int64(0)
    return np.int64(window_slot(book, side, offset))


@inline
def lots_in_row(book, row, side, price_ticks, steps):
    """Lots so many ticks behind a price.  row: what `row_of` says of it, asked once for many prices"""
    if row == 0:
        return lots_at(book, side, beside(side, price_ticks, steps))
    node = book.nodes[row + steps]
    return np.int64(node["size"]) if node["next"] != 0 else np.int64(0)


@inline
def beside(side, price_ticks, steps):
    """The price so many ticks behind a price of the opposite side: below it for buys, above it for sells."""
    return price_ticks + steps if side else price_ticks - steps


@kernel
def cancel_share(scene, index, side, price_ticks, size):
    """An agent cancels one of the lots at a price: size lots, if it has so many, of the order that lot belongs to.

    size  0: all of the order
    """
    crowd = scene.crowd
    book = scene.world.book
    level = find_level(book, side, fold(side, price_ticks))
    if level == 0:
        return
    share = np.int64(draw_uniform(crowd.agents[index]) * book.nodes[level]["size"])
    node = np.int64(book.nodes[level]["next"])
    while node != level and share >= book.nodes[node]["size"]:
        share -= book.nodes[node]["size"]
        node = np.int64(book.nodes[node]["next"])
    slot = np.int64(book.nodes[node]["key"]) - np.int64(crowd.head[0]["base"])
    if node == level or slot <= 0 or crowd.orders[slot]["agent"] != index:
        return
    if 0 < size < book.nodes[node]["size"]:
        send_reduce(scene, slot, size)
    else:
        send_cancel(scene, slot)
