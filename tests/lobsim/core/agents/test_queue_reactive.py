"""Queue-reactive market: event by event beside a slow twin, its stationary laws, its reference, its feedback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from lobsim.core.agents.queue_tables import REFERENCE
from lobsim.simulation.families import Setting
from lobsim.simulation.flow_families import QueueReactive
from lobsim.types import AgentKind, Kind, Side
from tests.oracle.agents.cont_stoikov_talreja import TwinContStoikovTalreja
from tests.oracle.agents.flow_market import FlowMarket, run_flows
from tests.oracle.agents.queue_reactive import CLASSES, Law, Queues, TwinQueueReactive, law_of_model_two
from tests.support.flow_scenes import START, Agent, flow_scene, orders_at, rows_of, run_events

MOST = 12
SECOND_NS = 10**9
UNITS = range(MOST + 1)
ONE = Queues([1], [[1.85] * MOST + [0.0]], [[0.71 * n for n in UNITS]], [[0.94] * (MOST + 1)])
"""The example whose law is known to four digits"""
EXAMPLE = [0.2532, 0.2838, 0.2225, 0.1341, 0.0656]
THREE = Queues(
    unit=[10, 7, 5],
    add=[[2.0] + [1.0] * MOST, [0.8] * (MOST + 1), [0.5] * (MOST + 1)],
    cancel=[[0.3 * n for n in UNITS], [0.2 * n for n in UNITS], [0.2 * n for n in UNITS]],
    market=[[0.9 / (1 + n) + 0.4 for n in UNITS], [0.6] * (MOST + 1), [0.5] * (MOST + 1)],
    theta=0.7,
    theta_reinit=0.5,
    feedback=0.1,
    kernel=[(0.6, 5.0), (0.4, 0.1)],
    bins=[2, 100],
    sizes={(0, 0, 1): [(10, 0.5), (25, 0.5)], (0, 2, 0): [(3, 0.3), (40, 0.7)], (1, 1, 0): [(2, 1.0)]},
)

COUPLED = replace(
    THREE,
    classes=(2, 5),
    seeing={
        (0, "empty"): ([3.0] * (MOST + 1), [0.1 * n for n in UNITS], [0.1] * (MOST + 1)),
        (0, "small"): ([0.5] * (MOST + 1), [0.5 * n for n in UNITS], [2.0] * (MOST + 1)),
        (0, "large"): ([2.0] * (MOST + 1), [0.2 * n for n in UNITS], [0.3] * (MOST + 1)),
        (1, "empty"): ([0.3] * (MOST + 1), [0.1 * n for n in UNITS], [1.5] * (MOST + 1)),
        (2, "empty"): ([0.1] * (MOST + 1), [0.3 * n for n in UNITS], [0.7] * (MOST + 1)),
    },
    drawn={0: [0.0, 1.0, 2.0, *[0.5] * (MOST - 2)]},
)
"""Model II with price moves: the first queues look at each other, the others at whether the first is there"""


def agent_of(queues: Queues) -> Agent:
    """The market as the compiled floor takes it; everything is drawn at the first moment."""
    count = len(queues.unit)
    laws = {(i, e, b): queues.law(i, e, b) for i in range(count) for e in range(3) for b in range(len(queues.bins))}
    points = max(map(len, laws.values()))
    numbers: list[float] = [count, len(queues.add[0]) - 1, queues.theta, queues.theta_reinit, queues.feedback]
    numbers += [len(queues.kernel), len(queues.bins), points]
    seen = CLASSES if queues.seeing else CLASSES[:1]
    numbers += [len(seen), *queues.classes, *queues.unit]
    tables = queues.add, queues.cancel, queues.market
    for regime in seen:
        for event in range(3):
            for i in range(count):
                numbers += queues.seeing[i, regime][event] if (i, regime) in queues.seeing else tables[event][i]
    for i in range(count):
        numbers += np.cumsum(queues.drawn_law(i)).tolist()
    numbers += queues.bins
    numbers += [weight for weight, _ in queues.kernel] + [decay for _, decay in queues.kernel]
    for law in laws.values():
        padded: Law = law + [law[-1]] * (points - len(law))
        shares = np.cumsum([share for _, share in law]).tolist() + [1.0] * (points - len(law))
        numbers += [lots for lots, _ in padded] + shares
    memory = [START, -1e300, 1.0, 0.0, 0.0, *[-2.0] * (2 * count), *[0.0] * (len(queues.kernel) + 6 * count)]
    return AgentKind.QUEUE_REACTIVE, numbers, memory


def family_of(queues: Queues) -> QueueReactive:
    """The market as a preset tells it."""
    told = []
    for i, unit in enumerate(queues.unit):
        tables = {"entering": queues.add[i], "dying": queues.cancel[i], "taking": queues.market[i]}
        seeing = {
            regime: dict(zip(tables, rates, strict=True)) for (k, regime), rates in queues.seeing.items() if k == i
        }
        laws = {}
        for event, name in enumerate(tables):
            by_bin = [queues.law(i, event, place) for place in range(len(queues.bins))]
            laws[f"{name}_sizes"] = [{"lots": [n for n, _ in law], "weights": [w for _, w in law]} for law in by_bin]
        told.append({"unit": unit, **tables, **laws, "seeing": seeing, "drawn": queues.drawn.get(i)})
    return QueueReactive.model_validate(
        {
            "family": "queue_reactive",
            "queues": told,
            "most": MOST,
            "theta": queues.theta,
            "theta_reinit": queues.theta_reinit,
            "classes": queues.classes,
            "bins": queues.bins,
            "feedback": queues.feedback,
            "memory_weights": [weight for weight, _ in queues.kernel],
            "memory_seconds": [1 / decay for _, decay in queues.kernel],
        }
    )


@pytest.mark.parametrize("queues", [ONE, THREE, COUPLED])
def test_a_preset_tells_the_numbers_that_the_compiled_floor_reads(queues: Queues) -> None:
    family = family_of(queues)
    setting = Setting(start_ticks=START, begin_ns=0, open_ns=0, close_ns=1)
    kind, numbers, memory = agent_of(queues)
    assert family.agent_kind == kind
    assert family.numbers(setting) == pytest.approx(numbers)
    assert family.memory(setting) == list(memory)


def takers(rate: float, size: int) -> Agent:
    """A flow that only takes."""
    return AgentKind.CONT_STOIKOV_TALREJA, [1, rate, size, 0.0, 0.0], [START, START]


@pytest.mark.parametrize(
    "queues", [ONE, THREE, COUPLED, replace(THREE, theta=1.0, theta_reinit=0.0, feedback=0.0, kernel=[])]
)
def test_every_event_is_that_of_the_slow_twin(queues: Queues, limit: Callable[[int, int], int]) -> None:
    events = limit(600, 80)
    scene = run_events(flow_scene([agent_of(queues)], 5, logging=True), events)
    market = FlowMarket()
    run_flows(market, [TwinQueueReactive(market, 0, 5, START, queues)], events)
    assert market.rows == rows_of(scene)


def test_the_reference_follows_whoever_moves_the_mid(limit: Callable[[int, int], int]) -> None:
    events = limit(800, 100)
    taker = takers(0.4, 30)
    scene = run_events(flow_scene([agent_of(THREE), taker], 6, logging=True), events)
    market = FlowMarket()
    twin = TwinQueueReactive(market, 0, 6, START, THREE)
    other = TwinContStoikovTalreja(market, 1, 6, START, [0.0], [0.0], 0.4)
    other.size = 30
    run_flows(market, [twin, other], events)
    assert market.rows == rows_of(scene)
    assert twin.reference == scene.crowd.memory[REFERENCE] != START


def test_the_law_of_the_example_is_the_published_one() -> None:
    assert np.abs(np.array(ONE.stationary(0)[:5]) - EXAMPLE).max() < 6e-5


def _sampled(scene_of: Agent, samples: int, every_ns: int, seed: int) -> np.ndarray:
    """Orders of both first queues, seen so often at equal distances."""
    scene = run_events(flow_scene([scene_of], seed), 2)
    found = []
    for sample in range(1, samples + 1):
        scene = run_events(scene, 10**6, sample * every_ns)
        found += [orders_at(scene, Side.BUY, START), orders_at(scene, Side.SELL, START + 1)]
    return np.array(found)


def test_a_queue_has_its_stationary_law(small: bool) -> None:
    if small:
        pytest.skip("statistics need compiled speed")
    seen = _sampled(agent_of(ONE), 3000, 6 * SECOND_NS, 9)
    expected = np.array(ONE.stationary(0)[:5]) * len(seen)
    counted = np.bincount(np.minimum(seen, 5), minlength=6)
    error = np.sqrt(expected * (1 - expected / len(seen)))
    assert (np.abs(counted[:5] - expected) < 3 * error).all()
    assert chisquare(counted, [*expected, len(seen) - expected.sum()]).pvalue > 0.01


FULL = 3
TWO = Queues(
    unit=[1, 1],
    add=[[1.2] * FULL + [0.0], [0.9] * FULL + [0.0]],
    cancel=[[0.5 * n for n in range(FULL + 1)], [0.4 * n for n in range(FULL + 1)]],
    market=[[0.8] * (FULL + 1), [0.5] * (FULL + 1)],
    classes=(1, 2),
    seeing={
        (0, "empty"): ([3.0] * FULL + [0.0], [0.2] * (FULL + 1), [0.1] * (FULL + 1)),
        (0, "small"): ([0.6] * FULL + [0.0], [0.9] * (FULL + 1), [1.5] * (FULL + 1)),
        (0, "large"): ([2.5] * FULL + [0.0], [0.3] * (FULL + 1), [0.2] * (FULL + 1)),
        (1, "empty"): ([0.2] * FULL + [0.0], [0.2] * (FULL + 1), [2.0] * (FULL + 1)),
    },
)
"""Two queues a side of at most three orders, all of them looking at others"""


def test_queues_that_look_at_each_other_have_the_law_of_their_matrix(small: bool) -> None:
    if small:
        pytest.skip("statistics need compiled speed")
    kind, numbers, memory = agent_of(TWO)
    scene = flow_scene([(kind, numbers, [*memory[:2], 0.0, *memory[3:]])], 11)
    places = [(Side.BUY, START), (Side.BUY, START - 1), (Side.SELL, START + 1), (Side.SELL, START + 2)]
    counted = np.zeros([FULL + 1] * 4)
    samples = 6000
    for sample in range(1, samples + 1):
        scene = run_events(scene, 10**6, sample * 8 * SECOND_NS)
        counted[tuple(orders_at(scene, *place) for place in places)] += 1
    law = law_of_model_two(TWO, FULL)
    alone = law_of_model_two(replace(TWO, seeing={}), FULL)
    for others in ((1, 3), (2, 3), (0, 2)):  # both first queues; both of the bids; both second ones
        found = counted.sum(others).ravel()
        assert chisquare(found, samples * law.sum(others).ravel()).pvalue > 0.01
        assert chisquare(found, samples * alone.sum(others).ravel()).pvalue < 1e-6


def test_the_law_of_the_matrix_is_the_product_of_what_does_not_look_at_others() -> None:
    """Without market orders at the second queues nothing couples them."""
    free = replace(TWO, seeing={}, market=[TWO.market[0], [0.0] * (FULL + 1)])
    first, second = np.array(free.stationary(0)), np.array(free.stationary(1))
    product = np.einsum("a,b,c,d->abcd", first, second, first, second)
    assert np.abs(law_of_model_two(free, FULL) - product).max() < 1e-12


def _drawn_sizes(seeds: Sequence[int]) -> np.ndarray:
    """Units of the first queues right after they were drawn."""
    found = []
    for seed in seeds:
        rows = rows_of(run_events(flow_scene([agent_of(ONE)], seed, logging=True), 1))
        lots = {row[2]: row[4] for row in rows}
        found += [lots.get(0, 0), lots.get(1, 0)]
    return np.array(found)


def test_queues_are_drawn_from_the_stationary_law_by_orders(limit: Callable[[int, int], int]) -> None:
    seen = _drawn_sizes(range(limit(400, 40)))
    expected = np.array(ONE.stationary(0)[:5]) * len(seen)
    counted = np.bincount(np.minimum(seen, 5), minlength=6)[:5]
    assert (np.abs(counted - expected) < 3 * np.sqrt(expected)).all()


@pytest.mark.parametrize("theta", [0.0, 0.35, 1.0])
def test_the_reference_follows_with_probability_theta(theta: float, limit: Callable[[int, int], int]) -> None:
    """A taker empties a first queue, and nothing else happens."""
    seeds = limit(250, 40)
    nothing = [[0.0] * (MOST + 1)] * 2
    still = Queues([1, 1], nothing, [[0.0] + [1e-9] * MOST] * 2, nothing, theta=theta)
    kind, numbers, memory = agent_of(still)
    agents = [(kind, numbers, [*memory[:2], 0.0, *memory[3:]]), takers(1.0, 1)]
    book = [(Side.BUY, START, 1), (Side.SELL, START + 1, 1), (Side.BUY, START - 1, 9), (Side.SELL, START + 2, 9)]
    moved = []
    for seed in range(seeds):
        scene = run_events(flow_scene(agents, seed, opening=book), 2)
        up = scene.world.book.sides[0]["best_key"] == -START
        moved.append((scene.crowd.memory[REFERENCE] - START) * (1 if up else -1))
    assert set(moved) <= {0.0, 1.0}
    assert abs(np.mean(moved) - theta) <= 3 * np.sqrt(theta * (1 - theta) / seeds)


def test_feedback_makes_trades_against_recent_ones_likelier(limit: Callable[[int, int], int]) -> None:
    events = limit(6000, 300)
    flat = Queues([1], [[0.0] * (MOST + 1)], [[0.0] * (MOST + 1)], [[1.0] * (MOST + 1)], kernel=[(1.0, 0.0)])
    book = [(Side.BUY, START, 10**6), (Side.SELL, START + 1, 10**6)]

    def imbalance(feedback: float) -> float:
        kind, numbers, memory = agent_of(replace(flat, feedback=feedback))
        memory = [*memory[:2], 0.0, *memory[3:]]
        scene = run_events(flow_scene([(kind, numbers, memory)], 4, opening=book, logging=True), events)
        rows = [row for row in rows_of(scene) if row[1] == Kind.EXECUTE]
        assert len(rows) == events
        return abs(sum(1 if row[2] else -1 for row in rows))

    assert imbalance(1.0) < 12
    assert imbalance(0.0) < 4 * np.sqrt(events)
