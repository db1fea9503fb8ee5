"""The figures of the page: what two days look like side by side.

Colours of the two days are fixed; axes take their text and grid colours from the page.  No figure holds more than some thousand points.
"""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lobsim.clock import zone_name
from lobsim.feeds.schema import DatasetInfo
from lobsim.realism.comparison import Comparison
from lobsim.realism.distances import centred_interval
from lobsim.realism.estimators import autocorrelation, log_binned
from lobsim.realism.facts.metaorders import ImpactCurve
from lobsim.realism.prepare import Day
from lobsim.realism.responses import LAGS

OURS, THEIRS, QUIET = "#12877f", "#c4553b", "#9aa0a8"
_POINTS = 800
_COLUMNS = 120
_DISTANCES = 24
"""Bins of the heatmap on either side of the mid."""
_SIGN_LAGS = 200
_RESPONSE_LAGS = np.unique(np.geomspace(1, 100, 25).astype(int))


def layout(**more: Any) -> dict[str, Any]:
    """What all figures share."""
    shared: dict[str, Any] = {
        "template": "none",
        "font": {"family": "inherit", "size": 12.5, "color": "#6a6f76"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "autosize": True,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
        "dragmode": False,
    }
    return shared | more


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis with a faint grid and no zooming by accident."""
    shared: dict[str, Any] = {
        "gridcolor": "#e4e1da",
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        "nticks": 6,
    }
    if title:
        shared["title"] = {"text": title, "standoff": 6, "font": {"size": 12.5}}
    return shared | more


def _clock_axis() -> dict[str, Any]:
    return axis(type="date", tickformat="%H:%M", showgrid=False)


def local_times(ts_ns: np.ndarray, info: DatasetInfo) -> list[str]:
    """Wall-clock times at the venue, ISO text to the millisecond."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(zone_name(info))
    return [
        f"{datetime.fromtimestamp(int(ts) // 10**9, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S}.{int(ts) // 10**6 % 1000:03d}"
        for ts in ts_ns
    ]


def price_figure(day: Day, colour: str) -> go.Figure:
    """The mid over the day."""
    times = np.linspace(day.start_ns, day.end_ns, _POINTS).astype(np.int64)
    tick = float(day.info.price_quantum) * day.info.tick_quanta
    mid = day.mid_at(times) * tick
    figure = go.Figure()
    figure.add_scatter(
        x=local_times(times, day.info), y=_plain(mid), mode="lines", line={"color": colour, "width": 1.3}
    )
    return figure.update_layout(**layout(), xaxis=_clock_axis(), yaxis=axis(f"mid, {escape(day.info.currency)}"))


def spread_figure(day: Day, colour: str) -> go.Figure:
    """The spread, its mean over time in each of so many parts of the day."""
    place, edges = _parts(day, day.ts_ns)
    dwell = day.dwell_ns.astype(float)
    weight = np.bincount(place, dwell, _COLUMNS)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(place, np.nan_to_num(day.after.spread) * dwell, _COLUMNS) / weight
    figure = go.Figure()
    figure.add_scatter(
        x=local_times(edges, day.info), y=_plain(mean), mode="lines", line={"color": colour, "width": 1.5}
    )
    return figure.update_layout(**layout(), xaxis=_clock_axis(), yaxis=axis("spread, ticks", rangemode="tozero"))


def _parts(day: Day, ts_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of _COLUMNS equal parts of the day each time lies in, and where they begin."""
    edges = np.linspace(day.start_ns, day.end_ns + 1, _COLUMNS + 1).astype(np.int64)
    return np.clip(np.searchsorted(edges, ts_ns, side="right") - 1, 0, _COLUMNS - 1), edges[:-1]


def depth_figure(day: Day, colour: str) -> go.Figure:
    """Depth by time and by distance from the mid, asks above, bids below; brighter is deeper, in powers of ten."""
    good = np.flatnonzero((day.pictures[:, 0, 0, 1] > 0) & (day.pictures[:, 1, 0, 1] > 0))
    figure = go.Figure()
    if len(good):
        depth, step, edges = _depth_grid(day, good)
        figure.add_heatmap(
            x=local_times(edges, day.info),
            y=((np.arange(2 * _DISTANCES) - _DISTANCES + 0.5) * step).tolist(),
            z=[_plain(row) for row in np.log10(1 + depth).round(3)],
            colorscale=[[0, _clear(colour)], [1, colour]],
            showscale=False,
            hovertemplate="%{x|%H:%M}, %{y} ticks from the mid<extra></extra>",
        )
    return figure.update_layout(**layout(), xaxis=_clock_axis(), yaxis=axis("ticks from the mid", showgrid=False))


def _clear(colour: str, opacity: float = 0) -> str:
    """The same colour, seen through."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:.3g})"


def _depth_grid(day: Day, good: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
    """Mean lots per tick, float [2 _DISTANCES, _COLUMNS]; ticks in a bin; where the columns begin."""
    price, lots = day.pictures[good][..., 0], day.pictures[good][..., 1]
    spread = float(np.median(price[:, 1, 0] - price[:, 0, 0]))
    step = max(int(np.ceil(4 * spread / _DISTANCES)), 1)
    mid = (price[:, :1, :1] + price[:, 1:, :1]) / 2
    row = np.floor((price - mid) / step).astype(int) + _DISTANCES
    there = (lots > 0) & (row >= 0) & (row < 2 * _DISTANCES)
    place, edges = _parts(day, day.picture_ns[good])
    cell = row * _COLUMNS + place[:, None, None]
    total = np.bincount(cell[there], lots[there], 2 * _DISTANCES * _COLUMNS).reshape(2 * _DISTANCES, _COLUMNS)
    pictures = np.bincount(place, minlength=_COLUMNS)
    return np.where(pictures > 0, total / np.maximum(pictures, 1) / step, np.nan), step, edges


def sign_figure(days: list[tuple[Day, str]]) -> go.Figure:
    """Autocorrelation of the signs of market orders, both axes in powers of ten."""
    figure = go.Figure()
    for day, colour in days:
        lags = np.arange(1, min(_SIGN_LAGS, day.orders.number // 10) + 1)
        if not len(lags):
            continue
        at, value = log_binned(lags, autocorrelation(day.orders.sign.astype(float), lags.tolist()))
        value = np.where(value > 0, value, np.nan)
        _add_curve(figure, at, value, colour, day.info.symbol)
    return figure.update_layout(
        **layout(),
        xaxis=axis("lag, market orders", type="log", dtick=1),
        yaxis=axis("autocorrelation", type="log", dtick=1),
    )


def response_figure(days: list[tuple[Day, str]]) -> go.Figure:
    """Response of the mid to a market order, in ticks."""
    figure = go.Figure()
    for day, colour in days:
        orders = day.orders
        lags = _RESPONSE_LAGS[orders.number > 2 * _RESPONSE_LAGS]
        gone = [np.nanmean(orders.sign[:-lag] * (orders.mid_before[lag:] - orders.mid_before[:-lag])) for lag in lags]
        _add_curve(figure, lags, np.array(gone, float), colour, day.info.symbol)
    return figure.update_layout(
        **layout(), xaxis=axis("lag, market orders", type="log", dtick=1), yaxis=axis("ticks", rangemode="tozero")
    )


def impact_figure(curves: list[ImpactCurve], colour: str) -> go.Figure:
    """Impact of metaorders by size while they are worked and after, with its interval; the larger, the darker."""
    figure = go.Figure()
    for curve, strength in zip(curves, shades(len(curves)), strict=True):
        known = np.isfinite(curve.low) & np.isfinite(curve.high)
        around = np.concatenate([curve.durations[known], curve.durations[known][::-1]])
        figure.add_scatter(
            x=around.tolist(), y=_plain(np.concatenate([curve.high[known], curve.low[known][::-1]])), mode="lines", line={"width": 0},
            fill="toself", fillcolor=_clear(colour, 0.16 * strength), hoverinfo="skip",
        )  # fmt: skip
        figure.add_scatter(
            x=curve.durations.tolist(), y=_plain(curve.ticks), mode="lines", line={"color": colour, "width": 1.8}, opacity=strength,
            hovertemplate=f"%{{x:.2f}} durations: %{{y:.3g}} ticks<extra>{curve.lots:,.0f} lots</extra>",
        )  # fmt: skip
    figure.add_vline(x=1, line={"color": QUIET, "width": 1, "dash": "dot"})
    return figure.update_layout(
        **layout(), xaxis=axis("time, durations of the metaorder", dtick=1), yaxis=axis("ticks", rangemode="tozero")
    )


def shades(count: int) -> list[float]:
    """How strong each of so many curves of one colour is, weakest first."""
    return [1 - 0.3 * (count - 1 - place) for place in range(count)]


def event_figure(ours: np.ndarray, theirs: np.ndarray) -> go.Figure:
    """One of the six curves of both days, float [lags] each."""
    figure = go.Figure()
    _add_curve(figure, LAGS, ours, OURS, "this day")
    _add_curve(figure, LAGS, theirs, THEIRS, "other day")
    return figure.update_layout(**layout(), xaxis=axis(type="log", dtick=1), yaxis=axis("ticks"))


def _add_curve(figure: go.Figure, x: np.ndarray, y: np.ndarray, colour: str, name: str) -> None:
    figure.add_scatter(
        x=x.tolist(), y=_plain(y), mode="lines+markers", name=escape(name), connectgaps=False,
        line={"color": colour, "width": 1.6}, marker={"color": colour, "size": 4},
        hovertemplate="%{x:.0f}: %{y:.3g}<extra>" + escape(name) + "</extra>",
    )  # fmt: skip


def distance_figure(comparison: Comparison, level: float) -> go.Figure:
    """Total variation of each score with its interval; a mark where the other day's own halves lie."""
    scores = [score for score in (*comparison.scores, *comparison.conditionals) if score.distance is not None]
    figure = go.Figure()
    names = [score.name for score in scores]
    values, low, high = [], [], []
    for score in scores:
        assert score.distance is not None
        value = score.distance.total_variation
        interval = centred_interval(value, score.distance.total_variation_draws, level)
        values.append(round(value, 4))
        low.append(value - interval[0])
        high.append(interval[1] - value)
    figure.add_bar(
        x=values, y=names, orientation="h", marker={"color": OURS}, opacity=0.75, width=0.62,
        error_x={"type": "data", "symmetric": False, "array": high, "arrayminus": low, "thickness": 1.2, "width": 3, "color": "#6a6f76"},
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )  # fmt: skip
    floors = [(score.name, score.floor[0]) for score in scores if score.floor is not None]
    figure.add_scatter(
        x=[floor for _, floor in floors], y=[name for name, _ in floors], mode="markers",
        marker={"symbol": "line-ns-open", "size": 14, "color": THEIRS, "line": {"width": 2.5}},
        hovertemplate="%{y}, halves of the other day: %{x:.3f}<extra></extra>",
    )  # fmt: skip
    return figure.update_layout(
        **layout(), xaxis=axis("total variation", rangemode="tozero"),
        yaxis=axis(autorange="reversed", showgrid=False, type="category", nticks=0, dtick=1),
    )  # fmt: skip


def drift_figure(comparison: Comparison) -> go.Figure | None:
    """Distance to the whole other day along the day, with the noise floor."""
    drift = comparison.drift
    if drift is None:
        return None
    figure = go.Figure()
    for values, colour, name in ((drift.floor, THEIRS, "windows of the other day"), (drift.ours, OURS, "this day")):
        _add_curve(figure, np.arange(1, len(values) + 1), values, colour, name)
    title = f"window of {drift.messages:,} messages"
    return figure.update_layout(**layout(), xaxis=axis(title), yaxis=axis("total variation", rangemode="tozero"))


def _plain(values: np.ndarray) -> list[float | None]:
    return [round(float(value), 6) if np.isfinite(value) else None for value in values]
