"""Coinbase Advanced Trade, level by level, as cryptofeed records it (``.jsonl``, format 2): depth of channel l2_data, trades of market_trades.

A line is ``{"t": kind, "conn": connection, "ts": seconds of arrival, "data": message as text}``.  ``sequence_num`` is contiguous over ALL channels of a
connection.  One depth message is one packet; sizes are absolute.  The side of a trade is the maker's.  Exchange times are the depth's ``event_time``
and the trade's ``time``; depth times that fall are lifted to the latest before (counted), trades are put in order within ``WINDOW_NS``.

Left out, and counted: the past trades with which market_trades begins, trades before the first book, and after a gap in sequence_num (which
empties the book) everything up to the next snapshot.  Tick and lot are known where the recording holds the venue's list of products.

Known limits: one depth message must fit in memory; other channels are not looked at, but for their sequence_num.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.coinbase.stream import PRICE_DIGITS, SIZE_DIGITS, Stream
from lobsim.feeds.exact import exact
from lobsim.feeds.limits import CUT_HINT
from lobsim.feeds.lines import line_frames
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options, refuse_row
from lobsim.feeds.reorder import reorder
from lobsim.feeds.source import BLOCK_BYTES, Source
from lobsim.types import Fidelity

NAME = "Coinbase Advanced Trade recorded by cryptofeed"
WINDOW_NS = 5 * 10**9

_FORMAT = 2
_HEADER = re.compile(rb'\{"t": ?"header", ?"format": ?(\d+), ?"exchange": ?"COINBASE"')
_LINE = r'^\{"t": ?"(?P<t>\w+)", ?"conn": ?"(?P<conn>[^"]+)", ?"ts": ?(?P<ts>\d{10}(?:\.\d{1,9})?)[,}]'
_LEVEL = pl.Struct({"side": pl.String, "event_time": pl.String, "price_level": pl.String, "new_quantity": pl.String})
_TRADE = pl.Struct(dict.fromkeys(("product_id", "trade_id", "price", "size", "time", "side"), pl.String))
_EVENT = pl.Struct({"type": pl.String, "product_id": pl.String, "updates": pl.List(_LEVEL), "trades": pl.List(_TRADE)})
_MESSAGE = pl.Struct({"channel": pl.String, "sequence_num": pl.Int64, "events": pl.List(_EVENT)})


def recognise(source: Source) -> bool:
    """Whether the first line is cryptofeed's header of a Coinbase recording."""
    return _HEADER.match(source.head) is not None


def read(source: Source, options: ReadOptions, *, nbytes: int = BLOCK_BYTES) -> Iterator[Piece]:
    """The canonical rows of every product, or of the one that ``options.symbol`` names.

    Raises DataError for a line that is none of this recording, a depth message before its snapshot, and numbers that are none.
    """
    refuse_options(source.name, options, ("symbol", "tick", "lot"))
    header = _HEADER.match(source.head)
    if header is None or int(header[1]) != _FORMAT:
        what = f"its header says format {int(header[1])}" if header else "it has no header of a Coinbase recording"
        raise DataError(what, file=source.name, row=1, hint=f"cryptofeed's format {_FORMAT} is read")
    return reorder(_pieces(source, options, nbytes), WINDOW_NS, prints_first=True, file=source.name)


def _pieces(source: Source, options: ReadOptions, nbytes: int) -> Iterator[Piece]:
    """Pieces in the order of arrival."""
    products: dict[str, dict[str, str]] = {}
    stream = Stream(source)
    for lines in line_frames(source, nbytes, strict=True):
        records = _records(source, lines)
        for text in records.filter(pl.col("t") == "http")["line"]:
            products |= _products(text)
        for symbol, events, notes in stream.take(_messages(source, records)):
            if options.symbol in (None, symbol):
                yield Piece(_instrument(symbol, products.get(symbol, {}), options), events, notes)
    for symbol, events, notes in stream.finish():
        if options.symbol in (None, symbol):
            yield Piece(_instrument(symbol, products.get(symbol, {}), options), events, notes)
    if options.symbol and options.symbol not in stream.booked:
        hint = f"it has {', '.join(stream.booked)}"
        raise DataError(f"it holds no depth of {options.symbol}", file=source.name, hint=hint)


def _instrument(symbol: str, product: dict[str, str], options: ReadOptions) -> Instrument:
    """What a product is; the venue's own list of products states tick and lot."""
    return Instrument(
        symbol=symbol,
        venue="COINBASE",
        currency=symbol.rpartition("-")[2],
        fidelity=Fidelity.L2_TRADES,
        depth=0,
        price_scale=f"0.{1:0{PRICE_DIGITS}}",
        size_scale=f"0.{1:0{SIZE_DIGITS}}",
        tick=options.tick or product.get("price_increment"),
        lot=options.lot or product.get("base_increment"),
    )


def _products(line: str) -> dict[str, dict[str, str]]:
    """The list of products in an answer of the venue, by name; empty for another answer."""
    try:
        answer = json.loads(json.loads(line)["data"])
        return {str(product["product_id"]): product for product in answer.get("products", ())}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _records(source: Source, lines: pl.DataFrame) -> pl.DataFrame:
    """The lines with t, conn and ts_local (ns); the header is left out."""
    frame = lines.filter(~pl.col("line").str.starts_with('{"t":"header"'))
    frame = frame.with_columns(pl.col("line").str.extract_groups(_LINE).alias("parts")).unnest("parts")
    what = "the line is {!r}, which is no record of cryptofeed"
    refuse_row(source.name, frame, pl.col("ts").is_null(), what, hint=CUT_HINT)
    return frame.with_columns(exact(pl.col("ts"), 9, signed=True).alias("ts_local"))


def _messages(source: Source, records: pl.DataFrame) -> pl.DataFrame:
    """What was received: row, conn, ts_local, channel, sequence_num, events."""
    received = records.filter(pl.col("t") == "recv")
    text = pl.col("line").str.json_decode(pl.Struct({"data": pl.String})).struct.field("data")
    try:
        whole = received.with_columns(text.str.json_decode(_MESSAGE).alias("message")).unnest("message")
    except pl.exceptions.PolarsError as error:
        raise _unreadable(source, received, error) from None
    bad = pl.col("channel").is_null() | pl.col("sequence_num").is_null()
    refuse_row(source.name, whole, bad, "the message has no channel or no sequence_num: {}", hint=CUT_HINT)
    return whole.select("row", "conn", "ts_local", "channel", "sequence_num", "events")


def _unreadable(source: Source, received: pl.DataFrame, error: Exception) -> DataError:
    """The error about the first line that cannot be read."""
    for row, line in received.select("row", "line").iter_rows():
        try:
            json.loads(json.loads(line)["data"])
        except (ValueError, KeyError, TypeError):
            return DataError("its JSON cannot be read", file=source.name, row=row, hint=CUT_HINT)
    return DataError(f"its messages cannot be read ({str(error)[:80]})", file=source.name, hint=CUT_HINT)
