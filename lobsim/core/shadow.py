"""A second, plain book, kept from what is reported and from nothing else; the property checkers hold the core's answers against it.

It shares no routine with the book it watches.  Every price that can occur is known before (``prices``), so a level is found by bisection and
stands at a fixed place; which places hold an order is counted in a tree.  Places are folded by side: 0 is the best price a side could ever
have, so best is first on both.  Lines are never handed out twice within one shadow; a line with ``rest`` 0 has left.

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
        ("rest", "i8"),
        ("expire_ns", "i8"),  # NEVER, or its time limit
        ("joined", "i8"),  # the how-manieth to join a queue
        ("blind", "i8"),  # 1: a cut book has lost sight of its level since
        ("next", "i8"),
        ("prev", "i8"),
    ]
)
"""One order."""

RESTING = np.dtype([("order_id", "i8"), ("side", "i8"), ("price_ticks", "i8"), ("rest", "i8"), ("expire_ns", "i8")])
"""One order that rests, as it is carried from one shadow to the next."""

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
    slot = ((order_id * 2654435761) ^ (order_id >> 29)) & mask
    while shadow.keys[slot]["line"] != 0 and shadow.keys[slot]["order_id"] != order_id:
        slot = (slot + 1) & mask
    return slot


@kernel
def line_of(shadow, order_id):
    """Line of the resting order with this id, 0 if there is none."""
    line = np.int64(shadow.keys[_slot_of(shadow, order_id)]["line"])
    if line != 0 and shadow.lines[line]["rest"] == 0:
        return np.int64(0)
    return line


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
def join(shadow, order_id, side, place, rest, expire_ns):
    """An order joins the back of a queue.  Returns its line."""
    line = np.int64(shadow.used[0])
    shadow.used[0] += 1
    shadow.used[1] += 1
    ends = shadow.queues[side, place]
    last = np.int64(ends["last"])
    mine = shadow.lines[line]
    mine["order_id"] = order_id
    mine["side"] = side
    mine["place"] = place
    mine["rest"] = rest
    mine["expire_ns"] = expire_ns
    mine["joined"] = shadow.used[1]
    mine["blind"] = 0
    mine["prev"] = last
    mine["next"] = 0
    if last == 0:
        ends["first"] = line
        _count(shadow, side, place, 1)
    else:
        shadow.lines[last]["next"] = line
    ends["last"] = line
    name(shadow, order_id, line)
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
    """Size goes off an order; with nothing left it leaves.  Returns what really went, at most what was there."""
    mine = shadow.lines[line]
    gone = min(size, np.int64(mine["rest"]))
    mine["rest"] -= gone
    if mine["rest"] > 0:
        return gone
    side = np.int64(mine["side"])
    place = np.int64(mine["place"])
    ends = shadow.queues[side, place]
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
        _count(shadow, side, place, -1)
    return gone


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


@kernel
def copy_resting(shadow, out):
    """Write every resting order, buys first, best first, in the order of the queue.  Returns how many.

    out  RESTING [at least as many]
    """
    shadow = borrow(shadow)
    out = borrow_array(out)
    n = 0
    for side in range(2):
        for place in range(shadow.queues.shape[1]):
            line = np.int64(shadow.queues[side, place]["first"])
            while line != 0:
                mine = shadow.lines[line]
                out[n]["order_id"] = mine["order_id"]
                out[n]["side"] = side
                out[n]["price_ticks"] = price_at(shadow, side, place)
                out[n]["rest"] = mine["rest"]
                out[n]["expire_ns"] = mine["expire_ns"]
                n += 1
                line = np.int64(mine["next"])
    return n


@kernel
def join_all(shadow, resting):
    """Orders that rested before join an empty shadow, in their order.

    resting  RESTING [any], their prices among those announced
    """
    shadow = borrow(shadow)
    resting = borrow_array(resting)
    for i in range(len(resting)):
        line = resting[i]
        side = np.int64(line["side"])
        place = place_of(shadow, side, np.int64(line["price_ticks"]))
        join(shadow, np.int64(line["order_id"]), side, place, np.int64(line["rest"]), np.int64(line["expire_ns"]))
