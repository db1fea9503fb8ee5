"""Market by order (MBO) -> canonical rows of orders.

Databento tells of a trade thrice: T, the trade, with the aggressor's side; F, a fill of each order that took part; then C or M, what the fill left of
the order.  T and F do not change the book.  Here an execution is told once, at the place of its F, and the C or M that follows is what is left of it:

===============================================  =====================================================================
records                                          rows
===============================================  =====================================================================
F of a resting order, and the next C or M of it  EXECUTE, as much as the F says and the C took (or was there before the
at the same event time                           M), match_id = the aggressor's order id where the T names it
the C after it                                   nothing, or REDUCE or DELETE of what it took beyond the fills
the M after it                                   nothing if it says what is left anyway; else REPLACE, or ADD when the
                                                 fills had taken all (an iceberg shows its next part)
F of the aggressor's own order                   nothing: its C or M speaks for itself
F beyond what left the book, or of an order      EXECUTE_HIDDEN (PRINT if no side is known)
that is not there, or never followed up
T with fills                                     nothing; what its fills do not explain: EXECUTE_HIDDEN
T without fills                                  EXECUTE_HIDDEN against the other side; PRINT when it has no side
T and F without sides: an uncrossing             PRINT of the T, EXECUTE of each F, flagged AUCTION; then PHASE CONTINUOUS
A, C, M without fills                            ADD; REDUCE or DELETE (all of it); REPLACE
A of a live order, M of an order not there       REPLACE; ADD
C of an order not there                          nothing
R, and a snapshot that does not begin with one   CLEAR; the A of a snapshot are flagged SNAPSHOT
the mark "maybe bad book"                        CLEAR at the first; nothing more until the next R or snapshot
===============================================  =====================================================================

Times: ts_event; of a snapshot ts_recv, the instant for which it was made (its ts_event is that of the order).  A time that falls is raised to the one before
it.  LAST_IN_PACKET stands on the last row of each event.  If the first trade in a recording's first records is an uncrossing, nothing before it was continuous:
the rows begin with PHASE PRE_OPEN.

Invariant: after the rows of an event the book is the one its A, C, M and R make.
Known limit: the pre-open of a later session is not marked, because MBO does not tell when the session before it ended.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from lobsim.feeds.databento.records import BAD_RECEIVE_TIME, LAST, MAYBE_BAD_BOOK, SNAPSHOT
from lobsim.feeds.live_orders import Act, Found, LiveOrders
from lobsim.feeds.order_rows import RowParts, canonical, counted
from lobsim.types import NONE, Flag, Kind, Phase, Side

_ADD, _CANCEL, _MODIFY, _CLEAR, _TRADE, _FILL = (ord(letter) for letter in "ACMRTF")
_ACT = np.full(256, NONE, dtype=np.int64)
_ACT[[_ADD, _CANCEL, _MODIFY, _CLEAR, _FILL]] = [Act.SET, Act.TAKE, Act.SET, Act.CLEAR, Act.LOOK]
_SIDE = np.full(256, NONE, dtype=np.int64)
_SIDE[[ord("B"), ord("A")]] = [Side.BUY, Side.SELL]


class Messages(NamedTuple):
    """Messages of one instrument as int64 columns; ``side`` NONE where there is none."""

    action: np.ndarray
    side: np.ndarray
    price: np.ndarray
    size: np.ndarray
    order_id: np.ndarray
    flags: np.ndarray
    time: np.ndarray
    received: np.ndarray
    sequence: np.ndarray


class _Fills(NamedTuple):
    """What the fills of a block mean, one entry for each message.

    trade     index of the T a fill belongs to, NONE
    own       a fill of the aggressor's own order
    executed  of a fill: how much of it left the book; of a C or M: how much of it fills had taken
    """

    trade: np.ndarray
    own: np.ndarray
    executed: np.ndarray


class OrderRows:
    """Converts the records of one instrument, block after block."""

    def __init__(self) -> None:
        self._orders = LiveOrders()
        self._begun = False
        self._lost = False
        self._in_snapshot = False
        self._time = 0

    def rows(self, records: np.ndarray) -> tuple[pl.DataFrame, dict[str, int]]:
        """Canonical rows, and what was counted; the records end where an event time ends."""
        return self.convert(messages_of(records))

    def convert(self, messages: Messages) -> tuple[pl.DataFrame, dict[str, int]]:
        """The same for messages that another format tells in Databento's manner."""
        whole = len(messages.action)
        messages, gaps = self._without_gaps(messages)
        notes = counted(gaps=gaps, rows_in_gaps=whole - len(messages.action) + gaps)
        if len(messages.action) == 0:
            return canonical(0, ts_exchange=np.zeros(0, dtype=np.int64)), notes
        found = self._follow(messages)
        fills = _fills(messages, found)
        time = np.maximum.accumulate(np.maximum(messages.time, self._time))
        self._time = int(time[-1])
        rows, ends = RowParts(), _event_ends(messages, time)
        self._openings(rows, messages, fills, ends)
        notes |= _trades(rows, messages, found, fills)
        notes |= _changes(rows, messages, found, fills)
        notes |= counted(times_raised=(time != messages.time).sum())
        return rows.table(time, messages.received, messages.sequence, ends)[0], notes

    def _without_gaps(self, messages: Messages) -> tuple[Messages, int]:
        """Without the messages of a book that may be bad; the first of each such run becomes a CLEAR."""
        bad = (messages.flags & MAYBE_BAD_BOOK) != 0
        if not bad.any() and not self._lost:
            return messages, 0
        good = ~bad & ((messages.action == _CLEAR) | ((messages.flags & SNAPSHOT) != 0))
        index = np.arange(len(bad))
        turn = np.maximum.accumulate(np.where(bad | good, index, NONE))
        lost = np.where(turn == NONE, self._lost, bad[turn])
        begins = lost & ~np.concatenate([[self._lost], lost[:-1]])
        self._lost = bool(lost[-1])
        action = np.where(begins, _CLEAR, messages.action)
        kept = ~lost | begins
        return Messages(*(column[kept] for column in messages._replace(action=action))), int(begins.sum())

    def _follow(self, messages: Messages) -> Found:
        """What was there before each message; nothing for a T."""
        act = _ACT[messages.action]
        told = np.flatnonzero(act != NONE)
        ids = np.where(act == Act.CLEAR, NONE, messages.order_id)
        parts = (act, ids, messages.size, messages.side, messages.price)
        found = Found(*(np.zeros(len(act), dtype=np.int64) for _ in range(3)))
        for column, answer in zip(found, self._orders.follow(*(part[told] for part in parts)), strict=True):
            column[told] = answer
        return found

    def _openings(self, rows: RowParts, messages: Messages, fills: _Fills, event_ends: np.ndarray) -> None:
        """CLEAR rows before snapshots that do not begin with one, and the phases an uncrossing tells of."""
        shown = ((messages.flags & SNAPSHOT) != 0) & (messages.action == _ADD)
        before = np.concatenate([[self._in_snapshot], shown[:-1] | (messages.action[:-1] == _CLEAR)])
        starts = np.flatnonzero(shown & ~before)
        self._in_snapshot = bool(shown[-1] or messages.action[-1] == _CLEAR)
        crossing = _uncrossings(messages, fills)
        trades = np.flatnonzero(messages.action == _TRADE)
        if not self._begun and len(trades) and crossing[trades[0]]:
            rows.add(np.zeros(1, dtype=np.int64), 0, kind=Kind.PHASE, size=Phase.PRE_OPEN)
        self._begun = True
        rows.add(starts, 0, kind=Kind.CLEAR)
        ends = np.flatnonzero(event_ends)
        after = np.unique(ends[np.searchsorted(ends, np.flatnonzero(crossing))])
        rows.add(after, 3, kind=Kind.PHASE, size=Phase.CONTINUOUS)


def messages_of(records: np.ndarray) -> Messages:
    """Columns of MBO records."""
    snapshot = (records["flags"] & SNAPSHOT) != 0
    received = records["ts_recv"].astype(np.int64)
    time = np.where(snapshot, received, records["ts_event"].astype(np.int64))
    return Messages(
        action=records["action"].astype(np.int64),
        side=_SIDE[records["side"]],
        price=records["price"].astype(np.int64),
        size=records["size"].astype(np.int64),
        order_id=records["order_id"].astype(np.int64),
        flags=records["flags"].astype(np.int64),
        time=time,
        received=np.where((records["flags"] & BAD_RECEIVE_TIME) != 0, time, received),
        sequence=records["sequence"].astype(np.int64),
    )


def _event_ends(messages: Messages, time: np.ndarray) -> np.ndarray:
    """Which messages end an event: marked as the last, and not followed by another of the same time and number."""
    following = np.minimum(np.arange(1, len(time) + 1), len(time) - 1)
    same = (time == time[following]) & (messages.sequence == messages.sequence[following])
    ends = ((messages.flags & LAST) != 0) & ~same | (time != time[following])
    ends[-1] = True
    return ends


def _fills(messages: Messages, found: Found) -> _Fills:
    """Tie each fill to its trade and to the change that settles it."""
    count = len(messages.action)
    index = np.arange(count)
    is_fill = messages.action == _FILL
    latest = np.maximum.accumulate(np.where(messages.action == _TRADE, index, NONE))
    trade = np.where(is_fill & (latest != NONE) & (messages.time[latest] == messages.time), latest, NONE)
    has_trade = trade != NONE
    aggressor_id, aggressor_side = messages.order_id[trade], messages.side[trade]
    own = has_trade & (
        ((aggressor_id == messages.order_id) & (aggressor_id != 0))
        | ((messages.side == aggressor_side) & (aggressor_side != NONE))
    )
    executed = np.zeros(count, dtype=np.int64)
    if is_fill.any():
        _settle(messages, found, is_fill & ~own, executed)
    return _Fills(trade, own, executed)


def _settle(messages: Messages, found: Found, makers: np.ndarray, executed: np.ndarray) -> None:
    """Share out what a C or M took among the fills just before it.  changes: executed"""
    named = np.flatnonzero(makers | np.isin(messages.action, (_ADD, _CANCEL, _MODIFY)))
    order = named[np.lexsort((named, messages.order_id[named]))]
    ids, fill, time = messages.order_id[order], makers[order], messages.time[order]
    index = np.arange(len(order))
    following = np.minimum.accumulate(np.where(fill, len(order) - 1, index)[::-1])[::-1]
    settles = np.isin(messages.action[order[following]], (_CANCEL, _MODIFY))
    settled = fill & settles & (ids[following] == ids) & (time[following] == time) & (following > index)
    at, change = index[settled], following[settled]
    size, changed = messages.size[order[at]], order[change]
    there = found.size[changed]
    room = np.where(messages.action[changed] == _CANCEL, np.minimum(messages.size[changed], there), there)
    total = np.cumsum(size)
    start = np.concatenate([[True], change[1:] != change[:-1]])[: len(change)]
    before = total - size
    before -= np.maximum.accumulate(np.where(start, before, 0))
    taken = np.clip(room - before, 0, size)
    executed[order[at]] = taken
    np.add.at(executed, changed, taken)


def _uncrossings(messages: Messages, fills: _Fills) -> np.ndarray:
    """Which T are uncrossings: without a side, and with a fill that has none either."""
    crossing = np.zeros(len(messages.action), dtype=bool)
    of = fills.trade[(fills.trade != NONE) & (messages.side == NONE)]
    crossing[of[messages.side[of] == NONE]] = True
    return crossing


def _trades(rows: RowParts, messages: Messages, found: Found, fills: _Fills) -> dict[str, int]:
    """Rows of T and F."""
    crossing = _uncrossings(messages, fills)
    is_fill = messages.action == _FILL
    in_auction = is_fill & (fills.trade != NONE) & crossing[fills.trade]
    side = np.where(found.side != NONE, found.side, messages.side)
    known = np.where(in_auction, Flag.AUCTION, np.where(messages.side != NONE, Flag.AGGRESSOR_KNOWN, 0))
    match = np.where(fills.trade != NONE, messages.order_id[fills.trade], 0)
    whole = np.flatnonzero(is_fill & (fills.executed > 0))
    rows.add(
        whole,
        1,
        kind=Kind.EXECUTE,
        side=side[whole],
        price=messages.price[whole],
        size=fills.executed[whole],
        order_id=messages.order_id[whole],
        match_id=match[whole],
        flags=known[whole],
    )
    rest = np.where(is_fill & ~fills.own & ~in_auction, messages.size - fills.executed, 0)
    over = np.flatnonzero(rest > 0)
    kind = np.where(side == NONE, Kind.PRINT, Kind.EXECUTE_HIDDEN)
    rows.add(over, 2, kind=kind[over], side=side[over], price=messages.price[over], size=rest[over], flags=known[over])
    _trade_rows(rows, messages, fills, crossing)
    return counted(
        fills_of_the_aggressor=fills.own.sum(),
        fills_of_unknown_orders=(is_fill & ~fills.own & (found.size == 0)).sum(),
        fills_beyond_what_was_shown=((rest > 0) & (found.size > 0)).sum(),
        uncrossings=crossing.sum(),
    )


def _trade_rows(rows: RowParts, messages: Messages, fills: _Fills, crossing: np.ndarray) -> None:
    """Rows of T: what no fill explains, and uncrossings."""
    explained = np.zeros(len(crossing), dtype=np.int64)
    maker = (fills.trade != NONE) & ~fills.own
    np.add.at(explained, fills.trade[maker], messages.size[maker])
    is_trade = messages.action == _TRADE
    rest = np.where(is_trade & ~crossing, messages.size - explained, 0)
    sided = messages.side != NONE
    at = np.flatnonzero(rest > 0)
    rows.add(
        at,
        1,
        kind=np.where(sided, Kind.EXECUTE_HIDDEN, Kind.PRINT)[at],
        side=np.where(sided, 1 - messages.side, NONE)[at],
        price=messages.price[at],
        size=rest[at],
        match_id=messages.order_id[at],
        flags=np.where(sided, Flag.AGGRESSOR_KNOWN, 0)[at],
    )
    at = np.flatnonzero(crossing)
    rows.add(at, 1, kind=Kind.PRINT, price=messages.price[at], size=messages.size[at], flags=Flag.AUCTION)


def _changes(rows: RowParts, messages: Messages, found: Found, fills: _Fills) -> dict[str, int]:
    """Rows of A, C, M and R."""
    action, size, price = messages.action, messages.size, messages.price
    left = found.size - fills.executed
    rows.add(np.flatnonzero(action == _CLEAR), 1, kind=Kind.CLEAR)
    cancelled = np.where(action == _CANCEL, np.minimum(size, found.size) - fills.executed, 0)
    at = np.flatnonzero(cancelled > 0)
    kind = np.where(cancelled == left, Kind.DELETE, Kind.REDUCE)
    _order_rows(rows, messages, at, kind=kind[at], side=found.side[at], price=found.price[at], size=cancelled[at])
    joins = (action == _ADD) | (action == _MODIFY)
    as_left = (action == _MODIFY) & (fills.executed > 0) & (size == left) & (price == found.price)
    at = np.flatnonzero(joins & (left == 0))
    snapshot = np.where(messages.flags & SNAPSHOT, Flag.SNAPSHOT, 0)
    _order_rows(
        rows, messages, at, kind=Kind.ADD, side=messages.side[at], price=price[at], size=size[at], flags=snapshot[at]
    )
    at = np.flatnonzero(joins & (left > 0) & ~as_left)
    _order_rows(
        rows,
        messages,
        at,
        kind=Kind.REPLACE,
        other_id=messages.order_id[at],
        side=messages.side[at],
        price=price[at],
        size=size[at],
    )
    return counted(
        added_twice=((action == _ADD) & (found.size > 0)).sum(),
        cancels_of_unknown_orders=((action == _CANCEL) & (found.size == 0)).sum(),
        cancels_of_more_than_there_is=((action == _CANCEL) & (found.size > 0) & (size > found.size)).sum(),
        modifies_of_unknown_orders=((action == _MODIFY) & (found.size == 0)).sum(),
        shown_again_after_a_fill=((action == _MODIFY) & (fills.executed > 0) & ~as_left).sum(),
    )


def _order_rows(rows: RowParts, messages: Messages, at: np.ndarray, **columns: np.ndarray | int) -> None:
    """Rows about the order that a message names."""
    rows.add(at, 1, order_id=messages.order_id[at], **columns)
