"""Binance's public archives of aggregate trades: CSV, one trade a row, oldest first.

- spot: ``id, price, size, first id, last id, time, buyer was maker, best match``, without header; times in milliseconds, from 2025 on in microseconds;
- futures: the same without the last column, in newer files under a header.

The symbol comes from the file's name (BTCUSDT-aggTrades-2024-08-08.csv).  Known limits: those of ``agg_trades``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.binance.agg_trades import told
from lobsim.feeds.delimited import Field, blocks, first_line
from lobsim.feeds.delimited import Kind as Holds
from lobsim.feeds.json_text import epoch_ns
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options
from lobsim.feeds.source import Source

NAME = "Binance aggTrades archive"
_DECIMAL = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
_WORDS = "a plain decimal is needed"
_BOOLEAN = "[Tt]rue|[Ff]alse"
_COLUMNS = (
    Field("a", Holds.INTEGER),
    Field("p", Holds.TEXT, _DECIMAL, words=_WORDS),
    Field("q", Holds.TEXT, _DECIMAL, words=_WORDS),
    Field("f", Holds.INTEGER),
    Field("l", Holds.INTEGER),
    Field("T", Holds.INTEGER),
    Field("m", Holds.TEXT, _BOOLEAN, words="true or false is needed"),
    Field("M", Holds.TEXT, _BOOLEAN, words="true or false is needed"),
)
_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
_ROW = re.compile(rf"[0-9]+,{_DECIMAL},{_DECIMAL},[0-9]+,[0-9]+,[0-9]{{13,16}},(?:{_BOOLEAN})(?:,(?:{_BOOLEAN}))?")
_NAMED = re.compile(r"(?P<symbol>[A-Z0-9_]{3,40})-aggTrades-[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?\.")


def recognise(source: Source) -> bool:
    """Whether the first line is the header, or a row, of such a file."""
    line = first_line(source)
    return line == _HEADER or _ROW.fullmatch(line) is not None


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The trades as prints; raises DataError for fields that cannot be right and trades out of order."""
    refuse_options(source.name, options, ("symbol", "date", "venue", "tick", "lot"))
    named = _NAMED.match(source.base)
    symbol = named["symbol"] if named else options.symbol
    if symbol is None:
        raise DataError("its name does not tell the symbol", file=source.name, hint="say it with symbol")
    if options.symbol not in (None, symbol):
        raise DataError(f"by its name it is of {symbol}, {options.symbol} is wanted", file=source.name)
    return told(_trades(source), symbol, source, options)


def _trades(source: Source) -> Iterator[pl.DataFrame]:
    """row and the fields of ``agg_trades``, T in nanoseconds; M is null on futures."""
    line = first_line(source)
    columns = _COLUMNS if line.count(",") == len(_COLUMNS) - 1 else _COLUMNS[:-1]
    for block in blocks(source, columns, header=_HEADER if line == _HEADER else None):
        best_match = (
            pl.col("M").str.to_lowercase() == "true" if len(columns) == len(_COLUMNS) else pl.lit(None, pl.Boolean)
        )
        rows = block.numbered().with_columns(m=pl.col("m").str.to_lowercase() == "true", M=best_match)
        yield epoch_ns(rows, "T", file=source.name)
