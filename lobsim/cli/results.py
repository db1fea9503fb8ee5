"""Results of a backtest for people and for machines: the cost table, the JSON object, the report and the tables behind it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lobsim.cli.output import print_json, print_table, print_text, progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from execution.backtest import BacktestResult

_TABLES = ("results", "fills", "orders", "schedule")


def finish(results: Sequence[BacktestResult], *, command: str, out: Path | None, as_json: bool) -> None:
    """Write the report where asked, and print the results."""
    where = None
    if out is not None:
        where = write_all(results, command, out)
    if as_json:
        print_json(summary(results, where))
        return
    print_results(results)
    if where is not None:
        print_text(f"The report: {where}")


def write_all(results: Sequence[BacktestResult], command: str, out: Path) -> Path:
    """report.html and the tables behind it, in one folder."""
    from execution.report import write_report
    from execution.report.build import report_data

    with progress("writing the report", None):
        path = write_report(report_data(results, command=command), out)
        for name in _TABLES:
            _write_table(results, name, out)
    return path


def _write_table(results: Sequence[BacktestResult], name: str, out: Path) -> None:
    """One table of all conditions as Parquet, complete or not at all."""
    import polars as pl

    frame = pl.concat([getattr(result, name) for result in results], how="vertical_relaxed")
    partial = out / f".{name}.parquet.partial"
    frame.write_parquet(partial)
    os.replace(partial, out / f"{name}.parquet")


def summary(results: Sequence[BacktestResult], report: Path | None) -> dict[str, Any]:
    """The one JSON object of a backtest."""
    market = results[0].market
    info = market.dataset.info
    rows = []
    for result in results:
        for run, row in zip(result.runs, result.results.iter_rows(named=True), strict=True):
            flat = {name: value for name, value in row.items() if name not in _part_columns()}
            flat["shortfall_parts_bps"] = run.cost.shortfall_parts_bps
            flat["drift"] = {name: value for name, value, _ in run.drift}
            rows.append(flat)
    return {
        "symbol": info.symbol,
        "date": info.date,
        "fidelity": info.fidelity.name,
        "impact": market.impact.name.lower(),
        "latency": str(market.config.latency),
        "data_digest": market.dataset.digest,
        "digest": results[0].digest,
        "report": None if report is None else str(report),
        "results": rows,
    }


def _part_columns() -> set[str]:
    from execution.backtest import PARTS

    return {f"{part}_bps" for part in PARTS}


def _figure(value: float | None, digits: int = 2) -> str:
    return "n/a" if value is None else f"{value:,.{digits}f}"


def print_results(results: Sequence[BacktestResult]) -> None:
    """The cost table, cheapest first, and what it says in one sentence."""
    for result in results:
        rows = sorted(
            result.results.iter_rows(named=True), key=lambda row: (row["shortfall_bps"] is None, row["shortfall_bps"])
        )
        market = result.market
        title = f"{market.dataset.info.symbol} {market.dataset.info.date}, {rows[0]['condition']}, costs in bps (positive = bad)"
        headings = (
            "algorithm",
            "parent",
            "filled",
            "avg price",
            "arrival",
            "VWAP",
            "shortfall",
            "spread",
            "impact",
            "timing",
            "passive",
        )
        print_table(
            title,
            headings,
            [
                (
                    row["algo"],
                    row["parent_id"],
                    _figure(row["filled"], 0),
                    _figure(row["avg_price"], 4),
                    _figure(row["arrival_cost_bps"]),
                    _figure(row["vwap_cost_bps"]),
                    _figure(row["shortfall_bps"]),
                    _figure(row["spread_bps"]),
                    _figure(row["impact_bps"]),
                    _figure(row["timing_bps"]),
                    "n/a" if row["passive_share"] is None else f"{row['passive_share']:.0%}",
                )
                for row in rows
            ],
        )
