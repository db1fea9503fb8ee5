"""Sizes and prices as typed on the command line, in whole lots and ticks of a data set."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lobsim.errors import ConfigError
from lobsim.natural import number_of, steps_in
from lobsim.types import MAX_PRICE_TICKS, MAX_SIZE_LOTS

if TYPE_CHECKING:
    from lobsim.feeds.schema import DatasetInfo


def lots_of(text: str, info: DatasetInfo, where: str) -> int:
    """A size in natural units as whole lots.

    Raises ConfigError if it is not a whole number of lots above 0, OrderError if it is no number.
    """
    lots = steps_in(number_of(text.replace(",", ""), where), Decimal(info.lot), MAX_SIZE_LOTS)
    if lots is None:
        raise ConfigError(f"{text} is not a whole number of lots", where=where, hint=f"one lot is {info.lot}")
    if not 1 <= lots <= MAX_SIZE_LOTS:
        raise ConfigError(f"{text} is out of range", where=where, hint="a size above 0 is needed")
    return lots


def ticks_of(text: str, info: DatasetInfo, where: str) -> int:
    """A price in natural units as whole ticks.

    Raises ConfigError if it lies between two ticks, OrderError if it is no number.
    """
    tick = Decimal(info.price_quantum) * info.tick_quanta
    ticks = steps_in(number_of(text, where), tick, MAX_PRICE_TICKS)
    if ticks is None or abs(ticks) > MAX_PRICE_TICKS:
        raise ConfigError(f"{text} is not on a tick", where=where, hint=f"one tick is {tick.normalize()}")
    return ticks
