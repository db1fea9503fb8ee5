"""Which order a flow cancels."""

from __future__ import annotations

import numpy as np

from lobsim.core.chance import draw_below
from lobsim.core.jit import kernel

_DENSE = 8


@kernel
def any_order_of(crowd, index):
    """Any of an agent's open orders, each equally likely; it has some.

    Slots are tried until one is the agent's.  Where its orders are few among many, its list is walked instead.
    """
    agent = crowd.agents[index]
    slots = np.int64(crowd.head[0]["fresh"]) - 1
    count = np.int64(agent["open_orders"])
    if count * _DENSE >= slots:
        while True:
            slot = 1 + draw_below(agent, slots)
            if crowd.orders[slot]["serial"] != 0 and crowd.orders[slot]["agent"] == index:
                return slot
    slot = np.int64(agent["first_order"])
    for _ in range(draw_below(agent, count)):
        slot = np.int64(crowd.orders[slot]["next"])
    return slot
