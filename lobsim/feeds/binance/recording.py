"""All symbols of one raw Binance recording, from the messages of a block to pieces.

Invariant: a snapshot, an update and a trade go to the symbol they are of; a snapshot that does not say which is taken only where there is one symbol.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.binance.chain import Chain
from lobsim.feeds.binance.instrument import COINM, SPOT, USDM, instrument, is_coin_margined
from lobsim.feeds.binance.messages import Messages, messages, rest_snapshot
from lobsim.feeds.level_track import TRADE, LevelTrack, What
from lobsim.feeds.lines import line_frames
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.refusals import refuse_other_day
from lobsim.feeds.source import Source
from lobsim.types import Fidelity, Side

_SNAPSHOT_BYTES = 64 * 2**20
_SIDES = ("bids", "asks")


class Levels:
    """A book as the venue wrote it: side -> price and size as text, for a recording to be continued from."""

    def __init__(self) -> None:
        self._levels = pl.DataFrame(schema={"side": pl.String, "price": pl.String, "size": pl.String})

    def apply(self, book: pl.DataFrame) -> None:
        """Follow book messages (``level_track.BOOK``)."""
        starts = book.select((pl.col("what") != What.DELTA).arg_true())["what"]
        if len(starts):
            book = book[int(starts[-1]) :]
            self._levels = self._levels.clear()
        parts = [self._levels]
        for side in _SIDES:
            level = pl.col(side)
            pairs = book.filter(level.list.len() > 0).select(level.explode())
            price, size = (level.list.get(i).alias(f) for i, f in enumerate(("price", "size")))
            parts.append(pairs.select(pl.lit(side).alias("side"), price, size))
        last = pl.concat(parts).unique(["side", "price"], keep="last", maintain_order=True)
        self._levels = last.filter(pl.col("size").str.strip_chars("0.") != "")

    def side(self, side: str) -> list[list[str]]:
        """Pairs of price and size."""
        return [list(pair) for pair in self._levels.filter(pl.col("side") == side).select("price", "size").iter_rows()]


class _Symbol:
    """One symbol of a recording: the chain of its updates, its rows, and which of its trades are told."""

    def __init__(self, track: LevelTrack, chain: Chain) -> None:
        self.track = track
        self.chain = chain
        self.aggregate: bool | None = None
        self.next_trade: int | None = None
        self.levels: Levels | None = None


class Recording:
    """All symbols of one recording."""

    def __init__(self, options: ReadOptions, *, keep_levels: bool = False) -> None:
        """``keep_levels``: the book at the end will be asked for."""
        self.file = ""
        self._options = options
        self._keep_levels = keep_levels
        self._symbols: dict[str, _Symbol] = {}
        self._started = False
        self._seen: set[str] = set()
        self._others: Counter[str] = Counter()
        self._early: pl.DataFrame | None = None
        self._continued: dict[str, tuple[list[list[str]], list[list[str]], int]] = {}

    def take(self, block: Messages) -> Iterator[Piece]:
        """One block of messages."""
        self._check_day(block)
        names = pl.concat([block.updates["symbol"], block.trades["symbol"]]).unique(maintain_order=True)
        self._seen.update(names)
        wanted = [name for name in names if self._options.symbol in (None, name)]
        for name in wanted:
            if name not in self._symbols:
                self._symbols[name] = self._new(name, block)
        self._others.update(block.others)
        if not self._symbols and len(block.snapshots):
            self._early = pl.concat([self._early, block.snapshots]) if self._early is not None else block.snapshots
        for name, symbol in self._symbols.items():
            symbol.track.notes.update({f"{kind}, no events": count for kind, count in self._others.items()})
            self._others.clear()
            piece = self._one(name, symbol, block)
            if piece is not None:
                yield piece

    def finish(self) -> Iterator[Piece]:
        """What was held back to the end; raises DataError for what never got a book, or if nothing was found at all."""
        if not self._symbols:
            found = ", ".join(sorted(self._seen)) or "no depth updates and no trades"
            wanted = f", {self._options.symbol} is wanted" if self._options.symbol else ""
            raise DataError(f"it holds {found}{wanted}", file=self.file)
        for symbol in self._symbols.values():
            left = symbol.chain.finish()
            piece = symbol.track.piece(left, pl.DataFrame(schema=TRADE), final=True)
            if piece is not None:
                yield piece

    def _check_day(self, block: Messages) -> None:
        times = [frame["ts"][0] for frame in (block.updates, block.trades) if len(frame)]
        if times and not self._started:
            self._started = True
            refuse_other_day(self._options, min(times), file=self.file)

    def _new(self, name: str, block: Messages) -> _Symbol:
        """A symbol as it is first met."""
        updates = block.updates.filter(pl.col("symbol") == name)
        trades = block.trades.filter(pl.col("symbol") == name)
        futures = is_coin_margined(name)
        if len(updates):
            futures = updates["previous"][0] is not None
        elif len(trades):
            futures = futures or trades["origin"][0] is not None
        venue = SPOT if not futures else COINM if is_coin_margined(name) else USDM
        described = instrument(name, venue, self._options, Fidelity.L2_TRADES, file=self.file)
        chain = Chain(futures=futures, file=self.file)
        if name in self._continued:
            chain.continue_from(*self._continued[name])
        return _Symbol(LevelTrack(described, file=self.file), chain)

    def _one(self, name: str, symbol: _Symbol, block: Messages) -> Piece | None:
        """What one block says of one symbol."""
        updates = block.updates.filter(pl.col("symbol") == name)
        symbol.chain.file = symbol.track.file = self.file
        if len(updates):
            symbol.track.expect_book(int(updates["row"][0]))
        book = symbol.chain.feed(updates, self._snapshots_of(name, block))
        symbol.track.notes.update(symbol.chain.notes)
        symbol.chain.notes.clear()
        if self._keep_levels:
            symbol.levels = symbol.levels or Levels()
            symbol.levels.apply(book)
        return symbol.track.piece(book, self._trades_of(name, symbol, block))

    def _snapshots_of(self, name: str, block: Messages) -> pl.DataFrame:
        """Snapshots of one symbol; one that does not say of which belongs to the only one there is."""
        found = block.snapshots
        if self._early is not None:
            found, self._early = pl.concat([self._early.select(found.columns), found]), None
        theirs = found.filter(pl.col("symbol").is_null() | (pl.col("symbol") == name))
        unnamed = theirs.filter(pl.col("symbol").is_null())
        if len(unnamed) and len(self._seen) > 1:
            row = int(unnamed["row"][0])
            words = "a snapshot does not say which of several symbols it is of"
            raise DataError(words, file=self.file, row=row, hint="record each symbol in a file of its own")
        return theirs

    def _trades_of(self, name: str, symbol: _Symbol, block: Messages) -> pl.DataFrame:
        """Trades of one symbol that were made in the book, once each."""
        trades = block.trades.filter(pl.col("symbol") == name)
        notes = symbol.track.notes
        if symbol.aggregate is None and len(trades):
            symbol.aggregate = bool(trades["aggregate"].all())
        kept = trades.filter(pl.col("aggregate") == bool(symbol.aggregate))
        notes.update(_some("trades told twice (plain and aggregate), left out", len(trades) - len(kept)))
        before = pl.col("id").shift(fill_value=-1 if symbol.next_trade is None else symbol.next_trade - 1)
        step = kept.select(pl.when(before >= 0).then(pl.col("id") - before).otherwise(1))["id"] if len(kept) else None
        if step is not None:
            notes.update(_some("trades missing by their ids", int((step.filter(step > 1) - 1).sum())))
            notes.update(_some("trades repeated or out of order, left out", int((step < 1).sum())))
            kept = kept.filter(step > 0)
            symbol.next_trade = int(kept["id"][-1]) + 1 if len(kept) else symbol.next_trade
        outside = kept.filter((pl.col("origin") != "MARKET").fill_null(False))
        for origin, count in outside.group_by("origin", maintain_order=True).len().iter_rows():
            notes.update(_some(f"{origin} trades outside the book, left out", count))
        kept = kept.filter((pl.col("origin") == "MARKET").fill_null(True))
        maker = pl.when("buyer_is_maker").then(int(Side.BUY)).otherwise(int(Side.SELL)).cast(pl.Int8)
        return kept.with_columns(side=maker, sequence=pl.lit(-1, pl.Int64)).select(TRADE.keys())

    def begin_with(self, source: Source) -> None:
        """Take the book from a REST snapshot, or from the end of another recording; raises DataError where it has none."""
        if source.head.lstrip()[:1] == b"{":
            with source.open() as stream:
                text = bytes(stream.read(_SNAPSHOT_BYTES)).decode(errors="replace")
            self._early = rest_snapshot(text, file=source.name).with_columns(row=pl.lit(0, pl.Int64))
            return
        before = Recording(ReadOptions(symbol=self._options.symbol), keep_levels=True)
        before.file = source.name
        for lines in line_frames(source):
            for _ in before.take(messages(lines, file=source.name)):
                pass
        for _ in before.finish():
            pass
        for name, symbol in before._symbols.items():
            if symbol.chain.last is not None and symbol.levels is not None:
                bids, asks = (symbol.levels.side(side) for side in _SIDES)
                self._continued[name] = bids, asks, symbol.chain.last
        if not self._continued:
            raise DataError("its book is not known at its end", file=source.name, hint="give one that has a snapshot")


def _some(name: str, count: int) -> dict[str, int]:
    """A note, where there is something to note."""
    return {name: count} if count else {}
