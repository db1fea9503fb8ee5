"""Recorded executions against the live book: who gets what an aggressor of the past brought (docs/rules.md, section 2).

A recorded execution names its maker.  Own orders and surplus with priority are served first, then the maker, and only a shortage goes on.  Without own
orders nothing but the maker is ever touched, on any tape, FIFO or not.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import set_recorded
from lobsim.core.exchange import set_time_limit
from lobsim.core.jit import inline, kernel, splitmix64
from lobsim.core.levels import first_level, fold, next_level
from lobsim.core.own import fill_resting, is_own
from lobsim.core.publication import publish_level, publish_trade
from lobsim.core.recorded import hist_of, is_cut, meant, price_of, size_of, stand_in, trim_surplus
from lobsim.types import FillReason, Flag, Impact, Phase, SurplusPolicy

_LIFETIMES = np.rint(-np.log2((np.arange(1024) + 0.5) / 1024) * 2**20).astype(np.int64)
"""Exponential lifetimes in half-lives, 2^-20 units: integers, so that a replay is the same everywhere."""


@kernel
def settle_surplus(world, slot):
    """History is done with an order that still has size: the surplus policy says for how long it stays."""
    head = world.head[0]
    if head["surplus_policy"] == SurplusPolicy.EVICT:
        head["evicted"] += size_of(world, slot)
        side = np.int64(world.book.nodes[slot]["meta"]) & 1
        price_ticks = price_of(world, slot)
        set_recorded(world.book, slot, np.int64(0), np.int64(0))
        publish_level(world, side, price_ticks)
    elif head["surplus_policy"] == SurplusPolicy.LIFETIME:
        order_id = np.int64(world.book.nodes[slot]["key"])
        draw = np.int64(splitmix64(np.uint64(head["seed"] ^ order_id)) & np.uint64(1023))
        lifetime_ns = (head["median_life_ns"] * _LIFETIMES[draw]) >> 20
        set_time_limit(world.book, slot, head["now_ns"] + lifetime_ns)


@kernel
def serve_before(world, side, price_ticks, maker, size):
    """Rule (a): own orders and surplus with priority over the maker take from an execution.

    side, price_ticks  of the execution (resting side)
    maker              slot of the named maker, 0 if unknown: then only better levels are served
    size               units to give away

    Returns the units left.
    """
    book = world.book
    key = fold(side, price_ticks)
    level = first_level(book, side)
    while level != 0 and size > 0:
        level_price = np.int64(book.nodes[level]["key"])
        level_key = fold(side, level_price)
        if level_key > key or (level_key == key and maker == 0):
            break
        reason = FillReason.QUEUE_EXHAUSTED if level_key == key else FillReason.TRADED_THROUGH
        trimmed = np.int64(0)
        slot = np.int64(book.nodes[level]["next"])
        while slot != level and slot != maker and size > 0:
            after = np.int64(book.nodes[slot]["next"])
            if is_own(book, slot):
                traded = min(size, size_of(world, slot))
                fill_resting(world, slot, traded, reason)
                size -= traded
            else:
                taken = trim_surplus(world, slot, size)
                trimmed += taken
                size -= taken
            slot = after
        if trimmed > 0:
            publish_level(world, side, level_price)
        level = next_level(book, side, level_key)
    return size


@kernel
def _serve_onward(world, side, price_ticks, limit_ticks, size):
    """Rule (c): a shortage goes on, best first, over everything with size, up to the aggressor's limit."""
    book = world.book
    limit_key = fold(side, limit_ticks)
    key = fold(side, price_ticks)
    while size > 0 and book.sides[side]["best_key"] <= limit_key:
        level = np.int64(book.sides[side]["best"])
        level_price = np.int64(book.nodes[level]["key"])
        slot = np.int64(book.nodes[level]["next"])
        while book.nodes[slot]["size"] == 0:
            slot = np.int64(book.nodes[slot]["next"])
        traded = min(size, size_of(world, slot))
        if is_own(book, slot):
            through = fold(side, level_price) < key
            fill_resting(world, slot, traded, FillReason.TRADED_THROUGH if through else FillReason.QUEUE_EXHAUSTED)
        else:
            set_recorded(book, slot, size_of(world, slot) - traded, hist_of(world, slot))
            publish_level(world, side, level_price)
        size -= traded
    return size


@kernel
def _execute_at(world, row, maker, size):
    """Size units of a recorded execution against one maker (slot, 0 if nobody knows it).  Returns the units unfilled."""
    head = world.head[0]
    book = world.book
    side = np.int64(row["side"])
    price_ticks = np.int64(row["price_ticks"])
    left = size
    trading = head["phase"] == Phase.CONTINUOUS
    if trading and (book.head[0]["own_resting"] > 0 or book.head[0]["surplus"] > 0):
        left = serve_before(world, side, price_ticks, maker, size)
        if head["impact"] == Impact.NONE:
            left = size
    if maker == 0:
        return np.int64(0)
    traded = min(left, size_of(world, maker))
    left -= traded
    hist = hist_of(world, maker)
    rest = size_of(world, maker) - traded
    hist -= min(size, hist)
    maker_price = price_of(world, maker)
    set_recorded(book, maker, rest, hist)
    if left > 0 and trading:
        left = _serve_onward(world, side, price_ticks, np.int64(row["limit_ticks"]), left)
    if hist == 0 and rest > 0:
        settle_surplus(world, maker)
    publish_level(world, side, maker_price)
    return left


@kernel
def execute(world, row):
    """A recorded execution names its maker; its quantity goes where priority sends it."""
    head = world.head[0]
    size = np.int64(row["size"])
    first_fill = np.int64(head["fills"])
    if head["cursor"] == 0 or world.tape[head["cursor"] - 1]["flags"] & Flag.GROUP_END:
        head["group_unfilled"] = 0
    maker = meant(world, row)
    rest = size
    unfilled = np.int64(0)
    while rest > 0:
        piece = rest
        if is_cut(world) and maker != 0:
            piece = min(rest, max(hist_of(world, maker), 1))
        unfilled += _execute_at(world, row, maker, piece)
        rest -= piece
        if rest > 0:
            maker = stand_in(world, np.int64(row["side"]), np.int64(row["price_ticks"]))
    head["unfilled_history"] += unfilled
    head["group_unfilled"] += unfilled
    _publish_execution(world, row, size - unfilled, first_fill)


@inline
def _publish_execution(world, row, size, first_fill):
    """Prints of a recorded execution: each own fill at its own price, and what others traded of size units.

    Under Impact.NONE own fills are extra volume; otherwise they are part of the size.
    """
    head = world.head[0]
    own = np.int64(0)
    for i in range(first_fill, head["fills"]):
        units = np.int64(world.fills[i]["size_lots"]) << head["shift"]
        publish_trade(world, np.int64(world.fills[i]["side"]), np.int64(world.fills[i]["price_ticks"]), units, units)
        own += 0 if head["impact"] == Impact.NONE else units
    publish_trade(world, np.int64(row["side"]), np.int64(row["price_ticks"]), max(size - own, 0), 0)


@kernel
def execute_hidden(world, row):
    """Somebody nobody saw traded; own orders at strictly better prices would have been first."""
    head = world.head[0]
    book = world.book
    side = np.int64(row["side"])
    key = fold(side, np.int64(row["price_ticks"]))
    left = np.int64(row["size"])
    first_fill = np.int64(head["fills"])
    if book.head[0]["own_resting"] > 0 and head["phase"] == Phase.CONTINUOUS:
        at_equal = head["hidden_at_equal"] != 0 and (row["flags"] & Flag.OFF_TICK) == 0
        level = first_level(book, side)
        while level != 0 and left > 0:
            level_key = fold(side, np.int64(book.nodes[level]["key"]))
            # An off-tick print was rounded to the worse tick for the resting side: at that tick an own order is not better.
            if level_key > key or (level_key == key and not at_equal):
                break
            reason = FillReason.QUEUE_EXHAUSTED if level_key == key else FillReason.TRADED_THROUGH
            slot = np.int64(book.nodes[level]["next"])
            while slot != level and left > 0:
                after = np.int64(book.nodes[slot]["next"])
                if is_own(book, slot):
                    traded = min(left, size_of(world, slot))
                    fill_resting(world, slot, traded, reason)
                    left -= traded
                slot = after
            level = next_level(book, side, level_key)
    _publish_execution(world, row, np.int64(row["size"]), first_fill)
