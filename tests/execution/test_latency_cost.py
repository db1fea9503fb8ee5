"""Cost over delay: pairs, slopes and how sure they are, held against numpy and a plain loop."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from scipy import stats

from execution.backtest import BacktestResult, backtest
from execution.catalogue import algorithm_named
from execution.latency_cost import DelayedResult, delay_costs, delay_sentence, delay_tables
from lobsim.config import Latency
from lobsim.errors import ConfigError
from lobsim.types import Side
from tests.execution import steady_market as made

DELAYS_NS = (50_000, 200_000, 1_000_000)


def delayed(costs: Any, delays_ns: tuple[int | None, ...] = DELAYS_NS) -> list[DelayedResult]:
    """Results with these costs: [parents, delays] of one algorithm."""
    points = []
    for place, delay_ns in enumerate(delays_ns):
        column = [row[place] for row in costs]
        table = pl.DataFrame(
            {"parent_id": [str(k) for k in range(len(column))], "algo": "twap", "shortfall_bps": column},
            schema_overrides={"shortfall_bps": pl.Float64},
        )
        result = cast("BacktestResult", SimpleNamespace(results=table))
        points.append(DelayedResult(f"delay {place}", delay_ns, result))
    return points


def test_the_slope_is_that_of_least_squares_and_the_interval_is_drawn_over_parents() -> None:
    rng = np.random.default_rng(0)
    costs = 3 + np.outer(np.ones(12), [0, 0.15, 0.95]) + rng.normal(0, 0.2, (12, 3))
    (cost,) = delay_costs(delayed(costs.tolist()))
    slope = cost.slope
    assert slope is not None
    delays_us = [50, 200, 1000]
    each = [np.polyfit(delays_us, row, 1)[0] for row in costs]
    assert np.polyfit(delays_us, costs.mean(axis=0), 1)[0] == pytest.approx(slope.bps_per_us)
    assert np.std(each, ddof=1) / np.sqrt(12) == pytest.approx(slope.standard_error)
    assert slope.low is not None
    assert slope.high is not None
    assert slope.low < 0.001 < slope.high
    assert slope.covers_zero is False
    assert "bootstrap over 12 orders" == slope.method
    assert (costs - costs[:, :1]).mean(axis=0) == pytest.approx(cost.difference_bps)


def test_few_parents_get_a_student_interval_of_their_slopes() -> None:
    costs = [[1.0, 1.3, 2.0], [2.0, 2.2, 2.8], [0.0, 0.1, 1.2]]
    slope = delay_costs(delayed(costs))[0].slope
    assert slope is not None
    each = [np.polyfit([50, 200, 1000], row, 1)[0] for row in costs]
    expected = stats.t.interval(0.95, 2, np.mean(each), stats.sem(each))
    assert expected == pytest.approx((slope.low, slope.high))


def test_one_parent_is_judged_by_how_far_it_is_from_its_line() -> None:
    slope = delay_costs(delayed([[1.0, 1.3, 2.0]]))[0].slope
    assert slope is not None
    found = stats.linregress([50, 200, 1000], [1.0, 1.3, 2.0])
    assert found.slope == pytest.approx(slope.bps_per_us)  # pyright: ignore[reportAttributeAccessIssue]
    assert found.stderr == pytest.approx(slope.standard_error)  # pyright: ignore[reportAttributeAccessIssue]
    assert "residuals of one order" in slope.method


def test_one_parent_at_two_delays_has_a_slope_and_no_interval() -> None:
    points = delayed([[1.0, 2.0]], (0, 10_000))
    slope = delay_costs(points)[0].slope
    assert slope is not None
    assert (0.1, None, None) == (pytest.approx(slope.bps_per_us), slope.low, slope.covers_zero)
    assert "cannot be said" in delay_sentence(delay_tables(points)[1])


def test_costs_that_do_not_differ_have_a_slope_of_exactly_nothing() -> None:
    points = delayed([[0.1 + k / 3] * 3 for k in range(8)])
    slope = delay_costs(points)[0].slope
    assert slope is not None
    assert (0.0, 0.0, 0.0, True) == (slope.bps_per_us, slope.low, slope.high, slope.covers_zero)
    assert "not shown to cost anything" in delay_sentence(delay_tables(points)[1])


def test_drawn_delays_are_beside_the_line_and_a_parent_unknown_at_one_delay_is_left_out_of_all() -> None:
    points = delayed([[1.0, 1.0, 9.0], [2.0, 2.5, 7.0], [None, 5.0, 6.0]], (0, 10_000, None))
    (cost,) = delay_costs(points)
    assert (2, (1.5, 1.75, 8.0)) == (cost.parents, cost.cost_bps)
    assert cost.slope is not None
    assert 0.025 == pytest.approx(cost.slope.bps_per_us)
    assert delay_costs(delayed([[1.0, 2.0]], (0, None)))[0].slope is None


def test_results_of_other_orders_are_not_compared() -> None:
    one, other = delayed([[1.0]], (0,)), delayed([[1.0], [2.0]], (5,))
    with pytest.raises(ConfigError, match="not run with the same orders"):
        delay_costs([*one, *other])


def test_a_market_with_another_latency_is_a_fresh_market_with_it() -> None:
    day = made.lively(60, seed=3)
    parents = [made.parent_of(Side.BUY, 200, 5, 25), made.parent_of(Side.SELL, 100, 30, 50)]
    makers = {"twap": algorithm_named("twap"), "once": algorithm_named("once")}
    first = made.market_of(day, 1_000_000)
    slow = first.with_latency(Latency.round_trip(400_000_000))
    assert first.tape is slow.tape
    found = backtest(slow, parents, makers)
    assert backtest(made.market_of(day, 400_000_000), parents, makers).digest == found.digest
    assert backtest(first, parents, makers).digest != found.digest
