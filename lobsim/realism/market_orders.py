"""Market orders: the executions of one aggressor taken together.

Consecutive visible executions of one instant, one side and one match id are one market order; rows of other kinds may lie between them.
Executions that nobody saw are no part of it: which side took is then a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lobsim.types import Side

if TYPE_CHECKING:
    from lobsim.realism.prepare import Touch


class MarketOrders(NamedTuple):
    """Market orders in order of time, one entry each.

    row           the first execution's
    ts_ns         time
    sign          +1 buyer-initiated, -1 seller-initiated
    size_lots     sum of its executions
    vwap_ticks    float: what it paid on average
    prices        how many prices it touched
    mid_before    float: ticks, nan without a whole book
    spread_before float: ticks
    opposite_lots size at the best price that it met first
    executions    how many
    """

    row: np.ndarray
    ts_ns: np.ndarray
    sign: np.ndarray
    size_lots: np.ndarray
    vwap_ticks: np.ndarray
    prices: np.ndarray
    mid_before: np.ndarray
    spread_before: np.ndarray
    opposite_lots: np.ndarray
    executions: np.ndarray

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.row)


def market_orders(tape: np.ndarray, size_lots: np.ndarray, rows: np.ndarray, before: Touch) -> MarketOrders:
    """Merge executions.

    tape       TAPE [rows of the day]
    size_lots  int64 [rows of the day]
    rows       int64 [executions]: the visible ones, rising
    before     the touch before the instant of each row of the day
    """
    parts = tape[rows]
    begins = np.ones(len(rows), bool)
    begins[1:] = np.any([parts[name][1:] != parts[name][:-1] for name in ("ts_ns", "side", "match_id")], axis=0)
    first = rows[begins]
    group = np.cumsum(begins) - 1
    count = len(first)
    size = size_lots[rows]
    steps = np.ones(len(rows), bool)
    steps[1:] = begins[1:] | (parts["price_ticks"][1:] != parts["price_ticks"][:-1])
    total = np.bincount(group, size, count)
    touch = before.at(first)
    buys = parts["side"][begins] == Side.SELL
    return MarketOrders(
        row=first,
        ts_ns=tape["ts_ns"][first],
        sign=np.where(buys, 1, -1),
        size_lots=total.astype(np.int64),
        vwap_ticks=np.bincount(group, size * parts["price_ticks"].astype(float), count) / np.maximum(total, 1),
        prices=np.bincount(group, steps, count).astype(np.int64),
        mid_before=touch.mid,
        spread_before=touch.spread,
        opposite_lots=np.where(buys, touch.ask_lots, touch.bid_lots),
        executions=np.bincount(group, minlength=count),
    )
