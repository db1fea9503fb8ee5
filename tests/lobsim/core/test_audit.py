"""The audit finds what is broken and says where; the state hash sees every word of the book."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lobsim import Book, LobsimError
from lobsim.book_shell import check
from lobsim.core.audit import Broken
from lobsim.core.book import BookSize, add_order, add_recorded, new_book, set_recorded
from lobsim.core.book_hash import state_hash
from lobsim.core.layout import ANONYMOUS, BLOCK, OWN, RECORDED
from lobsim.core.layout import Book as Arrays
from lobsim.core.levels import find_level, fold
from lobsim.types import Side
from tests.oracle.book import FNV_PRIME, FNV_START

BUY, SELL = int(Side.BUY), int(Side.SELL)


@pytest.fixture
def arrays() -> Arrays:
    """Bids at 100 (two orders) and 99, asks at 101 (one with a time limit), 103 and, out of the window, 9000."""
    book = Book("1", room=BookSize(orders=64, window=64, far=8, ids=32, dense=8, timers=8))
    for order_id, side, price in (
        (1, "buy", 100),
        (2, "buy", 100),
        (300, "buy", 99),
        (4, "sell", 103),
        (5, "sell", 9000),
    ):
        book.limit(order_id, side, price, 10)
    book.limit(6, "sell", 101, 10, "gtd", expire_ns=50, ts_ns=1)
    book.limit(7, "sell", 104, 1)
    book.cancel(7)
    return book.arrays


def level_at(arrays: Arrays, side: int, price: int) -> int:
    return int(find_level(arrays, side, fold(side, price)))


def first_at(arrays: Arrays, side: int, price: int) -> int:
    return int(arrays.nodes[level_at(arrays, side, price)]["next"])


def put(array: str, slot: Callable[[Arrays], int], field: str | None, value: int) -> Callable[[Arrays], None]:
    """A corruption: one field of one record."""

    def corrupt(arrays: Arrays) -> None:
        target = getattr(arrays, array)
        if field is None:
            target[slot(arrays)] = value
        else:
            target[slot(arrays)][field] = value

    return corrupt


def bid(arrays: Arrays) -> int:
    return first_at(arrays, BUY, 100)


def bid_level(arrays: Arrays) -> int:
    return level_at(arrays, BUY, 100)


def ask_window(arrays: Arrays) -> int:
    """Slot in the window of the sell side, away from every level."""
    return 4 * 16 * len(arrays.leaf) - 2


CORRUPTIONS: list[tuple[Broken, Callable[[Arrays], None], str]] = [
    (Broken.POOL, put("head", lambda a: 0, "free", 0), ""),
    (Broken.POOL, put("head", lambda a: 0, "fresh", 200), ""),
    (Broken.QUEUE_LINKS, put("nodes", bid, "prev", 0), "buy side, price 100 ticks"),
    (Broken.QUEUE_LINKS, put("nodes", bid_level, "prev", 1), "buy side, price 100 ticks"),
    (Broken.ORDER_PLACE, put("nodes", bid, "meta", 1), "buy side, price 100 ticks"),
    (Broken.ORDER_PLACE, put("nodes", bid, "level", 0), "buy side, price 100 ticks"),
    (Broken.ORDER_SIZE, put("nodes", bid, "size", -10), "buy side, price 100 ticks"),
    (Broken.ORDER_SIZE, put("nodes", bid, "size", 0), "buy side, price 100 ticks"),
    (Broken.LEVEL_SIZE, put("nodes", bid_level, "size", 21), "buy side, price 100 ticks"),
    (Broken.LEVEL_HIST, put("info", bid_level, "hist", 1), "buy side, price 100 ticks"),
    (Broken.LEVEL_ORDER, put("nodes", bid_level, "level", 0), "buy side, price 100 ticks"),
    (Broken.LEVEL_INDEX, put("nodes", ask_window, "next", 1), "sell side"),
    (Broken.BEST, put("sides", lambda a: SELL, "best_key", 102), "sell side, price 101 ticks"),
    (Broken.BEST, put("sides", lambda a: BUY, "best", 0), "buy side, price 100 ticks"),
    (Broken.COUNTS, put("sides", lambda a: BUY, "orders", 4), "buy side"),
    (Broken.COUNTS, put("sides", lambda a: SELL, "levels", 2), "sell side"),
    (Broken.COUNTS, put("head", lambda a: 0, "own_resting", 1), ""),
    (Broken.ID_MISSING, put("dense", lambda a: 2, None, 0), "buy side, price 100 ticks"),
    (Broken.ID_STRAY, put("dense", lambda a: 7, None, 2), ""),
    (Broken.ID_STRAY, put("head", lambda a: 0, "ids", 1), ""),
    (Broken.LEDGERS, put("head", lambda a: 0, "surplus", 5), ""),
    (Broken.LEDGERS, put("head", lambda a: 0, "deficit", 5), ""),
    (Broken.TIMER, put("timers", lambda a: 0, "ts_ns", 51), "sell side, price 101 ticks"),
    (Broken.TIMER, put("head", lambda a: 0, "timers", 0), "sell side, price 101 ticks"),
]


def test_a_sound_book_passes(arrays: Arrays) -> None:
    check(arrays)


@pytest.mark.parametrize(
    ("expected", "corrupt", "place"), CORRUPTIONS, ids=[f"{i}-{entry[0].name}" for i, entry in enumerate(CORRUPTIONS)]
)
def test_the_audit_names_what_is_broken_and_where(
    arrays: Arrays, expected: Broken, corrupt: Callable[[Arrays], None], place: str
) -> None:
    corrupt(arrays)
    with pytest.raises(LobsimError, match=f"{place}.*not sound: {expected.name};"):
        check(arrays)


def test_a_level_without_orders_and_a_far_list_out_of_order_are_found(arrays: Arrays) -> None:
    level = level_at(arrays, SELL, 103)
    arrays.nodes[level]["next"] = arrays.nodes[level]["prev"] = level
    with pytest.raises(LobsimError, match=r"sell side, price 103 ticks.*LEVEL_EMPTY"):
        check(arrays)
    other = new_book(BookSize(window=64, far=4))
    for price in (0, 1000, 2000):
        add_order(other, SELL, 0, price, 1, BLOCK)
    check(other)
    other.far[4:6] = other.far[4:6][::-1].copy()
    with pytest.raises(LobsimError, match="sell side"):
        check(other)


@pytest.fixture
def recorded() -> Arrays:
    """A replay's book: recorded orders with two ledgers, an anonymous one, an own order."""
    book = new_book(BookSize(orders=16, window=64, far=4, ids=16))
    add_recorded(book, BUY, 5, 100, 4, 10, RECORDED, 0)
    add_recorded(book, BUY, 0, 100, 3, 3, RECORDED | ANONYMOUS, 0)
    add_recorded(book, SELL, 6, 102, 9, 2, RECORDED, 0)
    return book


def test_an_order_of_size_0_stands_only_while_history_counts_on_it(recorded: Arrays) -> None:
    slot = first_at(recorded, BUY, 100)
    set_recorded(recorded, slot, np.int64(0), np.int64(10))
    check(recorded)
    assert (7, 10) == (recorded.head[0]["surplus"], recorded.head[0]["deficit"])
    recorded.info[slot]["hist"] = 0
    with pytest.raises(LobsimError, match=r"buy side, price 100 ticks.*ORDER_SIZE"):
        check(recorded)


def test_a_missing_own_count_and_a_negative_history_are_found(recorded: Arrays) -> None:
    recorded.info[first_at(recorded, SELL, 102)]["hist"] = -1
    with pytest.raises(LobsimError, match=r"sell side, price 102 ticks.*LEDGERS"):
        check(recorded)
    other = new_book(BookSize(orders=16, window=64, far=4, ids=16))
    add_order(other, SELL, 0, 102, 1, OWN | BLOCK)
    with pytest.raises(LobsimError, match="COUNTS"):
        check(other)


def test_the_state_hash_counts_history_of_recorded_orders_only(recorded: Arrays) -> None:
    add_order(recorded, SELL, 0, 103, 8, BLOCK)
    recorded.info[first_at(recorded, SELL, 103)]["hist"] = 77
    value = FNV_START
    for word in (-1, 100, 5, 4, 10, 0, 3, 3, -2, 102, 6, 9, 2, 103, 0, 8, 0):
        value = ((value ^ (word % 2**64)) * FNV_PRIME) % 2**64
    assert value >> 1 == state_hash(recorded)


@pytest.mark.parametrize("field", ["key", "size"])
def test_the_state_hash_sees_every_order(arrays: Arrays, field: str) -> None:
    seen = {int(state_hash(arrays))}
    for side, price in ((BUY, 100), (BUY, 99), (SELL, 101), (SELL, 9000)):
        arrays.nodes[first_at(arrays, side, price)][field] += 1
        seen.add(int(state_hash(arrays)))
    assert 5 == len(seen)
