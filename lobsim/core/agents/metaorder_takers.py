"""Everybody who takes: market orders of large orders that are worked piece by piece, in bursts, more of them when the market is busy.

LIVE metaorders are worked at a time, each with a side and a length in market orders (Lillo, Mike, Farmer 2005); mostly the present one goes on (STAYS), else any of them is the next.  A pause from one market order to the next is short with chance ONCE,
otherwise that of a flow at the market's rate.  Both, and what is taken, are drawn from this agent alone: another participant changes neither.

*A market order* has a size in mind.  Often it takes exactly what the best price shows instead, if that is not far more (TAKES_ALL); mostly it takes no more than that; now and then it goes further, by a tick or two (TAKES_FURTHER).
A hidden order may meet all of it, or some besides what the book gives, at the middle or at a tick within the spread.

Numbers: PRICE (place of the efficient price among the agents), LIVE, chances STAYS, ONCE, TAKES_ALL, TAKES_FURTHER, ALL_HIDDEN, PART_HIDDEN, AT_MID; places of laws: GAP (ns, at rate 1024) and PAUSE (ns), `between`; SIZE (lots) and LENGTH (market orders), `pick`.
Memory: PRESENT (which metaorder); then of each metaorder: LEFT (market orders, above 0 of a buyer), BEGAN (ns from the open), LOTS and CHILDREN so far.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.efficient_price import open_ns, rate_now
from lobsim.core.agents.metaorders import close_metaorder
from lobsim.core.agents.orders import send_limit_ioc
from lobsim.core.agents.tables import draw_bits, drawn, happens, parameter, picked
from lobsim.core.agents.venue import trade_hidden
from lobsim.core.agents.view import best_price, best_size
from lobsim.core.chance import draw_below
from lobsim.core.jit import kernel
from lobsim.types import NONE_PRICE, Side

PRICE = 0
LIVE = 1
STAYS = 2
ONCE = 3
TAKES_ALL = 4
TAKES_FURTHER = 5
ALL_HIDDEN = 6
PART_HIDDEN = 7
AT_MID = 8
GAP = 9
PAUSE = 10
SIZE = 11
LENGTH = 12
NUMBERS = 13
PRESENT = 0
METAORDERS = 1
LEFT = 0
BEGAN = 1
LOTS = 2
CHILDREN = 3
FIELDS = 4

_FAR_MORE = 4


@kernel
def _present_metaorder(scene, index):
    """Place in memory of the metaorder whose turn it is; a new one is drawn where it has ended."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    memory = np.int64(agent["memory"])
    if not happens(agent, parameter(scene, index, STAYS)):
        crowd.memory[memory + PRESENT] = draw_below(agent, parameter(scene, index, LIVE))
    place = memory + METAORDERS + np.int64(crowd.memory[memory + PRESENT]) * FIELDS
    if crowd.memory[place + LEFT] == 0.0:
        length = picked(scene, index, LENGTH)
        crowd.memory[place + LEFT] = length if draw_bits(agent, 1) == 0 else -length
        crowd.memory[place + BEGAN] = scene.world.head[0]["now_ns"] - open_ns(scene, parameter(scene, index, PRICE))
        crowd.memory[place + LOTS] = 0.0
        crowd.memory[place + CHILDREN] = 0.0
    return place


@kernel
def _take_size(scene, index, shown):
    """How much a market order wants where so much is shown, and how many ticks further it goes.  Returns (lots, ticks)."""
    agent = scene.crowd.agents[index]
    size = picked(scene, index, SIZE)
    manner = draw_bits(agent, 10)
    if manner < parameter(scene, index, TAKES_ALL) and shown <= _FAR_MORE * size:
        return shown, np.int64(0)
    if manner < 1024 - parameter(scene, index, TAKES_FURTHER):
        return min(size, shown), np.int64(0)
    return size, draw_bits(agent, 2)


@kernel
def _meet_hidden(scene, index, side, size):
    """An order nobody saw on `side` gives a better price: the middle, or a tick within the spread."""
    agent = scene.crowd.agents[index]
    bid = best_price(scene.world.book, 0)
    spread = best_price(scene.world.book, 1) - bid
    halves = spread
    if spread > 1 and not happens(agent, parameter(scene, index, AT_MID)):
        halves = 2 * (1 + draw_below(agent, spread - 1))
    trade_hidden(scene, side, 2 * bid + halves, size)


@kernel
def _take(scene, index, side):
    """One market order.  Returns its lots, 0 if there is nobody to trade with."""
    agent = scene.crowd.agents[index]
    book = scene.world.book
    other = 1 - side
    if best_price(book, 0) == NONE_PRICE or best_price(book, 1) == NONE_PRICE:
        return np.int64(0)
    size, further = _take_size(scene, index, best_size(book, other))
    luck = draw_bits(agent, 10)
    whole = parameter(scene, index, ALL_HIDDEN)
    if luck < whole:
        _meet_hidden(scene, index, other, size)
        return size
    if luck < whole + parameter(scene, index, PART_HIDDEN):
        hidden = min(size, picked(scene, index, SIZE))
        _meet_hidden(scene, index, other, hidden)
    limit = best_price(book, other)
    send_limit_ioc(scene, index, side, limit + further if side == Side.BUY else limit - further, size)
    return size


@kernel
def act_metaorder_takers(scene, index):
    """One market order of one of the metaorders; the first turn is only a look at the clock."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    price = parameter(scene, index, PRICE)
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    if agent["wakes"] > 1:
        place = _present_metaorder(scene, index)
        side = np.int64(Side.BUY if crowd.memory[place + LEFT] > 0.0 else Side.SELL)
        size = _take(scene, index, side)
        if size > 0:
            crowd.memory[place + LEFT] -= 1.0 if side == Side.BUY else -1.0
            crowd.memory[place + LOTS] += size
            crowd.memory[place + CHILDREN] += 1.0
            if crowd.memory[place + LEFT] == 0.0:
                began_ns = np.int64(crowd.memory[place + BEGAN]) + open_ns(scene, price)
                lots = np.int64(crowd.memory[place + LOTS])
                close_metaorder(scene, index, side, began_ns, now_ns, lots, np.int64(crowd.memory[place + CHILDREN]))
    if happens(agent, parameter(scene, index, ONCE)):
        wait_ns = drawn(scene, index, PAUSE)
    else:
        wait_ns = (drawn(scene, index, GAP) << 10) // rate_now(scene, price)
    agent["until_ns"] = now_ns + 1 + wait_ns
