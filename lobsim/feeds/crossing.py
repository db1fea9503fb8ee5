"""Best prices after every row of a day, and what stands where it cannot stand: without a book, by intervals.

Between two touches an entry of the book stands unchanged: an interval of rows.  The best price after a row is the best of the intervals over it.  All of them
are found at once: an interval of length n is the union of two stretches of 2^k rows (k = floor log2 n), the best of each stretch is noted at its
first row, and from the longest stretches down each is handed on to its halves (a sparse table, filled instead of asked).  n rows cost n log n numpy operations.

A **missing removal**: an entry that nobody touched any more, while a newer entry of the other side, touched in a later packet of continuous trading at its
price or through it, stood together with it for longer than ``STALE_NS``.  The older of the two cannot be there: the newer would have traded with it.

Invariants: what is found does not depend on where the blocks are cut; memory holds a block, the live entries and the touches of the last ``STALE_NS``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.feeds.day_blocks import Block
from lobsim.feeds.touches import Touches
from lobsim.types import NONE, NONE_PRICE, Kind, Side

STALE_NS = 10**9


class Best(NamedTuple):
    """Best price of each side after every row of a block, int64 quanta; NONE_PRICE where the side is empty."""

    bid: np.ndarray
    ask: np.ndarray

    @property
    def both(self) -> np.ndarray:
        """Whether both sides have a price."""
        return (self.bid != NONE_PRICE) & (self.ask != NONE_PRICE)


class Stale(NamedTuple):
    """Missing removals, int64 each, in the order in which they were crossed.

    key, side, price, size  of the entry
    since_row               the row that touched it last
    row, ts                 the row that crossed it, and its exchange time
    """

    key: np.ndarray
    side: np.ndarray
    price: np.ndarray
    size: np.ndarray
    since_row: np.ndarray
    row: np.ndarray
    ts: np.ndarray


class _Stands(NamedTuple):
    """Touches that leave something, and how long it stands.

    end, end_ts      first row at which it is touched again or cleared, and its time; one past the block where it goes on
    gone, gone_ts    the same of the row that removes the entry, or gives its id another side or price
    trading          whether the touch was made in continuous trading
    packet           number of the packet of the touch
    told             whether it is known as stale already, or over before the block
    """

    touches: Touches
    end: np.ndarray
    end_ts: np.ndarray
    gone: np.ndarray
    gone_ts: np.ndarray
    trading: np.ndarray
    packet: np.ndarray
    told: np.ndarray

    def take(self, which: np.ndarray) -> _Stands:
        """Some of them."""
        return _Stands(self.touches.take(which), *(column[which] for column in self[1:]))


class BookWatch:
    """Follows the touches of a day; ``stale_ns`` is how long an entry may stand behind newer ones of the other side."""

    def __init__(self, stale_ns: int = STALE_NS) -> None:
        self._stale_ns = stale_ns
        self._kept: _Stands | None = None
        self._packets = 0
        self._was_crossed = False

    def take(self, block: Block, touches: Touches) -> tuple[Best, Stale]:
        """Best prices after every row of the next block, and the removals that it shows to be missing."""
        stands = self._stands(block, touches)
        best = _best(stands, block)
        crossed = best.both & (best.bid >= best.ask)
        stale, told = _none_stale(), stands.told
        if crossed.any() or self._was_crossed:
            stale, told = self._stale(stands)
        self._was_crossed = bool(crossed[-1])
        self._keep(stands._replace(told=told), block)
        self._packets += int(block.ends.sum())
        return best, stale

    def _stands(self, block: Block, touches: Touches) -> _Stands:
        """What stands at some time in the block, with what was kept from before it."""
        local = touches.row - block.offset
        packets = np.concatenate([[0], np.cumsum(block.ends)])[:-1] + self._packets
        trading, packet = block.trading[local], packets[local]
        told = np.zeros(len(local), dtype=bool)
        if self._kept is not None:
            kept = self._kept
            touches = Touches(*(np.concatenate(pair) for pair in zip(kept.touches, touches, strict=True)))
            trading, packet = np.concatenate([kept.trading, trading]), np.concatenate([kept.packet, packet])
            told = np.concatenate([kept.told, told])
        end, gone = _ends(touches, block)
        time = np.append(block.column["ts_exchange"], block.column["ts_exchange"][-1])
        end_ts, gone_ts = (time[np.maximum(row - block.offset, 0)] for row in (end, gone))
        told |= end < block.offset
        whole = _Stands(touches, end, end_ts, gone, gone_ts, trading, packet, told)
        return whole.take((touches.after > 0) & (end > touches.row))

    def _stale(self, stands: _Stands) -> tuple[Stale, np.ndarray]:
        """Missing removals that show by now, and which of the entries are told after that."""
        touches, told = stands.touches, stands.told.copy()
        found = []
        for side in Side:
            mine, theirs = touches.side == side, touches.side != side
            theirs = theirs & stands.trading & (stands.gone_ts > touches.ts + self._stale_ns)
            old, new = np.flatnonzero(mine & ~told), np.flatnonzero(theirs)
            if len(old) and len(new):
                found.append(self._crossed_by(stands, old, new))
        if not found:
            return _none_stale(), told
        entry, by = (np.concatenate(column) for column in zip(*found, strict=True))
        told[entry] = True
        order = np.argsort(touches.row[by] * 2 + touches.side[entry], kind="stable")
        entry, by = entry[order], by[order]
        its = touches.take(entry)
        return Stale(its.key, its.side, its.price, its.after, its.row, touches.row[by], touches.ts[by]), told

    def _crossed_by(self, stands: _Stands, old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the old entries a newer one crosses for too long, and the first that does."""
        touches = stands.touches
        sign = np.where(touches.side[old[0]] == Side.BUY, 1, -1)
        price = sign * touches.price
        first = np.searchsorted(stands.packet[new], stands.packet[old], "right")
        last = np.searchsorted(touches.ts[new], stands.end_ts[old] - self._stale_ns, "left")
        last = np.minimum(last, np.searchsorted(touches.row[new], stands.end[old], "left"))
        place = _first_at_most(price[new], price[old], first, last)
        hit = place != NONE
        return old[hit], new[place[hit]]

    def _keep(self, stands: _Stands, block: Block) -> None:
        """Keep what goes on, and what may still cross something for too long."""
        beyond = block.offset + len(block.events)
        now_ns = int(block.column["ts_exchange"][-1])
        recent = (stands.touches.ts + self._stale_ns >= now_ns) & (stands.gone == beyond)
        self._kept = stands.take((stands.end == beyond) | recent)


def _best(stands: _Stands, block: Block) -> Best:
    """Best prices after every row of a block."""
    touches, count = stands.touches, len(block.events)
    start = np.maximum(touches.row - block.offset, 0)
    end = np.maximum(stands.end - block.offset, 0)
    sides = []
    for side, sign in ((Side.BUY, 1), (Side.SELL, -1)):
        mine = (touches.side == side) & (end > start)
        top = _highest(start[mine], end[mine], sign * touches.price[mine], count)
        sides.append(np.where(top == NONE_PRICE, NONE_PRICE, sign * top))
    return Best(*sides)


def _highest(start: np.ndarray, end: np.ndarray, value: np.ndarray, count: int) -> np.ndarray:
    """The highest value of the intervals over each of ``count`` places; NONE_PRICE where there is none."""
    top = np.full(count, NONE_PRICE, dtype=np.int64)
    if not len(start):
        return top
    power = np.frexp((end - start).astype(np.float64))[1] - 1  # floor log2, exact below 2^53
    for k in range(int(power.max()), -1, -1):
        mine = power == k
        np.maximum.at(top, start[mine], value[mine])
        np.maximum.at(top, end[mine] - (1 << k), value[mine])
        if k:
            half = 1 << (k - 1)
            top[half:] = np.maximum(top[half:], top[:-half].copy())
    return top


def _first_at_most(values: np.ndarray, bound: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The first place in [first, last) whose value is at most the bound, for every bound; NONE where there is none."""
    table = [values]
    while (1 << len(table)) <= len(values):
        below, half = table[-1], 1 << (len(table) - 1)
        table.append(np.minimum(below[:-half], below[half:]))
    place = first.copy()
    for k in range(len(table) - 1, -1, -1):
        inside = place + (1 << k) <= last
        lowest = table[k][np.where(inside, place, 0)]
        place = np.where(inside & (lowest > bound), place + (1 << k), place)
    inside = place < last
    hit = inside & (values[np.where(inside, place, 0)] <= bound)
    return np.where(hit, place, NONE)


def _ends(touches: Touches, block: Block) -> tuple[np.ndarray, np.ndarray]:
    """For every touch the row at which its interval ends, and the row at which its entry is gone or moved; one past the block where it goes on."""
    beyond, count = block.offset + len(block.events), len(touches.row)
    end_of, gone_of = np.full((2, count), beyond)
    if count:
        order = np.argsort(touches.key, kind="stable")
        row = touches.row[order]
        same, moved = (np.zeros(count, dtype=bool) for _ in range(2))  # as the touch before
        same[1:] = touches.key[order][1:] == touches.key[order][:-1]
        for column in (touches.side[order], touches.price[order]):
            moved[1:] |= column[1:] != column[:-1]
        follows = np.append(same[1:], False)
        end_of[order] = np.where(follows, np.append(row[1:], beyond), beyond)
        # the next removal behind each touch, a running minimum from the back, if it is of the same key
        leaves = np.where((touches.after[order] == 0) | (same & moved), np.arange(count), count)
        following = np.append(np.minimum.accumulate(leaves[::-1])[::-1][1:], count)
        last = np.flatnonzero(~follows)
        group_end = last[np.searchsorted(last, np.arange(count))]
        gone_of[order] = np.where(following <= group_end, np.append(row, beyond)[following], beyond)
    clears = np.flatnonzero(block.column["kind"] == Kind.CLEAR) + block.offset
    if len(clears):
        cleared = np.append(clears, beyond)[np.searchsorted(clears, touches.row, "right")]
        end_of, gone_of = np.minimum(end_of, cleared), np.minimum(gone_of, cleared)
    return end_of, gone_of


def _none_stale() -> Stale:
    """No missing removal."""
    return Stale(*(np.zeros(0, dtype=np.int64) for _ in Stale._fields))
