"""Opens anything that can be a data set on the command line.

=====================================  =================================================
what is named                          becomes
=====================================  =================================================
``sample``                             the bundled day
a folder, or its ``events.parquet``    one day of a store that ``lobsim import`` wrote
a LOBSTER zip, csv, csv.gz             read and validated on the spot
another vendor's file                  refused with the command that imports it
=====================================  =================================================

Invariants: a file is recognised by what it holds, whatever it is called; a file that is not understood is refused in
one sentence that says what is; a damaged file goes to its reader, which can say where it is damaged.
A folder or file that is called ``sample`` is meant by ``./sample``.
"""

from __future__ import annotations

import re
import shlex
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lobsim.cli.output import say
from lobsim.errors import ConfigError, DataError, DataWarning

if TYPE_CHECKING:
    from lobsim.feeds.schema import Dataset

SAMPLE = "sample"
UNDERSTOOD = 'a LOBSTER zip, csv or csv.gz, a folder written by "lobsim import", or the word "sample"'

DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help=f"{UNDERSTOOD[0].upper()}{UNDERSTOOD[1:]}.")]
BookOption = Annotated[
    Path | None, typer.Option("--book", help="The orderbook file, where it does not lie beside the messages.")
]
SeedBookOption = Annotated[
    Path | None, typer.Option("--seed-book", help="Messages alone: an orderbook file whose first row seeds the book.")
]
TruthOption = Annotated[
    Path | None,
    typer.Option("--truth", help="Level 1 after each message (4 columns), to hold the replay against."),
]
SymbolOption = Annotated[
    str | None, typer.Option("--symbol", help="Where the file name does not tell it, or a folder holds several.")
]
DateOption = Annotated[str | None, typer.Option("--date", help="The trading day, such as 2012-06-21; as --symbol.")]

_INTEGER = re.compile(rb"-?[0-9]+")
_PEEK_BYTES = 4096


def open_dataset(
    source: str,
    *,
    book: Path | None = None,
    seed_book: Path | None = None,
    truth: Path | None = None,
    symbol: str | None = None,
    date: str | None = None,
) -> Dataset:
    """The data set that a word on the command line names.

    source                  a path, or ``sample``
    book, seed_book, truth  further files of a vendor file (lobsim.feeds.lobster.read_lobster)
    symbol, date            which day of a store; what a vendor file's name does not tell

    Raises DataError for what is missing, damaged or not understood, ConfigError for options that do not fit.
    """
    files = {"--book": book, "--seed-book": seed_book, "--truth": truth}
    labels = {"--symbol": symbol, "--date": date}
    if source == SAMPLE:
        refuse_options(files | labels, "the bundled day is complete as it is")
        from lobsim.sample import bundled_day

        return bundled_day()
    path = Path(source)
    if is_stored(path):
        refuse_options(files, f"{source} is imported already")
        return _load_stored(path, symbol, date)
    if not path.exists():
        raise DataError("there is no such file or folder", file=source, hint=f"give {UNDERSTOOD}")
    if not path.is_file() or not is_lobster(path):
        _refuse_vendor_file(path)
        raise DataError("this is no file that lobsim understands", file=source, hint=f"give {UNDERSTOOD}")
    from lobsim.feeds.lobster import read_lobster

    return read_lobster(path, book=book, seed_book=seed_book, truth=truth, symbol=symbol, date=date)


def _load_stored(path: Path, symbol: str | None, date: str | None) -> Dataset:
    """A day of a store; what was set aside on the way is said on stderr."""
    from lobsim.feeds.store import load

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        dataset = load(path, symbol, date)
    for each in caught:
        say(f"note: {each.message}")
    return dataset


def is_stored(path: Path) -> bool:
    """Whether a path means a store or one day of it, not a vendor file."""
    return path.is_dir() or path.name == "events.parquet"


def refuse_options(options: Mapping[str, object], why: str) -> None:
    """Refuse options that were given and mean nothing here; raises ConfigError."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise ConfigError(f"{why}, {' and '.join(given)} cannot be used with it")


def _refuse_vendor_file(path: Path) -> None:
    """Say of a file that is understood, but not read on the spot, how to import it; raises DataError."""
    from lobsim.feeds.recognise import recognise
    from lobsim.feeds.source import sources_in

    found = next(filter(None, map(recognise, sources_in(path))), None) if path.is_file() else None
    if found is not None:
        command = shlex.join(["lobsim", "import", str(path), "--out", "STORE"])
        raise DataError(f"{found.reader.NAME} has to be imported first", file=path, hint=command)


def is_lobster(path: Path) -> bool:
    """Whether a file is LOBSTER's, or so damaged that only the reader can say what is wrong with it."""
    from lobsim.feeds.lobster import recognise

    if recognise(path):
        return True
    with path.open("rb") as file:
        head = file.read(_PEEK_BYTES)
    if head[:2] == b"PK" or path.suffix.lower() == ".zip":
        return path.suffix.lower() == ".zip" and not zipfile.is_zipfile(path)
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, _PEEK_BYTES)
        except zlib.error:
            return True
    fields = head.split(b"\n", 1)[0].rstrip(b"\r").split(b",")
    return not head.strip() or (len(fields) in (6, 7) and sum(map(bool, map(_INTEGER.fullmatch, fields))) >= 4)
