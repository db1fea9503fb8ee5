"""The slow book against examples worked out by hand from section 1 of docs/rules.md."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from lobsim.types import MAX_SIZE_LOTS, MessageFlag, OrderType, Reason, ReportKind, Side, TimeInForce, Verb
from tests.oracle.book import Report
from tests.oracle.streams import random_messages
from tests.oracle.venue import OracleVenue

BUY, SELL = int(Side.BUY), int(Side.SELL)


def new(book: OracleVenue, order_id: int, side: int, price: int, size: int, **more: Any) -> list[Report]:
    """One NEW message, limit and good till cancelled unless said otherwise."""
    message = {"verb": Verb.NEW, "order_id": order_id, "side": side, "price_ticks": price, "size_lots": size}
    return book.process(message | more)


def trade(maker: int, taker: int, side: int, price: int, size: int, remaining: int) -> Report:
    return (ReportKind.TRADE, Reason.NONE, side, maker, taker, price, size, remaining)


def reason_of(reports: list[Report]) -> Reason:
    """The reason of a refusal that stands alone."""
    assert [ReportKind.REJECTED] == [line[0] for line in reports]
    return Reason(reports[0][1])


@pytest.fixture
def asks() -> OracleVenue:
    """The source article's asks: 500 @ 166.00, 250 @ 166.01, more at 166.02 and 166.03; a bid at 165.99."""
    book = OracleVenue()
    for order_id, price, size in ((1, 16600, 500), (2, 16601, 250), (3, 16602, 1000), (4, 16603, 800)):
        new(book, order_id, SELL, price, size)
    new(book, 5, BUY, 16599, 300)
    return book


def test_a_limit_buy_sweeps_two_levels_and_rests_as_best_bid(asks: OracleVenue) -> None:
    expected = [
        (ReportKind.ACCEPTED, Reason.NONE, BUY, 9, 0, 16601, 1750, 1000),
        trade(1, 9, SELL, 16600, 500, 0),
        trade(2, 9, SELL, 16601, 250, 0),
    ]
    assert expected == new(asks, 9, BUY, 16601, 1750)
    assert [(16601, 1000, 1), (16599, 300, 1)] == asks.levels(BUY)
    assert 16602 == asks.best(SELL)


def test_a_market_buy_takes_three_levels_and_part_of_the_fourth(asks: OracleVenue) -> None:
    reports = new(asks, 9, BUY, 0, 2250, type=OrderType.MARKET)
    assert (ReportKind.ACCEPTED, Reason.NONE, BUY, 9, 0, 0, 2250, 0) == reports[0]
    assert [(16600, 500), (16601, 250), (16602, 1000), (16603, 500)] == [line[5:7] for line in reports[1:]]
    assert [(16603, 300, 1)] == asks.levels(SELL)
    assert 16599 == asks.best(BUY)


def test_older_orders_trade_first_and_a_partial_fill_keeps_its_place() -> None:
    book = OracleVenue()
    for order_id in (1, 2, 3):
        new(book, order_id, BUY, 100, 10)
    assert [trade(1, 8, BUY, 100, 4, 6)] == new(book, 8, SELL, 100, 4)[1:]
    assert [trade(1, 9, BUY, 100, 6, 0), trade(2, 9, BUY, 100, 3, 7)] == new(book, 9, SELL, 99, 9)[1:]
    assert [(2, 7), (3, 10)] == book.queue(BUY, 100)


def test_immediate_or_cancel_reports_what_found_nobody() -> None:
    book = OracleVenue()
    new(book, 1, SELL, 100, 5)
    expected = [
        (ReportKind.ACCEPTED, Reason.NONE, BUY, 2, 0, 101, 8, 0),
        trade(1, 2, SELL, 100, 5, 0),
        (ReportKind.CANCELLED, Reason.NO_LIQUIDITY, BUY, 2, 0, 101, 3, 0),
    ]
    assert expected == new(book, 2, BUY, 101, 8, tif=TimeInForce.IOC)
    assert not book.live(2)


def test_fill_or_kill_counts_every_level_within_its_limit(asks: OracleVenue) -> None:
    assert Reason.FOK_NOT_FILLABLE == reason_of(new(asks, 9, BUY, 16601, 751, tif=TimeInForce.FOK))
    assert 500 == asks.total(SELL, 16600)
    assert [500, 250] == [line[6] for line in new(asks, 9, BUY, 16601, 750, tif=TimeInForce.FOK)[1:]]


def test_post_only_is_refused_at_the_exact_touch_and_accepted_one_tick_short(asks: OracleVenue) -> None:
    post = {"flags": int(MessageFlag.POST_ONLY)}
    assert Reason.POST_ONLY_WOULD_TRADE == reason_of(new(asks, 9, BUY, 16600, 1, **post))
    assert ReportKind.ACCEPTED == new(asks, 9, BUY, 16599, 1, **post)[0][0]
    assert [(5, 300), (9, 1)] == asks.queue(BUY, 16599)


def test_replace_keeps_its_place_only_when_smaller_at_the_same_price() -> None:
    book = OracleVenue()
    for order_id in (1, 2):
        new(book, order_id, BUY, 100, 10)
    change = {"verb": Verb.REPLACE, "order_id": 1, "price_ticks": 100}
    expected = [(ReportKind.REPLACED, Reason.NONE, BUY, 7, 1, 100, 6, 6)]
    assert expected == book.process(change | {"new_id": 7, "size_lots": 6})
    assert [(7, 6), (2, 10)] == book.queue(BUY, 100)
    book.process(change | {"order_id": 7, "new_id": 7, "size_lots": 6})
    assert [(7, 6), (2, 10)] == book.queue(BUY, 100)
    book.process(change | {"order_id": 7, "new_id": 7, "size_lots": 8})
    assert [(2, 10), (7, 8)] == book.queue(BUY, 100)
    book.process(change | {"order_id": 2, "new_id": 2, "size_lots": 10, "flags": MessageFlag.LOSE_PLACE})
    assert [(7, 8), (2, 10)] == book.queue(BUY, 100)


def test_a_replace_that_crosses_trades_first_and_reports_itself_last() -> None:
    book = OracleVenue()
    new(book, 1, BUY, 99, 10)
    new(book, 2, SELL, 101, 4)
    reports = book.process({"verb": Verb.REPLACE, "order_id": 1, "new_id": 3, "price_ticks": 101, "size_lots": 9})
    assert [trade(2, 3, SELL, 101, 4, 0), (ReportKind.REPLACED, Reason.NONE, BUY, 3, 1, 101, 9, 5)] == reports
    assert [(101, 5, 1)] == book.levels(BUY)


def test_reduce_keeps_the_place_and_cancels_when_nothing_is_left() -> None:
    book = OracleVenue()
    new(book, 1, BUY, 100, 10)
    new(book, 2, BUY, 100, 10)
    reduce = {"verb": Verb.REDUCE, "order_id": 1}
    assert [(ReportKind.REDUCED, Reason.NONE, BUY, 1, 0, 100, 3, 7)] == book.process(reduce | {"size_lots": 3})
    assert [(1, 7), (2, 10)] == book.queue(BUY, 100)
    expected = [(ReportKind.CANCELLED, Reason.REQUESTED, BUY, 1, 0, 100, 7, 0)]
    assert expected == book.process(reduce | {"size_lots": 99})


def test_time_limits_end_in_the_order_of_the_limit_then_of_giving() -> None:
    book = OracleVenue()
    for order_id, expire_ns in ((9, 20), (2, 10), (3, 20), (4, 21)):
        new(book, order_id, BUY, 100, order_id, tif=TimeInForce.GTD, expire_ns=expire_ns, ts_ns=1)
    book.process({"verb": Verb.REPLACE, "order_id": 9, "new_id": 9, "price_ticks": 99, "size_lots": 1, "ts_ns": 2})
    reports = book.process({"verb": Verb.CANCEL, "order_id": 77, "ts_ns": 20})
    expired = [(ReportKind.EXPIRED, Reason.TIME_LIMIT)] * 3 + [(ReportKind.REJECTED, Reason.UNKNOWN_ORDER)]
    assert expired == [line[:2] for line in reports]
    assert [2, 9, 3, 77] == [line[3] for line in reports]
    assert book.live(4)


def test_the_clock_never_goes_back() -> None:
    book = OracleVenue()
    new(book, 1, BUY, 100, 1, ts_ns=50)
    late = {"tif": int(TimeInForce.GTD), "expire_ns": 50, "ts_ns": 3}
    assert Reason.ALREADY_EXPIRED == reason_of(new(book, 2, BUY, 100, 1, **late))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"side": 2}, Reason.BAD_FIELD),
        ({"type": 9}, Reason.BAD_FIELD),
        ({"tif": -1}, Reason.BAD_FIELD),
        ({"flags": 1, "tif": TimeInForce.FOK}, Reason.BAD_FIELD),
        ({"type": OrderType.MARKET, "tif": TimeInForce.GTD, "expire_ns": 9}, Reason.BAD_FIELD),
        ({"size_lots": 0}, Reason.BAD_SIZE),
        ({"size_lots": MAX_SIZE_LOTS + 1}, Reason.BAD_SIZE),
        ({"price_ticks": -(2**46) - 1}, Reason.BAD_PRICE),
        ({"order_id": 1}, Reason.DUPLICATE_ID),
    ],
)
def test_a_refusal_names_the_first_check_that_fails(change: dict[str, int], expected: Reason) -> None:
    book = OracleVenue()
    new(book, 1, BUY, 100, 1)
    before = book.state_hash()
    message = {"verb": Verb.NEW, "side": BUY, "order_id": 2, "price_ticks": 100, "size_lots": 5}
    assert expected == reason_of(book.process(message | change))
    assert before == book.state_hash()


def test_a_level_that_would_overflow_refuses_the_order_that_would_rest() -> None:
    book = OracleVenue(max_level_units=100)
    new(book, 1, BUY, 100, 60)
    assert Reason.SIZE_OVERFLOW == reason_of(new(book, 2, BUY, 100, 41))
    assert ReportKind.ACCEPTED == new(book, 2, BUY, 100, 40)[0][0]
    shrink = {"verb": Verb.REPLACE, "order_id": 2, "new_id": 2, "price_ticks": 100, "flags": MessageFlag.LOSE_PLACE}
    assert Reason.SIZE_OVERFLOW == reason_of(book.process(shrink | {"size_lots": 1}))


def test_a_dead_id_may_be_used_again() -> None:
    book = OracleVenue()
    new(book, 1, BUY, 100, 1)
    book.process({"verb": Verb.CANCEL, "order_id": 1})
    assert ReportKind.ACCEPTED == new(book, 1, SELL, 105, 1)[0][0]


def test_the_state_hash_is_fnv_1a_over_the_words_of_the_rules() -> None:
    book = OracleVenue()
    new(book, 3, SELL, 101, 7)
    value = 1469598103934665603
    for word in (-1, -2, 101, 3, 7, 0):
        value = ((value ^ (word % 2**64)) * 1099511628211) % 2**64
    assert value >> 1 == book.state_hash()


def test_random_messages_reach_every_answer_and_never_cross_the_book() -> None:
    book, seen = OracleVenue(), Counter()
    for message in random_messages(7, 6000):
        seen.update((line[0], line[1]) for line in book.process(message))
        bid, ask = book.best(BUY), book.best(SELL)
        assert bid is None or ask is None or bid < ask
    refusals = set(list(Reason)[: Reason.ALREADY_EXPIRED + 1]) - {Reason.NONE, Reason.OFF_TICK}
    assert refusals | {Reason.NO_LIQUIDITY, Reason.REQUESTED, Reason.TIME_LIMIT} <= {reason for _, reason in seen}
    assert set(list(ReportKind)[: ReportKind.EXPIRED + 1]) == {kind for kind, _ in seen}


def test_random_messages_depend_on_the_seed_alone() -> None:
    assert np.array_equal(random_messages(3, 500), random_messages(3, 500))
    assert not np.array_equal(random_messages(3, 500), random_messages(4, 500))
