"""Logarithm and exponential: right to 2 units in the last place, and the same bits compiled or not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.core import arithmetic
from lobsim.core.arithmetic import exponential, natural_log, power
from tests.support.plain_kernels import plain


def ulps(found: float, right: float) -> float:
    return abs(found - right) / float(np.spacing(abs(right) or 5e-324))


@given(st.floats(min_value=5e-324, max_value=1.7e308))
def test_logarithm_is_right_to_the_last_places(x: float) -> None:
    assert ulps(natural_log(x), math.log(x)) <= 2


@given(st.floats(min_value=0.9, max_value=1.1))
def test_logarithm_near_one_loses_nothing(x: float) -> None:
    assert ulps(natural_log(x), math.log(x)) <= 2


@given(st.floats(min_value=-708, max_value=709))
def test_exponential_is_right_to_the_last_places(x: float) -> None:
    assert ulps(exponential(x), math.exp(x)) <= 2


def test_ends_of_the_scale() -> None:
    assert natural_log(1.0) == 0.0
    assert exponential(0.0) == 1.0
    assert exponential(-800.0) == 0.0
    assert exponential(800.0) == math.inf
    assert exponential(-744.0) == pytest.approx(math.exp(-744.0), rel=1e-15, abs=5e-324)


@given(st.floats(min_value=1e-6, max_value=1e6), st.floats(min_value=-3, max_value=3))
def test_power_agrees_with_the_library(base: float, exponent: float) -> None:
    assert power(base, exponent) == pytest.approx(base**exponent, rel=1e-13)


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_bits_are_the_same_compiled_or_not(x: float) -> None:
    assert plain(arithmetic, "natural_log")(x) == natural_log(x)
    y = math.remainder(x, 700.0)
    assert plain(arithmetic, "exponential")(y) == exponential(y)
