"""The state hash of a world, held against docs/rules.md section 5 in plain integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.core.book import new_book
from lobsim.core.book_hash import state_hash
from lobsim.core.calendar_audit import waiting
from lobsim.core.ids import find_id
from lobsim.core.layout import HAS_EXTRA, OWNER_SHIFT, REDUCING, TIMED, WAITING, Book
from lobsim.core.levels import first_level, first_of_pool, fold, next_level
from lobsim.core.state import World
from lobsim.core.world import copy_world, resize_book
from lobsim.core.world_hash import whole_book_hash, world_hash
from lobsim.snapshot import Snapshot
from lobsim.types import RULES
from tests.support.batches import ROOMY_BOOK, SMALL, TINY, TYPED, busy_world, end_of, run_alone, tapes, typed_halves
from tests.support.worlds import BUY, SELL

BEGIN = 1469598103934665603
OWN = (
    "side type tif flags price_ticks size_lots expire_ns replaces filled_lots known_filled_lots cut_lots"
    " state venue_state reason cancel_sent"
)
FILL = "ts_ns order reason price_ticks size_lots ahead_entry_lots ahead_fill_lots"
MAIL = "to_venue verb order price_ticks size remaining reason"


def fnv(words: list[int]) -> int:
    """FNV-1a over words."""
    h = BEGIN
    for word in words:
        h = ((h ^ (word % 2**64)) * 1099511628211) % 2**64
    return h


def slots_of(book: Book) -> list[int]:
    """Slots of the live orders: those in the queues, then those that wait."""
    found = []
    for side in (BUY, SELL):
        level = int(first_level(book, side))
        while level:
            slot = int(book.nodes[level]["next"])
            while slot != level:
                found.append(slot)
                slot = int(book.nodes[slot]["next"])
            level = int(next_level(book, side, fold(side, int(book.nodes[level]["key"]))))
    waiting = [slot for slot in range(int(first_of_pool(book)), int(book.head[0]["fresh"])) if slot not in found]
    return found + [slot for slot in waiting if book.nodes[slot]["meta"] & WAITING and holds_id(book, slot)]


def holds_id(book: Book, slot: int) -> bool:
    """Whether the order there is still the one of its id."""
    return bool(find_id(book, int(book.nodes[slot]["key"])) == slot)


def order_words(book: Book, slot: int) -> list[int]:
    """What an order has beside price and size."""
    meta, info = int(book.nodes[slot]["meta"]), book.info[slot]
    words = [meta >> OWNER_SHIFT, int(meta & REDUCING > 0)]
    if meta & TIMED:
        words += [int(info["expire_ns"]), int(info["limit_given"])]
    if meta & HAS_EXTRA:
        extra = book.extras[info["extra"]]
        words += [int(extra[name]) for name in "display type stop_ticks limit_ticks arrival peg peg_ticks".split()]
    return [int(book.nodes[slot]["key"]), *words] if any(words[:2]) or meta & (TIMED | HAS_EXTRA) else []


def book_by_the_rules(book: Book) -> int:
    """The hash of a book as the page says it."""
    head = book.head[0]
    venue = [int(value) for value in book.rules[0]]
    venue += [int(head[name]) for name in "traded last_trade_ticks unsettled low_ticks high_ticks".split()]
    for owner in np.flatnonzero(book.positions):
        venue += [int(owner), int(book.positions[owner])]
    venue += [int(book.nodes[slot]["key"]) for slot in book.pegs[: head["pegs"]]]
    orders = sum(fnv(words) for words in (order_words(book, slot) for slot in slots_of(book)) if words)
    return fnv([int(state_hash(book)), int(head["clock_ns"]), orders, fnv(venue)]) >> 1


def by_the_rules(world: World) -> int:
    """The hash as the page says it."""
    head = world.head[0]
    words = [book_by_the_rules(world.book), *(int(head[name]) for name in ("now_ns", "phase", "cursor", "own"))]
    words += [int(mine[name]) for mine in world.own[: head["own"]] for name in OWN.split()]
    words.append(int(head["fills"]))
    words += [int(fill[name]) for fill in world.fills[: head["fills"]] for name in FILL.split()]
    flying = []
    for timer in waiting(world.transit):
        mail = world.mail[timer["ref"]]
        flying.append(fnv([int(timer["ts_ns"]), int(timer["sequence"]), *(int(mail[name]) for name in MAIL.split())]))
    return fnv([*words, len(flying), sum(flying)]) >> 1


def timed_slots(world: World) -> list[int]:
    """Slots of the orders with a time limit."""
    return [slot for slot in slots_of(world.book) if world.book.nodes[slot]["meta"] & TIMED]


@pytest.fixture(scope="module")
def world(limit: Any) -> World:
    """A world in the middle of its day, with own orders, fills and messages in flight."""
    (tape,) = tapes(1, limit(800, 200))
    for share in np.linspace(0.95, 0.3, 40):
        world = run_alone(busy_world(tape), 0, int(tape["ts_ns"][int(share * (len(tape) - 1))]))
        while world.head[0]["own"] and world.transit.head[0]["count"] == 0 and world.head[0]["now_ns"] < end_of(world):
            last = world.own[world.head[0]["own"] - 1]
            world = run_alone(busy_world(tape), 0, int(last["sent_ns"]))
        if all((*world.head[0][["own", "fills"]], world.transit.head[0]["count"])) and timed_slots(world):
            return world
    raise AssertionError("no moment with messages in flight was found")


def test_the_hash_is_the_one_of_the_rules(world: World) -> None:
    assert by_the_rules(world) == world_hash(world)


def test_the_hash_does_not_know_how_much_room_there_is(limit: Any) -> None:
    (tape,) = tapes(1, limit(800, 120))
    hashes = {world_hash(run_alone(busy_world(tape, size), 0)) for size in (TINY, SMALL)}
    assert 1 == len(hashes)


PARTS = [("head", "now_ns"), ("head", "phase"), ("head", "cursor"), ("own", "cut_lots"), ("own", "known_filled_lots")]
PARTS += [("fills", "price_ticks"), ("fills", "ahead_fill_lots"), ("waits", "ts_ns"), ("mail", "remaining")]


@pytest.mark.parametrize(("array", "field"), PARTS)
def test_every_part_of_the_state_changes_the_hash(world: World, array: str, field: str) -> None:
    other = copy_world(world)
    first = int(np.flatnonzero(other.transit.waits["ts_ns"] == waiting(other.transit)["ts_ns"][0])[0])
    place = {"mail": int(waiting(other.transit)["ref"][0]), "waits": first}.get(array, 0)
    getattr(other.transit if array == "waits" else other, array)[place][field] += 1
    assert world_hash(world) != world_hash(other)


def test_a_time_limit_changes_the_hash(world: World) -> None:
    other = copy_world(world)
    other.book.info[timed_slots(world)[0]]["expire_ns"] += 1
    assert world_hash(world) != world_hash(other)


# --- books with every order type


@pytest.fixture(scope="module")
def typed() -> list[Book]:
    """Books that hold icebergs, hidden orders, stops, pegged orders, positions, among them one that is not in the continuous phase."""
    return [typed_halves(*name)[0].book for name in TYPED]


def test_the_hash_of_a_book_is_the_one_of_the_rules(typed: list[Book]) -> None:
    for book in typed:
        assert book_by_the_rules(book) == whole_book_hash(book)
    assert all(sum(int(book.head[0][name]) for book in typed) for name in ("waiting", "extras", "pegs", "buy_stops"))
    assert any(book.rules[0]["phase"] for book in typed)


def test_the_hash_of_a_book_does_not_know_how_much_room_there_is(typed: list[Book]) -> None:
    for book in typed:
        assert whole_book_hash(book) == whole_book_hash(resize_book(book, ROOMY_BOOK))


HEAD_PARTS = ("traded", "last_trade_ticks", "clock_ns", "unsettled")
EXTRA_PARTS = ("display", "type", "limit_ticks", "peg", "peg_ticks", "arrival")


@pytest.mark.parametrize("field", [*HEAD_PARTS, *EXTRA_PARTS, *RULES.names, "owner", "reducing", "position", "pegs"])
def test_every_part_of_a_book_changes_its_hash(typed: list[Book], field: str) -> None:
    book = Snapshot(typed[3]).restore(new_book())
    before = whole_book_hash(book)
    pegged = int(book.pegs[0])
    if field in HEAD_PARTS:
        book.head[0][field] += 1
    elif field in EXTRA_PARTS:
        book.extras[book.info[pegged]["extra"]][field] += 1
    elif field in RULES.names:
        book.rules[0][field] += 1
    elif field == "position":
        book.positions[-1] += 1
    elif field == "pegs":
        book.pegs[:2] = book.pegs[1::-1].copy()
    else:
        book.nodes[pegged]["meta"] ^= REDUCING if field == "reducing" else 1 << OWNER_SHIFT
    assert before != whole_book_hash(book)
