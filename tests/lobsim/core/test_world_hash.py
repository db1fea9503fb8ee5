"""The state hash of a world, held against docs/rules.md section 5 in plain integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.core.audit import state_hash
from lobsim.core.state import World
from lobsim.core.world import copy_world
from lobsim.core.world_hash import world_hash
from tests.support.batches import SMALL, TINY, busy_world, end_of, run_alone, tapes
from tests.support.worlds import BUY, SELL, Venue

BEGIN = 1469598103934665603
OWN = (
    "side type tif flags price_ticks size_lots expire_ns replaces filled_lots known_filled_lots cut_lots"
    " state venue_state reason cancel_sent"
)
FILL = "ts_ns order reason price_ticks size_lots ahead_entry_lots ahead_fill_lots"
MAIL = "to_venue verb order price_ticks size remaining reason"


def fnv(words: list[int]) -> int:
    """FNV-1a over words."""
    h = BEGIN
    for word in words:
        h = ((h ^ (word % 2**64)) * 1099511628211) % 2**64
    return h


def time_limits(world: World) -> list[tuple[int, int, int, int]]:
    """(limit, order of giving, id, place in the heap) of the orders in the book that have one."""
    venue = Venue.around(world)
    live = {order_id for side in (BUY, SELL) for _, queue in venue.queues(side) for order_id, _, _ in queue}
    found = []
    for place, timer in enumerate(world.book.timers[: world.book.head[0]["timers"]]):
        ts_ns, given, slot, _ = (int(value) for value in timer)
        info, order_id = world.book.info[slot], int(world.book.nodes[slot]["key"])
        if order_id in live and (info["expire_ns"], info["limit_given"]) == (ts_ns, given):
            found.append((ts_ns, given, order_id, place))
    return found


def by_the_rules(world: World) -> int:
    """The hash as the page says it."""
    head = world.head[0]
    words = [int(state_hash(world.book)), *(int(head[name]) for name in ("now_ns", "phase", "cursor", "own"))]
    words += [int(mine[name]) for mine in world.own[: head["own"]] for name in OWN.split()]
    words.append(int(head["fills"]))
    words += [int(fill[name]) for fill in world.fills[: head["fills"]] for name in FILL.split()]
    flying = []
    for timer in world.transit[: head["mail_heap"]]:
        mail = world.mail[timer["ref"]]
        flying.append(fnv([int(timer["ts_ns"]), int(timer["sequence"]), *(int(mail[name]) for name in MAIL.split())]))
    limits = [fnv([ts_ns, given, order_id]) for ts_ns, given, order_id, _ in time_limits(world)]
    return fnv([*words, len(flying), sum(flying), sum(limits)]) >> 1


@pytest.fixture(scope="module")
def world(limit: Any) -> World:
    """A world in the middle of its day, with own orders, fills and messages in flight."""
    (tape,) = tapes(1, limit(800, 200))
    for share in np.linspace(0.95, 0.3, 40):
        world = run_alone(busy_world(tape), 0, int(tape["ts_ns"][int(share * (len(tape) - 1))]))
        while world.head[0]["own"] and world.head[0]["mail_heap"] == 0 and world.head[0]["now_ns"] < end_of(world):
            last = world.own[world.head[0]["own"] - 1]
            world = run_alone(busy_world(tape), 0, int(last["sent_ns"]))
        if all(world.head[0][name] for name in ("own", "fills", "mail_heap")) and time_limits(world):
            return world
    raise AssertionError("no moment with messages in flight was found")


def test_the_hash_is_the_one_of_the_rules(world: World) -> None:
    assert by_the_rules(world) == world_hash(world)


def test_the_hash_does_not_know_how_much_room_there_is(limit: Any) -> None:
    (tape,) = tapes(1, limit(800, 120))
    hashes = {world_hash(run_alone(busy_world(tape, size), 0)) for size in (TINY, SMALL)}
    assert 1 == len(hashes)


PARTS = [("head", "now_ns"), ("head", "phase"), ("head", "cursor"), ("own", "cut_lots"), ("own", "known_filled_lots")]
PARTS += [("fills", "price_ticks"), ("fills", "ahead_fill_lots"), ("transit", "ts_ns"), ("mail", "remaining")]


@pytest.mark.parametrize(("array", "field"), PARTS)
def test_every_part_of_the_state_changes_the_hash(world: World, array: str, field: str) -> None:
    other = copy_world(world)
    place = int(other.transit[0]["ref"]) if array == "mail" else 0
    getattr(other, array)[place][field] += 1
    assert world_hash(world) != world_hash(other)


def test_a_time_limit_changes_the_hash(world: World) -> None:
    other = copy_world(world)
    timer = other.book.timers[time_limits(world)[0][-1]]
    timer["ts_ns"] += 1
    slot = timer["ref"]
    other.book.info[slot]["expire_ns"] += 1
    assert world_hash(world) != world_hash(other)
