"""Pegged orders: their price follows a reference, or they wait outside the book (docs/rules.md, section 1b)."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

from lobsim.types import MAX_PRICE_TICKS, Peg, Reason, ReportKind, Side
from tests.oracle.book import Order, Report, about, reaches

if TYPE_CHECKING:
    from tests.oracle.venue import OracleVenue


def look_at_all(venue: OracleVenue) -> list[Report]:
    """Every pegged order is looked at once, oldest first."""
    pegged = sorted((order for order in venue.orders.values() if order.peg != Peg.NONE), key=lambda o: o.arrival)
    return [line for order in pegged for line in look_at(venue, order)]


def look_at(venue: OracleVenue, order: Order) -> list[Report]:
    """An order whose price changed goes to the back of its new level, or out of the book."""
    now, then = price_of(venue, order), order.price if order.resting else None
    if now == then:
        return []
    venue.remove(order)
    if now is None:
        venue.wait(order)
    else:
        order.price = now
        venue.join(order)
    remaining = order.whole if order.resting else 0
    return [about(ReportKind.REPRICED, Reason.NONE, order, size=order.size, remaining=remaining)]


def price_of(venue: OracleVenue, order: Order) -> int | None:
    """Where the order belongs now, None: nowhere."""
    reference = reference_of(venue, order)
    if reference is None:
        return None
    assert order.limit is not None
    if order.side == Side.BUY:
        wished = floor((reference - order.peg_ticks) / venue.tick_step) * venue.tick_step
        price = min(wished, order.limit)
    else:
        wished = ceil((reference + order.peg_ticks) / venue.tick_step) * venue.tick_step
        price = max(wished, order.limit)
    opposite = venue.best_of_any_kind(1 - order.side)
    if opposite is not None and reaches(order.side, price, opposite):
        price = opposite - venue.tick_step if order.side == Side.BUY else opposite + venue.tick_step
    return price if may_stand(venue, order, price) else None


def may_stand(venue: OracleVenue, order: Order, price: int) -> bool:
    """Whether the price is legal, and its level has room."""
    if abs(price) > MAX_PRICE_TICKS or not venue.in_band(price):
        return False
    stays = order.resting and order.price == price
    return stays or not venue.overflows(order.side, price, order.size)


def reference_of(venue: OracleVenue, order: Order) -> Fraction | None:
    """The price it follows: of its own side, of the other, or the middle between the two."""
    own, other = best_displayed(venue, order.side), best_displayed(venue, 1 - order.side)
    if order.peg == Peg.PRIMARY:
        return None if own is None else Fraction(own)
    if order.peg == Peg.MARKET:
        return None if other is None else Fraction(other)
    return None if own is None or other is None else Fraction(own + other, 2)


def best_displayed(venue: OracleVenue, side: int) -> int | None:
    """Best price shown by an order that is not itself pegged."""
    for price in venue.prices(side):
        if any(not order.hidden and order.peg == Peg.NONE for order in venue.queues[side][price]):
            return price
    return None
