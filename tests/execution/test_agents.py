"""Agents written in Python in one simulated market."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest

from execution.agents import Group, MarketAgents, Member, holdings
from execution.algorithm import Algorithm, ChildOrder, Command, Limit, Market, Replace, View, WakeAt
from execution.parent import Parent
from lobsim.errors import ConfigError
from lobsim.simulation import Preset, Simulation, SimulationRun, load_preset
from lobsim.simulation.outside import Outside, wakes_at
from lobsim.simulation.paired import with_agents
from lobsim.types import ReportKind, Side, Status
from tests.oracle.agents.slow_background import SlowMomentum, SlowNoise
from tests.support.python_agents import Copy, Quoter, Quoters, Taker

SECOND = 10**9
MILLISECOND = 10**6
LATE = {"order": "3ms", "answer": "2ms", "feed": "4ms"}


def market_of(*families: dict[str, object], name: str = "martingale") -> Preset:
    """A preset without a warm-up, with more families."""
    preset = load_preset(name)
    table = preset.model_dump()
    table["session"]["warmup"] = 0
    table["agents"] = [*table["agents"], *families]
    return Preset.model_validate(table)


def places(count: int, **more: object) -> dict[str, object]:
    """Places for agents that decide outside."""
    return {"family": "outside", "count": count, **more}


def run_with(
    preset: Preset, members: Sequence[object], seconds: float, seed: int = 5
) -> tuple[Simulation, SimulationRun]:
    """A recorded session with agents, at its end."""
    simulation = Simulation(preset, seed, duration_ns=round(seconds * SECOND))
    run = simulation.start(decider=MarketAgents(members))  # type: ignore[arg-type]
    run.record()
    run.advance(simulation.info.session_end_ns)
    return simulation, run


@pytest.mark.parametrize("delays", [{}, {"line": "9ms", "computing": "50us"}], ids=["at once", "after delays"])
def test_a_python_copy_of_a_compiled_family_makes_exactly_the_same_market(
    delays: dict[str, object], limit: Callable[[int, int], int]
) -> None:
    seconds, seed = limit(120, 40), 11
    momentum = {"family": "momentum", "count": 3, "wait": "400ms", **delays}
    noise = {"family": "noise", "count": 20, "early": "1s", "until": f"{seconds}s", **delays}
    compiled = Simulation(market_of(momentum, noise), seed, duration_ns=seconds * SECOND)
    day = compiled.day()
    twins = [SlowMomentum(4e8, 0, 0) for _ in range(3)] + [SlowNoise(-SECOND, seconds * SECOND) for _ in range(20)]
    preset = market_of(places(3, **delays), places(20, **delays))
    simulation, run = run_with(preset, [Copy(twin, seed) for twin in twins], seconds, seed)
    assert simulation.dataset_of(run).events.equals(day.dataset.events)
    assert run.counts == day.counts
    assert twins[0].wakes > 50 and day.counts.trades > 0


def test_agents_trade_with_each_other_and_the_crowd_and_lots_and_money_add_up(limit: Callable[[int, int], int]) -> None:
    preset = market_of(places(2, **LATE), places(1))
    members = [Quoter(300 * MILLISECOND, 3), Taker(170 * MILLISECOND, 2), Taker(90 * MILLISECOND, 1)]
    _, run = run_with(preset, members, limit(120, 20))
    agents = run.scene.crowd.agents
    assert agents["position_lots"].sum() == 0 and agents["cash_ticks"].sum() == 0
    assert (holdings(run)[:, 1] == agents["position_lots"][run.outside]).all()
    rows = run.take_rows()
    traded = agents["traded_lots"]
    assert traded[0] > 0 and (traded[run.outside] > 0).all()
    assert traded.sum() == 2 * rows[rows["kind"] == 4]["size"].sum() == 2 * run.counts.traded_lots


def test_one_seed_is_one_market_and_agents_change_it(limit: Callable[[int, int], int]) -> None:
    preset = market_of(places(2, **LATE))
    found = []
    for members in (
        [Quoter(SECOND, 3), Taker(SECOND, 2)],
        [Quoter(SECOND, 3), Taker(SECOND, 2)],
        [Quoter(SECOND, 3)] * 2,
    ):
        simulation, run = run_with(preset, members, limit(60, 10))
        found.append(simulation.dataset_of(run).digest)
    assert found[0] == found[1] != found[2]


def test_a_group_in_arrays_does_what_its_members_do_one_by_one(limit: Callable[[int, int], int]) -> None:
    preset = market_of(places(6, **LATE))
    every_ns, seconds = 250 * MILLISECOND, limit(60, 10)
    _, apart = run_with(preset, [Quoter(every_ns, 2) for _ in range(6)], seconds)
    group = Quoters(every_ns, 2)
    _, together = run_with(preset, [Group(group, 6)], seconds)
    mixed = [Group(Quoters(every_ns, 2), 2), *(Quoter(every_ns, 2) for _ in range(2)), Group(Quoters(every_ns, 2), 2)]
    _, both = run_with(preset, mixed, seconds)
    rows = apart.take_rows()
    assert np.array_equal(rows, together.take_rows())
    assert np.array_equal(rows, both.take_rows())
    assert apart.counts == together.counts == both.counts
    assert group.calls < apart.counts.wakes / 5


def test_agents_without_delay_who_wake_at_one_instant_decide_one_after_the_other() -> None:
    seen: list[int | None] = []

    class Improver:
        def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterator[Command]:
            seen.append(view.best_bid_ticks)
            if len(seen) > 2:
                assert view.best_bid_ticks is not None
                yield Limit(view.best_bid_ticks + 1, 1, side=Side.BUY)
            yield WakeAt(view.now_ns + SECOND)

    run_with(market_of(places(2)), [Improver(), Improver()], 1.5)
    assert seen[2] is not None and seen[3] == seen[2] + 1


def test_what_agents_hear_comes_after_their_delays_and_adds_up(limit: Callable[[int, int], int]) -> None:
    heard: list[np.void] = []
    turns: list[tuple[int, int, int]] = []

    class Listener(Quoter):
        hears = wake_on_reports = True

        def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterator[Command]:
            heard.extend(view.heard)  # type: ignore[attr-defined]
            turns.append((view.now_ns, view.position_lots, view.cash_ticks))  # type: ignore[attr-defined]
            bought = sum(int(e["size_lots"]) * (1 if e["side"] == Side.BUY else -1) for e in heard)
            assert bought == view.position_lots  # type: ignore[attr-defined]
            assert all(entry["ts_ns"] <= view.now_ns for entry in heard)
            if len(turns) == 1 or view.now_ns >= self.turns[-1] + self.every_ns:
                yield from super().on_wake(view, orders)

    preset = market_of(places(1, **LATE))
    run_with(preset, [Listener(SECOND, 4)], limit(60, 15))
    kinds = {int(entry["kind"]) for entry in heard}
    assert {ReportKind.ACCEPTED, ReportKind.TRADE, ReportKind.CANCELLED} <= kinds
    paid = sum(int(e["price_ticks"] * e["size_lots"]) * (-1 if e["side"] == Side.BUY else 1) for e in heard)
    assert turns[-1][2] == paid != 0
    answers = [int(entry["ts_ns"]) for entry in heard]
    assert answers == sorted(answers) and set(answers) <= {turn[0] for turn in turns}
    assert turns == sorted(set(turns))


def test_who_watches_prices_is_woken_a_feed_delay_after_they_change(limit: Callable[[int, int], int]) -> None:
    seen: list[tuple[int, int | None, int | None]] = []

    class Watcher:
        wake_on_touch = True

        def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> tuple[Command, ...]:
            seen.append((view.now_ns, view.best_bid_ticks, view.best_ask_ticks))
            return ()

    _, run = run_with(market_of(places(1, feed="4ms")), [Watcher()], limit(20, 5))
    touches = run.scene.crowd.touches[: min(int(run.scene.crowd.head[0]["touches"]), len(run.scene.crowd.touches))]
    changed = {int(t["ts_ns"]) + 4 * MILLISECOND for t in touches}
    assert len(seen) > 3 and all(now_ns in changed for now_ns, _, _ in seen[1:])
    assert all(before[1:] != after[1:] for before, after in pairwise(seen))


def test_an_agent_with_a_parent_stays_within_it(limit: Callable[[int, int], int]) -> None:
    simulation = Simulation(market_of(places(1, **LATE)), 3, duration_ns=20 * SECOND)
    start_ns = simulation.info.session_start_ns + SECOND
    parent = Parent(side=Side.SELL, size_lots=12, start_ns=start_ns, end_ns=start_ns + 8 * SECOND)
    asked: list[int] = []

    class Seller:
        def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterator[Command]:
            asked.append(view.now_ns)
            assert view.parent is parent and view.remaining_lots == 12 - view.executed_lots
            if len(asked) == 1:
                yield Limit(10**6, 5)
            yield Market(2)
            yield WakeAt(view.now_ns + SECOND)

    run = simulation.start(decider=MarketAgents([Member(Seller(), parent)]))
    run.advance(simulation.info.session_end_ns)
    assert asked == [start_ns + k * SECOND for k in range(8)]
    agent = run.scene.crowd.agents[run.outside][0]
    assert (agent["position_lots"], agent["open_orders"]) == (-7, 0)


def test_a_copy_and_little_room_change_nothing(limit: Callable[[int, int], int]) -> None:
    from tests.lobsim.simulation.test_market import cut_to_size

    simulation = Simulation(market_of(places(3, **LATE)), 9, duration_ns=limit(40, 8) * SECOND)

    def start() -> SimulationRun:
        return simulation.start(decider=MarketAgents([Quoter(200 * MILLISECOND, 2) for _ in range(3)]))

    whole, tight = start(), start()
    tight.scene = cut_to_size(tight.scene)
    half_ns = (simulation.info.session_start_ns + simulation.info.session_end_ns) // 2
    for run in (whole, tight):
        run.record()
        run.advance(half_ns)
    copied = whole.copy()
    rows = []
    for run in (whole, tight, copied):
        run.advance(simulation.info.session_end_ns)
        rows.append(run.take_rows())
    assert np.array_equal(rows[0], rows[1]) and np.array_equal(rows[0], rows[2])


def test_without_a_decider_they_are_asked_at_the_open_and_may_reply_by_hand() -> None:
    simulation = Simulation(market_of(places(2)), 9, duration_ns=4 * SECOND)
    run = simulation.start()
    assert run.advance(simulation.info.session_end_ns) == Status.WAKE
    assert len(run.asked) == 1
    run.reply(wakes_at(run.asked["agent"], run.now_ns + SECOND))
    assert run.advance(simulation.info.session_end_ns) == Status.WAKE
    with pytest.raises(ConfigError, match="decide outside"):
        run.reply(wakes_at(np.array([0]), 1))
    assert run.advance(simulation.info.session_end_ns) == Status.WAKE
    assert run.advance(simulation.info.session_end_ns) == Status.DONE


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (Limit(100, 1), "no side"),
        (Limit(100, 0, side=Side.BUY), "size_lots"),
        (Limit(100.5, 1, side=Side.BUY), "whole number"),  # type: ignore[arg-type]
        (Limit(100, 1, post_only=True, side=Side.BUY), "no order of an agent"),
        (Replace(1, 100, 1), "no command of an agent"),
    ],
)
def test_what_an_agent_cannot_command_is_refused(command: Command, said: str) -> None:
    class Odd:
        def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> list[Command]:
            return [command]

    with pytest.raises(ConfigError, match=said):
        run_with(market_of(places(1)), [Odd()], 1)


def test_members_without_places_and_delays_told_twice_are_refused() -> None:
    algorithm: Algorithm = Taker(SECOND, 1)
    with pytest.raises(ConfigError, match="places for 1"):
        run_with(market_of(places(1)), [algorithm, algorithm], 1)
    with pytest.raises(ValueError, match="told either by line"):
        Outside(family="outside", line=5, order=3)
    parent = Parent(side=Side.BUY, size_lots=1, start_ns=0, end_ns=1, max_participation=0.1)
    with pytest.raises(ConfigError, match="share"):
        Member(algorithm, parent)
    with pytest.raises(ConfigError, match="at least 1"):
        Group(Quoters(1, 1), 0)
    extended = with_agents(load_preset("martingale"), Outside(family="outside", count=2))
    assert extended.agents[-1].count == 2
