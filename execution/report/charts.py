"""The figures of cost: where it came from, against which benchmark, over many orders, on L3 and on L2.

Every function takes clean tables (see `execution.report.data`) and gives a plotly figure without title or
legend: both are set in HTML, where they wrap on a narrow screen.  Colours of text and grid come from the style
sheet, so that one figure serves light and dark; the colours here are of middle brightness and read on both.

Text that plotly would take for markup is escaped.  Nothing here is random but the bootstrap, whose seed is fixed.
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from execution.intervals import FEWEST_FOR_INTERVAL, mean_interval
from execution.report.data import PARTS
from execution.report.formats import bps_digits, number
from execution.report.words import PART_WORDS, algorithm_title

PART_COLOURS = {
    "delay": "#8a8f98",
    "spread": "#3f76b5",
    "impact": "#c4553b",
    "timing": "#d3a13b",
    "opportunity": "#8465a8",
    "fees": "#4f9a78",
}
ACCENT = "#12877f"
QUIET = "#9aa0a8"
TARGET = "#d3a13b"
BENCHMARKS = (
    ("arrival_cost_bps", "Arrival", "circle", ACCENT),
    ("vwap_cost_bps", "Market VWAP", "diamond", "#c4553b"),
    ("twap_cost_bps", "Market TWAP", "square", "#8465a8"),
)
CONDITION_COLOURS = (ACCENT, "#d3a13b", "#8465a8", "#3f76b5")


def base_layout(**more: Any) -> dict[str, Any]:
    """What all figures share; the page's own font, no paint behind, no legend."""
    layout: dict[str, Any] = {
        "template": "none",
        "font": {"family": "inherit", "size": 13, "color": "#6a6f76"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "autosize": True,
        "margin": {"l": 8, "r": 16, "t": 8, "b": 8},
        "hoverlabel": {"font": {"size": 13}, "align": "left"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#9aa0a8", "activecolor": ACCENT},
        "dragmode": False,
    }
    return layout | more


COST_MARGIN = {"l": 8, "r": 52, "t": 8, "b": 8}
"""Room in pixels, right of the bars, for the figure of the longest."""
STANDOFF = {"ticks": "outside", "tickcolor": "rgba(0,0,0,0)"}
"""Ticks that are not seen keep labels off the axis."""


def axis(**more: Any) -> dict[str, Any]:
    """An axis with a faint grid, room for its labels and no zooming by accident."""
    return {"gridcolor": "#e4e1da", "zeroline": False, "automargin": True, "fixedrange": True} | more


def time_axis(span: list[str], **more: Any) -> dict[str, Any]:
    """A horizontal axis of wall-clock time over `span`, without the date, to the millisecond once zoomed in."""
    formats = ((None, 1_000, "%H:%M:%S.%L"), (1_000, 60_000, "%H:%M:%S"), (60_000, None, "%H:%M"))
    stops = [{"dtickrange": [low, high], "value": text} for low, high, text in formats]
    more = {"hoverformat": "%H:%M:%S.%L"} | more
    return axis(range=span, type="date", showgrid=False, tickformatstops=stops, **STANDOFF, ticklen=4, **more)


def name_axis() -> dict[str, Any]:
    """The vertical axis of algorithm names, first row on top."""
    return axis(autorange="reversed", showgrid=False, **STANDOFF, ticklen=8, type="category")


def cost_axis(low: float, high: float, room: float = 0.04) -> dict[str, Any]:
    """The horizontal axis of basis points: zero is always on it, with `room` (share of the span) beyond a gain."""
    low, high = min(low, 0.0), max(high, 0.0)
    span_bps = (high - low) or 1.0
    span = [low - (room if low < 0 else 0.002) * span_bps, high + 0.04 * span_bps]
    zero = {"zeroline": True, "zerolinecolor": "#8a8f98", "zerolinewidth": 1}
    return axis(range=span, nticks=7, title={"text": "bps", "standoff": 6, "font": {"size": 13}}, **zero)


def names_of(frame: pl.DataFrame) -> list[str]:
    """Titles of the algorithms of `frame`, escaped."""
    return [escape(algorithm_title(algo)) for algo in frame["algo"]]


def parts_figure(summary: pl.DataFrame) -> go.Figure:
    """One bar per algorithm, stacked from the parts of its cost; the total stands at its end.

    Parts that are gains are stacked to the left of zero (barmode "relative").
    """
    names = names_of(summary)
    values = {part: summary[f"{part}_bps"].fill_null(0.0).to_list() for part in PARTS}
    totals = summary["shortfall_bps"].to_list()
    digits = bps_digits(totals)
    figure = go.Figure()
    for part, (title, meaning) in PART_WORDS.items():
        shown = [number(value, digits) for value in values[part]]
        figure.add_bar(
            x=values[part], y=names, orientation="h", name=title, text=shown, customdata=shown,
            marker={"color": PART_COLOURS[part], "line": {"width": 0}}, width=0.56,
            textposition="inside", insidetextanchor="middle", textangle=0,
            textfont={"color": "#ffffff", "size": 12}, constraintext="inside",
            hovertemplate=f"<b>%{{y}}</b><br>{title}: %{{customdata}} bps<br><i>{meaning}</i><extra></extra>",
        )  # fmt: skip
    ends = [sum(max(values[part][row], 0.0) for part in PARTS) for row in range(len(names))]
    starts = [sum(min(values[part][row], 0.0) for part in PARTS) for row in range(len(names))]
    figure.add_scatter(
        x=ends, y=names, mode="text", text=[f"  {number(total, digits)}" for total in totals],
        textposition="middle right", textfont={"size": 14}, hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip
    layout = base_layout(barmode="relative", margin=COST_MARGIN, uniformtext={"minsize": 10, "mode": "hide"})
    return figure.update_layout(**layout, xaxis=cost_axis(min(starts), max(ends)), yaxis=name_axis())


def benchmark_figure(summary: pl.DataFrame) -> go.Figure:
    """The same fills against three yardsticks: one mark per benchmark, on one line per algorithm."""
    names = names_of(summary)
    values = [value for column, *_ in BENCHMARKS for value in summary[column] if value is not None]
    digits = bps_digits(values)
    figure = go.Figure()
    for column, title, symbol, colour in BENCHMARKS:
        costs = summary[column].to_list()
        figure.add_scatter(
            x=costs, y=names, mode="markers", name=title, customdata=[number(cost, digits) for cost in costs],
            marker={"symbol": symbol, "size": 12, "color": colour, "opacity": 0.9},
            hovertemplate=f"<b>%{{y}}</b><br>against {title.lower()}: %{{customdata}} bps<extra></extra>",
        )  # fmt: skip
    horizontal = cost_axis(min(values, default=0.0), max(values, default=1.0))
    return figure.update_layout(**base_layout(), xaxis=horizontal, yaxis=name_axis() | {"showgrid": True})


def interval_figure(results: pl.DataFrame, summary: pl.DataFrame) -> go.Figure:
    """Total cost of every parent as a faint dot; the mean and, from five parents on, its interval on top."""
    figure = go.Figure()
    columns = [
        results.filter(pl.col("algo") == algo)["shortfall_bps"].drop_nulls().to_numpy() for algo in summary["algo"]
    ]
    every = np.concatenate(columns) if columns else np.zeros(0)
    digits = bps_digits(every.tolist())
    for name, costs in zip(names_of(summary), columns, strict=True):
        if not costs.size:
            continue
        figure.add_scatter(
            x=costs.tolist(), y=[name] * costs.size, mode="markers", customdata=[number(c, digits) for c in costs],
            marker={"symbol": "line-ns-open", "size": 16, "color": QUIET, "opacity": 0.75, "line": {"width": 1.5}},
            hovertemplate=f"{name}<br>one order: %{{customdata}} bps<extra></extra>",
        )  # fmt: skip
        mean, low, high = mean_interval(costs)
        enough = costs.size >= FEWEST_FOR_INTERVAL
        label = f"mean of {costs.size} orders: {number(mean, digits)} bps"
        if enough:
            label += f"<br>95 % interval {number(low, digits)} to {number(high, digits)}"
            figure.add_scatter(
                x=[low, high], y=[name, name], mode="lines", hoverinfo="skip", line={"color": ACCENT, "width": 5}
            )
        figure.add_scatter(
            x=[mean], y=[name], mode="markers", hovertemplate=f"<b>{name}</b><br>{label}<extra></extra>",
            marker={"size": 13, "color": ACCENT, "line": {"width": 2, "color": "#ffffff"}},
        )  # fmt: skip
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    order = {"categoryorder": "array", "categoryarray": names_of(summary)}
    return figure.update_layout(**base_layout(), xaxis=cost_axis(low, high), yaxis=name_axis() | order)


def comparison_figure(comparison: pl.DataFrame, algos: list[str]) -> go.Figure:
    """Total cost of each algorithm (in the order `algos`) under each condition, bars side by side."""
    conditions = comparison["condition"].unique(maintain_order=True).to_list()
    costs = [cost for cost in comparison["shortfall_bps"] if cost is not None]
    digits = bps_digits(costs)
    figure = go.Figure()
    for index, condition in enumerate(conditions):
        rows = comparison.filter(pl.col("condition") == condition).unique("algo", keep="first", maintain_order=True)
        found = dict(zip(rows["algo"], rows["shortfall_bps"], strict=True))
        values = [found.get(algo) for algo in algos]
        figure.add_bar(
            x=values, y=[escape(algorithm_title(algo)) for algo in algos], orientation="h",
            marker={"color": CONDITION_COLOURS[index % len(CONDITION_COLOURS)]},
            text=[number(value, digits) for value in values], textposition="outside", cliponaxis=False,
            hovertemplate=f"<b>%{{y}}</b><br>{escape(condition)}: %{{text}} bps<extra></extra>",
        )  # fmt: skip
    layout = base_layout(barmode="group", margin=COST_MARGIN, bargap=0.32, bargroupgap=0.08)
    horizontal = cost_axis(min(costs, default=0.0), max(costs, default=1.0), room=0.25)
    return figure.update_layout(**layout, xaxis=horizontal, yaxis=name_axis())
