"""What a matching engine must do, one invariant a test (numbers: the list of invariants the project keeps, 1 to 32).

Held elsewhere: 1, 2, 4 to 7 by the property checker on every stream (test_properties.py); 9 and 27 by the audit (core/test_audit.py, and every
hundred messages of core/test_matching_differential.py); 22 by core/test_replay_l3.py; 25 and 28 by core/test_levels.py; 26 by test_book.py.
19 and 21 belong to the venue rules of docs/rules.md 1b.  24 asks for nothing: no price is ever multiplied by a size in the core.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from lobsim import Book
from lobsim.answers import Reports
from lobsim.properties import StreamChecker
from lobsim.types import (
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    MESSAGE,
    NEVER,
    NONE_PRICE,
    Flag,
    Kind,
    Reason,
    ReportKind,
    Side,
    Verb,
)
from tests.oracle.streams import random_messages
from tests.support.worlds import SELL, Venue, row

BIG_IDS = (-(2**63), -1, 0, 2**31, 2**63 - 1)


@pytest.fixture
def book() -> Book:
    """Sells of 5 (order 1) and 5 (order 2) at 101 and 5 (order 3) at 103; a buy of 5 (order 4) at 99."""
    book = Book("1")
    for order_id, side, price in ((1, "sell", 101), (2, "sell", 101), (3, "sell", 103), (4, "buy", 99)):
        book.limit(order_id, side, price, 5)
    return book


def fills(reports: Reports) -> list[tuple[int, int, int]]:
    """(maker, price, size) of every trade."""
    return [(trade.order_id, int(trade.price), int(trade.size)) for trade in reports.trades]


def shown(book: Book) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    """Both sides: (price, size, orders)."""
    bids, asks = ([(int(p), int(s), n) for p, s, n in levels] for levels in (book.bids(), book.asks()))
    return bids, asks


def test_a_partly_filled_order_keeps_the_front_between_calls(book: Book) -> None:
    """Invariant 3."""
    assert [(1, 101, 2)] == fills(book.limit(10, "buy", 101, 2))
    assert [(1, 101, 2)] == fills(book.market(11, "buy", 2))
    assert [(1, 101, 1), (2, 101, 1)] == fills(book.limit(12, "buy", 101, 2))


def test_the_best_price_is_right_after_a_cancel(book: Book) -> None:
    """Invariant 8."""
    book.cancel(1)
    assert 101 == book.best_ask
    book.cancel(2)
    assert 103 == book.best_ask
    book.cancel(3)
    assert book.best_ask is None
    assert 99 == book.best_bid


def test_what_is_left_rests_at_its_own_limit(book: Book) -> None:
    """Invariant 10."""
    assert [(1, 101, 5), (2, 101, 5)] == fills(book.limit(10, "buy", 102, 12))
    assert ([(102, 2, 1), (99, 5, 1)], [(103, 5, 1)]) == shown(book)


def test_a_replace_to_a_price_that_trades_trades_at_once_at_the_resting_price(book: Book) -> None:
    """Invariants 4 and 11."""
    assert [(1, 101, 5), (2, 101, 1)] == fills(book.replace(4, 102, 6))
    assert ([], [(101, 4, 1), (103, 5, 1)]) == shown(book)


@pytest.mark.parametrize("verb", [Verb.CANCEL, Verb.REDUCE, Verb.REPLACE])
def test_a_change_of_one_order_touches_no_other(verb: Verb) -> None:
    """Invariant 12: every resting order, and its place, before and after."""
    stream = random_messages(3, 400)
    book, checker = Book("1"), StreamChecker()
    checker.check(stream, book.run(stream))
    before = checker.resting.copy()
    for victim in before[::7]:
        message = np.zeros(1, MESSAGE)
        message["verb"], message["side"] = verb, -1
        message["order_id"] = message["new_id"] = victim["order_id"]
        message["size_lots"] = max(int(victim["rest"]) - 1, 1)
        message["price_ticks"] = victim["price_ticks"]
        message["ts_ns"] = stream["ts_ns"][-1]
        checker.check(message, book.run(message))
    assert "no violation" == str(checker.findings)
    others = np.ones(len(before), bool)
    others[::7] = False
    still = np.isin(checker.resting["order_id"], before["order_id"][others])
    assert before[others].tolist() == checker.resting[still].tolist()


@pytest.mark.parametrize(
    ("price", "size", "lose_place", "first"),
    [(101, 5, False, 1), (101, 4, False, 1), (101, 6, False, 2), (101, 5, True, 2), (102, 5, False, 2)],
    ids=["no change", "smaller", "larger", "asked to", "another price"],
)
def test_only_a_replace_that_is_no_larger_at_its_price_keeps_its_place(
    book: Book, price: int, size: int, lose_place: bool, first: int
) -> None:
    """Invariant 13."""
    book.replace(1, price, size, lose_place=lose_place)
    assert first == fills(book.market(10, "buy", 1))[0][0]


@pytest.mark.parametrize("end", ["filled", "cancelled", "reduced to nothing", "never there"])
def test_a_request_about_an_order_that_is_gone_is_refused_however_often(book: Book, end: str) -> None:
    """Invariant 14."""
    gone = 77 if end == "never there" else 1
    ways: dict[str, Callable[[], object]] = {
        "filled": lambda: book.market(10, "buy", 5),
        "cancelled": lambda: book.cancel(1),
        "reduced to nothing": lambda: book.reduce(1, 5),
        "never there": lambda: None,
    }
    ways[end]()
    before = book.state_hash()
    for _ in range(3):
        for reports in (
            book.cancel(gone),
            book.reduce(gone, 1),
            book.replace(gone, 100, 1),
            book.replace(gone, 101, 1),
        ):
            assert (Reason.UNKNOWN_ORDER, 1) == (reports.refused, len(reports))
    assert before == book.state_hash()


def test_a_live_id_is_refused_and_a_dead_one_may_be_used_again_by_fill_and_cancel_alike(book: Book) -> None:
    """Invariant 15."""
    before = book.state_hash()
    assert Reason.DUPLICATE_ID == book.limit(1, "buy", 90, 1).refused
    assert Reason.DUPLICATE_ID == book.limit(4, "sell", 99, 1).refused  # it would trade with its namesake
    assert Reason.DUPLICATE_ID == book.replace(4, 98, 5, new_id=1).refused
    assert before == book.state_hash()
    book.market(10, "buy", 5)
    book.cancel(2)
    for order_id in (1, 2, 10):
        assert book.limit(order_id, "sell", 105, 1).refused is None
    assert [(103, 5, 1), (105, 3, 3)] == shown(book)[1]


@pytest.mark.parametrize("way", ["ioc", "market"])
@pytest.mark.parametrize("size", [1, 10, 1000])
def test_an_immediate_order_never_rests(book: Book, way: str, size: int) -> None:
    """Invariant 16."""
    orders = book.orders
    reports = book.market(10, "buy", size) if way == "market" else book.limit(10, "buy", 101, size, "ioc")
    within = 15 if way == "market" else 10
    assert min(size, within) == reports.filled
    assert (99, orders - {1: 0, 10: 2, 1000: 3 if way == "market" else 2}[size]) == (book.best_bid, book.orders)
    assert Reason.UNKNOWN_ORDER == book.cancel(10).refused


@pytest.mark.parametrize(("limit", "within"), [(100, 0), (101, 10), (102, 10), (103, 15), (110, 15)])
def test_fill_or_kill_is_all_or_untouched_over_all_makers_and_levels_within_its_limit(limit: int, within: int) -> None:
    """Invariant 17."""
    for size in (1, 5, 6, 10, 11, 15, 16):
        book = Book("1")
        for order_id, price in ((1, 101), (2, 101), (3, 103)):
            book.limit(order_id, "sell", price, 5)
        before = book.state_hash()
        reports = book.limit(10, "buy", limit, size, "fok")
        if size <= within:
            assert (size, None) == (reports.filled, reports.refused)
        else:
            assert (Reason.FOK_NOT_FILLABLE, before) == (reports.refused, book.state_hash())


@pytest.mark.parametrize(
    ("price", "expected"), [(100, None), (101, Reason.POST_ONLY_WOULD_TRADE), (102, Reason.POST_ONLY_WOULD_TRADE)]
)
def test_post_only_counts_the_exact_touch_as_crossing(book: Book, price: int, expected: Reason | None) -> None:
    """Invariant 18; a replace is held to it too."""
    assert expected == book.limit(10, "buy", price, 1, post_only=True).refused
    assert expected == book.replace(4, price, 5, post_only=True).refused


@pytest.mark.parametrize(
    ("reason", "price", "size"),
    [
        (Reason.BAD_SIZE, 100, 0),
        (Reason.BAD_SIZE, 100, -1),
        (Reason.BAD_SIZE, 100, MAX_SIZE_LOTS + 1),
        (Reason.OFF_LOT, 100, "0.5"),
        (Reason.OFF_TICK, "100.5", 1),
        (Reason.BAD_PRICE, MAX_PRICE_TICKS + 1, 1),
        (Reason.BAD_PRICE, -MAX_PRICE_TICKS - 1, 1),
    ],
)
def test_a_number_that_cannot_be_is_refused_with_its_code(book: Book, reason: Reason, price: int, size: int) -> None:
    """Invariant 20."""
    before = book.state_hash()
    for reports in (book.limit(10, "buy", price, size), book.replace(4, price, size)):
        assert reason == reports.refused
    assert before == book.state_hash()


@pytest.mark.parametrize("kind", [Kind.EXECUTE_HIDDEN, Kind.PRINT])
@pytest.mark.parametrize("flags", [0, int(Flag.AUCTION)])
def test_hidden_trades_and_auction_prints_do_not_move_a_replayed_book(kind: Kind, flags: int) -> None:
    """Invariant 23."""
    venue = Venue([row(1, Kind.ADD, SELL, 1, 101, 5), row(2, kind, SELL, 0, 101, 3, flags=flags)])
    venue.run_to(1)
    before = venue.hash()
    venue.run_to(5)
    assert before == venue.hash()


def test_an_id_is_any_64_bit_number_and_never_a_place() -> None:
    """Invariant 29."""
    book = Book("1")
    for order_id in BIG_IDS:
        assert book.limit(order_id, "sell", 101, 1).refused is None
    book.audit()
    assert list(BIG_IDS) == [trade.order_id for trade in book.market(7, "buy", 5).trades]
    assert 0 == book.orders


def test_an_empty_side_is_no_price_and_no_legal_price_is_taken_for_one() -> None:
    """Invariant 30."""
    assert MAX_PRICE_TICKS < min(-NONE_PRICE, NEVER)
    book = Book("1")
    assert (None, None) == (book.best_bid, book.best_ask)
    book.limit(1, "buy", -MAX_PRICE_TICKS, 1)
    book.limit(2, "sell", MAX_PRICE_TICKS, 1)
    assert (-MAX_PRICE_TICKS, MAX_PRICE_TICKS) == (book.best_bid, book.best_ask)
    assert [(2, MAX_PRICE_TICKS, 1)] == fills(book.market(3, "buy", 2))
    assert [(1, -MAX_PRICE_TICKS, 1)] == fills(book.market(4, "sell", 2))
    assert (None, None) == (book.best_bid, book.best_ask)


@pytest.mark.parametrize("middle", [0, -1, -50, 3])
def test_negative_and_zero_prices_work_like_any_other(middle: int) -> None:
    """Invariant 31."""
    book = Book("1")
    for place, (offset, side) in enumerate(product((1, 2), ("buy", "sell"))):
        book.limit(place, side, middle + (offset if side == "sell" else -offset), 5)
    assert [(1, middle + 1, 5), (3, middle + 2, 1)] == fills(book.market(9, "buy", 6))
    assert ([(middle - 1, 5, 1), (middle - 2, 5, 1)], [(middle + 2, 4, 1)]) == shown(book)


def test_a_sweep_of_twenty_thousand_makers_is_answered_in_full(small: bool) -> None:
    """Invariant 32."""
    count = 500 if small else 20_000
    messages = np.zeros(count + 1, MESSAGE)
    messages["side"] = Side.SELL
    messages["order_id"] = np.arange(count + 1)
    messages["price_ticks"] = np.arange(count + 1) // 3
    messages["size_lots"] = 1
    messages[count]["side"], messages[count]["size_lots"] = Side.BUY, count
    book = Book("1")
    reports = book.run(messages)
    assert list(range(count)) == reports["order_id"][reports["kind"] == ReportKind.TRADE].tolist()
    assert 0 == book.orders
    book.audit()
