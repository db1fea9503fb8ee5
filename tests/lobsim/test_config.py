"""Settings of a market: what is refused, what is the default, what reaches the core."""

from __future__ import annotations

from typing import Any

import pytest

from lobsim.config import Latency, MarketConfig, Overlay
from lobsim.core.state import WORLD
from lobsim.errors import ConfigError
from lobsim.types import CrossPolicy, Fidelity, Impact, QueueModel, SurplusPolicy

DAY_NS = 86_400 * 10**9


@pytest.mark.parametrize("leg", ["feed_ns", "order_ns", "response_ns"])
@pytest.mark.parametrize("value", [-1, DAY_NS + 1, 1.5])
def test_a_leg_is_whole_nanoseconds_up_to_a_day(leg: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"latency: {leg} is {value}, whole nanoseconds from 0 to one day"):
        Latency(**{leg: value})


@pytest.mark.parametrize(
    ("latency", "expected"),
    [
        (Latency(), "0 ns on each leg"),
        (Latency.round_trip(50_000), "50 us on each leg"),
        (Latency.round_trip(1_500_000), "1.5 ms on each leg"),
        (Latency(feed_ns=10**9, order_ns=999, response_ns=1000), "feed 1 s, order 999 ns, response 1 us"),
    ],
)
def test_a_latency_tells_itself_in_words(latency: Latency, expected: str) -> None:
    assert expected == str(latency)


@pytest.mark.parametrize(
    ("fidelity", "expected"),
    [
        (Fidelity.L3_FULL, Impact.REMATCH),
        (Fidelity.L3_TOP_K, Impact.REMATCH),
        (Fidelity.L2_TRADES, Impact.CONSUME),
    ],
)
def test_the_default_impact_is_that_of_the_data(fidelity: Fidelity, expected: Impact) -> None:
    assert expected is MarketConfig().impact_for(fidelity)
    assert Impact.NONE is MarketConfig(impact=Impact.NONE).impact_for(fidelity)


@pytest.mark.parametrize(
    ("impact", "fidelity", "message"),
    [
        (
            Impact.CONSUME,
            Fidelity.L3_FULL,
            "impact consume does not exist for L3_FULL data; use rematch, overlay or none",
        ),
        (
            Impact.DECAY,
            Fidelity.L3_TOP_K,
            "impact decay does not exist for L3_TOP_K data; use rematch, overlay or none",
        ),
        (
            Impact.REMATCH,
            Fidelity.L2_TRADES,
            "impact rematch does not exist for L2_TRADES data; use consume, decay or none",
        ),
        (Impact.REMATCH, Fidelity.L1, "impact rematch does not exist for L1 data; use consume, decay or none"),
    ],
)
def test_an_impact_that_the_data_do_not_bear_is_refused(impact: Impact, fidelity: Fidelity, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MarketConfig(impact=impact).impact_for(fidelity)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": 2**63},
        {"seed": -(2**63) - 1},
        {"median_life_ns": 0},
        {"median_life_ns": DAY_NS + 1},
        {"half_life_ns": 999},
        {"half_life_ns": 366 * DAY_NS},
        {"queue_power": 0.0},
        {"queue_power": 64.5},
        {"queue_power": float("nan")},
    ],
)
def test_settings_that_the_core_cannot_hold_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"market: {next(iter(wrong))} is"):
        MarketConfig(**wrong)  # type: ignore[arg-type]


def test_every_setting_reaches_a_field_of_the_core() -> None:
    config = MarketConfig(
        impact=Impact.NONE,
        cross=CrossPolicy.SLIDE,
        surplus=SurplusPolicy.PERSIST,
        queue_model=QueueModel.PROPORTIONAL,
        queue_power=2.5,
        half_life_ns=4000,
        hidden_at_equal=True,
        overlay=Overlay(passive_weight=0.25),
        own_first=True,
        seed=-7,
        latency=Latency(feed_ns=1, order_ns=2, response_ns=3),
    )
    expected = {
        "impact": 0,
        "cross": 1,
        "surplus_policy": 2,
        "queue_model": 1,
        "queue_power_millionths": 2_500_000,
        "half_life_ns": 4000,
        "overlay_scale": 9,
        "passive_weight": 256,
        "hidden_at_equal": 1,
        "own_first": 1,
        "median_life_ns": 55,
        "seed": -7,
        "shift": 20,
        "feed_ns": 1,
        "order_ns": 2,
        "response_ns": 3,
    }
    assert expected == config.params(Fidelity.L2_TRADES, 55, 20, 9)
    assert set(expected) <= set(WORLD.names or ())


def test_a_chosen_median_life_goes_before_the_measured_one() -> None:
    assert 9 == MarketConfig(median_life_ns=9).params(Fidelity.L3_FULL, 55, 0)["median_life_ns"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"prefactor": 0.0}, "prefactor is 0.0"),
        ({"half_life_ns": 1}, "half_life_ns is 1"),
        ({"passive_weight": 1.5}, "passive_weight is 1.5"),
        ({"daily_volume_lots": 5}, "go together"),
        ({"daily_volume_lots": 0, "daily_volatility_ticks": 1.0}, "above 0"),
    ],
)
def test_an_overlay_that_means_nothing_is_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=f"overlay: .*{said}"):
        Overlay(**wrong)  # type: ignore[arg-type]


def test_under_an_overlay_the_half_life_is_that_of_the_pressure() -> None:
    config = MarketConfig(impact=Impact.OVERLAY, overlay=Overlay(half_life_ns=7000))
    assert 7000 == config.params(Fidelity.L3_FULL, 55, 0)["half_life_ns"]
