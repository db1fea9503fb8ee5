"""The slow venue under random commands of every kind: what must hold whatever they are, and that they reach every corner.

Its answers to single commands are worked out by hand in tests/lobsim/core/types, where the compiled core gives them too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.types import (
    NONE,
    TERMS,
    Allocation,
    MessageFlag,
    OrderType,
    Peg,
    Phase,
    Reason,
    ReportKind,
    SelfTrade,
    Side,
    TimeInForce,
    Verb,
)
from tests.oracle.allocation import shares
from tests.oracle.book import Report
from tests.oracle.typed_streams import PROFILES, Stream, typed_messages
from tests.oracle.venue import OracleVenue

EVERY_PROFILE = pytest.mark.parametrize("profile", PROFILES)


def played(stream: Stream, venue: OracleVenue) -> Iterator[tuple[Any, list[Report]]]:
    """Each message with its reports."""
    for message in stream.messages:
        yield message, venue.process(message)


def test_the_state_hash_has_words_for_reserve_hidden_and_waiting_orders() -> None:
    def fnv(*words: int) -> int:
        value = 1469598103934665603
        for word in words:
            value = ((value ^ (word % 2**64)) * 1099511628211) % 2**64
        return value

    terms = np.zeros(4, TERMS)
    terms["display_lots"][1] = 4
    terms["has_stop"][2], terms["stop_ticks"][2] = 1, 120
    terms["peg"][3] = Peg.PRIMARY
    venue, order = OracleVenue(None, terms), {"verb": Verb.NEW, "price_ticks": 100}
    venue.process(order | {"order_id": 1, "size_lots": 10, "terms": 1})
    venue.process(order | {"order_id": 2, "size_lots": 3, "flags": MessageFlag.HIDDEN})
    venue.process(order | {"order_id": 3, "size_lots": 5, "type": OrderType.STOP, "terms": 2})
    venue.process(order | {"order_id": 4, "size_lots": 6, "type": OrderType.PEGGED, "side": 1, "terms": 3})
    waiting = (fnv(3, 120, 5) + fnv(4, 0, 6)) % 2**64
    assert fnv(-1, 100, 1, 4, 0, 6, 0, 2, 3, 0, 0, 1, -2, waiting) >> 1 == venue.state_hash()
    venue.process({"verb": Verb.CANCEL, "order_id": 3})
    venue.process({"verb": Verb.CANCEL, "order_id": 4})
    assert fnv(-1, 100, 1, 4, 0, 6, 0, 2, 3, 0, 0, 1, -2) >> 1 == venue.state_hash()


def test_decrement_goes_with_fifo_only() -> None:
    with pytest.raises(ValueError, match="DECREMENT cannot be combined"):
        OracleVenue({"self_trade": SelfTrade.DECREMENT, "allocation": Allocation.PRO_RATA})


# --- the streams


def test_every_report_and_every_reason_occurs_often() -> None:
    kinds: Counter[int] = Counter()
    reasons: Counter[int] = Counter()
    for profile in PROFILES:
        for seed in range(2):
            stream = typed_messages(seed, 1500, profile)
            lines = OracleVenue(stream.rules, stream.terms, max_level_units=200).run(stream.messages)
            kinds.update(line[1] for line in lines)
            reasons.update(line[2] for line in lines)
    rare = {kind.name: kinds[kind] for kind in ReportKind if kinds[kind] < 200}
    assert {} == rare
    to_participants = {Reason.TOO_LATE, Reason.OVERLOAD, Reason.RATE_LIMIT}  # of a replay only
    rare = {reason.name: reasons[reason] for reason in set(Reason) - to_participants if reasons[reason] < 20}
    assert {} == rare


@pytest.mark.parametrize(
    ("profile", "kind", "often"),
    [
        ("icebergs", ReportKind.REFRESHED, 200),
        ("stops", ReportKind.TRIGGERED, 100),
        ("pegs", ReportKind.REPRICED, 400),
        ("phases", ReportKind.PHASE_CHANGED, 80),
        ("allocation", ReportKind.REFRESHED, 80),
    ],
)
def test_a_profile_emphasises_its_family(profile: str, kind: ReportKind, often: int) -> None:
    stream = typed_messages(1, 1500, profile)
    lines = OracleVenue(stream.rules, stream.terms).run(stream.messages)
    assert often < sum(line[1] == kind for line in lines)


def test_stops_cascade() -> None:
    stream = typed_messages(1, 3000, "stops")
    reports = (said for _, said in played(stream, OracleVenue(stream.rules, stream.terms)))
    triggered = Counter(sum(line[0] == ReportKind.TRIGGERED for line in said) for said in reports)
    assert 10 < sum(count for several, count in triggered.items() if several > 1)


def test_a_stream_depends_on_its_seed_alone() -> None:
    first, again, other = (typed_messages(seed, 400, "everything") for seed in (3, 3, 4))
    assert np.array_equal(first.messages, again.messages)
    assert np.array_equal(first.terms, again.terms)
    assert first.rules == again.rules
    assert not np.array_equal(first.messages, other.messages)


# --- what must hold


class Ledger:
    """What every order has left and every owner holds, from messages and reports alone."""

    def __init__(self) -> None:
        self.left: dict[int, int] = {}
        self.owners: dict[int, int] = {}
        self.positions: Counter[int] = Counter()

    def book(self, message: Any, reports: list[Report]) -> None:
        """One message and what it was answered."""
        later = [line for line in reports if line[0] != ReportKind.EXPIRED]
        for line in reports:
            if line[0] == ReportKind.EXPIRED:
                self._take(line[3], line[6])
        for kind, _, _, order_id, other_id, _, size, _ in later:
            if kind == ReportKind.ACCEPTED:
                self.left[order_id], self.owners[order_id] = size, int(message["owner"])
            elif kind == ReportKind.REPLACED:
                del self.left[other_id]
                self.left[order_id], self.owners[order_id] = size, self.owners[other_id]
        for line in later:
            self._move(line)

    def _move(self, line: Report) -> None:
        kind, _, side, order_id, other_id, _, size, _ = line
        if kind == ReportKind.TRADE:
            buyer, seller = (order_id, other_id) if side == Side.BUY else (other_id, order_id)
            for trader, change in ((buyer, size), (seller, -size)):
                self._take(trader, size)
                self.positions[self.owners[trader]] += change
        elif kind in (ReportKind.REDUCED, ReportKind.CANCELLED):
            self._take(order_id, size)
        elif kind == ReportKind.TRIGGERED:
            self.left[order_id] = size  # a reduce-only stop may have been cut

    def _take(self, order_id: int, size: int) -> None:
        self.left[order_id] -= size
        assert self.left[order_id] >= 0

    def resting(self) -> dict[int, int]:
        """What is left of every order of which something is."""
        return {order_id: left for order_id, left in self.left.items() if left}


@EVERY_PROFILE
def test_reports_account_for_every_lot_and_every_position(profile: str) -> None:
    stream = typed_messages(11, 800, profile)
    venue, ledger = OracleVenue(stream.rules, stream.terms), Ledger()
    for message, reports in played(stream, venue):
        ledger.book(message, reports)
        assert ledger.resting() == {order.id: order.whole for order in venue.orders.values()}
        assert all(ledger.positions[owner] == held for owner, held in venue.positions.items())


@EVERY_PROFILE
def test_a_continuous_book_is_never_crossed_and_trades_have_sizes(profile: str) -> None:
    stream = typed_messages(12, 800, profile)
    venue = OracleVenue(stream.rules, stream.terms)
    for _, reports in played(stream, venue):
        assert all(line[6] > 0 for line in reports if line[0] == ReportKind.TRADE)
        bid, ask = venue.best_of_any_kind(Side.BUY), venue.best_of_any_kind(Side.SELL)
        assert venue.phase != Phase.CONTINUOUS or bid is None or ask is None or bid < ask


def own_trades(message: Mapping[str, Any], reports: list[Report]) -> int:
    """Lots that the order of a NEW took on arrival."""
    return sum(line[6] for line in reports if line[0] == ReportKind.TRADE and line[4] == message["order_id"])


@pytest.mark.parametrize("profile", ["minimum", "self_trade", "positions", "allocation", "icebergs"])
def test_fill_or_kill_is_all_or_nothing_and_no_trade_is_below_a_minimum(profile: str) -> None:
    stream = typed_messages(13, 2500, profile)
    venue, seen = OracleVenue(stream.rules, stream.terms), Counter()
    for message, reports in played(stream, venue):
        first = next((line for line in reports if line[0] == ReportKind.ACCEPTED), None)
        if message["verb"] != Verb.NEW or first is None:
            continue
        taken, minimum = own_trades(message, reports), int(stream.terms["min_lots"][message["terms"]])
        if message["tif"] == TimeInForce.FOK:
            assert first[6] == taken
            seen["fok"] += 1
        elif minimum and message["type"] in (OrderType.LIMIT, OrderType.MARKET):
            assert taken == 0 or taken >= min(minimum, first[6])
            seen["minimum"] += taken > 0
    assert seen["fok"] > 20
    assert seen["minimum"] > 5


def test_a_position_only_shrinks_when_only_reduce_only_orders_trade_for_its_owner() -> None:
    stream = typed_messages(15, 3000, "positions")
    venue, ledger = OracleVenue(stream.rules, stream.terms), Ledger()
    reducing: dict[int, bool] = {}
    watched = 0
    for message, reports in played(stream, venue):
        before = Counter(ledger.positions)
        if message["verb"] == Verb.NEW and any(line[0] == ReportKind.ACCEPTED for line in reports):
            reducing[int(message["order_id"])] = bool(message["flags"] & MessageFlag.REDUCE_ONLY)
        for line in reports:
            if line[0] == ReportKind.REPLACED:
                reducing[line[3]] = reducing[line[4]]
        ledger.book(message, reports)
        trades = [line for line in reports if line[0] == ReportKind.TRADE]
        if any(line[1] == Reason.AUCTION for line in trades):
            continue
        traders = [trader for line in trades for trader in line[3:5]]
        for owner in {ledger.owners[trader] for trader in traders} - {0}:
            if all(reducing[trader] for trader in traders if ledger.owners[trader] == owner):
                held, had = ledger.positions[owner], before[owner]
                assert abs(held) <= abs(had)
                assert held * had >= 0
                watched += 1
    assert watched > 100


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "phases"])
def test_the_mirrored_commands_get_mirrored_answers(profile: str) -> None:
    stream = typed_messages(16, 900, profile)
    messages = stream.messages[stream.messages["verb"] != Verb.PHASE]
    mirrored, terms = messages.copy(), stream.terms.copy()
    known = np.isin(messages["side"], (0, 1))
    mirrored["side"][known] = 1 - messages["side"][known]
    mirrored["price_ticks"] *= -1
    terms["stop_ticks"] *= -1
    rules = dict(stream.rules)
    if "band_low_ticks" in rules:
        rules |= {"band_low_ticks": -rules["band_high_ticks"], "band_high_ticks": -rules["band_low_ticks"]}
    expected = [turned(line) for line in OracleVenue(stream.rules, stream.terms).run(messages)]
    assert expected == OracleVenue(rules, terms).run(mirrored)


def turned(line: tuple[int, ...]) -> tuple[int, ...]:
    """A report of the other side, at the mirrored price."""
    sequence, kind, reason, side, order_id, other_id, price, size, remaining = line
    side = 1 - side if side in (Side.BUY, Side.SELL) and side != NONE else side
    return (sequence, kind, reason, side, order_id, other_id, -price, size, remaining)


@given(st.integers(1, 60), st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 9))
def test_shares_add_up_and_never_exceed_a_size(quantity: int, sizes: list[int], top: int) -> None:
    given_out = shares(quantity, sizes, top)
    assert min(quantity, sum(sizes)) == sum(given_out)
    assert all(0 <= part <= size for part, size in zip(given_out, sizes, strict=True))
    left = quantity - sum(given_out[:top])
    assert all(part == size for part, size in zip(given_out[:top], sizes[:top], strict=True)) or left == 0
