"""Comparing two or more things fairly: in turns, round after round, minima and medians.

The figure of a thing is the minimum of its rounds, the ratio of two things the ratio of their minima.  The ratio of medians is given beside
it; where the two differ by more than 15 % the machine was too busy for either to be trusted, and the comparison is called noisy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

NOISY = 0.15


def in_turns(runs: Mapping[str, Callable[[], float | list[float]]], rounds: int) -> dict[str, list[float]]:
    """Run every thing once per round, A B A B ...; what each run answers (one time, or several) is kept."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            answer = run()
            times[name] += answer if isinstance(answer, list) else [answer]
    return times


def compare_times(ours: list[float], theirs: list[float]) -> dict[str, Any]:
    """Ratio of minima and of medians of times in one unit, and whether the two differ too much (`NOISY`)."""
    minima = min(ours) / min(theirs)
    medians = median(ours) / median(theirs)
    return {
        "ratio": round(minima, 4),
        "ratio_of_medians": round(medians, 4),
        "noisy": abs(medians / minima - 1) > NOISY,
    }
