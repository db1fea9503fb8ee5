"""Order by order replay: the compiled world beside the slow one, and small examples with their numbers.

Own orders act without latency here; `test_loop` is about the legs.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from lobsim.types import (
    CrossPolicy,
    FillReason,
    Flag,
    Impact,
    Kind,
    MessageFlag,
    OrderState,
    Phase,
    Reason,
    SurplusPolicy,
    TimeInForce,
)
from tests.oracle.replay_l3 import OracleReplay, lifetime_ns, prepare
from tests.oracle.streams import random_history, random_own
from tests.support.twins import COUNTERS, Twins
from tests.support.worlds import BUY, SELL, Venue, row

PERSIST = {"surplus": SurplusPolicy.PERSIST}


def spoiled(history: np.ndarray, seed: int) -> np.ndarray:
    """A history with holes in it: rows lost, told twice, under another id, or of another size."""
    rng = np.random.default_rng(seed)
    told = np.repeat(history, rng.choice((0, 1, 2), len(history), p=(0.04, 0.93, 0.03)))
    told = told[np.argsort(told["ts_ns"], kind="stable")]
    named = told["kind"] <= Kind.EXECUTE
    other = named & (rng.random(len(told)) < 0.02)
    told["order_id"][other] = rng.integers(1, 200, int(other.sum()))
    larger = (told["kind"] == Kind.EXECUTE) & (rng.random(len(told)) < 0.1)
    told["size_lots"][larger] += rng.integers(1, 60, int(larger.sum()))
    return told


def play(history: np.ndarray, own: np.ndarray, **settings: Any) -> Twins:
    """Both replays from end to end, compared on the way."""
    twins = Twins(Venue(history, **settings), OracleReplay(**settings), prepare(history))
    twins.play(own)
    for of_oracle, of_world in COUNTERS.items():
        assert twins.oracle.counters[of_oracle] == twins.venue.head[of_world], of_oracle
    assert twins.oracle.counters["took_surplus"] == twins.venue.world.book.head[0]["took_surplus"]
    return twins


# --- beside the slow replay


@pytest.mark.parametrize("seed", range(30))
def test_without_own_orders_the_book_is_history_after_every_row(seed: int, limit: Any) -> None:
    history = random_history(seed, limit(800, 120), match_ids=seed % 2 == 0, fifo=(0.2, 0.9, 1)[seed % 3])
    history = spoiled(history, seed) if seed % 5 == 4 else history
    venue, oracle = Venue(history), OracleReplay()
    for count, recorded in enumerate(prepare(history), 1):
        oracle.apply(recorded)
        venue.apply()
        assert (0, 0) == tuple(venue.world.book.head[0][["surplus", "deficit"]]), f"after row {count}"
        if count % 25 == 0:
            assert oracle.state_hash() == venue.hash(), f"after row {count}"
            venue.check()
    assert all(size == hist > 0 for side in (BUY, SELL) for _, queue in venue.queues(side) for _, size, hist in queue)


@pytest.mark.parametrize("hidden_at_equal", [False, True])
@pytest.mark.parametrize(
    ("impact", "cross", "surplus"), list(product((Impact.REMATCH, Impact.NONE), CrossPolicy, SurplusPolicy))
)
def test_own_orders_fare_as_in_the_slow_replay(
    impact: Impact, cross: CrossPolicy, surplus: SurplusPolicy, hidden_at_equal: bool, small: bool
) -> None:
    settings: dict[str, Any] = {
        "impact": impact,
        "cross": cross,
        "surplus": surplus,
        "hidden_at_equal": hidden_at_equal,
    }
    for seed in range(1 if small else 4):
        seed += 10 * hidden_at_equal
        history = random_history(seed, 150 if small else 600, match_ids=seed % 2 == 0, fifo=(0.9, 0.4)[seed % 2])
        play(history, random_own(seed, 60 if small else 300, history), seed=seed, **settings)


@pytest.mark.parametrize("seed", range(6))
def test_own_orders_fare_alike_on_a_history_with_holes(seed: int, small: bool) -> None:
    history = spoiled(random_history(seed, 200 if small else 900), seed)
    settings = {"cross": CrossPolicy(seed % 2), "surplus": SurplusPolicy(seed % 3)}
    counters = play(history, random_own(seed, 80 if small else 400, history), **settings).oracle.counters
    if not small:
        assert all(counters[name] for name in ("unknown", "duplicate_ids", "overdrawn", "history_crossed"))


def test_the_streams_show_every_fill_reason_and_counter(small: bool) -> None:
    if small:
        pytest.skip("small streams do not reach every corner")
    history = random_history(3, 2_000)
    twins = play(history, random_own(3, 900, history), **PERSIST)
    assert {0, 1, 2, 3} == {fill[3] for fill in twins.venue.fills}
    counters = twins.oracle.counters
    assert all(counters[name] for name in ("evicted", "unfilled_hist", "took_surplus", "crossing_fills"))


# --- examples


def test_an_own_order_in_front_takes_the_fill_and_the_maker_becomes_surplus() -> None:
    rows = [
        row(1, Kind.ADD, SELL, 1, 100, 10),
        row(3, Kind.ADD, SELL, 2, 100, 10),
        row(4, Kind.EXECUTE, SELL, 2, 100, 10),
    ]
    venue = Venue(rows, **PERSIST)
    venue.run_to(2)
    venue.send(SELL, 100, 4)
    venue.run_to(9)
    assert [(4, 0, SELL, FillReason.QUEUE_EXHAUSTED, 1, 100, 4)] == venue.fills
    assert [(1, 10, 10), (2, 4, 0)] == venue.queue(SELL, 100)
    fill = venue.world.fills[0]
    assert (10, 10) == (fill["ahead_entry_lots"], fill["ahead_fill_lots"])  # the maker in front was not the one named


def test_a_fill_tells_the_queue_ahead_when_it_came_and_when_it_filled_and_the_touch_before() -> None:
    rows = [
        row(1, Kind.ADD, BUY, 9, 95, 10),
        row(1, Kind.ADD, SELL, 1, 100, 10),
        row(1, Kind.ADD, SELL, 2, 100, 7),
        row(3, Kind.DELETE, SELL, 1, 100, 10),
        row(4, Kind.ADD, SELL, 3, 100, 20),
        row(5, Kind.EXECUTE, SELL, 2, 100, 7),
        row(5, Kind.EXECUTE, SELL, 3, 100, 20),
    ]
    venue = Venue(rows)
    venue.run_to(2)
    venue.send(SELL, 100, 4)
    venue.run_to(9)
    assert [(5, 0, SELL, FillReason.QUEUE_EXHAUSTED, 1, 100, 4)] == venue.fills
    fill = venue.world.fills[0]
    assert (17, 0) == (fill["ahead_entry_lots"], fill["ahead_fill_lots"])
    assert (95, 100) == (fill["bid_ticks"], fill["ask_ticks"])


def test_a_sliding_order_rests_as_recorded_and_moves_surplus_only_up_to_its_new_price() -> None:
    rows = [
        row(1, Kind.ADD, SELL, 1, 100, 10),
        row(1, Kind.ADD, SELL, 2, 101, 10),
        row(3, Kind.EXECUTE, SELL, 2, 101, 10),  # all of it goes to the own orders at 98: order 2 is surplus
        row(5, Kind.ADD, BUY, 3, 103, 5),
    ]
    venue = Venue(rows, cross=CrossPolicy.SLIDE, **PERSIST)
    venue.run_to(2)
    venue.send(SELL, 98, 10)
    venue.run_to(4)
    venue.send(SELL, 101, 3)
    venue.run_to(9)
    assert [(3, 5, 5)] == venue.queue(BUY, 100)
    assert [(2, 10, 0), (-2, 3, 0)] == venue.queue(SELL, 101)  # beyond the new price
    assert (0, 1) == (venue.head["evicted"], venue.head["history_crossed"])


def test_a_replace_by_a_live_id_only_takes_the_old_order_away() -> None:
    rows = [
        row(1, Kind.ADD, SELL, 1, 100, 10),
        row(1, Kind.ADD, SELL, 2, 101, 10),
        row(2, Kind.REPLACE, SELL, 1, 100, 5, other_id=2),
        row(3, Kind.REDUCE, SELL, 2, 101, 4),
    ]
    venue = Venue(rows)
    venue.run_to(9)
    venue.check()
    assert [(101, [(2, 6, 6)])] == list(venue.queues(SELL))
    assert 1 == venue.head["duplicates"]


def test_surplus_stays_as_long_as_drawn_even_where_lives_are_hours() -> None:
    hour_ns = 3600 * 10**9
    rows = [row(1, Kind.ADD, SELL, 2, 100, 10), row(10, Kind.EXECUTE, SELL, 2, 100, 10)]
    venue = Venue(rows, median_life_ns=hour_ns, seed=5)
    venue.run_to(2)
    venue.send(SELL, 99, 10)
    end = 10 + lifetime_ns(hour_ns, 5, 2)
    venue.run_to(end - 1)
    assert [(2, 10, 0)] == venue.queue(SELL, 100)
    venue.run_to(end)
    assert [] == venue.queue(SELL, 100)
    assert (0, 0) == tuple(venue.world.book.head[0][["surplus", "deficit"]])


def test_an_execution_counts_for_at_most_what_history_left_its_maker() -> None:
    rows = [row(1, Kind.ADD, SELL, 1, 100, 4), row(1, Kind.ADD, SELL, 2, 100, 9), row(2, Kind.EXECUTE, SELL, 1, 100, 7)]
    venue = Venue(rows)
    venue.run_to(9)
    assert [(2, 9, 9)] == venue.queue(SELL, 100)
    assert (3, 0) == (venue.head["overdrawn"], venue.head["unfilled_history"])


def test_an_execution_of_nobody_known_fills_better_own_orders_as_a_hidden_one() -> None:
    venue = Venue([row(3, Kind.EXECUTE, SELL, 77, 101, 5)])
    for price in (100, 101):
        venue.send(SELL, price, 3)
    venue.run_to(9)
    assert [(3, 0, SELL, FillReason.TRADED_THROUGH, 1, 100, 3)] == venue.fills
    assert 1 == venue.head["unknown"]


@pytest.mark.parametrize(("flags", "filled"), [(0, [0, 1]), (int(Flag.OFF_TICK), [0]), (int(Flag.AUCTION), [])])
def test_a_hidden_print_at_an_own_price_fills_if_asked_for_and_on_tick(flags: int, filled: list[int]) -> None:
    venue = Venue([row(3, Kind.EXECUTE_HIDDEN, SELL, 0, 101, 9, flags=flags)], hidden_at_equal=True)
    for price in (100, 101):
        venue.send(SELL, price, 3)
    venue.run_to(9)
    assert filled == [fill[1] for fill in venue.fills]


def test_what_own_taking_left_unfilled_joins_the_remainder() -> None:
    rows = [
        row(1, Kind.ADD, SELL, 1, 100, 10),
        row(3, Kind.EXECUTE, SELL, 1, 100, 10),
        row(3, Kind.ADD, BUY, 2, 101, 5),
    ]
    venue = Venue(rows)
    venue.run_to(2)
    venue.send(BUY, 100, 6)
    venue.run_to(2)
    assert (0, 6) == tuple(venue.world.book.head[0][["surplus", "deficit"]])
    venue.run_to(9)
    assert [(2, 11, 5)] == venue.queue(BUY, 101)
    assert 6 == venue.head["unfilled_history"]
    assert (6, 0) == tuple(venue.world.book.head[0][["surplus", "deficit"]])


def test_the_drift_meter_counts_what_own_orders_did_to_history() -> None:
    rows = [
        row(1, Kind.ADD, SELL, 1, 100, 10),
        row(3, Kind.EXECUTE, SELL, 1, 100, 8),  # to the own order at 99: order 1 has 8 more than history
        row(5, Kind.ADD, BUY, 2, 101, 6),  # trades with the own order at 98, pushes out what is left of the surplus
    ]
    venue = Venue(rows, **PERSIST)
    venue.run_to(2)
    venue.send(SELL, 99, 8)
    venue.run_to(4)
    assert [(1, 10, 2)] == venue.queue(SELL, 100)
    venue.send(BUY, 100, 3, tif=TimeInForce.IOC)
    venue.run_to(4)
    venue.send(SELL, 98, 2)
    venue.run_to(9)
    counters = ["evicted", "crossing_fills", "history_crossed", "unfilled_history"]
    assert [5, 2, 0, 0] == [int(venue.head[name]) for name in counters]
    assert (3, 0, 2) == tuple(venue.world.book.head[0][["took_surplus", "surplus", "deficit"]])
    assert ([(1, 2, 2)], [(2, 4, 6)]) == (venue.queue(SELL, 100), venue.queue(BUY, 101))


@pytest.mark.parametrize("seed", range(4))
def test_surplus_and_deficit_are_the_sums_over_the_orders(seed: int, limit: Any) -> None:
    history = random_history(seed, limit(900, 150))
    twins = play(history, random_own(seed, limit(400, 60), history), **PERSIST)
    orders = [order for side in (BUY, SELL) for _, queue in twins.venue.queues(side) for order in queue if order[0] > 0]
    surplus = sum(max(0, size - hist) for _, size, hist in orders)
    deficit = sum(max(0, hist - size) for _, size, hist in orders)
    assert (surplus, deficit) == tuple(twins.venue.world.book.head[0][["surplus", "deficit"]])


def test_own_orders_trade_with_each_other_the_maker_first() -> None:
    venue = Venue([row(1, Kind.ADD, SELL, 1, 100, 2)])
    venue.run_to(1)
    venue.send(SELL, 100, 3)
    venue.run_to(2)
    venue.send(BUY, 100, 9)
    venue.run_to(2)
    assert [
        (2, 0, SELL, FillReason.OWN_AGGRESSION, 1, 100, 3),
        (2, 1, BUY, FillReason.OWN_AGGRESSION, 0, 100, 5),
    ] == venue.fills
    assert (OrderState.FILLED, OrderState.LIVE) == (venue.own(0)["venue_state"], venue.own(1)["venue_state"])
    assert [(-2, 4, 0)] == venue.queue(BUY, 100)


def test_a_time_limit_is_over_before_the_row_of_that_instant() -> None:
    venue = Venue([row(1, Kind.ADD, BUY, 9, 90, 1), row(5, Kind.ADD, BUY, 1, 100, 3), row(6, Kind.ADD, BUY, 2, 101, 3)])
    venue.run_to(1)
    for price, expire_ns in ((100, 5), (101, 7)):
        venue.send(SELL, price, 3, tif=TimeInForce.GTD, expire_ns=expire_ns)
    venue.run_to(9)
    assert [(6, 1, SELL, FillReason.BOOK_CROSSED, 1, 101, 3)] == venue.fills
    gone = venue.own(0)
    assert (OrderState.EXPIRED, Reason.TIME_LIMIT, 5) == (gone["state"], gone["reason"], gone["done_ns"])


def test_a_halt_refuses_new_and_replace_accepts_cancels_and_trades_nothing() -> None:
    rows = [
        row(1, Kind.ADD, SELL, 1, 100, 10),
        row(3, Kind.PHASE, size=int(Phase.HALT)),
        row(5, Kind.ADD, BUY, 2, 105, 4),
        row(5, Kind.EXECUTE, SELL, 1, 100, 6),
        row(5, Kind.EXECUTE_HIDDEN, SELL, 0, 103, 6),
        row(7, Kind.PHASE, size=int(Phase.CONTINUOUS)),
    ]
    venue = Venue(rows)
    venue.run_to(2)
    resting, withdrawn = venue.send(SELL, 99, 3), venue.send(SELL, 102, 3)
    venue.run_to(4)
    refused = [venue.send(BUY, 90, 1), venue.change(resting, 98, 1)]
    venue.cancel(withdrawn)
    venue.run_to(4)
    refused.append(venue.change(withdrawn, 98, 1))  # HALTED comes before every other reason
    venue.run_to(6)
    assert [Reason.HALTED] * 3 == [venue.own(order)["reason"] for order in refused]
    assert (OrderState.LIVE, OrderState.CANCELLED) == tuple(venue.own(i)["state"] for i in (resting, withdrawn))
    assert [] == venue.fills
    assert ([(1, 4, 4)], [(2, 4, 4)]) == (venue.queue(SELL, 100), venue.queue(BUY, 105))
    venue.run_to(8)
    late = venue.send(BUY, 90, 1)
    venue.run_to(8)
    assert OrderState.LIVE == venue.own(late)["state"]


def test_a_snapshot_after_a_clear_ranks_in_front_of_own_orders_that_were_there() -> None:
    snapshot = {"flags": int(Flag.SNAPSHOT)}
    rows = [
        row(1, Kind.ADD, SELL, 1, 100, 10),
        row(3, Kind.CLEAR),
        *(row(5, Kind.ADD, SELL, order_id, 100, 9, **snapshot) for order_id in (1, 4)),
        row(6, Kind.ADD, SELL, 5, 100, 9),
    ]
    venue = Venue(rows)
    for before in (2, 4):
        venue.run_to(before)
        venue.send(SELL, 100, 3)
    venue.run_to(9)
    assert [1, 4, -1, -2, 5] == [order_id for order_id, _, _ in venue.queue(SELL, 100)]


def test_without_impact_the_same_liquidity_is_taken_twice_and_stays() -> None:
    venue = Venue([row(1, Kind.ADD, SELL, 1, 100, 10)], impact=Impact.NONE)
    venue.run_to(1)
    for _ in range(2):
        venue.send(BUY, 100, 10)
    venue.run_to(2)
    assert [10, 10] == [fill[6] for fill in venue.fills]
    assert [(1, 10, 10)] == venue.queue(SELL, 100)


def test_a_replaced_ioc_trades_what_it_can_and_leaves() -> None:
    venue = Venue([row(1, Kind.ADD, SELL, 1, 100, 4)])
    venue.run_to(1)
    first = venue.send(BUY, 99, 10)
    venue.run_to(1)
    second = venue.change(first, 100, 10, tif=TimeInForce.IOC)
    venue.run_to(1)
    assert [(1, second, BUY, FillReason.OWN_AGGRESSION, 0, 100, 4)] == venue.fills
    assert (OrderState.CANCELLED, Reason.NO_LIQUIDITY) == tuple(venue.own(second)[["state", "reason"]])
    assert [] == list(venue.queues(BUY))


def test_refusals_name_their_reason() -> None:
    venue = Venue([row(1, Kind.ADD, SELL, 1, 100, 4)])
    venue.run_to(1)
    orders = [
        venue.send(BUY, 100, 1, flags=MessageFlag.POST_ONLY),
        venue.send(BUY, 100, 5, tif=TimeInForce.FOK),
        venue.send(BUY, 99, 1, tif=TimeInForce.GTD, expire_ns=1),
        venue.send(BUY, 99, 0),
    ]
    venue.run_to(1)
    expected = [Reason.POST_ONLY_WOULD_TRADE, Reason.FOK_NOT_FILLABLE, Reason.ALREADY_EXPIRED, Reason.BAD_SIZE]
    assert expected == [venue.own(order)["reason"] for order in orders]
    assert {OrderState.REJECTED} == {int(venue.own(order)["state"]) for order in orders}
