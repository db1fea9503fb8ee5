"""A taker meets the orders of the other side: price, then place in the queue (docs/rules.md, sections 1 and 1b).

Here are the queue in turn, what a meeting does (REDUCE_ONLY, self-trade prevention, a trade), and what could trade at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lobsim.types import Allocation, Reason, ReportKind, SelfTrade
from tests.oracle import allocation
from tests.oracle.book import Order, Report, about, reaches

if TYPE_CHECKING:
    from tests.oracle.venue import OracleVenue


def match(venue: OracleVenue, taker: Order) -> list[Report]:
    """Trade the taker's size against the other side, best price first, as far as its limit."""
    reports: list[Report] = []
    other = 1 - taker.side
    for price in venue.prices(other):
        if not taker.size or not reaches(taker.side, taker.limit, price):
            break
        if venue.rules["allocation"] != Allocation.FIFO:
            reports += allocation.share_level(venue, taker, price)
            continue
        for maker in in_turn(venue, other, price):
            if not taker.size:
                break
            reports += meet(venue, taker, maker)
    return reports


def in_turn(venue: OracleVenue, side: int, price: int) -> Iterator[Order]:
    """The orders with size at one price, first to last; an iceberg comes again with each refresh."""
    met: set[tuple[Order, int]] = set()
    while True:
        queue = venue.queues[side].get(price, [])
        order = next((order for order in queue if order.size and (order, order.turn) not in met), None)
        if order is None:
            return
        met.add((order, order.turn))
        yield order


def meet(venue: OracleVenue, taker: Order, maker: Order) -> list[Report]:
    """The taker, which has size left, meets one maker."""
    reports = cut_to_position(venue, maker)
    if not maker.size:
        return reports
    if prevents(venue, taker, maker):
        return reports + prevent(venue, taker, maker)
    lots = min(taker.size, maker.size)
    reports.append(venue.trade(maker, taker, lots))
    return reports + venue.refresh_or_leave(maker)


def cut_to_position(venue: OracleVenue, maker: Order) -> list[Report]:
    """A resting REDUCE_ONLY order loses what its owner's position no longer covers."""
    if not maker.reduce_only:
        return []
    uncovered = maker.whole - venue.reducible(maker.owner, maker.side)
    if uncovered <= 0:
        return []
    if uncovered == maker.whole:
        said = venue.leave(maker, ReportKind.CANCELLED, Reason.REDUCE_ONLY)
        maker.size = maker.reserve = 0
        return [said]
    maker.take_off(uncovered)
    return [about(ReportKind.REDUCED, Reason.REDUCE_ONLY, maker, size=uncovered, remaining=maker.whole)]


# --- self-trade prevention


def prevents(venue: OracleVenue, taker: Order, maker: Order) -> bool:
    """Whether these two may not trade with each other."""
    return venue.rules["self_trade"] != SelfTrade.NONE and taker.owner != 0 and taker.owner == maker.owner


def prevent(venue: OracleVenue, taker: Order, maker: Order) -> list[Report]:
    """What happens instead of the trade."""
    mode = venue.rules["self_trade"]
    if mode == SelfTrade.DECREMENT:
        return decrement(venue, taker, maker)
    reports: list[Report] = []
    if mode in (SelfTrade.CANCEL_OLDEST, SelfTrade.CANCEL_BOTH):
        reports.append(venue.leave(maker, ReportKind.CANCELLED, Reason.SELF_TRADE))
    if mode in (SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_BOTH):
        reports.append(venue.end_of_taker(taker, Reason.SELF_TRADE))
    return reports


def decrement(venue: OracleVenue, taker: Order, maker: Order) -> list[Report]:
    """Both lose the smaller size without trading."""
    lots = min(taker.size, maker.size)
    maker.size -= lots
    taker.size -= lots
    reports = [
        about(ReportKind.REDUCED, Reason.SELF_TRADE, order, size=lots, remaining=order.whole)
        for order in (maker, taker)
    ]
    return reports + venue.refresh_or_leave(maker)


# --- what could trade at once


def fillable(venue: OracleVenue, side: int, limit: int | None, owner: int) -> int:
    """What could trade within the limit: shown, hidden and reserve, over all levels, on the way through the queues."""
    mode = venue.rules["self_trade"]
    ends_at_own = mode not in (SelfTrade.NONE, SelfTrade.CANCEL_OLDEST) and owner != 0
    skips_own = mode == SelfTrade.CANCEL_OLDEST and owner != 0
    total = 0
    for price in venue.prices(1 - side):
        if not reaches(side, limit, price):
            break
        queue = venue.queues[1 - side][price]
        if ends_at_own and any(order.owner == owner for order in queue):
            return total + _before_own(venue, queue, owner)
        total += sum(_counts(order) for order in queue if not (skips_own and order.owner == owner))
    return total


def _counts(order: Order) -> int:
    return 0 if order.reduce_only else order.whole


def _before_own(venue: OracleVenue, queue: list[Order], owner: int) -> int:
    """What a taker of this owner trades at a level before it meets the first of its own orders."""
    if venue.rules["allocation"] != Allocation.FIFO:
        return 0
    first = next(place for place, order in enumerate(queue) if order.owner == owner)
    before = queue[:first]
    if queue[first].hidden:
        return sum(_counts(order) for order in before)  # every reserve comes before the hidden orders
    return sum(order.size for order in before if not order.reduce_only)
