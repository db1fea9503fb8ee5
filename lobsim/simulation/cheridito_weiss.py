"""What a preset may say of the execution market of Cheridito and Weiss: its flow, and the trader who goes on in one direction.

Rates are per second and side, sizes in lots, distances in ticks; tables begin at the nearest price.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from lobsim.core.agents.cheridito_weiss import MEMORY, NEVER_SWEPT
from lobsim.core.arithmetic import exponential
from lobsim.simulation.families import Family, Flow, Lots, Positive, Rate, Setting, Table, longer
from lobsim.types import AgentKind


class CheriditoWeiss(Flow):
    """The flow of the execution market of Cheridito and Weiss (2025): rates by distance, sizes, a tilt by imbalance; per side."""

    family: Literal["cheridito_weiss"]
    agent_kind: ClassVar[AgentKind] = AgentKind.CHERIDITO_WEISS

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
        """As its file lays them out."""
        count = max(len(self.entering), len(self.dying))
        tables = longer(self.entering, count, 0.0) + longer(self.dying, count, 0.0)
        rates = [self.scale * rate for rate in tables]
        sizes = [self.size_spread, float(self.size_most)]
        damped = float(exponential(-self.damping))
        return [float(count), self.scale * self.mu, *sizes, float(self.far), self.tilt, damped, *rates]

    def memory(self, setting: Setting) -> list[float]:
        """The last best price of each side, that nothing was swept, and no rates yet."""
        return longer((*super().memory(setting), NEVER_SWEPT, NEVER_SWEPT), MEMORY, 0.0)

    @model_validator(mode="after")
    def _within_reach(self) -> CheriditoWeiss:
        if max(len(self.entering), len(self.dying)) > self.far:
            raise ValueError(
                "far is at least the length of the tables: what enters must not be cancelled for its distance"
            )
        return self


class Strategic(Family):
    """A trader who goes on in one direction (Cheridito and Weiss 2025)."""

    family: Literal["strategic"]
    agent_kind: ClassVar[AgentKind] = AgentKind.STRATEGIC

    period_seconds: Annotated[float, Field(gt=1e-9, le=1e6)] = 3.0
    market_lots: Lots = 1
    limit_lots: Lots = 2

    def numbers(self, setting: Setting) -> list[float]:
        """As its file lays them out."""
        return [float(round(self.period_seconds * 1e9)), float(self.market_lots), float(self.limit_lots)]

    def memory(self, setting: Setting) -> list[float]:
        """Its direction, drawn when it begins."""
        return [0.0]
