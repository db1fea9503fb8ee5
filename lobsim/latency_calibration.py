"""From measured round trips to the latency settings of a backtest: a model for each leg, bursts, load, and refusals.

Order of work on a leg
    1. load    where it is known how busy the market was (z, standardised, kept within -3 to 3): log(delay - shift) = a + b z by least squares, the shift that of
               the lognormal fit; if b is more than two standard errors from 0, delays are brought to z = 0 by (delay - shift) exp(-b z), and it is done once more
    2. model   every model of `lobsim.latency_fit` on these delays; the one with the smallest BIC, or the one asked for
    3. bursts  scores z_k = Phi^-1((rank - 1/2) / n) in order of sending; rho = sum z_k z_{k+1} / sum z_k^2, 0 if within two standard errors of it

The request leg serves submit, cancel and replace, the answer leg acknowledge and fill.  Refusals become ``reject_share`` of all requests or, with load known, of
those above the smallest load at which one was refused (the likeliest threshold).

Known limits: one request leg for all kinds of request; the feed leg is not in such rows, the caller gives it; slope and model are fitted one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobsim.core.latency import LOAD_REACH
from lobsim.delays import Constant, Delay, Table
from lobsim.errors import ConfigError
from lobsim.latency import Latency
from lobsim.latency_fit import FAMILIES, FEWEST, Fit, best_of, fit_delays, fit_lognormal
from lobsim.latency_rows import RoundTrips

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MODELS = ("auto", *FAMILIES, "table")
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
"""Of the table of quantiles."""
_SURE = 2.0
"""A slope or correlation within so many standard errors of 0 is taken as 0."""
_ALWAYS_ABOVE = -100.0
_MIXED = 500
_FEWEST_SCORES = 3


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and its standard error; ``used`` is 0 where it is not told from 0."""

    value: float
    error: float

    @property
    def used(self) -> float:
        """What the settings get."""
        return self.value if abs(self.value) > _SURE * self.error else 0.0


@dataclass(frozen=True, kw_only=True)
class LegFit:
    """What was found of one leg.

    name       "request" or "answer"
    fits       every model, by name
    chosen     its name
    model      the chosen one with rho and load slope
    rho        correlation of one delay with the next; None where delays do not differ
    load       growth of the logarithm of the delay per standard deviation of load; None where load is not known
    quantiles  (share, measured ns, model ns)
    """

    name: str
    fits: dict[str, Fit]
    chosen: str
    model: Delay
    rho: Estimate | None
    load: Estimate | None
    quantiles: tuple[tuple[float, int, int], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "chosen": self.chosen,
            "rho": None if self.rho is None else {"value": self.rho.value, "error": self.rho.error},
            "load_slope": None if self.load is None else {"value": self.load.value, "error": self.load.error},
            "models": {
                name: {
                    "aic": fit.aic,
                    "bic": fit.bic,
                    "ks": fit.ks,
                    "settings": None if name == "empirical" else fit.model.as_dict(),
                }
                for name, fit in self.fits.items()
            },
            "quantiles": [
                {"share": share, "live_ns": live, "model_ns": model} for share, live, model in self.quantiles
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was found of all rows, and the settings for a backtest."""

    rows: int
    refused: int
    request: LegFit
    answer: LegFit
    latency: Latency

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "rows": self.rows,
            "refused": self.refused,
            "refused_share": self.refused / self.rows,
            "request": self.request.to_json(),
            "answer": self.answer.to_json(),
            "latency": self.latency.as_dict(),
        }


def standardised(rate: Floats) -> Floats | None:
    """How busy it was, in standard deviations from the mean, kept within LOAD_REACH; None where it never differs."""
    spread = float(rate.std())
    return None if not spread > 0 else np.clip((rate - rate.mean()) / spread, -LOAD_REACH, LOAD_REACH)


def calibrate(
    trips: RoundTrips,
    *,
    load: Floats | None = None,
    answer_load: Floats | None = None,
    model: str = "auto",
    feed_ns: int = 0,
    recorded_feed: bool = False,
) -> Calibration:
    """Fit both legs and put the settings together.

    load                    standardised, at each request, shape (n,), where it is known
    answer_load             the same at its exchange time; None: as at the request
    model                   one of MODELS for both legs; auto: by BIC
    feed_ns, recorded_feed  the feed leg, which the rows do not hold

    Raises ConfigError for a model there is none of, or one that a leg cannot be fitted by.
    """
    if model not in MODELS:
        raise ConfigError(f"there is no model {model!r}", where="--model", hint=f"choose from {', '.join(MODELS)}")
    taken = ~trips.refused
    order = np.argsort(trips.exchange_ns[taken], kind="stable")  # answers leave in the order in which requests arrive
    late = load if answer_load is None else answer_load
    request = _leg("request", trips.request_leg_ns, None if load is None else load[taken], model)
    answer = _leg("answer", trips.answer_leg_ns[order], None if late is None else late[taken][order], model)
    legs: dict[str, Any]
    if model == "table":
        rows = np.stack([trips.request_ns, np.where(taken, trips.exchange_ns, 0), trips.response_ns], axis=1)
        table = Table(tuple(map(tuple, rows.tolist())))
        legs = dict.fromkeys(("submit", "cancel", "replace", "acknowledge", "fill"), table)
    else:
        legs = dict.fromkeys(("submit", "cancel", "replace"), request.model)
        legs |= dict.fromkeys(("acknowledge", "fill"), answer.model) | _refusals(trips.refused, load)
    latency = Latency(feed_ns=feed_ns, recorded_feed=recorded_feed, **legs)
    refused = int(trips.refused.sum())
    return Calibration(rows=len(trips.request_ns), refused=refused, request=request, answer=answer, latency=latency)


def _refusals(refused: NDArray[np.bool_], load: Floats | None) -> dict[str, float]:
    """Settings under which requests are refused as often as these were."""
    if not refused.any():
        return {}
    if load is None:
        return {"reject_above_load": _ALWAYS_ABOVE, "reject_share": float(refused.mean())}
    # Requests are refused above the threshold, not at it.
    threshold = float(np.nextafter(load[refused].min(), -np.inf))
    return {"reject_above_load": threshold, "reject_share": float(refused[load > threshold].mean())}


def _leg(name: str, delays_ns: Integers, load: Floats | None, wanted: str) -> LegFit:
    slope, at_rest_ns = _without_load(delays_ns, load)
    fits = fit_delays(at_rest_ns)
    chosen = best_of(fits) if wanted in ("auto", "table") else wanted
    if chosen not in fits:
        raise ConfigError(
            f"the {name} leg cannot be fitted by {chosen}: {len(delays_ns)} delays, {len(np.unique(at_rest_ns))} different",
            where="--model",
            hint=f"there is {', '.join(fits)}",
        )
    rho = _bursts(at_rest_ns)
    model = fits[chosen].model
    if not isinstance(model, Constant):
        used = {"rho": 0.0 if rho is None else rho.used, "load_slope": 0.0 if slope is None else slope.used}
        model = replace(model, **used)
    return LegFit(
        name=name,
        fits=fits,
        chosen=chosen,
        model=model,
        rho=rho,
        load=slope,
        quantiles=_quantiles(delays_ns, model, load),
    )


def _without_load(delays_ns: Integers, load: Floats | None) -> tuple[Estimate | None, Integers]:
    """The load slope, and the delays as they would be at load 0."""
    if load is None or len(delays_ns) < FEWEST or not load.std() > 0 or len(np.unique(delays_ns)) < FEWEST:
        return None, delays_ns
    at_rest_ns, slope = delays_ns, Estimate(value=0.0, error=1.0)
    for _ in range(2):
        body = fit_lognormal(at_rest_ns)
        above = (delays_ns - body.shift_ns).astype(np.float64)
        slope = _line(np.log(np.maximum(above, 0.5)), load)
        at_rest_ns = np.rint(body.shift_ns + above * np.exp(-slope.used * load)).astype(np.int64)
        at_rest_ns = np.maximum(at_rest_ns, 0)
        if not slope.used:
            break
    return slope, at_rest_ns


def _line(values: Floats, load: Floats) -> Estimate:
    """Slope of a least-squares line and its standard error."""
    centred = load - load.mean()
    square = float(centred @ centred)
    slope = float(centred @ values) / square
    residuals = values - values.mean() - slope * centred
    return Estimate(value=slope, error=sqrt(float(residuals @ residuals) / max(len(values) - 2, 1) / square))


def _bursts(delays_ns: Integers) -> Estimate | None:
    """Correlation of the Gaussian score of one delay with that of the next."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    if len(delays_ns) < _FEWEST_SCORES or delays_ns.min() == delays_ns.max():
        return None
    scores = ndtri((rankdata(delays_ns) - 0.5) / len(delays_ns))
    rho = float(scores[1:] @ scores[:-1]) / float(scores @ scores)
    return Estimate(value=rho, error=sqrt(max(1 - rho * rho, 0.0) / len(scores)))


def _quantiles(delays_ns: Integers, model: Delay, load: Floats | None) -> tuple[tuple[float, int, int], ...]:
    """Measured quantiles beside those of the model under the measured loads."""
    live = np.quantile(delays_ns, SHARES)
    if model.load_slope and load is not None:
        loads = np.sort(load)[np.linspace(0, len(load) - 1, min(len(load), _MIXED)).round().astype(np.int64)]
        shares = (np.arange(_MIXED) + 0.5) / _MIXED
        above = (model.quantiles(shares) - model.floor_ns).astype(np.float64)
        modelled = np.quantile(model.floor_ns + np.outer(np.exp(model.load_slope * loads), above), SHARES)
    else:
        modelled = model.quantiles(np.array(SHARES))
    return tuple((share, round(one), round(two)) for share, one, two in zip(SHARES, live, modelled, strict=True))
