"""Momentum: an agent that compares two averages of the middles it has seen, as in ABIDES (Byrd, Hybinette, Balch 2020).

It wakes at random and notes the middle.  Once it has more than 50 of them it buys at the ask if the mean of the last 20 is not below that of the last 50, else it sells at the bid.  Both are
compared exactly; ABIDES rounds them to a hundredth of a tick before.

Numbers: WAIT_NS mean, LEAST and MOST lots, uniform (MOST 0: sizes as in `order_sizes`).  Memory: the COUNT of middles, the sums of the last 20 and 50, the last 50.  All middles are kept doubled, as whole numbers.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.order_sizes import draw_order_size
from lobsim.core.agents.orders import send_limit
from lobsim.core.agents.view import seen_touch, touch_price
from lobsim.core.agents.waits import draw_wake, first_wake
from lobsim.core.chance import draw_below
from lobsim.core.jit import kernel
from lobsim.types import NONE_PRICE, Side

WAIT_NS = 0
LEAST = 1
MOST = 2
NUMBERS = 3
SHORT = 20
LONG = 50
COUNT = 0
SHORT_SUM = 1
LONG_SUM = 2
MIDDLES = 3
MEMORY = 3 + LONG


@kernel
def _note_middle(memory, start, doubled):
    """One middle more.  memory: from start on laid out as above"""
    count = np.int64(memory[start + COUNT])
    place = start + MIDDLES + count % LONG
    memory[start + LONG_SUM] += doubled - memory[place]
    memory[start + SHORT_SUM] += doubled
    if count >= SHORT:
        memory[start + SHORT_SUM] -= memory[start + MIDDLES + (count - SHORT) % LONG]
    memory[place] = doubled
    memory[start + COUNT] = count + 1


@kernel
def _lots(crowd, index):
    """The size of its next order."""
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    most = np.int64(crowd.numbers[first + MOST])
    if most == 0:
        return draw_order_size(agent)
    least = np.int64(crowd.numbers[first + LEAST])
    return least + draw_below(agent, most - least + 1)


@kernel
def act_momentum(scene, index):
    """One middle more, and an order with the trend."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    wait_ns = crowd.numbers[np.int64(agent["first"]) + WAIT_NS]
    if agent["wakes"] == 1:
        first_wake(scene, index)
        return draw_wake(scene, index, wait_ns)
    seen = seen_touch(scene, index)
    if seen >= 0:
        touch = crowd.touches[seen]
        start = np.int64(agent["memory"])
        if touch["bid_ticks"] != NONE_PRICE and touch["ask_ticks"] != NONE_PRICE:
            _note_middle(crowd.memory, start, np.float64(touch["bid_ticks"] + touch["ask_ticks"]))
            if crowd.memory[start + COUNT] > LONG:
                rising = LONG * crowd.memory[start + SHORT_SUM] >= SHORT * crowd.memory[start + LONG_SUM]
                side = np.int64(Side.BUY) if rising else np.int64(Side.SELL)
                send_limit(scene, index, side, touch_price(touch, 1 - side), _lots(crowd, index))
    return draw_wake(scene, index, wait_ns)
