"""Changes of a stream whose effect is known without knowing the answers (numbers: the project's metamorphic relations, 43 to 51).

Held elsewhere, in test_matching_differential.py: 43 mirror, 44 shift of prices, 47 other ids, 50 a batch is its messages one by one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim import Book
from lobsim.core.layout import Book as Arrays
from lobsim.core.world import copy_world
from lobsim.types import (
    MAX_PRICE_TICKS,
    MESSAGE,
    MessageFlag,
    OrderType,
    ReportKind,
    TimeInForce,
    Verb,
)
from tests.oracle.streams import random_history, random_messages
from tests.support.worlds import Venue, tape_of

STREAM = random_messages(41, 1_200, invalid=0)
SIZES = ["size_lots", "remaining_lots"]
TRADED = ["order_id", "other_id", "side", "price_ticks", "size_lots"]


def answers(messages: np.ndarray) -> np.ndarray:
    """What a fresh book says."""
    return Book("1").run(messages)


def trades(reports: np.ndarray) -> list[tuple[int, ...]]:
    """Every trade, in order."""
    return reports[reports["kind"] == ReportKind.TRADE][TRADED].tolist()


@pytest.mark.parametrize("factor", [2, 7, 10**6])
def test_sizes_times_k_give_fills_times_k(factor: int) -> None:
    """45."""
    scaled = STREAM.copy()
    scaled["size_lots"] *= factor
    expected = answers(STREAM)
    for name in SIZES:
        expected[name] *= factor
    assert np.array_equal(expected, answers(scaled))


@given(data=st.data())
def test_an_order_that_does_not_trade_put_in_and_cancelled_anywhere_changes_no_trade(data: st.DataObject) -> None:
    """46: orders that may not take, at any price, cancelled at once; where they would trade they are refused."""
    part = STREAM[:400]
    places = sorted(data.draw(st.lists(st.integers(0, len(part)), min_size=1, max_size=8)))
    extra = np.zeros(2 * len(places), MESSAGE)
    for i, place in enumerate(places):
        asked, gone = extra[2 * i], extra[2 * i + 1]
        asked["ts_ns"] = gone["ts_ns"] = part["ts_ns"][max(place - 1, 0)]
        asked["side"] = data.draw(st.integers(0, 1))
        asked["price_ticks"] = part["price_ticks"].max() + data.draw(st.integers(-40, 10))
        asked["size_lots"] = data.draw(st.integers(1, 1000))
        asked["flags"] = MessageFlag.POST_ONLY
        asked["order_id"] = gone["order_id"] = 10**9 + i
        gone["verb"], gone["side"] = Verb.CANCEL, -1
    longer = np.insert(part, np.repeat(places, 2), extra)
    plain, crowded = Book("1"), Book("1")
    assert trades(plain.run(part)) == trades(crowded.run(longer))
    assert plain.state_hash() == crowded.state_hash()


def test_a_market_order_is_an_immediate_one_at_an_unreachable_limit() -> None:
    """48: the same answers, but for the price of a limit, and the same book."""
    market = (STREAM["verb"] == Verb.NEW) & (STREAM["type"] == OrderType.MARKET) & (STREAM["tif"] != TimeInForce.GTD)
    assert market.sum() > 20
    limited = STREAM.copy()
    limited["type"][market] = OrderType.LIMIT
    gtc = market & (STREAM["tif"] == TimeInForce.GTC)
    limited["tif"][gtc] = TimeInForce.IOC
    limited["price_ticks"][market] = np.where(STREAM["side"][market] == 0, MAX_PRICE_TICKS, -MAX_PRICE_TICKS)
    first, second = Book("1"), Book("1")
    expected, got = first.run(STREAM), second.run(limited)
    for reports in (expected, got):
        reports["price_ticks"][reports["kind"] != ReportKind.TRADE] = 0
    assert np.array_equal(expected, got)
    assert first.state_hash() == second.state_hash()


@pytest.mark.parametrize("cut", [1, 300, 1_199])
def test_a_book_written_to_files_read_back_and_continued_is_one_run(cut: int, tmp_path: Path) -> None:
    """49, for a book."""
    whole, first, second = Book("1"), Book("1"), Book("1")
    expected = whole.run(STREAM)
    reports = [first.run(STREAM[:cut])]
    for name, array in first.arrays._asdict().items():
        np.save(tmp_path / f"{name}.npy", array)
    second.arrays = Arrays(*(np.load(tmp_path / f"{name}.npy") for name in Arrays._fields))
    reports.append(second.run(STREAM[cut:]))
    reports[1]["sequence"] += cut
    assert np.array_equal(expected, np.concatenate(reports))
    assert whole.state_hash() == second.state_hash()


def test_a_replay_copied_in_the_middle_and_continued_is_one_run() -> None:
    """49, for a replayed day; what the copy does is nothing to the run it came from."""
    tape = tape_of(random_history(4, 400))
    whole, cut = Venue(tape), Venue(tape)
    last_ns = int(tape["ts_ns"][-1])
    whole.run_to(last_ns)
    cut.run_to(int(tape["ts_ns"][200]))
    middle = cut.hash()
    continued = Venue(tape)
    continued.world = copy_world(cut.world)
    continued.run_to(last_ns)
    assert whole.hash() == continued.hash()
    assert middle == cut.hash()


@given(cuts=st.lists(st.integers(1, 60), min_size=5, max_size=40))
def test_two_symbols_interleaved_are_each_alone(cuts: list[int]) -> None:
    """51."""
    streams = [random_messages(51, 500), random_messages(52, 500, center=-70)]
    books, told, done = (Book("1"), Book("1")), ([], []), [0, 0]
    for turn, length in enumerate(cuts):
        which = turn % 2
        part = streams[which][done[which] : done[which] + length]
        reports = books[which].run(part)
        reports["sequence"] += done[which]
        told[which].append(reports)
        done[which] += len(part)
    for which in range(2):
        assert np.array_equal(answers(streams[which][: done[which]]), np.concatenate(told[which]))
