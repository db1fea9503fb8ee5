"""The CSV of order events: ``id,timestamp,exchange.timestamp,price,volume,action,direction``.

Times are ms, volumes whole numbers of 10^-8 coins.  There are no trades in it: fills are inferred (see ``links``).

Known limit: whoever made the table may have cut its volumes off from floats: on the recorded day of 2015 7 % of the orders are 10^-8 short of the log's.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lobsim.feeds.bitstamp.orders import CHANGED, CREATED, DELETED, DIGITS, read_events
from lobsim.feeds.delimited import Field, blocks, first_line
from lobsim.feeds.delimited import Kind as Holds
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse
from lobsim.feeds.source import BLOCK_BYTES, Source
from lobsim.types import Side

NAME = "Bitstamp order events as CSV"

_FIELDS = (
    Field("id", Holds.INTEGER),
    Field("timestamp", Holds.INTEGER),
    Field("exchange.timestamp", Holds.IGNORED),
    Field("price", Holds.DECIMAL),
    Field("volume", Holds.INTEGER),
    Field("action", Holds.NAME, "created|changed|deleted", words="created, changed or deleted is needed"),
    Field("direction", Holds.NAME, "bid|ask", words="bid or ask is needed"),
)
_HEADER = ",".join(field.name for field in _FIELDS)
_ACTIONS = {"created": CREATED, "changed": CHANGED, "deleted": DELETED}
_DIRECTIONS = {"bid": int(Side.BUY), "ask": int(Side.SELL)}


def recognise(source: Source) -> bool:
    """Whether the first line is the header of this table."""
    return first_line(source).replace('"', "") == _HEADER


def read(source: Source, options: ReadOptions, *, nbytes: int = BLOCK_BYTES) -> Iterator[Piece]:
    """The canonical rows of a table; raises DataError for a row that does not have its columns."""
    tables = blocks(source, _FIELDS, {"price": DIGITS}, header=first_line(source), nbytes=nbytes)
    return read_events(source, options, ((_parsed(source, block.numbered()), {}) for block in tables), trades=False)


def _parsed(source: Source, frame: pl.DataFrame) -> pl.DataFrame:
    """Columns row, ts (ns), what, id, side, price and amount (10^-DIGITS) of the rows of a block."""
    for name in ("id", "price", "volume"):
        refuse(frame, pl.col(name) < 0, name, "0 or more is needed", file=source.name)
    of_ms = pl.col("timestamp").is_between(10**12, 10**13 - 1)
    refuse(frame, ~of_ms, "timestamp", "milliseconds since 1970 are needed", file=source.name)
    action, direction = (pl.col(name).cast(pl.String) for name in ("action", "direction"))
    return frame.select(
        "row",
        ts=pl.col("timestamp") * 10**6,
        what=action.replace_strict(_ACTIONS, return_dtype=pl.Int64),
        id="id",
        side=direction.replace_strict(_DIRECTIONS, return_dtype=pl.Int64),
        price="price",
        amount="volume",
    )
