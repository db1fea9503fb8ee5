"""The families behind the bundled day: event by event beside a slow twin, and what they are meant to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from lobsim.core.agents.efficient_price import FAIR_NOW, learn_from_trades
from lobsim.core.agents.quoters import GAP
from lobsim.core.agents.state import AGENT
from lobsim.core.agents.tables import between, pick
from lobsim.core.chance import key_of
from lobsim.market import Market
from lobsim.projection import touch_of
from lobsim.simulation import Simulation, load_preset
from lobsim.simulation.day_families import Quoters
from lobsim.simulation.families import Setting
from lobsim.simulation.preset import Preset
from lobsim.types import AgentKind, Kind
from tests.oracle.agents.slow_day import SlowDay
from tests.support.flow_scenes import flow_scene

SECOND = 10**9


def changed(**fields: dict[str, Any]) -> Preset:
    """The preset `day` without its warm-up, with other fields in some of its families."""
    table = load_preset("day").model_dump()
    table["session"]["warmup"] = 0
    for entry in table["agents"]:
        entry.update(fields.get(entry["family"], {}))
    return Preset.model_validate(table)


def beside(preset: Preset, seed: int, seconds: int) -> tuple[list[tuple[int, ...]], SlowDay]:
    """The rows of the compiled market from its first event on, and the slow one after as long."""
    simulation = Simulation(preset, seed, duration_ns=seconds * SECOND)
    run = simulation.start()
    run.record()
    run.advance(simulation.info.session_end_ns)
    rows = run.take_rows()
    names = ("ts_ns", "kind", "side", "price_ticks", "size", "order_id", "other_id", "match_id")
    begin_ns = simulation.info.session_start_ns
    price, takers, quoters = preset.in_turn
    slow = SlowDay(
        price, takers, quoters, seed=seed, begin_ns=begin_ns, open_ns=begin_ns, start_ticks=preset.listing.start_ticks
    )
    slow.run(simulation.info.session_end_ns)
    return list(zip(*(rows[name].tolist() for name in names), strict=True)), slow


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"quoters": {"halves": 512, "opening": 12, "error": 300}, "metaorder_takers": {"gap": 10**9, "live": 2}},
        {"efficient_price": {"news_gap": 2 * 10**8, "passing": 1024, "coming_back": 300, "impact": 300}},
        {"metaorder_takers": {"all_hidden": 300, "part_hidden": 500, "at_mid": 300, "gap": 5 * 10**8}},
    ],
    ids=["as it is", "few quotes", "much news", "much hidden"],
)
def test_every_event_is_that_of_the_slow_twin(fields: dict[str, Any], limit: Callable[[int, int], int]) -> None:
    rows, slow = beside(changed(**fields), 11, limit(400, 40))
    assert len(rows) > limit(2000, 200)
    assert rows == slow.market.rows


def record(numbers: Sequence[float] = (), seed: int = 1) -> tuple[Any, np.ndarray]:
    """One agent who draws, and its numbers."""
    agents = np.zeros(1, AGENT)
    agents["key"] = key_of(seed, 0)
    return agents[0], np.array(numbers, float)


def test_pick_gives_each_value_its_share(limit: Callable[[int, int], int]) -> None:
    agent, numbers = record([3, 16384, 5, 49152, 7, 65536, 9])
    count = limit(20_000, 2000)
    values, counts = np.unique([pick(agent, numbers, 0) for _ in range(count)], return_counts=True)
    assert [5, 7, 9] == values.tolist()
    assert pytest.approx([0.25, 0.5, 0.25], abs=0.04) == counts / count


def test_between_goes_in_a_straight_line(limit: Callable[[int, int], int]) -> None:
    agent, numbers = record([3, 0, 100, 32768, 200, 65536, 10**12])
    count = limit(20_000, 2000)
    values = np.array([between(agent, numbers, 0) for _ in range(count)])
    low = values[values < 200]
    assert 100 <= values.min() and values.max() < 10**12
    assert pytest.approx(0.5, abs=0.04) == len(low) / count
    assert pytest.approx(150, abs=3) == low.mean()
    assert pytest.approx(5e11, rel=0.06) == values[values >= 200].mean()


def test_a_time_table_of_exponential_waits_has_its_mean(limit: Callable[[int, int], int]) -> None:
    quoters = load_preset("day").in_turn[2]
    assert isinstance(quoters, Quoters)
    numbers = quoters.numbers(Setting(0, 0, 0, 0))
    agent, table = record(numbers)
    count = limit(20_000, 2000)
    waits = np.array([between(agent, table, int(numbers[GAP])) for _ in range(count)])
    assert pytest.approx(974e6, rel=0.08) == waits.mean()


def test_what_was_expected_moves_the_price_less() -> None:
    """After a run of buys the next buy is hardly news, a sell is."""
    fields = load_preset("day").in_turn[0]
    moves = []
    for last in (1, -1):
        setting = Setting(1000, 0, 0, 0)
        scene = flow_scene([(AgentKind.EFFICIENT_PRICE, fields.numbers(setting), fields.memory(setting))])
        for sign in [1] * 30 + [last]:
            name = "bought_lots" if sign > 0 else "sold_lots"
            scene.crowd.head[name] += 100
            before = scene.crowd.memory[FAIR_NOW]
            learn_from_trades(scene, np.int64(0))
        moves.append(scene.crowd.memory[FAIR_NOW] - before)
    assert 0 < 2 * moves[0] < -moves[1]


def test_hidden_orders_trade_within_the_spread_some_between_two_ticks(limit: Callable[[int, int], int]) -> None:
    preset = changed(metaorder_takers={"all_hidden": 500, "gap": 10**9}, quoters={"half_spread": [150, 200, 250]})
    simulation = Simulation(preset, 3, duration_ns=limit(600, 20) * SECOND)
    dataset = simulation.day().dataset
    market = Market(dataset)
    touch = touch_of(dataset)
    hidden = np.flatnonzero(dataset.events["kind"].to_numpy() == Kind.EXECUTE_HIDDEN)
    price = dataset.events["price"].to_numpy()[hidden]
    tick = dataset.info.tick_quanta
    assert len(hidden) > limit(50, 3)
    assert np.all((touch[hidden - 1, 0] * tick < price) & (price < touch[hidden - 1, 2] * tick))
    between_ticks = price[price % tick != 0]
    assert len(between_ticks) > 0 and np.all(between_ticks % tick == tick // 2)
    assert market.replay().unknown == 0


@pytest.mark.parametrize(
    ("family", "fields", "said"),
    [
        ("quoters", {"size": [[500, 1], [400, 2]]}, "rise"),
        ("quoters", {"near": [[5, 0], [10, 3]]}, "weight 0"),
        ("quoters", {"halves": 1025}, "1024"),
        ("efficient_price", {"forgetting": [1, 2]}, "one entry for each sum"),
        ("efficient_price", {"regime": [[1, 7]]}, "no entry for"),
        ("metaorder_takers", {"count": 2}, "1"),
    ],
)
def test_laws_that_are_none_are_refused(family: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        changed(**{family: fields})


def test_quotes_need_an_efficient_price() -> None:
    table = load_preset("day").model_dump()
    table["agents"] = [entry for entry in table["agents"] if entry["family"] != "efficient_price"]
    with pytest.raises(ValidationError, match="efficient_price"):
        Preset.model_validate(table)
