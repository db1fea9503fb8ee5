"""Backtests as the data of a report: title facts, windows, the drift meter, and a page that can be written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from execution.backtest import BacktestResult, backtest
from execution.catalogue import algorithm_named
from execution.report import ReportData, render
from execution.report.build import fidelity_words, report_data
from execution.tca import MARKOUTS
from lobsim import __version__
from lobsim.types import Fidelity, Impact, Side
from tests.execution import steady_market as made
from tests.execution.steady_market import SECOND_NS

STEADY = made.steady(400)
NAMES = ("twap", "once")


def results_of(*datasets: made.Dataset, size: int = 400) -> list[BacktestResult]:
    """The same two parents on each data set."""
    parents = [made.parent_of(Side.SELL, size, at_s, at_s + 20) for at_s in (150.5, 200.5)]
    algorithms = {name: algorithm_named(name) for name in NAMES}
    return [backtest(made.market_of(dataset, 1_000_000), parents, algorithms) for dataset in datasets]


@pytest.fixture(scope="module")
def both() -> tuple[list[BacktestResult], ReportData]:
    """Results by orders and by levels, and the data of their report."""
    results = results_of(STEADY, made.steady_levels(400))
    return results, report_data(results, command="lobsim backtest --data day")


def test_title_facts_are_those_of_the_first_parent_and_its_market(
    both: tuple[list[BacktestResult], ReportData],
) -> None:
    results, data = both
    expected = {
        "symbol": "STEADY",
        "date": "2020-01-02",
        "venue": "LOBSIM",
        "fidelity": "every order, all levels (L3)",
        "side": "sell",
        "size": 400.0,
        "unit": "shares",
        "currency": "USD",
        "start_ns": made.OPEN_NS + round(150.5 * SECOND_NS),
        "end_ns": made.OPEN_NS + round(170.5 * SECOND_NS),
        "time_zone": "America/New_York",
        "latency": "1 ms on each leg",
        "data_digest": STEADY.digest,
        "seed": 0,
        "version": __version__,
        "command": "lobsim backtest --data day",
    }
    assert expected == {name: getattr(data, name) for name in expected}
    assert "own taking removes liquidity" in data.impact
    assert results[0].market.dataset is STEADY


def test_results_hold_every_condition_and_tables_the_first(both: tuple[list[BacktestResult], ReportData]) -> None:
    _, data = both
    assert ["L3 rematch"] * 4 + ["L2 consume"] * 4 == data.results["condition"].to_list()
    assert {"L3 rematch"} == {run_id.split("/")[0] for run_id in data.fills["run_id"]}
    assert {"sell"} == set(data.fills["side"])


def test_quotes_begin_with_the_state_at_the_left_edge(both: tuple[list[BacktestResult], ReportData]) -> None:
    _, data = both
    left_ns = data.start_ns - 120 * SECOND_NS
    times = data.quotes["ts_ns"]
    assert times[0] < left_ns <= times[1]
    assert times[-1] <= data.end_ns + 120 * SECOND_NS
    assert times.is_sorted()


def test_volume_is_that_of_the_market_in_the_window(both: tuple[list[BacktestResult], ReportData]) -> None:
    _, data = both
    assert data.volume is not None
    assert 100.0 * 260 == data.volume["volume"].sum()  # a hundred a second, two minutes before to two after
    assert data.volume["ts_ns"].is_sorted()
    assert 61 >= data.volume.height


def test_the_drift_meter_shows_the_largest_figure_of_the_first_parent(
    both: tuple[list[BacktestResult], ReportData],
) -> None:
    results, data = both
    assert data.drift is not None
    shown = {name: value for name, value, _ in data.drift}
    runs = [run for run in results[0].runs if run.parent_id == "1"]
    assert 2 == len(runs)
    for place, (name, value, _) in enumerate(runs[0].drift):
        assert max(value, runs[1].drift[place][1]) == shown[name]


def test_the_page_can_be_written_from_it(both: tuple[list[BacktestResult], ReportData]) -> None:
    _, data = both
    page = render(data)
    assert page == render(data)
    assert "STEADY" in page


def test_a_run_without_a_fill_makes_a_page_too() -> None:
    parent = made.parent_of(Side.BUY, 400, 150.5, 170.5, limit_price_ticks=1)
    result = backtest(made.market_of(STEADY), [parent], {"once": algorithm_named("once")})
    data = report_data([result], command="")
    assert data.fills.is_empty()
    assert "STEADY" in render(data)


@pytest.mark.parametrize(
    ("fidelity", "depth", "expected"),
    [
        (Fidelity.L3_FULL, 0, "every order, all levels (L3)"),
        (Fidelity.L3_TOP_K, 10, "every order of the best 10 levels (L3)"),
        (Fidelity.L2_TRADES, 0, "displayed quantity per level, and trades (L2)"),
    ],
)
def test_fidelity_is_told_in_words(fidelity: Fidelity, depth: int, expected: str) -> None:
    assert expected == fidelity_words(replace(STEADY.info, fidelity=fidelity, depth=depth))


def test_every_impact_mode_that_can_run_is_told_in_words() -> None:
    parent = made.parent_of(Side.BUY, 10, 10, 20)
    words = set()
    for dataset, impact in ((STEADY, Impact.REMATCH), (STEADY, Impact.NONE), (made.steady_levels(30), Impact.CONSUME)):
        result = backtest(made.market_of(dataset, impact=impact), [parent], {"once": algorithm_named("once")})
        words.add(report_data([result], command="").impact)
    assert 3 == len(words)


def test_mark_outs_have_the_horizons_of_the_report() -> None:
    assert list(MARKOUTS) == list(results_of(STEADY)[0].runs[0].cost.markout_bps)
