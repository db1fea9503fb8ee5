"""Tables of a run: exact natural units, nulls where nothing happened, sums that agree, reasons in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from execution.algorithm import Cancel, ChildOrder, Command, Limit, Market, Replace, View, WakeAt
from execution.backtest import Run
from execution.catalogue import algorithm_named
from execution.outcome import Units, fills_table, natural, orders_table
from lobsim.fees import FeeSchedule, Rates
from lobsim.types import Kind, Side, TimeInForce
from tests.execution import steady_market as made
from tests.execution.steady_market import BID, OPEN_NS, SECOND_NS

STEADY = made.steady(60)


def run_with(*commands: Command, later: Sequence[Command] = (), end_s: float = 24.5, size: int = 1000) -> Run:
    """A buy from second 10.5: commands at its start, and others a second later."""

    class Scripted:
        """Two decisions."""

        def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
            if made.seconds_of(view) > 11:
                return later
            return [*commands, WakeAt(view.now_ns + SECOND_NS)]

    parent = made.parent_of(Side.BUY, size, 10.5, end_s)
    return made.run_of(made.market_of(STEADY, 250_000_000), parent, lambda parent, info: Scripted())


@pytest.mark.parametrize(
    ("ticks", "quantum", "tick_quanta", "expected"),
    [(58023, "0.0001", 100, 580.23), (5802301, "0.0001", 1, 580.2301), (3, "0.1", 1, 0.3), (7, "0.00001", 1, 7e-05)],
)
def test_prices_are_the_floats_nearest_to_their_decimals(
    ticks: int, quantum: str, tick_quanta: int, expected: float
) -> None:
    units = Units(replace(STEADY.info, price_quantum=quantum, tick_quanta=tick_quanta, lot="0.00001"))
    assert [expected] == units.prices(np.array([ticks]), "price").to_list()
    assert [1.23456] == units.sizes(np.array([123456]), "size").to_list()


def test_every_cent_of_a_common_price_is_exact() -> None:
    ticks = np.arange(1, 200_000)
    expected = np.array([float(f"{tick // 100}.{tick % 100:02d}") for tick in ticks.tolist()])
    assert np.array_equal(expected, natural(ticks, Fraction(1, 100)))


def test_a_price_that_is_not_there_is_null() -> None:
    units = Units(STEADY.info)
    assert [None, None, None, 1.0] == units.prices(np.array([-(2**62), 2**46, -(2**46), 100]), "price").to_list()


def test_child_orders_tell_what_became_of_them() -> None:
    run = run_with(
        Limit(BID, 100),  # cancelled
        Limit(BID - 1, 50, TimeInForce.GTD, expire_ns=OPEN_NS + 12 * SECOND_NS),  # expires
        Limit(BID + 1, 600, TimeInForce.FOK),  # refused
        Limit(BID + 5, 10, post_only=True),  # refused
        Market(120),
        later=[Cancel(0), Limit(BID - 4, 30)],
    )
    words = run.orders.select("type", "tif", "state", "reason").rows()
    assert [
        ("limit", "gtc", "cancelled", "requested"),
        ("limit", "gtd", "expired", "time limit"),
        ("limit", "fok", "rejected", "fok not fillable"),
        ("limit", "gtc", "rejected", "post only would trade"),
        ("market", "ioc", "filled", None),
        ("limit", "gtc", "cancelled", "requested"),  # withdrawn at the end
        ("limit", "ioc", "filled", None),  # the sweep
    ] == words
    assert [99.99, 99.98, 100.0, 100.04, None, 99.95, None] == run.orders["price"].to_list()
    assert [100, 50, 600, 10, 120, 30, 880] == run.orders["size"].to_list()
    assert [0, 0, 0, 0, 120, 0, 880] == run.orders["filled"].to_list()
    assert [500.0, 500.0, None, None, None, 500.0, None] == run.orders["ahead_entry"].to_list()
    assert [None] * 7 == run.orders["replaces"].to_list()


def test_times_are_null_where_the_thing_never_happened() -> None:
    run = run_with(Limit(BID, 10), later=[Replace(0, BID - 1, 10)], end_s=13.0)
    start_ns, leg_ns = OPEN_NS + round(10.5 * SECOND_NS), 250_000_000
    first, second, swept = run.orders.select("sent_ns", "arrived_ns", "acked_ns", "done_ns").rows()
    sent_ns = start_ns + SECOND_NS
    end_ns = OPEN_NS + 13 * SECOND_NS + leg_ns
    assert (start_ns, start_ns + leg_ns, start_ns + 2 * leg_ns, sent_ns + leg_ns) == first
    assert (sent_ns, sent_ns + leg_ns, sent_ns + 2 * leg_ns, end_ns) == second
    assert (end_ns, end_ns, None, end_ns) == swept
    assert [None, 0, None] == run.orders["replaces"].to_list()


@pytest.mark.parametrize("name", ["twap:join", "twap:peg", "pov", "leave", "once"])
def test_sums_of_fills_orders_and_costs_agree(name: str) -> None:
    market = made.market_of(made.lively(60, seed=2), 1_000_000)
    run = made.run_of(market, made.parent_of(Side.SELL, 700, 5.5, 50.5), algorithm_named(name))
    by_order = run.fills.group_by("order").agg(pl.col("size").sum())
    joined = run.orders.join(by_order, on="order", how="left").with_columns(pl.col("size_right").fill_null(0.0))
    assert joined["filled"].to_list() == joined["size_right"].to_list()
    assert run.cost.filled == run.fills["size"].sum() == run.schedule["executed"][-1]
    assert run.fills["ts_ns"].is_sorted()


def test_fills_carry_their_reason_and_what_stood_in_front() -> None:
    run = run_with(Limit(BID, 100), Market(120))
    assert [
        ("own aggression", False, False, None, None),
        ("queue exhausted", True, False, 500.0, 0.0),
        ("end of horizon", False, True, None, None),
        ("end of horizon", False, True, None, None),
    ] == run.fills.select("reason", "passive", "forced", "ahead_entry", "ahead_fill").rows()
    assert [99.99, 99.99, 99.99, 99.99] == run.fills["bid_before"].to_list()
    assert [100.01, 99.99, 100.01, 100.02] == run.fills["price"].to_list()


def test_a_touch_that_is_not_there_is_null_before_a_fill() -> None:
    rows: list[made.Row] = [(0, Kind.ADD, Side.SELL, 10_001, 500, 1)]
    market = made.market_of(made.dataset_of(rows, made.info_of(STEADY.info.fidelity, 60)))
    run = made.run_of(market, made.parent_of(Side.BUY, 10, 1, 2), algorithm_named("once"))
    assert [(None, 100.01)] == run.fills.select("bid_before", "ask_before").rows()
    assert (None, None) == (run.cost.shortfall_bps, run.cost.arrival_cost_bps)
    assert (10.0, 100.01) == (run.cost.filled, run.cost.avg_price)


def test_tables_of_a_run_without_orders_are_empty_and_typed() -> None:
    desk = made.executed(
        made.market_of(STEADY), made.parent_of(Side.BUY, 1, 10.5, 11.5, max_participation=1e-9), _Idle()
    )
    units = Units(STEADY.info)
    fills, orders = fills_table(desk, units, FeeSchedule()), orders_table(desk, units)
    full = run_with(Market(10))
    assert (0, full.fills.schema) == (fills.height, fills.schema)
    assert (0, full.orders.schema) == (orders.height, orders.schema)


class _Idle:
    """Does nothing."""

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        return ()


def test_the_schedule_table_has_the_curve_and_every_fill() -> None:
    parent = made.parent_of(Side.BUY, 600, 10.5, 40.5)
    run = made.run_of(made.market_of(STEADY), parent, algorithm_named("twap:cross"))
    edges_s = [10.5 + 5 * place for place in range(7)]
    assert edges_s == [(ts - OPEN_NS) / SECOND_NS for ts in run.schedule["ts_ns"].to_list()]
    assert [0, 100, 200, 300, 400, 500, 600] == run.schedule["target"].to_list()
    assert [100, 200, 300, 400, 500, 600, 600] == run.schedule["executed"].to_list()
    assert [None, None] == made.run_of(made.market_of(STEADY), parent, algorithm_named("once")).schedule[
        "target"
    ].to_list()


# The drift meter


def drift_of(run: Run) -> dict[str, float]:
    """Name -> value."""
    return {name: value for name, value, _ in run.drift}


def test_the_drift_meter_is_all_zero_for_a_run_that_does_nothing() -> None:
    market = made.market_of(made.lively(60, seed=2))
    run = made.run_of(market, made.parent_of(Side.BUY, 1, 5.5, 50.5, max_participation=1e-9), lambda *_: _Idle())
    assert {0.0} == set(drift_of(run).values())
    assert all(meaning for _, _, meaning in run.drift)


def test_the_drift_meter_counts_what_own_taking_changed() -> None:
    run = run_with(Market(500), size=500, end_s=10.6)
    found = drift_of(run)
    # the whole best ask was taken: history still counts on it
    assert (500.0, 0.0, 0.0) == (found["deficit"], found["surplus"], found["cut"])
    assert 200.0 == drift_of(run_with(Market(700), size=500, end_s=10.6))["cut"]


def test_corrections_before_the_parent_began_are_not_its_drift(shared: Path) -> None:
    dataset = made.goog(shared, 2000)
    market = made.market_of(dataset)
    last_ns = int(dataset.events["ts_exchange"][-1])
    whole = market.start(participant=True)
    whole.advance(last_ns)
    assert 0 < sum(int(whole.world.head[0][cause]) for cause in ("missing", "excess", "gone"))
    parent = replace(made.parent_of(Side.BUY, 1, 0, 1), start_ns=last_ns - 2000, end_ns=last_ns - 1000)
    assert 0.0 == drift_of(made.run_of(market, parent, lambda *_: _Idle()))["corrections"]


# Fees


def test_fills_carry_the_fees_of_their_schedule_per_order_and_role() -> None:
    fees = FeeSchedule(maker=Rates(bps=-1), taker=Rates(per_lot="0.01", per_order=2))
    parent = made.parent_of(Side.BUY, 220, 10.5, 24.5)
    market = made.market_of(STEADY, 250_000_000)
    run = made.run_of(market, parent, lambda *_: made.once(Limit(BID, 100), Market(120)), fees)
    expected = [(False, 120.0, 2 + 1.20), (True, 100.0, -0.9999)]
    assert expected == run.fills.select("passive", "size", "fee").rows()
    assert 2 + 1.20 - 0.9999 == run.cost.fees
