"""Stops: they wait outside the book until a trade elects them (docs/rules.md, section 1b)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobsim.types import Reason, ReportKind, Side
from tests.oracle.book import Order, Report, report

if TYPE_CHECKING:
    from tests.oracle.venue import OracleVenue


def stop_price(order: Order) -> int:
    """The stop price of a stop."""
    assert order.stop is not None
    return order.stop


def is_reached(order: Order, price: int) -> bool:
    """Whether a trade at `price` elects the stop."""
    return price >= stop_price(order) if order.side == Side.BUY else price <= stop_price(order)


def wait_for_election(venue: OracleVenue, order: Order) -> None:
    """A stop arrives; where the last trade has reached its price already it is elected at once."""
    order.elected = venue.last_trade is not None and is_reached(order, venue.last_trade)
    venue.wait(order)


def elect(venue: OracleVenue, price: int) -> None:
    """A trade at `price` elects every stop that it reaches."""
    for order in venue.waiting:
        if order.stop is not None and is_reached(order, price):
            order.elected = True


def enter_elected(venue: OracleVenue) -> list[Report]:
    """Elected stops enter one after the other, until none is left; their trades may elect more."""
    reports: list[Report] = []
    while (order := next_elected(venue)) is not None:
        reports += trigger(venue, order)
    return reports


def next_elected(venue: OracleVenue) -> Order | None:
    """Of the first buy (lowest stop price, then oldest) and the first sell (highest, then oldest) the older one."""
    elected = [order for order in venue.waiting if order.elected]
    buys = sorted((o for o in elected if o.side == Side.BUY), key=lambda o: (stop_price(o), o.arrival))
    sells = sorted((o for o in elected if o.side == Side.SELL), key=lambda o: (-stop_price(o), o.arrival))
    return min([*buys[:1], *sells[:1]], key=lambda o: o.arrival, default=None)


def trigger(venue: OracleVenue, order: Order) -> list[Report]:
    """An elected stop becomes a MARKET IOC or a LIMIT order, cut to what it may reduce; or is cancelled."""
    size = min(order.size, venue.reducible(order.owner, order.side)) if order.reduce_only else order.size
    if not size:
        return [venue.leave(order, ReportKind.CANCELLED, Reason.REDUCE_ONLY)]
    if order.limit is not None and venue.overflows(order.side, order.limit, size):
        return [venue.leave(order, ReportKind.CANCELLED, Reason.SIZE_OVERFLOW)]
    venue.remove(order)
    price, order.size, order.stop = stop_price(order), size, None
    said = report(ReportKind.TRIGGERED, side=order.side, order_id=order.id, price=price, size=size)
    return [said, *venue.enter(order, rests=order.limit is not None)]
