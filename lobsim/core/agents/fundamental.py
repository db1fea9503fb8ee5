"""The fundamental value of a market, which some agents have an idea of: an agent that never trades.

It is pulled towards its mean and pushed by noise (Ornstein-Uhlenbeck), and seldom shocked (compound Poisson), as the oracle of ABIDES (Byrd, Hybinette, Balch 2020).  It is drawn when somebody
asks, exactly: over a gap of d seconds normal with mean ``m + (v - m) e^(-g d)`` and variance ``s^2 (1 - e^(-2 g d)) / (2 g)``.  So its law does not depend on how often it is asked, while its
path does: two markets of one seed have the same value as long as it is asked at the same times.

What agents see is never below 0.  What is remembered may be: were it cut there, every question would push it up a little.

Numbers: MEAN ticks, START ticks, REVERSION per second, VOLATILITY ticks per root of a second, SHOCK_RATE per second, SHOCK_MEAN ticks and SHOCK_VARIANCE of a shock, whose sign is
random.  Memory: the VALUE.  ``since_ns`` is when it had it, ``due_ns`` when the next shock comes.  It stands before those who ask.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.waits import after_ns
from lobsim.core.arithmetic import exponential
from lobsim.core.chance import begin_event, draw_below, draw_exponential, draw_normal
from lobsim.core.jit import inline, kernel
from lobsim.types import NEVER

MEAN = 0
START = 1
REVERSION = 2
VOLATILITY = 3
SHOCK_RATE = 4
SHOCK_MEAN = 5
SHOCK_VARIANCE = 6
NUMBERS = 7
VALUE = 0
MEMORY = 1

_NS = 1e9
_SMALL = 1e-5


@inline
def _saturation(x):
    """(1 - e^-x) / x for x >= 0, without loss where x is small."""
    if x < _SMALL:
        return 1.0 - x * (0.5 - x / 6.0)
    return (1.0 - exponential(-x)) / x


@kernel
def _drift_until(crowd, index, until_ns):
    """The value as it is at a later time, if no shock comes before."""
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    place = np.int64(agent["memory"]) + VALUE
    gap = (until_ns - np.int64(agent["since_ns"])) / _NS
    agent["since_ns"] = until_ns
    pull = crowd.numbers[first + REVERSION] * gap
    mean = crowd.numbers[first + MEAN]
    deviation = crowd.numbers[first + VOLATILITY] * math.sqrt(gap * _saturation(2.0 * pull))
    crowd.memory[place] = mean + (crowd.memory[place] - mean) * exponential(-pull) + deviation * draw_normal(agent)


@kernel
def _next_shock(scene, index, from_ns):
    """When the next shock after from_ns comes, NEVER without shocks."""
    agent = scene.crowd.agents[index]
    rate = scene.crowd.numbers[np.int64(agent["first"]) + SHOCK_RATE]
    if rate <= 0.0:
        return np.int64(NEVER)
    wait_ns = draw_exponential(agent) / rate * _NS
    # reckoned from now, which is later: a shock that lies beyond the end of time stays there
    if after_ns(scene, wait_ns) == NEVER:
        return np.int64(NEVER)
    return from_ns + np.int64(math.ceil(wait_ns))


@kernel
def act_fundamental(scene, index):
    """The start: the value is what it begins with."""
    agent = scene.crowd.agents[index]
    agent["since_ns"] = scene.world.head[0]["now_ns"]
    first = np.int64(agent["first"])
    scene.crowd.memory[np.int64(agent["memory"]) + VALUE] = scene.crowd.numbers[first + START]
    agent["due_ns"] = _next_shock(scene, index, np.int64(agent["since_ns"]))
    return NEVER


@kernel
def fundamental_now(scene, index):
    """The fundamental value now, in ticks, a float not below 0.  index: of the agent that has it"""
    crowd = scene.crowd
    agent = crowd.agents[index]
    numbers = crowd.numbers
    first = np.int64(agent["first"])
    place = np.int64(agent["memory"]) + VALUE
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    if agent["since_ns"] < now_ns:
        begin_event(agent)
        while agent["due_ns"] <= now_ns:
            _drift_until(crowd, index, np.int64(agent["due_ns"]))
            shock = numbers[first + SHOCK_MEAN] + math.sqrt(numbers[first + SHOCK_VARIANCE]) * draw_normal(agent)
            crowd.memory[place] += shock if draw_below(agent, 2) == 0 else -shock
            agent["due_ns"] = _next_shock(scene, index, np.int64(agent["due_ns"]))
        _drift_until(crowd, index, now_ns)
    return max(crowd.memory[place], 0.0)
