"""What a preset may say of agents that wake by time (`lobsim.core.agents`): those of ABIDES, and others in files beside this one.

Durations are written "60s"; values and distances are in ticks.  ``line`` and ``computing`` give them delays: they and the venue sit on a line that light takes ``line`` for.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from lobsim.clock import duration_ns
from lobsim.core.agents.fundamental import MEMORY as FUNDAMENTAL_MEMORY
from lobsim.core.agents.market_maker import MEMORY as MAKER_MEMORY
from lobsim.core.agents.momentum import MEMORY as MOMENTUM_MEMORY
from lobsim.simulation.families import Family, Lots, Positive, Rate, Setting
from lobsim.types import AgentKind


def _as_duration(value: object) -> object:
    return duration_ns(value) if isinstance(value, str) else value


Span = Annotated[int, BeforeValidator(_as_duration), Field(ge=0, le=31 * 24 * 3600 * 10**9)]
"""Nanoseconds, written "6h30m"."""
Wait = Annotated[int, BeforeValidator(_as_duration), Field(ge=1000, le=31 * 24 * 3600 * 10**9)]
"""The same, at least a microsecond: who waits for nothing would never let time pass."""
Share = Annotated[float, Field(ge=0, le=1)]


class Trader(Family):
    """What all agents share that wake by time."""

    line: Span = 0
    """the agents and the venue sit on a line that light takes so long for"""
    computing: Span = 0
    """so long an agent takes before a request leaves"""

    @property
    def line_ns(self) -> int:
        """The line, in nanoseconds."""
        return self.line

    @property
    def computing_ns(self) -> int:
        """The computing, in nanoseconds."""
        return self.computing


class Fundamental(Trader):
    """The fundamental value, which some agents have an idea of; it does not trade."""

    family: Literal["fundamental"]
    agent_kind: ClassVar[AgentKind] = AgentKind.FUNDAMENTAL

    mean: Rate | None = None
    """in ticks; the first price unless told"""
    reversion: Rate = 1.67e-7
    """per second: so much of its distance from the mean is lost"""
    volatility: Rate
    """ticks per root of a second"""
    shock_rate: Rate = 0.0
    """shocks per second"""
    shock_mean: Rate = 0.0
    """ticks; the sign is random"""
    shock_variance: Rate = 0.0

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.fundamental` lays them out."""
        start = float(setting.start_ticks)
        mean = start if self.mean is None else self.mean
        shocks = [self.shock_rate, self.shock_mean, self.shock_variance]
        return [mean, start, self.reversion, self.volatility, *shocks]

    def memory(self, setting: Setting) -> list[float]:
        """Places of `lobsim.core.agents.fundamental`, empty."""
        return [0.0] * FUNDAMENTAL_MEMORY


class Noise(Trader):
    """One order each, at a time of the U-quadratic law, in a random direction."""

    family: Literal["noise"]
    agent_kind: ClassVar[AgentKind] = AgentKind.NOISE

    early: Span = 0
    """the law of wake times begins so long before the open; who would have woken before agents begin does so then"""
    until: Span | None = None
    """it ends so long after the open; unless told, at the close"""

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.noise` lays them out."""
        end_ns = setting.close_ns if self.until is None else setting.open_ns + self.until
        return [float(setting.open_ns - self.early - setting.begin_ns), float(end_ns - setting.begin_ns)]


class Value(Trader):
    """Buys below and sells above what it thinks the fundamental value will be at the close."""

    family: Literal["value"]
    agent_kind: ClassVar[AgentKind] = AgentKind.VALUE

    mean: Rate | None = None
    """in ticks; the first price unless told"""
    reversion: Rate = 1.67e-6
    """per second, as it thinks"""
    wait: Wait
    """mean time between two wakes"""
    noise_variance: Rate
    """of its observations, ticks squared"""
    aggressive: Share = 0.1
    """so often it goes to the best opposite price"""
    depth: int = Field(default=2, ge=1, le=1000)
    """otherwise up to so many spreads behind it"""

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.value` lays them out."""
        mean = float(setting.start_ticks) if self.mean is None else self.mean
        close_ns = float(setting.close_ns - setting.begin_ns)
        noise = math.sqrt(self.noise_variance)
        taste = [self.aggressive, float(self.depth)]
        return [float(setting.fundamental), mean, self.reversion, float(self.wait), noise, close_ns, *taste]


class Momentum(Trader):
    """Trades with the trend of two averages of the middle."""

    family: Literal["momentum"]
    agent_kind: ClassVar[AgentKind] = AgentKind.MOMENTUM

    wait: Wait
    """mean time between two wakes"""
    least: Lots = 1
    most: Lots | None = None
    """lots an order, uniform; without it the sizes of `lobsim.core.agents.order_sizes`"""

    @model_validator(mode="after")
    def _in_order(self) -> Momentum:
        if self.most is not None and self.most < self.least:
            raise ValueError("most is below least")
        return self

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.momentum` lays them out."""
        return [float(self.wait), float(self.least), float(self.most or 0)]

    def memory(self, setting: Setting) -> list[float]:
        """Places of `lobsim.core.agents.momentum`, empty."""
        return [0.0] * MOMENTUM_MEMORY


class MarketMaker(Trader):
    """Quotes a share of the volume in levels around the middle."""

    family: Literal["market_maker"]
    agent_kind: ClassVar[AgentKind] = AgentKind.MARKET_MAKER

    wait: Wait
    """mean time between two wakes"""
    share: Share
    """of the volume since it woke last, at each level"""
    levels: int = Field(default=10, ge=1, le=16)
    """a side"""
    least: Lots = 1
    """lots at each level"""
    spacing: Positive = 5.0
    """between two levels, in smoothed spreads"""
    alpha: Share = 0.75
    """weight of the newest spread"""
    size_skew: Rate = 0.0
    """share to sell = 1 / (1 + exp(-size_skew position)); 0: both sides alike"""
    price_skew: Rate = 0.0
    """ticks the middle is moved by if all volume is on one side"""
    backstop: int = Field(default=0, ge=0, le=2**31 - 1)
    """lots at the last level instead, 0: as the others"""

    @property
    def warned(self) -> bool:
        """It hears of a one-sided book."""
        return True

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.market_maker` lays them out."""
        sizes = [self.share, float(self.levels), float(self.least)]
        skews = [self.size_skew, self.price_skew]
        return [float(self.wait), *sizes, self.spacing, self.alpha, *skews, float(self.backstop)]

    def memory(self, setting: Setting) -> list[float]:
        """Places of `lobsim.core.agents.market_maker`, empty."""
        return [0.0] * MAKER_MEMORY


AnyTrader = Annotated[Fundamental | Noise | Value | Momentum | MarketMaker, Field(discriminator="family")]
"""Every family of agents that wake by time."""
