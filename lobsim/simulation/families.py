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
    def warned(self) -> bool:
        """Whether its agents are woken when the book becomes one-sided."""
        return False

    def numbers(self, setting: Setting) -> list[float]:
        """Its parameters, shared by its agents, as its file in `lobsim.core.agents` lays them out."""
        raise NotImplementedError

    def memory(self, setting: Setting) -> list[float]:
        """What one of its agents remembers at first."""
        return []


def _longer(table: tuple[float, ...], count: int, value: float) -> list[float]:
    """The first `count` entries of a table, a value where it is shorter."""
    return [*table[:count], *[value] * (count - len(table))]


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
        return [self.alpha, self.mu, self.delta, float(self.sigma), float(self.window)]

    def memory(self, setting: Setting) -> list[float]:
        return [float(setting.start_ticks), float(setting.start_ticks)]


class ContStoikovTalreja(Family):
    """Queues with rates by distance from the opposite best (Cont, Stoikov, Talreja 2010); per side."""

    family: Literal["cont_stoikov_talreja"]
    agent_kind: ClassVar[AgentKind] = AgentKind.CONT_STOIKOV_TALREJA
    is_flow: ClassVar[bool] = True

    entering: Table
    """limit orders per second, from one tick away on"""
    dying: Table
    """cancels per second and order, from one tick away on; the last one holds as far as `reach`"""
    mu: Rate
    """market orders per second"""
    size: Lots = 1
    """lots an order"""
    reach: int = Field(default=30, ge=1, le=1000)
    """what rests further than so many ticks from the opposite best is left alone"""

    def numbers(self, setting: Setting) -> list[float]:
        entering = _longer(self.entering, self.reach, 0.0)
        return [
            float(self.reach),
            self.mu,
            float(self.size),
            *entering,
            *_longer(self.dying, self.reach, self.dying[-1]),
        ]

    def memory(self, setting: Setting) -> list[float]:
        return [float(setting.start_ticks), float(setting.start_ticks)]


class CheriditoWeiss(Family):
    """The flow of the execution market of Cheridito and Weiss (2025): rates by distance, sizes, a tilt by imbalance; per side."""

    family: Literal["cheridito_weiss"]
    agent_kind: ClassVar[AgentKind] = AgentKind.CHERIDITO_WEISS
    is_flow: ClassVar[bool] = True

    entering: Table
    """limit orders per second, from one tick away on"""
    dying: Table
    """cancels per second and lot, from one tick away on"""
    mu: Rate
    """market orders per second"""
    scale: Positive = 1.0
    """all rates are multiplied by it"""
    size_spread: Rate = 2.0
    """sizes are 1 + |N(0, size_spread)|, rounded"""
    size_most: Lots = 20
    far: int = Field(default=30, ge=1, le=1000)
    """orders further than so many ticks from the opposite best are cancelled"""
    tilt: Rate = 0.0
    """how much more often buying happens when the book is all bids (2 in the tactical market); 0: as often"""
    damping: Rate = 0.65
    """a tick further from its best, a lot counts exp(-damping) times as much in the imbalance"""

    def numbers(self, setting: Setting) -> list[float]:
        count = max(len(self.entering), len(self.dying))
        tables = _longer(self.entering, count, 0.0) + _longer(self.dying, count, 0.0)
        rates = [self.scale * rate for rate in tables]
        sizes = [self.size_spread, float(self.size_most)]
        return [float(count), self.scale * self.mu, *sizes, float(self.far), self.tilt, self.damping, *rates]

    def memory(self, setting: Setting) -> list[float]:
        return [float(setting.start_ticks), float(setting.start_ticks)]


class Strategic(Family):
    """A trader who goes on in one direction (Cheridito and Weiss 2025)."""

    family: Literal["strategic"]
    agent_kind: ClassVar[AgentKind] = AgentKind.STRATEGIC

    period_seconds: Annotated[float, Field(gt=1e-9, le=1e6)] = 3.0
    market_lots: Lots = 1
    limit_lots: Lots = 2

    def numbers(self, setting: Setting) -> list[float]:
        return [float(round(self.period_seconds * 1e9)), float(self.market_lots), float(self.limit_lots)]

    def memory(self, setting: Setting) -> list[float]:
        return [0.0]


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
        return [self.mu, float(self.half_spread), float(self.lots), float(self.levels)]

    def memory(self, setting: Setting) -> list[float]:
        return [float(setting.start_ticks)]


AnyFamily = Annotated[
    ZeroIntelligence | ContStoikovTalreja | CheriditoWeiss | Strategic | ScheduledOrder | ZeroProfit,
    Field(discriminator="family"),
]
"""Every family a preset may name."""
