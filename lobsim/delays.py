"""Delay models of one leg: what a message may take, as a distribution in whole nanoseconds.

Each is a frozen record with an inverse distribution.  ``rho`` makes a leg's delays come in bursts: the k-th is ``F^-1(Phi(z_k))`` with
``z_k = rho z_{k-1} + sqrt(1 - rho^2) N(0, 1)``, so every single delay still has the distribution F.  ``load_slope`` ties them to the traffic: what a
delay has above the model's floor is multiplied by ``exp(load_slope * z)``, z the standardised number of recorded rows of late, kept within -3 to 3.

Invariants: no delay is below 0 or above a day; quantiles rise with the share.
Known limit: a constant has nothing to draw, so ``rho`` means nothing to it; its floor is 0, so a load slope moves all of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from lobsim.errors import ConfigError

DAY_NS = 24 * 3600 * 10**9


def _refuse(model: str, name: str, value: Any, wanted: str) -> ConfigError:
    return ConfigError(f"{name} is {value}, {wanted} needed", where=f"latency: {model}")


def _check_ns(model: str, name: str, value: Any, least: int = 0) -> None:
    """Raises ConfigError unless value is whole nanoseconds from least to a day."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= DAY_NS:
        raise _refuse(model, name, value, f"whole nanoseconds from {least} to one day are")


def _check_number(model: str, name: str, value: Any, low: float, high: float) -> None:
    """Raises ConfigError unless value is a number strictly between low and high."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low < value < high:
        bounds = f"above {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
        raise _refuse(model, name, value, f"a number {bounds} is")


def _whole(delays: np.ndarray) -> np.ndarray:
    """Delays as whole nanoseconds within a day."""
    return np.rint(np.clip(delays, 0.0, float(DAY_NS))).astype(np.int64)


@dataclass(frozen=True)
class Delay:
    """What all models have in common.

    Raises ConfigError for a number that cannot be.
    """

    name: ClassVar[str] = ""

    rho: float = field(default=0.0, kw_only=True)
    """correlation of one delay of the leg with the next, above -1 and below 1"""
    load_slope: float = field(default=0.0, kw_only=True)
    """growth of the logarithm of the delay above its floor per standard deviation of load"""

    def __post_init__(self) -> None:
        _check_number(self.name, "rho", self.rho, -1.0, 1.0)
        _check_number(self.name, "load_slope", self.load_slope, -3.0, 3.0)

    @property
    def floor_ns(self) -> int:
        """What no load makes shorter."""
        return 0

    def exceeded_with(self, share: np.ndarray) -> np.ndarray:
        """The delays (ns, int64) that are exceeded with these shares, each above 0 and up to 1."""
        raise NotImplementedError

    def quantiles(self, shares: np.ndarray) -> np.ndarray:
        """The delays (ns, int64) below which these shares of all delays lie, each from 0 to below 1."""
        return self.exceeded_with(1.0 - np.asarray(shares, np.float64))

    def quantile(self, share: float) -> int:
        """The delay in ns below which this share of all delays lies, from 0 to below 1."""
        return int(self.quantiles(np.array([share]))[0])

    def as_dict(self) -> dict[str, Any]:
        """The model as JSON can hold it; ``model_from_dict`` reads it."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        for name, value in values.items():
            if isinstance(value, Delay):
                values[name] = value.as_dict()
            elif isinstance(value, tuple):
                values[name] = np.asarray(value).tolist()
        return {"model": self.name} | values


@dataclass(frozen=True)
class Constant(Delay):
    """Always the same."""

    name: ClassVar[str] = "constant"
    delay_ns: int

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_ns(self.name, "delay_ns", self.delay_ns)

    def exceeded_with(self, share: np.ndarray) -> np.ndarray:
        """The delays (ns) exceeded with these shares."""
        return np.full(np.shape(share), self.delay_ns, np.int64)


@dataclass(frozen=True)
class Uniform(Delay):
    """Every delay from low_ns to high_ns is as likely."""

    name: ClassVar[str] = "uniform"
    low_ns: int
    high_ns: int

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_ns(self.name, "low_ns", self.low_ns)
        _check_ns(self.name, "high_ns", self.high_ns, self.low_ns)

    @property
    def floor_ns(self) -> int:
        """What no load makes shorter."""
        return self.low_ns

    def exceeded_with(self, share: np.ndarray) -> np.ndarray:
        """The delays (ns) exceeded with these shares."""
        return _whole(self.high_ns - np.asarray(share, np.float64) * (self.high_ns - self.low_ns))


@dataclass(frozen=True)
class ShiftedLognormal(Delay):
    """``shift_ns + median_ns * exp(sigma * N(0, 1))``: median_ns is the median of what lies above the shift."""

    name: ClassVar[str] = "shifted_lognormal"
    shift_ns: int
    median_ns: int
    sigma: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_ns(self.name, "shift_ns", self.shift_ns)
        _check_ns(self.name, "median_ns", self.median_ns, 1)
        _check_number(self.name, "sigma", self.sigma, 0.0, 10.0)

    @property
    def floor_ns(self) -> int:
        """What no load makes shorter."""
        return self.shift_ns

    def exceeded_with(self, share: np.ndarray) -> np.ndarray:
        """The delays (ns) exceeded with these shares."""
        from scipy.special import ndtri

        return _whole(self.shift_ns + self.median_ns * np.exp(-self.sigma * ndtri(np.asarray(share, np.float64))))


@dataclass(frozen=True)
class Gamma(Delay):
    """shift_ns and above it a gamma distribution of this shape and scale (mean shape * scale_ns)."""

    name: ClassVar[str] = "gamma"
    shift_ns: int
    shape: float
    scale_ns: int

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_ns(self.name, "shift_ns", self.shift_ns)
        _check_number(self.name, "shape", self.shape, 0.0, 1e6)
        _check_ns(self.name, "scale_ns", self.scale_ns, 1)

    @property
    def floor_ns(self) -> int:
        """What no load makes shorter."""
        return self.shift_ns

    def exceeded_with(self, share: np.ndarray) -> np.ndarray:
        """The delays (ns) exceeded with these shares."""
        from scipy.special import gammainccinv

        return _whole(self.shift_ns + self.scale_ns * gammainccinv(self.shape, np.asarray(share, np.float64)))


@dataclass(frozen=True)
class ParetoTail(Delay):
    """A body, and above its quantile ``from_quantile`` a Pareto tail: exceeded with q at ``x0 ((1 - from_quantile) / q)^(1 / alpha)``, x0 that quantile.

    body  any model but a table or another tail; rho and load_slope are the tail's, not the body's
    """

    name: ClassVar[str] = "pareto_tail"
    body: Delay
    from_quantile: float
    alpha: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.body, Delay) or isinstance(self.body, (ParetoTail, Table)):
            raise _refuse(self.name, "body", self.body, "a model that is neither a table nor a tail is")
        if self.body.rho or self.body.load_slope:
            raise ConfigError(
                "the body has a rho or load_slope of its own",
                where=f"latency: {self.name}",
                hint="give them to the tail model",
            )
        _check_number(self.name, "from_quantile", self.from_quantile, 0.0, 1.0)
        _check_number(self.name, "alpha", self.alpha, 0.0, math.inf)

    @property
    def floor_ns(self) -> int:
        """What no load makes shorter."""
        return self.body.floor_ns

    def exceeded_with(self, share: np.ndarray) -> np.ndarray:
        """The delays (ns) exceeded with these shares."""
        share = np.asarray(share, np.float64)
        beyond = 1.0 - self.from_quantile
        start_ns = float(self.body.quantile(self.from_quantile))
        # in logarithms: a flat tail leaves the range of a float long before it is cut at a day
        growth = np.log(beyond / np.minimum(share, beyond)) / self.alpha
        tail = start_ns * np.exp(np.minimum(growth, 60.0))
        return np.where(share < beyond, _whole(tail), self.body.exceeded_with(np.maximum(share, beyond)))


@dataclass(frozen=True)
class Empirical(Delay):
    """Measured delays; between two of them (by size) every delay is as likely.

    delays_ns  at least one, in any order; kept sorted
    """

    name: ClassVar[str] = "empirical"
    delays_ns: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        given = _integers(self.name, "delays_ns", self.delays_ns)
        if given.ndim != 1 or given.size == 0:
            raise ConfigError("delays_ns is empty, at least one delay is needed", where=f"latency: {self.name}")
        for value in (int(given.min()), int(given.max())):
            _check_ns(self.name, "delays_ns", value)
        object.__setattr__(self, "delays_ns", tuple(np.sort(given).tolist()))

    @property
    def floor_ns(self) -> int:
        """What no load makes shorter."""
        return self.delays_ns[0]

    def exceeded_with(self, share: np.ndarray) -> np.ndarray:
        """The delays (ns) exceeded with these shares."""
        ordered = np.array(self.delays_ns, np.int64)
        place = (1.0 - np.asarray(share, np.float64)) * (len(ordered) - 1)
        below = np.clip(np.floor(place).astype(np.int64), 0, len(ordered) - 1)
        above = np.minimum(below + 1, len(ordered) - 1)
        return ordered[below] + np.rint((place - below) * (ordered[above] - ordered[below])).astype(np.int64)


@dataclass(frozen=True)
class Table(Delay):
    """Recorded requests; one table serves the legs of requests and those of answers.

    rows  int64 [n, 3]: request_ns, exchange_ns, response_ns, sorted by request_ns; kept as tuples.  A row whose exchange_ns is 0 or below is a request that was
          rejected (its response_ns is not used)

    A request sent at t takes exchange - request, interpolated in request_ns between the rows around t (those rejected left out), an answer sent at t takes
    response - exchange, interpolated in exchange_ns; before the first row and after the last as in that row.  A request is rejected if the
    last row at or before t was.  A table has neither rho nor load_slope: what was recorded has both already.
    """

    name: ClassVar[str] = "table"
    rows: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        where = f"latency: {self.name}"
        if self.rho or self.load_slope:
            raise ConfigError("a table takes neither rho nor load_slope", where=where, hint="leave them out")
        rows = _integers(self.name, "rows", self.rows)
        if rows.ndim != 2 or rows.shape[1:] != (3,) or not np.any(rows[:, 1] > 0):
            raise ConfigError(
                "rows must hold request_ns, exchange_ns and response_ns, one of them not rejected", where=where
            )
        request, exchange, response = rows.T
        taken = exchange > 0
        _refuse_row(request[1:] < request[:-1], "was requested before the row above it", where, first=2)
        _refuse_row(taken & (exchange < request), "reached the exchange before it was sent", where)
        _refuse_row(taken & (response < exchange), "was answered before it reached the exchange", where)
        _refuse_row(taken & (response - request > DAY_NS), "took longer than a day", where)
        object.__setattr__(self, "rows", tuple(map(tuple, rows.tolist())))

    def request_points(self) -> tuple[np.ndarray, np.ndarray]:
        """When requests were sent, rising, and how long they took, in ns; int64 each."""
        rows = self._taken()
        return rows[:, 0], rows[:, 1] - rows[:, 0]

    def answer_points(self) -> tuple[np.ndarray, np.ndarray]:
        """When answers were sent, rising, and how long they took, in ns; int64 each."""
        rows = self._taken()
        rows = rows[np.argsort(rows[:, 1], kind="stable")]
        return rows[:, 1], rows[:, 2] - rows[:, 1]

    def reject_spans(self) -> np.ndarray:
        """From when to before when requests are rejected, int64 [n, 2]."""
        rows = np.array(self.rows, np.int64)
        ends = np.append(rows[1:, 0], np.iinfo(np.int64).max)
        rejected = rows[:, 1] <= 0
        return np.stack([rows[rejected, 0], ends[rejected]], axis=1)

    def exceeded_with(self, share: np.ndarray) -> np.ndarray:
        """As every model's, of the requests in it, each counted once."""
        return Empirical(tuple(self.request_points()[1].tolist())).exceeded_with(share)

    def as_dict(self) -> dict[str, Any]:
        """The table as JSON can hold it."""
        return {"model": self.name, "rows": np.asarray(self.rows).tolist()}

    def _taken(self) -> np.ndarray:
        rows = np.array(self.rows, np.int64)
        return rows[rows[:, 1] > 0]


def _integers(model: str, name: str, given: Iterable[Any]) -> np.ndarray:
    """What was given as int64.  Raises ConfigError for what is no list of whole numbers of 64 bits."""
    try:
        array = np.asarray(given if isinstance(given, np.ndarray) else list(given))
    except (TypeError, ValueError, OverflowError):
        array = np.array(["no numbers"])
    if array.dtype.kind not in "iu" and array.size:
        raise ConfigError(f"{name} must be whole nanoseconds of 64 bits", where=f"latency: {model}")
    return array.astype(np.int64)


def _refuse_row(bad: np.ndarray, what: str, where: str, first: int = 1) -> None:
    """Raises ConfigError naming the first bad row, if there is one."""
    if np.any(bad):
        raise ConfigError(f"row {int(np.argmax(bad)) + first} {what}", where=where, hint="mend or leave out the row")


MODELS: dict[str, type[Delay]] = {
    model.name: model for model in (Constant, Uniform, ShiftedLognormal, Gamma, ParetoTail, Empirical, Table)
}
"""Every model by the name it has in files."""


def model_from_dict(given: Mapping[str, Any]) -> Delay:
    """The model that ``as_dict`` wrote.

    Raises ConfigError for an unknown model, a field too many or too few, or a value that cannot be.
    """
    if not isinstance(given, Mapping) or given.get("model") not in MODELS:
        known = ", ".join(MODELS)
        name = given.get("model") if isinstance(given, Mapping) else given
        raise ConfigError(f"there is no delay model {name!r}", where="latency", hint=f"known are {known}")
    values = dict(given)
    model = MODELS[values.pop("model")]
    known_fields = {one.name for one in fields(model)}
    required = known_fields - {"rho", "load_slope"}
    for name in sorted(set(values) - known_fields):
        raise ConfigError(f"the model has no {name}", where=f"latency: {model.name}", hint="leave it out")
    for name in sorted(required - set(values)):
        raise ConfigError(f"{name} is missing", where=f"latency: {model.name}")
    if "body" in values:
        values["body"] = model_from_dict(values["body"])
    return model(**values)
