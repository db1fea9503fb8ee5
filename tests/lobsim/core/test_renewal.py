"""Impact.DECAY: what own taking consumed comes back with a half-life, and between its two ends it is one of the other modes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.core.renewal import decayed
from lobsim.types import L2_SHIFT, FillReason, Impact, Kind, MessageFlag, OrderType, TimeInForce
from tests.oracle import prepare
from tests.oracle.replay_l2 import OracleLevels
from tests.oracle.streams import random_l2_history, random_own
from tests.support.twins import Twins, blocks
from tests.support.worlds import BUY, SELL, Venue, row

IOC = TimeInForce.IOC
SECOND = 10**9
YEAR = 365 * 86400 * SECOND


def level(ts_ns: int, side: int, price: int, size: int) -> dict[str, int]:
    """The feed shows size lots at a price."""
    return row(ts_ns, Kind.LEVEL, side, 0, price, size)


def venue_of(*rows: dict[str, int], half_life_ns: int = SECOND, **settings: Any) -> Venue:
    """A world of levels that stands after the rows of instant 1."""
    venue = Venue(rows, by_levels=True, **{"impact": Impact.DECAY, "half_life_ns": half_life_ns} | settings)
    venue.run_to(1)
    return venue


def lots(venue: Venue, side: int, price: int) -> list[tuple[int, float]]:
    """(id, lots, near enough) in the queue at a price."""
    queue = dict(blocks(venue, side)).get(price, [])
    return [(order_id, round(units / 2**L2_SHIFT, 3)) for order_id, units in queue]


@pytest.mark.parametrize("half_life_ns", [1_000, 2 * 10**7, 3 * 10**8, 20 * SECOND])
def test_own_orders_and_blocks_are_those_of_the_slow_replay(half_life_ns: int, small: bool) -> None:
    for seed in range(2 if small else 6):
        history = random_l2_history(seed, 200 if small else 600)
        venue = Venue(history, by_levels=True, impact=Impact.DECAY, half_life_ns=half_life_ns)
        oracle = OracleLevels(unit="fixed", impact=Impact.DECAY, half_life_ns=half_life_ns)
        Twins(venue, oracle, prepare(history)).play(
            random_own(seed, 90 if small else 250, history, level_rows=True), every=3
        )


def test_with_a_half_life_that_never_passes_it_is_consume() -> None:
    for seed in range(3):
        history = random_l2_history(seed, 200)
        history["ts_ns"] -= history["ts_ns"][0] - 1
        queues = []
        for settings in ({"impact": Impact.CONSUME}, {"impact": Impact.DECAY, "half_life_ns": YEAR}):
            venue = Venue(history, by_levels=True, **settings)
            for message in random_own(seed, 60, history, level_rows=True):
                if message["verb"] == 0:
                    venue.run_to(int(message["ts_ns"]))
                    venue.send(int(message["side"]), int(message["price_ticks"]), int(message["size_lots"]))
            venue.run_to(2**62)
            queues.append((blocks(venue, BUY), blocks(venue, SELL), venue.fills))
        assert queues[0] == queues[1]
        assert any(fill[3] == FillReason.OWN_AGGRESSION for fill in queues[0][2])


def test_with_a_tiny_half_life_all_is_there_again_at_the_next_look() -> None:
    venue = venue_of(level(1, SELL, 100, 100), half_life_ns=1_000)
    for instant in (1, SECOND, 2 * SECOND):
        venue.run_to(instant)
        venue.send(BUY, 100, 80, tif=IOC)
        venue.run_to(instant)
    assert [80, 80, 80] == [fill[6] for fill in venue.fills]


@pytest.mark.parametrize(("seconds", "shown"), [(0, 20), (1, 60), (2, 80), (4, 95)])
def test_half_of_it_is_back_after_a_half_life(seconds: int, shown: int) -> None:
    venue = venue_of(level(1, SELL, 100, 100), level(1 + seconds * SECOND, SELL, 100, 100))
    venue.send(BUY, 100, 80, tif=IOC)
    venue.run_to(1)
    venue.run_to(1 + seconds * SECOND)
    assert [(0, shown)] == lots(venue, SELL, 100)


def test_how_often_anybody_looks_changes_nothing() -> None:
    books = []
    for looks in (0, 1, 7, 50):
        rows = [level(1 + (i + 1) * SECOND // (looks + 1), SELL, 100, 100) for i in range(looks)]
        venue = venue_of(level(1, SELL, 100, 100), *rows, level(1 + SECOND, SELL, 100, 100))
        venue.send(BUY, 100, 80, tif=IOC)
        venue.run_to(1)
        venue.run_to(2 * SECOND)
        books.append(blocks(venue, SELL))
    assert [books[0]] * 4 == books


@pytest.mark.parametrize(("price", "type"), [(100, OrderType.LIMIT), (0, OrderType.MARKET)])
def test_an_own_taker_finds_what_has_come_back(price: int, type: OrderType) -> None:
    venue = venue_of(level(1, SELL, 100, 100))
    for instant in (1, SECOND + 1):
        venue.run_to(instant)
        venue.send(BUY, price, 100, tif=IOC, type=type)
        venue.run_to(instant)
    assert [100, 50] == [fill[6] for fill in venue.fills]


def test_an_own_order_joins_behind_what_has_come_back() -> None:
    venue = venue_of(level(1, SELL, 100, 100))
    venue.send(BUY, 100, 100, tif=IOC)
    venue.run_to(SECOND + 1)
    order = venue.send(SELL, 100, 7)
    venue.run_to(SECOND + 1)
    assert [(0, 50.0), (-order - 1, 7)] == lots(venue, SELL, 100)
    venue.check()


def test_what_comes_back_later_stands_behind_an_own_order_and_waits_for_a_row() -> None:
    rows = [level(1, SELL, 100, 100), level(4 * SECOND, SELL, 100, 100)]
    venue = venue_of(*rows)
    venue.send(BUY, 100, 100, tif=IOC)
    venue.run_to(1)
    order = venue.send(SELL, 100, 7)
    venue.run_to(2 * SECOND)
    venue.send(BUY, 99, 1)
    venue.send(BUY, 100, 1, flags=MessageFlag.POST_ONLY)
    venue.run_to(2 * SECOND)
    assert [(-order - 1, 7)] == lots(venue, SELL, 100)
    venue.run_to(5 * SECOND)
    assert [-order - 1, 0] == [order_id for order_id, _ in lots(venue, SELL, 100)]
    venue.check()


def test_a_print_meets_what_has_come_back() -> None:
    venue = venue_of(level(1, SELL, 100, 100), row(SECOND + 1, Kind.PRINT, SELL, 0, 100, 30))
    venue.send(BUY, 100, 80, tif=IOC)
    venue.run_to(SECOND + 1)
    assert [(0, 30.0)] == lots(venue, SELL, 100)  # 100 recorded, 30 of them traded, 40 still consumed


def test_a_refused_order_shows_what_it_saw() -> None:
    venue = venue_of(level(1, SELL, 100, 100), listens=True)
    venue.send(BUY, 100, 100, tif=IOC)
    venue.run_to(SECOND + 1)
    written = int(venue.head["written"])
    venue.send(BUY, 100, 1, flags=MessageFlag.POST_ONLY)
    venue.run_to(SECOND + 1)
    entry = venue.world.ring[written & (len(venue.world.ring) - 1)]
    assert [SELL, 100, 50] == [int(entry["side"]), int(entry["price_ticks"]), round(int(entry["size"]) / 2**L2_SHIFT)]


def test_many_levels_reached_at_once_fit_in_the_room_that_was_made() -> None:
    prices = range(100, 400)
    venue = venue_of(*(level(1, SELL, price, 10) for price in prices), listens=True)
    for instant in (1, 3 * SECOND, 6 * SECOND):
        venue.run_to(instant)
        venue.send(BUY, 400, 10 * len(prices), tif=IOC)
        venue.run_to(instant)
    assert 2 * len(prices) < len(venue.fills)
    venue.check()


@given(st.integers(0, 2**62 - 1), st.lists(st.integers(0, 200), max_size=6))
def test_steps_taken_one_by_one_or_together_leave_the_same(size: int, steps: list[int]) -> None:
    left = size
    for some in steps:
        left = int(decayed(np.int64(left), np.int64(some)))
    assert left == decayed(np.int64(size), np.int64(sum(steps)))
    exact = size * Fraction(1_062_175_491, 2**30) ** sum(steps)
    assert 0 <= exact - left < 100
