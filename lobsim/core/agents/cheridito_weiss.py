"""The flow of the execution market of Cheridito and Weiss (2025): rates by distance, and orders that have sizes.

As in Cont-Stoikov-Talreja limit orders come by distance from the opposite best and takers at a constant rate; a lot at distance i is cancelled at the rate theta(i).  Every
size is 1 + |N(0, SPREAD)|, at most MOST, rounded; a cancel takes so many lots off the order its lot belongs to.  After each event orders further than FAR ticks from the opposite best
are cancelled, at most SWEPT at a time.

*Imbalance.*  Lots are weighed by exp(-DAMPING k), k the ticks from their own side's best, k < FAR; I = (buys - sells) / (buys + sells).  Buying takers, buys and cancels of sells
come 1 + TILT max(0, I) times as often, their mirror images 1 + TILT max(0, -I) times.  TILT 0 leaves it out.

An event is found in this order: buys by distance, sells by distance, buying and selling takers, cancels of buys and of sells by distance.

Numbers: DISTANCES of the tables, MU per second, SPREAD and MOST of sizes, FAR ticks, TILT, DAMPED (exp(-DAMPING)), then lambda per second and theta per second and lot, DISTANCES each.
DISTANCES is at most FAR.
Memory: the last best price of each side; the folded price from which on each side was swept last, NEVER_SWEPT at first; the rates as of the last change of the book (buys, sells,
buying takers, selling takers, cancels of buys, of sells) and how many times as often as without imbalance buying and selling happens, so that an event need not look at the book again.
"""

from __future__ import annotations

import math

import numpy as np

from lobsim.core.agents.distances import cancel_price, cancel_weight, distance_of, table_sum
from lobsim.core.agents.ladder import beside, cancel_share, lots_in_row, remembered_best, row_of
from lobsim.core.agents.orders import send_cancel, send_limit, send_market
from lobsim.core.agents.view import best_price
from lobsim.core.chance import draw_normal, draw_uniform
from lobsim.core.jit import inline, kernel
from lobsim.core.levels import fold, next_level
from lobsim.types import NONE_PRICE

DISTANCES = 0
MU = 1
SPREAD = 2
MOST = 3
FAR = 4
TILT = 5
DAMPED = 6
TABLES = 7
LAST_BEST = 0
SWEPT_FROM = 2
RATES = 4
TILTS = 10
MEMORY = 12
NEVER_SWEPT = 1e18
SWEPT = 48


@inline
def _anchor(scene, index, side):
    """The best price that the distances of a side count from."""
    place = np.int64(scene.crowd.agents[index]["memory"]) + LAST_BEST + 1 - side
    return remembered_best(scene, place, 1 - side)


@kernel
def _weighed(scene, side, damped, far):
    """Lots of a side, each weighed by its distance from the side's best."""
    book = scene.world.book
    best = best_price(book, side)
    total = 0.0
    if best == NONE_PRICE:
        return total
    row = row_of(book, side, best, far)
    weight = 1.0
    for steps in range(far):
        total += weight * np.float64(lots_in_row(book, row, side, best, steps))
        weight *= damped
    return total


@kernel
def _tilts(scene, index):
    """How many times as often as without it (buying, selling) happens."""
    numbers = scene.crowd.numbers
    first = np.int64(scene.crowd.agents[index]["first"])
    tilt = numbers[first + TILT]
    if tilt == 0.0:
        return 1.0, 1.0
    far = np.int64(numbers[first + FAR])
    buys = _weighed(scene, 0, numbers[first + DAMPED], far)
    sells = _weighed(scene, 1, numbers[first + DAMPED], far)
    if buys + sells == 0.0:
        return 1.0, 1.0
    imbalance = (buys - sells) / (buys + sells)
    return 1.0 + tilt * max(0.0, imbalance), 1.0 + tilt * max(0.0, -imbalance)


@kernel
def cheridito_weiss_rate(scene, index):
    """Events per second.  changes: the rates remembered"""
    numbers = scene.crowd.numbers
    first = np.int64(scene.crowd.agents[index]["first"])
    count = np.int64(numbers[first + DISTANCES])
    up, down = _tilts(scene, index)
    entering = table_sum(numbers, first + TABLES, count)
    mu = numbers[first + MU]
    buys = cancel_weight(scene, 0, _anchor(scene, index, 0), first + TABLES + count, count)
    sells = cancel_weight(scene, 1, _anchor(scene, index, 1), first + TABLES + count, count)
    memory = scene.crowd.memory
    tilts = np.int64(scene.crowd.agents[index]["memory"]) + TILTS
    memory[tilts] = up
    memory[tilts + 1] = down
    place = np.int64(scene.crowd.agents[index]["memory"]) + RATES
    memory[place] = up * entering
    memory[place + 1] = down * entering
    memory[place + 2] = up * mu
    memory[place + 3] = down * mu
    memory[place + 4] = down * buys
    memory[place + 5] = up * sells
    return table_sum(memory, place, np.int64(6))


@inline
def _size(scene, index):
    """Lots of one event."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    drawn = 1.0 + abs(numbers[first + SPREAD] * draw_normal(agent))
    return np.int64(math.floor(min(drawn, numbers[first + MOST]) + 0.5))


@kernel
def _cancel(scene, index, side, at, tilt):
    """Lots of a side are cancelled; at: a place among the side's cancels per second, which are `tilt` times those of the table."""
    numbers = scene.crowd.numbers
    first = np.int64(scene.crowd.agents[index]["first"])
    count = np.int64(numbers[first + DISTANCES])
    opposite = _anchor(scene, index, side)
    price_ticks = cancel_price(scene, side, opposite, first + TABLES + count, count, at / tilt)
    if price_ticks != NONE_PRICE:
        size = _size(scene, index)
        cancel_share(scene, index, side, price_ticks, size)


@kernel
def _sweep(scene, index, side, left):
    """Cancel what rests further than FAR ticks from the opposite best, at most `left` orders.  Returns how many more there could be.

    What was that far at the last sweep is gone: only prices between the last edge and this one are looked at.
    """
    crowd = scene.crowd
    book = scene.world.book
    agent = crowd.agents[index]
    far = np.int64(crowd.numbers[np.int64(agent["first"]) + FAR])
    swept = np.int64(agent["memory"]) + SWEPT_FROM + side
    edge = fold(side, beside(side, _anchor(scene, index, side), far))
    level = next_level(book, side, edge)
    while level != 0 and left > 0:
        key = fold(side, np.int64(book.nodes[level]["key"]))
        if key > crowd.memory[swept]:
            break
        node = np.int64(book.nodes[level]["next"])
        while node != level and left > 0:
            slot = np.int64(book.nodes[node]["key"]) - np.int64(crowd.head[0]["base"])
            node = np.int64(book.nodes[node]["next"])
            if slot > 0 and crowd.orders[slot]["agent"] == index:
                send_cancel(scene, slot)
                left -= 1
        level = next_level(book, side, key)
    if left > 0:
        crowd.memory[swept] = np.float64(edge)
    return left


@kernel
def _one_event(scene, index):
    """One event: which one in proportion to its rate."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    memory = scene.crowd.memory
    first = np.int64(agent["first"])
    count = np.int64(numbers[first + DISTANCES])
    tilts = np.int64(agent["memory"]) + TILTS
    place = np.int64(agent["memory"]) + RATES
    buys = memory[place]
    buying = memory[place + 2]
    leaving = memory[place + 4]
    at = draw_uniform(agent) * table_sum(memory, place, np.int64(6))
    if at < buys + memory[place + 1]:
        side = np.int64(at >= buys)
        at = (at - buys) / memory[tilts + 1] if side else at / memory[tilts]
        steps = distance_of(numbers, first + TABLES, count, at)
        size = _size(scene, index)
        send_limit(scene, index, side, beside(side, _anchor(scene, index, side), steps), size)
        return
    at -= buys + memory[place + 1]
    if at < buying + memory[place + 3]:
        send_market(scene, index, np.int64(at >= buying), _size(scene, index))
        return
    at -= buying + memory[place + 3]
    if at < leaving:
        _cancel(scene, index, np.int64(0), at, memory[tilts + 1])
    else:
        _cancel(scene, index, np.int64(1), at - leaving, memory[tilts])


@kernel
def act_cheridito_weiss(scene, index):
    """One event, then what has come to rest too far away leaves."""
    _one_event(scene, index)
    left = _sweep(scene, index, np.int64(0), SWEPT)
    _sweep(scene, index, np.int64(1), left)
