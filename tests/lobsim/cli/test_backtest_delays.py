"""``lobsim backtest --latency``: several delays, files of settings, and lists that cannot be."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.lobsim.cli.conftest import Run
from tests.lobsim.cli.test_backtest import LIVELY, order, store_of


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """A store of one made-up day."""
    return store_of(LIVELY, tmp_path / "store")


def test_several_delays_give_their_costs_the_slope_and_the_tables_behind_them(
    run: Run, day: Path, tmp_path: Path
) -> None:
    words = order(day, algo="twap,once", latency="50us,200us,400ms", parents=2, duration="20s")
    found = run(*words, "--out", tmp_path / "report", "--json").json
    assert ["50us", "200us", "400ms"] == [point["label"] for point in found["delays"]]
    assert [50_000, 200_000, 400_000_000] == [point["delay_ns"] for point in found["delays"]]
    assert found["digest"] == found["delays"][0]["digest"] != found["delays"][2]["digest"]
    means = {row["algo"]: 0.0 for row in found["results"]}
    for row in found["results"]:
        means[row["algo"]] += row["shortfall_bps"] / 2
    for cost in found["delay_costs"]:
        assert means[cost["algo"]] == pytest.approx(cost["cost_bps"]["50us"])
        assert cost["cost_bps"]["400ms"] - cost["cost_bps"]["50us"] == pytest.approx(cost["difference_bps"]["400ms"])
        assert cost["slope_interval"][0] <= cost["slope_bps_per_us"] <= cost["slope_interval"][1]
    results = pl.read_parquet(tmp_path / "report" / "results.parquet")
    assert {"50us": 4, "200us": 4, "400ms": 4} == dict(results["delay"].value_counts().iter_rows())
    page = (tmp_path / "report" / "report.html").read_text()
    for words_shown in ('<section id="delays">', "What delay costs", "chart-delays", "400ms, bps"):
        assert words_shown in page


def test_several_delays_are_two_more_tables_and_a_sentence(run: Run, day: Path) -> None:
    done = run(*order(day, algo="twap,once", latency="0,200us", duration="20s"))
    assert (0, "") == (done.code, done.err)
    assert "Mean total cost in bps by delay" in done.out
    assert "How sure the slopes are cannot be said (one order at two delays: no interval)." in done.out


def test_a_file_of_settings_is_a_delay_alone_and_in_a_list(run: Run, day: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"feed_ns": 50000, "order_ns": 200000, "response_ns": 50000}')
    words = order(day, algo="once", latency=tmp_path / "mine.json")
    assert "feed 50 us, order 200 us, response 50 us" == run(*words, "--json").json["latency"]
    found = run(*order(day, algo="once", latency=f"50us,{tmp_path / 'mine.json'}"), "--json").json
    assert [("50us", 50_000), ("mine.json", None)] == [(each["label"], each["delay_ns"]) for each in found["delays"]]
    assert found["delay_costs"][0]["slope_bps_per_us"] is None


@pytest.mark.parametrize(
    ("latency", "what"),
    [
        ("50us,,1ms", "'50us,,1ms' is no list of delays"),
        ("1ms,1000us", "1000us is the same delay as 1ms"),
        ("50us,soon", "'soon' is no duration"),
        ("absent.json", "absent.json"),
    ],
)
def test_delays_that_cannot_be_are_one_sentence(run: Run, day: Path, latency: str, what: str) -> None:
    done = run(*order(day, latency=latency))
    assert (1, "", 1) == (done.code, done.out, done.err.count("\n"))
    assert what in done.err
