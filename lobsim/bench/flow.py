"""Throughput in bulk on the streams of lobsim.bench.streams: flatness over the size of the book, arbitrary ids against dense ones.

Every round replays a stream into a fresh book, the filling untimed, and checks every answer (lobsim.bench.answers).
"""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import Any

from lobsim.bench.answers import FillLog, compare
from lobsim.bench.drive import BLOCK_MESSAGES, apply_messages, fresh_book, replay_in_blocks, replay_whole, report_buffer
from lobsim.bench.rounds import compare_times, in_turns
from lobsim.bench.streams import Stream, make_stream


def time_blocks_of(stream: Stream, *, dense: bool = True, where: str = "stream") -> float:
    """Thread CPU time per timed message, ns, reports read block by block; raises WrongAnswer."""
    book = fresh_book(stream.messages, stream.live, dense=dense)
    log = FillLog(dense=dense)
    reports = report_buffer(BLOCK_MESSAGES, stream.live)
    reports[: 2 * BLOCK_MESSAGES]["kind"] = 0  # touched before, so that no page fault is timed
    replay_in_blocks(book, stream.messages, 0, stream.warm, reports, log)
    spent_ns = replay_in_blocks(book, stream.messages, stream.warm, len(stream.messages), reports, log)
    compare(stream.answers, log.answers(book), where)
    return spent_ns / (len(stream.messages) - stream.warm)


def time_whole(stream: Stream, *, where: str = "stream") -> float:
    """The same with every report kept in one array, which is made and touched before: what ``Book.run`` does."""
    timed = len(stream.messages) - stream.warm
    book = fresh_book(stream.messages, stream.live)
    log = FillLog()
    reports = report_buffer(max(timed, stream.warm), stream.live)
    reports["kind"] = 0
    log(reports[: apply_messages(book, stream.messages, 0, stream.warm, reports)])
    spent_ns, count = replay_whole(book, stream.messages, stream.warm, len(stream.messages), reports)
    log(reports[:count])
    compare(stream.answers, log.answers(book), where)
    return spent_ns / timed


def measure_flatness(sizes: tuple[int, ...], timed: int, rounds: int) -> dict[str, Any]:
    """Nanoseconds per message of the mix at each number of resting orders, all sizes in turns.

    Returns {"ns_per_message": {size: {min, median}}, "ratio": 10^6 over 10^3 or None, ...}.
    """
    streams = {str(size): make_stream(size, timed, seed=size) for size in sizes}
    runs = {name: partial(time_blocks_of, stream, where=f"mix at {name} orders") for name, stream in streams.items()}
    times = in_turns(runs, rounds)
    figures: dict[str, Any] = {
        "ns_per_message": {
            name: {"min": round(min(each), 2), "median": round(median(each), 2)} for name, each in times.items()
        }
    }
    if {"1000", "1000000"} <= set(times):
        figures |= compare_times(times["1000000"], times["1000"])
    return figures


def measure_ids(resting: tuple[int, ...], timed: int, rounds: int) -> dict[str, Any]:
    """Arbitrary 64-bit ids against dense ones on the same mix: {size: {dense_ns, arbitrary_ns, ratio, ...}}."""
    figures: dict[str, Any] = {}
    for size in resting:
        stream = make_stream(size, timed, seed=size + 1)
        mixed = stream.with_arbitrary_ids()
        times = in_turns(
            {
                "dense": partial(time_blocks_of, stream, where=f"dense ids, {size} orders"),
                "arbitrary": partial(time_blocks_of, mixed, dense=False, where=f"arbitrary ids, {size} orders"),
            },
            rounds,
        )
        figures[str(size)] = {
            "dense_ns": round(min(times["dense"]), 2),
            "arbitrary_ns": round(min(times["arbitrary"]), 2),
            **compare_times(times["arbitrary"], times["dense"]),
        }
    return figures
