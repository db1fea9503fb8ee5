"""When a Binance depth stream may be applied to a snapshot, and whether every update is there.

The venue's rules, with L the snapshot's ``lastUpdateId``, and U, u, pu of an update:

=========  ===================  ============================  ================
           dropped              first one kept                each later one
=========  ===================  ============================  ================
spot       u <= L               U <= L + 1 <= u               U = previous u + 1
futures    u < L                U <= L <= u                   pu = previous u
=========  ===================  ============================  ================

A break means that updates were lost: the book is given up (``What.LOST``) until a later snapshot fits.  Snapshots that come while the book is known are left out.

Known limits: of updates that wait for a snapshot the last 20,000 are kept; a snapshot is fetched while the stream runs, so none of them is minutes old.
"""

from __future__ import annotations

from collections import Counter

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.level_track import BOOK, What

UPDATE = ("row", "ts", "local", "first", "last", "previous", "bids", "asks")
"""Columns of an update; a snapshot has row, ts (null on spot), local, last, bids, asks."""
_WAITING = 20_000
_HINT = "give a snapshot, or the recording before this one, as book"


class Chain:
    """The update stream of one symbol."""

    def __init__(self, *, futures: bool, file: str) -> None:
        self.file = file
        self.notes: Counter[str] = Counter()
        self._futures = futures
        self._waiting: list[pl.DataFrame] = []
        self._seed: pl.DataFrame | None = None
        self._seed_exact = False
        self._last: int | None = None
        self._problem: tuple[int, str, str] | None = None

    @property
    def last(self) -> int | None:
        """Id of the last update that is in the book; None while there is no book."""
        return self._last

    def continue_from(self, bids: list[list[str]], asks: list[list[str]], last: int) -> None:
        """Begin with a book that is known to be right after update ``last``."""
        levels = {"bids": [bids], "asks": [asks]}
        self._seed = pl.DataFrame({"row": [0], "ts": [None], "local": [None], "last": [last]} | levels, strict=False)
        self._seed_exact = True

    def feed(self, updates: pl.DataFrame, snapshots: pl.DataFrame) -> pl.DataFrame:
        """Book messages (``level_track.BOOK``) that follow from one block; both frames are in order of rows."""
        told: list[pl.DataFrame] = []
        for index in range(len(snapshots)):
            snapshot = snapshots[index]
            told += self._advance(updates.filter(pl.col("row") < snapshot["row"][0]))
            updates = updates.filter(pl.col("row") > snapshot["row"][0])
            told += self._meet(snapshot)
        told += self._advance(updates)
        return pl.concat(told) if told else pl.DataFrame(schema=BOOK)

    def finish(self) -> pl.DataFrame:
        """What is left at the end; raises DataError where updates came but no book was ever found for them, or not again."""
        updates_wait = sum(map(len, self._waiting))
        if self._last is None and self._seed is not None and updates_wait == 0 and self._problem is None:
            return self._as_book(self._seed, What.SNAPSHOT) if self._seed["ts"][0] is not None else self._nothing()
        if self._problem is not None and self._last is None:
            row, what, hint = self._problem
            raise DataError(what, file=self.file, row=row or None, hint=hint)
        return self._nothing()

    @staticmethod
    def _nothing() -> pl.DataFrame:
        return pl.DataFrame(schema=BOOK)

    def _meet(self, snapshot: pl.DataFrame) -> list[pl.DataFrame]:
        """A snapshot: needed only while there is no book."""
        if self._last is not None:
            self.notes["snapshots not needed, left out"] += 1
            return []
        self._seed, self._seed_exact = snapshot, False
        waiting, self._waiting = self._waiting, []
        return self._advance(pl.concat(waiting)) if waiting else []

    def _advance(self, updates: pl.DataFrame) -> list[pl.DataFrame]:
        """Apply the rules to consecutive updates."""
        told: list[pl.DataFrame] = []
        while len(updates):
            updates = self._start(updates, told) if self._last is None else self._follow(updates, told)
        return told

    def _start(self, updates: pl.DataFrame, told: list[pl.DataFrame]) -> pl.DataFrame:
        """Find the first update that the snapshot needs; what is returned is still to be followed."""
        if self._seed is None:
            self._wait(updates)
            return updates.clear()
        last = int(self._seed["last"][0])
        count = int(updates.select((pl.col("last") < last + (not self._futures or self._seed_exact)).sum()).item())
        if count:
            self.notes["updates before the snapshot, dropped"] += count
        updates = updates[count:]
        if len(updates) == 0:
            return updates
        first = updates.row(0, named=True)
        if self._seed_exact:
            fits = (first["previous"] if self._futures else first["first"] - 1) == last
        else:
            fits = first["first"] <= last + (not self._futures)
        if not fits:
            words = f"its first update, {first['first']} to {first['last']}, does not join the snapshot of {last}"
            self._problem = (first["row"], words, "updates between the two are missing: " + _HINT)
            self.notes["snapshots that do not fit, left out"] += 1
            self._seed = None
            return updates
        begin = pl.coalesce(pl.min_horizontal("ts", pl.lit(first["ts"])), pl.lit(first["ts"]))
        told.append(self._as_book(self._seed.with_columns(ts=begin), What.SNAPSHOT))
        told.append(self._as_book(updates[:1], What.DELTA))
        self._seed, self._last, self._problem = None, int(first["last"]), None
        return updates[1:]

    def _follow(self, updates: pl.DataFrame, told: list[pl.DataFrame]) -> pl.DataFrame:
        """Take updates as long as each follows the one before it."""
        before = pl.col("last").shift(fill_value=self._last)
        broken = pl.col("previous") != before if self._futures else pl.col("first") != before + 1
        at = updates.select(broken.arg_true().first()).item()
        good = updates if at is None else updates[:at]
        if len(good):
            told.append(self._as_book(good, What.DELTA))
            self._last = int(good["last"][-1])
        if at is None:
            return updates.clear()
        told.append(self._lose(updates.row(at, named=True)))
        return updates[at:]

    def _lose(self, update: dict) -> pl.DataFrame:
        """The book is not known from the last good update on."""
        field, is_ = ("pu", update["previous"]) if self._futures else ("U", update["first"])
        needed = self._last if self._futures else (self._last or 0) + 1
        words = (
            f"{field} is {is_}, {needed} is needed to follow the update before it, and no later snapshot mends the gap"
        )
        self._problem = (update["row"], words, "cut the recording there, or record a snapshot after a gap")
        self.notes["gaps"] += 1
        self._last = None
        empty: list[list[list[str]]] = [[]]
        lost = {"row": [update["row"]], "what": [int(What.LOST)], "ts": [0], "local": [update["local"]]}
        return pl.DataFrame(lost | {"sequence": [-1], "bids": empty, "asks": empty}, schema=BOOK)

    def _wait(self, updates: pl.DataFrame) -> None:
        """Keep updates for a snapshot to come."""
        if self._problem is None:
            words = "depth updates come without a snapshot to start from"
            self._problem = (int(updates["row"][0]), words, _HINT)
        self._waiting.append(updates.select(UPDATE))
        spare = sum(map(len, self._waiting)) - _WAITING
        if spare > 0:
            self._waiting = [pl.concat(self._waiting)[spare:]]
            self.notes["updates without a book, dropped"] += spare

    @staticmethod
    def _as_book(messages: pl.DataFrame, what: What) -> pl.DataFrame:
        """Messages in the columns of BOOK; the order among rows is the venue's, but only within a symbol's book."""
        return messages.select(
            (pl.lit(int(what)) if name == "what" else pl.lit(-1) if name == "sequence" else pl.col(name))
            .cast(kind)
            .alias(name)
            for name, kind in BOOK.items()
        )
