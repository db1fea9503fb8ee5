"""From decimal text, and from what programs made of it, to whole numbers of a power of ten, exactly.

Text is checked by a pattern and cast to a decimal of 128 bits: 12 million cells a second, where taking the text apart by patterns and joining its
digits did 2 million.  Text that stands in columns of a delimited file goes a shorter way (``delimited``).

Where a number has been through a 64-bit float, the decimal with the fewest digits that rounds to that float is taken: 0.1 for
0.1000000000000000055.  The float is a test only.

Invariants: nothing is ever rounded: a number that is not a whole multiple of its unit, or does not fit 64 bits, is null (or marked) and for the caller to refuse.
"""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import polars as pl

from lobsim.feeds.schema import Rule

_FLOAT_WHOLE = 2**53


def exact(text: pl.Expr, digits: int, *, signed: bool = False) -> pl.Expr:
    """Decimal text as whole numbers of 10^-digits; null for what is no plain decimal, is finer, or does not fit 64 bits.

    signed  a minus sign is allowed

    Exact: "34200.05990197" with 9 digits is 34200059901970.
    """
    fraction = rf"\.(?:[0-9]{{0,{digits}}}0+|[0-9]{{1,{digits}}})" if digits else r"\.0+"
    plain = text.str.contains(rf"^{'-?' if signed else ''}[0-9]{{1,19}}(?:{fraction})?$")
    number = text.cast(pl.Decimal(38, digits), strict=False).to_physical().cast(pl.Int64, strict=False)
    return pl.when(plain).then(number)


def iso_time_ns(text: pl.Expr) -> pl.Expr:
    """``2026-08-09T21:05:48.228568804Z`` (or a blank, up to nine decimals, ``+00:00``) as nanoseconds UTC; null for anything else."""
    plain = text.str.contains(
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|\+00:00)$"
    )
    second = text.str.head(19).str.replace(" ", "T", literal=True)
    whole = second.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ms", strict=False).dt.epoch("ms")
    fraction = text.str.slice(19).str.strip_suffix("Z").str.strip_suffix("+00:00").str.strip_prefix(".")
    return pl.when(plain).then(whole * 10**6 + fraction.str.pad_end(9, "0").cast(pl.Int64, strict=False))


def without_float_noise(frame: pl.DataFrame, name: str, digits: int) -> tuple[pl.DataFrame, int]:
    """Take the noise of a 64-bit float off a column of decimal text; also the number of fields it was taken off.

    A field with more decimals than ``digits``, or an exponent, loses them only if it is, letter for letter, what a program prints of a 64-bit float, and
    that float is within two steps of the shorter number: "35821.088778456004" is 35821.088778456, "4e-05" is 0.00004.  Other fields are left alone.
    """
    long = frame[name].filter(frame[name].str.contains(rf"\.[0-9]{{{digits + 1}}}|[0-9]e"))
    shorter: dict[str, str] = {}
    for field in long.unique(maintain_order=True):
        if field not in (repr(float(field)), f"{float(field):.17g}"):
            continue
        nearest = Decimal(field).quantize(Decimal(1).scaleb(-digits))
        if abs(Decimal(field) - nearest) <= 2 * Decimal(math.ulp(float(field))):
            shorter[field] = f"{nearest:f}"
    if not shorter:
        return frame, 0
    return frame.with_columns(pl.col(name).replace(shorter)), int(long.is_in(list(shorter)).sum())


def exact_integers(values: np.ndarray, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """64-bit floats as whole numbers of 10^-digits, int64, and which could not be taken (0 there).

    ``n / 10^k`` of whole numbers below 2^53 and k <= 22 is the float nearest to that decimal, so comparing it with the value tests the decimal itself.
    """
    taken = np.zeros(len(values), dtype=np.int64)
    waiting = np.isfinite(values) & (np.abs(values) < 2.0**62 / 10.0**digits)
    bad = ~waiting
    for k in range(digits + 1):
        at = np.flatnonzero(waiting)
        if len(at) == 0:
            break
        whole = np.rint(values[at] * 10.0**k)
        fits = (np.abs(whole) < _FLOAT_WHOLE) & (whole / 10.0**k == values[at])
        taken[at[fits]] = whole[fits].astype(np.int64) * 10 ** (digits - k)
        waiting[at[fits]] = False
    return taken, bad | waiting


def exact_rule(field: str, values: np.ndarray, bad: np.ndarray, digits: int) -> Rule:
    """The refusal of what could not be taken."""
    return Rule(bad, field, values, f"which is no decimal of at most {digits} decimals")
