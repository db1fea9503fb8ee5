"""How a ZIP trader sets its margin and learns (Cliff 1997): see `auction_traders`.

Its place in memory, from START on: MARGIN, RATE, INERTIA, CHANGE, then what it saw last: BOUGHT and SOLD lots, BID and ASK (0: none yet).
"""

from __future__ import annotations

import numpy as np

from lobsim.core.chance import draw_uniform
from lobsim.core.jit import inline, kernel
from lobsim.types import NONE_PRICE

MARGIN = 0
RATE = 1
INERTIA = 2
CHANGE = 3
BOUGHT = 4
SOLD = 5
BID = 6
ASK = 7
_RELATIVE = 0.05


@kernel
def draw_zip(agent, memory, start, buys):
    """What it is like, once: a buyer's margin is below 0."""
    memory[start + RATE] = 0.1 + 0.4 * draw_uniform(agent)
    memory[start + INERTIA] = 0.1 * draw_uniform(agent)
    margin = 0.05 + 0.3 * draw_uniform(agent)
    memory[start + MARGIN] = -margin if buys else margin


@inline
def zip_price(memory, start, limit):
    """The price it wants, in ticks, a float."""
    return limit * (1.0 + memory[start + MARGIN])


@kernel
def _move(agent, memory, start, limit, q, up, buys, most_step):
    """Its price moves up or down towards what a shout at q suggests; its margin never makes a loss."""
    sign = 1.0 if up else -1.0
    relative = 1.0 + sign * _RELATIVE * draw_uniform(agent)
    target = relative * q + sign * most_step * draw_uniform(agent)
    price = zip_price(memory, start, limit)
    change = memory[start + RATE] * (target - price)
    change = memory[start + INERTIA] * memory[start + CHANGE] + (1.0 - memory[start + INERTIA]) * change
    memory[start + CHANGE] = change
    margin = (price + change) / limit - 1.0
    memory[start + MARGIN] = min(max(margin, -1.0), 0.0) if buys else max(margin, 0.0)


@kernel
def learn_trade(agent, memory, start, limit, q, was_bid, buys, active, most_step):
    """A shout at q was taken.  was_bid: it was a buyer's"""
    price = zip_price(memory, start, limit)
    if buys:
        if price >= q:
            _move(agent, memory, start, limit, q, False, buys, most_step)
        elif not was_bid and active:
            _move(agent, memory, start, limit, q, True, buys, most_step)
    elif price <= q:
        _move(agent, memory, start, limit, q, True, buys, most_step)
    elif was_bid and active:
        _move(agent, memory, start, limit, q, False, buys, most_step)


@kernel
def learn_quote(agent, memory, start, limit, q, was_bid, buys, active, most_step):
    """A shout at q was not taken."""
    price = zip_price(memory, start, limit)
    if active and buys and was_bid and price <= q:
        _move(agent, memory, start, limit, q, True, buys, most_step)
    if active and not buys and not was_bid and price >= q:
        _move(agent, memory, start, limit, q, False, buys, most_step)


@kernel
def learn(agent, memory, start, touch, limit, buys, active, most_step):
    """Everything that happened since its last look: a trade, or else better quotes."""
    bought = touch["bought_lots"] - memory[start + BOUGHT]
    sold = touch["sold_lots"] - memory[start + SOLD]
    if bought + sold > 0.0:
        q = np.float64(touch["last_ticks"])
        learn_trade(agent, memory, start, limit, q, bought >= sold, buys, active, most_step)
    else:
        bid = np.float64(touch["bid_ticks"])
        ask = np.float64(touch["ask_ticks"])
        if touch["bid_ticks"] != NONE_PRICE and bid > memory[start + BID]:
            learn_quote(agent, memory, start, limit, bid, True, buys, active, most_step)
        if touch["ask_ticks"] != NONE_PRICE and (memory[start + ASK] == 0.0 or ask < memory[start + ASK]):
            learn_quote(agent, memory, start, limit, ask, False, buys, active, most_step)
    memory[start + BOUGHT] = touch["bought_lots"]
    memory[start + SOLD] = touch["sold_lots"]
    memory[start + BID] = 0.0 if touch["bid_ticks"] == NONE_PRICE else np.float64(touch["bid_ticks"])
    memory[start + ASK] = 0.0 if touch["ask_ticks"] == NONE_PRICE else np.float64(touch["ask_ticks"])
