"""Driving the compiled book without the shell around it: the one place that calls ``run_messages`` for measurements.

Two ways to replay a stream.  In blocks, the report buffer is used again for each block of messages, as a consumer that handles
reports while they are warm would; whole, every report of the stream is kept, as ``lobsim.Book.run`` does.  Only the compiled calls are timed
(thread CPU time), never what checks their answers.
"""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time_ns

import numpy as np

from lobsim.bench.clock import monotonic_ns
from lobsim.core.book import BookSize, new_book
from lobsim.core.exchange import run_messages
from lobsim.core.jit import kernel
from lobsim.core.layout import Book
from lobsim.errors import LobsimError
from lobsim.types import MAX_SIZE_LOTS, REPORT, TERMS, Status, Verb

BLOCK_MESSAGES = 8192
"""Reports of one block, about half a megabyte, stay in the second level of cache; the call from Python costs 0.3 ns per message."""
BLOCK = 64
"""Like messages between two readings of the clock."""
NO_TERMS = np.zeros(1, TERMS)
NO_KIND = -1
"""Time empty blocks: what the readings and the call cost."""
_WINDOWS = (2**12, 2**18)
_SPARE = 4096
"""Room to spare of every kind: the core asks for room once for as many messages as certainly fit."""


def _power_of_two(least: int) -> int:
    return 1 << max(least - 1, 1).bit_length()


def size_for(messages: np.ndarray, live: int, *, dense: bool = True) -> BookSize:
    """Capacities with room for a stream, so that no growing is timed.

    messages  MESSAGE [any]
    live      how many orders rest at most
    dense     ids index a table; else they are hashed
    """
    prices = messages["price_ticks"][messages["verb"] != Verb.CANCEL]
    spread = int(prices.max()) - int(prices.min()) + 1
    # A window that is not moved at the first order begins at 0: it must reach to the highest price.
    window = min(max(_power_of_two(max(2 * spread, int(prices.max()) + 1)), _WINDOWS[0]), _WINDOWS[1])
    ids = _SPARE if dense else _power_of_two(2 * live + _SPARE)
    table = int(messages["order_id"].max()) + 1 if dense else 1
    return BookSize(orders=2 * live + _SPARE, window=window, far=_SPARE, ids=ids, dense=table, timers=_SPARE)


def fresh_book(messages: np.ndarray, live: int, *, dense: bool = True) -> Book:
    """An empty book with room for a stream (arguments of `size_for`)."""
    return new_book(size_for(messages, live, dense=dense))


def report_buffer(messages: int, live: int) -> np.ndarray:
    """REPORT [any] with room for the answers to so many messages: one each, its trades, and the reserve the core asks for."""
    return np.empty(3 * messages + live + 1024, REPORT)


def apply_messages(book: Book, messages: np.ndarray, start: int, stop: int, reports: np.ndarray, n: int = 0) -> int:
    """Apply messages[start:stop] after n reports; returns how many reports there are now.

    Raises LobsimError if room runs out: growing would be timed.
    """
    status, _, count = run_messages(book, messages, NO_TERMS, start, stop, MAX_SIZE_LOTS, reports, n)
    if status != Status.OK:
        raise LobsimError(f"the book of a measurement is too small: {Status(status).name}", hint="please report this")
    return count


def replay_in_blocks(
    book: Book, messages: np.ndarray, start: int, stop: int, reports: np.ndarray, check: Callable[[np.ndarray], None]
) -> int:
    """Apply messages[start:stop] block by block and hand each block's reports to check.

    Returns the thread CPU time of the compiled calls alone, ns.
    """
    spent_ns = 0
    for begin in range(start, stop, BLOCK_MESSAGES):
        end = min(begin + BLOCK_MESSAGES, stop)
        before = thread_time_ns()
        count = apply_messages(book, messages, begin, end, reports)
        spent_ns += thread_time_ns() - before
        check(reports[:count])
    return spent_ns


def replay_whole(book: Book, messages: np.ndarray, start: int, stop: int, reports: np.ndarray) -> tuple[int, int]:
    """Apply messages[start:stop] in one call that keeps every report; returns (thread CPU time in ns, number of reports)."""
    before = thread_time_ns()
    count = apply_messages(book, messages, start, stop, reports)
    return thread_time_ns() - before, count


@kernel
def time_blocks(book, messages, terms, prepare, kind, reports, spent_ns):
    """Time blocks of 64 messages, each after its untimed ones, and count the answers.

    messages  MESSAGE [blocks * (prepare + 64)]
    terms     TERMS [any], row 0 means nothing
    prepare   messages before each block that are not timed
    kind      ReportKind that each message of a block must be answered with once, or NO_KIND: the blocks are empty
    reports   REPORT [any], used again for each block
    spent_ns  int64 [blocks], written: wall time of each block

    Returns (status, how many reports of that kind there were).
    """
    now = np.zeros(2, np.int64)
    found = 0
    length = 0 if kind == NO_KIND else BLOCK
    start = 0
    for block in range(len(spent_ns)):
        middle = start + prepare
        status, _, n = run_messages(book, messages, terms, start, middle, MAX_SIZE_LOTS, reports, 0)
        if status != Status.OK:
            return status, found
        before = monotonic_ns(now)
        status, _, n = run_messages(book, messages, terms, middle, middle + length, MAX_SIZE_LOTS, reports, 0)
        spent_ns[block] = monotonic_ns(now) - before
        if status != Status.OK:
            return status, found
        for i in range(n):
            found += reports[i]["kind"] == kind
        start = middle + length
    return Status.OK, found
