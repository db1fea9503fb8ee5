"""Takers who split what they want: the order-splitting flow of Lillo, Mike and Farmer (2005).

LIVE metaorders are worked at once, each with a direction and a length.  Every market order belongs to one of them, each equally likely, and takes its direction; a metaorder that is done makes room for a new
one.  Lengths, in market orders, are Pareto with tail ALPHA, rounded down, so the autocorrelation of signs falls as lag^-(ALPHA - 1).

It only takes, so it goes together with any flow that quotes.

Numbers: MU market orders per second (of both sides together), SIZE lots, LIVE, ALPHA, LONGEST length.  Memory, one place of each of these blocks of LIVE for each metaorder (`memory_of`): what is LEFT of it, in orders, above 0 of those
that buy and below of those that sell (0: to be drawn); how many it has SENT, the lots it TRADED, and when it began (BEGAN, two blocks).
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.metaorders import close_metaorder, recall_ns, remember_ns
from lobsim.core.agents.orders import send_market
from lobsim.core.chance import draw_below, draw_pareto
from lobsim.core.jit import kernel
from lobsim.types import Side

MU = 0
SIZE = 1
LIVE = 2
ALPHA = 3
LONGEST = 4
LEFT = 0
SENT = 1
TRADED = 2
BEGAN = 3
BLOCKS = 5


@kernel
def split_orders_rate(scene, index):
    """Events per second."""
    return scene.crowd.numbers[np.int64(scene.crowd.agents[index]["first"]) + MU]


def memory_of(live: int) -> list[float]:
    """Its memory before its first order."""
    return [0.0] * (BLOCKS * live)


@kernel
def _begin_metaorder(scene, index, memory, place, live):
    """A new metaorder is drawn: direction and length."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    sign = 1.0 - 2.0 * np.float64(draw_below(agent, 2))
    length = math.floor(min(draw_pareto(agent, crowd.numbers[first + ALPHA]), crowd.numbers[first + LONGEST]))
    memory[place] = sign * np.float64(length)
    memory[place + SENT * live] = 0.0
    memory[place + TRADED * live] = 0.0
    remember_ns(memory, place + BEGAN * live, live, np.int64(scene.world.head[0]["now_ns"]))


@kernel
def act_split_orders(scene, index):
    """One order of one of the metaorders."""
    crowd = scene.crowd
    memory = crowd.memory
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    live = np.int64(crowd.numbers[first + LIVE])
    place = np.int64(agent["memory"]) + draw_below(agent, live)
    if memory[place] == 0.0:
        _begin_metaorder(scene, index, memory, place, live)
    buys = memory[place] > 0.0
    side = np.int64(Side.BUY if buys else Side.SELL)
    before = np.int64(agent["traded_lots"])
    send_market(scene, index, side, np.int64(crowd.numbers[first + SIZE]))
    memory[place] -= 1.0 if buys else -1.0
    memory[place + SENT * live] += 1.0
    memory[place + TRADED * live] += np.float64(agent["traded_lots"] - before)
    if memory[place] == 0.0:
        start_ns = recall_ns(memory, place + BEGAN * live, live)
        lots = np.int64(memory[place + TRADED * live])
        children = np.int64(memory[place + SENT * live])
        close_metaorder(scene, index, side, start_ns, np.int64(scene.world.head[0]["now_ns"]), lots, children)
