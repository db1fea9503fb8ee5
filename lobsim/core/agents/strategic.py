"""The strategic trader of Cheridito and Weiss (2025): somebody who wants one thing all day.

Every PERIOD_NS it sends a market order and a limit order in a direction drawn once; the limit order improves the best price of its side by a tick, or joins it where the spread is
one.  What it sent stays until it trades.

Numbers: PERIOD_NS, MARKET_LOTS, LIMIT_LOTS.  Memory: its direction, a Side.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.ladder import beside
from lobsim.core.agents.orders import send_limit, send_market
from lobsim.core.agents.view import seen_touch
from lobsim.core.chance import draw_below
from lobsim.core.jit import kernel
from lobsim.types import NONE_PRICE

PERIOD_NS = 0
MARKET_LOTS = 1
LIMIT_LOTS = 2
DIRECTION = 0
MEMORY = 1


@kernel
def act_strategic(scene, index):
    """The trader's turn.  Returns when the next one is."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    memory = np.int64(agent["memory"])
    next_ns = np.int64(scene.world.head[0]["now_ns"]) + np.int64(crowd.numbers[first + PERIOD_NS])
    if agent["wakes"] == 1:
        crowd.memory[memory + DIRECTION] = np.float64(draw_below(agent, 2))
        return next_ns
    side = np.int64(crowd.memory[memory + DIRECTION])
    seen = seen_touch(scene, index)
    send_market(scene, index, side, np.int64(crowd.numbers[first + MARKET_LOTS]))
    if seen >= 0:
        touch = crowd.touches[seen]
        near = np.int64(touch["ask_ticks"] if side else touch["bid_ticks"])
        far = np.int64(touch["bid_ticks"] if side else touch["ask_ticks"])
        if near != NONE_PRICE:
            wide = far == NONE_PRICE or abs(far - near) > 1
            price_ticks = beside(side, near, -1) if wide else near
            send_limit(scene, index, side, price_ticks, np.int64(crowd.numbers[first + LIMIT_LOTS]))
    return next_ns
