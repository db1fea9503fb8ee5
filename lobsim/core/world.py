"""Making worlds: their memory, copies, and more room when a kernel asks for it.

A kernel that lacks room returns a status before it applies its event.  The functions here return the same world, with the same content, in
larger arrays; the caller resumes at the same event and gets the same answer as if there had been room from the start.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lobsim.core.book import BookSize, add_order, grow_level, new_book, pool_left
from lobsim.core.calendar import Calendar, new_calendar, roomier_calendar
from lobsim.core.ids import add_id, find_id
from lobsim.core.jit import borrow, borrow_array, kernel
from lobsim.core.layout import ANONYMOUS, BLOCK, HAS_EXTRA, HEAD, SIDE_BIT, WAITING, Book
from lobsim.core.levels import (
    find_best,
    find_level,
    first_level,
    first_of_pool,
    fold,
    level_for,
    next_level,
    take_slot,
    window_of,
)
from lobsim.core.memory import zeros_together
from lobsim.core.state import DRAWS, GAP, LEG, MAIL, OWN_ORDER, PUBLISHED, TAPE, WORLD, World
from lobsim.core.tape import prepare_tape
from lobsim.core.timers import push_timer, timer_holds
from lobsim.core.triggers import push_stop
from lobsim.types import FILL, MESSAGE, NEVER, NONE, REPORT, Status

_LARGEST_WINDOW = 2**18
_LEGS = 8


@kernel
def _move_orders(old, new, side, level, moved):
    """Every order of a level of `old` joins the level of the same price in `new`; of a reader's level there is the total alone.  Room was made before.

    changes: new; moved[slot in old] = slot in new
    """
    price_ticks = np.int64(old.nodes[level]["key"])
    slot = np.int64(old.nodes[level]["next"])
    if slot == level:
        grow_level(new, side, level_for(new, side, price_ticks), np.int64(old.nodes[level]["size"]))
    first_hidden = np.int64(0)
    while slot != level:
        node = old.nodes[slot]
        place = add_order(new, side, np.int64(node["key"]), price_ticks, np.int64(node["size"]), np.int64(node["meta"]))
        new.info[place] = old.info[slot]
        if slot == old.info[level]["first_hidden"]:
            first_hidden = place
        if not node["meta"] & (ANONYMOUS | BLOCK):
            add_id(new, np.int64(node["key"]), place)
        moved[slot] = place
        slot = np.int64(node["next"])
    place = find_level(new, side, fold(side, price_ticks))
    new.info[place] = old.info[level]
    new.info[place]["first_hidden"] = first_hidden


@kernel
def _move_waiting(old, new, moved):
    """Every order that waits outside the queues.  Room was made before.  changes: new, moved"""
    for slot in range(first_of_pool(old), old.head[0]["fresh"]):
        node = old.nodes[slot]
        if node["meta"] & WAITING == 0 or find_id(old, np.int64(node["key"])) != slot:
            continue
        place = take_slot(new)
        new.nodes[place] = node
        new.info[place] = old.info[slot]
        add_id(new, np.int64(node["key"]), place)
        new.head[0]["waiting"] += 1
        moved[slot] = place


@kernel
def _move_timers(old, new, moved):
    """The time limits and stops of `old` that still hold, and its pegged orders.  changes: new"""
    count = np.int64(0)
    for i in range(old.head[0]["timers"]):
        timer = old.timers[i]
        if timer_holds(old, timer):
            place = np.int64(moved[timer["ref"]])
            push_timer(new.timers, count, np.int64(timer["ts_ns"]), np.int64(timer["sequence"]), place)
            count += 1
    new.head[0]["timers"] = count
    for slot in range(first_of_pool(old), old.head[0]["fresh"]):
        both = HAS_EXTRA | WAITING
        if moved[slot] != 0 and old.nodes[slot]["meta"] & both == both:
            if old.extras[old.info[slot]["extra"]]["peg"] == 0:
                push_stop(new, np.int64(old.nodes[slot]["meta"]) & SIDE_BIT, np.int64(moved[slot]))
    for i in range(old.head[0]["pegs"]):
        new.pegs[i] = moved[old.pegs[i]]


@kernel
def _room_for_queue(old, new, level):
    """Whether the pool of `new` takes the queue of a level of `old`, and a level outside the window."""
    left = pool_left(new) - 1
    slot = np.int64(old.nodes[level]["next"])
    while slot != level:
        left -= 1
        slot = np.int64(old.nodes[slot]["next"])
    return Status.OK if left >= 0 else Status.ROOM_ORDERS


@kernel
def _move_book(old, new, moved):
    """Fill the empty book `new` with all that `old` holds, its windows centred on the best prices.

    moved  uint32 [nodes of old], scratch

    Returns OK, or the room that `new` lacks (it is then half filled).
    """
    old = borrow(old)
    new = borrow(new)
    moved = borrow_array(moved)
    for side in range(2):
        level = first_level(old, side)
        centre = np.int64(old.sides[side]["best_key"])
        if centre == NEVER:
            centre = fold(side, np.int64(old.nodes[level]["key"])) if level != 0 else np.int64(0)
        new.sides[side]["base"] = centre - (window_of(new) >> 1)
        while level != 0:
            key = fold(side, np.int64(old.nodes[level]["key"]))
            if new.sides[side]["far"] >= len(new.far) >> 1:
                return Status.ROOM_LEVELS
            status = _room_for_queue(old, new, level)
            if status != Status.OK:
                return status
            _move_orders(old, new, side, level, moved)
            level = next_level(old, side, key)
        find_best(new, side, -(2**60))
    if pool_left(new) < old.head[0]["waiting"]:
        return Status.ROOM_ORDERS
    _move_waiting(old, new, moved)
    _move_timers(old, new, moved)
    return Status.OK


def book_size(book: Book) -> BookSize:
    """The capacities a book was made with."""
    window = 32 * len(book.leaf)
    return BookSize(
        orders=len(book.nodes) - 1 - 2 * window,
        window=window,
        far=len(book.far) // 2,
        ids=len(book.ids),
        dense=len(book.dense),
        timers=len(book.timers),
        extras=len(book.pegs),
        owners=len(book.positions),
    )


_KEPT_BY_MOVING = ("free", "fresh", "ids", "timers", "waiting", "buy_stops", "sell_stops")
"""Fields of a book's head that follow from its capacities."""


def resize_book(book: Book, size: BookSize) -> Book:
    """The same book in other capacities, its windows centred on the best prices.

    If the far list or the pool turns out too short for the new window it is doubled until it fits.
    """
    while True:
        moved = np.zeros(len(book.nodes), np.uint32)
        new = new_book(size, book.rules)
        new.extras[: len(book.extras)] = book.extras
        new.positions[: len(book.positions)] = book.positions
        status = _move_book(book, new, moved)
        if status == Status.OK:
            for name in HEAD.names or ():
                if name not in _KEPT_BY_MOVING:
                    new.head[name] = book.head[name]
            return new
        if status == Status.ROOM_LEVELS:
            size = size._replace(far=2 * size.far)
        else:
            size = size._replace(orders=2 * size.orders)


def roomier_book(book: Book, status: int) -> Book:
    """The same book with twice the room of the kind a status asked for."""
    size = book_size(book)
    if status == Status.ROOM_ORDERS:
        size = size._replace(orders=2 * size.orders)
    elif status == Status.ROOM_IDS:
        size = size._replace(ids=2 * size.ids)
    elif status == Status.ROOM_TIMERS:
        size = size._replace(timers=2 * size.timers)
    elif status == Status.ROOM_EXTRAS:
        size = size._replace(extras=2 * size.extras)
    elif status == Status.ROOM_OWNERS:
        size = size._replace(owners=4 * size.owners)
    elif status == Status.ROOM_LEVELS and 2 * max(book.sides["far"]) <= size.far:
        size = size._replace(far=2 * size.far)  # the list is short, not the window
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
    ring: int = 2**12  # a power of two
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
    legs: np.ndarray | None = None,
    delays: np.ndarray | None = None,
    most_arrivals: int = 0,
) -> World:
    """A world before its first event.

    tape    TAPE [rows]; tape, rows and truth are shared, and read only in every world
    rows    int64 [rows, 4 K], [1, 4 K] (a seed only) or [0, 0]
    truth   int64 [rows, 4] or [0, 0]
    params  fields of WORLD that were chosen (config.MarketConfig.params)
    legs    LEG [8], None where three constants of params are all (lobsim.latency_tables)
    delays  int64 [any], what the legs draw from; legs and delays are shared and read only
    most_arrivals  requests that a window takes, 0: any number
    """
    world = World(
        book=new_book(size.book),
        seen=new_book(size.seen, reader=True),
        tape=_read_only(tape),
        rows=_read_only(rows),
        truth=_read_only(truth),
        transit=new_calendar(size.mail),
        legs=_read_only(np.zeros(_LEGS, LEG) if legs is None else legs),
        delays=_read_only(np.zeros(0, np.int64) if delays is None else delays),
        arrivals=np.zeros(most_arrivals, np.int64),
        own=np.zeros(size.own, OWN_ORDER),
        fills=np.zeros(size.fills, FILL),
        reports=np.zeros(size.reports, REPORT),
        mail=np.zeros(size.mail + 1, MAIL),
        gaps=np.zeros((2, max(size.gaps, rows.shape[1])), GAP),
        **zeros_together({"head": (1, WORLD), "draws": (_LEGS + 1, DRAWS), "ring": (size.ring, PUBLISHED)}),
    )
    head = world.head[0]
    for name in ("wake_ns", "report_wake_ns", "touch_wake_ns", "overlay_ns"):
        head[name] = NEVER
    for name in ("worst_0", "worst_1"):  # before its first row a book cut to K levels shows no price
        head[name] = -NEVER if len(rows) else NEVER
    for name in ("now_ns", "last_to_venue_ns", "last_to_owner_ns", "read_ns", "touch_due_ns", "ready_ns"):
        head[name] = -NEVER
    for name in ("first_mismatch", "truth_first"):
        head[name] = NONE
    head["mail_fresh"] = 1
    head["feed_most_ns"] = params.get("feed_ns", 0)
    world.draws["packet_ns"] = world.draws["due_ns"] = -NEVER
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
    shared = {"tape", "rows", "truth", "legs", "delays"}
    parts: dict[str, Any] = {}
    for name, part in world._asdict().items():
        if name in shared:
            parts[name] = part
        elif isinstance(part, (Book, Calendar)):
            parts[name] = type(part)(*(array.copy() for array in part))
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


_ROOM_IN_BOOK = (
    Status.ROOM_ORDERS,
    Status.ROOM_IDS,
    Status.ROOM_LEVELS,
    Status.ROOM_TIMERS,
    Status.ROOM_EXTRAS,
    Status.ROOM_OWNERS,
)


def roomier_world(world: World, status: int) -> World:
    """The same world with more room of the kind a status asked for."""
    if status in _ROOM_IN_BOOK:
        return world._replace(book=roomier_book(world.book, status))
    if status == Status.ROOM_REPORTS:
        return world._replace(reports=_longer(world.reports))
    if status == Status.ROOM_FILLS:
        return world._replace(fills=_longer(world.fills))
    if status == Status.ROOM_OWN:
        return world._replace(own=_longer(world.own))
    if status == Status.ROOM_MAILBOX:
        mail = np.zeros(2 * len(world.mail) - 1, MAIL)
        mail[: len(world.mail)] = world.mail
        return world._replace(mail=mail, transit=roomier_calendar(world.transit))
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
