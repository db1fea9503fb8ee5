"""The worked examples of the article this project grew from: an order book before and after one large buy.

The asks are 500 @ 166.00 and 250 @ 166.01, then a @ 166.02 and b @ 166.03; the article draws a and b without naming them, and its text forces
0 < a < 1,500 < a + b.  Every example is also run mirrored, as a large sell.
"""

from __future__ import annotations

import doctest
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from lobsim import Book
from lobsim.types import ReportKind

DOCS = Path(__file__).resolve().parents[2] / "docs"
VOLUMES = [(1, 1500), (1, 10_000), (700, 801), (1000, 1000), (1499, 2), (1499, 10_000)]
BIDS = ((165, 99, 300), (165, 98, 400))


class Market(NamedTuple):
    """One book and how to look at it: as it is, or with both sides exchanged and every price negated."""

    book: Book
    mirrored: bool

    def price(self, text: str) -> Decimal:
        return -Decimal(text) if self.mirrored else Decimal(text)

    def side(self, side: str) -> str:
        return {"buy": "sell", "sell": "buy"}[side] if self.mirrored else side

    def limit(self, order_id: int, side: str, price: str, size: int) -> list[tuple[Decimal, Decimal]]:
        """Enter a limit order; the trades, as (price, size)."""
        reports = self.book.limit(order_id, self.side(side), self.price(price), size)
        return [(self.price(str(trade.price)), trade.size) for trade in reports.trades]

    def market(self, order_id: int, side: str, size: int) -> list[tuple[Decimal, Decimal]]:
        reports = self.book.market(order_id, self.side(side), size)
        return [(self.price(str(trade.price)), trade.size) for trade in reports.trades]

    def levels(self, side: str) -> list[tuple[Decimal, Decimal, int]]:
        levels = self.book.bids() if self.side(side) == "buy" else self.book.asks()
        return [(self.price(str(price)), size, orders) for price, size, orders in levels]

    @property
    def bid(self) -> Decimal:
        return self.levels("buy")[0][0]

    @property
    def ask(self) -> Decimal:
        return self.levels("sell")[0][0]

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


@pytest.fixture(params=[False, True], ids=["as drawn", "mirrored"])
def market(request: pytest.FixtureRequest) -> Market:
    return Market(Book("0.01"), request.param)


def fill(market: Market, a: int, b: int) -> Market:
    """The article's book before the order."""
    asks = (("166.00", 500), ("166.01", 250), ("166.02", a), ("166.03", b))
    for order_id, (price, size) in enumerate(asks, 1):
        assert [] == market.limit(order_id, "sell", price, size)
    for order_id, (units, cents, size) in enumerate(BIDS, 11):
        assert [] == market.limit(order_id, "buy", f"{units}.{cents}", size)
    return market


def prices(*pairs: tuple[str, int]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(size)) for price, size in pairs]


@pytest.mark.parametrize(("a", "b"), VOLUMES)
def test_a_limit_buy_takes_two_levels_and_becomes_the_best_bid(market: Market, a: int, b: int) -> None:
    before = fill(market, a, b)
    bid, ask, mid = before.bid, before.ask, before.mid
    fills = market.limit(99, "buy", "166.01", 1750)
    assert prices(("166.00", 500), ("166.01", 250)) == fills
    assert 750 == sum(size for _, size in fills)
    assert Decimal("124502.50") == sum(price * size for price, size in fills)
    assert (Decimal("166.01"), 1000, 1) == market.levels("buy")[0]
    assert [(Decimal("166.02"), a, 1), (Decimal("166.03"), b, 1)] == market.levels("sell")
    assert (Decimal("166.01"), Decimal("166.02")) == (market.bid, market.ask)
    assert market.bid > bid
    assert market.ask > ask
    assert market.mid > mid


@pytest.mark.parametrize(("a", "b"), VOLUMES)
def test_a_market_buy_takes_three_levels_and_part_of_the_fourth(market: Market, a: int, b: int) -> None:
    before = fill(market, a, b)
    bid, ask, mid = before.bid, before.ask, before.mid
    fills = market.market(99, "buy", 2250)
    assert prices(("166.00", 500), ("166.01", 250), ("166.02", a), ("166.03", 1500 - a)) == fills
    assert [(Decimal("166.03"), a + b - 1500, 1)] == market.levels("sell")
    assert bid == market.bid
    assert Decimal("0.03") == market.ask - ask
    assert Decimal("0.03") == (market.ask - market.bid) - (ask - bid)
    assert Decimal("0.015") == market.mid - mid


def test_a_market_buy_at_any_price_takes_what_there_is_and_never_rests(market: Market) -> None:
    fill(market, 700, 900)
    assert 2350 == sum(size for _, size in market.market(99, "buy", 10_000))
    assert [] == market.levels("sell")
    assert 2 == len(market.levels("buy"))


def test_a_new_order_goes_last_in_its_level_and_may_be_removed_by_its_owner(market: Market) -> None:
    fill(market, 700, 900)
    market.limit(21, "sell", "166.00", 40)
    assert (Decimal("166.00"), 540, 2) == market.levels("sell")[0]
    assert [1] == [trade.order_id for trade in market.book.market(99, market.side("buy"), 500).trades]
    assert ReportKind.CANCELLED == market.book.cancel(21)[0].kind
    assert Decimal("166.01") == market.ask


@pytest.mark.parametrize("price", ["165.98", "165.99", "166.00", "166.01", "166.05"])
def test_the_two_sides_never_overlap(market: Market, price: str) -> None:
    fill(market, 700, 900)
    for order_id, side in enumerate(("buy", "sell"), 50):
        market.limit(order_id, side, price, 3000)
        assert not market.levels("sell") or not market.levels("buy") or market.bid < market.ask


@pytest.mark.parametrize("page", ["book.md", "batches.md", "feeds.md"])
def test_the_examples_of_the_documentation_run_as_printed(page: str) -> None:
    failed, tried = doctest.testfile(str(DOCS / page), module_relative=False, encoding="utf-8")
    assert (0, True) == (failed, tried >= 15)
