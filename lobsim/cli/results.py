"""Results of a backtest for people and for machines: the cost table, the JSON object, the report and the tables behind it.

Invariants: the cost table fits eighty columns; a file of results is complete or not there at all.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lobsim.cli.delays import delays_json, print_delays
from lobsim.cli.output import print_json, print_table, print_text, progress
from lobsim.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from execution.backtest import BacktestResult
    from execution.latency_cost import DelayedResult
    from lobsim.feeds.schema import Dataset

_TABLES = ("results", "fills", "orders", "schedule")
_COSTS = {
    "arrival": "arrival_cost_bps",
    "VWAP": "vwap_cost_bps",
    "spread": "spread_bps",
    "impact": "impact_bps",
    "timing": "timing_bps",
    "total": "shortfall_bps",
}
"""Headings of the cost columns, and where their figures come from."""
_WHOLE = 1 - 1e-9
"""A share from here on is all of it: sizes are sums of floats."""
_MEANS = ("completion", "avg_price", "passive_share", "shortfall_money", *_COSTS.values())


def check_folder(out: Path | None) -> None:
    """Raise ConfigError, before anything is computed, for a folder that cannot be one."""
    if out is not None and out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file", where="--out", hint="name a folder")


def finish(
    results: Sequence[BacktestResult],
    *,
    command: str,
    out: Path | None,
    as_json: bool,
    delayed: Sequence[DelayedResult] = (),
) -> None:
    """Write the report where asked, and print the results.

    delayed  the first result at several delays, itself first
    """
    where = None
    grade = _grade(results[0].market.dataset) if as_json or out is not None else ""
    if out is not None:
        where = write_all(results, command, out, delayed, grade)
    if as_json:
        more = delays_json(delayed) if delayed else {}
        print_json(summary(results, where) | {"grade": grade} | more)
        return
    print_results(results)
    if delayed:
        print_text("")
        print_delays(delayed)
    if where is not None:
        print_text(f"The report: {where}")


def _grade(dataset: Dataset) -> str:
    """What the doctor says of the data: "L2 + trades, sound"."""
    from lobsim.feeds.doctor import examine

    with progress("looking the data over", dataset.events.height) as tell:
        return examine(dataset, tell).grade


def write_all(
    results: Sequence[BacktestResult],
    command: str,
    out: Path,
    delayed: Sequence[DelayedResult] = (),
    grade: str = "",
) -> Path:
    """report.html and the tables behind it, in one folder; nothing is replaced before all is written.

    The tables hold every run; with several delays their last column, delay, says which one.
    """

    from execution.report import write_report
    from execution.report.build import report_data

    out.mkdir(parents=True, exist_ok=True)
    partial = {name: out / f".{name}.parquet.partial" for name in _TABLES}
    with progress("writing the report", None):
        try:
            for name, path in partial.items():
                _table(name, results, delayed).write_parquet(path)
            report = write_report(report_data(results, command=command, delayed=delayed, grade=grade), out)
            for name, path in partial.items():
                os.replace(path, out / f"{name}.parquet")
        finally:
            for path in partial.values():
                path.unlink(missing_ok=True)
    return report


def _table(name: str, results: Sequence[BacktestResult], delayed: Sequence[DelayedResult]) -> pl.DataFrame:
    """One table of every run."""
    import polars as pl

    frames = [getattr(result, name) for result in results]
    if delayed:
        frames = [frame.with_columns(delay=pl.lit(delayed[0].label)) for frame in frames]
        frames += [getattr(point.result, name).with_columns(delay=pl.lit(point.label)) for point in delayed[1:]]
    return pl.concat(frames, how="vertical_relaxed")


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
        "currency": info.money_currency,
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


def _figure(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{value:,.{digits}f}"


def _share(value: float | None) -> str:
    """A share of a whole; "100%" is said of nothing less than all."""
    return "n/a" if value is None else "<100%" if 0.995 <= value < _WHOLE else f"{value:.0%}"


def by_algorithm(result: BacktestResult) -> list[dict[str, Any]]:
    """One row per algorithm, means over its parents, the cheapest first."""
    import polars as pl

    means = [pl.col(name).cast(pl.Float64).mean() for name in _MEANS]
    table = result.results.group_by("algo", maintain_order=True).agg(*means)
    return table.sort("shortfall_bps", nulls_last=True, maintain_order=True).to_dicts()


def _digits(rows: Sequence[dict[str, Any]]) -> int:
    """Decimals of the costs: as many as keep a column within seven characters."""
    largest = max((abs(row[name] or 0.0) for row in rows for name in _COSTS.values()), default=0.0)
    return 2 if largest < 100 else 1 if largest < 1000 else 0


def print_results(results: Sequence[BacktestResult]) -> None:
    """A cost table for each kind of data, the cheapest first, and one sentence on what the first says."""
    for result in results:
        rows = by_algorithm(result)
        digits = _digits(rows)
        cells = [
            (
                row["algo"],
                _share(row["completion"]),
                _figure(row["avg_price"], 4),
                *(_figure(row[name], digits) for name in _COSTS.values()),
                _share(row["passive_share"]),
            )
            for row in rows
        ]
        print_table(_title(result), ("algorithm", "filled", "avg price", *_COSTS, "passive"), cells)
    print_text(verdict(by_algorithm(results[0]), results[0].market.dataset.info.money_currency))


def _title(result: BacktestResult) -> str:
    info = result.market.dataset.info
    parents = len({run.parent_id for run in result.runs})
    mean = f", mean of {parents} orders" if parents > 1 else ""
    return f"{info.symbol} {info.date}, {result.runs[0].condition}{mean}, costs in bps"


def verdict(rows: Sequence[dict[str, Any]], currency: str) -> str:
    """One sentence: which algorithm was cheapest, at what cost, and how far from the dearest.

    rows  of `by_algorithm`
    """
    known = [row for row in rows if row["shortfall_bps"] is not None]
    if not known:
        return "No cost is known: there was no price on both sides of the book when the order began."
    best, worst = known[0], known[-1]
    total = best["shortfall_bps"]
    amount = abs(best["shortfall_money"])
    money = f"{currency} {amount:,.2f}" if amount >= 1 or not amount else f"{currency} {amount:,.4g}"
    text = f"a cost of {total:.2f} bps ({money})" if total >= 0 else f"a gain of {-total:.2f} bps ({money})"
    if len(known) == 1:
        return f"{best['algo']} came to {text}."
    return f"{best['algo']} was cheapest with {text}, {worst['shortfall_bps'] - total:.2f} bps below {worst['algo']}, the dearest."
