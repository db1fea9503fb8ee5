"""The log of a market with a participant: what its orders do is in the recorded day, which replays to the same book."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from execution.catalogue import algorithm_named
from execution.desk import Desk
from execution.parent import Parent
from lobsim.config import Latency, MarketConfig
from lobsim.feeds.schema import validate
from lobsim.simulation import Simulation, SimulationRun, load_preset
from lobsim.types import NEVER, Kind, MessageFlag, OrderState, Side, TimeInForce
from tests.support.participants import cancel, fills_of, post, replace
from tests.support.traces import Queues, assert_replays, run_traced

SECOND = 10**9
FIRST_OWN = 2**52


def begin(seed: int, delay_ns: int, seconds: float) -> tuple[Simulation, SimulationRun]:
    """A recorded zero-intelligence market with a participant, in a small book."""
    preset = load_preset("zi")
    changes = {
        "session": preset.session.model_copy(update={"warmup": SECOND}),
        "opening": preset.opening.model_copy(update={"levels": 40, "distance": 3}),
        "agents": (preset.agents[0].model_copy(update={"alpha": 0.2, "window": 40, "mu": 3.0, "delta": 0.1}),),
    }
    preset = preset.model_copy(update=changes)
    latency = Latency(feed_ns=delay_ns, order_ns=delay_ns, response_ns=delay_ns)
    config = MarketConfig(latency=latency)
    simulation = Simulation(preset, seed, duration_ns=round(seconds * SECOND), config=config)
    run = simulation.start(participant=True)
    run.record()
    return simulation, run


def best(run: SimulationRun, side: int) -> int:
    """The best price of a side; the first price if it is empty."""
    key = int(run.world.book.sides[side]["best_key"])
    if run.world.book.sides[side]["best"] == 0:
        return 100_000
    return key if side else -key


def act(run: SimulationRun, chance: np.random.Generator) -> None:
    """One request of a participant that does a bit of everything."""
    head = run.world.head[0]
    mine = run.world.own[: head["own"]]
    live = np.flatnonzero((mine["state"] == OrderState.LIVE) & (mine["cancel_sent"] == 0))
    side, what = int(chance.integers(2)), int(chance.integers(8))
    away = int(chance.integers(-2, 4))
    price_ticks = best(run, side) + (away if side else -away)
    if what < 2 or len(live) == 0:
        lasts_ns = int(chance.integers(1, SECOND)) if chance.integers(4) == 0 else 0
        post(run, side, price_ticks, int(chance.integers(1, 6)), expire_ns=run.now_ns + lasts_ns if lasts_ns else NEVER)
    elif what == 2:
        post(run, side, 0, int(chance.integers(1, 12)), market=True)
    elif what < 5:
        cancel(run, int(chance.choice(live)))
    else:
        old = int(chance.choice(live))
        open_lots = int(mine[old]["size_lots"] - mine[old]["known_filled_lots"])
        same = bool(chance.integers(2))
        price_ticks = int(mine[old]["price_ticks"]) if same else best(run, 1 - int(mine[old]["side"]))
        tif = TimeInForce.IOC if chance.integers(4) == 0 else TimeInForce.GTC
        flags = int(MessageFlag.LOSE_PLACE) if chance.integers(4) == 0 else 0
        replace(run, old, price_ticks, max(1, open_lots + int(chance.integers(-1, 2))), tif, flags)


@pytest.mark.parametrize(("seed", "delay_ns"), [(2, 3_000_000), (3, 0)])
def test_a_day_with_a_participant_replays_to_the_same_book_at_every_packet(
    seed: int, delay_ns: int, limit: Callable[[int, int], int]
) -> None:
    simulation, run = begin(seed, delay_ns, limit(20, 4))
    chance = np.random.default_rng(seed)
    trace: list[tuple[int, Queues]] = []
    info = simulation.info
    for at_ns in np.sort(chance.integers(info.session_start_ns, info.session_end_ns, limit(250, 45))):
        run_traced(run, int(at_ns), trace)
        act(run, chance)
    run_traced(run, info.session_end_ns, trace)
    dataset = simulation.dataset_of(run)
    validate(dataset)
    assert_replays(dataset, trace)
    assert_own_trades_are_recorded(run, dataset.events)


def assert_own_trades_are_recorded(run: SimulationRun, events: object) -> None:
    """Every fill of the participant is in the recorded trades, with its number, and nothing else of it is."""
    fills = fills_of(run)
    recorded = events.filter(kind=int(Kind.EXECUTE))  # type: ignore[attr-defined]
    made = recorded.filter(recorded["order_id"] >= FIRST_OWN)
    took = recorded.filter(recorded["other_id"] >= FIRST_OWN)
    assert {int(id_) for id_ in (*made["order_id"], *took["other_id"])} == {FIRST_OWN + int(o) for o in fills["order"]}
    assert made["size"].sum() == fills[fills["passive"] == 1]["size_lots"].sum() > 0
    assert took["size"].sum() == fills[fills["passive"] == 0]["size_lots"].sum() > 0
    paid = (fills["price_ticks"] * fills["size_lots"]).sum()
    assert sum((side["price"] * side["size"]).sum() for side in (made, took)) == paid


def test_what_is_forced_out_at_the_end_of_a_parent_is_recorded_and_the_crowd_is_paid() -> None:
    simulation, run = begin(5, 1_000_000, 12)
    start_ns = simulation.info.session_start_ns + SECOND
    parent = Parent(side=Side.BUY, size_lots=30, start_ns=start_ns, end_ns=start_ns + 4 * SECOND)
    Desk(run, parent, algorithm_named("twap")(parent, simulation.info)).execute()
    fills = fills_of(run)
    agent = run.scene.crowd.agents[0]
    assert fills["size_lots"].sum() == 30 == -int(agent["position_lots"])
    assert int(agent["cash_ticks"]) == (fills["price_ticks"] * fills["size_lots"]).sum()
    dataset = simulation.dataset_of(run)
    assert_own_trades_are_recorded_when_taken(run, dataset.events)


def assert_own_trades_are_recorded_when_taken(run: SimulationRun, events: object) -> None:
    """The lots of the participant's fills are those of the recorded trades that name it."""
    recorded = events.filter(kind=int(Kind.EXECUTE))  # type: ignore[attr-defined]
    named = recorded.filter((recorded["order_id"] >= FIRST_OWN) | (recorded["other_id"] >= FIRST_OWN))
    assert named["size"].sum() == fills_of(run)["size_lots"].sum()
