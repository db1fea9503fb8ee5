"""The figures over time: price with own orders and fills, and executed against scheduled.

Long tables are thinned before they are drawn, never the tables of results: a line of quotes keeps first, last, lowest and
highest of every bucket, so that a spike of one row survives; cumulative lines keep first and last of every bucket.

Known limit: own orders beyond `MOST_SEGMENTS` per run are not all drawn; those that filled come first, then the longest.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go
import polars as pl

from execution.report.charts import ACCENT, QUIET, TARGET, axis, base_layout, time_axis
from execution.report.formats import number, price_digits, quantity

MOST_POINTS = 4_000
MOST_SEGMENTS = 400
MOST_SCHEDULE_POINTS = 800
FILL_KINDS = (
    # key, title, colour, symbol for a buy, symbol for a sell, size
    ("passive", "Fill from the queue", ACCENT, "circle", "circle", 8),
    ("aggressive", "Fill by crossing the spread", "#c4553b", "triangle-up", "triangle-down", 9),
    ("forced", "Forced at the end", "#8b2f6b", "x", "x", 9),
)


@dataclass(frozen=True)
class Run:
    """One algorithm on one parent under one condition, as the charts over time show it."""

    key: str
    """id inside the page, free of user text"""
    run_id: str
    algo: str
    title: str
    """what its button says"""

    def rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of `frame` that belong to this run."""
        return frame.filter((pl.col("run_id") == self.run_id) & (pl.col("algo") == self.algo))


def wall_time(column: str, zone: str) -> pl.Expr:
    """Nanoseconds UTC as wall-clock text of `zone`, to the millisecond: read the same in every viewer's zone."""
    stamp = pl.from_epoch(pl.col(column), time_unit="ns").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    return stamp.dt.strftime("%Y-%m-%d %H:%M:%S%.3f").alias(column)


def thin_quotes(quotes: pl.DataFrame, most: int = MOST_POINTS) -> pl.DataFrame:
    """At most `most` rows of (ts_ns, bid, ask) that keep every extreme.

    The time span is cut into equal buckets; each keeps its first and last row and those of the lowest and highest bid
    and ask.  A bucket thus gives at most six rows.  Rows with an empty side are kept where they stand first or last.
    """
    if quotes.height <= most:
        return quotes
    buckets = max(1, most // 6)
    first, last = quotes["ts_ns"].min(), quotes["ts_ns"].max()
    bucket = (pl.col("ts_ns") - first) * buckets // (pl.lit(last) - first + 1)
    row = pl.col("row")
    kept = (
        quotes.with_row_index("row")
        .with_columns(bucket.alias("bucket"))
        .group_by("bucket")
        .agg(
            row.first().alias("a"),
            row.last().alias("b"),
            *(row.get(pl.col(side).arg_min()).alias(f"{side}_low") for side in ("bid", "ask")),
            *(row.get(pl.col(side).arg_max()).alias(f"{side}_high") for side in ("bid", "ask")),
        )
        .drop("bucket")
    )
    rows = kept.unpivot().select("value").drop_nulls().unique().sort("value")["value"]
    return quotes[rows]


def thin_ends(frame: pl.DataFrame, most: int = MOST_SCHEDULE_POINTS) -> pl.DataFrame:
    """At most `most` rows of a table ascending in ts_ns: first and last row of equal buckets of rows."""
    if frame.height <= most:
        return frame
    step = -(-frame.height // (most // 2))
    place = pl.int_range(pl.len()) % step
    return frame.filter((place == 0) | (place == step - 1) | (pl.int_range(pl.len()) == pl.len() - 1))


def window_of(frames: list[pl.DataFrame], start_ns: int, end_ns: int) -> tuple[int, int]:
    """From the first to the last of the given instants, with two percent of room on both sides."""
    stamps = pl.concat([pl.Series([start_ns, end_ns], dtype=pl.Int64), *(frame["ts_ns"] for frame in frames)]).sort()
    low, high = int(stamps[0]), int(stamps[-1])
    room = max((high - low) // 50, 1_000_000)
    return low - room, high + room


def crop(quotes: pl.DataFrame, low_ns: int, high_ns: int) -> pl.DataFrame:
    """Quotes within a window, with the one that stands when it opens moved to its edge."""
    before = quotes.filter(pl.col("ts_ns") < low_ns).tail(1).with_columns(pl.lit(low_ns, pl.Int64).alias("ts_ns"))
    return pl.concat([before, quotes.filter(pl.col("ts_ns").is_between(low_ns, high_ns))])


def arrival_mid(quotes: pl.DataFrame, start_ns: int) -> float | None:
    """Middle of the last two-sided quote at or before `start_ns`; None where there is none."""
    standing = quotes.filter(pl.col("ts_ns") <= start_ns).drop_nulls(("bid", "ask")).tail(1)
    return None if standing.is_empty() else float(standing["bid"][0] + standing["ask"][0]) / 2


def price_range(quotes: pl.DataFrame, fills: pl.DataFrame) -> list[float] | None:
    """The prices first shown: all fills, and all quotes but the outermost 0.2 %; a double click shows the rest."""
    ends = [quotes["bid"].quantile(0.002), quotes["ask"].quantile(0.998), *fills["price"].drop_nulls()]
    known = [float(value) for value in ends if value is not None]
    if not known:
        return None
    low, high = min(known), max(known)
    pad = 0.06 * (high - low) or 0.01 * abs(low) or 1.0
    return [low - pad, high + pad]


def price_figure(
    quotes: pl.DataFrame, fills: pl.DataFrame, orders: pl.DataFrame, volume: pl.DataFrame | None,
    runs: list[Run], window: tuple[int, int], start_ns: int, end_ns: int, side: str, zone: str,
) -> go.Figure:  # fmt: skip
    """Bid and ask as a band, each run's resting orders as level strokes and its fills as marks.

    Traces of a run carry its key in ``meta``; the page shows one run at a time, the first to begin with.
    """
    quotes = crop(quotes, *window)
    figure = go.Figure()
    digits = price_digits(value for column in ("bid", "ask") for value in quotes[column].drop_nulls().head(500))
    limits = price_range(quotes, pl.concat([run.rows(fills) for run in runs]) if runs else fills)
    _band(figure, thin_quotes(quotes), zone, digits)
    for run in runs:
        _segments(figure, run, run.rows(orders), end_ns, zone)
        _fill_marks(figure, run, run.rows(fills), side, zone, digits)
    for run in runs[1:]:
        figure.update_traces(visible=False, selector={"meta": run.key})
    edges = pl.DataFrame({"ts_ns": [*window, start_ns, end_ns]}).select(wall_time("ts_ns", zone))["ts_ns"]
    horizontal = time_axis(edges[:2].to_list()) | {"fixedrange": False}
    upright = axis(range=limits, fixedrange=False, side="right", tickformat=f",.{digits}f", nticks=8)
    layout = base_layout(dragmode="zoom", hovermode="closest", xaxis=horizontal, yaxis=upright)
    if volume is not None and volume.height:
        _volume_bars(figure, volume.filter(pl.col("ts_ns").is_between(*window)), zone)
        layout["yaxis"] = upright | {"domain": [0.22, 1.0]}
        layout["yaxis2"] = axis(domain=[0.0, 0.15], side="right", nticks=3, tickformat=",~f", showgrid=False)
        layout["xaxis"] = horizontal | {"anchor": "y2"}
    figure.update_layout(**layout)
    for edge in edges[2:]:
        figure.add_vline(x=edge, line={"color": QUIET, "width": 1, "dash": "dot"})
    mid = arrival_mid(quotes, start_ns)
    if mid is not None:
        figure.add_shape(
            type="line", x0=edges[2], x1=edges[3], y0=mid, y1=mid, line={"color": QUIET, "width": 1.5, "dash": "dash"}
        )
    return figure


def _band(figure: go.Figure, quotes: pl.DataFrame, zone: str, digits: int) -> None:
    """Bid, then ask filled down to it; with an empty side somewhere lines alone, as a fill would bridge the gap."""
    whole = quotes["bid"].null_count() + quotes["ask"].null_count() == 0
    times = quotes.select(wall_time("ts_ns", zone))["ts_ns"].to_list()
    for column, title in (("bid", "best bid"), ("ask", "best ask")):
        figure.add_scatter(
            x=times, y=quotes[column].to_list(), mode="lines", name=title, connectgaps=False,
            line={"shape": "hv", "width": 1, "color": "rgba(126,136,148,0.85)"},
            fill="tonexty" if whole and column == "ask" and times else "none", fillcolor="rgba(126,136,148,0.22)",
            hovertemplate=f"{title} %{{y:,.{digits}f}}<br>%{{x}}<extra></extra>",
        )  # fmt: skip


def resting(orders: pl.DataFrame, end_ns: int) -> pl.DataFrame:
    """Limit orders that stood in the book for a while: columns order, price, size, filled, start_ns, stop_ns.

    At most `MOST_SEGMENTS`: those with a fill first, then the longest; in order of time.
    """
    stop = pl.coalesce(pl.when(pl.col("done_ns") < 2**62).then("done_ns"), pl.lit(end_ns))
    stood = (
        orders.with_columns(pl.col("arrived_ns").alias("start_ns"), stop.alias("stop_ns"))
        .filter(pl.col("price").is_not_null() & (pl.col("stop_ns") > pl.col("start_ns")))
        .with_columns((pl.col("filled") > 0).fill_null(False).alias("hit"), (stop - pl.col("start_ns")).alias("length"))
    )
    shown = stood.sort("hit", "length", descending=True, maintain_order=True).head(MOST_SEGMENTS)
    return shown.sort("start_ns", "order")


def _segments(figure: go.Figure, run: Run, orders: pl.DataFrame, end_ns: int, zone: str) -> None:
    shown = resting(orders, end_ns).select(
        wall_time("start_ns", zone), wall_time("stop_ns", zone), "price", "size", "filled", "order"
    )
    times: list[str | None] = []
    prices: list[float | None] = []
    labels: list[str | None] = []
    for start, stop, price, size, filled, order in shown.iter_rows():
        label = f"order {order}: {quantity(size)}, filled {quantity(filled)}"
        times += [start, stop, None]
        prices += [price, price, None]
        labels += [label, label, None]
    crowded = shown.height > 120
    figure.add_scatter(
        x=times, y=prices, mode="lines", meta=run.key, customdata=labels, connectgaps=False,
        line={"color": ACCENT, "width": 1.2 if crowded else 2}, opacity=0.45 if crowded else 0.75,
        hovertemplate="%{customdata}<br>%{x}<extra></extra>",
    )  # fmt: skip


def _fill_marks(figure: go.Figure, run: Run, fills: pl.DataFrame, side: str, zone: str, digits: int) -> None:
    forced = pl.col("forced").fill_null(False)
    passive = pl.col("passive").fill_null(False) & ~forced
    chosen = {"forced": forced, "passive": passive, "aggressive": ~forced & ~passive}
    for key, title, colour, buy_symbol, sell_symbol, size in FILL_KINDS:
        rows = fills.filter(chosen[key])
        labels = [
            f"{quantity(row['size'])} at {number(row['price'], digits)}<br>{escape(row['reason'] or '')}"
            for row in rows.iter_rows(named=True)
        ]
        figure.add_scatter(
            x=rows.select(wall_time("ts_ns", zone))["ts_ns"].to_list(), y=rows["price"].to_list(), mode="markers",
            meta=run.key, customdata=labels, name=title,
            marker={
                "color": colour, "symbol": buy_symbol if side == "buy" else sell_symbol, "size": size,
                "opacity": 0.9 if rows.height < 400 else 0.6, "line": {"width": 0.8, "color": "#ffffff"},
            },
            hovertemplate=f"<b>{title}</b><br>%{{customdata}}<br>%{{x}}<extra></extra>",
        )  # fmt: skip


def _volume_bars(figure: go.Figure, volume: pl.DataFrame, zone: str) -> None:
    figure.add_bar(
        x=volume.select(wall_time("ts_ns", zone))["ts_ns"].to_list(), y=volume["volume"].to_list(), yaxis="y2",
        marker={"color": QUIET, "opacity": 0.55, "line": {"width": 0}}, offset=0,
        customdata=[quantity(value) for value in volume["volume"]],
        hovertemplate="market volume %{customdata}<br>%{x}<extra></extra>",
    )  # fmt: skip


def schedule_figure(schedule: pl.DataFrame, size: float, window: tuple[int, int], zone: str) -> go.Figure:
    """One run: the quantity its schedule wanted by each instant, and the quantity executed by then."""
    rows = thin_ends(schedule)
    times = rows.select(wall_time("ts_ns", zone))["ts_ns"].to_list()
    edges = pl.DataFrame({"ts_ns": list(window)}).select(wall_time("ts_ns", zone))["ts_ns"].to_list()
    figure = go.Figure()
    for column, title, line, fill in (
        ("executed", "executed", {"color": ACCENT, "width": 2.2, "shape": "hv"}, "tozeroy"),
        ("target", "scheduled", {"color": TARGET, "width": 1.8, "dash": "dash"}, "none"),
    ):
        figure.add_scatter(
            x=times, y=rows[column].to_list(), mode="lines", line=line, fill=fill, fillcolor="rgba(18,135,127,0.10)",
            customdata=[quantity(value) for value in rows[column]],
            hovertemplate=f"{title} %{{customdata}}<br>%{{x}}<extra></extra>",
        )  # fmt: skip
    highest = max([size, *(v for c in ("target", "executed") for v in rows[c].drop_nulls())])
    horizontal = time_axis(edges, nticks=5)
    upright = axis(range=[0, 1.06 * highest], nticks=5, tickformat=",~f")
    return figure.update_layout(**base_layout(hovermode="x"), xaxis=horizontal, yaxis=upright)
