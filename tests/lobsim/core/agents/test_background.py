"""The agents of ABIDES against their slow twins, order by order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lobsim.types import AgentKind
from tests.oracle.agents.slow_background import (
    SlowFundamental,
    SlowMaker,
    SlowMomentum,
    SlowNoise,
    SlowValue,
)
from tests.oracle.agents.slow_market import SlowAgent
from tests.support.scenes import Entry
from tests.support.slow_scenes import SECOND, both

CLOSE = 600 * SECOND
FUNDAMENTAL = (1000.0, 990.0, 0.01, 2.0, 0.02, 30.0, 25.0)
VALUE = (1000.0, 0.002, 3.0 * SECOND, 4.0, float(CLOSE), 0.1, 2.0)
MAKER = (20.0 * SECOND, 0.05, 5.0, 2.0, 0.5, 0.75, 0.001, 4.0, 70.0)
LATE = {"order_ns": 7_000_050, "answer_ns": 7_000_000, "feed_ns": 7_000_000, "hears": 1}


@pytest.mark.parametrize("delays", [{}, LATE], ids=["at once", "after delays"])
@pytest.mark.parametrize("seed", [1, 2])
def test_all_families_together_do_what_their_slow_twins_do(
    delays: dict[str, int], seed: int, limit: Callable[[int, int], int]
) -> None:
    entries = [
        Entry(AgentKind.FUNDAMENTAL, FUNDAMENTAL, memory=1),
        Entry(AgentKind.VALUE, (0.0, *VALUE), count=8, **delays),
        Entry(AgentKind.NOISE, (-100.0 * SECOND, 600.0 * SECOND), count=30, **delays),
        Entry(AgentKind.MOMENTUM, (2.0 * SECOND, 0.0, 0.0), memory=53, count=2, **delays),
        Entry(AgentKind.MOMENTUM, (3.0 * SECOND, 1.0, 10.0), memory=53, count=1, **delays),
        Entry(AgentKind.MARKET_MAKER, MAKER, memory=8, count=2, warned=1, **delays),
    ]

    fundamental = SlowFundamental(*FUNDAMENTAL)
    twins: list[SlowAgent] = [fundamental]
    twins += [SlowValue(fundamental, *VALUE) for _ in range(8)]
    twins += [SlowNoise(-100 * SECOND, 600 * SECOND) for _ in range(30)]
    twins += [SlowMomentum(2.0 * SECOND, 0, 0), SlowMomentum(2.0 * SECOND, 0, 0), SlowMomentum(3.0 * SECOND, 1, 10)]
    twins += [SlowMaker(*MAKER), SlowMaker(*MAKER)]
    rows, market = both(entries, twins, seed, limit(500, 100))
    assert rows == market.rows
    assert len(rows) > limit(1_000, 200)
