"""What a venue chooses: the rules of a `Book`, in natural units (docs/rules.md, section 1b)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from lobsim.core.book import default_rules
from lobsim.errors import ConfigError, OrderError
from lobsim.natural import Number, number_of, steps_in, word_of
from lobsim.types import MAX_PRICE_TICKS, MAX_SIZE_LOTS, RULES, Allocation, Phase, SelfTrade

_MAX_TOP_ORDERS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class VenueRules:
    """Rules of one book.  What is left at its default costs nothing and changes nothing.

    Raises ConfigError where a rule does not exist, two contradict each other, or a step is no multiple of the tick or lot.
    """

    self_trade: str | SelfTrade = SelfTrade.NONE
    """what happens when a taker meets an order of its own owner"""
    allocation: str | Allocation = Allocation.FIFO
    """how a taker is shared out among the displayed orders of one price"""
    top_orders: int = 0
    """TOP_N: so many orders of a price are served first, by time"""
    price_step: Number | None = None
    """prices must be multiples of this; None: of the tick"""
    size_step: Number | None = None
    """sizes must be multiples of this; None: of the lot"""
    band: tuple[Number, Number] | None = None
    """the lowest and the highest price an order may ask for"""
    phase: str | Phase = Phase.CONTINUOUS
    """the phase the venue begins in"""

    def record(self, tick_size: Decimal, lot_size: Decimal) -> np.ndarray:
        """RULES [1] for a book of these steps, in ticks and lots."""
        rules = default_rules()
        rules["self_trade"] = _chosen(self.self_trade, SelfTrade, "self_trade")
        rules["allocation"] = _chosen(self.allocation, Allocation, "allocation")
        rules["phase"] = _chosen(self.phase, Phase, "phase")
        rules["top_orders"] = self._top_orders(int(rules[0]["allocation"]))
        if rules[0]["allocation"] != Allocation.FIFO and rules[0]["self_trade"] == SelfTrade.DECREMENT:
            _refuse("self_trade 'decrement' cannot be combined with shares", "use one of the cancelling modes")
        for field, value, step, most in (
            ("tick_step", self.price_step, tick_size, MAX_PRICE_TICKS),
            ("lot_step", self.size_step, lot_size, MAX_SIZE_LOTS),
        ):
            if value is not None:
                rules[field] = _steps(value, step, most, "price_step" if field == "tick_step" else "size_step")
        if self.band is not None:
            low, high = (_steps(edge, tick_size, MAX_PRICE_TICKS, "band", -MAX_PRICE_TICKS) for edge in self.band)
            if low > high:
                _refuse(f"band goes from {self.band[0]} to {self.band[1]}", "give the lowest price first")
            rules["band_low_ticks"], rules["band_high_ticks"] = low, high
        return rules

    def _top_orders(self, allocation: int) -> int:
        known = isinstance(self.top_orders, int) and 0 <= self.top_orders <= _MAX_TOP_ORDERS
        if not known or (allocation == Allocation.TOP_N) != (self.top_orders > 0):
            _refuse(f"top_orders is {self.top_orders!r}", "allocation 'top_n' needs a number above 0, every other none")
        return self.top_orders


def rules_text(rules: np.ndarray) -> str:
    """Which rules of a RULES [1] differ from the default, one word and number each; empty if none does."""
    usual = default_rules()
    names = [name for name in RULES.names or () if rules[0][name] != usual[0][name]]
    return ", ".join(f"{name} {rules[0][name]}" for name in names)


def _refuse(what: str, hint: str) -> None:
    raise ConfigError(what, where="rules", hint=hint)


def _chosen(value: str | int, kind: type, name: str) -> int:
    try:
        return int(word_of(value, kind, name))  # type: ignore[type-var]
    except OrderError as error:
        raise ConfigError(str(error), where="rules") from None


def _steps(value: Number, step: Decimal, most: int, name: str, least: int = 1) -> int:
    """A rule's number in whole steps of the book."""
    try:
        count = steps_in(number_of(value, name), step, most)
    except OrderError as error:
        raise ConfigError(str(error), where="rules") from None
    if count is None or not least <= count <= most:
        _refuse(f"{name} is {value}", f"a multiple of {step} in range is needed")
    assert count is not None
    return count
