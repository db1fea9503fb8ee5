"""The queue models by their definitions (docs/rules.md, section 4), in decimals of fifty digits.

``share`` answers what of a decrease falls on the first ``position`` of ``whole``: as a real number, or in whole units as the rules round it.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction

from lobsim.types import QueueModel

Quantity = int | Fraction
FIFTY_DIGITS = Context(prec=50)
_SCALE = 2**32


def pi(model: QueueModel, power: Decimal, ahead: Fraction, behind: Fraction) -> Decimal:
    """The share that leaves ahead of a place with so many lots ahead and behind."""
    with localcontext(FIFTY_DIGITS):
        a, b = (Decimal(lots.numerator) / Decimal(lots.denominator) for lots in (ahead, behind))
        match model:
            case QueueModel.PROPORTIONAL:
                return a / (a + b)
            case QueueModel.POWER:
                return _power(a, power) / (_power(a, power) + _power(b, power))
            case QueueModel.LOG:
                return (1 + a).ln() / ((1 + a).ln() + (1 + b).ln())
            case QueueModel.LOG2:
                return 1 - (1 + b).ln() / (1 + a + b).ln()
            case QueueModel.POWER2:
                return 1 - _power(b / (a + b), power)
            case QueueModel.POWER3:
                return _power(a / (a + b), power)
    return Decimal(0)


def _power(base: Decimal, power: Decimal) -> Decimal:
    return base**power if base else Decimal(0)


def share(
    model: QueueModel, power: Decimal, decrease: Quantity, position: Quantity, whole: Quantity, one: int | None
) -> Quantity:
    """What of a decrease falls on the first ``position`` of a queue.

    one  units in a lot: quantities are whole units, and so is the answer; None: they are lots and the answer is a real number
    """
    times = int(power) if power == int(power) else None
    if model == QueueModel.PROPORTIONAL:
        times = 1
    exact = model == QueueModel.PROPORTIONAL or (model == QueueModel.POWER3 and times is not None)
    if exact and times is not None:
        if one is None:
            return Fraction(decrease) * (Fraction(position) / Fraction(whole)) ** times
        for _ in range(times):
            decrease = decrease * position // whole
        return decrease
    lot = 1 if one is None else one
    weight = pi(model, power, Fraction(position) / lot, Fraction(whole - position) / lot)
    if one is None:
        return Fraction(decrease) * Fraction(weight)
    with localcontext(FIFTY_DIGITS):
        rounded = int(weight * _SCALE + Decimal("0.5"))
    return int(decrease) * rounded // _SCALE
