"""What follows a message: elected stops enter, one after the other, and pegged orders follow their reference.

Each step asks for its own room, so that a long cascade is resumed where the room ran out (``head["unsettled"]``, ``settle_sequence``).
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import room
from lobsim.core.bounds import quick_bound, taker_bound
from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import HAS_EXTRA, OWNER_SHIFT, REDUCING, SIDE_BIT, TIMED, WAITING
from lobsim.core.makers import write_report
from lobsim.core.matching import match
from lobsim.core.pegs import follow
from lobsim.core.refusal import far_limit, overflows
from lobsim.core.requests import keep_time_limit, rest_order
from lobsim.core.special import price_of, reducible, stop_waiting
from lobsim.core.timers import timer_room
from lobsim.core.triggers import first_elected
from lobsim.types import NEVER, OrderType, Phase, Reason, ReportKind, Status


@kernel
def _room_to_settle(book, slot, out, n):
    """Whether the stop at slot, or (slot 0) the look at all pegged orders, fits."""
    head = book.head[0]
    status = room(book, 2 + np.int64(head["pegs"]))
    if status != Status.OK:
        return status
    if not timer_room(book, 1):
        return Status.ROOM_TIMERS
    left = len(out) - n - np.int64(head["pegs"])
    if slot == 0 or quick_bound(book) <= left:
        fits = left >= 0
    else:
        side = np.int64(book.nodes[slot]["meta"]) & SIDE_BIT
        limit_ticks = _limit_of_stop(book, slot)
        fits = taker_bound(book, side, limit_ticks, np.int64(book.nodes[slot]["size"])) <= left
    return Status.OK if fits else Status.ROOM_REPORTS


@inline
def _limit_of_stop(book, slot):
    """The worst price a stop accepts once it enters."""
    extra = book.extras[book.info[slot]["extra"]]
    if extra["type"] == OrderType.STOP_LIMIT:
        return np.int64(extra["limit_ticks"])
    return far_limit(book.nodes[slot]["meta"] & SIDE_BIT)


@kernel
def _enter_stop(book, slot, sequence, out, n):
    """An elected stop goes on as a market or limit order, or is cancelled.  Returns n."""
    stay_apart()
    node = book.nodes[slot]
    info = book.info[slot]
    extra = book.extras[info["extra"]]
    meta = np.int64(node["meta"])
    side = meta & SIDE_BIT
    owner = meta >> OWNER_SHIFT
    order_id = np.int64(node["key"])
    size = np.int64(node["size"])
    limited = extra["type"] == OrderType.STOP_LIMIT
    stop_ticks = np.int64(extra["stop_ticks"])
    limit_ticks = _limit_of_stop(book, slot)
    shown_ticks = price_of(book, slot)
    expire_ns = np.int64(info["expire_ns"])
    limit_given = np.int64(info["limit_given"])
    enters = min(size, reducible(book, owner, side)) if meta & REDUCING else size
    reason = Reason.NONE
    if enters == 0:
        reason = Reason.REDUCE_ONLY
    elif limited and overflows(book, side, limit_ticks, enters):
        reason = Reason.SIZE_OVERFLOW
    stop_waiting(book, slot)
    if reason != Reason.NONE:
        return write_report(out, n, sequence, ReportKind.CANCELLED, reason, side, order_id, 0, shown_ticks, size, 0)
    n = write_report(out, n, sequence, ReportKind.TRIGGERED, Reason.NONE, side, order_id, 0, stop_ticks, enters, 0)
    left, n = match(book, side, limit_ticks, enters, order_id, owner, sequence, out, n)
    if left == 0:
        return n
    if not limited:
        return write_report(out, n, sequence, ReportKind.CANCELLED, Reason.NO_LIQUIDITY, side, order_id, 0, 0, left, 0)
    slot = rest_order(book, side, order_id, limit_ticks, left, meta & ~(WAITING | HAS_EXTRA | TIMED), np.int64(0))
    if meta & TIMED:
        keep_time_limit(book, slot, expire_ns, limit_given)
    return n


@kernel
def settle(book, out, n):
    """All that follows the last message.  Returns (status, n); with a ROOM_ status it goes on where it stopped."""
    stay_apart()
    head = book.head[0]
    sequence = np.int64(head["settle_sequence"])
    if book.rules[0]["phase"] == Phase.CONTINUOUS:
        slot = first_elected(book)
        while slot != 0:
            status = _room_to_settle(book, slot, out, n)
            if status != Status.OK:
                return status, n
            n = _enter_stop(book, slot, sequence, out, n)
            slot = first_elected(book)
        if head["pegs"] > 0:
            status = _room_to_settle(book, np.int64(0), out, n)
            if status != Status.OK:
                return status, n
            n = follow(book, sequence, out, n)
        head["low_ticks"] = NEVER
        head["high_ticks"] = -NEVER
    head["unsettled"] = 0
    return Status.OK, n
