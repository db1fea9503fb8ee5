"""How sure a mean over orders is: percentile bootstrap and Student's t.

Invariant: seeded anew on every call, so the same numbers give the same interval wherever they are shown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BOOTSTRAP_SEED = 20_120_621
BOOTSTRAP_DRAWS = 2_000
FEWEST_FOR_INTERVAL = 5
"""Fewer orders than these say nothing by being drawn again."""


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean of ``values`` (shape (n,), n >= 1) and its 95 % percentile-bootstrap interval."""
    draws = np.random.default_rng(BOOTSTRAP_SEED).integers(0, values.size, (BOOTSTRAP_DRAWS, values.size))
    low, high = np.quantile(values[draws].mean(axis=1), (0.025, 0.975))
    return float(values.mean()), float(low), float(high)


def student_interval(mean: float, standard_error: float, degrees: int) -> tuple[float, float]:
    """The 95 % interval of an estimate with so many degrees of freedom (1 or more)."""
    from scipy.stats import t

    half = float(t.ppf(0.975, degrees)) * standard_error
    return mean - half, mean + half
