"""The venue's gate for own messages: they arrive here and go through the one exchange like any other.

Under ``Impact.NONE`` history must stay untouched: what an own aggressor took is given back right after, maker by maker.  In an L2 world what it took
is remembered as consumed of that level.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import change_size, set_recorded, size_ahead
from lobsim.core.exchange import process
from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel
from lobsim.core.latency import overrun
from lobsim.core.layout import BLOCK, NAMELESS, OWN
from lobsim.core.levels import find_level, fold
from lobsim.core.mailbox import discard, receive
from lobsim.core.overlay import cut_to_part, fills_on_the_way, keep_part, shift_if_due, waiting_taker
from lobsim.core.own import answer, book_price, learn, leave, log_fill, lots, mark_blind, own_id, remember_touch
from lobsim.core.publication import publish_level, publish_trade
from lobsim.core.renewal import decay_consumed, look, show_what_was_seen
from lobsim.types import (
    MAX_SIZE_LOTS,
    NEVER,
    NONE,
    FillReason,
    Impact,
    MessageFlag,
    OrderState,
    OrderType,
    Phase,
    Reason,
    ReportKind,
    TimeInForce,
    Verb,
)


@inline
def _write_message(world, verb, order, target, size_lots, message):
    """An own order's request as the exchange reads it.

    order   index of the own order the request is about (the new one of a REPLACE)
    target  index of the order in the book (the old one of a REPLACE)
    """
    mine = world.own[order]
    head = world.head[0]
    message["ts_ns"] = head["now_ns"]
    message["verb"] = verb
    message["side"] = mine["side"]
    message["type"] = mine["type"]
    message["tif"] = mine["tif"]
    message["flags"] = mine["flags"] & (MessageFlag.POST_ONLY | MessageFlag.LOSE_PLACE)
    message["order_id"] = own_id(target)
    message["new_id"] = own_id(order)
    message["price_ticks"] = book_price(world, np.int64(mine["price_ticks"]))
    message["size_lots"] = size_lots << head["shift"]
    message["expire_ns"] = mine["expire_ns"]


@inline
def _maker_of(book, report):
    """Slot of a trade's maker, which is still in the book."""
    order_id = np.int64(report["order_id"])
    return NAMELESS - order_id if order_id <= NAMELESS else find_id(book, order_id)


@inline
def _give_back(world, report):
    """Undo what an own aggressor took from a recorded maker (Impact.NONE)."""
    book = world.book
    slot = _maker_of(book, report)
    size = np.int64(report["size_lots"])
    if book.nodes[slot]["meta"] & BLOCK:
        change_size(book, slot, size)
    else:
        set_recorded(book, slot, np.int64(book.nodes[slot]["size"]) + size, np.int64(book.info[slot]["hist"]))


@kernel
def _pass_on(world, slot, fraction):
    """A fraction of a lot that an own maker gave comes from the blocks behind it instead: own fills are whole lots.

    The blocks of a level add up to whole lots, so they have it.  Under Impact.NONE they would get it back at once.
    """
    book = world.book
    change_size(book, slot, fraction)
    if world.head[0]["impact"] == Impact.NONE:
        return
    level = np.int64(book.nodes[slot]["level"])
    slot = np.int64(book.nodes[slot]["next"])
    while slot != level and fraction > 0:
        if book.nodes[slot]["meta"] & BLOCK:
            taken = min(fraction, np.int64(book.nodes[slot]["size"]))
            change_size(book, slot, -taken)
            fraction -= taken
        slot = np.int64(book.nodes[slot]["next"])


@inline
def _settle_self_trade(world, report):
    """The maker was an own order too (nothing forbids it in this world): it is filled as well.  Returns its units."""
    size = np.int64(report["size_lots"])
    whole = lots(world, size) << world.head[0]["shift"]
    if whole < size:
        _pass_on(world, _maker_of(world.book, report), size - whole)
    if whole > 0:
        order = own_id(np.int64(report["order_id"]))
        log_fill(world, order, FillReason.OWN_AGGRESSION, 1, np.int64(report["price_ticks"]), whole, 0)
    return whole


@kernel
def _settle_trades(world, order, first, n):
    """Turn the trades of an own aggressor into fills, one per price, and publish what changed."""
    head = world.head[0]
    book = world.book
    i = first
    while i < n:
        report = world.reports[i]
        if report["kind"] != ReportKind.TRADE:
            i += 1
            continue
        price_ticks = np.int64(report["price_ticks"])
        side = np.int64(report["side"])
        size = np.int64(0)
        from_own = np.int64(0)
        while i < n and world.reports[i]["kind"] == ReportKind.TRADE and world.reports[i]["price_ticks"] == price_ticks:
            size += world.reports[i]["size_lots"]
            if NAMELESS < world.reports[i]["order_id"] < 0:
                from_own += _settle_self_trade(world, world.reports[i])
            elif head["impact"] == Impact.NONE:
                _give_back(world, world.reports[i])
            i += 1
        if head["impact"] == Impact.CONSUME or head["impact"] == Impact.DECAY:
            level = find_level(book, side, fold(side, price_ticks))
            if level != 0:
                if head["impact"] == Impact.DECAY:
                    decay_consumed(world, level)
                book.info[level]["consumed"] += size - from_own
        log_fill(world, order, FillReason.OWN_AGGRESSION, 0, price_ticks, size, 0)
        publish_trade(world, side, price_ticks, size, size)
        publish_level(world, side, price_ticks)


@inline
def _rest(world, order, kept):
    """An own order that rests: where it stands, and (unless it kept its place) whether history can see that price."""
    book = world.book
    slot = find_id(book, own_id(order))
    if slot == 0:
        return
    mine = world.own[order]
    mine["ahead_entry_lots"] = lots(world, size_ahead(book, slot))
    side = np.int64(mine["side"])
    price_ticks = book_price(world, np.int64(mine["price_ticks"]))
    if not kept:
        mark_blind(world, own_id(order), side, price_ticks)
    publish_level(world, side, price_ticks)


@kernel
def _answer_new(world, order, first, n, kept):
    """Work through world.reports[first:n] of an own NEW, or of a REPLACE; kept: it kept its place in the queue."""
    mine = world.own[order]
    for i in range(first, n):
        report = world.reports[i]
        kind = report["kind"]
        if kind == ReportKind.REJECTED:
            mine["venue_state"] = OrderState.REJECTED
            mine["reason"] = report["reason"]
            mine["done_ns"] = world.head[0]["now_ns"]
            answer(world, ReportKind.REJECTED, order, np.int64(report["reason"]), 0)
            show_what_was_seen(world, order)
            return
    mine["venue_state"] = OrderState.LIVE
    answer(world, ReportKind.ACCEPTED, order, Reason.NONE, 0)
    _settle_entry(world, order, first, n, kept)


@kernel
def _settle_entry(world, order, first, n, kept):
    """world.reports[first:n] of an accepted own order: what it traded, and whether the rest left or rests."""
    mine = world.own[order]
    _settle_trades(world, order, first, n)
    for i in range(first, n):
        report = world.reports[i]
        if report["kind"] == ReportKind.CANCELLED:
            mine["venue_state"] = OrderState.CANCELLED
            mine["reason"] = report["reason"]
            mine["done_ns"] = world.head[0]["now_ns"]
            answer(world, ReportKind.CANCELLED, order, np.int64(report["reason"]), 0)
    _rest(world, order, kept)


@inline
def _refuse(world, order, reason):
    """An own NEW or REPLACE comes to nothing."""
    mine = world.own[order]
    mine["venue_state"] = OrderState.REJECTED
    mine["reason"] = reason
    mine["done_ns"] = world.head[0]["now_ns"]
    answer(world, ReportKind.REJECTED, order, reason, 0)


@kernel
def _arrive_new(world, order, message):
    """An own NEW reaches the venue."""
    mine = world.own[order]
    if world.head[0]["phase"] != Phase.CONTINUOUS:
        _refuse(world, order, Reason.HALTED)
        return
    look(world, order)
    _write_message(world, Verb.NEW, order, order, np.int64(mine["size_lots"]), message)
    left_lots = cut_to_part(world, message)
    if left_lots > 0 and mine["tif"] == TimeInForce.FOK and not fills_on_the_way(world, message, left_lots):
        _refuse(world, order, Reason.FOK_NOT_FILLABLE)
        return
    first, n = _submit(world, message)
    _answer_new(world, order, first, n, False)
    keep_part(world, order, left_lots)


@inline
def _submit(world, message):
    """An own request goes through the exchange.  Returns (first, n): its reports are world.reports[first:n]."""
    head = world.head[0]
    largest = np.int64(MAX_SIZE_LOTS) << head["shift"]
    first = np.int64(head["answered"]) if head["followed"] else np.int64(0)
    n = process(world.book, message, world.book.no_terms, OWN, largest, 0, world.reports, first)
    head["answered"] = n
    return first, n


@kernel
def take_turn(world, messages):
    """Impact.OVERLAY has something to do: the offset moves, or an own taker goes on at the present one.  Returns whether the offset moved.

    messages  MESSAGE [1], scratch
    """
    if shift_if_due(world):
        return True
    order = waiting_taker(world)
    if order < 0:
        return False
    mine = world.own[order]
    message = messages[0]
    _write_message(
        world, Verb.NEW, order, order, np.int64(mine["size_lots"] - mine["cut_lots"] - mine["filled_lots"]), message
    )
    if message["tif"] == TimeInForce.FOK:
        message["tif"] = TimeInForce.IOC
    left_lots = cut_to_part(world, message)
    first, n = _submit(world, message)
    _settle_entry(world, order, first, n, False)
    keep_part(world, order, left_lots)
    return False


@kernel
def _arrive_cancel(world, order):
    """An own cancel reaches the venue; it may be too late."""
    slot = find_id(world.book, own_id(order))
    if slot == 0:
        answer(world, ReportKind.REJECTED, order, Reason.TOO_LATE, 1)
        return
    leave(world, slot, OrderState.CANCELLED, Reason.REQUESTED)


@kernel
def _arrive_replace(world, order, known_filled_lots, message):
    """A REPLACE: what was filled while it travelled is taken off, so that it can never trade too much.

    The owner hears of the smaller size with the answer, not before.
    """
    mine = world.own[order]
    old = np.int64(mine["replaces"])
    slot = find_id(world.book, own_id(old))
    size_lots = np.int64(mine["size_lots"]) - (np.int64(world.own[old]["filled_lots"]) - known_filled_lots)
    reason = Reason.NONE
    if world.head[0]["phase"] != Phase.CONTINUOUS:
        reason = Reason.HALTED
    elif slot == 0 or size_lots < 1:
        reason = Reason.TOO_LATE
    if reason != Reason.NONE:
        _refuse(world, order, reason)
        return
    mine["cut_lots"] = mine["size_lots"] - size_lots
    look(world, order)
    _write_message(world, Verb.REPLACE, order, old, size_lots, message)
    side = np.int64(mine["side"])
    old_price_ticks = np.int64(world.own[old]["price_ticks"])
    kept = mine["price_ticks"] == old_price_ticks and message["size_lots"] <= world.book.nodes[slot]["size"]
    kept = kept and (mine["flags"] & MessageFlag.LOSE_PLACE) == 0
    left_lots = np.int64(0) if kept else cut_to_part(world, message)
    if left_lots > 0:
        mine["expire_ns"] = world.own[old]["expire_ns"]
    first, n = _submit(world, message)
    _answer_new(world, order, first, n, kept)
    keep_part(world, order, left_lots)
    if mine["venue_state"] != OrderState.REJECTED:
        world.own[old]["venue_state"] = OrderState.CANCELLED
        world.own[old]["reason"] = Reason.REQUESTED
        world.own[old]["done_ns"] = world.head[0]["now_ns"]
        publish_level(world, side, book_price(world, old_price_ticks))
        rest = find_id(world.book, own_id(order))
        if mine["tif"] == TimeInForce.IOC and rest != 0:
            leave(world, rest, OrderState.CANCELLED, Reason.NO_LIQUIDITY)


@inline
def deliver(world, messages):
    """The first message in transit arrives, at the venue or at the participant.  Room was checked.

    messages  MESSAGE [1], scratch
    """
    slot = receive(world)
    mail = world.mail[slot]
    if mail["to_venue"] == 0:
        learn(world, slot)
        discard(world, slot)
        return
    order = np.int64(mail["order"])
    verb = mail["verb"]
    known_filled_lots = np.int64(mail["remaining"])
    reason = np.int64(Reason.NONE)
    if world.head[0]["legs_vary"]:
        reason = overrun(world, mail["flags"])
    discard(world, slot)
    if verb == Verb.CANCEL and reason != Reason.NONE:
        answer(world, ReportKind.REJECTED, order, reason, 1)
        return
    if verb == Verb.CANCEL:
        _arrive_cancel(world, order)
        return
    world.own[order]["arrived_ns"] = world.head[0]["now_ns"]
    if reason != Reason.NONE:
        _refuse(world, order, reason)
    elif verb == Verb.NEW:
        _arrive_new(world, order, messages[0])
    else:
        _arrive_replace(world, order, known_filled_lots, messages[0])


@inline
def _withdraw_all(world):
    """Every resting own order leaves at once.  Returns the lots filled so far, over all own orders."""
    filled = np.int64(0)
    for i in range(world.head[0]["own"]):
        filled += world.own[i]["filled_lots"]
        slot = find_id(world.book, own_id(i))
        if slot != 0:
            leave(world, slot, OrderState.CANCELLED, Reason.REQUESTED)
    return filled


@kernel
def arrive_forced(world, task, message):
    """What is left of a parent order crosses the book at the venue, now (END_OF_HORIZON).

    task     a record with side, size_lots and limit_ticks
    message  MESSAGE record, scratch
    """
    head = world.head[0]
    left = np.int64(task["size_lots"]) - _withdraw_all(world)
    if left <= 0:
        return
    order = np.int64(head["own"])
    head["own"] += 1
    mine = world.own[order]
    mine["price_ticks"] = task["limit_ticks"]
    mine["size_lots"] = left
    mine["expire_ns"] = NEVER
    mine["replaces"] = NONE
    mine["sent_ns"] = head["now_ns"]
    mine["arrived_ns"] = head["now_ns"]
    mine["acked_ns"] = NEVER
    mine["done_ns"] = NEVER
    mine["side"] = task["side"]
    mine["type"] = OrderType.LIMIT
    mine["tif"] = TimeInForce.IOC
    mine["forced"] = 1
    remember_touch(world)
    _arrive_new(world, order, message)
