"""The desk keeps every algorithm to its parent: size, limit price, share of volume, and the end of the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.algorithm import Cancel, ChildOrder, Command, Limit, Market, Replace, View, WakeAt
from execution.desk import Desk
from execution.parent import Parent
from lobsim.errors import ConfigError
from lobsim.types import (
    MAX_PRICE_TICKS,
    NEVER,
    FillReason,
    Impact,
    OrderState,
    Side,
    TimeInForce,
)
from tests.execution import steady_market as made
from tests.execution.steady_market import ASK, BID, MILLISECOND_NS, OPEN_NS, SECOND_NS, Algo, once

BUY, SELL = Side.BUY, Side.SELL
LIVELY = made.lively(60, seed=3)
STEADY = made.steady(60)


def claimed_lots(desk: Desk) -> int:
    """What is executed and what may still be, if all that rests or travels trades in full: the venue's truth."""
    own, total = made.orders_of(desk), 0
    replaced = {}
    for place, mine in enumerate(own):
        if mine["replaces"] >= 0 and mine["arrived_ns"] == NEVER:
            replaced[int(mine["replaces"])] = place
    for place, mine in enumerate(own):
        total += int(mine["filled_lots"])
        rests = mine["venue_state"] == OrderState.LIVE
        open_lots = int(mine["size_lots"] - mine["cut_lots"] - mine["filled_lots"]) if rests else 0
        if rests and place in replaced:
            new = replaced[place]
            open_lots = max(open_lots, int(own[new]["size_lots"] + desk._old_filled[new] - mine["filled_lots"]))
        elif mine["arrived_ns"] == NEVER and mine["replaces"] < 0:
            open_lots = int(mine["size_lots"])
        total += open_lots
    return total


class Unruly:
    """Sends anything at all, and checks at every decision that the desk has kept the whole in bounds."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.wake_on_reports, self.wake_on_touch = (bool(value) for value in self.random.integers(0, 2, 2))
        self.desk: Desk | None = None

    def _integer(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high))

    def _command(self, orders: Sequence[ChildOrder]) -> Command:
        price, lots = made.MID + self._integer(-6, 7), self._integer(-50, 1500)
        if not orders or self.random.random() < 0.4:
            tif = TimeInForce(self._integer(0, 3))
            return Market(lots) if self.random.random() < 0.3 else Limit(price, lots, tif, self.random.random() < 0.1)
        order = self._integer(0, orders[-1].order + 2)
        if self.random.random() < 0.7:
            return Replace(order, price, lots, None if self.random.random() < 0.6 else TimeInForce.IOC)
        return Cancel(order)

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        assert self.desk is not None
        assert claimed_lots(self.desk) <= view.parent.size_lots
        assert view.executed_lots + view.working_lots <= view.parent.size_lots
        yield WakeAt(view.now_ns + self._integer(1, 3 * SECOND_NS))
        if self.random.random() < 0.7:
            for _ in range(self._integer(0, 4)):
                yield self._command(orders)


@given(
    seed=st.integers(0, 2**32),
    side=st.sampled_from(Side),
    size=st.integers(1, 3000),
    latency_ns=st.sampled_from([0, 1, 40 * MILLISECOND_NS, 1500 * MILLISECOND_NS]),
    reach=st.none() | st.integers(-3, 3),
    share=st.none() | st.sampled_from([1e-9, 0.05, 0.3, 1.0]),
    impact=st.sampled_from([Impact.REMATCH, Impact.NONE]),
)
def test_no_command_sequence_breaks_the_bounds_of_the_parent(
    seed: int, side: Side, size: int, latency_ns: int, reach: int | None, share: float | None, impact: Impact
) -> None:
    limit = None if reach is None else made.MID + reach
    parent = made.parent_of(side, size, 5, 50, limit_price_ticks=limit, max_participation=share)
    market = made.market_of(LIVELY, latency_ns, impact=impact)
    algorithm = Unruly(seed)
    desk = Desk(market.start(participant=True), parent, algorithm)
    algorithm.desk = desk
    desk.execute()
    fills, orders = made.fills_of(desk), made.orders_of(desk)
    executed = int(fills["size_lots"].sum())
    assert executed <= size
    assert executed == orders["filled_lots"].sum()
    assert [] == [order for order in orders if order["venue_state"] in (OrderState.PENDING, OrderState.LIVE)]
    assert {int(side)} >= set(orders["side"].tolist())
    if limit is not None:
        worst = fills["price_ticks"].max(initial=limit) if side == BUY else fills["price_ticks"].min(initial=limit)
        assert limit == worst
    if share is not None and share < 1:
        # volume counts from when it is heard
        heard = market.prints["ts_ns"].is_between(parent.start_ns - latency_ns, parent.end_ns - latency_ns)
        recorded = market.prints.filter(heard)
        assert executed * (1 - share) <= share * recorded["size"].sum() + 1e-9


# The end of the time


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("latency_ns", [0, 250 * MILLISECOND_NS])
def test_what_is_left_at_the_end_is_forced_out_one_order_leg_later(side: Side, latency_ns: int) -> None:
    parent = made.parent_of(side, 1000, 10, 20.5)
    near = BID if side == BUY else ASK
    desk = made.executed(
        made.market_of(STEADY, latency_ns), parent, once(Limit(near - 3 if side == BUY else near + 3, 400))
    )
    fills, orders = made.fills_of(desk), made.orders_of(desk)
    assert 1000 == fills["size_lots"].sum()
    assert {int(FillReason.END_OF_HORIZON)} == set(fills["reason"].tolist())
    assert {parent.end_ns + latency_ns} == set(fills["ts_ns"].tolist())
    assert 0 == fills["passive"].sum()
    assert [OrderState.CANCELLED, OrderState.FILLED] == orders["venue_state"].tolist()
    assert [0, 1] == orders["forced"].tolist()


def test_the_sweep_stops_at_the_limit_price() -> None:
    parent = made.parent_of(BUY, 3000, 10, 20.5, limit_price_ticks=ASK + 1)
    fills = made.fills_of(made.executed(made.market_of(STEADY), parent, once()))
    assert {ASK: 500, ASK + 1: 500} == {int(fill["price_ticks"]): int(fill["size_lots"]) for fill in fills}


def test_the_sweep_keeps_to_the_share_of_volume() -> None:
    parent = made.parent_of(BUY, 3000, 10.5, 20.5, max_participation=0.2)
    fills = made.fills_of(made.executed(made.market_of(STEADY), parent, once()))
    # ten trades of 100: 250 of 1,250 are a fifth
    assert 250 == fills["size_lots"].sum()


def test_an_empty_other_side_leaves_the_rest_undone() -> None:
    parent = made.parent_of(SELL, 4000, 10.5, 20.5)
    fills = made.fills_of(made.executed(made.market_of(STEADY), parent, once()))
    assert 2500 == fills["size_lots"].sum()


@given(seed=st.integers(0, 2**32), side=st.sampled_from(Side), size=st.integers(1, 1000))
def test_the_parent_completes_where_the_book_has_enough(seed: int, side: Side, size: int) -> None:
    algorithm = Unruly(seed)
    desk = Desk(made.market_of(STEADY).start(participant=True), made.parent_of(side, size, 5, 50.5), algorithm)
    algorithm.desk = desk
    desk.execute()
    assert size == made.fills_of(desk)["size_lots"].sum()


# What is cut


def cut_and_sizes(parent: Parent, *commands: Command) -> tuple[int, list[int]]:
    """What the desk cut off commands at the start of a parent, and the sizes it sent."""
    desk = made.executed(made.market_of(STEADY), parent, once(*commands))
    orders = made.orders_of(desk)
    return int(desk.task[0]["cut_lots"]), orders["size_lots"][orders["forced"] == 0].tolist()


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        pytest.param([Limit(BID, 700), Limit(BID, 700)], (400, [700, 300]), id="the second of two"),
        pytest.param([Limit(BID, 10**18)], (2**40 - 1000, [1000]), id="an absurd size"),
        pytest.param([Limit(BID, 0), Market(-5)], (0, []), id="nothing asked for"),
        pytest.param([Limit(BID, 600), Replace(0, BID, 1400)], (400, [600, 1000]), id="a replacement that grows"),
        pytest.param(
            [Limit(BID, 600), Limit(BID, 300), Replace(0, BID, 900)], (200, [600, 300, 700]), id="beside another"
        ),
        pytest.param(
            [Limit(BID, 600), Replace(0, BID, 900), Limit(BID, 900)], (800, [600, 900, 100]), id="then another"
        ),
    ],
)
def test_no_more_than_the_parent_is_ever_sent(commands: list[Command], expected: tuple[int, list[int]]) -> None:
    # at no delay the venue answers before the next event: sizes are those of the venue
    assert expected == cut_and_sizes(made.parent_of(BUY, 1000, 10.5, 12.5), *commands)


def test_a_growing_replacement_counts_what_its_predecessor_fills_on_the_way() -> None:
    """A hundred of the order fill at second 22, the replacement by 900 arrives at 22.25, and both are heard of half a second later."""

    def decide(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        if made.seconds_of(view) == 10.5:
            yield Limit(BID, 200)
            yield WakeAt(OPEN_NS + round(21.75 * SECOND_NS))
        elif made.seconds_of(view) == 21.75:
            yield Replace(0, BID - 1, 900)
            yield WakeAt(OPEN_NS + round(22.4 * SECOND_NS))
        else:
            assert (0, 900) == (view.executed_lots, view.working_lots)
            yield Market(10_000)

    desk = made.executed(
        made.market_of(STEADY, 500 * MILLISECOND_NS), made.parent_of(BUY, 1000, 10.5, 24), Algo(decide)
    )
    assert [200, 800, 100] == made.orders_of(desk)["size_lots"][:3].tolist()
    assert 1000 == made.fills_of(desk)["size_lots"].sum()


@pytest.mark.parametrize(("side", "limit", "price"), [(BUY, BID - 2, BID), (SELL, ASK + 2, ASK)])
def test_a_price_beyond_the_limit_is_moved_to_it(side: Side, limit: int, price: int) -> None:
    parent = made.parent_of(side, 100, 10.5, 12.5, limit_price_ticks=limit)
    orders = made.orders_of(made.executed(made.market_of(STEADY), parent, once(Limit(price, 50), Market(50))))
    assert [limit, limit, limit] == orders["price_ticks"].tolist()
    assert 0 == orders["filled_lots"].sum()


def test_a_replacement_in_flight_takes_no_second_command() -> None:
    commands = (Limit(BID, 100), Replace(0, BID - 1, 100), Replace(0, BID - 2, 100), Cancel(0), Replace(1, BID, 100))
    orders = made.orders_of(
        made.executed(made.market_of(STEADY), made.parent_of(BUY, 100, 10.5, 12.5), once(*commands))
    )
    assert [BID, BID - 1] == orders["price_ticks"][orders["forced"] == 0].tolist()


def test_commands_about_orders_that_do_not_exist_are_ignored() -> None:
    desk = made.executed(
        made.market_of(STEADY), made.parent_of(BUY, 100, 10.5, 12.5), once(Cancel(0), Cancel(-1), Replace(7, BID, 5))
    )
    assert [1] == made.orders_of(desk)["forced"].tolist()


def test_more_orders_than_there_is_room_for_are_all_sent() -> None:
    desk = made.executed(made.market_of(STEADY), made.parent_of(BUY, 2000, 10.5, 12.5), once(*[Limit(BID, 1)] * 600))
    assert 601 == len(made.orders_of(desk))


# Runs that do not fit


def test_a_run_without_a_participant_is_refused() -> None:
    with pytest.raises(ConfigError, match="no participant"):
        Desk(made.market_of(STEADY).start(participant=False), made.parent_of(BUY, 1, 1, 2), once())


def test_a_run_beyond_the_start_is_refused() -> None:
    run = made.market_of(STEADY).start(participant=True)
    run.advance(OPEN_NS + 2 * SECOND_NS)
    with pytest.raises(ConfigError, match="passed the parent's start"):
        Desk(run, made.parent_of(BUY, 1, 1, 3), once())


def test_a_market_order_has_no_limit_and_a_bounded_one_has() -> None:
    free = made.orders_of(made.executed(made.market_of(STEADY), made.parent_of(SELL, 10, 10.5, 11.5), once(Market(10))))
    assert [-MAX_PRICE_TICKS] == free["price_ticks"].tolist()
    bounded = made.parent_of(SELL, 10, 10.5, 11.5, limit_price_ticks=BID)
    orders = made.orders_of(made.executed(made.market_of(STEADY), bounded, once(Market(10))))
    assert [(BID, TimeInForce.IOC)] == [(order["price_ticks"], order["tif"]) for order in orders]
