"""A clock that compiled code can read: ``clock_gettime`` of the C library, nanoseconds of monotonic time.

Read from Python, a clock around one block of 64 messages would cost as much as the block.  The symbol is found by name when the code is
loaded, so kernels that use it are cached like all others.

Known limit: POSIX systems (Linux, macOS); elsewhere `available` is False and nothing here may be called compiled.
"""

from __future__ import annotations

import time

from numba import config, types

from lobsim.core.jit import inline

available = hasattr(time, "CLOCK_MONOTONIC")
_CLOCK = int(getattr(time, "CLOCK_MONOTONIC", 0))
_SECOND_NS = 10**9
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))


@inline
def _compiled_ns(now):
    """Nanoseconds of a clock that never goes back.

    now  int64 [2], scratch: seconds and nanoseconds
    """
    _clock_gettime(_CLOCK, now.ctypes)
    return now[0] * _SECOND_NS + now[1]


def _uncompiled_ns(now):
    """Its uncompiled twin."""
    return time.perf_counter_ns()


_disabled = config.DISABLE_JIT  # pyright: ignore[reportAttributeAccessIssue]  (numba fills that module as it loads)
monotonic_ns = _uncompiled_ns if _disabled else _compiled_ns
