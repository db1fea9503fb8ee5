"""A day in blocks of rows, from memory or from a store, so that looking through it needs little memory however long it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo, begin_digest, feed_array, feed_parts
from lobsim.feeds.store import EVENTS, ROWS, load, read_info, read_parts
from lobsim.types import NONE, Flag, Kind, Phase

BLOCK_ROWS = 2**18
_TOUCH = ["ask_price_1", "ask_size_1", "bid_price_1", "bid_size_1"]


class Block(NamedTuple):
    """Some consecutive rows.

    offset  rows of the day before them
    events  the canonical table
    touch   int64 [rows, 4]: level 1 as recorded beside the events (``Dataset.rows``), or None
    column  name -> the values of the table
    phase   int64 [rows], the phase after each row
    ends    bool [rows], whether a packet ends with the row
    """

    offset: int
    events: pl.DataFrame
    touch: np.ndarray | None
    column: dict[str, np.ndarray]
    phase: np.ndarray
    ends: np.ndarray

    @property
    def trading(self) -> np.ndarray:
        """Whether the phase after each row is continuous trading."""
        return self.phase == Phase.CONTINUOUS


@dataclass(frozen=True)
class Day:
    """One symbol and day that can be gone through block by block.

    info        the data set
    n_rows      rows in all
    block_rows  rows of a block at most
    dataset     where it is held in memory
    folder      where it lies in a store
    digest      what it was written with, or what it is in memory
    """

    info: DatasetInfo
    n_rows: int
    block_rows: int = BLOCK_ROWS
    dataset: Dataset | None = None
    folder: Path | None = None
    stored_digest: str = ""
    has_rows: bool = False

    @property
    def digest(self) -> str:
        """What the day was written with, or what it is in memory."""
        return self.dataset.digest if self.dataset is not None else self.stored_digest

    @cached_property
    def digest_holds(self) -> bool:
        """Whether the content of a stored day has the digest it was written with; True in memory."""
        if self.dataset is not None or self.folder is None:
            return True
        if self.has_rows or read_info(self.folder).seed_row is not None:
            return load(self.folder, verify=False, prepared=False).digest == self.stored_digest
        sha, file = begin_digest(self.info), self.folder / EVENTS
        for name in COLUMNS:
            feed_parts(sha, name, (self.n_rows,), (part[name].to_numpy() for part in read_parts(file, [name])))
        feed_array(sha, "rows", None)
        feed_array(sha, "seed_row", None)
        return sha.hexdigest() == self.stored_digest

    @cached_property
    def marks_packets(self) -> bool:
        """Whether any row says that a packet ends with it; where none does, rows of one exchange time are a packet."""
        if self.dataset is not None:
            parts: Iterator[pl.DataFrame] = iter([self.dataset.events])
        else:
            assert self.folder is not None
            parts = read_parts(self.folder / EVENTS, ["flags"])
        return any(bool((part["flags"].to_numpy() & Flag.LAST_IN_PACKET).any()) for part in parts)

    def blocks(self) -> Iterator[Block]:
        """All rows, in order; raises DataError where a stored file is damaged."""
        phase, offset = int(Phase.CONTINUOUS), 0
        for events, touch in self._tables():
            column = {name: events[name].to_numpy() for name in COLUMNS}
            phases = _phases(column["kind"], column["size"], phase)
            phase = int(phases[-1])
            ends = column["flags"] & Flag.LAST_IN_PACKET != 0
            if not self.marks_packets:
                ends = _last_of_each(column["ts_exchange"])
            yield Block(offset, events, touch, column, phases, ends)
            offset += len(events)

    def _tables(self) -> Iterator[tuple[pl.DataFrame, np.ndarray | None]]:
        if self.dataset is not None:
            for start in range(0, self.n_rows, self.block_rows):
                part = slice(start, start + self.block_rows)
                rows = self.dataset.rows
                yield self.dataset.events[part], None if rows is None else rows[part, :4]
            return
        assert self.folder is not None
        events = read_parts(self.folder / EVENTS, list(COLUMNS), rows=self.block_rows)
        if not self.has_rows:
            yield from ((part, None) for part in events)
            return
        books = read_parts(self.folder / ROWS, _TOUCH, rows=self.block_rows)
        yield from ((part, book.to_numpy()) for part, book in zip(events, books, strict=True))


def day_of(what: Dataset | str | os.PathLike[str], *, block_rows: int = BLOCK_ROWS) -> Day:
    """A day in memory, or a partition's folder in a store."""
    if isinstance(what, Dataset):
        return Day(what.info, len(what.events), block_rows, dataset=what, has_rows=what.rows is not None)
    folder = Path(what)
    stored = read_info(folder)
    return Day(
        stored.info,
        stored.n_events,
        block_rows,
        folder=folder,
        stored_digest=stored.digest,
        has_rows=stored.has_rows,
    )


def _phases(kind: np.ndarray, size: np.ndarray, before: int) -> np.ndarray:
    """The phase after each row."""
    told = np.where(kind == Kind.PHASE, np.arange(len(kind)), NONE)
    last = np.maximum.accumulate(told)
    return np.where(last == NONE, before, size[np.maximum(last, 0)]).astype(np.int64)


def _last_of_each(time: np.ndarray) -> np.ndarray:
    """Where a run of equal times ends: a table that marks no packets."""
    return np.concatenate([time[1:] != time[:-1], [True]])
