"""Twelve types of events that call each other forth: a compound Hawkes market (Jain and others 2024).

*Types.*  Six on each side of the book, the asks' first: an order one tick behind the best price, a cancel there, an order at the best price, a cancel there, a market order that takes from this side, an order
one tick inside the spread.  Type = 6 * (1 for bids) + its place in that list.

*Intensity.*  lambda_i = f_i max(0, mu_i g_i + sum over j, k of R_ijk); R_ijk decays at the rate beta_k, and an event of type j adds a_ijk beta_k to it, so that a_ijk is the integral of the kernel.  g is one of BUCKETS multipliers of time of
day.  f is 1 but for orders inside the spread s: (s / MEAN_SPREAD)^POWER, 0 where s < 2.  Kernels may be negative.

*Thinning.*  Between events the bound is f_i (mu_i g_i + the positive part of R): negative parts fade, so the intensity can rise, never above it.  The flow wakes at the speed of the bound and lets an event happen with
probability intensity over bound; a wake without an event sends nothing.  It wakes too when the time of day changes.  An event counts as one although there was nothing to cancel or to take.

*Sizes.*  P(k) in proportion to p (1 - p)^(k - 1) for k >= 1, plus point masses.  A cancel is of a whole order, each lot of the price equally likely to mean it.  Where nothing rests one tick behind the best price of a side, as after
it has moved, a queue of drawn size is placed there at once; where a side is empty, at its last best price.

Numbers: EXPONENTIALS K, MEAN_SPREAD, POWER, OPEN_NS, BUCKET_NS, BUCKETS, POINTS of laws; then mu [12]; g [BUCKETS][12]; beta [K]; jumps a beta [12][K][12] (by which, which); laws [13] (one for each type, then that of new queues): p, share of the
geometric part, lots [POINTS], cumulative shares [POINTS].
Memory: the last best price of each side, counts of events [12], the spread last seen (0 at first) and what it multiplies orders inside it by, the time of day (UNKNOWN at first), R [K][2][12]: positive parts, negative parts.
What belongs to one exponential lies in a row, so that all types decay, and jump, in a few instructions.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.ladder import beside, cancel_share, lots_at, remembered_best
from lobsim.core.agents.orders import send_limit, send_market
from lobsim.core.agents.view import best_price
from lobsim.core.arithmetic import exponential, power
from lobsim.core.chance import draw_geometric, draw_uniform
from lobsim.core.jit import inline, kernel
from lobsim.types import NEVER, NONE_PRICE

EXPONENTIALS = 0
MEAN_SPREAD = 1
POWER = 2
OPEN_NS = 3
BUCKET_NS = 4
BUCKETS = 5
POINTS = 6
TABLES = 7
LAST_BEST = 0
COUNTS = 2
SPREAD = 14
BUCKET = 16
EXCITED = 17
UNKNOWN = -1.0
TYPES = 12
DEEP = 0
CANCEL_DEEP = 1
TOP = 2
CANCEL_TOP = 3
TAKE = 4
INSIDE = 5
NEW_QUEUE = 12


@inline
def _bucket(scene, first):
    """(the time of day, when the next one begins)"""
    numbers = scene.crowd.numbers
    buckets = np.int64(numbers[first + BUCKETS])
    length_ns = np.int64(numbers[first + BUCKET_NS])
    since_ns = np.int64(scene.world.head[0]["now_ns"]) - np.int64(numbers[first + OPEN_NS])
    place = since_ns // length_ns
    next_ns = np.int64(numbers[first + OPEN_NS]) + (place + 1) * length_ns
    if place < 0:
        return np.int64(0), np.int64(numbers[first + OPEN_NS])
    if place >= buckets - 1:
        return buckets - 1, np.int64(NEVER)
    return place, next_ns


@kernel
def _decay(scene, index):
    """What is left of past events, now."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    count = np.int64(crowd.numbers[first + EXPONENTIALS])
    buckets = np.int64(crowd.numbers[first + BUCKETS])
    now_ns = np.int64(scene.world.head[0]["now_ns"])
    passed = np.float64(now_ns - np.int64(agent["since_ns"])) / 1e9
    agent["since_ns"] = now_ns
    if passed == 0.0:
        return
    place = np.int64(agent["memory"]) + EXCITED
    for k in range(count):
        left = exponential(-crowd.numbers[first + TABLES + TYPES * (1 + buckets) + k] * passed)
        for entry in range(place, place + 2 * TYPES):
            crowd.memory[entry] *= left
        place += 2 * TYPES


@inline
def _spread_factor(scene, index):
    """What the intensity of orders inside the spread is multiplied by; that of the spread last seen is remembered, for most events leave it as it is."""
    book = scene.world.book
    bid = best_price(book, 0)
    ask = best_price(book, 1)
    if bid == NONE_PRICE or ask == NONE_PRICE or ask - bid < 2:
        return 0.0
    numbers = scene.crowd.numbers
    memory = scene.crowd.memory
    first = np.int64(scene.crowd.agents[index]["first"])
    place = np.int64(scene.crowd.agents[index]["memory"]) + SPREAD
    spread = np.float64(ask - bid)
    if memory[place] != spread:
        memory[place] = spread
        memory[place + 1] = power(spread / numbers[first + MEAN_SPREAD], numbers[first + POWER])
    return memory[place + 1]


@inline
def _base(scene, index, kind, bucket):
    """mu g of a type."""
    numbers = scene.crowd.numbers
    first = np.int64(scene.crowd.agents[index]["first"])
    return numbers[first + TABLES + kind] * numbers[first + TABLES + TYPES * (1 + bucket) + kind]


@inline
def _excited(scene, index, kind, sign):
    """Positive (0) or negative (1) part of what past events do to a type."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    count = np.int64(crowd.numbers[np.int64(agent["first"]) + EXPONENTIALS])
    place = np.int64(agent["memory"]) + EXCITED + sign * TYPES + kind
    total = 0.0
    for _ in range(count):
        total += crowd.memory[place]
        place += 2 * TYPES
    return total


@kernel
def _bound(scene, index, bucket, factor):
    """What the sum of all intensities does not exceed before the next event."""
    total = 0.0
    for kind in range(TYPES):
        times = factor if kind % 6 == INSIDE else 1.0
        total += times * (_base(scene, index, kind, bucket) + _excited(scene, index, kind, 0))
    return total


@kernel
def hawkes_rate(scene, index):
    """Wakes per second: the bound.  changes: until when it holds"""
    agent = scene.crowd.agents[index]
    first = np.int64(agent["first"])
    _decay(scene, index)
    memory = scene.crowd.memory
    place = np.int64(agent["memory"]) + BUCKET
    if memory[place] == UNKNOWN or scene.world.head[0]["now_ns"] >= agent["until_ns"]:
        bucket, until_ns = _bucket(scene, first)
        memory[place] = bucket
        agent["until_ns"] = until_ns
    bucket = np.int64(memory[place])
    return _bound(scene, index, bucket, _spread_factor(scene, index))


@kernel
def _size(scene, index, law):
    """Lots from one of the laws."""
    agent = scene.crowd.agents[index]
    numbers = scene.crowd.numbers
    first = np.int64(agent["first"])
    count = np.int64(numbers[first + EXPONENTIALS])
    points = np.int64(numbers[first + POINTS])
    buckets = np.int64(numbers[first + BUCKETS])
    laws = first + TABLES + TYPES * (1 + buckets) + count * (1 + TYPES * TYPES)
    place = laws + law * (2 + 2 * points)
    at = draw_uniform(agent)
    if at < numbers[place + 1]:
        return 1 + draw_geometric(agent, numbers[place])
    point = np.int64(0)
    while point < points - 1 and at >= numbers[place + 2 + points + point]:
        point += 1
    return np.int64(numbers[place + 2 + point])


@kernel
def _excite(scene, index, cause):
    """An event of a type calls others forth, or quiets them."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    numbers = crowd.numbers
    first = np.int64(agent["first"])
    memory = np.int64(agent["memory"])
    count = np.int64(numbers[first + EXPONENTIALS])
    jumps = first + TABLES + TYPES * (1 + np.int64(numbers[first + BUCKETS])) + count + cause * count * TYPES
    crowd.memory[memory + COUNTS + cause] += 1.0
    place = memory + EXCITED
    for _ in range(count):
        for kind in range(TYPES):
            crowd.memory[place + kind] += max(numbers[jumps + kind], 0.0)
            crowd.memory[place + TYPES + kind] += min(numbers[jumps + kind], 0.0)
        place += 2 * TYPES
        jumps += TYPES


@kernel
def _happen(scene, index, kind):
    """An event of a type happens to the book."""
    side = np.int64(kind < 6)
    what = kind % 6
    memory = np.int64(scene.crowd.agents[index]["memory"])
    best = remembered_best(scene, memory + LAST_BEST + side, side)
    if what == CANCEL_DEEP:
        cancel_share(scene, index, side, beside(side, best, 1), 0)
    elif what == CANCEL_TOP:
        cancel_share(scene, index, side, best, 0)
    elif what == TAKE:
        send_market(scene, index, 1 - side, _size(scene, index, kind))
    else:
        away = 1 if what == DEEP else (-1 if what == INSIDE else 0)
        send_limit(scene, index, side, beside(side, best, away), _size(scene, index, kind))


@kernel
def _renew(scene, index):
    """New queues one tick behind the best prices, or for an empty side, where there are none."""
    book = scene.world.book
    memory = np.int64(scene.crowd.agents[index]["memory"])
    for side in range(2):
        empty = best_price(book, side) == NONE_PRICE
        best = remembered_best(scene, memory + LAST_BEST + side, side)
        opposite = best_price(book, 1 - side)
        if empty and opposite != NONE_PRICE:
            best = max(best, opposite + 1) if side else min(best, opposite - 1)
        if empty:
            send_limit(scene, index, side, best, _size(scene, index, NEW_QUEUE))
        if lots_at(book, side, beside(side, best, 1)) == 0:
            send_limit(scene, index, side, beside(side, best, 1), _size(scene, index, NEW_QUEUE))


@kernel
def act_hawkes(scene, index):
    """A wake at the speed of the bound: one event, or none."""
    agent = scene.crowd.agents[index]
    over = scene.world.head[0]["now_ns"] >= agent["until_ns"]
    _decay(scene, index)
    bound = np.float64(agent["rate"])
    bucket = np.int64(scene.crowd.memory[np.int64(agent["memory"]) + BUCKET])
    factor = _spread_factor(scene, index)
    at = draw_uniform(agent) * bound
    for kind in range(TYPES):
        if over:
            break
        times = factor if kind % 6 == INSIDE else 1.0
        net = _base(scene, index, kind, bucket) + _excited(scene, index, kind, 0) + _excited(scene, index, kind, 1)
        at -= times * max(net, 0.0)
        if at < 0.0:
            _excite(scene, index, kind)
            _happen(scene, index, kind)
            break
    _renew(scene, index)
