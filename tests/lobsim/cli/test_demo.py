"""The newcomer's first command: a table, a report, and the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.lobsim.cli.conftest import Run

PARTS = ("delay", "spread", "impact", "timing", "opportunity", "fees")
ALGORITHMS = {"twap", "vwap", "pov", "ac", "leave"}


@pytest.fixture
def compiled(small: bool) -> None:
    """The whole bundled day is more than an uncompiled run can do in a test."""
    if small:
        pytest.skip("the demo replays a whole day: compiled runs only")


@pytest.mark.usefixtures("compiled")
def test_the_demo_compares_five_algorithms_on_orders_and_on_levels(run: Run, tmp_path: Path) -> None:
    done = run("demo", "--out", tmp_path, "--json")
    assert 0 == done.code
    rows = done.json["results"]
    assert {(name, condition) for name in ALGORITHMS for condition in ("L3 rematch", "L2 consume")} == {
        (row["algo"], row["condition"]) for row in rows
    }
    for row in rows:
        assert 5000 == row["filled"]
        parts = row["shortfall_parts_bps"]
        assert set(PARTS) == set(parts)
        assert row["shortfall_bps"] == pytest.approx(sum(parts.values()), abs=1e-9)


@pytest.mark.usefixtures("compiled")
def test_two_demos_are_the_same_to_the_byte(run: Run, tmp_path: Path) -> None:
    first, second = (run("demo", "--out", tmp_path / name, "--json") for name in ("a", "b"))
    assert first.json["digest"] == second.json["digest"]
    for name in ("report.html", "fills.parquet", "orders.parquet", "results.parquet", "schedule.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


@pytest.mark.usefixtures("compiled")
def test_the_demo_leaves_a_report_and_tables_that_belong_together(run: Run, tmp_path: Path) -> None:
    done = run("demo", "--out", tmp_path)
    assert 0 == done.code
    assert "report.html" in done.out
    fills = pl.read_parquet(tmp_path / "fills.parquet")
    results = pl.read_parquet(tmp_path / "results.parquet")
    filled = fills.group_by("run_id").agg(pl.col("size").sum()).sort("run_id")
    assert results.sort("run_id")["filled"].to_list() == filled["size"].to_list()
    assert "Buy 5,000 shares" in (tmp_path / "report.html").read_text()
