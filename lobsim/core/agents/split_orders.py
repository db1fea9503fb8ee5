"""Takers who split what they want: the order-splitting flow of Lillo, Mike and Farmer (2005).

LIVE metaorders are worked at once, each with a direction and a length.  Every market order belongs to one of them, each equally likely, and takes its direction; a metaorder that is done makes room for a new
one.  Lengths, in market orders, are Pareto with tail ALPHA, rounded down, so the autocorrelation of signs falls as lag^-(ALPHA - 1).

It only takes, so it goes together with any flow that quotes.

Numbers: MU market orders per second (of both sides together), SIZE lots, LIVE, ALPHA, LONGEST length.  Memory: what is left of each metaorder, in orders, above 0 of those that buy and below of those that sell; 0: to be drawn.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.orders import send_market
from lobsim.core.chance import draw_below, draw_pareto
from lobsim.core.jit import kernel
from lobsim.types import Side

MU = 0
SIZE = 1
LIVE = 2
ALPHA = 3
LONGEST = 4


@kernel
def split_orders_rate(scene, index):
    """Events per second."""
    return scene.crowd.numbers[np.int64(scene.crowd.agents[index]["first"]) + MU]


@kernel
def act_split_orders(scene, index):
    """One order of one of the metaorders."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    place = np.int64(agent["memory"]) + draw_below(agent, np.int64(crowd.numbers[first + LIVE]))
    if crowd.memory[place] == 0.0:
        sign = 1.0 - 2.0 * np.float64(draw_below(agent, 2))
        length = math.floor(min(draw_pareto(agent, crowd.numbers[first + ALPHA]), crowd.numbers[first + LONGEST]))
        crowd.memory[place] = sign * np.float64(length)
    buys = crowd.memory[place] > 0.0
    crowd.memory[place] -= 1.0 if buys else -1.0
    send_market(scene, index, np.int64(Side.BUY if buys else Side.SELL), np.int64(crowd.numbers[first + SIZE]))
