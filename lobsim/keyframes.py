"""Keyframes: snapshots along a tape, so that a run may begin anywhere in a day without replaying it from the open.

They are taken from a replay without own orders that somebody listens to without delay, and who has just taken in everything published so far.  So one set of
keyframes serves runs with and without a participant, whatever its feed delay: what was published before a keyframe has been heard by everyone whose feed leg has gone by
since, and what came later is replayed and published anew.

Invariant: a run that begins at a time is in the same state, its view included, as one that replayed everything up to that time.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from lobsim.config import Latency
from lobsim.errors import ConfigError
from lobsim.snapshot import Snapshot
from lobsim.types import NEVER, Status

if TYPE_CHECKING:
    from lobsim.core.state import World
    from lobsim.market import Market, MarketRun

_STANDING = ("wake_ns", "report_wake_ns", "touch_wake_ns", "wake_on_reports", "wake_on_touch")
"""Fields of the head that say when a participant decides: of the run, not of the market."""
_OF_THE_RUN = ("legs", "delays", "draws", "arrivals")
"""Arrays that belong to the run's latency."""


class Keyframes:
    """Snapshots of a market at some times.

    ``times_ns`` are the times, rising; everything up to and at each has happened
    """

    def __init__(self, market: Market, times_ns: list[int]) -> None:
        self.times_ns = sorted(set(times_ns))
        run = market.start(participant=True, latency=Latency())
        self._snapshots: list[Snapshot[World]] = []
        for time_ns in self.times_ns:
            run.world.head["wake_ns"] = time_ns  # the listener hears everything up to now
            while run.advance(time_ns) != Status.WAKE:
                pass
            self._snapshots.append(Snapshot(run.world))

    @property
    def nbytes(self) -> int:
        """What they take in memory."""
        return sum(snapshot.nbytes for snapshot in self._snapshots)

    def move(self, run: MarketRun, ts_ns: int) -> None:
        """Put a run that has not begun at the last keyframe from which all is heard by ts_ns; without one it stays at the open."""
        head = run.world.head[0]
        place = bisect_right(self.times_ns, ts_ns - int(head["feed_most_ns"])) - 1
        if place < 0:
            return
        chosen = {name: head[name].copy() for name in (*run.chosen, *_STANDING)}
        latency = {name: getattr(run.world, name).copy() for name in _OF_THE_RUN[2:]}
        latency |= {name: getattr(run.world, name) for name in _OF_THE_RUN[:2]}
        run.world = self._snapshots[place].restore(run.world)._replace(**latency)
        for name, value in chosen.items():
            run.world.head[0][name] = value


def keyframe_times(market: Market, every_ns: int | None, count: int | None) -> list[int]:
    """Times every so often from the first row on, or so many with about equally many rows between them.

    Raises ConfigError unless exactly one of the two is given, above 0.
    """
    if (every_ns is None) == (count is None) or (every_ns if count is None else count) < 1:  # pyright: ignore[reportOptionalOperand]
        raise ConfigError("keyframes are asked for by every_ns or by count, one of them and above 0")
    times = market.tape["ts_ns"]
    if every_ns is not None:
        return list(range(int(times[0]), min(int(times[-1]) + 1, NEVER), every_ns))
    rows = len(times)
    return [int(times[rows * place // (count or 1)]) for place in range(count or 1)]
