"""The table of metaorders as a file: written beside the stores of a simulated day, found again by who judges the day.

The file names the digests of the data sets it belongs to, so that it is never taken for another day's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lobsim.errors import DataError
from lobsim.realism.facts.measured import METAORDERS
from lobsim.whole_files import whole_file

FILE_NAME = "metaorders.parquet"
_FOLDERS = 3
"""A day lies two folders deep in its store: symbol, date."""
_KEY = b"lobsim.datasets"


def write_metaorders(table: pl.DataFrame, folder: Path, digests: Iterable[str]) -> Path:
    """Write ``folder``/metaorders.parquet, whole or not at all, and return its path; raises OSError as the disk does.

    table    METAORDERS, and any other columns
    digests  of the data sets whose metaorders these are
    """
    path = folder / FILE_NAME
    arrow = table.to_arrow().replace_schema_metadata({_KEY: " ".join(digests).encode()})
    with whole_file(path) as partial:
        pq.write_table(arrow, partial)
    return path


def read_metaorders(path: Path) -> pl.DataFrame:
    """The columns METAORDERS of a file; raises DataError for a file that is none."""
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    try:
        table = pl.read_parquet(path, columns=list(METAORDERS))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"this is no table of metaorders ({reason})",
            file=path,
            hint=f"Parquet with {', '.join(METAORDERS)} is needed",
        ) from None
    if dict(table.schema) != METAORDERS or any(table.null_count().row(0)):
        raise DataError("its columns are not 64-bit integers (side: 8-bit) without holes", file=path)
    if (table["end_ns"] < table["start_ns"]).any():
        row = int((table["end_ns"] < table["start_ns"]).arg_max() or 0)
        raise DataError("a metaorder ends before it begins", file=path, row=row)
    return table


def find_metaorders(store: Path, digest: str) -> pl.DataFrame | None:
    """The metaorders that were written beside a store for the day of this digest; None where there are none.

    store  as it is named to a command: the store's folder, or that of the day within it
    """
    for folder in list(store.absolute().parents)[:_FOLDERS]:
        path = folder / FILE_NAME
        if path.is_file() and digest in _days_of(path):
            return read_metaorders(path)
    return None


def _days_of(path: Path) -> list[str]:
    """Digests of the data sets that a file says it belongs to."""
    try:
        told = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return []
    return told.get(_KEY, b"").decode(errors="replace").split()
