"""Own child orders: what happens to one at the venue, and what its owner hears.

An own order with index i in ``world.own`` has the id ``-(i + 1)`` in the book.  Beside a tape the orders of a crowd are own orders too, as far as history is
concerned: they have ids above 0, and whose they are the crowd knows (`lobsim.core.agents`).
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import remove_order, size_ahead, trade_maker
from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel
from lobsim.core.layout import BLIND, OWN, SIDE_BIT
from lobsim.core.levels import fold
from lobsim.core.mailbox import send
from lobsim.core.notes import note, note_off
from lobsim.core.pressure import press
from lobsim.core.publication import publish_level
from lobsim.types import MAX_PRICE_TICKS, NONE_PRICE, FillReason, Impact, OrderState, Reason, ReportKind


@inline
def own_id(order):
    """Id in the book of the own order with this index, and the other way round."""
    return -(order + 1)


@inline
def lots(world, units):
    """Whole lots in so many units."""
    return units >> world.head[0]["shift"]


@inline
def book_price(world, price_ticks):
    """The price in the book of a public one (Impact.OVERLAY); one that is too far stays so, and none gets too far by this."""
    most = np.int64(MAX_PRICE_TICKS)
    if abs(price_ticks) > most:
        return price_ticks
    return max(-most, min(price_ticks - np.int64(world.head[0]["offset_ticks"]), most))


@inline
def _public(touch_ticks, offset_ticks):
    """A remembered best price as the public sees it."""
    return touch_ticks if touch_ticks == NONE_PRICE else touch_ticks + offset_ticks


@kernel
def log_fill(world, order, reason, passive, price_ticks, size, ahead):
    """Write one fill of an own order down, and tell its owner.

    price_ticks  in the book
    size, ahead  units;  reason  FillReason;  passive  1 if it was resting
    """
    head = world.head[0]
    offset_ticks = np.int64(head["offset_ticks"])
    price_ticks += offset_ticks
    mine = world.own[order]
    fill = world.fills[head["fills"]]
    head["fills"] += 1
    fill["ts_ns"] = head["now_ns"]
    fill["order"] = order
    fill["side"] = mine["side"]
    fill["reason"] = FillReason.END_OF_HORIZON if mine["forced"] else reason
    fill["passive"] = passive
    fill["price_ticks"] = price_ticks
    fill["size_lots"] = lots(world, size)
    fill["ahead_entry_lots"] = mine["ahead_entry_lots"]
    fill["ahead_fill_lots"] = lots(world, ahead)
    fill["bid_ticks"] = _public(np.int64(head["touch_bid"]), offset_ticks)
    fill["ask_ticks"] = _public(np.int64(head["touch_ask"]), offset_ticks)
    mine["filled_lots"] += lots(world, size)
    if mine["filled_lots"] == mine["size_lots"] - mine["cut_lots"]:
        mine["venue_state"] = OrderState.FILLED
        mine["done_ns"] = head["now_ns"]
    send(world, 0, ReportKind.TRADE, order, price_ticks, size, 0, Reason.NONE)
    if head["impact"] == Impact.OVERLAY:
        press(world, np.int64(mine["side"]), lots(world, size), passive)


@kernel
def fill_resting(world, slot, size, reason):
    """A resting own order trades size units with history, 1 <= size <= what rests, at its own price."""
    node = world.book.nodes[slot]
    order_id = np.int64(node["key"])
    side = np.int64(node["meta"]) & SIDE_BIT
    price_ticks = np.int64(world.book.nodes[node["level"]]["key"])
    if order_id < 0:
        log_fill(world, own_id(order_id), reason, 1, price_ticks, size, size_ahead(world.book, slot))
    else:
        world.head[0]["crowd_units"] += size
    note(world, ReportKind.TRADE, Reason.NONE, side, order_id, 0, price_ticks, size, node["size"] - size)
    trade_maker(world.book, slot, size)
    publish_level(world, side, price_ticks)


@inline
def answer(world, kind, order, reason, of_cancel):
    """Tell the owner; of_cancel marks the refusal of a cancel, which leaves the order as it was."""
    send(world, 0, kind, order, 0, 0, of_cancel, reason)


@kernel
def leave(world, slot, state, reason):
    """A resting own order leaves the venue without trading: cancelled or expired."""
    node = world.book.nodes[slot]
    order = own_id(np.int64(node["key"]))
    side = np.int64(node["meta"]) & SIDE_BIT
    price_ticks = np.int64(world.book.nodes[node["level"]]["key"])
    note_off(world, reason, side, own_id(order), price_ticks, np.int64(node["size"]), 0)
    remove_order(world.book, slot)
    mine = world.own[order]
    mine["venue_state"] = state
    mine["reason"] = reason
    mine["done_ns"] = world.head[0]["now_ns"]
    kind = ReportKind.EXPIRED if state == OrderState.EXPIRED else ReportKind.CANCELLED
    answer(world, kind, order, reason, 0)
    publish_level(world, side, price_ticks)


@kernel
def mark_blind(world, order_id, side, price_ticks):
    """An own order that has just come to rest is marked if history cannot see its price."""
    worst = world.head[0]["worst_1"] if side else world.head[0]["worst_0"]
    if fold(side, price_ticks) > worst:
        world.book.nodes[find_id(world.book, order_id)]["meta"] |= BLIND


@inline
def is_own(book, slot):
    """Whether the order at slot is an own one."""
    return (book.nodes[slot]["meta"] & OWN) != 0


@kernel
def remember_touch(world):
    """Keep the best prices as they are before an event, for the fills it may cause."""
    head = world.head[0]
    sides = world.book.sides
    head["touch_bid"] = -np.int64(sides[0]["best_key"]) if sides[0]["best"] != 0 else np.int64(NONE_PRICE)
    head["touch_ask"] = np.int64(sides[1]["best_key"]) if sides[1]["best"] != 0 else np.int64(NONE_PRICE)


@kernel
def learn(world, slot):
    """The participant hears one answer: its own record of the order is brought up to date.

    slot  of the message in world.mail
    """
    head = world.head[0]
    mail = world.mail[slot]
    mine = world.own[mail["order"]]
    kind = mail["verb"]
    if kind == ReportKind.ACCEPTED or kind == ReportKind.REPLACED:
        if mine["state"] == OrderState.PENDING:
            mine["state"] = OrderState.LIVE
        mine["acked_ns"] = head["now_ns"]
        mine["size_lots"] -= mine["cut_lots"]
        mine["cut_lots"] = 0
        if mine["replaces"] >= 0:
            world.own[mine["replaces"]]["state"] = OrderState.CANCELLED
    elif kind == ReportKind.TRADE:
        mine["known_filled_lots"] += lots(world, np.int64(mail["size"]))
        if mine["known_filled_lots"] == mine["size_lots"]:
            mine["state"] = OrderState.FILLED
    elif kind == ReportKind.CANCELLED:
        mine["state"] = OrderState.CANCELLED
    elif kind == ReportKind.EXPIRED:
        mine["state"] = OrderState.EXPIRED
    elif mail["remaining"] != 0:
        mine["cancel_sent"] = 0
    else:
        mine["state"] = OrderState.REJECTED
        if mine["replaces"] >= 0:
            world.own[mine["replaces"]]["cancel_sent"] = 0
    if head["wake_on_reports"]:
        head["report_wake_ns"] = head["now_ns"]
