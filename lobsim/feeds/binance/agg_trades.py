"""Bodies of Binance's REST aggTrades: a JSON array of ``{a, p, q, f, l, T, m, M}``, oldest first.

One aggregate trade is what one taker got at one price; ``m`` says that the buyer was the maker.  The symbol stands nowhere in the body and must be said; ``M``
is written by spot only and tells the markets apart, but USD-M and COIN-M must be told by the symbol.

Known limits: no receive time (it is the exchange's); trades alone, without a book, are of fidelity L1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.binance.instrument import COINM, SPOT, USDM, instrument, is_coin_margined
from lobsim.feeds.json_text import decoded, epoch_ns
from lobsim.feeds.level_track import BOOK, TRADE, LevelTrack
from lobsim.feeds.limits import CUT_HINT
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse, refuse_missing, refuse_options, refuse_other_day
from lobsim.feeds.source import Source
from lobsim.types import Fidelity, Side

NAME = "Binance REST aggTrades"
_FIELDS = {
    "a": pl.Int64,
    "p": pl.String,
    "q": pl.String,
    "f": pl.Int64,
    "l": pl.Int64,
    "T": pl.Int64,
    "m": pl.Boolean,
    "M": pl.Boolean,
}
_NEEDED = ("a", "p", "q", "f", "l", "T", "m")
_FIRST = re.compile(rb"\s*\[\s*(\{[^{}]*\})")
_BETWEEN = re.compile(rb"\}\s*,\s*\{")
_BARE_NUMBER = r'"(?:p|q)"\s*:\s*[-+0-9.]'


def recognise(source: Source) -> bool:
    """Whether the first object of an array has the fields of an aggregate trade."""
    found = _FIRST.match(source.head)
    return found is not None and all(re.search(rb'"%s"\s*:' % name.encode(), found[1]) for name in _NEEDED)


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The trades as prints; ``options.symbol`` is needed.  Raises DataError for what is cut, out of order or not of that shape."""
    refuse_options(source.name, options, ("symbol", "date", "venue", "tick", "lot"))
    if options.symbol is None:
        raise DataError("the file does not say of which symbol it is", file=source.name, hint="say it with symbol")
    return told(_trades(source), options.symbol, source, options)


def told(frames: Iterator[pl.DataFrame], symbol: str, source: Source, options: ReadOptions) -> Iterator[Piece]:
    """Aggregate trades (row and the fields of this module, T in nanoseconds) as prints; raises DataError for trades out of order."""
    track: LevelTrack | None = None
    before: dict[str, int] = {"a": -1, "T": 0}
    for trades in frames:
        refuse(trades, pl.col("f") > pl.col("l"), "f", "which is above l", file=source.name)
        if track is None:
            refuse_other_day(options, trades["T"][0], file=source.name)
            venue = _venue(symbol, trades)
            described = instrument(symbol, venue, options, Fidelity.L1, file=source.name)
            track = LevelTrack(described, file=source.name, has_book=False)
        step = pl.col("a") - pl.col("a").shift(fill_value=before["a"] if before["a"] >= 0 else trades["a"][0] - 1)
        refuse(trades, step < 1, "a", "which is not above the one before it", file=source.name)
        earlier = pl.col("T") < pl.col("T").shift(fill_value=before["T"])
        refuse(trades, earlier, "T", "which is earlier than the one before it", file=source.name)
        missing = int(trades.select((step - 1).sum()).item())
        if missing:
            track.notes["trades missing by their ids"] += missing
        before = trades.select("a", "T").row(-1, named=True)
        piece = track.piece(pl.DataFrame(schema=BOOK), _as_trades(trades))
        if piece is not None:
            yield piece
    if track is None:
        raise DataError("it holds no trade", file=source.name)


def _venue(symbol: str, trades: pl.DataFrame) -> str:
    if trades["M"][0] is not None:
        return SPOT
    return COINM if is_coin_margined(symbol) else USDM


def _as_trades(trades: pl.DataFrame) -> pl.DataFrame:
    maker = pl.when("m").then(int(Side.BUY)).otherwise(int(Side.SELL)).cast(pl.Int8)
    columns = {"ts": "T", "local": "T", "price": "p", "size": "q"}
    return (
        trades.select("row", **{name: pl.col(field) for name, field in columns.items()})
        .with_columns(side=trades.select(maker).to_series(), sequence=pl.lit(-1, pl.Int64))
        .select(TRADE.keys())
    )


def _trades(source: Source) -> Iterator[pl.DataFrame]:
    """The objects of the array, some MiB at a time: row (number of the trade, from 1) and the fields, T in nanoseconds."""
    row = 1
    for objects in _objects(source):
        text = pl.Series("text", objects)
        frame = pl.DataFrame([pl.int_range(row, row + len(text), dtype=pl.Int64, eager=True).alias("row"), text])
        words = "prices and sizes must stand in quotes"
        refuse(frame, pl.col("text").str.contains(_BARE_NUMBER), "text", words, file=source.name)
        frame = decoded(frame, "text", _FIELDS, file=source.name)
        refuse_missing(frame, _NEEDED, file=source.name)
        yield epoch_ns(frame, "T", file=source.name)
        row += len(text)


def _objects(source: Source) -> Iterator[list[str]]:
    """The array cut between its objects, which hold no objects themselves; the array must be whole."""
    rest = b""
    opened = False
    for block in source.blocks():
        rest += block
        if not opened:
            rest = rest.lstrip()
            if not rest.startswith(b"["):
                raise DataError("it is no JSON array", file=source.name, hint=CUT_HINT)
            rest, opened = rest[1:].lstrip(), True
        cut = rest.rfind(b"}", 0, len(rest) - 2)
        between = _BETWEEN.match(rest, cut) if cut >= 0 else None
        if between is not None:
            whole, rest = rest[: cut + 1], rest[between.end() - 1 :]
            yield _split(whole, source.name)
    if not rest.rstrip().endswith(b"]"):
        raise DataError("its array does not end", file=source.name, hint=CUT_HINT)
    last = rest.rstrip()[:-1].rstrip()
    if last:
        yield _split(last, source.name)


def _split(text: bytes, file: str) -> list[str]:
    try:
        return _BETWEEN.sub(b"}\n{", text.replace(b"\n", b" ")).decode().split("\n")
    except UnicodeDecodeError:
        raise DataError("it is not plain text", file=file, hint=CUT_HINT) from None
