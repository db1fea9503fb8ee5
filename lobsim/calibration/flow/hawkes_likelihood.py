"""The likelihood of a Hawkes process whose kernels are sums of exponentials with given decays, for one type of event on both sides of the book.

lambda(t) = f(t) max(0, base_b + sum over causes j of a_j sum over k of s_k beta_k e^{-beta_k age}).  The negative log likelihood is the integral of lambda less the sum of log lambda at the events.

Where all a_j are at least 0 the integral is in closed form and the whole is convex in base and a.  Where some are below 0, what the cut at 0 adds is integrated by Gauss-Legendre nodes
over the stretches in which the intensity may be below 0, at times spread evenly in the logarithm; the fit starts from the convex one.

Invariant: the side of an effect makes no difference, so asks and bids count together: causes stand in the order own side (6), other side (6).
Sums are einsum's: the threads of a BLAS would make the last digits depend on their number, and stand in each other's way on a busy machine.

Known limit: 100 bytes for each event and exponential are held in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from lobsim.calibration.flow.hawkes_events import INSIDE, NOTHING, TYPES, Course

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
NODES, WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2
MIRROR = np.array([*range(6, 12), *range(6)])
_FLOOR = 1e-3
"""Share of the mean rate below which the logarithm goes on as a straight line."""
_MOST = 3.0
"""No kernel of the signed fit is below minus so many events an event."""
_LOOKED_AT = 30_000
"""Points at which the cut at 0 is integrated in the first steps of a fit; of more, every second, third, ... one stands for its neighbours."""


Likelihood = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Course12(NamedTuple):
    """A day's points with what past events left (of unit mass, by cause and exponential).

    course  the points
    after   float [points, 12, K]: after the event of each point
    before  float [points, 12, K]: before it
    """

    course: Course
    after: np.ndarray
    before: np.ndarray


def with_memory(course: Course, decays: np.ndarray) -> Course12:
    """Follow what past events left through a day.  decays: float [K], per second"""
    count = len(course.seconds)
    after, before = (np.zeros((count, TYPES, len(decays))) for _ in range(2))
    fades = np.exp(-np.diff(course.seconds, prepend=0.0)[:, None] * decays)
    state = np.zeros((TYPES, len(decays)))
    for point, kind in enumerate(course.kind.tolist()):
        state = state * fades[point]
        before[point] = state
        if kind != NOTHING:
            state[kind] += 1.0
        after[point] = state
    return Course12(course, after, before)


class Problem:
    """One type of event of some days.

    days    the days
    what    0 to 5
    decays  float [K];  shares: float [K], adding up to 1
    factor  per day float [points]: f from each point on, and before each point
    """

    def __init__(
        self,
        days: list[Course12],
        what: int,
        decays: np.ndarray,
        shares: np.ndarray,
        factors: list[tuple[np.ndarray, np.ndarray]],
    ) -> None:
        self.days, self.what, self.decays, self.shares, self.factors = days, what, decays, shares, factors
        self.buckets = max(int(day.course.bucket.max()) for day in days) + 1
        self.speeds = shares * decays
        self.scale = self._scale()
        self._prepare()

    def _scale(self) -> float:
        """Mean rate a side while it can happen."""
        time = sum(2 * float((day.course.dwell * factor).sum()) for day, (factor, _) in zip(self.days, self.factors, strict=True))  # fmt: skip
        events = sum(int(np.isin(day.course.kind, (self.what, self.what + 6)).sum()) for day in self.days)
        return max(events, 1) / max(time, 1e-9)

    def _prepare(self) -> None:
        """Rows of the sum of logarithms, and the linear part of the integral."""
        rows, self.weight = [], np.zeros(self.buckets + TYPES)
        self.excited = {id(day): np.einsum("njk,k->nj", day.after, self.speeds) for day in self.days}
        logs = 0.0
        for day, (factor, factor_before) in zip(self.days, self.factors, strict=True):
            course = day.course
            mass = np.einsum("n,nj->j", factor, self.masses_until_next(day))
            self.weight[self.buckets :] += mass + mass[MIRROR]
            self.weight[: self.buckets] += 2 * np.bincount(course.bucket, factor * course.dwell, self.buckets)
            for kind, order in ((self.what, np.arange(TYPES)), (self.what + 6, MIRROR)):
                at = np.flatnonzero((course.kind == kind) & (factor_before > 0))
                base = np.eye(self.buckets)[course.bucket[at]]
                rows.append(np.hstack([base, np.einsum("njk,k->nj", day.before[at], self.speeds)[:, order]]))
                logs += float(np.log(factor_before[at]).sum())
        self.rows, self.log_factors = np.concatenate(rows), logs

    def masses_until_next(self, day: Course12) -> np.ndarray:
        """float [points, 12]: integral of the kernels of unit mass, by cause, from each point to the next."""
        faded = -np.expm1(-day.course.dwell[:, None] * self.decays) * self.shares
        return np.einsum("njk,nk->nj", day.after, faded)

    def linear(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative log likelihood without the cut at 0, and its gradient.  x: float [buckets + 12]"""
        level, floor = np.einsum("ni,i->n", self.rows, x), _FLOOR * self.scale
        high = level > floor
        inverse = 1 / np.where(high, level, floor)
        logs = np.where(high, np.log(np.where(high, level, 1.0)), np.log(floor) + (level - floor) / floor)
        return float((self.weight * x).sum() - logs.sum() - self.log_factors), self.weight - np.einsum(
            "n,ni->i", inverse, self.rows
        )

    def cut(self, x: np.ndarray, stride: int = 1) -> tuple[float, np.ndarray]:
        """What the cut at 0 adds to the integral, and its gradient.  stride: one point stands for so many"""
        total, slope = 0.0, np.zeros(len(x))
        for day, (factor, _) in zip(self.days, self.factors, strict=True):
            for order in (np.arange(TYPES), MIRROR):
                below, touched, found = self.below(day, x, order, stride)
                if not len(touched):
                    continue
                course, weight = day.course, stride * factor[touched]
                total += float((weight * below).sum())
                time, masses = found
                slope[: self.buckets] -= np.bincount(course.bucket[touched], weight * time, self.buckets)
                state = day.after[touched][:, order]
                slope[self.buckets :] -= np.einsum("njk,nk->j", state, weight[:, None] * masses)
        return total, slope

    def below(
        self, day: Course12, x: np.ndarray, order: np.ndarray, stride: int = 1
    ) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """By how much the intensity would be below 0 after points: the integral, the points, and (time below 0, mass of each exponential then)."""
        levels, kernel = x[: self.buckets], x[self.buckets :]
        quiet = np.minimum(kernel, 0.0)
        empty = np.zeros(0)
        if not quiet.any():
            return empty, np.zeros(0, np.int64), (empty, empty)
        looked = np.arange(0, len(day.course.seconds), stride)
        base, dwell = levels[day.course.bucket], day.course.dwell
        low = base[looked] + np.einsum("nj,j->n", self.excited[id(day)][looked], quiet[np.argsort(order)])
        touched = looked[(low < 0) & (dwell[looked] > 0)]
        fastest = float(self.decays.max())
        width = np.log1p(fastest * dwell[touched])[:, None]
        ages = np.expm1(width * NODES) / fastest
        steps = (ages + 1 / fastest) * width * WEIGHTS
        fade = np.exp(-ages[:, :, None] * self.decays) * self.speeds
        state = np.einsum("njk,j->nk", day.after[touched], kernel[np.argsort(order)])
        level = base[touched][:, None] + np.einsum("nmk,nk->nm", fade, state)
        steps = np.where(level < 0, steps, 0.0)
        return (-level * steps).sum(axis=1), touched, (steps.sum(axis=1), np.einsum("nmk,nm->nk", fade, steps))

    def start(self) -> np.ndarray:
        """Half of the events by themselves, the others called forth alike."""
        return np.concatenate([np.full(self.buckets, self.scale / 2), np.full(TYPES, 0.5 / TYPES)])

    def fit_convex(self) -> np.ndarray:
        """The parameters of the greatest likelihood among kernels that are nowhere below 0: base by half hour, then causes of the own and of the other side."""
        return self.minimise(self.linear, self.start(), 0.0)

    def fit_signed(self, start: np.ndarray) -> np.ndarray:
        """The parameters of the greatest likelihood near some others; first with some of the points, then with all."""
        points = sum(len(day.course.seconds) for day in self.days)
        x = start
        for stride in sorted({-(-points // _LOOKED_AT), 1}, reverse=True):

            def exact(x: np.ndarray, stride: int = stride) -> tuple[float, np.ndarray]:
                value, slope = self.linear(x)
                more, more_slope = self.cut(x, stride)
                return value + more, slope + more_slope

            x = self.minimise(exact, x, -_MOST)
        return x

    def minimise(self, function: Likelihood, start: np.ndarray, least: float) -> np.ndarray:
        """Where a negative log likelihood is smallest, with no kernel below `least`."""
        count = len(start) - self.buckets
        units = np.concatenate([np.full(self.buckets, self.scale), np.ones(count)])
        low = np.concatenate([np.full(self.buckets, _FLOOR), np.full(count, least)])
        return smallest(function, start, units, low, len(self.rows))

    def by_share(self, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the likelihood is made of where the kernels of causes are known and the masses of the exponentials are sought.

        kernel  float [12]

        Returns float [events, K], what each exponential of unit mass adds to the intensity at each event, and float [K], to the integral.
        """
        rows, weight = [], np.zeros(len(self.decays))
        for day, (factor, before) in zip(self.days, self.factors, strict=True):
            for kind, order in ((self.what, np.arange(TYPES)), (self.what + 6, MIRROR)):
                at = np.flatnonzero((day.course.kind == kind) & (before > 0))
                mirrored = kernel[np.argsort(order)]
                rows.append(np.einsum("njk,j->nk", day.before[at], mirrored) * self.decays)
                faded = -np.expm1(-day.course.dwell[:, None] * self.decays) * factor[:, None]
                weight += np.einsum("njk,j,nk->k", day.after, mirrored, faded, optimize=True)
        return np.concatenate(rows), weight

    def errors(self, x: np.ndarray) -> np.ndarray:
        """Standard errors out of the observed information."""
        level = np.maximum(np.einsum("ni,i->n", self.rows, x), _FLOOR * self.scale)
        scaled = self.rows / level[:, None]
        units = np.concatenate([np.full(self.buckets, self.scale), np.ones(TYPES)])
        information = np.einsum("ni,nj->ij", scaled * units, scaled * units)
        return np.sqrt(np.maximum(np.diag(np.linalg.pinv(information, hermitian=True)), 0.0)) * units

    def residuals(self, x: np.ndarray) -> np.ndarray:
        """Time-rescaled waits: integrals of the intensity between successive events of the type on one side; unit exponential if the model is true."""
        waits = []
        for day, (factor, _) in zip(self.days, self.factors, strict=True):
            course = day.course
            mass = self.masses_until_next(day)
            for kind, order in ((self.what, np.arange(TYPES)), (self.what + 6, MIRROR)):
                called = np.einsum("nj,j->n", mass[:, order], x[self.buckets :])
                run = x[: self.buckets][course.bucket] * course.dwell + called
                below, touched, _ = self.below(day, x, order)
                run[touched] += below
                reached = np.concatenate([[0.0], np.cumsum(factor * run)])
                waits.append(np.diff(reached[np.flatnonzero(course.kind == kind)]))
        return np.concatenate(waits)


def smallest(function: Likelihood, start: np.ndarray, units: np.ndarray, low: np.ndarray, events: int) -> np.ndarray:
    """Where a negative log likelihood is smallest.

    units   what each parameter is counted in;  low: its lower bound, so counted
    events  how many the likelihood sums over
    """

    def scaled(y: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = function(y * units)
        return value / events, slope * units / events

    bounds = [(float(each), None) for each in low]
    options = {"maxfun": 500, "ftol": 1e-9, "gtol": 1e-6}
    return minimize(scaled, start / units, jac=True, method="TNC", bounds=bounds, options=options).x * units


def factors_of(course: Course, what: int, mean_spread: float, power: float) -> tuple[np.ndarray, np.ndarray]:
    """f of a type from each point on, and before each point."""
    if what != INSIDE:
        return (course.spread > 0).astype(float), np.ones(len(course.spread))
    return tuple(
        np.where(spread >= 2, (np.maximum(spread, 1) / mean_spread) ** power, 0.0)
        for spread in (course.spread, course.spread_before)
    )  # type: ignore[return-value]
