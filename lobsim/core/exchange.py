"""Venue: one message after the other, with all their reports (docs/rules.md, sections 1 and 1b).

The two commonest requests, a plain limit order and a cancel, are folded into the loop over the messages; immediate orders and
replacements of plain orders are one call away (`plain`), everything else is
`process_any`.  What follows a message in a book with stops or pegged orders is `settle`.

Room is asked for before a message is applied; for plain messages in an ordinary book once for many of them: `plain_with_room`.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.auction import change_phase
from lobsim.core.book import pool_left, room
from lobsim.core.bounds import message_bound, quick_bound
from lobsim.core.foresight import MANY_ORDERS, foresee
from lobsim.core.ids import find_id, find_place, slot_at
from lobsim.core.jit import borrow, borrow_array, inline, kernel, prefetch, stay_apart
from lobsim.core.plain import (
    cancel_plain,
    is_immediate,
    is_plain,
    is_sound,
    levels_hold_all,
    move_plain,
    moves_plainly,
    new_plain,
    take_plain,
)
from lobsim.core.requests import cancel_any, expire_orders, new_any, reduce, refuse, replace
from lobsim.core.settle import settle
from lobsim.core.special import careful
from lobsim.core.timers import next_limit_ns, timer_room
from lobsim.core.triggers import sweep_stops
from lobsim.types import (
    MAX_OWNER,
    Reason,
    Status,
    Verb,
)

_MESSAGES_AHEAD = 48
"""So far ahead messages are fetched: where a page of memory ends the processor does not do so by itself."""


@inline
def runs_plainly(book, largest):
    """Whether no rule, special order or full level asks for care with plain messages; they do not change that."""
    return not careful(book) and levels_hold_all(book, largest)


@inline
def _owner_unknown(book, message):
    """Whether the table of positions has no place yet for an owner who may exist."""
    return len(book.positions) <= message["owner"] <= MAX_OWNER


@kernel
def _room_aside(book):
    """Whether one special order more fits, beside the pool."""
    head = book.head[0]
    if head["extras"] + 1 >= len(book.extras) or head["pegs"] >= len(book.pegs):
        return Status.ROOM_EXTRAS
    stops = max(np.int64(head["buy_stops"]), np.int64(head["sell_stops"]))
    if stops >= len(book.buy_stops):
        sweep_stops(book)
        stops = max(np.int64(head["buy_stops"]), np.int64(head["sell_stops"]))
        if 2 * stops > len(book.buy_stops):
            return Status.ROOM_EXTRAS
    return Status.OK


@kernel
def message_room(book, message, table, largest, out, n):
    """Whether the book and the report buffer can take the message whole."""
    stay_apart()
    if _owner_unknown(book, message):
        return Status.ROOM_OWNERS
    status = room(book, 2)
    if status == Status.OK:
        status = _room_aside(book)
    if status != Status.OK:
        return status
    if not timer_room(book, 1):
        return Status.ROOM_TIMERS
    worst = 3 + book.head[0]["timers"]
    side = message["side"]
    if careful(book):
        bound = quick_bound(book)
        if n + worst + bound > len(out):
            bound = message_bound(book, message, table, largest)
        worst += bound
    elif side == 0 or side == 1 or message["verb"] == Verb.REPLACE:
        worst += max(book.sides[0]["orders"], book.sides[1]["orders"])
    if n + worst > len(out):
        return Status.ROOM_REPORTS
    return Status.OK


@kernel
def plain_with_room(book, reports):
    """How many plain messages certainly fit, so that room need not be asked for before each.

    reports  entries left in the report buffer
    """
    stay_apart()
    far = max(np.int64(book.sides[0]["far"]), np.int64(book.sides[1]["far"]))
    count = min(
        pool_left(book) >> 1,
        ((len(book.ids) >> 1) - np.int64(book.head[0]["ids"])) >> 1,
        ((len(book.far) >> 1) - far) >> 1,
    )
    # Besides its trades a message writes at most 2 reports; a trade uses up its maker or its taker.
    orders = np.int64(book.sides[0]["orders"]) + np.int64(book.sides[1]["orders"])
    return max(min(count, (reports - orders) // 6), 0)


@kernel
def process_any(book, message, table, meta, largest, sequence, out, n):
    """`process` for all that is not plain: time limits that have come, every verb, every refusal."""
    stay_apart()
    head = book.head[0]
    if head["timers"] > 0 and book.timers[0]["ts_ns"] <= head["clock_ns"]:
        n = expire_orders(book, sequence, out, n)
    verb = message["verb"]
    if verb == Verb.NEW:
        return new_any(book, message, table, meta, largest, sequence, out, n)
    if verb == Verb.PHASE:
        return change_phase(book, message, sequence, out, n)
    if verb < Verb.NEW or verb > Verb.PHASE:
        return refuse(message, Reason.BAD_FIELD, np.int64(message["side"]), 0, sequence, out, n)
    slot = find_id(book, np.int64(message["order_id"]))
    if slot == 0:
        other_id = np.int64(message["new_id"]) if verb == Verb.REPLACE else np.int64(0)
        return refuse(message, Reason.UNKNOWN_ORDER, -1, other_id, sequence, out, n)
    if verb == Verb.CANCEL:
        return cancel_any(book, slot, sequence, out, n)
    if verb == Verb.REDUCE:
        return reduce(book, slot, message, sequence, out, n)
    return replace(book, slot, message, largest, sequence, out, n)


@kernel
def _process_less_common(book, message, slot, table, meta, largest, sequence, out, n):
    """`_process_plainly` for all but plain limit orders and cancels of orders that are there.  Returns (whether it was applied, n)."""
    stay_apart()
    verb = message["verb"]
    if verb == Verb.NEW:
        if slot == 0 and is_immediate(book, message, largest):
            return True, take_plain(book, message, sequence, out, n)
        return False, n
    if verb == Verb.REPLACE and slot != 0:
        if moves_plainly(book, slot, message, largest):
            return True, move_plain(book, slot, message, sequence, out, n)
        return False, n
    if verb == Verb.PHASE:
        return False, n
    # One report and no room: a size is taken off, an id is not known, there is no such verb.
    return True, process_any(book, message, table, meta, largest, sequence, out, n)


@inline
def _process_plainly(book, message, table, meta, largest, sequence, out, n):
    """`process` in a book that asks for no care, where no level can overflow and no time limit has come.

    Returns (whether it was applied, n): if not, room must be made for it and `process_any` do it.
    """
    order_id = np.int64(message["order_id"])
    place = find_place(book, order_id)
    slot = slot_at(book, order_id, place)
    if is_plain(message):
        if slot == 0 and is_sound(book, message, largest):
            return True, new_plain(book, message, place, meta, sequence, out, n)
        return False, n
    if message["verb"] == Verb.CANCEL and slot != 0:
        return True, cancel_plain(book, slot, order_id, place, sequence, out, n)
    return _process_less_common(book, message, slot, table, meta, largest, sequence, out, n)


@inline
def process(book, message, table, meta, largest, sequence, out, n):
    """Apply one message.  Room was checked.  Returns n, the number of reports in out.

    message   MESSAGE record, sizes in the book's units
    table     TERMS [any] of which row 0 means nothing
    meta      OWN for orders of a participant in a replay, else 0
    largest   the largest size an order may have, in units
    sequence  written into the reports
    """
    head = book.head[0]
    head["clock_ns"] = max(np.int64(head["clock_ns"]), np.int64(message["ts_ns"]))
    if runs_plainly(book, largest) and next_limit_ns(book) > head["clock_ns"]:
        done, n = _process_plainly(book, message, table, meta, largest, sequence, out, n)
        if done:
            return n
    return process_any(book, message, table, meta, largest, sequence, out, n)


@inline
def _run_plainly(book, messages, table, i, stop, largest, out, n):
    """Apply messages from i on, as long as they are plain and certainly fit.  Returns (the first that was not applied, n)."""
    head = book.head[0]
    sure = min(i + plain_with_room(book, len(out) - n), stop)
    large = book.sides[0]["orders"] + book.sides[1]["orders"] > MANY_ORDERS
    limit_ns = next_limit_ns(book)
    if head["clock_ns"] >= limit_ns:
        return i, n
    while i < sure:
        if large:
            foresee(book, messages, i, stop)
        prefetch(messages, i + _MESSAGES_AHEAD)
        message = messages[i]
        before_ns = np.int64(head["clock_ns"])
        if message["ts_ns"] > before_ns:
            if message["ts_ns"] >= limit_ns:
                break
            head["clock_ns"] = message["ts_ns"]
        done, n = _process_plainly(book, message, table, 0, largest, i, out, n)
        if not done:
            head["clock_ns"] = before_ns
            break
        i += 1
    return i, n


@kernel
def run_messages(book, messages, table, start, stop, largest, out, n):
    """Apply messages[start:stop] with all their reports.

    messages  MESSAGE [any]
    table     TERMS [any] of which row 0 means nothing
    out       REPORT [any], of which n are written already

    Returns (status, index of the first message not applied, n).  A status above DONE names what is full: nothing of that message was applied; what
    follows the one before it (stops, pegged orders) may be under way and goes on with the next call.  The status is a plain number, as
    `loop.advance` returns it.
    """
    book = borrow(book)
    messages = borrow_array(messages)
    table = borrow_array(table)
    out = borrow_array(out)
    head = book.head[0]
    i = start
    while True:
        if head["unsettled"] != 0:
            status, n = settle(book, out, n)
            if status != Status.OK:
                return np.int64(status), i, n
        if runs_plainly(book, largest):
            i, n = _run_plainly(book, messages, table, i, stop, largest, out, n)
        if i >= stop:
            return np.int64(Status.OK), stop, n
        status = message_room(book, messages[i], table, largest, out, n)
        if status != Status.OK:
            return np.int64(status), i, n
        head["clock_ns"] = max(np.int64(head["clock_ns"]), np.int64(messages[i]["ts_ns"]))
        n = process_any(book, messages[i], table, 0, largest, i, out, n)
        i += 1
        if careful(book):
            head["unsettled"] = 1
            head["settle_sequence"] = i - 1
