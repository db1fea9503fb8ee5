"""Queue-reactive market: models II and III of Huang, Lehalle, Rosenbaum (2015), with sizes (Bodor, Carlier 2024) and impact feedback (Noble, Rosenbaum, Souilmi 2026).

*Queues.*  K on each side of a reference price that lies between two ticks: the i-th ask is i ticks above the lower of them, the i-th bid i - 1 below.  A queue of n units (a unit is its
average event size; n is rounded up) gets orders, cancels and, while it is the best of its side, takers at rates that are tables of n, the same for both sides, and of what another queue is (`queue_tables`).  How many lots an
event has is drawn from a law of its own for each queue, type of event and bin of n.

*Reference.*  When the mid has moved and the first queue it moved towards is empty, the reference follows by a tick with probability THETA, and the queue that comes into reach is drawn from its law; with
probability THETA_REINIT all queues are, each by itself (queues that look at others have a joint law, which is not drawn).  A drawn queue is reached by one order for what is missing, or by cancels of the newest for what is too much, at most 48 requests at a time; it goes on within
nanoseconds.  Queues that fall out of reach stay as they are.  Whoever moved the mid, the flow follows.  Where a side is empty there is no mid.

*Feedback.*  phi is the sum over all trades of sign * sqrt(lots) * G(age), G a sum of exponentials.  With b = FEEDBACK * phi, sells that trade are e^b times as probable for b > 0, buys e^-b times for b < 0; how often
anything happens does not change.

Numbers and memory: `queue_tables`.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.ladder import cancel_share
from lobsim.core.agents.orders import send_limit, send_market
from lobsim.core.agents.queue_drawing import draw_targets, follow_mid, pull_of_mid, redraw
from lobsim.core.agents.queue_tables import (
    ADD,
    BINS,
    BOUGHT,
    CANCEL,
    FEEDBACK,
    MARKET,
    MODES,
    POINTS,
    QUEUES,
    SOLD,
    TODO,
    drawn_law,
    modes_place,
    note_rates,
    queue_price,
    rates_place,
    units_of,
)
from lobsim.core.arithmetic import exponential
from lobsim.core.chance import draw_uniform
from lobsim.core.jit import kernel

_AT_ONCE = 1e9


@kernel
def _total(scene, index, taken_bids, taken_asks):
    """Sum of all rates as last noted; those of takers are multiplied by the two numbers."""
    memory = scene.crowd.memory
    queues = np.int64(scene.crowd.numbers[np.int64(scene.crowd.agents[index]["first"]) + QUEUES])
    place = rates_place(scene, index)
    total = 0.0
    for side in range(2):
        times = taken_asks if side else taken_bids
        for _ in range(queues):
            total += memory[place] + memory[place + 1]
            total += times * memory[place + 2]
            place += 3
    return total


@kernel
def _pressure(scene, index):
    """FEEDBACK * phi now; what has traded since the last look is taken in."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    numbers = crowd.numbers
    first = np.int64(agent["first"])
    memory = np.int64(agent["memory"])
    modes = np.int64(numbers[first + MODES])
    bought = crowd.head[0]["bought_lots"] - crowd.memory[memory + BOUGHT]
    sold = crowd.head[0]["sold_lots"] - crowd.memory[memory + SOLD]
    crowd.memory[memory + BOUGHT] = crowd.head[0]["bought_lots"]
    crowd.memory[memory + SOLD] = crowd.head[0]["sold_lots"]
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    passed = np.float64(now_ns - np.int64(agent["since_ns"])) / 1e9
    agent["since_ns"] = now_ns
    weights = drawn_law(numbers, first, np.int64(numbers[first + QUEUES])) + np.int64(numbers[first + BINS])
    phi = 0.0
    for k in range(modes):
        place = modes_place(scene, index) + k
        left = exponential(-numbers[weights + modes + k] * passed) if passed > 0.0 else 1.0
        crowd.memory[place] = crowd.memory[place] * left + math.sqrt(bought) - math.sqrt(sold)
        phi += numbers[weights + k] * crowd.memory[place]
    return numbers[first + FEEDBACK] * phi


@kernel
def queue_reactive_rate(scene, index):
    """Events per second; what follows from a move of the mid happens at once.  changes: the rates remembered"""
    _pressure(scene, index)
    if scene.crowd.memory[np.int64(scene.crowd.agents[index]["memory"]) + TODO] != 0.0:
        return _AT_ONCE
    if pull_of_mid(scene, index) != 0:
        return _AT_ONCE
    note_rates(scene, index)
    return _total(scene, index, 1.0, 1.0)


@kernel
def _size(scene, index, which, i, units):
    """Lots of one event."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    bins = np.int64(numbers[first + BINS])
    points = np.int64(numbers[first + POINTS])
    bounds = drawn_law(numbers, first, np.int64(numbers[first + QUEUES]))
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
def _happen(scene, index, which, side, i):
    """An event happens to the i-th queue of a side."""
    size = _size(scene, index, which, i, units_of(scene, index, side, i))
    price_ticks = queue_price(scene, index, side, i)
    if which == ADD:
        send_limit(scene, index, side, price_ticks, size)
    elif which == CANCEL:
        cancel_share(scene, index, side, price_ticks, size)
    else:
        send_market(scene, index, np.int64(1 - side), size)


@kernel
def _one_event(scene, index):
    """One order, cancel or taker, in proportion to their rates; the book is as it was when they were noted."""
    agent = scene.crowd.agents[index]
    queues = np.int64(scene.crowd.numbers[np.int64(agent["first"]) + QUEUES])
    place = rates_place(scene, index)
    pressure = _pressure(scene, index)
    taken_bids = exponential(pressure) if pressure > 0.0 else 1.0
    taken_asks = exponential(-pressure) if pressure < 0.0 else 1.0
    at = draw_uniform(agent) * _total(scene, index, taken_bids, taken_asks)
    for side in range(2):
        times = taken_asks if side else taken_bids
        for i in range(queues):
            for which in range(3):
                rate = scene.crowd.memory[place + which]
                if which == MARKET:
                    rate *= times
                if at < rate:
                    _happen(scene, index, which, side, i)
                    return
                at -= rate
            place += 3


@kernel
def act_queue_reactive(scene, index):
    """The reference follows the mid, queues are drawn, or one event happens."""
    memory = np.int64(scene.crowd.agents[index]["memory"])
    todo = scene.crowd.memory[memory + TODO] != 0.0
    pull = pull_of_mid(scene, index)
    if not todo and pull == 0:
        _one_event(scene, index)
        return
    if not todo:
        follow_mid(scene, index, pull)
    if scene.crowd.memory[memory + TODO] != 0.0:
        draw_targets(scene, index)
        redraw(scene, index)
