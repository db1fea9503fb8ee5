"""Whether a message may: the first reason to refuse it (docs/rules.md, sections 1 and 1b).  Nothing here changes a book."""

from __future__ import annotations

import numpy as np

from lobsim.core.allocation import fillable
from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import HAS_EXTRA, OWNER_SHIFT, REDUCING, SIDE_BIT, WAITING
from lobsim.core.levels import find_level, fold
from lobsim.core.matching import tradable, would_trade
from lobsim.core.special import careful, reducible, shown_at
from lobsim.types import (
    MAX_LEVEL_UNITS,
    MAX_OWNER,
    MAX_PRICE_TICKS,
    Allocation,
    MessageFlag,
    OrderType,
    Peg,
    Phase,
    Reason,
    TimeInForce,
)

FAR_LIMIT = 2**47  # the limit of a market order: beyond every legal price, and far from overflow
_FLAGS = MessageFlag.POST_ONLY | MessageFlag.LOSE_PLACE | MessageFlag.HIDDEN | MessageFlag.REDUCE_ONLY
_LARGEST_SHARED = 2**31 - 1  # so that a taker's size times a maker's fits 63 bits


@inline
def gathers(phase):
    """Whether orders join in this phase without trading."""
    return phase == Phase.PRE_OPEN or phase == Phase.QUOTING or phase == Phase.AUCTION


@inline
def far_limit(side):
    """The limit of a market order of a side."""
    return np.int64(-FAR_LIMIT) if side else np.int64(FAR_LIMIT)


@inline
def limit_of(message):
    """The worst price a message accepts."""
    if message["type"] == OrderType.MARKET:
        return far_limit(message["side"])
    return np.int64(message["price_ticks"])


@inline
def largest_here(book, largest):
    """The largest size an order of this book may have."""
    return largest if book.rules[0]["allocation"] == Allocation.FIFO else min(largest, np.int64(_LARGEST_SHARED))


@inline
def price_wrong(price_ticks):
    """Whether a price lies beyond what a book may hold."""
    return price_ticks > MAX_PRICE_TICKS or price_ticks < -MAX_PRICE_TICKS


@inline
def overflows(book, side, price_ticks, size):
    """Whether a level's total would exceed MAX_LEVEL_UNITS if size joined it."""
    level = find_level(book, side, fold(side, price_ticks))
    return level != 0 and shown_at(book, level) > MAX_LEVEL_UNITS - size


@kernel
def _fields_exist(message, table):
    """Whether side, type, time in force, flags, owner and terms are what they can be."""
    side = message["side"]
    kind = message["type"]
    tif = message["tif"]
    if side < 0 or side > 1 or kind < 0 or kind > OrderType.PEGGED or tif < 0 or tif > TimeInForce.GTD:
        return False
    if message["flags"] & ~_FLAGS or message["owner"] < 0 or message["owner"] > MAX_OWNER:
        return False
    return 0 <= message["terms"] < len(table)


@kernel
def _goes_together(book, message, terms):
    """Whether type, time in force, flags and terms make sense together (the table of section 1b)."""
    kind = message["type"]
    tif = message["tif"]
    flags = message["flags"]
    lasts = tif == TimeInForce.GTC or tif == TimeInForce.GTD
    stops = kind == OrderType.STOP or kind == OrderType.STOP_LIMIT
    limit = kind == OrderType.LIMIT
    pegged = kind == OrderType.PEGGED
    if kind == OrderType.MARKET:
        if tif == TimeInForce.GTD:
            return False
    elif not limit and not lasts:
        return False
    if flags & MessageFlag.POST_ONLY and not (limit and lasts):
        return False
    if flags & MessageFlag.HIDDEN and not ((limit or pegged) and lasts):
        return False
    if flags & MessageFlag.REDUCE_ONLY:
        rests = (limit and lasts) or kind == OrderType.MARKET_TO_LIMIT or kind == OrderType.STOP_LIMIT
        if pegged or message["owner"] == 0 or (rests and book.rules[0]["allocation"] != Allocation.FIFO):
            return False
    if terms["display_lots"] != 0 and (not (limit and lasts) or flags & MessageFlag.HIDDEN):
        return False
    if terms["min_lots"] != 0:
        if not (limit or kind == OrderType.MARKET) or tif == TimeInForce.FOK or flags & MessageFlag.POST_ONLY:
            return False
    if terms["has_stop"] != (1 if stops else 0):
        return False
    if not pegged:
        return terms["peg"] == Peg.NONE
    return Peg.PRIMARY <= terms["peg"] <= Peg.MARKET and 0 <= terms["peg_ticks"] <= MAX_PRICE_TICKS


@kernel
def _refused_by_phase(book, message, terms):
    """HALTED, NOT_IN_PHASE or NONE."""
    phase = book.rules[0]["phase"]
    if phase == Phase.CONTINUOUS:
        return Reason.NONE
    if not gathers(phase):
        return Reason.HALTED
    immediate = message["tif"] == TimeInForce.IOC or message["tif"] == TimeInForce.FOK
    barred = message["flags"] & (MessageFlag.POST_ONLY | MessageFlag.REDUCE_ONLY)
    if immediate or barred or message["type"] != OrderType.LIMIT or terms["min_lots"] != 0:
        return Reason.NOT_IN_PHASE
    return Reason.NONE


@inline
def off_lot(book, size):
    """Whether a size is no multiple of the lot step (which counts in lots; units of a book with rules are lots)."""
    # A division costs as much as matching an order: it is for venues that have steps.
    return book.head[0]["ruled"] != 0 and size % book.rules[0]["lot_step"] != 0


@kernel
def refusal_of_size(book, size, largest):
    """BAD_SIZE, OFF_LOT or NONE."""
    if size < 1 or size > largest_here(book, largest):
        return Reason.BAD_SIZE
    return Reason.OFF_LOT if off_lot(book, size) else Reason.NONE


@kernel
def refusal_of_price(book, price_ticks):
    """BAD_PRICE, OFF_TICK, OUTSIDE_BAND or NONE."""
    rules = book.rules[0]
    if price_wrong(price_ticks):
        return Reason.BAD_PRICE
    if book.head[0]["ruled"] == 0:
        return Reason.NONE
    if price_ticks % rules["tick_step"] != 0:
        return Reason.OFF_TICK
    if price_ticks < rules["band_low_ticks"] or price_ticks > rules["band_high_ticks"]:
        return Reason.OUTSIDE_BAND
    return Reason.NONE


@kernel
def _refused_by_numbers(book, message, terms, largest):
    """Checks 3 and 4: sizes and prices."""
    size = np.int64(message["size_lots"])
    display = np.int64(terms["display_lots"])
    minimum = np.int64(terms["min_lots"])
    if size < 1 or size > largest_here(book, largest):
        return Reason.BAD_SIZE
    if display < 0 or display > size or minimum < 0 or minimum > size:
        return Reason.BAD_SIZE
    if off_lot(book, size) or off_lot(book, display) or off_lot(book, minimum):
        return Reason.OFF_LOT
    kind = message["type"]
    if kind == OrderType.LIMIT or kind == OrderType.STOP_LIMIT or kind == OrderType.PEGGED:
        reason = refusal_of_price(book, np.int64(message["price_ticks"]))
        if reason != Reason.NONE:
            return reason
    if terms["has_stop"] != 0:
        if price_wrong(np.int64(terms["stop_ticks"])):
            return Reason.BAD_PRICE
        if terms["stop_ticks"] % book.rules[0]["tick_step"] != 0:
            return Reason.OFF_TICK
    return Reason.NONE


@inline
def size_that_enters(book, message):
    """The size of a NEW, cut to the position if it is reduce-only."""
    size = np.int64(message["size_lots"])
    if message["flags"] & MessageFlag.REDUCE_ONLY:
        return min(size, reducible(book, np.int64(message["owner"]), np.int64(message["side"])))
    return size


@inline
def fillable_now(book, side, limit_ticks, owner, enough):
    """What could trade at once."""
    if careful(book):
        return fillable(book, side, limit_ticks, owner, enough)
    return tradable(book, side, limit_ticks, enough)


@kernel
def refusal_of_new(book, message, table, largest):
    """The first reason to refuse a NEW, or NONE."""
    stay_apart()
    if not _fields_exist(message, table):
        return Reason.BAD_FIELD
    terms = table[message["terms"]]
    if not _goes_together(book, message, terms):
        return Reason.BAD_FIELD
    reason = _refused_by_phase(book, message, terms)
    if reason != Reason.NONE:
        return reason
    reason = _refused_by_numbers(book, message, terms, largest)
    if reason != Reason.NONE:
        return reason
    tif = message["tif"]
    if tif == TimeInForce.GTD and message["expire_ns"] <= book.head[0]["clock_ns"]:
        return Reason.ALREADY_EXPIRED
    if find_id(book, np.int64(message["order_id"])) != 0:
        return Reason.DUPLICATE_ID
    size = size_that_enters(book, message)
    if size == 0:
        return Reason.REDUCE_ONLY
    return _refused_by_book(book, message, terms, size)


@kernel
def _refused_by_book(book, message, terms, size):
    """Checks 8 to 11: what stands in the book already."""
    side = np.int64(message["side"])
    owner = np.int64(message["owner"])
    limit_ticks = limit_of(message)
    tif = message["tif"]
    if message["flags"] & MessageFlag.POST_ONLY and would_trade(book, side, limit_ticks):
        return Reason.POST_ONLY_WOULD_TRADE
    if tif == TimeInForce.FOK and fillable_now(book, side, limit_ticks, owner, size) < size:
        return Reason.FOK_NOT_FILLABLE
    if message["type"] != OrderType.LIMIT or (tif != TimeInForce.GTC and tif != TimeInForce.GTD):
        return Reason.NONE
    minimum = min(np.int64(terms["min_lots"]), size)
    if minimum > 0 and would_trade(book, side, limit_ticks):
        if fillable_now(book, side, limit_ticks, owner, minimum) < minimum:
            return Reason.MIN_NOT_FILLABLE
    return Reason.SIZE_OVERFLOW if overflows(book, side, limit_ticks, size) else Reason.NONE


@kernel
def refusal_of_replace(book, slot, message, largest):
    """The first reason to refuse a REPLACE of the order at slot that does not look at what it would meet, or NONE."""
    stay_apart()
    meta = np.int64(book.nodes[slot]["meta"])
    stop = False
    if meta & HAS_EXTRA:
        extra = book.extras[book.info[slot]["extra"]]
        if extra["peg"] != 0:
            return Reason.BAD_FIELD
        stop = meta & WAITING != 0 and extra["type"] == OrderType.STOP
    phase = book.rules[0]["phase"]
    if phase != Phase.CONTINUOUS:
        if not gathers(phase):
            return Reason.HALTED
        if message["flags"] & MessageFlag.POST_ONLY:
            return Reason.NOT_IN_PHASE
    reason = refusal_of_size(book, np.int64(message["size_lots"]), largest)
    if reason != Reason.NONE:
        return reason
    if not stop:
        reason = refusal_of_price(book, np.int64(message["price_ticks"]))
        if reason != Reason.NONE:
            return reason
    new_id = np.int64(message["new_id"])
    if new_id != message["order_id"] and find_id(book, new_id) != 0:
        return Reason.DUPLICATE_ID
    return Reason.NONE


@kernel
def refusal_of_reentry(book, slot, message, size):
    """The first reason to refuse that a replaced order enters anew with size, or NONE."""
    meta = np.int64(book.nodes[slot]["meta"])
    side = meta & SIDE_BIT
    price_ticks = np.int64(message["price_ticks"])
    if size == 0:
        return Reason.REDUCE_ONLY
    if message["flags"] & MessageFlag.POST_ONLY and would_trade(book, side, price_ticks):
        return Reason.POST_ONLY_WOULD_TRADE
    return Reason.SIZE_OVERFLOW if overflows(book, side, price_ticks, size) else Reason.NONE


@inline
def size_that_reenters(book, slot, size):
    """The size of a REPLACE, cut to the position if its order is reduce-only."""
    meta = np.int64(book.nodes[slot]["meta"])
    if meta & REDUCING:
        return min(size, reducible(book, meta >> OWNER_SHIFT, meta & SIDE_BIT))
    return size
