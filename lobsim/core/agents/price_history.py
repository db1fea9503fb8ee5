"""The price of a market step by step, for agents who compare it with what it was: an agent that never trades.

At every step it notes the middle it sees; while a side is empty the price stays.  It stands before those who ask.

Numbers: STEP_NS, LENGTH steps kept, START the first price.  Memory: the COUNT of prices, then the last LENGTH of them.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.view import seen_touch
from lobsim.core.agents.waits import after_ns
from lobsim.core.jit import inline, kernel
from lobsim.types import NONE_PRICE

STEP_NS = 0
LENGTH = 1
START = 2
NUMBERS = 3
COUNT = 0
PRICES = 1


@inline
def price_ago(scene, index, steps):
    """The price so many steps before the newest, or the oldest there is; in ticks, a float.  index: of the agent that keeps them"""
    crowd = scene.crowd
    start = np.int64(crowd.agents[index]["memory"])
    length = np.int64(crowd.numbers[np.int64(crowd.agents[index]["first"]) + LENGTH])
    count = np.int64(crowd.memory[start + COUNT])
    back = min(steps, min(count, length) - 1)
    return crowd.memory[start + PRICES + (count - 1 - back) % length]


@kernel
def act_price_history(scene, index):
    """One price more."""
    crowd = scene.crowd
    first = np.int64(crowd.agents[index]["first"])
    start = np.int64(crowd.agents[index]["memory"])
    price = crowd.numbers[first + START]
    if crowd.memory[start + COUNT] > 0.0:
        price = price_ago(scene, index, np.int64(0))
    seen = seen_touch(scene, index)
    if seen >= 0:
        touch = crowd.touches[seen]
        if touch["bid_ticks"] != NONE_PRICE and touch["ask_ticks"] != NONE_PRICE:
            price = 0.5 * np.float64(touch["bid_ticks"] + touch["ask_ticks"])
    count = np.int64(crowd.memory[start + COUNT])
    crowd.memory[start + PRICES + count % np.int64(crowd.numbers[first + LENGTH])] = price
    crowd.memory[start + COUNT] = count + 1
    return after_ns(scene, crowd.numbers[first + STEP_NS])
