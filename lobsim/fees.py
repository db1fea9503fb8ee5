"""What a venue charges: fees and rebates of a table of fills, exact to the last money step.

A `FeeSchedule` holds rates for makers and takers per value, per lot and per order, a minimum and a maximum per order, and tiers by traded value.
It says nothing about any venue: presets age, a TOML file beside the results does not.

Invariants: values, rates and bounds are whole numbers and ratios throughout, never floats.  The fee of each fill is rounded once, to the nearest
``money_step``, a half to the even one; a minimum or maximum acts on the sum of the rounded fees of an order; the total is the sum of its
fills, to the step.  Positive is paid, negative is received.

Known limits: value is |price| x size (whoever has contracts hands in the tick's or the contract's worth, as `execution.outcome` does; no tax on one side only); periods are days and months of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal, localcontext
from enum import IntEnum
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import NamedTuple

import numpy as np
import polars as pl

from lobsim.errors import ConfigError, DataError, OrderError
from lobsim.fee_arithmetic import Columns, Plan, fee_steps
from lobsim.natural import Number, natural, number_of, step_of

_LARGEST_DIGIT, _SMALLEST_DIGIT = 15, -18
"""Powers of ten a setting may reach: with them every intermediate number stays short."""


class TierRule(IntEnum):
    """What a tier's rate is charged on."""

    MARGINAL = 0  # the part of the value that lies in the tier; a fill across a threshold is split
    WHOLE = 1  # every fill of the period, at the tier that the period's whole value reaches


class Period(IntEnum):
    """After what time the traded value starts again at 0."""

    ALL = 0  # never
    DAY = 1
    MONTH = 2


def _exact(value: Number, name: str) -> Fraction:
    """A setting as an exact ratio; raises ConfigError for what is no finite number of usable size."""
    try:
        number = number_of(value, name)
    except OrderError as error:
        raise ConfigError(f"{error.what}; a fee must be a finite number", where="fees") from None
    smallest = number.as_tuple().exponent
    if number and (number.adjusted() > _LARGEST_DIGIT or int(smallest) < _SMALLEST_DIGIT):
        raise ConfigError(f"{name} is {value}, which has too many digits", where="fees")
    return Fraction(number)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What one side of a trade pays; negative is a rebate."""

    bps: Number = 0
    """of the value traded, in hundredths of a percent"""
    per_lot: Number = 0
    """money for each lot"""
    per_order: Number = 0
    """money for each order that trades at all, with its first fill"""

    def __post_init__(self) -> None:
        for each in fields(self):
            _exact(getattr(self, each.name), each.name)


@dataclass(frozen=True, kw_only=True)
class Tier:
    """Other rates per value from a traded value on."""

    from_value: Number
    """money; the tier begins with the value beyond it (WHOLE: when it is reached)"""
    maker_bps: Number
    taker_bps: Number

    def __post_init__(self) -> None:
        for each in fields(self):
            _exact(getattr(self, each.name), each.name)


@dataclass(frozen=True, kw_only=True)
class FeeSchedule:
    """A venue's fees.  Without arguments trading costs nothing.

    Raises ConfigError for a number that is none, tiers that do not rise, a minimum above the maximum, or bounds between two money steps.
    """

    maker: Rates = field(default_factory=Rates)
    taker: Rates = field(default_factory=Rates)
    minimum_per_order: Number | None = None
    """money an order that trades pays at least, rebates counted"""
    maximum_per_order: Number | None = None
    """money an order pays at most"""
    tiers: tuple[Tier, ...] = ()
    """beyond the first, which is maker.bps and taker.bps from 0 on; rising"""
    tier_rule: TierRule = TierRule.MARGINAL
    period: Period = Period.ALL
    """over which traded value is counted"""
    traded_before: Number = 0
    """money already traded in the first period before the first fill, elsewhere or earlier"""
    money_step: Number = "0.00000001"
    """what a fee is rounded to"""

    def __post_init__(self) -> None:
        step = Fraction(step_of(self.money_step, "money_step"))
        starts = [Fraction(0), *(_exact(tier.from_value, "from_value") for tier in self.tiers)]
        if any(later <= earlier for earlier, later in pairwise(starts)):
            raise ConfigError("tiers must begin above 0 and rise", where="fees")
        if _exact(self.traded_before, "traded_before") < 0:
            raise ConfigError(f"traded_before is {self.traded_before}, 0 or more is needed", where="fees")
        for name in ("minimum_per_order", "maximum_per_order"):
            bound = getattr(self, name)
            if bound is not None and (_exact(bound, name) / step).denominator != 1:
                raise ConfigError(f"{name} is {bound}, which is not a multiple of money_step", where="fees")
        low, high = self.minimum_per_order, self.maximum_per_order
        if low is not None and high is not None and _exact(low, "minimum") > _exact(high, "maximum"):
            raise ConfigError(f"minimum_per_order {low} is above maximum_per_order {high}", where="fees")

    @property
    def by_order(self) -> bool:
        """Whether anything depends on which fills belong to one order."""
        flat = [_exact(side.per_order, "per_order") for side in (self.maker, self.taker)]
        return any(flat) or self.minimum_per_order is not None or self.maximum_per_order is not None

    def charge(self, fills: pl.DataFrame, *, tick: Number | Fraction, lot: Number | Fraction) -> Charges:
        """What each fill costs.

        fills  in order of trading: price_ticks, size_lots (integers), passive; order, where anything is per order; ts_ns, where there are periods
        tick   money for one tick of one unit
        lot    units in one lot

        Raises DataError for a column that is missing or holds a null, or a size below 1.
        """
        _check(fills, self)
        step = step_of(self.money_step, "money_step")
        if fills.height == 0:
            return Charges(np.zeros(0, np.int64), step)
        numbers = np.arange(fills.height)
        columns = Columns(
            ticks=fills["price_ticks"].to_numpy(),
            lots=fills["size_lots"].to_numpy(),
            maker=fills["passive"].cast(pl.Int64).to_numpy(),
            order=_names(fills["order"]) if self.by_order else numbers,
            period=_periods(self.period, fills),
        )
        return Charges(fee_steps(self._plan(Fraction(tick) * Fraction(lot), Fraction(step)), columns), step)

    def _plan(self, tick_lot: Fraction, step: Fraction) -> Plan:
        """The schedule in whole numbers, for an instrument whose tick-lot is so much money."""
        starts = [Fraction(0), *(_exact(tier.from_value, "from_value") / tick_lot for tier in self.tiers)]
        before = _exact(self.traded_before, "traded_before") / tick_lot
        value_scale = lcm(before.denominator, *(start.denominator for start in starts))
        sides = (self.taker, self.maker)
        bps = [
            [self.taker.bps, *(tier.taker_bps for tier in self.tiers)],
            [self.maker.bps, *(tier.maker_bps for tier in self.tiers)],
        ]
        rates = [[_exact(rate, "bps") * tick_lot / (10_000 * value_scale * step) for rate in row] for row in bps]
        per_lot = [_exact(side.per_lot, "per_lot") / step for side in sides]
        per_order = [_exact(side.per_order, "per_order") / step for side in sides]
        scale = lcm(*(rate.denominator for rate in [*rates[0], *rates[1], *per_lot, *per_order]))
        bounds = (self.minimum_per_order, self.maximum_per_order)
        low, high = (None if bound is None else int(_exact(bound, "bound") / step) for bound in bounds)
        return Plan(
            value_scale=value_scale,
            fee_scale=scale,
            starts=[int(start * value_scale) for start in starts],
            rates=[[int(rate * scale) for rate in row] for row in rates],
            per_lot=[int(rate * scale) for rate in per_lot],
            per_order=[int(rate * scale) for rate in per_order],
            before=int(before * value_scale),
            whole=self.tier_rule == TierRule.WHOLE,
            low=low,
            high=high,
        )


class Charges(NamedTuple):
    """Fees of a table of fills.

    steps       money steps per fill, positive = paid; int64, or Python integers where 64 bits would not do
    money_step  money in one step
    """

    steps: np.ndarray
    money_step: Decimal

    @property
    def total(self) -> Decimal:
        """Money in all, exact."""
        return self.exact(sum(self.steps.tolist()))

    @property
    def money(self) -> np.ndarray:
        """Money per fill, the nearest floats."""
        return natural(self.steps, Fraction(self.money_step))

    def exact(self, steps: int) -> Decimal:
        """So many steps as money."""
        with localcontext(prec=100):
            return steps * self.money_step


def add_fees(
    fills: pl.DataFrame, schedule: FeeSchedule, *, tick: Number | Fraction, lot: Number | Fraction
) -> pl.DataFrame:
    """A table of real or simulated fills (execution.tca) with its column ``fee``.

    fills      as for `FeeSchedule.charge`, with price and size in natural units
    tick, lot  of the instrument; natural units must be whole ticks and lots

    Raises DataError, with the row, for a price between two ticks or a size between two lots.
    """
    units = {"price_ticks": ("price", Fraction(tick)), "size_lots": ("size", Fraction(lot))}
    steps = {}
    for name, (column, unit) in units.items():
        values = fills[column].cast(pl.Float64).to_numpy()
        steps[name] = np.rint(values * unit.denominator / unit.numerator).astype(np.int64)
        off = np.flatnonzero(natural(steps[name], unit) != values)
        if off.size:
            row = int(off[0])
            raise DataError(f"{values[row]} is not a whole number of {unit}", file="fills", row=row + 1, field=column)
    charges = schedule.charge(
        fills.with_columns(**{name: pl.Series(value) for name, value in steps.items()}), tick=tick, lot=lot
    )
    return fills.with_columns(fee=pl.Series(charges.money))


def _names(order: pl.Series) -> np.ndarray:
    """Orders as small numbers, whatever they are called."""
    return order.rank("dense").to_numpy().astype(np.int64)


def _periods(period: Period, fills: pl.DataFrame) -> np.ndarray:
    """The number of the period of each fill."""
    if period == Period.ALL:
        return np.zeros(fills.height, np.int64)
    unit = "D" if period == Period.DAY else "M"
    return fills["ts_ns"].to_numpy().astype("datetime64[ns]").astype(f"datetime64[{unit}]").astype(np.int64)


def _check(fills: pl.DataFrame, schedule: FeeSchedule) -> None:
    needed = ["price_ticks", "size_lots", "passive"]
    needed += ["order"] * schedule.by_order + ["ts_ns"] * (schedule.period != Period.ALL)
    for name in needed:
        if name not in fills.columns:
            raise DataError("these fees need the column", file="fills", field=name)
        if fills[name].null_count():
            row = int(fills[name].is_null().arg_true()[0]) + 1
            raise DataError("a null says nothing about fees", file="fills", row=row, field=name)
    for name in needed[:2]:
        if not fills[name].dtype.is_integer():
            raise DataError(f"whole numbers are needed, not {fills[name].dtype}", file="fills", field=name)
    small = (fills["size_lots"] < 1).arg_true()
    if len(small):
        raise DataError("a fill has at least one lot", file="fills", row=int(small[0]) + 1, field="size_lots")
