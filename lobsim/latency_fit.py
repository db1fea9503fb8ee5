"""Delay models fitted to measured delays by maximum likelihood, and compared.

Delays are whole nanoseconds on a clock of some resolution (the greatest common divisor of their differences), so the likelihood of a delay is its
probability within half a resolution on either side.  Where a density would run away (a shift that moves up to the smallest delay) that probability is
taken in full; elsewhere density times resolution is the same number.  So likelihoods are bounded and those of all models can be compared.

==================  ===================================================  ==========
model               how it is fitted                                     parameters
==================  ===================================================  ==========
constant            the median; a likelihood only if all are equal       1
uniform             smallest and largest                                 2
shifted_lognormal   closed form per shift, shift searched, then polished 3
gamma               the same (shape from mean and mean logarithm)        3
pareto_tail         lognormal body, censored at the quantile where the   5
                    tail begins; tail index closed form; quantile tried
empirical           the measured delays themselves, thinned              none
==================  ===================================================  ==========

AIC = 2 k - 2 log L, BIC = k log n - 2 log L (Akaike 1974, Schwarz 1978); KS is the largest gap between measured and fitted distribution at the measured values.
Known limits: fewer than 20 delays are fitted by the empirical model alone; more than 100,000 are thinned evenly by rank for the fit (KS uses all).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lobsim.delays import DAY_NS, Constant, Delay, Empirical, Gamma, ParetoTail, ShiftedLognormal, Uniform
from lobsim.errors import ConfigError

Floats = NDArray[np.float64]

FAMILIES = ("constant", "uniform", "shifted_lognormal", "gamma", "pareto_tail", "empirical")
FEWEST = 20
"""Fewer delays tell nothing about a shape."""
POOR_KS = 0.05
"""A fit that misses the measured distribution by more than this share is not good enough to stand for it."""
_MOST_FITTED = 100_000
_MOST_KEPT = 1001
_TAIL_FROM = (0.8, 0.9, 0.95, 0.98, 0.99)
_FEWEST_IN_TAIL = 10
_SHIFTS = 40
_NO_LIKELIHOOD = 1e300


@dataclass(frozen=True)
class Fit:
    """One model fitted to so many delays.

    log_likelihood  None where the model gives the delays none (empirical; constant, unless all are equal)
    ks              largest gap between the distributions, 0 to 1
    """

    model: Delay
    parameters: int
    delays: int
    log_likelihood: float | None
    ks: float

    @property
    def aic(self) -> float | None:
        """Akaike's criterion, smaller is better."""
        return None if self.log_likelihood is None else 2 * self.parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float | None:
        """Schwarz's criterion, smaller is better."""
        if self.log_likelihood is None:
            return None
        return self.parameters * math.log(self.delays) - 2 * self.log_likelihood


class Sample:
    """Delays as different values with their counts, for likelihoods.

    values  ns, rising; counts; half  half the clock's resolution, ns
    """

    def __init__(self, delays_ns: NDArray[np.int64]) -> None:
        ordered = np.sort(delays_ns)
        self.size = len(ordered)
        self.all_values, self.all_counts = np.unique(ordered, return_counts=True)
        if self.size > _MOST_FITTED:
            ordered = ordered[np.linspace(0, self.size - 1, _MOST_FITTED).round().astype(np.int64)]
        whole, counts = np.unique(ordered, return_counts=True)
        self.ordered = ordered
        self.least = float(whole[0])
        self.values, self.counts = whole.astype(np.float64), counts.astype(np.float64)
        self.half = float(np.gcd.reduce(np.diff(self.all_values))) / 2 if len(self.all_values) > 1 else 0.5
        self.scale = self.size / float(self.counts.sum())
        """delays for each one fitted"""

    def mean(self, of: Floats) -> float:
        """Mean over the delays of something known of each value."""
        return float(self.counts @ of) / float(self.counts.sum())


def fit_delays(delays_ns: NDArray[np.int64]) -> dict[str, Fit]:
    """Every model fitted to delays (int64, shape (n,), n >= 1, 0 to a day), by its name, in the order of ``FAMILIES``.

    A model that these delays cannot be fitted by is left out.  Raises ConfigError for no delays, or delays out of range.
    """
    delays_ns = np.asarray(delays_ns, np.int64)
    if delays_ns.size == 0 or delays_ns.min() < 0 or delays_ns.max() > DAY_NS:
        raise ConfigError("delays from 0 to a day are needed, at least one", where="latency fit")
    sample = Sample(delays_ns)
    found = {"constant": _constant(sample)}
    if len(sample.all_values) > 1 and sample.size >= FEWEST:
        found["uniform"] = _uniform(sample)
        found["shifted_lognormal"] = lognormal = _shifted(sample, _lognormal_start, _lognormal_terms, _lognormal_model)
        found["gamma"] = _shifted(sample, _gamma_start, _gamma_terms, _gamma_model)
        tail = _pareto_tail(sample, lognormal.model)
        found |= {"pareto_tail": tail} if tail is not None else {}
    kept = np.unique(np.linspace(0, sample.size - 1, min(sample.size, _MOST_KEPT)).round().astype(np.int64))
    found["empirical"] = _fit(sample, Empirical(tuple(np.sort(delays_ns)[kept].tolist())), 0, None)
    return found


def fit_lognormal(delays_ns: NDArray[np.int64]) -> ShiftedLognormal:
    """The likeliest shifted lognormal alone; delays as for ``fit_delays``, at least two of them different."""
    fit = _shifted(Sample(np.asarray(delays_ns, np.int64)), _lognormal_start, _lognormal_terms, _lognormal_model)
    assert isinstance(fit.model, ShiftedLognormal)
    return fit.model


def best_of(fits: dict[str, Fit]) -> str:
    """The name of the model with the smallest BIC; the empirical one where even that misses the distribution by more than POOR_KS."""
    judged = {name: fit.bic for name, fit in fits.items() if fit.bic is not None}
    if not judged:
        return "empirical"
    name = min(judged, key=lambda each: judged[each])
    return name if fits[name].ks <= POOR_KS else "empirical"


def distribution(model: Delay, delays: Floats) -> Floats:
    """The share of a model's delays at or below each of ``delays`` (ns)."""
    from scipy.special import gammainc, ndtr

    match model:
        case Constant():
            return (delays >= model.delay_ns).astype(np.float64)
        case Uniform():
            width = max(model.high_ns - model.low_ns, 1e-9)
            return np.clip((delays - model.low_ns) / width, 0.0, 1.0)
        case ShiftedLognormal():
            above = np.maximum(delays - model.shift_ns, 1e-12)
            return ndtr(np.log(above / model.median_ns) / model.sigma)
        case Gamma():
            return gammainc(model.shape, np.maximum(delays - model.shift_ns, 0.0) / model.scale_ns)
        case ParetoTail():
            start = float(model.body.quantile(model.from_quantile))
            beyond = (1 - model.from_quantile) * np.maximum(delays / max(start, 1.0), 1.0) ** -model.alpha
            return np.where(
                delays < start, np.minimum(distribution(model.body, delays), model.from_quantile), 1 - beyond
            )
        case Empirical():
            ordered = np.array(model.delays_ns, np.float64)
            below = np.interp(delays, ordered, np.linspace(0.0, 1.0, len(ordered)), right=1.0)
            return below if len(ordered) > 1 else (delays >= ordered[0]).astype(np.float64)
    raise ConfigError(f"a {model.name} model has no distribution of its own", where="latency fit")


def _fit(sample: Sample, model: Delay, parameters: int, log_likelihood: float | None) -> Fit:
    measured = np.cumsum(sample.all_counts) / sample.size
    ks = float(np.abs(distribution(model, (sample.all_values + sample.half).astype(np.float64)) - measured).max())
    likelihood = None if log_likelihood is None else log_likelihood * sample.scale
    return Fit(model, parameters, sample.size, likelihood, ks)


def _constant(sample: Sample) -> Fit:
    middle = int(sample.ordered[(len(sample.ordered) - 1) // 2])
    return _fit(sample, Constant(middle), 1, 0.0 if len(sample.all_values) == 1 else None)


def _uniform(sample: Sample) -> Fit:
    low, high = int(sample.all_values[0]), int(sample.all_values[-1])
    each = math.log(2 * sample.half / (high - low + 2 * sample.half))
    return _fit(sample, Uniform(low, high), 2, each * float(sample.counts.sum()))


# ------------------------------------------------------------------------- a shift, and a shape above it

Terms = Callable[[Sample, Floats, float, float], Floats]
"""(sample, what the values have above the shift, two parameters) -> logarithm of the probability of each value"""


def _shifted(
    sample: Sample,
    start: Callable[[Sample, Floats], tuple[float, float]],
    terms: Terms,
    model: Callable[[float, float, float], Delay],
) -> Fit:
    """The likeliest shift and shape: every shift of a grid with the best shape for it, then all three together."""
    from scipy.optimize import minimize

    widest = max(sample.least, sample.half)
    gaps = np.geomspace(sample.half, widest, _SHIFTS) if widest > sample.half else np.array([sample.half])

    def loss(point: Floats) -> float:
        gap = min(math.exp(min(point[0], 60.0)), widest)
        value = -float(sample.counts @ terms(sample, sample.values - sample.least + gap, point[1], point[2]))
        return value if math.isfinite(value) else _NO_LIKELIHOOD

    points = []
    for gap in gaps:
        shape = start(sample, sample.values - sample.least + gap)
        points.append(np.array([math.log(gap), *shape]))
    best = min(points, key=loss)
    options = {"xatol": 1e-7, "fatol": 1e-7, "maxiter": 2000, "maxfev": 2000}
    steps = np.vstack([best, best + np.diag([0.2, 0.05, 0.05])])
    found = minimize(loss, best, method="Nelder-Mead", options=options | {"initial_simplex": steps})
    gap = min(math.exp(min(found.x[0], 60.0)), widest)
    return _fit(sample, model(max(sample.least - gap, 0.0), found.x[1], found.x[2]), 3, -float(found.fun))


def _lognormal_start(sample: Sample, above: Floats) -> tuple[float, float]:
    """Mean, and logarithm of the deviation, of the logarithms."""
    logs = np.log(above)
    mean = sample.mean(logs)
    return mean, 0.5 * math.log(max(sample.mean((logs - mean) ** 2), 1e-12))


def _lognormal_terms(sample: Sample, above: Floats, mean: float, log_sigma: float) -> Floats:
    from scipy.special import ndtr

    sigma, half = math.exp(min(log_sigma, 20.0)), sample.half
    score = (np.log(above) - mean) / sigma
    terms = math.log(2 * half) - np.log(above * sigma) - 0.5 * score * score - 0.5 * math.log(2 * math.pi)
    near = above < 8 * half
    low = ndtr((np.log(np.maximum(above[near] - half, 1e-300)) - mean) / sigma)
    terms[near] = np.log(np.maximum(ndtr((np.log(above[near] + half) - mean) / sigma) - low, 1e-300))
    return terms


def _lognormal_model(shift: float, mean: float, log_sigma: float) -> ShiftedLognormal:
    median_ns = max(round(math.exp(min(mean, 31.0))), 1)
    return ShiftedLognormal(round(shift), median_ns, min(max(math.exp(log_sigma), 1e-9), 9.99))


def _gamma_start(sample: Sample, above: Floats) -> tuple[float, float]:
    """Logarithms of shape and scale: log k - digamma(k) = log(mean) - mean(log), scale = mean / k."""
    from scipy.optimize import brentq
    from scipy.special import digamma

    mean = sample.mean(above)
    spread = max(math.log(mean) - sample.mean(np.log(above)), 1e-9)
    log_shape = float(brentq(lambda k: k - digamma(math.exp(k)) - spread, -9.0, 21.0))  # pyright: ignore[reportArgumentType]
    return log_shape, math.log(mean) - log_shape


def _gamma_terms(sample: Sample, above: Floats, log_shape: float, log_scale: float) -> Floats:
    from scipy.special import gammainc, gammaln

    shape, scale = math.exp(min(log_shape, 13.8)), math.exp(min(log_scale, 31.0))
    half = sample.half
    terms = (shape - 1) * np.log(above / scale) - above / scale - gammaln(shape) - math.log(scale) + math.log(2 * half)
    near = above < 8 * half
    low = gammainc(shape, np.maximum(above[near] - half, 0.0) / scale)
    terms[near] = np.log(np.maximum(gammainc(shape, (above[near] + half) / scale) - low, 1e-300))
    return terms


def _gamma_model(shift: float, log_shape: float, log_scale: float) -> Gamma:
    return Gamma(round(shift), min(math.exp(log_shape), 9.9e5), max(round(math.exp(min(log_scale, 31.0))), 1))


# ------------------------------------------------------------------------------- a body and a heavy tail


def _pareto_tail(sample: Sample, body: Delay) -> Fit | None:
    """A lognormal body with a Pareto tail; None where no tail holds enough different delays."""
    from scipy.optimize import minimize
    from scipy.special import ndtri

    assert isinstance(body, ShiftedLognormal)
    widest = max(sample.least, sample.half)

    def parts(point: Floats, share: float) -> tuple[float, float, float, float]:
        """Shift, start of the tail, its index, and minus the logarithm of the likelihood."""
        gap = min(math.exp(min(point[0], 60.0)), widest)
        shift = sample.least - gap
        start = shift + math.exp(min(point[1] + math.exp(min(point[2], 3.0)) * float(ndtri(share)), 60.0))
        tail = sample.values >= start
        count = float(sample.counts[tail].sum())
        growth = float(sample.counts[tail] @ np.log(sample.values[tail] / max(start, 1.0)))
        if count < _FEWEST_IN_TAIL or growth <= 0 or start <= 0:
            return shift, start, 1.0, _NO_LIKELIHOOD
        alpha = count / growth
        gain = count * math.log((1 - share) * alpha / start * 2 * sample.half) - (alpha + 1) * growth
        gain += float((sample.counts * ~tail) @ _lognormal_terms(sample, sample.values - shift, point[1], point[2]))
        return shift, start, alpha, -gain if math.isfinite(gain) else _NO_LIKELIHOOD

    found: list[tuple[float, float, Floats]] = []
    first = np.array(
        [math.log(max(sample.least - body.shift_ns, sample.half)), math.log(body.median_ns), math.log(body.sigma)]
    )
    for share in _TAIL_FROM:
        options = {"xatol": 1e-6, "fatol": 1e-6, "maxiter": 1000, "maxfev": 1000}
        simplex = np.vstack([first, first + np.diag([0.3, 0.1, -0.2])])
        point = minimize(
            lambda each, share=share: parts(each, share)[3], first, method="Nelder-Mead",
            options=options | {"initial_simplex": simplex},
        )  # fmt: skip
        if point.fun < _NO_LIKELIHOOD:
            found.append((float(point.fun), share, point.x))
    if not found:
        return None
    loss, share, point = min(found, key=lambda each: each[0])
    shift, _, alpha, _ = parts(point, share)
    return _fit(sample, ParetoTail(_lognormal_model(max(shift, 0.0), point[1], point[2]), share, alpha), 5, -loss)
