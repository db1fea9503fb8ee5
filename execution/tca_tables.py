"""The tables that `execution.tca` reads, checked once: columns, types, and values that cannot be.

Invariant: a table that is refused is refused for its first bad row, counted from 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from execution.decomposition import ParentFacts, QuoteHistory
from lobsim.errors import DataError

FILLS = {"ts_ns": pl.Int64, "side": pl.Int8, "price": pl.Float64, "size": pl.Float64, "passive": pl.Boolean}
FILLS_OPTIONAL = {"fee": pl.Float64, "forced": pl.Boolean, "bid_before": pl.Float64, "ask_before": pl.Float64}
QUOTES = {"ts_ns": pl.Int64, "bid": pl.Float64, "ask": pl.Float64}
PRINTS = {"ts_ns": pl.Int64, "price": pl.Float64, "size": pl.Float64}
PRINTS_OPTIONAL = {"hidden": pl.Boolean, "auction": pl.Boolean}
SCHEDULE = {"ts_ns": pl.Int64, "target": pl.Float64}


def checked_fills(facts: ParentFacts, fills: pl.DataFrame) -> pl.DataFrame:
    """Fills in order of time; raises DataError for one that cannot be of this order."""
    table = checked("fills", fills, FILLS, FILLS_OPTIONAL)
    refuse("fills", table, "price", ~pl.col("price").is_finite(), "a fill needs a price")
    refuse("fills", table, "size", ~(pl.col("size").is_finite() & (pl.col("size") > 0)), "a fill needs a size above 0")
    refuse("fills", table, "side", pl.col("side") != int(facts.side), f"the order is a {facts.side.name.lower()}")
    refuse("fills", table, "fee", ~pl.col("fee").fill_null(0.0).is_finite(), "a fee is a number or null")
    filled = float(table["size"].sum())
    if filled > facts.size * (1 + 1e-9):
        raise DataError(f"add up to {filled:g}, the order has only {facts.size:g}", file="fills", field="size")
    return table.sort("ts_ns", maintain_order=True)


def quote_history(quotes: pl.DataFrame) -> QuoteHistory:
    """The market without us, from a table of quotes."""
    table = checked("quotes", quotes, QUOTES).sort("ts_ns", maintain_order=True)
    return QuoteHistory.of(table["ts_ns"].to_numpy(), table["bid"].to_numpy(), table["ask"].to_numpy())


def counted_prints(facts: ParentFacts, prints: pl.DataFrame) -> pl.DataFrame:
    """The prints that count for a benchmark: within the window, no auctions."""
    table = checked("prints", prints, PRINTS, PRINTS_OPTIONAL)
    table = table.with_columns(pl.col("hidden", "auction").fill_null(False))
    counts = pl.col("ts_ns").is_between(facts.decision_ns, facts.end_ns) & ~pl.col("auction")
    size_fits = pl.col("size").is_finite() & (pl.col("size") >= 0)
    refuse("prints", table, "price", counts & ~pl.col("price").is_finite().fill_null(False), "a print needs a price")
    refuse("prints", table, "size", counts & ~size_fits.fill_null(False), "a print needs a size of 0 or more")
    return table.filter(counts)


def checked(
    name: str,
    table: pl.DataFrame,
    columns: Mapping[str, type[pl.DataType]],
    optional: Mapping[str, type[pl.DataType]] | None = None,
) -> pl.DataFrame:
    """The columns asked for, in their types; an absent optional column is all null."""
    wanted = []
    for column, dtype in {**columns, **(optional or {})}.items():
        if column not in table.columns:
            if column in columns:
                raise DataError("the column is missing", file=name, field=column)
            wanted.append(pl.lit(None, dtype).alias(column))
            continue
        given = table.schema[column]
        fits = given.is_integer() if dtype.is_integer() else given == dtype or (dtype.is_float() and given.is_numeric())
        if not fits and given != pl.Null:
            raise DataError(f"the column holds {given}, {dtype} is needed", file=name, field=column)
        wanted.append(pl.col(column).cast(dtype))
    checked = table.select(wanted)
    refuse(name, checked, "ts_ns", pl.col("ts_ns").is_null(), "every row needs a time")
    return checked


def refuse(name: str, table: pl.DataFrame, column: str, bad: pl.Expr, why: str) -> None:
    """Raise DataError for the first row, counted from 1, where `bad` is true or cannot be told."""
    rows = table.select(bad.fill_null(True).arg_true()).to_series()
    if len(rows):
        row = int(rows[0])
        raise DataError(f"{why}, found {table[column][row]}", file=name, row=row + 1, field=column)
