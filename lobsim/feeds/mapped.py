"""The prepared copy of a stored day: its tables uncompressed in one Arrow file, mapped into memory instead of being read.

The file is ``prepared.arrow`` (Arrow IPC, also called Feather version 2, no compression) with one batch: the canonical columns, then ``rows`` and ``truth`` where the day has
them, one list of cells for each event.  Its metadata says which day it is a copy of: the SHA-256 of the description in ``events.parquet``, which holds the day's
digest.  So a copy of another or an older day is told without reading a row, and a store may be copied or moved whatever that does to the times of its files.
The metadata also holds the page sums of all values, by which damage is found at the speed of memory.

Page sums: each column is cut into pages of 512 little-endian 64-bit words (4 KiB; the last one may be shorter); the words of a page are added modulo 2^64; bytes
that fill no word stand for themselves.  The SHA-256 over name, type, sums and left bytes of all columns is kept.

Invariants: ``events.parquet`` stays the truth, a copy that does not fit raises DataError and is never half right; what was mapped stays, also when
the file is replaced (by renaming, as everything here does) or removed.
Known limits: the sums find accidents (flipped bits, lost or swapped sectors), not intent, and not words that changed places within a page: the doctor recomputes
the digest; who cuts the file short in place while it is mapped takes the memory away under the process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from lobsim.errors import DataError
from lobsim.feeds.schema import COLUMNS, Dataset
from lobsim.whole_files import whole_file

if TYPE_CHECKING:
    from lobsim.feeds.store import StoredInfo

PREPARED = "prepared.arrow"
COPY_VERSION = 1
"""Of the file's layout; a copy of another version is set aside, and can be made anew."""
EVENTS_SCHEMA = pl.DataFrame(schema=COLUMNS).to_arrow().schema
PAGE_WORDS = 512
_LABEL = b"lobsim.prepared"
_AGAIN = 'run "lobsim prepare" again'


class Copy(NamedTuple):
    """What a prepared copy holds; the arrays cannot be written to.  As in ``Dataset``."""

    events: pl.DataFrame
    rows: np.ndarray | None
    truth: np.ndarray | None


def write_copy(dataset: Dataset, stored: StoredInfo, path: Path) -> None:
    """Write the prepared copy of a stored day, whole or not at all; an older one is replaced.

    dataset  what ``store.load`` has read and found right
    stored   what the metadata of its events file says

    Raises OSError as the disk does.
    """
    table = _table(dataset)
    label = {
        "version": COPY_VERSION,
        "description_sha256": stored.description_sha256,
        "digest": stored.digest,
        "sums": page_sums(table),
    }
    table = table.replace_schema_metadata({_LABEL: json.dumps(label, sort_keys=True).encode()})
    options = pa.ipc.IpcWriteOptions(compression=None)
    with (
        whole_file(path, lasting=True) as partial,
        pa.OSFile(str(partial), "wb") as file,
        pa.ipc.new_file(file, table.schema, options=options) as writer,
    ):
        writer.write_table(table)


def read_copy(path: Path, stored: StoredInfo, *, verify: bool = True) -> Copy:
    """Map a prepared copy.

    stored  what the events file beside it says; the copy must have been made from that
    verify  hold every byte against the page sums; False trusts the disk

    Raises DataError for a copy that is missing, cut or damaged, of another day, an older import or another version.
    """
    table, label = _open(path)
    if label["description_sha256"] != stored.description_sha256:
        raise DataError("it is not a copy of the day beside it", file=path, hint=_AGAIN)
    with _arrow_errors(path):
        table.validate()
        is_whole = table.num_rows == stored.n_events and table.column(0).num_chunks == 1
        if not is_whole or not table.schema.equals(_schema(stored)) or any(column.null_count for column in table):
            raise DataError("its table is not that of the day beside it", file=path, hint=_AGAIN)
        if verify and page_sums(table) != label["sums"]:
            raise DataError("it is damaged: its page sums do not fit", file=path, hint=_AGAIN)
        events = pl.DataFrame(table.select(EVENTS_SCHEMA.names))
        return Copy(events, _cells(table, "rows"), _cells(table, "truth"))


def digest_in_copy(path: Path) -> str:
    """The digest of the day that a copy was made from, as it says; raises DataError."""
    return str(_open(path)[1]["digest"])


def page_sums(table: pa.Table) -> str:
    """SHA-256, hex, over the page sums of all columns (see the module); every column is one chunk without nulls."""
    sha = hashlib.sha256()
    for name in table.column_names:
        values = _values(table, name)
        sha.update(f"{name} {values.dtype.newbyteorder('<').str} {len(values)}\n".encode())
        data = values.view(np.uint8)
        words = data[: len(data) // 8 * 8].view("<u8")
        starts = np.arange(0, len(words), PAGE_WORDS)
        # a quarter faster than summing the rows of a table of pages
        sha.update(np.add.reduceat(words, starts, dtype="<u8").tobytes())
        sha.update(data[len(words) * 8 :].tobytes())
    return sha.hexdigest()


def _values(table: pa.Table, name: str) -> np.ndarray:
    """The values of a column as they lie there, cells of lists one after the other."""
    array: Any = table.column(name).chunk(0)
    if pa.types.is_fixed_size_list(array.type):
        array = array.flatten()
    return array.to_numpy(zero_copy_only=True)


def _cells(table: pa.Table, name: str) -> np.ndarray | None:
    """Book cells, int64 [rows, width], C order; None where the day has none."""
    return _values(table, name).reshape(table.num_rows, -1) if name in table.column_names else None


def _table(dataset: Dataset) -> pa.Table:
    """Everything of a day as one batch."""
    arrays = [column.to_arrow() for column in dataset.events.rechunk()]
    names = list(COLUMNS)
    for name, book in (("rows", dataset.rows), ("truth", dataset.truth)):
        if book is not None:
            names.append(name)
            arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(book.reshape(-1)), book.shape[1]))
    return pa.table(arrays, names=names)


def _schema(stored: StoredInfo) -> pa.Schema:
    """The columns that the copy of a day has."""
    schema = EVENTS_SCHEMA
    if stored.has_rows:
        schema = schema.append(pa.field("rows", pa.list_(pa.int64(), 4 * stored.info.depth)))
    if stored.truth_sha256:
        schema = schema.append(pa.field("truth", pa.list_(pa.int64(), 4)))
    return schema


def _open(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """The mapped table and its label."""
    with _arrow_errors(path):
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        text = (table.schema.metadata or {}).get(_LABEL)
        if text is None:
            raise DataError("it is no prepared copy", file=path, hint=_AGAIN)
        label = json.loads(text)
        if label["version"] != COPY_VERSION:
            raise DataError(
                f"it is of version {label['version']}, this lobsim reads {COPY_VERSION}", file=path, hint=_AGAIN
            )
        return table, {name: label[name] for name in ("description_sha256", "digest", "sums")}


@contextmanager
def _arrow_errors(path: Path) -> Iterator[None]:
    """Turn what Arrow says about a missing, cut or foreign file into one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise DataError("there is no such file", file=path, hint=_AGAIN) from None
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError, MemoryError) as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise DataError(f"not a whole prepared copy ({reason})", file=path, hint=_AGAIN) from error
