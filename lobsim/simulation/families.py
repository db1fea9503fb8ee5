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


AnyFamily = Annotated[ZeroIntelligence, Field(discriminator="family")]
"""Every family a preset may name."""
