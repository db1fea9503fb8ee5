"""Makers: what happens to one resting order that a taker has reached.

Also the reports, which everything that trades or cancels writes through `write_report`.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.book import remove_order
from lobsim.core.jit import inline, kernel, set_word, stay_apart
from lobsim.core.layout import REDUCING, SIDE_BIT
from lobsim.core.special import (
    lose_shown,
    lose_whole,
    move_positions,
    note_trade,
    owner_of,
    reducible,
    show_again,
    whole_of,
)
from lobsim.types import MAX_PRICE_TICKS, Reason, ReportKind, SelfTrade


@inline
def write_report(out, n, sequence, kind, reason, side, order_id, other_id, price_ticks, size, remaining):
    """Put one report at out[n].  Returns n + 1.

    Sequence, kind, reason, side and verb share the first word: five narrow stores took three times as long as one.
    """
    report = out[n]
    set_word(report, 0, sequence | (kind << 32) | (reason << 40) | ((side & 255) << 48))
    report["order_id"] = order_id
    report["other_id"] = other_id
    report["price_ticks"] = price_ticks
    report["size_lots"] = size
    report["remaining_lots"] = remaining
    return n + 1


@inline
def limit_shown(limit_ticks):
    """A taker's limit as reports have it: 0 for one without."""
    return limit_ticks if -MAX_PRICE_TICKS <= limit_ticks <= MAX_PRICE_TICKS else np.int64(0)


@kernel
def write_about(book, slot, kind, reason, size, remaining, sequence, out, n):
    """A report about an order in a queue.  Returns n + 1."""
    stay_apart()
    node = book.nodes[slot]
    side = np.int64(node["meta"]) & SIDE_BIT
    price_ticks = np.int64(book.nodes[node["level"]]["key"])
    return write_report(out, n, sequence, kind, reason, side, np.int64(node["key"]), 0, price_ticks, size, remaining)


@kernel
def end_taker(side, taker_id, limit_ticks, left, sequence, out, n):
    """What is left of a taker is cancelled because it met an order of its owner.  Returns n + 1."""
    stay_apart()
    price_ticks = limit_shown(limit_ticks)
    return write_report(
        out, n, sequence, ReportKind.CANCELLED, Reason.SELF_TRADE, side, taker_id, 0, price_ticks, left, 0
    )


@kernel
def cancel_maker(book, maker, reason, sequence, out, n):
    """A maker leaves the book whole, for a reason.  Returns n + 1."""
    stay_apart()
    n = write_about(book, maker, ReportKind.CANCELLED, reason, whole_of(book, maker), 0, sequence, out, n)
    remove_order(book, maker)
    return n


@kernel
def _cut_to_position(book, maker, sequence, out, n):
    """A reduce-only maker loses what its owner's position no longer covers.  Returns (whether it is still there, n)."""
    stay_apart()
    whole = whole_of(book, maker)
    cover = reducible(book, owner_of(book, maker), np.int64(book.nodes[maker]["meta"]) & SIDE_BIT)
    if cover == 0:
        return False, cancel_maker(book, maker, Reason.REDUCE_ONLY, sequence, out, n)
    if whole > cover:
        n = write_about(book, maker, ReportKind.REDUCED, Reason.REDUCE_ONLY, whole - cover, cover, sequence, out, n)
        lose_whole(book, maker, whole - cover)
    return True, n


@kernel
def _prevent(book, side, maker, left, limit_ticks, taker_id, sequence, out, n):
    """A taker has met a maker of its own owner.  Returns (left, n)."""
    stay_apart()
    mode = book.rules[0]["self_trade"]
    if mode == SelfTrade.DECREMENT:
        size = min(left, np.int64(book.nodes[maker]["size"]))
        rest = whole_of(book, maker) - size
        n = write_about(book, maker, ReportKind.REDUCED, Reason.SELF_TRADE, size, rest, sequence, out, n)
        left -= size
        price_ticks = limit_shown(limit_ticks)
        n = write_report(
            out, n, sequence, ReportKind.REDUCED, Reason.SELF_TRADE, side, taker_id, 0, price_ticks, size, left
        )
        if lose_shown(book, maker, size):
            n = show_again(book, maker, sequence, out, n)
        return left, n
    if mode != SelfTrade.CANCEL_NEWEST:
        n = cancel_maker(book, maker, Reason.SELF_TRADE, sequence, out, n)
    if mode != SelfTrade.CANCEL_OLDEST:
        n = end_taker(side, taker_id, limit_ticks, left, sequence, out, n)
        left = np.int64(0)
    return left, n


@kernel
def trade_with(book, maker, traded, taker_id, owner, sequence, out, n):
    """A trade with a maker, of at most what it shows.  Returns (whether it has to show again, n)."""
    stay_apart()
    node = book.nodes[maker]
    side = np.int64(node["meta"]) & SIDE_BIT
    price_ticks = np.int64(book.nodes[node["level"]]["key"])
    rest = whole_of(book, maker) - traded
    n = write_report(
        out,
        n,
        sequence,
        ReportKind.TRADE,
        Reason.NONE,
        side,
        np.int64(node["key"]),
        taker_id,
        price_ticks,
        traded,
        rest,
    )
    note_trade(book, price_ticks)
    move_positions(book, side, owner_of(book, maker), owner, traded)
    return lose_shown(book, maker, traded), n


@kernel
def meet(book, side, maker, left, limit_ticks, taker_id, owner, sequence, out, n):
    """A taker of side meets the order at maker, with all that rules and special orders ask.  Returns (left, n)."""
    stay_apart()
    if book.nodes[maker]["meta"] & REDUCING:
        there, n = _cut_to_position(book, maker, sequence, out, n)
        if not there:
            return left, n
    if book.rules[0]["self_trade"] != SelfTrade.NONE and owner != 0 and owner == owner_of(book, maker):
        return _prevent(book, side, maker, left, limit_ticks, taker_id, sequence, out, n)
    traded = min(left, np.int64(book.nodes[maker]["size"]))
    again, n = trade_with(book, maker, traded, taker_id, owner, sequence, out, n)
    if again:
        n = show_again(book, maker, sequence, out, n)
    return left - traded, n
