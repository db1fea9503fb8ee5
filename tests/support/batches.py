"""Worlds and books for the tests of batches and snapshots: busy ones, with a participant that decides now and then."""

from __future__ import annotations

from typing import Any

import numpy as np

from lobsim.config import Latency
from lobsim.core.book import BookSize
from lobsim.core.book_hash import state_hash
from lobsim.core.layout import Book
from lobsim.core.state import World
from lobsim.core.world import WorldSize
from lobsim.market import MarketRun
from lobsim.types import MESSAGE, NEVER, Kind, OrderType, Status, TimeInForce, Verb
from tests.oracle.streams import random_history
from tests.oracle.typed_streams import Stream, typed_messages
from tests.support.engines import CoreEngine
from tests.support.worlds import Venue, tape_of

TINY_BOOK = BookSize(orders=4, window=64, far=2, ids=8, dense=1, timers=2, extras=2, owners=1)
ROOMY_BOOK = BookSize(orders=600, window=256, far=64, ids=2048, dense=200, timers=512, extras=256, owners=32)
TYPED = (
    ("everything", 2),
    ("icebergs", 4),
    ("stops", 3),
    ("pegs", 1),
    ("positions", 3),
    ("phases", 5),
    ("allocation", 1),
)
"""Typed streams (profile, seed) after whose first half a book holds all that the profile is about."""
TINY = WorldSize(book=TINY_BOOK, seen=TINY_BOOK, own=1, fills=1, reports=1, mail=1, ring=2)
SMALL = WorldSize(
    book=BookSize(orders=512, window=256, far=16, ids=1024),
    seen=BookSize(orders=256, window=256, far=16, ids=4, timers=2),
    own=32,
    fills=64,
    reports=256,
    mail=64,
    ring=1024,
)
LATENCY = Latency(feed_ns=40_000_000, order_ns=3_000_000, response_ns=5_000_000)


def tapes(count: int, rows: int) -> list[np.ndarray]:
    """So many random tapes without halts, of different lengths."""
    histories = [random_history(seed, rows + 10 * seed) for seed in range(count)]
    return [tape_of(history[history["kind"] != Kind.PHASE]) for history in histories]


def busy_world(tape: np.ndarray, size: WorldSize = SMALL, **settings: Any) -> World:
    """A world before its first row whose participant is woken a tenth of the tape later."""
    world = Venue(tape, listens=True, size=size, latency=LATENCY, **settings).world
    world.head["wake_ns"] = tape["ts_ns"][len(tape) // 10]
    return world


def decide(world: World, seed: int) -> World:
    """A participant's turn: one order near the middle of the tape's prices, or a cancel; then sleep for a while.  Answers the world, perhaps grown."""
    venue = Venue.around(world)
    rng = np.random.default_rng([seed, int(world.head[0]["now_ns"])])
    sent = int(venue.head["own"])
    if sent and rng.random() < 0.3:
        venue.cancel(int(rng.integers(sent)))
    else:
        k = min(int(venue.head["cursor"]), len(world.tape) - 1)
        price = int(world.tape["price_ticks"][k] + rng.integers(-3, 4))
        limit_ns = int(world.head[0]["now_ns"]) + 10**9
        tif = int(rng.choice((TimeInForce.GTC, TimeInForce.IOC, TimeInForce.GTD)))
        venue.send(
            int(rng.integers(2)), price, int(rng.integers(1, 60)), type=OrderType.LIMIT, tif=tif, expire_ns=limit_ns
        )
    last_ns = int(world.tape["ts_ns"][-1])
    wake_ns = int(venue.head["now_ns"]) + (last_ns - int(world.tape["ts_ns"][0])) // 40
    venue.head["wake_ns"] = wake_ns if wake_ns < last_ns else NEVER
    return venue.world


def typed_halves(profile: str, seed: int, each: int = 250, size: BookSize = TINY_BOOK) -> tuple[CoreEngine, Stream]:
    """A book that has played the first half of a typed stream, and the stream's second half."""
    stream = typed_messages(seed, 2 * each, profile)
    engine = CoreEngine(stream.rules, stream.terms, size)
    engine.play(stream.messages[:each])
    return engine, stream._replace(messages=stream.messages[each:])


def with_book(engine: CoreEngine, book: Book) -> CoreEngine:
    """An engine for the rest of the same stream, at the same message, with another book."""
    other = CoreEngine({}, engine.terms, TINY_BOOK)
    other.book, other.played = book, engine.played
    return other


def end_of(world: World) -> int:
    """A second after the last row."""
    return int(world.tape["ts_ns"][-1]) + 10**9


def run_alone(world: World, seed: int, until_ns: int | None = None) -> World:
    """Run one world by itself to its end (or until_ns), deciding whenever it is woken."""
    until_ns = end_of(world) if until_ns is None else until_ns
    run = MarketRun(world)
    while run.advance(until_ns) == Status.WAKE:
        run.world = decide(run.world, seed)
    return run.world


def told(world: World) -> dict[str, Any]:
    """What must be the same, whatever room a world has and whoever moved it on."""
    head = world.head[0]
    return {
        "book": int(state_hash(world.book)),
        "own": world.own[: head["own"]].tobytes(),
        "fills": world.fills[: head["fills"]].tobytes(),
        "in flight": int(world.transit.head[0]["count"]),
        "rows": int(head["cursor"]),
        "now_ns": int(head["now_ns"]),
        "volume seen": int(head["seen_volume"]),
    }


def visits(books: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(messages, offsets): about so many random messages for each book, ids known to that book only."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(each // 2, each + each // 2 + 1, books)
    counts[books // 3] = 0
    offsets = np.concatenate([[0], np.cumsum(counts)])
    total = int(offsets[-1])
    messages = np.zeros(total, MESSAGE)
    messages["verb"] = rng.choice((Verb.NEW, Verb.NEW, Verb.CANCEL, Verb.REDUCE, Verb.REPLACE), total)
    messages["side"] = rng.integers(2, size=total)
    messages["order_id"] = rng.integers(1, 80, total)
    messages["new_id"] = rng.integers(1, 80, total)
    messages["price_ticks"] = 1000 + rng.integers(-8, 9, total)
    messages["size_lots"] = rng.integers(1, 30, total)
    messages["ts_ns"] = np.arange(total)
    return messages, offsets
