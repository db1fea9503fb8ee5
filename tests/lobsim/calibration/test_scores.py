"""Statistics of the calibration, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lobsim.calibration.scores import brier, decile_of, fill_times, queue_error, reliability


def test_queue_error_is_in_percent_of_the_mean_queue() -> None:
    found = queue_error(np.array([-2.0, 1.0]), 20.0)
    assert found is not None
    assert (-2.5, 7.5, 2) == found
    assert queue_error(np.zeros(0), 20.0) is None


def test_deciles_run_from_the_front_to_the_back() -> None:
    ahead, queue = np.array([0, 9, 10, 99, 100, 0]), np.array([100, 100, 100, 100, 100, 0])
    assert [0, 0, 1, 9, 9, 0] == decile_of(ahead, queue).tolist()


def test_brier_score_is_the_weighed_square_of_what_was_missed() -> None:
    forecast, happened, weights = np.array([1.0, 0.0, 0.5]), np.array([1.0, 1.0, 0.0]), np.array([1.0, 2.0, 4.0])
    assert pytest.approx((0 + 2 * 1 + 4 * 0.25) / 7) == brier(forecast, happened, weights)


def test_reliability_weighs_the_orders_of_each_forecast() -> None:
    found = reliability(np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0]), np.array([5.0, 3.0, 1.0]))
    assert [(0.0, 1, 0.0), (1.0, 2, 0.75)] == [tuple(point) for point in found]


def test_fill_times_count_who_was_filled_where() -> None:
    found = fill_times(np.array([3_000_000_000, -1, 10**9, 5]), np.array([10**9, 7, -1, 5]))
    assert (3, 3, 2, 1.0, 1.0) == found
