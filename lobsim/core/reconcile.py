"""The row check and the reconciliation of a book cut to K levels (docs/rules.md, section 3).

After every recorded row the ``hist`` totals are held against the recorded book row.  At prices visible before and after, nothing may be touched: the message
alone must explain the change, else the row does not match; differences left by an earlier row (gaps) are carried along.  At prices that have just come into view history is corrected to the row, in ``hist`` and ``size``
alike; own orders are never touched.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import add_recorded, set_recorded
from lobsim.core.jit import inline, kernel
from lobsim.core.layout import ANONYMOUS, BLIND, OWN, RECORDED
from lobsim.core.levels import find_level, first_level, fold, next_level
from lobsim.core.publication import publish_level
from lobsim.core.recorded import anonymous_at, hist_of, size_of, take_off
from lobsim.types import NEVER, NONE, Kind


@inline
def _row_price(world, k, side, place):
    """Price of the place-th level of a side in row k (ask first in the row)."""
    return np.int64(world.rows[k, 4 * place + 2 - 2 * side])


@inline
def _row_size(world, k, side, place):
    """Units of the place-th level of a side in row k."""
    return np.int64(world.rows[k, 4 * place + 3 - 2 * side]) << world.head[0]["shift"]


@kernel
def _shown(world, k, side):
    """How many levels row k shows on a side."""
    depth = world.rows.shape[1] >> 2
    place = 0
    while place < depth and world.rows[k, 4 * place + 3 - 2 * side] > 0:
        place += 1
    return place


@inline
def _worst_key(world, k, side, shown):
    """Folded price of the edge of the window: NEVER if the side shows fewer than K levels."""
    if shown < world.rows.shape[1] >> 2:
        return np.int64(NEVER)
    return fold(side, _row_price(world, k, side, shown - 1))


@kernel
def _add_missing(world, side, price_ticks, size, first):
    """Quantity that history shows and nobody announced joins the anonymous order there, or as a new one."""
    book = world.book
    standing = anonymous_at(world, side, price_ticks)
    if standing != 0:
        set_recorded(book, standing, size_of(world, standing) + size, hist_of(world, standing) + size)
        return
    before = np.int64(0)
    level = find_level(book, side, fold(side, price_ticks))
    if level != 0:
        slot = np.int64(book.nodes[level]["next"])
        while slot != level:
            if before == 0 and (first or (book.nodes[slot]["meta"] & BLIND) != 0):
                before = slot
            slot = np.int64(book.nodes[slot]["next"])
    add_recorded(book, side, 0, price_ticks, size, size, RECORDED | ANONYMOUS, before)


@kernel
def _take_excess(world, level, size):
    """Quantity that history does not show comes off the youngest recorded orders."""
    book = world.book
    slot = np.int64(book.nodes[level]["prev"])
    while slot != level and size > 0:
        before = np.int64(book.nodes[slot]["prev"])
        if not book.nodes[slot]["meta"] & OWN:
            taken = min(size, hist_of(world, slot))
            if taken > 0:
                take_off(world, slot, taken)
                size -= taken
        slot = before


@kernel
def _correct(world, side, price_ticks, have, shown, first):
    """At a price that has just come into view history becomes what the row shows; counted by cause, in units."""
    head = world.head[0]
    if shown > have:
        _add_missing(world, side, price_ticks, shown - have, first)
        if first:
            head["seeded"] += shown - have
        else:
            head["missing"] += shown - have
    else:
        _take_excess(world, find_level(world.book, side, fold(side, price_ticks)), have - shown)
        if shown > 0:
            head["excess"] += have - shown
        else:
            head["gone"] += have
    publish_level(world, side, price_ticks)


@inline
def _old_gap(world, side, n, cursor, key):
    """The gap at key after the row before, if the sorted list has it next.  Returns (gap, cursor)."""
    if cursor < n and world.gaps[side, cursor]["key"] == key:
        return np.int64(world.gaps[side, cursor]["size"]), cursor + 1
    return np.int64(0), cursor


@inline
def _pass_gaps(world, side, n, cursor, key, worst):
    """Move on over the gaps better than key and not worse than worst.  Returns (cursor, whether nothing was there).

    Where a gap was and now neither history nor the row has anything, one of them has changed by more than the other.
    """
    nothing = True
    while cursor < n and world.gaps[side, cursor]["key"] < key and world.gaps[side, cursor]["key"] <= worst:
        nothing = nothing and world.gaps[side, cursor]["size"] == 0
        cursor += 1
    return cursor, nothing


@kernel
def _expect_short(world, k):
    """What row k takes from its price and history did not have there is a gap to be expected: the row is not to blame.

    changes: world.gaps of the row's side, one entry more or another size
    """
    head = world.head[0]
    side = np.int64(world.tape[k]["side"])
    key = fold(side, np.int64(world.tape[k]["price_ticks"]))
    n = np.int64(head["gaps_1"]) if side else np.int64(head["gaps_0"])
    place = n
    while place > 0 and world.gaps[side, place - 1]["key"] >= key:
        place -= 1
    if place < n and world.gaps[side, place]["key"] == key:
        world.gaps[side, place]["size"] += head["short"]
        return
    for i in range(n, place, -1):
        world.gaps[side, i] = world.gaps[side, i - 1]
    world.gaps[side, place]["key"] = key
    world.gaps[side, place]["size"] = head["short"]
    if side:
        head["gaps_1"] = n + 1
    else:
        head["gaps_0"] = n + 1


@kernel
def _check_side(world, k, side, first, spare):
    """Hold one side against row k.  Returns (matches, enters).

    Walks known levels and shown levels together, best first, as far as the row can see.
    spare  GAP [any], where this row's gaps are collected before they replace the old ones
    """
    head = world.head[0]
    book = world.book
    old_worst = np.int64(head["worst_1"]) if side else np.int64(head["worst_0"])
    old_gaps = np.int64(head["gaps_1"]) if side else np.int64(head["gaps_0"])
    shown = _shown(world, k, side)
    worst = _worst_key(world, k, side, shown)
    both = np.int64(-NEVER) if first else min(old_worst, worst)
    matches = True
    enters = False
    new_gaps = 0
    cursor = np.int64(0)
    place = 0
    level = first_level(book, side)
    while True:
        level_key = fold(side, np.int64(book.nodes[level]["key"])) if level != 0 else np.int64(NEVER)
        row_key = fold(side, _row_price(world, k, side, place)) if place < shown else np.int64(NEVER)
        key = min(level_key, row_key)
        cursor, nothing = _pass_gaps(world, side, old_gaps, cursor, key, both)
        matches = matches and nothing
        if key == NEVER or key > worst:
            break
        have = np.int64(0)
        if level_key == key:
            have = np.int64(book.info[level]["hist"])
        size = np.int64(0)
        if row_key == key:
            size = _row_size(world, k, side, place)
            place += 1
        price_ticks = fold(side, key)
        if key <= both:
            gap, cursor = _old_gap(world, side, old_gaps, cursor, key)
            if have - size != gap:
                matches = False
            if have != size and new_gaps < min(len(spare), world.gaps.shape[1] - 1):
                spare[new_gaps]["key"] = key
                spare[new_gaps]["size"] = have - size
                new_gaps += 1
        elif have != size:
            _correct(world, side, price_ticks, have, size, first)
        if key > both and row_key == key and not first and not _explained(world, k, side, price_ticks, size):
            enters = True
        level = next_level(book, side, key)
    for i in range(new_gaps):
        world.gaps[side, i] = spare[i]
    if side:
        head["gaps_1"] = new_gaps
        head["worst_1"] = worst
    else:
        head["gaps_0"] = new_gaps
        head["worst_0"] = worst
    return matches, enters


@inline
def _explained(world, k, side, price_ticks, size):
    """Whether row k shows this level because its message has just put it there."""
    row = world.tape[k]
    return row["kind"] == Kind.ADD and row["side"] == side and row["price_ticks"] == price_ticks and row["size"] == size


@kernel
def check_row(world, k, spare):
    """Hold the book against recorded row k, count, and reconcile what came into view.

    changes: book (hist and size of recorded orders at prices that came into view), counters of head
    """
    head = world.head[0]
    first = head["rows"] == 0
    seeded = np.int64(head["seeded"])
    missing = np.int64(head["missing"])
    excess = np.int64(head["excess"])
    gone = np.int64(head["gone"])
    if head["short"] != 0:
        _expect_short(world, k)
        head["short"] = 0
    matches_bid, enters_bid = _check_side(world, k, 0, first, spare)
    matches_ask, enters_ask = _check_side(world, k, 1, first, spare)
    head["rows"] += 1
    if matches_bid and matches_ask:
        head["rows_matching"] += 1
    elif head["first_mismatch"] == NONE:
        head["first_mismatch"] = k
    if enters_bid or enters_ask:
        head["rows_entering"] += 1
    head["seeded_rows"] += head["seeded"] > seeded
    head["missing_rows"] += head["missing"] > missing
    head["excess_rows"] += head["excess"] > excess
    head["gone_rows"] += head["gone"] > gone


@kernel
def best_of_history(world, side):
    """(price, size) of the best level that history still counts on; size 0 if there is none."""
    book = world.book
    level = first_level(book, side)
    while level != 0 and book.info[level]["hist"] <= 0:
        level = next_level(book, side, fold(side, np.int64(book.nodes[level]["key"])))
    if level == 0:
        return np.int64(0), np.int64(0)
    return np.int64(book.nodes[level]["key"]), np.int64(book.info[level]["hist"])


@kernel
def check_truth(world, k):
    """Hold the best prices and sizes of history against level 1 of an independent record."""
    head = world.head[0]
    exact = True
    for side in range(2):
        price_ticks, size = best_of_history(world, side)
        shown = np.int64(world.truth[k, 3 - 2 * side]) << head["shift"]
        if size != shown or (shown > 0 and price_ticks != world.truth[k, 2 - 2 * side]):
            exact = False
    head["truth_rows"] += 1
    if exact:
        head["truth_exact"] += 1
    elif head["truth_first"] == NONE:
        head["truth_first"] = k
