"""Batches: each state is what it would be alone, for any number of threads, whatever room each has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.batch import Books, Worlds
from lobsim.core.audit import Broken, audit, audit_scratch
from lobsim.core.book import BookSize, new_book
from lobsim.core.book_hash import state_hash
from lobsim.core.exchange import run_messages
from lobsim.core.layout import Book
from lobsim.core.world import roomier_book
from lobsim.errors import ConfigError, OrderError
from lobsim.snapshot import Snapshot
from lobsim.types import MAX_SIZE_LOTS, MESSAGE, REPORT, Status
from tests.support.batches import SMALL, TINY, TINY_BOOK, busy_world, decide, end_of, run_alone, tapes, told, visits

THREADS = (1, 2, 3)


@pytest.fixture(scope="module")
def recorded(limit: Any) -> list[np.ndarray]:
    """Random tapes of different lengths."""
    return tapes(limit(12, 4), limit(400, 60))


@pytest.fixture(autouse=True)
def helpers_for_little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share out even what one thread would do in no time, in calls of a few events."""
    for name, value in {"_ALONE_EVENTS": 1, "_ALONE_MESSAGES": 1, "_CHUNK_EVENTS": 37, "_CHUNK_MESSAGES": 37}.items():
        monkeypatch.setattr(f"lobsim.batch.{name}", value)


def run_together(batch: Worlds, threads: int) -> None:
    """Run a batch of worlds to the end, deciding for each that is woken."""
    until_ns = np.array([end_of(world) for world in batch])
    which = np.ones(len(batch), bool)
    while which.any():
        which = batch.advance(until_ns, threads, which) == Status.WAKE
        for index in np.flatnonzero(which):
            batch[index] = decide(batch[index], int(index))


@pytest.mark.parametrize("threads", THREADS)
def test_a_world_in_a_batch_is_to_the_byte_what_it_is_alone(recorded: list[np.ndarray], threads: int) -> None:
    batch = Worlds(busy_world(tape) for tape in recorded)
    run_together(batch, threads)
    for index, tape in enumerate(recorded):
        alone = run_alone(busy_world(tape), index)
        assert told(alone) == told(batch[index]), f"world {index}"
        assert Snapshot(alone).memory.tobytes() == Snapshot(batch[index]).memory.tobytes(), f"world {index}"
    assert sum(int(world.head[0]["fills"]) for world in batch) > 0


@pytest.mark.parametrize("threads", THREADS)
def test_worlds_that_lack_room_get_it_and_the_others_do_not_notice(recorded: list[np.ndarray], threads: int) -> None:
    sizes = [TINY if index % 2 else SMALL for index in range(len(recorded))]
    batch = Worlds(busy_world(tape, size) for tape, size in zip(recorded, sizes, strict=True))
    before = [len(world.book.nodes) for world in batch]
    run_together(batch, threads)
    for index, tape in enumerate(recorded):
        assert told(run_alone(busy_world(tape), index)) == told(batch[index]), f"world {index}"
        if sizes[index] is TINY:
            assert before[index] < len(batch[index].book.nodes)


def test_only_the_worlds_that_are_meant_move(recorded: list[np.ndarray]) -> None:
    batch = Worlds(busy_world(tape) for tape in recorded)
    still = Snapshot(batch[0]).memory.tobytes()
    which = np.arange(len(batch)) != 0
    statuses = batch.advance(end_of(batch[0]), 2, which)
    assert still == Snapshot(batch[0]).memory.tobytes()
    assert [int(Status.DONE)] + [int(Status.WAKE)] * (len(batch) - 1) == statuses.tolist()


def test_worlds_may_have_times_of_their_own(recorded: list[np.ndarray]) -> None:
    batch = Worlds(busy_world(tape) for tape in recorded)
    until_ns = np.array([int(tape["ts_ns"][k + 1]) for k, tape in enumerate(recorded)])
    batch.advance(until_ns, 2)
    assert until_ns.tolist() == [int(world.head[0]["now_ns"]) for world in batch]


def test_the_worlds_of_a_batch_lie_one_after_the_other_each_from_a_cache_line(recorded: list[np.ndarray]) -> None:
    batch = Worlds(busy_world(tape) for tape in recorded)
    places = [
        array.ctypes.data for world in batch for array in (world.head, *world.book, *world.seen, world.gaps, world.ring)
    ]
    assert sorted(places) == places
    assert {0} == {place % 64 for place in places}


def test_worlds_share_their_tape() -> None:
    (tape,) = tapes(1, 20)
    world = busy_world(tape)
    first, second = Worlds([world, world])
    assert first.tape is world.tape
    assert second.tape is world.tape


def test_a_batch_is_a_copy(recorded: list[np.ndarray]) -> None:
    world = busy_world(recorded[0])
    before = Snapshot(world).memory.tobytes()
    Worlds([world, world]).advance(end_of(world), 1)
    assert before == Snapshot(world).memory.tobytes()


def test_an_interrupted_call_is_finished_by_the_next(
    recorded: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Worlds(busy_world(tape, TINY) for tape in recorded)
    calls = 0

    def interrupted(world: Any, status: int) -> Any:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise KeyboardInterrupt
        return grown(world, status)

    from lobsim.batch import roomier_world as grown

    monkeypatch.setattr("lobsim.batch.roomier_world", interrupted)
    until_ns = end_of(batch[0])
    with pytest.raises(KeyboardInterrupt):
        batch.advance(until_ns, 2)
    late = batch.statuses == Status.CHUNK
    assert late.any()
    batch.advance(until_ns, 2, late)
    whole = Worlds(busy_world(tape) for tape in recorded)
    whole.advance(until_ns, 1)
    assert [told(world) for world in whole] == [told(world) for world in batch]


def test_a_place_torn_by_an_interrupt_is_mended(recorded: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    batch = Worlds(busy_world(tape) for tape in recorded[:2])

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lobsim.batch.store", interrupt)
        with pytest.raises(KeyboardInterrupt):
            batch[1] = busy_world(recorded[2])
    batch.advance(end_of(batch[1]), 1)
    alone = Worlds([busy_world(recorded[2])])
    alone.advance(end_of(batch[1]), 1)
    assert told(alone[0]) == told(batch[1])


def test_a_place_that_is_not_there_is_refused(recorded: list[np.ndarray]) -> None:
    batch = Worlds(busy_world(tape) for tape in recorded[:2])
    for index in (2, -3):
        with pytest.raises(IndexError):
            batch[index] = batch[0]
    with pytest.raises(ConfigError, match="a batch needs at least one state"):
        Worlds([])
    with pytest.raises(ConfigError, match="threads is 0, at least 1 is needed"):
        batch.advance(0, 0)


# --- books


def apply_alone(
    book: Book, messages: np.ndarray, start: int, stop: int, terms: np.ndarray | None = None
) -> tuple[Book, np.ndarray]:
    """One book by itself, with room."""
    table = book.no_terms if terms is None else terms
    out, n = np.zeros(64 * (stop - start) + 64, REPORT), 0
    status = int(Status.CHUNK)
    while status != Status.OK:
        status, start, n = run_messages(book, messages, table, start, stop, MAX_SIZE_LOTS, out, n)
        if status == Status.ROOM_REPORTS:
            out = np.concatenate([out, np.empty(len(out), REPORT)])
        elif status != Status.OK:
            book = roomier_book(book, status)
    return book, out[:n]


@pytest.mark.parametrize("size", [TINY_BOOK, BookSize(orders=256, window=64, far=8, ids=512)])
@pytest.mark.parametrize("threads", THREADS)
def test_a_book_in_a_batch_answers_what_it_answers_alone(threads: int, size: BookSize, limit: Any) -> None:
    count = limit(40, 7)
    books, alone = Books([new_book(size)] * count), [new_book(size) for _ in range(count)]
    reports = None
    for visit in range(3):
        messages, offsets = visits(count, limit(60, 12), visit)
        answers = books.run(messages, offsets, threads, reports)
        for index in range(count):
            alone[index], expected = apply_alone(alone[index], messages, offsets[index], offsets[index + 1])
            assert expected.tobytes() == answers.of(index).tobytes(), f"book {index}, visit {visit}"
            assert int(state_hash(alone[index])) == int(state_hash(books[index]))
        reports = np.zeros(visit * 50, REPORT)  # too little, then enough for some
    for book in books:
        assert Broken.SOUND == audit(book, *audit_scratch(book))


def test_reports_go_where_there_is_room_for_them() -> None:
    messages, offsets = visits(5, 20)
    mine = np.zeros(4 * len(messages), REPORT)
    answers = Books([new_book(TINY_BOOK)] * 5).run(messages, offsets, 1, mine)
    assert answers.reports is mine


@pytest.mark.parametrize(
    ("messages", "offsets", "why"),
    [
        (np.zeros(3), [0, 1, 3], "messages are a one-dimensional array"),
        (np.zeros(3, MESSAGE), [0, 3], "one for each of the 2 books and one more"),
        (np.zeros(3, MESSAGE), [0.0, 1.0, 3.0], "offsets are whole numbers"),
        (np.zeros(3, MESSAGE), [0, 2, 1], "offsets rise"),
        (np.zeros(3, MESSAGE), [0, 2, 4], "offsets rise from 0 or more to at most 3"),
        (np.zeros(3, MESSAGE), [-1, 2, 3], "offsets rise"),
    ],
)
def test_messages_that_do_not_fit_are_refused(messages: np.ndarray, offsets: list[Any], why: str) -> None:
    with pytest.raises(OrderError, match=why):
        Books([new_book(TINY_BOOK)] * 2).run(messages, np.array(offsets))
