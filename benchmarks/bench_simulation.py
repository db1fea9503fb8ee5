"""Simulated markets: messages per second of every preset, what sleeping agents cost, and many markets in a batch."""

from __future__ import annotations

from typing import Any

import pytest

from lobsim.simulation import Preset, Simulation, load_preset, preset_names
from lobsim.simulation.batch import Scenes

SECOND = 10**9
_HALF_HOUR = ("zi", "lmf", "martingale")
"""Of these half an hour says as much as a day."""


def _without_warmup(preset: Preset) -> Preset:
    return preset.model_copy(update={"session": preset.session.model_copy(update={"warmup": 0})})


@pytest.mark.parametrize("name", preset_names())
def test_a_session(benchmark: Any, name: str) -> None:
    """A session of a preset as a market without anybody's log; `messages_per_s` of the fastest round."""
    simulation = Simulation(load_preset(name), 7, duration_ns=1800 * SECOND if name in _HALF_HOUR else None)
    counts = []

    def setup() -> tuple[tuple[Any], dict[str, Any]]:
        return (simulation.start(),), {}

    def run(market: Any) -> None:
        before = market.counts.messages
        market.advance(simulation.info.session_end_ns)
        counts.append(market.counts.messages - before)

    benchmark.pedantic(run, setup=setup, rounds=5, warmup_rounds=1)
    assert len(set(counts)) == 1 and counts[0] > 0
    benchmark.extra_info["messages"] = counts[0]
    benchmark.extra_info["messages_per_s"] = round(counts[0] / benchmark.stats.stats.min)


@pytest.mark.parametrize("count", [1_000, 10_000, 100_000])
def test_agents_who_wake_once(benchmark: Any, count: int) -> None:
    """The day of rmsc04 with so many noise agents: what one more message costs when many wait."""
    preset = load_preset("rmsc04")
    agents = tuple(
        family.model_copy(update={"count": count}) if family.family == "noise" else family for family in preset.agents
    )
    simulation = Simulation(preset.model_copy(update={"agents": agents}), 7)
    runs = []

    def setup() -> tuple[tuple[Any], dict[str, Any]]:
        return (simulation.start(),), {}

    def run(market: Any) -> None:
        market.advance(simulation.info.session_end_ns)
        runs.append(market)

    benchmark.pedantic(run, setup=setup, rounds=3, warmup_rounds=1)
    messages = runs[-1].counts.messages
    crowd = runs[-1].scene.crowd
    nbytes = sum(part.nbytes for part in crowd if not isinstance(part, tuple)) + sum(p.nbytes for p in crowd.waits)
    assert messages > count
    benchmark.extra_info["ns_per_message"] = round(benchmark.stats.stats.min / messages * 1e9, 1)
    benchmark.extra_info["crowd_bytes_per_agent"] = round(nbytes / len(crowd.agents))


@pytest.mark.parametrize("count", [1, 100, 1_000])
def test_many_markets(benchmark: Any, count: int) -> None:
    """A minute of so many zero-intelligence markets in one batch, one thread."""
    preset = _without_warmup(load_preset("zi"))
    simulation = Simulation(preset, 0)
    begin_ns = simulation.info.session_start_ns
    scenes = [Simulation(preset, seed).start().scene for seed in range(count)]
    end_ns = begin_ns + 60 * SECOND // min(count, 100)

    def setup() -> tuple[tuple[Any], dict[str, Any]]:
        return (Scenes(scenes),), {}

    batches = []

    def run(batch: Any) -> None:
        batch.advance(end_ns, threads=1)
        batches[:] = [batch]

    benchmark.pedantic(run, setup=setup, rounds=3, warmup_rounds=1)
    requests = sum(int(scene.crowd.head[0]["requests"]) for scene in batches[0]) - sum(
        int(scene.crowd.head[0]["requests"]) for scene in scenes
    )
    assert requests > 0
    benchmark.extra_info["ns_per_request"] = round(benchmark.stats.stats.min / requests * 1e9, 1)
