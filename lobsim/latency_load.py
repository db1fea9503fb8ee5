"""How busy a recorded market was at an instant: the load that delays may depend on.

Load at t is the number of recorded rows in the window (t - window, t], less its mean, over its standard deviation, as a replay reckons it
(`lobsim.latency_tables.load_scale`); kept within -LOAD_REACH to LOAD_REACH.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lobsim.core.latency import LOAD_REACH
from lobsim.errors import ConfigError
from lobsim.latency_tables import load_scale


def load_at(rows_ns: NDArray[np.int64], at_ns: NDArray[np.int64], window_ns: int) -> NDArray[np.float64] | None:
    """The load at each instant; None where it never differs.

    rows_ns  times of the recorded rows, rising, shape (rows,), at least one
    at_ns    instants, any order, shape (n,)

    Raises ConfigError where none of the instants lies within the recording: the two are not of the same day and clock.
    """
    if not np.any((at_ns >= rows_ns[0]) & (at_ns <= rows_ns[-1])):
        raise ConfigError(
            "no request lies within the recording", where="--data", hint="give the recording of the same day and clock"
        )
    mean, deviation = load_scale(rows_ns, window_ns)
    if not deviation:
        return None
    inside = np.searchsorted(rows_ns, at_ns, side="right") - np.searchsorted(rows_ns, at_ns - window_ns, side="right")
    return np.clip((inside - mean) / deviation, -LOAD_REACH, LOAD_REACH).astype(np.float64)
