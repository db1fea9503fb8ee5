"""Uncrossing: a book that was filled without trading finds its one price (docs/rules.md, section 1b)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobsim.types import Reason, ReportKind, Side
from tests.oracle.book import Order, Report, report

if TYPE_CHECKING:
    from tests.oracle.venue import OracleVenue


def volumes(venue: OracleVenue, price: int) -> tuple[int, int]:
    """What buys at or above the price, and what sells at or below it; reserve and hidden orders count."""
    buys = sum(order.whole for at, queue in venue.queues[Side.BUY].items() if at >= price for order in queue)
    sells = sum(order.whole for at, queue in venue.queues[Side.SELL].items() if at <= price for order in queue)
    return buys, sells


def auction_price(venue: OracleVenue) -> int | None:
    """Largest volume, then smallest imbalance, then nearest to the reference price, then the highest."""

    def worth(price: int) -> tuple[int, int, int, int]:
        buys, sells = volumes(venue, price)
        return min(buys, sells), -abs(buys - sells), -abs(price - venue.reference), price

    return max((*venue.prices(Side.BUY), *venue.prices(Side.SELL)), key=worth, default=None)


def uncross(venue: OracleVenue) -> list[Report]:
    """Everything that can trade at the auction price trades there, first buyer with first seller."""
    price = auction_price(venue)
    if price is None:
        return []
    left, reports = min(volumes(venue, price)), []
    while left:
        buyer, seller = first(venue, Side.BUY), first(venue, Side.SELL)
        lots = min(left, buyer.size, seller.size)
        left -= lots
        venue.take(buyer, lots)
        venue.take(seller, lots)
        venue.note_trade(buyer.owner, seller.owner, price, lots)
        facts: dict[str, Any] = {"order_id": seller.id, "other_id": buyer.id, "price": price, "size": lots}
        side, remaining = int(Side.SELL), seller.whole
        reports.append(report(ReportKind.TRADE, Reason.AUCTION, side=side, remaining=remaining, **facts))
        reports += venue.refresh_or_leave(seller)
        reports += venue.refresh_or_leave(buyer)
    return reports


def first(venue: OracleVenue, side: int) -> Order:
    """The order of a side that is served next: best price, then its queue in turn."""
    return venue.queues[side][venue.prices(side)[0]][0]
