"""The property checker: real streams pass, and every kind of planted violation is found where it was planted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim import Book
from lobsim.errors import OrderError
from lobsim.properties import Findings, StreamChecker, Violation, check_stream
from lobsim.types import (
    MESSAGE,
    REPORT,
    MessageFlag,
    Phase,
    Reason,
    ReportKind,
    Side,
    TimeInForce,
    Verb,
)
from tests.conftest import SMALL
from tests.oracle.streams import random_messages

BUY, SELL = int(Side.BUY), int(Side.SELL)


def records(rows: Iterable[dict[str, int]], layout: np.dtype) -> np.ndarray:
    """Dictionaries as records; what is left out is 0."""
    rows = list(rows)
    table = np.zeros(len(rows), layout)
    for place, row in enumerate(rows):
        for name, value in row.items():
            table[place][name] = value
    return table


def new(order_id: int, side: int, price: int, size: int, **more: int) -> dict[str, int]:
    """A NEW message."""
    return {"verb": Verb.NEW, "order_id": order_id, "side": side, "price_ticks": price, "size_lots": size} | more


def ask(verb: Verb, order_id: int, **more: int) -> dict[str, int]:
    """A message about an order."""
    return {"verb": verb, "order_id": order_id, "side": -1} | more


def answered(messages: np.ndarray) -> np.ndarray:
    """The book's reports."""
    return Book("1").run(messages)


def kinds(found: Findings) -> set[Violation]:
    """Which kinds of violation there are."""
    return {finding.violation for finding in found.found}


# Real streams


@pytest.mark.parametrize(
    ("seed", "flow"),
    [
        (1, {}),
        (2, {"keep": 1500}),
        (3, {"spread": 200, "center": 0}),
        (4, {"spread": 1, "keep": 60}),
        (5, {"invalid": 0.3}),
    ],
    ids=["ordinary", "deep", "wide", "narrow", "invalid"],
)
def test_the_answers_of_the_book_have_the_three_properties(seed: int, flow: dict[str, Any], small: bool) -> None:
    messages = random_messages(seed, 1_000 if small else 20_000, **flow)
    book = Book("1")
    found = check_stream(messages, book.run(messages))
    assert "no violation" == str(found)
    assert found.facts["trades"] > 100
    resting = sum(int(level.size) for level in [*book.bids(10**6), *book.asks(10**6)])
    assert resting == found.facts["resting"]


def test_stretches_of_any_length_find_what_the_whole_finds() -> None:
    messages = random_messages(7, 1_500)
    book, checker = Book("1"), StreamChecker()
    rng = np.random.default_rng(0)
    start = 0
    while start < len(messages):
        stop = start + int(rng.integers(0, 200))
        checker.check(messages[start:stop], book.run(messages[start:stop]))
        start = stop
    assert check_stream(messages, answered(messages)) == checker.findings
    assert book.orders == len(checker.resting)


def test_what_rests_by_the_reports_is_what_the_book_shows(small: bool) -> None:
    messages = random_messages(9, 800 if small else 5_000)
    book, checker = Book("1"), StreamChecker()
    checker.check(messages, book.run(messages))
    for side, levels in ((Side.BUY, book.bids(10**6)), (Side.SELL, book.asks(10**6))):
        mine = checker.resting[checker.resting["side"] == side]
        prices = list(dict.fromkeys(mine["price_ticks"].tolist()))
        shown = [(price, mine["rest"][mine["price_ticks"] == price].tolist()) for price in prices]
        expected = [(int(level.price), int(level.size), level.orders) for level in levels]
        assert expected == [(price, sum(rests), len(rests)) for price, rests in shown]


# Planted violations


def two_levels(**taker: int) -> np.ndarray:
    """Sells 5 and 5 at 101, 5 at 102, a bid at 99, and then a buyer."""
    makers = [new(1, SELL, 101, 5), new(2, SELL, 101, 5), new(3, SELL, 102, 5), new(4, BUY, 99, 5)]
    return records([*makers, new(9, BUY, 102, 7) | taker], MESSAGE)


Change = dict[int, dict[str, int] | None]
"""Index of a report (negative: from the end) -> fields to change; None: it is left out."""

FIRST, SECOND = 5, 6
"""Where the two trades of `two_levels` are reported."""


@pytest.mark.parametrize(
    ("violation", "taker", "change"),
    [
        (Violation.NOT_OLDEST, {}, {FIRST: {"order_id": 2}, SECOND: {"order_id": 1}}),
        (Violation.NOT_BEST_PRICE, {}, {FIRST: {"order_id": 3, "price_ticks": 102}}),
        (Violation.NOT_RESTING_PRICE, {}, {FIRST: {"price_ticks": 102}}),
        (Violation.BEYOND_LIMIT, {"price_ticks": 101}, {FIRST: {"price_ticks": 102}}),
        (
            Violation.MISSED_TRADE,
            {"tif": TimeInForce.IOC},
            {SECOND: {"kind": ReportKind.CANCELLED, "order_id": 9, "remaining_lots": 0}},
        ),
        (Violation.SPREAD, {}, {4: {"remaining_lots": 2}, SECOND: None}),
        (Violation.SIZE, {}, {FIRST: {"size_lots": 4, "remaining_lots": 1}}),
        (Violation.SIZE, {}, {SECOND: {"remaining_lots": 2}}),
        (Violation.SIZE, {}, {4: {"remaining_lots": 1}}),
        (Violation.TOTAL, {}, {4: {"size_lots": 8}}),
        (Violation.NO_SUCH_ORDER, {}, {FIRST: {"order_id": 77}}),
        (Violation.NO_SUCH_ORDER, {}, {FIRST: {"order_id": 4}}),
        (Violation.ANSWER, {}, {FIRST: {"other_id": 8}}),
        (Violation.ANSWER, {}, {FIRST: {"side": BUY}}),
        (Violation.ANSWER, {}, {4: None, FIRST: None, SECOND: None}),
        (Violation.ANSWER, {}, {0: {"sequence": -1}}),
        (Violation.ANSWER, {}, {SECOND: {"sequence": 5}}),
    ],
)
def test_a_planted_violation_is_found(violation: Violation, taker: dict[str, int], change: Change) -> None:
    messages = two_levels(**taker)
    reports = answered(messages)
    assert [ReportKind.TRADE] * 2 == reports["kind"][[FIRST, SECOND]].tolist()
    assert set() == kinds(check_stream(messages, reports))
    for place, fields in change.items():
        for name, value in (fields or {}).items():
            reports[place][name] = value
    found = check_stream(messages, np.delete(reports, [place for place, fields in change.items() if fields is None]))
    assert violation in kinds(found)
    first = found.first
    assert first is not None
    assert (0 if 0 in change else 4) == first.where or violation in (Violation.TOTAL, Violation.ANSWER)


def test_a_trade_with_an_order_whose_time_is_over_is_found() -> None:
    """The book itself lets it leave in time, so the answers of a later clock are held against an earlier limit."""
    limited = new(1, SELL, 101, 5, tif=TimeInForce.GTD, expire_ns=1000)
    messages = records([limited, new(2, BUY, 101, 5, ts_ns=999)], MESSAGE)
    reports = answered(messages)
    assert "no violation" == str(check_stream(messages, reports))
    messages["ts_ns"][1] = 1000
    assert {Violation.TIME_LIMIT} == kinds(check_stream(messages, reports))


def test_an_order_that_expires_too_early_is_found() -> None:
    limited = new(1, SELL, 101, 5, tif=TimeInForce.GTD, expire_ns=1000)
    messages = records([limited, new(2, BUY, 99, 5, ts_ns=1000)], MESSAGE)
    reports = answered(messages)
    assert "no violation" == str(check_stream(messages, reports))
    messages["expire_ns"][0] = 1001
    assert {Violation.TIME_LIMIT} == kinds(check_stream(messages, reports))


def test_a_fill_or_kill_order_that_trades_in_part_is_found() -> None:
    messages = two_levels(tif=TimeInForce.IOC, size_lots=50)
    reports = answered(messages)
    assert "no violation" == str(check_stream(messages, reports))
    messages["tif"][4] = TimeInForce.FOK
    assert {Violation.SIZE} == kinds(check_stream(messages, reports))


def test_a_replaced_order_loses_or_keeps_its_place_by_the_rules() -> None:
    rows = [new(1, SELL, 101, 5), new(2, SELL, 101, 5), ask(Verb.REPLACE, 1, new_id=1, price_ticks=101, size_lots=4)]
    messages = records([*rows, new(9, BUY, 101, 4)], MESSAGE)
    reports = answered(messages)
    assert "no violation" == str(check_stream(messages, reports))
    lost = messages.copy()
    lost["flags"][2] = MessageFlag.LOSE_PLACE
    assert {Violation.NOT_OLDEST} == kinds(check_stream(lost, reports))


def test_the_old_id_of_a_renamed_order_may_be_used_again() -> None:
    rows = [new(1, SELL, 101, 5), ask(Verb.REPLACE, 1, new_id=2, price_ticks=101, size_lots=4), new(1, SELL, 101, 7)]
    messages = records([*rows, ask(Verb.CANCEL, 1), new(9, BUY, 101, 4)], MESSAGE)
    found = check_stream(messages, answered(messages))
    assert ("no violation", 1) == (str(found), found.facts["trades"])


FIELDS = {
    ReportKind.ACCEPTED: ("order_id", "size_lots", "remaining_lots"),
    ReportKind.TRADE: ("order_id", "other_id", "side", "price_ticks", "size_lots", "remaining_lots"),
    ReportKind.CANCELLED: ("order_id", "size_lots", "remaining_lots"),
    ReportKind.REDUCED: ("order_id", "size_lots", "remaining_lots"),
    ReportKind.REPLACED: ("order_id", "other_id", "size_lots", "remaining_lots"),
    ReportKind.EXPIRED: ("order_id", "size_lots"),
    ReportKind.REJECTED: ("order_id",),
}
STREAM = random_messages(11, 200 if SMALL else 600)


@pytest.fixture(scope="module")
def told() -> np.ndarray:
    """The answers to STREAM."""
    return answered(STREAM)


@given(data=st.data())
def test_any_wrong_number_in_any_answer_is_a_violation(told: np.ndarray, data: st.DataObject) -> None:
    reports = told.copy()
    place = data.draw(st.integers(0, len(reports) - 1), "report")
    names = FIELDS[ReportKind(int(reports[place]["kind"]))]
    name = data.draw(st.sampled_from(names), "field")
    step = 1 if name == "side" else data.draw(st.integers(-3, 3).filter(bool), "step")
    reports[place][name] += -1 if name == "side" and reports[place]["side"] == SELL else step
    assert check_stream(STREAM, reports).count > 0


@given(place=st.integers(0, 10**6))
def test_any_answer_left_out_or_said_twice_is_a_violation(told: np.ndarray, place: int) -> None:
    reports = told.copy()
    place %= len(reports)
    assert check_stream(STREAM, np.delete(reports, place)).count > 0
    assert check_stream(STREAM, np.insert(reports, place, reports[place])).count > 0


def test_findings_say_what_and_where_in_a_line_each() -> None:
    messages = two_levels()
    reports = answered(messages)
    reports[FIRST]["price_ticks"] = 100
    assert "not resting price: 1, first at 4 (report 5, order 1)" == str(check_stream(messages, reports))


# Phases


def change_phase(phase: Phase) -> dict[str, int]:
    """A PHASE message."""
    return {"verb": Verb.PHASE, "size_lots": int(phase), "side": -1}


def phase_told(sequence: int, phase: Phase) -> dict[str, int]:
    """Its answer."""
    return {"sequence": sequence, "kind": ReportKind.PHASE_CHANGED, "size_lots": int(phase), "side": -1}


def accepted(sequence: int, order_id: int, side: int, price: int, size: int, remaining: int) -> dict[str, int]:
    """The answer to a NEW."""
    facts = {"sequence": sequence, "kind": ReportKind.ACCEPTED, "order_id": order_id, "side": side}
    return facts | {"price_ticks": price, "size_lots": size, "remaining_lots": remaining}


AUCTION_MESSAGES = [
    change_phase(Phase.AUCTION),
    new(1, SELL, 100, 5),
    new(2, BUY, 102, 3),
    change_phase(Phase.CONTINUOUS),
]
AUCTION_REPORTS = [
    phase_told(0, Phase.AUCTION),
    accepted(1, 1, SELL, 100, 5, 5),
    accepted(2, 2, BUY, 102, 3, 3),
    phase_told(3, Phase.CONTINUOUS),
    {"sequence": 3, "kind": ReportKind.TRADE, "reason": Reason.AUCTION, "side": SELL}
    | {"order_id": 1, "other_id": 2, "price_ticks": 101, "size_lots": 3, "remaining_lots": 2},
]


def test_a_book_may_cross_before_an_auction_and_both_sides_are_debited_in_it() -> None:
    found = check_stream(records(AUCTION_MESSAGES, MESSAGE), records(AUCTION_REPORTS, REPORT))
    assert "no violation" == str(found)
    assert (8, 6, 2) == tuple(found.facts[name] for name in ("entered", "traded", "resting"))


@pytest.mark.parametrize(
    ("violation", "change"),
    [
        (Violation.BEYOND_LIMIT, {"price_ticks": 103}),
        (Violation.SIZE, {"size_lots": 4}),
        (Violation.NO_SUCH_ORDER, {"other_id": 7}),
        (Violation.ANSWER, {"reason": Reason.NONE}),
    ],
)
def test_a_planted_violation_in_an_auction_is_found(violation: Violation, change: dict[str, int]) -> None:
    reports = [*AUCTION_REPORTS[:4], AUCTION_REPORTS[4] | change]
    assert violation in kinds(check_stream(records(AUCTION_MESSAGES, MESSAGE), records(reports, REPORT)))


def test_an_auction_that_leaves_the_book_crossed_is_found() -> None:
    found = check_stream(records(AUCTION_MESSAGES, MESSAGE), records(AUCTION_REPORTS[:4], REPORT))
    assert {Violation.SPREAD} == kinds(found)


def test_a_trade_outside_continuous_trading_is_found() -> None:
    trade = AUCTION_REPORTS[4] | {"sequence": 2, "price_ticks": 100, "reason": 0}
    reports = [*AUCTION_REPORTS[:2], accepted(2, 2, BUY, 102, 3, 0), trade, AUCTION_REPORTS[3]]
    assert {Violation.PHASE} == kinds(check_stream(records(AUCTION_MESSAGES, MESSAGE), records(reports, REPORT)))


# What it does not take


def test_other_arrays_are_refused() -> None:
    with pytest.raises(OrderError, match=r"reports are a one-dimensional array of lobsim\.types\.REPORT"):
        check_stream(np.zeros(1, MESSAGE), np.zeros(1, MESSAGE))
