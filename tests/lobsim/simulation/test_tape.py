"""Simulated markets beside a recorded tape: where they begin, that they repeat, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from execution.catalogue import algorithm_named
from execution.desk import Desk
from execution.parent import Parent
from lobsim.config import MarketConfig
from lobsim.errors import ConfigError, DataError
from lobsim.feeds.schema import Dataset, validate
from lobsim.market import Market
from lobsim.sample import generate_day, to_levels
from lobsim.simulation import Preset, Simulation, load_preset
from lobsim.types import Fidelity, Impact, Kind, Phase, Side

SECOND = 10**9


@pytest.fixture(scope="module")
def day(limit: Callable[[int, int], int]) -> Dataset:
    """The first rows of a synthetic day, prices in quanta of a hundredth of a tick."""
    return generate_day(limit=limit(12_000, 2_500))


@pytest.fixture(scope="module")
def crowd() -> Preset:
    """Agents who take what history offers, and one who is warned."""
    table = load_preset("cst").model_dump()
    flow = {"family": "zero_intelligence", "alpha": 0.05, "mu": 3.0, "delta": 0.3, "sigma": 20, "window": 20}
    noise = {"family": "noise", "count": 30, "early": "1s", "until": "60s", "line": "3ms"}
    maker = {"family": "market_maker", "count": 1, "wait": "500ms", "share": 0.1, "levels": 3}
    return Preset.model_validate(table | {"agents": [flow, noise, maker]})


def test_a_day_beside_a_tape_repeats_and_is_a_sound_recording(day: Dataset, crowd: Preset) -> None:
    days = [Simulation(crowd, seed, duration_ns=12 * SECOND, tape=day).day() for seed in (1, 1, 2)]
    digests = [each.dataset.digest for each in days]
    assert digests[0] == digests[1] != digests[2]
    dataset = days[0].dataset
    validate(dataset)
    assert (dataset.info.symbol, dataset.info.tick_quanta) == (day.info.symbol, day.info.tick_quanta)
    check = Market(dataset).replay()
    assert (check.crossed, check.unknown) == (0, 0)
    last = int(day.events["order_id"].max())  # type: ignore[arg-type]
    executed = dataset.events.filter(kind=int(Kind.EXECUTE))
    by_history = executed.filter(executed["other_id"] == 0)
    assert by_history.filter(by_history["order_id"] > last).height > 0, "history trades with the crowd"
    assert executed.filter((executed["order_id"] <= last) & (executed["other_id"] > last)).height > 0, (
        "and is traded with"
    )


def test_agents_begin_when_the_recorded_book_stands_at_its_middle(day: Dataset, crowd: Preset) -> None:
    simulation = Simulation(crowd, 1, tape=day)
    run = simulation.start()
    assert simulation.tape is not None
    begin_ns, middle = simulation.tape.opening
    assert simulation.info.session_start_ns == begin_ns == run.now_ns >= day.info.session_start_ns
    assert simulation.info.session_end_ns == day.info.session_end_ns
    bid, ask = (int(side["best_key"]) for side in run.world.book.sides)
    assert -bid <= middle < ask
    hole = replace(day, events=day.events.filter(day.events["side"] == 0))
    with pytest.raises(DataError, match="two sides"):
        Simulation(crowd, 1, tape=hole)


def test_a_crowd_that_does_nothing_leaves_history_as_it_is(day: Dataset) -> None:
    silent = {"family": "scheduled", "side": "buy", "lots": 0, "children": 1, "interval_ns": 1, "start_ns": 0}
    preset = Preset.model_validate(load_preset("cst").model_dump() | {"agents": [silent]})
    simulation = Simulation(preset, 1, duration_ns=8 * SECOND, tape=day)
    run = simulation.start()
    run.record()
    run.advance(simulation.info.session_end_ns)
    written = simulation.dataset_of(run).events
    inside = day.events["ts_exchange"].is_between(
        simulation.info.session_start_ns, simulation.info.session_end_ns, "right"
    )
    recorded = day.events.filter(inside)
    rows = written.filter(written["flags"] & 2 == 0)
    for column in ("ts_exchange", "kind", "side", "size", "order_id"):
        assert rows[column].to_list() == recorded[column].to_list(), column


def test_a_participant_works_a_parent_among_history_and_a_crowd(day: Dataset, crowd: Preset) -> None:
    simulation = Simulation(crowd, 1, tape=day)
    run = simulation.start(participant=True)
    start_ns = simulation.info.session_start_ns + SECOND
    parent = Parent(side=Side.SELL, size_lots=300, start_ns=start_ns, end_ns=start_ns + 5 * SECOND)
    Desk(run, parent, algorithm_named("twap")(parent, simulation.info)).execute()
    fills = run.world.fills[: run.world.head[0]["fills"]]
    assert fills["size_lots"].sum() == 300
    assert np.all(fills["price_ticks"] > 0)


def test_outside_continuous_trading_the_crowd_is_refused(day: Dataset, crowd: Preset) -> None:
    events = day.events
    stop = events.head(1).with_columns(
        kind=np.int8(Kind.PHASE), side=np.int8(-1), price=0, size=int(Phase.HALT), order_id=0, ts_exchange=0, ts_local=0
    )
    at_ns = int(events["ts_exchange"][500])
    stop = stop.with_columns(ts_exchange=at_ns, ts_local=at_ns).select(events.columns).cast(dict(events.schema))
    halted = replace(day, events=events.head(501).vstack(stop))
    simulation = Simulation(crowd, 1, tape=halted, duration_ns=20 * SECOND)
    run = simulation.start()
    run.advance(at_ns)
    before = run.counts
    run.advance(at_ns + 2 * SECOND)
    after = run.counts
    assert after.trades == before.trades
    assert after.rejected > before.rejected


def test_what_cannot_stand_beside_a_crowd_is_refused(day: Dataset, crowd: Preset) -> None:
    with pytest.raises(ConfigError, match="L2_TRADES"):
        Simulation(crowd, 1, tape=to_levels(day))
    with pytest.raises(ConfigError, match="rematch"):
        Simulation(crowd, 1, config=MarketConfig(impact=Impact.NONE))
    huge = day.events.with_columns(order_id=day.events["order_id"] + 2**61)
    with pytest.raises(DataError, match="no room above"):
        Simulation(crowd, 1, tape=replace(day, events=huge))
    whole = Simulation(crowd, 1, tape=day)
    assert whole.tape is not None
    middle, tick = whole.tape.opening[1], day.info.tick_quanta
    cut = np.array([[(middle + 1) * tick, 5, (middle - 1) * tick, 5]])
    top = replace(day, info=replace(day.info, fidelity=Fidelity.L3_TOP_K, depth=1), seed_row=cut)
    with pytest.raises(ConfigError, match="cut to some levels"):
        Simulation(crowd, 1, tape=top).start().record()
