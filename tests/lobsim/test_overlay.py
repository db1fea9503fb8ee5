"""What a recording shows of its own strength against own trading: volume and moves, as one number of the core."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lobsim.config import MarketConfig, Overlay
from lobsim.core.pressure import MAX_SCALE
from lobsim.errors import ConfigError
from lobsim.market import Market
from lobsim.overlay import STEP_NS, overlay_scale, squared_moves
from lobsim.types import Impact
from tests.execution import steady_market as made


def test_one_tick_takes_volume_over_squared_volatility() -> None:
    # 10,000 lots a day at 20 ticks: 100 lots move it by 20 * sqrt(0.01) = 2 ticks, so a tick takes 25
    given = Overlay(daily_volume_lots=10_000, daily_volatility_ticks=20.0)
    assert 25 * 1024 == overlay_scale(given, 0, Fraction(0))
    assert 25 * 1024 == overlay_scale(Overlay(), 10_000, Fraction(400))
    assert 100 * 1024 == overlay_scale(Overlay(prefactor=0.5), 10_000, Fraction(400))
    assert MAX_SCALE == overlay_scale(Overlay(prefactor=0.001), 2**60, Fraction(1, 4))


@pytest.mark.parametrize(("volume", "variance"), [(0, Fraction(1)), (5, Fraction(0))])
def test_a_recording_without_volume_or_moves_is_refused(volume: int, variance: Fraction) -> None:
    with pytest.raises(ConfigError, match="no volume or no moves"):
        overlay_scale(Overlay(), volume, variance)


def test_moves_are_those_of_the_middle_from_five_minutes_to_five_minutes() -> None:
    minute = STEP_NS // 5
    ts_ns = np.array([0, 1, STEP_NS - 1, STEP_NS, 2 * STEP_NS + 1, 40 * minute])
    touch = np.array([[10, 1, 11, 1], [10, 0, 11, 1], [12, 1, 15, 1], [13, 1, 14, 1], [9, 1, 10, 1], [7, 1, 8, 1]])
    # middles 10.5, 13.5, 13.5 (the one at 9.5 comes just after two steps), 9.5 from then on, 7.5 at the end
    assert Fraction(9 + 0 + 16 + 4) == squared_moves(ts_ns, touch)
    assert Fraction(9 + 16 + 4) == squared_moves(ts_ns // 100, touch)  # eighths of 24 s
    assert Fraction(0) == squared_moves(ts_ns, np.zeros((6, 4), np.int64))


def test_a_market_measures_its_overlay_unless_told() -> None:
    day = made.lively(60, seed=5)
    told = Overlay(daily_volume_lots=10_000, daily_volatility_ticks=20.0)
    market = Market(day, MarketConfig(impact=Impact.OVERLAY, overlay=told))
    assert 25 * 1024 == market.start(participant=True).world.head[0]["overlay_scale"]
    measured = Market(day, MarketConfig(impact=Impact.OVERLAY)).overlay_scale
    assert measured > 4 * Market(day, MarketConfig(overlay=Overlay(prefactor=2.0))).overlay_scale - 4 > 0
