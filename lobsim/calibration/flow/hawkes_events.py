"""A recording as twelve types of events in time, for the compound Hawkes model (Jain and others 2024).

Six types on each side, the asks' first: an order one level behind the best price, a cancel there, an order at the best price, a cancel there, a market order that takes from this side, an order inside the
spread.  Everything is told by the book before the instant.  What happens further behind is left out, and so is an order on an empty price behind the best that comes in the instant of another
event: it is how the simulated model puts a queue behind a best price that has moved.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.calibration.flow.events import ARRIVAL, CANCEL, TAKE
from lobsim.calibration.flow.recording import Recording
from lobsim.realism.prepare import SECOND_NS
from lobsim.types import Kind, Side

EVENTS = ("deep", "cancel_deep", "top", "cancel_top", "take", "inside")
TYPES = 12
DEEP, CANCEL_DEEP, TOP, CANCEL_TOP, TAKEN, INSIDE = range(6)
NOTHING = -1
BUCKET_S = 1800


class Course(NamedTuple):
    """One day as points in time; nothing changes between two points but what fades.

    seconds       float [points]: since the start
    kind          int64 [points]: type of the event at the point, NOTHING where only the book or the time of day changed
    spread        int64 [points]: ticks from the point on, 0 where there is none
    spread_before int64 [points]: ticks before the instant
    bucket        int64 [points]: half hour of the day
    size_lots     int64 [points]: of the event
    dwell         float [points]: seconds to the next point for which trading was continuous
    """

    seconds: np.ndarray
    kind: np.ndarray
    spread: np.ndarray
    spread_before: np.ndarray
    bucket: np.ndarray
    size_lots: np.ndarray
    dwell: np.ndarray


def event_types(recording: Recording) -> np.ndarray:
    """int64 [events]: 0 to 11, NOTHING for what the model leaves out."""
    events, day, before = recording.events, recording.day, recording.before
    buys = events.side == Side.BUY
    best = np.where(buys, before.bid_ticks, before.ask_ticks)
    behind = np.where(buys, best - events.price_ticks, events.price_ticks - best)
    index = day.index[events.row]
    second = np.where(day.kind[events.row] == Kind.REPLACE, behind == 1, index == 1) & (behind > 0)
    arrival, cancel = events.what == ARRIVAL, events.what == CANCEL
    late = arrival & (behind > 0) & (day.instant[events.row] < events.row)
    late &= recording.levels.lots(events.side, events.price_ticks, events.row - 1) == 0
    what = np.select(
        [events.what == TAKE, cancel & (behind <= 0), arrival & (behind < 0), arrival & (behind == 0), arrival & second & ~late, cancel & second],
        [TAKEN, CANCEL_TOP, INSIDE, TOP, DEEP, CANCEL_DEEP],
        NOTHING,
    )  # fmt: skip
    return np.where(what == NOTHING, NOTHING, what + 6 * buys)


def course_of(recording: Recording, types: np.ndarray) -> Course:
    """The points of a day.  types: as of `event_types`"""
    day, events, window = recording.day, recording.events, recording.window
    spread = np.where(day.after.valid & day.continuous, day.after.ask_ticks - day.after.bid_ticks, 0)
    inside = (day.ts_ns >= window.start_ns) & (day.ts_ns <= window.end_ns)
    changes = np.flatnonzero(inside & np.append(True, np.diff(spread) != 0))
    typed = types != NOTHING
    bare = np.setdiff1d(changes, events.row[typed])
    edges = np.arange(window.start_ns, window.end_ns, BUCKET_S * SECOND_NS, dtype=np.int64)
    ends = np.maximum(day.row_at(edges), 0)
    rows = np.concatenate([events.row[typed], bare, ends])
    time = np.concatenate([day.ts_ns[events.row[typed]], day.ts_ns[bare], edges])
    kind = np.concatenate([types[typed], np.full(len(bare) + len(edges), NOTHING)])
    size = np.concatenate([events.size_lots[typed], np.zeros(len(bare) + len(edges), np.int64)])
    order = np.lexsort((rows, time))
    rows, time, kind, size = rows[order], time[order], kind[order], size[order]
    until = np.append(time[1:], window.end_ns)
    usable = np.concatenate([[0], np.cumsum(recording.usable_ns)])
    dwell = _usable_until(recording, usable, until) - _usable_until(recording, usable, time)
    before = day.before.at(rows)
    return Course(
        seconds=(time - window.start_ns) / SECOND_NS,
        kind=kind,
        spread=spread[rows],
        spread_before=np.where(before.valid, before.ask_ticks - before.bid_ticks, 0),
        bucket=(time - window.start_ns) // (BUCKET_S * SECOND_NS),
        size_lots=size,
        dwell=np.maximum(dwell, 0) / SECOND_NS,
    )


def _usable_until(recording: Recording, usable: np.ndarray, times_ns: np.ndarray) -> np.ndarray:
    """Usable nanoseconds of the day before each time."""
    row = np.maximum(recording.day.row_at(times_ns), 0)
    within = np.clip(times_ns - np.maximum(recording.day.ts_ns[row], recording.window.start_ns), 0, recording.usable_ns[row])  # fmt: skip
    return usable[row] + within
