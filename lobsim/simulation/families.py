"""What a preset may say of each family of agents, and how that becomes the numbers of the compiled floor.

One class per family; its ``family`` names it in a preset, its fields are checked when the preset is read.  Rates are per second, sizes in lots, distances in ticks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from lobsim.types import AgentKind

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Lots = Annotated[int, Field(ge=1, le=2**31 - 1)]
Ticks = Annotated[int, Field(ge=1, le=2**30)]
Table = Annotated[tuple[Rate, ...], Field(min_length=1, max_length=1000)]


def longer(table: tuple[float, ...], count: int, value: float) -> list[float]:
    """The first `count` entries of a table, a value where it is shorter."""
    return [*table[:count], *[value] * (count - len(table))]


@dataclass(frozen=True)
class Setting:
    """What a family may need to know of the market it lives in.

    start_ticks  first price
    begin_ns     when agents begin (before the warm-up); open_ns, close_ns: when the session opens and ends
    """

    start_ticks: int
    begin_ns: int
    open_ns: int
    close_ns: int
    fundamental: int = -1
    """index of the agent that has the fundamental value, -1 without one"""
    history: int = -1
    """index of the agent that keeps the price history, -1 without one"""
    efficient_price: int = -1
    """index of the agent that has the efficient price, -1 without one"""


class Family(BaseModel):
    """What all families share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent_kind: ClassVar[AgentKind]
    is_flow: ClassVar[bool] = False

    count: int = Field(default=1, ge=1, le=10**6)
    """so many agents with these parameters"""

    @property
    def line_ns(self) -> int:
        """Its agents and the venue sit on a line that light takes so long for (`lobsim.core.agents.places`); 0: no delays."""
        return 0

    @property
    def computing_ns(self) -> int:
        """So long its agents take before a request leaves, where they have delays."""
        return 0

    @property
    def delays_ns(self) -> tuple[int, int, int]:
        """How long requests, answers and market data take, where it has no line."""
        return 0, 0, 0

    @property
    def warned(self) -> bool:
        """Whether its agents are woken when the book becomes one-sided."""
        return False

    def numbers(self, setting: Setting) -> list[float]:
        """Its parameters, shared by its agents, as its file in `lobsim.core.agents` lays them out."""
        raise NotImplementedError

    def memory(self, setting: Setting) -> list[float]:
        """What one of its agents remembers at first."""
        return []


class Flow(Family):
    """What flows share."""

    is_flow: ClassVar[bool] = True

    def memory(self, setting: Setting) -> list[float]:
        """The last best price of each side."""
        return [float(setting.start_ticks), float(setting.start_ticks)]


class ZeroIntelligence(Family):
    """The Santa Fe flow (Smith, Farmer, Gillemot, Krishnamurthy 2003); rates are per side."""

    family: Literal["zero_intelligence"]
    agent_kind: ClassVar[AgentKind] = AgentKind.ZERO_INTELLIGENCE
    is_flow: ClassVar[bool] = True

    alpha: Positive
    """lots of limit orders per tick and second"""
    mu: Rate
    """lots of market orders per second"""
    delta: Rate
    """each resting order is cancelled at this rate"""
    sigma: Lots = 1
    """lots an order"""
    window: Ticks = 1000
    """limit orders come at up to so many ticks from the opposite best price"""

    def numbers(self, setting: Setting) -> list[float]:
        """As its file lays them out."""
        return [self.alpha, self.mu, self.delta, float(self.sigma), float(self.window)]

    def memory(self, setting: Setting) -> list[float]:
        """The last best price of each side."""
        return [float(setting.start_ticks), float(setting.start_ticks)]


class ScheduledOrder(Family):
    """One parent order, worked by market orders of one size at equal distances in time."""

    family: Literal["scheduled"]
    agent_kind: ClassVar[AgentKind] = AgentKind.SCHEDULED

    side: Literal["buy", "sell"]
    lots: int = Field(ge=0, le=2**31 - 1)
    """of each child order; 0: it stays away (the same market without it)"""
    children: int = Field(ge=1, le=10**6)
    interval_ns: int = Field(ge=1)
    """from one child order to the next"""
    start_ns: int = Field(ge=0)
    """of the first one, after the open"""

    def numbers(self, setting: Setting) -> list[float]:
        """As its file lays them out."""
        times = (float(self.interval_ns), float(setting.open_ns - setting.begin_ns + self.start_ns))
        return [float(self.side == "sell"), float(self.lots), float(self.children), *times]


class ZeroProfit(Family):
    """Makers and takers of a market in which no strategy has an edge (`lobsim.core.agents.zero_profit`)."""

    family: Literal["zero_profit"]
    agent_kind: ClassVar[AgentKind] = AgentKind.ZERO_PROFIT
    is_flow: ClassVar[bool] = True

    mu: Positive
    """takers per second, on both sides together"""
    half_spread: Ticks = 1
    """a trade costs so many ticks, and moves the middle by as many"""
    lots: Lots = 100
    """of a quote, and of a taker"""
    levels: int = Field(default=5, ge=1, le=15)
    """quotes on each side"""

    def numbers(self, setting: Setting) -> list[float]:
        """As its file lays them out."""
        return [self.mu, float(self.half_spread), float(self.lots), float(self.levels)]

    def memory(self, setting: Setting) -> list[float]:
        """The middle."""
        return [float(setting.start_ticks)]


AnyFamily = ZeroIntelligence | ScheduledOrder | ZeroProfit
"""Every family of this file."""
