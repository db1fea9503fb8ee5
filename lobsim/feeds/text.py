"""From a vendor's text file to exact integers, shared by every importer of delimited text.

Two halves: reading a file or an archive member whole and safely (cut archives, checksums, sizes that
only a hostile file declares), and reading its fields strictly (no sign, space, exponent or ``nan``
slips through, no number passes through a float).

Invariants: what is returned is complete, or a DataError is raised; every error about a field names file
and row, counted from 1.  The fast path never explains itself: when it refuses, ``blame`` goes through
the lines one by one and finds the first that is wrong.
Known limits: a file is held in memory as a whole; only plain, gzip and zip (stored, deflated) files.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from lobsim.errors import DataError
from lobsim.feeds.limits import CUT_HINT, MAX_BYTES, TRUST_HINT, UNPACK_ERRORS, refuse_bombs, unpacked_limit

_INTEGER_BYTES = b"0123456789,-\n"


@dataclass(frozen=True)
class Text:
    """One text file: the name to show in an error, the bare file name, and all its bytes."""

    name: str
    base: str
    data: bytes

    @property
    def ends_with_newline(self) -> bool:
        """Whether the last line is known to be whole."""
        return self.data.endswith(b"\n")

    @property
    def columns(self) -> int:
        """Number of fields of the first line."""
        end = self.data.find(b"\n")
        return self.data.count(b",", 0, len(self.data) if end < 0 else end) + 1


class Column:
    """A column of a delimited file: its name, the pattern every field must match whole, the rule in words."""

    def __init__(self, name: str, pattern: str, words: str) -> None:
        self.name = name
        self.pattern = pattern
        self.words = words
        self.matches = re.compile(pattern.encode()).fullmatch


def integer_column(name: str) -> Column:
    """A column of whole numbers of at most 18 digits, so that they fit 64 bits."""
    return Column(name, "-?[0-9]{1,18}", "a whole number is needed")


def read_bytes(path: Path) -> bytes:
    """All bytes of a file as it lies on the disk; raises DataError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"the file is larger than {MAX_BYTES} bytes", file=path)
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file", file=path) from None
    except OSError as error:
        raise DataError(f"the file cannot be read ({error.strerror})", file=path) from error


def plain_text(path: Path, raw: bytes) -> Text:
    """The text in a plain or gzip file, whose bytes are given; raises DataError."""
    data = _gunzip(path, raw) if path.suffix.lower() == ".gz" or raw[:2] == b"\x1f\x8b" else raw
    return _text(str(path), path.name, data)


def archive_members(path: Path, raw: bytes) -> list[str]:
    """Names in a zip archive; refuses names with path parts and sizes that only a hostile archive declares."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = archive.infolist()
            for member in members:
                archive.open(member).close()  # the name before the data must be the one in the directory
    except UNPACK_ERRORS as error:
        raise DataError(f"not a whole zip archive ({error})", file=path, hint=CUT_HINT) from error
    for name in (member.orig_filename for member in members):
        if not re.fullmatch(r"[\w. ()+-]+", name):
            raise DataError(f"member {name!r} has a path or odd letters in its name", file=path, hint="repack it flat")
    refuse_bombs(path, members, MAX_BYTES)
    return [member.orig_filename for member in members]


def archive_text(path: Path, raw: bytes, member: str) -> Text:
    """One member of a zip archive, its checksum verified; raises DataError."""
    name = f"{path} member {member}"
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            data = archive.read(member)
    except UNPACK_ERRORS as error:
        raise DataError(f"it cannot be unpacked ({error})", file=name, hint=CUT_HINT) from error
    return _text(name, member, data)


def integer_rows(text: Text, columns: Sequence[Column]) -> np.ndarray:
    """All fields of a file of whole numbers, int64 [rows, columns], C order; raises DataError."""
    if text.data.translate(None, _INTEGER_BYTES):
        blame(text, columns)
    table = _arrow_table(text, columns, pa.int64())
    rows = np.empty((table.num_rows, len(columns)), dtype=np.int64)
    for index in range(len(columns)):
        rows[:, index] = table.column(index).to_numpy()
    return rows


def text_columns(text: Text, columns: Sequence[Column]) -> pl.DataFrame:
    """All fields as text, each of which matches the pattern of its column; raises DataError."""
    frame = pl.DataFrame(_arrow_table(text, columns, pa.string()))
    matching = frame.select(pl.col(column.name).str.contains(f"^(?:{column.pattern})$").all() for column in columns)
    if not all(matching.row(0)):
        blame(text, columns)
    return frame


def day_start_ns(date_text: str, time_zone: str, *, file: str | None = None) -> int:
    """Midnight of an ISO day in a time zone, nanoseconds since 1970-01-01 UTC; raises DataError."""
    try:
        day = date.fromisoformat(date_text)
    except ValueError:
        raise DataError(f"date is {date_text!r}, a day such as 2012-06-21 is needed", file=file) from None
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone)).timestamp()) * 10**9


def blame(text: Text, columns: Sequence[Column], *, rows_before: int = 0) -> NoReturn:
    """Find the first line that is wrong and raise a DataError that says why.

    rows_before  lines of the same file before this text
    """
    lines = text.data.split(b"\n")
    if text.ends_with_newline:
        lines.pop()
    for row, line in enumerate(lines, rows_before + 1):
        cut = "" if row < rows_before + len(lines) or text.ends_with_newline else CUT_HINT
        values = line.split(b",")
        if len(values) != len(columns):
            what = f"the row has {len(values)} columns, {len(columns)} are needed"
            raise DataError(what if line else "the row is empty", file=text.name, row=row, hint=cut)
        for column, value in zip(columns, values, strict=True):
            if not column.matches(value):
                shown = value[:40].decode("ascii", "backslashreplace")
                raise DataError(
                    f"{column.name} is {shown!r}, {column.words}", file=text.name, row=row, field=column.name, hint=cut
                )
    raise DataError("the table cannot be read", file=text.name, hint=CUT_HINT)


def _text(name: str, base: str, data: bytes) -> Text:
    """A Text with plain line ends; an empty file is refused."""
    if not data or data.isspace():
        raise DataError("the file is empty", file=name, hint=CUT_HINT)
    return Text(name, base, data.replace(b"\r\n", b"\n") if b"\r" in data else data)


def _gunzip(path: Path, raw: bytes) -> bytes:
    """Unpack up to the size that is allowed; the end of the stream and its checksum must be there."""
    limit = min(MAX_BYTES, unpacked_limit(len(raw)))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
            data = stream.read(limit + 1)
    except UNPACK_ERRORS as error:
        raise DataError(f"not a whole gzip file ({error})", file=path, hint=CUT_HINT) from error
    if len(data) > limit:
        raise DataError(f"it unpacks to more than {limit} bytes", file=path, hint=TRUST_HINT)
    return data


def _arrow_table(text: Text, columns: Sequence[Column], kind: pa.DataType) -> pa.Table:
    """Parse with Arrow, every column of one type; a row that Arrow refuses is blamed."""
    names = [column.name for column in columns]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text.data),
            read_options=arrow_csv.ReadOptions(column_names=names),
            parse_options=arrow_csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, kind), null_values=[]),
        )
    except pa.ArrowInvalid:
        blame(text, columns)
    if table.num_rows != text.data.count(b"\n") + (not text.ends_with_newline):
        blame(text, columns)
    return table
