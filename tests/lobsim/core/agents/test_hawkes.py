"""Twelve-type Hawkes market: event by event beside a twin that adds up the whole past, its mean rates, its residuals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from lobsim.core.agents.hawkes import COUNTS, UNKNOWN
from lobsim.core.agents.state import Scene
from lobsim.simulation.flow_families import Hawkes
from lobsim.simulation.preset import load_preset
from lobsim.types import AgentKind, Kind
from tests.oracle.agents.cont_stoikov_talreja import TwinContStoikovTalreja
from tests.oracle.agents.flow_market import FlowMarket, run_flows
from tests.oracle.agents.hawkes import INSIDE, Flow, Sizes, TwinHawkes, residuals
from tests.support.flow_scenes import START, Agent, flow_scene, rows_of, run_events

SECOND_NS = 10**9
SIZES: list[Sizes] = [(0.05, [(1, 0.2), (10, 1.5)])] * 12 + [(0.02, [(30, 1.0)])]


def published() -> Hawkes:
    """The flow of the preset."""
    flow = load_preset("hawkes12").agents[0]
    assert isinstance(flow, Hawkes)
    return flow


def signed() -> Flow:
    """Its rates and influences, with sizes of some lots."""
    family = published()
    base = [family.base[event] for event in ("deep", "cancel_deep", "top", "cancel_top", "take", "inside")] * 2  # type: ignore[index]
    return Flow(np.array(base), family.branching(), SIZES)


def agent_of(flow: Flow) -> Agent:
    """The flow as the compiled floor takes it."""
    points = max(len(law) for _, law in flow.sizes)
    numbers: list[float] = [len(flow.decays), flow.mean_spread, flow.power, flow.open_ns, flow.bucket_ns]
    numbers += [len(flow.times), points, *flow.base.tolist()]
    numbers += [time for bucket in flow.times for time in bucket]
    numbers += flow.decays
    for cause in range(12):
        for share, decay in zip(flow.shares, flow.decays, strict=True):
            numbers += [flow.branching[effect, cause] * share * decay for effect in range(12)]
    for p, law in flow.sizes:
        total = 1 + sum(weight for _, weight in law)
        padded = [*law, *[(law[-1][0], 0.0)] * (points - len(law))]
        shares = (1 + np.cumsum([weight for _, weight in padded])) / total
        numbers += [p, 1 / total, *(lots for lots, _ in padded), *shares.tolist()]
    memory = [START - 1, START + 1, *[0.0] * 14, UNKNOWN, *[0.0] * (24 * len(flow.decays))]
    return AgentKind.HAWKES, numbers, memory


def wide(flow: Flow) -> Flow:
    """The flow without a cause or an effect of orders inside the spread: nothing depends on the book."""
    base, branching = flow.base.copy(), flow.branching.copy()
    base[INSIDE::6] = 0
    branching[INSIDE::6, :] = branching[:, INSIDE::6] = 0
    return replace(flow, base=base, branching=branching)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_event_is_that_of_the_slow_twin(seed: int, limit: Callable[[int, int], int]) -> None:
    wakes = limit(500, 120)
    hours = [[0.5 + 0.1 * b + 0.02 * kind for kind in range(12)] for b in range(13)]
    flow = replace(signed(), times=hours, bucket_ns=2 * 10**8, open_ns=10**8, power=0.7)
    scene = run_events(flow_scene([agent_of(flow)], seed, logging=True), wakes)
    market = FlowMarket()
    run_flows(market, [TwinHawkes(market, 0, seed, START, flow)], wakes)
    assert market.rows == rows_of(scene)
    assert market.rows[-1][0] > flow.bucket_ns


def test_it_goes_on_when_somebody_else_sweeps_the_book(limit: Callable[[int, int], int]) -> None:
    wakes = limit(500, 120)
    sweeper: Agent = (AgentKind.CONT_STOIKOV_TALREJA, [1, 2.0, 100, 0.0, 0.0], [START, START])
    scene = run_events(flow_scene([agent_of(signed()), sweeper], 3, logging=True), wakes)
    market = FlowMarket()
    other = TwinContStoikovTalreja(market, 1, 3, START, [0.0], [0.0], 2.0)
    other.size = 100
    run_flows(market, [TwinHawkes(market, 0, 3, START, signed()), other], wakes)
    assert market.rows == rows_of(scene)


def test_the_matrix_of_the_preset_has_the_published_radius() -> None:
    assert abs(np.abs(np.linalg.eigvals(published().branching())).max() - 0.58) < 1e-12


def test_no_order_comes_inside_a_spread_of_one_tick(limit: Callable[[int, int], int]) -> None:
    scene = run_events(flow_scene([agent_of(signed())], 4, logging=True), limit(20_000, 1000))
    rows = rows_of(scene)
    added = {row[5] for row in rows if row[1] == Kind.ADD}
    takers = {row[6] for row in rows if row[1] == Kind.EXECUTE}
    assert len(added) > 50 and len(takers) > 10
    assert not added & takers


def _counts(scene: Scene) -> np.ndarray:
    return scene.crowd.memory[COUNTS : COUNTS + 12].copy()


def test_mean_rates_solve_the_linear_equation(small: bool) -> None:
    """(I - n)^-1 mu, for kernels that only call forth."""
    if small:
        pytest.skip("statistics need compiled speed")
    flow = wide(replace(signed(), branching=np.maximum(signed().branching, 0)))
    expected = np.linalg.solve(np.eye(12) - flow.branching, flow.base)
    scene = run_events(flow_scene([agent_of(flow)], 5), 10**7, 10 * SECOND_NS)
    counts = [_counts(scene)]
    for second in range(20, 2020, 20):
        scene = run_events(scene, 10**7, second * SECOND_NS)
        counts.append(_counts(scene))
    rates = np.diff(counts, axis=0) / np.diff([10, *range(20, 2020, 20)])[:, None]
    rates = rates[1:]
    error = rates.std(axis=0, ddof=1) / np.sqrt(len(rates))
    busy = expected > 0
    assert (np.abs(rates.mean(axis=0) - expected)[busy] < 3 * error[busy]).all()
    assert (rates[:, ~busy] == 0).all()


@pytest.mark.parametrize("inhibition", [True, False])
def test_rescaled_waits_are_exponential(inhibition: bool, small: bool) -> None:
    if small:
        pytest.skip("statistics need compiled speed")
    flow = signed() if inhibition else replace(signed(), branching=np.maximum(signed().branching, 0))
    scene = flow_scene([agent_of(flow)], 6)
    before = _counts(scene)
    events: list[tuple[int, int]] = []
    touches: list[tuple[int, int]] = []
    while len(events) < 1200:
        scene = run_events(scene, 1)
        after = _counts(scene)
        if (after != before).any():
            bid, ask = (int(key) for key in scene.world.book.sides["best_key"])
            events.append((int(scene.world.head[0]["now_ns"]), int((after - before).argmax())))
            touches.append((-bid, ask))
        before = after
    waits = residuals(flow, events, touches)
    assert len(waits) > 1100
    assert kstest(waits, "expon").pvalue > 0.01


def test_time_of_day_multiplies_base_rates_only(small: bool) -> None:
    if small:
        pytest.skip("statistics need compiled speed")
    times = [[float(1 + b)] * 12 for b in range(4)]
    flow = replace(wide(signed()), branching=np.zeros((12, 12)), times=times, bucket_ns=100 * SECOND_NS)
    scene = flow_scene([agent_of(flow)], 7)
    counts = [_counts(scene)]
    for end in (100, 200, 300, 400):
        scene = run_events(scene, 10**7, end * SECOND_NS)
        counts.append(_counts(scene))
    expected = np.outer([100, 200, 300, 400], flow.base)
    busy = flow.base > 0
    assert (np.abs(np.diff(counts, axis=0) - expected)[:, busy] < 3.5 * np.sqrt(expected[:, busy])).all()


def test_without_rates_nothing_ever_happens() -> None:
    flow = replace(signed(), base=np.zeros(12))
    scene = run_events(flow_scene([agent_of(flow)], 8), 10, 10**18)
    assert scene.crowd.agents[0]["requests"] == 0
