"""Market by price (MBP-1, MBP-10) and trades -> canonical rows of levels and prints.

Every record of a book schema shows all its levels after it, so a LEVEL row is written for each price whose quantity differs from the record before, also
(with size 0) for one that has left the window.  The first record, the first after an R, and the first good one after "maybe bad book" come as CLEAR and rows flagged
SNAPSHOT.  T is a PRINT against the other side and leaves the levels alone.  Files made from MBO by other programs fold T, F and C into a T with the
maker's side, whose own levels already lack its size: there the PRINT is of that side, and counted.  LAST_IN_PACKET: the last row of an event.

Known limit: order counts of levels (``bid_ct``, ``ask_ct``) are not kept.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from lobsim.feeds.databento.records import BAD_RECEIVE_TIME, LAST, MAYBE_BAD_BOOK, SNAPSHOT, UNDEFINED_PRICE
from lobsim.feeds.order_rows import RowParts, counted
from lobsim.types import NONE, Flag, Kind, Side

_CHUNK = 16_384  # records compared at once: 16,384 x 10 x 10 comparisons a side
_CLEAR, _TRADE = ord("R"), ord("T")


class LevelRows:
    """Converts the records of one instrument, block after block.

    depth  levels a side
    """

    def __init__(self, depth: int) -> None:
        self._price = np.full((2, depth), UNDEFINED_PRICE, dtype=np.int64)
        self._size = np.zeros((2, depth), dtype=np.int64)
        self._fresh = True
        self._bad = False
        self._time = 0
        self._own_side = 0

    def rows(self, records: np.ndarray) -> tuple[pl.DataFrame, dict[str, int]]:
        """Canonical rows, and what was counted; the records end where an event time ends."""
        parts = RowParts()
        was_bad, self._own_side = self._bad, 0
        for start in range(0, len(records), _CHUNK):
            self._chunk(records[start : start + _CHUNK], start, parts)
        bad = (records["flags"] & MAYBE_BAD_BOOK) != 0
        gaps = bad & ~np.concatenate([[was_bad], bad[:-1]])
        table, raised, self._time = _table(parts, records, self._time)
        return table, counted(
            gaps=gaps.sum(), rows_in_gaps=bad.sum(), times_raised=raised, trades_that_name_the_maker=self._own_side
        )

    def _chunk(self, records: np.ndarray, start: int, parts: RowParts) -> None:
        """Add the rows of some records, the first of which has the index ``start``."""
        bad = (records["flags"] & MAYBE_BAD_BOOK) != 0
        clear = ((records["action"] == _CLEAR) & ~bad) | (bad & ~np.concatenate([[self._bad], bad[:-1]]))
        self._bad = bool(bad[-1])
        price, size = self._levels(records)
        price[1:][bad | clear], size[1:][bad | clear] = UNDEFINED_PRICE, 0
        fresh = self._first_books(clear, bad, size)
        parts.add(start + np.flatnonzero(clear | fresh), 0, kind=Kind.CLEAR)
        for side in (Side.BUY, Side.SELL):
            _add_differences(parts, start, price[:, side], size[:, side], ~clear & ~bad, fresh, side)
        trades = np.flatnonzero((records["action"] == _TRADE) & ~bad)
        own_side = _take_from_own_side(records, trades, price, size)
        self._own_side += int(own_side.sum())
        _add_prints(parts, records, trades, start, np.where(fresh[trades], 3, 1), own_side)
        self._price, self._size = price[-1], size[-1]

    def _levels(self, records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Price and size [record, side, level], the last known book in front."""
        levels = records["levels"]
        price = np.stack([levels["bid_px"], levels["ask_px"]], axis=1).astype(np.int64)
        size = np.stack([levels["bid_sz"], levels["ask_sz"]], axis=1).astype(np.int64)
        price[size == 0] = UNDEFINED_PRICE
        size[price == UNDEFINED_PRICE] = 0
        return np.concatenate([self._price[None], price]), np.concatenate([self._size[None], size])

    def _first_books(self, clear: np.ndarray, bad: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Which records show the first book after nothing was known."""
        shows = ~clear & ~bad & size[1:].any(axis=(1, 2))
        index = np.arange(len(clear))
        last_reset = np.maximum.accumulate(np.where(clear | bad, index, NONE))
        last_shown = np.concatenate([[NONE], np.maximum.accumulate(np.where(shows, index, NONE))[:-1]])
        fresh = shows & np.where(last_shown == NONE, self._fresh | (last_reset != NONE), last_reset > last_shown)
        seen = np.flatnonzero(shows)
        self._fresh = bool(last_reset[-1] > seen[-1]) if len(seen) else bool(self._fresh or last_reset[-1] != NONE)
        return fresh


class TradeRows:
    """Converts the records of the schema trades of one instrument, block after block."""

    def __init__(self) -> None:
        self._time = 0

    def rows(self, records: np.ndarray) -> tuple[pl.DataFrame, dict[str, int]]:
        """A PRINT for each record, and what was counted."""
        parts = RowParts()
        everything = np.arange(len(records))
        _add_prints(parts, records, everything, 0, 1, np.zeros(len(records), dtype=bool))
        table, raised, self._time = _table(parts, records, self._time)
        return table, counted(times_raised=raised)


def _take_from_own_side(records: np.ndarray, at: np.ndarray, price: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Which T take their own size off their own side at their own price: their side is then the maker's."""
    sold = np.flatnonzero((records["side"][at] == ord("A")) | (records["side"][at] == ord("B")))
    row = at[sold]
    side = np.where(records["side"][row] == ord("B"), Side.BUY, Side.SELL)
    wanted = records["price"][row].astype(np.int64)[:, None]
    before, after = (np.where(price[i, side] == wanted, size[i, side], 0).sum(axis=1) for i in (row, row + 1))
    found = np.zeros(len(at), dtype=bool)
    found[sold] = before - after == records["size"][row]
    return found


def _add_prints(
    parts: RowParts, records: np.ndarray, at: np.ndarray, start: int, rank: np.ndarray | int, own_side: np.ndarray
) -> None:
    """A PRINT for each T; its side is that of the aggressor, so the other one rested, unless ``own_side``."""
    code = records["side"][at]
    named = np.where(code == ord("B"), Side.BUY, np.where(code == ord("A"), Side.SELL, NONE))
    side = np.where((named == NONE) | own_side, named, 1 - named)
    price, size = (records[name][at].astype(np.int64) for name in ("price", "size"))
    flags = np.where(side != NONE, Flag.AGGRESSOR_KNOWN, 0)
    parts.add(start + at, rank, kind=Kind.PRINT, side=side, price=price, size=size, flags=flags)


def _add_differences(
    parts: RowParts, start: int, price: np.ndarray, size: np.ndarray, usable: np.ndarray, fresh: np.ndarray, side: Side
) -> None:
    """LEVEL rows of one side: removals, then what is new or changed; price and size are [1 + records, levels]."""
    changed = usable & (fresh | (price[1:] != price[:-1]).any(axis=1) | (size[1:] != size[:-1]).any(axis=1))
    at = np.flatnonzero(changed)
    old_size = np.where(fresh[at, None], 0, size[at])
    old, new, new_size = price[at], price[at + 1], size[at + 1]
    same = (new[:, :, None] == old[:, None, :]) & (old_size[:, None, :] > 0)
    row, level = np.nonzero((old_size > 0) & ~same.any(axis=1))
    parts.add(start + at[row], 2, kind=Kind.LEVEL, side=side, price=old[row, level])
    before = (same * old_size[:, None, :]).sum(axis=2)
    row, level = np.nonzero((new_size > 0) & (before != new_size))
    flags = np.where(fresh[at[row]], Flag.SNAPSHOT, 0)
    parts.add(
        start + at[row], 2, kind=Kind.LEVEL, side=side, price=new[row, level], size=new_size[row, level], flags=flags
    )


def _table(parts: RowParts, records: np.ndarray, not_before: int) -> tuple[pl.DataFrame, int, int]:
    """The rows in order; how many times were raised; the last time.  A snapshot has the time for which it was made."""
    received = records["ts_recv"].astype(np.int64)
    told = np.where(records["flags"] & SNAPSHOT, received, records["ts_event"].astype(np.int64))
    time = np.maximum.accumulate(np.maximum(told, not_before))
    sequence = records["sequence"].astype(np.int64)
    following = np.minimum(np.arange(1, len(time) + 1), len(time) - 1)
    same = (time == time[following]) & (sequence == sequence[following])
    ends = ((records["flags"] & LAST) != 0) & ~same | (time != time[following])
    ends[-1] = True
    received = np.where(records["flags"] & BAD_RECEIVE_TIME, time, received)
    table, _ = parts.table(time, received, sequence, ends)
    return table, int((time != told).sum()), int(time[-1])
