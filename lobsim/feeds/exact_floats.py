"""Decimals that a program kept as 64-bit floats, taken back exactly.

A float stands for the decimal with the fewest decimals that rounds to it: 0.1 for 0.1000000000000000055.  That decimal is taken, as an integer; a float for which
there is none of at most the asked number of decimals (0.30000000000000004) is refused, never rounded.
"""

from __future__ import annotations

import numpy as np

from lobsim.feeds.schema import Rule

_EXACT = 2**53


def exact_integers(values: np.ndarray, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """Values as whole numbers of 10^-digits, int64, and which could not be taken (0 there).

    ``n / 10^k`` of whole numbers below 2^53 and k <= 22 is the float nearest to that decimal, so comparing it with the value tests the decimal itself.
    """
    taken = np.zeros(len(values), dtype=np.int64)
    waiting = np.isfinite(values) & (np.abs(values) < 2.0**62 / 10.0**digits)
    bad = ~waiting
    for k in range(digits + 1):
        at = np.flatnonzero(waiting)
        if len(at) == 0:
            break
        whole = np.rint(values[at] * 10.0**k)
        fits = (np.abs(whole) < _EXACT) & (whole / 10.0**k == values[at])
        taken[at[fits]] = whole[fits].astype(np.int64) * 10 ** (digits - k)
        waiting[at[fits]] = False
    return taken, bad | waiting


def exact_rule(field: str, values: np.ndarray, bad: np.ndarray, digits: int) -> Rule:
    """The refusal of what could not be taken."""
    return Rule(bad, field, values, f"which is no decimal of at most {digits} decimals")
