"""One recorded order is played by an own one: it leaves the live book, an own order of its size stands in its place.

The recorded order keeps its ``hist`` with size 0, so that the tape still finds it; what the tape says is executed against it goes on to whoever stands first
(docs/rules.md, section 2, rule c).  The own order, always the one with index 0, follows what the owner of the recorded one did.

These acts happen between two rows of the tape, at the time of the row before; they do not wait for the legs of latency.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import change_size, remove_order, set_recorded, size_ahead
from lobsim.core.gate import deliver
from lobsim.core.ids import find_id
from lobsim.core.jit import borrow, borrow_array, inline, kernel
from lobsim.core.layout import OWN, RECORDED
from lobsim.core.loop import post_new, step
from lobsim.core.own import leave, own_id, remember_touch
from lobsim.core.publication import publish_level
from lobsim.core.requests import rest_order
from lobsim.types import NEVER, NONE, MessageFlag, OrderState, OrderType, Reason, Status, TimeInForce


@inline
def _hide(world, order_id):
    """A recorded order has no size any more in the live book; what history says of it stays."""
    slot = find_id(world.book, order_id)
    if slot != 0 and world.book.nodes[slot]["meta"] & RECORDED:
        set_recorded(world.book, slot, np.int64(0), np.int64(world.book.info[slot]["hist"]))


@kernel
def stand_in(world, order_id, side, price_ticks, size_lots, messages):
    """The participant's first order enters, right behind a recorded order that leaves the live book.

    order_id  of a recorded order that has just joined; 0 where none is to leave
    messages  MESSAGE [1], scratch

    Room was made (`loop.room_for_event`), the legs of latency are 0, nothing else is in flight at this instant.
    Returns the OrderState at the venue: LIVE, FILLED, or REJECTED where it would have traded on arrival.
    """
    world = borrow(world)
    messages = borrow_array(messages)
    head = world.head[0]
    if order_id != 0:
        _hide(world, order_id)
    head["own"] = 1
    mine = world.own[0]
    mine["price_ticks"] = price_ticks
    mine["size_lots"] = size_lots
    mine["expire_ns"] = NEVER
    mine["replaces"] = NONE
    mine["arrived_ns"] = NEVER
    mine["acked_ns"] = NEVER
    mine["done_ns"] = NEVER
    mine["side"] = side
    mine["type"] = OrderType.LIMIT
    mine["tif"] = TimeInForce.GTC
    mine["flags"] = MessageFlag.POST_ONLY
    mine["state"] = OrderState.PENDING
    mine["venue_state"] = OrderState.PENDING
    post_new(world, 0)
    remember_touch(world)
    deliver(world, messages)
    return np.int64(mine["venue_state"])


@kernel
def follow_owner(world, order_id, change_lots, price_ticks, moves):
    """The owner of the recorded order changed it, and so does the participant.

    order_id     what the recorded order is called now, 0 where there is none
    change_lots  how much larger, or below 0 smaller, what is left of it became
    moves        whether it lost its place; it stands at price_ticks then, at the back
    """
    world = borrow(world)
    book = world.book
    mine = world.own[0]
    if moves and order_id != 0:
        _hide(world, order_id)
    slot = find_id(book, own_id(0))
    if slot == 0:
        return
    side = np.int64(mine["side"])
    before = np.int64(book.nodes[slot]["size"])
    after = max(before + (change_lots << world.head[0]["shift"]), 0)
    if after == 0:
        leave(world, slot, OrderState.CANCELLED, Reason.REQUESTED)
        return
    mine["size_lots"] += (after - before) >> world.head[0]["shift"]
    if moves:
        remove_order(book, slot)
        publish_level(world, side, np.int64(mine["price_ticks"]))
        mine["price_ticks"] = price_ticks
        rest_order(book, side, own_id(0), price_ticks, after, OWN, np.int64(0))
    else:
        change_size(book, slot, after - before)
    publish_level(world, side, np.int64(mine["price_ticks"]))


@kernel
def take_back(world):
    """The participant's order leaves, if it still rests."""
    world = borrow(world)
    slot = find_id(world.book, own_id(0))
    if slot != 0:
        leave(world, slot, OrderState.CANCELLED, Reason.REQUESTED)


@inline
def _note_place(world, order_id, place):
    """Where an order stands: units in front of it at its price, units at that price, whether no better price has any."""
    book = world.book
    place[0] = -1
    slot = find_id(book, order_id)
    if slot == 0:
        return
    level = np.int64(book.nodes[slot]["level"])
    best = np.int64(book.sides[np.int64(book.nodes[slot]["meta"]) & 1]["best"])
    place[0] = size_ahead(book, slot)
    place[1] = book.nodes[level]["size"]
    place[2] = best == level


@kernel
def record_places(world, stops, places, progress, messages, spare):
    """Run along the tape and note at each stop where an order stands.

    stops     int64 [any, 2]: after how many rows, rising; id in the book
    places    int64 [any, 3], written: units in front of it (-1: it is not there), units of its level, 1 if that is the best
    progress  int64 [1]: stops done, to go on from after room was made

    Returns a Status: DONE, or a ROOM_ status with nothing of the next event applied (call again).
    """
    world = borrow(world)
    stops = borrow_array(stops)
    places = borrow_array(places)
    messages = borrow_array(messages)
    spare = borrow_array(spare)
    head = world.head[0]
    while progress[0] < len(stops):
        i = progress[0]
        while head["cursor"] < stops[i, 0]:
            status = step(world, NEVER, messages, spare)
            if status > Status.DONE:
                return np.int64(status)
        _note_place(world, np.int64(stops[i, 1]), places[i])
        progress[0] = i + 1
    return np.int64(Status.DONE)
