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
from tests.oracle.agents.slow_market import SlowAgent, SlowMarket
from tests.support.scenes import Entry, new_scene, rows_of, run_scene

SECOND = 10**9
START = 1_700_000_000 * SECOND
CLOSE = 600 * SECOND
FUNDAMENTAL = (1000.0, 990.0, 0.01, 2.0, 0.02, 30.0, 25.0)
VALUE = (1000.0, 0.002, 3.0 * SECOND, 4.0, float(CLOSE), 0.1, 2.0)
MAKER = (20.0 * SECOND, 0.05, 5.0, 2.0, 0.5, 0.75, 0.001, 4.0, 70.0)
LATE = {"order_ns": 7_000_050, "answer_ns": 7_000_000, "feed_ns": 7_000_000, "hears": 1}


def both(
    entries: list[Entry], twins: Callable[[], list[SlowAgent]], seed: int, seconds: float
) -> tuple[list[tuple[int, ...]], SlowMarket]:
    """The log of a scene, and the twin market at the same time."""
    agents = twins()
    settings = [entry for entry in entries for _ in range(entry.count)]
    for agent, entry in zip(agents, settings, strict=True):
        agent.order_ns, agent.answer_ns, agent.feed_ns = entry.order_ns, entry.answer_ns, entry.feed_ns
        agent.hears, agent.warned = bool(entry.hears), bool(entry.warned)
    market = SlowMarket(seed, agents)
    market.begin(START)
    until = START + round(seconds * SECOND)
    market.run(until)
    scene = run_scene(new_scene(entries, seed, START), until)
    positions = [int(lots) for lots in scene.crowd.agents["known_lots"]]
    assert [agent.known_lots for agent in agents] == positions
    assert [agent.wakes for agent in agents] == scene.crowd.agents["wakes"].tolist()
    return rows_of(scene), market


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

    def twins() -> list[SlowAgent]:
        fundamental = SlowFundamental(*FUNDAMENTAL)
        mean, reversion, wait, noise, close, aggressive, depth = VALUE
        twin: list[SlowAgent] = [fundamental]
        twin += [
            SlowValue(fundamental, mean, reversion, wait, noise, int(close), aggressive, int(depth)) for _ in range(8)
        ]
        twin += [SlowNoise(-100 * SECOND, 600 * SECOND) for _ in range(30)]
        twin += [SlowMomentum(2.0 * SECOND, 0, 0), SlowMomentum(2.0 * SECOND, 0, 0), SlowMomentum(3.0 * SECOND, 1, 10)]
        wait, share, levels, least, spacing, alpha, size_skew, price_skew, backstop = MAKER
        maker = (wait, share, int(levels), int(least), spacing, alpha, size_skew, price_skew, int(backstop))
        return [*twin, SlowMaker(*maker), SlowMaker(*maker)]

    rows, market = both(entries, twins, seed, limit(500, 200))
    assert len(rows) > 500
    assert rows == market.rows
