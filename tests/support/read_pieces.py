"""Reading a whole file with one reader, for tests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from lobsim.feeds.piece import Instrument, ReadOptions
from lobsim.feeds.source import Source


class Whole(NamedTuple):
    """All pieces of one symbol."""

    instrument: Instrument
    events: pl.DataFrame
    notes: Counter[str]


def read_symbols(reader: Any, path: Path, options: ReadOptions | None = None) -> dict[str, Whole]:
    """Symbol -> everything a reader says of it; the reader must recognise the file."""
    source = Source(path)
    assert reader.recognise(source), f"{reader.NAME} does not recognise {path}"
    found: dict[str, Whole] = {}
    for piece in reader.read(source, options or ReadOptions()):
        symbol = piece.instrument.symbol
        if symbol in found:
            assert found[symbol].instrument == piece.instrument
            whole = found[symbol]
            whole.notes.update(piece.notes)
            found[symbol] = whole._replace(events=pl.concat([whole.events, piece.events]))
        else:
            found[symbol] = Whole(piece.instrument, piece.events, Counter(piece.notes))
    return found


def read_one(reader: Any, path: Path, options: ReadOptions | None = None) -> Whole:
    """The only symbol of a file."""
    (whole,) = read_symbols(reader, path, options).values()
    return whole
