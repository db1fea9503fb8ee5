"""A parent order is checked when it is made, and knows its length and its sign."""

from __future__ import annotations

from typing import Any

import pytest

from execution.parent import Parent
from lobsim.errors import ConfigError
from lobsim.types import MAX_SIZE_LOTS, Side

GOOD: dict[str, Any] = {"side": Side.BUY, "size_lots": 500, "start_ns": 10, "end_ns": 40}


def test_a_parent_without_bounds_has_none() -> None:
    parent = Parent(**GOOD)
    assert (None, None) == (parent.limit_price_ticks, parent.max_participation)


def test_duration_is_end_minus_start() -> None:
    assert Parent(**GOOD).duration_ns == 30


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, 1), (Side.SELL, -1)])
def test_sign_is_plus_one_for_a_buy_and_minus_one_for_a_sell(side: Side, sign: int) -> None:
    assert sign == Parent(**{**GOOD, "side": side}).sign


def test_a_parent_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Parent(**GOOD).size_lots = 1  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("side", 0),
        ("side", "buy"),
        ("size_lots", 0),
        ("size_lots", -5),
        ("size_lots", 10.0),
        ("size_lots", True),
        ("size_lots", MAX_SIZE_LOTS + 1),
        ("start_ns", -1),
        ("start_ns", 1.5),
        ("end_ns", 10),
        ("end_ns", 9),
        ("limit_price_ticks", 166.01),
        ("limit_price_ticks", 2**60),
        ("max_participation", 0.0),
        ("max_participation", 1.01),
        ("max_participation", float("nan")),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field):
        Parent(**{**GOOD, field: value})


def test_the_largest_bounds_are_allowed() -> None:
    parent = Parent(**{**GOOD, "size_lots": MAX_SIZE_LOTS, "max_participation": 1.0, "limit_price_ticks": -3})
    assert (MAX_SIZE_LOTS, 1.0, -3) == (parent.size_lots, parent.max_participation, parent.limit_price_ticks)
