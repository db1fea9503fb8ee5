"""Archives of Bybit's public trades, as CSV in either layout; sides are the taker's.

- spot: ``id,timestamp,price,volume,side[,rpi]``, milliseconds, the symbol in the file's name only (BTCUSDT_2025-05-19.csv.gz);
- contracts: ``timestamp,symbol,side,size,price,tickDirection,trdMatchID,...[,RPI]``, seconds with decimals, in some years newest first.

Known limits: no receive time (it is the exchange's); trades alone, without a book, are of fidelity L1; a file that is newest first is turned round in memory
(some 90 bytes a trade), any other disorder is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.bybit.instrument import SPOT, UNKNOWN, instrument
from lobsim.feeds.delimited import Block, Field, blocks, first_line
from lobsim.feeds.delimited import Kind as Holds
from lobsim.feeds.json_text import epoch_ns, exact_column
from lobsim.feeds.level_track import BOOK, TRADE, LevelTrack
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse, refuse_options, refuse_other_day
from lobsim.feeds.source import Source
from lobsim.types import Side

NAME = "Bybit trade archive"
_DECIMAL = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
_WORDS = "a plain decimal is needed"
_SPOT = (
    Field("id", Holds.INTEGER),
    Field("timestamp", Holds.INTEGER),
    Field("price", Holds.TEXT, _DECIMAL, words=_WORDS),
    Field("volume", Holds.TEXT, _DECIMAL, words=_WORDS),
    Field("side", Holds.TEXT, "buy|sell|Buy|Sell", words="buy or sell is needed"),
    Field("rpi", Holds.TEXT, "[01]", words="0 or 1 is needed"),
)
_CONTRACT = (
    Field(
        "timestamp",
        Holds.TEXT,
        r"[0-9]{9,10}(?:\.[0-9]{1,9})?",
        words="seconds since 1970 with at most nine decimals are needed",
    ),
    Field("symbol", Holds.TEXT, "[A-Z0-9-]{1,40}", words="a symbol such as BTCUSDT is needed"),
    Field("side", Holds.TEXT, "Buy|Sell", words="Buy or Sell is needed"),
    Field("size", Holds.TEXT, _DECIMAL, words=_WORDS),
    Field("price", Holds.TEXT, _DECIMAL, words=_WORDS),
    *(
        Field(name, Holds.IGNORED)
        for name in ("tickDirection", "trdMatchID", "grossValue", "homeNotional", "foreignNotional")
    ),
    Field("RPI", Holds.TEXT, "[01]", words="0 or 1 is needed"),
)
_LAYOUTS = {",".join(c.name for c in cut): cut for layout in (_SPOT, _CONTRACT) for cut in (layout, layout[:-1])}
_NAMED = re.compile(r"(?P<symbol>[A-Z0-9]{3,30}?)[_-]?[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?\.csv")


def recognise(source: Source) -> bool:
    """Whether the first line is the header of one of the layouts."""
    return first_line(source) in _LAYOUTS


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The trades as prints, oldest first; raises DataError for fields that cannot be right and times in no order."""
    refuse_options(source.name, options, ("symbol", "date", "venue", "tick", "lot"))
    columns = _LAYOUTS.get(first_line(source))
    if columns is None:
        raise DataError(
            "its first line is the header of no known layout", file=source.name, hint="give it as downloaded"
        )
    is_spot = columns[0].name == "id"
    parsed = (
        (_spot if is_spot else _contract)(rows, source)
        for rows in map(Block.numbered, blocks(source, columns, also=b" +"))
    )
    track: LevelTrack | None = None
    for trades in _oldest_first(parsed, source):
        if track is None:
            refuse_other_day(options, trades["ts"][0], file=source.name)
            track = _begin(source, options, trades, is_spot)
        if not is_spot:
            words = f"the other rows are of {track.instrument.symbol}"
            other = pl.col("symbol") != track.instrument.symbol
            refuse(trades, other, "symbol", words, file=source.name, hint="give one symbol at a time")
        retail = int((trades["rpi"] == "1").sum())
        if retail:
            track.notes["RPI trades, told"] += retail
        piece = track.piece(pl.DataFrame(schema=BOOK), trades.select(TRADE.keys()))
        if piece is not None:
            yield piece
    if track is None:
        raise DataError("it holds no trade", file=source.name)


def _oldest_first(frames: Iterator[pl.DataFrame], source: Source) -> Iterator[pl.DataFrame]:
    """The same trades, turned round if the first change of the time is backwards; raises DataError if a later one goes the other way."""
    held: list[pl.DataFrame] = []
    falls: bool | None = None
    first_ns = before_ns = 0
    for trades in frames:
        if not held and falls is None:
            first_ns = before_ns = trades["ts"][0]
        if falls is None:
            change = trades.filter(pl.col("ts") != first_ns)["ts"].head(1)
            falls = change[0] < first_ns if len(change) else None
        before = pl.col("ts").shift(fill_value=before_ns)
        wrong = pl.col("ts") > before if falls else pl.col("ts") < before
        words = f"which is {'later' if falls else 'earlier'} than the row before it"
        refuse(trades, wrong, "ts", words, file=source.name, hint="sort the file by time")
        before_ns = trades["ts"][-1]
        held.append(trades)
        if falls is False:
            yield from held
            held = []
    yield from ((trades.reverse() for trades in reversed(held)) if falls else held)


def _begin(source: Source, options: ReadOptions, trades: pl.DataFrame, is_spot: bool) -> LevelTrack:
    """The instrument, from the rows, the file's name, and what was said."""
    named = _NAMED.match(source.base)
    told = trades["symbol"][0] or (named["symbol"] if named else None)
    symbol = told or options.symbol
    if symbol is None:
        raise DataError("neither its rows nor its name tell the symbol", file=source.name, hint="say it with symbol")
    if options.symbol not in (None, symbol):
        raise DataError(f"it is of {symbol}, {options.symbol} is wanted", file=source.name)
    if is_spot and options.venue not in (None, SPOT):
        raise DataError(f"venue was given as {options.venue}, the layout is of {SPOT}", file=source.name)
    venue = SPOT if is_spot else options.venue or UNKNOWN
    described = instrument(symbol, venue, options, depth=0, has_book=False)
    return LevelTrack(described, file=source.name, has_book=False)


def _spot(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    rows = epoch_ns(rows.with_columns(ts="timestamp"), "ts", file=source.name)
    return _common(rows.rename({"volume": "size"}).with_columns(symbol=pl.lit(None, pl.String)), "rpi")


def _contract(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    return _common(exact_column(rows.with_columns(ts="timestamp"), "ts", 9, file=source.name), "RPI")


def _common(rows: pl.DataFrame, retail: str) -> pl.DataFrame:
    """row, ts, local, sequence, side (resting), price, size, symbol, rpi."""
    maker = pl.when(pl.col("side").str.to_lowercase() == "buy").then(int(Side.SELL)).otherwise(int(Side.BUY))
    rpi = pl.col(retail) if retail in rows.columns else pl.lit("0")
    return rows.select(
        *("row", "ts", "price", "size", "symbol"),
        local="ts",
        sequence=pl.lit(-1, pl.Int64),
        side=maker.cast(pl.Int8),
        rpi=rpi,
    )
