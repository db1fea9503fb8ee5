"""Phases of a venue, and the one price at which a call auction trades (docs/rules.md, section 1b).

Known limit: finding the price looks at the crossed levels of one side for each crossed level of the other.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel, stay_apart
from lobsim.core.layout import RULED, UNUSUAL
from lobsim.core.levels import first_level, fold, next_level
from lobsim.core.makers import write_report
from lobsim.core.refusal import gathers, price_wrong
from lobsim.core.special import (
    careful,
    lose_shown,
    move_positions,
    note_trade,
    owner_of,
    reserve_of,
    show_again,
    whole_of,
)
from lobsim.types import NEVER, NONE, Phase, Reason, ReportKind, Side, Verb


@kernel
def _units_at(book, level):
    """Units of a level, shown, hidden and in reserve."""
    total = np.int64(book.nodes[level]["size"])
    if book.head[0]["slices"] != 0:
        slot = np.int64(book.nodes[level]["next"])
        while slot != level:
            total += reserve_of(book, slot)
            slot = np.int64(book.nodes[slot]["next"])
    return total


@kernel
def _units_within(book, side, price_ticks):
    """Units of a side that would trade at a price."""
    total = np.int64(0)
    limit_key = fold(side, price_ticks)
    level = first_level(book, side)
    while level != 0 and fold(side, np.int64(book.nodes[level]["key"])) <= limit_key:
        total += _units_at(book, level)
        level = next_level(book, side, fold(side, np.int64(book.nodes[level]["key"])))
    return total


@inline
def _distance(a, b):
    """How far two numbers are apart."""
    return a - b if a > b else b - a


@kernel
def clearing_price(book, reference_ticks):
    """The price with the largest volume, then the smallest imbalance, then nearest to the reference, then the highest.

    Returns (price, volume); volume 0 if nothing crosses.
    """
    best_price = np.int64(0)
    best_volume = np.int64(0)
    best_gap = np.int64(0)
    for side in range(2):
        # Beyond the other side's best price a level trades nothing.
        level = first_level(book, side)
        opposite = np.int64(book.sides[1 - side]["best_key"])
        while level != 0 and opposite != NEVER and fold(side, np.int64(book.nodes[level]["key"])) <= -opposite:
            price_ticks = np.int64(book.nodes[level]["key"])
            buys = _units_within(book, Side.BUY, price_ticks)
            sells = _units_within(book, Side.SELL, price_ticks)
            volume = min(buys, sells)
            gap = _distance(buys, sells)
            nearer = _distance(price_ticks, reference_ticks) - _distance(best_price, reference_ticks)
            better = volume > best_volume or (volume == best_volume and gap < best_gap)
            tied = volume == best_volume and gap == best_gap
            if better or (tied and (nearer < 0 or (nearer == 0 and price_ticks > best_price))):
                best_price = price_ticks
                best_volume = volume
                best_gap = gap
            level = next_level(book, side, fold(side, price_ticks))
    return best_price, best_volume


@kernel
def _first_of(book, side):
    """The order of a side that is served first."""
    slot = np.int64(book.nodes[book.sides[side]["best"]]["next"])
    while book.nodes[slot]["size"] == 0:
        slot = np.int64(book.nodes[slot]["next"])
    return slot


@kernel
def uncross(book, reference_ticks, sequence, out, n):
    """Trade what crosses, all at one price.  Room was checked before.  Returns n."""
    stay_apart()
    price_ticks, left = clearing_price(book, reference_ticks)
    while left > 0:
        buyer = _first_of(book, Side.BUY)
        seller = _first_of(book, Side.SELL)
        size = min(left, np.int64(book.nodes[buyer]["size"]), np.int64(book.nodes[seller]["size"]))
        left -= size
        n = write_report(
            out,
            n,
            sequence,
            ReportKind.TRADE,
            Reason.AUCTION,
            Side.SELL,
            np.int64(book.nodes[seller]["key"]),
            np.int64(book.nodes[buyer]["key"]),
            price_ticks,
            size,
            whole_of(book, seller) - size,
        )
        note_trade(book, price_ticks)
        move_positions(book, Side.SELL, owner_of(book, seller), owner_of(book, buyer), size)
        seller_again = lose_shown(book, seller, size)
        buyer_again = lose_shown(book, buyer, size)
        if seller_again:
            n = show_again(book, seller, sequence, out, n)
        if buyer_again:
            n = show_again(book, buyer, sequence, out, n)
    return n


@kernel
def change_phase(book, message, sequence, out, n):
    """A PHASE message: refused, or the phase changes and the book may uncross.  Returns n."""
    stay_apart()
    rules = book.rules[0]
    phase = np.int64(message["size_lots"])
    reference_ticks = np.int64(message["price_ticks"])
    reason = Reason.NONE
    if phase < 0 or phase > Phase.CLOSED:
        reason = Reason.BAD_FIELD
    elif price_wrong(reference_ticks):
        reason = Reason.BAD_PRICE
    if reason != Reason.NONE:
        side = np.int64(message["side"])
        order_id = np.int64(message["order_id"])
        n = write_report(out, n, sequence, ReportKind.REJECTED, reason, side, order_id, 0, reference_ticks, phase, 0)
        out[n - 1]["verb"] = Verb.PHASE
        return n
    gathered = gathers(rules["phase"])
    rules["phase"] = phase
    rules["reference_ticks"] = reference_ticks
    n = write_report(
        out, n, sequence, ReportKind.PHASE_CHANGED, Reason.NONE, NONE, np.int64(0), 0, reference_ticks, phase, 0
    )
    head = book.head[0]
    head["ruled"] |= UNUSUAL
    if phase == Phase.CONTINUOUS or (gathered and phase == Phase.CLOSED):
        n = uncross(book, reference_ticks, sequence, out, n)
    if phase == Phase.CONTINUOUS:
        # An open market costs what it would without phases; the auction's trades elect nobody who comes later.
        head["ruled"] &= RULED
        if not careful(book):
            head["low_ticks"] = NEVER
            head["high_ticks"] = -NEVER
    return n
