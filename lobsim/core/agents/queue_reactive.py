"""Queue-reactive market: model III of Huang, Lehalle, Rosenbaum (2015), with sizes (Bodor, Carlier 2024) and impact feedback (Noble, Rosenbaum, Souilmi 2026).

*Queues.*  K on each side of a reference price that lies between two ticks: the i-th ask is i ticks above the lower of them, the i-th bid i - 1 below.  A queue of n units (a unit is its
average event size; n is rounded up) gets orders, cancels and, while it is the best of its side, takers at rates that are tables of n, the same for both sides.  How many lots an event has is drawn from a law of
its own for each queue, type of event and bin of n.

*Reference.*  When the mid has moved and the first queue it moved towards is empty, the reference follows by a tick with probability THETA, and the queue that comes into reach is drawn from its stationary law; with
probability THETA_REINIT all queues are.  A drawn queue is reached by one order for what is missing, or by cancels of the newest for what is too much, at most SENT requests at a time; it goes on within nanoseconds.
Queues that fall out of reach stay as they are.  Whoever moved the mid, the flow follows.  Where a side is empty there is no mid.

*Feedback.*  phi is the sum over all trades of sign * sqrt(lots) * G(age), G a sum of exponentials.  With b = FEEDBACK * phi, sells that trade are e^b times as probable for b > 0, buys e^-b times for b < 0; how often
anything happens does not change.

Numbers: QUEUES, MOST (tables speak of 0 to MOST units), THETA, THETA_REINIT, FEEDBACK, MODES of G, BINS, POINTS of a law; then unit [K]; add, cancel, market rates [K][MOST + 1] each; stationary law, cumulative,
[K][MOST + 1]; upper ends of bins in units [BINS]; weights and decays per second of G, [MODES] each; laws of sizes [K][3][BINS]: lots [POINTS], then cumulative shares [POINTS].
Memory: REFERENCE (its lower tick), LAST_MID (bid + ask, UNSET at first), TODO (1: queues wait to be drawn), BOUGHT and SOLD as last seen, targets [2 K] in lots, modes [MODES].
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.ladder import beside, cancel_share, lots_at
from lobsim.core.agents.orders import send_cancel, send_limit, send_market, send_reduce
from lobsim.core.agents.view import best_price
from lobsim.core.arithmetic import exponential
from lobsim.core.chance import draw_uniform
from lobsim.core.jit import inline, kernel
from lobsim.core.levels import find_level, fold
from lobsim.types import NONE_PRICE

QUEUES = 0
MOST = 1
THETA = 2
THETA_REINIT = 3
FEEDBACK = 4
MODES = 5
BINS = 6
POINTS = 7
TABLES = 8
REFERENCE = 0
LAST_MID = 1
TODO = 2
BOUGHT = 3
SOLD = 4
TARGETS = 5
UNSET = -1e300
AS_IT_IS = -1.0
TO_BE_DRAWN = -2.0
SENT = 48
ADD = 0
CANCEL = 1
MARKET = 2
_AT_ONCE = 1e9


@inline
def _queue_price(scene, index, side, i):
    """Price of the i-th queue of a side, i from 0."""
    memory = np.int64(scene.crowd.agents[index]["memory"])
    return beside(side, np.int64(scene.crowd.memory[memory + REFERENCE]) + side, i)


@inline
def _units(scene, index, side, i):
    """Units in the i-th queue of a side, at most MOST."""
    numbers = scene.crowd.numbers
    first = np.int64(scene.crowd.agents[index]["first"])
    lots = lots_at(scene.world.book, side, _queue_price(scene, index, side, i))
    return np.int64(min(math.ceil(lots / numbers[first + TABLES + i]), numbers[first + MOST]))


@inline
def _table(numbers, first, which, i):
    """Where the table of the i-th queue begins.  which: ADD, CANCEL, MARKET, 3 the stationary law"""
    queues = np.int64(numbers[first + QUEUES])
    return first + TABLES + queues + (which * queues + i) * (np.int64(numbers[first + MOST]) + 1)


@inline
def _rate(scene, index, which, side, i):
    """How often an event happens at the i-th queue of a side, per second."""
    numbers = scene.crowd.numbers
    first = np.int64(scene.crowd.agents[index]["first"])
    units = _units(scene, index, side, i)
    if which != ADD and units == 0:
        return 0.0
    if which == MARKET and best_price(scene.world.book, side) != _queue_price(scene, index, side, i):
        return 0.0
    return numbers[_table(numbers, first, which, i) + units]


@kernel
def _total(scene, index, taken_bids, taken_asks):
    """Sum of all rates; those of takers are multiplied by the two numbers."""
    queues = np.int64(scene.crowd.numbers[np.int64(scene.crowd.agents[index]["first"]) + QUEUES])
    total = 0.0
    for side in range(2):
        for i in range(queues):
            times = taken_asks if side else taken_bids
            total += _rate(scene, index, ADD, side, i) + _rate(scene, index, CANCEL, side, i)
            total += times * _rate(scene, index, MARKET, side, i)
    return total


@kernel
def _pressure(scene, index):
    """FEEDBACK * phi now; what has traded since the last look is taken in."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    numbers = crowd.numbers
    first = np.int64(agent["first"])
    memory = np.int64(agent["memory"])
    queues = np.int64(numbers[first + QUEUES])
    modes = np.int64(numbers[first + MODES])
    bought = crowd.head[0]["bought_lots"] - crowd.memory[memory + BOUGHT]
    sold = crowd.head[0]["sold_lots"] - crowd.memory[memory + SOLD]
    crowd.memory[memory + BOUGHT] = crowd.head[0]["bought_lots"]
    crowd.memory[memory + SOLD] = crowd.head[0]["sold_lots"]
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    passed = np.float64(now_ns - np.int64(agent["since_ns"])) / 1e9
    agent["since_ns"] = now_ns
    weights = _table(numbers, first, 4, np.int64(0)) + np.int64(numbers[first + BINS])
    phi = 0.0
    for k in range(modes):
        place = memory + TARGETS + 2 * queues + k
        aged = crowd.memory[place] * exponential(-numbers[weights + modes + k] * passed)
        crowd.memory[place] = aged + math.sqrt(bought) - math.sqrt(sold)
        phi += numbers[weights + k] * crowd.memory[place]
    return numbers[first + FEEDBACK] * phi


@kernel
def _pull(scene, index):
    """1 or -1 where the reference may follow the mid up or down, else 0; a mid that asks for nothing is remembered."""
    crowd = scene.crowd
    book = scene.world.book
    memory = np.int64(crowd.agents[index]["memory"])
    bid = best_price(book, 0)
    ask = best_price(book, 1)
    if bid == NONE_PRICE or ask == NONE_PRICE:
        return 0
    mid = np.float64(bid + ask)
    last = crowd.memory[memory + LAST_MID]
    if last != UNSET and mid > last and lots_at(book, 1, _queue_price(scene, index, 1, 0)) == 0:
        return 1
    if last != UNSET and mid < last and lots_at(book, 0, _queue_price(scene, index, 0, 0)) == 0:
        return -1
    crowd.memory[memory + LAST_MID] = mid
    return 0


@kernel
def queue_reactive_rate(scene, index):
    """Events per second; what follows from a move of the mid happens at once."""
    _pressure(scene, index)
    if scene.crowd.memory[np.int64(scene.crowd.agents[index]["memory"]) + TODO] != 0.0:
        return _AT_ONCE
    if _pull(scene, index) != 0:
        return _AT_ONCE
    return _total(scene, index, 1.0, 1.0)


@kernel
def _follow(scene, index, pull):
    """The reference follows the mid, or not."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    memory = np.int64(agent["memory"])
    queues = np.int64(crowd.numbers[first + QUEUES])
    crowd.memory[memory + LAST_MID] = best_price(scene.world.book, 0) + best_price(scene.world.book, 1)
    if draw_uniform(agent) >= crowd.numbers[first + THETA]:
        return
    crowd.memory[memory + REFERENCE] += pull
    crowd.memory[memory + TODO] = 1.0
    everything = draw_uniform(agent) < crowd.numbers[first + THETA_REINIT]
    come = 2 * queues - 1 if pull > 0 else queues - 1
    for queue in range(2 * queues):
        crowd.memory[memory + TARGETS + queue] = TO_BE_DRAWN if everything or queue == come else AS_IT_IS


@kernel
def _draw_targets(scene, index):
    """Give every queue that waits for one its number of lots, from the stationary law."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    numbers = crowd.numbers
    first = np.int64(agent["first"])
    queues = np.int64(numbers[first + QUEUES])
    most = np.int64(numbers[first + MOST])
    for queue in range(2 * queues):
        place = np.int64(agent["memory"]) + TARGETS + queue
        if crowd.memory[place] == TO_BE_DRAWN:
            i = queue % queues
            law = _table(numbers, first, 3, i)
            at = draw_uniform(agent)
            units = 0
            while units < most and at >= numbers[law + units]:
                units += 1
            crowd.memory[place] = units * numbers[first + TABLES + i]


@kernel
def _shorten(scene, index, side, price_ticks, excess, left):
    """Take lots off an agent's orders at a price, newest first, with at most `left` requests.  Returns how many are left."""
    crowd = scene.crowd
    book = scene.world.book
    level = find_level(book, side, fold(side, price_ticks))
    node = np.int64(book.nodes[level]["prev"])
    while node != level and excess > 0 and left > 0:
        slot = np.int64(book.nodes[node]["key"]) - np.int64(crowd.head[0]["base"])
        size = np.int64(book.nodes[node]["size"])
        node = np.int64(book.nodes[node]["prev"])
        if slot > 0 and crowd.orders[slot]["agent"] == index:
            if size <= excess:
                send_cancel(scene, slot)
            else:
                send_reduce(scene, slot, excess)
            excess -= min(size, excess)
            left -= 1
    return left


@kernel
def _redraw(scene, index):
    """Bring queues to what was drawn for them: first cancels, then orders."""
    crowd = scene.crowd
    memory = np.int64(crowd.agents[index]["memory"])
    queues = np.int64(crowd.numbers[np.int64(crowd.agents[index]["first"]) + QUEUES])
    left = np.int64(SENT)
    for adding in range(2):
        for queue in range(2 * queues):
            target = crowd.memory[memory + TARGETS + queue]
            if target == AS_IT_IS or left == 0:
                continue
            side = np.int64(queue >= queues)
            price_ticks = _queue_price(scene, index, side, queue % queues)
            missing = np.int64(target) - lots_at(scene.world.book, side, price_ticks)
            if adding and missing > 0:
                send_limit(scene, index, side, price_ticks, missing)
                left -= 1
            elif not adding and missing < 0:
                left = _shorten(scene, index, side, price_ticks, -missing, left)
            if adding:
                crowd.memory[memory + TARGETS + queue] = AS_IT_IS
    crowd.memory[memory + TODO] = np.float64(left == 0)
    crowd.memory[memory + LAST_MID] = UNSET  # what was drawn is no move of the mid


@kernel
def _size(scene, index, which, i, units):
    """Lots of one event."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    bins = np.int64(numbers[first + BINS])
    points = np.int64(numbers[first + POINTS])
    bounds = _table(numbers, first, 4, np.int64(0))
    place = np.int64(0)
    while place < bins - 1 and units > numbers[bounds + place]:
        place += 1
    laws = bounds + bins + 2 * np.int64(numbers[first + MODES])
    law = laws + ((i * 3 + which) * bins + place) * 2 * points
    at = draw_uniform(agent)
    point = np.int64(0)
    while point < points - 1 and at >= numbers[law + points + point]:
        point += 1
    return np.int64(numbers[law + point])


@kernel
def _one_event(scene, index):
    """One order, cancel or taker, in proportion to their rates."""
    agent = scene.crowd.agents[index]
    queues = np.int64(scene.crowd.numbers[np.int64(agent["first"]) + QUEUES])
    pressure = _pressure(scene, index)
    taken_bids = exponential(max(pressure, 0.0))
    taken_asks = exponential(max(-pressure, 0.0))
    at = draw_uniform(agent) * _total(scene, index, taken_bids, taken_asks)
    for side in range(2):
        for i in range(queues):
            for which in range(3):
                rate = _rate(scene, index, which, side, i)
                if which == MARKET:
                    rate *= taken_asks if side else taken_bids
                if at < rate:
                    size = _size(scene, index, which, i, _units(scene, index, side, i))
                    price_ticks = _queue_price(scene, index, side, i)
                    if which == ADD:
                        send_limit(scene, index, side, price_ticks, size)
                    elif which == CANCEL:
                        cancel_share(scene, index, side, price_ticks, size)
                    else:
                        send_market(scene, index, np.int64(1 - side), size)
                    return
                at -= rate


@kernel
def act_queue_reactive(scene, index):
    """The reference follows the mid, queues are drawn, or one event happens."""
    memory = np.int64(scene.crowd.agents[index]["memory"])
    todo = scene.crowd.memory[memory + TODO] != 0.0
    pull = _pull(scene, index)
    if not todo and pull == 0:
        _one_event(scene, index)
        return
    if not todo:
        _follow(scene, index, pull)
    if scene.crowd.memory[memory + TODO] != 0.0:
        _draw_targets(scene, index)
        _redraw(scene, index)
