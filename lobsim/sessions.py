"""Breaks of a venue's day that everybody knows beforehand, and time counted without them.

Only what stands in a venue's calendar is here: a halt that nobody could foresee is no break, and a schedule must not step around it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lobsim.clock import time_ns
from lobsim.feeds.schema import DatasetInfo

_LUNCH = (("11:30", "13:00"),)
_BREAKS = {"SSE": _LUNCH, "SZSE": _LUNCH}


def scheduled_breaks_ns(info: DatasetInfo) -> list[tuple[int, int]]:
    """From when to before when the venue does not trade in the middle of this day, ns UTC, in order of time."""
    return [(time_ns(first, info), time_ns(until, info)) for first, until in _BREAKS.get(info.venue.upper(), ())]


def without_breaks(at_ns: int, breaks_ns: list[tuple[int, int]]) -> int:
    """An instant less the breaks before it; all instants of a break are its first."""
    return at_ns - sum(min(max(at_ns, first), until) - first for first, until in breaks_ns)


def with_breaks(times_ns: NDArray[np.int64], breaks_ns: list[tuple[int, int]]) -> NDArray[np.int64]:
    """The reverse of ``without_breaks``; the first instant of a break becomes the instant after it."""
    wall_ns = times_ns.copy()
    for first, until in breaks_ns:
        wall_ns = np.where(wall_ns >= first, wall_ns + (until - first), wall_ns)
    return wall_ns
