"""Making worlds: their memory, copies, and more room when a kernel asks for it.

A kernel that lacks room returns a status before it applies its event.  The functions here return the same world, with the same content, in
larger arrays; the caller resumes at the same event and gets the same answer as if there had been room from the start.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lobsim.core.book import BookSize, new_book
from lobsim.core.ids import add_id
from lobsim.core.jit import borrow, kernel
from lobsim.core.layout import ANONYMOUS, BLOCK, TIMER, Book
from lobsim.core.levels import find_best, first_level, fold, next_level, place_level, window_of
from lobsim.core.state import GAP, MAIL, OWN_ORDER, PUBLISHED, TAPE, WORLD, World
from lobsim.core.tape import prepare_tape
from lobsim.types import FILL, MESSAGE, NEVER, NONE, REPORT, Status

_LARGEST_WINDOW = 2**18


@kernel
def _index_book(old, new):
    """Enter the levels and ids of `old` in the empty indices of `new`, whose pool already holds its nodes.

    changes: new.ladder, new.bits, new.far, new.ids, new.dense, new.sides.  Returns False if the far list is too short.
    """
    old = borrow(old)
    new = borrow(new)
    half = len(new.far) >> 1
    for side in range(2):
        level = first_level(old, side)
        best_key = np.int64(old.sides[side]["best_key"])
        centre = best_key if best_key != NEVER else np.int64(0)
        if best_key == NEVER and level != 0:
            centre = fold(side, np.int64(old.nodes[level]["key"]))
        new.sides[side]["base"] = centre - (window_of(new) >> 1)
        new.sides[side]["orders"] = old.sides[side]["orders"]
        while level != 0:
            key = fold(side, np.int64(old.nodes[level]["key"]))
            if new.sides[side]["far"] >= half:
                return False
            place_level(new, side, key, level)
            new.sides[side]["levels"] += 1
            slot = np.int64(old.nodes[level]["next"])
            while slot != level:
                if not old.nodes[slot]["meta"] & (ANONYMOUS | BLOCK):
                    add_id(new, np.int64(old.nodes[slot]["key"]), slot)
                slot = np.int64(old.nodes[slot]["next"])
            level = next_level(old, side, key)
        find_best(new, side, -(2**60))
    return True


def book_size(book: Book) -> BookSize:
    """The capacities a book was made with."""
    return BookSize(
        orders=len(book.nodes) - 1,
        window=len(book.ladder) // 2,
        far=len(book.far) // 2,
        ids=len(book.ids),
        dense=len(book.dense),
        timers=len(book.timers),
    )


def resize_book(book: Book, size: BookSize) -> Book:
    """The same book in other capacities, its windows centred on the best prices.

    If the far list turns out too short for the new window it is doubled until it fits.
    """
    while True:
        new = new_book(size)
        count = min(len(book.nodes), len(new.nodes))
        new.nodes[:count] = book.nodes[:count]
        new.info[:count] = book.info[:count]
        timers = int(book.head[0]["timers"])
        new.timers[:timers] = book.timers[:timers]
        new.head[:] = book.head
        new.head["ids"] = 0
        if _index_book(book, new):
            return new
        size = size._replace(far=2 * size.far)


def roomier_book(book: Book, status: int) -> Book:
    """The same book with twice the room of the kind a status asked for."""
    size = book_size(book)
    if status == Status.ROOM_ORDERS:
        size = size._replace(orders=2 * size.orders)
    elif status == Status.ROOM_IDS:
        size = size._replace(ids=2 * size.ids)
    elif status == Status.ROOM_TIMERS:
        size = size._replace(timers=2 * size.timers)
    elif status == Status.ROOM_LEVELS:
        recentred = resize_book(book, size)
        # Only worth it if it clears most of the list; otherwise the same status would come back for ever.
        if 2 * max(recentred.sides["far"]) < max(book.sides["far"]) and book_size(recentred) == size:
            return recentred
        if size.window < _LARGEST_WINDOW:
            size = size._replace(window=min(4 * size.window, _LARGEST_WINDOW))
        else:
            size = size._replace(far=2 * size.far)
    return resize_book(book, size)


class WorldSize(NamedTuple):
    """Capacities of a world to begin with; all but the ring's grow as needed by doubling."""

    book: BookSize = BookSize()
    seen: BookSize = BookSize(orders=4096, ids=64, timers=2)
    own: int = 256
    fills: int = 1024
    reports: int = 4096
    mail: int = 1024
    ring: int = 2**14  # a power of two
    gaps: int = 64


def _read_only(array: np.ndarray) -> np.ndarray:
    """The same memory, not to be written through this array."""
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def new_world(
    tape: np.ndarray,
    rows: np.ndarray,
    truth: np.ndarray,
    params: dict[str, Any],
    size: WorldSize = WorldSize(),
) -> World:
    """A world before its first event.

    tape    TAPE [rows]; tape, rows and truth are shared, and read only in every world
    rows    int64 [rows, 4 K], [1, 4 K] (a seed only) or [0, 0]
    truth   int64 [rows, 4] or [0, 0]
    params  fields of WORLD that were chosen (config.MarketConfig.params)
    """
    world = World(
        head=np.zeros(1, WORLD),
        book=new_book(size.book),
        seen=new_book(size.seen),
        tape=_read_only(tape),
        rows=_read_only(rows),
        truth=_read_only(truth),
        gaps=np.zeros((2, max(size.gaps, rows.shape[1])), GAP),
        own=np.zeros(size.own, OWN_ORDER),
        fills=np.zeros(size.fills, FILL),
        reports=np.zeros(size.reports, REPORT),
        mail=np.zeros(size.mail + 1, MAIL),
        transit=np.zeros(size.mail + 1, TIMER),
        ring=np.zeros(size.ring, PUBLISHED),
    )
    head = world.head[0]
    for name in ("wake_ns", "report_wake_ns", "touch_wake_ns"):
        head[name] = NEVER
    for name in ("worst_0", "worst_1"):  # before its first row a book cut to K levels shows no price
        head[name] = -NEVER if len(rows) else NEVER
    for name in ("now_ns", "last_to_venue_ns", "last_to_owner_ns", "read_ns", "touch_ns"):
        head[name] = -NEVER
    for name in ("first_mismatch", "truth_first"):
        head[name] = NONE
    head["mail_fresh"] = 1
    for name, value in params.items():
        head[name] = value
    return world


def make_tape(columns: dict[str, np.ndarray]) -> np.ndarray:
    """A TAPE array from columns of equal length (fields left out are 0), prepared for replay."""
    count = len(columns["ts_ns"])
    tape = np.zeros(count, TAPE)
    for name, values in columns.items():
        tape[name] = values
    tape["limit_ticks"] = tape["price_ticks"]
    prepare_tape(tape)
    return tape


def copy_world(world: World) -> World:
    """An independent world in the same state; the tape and the recorded rows are shared."""
    shared = {"tape", "rows", "truth"}
    parts: dict[str, Any] = {}
    for name, part in world._asdict().items():
        if name in shared:
            parts[name] = part
        elif isinstance(part, Book):
            parts[name] = Book(*(array.copy() for array in part))
        else:
            parts[name] = part.copy()
    return World(**parts)


def _longer(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, np.zeros(len(array), array.dtype)])


def _longer_ring(world: World) -> np.ndarray:
    """The ring twice as long, every unread entry at its new place."""
    head = world.head[0]
    old = world.ring
    new = np.zeros(2 * len(old), old.dtype)
    unread = np.arange(head["read"], head["written"])
    new[unread & (len(new) - 1)] = old[unread & (len(old) - 1)]
    return new


def roomier_world(world: World, status: int) -> World:
    """The same world with more room of the kind a status asked for."""
    if status in (Status.ROOM_ORDERS, Status.ROOM_IDS, Status.ROOM_LEVELS, Status.ROOM_TIMERS):
        return world._replace(book=roomier_book(world.book, status))
    if status == Status.ROOM_REPORTS:
        return world._replace(reports=_longer(world.reports))
    if status == Status.ROOM_FILLS:
        return world._replace(fills=_longer(world.fills))
    if status == Status.ROOM_OWN:
        return world._replace(own=_longer(world.own))
    if status == Status.ROOM_MAILBOX:
        return world._replace(mail=_longer(world.mail), transit=_longer(world.transit))
    if status == Status.ROOM_VIEW_ORDERS:
        return world._replace(seen=roomier_book(world.seen, Status.ROOM_ORDERS))
    if status == Status.ROOM_VIEW_LEVELS:
        return world._replace(seen=roomier_book(world.seen, Status.ROOM_LEVELS))
    if status == Status.ROOM_RING:
        return world._replace(ring=_longer_ring(world))
    raise ValueError(f"status {status} asks for no room")


def scratch() -> tuple[np.ndarray, np.ndarray]:
    """The scratch arrays `advance` wants: MESSAGE [1] and GAP [512]."""
    return np.zeros(1, MESSAGE), np.zeros(512, GAP)
