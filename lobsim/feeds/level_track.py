"""From the messages of a level feed and its trades to canonical rows, for venues that publish both without a common order.

A reader hands over, block by block, *book messages* (frames of ``BOOK``, in the order that the venue's numbers prove) and *trades* (frames of ``TRADE``); a
``LevelTrack`` keeps what must be known of one symbol between the blocks and answers with rows of the canonical table.

Invariants: times of book rows never fall; no trade is told outside a time in which the book is known; every trade is a packet of its own.
A trade is held back until the book has passed its time, so that a gap found later still covers it.
The rows of one answer are in order of time, prints before the book messages of the same time; a trade that arrives late (0.2 s have been seen) may belong before
rows of an answer given earlier: ``reorder`` puts that right.
Known limit: of trades that wait for a book at most 200,000 are kept; a recording that begins with more of them has no book.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from enum import IntEnum

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.json_text import LEVELS, exact_column
from lobsim.feeds.piece import Instrument, Piece
from lobsim.feeds.rows import whole_table
from lobsim.types import NONE, Fidelity, Flag, Kind, Side

BOOK = {
    "row": pl.Int64,
    "what": pl.Int8,
    "ts": pl.Int64,
    "local": pl.Int64,
    "sequence": pl.Int64,
    "bids": LEVELS,
    "asks": LEVELS,
}
"""A book message: row of the file, ``What``, exchange and receive time (ns), number, levels as text."""
TRADE = {
    "row": pl.Int64,
    "ts": pl.Int64,
    "local": pl.Int64,
    "sequence": pl.Int64,
    "side": pl.Int8,
    "price": pl.String,
    "size": pl.String,
}
"""A trade; ``side`` is the resting one."""
_HELD = 200_000
_PARTS = 3  # of a message, in this order: CLEAR, bids, asks


class What(IntEnum):
    """What a book message does."""

    DELTA = 0
    SNAPSHOT = 1
    LOST = 2  # from here on the book is not known; time 0: the time of the message before


class LevelTrack:
    """One symbol on its way to canonical rows."""

    def __init__(self, instrument: Instrument, *, file: str, has_book: bool | None = None) -> None:
        """``has_book``: False where there are trades only, which are then all told; None where it is still to be seen."""
        self.instrument = instrument
        self.file = file
        self.has_book = has_book
        self.notes: Counter[str] = Counter()
        self._digits = (decimals(instrument.price_scale), decimals(instrument.size_scale))
        self._last_ns = 0
        self._open_ns: int | None = None
        self._known: list[tuple[int, int]] = []
        self._held = pl.DataFrame(schema=TRADE)

    def expect_book(self, row: int, *, depth: int = 0) -> None:
        """Book messages begin at this row; raises DataError where the trades before them have been told without a book."""
        if self.has_book is False:
            words = "book messages begin only here, long after the trades"
            raise DataError(words, file=self.file, row=row, hint="cut off what lies before them")
        if self.has_book is None:
            self.has_book = True
            self.instrument = replace(self.instrument, depth=depth)

    def piece(self, book: pl.DataFrame, trades: pl.DataFrame, *, final: bool = False) -> Piece | None:
        """What has become known with these messages; None where nothing has.  ``final``: no more will come."""
        if self.has_book is None:
            self._held = pl.concat([self._held, trades])
            if not final and len(self._held) < _HELD:
                return None
            self.has_book, trades, self._held = False, self._held, self._held.clear()
            self.instrument = replace(self.instrument, fidelity=Fidelity.L1)
        book = self._in_time(book)
        self._follow(book)
        rows = pl.concat([self._level_rows(book), self._print_rows(self._told(trades, final))])
        rows = rows.sort("ts_exchange", pl.col("kind") != Kind.PRINT, maintain_order=True)
        self._count("rows received before they happened", int((rows["ts_local"] < rows["ts_exchange"]).sum()))
        notes, self.notes = dict(self.notes), Counter()
        return Piece(self.instrument, rows, notes) if len(rows) or notes else None

    def _count(self, name: str, count: int) -> None:
        if count:
            self.notes[name] += count

    def _in_time(self, book: pl.DataFrame) -> pl.DataFrame:
        """Times that never fall: the venue's numbers give the order, its clock may lag."""
        late = (pl.col("ts") < pl.col("ts").cum_max().shift(fill_value=self._last_ns)) & (pl.col("what") != What.LOST)
        self._count("book times that fell, raised", int(book.select(late.sum()).item()))
        return book.with_columns(ts=pl.max_horizontal(pl.col("ts").cum_max(), pl.lit(self._last_ns, pl.Int64)))

    def _follow(self, book: pl.DataFrame) -> None:
        """Note from when until when the book was known."""
        for what, time_ns in book.filter(pl.col("what") != What.DELTA).select("what", "ts").iter_rows():
            if what == What.SNAPSHOT and self._open_ns is None:
                self._open_ns = time_ns
            elif what == What.LOST and self._open_ns is not None:
                self._known.append((self._open_ns, time_ns))
                self._open_ns = None
        if len(book):
            self._last_ns = int(book["ts"][-1])

    def _told(self, trades: pl.DataFrame, final: bool) -> pl.DataFrame:
        """The trades, held or new, that happened while the book was known; the others wait, or are dropped."""
        if not self.has_book:
            return trades
        trades = pl.concat([self._held, trades])
        decided = pl.lit(True) if final else pl.col("ts") <= self._last_ns
        known = pl.lit(False)
        for start_ns, end_ns in self._known:
            known |= (pl.col("ts") > start_ns) & (pl.col("ts") <= end_ns)
        if self._open_ns is not None:
            known |= pl.col("ts") > self._open_ns
        told = trades.filter(decided & known)
        # Before its first book a symbol has no time: what was received lately may still come after the snapshot.
        waiting = trades.filter(~decided) if self._open_ns is not None or final else trades.filter(~known).tail(_HELD)
        self._held = waiting
        self._count("trades without a known book, dropped", len(trades) - len(told) - len(waiting))
        # Of times that are over only the last matters: trades come late, but not by a whole gap.
        self._known = self._known[-1:] if self._open_ns is not None else self._known
        return told

    def _level_rows(self, book: pl.DataFrame) -> pl.DataFrame:
        """CLEAR and LEVEL rows of book messages, packet by packet."""
        book = book.with_row_index("message").cast({"message": pl.Int64})
        parts = [
            book.filter(pl.col("what") != What.DELTA).select(
                key=pl.col("message") * _PARTS,
                side=pl.lit(NONE, pl.Int8),
                price=pl.lit(0, pl.Int64),
                size=pl.lit(0, pl.Int64),
            )
        ]
        parts += [self._side_rows(book, part) for part in (1, 2)]
        rows = pl.concat(parts).sort("key", maintain_order=True)
        message = rows["key"] // _PARTS
        told = book.select("ts", "local", "sequence", "what")[message]
        rows = pl.concat([rows, told], how="horizontal").with_columns(message=message)
        clear = pl.col("side") == NONE
        last = pl.col("message") != pl.col("message").shift(-1, fill_value=-1)
        snapshot = (pl.col("what") == What.SNAPSHOT) & ~clear
        return canonical(
            rows.with_columns(
                kind=pl.when(clear).then(int(Kind.CLEAR)).otherwise(int(Kind.LEVEL)),
                flags=last.cast(pl.Int32) * Flag.LAST_IN_PACKET | snapshot.cast(pl.Int32) * Flag.SNAPSHOT,
            )
        )

    def _side_rows(self, book: pl.DataFrame, part: int) -> pl.DataFrame:
        """The levels of one side as numbers: key, side, price, size."""
        side, name = ((Side.BUY, "bids"), (Side.SELL, "asks"))[part - 1]
        levels = (
            book.select("row", key=pl.col("message") * _PARTS + part, level=pl.col(name))
            .filter(pl.col("level").list.len() > 0)
            .explode("level")
        )
        pairs = levels.select("row", "key", *(pl.col("level").list.get(i, null_on_oob=True).alias(f) for i, f in _PAIR))
        if not levels.select((pl.col("level").list.len() == 2).fill_null(False).all()).item():
            row = levels.filter((pl.col("level").list.len() != 2).fill_null(True))["row"][0]
            raise DataError("a level is not a pair of price and size", file=self.file, row=row)
        for (_, field), digits in zip(_PAIR, self._digits, strict=True):
            pairs = exact_column(pairs, field, digits, file=self.file)
        return pairs.select("key", side=pl.lit(int(side), pl.Int8), price="price", size="size")

    def _print_rows(self, trades: pl.DataFrame) -> pl.DataFrame:
        """PRINT rows, each a packet of its own."""
        for field, digits in zip(("price", "size"), self._digits, strict=True):
            trades = exact_column(trades, field, digits, file=self.file)
        flags = Flag.AGGRESSOR_KNOWN | Flag.LAST_IN_PACKET
        return canonical(trades.with_columns(kind=pl.lit(int(Kind.PRINT)), flags=pl.lit(int(flags))))


_PAIR = ((0, "price"), (1, "size"))


def canonical(rows: pl.DataFrame) -> pl.DataFrame:
    """Columns ts, local, kind, side, price, size, flags, sequence as a canonical table; a receive time that is not known is ``ts``."""
    return whole_table(rows.with_columns(ts_exchange="ts", ts_local=pl.coalesce("local", "ts")))


def decimals(scale: str) -> int:
    """Decimal places of a step: "0.010" has 2."""
    return len(scale.partition(".")[2].rstrip("0"))


def scale(digits: int) -> str:
    """What one unit of a number with so many places is worth: "0.01"."""
    return f"0.{'0' * (digits - 1)}1" if digits else "1"
