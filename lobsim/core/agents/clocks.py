"""Clocks of flows: when a population whose intensity depends on the book acts next.

A flow waits until its intensity, added up over time, reaches one exponential number (random time change; Bremaud 1981, II.6).  Between changes of the book the intensity is
constant (flows whose intensity decays on its own give a bound and refuse some of their events; where a bound holds for a while only, they wake at its end), so what is left of the number over the intensity is the wait.  When somebody else changes the book the
clock goes on with what is left: exact, and two markets of one seed in which an intensity differs a little act at nearly the same times.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.kinds import intensity_of
from lobsim.core.chance import draw_exponential
from lobsim.core.jit import kernel
from lobsim.types import NEVER

_NS = 1e9
_FARTHEST_NS = 9e18


@kernel
def _set_due(scene, index):
    """The flow's next time, from what is left of its clock and its intensity now."""
    agent = scene.crowd.agents[index]
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    agent["rate"] = intensity_of(scene, index)
    agent["since_ns"] = now_ns
    agent["due_ns"] = NEVER
    if agent["rate"] > 0.0:
        wait_ns = agent["clock"] / agent["rate"] * _NS
        if wait_ns < _FARTHEST_NS - now_ns:
            agent["due_ns"] = now_ns + np.int64(math.ceil(wait_ns))
    agent["due_ns"] = min(np.int64(agent["due_ns"]), np.int64(agent["until_ns"]))


@kernel
def wind_clock(scene, index):
    """A flow has acted, or begins: a new number.  `begin_event` was called for the draw."""
    agent = scene.crowd.agents[index]
    agent["clock"] = draw_exponential(agent)
    _set_due(scene, index)


@kernel
def adjust_clocks(scene, actor):
    """The book has changed: every flow but the actor goes on at its new intensity.  actor: index of a flow, or -1"""
    crowd = scene.crowd
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    for index in range(crowd.head[0]["flows"]):
        if index != actor:
            agent = crowd.agents[index]
            passed = (now_ns - agent["since_ns"]) / _NS * agent["rate"]
            agent["clock"] = max(agent["clock"] - passed, 0.0)
            _set_due(scene, index)
    crowd.head[0]["changed"] = 0
