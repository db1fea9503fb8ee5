"""Level replay: the compiled world beside the slow one, unit by unit, and small examples with their numbers."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from lobsim.types import L2_SHIFT, FillReason, Flag, Impact, Kind, Phase, QueueModel, TimeInForce
from tests.oracle import prepare
from tests.oracle.replay_l2 import OracleLevels
from tests.oracle.streams import random_l2_history, random_own
from tests.support.twins import Twins, blocks
from tests.support.worlds import BUY, SELL, Venue, row

MODES = [Impact.CONSUME, Impact.NONE]
MODELS = [(model, 3.0) for model in QueueModel] + [
    (QueueModel.POWER3, 2.5),
    (QueueModel.POWER, 1.0),
    (QueueModel.POWER2, 2.0),
]


def level(ts_ns: int, side: int, price: int, size: int) -> dict[str, int]:
    """The feed shows size lots at a price."""
    return row(ts_ns, Kind.LEVEL, side, 0, price, size)


def printed(ts_ns: int, side: int, price: int, size: int, **more: int) -> dict[str, int]:
    """A trade of size lots with resting orders of side."""
    return row(ts_ns, Kind.PRINT, side, 0, price, size, **more)


def venue_of(*rows: dict[str, int], **settings: Any) -> Venue:
    """A world of levels that stands after the rows of instant 1."""
    venue = Venue(rows, by_levels=True, **settings)
    venue.run_to(1)
    return venue


def lots(venue: Venue, side: int, price: int) -> list[tuple[int, Fraction]]:
    """(id, lots) in the queue at a price; a block has id 0."""
    queue = dict(blocks(venue, side)).get(price, [])
    return [(order_id, Fraction(units, 1 << L2_SHIFT)) for order_id, units in queue]


def fills(venue: Venue) -> list[tuple[int, int, int]]:
    """(own order, FillReason, lots) of every fill."""
    return [(fill[1], fill[3], fill[6]) for fill in venue.fills]


# --- beside the slow replay


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "with holes"])
@pytest.mark.parametrize(("impact", "split"), list(product(MODES, MODELS)))
def test_own_orders_and_blocks_are_those_of_the_slow_replay(
    impact: Impact, split: tuple[QueueModel, float], whole: bool, small: bool
) -> None:
    model, power = split
    reasons: set[int] = set()
    for seed in range(1 if small else 5):
        history = random_l2_history(seed, 150 if small else 500)
        if not whole:
            history = history[np.random.default_rng(seed).random(len(history)) > 0.08]
        venue = Venue(history, by_levels=True, impact=impact, queue_model=model, queue_power=power)
        tape = prepare(history)
        oracle = OracleLevels(unit="fixed", impact=impact, model=model, power=power, tape=tape)
        twins = Twins(venue, oracle, tape)
        twins.play(random_own(seed, 60 if small else 200, history, level_rows=True), every=5)
        reasons |= {fill[3] for fill in venue.fills}
    assert small or {0, 1, 2, 3} == reasons


@pytest.mark.parametrize("seed", range(4))
def test_without_own_orders_every_level_shows_what_the_feed_shows(seed: int, limit: Any) -> None:
    history = random_l2_history(seed, limit(600, 100))
    venue = Venue(history, by_levels=True)
    shown: dict[tuple[int, int], int] = {}
    for recorded in history:
        venue.apply()
        place, size = (int(recorded["side"]), int(recorded["price_ticks"])), int(recorded["size_lots"])
        shown[place] = size if recorded["kind"] == Kind.LEVEL else max(0, shown.get(place, 0) - size)
        for side in (BUY, SELL):
            assert {price: lots for (of, price), lots in shown.items() if of == side and lots} == {
                price: units >> L2_SHIFT for price, units in venue.levels(side)
            }
    venue.check()


# --- what own taking consumed


@pytest.mark.parametrize(("falls_or_rises_to", "shown"), [(30, 0), (40, 0), (100, 40), (150, 140), (0, 0)])
def test_what_own_taking_consumed_is_not_shown_again(falls_or_rises_to: int, shown: int) -> None:
    venue = venue_of(level(1, SELL, 100, 100), level(3, SELL, 100, falls_or_rises_to))
    venue.send(BUY, 100, 60, tif=TimeInForce.IOC)
    venue.run_to(2)
    assert [(0, 40)] == lots(venue, SELL, 100)
    venue.run_to(9)
    assert ([(0, shown)] if shown else []) == lots(venue, SELL, 100)


def test_the_same_displayed_quantity_is_taken_once() -> None:
    venue = venue_of(level(1, SELL, 100, 100), level(3, SELL, 100, 100))
    for instant in (1, 2, 4):
        venue.run_to(instant)
        venue.send(BUY, 100, 80, tif=TimeInForce.IOC)
        venue.run_to(instant)
    assert [80, 20] == [fill[6] for fill in venue.fills]


def test_without_impact_it_is_taken_as_often_as_asked_for() -> None:
    venue = venue_of(level(1, SELL, 100, 100), impact=Impact.NONE)
    for _ in range(2):
        venue.send(BUY, 100, 80, tif=TimeInForce.IOC)
    venue.run_to(1)
    assert [80, 80] == [fill[6] for fill in venue.fills]
    assert [(0, 100)] == lots(venue, SELL, 100)


def test_an_own_maker_is_not_displayed_quantity_that_was_consumed() -> None:
    venue = venue_of(level(1, SELL, 100, 10), level(3, SELL, 100, 10))
    venue.send(SELL, 100, 5)
    venue.run_to(1)
    venue.send(BUY, 100, 12)
    venue.run_to(1)
    assert [(0, FillReason.OWN_AGGRESSION, 2), (1, FillReason.OWN_AGGRESSION, 12)] == fills(venue)
    venue.run_to(9)
    assert [(-1, 3)] == lots(venue, SELL, 100)  # the ten are gone, and only they


@pytest.mark.parametrize("impact", MODES)
def test_own_orders_meet_each_other_in_whole_lots_between_fractions(impact: Impact) -> None:
    rows = [level(1, SELL, 100, 4), level(3, SELL, 100, 8), level(5, SELL, 100, 7)]
    venue = venue_of(*rows, impact=impact, queue_model=QueueModel.PROPORTIONAL)
    maker = venue.send(SELL, 100, 6)
    venue.run_to(6)
    half = Fraction(1, 2)
    assert [(0, 3 + half), (-1, 6), (0, 3 + half)] == lots(venue, SELL, 100)
    taker = venue.send(BUY, 100, 6)
    venue.run_to(6)
    assert [(maker, FillReason.OWN_AGGRESSION, 2), (taker, FillReason.OWN_AGGRESSION, 6)] == fills(venue)
    left = [(0, 3 + half), (-1, 4), (0, 3 + half)] if impact == Impact.NONE else [(-1, 4), (0, 3)]
    assert left == lots(venue, SELL, 100)
    venue.check()


# --- prints


@pytest.mark.parametrize("impact", MODES)
def test_two_own_orders_at_one_price_share_one_print(impact: Impact) -> None:
    venue = venue_of(level(1, SELL, 100, 5), printed(3, SELL, 100, 12), impact=impact)
    for size in (4, 9):
        venue.send(SELL, 100, size)
    venue.run_to(9)
    assert [(0, FillReason.QUEUE_EXHAUSTED, 4), (1, FillReason.QUEUE_EXHAUSTED, 3)] == fills(venue)


@pytest.mark.parametrize("impact", MODES)
def test_a_print_through_own_prices_fills_at_most_its_size(impact: Impact) -> None:
    venue = venue_of(level(1, SELL, 102, 50), printed(3, SELL, 102, 12), impact=impact)
    for price in (101, 100):
        venue.send(SELL, price, 8)
    venue.run_to(9)
    assert [(1, FillReason.TRADED_THROUGH, 8), (0, FillReason.TRADED_THROUGH, 4)] == fills(venue)
    left = 50 if impact == Impact.CONSUME else 38  # without impact the fills were extra volume
    assert [(0, left)] == lots(venue, SELL, 102)


def test_a_stale_better_level_takes_nothing_from_a_print() -> None:
    venue = venue_of(level(1, SELL, 100, 30), level(1, SELL, 101, 10), printed(3, SELL, 101, 12))
    venue.send(SELL, 101, 5)
    venue.run_to(9)
    assert [(0, FillReason.QUEUE_EXHAUSTED, 2)] == fills(venue)
    assert [(0, 30)] == lots(venue, SELL, 100)


def test_the_row_after_a_print_explains_only_the_rest() -> None:
    rows = [level(1, SELL, 100, 10), printed(3, SELL, 100, 4), level(3, SELL, 100, 5)]
    venue = venue_of(*rows, queue_model=QueueModel.RISK_AVERSE)
    venue.send(SELL, 100, 5)
    venue.run_to(9)
    assert [(0, 5), (-1, 5)] == lots(venue, SELL, 100)  # four traded, one cancelled


def test_what_own_fills_spared_leaves_from_the_back() -> None:
    rows = [level(1, SELL, 100, 40), level(3, SELL, 100, 100), printed(5, SELL, 100, 55), level(5, SELL, 100, 45)]
    venue = venue_of(*rows)
    venue.send(SELL, 100, 10)
    venue.run_to(9)
    assert [(0, FillReason.QUEUE_EXHAUSTED, 10)] == fills(venue)
    assert [(0, 45)] == lots(venue, SELL, 100)


def test_an_own_fill_is_in_whole_lots_and_a_fraction_passes_on() -> None:
    rows = [level(1, SELL, 100, 4), level(3, SELL, 100, 8), level(5, SELL, 100, 7), printed(7, SELL, 100, 6)]
    venue = venue_of(*rows, queue_model=QueueModel.PROPORTIONAL)
    venue.send(SELL, 100, 6)
    venue.run_to(9)  # 3.5 in front, 2 own, and half a lot from behind
    assert [(0, FillReason.QUEUE_EXHAUSTED, 2)] == fills(venue)
    assert [(-1, 4), (0, 3)] == lots(venue, SELL, 100)


def test_an_increase_through_an_own_price_trades_and_is_consumed() -> None:
    venue = venue_of(level(1, BUY, 90, 1), level(3, BUY, 101, 25), level(4, BUY, 101, 25))
    venue.send(SELL, 100, 10)
    venue.run_to(9)
    assert [(0, FillReason.BOOK_CROSSED, 10)] == fills(venue)
    assert [(0, 15)] == lots(venue, BUY, 101)
    assert 10 << L2_SHIFT == venue.head["crossing_fills"]


@pytest.mark.parametrize("recorded", [printed(4, SELL, 100, 9), printed(4, SELL, 101, 9), level(4, BUY, 101, 9)])
def test_nothing_trades_with_own_orders_during_a_halt(recorded: dict[str, int]) -> None:
    venue = venue_of(level(1, SELL, 101, 5), row(3, Kind.PHASE, size=int(Phase.HALT)), recorded)
    venue.send(SELL, 100, 6)
    venue.run_to(9)
    assert [] == fills(venue)


def test_an_auction_print_leaves_the_levels_alone() -> None:
    venue = venue_of(level(1, SELL, 100, 5), printed(3, SELL, 100, 4, flags=int(Flag.AUCTION)))
    venue.send(SELL, 99, 6)
    venue.run_to(9)
    assert [] == fills(venue)
    assert [(0, 5)] == lots(venue, SELL, 100)


def test_a_cleared_feed_leaves_own_orders_and_forgets_what_was_consumed() -> None:
    venue = venue_of(level(1, SELL, 100, 50), row(3, Kind.CLEAR), level(5, SELL, 100, 20))
    venue.send(BUY, 100, 30, tif=TimeInForce.IOC)
    venue.send(SELL, 100, 6)
    venue.run_to(4)
    assert [(-2, 6)] == lots(venue, SELL, 100)
    venue.run_to(9)
    assert [(-2, 6), (0, 20)] == lots(venue, SELL, 100)
    venue.check()


# --- a decrease


def test_what_a_block_cannot_give_comes_from_the_block_in_front() -> None:
    venue = venue_of(level(1, BUY, 100, 90), level(3, BUY, 100, 100), level(4, BUY, 100, 20))
    venue.send(BUY, 100, 5)
    venue.run_to(9)
    assert [(0, 20), (-1, 5)] == lots(venue, BUY, 100)
