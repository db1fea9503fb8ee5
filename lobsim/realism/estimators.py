"""Estimators of one series or sample, as sums over blocks where that is possible (lobsim.realism.intervals).

Each pair of functions ``*_columns`` and ``*_of_sums`` is one estimator: the first gives what is to be summed, the second the statistic of the sums.
What is not a number in a series is a hole: no pair that touches it counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lobsim.types import NEVER


def acf_columns(series: np.ndarray, lags: Sequence[int]) -> list[np.ndarray]:
    """What the autocorrelation sums: per lag the product and whether there is one; a pair belongs to its earlier member."""
    x = series - np.nanmean(series) if np.isfinite(series).any() else series
    columns = [x * x, np.isfinite(x).astype(float)]
    for lag in lags:
        product = np.full(len(x), np.nan)
        if lag < len(x):
            product[:-lag] = x[lag:] * x[:-lag]
        columns += [product, np.isfinite(product).astype(float)]
    return columns


def acf_of_sums(sums: np.ndarray) -> np.ndarray:
    """Autocorrelation at each lag: mean product over mean square."""
    pairs = sums.reshape(*sums.shape[:-1], -1, 2)
    means = pairs[..., 0] / pairs[..., 1]
    return means[..., 1:] / means[..., :1]


def autocorrelation(series: np.ndarray, lags: Sequence[int]) -> np.ndarray:
    """Autocorrelation of a series at some lags, nan where no pair is left."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return acf_of_sums(np.array([np.nansum(column) for column in acf_columns(series, lags)]))


def kurtosis_columns(series: np.ndarray) -> list[np.ndarray]:
    """What the kurtosis sums: how many, and four powers."""
    scale = np.nanstd(series) or 1.0
    x = series / scale
    return [np.isfinite(x).astype(float), x, x**2, x**3, x**4]


def kurtosis_of_sums(sums: np.ndarray) -> np.ndarray:
    """Excess kurtosis, m4 / m2^2 - 3, one value for each five sums."""
    groups = sums.reshape(*sums.shape[:-1], -1, 5)
    mean, second, third, fourth = (groups[..., place] / groups[..., 0] for place in range(1, 5))
    m2 = second - mean**2
    m4 = fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4
    return m4 / m2**2 - 3


def correlation_columns(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """What a correlation sums; a pair with a hole counts nothing."""
    whole = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(whole, x, np.nan), np.where(whole, y, np.nan)
    x, y = x / (np.nanstd(x) or 1.0), y / (np.nanstd(y) or 1.0)
    return [whole.astype(float), x, y, x * x, y * y, x * y]


def correlation_of_sums(sums: np.ndarray) -> np.ndarray:
    """Pearson's correlation, one value for each six sums."""
    groups = sums.reshape(*sums.shape[:-1], -1, 6)
    x, y, xx, yy, xy = (groups[..., place] / groups[..., 0] for place in range(1, 6))
    return (xy - x * y) / np.sqrt((xx - x * x) * (yy - y * y))


def ratios_of_sums(sums: np.ndarray) -> np.ndarray:
    """First over second of each two sums: means, where the second counts."""
    pairs = sums.reshape(*sums.shape[:-1], -1, 2)
    return pairs[..., 0] / pairs[..., 1]


def hill(sample: np.ndarray, share: float = 0.05) -> float:
    """Hill's tail index of the largest `share` of a positive sample: 1 / mean(ln x_i / x_k), x_k the largest one left out.

    nan where fewer than ten are that large, or all of those are equal.
    """
    x = np.sort(sample[np.isfinite(sample) & (sample > 0)])
    count = int(len(sample) * share)
    if count < 10 or count >= len(x):
        return float("nan")
    excess = float(np.mean(np.log(x[-count:] / x[-count - 1])))
    return 1 / excess if excess > 0 else float("nan")


def log_log_slope(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Slope of ln y on ln x by least squares over the points where both are above 0; nan with fewer than three."""
    good = (x > 0) & (y > 0) & np.isfinite(y)
    if good.sum() < 3:
        return float("nan")
    root = None if weights is None else np.sqrt(weights[good])
    return float(np.polyfit(np.log(x[good]), np.log(y[good]), 1, w=root)[0])


def log_binned(lags: np.ndarray, values: np.ndarray, per_decade: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Mean lag and mean value within bins of equal width in ln lag."""
    place = np.floor(np.log10(lags) * per_decade).astype(int)
    bins, place = np.unique(place, return_inverse=True)
    counts = np.bincount(place, minlength=len(bins))
    return np.bincount(place, lags) / counts, np.bincount(place, values) / counts


def size_columns(sample: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """What the law of positive sizes sums: weight, and the weighted size, its logarithm, square and cube."""
    w = np.where(sample > 0, weights, 0).astype(float)
    x = np.where(sample > 0, sample, 1) / max(float(sample.mean()), 1e-300)
    return [w, w * x, w * np.log(x), w * x**2, w * x**3]


def size_of_sums(sums: np.ndarray) -> np.ndarray:
    """Shape of a gamma law, and skewness.

    The shape is that of maximum likelihood, by Minka's closed start and three Newton steps ("Estimating a Gamma distribution", 2002).
    """
    from scipy.special import digamma, polygamma

    mean, log, second, third = (sums[..., place] / sums[..., 0] for place in range(1, 5))
    gap = np.maximum(np.log(mean) - log, 1e-12)
    shape = (3 - gap + np.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    for _ in range(3):
        change = (np.log(shape) - digamma(shape) - gap) / (1 / shape - polygamma(1, shape))
        shape = np.maximum(shape - change, shape / 10)
    variance = np.maximum(second - mean**2, 0)
    skewness = (third - 3 * mean * second + 2 * mean**3) / variance**1.5
    return np.stack([np.where(gap > 1e-12, shape, np.nan), np.where(variance > 0, skewness, np.nan)], axis=-1)


def weighted_quantile(sample: np.ndarray, weights: np.ndarray, at: Sequence[float]) -> np.ndarray:
    """Smallest values below or at which so much of the weight lies."""
    order = np.argsort(sample, kind="stable")
    reached = np.cumsum(weights[order])
    if not len(order) or reached[-1] <= 0:
        return np.full(len(at), np.nan)
    place = np.searchsorted(reached, np.asarray(at) * reached[-1], side="left")
    return sample[order][np.minimum(place, len(order) - 1)].astype(float)


def survival(duration_ns: np.ndarray, ended: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kaplan-Meier: times in order, and the share still alive after each; who is censored counts until then.

    duration_ns  int64 [n]
    ended        bool [n]: False where the end was not seen
    """
    times, first = np.unique(np.sort(duration_ns), return_index=True)
    at_risk = len(duration_ns) - first
    deaths = np.bincount(np.searchsorted(times, duration_ns[ended]), minlength=len(times))
    return times, np.cumprod(1 - deaths / at_risk)


def incidence(duration_ns: np.ndarray, cause: np.ndarray, of: int) -> tuple[np.ndarray, np.ndarray]:
    """Aalen-Johansen: times in order, and the share that has left by then for one cause while others compete.

    cause  int64 [n]: 0 where the end was not seen
    """
    times, first = np.unique(np.sort(duration_ns), return_index=True)
    at_risk = len(duration_ns) - first
    every = np.bincount(np.searchsorted(times, duration_ns[cause > 0]), minlength=len(times))
    mine = np.bincount(np.searchsorted(times, duration_ns[cause == of]), minlength=len(times))
    alive_before = np.concatenate([[1.0], np.cumprod(1 - every / at_risk)[:-1]])
    return times, np.cumsum(alive_before * mine / at_risk)


def time_until(times: np.ndarray, share: np.ndarray, at: float) -> float:
    """The first time at which a rising share reaches `at`, nan if it never does."""
    place = int(np.searchsorted(share, at, side="left"))
    return float(times[place]) if place < len(times) else float("nan")


def durations(start_ns: np.ndarray, end_ns: np.ndarray, last_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """How long each lasted until its end, or until last_ns where that is NEVER; and whether the end was seen."""
    seen = end_ns != NEVER
    return np.where(seen, end_ns, last_ns) - start_ns, seen
