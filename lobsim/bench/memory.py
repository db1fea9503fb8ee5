"""Bytes per book, and how long a snapshot, a restore and a fork take."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Any

import numpy as np

from lobsim.bench.answers import WrongAnswer
from lobsim.bench.batches import LIVE, WINDOW, book_room
from lobsim.bench.drive import apply_messages, report_buffer
from lobsim.bench.percentiles import Distribution
from lobsim.bench.streams import Stream, make_stream
from lobsim.core.book import new_book
from lobsim.core.book_hash import state_hash
from lobsim.core.layout import Book
from lobsim.snapshot import Snapshot

_TIMED = 1000


def book_bytes(book: Book) -> int:
    """Bytes of all arrays of a book."""
    return sum(array.nbytes for array in book)


def _small_book(stream: Stream, resting: int) -> Book:
    """An empty book no larger than such a stream needs, its window twice as wide as the prices."""
    prices = stream.messages["price_ticks"]
    spread = int(prices.max()) - int(prices.min()) + 1
    window = max(WINDOW, 1 << (2 * spread - 1).bit_length())
    return new_book(book_room(resting, _TIMED, window))


def measure_bytes(sizes: tuple[int, ...]) -> dict[str, Any]:
    """Bytes of a book with room for so many orders: {resting: {bytes, per_order}}; the smallest as in the batches."""
    figures = {}
    for resting in (LIVE, *sizes):
        total = book_bytes(_small_book(make_stream(resting, _TIMED, seed=resting), resting))
        figures[str(resting)] = {"bytes": total, "per_order": round(total / resting, 1)}
    return figures


def measure_snapshots(sizes: tuple[int, ...], repeats: int) -> dict[str, Any]:
    """Microseconds (median, wall) to take a snapshot of a book and to put it back, and its bytes: {resting: {...}}.

    Raises WrongAnswer if a book put back is not the one the snapshot was taken of.
    """
    figures = {}
    for resting in (LIVE, *sizes):
        stream = make_stream(resting, _TIMED, seed=resting)
        book = _small_book(stream, resting)
        apply_messages(book, stream.messages, 0, stream.warm, report_buffer(stream.warm, stream.live))
        before = state_hash(book)
        taking, putting = [], []
        snapshot = Snapshot(book)
        for _ in range(repeats):
            start = perf_counter_ns()
            snapshot = Snapshot(book)
            middle = perf_counter_ns()
            book = snapshot.restore(book)
            putting.append(perf_counter_ns() - middle)
            taking.append(middle - start)
        if state_hash(book) != before:
            raise WrongAnswer("a book put back from its snapshot is another", where=f"snapshot at {resting} orders")
        taken, put = Distribution.of(np.array(taking), 1000), Distribution.of(np.array(putting), 1000)
        figures[str(resting)] = {
            "snapshot_us": round(taken.at(50), 2),
            "restore_us": round(put.at(50), 2),
            "bytes": snapshot.nbytes,
        }
    return figures
