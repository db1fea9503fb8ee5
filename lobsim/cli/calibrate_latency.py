"""``lobsim calibrate latency``: delay models from measured round trips, for ``lobsim backtest --latency FILE.json``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lobsim.cli.data_source import DateOption, SymbolOption, open_dataset
from lobsim.cli.output import JsonOption, print_facts, print_json, print_table, print_text
from lobsim.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lobsim.latency_calibration import Calibration, Estimate, LegFit
    from lobsim.latency_fit import Fit
    from lobsim.latency_rows import RoundTrips

    Floats = NDArray[np.float64]

_RECORDED = "recorded"


def latency(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or Parquet with request_ns, exchange_ns, response_ns; exchange_ns 0: refused."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The JSON file of settings to write.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="NAME=COLUMN", help="A column of another name; rate=COLUMN: how busy it was."),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="The recorded day of these requests, for the load slope.")
    ] = None,
    window: Annotated[str, typer.Option("--window", help="With --data: load is counted over so long.")] = "1ms",
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="auto (by BIC), constant, uniform, shifted_lognormal, gamma, pareto_tail, empirical, or table (replays the rows).",
        ),
    ] = "auto",
    feed: Annotated[
        str, typer.Option("--feed", help="The feed leg, which is not in the rows: a delay, 0, or recorded.")
    ] = "0",
    symbol: SymbolOption = None,
    date: DateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit delay models to measured round trips, compare them, and write settings for a backtest.

    Both legs (request to exchange, exchange to response) are fitted by every
    model; the table of quantiles holds the measured delays against the chosen one.
    """
    from dataclasses import replace

    from lobsim.clock import duration_ns
    from lobsim.latency_calibration import calibrate
    from lobsim.latency_rows import read_round_trips

    recorded = feed.strip().lower() == _RECORDED
    feed_ns = 0 if recorded or feed.strip() in ("0", "0s") else duration_ns(feed, "--feed")
    window_ns = duration_ns(window, "--window")
    trips = read_round_trips(file, _mapping(columns))
    load, answer_load = _load(trips, data, window_ns, symbol, date)
    settings: dict[str, Any] = {"feed_ns": feed_ns, "recorded_feed": recorded}
    found = calibrate(trips, load=load, answer_load=answer_load, model=model.strip().lower(), **settings)
    if load is not None and data is not None:
        found = replace(found, latency=replace(found.latency, load_window_ns=window_ns))
    if out is not None:
        found.latency.write(out)
    if as_json:
        print_json({"file": file.name, "out": None if out is None else str(out)} | found.to_json())
        return
    _show(file, found, out)


def _mapping(columns: list[str] | None) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for pair in columns or ():
        name, equals, column = pair.partition("=")
        if not equals or not column or name in mapping:
            what = f"{name} is mapped twice" if name in mapping else f"{pair!r} maps nothing"
            raise ConfigError(what, where="--map", hint="write NAME=COLUMN, each name once")
        mapping[name] = column
    return mapping


def _load(
    trips: RoundTrips, data: str | None, window_ns: int, symbol: str | None, date: str | None
) -> tuple[Floats | None, Floats | None]:
    """How busy the market was when each request and each answer left, standardised; None where nothing tells."""
    from lobsim.latency_calibration import standardised
    from lobsim.latency_load import load_at

    if data is None:
        return (None if trips.rate is None else standardised(trips.rate)), None
    if trips.rate is not None:
        raise ConfigError("the rows have a rate, a data set cannot give another", where="--data", hint="leave one out")
    rows_ns = open_dataset(data, symbol=symbol, date=date).events["ts_exchange"].to_numpy()
    return load_at(rows_ns, trips.request_ns, window_ns), load_at(rows_ns, trips.exchange_ns, window_ns)


def _show(file: Path, found: Calibration, out: Path | None) -> None:
    refused = f"{found.refused:,} ({found.refused / found.rows:.2%})"
    print_facts(f"Round trips of {file.name}", {"requests": f"{found.rows:,}", "refused": refused})
    for leg in (found.request, found.answer):
        print_text("")
        rows = [_model_cells(name, fit, name == leg.chosen) for name, fit in leg.fits.items()]
        print_table(f"The {leg.name} leg", ("model", "AIC", "BIC", "KS"), rows)
        print_text(_taken_words(leg))
    print_text("")
    cells = [
        (f"{share:.1%}", _us(live), _us(model), _us(answer), _us(answer_model))
        for (share, live, model), (_, answer, answer_model) in zip(
            found.request.quantiles, found.answer.quantiles, strict=True
        )
    ]
    headings = ("quantile", "request live", "model", "answer live", "model")
    print_table("Measured delays against the models, microseconds", headings, cells)
    print_text("")
    if not found.latency.feed_ns and not found.latency.recorded_feed:
        print_text("The feed leg is not in the rows and is 0 in these settings; --feed sets it.")
    if out is None:
        print_text("Nothing was written; --out FILE.json writes the settings.")
    else:
        print_text(f"The settings: {out}.  Use them with: lobsim backtest --latency {out} ...")


def _model_cells(name: str, fit: Fit, chosen: bool) -> tuple[str, ...]:
    criteria = ["n/a" if value is None else f"{value:,.0f}" for value in (fit.aic, fit.bic)]
    return (f"{name}{' *' if chosen else ''}", *criteria, f"{fit.ks:.4f}")


def parameters_text(settings: dict[str, Any]) -> str:
    """Parameters of a model in one line; times in microseconds."""
    if "delays_ns" in settings:
        return f"{len(settings['delays_ns']):,} delays kept"
    said = []
    for name, value in settings.items():
        if name in ("model", "rho", "load_slope"):
            continue
        if isinstance(value, dict):
            said.append(parameters_text(value))
        elif name.endswith("_ns"):
            said.append(f"{name.removesuffix('_ns')} {_us(value)} us")
        else:
            said.append(f"{name.replace('_', ' ')} {value:.4g}")
    return ", ".join(said)


def _taken_words(leg: LegFit) -> str:
    """The model that is taken, bursts and load."""
    words = [f"Taken: {leg.chosen.replace('_', ' ')} ({parameters_text(leg.model.as_dict())})."]
    words.append("The delays do not differ." if leg.rho is None else f"rho {_estimate_words(leg.rho)}.")
    if leg.load is not None:
        words.append(f"Load slope {_estimate_words(leg.load)}.")
    return " ".join(words)


def _estimate_words(found: Estimate) -> str:
    doubt = "" if found.used else ": not told from 0, left out"
    return f"{found.value:.3f} +- {found.error:.3f}{doubt}"


def _us(value_ns: float) -> str:
    return f"{value_ns / 1000:,.3f}"
