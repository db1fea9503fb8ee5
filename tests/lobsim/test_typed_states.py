"""Books that hold icebergs, hidden orders, stops, pegged orders, positions and phases: kept aside, saved, made roomier, in batches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lobsim
from lobsim.batch import Books, Worlds
from lobsim.core.book import BookSize, new_book
from lobsim.core.book_hash import state_hash
from lobsim.core.layout import HIDDEN, Book
from lobsim.core.world import resize_book
from lobsim.core.world_hash import whole_book_hash
from lobsim.errors import DataError, OrderError
from lobsim.journal import load_book, load_run, save_book
from lobsim.snapshot import Snapshot, fork
from lobsim.types import MESSAGE, TERMS, Phase
from tests.lobsim.test_batch import apply_alone
from tests.oracle.typed_streams import Stream
from tests.support.batches import ROOMY_BOOK, TINY_BOOK, TYPED, busy_world, tapes, told, typed_halves, with_book
from tests.support.engines import CoreEngine
from tests.test_architecture import ROOT

Half = tuple[CoreEngine, Stream, dict[str, Any]]


def told_by(engine: CoreEngine, stream: Stream) -> dict[str, Any]:
    """What a book answers to the second half of a stream, and where it ends."""
    answers = engine.play(stream.messages)
    engine.audit()
    return {"answers": answers, "levels": engine.state_hash(), "hash": whole_book_hash(engine.book)}


@pytest.fixture(scope="module")
def halves() -> list[Half]:
    """Of each typed stream: a book at half-time, the second half, and what comes of it without any break."""
    found = []
    for name in TYPED:
        engine, rest = typed_halves(*name)
        found.append((engine, rest, told_by(*typed_halves(*name))))
    return found


def places(of: Any) -> Any:
    """One test for each typed stream."""
    return pytest.mark.parametrize("place", range(len(TYPED)), ids=[name for name, _ in TYPED])(of)


def test_the_books_hold_everything_at_half_time(halves: list[Half]) -> None:
    books = [engine.book for engine, _, _ in halves]
    for name in ("waiting", "extras", "slices", "pegs", "buy_stops", "sell_stops", "timers", "specials"):
        assert any(book.head[0][name] for book in books), name
    assert any(np.any(book.positions) for book in books)
    assert any(np.any(book.nodes["meta"] & HIDDEN) for book in books)
    assert any(book.rules[0]["phase"] != Phase.CONTINUOUS for book in books)
    assert any(book.rules[0]["allocation"] for book in books)


@places
@pytest.mark.parametrize("size", [TINY_BOOK, ROOMY_BOOK, BookSize(orders=64, window=64, extras=2, owners=64)])
def test_a_book_put_back_goes_on_as_it_did(halves: list[Half], place: int, size: BookSize) -> None:
    engine, rest, expected = halves[place]
    snapshot = Snapshot(engine.book)
    other = with_book(engine, snapshot.restore(new_book(size)))
    for _ in range(2):
        assert expected == told_by(other, rest)
        other = with_book(engine, snapshot.restore(other.book))  # over what came of it
        assert snapshot.memory.tobytes() == Snapshot(other.book).memory.tobytes()


@places
def test_a_book_is_put_back_over_another(halves: list[Half], place: int) -> None:
    engine, rest, expected = halves[place]
    over = Snapshot(halves[place - 1][0].book).restore(new_book(ROOMY_BOOK))
    assert expected == told_by(with_book(engine, Snapshot(engine.book).restore(over)), rest)


@places
def test_forks_of_a_book_go_on_alike_and_apart(halves: list[Half], place: int) -> None:
    engine, rest, expected = halves[place]
    before = whole_book_hash(engine.book)
    first, second = fork(engine.book, 2)
    assert expected == told_by(with_book(engine, first), rest)
    assert before == whole_book_hash(second) == whole_book_hash(engine.book)
    assert expected == told_by(with_book(engine, second), rest)


@places
def test_a_book_with_more_room_goes_on_alike(halves: list[Half], place: int) -> None:
    engine, rest, expected = halves[place]
    assert expected == told_by(with_book(engine, resize_book(engine.book, ROOMY_BOOK)), rest)


def test_arrays_of_one_capacity_are_replaced_together() -> None:
    engine, rest = typed_halves("stops", 3)
    expected = told_by(*typed_halves("stops", 3))
    # Room for the stops of either side and not for the rows of all: heaps as short as that would overflow later.
    book = Snapshot(engine.book).restore(new_book(TINY_BOOK._replace(extras=int(engine.book.head[0]["extras"]) - 1)))
    lengths = {len(book.buy_stops), len(book.sell_stops), len(book.pegs), len(book.extras) - 1}
    assert 1 == len(lengths)
    assert expected == told_by(with_book(engine, book), rest)


def test_a_world_carries_such_a_book(halves: list[Half]) -> None:
    (tape,) = tapes(1, 40)
    for engine, rest, expected in halves:
        world = busy_world(tape)._replace(book=engine.book)
        other = Snapshot(world).restore(busy_world(tape))
        batch = Worlds([world, world])
        assert told(world) == told(other) == told(batch[1])
        for book in (other.book, batch[1].book):
            assert expected == told_by(with_book(engine, book), rest)


# --- saved


GO_ON = """
import sys
from lobsim.journal import load_book
from tests.lobsim.test_typed_states import TYPED, told_by, typed_halves, with_book
for path, name in zip(sys.argv[1:], TYPED):
    engine, rest = typed_halves(*name)
    end = told_by(with_book(engine, load_book(path).arrays), rest)
    sys.stdout.write(f"{len(end['answers'])} {end['levels']} {end['hash']}\\n")
"""


def shell_around(book: Book) -> lobsim.Book:
    """The book that people use, with these arrays."""
    shell = lobsim.Book("0.01", "0.1", room=TINY_BOOK)
    shell.arrays = book
    return shell


def test_saved_books_gone_on_with_in_another_process_end_alike(halves: list[Half], tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.book" for name, _ in TYPED]
    for path, (engine, _, _) in zip(paths, halves, strict=True):
        save_book(shell_around(engine.book), path)
    command = [sys.executable, "-c", GO_ON, *map(str, paths)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    expected = [f"{len(end['answers'])} {end['levels']} {end['hash']}" for _, _, end in halves]
    assert expected == answer.splitlines()


def test_a_loaded_book_has_the_units_it_was_saved_with(halves: list[Half], tmp_path: Path) -> None:
    book = shell_around(halves[0][0].book)
    save_book(book, tmp_path / "a.book")
    loaded = load_book(tmp_path / "a.book")
    assert (book.tick_size, book.lot_size, book.bids()) == (loaded.tick_size, loaded.lot_size, loaded.bids())


def test_a_book_is_no_run_and_an_altered_one_is_refused(halves: list[Half], tmp_path: Path) -> None:
    file = tmp_path / "a.book"
    save_book(shell_around(halves[0][0].book), file)
    no_market: Any = None
    with pytest.raises(DataError, match="this is no run that lobsim saved"):
        load_run(file, no_market)
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DataError, match="the file is cut or altered"):
        load_book(file)


# --- the book that people use


def test_a_shell_is_put_back_and_copied() -> None:
    book = lobsim.Book(room=TINY_BOOK)
    book.limit(1, "sell", "1.01", 5)
    kept, before = book.snapshot(), book.state_hash()
    other = book.copy()
    book.market(2, "buy", 5)
    other.limit(3, "buy", "1.00", 7)
    assert (0, 2) == (book.orders, other.orders)
    for changed in (book, other):
        changed.restore(kept)
        assert before == changed.state_hash()
        assert 5 == changed.market(4, "buy", 9).filled


# --- in batches


def rows_of_all(streams: list[Stream]) -> tuple[np.ndarray, np.ndarray]:
    """(messages, terms) of streams that are to share one table."""
    messages, tables, rows = [], [streams[0].terms[:1]], 1
    for stream in streams:
        moved = stream.messages.copy()
        named = (moved["terms"] > 0) & (moved["terms"] < len(stream.terms))
        moved["terms"][named] += rows - 1
        # A row that does not exist is still none in the larger table.
        moved["terms"][(moved["terms"] >= len(stream.terms)) & ~named] = 2**30
        messages.append(moved)
        tables.append(stream.terms[1:])
        rows += len(stream.terms) - 1
    return np.concatenate(messages), np.concatenate(tables)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [TINY_BOOK, ROOMY_BOOK])
def test_typed_books_in_a_batch_answer_what_each_answers_alone(
    threads: int, size: BookSize, limit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_ALONE_MESSAGES", "_CHUNK_MESSAGES"):
        monkeypatch.setattr(f"lobsim.batch.{name}", 37)
    pairs = [
        typed_halves(name, seed + more, limit(200, 40), size) for more in range(limit(4, 1)) for name, seed in TYPED
    ]
    streams = [rest for _, rest in pairs]
    messages, terms = rows_of_all(streams)
    offsets = np.concatenate([[0], np.cumsum([len(stream.messages) for stream in streams])])
    books = Books(engine.book for engine, _ in pairs)
    for visit in range(2):
        middle = offsets[:-1] + np.diff(offsets) // 2
        chosen = [(offsets[i], middle[i]) if visit == 0 else (middle[i], offsets[i + 1]) for i in range(len(books))]
        part = np.concatenate([messages[start:stop] for start, stop in chosen])
        edges = np.concatenate([[0], np.cumsum([stop - start for start, stop in chosen])])
        answers = books.run(part, edges, threads, terms=terms)
        for index, (engine, _) in enumerate(pairs):
            engine.book, expected = apply_alone(engine.book, part, edges[index], edges[index + 1], terms)
            assert expected.tobytes() == answers.of(index).tobytes(), f"book {index}, visit {visit}"
            assert whole_book_hash(engine.book) == whole_book_hash(books[index])
    assert any(state_hash(book) for book in books)


def test_a_batch_of_typed_books_answers_as_the_stream_says(halves: list[Half]) -> None:
    engine, rest, expected = halves[0]
    books = Books([engine.book] * 3)
    count = len(rest.messages)
    answers = books.run(np.tile(rest.messages, 3), np.arange(4) * count, 2, terms=rest.terms)
    for index in range(3):
        reports = answers.of(index).copy()
        assert len(expected["answers"]) == len(reports)
        assert expected["hash"] == whole_book_hash(books[index])


def test_what_a_call_left_unsettled_is_answered_first_by_the_next(halves: list[Half]) -> None:
    for engine, rest, expected in halves:
        other = with_book(engine, Snapshot(engine.book).restore(new_book(TINY_BOOK)))
        other.book.head[0]["unsettled"] = 1  # as after Ctrl-C; there is nothing to follow, so no answer changes
        books = Books([other.book] * 2)
        books.run(
            np.tile(rest.messages, 2), np.array([0, len(rest.messages), 2 * len(rest.messages)]), 1, terms=rest.terms
        )
        assert [expected["hash"]] * 2 == [whole_book_hash(book) for book in books]
        idle = Books([other.book])
        idle.run(rest.messages[:0], np.array([0, 0]), 1, terms=rest.terms)
        assert 0 == idle[0].head[0]["unsettled"]


def test_terms_of_another_kind_are_refused() -> None:
    books = Books.empty(1)
    nothing = np.zeros(0, MESSAGE)
    for wrong, why in (
        (np.zeros(3), "terms are a one-dimensional array"),
        (np.ones(2, TERMS), "row 0 of terms means nothing"),
    ):
        with pytest.raises(OrderError, match=why):
            books.run(nothing, np.array([0, 0]), terms=wrong)
