"""The queues of a book around its reference price, as the queue-reactive model sees a recording.

The reference lies between two ticks.  While the spread is one tick it is the mid.  While the spread is two, one price stands empty between the best prices, and
the reference is on either side of it: it is the first queue of one side, the one that gives it an order again, since only its owner can.  So such a stretch is labelled by how
it ends; one that ends without an order there keeps the reference as it was before.  Wider spreads are left out.

What happens within a microsecond after the mid has moved is left out with its time: a market that follows its mid redraws its queues there (Huang, Lehalle, Rosenbaum 2015, model III).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from lobsim.calibration.flow.recording import Recording
from lobsim.types import Side

SETTLING_NS = 1000


class Gaps(NamedTuple):
    """Stretches of rows with a spread of two ticks, one entry each.

    first, until  first row, and the row after the last
    emptied       side whose best price left, out of a spread of one tick; -1 for others
    filled        side of the order that came between; -1 where the stretch ended otherwise
    """

    first: np.ndarray
    until: np.ndarray
    emptied: np.ndarray
    filled: np.ndarray


@dataclass(frozen=True, eq=False)
class QueueView:
    """Where the queues are after every row of a recording, and how long they are.

    lower   int64 [rows]: the tick below the reference price
    usable  bool [rows]: the reference is known
    gaps    stretches in which the reference had to be told by how they end
    """

    recording: Recording
    lower: np.ndarray
    usable: np.ndarray
    gaps: Gaps

    @cached_property
    def time_ns(self) -> np.ndarray:
        """int64 [rows]: how long the book stood, without what follows a move of the mid at once."""
        day = self.recording.day
        moves = np.flatnonzero(np.append(False, np.diff(day.after.bid_ticks + day.after.ask_ticks) != 0))
        last = np.searchsorted(moves, np.arange(len(day.ts_ns)), side="right") - 1
        since = day.ts_ns - np.where(last >= 0, day.ts_ns[moves[np.maximum(last, 0)]] if len(moves) else 0, 0)
        wait = np.where(last >= 0, np.maximum(SETTLING_NS - since, 0), 0)
        return np.where(self.usable, np.maximum(self.recording.usable_ns - wait, 0), 0)

    @cached_property
    def event_usable(self) -> np.ndarray:
        """bool [events]: the book before it counts, and stood for long enough."""
        events, day = self.recording.events, self.recording.day
        before = day.instant[events.row] - 1
        stood = day.ts_ns[events.row] - day.ts_ns[np.maximum(before, 0)]
        moves = np.flatnonzero(np.append(False, np.diff(day.after.bid_ticks + day.after.ask_ticks) != 0))
        last = np.searchsorted(moves, before, side="right") - 1
        since = day.ts_ns[events.row] - (day.ts_ns[moves[np.maximum(last, 0)]] if len(moves) else 0)
        return (before >= 0) & (stood > 0) & self.usable[np.maximum(before, 0)] & ((last < 0) | (since > SETTLING_NS))

    def price(self, side: int, i: int, rows: np.ndarray) -> np.ndarray:
        """Price of the i-th queue of a side, i from 0, after some rows."""
        return self.lower[rows] + 1 + i if side == Side.SELL else self.lower[rows] - i

    def lots(self, side: int, i: int, rows: np.ndarray) -> np.ndarray:
        """What stands there."""
        return self.recording.levels.lots(np.full(len(rows), side), self.price(side, i, rows), rows)

    def place(self) -> np.ndarray:
        """int64 [events]: which queue of its side each event is about, from 0; below 0 across the reference."""
        events = self.recording.events
        lower = self.lower[np.maximum(self.recording.day.instant[events.row] - 1, 0)]
        return np.where(events.side == Side.SELL, events.price_ticks - lower - 1, lower - events.price_ticks)


def queue_view(recording: Recording) -> QueueView:
    """The reference price after every row."""
    after = recording.day.after
    bid, ask = after.bid_ticks, after.ask_ticks
    spread = np.where(after.valid & recording.day.continuous, ask - bid, 0)
    gaps = _gaps(bid, ask, spread)
    lower = np.where(spread == 1, bid, 0)
    owner = np.where(gaps.filled >= 0, gaps.filled, gaps.emptied)
    for first, until, side in zip(gaps.first, gaps.until, owner, strict=True):
        lower[first:until] = bid[first] + (side == Side.BUY)
    known = np.zeros(len(bid) + 1, np.int64)
    np.add.at(known, gaps.first[owner >= 0], 1)
    np.add.at(known, gaps.until[owner >= 0], -1)
    return QueueView(recording, lower, (spread == 1) | (np.cumsum(known)[:-1] > 0), gaps)


def _gaps(bid: np.ndarray, ask: np.ndarray, spread: np.ndarray) -> Gaps:
    """Stretches over which the best prices stay two ticks apart and where they are."""
    wide = spread == 2
    begins = wide.copy()
    begins[1:] &= ~(wide[:-1] & (np.diff(bid) == 0))
    first = np.flatnonzero(begins)
    ends = wide.copy()
    ends[:-1] &= ~(wide[1:] & (np.diff(bid) == 0))
    until = np.flatnonzero(ends) + 1
    was, will = np.maximum(first - 1, 0), np.minimum(until, len(bid) - 1)
    narrow = spread[was] == 1
    emptied = np.where(narrow & (ask[was] == ask[first]), int(Side.BUY), -1)
    emptied = np.where(narrow & (bid[was] == bid[first]), int(Side.SELL), emptied)
    closed = (spread[will] == 1) & (until < len(bid))
    filled = np.where(closed & (ask[will] == ask[first]), int(Side.BUY), -1)
    filled = np.where(closed & (bid[will] == bid[first]), int(Side.SELL), filled)
    return Gaps(first, until, emptied, filled)
