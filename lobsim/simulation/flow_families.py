"""What a preset may say of flows: populations whose rates follow the book.

Rates are per second and side, sizes in lots, distances in ticks; tables begin at the nearest price.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Annotated, ClassVar, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from lobsim.core.agents.hawkes import UNKNOWN
from lobsim.core.agents.queue_tables import TO_BE_DRAWN, UNSET
from lobsim.core.agents.split_orders import memory_of
from lobsim.simulation.cheridito_weiss import CheriditoWeiss, Strategic
from lobsim.simulation.families import Flow, Lots, Positive, Rate, Setting, Table, longer
from lobsim.types import AgentKind


class ContStoikovTalreja(Flow):
    """Queues with rates by distance from the opposite best (Cont, Stoikov, Talreja 2010); per side."""

    family: Literal["cont_stoikov_talreja"]
    agent_kind: ClassVar[AgentKind] = AgentKind.CONT_STOIKOV_TALREJA

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
        """As its file lays them out."""
        entering = longer(self.entering, self.reach, 0.0)
        return [
            float(self.reach),
            self.mu,
            float(self.size),
            *entering,
            *longer(self.dying, self.reach, self.dying[-1]),
        ]


class SizeLaw(BaseModel):
    """How many lots an event has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lots: tuple[Lots, ...] = Field(min_length=1, max_length=200)
    weights: Table
    """how often each, in proportion"""

    @model_validator(mode="after")
    def _one_weight_each(self) -> SizeLaw:
        if len(self.lots) != len(self.weights) or not sum(self.weights) > 0:
            raise ValueError("a law of sizes has one weight for each size, and they are not all 0")
        return self


Regime = Literal["empty", "small", "usual", "large"]
_REGIMES: tuple[Regime, ...] = get_args(Regime)
_EVENT_TABLES = ("entering", "dying", "taking")


class QueueRates(BaseModel):
    """Rates of a queue while the one it looks at is of some class; what is left out is as it is otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entering: Table | None = None
    dying: Table | None = None
    taking: Table | None = None


class Queue(BaseModel):
    """One queue of a queue-reactive market; its tables speak of 0, 1, 2, ... units and their last entry of all larger queues."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Lots = 1
    """its average event size"""
    entering: Table
    dying: Table
    taking: Table
    """market orders, while it is the best of its side"""
    seeing: dict[Regime, QueueRates] = Field(default_factory=dict)
    """other rates while the queue it looks at is empty, small, usual or large: the first queue looks at the first of the other side, all others look at the first of their own"""
    drawn: Table | None = None
    """how likely it is drawn with 0, 1, 2, ... units, in proportion; without it, `stationary` of its own tables"""
    entering_sizes: tuple[SizeLaw, ...] = ()
    """one law for each bin of its size, a unit unless told"""
    dying_sizes: tuple[SizeLaw, ...] = ()
    taking_sizes: tuple[SizeLaw, ...] = ()

    def table(self, name: str, regime: Regime) -> tuple[float, ...]:
        """Rates of one type of event ("entering", "dying", "taking") in one regime."""
        other = getattr(self.seeing.get(regime), name, None)
        return getattr(self, name) if other is None else other

    def law(self, most: int) -> list[float]:
        """Probabilities of 0 to `most` units where it is drawn."""
        if self.drawn is None:
            return self.stationary(most)
        weights = longer(self.drawn, most + 1, 0.0)
        return [weight / sum(weights) for weight in weights]

    def laws(self, bins: int) -> list[SizeLaw]:
        """Sizes of orders, cancels and takers, each by bin."""
        unit = SizeLaw(lots=(self.unit,), weights=(1.0,))
        given = (self.entering_sizes, self.dying_sizes, self.taking_sizes)
        return [law for laws in given for law in (laws or (unit,) * bins)]

    def stationary(self, most: int) -> list[float]:
        """The law of its size if nothing else moved: pi(n) in proportion to the product of entering(k - 1) / (dying(k) + taking(k)), k = 1 to n."""
        entering, dying, taking = (longer(t, most + 1, t[-1]) for t in (self.entering, self.dying, self.taking))
        weights = [1.0]
        for n in range(1, most + 1):
            leaving = dying[n] + taking[n]
            weights.append(weights[-1] * entering[n - 1] / leaving if leaving > 0 else 0.0)
        return [weight / sum(weights) for weight in weights]


class QueueReactive(Flow):
    """Models II and III of Huang, Lehalle, Rosenbaum (2015), with sizes and impact feedback."""

    family: Literal["queue_reactive"]
    agent_kind: ClassVar[AgentKind] = AgentKind.QUEUE_REACTIVE

    queues: tuple[Queue, ...] = Field(min_length=1, max_length=10)
    """nearest first, alike for both sides"""
    most: int = Field(default=40, ge=1, le=1000)
    """units that the tables tell apart"""
    theta: Annotated[float, Field(ge=0, le=1)] = 0.7
    """how likely the reference follows the mid"""
    theta_reinit: Annotated[float, Field(ge=0, le=1)] = 0.85
    """how likely all queues are drawn anew when it does"""
    classes: tuple[int, int] = (0, 0)
    """a first queue that is not empty is small up to so many units, usual up to so many, else large"""
    bins: tuple[int, ...] = (2**31,)
    """upper ends, in units, of the bins that laws of sizes tell apart"""
    feedback: float = Field(default=0.0, allow_inf_nan=False)
    """how strongly recent trades make trades against them likelier; 0: not"""
    memory_weights: tuple[float, ...] = ()
    memory_seconds: tuple[Positive, ...] = ()
    """how long trades are remembered: a sum of exponentials"""

    @model_validator(mode="after")
    def _belongs_together(self) -> QueueReactive:
        if len(self.memory_weights) != len(self.memory_seconds):
            raise ValueError("memory_weights and memory_seconds have one entry for each exponential")
        if not self.bins or list(self.bins) != sorted(set(self.bins)):
            raise ValueError("bins are upper ends in rising order")
        for queue in self.queues:
            if any(
                laws and len(laws) != len(self.bins)
                for laws in (queue.entering_sizes, queue.dying_sizes, queue.taking_sizes)
            ):
                raise ValueError("a queue has one law of sizes for each bin")
            if queue.drawn is not None and not sum(queue.drawn[: self.most + 1]) > 0:
                raise ValueError("the law a queue is drawn from is not all 0")
        return self

    @model_validator(mode="after")
    def _tells_classes_apart(self) -> QueueReactive:
        told = {regime for queue in self.queues for regime in queue.seeing}
        if told - {"empty"} and not 0 < self.classes[0] < self.classes[1] < self.most:
            raise ValueError("classes tell small, usual and large apart: 0 < small < usual < most")
        return self

    def numbers(self, setting: Setting) -> list[float]:
        """As its file lays them out."""
        laws = [law for queue in self.queues for law in queue.laws(len(self.bins))]
        points = max(len(law.lots) for law in laws)
        head = [len(self.queues), self.most, self.theta, self.theta_reinit, self.feedback]
        head += [len(self.memory_weights), len(self.bins), points]
        regimes = _REGIMES if any(queue.seeing for queue in self.queues) else _REGIMES[:1]
        head += [len(regimes), *self.classes, *(queue.unit for queue in self.queues)]
        tables: list[float] = []
        for regime in regimes:
            for name in _EVENT_TABLES:
                for queue in self.queues:
                    table = queue.table(name, regime)
                    tables += longer(table, self.most + 1, table[-1])
        for queue in self.queues:
            tables += accumulate(queue.law(self.most))
        tables += [*self.bins, *self.memory_weights, *(1 / seconds for seconds in self.memory_seconds)]
        for law in laws:
            shares = [weight / sum(law.weights) for weight in accumulate(law.weights)]
            tables += [*longer(law.lots, points, law.lots[-1]), *longer(tuple(shares), points, 1.0)]
        return [float(number) for number in [*head, *tables]]

    def memory(self, setting: Setting) -> list[float]:
        """Everything is drawn at the first moment, around the first price; no trades and no rates yet."""
        waiting = [TO_BE_DRAWN] * (2 * len(self.queues))
        rest = len(self.memory_weights) + 6 * len(self.queues)
        return [float(setting.start_ticks), UNSET, 1.0, 0.0, 0.0, *waiting, *[0.0] * rest]


Event = Literal["deep", "cancel_deep", "top", "cancel_top", "take", "inside"]
_EVENTS: tuple[Event, ...] = get_args(Event)


class MixedSizes(BaseModel):
    """P(k) in proportion to p (1 - p)^(k - 1), k from 1, plus weights at single sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    p: Annotated[float, Field(gt=0, lt=1)]
    lots: tuple[Lots, ...] = ()
    weights: tuple[Rate, ...] = ()

    @model_validator(mode="after")
    def _one_weight_each(self) -> MixedSizes:
        if len(self.lots) != len(self.weights):
            raise ValueError("a law of sizes has one weight for each size")
        return self

    def numbers(self, points: int) -> list[float]:
        """p, the share of the geometric part, then so many sizes and their cumulative shares."""
        total = 1.0 + sum(self.weights)
        shares = tuple(accumulate((1.0 / total, *(weight / total for weight in self.weights))))[1:]
        return [self.p, 1.0 / total, *longer(self.lots, points, 1.0), *longer(shares, points, 1.0)]


class Influence(BaseModel):
    """How many events of a type one event of another calls forth (below 0: keeps from happening)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cause: Event
    effect: Event
    same: float = Field(default=0.0, allow_inf_nan=False)
    """on its own side of the book"""
    opposite: float = Field(default=0.0, allow_inf_nan=False)


class Hawkes(Flow):
    """The twelve-type compound Hawkes market (Jain and others 2024), alike for both sides."""

    family: Literal["hawkes"]
    agent_kind: ClassVar[AgentKind] = AgentKind.HAWKES

    base: dict[Event, Rate]
    """events per second without any past"""
    influences: tuple[Influence, ...] = ()
    decays: tuple[Positive, ...] = (1500.0, 100.0)
    """the kernel is a sum of exponentials that fade at these rates per second"""
    shares: Table = (0.6, 0.4)
    """how much of an influence each has"""
    mean_spread: Positive = 2.0
    spread_power: float = Field(default=1.0, allow_inf_nan=False)
    """orders inside a spread s come (s / mean_spread)^spread_power times as often, and never where it is one tick"""
    time_of_day: dict[Event, Table] = Field(default_factory=dict)
    """multipliers of base, half hour by half hour from the open; 1 unless told, all of one length"""
    sizes: dict[Literal["deep", "top", "take", "inside", "new"], MixedSizes]
    """new: of a queue that takes the place of an emptied one"""

    @model_validator(mode="after")
    def _belongs_together(self) -> Hawkes:
        if len(self.decays) != len(self.shares):
            raise ValueError("decays and shares have one entry for each exponential")
        if len({len(table) for table in self.time_of_day.values()}) > 1:
            raise ValueError("the multipliers of time_of_day are as many for each type")
        if len(self.sizes) < 5:
            raise ValueError("sizes are needed of deep, top, take, inside and new")
        return self

    def branching(self) -> np.ndarray:
        """Float [12, 12]: how many events of a type (row) one event of a type (column) calls forth."""
        own, other = np.zeros((6, 6)), np.zeros((6, 6))
        for influence in self.influences:
            place = _EVENTS.index(influence.effect), _EVENTS.index(influence.cause)
            own[place] += influence.same
            other[place] += influence.opposite
        return np.block([[own, other], [other, own]])

    def numbers(self, setting: Setting) -> list[float]:
        """As its file lays them out."""
        buckets = max((len(table) for table in self.time_of_day.values()), default=1)
        points = max(1, *(len(law.lots) for law in self.sizes.values()))
        ones = (1.0,) * buckets
        times = [[self.time_of_day.get(event, ones)[b] for event in _EVENTS] * 2 for b in range(buckets)]
        head = [len(self.decays), self.mean_spread, self.spread_power, setting.open_ns, 1.8e12, buckets, points]
        tables = [self.base.get(event, 0.0) for event in _EVENTS] * 2 + [time for bucket in times for time in bucket]
        tables += self.decays
        jumps = self.branching().T[:, None, :] * np.array(self.shares)[:, None] * np.array(self.decays)[:, None]
        tables += jumps.ravel().tolist()
        laws = [self.sizes.get(event, self.sizes["new"]) for event in _EVENTS] * 2 + [self.sizes["new"]]  # type: ignore[call-overload]
        return [float(n) for n in [*head, *tables, *(number for law in laws for number in law.numbers(points))]]

    def memory(self, setting: Setting) -> list[float]:
        """The last best prices, no events, no spread and no time of day seen, nothing called forth."""
        start = float(setting.start_ticks)
        return [start - 1, start + 1, *[0.0] * 14, UNKNOWN, *[0.0] * (24 * len(self.decays))]


class SplitOrders(Flow):
    """Takers who split what they want (Lillo, Mike, Farmer 2005)."""

    family: Literal["split_orders"]
    agent_kind: ClassVar[AgentKind] = AgentKind.SPLIT_ORDERS

    mu: Rate
    """market orders per second, of both sides together"""
    size: Lots = 1
    """lots of each"""
    live: int = Field(default=10, ge=1, le=10_000)
    """metaorders worked at once"""
    alpha: Annotated[float, Field(gt=0, le=10)] = 1.5
    """tail of their lengths: signs are correlated like lag^-(alpha - 1)"""
    longest: int = Field(default=10**6, ge=1, le=10**9)
    """market orders of one metaorder"""

    def numbers(self, setting: Setting) -> list[float]:
        """As its file lays them out."""
        return [self.mu, float(self.size), float(self.live), self.alpha, float(self.longest)]

    def memory(self, setting: Setting) -> list[float]:
        """All metaorders are still to be drawn."""
        return memory_of(self.live)


AnyFlow = ContStoikovTalreja | CheriditoWeiss | Strategic | QueueReactive | Hawkes | SplitOrders
"""Every family of this file."""
