"""Rates by distance: tables whose place i - 1 speaks of the price i ticks from the opposite best.

The opposite best is a price of the other side; where that side is empty, the last one it had.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.ladder import beside, lots_in_row, row_of
from lobsim.core.agents.view import best_price
from lobsim.core.jit import inline, kernel
from lobsim.types import NONE_PRICE


@inline
def table_sum(numbers, table, count):
    """Sum of a table."""
    total = 0.0
    for place in range(table, table + count):
        total += numbers[place]
    return total


@inline
def distance_of(numbers, table, count, at):
    """The distance at which the sum of a table first exceeds `at`; the last one with a rate where rounding has left none."""
    last = np.int64(1)
    for steps in range(1, count + 1):
        rate = numbers[table + steps - 1]
        if rate > 0.0:
            last = np.int64(steps)
            if at < rate:
                return last
            at -= rate
    return last


@inline
def _nearest(book, side, opposite_ticks):
    """Distance of a side's best price, at least 1."""
    best = best_price(book, side)
    away = best - opposite_ticks if side else opposite_ticks - best
    return max(np.int64(1), away)


@kernel
def cancel_weight(scene, side, opposite_ticks, table, count):
    """What rests on a side within the table, each lot times its table entry."""
    book = scene.world.book
    total = 0.0
    if best_price(book, side) == NONE_PRICE:
        return total
    first = _nearest(book, side, opposite_ticks)
    nearest_ticks = beside(side, opposite_ticks, first)
    row = row_of(book, side, nearest_ticks, count + 1 - first)
    for steps in range(first, count + 1):
        lots = lots_in_row(book, row, side, nearest_ticks, steps - first)
        total += scene.crowd.numbers[table + steps - 1] * np.float64(lots)
    return total


@kernel
def cancel_price(scene, side, opposite_ticks, table, count, at):
    """The price at which the sum of `cancel_weight` first exceeds `at`; NONE_PRICE where rounding has left none."""
    book = scene.world.book
    if best_price(book, side) == NONE_PRICE:
        return np.int64(NONE_PRICE)
    first = _nearest(book, side, opposite_ticks)
    nearest_ticks = beside(side, opposite_ticks, first)
    row = row_of(book, side, nearest_ticks, count + 1 - first)
    for steps in range(first, count + 1):
        lots = lots_in_row(book, row, side, nearest_ticks, steps - first)
        at -= scene.crowd.numbers[table + steps - 1] * np.float64(lots)
        if at < 0.0:
            return np.int64(beside(side, opposite_ticks, steps))
    return np.int64(NONE_PRICE)
