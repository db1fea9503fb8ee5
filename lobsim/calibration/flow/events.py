"""A recorded day as the models of order flow see it: orders that arrive, orders that are cancelled, market orders.

Order by order data say it outright.  Of level data it is inferred: what a level gained has arrived; what it lost is a market order as far as trades were printed at
its price since it was last told, and a cancel beyond that.

Invariants: events are in the order of their rows; executions of one aggressor are one event; hidden executions are none; rows outside continuous trading and of a
snapshot are none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.calibration.flow.levels import LevelSeries
from lobsim.realism.prepare import Day
from lobsim.types import Kind, Side

ARRIVAL = 0
CANCEL = 1
TAKE = 2


class FlowEvents(NamedTuple):
    """Events of the flow, one entry each.

    row          of the day
    what         ARRIVAL, CANCEL or TAKE
    side         of the book at which it happens (lobsim.types.Side): of a TAKE the side that is taken from
    price_ticks  of the order; of a TAKE the first price it met
    size_lots    what arrived, was taken back, or was taken
    """

    row: np.ndarray
    what: np.ndarray
    side: np.ndarray
    price_ticks: np.ndarray
    size_lots: np.ndarray

    def only(self, chosen: np.ndarray) -> FlowEvents:
        """Some of them.  chosen: bool [n]"""
        return FlowEvents(*(column[chosen] for column in self))


def moved_orders(day: Day, tape: np.ndarray) -> np.ndarray:
    """bool [rows]: replacements that end one order and begin another; the others only make an order smaller where it stands."""
    smaller = (day.order_ticks == day.price_ticks) & (day.size_lots <= day.order_lots)
    return (day.kind == Kind.REPLACE) & ~(smaller & (tape["order_id"] == tape["other_id"]))


def lots_gone(day: Day, moved: np.ndarray) -> np.ndarray:
    """int64 [rows]: what each row takes off the order that it names.

    An order that nobody saw arrive counts as large as the row says where the book is cut to some levels, and is none where it is not.
    """
    known = day.order_lots >= 0
    unknown = day.size_lots if day.info.depth else np.zeros_like(day.size_lots)
    left = np.where(known, day.order_lots, unknown)
    part = np.where(known, np.minimum(day.size_lots, left), unknown)
    whole = (day.kind == Kind.DELETE) | moved
    partly = np.isin(day.kind, (Kind.REDUCE, Kind.EXECUTE))
    smaller = (day.kind == Kind.REPLACE) & ~moved
    return np.select([whole, partly, smaller], [left, part, left - part], 0)


def events_of_day(day: Day, tape: np.ndarray, levels: LevelSeries) -> FlowEvents:
    """Every event of a day.

    tape    TAPE [rows] of its market
    levels  what stood at each price
    """
    parts = _orders(day, tape) if day.by_orders else _levels(day, levels)
    taken = day.orders
    hit = np.where(taken.sign > 0, int(Side.SELL), int(Side.BUY))
    parts.append((taken.row, np.full(taken.number, TAKE), hit, day.price_ticks[taken.row], taken.size_lots))
    columns = [np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)]
    every = FlowEvents(*columns).only(columns[4] > 0)
    # The cancel of a replacement stands before its arrival, because parts are in that order.
    return FlowEvents(*(column[np.argsort(every.row, kind="stable")] for column in every))


def _orders(day: Day, tape: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """Cancels, then arrivals, as they are told."""
    moved = moved_orders(day, tape)
    replaced = day.kind == Kind.REPLACE
    lots = lots_gone(day, moved)
    back = np.flatnonzero(day.live & (replaced | np.isin(day.kind, (Kind.REDUCE, Kind.DELETE))) & (day.side >= 0))
    come = np.flatnonzero(day.live & ((day.kind == Kind.ADD) | moved) & (day.side >= 0))
    return [
        (back, np.full(len(back), CANCEL), day.side[back], day.order_ticks[back], lots[back]),
        (come, np.full(len(come), ARRIVAL), day.side[come], day.price_ticks[come], day.size_lots[come]),
    ]


def _levels(day: Day, levels: LevelSeries) -> list[tuple[np.ndarray, ...]]:
    """Cancels and arrivals, as what levels gained and lost tells."""
    rows = np.flatnonzero(day.live & (day.kind == Kind.LEVEL))
    change = day.size_lots[rows] - levels.lots(day.side[rows], day.price_ticks[rows], rows - 1)
    printed = _printed_since(day, rows)
    gained, lost = change > 0, np.maximum(-change - printed, 0)
    come, back = rows[gained], rows[lost > 0]
    return [
        (back, np.full(len(back), CANCEL), day.side[back], day.price_ticks[back], lost[lost > 0]),
        (come, np.full(len(come), ARRIVAL), day.side[come], day.price_ticks[come], change[gained]),
    ]


def _printed_since(day: Day, rows: np.ndarray) -> np.ndarray:
    """Lots printed at each level row's price and side after the level was last told at an earlier instant, up to and with the row's own instant.

    Of several rows of one level in an instant the first that lost something gets them: a later one finds them gone.
    """
    prints = np.flatnonzero((day.kind == Kind.PRINT) & (day.side >= 0))
    series = LevelSeries(day.side[prints], day.price_ticks[prints], prints, day.size_lots[prints], len(day.ts_ns))
    last_of_instant = np.searchsorted(day.ts_ns, day.ts_ns[rows], side="right") - 1
    reached = series.lots(day.side[rows], day.price_ticks[rows], last_of_instant)
    order = np.lexsort((rows, day.price_ticks[rows], day.side[rows]))
    same = np.zeros(len(rows), bool)
    same[1:] = (np.diff(day.price_ticks[rows][order]) == 0) & (np.diff(day.side[rows][order]) == 0)
    before = np.where(same, np.concatenate([[0], reached[order][:-1]])[: len(rows)], 0)
    found = np.empty(len(rows), np.int64)
    found[order] = reached[order] - before
    return found
