"""A market whose middle is a martingale, and in which no strategy has an edge.

Takers buy and sell with equal chance, at a constant rate, one quote at a time.  Makers quote as competition makes them when every trade tells as much as the spread costs (Glosten and
Milgrom 1985): whoever buys pays HALF above the middle, and by that trade the middle rises by HALF.  A waiting order is filled at what is then the middle, so waiting earns nothing; taking costs as much as it moves the price, and moving it there and back
loses (impact is linear and stays: Huberman and Stanzl 2004).

Numbers: MU takers per second on either side together, HALF ticks, LOTS of a quote and of a taker, LEVELS quotes on each side, HALF apart.  Memory: START the first middle.
The middle is START + HALF * floor((bought - sold) / LOTS + 1/2), whoever it was who traded; a volume that is no whole number of quotes is carried on.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.orders import send_cancel, send_limit, send_market
from lobsim.core.agents.view import net_bought
from lobsim.core.chance import draw_uniform
from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel
from lobsim.types import NONE

MU = 0
HALF = 1
LOTS = 2
LEVELS = 3
START = 0
AT_ONCE = 1e9
"""Intensity of a maker whose quotes are out of place: it acts within some nanoseconds."""


@kernel
def centre_of(scene, index):
    """The middle in ticks, from all that was bought and sold so far."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    lots = np.int64(numbers[first + LOTS])
    bought = net_bought(scene.crowd)
    steps = (2 * bought + lots) // (2 * lots)
    return np.int64(scene.crowd.memory[agent["memory"] + START]) + np.int64(numbers[first + HALF]) * steps


@inline
def _level_of(scene, index, slot, centre):
    """Which quote an order is, from 0 on each side: the sells behind the buys; NONE if it is out of place or no longer whole."""
    numbers = scene.crowd.numbers
    first = np.int64(scene.crowd.agents[index]["first"])
    half = np.int64(numbers[first + HALF])
    levels = np.int64(numbers[first + LEVELS])
    order = scene.crowd.orders[slot]
    away = order["price_ticks"] - centre if order["side"] else centre - order["price_ticks"]
    place = find_id(scene.world.book, scene.crowd.head[0]["base"] + slot)
    whole = scene.world.book.nodes[place]["size"] == np.int64(numbers[first + LOTS])
    if not whole or away < half or away > levels * half or away % half != 0:
        return np.int64(NONE)
    return away // half - 1 + levels * order["side"]


@kernel
def _missing(scene, index, centre):
    """Which quotes are not there: a bit for each.  Orders out of place do not count."""
    agent = scene.crowd.agents[index]
    levels = np.int64(scene.crowd.numbers[agent["first"] + LEVELS])
    missing = (np.int64(1) << (2 * levels)) - 1
    slot = np.int64(agent["first_order"])
    while slot != 0:
        level = _level_of(scene, index, slot, centre)
        if level != NONE:
            missing &= ~(np.int64(1) << level)
        slot = np.int64(scene.crowd.orders[slot]["next"])
    return missing


@kernel
def zero_profit_rate(scene, index):
    """Events per second: takers, or at once where quotes are out of place."""
    agent = scene.crowd.agents[index]
    centre = centre_of(scene, index)
    levels = np.int64(scene.crowd.numbers[agent["first"] + LEVELS])
    if agent["open_orders"] != 2 * levels or _missing(scene, index, centre) != 0:
        return AT_ONCE
    return scene.crowd.numbers[agent["first"] + MU]


@kernel
def _requote(scene, index, centre):
    """Orders out of place are cancelled, quotes that are missing are sent, the nearest first."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    half = np.int64(crowd.numbers[first + HALF])
    lots = np.int64(crowd.numbers[first + LOTS])
    levels = np.int64(crowd.numbers[first + LEVELS])
    slot = np.int64(agent["first_order"])
    while slot != 0:
        following = np.int64(crowd.orders[slot]["next"])
        if _level_of(scene, index, slot, centre) == NONE:
            send_cancel(scene, slot)
        slot = following
    missing = _missing(scene, index, centre)
    for level in range(levels):
        for side in range(2):
            if missing >> (level + levels * side) & 1:
                away = (level + 1) * half
                send_limit(scene, index, side, centre + away if side else centre - away, lots)


@kernel
def act_zero_profit(scene, index):
    """Makers put their quotes in place, or a taker comes."""
    agent = scene.crowd.agents[index]
    centre = centre_of(scene, index)
    levels = np.int64(scene.crowd.numbers[agent["first"] + LEVELS])
    if agent["open_orders"] != 2 * levels or _missing(scene, index, centre) != 0:
        _requote(scene, index, centre)
        return
    send_market(scene, index, np.int64(draw_uniform(agent) < 0.5), np.int64(scene.crowd.numbers[agent["first"] + LOTS]))
