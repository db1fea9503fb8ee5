"""A book cut to K levels: what rows must match, what is corrected where, and own orders in the middle of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from lobsim.market import Market
from lobsim.types import Flag, Kind, OrderState, Side, SurplusPolicy
from tests.oracle import Row, prepare
from tests.oracle.reconcile import CutReplay, RowChecker, book_row, cut_tape
from tests.oracle.streams import random_history, random_own
from tests.support.twins import COUNTERS, Twins
from tests.support.worlds import BUY, SELL, Venue, row

Days = Callable[[str], Market]
CAUSES = ("seeded", "missing", "excess", "gone")
PREPARED = int(Flag.GROUP_END | Flag.RESIDUAL)


def corrections(venue: Venue) -> dict[str, list[int]]:
    """[rows, lots] by cause, as the slow replay counts them."""
    return {cause: [int(venue.head[f"{cause}_rows"]), int(venue.head[cause])] for cause in CAUSES}


def hist_shown(venue: Venue, shown: Sequence[int]) -> tuple[dict[int, int], dict[int, int]]:
    """What history has, per side and price, at the prices that a book row sees."""
    seen = book_row(shown)
    totals: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for side in (BUY, SELL):
        for price, queue in venue.queues(side):
            if not seen.sees(side, price):
                break
            if hist := sum(order[2] for order in queue):
                totals[side][price] = hist
    return totals


def venue_of(market: Market, rows: int, **settings: Any) -> Venue:
    """The first rows of a recorded day."""
    return Venue(market.tape[:rows], book_rows=market.rows[:rows], **settings)


def mismatches(venue: Venue) -> int:
    """Rows that did not match so far."""
    return int(venue.head["rows"] - venue.head["rows_matching"])


# --- recorded days


def entering_rows(rows: np.ndarray) -> int:
    """Rows that show a price strictly worse than the worst of the row before, which was full on that side; from the rows alone."""
    enters = np.zeros(len(rows) - 1, bool)
    for column, sign in ((0, 1), (2, -1)):
        sizes = rows[:, column + 1 :: 4]
        key = np.where(sizes > 0, sign * rows[:, column::4], np.iinfo(np.int64).min).max(axis=1)
        enters |= (sizes[:-1, -1] > 0) & (key[1:] > key[:-1])
    return int(enters.sum())


@pytest.mark.parametrize(
    ("day", "rows", "entering"),
    [
        ("GOOG_2012-06-21_10", 147_916, 44_451),
        ("GOOG_2012-06-21_1", 49_482, 11_207),
        ("AAPL_2012-06-21_1", 118_497, 30_071),
    ],
)
def test_every_row_of_a_recorded_day_matches(
    day: str, rows: int, entering: int, lobster_day: Days, small: bool
) -> None:
    market = lobster_day(day)
    assert rows == len(market.tape)
    count = 3_000 if small else rows
    venue = venue_of(market, count)
    venue.apply(count)
    assert (count, count, 0) == tuple(int(venue.head[name]) for name in ("rows", "rows_matching", "crossed"))
    assert (0, 0) == tuple(venue.world.book.head[0][["surplus", "deficit"]])
    assert entering_rows(market.rows[:count]) == venue.head["rows_entering"]
    assert small or entering == venue.head["rows_entering"]
    venue.check()


@pytest.mark.parametrize("day", ["GOOG_2012-06-21_10", "GOOG_2012-06-21_1", "AAPL_2012-06-21_1"])
def test_history_is_the_recorded_book_after_every_row(day: str, lobster_day: Days, limit: Any) -> None:
    market = lobster_day(day)
    venue = venue_of(market, count := limit(3_000, 300))
    for k in range(count):
        venue.apply()
        shown = market.rows[k].tolist()
        assert book_row(shown).shown == hist_shown(venue, shown), f"after row {k}"


@pytest.mark.parametrize("day", ["GOOG_2012-06-21_10", "GOOG_2012-06-21_1", "AAPL_2012-06-21_1"])
def test_corrections_are_those_of_the_slow_replay(day: str, lobster_day: Days, limit: Any) -> None:
    market = lobster_day(day)
    venue = venue_of(market, count := limit(3_000, 300))
    venue.apply(count)
    checker = RowChecker(CutReplay())
    for message, shown in zip(_rows(market.tape[:count]), market.rows.tolist(), strict=False):
        checker.check(message, shown)
    assert (checker.matching, checker.entering) == tuple(
        int(venue.head[f"rows_{of}"]) for of in ("matching", "entering")
    )
    assert checker.corrections == corrections(venue)
    assert checker.replay.counters["moved"] == venue.head["moved"]
    assert checker.replay.counters["unknown"] == venue.head["unknown"]
    assert checker.replay.state_hash() == venue.hash()


def _rows(tape: np.ndarray) -> list[Row]:
    """A prepared tape as the slow replay reads it."""
    names = [name for name in Row._fields if name != "size_lots"]
    return [Row(size_lots=int(line["size"]), **{name: int(line[name]) for name in names}) for line in tape]


def test_the_aapl_hour_is_exact_up_to_where_it_is_known_to_drift(aapl_hour: Market, small: bool) -> None:
    count = 3_000 if small else 91_997
    assert (1, 200) == aapl_hour.rows.shape
    venue = Venue(aapl_hour.tape[:count], book_rows=aapl_hour.rows, truth=aapl_hour.truth[:count])
    venue.apply(count)
    found = tuple(int(venue.head[f"truth_{name}"]) for name in ("rows", "exact", "first"))
    assert ((3_000, 3_000, -1) if small else (91_997, 91_907, 54_606)) == found
    assert 0 == venue.head["crossed"]


# --- altered rows


def _is_explained(message: Row, was: Sequence[int], now: Sequence[int]) -> bool:
    """Whether the message, as it says itself, turns one row into the next at every price visible in both."""
    old, new = book_row(was), book_row(now)
    change = {Kind.ADD: 1, Kind.REDUCE: -1, Kind.DELETE: -1, Kind.EXECUTE: -1}.get(
        Kind(message.kind), 0
    ) * message.size_lots
    for side in Side:
        prices = (
            set(old.shown[side]) | set(new.shown[side]) | ({message.price_ticks} if message.side == side else set())
        )
        for price in prices:
            wanted = change if (message.side, message.price_ticks) == (side, price) else 0
            differs = new.shown[side].get(price, 0) - old.shown[side].get(price, 0) != wanted
            if differs and old.sees(side, price) and new.sees(side, price):
                return False
    return True


@pytest.mark.parametrize("day", ["GOOG_2012-06-21_10", "GOOG_2012-06-21_1"])
def test_an_altered_size_fails_exactly_the_rows_that_cannot_be_explained(
    day: str, lobster_day: Days, small: bool
) -> None:
    market, rng = lobster_day(day), np.random.default_rng(7)
    count = 300 if small else 6_000
    messages, failed = _rows(market.tape[:count]), []
    for _ in range(3 if small else 150):
        rows = market.rows[:count].copy()
        k, column = int(rng.integers(1, count - 1)), 1 + 2 * int(rng.integers(rows.shape[1] // 2))
        if rows[k, column] == 0:
            continue
        rows[k, column] = max(1, rows[k, column] + rng.choice((-(10**6), -3, 1, 500)))
        expected = [i for i in (k, k + 1) if not _is_explained(messages[i], rows[i - 1].tolist(), rows[i].tolist())]
        venue = Venue(market.tape[:count], book_rows=rows)
        venue.apply(count)
        assert len(expected) == mismatches(venue), f"row {k}, column {column}"
        assert (expected or [-1])[0] == venue.head["first_mismatch"]
        failed.append(len(expected))
    assert 2 in failed


def test_a_level_that_goes_with_a_wrong_size_fails_its_last_two_rows() -> None:
    adds = [row(1, Kind.ADD, SELL, 1, 101, 10), row(2, Kind.ADD, SELL, 2, 102, 5)]
    rows = [*adds, row(3, Kind.EXECUTE_HIDDEN, SELL, 0, 100, 1), row(4, Kind.DELETE, SELL, 1, 101, 10)]
    shown = [
        [101, 10, 0, 0, 0, 0, 0, 0],
        [101, 10, 0, 0, 102, 5, 0, 0],
        [101, 17, 0, 0, 102, 5, 0, 0],
        [102, 5, 0, 0, 0, 0, 0, 0],
    ]
    venue = Venue(rows, book_rows=shown)
    failed = []
    for _ in rows:
        venue.apply()
        failed.append(mismatches(venue))
    assert [0, 0, 1, 2] == failed


def test_a_book_of_another_recording_is_counted_and_nothing_breaks() -> None:
    rows = [row(place + 1, Kind.ADD, SELL, place + 1, 100 + place, 5) for place in range(700)]
    venue = Venue(rows, book_rows=[[0] * 8] * len(rows))
    venue.apply(len(rows))
    assert len(rows) - 1 == mismatches(venue)
    assert 1 == venue.head["first_mismatch"]
    venue.check()


# --- who is meant, what is corrected


@pytest.mark.parametrize(
    ("message", "left"),
    [
        (row(2, Kind.DELETE, SELL, 77, 101, 6), [(1, 10), (2, 10), (3, 4)]),
        (row(2, Kind.EXECUTE, SELL, 77, 101, 6), [(1, 4), (2, 10), (3, 10)]),
        (row(2, Kind.DELETE, SELL, 2, 101, 15), [(1, 10), (3, 5)]),
        (row(2, Kind.DELETE, SELL, 2, 101, 6), [(1, 10), (0, 4), (3, 10)]),
        (row(2, Kind.REDUCE, SELL, 1, 101, 25), [(2, 5)]),
    ],
)
def test_a_quantity_leaves_its_level_whoever_held_it(message: dict[str, int], left: list[tuple[int, int]]) -> None:
    adds = [row(1, Kind.ADD, SELL, order_id, 101, 10) for order_id in (1, 2, 3)]
    shown = [[101, 10 * count, 0, 0] for count in (1, 2, 3)] + [[101, sum(size for _, size in left), 0, 0]]
    venue = Venue([*adds, message], book_rows=shown)
    venue.run_to(9)
    assert [(order_id, size, size) for order_id, size in left] == venue.queue(SELL, 101)
    assert 0 == mismatches(venue)


def test_the_first_row_seeds_in_front_and_later_quantity_joins_behind_but_before_blind_own_orders() -> None:
    rows = [row(1, Kind.ADD, SELL, 5, 101, 10), row(3, Kind.DELETE, SELL, 5, 101, 30)]
    venue = Venue(rows, book_rows=[[101, 30, 99, 5, 102, 7, 98, 5], [102, 7, 99, 5, 103, 4, 98, 5]])
    venue.run_to(2)
    assert [(0, 20, 20), (5, 10, 10)] == venue.queue(SELL, 101)
    venue.send(SELL, 102, 1)  # a price that is shown
    blind = venue.send(SELL, 103, 2)
    venue.run_to(2)
    venue.change(blind, 103, 1)  # keeps its place, and when it was posted
    venue.run_to(9)
    assert [(0, 7, 7), (-1, 1, 0)] == venue.queue(SELL, 102)
    assert [(0, 4, 4), (-3, 1, 0)] == venue.queue(SELL, 103)
    assert {"seeded": [1, 37], "missing": [1, 4], "excess": [0, 0], "gone": [0, 0]} == corrections(venue)
    assert (0, 1) == (mismatches(venue), venue.head["rows_entering"])


def test_an_order_posted_while_its_price_could_be_seen_keeps_its_rank_when_it_shrinks_out_of_sight() -> None:
    rows = [row(1, Kind.ADD, SELL, 5, 101, 5), row(3, Kind.ADD, SELL, 6, 102, 3), row(5, Kind.DELETE, SELL, 6, 102, 3)]
    shown = [[101, 5, 99, 5, 0, 0, 98, 5], [101, 5, 99, 5, 102, 3, 98, 5], [101, 5, 99, 5, 103, 9, 98, 5]]
    venue = Venue(rows, book_rows=shown)
    venue.run_to(2)
    order = venue.send(SELL, 103, 2)  # the side shows fewer than two levels: it sees everything
    venue.run_to(4)
    venue.change(order, 103, 1)
    venue.run_to(9)
    assert [(-2, 1, 0), (0, 9, 9)] == venue.queue(SELL, 103)


def test_an_order_that_was_there_before_the_first_row_stands_behind_what_comes_into_view() -> None:
    rows = [row(1, Kind.ADD, SELL, 5, 101, 5), row(3, Kind.EXECUTE, SELL, 5, 101, 5)]
    venue = Venue(rows, book_rows=[[101, 5, 99, 5], [103, 9, 99, 5]])
    venue.send(SELL, 103, 2)
    venue.run_to(9)
    assert [(0, 9, 9), (-1, 2, 0)] == venue.queue(SELL, 103)


# --- own orders on cut tapes


class CutTwins(Twins):
    """Both replays of a cut tape; the slow one is checked row by row."""

    def __init__(self, tape: list[tuple[Row, list[int]]], **settings: Any) -> None:
        self.shown = [shown for _, shown in tape]
        rows = [message._replace(flags=message.flags & ~PREPARED) for message, _ in tape]
        self.checker = RowChecker(CutReplay(**settings))
        super().__init__(Venue(rows, book_rows=self.shown, **settings), self.checker.replay, prepare(rows))

    def apply_to_oracle(self, place: int) -> None:
        self.checker.check(self.rows[place], self.shown[place])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("depth", [1, 3])
def test_own_orders_on_a_cut_tape_fare_as_in_the_slow_replay(seed: int, depth: int, small: bool) -> None:
    history = random_history(seed, 200 if small else 900, clears=False, fifo=(0.9, 0.4)[seed % 2])
    settings: dict[str, Any] = {"surplus": SurplusPolicy(seed % 3), "seed": seed}
    twins = CutTwins(cut_tape(history, depth), **settings)
    twins.play(random_own(seed, 60 if small else 300, history), every=5)
    venue, checker = twins.venue, twins.checker
    assert (checker.rows, checker.matching, checker.entering) == tuple(
        int(venue.head[name]) for name in ("rows", "rows_matching", "rows_entering")
    )
    assert checker.corrections == corrections(venue)
    for of_oracle, of_world in (COUNTERS | {"moved": "moved"}).items():
        assert checker.replay.counters[of_oracle] == venue.head[of_world], of_oracle
    resting = {order_id: size for side in Side for _, queue in venue.queues(int(side)) for order_id, size, _ in queue}
    for order in range(int(venue.head["own"])):
        mine = venue.own(order)
        left = mine["size_lots"] - mine["filled_lots"] if mine["venue_state"] == OrderState.LIVE else 0
        assert left == resting.get(-order - 1, 0)


def test_on_a_cut_tape_nothing_matches_less_because_of_own_orders(limit: Any) -> None:
    for seed in range(limit(6, 1)):
        history = random_history(seed, limit(900, 200), clears=False)
        tape = cut_tape(history, 3)
        twins = CutTwins(tape, surplus=SurplusPolicy.EVICT)
        twins.play(random_own(seed, limit(300, 60), history))
        assert len(tape) == twins.venue.head["rows_matching"]
