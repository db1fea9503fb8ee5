"""The part of the report about delay: figures a person reads, hostile names, and absence where nothing was swept."""

from __future__ import annotations

import polars as pl

from execution.latency_cost import COSTS_SCHEMA, SLOPES_SCHEMA, verdict
from execution.report import render
from execution.report.delays import delay_figure, significant
from tests.execution.report_fixture import make_report_data


def tables(first: str = "50us", delays_us: tuple[float | None, ...] = (50, 200)) -> dict[str, pl.DataFrame]:
    """Two algorithms at two delays; delay costs the first and is not told from nothing for the second."""
    labels = (first, "200us")
    costs = [
        ("twap", labels[0], delays_us[0], 2.0, 0.0),
        ("twap", labels[1], delays_us[1], 2.3, 0.3),
        ("pov", labels[0], delays_us[0], 1.0, 0.0),
        ("pov", labels[1], delays_us[1], 0.9, -0.1),
    ]
    method = "bootstrap over 20 orders"
    slopes = [("twap", 20, 0.002, 0.0005, 0.001, 0.0031, method), ("pov", 20, -0.000667, 0.001, -0.003, 0.002, method)]
    return {
        "delay_costs": pl.DataFrame(costs, COSTS_SCHEMA, orient="row"),
        "delay_slopes": pl.DataFrame(slopes, SLOPES_SCHEMA, orient="row"),
    }


def test_the_table_says_costs_differences_slope_and_interval() -> None:
    page = render(make_report_data(algos=("twap", "pov"), **tables()))
    section = page.split('<section id="delays">')[1].split("</section>")[0]
    for words in (
        "2.30<small>+0.30</small>",
        "0.90<small>\u22120.10</small>",
        "<td>0.00200</td>",
        "0.00100 to 0.00310",
    ):
        assert words in section
    assert "Delay is shown to cost only TWAP" in section
    assert "covers 0" in section


def test_without_several_delays_there_is_no_such_part() -> None:
    assert "What delay costs" not in render(make_report_data())


def test_the_chart_shows_differences_in_order_of_delay() -> None:
    figure = delay_figure(tables(delays_us=(200, 50))["delay_costs"], ["twap", "pov"])
    assert [[50, 200], [0.3, 0.0]] == [list(figure.data[0].x), list(figure.data[0].y)]
    assert "log" != figure.layout.xaxis.type
    side_by_side = delay_figure(tables(delays_us=(50, None))["delay_costs"], ["twap", "pov"])
    assert ("category", ["50us", "200us"]) == (side_by_side.layout.xaxis.type, list(side_by_side.data[0].x))


def test_a_label_is_never_markup() -> None:
    page = render(make_report_data(algos=("twap", "pov"), **tables(first="<script>alert(1)</script>.json")))
    assert "<script>alert(1)" not in page


def test_three_figures_of_a_small_number() -> None:
    said = [significant(value) for value in (0.00012345, -0.0000004, 12.3456, 0.0, 1e-15, None)]
    assert ["0.000123", "\u22120.000000400", "12.3", "0", "0", "n/a"] == said


def test_a_verdict_needs_an_interval() -> None:
    row = {"bps_per_us": 1.0, "low": None, "high": None}
    assert ["no interval", "costs", "saves", "covers 0"] == [
        verdict(row | more)
        for more in ({}, {"low": 0.5, "high": 2.0}, {"low": -2.0, "high": -0.5}, {"low": 0.0, "high": 1.0})
    ]
