"""Record layouts of the compiled floor and the Book they form.

An order is split in a hot and a cold half.  The hot half, ``NODE``, is what matching touches: two of them
share a cache line.  A price level is a node of the same array, the sentinel of a circular queue: linking and unlinking need no
branch, and its ``size`` is the level's total.

Prices are folded by side, ``key = price`` for sells and ``-price`` for buys: smaller is better on both
sides, and matching is written once.  The levels whose folded price lies in the window ``[base, base + window)`` of their side have their node at a place
of its own, so that finding one is arithmetic: side 0, then side 1, from ``FIRST_LEVEL`` on; ``next`` is 0 while there is no such level.  The pool for orders, and for levels
outside the window, begins behind them; those levels are listed in ``far``, sorted.  The window is only a fast path: no answer depends on where it stands.

==========  =======================================  =======================================
NODE field  order                                    level (sentinel)
==========  =======================================  =======================================
next, prev  neighbours in the queue                  first and last order
level       slot of its level                        its own slot
meta        bits below                               bit 0: side
size        what rests (counterfactual)              sum over the queue
key         order id                                 price in ticks
==========  =======================================  =======================================

Sizes are in *units*: lots, or 2^-20 lots in a world that replays levels (types.L2_SHIFT).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FIRST_LEVEL = 1
"""Slot of the first node of the windows; slot 0 is reserved."""

NAMELESS = -(2**62)
"""A trade with an order that has no id names it NAMELESS - slot."""

SIDE_BIT = 1
OWN = 2  # an own order
RECORDED = 4  # an order of the tape: `hist` in INFO is kept
ANONYMOUS = 8  # a recorded quantity without identity
BLIND = 16  # an own order posted while its price was outside the recorded window
BLOCK = 32  # anonymous quantity of an L2 level; only the tape takes it away
BEHIND = 64  # an own order that rested before the recorded book was cleared
TIMED = 128  # it has a time limit: expire_ns in INFO is kept
HIDDEN = 256
HAS_EXTRA = 512  # it has a row of EXTRA
REDUCING = 1024  # it may only reduce its owner's position
WAITING = 2048  # live, but in no queue: a stop, or a pegged order without a price
SPECIAL = HIDDEN | HAS_EXTRA | REDUCING | WAITING
OWNER_SHIFT = 12
"""The upper 20 bits of meta are the owner."""

RULED = 1
UNUSUAL = 2
"""Bits of ``head["ruled"]``: a rule asks for care with every message; the phase does."""

NODE = np.dtype([("next", "u4"), ("prev", "u4"), ("level", "u4"), ("meta", "u4"), ("size", "i8"), ("key", "i8")])

INFO = np.dtype(
    [
        ("hist", "i8"),  # recorded order: what history says remains; level: the sum (L2: recorded size)
        ("consumed", "i8"),  # L2 level: eaten by own taking
        ("spared", "i8"),  # L2 level: what own passive fills have kept from being traded
        ("expire_ns", "i8"),  # TIMED: when it leaves; L2 level: until when consumed has decayed
        (
            "limit_given",
            "i8",
        ),  # with a time limit: the how-manieth of this book; it stays with the order; L2 level: 1 while a row waits for prints
        ("extra", "i8"),  # HAS_EXTRA: its row
        ("hidden", "i8"),  # level: the sum of its hidden orders; its size counts them in
        ("first_hidden", "i8"),  # level: the first of them, which all stand at the end of the queue; 0 if none
    ]
)

SIDE = np.dtype(
    [
        ("best_key", "i8"),  # folded price of the first level with size, NEVER if none
        ("best", "i8"),  # its slot, 0 if none
        ("base", "i8"),  # folded price at offset 0 of the window
        ("first", "i8"),  # slot of the level at offset 0
        ("levels", "i8"),
        ("orders", "i8"),
        ("far", "i8"),  # levels outside the window
        ("spare", "i8"),  # a cache line a side
    ]
)

EXTRA = np.dtype(
    [
        ("reserve", "i8"),  # iceberg: units not shown
        ("display", "i8"),  # iceberg: units shown at a time, 0 = no iceberg
        ("type", "i8"),  # OrderType on arrival
        ("stop_ticks", "i8"),
        ("limit_ticks", "i8"),
        ("arrival", "i8"),
        ("peg", "i8"),
        ("peg_ticks", "i8"),
        ("free", "i8"),  # next row of the free list
    ]
)
"""What only icebergs, stops and pegged orders have."""

FAR = np.dtype([("key", "i8"), ("slot", "i8")])
ID = np.dtype([("key", "i8"), ("slot", "i8")])
TIMER = np.dtype([("ts_ns", "i8"), ("sequence", "i8"), ("ref", "i8")])

HEAD = np.dtype(
    [
        ("clock_ns", "i8"),
        ("free", "i8"),  # head of the free list, 0 if empty
        ("fresh", "i8"),  # slots of the pool from here on were never used
        ("ids", "i8"),  # live ids in the hash table
        ("timers", "i8"),
        ("timer_sequence", "i8"),
        ("surplus", "i8"),  # units of size above hist, over all recorded orders
        ("deficit", "i8"),
        ("took_surplus", "i8"),  # units own taking took out of surplus
        ("own_resting", "i8"),  # own orders in the book
        # all below: docs/rules.md, section 1b
        ("ruled", "i8"),  # RULED, UNUSUAL
        ("specials", "i8"),  # live orders with a bit of SPECIAL
        ("waiting", "i8"),  # live orders in no queue
        ("extras", "i8"),
        ("extra_free", "i8"),
        ("extra_fresh", "i8"),
        ("slices", "i8"),  # how often all icebergs together can refresh
        ("buy_stops", "i8"),
        ("sell_stops", "i8"),
        ("pegs", "i8"),
        ("arrivals", "i8"),  # stops and pegged orders so far
        ("traded", "i8"),  # 1: there was a trade
        ("last_trade_ticks", "i8"),
        ("low_ticks", "i8"),  # the trades that may elect a stop lay between these
        ("high_ticks", "i8"),
        ("unsettled", "i8"),  # 1: stops and pegged orders have yet to follow a message
        ("settle_sequence", "i8"),  # that message
    ]
)


class Book(NamedTuple):
    """One order book: arrays only, all made by `new_book`.

    head    HEAD [1]
    sides   SIDE [2], indexed by Side
    nodes   NODE [1 + 2 * window + capacity]: slot 0 reserved, the levels of the windows, the pool
    info    INFO [as many], the cold half of a node
    leaf    uint64 [2 * window / 64], which offsets hold a level, per side
    upper   uint64 [2 * (middle + 1)], which leaf words are not empty, and which of these words; per side
    far     FAR [2 * far capacity], levels outside the window, sorted by key, per side
    ids     ID [power of two], open addressing, slot 0 = empty
    dense   uint32 [any], slot by id for 0 <= id < len: the direct way
    timers  TIMER [any], a binary heap of time limits
    rules      RULES [1], and the phase
    extras     EXTRA [any], slot 0 reserved
    buy_stops  TIMER [any], a binary heap by stop price and arrival;  sell_stops the same, by the price below zero
    pegs       int64 [any], slots of the pegged orders, oldest first
    positions  int64 [any], by owner
    no_terms   TERMS [1], for callers without a table
    """

    head: np.ndarray
    sides: np.ndarray
    nodes: np.ndarray
    info: np.ndarray
    leaf: np.ndarray
    upper: np.ndarray
    far: np.ndarray
    ids: np.ndarray
    dense: np.ndarray
    timers: np.ndarray
    rules: np.ndarray
    extras: np.ndarray
    buy_stops: np.ndarray
    sell_stops: np.ndarray
    pegs: np.ndarray
    positions: np.ndarray
    no_terms: np.ndarray
