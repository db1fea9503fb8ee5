"""The reference price of a queue-reactive market, and queues that are drawn.

The mid is looked at after every change of the book.  What was drawn is reached by requests like anybody's: one order for what is missing, cancels of the newest for what is too much, at most SENT at a time.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.ladder import lots_at
from lobsim.core.agents.orders import send_cancel, send_limit, send_reduce
from lobsim.core.agents.queue_tables import (
    AS_IT_IS,
    LAST_MID,
    MOST,
    QUEUES,
    REFERENCE,
    TABLES,
    TARGETS,
    THETA,
    THETA_REINIT,
    TO_BE_DRAWN,
    TODO,
    UNSET,
    drawn_law,
    queue_price,
)
from lobsim.core.agents.view import best_price
from lobsim.core.chance import draw_uniform
from lobsim.core.jit import kernel
from lobsim.core.levels import find_level, fold
from lobsim.types import NONE_PRICE

SENT = 48


@kernel
def pull_of_mid(scene, index):
    """1 or -1 where the reference may follow the mid up or down, else 0; a mid that asks for nothing is remembered."""
    crowd = scene.crowd
    book = scene.world.book
    memory = np.int64(crowd.agents[index]["memory"])
    bid = best_price(book, 0)
    ask = best_price(book, 1)
    if bid == NONE_PRICE or ask == NONE_PRICE:
        return 0
    mid = np.float64(bid + ask)
    last = crowd.memory[memory + LAST_MID]
    if last != UNSET and mid > last and lots_at(book, 1, queue_price(scene, index, 1, 0)) == 0:
        return 1
    if last != UNSET and mid < last and lots_at(book, 0, queue_price(scene, index, 0, 0)) == 0:
        return -1
    crowd.memory[memory + LAST_MID] = mid
    return 0


@kernel
def follow_mid(scene, index, pull):
    """The reference follows the mid, or not."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    memory = np.int64(agent["memory"])
    queues = np.int64(crowd.numbers[first + QUEUES])
    crowd.memory[memory + LAST_MID] = best_price(scene.world.book, 0) + best_price(scene.world.book, 1)
    if draw_uniform(agent) >= crowd.numbers[first + THETA]:
        return
    crowd.memory[memory + REFERENCE] += pull
    crowd.memory[memory + TODO] = 1.0
    everything = draw_uniform(agent) < crowd.numbers[first + THETA_REINIT]
    come = 2 * queues - 1 if pull > 0 else queues - 1
    for queue in range(2 * queues):
        crowd.memory[memory + TARGETS + queue] = TO_BE_DRAWN if everything or queue == come else AS_IT_IS


@kernel
def draw_targets(scene, index):
    """Give every queue that waits for one its number of lots, from its law."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    numbers = crowd.numbers
    first = np.int64(agent["first"])
    queues = np.int64(numbers[first + QUEUES])
    most = np.int64(numbers[first + MOST])
    for queue in range(2 * queues):
        place = np.int64(agent["memory"]) + TARGETS + queue
        if crowd.memory[place] == TO_BE_DRAWN:
            i = queue % queues
            law = drawn_law(numbers, first, i)
            at = draw_uniform(agent)
            units = 0
            while units < most and at >= numbers[law + units]:
                units += 1
            crowd.memory[place] = units * numbers[first + TABLES + i]


@kernel
def _shorten(scene, index, side, price_ticks, excess, left):
    """Take lots off an agent's orders at a price, newest first, with at most `left` requests.  Returns how many are left."""
    crowd = scene.crowd
    book = scene.world.book
    level = find_level(book, side, fold(side, price_ticks))
    node = np.int64(book.nodes[level]["prev"])
    while node != level and excess > 0 and left > 0:
        slot = np.int64(book.nodes[node]["key"]) - np.int64(crowd.head[0]["base"])
        size = np.int64(book.nodes[node]["size"])
        node = np.int64(book.nodes[node]["prev"])
        if slot > 0 and crowd.orders[slot]["agent"] == index:
            if size <= excess:
                send_cancel(scene, slot)
            else:
                send_reduce(scene, slot, excess)
            excess -= min(size, excess)
            left -= 1
    return left


@kernel
def redraw(scene, index):
    """Bring queues to what was drawn for them: first cancels, then orders."""
    crowd = scene.crowd
    memory = np.int64(crowd.agents[index]["memory"])
    queues = np.int64(crowd.numbers[np.int64(crowd.agents[index]["first"]) + QUEUES])
    left = np.int64(SENT)
    for adding in range(2):
        for queue in range(2 * queues):
            target = crowd.memory[memory + TARGETS + queue]
            if target == AS_IT_IS or left == 0:
                continue
            side = np.int64(queue >= queues)
            price_ticks = queue_price(scene, index, side, queue % queues)
            missing = np.int64(target) - lots_at(scene.world.book, side, price_ticks)
            if adding and missing > 0:
                send_limit(scene, index, side, price_ticks, missing)
                left -= 1
            elif not adding and missing < 0:
                left = _shorten(scene, index, side, price_ticks, -missing, left)
            if adding:
                crowd.memory[memory + TARGETS + queue] = AS_IT_IS
    crowd.memory[memory + TODO] = np.float64(left == 0)
    crowd.memory[memory + LAST_MID] = UNSET  # what was drawn is no move of the mid
