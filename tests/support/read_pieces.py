"""Everything that a reader gives, joined, for tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.source import Source


class Whole(NamedTuple):
    """All pieces of one symbol."""

    instrument: Instrument
    events: pl.DataFrame
    notes: Counter[str]


def by_symbol(pieces: Iterable[Piece]) -> dict[str, Whole]:
    """Symbol -> its pieces, joined; all of one symbol must describe it alike."""
    found: dict[str, Whole] = {}
    for piece in pieces:
        whole = found.setdefault(
            piece.instrument.symbol, Whole(piece.instrument, pl.DataFrame(schema=piece.events.schema), Counter())
        )
        assert whole.instrument == piece.instrument
        whole.notes.update(piece.notes)
        found[piece.instrument.symbol] = whole._replace(events=pl.concat([whole.events, piece.events]))
    return found


def all_events(pieces: Iterable[Piece]) -> tuple[pl.DataFrame, dict[str, int]]:
    """Rows and notes of the only symbol."""
    (whole,) = by_symbol(pieces).values()
    return whole.events, dict(whole.notes)


def read_symbols(reader: Any, path: Path, options: ReadOptions | None = None) -> dict[str, Whole]:
    """Everything a reader says of a file, which it must recognise."""
    source = Source(path)
    assert reader.recognise(source), f"{reader.NAME} does not recognise {path}"
    return by_symbol(reader.read(source, options or ReadOptions()))


def read_one(reader: Any, path: Path, options: ReadOptions | None = None) -> Whole:
    """The only symbol of a file."""
    (whole,) = read_symbols(reader, path, options).values()
    return whole
