"""Calm stretches of a tape of levels end as the general rules do: the same book, the same ledgers, the same publications."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.core.world import WorldSize
from lobsim.core.world_hash import world_hash
from lobsim.types import NEVER, Flag, Impact, Kind, Phase
from tests.lobsim.core.test_calm import one_by_one, published, stretch
from tests.oracle.streams import random_l2_history
from tests.support.worlds import BUY, SELL, Venue, row

ROOMY = WorldSize(ring=2**15)
LEVELS = (row(1, Kind.LEVEL, BUY, 0, 100, 5), row(2, Kind.LEVEL, SELL, 0, 103, 7), row(3, Kind.LEVEL, BUY, 0, 100, 4))


def ledgers(venue: Venue) -> list[tuple[int, ...]]:
    """(price, recorded, consumed, spared) of every level."""
    book = venue.world.book
    names = ("hist", "consumed", "spared")
    places = [(side, price) for side in (BUY, SELL) for price, _ in venue.queues(side)]
    nodes = {int(book.nodes[slot]["key"]): slot for slot in range(len(book.nodes)) if book.nodes[slot]["level"] == slot}
    return [(price, *(int(book.info[nodes[price]][name]) for name in names)) for _, price in places if price in nodes]


def calm_rows(*rows: dict[str, int], **settings: Any) -> int:
    """How many of these rows are replayed in one calm stretch from the beginning."""
    return int(stretch(Venue(rows, by_levels=True, **settings).world, NEVER, len(rows)))


@pytest.mark.parametrize("impact", [Impact.CONSUME, Impact.NONE, Impact.DECAY])
@pytest.mark.parametrize("seed", range(5))
def test_own_orders_between_quiet_stretches_change_nothing_about_them(seed: int, impact: Impact, limit: Any) -> None:
    history = random_l2_history(seed, limit(500, 120))
    fast, slow = (Venue(history, by_levels=True, listens=True, size=ROOMY, impact=impact) for _ in range(2))
    for number, k in enumerate(np.linspace(0, len(history) - 1, 10).astype(int)):
        until_ns = int(history["ts_ns"][k])
        fast.run_to(until_ns)
        one_by_one(slow, until_ns)
        assert published(slow) == published(fast)
        assert ledgers(slow) == ledgers(fast)
        assert world_hash(slow.world) == world_hash(fast.world)
        touch = fast.levels(number % 2)
        for venue in (fast, slow):
            if touch and number % 3 == 0:
                venue.send(1 - number % 2, touch[0][0], 7)
            elif touch and number % 3 == 1:
                venue.cancel(venue.send(number % 2, touch[0][0], 3))
    fast.run_to(NEVER)
    one_by_one(slow, NEVER)
    assert published(slow) == published(fast)
    assert world_hash(slow.world) == world_hash(fast.world)
    assert slow.head["crossed"] == fast.head["crossed"]
    fast.check()


def test_levels_and_prints_of_a_quiet_market_are_plain() -> None:
    rows = (*LEVELS, row(4, Kind.PRINT, BUY, 0, 100, 1), row(5, Kind.LEVEL, SELL, 0, 103, 0))
    assert 5 == calm_rows(*rows)
    assert 0 == calm_rows(*rows, impact=Impact.DECAY)


@pytest.mark.parametrize(
    ("odd", "rows"),
    [
        (row(4, Kind.CLEAR), 3),
        (row(4, Kind.PHASE, size=int(Phase.HALT)), 3),
        (row(4, Kind.PRINT, -1, 0, 100, 1), 3),
        (row(4, Kind.PRINT, BUY, 0, 100, 1, flags=int(Flag.AUCTION)), 3),
    ],
)
def test_what_is_not_plain_is_left_to_the_general_rules(odd: dict[str, int], rows: int) -> None:
    assert rows == calm_rows(*LEVELS, odd, row(5, Kind.LEVEL, SELL, 0, 104, 2))


def test_a_level_that_own_taking_has_eaten_of_is_not_plain() -> None:
    venue = Venue([*LEVELS, row(9, Kind.LEVEL, SELL, 0, 103, 6)], by_levels=True)
    venue.run_to(3)
    venue.send(BUY, 103, 2)
    venue.run_to(3)
    assert 0 == stretch(venue.world, NEVER, 9)
    venue.run_to(9)
    assert [(103, 4 << 20)] == venue.levels(SELL)
