"""The price that a market thinks right, and how busy it is: an agent that never trades.

*News* moves the price at random times by a law of its own.  *Trades* move it as far as they surprise (Lillo, Farmer 2004; Farmer, Gerig, Lillo, Waelbroeck 2013): what the memory of signs lets everybody expect is in the
price already, so long-remembered signs and a price that hardly remembers go together, a metaorder's impact is concave in its length, and part of it is undone when the orders that had been expected fail to come.
The next sign is expected from sums of past signs that forget at different speeds: ``e_k += (sign - e_k) / 2^shift_k`` with each aggressor's order, expectation = sum of weight_k e_k.  Lots count up to a most: impact is concave in an order's size as well.
PASSING of what a trade does wears off: with each piece of news, RETURN of what is left (who trades on value leans against it).

*How busy*: a profile of five-minute pieces from the open, and regimes, which last minutes and also lean the news (drift).  Others who know this agent's place ask `rate_now`.

It hears of a trade as it happens, whoever traded.

Numbers: OPEN_S and OPEN_REST (the open, ns since 1970 in two parts), FAIR as it begins, BASE and MOST lots and UNIT (2^-16 tick a lot, fully surprising) of impact, PASSING and RETURN (parts), MEMORIES; places of lists: RATE, REGIME_RATE, SHIFTS, WEIGHTS; of
laws: REGIME and DRIFT (pick), HOLD (ns, between), GAP (ns between news at rate 1024, between), NEWS (2^-16 tick, between).
Memory: FAIR_NOW, REGIME_NOW, DRIFT_NOW, REGIME_UNTIL and NEWS_AT (ns from the open), PUSHED (2^-16 tick), TRADED (lots bought less sold, as last seen), SUMS (2^-20).
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.tables import draw_bits, drawn, entry, parameter, picked, table_at, whole_number
from lobsim.core.agents.view import net_bought
from lobsim.core.jit import inline, kernel
from lobsim.types import NEVER

OPEN_S = 0
OPEN_REST = 1
FAIR = 2
BASE = 3
MOST = 4
UNIT = 5
PASSING = 6
RETURN = 7
MEMORIES = 8
RATE = 9
REGIME_RATE = 10
SHIFTS = 11
WEIGHTS = 12
REGIME = 13
DRIFT = 14
HOLD = 15
GAP = 16
NEWS = 17
NUMBERS = 18
FAIR_NOW = 0
REGIME_NOW = 1
DRIFT_NOW = 2
REGIME_UNTIL = 3
NEWS_AT = 4
PUSHED = 5
TRADED = 6
SUMS = 7

_PIECE_NS = 300 * 10**9
_SECOND = 10**9
_SUM_BITS = 20
_BEFORE_ALL = -(2.0**52)


@inline
def own_clock(scene, index):
    """The rate of a flow that says itself when its turn is: none; its first turn is at once."""
    agent = scene.crowd.agents[index]
    if agent["until_ns"] == NEVER:
        agent["until_ns"] = scene.world.head[0]["now_ns"] + 1
    return 0.0


@inline
def open_ns(scene, index):
    """When the session opens.  index: of the efficient price"""
    return parameter(scene, index, OPEN_S) * _SECOND + parameter(scene, index, OPEN_REST)


@inline
def piece_now(scene, index):
    """Which five minutes of the session it is, 0 before the open.  index: of the efficient price"""
    return max(np.int64(0), (np.int64(scene.world.head[0]["now_ns"]) - open_ns(scene, index)) // _PIECE_NS)


@inline
def regime_now(scene, index):
    """In which regime the market is.  index: of the efficient price"""
    return np.int64(scene.crowd.memory[np.int64(scene.crowd.agents[index]["memory"]) + REGIME_NOW])


@inline
def fair_now(scene, index):
    """The price that is thought right, in 2^-16 tick.  index: of the efficient price"""
    return np.int64(scene.crowd.memory[np.int64(scene.crowd.agents[index]["memory"]) + FAIR_NOW])


@kernel
def rate_now(scene, index):
    """How busy the market is, 1024 on average.  index: of the efficient price"""
    numbers = scene.crowd.numbers
    by_time = entry(numbers, table_at(scene, index, RATE), piece_now(scene, index))
    by_regime = entry(numbers, table_at(scene, index, REGIME_RATE), regime_now(scene, index))
    return max(np.int64(1), (by_time * by_regime) >> 10)


@kernel
def _come_back(scene, index):
    """How much of what trades did alone is undone by now, in 2^-16 tick."""
    memory = scene.crowd.memory
    place = np.int64(scene.crowd.agents[index]["memory"]) + PUSHED
    back = (whole_number(memory, place) * parameter(scene, index, RETURN)) >> 10
    memory[place] -= back
    return back


@kernel
def act_efficient_price(scene, index):
    """News comes, or a regime ends."""
    crowd = scene.crowd
    agent = crowd.agents[index]
    memory = np.int64(agent["memory"])
    now_ns = np.int64(scene.world.head[0]["now_ns"]) - open_ns(scene, index)
    if now_ns >= crowd.memory[memory + REGIME_UNTIL]:
        crowd.memory[memory + REGIME_NOW] = picked(scene, index, REGIME)
        crowd.memory[memory + DRIFT_NOW] = picked(scene, index, DRIFT)
        crowd.memory[memory + REGIME_UNTIL] = now_ns + 1 + drawn(scene, index, HOLD)
    if now_ns >= crowd.memory[memory + NEWS_AT]:
        if crowd.memory[memory + NEWS_AT] > _BEFORE_ALL:
            move = drawn(scene, index, NEWS)
            up = draw_bits(agent, 1) == 0
            back = _come_back(scene, index)
            crowd.memory[memory + FAIR_NOW] += crowd.memory[memory + DRIFT_NOW] + (move if up else -move) - back
        gap_ns = (drawn(scene, index, GAP) << 10) // rate_now(scene, index)
        crowd.memory[memory + NEWS_AT] = now_ns + 1 + gap_ns
    next_ns = min(crowd.memory[memory + REGIME_UNTIL], crowd.memory[memory + NEWS_AT])
    agent["until_ns"] = open_ns(scene, index) + np.int64(next_ns)


@kernel
def _expected_sign(crowd, index):
    """What the next sign is expected to be, in 1/1024."""
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    sums = np.int64(agent["memory"]) + SUMS
    weights = first + np.int64(crowd.numbers[first + WEIGHTS])
    expected = np.int64(0)
    for k in range(np.int64(crowd.numbers[first + MEMORIES])):
        expected += whole_number(crowd.numbers, weights + 1 + k) * whole_number(crowd.memory, sums + k)
    return expected >> _SUM_BITS


@kernel
def _remember_sign(crowd, index, sign):
    """One more sign goes into the sums."""
    agent = crowd.agents[index]
    first = np.int64(agent["first"])
    sums = np.int64(agent["memory"]) + SUMS
    shifts = first + np.int64(crowd.numbers[first + SHIFTS])
    for k in range(np.int64(crowd.numbers[first + MEMORIES])):
        old = whole_number(crowd.memory, sums + k)
        crowd.memory[sums + k] = old + (((sign << _SUM_BITS) - old) >> whole_number(crowd.numbers, shifts + 1 + k))


@kernel
def learn_from_trades(scene, index):
    """Somebody may have traded: the price moves as far as that surprises."""
    crowd = scene.crowd
    memory = np.int64(crowd.agents[index]["memory"])
    net = net_bought(crowd) - whole_number(crowd.memory, memory + TRADED)
    if net == 0:
        return
    crowd.memory[memory + TRADED] += net
    sign = np.int64(1) if net > 0 else np.int64(-1)
    surprise = (sign << 10) - _expected_sign(crowd, index)
    lots = parameter(scene, index, BASE) + min(abs(net), parameter(scene, index, MOST))
    move = (surprise * lots * parameter(scene, index, UNIT)) >> 10
    crowd.memory[memory + FAIR_NOW] += move
    crowd.memory[memory + PUSHED] += (move * parameter(scene, index, PASSING)) >> 10
    _remember_sign(crowd, index, sign)
