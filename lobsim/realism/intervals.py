"""Sampling error of a statistic of one day: whole blocks of time are drawn again.

Neighbouring rows of a day depend on each other, so a row must not be drawn alone; blocks of five minutes, at least twelve of them, are long beside
what is measured in them.  Statistics that are functions of sums are drawn by weighting the sums of the blocks, so that thousands of draws cost nothing.

Invariant: the same numbers and seed give the same interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

BLOCK_S = 300
FEWEST_BLOCKS = 12

Statistic = Callable[[np.ndarray], np.ndarray]
"""float [..., sums] -> float [..., values]"""


class Interval(NamedTuple):
    """Where a value may lie."""

    low: float
    high: float


class Resampler:
    """Draws blocks again, always in the same way.

    blocks  how many blocks there are
    """

    def __init__(self, blocks: int, *, seed: int = 0, draws: int = 500, level: float = 0.95) -> None:
        self.blocks, self.draws, self.level = blocks, draws, level
        generator = np.random.default_rng((seed, blocks, draws))
        self.weights = generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=draws).astype(float)
        """float [draws, blocks]: how often each block was drawn."""

    def intervals(self, drawn: np.ndarray) -> list[Interval | None]:
        """The interval of each value out of its draws, float [draws, values]; None where hardly a draw has one."""
        tail = (1 - self.level) / 2
        found: list[Interval | None] = []
        for column in np.asarray(drawn, float).T:
            finite = column[np.isfinite(column)]
            enough = len(finite) >= self.draws // 2
            found.append(Interval(*map(float, np.quantile(finite, (tail, 1 - tail)))) if enough else None)
        return found

    def of_sums(self, sums: np.ndarray, statistic: Statistic) -> tuple[np.ndarray, list[Interval | None]]:
        """A statistic of sums over blocks: its values, and their intervals.

        sums  float [blocks, sums]
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return statistic(sums.sum(axis=0)), self.intervals(statistic(self.weights @ sums))

    def of_members(
        self, block: np.ndarray, statistic: Callable[[np.ndarray], Sequence[float]], draws: int = 200
    ) -> tuple[list[float], list[Interval | None]]:
        """Any statistic of the members of blocks: its values, and their intervals from the first `draws` draws.

        block      int64 [members]: the block of each
        statistic  indices of members -> values
        """
        order = np.argsort(block, kind="stable")
        parts = np.split(order, np.searchsorted(block[order], np.arange(1, self.blocks)))
        drawn = []
        for weights in self.weights[:draws].astype(int):
            members = np.concatenate([part for part, count in zip(parts, weights, strict=True) for _ in range(count)])
            drawn.append(statistic(members))
        tail = (1 - self.level) / 2
        columns = np.array(drawn, float).reshape(len(drawn), -1).T
        found = [
            Interval(*map(float, np.nanquantile(column, (tail, 1 - tail))))
            if np.isfinite(column).mean() > 0.5
            else None
            for column in columns
        ]
        return list(statistic(order)), found


def block_count(seconds: float) -> int:
    """Into how many blocks a window is cut."""
    return max(int(seconds // BLOCK_S), FEWEST_BLOCKS)


def block_of(ts_ns: np.ndarray, start_ns: int, end_ns: int, blocks: int) -> np.ndarray:
    """The block that each time lies in, blocks of equal length."""
    length_ns = -(-(end_ns - start_ns + 1) // blocks)
    return np.clip((ts_ns - start_ns) // length_ns, 0, blocks - 1)


def block_sums(block: np.ndarray, blocks: int, columns: Sequence[np.ndarray]) -> np.ndarray:
    """float [blocks, columns]: each column summed over each block; what is not a number counts nothing."""
    return np.stack([np.bincount(block, np.nan_to_num(column), blocks) for column in columns], axis=1)
