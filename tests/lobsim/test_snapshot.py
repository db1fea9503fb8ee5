"""Snapshots: what is put back goes on as the original did, in memory that was there already."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.core.audit import Broken, audit, audit_scratch
from lobsim.core.book import new_book
from lobsim.core.calendar_audit import calendar_fault, waiting
from lobsim.core.state import World
from lobsim.core.world import copy_world, roomier_world
from lobsim.core.world_hash import world_hash
from lobsim.snapshot import Snapshot, fork
from lobsim.types import FILL, Status
from tests.support.batches import SMALL, TINY, TINY_BOOK, busy_world, run_alone, tapes, told
from tests.support.worlds import Venue


@pytest.fixture(scope="module")
def tape(limit: Any) -> np.ndarray:
    """A random tape."""
    return tapes(1, limit(800, 120))[0]


def at(world: World, share: float) -> World:
    """The world after a share of its tape."""
    return run_alone(world, 0, int(world.tape["ts_ns"][int(share * (len(world.tape) - 1))]))


def own_arrays(state: Any) -> list[np.ndarray]:
    """Every array of a state that it does not share."""
    found = []
    for name, part in state._asdict().items():
        if isinstance(part, tuple):
            found += own_arrays(part)
        elif name not in ("tape", "rows", "truth"):
            found.append(part)
    return found


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_world_put_back_goes_on_as_it_did(tape: np.ndarray, share: float) -> None:
    world = at(busy_world(tape), share)
    snapshot = Snapshot(world)
    expected = told(run_alone(copy_world(world), 0))
    world = run_alone(world, 0)
    assert expected == told(world)
    for _ in range(2):
        world = snapshot.restore(world)
        assert snapshot.memory.tobytes() == Snapshot(world).memory.tobytes()
        world = run_alone(world, 0)
        assert expected == told(world)


def test_putting_back_makes_no_new_array_where_there_is_room(tape: np.ndarray) -> None:
    world = at(busy_world(tape), 0.5)
    snapshot = Snapshot(world)
    other = at(fork(world, 1)[0], 0.8)
    places = [array.ctypes.data for array in own_arrays(other)]
    assert snapshot.restore(other) is other
    assert places == [array.ctypes.data for array in own_arrays(other)]


def test_nothing_is_left_of_who_was_there_before(tape: np.ndarray) -> None:
    early, late = at(busy_world(tape), 0.2), at(busy_world(tape), 1.0)
    assert late.head[0]["own"] > early.head[0]["own"]
    late = Snapshot(early).restore(late)
    fresh = Snapshot(early).restore(busy_world(tape))
    left = (late.ring, late.reports, late.book.timers, late.transit.heap, late.transit.waits)
    for mine, expected in zip(own_arrays(late), own_arrays(fresh), strict=True):
        # what a ring, a heap or a free list gave out is nothing to anybody
        if not any(mine is given_out for given_out in left):
            assert expected.tobytes() == mine[: len(expected)].tobytes()
            assert not mine[len(expected) :].view(np.uint8).any()


@pytest.mark.parametrize("target", [TINY, SMALL])
def test_a_target_of_other_capacities_is_made_to_fit(tape: np.ndarray, target: Any) -> None:
    world = at(busy_world(tape, TINY), 0.6)
    expected = told(run_alone(copy_world(world), 0))
    assert expected == told(run_alone(Snapshot(world).restore(busy_world(tape, target)), 0))
    back = Snapshot(at(busy_world(tape, target), 0.6)).restore(world)
    assert expected == told(run_alone(back, 0))


def test_a_world_that_has_grown_since_is_put_back(tape: np.ndarray) -> None:
    world = at(busy_world(tape), 0.4)
    snapshot, expected = Snapshot(world), told(run_alone(copy_world(world), 0))
    for status in Status:
        if status.name.startswith("ROOM_") and status < Status.ROOM_CROWD_ORDERS:
            world = roomier_world(world, status)
    assert expected == told(run_alone(snapshot.restore(world), 0))


@pytest.mark.parametrize("ring", [16, 64])
@pytest.mark.parametrize(("read", "written"), [(0, 0), (3, 9), (13, 18), (29, 45), (1000, 1016)])
def test_unread_publications_are_kept_wherever_they_lie_in_the_ring(
    tape: np.ndarray, read: int, written: int, ring: int
) -> None:
    world = busy_world(tape, SMALL._replace(ring=16))
    world.head["read"], world.head["written"] = read, written
    world.ring["size"] = np.arange(16)
    other = Snapshot(world).restore(busy_world(tape, SMALL._replace(ring=ring)))
    unread = [int(world.ring["size"][k % 16]) for k in range(read, written)]
    assert unread == [int(other.ring["size"][k % ring]) for k in range(read, written)]


def test_a_snapshot_holds_what_is_in_use_and_cannot_be_written(tape: np.ndarray) -> None:
    world = at(busy_world(tape), 0.5)
    snapshot = Snapshot(world)
    roomy = Snapshot(world._replace(fills=np.concatenate([world.fills, np.zeros(10_000, FILL)])))
    assert snapshot.memory.tobytes() == roomy.memory.tobytes()
    assert snapshot.nbytes == sum(part.nbytes for part in snapshot.parts)
    with pytest.raises(ValueError, match="read-only"):
        snapshot.memory[0] = 1


def test_forks_start_alike_and_do_not_disturb_each_other(tape: np.ndarray) -> None:
    world = at(busy_world(tape), 0.5)
    before, start = told(world), world_hash(world)
    expected = told(run_alone(copy_world(world), 0))
    first, second, third = fork(world, 3)
    assert {start} == {world_hash(copy) for copy in (first, second, third)}
    assert expected == told(run_alone(first, 0))
    run_alone(second, 5)  # other decisions
    assert before == told(third) == told(world)
    assert third.tape is world.tape


def test_a_book_by_itself_is_put_back(tape: np.ndarray) -> None:
    book = at(busy_world(tape), 0.5).book
    snapshot = Snapshot(book)
    other = snapshot.restore(new_book(TINY_BOOK))
    assert snapshot.memory.tobytes() == Snapshot(other).memory.tobytes()
    assert Broken.SOUND == audit(other, *audit_scratch(other))


@pytest.mark.parametrize("room", [1, 40, 200])
@pytest.mark.parametrize("flying", [0, 30, 150])
def test_messages_in_flight_are_kept_and_the_pool_matches_their_calendar(
    tape: np.ndarray, room: int, flying: int
) -> None:
    venue = Venue.around(at(busy_world(tape, SMALL._replace(mail=16)), 0.3))
    for order in range(flying):
        venue.send(order % 2, 100 + order, 1)
    before = waiting(venue.world.transit)
    assert flying <= len(before)
    world = Snapshot(venue.world).restore(busy_world(tape, SMALL._replace(mail=room)))
    assert before.tobytes() == waiting(world.transit).tobytes()
    assert "" == calendar_fault(world.transit)
    assert len(world.transit.waits) <= len(world.mail)
    assert told(run_alone(venue.world, 0)) == told(run_alone(world, 0))


def test_a_tape_is_shared_and_cannot_be_written(tape: np.ndarray) -> None:
    world = busy_world(tape)
    for shared in (world.tape, world.rows, world.truth):
        assert not shared.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        world.tape["ts_ns"][0] = 1
    assert world.tape is Snapshot(world).restore(busy_world(tape)).tape
