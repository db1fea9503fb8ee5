"""Re-insertion consistency: counts and causes by hand, and the share reached on recorded days."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lobsim.calibration.causes import Cause
from lobsim.calibration.consistency import Consistency, measure_consistency
from lobsim.calibration.stories import Stratum
from lobsim.errors import ConfigError, DataError
from lobsim.feeds.schema import Dataset
from lobsim.market import Market
from lobsim.projection import to_levels
from lobsim.types import Flag, Kind
from tests.support.order_days import order_day, order_market
from tests.support.worlds import BUY, SELL, row

OLDEST, YOUNGER, FAR = 7, 8, 1
QUEUE = [
    row(1, Kind.ADD, SELL, FAR, 110, 50),
    row(2, Kind.ADD, BUY, OLDEST, 100, 5),
    row(3, Kind.ADD, BUY, YOUNGER, 100, 5),
]


def measure(*after: dict[str, int]) -> Consistency:
    """Every order of two buys in a queue and what comes after."""
    return measure_consistency(order_market([*QUEUE, *after]), 100)


def causes(found: Consistency) -> dict[int, Cause]:
    """Order -> why it missed."""
    return {miss.order_id: miss.cause for miss in found.misses}


def test_a_day_in_order_is_exact_and_in_time() -> None:
    found = measure(row(4, Kind.EXECUTE, BUY, OLDEST, 100, 5), row(5, Kind.EXECUTE, BUY, YOUNGER, 100, 2))
    assert (3, 3, 3) == (found.total("sampled"), found.total("exact"), found.total("in_time"))
    assert {Stratum.NEVER: 1, Stratum.PARTLY: 1, Stratum.FULLY: 1} == {
        stratum: count.population for stratum, count in found.strata.items()
    }
    assert (1.0, 1.0, 1 / 3) == (found.oldest_first_share, found.share_of_all("exact"), found.never_share)


def test_an_order_that_jumped_is_missed_and_so_is_the_one_it_passed() -> None:
    found = measure(
        row(4, Kind.EXECUTE, BUY, YOUNGER, 100, 5),
        row(5, Kind.DELETE, BUY, OLDEST, 100, 5),
    )
    assert {YOUNGER: Cause.OLDER_STOOD_AHEAD, OLDEST: Cause.YOUNGER_HIT} == causes(found)
    assert (1, 3, 0.0) == (found.total("exact"), found.total("sampled"), found.oldest_first_share)


def test_the_same_lots_at_another_time_are_exact_but_not_in_time() -> None:
    found = measure(row(4, Kind.EXECUTE, BUY, YOUNGER, 100, 5), row(5, Kind.EXECUTE, BUY, OLDEST, 100, 5))
    assert OLDEST in causes(found)
    passed = next(miss for miss in found.misses if miss.order_id == OLDEST)
    assert (True, Cause.YOUNGER_HIT) == (passed.exact, passed.cause)


def test_other_causes_are_told_apart() -> None:
    worse = row(3, Kind.ADD, BUY, 3, 99, 5)
    assert Cause.WORSE_HIT == causes(measure(worse, row(4, Kind.EXECUTE, BUY, 3, 99, 1)))[OLDEST]
    assert Cause.HIDDEN_WORSE == causes(measure(row(4, Kind.EXECUTE_HIDDEN, BUY, 0, 99, 1)))[OLDEST]
    assert Cause.ARRIVED_THROUGH == causes(measure(row(4, Kind.ADD, SELL, 4, 100, 1)))[OLDEST]
    better = causes(measure(worse, row(4, Kind.EXECUTE, BUY, 3, 99, 1)))
    assert Cause.BETTER_STOOD_AHEAD == better[3]


def test_larger_orders_are_counted_by_what_was_put_in() -> None:
    sizes = measure(row(4, Kind.EXECUTE, BUY, OLDEST, 100, 5), row(5, Kind.EXECUTE, BUY, YOUNGER, 100, 2)).sizes
    assert {1: (60, 7), 2: (120, 7 + 2), 5: (300, 7 + 2)} == {
        multiple: (count.lots, count.filled_lots) for multiple, count in sizes.items()
    }


def test_the_answer_is_plain_json_with_the_promised_fields() -> None:
    found = measure(row(4, Kind.EXECUTE, BUY, YOUNGER, 100, 5)).as_json()
    assert {"sampled", "exact", "filled_sampled", "filled_exact", "oldest_first_share", "misses"} <= set(found)
    assert (1, 0) == (found["filled_sampled"], found["filled_exact"])
    assert found == json.loads(json.dumps(found, allow_nan=False))
    assert {"older_stood_ahead": 1, "younger_hit": 1} == found["causes"]


def test_the_same_seed_gives_the_same_answer() -> None:
    rows = [*QUEUE, row(4, Kind.EXECUTE, BUY, YOUNGER, 100, 5)]
    first, again = (measure_consistency(order_market(rows), 2, seed=5) for _ in range(2))
    assert first == again
    assert 2 == first.total("sampled")


def test_what_cannot_be_measured_is_refused_in_a_sentence() -> None:
    day = order_day(QUEUE)
    with pytest.raises(ConfigError, match="does not know single orders"):
        measure_consistency(Market(to_levels(day)), 10)
    with pytest.raises(ConfigError, match="at least 1"):
        measure_consistency(Market(day), 0)
    with pytest.raises(ConfigError, match="multiples"):
        measure_consistency(Market(day), 1, multiples=(2,))
    snapshot = [each | {"flags": int(Flag.SNAPSHOT)} for each in QUEUE]
    with pytest.raises(DataError, match="no order was added"):
        measure_consistency(order_market(snapshot), 10)


def filled_share(found: Consistency) -> float:
    """Of the samples that were truly filled, how many are exact."""
    return found.total("exact", filled=True) / found.total("sampled", filled=True)


def test_orders_of_a_sample_of_the_shanghai_day_fare_exactly_as_they_did(
    sse_day: Dataset, limit: Callable[[int, int], int]
) -> None:
    found = measure_consistency(Market(sse_day), limit(250, 20), multiples=(1,))
    assert () == found.misses
    assert 1.0 == found.oldest_first_share
    assert found.total("sampled", filled=True) > limit(100, 8)


def test_orders_of_a_sample_of_the_aapl_hour_fare_as_the_tape_allows(
    aapl_hour: Dataset, limit: Callable[[int, int], int]
) -> None:
    found = measure_consistency(Market(aapl_hour), limit(600, 20), multiples=(1,))
    share = found.oldest_first_share
    assert share is not None
    assert filled_share(found) >= share - 0.02
    assert all(miss.cause != Cause.ELSEWHERE for miss in found.misses)


@pytest.mark.slow
def test_every_filled_order_of_the_aapl_hour_and_a_large_sample_of_shanghai_reach_the_ceiling(
    aapl_hour: Dataset, sse_day: Dataset
) -> None:
    for dataset, count in ((aapl_hour, 10_000), (sse_day, 3_000)):
        found = measure_consistency(Market(dataset), count, multiples=(1,))
        share = found.oldest_first_share
        assert share is not None
        assert filled_share(found) >= share - 0.001
        assert all(miss.cause != Cause.ELSEWHERE for miss in found.misses)
