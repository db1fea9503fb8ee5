"""A second, plain book, kept from what is reported and from nothing else; the property checkers hold the core's answers against it.

It shares no routine with the book it watches.  Every price that can occur is known before (``prices``), so a level is found by bisection and
stands at a fixed place; which places hold an order is counted in a tree.  Places are folded by side: 0 is the best price a side could ever
have, so best is first on both.  Lines are never handed out twice within one shadow; a line with neither ``rest`` nor ``reserve`` has left.
A queue is as docs/rules.md 1b says: what is displayed by time, behind it what is hidden by time.

Known limit: prices must be known in advance, so a shadow serves one stretch of a stream; `lobsim.properties` carries the resting orders over.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.core.jit import borrow, borrow_array, inline, kernel

LINE = np.dtype(
    [
        ("order_id", "i8"),
        ("side", "i8"),
        ("place", "i8"),  # of its level, folded
        ("rest", "i8"),  # shown, or hidden; not the reserve of an iceberg
        ("expire_ns", "i8"),  # NEVER, or its time limit
        ("joined", "i8"),  # the how-manieth to join a queue
        ("blind", "i8"),  # 1: a cut book has lost sight of its level since
        ("next", "i8"),
        ("prev", "i8"),
        # docs/rules.md 1b; 0 for an ordinary order
        ("reserve", "i8"),
        ("display", "i8"),  # iceberg: shown at a time
        ("owner", "i8"),
        ("bits", "i8"),  # LINE_HIDDEN, LINE_REDUCING, LINE_WAITS
        ("type", "i8"),  # OrderType of a stop or a pegged order
        ("limit_ticks", "i8"),  # of these two
        ("stop_ticks", "i8"),
    ]
)
"""One order."""

LINE_HIDDEN = 1
LINE_REDUCING = 2
LINE_WAITS = 4
"""In no queue: a stop, or a pegged order without a price."""

RESTING = np.dtype(
    [
        ("order_id", "i8"),
        ("side", "i8"),
        ("price_ticks", "i8"),  # of one that waits: its limit
        ("rest", "i8"),
        ("expire_ns", "i8"),
        ("reserve", "i8"),
        ("display", "i8"),
        ("owner", "i8"),
        ("bits", "i8"),
        ("type", "i8"),
        ("limit_ticks", "i8"),
        ("stop_ticks", "i8"),
    ]
)
"""One order that rests or waits, as it is carried from one shadow to the next."""

ENDS = np.dtype([("first", "i8"), ("last", "i8")])
KEY = np.dtype([("order_id", "i8"), ("line", "i8")])


class Shadow(NamedTuple):
    """A plain book.

    lines   LINE [any], line 0 reserved
    used    int64 [2]: lines handed out, orders that ever joined
    keys    KEY [power of two], open addressing, line 0 = empty; an id keeps its entry when its order leaves
    queues  ENDS [2, prices], by side and folded place, line 0 = empty
    tree    int64 [2, 2 * leaves], how many places below hold an order; leaves is a power of two
    prices  int64 [prices], rising
    """

    lines: np.ndarray
    used: np.ndarray
    keys: np.ndarray
    queues: np.ndarray
    tree: np.ndarray
    prices: np.ndarray


def new_shadow(prices: np.ndarray, orders: int) -> Shadow:
    """An empty shadow.

    prices  int64 [any], distinct and rising: every price an order may rest at
    orders  how many orders may ever join
    """
    leaves = 1 << max(len(prices) - 1, 1).bit_length()
    used = np.zeros(2, np.int64)
    used[0] = 1
    return Shadow(
        lines=np.zeros(orders + 2, LINE),
        used=used,
        keys=np.zeros(1 << (2 * orders + 4).bit_length(), KEY),
        queues=np.zeros((2, max(len(prices), 1)), ENDS),
        tree=np.zeros((2, 2 * leaves), np.int64),
        prices=prices,
    )


@inline
def _slot_of(shadow, order_id):
    """Where an id stands in the key table, or the empty slot it would take."""
    mask = len(shadow.keys) - 1
    # 31 bits, so that the product stays within 63
    slot = ((((order_id ^ (order_id >> 31)) & 0x7FFFFFFF) * 2654435761) >> 13) & mask
    while shadow.keys[slot]["line"] != 0 and shadow.keys[slot]["order_id"] != order_id:
        slot = (slot + 1) & mask
    return slot


@kernel
def line_of(shadow, order_id):
    """Line of the live order with this id, 0 if there is none; an order that was renamed is live under its new id only."""
    line = np.int64(shadow.keys[_slot_of(shadow, order_id)]["line"])
    mine = shadow.lines[line]
    if mine["rest"] + mine["reserve"] == 0 or mine["order_id"] != order_id:
        return np.int64(0)
    return line


@inline
def whole_of_line(shadow, line):
    """What an order has in all, shown and in reserve."""
    return np.int64(shadow.lines[line]["rest"] + shadow.lines[line]["reserve"])


@inline
def _rank(shadow, price_ticks):
    """How many of the prices are below this one."""
    low = np.int64(0)
    high = np.int64(len(shadow.prices))
    while low < high:
        middle = (low + high) >> 1
        if shadow.prices[middle] < price_ticks:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def place_of(shadow, side, price_ticks):
    """Folded place of a price, -1 for one that was not announced."""
    low = _rank(shadow, price_ticks)
    if low == len(shadow.prices) or shadow.prices[low] != price_ticks:
        return np.int64(-1)
    return low if side else len(shadow.prices) - 1 - low


@inline
def price_at(shadow, side, place):
    """Price of a folded place."""
    return np.int64(shadow.prices[place if side else len(shadow.prices) - 1 - place])


@kernel
def place_beyond(shadow, side, price_ticks):
    """Folded place of the first price that is worse than this one."""
    if side:
        return _rank(shadow, price_ticks + 1)
    return len(shadow.prices) - _rank(shadow, price_ticks)


@kernel
def best_place(shadow, side):
    """Folded place of the best level of a side, -1 if nobody stands there."""
    tree = shadow.tree
    if tree[side, 1] == 0:
        return np.int64(-1)
    leaves = tree.shape[1] >> 1
    node = np.int64(1)
    while node < leaves:
        node = 2 * node
        if tree[side, node] == 0:
            node += 1
    return node - leaves


@inline
def _count(shadow, side, place, change):
    """A level has got its first order, or lost its last."""
    tree = shadow.tree
    node = place + (tree.shape[1] >> 1)
    while node > 0:
        tree[side, node] += change
        node >>= 1


@kernel
def link(shadow, line):
    """A line goes to the back of its queue; a displayed one in front of the hidden ones."""
    mine = shadow.lines[line]
    ends = shadow.queues[mine["side"], mine["place"]]
    before = np.int64(ends["last"])
    if mine["bits"] & LINE_HIDDEN == 0:
        while before != 0 and shadow.lines[before]["bits"] & LINE_HIDDEN:
            before = np.int64(shadow.lines[before]["prev"])
    after = np.int64(shadow.lines[before]["next"]) if before != 0 else np.int64(ends["first"])
    if ends["first"] == 0:
        _count(shadow, np.int64(mine["side"]), np.int64(mine["place"]), 1)
    mine["prev"] = before
    mine["next"] = after
    if before == 0:
        ends["first"] = line
    else:
        shadow.lines[before]["next"] = line
    if after == 0:
        ends["last"] = line
    else:
        shadow.lines[after]["prev"] = line


@kernel
def unlink(shadow, line):
    """A line leaves its queue."""
    mine = shadow.lines[line]
    ends = shadow.queues[mine["side"], mine["place"]]
    before = np.int64(mine["prev"])
    after = np.int64(mine["next"])
    if before == 0:
        ends["first"] = after
    else:
        shadow.lines[before]["next"] = after
    if after == 0:
        ends["last"] = before
    else:
        shadow.lines[after]["prev"] = before
    if ends["first"] == 0:
        _count(shadow, np.int64(mine["side"]), np.int64(mine["place"]), -1)


@kernel
def new_line(shadow, order_id, side, rest, expire_ns):
    """A line in no queue yet.  Returns it."""
    line = np.int64(shadow.used[0])
    shadow.used[0] += 1
    shadow.used[1] += 1
    mine = shadow.lines[line]
    mine["side"] = side
    mine["rest"] = rest
    mine["expire_ns"] = expire_ns
    mine["joined"] = shadow.used[1]
    name(shadow, order_id, line)
    return line


@kernel
def join(shadow, order_id, side, place, rest, expire_ns):
    """An ordinary order joins the back of a queue.  Returns its line."""
    line = new_line(shadow, order_id, side, rest, expire_ns)
    shadow.lines[line]["place"] = place
    link(shadow, line)
    return line


@kernel
def name(shadow, order_id, line):
    """From now on this id means that line."""
    slot = _slot_of(shadow, order_id)
    shadow.keys[slot]["order_id"] = order_id
    shadow.keys[slot]["line"] = line
    shadow.lines[line]["order_id"] = order_id


@kernel
def take(shadow, line, size):
    """Size goes off what an order shows; with nothing left it leaves.  Returns what really went, at most what was there.

    With a reserve left it stays in its place, showing nothing, until `show`.
    """
    mine = shadow.lines[line]
    gone = min(size, np.int64(mine["rest"]))
    mine["rest"] -= gone
    if mine["rest"] == 0 and mine["reserve"] == 0 and mine["bits"] & LINE_WAITS == 0:
        unlink(shadow, line)
    return gone


@kernel
def lose(shadow, line, size):
    """Size goes off an order at its owner's wish, or the venue's: reserve first."""
    mine = shadow.lines[line]
    hidden_away = min(size, np.int64(mine["reserve"]))
    mine["reserve"] -= hidden_away
    take(shadow, line, size - hidden_away)


@kernel
def show(shadow, line):
    """An iceberg that shows nothing shows the next part of its reserve, behind what is displayed."""
    mine = shadow.lines[line]
    shown = min(np.int64(mine["display"]), np.int64(mine["reserve"]))
    mine["reserve"] -= shown
    mine["rest"] += shown
    unlink(shadow, line)
    link(shadow, line)


@kernel
def total_at(shadow, side, place):
    """Size that rests at one level."""
    total = np.int64(0)
    line = np.int64(shadow.queues[side, place]["first"])
    while line != 0:
        total += np.int64(shadow.lines[line]["rest"])
        line = np.int64(shadow.lines[line]["next"])
    return total


@kernel
def crossed(shadow):
    """Whether somebody buys at or above a price somebody sells at."""
    bid = best_place(shadow, 0)
    ask = best_place(shadow, 1)
    return bid >= 0 and ask >= 0 and price_at(shadow, 0, bid) >= price_at(shadow, 1, ask)


@inline
def _copy_line(mine, out):
    """What `join_all` needs of a line."""
    out["order_id"] = mine["order_id"]
    out["side"] = mine["side"]
    out["rest"] = mine["rest"]
    out["expire_ns"] = mine["expire_ns"]
    out["reserve"] = mine["reserve"]
    out["display"] = mine["display"]
    out["owner"] = mine["owner"]
    out["bits"] = mine["bits"]
    out["type"] = mine["type"]
    out["limit_ticks"] = mine["limit_ticks"]
    out["stop_ticks"] = mine["stop_ticks"]


@kernel
def copy_resting(shadow, out):
    """Write every resting order, buys first, best first, in the order of the queue; then those that wait.  Returns how many.

    out  RESTING [at least as many]
    """
    shadow = borrow(shadow)
    out = borrow_array(out)
    n = 0
    for side in range(2):
        for place in range(shadow.queues.shape[1]):
            line = np.int64(shadow.queues[side, place]["first"])
            while line != 0:
                _copy_line(shadow.lines[line], out[n])
                out[n]["price_ticks"] = price_at(shadow, side, place)
                n += 1
                line = np.int64(shadow.lines[line]["next"])
    for line in range(1, shadow.used[0]):
        mine = shadow.lines[line]
        if mine["rest"] > 0 and mine["bits"] & LINE_WAITS:
            _copy_line(mine, out[n])
            out[n]["price_ticks"] = mine["limit_ticks"]
            n += 1
    return n


@kernel
def join_all(shadow, resting):
    """Orders that rested or waited before join an empty shadow, in their order.

    resting  RESTING [any], their prices among those announced
    """
    shadow = borrow(shadow)
    resting = borrow_array(resting)
    for i in range(len(resting)):
        one = resting[i]
        side = np.int64(one["side"])
        line = new_line(shadow, np.int64(one["order_id"]), side, np.int64(one["rest"]), np.int64(one["expire_ns"]))
        mine = shadow.lines[line]
        mine["reserve"] = one["reserve"]
        mine["display"] = one["display"]
        mine["owner"] = one["owner"]
        mine["bits"] = one["bits"]
        mine["type"] = one["type"]
        mine["limit_ticks"] = one["limit_ticks"]
        mine["stop_ticks"] = one["stop_ticks"]
        if mine["bits"] & LINE_WAITS == 0:
            mine["place"] = place_of(shadow, side, np.int64(one["price_ticks"]))
            link(shadow, line)
