"""The memory of a state: zeros in one piece, touched where it is large, given back with the state, and no answer depends on it."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from lobsim.core import book, memory, world
from lobsim.core.book import BookSize, new_book
from lobsim.core.memory import LARGE_BYTES, LINE_BYTES, zeros_together
from lobsim.core.world import WorldSize, copy_world, roomier_world
from lobsim.core.world_hash import world_hash
from lobsim.snapshot import Snapshot
from lobsim.types import NEVER, Status
from tests.oracle.streams import random_l2_history
from tests.support.worlds import BUY, Venue

LARGE = WorldSize(
    book=BookSize(orders=2**15, window=2**12), seen=BookSize(orders=2**15, window=2**12, ids=64), ring=2**15
)
NUMBER = np.dtype(np.int64)


def apart(wanted: memory.Wanted, untouched: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """What `zeros_together` stands for: every array by itself."""
    return {name: np.zeros(length, dtype) for name, (length, dtype) in wanted.items()}


def piece_of(array: np.ndarray) -> object:
    """The memory that an array lies in."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def test_arrays_of_a_state_are_zeros_in_one_piece_that_do_not_overlap_and_begin_on_lines() -> None:
    made = zeros_together({"a": (3, NUMBER), "none": (0, NUMBER), "b": (9, np.dtype(np.uint8)), "c": (5, NUMBER)})
    assert {"a": 3, "none": 0, "b": 9, "c": 5} == {name: len(array) for name, array in made.items()}
    for number, array in enumerate(made.values()):
        assert array.ctypes.data % LINE_BYTES == 0 or not len(array)
        assert not array.any()
        array[:] = number + 1
    assert [1, 3, 4] == [int(made[name].min()) for name in "abc"]
    assert [1, 3, 4] == [int(made[name].max()) for name in "abc"]
    assert piece_of(made["a"]) is piece_of(made["c"])


def test_what_is_to_be_left_untouched_lies_apart() -> None:
    made = zeros_together({"a": (3, NUMBER), "b": (4, NUMBER)}, untouched=("b",))
    assert made["b"].base is None
    assert [0] * 4 == made["b"].tolist()


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="the system does not tell what is resident")
def test_a_large_piece_is_touched_when_it_is_made_and_given_back_with_its_last_array() -> None:
    nbytes = 32 * LARGE_BYTES  # more than the allocator keeps at hand when it is given back
    before = resident_bytes()
    made = zeros_together({"a": (nbytes // 16, NUMBER), "b": (nbytes // 16, NUMBER)})
    assert nbytes * 0.9 < resident_bytes() - before
    last = made.pop("b")
    made.clear()
    assert nbytes * 0.9 < resident_bytes() - before
    assert 0 == int(last[-1])
    del last
    assert resident_bytes() - before < nbytes * 0.2


def test_the_memory_of_a_world_goes_with_the_world() -> None:
    venue = Venue(random_l2_history(1, 40), by_levels=True, listens=True, size=LARGE)
    pieces = [
        weakref.ref(piece_of(part)) for part in (venue.world.book.nodes, venue.world.seen.nodes, venue.world.ring)
    ]
    assert all(piece() is not None for piece in pieces)
    del venue
    gc.collect()
    assert [None] * 3 == [piece() for piece in pieces]


def test_where_its_memory_lies_changes_nothing_about_a_world(monkeypatch: pytest.MonkeyPatch) -> None:
    history = random_l2_history(7, 120)
    found = []
    for way in (zeros_together, apart):
        for module in (book, world):
            monkeypatch.setattr(module, "zeros_together", way)
        venue = Venue(history, by_levels=True, listens=True, size=LARGE)
        venue.run_to(int(history["ts_ns"][60]))
        middle = world_hash(venue.world)
        venue.send(BUY, venue.levels(BUY)[0][0], 3)
        grown = roomier_world(copy_world(venue.world), Status.ROOM_VIEW_ORDERS)
        kept = Snapshot(grown)
        venue.run_to(NEVER)
        found.append((middle, world_hash(grown), world_hash(kept.restore(copy_world(grown))), world_hash(venue.world)))
    assert found[0] == found[1]
    assert len(set(found[0])) == 3


def test_a_reader_has_room_of_its_own_and_the_same_shapes() -> None:
    size = LARGE.seen
    for plain, reader in zip(new_book(size), new_book(size, reader=True), strict=True):
        assert (plain.shape, plain.dtype, plain.tobytes()) == (reader.shape, reader.dtype, reader.tobytes())
