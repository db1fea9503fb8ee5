"""The first full book: both sides, uncrossed, in continuous trading; and data that never have one, or no book at all."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo
from lobsim.market import Market
from lobsim.opening import first_full_book_ns
from lobsim.types import Fidelity, Kind, Phase, Side

SECOND = 10**9
BID, ASK = int(Side.BUY), int(Side.SELL)


def market(rows: list[tuple[Any, ...]], fidelity: Fidelity = Fidelity.L2_TRADES, session_start: int = 0) -> Market:
    """A market of rows (second, kind, side, price, size)."""
    events = pl.DataFrame(
        {
            name: [0] * len(rows)
            if name not in ("ts_exchange", "kind", "side", "price", "size")
            else [int(row[("ts_exchange", "kind", "side", "price", "size").index(name)]) for row in rows]
            for name in COLUMNS
        },
        schema=COLUMNS,
    ).with_columns(pl.col("ts_exchange") * SECOND, flags=pl.lit(1, pl.Int32))
    info = DatasetInfo(
        symbol="X", venue="HERE", date="1970-01-01", currency="USD", price_quantum="1", tick_quanta=1, lot="1",
        fidelity=fidelity, depth=0, session_start_ns=session_start * SECOND, session_end_ns=100 * SECOND,
        source="x", source_sha256="",
    )  # fmt: skip
    return Market(Dataset(info, events))


def test_both_sides_are_needed() -> None:
    rows = [(1, Kind.LEVEL, BID, 10, 5), (3, Kind.LEVEL, ASK, 12, 5)]
    assert 3 * SECOND == first_full_book_ns(market(rows))
    assert 7 * SECOND == first_full_book_ns(market(rows, session_start=7))


def test_a_crossed_book_is_not_full_until_it_is_uncrossed() -> None:
    rows = [
        (1, Kind.LEVEL, BID, 13, 5),
        (1, Kind.LEVEL, ASK, 12, 5),
        (4, Kind.LEVEL, BID, 13, 0),
        (4, Kind.LEVEL, BID, 11, 1),
    ]
    assert 4 * SECOND == first_full_book_ns(market(rows))


def test_only_what_an_instant_ends_with_counts() -> None:
    rows = [
        (1, Kind.LEVEL, BID, 10, 5),
        (1, Kind.LEVEL, ASK, 12, 5),
        (1, Kind.LEVEL, ASK, 12, 0),
        (6, Kind.LEVEL, ASK, 11, 2),
    ]
    assert 6 * SECOND == first_full_book_ns(market(rows))


def test_before_continuous_trading_no_book_is_full() -> None:
    rows = [
        (1, Kind.PHASE, -1, 0, Phase.PRE_OPEN),
        (2, Kind.LEVEL, BID, 10, 5),
        (3, Kind.LEVEL, ASK, 12, 5),
        (9, Kind.PHASE, -1, 0, Phase.CONTINUOUS),
        (12, Kind.LEVEL, ASK, 13, 5),
    ]
    assert 9 * SECOND == first_full_book_ns(market(rows))


def test_a_book_that_is_never_full_is_refused() -> None:
    with pytest.raises(DataError, match="never has both sides in continuous trading"):
        first_full_book_ns(market([(1, Kind.LEVEL, BID, 10, 5)]))


def test_trades_alone_are_refused() -> None:
    alone = market([(1, Kind.PRINT, BID, 10, 5), (2, Kind.PRINT, ASK, 11, 5)], Fidelity.L1)
    for ask in (lambda: first_full_book_ns(alone), alone.replay):
        with pytest.raises(DataError, match="it holds trades and no book"):
            ask()
