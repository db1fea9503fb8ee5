"""Defects of level (L2) replays in public engines, each as a test that would fail if we had it.

Sources: the project's survey of rival engines, 2.1 (hftbacktest's L2 queue models and exchange models), and its notes on market models, 3.4 and 3.5.
The numbered defects of the survey, 1 to 7, are in tests/test_known_defects.py, by orders and by levels alike; here stands what the models say
and leave unsaid.  Every market is offered 100 at 100 by strangers, own orders are small and come with zero delay unless told otherwise.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from lobsim.config import Latency
from lobsim.types import L2_SHIFT, FillReason, Impact, Kind, OrderType, QueueModel, TimeInForce
from tests.support.twins import blocks
from tests.support.worlds import BUY, SELL, Venue, row

IOC = TimeInForce.IOC
MODES = pytest.mark.parametrize("impact", [Impact.CONSUME, Impact.DECAY, Impact.NONE])
CONSUMING = pytest.mark.parametrize("impact", [Impact.CONSUME, Impact.DECAY])
MODELS = pytest.mark.parametrize("model", list(QueueModel))


def level(ts_ns: int, size: int, price: int = 100, side: int = SELL) -> dict[str, int]:
    """The feed shows size lots at a price."""
    return row(ts_ns, Kind.LEVEL, side, 0, price, size)


def printed(ts_ns: int, size: int, price: int = 100, side: int = SELL) -> dict[str, int]:
    """A trade of size lots with resting orders."""
    return row(ts_ns, Kind.PRINT, side, 0, price, size)


def market(*later: dict[str, int], offered: int = 100, **settings: Any) -> Venue:
    """Strangers offer 100 at 100; what follows begins at instant 3."""
    venue = Venue([level(1, offered), *later], by_levels=True, **settings)
    venue.run_to(1)
    return venue


def sent(venue: Venue, side: int, price: int, size: int, **more: int) -> int:
    """An own order that has been answered."""
    order = venue.send(side, price, size, **more)
    venue.run_to(int(venue.head["now_ns"]))
    return order


def filled(venue: Venue) -> list[int]:
    """Lots of each own order that have been filled."""
    return [int(venue.own(order)["filled_lots"]) for order in range(venue.head["own"])]


def shown(venue: Venue, side: int = SELL, price: int = 100) -> float:
    """Lots of strangers at a price."""
    queue = dict(blocks(venue, side)).get(price, [])
    return sum(units for order, units in queue if order == 0) / 2**L2_SHIFT


# A print's quantity is there once


@MODES
@MODELS
def test_two_own_orders_at_one_price_share_one_budget(impact: Impact, model: QueueModel) -> None:
    """hftbacktest L2: each own order tracks its own queue, so both consumed the same print."""
    venue = market(printed(3, 112), impact=impact, queue_model=model)
    for size in (8, 8):
        sent(venue, SELL, 100, size)
    venue.run_to(9)
    assert [8, 4] == filled(venue)


@MODES
def test_own_orders_at_two_prices_share_one_budget(impact: Impact) -> None:
    """hftbacktest L2: a print through several own prices filled every one of them in full."""
    venue = market(printed(3, 10, price=102), impact=impact)
    for price in (99, 98):
        sent(venue, SELL, price, 8)
    venue.run_to(9)
    assert [2, 8] == filled(venue)


@MODES
def test_a_print_through_an_own_price_fills_at_most_its_size(impact: Impact) -> None:
    """hftbacktest L2: a print through the own price filled the whole remaining size."""
    venue = market(printed(3, 3, price=101), impact=impact)
    sent(venue, SELL, 99, 50)
    venue.run_to(9)
    assert ([3], FillReason.TRADED_THROUGH) == (filled(venue), venue.fills[0][3])


@MODES
def test_a_fraction_of_a_lot_fills_nothing(impact: Impact) -> None:
    """hftbacktest L2: the overshoot of a print was rounded to lots, so half a lot of it filled a whole one."""
    venue = market(level(3, 150), level(4, 149), printed(5, 100), impact=impact, queue_model=QueueModel.PROPORTIONAL)
    sent(venue, SELL, 100, 5)
    venue.run_to(4)
    assert 99.333 == round(dict(blocks(venue, SELL))[100][0][1] / 2**L2_SHIFT, 3)
    venue.run_to(9)
    assert [0] == filled(venue)


# A quote's quantity is there once


@CONSUMING
def test_a_quote_through_an_own_price_fills_at_most_what_it_shows(impact: Impact) -> None:
    """hftbacktest L2: a quote through the own price filled the whole remaining size."""
    venue = market(level(3, 4, price=99, side=BUY), impact=impact)
    sent(venue, SELL, 99, 50)
    venue.run_to(9)
    assert ([4], FillReason.BOOK_CROSSED) == (filled(venue), venue.fills[0][3])


@CONSUMING
def test_a_quote_that_stays_through_an_own_price_fills_no_more(impact: Impact) -> None:
    """hftbacktest L2: the same displayed quantity could fill again with every update."""
    rows = [level(instant, 4, price=99, side=BUY) for instant in (3, 4, 5)]
    venue = market(*rows, impact=impact)
    sent(venue, SELL, 99, 50)
    venue.run_to(9)
    assert [4] == filled(venue)


# What a taker takes is gone


@CONSUMING
def test_a_taker_fill_depletes_what_is_shown(impact: Impact) -> None:
    """hftbacktest: the book never changed after own trades, so the same quantity could be taken again and again."""
    venue = market(level(3, 100), impact=impact)
    left = []
    for instant in (1, 2, 4):
        venue.run_to(instant)
        sent(venue, BUY, 100, 45, tif=IOC)
        left.append(shown(venue))
    assert ([45, 45, 10], [55, 10, 0]) == (filled(venue), left)


def test_the_participant_sees_what_its_own_taking_has_left() -> None:
    """hftbacktest: the depth that the strategy sees never changed after own trades."""
    venue = market(listens=True)
    sent(venue, BUY, 100, 45, tif=IOC)
    entries = [venue.world.ring[place] for place in range(venue.head["written"])]
    sizes = [int(entry["size"]) >> L2_SHIFT for entry in entries if entry["kind"] == 0 and entry["side"] == SELL]
    assert 55 == sizes[-1]


@pytest.mark.parametrize(("falls_to", "left"), [(30, 0), (60, 0), (61, 1)])
@CONSUMING
def test_consumed_quantity_is_not_shown_again_when_the_feed_falls(impact: Impact, falls_to: int, left: int) -> None:
    """The golden case: recorded 100, own takes 60, recorded falls to 30: shown 0."""
    venue = market(level(3, falls_to), impact=impact)
    sent(venue, BUY, 100, 60, tif=IOC)
    venue.run_to(9)
    assert left == shown(venue)


def test_a_cancel_of_one_lot_does_not_bring_back_what_was_consumed() -> None:
    """nautilus_trader: any change of a level's size forgot what had been consumed of it, and one lot can do that."""
    venue = market(level(3, 99))
    sent(venue, BUY, 100, 60, tif=IOC)
    venue.run_to(9)
    assert 39 == shown(venue)


def test_a_market_order_finds_quantity_far_away() -> None:
    """hftbacktest: market orders looked at 100 ticks and no further."""
    venue = market(level(1, 7, price=100_000))
    sent(venue, BUY, 0, 105, type=OrderType.MARKET, tif=IOC)
    assert [(100, 100), (100_000, 5)] == [(fill[5], fill[6]) for fill in venue.fills]


# One event, told twice


@MODES
@MODELS
@pytest.mark.parametrize("trade_first", [True, False])
def test_a_trade_and_its_level_row_count_once(impact: Impact, model: QueueModel, trade_first: bool) -> None:
    """Feeds tell a trade as a print and as a decrease; without care both move the queue, most of all where the decrease comes first."""
    pair = [printed(3, 60), level(3, 40)]
    venue = market(*(pair if trade_first else pair[::-1]), impact=impact, queue_model=model)
    sent(venue, SELL, 100, 5)
    venue.run_to(9)
    assert ([0], 40) == (filled(venue), shown(venue))
    queue = dict(blocks(venue, SELL))[100]
    assert [(0, 40 << L2_SHIFT), (-1, 5 << L2_SHIFT)] == queue


@MODES
def test_a_stale_better_level_takes_nothing_from_a_print(impact: Impact) -> None:
    """A print at 100 while the feed still shows 30 at 99: that quantity is stale, and no part of the print."""
    venue = market(level(1, 30, price=99), printed(3, 102), impact=impact)
    sent(venue, SELL, 100, 5)
    venue.run_to(9)
    assert ([2], 30) == (filled(venue), shown(venue, price=99))


# Places in the queue


def test_the_queue_ahead_is_that_of_the_arrival() -> None:
    """hftbacktest and others: a place in the queue is taken when the order is sent; it is taken when it arrives."""
    venue = market(level(3, 250), level(9, 300), latency=Latency(order_ns=4))
    order = venue.send(SELL, 100, 5)
    venue.run_to(20)
    assert 250 == venue.own(order)["ahead_entry_lots"]


@MODELS
def test_what_is_added_later_stays_behind(model: QueueModel) -> None:
    """An own order whose level vanished becomes the level; what comes later stands behind it."""
    venue = market(level(3, 0), level(4, 80), printed(5, 3), queue_model=model)
    sent(venue, SELL, 100, 3)
    venue.run_to(9)
    assert [3] == filled(venue)


@MODELS
def test_the_queue_ahead_never_grows(model: QueueModel) -> None:
    """Nothing that strangers do puts quantity in front of an own order."""
    sizes = (130, 90, 140, 60, 75, 20, 21, 8)
    venue = market(*(level(3 + i, size) for i, size in enumerate(sizes)), queue_model=model)
    sent(venue, SELL, 100, 5)
    ahead = []
    for instant in range(2, 3 + len(sizes)):
        venue.run_to(instant)
        first, units = dict(blocks(venue, SELL))[100][0]
        ahead.append(units if first == 0 else 0)
    assert all(before >= after for before, after in pairwise(ahead))
    assert ahead[-1] <= 8 << L2_SHIFT


def test_a_cleared_book_leaves_own_orders_alone() -> None:
    """hftbacktest: a message that cleared the book expired every own order."""
    venue = market(row(3, Kind.CLEAR), level(4, 70), printed(5, 5))
    sent(venue, SELL, 100, 5)
    venue.run_to(9)
    assert [5] == filled(venue)
