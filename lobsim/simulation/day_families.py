"""What a preset may say of the families whose laws are tables of integers: the efficient price, those who quote around it, and those who take in metaorders.

A law is a list of [cumulative weight, value], rising; the last weight is the total.  Chances, rates and weights are in 1/1024, parts of a tick in hundredths, times are written "5ms".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lobsim.clock import duration_ns
from lobsim.core.agents.metaorder_takers import FIELDS
from lobsim.core.agents.quoters import MEMORY as QUOTERS_MEMORY
from lobsim.core.agents.tables import FINE
from lobsim.simulation.families import Family, Setting
from lobsim.types import AgentKind

_SECOND = 10**9
_MOST = 2**46
_EXPONENTIAL = (
    (0, 0), (3196, 3277), (6237, 6554), (11880, 13107), (19354, 22938), (25786, 32768), (34579, 49152), (41427, 65536),
    (50913, 98304), (56667, 131072), (62273, 196608), (64808, 294912), (65476, 458752), (65536, 720896),
)  # fmt: skip
"""(1 - exp(-x), x) in 2^-16 for x from 0 to 11; the chords make the mean 2.6 % longer than it says."""

Row = tuple[int, int]


def _rising(law: tuple[Row, ...]) -> tuple[Row, ...]:
    shares = [share for share, _ in law]
    if shares != sorted(set(shares)) or shares[0] < 0 or not 0 < shares[-1] <= 65536:
        raise ValueError("cumulative weights rise, from 0 or more up to 65536 at most")
    if any(abs(value) >= _MOST for _, value in law):
        raise ValueError("a value is too large")
    return law


def _from_zero(law: tuple[Row, ...]) -> tuple[Row, ...]:
    if law[0][0] != 0 or len(law) < 2 or min(value for _, value in law) < 0:
        raise ValueError("a law that goes in straight lines begins at weight 0, and its values are not below 0")
    return law


def _times(rows: object) -> object:
    if isinstance(rows, list | tuple):
        return [[row[0], duration_ns(row[1])] if isinstance(row[1], str) else row for row in rows]
    return rows


Law = Annotated[tuple[Row, ...], Field(min_length=1, max_length=64), AfterValidator(_rising)]
Line = Annotated[Law, AfterValidator(_from_zero)]
TimeLine = Annotated[Line, BeforeValidator(_times)]
Part = Annotated[int, Field(ge=0, le=1024)]
Hundredths = Annotated[int, Field(ge=0, le=10**6)]
Mean = Annotated[int, BeforeValidator(lambda v: duration_ns(v) if isinstance(v, str) else v), Field(ge=1, le=_MOST)]


def _rows(rows: Sequence[Row]) -> list[int]:
    return [len(rows), *(number for row in rows for number in row)]


def _law(law: Sequence[Row]) -> list[int]:
    """As `lobsim.core.agents.tables` reads it."""
    total = law[-1][0]
    return _rows([(65536 * share // total, value) for share, value in law])


def _hundredths(part: int) -> int:
    return (part << FINE) // 100


def _exponential(mean_ns: int) -> list[int]:
    return _rows([(share, mean_ns * value >> 16) for share, value in _EXPONENTIAL])


def _with_tables(plain: list[int], tables: list[list[int]]) -> list[float]:
    """Plain numbers, the place of each table, and the tables."""
    head = len(plain) + len(tables)
    places, at = [], head
    for table in tables:
        places.append(at)
        at += len(table)
    return [float(number) for number in [*plain, *places, *(number for table in tables for number in table)]]


class TableFlow(Family):
    """What they share."""

    is_flow: ClassVar[bool] = True
    count: Literal[1] = 1


class EfficientPrice(TableFlow):
    """The price that is thought right, and how busy the market is; it does not trade."""

    family: Literal["efficient_price"]
    agent_kind: ClassVar[AgentKind] = AgentKind.EFFICIENT_PRICE

    rate: Annotated[tuple[Annotated[int, Field(ge=1, le=10**5)], ...], Field(min_length=1, max_length=288)]
    """how busy it is, in 1/1024, by five minutes from the open"""
    regime_rate: Annotated[tuple[Annotated[int, Field(ge=1, le=10**5)], ...], Field(min_length=1, max_length=16)]
    """the same by regime, which multiplies it"""
    regime: Law
    """which regime the next is, from 0"""
    hold: TimeLine
    """how long a regime lasts"""
    drift: Law = ((1, 0),)
    """what is added to each piece of news in a regime, in 2^-16 tick"""
    news_gap: Mean
    """mean time between news at rate 1024"""
    news: Line
    """how far news moves the price, hundredths of a tick"""
    impact_lots: Annotated[int, Field(ge=0, le=10**6)]
    """a market order counts as so many lots and its own,"""
    impact_most_lots: Annotated[int, Field(ge=0, le=10**6)]
    """of which so many at most"""
    impact: Annotated[int, Field(ge=0, le=10**6)]
    """what a lot moves the price if it comes as a full surprise, 2^-16 tick"""
    passing: Part = 0
    """so much of that wears off again:"""
    coming_back: Part = 0
    """with each piece of news, so much of what is left"""
    forgetting: Annotated[tuple[Annotated[int, Field(ge=0, le=16)], ...], Field(max_length=8)] = ()
    """sums of past signs: each forgets 2^-n of itself with a market order"""
    expectation: Annotated[tuple[Annotated[int, Field(ge=-1024, le=1024)], ...], Field(max_length=8)] = ()
    """weight of each sum in the sign that is expected, in 1/1024"""

    @model_validator(mode="after")
    def _fits(self) -> EfficientPrice:
        if len(self.forgetting) != len(self.expectation):
            raise ValueError("forgetting and expectation have one entry for each sum")
        if any(not 0 <= regime < len(self.regime_rate) for _, regime in self.regime):
            raise ValueError("regime names a regime that regime_rate has no entry for")
        return self

    def numbers(self, setting: Setting) -> list[float]:
        """As its file lays them out."""
        plain = [
            setting.open_ns // _SECOND,
            setting.open_ns % _SECOND,
            (setting.start_ticks << FINE) + (1 << FINE >> 1),
        ]
        plain += [
            self.impact_lots,
            self.impact_most_lots,
            self.impact,
            self.passing,
            self.coming_back,
            len(self.forgetting),
        ]
        lists = [[len(values), *values] for values in (self.rate, self.regime_rate, self.forgetting, self.expectation)]
        laws = [_law(self.regime), _law(self.drift), _law(self.hold), _exponential(self.news_gap)]
        news = _law([(share, _hundredths(value)) for share, value in self.news])
        return _with_tables(plain, [*lists, *laws, news])

    def memory(self, setting: Setting) -> list[float]:
        """The first price; no regime, no news and no trade yet."""
        fair = float((setting.start_ticks << FINE) + (1 << FINE >> 1))
        before = -(2.0**52)
        return [fair, 0.0, 0.0, before, before, 0.0, 0.0, *[0.0] * len(self.forgetting)]


class Quoters(TableFlow):
    """Everybody who quotes around the efficient price."""

    family: Literal["quoters"]
    agent_kind: ClassVar[AgentKind] = AgentKind.QUOTERS

    opening: Annotated[int, Field(ge=4, le=10**4)] = 240
    """orders that the book begins with"""
    halves: Part
    """an order whose time is up loses only half its size"""
    again: Part
    """who cancelled quotes again"""
    again_at_once: Part
    """... because the price had moved"""
    refilled: Part
    """after a trade, somebody quotes where it took"""
    followed: Part
    """and somebody on its own side"""
    stale: Hundredths = 25
    """a quote nearer to the efficient price than this is pulled"""
    missing: Hundredths = 150
    """a side whose best price lies so much behind the one worth making lacks a quote"""
    error: Hundredths = 50
    """quotes see the efficient price with an error, uniform up to this"""
    half_spread: Annotated[tuple[Hundredths, ...], Field(min_length=1, max_length=16)]
    """half the spread worth quoting, by regime"""
    open_half_spread: Annotated[tuple[Hundredths, ...], Field(min_length=1, max_length=288)] = (0,)
    """what is added to it, by five minutes from the open"""
    gap: Mean
    """mean time between orders at rate 1024"""
    reaction: TimeLine
    """from a cause to what follows"""
    near: Line
    """ticks behind the price worth making, of refills"""
    distance: Line
    """the same, of all others"""
    near_life: TimeLine
    """how long an order up to one tick behind waits"""
    middle_life: TimeLine
    """up to five ticks"""
    far_life: TimeLine
    """further away"""
    size: Law
    """lots"""

    def numbers(self, setting: Setting) -> list[float]:
        """As its file lays them out."""
        plain = [setting.efficient_price, self.opening, self.halves, self.again, self.again_at_once, self.refilled]
        plain += [self.followed, *map(_hundredths, (self.stale, self.missing, self.error))]
        halves = [[len(values), *map(_hundredths, values)] for values in (self.half_spread, self.open_half_spread)]
        lines = (self.reaction, self.near, self.distance, self.near_life, self.middle_life, self.far_life, self.size)
        return _with_tables(plain, [*halves, _exponential(self.gap), *map(_law, lines)])

    def memory(self, setting: Setting) -> list[float]:
        """Nothing is open, nothing on its way."""
        return [0.0] * QUOTERS_MEMORY


class MetaorderTakers(TableFlow):
    """Everybody who takes, in metaorders."""

    family: Literal["metaorder_takers"]
    agent_kind: ClassVar[AgentKind] = AgentKind.METAORDER_TAKERS

    live: Annotated[int, Field(ge=1, le=64)] = 4
    """metaorders worked at a time"""
    stays: Part
    """the next market order is of the same one"""
    at_once: Part
    """it comes after a pause, not at the market's rate"""
    takes_all: Part
    """it takes what the best price shows"""
    takes_further: Part
    """it takes more, and goes further"""
    all_hidden: Part
    """a hidden order meets all of it,"""
    part_hidden: Part
    """or some besides"""
    at_mid: Part = 512
    """a hidden order trades at the middle, not at a tick"""
    gap: Mean
    """mean time between market orders at rate 1024"""
    pause: TimeLine
    """a short one"""
    size: Law
    """lots that a market order has in mind"""
    length: Law
    """market orders of a metaorder"""

    def numbers(self, setting: Setting) -> list[float]:
        """As its file lays them out."""
        plain = [setting.efficient_price, self.live, self.stays, self.at_once, self.takes_all, self.takes_further]
        plain += [self.all_hidden, self.part_hidden, self.at_mid]
        return _with_tables(plain, [_exponential(self.gap), _law(self.pause), _law(self.size), _law(self.length)])

    def memory(self, setting: Setting) -> list[float]:
        """All metaorders are still to be drawn."""
        return [0.0] * (1 + FIELDS * self.live)


AnyOfTables = EfficientPrice | Quoters | MetaorderTakers
"""Every family of this file."""
