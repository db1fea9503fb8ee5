"""Cont, Stoikov, Talreja: event by event beside a slow twin, and against the probabilities that are known exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import chisquare, poisson

from lobsim.core.agents.making import place_opening
from lobsim.core.agents.state import Scene
from lobsim.types import NONE_PRICE, AgentKind, Side
from tests.oracle.agents.cont_stoikov_talreja import TwinContStoikovTalreja, own_fills_first, up_first
from tests.oracle.agents.flow_market import FlowMarket, run_flows
from tests.support.flow_scenes import START, Agent, flow_scene, open_orders, orders_at, rows_of, run_events, touches_of

LAMBDA = [1.85, 1.51, 1.09, 0.88, 0.77]
THETA = [0.71, 0.81, 0.68, 0.56, 0.47]
MU = 0.94
NOBODY: Agent = (AgentKind.NONE, [], [])
TABLE_UP = [
    [0.500, 0.335, 0.259, 0.216, 0.188],
    [0.665, 0.500, 0.407, 0.348, 0.307],
    [0.741, 0.593, 0.500, 0.437, 0.391],
    [0.784, 0.652, 0.563, 0.500, 0.452],
    [0.812, 0.693, 0.609, 0.548, 0.500],
]
TABLE_FILL = [
    [0.503, 0.698, 0.794, 0.848, 0.882],
    [0.359, 0.551, 0.664, 0.737, 0.787],
    [0.291, 0.465, 0.578, 0.656, 0.713],
    [0.251, 0.409, 0.517, 0.596, 0.654],
    [0.224, 0.369, 0.472, 0.548, 0.607],
]
BOOK = [(side, START + (1 if side else -1) * away, 1) for away in (1, 2, 3) for side in (0, 1) for _ in range(2)]


def tokyo(mu: float = MU, entering: list[float] = LAMBDA, size: int = 1, reach: int = 30) -> Agent:
    """The published numbers, a minute made a second; theta goes on at its last value."""
    dying = THETA + [THETA[-1]] * (reach - len(THETA))
    numbers = [reach, mu, size, *entering, *[0.0] * (reach - len(entering)), *dying]
    return AgentKind.CONT_STOIKOV_TALREJA, numbers, [START, START]


def twin_of(market: FlowMarket, agent: Agent, index: int, seed: int) -> TwinContStoikovTalreja:
    """The twin of an agent."""
    _, numbers, _ = agent
    reach = int(numbers[0])
    twin = TwinContStoikovTalreja(
        market, index, seed, START, list(numbers[3 : 3 + reach]), list(numbers[3 + reach :]), numbers[1]
    )
    twin.size = int(numbers[2])
    return twin


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.parametrize("size", [1, 100])
def test_every_event_is_that_of_the_slow_twin(seed: int, size: int, limit: Callable[[int, int], int]) -> None:
    events = limit(800, 100)
    agent = tokyo(size=size)
    book = [(side, price, size) for side, price, _ in BOOK]
    scene = run_events(flow_scene([agent], seed, opening=book, logging=True), events)
    market = FlowMarket()
    for side, price, lots in book:
        market.limit(0, side, price, lots)
    market.rows.clear()
    run_flows(market, [twin_of(market, agent, 0, seed)], events)
    assert market.rows == rows_of(scene)


def test_two_flows_in_one_book_do_not_cancel_each_others_orders(limit: Callable[[int, int], int]) -> None:
    events = limit(800, 100)
    agents = [tokyo(), tokyo(mu=0.2)]
    scene = run_events(flow_scene(agents, 5, logging=True), events)
    market = FlowMarket()
    run_flows(market, [twin_of(market, agent, index, 5) for index, agent in enumerate(agents)], events)
    assert market.rows == rows_of(scene)
    assert open_orders(scene, 0) == sum(order.agent == 0 for queue in market.queues.values() for order in queue)


def test_a_book_that_is_empty_fills_around_the_first_price() -> None:
    scene = run_events(flow_scene([tokyo(mu=0.0)], 2, logging=True), 40)
    added = [row for row in rows_of(scene) if row[1] == 0]
    assert START - 5 <= added[0][3] <= START + 5
    assert scene.world.book.sides["orders"].min() > 0


def test_without_rates_nothing_ever_happens() -> None:
    scene = flow_scene([tokyo(mu=0.0, entering=[0.0])], 2)
    assert run_events(scene, 10, 10**18).crowd.head[0]["wakes"] == 0


def test_orders_beyond_the_tables_stay() -> None:
    book = [(Side.BUY, START - 40, 1), (Side.BUY, START - 5, 1), (Side.SELL, START + 1, 1)]
    scene = flow_scene([tokyo(mu=0.0, entering=[0.0])], 2, opening=book)
    scene = run_events(scene, 10, 10**15)
    assert (orders_at(scene, Side.BUY, START - 40), orders_at(scene, Side.BUY, START - 5)) == (1, 0)


def _firsts(trials: list[tuple[list[tuple[int, int]], int]]) -> tuple[np.ndarray, np.ndarray]:
    """Trials and successes by state: each trial counts once for each state it passed through."""
    count, won = np.zeros((5, 5)), np.zeros((5, 5))
    for visited, success in trials:
        for row, column in set(visited):
            if row <= 5 and column <= 5:
                count[row - 1, column - 1] += 1
                won[row - 1, column - 1] += success
    return count, won


def _assert_agree(count: np.ndarray, won: np.ndarray, expected: np.ndarray) -> None:
    """Every cell within three standard errors."""
    error = np.sqrt(expected * (1 - expected) / count)
    assert count.min() > 40
    assert np.abs((won / count - expected) / error).max() < 3.0


def _moves(touches: np.ndarray) -> list[tuple[list[tuple[int, int]], int]]:
    """Each stretch with a spread of one tick: the queues it passed through, and whether the mid went up at its end."""
    trials = []
    visited: list[tuple[int, int]] = []
    mid = 0
    whole = (touches["bid_ticks"] != NONE_PRICE) & (touches["ask_ticks"] != NONE_PRICE)
    columns = zip(*(touches[name].tolist() for name in ("bid_ticks", "ask_ticks", "bid_lots", "ask_lots")), strict=True)
    for ok, (bid, ask, bids, asks) in zip(whole, columns, strict=True):
        if visited and not (ok and bid + ask == mid):
            trials.append((visited, int(asks == 0 or (bool(ok) and bid + ask > mid))))
            visited = []
        if ok and ask - bid == 1:
            visited.append((bids, asks))
            mid = bid + ask
    return trials


def test_the_twin_of_the_tables_gives_the_published_numbers() -> None:
    assert np.abs(up_first(LAMBDA[0], THETA[0], MU, 30)[:5, :5] - TABLE_UP).max() < 6e-4
    assert np.abs(own_fills_first(LAMBDA[0], THETA[0], MU, 30)[:5, :5] - TABLE_FILL).max() < 6e-4


def test_the_mid_goes_up_first_as_often_as_the_queues_say(small: bool) -> None:
    if small:
        pytest.skip("statistics need compiled speed")
    scene = run_events(flow_scene([tokyo()], 11, opening=BOOK, touches=2**19), 400_000)
    count, won = _firsts(_moves(touches_of(scene)))
    _assert_agree(count, won, up_first(LAMBDA[0], THETA[0], MU, 30)[:5, :5])


def _ahead(scene: Scene, slot: int) -> int:
    """Place of an order in its queue, from 1: orders that came earlier have smaller numbers."""
    orders = scene.crowd.orders[: scene.crowd.head[0]["fresh"]]
    here = (orders["live"] == 1) & (orders["side"] == Side.BUY) & (orders["price_ticks"] == START)
    return int((here & (orders["serial"] <= orders[slot]["serial"])).sum())


def _wait_for_end(seed: int, n: int, asks: int) -> tuple[list[tuple[int, int]], int]:
    """An order that is never cancelled is the n-th bid: the states until it trades (1) or the ask queue is empty (0)."""
    others = [(Side.BUY, START, 1)] * (n - 1) + [(Side.SELL, START + 1, 1)] * asks
    scene = flow_scene([tokyo(), NOBODY], seed, opening=others, flows=1)
    place_opening(scene, 1, np.array([[Side.BUY, START, 1]], np.int64))
    slot = int(scene.crowd.agents[1]["first_order"])
    visited = []
    while open_orders(scene, 1) and (asks := orders_at(scene, Side.SELL, START + 1)):
        visited.append((_ahead(scene, slot), asks))
        scene = run_events(scene, 1)
    return visited, int(open_orders(scene, 1) == 0)


@pytest.mark.parametrize("trials", [400, pytest.param(8000, marks=pytest.mark.slow)])
def test_an_own_order_trades_first_as_often_as_its_place_says(trials: int, small: bool) -> None:
    """The order belongs to an agent that never cancels; what stands behind it does not matter."""
    if small:
        pytest.skip("statistics need compiled speed")
    count, won = _firsts([_wait_for_end(seed, 5, 1 + seed % 5) for seed in range(trials)])
    _assert_agree(count, won, own_fills_first(LAMBDA[0], THETA[0], MU, 30)[:5, :5])


def test_a_level_that_takers_never_reach_is_poisson(small: bool) -> None:
    """Without market orders every distance is a queue with endless servers, as long as the best prices stay where they are."""
    if small:
        pytest.skip("statistics need compiled speed")
    wall = [(Side.SELL, START + 1, 1), (Side.BUY, START, 1)]
    scene = flow_scene([NOBODY, tokyo(mu=0.0, entering=[0.0, *LAMBDA[1:3]], reach=3)], 13, opening=wall)
    seen = []
    for sample in range(1, 2000):  # a queue forgets within some seconds
        scene = run_events(scene, 10**6, 20 * sample * 10**9)
        seen.append([orders_at(scene, Side.BUY, START + 1 - distance) for distance in (2, 3)])
    for queue, mean in zip(np.array(seen).T, (1.51 / 0.81, 1.09 / 0.68), strict=True):
        assert abs(queue.mean() - mean) < 3 * np.sqrt(mean / len(queue))
        expected = poisson.pmf(np.arange(6), mean) * len(queue)
        counted = np.bincount(queue, minlength=6)[:6]
        assert chisquare([*counted, len(queue) - counted.sum()], [*expected, len(queue) - expected.sum()]).pvalue > 0.01
