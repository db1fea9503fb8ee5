"""Delimited text read block by block, every field checked against the pattern of its column.

Invariant: rows count from 1 through the whole file, a header included; a file whose last line has no newline is refused, for its last number may be cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.source import Source
from lobsim.feeds.text import CUT_HINT, Column, Text, text_columns


def first_line(source: Source) -> str:
    """The first line of a file, as far as its head shows it."""
    return source.head.partition(b"\n")[0].rstrip(b"\r").decode(errors="replace")


def csv_frames(source: Source, columns: Sequence[Column], *, has_header: bool) -> Iterator[pl.DataFrame]:
    """The fields as text under the names of ``columns``, and ``row`` (Int64); raises DataError for the first that does not match."""
    row = 1
    for block in source.line_blocks():
        if not block.endswith(b"\n"):
            bad = row + block.count(b"\n")
            raise DataError("it has no newline at its end and may be cut", file=source.name, row=bad, hint=CUT_HINT)
        data = block.replace(b"\r\n", b"\n") if b"\r" in block else block
        if row == 1 and has_header:
            data = data[data.find(b"\n") + 1 :]
            row = 2
        if not data:
            continue
        frame = _fields(Text(source.name, source.base, data), columns, row)
        yield frame.with_columns(row=pl.int_range(row, row + len(frame), dtype=pl.Int64))
        row += len(frame)


def _fields(text: Text, columns: Sequence[Column], first_row: int) -> pl.DataFrame:
    """One block; an error names the row of the file, not of the block."""
    try:
        return text_columns(text, columns)
    except DataError as error:
        if error.row is None:
            raise
        row = error.row + first_row - 1
        raise DataError(error.what, file=error.file, row=row, field=error.field, hint=error.hint) from None
