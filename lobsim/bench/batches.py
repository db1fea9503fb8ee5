"""Many small books in one call: cost per message over the number of books, messages per visit and size of the books; threads.

A visit is one call of ``lobsim.batch.Books.run`` in which every book gets the next messages of its own stream.  Books share `STREAMS` different streams,
each book with its own copy of the messages and of the state.  All books' totals, touches and numbers of orders are held against what the streams
must lead to, and the first book's fills in order.

The cost of one book is that of the same messages in bulk, without Python in between: `batch_1024_over_1` compares with that, not with a visit
of one book, which would be mostly the call.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import mean
from time import perf_counter_ns, thread_time_ns
from typing import Any, NamedTuple

import numpy as np

from lobsim.batch import Books
from lobsim.bench.answers import FillLog, WrongAnswer, compare
from lobsim.bench.rounds import in_turns
from lobsim.bench.streams import Stream, make_stream
from lobsim.core.book import BookSize, new_book
from lobsim.types import NEVER, REPORT, ReportKind

STREAMS = 16
BOOKS = (1, 64, 1024, 4096)
PER_VISIT = (1, 10, 100, 1000)
LIVE = 64
WINDOW = 1024
_MOST_VISITS = 2000
_BUSY_S = 60
_BUSY_VISITS = 10


class Setup(NamedTuple):
    """One case: how many books, how many orders rest in each, how many messages each gets per visit, how many visits."""

    books: int
    live: int
    per_visit: int
    visits: int


def setup_for(books: int, live: int, per_visit: int, messages: int) -> Setup:
    """A case of at least one visit and about so many messages in all."""
    return Setup(books, live, per_visit, min(max(1, messages // (books * per_visit)), _MOST_VISITS))


def book_room(live: int, messages: int, window: int = WINDOW) -> BookSize:
    """Capacities of a book that is to be small, with direct ids for a stream of so many messages."""
    return BookSize(orders=3 * live + 64, window=window, far=64, ids=64, dense=live + messages + 2, timers=2)


class BatchRun:
    """Books filled and ready, and their visits to come."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        timed = setup.per_visit * setup.visits
        seeds = range(min(STREAMS, setup.books))
        self.streams: list[Stream] = [make_stream(setup.live, timed, 1000 + seed) for seed in seeds]
        room = book_room(setup.live, timed)
        self.books = Books([new_book(room) for _ in range(setup.books)])
        self._source = np.stack([stream.messages for stream in self.streams])
        self._which = np.arange(setup.books) % len(self.streams)
        largest = setup.books * max(setup.per_visit, setup.live)
        self._reports = np.empty(2 * largest + 4 * setup.books * setup.live + 4096, REPORT)
        self._reports["kind"] = 0  # touched before, so that no page fault is timed
        self._first = FillLog()
        self._totals = np.zeros(3, np.int64)
        self._visit(0, setup.live, 1, thread_time_ns)

    def _visit(self, start: int, length: int, threads: int, clock: Any) -> int:
        """Every book gets its messages[start:start + length]; returns the time of the call, ns."""
        messages = self._source[self._which, start : start + length].reshape(-1)
        offsets = np.arange(self.setup.books + 1, dtype=np.int64) * length
        before = clock()
        answer = self.books.run(messages, offsets, threads, self._reports)
        spent_ns = clock() - before
        self._first(answer.of(0))
        trades = answer.reports[: answer.ends.max()]
        trades = trades[trades["kind"] == ReportKind.TRADE] if threads == 1 else self._gathered(answer)
        notional = int((trades["size_lots"] * trades["price_ticks"]).sum())
        self._totals += (len(trades), int(trades["size_lots"].sum()), notional)
        return spent_ns

    @staticmethod
    def _gathered(answer: Any) -> np.ndarray:
        """The trades of all books where slices of the report array lie apart."""
        spans = zip(answer.begins, answer.ends, strict=True)
        reports = np.concatenate([answer.reports[begin:end] for begin, end in spans])
        return reports[reports["kind"] == ReportKind.TRADE]

    def time(self, threads: int = 1, clock: Any = thread_time_ns) -> float:
        """All visits, once; ns per message.  Raises WrongAnswer."""
        setup = self.setup
        spent_ns = 0
        for visit in range(setup.visits):
            spent_ns += self._visit(setup.live + visit * setup.per_visit, setup.per_visit, threads, clock)
        self._check()
        return spent_ns / (setup.books * setup.per_visit * setup.visits)

    def _check(self) -> None:
        where = f"{self.setup.books} books, {self.setup.per_visit} messages per visit"
        compare(self.streams[0].answers, self._first.answers(self.books[0]), f"{where}, the first book")
        answers = [self.streams[which].answers for which in self._which]
        must = np.array([[each.fills, each.quantity_lots, each.notional] for each in answers]).sum(axis=0)
        if np.any(self._totals != must):
            raise WrongAnswer(f"fills, quantity and notional are {self._totals}, they must be {must}", where=where)
        for number, (book, answer) in enumerate(zip(self.books, answers, strict=True)):
            bid, ask = (int(key) for key in book.sides["best_key"])
            found = (-bid if bid != NEVER else None, ask if ask != NEVER else None, int(book.sides["orders"].sum()))
            if found != (answer.bid_ticks, answer.ask_ticks, answer.live):
                raise WrongAnswer(f"book {number} ends with the touch and orders {found}", where=where)


def _time_case(setup: Setup) -> float:
    return BatchRun(setup).time()


def measure_batches(books: tuple[int, ...], per_visit: tuple[int, ...], messages: int, rounds: int) -> dict[str, Any]:
    """Nanoseconds per message at every pair, in turns, and 1,024 books at 100 a visit over one book in bulk."""
    runs = {f"{b}x{m}": partial(_time_case, setup_for(b, LIVE, m, messages)) for b in books for m in per_visit}
    bulk = setup_for(1, LIVE, messages, messages)
    times = in_turns({"one book in bulk": partial(_time_case, bulk)} | runs, rounds)
    alone = min(times["one book in bulk"])
    grid = {str(b): {str(m): round(min(times[f"{b}x{m}"]), 2) for m in per_visit} for b in books}
    ratio = min(times["1024x100"]) / alone if "1024x100" in times else None
    return {
        "live_orders": LIVE,
        "one_book_in_bulk_ns": round(alone, 2),
        "ns_by_books_and_messages_per_visit": grid,
        "ratio_1024_books_100_per_visit": None if ratio is None else round(ratio, 4),
    }


def measure_book_sizes(
    lives: tuple[int, ...], per_visit: tuple[int, ...], messages: int, rounds: int
) -> dict[str, Any]:
    """Nanoseconds per message of 1,024 books by resting orders per book and messages per visit."""
    runs = {f"{n}x{m}": partial(_time_case, setup_for(1024, n, m, messages)) for n in lives for m in per_visit}
    times = in_turns(runs, rounds)
    return {
        "books": 1024,
        "ns_by_resting_and_messages_per_visit": {
            str(n): {str(m): round(min(times[f"{n}x{m}"]), 2) for m in per_visit} for n in lives
        },
    }


@contextmanager
def busy_machine(processes: int) -> Iterator[None]:
    """While this lasts so many processes do nothing but compute; they end by themselves after a minute at most."""
    code = f"import time\nend = time.monotonic() + {_BUSY_S}\nwhile time.monotonic() < end: pass"
    spinning = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def measure_cores(per_visit: int, visits: int, rounds: int) -> dict[str, Any]:
    """Wall time of one thread over that of two on 1,024 books, on the machine as it is and with every core busy otherwise.

    As it is: minima.  Busy: sums over longer runs, for a short one may by luck meet an idle moment.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def wall(threads: int, setup: Setup) -> float:
        return BatchRun(setup).time(threads, perf_counter_ns)

    def both(setup: Setup, reduce: Callable[[list[float]], float]) -> dict[str, float]:
        times = in_turns({"one": partial(wall, 1, setup), "two": partial(wall, 2, setup)}, rounds)
        return {name: round(reduce(each), 2) for name, each in times.items()}

    setup = Setup(1024, LIVE, per_visit, visits)
    free = both(setup, min)
    with busy_machine(cores):
        busy = both(setup._replace(visits=_BUSY_VISITS * visits), mean)
    return {
        "cores": cores,
        "wall_ns_per_message": free,
        "two_over_one": round(free["one"] / free["two"], 3),
        "busy_wall_ns_per_message": busy,
        "busy_two_over_one": round(busy["one"] / busy["two"], 3),
    }
