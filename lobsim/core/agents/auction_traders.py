"""Traders of the experimental double auctions: each is to buy or sell LOTS at no worse than a limit price, and gets a new limit every period.

- ZIC quotes any price that makes no loss, all alike (Gode and Sunder 1993).
- GVWY gives all away: it quotes its limit.
- SHVR quotes one tick better than the best of its side, as far as its limit goes; at the best price it stays.
- ZIP has a margin on its limit and learns from the market (Cliff 1997): after a trade at q, who would have traded there too wants more, who was too dear for the side that was served less; after a quote q that nobody took, who competes with it and is
  worse wants less.  It moves its price towards ``R q + A`` (R up to 5 % away from 1, A up to some ticks, both in the direction of the move) by ``d = b (R q + A - p)``, smoothed: ``G <- g G + (1 - g) d``.  b, g and the first margin are drawn once: U[0.1, 0.5], U[0, 0.1], U[0.05, 0.35].

What happened since its last look a ZIP reads off the touch it sees: lots bought or sold mean a trade at the last price, a better bid or ask a quote.  A trader has one order at most, and sends the next when it knows that the last is gone, so a limit is never traded twice.

Numbers: SIDE (2: either), limits uniform from LOWEST to HIGHEST ticks, FLOOR and CEILING the market's own, PERIOD_NS, WAIT_NS mean, LOTS, MOST_STEP ticks of A.
Memory: the SIDE and LIMIT it has, GIVEN_NS since when, the position it had then (BEGAN), and of ZIP: MARGIN, RATE b, INERTIA g, CHANGE G, what it SAW: lots bought and sold, bid and ask.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.orders import cancel_all, send_limit
from lobsim.core.agents.view import seen_touch, touch_price
from lobsim.core.agents.waits import draw_wake, first_wake
from lobsim.core.agents.zip_margin import draw_zip, learn, zip_price
from lobsim.core.chance import draw_below
from lobsim.core.jit import kernel
from lobsim.types import NONE_PRICE, AgentKind, Side

SIDE = 0
LOWEST = 1
HIGHEST = 2
FLOOR = 3
CEILING = 4
PERIOD_NS = 5
WAIT_NS = 6
LOTS = 7
MOST_STEP = 8
NUMBERS = 9
HAS_SIDE = 0
LIMIT = 1
GIVEN_NS = 2
BEGAN = 3
ZIP = 4
MEMORY = 12


@kernel
def _give_limit(crowd, index, passed_ns):
    """A new limit."""
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    lowest = np.int64(crowd.numbers[first + LOWEST])
    highest = np.int64(crowd.numbers[first + HIGHEST])
    crowd.memory[start + LIMIT] = lowest + draw_below(agent, highest - lowest + 1)
    crowd.memory[start + GIVEN_NS] = passed_ns
    crowd.memory[start + BEGAN] = agent["known_lots"]


@kernel
def _shaved(scene, index, seen, limit, own_best):
    """A tick better than the best, up to the limit, or NONE_PRICE if its own order is the best.  own_best: FLOOR or CEILING"""
    crowd = scene.crowd
    agent = crowd.agents[index]
    side = np.int64(crowd.memory[np.int64(agent["memory"]) + HAS_SIDE])
    best = touch_price(crowd.touches[seen], side) if seen >= 0 else np.int64(NONE_PRICE)
    if best == NONE_PRICE:
        return own_best
    if agent["open_orders"] > 0 and crowd.orders[agent["first_order"]]["price_ticks"] == best:
        return np.int64(NONE_PRICE)
    return min(best + 1, limit) if side == Side.BUY else max(best - 1, limit)


@kernel
def _price(scene, index, seen):
    """What it asks or offers, NONE_PRICE to leave things as they are."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    kind = agent["kind"]
    buys = np.int64(crowd.memory[start + HAS_SIDE]) == Side.BUY
    limit = np.int64(crowd.memory[start + LIMIT])
    outer = np.int64(crowd.numbers[first + FLOOR] if buys else crowd.numbers[first + CEILING])
    if kind == AgentKind.ZIC:
        away = draw_below(agent, abs(limit - outer) + 1)
        return outer + away if buys else outer - away
    if kind == AgentKind.SHVR:
        return _shaved(scene, index, seen, limit, outer)
    if kind == AgentKind.ZIP:
        price = zip_price(crowd.memory, start + ZIP, limit)
        return np.int64(math.floor(price)) if buys else np.int64(math.ceil(price))
    return limit


@kernel
def act_auction_trader(scene, index):
    """A look, what is learned from it, and an order where one is to be had."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    wait_ns = crowd.numbers[first + WAIT_NS]
    if agent["wakes"] == 1:
        first_wake(scene, index)
        side = np.int64(crowd.numbers[first + SIDE])
        crowd.memory[start + HAS_SIDE] = draw_below(agent, 2) if side == 2 else side
        draw_zip(agent, crowd.memory, start + ZIP, np.int64(crowd.memory[start + HAS_SIDE]) == Side.BUY)
        _give_limit(crowd, index, 0.0)
        return draw_wake(scene, index, wait_ns)
    passed_ns = np.float64(scene.world.head[0]["now_ns"] - agent["since_ns"])
    seen = seen_touch(scene, index)
    active = abs(agent["known_lots"] - crowd.memory[start + BEGAN]) < crowd.numbers[first + LOTS]
    buys = np.int64(crowd.memory[start + HAS_SIDE]) == Side.BUY
    if agent["kind"] == AgentKind.ZIP and seen >= 0:
        touch = crowd.touches[seen]
        limit = crowd.memory[start + LIMIT]
        learn(agent, crowd.memory, start + ZIP, touch, limit, buys, active, crowd.numbers[first + MOST_STEP])
    price_ticks = _price(scene, index, seen)
    if price_ticks != NONE_PRICE:
        cancel_all(scene, index)
    if agent["open_orders"] > 0:
        if price_ticks == NONE_PRICE:
            return draw_wake(scene, index, wait_ns)
        return np.int64(scene.world.head[0]["now_ns"] + agent["order_ns"] + agent["answer_ns"]) + 1
    if passed_ns >= crowd.memory[start + GIVEN_NS] + crowd.numbers[first + PERIOD_NS]:
        _give_limit(crowd, index, passed_ns)
        return draw_wake(scene, index, wait_ns)
    left = np.int64(crowd.numbers[first + LOTS] - abs(agent["known_lots"] - crowd.memory[start + BEGAN]))
    if left > 0:
        send_limit(scene, index, np.int64(Side.BUY) if buys else np.int64(Side.SELL), price_ticks, left)
    return draw_wake(scene, index, wait_ns)
