"""Everybody who quotes around the price that is thought right: orders join, wait, are cancelled, pulled when they have become stale, and made anew where one is missing.

*A quote* stands so many ticks behind the price that its owner thinks worth making: half a spread (by regime, and wider in the first hour) from the efficient price, seen with an error that is uniform up to ERROR; never through the
other side.  It waits for a drawn time, the shorter the busier the market, and is cancelled then, or halved; its owner may quote again.
*What follows* from a change of the book, whoever made it, comes after a drawn time to react: where the best price is nearly what the price is thought to be, its youngest order is pulled; where
a side lacks a quote worth making, one is made; one of each at a time is on its way.  After a trade somebody may quote where it took, and somebody on its own side.

Numbers: PRICE (place of the efficient price among the agents), OPENING orders, HALVES, AGAIN, AGAIN_AT_ONCE, REFILLED, FOLLOWED (chances), STALE (2^-16 tick: a quote nearer to the price than this is), MISSING (a side whose best price is so much further than worth making lacks a quote), ERROR (2^-16 tick); places of lists: HALF (half spread by regime,
2^-16 tick), OPEN_HALF (what is added, by five minutes); of laws: GAP (ns, at rate 1024), REACTION (ns), NEAR and DISTANCE (ticks behind), NEAR_LIFE, MIDDLE_LIFE, FAR_LIFE (ns; up to one tick behind, up to five, further), all `between`, and SIZE (lots, `pick`).
Memory: OPENED (orders of the opening so far), PULLS and REFILLS [2 each] on their way by side, TRADED (lots bought less sold, as last seen).
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.efficient_price import fair_now, piece_now, rate_now, regime_now
from lobsim.core.agents.orders import remind, send_cancel, send_limit, send_reduce
from lobsim.core.agents.tables import FINE, draw_bits, drawn, entry, happens, parameter, picked, table_at, whole_number
from lobsim.core.agents.view import net_bought
from lobsim.core.ids import find_id
from lobsim.core.jit import inline, kernel
from lobsim.core.levels import fold
from lobsim.types import NEVER

PRICE = 0
OPENING = 1
HALVES = 2
AGAIN = 3
AGAIN_AT_ONCE = 4
REFILLED = 5
FOLLOWED = 6
STALE = 7
MISSING = 8
ERROR = 9
HALF = 10
OPEN_HALF = 11
GAP = 12
REACTION = 13
NEAR = 14
DISTANCE = 15
NEAR_LIFE = 16
MIDDLE_LIFE = 17
FAR_LIFE = 18
SIZE = 19
NUMBERS = 20
OPENED = 0
PULLS = 1
REFILLS = 3
TRADED = 5
MEMORY = 6

QUOTE = 0
CANCEL = 1
REFILL = 2
PULL = 3
_TICK = 1 << FINE


@kernel
def _half_spread(scene, index):
    """Half the spread that is worth quoting now, in 2^-16 tick."""
    numbers = scene.crowd.numbers
    price = parameter(scene, index, PRICE)
    half = entry(numbers, table_at(scene, index, HALF), regime_now(scene, price))
    return half + entry(numbers, table_at(scene, index, OPEN_HALF), piece_now(scene, price))


@inline
def _best_key(scene, side):
    """Folded best price of a side, NEVER if it is empty."""
    return np.int64(scene.world.book.sides[side]["best_key"])


@inline
def _too_close(scene, index, side):
    """Whether the best price of a side is one that the efficient price has nearly reached."""
    best = _best_key(scene, side)
    fair = fold(side, fair_now(scene, parameter(scene, index, PRICE)))
    return best != NEVER and (best << FINE) < fair + parameter(scene, index, STALE)


@inline
def _too_far(scene, index, side):
    """Whether a side lacks a quote that is worth making."""
    best = _best_key(scene, side)
    worth = fold(side, fair_now(scene, parameter(scene, index, PRICE))) + _half_spread(scene, index)
    return best == NEVER or (best << FINE) > worth + parameter(scene, index, MISSING)


@kernel
def _life_ns(scene, index, distance):
    """How long an order so many ticks behind waits."""
    which = NEAR_LIFE if distance <= 1 else MIDDLE_LIFE if distance <= 5 else FAR_LIFE
    return (drawn(scene, index, which) // rate_now(scene, parameter(scene, index, PRICE))) << 10


@kernel
def _quote(scene, index, side, distance):
    """A limit order joins, distance ticks behind the price that its owner thinks worth making."""
    agent = scene.crowd.agents[index]
    fair = fold(side, fair_now(scene, parameter(scene, index, PRICE)))
    error = parameter(scene, index, ERROR)
    opinion = fair + _half_spread(scene, index) + ((draw_bits(agent, FINE) * 2 - _TICK) * error >> FINE)
    key = -((-opinion) >> FINE) + distance
    opposite = _best_key(scene, 1 - side)
    if opposite != NEVER:
        key = max(key, 1 - opposite)
    size = picked(scene, index, SIZE)
    life_ns = _life_ns(scene, index, distance)
    slot = send_limit(scene, index, side, fold(side, key), size)
    remind(scene, index, slot, np.int64(scene.crowd.orders[slot]["serial"]), np.int64(CANCEL), side, life_ns)


@inline
def _soon(scene, index, step, side):
    """A step follows, as quickly as its owner reacts."""
    remind(scene, index, np.int64(0), np.int64(0), np.int64(step), side, drawn(scene, index, REACTION))


@kernel
def _end_life(scene, index, slot, serial):
    """An order's time is up: it leaves, or now and then only half of it; its owner may quote again."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    order = crowd.orders[slot]
    if order["serial"] != serial or order["live"] == 0:
        return
    side = np.int64(order["side"])
    size = np.int64(scene.world.book.nodes[find_id(scene.world.book, crowd.head[0]["base"] + slot)]["size"])
    if size > 1 and happens(agent, parameter(scene, index, HALVES)):
        send_reduce(scene, slot, size >> 1)
        remind(scene, index, slot, serial, np.int64(CANCEL), side, _life_ns(scene, index, np.int64(0)))
        return
    send_cancel(scene, slot)
    if happens(agent, parameter(scene, index, AGAIN)):
        _soon(scene, index, QUOTE, side)


@kernel
def _pull(scene, index, side):
    """The youngest of its orders at a stale best price is withdrawn; mostly its owner quotes again."""
    crowd = scene.crowd
    book = scene.world.book
    if not _too_close(scene, index, side):
        return
    level = np.int64(book.sides[side]["best"])
    node = np.int64(book.nodes[level]["prev"])
    while node != level:
        slot = np.int64(book.nodes[node]["key"]) - np.int64(crowd.head[0]["base"])
        if slot > 0 and crowd.orders[slot]["agent"] == index:
            send_cancel(scene, slot)
            if happens(crowd.agents[index], parameter(scene, index, AGAIN_AT_ONCE)):
                _soon(scene, index, QUOTE, side)
            return
        node = np.int64(book.nodes[node]["prev"])


@kernel
def look_at_book(scene, index):
    """The book or the price has changed: stale orders will be pulled and missing quotes made."""
    memory = scene.crowd.memory
    place = np.int64(scene.crowd.agents[index]["memory"])
    if memory[place + OPENED] < parameter(scene, index, OPENING):
        return
    for side in range(2):
        if memory[place + PULLS + side] == 0.0 and _too_close(scene, index, side):
            memory[place + PULLS + side] = 1.0
            _soon(scene, index, PULL, side)
        if memory[place + REFILLS + side] == 0.0 and _too_far(scene, index, side):
            memory[place + REFILLS + side] = 1.0
            _soon(scene, index, REFILL, side)


@kernel
def follow_trades(scene, index):
    """Somebody may have traded: quotes follow where it took, and on its own side."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    memory = np.int64(agent["memory"])
    net = net_bought(crowd) - whole_number(crowd.memory, memory + TRADED)
    crowd.memory[memory + TRADED] += net
    if net == 0 or crowd.memory[memory + OPENED] < parameter(scene, index, OPENING):
        return
    taker = np.int64(0) if net > 0 else np.int64(1)
    if happens(agent, parameter(scene, index, REFILLED)):
        _soon(scene, index, REFILL, 1 - taker)
    if happens(agent, parameter(scene, index, FOLLOWED)):
        _soon(scene, index, QUOTE, taker)


@kernel
def act_quoters(scene, index):
    """An order joins by itself; before that, one of the opening: the sides take turns, two at every distance, near ones first."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    place = np.int64(agent["memory"]) + OPENED
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    done = np.int64(crowd.memory[place])
    if done < parameter(scene, index, OPENING):
        crowd.memory[place] += 1.0
        _quote(scene, index, done & 1, done >> 2)
        agent["until_ns"] = now_ns + 1
        return
    side = draw_bits(agent, 1)
    _quote(scene, index, side, drawn(scene, index, DISTANCE))
    rate = rate_now(scene, parameter(scene, index, PRICE))
    agent["until_ns"] = now_ns + 1 + (drawn(scene, index, GAP) << 10) // rate


@kernel
def remind_quoters(scene, index, step, side, slot, serial):
    """What was to follow follows."""
    place = np.int64(scene.crowd.agents[index]["memory"])
    if step == CANCEL:
        _end_life(scene, index, slot, serial)
    elif step == PULL:
        scene.crowd.memory[place + PULLS + side] = 0.0
        _pull(scene, index, side)
    elif step == REFILL:
        scene.crowd.memory[place + REFILLS + side] = 0.0
        _quote(scene, index, side, drawn(scene, index, NEAR))
    else:
        _quote(scene, index, side, drawn(scene, index, DISTANCE))
