"""Delimited text, read in blocks straight to integers: names become categories, numbers exact multiples of a power of ten.

Arrow parses each column as what it holds, on the way from the bytes: 60 to 100 ns of CPU time a cell, finding it included.

Invariants: the header, where there is one, is checked before anything else; a number that is not a whole multiple of its unit, or does not fit 64 bits, is refused,
never rounded; no number passes through a float; an error names the line of the file, the header being line 1.
A plain file must end with a newline: otherwise its last number may have lost digits.  In a packed one the packing tells that it is whole.
Known limits: no quotes; at most 18 digits a decimal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from lobsim.errors import DataError
from lobsim.feeds.limits import CUT_HINT
from lobsim.feeds.source import BLOCK_BYTES, HEAD_BYTES, Source
from lobsim.feeds.text import Column, Text, blame

_HOUSE_BYTES = bytes(range(0x21, 0x7F)).replace(b"+", b"").replace(b'"', b"") + b"\n"
"""Anything printable but blanks, signs that nobody writes, and quotes."""
_INTEGER = r"-?(?:[0-9]{1,18}|[0-8][0-9]{18}|9[01][0-9]{17}|922337203685477580[0-7])"
_NUMBER = r"-?[0-9]{1,18}(?:\.[0-9]{0,%d})?(?:e-?[0-9]{1,2})?"


class Kind(Enum):
    """What a field holds."""

    NAME = "a name"
    INTEGER = "a whole number"
    DECIMAL = "a number"
    TEXT = "text"
    IGNORED = "anything"


class Field(NamedTuple):
    """One column.

    pattern  every NAME and TEXT must match; a NAME is looked at once for each that there is, so names should be few
    words    what an error says is needed; "" for what follows from the kind
    """

    name: str
    kind: Kind
    pattern: str = r"[^,\s]+"
    may_be_empty: bool = False
    words: str = ""


class Block(NamedTuple):
    """Some consecutive rows.

    first_row  line of the first of them in the file, from 1
    frame      NAME columns Categorical, TEXT columns String, others Int64; a field that is empty is null
    """

    first_row: int
    frame: pl.DataFrame

    def numbered(self) -> pl.DataFrame:
        """The frame and the line of each row in the file, ``row``."""
        return self.frame.with_columns(row=pl.int_range(self.first_row, self.first_row + pl.len(), dtype=pl.Int64))


def first_line(source: Source) -> str:
    """The first line of a source, without its end; "" where it has none."""
    line, newline, _ = source.head.partition(b"\n")
    return line.rstrip(b"\r").decode("ascii", "replace") if newline else ""


def blocks(
    source: Source,
    fields: Sequence[Field],
    digits: Mapping[str, int] | None = None,
    *,
    header: str | None = "",
    also: bytes = b"",
    nbytes: int = BLOCK_BYTES,
) -> Iterator[Block]:
    """The rows, after the header where there is one, in blocks.

    digits  DECIMAL name -> decimals that are kept: a price of 1.5 with 3 digits is 1500
    header  the first line; "" for the names of the fields, None where there is none
    also    bytes that some TEXT may hold although no number may, such as a blank
    nbytes  of a block of the file

    Raises DataError naming the line for anything else than these fields.
    """
    header = ",".join(field.name for field in fields) if header == "" else header
    house_bytes = _HOUSE_BYTES + also
    row = 1
    for data in source.line_blocks(nbytes):
        data = data.replace(b"\r\n", b"\n") if b"\r" in data else data
        if row == 1 and header is not None:
            line, _, data = data.partition(b"\n")
            if line.decode("ascii", "replace") != header:
                raise DataError(f"the header is not {header[:200]}", file=source.name, row=1)
            row = 2
        if not data:
            continue
        text = Text(source.name, source.base, data)
        if not text.ends_with_newline and not source.is_packed:
            last = row + data.count(b"\n")
            raise DataError("it has no newline at its end and may be cut", file=source.name, row=last, hint=CUT_HINT)
        yield Block(row, _frame(text, fields, digits or {}, row, house_bytes))
        row += data.count(b"\n") + (not text.ends_with_newline)
    if row == 1 and header is not None:
        raise DataError("the file is empty", file=source.name, hint=CUT_HINT)


def digits_that_fit(values: Sequence[str], spare: int, most: int = 12) -> int:
    """How many decimals may be kept so that numbers ``spare`` digits longer than these still fit 18 digits.

    Never fewer than the values themselves have, never more than ``most``: no venue prints finer, but floats do.
    """
    whole = max((len(value.partition(".")[0].lstrip("-")) for value in values), default=1)
    printed = max((len(value.partition(".")[2]) for value in values if "e" not in value), default=0)
    return min(most, max(printed, 18 - whole - spare))


def unit_text(digits: int) -> str:
    """10^-digits as decimal text."""
    return "1" if digits == 0 else f"0.{'1'.rjust(digits, '0')}"


def _frame(
    text: Text, fields: Sequence[Field], digits: Mapping[str, int], row: int, house_bytes: bytes
) -> pl.DataFrame:
    """One block parsed; what Arrow refuses is blamed on its line."""
    columns = [_column(field, digits) for field in fields]
    types: dict[Kind, Any] = {
        Kind.NAME: pa.dictionary(pa.int32(), pa.string()),
        Kind.INTEGER: pa.int64(),
        Kind.TEXT: pa.string(),
    }
    wanted = {
        f.name: types.get(f.kind) or pa.decimal128(38, digits[f.name]) for f in fields if f.kind is not Kind.IGNORED
    }
    if text.data.translate(None, house_bytes):
        blame(text, columns, rows_before=row - 1)
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text.data),
            read_options=arrow_csv.ReadOptions(column_names=[field.name for field in fields]),
            parse_options=arrow_csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=wanted, null_values=[""], strings_can_be_null=True, include_columns=list(wanted)
            ),
        )
    except pa.ArrowInvalid:
        blame(text, columns, rows_before=row - 1)
    if table.num_rows != text.data.count(b"\n") + (not text.ends_with_newline):
        blame(text, columns, rows_before=row - 1)
    out: dict[str, Any] = {}
    for field, column in zip(fields, columns, strict=True):
        if field.kind is Kind.IGNORED:
            continue
        values = table[field.name]
        if values.null_count and not field.may_be_empty:
            blame(text, columns, rows_before=row - 1)
        if field.kind is Kind.NAME:
            out[field.name] = _names(values, column, text, columns, row)
        elif field.kind is Kind.TEXT:
            out[field.name] = _texts(values, column, text, columns, row)
        else:
            out[field.name] = values if field.kind is Kind.INTEGER else _whole(values, text, field.name, row)
    return pl.DataFrame({name: pl.Series(name, values) for name, values in out.items()})


def _column(field: Field, digits: Mapping[str, int]) -> Column:
    """What a field must look like, for ``blame``."""
    pattern, words = field.pattern, f"{field.kind.value} is needed"
    if field.kind is Kind.INTEGER:
        pattern = _INTEGER
    elif field.kind is Kind.IGNORED:
        pattern = "[^,]*"
    elif field.kind is Kind.DECIMAL:
        pattern = _NUMBER % digits[field.name]
        words = f"a number of at most 18 digits, {digits[field.name]} of them decimals, is needed"
    return Column(field.name, f"(?:{pattern})?" if field.may_be_empty else pattern, field.words or words)


def _names(values: pa.ChunkedArray, column: Column, text: Text, columns: Sequence[Column], row: int) -> pl.Series:
    """A column of names, each of which matches its pattern."""
    if not all(column.matches(str(name).encode()) for name in values.unique().to_pylist()):
        blame(text, columns, rows_before=row - 1)
    return pl.Series(values)


def _texts(values: pa.ChunkedArray, column: Column, text: Text, columns: Sequence[Column], row: int) -> pl.Series:
    """A column of text, each of which matches its pattern."""
    texts = pl.Series(values)
    if not texts.str.contains(f"^(?:{column.pattern})$").all():
        blame(text, columns, rows_before=row - 1)
    return texts


def _whole(values: pa.ChunkedArray, text: Text, name: str, row: int) -> pl.Series:
    """Decimals as int64 numbers of their unit."""
    whole = values.combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    words = np.frombuffer(whole.buffers()[1], dtype="<i8").reshape(-1, 2)[whole.offset : whole.offset + len(whole)]
    missing = np.asarray(whole.is_null())
    low, high = words[:, 0], words[:, 1]
    too_large = ~missing & (high != low >> 63)
    if too_large.any():
        raise DataError(
            f"{name} has more digits than fit", file=text.name, row=row + int(np.argmax(too_large)), field=name
        )
    series = pl.Series(name, low)
    return series if not missing.any() else series.set(pl.Series(missing), None)


def first_fields(source: Source, count: int, rows: int = 500) -> list[list[str]]:
    """The fields of the first rows after the header, as text; rows with another number of fields are left out."""
    lines = re.split(r"\r?\n", source.head.decode("ascii", "replace"))[1:]
    if len(source.head) >= HEAD_BYTES:
        lines.pop()  # the rest of it lies behind the head
    return [fields for fields in (line.split(",") for line in lines[:rows]) if len(fields) == count]
