"""Settings of a market that a person writes; each turns into parameters of the compiled floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lobsim.errors import ConfigError
from lobsim.latency import Latency
from lobsim.types import PRESSURE_UNITS, CrossPolicy, Fidelity, Impact, QueueModel, SurplusPolicy

__all__ = ["Latency", "MarketConfig"]

_DAY_NS = 24 * 3600 * 10**9
_MAX_QUEUE_POWER = 64
_INSTANT = Latency()
_MOST_HALF_LIFE_NS = 365 * _DAY_NS

_IMPACTS = {
    Fidelity.L3_FULL: (Impact.REMATCH, Impact.OVERLAY, Impact.NONE),
    Fidelity.L3_TOP_K: (Impact.REMATCH, Impact.OVERLAY, Impact.NONE),
    Fidelity.L2_TRADES: (Impact.CONSUME, Impact.DECAY, Impact.NONE),
    Fidelity.L2_SNAPSHOTS: (Impact.CONSUME, Impact.DECAY, Impact.NONE),
    Fidelity.L1: (Impact.CONSUME, Impact.DECAY, Impact.NONE),
}
"""What own orders may do to history, by what the data knows; the first is the default."""


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """How far own trading moves a recorded market under impact OVERLAY (docs/rules.md, 2b): Q lots at once by
    ``prefactor * volatility * sqrt(Q / volume)``.

    Volume and volatility are those of one day; where both are left out they are measured from the recording (`lobsim.overlay.overlay_scale`).

    Raises ConfigError for a prefactor outside 0.001 to 1000, a half-life outside 1 us to a year, a weight outside 0 to 1, a volume or volatility that is not
    above 0, or one of them without the other.
    """

    prefactor: float = 1.0
    """Y of the square root law; 0.5 to 1 is what markets show"""
    half_life_ns: int = 15 * 60 * 10**9
    """in this time half of the pressure is gone, and so sqrt(1/2) of the shift"""
    passive_weight: float = 0.0
    """how much a passive fill presses, beside a lot taken; 0 to 0.3 is usual"""
    daily_volume_lots: int | None = None
    """traded in a day"""
    daily_volatility_ticks: float | None = None
    """standard deviation of the price change over a day"""

    def __post_init__(self) -> None:
        if not 0.001 <= self.prefactor <= 1000:
            raise ConfigError(f"prefactor is {self.prefactor}, 0.001 to 1000 is needed", where="overlay")
        if not 1000 <= self.half_life_ns <= _MOST_HALF_LIFE_NS:
            raise ConfigError(f"half_life_ns is {self.half_life_ns}, 1,000 (1 us) to a year is needed", where="overlay")
        if not 0 <= self.passive_weight <= 1:
            raise ConfigError(f"passive_weight is {self.passive_weight}, 0 to 1 is needed", where="overlay")
        given = (self.daily_volume_lots, self.daily_volatility_ticks)
        if (given[0] is None) != (given[1] is None):
            raise ConfigError("daily volume and volatility go together", where="overlay", hint="give both or neither")
        if any(value is not None and not value > 0 for value in given):
            raise ConfigError("daily volume and volatility are above 0", where="overlay")


@dataclass(frozen=True, kw_only=True)
class MarketConfig:
    """How a recorded market treats own orders (docs/rules.md).

    Raises ConfigError for a seed beyond 64 bits, a median life that is not above 0, a queue power that is not a number above 0 and up to 64, or a half-life
    outside 1 us to a year.
    """

    impact: Impact | None = None
    """what own orders do to history; None: REMATCH for orders, CONSUME for levels"""
    cross: CrossPolicy = CrossPolicy.MATCH
    """a recorded order arrives through an own one"""
    surplus: SurplusPolicy = SurplusPolicy.LIFETIME
    """quantity that history executed and the simulation did not"""
    queue_model: QueueModel = QueueModel.POWER3
    """levels only: how unexplained decreases fall on the queue"""
    queue_power: float = 3.0
    """levels only: the n of POWER, POWER2 and POWER3, kept to a millionth"""
    half_life_ns: int = 10 * 10**9
    """impact DECAY only: in this time half of what own taking has consumed of a level comes back; 1 us to a year"""
    overlay: Overlay = Overlay()
    """impact OVERLAY only: how far own trading moves history"""
    hidden_at_equal: bool = False
    """a hidden execution at an own order's price fills it"""
    own_first: bool = False
    """at one instant own messages come before the recorded row"""
    median_life_ns: int | None = None
    """half-life of surplus under LIFETIME; None: the median life of the recording's cancelled orders"""
    seed: int = 0
    """of the drawn lifetimes"""
    latency: Latency = _INSTANT

    def __post_init__(self) -> None:
        if not -(2**63) <= self.seed < 2**63:
            raise ConfigError(f"seed is {self.seed}, a number of 64 bits is needed", where="market")
        if self.median_life_ns is not None and not 0 < self.median_life_ns <= _DAY_NS:
            raise ConfigError(f"median_life_ns is {self.median_life_ns}, 1 to one day is needed", where="market")

        if not 1e-6 <= self.queue_power <= _MAX_QUEUE_POWER:
            raise ConfigError(
                f"queue_power is {self.queue_power}, a number above 0 and up to {_MAX_QUEUE_POWER} is needed",
                where="market",
            )

        if not 1000 <= self.half_life_ns <= _MOST_HALF_LIFE_NS:
            raise ConfigError(f"half_life_ns is {self.half_life_ns}, 1,000 (1 us) to a year is needed", where="market")

    def impact_for(self, fidelity: Fidelity) -> Impact:
        """The impact mode on data of this fidelity.

        Raises ConfigError if the mode does not exist for it.
        """
        allowed = _IMPACTS[fidelity]
        if self.impact is None:
            return allowed[0]
        if self.impact not in allowed:
            *others, last = (mode.name.lower() for mode in allowed)
            names = f"{', '.join(others)} or {last}"
            raise ConfigError(
                f"impact {self.impact.name.lower()} does not exist for {fidelity.name} data", hint=f"use {names}"
            )
        return self.impact

    def params(self, fidelity: Fidelity, median_life_ns: int, shift: int, overlay_scale: int = 1) -> dict[str, Any]:
        """Fields of the world's head (lobsim.core.state.WORLD).

        overlay_scale  impact OVERLAY: `lobsim.overlay.overlay_scale`
        """
        impact = self.impact_for(fidelity)
        half_life_ns = self.overlay.half_life_ns if impact == Impact.OVERLAY else self.half_life_ns
        return {
            "impact": int(impact),
            "overlay_scale": overlay_scale,
            "passive_weight": round(self.overlay.passive_weight * PRESSURE_UNITS),
            "cross": int(self.cross),
            "surplus_policy": int(self.surplus),
            "queue_model": int(self.queue_model),
            "queue_power_millionths": round(self.queue_power * 10**6),
            "half_life_ns": half_life_ns,
            "hidden_at_equal": int(self.hidden_at_equal),
            "own_first": int(self.own_first),
            "median_life_ns": self.median_life_ns if self.median_life_ns is not None else median_life_ns,
            "seed": self.seed,
            "shift": shift,
            "feed_ns": self.latency.feed_ns,
            "order_ns": self.latency.order_ns,
            "response_ns": self.latency.response_ns,
        }
