"""Queue models fitted and judged: figures that can be told by hand, and the same answer twice; stored and read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lobsim.calibration.queue import QueueCalibration, calibrate_queue
from lobsim.calibration.stored import read_queue_settings, write_queue_calibration
from lobsim.config import MarketConfig
from lobsim.errors import ConfigError, DataError
from lobsim.feeds.schema import Dataset
from lobsim.types import Kind, QueueModel
from tests.support.order_days import order_day
from tests.support.worlds import BUY, SELL, row

SECOND = 10**9


def day_of_cancels_from_the_back(rounds: int) -> Dataset:
    """A queue whose youngest order always leaves, and whose oldest always trades: RISK_AVERSE is the truth."""
    rows = [row(0, Kind.ADD, SELL, 1, 110, 500), row(0, Kind.ADD, BUY, 2, 100, 30)]
    oldest, left = 2, 30
    for turn in range(rounds):
        start, mine, young = (turn + 1) * 100, 10 + 2 * turn, 11 + 2 * turn
        rows += [
            row((start + 1) * SECOND, Kind.ADD, BUY, mine, 100, 10),
            row((start + 2) * SECOND, Kind.ADD, BUY, young, 100, 30),
            row((start + 3) * SECOND, Kind.DELETE, BUY, young, 100, 30),
            row((start + 4) * SECOND, Kind.EXECUTE, BUY, oldest, 100, left),
        ]
        oldest, left = mine, 10
    return order_day(rows)


@pytest.fixture(scope="module")
def found() -> QueueCalibration:
    """That day, calibrated."""
    return calibrate_queue(day_of_cancels_from_the_back(12), 14, exponents=(1.0, 3.0))


def test_the_model_that_tells_the_truth_is_chosen_and_has_no_error(found: QueueCalibration) -> None:
    assert QueueModel.RISK_AVERSE == found.chosen.queue_model
    risk_averse = next(score for score in found.scores if score.name == "risk_averse")
    assert risk_averse.judged is not None
    assert (0.0, 0.0) == risk_averse.judged[:2]
    assert all(0.0 == forecast.brier for forecast in risk_averse.forecasts)


def test_a_model_that_believes_cancels_ahead_is_too_optimistic(found: QueueCalibration) -> None:
    proportional = next(score for score in found.scores if score.name == "proportional")
    assert proportional.judged is not None
    assert proportional.judged.bias_percent < -1
    assert proportional.judged.mean_absolute_percent == pytest.approx(-proportional.judged.bias_percent)
    assert found.grid["proportional"] == pytest.approx(found.grid["power3 1"], abs=1e-3)


def test_orders_and_looks_are_counted(found: QueueCalibration) -> None:
    assert 0 == found.left_out
    assert sum(found.decile_looks) == found.looks > 0
    assert found.queue_mean > 10
    assert {"risk_averse", "proportional", "log", "log2", "power3 3", "mean of all"} <= {
        score.name for score in found.scores
    }


def test_the_same_seed_gives_the_same_bytes(found: QueueCalibration) -> None:
    again = calibrate_queue(day_of_cancels_from_the_back(12), 14, exponents=(1.0, 3.0))
    assert json.dumps(found.as_json(), allow_nan=False) == json.dumps(again.as_json(), allow_nan=False)


def test_a_stored_calibration_sets_the_market_that_backtest_runs(found: QueueCalibration, tmp_path: Path) -> None:
    from lobsim.cli.backtest import _level_settings

    path = tmp_path / "XYZ.json"
    write_queue_calibration(path, found.as_json())
    assert [path] == list(tmp_path.iterdir())
    settings = read_queue_settings(path)
    assert MarketConfig(queue_model=QueueModel.RISK_AVERSE, queue_power=3.0) == MarketConfig(**settings)
    assert settings == _level_settings(str(path), None)


@pytest.mark.parametrize("content", ["", "[]", '{"kind": "a diary"}', '{"kind": "lobsim queue calibration 1"}'])
def test_a_file_that_is_no_calibration_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match="no queue calibration"):
        read_queue_settings(path)


def test_what_cannot_be_calibrated_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 2"):
        calibrate_queue(day_of_cancels_from_the_back(4), 1)
    with pytest.raises(DataError, match="too few orders"):
        calibrate_queue(order_day([row(1, Kind.ADD, BUY, 1, 100, 5)]), 10)


def test_on_a_recorded_cut_book_every_model_is_judged(aapl_hour: Dataset, limit: Callable[[int, int], int]) -> None:
    count = limit(60, 8)
    day = Dataset(aapl_hour.info, aapl_hour.events.head(limit(8000, 700)), None, aapl_hour.seed_row)
    found = calibrate_queue(day, count, exponents=(3.0,))
    assert count == sum(found.orders) + found.left_out
    assert found.looks >= found.orders[1]
    for score in found.scores[:-1]:
        assert score.judged is not None
        assert 0 <= score.judged.mean_absolute_percent < 100


@pytest.mark.slow
def test_on_the_shanghai_day_the_default_beats_the_proportional_model(sse_day: Dataset) -> None:
    found = calibrate_queue(sse_day, 400, exponents=(1.0, 3.0))
    assert found.grid["power3 3"] < found.grid["proportional"]
