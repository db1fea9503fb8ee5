"""The part of the page about delay: cost over delay as a chart, and the table under it.

Takes the clean tables DELAY_COSTS and DELAY_SLOPES of `execution.report.data`.  A slope is shown with three significant figures, because a
microsecond may cost anything between a tenth and a ten-millionth of a basis point.
"""

from __future__ import annotations

import math
from html import escape
from typing import Any

import plotly.graph_objects as go
import polars as pl

from execution.latency_cost import verdict
from execution.report.charts import ACCENT, PART_COLOURS, QUIET, STANDOFF, TARGET, axis, base_layout
from execution.report.formats import MISSING, bps_digits, number
from execution.report.words import algorithm_title

COLOURS = (ACCENT, TARGET, *(PART_COLOURS[part] for part in ("opportunity", "spread", "impact", "fees")), QUIET)
WIDEST_LINEAR = 20.0
"""Delays that differ by more than this factor stand on a logarithmic axis."""


def significant(value: float | None, digits: int = 3) -> str:
    """A number with so many significant figures, never in powers of ten: 0.0000123."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    places = min(max(0, digits - 1 - math.floor(math.log10(abs(value)))), 12)
    return number(value, places) if round(value, places) else "0"


def colours_of(algos: list[str]) -> dict[str, str]:
    """A colour for each algorithm."""
    return {algo: COLOURS[place % len(COLOURS)] for place, algo in enumerate(algos)}


def delay_figure(costs: pl.DataFrame, algos: list[str]) -> go.Figure:
    """How much more than at the first delay each algorithm (in the order ``algos``) costs at each, on average.

    Differences, not costs: what separates the algorithms is mostly far more than what delay does, and would hide it.
    Delays that are the same on every leg stand at their place; where there is another (drawn, or legs that differ) all stand side by side.
    """
    placed = costs["delay_us"].null_count() == 0
    digits = bps_digits(costs["cost_bps"])
    figure = go.Figure()
    for algo, colour in colours_of(algos).items():
        rows = costs.filter(pl.col("algo") == algo)
        rows = rows.sort("delay_us", maintain_order=True) if placed else rows
        title = escape(algorithm_title(algo))
        figure.add_scatter(
            x=(rows["delay_us"] if placed else rows["label"]).to_list(), y=rows["difference_bps"].to_list(),
            mode="lines+markers" if placed else "markers", name=title, marker={"size": 9, "color": colour},
            line={"width": 2, "color": colour},
            customdata=[
                [escape(label), number(cost, digits), significant(more)]
                for label, cost, more in rows.select("label", "cost_bps", "difference_bps").iter_rows()
            ],
            hovertemplate=f"<b>{title}</b><br>%{{customdata[0]}}: %{{customdata[1]}} bps"
            "<br>%{customdata[2]} bps more than at the first<extra></extra>",
        )  # fmt: skip
    first = escape(costs["label"][0]) if costs.height else ""
    title = {"text": f"bps more than at {first}", "standoff": 6, "font": {"size": 13}}
    upright = axis(nticks=6, title=title, rangemode="tozero", **STANDOFF, ticklen=4)
    upright |= {"zeroline": True, "zerolinecolor": "#8a8f98", "zerolinewidth": 1}
    return figure.update_layout(**base_layout(), xaxis=_delay_axis(costs, placed), yaxis=upright)


def _delay_axis(costs: pl.DataFrame, placed: bool) -> dict[str, Any]:
    """The horizontal axis with the delays as they were asked for under their places."""
    if not placed:
        return axis(type="category", showgrid=False, **STANDOFF, ticklen=8)
    marks = costs.select("delay_us", "label").unique("delay_us", maintain_order=True).sort("delay_us")
    values, labels = marks["delay_us"].to_list(), marks["label"].to_list()
    lowest, highest = values[0], values[-1]
    log = lowest > 0 and highest > WIDEST_LINEAR * lowest
    ticks = {
        "tickvals": values,
        "ticktext": labels,
        "title": {"text": "delay on each leg", "standoff": 6, "font": {"size": 13}},
    }
    if log:
        room = 0.05 * math.log10(highest / lowest)
        return axis(type="log", range=[math.log10(lowest) - room, math.log10(highest) + room], **ticks, **STANDOFF)
    room = 0.05 * ((highest - lowest) or 1.0)
    return axis(range=[lowest - room, highest + room], **ticks, **STANDOFF)


def delay_rows(costs: pl.DataFrame, slopes: pl.DataFrame, algos: list[str]) -> dict[str, Any]:
    """The table: heads (the delays), and one row per algorithm with its cost at each, its slope and the interval."""
    heads = costs["label"].unique(maintain_order=True).to_list()
    digits = max(2, bps_digits(costs["cost_bps"]))
    rows = []
    for algo in algos:
        own = costs.filter(pl.col("algo") == algo)
        known = {label: (cost, more) for label, cost, more in own.select("label", "cost_bps", "difference_bps").rows()}
        slope = slopes.filter(pl.col("algo") == algo).to_dicts()[0]
        cells = []
        for place, label in enumerate(heads):
            cost, more = known[label]
            signed = "" if place == 0 or more is None else f"{'+' if more >= 0 else ''}{number(more, digits)}"
            cells.append((number(cost, digits), signed))
        interval = MISSING
        if slope["low"] is not None:
            interval = f"{significant(slope['low'])} to {significant(slope['high'])}"
        rows.append(
            {
                "name": algorithm_title(algo),
                "cells": cells,
                "slope": significant(slope["bps_per_us"]),
                "error": significant(slope["standard_error"], 2),
                "interval": interval,
                "verdict": verdict(slope),
            }
        )
    return {"heads": heads, "rows": rows}
