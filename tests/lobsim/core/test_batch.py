"""Views into a block: the same type, and so the same machine code, as a state by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobsim.batch import Books
from lobsim.core.batch import arena_like
from lobsim.core.book import BookSize, new_book
from lobsim.core.book_hash import state_hash
from lobsim.core.jit import config, kernel, new_block, store, view, whole
from tests.support.batches import TINY_BOOK, visits

ROOT = Path(__file__).resolve().parents[3]


@kernel
def clock_and_room(block, index, sample):
    """What a kernel sees of one book of a block."""
    book = view(block, index, sample)
    return book.head[0]["clock_ns"], len(book.nodes), len(book.leaf)


@kernel
def hash_of(block, index, sample):
    """A kernel for single books, called with one of a block."""
    return state_hash(whole(view(block, index, sample)))


def books_of_all_sizes() -> list[Any]:
    """Four books, no two of them of the same capacities."""
    books = [new_book(BookSize(orders=4 + k, window=64 << k)) for k in range(4)]
    for k, book in enumerate(books):
        book.head["clock_ns"] = 100 + k
    return books


def test_a_view_sees_the_state_that_stands_there_whatever_the_capacities() -> None:
    books = books_of_all_sizes()
    block = new_block(books)
    assert [(100 + k, 5 + k + (128 << k), 2 << k) for k in range(4)] == [
        clock_and_room(block, k, books[0]) for k in range(4)
    ]


def test_a_view_follows_the_state_that_takes_the_place() -> None:
    books = books_of_all_sizes()
    block = new_block(books)
    store(block, 2, books[3])
    books[3].head["clock_ns"] = 7
    assert [100, 101, 7, 7] == [clock_and_room(block, k, books[0])[0] for k in range(4)]


def test_a_kernel_for_one_book_takes_a_book_of_a_block() -> None:
    books = Books([new_book(TINY_BOOK)] * 3)
    books.run(*visits(3, 20))
    block = new_block(list(books))
    hashes = [int(state_hash(book)) for book in books]
    assert hashes == [int(hash_of(block, k, books[0])) for k in range(3)]
    assert len(set(hashes)) > 1


IN_A_FRESH_PROCESS = """
import sys
import numpy as np
from lobsim.batch import Books, Worlds
from lobsim.core.book import new_book
from lobsim.core.warm import warm
from lobsim.types import MESSAGE
from tests.support.batches import TINY_BOOK, busy_world, end_of, run_alone, tapes

def signatures():
    modules = [(name, module) for name, module in sys.modules.items() if name.startswith("lobsim.core.")]
    things = [(f"{name}.{key}", thing) for name, module in modules for key, thing in vars(module).items()]
    return {name: len(thing.signatures) for name, thing in things if hasattr(thing, "py_func")}

(tape,) = tapes(1, 60)
warm()
run_alone(busy_world(tape), 0)
before = signatures()
Worlds([busy_world(tape)] * 2).advance(end_of(busy_world(tape)), 1)
Books([new_book(TINY_BOOK)] * 2).run(np.zeros(2, MESSAGE), np.array([0, 1, 2]), 1)
sys.stdout.write(" ".join(name for name, count in signatures().items() if count != before.get(name, 0)))
"""


@pytest.mark.skipif(config.DISABLE_JIT, reason="about compiled code")
def test_a_batch_compiles_no_kernel_of_single_states_anew() -> None:
    command = [sys.executable, "-c", IN_A_FRESH_PROCESS]
    grown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    mine = ("lobsim.core.batch.", "lobsim.core.jit._write", "lobsim.core.jit._bytes_of")
    assert "lobsim.core.batch.advance_slice" in grown
    assert [] == [name for name in grown if not name.startswith(mine)]


def test_an_arena_is_empty_and_in_one_piece() -> None:
    books = books_of_all_sizes()
    places = arena_like(books)
    arrays = [array for book in places for array in book]
    assert [array.shape for book in books for array in book] == [array.shape for array in arrays]
    assert not any(array.view(np.uint8).any() for array in arrays)
    starts = [array.ctypes.data for array in arrays]
    ends = [start + array.nbytes for start, array in zip(starts, arrays, strict=True)]
    assert all(0 <= start - end < 64 for start, end in zip(starts[1:], ends[:-1], strict=True))
    assert {0} == {start % 64 for start in starts}
