"""The requests that a market is made of: orders with nothing special about them, in a book that asks for no care (`special.careful`).

Each does what `requests` would do; what it does not recognise as its own is left to `requests`.  Reports are written first where they can be: what they
say is in registers then.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import take_out
from lobsim.core.ids import find_id, find_place
from lobsim.core.jit import inline, within, word_of
from lobsim.core.layout import OWN, OWNER_SHIFT, RECORDED, SIDE_BIT, SPECIAL, TIMED
from lobsim.core.makers import write_report
from lobsim.core.matching import match, would_trade
from lobsim.core.refusal import limit_of
from lobsim.core.requests import cancelled, enter_order, rename
from lobsim.types import (
    MAX_LEVEL_UNITS,
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    NONE,
    MessageFlag,
    OrderType,
    Reason,
    ReportKind,
    TimeInForce,
)

_FEW_ORDERS = MAX_LEVEL_UNITS // MAX_SIZE_LOTS
"""So many orders of the largest size cannot overflow a level's total."""

_WHAT = 1
_WHOSE = 7
"""Words of a message: its verb, side, type, time in force and flags; its owner, and the terms above."""
_SIDE = 256
"""The bit of its side."""

_OWNER_BITS = -(1 << OWNER_SHIFT)


@inline
def levels_hold_all(book, largest):
    """Whether no level of this book can overflow, whatever comes."""
    return len(book.nodes) <= _FEW_ORDERS and largest <= MAX_SIZE_LOTS


@inline
def is_plain(message):
    """Whether a message is a NEW limit order that lasts, without flags, for one of the two sides."""
    return word_of(message, _WHAT) & ~_SIDE == 0


@inline
def is_sound(book, message, largest):
    """Whether nothing is wrong with a plain NEW's size, price and owner, and it has no terms."""
    size = np.int64(message["size_lots"])
    price_ticks = np.int64(message["price_ticks"])
    return (
        1 <= size <= largest
        and -MAX_PRICE_TICKS <= price_ticks <= MAX_PRICE_TICKS
        and within(word_of(message, _WHOSE), len(book.positions))
    )


@inline
def is_immediate(book, message, largest):
    """Whether a NEW is an IOC limit order or an ordinary market order with nothing special asked and nothing wrong with its fields."""
    size = np.int64(message["size_lots"])
    price_ticks = np.int64(message["price_ticks"])
    kind = message["type"]
    tif = message["tif"]
    market = kind == OrderType.MARKET and (tif == TimeInForce.IOC or tif == TimeInForce.GTC)
    limit = kind == OrderType.LIMIT and tif == TimeInForce.IOC and -MAX_PRICE_TICKS <= price_ticks <= MAX_PRICE_TICKS
    return (
        (market or limit)
        and message["flags"] == 0
        and (message["side"] | 1) == 1
        and 1 <= size <= largest
        and within(word_of(message, _WHOSE), len(book.positions))
    )


@inline
def new_plain(book, message, place, meta, sequence, out, n):
    """A plain NEW with room in its level, whose id is free and belongs at place: accepted, matched, and what is left rests.  Returns n."""
    order_id = np.int64(message["order_id"])
    side = np.int64(message["side"])
    price_ticks = np.int64(message["price_ticks"])
    size = np.int64(message["size_lots"])
    owner = np.int64(message["owner"])
    accepted = n
    n = write_report(out, n, sequence, ReportKind.ACCEPTED, Reason.NONE, side, order_id, 0, price_ticks, size, size)
    if would_trade(book, side, price_ticks):
        size, n = match(book, side, price_ticks, size, order_id, owner, sequence, out, n)
        out[accepted]["remaining_lots"] = size
        if size == 0:
            return n
        place = find_place(book, order_id)
    enter_order(book, side, order_id, place, price_ticks, size, meta | (owner << OWNER_SHIFT))
    return n


@inline
def take_plain(book, message, sequence, out, n):
    """An immediate NEW with an id that is free: accepted, matched, and what is left is cancelled.  Returns n."""
    order_id = np.int64(message["order_id"])
    side = np.int64(message["side"])
    size = np.int64(message["size_lots"])
    limit_ticks = limit_of(message)
    price_ticks = np.int64(0) if message["type"] == OrderType.MARKET else limit_ticks
    n = write_report(out, n, sequence, ReportKind.ACCEPTED, Reason.NONE, side, order_id, 0, price_ticks, size, 0)
    left = size
    if would_trade(book, side, limit_ticks):
        left, n = match(book, side, limit_ticks, size, order_id, np.int64(message["owner"]), sequence, out, n)
    if left > 0:
        return cancelled(sequence, Reason.NO_LIQUIDITY, side, order_id, price_ticks, left, out, n)
    return n


@inline
def cancel_plain(book, slot, order_id, place, sequence, out, n):
    """A plain order in a queue, whose id stands at place, leaves at its owner's wish.  Returns n."""
    node = book.nodes[slot]
    level = np.int64(node["level"])
    meta = np.int64(node["meta"])
    size = np.int64(node["size"])
    side = meta & SIDE_BIT
    price_ticks = np.int64(book.nodes[level]["key"])
    n = cancelled(sequence, Reason.REQUESTED, side, order_id, price_ticks, size, out, n)
    take_out(book, slot, order_id, place, level, meta, size)
    return n


@inline
def moves_plainly(book, slot, message, largest):
    """Whether a REPLACE concerns a plain order, nothing is wrong with its fields, and it asks for nothing but LOSE_PLACE."""
    size = np.int64(message["size_lots"])
    price_ticks = np.int64(message["price_ticks"])
    return (
        (np.int64(book.nodes[slot]["meta"]) & (SPECIAL | TIMED | RECORDED)) == 0
        and (message["flags"] & ~MessageFlag.LOSE_PLACE) == 0
        and 1 <= size <= largest
        and -MAX_PRICE_TICKS <= price_ticks <= MAX_PRICE_TICKS
        and (message["new_id"] == message["order_id"] or find_id(book, np.int64(message["new_id"])) == 0)
    )


@inline
def _shrink_in_place(book, slot, size, new_id):
    """A plain order keeps its place with a smaller size, perhaps under another id."""
    node = book.nodes[slot]
    book.nodes[np.int64(node["level"])]["size"] -= node["size"] - size
    node["size"] = size
    rename(book, slot, new_id)


@inline
def move_plain(book, slot, message, sequence, out, n):
    """A plain order keeps its place with a smaller size, or leaves and enters anew.  Returns n."""
    node = book.nodes[slot]
    meta = np.int64(node["meta"])
    side = meta & SIDE_BIT
    old_id = np.int64(node["key"])
    new_id = np.int64(message["new_id"])
    price_ticks = np.int64(message["price_ticks"])
    size = np.int64(message["size_lots"])
    left = size
    loses = message["flags"] != 0
    if price_ticks == book.nodes[node["level"]]["key"] and size <= node["size"] and not loses:
        _shrink_in_place(book, slot, size, new_id)
    else:
        take_out(book, slot, old_id, NONE, np.int64(node["level"]), meta, np.int64(node["size"]))
        if would_trade(book, side, price_ticks):
            left, n = match(book, side, price_ticks, size, new_id, meta >> OWNER_SHIFT, sequence, out, n)
        if left > 0:
            place = find_place(book, new_id)
            enter_order(book, side, new_id, place, price_ticks, left, (meta & OWN) | (meta & _OWNER_BITS))
    return write_report(
        out, n, sequence, ReportKind.REPLACED, Reason.NONE, side, new_id, old_id, price_ticks, size, left
    )
