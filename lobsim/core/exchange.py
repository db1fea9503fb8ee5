"""Venue rules: what a message asks for, whether it may, and what is answered (docs/rules.md, section 1).

Order ids, sizes and prices were bounded at the gate (`process` checks them), so no sum below can overflow.  Sizes of messages
are in the book's units.  A refusal is a report with a reason and leaves the book as it was.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import change_size, join, pool_left, remove_order, room, take_out
from lobsim.core.foresight import MANY_ORDERS, foresee
from lobsim.core.ids import add_id, find_id, remove_id
from lobsim.core.jit import borrow, borrow_array, inline, kernel, stay_apart
from lobsim.core.layout import OWN, SIDE_BIT, TIMED
from lobsim.core.levels import find_level, fold
from lobsim.core.matching import match, tradable, would_trade, write_report
from lobsim.core.timers import pop_timer, push_timer, sweep_timers, timer_holds
from lobsim.types import (
    MAX_LEVEL_UNITS,
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    NEVER,
    MessageFlag,
    OrderType,
    Reason,
    ReportKind,
    Status,
    TimeInForce,
    Verb,
)

_FAR_LIMIT = 2**47  # the limit of a market order: beyond every legal price, and far from overflow
_FEW_ORDERS = MAX_LEVEL_UNITS // MAX_SIZE_LOTS
"""So many orders of the largest size cannot overflow a level's total."""


@inline
def _fields_wrong(message):
    """Whether side, type, time in force or their combination does not exist."""
    side = message["side"]
    kind = message["type"]
    tif = message["tif"]
    if side < 0 or side > 1 or kind < 0 or kind > OrderType.MARKET or tif < 0 or tif > TimeInForce.GTD:
        return True
    if kind == OrderType.MARKET and tif == TimeInForce.GTD:
        return True
    if message["flags"] & MessageFlag.POST_ONLY:
        return kind == OrderType.MARKET or tif == TimeInForce.IOC or tif == TimeInForce.FOK
    return False


@inline
def _size_wrong(size, largest):
    """Whether a size lies outside 1 .. largest (units)."""
    return size < 1 or size > largest


@inline
def _price_wrong(price_ticks):
    """Whether a price lies beyond what a book may hold."""
    return price_ticks > MAX_PRICE_TICKS or price_ticks < -MAX_PRICE_TICKS


@inline
def _overflows(book, side, price_ticks, size):
    """Whether a level's total would exceed MAX_LEVEL_UNITS if size joined it."""
    level = find_level(book, side, fold(side, price_ticks))
    return level != 0 and np.int64(book.nodes[level]["size"]) > MAX_LEVEL_UNITS - size


@inline
def _limit_of(message):
    """The worst price a message accepts."""
    if message["type"] == OrderType.MARKET:
        return np.int64(-_FAR_LIMIT) if message["side"] else np.int64(_FAR_LIMIT)
    return np.int64(message["price_ticks"])


@inline
def _refusal_of_new(book, message, largest):
    """The first reason to refuse a NEW, or NONE."""
    if _fields_wrong(message):
        return Reason.BAD_FIELD
    size = np.int64(message["size_lots"])
    if _size_wrong(size, largest):
        return Reason.BAD_SIZE
    rests = message["type"] == OrderType.LIMIT
    if rests and _price_wrong(np.int64(message["price_ticks"])):
        return Reason.BAD_PRICE
    tif = message["tif"]
    if tif == TimeInForce.GTD and message["expire_ns"] <= book.head[0]["clock_ns"]:
        return Reason.ALREADY_EXPIRED
    if find_id(book, np.int64(message["order_id"])) != 0:
        return Reason.DUPLICATE_ID
    side = np.int64(message["side"])
    if message["flags"] & MessageFlag.POST_ONLY and would_trade(book, side, _limit_of(message)):
        return Reason.POST_ONLY_WOULD_TRADE
    if tif == TimeInForce.FOK and tradable(book, side, _limit_of(message), size) < size:
        return Reason.FOK_NOT_FILLABLE
    rests = rests and (tif == TimeInForce.GTC or tif == TimeInForce.GTD)
    if rests and _overflows(book, side, np.int64(message["price_ticks"]), size):
        return Reason.SIZE_OVERFLOW
    return Reason.NONE


@kernel
def _keep_time_limit(book, slot, expire_ns, given):
    """An order in the book has a time limit that was given as the how-manieth (ties leave in that order)."""
    stay_apart()
    head = book.head[0]
    book.nodes[slot]["meta"] |= TIMED
    book.info[slot]["expire_ns"] = expire_ns
    book.info[slot]["limit_given"] = given
    push_timer(book.timers, head["timers"], expire_ns, given, slot, 0)
    head["timers"] += 1


@kernel
def set_time_limit(book, slot, expire_ns):
    """Give an order in the book a time limit; it leaves when the clock reaches it."""
    head = book.head[0]
    given = np.int64(head["timer_sequence"])
    head["timer_sequence"] += 1
    _keep_time_limit(book, slot, expire_ns, given)


@inline
def enter_order(book, side, order_id, price_ticks, size, meta):
    """What is left of an order rests: it joins the queue and the id map.  Returns its slot."""
    slot = join(book, side, order_id, price_ticks, size, meta)
    add_id(book, order_id, slot)
    if meta & OWN:
        book.head[0]["own_resting"] += 1
    return slot


@inline
def _refuse(message, reason, side, other_id, sequence, out, n):
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


@kernel
def _new(book, message, meta, largest, sequence, out, n):
    """A NEW message: refused, or accepted, matched, and what is left rests or is cancelled.  Returns n."""
    stay_apart()
    order_id = np.int64(message["order_id"])
    side = np.int64(message["side"])
    price_ticks = np.int64(message["price_ticks"])
    size = np.int64(message["size_lots"])
    reason = _refusal_of_new(book, message, largest)
    if reason != Reason.NONE:
        return _refuse(message, reason, side, 0, sequence, out, n)
    market = message["type"] == OrderType.MARKET
    if market:
        price_ticks = np.int64(0)
    accepted = n
    n = write_report(out, n, sequence, ReportKind.ACCEPTED, Reason.NONE, side, order_id, 0, price_ticks, size, 0)
    left, n = match(book, side, _limit_of(message), size, order_id, sequence, out, n)
    if left == 0:
        return n
    if market or message["tif"] == TimeInForce.IOC:
        return write_report(
            out, n, sequence, ReportKind.CANCELLED, Reason.NO_LIQUIDITY, side, order_id, 0, price_ticks, left, 0
        )
    slot = enter_order(book, side, order_id, price_ticks, left, meta)
    if message["tif"] == TimeInForce.GTD and message["expire_ns"] != NEVER:
        set_time_limit(book, slot, np.int64(message["expire_ns"]))
    out[accepted]["remaining_lots"] = left
    return n


@inline
def _is_plain(message, largest):
    """Whether a NEW is a limit order that lasts, with nothing special asked and nothing wrong with its fields."""
    size = np.int64(message["size_lots"])
    price_ticks = np.int64(message["price_ticks"])
    return (
        (message["type"] | message["tif"] | message["flags"] | message["terms"]) == 0
        and (message["side"] | 1) == 1
        and 1 <= size <= largest
        and -MAX_PRICE_TICKS <= price_ticks <= MAX_PRICE_TICKS
    )


@inline
def _new_plain(book, message, meta, sequence, out, n):
    """A plain NEW with an id that is free and room in its level: accepted, matched, and what is left rests.  Returns n."""
    order_id = np.int64(message["order_id"])
    side = np.int64(message["side"])
    price_ticks = np.int64(message["price_ticks"])
    size = np.int64(message["size_lots"])
    left = size
    accepted = n
    n += 1
    if would_trade(book, side, price_ticks):
        left, n = match(book, side, price_ticks, size, order_id, sequence, out, n)
    if left > 0:
        enter_order(book, side, order_id, price_ticks, left, meta)
    write_report(out, accepted, sequence, ReportKind.ACCEPTED, Reason.NONE, side, order_id, 0, price_ticks, size, left)
    return n


@kernel
def _cancel(book, slot, sequence, out, n):
    """`_cancel_plain` as a routine of its own."""
    return _cancel_plain(book, slot, sequence, out, n)


@inline
def _cancel_plain(book, slot, sequence, out, n):
    """The order at slot leaves at its owner's wish.  Returns n."""
    node = book.nodes[slot]
    order_id = np.int64(node["key"])
    side = np.int64(node["meta"]) & SIDE_BIT
    price_ticks = np.int64(book.nodes[node["level"]]["key"])
    size = np.int64(node["size"])
    take_out(book, slot)
    return write_report(
        out, n, sequence, ReportKind.CANCELLED, Reason.REQUESTED, side, order_id, 0, price_ticks, size, 0
    )


@kernel
def _reduce(book, slot, message, sequence, out, n):
    """Size is taken off the order at slot; all of it: it leaves.  Returns n."""
    stay_apart()
    node = book.nodes[slot]
    side = np.int64(node["meta"]) & SIDE_BIT
    size = np.int64(message["size_lots"])
    if size < 1:
        return _refuse(message, Reason.BAD_SIZE, side, 0, sequence, out, n)
    if size >= node["size"]:
        return _cancel(book, slot, sequence, out, n)
    change_size(book, slot, -size)
    price_ticks = np.int64(book.nodes[node["level"]]["key"])
    return write_report(
        out,
        n,
        sequence,
        ReportKind.REDUCED,
        Reason.NONE,
        side,
        np.int64(node["key"]),
        0,
        price_ticks,
        size,
        np.int64(node["size"]),
    )


@inline
def _refusal_of_replace(book, slot, message, keeps, largest):
    """The first reason to refuse a REPLACE of the order at slot, or NONE."""
    if _size_wrong(np.int64(message["size_lots"]), largest):
        return Reason.BAD_SIZE
    price_ticks = np.int64(message["price_ticks"])
    if _price_wrong(price_ticks):
        return Reason.BAD_PRICE
    new_id = np.int64(message["new_id"])
    if new_id != message["order_id"] and find_id(book, new_id) != 0:
        return Reason.DUPLICATE_ID
    if keeps:
        return Reason.NONE
    side = np.int64(book.nodes[slot]["meta"]) & SIDE_BIT
    if message["flags"] & MessageFlag.POST_ONLY and would_trade(book, side, price_ticks):
        return Reason.POST_ONLY_WOULD_TRADE
    if _overflows(book, side, price_ticks, np.int64(message["size_lots"])):
        return Reason.SIZE_OVERFLOW
    return Reason.NONE


@kernel
def _replace(book, slot, message, largest, sequence, out, n):
    """The order at slot gets another price, size or id; it keeps its place, or leaves and enters anew.  Returns n."""
    stay_apart()
    node = book.nodes[slot]
    old_id = np.int64(node["key"])
    new_id = np.int64(message["new_id"])
    side = np.int64(node["meta"]) & SIDE_BIT
    meta = np.int64(node["meta"]) & OWN
    price_ticks = np.int64(message["price_ticks"])
    size = np.int64(message["size_lots"])
    keeps = (
        price_ticks == book.nodes[node["level"]]["key"]
        and size <= node["size"]
        and not message["flags"] & MessageFlag.LOSE_PLACE
    )
    reason = _refusal_of_replace(book, slot, message, keeps, largest)
    if reason != Reason.NONE:
        return _refuse(message, reason, side, new_id, sequence, out, n)
    left = size
    timed = (node["meta"] & TIMED) != 0
    expire_ns = np.int64(book.info[slot]["expire_ns"])
    limit_given = np.int64(book.info[slot]["limit_given"])
    if keeps:
        if size != node["size"]:
            change_size(book, slot, size - np.int64(node["size"]))
        if new_id != old_id:
            remove_id(book, old_id)
            add_id(book, new_id, slot)
            node["key"] = new_id
    else:
        remove_order(book, slot)
        left, n = match(book, side, price_ticks, size, new_id, sequence, out, n)
        if left > 0:
            slot = enter_order(book, side, new_id, price_ticks, left, meta)
            if timed:
                _keep_time_limit(book, slot, expire_ns, limit_given)
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
def _expire_orders(book, sequence, out, n):
    """Every order whose time limit has come leaves with a report.  Returns n."""
    stay_apart()
    slot = next_expired(book)
    while slot != 0:
        node = book.nodes[slot]
        order_id = np.int64(node["key"])
        size = np.int64(node["size"])
        side = np.int64(node["meta"]) & SIDE_BIT
        price_ticks = np.int64(book.nodes[node["level"]]["key"])
        remove_order(book, slot)
        n = write_report(
            out, n, sequence, ReportKind.EXPIRED, Reason.TIME_LIMIT, side, order_id, 0, price_ticks, size, 0
        )
        slot = next_expired(book)
    return n


@inline
def message_room(book, message, out, n):
    """Whether the book and the report buffer can take the message whole."""
    status = room(book, 2)
    if status != Status.OK:
        return status
    head = book.head[0]
    if head["timers"] >= len(book.timers):
        sweep_timers(book)
        if 2 * head["timers"] > len(book.timers):
            return Status.ROOM_TIMERS
    worst = 3 + head["timers"]
    side = message["side"]
    if side == 0 or side == 1 or message["verb"] == Verb.REPLACE:
        worst += max(book.sides[0]["orders"], book.sides[1]["orders"])
    if n + worst > len(out):
        return Status.ROOM_REPORTS
    return Status.OK


@kernel
def messages_with_room(book, reports):
    """How many messages certainly fit, whatever they are, so that room need not be asked for before each.

    reports  entries left in the report buffer
    """
    stay_apart()
    head = book.head[0]
    far = max(np.int64(book.sides[0]["far"]), np.int64(book.sides[1]["far"]))
    count = min(
        pool_left(book) >> 1,
        ((len(book.ids) >> 1) - np.int64(head["ids"])) >> 1,
        ((len(book.far) >> 1) - far) >> 1,
        len(book.timers) - np.int64(head["timers"]),
    )
    # Besides its trades a message writes at most 3 reports; a trade uses up its maker or its taker, an expiry an order.
    orders = np.int64(book.sides[0]["orders"]) + np.int64(book.sides[1]["orders"])
    return max(min(count, (reports - orders) // 6), 0)


@kernel
def process_any(book, message, meta, largest, sequence, out, n):
    """`process` for all that is not plain: time limits that have come, every verb, every refusal."""
    stay_apart()
    head = book.head[0]
    if head["timers"] > 0 and book.timers[0]["ts_ns"] <= head["clock_ns"]:
        n = _expire_orders(book, sequence, out, n)
    verb = message["verb"]
    if verb == Verb.NEW:
        return _new(book, message, meta, largest, sequence, out, n)
    if verb < Verb.NEW or verb > Verb.REPLACE:
        return _refuse(message, Reason.BAD_FIELD, np.int64(message["side"]), 0, sequence, out, n)
    slot = find_id(book, np.int64(message["order_id"]))
    if slot == 0:
        other_id = np.int64(message["new_id"]) if verb == Verb.REPLACE else np.int64(0)
        return _refuse(message, Reason.UNKNOWN_ORDER, -1, other_id, sequence, out, n)
    if verb == Verb.CANCEL:
        return _cancel(book, slot, sequence, out, n)
    if verb == Verb.REDUCE:
        return _reduce(book, slot, message, sequence, out, n)
    return _replace(book, slot, message, largest, sequence, out, n)


@inline
def process(book, message, meta, largest, sequence, out, n):
    """Apply one message.  Room was checked.  Returns n, the number of reports in out.

    The two commonest requests, a plain limit order and a cancel, are folded into the caller; the rest is `process_any`.

    message   MESSAGE record, sizes in the book's units
    meta      OWN for orders of a participant in a replay, else 0
    largest   the largest size an order may have, in units
    sequence  written into the reports
    """
    head = book.head[0]
    if message["ts_ns"] > head["clock_ns"]:
        head["clock_ns"] = message["ts_ns"]
    if head["timers"] == 0 or book.timers[0]["ts_ns"] > head["clock_ns"]:
        slot = find_id(book, np.int64(message["order_id"]))
        if message["verb"] == Verb.NEW:
            if (
                slot == 0
                and _is_plain(message, largest)
                and len(book.nodes) <= _FEW_ORDERS
                and largest <= MAX_SIZE_LOTS
            ):
                return _new_plain(book, message, meta, sequence, out, n)
        elif message["verb"] == Verb.CANCEL and slot != 0:
            return _cancel_plain(book, slot, sequence, out, n)
    return process_any(book, message, meta, largest, sequence, out, n)


@kernel
def run_messages(book, messages, start, stop, largest, out, n):
    """Apply messages[start:stop] with all their reports.

    messages  MESSAGE [any]
    out       REPORT [any], of which n are written already

    Returns (status, index of the first message not applied, n): a status above DONE names what is full; nothing of that message was applied.
    """
    book = borrow(book)
    messages = borrow_array(messages)
    out = borrow_array(out)
    i = start
    while i < stop:
        sure = min(i + messages_with_room(book, len(out) - n), stop)
        if sure == i:
            status = message_room(book, messages[i], out, n)
            if status != Status.OK:
                return status, i, n
            sure = i + 1
        large = book.sides[0]["orders"] + book.sides[1]["orders"] > MANY_ORDERS
        while i < sure:
            if large:
                foresee(book, messages, i, stop)
            n = process(book, messages[i], 0, largest, i, out, n)
            i += 1
    return Status.OK, stop, n
