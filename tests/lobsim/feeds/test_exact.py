"""Decimal text, times and floats become exact integers, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lobsim.feeds.exact import exact, exact_integers, iso_time_ns, without_float_noise


def taken(text: str, digits: int, *, signed: bool = False) -> int | None:
    """One cell."""
    return pl.DataFrame({"x": [text]}).select(exact(pl.col("x"), digits, signed=signed)).item()


@given(
    whole=st.integers(0, 10**9),
    decimals=st.text("0123456789", max_size=9),
    zeros=st.integers(0, 4),
    negative=st.booleans(),
)
def test_decimal_text_becomes_exact_integers(whole: int, decimals: str, zeros: int, negative: bool) -> None:
    number = f"{'-' if negative else ''}{whole}" + (f".{decimals}{'0' * zeros}" if decimals else "")
    assert int(Fraction(number) * 10**9) == taken(number, 9, signed=True)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        *(
            (text, 2)
            for text in ("", " 1", "1 ", "+1", "-1", "1e2", "1.", ".5", "1.234", "1,5", "nan", "0x1", "1_0", "١")
        ),
        ("1.5", 0),
        ("9223372036854775808", 0),
        ("92233720368547758.08", 2),
        ("12345678901234567890", 0),
    ],
)
def test_what_is_no_plain_decimal_of_that_many_digits_or_does_not_fit_is_nothing(text: str, digits: int) -> None:
    assert taken(text, digits) is None


def test_the_largest_number_that_fits_is_taken() -> None:
    assert 2**63 - 1 == taken("9223372036854775807", 0)
    assert -(2**63) == taken("-92233720368547758.08", 2, signed=True)


@given(st.integers(0, 4 * 10**18), st.integers(0, 9), st.sampled_from("T "), st.sampled_from(["Z", "+00:00"]))
def test_iso_times_are_exact(time_ns: int, digits: int, between: str, zone: str) -> None:
    time_ns -= time_ns % 10 ** (9 - digits)
    second = datetime.fromtimestamp(time_ns // 10**9, UTC).strftime(f"%Y-%m-%d{between}%H:%M:%S")
    fraction = f".{time_ns % 10**9 // 10 ** (9 - digits):0{digits}}" if digits else ""
    frame = pl.DataFrame({"x": [f"{second}{fraction}{zone}"]})
    assert time_ns == frame.select(iso_time_ns(pl.col("x"))).item()


@pytest.mark.parametrize(
    "text",
    ["2026-02-30T00:00:00Z", "2026-02-03T00:00:00", "2026-02-03T00:00:00.Z", "2026-02-03T00:00:00+01:00", "", "1"],
)
def test_other_times_are_nothing(text: str) -> None:
    assert pl.DataFrame({"x": [text]}).select(iso_time_ns(pl.col("x"))).item() is None


@given(time_ns=st.integers(0, 86_400 * 10**9 - 1))
def test_noise_of_a_float_is_taken_off_exactly(time_ns: int) -> None:
    plain = f"{time_ns // 10**9}.{time_ns % 10**9:09d}"
    noisy = repr(np.nextafter(float(plain), np.inf).item())
    assume("e" not in noisy and len(noisy.split(".")[1]) > 9)
    frame, count = without_float_noise(pl.DataFrame({"time": [noisy, plain]}), "time", 9)
    assert (1, [time_ns, time_ns]) == (count, frame.select(exact(pl.col("time"), 9))["time"].to_list())


@pytest.mark.parametrize(
    ("text", "plain"),
    [("236.27000000000001", "236.27000000"), ("4e-05", "0.00004000"), ("1.123456789", None), ("x", None)],
)
def test_only_what_a_program_prints_of_a_float_is_shortened(text: str, plain: str | None) -> None:
    frame, _ = without_float_noise(pl.DataFrame({"x": [text]}), "x", 8)
    assert (plain or text) == frame.item()
    assert plain is None or Decimal(plain) * 10**8 == taken(plain, 8)


@given(st.integers(min_value=-(10**14), max_value=10**14), st.integers(min_value=0, max_value=10))
def test_every_decimal_comes_back_from_its_float(number: int, digits: int) -> None:
    scaled = number * 10 ** (10 - digits)
    if abs(scaled) < 2**62:
        (found,), (bad,) = exact_integers(np.array([float(f"{number}e-{digits}")]), 10)
        assert (scaled, False) == (found, bad)


@pytest.mark.parametrize("value", [0.1 + 0.2, 1 / 3, float("nan"), float("inf"), 1e300, 1e-11])
def test_a_float_that_is_no_short_decimal_is_not_taken(value: float) -> None:
    assert [True] == exact_integers(np.array([value]), 10)[1].tolist()
