"""The book as an object: natural units in and out, refusals as answers, room made on the way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from lobsim import Book, ConfigError, LobsimError, OrderError, book_shell
from lobsim.core.book import BookSize
from lobsim.types import MESSAGE, REPORT, Reason, ReportKind, Side, Status, TimeInForce
from tests.oracle.streams import random_messages

TINY = BookSize(orders=4, window=64, far=2, ids=8, dense=1, timers=2)


@pytest.fixture
def book() -> Book:
    """A bid of 10 at 0.99 and an ask of 10 at 1.01; a tick is 0.01, a lot a tenth."""
    book = Book("0.01", "0.1", room=TINY)
    book.limit(1, "buy", "0.99", 10)
    book.limit(2, "sell", "1.01", 10)
    return book


# natural units


@pytest.mark.parametrize("price", ["1.00", "1", "1.0000", "1e0", Decimal("1.00"), 1, 1.0, np.int64(1), np.float64(1.0)])
def test_a_price_may_be_text_decimal_or_number(book: Book, price: Any) -> None:
    report = book.limit(3, "buy", price, 1)[0]
    assert (ReportKind.ACCEPTED, Decimal("1.00")) == (report.kind, report.price)
    assert Decimal("1.00") == book.best_bid


@pytest.mark.parametrize("price", [1.01, 0.07, 0.29, 1.1, 4.35, 8192.01])
def test_a_float_stands_for_its_shortest_decimal_text(price: float) -> None:
    report = Book("0.01").limit(1, "buy", price, 1)[0]
    assert (Reason.NONE, Decimal(repr(price))) == (report.reason, report.price)


@pytest.mark.parametrize("price", ["0.995", 0.1 + 0.2, Decimal("0.9900001"), "1e-30", "1e-300"])
def test_a_price_off_tick_is_refused(book: Book, price: Any) -> None:
    before = book.state_hash()
    reports = book.limit(3, "buy", price, 1)
    assert (Reason.OFF_TICK, 1) == (reports.refused, len(reports))
    assert (Side.BUY, 3, Decimal(repr(price) if isinstance(price, float) else price)) == (
        reports[0].side,
        reports[0].order_id,
        reports[0].price,
    )
    assert before == book.state_hash()


def test_a_size_off_lot_is_refused(book: Book) -> None:
    assert Reason.OFF_LOT == book.limit(3, "buy", 1, "0.15").refused
    assert Reason.OFF_LOT == book.reduce(1, "0.01").refused
    assert Reason.OFF_TICK == book.replace(1, "0.991", "0.15", new_id=8).refused
    assert 8 == book.replace(1, "0.991", 1, new_id=8)[0].other_id
    assert [(Decimal("0.99"), 10, 1)] == book.bids()


def test_sizes_come_back_in_natural_units(book: Book) -> None:
    reports = book.limit(3, "buy", "1.01", "2.5")
    assert (Decimal("2.5"), Decimal("7.5")) == (reports.filled, reports.trades[0].remaining)
    assert [(Decimal("1.01"), Decimal("7.5"), 1)] == book.asks()


@pytest.mark.parametrize(
    ("price", "size", "reason"),
    [
        ("1", 0, Reason.BAD_SIZE),
        ("1", -1, Reason.BAD_SIZE),
        ("1", "1e30", Reason.BAD_SIZE),
        ("1", 2**40, Reason.BAD_SIZE),
        ("1e12", 1, Reason.BAD_PRICE),
        ("-1e300", 1, Reason.BAD_PRICE),
        (2**63, 1, Reason.BAD_PRICE),
    ],
)
def test_numbers_out_of_range_are_refused_as_they_were_written(
    book: Book, price: Any, size: Any, reason: Reason
) -> None:
    report = book.limit(3, "buy", price, size)[0]
    assert (reason, Decimal(price), Decimal(size)) == (report.reason, report.price, report.size)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"side": "bid"}, "side is 'bid'; use one of 'buy', 'sell'"),
        ({"side": 0}, "side is 0; use one of 'buy', 'sell'"),
        ({"tif": "day"}, "tif is 'day'; use one of 'gtc', 'ioc', 'fok', 'gtd'"),
        ({"price": "one"}, "price is 'one', which is no number"),
        ({"price": float("nan")}, "price is nan, which is no number"),
        ({"price": "inf"}, "price is 'inf', which is no number"),
        ({"price": []}, "price is [], which is no number"),
        ({"size": True}, "size is True, which is no number"),
        ({"id": "7"}, "id is '7', a whole number is needed"),
        ({"id": 2**63}, "id is 9223372036854775808, which does not fit 64 bits"),
        ({"ts_ns": 1.5}, "ts_ns is 1.5, a whole number is needed"),
        ({"expire_ns": 5}, "a time limit needs both tif='gtd' and expire_ns"),
        ({"tif": "gtd"}, "a time limit needs both tif='gtd' and expire_ns"),
    ],
)
def test_what_cannot_be_an_order_is_an_error_in_one_sentence(book: Book, change: dict[str, Any], words: str) -> None:
    before = book.state_hash()
    request: dict[str, Any] = {"id": 3, "side": "buy", "price": "1", "size": 1}
    with pytest.raises(OrderError) as caught:
        book.limit(**request | change)
    assert words == str(caught.value)
    assert before == book.state_hash()


@pytest.mark.parametrize("tick", ["0", "-0.01", "nan", "penny", "1e-20", "0.1234567890123", None])
def test_a_tick_that_is_no_decimal_above_0_is_refused(tick: Any) -> None:
    with pytest.raises(ConfigError, match="tick_size is"):
        Book(tick)
    with pytest.raises(ConfigError, match="lot_size is"):
        Book("0.01", tick)


# requests


def test_every_request_gets_the_answer_of_its_message(book: Book) -> None:
    assert Reason.POST_ONLY_WOULD_TRADE == book.limit(3, "buy", "1.01", 1, post_only=True).refused
    assert Reason.FOK_NOT_FILLABLE == book.market(3, Side.BUY, 11, TimeInForce.FOK).refused
    assert Reason.DUPLICATE_ID == book.limit(1, "SELL", "1.05", 1).refused
    assert Reason.UNKNOWN_ORDER == book.replace(9, 1, 1).refused
    assert None is book.cancel(9)[0].side
    assert Reason.ALREADY_EXPIRED == book.limit(3, "buy", 1, 1, "gtd", expire_ns=5, ts_ns=5).refused
    assert [ReportKind.CANCELLED] == [report.kind for report in book.reduce(2, 10)]
    assert [] == book.asks()
    assert Reason.NO_LIQUIDITY == book.market(3, "buy", 1)[-1].reason
    kept = book.replace(1, "0.99", 4, new_id=7)[0]
    assert (ReportKind.REPLACED, 7, 1, 4) == (kept.kind, kept.order_id, kept.other_id, kept.remaining)


def test_a_refused_price_moves_the_clock_like_any_message(book: Book) -> None:
    book.limit(3, "buy", "0.98", 1, "gtd", expire_ns=100, ts_ns=1)
    reports = book.limit(4, "buy", "0.985", 1, ts_ns=100)
    assert [(ReportKind.EXPIRED, 3), (ReportKind.REJECTED, 4)] == [(r.kind, r.order_id) for r in reports]
    assert Reason.OFF_TICK == reports.refused


def test_the_book_says_what_it_holds(book: Book) -> None:
    assert "<Book 10.0 @ 0.99 | 10.0 @ 1.01, 2 orders>" == repr(book)
    assert "<Book nobody | nobody, 0 orders>" == repr(Book())
    book.limit(3, "buy", "0.98", 1)
    assert [Decimal("0.99")] == [level.price for level in book.bids(1)]
    assert [] == book.bids(0)
    assert (Decimal("0.99"), Decimal("1.01")) == (book.best_bid, book.best_ask)
    assert None is Book().best_bid
    assert "CANCELLED 10.0 @ 0.99, order 1, buy, REQUESTED" == str(book.cancel(1)[0])


def test_a_broken_book_is_named_by_the_audit(book: Book) -> None:
    book.audit()
    book.arrays.head["fresh"] += 1
    with pytest.raises(LobsimError, match="the book is not sound: POOL"):
        book.audit()


def test_an_order_that_sweeps_more_than_the_answers_hold_is_answered_in_full(book: Book) -> None:
    for order_id in range(100, 400):
        book.limit(order_id, "sell", "1.02", "0.1")
    trades = book.market(5, "buy", 1000).trades
    assert [2, *range(100, 400)] == [trade.order_id for trade in trades]


# bulk


@pytest.fixture(scope="module")
def messages() -> np.ndarray:
    return random_messages(41, 1_200)


@pytest.mark.parametrize("field", ["orders", "window", "far", "ids", "dense", "timers"])
def test_growing_any_one_part_loses_nothing(messages: np.ndarray, field: str) -> None:
    roomy = BookSize(orders=8192, window=2**18, far=512, ids=2**14, dense=2, timers=4096)
    expected = Book("1", room=roomy)
    reports = expected.run(messages)
    tight = Book("1", room=roomy._replace(**{field: getattr(TINY, field)}))
    assert reports.tobytes() == tight.run(messages).tobytes()
    assert expected.state_hash() == tight.state_hash()
    tight.audit()


def test_reports_are_written_into_the_array_that_is_handed_in(messages: np.ndarray) -> None:
    expected = Book("1").run(messages)
    buffer = np.zeros(len(messages) * 4, REPORT)
    assert np.shares_memory(buffer, Book("1").run(messages, buffer))
    short = np.zeros(7, REPORT)
    strided = np.zeros(len(messages) * 8, REPORT)[::2]
    for other in (short, strided):
        assert np.array_equal(expected, Book("1").run(messages, other))


def test_messages_may_be_read_only_or_strided_and_are_never_written(messages: np.ndarray) -> None:
    expected = Book("1").run(messages[::2].copy())
    frozen = messages.copy()
    frozen.flags.writeable = False
    assert np.array_equal(expected, Book("1").run(frozen[::2]))
    assert np.array_equal(messages, frozen)


def test_no_messages_get_no_reports() -> None:
    assert (0, REPORT) == (len(Book().run(np.zeros(0, MESSAGE))), Book().run(np.zeros(0, MESSAGE)).dtype)


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros((2, 2), MESSAGE), [1, 2]])
def test_another_kind_of_array_is_refused(wrong: Any) -> None:
    with pytest.raises(OrderError, match="messages are a one-dimensional array"):
        Book().run(wrong)
    with pytest.raises(OrderError, match="reports are a one-dimensional array"):
        Book().run(np.zeros(1, MESSAGE), wrong)


def test_small_ids_index_a_table_and_large_ones_are_hashed(messages: np.ndarray) -> None:
    near, far = Book("1"), Book("1")
    near.run(messages)
    assert near.arrays.head[0]["ids"] == 0
    large = messages.copy()
    large["order_id"] += 10**9
    far.run(large)
    assert (1, far.orders) == (len(far.arrays.dense), far.arrays.head[0]["ids"])
    near.run(large)  # both kinds in one book
    near.audit()
    assert 0 < near.arrays.head[0]["ids"] < near.orders


def test_an_interrupt_leaves_a_sound_book_between_two_messages(
    messages: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def interrupted(*arguments: Any) -> tuple[Status, int, int]:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run_messages(*arguments)

    run_messages = book_shell.run_messages
    monkeypatch.setattr(book_shell, "_CHUNK_MESSAGES", 100)
    monkeypatch.setattr(book_shell, "run_messages", interrupted)
    roomy = BookSize(orders=4096, far=512, timers=1024, dense=2**12)
    book, expected = Book("1", room=roomy), Book("1", room=roomy)
    with pytest.raises(KeyboardInterrupt):
        book.run(messages)
    book.audit()
    monkeypatch.undo()
    expected.run(messages[:200])
    assert expected.state_hash() == book.state_hash()
    expected.run(messages[200:])
    book.run(messages[200:])
    assert expected.state_hash() == book.state_hash()
