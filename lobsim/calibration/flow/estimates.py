"""Estimates with their errors, and what a fit as a whole gives.

A rate is a sum of counts over a sum of exposures.  Its standard error is the larger of two: one out of how far whole blocks of time lie from the rate, which knows that events come in
clusters, and that of a Poisson count, which knows how few there are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """One parameter.

    name   as the preset has it, "entering 3"
    error  standard error; nan where none is known
    unit   in words
    count  of events behind it, -1 where that says nothing
    """

    name: str
    value: float
    error: float
    unit: str
    count: int = -1

    def as_json(self) -> dict[str, Any]:
        """Plain numbers; null for what is not known."""
        return {
            "name": self.name,
            "value": self.value,
            "error": self.error if math.isfinite(self.error) else None,
            "unit": self.unit,
            "events": self.count if self.count >= 0 else None,
        }


@dataclass(frozen=True)
class Fitted:
    """A fitted model.

    family     fields of its agent in a preset
    opening    fields of [opening]
    warmup_s   how long it trades before the open
    estimates  every parameter with its error
    left_out   what the model leaves out, in words -> how much
    notes      sentences about the fit
    """

    family: dict[str, Any]
    opening: dict[str, Any]
    warmup_s: int
    estimates: list[Estimate]
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    diagnostics: dict[str, float] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """The estimate of that name."""
        return next(estimate.value for estimate in self.estimates if estimate.name == name)


@dataclass(frozen=True)
class Rates:
    """Ratios of sums: value, error, and events counted, float [n] each."""

    value: np.ndarray
    error: np.ndarray
    count: np.ndarray

    def estimates(self, names: Sequence[str], unit: str, *, counts: bool = True) -> list[Estimate]:
        """One for each name."""
        rows = zip(names, self.value, self.error, self.count, strict=True)
        return [Estimate(name, float(v), float(e), unit, round(c) if counts else -1) for name, v, e, c in rows]


def rates(
    counts: Sequence[np.ndarray],
    exposures: Sequence[np.ndarray],
    *,
    events: Sequence[np.ndarray] | None = None,
) -> Rates:
    """Sums of counts over sums of exposures, 0 where there is no exposure.

    The error of blocks b is that of a ratio to first order, sqrt(B / (B - 1) sum_b (count_b - rate exposure_b)^2) / exposure: a state that only one block has seen
    would make a ratio of blocks drawn again infinite.

    counts, exposures  per recording float [blocks] or [blocks, n]
    events             how many events a count stands for, where it sums sizes
    """
    top, bottom = _stacked(counts), _stacked(exposures)
    number = top.sum(axis=0) if events is None else _stacked(events).sum(axis=0)
    top, bottom = np.broadcast_arrays(top, bottom)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.nan_to_num(top.sum(axis=0) / bottom.sum(axis=0), posinf=0.0)
        apart = np.sqrt(((top - value * bottom) ** 2).sum(axis=0) * len(top) / max(len(top) - 1, 1))
        spread = apart / bottom.sum(axis=0)
        poisson = np.where(number > 0, value / np.sqrt(np.maximum(number, 1)), np.nan)
    error = np.fmax(np.nan_to_num(spread), poisson)
    return Rates(value, error, np.broadcast_to(number, value.shape))


def _stacked(parts: Sequence[np.ndarray]) -> np.ndarray:
    """float [all blocks, n]."""
    return np.concatenate([part[:, None] if part.ndim == 1 else part for part in parts])


def added(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Counts of several recordings, added by name."""
    total: dict[str, int] = {}
    for part in parts:
        for name, number in part.items():
            total[name] = total.get(name, 0) + number
    return total
