"""What a calibration reads out of a recording, beside the slow twins; orders, and the same day as levels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lobsim.calibration.flow.estimates import rates
from lobsim.calibration.flow.events import ARRIVAL, CANCEL, TAKE, events_of_day, lots_gone, moved_orders
from lobsim.calibration.flow.levels import LevelSeries, level_series
from lobsim.calibration.flow.recording import Recording, Window, lots_time, recording_of
from lobsim.errors import DataError
from lobsim.feeds.schema import Dataset
from lobsim.market import Market
from lobsim.realism.prepare import prepare_day
from lobsim.sample import to_levels
from lobsim.simulation import Simulation
from lobsim.types import Fidelity, Side
from tests.lobsim.simulation.test_market import preset_of
from tests.oracle import row_of
from tests.oracle.calibration import slow_events, slow_lots_time
from tests.oracle.realism import SlowBook
from tests.oracle.streams import random_history
from tests.support.made_days import SECOND, clear, day, trade
from tests.support.order_days import order_day
from tests.support.pieces import level


def whole(dataset: Dataset) -> Recording:
    """A recording of a day with nothing dropped, however few its market orders."""
    market = Market(dataset)
    prepared = prepare_day(dataset, market)
    moved = moved_orders(prepared, market.tape)
    levels = level_series(prepared, moved, lots_gone(prepared, moved), None)
    events = events_of_day(prepared, market.tape, levels)
    window = Window(int(prepared.ts_ns[0]), int(prepared.ts_ns[-1]))
    return Recording(prepared, dataset.digest, window, levels, events, {}, moved)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_events_of_orders_are_those_of_the_slow_twin(seed: int, limit: Callable[[int, int], int]) -> None:
    rows = [row_of(one) for one in random_history(seed, limit(1500, 200))]
    found = whole(order_day(rows)).events
    expected = slow_events(rows)
    assert len(expected) > 100
    assert sorted(zip(*(column.tolist() for column in found), strict=True)) == expected
    assert np.all(np.diff(found.row) >= 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_levels_add_up_to_the_slow_book(seed: int, limit: Callable[[int, int], int]) -> None:
    rows = [row_of(one) for one in random_history(seed, limit(800, 200))]
    series = whole(order_day(rows)).levels
    book = SlowBook()
    for index, one in enumerate(rows):
        book.apply(one)
        if index % 7 == 0:
            for side in (int(Side.BUY), int(Side.SELL)):
                prices, lots = np.array(book.levels(side)).reshape(-1, 2).T
                found = series.lots(np.full(len(prices), side), prices, np.full(len(prices), index))
                assert found.tolist() == lots.tolist()


@pytest.mark.parametrize("seed", [4, 5])
def test_rested_time_by_distance_is_that_of_the_slow_twin(seed: int, limit: Callable[[int, int], int]) -> None:
    rows = [row_of(one) for one in random_history(seed, limit(1500, 200))]
    recording = whole(order_day(rows))
    expected = slow_lots_time(rows, recording.window.end_ns, 12)
    found = lots_time(recording, 12)
    assert found.sum(axis=0) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert sum(expected) > 0 and (found.sum(axis=1) > 0).sum() > 3


def told(recording: Recording) -> list[tuple[int, ...]]:
    """Time, what, side, price and size of every event."""
    time = recording.day.ts_ns[recording.events.row]
    return sorted(zip(time.tolist(), *(column.tolist() for column in recording.events[1:]), strict=True))


@pytest.mark.parametrize("name", ["zi", "cst"])
def test_levels_with_trades_tell_the_same_events_as_orders(name: str, limit: Callable[[int, int], int]) -> None:
    """One thing happens at a time in these markets, and a level shows each."""
    seconds = {"zi": limit(60, 1), "cst": limit(7200, 600)}[name]
    dataset = Simulation(preset_of(name), 5, duration_ns=seconds * SECOND).day().dataset
    by_orders, by_levels = whole(dataset), whole(to_levels(dataset))
    assert told(by_orders) == told(by_levels)
    assert {ARRIVAL, CANCEL, TAKE} == set(by_levels.events.what.tolist())


def test_what_a_level_loses_is_a_trade_as_far_as_one_was_printed() -> None:
    start = 0
    rows = [
        level(start, Side.BUY, 9999, 50),
        level(start, Side.SELL, 10001, 80),
        trade(start + SECOND, Side.SELL, 10001, 30),
        level(start + SECOND, Side.SELL, 10001, 40),
        level(start + 2 * SECOND, Side.SELL, 10001, 65),
        level(start + 3 * SECOND, Side.BUY, 9999, 20),
    ]
    events = whole(day(rows)).events
    found = [tuple(map(int, event[1:])) for event in zip(*events, strict=True)]
    assert found[2:] == [
        (TAKE, Side.SELL, 10001, 30),
        (CANCEL, Side.SELL, 10001, 10),
        (ARRIVAL, Side.SELL, 10001, 25),
        (CANCEL, Side.BUY, 9999, 30),
    ]


def test_a_cleared_book_is_empty_until_it_is_told_again() -> None:
    rows = [
        level(0, Side.BUY, 9999, 50),
        clear(SECOND),
        level(2 * SECOND, Side.BUY, 9999, 20),
    ]
    series = whole(day(rows)).levels
    at = np.full(3, 9999)
    assert series.lots(np.zeros(3, int), at, np.arange(3)).tolist() == [50, 0, 20]


def test_a_series_without_changes_holds_nothing() -> None:
    none = np.zeros(0, np.int64)
    assert LevelSeries(none, none, none, none, 3).lots(np.zeros(1, int), np.zeros(1, int), np.zeros(1, int)) == [0]


def test_the_ends_of_a_day_are_left_out_and_counted(limit: Callable[[int, int], int]) -> None:
    dataset = Simulation(preset_of("cst"), 2, duration_ns=limit(7200, 1200) * SECOND).day().dataset
    minute = 60 * SECOND
    every, cut = recording_of(dataset, drop_ns=0), recording_of(dataset, drop_ns=minute)
    assert cut.window.start_ns - every.window.start_ns == minute == every.window.end_ns - cut.window.end_ns
    assert len(cut.events.row) + cut.left_out["events of the dropped ends"] == len(every.events.row)
    assert cut.seconds.sum() == pytest.approx(every.seconds.sum() - 120, rel=0.05)
    assert every.agreement == 1.0
    short = recording_of(dataset, drop_ns=7200 * SECOND)
    assert short.window.seconds == pytest.approx(0.75 * every.window.seconds)


@pytest.mark.parametrize(
    ("fidelity", "why"),
    [(Fidelity.L1, "do not tell orders"), (Fidelity.L2_SNAPSHOTS, "do not tell orders"), (Fidelity.L2_TRADES, "0 market orders")],
)  # fmt: skip
def test_data_that_cannot_tell_a_flow_are_refused_in_a_sentence(fidelity: Fidelity, why: str) -> None:
    rows = [level(0, Side.BUY, 9999, 50), level(0, Side.SELL, 10001, 50)]
    with pytest.raises(DataError, match=why):
        recording_of(day(rows, fidelity))


def test_the_error_of_a_rate_knows_clusters_and_small_numbers() -> None:
    time = np.full(20, 10.0)
    steady, lumpy = np.full(20, 5.0), np.where(np.arange(20) % 2, 10.0, 0.0)
    few = rates([np.eye(20)[0]], [time])
    for counts, error in ((steady, 0.5 / np.sqrt(100)), (lumpy, 5 * np.sqrt(20 / 19) * np.sqrt(20) / 200)):
        found = rates([counts], [time])
        assert (found.value[0], found.error[0]) == (0.5, pytest.approx(error))
    assert few.error[0] >= few.value[0] == 1 / 200
