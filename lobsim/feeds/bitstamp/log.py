"""The log of 2015: ``<local ms> <event> <json>``, with orders, trades and now and then the best twenty levels (left out, counted).

The numbers of a trade were printed from 64-bit floats ("236.27000000000001"): their noise is taken off, from the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from lobsim.feeds.bitstamp.orders import CHANGED, CREATED, DELETED, DIGITS, TRADED, read_events
from lobsim.feeds.exact import exact, without_float_noise
from lobsim.feeds.limits import CUT_HINT
from lobsim.feeds.lines import line_frames
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse_row
from lobsim.feeds.source import BLOCK_BYTES, Source

NAME = "Bitstamp order log"

_EVENTS = {"order_created": CREATED, "order_changed": CHANGED, "order_deleted": DELETED, "trade": TRADED}
_WORDS = "|".join(_EVENTS)
_LINE = rf"^(?P<ms>\d{{13}}) (?P<event>{_WORDS}) (?P<body>\{{.*\}})$"
_BOOK_LINE = r"^\d{13} order_book \{"
_BOOKS = "book snapshots left out"


def recognise(source: Source) -> bool:
    """Whether the first line is one of this log."""
    return re.match(rf"\d{{13}} (?:{_WORDS}|order_book) \{{".encode(), source.head) is not None


def read(source: Source, options: ReadOptions, *, nbytes: int = BLOCK_BYTES) -> Iterator[Piece]:
    """The canonical rows of a log; raises DataError for a line that is none of its kind."""
    return read_events(
        source, options, (_parsed(source, lines) for lines in line_frames(source, nbytes, strict=True)), trades=True
    )


def _parsed(source: Source, lines: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Columns row, ts (ns), what, id, side, price and amount (10^-DIGITS) of the orders and trades of a block."""
    is_book = pl.col("line").str.contains(_BOOK_LINE)  # long lines: not worth taking to pieces
    frame = lines.filter(~is_book).with_columns(pl.col("line").str.extract_groups(_LINE).alias("parts")).unnest("parts")
    refuse_row(
        source.name, frame, pl.col("ms").is_null(), "the line is {!r}, which is no event of this log", hint=CUT_HINT
    )
    rows = frame.with_columns(
        ts=pl.col("ms").cast(pl.Int64) * 10**6,
        what=pl.col("event").replace_strict(_EVENTS, return_dtype=pl.Int64),
        price=pl.col("body").str.extract(r'"price": ?"?([0-9.e-]+)[",}]'),
        amount=pl.col("body").str.extract(r'"amount": ?"?([0-9.e-]+)[",}]'),
        id=pl.col("body").str.extract(r'"id": ?(\d{1,18})[,}]').cast(pl.Int64),
        side=pl.col("body").str.extract(r'"order_type": ?([01])[,}]').cast(pl.Int64),
    )
    for name in ("price", "amount"):
        rows, _ = without_float_noise(rows, name, DIGITS)
    rows = rows.with_columns(exact(pl.col("price"), DIGITS, signed=True), exact(pl.col("amount"), DIGITS, signed=True))
    order = pl.col("what") != TRADED
    bad = pl.any_horizontal(pl.col("price", "amount", "id").fill_null(-1) < 0) | (order & pl.col("side").is_null())
    refuse_row(source.name, rows, bad, "its fields cannot be read: {}", show="body", hint=CUT_HINT)
    return rows.select("row", "ts", "what", "id", "side", "price", "amount"), {_BOOKS: len(lines) - len(frame)}
