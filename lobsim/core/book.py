"""The verbs of a book: orders join, change size and leave; totals, best prices and ids follow.

Invariants after every verb (walked by ``audit``):

- a level exists exactly while an order stands in its queue; its size is the sum of its orders' sizes
- ``sides[side]["best"]`` is the first level with size > 0
- an order is in the id map exactly while it stands in a queue (anonymous quantity has no id and is not)
- ``surplus`` and ``deficit`` of the head are the sums over recorded orders of size above, and below, hist

Orders of size 0 stand in a queue only if history still counts on them (``hist > 0``) or if they are blocks of a replayed level.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.core.ids import add_id, remove_id, remove_id_at
from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import (
    ANONYMOUS,
    BLOCK,
    EXTRA,
    FAR,
    FIRST_LEVEL,
    HAS_EXTRA,
    HEAD,
    HIDDEN,
    ID,
    INFO,
    NODE,
    OWN,
    RECORDED,
    RULED,
    SIDE,
    SIDE_BIT,
    SPECIAL,
    TIMED,
    TIMER,
    UNUSUAL,
    Book,
)
from lobsim.core.levels import first_of_pool, fold, give_slot, level_emptied, level_for, take_slot
from lobsim.core.memory import Wanted, zeros_together
from lobsim.types import MAX_PRICE_TICKS, NEVER, NONE, RULES, TERMS, Phase, Status

_WORD, _NUMBER = np.dtype(np.uint64), np.dtype(np.int64)


class BookSize(NamedTuple):
    """Capacities of a book.  All but the window and the far list may be any number from 2 on."""

    orders: int = 4096  # orders and levels together
    window: int = 4096  # ticks per side, a power of two from 64 to 2^18
    far: int = 64  # levels outside the window, per side
    ids: int = 8192  # slots of the id table, a power of two; half of it may be live
    dense: int = 1  # ids below this index a table directly
    timers: int = 64
    extras: int = 8  # icebergs, stops and pegged orders
    owners: int = 1


def default_rules() -> np.ndarray:
    """RULES [1] of a venue that asks for nothing."""
    rules = np.zeros(1, RULES)
    rules["tick_step"] = rules["lot_step"] = 1
    rules["band_low_ticks"], rules["band_high_ticks"] = -MAX_PRICE_TICKS, MAX_PRICE_TICKS
    return rules


def _asks_for_care(rules: np.ndarray) -> int:
    """RULED and UNUSUAL: whether a rule, and whether the phase, concerns plain limit orders too."""
    names = [name for name in RULES.names or () if name not in ("top_orders", "reference_ticks", "phase")]
    ruled = RULED if rules[names].tolist() != default_rules()[names].tolist() else 0
    return ruled | (UNUSUAL if rules[0]["phase"] != Phase.CONTINUOUS else 0)


def _arrays_of(size: BookSize) -> Wanted:
    """Shapes and types of a book's arrays, but for its rules."""
    nodes, leaf = FIRST_LEVEL + 2 * size.window + size.orders, size.window // 64
    return {
        "head": (1, HEAD),
        "sides": (2, SIDE),
        "nodes": (nodes, NODE),
        "info": (nodes, INFO),
        "leaf": (2 * leaf, _WORD),
        "upper": (2 * ((leaf + 63) // 64 + 1), _WORD),
        "far": (2 * size.far, FAR),
        "ids": (size.ids, ID),
        "dense": (size.dense, np.dtype(np.uint32)),
        "timers": (size.timers, TIMER),
        "extras": (size.extras + 1, EXTRA),
        "buy_stops": (size.extras, TIMER),
        "sell_stops": (size.extras, TIMER),
        "pegs": (size.extras, _NUMBER),
        "positions": (size.owners, _NUMBER),
        "no_terms": (1, TERMS),
    }


def new_book(size: BookSize = BookSize(), rules: np.ndarray | None = None, *, reader: bool = False) -> Book:
    """An empty book: all its memory, made here once.

    rules   RULES [1], None for a venue that asks for nothing
    reader  whether it holds totals only: its ledgers are never used, and not touched
    """
    made = zeros_together(_arrays_of(size), untouched=("info",) if reader else ())
    book = Book(rules=default_rules() if rules is None else rules.copy(), **made)
    for step in ("tick_step", "lot_step"):
        book.rules[step] = np.maximum(book.rules[step], 1)
    _begin(book)
    return book


def _begin(book: Book) -> None:
    """What an empty book holds besides zeros."""
    book.head["fresh"] = FIRST_LEVEL + 64 * len(book.leaf)  # `first_of_pool`, without compiling it for a bare tuple
    book.head["clock_ns"] = -NEVER
    book.head["extra_fresh"] = 1
    book.head["low_ticks"], book.head["high_ticks"] = NEVER, -NEVER
    book.head["ruled"] = _asks_for_care(book.rules)
    book.sides["best_key"] = NEVER
    book.sides["first"] = FIRST_LEVEL, FIRST_LEVEL + 32 * len(book.leaf)


@inline
def pool_left(book):
    """Slots of the pool that are free: it holds the orders, and the levels outside the window."""
    buys = book.sides[0]
    sells = book.sides[1]
    used = buys["orders"] + sells["orders"] + buys["far"] + sells["far"] + book.head[0]["waiting"]
    return len(book.nodes) - first_of_pool(book) - np.int64(used)


@inline
def room(book, slots):
    """Whether `slots` more nodes, as many ids and a far level fit.  Asked before an event is applied."""
    head = book.head[0]
    if pool_left(book) < slots:
        return Status.ROOM_ORDERS
    if 2 * (head["ids"] + slots) > len(book.ids):
        return Status.ROOM_IDS
    half = len(book.far) >> 1
    if book.sides[0]["far"] + slots > half or book.sides[1]["far"] + slots > half:
        return Status.ROOM_LEVELS
    return Status.OK


@inline
def link_before(book, slot, place):
    """Put slot in the queue in front of place (an order, or the level itself: then at the back)."""
    before = np.int64(book.nodes[place]["prev"])
    book.nodes[slot]["prev"] = before
    book.nodes[slot]["next"] = place
    book.nodes[before]["next"] = slot
    book.nodes[place]["prev"] = slot


@inline
def unlink(book, slot):
    """Take slot out of its queue."""
    before = np.int64(book.nodes[slot]["prev"])
    after = np.int64(book.nodes[slot]["next"])
    book.nodes[before]["next"] = after
    book.nodes[after]["prev"] = before


@inline
def _grow(book, side, level, key, size):
    """`grow_level` of a level whose folded price is known."""
    book.nodes[level]["size"] += size
    if size > 0 and key < book.sides[side]["best_key"]:
        book.sides[side]["best_key"] = key
        book.sides[side]["best"] = level


@inline
def grow_level(book, side, level, size):
    """Add size >= 0 to a level's total; it may become the best."""
    _grow(book, side, level, fold(side, np.int64(book.nodes[level]["key"])), size)


@inline
def shrink_level(book, side, level, size):
    """Take size >= 0 off a level's total; without any it is no longer the best."""
    node = book.nodes[level]
    node["size"] -= size
    if node["size"] == 0:
        level_emptied(book, side, level)


@inline
def join(book, side, order_id, price_ticks, size, meta):
    """`add_order`, folded into its caller."""
    level = level_for(book, side, price_ticks)
    slot = take_slot(book)
    node = book.nodes[slot]
    node["level"] = level
    node["meta"] = meta | (side & SIDE_BIT)
    node["size"] = size
    node["key"] = order_id
    link_before(book, slot, level)
    _grow(book, side, level, fold(side, price_ticks), size)
    book.sides[side]["orders"] += 1
    return slot


@kernel
def add_order(book, side, order_id, price_ticks, size, meta):
    """A new order behind everything at its price.  Returns its slot; the caller enters the id.

    order_id     any int64 that is not live
    size         units; 0 only for a recorded order that history counts on
    meta         bits of layout (without SIDE_BIT)

    changes: nodes, the level's size, best of the side
    """
    return join(book, side, order_id, price_ticks, size, meta)


@inline
def slices(reserve, display):
    """How often an iceberg can refresh."""
    return (reserve + display - 1) // display if display > 0 else np.int64(0)


@kernel
def give_extra(book, slot):
    """Return an order's row of EXTRA; a pegged order leaves the list of them.

    changes: book.extras, book.pegs, head
    """
    head = book.head[0]
    row = np.int64(book.info[slot]["extra"])
    extra = book.extras[row]
    head["slices"] -= slices(extra["reserve"], extra["display"])
    extra["reserve"] = 0
    if extra["peg"] != 0:
        place = np.int64(0)
        while book.pegs[place] != slot:
            place += 1
        head["pegs"] -= 1
        for i in range(place, head["pegs"]):
            book.pegs[i] = book.pegs[i + 1]
    extra["free"] = head["extra_free"]
    head["extra_free"] = row
    head["extras"] -= 1


@kernel
def _forget(book, slot):
    """All that knows of an order besides its queue: its id, counts, what is hidden of its level, its row of EXTRA.  It still stands in its queue."""
    stay_apart()
    node = book.nodes[slot]
    meta = np.int64(node["meta"])
    if not meta & (ANONYMOUS | BLOCK):
        remove_id(book, np.int64(node["key"]))
    else:
        # Nobody finds it by an id any more: its timer must see here that it is gone.
        node["meta"] = meta & ~TIMED
    if meta & OWN:
        book.head[0]["own_resting"] -= 1
    if meta & HIDDEN:
        level = book.info[np.int64(node["level"])]
        level["hidden"] -= node["size"]
        if level["first_hidden"] == slot:
            level["first_hidden"] = np.int64(node["next"]) if node["next"] != node["level"] else np.int64(0)
    if meta & SPECIAL:
        book.head[0]["specials"] -= 1
    if meta & HAS_EXTRA:
        give_extra(book, slot)


@inline
def take_out(book, slot, order_id, place, level, meta, size):
    """`remove_order`, folded into a caller that knows the order's node, and its id's place (`ids.find_place`) or NONE."""
    side = meta & SIDE_BIT
    if meta & (OWN | ANONYMOUS | BLOCK | SPECIAL):
        _forget(book, slot)
    else:
        if place == NONE:
            remove_id(book, order_id)
        else:
            remove_id_at(book, order_id, place)
    unlink(book, slot)
    left = np.int64(book.nodes[level]["size"] - size)
    book.nodes[level]["size"] = left
    book.sides[side]["orders"] -= 1
    give_slot(book, slot)
    if left == 0:
        level_emptied(book, side, level)


@kernel
def remove_order(book, slot):
    """An order leaves: queue, totals, level if it was the last, id and pool.

    changes: everything that spoke of it
    """
    node = book.nodes[slot]
    order_id = np.int64(node["key"])
    take_out(book, slot, order_id, NONE, np.int64(node["level"]), np.int64(node["meta"]), np.int64(node["size"]))


@kernel
def change_size(book, slot, change):
    """An order that stays, possibly with 0, gains or loses size; it keeps its place."""
    node = book.nodes[slot]
    level = np.int64(node["level"])
    side = np.int64(node["meta"]) & SIDE_BIT
    node["size"] += change
    if node["meta"] & HIDDEN:
        book.info[level]["hidden"] += change
    if change > 0:
        grow_level(book, side, level, change)
    elif change < 0:
        shrink_level(book, side, level, -change)


@kernel
def set_recorded(book, slot, size, hist):
    """Give a recorded order new ledgers; with both 0 it leaves.  Surplus and deficit follow.

    slot  index of a live RECORDED order
    size  units that rest in the simulated book, >= 0
    hist  units that history says remain, >= 0
    """
    stay_apart()
    node = book.nodes[slot]
    info = book.info[slot]
    head = book.head[0]
    level = np.int64(node["level"])
    gap = np.int64(node["size"] - info["hist"])
    if gap > 0:
        head["surplus"] -= gap
    else:
        head["deficit"] += gap
    gap = size - hist
    if gap > 0:
        head["surplus"] += gap
    else:
        head["deficit"] -= gap
    book.info[level]["hist"] += hist - info["hist"]
    info["hist"] = hist
    change_size(book, slot, size - np.int64(node["size"]))
    if size == 0 and hist == 0:
        remove_order(book, slot)


@kernel
def add_recorded(book, side, order_id, price_ticks, size, hist, meta, before):
    """A recorded order joins with its two ledgers.  Returns its slot.

    meta    RECORDED, possibly with ANONYMOUS (then it gets no id)
    before  slot of the order in front of which it stands, 0 = at the back
    """
    slot = add_order(book, side, order_id, price_ticks, size, meta)
    if before != 0:
        unlink(book, slot)
        link_before(book, slot, before)
    if not meta & ANONYMOUS:
        add_id(book, order_id, slot)
    info = book.info[slot]
    info["hist"] = hist
    book.info[book.nodes[slot]["level"]]["hist"] += hist
    gap = size - hist
    if gap > 0:
        book.head[0]["surplus"] += gap
    else:
        book.head[0]["deficit"] -= gap
    return slot


@kernel
def trade_maker(book, slot, size):
    """Size of a resting order is traded away: 1 <= size <= what rests.

    A recorded order whose size comes to 0 keeps its place while history counts on it.
    """
    stay_apart()
    node = book.nodes[slot]
    if node["meta"] & RECORDED:
        set_recorded(book, slot, np.int64(node["size"]) - size, np.int64(book.info[slot]["hist"]))
    elif node["size"] == size and not node["meta"] & BLOCK:
        remove_order(book, slot)
    else:
        change_size(book, slot, -size)


@kernel
def size_ahead(book, slot):
    """Units that stand in front of an order in its queue."""
    level = book.nodes[slot]["level"]
    total = np.int64(0)
    place = book.nodes[level]["next"]
    while place != slot:
        total += book.nodes[place]["size"]
        place = book.nodes[place]["next"]
    return total
