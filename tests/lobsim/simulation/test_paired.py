"""Paired worlds: the two markets of a pair differ by the metaorder and by nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lobsim.errors import ConfigError
from lobsim.simulation import Simulation, load_preset
from lobsim.simulation.paired import Plan, impact_curves, mid_ticks, with_agents
from tests.lobsim.simulation.test_market import preset_of

SECOND = 10**9


def plan_of(seconds: int = 4, **changes: object) -> Plan:
    settings = {
        "start_ns": SECOND,
        "length_ns": seconds * SECOND,
        "children": 5,
        "watch_ns": SECOND,
        "every_ns": SECOND,
    }
    return Plan(**settings | changes)  # type: ignore[arg-type]


def test_a_metaorder_that_stays_away_changes_no_event() -> None:
    bare = Simulation(preset_of("zi"), 3, duration_ns=3 * SECOND).day().dataset.events
    away = Simulation(with_agents(preset_of("zi"), plan_of().family(0)), 3, duration_ns=3 * SECOND).day().dataset.events
    assert bare.equals(away)


def test_the_markets_of_a_pair_are_one_until_the_first_child_order() -> None:
    rows = []
    for lots in (0, 3):
        preset = with_agents(preset_of("zi"), plan_of().family(lots))
        rows.append(Simulation(preset, 3, duration_ns=3 * SECOND).day().dataset)
    begin_ns = rows[0].info.session_start_ns + SECOND
    before = [day.events.filter(day.events["ts_exchange"] < begin_ns) for day in rows]
    after = [day.events.filter(day.events["ts_exchange"] >= begin_ns) for day in rows]
    assert before[0].equals(before[1]) and before[0].height > 100
    assert not after[0].equals(after[1])


def test_child_orders_come_at_equal_distances() -> None:
    preset = with_agents(preset_of("zi"), plan_of().family(1))
    simulation = Simulation(preset, 3, duration_ns=7 * SECOND)
    run = simulation.start()
    index = len(run.scene.crowd.agents) - 1
    bought = []
    for after_ns in range(0, 7 * SECOND + 1, SECOND // 2):
        run.advance(simulation.info.session_start_ns + after_ns)
        bought.append(int(run.scene.crowd.agents[index]["position_lots"]))
    assert bought == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5, 5]


def test_more_lots_move_the_price_further(limit: Callable[[int, int], int]) -> None:
    seeds = range(limit(12, 2))
    plan = plan_of(limit(10, 1), every_ns=SECOND)
    curves = impact_curves(preset_of("zi"), plan, [1, 30], seeds)
    end_s = plan.length_ns / 1e9
    small, large = (curves.filter(lots=lots * 5, time_s=end_s) for lots in (1, 30))
    assert curves.filter(time_s=0.0)["impact_ticks"].to_list() == [0.0, 0.0]
    assert large["impact_ticks"].item() > small["impact_ticks"].item()
    assert large["low_ticks"].item() > 0 or limit(1, 0) == 0
    assert curves["pairs"].max() == len(seeds)


def test_an_interval_holds_what_the_pairs_say() -> None:
    plan = plan_of(1, children=2, start_ns=0, watch_ns=0)
    curve = impact_curves(preset_of("zi"), plan, [5], [1, 2])
    mids = []
    for seed in (1, 2):
        pair = []
        for lots in (0, 5):
            simulation = Simulation(with_agents(preset_of("zi"), plan.family(lots)), seed, duration_ns=plan.end_ns)
            run = simulation.start()
            run.advance(simulation.info.session_start_ns + SECOND - 1)
            pair.append(mid_ticks(run))
        mids.append(pair[1] - pair[0])
    row = curve.filter(time_s=1.0)
    half = 12.706204736432095 * np.std(mids, ddof=1) / np.sqrt(2)
    assert row["impact_ticks"].item() == pytest.approx(np.mean(mids))
    assert row["high_ticks"].item() - row["impact_ticks"].item() == pytest.approx(half)


@pytest.mark.parametrize(
    "changes", [{"side": "hold"}, {"children": 1}, {"every_ns": 0}, {"start_ns": -1}, {"length_ns": 2}]
)
def test_a_plan_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        plan_of(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("lots", "seeds"), [([], [1, 2]), ([0], [1, 2]), ([1], [1])])
def test_too_little_to_measure_is_refused(lots: list[int], seeds: list[int]) -> None:
    with pytest.raises(ConfigError):
        impact_curves(load_preset("zi"), plan_of(), lots, seeds)
