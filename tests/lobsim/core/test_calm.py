"""Calm stretches of a tape (lobsim.core.calm) against the same tape one event at a time, which knows nothing of them."""

from __future__ import annotations

import numpy as np
import pytest

from lobsim.core.calm import replay_calmly
from lobsim.core.jit import borrow, kernel
from lobsim.core.state import PUBLISHED_TRADE
from lobsim.core.trace import TRACE, advance_traced
from lobsim.core.world import WorldSize, scratch
from lobsim.core.world_hash import world_hash
from lobsim.types import NEVER, Flag, Kind, Phase, Status
from tests.conftest import SMALL
from tests.oracle.streams import random_history
from tests.support.worlds import BUY, SELL, Venue, row

_ROWS = 300 if SMALL else 6000


@kernel
def stretch(world, until_ns, most):
    """`replay_calmly`, asked from outside."""
    return replay_calmly(borrow(world), until_ns, most)


def one_by_one(venue: Venue, until_ns: int = NEVER) -> Status:
    """Everything up to until_ns happens, every event by the general rules."""
    trace = np.zeros(1, TRACE)
    while True:
        status = Status(advance_traced(venue.world, until_ns, trace, 0, *scratch())[0])
        if status in (Status.WAKE, Status.DONE):
            return status
        if status > Status.DONE and status != Status.CHUNK:
            venue._make_room(status)


def published(venue: Venue) -> list[tuple[int, ...]]:
    """What was published and not heard yet."""
    ring, head = venue.world.ring, venue.head
    return [tuple(ring[i & (len(ring) - 1)].tolist()) for i in range(head["read"], head["written"])]


def calm_rows(*rows: dict[str, int], **settings: object) -> int:
    """How many of these rows are replayed in one calm stretch from the beginning."""
    venue = Venue(rows, **settings)
    return int(stretch(venue.world, NEVER, len(rows)))


ADDS = (row(1, Kind.ADD, BUY, 1, 100, 5), row(2, Kind.ADD, SELL, 2, 103, 7), row(3, Kind.ADD, BUY, 3, 100, 4))


@pytest.mark.parametrize("listens", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_quiet_day_ends_the_same_and_says_the_same(seed: int, listens: bool) -> None:
    history = random_history(seed, _ROWS, match_ids=seed % 2 == 0, fifo=0.8)
    roomy = WorldSize(ring=2**15)  # nothing is heard before the end
    fast, slow = Venue(history, listens=listens, size=roomy), Venue(history, listens=listens, size=roomy)
    middle_ns = int(history["ts_ns"][len(history) // 2])
    for until_ns in (middle_ns, NEVER):
        assert one_by_one(slow, until_ns) == fast.run_to(until_ns)
        assert published(slow) == published(fast)
        assert world_hash(slow.world) == world_hash(fast.world)
        fast.check()


@pytest.mark.parametrize("seed", range(6))
def test_own_orders_in_the_middle_change_nothing_about_it(seed: int) -> None:
    history = random_history(100 + seed, _ROWS)
    fast, slow = Venue(history, listens=True), Venue(history, listens=True)
    steps = np.linspace(0, len(history) - 1, 12).astype(int)
    for number, k in enumerate(steps):
        ts_ns = int(history["ts_ns"][k])
        fast.run_to(ts_ns)
        one_by_one(slow, ts_ns)
        assert world_hash(slow.world) == world_hash(fast.world)
        touch = fast.levels(number % 2)
        for venue in (slow, fast):
            if touch and number % 3:
                venue.send(number % 2, touch[0][0], 3)
            elif venue.head["own"] > 0:
                venue.cancel(int(venue.head["own"]) - 1)
        fast.run_to(ts_ns)
        one_by_one(slow, ts_ns)
    fast.run_to(NEVER)
    one_by_one(slow)
    assert world_hash(slow.world) == world_hash(fast.world)
    assert slow.fills == fast.fills


def test_most_of_a_quiet_day_is_calm() -> None:
    history = random_history(1, _ROWS, clears=False)
    history = history[history["kind"] != Kind.PHASE]
    venue, calm = Venue(history), 0
    while venue.head["cursor"] < len(history):
        done = int(stretch(venue.world, NEVER, 10**6))
        calm += done
        if done == 0:
            venue.apply()
    assert calm > 0.7 * len(history)


def test_rows_that_are_what_they_say_are_calm() -> None:
    more = (
        row(4, Kind.REDUCE, BUY, 1, 100, 2),
        row(4, Kind.EXECUTE, BUY, 1, 100, 1),
        row(4, Kind.EXECUTE, BUY, 3, 100, 4),
        row(5, Kind.EXECUTE_HIDDEN, BUY, 0, 101, 4),
        row(5, Kind.PRINT, BUY, 0, 101, 4),
        row(6, Kind.DELETE, SELL, 2, 103, 7),
    )
    assert len(ADDS) + len(more) == calm_rows(*ADDS, *more)


@pytest.mark.parametrize(
    "unusual",
    [
        row(4, Kind.ADD, BUY, 1, 99, 5),
        row(4, Kind.ADD, BUY, 9, 103, 5),
        row(4, Kind.ADD, BUY, 0, 99, 5),
        row(4, Kind.ADD, BUY, 9, 99, 5, flags=int(Flag.SNAPSHOT)),
        row(4, Kind.DELETE, BUY, 9, 100, 5),
        row(4, Kind.REDUCE, BUY, 1, 100, 6),
        row(4, Kind.EXECUTE, BUY, 1, 100, 6),
        row(4, Kind.EXECUTE, BUY, 9, 100, 1),
        row(4, Kind.REPLACE, BUY, 1, 99, 5, other_id=9),
        row(4, Kind.PRINT, BUY, 0, 101, 4, flags=int(Flag.AUCTION)),
        row(4, Kind.CLEAR),
        row(4, Kind.PHASE, size=int(Phase.HALT)),
    ],
    ids=[
        "id twice", "would trade", "no id", "of a snapshot", "unknown", "more than is left", "more than the maker had",
        "unknown maker", "replace", "auction", "clear", "phase",
    ],
)  # fmt: skip
def test_rows_that_need_the_rules_end_a_calm_stretch(unusual: dict[str, int]) -> None:
    assert len(ADDS) == calm_rows(*ADDS, unusual, row(9, Kind.ADD, BUY, 20, 98, 1))


def test_of_an_auction_no_trade_is_told() -> None:
    """An order log names both orders of each of its trades; neither counts as volume."""
    calls = [
        row(4, kind, BUY, 1, 100, 2, flags=int(Flag.AUCTION))
        for kind in (Kind.EXECUTE, Kind.EXECUTE_HIDDEN, Kind.PRINT)
    ]
    fast, slow = (Venue([*ADDS, *calls], listens=True) for _ in range(2))
    one_by_one(slow, NEVER)
    fast.run_to(NEVER)
    assert published(slow) == published(fast)
    assert 0 == sum(entry[4] == PUBLISHED_TRADE for entry in published(fast))
    assert 4 == len(published(fast))


def test_an_own_order_in_the_market_ends_the_calm_and_its_leaving_brings_it_back() -> None:
    venue = Venue((*ADDS, row(20, Kind.ADD, BUY, 4, 99, 1), row(40, Kind.ADD, BUY, 5, 99, 1)))
    venue.run_to(3)
    order = venue.send(BUY, 98, 2)
    venue.run_to(10)
    assert 0 == stretch(venue.world, NEVER, 9)
    venue.run_to(30)
    venue.cancel(order)
    venue.run_to(31)
    assert 1 == stretch(venue.world, NEVER, 9)


def test_a_decision_or_a_message_on_its_way_is_not_passed_by() -> None:
    venue = Venue((*ADDS, row(20, Kind.ADD, BUY, 4, 99, 1)))
    venue.head["wake_ns"] = 3
    assert 2 == stretch(venue.world, NEVER, 9)
    assert Status.WAKE == venue.run_to(NEVER)
    venue.send(BUY, 98, 2)
    assert 0 == stretch(venue.world, NEVER, 9)


def test_a_stretch_ends_where_the_call_does() -> None:
    assert [1, 2, 0] == [int(stretch(Venue(ADDS).world, until_ns, most)) for until_ns, most in ((1, 9), (9, 2), (0, 9))]
    venue = Venue(ADDS)
    assert (2, 1) == (int(stretch(venue.world, 2, 9)), int(stretch(venue.world, 9, 9)))
