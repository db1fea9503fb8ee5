"""Cont, Stoikov, Talreja (2010): every price a queue of its own, with rates by distance from the opposite best.

All orders have one size.  On each side limit orders come at distance i at the rate lambda(i), market orders at the rate mu, and what rests at distance i is cancelled
at the rate theta(i) an order.  Distances beyond the tables get neither orders nor cancels, so theta reaches further than lambda where the price may run away.

An event is found in this order: buys by distance, sells by distance, buying and selling takers, cancels of buys and of sells by distance.

Numbers: DISTANCES of the tables, MU per second, SIZE lots, then lambda and theta, DISTANCES each, per second.  Memory: the last best price of each side.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.distances import cancel_price, cancel_weight, distance_of, table_sum
from lobsim.core.agents.ladder import beside, cancel_share, remembered_best
from lobsim.core.agents.orders import send_limit, send_market
from lobsim.core.chance import draw_uniform
from lobsim.core.jit import inline, kernel
from lobsim.types import NONE_PRICE

DISTANCES = 0
MU = 1
SIZE = 2
TABLES = 3
LAST_BEST = 0
MEMORY = 2


@inline
def _dying(scene, index, side):
    """Cancels per second of a side."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    count = np.int64(numbers[first + DISTANCES])
    opposite = remembered_best(scene, np.int64(agent["memory"]) + LAST_BEST + 1 - side, 1 - side)
    return cancel_weight(scene, side, opposite, first + TABLES + count, count) / numbers[first + SIZE]


@kernel
def cont_stoikov_talreja_rate(scene, index):
    """Events per second."""
    numbers = scene.crowd.numbers
    first = np.int64(scene.crowd.agents[index]["first"])
    entering = table_sum(numbers, first + TABLES, np.int64(numbers[first + DISTANCES]))
    return 2.0 * (entering + numbers[first + MU]) + (_dying(scene, index, 0) + _dying(scene, index, 1))


@kernel
def _cancel(scene, index, side, at):
    """One order of a side is cancelled, found at `at` of the side's cancels per second."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    count = np.int64(numbers[first + DISTANCES])
    opposite = remembered_best(scene, np.int64(agent["memory"]) + LAST_BEST + 1 - side, 1 - side)
    at *= numbers[first + SIZE]
    price_ticks = cancel_price(scene, side, opposite, first + TABLES + count, count, at)
    if price_ticks != NONE_PRICE:
        cancel_share(scene, index, side, price_ticks, 0)


@kernel
def act_cont_stoikov_talreja(scene, index):
    """One event: which one in proportion to its rate."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    count = np.int64(numbers[first + DISTANCES])
    size = np.int64(numbers[first + SIZE])
    mu = numbers[first + MU]
    entering = table_sum(numbers, first + TABLES, count)
    at = draw_uniform(agent) * cont_stoikov_talreja_rate(scene, index)
    if at < 2.0 * entering:
        side = np.int64(at >= entering)
        steps = distance_of(numbers, first + TABLES, count, at - entering if side else at)
        opposite = remembered_best(scene, np.int64(agent["memory"]) + LAST_BEST + 1 - side, 1 - side)
        send_limit(scene, index, side, beside(side, opposite, steps), size)
        return
    at -= 2.0 * entering
    if at < 2.0 * mu:
        send_market(scene, index, np.int64(at >= mu), size)
        return
    at -= 2.0 * mu
    buys = _dying(scene, index, 0)
    if at < buys:
        _cancel(scene, index, np.int64(0), at)
    else:
        _cancel(scene, index, np.int64(1), at - buys)
