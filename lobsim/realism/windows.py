"""A day as windows of consecutive messages, for who is to tell two days apart.

What a market is made of must not give it away: its tick, price, lot and pace are not what realism is about, and the distances of scores tell them already.  So everything is in the day's own units:

- times between messages, sizes, what stands at the best prices, spread and distance from the best price as ranks within the day, ties broken by lot: a rank has one law in every day, so neither price nor tick, lot nor pace shows in it,
  while what goes with what, and what follows what, remains;
- of two messages at one time that they are, of a move of the mid only its direction;
- everything as seen from the message's own side, and the sides of a window mirrored so that its last message buys: a rising day is like a falling one;
- where one of the days is cut to so many levels, messages deeper than that are left out of both.

Invariants: a window lies within one block of time; windows do not overlap; the same day and seed give the same windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lobsim.realism.facts.measured import Context
from lobsim.realism.prepare import Day
from lobsim.types import Kind, Side

MESSAGES = 64
"""Messages of a window."""
MOST_WINDOWS = 3000
FEATURES = (
    "gap", "same_time", "add", "cancel", "execute", "hidden", "side", "distance", "size",
    "spread", "imbalance", "own_best", "other_best", "move",
)  # fmt: skip
_KINDS = (Kind.ADD, Kind.DELETE, Kind.REDUCE, Kind.REPLACE, Kind.EXECUTE, Kind.EXECUTE_HIDDEN)


@dataclass(frozen=True)
class Windows:
    """Windows of one day, in time.

    features  float32 [windows, FEATURES, MESSAGES]
    block     int64 [windows]: the block of time each lies in
    """

    features: np.ndarray
    block: np.ndarray

    def where(self, chosen: np.ndarray) -> Windows:
        """Some of them."""
        return Windows(self.features[chosen], self.block[chosen])


def windows_of(context: Context, levels: int, seed: int) -> Windows:
    """The windows of a day; at most MOST_WINDOWS, evenly spread.

    levels  messages at so many levels a side count, 0: all
    seed    of the lots that break ties

    Raises NotMeasurable for days that tell levels, not orders.
    """
    context.need_orders()
    day = context.day
    rows = day.rows(*_KINDS)
    if levels:
        rows = rows[(day.index[rows] < levels) | (day.kind[rows] == Kind.EXECUTE_HIDDEN)]
    if len(rows) < MESSAGES:
        return Windows(np.zeros((0, len(FEATURES), MESSAGES), np.float32), np.zeros(0, np.int64))
    table = _messages(day, rows, np.random.default_rng((seed, 1)))
    block = context.block(day.ts_ns[rows])
    begins = np.searchsorted(block, np.arange(context.resampler.blocks + 1))
    firsts = np.concatenate(
        [np.arange(first, until - MESSAGES + 1, MESSAGES) for first, until in pairwise(begins)]
    ).astype(int)
    if len(firsts) > MOST_WINDOWS:
        firsts = firsts[np.arange(MOST_WINDOWS) * len(firsts) // MOST_WINDOWS]
    features = table[:, firsts[:, None] + np.arange(MESSAGES)].transpose(1, 0, 2)
    side = FEATURES.index("side")
    features[:, side] *= features[:, side, -1:]
    return Windows(np.ascontiguousarray(features, np.float32), block[firsts])


def _messages(day: Day, rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """float [FEATURES, rows]: each message, and the book just before it."""
    kind, buys = day.kind[rows], day.side[rows] == Side.BUY
    sign = np.where(buys, 1.0, -1.0)
    before = day.after.at(rows - 1)
    gap_ns = np.diff(day.ts_ns[rows], prepend=day.ts_ns[rows[0]])
    own_best = np.where(buys, before.bid_ticks, before.ask_ticks)
    behind = sign * (own_best - day.order_ticks[rows])
    own, other = np.where(buys, before.bid_lots, before.ask_lots), np.where(buys, before.ask_lots, before.bid_lots)
    columns = [
        _ranks(gap_ns, generator),
        gap_ns == 0,
        np.isin(kind, (Kind.ADD, Kind.REPLACE)),
        np.isin(kind, (Kind.DELETE, Kind.REDUCE, Kind.REPLACE)),
        kind == Kind.EXECUTE,
        kind == Kind.EXECUTE_HIDDEN,
        sign,
        _ranks(np.where(before.valid, behind, 0), generator),
        _ranks(day.size_lots[rows], generator),
        _ranks(np.nan_to_num(before.spread), generator),
        np.nan_to_num(before.imbalance) * sign,
        _ranks(own, generator),
        _ranks(other, generator),
        np.sign(np.nan_to_num(day.after.mid[rows] - before.mid)) * sign,
    ]
    return np.stack([np.asarray(column, float) for column in columns])


def _ranks(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Place of each value in the order of all, -1 to 1, ties broken by lot."""
    order = np.lexsort((generator.random(len(values)), values))
    ranks = np.empty(len(values))
    ranks[order] = (np.arange(len(values)) + 0.5) / len(values) * 2 - 1
    return ranks
