"""Liquidity that follows the flow: limit orders against whoever has been aggressive of late.

Signs of market orders are correlated for long; without an answer prices would be too (Lillo and Farmer 2004).  Here the signed lots traded, forgotten at a constant rate, raise the rate of limit orders on the side that is being taken:
``rate(sell) = BASE + GAIN max(F, 0)``, ``rate(buy) = BASE + GAIN max(-F, 0)``, F the flow (bought less sold).  They come a geometric number of ticks behind the first price that does not trade, and each dies at a constant rate.

Between two changes of the book F only shrinks, so its intensity at the last change is a bound, and what was drawn too early is left out (thinning; Lewis and Shedler 1979).

Numbers: BASE per side and second, GAIN per second and lot, FORGETTING per second, CANCEL per second and order, LOTS an order, NEARNESS the geometric law's p.
Memory: the FLOW when it was reckoned last (``since_ns``), what had been BOUGHT and SOLD by then, the last best price of each side.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.orders import send_cancel, send_limit
from lobsim.core.agents.picking import any_order_of
from lobsim.core.agents.view import best_price
from lobsim.core.arithmetic import exponential
from lobsim.core.chance import draw_geometric, draw_uniform
from lobsim.core.jit import inline, kernel
from lobsim.types import NONE_PRICE, Side

BASE = 0
GAIN = 1
FORGETTING = 2
CANCEL = 3
LOTS = 4
NEARNESS = 5
NUMBERS = 6
FLOW = 0
BOUGHT = 1
SOLD = 2
LAST_BEST = 3
MEMORY = 5

_NS = 1e9


@inline
def _flow_now(scene, index):
    """What is left of the flow that was reckoned last."""
    agent = scene.crowd.agents[index]
    forgetting = scene.crowd.numbers[np.int64(agent["first"]) + FORGETTING]
    gap = np.float64(scene.world.head[0]["now_ns"] - agent["since_ns"]) / _NS
    return scene.crowd.memory[np.int64(agent["memory"]) + FLOW] * exponential(-forgetting * gap)


@inline
def _rate_at(crowd, index, flow):
    """Events per second at a flow."""
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    entering = 2.0 * crowd.numbers[first + BASE] + crowd.numbers[first + GAIN] * abs(flow)
    return entering + crowd.numbers[first + CANCEL] * np.float64(agent["open_orders"])


@kernel
def liquidity_response_rate(scene, index):
    """Events per second now, which only fall until the book changes.  The flow is brought up to now."""
    crowd = scene.crowd
    start = np.int64(crowd.agents[index]["memory"])
    head = crowd.head[0]
    flow = _flow_now(scene, index)
    flow += (head["bought_lots"] - crowd.memory[start + BOUGHT]) - (head["sold_lots"] - crowd.memory[start + SOLD])
    crowd.memory[start + FLOW] = flow
    crowd.memory[start + BOUGHT] = head["bought_lots"]
    crowd.memory[start + SOLD] = head["sold_lots"]
    return _rate_at(crowd, index, flow)


@kernel
def _enter(scene, index, side):
    """A limit order on a side, behind the first price that does not trade."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    place = np.int64(agent["memory"]) + LAST_BEST
    for each in range(2):
        best = best_price(scene.world.book, each)
        if best != NONE_PRICE:
            crowd.memory[place + each] = best
    away = 1 + draw_geometric(agent, crowd.numbers[first + NEARNESS])
    opposite = np.int64(crowd.memory[place + 1 - side])
    price_ticks = opposite + away if side == Side.SELL else opposite - away
    send_limit(scene, index, side, price_ticks, np.int64(crowd.numbers[first + LOTS]))


@kernel
def act_liquidity_response(scene, index):
    """One event, if it is one: a limit order on one of the sides, or a cancel."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    flow = _flow_now(scene, index)
    at = draw_uniform(agent) * agent["rate"]
    base = crowd.numbers[first + BASE]
    selling = base + crowd.numbers[first + GAIN] * max(flow, 0.0)
    buying = base + crowd.numbers[first + GAIN] * max(-flow, 0.0)
    if at < selling:
        _enter(scene, index, np.int64(Side.SELL))
    elif at < selling + buying:
        _enter(scene, index, np.int64(Side.BUY))
    elif at < _rate_at(crowd, index, flow) and agent["open_orders"] > 0:
        send_cancel(scene, any_order_of(crowd, index))
