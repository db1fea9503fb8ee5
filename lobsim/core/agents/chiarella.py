"""The extended Chiarella model, one agent for each class of traders (Majewski, Ciliberti, Bouchaud 2020), in an order book.

At every step a class demands ``x = (k (V - p) + k3 (V - p)^3 + b tanh(g M)) dt + s sqrt(dt) z`` lots: fundamentalists by k and k3, trend followers by b, noise by s.  The trend follows the price, ``M <- M - a M dt + a dp``.  The demand becomes Poisson(|x|) orders of LOTS towards its sign (at most 48):
marketable with a probability, else limit orders an exponential distance behind a tick inside the spread (behind the best price of their own side where there is no tick inside: were none ever better than that, no bid could rise), each of which dies at a constant rate.  V is the fundamental value; one without reversion and with drift 0 is the model's own.

Numbers: FUNDAMENTAL index of the agent that has it, PULL k, PULL_CUBED k3, TREND b, STEEPNESS g, FORGETTING a, NOISE s (per second, and root of it), STEP_NS, MARKETABLE probability, DISTANCE mean in ticks, LIFE_NS mean, LOTS.
Memory: the trend M, the LAST price (the first one at the start).
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.fundamental import fundamental_now
from lobsim.core.agents.orders import send_cancel, send_limit, send_market
from lobsim.core.agents.view import seen_touch, touch_price
from lobsim.core.agents.waits import after_ns
from lobsim.core.arithmetic import exponential
from lobsim.core.chance import draw_exponential, draw_normal, draw_poisson, draw_uniform
from lobsim.core.jit import inline, kernel
from lobsim.types import NONE_PRICE, Side

FUNDAMENTAL = 0
PULL = 1
PULL_CUBED = 2
TREND = 3
STEEPNESS = 4
FORGETTING = 5
NOISE = 6
STEP_NS = 7
MARKETABLE = 8
DISTANCE = 9
LIFE_NS = 10
LOTS = 11
NUMBERS = 12
M = 0
LAST = 1
MEMORY = 2

_NS = 1e9
_MOST = 48


@inline
def tanh(x):
    """The hyperbolic tangent."""
    fading = exponential(-2.0 * abs(x))
    size = (1.0 - fading) / (1.0 + fading)
    return size if x >= 0.0 else -size


@kernel
def _demand(scene, index, price):
    """Lots its class wants to buy (to sell, below 0) in this step; the trend is brought up to now."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    numbers = crowd.numbers
    first = np.int64(agent["first"])
    start = np.int64(agent["memory"])
    seconds = numbers[first + STEP_NS] / _NS
    trend = crowd.memory[start + M]
    trend += numbers[first + FORGETTING] * ((price - crowd.memory[start + LAST]) - trend * seconds)
    crowd.memory[start + M] = trend
    crowd.memory[start + LAST] = price
    gap = fundamental_now(scene, np.int64(numbers[first + FUNDAMENTAL])) - price
    rate = numbers[first + PULL] * gap + numbers[first + PULL_CUBED] * gap * gap * gap
    rate += numbers[first + TREND] * tanh(numbers[first + STEEPNESS] * trend)
    return rate * seconds + numbers[first + NOISE] * math.sqrt(seconds) * draw_normal(agent)


@kernel
def _let_die(scene, index):
    """Each of its orders dies with the probability of a step."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    dying = 1.0 - exponential(-crowd.numbers[first + STEP_NS] / crowd.numbers[first + LIFE_NS])
    slot = np.int64(agent["first_order"])
    count = 0
    while slot != 0 and count < _MOST:
        following = np.int64(crowd.orders[slot]["next"])
        if draw_uniform(agent) < dying:
            send_cancel(scene, slot)
            count += 1
        slot = following


@kernel
def _nearest_price(side, price, own_ticks, opposite_ticks):
    """The best limit price there is: a tick inside the spread if it has room, or beside the price if the own side is empty."""
    toward = 1 if side == Side.BUY else -1
    if own_ticks == NONE_PRICE:
        return np.int64(math.floor(price)) - 1 if side == Side.BUY else np.int64(math.ceil(price)) + 1
    if opposite_ticks == NONE_PRICE or own_ticks + toward != opposite_ticks:
        return own_ticks + toward
    return own_ticks


@kernel
def _order(scene, index, side, near_ticks):
    """One order of LOTS.  near_ticks: the best limit price there is"""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    lots = np.int64(numbers[first + LOTS])
    if draw_uniform(agent) < numbers[first + MARKETABLE]:
        send_market(scene, index, side, lots)
    else:
        away = np.int64(math.floor(numbers[first + DISTANCE] * draw_exponential(agent)))
        send_limit(scene, index, side, near_ticks + away if side == Side.SELL else near_ticks - away, lots)


@kernel
def act_chiarella(scene, index):
    """One step of a class."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    step_ns = crowd.numbers[first + STEP_NS]
    if agent["wakes"] > 1:
        _let_die(scene, index)
        price = crowd.memory[np.int64(agent["memory"]) + LAST]
        seen = seen_touch(scene, index)
        bid_ticks = touch_price(crowd.touches[seen], 0) if seen >= 0 else np.int64(NONE_PRICE)
        ask_ticks = touch_price(crowd.touches[seen], 1) if seen >= 0 else np.int64(NONE_PRICE)
        if bid_ticks != NONE_PRICE and ask_ticks != NONE_PRICE:
            price = 0.5 * np.float64(bid_ticks + ask_ticks)
        demand = _demand(scene, index, price)
        side = np.int64(Side.BUY) if demand > 0.0 else np.int64(Side.SELL)
        own_ticks = bid_ticks if demand > 0.0 else ask_ticks
        opposite_ticks = ask_ticks if demand > 0.0 else bid_ticks
        near_ticks = _nearest_price(side, price, own_ticks, opposite_ticks)
        for _ in range(min(draw_poisson(agent, min(abs(demand), float(_MOST))), _MOST)):
            _order(scene, index, side, near_ticks)
    return after_ns(scene, step_ns)
