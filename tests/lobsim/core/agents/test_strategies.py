"""Execution crowds, the maker of Avellaneda and Stoikov, and liquidity that follows the flow: against slow twins, and what is special about each."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from lobsim.core.agents.execution import MEMORY
from lobsim.types import AgentKind, Kind
from tests.oracle.agents.slow_background import SlowFundamental, SlowNoise, SlowValue
from tests.oracle.agents.slow_market import SlowAgent
from tests.oracle.agents.slow_strategies import POV, TWAP, VWAP, SlowExecution, SlowResponse, SlowStoikov
from tests.support.scenes import Entry, new_scene, rows_of, run_scene
from tests.support.slow_scenes import SECOND, both

LATE = {"order_ns": 7_000_050, "answer_ns": 7_000_000, "feed_ns": 7_000_000, "hears": 1}
FUNDAMENTAL = (1000.0, 1000.0, 0.01, 2.0, 0.0, 0.0, 0.0)
VALUE = (1000.0, 0.002, 2.0 * SECOND, 4.0, 600.0 * SECOND, 0.1, 2.0)
RESPONSE = (0.3, 0.002, 0.05, 0.05, 40.0, 0.3)
STOIKOV = (3.0 * SECOND, 0.1, 0.5, 0.3, 5.0, 40.0, 300.0 * SECOND, 0.0)
ROLLING = (3.0 * SECOND, 0.05, 0.5, 0.3, 5.0, 20.0, 60.0 * SECOND, 1.0)


def parent(style: int, patient: int, side: int = 2) -> tuple[float, ...]:
    """Sizes from 100 up, begun in the first minute, worked for some of them, looked at every 7 s or so."""
    times = (10.0 * SECOND, 20.0 * SECOND, 30.0 * SECOND, 60.0 * SECOND, 7.0 * SECOND, 0.2)
    return (style, side, 100.0, 1.5, 2_000.0, *times, 0.1, 0.0, 150.0 * SECOND, patient)


def background(delays: dict[str, int], flows: int) -> tuple[list[Entry], list[SlowAgent]]:
    """Who the others trade with; the fundamental value stands behind so many flows."""
    entries = [
        Entry(AgentKind.FUNDAMENTAL, FUNDAMENTAL, memory=1),
        Entry(AgentKind.VALUE, (float(flows), *VALUE), count=8, **delays),
        Entry(AgentKind.NOISE, (0.0, 150.0 * SECOND), count=30, **delays),
    ]
    fundamental = SlowFundamental(*FUNDAMENTAL)
    twins: list[SlowAgent] = [fundamental, *(SlowValue(fundamental, *VALUE) for _ in range(8))]
    return entries, [*twins, *(SlowNoise(0, 150 * SECOND) for _ in range(30))]


@pytest.mark.parametrize("delays", [{}, LATE], ids=["at once", "after delays"])
def test_execution_crowds_do_what_their_slow_twins_do(delays: dict[str, int], limit: Callable[[int, int], int]) -> None:
    entries, twins = background(delays, 0)
    for style in (TWAP, VWAP, POV):
        for patient in (0, 1):
            entries.append(Entry(AgentKind.EXECUTION, parent(style, patient), memory=MEMORY, count=2, **delays))
            twins += [SlowExecution(*parent(style, patient)) for _ in range(2)]
    rows, market = both(entries, twins, 5, limit(150, 110))
    assert rows == market.rows
    crowd = [agent for agent in twins if isinstance(agent, SlowExecution)]
    assert sum(abs(agent.known_lots) == agent.lots for agent in crowd if agent.style != POV) >= 6
    assert all(abs(agent.known_lots) <= agent.lots for agent in crowd)
    assert sum(agent.metaorder is not None for agent in crowd) >= 8


@pytest.mark.parametrize("delays", [{}, LATE], ids=["at once", "after delays"])
def test_makers_who_mind_inventory_do_what_their_slow_twins_do(
    delays: dict[str, int], limit: Callable[[int, int], int]
) -> None:
    entries, twins = background(delays, 0)
    for numbers in (STOIKOV, ROLLING):
        entries.append(Entry(AgentKind.AVELLANEDA_STOIKOV, numbers, memory=2, count=2, **delays))
        twins += [SlowStoikov(*numbers), SlowStoikov(*numbers)]
    rows, market = both(entries, twins, 6, limit(300, 100))
    assert rows == market.rows
    assert any(agent.known_lots for agent in twins[-4:])
    assert all(abs(agent.known_lots) <= 40 for agent in twins[-4:])


def test_liquidity_follows_the_flow_as_its_slow_twin_does(limit: Callable[[int, int], int]) -> None:
    entries, twins = background({}, 1)
    entries.insert(0, Entry(AgentKind.LIQUIDITY_RESPONSE, RESPONSE, memory=5, start=(0.0, 0.0, 0.0, 1000.0, 1000.0)))
    twins.insert(0, SlowResponse(1000, *RESPONSE))
    rows, market = both(entries, twins, 7, limit(300, 120))
    assert rows == market.rows
    assert twins[0].wakes > limit(300, 60)


def test_liquidity_comes_to_the_side_that_was_taken(limit: Callable[[int, int], int]) -> None:
    """With a flow F that nobody adds to, sell orders come at BASE + GAIN F e^(-FORGETTING t): their count is its integral."""
    base, gain, forgetting, flow, seconds = 1.0, 0.1, 0.05, 400.0, 60.0
    numbers = (base, gain, forgetting, 0.0, 1.0, 0.2)
    counts = np.zeros((limit(150, 2), 2))
    for seed in range(len(counts)):
        entry = Entry(AgentKind.LIQUIDITY_RESPONSE, numbers, memory=5, start=(flow, 0.0, 0.0, 1000.0, 1000.0))
        scene = run_scene(new_scene([entry], seed), round(seconds * SECOND))
        for row in rows_of(scene):
            assert row[1] == Kind.ADD
            counts[seed, row[2]] += 1
    selling = base * seconds + gain * flow * (1 - math.exp(-forgetting * seconds)) / forgetting
    for side, expected in ((0, base * seconds), (1, selling)):
        assert abs(counts[:, side].mean() - expected) < 4 * math.sqrt(expected / len(counts))


def test_a_parent_in_an_empty_market_sends_nothing_until_its_end() -> None:
    entries = [Entry(AgentKind.EXECUTION, parent(style, 1), memory=MEMORY, **LATE) for style in (TWAP, VWAP, POV)]
    scene = run_scene(new_scene(entries), 200 * SECOND)
    assert scene.crowd.agents["requests"].tolist() == [1, 1, 0]
    assert rows_of(scene) == []
