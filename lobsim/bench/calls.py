"""Latency of single calls from a Python loop, open loop: messages are due on a fixed schedule, and latency counts from the moment one is due.

So a slow call also delays the calls behind it, as it would delay messages that really arrive (no coordinated omission).  Two ways in:
``kernel``, the compiled function on one message, and ``book``, ``lobsim.Book`` in natural units with its reports as objects.  Between two messages the
loop spins on the clock, so the caches stay as warm as a dedicated thread's.  The garbage collector is on, as it would be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import numpy as np

from lobsim.bench.answers import FillLog, WrongAnswer, compare
from lobsim.bench.drive import apply_messages, fresh_book, report_buffer
from lobsim.bench.percentiles import Distribution
from lobsim.bench.streams import Stream, make_stream
from lobsim.book_shell import Book
from lobsim.types import Side, Verb

RESTING = 1000
KERNEL_INTERVAL_NS = 20_000
BOOK_INTERVAL_NS = 100_000
_SETTLING = 200
"""Calls before the schedule begins, so that nothing is loaded or grown for the first time in it."""
_SIDES = tuple(side.name.lower() for side in Side)


@dataclass(frozen=True)
class CallTimes:
    """What an open loop found.

    latency  from the moment a message was due to its answer, ns
    service  the call alone, ns
    """

    interval_ns: int
    latency: Distribution
    service: Distribution

    def summary(self) -> dict[str, Any]:
        """Percentiles in ns, and the share of the time that the calls took."""
        return {
            "interval_ns": self.interval_ns,
            "busy_share": round(self.service.mean / self.interval_ns, 4),
            "latency_ns": self.latency.summary(),
            "service_ns": self.service.summary(),
        }


def open_loop(call: Callable[[int], None], first: int, count: int, interval_ns: int) -> CallTimes:
    """Call(i) for i in [first, first + count), each due an interval after the one before."""
    latency, service = [0] * count, [0] * count
    due = perf_counter_ns() + interval_ns
    for i in range(count):
        begin = perf_counter_ns()
        while begin < due:
            begin = perf_counter_ns()
        call(first + i)
        end = perf_counter_ns()
        latency[i] = end - due
        service[i] = end - begin
        due += interval_ns
    return CallTimes(interval_ns, Distribution.of(np.array(latency)), Distribution.of(np.array(service)))


def measure_kernel_calls(count: int, interval_ns: int = KERNEL_INTERVAL_NS) -> CallTimes:
    """One compiled call per message; raises WrongAnswer."""
    stream = make_stream(RESTING, _SETTLING + count, seed=7)
    book = fresh_book(stream.messages, stream.live)
    reports = report_buffer(len(stream.messages), stream.live)
    written = apply_messages(book, stream.messages, 0, stream.warm, reports)

    def call(i: int) -> None:
        nonlocal written
        written = apply_messages(book, stream.messages, i, i + 1, reports, written)

    first = stream.warm + _SETTLING
    for i in range(stream.warm, first):
        call(i)
    times = open_loop(call, first, count, interval_ns)
    log = FillLog()
    log(reports[:written])
    compare(stream.answers, log.answers(book), "single calls")
    return times


def measure_book_calls(count: int, interval_ns: int = BOOK_INTERVAL_NS) -> CallTimes:
    """One ``Book.limit`` or ``Book.cancel`` per message, prices and sizes as integers; raises WrongAnswer."""
    stream = make_stream(RESTING, _SETTLING + count, seed=7)
    book = Book(tick_size="1")
    book.run(stream.messages[: stream.warm])
    plain = _plain(stream)
    filled = []

    def call(i: int) -> None:
        verb, side, price, size, order_id = plain[i]
        if verb == Verb.NEW:
            filled.extend(book.limit(order_id, side, price, size).trades)
        else:
            book.cancel(order_id)

    first = stream.warm + _SETTLING
    for i in range(stream.warm, first):
        call(i)
    times = open_loop(call, first, count, interval_ns)
    found = (len(filled), int(sum(trade.size for trade in filled)), book.orders)
    must = (stream.answers.fills, stream.answers.quantity_lots, stream.answers.live)
    if found != must:
        raise WrongAnswer(f"fills, quantity and orders are {found}, they must be {must}", where="calls of Book")
    return times


def _plain(stream: Stream) -> list[tuple[int, str, int, int, int]]:
    """The messages as Python values, made before the clock runs."""
    rows = stream.messages[["verb", "side", "price_ticks", "size_lots", "order_id"]].tolist()
    return [(verb, _SIDES[side], price, size, order_id) for verb, side, price, size, order_id in rows]
