"""A scene and its slow twin side by side."""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracle.agents.slow_market import SlowAgent, SlowMarket
from tests.support.metaorders import metaorders_of
from tests.support.scenes import Entry, new_scene, rows_of, run_scene

SECOND = 10**9
START = 1_700_000_000 * SECOND


def both(
    entries: Sequence[Entry], twins: Sequence[SlowAgent], seed: int, seconds: float
) -> tuple[list[tuple[int, ...]], SlowMarket]:
    """The log of a scene, and the twin market at the same time; what agents know and how often they woke is compared here."""
    settings = [entry for entry in entries for _ in range(entry.count)]
    for agent, entry in zip(twins, settings, strict=True):
        agent.order_ns, agent.answer_ns, agent.feed_ns = entry.order_ns, entry.answer_ns, entry.feed_ns
        agent.hears, agent.warned = bool(entry.hears), bool(entry.warned)
    market = SlowMarket(seed, list(twins))
    market.begin(START)
    until = START + round(seconds * SECOND)
    market.run(until)
    scene = run_scene(new_scene(entries, seed, START), until)
    assert [agent.known_lots for agent in twins] == scene.crowd.agents["known_lots"].tolist()
    assert [agent.wakes for agent in twins] == scene.crowd.agents["wakes"].tolist()
    closed = [agent.metaorder for agent in twins if getattr(agent, "metaorder", None) is not None]  # type: ignore[attr-defined]
    assert sorted(closed) == sorted(metaorders_of(scene, *range(len(twins))))
    return rows_of(scene), market
