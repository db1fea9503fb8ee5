"""Canonical tables out of frames: the columns that a reader does not give, and what stands in the row before."""

from __future__ import annotations

import polars as pl

from lobsim.feeds.schema import COLUMNS
from lobsim.types import NONE

_ABSENT = {name: pl.lit(0) for name in COLUMNS} | {
    "side": pl.lit(NONE),
    "sequence": pl.lit(-1),
    "ts_local": pl.col("ts_exchange"),
}


def whole_table(rows: pl.DataFrame) -> pl.DataFrame:
    """The canonical columns, in order and of their types: ``side`` is NONE and other columns are 0 where they are not given.

    ``sequence`` is -1 (for the writer to number) and ``ts_local`` is ``ts_exchange`` where they are not given.
    """
    return rows.select(
        (pl.col(name) if name in rows.columns else _ABSENT[name]).cast(kind).alias(name)
        for name, kind in COLUMNS.items()
    )


def first_of(key: str) -> pl.Expr:
    """Whether a row is the first of its key, in a frame sorted by it; plain shifts are ten times as fast as windows over many keys."""
    return (pl.col(key) != pl.col(key).shift(1)).fill_null(True)


def before_in(key: str, name: str) -> pl.Expr:
    """The value of the row before of the same key, null for the first, in a frame sorted by the key."""
    return pl.when(~first_of(key)).then(pl.col(name).shift(1))
