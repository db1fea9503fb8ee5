"""Best prices and missing removals without a book, against slow twins that keep one, and wherever the blocks are cut."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lobsim.feeds.crossing import BookWatch, _first_at_most, _highest
from lobsim.feeds.day_blocks import day_of
from lobsim.feeds.schema import Dataset
from lobsim.feeds.touches import LevelTouches, OrderTouches, level_key
from lobsim.types import NONE, NONE_PRICE, Fidelity, Kind, Phase
from tests.support.made_days import LAST, clear, day, phase
from tests.support.pieces import level, order
from tests.support.slow_doctor import best_prices, missing_removals

STALE_NS = 5
times = st.integers(0, 4)
ends = st.sampled_from([0, LAST, LAST])


@st.composite
def level_days(draw: st.DrawFn) -> Dataset:
    """Levels that cross as often as not, cleared and halted now and then."""
    rows, now = [], 0
    for _ in range(draw(st.integers(1, 40))):
        now += draw(times)
        what = draw(st.sampled_from(["level"] * 12 + ["clear", "phase"]))
        if what == "clear":
            rows.append(clear(now))
        elif what == "phase":
            rows.append(phase(now, draw(st.sampled_from([Phase.CONTINUOUS, Phase.HALT]))))
        else:
            side, price, size = draw(st.tuples(st.integers(0, 1), st.integers(1, 4), st.integers(0, 2)))
            rows.append(level(now, side, price, size, flags=draw(ends)))
    return day([*rows, level(now, 0, 1, 1)])


@st.composite
def order_days(draw: st.DrawFn) -> Dataset:
    """Rows about a few orders, also about those that are not there."""
    kinds = (Kind.ADD, Kind.ADD, Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.EXECUTE, Kind.REPLACE, Kind.CLEAR)
    rows, now = [], 0
    for _ in range(draw(st.integers(1, 30))):
        now += draw(times)
        kind = draw(st.sampled_from(kinds))
        one, other, side, price = draw(st.tuples(*[st.integers(1, 5)] * 2, st.integers(0, 1), st.integers(1, 4)))
        row = order(now, kind, one, side, price, draw(st.integers(1, 3)), other if kind == Kind.REPLACE else 0)
        rows.append(clear(now) if kind == Kind.CLEAR else row | {"flags": draw(ends)})
    return day([*rows, order(now, Kind.ADD, 9, 0, 1, 1)], Fidelity.L3_FULL)


def watched(dataset: Dataset, block_rows: int) -> tuple[list[tuple[int, int]], list[tuple[Any, int, int]]]:
    """What the fast way says: best prices, and missing removals in the form of the slow twin."""
    by_orders = dataset.info.fidelity == Fidelity.L3_FULL
    levels, orders, watch = LevelTouches(), OrderTouches(), BookWatch(STALE_NS)
    prices, stale = [], []
    for block in day_of(dataset, block_rows=block_rows).blocks():
        touches = orders.take(block)[0] if by_orders else levels.take(block)
        best, found = watch.take(block, touches)
        prices += list(zip(best.bid.tolist(), best.ask.tolist(), strict=True))
        for key, side, price, since, row in zip(
            *(column.tolist() for column in (*found[:3], *found[4:6])), strict=True
        ):
            stale.append((key if by_orders else (side, price), since, row))
    return prices, sorted(stale, key=lambda one: (one[2], one[1]))


@given(level_days(), st.integers(1, 50))
def test_levels_are_judged_as_by_a_book_that_is_kept(dataset: Dataset, block_rows: int) -> None:
    prices, stale = watched(dataset, block_rows)
    assert best_prices(dataset) == prices
    assert missing_removals(dataset, STALE_NS) == stale


@given(order_days(), st.integers(1, 50))
def test_orders_are_judged_as_by_a_book_that_is_kept(dataset: Dataset, block_rows: int) -> None:
    prices, stale = watched(dataset, block_rows)
    assert best_prices(dataset) == prices
    assert missing_removals(dataset, STALE_NS) == stale


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20), st.integers(-9, 9)), max_size=12))
def test_highest_value_over_every_place_is_that_of_the_intervals_there(intervals: list[tuple[int, int, int]]) -> None:
    start, length, value = (np.array(column, dtype=np.int64) for column in zip(*intervals, (0, 1, -99), strict=True))
    expected = [
        max((v for s, n, v in [*intervals, (0, 1, -99)] if s <= p < s + n), default=NONE_PRICE) for p in range(41)
    ]
    assert expected == _highest(start, start + length, value, 41).tolist()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(0, 9), st.integers(0, 25), st.integers(0, 20))
def test_first_value_at_most_a_bound_is_found_in_its_stretch(
    values: list[int], bound: int, first: int, last: int
) -> None:
    last = min(last, len(values))
    expected = next((place for place in range(first, last) if values[place] <= bound), NONE)
    found = _first_at_most(*(np.array(column) for column in (values, [bound], [first], [last])))
    assert [expected] == found.tolist()


def test_level_keys_tell_sides_apart() -> None:
    side, price = np.array([0, 1, 0]), np.array([5, 5, -5])
    assert 3 == len(set(level_key(side, price).tolist()))


def test_a_touch_knows_what_stood_before_it_over_blocks_and_clears() -> None:
    rows = [level(0, 0, 5, 3), level(1, 0, 5, 2), level(2, 1, 5, 9), clear(3), level(4, 0, 5, 1), level(5, 0, 5, 0)]
    for block_rows in (1, 2, 6):
        touches = LevelTouches()
        found = [touches.take(block) for block in day_of(day(rows), block_rows=block_rows).blocks()]
        assert [0, 3, 0, 0, 1] == [before for part in found for before in part.before.tolist()]


def test_a_thousand_rows_in_one_block_and_in_many_say_the_same() -> None:
    random = np.random.default_rng(7)
    rows = [
        level(int(at), int(side), int(price), int(size))
        for at, side, price, size in zip(
            np.cumsum(random.integers(0, 3, 1000)),
            random.integers(0, 2, 1000),
            random.integers(1, 12, 1000),
            random.integers(0, 3, 1000),
            strict=True,
        )
    ]
    dataset = day(rows)
    whole = watched(dataset, 1000)
    assert whole == watched(dataset, 37)
    assert best_prices(dataset) == whole[0]
    assert len(whole[1]) > 10
