"""Compound Hawkes market from a recording: twelve types, kernels by maximum likelihood, time of day, spread feedback, sizes.

The steps: the decays are given; how the mass is shared among them is fitted first (`hawkes_shares`); with these shares a convex fit, and from there one in which causes may also keep from happening.  The power of the spread is fitted in turns with the kernels of orders inside it.  What the positive part of the branching matrix calls forth is kept below
one event for each event, so that the market cannot run away: where its spectral radius is not below 1 it is scaled to 0.99, and the note says so.

Time-rescaled waits of every type are held against the unit exponential law (Kolmogorov-Smirnov).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import kstest

from lobsim.calibration.flow.estimates import Estimate, Fitted
from lobsim.calibration.flow.hawkes_events import (
    EVENTS,
    INSIDE,
    NOTHING,
    TYPES,
    Course,
    course_of,
    event_types,
)
from lobsim.calibration.flow.hawkes_likelihood import MIRROR, Course12, Problem, factors_of, with_memory
from lobsim.calibration.flow.hawkes_shares import fit_shares
from lobsim.calibration.flow.recording import Recording
from lobsim.calibration.flow.sizes import mixed_sizes
from lobsim.calibration.flow.zero_intelligence import mean_spread
from lobsim.errors import DataError

DECAYS = (1500.0, 100.0, 5.0, 0.2)
"""Per second.  The first two are those of Apple in 2019 (half of the kernel within half a millisecond, nine tenths within eight: Jain and others 2024); the others reach to seconds: in the recorded
hour of Apple they halve the distance of the time-rescaled waits of market orders from the exponential law (0.099 to 0.054)."""
TIME_OF_DAY = "time of day"
"""How the names of its estimates begin: "time of day take 3" is of the third half hour."""
_FEWEST = 50
_NEGLIGIBLE = 0.005
_HIGHEST = 0.99


def fit_hawkes(
    recordings: Sequence[Recording],
    *,
    decays: Sequence[float] = DECAYS,
    spread_ticks: float | None = None,
) -> Fitted:
    """Fit the market to one or several days.

    decays        of the exponentials, per second
    spread_ticks  mean_spread of the preset, None: the measured one

    Raises DataError where a type of event hardly happens.
    """
    beta = np.array(decays, float)
    types = [event_types(each) for each in recordings]
    courses = [course_of(each, kinds) for each, kinds in zip(recordings, types, strict=True)]
    _check(recordings, courses)
    days = [with_memory(course, beta) for course in courses]
    spread = mean_spread(recordings) if spread_ticks is None else spread_ticks
    shares = fit_shares(days, beta, spread)
    problems, found, power = [], [], Estimate("spread_power", 1.0, float("nan"), "")
    for what in range(len(EVENTS)):
        problem, x, told = _fit_type(days, what, beta, shares, spread)
        problems.append(problem)
        found.append(x)
        power = told or power
    own, other = (np.array([x[start:stop] for x in found]) for start, stop in ((-12, -6), (-6, None)))
    scale, radius = _stable(own, other)
    errors = [problem.errors(x) for problem, x in zip(problems, found, strict=True)]
    base, times = _time_of_day(problems, found)
    influences = _influences(own * scale, other * scale)
    sizes = _sizes(courses, recordings)
    family: dict[str, Any] = {
        "family": "hawkes",
        "base": base,
        "decays": beta.tolist(),
        "shares": shares.tolist(),
        "mean_spread": spread,
        "spread_power": power.value,
        "time_of_day": times,
        "sizes": sizes,
        "influences": influences,
    }
    diagnostics, notes = _residuals(problems, found)
    notes += [f"The kernels are scaled by {scale:.3f}: unscaled, events would call forth more than they are."] * int(scale < 1)  # fmt: skip
    counted = sum(int((kinds != NOTHING).sum()) for kinds in types)
    total = sum(len(kinds) for kinds in types)
    return Fitted(
        family,
        {"levels": 5, "lots": max(round(float(np.median(courses[0].size_lots[courses[0].kind != NOTHING]))), 1), "distance": max(round(spread / 2), 1)},
        60,
        [*_estimates(problems, found, errors), power, *(Estimate(f"share {k + 1}", float(s), float("nan"), f"at {b:g} per second") for k, (s, b) in enumerate(zip(shares, beta, strict=True)))],
        {"events behind the second level": f"{1 - counted / total:.1%}"},
        notes,
        {"spectral_radius": radius[0] * scale, "spectral_radius_positive_part": radius[1] * scale} | diagnostics,
    )  # fmt: skip


def _check(recordings: Sequence[Recording], courses: list[Course]) -> None:
    for what, name in enumerate(EVENTS):
        count = sum(int(np.isin(course.kind, (what, what + 6)).sum()) for course in courses)
        if count < _FEWEST:
            hint = (
                "take a longer recording" if what != INSIDE else "take --model qr for a stock whose spread hardly opens"
            )
            raise DataError(
                f"there are {count} events of type {name!r}, {_FEWEST} are needed",
                file=recordings[0].day.info.source,
                hint=hint,
            )


def _fit_type(
    days: list[Course12], what: int, beta: np.ndarray, shares: np.ndarray, spread: float
) -> tuple[Problem, np.ndarray, Estimate | None]:
    """The kernels of one type; of orders inside the spread the power of the spread too."""
    power, told = 1.0, None
    for turn in range(3 if what == INSIDE else 1):
        factors = [factors_of(day.course, what, spread, power) for day in days]
        problem = Problem(days, what, beta, shares, factors)
        x = problem.fit_convex()
        if turn < 2 and what == INSIDE:
            power, error = _power(problem, x, spread)
            told = Estimate("spread_power", power, error, "exponent")
    return problem, problem.fit_signed(x), told


def _power(problem: Problem, x: np.ndarray, spread: float) -> tuple[float, float]:
    """The power of the spread of the greatest likelihood where all else is known, and its error."""
    log_sum, width, weight = 0.0, [], []
    for day in problem.days:
        course = day.course
        mass = problem.masses_until_next(day)
        called = np.einsum("nj,j->n", mass + mass[:, MIRROR], x[problem.buckets :])
        run = 2 * x[: problem.buckets][course.bucket] * course.dwell + called
        open_ = course.spread >= 2
        width.append(np.log(course.spread[open_] / spread))
        weight.append(run[open_])
        at = np.isin(course.kind, (INSIDE, INSIDE + 6)) & (course.spread_before >= 2)
        log_sum += float(np.log(course.spread_before[at] / spread).sum())
    logs, loads = np.concatenate(width), np.concatenate(weight)
    found = minimize_scalar(
        lambda power: float((loads * np.exp(power * logs)).sum() - power * log_sum), bounds=(-4, 4), method="bounded"
    )
    curvature = float((loads * logs**2 * np.exp(found.x * logs)).sum())
    return float(found.x), float(curvature**-0.5) if curvature > 0 else float("nan")


def _stable(own: np.ndarray, other: np.ndarray) -> tuple[float, tuple[float, float]]:
    """What kernels are multiplied by so that events call forth fewer than they are, and the spectral radii without that."""
    matrix = np.block([[own, other], [other, own]])
    radii = [float(np.abs(np.linalg.eigvals(part)).max()) for part in (matrix, np.maximum(matrix, 0.0))]
    return min(1.0, _HIGHEST / max(radii[1], 1e-12)), (radii[0], radii[1])


def _time_of_day(problems: list[Problem], found: list[np.ndarray]) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Base rates, and multipliers by half hour where there are several, one in the mean over time."""
    base, times = {}, {}
    for name, problem, x in zip(EVENTS, problems, found, strict=True):
        levels, time = x[: problem.buckets], problem.weight[: problem.buckets]
        mean = float((levels * time).sum() / time.sum())
        levels = np.where(time > 0, levels, mean)  # a break of the calendar says nothing
        base[name] = mean
        if problem.buckets > 1:
            times[name] = (levels / mean).tolist()
    return base, times


def _influences(own: np.ndarray, other: np.ndarray) -> list[dict[str, Any]]:
    """What is not negligible, as a preset has it."""
    return [
        {"cause": cause, "effect": effect, "same": float(own[e, c]), "opposite": float(other[e, c])}
        for e, effect in enumerate(EVENTS)
        for c, cause in enumerate(EVENTS)
        if max(abs(own[e, c]), abs(other[e, c])) >= _NEGLIGIBLE
    ]


def _sizes(courses: list[Course], recordings: Sequence[Recording]) -> dict[str, Any]:
    """Laws of sizes; that of new queues is of what stood at a best price that the one before it had uncovered."""
    laws = {}
    for name in ("deep", "top", "inside", "take"):
        kinds = (EVENTS.index(name), EVENTS.index(name) + 6)
        laws[name] = mixed_sizes(np.concatenate([each.size_lots[np.isin(each.kind, kinds)] for each in courses]))
    uncovered = []
    for each in recordings:
        after = each.day.after
        time = np.append(False, each.usable_ns[1:] > 0)
        for price, lots, away in ((after.bid_ticks, after.bid_lots, -1), (after.ask_ticks, after.ask_lots, 1)):
            moved = np.append(False, np.diff(price) * away > 0) & after.valid & np.append(False, after.valid[:-1])
            uncovered.append(lots[moved & time])
    sizes = np.concatenate(uncovered)
    return laws | {"new": mixed_sizes(sizes) if len(sizes) else laws["top"]}


def _residuals(problems: list[Problem], found: list[np.ndarray]) -> tuple[dict[str, float], list[str]]:
    """Distance of the time-rescaled waits from the unit exponential law, and a sentence about it."""
    diagnostics, bad = {}, []
    for name, problem, x in zip(EVENTS, problems, found, strict=True):
        test = kstest(problem.residuals(x), "expon")
        diagnostics[f"ks_{name}"] = float(test.statistic)
        diagnostics[f"ks_p_{name}"] = float(test.pvalue)
        bad += [name] * int(test.pvalue < 0.01)
    if not bad:
        return diagnostics, ["Time-rescaled waits of all types are exponential (Kolmogorov-Smirnov, 1 %)."]
    return diagnostics, [f"Time-rescaled waits are not exponential (Kolmogorov-Smirnov, 1 %): {', '.join(bad)}."]


def _estimates(problems: list[Problem], found: list[np.ndarray], errors: list[np.ndarray]) -> list[Estimate]:
    """Every parameter with its error."""
    told = []
    for name, problem, x, error in zip(EVENTS, problems, found, errors, strict=True):
        levels, doubts, time = x[: problem.buckets], error[: problem.buckets], problem.weight[: problem.buckets]
        share = time / time.sum()
        mean, doubt = float(share @ levels), float(np.sqrt((share * doubts) ** 2 @ np.ones(len(share))))
        told.append(Estimate(f"base {name}", mean, doubt, "per second and side", len(problem.rows)))
        if problem.buckets > 1:
            halves = zip(np.where(time > 0, levels / mean, 1.0), np.where(time > 0, doubts / mean, np.nan), strict=True)
            told += [
                Estimate(f"{TIME_OF_DAY} {name} {b + 1}", float(v), float(e), "times base")
                for b, (v, e) in enumerate(halves)
            ]
    for name, problem, x, error in zip(EVENTS, problems, found, errors, strict=True):
        for place in range(TYPES):
            side = "same" if place < 6 else "opposite"
            label = f"{EVENTS[place % 6]} -> {name}, {side}"
            at = problem.buckets + place
            told.append(Estimate(label, float(x[at]), float(error[at]), "events per event"))
    return told
