"""What the generator of a synthetic market is made of: its records, its tables, and how numbers are drawn from them.

Integers only: a distribution is a table of cumulative probabilities and values, a random number is the hash of a counter.  The same
seed gives the same numbers on every platform.

Units: fair value, half spreads, news and drift are in 2^-16 tick; rates are in 1/1024, 1024 being the day's average.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from lobsim.core.jit import inline, kernel, splitmix64, wrapping_sum
from lobsim.core.layout import Book
from lobsim.core.timers import push_timer

TICK_QUANTA = 100
FINE = 16
TICK = 1 << FINE
BIN_NS = 300 * 10**9
STEP_BITS = 3  # a Step fits in them
_MS = 10**6


class Step(IntEnum):
    """What happens next; QUOTE, TAKE and NEWS also arrive by themselves, the others follow from something."""

    QUOTE = 0  # a limit order joins
    CANCEL = 1  # an order's time is up
    REFILL = 2  # a limit order joins where one is missing
    PULL = 3  # an order that has become stale is withdrawn
    TAKE = 4  # a market order of the present run
    SNIPE = 5  # a market order for what has become stale
    NEWS = 6  # the fair value moves


class Chance(IntEnum):
    """Probabilities, in 1/1024."""

    HALVES = 24  # an order whose time is up loses only half its size
    AGAIN = 420  # who cancelled quotes again
    AGAIN_AT_ONCE = 600  # ... because the price had moved
    TAKES_ALL = 400  # a market order wants exactly what is shown, if that is not far more than it had in mind
    TAKES_FURTHER = 64  # it may want more than is shown, and to go further
    ALL_HIDDEN = 140  # a hidden order meets all of it
    PART_HIDDEN = 50  # ... or some, and the book its whole size besides
    LEAVES_REST = 512  # what it cannot get rests instead of leaving
    REFILLED = 700  # somebody quotes where it took
    FOLLOWED = 400  # somebody quotes on its own side
    NEXT_AT_ONCE = 280  # its maker sends another after a pause
    AT_MID = 512  # a hidden order trades at mid, not at a tick
    ANY_SIDE = 64  # a market order belongs to no run
    SNIPED = 256  # somebody fast takes what news has made stale


EVENT = np.dtype(
    [
        ("ts_exchange", "i8"),
        ("ts_local", "i8"),
        ("kind", "i1"),
        ("side", "i1"),
        ("price", "i8"),  # quanta
        ("size", "i8"),
        ("order_id", "i8"),
        ("other_id", "i8"),
        ("match_id", "i8"),
        ("flags", "i4"),
        ("sequence", "i8"),
    ]
)
"""One row of the canonical event table."""

FLOW = np.dtype(
    [
        ("start_ns", "i8"),
        ("end_ns", "i8"),
        ("limit_rows", "i8"),
        ("opening_orders", "i8"),  # of the opening book
        ("opened", "i8"),  # how many of them are there
        ("seed", "i8"),
        ("draws", "i8"),  # random numbers used
        ("now_ns", "i8"),
        ("stamp_ns", "i8"),  # of the message in hand
        ("arrival_ns", "i8"),  # of the next arrival
        ("fair", "i8"),
        ("regime", "i8"),
        ("regime_until_ns", "i8"),
        ("drift", "i8"),
        ("run_side", "i8"),  # side of the present run of market orders
        ("run_left", "i8"),
        ("seen_side", "i8"),  # side of the last market order
        ("seen_run", "i8"),  # how many in a row had it
        ("last_id", "i8"),
        ("last_match", "i8"),
        ("rows", "i8"),
        ("timers", "i8"),
        ("timer_sequence", "i8"),
    ]
)
"""Where a generator stands."""


class Tables(NamedTuple):
    """What is drawn.

    A distribution is int64 [any, 2]: rows of (cumulative probability in 2^-16, value), 65536 in the last.  `pick` gives the value of
    the row that a draw falls in; `between` goes from row to row in a straight line (times, distances, moves).
    """

    rate: np.ndarray  # [78] how busy the market is, by five minutes of the session
    regime_rate: np.ndarray  # [3] ... by regime
    regime_half: np.ndarray  # [3] half the spread worth quoting
    open_half: np.ndarray  # [12] how much more in the first hour
    regime: np.ndarray  # pick
    hold_ns: np.ndarray  # between: how long a regime lasts
    drift: np.ndarray  # pick: added to each piece of news
    arrival: np.ndarray  # pick: QUOTE, TAKE or NEWS
    gap_ns: np.ndarray  # between: time to the next arrival at rate 1024
    reaction_ns: np.ndarray  # between: from a cause to what follows
    pause_ns: np.ndarray  # between: from one market order to the next of its maker
    news: np.ndarray  # between: size of a move
    impact: np.ndarray  # [3] of a market order: lots at least, own lots at most, 2^-16 tick a lot when fully surprising
    near: np.ndarray  # between: ticks behind the quote worth making, of refills
    distance: np.ndarray  # between: the same, of all others
    near_life_ns: np.ndarray  # between: how long an order up to one tick behind waits
    middle_life_ns: np.ndarray  # between: up to five ticks
    far_life_ns: np.ndarray  # between: further away
    size: np.ndarray  # pick: of limit orders
    take_size: np.ndarray  # pick: of market orders
    run: np.ndarray  # pick: market orders in a run
    persistence: np.ndarray  # [any] expected next sign after n market orders of one side, in 1/1024


class Flow(NamedTuple):
    """One generator.

    head      FLOW [1]
    tables    what it draws from
    book      the market
    timers    TIMER [any], a heap of what is due; ref: order id or side, times 2^STEP_BITS, plus the Step
    pending   int8 [2, len(Step)], by side and step: 1 while a PULL or a REFILL is on its way
    message   MESSAGE [1], scratch
    reports   REPORT [any], scratch
    events    EVENT [any], of which head.rows are written
    """

    head: np.ndarray
    tables: Tables
    book: Book
    timers: np.ndarray
    pending: np.ndarray
    message: np.ndarray
    reports: np.ndarray
    events: np.ndarray


@kernel
def draw(head, bits):
    """The next random number, 0 up to 2^bits, with 1 to 62 bits.  changes: head.draws"""
    head["draws"] += 1
    word = splitmix64(wrapping_sum(splitmix64(np.uint64(head["seed"])), np.uint64(head["draws"])))
    return np.int64(word >> np.uint64(64 - bits))


@inline
def chance(head, part):
    """Whether something of probability part / 1024 happens."""
    return draw(head, 10) < part


@kernel
def pick(head, table):
    """The value of the row that a draw falls in."""
    at = draw(head, 16)
    row = 0
    while table[row, 0] <= at:
        row += 1
    return np.int64(table[row, 1])


@kernel
def between(head, table):
    """A value in a straight line between two rows; the last one is not reached.  Values up to 2^46."""
    at = draw(head, 16)
    row = 1
    while table[row, 0] <= at:
        row += 1
    low = np.int64(table[row - 1, 1])
    step = np.int64(table[row, 1]) - low
    width = np.int64(table[row, 0] - table[row - 1, 0])
    part = ((at - np.int64(table[row - 1, 0])) << 16) + draw(head, 16)
    return low + (((step // width) * part + (step % width) * part // width) >> 16)


@inline
def rate_now(flow):
    """How busy the market is now."""
    head = flow.head[0]
    at = min((head["now_ns"] - head["start_ns"]) // BIN_NS, len(flow.tables.rate) - 1)
    return (np.int64(flow.tables.rate[at]) * np.int64(flow.tables.regime_rate[head["regime"]])) >> 10


@inline
def half_spread(flow):
    """Half the spread that is worth quoting now."""
    head = flow.head[0]
    at = (head["now_ns"] - head["start_ns"]) // BIN_NS
    half = np.int64(flow.tables.regime_half[head["regime"]])
    if at < len(flow.tables.open_half):
        half += np.int64(flow.tables.open_half[at])
    return half


@kernel
def later(flow, delay_ns, step, extra):
    """A step is due in a while.  extra: an order id for CANCEL, else a side"""
    head = flow.head[0]
    ref = (extra << STEP_BITS) + step
    push_timer(flow.timers, head["timers"], head["now_ns"] + delay_ns, head["timer_sequence"], ref)
    head["timers"] += 1
    head["timer_sequence"] += 1


@inline
def soon(flow, step, side):
    """A step follows, as quickly as its owner reacts."""
    later(flow, between(flow.head[0], flow.tables.reaction_ns), step, side)


@kernel
def life_ns_of(flow, distance):
    """How long an order this many ticks behind the quote worth making will wait: less when the market is busy."""
    head = flow.head[0]
    if distance <= 1:
        life_ns = between(head, flow.tables.near_life_ns)
    elif distance <= 5:
        life_ns = between(head, flow.tables.middle_life_ns)
    else:
        life_ns = between(head, flow.tables.far_life_ns)
    return (life_ns // rate_now(flow)) << 10


@kernel
def arrive(flow):
    """What has just arrived by itself; the next arrival is drawn, and now and then a new regime.  Returns (step, side)."""
    head = flow.head[0]
    tables = flow.tables
    if head["now_ns"] >= head["regime_until_ns"]:
        head["regime"] = pick(head, tables.regime)
        head["drift"] = pick(head, tables.drift)
        head["regime_until_ns"] = head["now_ns"] + between(head, tables.hold_ns)
    head["arrival_ns"] = head["now_ns"] + 1 + (between(head, tables.gap_ns) << 10) // rate_now(flow)
    return pick(head, tables.arrival), draw(head, 1)


def _table(unit: int, *rows: tuple[int, int]) -> np.ndarray:
    """A distribution from rows of (cumulative probability in 1/1000, value in units)."""
    return np.array([(65536 * part // 1000, unit * value) for part, value in rows], np.int64)


# fmt: off
_EXPONENTIAL = (
    (0, 0), (3196, 3277), (6237, 6554), (11880, 13107), (19354, 22938), (25786, 32768), (34579, 49152), (41427, 65536),
    (50913, 98304), (56667, 131072), (62273, 196608), (64808, 294912), (65476, 458752), (65536, 720896),
)
"""(1 - exp(-x), x) in 2^-16 for x from 0 to 11."""

_RATE = (
    2993, 2696, 2433, 2200, 1993, 1807, 1640, 1491, 1358, 1239, 1133, 1042, 962, 894, 837, 792, 756, 730, 713, 704,
    702, 705, 714, 726, 740, 756, 771, 784, 797, 805, 810, 811, 808, 799, 787, 771, 751, 729, 704, 678,
    654, 629, 607, 588, 572, 561, 555, 555, 560, 570, 586, 607, 631, 660, 692, 726, 762, 798, 834, 868,
    903, 936, 967, 996, 1026, 1056, 1086, 1120, 1158, 1202, 1254, 1318, 1397, 1492, 1607, 1747, 1915, 2115,
)
"""Busy at the open, quiet at midday, busy again towards the close."""

TABLES = Tables(
    rate=np.array(_RATE, np.int64),
    regime_rate=np.array([600, 1000, 1800], np.int64),
    regime_half=np.array([TICK * part // 100 for part in (40, 72, 125)], np.int64),
    open_half=np.array([TICK * part // 100 for part in (120, 90, 70, 55, 45, 36, 29, 23, 18, 13, 8, 4)], np.int64),
    regime=_table(1, (300, 0), (800, 1), (1000, 2)),
    hold_ns=_table(10**9, (0, 60), (400, 300), (800, 700), (1000, 1500)),
    drift=_table(1, (300, -3000), (700, 0), (1000, 3000)),
    arrival=_table(1, (780, Step.QUOTE), (930, Step.TAKE), (1000, Step.NEWS)),
    gap_ns=np.array([(part, 760 * _MS * gap >> 16) for part, gap in _EXPONENTIAL], np.int64),
    reaction_ns=_table(1000, (0, 15), (350, 110), (620, 700), (800, 9000), (930, 150_000), (1000, 1_500_000)),
    pause_ns=_table(_MS, (0, 0), (350, 5), (600, 400), (850, 5000), (1000, 40_000)),
    news=_table(TICK // 10, (0, 0), (500, 10), (800, 20), (950, 40), (990, 70), (1000, 140)),
    impact=np.array([500, 600, 72], np.int64),
    near=_table(1, (0, 0), (800, 1), (1000, 3)),
    distance=_table(1, (0, 0), (240, 1), (380, 2), (520, 3), (730, 6), (910, 21), (1000, 61)),
    near_life_ns=_table(_MS, (0, 0), (180, 3), (360, 40), (560, 500), (800, 4000), (950, 20_000), (1000, 70_000)),
    middle_life_ns=_table(_MS, (0, 0), (150, 40), (300, 600), (500, 6000), (800, 50_000), (1000, 280_000)),
    far_life_ns=_table(_MS, (0, 10), (120, 500), (320, 6000), (600, 60_000), (900, 400_000), (1000, 1_500_000)),
    size=_table(
        1, (30, 1), (50, 5), (70, 10), (90, 20), (110, 25), (150, 50), (170, 75), (480, 100), (500, 150), (660, 200),
        (760, 300), (810, 400), (900, 500), (930, 800), (980, 1000), (1000, 2500),
    ),
    take_size=_table(
        1, (20, 1), (40, 7), (60, 25), (90, 40), (120, 50), (140, 80), (380, 100), (410, 150), (570, 200), (680, 300),
        (740, 400), (850, 500), (890, 800), (960, 1000), (990, 2000), (1000, 4000),
    ),
    run=_table(
        1, (646, 1), (808, 2), (875, 3), (911, 4), (932, 5), (946, 6), (956, 7), (968, 9), (977, 12), (984, 16),
        (989, 22), (993, 32), (996, 50), (998, 80), (1000, 150),
    ),
    persistence=np.array(
        [0, 420, 600, 700, 750, 785, 810, 830, 845, 860, 870, 880, 890, 900, 905, 910], np.int64
    ),
)
# fmt: on
"""A liquid share at a hundred dollars, two to three ticks wide, one to two million shares a day."""
