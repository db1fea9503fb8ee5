"""Price-time priority: the one path through which everything trades.

An aggressor walks the other side's levels, best first, as far as its limit, and in each level the queue, first to last. Trades
print at the resting price.  Prices are folded by side (layout.py), so there is no buying and no selling branch.

Where special orders or rules ask for care (`special.careful`) each maker is met by `makers.meet`, or each level shared out by `allocation`.

Known limit: the caller must have made sure that the report buffer holds what the resting orders of the other side can write.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.allocation import share_out
from lobsim.core.book import take_out, trade_maker
from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import ANONYMOUS, BLOCK, NAMELESS, OWNER_SHIFT, RECORDED
from lobsim.core.levels import fold, next_level
from lobsim.core.makers import meet, write_report
from lobsim.core.special import careful, move_positions
from lobsim.types import NONE, Allocation, Reason, ReportKind


@inline
def would_trade(book, side, limit_ticks):
    """Whether an order of side at this limit would meet a price of the other side."""
    return book.sides[1 - side]["best_key"] <= -fold(side, limit_ticks)


@kernel
def _surplus(book, maker, traded):
    """Units of a trade that come out of a recorded maker's surplus."""
    stay_apart()
    if book.nodes[maker]["meta"] & RECORDED == 0:
        return np.int64(0)
    return min(traded, max(np.int64(0), np.int64(book.nodes[maker]["size"] - book.info[maker]["hist"])))


@kernel
def _match_with_care(book, side, limit_ticks, size, taker_id, owner, sequence, out, n):
    """`match` in a book with rules or special orders.  Returns (size left, n)."""
    stay_apart()
    other = 1 - side
    limit_key = fold(other, limit_ticks)
    while size > 0 and book.sides[other]["best_key"] <= limit_key:
        level = np.int64(book.sides[other]["best"])
        if book.rules[0]["allocation"] != Allocation.FIFO:
            size, n = share_out(book, side, level, size, limit_ticks, taker_id, owner, sequence, out, n)
            continue
        maker = np.int64(book.nodes[level]["next"])
        while book.nodes[maker]["size"] == 0:
            maker = np.int64(book.nodes[maker]["next"])
        size, n = meet(book, side, maker, size, limit_ticks, taker_id, owner, sequence, out, n)
    return size, n


@kernel
def match(book, side, limit_ticks, size, taker_id, owner, sequence, out, n):
    """Trade up to size units against the other side, as far as the limit.

    side         of the aggressor
    limit_ticks  worst price it accepts
    taker_id     written into the trades
    owner        of the aggressor, 0 = nobody
    sequence     written into the trades
    out, n       REPORT buffer and how many it holds

    Returns (size left, n); an aggressor that self-trade prevention ended has nothing left.  changes: the book's other side, out[n ...]
    """
    stay_apart()
    if careful(book):
        return _match_with_care(book, side, limit_ticks, size, taker_id, owner, sequence, out, n)
    other = 1 - side
    limit_key = fold(other, limit_ticks)
    price_ticks = np.int64(0)
    before = n
    while size > 0 and book.sides[other]["best_key"] <= limit_key:
        level = np.int64(book.sides[other]["best"])
        price_ticks = np.int64(book.nodes[level]["key"])
        maker = np.int64(book.nodes[level]["next"])
        while book.nodes[maker]["size"] == 0:
            maker = np.int64(book.nodes[maker]["next"])
        resting = np.int64(book.nodes[maker]["size"])
        maker_id = np.int64(book.nodes[maker]["key"])
        meta = np.int64(book.nodes[maker]["meta"])
        if meta & (ANONYMOUS | BLOCK):
            maker_id = NAMELESS - maker
        traded = min(size, resting)
        if (meta >> OWNER_SHIFT) | owner:
            move_positions(book, other, meta >> OWNER_SHIFT, owner, traded)
        if meta & (RECORDED | BLOCK):
            book.head[0]["took_surplus"] += _surplus(book, maker, traded)
            trade_maker(book, maker, traded)
        elif traded == resting:
            take_out(book, maker, maker_id, NONE, level, meta, resting)
        else:
            book.nodes[maker]["size"] = resting - traded
            book.nodes[level]["size"] -= traded
        n = write_report(
            out,
            n,
            sequence,
            ReportKind.TRADE,
            Reason.NONE,
            other,
            maker_id,
            taker_id,
            price_ticks,
            traded,
            resting - traded,
        )
        size -= traded
    if n > before:
        book.head[0]["traded"] = 1
        book.head[0]["last_trade_ticks"] = price_ticks
    return size, n


@kernel
def tradable(book, side, limit_ticks, enough):
    """Units resting within the limit on the other side, counted until `enough` is reached (for FOK)."""
    stay_apart()
    other = 1 - side
    limit_key = fold(other, limit_ticks)
    total = np.int64(0)
    key = np.int64(book.sides[other]["best_key"])
    level = np.int64(book.sides[other]["best"])
    while level != 0 and key <= limit_key and total < enough:
        total += np.int64(book.nodes[level]["size"])
        level = next_level(book, other, key)
        if level != 0:
            key = fold(other, np.int64(book.nodes[level]["key"]))
    return total
