"""Percentiles of measured times, and their export in the text format of HdrHistogram.

Percentiles are nearest-rank: the smallest measured value that at least so many percent of all values do not exceed.  No value is made
up between two measured ones.  The ``.hgrm`` text is what HdrHistogram's ``outputPercentileDistribution`` writes and its plotters read; here it comes from the
sorted values themselves, not from buckets, so nothing is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log2

import numpy as np

_TICKS_PER_HALF_DISTANCE = 5
PERCENTS = (50.0, 99.0, 99.9)


@dataclass(frozen=True, eq=False)
class Distribution:
    """Measured values.

    values  int64 [count], ascending, count >= 1
    per     what each value is divided by when it is reported (a block's time by its messages)
    """

    values: np.ndarray
    per: int = 1

    @classmethod
    def of(cls, values: np.ndarray, per: int = 1) -> Distribution:
        """The distribution of values in any order.  Raises ValueError if there are none."""
        if len(values) == 0:
            raise ValueError("a distribution needs at least one value")
        return cls(np.sort(np.asarray(values, np.int64)), per)

    def _rank_of(self, percent: float) -> int:
        # 99.9 % of 1,000 values is 999 values, not the 1,000 that binary fractions would make of it
        return min(max(int(np.ceil(round(percent / 100 * len(self.values), 9))), 1), len(self.values))

    def at(self, percent: float) -> float:
        """The nearest-rank percentile, divided by `per`."""
        return int(self.values[self._rank_of(percent) - 1]) / self.per

    @property
    def mean(self) -> float:
        """Arithmetic mean."""
        return float(self.values.mean()) / self.per

    def summary(self) -> dict[str, float]:
        """p50, p99, p99.9, mean, max and count."""
        figures = {f"p{percent:g}": round(self.at(percent), 2) for percent in PERCENTS}
        return figures | {
            "mean": round(self.mean, 2),
            "max": round(self.at(100.0), 2),
            "count": len(self.values),
        }

    def hgrm(self) -> str:
        """The percentile distribution as HdrHistogram's text format."""
        lines = ["       Value     Percentile TotalCount 1/(1-Percentile)", ""]
        percent, count = 0.0, len(self.values)
        while True:
            value = self.values[self._rank_of(percent) - 1]
            total = int(np.searchsorted(self.values, value, "right"))
            if total == count:
                break
            rest = 100 / (100 - percent)
            lines.append(f"{value / self.per:12.3f} {percent / 100:2.12f} {total:10d} {rest:14.2f}")
            percent += 100 / (_TICKS_PER_HALF_DISTANCE * 2 ** (floor(log2(rest)) + 1))
        lines.append(f"{self.at(100.0):12.3f} {1:2.12f} {count:10d}")
        deviation = float(self.values.std()) / self.per
        lines.append(f"#[Mean    = {self.mean:12.3f}, StdDeviation   = {deviation:12.3f}]")
        lines.append(f"#[Max     = {self.at(100.0):12.3f}, Total count    = {count:12d}]")
        lines.append(f"#[Buckets = {1:12d}, SubBuckets     = {len(np.unique(self.values)):12d}]")
        return "\n".join(lines) + "\n"
