"""Percentiles are numpy's nearest rank; the HdrHistogram text holds the same."""

from __future__ import annotations

import numpy as np
import pytest

from lobsim.bench.percentiles import Distribution
from lobsim.bench.rounds import compare_times, in_turns


@pytest.mark.parametrize("count", [1, 2, 3, 10, 999, 1001, 4096])
def test_percentiles_are_numpys_nearest_rank(count: int) -> None:
    values = np.random.default_rng(count).integers(1, 10**6, count)
    distribution = Distribution.of(values)
    for percent in (0.1, 1, 25, 50, 75, 90, 99, 99.9, 100):
        expected = np.percentile(values, percent, method="inverted_cdf")
        assert expected == distribution.at(percent), percent


def test_999_of_1000_values_are_99_point_9_percent() -> None:
    assert 999.0 == Distribution.of(np.arange(1, 1001)).at(99.9)


def test_a_summary_is_per_message() -> None:
    summary = Distribution.of(np.array([64, 128, 640]), per=64).summary()
    assert {"p50": 2.0, "p99": 10.0, "p99.9": 10.0, "mean": 4.33, "max": 10.0, "count": 3} == summary


def test_no_values_have_no_distribution() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Distribution.of(np.array([], np.int64))


def test_the_hdr_text_counts_every_value_and_agrees_with_the_percentiles() -> None:
    values = np.random.default_rng(1).integers(1000, 9000, 5000)
    distribution = Distribution.of(values, per=10)
    lines = distribution.hgrm().splitlines()
    assert ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"] == lines[0].split()
    rows = [line.split() for line in lines[2:] if not line.startswith("#")]
    shares = [float(row[1]) for row in rows]
    counts = [int(row[2]) for row in rows]
    assert shares == sorted(shares)
    assert 0.0 == shares[0]
    assert 1.0 == shares[-1]
    assert 5000 == counts[-1]
    for value, share, count, *_ in rows:
        assert abs(distribution.at(100 * float(share)) - float(value)) < 1e-6 or float(share) == 0
        assert int((values <= round(float(value) * 10)).sum()) == int(count)
    assert f"Max     = {values.max() / 10:12.3f}" in lines[-2]
    assert "Total count    =         5000" in lines[-2]


def test_things_are_compared_in_turns_and_by_their_minima() -> None:
    turns = []

    def thing(name: str, times: list[float]) -> float:
        turns.append(name)
        return times.pop(0)

    ours, theirs = [3.0, 2.0, 4.0], [1.0, 1.5, 1.2]
    times = in_turns({"a": lambda: thing("a", ours), "b": lambda: thing("b", theirs)}, 3)
    assert "ababab" == "".join(turns)
    assert {"ratio": 2.0, "ratio_of_medians": 2.5, "noisy": True} == compare_times(times["a"], times["b"])
    assert compare_times([2.0, 2.2, 2.1], [1.0, 1.1, 1.05])["noisy"] is False
