"""What LOB-Bench (Nagy et al. 2025) looks at: 21 scores of single events, and what four of them depend on.

Departures, each on purpose: an inter-arrival time of zero is an atom of its own and not a very small number; orders whose cancellation was not seen
count for as long as they were seen; sizes are in natural units and distances in ticks, so that two data sets with different lots can be compared.
A sequence is a block of five minutes (lobsim.realism.intervals).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from lobsim.realism.estimators import survival
from lobsim.realism.facts.impact import order_flow
from lobsim.realism.facts.measured import Context, NotMeasurable
from lobsim.realism.facts.orders import followed
from lobsim.realism.prepare import VOLUME_LEVELS, Day
from lobsim.types import NEVER, Kind, Side

LIFE_HORIZON_S = 600
"""Time to cancel is told up to here; what lives longer is an atom."""
OFI_EVENTS = 100
_LIMIT = (Kind.ADD, Kind.REPLACE)
_CANCEL = (Kind.DELETE, Kind.REDUCE, Kind.REPLACE)


class Sample(NamedTuple):
    """One score of one day, an entry for each event that has it.

    values    float [n]; of no meaning where ``atom``
    sequence  int64 [n]
    weights   float [n]
    atom      bool [n]: the entry is in the atom beside the law of the others
    """

    values: np.ndarray
    sequence: np.ndarray
    weights: np.ndarray
    atom: np.ndarray

    def where(self, chosen: np.ndarray) -> Sample:
        """Some of the entries; bool [n]."""
        return Sample(*(column[chosen] for column in self))


@dataclass(frozen=True)
class Score:
    """A score: its name, how it is taken of a day, and whether it has values of its own rather than bins."""

    name: str
    take: Callable[[Context], Sample]
    discrete: bool = False


def _sample(context: Context, ts_ns: np.ndarray, values: np.ndarray, atom: np.ndarray | None = None) -> Sample:
    """Entries with weight 1; those that are not a number are left out."""
    atom = np.zeros(len(values), bool) if atom is None else atom
    chosen = np.isfinite(values) | atom
    whole = Sample(np.where(atom, 0.0, values), context.block(ts_ns), np.ones(len(values)), atom)
    return whole.where(chosen)


def _events(day: Day) -> np.ndarray:
    """Live rows after which the book is whole."""
    return np.flatnonzero(day.live & day.after.valid)


def _state(context: Context, column: Callable[[Day], np.ndarray], depth: int = 0) -> Sample:
    """A column of the book after each event."""
    if depth:
        context.need_depth(depth, "part of the volume")
    rows = _events(context.day)
    return _sample(context, context.day.ts_ns[rows], column(context.day)[rows].astype(float))


def _lots(name: str, day: Day) -> np.ndarray:
    column = getattr(day, name) if hasattr(day, name) else getattr(day.after, name)
    return column * float(day.info.lot)


def _inter_arrival(context: Context) -> Sample:
    """ln of the milliseconds since the event before; none at all is an atom."""
    context.need_orders()
    rows = np.flatnonzero(context.day.live & (context.day.kind != Kind.PHASE) & (context.day.kind != Kind.CLEAR))
    gap_ns = np.diff(context.day.ts_ns[rows])
    same = gap_ns == 0
    return _sample(context, context.day.ts_ns[rows[1:]], np.log(np.where(same, 1, gap_ns) / 1e6), same)


def _time_to_cancel(context: Context) -> Sample:
    """ln of the seconds to the first cancellation; orders filled first, or still there after LIFE_HORIZON_S, are an atom.

    Each order that was seen long enough stands for those that were not: its weight is one over the chance of having been seen (Robins, Rotnitzky 1992).
    """
    lives = followed(context)
    horizon_ns = LIFE_HORIZON_S * 10**9
    cancel_ns = np.where(lives.first_fill_ns < lives.first_cancel_ns, NEVER, lives.first_cancel_ns)
    first_ns = np.minimum(np.minimum(lives.first_fill_ns, lives.first_cancel_ns), lives.end_ns)
    seen = first_ns != NEVER
    waited = np.where(seen, first_ns, context.day.end_ns) - lives.start_ns
    told = seen | (waited >= horizon_ns)
    times, watched = survival(waited, ~seen)
    before = np.searchsorted(times, np.minimum(waited, horizon_ns), side="left") - 1
    chance = np.where(before < 0, 1.0, watched[np.maximum(before, 0)])
    atom = (cancel_ns == NEVER) | (waited >= horizon_ns)
    values = np.log(np.maximum(waited, 1) / 1e9)
    whole = Sample(np.where(atom, 0.0, values), context.block(lives.start_ns), 1 / np.maximum(chance, 1e-9), atom)
    return whole.where(told & (chance > 0))


def _order_depth(context: Context, kinds: tuple[Kind, ...], side: Side) -> Sample:
    """Ticks between the price of an order and the mid before it."""
    context.need_orders()
    context.need_depth(VOLUME_LEVELS, "part of the orders")
    day = context.day
    rows = day.rows(*kinds)
    rows = rows[day.side[rows] == side]
    price = (day.price_ticks if kinds is _LIMIT else day.order_ticks)[rows]
    return _sample(context, day.ts_ns[rows], np.abs(price - day.before.mid[rows]))


def _order_level(context: Context, kinds: tuple[Kind, ...], side: Side) -> Sample:
    """Levels that stood better than the order's price before it; of a replacement the price that it leaves."""
    context.need_orders()
    context.need_depth(VOLUME_LEVELS, "part of the orders")
    day = context.day
    rows = day.rows(*(kind for kind in kinds if kind != Kind.REPLACE or kinds is _CANCEL))
    rows = rows[(day.side[rows] == side) & (day.index[rows] >= 0)]
    return _sample(context, day.ts_ns[rows], day.index[rows].astype(float))


def _volume_per_minute(context: Context) -> Sample:
    """What is traded in a second, times 60; hidden executions are left out."""
    day = context.day
    seconds = np.arange(day.start_ns, day.end_ns - 10**8, 10**9)
    place = (day.orders.ts_ns - day.start_ns) // 10**9
    traded = np.bincount(place, day.orders.size_lots, len(seconds) + 2)[: len(seconds)]
    open_then = day.continuous[np.maximum(day.row_at(seconds), 0)]
    return _sample(context, seconds, np.where(open_then, traded * 60 * float(day.info.lot), np.nan))


def _flow(context: Context, move: int | None) -> Sample:
    """Mean order-flow imbalance of the last OFI_EVENTS events; move: only before the mid goes up (1), stays (0), goes down (-1) with the next."""
    day = context.day
    rows = _events(day)
    if len(rows) <= OFI_EVENTS:
        raise NotMeasurable(f"there are {len(rows)} events, {OFI_EVENTS + 1} are needed")
    total = np.cumsum(np.concatenate([[0.0], order_flow(day)[rows]])) * float(day.info.lot)
    values = np.full(len(rows), np.nan)
    values[OFI_EVENTS - 1 :] = (total[OFI_EVENTS:] - total[:-OFI_EVENTS]) / OFI_EVENTS
    if move is not None:
        step = np.append(np.sign(np.diff(day.after.mid[rows])), np.nan)
        values = np.where(step == move, values, np.nan)
    return _sample(context, day.ts_ns[rows], values)


def _both_sides(name: str, take: Callable[..., Sample], kinds: tuple[Kind, ...], discrete: bool = False) -> list[Score]:
    return [
        Score(name.format("ask"), partial(take, kinds=kinds, side=Side.SELL), discrete),
        Score(name.format("bid"), partial(take, kinds=kinds, side=Side.BUY), discrete),
    ]


SCORES: tuple[Score, ...] = (
    Score("spread", partial(_state, column=lambda day: day.after.spread), True),
    Score("imbalance", partial(_state, column=lambda day: day.after.imbalance)),
    Score("log_inter_arrival_ms", _inter_arrival),
    Score("log_time_to_cancel_s", _time_to_cancel),
    Score("ask_size", partial(_state, column=partial(_lots, "ask_lots"))),
    Score("bid_size", partial(_state, column=partial(_lots, "bid_lots"))),
    Score("ask_volume", partial(_state, column=partial(_lots, "ask_volume"), depth=VOLUME_LEVELS)),
    Score("bid_volume", partial(_state, column=partial(_lots, "bid_volume"), depth=VOLUME_LEVELS)),
    *_both_sides("limit_{}_depth", _order_depth, _LIMIT),
    *_both_sides("cancel_{}_depth", _order_depth, _CANCEL),
    *_both_sides("limit_{}_level", _order_level, _LIMIT, True),
    *_both_sides("cancel_{}_level", _order_level, _CANCEL, True),
    Score("volume_per_minute", _volume_per_minute),
    Score("ofi", partial(_flow, move=None)),
    Score("ofi_up", partial(_flow, move=1)),
    Score("ofi_stay", partial(_flow, move=0)),
    Score("ofi_down", partial(_flow, move=-1)),
)
"""The 21 unconditional scores."""


def _hour(context: Context, ts_ns: np.ndarray) -> np.ndarray:
    return ts_ns // (3600 * 10**9) % 24


def _volatility(context: Context, ts_ns: np.ndarray) -> np.ndarray:
    """Standard deviation of returns over a tenth of a second, of the sequence in which each time lies."""
    day = context.day
    grid = day.grid_ns(10**8)
    logs = np.diff(np.log(np.maximum(day.mid_at(grid), 1e-9)))
    block, count = context.block(grid[:-1]), context.resampler.blocks
    good = np.isfinite(logs)
    square = np.bincount(block[good], logs[good] ** 2, count) / np.maximum(np.bincount(block[good], minlength=count), 1)
    return np.sqrt(square)[context.block(ts_ns)]


@dataclass(frozen=True)
class Conditional:
    """A score given another quantity, both after each event.

    by_decile  whether the quantity is cut at its pooled deciles; else each of its values is a group
    """

    name: str
    column: Callable[[Day], np.ndarray]
    given: Callable[[Context, np.ndarray], np.ndarray]
    by_decile: bool
    discrete: bool

    def take(self, context: Context) -> tuple[Sample, np.ndarray]:
        """The score's sample, and the quantity of each entry."""
        rows = _events(context.day)
        ts_ns = context.day.ts_ns[rows]
        sample = _sample(context, ts_ns, self.column(context.day)[rows].astype(float))
        return sample, self.given(context, rows).astype(float)


CONDITIONALS: tuple[Conditional, ...] = (
    Conditional("ask_size | spread", partial(_lots, "ask_lots"), lambda c, rows: c.day.after.spread[rows], True, False),
    Conditional("bid_size | spread", partial(_lots, "bid_lots"), lambda c, rows: c.day.after.spread[rows], True, False),
    Conditional(
        "spread | hour", lambda day: day.after.spread, lambda c, rows: _hour(c, c.day.ts_ns[rows]), False, True
    ),
    Conditional(
        "spread | volatility",
        lambda day: day.after.spread,
        lambda c, rows: _volatility(c, c.day.ts_ns[rows]),
        True,
        True,
    ),
)
