"""Metaorders that a simulated market writes down: the same in copies, snapshots, batches and tight room; each what its agent did."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lobsim.core.agents.making import roomier_scene
from lobsim.realism.facts.measured import METAORDERS
from lobsim.simulation import Preset, Simulation, SimulationRun
from lobsim.simulation.batch import Scenes
from lobsim.simulation.families import ScheduledOrder
from lobsim.simulation.market import metaorder_table
from lobsim.simulation.paired import with_agents
from lobsim.snapshot import Snapshot
from lobsim.types import Kind, Side, Status

SECOND = 10**9
SPLIT = Preset.model_validate(
    {
        "name": "split",
        "about": "Metaorders taken from a few queues",
        "listing": {"symbol": "SPL", "start_price": "100.00"},
        "session": {"duration": "10m"},
        "opening": {"levels": 5, "orders": 3},
        "agents": [
            {
                "family": "cont_stoikov_talreja",
                "entering": [2.0, 1.0, 1.0],
                "dying": [0.1] * 3,
                "mu": 0.0,
            },
            {"family": "split_orders", "mu": 2.0, "size": 3},
        ],
    }
)


@pytest.fixture
def seconds(limit: Callable[[int, int], int]) -> int:
    return limit(600, 40)


def recorded(simulation: Simulation, room: int = 0) -> SimulationRun:
    """A run that is written down; room: places for metaorders, 0: as it comes."""
    run = simulation.start()
    if room:
        crowd = run.scene.crowd
        run.scene = run.scene._replace(crowd=crowd._replace(metaorders=crowd.metaorders[:room].copy()))
    run.record()
    return run


def test_metaorders_are_the_same_in_copies_snapshots_batches_and_tight_room(seconds: int) -> None:
    simulation = Simulation(SPLIT, 4, duration_ns=seconds * SECOND)
    begin_ns, end_ns = simulation.info.session_start_ns, simulation.info.session_end_ns
    run = recorded(simulation, room=8)
    run.advance((begin_ns + end_ns) // 2)
    early = int(run.scene.crowd.head[0]["metaorders"])
    copied, restored = run.copy(), SimulationRun(Snapshot(run.scene).restore(simulation.start().scene))
    batch = Scenes([run.scene, recorded(simulation).scene])
    batch.advance(end_ns, 1)
    for each in (run, copied, restored):
        each.advance(end_ns)
    expected = run.take_metaorders()
    assert 0 < early < len(expected) and len(run.take_metaorders()) == 0
    assert len(run.scene.crowd.metaorders) >= len(expected)
    for found in (copied, restored):
        assert np.array_equal(expected, found.take_metaorders())
    for index in range(2):
        assert np.array_equal(expected, batch.take_metaorders(index))
    assert np.array_equal(expected["serial"], np.arange(1, len(expected) + 1))


def test_more_room_keeps_what_was_written(seconds: int) -> None:
    run = recorded(Simulation(SPLIT, 4, duration_ns=seconds * SECOND))
    run.advance(run.now_ns + seconds * SECOND // 2)
    kept = run.scene.crowd.metaorders.copy()
    roomier = roomier_scene(run.scene, Status.ROOM_METAORDERS)
    assert np.array_equal(kept, roomier.crowd.metaorders[: len(kept)])
    assert 2 * len(kept) == len(roomier.crowd.metaorders)


def test_the_lots_of_metaorders_are_lots_of_the_tape(seconds: int) -> None:
    day = Simulation(SPLIT, 4, duration_ns=seconds * SECOND).day()
    table = day.metaorders
    assert {name: table.schema[name] for name in METAORDERS} == METAORDERS
    traded = day.dataset.events.filter(day.dataset.events["kind"] == int(Kind.EXECUTE))
    assert 0 < table["size_lots"].sum() <= traded["size"].sum()
    assert (table["size_lots"] <= 3 * table["children"]).all()
    for row in table.head(20).iter_rows(named=True):
        side = int(Side.SELL if row["side"] == Side.BUY else Side.BUY)
        own = traded.filter((traded["side"] == side) & traded["ts_exchange"].is_between(row["start_ns"], row["end_ns"]))
        assert own["size"].sum() >= row["size_lots"]


def test_nothing_is_written_while_the_market_is_not(seconds: int) -> None:
    run = Simulation(SPLIT, 4, duration_ns=seconds * SECOND).start()
    run.advance(run.now_ns + seconds * SECOND // 2)
    assert 0 == len(run.take_metaorders())


def test_a_copy_of_a_preset_that_was_used_has_its_own_agents() -> None:
    used, digest = SPLIT.in_turn, SPLIT.digest
    quotes = SPLIT.model_copy(update={"agents": SPLIT.agents[:1]})
    assert (2, 1) == (len(used), len(quotes.in_turn))
    assert digest != quotes.digest


def test_a_scheduled_order_is_one_metaorder() -> None:
    order = ScheduledOrder(family="scheduled", side="sell", lots=1, children=4, interval_ns=SECOND, start_ns=2 * SECOND)
    away = ScheduledOrder(family="scheduled", side="buy", lots=0, children=4, interval_ns=SECOND, start_ns=2 * SECOND)
    quotes = SPLIT.model_copy(update={"agents": SPLIT.agents[:1]})
    simulation = Simulation(with_agents(quotes, order, away), 4, duration_ns=8 * SECOND)
    run = recorded(simulation)
    run.advance(simulation.info.session_end_ns)
    start_ns = simulation.info.session_start_ns + 2 * SECOND
    told = metaorder_table(run.take_metaorders()).rows(named=True)
    assert [
        {
            "agent": 1,
            "serial": 1,
            "start_ns": start_ns,
            "end_ns": start_ns + 3 * SECOND,
            "side": int(Side.SELL),
            "size_lots": 4,
            "children": 4,
        }
    ] == told
