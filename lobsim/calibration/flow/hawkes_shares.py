"""How the mass of all kernels is shared among the exponentials of a Hawkes market.

One set of shares holds for all twelve types.  It begins alike and is improved in turns: the kernels of every type with these shares, then base rates and shares together with these kernels; each turn is
convex and none makes the likelihood smaller.  Shares out of kernels that are free for every exponential were tried: what is cut at 0 in a hundred of them adds up, and an exponential
that is not there got a seventh of the mass.
"""

from __future__ import annotations

import numpy as np

from lobsim.calibration.flow.hawkes_events import EVENTS, TYPES
from lobsim.calibration.flow.hawkes_likelihood import Course12, Problem, factors_of, smallest

_TURNS = 8
_CLOSE = 2e-3
_LEAST = 1e-3


def fit_shares(days: list[Course12], decays: np.ndarray, spread: float) -> np.ndarray:
    """float [K], adding up to 1.

    decays  per second
    spread  ticks, that the intensity of orders inside it is 1 at
    """
    shares = np.full(len(decays), 1 / len(decays))
    if len(decays) == 1:
        return shares
    for _ in range(_TURNS):
        problems = [
            Problem(days, what, decays, shares, [factors_of(day.course, what, spread, 1.0) for day in days])
            for what in range(len(EVENTS))
        ]
        better = _improved(problems, shares)
        moved = float(np.abs(better - shares).max())
        shares = better
        if moved < _CLOSE:
            break
    return shares


def _improved(problems: list[Problem], shares: np.ndarray) -> np.ndarray:
    """The shares of the greatest likelihood with the kernels that fit best with other shares."""
    found = [problem.fit_convex() for problem in problems]
    parts = [problem.by_share(x[-TYPES:]) for problem, x in zip(problems, found, strict=True)]
    buckets, count = problems[0].buckets, len(shares)

    def likelihood(y: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = 0.0, np.zeros(len(y))
        masses = y[-count:]
        for place, (problem, (rows, weight)) in enumerate(zip(problems, parts, strict=True)):
            own = slice(place * buckets, (place + 1) * buckets)
            base = problem.rows[:, :buckets]
            level = np.einsum("nb,b->n", base, y[own]) + np.einsum("nk,k->n", rows, masses)
            level = np.maximum(level, _LEAST * problem.scale)
            inverse = 1 / level
            total += float((problem.weight[:buckets] * y[own]).sum() + (weight * masses).sum() - np.log(level).sum())
            slope[own] = problem.weight[:buckets] - np.einsum("n,nb->b", inverse, base)
            slope[-count:] += weight - np.einsum("n,nk->k", inverse, rows)
        return total, slope

    start = np.concatenate([*(x[:buckets] for x in found), shares])
    units = np.concatenate([*(np.full(buckets, problem.scale) for problem in problems), np.ones(count)])
    low = np.concatenate([np.full(len(problems) * buckets, _LEAST), np.zeros(count)])
    masses = smallest(likelihood, start, units, low, sum(len(problem.rows) for problem in problems))[-count:]
    return masses / masses.sum() if masses.sum() > 0 else shares
