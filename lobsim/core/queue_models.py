"""Queue models: how much of an unexplained decrease falls on the first part of a queue (docs/rules.md, section 4).

A model is a rising function pi with pi = 0 at the front of a queue and pi = 1 at its end; a decrease c takes c pi from what stands ahead of a place.
Forms: R. Rigtorp's and hftbacktest's estimators, where 1 - pi is published as the probability that a cancel stood behind.

Shares are whole units.  PROPORTIONAL, and POWER3 with a whole exponent, are exact integers.  The others take pi in double precision and round it to 2^-32, so
that the last bits of a logarithm or a power, in which mathematical libraries differ, do not reach the result but once in about a million times.
"""

from __future__ import annotations

import numpy as np

from lobsim.core.jit import inline, kernel
from lobsim.types import L2_SHIFT, QueueModel

MILLION = 1_000_000
_ONE_LOT = float(1 << L2_SHIFT)
_SCALE = 2**32


@kernel
def part_of(size, ahead, total):
    """floor(size * ahead / total), exactly: the product of two sizes need not fit in 64 bits.

    size, ahead, total  units, 0 <= size and 0 <= ahead <= total < 2^62
    """
    share = np.int64(0)
    rest = np.int64(0)
    for place in range(61, -1, -1):
        share += share
        rest += rest
        if rest >= total:
            rest -= total
            share += 1
        if (size >> place) & 1:
            rest += ahead
            if rest >= total:
                rest -= total
                share += 1
    return share


@inline
def pi(model, power, ahead, behind):
    """Share of a decrease that falls on what is ahead of a place; ahead and behind in lots, not both 0."""
    total = ahead + behind
    if model == QueueModel.LOG:
        front = np.log1p(ahead)
        return front / (front + np.log1p(behind))
    if model == QueueModel.LOG2:
        return 1.0 - np.log1p(behind) / np.log1p(total)
    if model == QueueModel.POWER2:
        return 1.0 - (behind / total) ** power
    front = (ahead / total) ** power
    if model == QueueModel.POWER:
        return front / (front + (behind / total) ** power)
    return front


@kernel
def share_ahead(model, power_millionths, size, ahead, total):
    """size * pi(ahead, total - ahead): what falls on the first `ahead` units of a queue, rounded down.

    model             QueueModel, not RISK_AVERSE
    power_millionths  exponent of the POWER models, in 10^-6
    size              units that leave, <= total
    ahead, total      units, 0 <= ahead <= total, 0 < total < 2^62
    """
    if model == QueueModel.PROPORTIONAL:
        return part_of(size, ahead, total)
    if model == QueueModel.POWER3 and power_millionths % MILLION == 0:
        share = np.int64(size)
        for _ in range(power_millionths // MILLION):
            share = part_of(share, ahead, total)
        return share
    front = np.float64(ahead) / _ONE_LOT
    behind = np.float64(total - ahead) / _ONE_LOT
    weight = np.int64(pi(model, power_millionths / MILLION, front, behind) * _SCALE + 0.5)
    return part_of(size, min(max(weight, np.int64(0)), np.int64(_SCALE)), np.int64(_SCALE))
