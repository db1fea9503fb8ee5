"""Any table of events, as CSV with a header or as Parquet, whose columns a person names: ``ReadOptions.mapping``, on the command line ``--map NAME=COLUMN``.

NAME is a column of the canonical table (``schema``), COLUMN one of the file, with ``@UNIT`` where a unit is to be declared; ``=WORD`` instead of
a column says that every row has this value (``--map kind==print``).  What is not mapped is what the canonical table has where a row has none.

===============================  ==========================================================================================
name                             cells
===============================  ==========================================================================================
ts_exchange (needed), ts_local   a decimal number ``@ns``, ``@us``, ``@ms`` or ``@s`` since 1970-01-01 UTC, or ``@iso``:
                                 2026-08-09T21:05:48.228568804Z; a timestamp column of Parquet needs no unit
kind (needed)                    a word: add, reduce, delete, replace, execute, execute_hidden, level, print, clear, phase
side                             buy, bid, b or sell, ask, offer, s, a: of what RESTED, or ``@aggressor``: of who came; may be empty
price, size                      a decimal number, or a whole number of ``@0.0001`` (any power of ten from 1 to 0.000000001);
                                 of a phase row the size is a word: continuous, pre_open, auction, halt, quoting, closed
order_id, other_id, match_id     a whole number; may be empty
flags                            words joined by ``|`` or empty: last_in_packet, snapshot, aggressor_known, auction
sequence                         a whole number
===============================  ==========================================================================================

Where flags are not mapped each row is a packet of its own, and the aggressor of an execution or a print with a side counts as known.
The file is of single orders where order_id is mapped, else of levels.  ``ReadOptions.symbol`` is needed.

Strict: a column that is not there, a cell that is not of its kind, a time that falls, an order without an id refuse the file.
Known limits: one symbol a file; columns of 64-bit floats (Parquet) are read as the shortest decimal number that each float stands for, of 32 bits not at all;
a CSV cell holds no newline; the currency is not known (XXX); a Parquet file must lie unpacked.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.generic.cells import DIGITS, canonical_rows
from lobsim.feeds.generic.tables import is_parquet, text_tables, wanted_columns
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options, refuse_row
from lobsim.feeds.source import BLOCK_BYTES, Source
from lobsim.types import Fidelity

NAME = "mapped table (CSV or Parquet)"


def recognise(source: Source) -> bool:
    """Whether it could be a table at all: Parquet, or text whose first line has separators.  To be asked last, and only with a mapping."""
    first = source.head.split(b"\n", 1)[0]
    return is_parquet(source) or (
        first.isascii() and any(mark in first for mark in (b",", b";", b"\t")) and first[:1] not in b"{["
    )


def read(source: Source, options: ReadOptions, *, nbytes: int = BLOCK_BYTES) -> Iterator[Piece]:
    """The canonical rows of a mapped table; raises DataError naming row and column for anything that cannot be right."""
    refuse_options(source.name, options, ("symbol", "venue", "tick", "lot", "mapping"))
    if not options.symbol:
        raise DataError("it does not say which symbol it is", file=source.name, hint="say which with symbol")
    columns = wanted_columns(source, options.mapping)
    scale = f"0.{1:0{DIGITS}}"
    instrument = Instrument(
        symbol=options.symbol,
        venue=options.venue or "GENERIC",
        currency="XXX",
        fidelity=Fidelity.L3_FULL if "order_id" in columns else Fidelity.L2_TRADES,
        depth=0,
        price_scale=scale,
        size_scale=scale,
        tick=options.tick,
        lot=options.lot,
    )
    last_ns = -(2**62)
    for table in text_tables(source, columns, nbytes):
        rows = canonical_rows(source, table, columns)
        times = rows.with_columns(table["row"])
        earlier = pl.col("ts_exchange") < pl.col("ts_exchange").shift(1, fill_value=last_ns)
        refuse_row(
            source.name,
            times,
            earlier,
            "ts_exchange is {} ns, earlier than the row before it",
            show="ts_exchange",
            hint="sort the file by time",
        )
        if len(rows):
            last_ns = int(rows["ts_exchange"][-1])
            yield Piece(instrument, rows, {})
