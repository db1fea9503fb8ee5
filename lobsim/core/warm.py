"""Compiles every way into lobsim.core once, and counts what is compiled; ``lobsim warmup`` runs it.

Machine code is cached on disk, so whoever runs this first waits and nobody after that; several processes that compile the
same thing at once only wait longer.  The entry points are compiled by using them: a few messages through a book, every order type and an
auction through a venue with rules, a tiny world by orders and by levels, with a participant and without, and a market of agents.

What runs above this package has a warm-up of its own (execution.warm).
"""

from __future__ import annotations

import sys
import time
from typing import Any, NamedTuple

import numpy as np

from lobsim.answers import Report
from lobsim.book_shell import Book
from lobsim.config import MarketConfig
from lobsim.core.book_record import AROUND, record_book
from lobsim.core.latency import forced_due_ns
from lobsim.core.loop import advance, record_history, room_for_event
from lobsim.core.state import World
from lobsim.core.world import copy_world, make_tape, new_world, roomier_world, scratch
from lobsim.simulation import Simulation, load_preset
from lobsim.simulation.batch import Scenes
from lobsim.types import (
    L2_SHIFT,
    MESSAGE,
    NEVER,
    Fidelity,
    Kind,
    Side,
    Status,
    Verb,
)
from lobsim.venue import VenueRules

_ENOUGH = 1000


class Counts(NamedTuple):
    """What is ready in this process, each argument type counted.

    entries   ways in from Python
    parts     kernels that were compiled to become part of an entry
    compiled  entries that were not found on disk
    most      the most argument types that any one of them was compiled for
    """

    entries: int
    parts: int
    compiled: int
    most: int


def kernel_counts() -> Counts:
    """Every kernel of the compiled floors that is imported."""
    entries = {}
    for name, module in list(sys.modules.items()):
        if name.startswith(("lobsim.core.", "execution.core.")):
            entries |= {id(thing): thing for thing in vars(module).values() if hasattr(thing, "part")}
    parts = [entry.part for entry in entries.values()]
    signatures = [len(thing.signatures) for thing in [*entries.values(), *parts]]
    return Counts(
        entries=sum(len(entry.signatures) for entry in entries.values()),
        parts=sum(len(part.signatures) for part in parts),
        compiled=sum(sum(entry.stats.cache_misses.values()) for entry in entries.values()),
        most=max(signatures, default=0),
    )


def _use_book() -> None:
    """A book from its first order to its audit."""
    book = Book()
    messages = np.zeros(3, MESSAGE)
    messages["order_id"] = (1, 2, 1)
    messages["size_lots"] = 1
    messages["verb"] = (Verb.NEW, Verb.NEW, Verb.CANCEL)
    book.run(messages)
    book.limit(7, "sell", "0.01", 1)
    book.bids()
    book.state_hash()
    book.audit()


def use_venue() -> list[Report]:
    """An auction, then every order type, in a book that shares its levels out and keeps owners apart.  Returns all its reports."""
    book = Book("1", rules=VenueRules(self_trade="cancel_oldest", allocation="pro_rata", phase="auction"))
    answers = [
        book.limit(1, "buy", 101, 3, owner=1),
        book.limit(2, "sell", 100, 2),
        book.phase("continuous", 100),
        book.limit(3, "sell", 105, 4, display=1, owner=2),
        book.limit(4, "sell", 106, 5, hidden=True),
        book.pegged(5, "buy", 104, 1, "primary"),
        book.stop(6, "buy", 105, 1),
        book.stop(7, "buy", 105, 1, 106),
        book.limit(8, "buy", 105, 2, "ioc", minimum=1),
        book.market_to_limit(9, "buy", 1),
        book.limit(10, "buy", 102, 1, "gtd", expire_ns=9),
        book.replace(10, 103, 2),
        book.market(11, "sell", 1, "fok", owner=1, reduce_only=True),
        book.reduce(4, 1, ts_ns=9),
    ]
    return [report for reports in answers for report in reports]


def _tape(by_levels: bool) -> np.ndarray:
    """Three recorded rows: a bid, an ask, and part of the ask taken."""
    kinds = (Kind.LEVEL, Kind.LEVEL, Kind.PRINT) if by_levels else (Kind.ADD, Kind.ADD, Kind.EXECUTE)
    columns: dict[str, Any] = {
        "ts_ns": (1, 2, 30),
        "order_id": (0, 0, 0) if by_levels else (1, 2, 2),
        "price_ticks": (100, 101, 101),
        "size": (10, 10, 4),
        "kind": kinds,
        "side": (Side.BUY, Side.SELL, Side.SELL),
    }
    shift = L2_SHIFT if by_levels else 0
    arrays = {name: np.array([int(value) for value in values]) for name, values in columns.items()}
    return make_tape(arrays | {"size": arrays["size"] << shift})


def _world(by_levels: bool, participant: bool) -> World:
    """A world before its first row, made as lobsim.market makes one."""
    fidelity = Fidelity.L2_TRADES if by_levels else Fidelity.L3_FULL
    params = MarketConfig().params(fidelity, 1, L2_SHIFT if by_levels else 0)
    params |= {"publish": int(participant), "wake_ns": 10 if participant else NEVER}
    nothing = np.zeros((0, 0), np.int64)
    return new_world(_tape(by_levels), nothing, nothing, params)


def _use_world(by_levels: bool) -> None:
    """A tape replayed with a participant and without, in a world that grows on its way."""
    messages, spare = scratch()
    quotes = np.zeros((3, 4), np.int64)
    record_history(_world(by_levels, False), quotes, messages, spare)
    pictures = np.zeros((1, 2, 2, 2), np.int64)
    record_book(_world(by_levels, False), np.zeros(3, AROUND), np.array([2]), pictures, 2, messages, spare)
    world = _world(by_levels, True)
    advance(world, NEVER, _ENOUGH, messages, spare)
    room_for_event(world)
    forced_due_ns(world)
    world = roomier_world(copy_world(world), Status.ROOM_LEVELS)
    advance(world, NEVER, _ENOUGH, messages, spare)


def _use_scene() -> None:
    """A market of agents from its opening to its log, alone and in a batch."""
    simulation = Simulation(load_preset("rmsc04"), duration_ns=1)
    run = simulation.start()
    run.record()
    run.advance(simulation.info.session_end_ns)
    Scenes([run.scene]).advance(simulation.info.session_end_ns, threads=1)


def warm() -> float:
    """Compile, or load from the cache, every entry point.  Returns the seconds it took."""
    start = time.perf_counter()
    _use_book()
    use_venue()
    for by_levels in (False, True):
        _use_world(by_levels)
    _use_scene()
    return time.perf_counter() - start
