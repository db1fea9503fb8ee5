"""Trades of a level feed held against the levels they name: a trade takes from a level, so the level must shrink about then.

A decrease of the same side and price within ``WINDOW_NS`` before or after the trade is enough: book and trades come on different channels, and books are
published some tens or hundreds of milliseconds apart.  Not judged: trades whose resting side is not told, auctions, trades outside
continuous trading or while the book is not known.
"""

from __future__ import annotations

import numpy as np

from lobsim.feeds.day_blocks import Block
from lobsim.feeds.findings import First
from lobsim.feeds.row_checks import first_of
from lobsim.feeds.touches import Touches, level_key
from lobsim.types import NONE, Flag, Kind

WINDOW_NS = 10**9


class TradesAndLevels:
    """Follows trades and level touches of a day."""

    def __init__(self) -> None:
        self.count = 0
        self.judged = 0
        self.first: First | None = None
        self._decreases = _nothing()
        self._waiting = _nothing()
        self._words: dict[int, First] = {}

    def take(self, block: Block, touches: Touches, known: np.ndarray) -> None:
        """Look at the next block.

        known  whether both sides of the book have a price after each row
        """
        column = block.column
        plain = (column["kind"] == Kind.PRINT) & (column["side"] != NONE) & (column["flags"] & Flag.AUCTION == 0)
        rows = np.flatnonzero(plain & block.trading & known)
        key = level_key(column["side"][rows].astype(np.int64), column["price"][rows])
        trades = np.stack([rows + block.offset, column["ts_exchange"][rows], key])
        less = touches.after < touches.before
        fallen = np.stack([touches.row[less], touches.ts[less], touches.key[less]])
        now_ns = int(column["ts_exchange"][-1])
        self._decreases = np.concatenate([self._decreases, fallen], axis=1)
        trades = np.concatenate([self._waiting, trades], axis=1)
        found = _near(trades, self._decreases)
        decided = found | (trades[1] + WINDOW_NS < now_ns)
        self._waiting = trades[:, ~decided]
        self._tell(block, trades[:, decided & ~found], int(decided.sum()))
        self._decreases = self._decreases[:, self._decreases[1] + 2 * WINDOW_NS >= now_ns]
        pending = self._waiting[0][:1]
        self._words = {int(row): self._in_words(block, int(row)) for row in pending}

    def finish(self) -> None:
        """Nothing more comes: what waits for a decrease has none."""
        self.judged += self._waiting.shape[1]
        self.count += self._waiting.shape[1]
        if self.first is None and self._waiting.shape[1]:
            self.first = self._words[int(self._waiting[0][0])]

    def _tell(self, block: Block, without: np.ndarray, decided: int) -> None:
        """Count trades that are decided, and those of them without a decrease."""
        self.judged += decided
        self.count += without.shape[1]
        if self.first is None and without.shape[1]:
            self.first = self._in_words(block, int(without[0][0]))

    def _in_words(self, block: Block, row: int) -> First:
        """A trade in words; of a block before, as it was noted then."""
        if row < block.offset:
            return self._words[row]
        return first_of(block, row - block.offset)


def _near(trades: np.ndarray, decreases: np.ndarray) -> np.ndarray:
    """Which trades have a decrease of their key within the window: the first from its beginning on, if it is not too late."""
    count = trades.shape[1]
    if not count or not decreases.shape[1]:
        return np.zeros(count, dtype=bool)
    ts = np.concatenate([trades[1] - WINDOW_NS, decreases[1]])
    key = np.concatenate([trades[2], decreases[2]])
    order = np.lexsort((np.arange(len(ts)), ts, key))  # at equal times trades come first
    beyond = len(order)
    following = np.minimum.accumulate(np.where(order >= count, np.arange(beyond), beyond)[::-1])[::-1]
    place = np.empty(len(order), dtype=np.int64)
    place[order] = following
    there = place[:count] < beyond
    nearest = order[np.where(there, place[:count], 0)]
    return there & (key[nearest] == trades[2]) & (ts[nearest] <= trades[1] + WINDOW_NS)


def _nothing() -> np.ndarray:
    """No trade, no decrease: row, time, key."""
    return np.zeros((3, 0), dtype=np.int64)
