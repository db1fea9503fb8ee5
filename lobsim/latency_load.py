"""How busy a recorded market was at an instant: the load that delays may depend on.

Load at t is the number of recorded rows in the window (t - window, t], less its mean, over its standard deviation, both taken over the windows that lie side by side
from the first row of the recording to its last; kept within -LOAD_REACH to LOAD_REACH.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lobsim.delays import LOAD_REACH
from lobsim.errors import ConfigError

_MOST_WINDOWS = 10**9


def load_at(rows_ns: NDArray[np.int64], at_ns: NDArray[np.int64], window_ns: int) -> NDArray[np.float64] | None:
    """The load at each instant; None where it never differs.

    rows_ns  times of the recorded rows, rising, shape (rows,), at least one
    at_ns    instants, any order, shape (n,)

    Raises ConfigError where none of the instants lies within the recording: the two are not of the same day and clock.
    """
    first, last = int(rows_ns[0]), int(rows_ns[-1])
    if not np.any((at_ns >= first) & (at_ns <= last)):
        raise ConfigError(
            "no request lies within the recording", where="--data", hint="give the recording of the same day and clock"
        )
    windows = (last - first) // window_ns + 1
    if windows > _MOST_WINDOWS:
        raise ConfigError(f"a window of {window_ns} ns is too short for this recording", where="--window")
    counts = np.unique((rows_ns - first) // window_ns, return_counts=True)[1].astype(np.float64)
    mean = float(len(rows_ns)) / windows
    spread = float(np.sqrt(max(float(counts @ counts) / windows - mean * mean, 0.0)))
    if not spread:
        return None
    inside = np.searchsorted(rows_ns, at_ns, side="right") - np.searchsorted(rows_ns, at_ns - window_ns, side="right")
    return np.clip((inside - mean) / spread, -LOAD_REACH, LOAD_REACH).astype(np.float64)
