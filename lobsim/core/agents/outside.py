"""Agents that decide outside the compiled floor: when it is their turn, what they are asked with, and what they hear.

Whose turn it is gets an entry of ``Crowd.asked``: what he sees and knows at that moment, with his open orders in ``Crowd.opens``.  The loop goes on until something else
is to happen, and returns; his requests come back as ``Crowd.replies`` (`replies`).  An agent wakes at the earliest time he wished for and, where he wants it (memory), when
he hears of his orders or when the best prices he sees have changed; at most once in an instant, so that what he causes by himself wakes him a nanosecond later.

What AGENT has for the clocks of flows serves others here: ``due_ns`` is the wished time, ``until_ns`` the last time he was roused for, ``since_ns`` when he was asked last.
Memory: ON_REPORTS, ON_TOUCH, NEWS: 1 if he is woken by answers, by prices, and if what he hears is written down for him.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.view import seen_touch
from lobsim.core.calendar import push_wait
from lobsim.core.chance import begin_event
from lobsim.core.jit import inline, kernel
from lobsim.types import NEVER, NONE_PRICE, AgentKind

ON_REPORTS = 0
ON_TOUCH = 1
NEWS = 2
MEMORY = 3


@inline
def is_outside(crowd, index):
    """Whether an agent decides outside."""
    return crowd.agents[index]["kind"] == AgentKind.OUTSIDE


@kernel
def wish_wake(scene, index, ts_ns):
    """An agent asks to be woken; the earliest wish counts, and the next instant is the first he can have."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    ts_ns = max(ts_ns, np.int64(scene.world.head[0]["now_ns"]) + 1)
    if ts_ns < agent["due_ns"]:
        agent["due_ns"] = ts_ns
        crowd.head[0]["sequence"] += 1
        push_wait(crowd.waits, ts_ns, np.int64(crowd.head[0]["sequence"]), -index - 1)


@kernel
def _rouse(crowd, index, ts_ns):
    """An agent is woken at a time, for something he did not wish for."""
    agent = crowd.agents[index]
    if agent["until_ns"] != ts_ns:
        agent["until_ns"] = ts_ns
        crowd.head[0]["sequence"] += 1
        push_wait(crowd.waits, ts_ns, np.int64(crowd.head[0]["sequence"]), -(2 * len(crowd.agents) + index) - 1)


@kernel
def rouse_watchers(scene):
    """The best prices have changed: who watches them is woken when he sees it.  Room was checked."""
    crowd = scene.crowd
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    for index in range(len(crowd.agents)):
        agent = crowd.agents[index]
        if agent["kind"] == AgentKind.OUTSIDE and crowd.memory[np.int64(agent["memory"]) + ON_TOUCH] != 0.0:
            due_ns = now_ns + np.int64(agent["feed_ns"])
            _rouse(crowd, index, due_ns + 1 if agent["since_ns"] == due_ns else due_ns)


@kernel
def note_answer(crowd, slot, now_ns, kind, price_ticks, size, gone):
    """An agent who decides outside hears of an order.  Room was checked.

    kind  ReportKind;  price_ticks, size  of a trade, else 0;  gone  1: the order is no longer in the book
    """
    order = crowd.orders[slot]
    index = np.int64(order["agent"])
    agent = crowd.agents[index]
    memory = np.int64(agent["memory"])
    if crowd.memory[memory + NEWS] != 0.0:
        entry = crowd.news[crowd.head[0]["news"]]
        crowd.head[0]["news"] += 1
        entry["ts_ns"] = now_ns
        entry["agent"] = index
        entry["order"] = order["serial"]
        entry["kind"] = kind
        entry["side"] = order["side"]
        entry["price_ticks"] = price_ticks
        entry["size_lots"] = size
        entry["gone"] = gone
    if crowd.memory[memory + ON_REPORTS] != 0.0:
        _rouse(crowd, index, now_ns + 1 if agent["since_ns"] == now_ns else now_ns)


@inline
def _list_orders(crowd, index, entry):
    """The orders an agent believes to be open, oldest first."""
    head = crowd.head[0]
    agent = crowd.agents[index]
    entry["first_open"] = head["opens"]
    entry["open_orders"] = agent["open_orders"]
    head["opens"] += agent["open_orders"]
    place = np.int64(head["opens"])
    slot = np.int64(agent["first_order"])
    working = np.int64(0)
    while slot != 0:
        order = crowd.orders[slot]
        place -= 1
        mine = crowd.opens[place]
        mine["order"] = order["serial"]
        mine["side"] = order["side"]
        mine["price_ticks"] = order["price_ticks"]
        mine["size_lots"] = order["size"]
        mine["filled_lots"] = order["known_filled"]
        mine["acknowledged"] = order["acknowledged"]
        mine["leaving"] = order["cancel_sent"]
        working += np.int64(order["size"] - order["known_filled"])
        slot = np.int64(order["next"])
    entry["working_lots"] = working


@inline
def _show_touch(scene, index, entry):
    """What an agent sees of the market."""
    seen = seen_touch(scene, index)
    if seen < 0:
        entry["bid_ticks"] = NONE_PRICE
        entry["ask_ticks"] = NONE_PRICE
        entry["last_ticks"] = NONE_PRICE
        entry["bid_lots"] = 0
        entry["ask_lots"] = 0
        entry["bought_lots"] = 0
        entry["sold_lots"] = 0
        return
    touch = scene.crowd.touches[seen]
    entry["bid_ticks"] = touch["bid_ticks"]
    entry["bid_lots"] = touch["bid_lots"]
    entry["ask_ticks"] = touch["ask_ticks"]
    entry["ask_lots"] = touch["ask_lots"]
    entry["last_ticks"] = touch["last_ticks"]
    entry["bought_lots"] = touch["bought_lots"]
    entry["sold_lots"] = touch["sold_lots"]


@kernel
def _ask(scene, index):
    """It is an agent's turn: what he sees and knows is written down."""
    crowd = scene.crowd
    head = crowd.head[0]
    agent = crowd.agents[index]
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    agent["wakes"] += 1
    head["wakes"] += 1
    begin_event(agent)
    agent["since_ns"] = now_ns
    if agent["due_ns"] <= now_ns:
        agent["due_ns"] = NEVER
    entry = crowd.asked[head["asked"]]
    head["asked"] += 1
    entry["agent"] = index
    entry["now_ns"] = now_ns
    entry["position_lots"] = agent["known_lots"]
    entry["cash_ticks"] = agent["known_cash_ticks"]
    entry["phase"] = scene.world.head[0]["phase"]
    _show_touch(scene, index, entry)
    _list_orders(crowd, index, entry)


@kernel
def wake_outside(scene, index):
    """The time has come that an agent wished for, or had wished for before an earlier wish was met."""
    if scene.crowd.agents[index]["due_ns"] == scene.world.head[0]["now_ns"]:
        _ask(scene, index)


@kernel
def wake_roused(scene, index):
    """The time has come for which an agent was roused, unless it was his turn at this instant before."""
    if scene.crowd.agents[index]["since_ns"] != scene.world.head[0]["now_ns"]:
        _ask(scene, index)
