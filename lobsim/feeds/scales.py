"""From the provisional integers of a reader to price quanta, ticks and lots: what divides all of them.

Invariants: everything is exact (whole numbers and fractions of them, no floats); the tick divides every price of the book, the price
quantum divides the tick and every printed price, the lot divides every size.  The tick is looked for in the book alone, never in prices of trades.
Known limits: a tick or lot that is found, not stated, is the largest usual step that divides; where a day is short it can be a multiple of the true one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd, lcm

import numpy as np
import polars as pl

from lobsim.errors import ConfigError, DataError
from lobsim.feeds.schema import MAX_TICK_QUANTA, ON_TICK
from lobsim.types import MAX_SIZE_LOTS, Kind

_MAX_VALUE = 2**62


@dataclass
class Numbers:
    """What is known of the provisional numbers of a day: greatest common divisors and largest values."""

    book_price: int = 0
    price: int = 0
    size: int = 0
    largest_price: int = 0
    largest_size: int = 0

    def take(self, events: pl.DataFrame) -> None:
        """Take in some rows.  Sizes of PHASE rows are codes and left out."""
        kind, price, size = (events[name].to_numpy() for name in ("kind", "price", "size"))
        size = size[kind != Kind.PHASE]
        self.book_price = _divisor(self.book_price, price[np.isin(kind, ON_TICK)])
        self.price = _divisor(self.price, price)
        self.size = _divisor(self.size, size)
        self.largest_price = max(self.largest_price, _largest(price))
        self.largest_size = max(self.largest_size, _largest(size))


@dataclass(frozen=True)
class Scale:
    """Provisional integers become ``value // divide * times``."""

    divide: int = 1
    times: int = 1

    def expression(self, name: str) -> pl.Expr:
        """The column, rescaled."""
        return pl.col(name) // self.divide * self.times


@dataclass(frozen=True)
class Scales:
    """What the integers of a day mean once they are rescaled; texts are decimal."""

    price_quantum: str
    tick_quanta: int
    lot: str
    price: Scale = field(default_factory=Scale)
    size: Scale = field(default_factory=Scale)

    def rescaled(self, events: pl.DataFrame) -> pl.DataFrame:
        """Rows (at least kind, price and size of them) in quanta and lots."""
        kind, lots = pl.col("kind"), self.size.expression("size")
        level = pl.when(kind == Kind.LEVEL).then(pl.min_horizontal(lots, pl.lit(MAX_SIZE_LOTS, pl.Int64)))
        size = level.when(kind == Kind.PHASE).then(pl.col("size")).otherwise(lots)
        return events.with_columns(self.price.expression("price"), size.alias("size"))

    def too_large(self, events: pl.DataFrame) -> int:
        """How many levels show more than the largest size, and are kept as that: people park 65,000 BTC at a cent."""
        above = (pl.col("kind") == Kind.LEVEL) & (self.size.expression("size") > MAX_SIZE_LOTS)
        return int(events.select(above.sum()).item())


def step_in_units(text: str, unit: str, name: str) -> Fraction:
    """A tick or lot in provisional units; raises ConfigError for what is no positive decimal."""
    try:
        step = Fraction(text) if "/" not in text else Fraction(0)
    except ValueError:
        step = Fraction(0)
    if step <= 0 or lcm(step.denominator, 10**30) != 10**30:
        raise ConfigError(f"{name} is {text!r}, a decimal above 0 is needed")
    return step / Fraction(unit)


def find_scales(
    numbers: Numbers, price_unit: str, size_unit: str, tick: Fraction | None, lot: Fraction | None, *, file: str
) -> Scales:
    """Price quantum, tick and lot of a day.

    price_unit, size_unit  what a provisional price and size are worth, decimal text
    tick, lot              stated ones, in provisional units; they must divide (``off_step`` finds what they do not); None = to be found

    Raises DataError where prices are printed too finely for the tick, or numbers become too large.
    """
    step = tick or usual_step(numbers.book_price or numbers.price or 1, price_unit)
    quantum = _common_divisor(step, Fraction(numbers.price)) if numbers.price else step
    tick_quanta = step / quantum
    if tick_quanta > MAX_TICK_QUANTA:
        raise DataError(
            f"prices are printed in steps of {decimal_text(quantum * Fraction(price_unit))}, finer than one in"
            f" {MAX_TICK_QUANTA} of the tick of {decimal_text(step * Fraction(price_unit))}",
            file=file,
        )
    lot_units = lot or usual_step(numbers.size or 1, size_unit)
    price, size = (Scale(units.numerator, units.denominator) for units in (quantum, lot_units))
    for name, scale, largest in (("price", price, numbers.largest_price), ("size", size, numbers.largest_size)):
        if largest // scale.divide * scale.times > _MAX_VALUE:
            raise DataError(f"a {name} does not fit 62 bits in steps so fine", file=file)
    return Scales(
        decimal_text(quantum * Fraction(price_unit)),
        int(tick_quanta),
        decimal_text(lot_units * Fraction(size_unit)),
        price,
        size,
    )


def usual_step(divisor: int, unit: str) -> Fraction:
    """The largest step of a kind that venues use (1, 2, 2.5, 5 times a power of ten; 1/2, 1/4 ... 1/1024) that divides, in provisional units.

    divisor  of every number, in units
    """
    value = divisor * Fraction(unit)
    if value.numerator == 1 and value.denominator <= 1024 and value.denominator.bit_count() == 1:
        return Fraction(divisor)
    power = Fraction(10) ** len(str(int(value)))
    while True:
        for times in (Fraction(5), Fraction(5, 2), Fraction(2), Fraction(1)):
            if (value / (times * power)).denominator == 1:
                return times * power / Fraction(unit)
        power /= 10


def divides(step: Fraction | None, divisor: int) -> bool:
    """Whether a stated step divides whatever the divisor divides."""
    return step is None or (Fraction(divisor) / step).denominator == 1


def off_step(values: np.ndarray, step: Fraction) -> np.ndarray:
    """Where values are no multiples of a step, bool [n]."""
    return values % step.numerator != 0


def decimal_text(value: Fraction) -> str:
    """A decimal fraction as plain text: 1/100 is "0.01"."""
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    text = str(int(value * 10**digits)).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


def _common_divisor(one: Fraction, other: Fraction) -> Fraction:
    return Fraction(
        gcd(one.numerator * other.denominator, other.numerator * one.denominator), one.denominator * other.denominator
    )


def _divisor(known: int, values: np.ndarray) -> int:
    """Greatest common divisor of what is known and of more values; most values change nothing, so they are only divided."""
    if known:
        values = values[values % known != 0]
    return gcd(known, int(np.gcd.reduce(values))) if len(values) else known


def _largest(values: np.ndarray) -> int:
    return max(int(values.max()), -int(values.min())) if len(values) else 0
