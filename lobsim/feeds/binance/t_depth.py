"""Binance T_DEPTH downloads: one row a level, a file of snapshots and a file of updates, futures.

Rows with one ``last_update_id`` form one message; ``update_type`` is ``snap`` (its pu is -1) or ``set``.  The rules of order are those of the futures stream
(``chain``).  An update file needs its snapshot file, given as ``book``; a file that holds both kinds of rows stands alone.

Known limit: a time here is the only one there is, so the receive time is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.binance.chain import Chain
from lobsim.feeds.binance.instrument import COINM, USDM, instrument, is_coin_margined
from lobsim.feeds.delimited import Field, blocks, first_line
from lobsim.feeds.delimited import Kind as Holds
from lobsim.feeds.json_text import epoch_ns
from lobsim.feeds.level_track import TRADE, LevelTrack
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse, refuse_options, refuse_other_day
from lobsim.feeds.source import Source
from lobsim.types import Fidelity

NAME = "Binance T_DEPTH download"
_DECIMAL = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
_COLUMNS = (
    Field("symbol", Holds.TEXT, "[A-Z0-9_]{1,40}", words="a symbol such as BTCUSDT is needed"),
    Field("timestamp", Holds.INTEGER),
    Field("first_update_id", Holds.INTEGER),
    Field("last_update_id", Holds.INTEGER),
    Field("side", Holds.TEXT, "[ab]", words="a or b is needed"),
    Field("update_type", Holds.TEXT, "snap|set", words="snap or set is needed"),
    Field("price", Holds.TEXT, _DECIMAL, words="a plain decimal is needed"),
    Field("qty", Holds.TEXT, _DECIMAL, words="a plain decimal is needed"),
    Field("pu", Holds.INTEGER),
)
_HEADER = ",".join(column.name for column in _COLUMNS)
_MESSAGE = ("symbol", "timestamp", "first_update_id", "update_type", "pu")


def recognise(source: Source) -> bool:
    """Whether the first line is the header of such a file."""
    return first_line(source) == _HEADER


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The canonical rows; ``options.book`` is the snapshot file.  Raises DataError for updates that no snapshot fits."""
    return read_all([source], options)


def order_of(source: Source) -> tuple[str, tuple[int, ...]]:
    """The symbol of a file's first row; its time (ns), and 0 for a snapshot, 1 for updates."""
    fields = source.head.split(b"\n", 2)[1].decode(errors="replace").split(",") if b"\n" in source.head else []
    if len(fields) != len(_COLUMNS) or not fields[1].isdecimal():
        return "", (0,)
    return fields[0], (int(fields[1]) * 10**6, int(fields[5] != "snap"))


def read_all(sources: Sequence[Source], options: ReadOptions) -> Iterator[Piece]:
    """The same of several files of one symbol, the snapshot file first."""
    refuse_options(sources[0].name, options, ("symbol", "date", "venue", "tick", "lot", "book"))
    book = [Source(Path(options.book))] if options.book is not None else []
    chain: Chain | None = None
    track: LevelTrack | None = None
    for file in (*book, *sources):
        if not recognise(file):
            raise DataError(f"its first line is not {_HEADER}", file=file.name, hint="give a T_DEPTH file")
        for messages in _messages(file):
            if chain is None or track is None:
                refuse_other_day(options, messages["ts"][0], file=file.name)
                chain, track = _begin(messages["symbol"][0], options, file.name)
            _refuse_other_symbol(messages, track.instrument.symbol, file.name)
            chain.file = track.file = file.name
            is_snapshot = pl.col("update_type") == "snap"
            told = chain.feed(messages.filter(~is_snapshot), messages.filter(is_snapshot))
            track.notes.update(chain.notes)
            chain.notes.clear()
            piece = track.piece(told, pl.DataFrame(schema=TRADE))
            if piece is not None:
                yield piece
    if chain is None or track is None:
        raise DataError("it holds no row", file=sources[0].name)
    piece = track.piece(chain.finish(), pl.DataFrame(schema=TRADE), final=True)
    if piece is not None:
        yield piece


def _begin(symbol: str, options: ReadOptions, file: str) -> tuple[Chain, LevelTrack]:
    if options.symbol not in (None, symbol):
        raise DataError(f"it is of {symbol}, {options.symbol} is wanted", file=file)
    venue = COINM if is_coin_margined(symbol) else USDM
    described = instrument(symbol, venue, options, Fidelity.L2_TRADES, file=file)
    return Chain(futures=True, file=file), LevelTrack(described, file=file, has_book=True)


def _refuse_other_symbol(messages: pl.DataFrame, symbol: str, file: str) -> None:
    words = f"the rows before are of {symbol}"
    refuse(messages, pl.col("symbol") != symbol, "symbol", words, file=file, hint="give one symbol at a time")


def _messages(source: Source) -> Iterator[pl.DataFrame]:
    """Whole messages, block by block; the last one of a block waits, for it may go on in the next."""
    rest: pl.DataFrame | None = None
    for block in blocks(source, _COLUMNS):
        rows = block.numbered()
        rows = rows if rest is None else pl.concat([rest, rows])
        last = rows["last_update_id"][-1], rows["update_type"][-1]
        of_last = (rows["last_update_id"] == last[0]) & (rows["update_type"] == last[1])
        # Rows of the last message stand together at the end: what comes before the first of them is whole.
        cut = len(rows) - int(of_last.reverse().cum_min().sum())
        rest = rows[cut:]
        if cut:
            yield _joined(rows[:cut], source.name)
    if rest is not None:
        yield _joined(rest, source.name)


def _joined(rows: pl.DataFrame, file: str) -> pl.DataFrame:
    """One row a message: row, ts, local, symbol, update_type, first, last, previous, bids, asks."""
    changed = pl.struct("last_update_id", "update_type").rle_id()
    rows = rows.with_columns(message=changed, level=pl.concat_list("price", "qty"))
    for field in _MESSAGE:
        differs = pl.col(field) != pl.col(field).first().over("message")
        refuse(rows, differs, field, "the rows of one update must agree in it", file=file)
    messages = rows.group_by("message", maintain_order=True).agg(
        pl.col("row", "symbol", "timestamp", "update_type").first(),
        first=pl.col("first_update_id").first(),
        last=pl.col("last_update_id").first(),
        previous=pl.col("pu").first(),
        bids=pl.col("level").filter(pl.col("side") == "b"),
        asks=pl.col("level").filter(pl.col("side") == "a"),
    )
    refuse(messages, pl.col("first") > pl.col("last"), "first", "which is above last_update_id", file=file)
    messages = epoch_ns(messages.rename({"timestamp": "ts"}), "ts", file=file)
    return messages.drop("message").with_columns(local=pl.col("ts"))
