"""A recorded day: import, null replay with the row check, and a backtest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from execution.backtest import backtest
from execution.catalogue import algorithm_named
from execution.parent import Parent
from lobsim.config import Latency, MarketConfig
from lobsim.feeds.lobster import read_lobster
from lobsim.feeds.schema import validate
from lobsim.feeds.store import load, save
from lobsim.market import Market
from lobsim.types import Side

GOOG = "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
_MINUTE_NS = 60 * 10**9


def _zip(shared: Path) -> Path:
    return shared / "data" / "lobster" / GOOG


def test_import_of_a_day(benchmark: Any, shared: Path) -> None:
    """The vendor's zip (147,916 messages and book rows) to a validated data set."""
    dataset = benchmark.pedantic(lambda: read_lobster(_zip(shared)), rounds=5, warmup_rounds=1)
    assert 147_916 == dataset.events.height


def test_load_of_a_stored_day(benchmark: Any, shared: Path, tmp_path: Path) -> None:
    """The same day from its Parquet partition, digest verified."""
    folder = save(read_lobster(_zip(shared)), tmp_path)
    dataset = benchmark.pedantic(lambda: load(folder), rounds=5, warmup_rounds=1)
    assert 147_916 == dataset.events.height


def test_null_replay_with_row_check(benchmark: Any, shared: Path) -> None:
    """Every row through the book, held against the recorded book row."""
    market = Market(read_lobster(_zip(shared)))
    check = benchmark.pedantic(market.replay, rounds=7, warmup_rounds=1)
    assert 147_916 == check.rows_matching
    assert 44_451 == check.rows_entering
    benchmark.extra_info["events_per_s"] = round(check.rows / benchmark.stats.stats.min)


def test_validating_a_day(benchmark: Any, shared: Path) -> None:
    """The events of the day against every rule of the canonical table."""
    dataset = replace(read_lobster(_zip(shared)), rows=None)
    benchmark.pedantic(lambda: validate(dataset), rounds=7, warmup_rounds=1)
    assert 147_916 == dataset.events.height


def test_backtest_of_four_algorithms(benchmark: Any, shared: Path) -> None:
    """Buy 5,000 GOOG from 10:00 to 10:30 with twap, vwap, pov and ac."""
    dataset = read_lobster(_zip(shared))
    market = Market(dataset, MarketConfig(latency=Latency.round_trip(100_000)))
    start_ns = dataset.info.session_start_ns + 30 * _MINUTE_NS
    parent = Parent(side=Side.BUY, size_lots=5000, start_ns=start_ns, end_ns=start_ns + 30 * _MINUTE_NS)
    makers = {name: algorithm_named(name) for name in ("twap", "vwap", "pov", "ac")}
    result = benchmark.pedantic(lambda: backtest(market, [parent], makers), rounds=5, warmup_rounds=1)
    assert 4 == result.results.height
