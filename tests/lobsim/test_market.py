"""A data set made ready for replay: what is read out of it, what is refused, and runs that do not disturb each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from lobsim.config import Latency, MarketConfig
from lobsim.core.book_hash import state_hash
from lobsim.core.loop import post_new
from lobsim.errors import ConfigError, DataError
from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo
from lobsim.market import Market, MarketRun
from lobsim.types import (
    L2_SHIFT,
    NEVER,
    NONE,
    NONE_PRICE,
    Fidelity,
    Flag,
    Impact,
    Kind,
    OrderState,
    Phase,
    Side,
    Status,
)
from tests.oracle.streams import random_history, random_l2_history

BUY, SELL = int(Side.BUY), int(Side.SELL)


def event(
    ts_ns: int, kind: Kind, side: int = NONE, order_id: int = 0, price: int = 0, size: int = 0, **more: int
) -> dict[str, int]:
    """One row of the event table; prices in quanta."""
    fields = {"ts_exchange": ts_ns, "kind": int(kind), "side": side, "price": price, "size": size, "order_id": order_id}
    return dict.fromkeys(COLUMNS, 0) | fields | more


def dataset(events: list[dict[str, int]], fidelity: Fidelity = Fidelity.L3_FULL, **parts: Any) -> Dataset:
    """A data set of cents and single shares, quanta of a hundredth of a cent."""
    rows = parts.get("rows", parts.get("seed_row"))
    info = DatasetInfo(
        symbol="TINY",
        venue="NOWHERE",
        date="2012-06-21",
        currency="USD",
        price_quantum="0.0001",
        tick_quanta=100,
        lot="1",
        fidelity=fidelity,
        depth=0 if rows is None else np.atleast_2d(rows).shape[1] // 4,
        session_start_ns=0,
        session_end_ns=10**12,
        source="tiny.csv",
        source_sha256="0" * 64,
    )
    return Dataset(info, pl.DataFrame(events, schema=COLUMNS), **parts)


def from_stream(history: np.ndarray, fidelity: Fidelity) -> Dataset:
    """A random history as a data set."""
    names = ("side", "order_id", "other_id", "match_id", "flags")
    events = [
        event(int(line["ts_ns"]), Kind(line["kind"]), price=int(line["price_ticks"]) * 100, size=int(line["size_lots"]))
        | {name: int(line[name]) for name in names}
        for line in history
    ]
    return dataset(events, fidelity)


TWO_SIDES = [event(1, Kind.ADD, BUY, 1, 1_000_000, 10), event(2, Kind.ADD, SELL, 2, 1_000_100, 20)]


# --- the tape


def test_a_print_between_two_ticks_goes_to_the_worse_one_for_whoever_rested() -> None:
    hidden = [event(3, Kind.EXECUTE_HIDDEN, side, 0, 1_000_050, 1) for side in (BUY, SELL)]
    below_zero = event(3, Kind.EXECUTE_HIDDEN, BUY, 0, -50, 1)
    tape = Market(dataset([*TWO_SIDES, *hidden, below_zero])).tape
    assert [10_000, 10_001, 10_000, 10_001, -1] == tape["price_ticks"].tolist()
    assert [0, 0, Flag.OFF_TICK, Flag.OFF_TICK, Flag.OFF_TICK] == (tape["flags"] & Flag.OFF_TICK).tolist()


def test_sizes_of_levels_are_kept_finer_than_a_lot_and_phases_are_not_sizes() -> None:
    levels = [event(1, Kind.LEVEL, BUY, 0, 1_000_000, 7), event(2, Kind.PHASE, size=3)]
    assert [7 << L2_SHIFT, 3] == Market(dataset(levels, Fidelity.L2_TRADES)).tape["size"].tolist()
    assert [10, 20, 3] == Market(dataset([*TWO_SIDES, levels[1]])).tape["size"].tolist()


def test_ids_mean_something_only_where_a_row_speaks_of_an_order() -> None:
    market = Market(dataset([*TWO_SIDES, event(3, Kind.PRINT, SELL, -1, 1_000_100, 5, flags=int(Flag.AUCTION))]))
    assert [1, 2, 0] == market.tape["order_id"].tolist()


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (event(3, Kind.DELETE, BUY, -1, 1_000_000, 10), "order_id"),
        (event(3, Kind.REPLACE, BUY, 1, 1_000_000, 5, other_id=-3), "other_id"),
    ],
)
def test_ids_below_zero_are_refused(bad: dict[str, int], field: str) -> None:
    with pytest.raises(DataError, match="order ids below 0 are kept for own orders") as caught:
        Market(dataset([*TWO_SIDES, bad]))
    assert "tiny.csv" in str(caught.value)
    assert field in str(caught.value)
    assert "row 3" in str(caught.value)


def test_no_rows_and_an_impact_that_does_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="the data set has no rows"):
        Market(dataset([]))
    with pytest.raises(ConfigError, match="impact consume does not exist for L3_FULL data"):
        Market(dataset(TWO_SIDES), MarketConfig(impact=Impact.CONSUME))


# --- what is read out of it


def test_quotes_have_one_row_per_change_of_the_touch() -> None:
    events = [
        *TWO_SIDES,
        event(3, Kind.ADD, SELL, 3, 1_000_200, 5),
        event(4, Kind.EXECUTE, SELL, 2, 1_000_100, 20),
        event(5, Kind.DELETE, BUY, 1, 1_000_000, 10),
    ]
    assert [
        (1, 100.0, 10.0, None, 0.0),
        (2, 100.0, 10.0, 100.01, 20.0),
        (4, 100.0, 10.0, 100.02, 5.0),
        (5, None, 0.0, 100.02, 5.0),
    ] == Market(dataset(events)).quotes.rows()


def test_quotes_of_levels_are_in_lots() -> None:
    events = [event(1, Kind.LEVEL, BUY, 0, 1_000_000, 7), event(2, Kind.PRINT, BUY, 0, 1_000_000, 3)]
    expected = [(1, 100.0, 7.0, None, 0.0), (2, 100.0, 4.0, None, 0.0)]
    assert expected == Market(dataset(events, Fidelity.L2_TRADES)).quotes.rows()


def test_prints_are_every_recorded_trade() -> None:
    events = [
        *TWO_SIDES,
        event(3, Kind.EXECUTE, SELL, 2, 1_000_100, 4),
        event(4, Kind.EXECUTE_HIDDEN, BUY, 0, 1_000_050, 6),
        event(5, Kind.PRINT, SELL, 0, 999_900, 8, flags=int(Flag.AUCTION)),
    ]
    assert [
        (3, 100.01, 4.0, SELL, False, False),
        (4, 100.005, 6.0, BUY, True, False),
        (5, 99.99, 8.0, SELL, False, True),
    ] == Market(dataset(events)).prints.rows()


def test_the_median_life_is_that_of_cancelled_orders() -> None:
    assert 10**9 == Market(dataset(TWO_SIDES)).median_life_ns
    adds = [event(order_id, Kind.ADD, BUY, order_id, 1_000_000, 10) for order_id in (1, 2, 3)]
    gone = [event(10 * order_id, Kind.DELETE, BUY, order_id, 1_000_000, 10) for order_id in (1, 2, 3)]
    market = Market(dataset(sorted(adds + gone, key=lambda line: line["ts_exchange"])))
    assert 18 == market.median_life_ns
    assert 18 == market.start(participant=True).world.head[0]["median_life_ns"]
    chosen = Market(market.dataset, MarketConfig(median_life_ns=77))
    assert 77 == chosen.start(participant=True).world.head[0]["median_life_ns"]


def test_a_replay_without_recorded_rows_has_nothing_to_match() -> None:
    check = Market(dataset([*TWO_SIDES, event(3, Kind.DELETE, BUY, 99, 1_000_000, 1)])).replay()
    assert (3, None, None, None) == (check.rows, check.rows_matching, check.rows_entering, check.first_mismatch)
    assert (0, 1, None) == (check.crossed, check.unknown, check.truth_rows)


def test_a_replay_is_held_against_recorded_rows_and_against_level_one() -> None:
    empty = NONE_PRICE
    rows = np.array([[empty, 0, 1_000_000, 10], [1_000_100, 20, 1_000_000, 10], [1_000_100, 20, 1_000_000, 9]])
    events = [*TWO_SIDES, event(3, Kind.REDUCE, BUY, 1, 1_000_000, 2)]
    check = Market(dataset(events, Fidelity.L3_TOP_K, rows=rows, truth=rows)).replay()
    assert (3, 2, 2) == (check.rows, check.rows_matching, check.first_mismatch)
    assert (3, 2, 2) == (check.truth_rows, check.truth_exact, check.truth_first)
    assert 0 == sum(lots for cause in check.corrections.values() for lots in cause.values())


def test_a_seed_row_stands_from_the_first_row_on() -> None:
    seed = np.array([1_000_100, 50, 1_000_000, 40, 1_000_200, 30, NONE_PRICE, 0])
    market = Market(dataset(TWO_SIDES, Fidelity.L3_TOP_K, seed_row=seed))
    check = market.replay()
    assert (None, {"rows": 1, "lots": 110}) == (check.rows_matching, check.corrections["seeded"])
    assert (1, 100.0, 40.0, 100.01, 50.0) == market.quotes.row(0)


def test_crossed_rows_are_counted() -> None:
    check = Market(
        dataset([*TWO_SIDES, event(3, Kind.ADD, BUY, 3, 1_000_100, 1), event(4, Kind.ADD, SELL, 4, 1_000_300, 1)])
    ).replay()
    assert 2 == check.crossed


def test_only_ends_of_packets_in_continuous_trading_count_as_crossed() -> None:
    last, auction = int(Flag.LAST_IN_PACKET), int(Phase.AUCTION)
    through = [event(3, Kind.ADD, BUY, 3, 1_000_100, 1), event(3, Kind.ADD, SELL, 4, 1_000_300, 1, flags=last)]
    one_packet = [row | {"flags": last} for row in TWO_SIDES] + through
    assert 1 == Market(dataset(one_packet)).replay().crossed
    gathering = [*one_packet[:2], event(2, Kind.PHASE, size=auction, flags=last), *through]
    assert 0 == Market(dataset(gathering)).replay().crossed
    levels = [event(9, Kind.LEVEL, BUY, 0, 1_000_200, 5), event(9, Kind.LEVEL, BUY, 0, 1_000_200, 0, flags=last)]
    book = [event(1, Kind.LEVEL, SELL, 0, 1_000_100, 5, flags=last), *levels]
    assert 0 == Market(dataset(book, Fidelity.L2_TRADES)).replay().crossed


# --- runs


def test_runs_of_one_market_do_not_disturb_each_other() -> None:
    market = Market(from_stream(random_history(1, 300), Fidelity.L3_FULL))
    end_ns = int(market.tape["ts_ns"][-1])
    expected = _hash_at(market, end_ns)
    run = market.start(participant=True, latency=Latency.round_trip(5))
    run.advance(int(market.tape["ts_ns"][150]))
    other = run.copy()
    _join_bid(other)
    other.advance(end_ns)
    run.advance(end_ns)
    assert expected == int(state_hash(run.world.book)) == _hash_at(market, end_ns)
    assert expected != int(state_hash(other.world.book))
    assert (0, 1) == (run.world.head[0]["own"], other.world.head[0]["own"])


def _hash_at(market: Market, until_ns: int) -> int:
    run = market.start(participant=False)
    assert Status.DONE == run.advance(until_ns)
    assert until_ns == run.now_ns
    return int(state_hash(run.world.book))


def _join_bid(run: MarketRun) -> None:
    """An own order far below the market."""
    mine = run.world.own[0]
    mine["price_ticks"], mine["size_lots"], mine["expire_ns"], mine["replaces"] = 1, 5, NEVER, NONE
    mine["state"] = mine["venue_state"] = OrderState.PENDING
    run.world.head[0]["own"] = 1
    post_new(run.world, 0)


def test_a_run_has_the_latency_asked_for_and_publishes_only_to_a_participant() -> None:
    market = Market(dataset(TWO_SIDES), MarketConfig(latency=Latency.round_trip(9)))
    legs = ["feed_ns", "order_ns", "response_ns", "publish"]
    assert (9, 9, 9, 0) == tuple(market.start(participant=False).world.head[0][legs])
    other = Latency(feed_ns=1, order_ns=2, response_ns=3)
    assert (1, 2, 3, 1) == tuple(market.start(participant=True, latency=other).world.head[0][legs])


def test_a_run_tells_how_far_it_is_and_stops_at_a_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobsim.market._CHUNK_EVENTS", 60)
    market = Market(from_stream(random_l2_history(1, 200), Fidelity.L2_TRADES))
    run = market.start(participant=True)
    middle = int(market.tape["ts_ns"][100])
    run.world.head[0]["wake_ns"] = middle
    heard: list[int] = []
    assert Status.WAKE == run.advance(NEVER, heard.append)
    assert middle == run.now_ns
    assert [60] == heard
    run.make_room()
    assert Status.DONE == run.advance(NEVER, heard.append)
    assert len(market.tape) == run.world.head[0]["cursor"]
    assert heard == sorted(set(heard)) and len(heard) > 1


@pytest.mark.parametrize("depth", [50, 200])
def test_a_feed_of_many_levels_finds_room(depth: int) -> None:
    level = np.arange(1, depth + 1)
    rows = np.stack([1_000_000 + 100 * level, level, 1_000_000 - 100 * level, level], axis=1).reshape(1, -1)
    events = [event(1, Kind.ADD, SELL, 1, 1_000_100, 1), event(2, Kind.EXECUTE_HIDDEN, BUY, 0, 1_000_000, 1)]
    market = Market(dataset(events, Fidelity.L3_TOP_K, rows=np.repeat(rows, 2, axis=0)))
    check = market.replay()
    assert (2, depth * (depth + 1) - 1) == (check.rows_matching, check.corrections["seeded"]["lots"])


@pytest.mark.parametrize(
    ("make", "fidelity"), [(random_history, Fidelity.L3_FULL), (random_l2_history, Fidelity.L2_TRADES)]
)
def test_quotes_do_not_depend_on_who_listens(make: Callable[..., np.ndarray], fidelity: Fidelity, limit: Any) -> None:
    market = Market(from_stream(make(4, limit(600, 100)), fidelity))
    run = market.start(participant=True)
    touch = np.zeros((len(market.tape), 4), np.int64)
    run.record(touch)
    last = market.quotes.row(-1)
    bid, bid_size, ask, ask_size = touch[-1].tolist()
    assert (bid * 0.01 if bid_size else None, bid_size >> market.shift) == (pytest.approx(last[1]), last[2])
    assert (ask * 0.01 if ask_size else None, ask_size >> market.shift) == (pytest.approx(last[3]), last[4])
