"""Random numbers of the crowd: the laws they follow, and that nothing is carried from one event to the next."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from lobsim.core.agents.state import AGENT
from lobsim.core.chance import (
    begin_event,
    draw_below,
    draw_exponential,
    draw_geometric,
    draw_normal,
    draw_pareto,
    draw_poisson,
    draw_uniform,
    draw_word,
    key_of,
    normal_quantile,
)
from lobsim.core.jit import kernel

DRAWS = {
    "uniform": (0, 0.0, stats.uniform()),
    "exponential": (1, 0.0, stats.expon()),
    "normal": (2, 0.0, stats.norm()),
    "pareto": (3, 1.5, stats.pareto(1.5)),
    "geometric": (4, 0.2, stats.geom(0.2, loc=-1)),
    "poisson": (5, 7.5, stats.poisson(7.5)),
    "below": (6, 10.0, stats.randint(0, 10)),
}


@kernel
def sample(agents, law, parameter, out):
    """Fill out with draws of one law, one event each.  agents: AGENT [1]"""
    agent = agents[0]
    for i in range(len(out)):
        begin_event(agent)
        if law == 0:
            out[i] = draw_uniform(agent)
        elif law == 1:
            out[i] = draw_exponential(agent)
        elif law == 2:
            out[i] = draw_normal(agent)
        elif law == 3:
            out[i] = draw_pareto(agent, parameter)
        elif law == 4:
            out[i] = draw_geometric(agent, parameter)
        elif law == 5:
            out[i] = draw_poisson(agent, parameter)
        else:
            out[i] = draw_below(agent, np.int64(parameter))


@kernel
def words(agents, events, count, out):
    """The first draws of the event after so many."""
    agent = agents[0]
    agent["events"] = events
    begin_event(agent)
    for i in range(count):
        out[i] = draw_word(agent)


def agent_of(seed: int, index: int = 0) -> np.ndarray:
    agents = np.zeros(1, AGENT)
    agents[0]["key"] = key_of(seed, index)
    return agents


@pytest.mark.parametrize("law", DRAWS)
def test_draws_follow_their_law(law: str, limit: Callable[[int, int], int]) -> None:
    code, parameter, expected = DRAWS[law]
    out = np.zeros(limit(100_000, 2_000))
    sample(agent_of(11), code, parameter, out)
    if hasattr(expected.dist, "pmf"):
        values, counts = np.unique(out, return_counts=True)
        kept = expected.pmf(values) * len(out) > 10
        rest = len(out) - counts[kept].sum()
        wanted = np.append(expected.pmf(values[kept]), 1 - expected.pmf(values[kept]).sum()) * len(out)
        found = np.append(counts[kept], rest)
        assert stats.chisquare(found[wanted > 5], wanted[wanted > 5], sum_check=False).pvalue > 1e-3
    else:
        assert stats.kstest(out, expected.cdf).pvalue > 1e-3


def test_successive_events_and_agents_are_independent(limit: Callable[[int, int], int]) -> None:
    count = limit(100_000, 2_000)
    one, other = np.zeros(count), np.zeros(count)
    sample(agent_of(5, 0), 2, 0.0, one)
    sample(agent_of(5, 1), 2, 0.0, other)
    bound = 4 / np.sqrt(count)
    assert abs(np.corrcoef(one, other)[0, 1]) < bound
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < bound
    assert abs(np.corrcoef(np.abs(one[1:]), np.abs(one[:-1]))[0, 1]) < bound


def test_an_event_draws_the_same_whatever_came_before() -> None:
    agents, again = agent_of(3), agent_of(3)
    first, second = np.zeros(4, np.uint64), np.zeros(4, np.uint64)
    words(agents, 41, 4, first)
    words(again, 7, 2, np.zeros(4, np.uint64))
    words(again, 41, 4, second)
    assert first.tolist() == second.tolist()
    assert len(set(first.tolist())) == 4


def test_known_words() -> None:
    out = np.zeros(2, np.uint64)
    words(agent_of(0), 0, 2, out)
    assert out.tolist() == known_words(seed=0, index=0, event=1)


def known_words(seed: int, index: int, event: int) -> list[int]:
    """The published splitmix64 in Python integers, applied as the module says."""

    def mixed(value: int) -> int:
        z = (value + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    stream = mixed(mixed(mixed(seed) ^ index) ^ event)
    return [mixed(stream ^ draw) for draw in (1, 2)]


def test_normal_quantiles_agree_with_the_library() -> None:
    p = np.concatenate([np.linspace(1e-9, 1 - 1e-9, 999), 10.0 ** -np.arange(1, 300, 7)])
    found = np.array([normal_quantile(value) for value in p])
    assert np.allclose(found, stats.norm.ppf(p), rtol=1e-14, atol=1e-15)
