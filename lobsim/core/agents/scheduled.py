"""A parent order worked on a fixed schedule, to measure what it does to the market.

Numbers: SIDE, LOTS of each child order (0: it stays away), CHILDREN, INTERVAL_NS between them, START_NS after the market begins.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.metaorders import close_metaorder
from lobsim.core.agents.orders import send_market
from lobsim.core.jit import kernel
from lobsim.types import NEVER

SIDE = 0
LOTS = 1
CHILDREN = 2
INTERVAL_NS = 3
START_NS = 4


@kernel
def act_scheduled(scene, index):
    """The next child order.  Returns when the one after it is due."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    if agent["wakes"] == 1:
        return now_ns + np.int64(numbers[first + START_NS])
    side = np.int64(numbers[first + SIDE])
    lots = np.int64(numbers[first + LOTS])
    children = np.int64(numbers[first + CHILDREN])
    if agent["wakes"] == 2:
        agent["since_ns"] = now_ns
    if lots > 0:
        send_market(scene, index, side, lots)
    if agent["wakes"] > children:
        close_metaorder(
            scene, index, side, np.int64(agent["since_ns"]), now_ns, np.int64(agent["traded_lots"]), children
        )
        return np.int64(NEVER)
    return now_ns + np.int64(numbers[first + INTERVAL_NS])
