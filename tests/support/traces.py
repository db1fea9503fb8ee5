"""Simulated markets event by event: the book after each, as it stands and as the recording replays it."""

from __future__ import annotations

from lobsim.core.agents.loop import advance_scene
from lobsim.core.agents.making import roomier_scene
from lobsim.core.agents.venue import serial_of
from lobsim.core.layout import Book
from lobsim.core.levels import first_level, fold, next_level
from lobsim.core.world import scratch
from lobsim.feeds.schema import Dataset
from lobsim.market import Market
from lobsim.simulation import SimulationRun
from lobsim.types import Status

Queues = dict[tuple[int, int], list[tuple[int, int]]]
"""(side, price) -> (number in the log, lots) of each order, first to last"""


def queues_of(book: Book, run: SimulationRun | None = None) -> Queues:
    """A book as its orders, named as the log of a run names them; without a run by their ids."""
    found: Queues = {}
    for side in (0, 1):
        level = int(first_level(book, side))
        while level:
            price = int(book.nodes[level]["key"])
            slot, queue = int(book.nodes[level]["next"]), []
            while slot != level:
                key, size = int(book.nodes[slot]["key"]), int(book.nodes[slot]["size"])
                if size:
                    queue.append((key if run is None else int(serial_of(run.scene.crowd, key)), size))
                slot = int(book.nodes[slot]["next"])
            if queue:
                found[side, price] = queue
            level = int(next_level(book, side, fold(side, price)))
    return found


def run_traced(run: SimulationRun, until_ns: int, trace: list[tuple[int, Queues]]) -> Status:
    """Go on to the next decision or until_ns.  changes: trace, (rows of the log, book) after each event that wrote some"""
    messages, spare = scratch()
    while True:
        before = int(run.scene.crowd.head[0]["logged"])
        status = Status(advance_scene(run.scene, until_ns, 1, messages, spare)[0])
        if status not in (Status.WAKE, Status.DONE, Status.CHUNK):
            run.scene = roomier_scene(run.scene, status)
        rows = int(run.scene.crowd.head[0]["logged"])
        if rows > before:
            trace.append((rows, queues_of(run.world.book, run)))
        if status in (Status.WAKE, Status.DONE):
            return status


def assert_replays(dataset: Dataset, trace: list[tuple[int, Queues]]) -> None:
    """The recording replays to the book that was there, at every packet."""
    market = Market(dataset)
    replayed = market.start(participant=False)
    for rows, queues in trace:
        replayed.advance_rows(rows)
        assert queues_of(replayed.world.book) == queues, f"after {rows} rows"
    check = market.replay()
    assert (check.crossed, check.unknown) == (0, 0)
    assert trace[-1][0] == len(dataset.events)
