"""What agents who decide outside have decided is carried out: their requests leave, and they say when they want to be asked again."""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.clocks import adjust_clocks
from lobsim.core.agents.kinds import let_notice
from lobsim.core.agents.orders import send_any, send_cancel
from lobsim.core.agents.outside import wish_wake
from lobsim.core.agents.room import MOST_REQUESTS, crowd_room
from lobsim.core.agents.state import REPLY_CANCEL, REPLY_LIMIT, REPLY_MARKET, REPLY_WAKE
from lobsim.core.jit import inline, kernel
from lobsim.core.own import remember_touch
from lobsim.core.publication import note_touch
from lobsim.types import OrderType, Status, TimeInForce


@inline
def _cancel(scene, index, serial):
    """An agent asks for one of its orders to be cancelled; for one it does not have, nothing happens."""
    slot = np.int64(scene.crowd.agents[index]["first_order"])
    while slot != 0 and scene.crowd.orders[slot]["serial"] != serial:
        slot = np.int64(scene.crowd.orders[slot]["next"])
    if slot != 0:
        send_cancel(scene, slot)


@kernel
def _carry_out(scene, reply):
    """One reply."""
    index = np.int64(reply["agent"])
    kind = reply["kind"]
    side = np.int64(reply["side"])
    size = np.int64(reply["size_lots"])
    if kind == REPLY_LIMIT:
        tif = np.int64(reply["tif"])
        send_any(scene, index, side, np.int64(OrderType.LIMIT), tif, np.int64(reply["price_ticks"]), size)
    elif kind == REPLY_MARKET:
        send_any(scene, index, side, np.int64(OrderType.MARKET), np.int64(TimeInForce.IOC), np.int64(0), size)
    elif kind == REPLY_CANCEL:
        _cancel(scene, index, np.int64(reply["order"]))
    elif kind == REPLY_WAKE:
        wish_wake(scene, index, np.int64(reply["time_ns"]))


@kernel
def carry_out_replies(scene):
    """All replies, those of one agent after those of another, as they stand.  Returns OK, or the room that is missing with the rest still to be done."""
    world = scene.world
    crowd = scene.crowd
    head = crowd.head[0]
    while head["replied"] < head["replies"]:
        status = crowd_room(scene)
        if status != Status.OK:
            return status
        bid_key = world.book.sides[0]["best_key"]
        ask_key = world.book.sides[1]["best_key"]
        remember_touch(world)
        stop = min(np.int64(head["replies"]), np.int64(head["replied"]) + MOST_REQUESTS)
        while head["replied"] < stop:
            reply = crowd.replies[head["replied"]]
            head["replied"] += 1
            _carry_out(scene, reply)
            if head["noticing"]:
                let_notice(scene)
        if head["changed"]:
            adjust_clocks(scene, np.int64(-1))
            note_touch(world, bid_key, ask_key)
    head["replies"] = 0
    head["replied"] = 0
    return Status.OK
