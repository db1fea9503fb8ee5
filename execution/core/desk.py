"""The desk between an algorithm and the market: what it sees at a decision, and how its commands leave.

Everything here uses only what the participant has heard: the book read from the publication ring, its own orders as acknowledged, prints as published.

The desk holds every algorithm to its parent order: it never lets more be at work than is left to do, never sends a price worse than the parent's
limit, and keeps to the parent's largest share of the market's volume.  What it cuts is counted, not refused.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.gate import arrive_forced
from lobsim.core.jit import borrow, borrow_array, inline, kernel
from lobsim.core.levels import fold, next_level
from lobsim.core.loop import post_cancel, post_new
from lobsim.types import (
    MAX_PRICE_TICKS,
    NEVER,
    NONE,
    NONE_PRICE,
    OrderState,
    OrderType,
    Status,
    TimeInForce,
)

TASK = np.dtype(
    [
        ("side", "i8"),
        ("size_lots", "i8"),
        ("start_ns", "i8"),
        ("end_ns", "i8"),
        ("limit_ticks", "i8"),  # the worst price allowed; beyond every price if there is none
        ("share_millionths", "i8"),  # largest share of market volume; 0 = no bound
        ("volume_before", "i8"),  # market volume heard before the parent began, units
        ("own_before", "i8"),
        ("cut_lots", "i8"),  # what the desk took off commands
    ]
)
"""The parent order as the desk keeps it."""

VIEW = np.dtype(
    [
        ("now_ns", "i8"),
        ("bid_ticks", "i8"),  # NONE_PRICE if the side is empty
        ("bid_lots", "i8"),
        ("ask_ticks", "i8"),
        ("ask_lots", "i8"),
        ("last_ticks", "i8"),
        ("volume_lots", "i8"),  # of the market since the parent began, own volume included
        ("own_volume_lots", "i8"),
        ("executed_lots", "i8"),
        ("working_lots", "i8"),  # sent and neither filled nor heard to be gone
        ("phase", "i8"),
    ]
)
"""What the participant knows at a decision."""

LIVE = np.dtype(
    [
        ("order", "i8"),
        ("side", "i8"),
        ("price_ticks", "i8"),
        ("size_lots", "i8"),
        ("filled_lots", "i8"),
        ("acknowledged", "i8"),
        ("leaving", "i8"),  # a cancel or replace is on its way
    ]
)
"""One own order that may still trade, as its owner knows it."""

COMMAND = np.dtype(
    [
        ("kind", "i8"),
        ("order", "i8"),
        ("side", "i8"),
        ("price_ticks", "i8"),
        ("size_lots", "i8"),
        ("tif", "i8"),
        ("post_only", "i8"),
        ("time_ns", "i8"),
    ]
)
"""One command: kind is a CommandKind; time_ns is a time limit or the time to wake."""

LIMIT = 0
MARKET = 1
CANCEL = 2
REPLACE = 3
WAKE_AT = 4


@inline
def _is_open(mine):
    return mine["state"] == OrderState.PENDING or mine["state"] == OrderState.LIVE


@kernel
def list_orders(world, live):
    """Write the participant's open orders, oldest first.  Returns how many; at most len(live) are written."""
    world = borrow(world)
    live = borrow_array(live)
    n = 0
    for i in range(world.head[0]["own"]):
        mine = world.own[i]
        if not _is_open(mine) or n == len(live):
            continue
        entry = live[n]
        entry["order"] = i
        entry["side"] = mine["side"]
        entry["price_ticks"] = mine["price_ticks"]
        entry["size_lots"] = mine["size_lots"]
        entry["filled_lots"] = mine["known_filled_lots"]
        entry["acknowledged"] = mine["state"] == OrderState.LIVE
        entry["leaving"] = mine["cancel_sent"]
        n += 1
    return n


@inline
def _write_touch(world, view):
    """The best prices and sizes of the participant's own book."""
    shift = world.head[0]["shift"]
    nodes = world.seen.nodes
    bid = np.int64(world.seen.sides[0]["best"])
    ask = np.int64(world.seen.sides[1]["best"])
    view["bid_ticks"] = nodes[bid]["key"] if bid != 0 else NONE_PRICE
    view["bid_lots"] = (np.int64(nodes[bid]["size"]) >> shift) if bid != 0 else 0
    view["ask_ticks"] = nodes[ask]["key"] if ask != 0 else NONE_PRICE
    view["ask_lots"] = (np.int64(nodes[ask]["size"]) >> shift) if ask != 0 else 0


@kernel
def observe(world, task, view):
    """Fill the view of one decision.

    task  TASK [1]
    view  VIEW [1], written
    """
    world = borrow(world)
    head = world.head[0]
    out = view[0]
    shift = head["shift"]
    _write_touch(world, out)
    out["now_ns"] = head["now_ns"]
    out["last_ticks"] = head["seen_price_ticks"]
    out["volume_lots"] = (head["seen_volume"] - task[0]["volume_before"]) >> shift
    out["own_volume_lots"] = (head["seen_own_volume"] - task[0]["own_before"]) >> shift
    out["phase"] = head["seen_phase"]
    executed = np.int64(0)
    working = np.int64(0)
    for i in range(head["own"]):
        mine = world.own[i]
        executed += mine["known_filled_lots"]
        if _is_open(mine):
            working += mine["size_lots"] - mine["known_filled_lots"]
            if _replaced(world, mine):
                old = world.own[mine["replaces"]]
                working -= min(mine["size_lots"], old["size_lots"] - old["known_filled_lots"])
    out["executed_lots"] = executed
    out["working_lots"] = working


@inline
def _replaced(world, mine):
    """Whether an order is the new half of a replacement not yet acknowledged: the old half is still counted."""
    return mine["replaces"] >= 0 and mine["state"] == OrderState.PENDING


@kernel
def list_levels(world, side, out):
    """The participant's view of one side, best first.

    out  int64 [any, 2], written: price in ticks, lots

    Returns the number of levels written.
    """
    world = borrow(world)
    seen = world.seen
    n = 0
    level = np.int64(seen.sides[side]["best"])
    while level != 0 and n < len(out):
        price_ticks = np.int64(seen.nodes[level]["key"])
        out[n, 0] = price_ticks
        out[n, 1] = np.int64(seen.nodes[level]["size"]) >> world.head[0]["shift"]
        n += 1
        level = next_level(seen, side, fold(side, price_ticks))
    return n


@inline
def _allowed_lots(task, view, wanted, giving_back):
    """How much of a wanted size the parent allows, given what is done and at work.

    giving_back  lots of an order that this one replaces
    """
    room = task["size_lots"] - view["executed_lots"] - view["working_lots"] + giving_back
    if task["share_millionths"] > 0:
        others = view["volume_lots"] - view["own_volume_lots"]
        share = task["share_millionths"]
        most = others * share // max(1_000_000 - share, 1) if share < 1_000_000 else np.int64(NEVER)
        room = min(room, most - view["executed_lots"] - view["working_lots"] + giving_back)
    return max(min(wanted, room), 0)


@inline
def _bounded(task, price_ticks):
    """A price no worse than the parent's limit."""
    if task["side"]:
        return max(price_ticks, np.int64(task["limit_ticks"]))
    return min(price_ticks, np.int64(task["limit_ticks"]))


@inline
def _write_order(world, command, price_ticks, size_lots, replaces):
    """A new own order, ready to be sent.  Returns its index."""
    head = world.head[0]
    order = np.int64(head["own"])
    head["own"] += 1
    mine = world.own[order]
    mine["price_ticks"] = price_ticks
    mine["size_lots"] = size_lots
    mine["expire_ns"] = command["time_ns"] if command["tif"] == TimeInForce.GTD else NEVER
    mine["replaces"] = replaces
    mine["arrived_ns"] = NEVER
    mine["acked_ns"] = NEVER
    mine["done_ns"] = NEVER
    mine["side"] = command["side"]
    mine["type"] = OrderType.LIMIT
    mine["tif"] = command["tif"]
    mine["flags"] = command["post_only"]
    mine["state"] = OrderState.PENDING
    mine["venue_state"] = OrderState.PENDING
    return order


@inline
def _send_order(world, task, view, command):
    """LIMIT and MARKET: cut to what the parent allows, then sent."""
    size_lots = np.int64(command["size_lots"])
    price_ticks = np.int64(command["price_ticks"])
    of_parent = command["side"] == task["side"]
    if of_parent:
        allowed = _allowed_lots(task, view, size_lots, 0)
        task["cut_lots"] += size_lots - allowed
        size_lots = allowed
    if size_lots <= 0:
        return
    if command["kind"] == MARKET:
        price_ticks = np.int64(-MAX_PRICE_TICKS) if command["side"] else np.int64(MAX_PRICE_TICKS)
    if of_parent:
        price_ticks = _bounded(task, price_ticks)
    order = _write_order(world, command, price_ticks, size_lots, np.int64(NONE))
    mine = world.own[order]
    if command["kind"] == MARKET:
        mine["tif"] = TimeInForce.IOC
        if price_ticks == MAX_PRICE_TICKS or price_ticks == -MAX_PRICE_TICKS:
            mine["type"] = OrderType.MARKET
    if of_parent:
        view["working_lots"] += size_lots
    post_new(world, order)


@inline
def _send_replace(world, task, view, command):
    """REPLACE: the new order keeps side and flags of the old one, and its time in force unless another is asked for."""
    old_order = np.int64(command["order"])
    if old_order < 0 or old_order >= world.head[0]["own"]:
        return
    old = world.own[old_order]
    if not _is_open(old) or old["cancel_sent"] or _replaced(world, old):
        return
    open_lots = np.int64(old["size_lots"] - old["known_filled_lots"])
    command["side"] = old["side"]
    if command["tif"] == NONE:
        command["tif"] = old["tif"]
    command["time_ns"] = old["expire_ns"]
    command["post_only"] = old["flags"]
    price_ticks = np.int64(command["price_ticks"])
    size_lots = np.int64(command["size_lots"])
    if old["side"] == task["side"]:
        allowed = _allowed_lots(task, view, size_lots, open_lots)
        task["cut_lots"] += size_lots - allowed
        size_lots = allowed
        price_ticks = _bounded(task, price_ticks)
        view["working_lots"] += max(size_lots - open_lots, 0)
    if size_lots > 0:
        post_new(world, _write_order(world, command, price_ticks, size_lots, old_order))


@inline
def _send_cancel(world, command):
    order = np.int64(command["order"])
    if 0 <= order < world.head[0]["own"]:
        mine = world.own[order]
        if _is_open(mine) and not mine["cancel_sent"]:
            post_cancel(world, order)


@kernel
def post_commands(world, task, view, commands, n):
    """Send the first n commands of a decision.

    task, view  TASK [1], VIEW [1] of this decision; cuts and work are booked in them
    commands    COMMAND [any]

    Returns OK, or with nothing sent ROOM_OWN or ROOM_MAILBOX.
    """
    world = borrow(world)
    head = world.head[0]
    if head["own"] + n > len(world.own):
        return Status.ROOM_OWN
    if head["mail_heap"] + n >= len(world.mail):
        return Status.ROOM_MAILBOX
    for i in range(n):
        command = commands[i]
        kind = command["kind"]
        if kind == LIMIT or kind == MARKET:
            _send_order(world, task[0], view[0], command)
        elif kind == CANCEL:
            _send_cancel(world, command)
        elif kind == REPLACE:
            _send_replace(world, task[0], view[0], command)
        elif kind == WAKE_AT:
            head["wake_ns"] = min(np.int64(head["wake_ns"]), max(np.int64(command["time_ns"]), head["now_ns"] + 1))
    return Status.OK


@kernel
def force_out(world, task, message):
    """End of horizon: at the venue, everything at work is withdrawn and what is left crosses the book at once.

    task     TASK [1]
    message  MESSAGE [1], scratch

    Returns OK, or ROOM_OWN with nothing done.
    """
    world = borrow(world)
    head = world.head[0]
    if head["own"] + 1 > len(world.own):
        return Status.ROOM_OWN
    arrive_forced(world, task[0], message[0])
    return Status.OK
