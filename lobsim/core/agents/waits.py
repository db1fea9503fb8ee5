"""When an agent wants to wake, and whole numbers nearest to what it reckons."""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.chance import draw_below, draw_exponential
from lobsim.core.jit import inline, kernel
from lobsim.types import NEVER

FIRST_NS = 100
"""Who is there from the start acts within so many nanoseconds, in an order that chance gives."""
_FARTHEST_NS = 9e18


@inline
def nearest(x):
    """The whole number nearest to x, of two the larger."""
    return np.int64(math.floor(x + 0.5))


@inline
def after_ns(scene, wait_ns):
    """The time a wait from now on ends, NEVER if it is longer than time is.  wait_ns: float64, not below 0"""
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    if wait_ns < _FARTHEST_NS - now_ns:
        return now_ns + np.int64(math.ceil(wait_ns))
    return np.int64(NEVER)


@kernel
def draw_wake(scene, index, mean_ns):
    """The next of an agent's wakes, if they come at random: a wait that is exponential with this mean."""
    return after_ns(scene, draw_exponential(scene.crowd.agents[index]) * mean_ns)


@inline
def first_wake(scene, index):
    """An agent's first turn, shortly after the start, which it keeps as since_ns."""
    agent = scene.crowd.agents[index]
    agent["since_ns"] = scene.world.head[0]["now_ns"]
    return np.int64(agent["since_ns"]) + draw_below(agent, FIRST_NS)
