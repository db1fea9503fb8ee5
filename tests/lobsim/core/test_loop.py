"""Time in a world: the three legs, what comes first at one instant, messages in flight, and what a participant can know when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.config import Latency
from lobsim.core.depth import copy_levels
from lobsim.core.world import WorldSize
from lobsim.types import (
    L2_SHIFT,
    FillReason,
    Impact,
    Kind,
    OrderState,
    Phase,
    Reason,
    ReportKind,
    Status,
    SurplusPolicy,
    TimeInForce,
)
from tests.oracle.reconcile import cut_tape
from tests.oracle.streams import random_history, random_l2_history, random_own
from tests.support.worlds import BUY, SELL, Venue, row

MS = 10**6
LEGS = Latency(feed_ns=30, order_ns=10, response_ns=7)
Levels = list[tuple[int, int]]


def seen(venue: Venue, side: int) -> Levels:
    """(price, units) of the participant's own book, best first."""
    out = np.zeros((1000, 3), np.int64)
    return [(int(price), int(size)) for price, size, _ in out[: copy_levels(venue.world.seen, side, out)]]


def look(venue: Venue, at_ns: int) -> tuple[Levels, Levels]:
    """The participant decides at a time: the two sides it sees."""
    venue.head["wake_ns"] = at_ns
    assert Status.WAKE == venue.run_to(at_ns)
    assert at_ns == venue.head["now_ns"]
    return seen(venue, BUY), seen(venue, SELL)


def asks(*rows: dict[str, int]) -> list[dict[str, int]]:
    """Ten lots offered at 100 from the beginning, then the rows."""
    return [row(1, Kind.ADD, SELL, 1, 100, 10), *rows]


# --- the legs


@pytest.mark.parametrize("legs", [LEGS, Latency(), Latency(feed_ns=5, order_ns=0, response_ns=400)])
def test_each_leg_is_observed_to_the_nanosecond(legs: Latency) -> None:
    venue = Venue(asks(row(900, Kind.DELETE, SELL, 1, 100, 10)), latency=legs)
    venue.run_to(50)
    order = venue.send(BUY, 99, 3)
    arrives = 50 + legs.order_ns
    venue.run_to(arrives - 1)
    assert legs.order_ns == 0 or venue.own(order)["venue_state"] == OrderState.PENDING
    venue.run_to(arrives)
    assert OrderState.LIVE == venue.own(order)["venue_state"]
    heard = arrives + legs.response_ns
    venue.run_to(heard - 1)
    assert legs.response_ns == 0 or venue.own(order)["state"] == OrderState.PENDING
    venue.run_to(heard)
    assert OrderState.LIVE == venue.own(order)["state"]
    assert (50, arrives, heard) == tuple(venue.own(order)[["sent_ns", "arrived_ns", "acked_ns"]])


def test_a_fill_is_heard_of_a_response_leg_later() -> None:
    venue = Venue(asks(row(100, Kind.ADD, BUY, 2, 105, 3)), latency=LEGS)
    order = venue.send(SELL, 99, 5)
    venue.run_to(106)
    assert (3, 0) == tuple(venue.own(order)[["filled_lots", "known_filled_lots"]])
    venue.run_to(107)
    assert 3 == venue.own(order)["known_filled_lots"]


def test_answers_may_wake_their_owner() -> None:
    venue = Venue(asks(), latency=LEGS)
    venue.head["wake_on_reports"] = 1
    venue.run_to(50)
    venue.send(BUY, 99, 3)
    assert Status.WAKE == venue.run_to(1000)
    assert 67 == venue.head["now_ns"]


def test_requests_arrive_in_the_order_of_sending_and_none_is_lost() -> None:
    venue = Venue(asks(), latency=LEGS, size=WorldSize(mail=2, own=2))
    sent = []
    for instant in range(50, 250, 5):
        venue.run_to(instant)
        sent += [venue.send(BUY, 90, 1 + instant % 7) for _ in range(3)]
        if instant % 20 == 0:
            venue.cancel(sent.pop(len(sent) // 2))
    venue.run_to(1000)
    assert [-order - 1 for order in sent] == [order_id for order_id, _, _ in venue.queue(BUY, 90)]
    assert 0 == venue.head["mail_heap"]
    assert {int(Status.ROOM_MAILBOX), int(Status.ROOM_OWN)} <= venue.rooms


# --- one instant


@pytest.mark.parametrize(("own_first", "filled"), [(False, 0), (True, 4)])
def test_at_one_instant_the_recorded_row_comes_first_unless_asked_otherwise(own_first: bool, filled: int) -> None:
    venue = Venue(asks(row(60, Kind.DELETE, SELL, 1, 100, 10)), latency=LEGS, own_first=own_first)
    venue.run_to(50)
    order = venue.send(BUY, 100, 4, tif=TimeInForce.IOC)
    venue.run_to(60)
    assert filled == venue.own(order)["filled_lots"]


def test_a_decision_comes_after_everything_else_of_its_instant() -> None:
    venue = Venue(asks(row(60, Kind.ADD, SELL, 2, 101, 5), row(60, Kind.ADD, SELL, 3, 102, 5)), listens=True)
    assert ([], [(100, 10), (101, 5), (102, 5)]) == look(venue, 60)


def test_a_time_limit_that_passes_on_the_way_is_refused() -> None:
    venue = Venue(asks(), latency=LEGS)
    venue.run_to(50)
    order = venue.send(BUY, 99, 4, tif=TimeInForce.GTD, expire_ns=60)
    venue.run_to(100)
    assert (OrderState.REJECTED, Reason.ALREADY_EXPIRED) == tuple(venue.own(order)[["state", "reason"]])


# --- races


def test_a_cancel_that_races_a_fill_is_too_late_and_the_fill_stands() -> None:
    venue = Venue(asks(row(100, Kind.ADD, BUY, 2, 105, 9)), latency=LEGS)
    order = venue.send(SELL, 99, 5)
    venue.run_to(95)
    venue.cancel(order)
    venue.run_to(105)
    answer = venue.world.mail[venue.world.transit["ref"][: venue.head["mail_heap"]]]
    refused = answer[answer["verb"] == ReportKind.REJECTED]
    assert [Reason.TOO_LATE] == refused["reason"].tolist()
    venue.run_to(1000)
    assert [(100, order, SELL, FillReason.BOOK_CROSSED, 1, 99, 5)] == venue.fills
    assert (OrderState.FILLED, 0) == tuple(venue.own(order)[["state", "cancel_sent"]])


def test_a_cancel_in_time_leaves_nothing_to_fill() -> None:
    venue = Venue(asks(row(100, Kind.ADD, BUY, 2, 105, 9)), latency=LEGS)
    order = venue.send(SELL, 99, 5)
    venue.run_to(89)
    venue.cancel(order)
    venue.run_to(1000)
    assert [] == venue.fills
    assert (OrderState.CANCELLED, Reason.REQUESTED, 99) == tuple(venue.own(order)[["state", "reason", "done_ns"]])


def test_a_replace_is_reduced_by_what_filled_while_it_travelled_and_its_owner_hears_so_with_the_answer() -> None:
    venue = Venue(asks(row(100, Kind.ADD, BUY, 2, 105, 4), row(300, Kind.ADD, BUY, 3, 105, 90)), latency=LEGS)
    first = venue.send(SELL, 99, 10)
    venue.run_to(95)
    second = venue.change(first, 98, 10)
    venue.run_to(105)
    assert [(-2, 6, 0)] == venue.queue(SELL, 98)
    venue.run_to(111)
    assert 10 == venue.own(second)["size_lots"]  # the answer is on its way
    venue.run_to(112)
    assert (6, OrderState.LIVE) == tuple(venue.own(second)[["size_lots", "state"]])
    venue.run_to(1000)
    assert [(first, 4), (second, 6)] == [(fill[1], fill[6]) for fill in venue.fills]
    assert OrderState.FILLED == venue.own(second)["state"]


def test_a_replace_of_an_order_that_filled_on_the_way_is_too_late() -> None:
    venue = Venue(asks(row(100, Kind.ADD, BUY, 2, 105, 20)), latency=LEGS)
    first = venue.send(SELL, 99, 10)
    venue.run_to(95)
    second = venue.change(first, 98, 10)
    venue.run_to(1000)
    assert (OrderState.REJECTED, Reason.TOO_LATE) == tuple(venue.own(second)[["state", "reason"]])
    assert (OrderState.FILLED, 0) == tuple(venue.own(first)[["state", "cancel_sent"]])


# --- what a participant sees


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["orders", "levels", "cut"])
def test_a_view_is_the_book_as_it_was_a_feed_leg_ago(kind: str, seed: int, limit: Any) -> None:
    count = limit(500, 80)
    history = random_l2_history(seed, count) if kind == "levels" else random_history(seed, count, clears=kind != "cut")
    tape = cut_tape(history, 3) if kind == "cut" else [(recorded, []) for recorded in history]
    settings: dict[str, Any] = {"by_levels": kind == "levels", "surplus": SurplusPolicy(seed)}
    if kind == "cut":
        settings["book_rows"] = [shown for _, shown in tape]
    rows = [recorded for recorded, _ in tape]
    order_ns, feed_ns = 2 * MS, (0, 3 * MS, 55 * MS)[seed]
    watcher = Venue(rows, listens=True, latency=Latency(feed_ns=feed_ns, order_ns=order_ns), **settings)
    truth = Venue(rows, latency=Latency(order_ns=order_ns), **settings)
    own = [ask for ask in random_own(seed, limit(150, 30), history, level_rows=kind == "levels") if ask["verb"] == 0]
    rng, waiting = np.random.default_rng(seed), list(own)
    for at_ns in sorted({int(ask["ts_ns"]) + int(rng.integers(0, 90 * MS)) for ask in own}):
        while own and own[0]["ts_ns"] <= at_ns:
            _send(watcher, own.pop(0))
        while waiting and waiting[0]["ts_ns"] <= at_ns - feed_ns:
            _send(truth, waiting.pop(0))
        found = look(watcher, at_ns)
        truth.run_to(at_ns - feed_ns)
        assert (truth.levels(BUY), truth.levels(SELL)) == found
    assert len(watcher.fills) > limit(5, 0)


def _send(venue: Venue, ask: Any) -> None:
    """A NEW of a stream leaves at its time."""
    venue.run_to(int(ask["ts_ns"]))
    limit = {"expire_ns": int(ask["expire_ns"])} if ask["tif"] == TimeInForce.GTD else {}
    price, size = int(ask["price_ticks"]), int(ask["size_lots"])
    venue.send(
        int(ask["side"]), price, size, type=int(ask["type"]), tif=int(ask["tif"]), flags=int(ask["flags"]), **limit
    )


@pytest.mark.parametrize("by_levels", [False, True])
def test_no_change_of_the_book_goes_unpublished(by_levels: bool, limit: Any) -> None:
    for seed, impact in enumerate((Impact.NONE, Impact.CONSUME if by_levels else Impact.REMATCH)):
        make = random_l2_history if by_levels else random_history
        history = make(seed, limit(700, 100))
        venue = Venue(history, by_levels=by_levels, listens=True, impact=impact)
        for ask in random_own(seed, limit(250, 40), history, level_rows=by_levels):
            if ask["verb"] == 0:
                _send(venue, ask)
                found = look(venue, int(ask["ts_ns"]))
                assert (venue.levels(BUY), venue.levels(SELL)) == found


def test_volume_and_phase_are_heard_of_a_feed_leg_late() -> None:
    rows = asks(
        row(40, Kind.EXECUTE, SELL, 1, 100, 2),
        row(50, Kind.EXECUTE_HIDDEN, SELL, 0, 101, 5),
        row(60, Kind.PHASE, size=int(Phase.HALT)),
    )
    venue = Venue(rows, latency=LEGS, listens=True)
    heard = []
    for at_ns in (69, 70, 79, 80, 89, 90):
        look(venue, at_ns)
        heard.append(tuple(int(venue.head[f"seen_{of}"]) for of in ("volume", "price_ticks", "phase")))
    assert [(0, 0, 0), (2, 100, 0), (2, 100, 0), (7, 101, 0), (7, 101, 0), (7, 101, Phase.HALT)] == heard


def test_own_volume_is_told_apart_whatever_its_size() -> None:
    lots = 40_000
    rows = [row(1, Kind.LEVEL, SELL, 0, 100, lots), row(9, Kind.PRINT, SELL, 0, 100, 5)]
    venue = Venue(rows, by_levels=True, listens=True)
    venue.run_to(1)
    venue.send(BUY, 100, lots - 10, tif=TimeInForce.IOC)
    look(venue, 20)
    assert (lots - 5, lots - 10) == tuple(int(venue.head[f"seen_{of}volume"]) >> L2_SHIFT for of in ("", "own_"))


def test_volume_is_counted_once_with_impact_and_own_fills_are_extra_without() -> None:
    for impact, volume in ((Impact.REMATCH, 10), (Impact.NONE, 14)):
        venue = Venue(asks(row(40, Kind.EXECUTE, SELL, 1, 100, 10)), listens=True, impact=impact)
        venue.run_to(5)
        venue.send(SELL, 99, 4)
        look(venue, 50)
        assert (volume, 4) == (venue.head["seen_volume"], venue.head["seen_own_volume"])


def test_whoever_watches_the_touch_wakes_a_feed_leg_after_it_changed() -> None:
    rows = asks(row(40, Kind.ADD, SELL, 2, 105, 1), row(50, Kind.ADD, SELL, 3, 99, 1))
    venue = Venue(rows, latency=LEGS, listens=True)
    venue.head["wake_on_touch"] = 1
    woken = []
    while venue.run_to(1000) == Status.WAKE:
        woken.append((int(venue.head["now_ns"]), seen(venue, SELL)[0]))
    assert [(31, (100, 10)), (80, (99, 1))] == woken
