"""Tardis CSV downloads: incremental_book_L2, book_snapshot_N, trades, quotes.

====================  =======================================================================  ==================================
file                  becomes                                                                  fidelity alone, and with trades
====================  =======================================================================  ==================================
incremental_book_L2   LEVEL rows, one packet for each local_timestamp                          L2_SNAPSHOTS, L2_TRADES
book_snapshot_N       LEVEL rows of what changed (``snapshots``), N levels                     L2_SNAPSHOTS, L2_TRADES
quotes                the same, one level                                                      L1, L1
trades                PRINT rows; ``side`` of the file is the taker's, of the row the maker's  L1
====================  =======================================================================  ==================================

A snapshot after updates is a reconnection: CLEAR, then its rows flagged SNAPSHOT; snapshots after the first are counted as "resynchronised".
Times are microseconds; the order of a file is that of arrival and binds: an exchange time behind the row before it is lifted to it, one outside the
UTC day in which the row arrived is moved into that day (a file is a day, and no row of it may begin another), and both are counted; an update more than
LATE_NS out of place is refused.  Between book and trades exchange time decides, prints first.

Invariants: an update before any snapshot is refused; one book file kind for a symbol at a time.
Known limits: the files do not say the currency (taken from the end of the symbol where that is clear, else "QUOTE"), tick, lot, or what
a contract is worth; a file of several symbols can be joined with another one only for one of them (``symbol``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from lobsim.errors import ConfigError, DataError
from lobsim.feeds.delimited import Kind as Holds
from lobsim.feeds.delimited import blocks, unit_text
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.reorder import merge
from lobsim.feeds.source import Source
from lobsim.feeds.tardis.files import cells_of, digits_of, fields_of, first_row, kind_of, unit_of
from lobsim.feeds.tardis.rows import DAY_US, Clock, Snapshots, Trades, Updates, pieces_of
from lobsim.types import Fidelity

_CURRENCY = re.compile(r"(?:(USDT|USDC)|[-_/](USD|EUR|GBP|JPY|KRW|BTC|ETH))$")


class _Group(NamedTuple):
    """The files of one symbol and day: kind of file -> files in the order of their first rows."""

    exchange: str
    symbol: str
    files: dict[str, list[Source]]

    @property
    def sources(self) -> list[Source]:
        """Every file."""
        return [source for files in self.files.values() for source in files]


class Tardis:
    """One kind of file of this vendor."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.NAME = f"Tardis {kind}"

    def recognise(self, source: Source) -> bool:
        """Whether the first line is the header of this kind."""
        return kind_of(source) is not None and str(kind_of(source)).startswith(self.kind.removesuffix("N"))

    def read(self, source: Source, options: ReadOptions) -> Iterator[Piece]:
        """The rows of one file, together with ``options.book`` where one is given."""
        sources = [source] if options.book is None else [Source(Path(options.book)), source]
        return read_together(sources, options)


FORMATS = tuple(map(Tardis, ("incremental_book_L2", "book_snapshot_N", "trades", "quotes")))


def streams(sources: Sequence[Source], options: ReadOptions) -> Iterator[tuple[list[Source], Iterator[Piece]]]:
    """Everything in some files, day by day: the files of one symbol and day, and their rows, book and trades joined by exchange time.

    Raises DataError naming file and line, ConfigError for an option that contradicts the files.
    """
    _refuse_options(options)
    days: dict[tuple[str, str, int], _Group] = {}
    scales: dict[tuple[str, str], list[tuple[str, Source]]] = {}
    for source in sorted(sources, key=lambda source: first_row(source)[3]):
        exchange, symbol, _, local, *_ = first_row(source)
        kind = kind_of(source)
        if kind is None or not local.isdecimal():
            raise DataError("this is no Tardis file", file=source.name, row=1)
        symbol = options.symbol or symbol
        group = days.setdefault((exchange, symbol, int(local) // DAY_US), _Group(exchange, symbol, {}))
        group.files.setdefault(kind, []).append(source)
        scales.setdefault((exchange, symbol), []).append((kind, source))
    for group in days.values():
        yield group.sources, _read_group(group, scales[group.exchange, group.symbol], options)


def read_together(sources: Sequence[Source], options: ReadOptions) -> Iterator[Piece]:
    """All rows of ``streams``."""
    return chain.from_iterable(pieces for _, pieces in streams(sources, options))


def _read_group(group: _Group, alike: list[tuple[str, Source]], options: ReadOptions) -> Iterator[Piece]:
    """The files of one symbol and day as one stream.

    alike  every file of the symbol, each with its kind: they share one scale
    """
    name = group.sources[0].name
    books = [kind for kind in group.files if kind != "trades"]
    if len(books) > 1:
        first, second = (group.files[kind][0].name for kind in books[:2])
        raise DataError(
            f"{first} is a book of {group.symbol} too", file=second, hint="import one of them, or into two stores"
        )
    template = _instrument(group, books[0] if books else "trades", options)
    digits = {unit: digits_of(alike, unit, spare) for unit, spare in (("price", 2), ("amount", 4))}
    template = replace(template, price_scale=unit_text(digits["price"]), size_scale=unit_text(digits["amount"]))
    kinds = [
        chain.from_iterable(_read_kind(kind, files, template, digits, options.symbol))
        for kind, files in group.files.items()
    ]
    found = False
    for piece in iter(kinds[0]) if len(kinds) == 1 else merge(kinds, file=name):
        found |= len(piece.events) > 0
        yield piece
    if not found:
        raise DataError(f"it holds no row of {group.symbol}", file=name)


def _read_kind(
    kind: str, files: Sequence[Source], template: Instrument, digits: dict[str, int], only: str | None
) -> Iterator[Iterator[Piece]]:
    """The files of one kind, one after the other; what is known of a symbol goes on from file to file."""
    symbols: dict[str, Clock] = {}
    for source in files:
        fields = fields_of(kind)
        wanted = {field.name: digits[unit_of(field.name)] for field in fields if field.kind is Holds.DECIMAL}
        reader = {"incremental_book_L2": Updates, "trades": Trades}.get(kind, Snapshots)(kind, source)
        yield pieces_of(reader, blocks(source, fields, wanted), symbols, template, only)


def _instrument(group: _Group, kind: str, options: ReadOptions) -> Instrument:
    """What a symbol is, but for the scales."""
    fidelity = Fidelity.L1
    if kind not in ("quotes", "trades"):
        fidelity = Fidelity.L2_TRADES if "trades" in group.files else Fidelity.L2_SNAPSHOTS
    venue = group.exchange.upper().replace("-", "_")
    if options.venue is not None and options.venue != venue:
        raise ConfigError(f"--venue is {options.venue}, but the file is of {venue}", hint="leave it out")
    currency = _CURRENCY.search(group.symbol.upper())
    depth = {"quotes": 1, "incremental_book_L2": 0, "trades": 0}.get(kind)
    return Instrument(
        symbol=group.symbol,
        venue=venue,
        currency=(currency[1] or currency[2]) if currency else "QUOTE",
        fidelity=fidelity,
        depth=len(cells_of(kind)) // 4 if depth is None else depth,
        price_scale="1",
        size_scale="1",
    )


def _refuse_options(options: ReadOptions) -> None:
    if options.mapping or options.date:
        name = "--map" if options.mapping else "--date"
        raise ConfigError(f"{name} has no meaning for a Tardis file, which says it itself", hint="leave it out")
