"""The slow replays against examples worked out by hand, and against what must hold on every history."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from lobsim.types import (
    CrossPolicy,
    FillReason,
    Flag,
    Impact,
    Kind,
    Phase,
    QueueModel,
    Reason,
    Side,
    SurplusPolicy,
    Verb,
)
from tests.oracle.reconcile import CutReplay, RowChecker, cut_tape, hist_totals, lobster_pair
from tests.oracle.replay_l2 import OracleLevels
from tests.oracle.replay_l3 import OracleReplay, lifetime_ns, prepare
from tests.oracle.streams import random_history, random_l2_history, random_own

BUY, SELL = int(Side.BUY), int(Side.SELL)


def row(kind: Kind, side: int = 0, order_id: int = 0, price: int = 0, size: int = 0, **more: int) -> dict[str, int]:
    fields = {"kind": int(kind), "side": side, "order_id": order_id, "price_ticks": price, "size_lots": size}
    return {"ts_ns": 1} | fields | more


def own(order_id: int, side: int, price: int, size: int, **more: int) -> dict[str, int]:
    message = {"ts_ns": 1, "verb": Verb.NEW, "order_id": order_id, "side": side}
    return message | {"price_ticks": price, "size_lots": size} | more


def level(side: int, price: int, size: int, **more: int) -> dict[str, int]:
    return row(Kind.LEVEL, side, 0, price, size, **more)


def replay_of(*rows: dict[str, int], **settings: Any) -> OracleReplay:
    replay = OracleReplay(**settings)
    replay.replay(prepare(rows))
    return replay


def ledgers(replay: OracleReplay, side: int, price: int) -> list[tuple[int, int, int]]:
    return [(order.id, order.size, order.hist) for order in replay.queues[side].get(price, [])]


# --- order by order


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("match_ids", [False, True])
def test_a_null_replay_keeps_size_equal_to_hist(seed: int, match_ids: bool) -> None:
    replay = OracleReplay()
    for recorded in prepare(random_history(seed, 500, match_ids=match_ids)):
        replay.apply(recorded)
        for queues in replay.queues:
            assert all(order.size == order.hist > 0 for queue in queues.values() for order in queue)
    assert not any(replay.counters.values())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("surplus", list(SurplusPolicy))
def test_every_execution_conserves_its_quantity_and_the_book_never_crosses(seed: int, surplus: SurplusPolicy) -> None:
    history = random_history(seed, 400)
    history = history[history["kind"] != Kind.PHASE]  # what comes in during a halt may rest through an own order
    replay = OracleReplay(surplus=surplus, seed=seed)
    messages = list(random_own(seed, 150, history))
    for recorded in prepare(history):
        while messages and messages[0]["ts_ns"] < recorded.ts_ns:
            replay.submit(messages.pop(0))
        replay.apply(recorded)
        bid, ask = replay.best(BUY), replay.best(SELL)
        assert bid is None or ask is None or bid < ask
    assert {int(reason) for reason in list(FillReason)[:4]} == {fill[3] for fill in replay.fills}
    for quantity, to_own, to_recorded, unfilled in replay.executions:
        assert quantity == to_own + to_recorded + unfilled


def test_groups_are_cut_by_any_other_row_and_by_match_id() -> None:
    tape = prepare(
        [
            row(Kind.EXECUTE, SELL, 1, 100, 5, match_id=7),
            row(Kind.EXECUTE, SELL, 2, 102, 5, match_id=7),
            row(Kind.EXECUTE, SELL, 3, 103, 5, match_id=8),
            row(Kind.EXECUTE_HIDDEN, SELL, 0, 103, 5),
            row(Kind.EXECUTE, SELL, 4, 104, 5, match_id=8),
            row(Kind.ADD, BUY, 9, 106, 5),
            row(Kind.ADD, BUY, 10, 106, 5),
            row(Kind.EXECUTE, BUY, 1, 100, 5),
            row(Kind.ADD, SELL, 2, 101, 5),  # short of the print: nobody's remainder
        ]
    )
    assert [102, 102, 103, 103, 106, 106, 106, 100, 101] == [line.limit_ticks for line in tape]
    assert [1, 2, 4, 7] == [place for place, line in enumerate(tape) if line.flags & Flag.GROUP_END]
    assert [5] == [place for place, line in enumerate(tape) if line.flags & Flag.RESIDUAL]


def test_an_own_order_in_front_takes_the_makers_fill_and_leaves_surplus() -> None:
    replay = replay_of(row(Kind.ADD, SELL, 1, 100, 10), surplus=SurplusPolicy.PERSIST)
    replay.submit(own(-1, SELL, 100, 4))
    replay.apply(row(Kind.ADD, SELL, 2, 100, 10, ts_ns=2))
    replay.apply(row(Kind.EXECUTE, SELL, 1, 100, 3, ts_ns=2))
    assert [] == replay.fills  # the maker stands in front
    replay.apply(row(Kind.EXECUTE, SELL, 2, 100, 10, ts_ns=3))
    assert [(3, 0, SELL, FillReason.QUEUE_EXHAUSTED, 1, 100, 4)] == replay.fills
    assert [(1, 7, 7), (2, 4, 0)] == ledgers(replay, SELL, 100)


def test_a_better_own_order_is_traded_through_and_what_is_left_sweeps_to_the_limit() -> None:
    replay = replay_of(row(Kind.ADD, SELL, 1, 101, 10), row(Kind.ADD, SELL, 2, 102, 10))
    replay.submit(own(-1, BUY, 101, 8))  # leaves the maker with 2 of 10
    replay.submit(own(-2, SELL, 100, 3))
    replay.apply(row(Kind.EXECUTE, SELL, 1, 101, 10, ts_ns=2, limit_ticks=102))
    assert [(2, 1, SELL, FillReason.TRADED_THROUGH, 1, 100, 3)] == replay.fills[1:]
    assert [(2, 5, 10)] == ledgers(replay, SELL, 102)  # 10 = 3 own + 2 maker + 5 further on
    assert (10, 3, 7, 0) == replay.executions[-1]


def test_what_a_group_could_not_fill_is_added_to_its_remainder() -> None:
    replay = replay_of(row(Kind.ADD, SELL, 1, 100, 10))
    replay.submit(own(-1, BUY, 100, 6))
    replay.replay(prepare([row(Kind.EXECUTE, SELL, 1, 100, 10, ts_ns=2), row(Kind.ADD, BUY, 2, 101, 5, ts_ns=2)]))
    assert 6 == replay.counters["unfilled_hist"]
    assert [(2, 11, 5)] == ledgers(replay, BUY, 101)


def test_a_recorded_order_emptied_by_own_taking_keeps_its_place() -> None:
    replay = replay_of(row(Kind.ADD, SELL, 1, 100, 10), row(Kind.ADD, SELL, 2, 101, 10))
    replay.submit(own(-1, BUY, 100, 10))
    assert [(1, 0, 10)] == ledgers(replay, SELL, 100)
    assert 101 == replay.best(SELL)
    replay.apply(row(Kind.DELETE, SELL, 1, 100, 10, ts_ns=2))
    assert [] == ledgers(replay, SELL, 100)


def test_an_arriving_order_trades_with_own_orders_and_pushes_surplus_out() -> None:
    replay = replay_of(row(Kind.ADD, SELL, 1, 100, 10), surplus=SurplusPolicy.PERSIST)
    replay.submit(own(-1, SELL, 99, 10))
    replay.apply(row(Kind.EXECUTE, SELL, 1, 100, 10, ts_ns=2))
    assert [(1, 10, 0)] == ledgers(replay, SELL, 100)
    replay.submit(own(-2, SELL, 100, 3, ts_ns=2))
    replay.apply(row(Kind.ADD, BUY, 2, 101, 5, ts_ns=3))
    assert (3, 1, SELL, FillReason.BOOK_CROSSED, 1, 100, 3) == replay.fills[-1]
    assert 10 == replay.counters["evicted"]
    assert [(2, 2, 5)] == ledgers(replay, BUY, 101)


def test_a_sliding_order_rests_one_tick_short_of_the_own_order() -> None:
    replay = OracleReplay(cross=CrossPolicy.SLIDE)
    replay.submit(own(-1, SELL, 100, 10))
    replay.apply(row(Kind.ADD, BUY, 1, 103, 5))
    assert [] == replay.fills
    assert [(1, 5, 5)] == ledgers(replay, BUY, 99)


def test_surplus_leaves_after_its_drawn_lifetime() -> None:
    settings = {"surplus": SurplusPolicy.LIFETIME, "median_life_ns": 1000, "seed": 5}
    replay = replay_of(row(Kind.ADD, SELL, 2, 100, 10), **settings)
    replay.submit(own(-1, SELL, 99, 10))
    replay.apply(row(Kind.EXECUTE, SELL, 2, 100, 10, ts_ns=10))
    end = 10 + lifetime_ns(1000, 5, 2)
    replay.advance_clock(end - 1)
    assert [(2, 10, 0)] == ledgers(replay, SELL, 100)
    replay.advance_clock(end)
    assert [] == ledgers(replay, SELL, 100)


def test_the_drawn_lifetime_has_the_median_asked_for() -> None:
    assert 1_000_000 == pytest.approx(median(lifetime_ns(1_000_000, 3, identity) for identity in range(4001)), rel=0.1)


def test_a_hidden_print_fills_strictly_better_own_orders_only() -> None:
    replay = OracleReplay()
    replay.submit(own(-1, SELL, 100, 3))
    replay.submit(own(-2, SELL, 101, 3))
    replay.apply(row(Kind.EXECUTE_HIDDEN, SELL, 0, 101, 5))
    assert [(1, 0, SELL, FillReason.TRADED_THROUGH, 1, 100, 3)] == replay.fills
    equal = OracleReplay(hidden_at_equal=True)
    equal.submit(own(-1, SELL, 101, 3))
    equal.apply(row(Kind.EXECUTE_HIDDEN, SELL, 0, 101, 2))
    assert [(1, 0, SELL, FillReason.QUEUE_EXHAUSTED, 1, 101, 2)] == equal.fills


def test_a_halt_refuses_new_and_replace_and_accepts_cancels() -> None:
    replay = OracleReplay()
    replay.submit(own(-1, SELL, 100, 3))
    replay.apply(row(Kind.PHASE, size=int(Phase.HALT)))
    assert Reason.HALTED == replay.submit(own(-2, SELL, 100, 3))[0][1]
    replay.apply(row(Kind.ADD, BUY, 1, 105, 5))
    assert [] == replay.fills
    assert Reason.REQUESTED == replay.submit({"ts_ns": 2, "verb": Verb.CANCEL, "order_id": -1})[0][1]


def test_a_snapshot_after_a_clear_ranks_in_front_of_older_own_orders() -> None:
    replay = replay_of(row(Kind.ADD, SELL, 1, 100, 10))
    replay.submit(own(-1, SELL, 100, 3))
    replay.apply(row(Kind.CLEAR, ts_ns=2))
    replay.submit(own(-2, SELL, 100, 2, ts_ns=2))
    for order_id in (1, 4):
        replay.apply(row(Kind.ADD, SELL, order_id, 100, 9, ts_ns=2, flags=int(Flag.SNAPSHOT)))
    replay.apply(row(Kind.ADD, SELL, 5, 100, 9, ts_ns=3))
    assert [1, 4, -1, -2, 5] == [order_id for order_id, _ in replay.queue(SELL, 100)]
    replay.submit(own(-3, SELL, 101, 2, ts_ns=3))
    replay.apply(row(Kind.ADD, SELL, 6, 101, 9, ts_ns=3, flags=int(Flag.SNAPSHOT)))
    assert [-3, 6] == [order_id for order_id, _ in replay.queue(SELL, 101)]


def test_without_impact_the_same_liquidity_can_be_taken_twice() -> None:
    replay = replay_of(row(Kind.ADD, SELL, 1, 100, 10), impact=Impact.NONE)
    for order_id in (-1, -2):
        replay.submit(own(order_id, BUY, 100, 10))
    assert 20 == sum(fill[6] for fill in replay.fills)
    assert [(1, 10, 10)] == ledgers(replay, SELL, 100)


def test_without_impact_own_passive_fills_are_extra_volume() -> None:
    replay = OracleReplay(impact=Impact.NONE)
    replay.submit(own(-1, SELL, 100, 4))
    replay.apply(row(Kind.ADD, SELL, 1, 100, 10, ts_ns=2))
    replay.apply(row(Kind.EXECUTE, SELL, 1, 100, 6, ts_ns=3))
    assert [(3, 0, SELL, FillReason.QUEUE_EXHAUSTED, 1, 100, 4)] == replay.fills
    assert [(1, 4, 4)] == ledgers(replay, SELL, 100)


# --- a book cut to K levels


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("depth", [1, 3])
def test_on_a_cut_tape_every_row_matches_and_hist_equals_the_row(seed: int, depth: int) -> None:
    replay = CutReplay()
    checker = RowChecker(replay)
    for message, shown in cut_tape(random_history(seed, 900, clears=False), depth):
        assert (True,) == checker.check(message, shown)[:1]
        assert checker.previous is not None
        for side in Side:
            assert checker.previous.shown[side] == hist_totals(replay, side, checker.previous)
        for queues in replay.queues:
            assert all(order.size == order.hist > 0 for queue in queues.values() for order in queue)
    assert checker.entering > 0
    assert 0 == replay.counters["history_crossed"]


def test_an_altered_size_fails_its_own_row_and_the_next() -> None:
    tape = cut_tape(random_history(2, 900, clears=False), 3)
    tape[100][1][1] += 7
    checker = RowChecker(CutReplay())
    failed = [index for index, (message, shown) in enumerate(tape) if not checker.check(message, shown)[0]]
    assert [100, 101] == failed


def test_the_first_row_seeds_in_front_and_later_quantity_joins_behind() -> None:
    replay = CutReplay()
    checker = RowChecker(replay)
    checker.check(row(Kind.ADD, SELL, 5, 101, 10), [101, 30, 99, 5, 102, 7, 98, 5])
    assert [(0, 20), (5, 10)] == replay.queue(SELL, 101)
    replay.submit(own(-1, SELL, 102, 1))  # the price is shown
    replay.submit(own(-2, SELL, 103, 1))  # the price is not
    after = [102, 7, 99, 5, 103, 4, 98, 5]
    assert (True, True) == checker.check(row(Kind.DELETE, SELL, 5, 101, 30, ts_ns=2), after)
    assert [(0, 7), (-1, 1)] == replay.queue(SELL, 102)
    assert [(0, 4), (-2, 1)] == replay.queue(SELL, 103)
    assert {"seeded": [1, 37], "missing": [1, 4], "excess": [0, 0], "gone": [0, 0]} == checker.corrections


def test_a_message_on_a_cut_tape_takes_its_quantity_from_its_level_whoever_holds_it() -> None:
    adds = [row(Kind.ADD, SELL, order_id, 101, 10) for order_id in (1, 2, 3)]

    def queue_after(message: dict[str, int]) -> list[tuple[int, int]]:
        (replay := CutReplay()).replay([*adds, message])
        return replay.queue(SELL, 101)

    assert [(1, 10), (2, 10), (3, 4)] == queue_after(row(Kind.DELETE, SELL, 77, 101, 6))
    assert [(1, 4), (2, 10), (3, 10)] == queue_after(row(Kind.EXECUTE, SELL, 77, 101, 6))
    assert [(1, 10), (3, 5)] == queue_after(row(Kind.DELETE, SELL, 2, 101, 15))
    assert [(1, 10), (0, 4), (3, 10)] == queue_after(row(Kind.DELETE, SELL, 2, 101, 6))


@pytest.mark.parametrize(
    ("name", "rows", "entering"),
    [
        ("GOOG_2012-06-21_10", 3000, 1156),
        pytest.param("GOOG_2012-06-21_10", 147916, 44451, marks=pytest.mark.slow),
        pytest.param("GOOG_2012-06-21_1", 49482, 11207, marks=pytest.mark.slow),
        pytest.param("AAPL_2012-06-21_1", 118497, 30071, marks=pytest.mark.slow),
    ],
)
def test_every_row_of_a_recorded_day_matches(shared: Path, name: str, rows: int, entering: int) -> None:
    checker = RowChecker(CutReplay())
    for message, shown in lobster_pair(shared / f"data/lobster/LOBSTER_SampleFile_{name}.zip")[:rows]:
        checker.check(message, shown)
    assert (rows, rows, entering) == (checker.rows, checker.matching, checker.entering)


# --- levels

UNITS = pytest.mark.parametrize("unit", ["real", "fixed"])


@UNITS
def test_what_own_taking_consumed_is_not_shown_again(unit: str) -> None:
    levels = OracleLevels(unit=unit)
    levels.apply(level(SELL, 100, 100))
    levels.process(own(-1, BUY, 100, 60, tif=1))
    assert 40 == levels.shown(SELL, 100)
    levels.apply(level(SELL, 100, 30, ts_ns=2))
    assert 0 == levels.shown(SELL, 100)
    levels.apply(level(SELL, 100, 70, ts_ns=3))
    assert 70 == levels.shown(SELL, 100)  # consumed was 30, and 40 new lots pay it off


@UNITS
def test_a_print_is_one_budget_and_its_level_row_explains_only_the_rest(unit: str) -> None:
    levels = OracleLevels(unit=unit)
    levels.apply(level(SELL, 100, 50))
    levels.process(own(-1, SELL, 100, 10))
    levels.process(own(-2, SELL, 99, 5))
    levels.apply(row(Kind.PRINT, SELL, 0, 100, 60, ts_ns=2))
    expected = [(1, FillReason.TRADED_THROUGH, 5), (0, FillReason.QUEUE_EXHAUSTED, 5)]
    assert expected == [(fill[1], fill[3], fill[6]) for fill in levels.fills]
    assert [(-1, 5)] == levels.queue(SELL, 100)


@UNITS
def test_quantity_spared_by_own_fills_leaves_from_the_back(unit: str) -> None:
    levels = OracleLevels(unit=unit)
    levels.process(own(-1, SELL, 100, 10))
    levels.apply(level(SELL, 100, 50))
    levels.process(own(-2, SELL, 100, 10))
    levels.apply(level(SELL, 100, 100, ts_ns=2))
    levels.apply(row(Kind.PRINT, SELL, 0, 100, 15, ts_ns=3))
    assert [(0, 45), (-2, 10), (0, 50)] == levels.queue(SELL, 100)
    levels.apply(level(SELL, 100, 85, ts_ns=3))
    assert [(0, 45), (-2, 10), (0, 40)] == levels.queue(SELL, 100)


# 40 in front, 60 behind, 20 leave: pi(0.4) of them from the front, and the models stand in this order
FRONT_AFTER = (40, 32, 40 - Fraction(20 * 40**3, 100**3), 40 - Fraction(20 * 40**3, 40**3 + 60**3))


@pytest.mark.parametrize(("model", "ahead"), list(zip(list(QueueModel)[:4], FRONT_AFTER, strict=True)))
def test_a_decrease_is_split_by_the_queue_model(model: QueueModel, ahead: Fraction) -> None:
    for unit, tolerance in (("real", Fraction(1, 10**40)), ("fixed", Fraction(1, 2**20))):
        levels = OracleLevels(unit=unit, model=model)
        levels.apply(level(BUY, 100, 40))
        levels.process(own(-1, BUY, 100, 5))
        levels.apply(level(BUY, 100, 100, ts_ns=2))
        levels.apply(level(BUY, 100, 80, ts_ns=3))
        (_, front), _, (_, back) = levels.queue(BUY, 100)
        assert abs(ahead - front) <= tolerance
        assert 80 == front + back


def test_what_a_block_cannot_give_comes_from_the_block_in_front() -> None:
    levels = OracleLevels()
    levels.apply(level(BUY, 100, 90))
    levels.process(own(-1, BUY, 100, 5))
    levels.apply(level(BUY, 100, 100, ts_ns=2))
    levels.apply(level(BUY, 100, 20, ts_ns=3))  # 80 leave; the back's share is 21.68 of its 10
    assert [(0, 20), (-1, 5)] == levels.queue(BUY, 100)


@UNITS
def test_an_increase_through_an_own_price_trades_and_is_consumed(unit: str) -> None:
    levels = OracleLevels(unit=unit)
    levels.process(own(-1, SELL, 100, 10))
    levels.apply(level(BUY, 101, 25, ts_ns=2))
    assert [(2, 0, SELL, FillReason.BOOK_CROSSED, 1, 100, 10)] == levels.fills
    assert 15 == levels.shown(BUY, 101)
    levels.apply(level(BUY, 101, 25, ts_ns=3))
    assert 15 == levels.shown(BUY, 101)


@UNITS
def test_after_a_level_row_the_level_shows_recorded_less_consumed_whatever_own_orders_did(unit: str) -> None:
    reasons: Counter[int] = Counter()
    for seed in range(3):
        history = random_l2_history(seed, 300)
        levels, messages = OracleLevels(unit=unit), list(random_own(seed, 80, history, level_rows=True))
        for recorded in history:
            while messages and messages[0]["ts_ns"] < recorded["ts_ns"]:
                levels.process(messages.pop(0))
            levels.apply(recorded)
            place = int(recorded["side"]), int(recorded["price_ticks"])
            if recorded["kind"] == Kind.LEVEL:
                state = levels.level(*place)
                assert max(0, state.recorded - state.consumed) == state.anonymous()
        reasons.update(fill[3] for fill in levels.fills)
    assert set(list(FillReason)[:4]) == set(reasons)
