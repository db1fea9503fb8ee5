"""Delay models fitted to delays drawn from known ones: parameters come back, criteria pick the right one, and the numbers are what scipy says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lobsim.delays import Constant, Delay, Empirical, Gamma, ParetoTail, ShiftedLognormal, Uniform
from lobsim.errors import ConfigError
from lobsim.latency_fit import best_of, distribution, fit_delays

LOGNORMAL = ShiftedLognormal(30_000, 20_000, 0.5)
TAILED = ParetoTail(ShiftedLognormal(30_000, 20_000, 0.3), 0.9, 1.5)


def drawn(model: Delay, count: int = 2000, seed: int = 1) -> np.ndarray:
    """Delays of a model, independent of each other."""
    return model.quantiles(np.random.default_rng(seed).random(count))


def test_a_shifted_lognormal_is_recovered() -> None:
    fits = fit_delays(drawn(LOGNORMAL))
    model = fits["shifted_lognormal"].model
    assert "shifted_lognormal" == best_of(fits)
    assert isinstance(model, ShiftedLognormal)
    assert 30_000 == pytest.approx(model.shift_ns, rel=0.05)
    assert 20_000 == pytest.approx(model.median_ns, rel=0.08)
    assert 0.5 == pytest.approx(model.sigma, rel=0.08)


@pytest.mark.parametrize("shape", [0.7, 2.5])
def test_a_gamma_is_recovered_also_where_its_density_runs_away_at_the_shift(shape: float) -> None:
    fits = fit_delays(drawn(Gamma(30_000, shape, 10_000)))
    model = fits["gamma"].model
    assert "gamma" == best_of(fits)
    assert isinstance(model, Gamma)
    assert 30_000 == pytest.approx(model.shift_ns, rel=0.02)
    assert shape == pytest.approx(model.shape, rel=0.1)
    assert 10_000 == pytest.approx(model.scale_ns, rel=0.1)


def test_a_uniform_is_recovered_and_its_ends_are_the_smallest_and_the_largest() -> None:
    delays = drawn(Uniform(1000, 9000))
    fits = fit_delays(delays)
    assert "uniform" == best_of(fits)
    assert Uniform(int(delays.min()), int(delays.max())) == fits["uniform"].model


def test_a_heavy_tail_is_recovered_and_told_from_a_lognormal() -> None:
    fits = fit_delays(drawn(TAILED, 3000))
    model = fits["pareto_tail"].model
    assert "pareto_tail" == best_of(fits)
    assert isinstance(model, ParetoTail)
    assert 1.5 == pytest.approx(model.alpha, rel=0.15)
    assert model.from_quantile in (0.8, 0.9, 0.95)


def test_equal_delays_are_a_constant_and_nothing_else_is_tried() -> None:
    fits = fit_delays(np.full(100, 5000))
    assert ["constant", "empirical"] == list(fits)
    assert ("constant", Constant(5000)) == (best_of(fits), fits["constant"].model)


def test_what_no_model_fits_is_kept_as_measured() -> None:
    two_humps = np.concatenate([drawn(Uniform(1000, 2000), 500), drawn(Uniform(50_000, 51_000), 500)])
    fits = fit_delays(two_humps)
    assert "empirical" == best_of(fits)
    assert min(fit.ks for name, fit in fits.items() if name != "empirical") > 0.05
    assert isinstance(fits["empirical"].model, Empirical)
    assert fits["empirical"].ks < 0.002


def test_few_delays_tell_no_shape() -> None:
    assert ["constant", "empirical"] == list(fit_delays(np.arange(1, 15)))


def test_the_likelihood_and_its_criteria_are_those_of_scipy() -> None:
    delays = drawn(LOGNORMAL, 500)
    fit = fit_delays(delays)["shifted_lognormal"]
    model = fit.model
    assert isinstance(model, ShiftedLognormal)
    log_likelihood = stats.lognorm.logpdf(delays, model.sigma, model.shift_ns, model.median_ns).sum()
    assert log_likelihood == pytest.approx(fit.log_likelihood, abs=0.05)
    assert 6 - 2 * log_likelihood == pytest.approx(fit.aic, abs=0.1)
    assert 3 * np.log(500) - 2 * log_likelihood == pytest.approx(fit.bic, abs=0.1)
    distance = stats.kstest(delays, stats.lognorm(model.sigma, model.shift_ns, model.median_ns).cdf).statistic
    assert distance == pytest.approx(fit.ks, abs=1 / 500)


def test_no_other_lognormal_is_likelier() -> None:
    delays = drawn(LOGNORMAL, 500)
    model = fit_delays(delays)["shifted_lognormal"].model
    assert isinstance(model, ShiftedLognormal)
    best = stats.lognorm.logpdf(delays, model.sigma, model.shift_ns, model.median_ns).sum()
    for shift, median, sigma in ((300, 0, 0), (-300, 0, 0), (0, 300, 0), (0, -300, 0), (0, 0, 0.01), (0, 0, -0.01)):
        near = stats.lognorm.logpdf(delays, model.sigma + sigma, model.shift_ns + shift, model.median_ns + median)
        assert near.sum() < best


@pytest.mark.parametrize(
    "model",
    [
        Uniform(10, 500_000),
        LOGNORMAL,
        Gamma(100, 0.5, 9000),
        TAILED,
        Empirical((5, 9000, 400_000, 8_000_000)),
        Constant(7),
    ],
)
def test_a_distribution_is_the_inverse_of_the_quantiles(model: Delay) -> None:
    shares = np.array([0.05, 0.3, 0.5, 0.85, 0.95, 0.999])
    delays = model.quantiles(shares).astype(float)
    if isinstance(model, Constant):
        shares = np.ones(6)
    assert shares == pytest.approx(distribution(model, delays), abs=1e-3)


def test_a_coarse_clock_changes_the_criteria_but_not_the_parameters() -> None:
    fine = drawn(LOGNORMAL)
    model = fit_delays(fine // 1000 * 1000)["shifted_lognormal"].model
    assert isinstance(model, ShiftedLognormal)
    assert 0.5 == pytest.approx(model.sigma, rel=0.1)
    assert 50_000 == pytest.approx(model.quantile(0.5), rel=0.03)


def test_delays_out_of_range_are_refused() -> None:
    for wrong in (np.zeros(0, np.int64), np.array([-1, 5])):
        with pytest.raises(ConfigError, match="delays from 0 to a day"):
            fit_delays(wrong)
