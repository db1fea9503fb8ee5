"""The crowd's orders: their slots, whose they are, and the requests that agents send about them.

A request goes to the venue at once where its agent has no delay, else as a message.  An order stays in its owner's list until the owner hears that it is gone;
a cancel that comes too late finds another serial in the slot, or nothing, and is refused.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.state import REMINDER
from lobsim.core.agents.venue import arrive_cancel, arrive_new, place_in_mail
from lobsim.core.calendar import push_wait
from lobsim.core.jit import inline, kernel
from lobsim.types import OrderType, TimeInForce, Verb


@inline
def _take_slot(crowd):
    """A free slot of the crowd's orders.  Room was checked."""
    head = crowd.head[0]
    slot = np.int64(head["free"])
    if slot != 0:
        head["free"] = crowd.orders[slot]["next"]
        return slot
    slot = np.int64(head["fresh"])
    head["fresh"] += 1
    return slot


@kernel
def _enter(crowd, index, side, price_ticks, size, now_ns):
    """A new order of an agent, newest first in its list.  Returns its slot."""
    agent = crowd.agents[index]
    slot = _take_slot(crowd)
    order = crowd.orders[slot]
    crowd.head[0]["serial"] += 1
    order["agent"] = index
    order["serial"] = crowd.head[0]["serial"]
    order["live"] = 0
    order["cancel_sent"] = 0
    order["acknowledged"] = 0
    order["known_filled"] = 0
    order["size"] = size
    order["side"] = side
    order["price_ticks"] = price_ticks
    order["sent_ns"] = now_ns
    order["previous"] = 0
    order["next"] = agent["first_order"]
    crowd.orders[order["next"]]["previous"] = slot
    agent["first_order"] = slot
    agent["open_orders"] += 1
    return slot


@kernel
def _post(scene, index, slot, verb, side, kind, tif, price_ticks, size, delay_ns):
    """A request travels to the venue.  Room was checked."""
    crowd = scene.crowd
    head = crowd.head[0]
    place = place_in_mail(crowd)
    mail = crowd.mail[place]
    mail["agent"] = index
    mail["order"] = slot
    mail["serial"] = crowd.orders[slot]["serial"]
    mail["price_ticks"] = price_ticks
    mail["size"] = size
    mail["verb"] = verb
    mail["side"] = side
    mail["type"] = kind
    mail["tif"] = tif
    mail["to_venue"] = 1
    head["sequence"] += 1
    push_wait(crowd.waits, scene.world.head[0]["now_ns"] + delay_ns, np.int64(head["sequence"]), place)


@kernel
def _send(scene, index, side, kind, tif, price_ticks, size):
    """An agent sends a new order.  Returns its slot."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    slot = _enter(crowd, index, side, price_ticks, size, np.int64(scene.world.head[0]["now_ns"]))
    delay_ns = np.int64(agent["order_ns"])
    agent["requests"] += 1
    if delay_ns == 0:
        arrive_new(scene, slot, side, kind, tif, price_ticks, size)
    else:
        _post(scene, index, slot, Verb.NEW, side, kind, tif, price_ticks, size, delay_ns)
    return slot


@inline
def send_any(scene, index, side, kind, tif, price_ticks, size):
    """An agent sends an order of a kind (OrderType) and time in force.  Returns its slot."""
    return _send(scene, index, side, kind, tif, price_ticks, size)


@inline
def send_limit(scene, index, side, price_ticks, size):
    """An agent sends a limit order that stays.  Returns its slot."""
    return _send(scene, index, side, OrderType.LIMIT, TimeInForce.GTC, price_ticks, size)


@inline
def send_market(scene, index, side, size):
    """An agent sends a market order; what finds nobody is cancelled.  Returns its slot."""
    return _send(scene, index, side, OrderType.MARKET, TimeInForce.IOC, np.int64(0), size)


@inline
def send_limit_ioc(scene, index, side, price_ticks, size):
    """An agent sends an immediate order as far as a price.  Returns its slot."""
    return _send(scene, index, side, OrderType.LIMIT, TimeInForce.IOC, price_ticks, size)


@kernel
def send_cancel(scene, slot):
    """The owner of an order asks for it to be cancelled, once."""
    crowd = scene.crowd
    order = crowd.orders[slot]
    if order["cancel_sent"]:
        return
    order["cancel_sent"] = 1
    index = np.int64(order["agent"])
    agent = crowd.agents[index]
    agent["requests"] += 1
    delay_ns = np.int64(agent["order_ns"])
    if delay_ns == 0:
        arrive_cancel(scene, slot, np.int64(order["serial"]), 0)
    else:
        _post(scene, index, slot, Verb.CANCEL, np.int64(order["side"]), 0, 0, 0, 0, delay_ns)


@kernel
def send_reduce(scene, slot, size):
    """The owner of an order asks for size lots less of it; an agent without delay only."""
    order = scene.crowd.orders[slot]
    scene.crowd.agents[order["agent"]]["requests"] += 1
    arrive_cancel(scene, slot, np.int64(order["serial"]), size)


@kernel
def cancel_older(scene, index, than_ns, most):
    """An agent asks for those of its orders to be cancelled that it sent by than_ns, newest first, but at most so many.  Returns how many."""
    count = np.int64(0)
    slot = np.int64(scene.crowd.agents[index]["first_order"])
    while slot != 0 and count < most:
        following = np.int64(scene.crowd.orders[slot]["next"])
        if scene.crowd.orders[slot]["sent_ns"] <= than_ns and scene.crowd.orders[slot]["cancel_sent"] == 0:
            send_cancel(scene, slot)
            count += 1
        slot = following
    return count


@kernel
def cancel_all(scene, index):
    """An agent asks for all its orders to be cancelled, newest first."""
    slot = np.int64(scene.crowd.agents[index]["first_order"])
    while slot != 0:
        following = np.int64(scene.crowd.orders[slot]["next"])
        send_cancel(scene, slot)
        slot = following


@kernel
def remind(scene, index, slot, serial, step, side, delay_ns):
    """An agent will be reminded of something after a while: no message, only its own note.  Room was checked.

    slot, serial  of an order, or 0;  step  what it means, as its family numbers it
    """
    place = place_in_mail(scene.crowd)
    mail = scene.crowd.mail[place]
    mail["agent"] = index
    mail["order"] = slot
    mail["serial"] = serial
    mail["verb"] = step
    mail["side"] = side
    mail["to_venue"] = REMINDER
    scene.crowd.head[0]["sequence"] += 1
    due_ns = scene.world.head[0]["now_ns"] + delay_ns
    push_wait(scene.crowd.waits, due_ns, np.int64(scene.crowd.head[0]["sequence"]), place)


@kernel
def deliver_request(scene, place):
    """A request of the crowd arrives.  place: in Crowd.mail"""
    mail = scene.crowd.mail[place]
    slot = np.int64(mail["order"])
    if mail["verb"] == Verb.NEW:
        side = np.int64(mail["side"])
        kind = np.int64(mail["type"])
        arrive_new(
            scene, slot, side, kind, np.int64(mail["tif"]), np.int64(mail["price_ticks"]), np.int64(mail["size"])
        )
    else:
        arrive_cancel(scene, slot, np.int64(mail["serial"]), np.int64(mail["size"]))
