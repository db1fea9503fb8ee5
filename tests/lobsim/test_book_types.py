"""The book as an object: every order type, the venue's rules, phases and positions, in natural units."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from lobsim import Book, ConfigError, OrderError, VenueRules
from lobsim.answers import Report
from lobsim.core.book import BookSize
from lobsim.types import MESSAGE, TERMS, OrderType, Phase, Reason, ReportKind, Side, TimeInForce
from lobsim.venue import rules_text
from tests.oracle.typed_streams import typed_messages
from tests.oracle.venue import OracleVenue

TINY = BookSize(orders=4, window=64, far=2, ids=8, dense=1, timers=2, extras=1, owners=1)


def make(**rules: Any) -> Book:
    """A bid of 10 at 0.99 and an ask of 10 at 1.01; a tick is 0.01, a lot a tenth."""
    book = Book("0.01", "0.1", rules=VenueRules(**rules), room=TINY)
    book.limit(1, "buy", "0.99", 10)
    book.limit(2, "sell", "1.01", 10)
    return book


def kinds(reports: tuple[Report, ...]) -> list[str]:
    """Their kinds, by name."""
    return [report.kind.name for report in reports]


# order types


def test_an_iceberg_shows_a_part_and_refreshes_behind() -> None:
    book = make()
    book.limit(3, "sell", "1.00", "2.5", display="0.8")
    assert (Decimal("0.8"), 1) == book.asks(1)[0][1:]
    reports = book.market(4, "buy", "1.0")
    assert ["ACCEPTED", "TRADE", "REFRESHED", "TRADE"] == kinds(reports)
    assert Decimal("1.5") == reports[-1].remaining
    assert Decimal("0.6") == book.asks(1)[0].size


def test_a_hidden_order_is_not_shown_and_trades_last() -> None:
    book = make()
    book.limit(3, "sell", "1.01", 1, hidden=True)
    book.limit(4, "sell", "1.01", 1)
    assert (Decimal(11), 2) == book.asks(1)[0][1:]
    assert [2, 4, 3] == [trade.order_id for trade in book.market(5, "buy", 12).trades]


def test_a_stop_waits_for_its_price_and_follows_the_trade_that_elects_it() -> None:
    book = make()
    assert ["ACCEPTED"] == kinds(book.stop(3, "buy", "1.01", 2))
    assert 2 == book.orders
    reports = book.market(4, "buy", 1)
    assert ["ACCEPTED", "TRADE", "TRIGGERED", "TRADE"] == kinds(reports)
    assert (3, 2, Decimal(2)) == (reports[-1].other_id, reports[-1].order_id, reports[-1].size)
    assert Decimal("1.01") == book.last_price


def test_a_stop_with_a_limit_price_rests_there() -> None:
    book = make()
    book.stop(3, "sell", "0.99", 15, "0.98")
    reports = book.market(4, "sell", 1)
    assert [Decimal(1), Decimal(9)] == [trade.size for trade in reports.trades]
    assert (Decimal("0.98"), Decimal(6)) == book.asks(1)[0][:2]


def test_market_to_limit_rests_at_the_price_it_met() -> None:
    book = make()
    assert Decimal("1.01") == book.market_to_limit(3, "buy", 12)[0].price
    assert (Decimal("1.01"), Decimal(2)) == book.bids(1)[0][:2]


def test_a_minimum_that_cannot_trade_is_refused() -> None:
    book = make()
    assert Reason.MIN_NOT_FILLABLE == book.limit(3, "buy", "1.01", 20, minimum=11).refused
    assert ["ACCEPTED", "CANCELLED"] == kinds(book.market(3, "buy", 20, minimum=11))
    assert Decimal(10) == book.limit(3, "buy", "1.01", 20, minimum=10).filled


def test_a_pegged_order_follows_its_reference() -> None:
    book = make()
    reports = book.pegged(3, "buy", "2.00", 1, "primary")
    assert [("ACCEPTED", Decimal("2.00")), ("REPRICED", Decimal("0.99"))] == [(r.kind.name, r.price) for r in reports]
    reports = book.limit(4, "buy", "1.00", 1)
    assert ["ACCEPTED", "REPRICED"] == kinds(reports)
    assert (Decimal("1.00"), Decimal(2), 2) == book.bids(1)[0]


def test_a_refusal_is_seen_behind_the_reports_of_pegged_orders() -> None:
    book = make()
    book.pegged(3, "buy", "2.00", 1, "market", "0.05")
    book.limit(4, "sell", "1.00", 1, "gtd", expire_ns=5, ts_ns=1)
    reports = book.limit(5, "buy", "0.50", "0.05", ts_ns=5)
    assert "EXPIRED" == reports[0].kind.name
    assert Reason.OFF_LOT == reports.refused
    assert "REPRICED" == reports[-1].kind.name


# rules


def test_self_trade_prevention_and_positions_go_by_owner() -> None:
    book = make(self_trade="cancel_oldest")
    book.limit(3, "sell", "1.00", 1, owner=7)
    reports = book.limit(4, "buy", "1.01", 3, owner=7)
    assert [("CANCELLED", Reason.SELF_TRADE), ("TRADE", Reason.NONE)] == [(r.kind.name, r.reason) for r in reports[1:]]
    assert (Decimal(3), Decimal(0)) == (book.position(7), book.position(8))


def test_a_reduce_only_order_is_cut_to_the_position() -> None:
    book = make()
    assert Reason.REDUCE_ONLY == book.market(3, "sell", 9, owner=7, reduce_only=True).refused
    book.market(3, "buy", 4, owner=7)
    assert Decimal(4) == book.market(4, "sell", 9, owner=7, reduce_only=True)[0].size
    assert Decimal(0) == book.position(7)


def test_pro_rata_shares_by_size() -> None:
    book = make(allocation="pro_rata")
    book.limit(3, "sell", "1.01", 30)
    assert [(2, Decimal(2)), (3, Decimal(6))] == [(t.order_id, t.size) for t in book.market(4, "buy", 8).trades]


def test_steps_and_band_are_those_of_the_venue() -> None:
    book = make(price_step="0.05", size_step=1, band=("0.50", "2.00"))
    assert Reason.OFF_TICK == book.limit(3, "buy", "0.98", 1).refused
    assert Reason.OFF_LOT == book.limit(3, "buy", "0.95", "1.5").refused
    assert Reason.OUTSIDE_BAND == book.limit(3, "buy", "2.05", 1).refused
    assert "tick_step 5, lot_step 10, band_low_ticks 50, band_high_ticks 200" == rules_text(book.arrays.rules)


def test_a_call_auction_opens_the_market() -> None:
    book = Book("0.01", rules=VenueRules(phase="pre_open"))
    book.limit(1, "buy", "10.02", 100)
    book.limit(2, "sell", "10.00", 60)
    assert Reason.NOT_IN_PHASE == book.market(3, "buy", 1).refused
    reports = book.phase("continuous", "10.01")
    assert ["PHASE_CHANGED", "TRADE"] == kinds(reports)
    assert (Decimal("10.02"), Decimal(60), Reason.AUCTION) == (reports[1].price, reports[1].size, reports[1].reason)
    assert "PHASE_CHANGED to CONTINUOUS, reference 10.01" == str(reports[0])
    assert Phase.CONTINUOUS == book.phase_now
    assert not book.arrays.head[0]["ruled"]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"self_trade": "sometimes"}, "self_trade is 'sometimes'"),
        ({"allocation": "top_n"}, "top_orders is 0"),
        ({"top_orders": 2}, "top_orders is 2"),
        ({"allocation": "pro_rata", "self_trade": "decrement"}, "cannot be combined"),
        ({"price_step": "0.015"}, "price_step is 0.015"),
        ({"size_step": 0}, "size_step is 0"),
        ({"band": ("2", "1")}, "band goes from 2 to 1"),
        ({"band": ("much", "1")}, "band is 'much'"),
        ({"phase": "lunch"}, "phase is 'lunch'"),
    ],
)
def test_rules_that_cannot_be_are_named(rules: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Book("0.01", rules=VenueRules(**rules))


# in bulk


def test_terms_go_beside_the_messages() -> None:
    messages, terms = np.zeros(1, MESSAGE), np.zeros(2, TERMS)
    messages[0]["order_id"], messages[0]["size_lots"], messages[0]["terms"] = 1, 10, 1
    terms["display_lots"][1] = 3
    book = Book()
    book.run(messages, terms=terms)
    assert Decimal(3) == book.bids(1)[0].size
    assert Reason.BAD_FIELD == book.run(messages)["reason"][0]


def test_row_0_of_terms_means_nothing() -> None:
    terms = np.zeros(1, TERMS)
    terms["min_lots"] = 1
    with pytest.raises(OrderError, match="row 0 of terms"):
        Book().run(np.zeros(0, MESSAGE), terms=terms)
    with pytest.raises(OrderError, match=r"terms are a one-dimensional array of lobsim\.types\.TERMS"):
        Book().run(np.zeros(0, MESSAGE), terms=np.zeros(2))


def test_an_owner_beyond_every_group_is_refused() -> None:
    for owner in (-1, 2**20, 2**31, 2**62):
        assert Reason.BAD_FIELD == make().limit(3, "buy", "0.99", 1, owner=owner).refused


def test_the_object_answers_what_the_slow_venue_answers(limit: Any) -> None:
    """All of a random stream through the single requests' bulk way, in pieces, beginning with no room."""
    stream = typed_messages(11, limit(3_000, 300), "everything")
    book = Book(room=TINY)
    venue = OracleVenue({}, stream.terms)
    plain = stream.messages[stream.messages["verb"] <= 3]
    expected = venue.run(plain)
    fields = ["kind", "reason", "side", "order_id", "other_id", "price_ticks", "size_lots", "remaining_lots"]
    got = []
    for start in range(0, len(plain), 97):
        reports = book.run(plain[start : start + 97], terms=stream.terms)
        got += [(start + int(s), *line) for s, line in zip(reports["sequence"], reports[fields].tolist(), strict=True)]
    assert expected == got
    book.audit()
    assert venue.state_hash() == book.state_hash()


def test_limits_flags_and_ids_reach_the_floor_as_asked() -> None:
    book = make()
    book.limit(3, "buy", "0.98", 1, "gtd", post_only=True, hidden=True, owner=5, expire_ns=9)
    message = book._one[0]
    assert (OrderType.LIMIT, TimeInForce.GTD, 1 | 4, 5, 9, Side.BUY) == tuple(
        message[name] for name in ("type", "tif", "flags", "owner", "expire_ns", "side")
    )
    assert ReportKind.EXPIRED == book.cancel(1, ts_ns=9)[0].kind
