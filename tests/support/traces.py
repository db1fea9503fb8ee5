"""Simulated markets event by event: the book after each, as it stands and as the recording replays it."""

from __future__ import annotations

import numpy as np

from lobsim.core.agents.loop import advance_scene
from lobsim.core.agents.making import roomier_scene
from lobsim.core.jit import borrow, borrow_array, kernel
from lobsim.core.layout import NAMELESS, Book
from lobsim.core.levels import first_level, fold, next_level
from lobsim.core.world import scratch
from lobsim.feeds.schema import Dataset
from lobsim.market import Market
from lobsim.simulation import SimulationRun
from lobsim.types import Status

Queues = list[list[int]]
"""Side, price, number in the log and lots of each order, queue by queue, best price first"""


@kernel
def _copy_orders(book, out):
    """Every order with size: side, price, id, size, queue by queue.  Returns how many there are, also where they do not fit.  out: int64 [any, 4]"""
    book = borrow(book)
    out = borrow_array(out)
    n = 0
    for side in range(2):
        level = first_level(book, side)
        while level != 0:
            price = np.int64(book.nodes[level]["key"])
            slot = np.int64(book.nodes[level]["next"])
            while slot != level:
                if book.nodes[slot]["size"] > 0:
                    if n < len(out):
                        out[n, 0] = side
                        out[n, 1] = price
                        out[n, 2] = book.nodes[slot]["key"]
                        out[n, 3] = book.nodes[slot]["size"]
                    n += 1
                slot = np.int64(book.nodes[slot]["next"])
            level = next_level(book, side, fold(side, price))
    return n


def queues_of(book: Book, run: SimulationRun | None = None) -> Queues:
    """A book as its orders, named as the log of a run names them; without a run by their ids."""
    out = np.zeros((64, 4), np.int64)
    while (count := int(_copy_orders(book, out))) > len(out):
        out = np.zeros((2 * count, 4), np.int64)
    out = out[:count]
    if run is not None:
        crowd = run.scene.crowd
        base, first_own = int(crowd.head[0]["base"]), int(crowd.head[0]["first_own_serial"])
        key = out[:, 2]
        crowds = key > base
        own = (key < 0) & (key > NAMELESS)
        key[own] = first_own - key[own] - 1
        key[crowds] = crowd.orders["serial"][key[crowds] - base]
    return out.tolist()


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


def assert_replays(dataset: Dataset, trace: list[tuple[int, Queues]], *, sound: bool = True) -> None:
    """The recording replays to the book that was there, at every packet.  sound: no book was crossed"""
    market = Market(dataset)
    replayed = market.start(participant=False)
    for rows, queues in trace:
        replayed.advance_rows(rows)
        assert queues_of(replayed.world.book) == queues, f"after {rows} rows"
    check = market.replay()
    assert check.unknown == 0
    assert check.crossed == 0 or not sound
    assert trace[-1][0] == len(dataset.events)
