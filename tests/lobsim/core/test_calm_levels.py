"""Calm stretches of a tape of levels end as the general rules do: the same book, the same ledgers, the same publications."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.core.book import BookSize
from lobsim.core.depth import copy_levels
from lobsim.core.jit import borrow, kernel
from lobsim.core.layout import Book
from lobsim.core.publication import hear
from lobsim.core.world import WorldSize
from lobsim.core.world_hash import world_hash
from lobsim.types import NEVER, Flag, Impact, Kind, Phase, Status
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


@kernel
def listen(world, now_ns):
    """`hear`, asked from outside."""
    return hear(borrow(world), now_ns)


def totals(book: Book, side: int) -> list[tuple[int, int]]:
    """(price, units) of the levels with size, best first; the first is the best of its side."""
    out = np.zeros((1000, 3), np.int64)
    found = [(int(price), int(size)) for price, size, _ in out[: copy_levels(book, side, out)]]
    best = int(book.sides[side]["best_key"])
    assert (found[0][0] if found else NEVER) == (best if side == SELL or not found else -best)
    return found


def heard(venue: Venue, side: int, now_ns: int) -> list[tuple[int, int]]:
    """The same of the reader's book, who has heard everything by now."""
    assert Status.OK == Status(listen(venue.world, now_ns))
    return totals(venue.world.seen, side)


def scattered_levels(seed: int, count: int) -> list[dict[str, int]]:
    """Levels and prints over more prices than a window of 64 holds; sides fall empty and begin anew, rows repeat and take away what is not there."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(count):
        side = int(rng.integers(2))
        price = 1_000 + (2 * side - 1) * int(rng.geometric(0.03))
        size = int(rng.integers(6)) if k % 40 else 0
        kind = Kind.PRINT if rng.random() < 0.2 else Kind.LEVEL
        last = int(Flag.LAST_IN_PACKET) if rng.random() < 0.5 else 0
        rows.append(row(k + 1, kind, side, 0, price, size + (kind == Kind.PRINT), flags=last))
        if k % 150 == 149:  # one side loses everything
            gone = {each["price_ticks"] for each in rows if each["side"] == side}
            rows += [row(k + 1, Kind.LEVEL, side, 0, price, 0) for price in sorted(gone)]
    return rows


@pytest.mark.parametrize("seed", range(4))
def test_levels_in_and_outside_the_window_come_and_go_as_the_general_rules_have_it(seed: int, limit: Any) -> None:
    small = BookSize(orders=2048, window=64, far=512, ids=64)
    size = WorldSize(book=small, seen=small, ring=2**13)
    history = scattered_levels(seed, limit(900, 320))
    fast, slow = (Venue(history, by_levels=True, listens=True, size=size) for _ in range(2))
    for until_ns in range(50, int(history[-1]["ts_ns"]) + 50, 50):
        fast.run_to(until_ns)
        one_by_one(slow, until_ns)
        assert published(slow) == published(fast)
        assert ledgers(slow) == ledgers(fast)
        assert world_hash(slow.world) == world_hash(fast.world)
        for side in (BUY, SELL):
            there = totals(slow.world.book, side)
            assert there == totals(fast.world.book, side) == heard(fast, side, until_ns) == heard(slow, side, until_ns)
        fast.check()
    assert slow.head["crossed"] == fast.head["crossed"]


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
