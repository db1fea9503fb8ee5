"""What a preset may say of agents with a task: execution crowds, makers who mind their inventory, and liquidity that follows the flow."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from lobsim.core.agents.avellaneda_stoikov import MEMORY as STOIKOV_MEMORY
from lobsim.core.agents.execution import MEMORY as EXECUTION_MEMORY
from lobsim.simulation.families import Family, Lots, Positive, Rate, Setting
from lobsim.simulation.traders import Span, Trader, Wait
from lobsim.types import AgentKind

_STYLES = ("twap", "vwap", "pov")
_SIDES = ("buy", "sell", "either")


class Execution(Trader):
    """A crowd of whom each works one parent order; times are from the open."""

    family: Literal["execution"]
    agent_kind: ClassVar[AgentKind] = AgentKind.EXECUTION

    style: Literal["twap", "vwap", "pov"]
    side: Literal["buy", "sell", "either"] = "either"
    lots: Lots
    """of a parent, or the least of it where tail is set"""
    tail: Rate = 0.0
    """sizes are larger than x with probability (lots / x)^tail; 0: all alike"""
    most_lots: Lots = 2**31 - 1
    start: Span = 0
    start_span: Span = 0
    """parents begin uniformly within so long after start"""
    horizon: Wait
    horizon_span: Span = 0
    """they are worked for horizon and up to so much longer"""
    every: Wait = 60 * 10**9
    """between two looks"""
    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """share by which that varies, either way"""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """of all volume (pov)"""
    patient: bool = False
    """posts at the best price of its own side before it takes"""

    @model_validator(mode="after")
    def _in_order(self) -> Execution:
        if self.most_lots < self.lots:
            raise ValueError("most_lots is below lots")
        return self

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.execution` lays them out."""
        law = [_STYLES.index(self.style), _SIDES.index(self.side), self.lots, self.tail, self.most_lots]
        opening_ns = setting.open_ns - setting.begin_ns
        times = [opening_ns + self.start, self.start_span, self.horizon, self.horizon_span, self.every]
        day = [opening_ns, setting.close_ns - setting.begin_ns]
        return [float(number) for number in (*law, *times, self.jitter, self.share, *day, self.patient)]

    def memory(self, setting: Setting) -> list[float]:
        """Places of `lobsim.core.agents.execution`, empty."""
        return [0.0] * EXECUTION_MEMORY


class AvellanedaStoikov(Trader):
    """A maker who quotes around a reservation price that leans against its inventory."""

    family: Literal["avellaneda_stoikov"]
    agent_kind: ClassVar[AgentKind] = AgentKind.AVELLANEDA_STOIKOV

    wait: Wait
    """mean time between two quotes"""
    aversion: Positive
    """to risk, per tick"""
    thinning: Positive
    """how fast fills thin out with distance, per tick"""
    volatility: Rate
    """ticks per root of a second"""
    lots: Lots = 100
    """an order"""
    most_lots: Lots = 1000
    """of inventory, either way"""
    horizon: Wait | None = None
    """always so long to go; unless told, until the close"""

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.avellaneda_stoikov` lays them out."""
        rolling = self.horizon is not None
        horizon_ns = self.horizon if self.horizon is not None else setting.close_ns - setting.begin_ns
        taste = [self.aversion, self.thinning, self.volatility]
        return [float(self.wait), *taste, float(self.lots), float(self.most_lots), float(horizon_ns), float(rolling)]

    def memory(self, setting: Setting) -> list[float]:
        """Places of `lobsim.core.agents.avellaneda_stoikov`, empty."""
        return [0.0] * STOIKOV_MEMORY


class LiquidityResponse(Family):
    """Limit orders on the side that has been taken of late."""

    family: Literal["liquidity_response"]
    agent_kind: ClassVar[AgentKind] = AgentKind.LIQUIDITY_RESPONSE
    is_flow: ClassVar[bool] = True

    base: Rate
    """orders per side and second without any flow"""
    gain: Rate
    """more of them per second and lot of flow"""
    forgetting: Positive
    """of the flow, per second"""
    cancel: Rate
    """each resting order is cancelled at this rate"""
    lots: Lots = 1
    """an order"""
    nearness: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """the chance to stand at the first price that does not trade"""

    def numbers(self, setting: Setting) -> list[float]:
        """As `lobsim.core.agents.liquidity_response` lays them out."""
        return [self.base, self.gain, self.forgetting, self.cancel, float(self.lots), self.nearness]

    def memory(self, setting: Setting) -> list[float]:
        """No flow yet, and the first price."""
        start = float(setting.start_ticks)
        return [0.0, 0.0, 0.0, start, start]


AnyStrategy = Annotated[Execution | AvellanedaStoikov | LiquidityResponse, Field(discriminator="family")]
"""Every family of this file."""
