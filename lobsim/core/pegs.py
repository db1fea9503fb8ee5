"""Pegged orders: after each message they follow their reference price (docs/rules.md, section 1b)."""

from __future__ import annotations

import numpy as np

from lobsim.core.book import grow_level, link_before, shrink_level, unlink
from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import HAS_EXTRA, HIDDEN, SIDE_BIT, WAITING
from lobsim.core.levels import first_level, fold, level_for, next_level
from lobsim.core.makers import write_report
from lobsim.core.refusal import overflows
from lobsim.core.special import price_of, shown_at, stand_right
from lobsim.types import MAX_PRICE_TICKS, NEVER, Peg, Reason, ReportKind


@kernel
def _is_reference(book, level):
    """Whether an order that is displayed and not pegged stands at a level."""
    if shown_at(book, level) == 0:
        return False
    slot = np.int64(book.nodes[level]["next"])
    while slot != level and slot != book.info[level]["first_hidden"]:
        if book.nodes[slot]["meta"] & HAS_EXTRA == 0 or book.extras[book.info[slot]["extra"]]["peg"] == 0:
            return True
        slot = np.int64(book.nodes[slot]["next"])
    return False


@kernel
def _reference_price(book, side):
    """(Whether there is one, the best displayed price of a side without pegged orders)."""
    level = first_level(book, side)
    while level != 0:
        price_ticks = np.int64(book.nodes[level]["key"])
        if _is_reference(book, level):
            return True, price_ticks
        level = next_level(book, side, fold(side, price_ticks))
    return False, np.int64(0)


@inline
def _rounded_up(value, step):
    """The next multiple of step at or above value."""
    return -((-value) // step) * step


@kernel
def _target_key(book, slot):
    """Folded price where a pegged order belongs, NEVER if it has to wait."""
    side = np.int64(book.nodes[slot]["meta"]) & SIDE_BIT
    extra = book.extras[book.info[slot]["extra"]]
    near, near_price = _reference_price(book, side)
    far, far_price = _reference_price(book, 1 - side)
    if extra["peg"] == Peg.PRIMARY:
        there, key = near, fold(side, near_price)
    elif extra["peg"] == Peg.MARKET:
        there, key = far, fold(side, far_price)
    else:
        there, key = near and far, _rounded_up(fold(side, near_price) + fold(side, far_price), 2) // 2
    if not there:
        return np.int64(NEVER)
    step = np.int64(book.rules[0]["tick_step"])
    key = _rounded_up(key + np.int64(extra["peg_ticks"]), step)
    key = max(key, fold(side, np.int64(extra["limit_ticks"])))
    opposite = np.int64(book.sides[1 - side]["best_key"])
    if opposite != NEVER:
        key = max(key, step - opposite)
    price_ticks = fold(side, key)
    rules = book.rules[0]
    low = max(np.int64(rules["band_low_ticks"]), np.int64(-MAX_PRICE_TICKS))
    high = min(np.int64(rules["band_high_ticks"]), np.int64(MAX_PRICE_TICKS))
    return key if low <= price_ticks <= high else np.int64(NEVER)


@kernel
def _leave_queue(book, slot):
    """A pegged order waits outside the queues from now on."""
    node = book.nodes[slot]
    level = np.int64(node["level"])
    side = np.int64(node["meta"]) & SIDE_BIT
    if node["meta"] & HIDDEN:
        info = book.info[level]
        info["hidden"] -= node["size"]
        if info["first_hidden"] == slot:
            info["first_hidden"] = np.int64(node["next"]) if node["next"] != level else np.int64(0)
    unlink(book, slot)
    book.sides[side]["orders"] -= 1
    shrink_level(book, side, level, np.int64(node["size"]))
    node["level"] = 0
    node["meta"] |= WAITING
    book.head[0]["waiting"] += 1


@kernel
def _join_queue(book, slot, price_ticks):
    """A waiting pegged order joins the back of a level."""
    node = book.nodes[slot]
    side = np.int64(node["meta"]) & SIDE_BIT
    level = level_for(book, side, price_ticks)
    node["level"] = level
    node["meta"] ^= WAITING
    link_before(book, slot, level)
    grow_level(book, side, level, np.int64(node["size"]))
    book.sides[side]["orders"] += 1
    book.head[0]["waiting"] -= 1
    stand_right(book, slot)


@kernel
def follow(book, sequence, out, n):
    """Every pegged order, oldest first, goes where it belongs.  Room was checked before.  Returns n."""
    stay_apart()
    for place in range(book.head[0]["pegs"]):
        slot = np.int64(book.pegs[place])
        side = np.int64(book.nodes[slot]["meta"]) & SIDE_BIT
        size = np.int64(book.nodes[slot]["size"])
        waits = book.nodes[slot]["meta"] & WAITING != 0
        key = _target_key(book, slot)
        if not waits and key == fold(side, price_of(book, slot)):
            continue
        if key != NEVER and overflows(book, side, fold(side, key), size):
            key = np.int64(NEVER)
        if waits and key == NEVER:
            continue
        if not waits:
            _leave_queue(book, slot)
        price_ticks = np.int64(0)
        if key != NEVER:
            price_ticks = fold(side, key)
            _join_queue(book, slot, price_ticks)
        rest = size if key != NEVER else np.int64(0)
        order_id = np.int64(book.nodes[slot]["key"])
        n = write_report(out, n, sequence, ReportKind.REPRICED, Reason.NONE, side, order_id, 0, price_ticks, size, rest)
    return n
