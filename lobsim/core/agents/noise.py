"""Noise: an agent that wakes once and trades in a direction that chance gives, as in ABIDES (Byrd, Hybinette, Balch 2020).

When it wakes follows a U-quadratic law, so that most do so near the beginning and the end: ``x = 1/2 + cbrt(y/4 - 1/8)`` of the way for y uniform.  Who would have woken before the start does so at the start.
It sends a limit order at the best opposite price it sees; where it sees none it does nothing.

Numbers: BEGIN_NS and END_NS of the law, from the start.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.order_sizes import draw_order_size
from lobsim.core.agents.orders import send_limit
from lobsim.core.agents.view import seen_touch, touch_price
from lobsim.core.agents.waits import first_wake, nearest
from lobsim.core.arithmetic import power
from lobsim.core.chance import draw_below, draw_uniform
from lobsim.core.jit import inline, kernel
from lobsim.types import NEVER, NONE_PRICE

BEGIN_NS = 0
END_NS = 1
NUMBERS = 2


@inline
def u_quadratic(y):
    """Where the U-quadratic law on [0, 1] has y below it, 0 <= y < 1."""
    v = 0.25 * y - 0.125
    if v == 0.0:
        return 0.5
    root = power(abs(v), 1.0 / 3.0)
    return 0.5 + (root if v > 0.0 else -root)


@kernel
def _wake_once(scene, index):
    """When it wakes."""
    agent = scene.crowd.agents[index]
    first = np.int64(agent["first"])
    begin_ns = scene.crowd.numbers[first + BEGIN_NS]
    length_ns = scene.crowd.numbers[first + END_NS] - begin_ns
    at_start_ns = first_wake(scene, index)
    return max(agent["since_ns"] + nearest(begin_ns + u_quadratic(draw_uniform(agent)) * length_ns), at_start_ns)


@kernel
def act_noise(scene, index):
    """Its one order."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    if agent["wakes"] == 1:
        return _wake_once(scene, index)
    side = draw_below(agent, 2)
    seen = seen_touch(scene, index)
    if seen >= 0:
        opposite_ticks = touch_price(crowd.touches[seen], 1 - side)
        if opposite_ticks != NONE_PRICE:
            send_limit(scene, index, side, opposite_ticks, draw_order_size(agent))
    return np.int64(NEVER)
