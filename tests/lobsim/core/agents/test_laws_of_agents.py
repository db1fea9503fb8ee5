"""What agents draw follows the laws that are said of them: sizes, wake times, fundamental value, places."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from lobsim.core.agents.fundamental import act_fundamental, fundamental_now
from lobsim.core.agents.order_sizes import draw_order_size
from lobsim.core.agents.places import give_delays
from lobsim.core.agents.state import AGENT
from lobsim.core.chance import begin_event, key_of
from lobsim.core.jit import borrow, borrow_array, kernel
from lobsim.types import AgentKind
from tests.oracle.agents.chance import Chance, splitmix64
from tests.oracle.agents.slow_background import order_size
from tests.support.scenes import Entry, new_scene, run_scene

SECOND = 10**9
DAY = 23_400 * SECOND


@kernel
def _many_sizes(agents, sizes):
    """sizes[k] of the k-th event of agents[0]."""
    agents = borrow_array(agents)
    for k in range(len(sizes)):
        begin_event(agents[0])
        sizes[k] = draw_order_size(agents[0])


@kernel
def _path(scene, index, times, values):
    """The fundamental value at each time, of an agent that begins at 0."""
    scene = borrow(scene)
    scene.world.head[0]["now_ns"] = 0
    begin_event(scene.crowd.agents[index])
    act_fundamental(scene, index)
    for k in range(len(times)):
        scene.world.head[0]["now_ns"] = times[k]
        values[k] = fundamental_now(scene, index)


def sizes_of(count: int, seed: int = 3) -> np.ndarray:
    """So many order sizes."""
    agents = np.zeros(1, AGENT)
    agents["key"] = key_of(seed, 0)
    sizes = np.zeros(count, np.int64)
    _many_sizes(agents, sizes)
    return sizes


def test_order_sizes_are_those_of_the_slow_twin() -> None:
    chance = Chance(3, 0)
    expected = []
    for _ in range(400):
        chance.begin()
        expected.append(order_size(chance))
    assert expected == sizes_of(400).tolist()


def test_order_sizes_follow_the_mixture(limit: Callable[[int, int], int]) -> None:
    count = limit(400_000, 4_000)
    sizes = sizes_of(count)
    edges = {100: 0.7, 200: 0.06, 300: 0.004, 400: 0.0329, 500: 0.001, 600: 6e-4, 700: 4e-4, 800: 5e-4, 900: 3e-4}

    def lognormal(size: int) -> float:
        """The share of a size that comes from the lognormal part."""
        upper, lower = (stats.norm.cdf((math.log(size + half) - 2.9) / 1.2) for half in (0.5, -0.5))
        return 0.2 * float(upper - lower)

    for size, share in (edges | {1000: 3e-4}).items():
        share += lognormal(size)
        error = math.sqrt(share * (1 - share) / count)
        assert abs(np.mean(sizes == size) - share) < 4 * error, size
    rest = np.log(sizes[(sizes < 100) & (sizes > 3)])
    grid = np.arange(4, 100)
    weights = np.array([lognormal(int(size)) for size in grid])
    mean = float((weights * np.log(grid)).sum() / weights.sum())
    deviation = math.sqrt(float((weights * np.log(grid) ** 2).sum() / weights.sum()) - mean**2)
    assert abs(rest.mean() - mean) < 4 * deviation / math.sqrt(len(rest))
    assert abs(sizes.mean() - 105.9) < 4 * sizes.std() / math.sqrt(count) + 0.1
    assert sizes.min() >= 1


def test_noise_wakes_by_the_u_quadratic_law(limit: Callable[[int, int], int]) -> None:
    count = limit(4_000, 300)
    begin, end = 0, 25_200 * SECOND
    scene = new_scene([Entry(AgentKind.NOISE, (begin, end), count=count)], start_ns=0, log=False)
    scene = run_scene(scene, 0)
    waits = scene.crowd.waits.waits
    times = np.sort(waits["ts_ns"][waits["ref"] < 0])[-count:] / end
    assert len(times) == count

    def below(x: np.ndarray) -> np.ndarray:
        """The law: density 12 (x - 1/2)^2."""
        return 4 * ((x - 0.5) ** 3 + 0.125)

    assert stats.kstest(times, below).pvalue > 0.001


def test_who_would_wake_before_the_start_wakes_at_the_start(limit: Callable[[int, int], int]) -> None:
    count = limit(1_000, 300)
    law = (-1_800 * SECOND, 23_400 * SECOND)
    scene = run_scene(new_scene([Entry(AgentKind.NOISE, law, count=count)], log=False), 0)
    waits = scene.crowd.waits.waits
    times = waits["ts_ns"][1 : 1 + count]
    share = 4 * ((1_800 / 25_200 - 0.5) ** 3 + 0.125)
    assert times.min() >= 0
    assert abs(np.mean(times < 100) - share) < 4 * math.sqrt(share * (1 - share) / count)


def ends(numbers: tuple[float, ...], asked: list[int], paths: int) -> np.ndarray:
    """The value at the last of these times, over many seeds."""
    values = np.zeros(len(asked))
    found = np.zeros(paths)
    times = np.array(asked, np.int64)
    scene = new_scene([Entry(AgentKind.FUNDAMENTAL, numbers, memory=1)], log=False)
    scene = run_scene(scene, 0)
    blank = scene.crowd.agents.copy()
    for path in range(paths):
        scene.crowd.agents[:] = blank
        scene.crowd.agents["key"] = key_of(np.int64(1000 + path), np.int64(0))
        _path(scene, 0, times, values)
        found[path] = values[-1]
    return found


def assert_normal(found: np.ndarray, mean: float, variance: float) -> None:
    """Mean and variance within four standard errors, and the shape."""
    assert abs(found.mean() - mean) < 4 * math.sqrt(variance / len(found))
    assert abs(found.var() - variance) < 4 * variance * math.sqrt(2 / len(found))
    assert stats.kstest((found - mean) / math.sqrt(variance), "norm").pvalue > 0.001


@pytest.mark.parametrize(
    "asked", [[600], [1, 2, 10, 599, 600], list(range(60, 601, 60))], ids=["once", "oddly", "often"]
)
def test_the_fundamental_has_its_exact_law_however_often_it_is_asked(
    asked: list[int], limit: Callable[[int, int], int]
) -> None:
    mean, start, reversion, volatility = 1000.0, 1100.0, 0.002, 1.5
    found = ends((mean, start, reversion, volatility, 0.0, 0.0, 0.0), [s * SECOND for s in asked], limit(5_000, 300))
    decay = math.exp(-reversion * 600)
    assert_normal(found, mean + (start - mean) * decay, volatility**2 * (1 - decay**2) / (2 * reversion))


def test_a_fundamental_that_hardly_reverts_spreads_like_a_walk(limit: Callable[[int, int], int]) -> None:
    volatility = 5e-5 * math.sqrt(1e9)
    found = ends((1e5, 1e5, 1.67e-7, volatility, 2.78e-9, 1000.0, 5e4), [DAY // 2, DAY], limit(5_000, 300))
    assert_normal(found, 1e5, volatility**2 * 23_400 * (1 - 1.67e-7 * 23_400))


def test_shocks_add_their_variance(limit: Callable[[int, int], int]) -> None:
    """Without noise and reversion the value is a sum of shocks: rate * time of them, each of mean 0 and second moment mean^2 + variance."""
    paths, rate, shock, variance = limit(4_000, 300), 0.01, 40.0, 100.0
    found = ends((1e4, 1e4, 0.0, 0.0, rate, shock, variance), [100 * SECOND, 500 * SECOND], paths)
    spread = rate * 500 * (shock**2 + variance)
    fourth = rate * 500 * (shock**4 + 6 * shock**2 * variance + 3 * variance**2)
    assert abs(found.mean() - 1e4) < 4 * math.sqrt(spread / paths)
    assert abs(found.var() - spread) < 4 * math.sqrt((fourth + 2 * spread**2) / paths)
    assert abs(np.mean(found == 1e4) - math.exp(-5)) < 4 * math.sqrt(math.exp(-5) / paths)


def test_shocks_decay_with_the_rest(limit: Callable[[int, int], int]) -> None:
    paths, rate, reversion = limit(4_000, 300), 0.02, 0.01
    found = ends((1e4, 1e4, reversion, 0.0, rate, 30.0, 0.0), [300 * SECOND], paths)
    spread = rate * 900 * (1 - math.exp(-2 * reversion * 300)) / (2 * reversion)
    assert abs(found.var() - spread) < 0.1 * spread * math.sqrt(4_000 / paths)


def test_the_fundamental_is_never_seen_below_zero() -> None:
    found = ends((10.0, 10.0, 0.0, 5.0, 0.0, 0.0, 0.0), [100 * SECOND], 200)
    assert found.min() == 0.0
    assert found.max() > 10.0


def test_asked_twice_at_one_instant_the_fundamental_is_the_same() -> None:
    scene = run_scene(new_scene([Entry(AgentKind.FUNDAMENTAL, (10.0, 10.0, 0.1, 5.0, 0.1, 3.0, 1.0), memory=1)]), 0)
    values = np.zeros(2)
    _path(scene, 0, np.array([SECOND, SECOND]), values)
    assert values[0] == values[1] != 10.0


def test_delays_are_distances_on_a_line_from_the_venue() -> None:
    agents = np.zeros(500, AGENT)
    give_delays(agents, np.int64(11), 100, 500, 12_900_000, 50)

    def place(number: int) -> float:
        chance = Chance(11 ^ 0x706C61636573, number)
        chance.begin()
        return chance.uniform()

    expected = [int(abs(place(index) - place(-1)) * 12_900_000) for index in range(100, 500)]
    assert expected == agents["feed_ns"][100:].tolist() == agents["answer_ns"][100:].tolist()
    assert [delay + 50 for delay in expected] == agents["order_ns"][100:].tolist()
    assert agents["hears"].tolist() == [0] * 100 + [1] * 400
    assert not agents["events"].any() and not agents["order_ns"][:100].any()
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # the generator's published first number
