"""Mapped tables as blocks of text cells: which columns are wanted, and how CSV and Parquet are cut into pieces."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from lobsim.errors import DataError
from lobsim.feeds.lines import line_frames
from lobsim.feeds.schema import COLUMNS
from lobsim.feeds.source import Source

ROWS = 2**17
"""Of a Parquet file held at a time."""

_ROW = "\0row"  # no column of a file is called so
_TIME_UNITS = ("ns", "us", "ms", "s", "iso")
_POWER = r"1|0\.0{0,8}1"


class Wanted(NamedTuple):
    """Where the cells of a canonical name come from.

    column  of the file, None for a constant
    unit    as declared, "" for none
    word    the constant
    """

    column: str | None
    unit: str = ""
    word: str = ""


def wanted_columns(source: Source, mapping: tuple[tuple[str, str], ...]) -> dict[str, Wanted]:
    """What a mapping says, by canonical name; raises DataError for what cannot be meant."""
    wanted: dict[str, Wanted] = {}
    for name, column in mapping:
        if name not in COLUMNS:
            hint = f"there are {', '.join(COLUMNS)}"
            raise DataError(
                f"the mapping names {name!r}, which is no column of the canonical table", file=source.name, hint=hint
            )
        if name in wanted:
            raise DataError(f"the mapping names {name} twice", file=source.name)
        wanted[name] = _wanted(source, name, column)
    for name in ("ts_exchange", "kind"):
        if name not in wanted:
            raise DataError(
                f"the mapping does not say where {name} comes from", file=source.name, hint=f"add {name}=COLUMN"
            )
    return wanted


def _wanted(source: Source, name: str, column: str) -> Wanted:
    """One entry of a mapping."""
    if column.startswith("="):
        return Wanted(None, "", column[1:])
    column, _, unit = column.rpartition("@") if "@" in column else (column, "", "")
    units = {
        "ts_exchange": "|".join(_TIME_UNITS),
        "ts_local": "|".join(_TIME_UNITS),
        "price": _POWER,
        "size": _POWER,
        "side": "resting|aggressor",
    }
    if unit and not re.fullmatch(units.get(name, "(?!)"), unit):
        raise DataError(f"the mapping gives {name} the unit {unit!r}, which it cannot have", file=source.name)
    return Wanted(column, unit)


def is_parquet(source: Source) -> bool:
    """Whether a file begins as Parquet."""
    return source.head[:4] == b"PAR1"


def text_tables(source: Source, columns: dict[str, Wanted], nbytes: int) -> Iterator[pl.DataFrame]:
    """Frames of ``row`` (of the file, from 1; a header counts) and the mapped names as text.

    A column that Parquet declares as a timestamp comes as whole nanoseconds.
    """
    yield from (_parquet_tables(source, columns) if is_parquet(source) else _csv_tables(source, columns, nbytes))


def _refuse_missing(source: Source, columns: dict[str, Wanted], there: list[str]) -> None:
    """Refuse a mapping of columns that the file does not have, and a file that has one twice."""
    for name, wanted in columns.items():
        if wanted.column is not None and there.count(wanted.column) != 1:
            what = "there is no such column" if wanted.column not in there else "there are several of that name"
            hint = f"it has {', '.join(there)[:200]}"
            raise DataError(f"{name} is mapped to {wanted.column!r}, and {what}", file=source.name, hint=hint)


def _named(table: pl.DataFrame, columns: dict[str, Wanted]) -> pl.DataFrame:
    """The mapped columns under their canonical names, as text; row stays."""
    cells = [
        pl.lit(wanted.word).alias(name) if wanted.column is None else pl.col(wanted.column).cast(pl.String).alias(name)
        for name, wanted in columns.items()
    ]
    return table.select(pl.col(_ROW).alias("row"), *cells)


def _csv_tables(source: Source, columns: dict[str, Wanted], nbytes: int) -> Iterator[pl.DataFrame]:
    """Blocks of a CSV file with a header; the separator is the commonest of the header."""
    names: list[str] = []
    separator = ","
    for lines in line_frames(source, nbytes, strict=True):
        if not names:
            header = str(lines["line"][0])
            separator = max(",;\t", key=header.count)
            names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
            _refuse_missing(source, columns, names)
            lines = lines[1:]
        if not len(lines):
            continue
        cells = _csv_cells(source, lines, names, separator)
        used = {wanted.column for wanted in columns.values() if wanted.column is not None}
        yield _named(cells.select(used).with_columns(lines["row"].alias(_ROW)), columns)


def _csv_cells(source: Source, lines: pl.DataFrame, names: list[str], separator: str) -> pl.DataFrame:
    """All cells of some lines as text; raises DataError for a line with another number of them."""
    text = "\n".join(lines["line"]).encode()
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text + b"\n"),
            read_options=arrow_csv.ReadOptions(column_names=names, use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        table = None
    if table is None or table.num_rows != len(lines):
        for row, line in lines.iter_rows():
            count = len(next(csv.reader([line], delimiter=separator), []))
            if count != len(names):
                raise DataError(f"the row has {count} columns, {len(names)} are needed", file=source.name, row=row)
        raise DataError(
            "its rows cannot be read",
            file=source.name,
            row=int(lines["row"][0]),
            hint="cells with newlines are not read",
        )
    return pl.DataFrame(table)


def _parquet_tables(source: Source, columns: dict[str, Wanted]) -> Iterator[pl.DataFrame]:
    """Row groups of a Parquet file, a part at a time."""
    if source.member is not None:
        raise DataError("a Parquet file inside an archive is not read", file=source.name, hint="unpack it")
    row = 1
    try:
        with parquet.ParquetFile(source.path, page_checksum_verification=True) as file:
            _refuse_missing(source, columns, file.schema_arrow.names)
            used = list(dict.fromkeys(wanted.column for wanted in columns.values() if wanted.column is not None))
            for name in used:
                _refuse_type(source, name, file.schema_arrow.field(name).type)
            for batch in file.iter_batches(batch_size=ROWS, columns=used):
                table = pl.DataFrame(batch)
                stamps = [pl.col(name).dt.epoch("ns") for name, kind in table.schema.items() if kind == pl.Datetime]
                count = len(table)
                index = pl.int_range(row, row + count, dtype=pl.Int64, eager=True).alias(_ROW)
                yield _named(table.with_columns(*stamps, index), columns)
                row += count
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"it cannot be read as Parquet ({str(error)[:120]})", file=source.name, hint="fetch it again"
        ) from error


def _refuse_type(source: Source, name: str, kind: pa.DataType) -> None:
    """Refuse columns whose cells are not text, whole or decimal numbers, 64-bit floats or timestamps."""
    types = pa.types
    good = (
        types.is_integer,
        types.is_string,
        types.is_large_string,
        types.is_decimal,
        types.is_timestamp,
        types.is_float64,
        types.is_dictionary,
    )
    if not any(test(kind) for test in good):
        raise DataError(
            f"column {name!r} is of type {kind}, which is not read",
            file=source.name,
            hint="text or whole numbers are needed",
        )
