"""Where the numbers of a queue-reactive market stand, and what it sees of its queues.

*Regimes.*  Every queue may look at one other: a first queue at the first one of the opposite side, all others at the first one of their own side.  What it looks at is EMPTY, SMALL (up to SMALL_MOST units), USUAL (up to
USUAL_MOST) or LARGE, and there are tables for each (models IIa and IIb of Huang, Lehalle, Rosenbaum 2015).  With one regime no queue looks at another.

Numbers: QUEUES, MOST (tables speak of 0 to MOST units), THETA, THETA_REINIT, FEEDBACK, MODES of G, BINS, POINTS of a law, REGIMES (1 or 4), SMALL_MOST, USUAL_MOST; then unit [K]; rates [REGIMES][ADD, CANCEL, MARKET]
[K][MOST + 1]; law that queues are drawn from, cumulative, [K][MOST + 1]; upper ends of bins in units [BINS]; weights and decays per second of G, [MODES] each; laws of sizes [K][3][BINS]: lots [POINTS], then cumulative
shares [POINTS].
Memory: REFERENCE (its lower tick), LAST_MID (bid + ask, UNSET at first), TODO (1: queues wait to be drawn), BOUGHT and SOLD as last seen, targets [2 K] in lots, modes [MODES], rates as of the last change of the book
[2 K][3], those of the buys' queues first.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.ladder import beside, lots_at
from lobsim.core.agents.view import best_price
from lobsim.core.jit import inline, kernel

QUEUES = 0
MOST = 1
THETA = 2
THETA_REINIT = 3
FEEDBACK = 4
MODES = 5
BINS = 6
POINTS = 7
REGIMES = 8
SMALL_MOST = 9
USUAL_MOST = 10
TABLES = 11
REFERENCE = 0
LAST_MID = 1
TODO = 2
BOUGHT = 3
SOLD = 4
TARGETS = 5
UNSET = -1e300
AS_IT_IS = -1.0
TO_BE_DRAWN = -2.0
ADD = 0
CANCEL = 1
MARKET = 2
EMPTY = 0
SMALL = 1
USUAL = 2
LARGE = 3


@inline
def queue_price(scene, index, side, i):
    """Price of the i-th queue of a side, i from 0."""
    memory = np.int64(scene.crowd.agents[index]["memory"])
    return beside(side, np.int64(scene.crowd.memory[memory + REFERENCE]) + side, i)


@inline
def units_of(scene, index, side, i):
    """Units in the i-th queue of a side, at most MOST."""
    numbers = scene.crowd.numbers
    first = np.int64(scene.crowd.agents[index]["first"])
    lots = lots_at(scene.world.book, side, queue_price(scene, index, side, i))
    return np.int64(min(math.ceil(lots / numbers[first + TABLES + i]), numbers[first + MOST]))


@inline
def rate_table(numbers, first, regime, which, i):
    """Where the rates of the i-th queue begin.  which: ADD, CANCEL, MARKET"""
    queues = np.int64(numbers[first + QUEUES])
    return first + TABLES + queues + ((regime * 3 + which) * queues + i) * (np.int64(numbers[first + MOST]) + 1)


@inline
def drawn_law(numbers, first, i):
    """Where the law that the i-th queue is drawn from begins; for i = QUEUES: the end of all laws."""
    return rate_table(numbers, first, np.int64(numbers[first + REGIMES]), ADD, i)


@inline
def modes_place(scene, index):
    """Where the modes begin in an agent's memory."""
    agent = scene.crowd.agents[index]
    return np.int64(agent["memory"]) + TARGETS + 2 * np.int64(scene.crowd.numbers[np.int64(agent["first"]) + QUEUES])


@inline
def rates_place(scene, index):
    """Where the rates as of the last change of the book begin in an agent's memory."""
    first = np.int64(scene.crowd.agents[index]["first"])
    return modes_place(scene, index) + np.int64(scene.crowd.numbers[first + MODES])


@inline
def _regime(scene, index, side):
    """What the first queue of a side is to those who look at it."""
    numbers = scene.crowd.numbers
    first = np.int64(scene.crowd.agents[index]["first"])
    if numbers[first + REGIMES] == 1.0:
        return np.int64(0)
    units = units_of(scene, index, side, 0)
    if units == 0:
        return np.int64(EMPTY)
    if units <= numbers[first + SMALL_MOST]:
        return np.int64(SMALL)
    return np.int64(USUAL if units <= numbers[first + USUAL_MOST] else LARGE)


@kernel
def note_rates(scene, index):
    """Remember how often each event happens at each queue, per second, in the book as it is."""
    crowd = scene.crowd
    first = np.int64(crowd.agents[index]["first"])
    queues = np.int64(crowd.numbers[first + QUEUES])
    place = rates_place(scene, index)
    buys = _regime(scene, index, 0)
    sells = _regime(scene, index, 1)
    for side in range(2):
        best = best_price(scene.world.book, side)
        for i in range(queues):
            regime = sells if (side == 0) == (i == 0) else buys
            units = units_of(scene, index, side, i)
            leaves = units > 0
            taken = leaves and best == queue_price(scene, index, side, i)
            crowd.memory[place] = crowd.numbers[rate_table(crowd.numbers, first, regime, ADD, i) + units]
            crowd.memory[place + 1] = (
                crowd.numbers[rate_table(crowd.numbers, first, regime, CANCEL, i) + units] if leaves else 0.0
            )
            crowd.memory[place + 2] = (
                crowd.numbers[rate_table(crowd.numbers, first, regime, MARKET, i) + units] if taken else 0.0
            )
            place += 3
