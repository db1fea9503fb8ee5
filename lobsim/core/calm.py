"""Calm stretches of a tape, by orders or by levels (`calm_levels`): nobody has an order in the market, no ledger differs from history, and nothing else is due.

There a row does to the book just what it says: both ledgers of its order move alike, and nobody else is touched.  Rows are applied one after the other
without asking after each who else might want a turn; room is asked for once for many.  What is not plain, and whatever a row needs the rules of section 2
for, is left to `loop.step`; so is everything from the first row on that is not calm.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import join, pool_left, take_out
from lobsim.core.calendar import first_wait_ns
from lobsim.core.calm_levels import levels_are_calm, replay_levels
from lobsim.core.foresight import MANY_ORDERS, ROWS_AHEAD, foresee_rows
from lobsim.core.ids import add_id_at, find_place, slot_at
from lobsim.core.jit import inline, kernel, prefetch, stay_apart
from lobsim.core.layout import OWN, RECORDED
from lobsim.core.matching import would_trade
from lobsim.core.publication import publish_size, publish_trade
from lobsim.core.special import careful
from lobsim.core.timers import next_limit_ns
from lobsim.types import Flag, Kind, Phase

_UNUSUAL_ADD = Flag.RESIDUAL | Flag.SNAPSHOT


@inline
def _is_calm(world):
    """Whether nobody but history is in the market, and nobody waits for its touch to change."""
    head = world.head[0]
    book = world.book
    return (
        (head["shift"] | head["wake_on_touch"] | head["group_unfilled"]) == 0
        and head["phase"] == Phase.CONTINUOUS
        and world.rows.shape[0] + world.truth.shape[0] == 0
        and (book.head[0]["own_resting"] | book.head[0]["surplus"] | book.head[0]["deficit"]) == 0
        and not careful(book)
    )


@kernel
def _calm_until_ns(world):
    """Before which time nothing but rows happens."""
    stay_apart()
    head = world.head[0]
    waits_ns = min(np.int64(head["wake_ns"]), min(np.int64(head["report_wake_ns"]), np.int64(head["touch_wake_ns"])))
    waits_ns = max(waits_ns, np.int64(head["ready_ns"]))
    waits_ns = min(waits_ns, np.int64(head["overlay_ns"]))
    return min(waits_ns, min(next_limit_ns(world.book), first_wait_ns(world.transit)))


@kernel
def _rows_with_room(world):
    """How many rows certainly fit."""
    stay_apart()
    head = world.head[0]
    book = world.book
    far = max(np.int64(book.sides[0]["far"]), np.int64(book.sides[1]["far"]))
    count = min(pool_left(book) >> 1, ((len(book.far) >> 1) - far) >> 1)
    if head["shift"] == 0:  # what levels hold has no ids
        count = min(count, ((len(book.ids) >> 1) - np.int64(book.head[0]["ids"])) >> 1)
    if head["publish"] != 0:
        count = min(count, (len(world.ring) - np.int64(head["written"] - head["read"])) >> 1)
    return max(count, 0)


@inline
def _add(world, row, order_id, place):
    """An order joins that meets nobody; its id is entered at place."""
    book = world.book
    side = np.int64(row["side"])
    price_ticks = np.int64(row["price_ticks"])
    size = np.int64(row["size"])
    slot = join(book, side, order_id, price_ticks, size, RECORDED)
    add_id_at(book, order_id, place, slot)
    level = np.int64(book.nodes[slot]["level"])
    book.info[slot]["hist"] = size
    book.info[level]["hist"] += size
    publish_size(world, side, price_ticks, np.int64(book.nodes[level]["size"]))


@inline
def _take(world, slot, order_id, place, size):
    """Size of an order, whose id stands at place, goes, from both its ledgers; all of it: it leaves."""
    book = world.book
    node = book.nodes[slot]
    level = np.int64(node["level"])
    meta = np.int64(node["meta"])
    held = np.int64(node["size"])
    price_ticks = np.int64(book.nodes[level]["key"])
    left = np.int64(book.nodes[level]["size"]) - size
    book.info[level]["hist"] -= size
    if size == held:
        take_out(book, slot, order_id, place, level, meta, held)
    else:
        node["size"] = held - size
        book.info[slot]["hist"] = held - size
        book.nodes[level]["size"] = left
    publish_size(world, meta & 1, price_ticks, left)


@inline
def _apply(world, row):
    """Apply a row if it is plain; returns whether it was, and nothing is done where not."""
    book = world.book
    kind = row["kind"]
    if kind == Kind.ADD:
        order_id = np.int64(row["order_id"])
        place = find_place(book, order_id)
        if order_id == 0 or row["flags"] & _UNUSUAL_ADD or slot_at(book, order_id, place) != 0:
            return False
        if would_trade(book, np.int64(row["side"]), np.int64(row["price_ticks"])):
            return False
        _add(world, row, order_id, place)
        return True
    if kind == Kind.DELETE or kind == Kind.REDUCE or kind == Kind.EXECUTE:
        order_id = np.int64(row["order_id"])
        place = find_place(book, order_id)
        slot = slot_at(book, order_id, place)
        if slot == 0 or order_id == 0:
            return False
        held = np.int64(book.nodes[slot]["size"])
        size = held if kind == Kind.DELETE else np.int64(row["size"])
        if book.nodes[slot]["meta"] & (RECORDED | OWN) != RECORDED or not 0 < size <= held:
            return False
        _take(world, slot, order_id, place, size)
        if kind == Kind.EXECUTE and row["flags"] & Flag.AUCTION == 0:
            publish_trade(world, np.int64(row["side"]), np.int64(row["price_ticks"]), size, 0)
        return True
    if (kind == Kind.EXECUTE_HIDDEN or kind == Kind.PRINT) and row["flags"] & Flag.AUCTION == 0:
        publish_trade(world, np.int64(row["side"]), np.int64(row["price_ticks"]), np.int64(row["size"]), 0)
        return True
    return False


@kernel
def _replay_orders(world, start, stop, last_ns):
    """`calm_levels.replay_levels` for a tape of orders."""
    stay_apart()
    head = world.head[0]
    book = world.book
    large = book.sides[0]["orders"] + book.sides[1]["orders"] > MANY_ORDERS
    k = start
    while k < stop:
        prefetch(world.tape, k + ROWS_AHEAD)
        if large:
            foresee_rows(book, world.tape, k, stop)
        row = world.tape[k]
        ts_ns = np.int64(row["ts_ns"])
        if ts_ns > last_ns:
            break
        now_ns = np.int64(head["now_ns"])
        head["now_ns"] = max(now_ns, ts_ns)
        if not _apply(world, row):
            head["now_ns"] = now_ns
            break
        k += 1
        if -book.sides[0]["best_key"] >= book.sides[1]["best_key"] and row["flags"] & Flag.LAST_IN_PACKET:
            head["crossed"] += 1
    return k


@kernel
def replay_calmly(world, until_ns, most):
    """Apply up to `most` rows that happen by until_ns and before anything else, as long as they are plain.  Returns how many."""
    stay_apart()
    head = world.head[0]
    by_levels = head["shift"] != 0
    if not (levels_are_calm(world) if by_levels else _is_calm(world)):
        return np.int64(0)
    start = np.int64(head["cursor"])
    stop = min(len(world.tape), start + min(_rows_with_room(world), most))
    last_ns = min(_calm_until_ns(world) - 1, until_ns)
    k = replay_levels(world, start, stop, last_ns) if by_levels else _replay_orders(world, start, stop, last_ns)
    if k > start:
        head["cursor"] = k
        clock = world.book.head[0]
        clock["clock_ns"] = max(np.int64(clock["clock_ns"]), np.int64(world.tape[k - 1]["ts_ns"]))
    return k - start
