"""What a preset may say of agents of models that prices are studied with: FCN, extended Chiarella, and the traders of the experimental auctions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from lobsim.core.agents.auction_traders import MEMORY as TRADER_MEMORY
from lobsim.core.agents.fcn import MEMORY as FCN_MEMORY
from lobsim.simulation.families import Lots, Positive, Rate, Setting
from lobsim.simulation.traders import Share, Trader, Wait
from lobsim.types import AgentKind

_SIDES = ("buy", "sell", "either")
_SECOND = 10**9


class PriceHistory(Trader):
    """The price step by step, for agents who compare it with what it was; it does not trade."""

    family: Literal["price_history"]
    agent_kind: ClassVar[AgentKind] = AgentKind.PRICE_HISTORY

    step: Wait = _SECOND
    length: int = Field(default=256, ge=1, le=2**20)
    """steps kept"""

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.price_history` lays them out."""
        return [float(self.step), float(self.length), float(setting.start_ticks)]

    def memory(self, setting: Setting) -> list[float]:
        """No price yet."""
        return [0.0] * (1 + self.length)


class Fcn(Trader):
    """Fundamentalist, chartist and noise in one agent; steps are as long as those of the price history."""

    family: Literal["fcn"]
    agent_kind: ClassVar[AgentKind] = AgentKind.FCN

    step: Wait = _SECOND
    fundamental: Rate = 1.0
    """mean weight of the fundamental value; of the trend, and of noise"""
    chart: Rate = 0.0
    noise: Positive = 1.0
    reversion: Positive = 50.0
    """steps that the price takes to come to the value, as it thinks: uniform from reversion to reversion_most"""
    reversion_most: Positive = 100.0
    volatility: Rate = 0.001
    """of its noise, per step"""
    window: int = Field(default=100, ge=1, le=2**20)
    """steps that it looks back and ahead: uniform from window to window_most"""
    window_most: int = Field(default=200, ge=1, le=2**20)
    margin_most: Share = 0.1
    """so far from the price that it expects, at most"""
    wait: Wait
    """mean time between two wakes"""
    lots: Lots = 1

    @model_validator(mode="after")
    def _in_order(self) -> Fcn:
        if self.reversion_most < self.reversion or self.window_most < self.window:
            raise ValueError("the most is below the least")
        return self

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.fcn` lays them out."""
        weights = [self.fundamental, self.chart, self.noise]
        law = [self.reversion, self.reversion_most, self.volatility, float(self.window), float(self.window_most)]
        where = [float(setting.fundamental), float(setting.history), float(self.step)]
        return [*where, *weights, *law, self.margin_most, float(self.wait), float(self.lots)]

    def memory(self, setting: Setting) -> list[float]:
        """Places of `lobsim.core.agents.fcn`, empty."""
        return [0.0] * FCN_MEMORY


class Chiarella(Trader):
    """A class of traders of the extended Chiarella model."""

    family: Literal["chiarella"]
    agent_kind: ClassVar[AgentKind] = AgentKind.CHIARELLA

    pull: Rate = 0.0
    """lots per second and tick of mispricing"""
    pull_cubed: Rate = 0.0
    trend: Rate = 0.0
    """lots per second at a strong trend"""
    steepness: Rate = 0.0
    forgetting: Rate = 0.0
    """of the trend, per second"""
    noise: Rate = 0.0
    """lots per root of a second"""
    step: Wait = _SECOND
    marketable: Share
    distance: Rate
    """mean ticks behind the best limit price there is, a tick inside the spread"""
    life: Wait
    """mean life of a limit order"""
    lots: Lots = 1
    """an order"""

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.chiarella` lays them out."""
        demand = [self.pull, self.pull_cubed, self.trend, self.steepness, self.forgetting, self.noise]
        orders = [self.marketable, self.distance, float(self.life), float(self.lots)]
        return [float(setting.fundamental), *demand, float(self.step), *orders]

    def memory(self, setting: Setting) -> list[float]:
        """No trend, and the first price."""
        return [0.0, float(setting.start_ticks)]


class _AuctionTrader(Trader):
    """What the traders of the experimental auctions share."""

    side: Literal["buy", "sell", "either"] = "either"
    below: int = Field(ge=0, le=2**30)
    """limit prices are uniform, from so many ticks below the first price"""
    above: int = Field(ge=0, le=2**30)
    """to so many above it"""
    room: int = Field(ge=0, le=2**30)
    """the market's own limits are so many ticks further out"""
    period: Wait
    """a new limit so often"""
    wait: Wait
    """mean time between two wakes"""
    lots: Lots = 1
    """of one limit"""
    most_step: Rate = 5.0
    """ticks that a ZIP moves its price by at most, beside what is relative"""

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.auction_traders` lays them out."""
        lowest, highest = setting.start_ticks - self.below, setting.start_ticks + self.above
        prices = [lowest, highest, lowest - self.room, highest + self.room]
        law = [_SIDES.index(self.side), *prices, self.period, self.wait, self.lots, self.most_step]
        return [float(number) for number in law]

    def memory(self, setting: Setting) -> list[float]:
        """Places of `lobsim.core.agents.auction_traders`, empty."""
        return [0.0] * TRADER_MEMORY


class Zic(_AuctionTrader):
    """Any price that makes no loss (Gode and Sunder 1993)."""

    family: Literal["zic"]
    agent_kind: ClassVar[AgentKind] = AgentKind.ZIC


class Zip(_AuctionTrader):
    """A margin that is learned (Cliff 1997)."""

    family: Literal["zip"]
    agent_kind: ClassVar[AgentKind] = AgentKind.ZIP


class Gvwy(_AuctionTrader):
    """Always its limit."""

    family: Literal["gvwy"]
    agent_kind: ClassVar[AgentKind] = AgentKind.GVWY


class Shvr(_AuctionTrader):
    """A tick better than the best, up to its limit."""

    family: Literal["shvr"]
    agent_kind: ClassVar[AgentKind] = AgentKind.SHVR


AnyModel = Annotated[PriceHistory | Fcn | Chiarella | Zic | Zip | Gvwy | Shvr, Field(discriminator="family")]
"""Every family of this file."""
