"""Bybit v5 websocket messages: order book channels and public trades, from archives (ob500, ob200) and recordings.

What becomes of the messages: an order book message is a packet of LEVEL rows at its matching time (``cts``; ``ts`` in older messages, which have none), a snapshot
CLEAR and SNAPSHOT rows; a trade is a print, the taker's side known.  ``seq`` orders books and trades of a symbol alike and becomes ``sequence``.

Block trades (``BT``) are left out with a count: they never met the book.  RPI trades are told and counted: they met orders that the book does not show.
Of several depths of one symbol the deepest is taken, the others are left out with a count.

Known limit: a bare archive does not say of which market it is; ``venue`` does (BYBIT_SPOT, BYBIT_LINEAR, BYBIT_INVERSE).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.bybit.chain import Chain
from lobsim.feeds.bybit.instrument import UNKNOWN, instrument
from lobsim.feeds.bybit.messages import Connections, Messages, messages
from lobsim.feeds.level_track import BOOK, TRADE, LevelTrack
from lobsim.feeds.lines import line_frames
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options, refuse_other_day
from lobsim.feeds.reorder import reorder
from lobsim.feeds.source import Source
from lobsim.types import Side

NAME = "Bybit v5 websocket messages"
WINDOW_NS = 5 * 10**9
"""How much later than the book's time a trade may come and still find its place."""
_FIRST = re.compile(rb'(?:[0-9]{13,19} )?\{\s*"(?:t|topic|success|op|ret_msg|conn_id)"')
_TOPIC = re.compile(
    rb'\\?"topic\\?"\s*:\s*\\?"(?:orderbook\.|publicTrade\.|orderBookL2|orderBook_|trade\.|instrument_info)'
    rb'|"exchange"\s*:\s*"BYBIT"'
)


def recognise(source: Source) -> bool:
    """Whether the first lines are messages of Bybit's public feed, retired versions included (``read`` refuses those)."""
    return _FIRST.match(source.head) is not None and _TOPIC.search(source.head) is not None


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The canonical rows; ``options.symbol`` and ``options.venue`` take one of several.

    Raises DataError for lines that cannot be right, retired versions, deltas without a snapshot, and a jump in u that no later snapshot mends.
    """
    refuse_options(source.name, options, ("symbol", "date", "venue", "tick", "lot"))
    return reorder(_pieces(source, options), WINDOW_NS, prints_first=True, file=source.name)


def _pieces(source: Source, options: ReadOptions) -> Iterator[Piece]:
    recording = _Recording(source, options)
    for lines in line_frames(source):
        yield from recording.take(messages(lines, recording.connections, file=source.name))
    yield from recording.finish()


class _Symbol:
    """One symbol of one market: its channel and its rows."""

    def __init__(self, track: LevelTrack) -> None:
        self.track = track
        self.chain = Chain()


class _Recording:
    """All symbols of one recording."""

    def __init__(self, source: Source, options: ReadOptions) -> None:
        self.connections = Connections()
        self._file = source.name
        self._options = options
        self._symbols: dict[tuple[str, str], _Symbol] = {}
        self._seen: set[tuple[str, str]] = set()
        self._others: dict[str, int] = {}
        self._started = False

    def take(self, block: Messages) -> Iterator[Piece]:
        """One block of messages."""
        books, trades = (self._with_venue(frame) for frame in (block.books, block.trades))
        self._check_day(books, trades)
        keys = pl.concat([frame.select("venue", "symbol") for frame in (books, trades)]).unique(maintain_order=True)
        for name, count in block.others.items():
            self._others[name] = self._others.get(name, 0) + count
        for venue, symbol in keys.iter_rows():
            self._seen.add((venue, symbol))
            if self._options.symbol not in (None, symbol) or self._options.venue not in (None, venue):
                continue
            this = (pl.col("venue") == venue) & (pl.col("symbol") == symbol)
            piece = self._one((venue, symbol), books.filter(this), trades.filter(this))
            if piece is not None:
                yield piece

    def finish(self) -> Iterator[Piece]:
        """What was held back to the end; raises DataError for what never got a book, or if nothing was found at all."""
        if not self._symbols:
            found = ", ".join(f"{symbol} ({venue})" for venue, symbol in sorted(self._seen))
            hint = "say symbol or venue as they are" if found else ""
            words = f"it holds {found or 'no order book and no trades'}, not what is wanted"
            raise DataError(words if found else words.partition(",")[0], file=self._file, hint=hint)
        for symbol in self._symbols.values():
            symbol.chain.finish(file=self._file)
            symbol.track.notes.update({f"{name}, no events": count for name, count in self._others.items()})
            self._others = {}
            piece = symbol.track.piece(pl.DataFrame(schema=BOOK), pl.DataFrame(schema=TRADE), final=True)
            if piece is not None:
                yield piece

    def _with_venue(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The market of each row: of its connection, or as it was said."""
        said = self._options.venue or UNKNOWN
        venues = self.connections.venues
        return frame.with_columns(venue=pl.col("conn").replace_strict(venues, default=said, return_dtype=pl.String))

    def _check_day(self, books: pl.DataFrame, trades: pl.DataFrame) -> None:
        times = [frame["ts"][0] for frame in (books, trades) if len(frame)]
        if times and not self._started:
            self._started = True
            refuse_other_day(self._options, min(times), file=self._file)

    def _one(self, key: tuple[str, str], books: pl.DataFrame, trades: pl.DataFrame) -> Piece | None:
        """What one block says of one symbol."""
        if key not in self._symbols:
            venue, name = key
            described = instrument(name, venue, self._options, depth=0, steps=self.connections.steps.get(key))
            self._symbols[key] = _Symbol(LevelTrack(described, file=self._file))
        symbol = self._symbols[key]
        track = symbol.track
        if len(books):
            track.expect_book(int(books["row"][0]), depth=max(books["depth"].to_list()))
        taken = books.filter(pl.col("depth") == track.instrument.depth)
        if len(taken) < len(books):
            track.notes["messages of other depths, left out"] += len(books) - len(taken)
        told = symbol.chain.feed(taken)
        track.notes.update(symbol.chain.notes)
        symbol.chain.notes.clear()
        return track.piece(told, _told(trades, track))


def _told(trades: pl.DataFrame, track: LevelTrack) -> pl.DataFrame:
    """The trades that were made in the book."""
    for name, field in (("block trades outside the book, left out", "block"), ("RPI trades, told", "rpi")):
        count = int(trades[field].sum())
        if count:
            track.notes[name] += count
    maker = pl.when(pl.col("taker") == "Buy").then(int(Side.SELL)).otherwise(int(Side.BUY)).cast(pl.Int8)
    return trades.filter(~pl.col("block")).with_columns(side=maker).select(TRADE.keys())
