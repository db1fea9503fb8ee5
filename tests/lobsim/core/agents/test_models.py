"""FCN, extended Chiarella and the auction traders: against slow twins, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lobsim.types import AgentKind, Kind
from tests.oracle.agents.slow_background import SlowFundamental
from tests.oracle.agents.slow_market import SlowAgent
from tests.oracle.agents.slow_models import SlowChiarella, SlowFcn, SlowHistory, SlowTrader
from tests.support.scenes import Entry, new_scene, rows_of, run_scene
from tests.support.slow_scenes import SECOND, both

LATE = {"order_ns": 7_000_050, "answer_ns": 7_000_000, "feed_ns": 7_000_000, "hears": 1}
FUNDAMENTAL = (1000.0, 1000.0, 0.001, 1.0, 0.0, 0.0, 0.0)
HISTORY = (1.0 * SECOND, 64.0, 1000.0)
FCN = (1.0 * SECOND, 1.0, 0.3, 1.0, 50.0, 100.0, 0.001, 20.0, 60.0, 0.05, 5.0 * SECOND, 1.0)
CLASSES = [
    (0.05, 0.0001, 0.0, 0.0, 0.0, 0.0, 1.0 * SECOND, 0.3, 4.0, 30.0 * SECOND, 2.0),
    (0.0, 0.0, 2.0, 0.5, 0.1, 0.0, 1.0 * SECOND, 0.3, 4.0, 30.0 * SECOND, 2.0),
    (0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 1.0 * SECOND, 0.3, 4.0, 30.0 * SECOND, 2.0),
]
TRADER = (2.0, 900.0, 1100.0, 800.0, 1200.0, 10.0 * SECOND, 2.0 * SECOND, 3.0, 5.0)
RULES = (AgentKind.ZIC, AgentKind.ZIP, AgentKind.GVWY, AgentKind.SHVR)


@pytest.mark.parametrize("delays", [{}, LATE], ids=["at once", "after delays"])
def test_fcn_agents_do_what_their_slow_twins_do(delays: dict[str, int], limit: Callable[[int, int], int]) -> None:
    entries = [
        Entry(AgentKind.FUNDAMENTAL, FUNDAMENTAL, memory=1),
        Entry(AgentKind.PRICE_HISTORY, HISTORY, memory=65),
        Entry(AgentKind.FCN, (0.0, 1.0, *FCN), memory=6, count=20, **delays),
    ]
    fundamental, history = SlowFundamental(*FUNDAMENTAL), SlowHistory(*HISTORY)
    twins: list[SlowAgent] = [fundamental, history, *(SlowFcn(fundamental, history, *FCN) for _ in range(20))]
    rows, market = both(entries, twins, 8, limit(300, 90))
    assert rows == market.rows
    kinds = [row[1] for row in rows]
    assert min(kinds.count(kind) for kind in (Kind.ADD, Kind.EXECUTE, Kind.DELETE)) > 10


@pytest.mark.parametrize("delays", [{}, LATE], ids=["at once", "after delays"])
def test_classes_of_chiarella_do_what_their_slow_twins_do(
    delays: dict[str, int], limit: Callable[[int, int], int]
) -> None:
    entries = [Entry(AgentKind.FUNDAMENTAL, FUNDAMENTAL, memory=1)]
    fundamental = SlowFundamental(*FUNDAMENTAL)
    twins: list[SlowAgent] = [fundamental]
    for numbers in CLASSES:
        entries.append(Entry(AgentKind.CHIARELLA, (0.0, *numbers), start=(0.0, 990.0), count=2, **delays))
        twins += [SlowChiarella(990.0, fundamental, *numbers) for _ in range(2)]
    rows, market = both(entries, twins, 9, limit(200, 60))
    assert rows == market.rows
    assert len(rows) > limit(1_000, 200)
    assert {row[1] for row in rows} == {Kind.ADD, Kind.EXECUTE, Kind.DELETE}


@pytest.mark.parametrize("delays", [{}, LATE], ids=["at once", "after delays"])
def test_auction_traders_do_what_their_slow_twins_do(delays: dict[str, int], limit: Callable[[int, int], int]) -> None:
    entries = [Entry(kind, TRADER, memory=12, count=6, **delays) for kind in RULES]
    twins: list[SlowAgent] = [SlowTrader(kind, *TRADER) for kind in RULES for _ in range(6)]
    rows, market = both(entries, twins, 10, limit(300, 45))
    assert rows == market.rows
    assert sum(row[1] == Kind.EXECUTE for row in rows) > limit(50, 6)


@pytest.mark.parametrize("kind", RULES, ids=[kind.name for kind in RULES])
def test_nobody_trades_beyond_a_limit(kind: AgentKind) -> None:
    """All limits are 1000 on both sides: whatever trades does so at 1000 (Gode and Sunder's traders with a budget)."""
    numbers = (2.0, 1000.0, 1000.0, 900.0, 1100.0, 600.0 * SECOND, 1.0 * SECOND, 2.0, 5.0)
    scene = run_scene(new_scene([Entry(kind, numbers, memory=12, count=6, **LATE)], 4), 20 * SECOND)
    prices = {row[3] for row in rows_of(scene) if row[1] == Kind.EXECUTE}
    assert prices <= {1000}
    assert (np.abs(scene.crowd.agents["position_lots"]) <= 2).all()


def test_a_market_of_zip_traders_comes_to_its_equilibrium(small: bool) -> None:
    """Limits uniform on both sides between 900 and 1100: supply meets demand at 1000."""
    if small:
        pytest.skip("statistics need compiled speed")
    numbers = (900.0, 1100.0, 800.0, 1200.0, 20.0 * SECOND, 1.0 * SECOND, 1.0, 5.0)
    entries = [Entry(AgentKind.ZIP, (side, *numbers), memory=12, count=20) for side in (0.0, 1.0)]
    scene = run_scene(new_scene(entries, 5), 2_000 * SECOND)
    prices = [row[3] for row in rows_of(scene) if row[1] == Kind.EXECUTE]
    later = np.array(prices[len(prices) // 3 :])
    assert len(later) > 100
    assert abs(later.mean() - 1000) < 15
    assert later.std() < 45


def test_fundamentalists_bring_the_price_to_the_value(small: bool) -> None:
    if small:
        pytest.skip("statistics need compiled speed")
    value = (1040.0, 1040.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    entries = [Entry(AgentKind.FUNDAMENTAL, value, memory=1)]
    entries += [
        Entry(AgentKind.CHIARELLA, (0.0, *numbers), start=(0.0, 1000.0)) for numbers in (CLASSES[0], CLASSES[2])
    ]
    scene = run_scene(new_scene(entries, 3), 1_000 * SECOND)
    last = [row[3] for row in rows_of(scene) if row[1] == Kind.EXECUTE]
    assert abs(np.mean(last[-len(last) // 3 :]) - 1040) < 15
