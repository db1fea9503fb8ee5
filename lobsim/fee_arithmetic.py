"""The sums behind `lobsim.fees`: columns of whole numbers in, money steps per fill out.

A `Plan` is a schedule in whole numbers only.  Value is counted in units so small that every threshold of a tier is whole, fees in units
so small that every rate is; dividing by ``fee_scale`` and rounding comes last.

Invariant: no float anywhere.  Where 64 bits are provably enough the columns are int64, else Python integers; the expressions are the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_SAFE = 2**60


class Plan(NamedTuple):
    """Fees in whole numbers.

    value_scale  value units in one tick-lot
    fee_scale    fee units in one money step
    starts       of the tiers, in value units, rising from 0
    rates        [taker, maker][tier], fee units per value unit
    per_lot      (taker, maker), fee units
    per_order    (taker, maker), fee units, with the first fill of an order
    before       value units traded before the first fill
    whole        every fill pays the tier that its period reaches, not only what lies in a tier
    low, high    money steps an order pays at least and at most, None without such a bound
    """

    value_scale: int
    fee_scale: int
    starts: list[int]
    rates: list[list[int]]
    per_lot: list[int]
    per_order: list[int]
    before: int
    whole: bool
    low: int | None
    high: int | None


class Columns(NamedTuple):
    """Fills, one entry each, in order of trading: integers of any kind."""

    ticks: np.ndarray
    lots: np.ndarray
    maker: np.ndarray
    """1 maker, 0 taker"""
    order: np.ndarray
    """which fills are of one order"""
    period: np.ndarray
    """which fills share a period; later ones have larger numbers"""


def fee_steps(plan: Plan, fills: Columns) -> np.ndarray:
    """Money steps each fill costs, positive = paid."""
    number = _number_type(plan, fills)
    lots = fills.lots.astype(number)
    value = np.abs(fills.ticks.astype(number)) * lots * plan.value_scale
    fee = _by_value(plan, fills, value) + lots * np.array(plan.per_lot, number)[fills.maker]
    if any(plan.per_order):
        first = np.zeros(len(lots), bool)
        first[np.unique(fills.order, return_index=True)[1]] = True
        fee = fee + np.where(first, np.array(plan.per_order, number)[fills.maker], 0)
    return _bounded(plan, _rounded(fee, plan.fee_scale), fills.order)


def _number_type(plan: Plan, fills: Columns) -> type:
    """int64 where every sum provably fits it, else Python integers."""
    lots = int(fills.lots.max()) * len(fills.lots)
    value = max(abs(int(fills.ticks.max())), abs(int(fills.ticks.min()))) * lots * plan.value_scale
    value += plan.before + plan.starts[-1]
    fee = 2 * value * len(plan.starts) * max(abs(rate) for side in plan.rates for rate in side)
    fee += lots * max(map(abs, plan.per_lot)) + len(fills.lots) * max(map(abs, plan.per_order)) + plan.fee_scale
    bounds = max(abs(plan.low or 0), abs(plan.high or 0)) * plan.fee_scale
    return np.int64 if max(value, fee, bounds) < _SAFE else object


def _by_value(plan: Plan, fills: Columns, value: np.ndarray) -> np.ndarray:
    """Fee units by the rates per value."""
    rates = np.array(plan.rates, value.dtype)
    if len(plan.starts) == 1:
        return value * rates[fills.maker, 0]
    before = np.where(fills.period == fills.period.min(), plan.before, 0).astype(value.dtype)
    after = _running(value, fills.period) + before
    if plan.whole:
        tier = sum((_last(after, fills.period) >= start).astype(np.int64) for start in plan.starts) - 1
        return value * rates[fills.maker, tier]
    fee = value * 0
    for place, start in enumerate(plan.starts):
        inside = np.maximum(after - start, 0) - np.maximum(after - value - start, 0)
        fee = fee + inside * (rates[fills.maker, place] - (rates[fills.maker, place - 1] if place else 0))
    return fee


def _running(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sums up to and with each value, for each group by itself."""
    place = np.argsort(group, kind="stable")
    ordered = values[place]
    sums = np.cumsum(ordered)
    starts = np.flatnonzero(np.diff(group[place], prepend=group[place[0]] - 1))
    base = np.repeat(sums[starts] - ordered[starts], np.diff(starts, append=len(values)))
    out = np.empty_like(values)
    out[place] = sums - base
    return out


def _last(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The last value of its group, for each entry."""
    _, place, of = np.unique(group[::-1], return_index=True, return_inverse=True)
    return values[::-1][place][of][::-1]


def _rounded(fee: np.ndarray, scale: int) -> np.ndarray:
    """The nearest whole number of scales, a half to the even one."""
    whole, rest = fee // scale, fee % scale
    return whole + ((2 * rest > scale) | ((2 * rest == scale) & (whole % 2 == 1)))


def _bounded(plan: Plan, steps: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Fees such that after each of its fills an order has paid its sum, or its minimum or maximum."""
    if plan.low is None and plan.high is None:
        return steps
    paid = _running(steps, order)
    if plan.low is not None:
        paid = np.maximum(paid, plan.low)
    if plan.high is not None:
        paid = np.minimum(paid, plan.high)
    place = np.argsort(order, kind="stable")
    ordered = paid[place]
    first = np.diff(order[place], prepend=order[place[0]] - 1) != 0
    out = np.empty_like(steps)
    out[place] = ordered - np.where(first, 0, np.roll(ordered, 1))
    return out
