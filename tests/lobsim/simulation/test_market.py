"""Simulated markets: the same bytes every time, whatever the room, the batch or the threads; sound as recorded days; a participant in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lobsim.config import Latency, MarketConfig
from lobsim.core.agents.making import CrowdSize, new_crowd, roomier_scene
from lobsim.core.agents.state import Scene
from lobsim.errors import ConfigError
from lobsim.feeds.schema import validate
from lobsim.market import Market
from lobsim.projection import to_levels
from lobsim.simulation import Preset, Simulation, SimulationRun, load_preset
from lobsim.simulation.batch import Scenes
from lobsim.snapshot import Snapshot
from lobsim.types import NEVER, FillReason, Kind, OrderState, Side, Status
from tests.support.participants import cancel, fills_of, post

SECOND = 10**9
NAMES = ["zi", "cst", "cheridito-weiss", "rmsc04", "day"]


def preset_of(name: str) -> Preset:
    """A preset with a short warm-up."""
    preset = load_preset(name)
    warmup = min(preset.session.warmup, 2 * SECOND)
    return preset.model_copy(update={"session": preset.session.model_copy(update={"warmup": warmup})})


@pytest.fixture(scope="module")
def length_ns(small: bool) -> dict[str, int]:
    """How long each preset is simulated."""
    seconds = {"zi": 1, "cst": 60, "cheridito-weiss": 8, "rmsc04": 10, "day": 8} if small else dict.fromkeys(NAMES, 300)
    return {name: count * SECOND for name, count in seconds.items()}


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_is_one_day(name: str, length_ns: dict[str, int]) -> None:
    days = [Simulation(preset_of(name), seed, duration_ns=length_ns[name]).day() for seed in (7, 7, 8)]
    digests = [day.dataset.digest for day in days]
    assert digests[0] == digests[1] != digests[2]
    assert days[0].counts == days[1].counts


@pytest.mark.parametrize("name", NAMES)
def test_a_simulated_day_is_a_sound_recording(name: str, length_ns: dict[str, int]) -> None:
    simulation = Simulation(preset_of(name), 3, duration_ns=length_ns[name])
    run = simulation.start()
    run.record()
    run.advance(simulation.info.session_end_ns)
    dataset = simulation.dataset_of(run)
    validate(dataset)
    market = Market(dataset)
    replayed = market.start(participant=False)
    replayed.advance(NEVER)
    check = market.replay()
    assert (check.crossed, check.unknown) == (0, 0)
    assert shape_of(replayed.world.book) == shape_of(run.world.book)
    validate(to_levels(dataset))


def shape_of(book: object) -> list[tuple[int, int, int]]:
    """Best price, levels and orders of each side."""
    names = ("best_key", "levels", "orders")
    return [tuple(int(side[name]) for name in names) for side in book.sides]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_room_that_runs_out_on_the_way_changes_nothing(name: str, length_ns: dict[str, int]) -> None:
    simulation = Simulation(preset_of(name), 5, duration_ns=length_ns[name] // 4)
    roomy, tight = simulation.start(), simulation.start()
    tight.scene = cut_to_size(tight.scene)
    for run in (roomy, tight):
        run.record()
        run.advance(simulation.info.session_end_ns)
    assert np.array_equal(roomy.take_rows(), tight.take_rows())
    assert roomy.counts == tight.counts


def cut_to_size(scene: Scene) -> Scene:
    """The scene with hardly more room than it uses."""
    crowd = scene.crowd
    head = crowd.head[0]
    bare = new_crowd(
        crowd.agents, crowd.numbers, crowd.memory, int(head["seed"]), int(head["flows"]), CrowdSize(2, 2, 64, 2)
    )
    while len(bare.orders) < head["fresh"]:
        bare = roomier_scene(scene._replace(crowd=bare), Status.ROOM_CROWD_ORDERS).crowd
    orders = crowd.orders[: len(bare.orders)].copy()
    return scene._replace(crowd=crowd._replace(orders=orders, log=bare.log))


def test_a_batch_is_what_its_markets_are_alone(limit: Callable[[int, int], int]) -> None:
    simulations = [
        Simulation(preset_of(name), seed, duration_ns=limit(20, 1) * SECOND)
        for name in NAMES
        for seed in range(limit(2, 1))
    ]
    alone = [simulation.start() for simulation in simulations]
    for run in alone:
        run.record()
    ends = np.array([simulation.info.session_end_ns for simulation in simulations])
    batches = [Scenes([run.scene for run in alone]) for _ in range(2)]
    for batch, threads in zip(batches, (1, 2), strict=True):
        assert np.all(batch.advance(ends, threads) == Status.DONE)
    for index, (run, end_ns) in enumerate(zip(alone, ends, strict=True)):
        run.advance(int(end_ns))
        expected = run.take_rows()
        for batch in batches:
            assert np.array_equal(batch.take_rows(index), expected)


def test_a_copy_and_a_snapshot_go_on_as_the_original(limit: Callable[[int, int], int]) -> None:
    simulation = Simulation(preset_of("rmsc04"), 4, duration_ns=limit(120, 10) * SECOND)
    run = simulation.start()
    half_ns = (simulation.info.session_start_ns + simulation.info.session_end_ns) // 2
    run.advance(half_ns)
    run.record()
    snapshot = Snapshot(run.scene)
    copied = run.copy()
    restored = SimulationRun(snapshot.restore(simulation.start().scene))
    found = []
    for each in (run, copied, restored):
        each.advance(simulation.info.session_end_ns)
        found.append(each.take_rows())
    assert len(found[0]) > 0
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def with_participant(delay_ns: int = 0) -> SimulationRun:
    latency = Latency(feed_ns=delay_ns, order_ns=delay_ns, response_ns=delay_ns)
    simulation = Simulation(preset_of("zi"), 9, duration_ns=60 * SECOND, config=MarketConfig(latency=latency))
    return simulation.start(participant=True)


def best(run: SimulationRun, side: int) -> int:
    key = int(run.world.book.sides[side]["best_key"])
    return key if side else -key


def test_a_participants_waiting_order_is_filled_by_the_crowd(limit: Callable[[int, int], int]) -> None:
    run = with_participant()
    price_ticks = best(run, Side.SELL) - 1
    index = post(run, Side.BUY, price_ticks, 2)
    run.advance(run.now_ns + limit(20, 4) * SECOND)
    mine = run.world.own[index]
    fills = fills_of(run)
    assert mine["state"] == OrderState.FILLED
    assert fills["size_lots"].sum() == mine["known_filled_lots"] == 2
    assert np.all(fills["passive"] == 1)
    assert np.all(fills["price_ticks"] == price_ticks)
    assert np.all(fills["reason"] == FillReason.QUEUE_EXHAUSTED)


def test_a_participants_taking_is_paid_by_the_crowd() -> None:
    run = with_participant()
    agent = run.scene.crowd.agents[0]
    before = int(agent["position_lots"]), int(agent["cash_ticks"])
    resting = int(agent["open_orders"])
    index = post(run, Side.BUY, 0, 3, market=True)
    run.advance(run.now_ns)
    fills = fills_of(run)
    agent = run.scene.crowd.agents[0]
    paid = int((fills["price_ticks"] * fills["size_lots"]).sum())
    assert run.world.own[index]["filled_lots"] == 3
    assert int(agent["position_lots"]) == before[0] - 3
    assert int(agent["cash_ticks"]) == before[1] + paid
    assert int(agent["open_orders"]) == resting - 3


def test_a_participants_delays_hold_in_a_simulated_market() -> None:
    run = with_participant(delay_ns=5_000_000)
    sent_ns = run.now_ns
    index = post(run, Side.BUY, best(run, Side.BUY) - 50, 1)
    run.advance(sent_ns + 20_000_000)
    mine = run.world.own[index]
    assert (mine["arrived_ns"], mine["acked_ns"]) == (sent_ns + 5_000_000, sent_ns + 10_000_000)
    cancel(run, index)
    run.advance(run.now_ns + 20_000_000)
    assert run.world.own[index]["state"] == OrderState.CANCELLED


def test_what_a_participant_sees_is_the_book(limit: Callable[[int, int], int]) -> None:
    run = with_participant()
    run.world.head["wake_ns"] = run.now_ns + limit(5, 1) * SECOND
    assert run.advance(NEVER) == Status.WAKE
    for side in (0, 1):
        assert run.world.seen.sides[side]["best_key"] == run.world.book.sides[side]["best_key"]
    assert run.world.head[0]["seen_volume"] > 0


@pytest.mark.parametrize(("seed", "duration_ns"), [(2**63, 1), (0, 0)])
def test_settings_out_of_range_are_refused(seed: int, duration_ns: int) -> None:
    with pytest.raises(ConfigError):
        Simulation(load_preset("zi"), seed, duration_ns=duration_ns)


def test_counts_are_those_of_the_event_table(limit: Callable[[int, int], int]) -> None:
    day = Simulation(preset_of("zi"), 2, duration_ns=limit(30, 2) * SECOND).day()
    executed = day.dataset.events.filter(kind=int(Kind.EXECUTE))
    assert day.counts.trades == executed.height > 0
    assert day.counts.traded_lots == executed["size"].sum()
    assert day.counts.messages == day.counts.requests
