"""Many worlds, or many books, moved on in one call and over several threads.

Each state of a batch is exactly what it would be alone: the same kernels run over it, and no two of them share anything that is written.  So the answer is
the same, to the byte, for any number of threads.  Where one of them lacks room, that one is given room and goes on at the same event; the others do not notice.

Memory: `Worlds` and `Books` hold the arrays of all their states in one piece, one state after the other (lobsim.core.batch.arena_like); a state that has
grown has memory of its own from then on.

Known limit: what is in a batch belongs to it; read a state between two calls through ``batch[i]``, and put another in its place with ``batch[i] = state``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from lobsim.core.agents.state import Scene
from lobsim.core.batch import advance_slice, arena_like, run_slice
from lobsim.core.book import BookSize, new_book
from lobsim.core.jit import new_block, store
from lobsim.core.layout import Book
from lobsim.core.state import World
from lobsim.core.world import roomier_book, roomier_world, scratch
from lobsim.crew import Crew, Errand, slices, thread_count
from lobsim.errors import ConfigError, OrderError
from lobsim.message_arrays import checked_messages, checked_terms
from lobsim.snapshot import Snapshot
from lobsim.types import MAX_SIZE_LOTS, REPORT, Status

_CHUNK_EVENTS = 100_000
"""Events per kernel call: some tens of milliseconds, so Ctrl-C is heard within one."""
_CHUNK_MESSAGES = 500_000
_ALONE_EVENTS = 4_000
"""What one thread does in half a millisecond: less is not shared out."""
_ALONE_MESSAGES = 20_000

State = TypeVar("State", Book, World, Scene)


class Batch(Generic[State]):
    """States in one piece of memory, and the block that tells kernels where each is."""

    def __init__(self, states: Iterable[State]) -> None:
        given = list(states)
        if not given:
            raise ConfigError("a batch needs at least one state")
        self._states: list[State] = [
            Snapshot(state).restore(place) for state, place in zip(given, arena_like(given), strict=True)
        ]
        self._block = new_block(self._states)
        self._torn: set[int] = set()
        self._crew = Crew()

    def __len__(self) -> int:
        return len(self._states)

    def __iter__(self) -> Iterator[State]:
        return iter(self._states)

    def __getitem__(self, index: int) -> State:
        return self._states[index]

    def __setitem__(self, index: int, state: State) -> None:
        """Another state takes the place."""
        index = range(len(self))[index]
        # Ctrl-C between these lines would leave the block with arrays that are gone: _whole mends that.
        self._torn.add(index)
        self._states[index] = state
        store(self._block, index, state)
        self._torn.discard(index)

    def restore(self, index: int, snapshot: Snapshot[State]) -> None:
        """Put a snapshot back in the place of one state, in its memory if it has room."""
        state = snapshot.restore(self._states[index])
        if state is not self._states[index]:
            self[index] = state

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {len(self)} of them>"

    def _whole(self) -> Any:
        """The block, sound whatever happened before."""
        for index in tuple(self._torn):
            self[index] = self._states[index]
        return self._block


class Worlds(Batch[World]):
    """Many worlds (``MarketRun.world``), copied in; they may have different capacities, tapes and settings.

    ``statuses`` int64 [worlds]: how each stood after the last call, a Status; CHUNK if it has not arrived because the call was interrupted
    """

    def __init__(self, states: Iterable[World]) -> None:
        super().__init__(states)
        self.statuses = np.full(len(self), int(Status.DONE))

    def advance(
        self, until_ns: int | np.ndarray, threads: int | None = None, which: np.ndarray | None = None
    ) -> np.ndarray:
        """Run every world to its next decision (WAKE) or to its time (DONE), as MarketRun.advance does with one.

        until_ns  one time for all, or int64 [worlds]
        threads   how many; None: as many as this process may use
        which     bool [worlds]: the others stand still; None: all move

        Returns ``statuses``.  After Ctrl-C ``which=batch.statuses == Status.CHUNK`` finishes the call.
        """
        until = np.ascontiguousarray(np.broadcast_to(np.asarray(until_ns, np.int64), len(self)))
        block, statuses = self._whole(), self.statuses
        statuses[slice(None) if which is None else which] = Status.CHUNK

        def work(errand: Errand, part: int) -> None:
            start, stop = errand.parts[part]
            messages, spare = scratch()
            while start < stop and not errand.stopped:
                start, status, left = advance_slice(
                    block, self._states[0], start, stop, until, _CHUNK_EVENTS, statuses, messages, spare
                )
                errand.done += _CHUNK_EVENTS - left
                if start < stop and status != Status.CHUNK:
                    self[start] = roomier_world(self._states[start], Status(status))

        count = thread_count(threads)
        self._crew.run(slices(len(self), count), work, _ALONE_EVENTS, count)
        return statuses


class BatchReports(NamedTuple):
    """What the books of a batch answered.

    reports  REPORT [any]; ``sequence`` is the index of the message
    begins   int64 [books]
    ends     int64 [books]: reports[begins[i]:ends[i]] are those of book i
    """

    reports: np.ndarray
    begins: np.ndarray
    ends: np.ndarray

    def of(self, book: int) -> np.ndarray:
        """The answers of one book, in order."""
        return self.reports[self.begins[book] : self.ends[book]]


ROOM = BookSize(orders=256, window=256, far=32, ids=512)
"""To begin with, for each book of `Books.empty`: small, so that many books fit the caches."""


class Books(Batch[Book]):
    """Many books (``lobsim.Book.arrays``), copied in.

    Known limit: the table of direct ids stays as long as it was made (BookSize.dense); larger ids are hashed.
    """

    @classmethod
    def empty(cls, count: int, room: BookSize = ROOM, rules: np.ndarray | None = None) -> Books:
        """So many empty books.

        room   capacities of each to begin with; a book grows by itself
        rules  RULES [1] of all, None for venues that ask for nothing

        Raises ConfigError for a count below 1.
        """
        return cls([new_book(room, rules)] * count)

    def run(
        self,
        messages: np.ndarray,
        offsets: np.ndarray,
        threads: int | None = None,
        reports: np.ndarray | None = None,
        terms: np.ndarray | None = None,
    ) -> BatchReports:
        """Apply to each book its own messages.

        messages  MESSAGE [any]; prices in ticks, sizes in lots
        offsets   int64 [books + 1]: messages[offsets[i]:offsets[i + 1]] are those of book i
        threads   how many; None: as many as this process may use
        reports   REPORT [any] to write into, if it is to be used again; more room is made where it does not do
        terms     TERMS [any], the table that messages[...]["terms"] names rows of; row 0 means nothing

        Raises OrderError for arrays of another kind.  Ctrl-C is heard between two messages: every book stays sound and holds what was applied.
        """
        messages, table = checked_messages(messages), checked_terms(terms)
        _check_offsets(messages, offsets, len(self))
        count = thread_count(threads)
        parts = slices(len(self), count)
        run = _BooksRun(self, messages, table, np.ascontiguousarray(offsets, np.int64), parts, reports)
        self._crew.run(parts, run.work, _ALONE_MESSAGES, count)
        return run.reports()


class _BooksRun:
    """One call of `Books.run`: each slice writes its reports into a region of its own."""

    def __init__(
        self,
        books: Books,
        messages: np.ndarray,
        table: np.ndarray,
        offsets: np.ndarray,
        parts: list[tuple[int, int]],
        reports: np.ndarray | None,
    ) -> None:
        self._books, self._messages, self._table, self._offsets = books, messages, table, offsets
        self._block = books._whole()
        self._done = offsets[:-1].copy()
        self._begins, self._ends = np.full(len(books), -1), np.zeros(len(books), np.int64)
        if reports is None:
            reports = np.empty(len(messages) + len(messages) // 2 + 256 * len(parts), REPORT)
        self._all = reports
        share = len(reports) / max(1, int(offsets[-1] - offsets[0]))
        self._starts = [int((offsets[start] - offsets[0]) * share) for start, _ in parts]
        edges = [*self._starts, len(reports)]
        self._regions = [reports[edges[part] : edges[part + 1]] for part in range(len(parts))]
        self._written = [0] * len(parts)
        self._moved = False
        self._parts = parts

    def work(self, errand: Errand, part: int) -> None:
        """Run the books of one slice."""
        start, stop = errand.parts[part]
        out, n, books = self._regions[part], 0, self._books
        while start < stop and not errand.stopped:
            start, status, n, left = run_slice(
                self._block,
                books[0],
                start,
                stop,
                self._messages,
                self._table,
                self._offsets,
                self._done,
                MAX_SIZE_LOTS,
                _CHUNK_MESSAGES,
                out,
                n,
                self._begins,
                self._ends,
            )
            errand.done += _CHUNK_MESSAGES - left
            if start == stop:
                break
            if status == Status.ROOM_REPORTS:
                out = self._regions[part] = np.concatenate([out[:n], np.empty(len(out) + 64, REPORT)])
                self._moved = True
            elif status != Status.CHUNK:
                books[start] = roomier_book(books[start], Status(status))
        self._written[part] = n

    def reports(self) -> BatchReports:
        """Everything in one array: the one that was given, or a new one where a slice had too little room in it."""
        all_reports, starts = self._all, self._starts
        if self._moved:
            used = [region[:n] for region, n in zip(self._regions, self._written, strict=True)]
            all_reports = np.concatenate(used)
            starts = np.cumsum([0, *self._written])[:-1]
        for (start, stop), first in zip(self._parts, starts, strict=True):
            self._begins[start:stop] += first
            self._ends[start:stop] += first
        return BatchReports(all_reports, self._begins, self._ends)


def _check_offsets(messages: np.ndarray, offsets: np.ndarray, books: int) -> None:
    edges = np.asarray(offsets)
    if edges.shape != (books + 1,) or edges.dtype.kind not in "iu":
        raise OrderError(f"offsets are whole numbers, one for each of the {books} books and one more")
    if edges[0] < 0 or edges[-1] > len(messages) or np.any(edges[1:] < edges[:-1]):
        raise OrderError(f"offsets rise from 0 or more to at most {len(messages)}, the number of messages")
