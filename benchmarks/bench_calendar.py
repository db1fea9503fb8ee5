"""What waits: one wait taken out and one put in (the hold model), calendar and binary heap, at 100 to 1,000,000 waiting.

Each shape says how far ahead the next wait lies, in ns.  No time counts unless both take the same waits in the same order.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lobsim.core.calendar import Calendar, first_wait_ns, new_calendar, pop_wait, push_wait
from lobsim.core.jit import borrow, borrow_array, kernel
from lobsim.core.layout import TIMER
from lobsim.core.timers import pop_timer, push_timer

STEPS = int(os.environ.get("LOBSIM_BENCH_STEPS", 400_000))
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
SHAPES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "exponential": lambda rng, n: rng.exponential(1e6, n),
    "uniform": lambda rng, n: rng.uniform(0, 2e6, n),
    "pareto": lambda rng, n: np.minimum(1e3 * (1 + rng.pareto(1.0, n)), 1e15),
    "two_distances": lambda rng, n: np.where(rng.random(n) < 0.9, rng.uniform(0, 1e4, n), rng.uniform(1e9, 2e9, n)),
    "all_distances": lambda rng, n: 2.0 ** rng.uniform(0, 45, n),
    "bursts": lambda rng, n: 1e6 * rng.integers(1, 100, n),
    "constant": lambda rng, n: np.full(n, 1e6),
    "one_instant": lambda rng, n: np.zeros(n),
}


@kernel
def _fill(calendar, heap, steps):
    """Both hold a wait for every step, counted from time 0."""
    calendar = borrow(calendar)
    heap = borrow_array(heap)
    for i in range(len(steps)):
        push_wait(calendar, steps[i], i, i)
        push_timer(heap, i, steps[i], i, i)


@kernel
def _hold_calendar(calendar, steps, sequence):
    """For every step one wait leaves and comes back so much later.  Returns a digest of who left."""
    calendar = borrow(calendar)
    digest = np.int64(0)
    for i in range(len(steps)):
        now_ns = first_wait_ns(calendar)
        ref = pop_wait(calendar)
        digest = digest * 31 + ref
        push_wait(calendar, now_ns + steps[i], sequence + i, ref)
    return digest


@kernel
def _hold_heap(heap, steps, sequence, n):
    """The same in a heap of n entries."""
    heap = borrow_array(heap)
    digest = np.int64(0)
    for i in range(len(steps)):
        now_ns = np.int64(heap[0]["ts_ns"])
        ref = np.int64(heap[0]["ref"])
        pop_timer(heap, n)
        digest = digest * 31 + ref
        push_timer(heap, n - 1, now_ns + steps[i], sequence + i, ref)
    return digest


class _Pair:
    """A calendar and a heap with the same content, mixed well, one round ahead of each other at most."""

    def __init__(self, shape: str, size: int) -> None:
        rng = np.random.default_rng(size)
        self.size = size
        self.calendar: Calendar = new_calendar(size)
        self.heap = np.zeros(size + 1, TIMER)
        self.sequence = {"calendar": size, "heap": size}
        _fill(self.calendar, self.heap, SHAPES[shape](rng, size).astype(np.int64))
        self.steps = SHAPES[shape](rng, 3 * size).astype(np.int64)
        assert self.hold("calendar") == self.hold("heap")
        self.steps = SHAPES[shape](rng, STEPS).astype(np.int64)

    def hold(self, kind: str) -> int:
        sequence = self.sequence[kind]
        self.sequence[kind] += len(self.steps)
        if kind == "calendar":
            return _hold_calendar(self.calendar, self.steps, sequence)
        return _hold_heap(self.heap, self.steps, sequence, self.size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["calendar", "heap"])
def test_hold(benchmark: Any, shape: str, size: int, kind: str) -> None:
    """One wait out, one in."""
    pair = _Pair(shape, size)
    digests: list[int] = []
    benchmark.pedantic(lambda: digests.append(pair.hold(kind)), rounds=5, warmup_rounds=1)
    other = "heap" if kind == "calendar" else "calendar"
    assert digests == [pair.hold(other) for _ in digests]
    benchmark.extra_info["ns_per_hold"] = round(benchmark.stats.stats.min / STEPS * 1e9, 1)
