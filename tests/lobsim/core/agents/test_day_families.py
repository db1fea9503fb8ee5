"""The families behind the bundled day: event by event beside a slow twin, and what they are meant to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lobsim.simulation import Simulation, load_preset
from lobsim.simulation.preset import Preset
from tests.oracle.agents.slow_day import SlowDay

SECOND = 10**9


def changed(**fields: dict[str, Any]) -> Preset:
    """The preset `day` with other fields in some of its families."""
    table = load_preset("day").model_dump()
    for entry in table["agents"]:
        entry.update(fields.get(entry["family"], {}))
    return Preset.model_validate(table)


def beside(preset: Preset, seed: int, seconds: int) -> tuple[list[tuple[int, ...]], SlowDay]:
    """The rows of the compiled market from its first event on, and the slow one after as long."""
    bare = preset.model_copy(update={"session": preset.session.model_copy(update={"warmup": 0})})
    simulation = Simulation(bare, seed, duration_ns=seconds * SECOND)
    run = simulation.start()
    run.record()
    run.advance(simulation.info.session_end_ns)
    rows = run.take_rows()
    names = ("ts_ns", "kind", "side", "price_ticks", "size", "order_id", "other_id", "match_id")
    begin_ns = simulation.info.session_start_ns
    price, takers, quoters = bare.in_turn
    slow = SlowDay(
        price, takers, quoters, seed=seed, begin_ns=begin_ns, open_ns=begin_ns, start_ticks=bare.listing.start_ticks
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
