"""Estimators on samples and series whose answer is known, and beside what they say in plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from lobsim.realism.estimators import (
    acf_columns,
    acf_of_sums,
    autocorrelation,
    correlation_columns,
    correlation_of_sums,
    durations,
    hill,
    incidence,
    kurtosis_columns,
    kurtosis_of_sums,
    log_binned,
    log_log_slope,
    size_columns,
    size_of_sums,
    survival,
    time_until,
    weighted_quantile,
)
from lobsim.realism.intervals import Resampler, block_count, block_of, block_sums
from lobsim.types import NEVER


def generator(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def ar1(phi: float, count: int) -> np.ndarray:
    noise = generator().normal(size=count)
    series = np.zeros(count)
    for place in range(1, count):
        series[place] = phi * series[place - 1] + noise[place]
    return series


def test_autocorrelation_is_the_plain_loop_of_it() -> None:
    series = np.array([3.0, -1.0, np.nan, 2.0, 5.0, -4.0])
    x = series - np.nanmean(series)
    pairs = [x[i] * x[i + 2] for i in range(4) if np.isfinite(x[i] * x[i + 2])]
    squares = [value * value for value in x if np.isfinite(value)]
    assert np.mean(pairs) / np.mean(squares) == pytest.approx(autocorrelation(series, [1, 2])[1])


def test_autocorrelation_of_a_first_order_process_falls_by_powers() -> None:
    found = autocorrelation(ar1(0.7, 40_000), [1, 2, 5])
    assert [0.7, 0.49, 0.168] == pytest.approx(found, abs=0.03)


def test_autocorrelation_of_noise_is_nothing_and_its_interval_says_so() -> None:
    noise = generator().normal(size=20_000)
    resampler = Resampler(40, seed=1)
    block = np.arange(len(noise)) * 40 // len(noise)
    values, intervals = resampler.of_sums(block_sums(block, 40, acf_columns(noise, [1])), acf_of_sums)
    interval = intervals[0]
    assert interval is not None
    assert interval.low < 0 < interval.high
    assert interval.high - interval.low == pytest.approx(4 / np.sqrt(len(noise)), rel=0.5)
    assert values[0] == pytest.approx(0, abs=0.02)


def test_a_lag_as_long_as_the_series_has_no_autocorrelation() -> None:
    assert np.isnan(autocorrelation(np.array([1.0, -1.0, 1.0]), [3])).all()


def test_kurtosis_of_laplace_is_three_and_of_normal_none() -> None:
    for sample, expected in ((generator().laplace(size=200_000), 3.0), (generator().normal(size=200_000), 0.0)):
        sums = np.array([column.sum() for column in kurtosis_columns(sample)])
        assert expected == pytest.approx(float(kurtosis_of_sums(sums)[0]), abs=0.2)


def test_correlation_is_numpys() -> None:
    x, noise = generator(1).normal(size=500), generator(2).normal(size=500)
    y = 0.4 * x + noise
    holed = np.where(np.arange(500) == 7, np.nan, y)
    sums = np.array([np.nansum(column) for column in correlation_columns(x, holed)])
    rest = np.arange(500) != 7
    assert np.corrcoef(x[rest], y[rest])[0, 1] == pytest.approx(float(correlation_of_sums(sums)[0]))


def test_hill_finds_the_index_of_a_pareto_law() -> None:
    sample = generator().pareto(3.0, size=100_000) + 1
    assert 3.0 == pytest.approx(hill(sample), rel=0.05)
    assert np.isnan(hill(sample[:100]))


def test_a_power_has_its_exponent_as_slope() -> None:
    lags = np.arange(1, 500)
    at, value = log_binned(lags, lags**-0.5)
    assert -0.5 == pytest.approx(log_log_slope(at, value), abs=0.01)
    assert np.isnan(log_log_slope(np.array([1.0, 2.0]), np.array([1.0, 2.0])))


def test_gamma_shape_is_found() -> None:
    for shape in (0.7, 4.0):
        sample = generator().gamma(shape, 3.0, size=50_000)
        found = size_of_sums(np.array([column.sum() for column in size_columns(sample, np.ones(len(sample)))]))
        assert shape == pytest.approx(float(found[0]), rel=0.03)
        assert 2 / np.sqrt(shape) == pytest.approx(float(found[1]), rel=0.1)


def test_weights_count_like_repetitions() -> None:
    sample, weights = np.array([1.0, 2.0, 10.0]), np.array([3.0, 5.0, 2.0])
    repeated = np.repeat(sample, weights.astype(int))
    assert 2.0 == weighted_quantile(sample, weights, (0.5,))[0]
    centred = repeated - repeated.mean()
    found = size_of_sums(np.array([column.sum() for column in size_columns(sample, weights)]))
    assert (centred**3).mean() / (centred**2).mean() ** 1.5 == pytest.approx(float(found[1]))


def test_survival_without_censoring_is_the_share_that_lasts_longer() -> None:
    times, alive = survival(np.array([4, 1, 2, 2]), np.ones(4, bool))
    assert [1, 2, 4] == times.tolist()
    assert [0.75, 0.25, 0.0] == pytest.approx(alive.tolist())


def test_survival_of_the_textbook_table() -> None:
    # 6+, 6, 6, 6, 7, 9+, 10: after 6 three of seven are gone, after 7 a third of the rest, and so on.
    waited = np.array([6, 6, 6, 6, 7, 9, 10])
    ended = np.array([False, True, True, True, True, False, True])
    _, alive = survival(waited, ended)
    assert [4 / 7, 4 / 7 * 2 / 3, 4 / 7 * 2 / 3, 0.0] == pytest.approx(alive.tolist())


def test_censored_exponential_lives_have_their_true_median_and_causes_their_shares() -> None:
    draw = generator()
    cancel, fill, end = draw.exponential(4.0, 30_000), draw.exponential(12.0, 30_000), draw.uniform(0, 10, 30_000)
    scale = 10**6
    waited = (np.minimum(np.minimum(cancel, fill), end) * scale).astype(np.int64)
    ended = np.minimum(cancel, fill) < end
    times, alive = survival(waited, ended)
    assert 3.0 * np.log(2) == pytest.approx(time_until(times, 1 - alive, 0.5) / scale, rel=0.03)
    cause = np.where(~ended, 0, np.where(fill < cancel, 1, 2))
    times, share = incidence(waited, cause, 1)
    at_five = share[np.searchsorted(times, 5 * scale) - 1]
    assert 0.25 * (1 - np.exp(-5 / 3.0)) == pytest.approx(at_five, abs=0.01)


def test_what_never_ends_lasts_until_the_last_moment() -> None:
    waited, seen = durations(np.array([0, 5]), np.array([NEVER, 9]), 100)
    assert [100, 4] == waited.tolist()
    assert [False, True] == seen.tolist()


def test_blocks_are_five_minutes_and_at_least_twelve() -> None:
    assert [12, 12, 78] == [block_count(seconds) for seconds in (10.0, 3600.0, 23_400.0)]
    assert [0, 0, 1, 11, 11] == block_of(np.array([0, 9, 10, 119, 500]), 0, 119, 12).tolist()


def test_the_interval_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    sample = generator().normal(2.0, 1.0, 24_000)
    block = np.arange(len(sample)) * 60 // len(sample)
    resampler = Resampler(60, seed=3, draws=2000)
    sums = block_sums(block, 60, [sample, np.ones(len(sample))])
    values, intervals = resampler.of_sums(sums, lambda total: total[..., :1] / total[..., 1:])
    interval = intervals[0]
    assert interval is not None
    assert values[0] == pytest.approx(2.0, abs=0.03)
    assert 2 * 1.96 / np.sqrt(24_000) == pytest.approx(interval.high - interval.low, rel=0.25)
    members, found = resampler.of_members(block, lambda chosen: [float(sample[chosen].mean())])
    assert members[0] == pytest.approx(values[0])
    assert found[0] is not None
    assert interval.high - interval.low == pytest.approx(found[0].high - found[0].low, rel=0.25)


def test_a_seed_gives_the_same_draws_and_another_seed_others() -> None:
    assert np.array_equal(Resampler(20, seed=4).weights, Resampler(20, seed=4).weights)
    assert not np.array_equal(Resampler(20, seed=4).weights, Resampler(20, seed=5).weights)
