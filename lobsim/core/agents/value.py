"""Value: an agent with a noisy idea of the fundamental value, as in ABIDES (Byrd, Hybinette, Balch 2020).

It wakes at random, withdraws what it has, looks at the fundamental with an error that is normal, and carries that on to the close: ``r = m + (v - m) e^(-k d)``, d seconds before it.  Below the middle it sells, else it buys: now and then
at the best opposite price, otherwise up to a number of spreads behind it.  Where a side of the book is empty it offers either way at r.

ABIDES filters observations over time, but with the parameters of its configurations the weight of the newest is 1 to within 1e-13; the filter is left out.

Numbers: FUNDAMENTAL index of the agent that has it, MEAN ticks, REVERSION per second, WAIT_NS mean, NOISE standard deviation in ticks, CLOSE_NS from the start, AGGRESSIVE probability, DEPTH spreads.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.fundamental import fundamental_now
from lobsim.core.agents.order_sizes import draw_order_size
from lobsim.core.agents.orders import cancel_all, send_limit
from lobsim.core.agents.view import seen_touch
from lobsim.core.agents.waits import draw_wake, first_wake, nearest
from lobsim.core.arithmetic import exponential
from lobsim.core.chance import draw_below, draw_normal, draw_uniform
from lobsim.core.jit import kernel
from lobsim.types import NONE_PRICE, Side

FUNDAMENTAL = 0
MEAN = 1
REVERSION = 2
WAIT_NS = 3
NOISE = 4
CLOSE_NS = 5
AGGRESSIVE = 6
DEPTH = 7
NUMBERS = 8

_NS = 1e9


@kernel
def _expected_close(scene, index):
    """What it thinks the value will be at the close, in ticks."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    value = fundamental_now(scene, np.int64(numbers[first + FUNDAMENTAL]))
    observed = np.float64(nearest(value + numbers[first + NOISE] * draw_normal(agent)))
    passed_ns = np.float64(scene.world.head[0]["now_ns"] - agent["since_ns"])
    left = max(numbers[first + CLOSE_NS] - passed_ns, 0.0) / _NS
    mean = numbers[first + MEAN]
    return nearest(mean + (observed - mean) * exponential(-numbers[first + REVERSION] * left))


@kernel
def _behind(agent, aggressive, depth, spread_ticks):
    """How far behind the best opposite price it asks for."""
    if draw_uniform(agent) < aggressive:
        return np.int64(0)
    return draw_below(agent, depth * spread_ticks)


@kernel
def act_value(scene, index):
    """One look, one order."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    if agent["wakes"] == 1:
        return first_wake(scene, index)
    cancel_all(scene, index)
    expected_ticks = _expected_close(scene, index)
    size = draw_order_size(agent)
    seen = seen_touch(scene, index)
    bid_ticks = np.int64(crowd.touches[seen]["bid_ticks"]) if seen >= 0 else np.int64(NONE_PRICE)
    ask_ticks = np.int64(crowd.touches[seen]["ask_ticks"]) if seen >= 0 else np.int64(NONE_PRICE)
    if bid_ticks == NONE_PRICE or ask_ticks == NONE_PRICE:
        send_limit(scene, index, draw_below(agent, 2), expected_ticks, size)
    else:
        depth = np.int64(crowd.numbers[first + DEPTH])
        behind = _behind(agent, crowd.numbers[first + AGGRESSIVE], depth, ask_ticks - bid_ticks)
        if 2 * expected_ticks < bid_ticks + ask_ticks:
            send_limit(scene, index, Side.SELL, bid_ticks + behind, size)
        else:
            send_limit(scene, index, Side.BUY, ask_ticks - behind, size)
    return draw_wake(scene, index, crowd.numbers[first + WAIT_NS])
