"""Tick, lot and quantum are what divides the numbers, exactly."""

from __future__ import annotations

from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.errors import ConfigError, DataError
from lobsim.feeds.scales import Numbers, decimal_text, find_scales, step_in_units, usual_step
from tests.support.pieces import BUY, level, table


@pytest.mark.parametrize(
    ("divisor", "unit", "step"),
    [
        (85_315, "0.1", "0.5"),  # ten trades at one price, 8531.5, of a venue with a tick of 0.5
        (3, "0.01", "0.01"),
        (25, "0.01", "0.25"),
        (15_625, "0.000001", "0.015625"),  # 1/64
        (12_500, "0.01", "25"),
        (1, "1", "1"),
        (700, "1", "100"),
        (10, "1", "10"),
        (1, "0.000000000001", "0.000000000001"),
    ],
)
def test_a_step_that_is_found_is_one_that_venues_use(divisor: int, unit: str, step: str) -> None:
    assert step == decimal_text(usual_step(divisor, unit) * Fraction(unit))


@given(st.integers(1, 10**15), st.sampled_from(["1", "0.01", "0.0000001", "0.25"]))
def test_a_usual_step_always_divides(divisor: int, unit: str) -> None:
    assert 1 == (Fraction(divisor) / usual_step(divisor, unit)).denominator


@given(
    prices=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20),
    sizes=st.lists(st.integers(1, 10**12), min_size=1, max_size=20),
)
def test_what_is_rescaled_is_worth_what_it_was(prices: list[int], sizes: list[int]) -> None:
    count = min(len(prices), len(sizes))
    rows = table([level(0, BUY, price, size) for price, size in zip(prices[:count], sizes[:count], strict=True)])
    numbers = Numbers()
    for cut in range(0, count, 3):
        numbers.take(rows[cut : cut + 3])
    scales = find_scales(numbers, "0.001", "0.01", None, None, file="x")
    after = scales.rescaled(rows)
    for old, new in zip(rows.rows(named=True), after.rows(named=True), strict=True):
        assert old["price"] * Fraction("0.001") == new["price"] * Fraction(scales.price_quantum)
        assert old["size"] * Fraction("0.01") == new["size"] * Fraction(scales.lot)
        assert 0 == new["price"] % scales.tick_quanta
    assert isinstance(after["price"].dtype, pl.Int64)


def test_numbers_that_would_not_fit_are_refused() -> None:
    numbers = Numbers()
    numbers.take(table([level(0, BUY, 2**50, 1)]))
    with pytest.raises(DataError, match="a price does not fit 62 bits"):
        find_scales(numbers, "1", "1", step_in_units("0.00001", "1", "tick"), None, file="x")


@pytest.mark.parametrize("text", ["0", "-0.1", "nan", "inf", "", "a", "1/3", "1/2"])
def test_a_step_that_is_no_decimal_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="a decimal above 0 is needed"):
        step_in_units(text, "1", "tick")


@pytest.mark.parametrize(
    ("value", "text"), [("1", "1"), ("0.010", "0.01"), ("1200", "1200"), ("0.000000001", "0.000000001")]
)
def test_decimal_text_is_plain(value: str, text: str) -> None:
    assert text == decimal_text(Fraction(value))
