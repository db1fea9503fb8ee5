"""When the desk wakes an algorithm, and that it shows only what has been heard by then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from execution.algorithm import Cancel, ChildOrder, Command, Limit, Market, Replace, View, WakeAt
from lobsim.errors import ConfigError
from lobsim.types import Kind, OrderState, Reason, Side
from tests.execution import steady_market as made
from tests.execution.steady_market import ASK, BID, MILLISECOND_NS, OPEN_NS, SECOND_NS, Algo, Decision

BUY, SELL = Side.BUY, Side.SELL
STEADY = made.steady(60)


# When it decides


def wake_times(market_latency_ns: int, decide: Decision, *, reports: bool = False, touch: bool = False) -> list[float]:
    """Seconds after the open of every decision of a parent from second 10.5 to 14.5."""
    times: list[float] = []

    def listen(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        times.append(made.seconds_of(view))
        return decide(view, orders) or ()

    market = made.market_of(STEADY, market_latency_ns)
    made.executed(market, made.parent_of(BUY, 1000, 10.5, 14.5), Algo(listen, reports=reports, touch=touch))
    return times


def test_it_wakes_at_the_start_even_if_it_asked_for_nothing() -> None:
    assert [10.5] == wake_times(0, lambda view, orders: ())


def test_it_wakes_when_it_asked_to_and_never_at_the_end_or_after() -> None:
    assert [10.5, 11.5, 12.5, 13.5] == wake_times(0, lambda view, orders: [WakeAt(view.now_ns + SECOND_NS)])


def test_the_earliest_wish_counts_and_the_past_means_at_once() -> None:
    wishes = {10.5: [12.0, 11.0, 13.0], 11.0: [3.0]}

    def decide(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        return [WakeAt(OPEN_NS + round(at_s * SECOND_NS)) for at_s in wishes.get(made.seconds_of(view), [])]

    assert [10.5, 11.0, 11.000000001] == wake_times(0, decide)


def test_it_hears_of_its_orders_a_round_trip_later() -> None:
    def decide(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        return [Market(100)] if made.seconds_of(view) == 10.5 else ()

    assert [10.5, 10.75] == wake_times(125 * MILLISECOND_NS, decide, reports=True)
    assert [10.5] == wake_times(125 * MILLISECOND_NS, decide)


def test_it_hears_of_a_moving_touch_a_feed_leg_later() -> None:
    rows: list[made.Row] = [
        (0, Kind.ADD, BUY, BID, 100, 1),
        (0, Kind.ADD, SELL, ASK, 100, 2),
        (2 * SECOND_NS, Kind.ADD, BUY, BID, 100, 3),  # no new price: not heard
        (3 * SECOND_NS, Kind.ADD, BUY, BID + 1, 100, 4),
        (5 * SECOND_NS, Kind.DELETE, SELL, ASK, 100, 2),
        (9 * SECOND_NS, Kind.ADD, SELL, ASK, 100, 5),
    ]
    seen: list[tuple[float, int | None, int | None]] = []

    def decide(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        seen.append((made.seconds_of(view), view.best_bid_ticks, view.best_ask_ticks))
        return ()

    market = made.market_of(made.dataset_of(rows, made.info_of(STEADY.info.fidelity, 10)), 500 * MILLISECOND_NS)
    made.executed(market, made.parent_of(BUY, 100, 1, 8), Algo(decide, touch=True))
    assert [(1, BID, ASK), (3.5, BID + 1, ASK), (5.5, BID + 1, None)] == seen


def test_an_algorithm_that_never_stops_deciding_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execution.desk.MOST_DECISIONS_AT_ONCE", 50)
    endless = Algo(lambda view, orders: [Limit(made.MID + 10, 1, post_only=True)], reports=True)
    with pytest.raises(ConfigError, match="decided 50 times at one instant"):
        made.executed(made.market_of(STEADY), made.parent_of(BUY, 100, 10.5, 12.5), endless)


# What it sees


def test_the_view_is_a_feed_leg_old() -> None:
    seen: dict[float, tuple[int, int, int]] = {}

    def decide(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        seen[made.seconds_of(view)] = (view.ask_lots, view.volume_lots, view.last_ticks or 0)
        return [WakeAt(view.now_ns + SECOND_NS // 4)]

    made.executed(made.market_of(STEADY, SECOND_NS // 2), made.parent_of(BUY, 100, 10.25, 12.5), Algo(decide))
    # at second 11 a hundred are taken from the ask and come back a millisecond later; at 12 from the bid
    assert {
        10.25: (500, 0, ASK),  # the trade of second 10 is not heard of yet
        10.5: (500, 100, BID),
        10.75: (500, 100, BID),
        11.0: (500, 100, BID),
        11.25: (500, 100, BID),
        11.5: (400, 200, ASK),
        11.75: (500, 200, ASK),
        12.0: (500, 200, ASK),
        12.25: (500, 200, ASK),
    } == seen


def test_an_order_is_known_as_it_was_sent_until_the_answer_comes() -> None:
    seen: list[tuple[float, list[tuple[bool, bool, int]], int, int]] = []

    def decide(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        known = [(order.acknowledged, order.leaving, order.open_lots) for order in orders]
        seen.append((made.seconds_of(view), known, view.working_lots, view.executed_lots))
        commands: dict[float, list[Command]] = {10.5: [Limit(BID, 300), Market(50)], 11.25: [Cancel(0)]}
        return [*commands.get(made.seconds_of(view), []), WakeAt(view.now_ns + SECOND_NS // 4)]

    made.executed(made.market_of(STEADY, SECOND_NS // 4), made.parent_of(BUY, 1000, 10.5, 12), Algo(decide))
    assert [
        (10.5, [], 0, 0),
        (10.75, [(False, False, 300), (False, False, 50)], 350, 0),
        (11.0, [(True, False, 300)], 300, 50),
        (11.25, [(True, False, 300)], 300, 50),
        (11.5, [(True, True, 300)], 300, 50),
        (11.75, [], 0, 50),
    ] == seen


def test_a_replacement_shows_what_was_asked_for_until_the_answer_comes() -> None:
    """Filled 100 of 200 on the way, the venue makes 800 of the 900 asked for; the owner hears of both at once."""
    seen: dict[float, list[tuple[bool, int, int]]] = {}

    def decide(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        at_s = made.seconds_of(view)
        seen[at_s] = [(order.acknowledged, order.size_lots, order.filled_lots) for order in orders]
        if at_s == 10.5:
            yield Limit(BID, 200)
            yield WakeAt(OPEN_NS + round(21.75 * SECOND_NS))
        elif at_s == 21.75:
            yield Replace(0, BID - 1, 900)
            yield WakeAt(OPEN_NS + round(22.4 * SECOND_NS))
        elif at_s == 22.4:
            yield WakeAt(OPEN_NS + round(22.8 * SECOND_NS))

    desk = made.executed(
        made.market_of(STEADY, 500 * MILLISECOND_NS), made.parent_of(BUY, 1000, 10.5, 24), Algo(decide)
    )
    orders = made.orders_of(desk)
    assert [100, 0] == orders["filled_lots"][:2].tolist()
    assert (800, OrderState.CANCELLED) == (orders[1]["size_lots"], orders[0]["venue_state"])
    assert [(True, 200, 0), (False, 900, 0)] == seen[22.4]  # at the venue since 22.25
    assert [(True, 800, 0)] == seen[22.8]


def test_volume_counts_from_the_start_and_tells_others_apart() -> None:
    last: list[tuple[int, int]] = []

    def decide(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        last.append((view.volume_lots, view.others_volume_lots))
        yield WakeAt(view.now_ns + SECOND_NS)
        if len(last) == 1:
            yield Market(250)

    made.executed(made.market_of(STEADY), made.parent_of(BUY, 250, 10.5, 13.5), Algo(decide))
    assert [(0, 0), (350, 100), (450, 200)] == last


def test_levels_are_listed_best_first() -> None:
    seen: list[list[list[int]]] = []

    def decide(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        seen.extend([view.levels(SELL, 2).tolist(), view.levels(BUY).tolist()])
        return ()

    made.executed(made.market_of(STEADY), made.parent_of(BUY, 250, 10.5, 13.5), Algo(decide))
    assert [[[ASK, 500], [ASK + 1, 500]], [[BID - depth, 500] for depth in range(5)]] == seen


def test_a_halt_refuses_orders_and_the_view_says_so() -> None:
    halt: made.Row = (11 * SECOND_NS, Kind.PHASE, Side(0), 0, 3, 0)
    rows = [*_rows_of(made.steady(10)), halt]
    seen: list[bool] = []

    def decide(view: View, orders: Sequence[ChildOrder]) -> Iterable[Command]:
        seen.append(view.trading)
        yield WakeAt(view.now_ns + SECOND_NS)
        yield Limit(BID, 10)

    market = made.market_of(made.dataset_of(rows, made.info_of(STEADY.info.fidelity, 60)))
    desk = made.executed(market, made.parent_of(BUY, 250, 10.5, 12.5), Algo(decide))
    assert [True, False] == seen
    orders = made.orders_of(desk)
    assert [Reason.REQUESTED, Reason.HALTED, Reason.HALTED] == orders["reason"].tolist()
    assert 0 == len(made.fills_of(desk))


def _rows_of(dataset: made.Dataset) -> list[made.Row]:
    columns = ("ts_exchange", "kind", "side", "price", "size", "order_id")
    return [
        (ts - OPEN_NS, Kind(kind), Side(side), price, size, order)
        for ts, kind, side, price, size, order in dataset.events.select(columns).iter_rows()
    ]
