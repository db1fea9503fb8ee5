"""How far two samples of a score are apart: total variation and Wasserstein-1, with intervals by sequence.

Total variation is half the summed difference of shares in common bins: a score's own values where it is discrete, else bins of Freedman and Diaconis
over the pooled sample, the outermost thousandth on either side put into the end bins.  Wasserstein-1 is taken after dividing by the standard deviation
of the pooled sample.  An atom is a bin of its own, and adds the difference of its shares to Wasserstein-1, whose rest then counts by the share beside it.

Invariant: for the intervals whole sequences are drawn again, of the two days apart; drawing adds noise that makes every distance larger, so the draws are
moved until their median is the distance itself.
Known limit: for the intervals of Wasserstein-1 values are rounded to 1,000 quantiles of the pooled sample.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import wasserstein_distance

from lobsim.realism.scores import Sample

MOST_BINS = 1000
_END = 0.001


class Distance(NamedTuple):
    """Two distances of one score, and their draws (float [draws])."""

    total_variation: float
    wasserstein: float
    total_variation_draws: np.ndarray
    wasserstein_draws: np.ndarray


def bin_edges(pooled: np.ndarray, discrete: bool) -> np.ndarray:
    """Inner edges of the bins: a value belongs to the bin of how many edges lie at or below it."""
    if discrete:
        return np.unique(pooled)[1:]
    low, first, third, high = np.quantile(pooled, (_END, 0.25, 0.75, 1 - _END))
    width = 2 * (third - first) / len(pooled) ** (1 / 3)
    if high <= low:
        return np.unique(pooled)[1:][:MOST_BINS]
    bins = MOST_BINS if width <= 0 else min(int(np.ceil((high - low) / width)), MOST_BINS)
    return np.linspace(low, high, bins + 1)[1:-1]


def _counts(sample: Sample, place: np.ndarray, bins: int, sequences: int) -> np.ndarray:
    """float [sequences, bins + 1]: weight in each bin, the atom last."""
    place = np.where(sample.atom, bins, place)
    return np.bincount(sample.sequence * (bins + 1) + place, sample.weights, sequences * (bins + 1)).reshape(
        sequences, -1
    )


def _shares(counts: np.ndarray) -> np.ndarray:
    """Rows that sum to 1; nan where there is nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return counts / counts.sum(axis=-1, keepdims=True)


def _total_variation(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return 0.5 * np.abs(_shares(ours) - _shares(theirs)).sum(axis=-1)


def _wasserstein(ours: np.ndarray, theirs: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Of counts on a grid whose points lie `steps` apart, in standard deviations; the atom last."""
    p, q = _shares(ours), _shares(theirs)
    atom = np.abs(p[..., -1] - q[..., -1])
    beside = 1 - (p[..., -1] + q[..., -1]) / 2
    gap = np.cumsum(_shares(ours[..., :-1]), axis=-1) - np.cumsum(_shares(theirs[..., :-1]), axis=-1)
    return atom + beside * np.nan_to_num(np.abs(gap[..., :-1]) @ steps)


def _exact_wasserstein(ours: Sample, theirs: Sample, scale: float) -> float:
    """The same of the samples as they are."""
    parts = [sample.where(~sample.atom) for sample in (ours, theirs)]
    p, q = (1 - part.weights.sum() / sample.weights.sum() for part, sample in zip(parts, (ours, theirs), strict=True))
    if not len(parts[0].values) or not len(parts[1].values):
        return float(abs(p - q))
    rest = wasserstein_distance(parts[0].values, parts[1].values, parts[0].weights, parts[1].weights) / scale
    return float(abs(p - q) + (1 - (p + q) / 2) * rest)


def distance(ours: Sample, theirs: Sample, discrete: bool, our_draws: np.ndarray, their_draws: np.ndarray) -> Distance:
    """Distances of two samples, neither empty.

    our_draws, their_draws  float [draws, sequences]: how often each sequence was drawn
    """
    pooled = np.concatenate([sample.values[~sample.atom] for sample in (ours, theirs)])
    scale = float(pooled.std()) or 1.0 if len(pooled) else 1.0
    edges = bin_edges(pooled, discrete) if len(pooled) else np.zeros(0)
    grid = np.unique(pooled)
    if len(grid) > MOST_BINS:
        grid = np.unique(np.quantile(pooled, np.linspace(0, 1, MOST_BINS)))
    binned, gridded = [], []
    for sample, draws in ((ours, our_draws), (theirs, their_draws)):
        place = np.searchsorted(edges, sample.values, side="right")
        binned.append(_counts(sample, place, len(edges) + 1, draws.shape[1]))
        place = np.minimum(np.searchsorted(grid, sample.values), max(len(grid) - 1, 0))
        gridded.append(_counts(sample, place, max(len(grid), 1), draws.shape[1]))
    steps = np.diff(grid) / scale if len(grid) else np.zeros(0)
    return Distance(
        float(_total_variation(binned[0].sum(axis=0), binned[1].sum(axis=0))),
        _exact_wasserstein(ours, theirs, scale),
        _total_variation(our_draws @ binned[0], their_draws @ binned[1]),
        _wasserstein(our_draws @ gridded[0], their_draws @ gridded[1], steps),
    )


def centred_interval(value: float, draws: np.ndarray, level: float) -> tuple[float, float]:
    """The interval of a distance: the spread of its draws around it, not below 0."""
    tail = (1 - level) / 2
    low, middle, high = np.nanquantile(draws, (tail, 0.5, 1 - tail))
    return max(float(value + low - middle), 0.0), float(value + high - middle)
