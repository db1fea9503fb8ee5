"""Zero intelligence: event by event beside a slow twin, the spreads that are known from simulation, and scale invariance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lobsim.core.agents.making import take_log
from lobsim.types import NEVER, AgentKind, Kind
from tests.oracle.agents.flow_market import FlowMarket, run_flows
from tests.oracle.agents.zero_intelligence import TwinZeroIntelligence
from tests.support.flow_scenes import START, Agent, flow_scene, open_orders, rows_of, run_events, touches_of

SPREADS = {0.02: 0.496, 0.05: 0.555, 0.10: 0.632, 0.20: 0.765}
"""Granularity delta / mu -> mean spread in units of mu / alpha, in small ticks."""


def santa_fe(alpha: float, mu: float, delta: float, sigma: int = 1, window: int = 1000) -> Agent:
    return AgentKind.ZERO_INTELLIGENCE, [alpha, mu, delta, sigma, window], [START, START]


def mean_spread(agent: Agent, events: int, seed: int = 1) -> float:
    """Mean spread over time, in ticks, after a warm-up of a fifth of the events."""
    scene = run_events(flow_scene([agent], seed, touches=2**23 if events > 10**6 else 2**18), events // 5)
    first = len(touches_of(scene))
    touches = touches_of(run_events(scene, events))[first:]
    lasted = np.diff(touches["ts_ns"])
    full = ((touches["bid_lots"] > 0) & (touches["ask_lots"] > 0))[:-1]
    spread = (touches["ask_ticks"] - touches["bid_ticks"])[:-1]
    return float(np.average(spread[full], weights=lasted[full]))


@pytest.mark.parametrize(("seed", "sigma"), [(1, 1), (2, 1), (3, 5)])
def test_every_event_is_that_of_the_slow_twin(seed: int, sigma: int, limit: Callable[[int, int], int]) -> None:
    events = limit(2000, 200)
    scene = run_events(flow_scene([santa_fe(0.4, 3.0, 0.5, sigma, 20)], seed, logging=True), events)
    market = FlowMarket()
    twin = TwinZeroIntelligence(market, 0, seed, START, alpha=0.4, mu=3.0, delta=0.5, sigma=sigma, window=20)
    run_flows(market, [twin], events)
    assert market.rows == rows_of(scene)
    assert {Kind.ADD, Kind.DELETE, Kind.EXECUTE} == {Kind(row[1]) for row in market.rows}


@pytest.mark.parametrize("granularity", SPREADS)
def test_mean_spread_is_the_one_known_from_simulation(granularity: float, limit: Callable[[int, int], int]) -> None:
    found = mean_spread(santa_fe(0.01, 1.0, granularity), limit(5_000_000, 1_500)) * 0.01
    assert found == pytest.approx(SPREADS[granularity], rel=0.03 if limit(1, 0) else 0.6)


def test_half_the_density_doubles_the_spread(limit: Callable[[int, int], int]) -> None:
    events = limit(800_000, 1_500)
    dense = mean_spread(santa_fe(0.01, 1.0, 0.1, window=500), events)
    thin = mean_spread(santa_fe(0.005, 1.0, 0.1, window=1000), events)
    assert thin / dense == pytest.approx(2.0, rel=0.04 if limit(1, 0) else 0.5)


def test_a_window_twice_as_wide_does_not_move_the_spread(limit: Callable[[int, int], int]) -> None:
    events = limit(800_000, 1_500)
    one = mean_spread(santa_fe(0.02, 1.0, 0.1, window=250), events)
    other = mean_spread(santa_fe(0.02, 1.0, 0.1, window=500), 2 * events)
    assert other / one == pytest.approx(1.0, rel=0.03 if limit(1, 0) else 0.5)


def test_without_takers_and_deaths_the_book_only_grows() -> None:
    scene = run_events(flow_scene([santa_fe(1.0, 0.0, 0.0, 1, 10)], logging=True), 300)
    kinds = take_log(scene)["kind"]
    assert len(kinds) == open_orders(scene, 0) == 300
    assert np.all(kinds == Kind.ADD)


def test_takers_of_an_empty_book_find_nobody() -> None:
    scene = run_events(flow_scene([santa_fe(1e-12, 5.0, 0.1, 1, 10)], logging=True), 50)
    assert len(take_log(scene)) == 0
    assert open_orders(scene, 0) == 0
    assert scene.crowd.head[0]["requests"] == 50


def test_a_flow_without_rates_never_acts() -> None:
    scene = flow_scene([santa_fe(0.0, 0.0, 0.0)])
    assert scene.crowd.agents[0]["due_ns"] == NEVER
