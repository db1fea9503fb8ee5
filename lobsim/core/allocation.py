"""Sharing a taker out among the orders of one level (pro rata, top N), and counting beforehand what it could fill.

docs/rules.md, section 1b, Allocation and Fillable.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import REDUCING
from lobsim.core.levels import fold, next_level
from lobsim.core.makers import cancel_maker, end_taker, meet, trade_with
from lobsim.core.special import owner_of, reserve_of, show_again, shown_at, whole_of
from lobsim.types import Allocation, Reason, SelfTrade


@inline
def _minds(book, owner):
    """Whether self-trade prevention concerns a taker of this owner."""
    return owner != 0 and book.rules[0]["self_trade"] != SelfTrade.NONE


@kernel
def _own_at(book, level, owner):
    """The first order of an owner at a level, 0 if there is none."""
    slot = np.int64(book.nodes[level]["next"])
    while slot != level:
        if owner_of(book, slot) == owner:
            return slot
        slot = np.int64(book.nodes[slot]["next"])
    return np.int64(0)


@kernel
def _clear_own(book, level, owner, sequence, out, n):
    """Every order of an owner at a level is cancelled, first to last.  Returns n."""
    slot = np.int64(book.nodes[level]["next"])
    last = np.int64(book.nodes[level]["prev"])
    while True:
        after = np.int64(book.nodes[slot]["next"])
        end = slot == last
        if owner_of(book, slot) == owner:
            n = cancel_maker(book, slot, Reason.SELF_TRADE, sequence, out, n)
        if end:
            return n
        slot = after


@kernel
def _top_of(book, level):
    """(Displayed orders of a level that are served first, the last displayed order)."""
    top = np.int64(book.rules[0]["top_orders"]) if book.rules[0]["allocation"] == Allocation.TOP_N else np.int64(0)
    first_hidden = np.int64(book.info[level]["first_hidden"])
    last = np.int64(book.nodes[first_hidden if first_hidden != 0 else level]["prev"])
    return top, last


@kernel
def _give_shares(book, level, left, taker_id, owner, sequence, out, n):
    """One round among what a level shows: trades, then refreshes.  Returns (left, n)."""
    top, last = _top_of(book, level)
    # what the orders served first take, and what the others show
    slot = np.int64(book.nodes[level]["next"])
    first = np.int64(0)
    shown = np.int64(0)
    for_all = left
    place = np.int64(0)
    while True:
        size = np.int64(book.nodes[slot]["size"])
        if place < top:
            for_all -= min(for_all, size)
        else:
            shown += size
        place += 1
        if slot == last:
            break
        slot = np.int64(book.nodes[slot]["next"])
    for_first = left - for_all
    for_all = min(for_all, shown)
    floors = np.int64(0)
    slot = np.int64(book.nodes[level]["next"])
    for i in range(place):
        if i >= top:
            floors += for_all * np.int64(book.nodes[slot]["size"]) // shown
        slot = np.int64(book.nodes[slot]["next"])
    over = for_all - floors
    again = np.int64(0)
    slot = np.int64(book.nodes[level]["next"])
    for i in range(place):
        after = np.int64(book.nodes[slot]["next"])
        size = np.int64(book.nodes[slot]["size"])
        if i < top:
            share = min(for_first, size)
            for_first -= share
        else:
            share = for_all * size // shown
            more = min(over, size - share)
            share += more
            over -= more
        if share > 0:
            left -= share
            refreshes, n = trade_with(book, slot, share, taker_id, owner, sequence, out, n)
            if refreshes:
                again += 1
                if first == 0:
                    first = slot
        slot = after
    # those that show nothing now stand in the queue in the order of their trades
    slot = first
    while again > 0:
        after = np.int64(book.nodes[slot]["next"])
        if book.nodes[slot]["size"] == 0:
            n = show_again(book, slot, sequence, out, n)
            again -= 1
        slot = after
    return left, n


@kernel
def share_out(book, side, level, left, limit_ticks, taker_id, owner, sequence, out, n):
    """A taker of side enters a level: self-trade prevention, then one round of shares, or the first hidden order.  Returns (left, n)."""
    stay_apart()
    if _minds(book, owner) and _own_at(book, level, owner) != 0:
        mode = book.rules[0]["self_trade"]
        if mode != SelfTrade.CANCEL_NEWEST:
            n = _clear_own(book, level, owner, sequence, out, n)
        if mode != SelfTrade.CANCEL_OLDEST:
            n = end_taker(side, taker_id, limit_ticks, left, sequence, out, n)
            left = np.int64(0)
        return left, n
    if shown_at(book, level) == 0:
        return meet(
            book, side, np.int64(book.info[level]["first_hidden"]), left, limit_ticks, taker_id, owner, sequence, out, n
        )
    return _give_shares(book, level, left, taker_id, owner, sequence, out, n)


@kernel
def _fillable_at(book, level, owner):
    """What a taker could fill at one level.  Returns (units, whether the count ends here)."""
    minds = _minds(book, owner)
    skips = book.rules[0]["self_trade"] == SelfTrade.CANCEL_OLDEST
    shown = np.int64(0)
    reserve = np.int64(0)
    hidden = np.int64(0)
    behind = False
    slot = np.int64(book.nodes[level]["next"])
    while slot != level:
        if slot == book.info[level]["first_hidden"]:
            behind = True
        if minds and owner_of(book, slot) == owner:
            if not skips:
                return (shown + reserve + hidden, True) if behind else (shown, True)
        elif not book.nodes[slot]["meta"] & REDUCING:
            if behind:
                hidden += whole_of(book, slot)
            else:
                shown += np.int64(book.nodes[slot]["size"])
                reserve += reserve_of(book, slot)
        slot = np.int64(book.nodes[slot]["next"])
    return shown + reserve + hidden, False


@kernel
def fillable(book, side, limit_ticks, owner, enough):
    """What a taker of side could fill at once within its limit, counted until `enough` is reached."""
    stay_apart()
    other = 1 - side
    limit_key = fold(other, limit_ticks)
    key = np.int64(book.sides[other]["best_key"])
    level = np.int64(book.sides[other]["best"])
    total = np.int64(0)
    shared = book.rules[0]["allocation"] != Allocation.FIFO
    ends = book.rules[0]["self_trade"] != SelfTrade.CANCEL_OLDEST
    while level != 0 and key <= limit_key and total < enough:
        if shared and ends and _minds(book, owner) and _own_at(book, level, owner) != 0:
            return total
        units, ended = _fillable_at(book, level, owner)
        total += units
        if ended:
            return total
        level = next_level(book, other, key)
        if level != 0:
            key = fold(other, np.int64(book.nodes[level]["key"]))
    return total
