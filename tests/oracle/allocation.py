"""How a taker is shared out among the orders of one level, where the rule is not FIFO (docs/rules.md, section 1b).

A round: the first ``top_orders`` displayed orders (none under PRO_RATA) are served in full, first to last, the others share
what is left in proportion to their sizes.  Icebergs that traded away what they showed refresh after the round; with size left
the taker goes round again, and at last meets the hidden orders one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobsim.types import Allocation, Reason, ReportKind, SelfTrade
from tests.oracle.book import Order, Report

if TYPE_CHECKING:
    from tests.oracle.venue import OracleVenue


def shares(quantity: int, sizes: list[int], top: int) -> list[int]:
    """What each of the displayed orders gets of `quantity`, the first `top` of them FIFO."""
    given: list[int] = []
    for size in sizes[:top]:
        given.append(min(size, quantity))
        quantity -= given[-1]
    sharing = sizes[top:]
    displayed = sum(sharing)
    if quantity >= displayed:
        return given + sharing
    parts = [quantity * size // displayed for size in sharing]
    left = quantity - sum(parts)
    for place, size in enumerate(sharing):
        more = min(left, size - parts[place])
        parts[place] += more
        left -= more
    return given + parts


def share_level(venue: OracleVenue, taker: Order, price: int) -> list[Report]:
    """The taker, which has size left, enters a level."""
    side = 1 - taker.side
    reports = prevent_at_level(venue, taker, price)
    while taker.size and (displayed := [order for order in queue_at(venue, side, price) if not order.hidden]):
        reports += one_round(venue, taker, displayed)
    for maker in list(queue_at(venue, side, price)):
        if taker.size:
            reports.append(venue.trade(maker, taker, min(taker.size, maker.size)))
            venue.leave_if_empty(maker)
    return reports


def queue_at(venue: OracleVenue, side: int, price: int) -> list[Order]:
    """The queue at a price, perhaps empty by now."""
    return venue.queues[side].get(price, [])


def one_round(venue: OracleVenue, taker: Order, displayed: list[Order]) -> list[Report]:
    """All shares are traded first to last, then all refreshes follow in the same order."""
    top = venue.rules["top_orders"] if venue.rules["allocation"] == Allocation.TOP_N else 0
    given = shares(taker.size, [order.size for order in displayed], top)
    reports = [venue.trade(order, taker, lots) for order, lots in zip(displayed, given, strict=True) if lots]
    for order in displayed:
        reports += venue.refresh_or_leave(order)
    return reports


def prevent_at_level(venue: OracleVenue, taker: Order, price: int) -> list[Report]:
    """Self-trade prevention acts when a level is entered, on all own orders there."""
    mode = venue.rules["self_trade"]
    own = [order for order in queue_at(venue, 1 - taker.side, price) if taker.owner and order.owner == taker.owner]
    reports: list[Report] = []
    if own and mode in (SelfTrade.CANCEL_OLDEST, SelfTrade.CANCEL_BOTH):
        reports += [venue.leave(order, ReportKind.CANCELLED, Reason.SELF_TRADE) for order in own]
    if own and mode in (SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_BOTH):
        reports.append(venue.end_of_taker(taker, Reason.SELF_TRADE))
    return reports
