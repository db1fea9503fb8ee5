"""Ids and time limits: the id map next to a dictionary, the heap next to sorting, and limits that stay with their order."""

from __future__ import annotations

import heapq
import random

import numpy as np
import pytest

from lobsim import Book
from lobsim.core.book import BookSize, new_book
from lobsim.core.ids import add_id, find_id, id_range, remove_id
from lobsim.core.layout import TIMER
from lobsim.core.timers import pop_timer, push_timer
from lobsim.types import MESSAGE, REPORT, ReportKind, TimeInForce, Verb
from tests.lobsim.core.test_matching_differential import TINY

_SPREAD = 0x9E3779B97F4A7C15
IDS = 64
NS = 1_000_000_000


def colliding_ids(count: int) -> list[int]:
    """Ids whose home is the same place of a table of IDS slots, and the place before its end: runs wrap around."""
    found: list[int] = []
    candidate = 1 << 40
    while len(found) < count:
        if ((candidate * _SPREAD) % 2**64 >> 20) % IDS == IDS - 2:
            found.append(candidate)
        candidate += 1
    return found


@pytest.mark.parametrize("dense", [1, 50])
def test_the_id_map_is_a_dictionary(dense: int) -> None:
    book = new_book(BookSize(ids=IDS, dense=dense))
    rng = random.Random(2)
    names = [*colliding_ids(20), *range(60), -1, -(2**63), 2**63 - 1]
    expected: dict[int, int] = {}
    for step in range(1, 1500):
        order_id = rng.choice(names)
        if order_id in expected:
            remove_id(book, order_id)
            del expected[order_id]
        elif sum(not 0 <= name < dense for name in expected) < IDS // 2:
            add_id(book, order_id, step)
            expected[order_id] = step
        if step % 10 == 0:
            assert expected == {name: int(find_id(book, name)) for name in names if find_id(book, name)}
    assert sum(not 0 <= name < dense for name in expected) == book.head[0]["ids"]


def test_the_range_of_ids_covers_both_names_of_a_message() -> None:
    messages = np.zeros(4, MESSAGE)
    messages["order_id"] = (5, -3, 7, 900)
    messages["new_id"] = (5, 5, 40, 900)
    assert (-3, 40) == tuple(id_range(messages, 0, 3))
    assert (7, 40) == tuple(id_range(messages, 2, 3))


def test_the_heap_gives_times_in_order_and_ties_as_they_were_pushed() -> None:
    heap = np.zeros(64, TIMER)
    rng = random.Random(4)
    expected: list[tuple[int, int]] = []
    for sequence in range(1500):
        if len(expected) < 60 and (not expected or rng.random() < 0.52):
            ts_ns = rng.randint(0, 12)
            push_timer(heap, len(expected), ts_ns, sequence, sequence + 1)
            heapq.heappush(expected, (ts_ns, sequence))
        else:
            first = heap[0]
            assert (*expected[0], expected[0][1] + 1) == (first["ts_ns"], first["sequence"], first["ref"])
            pop_timer(heap, len(expected))
            heapq.heappop(expected)


@pytest.fixture
def book() -> Book:
    return Book("1", room=TINY)


def limited(book: Book, order_id: int, expire_ns: int, price: int = 100) -> None:
    """A buy order with a time limit."""
    book.limit(order_id, "buy", price, 5, "gtd", expire_ns=expire_ns, ts_ns=1)


def expired(book: Book, ts_ns: int) -> list[int]:
    """Ids that leave when the clock moves to ts_ns, in order."""
    reports = book.cancel(-77, ts_ns=ts_ns)
    return [report.order_id for report in reports if report.kind == ReportKind.EXPIRED]


def test_a_limit_ends_at_its_instant_and_not_before(book: Book) -> None:
    limited(book, 1, 2 * NS)
    assert [] == expired(book, 2 * NS - 1)
    assert [1] == expired(book, 2 * NS)
    assert 0 == book.orders


def test_a_replaced_order_keeps_its_turn_among_equal_limits(book: Book) -> None:
    for order_id in (1, 2, 3, 4):
        limited(book, order_id, 9)
    book.replace(1, 99, 5)  # to the back of another queue
    book.replace(2, 100, 4, new_id=20)  # another name, at its place
    book.replace(4, 100, 5, lose_place=True)
    assert [1, 20, 3, 4] == expired(book, 9)
    book.audit()


def test_an_id_used_again_waits_its_turn_among_equal_limits(book: Book) -> None:
    limited(book, 1, 9)
    limited(book, 2, 9)
    book.cancel(1)
    limited(book, 1, 9)  # the same id, slot and instant as the order that left
    assert [2, 1] == expired(book, 9)


def test_an_id_used_again_without_a_limit_stays(book: Book) -> None:
    limited(book, 1, 9)
    book.cancel(1)
    book.limit(1, "buy", 100, 5)
    assert [] == expired(book, 10)
    assert 1 == book.orders


def test_limits_of_orders_that_left_do_not_fill_the_heap(book: Book) -> None:
    limited(book, 1, 9)
    for i in range(300):
        book.replace(1, 100 + i % 2, 5)
        limited(book, 1000 + i, 9)
        book.cancel(1000 + i)
    assert len(book.arrays.timers) <= 8
    assert book.arrays.head[0]["timers"] <= 8
    book.audit()
    assert [1] == expired(book, 9)


@pytest.mark.parametrize("spare", range(0, 45, 4))
def test_everything_may_expire_at_once_however_little_room_there_is(spare: int) -> None:
    messages = np.zeros(41, MESSAGE)
    messages["order_id"] = range(1, 42)
    messages["side"][1::2] = 1
    messages["price_ticks"] = 100 + 10 * messages["side"]
    messages["size_lots"] = 1
    messages["tif"] = TimeInForce.GTD
    messages["expire_ns"] = 9
    messages[-1]["ts_ns"] = 9
    messages[-1]["verb"] = Verb.CANCEL
    reports = Book("1", room=TINY).run(messages, np.zeros(len(messages) + spare, REPORT))
    assert [*range(1, 41), 41] == reports["order_id"][reports["sequence"] == 40].tolist()
    assert 40 == np.count_nonzero(reports["kind"] == ReportKind.EXPIRED)
