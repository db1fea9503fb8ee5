"""The page: tables and figures put into one HTML file that loads nothing from anywhere.

`render` is a pure function of its data; `write_report` puts its text in a folder in one step.  All text goes through
jinja2 with escaping on, all figures through JSON in which "<" cannot appear; a content policy in the page forbids it
every request.  The order of sections is that of the questions a reader has: what was ordered, what did it cost, why, how did
it go, can it be trusted.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import polars as pl
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from execution.latency_cost import delay_sentence
from execution.report import charts, delays, formats, timeline, words
from execution.report.data import TABLES, ReportData, ReportError, clean, summarise
from lobsim.pages import figures_json, page_template, write_page

__all__ = ["ReportData", "ReportError", "render", "write_report"]

HERE = Path(__file__).parent
FILE_NAME = "report.html"
MOST_FILL_ROWS = 200
MOST_RUNS = 8


def write_report(data: ReportData, folder: str | os.PathLike[str]) -> Path:
    """Write ``folder``/report.html, whole or not at all, and return its path; makes the folder.

    Raises ReportError where the folder cannot be made or written.
    """
    text = render(data)
    path = Path(folder) / FILE_NAME
    try:
        write_page(path, text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(
            f"the report cannot be written: {reason}", where=str(path), hint="choose another folder"
        ) from error
    return path


def render(data: ReportData) -> str:
    """The report as one HTML text; the same data give the same bytes."""
    tables = {name: clean(frame, TABLES[name]) for name in TABLES if (frame := getattr(data, name)) is not None}
    results = tables["results"]
    condition = results["condition"][0]
    main = results.filter(pl.col("condition").eq_missing(condition))
    summary = summarise(main)
    parents = main["parent_id"].n_unique()
    runs = choose_runs(main, summary, parents)
    comparison = compare(tables, results)
    figures, context = draw(data, tables, main, summary, runs, comparison)
    return page_template(HERE, "page.html.j2").render(
        data=data,
        headline=words.headline(data, parents),
        lead=words.lead(data, summary),
        facts=title_facts(data),
        place=formats.place(data.time_zone),
        costs=cost_rows(data, summary),
        parents=parents,
        one_day="date" not in data.results.columns or data.results["date"].n_unique() == 1,
        parts=[(title, meaning, charts.PART_COLOURS[part]) for part, (title, meaning) in words.PART_WORDS.items()],
        fill_kinds=timeline.FILL_KINDS,
        benchmarks=charts.BENCHMARKS,
        fills=fill_rows(data, tables["fills"], runs),
        details=details(data, condition),
        drift=[(name, drift_value(value), meaning) for name, value, meaning in data.drift or ()],
        definitions=words.DEFINITIONS,
        style=asset("style.css"),
        script=asset("page.js"),
        plotly=Markup(get_plotlyjs()),
        figures=figures_json(figures),
        **context,
    )


def asset(name: str) -> Markup:
    """A file of this folder, to stand in the page as it is."""
    return Markup((HERE / name).read_text(encoding="utf-8"))


def choose_runs(main: pl.DataFrame, summary: pl.DataFrame, parents: int) -> list[timeline.Run]:
    """The runs shown over time: those of the first parent, cheapest algorithm first, at most `MOST_RUNS`."""
    rows = main.filter(pl.col("parent_id").eq_missing(main["parent_id"][0])) if parents > 1 else main
    found = {row["algo"]: row for row in rows.reverse().iter_rows(named=True)}
    chosen = [found[algo] for algo in summary["algo"] if algo in found][:MOST_RUNS]
    return [
        timeline.Run(f"run-{index}", row["run_id"], row["algo"], words.algorithm_title(row["algo"]))
        for index, row in enumerate(chosen)
    ]


def compare(tables: dict[str, pl.DataFrame], results: pl.DataFrame) -> pl.DataFrame | None:
    """The comparison handed in, else means of the results where they hold more than one condition."""
    if "comparison" in tables:
        return tables["comparison"] if tables["comparison"].height else None
    if results["condition"].n_unique() < 2:
        return None
    costs = ("arrival_cost_bps", "vwap_cost_bps", "shortfall_bps")
    return results.group_by("algo", "condition", maintain_order=True).agg(pl.col(name).mean() for name in costs)


def draw(
    data: ReportData, tables: dict[str, pl.DataFrame], main: pl.DataFrame, summary: pl.DataFrame,
    runs: list[timeline.Run], comparison: pl.DataFrame | None,
) -> tuple[dict[str, go.Figure], dict[str, Any]]:  # fmt: skip
    """The figures by the id of their place in the page, and what the template must know about them."""
    several = any(count > 1 for count in summary["parents"])
    fills, schedules = tables["fills"], [run.rows(tables["schedule"]) for run in runs]
    own = [run.rows(fills) for run in runs]
    start_ns, end_ns = data.start_ns, data.end_ns
    if several and any(frame.height for frame in (*schedules, *own)):
        stamps = pl.concat([frame["ts_ns"] for frame in (*schedules, *own)]).sort()
        start_ns, end_ns = int(stamps[0]), int(stamps[-1])
    window = timeline.window_of([*own, *schedules], start_ns, end_ns)
    price = timeline.price_figure(
        tables["quotes"], fills, tables["orders"], tables.get("volume"), runs, window, start_ns, end_ns,
        data.side, data.time_zone,
    )  # fmt: skip
    figures = {"chart-parts": charts.parts_figure(summary), "chart-price": price}
    for run, rows in zip(runs, schedules, strict=True):
        figures[f"chart-schedule-{run.key}"] = timeline.schedule_figure(rows, data.size, window, data.time_zone)
    figures["chart-costs"] = charts.interval_figure(main, summary) if several else charts.benchmark_figure(summary)
    legend = []
    if comparison is not None:
        algos = [algo for algo in summary["algo"] if algo in comparison["algo"]]
        algos += [algo for algo in comparison["algo"].unique(maintain_order=True) if algo not in algos]
        figures["chart-comparison"] = charts.comparison_figure(comparison, algos)
        conditions = comparison["condition"].unique(maintain_order=True).to_list()
        legend = list(zip(conditions, charts.CONDITION_COLOURS * len(conditions), strict=False))
    delayed = {}
    if "delay_costs" in tables and "delay_slopes" in tables:
        costs, slopes, algos = tables["delay_costs"], tables["delay_slopes"], summary["algo"].to_list()
        figures["chart-delays"] = delays.delay_figure(costs, algos)
        names = [(colour, words.algorithm_title(algo)) for algo, colour in delays.colours_of(algos).items()]
        delayed = delays.delay_rows(costs, slopes, algos)
        delayed |= {"legend": names, "sentence": delay_sentence(slopes, words.algorithm_title)}
    captions = [run_caption(run, rows, tables["orders"], end_ns) for run, rows in zip(runs, own, strict=True)]
    context = {
        "runs": list(zip(runs, captions, strict=True)),
        "several": several,
        "height": 64 + 46 * summary.height,
        "comparison": comparison_rows(comparison, summary),
        "comparison_legend": legend,
        "comparison_height": 64 + (26 * len(legend) + 22) * summary.height,
        "delays": delayed,
        "has_volume": "volume" in tables and tables["volume"].height > 0,
    }
    return figures, context


def title_facts(data: ReportData) -> list[tuple[str, str, str]]:
    """The strip below the headline: (label, value, small addition)."""
    zone = data.time_zone
    when = f"{formats.hours(data.start_ns, zone)}\u2013{formats.hours(data.end_ns, zone)}"
    length = formats.duration(data.end_ns - data.start_ns)
    return [
        ("When", f"{when}, {formats.place(zone)} time", f"{formats.long_date(data.date)}, {length}"),
        ("Market", data.venue, f"{data.fidelity}; data graded: {data.grade}" if data.grade else data.fidelity),
        ("Delays", data.latency, ""),
        ("Effect on the market", data.impact, ""),
    ]


def cost_rows(data: ReportData, summary: pl.DataFrame) -> list[dict[str, Any]]:
    """The cost table: one row per algorithm, its bar in percent of the width of the bar column."""
    totals = [value for value in summary["shortfall_bps"] if value is not None]
    low, high = min([0.0, *totals]), max([0.0, *totals])
    span = (high - low) or 1.0
    columns = ("shortfall_bps", "arrival_cost_bps", "vwap_cost_bps")
    digits = formats.bps_digits(value for column in columns for value in summary[column])
    price_digits = formats.price_digits(
        [value for column in ("bid", "ask") for value in data.quotes[column].drop_nulls().head(200)]
    )
    rows = []
    for row in summary.iter_rows(named=True):
        total = row["shortfall_bps"]
        rows.append(
            {
                "name": words.algorithm_title(row["algo"]),
                "meaning": words.algorithm_meaning(row["algo"]),
                "total": formats.number(total, digits),
                "gain": total is not None and total < 0,
                "left": round(100 * (min(total or 0.0, 0.0) - low) / span, 2),
                "width": round(100 * abs(total or 0.0) / span, 2),
                "zero": round(100 * -low / span, 2),
                "money": formats.money(row["shortfall_money"], data.currency),
                "arrival": formats.number(row["arrival_cost_bps"], digits),
                "vwap": formats.number(row["vwap_cost_bps"], digits),
                "price": formats.number(row["avg_price"], min(price_digits + 2, 8)),
                "short": row["completion"] is not None and row["completion"] < words.COMPLETE,
                "filled": formats.percent(row["completion"]),
                "passive": formats.percent(row["passive_share"]),
                "participation": formats.percent(row["participation"]),
            }
        )
    return rows


def comparison_rows(comparison: pl.DataFrame | None, summary: pl.DataFrame) -> list[dict[str, Any]]:
    """The table beside the comparison chart, algorithms in the order of the cost table."""
    if comparison is None:
        return []
    order = {algo: place for place, algo in enumerate(summary["algo"])}
    rows = sorted(comparison.iter_rows(named=True), key=lambda row: order.get(row["algo"], len(order)))
    columns = ("shortfall_bps", "arrival_cost_bps", "vwap_cost_bps")
    digits = formats.bps_digits(row[column] for row in rows for column in columns)
    return [
        {
            "name": words.algorithm_title(row["algo"]),
            "condition": row["condition"] or formats.MISSING,
            "costs": [formats.number(row[column], digits) for column in columns],
        }
        for row in rows
    ]


def run_caption(run: timeline.Run, fills: pl.DataFrame, orders: pl.DataFrame, end_ns: int) -> str:
    """One sentence under the price chart about the run that it shows."""
    if fills.is_empty():
        return f"{run.title}: no fill."
    own = run.rows(orders)
    passive = int(fills["passive"].sum() or 0)
    counts = formats.plural(own.height, "child order"), formats.plural(fills.height, "fill")
    text = f"{run.title}: {', '.join(counts)}, {formats.number(passive)} from the queue."
    if timeline.resting(own, end_ns).height == timeline.MOST_SEGMENTS:
        text += f" The {formats.number(timeline.MOST_SEGMENTS)} orders that filled or stood longest are drawn."
    return text


def fill_rows(data: ReportData, fills: pl.DataFrame, runs: list[timeline.Run]) -> dict[str, Any]:
    """The first fills of the runs shown, in order of time, each cell as (text, sort key)."""
    own = pl.concat([run.rows(fills) for run in runs]).sort("ts_ns", "algo", "order", maintain_order=True)
    shown = own.head(MOST_FILL_ROWS)
    digits = formats.price_digits(shown["price"])
    rows = []
    for row in shown.iter_rows(named=True):
        how = "forced" if row["forced"] else "queue" if row["passive"] else "crossing"
        order = formats.MISSING if row["order"] is None else str(row["order"])
        cells = [
            (formats.clock(row["ts_ns"], data.time_zone, 3), row["ts_ns"]),
            (words.algorithm_title(row["algo"]), None),
            (order, row["order"]),
            (formats.number(row["price"], digits), row["price"]),
            (formats.quantity(row["size"]), row["size"]),
            (how, None),
            (row["reason"] or formats.MISSING, None),
            (formats.quantity(row["ahead_entry"]), row["ahead_entry"]),
            (formats.quantity(row["ahead_fill"]), row["ahead_fill"]),
        ]
        rows.append(cells)
    total = formats.plural(own.height, "fill")
    return {"rows": rows, "count": f"The first {len(rows)} of {total}" if own.height > len(rows) else total}


def drift_value(value: float | int | str | None) -> str:
    """A value of the drift meter: counts whole, fractions to four decimals, text as it is."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, int) or float(value).is_integer():
        return formats.number(value)
    return formats.number(value, 4)


def details(data: ReportData, condition: str | None) -> list[tuple[str, str]]:
    """What someone needs to judge or repeat the run."""
    return [
        ("Market data", f"{data.venue}, {data.fidelity}"),
        *([("Grade of the data", data.grade)] if data.grade else []),
        ("Matching", condition or formats.MISSING),
        ("Effect of own orders", data.impact),
        ("Delays", data.latency),
        ("Seed", str(data.seed)),
        ("Data digest", data.data_digest),
        ("Version", data.version),
    ]
