"""From lines of JSON to exact integers, shared by the readers of recorded websockets.

The JSON is parsed a column at a time (about 75 MB/s), with a schema that says what each field must be; what is not of that type is refused, and so is a number
where the venue writes text, because it would have been through a float.

Invariants: rows count from 1 through the whole file, blank lines included; no price, size or time passes through a float.
Known limits: one line must fit in memory; a field given twice counts as given first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NoReturn

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import BLOCK_BYTES, Source

CUT_HINT = "the file seems to be cut or damaged: fetch it again"
LEVELS = pl.List(pl.List(pl.String))
"""``[["price", "size"], ...]``"""
_SHOWN = 60
_NO_TEXT_BYTE = "\x01"
_NS_PER_DAY = 86_400 * 10**9


def line_frames(source: Source, nbytes: int = BLOCK_BYTES) -> Iterator[pl.DataFrame]:
    """The lines of a file that are not blank, block by block: row (Int64, from 1), line (String)."""
    row = 1
    for block in source.line_blocks(nbytes):
        frame = _lines(block, source.name, row)
        count = len(frame)
        frame = frame.with_columns(row=pl.int_range(row, row + count, dtype=pl.Int64))
        row += count
        frame = frame.filter(pl.col("line").is_not_null())
        if len(frame):
            yield frame.select("row", "line")


def _lines(block: bytes, file: str, first_row: int) -> pl.DataFrame:
    """One column ``line``; a blank line is null."""
    try:
        return pl.read_csv(
            block,
            separator=_NO_TEXT_BYTE,
            has_header=False,
            quote_char=None,
            schema={"line": pl.String},
            raise_if_empty=False,
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        for index, line in enumerate(block.split(b"\n")):
            if _NO_TEXT_BYTE.encode() in line or not _is_text(line):
                raise DataError("it is not plain text", file=file, row=first_row + index, hint=CUT_HINT) from None
        raise DataError("its lines cannot be read", file=file, row=first_row, hint=CUT_HINT) from None


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def decoded(frame: pl.DataFrame, column: str, schema: Mapping[str, Any], *, file: str) -> pl.DataFrame:
    """The frame with the objects of a JSON column in the place of that column, a field of ``schema`` each.

    A field that an object lacks is null.  Raises DataError for the first row that is no whole JSON object of that shape.
    """
    text = frame[column]
    try:
        objects = text.str.json_decode(pl.Struct(schema))
    except pl.exceptions.PolarsError:
        _blame(frame, column, schema, file)
    return pl.concat([frame.drop(column), objects.struct.unnest()], how="horizontal")


def _blame(frame: pl.DataFrame, column: str, schema: Mapping[str, Any], file: str) -> NoReturn:
    """Find the first row that cannot be decoded, by halves."""
    low, high = 0, len(frame)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            frame[column][low:middle].str.json_decode(pl.Struct(schema))
            low = middle
        except pl.exceptions.PolarsError:
            high = middle
    text = frame[column][low]
    raise DataError(
        f"{shorten(text)} is no whole message of the kind that is needed",
        file=file,
        row=frame["row"][low],
        hint=CUT_HINT,
    )


def shorten(value: object) -> str:
    """A value as an error shows it."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def refuse(frame: pl.DataFrame, bad: pl.Expr, field: str, words: str, *, file: str, hint: str = "") -> None:
    """Raise one DataError for the first row where ``bad`` holds or is null; ``words`` say what is needed."""
    found = frame.filter(bad.fill_null(True)).head(1)
    if len(found):
        value = found[field][0] if field in found.columns else None
        shown = "missing" if value is None else shorten(value)
        raise DataError(f"{field} is {shown}, {words}", file=file, row=int(found["row"][0]), field=field, hint=hint)


def refuse_missing(frame: pl.DataFrame, fields: tuple[str, ...], *, file: str) -> None:
    """Raise one DataError for the first message that lacks one of the fields."""
    counts = frame.select(pl.col(fields).null_count()).row(0)
    for field, count in zip(fields, counts, strict=True):
        if count:
            refuse(frame, pl.col(field).is_null(), field, "every such message has it", file=file)


def exact(values: pl.Series, digits: int) -> pl.Series:
    """Decimal text as Int64 numbers of 10^-digits; null for what is no plain decimal above or at 0, is finer, or does not fit 64 bits."""
    fraction = rf"\.(?:[0-9]{{0,{digits}}}0+|[0-9]{{1,{digits}}})" if digits else r"\.0+"
    plain = values.str.contains(rf"^[0-9]{{1,18}}(?:{fraction})?$")
    if not plain.all():
        values = pl.select(pl.when(plain).then(values)).to_series()
    return values.cast(pl.Decimal(38, digits), strict=False).to_physical().cast(pl.Int64, strict=False)


def exact_column(frame: pl.DataFrame, field: str, digits: int, *, file: str) -> pl.DataFrame:
    """A column of decimal text as whole numbers of 10^-digits; raises DataError for the first that is none."""
    numbers = exact(frame[field], digits)
    if numbers.null_count():
        words = f"a decimal of at most {digits} places that fits 64 bits is needed"
        refuse(frame, pl.lit(numbers.is_null()), field, words, file=file, hint="say tick or lot if it is right")
    return frame.with_columns(numbers.alias(field))


def epoch_ns(frame: pl.DataFrame, field: str, *, file: str) -> pl.DataFrame:
    """A column of times since 1970 as nanoseconds: milli-, micro- or nanoseconds by magnitude (years 2001 to 2286); raises DataError."""
    time = pl.col(field)
    refuse(frame, ~time.is_between(10**12, 10**19 // 2), field, "13 to 19 digits since 1970 are needed", file=file)
    scale = pl.when(time < 10**13).then(10**6).when(time < 10**16).then(10**3).otherwise(1)
    return frame.with_columns((time * scale).alias(field))


def refuse_options(source: Source, options: ReadOptions, taken: tuple[str, ...]) -> None:
    """Refuse what was given and this format has no use for."""
    for name in ("symbol", "venue", "tick", "lot", "book", "mapping"):
        if getattr(options, name) and name not in taken:
            raise DataError(f"{name} was given, this format has no use for it", file=source.name, hint="leave it out")


def refuse_other_day(options: ReadOptions, time_ns: int, *, file: str) -> None:
    """Refuse a date that is not the UTC day of the first row."""
    if options.date is None:
        return
    day = date.fromordinal(date(1970, 1, 1).toordinal() + time_ns // _NS_PER_DAY).isoformat()
    if options.date != day:
        raise DataError(f"it begins on {day}, not on {options.date}", file=file, hint="leave the date out")
