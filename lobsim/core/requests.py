"""What each request does once it has come to the venue: NEW, CANCEL, REDUCE, REPLACE, and a time limit that has come.

A refusal is a report with a reason and leaves the book as it was.  Sizes are in the book's units.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import join, remove_order
from lobsim.core.ids import add_id, add_id_at, find_place, remove_id
from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import HAS_EXTRA, HIDDEN, OWN, OWNER_SHIFT, REDUCING, SIDE_BIT, TIMED, WAITING
from lobsim.core.levels import fold
from lobsim.core.makers import write_report
from lobsim.core.matching import match
from lobsim.core.refusal import (
    fillable_now,
    limit_of,
    off_lot,
    refusal_of_new,
    refusal_of_reentry,
    refusal_of_replace,
    size_that_enters,
    size_that_reenters,
)
from lobsim.core.special import careful, leave_book, lose_whole, price_of, rest_special, wait_outside, whole_of
from lobsim.core.timers import pop_timer, push_timer, timer_holds
from lobsim.core.triggers import push_stop
from lobsim.types import (
    NEVER,
    MessageFlag,
    OrderType,
    Phase,
    Reason,
    ReportKind,
    TimeInForce,
)


@kernel
def keep_time_limit(book, slot, expire_ns, given):
    """An order in the book has a time limit that was given as the how-manieth (ties leave in that order)."""
    stay_apart()
    head = book.head[0]
    book.nodes[slot]["meta"] |= TIMED
    book.info[slot]["expire_ns"] = expire_ns
    book.info[slot]["limit_given"] = given
    push_timer(book.timers, head["timers"], expire_ns, given, slot)
    head["timers"] += 1


@kernel
def set_time_limit(book, slot, expire_ns):
    """Give an order in the book a time limit; it leaves when the clock reaches it."""
    head = book.head[0]
    given = np.int64(head["timer_sequence"])
    head["timer_sequence"] += 1
    keep_time_limit(book, slot, expire_ns, given)


@inline
def _limit_in_time(book, message, slot):
    """The time limit that a NEW brings, if it is GTD."""
    if message["tif"] == TimeInForce.GTD and message["expire_ns"] != NEVER:
        set_time_limit(book, slot, np.int64(message["expire_ns"]))


@inline
def enter_order(book, side, order_id, place, price_ticks, size, meta):
    """What is left of a plain order rests: it joins the queue and, at place, the id map.  Returns its slot."""
    slot = join(book, side, order_id, price_ticks, size, meta)
    add_id_at(book, order_id, place, slot)
    if meta & OWN:
        book.head[0]["own_resting"] += 1
    return slot


@inline
def rest_order(book, side, order_id, price_ticks, size, meta, display):
    """What is left of any order rests.  Returns its slot."""
    if careful(book) or display > 0 or meta & (HIDDEN | REDUCING):
        return rest_special(book, side, order_id, price_ticks, size, meta, display)
    return enter_order(book, side, order_id, find_place(book, order_id), price_ticks, size, meta)


@inline
def refuse(message, reason, side, other_id, sequence, out, n):
    """Write the one REJECTED report of a message.  Returns n + 1."""
    write_report(
        out,
        n,
        sequence,
        ReportKind.REJECTED,
        reason,
        side,
        np.int64(message["order_id"]),
        other_id,
        np.int64(message["price_ticks"]),
        np.int64(message["size_lots"]),
        0,
    )
    out[n]["verb"] = message["verb"]
    return n + 1


@inline
def cancelled(sequence, reason, side, order_id, price_ticks, size, out, n):
    """Write that an order, or what is left of one that does not rest, is gone.  Returns n + 1."""
    return write_report(out, n, sequence, ReportKind.CANCELLED, reason, side, order_id, 0, price_ticks, size, 0)


@kernel
def _new_outside(book, message, terms, size, meta, sequence, out, n):
    """A stop or a pegged order is accepted and waits.  Returns n."""
    stay_apart()
    order_id = np.int64(message["order_id"])
    side = np.int64(message["side"])
    kind = message["type"]
    price_ticks = np.int64(0) if kind == OrderType.STOP else np.int64(message["price_ticks"])
    slot = wait_outside(book, side, order_id, size, meta)
    extra = book.extras[book.info[slot]["extra"]]
    extra["type"] = kind
    extra["limit_ticks"] = price_ticks
    head = book.head[0]
    rest = size
    if kind == OrderType.PEGGED:
        rest = np.int64(0)
        extra["peg"] = terms["peg"]
        extra["peg_ticks"] = terms["peg_ticks"]
        book.pegs[head["pegs"]] = slot
        head["pegs"] += 1
    else:
        extra["stop_ticks"] = terms["stop_ticks"]
        push_stop(book, side, slot)
        if head["traded"] != 0:
            head["low_ticks"] = min(np.int64(head["low_ticks"]), np.int64(head["last_trade_ticks"]))
            head["high_ticks"] = max(np.int64(head["high_ticks"]), np.int64(head["last_trade_ticks"]))
    _limit_in_time(book, message, slot)
    return write_report(out, n, sequence, ReportKind.ACCEPTED, Reason.NONE, side, order_id, 0, price_ticks, size, rest)


@inline
def _meta_of(message, meta):
    """Meta bits of an order that arrives: what it brings, and whose it is."""
    meta |= np.int64(message["owner"]) << OWNER_SHIFT
    if message["flags"] & MessageFlag.HIDDEN:
        meta |= HIDDEN
    if message["flags"] & MessageFlag.REDUCE_ONLY:
        meta |= REDUCING
    return meta


@kernel
def new_any(book, message, table, meta, largest, sequence, out, n):
    """A NEW message: refused, or accepted, matched, and what is left rests or is cancelled.  Returns n."""
    stay_apart()
    order_id = np.int64(message["order_id"])
    side = np.int64(message["side"])
    reason = refusal_of_new(book, message, table, largest)
    if reason != Reason.NONE:
        return refuse(message, reason, side, 0, sequence, out, n)
    terms = table[message["terms"]]
    meta = _meta_of(message, meta)
    size = size_that_enters(book, message)
    kind = message["type"]
    if kind == OrderType.STOP or kind == OrderType.STOP_LIMIT or kind == OrderType.PEGGED:
        return _new_outside(book, message, terms, size, meta, sequence, out, n)
    limit_ticks = limit_of(message)
    if kind == OrderType.MARKET_TO_LIMIT:
        best_key = np.int64(book.sides[1 - side]["best_key"])
        limit_ticks = fold(1 - side, best_key) if best_key != NEVER else np.int64(0)
    price_ticks = np.int64(0) if kind == OrderType.MARKET else limit_ticks
    accepted = n
    n = write_report(out, n, sequence, ReportKind.ACCEPTED, Reason.NONE, side, order_id, 0, price_ticks, size, 0)
    immediate = kind == OrderType.MARKET or message["tif"] == TimeInForce.IOC or message["tif"] == TimeInForce.FOK
    owner = np.int64(message["owner"])
    minimum = min(np.int64(terms["min_lots"]), size)
    short = immediate and minimum > 0 and fillable_now(book, side, limit_ticks, owner, minimum) < minimum
    if short or (kind == OrderType.MARKET_TO_LIMIT and book.sides[1 - side]["best_key"] == NEVER):
        return cancelled(sequence, Reason.NO_LIQUIDITY, side, order_id, price_ticks, size, out, n)
    left = size
    if book.rules[0]["phase"] == Phase.CONTINUOUS:
        left, n = match(book, side, limit_ticks, size, order_id, owner, sequence, out, n)
    if left == 0:
        return n
    if immediate:
        return cancelled(sequence, Reason.NO_LIQUIDITY, side, order_id, price_ticks, left, out, n)
    display = np.int64(terms["display_lots"]) if terms["display_lots"] < size else np.int64(0)
    slot = rest_order(book, side, order_id, limit_ticks, left, meta, display)
    _limit_in_time(book, message, slot)
    out[accepted]["remaining_lots"] = left
    return n


@kernel
def _leave_with(book, slot, kind, reason, sequence, out, n):
    """Any order leaves whole, with a report.  Returns n."""
    node = book.nodes[slot]
    order_id = np.int64(node["key"])
    side = np.int64(node["meta"]) & SIDE_BIT
    price_ticks = price_of(book, slot)
    size = whole_of(book, slot)
    leave_book(book, slot)
    return write_report(out, n, sequence, kind, reason, side, order_id, 0, price_ticks, size, 0)


@kernel
def cancel_any(book, slot, sequence, out, n):
    """Any order leaves at its owner's wish.  Returns n."""
    stay_apart()
    return _leave_with(book, slot, ReportKind.CANCELLED, Reason.REQUESTED, sequence, out, n)


@kernel
def reduce(book, slot, message, sequence, out, n):
    """Size is taken off the order at slot; all of it: it leaves.  Returns n."""
    stay_apart()
    node = book.nodes[slot]
    side = np.int64(node["meta"]) & SIDE_BIT
    size = np.int64(message["size_lots"])
    if size < 1:
        return refuse(message, Reason.BAD_SIZE, side, 0, sequence, out, n)
    if off_lot(book, size):
        return refuse(message, Reason.OFF_LOT, side, 0, sequence, out, n)
    whole = whole_of(book, slot)
    if size >= whole:
        return cancel_any(book, slot, sequence, out, n)
    lose_whole(book, slot, size)
    order_id = np.int64(node["key"])
    price_ticks = price_of(book, slot)
    return write_report(
        out, n, sequence, ReportKind.REDUCED, Reason.NONE, side, order_id, 0, price_ticks, size, whole - size
    )


@inline
def rename(book, slot, new_id):
    """An order goes on under another id."""
    node = book.nodes[slot]
    if node["key"] != new_id:
        remove_id(book, np.int64(node["key"]))
        add_id(book, new_id, slot)
        node["key"] = new_id


@kernel
def _replace_waiting(book, slot, message, sequence, out, n):
    """A stop that waits gets another limit, size or id; stop price and arrival stay.  Returns n."""
    stay_apart()
    node = book.nodes[slot]
    old_id = np.int64(node["key"])
    new_id = np.int64(message["new_id"])
    side = np.int64(node["meta"]) & SIDE_BIT
    size = np.int64(message["size_lots"])
    extra = book.extras[book.info[slot]["extra"]]
    if extra["type"] == OrderType.STOP_LIMIT:
        extra["limit_ticks"] = message["price_ticks"]
    node["size"] = size
    rename(book, slot, new_id)
    price_ticks = price_of(book, slot)
    return write_report(
        out, n, sequence, ReportKind.REPLACED, Reason.NONE, side, new_id, old_id, price_ticks, size, size
    )


@kernel
def _enter_anew(book, slot, message, size, sequence, out, n):
    """The order at slot leaves and enters with another price, size or id.  Returns (what rests, n)."""
    meta = np.int64(book.nodes[slot]["meta"])
    side = meta & SIDE_BIT
    owner = meta >> OWNER_SHIFT
    new_id = np.int64(message["new_id"])
    price_ticks = np.int64(message["price_ticks"])
    expire_ns = np.int64(book.info[slot]["expire_ns"])
    limit_given = np.int64(book.info[slot]["limit_given"])
    display = np.int64(0)
    if meta & HAS_EXTRA:
        display = np.int64(book.extras[book.info[slot]["extra"]]["display"])
    remove_order(book, slot)
    left = size
    if book.rules[0]["phase"] == Phase.CONTINUOUS:
        left, n = match(book, side, price_ticks, size, new_id, owner, sequence, out, n)
    if left > 0:
        kept = meta & (OWN | HIDDEN | REDUCING) | (owner << OWNER_SHIFT)
        slot = rest_order(book, side, new_id, price_ticks, left, kept, display)
        if meta & TIMED:
            keep_time_limit(book, slot, expire_ns, limit_given)
    return left, n


@kernel
def replace(book, slot, message, largest, sequence, out, n):
    """The order at slot gets another price, size or id; it keeps its place, or leaves and enters anew.  Returns n."""
    stay_apart()
    node = book.nodes[slot]
    old_id = np.int64(node["key"])
    new_id = np.int64(message["new_id"])
    side = np.int64(node["meta"]) & SIDE_BIT
    reason = refusal_of_replace(book, slot, message, largest)
    if reason != Reason.NONE:
        return refuse(message, reason, side, new_id, sequence, out, n)
    if node["meta"] & WAITING:
        return _replace_waiting(book, slot, message, sequence, out, n)
    price_ticks = np.int64(message["price_ticks"])
    size = np.int64(message["size_lots"])
    whole = whole_of(book, slot)
    same_price = price_ticks == book.nodes[node["level"]]["key"]
    left = size
    if same_price and size <= whole and not message["flags"] & MessageFlag.LOSE_PLACE:
        if size != whole:
            lose_whole(book, slot, whole - size)
        rename(book, slot, new_id)
    else:
        size = size_that_reenters(book, slot, size)
        reason = refusal_of_reentry(book, slot, message, size)
        if reason != Reason.NONE:
            return refuse(message, reason, side, new_id, sequence, out, n)
        left, n = _enter_anew(book, slot, message, size, sequence, out, n)
    return write_report(
        out, n, sequence, ReportKind.REPLACED, Reason.NONE, side, new_id, old_id, price_ticks, size, left
    )


@kernel
def next_expired(book):
    """Slot of the next order whose time limit the clock has reached, or 0; it is still in the book.

    In order of limit, then of asking.  Limits of orders that have left since are passed over.
    """
    head = book.head[0]
    while head["timers"] > 0 and book.timers[0]["ts_ns"] <= head["clock_ns"]:
        slot = np.int64(book.timers[0]["ref"])
        holds = timer_holds(book, book.timers[0])
        pop_timer(book.timers, head["timers"])
        head["timers"] -= 1
        if holds:
            return slot
    return np.int64(0)


@kernel
def expire_orders(book, sequence, out, n):
    """Every order whose time limit has come leaves with a report.  Returns n."""
    stay_apart()
    slot = next_expired(book)
    while slot != 0:
        n = _leave_with(book, slot, ReportKind.EXPIRED, Reason.TIME_LIMIT, sequence, out, n)
        slot = next_expired(book)
    return n
