"""Whether every message of a Bybit order book channel is there.

The rule: a snapshot replaces the book at any time, and so does a message with u = 1 (the service was restarted); a delta follows when its u is one above the u before.
A jump means a loss: the book is given up (``What.LOST``) and deltas are dropped until the next snapshot.
"""

from __future__ import annotations

from collections import Counter

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.level_track import BOOK, What


class Chain:
    """The order book channel of one symbol."""

    def __init__(self) -> None:
        self.notes: Counter[str] = Counter()
        self._last: int | None = None
        self._problem: tuple[int, str, str] | None = None

    def feed(self, books: pl.DataFrame) -> pl.DataFrame:
        """Book messages (``level_track.BOOK``) that follow from one block (``messages.Messages.books``, one symbol and depth)."""
        told = [pl.DataFrame(schema=BOOK)]
        while len(books):
            if self._last is None:
                starts = books["is_snapshot"].arg_true()
                waiting = books if len(starts) == 0 else books[: starts[0]]
                self._drop(waiting)
                books = books[len(waiting) :]
            if len(books):
                books = self._follow(books, told)
        return pl.concat(told)

    def finish(self, *, file: str) -> None:
        """Raise DataError where the book was never found, or not again after a gap."""
        if self._last is None and self._problem is not None:
            row, words, hint = self._problem
            raise DataError(words, file=file, row=row, hint=hint)

    def _drop(self, waiting: pl.DataFrame) -> None:
        """Deltas that no snapshot came before."""
        if len(waiting) == 0:
            return
        self.notes["updates without a book, dropped"] += len(waiting)
        if self._problem is None:
            words = "order book deltas come without a snapshot to start from"
            self._problem = (int(waiting["row"][0]), words, "record from the subscription on")

    def _follow(self, books: pl.DataFrame, told: list[pl.DataFrame]) -> pl.DataFrame:
        """Take messages as long as each follows the one before it."""
        before = pl.col("update").shift(fill_value=-1 if self._last is None else self._last)
        broken = ~pl.col("is_snapshot") & (pl.col("update") != before + 1)
        at = books.select(broken.arg_true().first()).item()
        good = books if at is None else books[:at]
        if len(good):
            what = pl.when("is_snapshot").then(int(What.SNAPSHOT)).otherwise(int(What.DELTA))
            told.append(
                good.select(what.cast(pl.Int8).alias("what"), *(n for n in BOOK if n != "what")).select(BOOK.keys())
            )
            self._last, self._problem = int(good["update"][-1]), None
        if at is None:
            return books.clear()
        row, update, local, sequence = books.select("row", "update", "local", "sequence").row(at)
        words = f"u is {update}, {(self._last or 0) + 1} is needed, and no later snapshot mends the gap"
        self._problem = (row, words, "cut the recording there, or subscribe anew after a gap")
        self._last = None
        self.notes["gaps"] += 1
        none: list[list[list[str]]] = [[]]
        lost = {"row": [row], "what": [int(What.LOST)], "ts": [0], "local": [local], "sequence": [sequence]}
        told.append(pl.DataFrame(lost | {"bids": none, "asks": none}, schema=BOOK))
        return books[at:]
