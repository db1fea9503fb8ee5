"""The CSV of order events: ``id,timestamp,exchange.timestamp,price,volume,action,direction``.

Times are ms, volumes whole numbers of 10^-8 coins.  There are no trades in it: fills are inferred (see ``links``).

Known limit: whoever made the table may have cut its volumes off from floats: on the recorded day of 2015 7 % of the orders are 10^-8 short of the log's.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lobsim.feeds.bitstamp.orders import CHANGED, CREATED, DELETED, DIGITS, read_events
from lobsim.feeds.exact import exact
from lobsim.feeds.limits import CUT_HINT
from lobsim.feeds.lines import line_frames
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse_row
from lobsim.feeds.source import BLOCK_BYTES, Source
from lobsim.types import Side

NAME = "Bitstamp order events as CSV"

_HEADER = b"id,timestamp,exchange.timestamp,price,volume,action,direction"
_ACTIONS = {"created": CREATED, "changed": CHANGED, "deleted": DELETED}
_DIRECTIONS = {"bid": int(Side.BUY), "ask": int(Side.SELL)}
_LINE = (
    r"^(?P<id>\d{1,18}),(?P<ms>\d{13}),(?P<created>\d{13}),(?P<price>\d+(?:\.\d+)?),(?P<amount>\d{1,18}),"
    r"(?P<action>created|changed|deleted),(?P<direction>bid|ask)$"
)


def recognise(source: Source) -> bool:
    """Whether the first line is the header of this table."""
    return source.head.replace(b'"', b"").split(b"\n", 1)[0].rstrip(b"\r") == _HEADER


def read(source: Source, options: ReadOptions, *, nbytes: int = BLOCK_BYTES) -> Iterator[Piece]:
    """The canonical rows of a table; raises DataError for a row that does not have its columns."""
    return read_events(
        source, options, (_parsed(source, lines) for lines in line_frames(source, nbytes, strict=True)), trades=False
    )


def _parsed(source: Source, lines: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Columns row, ts (ns), what, id, side, price and amount (10^-DIGITS) of the rows of a block."""
    frame = lines.filter(pl.col("row") > 1)
    frame = frame.with_columns(pl.col("line").str.extract_groups(_LINE).alias("parts")).unnest("parts")
    frame = frame.with_columns(exact(pl.col("price"), DIGITS, signed=True))
    refuse_row(
        source.name,
        frame,
        pl.col("price").is_null(),
        "the row is {!r}, which does not have the columns of this table",
        hint=CUT_HINT,
    )
    rows = frame.select(
        "row",
        pl.col("id").cast(pl.Int64),
        "price",
        ts=pl.col("ms").cast(pl.Int64) * 10**6,
        what=pl.col("action").replace_strict(_ACTIONS, return_dtype=pl.Int64),
        side=pl.col("direction").replace_strict(_DIRECTIONS, return_dtype=pl.Int64),
        amount=pl.col("amount").cast(pl.Int64),
    )
    return rows.select("row", "ts", "what", "id", "side", "price", "amount"), {}
