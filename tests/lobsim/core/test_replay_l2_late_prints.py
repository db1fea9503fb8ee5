"""A trade and the level row that lacks its size are one event, whichever of the two a feed tells first."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from lobsim.types import L2_SHIFT, FillReason, Flag, Impact, Kind
from tests.oracle import prepare
from tests.oracle.replay_l2 import OracleLevels
from tests.oracle.streams import random_l2_history, random_own
from tests.support.twins import Twins, blocks
from tests.support.worlds import SELL, Venue, row

MODES = [Impact.CONSUME, Impact.DECAY, Impact.NONE]


def level(ts_ns: int, size: int, price: int = 100) -> dict[str, int]:
    """The feed shows size lots offered."""
    return row(ts_ns, Kind.LEVEL, SELL, 0, price, size)


def printed(ts_ns: int, size: int, **more: int) -> dict[str, int]:
    """A trade with resting sellers at 100."""
    return row(ts_ns, Kind.PRINT, SELL, 0, 100, size, **more)


def played(
    *rows: dict[str, int], impact: Impact = Impact.CONSUME
) -> tuple[list[tuple[int, float]], list[tuple[int, int]]]:
    """The queue at 100 in lots, and (reason, lots) of every fill, of an own 5 that joined after 40 of the first 100."""
    venue = Venue([level(1, 40), level(2, 100), *rows], by_levels=True, impact=impact)
    venue.run_to(1)
    venue.send(SELL, 100, 5)
    venue.run_to(9)
    venue.check()
    queue = [(order, units / 2**L2_SHIFT) for order, units in dict(blocks(venue, SELL)).get(100, [])]
    return queue, [(fill[3], fill[6]) for fill in venue.fills]


def swapped(history: np.ndarray, seed: int) -> np.ndarray:
    """The same rows, half of the prints behind the row of their level that followed them."""
    rng = np.random.default_rng(seed)
    out = history.copy()
    for i in range(len(out) - 1):
        pair = out[i]["kind"] == Kind.PRINT and out[i + 1]["kind"] == Kind.LEVEL
        if pair and out[i]["ts_ns"] == out[i + 1]["ts_ns"] and rng.random() < 0.5:
            out[[i, i + 1]] = out[[i + 1, i]]
    return out


@pytest.mark.parametrize(("impact", "seed"), list(product(MODES, range(3))))
def test_own_orders_and_blocks_are_those_of_the_slow_replay(impact: Impact, seed: int, small: bool) -> None:
    history = swapped(random_l2_history(seed, 200 if small else 600), seed)
    venue = Venue(history, by_levels=True, impact=impact)
    tape = prepare(history)
    oracle = OracleLevels(unit="fixed", impact=impact, tape=tape)
    Twins(venue, oracle, tape).play(random_own(seed, 80 if small else 200, history, level_rows=True), every=3)
    assert 0 < sum(recorded["flags"] & Flag.TOLD_LATE != 0 for recorded in venue.world.tape)


@pytest.mark.parametrize("impact", MODES)
@pytest.mark.parametrize("traded", [10, 42, 48, 100])
@pytest.mark.parametrize("cancelled", [0, 7])
def test_either_order_of_a_trade_and_its_level_gives_the_same(impact: Impact, traded: int, cancelled: int) -> None:
    left = max(0, 100 - traded - cancelled)
    one = played(printed(3, traded), level(3, left), impact=impact)
    other = played(level(3, left), printed(3, traded), impact=impact)
    assert one == other
    assert left == sum(lots for order, lots in other[0] if order == 0)


def test_two_prints_behind_one_level_row_are_each_counted_once() -> None:
    queue, fills = played(level(3, 50), printed(3, 30), printed(3, 14))
    assert [(FillReason.QUEUE_EXHAUSTED, 4)] == fills
    assert 50 == sum(lots for order, lots in queue if order == 0)


@pytest.mark.parametrize(
    "between", [level(3, 9, price=101), printed(3, 5, flags=int(Flag.AUCTION)), printed(3, 5, flags=int(Flag.OFF_TICK))]
)
def test_other_rows_of_the_instant_do_not_come_between(between: dict[str, int]) -> None:
    expected = played(printed(3, 44), level(3, 56))[1]
    assert expected == played(level(3, 56), between, printed(3, 44))[1]


@pytest.mark.parametrize("flags", [0, int(Flag.LAST_IN_PACKET)])
def test_a_print_with_its_own_row_behind_it_in_its_packet_explains_that_one(flags: int) -> None:
    rows = [level(1, 100), level(3, 90) | {"flags": flags}, printed(3, 20), level(3, 70) | {"flags": flags}]
    assert 0 == sum(recorded["flags"] & Flag.TOLD_LATE for recorded in Venue(rows, by_levels=True).world.tape)


def test_rows_of_one_instant_in_packets_of_their_own_each_wait_for_their_print() -> None:
    rows = [level(3, 56), printed(3, 44), level(3, 50), printed(3, 6)]
    queue, fills = played(*(recorded | {"flags": int(Flag.LAST_IN_PACKET)} for recorded in rows))
    assert [(FillReason.QUEUE_EXHAUSTED, 4), (FillReason.QUEUE_EXHAUSTED, 1)] == fills
    assert [(0, 50.0)] == queue


def test_a_print_of_another_instant_explains_nothing_before_it() -> None:
    venue = Venue([level(1, 100), level(3, 60), printed(4, 40)], by_levels=True)
    venue.run_to(3)
    assert [(100, 60 << L2_SHIFT)] == venue.levels(SELL)


def test_a_level_that_rises_awaits_nothing() -> None:
    queue, fills = played(level(3, 120), printed(3, 20), level(3, 100))
    assert ([(0, 20.0), (-1, 5.0), (0, 80.0)], []) == (queue, fills)
