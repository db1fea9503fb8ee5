"""A crowd and a recorded tape in one book: beside the slow replay, to which the crowd's orders are own orders; and what is written down of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from lobsim.core.agents.making import begin_scene, new_crowd
from lobsim.core.agents.state import AGENT, REPLY_CANCEL, REPLY_LIMIT, REPLY_MARKET, REPLY_WAKE, Scene
from lobsim.core.world_hash import world_hash
from lobsim.feeds.schema import Dataset, validate
from lobsim.simulation import SimulationRun
from lobsim.simulation.market import events_of
from lobsim.simulation.outside import REPLY
from lobsim.types import NEVER, AgentKind, CrossPolicy, Fidelity, Kind, SurplusPolicy, TimeInForce
from tests.execution.steady_market import info_of
from tests.oracle import prepare
from tests.oracle.agents.beside_a_tape import CROWD, SlowMixture
from tests.oracle.replay_l3 import OracleReplay
from tests.oracle.streams import random_history
from tests.support.participants import post
from tests.support.traces import Queues, assert_replays, run_traced
from tests.support.worlds import BUY, SELL, Ledger, Venue

AGENTS = 3


def beside(history: np.ndarray, agents: int, kind: AgentKind = AgentKind.OUTSIDE, **settings: Any) -> SimulationRun:
    """A run at the first row of a history, with so many agents without delays."""
    world = Venue(history, listens=True, **settings).world
    base = int(max(history["order_id"].max(), history["other_id"].max()))
    crowd = new_crowd(made_agents(agents, kind), np.zeros(0), np.zeros(3 * agents), 1, 0, base=base)
    scene = Scene(world, crowd)
    begin_scene(scene, int(history["ts_ns"][0]) - 1)
    return SimulationRun(scene)


def made_agents(count: int, kind: AgentKind) -> np.ndarray:
    """Agents without delays."""
    agents = np.zeros(count, AGENT)
    agents["kind"], agents["memory"] = kind, 3 * np.arange(count)
    return agents


class Stream:
    """Agents who send at random, to a run and to its slow twin at once, and compare the two before they do."""

    def __init__(self, run: SimulationRun, twin: SlowMixture, seed: int, history: np.ndarray, turns: int) -> None:
        self.run, self.twin, self.history = run, twin, history
        self.chance = np.random.default_rng(seed)
        times = self.chance.choice(history["ts_ns"], turns) + self.chance.choice([0, 0, 1_000_000], turns)
        self.turns = [sorted({int(ts) for ts in times[k::AGENTS]}) for k in range(AGENTS)]
        self.orders = 0

    def __call__(self, run: SimulationRun) -> None:
        said = []
        for entry in run.asked:
            agent, now_ns = int(entry["agent"]), int(entry["now_ns"])
            if self.turns[agent] and self.turns[agent][0] == now_ns:
                self.turns[agent].pop(0)
                self.compare(now_ns)
                said += [self.act(agent, now_ns) for _ in range(int(self.chance.integers(1, 4)))]
            if self.turns[agent]:
                said.append((agent, REPLY_WAKE, 0, 0, 0, 0, 0, self.turns[agent][0]))
        run.reply(np.array(said, REPLY))

    def act(self, agent: int, now_ns: int) -> tuple[int, ...]:
        """One request, which reaches the slow twin here."""
        what = int(self.chance.integers(8))
        if what < 2 and self.orders:
            number = int(self.chance.integers(max(0, self.orders - 12), self.orders))
            if self.twin.owners[number] == agent:
                self.twin.cancel(number, now_ns)
            return agent, REPLY_CANCEL, 0, 0, 0, 0, int(self.run.scene.crowd.head[0]["base"]) + 1 + number, 0
        self.orders += 1
        side, size = int(self.chance.integers(2)), int(self.chance.choice([1, 10, 40, 100, 300]))
        price = self.price(now_ns) + int(self.chance.integers(-3, 4))
        tif = int(self.chance.choice([TimeInForce.GTC] * 4 + [TimeInForce.IOC, TimeInForce.FOK]))
        self.twin.send(agent, now_ns, side, price, size, market=what == 7, tif=tif)
        if what == 7:
            return agent, REPLY_MARKET, side, 0, size, 0, 0, 0
        return agent, REPLY_LIMIT, side, price, size, tif, 0, 0

    def price(self, now_ns: int) -> int:
        """Where history stands."""
        place = max(0, int(np.searchsorted(self.history["ts_ns"], now_ns, "right")) - 1)
        priced = self.history[: place + 1]
        return int(priced[priced["price_ticks"] > 0]["price_ticks"][-1])

    def compare(self, ts_ns: int) -> None:
        """Both books are the same, order by order, and so is what agents have."""
        self.twin.run_to(ts_ns)
        crowd = self.run.scene.crowd
        venue = Venue.around(self.run.world)
        for side in (BUY, SELL):
            assert [(price, self.named(queue)) for price, queue in venue.queues(side)] == self.slow_queues(side), ts_ns
        held = self.twin.holdings()
        for agent in range(AGENTS):
            mine = crowd.agents[agent]
            assert held.get(agent, (0, 0)) == (mine["position_lots"], mine["cash_ticks"])
            assert (mine["known_lots"], mine["known_cash_ticks"]) == (mine["position_lots"], mine["cash_ticks"])
        assert crowd.head[0]["bought_lots"] + crowd.head[0]["sold_lots"] == self.twin.traded()
        venue.check()

    def named(self, queue: list[Ledger]) -> list[Ledger]:
        """A queue with the crowd's orders named as in the slow twin."""
        crowd = self.run.scene.crowd
        base = int(crowd.head[0]["base"])
        return [
            (-CROWD - int(crowd.orders[key - base]["serial"]) + base if key > base else key, size, hist)
            for key, size, hist in queue
        ]

    def slow_queues(self, side: int) -> list[tuple[int, list[Ledger]]]:
        """The queues of the slow twin."""
        replay = self.twin.replay
        return [
            (price, [(order.id, order.size, order.hist) for order in replay.queues[side][price]])
            for price in replay.prices(side)
        ]


@pytest.mark.parametrize("hidden_at_equal", [False, True])
@pytest.mark.parametrize(("cross", "surplus"), list(product(CrossPolicy, SurplusPolicy)))
def test_orders_of_a_crowd_fare_as_own_orders_in_the_slow_replay(
    cross: CrossPolicy, surplus: SurplusPolicy, hidden_at_equal: bool, limit: Callable[[int, int], int]
) -> None:
    settings: dict[str, Any] = {"cross": cross, "surplus": surplus, "hidden_at_equal": hidden_at_equal}
    seed = 10 * int(cross) + int(surplus) + 100 * hidden_at_equal
    history = random_history(seed, limit(500, 130), match_ids=seed % 2 == 0, fifo=(0.9, 0.4)[seed % 2])
    run = beside(history, AGENTS, seed=seed, **settings)
    twin = SlowMixture(prepare(history), OracleReplay(seed=seed, **settings))
    stream = Stream(run, twin, seed, history, limit(200, 45))
    run.decider = stream
    chance = np.random.default_rng(seed)
    for index, at_ns in enumerate(np.sort(chance.choice(history["ts_ns"], limit(40, 8)))):
        run.advance(int(at_ns))
        twin.run_to(int(at_ns))
        side, price, market = int(chance.integers(2)), stream.price(int(at_ns)), bool(chance.integers(2))
        post(run, side, price, 30, market=market)
        run.advance(int(at_ns))
        twin.participant(int(at_ns), index, side, price, 30, market=market)
        stream.compare(int(at_ns))
    run.advance(int(history["ts_ns"][-1]) + 10**9)
    stream.compare(int(history["ts_ns"][-1]) + 10**9)
    assert stream.orders > 30 and twin.holdings()


def test_what_history_trades_with_itself_is_volume_and_no_trade_of_the_crowd() -> None:
    history = random_history(4, 200)
    run = beside(history, 1, AgentKind.NONE)
    run.advance(NEVER - 1)
    executed = history[np.isin(history["kind"], (Kind.EXECUTE, Kind.EXECUTE_HIDDEN))]["size_lots"].sum()
    head = run.scene.crowd.head[0]
    assert head["bought_lots"] + head["sold_lots"] == executed > 0
    assert head["trades"] == 0


@pytest.mark.parametrize("seed", range(2))
def test_without_agents_a_participant_gets_the_same_bytes_as_in_a_plain_replay(
    seed: int, limit: Callable[[int, int], int]
) -> None:
    history = random_history(seed, limit(600, 150))
    plain, mixed = Venue(history, listens=True), beside(history, 0)
    chance = np.random.default_rng(seed)
    for at_ns in np.sort(chance.choice(history["ts_ns"], limit(60, 20))).tolist():
        side, price, size = int(chance.integers(2)), 10_000 + int(chance.integers(-5, 6)), int(chance.integers(1, 200))
        plain.run_to(at_ns)
        mixed.advance(at_ns)
        plain.send(side, price, size)
        post(mixed, side, price, size)
    plain.run_to(int(history["ts_ns"][-1]) + 10**10)
    mixed.advance(int(history["ts_ns"][-1]) + 10**10)
    assert world_hash(plain.world) == world_hash(mixed.world)
    assert np.array_equal(plain.world.fills[: plain.head["fills"]], mixed.world.fills[: plain.head["fills"]])
    written = int(plain.head["written"])
    assert written == mixed.world.head[0]["written"] > 0


@pytest.mark.parametrize("surplus", list(SurplusPolicy))
def test_what_is_written_down_replays_to_the_same_book_at_every_packet(
    surplus: SurplusPolicy, limit: Callable[[int, int], int]
) -> None:
    seed = 20 + int(surplus)
    history = random_history(seed, limit(500, 140))
    run = beside(history, AGENTS, surplus=surplus)
    run.record()
    twin = SlowMixture(prepare(history), OracleReplay(surplus=surplus))
    stream = Stream(run, twin, seed, history, limit(200, 50))
    trace: list[tuple[int, Queues]] = []
    last_ns = int(history["ts_ns"][-1]) + 10**9
    chance = np.random.default_rng(seed)
    for at_ns in [*np.sort(chance.choice(history["ts_ns"], limit(30, 8))).tolist(), last_ns]:
        while run_traced(run, at_ns, trace) and len(run.asked):
            stream(run)
        side, price = int(chance.integers(2)), stream.price(at_ns)
        index = post(run, side, price, 25)
        twin.run_to(at_ns)
        twin.participant(at_ns, index, side, price, 25, market=False)
    while run_traced(run, last_ns, trace) and len(run.asked):
        stream(run)
    dataset = Dataset(info_of(Fidelity.L3_FULL, 10), events_of(run.take_rows()))
    validate(dataset)
    assert_replays(dataset, trace, sound=False)  # a history that is made at random crosses itself
    executed = dataset.events.filter(kind=int(Kind.EXECUTE))["size"].sum()
    hidden = dataset.events.filter(kind=int(Kind.EXECUTE_HIDDEN))["size"].sum()
    assert executed + hidden == twin.traded()
