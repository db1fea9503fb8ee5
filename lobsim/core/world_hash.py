"""The state hash of a whole world (docs/rules.md, section 5): two runs that agree in it will go on alike.

It covers what is so at the venue and on the way: the book, time limits, own orders, fills, messages in flight, clock, phase and place on the tape.
What the participant has taken in of the publications is left out, because it takes them in when it looks: how much is still unread is no
difference between two markets.  Where things stand in memory plays no part.

Known limit: counters of the drift meter and of the row check are not covered; they are results, and nothing depends on them.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.audit import state_hash
from lobsim.core.jit import borrow, kernel, mix, wrapping_sum
from lobsim.core.state import World
from lobsim.core.timers import timer_holds

_START = np.uint64(1469598103934665603)


@kernel
def _mix_own(world, h):
    """Own orders, first to last."""
    for i in range(world.head[0]["own"]):
        mine = world.own[i]
        h = mix(h, mine["side"])
        h = mix(h, mine["type"])
        h = mix(h, mine["tif"])
        h = mix(h, mine["flags"])
        h = mix(h, mine["price_ticks"])
        h = mix(h, mine["size_lots"])
        h = mix(h, mine["expire_ns"])
        h = mix(h, mine["replaces"])
        h = mix(h, mine["filled_lots"])
        h = mix(h, mine["known_filled_lots"])
        h = mix(h, mine["cut_lots"])
        h = mix(h, mine["state"])
        h = mix(h, mine["venue_state"])
        h = mix(h, mine["reason"])
        h = mix(h, mine["cancel_sent"])
    return h


@kernel
def _mix_fills(world, h):
    """Fills, first to last."""
    for i in range(world.head[0]["fills"]):
        fill = world.fills[i]
        h = mix(h, fill["ts_ns"])
        h = mix(h, fill["order"])
        h = mix(h, fill["reason"])
        h = mix(h, fill["price_ticks"])
        h = mix(h, fill["size_lots"])
        h = mix(h, fill["ahead_entry_lots"])
        h = mix(h, fill["ahead_fill_lots"])
    return h


@kernel
def _mail_sum(world):
    """The messages in flight, whatever their order in the heap."""
    total = np.uint64(0)
    for i in range(world.head[0]["mail_heap"]):
        timer = world.transit[i]
        mail = world.mail[timer["ref"]]
        h = mix(_START, timer["ts_ns"])
        h = mix(h, timer["sequence"])
        h = mix(h, mail["to_venue"])
        h = mix(h, mail["verb"])
        h = mix(h, mail["order"])
        h = mix(h, mail["price_ticks"])
        h = mix(h, mail["size"])
        h = mix(h, mail["remaining"])
        h = mix(h, mail["reason"])
        total = wrapping_sum(total, h)
    return total


@kernel
def _limit_sum(book):
    """The time limits of the orders in the book, whatever their order in the heap."""
    total = np.uint64(0)
    for i in range(book.head[0]["timers"]):
        timer = book.timers[i]
        if timer_holds(book, timer):
            h = mix(_START, timer["ts_ns"])
            h = mix(h, timer["sequence"])
            h = mix(h, book.nodes[timer["ref"]]["key"])
            total = wrapping_sum(total, h)
    return total


@kernel
def _hash_of(world, book_hash):
    """The hash, given that of the book."""
    world = borrow(world)
    head = world.head[0]
    h = mix(_START, book_hash)
    h = mix(h, head["now_ns"])
    h = mix(h, head["phase"])
    h = mix(h, head["cursor"])
    h = mix(h, head["own"])
    h = _mix_own(world, h)
    h = mix(h, head["fills"])
    h = _mix_fills(world, h)
    h = mix(h, head["mail_heap"])
    h = mix(h, np.int64(_mail_sum(world)))
    h = mix(h, np.int64(_limit_sum(world.book)))
    return np.int64(h >> np.uint64(1))


def world_hash(world: World) -> int:
    """State hash of a world, 0 <= hash < 2^63."""
    return int(_hash_of(world, state_hash(world.book)))
