"""Shadow orders through level feeds: by hand, under every model; and the level feed against a slow one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lobsim.calibration.shadow_orders import Followed, Model, Shadow, ShadowRuns, make_shadows
from lobsim.calibration.stories import read_stories
from lobsim.config import MarketConfig
from lobsim.feeds.schema import Dataset
from lobsim.market import Market
from lobsim.projection import to_levels
from lobsim.types import Impact, Kind, QueueModel
from tests.oracle.levels_from_orders import levels_from_orders
from tests.oracle.streams import random_history
from tests.support.order_days import order_day
from tests.support.recorded_books import LevelBook
from tests.support.worlds import BUY, SELL, row

SECOND = 10**9
OURS = 9
QUEUE = [
    row(1 * SECOND, Kind.ADD, SELL, 1, 110, 50),
    row(2 * SECOND, Kind.ADD, BUY, 2, 100, 40),
    row(3 * SECOND, Kind.ADD, BUY, OURS, 100, 10),
    row(4 * SECOND, Kind.ADD, BUY, 4, 100, 50),
]
"""Forty lots in front of an order of ten, fifty behind it."""


def follow(rows: list[dict[str, int]], *models: Model) -> tuple[Shadow, list[Followed]]:
    """The order OURS as a shadow under some models."""
    day = order_day(rows)
    levels = Market(to_levels(day), MarketConfig(impact=Impact.NONE))
    orders = Market(day)
    story = next(story for story in read_stories(orders.tape) if story.order_id == OURS)
    (shadow,) = make_shadows(orders, levels, [story])
    found = ShadowRuns(levels).follow(shadow, models)
    assert found is not None
    return shadow, found


@pytest.mark.parametrize(
    ("model", "ahead"),
    [
        (Model(QueueModel.RISK_AVERSE), 40.0),
        (Model(QueueModel.PROPORTIONAL), 32.0),
        (Model(QueueModel.LOG), 30.51),
        (Model(QueueModel.LOG2), 37.81),
        (Model(QueueModel.POWER, 2.0), 33.85),
        (Model(QueueModel.POWER2, 2.0), 27.20),
        (Model(QueueModel.POWER3, 3.0), 38.72),
    ],
)
def test_a_cancel_of_twenty_leaves_ahead_what_the_rules_say(model: Model, ahead: float) -> None:
    # Sixty lots stand behind the shadow: the recorded order of ten is one of those.
    shadow, (found,) = follow([*QUEUE, row(5 * SECOND, Kind.REDUCE, BUY, 4, 100, 20)], model)
    assert [40, 40, 40] == shadow.ahead.tolist()
    assert [50, 100, 80] == shadow.queue.tolist()
    assert [40.0, 40.0] == found.ahead[:2].tolist()
    assert pytest.approx(ahead, abs=0.01) == found.ahead[2]


def test_trades_move_truth_and_shadow_alike_and_fill_both() -> None:
    rows = [
        *QUEUE,
        row(5 * SECOND, Kind.EXECUTE, BUY, 2, 100, 40),
        row(6 * SECOND, Kind.EXECUTE, BUY, OURS, 100, 4),
        row(8 * SECOND, Kind.EXECUTE, BUY, OURS, 100, 6),
    ]
    shadow, (found,) = follow(rows, Model(QueueModel.POWER3))
    assert [40, 40, 0, 0] == shadow.ahead.tolist()
    assert [40.0, 40.0, 0.0, 0.0] == found.ahead.tolist()
    assert (5 * SECOND, 5 * SECOND) == (shadow.filled_ns, found.filled_ns)


def test_a_model_that_believes_too_many_cancels_ahead_fills_too_early() -> None:
    rows = [
        *QUEUE,
        row(5 * SECOND, Kind.DELETE, BUY, 4, 100, 50),
        row(6 * SECOND, Kind.EXECUTE, BUY, 2, 100, 30),
        row(7 * SECOND, Kind.EXECUTE, BUY, 2, 100, 10),
        row(8 * SECOND, Kind.EXECUTE, BUY, OURS, 100, 10),
    ]
    shadow, (careful, hopeful) = follow(rows, Model(QueueModel.RISK_AVERSE), Model(QueueModel.PROPORTIONAL))
    assert 5 * SECOND == shadow.filled_ns == careful.filled_ns
    assert 3 * SECOND == hopeful.filled_ns


def test_a_shadow_is_taken_back_when_the_recorded_order_was_cancelled_or_moved() -> None:
    later = row(6 * SECOND, Kind.EXECUTE, BUY, 2, 100, 40), row(6 * SECOND, Kind.EXECUTE, BUY, 4, 100, 50)
    for last in (
        row(5 * SECOND, Kind.DELETE, BUY, OURS, 100, 10),
        row(5 * SECOND, Kind.REPLACE, BUY, OURS, 99, 10, other_id=11),
    ):
        shadow, (found,) = follow([*QUEUE, last, *later], Model(QueueModel.PROPORTIONAL))
        assert (-1, -1) == (shadow.filled_ns, found.filled_ns)
        assert 2 == len(shadow.looks)


def test_a_shadow_loses_the_part_that_was_cancelled() -> None:
    rows = [
        *QUEUE,
        row(5 * SECOND, Kind.REDUCE, BUY, OURS, 100, 7),
        row(6 * SECOND, Kind.EXECUTE, BUY, 2, 100, 40),
        row(7 * SECOND, Kind.EXECUTE, BUY, OURS, 100, 3),
    ]
    shadow, (found,) = follow(rows, Model(QueueModel.RISK_AVERSE))
    assert 4 * SECOND == shadow.filled_ns == found.filled_ns


def test_an_order_behind_another_of_its_own_instant_is_left_out() -> None:
    rows = [row(2 * SECOND, Kind.ADD, BUY, 2, 100, 40), row(3 * SECOND, Kind.ADD, BUY, 3, 100, 5)]
    rows.append(row(3 * SECOND, Kind.ADD, BUY, OURS, 100, 5))
    day = order_day(rows)
    orders, levels = Market(day), Market(to_levels(day), MarketConfig(impact=Impact.NONE))
    (shadow,) = make_shadows(orders, levels, [story for story in read_stories(orders.tape) if story.order_id == OURS])
    assert ShadowRuns(levels).follow(shadow, [Model(QueueModel.POWER3)]) is None


def test_an_order_that_came_through_prices_of_its_own_instant_is_left_out() -> None:
    rows = [
        row(1 * SECOND, Kind.ADD, SELL, 1, 100, 5),
        row(2 * SECOND, Kind.EXECUTE, SELL, 1, 100, 5),
        row(2 * SECOND, Kind.ADD, BUY, OURS, 100, 5),
    ]
    day = order_day(rows)
    orders, levels = Market(day), Market(to_levels(day), MarketConfig(impact=Impact.NONE))
    (shadow,) = make_shadows(orders, levels, [story for story in read_stories(orders.tape) if story.order_id == OURS])
    assert ShadowRuns(levels).follow(shadow, [Model(QueueModel.POWER3)]) is None


def states(levels: Dataset) -> list[tuple[int, dict[tuple[int, int], int]]]:
    """Every level after each instant of a level feed."""
    book, found = LevelBook(), {}
    for ts_ns, kind, side, price, size in levels.events.select(
        "ts_exchange", "kind", "side", "price", "size"
    ).iter_rows():
        book.apply(kind, side, price, size)
        found[ts_ns] = {(side, price): lots for side, prices in book.sides.items() for price, lots in prices.items()}
    return list(found.items())


def test_the_level_feed_is_that_of_a_slow_reading_of_the_orders(limit: Callable[[int, int], int]) -> None:
    for seed in range(limit(15, 3)):
        day = order_day(random_history(seed, 300, fifo=0.7))
        assert states(levels_from_orders(day)) == states(to_levels(day))


def test_the_level_feed_of_a_recorded_cut_book_is_that_of_a_slow_reading(aapl_hour: Dataset) -> None:
    day = Dataset(aapl_hour.info, aapl_hour.events.head(1000), None, aapl_hour.seed_row)
    slow, fast = states(levels_from_orders(day)), states(to_levels(day))
    assert slow == fast
    assert np.unique(day.events["ts_exchange"].to_numpy()).size >= len(slow) > 100
