"""What people write, as what the core reads: decimals to whole steps, words to enumerations.

Nothing goes through a float: a float that is handed in stands for its shortest decimal text.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from enum import IntEnum
from fractions import Fraction
from operator import index
from typing import SupportsIndex, TypeVar

import numpy as np

from lobsim.errors import ConfigError, OrderError

Number = str | Decimal | int | float
"""A price or a size as people write it."""

Word = TypeVar("Word", bound=IntEnum)

_MAX_STEP_DIGITS = 12
"""Significant digits of a tick or a lot: with them every legal price is exact in 28 digits."""


def step_of(value: Number, name: str) -> Decimal:
    """A tick or lot size as an exact decimal above 0."""
    try:
        step = Decimal(repr(float(value)) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError, ValueError):
        raise ConfigError(f"{name} is {value!r}, a decimal such as '0.01' is needed") from None
    if not step.is_finite() or step <= 0:
        raise ConfigError(f"{name} is {value!r}, a decimal above 0 is needed")
    if len(step.as_tuple().digits) > _MAX_STEP_DIGITS or not -_MAX_STEP_DIGITS <= step.adjusted() <= _MAX_STEP_DIGITS:
        raise ConfigError(f"{name} is {value!r}, at most {_MAX_STEP_DIGITS} digits on either side are allowed")
    return step


def number_of(value: Number, name: str) -> Decimal:
    """What a person wrote as a number; a float stands for its shortest decimal text."""
    try:
        if isinstance(value, bool):
            raise TypeError
        written = repr(float(value)) if isinstance(value, float) else value
        number = Decimal(written if isinstance(written, str | Decimal) else index(written))
    except (InvalidOperation, TypeError, ValueError):
        raise OrderError(f"{name} is {value!r}, which is no number") from None
    if not number.is_finite():
        raise OrderError(f"{name} is {value!r}, which is no number")
    return number


def steps_in(number: Decimal, step: Decimal, most: int) -> int | None:
    """How many steps a number is, at most `most` + 1 of either sign; None if it lies between two."""
    if not number:
        return 0
    if number.adjusted() - step.adjusted() > 20:
        return most + 1 if number > 0 else -most - 1
    if number.adjusted() < -40:
        return None
    ratio = Fraction(number) / Fraction(step)
    if ratio.denominator != 1:
        return None
    return max(-most - 1, min(most + 1, int(ratio)))


def word_of(value: str | Word, kind: type[Word], name: str) -> Word:
    """A member of an enumeration, by itself or by its name in any case."""
    if isinstance(value, kind):
        return value
    if isinstance(value, str) and value.upper() in kind.__members__:
        return kind[value.upper()]
    known = ", ".join(repr(member.lower()) for member in kind.__members__)
    raise OrderError(f"{name} is {value!r}", hint=f"use one of {known}")


def whole_of(value: SupportsIndex, name: str) -> int:
    """An id or a time: any 64-bit integer."""
    try:
        number = index(value)
    except TypeError:
        raise OrderError(f"{name} is {value!r}, a whole number is needed") from None
    if not -(2**63) <= number < 2**63:
        raise OrderError(f"{name} is {number}, which does not fit 64 bits")
    return number


def natural(values: np.ndarray, unit: Fraction) -> np.ndarray:
    """Integers times a unit as the nearest floats (multiplied and divided as integers: 5802300 * 0.0001 is 580.23)."""
    return values.astype(np.float64) * unit.numerator / unit.denominator
