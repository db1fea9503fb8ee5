"""Random commands by the million through the core: every answer is held against the three properties, the state against what the answers say.

Nothing here shares code with the core: `lobsim.properties` follows the answers in a book of its own, and from what rests in it the state hash of docs/rules.md is
computed again and compared; the core's audit walks its book.  The first commands of each flow are played by the slow venue too.

``LOBSIM_SOAK_MESSAGES`` sets how many commands the slow test plays, 10^8 if it says nothing (a quarter of an hour or so)::

    LOBSIM_SOAK_MESSAGES=1000000000 ./run test -m slow tests/lobsim/core/test_soak.py
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from lobsim.core.shadow import LINE_HIDDEN, LINE_WAITS
from lobsim.properties import StreamChecker
from lobsim.types import Allocation, SelfTrade
from tests.conftest import SMALL
from tests.oracle.book import WORD, fnv
from tests.oracle.typed_streams import rules_record
from tests.support.engines import CoreEngine, OracleEngine
from tests.support.random_flow import Flow, RandomFlow

BLOCK = 500 if SMALL else 50_000
WITH_ORACLE = 150 if SMALL else 1_500
"""Commands of each flow that the slow venue plays too."""
STATES_EVERY = 4
"""Blocks from one comparison of states to the next."""

FLOWS = {
    "plain": Flow(types=(0.9, 0.1, 0, 0, 0, 0), special=0),
    "deep": Flow(types=(0.9, 0.1, 0, 0, 0, 0), special=0, ids=20_000, id_factor=0x9E3779B97F4A7C15, spread=40),
    **{f"fifo, {mode.name}": Flow(rules={"self_trade": int(mode)}) for mode in SelfTrade},
    "pro rata": Flow(rules={"allocation": int(Allocation.PRO_RATA), "self_trade": int(SelfTrade.CANCEL_OLDEST)}),
    "top 2": Flow(rules={"allocation": int(Allocation.TOP_N), "top_orders": 2}, ids=600, spread=1.5),
}


def words(resting: np.ndarray) -> Iterator[int]:
    """What the state hash of docs/rules.md mixes, from orders that rest or wait."""
    waits = resting["bits"] & LINE_WAITS != 0
    for side in (0, 1):
        yield -1 - side
        last = None
        for order in resting[(resting["side"] == side) & ~waits]:
            if order["price_ticks"] != last:
                last = order["price_ticks"]
                yield int(last)
            yield from (int(order["order_id"]), int(order["rest"]), 0)
            hidden = int(order["bits"] & LINE_HIDDEN != 0)
            if order["reserve"] or hidden:
                yield from (int(order["reserve"]), hidden)
    if waits.any():
        each = resting[waits][["order_id", "stop_ticks", "rest"]].tolist()
        yield sum(fnv(one) for one in each) % WORD


def soak(name: str, seed: int, count: int) -> int:
    """Play `count` commands of a flow, or fail saying where; answers the trades."""
    flow = FLOWS[name]
    author, checker = RandomFlow(flow, seed), StreamChecker(rules_record(flow.rules))
    engine = CoreEngine(flow.rules, np.zeros(0))
    for number, start in enumerate(range(0, count, BLOCK)):
        messages, terms = author.block(min(BLOCK, count - start))
        engine.terms = terms
        if number == 0:
            expected = OracleEngine(flow.rules, terms).play(messages[:WITH_ORACLE])
            assert expected == CoreEngine(flow.rules, terms).play(messages[:WITH_ORACLE]), f"{name}, seed {seed}"
        reports = engine.reports(messages)
        found = checker.check(messages, reports, terms)
        assert not found.count, f"{name}, seed {seed}, block {number}: {found}"
        engine.audit()
        if number % STATES_EVERY == 0:
            expected_hash = fnv(words(checker.resting)) >> 1
            assert expected_hash == engine.state_hash(), f"{name}, seed {seed}, block {number}: the states differ"
    return checker.findings.facts["trades"]


@pytest.mark.parametrize("name", FLOWS)
def test_a_short_soak_finds_nothing(name: str, limit: Callable[[int, int], int]) -> None:
    count = limit(80_000, 500)
    assert count // 20 < soak(name, 1, count)


@pytest.mark.slow
@pytest.mark.parametrize("name", FLOWS)
def test_a_soak_of_a_hundred_million_commands_finds_nothing(name: str) -> None:
    count = int(os.environ.get("LOBSIM_SOAK_MESSAGES", 10**8)) // len(FLOWS)
    assert count // 20 < soak(name, 2, count)
