"""The property checker over the order types and rules of docs/rules.md 1b: real streams pass, planted violations are found.

Books that share a level out (PRO_RATA, TOP_N) are exempt from time priority among displayed orders, and only from that.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.errors import OrderError
from lobsim.properties import Findings, StreamChecker, Violation, check_stream
from lobsim.types import (
    MESSAGE,
    REPORT,
    RULES,
    TERMS,
    Allocation,
    MessageFlag,
    OrderType,
    Peg,
    Phase,
    ReportKind,
    SelfTrade,
    Side,
    TimeInForce,
    Verb,
)
from tests.oracle.streams import records
from tests.oracle.typed_streams import PROFILES, Stream, rules_record, typed_messages
from tests.support.engines import CoreEngine

BUY, SELL = int(Side.BUY), int(Side.SELL)
LEFT_OR_REST = ("traded", "cancelled", "expired", "resting")


def answers(stream: Stream) -> np.ndarray:
    """What the core says to a stream."""
    return CoreEngine(stream.rules, stream.terms).reports(stream.messages)


def checked(stream: Stream, reports: np.ndarray) -> Findings:
    """What the checker finds."""
    return check_stream(stream.messages, reports, stream.terms, rules_record(stream.rules))


def kinds(found: Findings) -> set[Violation]:
    """Which kinds of violation there are."""
    return {finding.violation for finding in found.found}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_order_type_and_rule_has_the_three_properties(profile: str, limit: Callable[[int, int], int]) -> None:
    stream = typed_messages(31, limit(1_200, 200), profile)
    found = checked(stream, answers(stream))
    assert "no violation" == str(found)
    assert found.facts["trades"] > 10
    assert found.facts["entered"] == sum(found.facts[name] for name in LEFT_OR_REST)


def test_stretches_of_a_typed_stream_find_what_the_whole_finds() -> None:
    stream = typed_messages(5, 400)
    reports = answers(stream)
    checker = StreamChecker(rules_record(stream.rules))
    for start, stop in ((0, 1), (1, 150), (150, 151), (151, 400)):
        part = reports[(reports["sequence"] >= start) & (reports["sequence"] < stop)]
        part["sequence"] -= start
        checker.check(stream.messages[start:stop], part, stream.terms)
    assert checked(stream, reports) == checker.findings


TOLD = {
    ReportKind.ACCEPTED: ("order_id", "size_lots", "remaining_lots"),
    ReportKind.TRADE: ("order_id", "other_id", "price_ticks", "size_lots", "remaining_lots"),
    ReportKind.CANCELLED: ("order_id", "size_lots", "remaining_lots"),
    ReportKind.REDUCED: ("order_id", "size_lots", "remaining_lots"),
    ReportKind.REPLACED: ("order_id", "other_id", "remaining_lots"),
    ReportKind.EXPIRED: ("order_id", "size_lots"),
    ReportKind.REJECTED: ("order_id",),
    ReportKind.TRIGGERED: ("order_id", "price_ticks", "size_lots"),
    ReportKind.REFRESHED: ("order_id", "size_lots", "remaining_lots"),
    ReportKind.REPRICED: ("order_id", "size_lots"),
    ReportKind.PHASE_CHANGED: ("size_lots",),
}
STREAM = typed_messages(12, 250, "everything")


@pytest.fixture(scope="module")
def told() -> np.ndarray:
    """The answers to STREAM."""
    return answers(STREAM)


@given(data=st.data())
def test_any_wrong_number_in_any_answer_to_a_typed_stream_is_a_violation(told: np.ndarray, data: st.DataObject) -> None:
    reports = told.copy()
    kind = data.draw(st.sampled_from(sorted(set(reports["kind"].tolist()))), "kind")
    place = data.draw(st.sampled_from(np.flatnonzero(reports["kind"] == kind).tolist()), "report")
    name = data.draw(st.sampled_from(TOLD[ReportKind(kind)]), "field")
    reports[place][name] += data.draw(st.integers(-3, 3).filter(bool), "step")
    assert checked(STREAM, reports).count > 0


# Planted


def new(order_id: int, side: int, price: int, size: int, **more: int) -> dict[str, int]:
    """A NEW message."""
    return {"verb": Verb.NEW, "order_id": order_id, "side": side, "price_ticks": price, "size_lots": size} | more


def stream_of(*rows: dict[str, int], terms: dict[str, int] | None = None, **rules: int) -> Stream:
    """A stream whose messages may name row 1 of the terms."""
    return Stream(
        records(rows, MESSAGE), records([{}, terms or {}], TERMS), {name: int(n) for name, n in rules.items()}
    )


ICEBERG = stream_of(new(1, SELL, 101, 6, terms=1), new(2, SELL, 101, 5), new(9, BUY, 101, 4), terms={"display_lots": 2})
"""Shows 2 of 6 in front of 5; the buyer takes 2, the iceberg goes behind, and 2 of the other."""


def swapped(reports: np.ndarray, first: int, second: int, *names: str) -> np.ndarray:
    """Two answers exchange some fields."""
    for name in names:
        reports[name][[first, second]] = reports[name][[second, first]]
    return reports


def test_an_iceberg_that_trades_on_before_the_next_in_the_queue_is_found() -> None:
    reports = answers(ICEBERG)
    trades = np.flatnonzero(reports["kind"] == ReportKind.TRADE)
    assert ([1, 2], set()) == (reports["order_id"][trades].tolist(), kinds(checked(ICEBERG, reports)))
    reports[trades[1]]["order_id"] = 1
    reports[trades[1]]["remaining_lots"] = 2
    assert {Violation.NOT_OLDEST} <= kinds(checked(ICEBERG, reports))


def test_a_refresh_left_out_said_twice_or_too_large_is_found() -> None:
    reports = answers(ICEBERG)
    (place,) = np.flatnonzero(reports["kind"] == ReportKind.REFRESHED)
    assert checked(ICEBERG, np.delete(reports, place)).count
    assert {Violation.ANSWER} == kinds(checked(ICEBERG, np.insert(reports, place, reports[place])))
    reports[place]["size_lots"] = 3
    assert {Violation.SIZE} == kinds(checked(ICEBERG, reports))


def test_a_hidden_order_that_trades_before_a_displayed_one_is_found() -> None:
    stream = stream_of(
        new(1, SELL, 101, 5, flags=MessageFlag.HIDDEN), new(2, SELL, 101, 5), new(9, BUY, 101, 10), new(8, BUY, 99, 1)
    )
    reports = answers(stream)
    trades = np.flatnonzero(reports["kind"] == ReportKind.TRADE)
    assert ([2, 1], set()) == (reports["order_id"][trades].tolist(), kinds(checked(stream, reports)))
    assert {Violation.NOT_OLDEST} == kinds(checked(stream, swapped(reports, *trades, "order_id")))


def test_a_trade_between_two_orders_of_one_owner_is_found_where_it_is_prevented() -> None:
    stream = stream_of(new(1, SELL, 101, 5, owner=3), new(9, BUY, 101, 5, owner=3))
    reports = answers(stream)
    assert set() == kinds(checked(stream, reports))
    for mode in SelfTrade:
        expected = set() if mode == SelfTrade.NONE else {Violation.SELF_TRADE}
        assert expected == kinds(checked(stream._replace(rules={"self_trade": int(mode)}), reports))


@pytest.mark.parametrize("mode", [mode for mode in SelfTrade if mode != SelfTrade.NONE])
def test_prevention_of_a_trade_between_strangers_is_found(mode: SelfTrade) -> None:
    stream = stream_of(new(1, SELL, 101, 5, owner=3), new(9, BUY, 101, 7, owner=3), self_trade=mode)
    reports = answers(stream)
    assert set() == kinds(checked(stream, reports))
    stream.messages["owner"][0] = 4
    assert Violation.ANSWER in kinds(checked(stream, reports))


SHARED = stream_of(
    new(1, SELL, 101, 10),
    new(2, SELL, 101, 30),
    new(3, SELL, 102, 5),
    new(9, BUY, 102, 8),
    allocation=Allocation.PRO_RATA,
)


def test_time_priority_is_waived_where_a_level_is_shared_out_and_only_there() -> None:
    reports = answers(SHARED)
    assert [2, 6] == reports["size_lots"][reports["kind"] == ReportKind.TRADE].tolist()
    assert set() == kinds(checked(SHARED, reports))
    assert {Violation.SIZE, Violation.NOT_OLDEST} == kinds(checked(SHARED._replace(rules={}), reports))


def test_price_priority_holds_where_a_level_is_shared_out() -> None:
    reports = answers(SHARED)
    (_, second) = np.flatnonzero(reports["kind"] == ReportKind.TRADE)
    reports[second]["order_id"] = 3
    assert Violation.NOT_BEST_PRICE in kinds(checked(SHARED, reports))


def test_a_minimum_that_was_not_kept_is_found() -> None:
    stream = stream_of(new(1, SELL, 101, 3), new(9, BUY, 101, 5, tif=TimeInForce.IOC, terms=1), terms={"min_lots": 3})
    reports = answers(stream)
    assert set() == kinds(checked(stream, reports))
    stream.terms["min_lots"][1] = 4
    assert {Violation.SIZE} == kinds(checked(stream, reports))


def phase(new_phase: Phase) -> dict[str, int]:
    """A change of phase."""
    return {"verb": Verb.PHASE, "size_lots": int(new_phase), "price_ticks": 100, "side": -1}


def test_an_auction_that_serves_the_younger_first_is_found() -> None:
    sells = [new(1, SELL, 100, 4), new(2, SELL, 100, 4)]
    stream = stream_of(*sells, new(3, BUY, 100, 4), phase(Phase.CONTINUOUS), phase=Phase.PRE_OPEN)
    reports = answers(stream)
    assert set() == kinds(checked(stream, reports))
    (place,) = np.flatnonzero(reports["kind"] == ReportKind.TRADE)
    reports[place]["order_id"] = 2
    assert {Violation.NOT_OLDEST} == kinds(checked(stream, reports))


STOP = stream_of(
    new(1, SELL, 101, 1),
    new(2, SELL, 102, 9),
    new(3, BUY, 0, 5, type=OrderType.STOP, terms=1),
    new(9, BUY, 101, 1),
    terms={"has_stop": 1, "stop_ticks": 101},
)


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"order_id": 2}, Violation.NO_SUCH_ORDER),
        ({"price_ticks": 102}, Violation.ANSWER),
        ({"size_lots": 6}, Violation.SIZE),
    ],
)
def test_a_wrong_election_is_found(change: dict[str, int], violation: Violation) -> None:
    reports = answers(STOP)
    assert set() == kinds(checked(STOP, reports))
    (place,) = np.flatnonzero(reports["kind"] == ReportKind.TRIGGERED)
    for name, value in change.items():
        reports[place][name] = value
    assert violation in kinds(checked(STOP, reports))


def test_a_pegged_order_beyond_its_limit_or_through_the_market_is_found() -> None:
    pegged = new(3, BUY, 100, 5, type=OrderType.PEGGED, terms=1)
    stream = stream_of(new(1, SELL, 102, 1), new(2, BUY, 98, 9), pegged, terms={"peg": Peg.PRIMARY})
    reports = answers(stream)
    (place,) = np.flatnonzero(reports["kind"] == ReportKind.REPRICED)
    assert (98, set()) == (reports["price_ticks"][place], kinds(checked(stream, reports)))
    for price, expected in ((101, {Violation.BEYOND_LIMIT}), (102, {Violation.BEYOND_LIMIT, Violation.SPREAD})):
        reports[place]["price_ticks"] = price
        assert expected == kinds(checked(stream, reports))


# What it is given


def test_terms_that_were_not_told_are_asked_for() -> None:
    with pytest.raises(OrderError, match="message 0: a message was accepted whose terms are not in the table"):
        check_stream(ICEBERG.messages, answers(ICEBERG))


def test_other_arrays_of_terms_and_rules_are_refused() -> None:
    with pytest.raises(OrderError, match=r"terms are a one-dimensional array of lobsim\.types\.TERMS"):
        check_stream(np.zeros(0, MESSAGE), np.zeros(0, REPORT), np.zeros(1, MESSAGE))
    with pytest.raises(OrderError, match="a table of terms has a row 0"):
        check_stream(np.zeros(0, MESSAGE), np.zeros(0, REPORT), np.zeros(0, TERMS))
    with pytest.raises(OrderError, match=r"rules are an array of one lobsim\.types\.RULES"):
        check_stream(np.zeros(0, MESSAGE), np.zeros(0, REPORT), rules=np.zeros(2, RULES))
