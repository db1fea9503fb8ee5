"""Which vendor a file is of, told by what it holds, and the readers of all vendors.

A vendor is a module with NAME, ``recognise(source)`` and ``read(source, options)`` (``piece``); or, where it has several kinds of file, with FORMATS, a
tuple of objects that have these.  A vendor whose files belong together (a book and its trades, a day that goes on in the next file) also has

    streams(sources, options) -> Iterator[tuple[list[Source], Iterator[Piece]]]

which reads all of its files at once and says which of them each run of pieces comes from.

LOBSTER is not listed here: its days have book rows and are read whole (``lobster``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from lobsim.errors import DataError
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.source import Source
from lobsim.feeds.writer import Origin, Stream

VENDORS: tuple[str, ...] = (
    "lobsim.feeds.binance",
    "lobsim.feeds.bitfinex",
    "lobsim.feeds.bitstamp",
    "lobsim.feeds.bybit",
    "lobsim.feeds.coinbase",
    "lobsim.feeds.databento",
    "lobsim.feeds.hftbacktest",
    "lobsim.feeds.itch",
    "lobsim.feeds.pitch",
    "lobsim.feeds.sse",
    "lobsim.feeds.tardis",
)
"""Modules, imported when a file is to be recognised.  A new vendor is one entry here."""
GENERIC = "lobsim.feeds.generic"
"""Reads any table, and so only what nobody else recognises, and only where a person says what its columns are (``ReadOptions.mapping``)."""


class Reader(Protocol):
    """What reads one kind of file."""

    NAME: str

    def recognise(self, source: Source) -> bool:
        """Whether a source holds this kind, judged by its first bytes."""
        ...

    def read(self, source: Source, options: ReadOptions) -> Iterator[Piece]:
        """The canonical rows."""
        ...


class Recognised(NamedTuple):
    """A source, the module of its vendor, and the reader of its kind."""

    source: Source
    vendor: str
    reader: Reader


@cache
def readers() -> tuple[tuple[str, Reader], ...]:
    """Every reader with the module it comes from."""
    found: list[tuple[str, Reader]] = []
    for name in VENDORS:
        module: Any = import_module(name)
        found += [(name, reader) for reader in getattr(module, "FORMATS", (module,))]
    return tuple(found)


def understood() -> str:
    """The names of all formats, for a sentence."""
    return f"{', '.join(reader.NAME for _, reader in readers())}, or any table with --map"


def recognise(source: Source, *, mapped: bool = False) -> Recognised | None:
    """Who reads a source; None where nobody does.

    mapped  what nobody recognises is read as a table, if it can be one

    Raises DataError where it cannot be unpacked, or several readers claim it.
    """
    found = [Recognised(source, vendor, reader) for vendor, reader in readers() if reader.recognise(source)]
    if len(found) > 1:
        names = " and ".join(each.reader.NAME for each in found)
        raise DataError(f"it could be {names}", file=source.name, hint="lobsim cannot tell which, so it reads neither")
    if not found and mapped:
        generic: Any = import_module(GENERIC)
        found = [Recognised(source, GENERIC, generic)] if generic.recognise(source) else []
    return found[0] if found else None


def streams_of(found: Sequence[Recognised], options: ReadOptions) -> Iterator[Stream]:
    """The pieces of recognised sources, with the files they come from: vendor by vendor, each in the order given."""
    for vendor in dict.fromkeys(each.vendor for each in found):
        mine = [each for each in found if each.vendor == vendor]
        together = getattr(import_module(vendor), "streams", None)
        if together is not None and options.book is None:
            for sources, pieces in together([each.source for each in mine], options):
                yield Origin(_files(sources)), pieces
            continue
        for each in mine:
            yield Origin(_files([each.source], options.book)), each.reader.read(each.source, options)


def _files(sources: Sequence[Source], book: str | None = None) -> list[Path]:
    """The files that sources lie in, each once, and a second file."""
    paths = list(dict.fromkeys(source.path for source in sources))
    return paths if book is None else [*paths, Path(book)]
