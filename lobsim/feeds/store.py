"""Data sets on the disk: Parquet, one folder for each symbol and date.

``root/symbol=GOOG/date=2012-06-21/`` holds ``events.parquet`` and, where the data set has them, ``rows.parquet``
and ``truth.parquet`` (zstd, page checksums).  The description, the digest and the seed row travel as JSON in
the metadata of ``events.parquet``; metadata that other programs write is not used.  ``prepared.arrow``, where somebody asked for it, is an
uncompressed copy that is mapped instead of being read (``mapped``, ``prepared``).

Invariants: every file is written under a temporary name in its own folder, flushed, then renamed; ``events.parquet``
comes last, so a partition is there when that file is.  ``load`` recomputes the digest, so a damaged or
mixed-up partition raises DataError and is never half right.
``save`` writes a data set that is held in memory, ``writer.write`` one that is not; ``manifest.json`` at the root lists all partitions (``manifest``).
Known limits: one writer for a partition at a time; a partition is read into memory as a whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lobsim.errors import DataError, DataWarning
from lobsim.feeds.mapped import EVENTS_SCHEMA, PREPARED, read_copy
from lobsim.feeds.schema import Dataset, DatasetInfo, feed_array, validate
from lobsim.whole_files import flush_folder

EVENTS, ROWS, _TRUTH = "events.parquet", "rows.parquet", "truth.parquet"
TEMPORARY = ".{}.partial"
"""What a file is called while it is written, in the folder where it will lie."""
_DESCRIPTION, _DESCRIPTION_SHA256 = b"lobsim", b"lobsim.sha256"
_ENCODINGS: dict[str, str] = {}
_ENCODINGS |= dict.fromkeys(("price", "size", "order_id", "flags"), "BYTE_STREAM_SPLIT")
_ENCODINGS |= dict.fromkeys(("kind", "side"), "PLAIN")
_BOOK_FIELDS = ("ask_price", "ask_size", "bid_price", "bid_size")
_AGAIN = "import the vendor file again"


class Partition(NamedTuple):
    """One complete symbol and day in a store."""

    symbol: str
    date: str
    path: Path


@dataclass(frozen=True)
class StoredInfo:
    """What the metadata of a partition says: cheap to read, without touching a row.

    description_sha256  over all of it, the digest too: a prepared copy names the day it was made from by this
    """

    info: DatasetInfo
    digest: str
    n_events: int
    has_rows: bool
    truth_sha256: str | None
    seed_row: tuple[int, ...] | None
    description_sha256: str = ""


def save(dataset: Dataset, root: str | os.PathLike[str]) -> Path:
    """Write a data set as its partition of the store and return the partition's folder; an older one is replaced.

    Raises DataError when the data set is not valid or the disk refuses; the older partition then stands.
    """
    validate(dataset)
    folder = partition_folder(Path(root), dataset.info.symbol, dataset.info.date)
    tables = _tables(dataset)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        try:
            for name, table in tables.items():
                _write(table, folder / TEMPORARY.format(name))
            for name in tables:
                (folder / TEMPORARY.format(name)).replace(folder / name)
        except BaseException:
            remove_leftovers(folder)
            raise
        remove_books(folder, keep=set(tables))
        flush_folder(folder)
    return folder


def remove_books(folder: Path, *, keep: Collection[str] = ()) -> None:
    """Remove what an older data set had beside its events and the new one has not; a prepared copy too."""
    for name in {ROWS, _TRUTH, PREPARED} - set(keep):
        (folder / name).unlink(missing_ok=True)


def load(
    path_or_root: str | os.PathLike[str],
    symbol: str | None = None,
    date: str | None = None,
    *,
    verify: bool = True,
    prepared: bool = True,
) -> Dataset:
    """Read one data set: from a partition's folder, from its events file, or from a store by symbol and date.

    symbol, date  may be left out where the store leaves no choice
    verify        recompute the digest and compare (of a prepared copy: its page sums); False trusts the disk
    prepared      use the copy that ``lobsim prepare`` has made, if there is one; its arrays cannot be written to

    A prepared copy that does not fit its day is set aside with a DataWarning that says why, and the day is read from Parquet.
    Raises DataError for a file that is missing, cut, damaged, foreign or of a newer schema.
    """
    folder = _find(Path(path_or_root), symbol, date)
    stored = read_info(folder)
    if prepared and (copied := _load_copy(folder, stored, verify=verify)) is not None:
        return copied
    events = pl.DataFrame(_read(folder / EVENTS, EVENTS_SCHEMA))
    rows = _read_book(folder / ROWS, 4 * stored.info.depth) if stored.has_rows else None
    truth = _read_book(folder / _TRUTH, 4) if stored.truth_sha256 else None
    dataset = Dataset(stored.info, events, rows, seed_row_of(stored), truth)
    if any(book is not None and len(book) != len(events) for book in (rows, truth)):
        raise DataError("its book has another number of rows than its events", file=folder, hint=_AGAIN)
    if verify and (dataset.digest != stored.digest or sha256_of_cells(truth) != stored.truth_sha256):
        raise DataError("its content does not have the digest it was written with", file=folder, hint=_AGAIN)
    return dataset


def _load_copy(folder: Path, stored: StoredInfo, *, verify: bool) -> Dataset | None:
    """The day from its prepared copy; None where there is none that fits."""
    path = folder / PREPARED
    if not path.exists():
        return None
    try:
        copy = read_copy(path, stored, verify=verify)
    except DataError as error:
        warnings.warn(f"{error}; the day is read from {EVENTS}", DataWarning, stacklevel=3)
        return None
    return Dataset(stored.info, copy.events, copy.rows, seed_row_of(stored), copy.truth)


def seed_row_of(stored: StoredInfo) -> np.ndarray | None:
    """``Dataset.seed_row`` of a stored day."""
    return None if stored.seed_row is None else np.array(stored.seed_row, dtype=np.int64)


def read_info(partition: str | os.PathLike[str]) -> StoredInfo:
    """The description of one partition, from the metadata of its events file; raises DataError."""
    path = Path(partition)
    path = path if path.name == EVENTS else path / EVENTS
    with _parquet_errors(path), pq.ParquetFile(path) as file:
        metadata, n_events = file.schema_arrow.metadata or {}, file.metadata.num_rows
    text = metadata.get(_DESCRIPTION)
    if text is None:
        raise DataError("it was not written by lobsim", file=path, hint=_AGAIN)
    if metadata.get(_DESCRIPTION_SHA256) != hashlib.sha256(text).hexdigest().encode():
        raise DataError("its description is damaged", file=path, hint=_AGAIN)
    info = DatasetInfo.from_json(text, file=str(path))
    try:
        extra = json.loads(text)
        seed_row = extra["seed_row"]
        return StoredInfo(
            info=info,
            digest=str(extra["digest"]),
            n_events=n_events,
            has_rows=bool(extra["has_rows"]),
            truth_sha256=extra["truth_sha256"],
            seed_row=None if seed_row is None else tuple(map(int, seed_row)),
            description_sha256=hashlib.sha256(text).hexdigest(),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"its description cannot be read ({error})", file=path, hint=_AGAIN) from error


def read_parts(
    file: str | os.PathLike[str], columns: Sequence[str] | None = None, *, rows: int = 2**18
) -> Iterator[pl.DataFrame]:
    """A Parquet file of a store in parts of at most so many rows, page checksums verified; raises DataError.

    columns  only these, in this order
    """
    path = Path(file)
    with _parquet_errors(path), pq.ParquetFile(path, page_checksum_verification=True) as opened:
        for batch in opened.iter_batches(batch_size=rows, columns=None if columns is None else list(columns)):
            yield pl.DataFrame(pa.Table.from_batches([batch]))


def list_partitions(root: str | os.PathLike[str]) -> list[Partition]:
    """Every complete partition of a store, sorted by symbol and date; an absent folder holds none."""
    found = []
    for path in Path(root).glob(f"symbol=*/date=*/{EVENTS}"):
        folder = path.parent
        symbol, date = folder.parent.name.removeprefix("symbol="), folder.name.removeprefix("date=")
        found.append(Partition(unquote(symbol), unquote(date), folder))
    return sorted(found)


def partition_folder(root: Path, symbol: str, date: str) -> Path:
    """Where a partition lies; a symbol such as BTC/USD is percent-encoded, so that it stays one folder."""
    return root / f"symbol={quote(symbol, safe='')}" / f"date={quote(date, safe='')}"


def _find(path: Path, symbol: str | None, date: str | None) -> Path:
    """The one partition that is meant."""
    if path.name == EVENTS:
        return path.parent
    if (path / EVENTS).exists():
        return path
    if not path.is_dir():
        raise DataError("there is no such store", file=path)
    partitions = list_partitions(path)
    wanted = [p for p in partitions if symbol in (None, p.symbol) and date in (None, p.date)]
    if len(wanted) == 1:
        return wanted[0].path
    asked = " ".join(filter(None, (symbol, date))) or "any symbol and date"
    held = ", ".join(f"{p.symbol} {p.date}" for p in partitions[:10]) or "nothing"
    raise DataError(
        f"{len(wanted)} data sets fit {asked}, it holds {held}", file=path, hint="name one by symbol and date"
    )


def description(
    info: DatasetInfo,
    digest: str,
    *,
    has_rows: bool = False,
    truth: str | None = None,
    seed_row: list[int] | None = None,
) -> dict[bytes, bytes]:
    """The metadata of an events file; ``read_info`` reads it back.

    truth     SHA-256 of the book that a replay is compared with, None where there is none
    seed_row  the cells of ``Dataset.seed_row``
    """
    whole = json.loads(info.to_json()) | {
        "digest": digest,
        "has_rows": has_rows,
        "truth_sha256": truth,
        "seed_row": seed_row,
    }
    text = json.dumps(whole, sort_keys=True).encode()
    return {_DESCRIPTION: text, _DESCRIPTION_SHA256: hashlib.sha256(text).hexdigest().encode()}


def _tables(dataset: Dataset) -> dict[str, pa.Table]:
    """File name -> table, in the order of writing: events last."""
    seed_row = None if dataset.seed_row is None else dataset.seed_row.tolist()
    metadata = description(
        dataset.info,
        dataset.digest,
        has_rows=dataset.rows is not None,
        truth=sha256_of_cells(dataset.truth),
        seed_row=seed_row,
    )
    books = {ROWS: dataset.rows, _TRUTH: dataset.truth}
    tables = {name: _book_table(book) for name, book in books.items() if book is not None}
    return tables | {EVENTS: dataset.events.to_arrow().replace_schema_metadata(metadata)}


def _book_table(book: np.ndarray) -> pa.Table:
    """Book cells as columns ask_price_1, ask_size_1, bid_price_1, bid_size_1, ask_price_2 ..."""
    return pa.table(list(book.T), schema=_book_schema(book.shape[1]))


def _book_schema(width: int) -> pa.Schema:
    """Columns of a book of width / 4 levels."""
    return pa.schema([(f"{_BOOK_FIELDS[index % 4]}_{index // 4 + 1}", pa.int64()) for index in range(width)])


def _read_book(path: Path, width: int) -> np.ndarray:
    """Book cells, int64 [rows, width], C order."""
    table = _read(path, _book_schema(width))
    book = np.empty((table.num_rows, width), dtype=np.int64)
    for index, column in enumerate(table.columns):
        book[:, index] = column.to_numpy()
    return book


def _read(path: Path, wanted: pa.Schema) -> pa.Table:
    """A whole Parquet file, its page checksums verified, its columns, types and lack of nulls as wanted."""
    with _parquet_errors(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read()
        if table.schema.names != wanted.names or table.schema.types != wanted.types:
            raise DataError("its columns are not those of the canonical tables", file=path, hint=_AGAIN)
        if any(column.null_count for column in table.columns):
            raise DataError("it holds no value in some row", file=path, hint=_AGAIN)
        return pa.table(table.columns, schema=wanted)  # without any metadata of the file


def parquet_settings(columns: Sequence[str], compression: str = "zstd") -> dict[str, Any]:
    """How a table of a store is written.

    What rises, and the cells of books, is kept as differences.  Prices, sizes and ids jump about: the bytes of one weight lie together there (measured on eight
    recordings: files 5 to 36 % smaller than with differences throughout, read as fast or faster).
    """
    encodings = {name: _ENCODINGS.get(name, "DELTA_BINARY_PACKED") for name in columns}
    return {
        "compression": compression,
        "use_dictionary": False,
        "column_encoding": encodings,
        "write_page_checksum": True,
    }


def _write(table: pa.Table, path: Path) -> None:
    """Write a table and push it down to the disk."""
    with path.open("wb") as file:
        pq.write_table(table, file, **parquet_settings(table.schema.names))
        file.flush()
        os.fsync(file.fileno())


def remove_leftovers(folder: Path) -> None:
    """Remove what an interrupted writer left behind."""
    for path in folder.glob(TEMPORARY.format("*")):
        path.unlink(missing_ok=True)


def sha256_of_cells(book: np.ndarray | None) -> str | None:
    """SHA-256 of book cells, or None where there are none."""
    if book is None:
        return None
    sha = hashlib.sha256()
    feed_array(sha, "truth", book)
    return sha.hexdigest()


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into one sentence."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise DataError(
            f"the data set cannot be written ({reason})", file=folder, hint="free some space or choose another folder"
        ) from error


@contextmanager
def _parquet_errors(path: Path) -> Iterator[Any]:
    """Turn what Arrow says about a missing, cut or foreign file into one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise DataError("there is no such file", file=path, hint=_AGAIN) from None
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError, MemoryError) as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise DataError(f"not a whole Parquet file ({reason})", file=path, hint=_AGAIN) from error
