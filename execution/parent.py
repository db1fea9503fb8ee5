"""The parent order: how much to trade, on which side, from when until when, and within which bounds.

Invariants
----------
* A `Parent` that exists is valid: it is checked on construction and never changes afterwards.
* Units are those of the simulator (lots, ticks, exchange nanoseconds UTC).  People write natural units; whoever
  reads their input converts, because only the data set knows its tick and lot.
* The decision to trade is taken at ``start_ns``.  The first order can reach the venue later, by the latency.

Known limit: one instrument, one side; a basket is a list of parents.
"""

from __future__ import annotations

from dataclasses import dataclass

from lobsim.errors import ConfigError
from lobsim.types import MAX_PRICE_TICKS, MAX_SIZE_LOTS, NEVER, Side


@dataclass(frozen=True, kw_only=True)
class Parent:
    """One parent order.

    Raises ConfigError, on construction, for a field that is no whole number where one is needed or that is out
    of its range.
    """

    side: Side
    """buy or sell"""
    size_lots: int
    """quantity to trade, in lots, at least 1"""
    start_ns: int
    """decision time and first instant the algorithm may act, exchange time, ns UTC"""
    end_ns: int
    """end of the time it has, exchange time, ns UTC; after ``start_ns``"""
    limit_price_ticks: int | None = None
    """worst price of any child order, in ticks: the highest to buy at, the lowest to sell at; None: no bound"""
    max_participation: float | None = None
    """largest allowed share of the market's volume, own volume included, above 0 and at most 1; None: no bound"""

    def __post_init__(self) -> None:
        if not isinstance(self.side, Side):
            raise ConfigError(f"side is {self.side!r}, Side.BUY or Side.SELL is needed", where="parent")
        _check_whole("size_lots", self.size_lots, 1, MAX_SIZE_LOTS)
        _check_whole("start_ns", self.start_ns, 0, NEVER - 1)
        _check_whole("end_ns", self.end_ns, 0, NEVER - 1)
        if self.end_ns <= self.start_ns:
            raise ConfigError(
                f"end_ns {self.end_ns} is not after start_ns {self.start_ns}",
                where="parent",
                hint="give it time to trade",
            )
        if self.limit_price_ticks is not None:
            _check_whole("limit_price_ticks", self.limit_price_ticks, -MAX_PRICE_TICKS, MAX_PRICE_TICKS)
        if self.max_participation is not None and not 0 < self.max_participation <= 1:
            raise ConfigError(
                f"max_participation is {self.max_participation}, above 0 and at most 1 is needed",
                where="parent",
                hint="leave it out for no bound",
            )

    @property
    def duration_ns(self) -> int:
        """Length of the window, ns."""
        return self.end_ns - self.start_ns

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: costs are ``sign * (paid - benchmark)``."""
        return 1 if self.side is Side.BUY else -1


def _check_whole(name: str, value: object, low: int, high: int) -> None:
    """Refuse what is no int (a bool is none) or lies outside ``low..high``."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(f"{name} is {value!r}, a whole number (int) is needed", where="parent")
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}, {low} to {high} is allowed", where="parent")
