"""The calendar next to a sorted list, on streams of many shapes; its invariants, its borders, its room."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from lobsim.core.calendar import SMALL, Calendar, calendar_room, new_calendar, pop_wait, push_wait, roomier_calendar
from lobsim.core.calendar import first_wait_ns as first_of
from lobsim.core.calendar_audit import calendar_fault, waiting
from lobsim.types import NEVER
from tests.oracle.calendar import OracleCalendar

FIRST = -(2**63)  # the earliest time there is
US = 1000
Draw = Callable[[random.Random, int], int]


def _any_time(rng: random.Random, now_ns: int) -> int:
    return rng.randrange(FIRST, NEVER + 1)


SHAPES: dict[str, Draw] = {
    "uniform": lambda rng, now_ns: now_ns + rng.randrange(1000 * US),
    "exponential": lambda rng, now_ns: now_ns + int(rng.expovariate(1 / (500 * US))),
    "bursts": lambda rng, now_ns: now_ns + US * rng.randrange(5),
    "two distances": lambda rng, now_ns: now_ns + rng.choice((rng.randrange(US), 10**9 + rng.randrange(10**9))),
    "one instant": lambda rng, now_ns: now_ns,
    "few instants": lambda rng, now_ns: rng.choice((FIRST, FIRST + 1, -1, 0, 1, NEVER - 1, NEVER)),
    "all distances": lambda rng, now_ns: min(NEVER, now_ns + (1 << rng.randrange(63)) - rng.randrange(2)),
    "outliers": lambda rng, now_ns: rng.choice((NEVER, now_ns + 3600 * 10**9, now_ns, now_ns + 50 * US)),
    "any time": _any_time,
}
"""When the next wait is over, by what was taken last."""

SEQUENCES: dict[str, Callable[[random.Random, int], int]] = {
    "rising": lambda rng, count: count,
    "two ranks": lambda rng, count: count + rng.choice((0, 2**48)),
    "shuffled": lambda rng, count: (count * 40503) % 65536 + 65536 * (count // 65536),
}


class Both:
    """A calendar and its slow twin, moved on together."""

    def __init__(self, capacity: int) -> None:
        self.calendar = new_calendar(capacity)
        self.oracle = OracleCalendar()
        self.count = 0

    def push(self, ts_ns: int, sequence: int | None = None) -> None:
        """Both keep one wait more; there is room made for it."""
        self.count += 1
        sequence = self.count if sequence is None else sequence
        if not calendar_room(self.calendar, 1):
            self.calendar = roomier_calendar(self.calendar)
        push_wait(self.calendar, np.int64(ts_ns), np.int64(sequence), np.int64(-self.count))
        self.oracle.push(ts_ns, sequence, -self.count)
        assert self.oracle.first_ns == first_of(self.calendar)

    def pop(self) -> int:
        """Both give the same wait; answers its time."""
        ts_ns = self.oracle.first_ns
        assert ts_ns == first_of(self.calendar)
        assert self.oracle.pop() == pop_wait(self.calendar)
        assert self.oracle.first_ns == first_of(self.calendar)
        return ts_ns

    def check(self) -> None:
        """The calendar is sound and holds what its twin holds."""
        assert "" == calendar_fault(self.calendar)
        assert self.oracle.waits == waiting(self.calendar)[["ts_ns", "sequence", "ref"]].tolist()

    def drain(self) -> None:
        """Everything leaves."""
        while self.oracle.waits:
            self.pop()
        assert NEVER == first_of(self.calendar)
        self.check()


@pytest.mark.parametrize("sequences", SEQUENCES)
@pytest.mark.parametrize("shape", SHAPES)
def test_waits_leave_as_from_a_sorted_list(shape: str, sequences: str, limit: Callable[[int, int], int]) -> None:
    rng = random.Random(f"{shape} {sequences}")
    both = Both(8)
    now_ns = 0
    for step in range(limit(12_000, 2500)):
        filling = step % 3000 < 1500
        if not both.oracle.waits or rng.random() < (0.7 if filling else 0.35):
            both.push(SHAPES[shape](rng, now_ns), SEQUENCES[sequences](rng, step))
        else:
            now_ns = min(both.pop(), 2**62)
        if step % 250 == 0:
            both.check()
    both.drain()


@pytest.mark.parametrize("shape", SHAPES)
def test_it_holds_when_as_much_comes_as_goes(shape: str, limit: Callable[[int, int], int]) -> None:
    rng = random.Random(shape)
    both = Both(1000)
    for _ in range(limit(1000, 300)):
        both.push(SHAPES[shape](rng, 0))
    for step in range(limit(5000, 500)):
        both.push(SHAPES[shape](rng, min(both.pop(), 2**62)))
        if step % 500 == 0:
            both.check()
    both.drain()


def test_near_waits_before_a_far_crowd_come_first_every_time() -> None:
    both = Both(1000)
    hour_ns = 3600 * 10**9
    for i in range(400):
        both.push(hour_ns + i % 7)
    for now_ns in range(0, 10**9, 10**8):
        for i in range(100):
            both.push(now_ns + 1000 - i)
        both.check()
        for _ in range(100):
            both.pop()
    both.check()
    both.drain()


def test_a_far_wait_opened_early_leaves_the_near_ones_first() -> None:
    both = Both(1000)
    both.push(0)
    both.push(10**6)
    both.push(2**41)  # in one list with the wait before
    both.pop()
    both.pop()
    for i in range(500):
        both.push(2 * 10**6 + i * i % 1009)  # all before the edge: it must go back
        both.push(2**41 + i % 3)
    both.check()
    assert both.calendar.head[0]["heap"] <= 70
    both.drain()


def test_a_crowd_at_one_instant_is_not_a_heap() -> None:
    both = Both(5000)
    for _ in range(1000):
        both.push(5)
    both.pop()
    for rank in (0, 2**48) * 300:
        both.push(5, both.count + 1 + rank)
    assert 0 == both.calendar.head[0]["heap"]
    both.check()
    both.drain()


@pytest.mark.parametrize("capacity", [1, 2, SMALL - 1, SMALL, SMALL + 1, 500])
def test_a_calendar_takes_what_it_was_made_for(capacity: int) -> None:
    calendar = new_calendar(capacity)
    for i in range(capacity):
        assert calendar_room(calendar, 1)
        assert not calendar_room(calendar, capacity - i + 1)
        push_wait(calendar, np.int64(i * 10**6), np.int64(i), np.int64(i))
    assert not calendar_room(calendar, 1)
    assert "" == calendar_fault(calendar)
    assert list(range(capacity)) == [int(pop_wait(calendar)) for _ in range(capacity)]


@pytest.mark.parametrize("capacity", [1, SMALL // 2, SMALL, 100])
def test_more_room_changes_nothing_else(capacity: int) -> None:
    rng = random.Random(capacity)
    both = Both(capacity)
    for _ in range(capacity):
        both.push(rng.choice((rng.randrange(10**12), NEVER)))
    before = [part.copy() for part in both.calendar]
    both.calendar, old = roomier_calendar(both.calendar), both.calendar
    assert all((one == other).all() for one, other in zip(before, old, strict=True))
    assert calendar_room(both.calendar, capacity)
    both.check()
    for _ in range(capacity):
        both.push(rng.randrange(10**12))
    both.check()
    both.drain()


def test_a_small_calendar_is_small() -> None:
    assert 1200 > sum(part.nbytes for part in new_calendar(24))
    assert 4000 > sum(part.nbytes for part in new_calendar(SMALL))


def _with_lists() -> Calendar:
    """Something in the heap, in a run and in lists."""
    both = Both(200)
    for i in range(100):
        both.push(i * 1000)
    for _ in range(3):
        both.pop()
    for _ in range(3):
        both.push(int(both.calendar.head[0]["edge_ns"]))
        both.push(0)
    assert both.calendar.head[0]["heap"] > 1
    return both.calendar


@pytest.mark.parametrize(
    ("part", "field", "value", "words"),
    [
        ("head", "count", 1, "the head says 1"),
        ("head", "first_ns", 77, "another first time"),
        ("head", "edge_ns", 10**9, "run 0"),
        ("head", "levels", 0, "not marked as in use"),
        ("lists", "last", 0, "another end"),
        ("lists", "first_ns", -5, "another first time"),
    ],
)
def test_a_broken_calendar_is_named(part: str, field: str, value: int, words: str) -> None:
    calendar = _with_lists()
    assert "" == calendar_fault(calendar)
    getattr(calendar, part)[field] = value
    assert words in calendar_fault(calendar)


def test_a_heap_out_of_order_is_named() -> None:
    calendar = _with_lists()
    count = int(calendar.head[0]["heap"])
    calendar.heap[:count] = calendar.heap[:count][::-1].copy()
    assert "heap leaves before its parent" in calendar_fault(calendar)
