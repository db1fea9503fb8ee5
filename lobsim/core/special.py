"""Orders that are more than a size at a price: hidden ones, icebergs, reduce-only ones, those that wait outside the queues; positions.

What an order rests with beyond its node is in its row of EXTRA.  ``head["specials"]`` counts such orders: while it is 0, and the venue has no
rule that asks for care, no message looks at anything in this file.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import give_extra, grow_level, join, link_before, remove_order, shrink_level, slices, unlink
from lobsim.core.ids import add_id, remove_id
from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import HAS_EXTRA, HIDDEN, OWN, OWNER_SHIFT, SIDE_BIT, SPECIAL, WAITING
from lobsim.core.levels import give_slot, take_slot
from lobsim.types import OrderType, ReportKind


@inline
def careful(book):
    """Whether messages have to mind special orders or rules."""
    return (book.head[0]["specials"] | book.head[0]["ruled"]) != 0


@inline
def owner_of(book, slot):
    """The owner group of an order."""
    return np.int64(book.nodes[slot]["meta"]) >> OWNER_SHIFT


@inline
def reserve_of(book, slot):
    """Units of an order that it does not show (yet)."""
    if book.nodes[slot]["meta"] & HAS_EXTRA == 0:
        return np.int64(0)
    return np.int64(book.extras[book.info[slot]["extra"]]["reserve"])


@inline
def whole_of(book, slot):
    """Units of an order, shown and in reserve."""
    return np.int64(book.nodes[slot]["size"]) + reserve_of(book, slot)


@inline
def shown_at(book, level):
    """Units of a level that the public sees."""
    return np.int64(book.nodes[level]["size"] - book.info[level]["hidden"])


@inline
def price_of(book, slot):
    """The price of an order: its level's, or the limit it waits with (a stop without one, and a pegged order: 0)."""
    node = book.nodes[slot]
    if node["meta"] & WAITING == 0:
        return np.int64(book.nodes[node["level"]]["key"])
    extra = book.extras[book.info[slot]["extra"]]
    return np.int64(extra["limit_ticks"]) if extra["type"] == OrderType.STOP_LIMIT else np.int64(0)


@kernel
def take_extra(book, slot):
    """A row of EXTRA for an order, all zero.  Room was checked before.  Returns its index."""
    head = book.head[0]
    row = np.int64(head["extra_free"])
    if row != 0:
        head["extra_free"] = book.extras[row]["free"]
    else:
        row = np.int64(head["extra_fresh"])
        head["extra_fresh"] += 1
    head["extras"] += 1
    extra = book.extras[row]
    extra["reserve"] = 0
    extra["display"] = 0
    extra["type"] = 0
    extra["stop_ticks"] = 0
    extra["limit_ticks"] = 0
    extra["arrival"] = 0
    extra["peg"] = 0
    extra["peg_ticks"] = 0
    book.info[slot]["extra"] = row
    book.nodes[slot]["meta"] |= HAS_EXTRA
    return row


@kernel
def set_reserve(book, slot, reserve):
    """Give an iceberg another reserve."""
    extra = book.extras[book.info[slot]["extra"]]
    book.head[0]["slices"] += slices(reserve, extra["display"]) - slices(extra["reserve"], extra["display"])
    extra["reserve"] = reserve


@kernel
def stand_right(book, slot):
    """An order that has just joined at the back of its level goes in front of the hidden ones, if it is not one of them."""
    level = np.int64(book.nodes[slot]["level"])
    info = book.info[level]
    if book.nodes[slot]["meta"] & HIDDEN:
        info["hidden"] += book.nodes[slot]["size"]
        if info["first_hidden"] == 0:
            info["first_hidden"] = slot
    elif info["first_hidden"] != 0:
        unlink(book, slot)
        link_before(book, slot, np.int64(info["first_hidden"]))


@kernel
def rest_special(book, side, order_id, price_ticks, size, meta, display):
    """What is left of an order rests, in a book with special orders.  Returns its slot.

    size     units, shown and in reserve
    meta     OWN, HIDDEN, REDUCING, owner
    display  units shown at a time, 0 = all
    """
    stay_apart()
    shown = min(display, size) if display > 0 else size
    slot = join(book, side, order_id, price_ticks, shown, meta & ~HAS_EXTRA)
    add_id(book, order_id, slot)
    stand_right(book, slot)
    if display > 0:
        row = take_extra(book, slot)
        book.extras[row]["display"] = display
        set_reserve(book, slot, size - shown)
    if book.nodes[slot]["meta"] & SPECIAL:
        book.head[0]["specials"] += 1
    if meta & OWN:
        book.head[0]["own_resting"] += 1
    return slot


@kernel
def wait_outside(book, side, order_id, size, meta):
    """An order waits outside the queues.  Returns its slot; its row of EXTRA is to be filled in."""
    stay_apart()
    slot = take_slot(book)
    node = book.nodes[slot]
    node["next"] = slot
    node["prev"] = slot
    node["level"] = 0
    node["meta"] = meta | WAITING | (side & SIDE_BIT)
    node["size"] = size
    node["key"] = order_id
    add_id(book, order_id, slot)
    head = book.head[0]
    head["waiting"] += 1
    head["specials"] += 1
    row = take_extra(book, slot)
    book.extras[row]["arrival"] = head["arrivals"]
    head["arrivals"] += 1
    return slot


@kernel
def stop_waiting(book, slot):
    """A waiting order is gone: cancelled, expired, elected."""
    stay_apart()
    head = book.head[0]
    remove_id(book, np.int64(book.nodes[slot]["key"]))
    give_extra(book, slot)
    book.nodes[slot]["meta"] = 0
    head["waiting"] -= 1
    head["specials"] -= 1
    give_slot(book, slot)


@inline
def leave_book(book, slot):
    """An order leaves, wherever it is."""
    if book.nodes[slot]["meta"] & WAITING:
        stop_waiting(book, slot)
    else:
        remove_order(book, slot)


@kernel
def show_again(book, slot, sequence, out, n):
    """An iceberg whose shown part is gone shows the next, behind what its level shows.  Returns n.

    Its node has size 0, and its level does not count it.
    """
    stay_apart()
    node = book.nodes[slot]
    level = np.int64(node["level"])
    extra = book.extras[book.info[slot]["extra"]]
    shown = min(np.int64(extra["display"]), np.int64(extra["reserve"]))
    set_reserve(book, slot, np.int64(extra["reserve"]) - shown)
    node["size"] = shown
    unlink(book, slot)
    first_hidden = np.int64(book.info[level]["first_hidden"])
    link_before(book, slot, first_hidden if first_hidden != 0 else level)
    grow_level(book, np.int64(node["meta"]) & SIDE_BIT, level, shown)
    report = out[n]
    report["sequence"] = sequence
    report["kind"] = ReportKind.REFRESHED
    report["reason"] = 0
    report["side"] = np.int64(node["meta"]) & SIDE_BIT
    report["verb"] = 0
    report["order_id"] = node["key"]
    report["other_id"] = 0
    report["price_ticks"] = book.nodes[level]["key"]
    report["size_lots"] = shown
    report["remaining_lots"] = shown + extra["reserve"]
    return n + 1


@kernel
def lose_shown(book, slot, size):
    """An order in a queue loses size it shows, at most all: it leaves if nothing is left.

    Returns whether it has to show again: nothing shown, but a reserve (its node then has size 0).
    """
    stay_apart()
    node = book.nodes[slot]
    if size < node["size"]:
        shrink_shown(book, slot, size)
        return False
    if reserve_of(book, slot) == 0:
        remove_order(book, slot)
        return False
    shrink_shown(book, slot, size)
    return True


@kernel
def shrink_shown(book, slot, size):
    """Take size off what an order shows; it stays."""
    node = book.nodes[slot]
    level = np.int64(node["level"])
    node["size"] -= size
    if node["meta"] & HIDDEN:
        book.info[level]["hidden"] -= size
    shrink_level(book, np.int64(node["meta"]) & SIDE_BIT, level, size)


@kernel
def lose_whole(book, slot, size):
    """An order loses size below its whole, reserve first; it keeps its place."""
    stay_apart()
    reserve = reserve_of(book, slot)
    if reserve > 0:
        set_reserve(book, slot, max(reserve - size, np.int64(0)))
    if size > reserve:
        if book.nodes[slot]["meta"] & WAITING:
            book.nodes[slot]["size"] -= size - reserve
        else:
            shrink_shown(book, slot, size - reserve)


# --- positions


@inline
def reducible(book, owner, side):
    """By how many units trades of `side` may bring an owner's position nearer to 0."""
    position = np.int64(book.positions[owner])
    return max(np.int64(0), position if side else -position)


@kernel
def move_positions(book, maker_side, maker_owner, taker_owner, size):
    """A trade of size units between two owners; owner 0 has no position."""
    stay_apart()
    change = -size if maker_side else size
    if maker_owner != 0:
        book.positions[maker_owner] += change
    if taker_owner != 0:
        book.positions[taker_owner] -= change


@inline
def note_trade(book, price_ticks):
    """Remember a trade's price, for the stops it may elect."""
    head = book.head[0]
    head["traded"] = 1
    head["last_trade_ticks"] = price_ticks
    head["low_ticks"] = min(np.int64(head["low_ticks"]), price_ticks)
    head["high_ticks"] = max(np.int64(head["high_ticks"]), price_ticks)
