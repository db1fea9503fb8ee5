"""Memory asked for ahead of use: for books too large for the nearest caches.

A message far ahead says which id it will speak of; when that entry has come, which order; when that has come, which neighbours.  The three
looks are STEP messages apart, so that each finds the last one's answer.  In a small book this only costs time, so the caller decides by size.
Nothing here changes anything, and a look may be wrong (the order may be gone by then): it is never more than a hint.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.ids import is_dense, place_of
from lobsim.core.jit import inline, prefetch
from lobsim.core.levels import fold, window_of, window_slot

STEP = 6
"""Messages between two looks: that many take about as long as memory takes to answer; 4 to 8 are alike."""
ROWS_AHEAD = 48
"""So far ahead rows of a tape are fetched: where a page of memory ends the processor does not do so by itself."""
MANY_ORDERS = 2**13
"""From here on a book does not fit the second cache (an order takes 32 bytes, its id and its level some more)."""


@inline
def _order_ahead(book, message):
    """Slot of the order that a message speaks of, 0 if there is none (yet).

    No branch looks at what the message asks: guessing that wrong twice per message costs more than the memory does.
    """
    order_id = np.int64(message["order_id"])
    if is_dense(book, order_id):
        return np.int64(book.dense[order_id])
    return np.int64(book.ids[place_of(book, order_id)]["slot"])


@inline
def _fetch_id(book, order_id):
    """Where an id leads stands here."""
    if is_dense(book, order_id):
        prefetch(book.dense, order_id)
    else:
        prefetch(book.ids, place_of(book, order_id))


@inline
def _level_ahead(book, side, price_ticks):
    """Slot of a level, if it lies in the window; a wrong guess, also about the side, does no harm."""
    side = side & 1
    offset = fold(side, price_ticks) - book.sides[side]["base"]
    return window_slot(book, side, offset & (window_of(book) - 1))


@inline
def foresee(book, messages, i, stop):
    """The looks that message i has to take at those after it, before stop."""
    if i + 3 * STEP >= stop:
        return
    _fetch_id(book, np.int64(messages[i + 3 * STEP]["order_id"]))
    message = messages[i + 2 * STEP]
    prefetch(book.nodes, _order_ahead(book, message))
    prefetch(book.nodes, _level_ahead(book, np.int64(message["side"]), np.int64(message["price_ticks"])))
    node = book.nodes[_order_ahead(book, messages[i + STEP])]
    prefetch(book.nodes, np.int64(node["prev"]))
    prefetch(book.nodes, np.int64(node["next"]))
    prefetch(book.nodes, np.int64(node["level"]))


@inline
def foresee_rows(book, tape, k, stop):
    """The same looks for the rows of a tape; the cold halves of orders and levels are needed there too."""
    if k + 3 * STEP >= stop:
        return
    _fetch_id(book, np.int64(tape[k + 3 * STEP]["order_id"]))
    row = tape[k + 2 * STEP]
    slot = _order_ahead(book, row)
    prefetch(book.nodes, slot)
    prefetch(book.info, slot)
    foresee_level(book, np.int64(row["side"]), np.int64(row["price_ticks"]))
    node = book.nodes[_order_ahead(book, tape[k + STEP])]
    prefetch(book.nodes, np.int64(node["prev"]))
    prefetch(book.nodes, np.int64(node["next"]))


@inline
def foresee_level(book, side, price_ticks):
    """The place of a level that will be spoken of soon."""
    level = _level_ahead(book, side, price_ticks)
    prefetch(book.nodes, level)
    prefetch(book.info, level)


@inline
def foresee_block(book, side, price_ticks):
    """The block of a level whose own place has come by now."""
    prefetch(book.nodes, np.int64(book.nodes[_level_ahead(book, side, price_ticks)]["next"]))
