"""State hashes that cover all that decides how a world, or a book by itself, goes on (docs/rules.md, section 5).

`whole_book_hash` adds to `book_hash.state_hash` (levels and queues) what orders have beside price and size, the rules, the phase, positions and the last trade.
`world_hash` adds own orders, fills, messages in flight, clock, phase and place on the tape.
What the participant has taken in of the publications is left out, because it takes them in when it looks: how much is still unread is no
difference between two markets.  Where things stand in memory, and how much room there is, plays no part.

Known limit: counters of the drift meter and of the row check are not covered; they are results, and nothing depends on them.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book_hash import state_hash
from lobsim.core.ids import find_id
from lobsim.core.jit import borrow, inline, kernel, mix, mix_word, wrapping_sum
from lobsim.core.layout import HAS_EXTRA, OWNER_SHIFT, REDUCING, TIMED, WAITING, Book
from lobsim.core.levels import first_level, first_of_pool, fold, next_level
from lobsim.core.state import World
from lobsim.types import Impact

_START = np.uint64(1469598103934665603)


@kernel
def _mix_own(world, h):
    """Own orders, first to last."""
    for i in range(world.head[0]["own"]):
        mine = world.own[i]
        h = mix(h, mine["side"])
        h = mix(h, mine["type"])
        h = mix(h, mine["tif"])
        h = mix(h, mine["flags"])
        h = mix(h, mine["price_ticks"])
        h = mix(h, mine["size_lots"])
        h = mix(h, mine["expire_ns"])
        h = mix(h, mine["replaces"])
        h = mix(h, mine["filled_lots"])
        h = mix(h, mine["known_filled_lots"])
        h = mix(h, mine["cut_lots"])
        h = mix(h, mine["state"])
        h = mix(h, mine["venue_state"])
        h = mix(h, mine["reason"])
        h = mix(h, mine["cancel_sent"])
    return h


@kernel
def _mix_fills(world, h):
    """Fills, first to last."""
    for i in range(world.head[0]["fills"]):
        fill = world.fills[i]
        h = mix(h, fill["ts_ns"])
        h = mix(h, fill["order"])
        h = mix(h, fill["reason"])
        h = mix(h, fill["price_ticks"])
        h = mix(h, fill["size_lots"])
        h = mix(h, fill["ahead_entry_lots"])
        h = mix(h, fill["ahead_fill_lots"])
    return h


@inline
def _mail_hash(world, wait):
    """One message in flight."""
    mail = world.mail[wait["ref"]]
    h = mix(_START, wait["ts_ns"])
    h = mix(h, wait["sequence"])
    h = mix(h, mail["to_venue"])
    h = mix(h, mail["verb"])
    h = mix(h, mail["order"])
    h = mix(h, mail["price_ticks"])
    h = mix(h, mail["size"])
    h = mix(h, mail["remaining"])
    return mix(h, mail["reason"])


@kernel
def _mail_sum(world):
    """The messages in flight, wherever in the calendar they wait."""
    transit = world.transit
    total = np.uint64(0)
    for i in range(transit.head[0]["heap"]):
        total = wrapping_sum(total, _mail_hash(world, transit.waits[transit.heap[i]]))
    if transit.head[0]["count"] == transit.head[0]["heap"]:
        return total
    for place in range(len(transit.lists)):
        slot = np.int64(transit.lists[place]["first"])
        while slot != 0:
            total = wrapping_sum(total, _mail_hash(world, transit.waits[slot]))
            slot = np.int64(transit.waits[slot]["next"])
    return total


@inline
def _order_hash(book, slot):
    """What an order has beside price, place and size: owner, flags, time limit, terms; 0 if nothing."""
    node = book.nodes[slot]
    meta = np.int64(node["meta"])
    rest = meta & (TIMED | HAS_EXTRA | REDUCING)
    if rest == 0 and meta >> OWNER_SHIFT == 0:
        return np.uint64(0)
    info = book.info[slot]
    h = mix(_START, np.int64(node["key"]))
    h = mix(h, meta >> OWNER_SHIFT)
    h = mix(h, 1 if meta & REDUCING else 0)
    if meta & TIMED:
        h = mix(h, info["expire_ns"])
        h = mix(h, info["limit_given"])
    if meta & HAS_EXTRA:
        extra = book.extras[info["extra"]]
        h = mix(h, extra["display"])
        h = mix(h, extra["type"])
        h = mix(h, extra["stop_ticks"])
        h = mix(h, extra["limit_ticks"])
        h = mix(h, extra["arrival"])
        h = mix(h, extra["peg"])
        h = mix(h, extra["peg_ticks"])
    return h


@kernel
def _order_sum(book):
    """`_order_hash` of every order, whatever their order."""
    total = np.uint64(0)
    for side in range(2):
        level = first_level(book, side)
        while level != 0:
            slot = np.int64(book.nodes[level]["next"])
            while slot != level:
                total = wrapping_sum(total, _order_hash(book, slot))
                slot = np.int64(book.nodes[slot]["next"])
            level = next_level(book, side, fold(side, np.int64(book.nodes[level]["key"])))
    if book.head[0]["waiting"] != 0:
        for slot in range(first_of_pool(book), book.head[0]["fresh"]):
            if book.nodes[slot]["meta"] & WAITING and find_id(book, np.int64(book.nodes[slot]["key"])) == slot:
                total = wrapping_sum(total, _order_hash(book, slot))
    return total


@kernel
def _venue_hash(book):
    """What a venue has chosen and remembers beside its orders."""
    head = book.head[0]
    rules = book.rules[0]
    h = mix(_START, rules["self_trade"])
    h = mix(h, rules["allocation"])
    h = mix(h, rules["top_orders"])
    h = mix(h, rules["tick_step"])
    h = mix(h, rules["lot_step"])
    h = mix(h, rules["band_low_ticks"])
    h = mix(h, rules["band_high_ticks"])
    h = mix(h, rules["phase"])
    h = mix(h, rules["reference_ticks"])
    h = mix(h, head["traded"])
    h = mix(h, head["last_trade_ticks"])
    h = mix(h, head["unsettled"])
    h = mix(h, head["low_ticks"])
    h = mix(h, head["high_ticks"])
    for owner in range(len(book.positions)):
        if book.positions[owner] != 0:
            h = mix(h, owner)
            h = mix(h, book.positions[owner])
    for i in range(head["pegs"]):
        h = mix(h, np.int64(book.nodes[book.pegs[i]]["key"]))
    return h


@kernel
def _hash_of_book(book, levels_hash):
    """The hash, given that of levels and queues."""
    book = borrow(book)
    h = mix(_START, levels_hash)
    h = mix(h, book.head[0]["clock_ns"])
    h = mix_word(h, _order_sum(book))
    h = mix_word(h, _venue_hash(book))
    return np.int64(h >> np.uint64(1))


@kernel
def _hash_of(world, book_hash):
    """The hash, given that of the book."""
    world = borrow(world)
    head = world.head[0]
    h = mix(_START, book_hash)
    h = mix(h, head["now_ns"])
    h = mix(h, head["phase"])
    h = mix(h, head["cursor"])
    h = mix(h, head["own"])
    h = _mix_own(world, h)
    h = mix(h, head["fills"])
    h = _mix_fills(world, h)
    h = mix(h, np.int64(world.transit.head[0]["count"]))
    h = mix_word(h, _mail_sum(world))
    if head["impact"] == Impact.OVERLAY:
        h = mix(h, head["offset_ticks"])
        h = mix(h, head["pressure"])
        h = mix(h, head["pressure_step"])
        h = mix(h, head["overlay_order"])
    return np.int64(h >> np.uint64(1))


def whole_book_hash(book: Book) -> int:
    """Hash of a book with all that decides how it goes on, 0 <= hash < 2^63."""
    return int(_hash_of_book(book, state_hash(book)))


def world_hash(world: World) -> int:
    """State hash of a world, 0 <= hash < 2^63."""
    return int(_hash_of(world, whole_book_hash(world.book)))
