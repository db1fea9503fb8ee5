"""What a decision takes: by the compute leg, by a clock that is passed in, or out of a list; and legs that vary under a desk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from execution.algorithm import Cancel, ChildOrder, Command, Limit, View, WakeAt
from execution.backtest import backtest
from execution.catalogue import algorithm_named
from execution.desk import Desk
from lobsim.config import MarketConfig
from lobsim.core.world_hash import world_hash
from lobsim.errors import ConfigError
from lobsim.latency import Gamma, Latency, Uniform
from lobsim.market import Market
from lobsim.types import NEVER, FillReason, OrderState, Side
from tests.execution import steady_market as made
from tests.execution.steady_market import BID, MILLISECOND_NS, OPEN_NS, SECOND_NS
from tests.execution.test_desk import Unruly

MS = MILLISECOND_NS
LIVELY = made.lively(60, seed=3)
VARIED = Latency(
    feed_book=Uniform(0, 300 * MS),
    feed_trades=Gamma(MS, 2.0, 40 * MS),
    submit=Uniform(0, 900 * MS),
    cancel=Uniform(0, 50 * MS),
    replace=Gamma(0, 1.0, 200 * MS, rho=0.5),
    acknowledge=Uniform(0, 400 * MS),
    fill=Uniform(0, 100 * MS),
    compute=Uniform(0, 30 * MS),
    messages_per_window=4,
)


class Steady:
    """Bids once a second, and remembers when it was asked."""

    wake_on_reports = True
    wake_on_touch = False

    def __init__(self) -> None:
        self.asked: list[int] = []

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterator[Command]:
        self.asked.append(view.now_ns)
        yield WakeAt(view.now_ns + SECOND_NS)
        yield Limit(BID, 100)


class Clock:
    """Says that every decision takes a little longer than the last."""

    def __init__(self, first_ns: int, step_ns: int) -> None:
        self.now_ns, self.next_ns, self.step_ns, self.read = 10**18, first_ns, step_ns, 0

    def __call__(self) -> int:
        self.read += 1
        if self.read % 2 == 0:
            self.now_ns += self.next_ns
            self.next_ns += self.step_ns
        return self.now_ns


def desk_of(latency: Latency, algorithm: Any, **more: Any) -> Desk:
    """A finished desk in a lively market."""
    market = Market(LIVELY, MarketConfig(latency=latency))
    desk = Desk(market.start(participant=True), made.parent_of(Side.BUY, 2000, 10, 20.5), algorithm, **more)
    desk.execute()
    return desk


@pytest.mark.parametrize("way", ["leg", "clock", "list"])
def test_messages_leave_when_the_decision_is_computed(way: str) -> None:
    legs = Latency.round_trip(MS)
    took = 70 * MS
    if way == "leg":
        legs, more = Latency(feed_ns=MS, order_ns=MS, response_ns=MS, compute=took), {}
    else:
        more = {"clock_ns": Clock(took, 0)} if way == "clock" else {"compute_ns": [took] * 99}
    algorithm = Steady()
    orders = made.orders_of(desk_of(legs, algorithm, **more))
    sent = orders[orders["forced"] == 0]
    assert len(sent) >= 5
    assert {took + MS} == set((sent["arrived_ns"] - sent["sent_ns"]).tolist())
    assert np.diff(algorithm.asked).min() >= took


def test_a_run_is_repeated_exactly_with_what_was_measured() -> None:
    measured = desk_of(VARIED, Steady(), clock_ns=Clock(3 * MS, 7 * MS))
    assert 3 * MS == measured.computed_ns[0]
    assert 7 * MS == measured.computed_ns[5] - measured.computed_ns[4]
    again = desk_of(VARIED, Steady(), compute_ns=measured.computed_ns)
    assert world_hash(measured.run.world) == world_hash(again.run.world)
    assert measured.computed_ns == again.computed_ns
    without = desk_of(VARIED, Steady())
    assert [] == without.computed_ns
    assert world_hash(measured.run.world) != world_hash(without.run.world)


def test_a_clock_and_a_list_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="desk: a clock and a list of computing times are given; leave one out"):
        desk_of(VARIED, Steady(), clock_ns=Clock(1, 1), compute_ns=[1])


def test_a_backtest_keeps_what_was_measured() -> None:
    market = Market(LIVELY, MarketConfig(latency=Latency.round_trip(MS)))
    parents = [made.parent_of(Side.BUY, 500, 10, 20)]
    result = backtest(market, parents, {"twap": algorithm_named("twap")}, clock_ns=Clock(MS, 1))
    (run,) = result.runs
    assert MS == run.computed_ns[0]
    assert list(range(MS, MS + len(run.computed_ns))) == list(run.computed_ns)
    assert () == backtest(market, parents, {"twap": algorithm_named("twap")}).runs[0].computed_ns


@pytest.mark.parametrize("seed", range(6))
def test_legs_that_vary_break_no_bound_of_the_parent(seed: int, limit: Any) -> None:
    parent = made.parent_of(Side(seed % 2), 900 + 300 * seed, 5, limit(50, 20))
    market = Market(LIVELY, MarketConfig(latency=VARIED, seed=seed))
    algorithm = Unruly(seed)
    desk = algorithm.desk = Desk(market.start(participant=True), parent, algorithm)
    desk.execute()
    orders, fills = made.orders_of(desk), made.fills_of(desk)
    assert orders["filled_lots"].sum() <= parent.size_lots
    assert [] == [order for order in orders if order["venue_state"] in (OrderState.PENDING, OrderState.LIVE)]
    arrived = orders["arrived_ns"][orders["arrived_ns"] != NEVER]
    assert np.all(np.diff(arrived) >= 0)
    forced = fills[fills["reason"] == FillReason.END_OF_HORIZON]
    assert np.all(forced["ts_ns"] >= parent.end_ns)
    assert np.all(orders["arrived_ns"] >= orders["sent_ns"])


def test_the_last_order_overtakes_no_message_before_it() -> None:
    class Late(Steady):
        def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterator[Command]:
            yield from [Cancel(order.order) for order in orders if not order.leaving]
            yield from super().on_wake(view, orders)

    orders = made.orders_of(desk_of(Latency(submit=MS, cancel=3 * SECOND_NS), Late()))
    (forced,) = orders[orders["forced"] == 1]
    # the last decision was half a second before the end
    assert OPEN_NS + 23 * SECOND_NS == forced["arrived_ns"]


def test_the_last_order_leaves_at_the_end_and_takes_the_submit_leg() -> None:
    legs = Latency(submit=Uniform(300 * MS, 310 * MS), cancel=MS, compute=800 * MS)
    desk = desk_of(legs, Steady())
    orders = made.orders_of(desk)
    (forced,) = orders[orders["forced"] == 1]
    end_ns = OPEN_NS + round(20.5 * SECOND_NS)
    # the order of the last decision, half a second before the end, leaves 0.3 s after it and is not overtaken
    assert end_ns + 300 * MS <= forced["arrived_ns"] <= end_ns + 610 * MS
    # what is known at the end is known, although the last decision was still being computed
    assert end_ns == desk.run.world.head[0]["read_ns"]
