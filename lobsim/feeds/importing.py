"""From a path to stored days: what lies there is sorted into what can be read and what cannot, read, checked and kept.

A path is a file, a zip or a folder.  Invariants: nothing of a streaming format is written unless everything is right; files come in the order of their paths, members in the order of their names; names that begin with a dot are litter and passed over.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lobsim.errors import ConfigError, DataError
from lobsim.feeds import lobster
from lobsim.feeds.manifest import write_manifest
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.prepared import prepare_days
from lobsim.feeds.recognise import Recognised, recognise, streams_of, understood
from lobsim.feeds.schema import Dataset
from lobsim.feeds.source import sources_in
from lobsim.feeds.store import save
from lobsim.feeds.writer import Written, write


class Imported(NamedTuple):
    """What came of an import.

    days     one for each symbol and day that was written
    skipped  names of files that nobody reads, passed over as asked
    """

    days: list[Written]
    skipped: list[str]


def import_data(
    path: str | os.PathLike[str],
    store: str | os.PathLike[str],
    *,
    symbol: str | None = None,
    date: str | None = None,
    venue: str | None = None,
    tick: str | None = None,
    lot: str | None = None,
    book: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    skip_unknown: bool = False,
    prepare: bool = False,
) -> Imported:
    """Read vendor files, check every row, and keep them as Parquet, one folder for each symbol and day; the format is told by what a file holds.

    path          a file, a zip of files, or a folder
    store         older imports of the same days in it are replaced
    symbol, date  where the files do not tell
    venue         where the format is used by several
    tick, lot     decimal text, instead of what is stated or found
    book          a second file with the book or the snapshot, where a format comes in two
    columns       generic tables: canonical name -> column of the file
    skip_unknown  pass over files of a folder that are not understood
    prepare       make prepared copies too, as ``lobsim.prepare`` does afterwards: large, and loaded at once

    ``lobsim.load(store, symbol, date)`` reads a day back.

    Raises DataError (file and row) for what is missing, damaged or not understood, ConfigError for options that do not fit the format.
    """
    path = Path(path)
    plan = plan_of(path, mapped=bool(columns))
    if not plan.found and not plan.lobster:
        raise DataError(
            "nothing that lobsim understands is there", file=path, hint=f"give a LOBSTER file or zip, {understood()}"
        )
    if plan.lobster and (venue or tick or lot or book or columns):
        raise ConfigError(
            f"{plan.lobster[0]} is a LOBSTER file, venue, tick, lot, book and columns cannot be used with it"
        )
    if not skip_unknown:
        refuse_unknown(path, plan.unknown)
    mapping = tuple((columns or {}).items())
    options = ReadOptions(symbol, date, venue, tick, lot, None if book is None else os.fspath(book), mapping)
    days = carry_out(plan, Path(store), options)
    if prepare:
        prepare_days([day.folder for day in days])
    return Imported(days, plan.unknown)


class Plan(NamedTuple):
    """What an import would read.

    lobster  LOBSTER message files and zips; their books lie beside or in them
    found    sources of every other format
    unknown  names of what nobody reads
    """

    lobster: list[Path]
    found: list[Recognised]
    unknown: list[str]


def plan_of(path: Path, *, mapped: bool = False) -> Plan:
    """Look at the first bytes of everything at a path (``mapped``: as ``recognise``); raises DataError for what is cut, damaged or could be two formats."""
    plan = Plan([], [], [])
    for file in _files_below(path) if path.is_dir() else [path]:
        if lobster.recognise(file):
            name = lobster.parse_name(file.name)
            if name is None or name.role == "message":
                plan.lobster.append(file)
            elif not _messages_beside(file):
                plan.unknown.append(str(file))
            continue
        for source in sources_in(file):
            found = recognise(source, mapped=mapped)
            if found is None:
                plan.unknown.append(source.name)
            else:
                plan.found.append(found)
    return plan


def carry_out(plan: Plan, store: Path, options: ReadOptions) -> list[Written]:
    """Read what a plan names and keep it; raises DataError."""
    days = write(streams_of(plan.found, options), store, tick=options.tick, lot=options.lot) if plan.found else []
    for file in plan.lobster:
        dataset = lobster.read_lobster(file, symbol=options.symbol, date=options.date)
        symbol, date = dataset.info.symbol, dataset.info.date
        if any((symbol, date) == (day.info.symbol, day.info.date) for day in days):
            raise DataError(f"it is {symbol} {date} again", file=file, hint="take one of the files away")
        days.append(save_day(dataset, store))
    return days


def save_day(dataset: Dataset, store: Path) -> Written:
    """Keep a day that was read as a whole."""
    folder = save(dataset, store)
    write_manifest(store)
    nbytes = sum(part.stat().st_size for part in folder.glob("*.parquet"))
    return Written(folder, dataset.info, dataset.digest, len(dataset.events), nbytes)


def refuse_unknown(path: Path, unknown: list[str]) -> None:
    """Refuse to import a part of what was named; raises DataError with the names."""
    if unknown:
        shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise DataError(
            f"lobsim does not understand {shown}",
            file=path,
            hint="take them away or pass over them with --skip-unknown",
        )


def _files_below(folder: Path) -> list[Path]:
    """Every file below a folder, but what begins with a dot."""
    below = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in below if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _messages_beside(book: Path) -> bool:
    """Whether the message file that a LOBSTER book belongs to lies beside it."""
    plain = book.name.replace("_orderbook_", "_message_").removesuffix(".gz")
    return any(book.with_name(plain + suffix).exists() for suffix in ("", ".gz"))
