"""How far a model's queue positions and fills are from the truth: plain weighted statistics.

Every function takes weights, because a sample holds more filled orders than the tape does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DECILES = 10


class QueueError(NamedTuple):
    """Errors of the quantity ahead, in percent of the mean queue; below 0: too optimistic."""

    bias_percent: float
    mean_absolute_percent: float
    looks: int


class FillTimes(NamedTuple):
    """Fills within the horizon: in truth, in the model, in both; of both the errors in seconds (above 0: the model is late), medians and mean absolute."""

    truly: int
    model: int
    both: int
    median_error_s: float | None
    mean_absolute_error_s: float | None


class ReliabilityPoint(NamedTuple):
    """Of the orders that were given a probability: how many of the sample, and the weighed share that was filled."""

    forecast: float
    orders: int
    filled_share: float


def queue_error(error: np.ndarray, queue_mean: float) -> QueueError | None:
    """Mean and mean absolute error; None for no look at all.

    error       float [any], lots, model minus truth
    queue_mean  lots
    """
    if not len(error) or queue_mean <= 0:
        return None
    return QueueError(
        100 * float(error.mean()) / queue_mean, 100 * float(np.abs(error).mean()) / queue_mean, len(error)
    )


def decile_of(ahead: np.ndarray, queue: np.ndarray) -> np.ndarray:
    """In which tenth of its queue an order truly stands, 0 at the front; int64 [any]."""
    position = ahead / np.maximum(queue, 1)
    return np.minimum((position * DECILES).astype(np.int64), DECILES - 1)


def brier(forecast: np.ndarray, happened: np.ndarray, weights: np.ndarray) -> float:
    """Weighed mean of (probability - outcome)^2 (G. W. Brier, 1950)."""
    return float(np.average((forecast - happened) ** 2, weights=weights))


def reliability(forecast: np.ndarray, happened: np.ndarray, weights: np.ndarray) -> tuple[ReliabilityPoint, ...]:
    """The share that was truly filled, by forecast probability in rising order."""
    points = []
    for value in np.unique(forecast):
        here = forecast == value
        share = float(np.average(happened[here], weights=weights[here]))
        points.append(ReliabilityPoint(float(value), int(here.sum()), share))
    return tuple(points)


def fill_times(model_ns: np.ndarray, true_ns: np.ndarray) -> FillTimes:
    """Hold times of complete fills against each other; -1 stands for not filled."""
    both = (model_ns >= 0) & (true_ns >= 0)
    error_s = (model_ns[both] - true_ns[both]) / 1e9
    return FillTimes(
        truly=int((true_ns >= 0).sum()),
        model=int((model_ns >= 0).sum()),
        both=int(both.sum()),
        median_error_s=float(np.median(error_s)) if len(error_s) else None,
        mean_absolute_error_s=float(np.abs(error_s).mean()) if len(error_s) else None,
    )
