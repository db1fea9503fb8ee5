"""The book around every row of a tape, written down in one replay without a participant.

Invariant: what is written of a row is the public book, hidden size and reserves left out; an empty side has price 0 and size 0.
Known limit: 72 bytes for each row are held in memory.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.ids import find_id
from lobsim.core.jit import borrow, borrow_array, inline, kernel
from lobsim.core.levels import first_level, fold, next_level
from lobsim.core.loop import step
from lobsim.core.recorded import price_of, size_of
from lobsim.core.special import shown_at
from lobsim.types import NONE, Status

AROUND = np.dtype(
    [
        ("bid_ticks", "i8"),  # this and the next five: after the row
        ("bid", "i8"),  # units at the best bid
        ("ask_ticks", "i8"),
        ("ask", "i8"),
        ("bid_volume", "i8"),  # units on the best levels
        ("ask_volume", "i8"),
        (
            "order_ticks",
            "i8",
        ),  # before the row: price of the order that it names; of the row itself where there is none
        ("order", "i8"),  # before the row: units of the order that it names, -1 if it is not in the book
        ("index", "i8"),  # before the row: levels that stood better than order_ticks
    ]
)
"""What is written of one row."""

_MOST_INDEX = 1000
"""Levels are counted up to here."""


@kernel
def _count_better(book, side, price_ticks):
    """How many levels of a side that show size are better than a price, at most _MOST_INDEX."""
    count = np.int64(0)
    key = fold(side, price_ticks)
    level = first_level(book, side)
    while level != 0 and count < _MOST_INDEX:
        at = fold(side, np.int64(book.nodes[level]["key"]))
        if at >= key:
            break
        count += 1 if shown_at(book, level) > 0 else 0
        level = next_level(book, side, at)
    return count


@kernel
def _write_before(world, row, line):
    """What the row speaks of, as the book stands before it.

    changes: order_ticks, order and index of line
    """
    book = world.book
    side = np.int64(row["side"])
    line["order_ticks"] = row["price_ticks"]
    line["order"] = NONE
    line["index"] = NONE
    slot = np.int64(0)
    if row["order_id"] != 0:
        slot = find_id(book, np.int64(row["order_id"]))
    if slot != 0:
        line["order_ticks"] = price_of(world, slot)
        line["order"] = size_of(world, slot)
    if side >= 0:
        line["index"] = _count_better(book, side, np.int64(line["order_ticks"]))


@inline
def _volume(book, side, levels):
    """Units on the best levels of a side."""
    total = np.int64(0)
    level = first_level(book, side)
    while level != 0 and levels > 0:
        shown = shown_at(book, level)
        total += shown
        levels -= 1 if shown > 0 else 0
        level = next_level(book, side, fold(side, np.int64(book.nodes[level]["key"])))
    return total


@kernel
def _write_after(world, line, levels):
    """The touch and the volume of the best levels.

    changes: the first six fields of line
    """
    book = world.book
    bid = np.int64(book.sides[0]["best"])
    ask = np.int64(book.sides[1]["best"])
    line["bid_ticks"] = book.nodes[bid]["key"] if bid != 0 else 0
    line["bid"] = shown_at(book, bid) if bid != 0 else 0
    line["ask_ticks"] = book.nodes[ask]["key"] if ask != 0 else 0
    line["ask"] = shown_at(book, ask) if ask != 0 else 0
    line["bid_volume"] = _volume(book, 0, levels)
    line["ask_volume"] = _volume(book, 1, levels)


@kernel
def _write_picture(book, picture):
    """The best levels of both sides.

    picture  int64 [2, levels, 2]: price in ticks, units; untouched (0) where there is no level
    """
    for side in range(2):
        n = 0
        level = first_level(book, side)
        while level != 0 and n < picture.shape[1]:
            price_ticks = np.int64(book.nodes[level]["key"])
            if shown_at(book, level) > 0:
                picture[side, n, 0] = price_ticks
                picture[side, n, 1] = shown_at(book, level)
                n += 1
            level = next_level(book, side, fold(side, price_ticks))


@kernel
def record_book(world, around, times_ns, pictures, levels, messages, spare):
    """Replay to the end of the tape without a participant and write what the book is around each row, and at given times.

    around    AROUND [rows]
    times_ns  int64 [times], rising
    pictures  int64 [times, 2, any, 2], zeros: the book at each time, rows at that time included; bids, then asks; price in ticks, units
    levels    how many levels a side a volume covers
    messages, spare  scratch, as of `loop.advance`

    changes: world, around, pictures.  Returns a Status: DONE, or a ROOM_ status with nothing of the next row applied (call again).
    """
    world = borrow(world)
    around = borrow_array(around)
    times_ns = borrow_array(times_ns)
    pictures = borrow_array(pictures)
    messages = borrow_array(messages)
    spare = borrow_array(spare)
    head = world.head[0]
    picture = np.int64(0)
    while (
        head["cursor"] > 0 and picture < len(times_ns) and times_ns[picture] < world.tape[head["cursor"] - 1]["ts_ns"]
    ):
        picture += 1
    while head["cursor"] < len(world.tape):
        k = np.int64(head["cursor"])
        row = world.tape[k]
        while picture < len(times_ns) and times_ns[picture] < row["ts_ns"]:
            _write_picture(world.book, pictures[picture])
            picture += 1
        _write_before(world, row, around[k])
        status = step(world, np.int64(row["ts_ns"]), messages, spare)
        if status > Status.DONE:
            return np.int64(status)
        if head["cursor"] > k:
            _write_after(world, around[k], levels)
    for late in range(picture, len(times_ns)):
        _write_picture(world.book, pictures[late])
    return np.int64(Status.DONE)
