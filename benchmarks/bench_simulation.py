"""Simulated markets: messages per second of every preset and of agents written in Python, what sleeping agents cost, and many markets in a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from execution.agents import Group, MarketAgents
from execution.algorithm import Cancel, ChildOrder, Command, Limit, View, WakeAt
from lobsim.simulation import Preset, Simulation, load_preset, preset_names
from lobsim.simulation.batch import Scenes
from lobsim.simulation.outside import REPLY, REPLY_CANCEL, REPLY_LIMIT, Outside, wakes_at
from lobsim.simulation.paired import with_agents
from lobsim.types import NONE_PRICE, Side

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


class _Noise:
    """A Python agent: a limit order near the best price of a random side, and the one before it cancelled."""

    def __init__(self, seed: int, mean_ns: float, every_ns: int = 0) -> None:
        self.chance, self.mean_ns, self.every_ns = Random(seed), mean_ns, every_ns

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterator[Command]:
        """Once in a while."""
        for order in orders:
            yield Cancel(order.order)
        side = Side(self.chance.getrandbits(1))
        price = view.best_ask_ticks if side == Side.BUY else view.best_bid_ticks
        if price is not None:
            away = self.chance.getrandbits(3)
            yield Limit(price - away if side == Side.BUY else price + away, 1, side=side)
        yield WakeAt(view.now_ns + (self.every_ns or 1 + int(self.chance.expovariate(1.0) * self.mean_ns)))


class _NoiseInArrays:
    """The same rule for many agents, who all look at the market at the same instants."""

    def __init__(self, seed: int, every_ns: int) -> None:
        self.chance, self.every_ns = np.random.default_rng(seed), every_ns

    def on_wake_all(self, asked: np.ndarray, opens: np.ndarray) -> np.ndarray:
        """All at once."""
        n = len(asked)
        side = self.chance.integers(0, 2, n)
        away = self.chance.integers(0, 8, n)
        price = np.where(side == Side.BUY, asked["ask_ticks"] - away, asked["bid_ticks"] + away)
        quoting = (asked["ask_ticks"] != NONE_PRICE) & (asked["bid_ticks"] != NONE_PRICE)
        cancels = np.zeros(len(opens), REPLY)
        cancels["agent"] = np.repeat(asked["agent"], asked["open_orders"])
        cancels["kind"], cancels["order"] = REPLY_CANCEL, opens["order"]
        limits = np.zeros(n, REPLY)
        limits["agent"], limits["kind"], limits["side"] = asked["agent"], REPLY_LIMIT, side
        limits["price_ticks"], limits["size_lots"] = price, 1
        return np.concatenate(
            [cancels, limits[quoting], wakes_at(asked["agent"], int(asked["now_ns"][0]) + self.every_ns)]
        )


@pytest.mark.parametrize("how", ["one by one", "at the same instants", "in arrays"])
def test_agents_written_in_python(benchmark: Any, how: str) -> None:
    """A thousand Python agents in a market with 20 compiled events a second: each wakes once a second, in the last two ways all at the same instants."""
    count, seconds = 1000, 20
    delays = {"order": "1ms", "answer": "1ms", "feed": "1ms"}
    places = Outside(family="outside", count=count, **delays)  # type: ignore[arg-type]
    simulation = Simulation(with_agents(_without_warmup(load_preset("zi")), places), 7, duration_ns=seconds * SECOND)

    def setup() -> tuple[tuple[Any], dict[str, Any]]:
        alone = [_Noise(k, 1e9, SECOND if how == "at the same instants" else 0) for k in range(count)]
        members = [Group(_NoiseInArrays(7, SECOND), count)] if how == "in arrays" else alone
        return (simulation.start(decider=MarketAgents(members)),), {}

    counts = []

    def run(market: Any) -> None:
        before = market.counts
        market.advance(simulation.info.session_end_ns)
        counts.append((market.counts.messages - before.messages, market.counts.wakes - before.wakes))

    benchmark.pedantic(run, setup=setup, rounds=3, warmup_rounds=1)
    assert len(set(counts)) == 1 and counts[0][1] > count
    benchmark.extra_info["messages"], benchmark.extra_info["wakes"] = counts[0]
    benchmark.extra_info["messages_per_s"] = round(counts[0][0] / benchmark.stats.stats.min)
