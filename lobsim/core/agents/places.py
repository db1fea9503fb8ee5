"""Where agents sit: delays out of distances, as in ABIDES (Byrd, Hybinette, Balch 2020).

The venue and every agent get a place on a line, uniformly; a message takes the distance at the speed of light, and an agent's own computing before it leaves.  Delays are
drawn here from the seed, so that they are the same on every platform; they never change.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.chance import begin_event, draw_uniform, key_of
from lobsim.core.jit import kernel

_PLACES = 0x706C61636573
"""Sets the keys of places apart from the keys of decisions."""


@kernel
def _place_of(agents, scratch, seed, number):
    """A place on the line, in [0, 1).  scratch: an agent whose chance is used and given back"""
    agent = agents[scratch]
    agent["key"] = key_of(seed ^ _PLACES, number)
    agent["events"] = 0
    begin_event(agent)
    place = draw_uniform(agent)
    agent["events"] = 0
    return place


@kernel
def give_delays(agents, seed, begin, end, line_ns, computing_ns):
    """Give agents[begin:end] their delays; their answers travel.  Before the scene begins.

    agents        AGENT [any]
    seed          of the scene
    line_ns       how long light takes from one end of the line to the other
    computing_ns  how long an agent takes before a request leaves
    """
    venue = _place_of(agents, begin, seed, np.int64(-1))
    for index in range(begin, end):
        distance = abs(_place_of(agents, index, seed, np.int64(index)) - venue)
        travel_ns = np.int64(math.floor(distance * line_ns))
        agent = agents[index]
        agent["order_ns"] = travel_ns + computing_ns
        agent["answer_ns"] = travel_ns
        agent["feed_ns"] = travel_ns
        agent["hears"] = 1
