"""Metaorders that are split: event by event beside a slow twin, and the long memory of signs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lobsim.core.agents.split_orders import memory_of
from lobsim.types import AgentKind, Kind, Side
from tests.oracle.agents.cont_stoikov_talreja import TwinContStoikovTalreja
from tests.oracle.agents.flow_market import FlowMarket, run_flows
from tests.oracle.agents.split_orders import TwinSplitOrders
from tests.support.flow_scenes import START, Agent, flow_scene, rows_of, run_events
from tests.support.metaorders import metaorders_of

LAGS = np.array([10, 20, 40, 80, 160, 320])


def taker(mu: float = 1.0, size: int = 1, live: int = 10, alpha: float = 1.5, longest: int = 10**6) -> Agent:
    """The flow as the compiled floor takes it."""
    return AgentKind.SPLIT_ORDERS, [mu, size, live, alpha, longest], memory_of(live)


def quoting() -> Agent:
    """A flow that never takes."""
    return AgentKind.CONT_STOIKOV_TALREJA, [3, 0.0, 2, 2.0, 1.0, 1.0, 0.2, 0.2, 0.2], [START, START]


@pytest.mark.parametrize(("live", "longest"), [(1, 10**6), (7, 5)])
def test_every_event_is_that_of_the_slow_twin(live: int, longest: int, limit: Callable[[int, int], int]) -> None:
    events = limit(1000, 150)
    agents = [quoting(), taker(0.8, 3, live, 1.5, longest)]
    scene = run_events(flow_scene(agents, 5, logging=True), events)
    market = FlowMarket()
    quotes = TwinContStoikovTalreja(market, 0, 5, START, [2.0, 1.0, 1.0], [0.2] * 3, 0.0)
    quotes.size = 2
    splits = TwinSplitOrders(market, 1, 5, 0.8, 3, live, 1.5, longest)
    run_flows(market, [quotes, splits], events)
    assert market.rows == rows_of(scene)
    assert splits.done == metaorders_of(scene, 1)
    assert len(splits.done) >= limit(20, 4)


def test_an_empty_book_gives_nothing_to_take() -> None:
    scene = run_events(flow_scene([taker()], 5, logging=True), 50)
    assert rows_of(scene) == []
    assert scene.crowd.head[0]["requests"] == 50


def _signs(orders: int, seed: int, live: int, alpha: float) -> np.ndarray:
    """Signs of market orders, from the trades of a book that hardly feels them."""
    book = [(Side.BUY, START, 2**30), (Side.SELL, START + 1, 2**30)]
    scene = flow_scene([(AgentKind.NONE, [], []), taker(live=live, alpha=alpha)], seed, opening=book, logging=True)
    signs: list[int] = []
    while len(signs) < orders:
        scene = run_events(scene, 20_000)
        signs += [1 if row[2] else -1 for row in rows_of(scene) if row[1] == Kind.EXECUTE]
    return np.array(signs, float)


def test_one_metaorder_at_a_time_is_taken_to_its_end(limit: Callable[[int, int], int]) -> None:
    """Runs of one sign are whole numbers of metaorders: P(length >= 4) = 1/8 for alpha = 1.5, half of them followed by the same sign."""
    scene = flow_scene([taker(live=1, alpha=1.5)], 3)
    lengths = []
    left = 0.0
    while len(lengths) < limit(1500, 200):
        scene = run_events(scene, 1)
        now = abs(scene.crowd.memory[0])
        if left == 0.0:
            lengths.append(now + 1)
        left = now
    for length in (2, 4, 9):
        share = length**-1.5
        found = np.mean(np.array(lengths) >= length)
        assert abs(found - share) < 3 * np.sqrt(share * (1 - share) / len(lengths))


@pytest.mark.parametrize(
    ("alpha", "orders"),
    [
        (1.5, 200_000),
        pytest.param(1.3, 10**6, marks=pytest.mark.slow),
        pytest.param(1.7, 10**6, marks=pytest.mark.slow),
    ],
)
def test_signs_remember_as_long_as_the_tail_says(alpha: float, orders: int, small: bool) -> None:
    """The autocorrelation falls as lag^-(alpha - 1)."""
    if small:
        pytest.skip("statistics need compiled speed")
    signs = _signs(orders, 4, 5, alpha)
    correlation = np.array([np.mean(signs[lag:] * signs[:-lag]) for lag in LAGS])
    slope = np.polyfit(np.log(LAGS), np.log(correlation), 1)[0]
    assert abs(-slope - (alpha - 1)) < 0.12
