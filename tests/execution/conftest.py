"""What the execution tests share: a parent order, and builders of small hand-made tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from execution.parent import Parent
from lobsim.types import Side

SECOND_NS = 1_000_000_000
FILL_COLUMNS = {
    "ts_ns": pl.Int64,
    "side": pl.Int8,
    "price": pl.Float64,
    "size": pl.Float64,
    "passive": pl.Boolean,
    "fee": pl.Float64,
    "forced": pl.Boolean,
    "bid_before": pl.Float64,
    "ask_before": pl.Float64,
}


@pytest.fixture
def a_parent() -> Parent:
    """A buy of 1,000 lots from second 100 to second 200."""
    return Parent(side=Side.BUY, size_lots=1000, start_ns=100 * SECOND_NS, end_ns=200 * SECOND_NS)


def fills_of(side: Side, rows: Sequence[tuple[Any, ...]], passive: bool = False) -> pl.DataFrame:
    """Fills from rows of (second, price, size[, bid_before, ask_before])."""
    table = [
        {
            "ts_ns": round(row[0] * SECOND_NS),
            "side": int(side),
            "price": row[1],
            "size": row[2],
            "passive": passive,
            "fee": 0.0,
            "forced": False,
            "bid_before": row[3] if len(row) > 3 else None,
            "ask_before": row[4] if len(row) > 4 else None,
        }
        for row in rows
    ]
    return pl.DataFrame(table, schema=FILL_COLUMNS)


def quotes_of(rows: Sequence[tuple[float, float | None, float | None]]) -> pl.DataFrame:
    """Quotes from rows of (second, bid, ask)."""
    table = [(round(second * SECOND_NS), bid, 100.0, ask, 100.0) for second, bid, ask in rows]
    columns = {
        "ts_ns": pl.Int64,
        "bid": pl.Float64,
        "bid_size": pl.Float64,
        "ask": pl.Float64,
        "ask_size": pl.Float64,
    }
    return pl.DataFrame(table, schema=columns, orient="row")


def prints_of(rows: Sequence[tuple[float, float, float, bool, bool]]) -> pl.DataFrame:
    """Prints from rows of (second, price, size, hidden, auction)."""
    table = [(round(row[0] * SECOND_NS), *row[1:]) for row in rows]
    columns = {
        "ts_ns": pl.Int64,
        "price": pl.Float64,
        "size": pl.Float64,
        "hidden": pl.Boolean,
        "auction": pl.Boolean,
    }
    return pl.DataFrame(table, schema=columns, orient="row")
