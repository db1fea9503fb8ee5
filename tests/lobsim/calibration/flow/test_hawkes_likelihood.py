"""The likelihood of the Hawkes fit beside slow sums and numerical integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from lobsim.calibration.flow.hawkes_events import INSIDE, NOTHING, TOP, Course
from lobsim.calibration.flow.hawkes_likelihood import MIRROR, Course12, Problem, factors_of, with_memory

DECAYS = np.array([30.0, 4.0])
SHARES = np.array([0.7, 0.3])


def course(seed: int = 1, count: int = 60) -> Course:
    """Made-up points of two half hours, some of them no events."""
    rng = np.random.default_rng(seed)
    seconds = np.cumsum(rng.exponential(0.1, count))
    kind = rng.integers(0, 12, count)
    kind[rng.random(count) < 0.1] = NOTHING
    spread = rng.integers(1, 5, count)
    return Course(
        seconds=seconds,
        kind=kind,
        spread=spread,
        spread_before=np.maximum(np.roll(spread, 1), 2),
        bucket=(np.arange(count) > count // 2).astype(np.int64),
        size_lots=np.ones(count, np.int64),
        dwell=np.append(np.diff(seconds), 0.2),
    )


def parameters(buckets: int = 2) -> np.ndarray:
    """Some of them below 0, strong enough to quiet the process."""
    kernel = np.linspace(-0.6, 0.5, 12)
    return np.concatenate([np.full(buckets, 1.5), kernel])


def slow_level(points: Course, x: np.ndarray, at: float, known: int, mirrored: bool) -> float:
    """base + kernels at a time, counting the events of the first `known` points."""
    total = 0.0
    for place in range(known):
        cause = int(points.kind[place])
        if cause == NOTHING:
            continue
        weight = x[2 + (MIRROR[cause] if mirrored else cause)]
        age = at - points.seconds[place]
        total += weight * sum(s * b * math.exp(-b * age) for s, b in zip(SHARES, DECAYS, strict=True))
    return total


def slow_likelihood(points: Course, x: np.ndarray, what: int, factor: np.ndarray, before: np.ndarray) -> float:
    """The negative log likelihood of a type on both sides, its integral by quadrature."""
    total = 0.0
    for mirrored in (False, True):
        for place in range(len(points.seconds)):
            base = x[points.bucket[place]]
            start = points.seconds[place]

            def level(at: float, place: int = place, base: float = base, side: bool = mirrored) -> float:
                return max(0.0, base + slow_level(points, x, at, place + 1, side))

            total += factor[place] * quad(level, start, start + points.dwell[place], limit=400, epsabs=1e-10)[0]
            if points.kind[place] == what + 6 * mirrored:
                rate = base + slow_level(points, x, start, place, mirrored)
                total -= math.log(before[place] * rate)
    return total


def problem(points: Course, what: int = TOP) -> Problem:
    return Problem([with_memory(points, DECAYS)], what, DECAYS, SHARES, [factors_of(points, what, 2.0, 1.3)])


@pytest.mark.parametrize("what", [TOP, INSIDE])
def test_the_likelihood_is_the_sum_over_events_less_the_integral_of_what_is_above_0(what: int) -> None:
    points = course(count=25)
    fit = problem(points, what)
    x = np.concatenate([[8.0, 9.0], np.linspace(-0.4, 0.3, 12)])
    expected = slow_likelihood(points, x, what, *factors_of(points, what, 2.0, 1.3))
    value, more = fit.linear(x)[0], fit.cut(x)[0]
    assert more > 1e-3
    assert value + more == pytest.approx(expected, rel=2e-3)


def test_gradients_are_those_of_small_steps() -> None:
    fit = problem(course())
    x = np.concatenate([[9.0, 7.0], np.linspace(-0.4, 0.3, 12)])
    for function in (fit.linear, fit.cut):
        _, slope = function(x)
        for place in range(len(x)):
            step = np.zeros(len(x))
            step[place] = 1e-5
            numerical = (function(x + step)[0] - function(x - step)[0]) / 2e-5
            assert slope[place] == pytest.approx(numerical, rel=5e-3, abs=2e-2)


def test_what_past_events_left_is_the_sum_over_them() -> None:
    points = course(count=30)
    day: Course12 = with_memory(points, DECAYS)
    for place in (3, 17, 29):
        for cause in range(12):
            ages = points.seconds[place] - points.seconds[:place][points.kind[:place] == cause]
            expected = np.exp(-ages[:, None] * DECAYS).sum(axis=0)
            assert day.before[place, cause] == pytest.approx(expected)
            assert day.after[place, cause] == pytest.approx(expected + (points.kind[place] == cause))


def test_orders_inside_the_spread_follow_its_power_and_stop_at_one_tick() -> None:
    points = course()
    factor, before = factors_of(points, INSIDE, 2.0, 1.3)
    assert np.all(factor[points.spread == 1] == 0)
    assert factor[points.spread == 4] == pytest.approx(2.0**1.3)
    assert before == pytest.approx((points.spread_before / 2.0) ** 1.3)


def test_events_at_a_constant_rate_call_nothing_forth_and_leave_exponential_waits() -> None:
    rng = np.random.default_rng(4)
    seconds = np.cumsum(rng.exponential(0.05, 3000))
    ones = np.ones(3000, np.int64)
    points = Course(seconds, rng.integers(0, 12, 3000), ones, ones, 0 * ones, ones, np.append(np.diff(seconds), 0.0))
    fit = problem(points)
    x = fit.fit_signed(fit.fit_convex())
    error = fit.errors(x)
    assert np.abs(x[1:] / error[1:]).max() < 4
    assert abs(x[0] - 20 / 12) < 4 * error[0]
    waits = fit.residuals(x)
    assert waits.mean() == pytest.approx(1.0, abs=0.12)
    assert waits.std() == pytest.approx(1.0, abs=0.2)
