"""The desk between an algorithm and the market: what it sees at a decision, and how its commands leave.

Everything here uses only what the participant has heard: the book read from the publication ring, its own orders as acknowledged, prints as published.

The desk holds every algorithm to its parent order: it trades the parent's side only, never lets more be at work than is left to do, never sends a
price worse than the parent's limit, and keeps to the parent's largest share of the market's volume.  What it cuts is counted, not refused.

A replacement may trade what was asked less what its predecessor fills on the way; what that was its owner hears with the answer.  Until then
the desk counts with all that was asked, less the fills of the predecessor heard of since it was sent.  For that it keeps, beside ``world.own``, what
was known to be filled when each order left (``old_filled``), so that more than the parent can never be at work.
"""

from __future__ import annotations

import numpy as np

from execution.core.state import CANCEL, LIMIT, MARKET, REPLACE, WAKE_AT
from lobsim.core.gate import arrive_forced
from lobsim.core.jit import borrow, borrow_array, inline, kernel
from lobsim.core.levels import fold, next_level
from lobsim.core.loop import post_cancel, post_new
from lobsim.core.mailbox import mail_room
from lobsim.types import (
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    NEVER,
    NONE,
    NONE_PRICE,
    OrderState,
    OrderType,
    Status,
    TimeInForce,
)


@inline
def _is_open(mine):
    """Whether an order may still trade, as far as its owner knows."""
    return mine["state"] == OrderState.PENDING or mine["state"] == OrderState.LIVE


@inline
def _replaces_open(mine):
    """Whether an order is the new half of a replacement not yet answered: the old half is still counted."""
    return mine["replaces"] >= 0 and mine["state"] == OrderState.PENDING


@kernel
def list_orders(world, live):
    """Write the participant's open orders, oldest first.

    live  LIVE [any], written

    Returns how many; at most len(live) are written.
    """
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
    offset_ticks = np.int64(world.head[0]["seen_offset_ticks"])
    nodes = world.seen.nodes
    bid = np.int64(world.seen.sides[0]["best"])
    ask = np.int64(world.seen.sides[1]["best"])
    view["bid_ticks"] = np.int64(nodes[bid]["key"]) + offset_ticks if bid != 0 else NONE_PRICE
    view["bid_lots"] = (np.int64(nodes[bid]["size"]) >> shift) if bid != 0 else 0
    view["ask_ticks"] = np.int64(nodes[ask]["key"]) + offset_ticks if ask != 0 else NONE_PRICE
    view["ask_lots"] = (np.int64(nodes[ask]["size"]) >> shift) if ask != 0 else 0


@inline
def _working_lots(world, old_filled, order):
    """What one open order adds to what may still trade, as far as its owner knows."""
    mine = world.own[order]
    if not _replaces_open(mine):
        return np.int64(mine["size_lots"] - mine["known_filled_lots"])
    old = world.own[mine["replaces"]]
    asked = mine["size_lots"] + old_filled[order] - old["known_filled_lots"]
    counted = old["size_lots"] - old["known_filled_lots"] if _is_open(old) else np.int64(0)
    return max(np.int64(asked - counted), 0)


@kernel
def observe(world, task, old_filled, view):
    """Fill the view of one decision.

    task        TASK [1]
    old_filled  int64 [as many as world.own]
    view        VIEW [1], written
    """
    world = borrow(world)
    old_filled = borrow_array(old_filled)
    head = world.head[0]
    out = view[0]
    shift = head["shift"]
    _write_touch(world, out)
    out["now_ns"] = head["now_ns"]
    out["last_ticks"] = head["seen_price_ticks"]
    out["volume_lots"] = (head["seen_volume"] - task[0]["volume_before"]) >> shift
    out["own_volume_lots"] = (head["seen_own_volume"] - task[0]["own_before"]) >> shift
    out["phase"] = head["seen_phase"]
    out["side"] = task[0]["side"]
    out["size_lots"] = task[0]["size_lots"]
    out["start_ns"] = task[0]["start_ns"]
    out["end_ns"] = task[0]["end_ns"]
    out["limit_ticks"] = task[0]["limit_ticks"]
    executed = np.int64(0)
    working = np.int64(0)
    for i in range(head["own"]):
        executed += world.own[i]["known_filled_lots"]
        if _is_open(world.own[i]):
            working += _working_lots(world, old_filled, i)
    out["executed_lots"] = executed
    out["working_lots"] = working


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
        out[n, 0] = price_ticks + np.int64(world.head[0]["seen_offset_ticks"])
        out[n, 1] = np.int64(seen.nodes[level]["size"]) >> world.head[0]["shift"]
        n += 1
        level = next_level(seen, side, fold(side, price_ticks))
    return n


@inline
def _most_lots(task, view):
    """How much of the parent may be done by now: its size, or its share of the volume heard of if that is less."""
    share = task["share_millionths"]
    if share == NONE or share >= 1_000_000:
        return np.int64(task["size_lots"])
    others = max(np.int64(view["volume_lots"] - view["own_volume_lots"]), 0)
    return min(np.int64(task["size_lots"]), np.int64(others * share // (1_000_000 - share)))


@inline
def _allowed_lots(task, view, wanted, giving_back):
    """How much of a wanted size the parent allows, given what is done and at work; the rest is counted as cut.

    giving_back  lots of an order that this one replaces
    """
    wanted = min(max(wanted, np.int64(0)), np.int64(MAX_SIZE_LOTS))
    room = _most_lots(task, view) - view["executed_lots"] - view["working_lots"] + giving_back
    allowed = max(min(wanted, np.int64(room)), np.int64(0))
    task["cut_lots"] += wanted - allowed
    return allowed


@inline
def _bounded(task, price_ticks):
    """A price no worse than the parent's limit."""
    if task["side"]:
        return max(price_ticks, np.int64(task["limit_ticks"]))
    return min(price_ticks, np.int64(task["limit_ticks"]))


@inline
def _write_order(world, old_filled, task, command, price_ticks, size_lots, replaces):
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
    mine["side"] = task["side"]
    mine["type"] = OrderType.LIMIT
    mine["tif"] = command["tif"]
    mine["flags"] = command["post_only"] != 0
    mine["state"] = OrderState.PENDING
    mine["venue_state"] = OrderState.PENDING
    old_filled[order] = world.own[replaces]["known_filled_lots"] if replaces >= 0 else 0
    return order


@inline
def _send_order(world, old_filled, task, view, command):
    """LIMIT and MARKET: cut to what the parent allows, then sent."""
    size_lots = _allowed_lots(task, view, np.int64(command["size_lots"]), np.int64(0))
    if size_lots == 0:
        return
    price_ticks = np.int64(command["price_ticks"])
    if command["kind"] == MARKET:
        price_ticks = np.int64(-MAX_PRICE_TICKS) if task["side"] else np.int64(MAX_PRICE_TICKS)
        command["tif"] = TimeInForce.IOC
        command["post_only"] = 0
    price_ticks = _bounded(task, price_ticks)
    order = _write_order(world, old_filled, task, command, price_ticks, size_lots, np.int64(NONE))
    if command["kind"] == MARKET and abs(price_ticks) == MAX_PRICE_TICKS:
        world.own[order]["type"] = OrderType.MARKET
    view["working_lots"] += size_lots
    post_new(world, order)


@inline
def _send_replace(world, old_filled, task, view, command):
    """REPLACE: the new order keeps the flags of the old one, and its time in force unless another is asked for."""
    old_order = np.int64(command["order"])
    if old_order < 0 or old_order >= world.head[0]["own"]:
        return
    old = world.own[old_order]
    if not _is_open(old) or old["cancel_sent"] or _replaces_open(old):
        return
    open_lots = np.int64(old["size_lots"] - old["known_filled_lots"])
    size_lots = _allowed_lots(task, view, np.int64(command["size_lots"]), open_lots)
    if size_lots == 0:
        return
    if command["tif"] == NONE:
        command["tif"] = old["tif"]
    command["time_ns"] = old["expire_ns"]
    command["post_only"] = old["flags"]
    price_ticks = _bounded(task, np.int64(command["price_ticks"]))
    view["working_lots"] += max(size_lots - open_lots, 0)
    post_new(world, _write_order(world, old_filled, task, command, price_ticks, size_lots, old_order))


@inline
def _send_cancel(world, command):
    """CANCEL: sent once for an order that is open; anything else is ignored."""
    order = np.int64(command["order"])
    if 0 <= order < world.head[0]["own"]:
        mine = world.own[order]
        if _is_open(mine) and not mine["cancel_sent"]:
            post_cancel(world, order)


@kernel
def post_commands(world, task, old_filled, view, commands, n):
    """Send the first n commands of a decision.

    task, view  TASK [1], VIEW [1] of this decision; cuts and work are booked in them
    old_filled  int64 [as many as world.own], written for every order that leaves
    commands    COMMAND [any]

    Returns OK, or with nothing sent ROOM_OWN or ROOM_MAILBOX.
    """
    world = borrow(world)
    old_filled = borrow_array(old_filled)
    head = world.head[0]
    if head["own"] + n > min(len(world.own), len(old_filled)):
        return Status.ROOM_OWN
    if not mail_room(world, n):
        return Status.ROOM_MAILBOX
    for i in range(n):
        command = commands[i]
        kind = command["kind"]
        if kind in (LIMIT, MARKET):
            _send_order(world, old_filled, task[0], view[0], command)
        elif kind == CANCEL:
            _send_cancel(world, command)
        elif kind == REPLACE:
            _send_replace(world, old_filled, task[0], view[0], command)
        elif kind == WAKE_AT:
            head["wake_ns"] = min(np.int64(head["wake_ns"]), max(np.int64(command["time_ns"]), head["now_ns"] + 1))
    return Status.OK


@kernel
def force_out(world, task, view, message):
    """End of horizon: at the venue, everything at work is withdrawn and what is left crosses the book at once.

    The parent's limit price and its largest share of volume bind here too.

    task     TASK [1]
    view     VIEW [1] of the parent's end
    message  MESSAGE [1], scratch

    Returns OK, or ROOM_OWN with nothing done.
    """
    world = borrow(world)
    head = world.head[0]
    if head["own"] + 1 > len(world.own):
        return Status.ROOM_OWN
    size_lots = np.int64(task[0]["size_lots"])
    task[0]["size_lots"] = _most_lots(task[0], view[0])
    arrive_forced(world, task[0], message[0])
    task[0]["size_lots"] = size_lots
    return Status.OK
