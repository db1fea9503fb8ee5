"""What a reader of a vendor's format hands on: pieces of the canonical table, in order, of bounded size.

A reader is a module with

- ``NAME``: what the format is called in messages ("Tardis incremental_book_L2");
- ``recognise(source) -> bool``: whether a source holds this format, judged by its first bytes (``Source.head``), never by its name alone;
- ``read(source, options) -> Iterator[Piece]``: the canonical rows.

Where a vendor has several kinds of file, or files that belong together, ``recognise`` says what its module offers instead.

Prices and sizes of a piece are *provisional* integers: multiples of ``price_scale`` and ``size_scale``, fine enough to hold every number of the file exactly.
The writer (``writer``) finds tick and lot where the feed does not state them, and rescales.

Invariants of the pieces of one symbol, in the order they come: rows are in the order in which they happened; ``ts_exchange`` never falls (``reorder`` helps where a
recording is not in that order); packets end with LAST_IN_PACKET; in a level feed nothing but CLEAR, and then LEVEL rows flagged SNAPSHOT, comes before the first book.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from lobsim.types import Fidelity


@dataclass(frozen=True)
class Instrument:
    """What one symbol of a source is, as far as the feed says.

    symbol       as the venue writes it
    venue        "BINANCE_USDM"
    currency     of the prices
    fidelity     how much the feed knows
    depth        levels a side that the feed covers, 0 = all
    price_scale  what one provisional price is worth, decimal text: "0.000000001"
    size_scale   the same for sizes
    tick         smallest book price step in currency, decimal text; None = to be found in the prices
    lot          smallest size step; None = to be found in the sizes
    time_zone    whose midnight ends a trading day
    multiplier   what a price step of 1 on one unit of size is worth in currency, decimal text: "50" for ES
    inverse      contracts of fixed value in currency, settled in the coin: value = size * multiplier / price
    """

    symbol: str
    venue: str
    currency: str
    fidelity: Fidelity
    depth: int
    price_scale: str
    size_scale: str
    tick: str | None = None
    lot: str | None = None
    time_zone: str = "UTC"
    multiplier: str = "1"
    inverse: bool = False


class Piece(NamedTuple):
    """Some consecutive rows of one symbol.

    instrument  the same in every piece of a symbol
    events      columns of ``schema.COLUMNS``, prices and sizes provisional; sequence as the venue numbers, or -1 for the writer to number
    notes       name -> count, summed over all pieces: what a reader left out or put right, and why
    """

    instrument: Instrument
    events: pl.DataFrame
    notes: dict[str, int]


@dataclass(frozen=True)
class ReadOptions:
    """What a person may add to what the file says; a format ignores nothing silently: it refuses what contradicts it.

    symbol, date  where the file does not tell
    venue         where the format is used by several
    tick, lot     decimal text, instead of what the file states or what is found
    book          a second file with the book or the snapshot, where a format comes in two
    mapping       generic tables: canonical name -> column of the file
    """

    symbol: str | None = None
    date: str | None = None
    venue: str | None = None
    tick: str | None = None
    lot: str | None = None
    book: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
