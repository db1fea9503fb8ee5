"""What the readers of line by line recordings share: numbered lines, exact numbers, whole canonical tables.

Invariants: lines come whole and in order, numbered from 1 through the file, whatever the size of the blocks; no number passes through a float.
Known limit: one line must fit in memory (a websocket snapshot of a whole book is one line).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.schema import COLUMNS
from lobsim.feeds.source import BLOCK_BYTES, Source
from lobsim.feeds.text import CUT_HINT
from lobsim.types import NONE

MAX_DIGITS = 18
"""Of a whole number: what always fits 64 bits."""


def line_tables(source: Source, nbytes: int = BLOCK_BYTES) -> Iterator[pl.DataFrame]:
    """The lines of a file, block by block: columns ``row`` (Int64, from 1) and ``line`` (without its end).

    Raises DataError for bytes that are no UTF-8 text, and for a last line without its newline, which may be cut.
    """
    row = 1
    for block in source.line_blocks(nbytes):
        try:
            text = block.decode()
        except UnicodeDecodeError as error:
            bad = row + block.count(b"\n", 0, error.start)
            raise DataError("it is not UTF-8 text", file=source.name, row=bad, hint=CUT_HINT) from None
        count = text.count("\n")
        if not text.endswith("\n"):
            raise DataError("the last line has no newline", file=source.name, row=row + count, hint=CUT_HINT)
        lines = pl.Series("line", [text[:-1]]).str.split("\n").explode().str.strip_suffix("\r")
        yield pl.DataFrame([pl.int_range(row, row + count, dtype=pl.Int64, eager=True).alias("row"), lines])
        row += count


def refuse_row(
    source: Source, frame: pl.DataFrame, bad: pl.Expr, what: str, *, show: str = "line", hint: str = ""
) -> None:
    """Raise a DataError about the first row where ``bad`` holds; ``what`` may hold one ``{}`` for the value of column ``show``."""
    found = frame.filter(bad.fill_null(True)).head(1)
    if len(found):
        shown = str(found[show][0])
        shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
        raise DataError(what.format(shown), file=source.name, row=int(found["row"][0]), hint=hint)


def refuse_options(source: Source, options: ReadOptions, taken: Iterable[str]) -> None:
    """Refuse what a person added that this format has no use for; nothing is ignored silently."""
    for name in ("symbol", "date", "venue", "tick", "lot", "book", "mapping"):
        if getattr(options, name) and name not in taken:
            raise DataError(
                f"{name} was given, and this format does not take it", file=source.name, hint="leave it out"
            )


def first_of(key: str) -> pl.Expr:
    """Whether a row is the first of its key, in a frame sorted by it; plain shifts are ten times as fast as windows over many keys."""
    return (pl.col(key) != pl.col(key).shift(1)).fill_null(True)


def before_in(key: str, name: str) -> pl.Expr:
    """The value of the row before of the same key, null for the first, in a frame sorted by the key."""
    return pl.when(~first_of(key)).then(pl.col(name).shift(1))


def decimal_integer(column: str, digits: int) -> pl.Expr:
    """Decimal text with an optional sign as a whole number of 10^-digits; null for what is no such number, or not a multiple."""
    text = pl.col(column)
    whole = text.str.extract(r"^(-?\d+)(?:\.\d+)?$", 1)
    fraction = text.str.extract(r"^-?\d+\.(\d+)$", 1).fill_null("").str.strip_chars_end("0")
    fits = fraction.str.len_chars() <= digits
    joined = pl.concat_str(whole, fraction.str.pad_end(digits, "0"))
    return pl.when(fits).then(joined.cast(pl.Int64, strict=False)).alias(column)


def without_float_prints(frame: pl.DataFrame, name: str, digits: int) -> pl.DataFrame:
    """Fields with more decimals than ``digits``, or an exponent, that are what a 64-bit float prints: the shorter number it stands for.

    "236.27000000000001" is 236.27, "4e-05" is 0.00004.  The float is a test only: the number is read from the text.  Other fields
    are left alone, to be refused.
    """
    shorter: dict[str, str] = {}
    for field in frame[name].filter(frame[name].str.contains(rf"\.\d{{{digits + 1}}}|\de")).unique(maintain_order=True):
        if field not in (repr(float(field)), f"{float(field):.17g}"):
            continue
        nearest = Decimal(field).quantize(Decimal(1).scaleb(-digits))
        if abs(Decimal(field) - nearest) <= 2 * Decimal(math.ulp(float(field))):
            shorter[field] = f"{nearest:f}"
    return frame.with_columns(pl.col(name).replace(shorter)) if shorter else frame


def iso_time_ns(column: str) -> pl.Expr:
    """``2026-08-09T21:05:48.228568804Z`` (up to nine decimals) as nanoseconds UTC; null for anything else."""
    text = pl.col(column)
    second = text.str.extract(r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|\+00:00)$", 1)
    whole = second.str.replace(" ", "T").str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ms", strict=False)
    fraction = text.str.extract(r"\.(\d{1,9})(?:Z|\+00:00)$", 1).fill_null("").str.pad_end(9, "0").cast(pl.Int64)
    return (whole.dt.epoch("ms") * 1_000_000 + fraction).alias(column)


def whole_table(rows: pl.DataFrame) -> pl.DataFrame:
    """The canonical columns, in order and of their types: ``side`` is NONE and other columns are 0 where they are not given.

    ``sequence`` is -1 (for the writer to number) and ``ts_local`` is ``ts_exchange`` where they are not given.
    """
    absent = {name: pl.lit(0) for name in COLUMNS} | {
        "side": pl.lit(NONE),
        "sequence": pl.lit(-1),
        "ts_local": pl.col("ts_exchange"),
    }
    return rows.select(
        (pl.col(name) if name in rows.columns else absent[name]).cast(kind).alias(name)
        for name, kind in COLUMNS.items()
    )
