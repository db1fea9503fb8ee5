"""A market maker who minds its inventory (Avellaneda and Stoikov 2008, equations 29 and 30).

With q orders of inventory and T - t seconds to go it quotes around its reservation price ``r = s - q g v^2 (T - t)``, with ``g v^2 (T - t) + (2 / g) ln(1 + g / k)`` between bid and ask; s is the middle it sees (or the last it saw),
g its aversion to risk, v the volatility, k how fast fills thin out with distance.  Bids are rounded down and asks up; a quote that would trade at once stands a tick beside the opposite best price instead.  Beyond MOST lots of inventory it quotes on one side.
It looks every WAIT_NS on average, withdraws, and quotes anew.

Numbers: WAIT_NS mean, AVERSION g per tick, THINNING k per tick, VOLATILITY v in ticks per root of a second, LOTS an order, MOST lots, HORIZON_NS T from the start (ROLLING 1: always so long to go).  Memory: MIDDLE, HAS_MIDDLE.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.orders import cancel_all, send_limit
from lobsim.core.agents.view import seen_touch
from lobsim.core.agents.waits import draw_wake, first_wake
from lobsim.core.arithmetic import natural_log
from lobsim.core.jit import kernel
from lobsim.types import NONE_PRICE, Side

WAIT_NS = 0
AVERSION = 1
THINNING = 2
VOLATILITY = 3
LOTS = 4
MOST = 5
HORIZON_NS = 6
ROLLING = 7
NUMBERS = 8
MIDDLE = 0
HAS_MIDDLE = 1
MEMORY = 2

_NS = 1e9


@kernel
def _risk(scene, index):
    """g v^2 (T - t), in ticks."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    left_ns = numbers[first + HORIZON_NS]
    if numbers[first + ROLLING] == 0.0:
        left_ns -= np.float64(scene.world.head[0]["now_ns"] - agent["since_ns"])
    volatility = numbers[first + VOLATILITY]
    return numbers[first + AVERSION] * volatility * volatility * (max(left_ns, 0.0) / _NS)


@kernel
def _quote(scene, index, bid_ticks, ask_ticks):
    """Its two orders.  bid_ticks, ask_ticks: the touch it sees, NONE_PRICE for an empty side"""
    crowd = scene.crowd
    agent = crowd.agents[index]
    numbers = crowd.numbers
    first = np.int64(agent["first"])
    lots = np.int64(numbers[first + LOTS])
    inventory = np.int64(agent["known_lots"])
    risk = _risk(scene, index)
    aversion = numbers[first + AVERSION]
    reservation = crowd.memory[np.int64(agent["memory"]) + MIDDLE] - inventory / lots * risk
    half = 0.5 * risk + natural_log(1.0 + aversion / numbers[first + THINNING]) / aversion
    buy_ticks = np.int64(math.floor(reservation - half))
    sell_ticks = np.int64(math.ceil(reservation + half))
    if ask_ticks != NONE_PRICE:
        buy_ticks = min(buy_ticks, ask_ticks - 1)
    if bid_ticks != NONE_PRICE:
        sell_ticks = max(sell_ticks, bid_ticks + 1)
    if inventory + lots <= numbers[first + MOST]:
        send_limit(scene, index, Side.BUY, buy_ticks, lots)
    if inventory - lots >= -numbers[first + MOST]:
        send_limit(scene, index, Side.SELL, sell_ticks, lots)


@kernel
def act_avellaneda_stoikov(scene, index):
    """Everything withdrawn, and quoted anew."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    wait_ns = crowd.numbers[np.int64(agent["first"]) + WAIT_NS]
    start = np.int64(agent["memory"])
    if agent["wakes"] == 1:
        first_wake(scene, index)
        return draw_wake(scene, index, wait_ns)
    cancel_all(scene, index)
    seen = seen_touch(scene, index)
    bid_ticks = np.int64(crowd.touches[seen]["bid_ticks"]) if seen >= 0 else np.int64(NONE_PRICE)
    ask_ticks = np.int64(crowd.touches[seen]["ask_ticks"]) if seen >= 0 else np.int64(NONE_PRICE)
    if bid_ticks != NONE_PRICE and ask_ticks != NONE_PRICE:
        crowd.memory[start + MIDDLE] = 0.5 * np.float64(bid_ticks + ask_ticks)
        crowd.memory[start + HAS_MIDDLE] = 1.0
    if crowd.memory[start + HAS_MIDDLE] == 1.0:
        _quote(scene, index, bid_ticks, ask_ticks)
    return draw_wake(scene, index, wait_ns)
