"""The Cheridito-Weiss market: event by event beside a slow twin, its sizes, its tilt, its window; and its strategic trader."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from lobsim.core.agents.cheridito_weiss import MEMORY, NEVER_SWEPT
from lobsim.types import AgentKind, Kind, Side
from tests.oracle.agents.cheridito_weiss import Flow, TwinCheriditoWeiss
from tests.oracle.agents.flow_market import FlowMarket, run_flows
from tests.support.flow_scenes import START, Agent, flow_scene, orders_at, rows_of, run_events

ENTERING = [0.2842, 0.5255, 0.2971, 0.2307, 0.0826, 0.0682, 0.0631, 0.0481, 0.0462, 0.0321, 0.0178, 0.0015, 0.0001]
DYING = [0.8636, 0.4635, 0.1487, 0.1096, 0.0402, 0.0341, 0.0311, 0.0237, 0.0233, 0.0178, 0.0127, 0.0012, 0.0001]
NOISE = Flow(ENTERING, [0.1 * rate for rate in DYING], 0.1237)
TACTICAL = Flow([0.85 * x for x in NOISE.entering], [0.85 * x for x in NOISE.dying], 0.85 * NOISE.mu, tilt=2.0)
BOOK = [(side, START + (away if side else -away), 5) for away in range(1, 31) for side in (0, 1)]
SECOND_NS = 10**9


def agent_of(flow: Flow) -> Agent:
    """A flow as the compiled floor takes it."""
    head = [len(flow.entering), flow.mu, flow.spread, flow.most, flow.far, flow.tilt, math.exp(-flow.damping)]
    memory = [START, START, NEVER_SWEPT, NEVER_SWEPT, *[0.0] * (MEMORY - 4)]
    return AgentKind.CHERIDITO_WEISS, [*head, *flow.entering, *flow.dying], memory


@pytest.mark.parametrize("flow", [NOISE, TACTICAL, Flow(NOISE.entering, NOISE.dying, 2.0, far=13, tilt=2.0)])
def test_every_event_is_that_of_the_slow_twin(flow: Flow, limit: Callable[[int, int], int]) -> None:
    events = limit(500, 100)
    scene = run_events(flow_scene([agent_of(flow)], 7, opening=BOOK, logging=True), events)
    market = FlowMarket()
    for side, price, lots in BOOK:
        market.limit(0, side, price, lots)
    market.rows.clear()
    run_flows(market, [TwinCheriditoWeiss(market, 0, 7, START, flow)], events)
    assert market.rows == rows_of(scene)


def test_sizes_are_one_and_a_half_normal_rounded(limit: Callable[[int, int], int]) -> None:
    flow = Flow(NOISE.entering, [0.0] * 13, 0.0)
    scene = run_events(flow_scene([agent_of(flow)], 3, logging=True), limit(20_000, 200))
    sizes = np.array([row[4] for row in rows_of(scene) if row[1] == Kind.ADD])
    share = 2 * norm.cdf(np.array([0.5, 1.5, 2.5]) / 2) - 1  # at most 1, 2, 3 lots
    found = np.array([(sizes <= lots).mean() for lots in (1, 2, 3)])
    assert (np.abs(found - share) < 3 * np.sqrt(share * (1 - share) / len(sizes))).all()
    assert sizes.max() <= 20


def test_more_bids_than_asks_bring_buyers(limit: Callable[[int, int], int]) -> None:
    """With nothing but takers of a book that hardly feels them, buyers come 1 + 2 I times as often as sellers."""
    events = limit(3000, 200)
    book = [(Side.BUY, START - 1, 300_000_000), (Side.SELL, START + 1, 100_000_000)]
    flow = Flow([0.0], [0.0], 1.0, tilt=2.0)
    scene = run_events(flow_scene([agent_of(flow)], 3, opening=book, logging=True), events)
    bought = sum(row[2] == Side.SELL for row in rows_of(scene))
    assert abs(bought / events - 2 / 3) < 3 * np.sqrt(2 / 9 / events)
    assert abs(scene.crowd.agents[0]["rate"] - 3.0) < 1e-3


def test_orders_too_far_from_the_other_side_leave() -> None:
    book = [(Side.BUY, START - 31, 3), (Side.BUY, START - 1, 1), (Side.SELL, START + 1, 50)]
    scene = run_events(flow_scene([agent_of(Flow([0.0], [0.0], 1.0))], 3, opening=book), 1)
    assert orders_at(scene, Side.BUY, START - 31) == 0


def test_the_strategic_trader_takes_and_posts_every_period() -> None:
    strategic: Agent = (AgentKind.STRATEGIC, [3 * SECOND_NS, 1, 2], [0])
    nobody: Agent = (AgentKind.NONE, [], [])
    book = [(side, START + (away if side else -away), 100) for away in (2, 3) for side in (0, 1)]
    sides = set()
    for seed in range(8):
        scene = flow_scene([nobody, strategic], seed, opening=book, flows=1, logging=True)
        rows = rows_of(run_events(scene, 10**6, 13 * SECOND_NS))
        side = 1 - rows[0][2]
        sides.add(side)
        assert [row[0] for row in rows] == [t * SECOND_NS for t in (3, 3, 6, 6, 9, 9, 12, 12)]
        assert [row[1] for row in rows] == [Kind.EXECUTE, Kind.ADD] * 4
        assert [row[4] for row in rows] == [1, 2] * 4
        posted = [row[3] for row in rows if row[1] == Kind.ADD]
        steps = [second - first for first, second in pairwise(posted)]
        assert [START + 1 if side else START - 1] == posted[:1]
        assert steps == ([-1, -1, 0] if side else [1, 1, 0])
    assert sides == {0, 1}
