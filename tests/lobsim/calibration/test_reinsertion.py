"""Recorded orders put in again as own ones: by hand, and against the slow book."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lobsim.calibration.reinsertion import Outcome, Reinsertion, read_turns
from lobsim.calibration.stories import read_stories
from lobsim.types import FillReason, Kind
from tests.oracle import prepare
from tests.oracle.reinsertion import reinsert
from tests.oracle.streams import random_history
from tests.support.order_days import order_market
from tests.support.worlds import BUY, SELL, row

OLDEST, YOUNGER = 7, 8


def outcome(rows: list[dict[str, int]], order_id: int, multiple: int = 1) -> Outcome:
    """What becomes of the order with an id."""
    market = order_market(rows)
    story = next(story for story in read_stories(market.tape) if story.order_id == order_id)
    return Reinsertion(market).outcomes(story, (multiple,))[0]


def queue_of_two(*after: dict[str, int]) -> list[dict[str, int]]:
    """Two buys at 100, five lots each, an ask far away, and what comes after."""
    return [
        row(1, Kind.ADD, SELL, 1, 110, 50),
        row(2, Kind.ADD, BUY, OLDEST, 100, 5),
        row(3, Kind.ADD, BUY, YOUNGER, 100, 5),
        *after,
    ]


def times_and_lots(found: Outcome) -> list[tuple[int, int]]:
    """Of its fills."""
    return [(fill.ts_ns, fill.size_lots) for fill in found.fills]


def test_the_oldest_order_is_filled_as_it_was() -> None:
    rows = queue_of_two(row(4, Kind.EXECUTE, BUY, OLDEST, 100, 2), row(5, Kind.EXECUTE, BUY, OLDEST, 100, 3))
    assert [(4, 2), (5, 3)] == times_and_lots(outcome(rows, OLDEST))


def test_the_younger_order_waits_for_its_turn() -> None:
    rows = queue_of_two(
        row(4, Kind.EXECUTE, BUY, OLDEST, 100, 5),
        row(4, Kind.EXECUTE, BUY, YOUNGER, 100, 1),
        row(5, Kind.DELETE, BUY, YOUNGER, 100, 4),
    )
    assert [(4, 1)] == times_and_lots(outcome(rows, YOUNGER))


def test_an_order_that_jumped_the_queue_is_not_filled_when_it_stands_where_it_stood() -> None:
    rows = queue_of_two(row(4, Kind.EXECUTE, BUY, YOUNGER, 100, 5))
    assert () == outcome(rows, YOUNGER).fills


def test_an_order_that_was_passed_over_is_filled_in_its_turn() -> None:
    rows = queue_of_two(row(4, Kind.EXECUTE, BUY, YOUNGER, 100, 3), row(5, Kind.DELETE, BUY, OLDEST, 100, 5))
    found = outcome(rows, OLDEST)
    assert [(4, 3, FillReason.QUEUE_EXHAUSTED)] == list(found.fills)


def test_a_part_that_was_cancelled_cannot_be_filled() -> None:
    rows = queue_of_two(row(4, Kind.REDUCE, BUY, OLDEST, 100, 4), row(5, Kind.EXECUTE, BUY, OLDEST, 100, 1))
    assert [(5, 1)] == times_and_lots(outcome(rows, OLDEST))


def test_an_order_that_was_moved_joins_the_back_of_its_new_price() -> None:
    rows = queue_of_two(
        row(4, Kind.ADD, BUY, 9, 101, 2),
        row(5, Kind.REPLACE, BUY, OLDEST, 101, 5, other_id=10),
        row(6, Kind.EXECUTE, BUY, 9, 101, 2),
        row(7, Kind.EXECUTE, BUY, 10, 101, 5),
    )
    assert [(7, 5)] == times_and_lots(outcome(rows, OLDEST))


def test_an_order_that_was_cancelled_is_taken_back_in_that_row() -> None:
    rows = queue_of_two(
        row(4, Kind.DELETE, BUY, OLDEST, 100, 5),
        row(4, Kind.EXECUTE, BUY, YOUNGER, 100, 5),
    )
    assert () == outcome(rows, OLDEST).fills


def test_a_larger_order_takes_what_its_followers_had() -> None:
    rows = queue_of_two(row(4, Kind.EXECUTE, BUY, OLDEST, 100, 5), row(5, Kind.EXECUTE, BUY, YOUNGER, 100, 3))
    assert [(4, 5), (5, 3)] == times_and_lots(outcome(rows, OLDEST, multiple=2))


def test_an_order_that_came_to_a_crossed_book_is_refused() -> None:
    rows = [row(1, Kind.ADD, SELL, 1, 100, 5), row(2, Kind.ADD, BUY, OLDEST, 100, 5)]
    assert not outcome(rows, OLDEST).entered


def test_turns_say_who_stood_in_front() -> None:
    rows = queue_of_two(row(4, Kind.EXECUTE, BUY, YOUNGER, 100, 1), row(5, Kind.EXECUTE, BUY, OLDEST, 100, 1))
    turns = read_turns(order_market(rows))
    assert ((5, True), (0, True), None) == (turns.at(3), turns.at(4), turns.at(2))
    assert 0.5 == turns.oldest_first_share


@pytest.mark.parametrize("fifo", [1.0, 0.6])
def test_orders_of_random_days_fare_as_on_the_slow_book(fifo: float, limit: Callable[[int, int], int]) -> None:
    filled = exact = 0
    for seed in range(limit(12, 2)):
        history = random_history(seed, limit(350, 200), fifo=fifo)
        rows, market = prepare(history), order_market(history)
        in_turn = read_turns(market).oldest_first_share == 1
        runs = Reinsertion(market)
        for story in read_stories(market.tape)[::3]:
            found = runs.outcomes(story, (1,))[0]
            assert reinsert(rows, story.row) == times_and_lots(found), (seed, story.row)
            filled += bool(story.fills)
            exact += bool(story.fills) and story.filled_lots == found.filled_lots
            assert not in_turn or story.filled_lots == found.filled_lots
    assert filled > 10
    assert 0.95 * filled < exact if fifo == 1.0 else exact < filled
