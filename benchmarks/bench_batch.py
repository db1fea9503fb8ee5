"""Many books in one call, and states kept aside.  No time counts unless the states are what they are alone.

The flow is the yardstick's mix with uniform cancels around 64 live orders, a stream of its own for each book; ids are dense.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.support import DENSE, many_streams
from lobsim.batch import Books
from lobsim.core.book import BookSize, new_book
from lobsim.core.layout import Book
from lobsim.core.world_hash import whole_book_hash
from lobsim.feeds.lobster import read_lobster
from lobsim.market import Market
from lobsim.snapshot import Snapshot, fork
from lobsim.types import REPORT

GOOG = "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
LIVE = 64
FILL = 200
"""Messages of each book that come before all that is timed."""
ROUNDS = 12
STREAMS = 1024
ROOM = BookSize(orders=128, window=256, far=32, ids=64, dense=DENSE, timers=8)


@pytest.fixture(scope="module")
def flows(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """MESSAGE [STREAMS, some]: enough for ROUNDS visits of 100 messages."""
    folder = tmp_path_factory.mktemp("flows")
    return many_streams(shared / "yardstick", folder, STREAMS, FILL + 100 * (ROUNDS + 1), LIVE)


@pytest.fixture(scope="module")
def long_flow(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """MESSAGE [1, some]: as many messages for one book as 1,024 get."""
    folder = tmp_path_factory.mktemp("flow")
    return many_streams(shared / "yardstick", folder, 1, FILL + 100 * STREAMS * (ROUNDS + 1), LIVE)


class Visits:
    """Books that are visited in turn; ``next`` is the next visit's messages."""

    def __init__(self, flows: np.ndarray, books: int, each: int) -> None:
        self.flows, self.each = flows[np.arange(books) % len(flows)], each
        self.books = Books([new_book(ROOM)] * books)
        self.books.run(*self._of(0, FILL), threads=1)
        self.at = FILL
        self.reports = np.zeros(3 * books * each + 1000, REPORT)

    def _of(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        messages = np.ascontiguousarray(self.flows[:, start:stop]).reshape(-1)
        return messages, np.arange(len(self.flows) + 1) * (stop - start)

    def next(self) -> tuple[np.ndarray, np.ndarray]:
        """(messages, offsets)"""
        start, self.at = self.at, self.at + self.each
        return self._of(start, self.at)

    def run(self, messages: np.ndarray, offsets: np.ndarray, threads: int = 1) -> None:
        """One call."""
        self.books.run(messages, offsets, threads, self.reports)

    def check(self) -> None:
        """Some of the books are what they are alone."""
        for index in {0, len(self.flows) // 2, len(self.flows) - 1}:
            alone = Books([new_book(ROOM)])
            alone.run(self.flows[index, : self.at].copy(), np.array([0, self.at]), 1)
            assert whole_book_hash(alone[0]) == whole_book_hash(self.books[index])


@pytest.mark.parametrize("each", [10, 100])
@pytest.mark.parametrize("books", [1, 64, 1024, 4096])
def test_visits(benchmark: Any, flows: np.ndarray, books: int, each: int) -> None:
    """So many books, so many messages each, by one thread; the call included."""
    visits = Visits(flows, books, each)
    benchmark.pedantic(visits.run, setup=lambda: (visits.next(), {}), rounds=ROUNDS, warmup_rounds=1)
    visits.check()
    benchmark.extra_info["ns_per_message"] = round(benchmark.stats.stats.min / (books * each) * 1e9, 2)
    benchmark.extra_info["bytes_per_book"] = sum(array.nbytes for array in visits.books[0])


def test_1024_books_over_one(benchmark: Any, flows: np.ndarray, long_flow: np.ndarray) -> None:
    """As many messages for one book as for 1,024, in turn, in thread CPU time; both make one call."""
    many, one = Visits(flows, STREAMS, 100), Visits(long_flow, 1, 100 * STREAMS)
    times: dict[str, list[int]] = {"many": [], "one": []}

    def turn() -> None:
        for name, visits in (("many", many), ("one", one)):
            messages, offsets = visits.next()
            start = time.thread_time_ns()
            visits.run(messages, offsets)
            times[name].append(time.thread_time_ns() - start)

    benchmark.pedantic(turn, rounds=ROUNDS, warmup_rounds=1)
    many.check()
    one.check()
    ratios = np.array(times["many"][1:]) / np.array(times["one"][1:])
    benchmark.extra_info["batch_1024_over_1"] = round(min(times["many"]) / min(times["one"]), 3)
    benchmark.extra_info["batch_1024_over_1_median"] = round(float(np.median(ratios)), 3)
    for name, measured in times.items():
        benchmark.extra_info[f"{name}_ns_per_message"] = round(min(measured) / (100 * STREAMS), 2)


def test_two_threads_over_one(benchmark: Any, flows: np.ndarray) -> None:
    """1,024 books by one thread and by two, in turn, in wall time."""
    visits = Visits(flows, STREAMS, 100)
    start = [Snapshot(book) for book in visits.books]
    times: dict[int, list[float]] = {1: [], 2: []}

    def turn() -> None:
        messages, offsets = visits.next()
        for threads in (1, 2):
            for index, snapshot in enumerate(start):
                visits.books.restore(index, snapshot)
            begun = time.perf_counter()
            visits.run(messages, offsets, threads)
            times[threads].append(time.perf_counter() - begun)
        start[:] = [Snapshot(book) for book in visits.books]

    benchmark.pedantic(turn, rounds=ROUNDS, warmup_rounds=1)
    visits.check()
    benchmark.extra_info["two_over_one"] = round(min(times[1]) / min(times[2]), 2)
    benchmark.extra_info["two_over_one_median"] = round(float(np.median(np.array(times[1]) / times[2])), 2)


@pytest.fixture(scope="module")
def book(flows: np.ndarray) -> Book:
    """A book of some 64 orders."""
    return Visits(flows, 1, 100).books[0]


@pytest.fixture(scope="module")
def market(shared: Path) -> Market:
    """The GOOG day of 10 levels, with keyframes."""
    market = Market(read_lobster(shared / "data" / "lobster" / GOOG))
    market.keyframes(count=50)
    return market


def test_snapshot_of_a_book(benchmark: Any, book: Book) -> None:
    """A book of 64 orders, kept aside."""
    benchmark.extra_info["bytes"] = benchmark(Snapshot, book).nbytes


def test_restore_of_a_book(benchmark: Any, book: Book) -> None:
    """Put back in place."""
    snapshot = Snapshot(book)
    assert benchmark(snapshot.restore, book) is book


def test_fork_of_a_book(benchmark: Any, book: Book) -> None:
    """64 copies in one piece of memory."""
    assert 64 == len(benchmark(fork, book, 64))


def test_snapshot_and_restore_of_a_world(benchmark: Any, market: Market) -> None:
    """The GOOG world at noon, kept aside and put back."""
    times = market.tape["ts_ns"]
    run = market.start_at(int(times[len(times) // 2]), participant=True)
    benchmark.extra_info["bytes"] = Snapshot(run.world).nbytes
    benchmark(lambda: Snapshot(run.world).restore(run.world))


def test_start_in_the_middle_of_the_day(benchmark: Any, market: Market) -> None:
    """From one of 50 keyframes, against a replay from the open (noted)."""
    times = market.tape["ts_ns"]
    late_ns = int(times[-2])
    begun = time.perf_counter()
    market.start(participant=True).advance(late_ns)
    benchmark.extra_info["from_the_open_s"] = round(time.perf_counter() - begun, 4)
    benchmark(market.start_at, late_ns, participant=True)
