"""Prepared copies of stored days: made, looked for and taken away.

A prepared copy (``mapped``) is some twenty times as large as the Parquet file it stands beside and is there at once, so it is made where
somebody asks for it: ``lobsim prepare STORE``, ``lobsim import --prepare``.  ``store.load`` uses it by itself.

Invariants: a copy is written from a day whose digest was just recomputed; a copy that fits is left alone; writing a day anew takes its copy away.
Known limits: a day is held in memory while its copy is made.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lobsim.errors import DataError
from lobsim.feeds.manifest import MANIFEST, write_manifest
from lobsim.feeds.mapped import PREPARED, read_copy, write_copy
from lobsim.feeds.schema import Dataset
from lobsim.feeds.store import (
    EVENTS,
    StoredInfo,
    disk_errors,
    list_partitions,
    load,
    read_info,
    seed_row_of,
    sha256_of_cells,
)


class Prepared(NamedTuple):
    """One day with its copy.

    nbytes   of the copy
    is_new   False where it was there already
    """

    symbol: str
    date: str
    folder: Path
    digest: str
    rows: int
    nbytes: int
    is_new: bool


def prepare(path_or_root: str | os.PathLike[str], symbol: str | None = None, date: str | None = None) -> list[Prepared]:
    """Make prepared copies of the days of a store, or of one day, so that ``lobsim.load`` maps them instead of reading them.

    path_or_root  a store, a partition's folder or its events file
    symbol, date  only these days of the store

    Raises DataError for a day that cannot be read, or a disk that refuses; copies made before stay.
    """
    return prepare_days(_folders(Path(path_or_root), symbol, date))


def prepare_days(folders: Sequence[Path]) -> list[Prepared]:
    """The same for folders of days of one store."""
    try:
        return [_prepare_day(folder) for folder in folders]
    finally:
        _update_manifest(folders[0])


def remove_prepared(
    path_or_root: str | os.PathLike[str], symbol: str | None = None, date: str | None = None
) -> list[Path]:
    """Take the prepared copies of the days of a store, or of one day, away; the folders that had one.  Raises DataError."""
    folders = [folder for folder in _folders(Path(path_or_root), symbol, date) if (folder / PREPARED).exists()]
    for folder in folders:
        with disk_errors(folder):
            (folder / PREPARED).unlink()
    if folders:
        _update_manifest(folders[0])
    return folders


def fault_of_copy(folder: Path) -> str:
    """What is wrong with the prepared copy of a day, "" where nothing is or there is none: page sums, then the day's digest, recomputed."""
    path = folder / PREPARED
    if not path.exists():
        return ""
    try:
        stored = read_info(folder)
        copy = read_copy(path, stored)
    except DataError as error:
        return str(error)
    day = Dataset(stored.info, copy.events, copy.rows, seed_row_of(stored), copy.truth)
    if day.digest != stored.digest or sha256_of_cells(copy.truth) != stored.truth_sha256:
        return f"{path}: its content does not have the digest of the day beside it"
    return ""


def _prepare_day(folder: Path) -> Prepared:
    stored = read_info(folder)
    path = folder / PREPARED
    is_new = not _fits(path, stored)
    if is_new:
        day = load(folder, prepared=False)
        with disk_errors(folder):
            write_copy(day, stored, path)
    info = stored.info
    return Prepared(info.symbol, info.date, folder, stored.digest, stored.n_events, path.stat().st_size, is_new)


def _fits(path: Path, stored: StoredInfo) -> bool:
    try:
        read_copy(path, stored)
    except DataError:
        return False
    return True


def _folders(path: Path, symbol: str | None, date: str | None) -> list[Path]:
    """The days that are meant, at least one."""
    if path.name == EVENTS:
        path = path.parent
    if (path / EVENTS).exists():
        return [path]
    if not path.is_dir():
        raise DataError("there is no such store", file=path)
    held = list_partitions(path)
    wanted = [day.path for day in held if symbol in (None, day.symbol) and date in (None, day.date)]
    if not wanted:
        names = ", ".join(f"{day.symbol} {day.date}" for day in held[:5])
        hint = f"it holds {names}" if held else "import something into it"
        raise DataError("it holds no such day", file=path, hint=hint)
    return wanted


def _update_manifest(folder: Path) -> None:
    """Let the manifest of a day's store, where it has one, say what is prepared."""
    root = folder.parents[1] if len(folder.parents) > 1 else folder
    if (root / MANIFEST).exists():
        write_manifest(root)
