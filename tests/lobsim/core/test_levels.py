"""Price levels: sparse, far, negative and wandering prices, next to a slow book that only knows sorting."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from lobsim import Book
from lobsim.core.book import BookSize
from lobsim.core.levels import find_level, fold
from lobsim.types import MAX_LEVEL_UNITS, MAX_PRICE_TICKS, MESSAGE, Reason, ReportKind, Side, Verb
from tests.lobsim.core.test_matching_differential import TINY, assert_agrees, small_book
from tests.oracle.venue import OracleVenue


def requests(rows: list[tuple[int, int, int, int, int]]) -> np.ndarray:
    """Messages out of (verb, order_id, side, price, size)."""
    messages = np.zeros(len(rows), MESSAGE)
    for i, name in enumerate(("verb", "order_id", "side", "price_ticks", "size_lots")):
        messages[name] = [row[i] for row in rows]
    return messages


def drifting_market(seed: int, span_ticks: int, steps: int) -> np.ndarray:
    """A market that walks span_ticks up and back; of every hundred orders one is left far behind."""
    rng = random.Random(seed)
    rows: list[tuple[int, int, int, int, int]] = []
    live: list[int] = []
    for i in range(1, steps + 1):
        way = 1 - abs(2 * i / steps - 1)
        center = round(span_ticks * way)
        side = rng.randint(0, 1)
        away = rng.randint(-2, 30)
        price = center - away if side == Side.BUY else center + 1 + away
        rows.append((Verb.NEW, i, side, price, rng.randint(1, 9)))
        if i % 100:
            live.append(i)
        if len(live) > 40:
            rows.append((Verb.CANCEL, live.pop(0), 0, 0, 0))
    return requests(rows)


@pytest.mark.parametrize("room", [TINY, BookSize()], ids=["tiny", "default"])
def test_a_market_that_runs_millions_of_ticks_and_back_is_followed(
    limit: Callable[[int, int], int], room: BookSize
) -> None:
    span, steps = limit(2_000_000, 200_000), limit(20_000, 1_000)
    messages = drifting_market(5, span, steps)
    assert_agrees(messages, f"drifting_market(5, {span}, {steps})", room)
    reports = small_book().run(messages)
    assert np.count_nonzero(reports["kind"] == ReportKind.TRADE) > steps // 20
    assert reports["price_ticks"].max() > 0.99 * span


def test_sparse_levels_are_met_best_first_however_far_apart() -> None:
    rng = random.Random(9)
    prices = [rng.choice((1, -1)) * rng.randint(0, 2 ** rng.randint(1, 46)) for _ in range(300)]
    edges = [MAX_PRICE_TICKS, -MAX_PRICE_TICKS, 0, 1, -1]
    rows = [(int(Verb.NEW), i, int(Side.SELL), price, 1 + i) for i, price in enumerate([*prices, *edges])]
    book, oracle = small_book(), OracleVenue()
    messages = requests(rows)
    book.run(messages)
    for message in messages:
        oracle.process(message)
    assert oracle.levels(Side.SELL) == [(int(p), int(s), n) for p, s, n in book.asks(1000)]
    assert -MAX_PRICE_TICKS == book.best_ask
    book.audit()


@pytest.mark.parametrize("window", [64, 4096, 2**14, 2**18])
def test_the_next_level_is_found_across_every_word_of_the_bitmap(window: int) -> None:
    half = window // 2
    near = [0, 1, 62, 63, 64, 65, 4094, 4095, 4096, 4097, 8191, 8192, half - 64, half - 2, half - 1]
    offsets = sorted({o for o in near if 0 <= o < half} | {-o for o in near if 0 <= o < half} | {-half})
    book = Book("1", room=BookSize(window=window, far=8))
    rows = [(int(Verb.NEW), 0, int(Side.SELL), 0, 1)]
    rows += [(int(Verb.NEW), 10_000_000 + o, int(Side.SELL), o, 1) for o in offsets if o]
    book.run(requests(rows))
    assert 0 == book.arrays.sides[Side.SELL]["far"]  # all of them in the window
    assert offsets == [level.price for level in book.asks(100)]
    random.Random(3).shuffle(offsets)
    for done, o in enumerate(offsets, 1):
        book.run(requests([(int(Verb.CANCEL), 10_000_000 + o if o else 0, 0, 0, 0)]))
        assert min(offsets[done:], default=None) == book.best_ask
        book.audit()


def test_prices_fold_so_that_smaller_is_better_on_both_sides() -> None:
    assert fold(0, 101) < fold(0, 100)
    assert fold(1, 100) < fold(1, 101)


def test_a_level_takes_sizes_up_to_its_bound_and_refuses_the_unit_beyond() -> None:
    book = Book("1", room=TINY)
    book.limit(1, "buy", 100, 10)
    level = int(find_level(book.arrays, 0, fold(0, 100)))
    order = int(book.arrays.nodes[level]["next"])
    for slot in (level, order):
        book.arrays.nodes[slot]["size"] = MAX_LEVEL_UNITS - 5
    assert Reason.SIZE_OVERFLOW == book.limit(2, "buy", 100, 6, "gtd", expire_ns=9).refused
    assert None is book.limit(3, "buy", 99, 6).refused
    assert Reason.SIZE_OVERFLOW == book.replace(3, 100, 6).refused
    assert None is book.limit(2, "buy", 100, 5, "gtd", expire_ns=9).refused
    book.audit()
