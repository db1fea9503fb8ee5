"""Execution crowds: agents who each work one parent order of drawn side, size, start and horizon.

TWAP is to have done ``X (t - t0) / (T - t0)`` by t, VWAP ``X (F(u) - F(u0)) / (F(uT) - F(u0))`` with ``F(u) = 0.6 u + 0.2 ((2 u - 1)^3 + 1)`` at u of the day (density ``0.6 + 1.2 (2 u - 1)^2``), POV ``r / (1 - r)`` of what others traded since it began.
At each look it takes what it is behind from the best opposite price, as far as that goes; a patient one posts what falls due until its next look at the best price of its own side, and withdraws it then.  At the end TWAP and VWAP take
what is left at any price; POV stops.  Nothing is sent while an order is out whose end has not been heard of, so a parent is never overfilled.

Numbers: STYLE, SIDE (2: either), sizes Pareto from LEAST on with exponent TAIL (0: all LEAST) up to MOST lots, start uniform from START_NS over START_SPAN_NS, horizon from HORIZON_NS over HORIZON_SPAN_NS, a look EVERY_NS with a JITTER (share of it, uniform),
SHARE r, the day from OPEN_NS to CLOSE_NS, PATIENT 1 or 0; all times from the start.
Memory: what was drawn (TOWARDS a side, LOTS, FROM_NS, FOR_NS), what had been TRADED when it began; how many child orders it has SENT, the FIRST_NS and the LAST_NS of them, and whether it has ENDED and only waits for the last answer.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.metaorders import close_metaorder
from lobsim.core.agents.orders import cancel_all, send_limit, send_limit_ioc, send_market
from lobsim.core.agents.view import seen_touch, touch_price
from lobsim.core.chance import draw_below, draw_pareto, draw_uniform
from lobsim.core.jit import inline, kernel
from lobsim.types import NEVER, NONE_PRICE, Side

TWAP = 0
VWAP = 1
POV = 2
STYLE = 0
SIDE = 1
LEAST = 2
TAIL = 3
MOST = 4
START_NS = 5
START_SPAN_NS = 6
HORIZON_NS = 7
HORIZON_SPAN_NS = 8
EVERY_NS = 9
JITTER = 10
SHARE = 11
OPEN_NS = 12
CLOSE_NS = 13
PATIENT = 14
NUMBERS = 15
TOWARDS = 0
LOTS = 1
FROM_NS = 2
FOR_NS = 3
TRADED = 4
SENT = 5
FIRST_NS = 6
LAST_NS = 7
ENDED = 8
MEMORY = 9


@kernel
def _draw_parent(scene, index):
    """The parent order.  Returns when it begins."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    numbers = crowd.numbers
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    agent["since_ns"] = scene.world.head[0]["now_ns"]
    side = np.int64(numbers[first + SIDE])
    crowd.memory[start + TOWARDS] = draw_below(agent, 2) if side == 2 else side
    lots = numbers[first + LEAST]
    if numbers[first + TAIL] > 0.0:
        lots = min(math.floor(lots * draw_pareto(agent, numbers[first + TAIL])), numbers[first + MOST])
    crowd.memory[start + LOTS] = lots
    from_ns = math.floor(numbers[first + START_NS] + draw_uniform(agent) * numbers[first + START_SPAN_NS])
    crowd.memory[start + FROM_NS] = from_ns
    crowd.memory[start + FOR_NS] = math.floor(
        numbers[first + HORIZON_NS] + draw_uniform(agent) * numbers[first + HORIZON_SPAN_NS]
    )
    crowd.memory[start + TRADED] = -1.0
    return np.int64(agent["since_ns"]) + np.int64(from_ns)


@inline
def day_share(u):
    """Share of a day's volume by u of the day, 0 <= u <= 1."""
    v = 2.0 * u - 1.0
    return 0.6 * u + 0.2 * (v * v * v + 1.0)


@kernel
def _progress(crowd, index, at_ns):
    """The share of a TWAP or VWAP parent that is to be done by a time from the start."""
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    from_ns = crowd.memory[start + FROM_NS]
    end_ns = from_ns + crowd.memory[start + FOR_NS]
    at_ns = min(max(at_ns, from_ns), end_ns)
    if crowd.numbers[first + STYLE] == TWAP:
        return (at_ns - from_ns) / (end_ns - from_ns)
    open_ns = crowd.numbers[first + OPEN_NS]
    day_ns = crowd.numbers[first + CLOSE_NS] - open_ns
    begun = day_share(min(max((from_ns - open_ns) / day_ns, 0.0), 1.0))
    done = day_share(min(max((at_ns - open_ns) / day_ns, 0.0), 1.0))
    ended = day_share(min(max((end_ns - open_ns) / day_ns, 0.0), 1.0))
    return (done - begun) / (ended - begun) if ended > begun else 1.0


@kernel
def _due_lots(crowd, index, seen, at_ns, done):
    """Lots to be done by a time from the start; for POV by now."""
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    lots = crowd.memory[start + LOTS]
    if crowd.numbers[first + STYLE] != POV:
        return np.int64(math.floor(lots * _progress(crowd, index, at_ns)))
    touch = crowd.touches[seen]
    traded = np.float64(touch["bought_lots"] + touch["sold_lots"])
    if crowd.memory[start + TRADED] < 0.0:
        crowd.memory[start + TRADED] = traded
    share = crowd.numbers[first + SHARE]
    others = max(traded - crowd.memory[start + TRADED] - done, 0.0)
    return np.int64(math.floor(min(share / (1.0 - share) * others, lots)))


@kernel
def _note_child(scene, index):
    """A child order goes out now."""
    agent = scene.crowd.agents[index]
    memory = scene.crowd.memory
    start = np.int64(agent["memory"])
    passed_ns = np.float64(scene.world.head[0]["now_ns"] - agent["since_ns"])
    if memory[start + SENT] == 0.0:
        memory[start + FIRST_NS] = passed_ns
    memory[start + SENT] += 1.0
    memory[start + LAST_NS] = passed_ns


@kernel
def _close(scene, index, side, done):
    """It is done, with so many lots: its end is when its last child arrived, or, if it posts, now."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    start = np.int64(agent["memory"])
    since_ns = np.int64(agent["since_ns"])
    end_ns = since_ns + np.int64(crowd.memory[start + LAST_NS]) + np.int64(agent["order_ns"])
    if crowd.numbers[np.int64(agent["first"]) + PATIENT] == 1.0:
        end_ns = np.int64(scene.world.head[0]["now_ns"])
    first_ns = since_ns + np.int64(crowd.memory[start + FIRST_NS])
    close_metaorder(scene, index, side, first_ns, end_ns, np.int64(done), np.int64(crowd.memory[start + SENT]))


@kernel
def _work(scene, index, wait_ns, done):
    """Send what is due now, and post what falls due until the next look.  done: lots it has, float64"""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    seen = seen_touch(scene, index)
    if seen < 0:
        return
    side = np.int64(crowd.memory[np.int64(agent["memory"]) + TOWARDS])
    patient = crowd.numbers[first + PATIENT] == 1.0
    pov = crowd.numbers[first + STYLE] == POV
    passed_ns = np.float64(scene.world.head[0]["now_ns"] - agent["since_ns"])
    behind = max(_due_lots(crowd, index, seen, passed_ns, done) - np.int64(done), 0)
    opposite_ticks = touch_price(crowd.touches[seen], 1 - side)
    own_ticks = touch_price(crowd.touches[seen], side)
    posted = np.int64(0)
    if patient and pov:
        posted = behind
        behind = np.int64(0)
    elif patient:
        posted = _due_lots(crowd, index, seen, passed_ns + wait_ns, done) - np.int64(done) - behind
    if behind > 0 and opposite_ticks != NONE_PRICE:
        _note_child(scene, index)
        send_limit_ioc(scene, index, side, opposite_ticks, behind)
    if posted > 0 and own_ticks != NONE_PRICE:
        _note_child(scene, index)
        send_limit(scene, index, side, own_ticks, posted)


@kernel
def _finish(scene, index, side, left, done):
    """Its time is over.  Returns when it wakes once more to hear what its last order traded, or NEVER."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    start = np.int64(agent["memory"])
    if crowd.numbers[np.int64(agent["first"]) + STYLE] != POV and crowd.memory[start + ENDED] == 0.0:
        crowd.memory[start + ENDED] = 1.0
        _note_child(scene, index)
        send_market(scene, index, side, np.int64(left))
        if agent["hears"] != 0:
            return np.int64(scene.world.head[0]["now_ns"] + agent["order_ns"] + agent["answer_ns"]) + 1
        done = np.float64(abs(agent["known_lots"]))
    _close(scene, index, side, done)
    return np.int64(NEVER)


@kernel
def act_execution(scene, index):
    """One look at its parent order."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    if agent["wakes"] == 1:
        return _draw_parent(scene, index)
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    cancel_all(scene, index)
    if agent["open_orders"] > 0:
        return now_ns + np.int64(agent["order_ns"] + agent["answer_ns"]) + 1
    side = np.int64(crowd.memory[start + TOWARDS])
    done = np.float64(agent["known_lots"] if side == Side.BUY else -agent["known_lots"])
    left = crowd.memory[start + LOTS] - done
    end_ns = np.int64(agent["since_ns"]) + np.int64(crowd.memory[start + FROM_NS] + crowd.memory[start + FOR_NS])
    if left <= 0.0:
        _close(scene, index, side, done)
        return np.int64(NEVER)
    if now_ns >= end_ns:
        return _finish(scene, index, side, left, done)
    jitter = 1.0 + crowd.numbers[first + JITTER] * (2.0 * draw_uniform(agent) - 1.0)
    wait_ns = math.ceil(crowd.numbers[first + EVERY_NS] * jitter)
    _work(scene, index, wait_ns, done)
    return min(now_ns + np.int64(wait_ns), end_ns)
