"""Latency between the participant and the venue: one delay model for each leg, and what the venue refuses when it is overrun.

=================  =====================================================================================
leg                from and to
=================  =====================================================================================
``feed_book``      book changes and phases: from publication to being heard
``feed_trades``    trades: the same
``submit``         a new order: from leaving the participant to arriving at the venue
``cancel``         a cancel: the same
``replace``        a replace: the same
``acknowledge``    any answer but a trade: from the venue to being heard
``fill``           a trade of an own order: the same
``compute``        from a decision's wake to its messages leaving; meanwhile nothing is decided
=================  =====================================================================================

The rules are in docs/rules.md, 6.  The models themselves are in ``lobsim.delays`` and may be imported from here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lobsim.delays import (
    DAY_NS,
    Constant,
    Delay,
    Empirical,
    Gamma,
    ParetoTail,
    ShiftedLognormal,
    Table,
    Uniform,
    model_from_dict,
)
from lobsim.errors import ConfigError, DataError
from lobsim.whole_files import whole_file

__all__ = [
    "DAY_NS",
    "LEGS",
    "Constant",
    "Delay",
    "Empirical",
    "Gamma",
    "Latency",
    "ParetoTail",
    "ShiftedLognormal",
    "Table",
    "Uniform",
    "model_from_dict",
]

LEGS = ("feed_book", "feed_trades", "submit", "cancel", "replace", "acknowledge", "fill", "compute")
"""Every leg; its place is its number in the core (lobsim.core.latency)."""
_GROUPS = {"feed_ns": LEGS[:2], "order_ns": LEGS[2:5], "response_ns": LEGS[5:7]}
_TABLE_LEGS = LEGS[2:7]
_MOST_MESSAGES = 10**6


@dataclass(frozen=True, kw_only=True)
class Latency:
    """The delay of every leg.

    Three constants set groups of legs; a leg that is given itself goes before its group.

    Raises ConfigError for a delay below 0 or above a day, a table on a leg that sends no message, or limits that cannot be.
    """

    feed_ns: int = 0
    """market data: from publication to being seen"""
    order_ns: int = 0
    """requests: from leaving the participant to arrival at the venue"""
    response_ns: int = 0
    """answers: from the venue to being heard"""
    feed_book: int | Delay | None = None
    feed_trades: int | Delay | None = None
    submit: int | Delay | None = None
    cancel: int | Delay | None = None
    replace: int | Delay | None = None
    acknowledge: int | Delay | None = None
    fill: int | Delay | None = None
    compute: int | Delay | None = None
    recorded_feed: bool = False
    """the data set's local clock gives both feed legs; they must not be given then"""
    load_window_ns: int = 10**6
    """load is counted over so long; 1 us to an hour"""
    messages_per_window: int = 0
    """requests beyond so many within rate_window_ns are refused (RATE_LIMIT); 0: no limit"""
    rate_window_ns: int = 10**9
    reject_above_load: float | None = None
    """while the standardised load is above this, requests may be refused (OVERLOAD); None: never"""
    reject_share: float = 1.0
    """the share of them that is"""

    def __post_init__(self) -> None:
        for name in _GROUPS:
            _check_constant(name, getattr(self, name))
        for name in LEGS:
            given = getattr(self, name)
            if isinstance(given, Table) and name not in _TABLE_LEGS:
                raise ConfigError(
                    f"{name} cannot follow a table of requests", where="latency", hint="use an empirical model"
                )
            if given is not None and not isinstance(given, Delay):
                _check_constant(name, given)
        self._check_limits()

    def _check_limits(self) -> None:
        if self.recorded_feed and (self.feed_ns or self.feed_book is not None or self.feed_trades is not None):
            raise ConfigError("a recorded feed takes no feed delay besides", where="latency", hint="leave one out")
        _check_whole("load_window_ns", self.load_window_ns, 1000, 3600 * 10**9)
        _check_whole("messages_per_window", self.messages_per_window, 0, _MOST_MESSAGES)
        _check_whole("rate_window_ns", self.rate_window_ns, 1, DAY_NS)
        above = self.reject_above_load
        if above is not None and not -100 <= above <= 100:
            raise ConfigError(f"reject_above_load is {above}, a number from -100 to 100 is needed", where="latency")
        if not 0 <= self.reject_share <= 1:
            raise ConfigError(f"reject_share is {self.reject_share}, a share from 0 to 1 is needed", where="latency")

    @classmethod
    def round_trip(cls, one_way_ns: int) -> Latency:
        """The same delay on every leg."""
        return cls(feed_ns=one_way_ns, order_ns=one_way_ns, response_ns=one_way_ns)

    def leg(self, name: str) -> Delay:
        """The model of one of the ``LEGS``; of a feed leg that is recorded the constant 0."""
        given = getattr(self, name)
        if given is None:
            group = next((group for group, legs in _GROUPS.items() if name in legs), None)
            given = 0 if group is None else getattr(self, group)
        return given if isinstance(given, Delay) else Constant(given)

    @property
    def is_simple(self) -> bool:
        """Whether three constants say it all: one for both feed legs, one for all requests, one for all answers, and nothing is refused."""
        if self.recorded_feed or self.messages_per_window or self.reject_above_load is not None:
            return False
        for legs in (*_GROUPS.values(), ("compute",)):
            models = [self.leg(name) for name in legs]
            if any(model != models[0] for model in models):
                return False
            if not isinstance(models[0], Constant) or models[0].load_slope:
                return False
        return self.leg("compute") == Constant(0)

    @property
    def typical_order_ns(self) -> int:
        """From a decision to arrival of a new order: the medians of compute and submit."""
        return self.leg("compute").quantile(0.5) + self.leg("submit").quantile(0.5)

    def as_dict(self) -> dict[str, Any]:
        """All that differs from the default, as JSON can hold it; ``from_dict`` reads it."""
        found = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if value != one.default:
                found[one.name] = value.as_dict() if isinstance(value, Delay) else value
        return found

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Latency:
        """What ``as_dict`` wrote.

        Raises ConfigError for a name or a value that cannot be.
        """
        if not isinstance(given, Mapping):
            raise ConfigError("names with their values are needed", where="latency")
        known = {one.name for one in fields(cls)}
        for name in given:
            if name not in known:
                raise ConfigError(f"there is no setting {name!r}", where="latency", hint=f"known are {', '.join(LEGS)}")
        values: dict[str, Any] = {}
        for name, value in given.items():
            values[name] = model_from_dict(value) if isinstance(value, Mapping) else value
        for name in set(values) - set(LEGS):
            if isinstance(values[name], Delay):
                raise ConfigError(f"{name} takes no model", where="latency", hint=f"give it to {', '.join(LEGS)}")
        return cls(**values)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it to a JSON file, whole or not at all; one of that name is replaced.

        Raises DataError when the disk refuses.
        """
        try:
            with whole_file(Path(path)) as partial:
                partial.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise DataError(f"it cannot be saved ({error.strerror or error})", file=path) from error

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Latency:
        """What ``write`` wrote, or a person.

        Raises DataError for a file that cannot be read or is no JSON, ConfigError for what it says.
        """
        try:
            given = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"it cannot be read ({error.strerror or error})", file=path) from error
        except ValueError as error:
            raise DataError("this is no JSON", file=path, hint="write one with Latency.write") from error
        return cls.from_dict(given)

    def __str__(self) -> str:
        legs = {"feed": self.feed_ns, "order": self.order_ns, "response": self.response_ns}
        words = [f"{name} {time_text(value)}" for name, value in legs.items()]
        if len(set(legs.values())) == 1:
            words = [f"{time_text(self.feed_ns)} on each leg"]
        for name in LEGS:
            given = getattr(self, name)
            if given is not None:
                words.append(f"{name} {_model_text(self.leg(name))}")
        if self.recorded_feed:
            words.append("feed as recorded")
        return ", ".join(words)


def _check_constant(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= DAY_NS:
        raise ConfigError(f"{name} is {value}, whole nanoseconds from 0 to one day are needed", where="latency")


def _check_whole(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name} is {value}, a whole number from {low} to {high} is needed", where="latency")


def _model_text(model: Delay) -> str:
    if isinstance(model, Constant):
        return time_text(model.delay_ns)
    words = f"{model.name} around {time_text(model.quantile(0.5))}"
    words += f", rho {model.rho:g}" if model.rho else ""
    return words + (f", load slope {model.load_slope:g}" if model.load_slope else "")


def time_text(time_ns: int) -> str:
    """A time in its largest whole unit: ``1.5 ms``."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if time_ns >= size:
            return f"{time_ns / size:g} {unit}"
    return f"{time_ns} ns"
