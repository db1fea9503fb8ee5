"""Order streams with known answers, at any number of resting orders.

The mix is the yardstick's: 50 % passive limits around a drifting fair value, 45 % cancels of orders that are live at that moment, uniformly
chosen, 5 % marketable limits whose remainder rests.  The first ``warm`` messages fill the book and are never timed.  The spread of prices
grows with the book as it does between the yardstick's two streams (`SHAPES`).

`write_flow` keeps a book of its own, plain queues of linked lists by price, and writes the answers from it: they owe nothing to the core.
Integer arithmetic throughout; the random state is a splitmix64 counter: the same seed gives the same bytes everywhere.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lobsim.bench.answers import Answers
from lobsim.bench.ids import arbitrary_ids
from lobsim.core.jit import borrow, inline, kernel, mix, splitmix64, wrapping_sum
from lobsim.errors import ConfigError
from lobsim.types import MESSAGE, Verb

PRICES = 2**17
_CENTRE = PRICES // 2
_DRIFT = 5000
_TABLE = 4096
_NEAR_PERCENT = 85
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FNV_START = np.uint64(1469598103934665603)
_MARKETABLE = 500  # of 10,000
_PASSIVE = 5000
_MOST_TILT = 3000

SHAPES = {10**2: (1, 8), 10**3: (6, 40), 10**4: (30, 190), 10**5: (150, 900), 10**6: (750, 4300)}
"""Resting orders -> mean distances from the fair value in ticks, near and far: the yardstick's at 10^3 and 10^5, the others in between and beyond."""


def random_words(seed: int, count: int) -> np.ndarray:
    """uint64 [count]: splitmix64 of a counter, the same on every machine."""
    counter = np.arange(count, dtype=np.uint64) * _GOLDEN + np.uint64(seed)
    z = counter + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Stream(NamedTuple):
    """Messages and what they must lead to.

    messages  MESSAGE [any], ids counted up from 1
    warm      how many of them only fill the book
    live      how many orders rest at most
    """

    messages: np.ndarray
    warm: int
    live: int
    answers: Answers

    def with_arbitrary_ids(self) -> Stream:
        """The same stream with 64-bit ids that look random (lobsim.bench.ids)."""
        messages = self.messages.copy()
        messages["order_id"] = arbitrary_ids(messages["order_id"])
        return self._replace(messages=messages)


class _Flow(NamedTuple):
    """The generator's own book.

    first, last    int32 [2, PRICES], the queue at a price, 0 = empty
    after, before  int32 [ids], neighbours in the queue
    size, price    int32 [ids]; side uint8 [ids]
    live, where    int32 [ids], the live orders in any order, and where each stands there
    best           int64 [2], best bid and best ask; 0 and PRICES where empty
    count          int64 [1], live orders
    random         uint64 [1]
    totals         int64 [3], fills, quantity, notional
    hash           uint64 [1]
    """

    first: np.ndarray
    last: np.ndarray
    after: np.ndarray
    before: np.ndarray
    size: np.ndarray
    price: np.ndarray
    side: np.ndarray
    live: np.ndarray
    where: np.ndarray
    best: np.ndarray
    count: np.ndarray
    random: np.ndarray
    totals: np.ndarray
    hash: np.ndarray


def _new_flow(ids: int, seed: int) -> _Flow:
    return _Flow(
        first=np.zeros((2, PRICES + 1), np.int32),
        last=np.zeros((2, PRICES + 1), np.int32),
        after=np.zeros(ids, np.int32),
        before=np.zeros(ids, np.int32),
        size=np.zeros(ids, np.int32),
        price=np.zeros(ids, np.int32),
        side=np.zeros(ids, np.uint8),
        live=np.zeros(ids, np.int32),
        where=np.zeros(ids, np.int32),
        best=np.array([0, PRICES], np.int64),
        count=np.zeros(1, np.int64),
        random=np.array([seed], np.uint64),
        totals=np.zeros(3, np.int64),
        hash=np.array([_FNV_START], np.uint64),
    )


@inline
def _below(flow, n):
    """A random integer in [0, n)."""
    word = splitmix64(flow.random[0])
    flow.random[0] = wrapping_sum(flow.random[0], _GOLDEN)
    return np.int64(word >> np.uint64(33)) % n


@kernel
def _leave(flow, order):
    """An order leaves its queue and the live ones; the best price of its side follows."""
    side = np.int64(flow.side[order])
    price = np.int64(flow.price[order])
    after = flow.after[order]
    before = flow.before[order]
    if before:
        flow.after[before] = after
    else:
        flow.first[side, price] = after
    if after:
        flow.before[after] = before
    else:
        flow.last[side, price] = before
    flow.count[0] -= 1
    other = flow.live[flow.count[0]]
    flow.live[flow.where[order]] = other
    flow.where[other] = flow.where[order]
    step = 1 if side else -1
    while 0 < flow.best[side] < PRICES and flow.first[side, flow.best[side]] == 0:
        flow.best[side] += step


@kernel
def _rest(flow, order, side, price, size):
    """What is left of an order joins the end of its queue."""
    tail = flow.last[side, price]
    flow.size[order] = size
    flow.price[order] = price
    flow.side[order] = side
    flow.before[order] = tail
    flow.after[order] = 0
    if tail:
        flow.after[tail] = order
    else:
        flow.first[side, price] = order
    flow.last[side, price] = order
    flow.live[flow.count[0]] = order
    flow.where[order] = flow.count[0]
    flow.count[0] += 1
    if (side == 0 and price > flow.best[0]) or (side == 1 and price < flow.best[1]):
        flow.best[side] = price


@kernel
def _take(flow, order, side, price, size):
    """An order trades down the other side, oldest first at each price.  Returns what is left."""
    other = 1 - side
    while size > 0 and ((side == 0 and flow.best[1] <= price) or (side == 1 and flow.best[0] >= price)):
        at = np.int64(flow.best[other])
        maker = np.int64(flow.first[other, at])
        traded = min(np.int64(flow.size[maker]), size)
        size -= traded
        flow.size[maker] -= traded
        flow.totals[0] += 1
        flow.totals[1] += traded
        flow.totals[2] += traded * at
        flow.hash[0] = mix(mix(mix(mix(flow.hash[0], maker), order), at), traded)
        if flow.size[maker] == 0:
            _leave(flow, maker)
    return size


@inline
def _drift(flow, fair, trend):
    """The fair value walks slowly, with a trend that seldom turns.  Returns both."""
    if _below(flow, 20000) == 0:
        trend = -trend
    if _below(flow, 40) == 0:
        fair += 1 if _below(flow, 100) < 50 + 6 * trend else -1
        if fair <= _CENTRE - _DRIFT:
            trend = 1
        elif fair >= _CENTRE + _DRIFT:
            trend = -1
    return fair, trend


@inline
def _passive_price(flow, side, fair, distances):
    """A price near the fair value that does not trade."""
    k = np.int64(distances[_below(flow, _TABLE)])
    below_ask = np.int64(flow.best[1]) - 1
    above_bid = np.int64(flow.best[0]) + 1
    price = min(fair - k, below_ask) if side == 0 else max(fair + 1 + k, above_bid)
    return min(max(price, 1), PRICES - 1)


@inline
def _marketable_price(flow, side):
    """Up to two ticks through the touch."""
    k = _below(flow, 3)
    price = np.int64(flow.best[1]) + k if side == 0 else np.int64(flow.best[0]) - k
    return min(max(price, 1), PRICES - 1)


@kernel
def write_flow(flow, target, distances, sizes, messages):
    """Fill messages with the mix at about `target` resting orders.

    target     orders that rest when the book is full; it then stays near there
    distances  int64 [4096], ticks from the fair value; sizes int64 [4096], lots: both drawn uniformly
    messages   MESSAGE [any], zeros

    changes: flow, messages.  Returns (how many messages filled the book, how many orders rested at most).
    """
    flow = borrow(flow)  # pyright: ignore[reportCallIssue]  (an intrinsic's first parameter is the compiler's)
    fair = np.int64(_CENTRE)
    trend = np.int64(1)
    order = np.int64(0)
    warm = np.int64(-1)
    most = np.int64(0)
    for m in range(len(messages)):
        live = np.int64(flow.count[0])
        most = max(most, live)
        if warm < 0 and live >= target:
            warm = np.int64(m)
        fair, trend = _drift(flow, fair, trend)
        draw = _below(flow, 10000)
        tilt = min(max((target - live) * 4000 // target, -_MOST_TILT), _MOST_TILT)
        marketable = warm >= 0 and draw < _MARKETABLE and flow.best[0] > 0 and flow.best[1] < PRICES
        if warm < 0 or marketable or draw < _MARKETABLE + _PASSIVE + tilt or live == 0:
            order += 1
            side = _below(flow, 2)
            if marketable and fair > flow.best[1]:
                side = np.int64(0)
            elif marketable and fair < flow.best[0]:
                side = np.int64(1)
            size = np.int64(sizes[_below(flow, _TABLE)])
            price = _marketable_price(flow, side) if marketable else _passive_price(flow, side, fair, distances)
            messages[m]["verb"] = Verb.NEW
            messages[m]["side"] = side
            messages[m]["price_ticks"] = price
            messages[m]["size_lots"] = size
            messages[m]["order_id"] = order
            left = _take(flow, order, side, price, size)
            if left > 0:
                _rest(flow, order, side, price, left)
        else:
            gone = np.int64(flow.live[_below(flow, live)])
            messages[m]["verb"] = Verb.CANCEL
            messages[m]["side"] = flow.side[gone]
            messages[m]["price_ticks"] = flow.price[gone]
            messages[m]["size_lots"] = flow.size[gone]
            messages[m]["order_id"] = gone
            _leave(flow, gone)
    return warm, most


def _geometric(mean: int, entries: int) -> np.ndarray:
    """`entries` values whose distribution is geometric of a mean, ascending; by integers alone."""
    values = np.zeros(entries, np.int64)
    scale = 1 << 60
    share, value, place = scale, 0, 0
    while place < entries and share * entries >= scale >> 1:
        share = share * mean // (mean + 1)
        end = entries - (share * entries + (scale >> 1)) // scale
        values[place:end] = value
        place = max(place, end)
        value += 1
    values[place:] = value
    return values


def distance_table(near_ticks: int, far_ticks: int) -> np.ndarray:
    """int64 [4096]: distances from the fair value, 85 % geometric of the near mean, the rest of the far one."""
    entries = _TABLE * _NEAR_PERCENT // 100
    return np.concatenate([_geometric(near_ticks, entries), _geometric(far_ticks, _TABLE - entries)])


def size_table() -> np.ndarray:
    """int64 [4096]: sizes of mean 20 lots and more, every third rounded to a multiple of ten."""
    sizes = 1 + _geometric(20, _TABLE)
    return np.where(np.arange(_TABLE) % 3 == 0, 10 * np.maximum(1, (sizes + 5) // 10), sizes)


def shape_of(resting: int) -> tuple[int, int]:
    """Mean distances for a size: those of the nearest size of the table from below."""
    return SHAPES[max((size for size in SHAPES if size <= resting), default=min(SHAPES))]


@lru_cache(maxsize=1)
def _sizes() -> np.ndarray:
    return size_table()


def make_stream(resting: int, timed: int, seed: int) -> Stream:
    """A stream that fills a book with `resting` orders and then goes on for `timed` messages.

    Raises ConfigError for fewer than 1 of either.
    """
    if resting < 1 or timed < 1:
        raise ConfigError("a stream needs at least 1 resting order and 1 timed message")
    messages = np.zeros(resting + timed, MESSAGE)
    flow = _new_flow(resting + timed + 2, seed)
    warm, most = write_flow(flow, resting, distance_table(*shape_of(resting)), _sizes(), messages)
    bid, ask = (int(price) for price in flow.best)
    fills, quantity, notional = (int(value) for value in flow.totals)
    answers = Answers(
        fills,
        quantity,
        notional,
        int(flow.count[0]),
        bid if bid > 0 else None,
        ask if ask < PRICES else None,
        int(flow.hash[0]) >> 1,
    )
    return Stream(messages, int(warm), int(most) + 1, answers)
