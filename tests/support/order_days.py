"""Order by order days in memory: from plain rows of the slow twins, for what looks at a whole market."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lobsim.config import MarketConfig
from lobsim.feeds.schema import Dataset
from lobsim.market import Market
from lobsim.types import Fidelity
from tests.oracle import row_of
from tests.support.made_days import day

LIFE_NS = 370_000_000
"""Median lifetime of surplus, as the slow replay has it."""


def order_day(rows: Iterable[Any]) -> Dataset:
    """A data set of rows of the slow twins, each a packet of its own."""
    plain = [row_of(row) for row in rows]
    return day(
        [
            {
                "ts_exchange": row.ts_ns,
                "ts_local": row.ts_ns,
                "kind": row.kind,
                "side": row.side,
                "price": row.price_ticks,
                "size": row.size_lots,
                "order_id": row.order_id,
                "other_id": row.other_id,
                "match_id": row.match_id,
                "flags": row.flags,
            }
            for row in plain
        ],
        Fidelity.L3_FULL,
    )


def order_market(rows: Iterable[Any]) -> Market:
    """The same as a market whose surplus lives as long as in the slow replay."""
    return Market(order_day(rows), MarketConfig(median_life_ns=LIFE_NS))
