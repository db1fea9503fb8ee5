"""``lobsim calibrate``: the group of commands that fit a model to recordings, and ``calibrate queue``.

Each further command has a module of its own and is one line at the end of this one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lobsim.cli.calibrate_flow import flow
from lobsim.cli.calibrate_latency import latency
from lobsim.cli.compiling import compile_replay
from lobsim.cli.data_source import (
    BookOption,
    DatasetArgument,
    DateOption,
    SeedBookOption,
    SymbolOption,
    open_dataset,
)
from lobsim.cli.output import JsonOption, Stopwatch, print_json, print_table, print_text, progress

if TYPE_CHECKING:
    from lobsim.calibration.queue import ModelScore, QueueCalibration
    from lobsim.calibration.scores import QueueError
    from lobsim.feeds.schema import Dataset

calibrate = typer.Typer(no_args_is_help=True, help="Fit models to recordings and judge them on the rest.")

_SHOWN_HORIZON_S = 60


def queue(
    file: DatasetArgument,
    orders: Annotated[int, typer.Option("--orders", metavar="N", min=2, help="How many orders to follow.")] = 600,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draw.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Keep it as FILE.json, for backtest --queue FILE.json.")
    ] = None,
    seed_book: SeedBookOption = None,
    book: BookOption = None,
    symbol: SymbolOption = None,
    date: DateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the queue models for level data by the truth of order data.

    Identities are deleted, so that levels and trades are left, as a level feed
    of the same venue would show them. Recorded orders are then followed as
    shadow orders, one at a time, through that feed under every queue model,
    and held against what the order by order data says of them.

    Exponents are fitted on the first half of the orders, and the model is
    chosen there; every figure is of the second half, but "fitted".
    """
    with progress(f"reading {file}", None):
        dataset = open_dataset(file, book=book, seed_book=seed_book, symbol=symbol, date=date)
    compile_replay(dataset)
    from lobsim.calibration.queue import calibrate_queue
    from lobsim.calibration.stored import write_queue_calibration

    clock = Stopwatch()
    with progress("following orders", orders) as count:
        found = calibrate_queue(dataset, orders, seed, progress=count)
    content = _labels(dataset) | {"seed": seed} | found.as_json()
    if out is not None:
        write_queue_calibration(out, content)
    if as_json:
        print_json(content | {"seconds": clock.seconds})
    else:
        _print_report(dataset, found, clock.seconds)


def _labels(dataset: Dataset) -> dict[str, Any]:
    info = dataset.info
    return {"symbol": info.symbol, "date": info.date, "fidelity": info.fidelity.name, "digest": dataset.digest}


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.0f}"


def _print_report(dataset: Dataset, found: QueueCalibration, seconds: float) -> None:
    title = f"{dataset.info.symbol} {dataset.info.date}, quantity ahead of an order, error in % of the mean queue"
    rows = [_error_row(score, str(found.chosen)) for score in found.scores if score.judged]
    print_table(title, ("model", "fitted", "judged", "bias", *(str(part + 1) for part in range(10))), rows)
    print_text(
        f"\nMean absolute error where fitted and where judged, bias (below 0: too optimistic), and bias by tenth of the true position,"
        f" front to back. {found.orders[0]} orders fitted, {found.orders[1]} judged, {found.left_out} left out because"
        f" others moved their place in the instant they came; {found.looks:,} looks at a mean queue of {found.queue_mean:,.1f} lots,"
        f" the mean order has {found.order_mean:,.1f}."
        f" {seconds:.1f} s.\n"
    )
    rows = [_fill_row(score) for score in found.scores]
    horizons = [f"{forecast.horizon_s} s" for forecast in found.scores[-1].forecasts]
    print_table(
        "Fills, and the Brier score of filled within", ("model", "true", "model's", "both", "late s", *horizons), rows
    )
    _print_reliability(found)
    print_text(f"\nChosen: {found.chosen}.")


def _error_row(score: ModelScore, chosen: str) -> tuple[str, ...]:
    def size(error: QueueError | None) -> str:
        return f"{error.mean_absolute_percent:.2f}" if error else "-"

    name = f"{score.name} *" if score.name == chosen else score.name
    bias = _signed(score.judged.bias_percent if score.judged else None)
    deciles = (_signed(part.bias_percent if part else None) for part in score.deciles)
    return (name, size(score.fitted), size(score.judged), bias, *deciles)


def _fill_row(score: ModelScore) -> tuple[str, ...]:
    fills = score.fills
    counts = ("-",) * 4
    if fills:
        late = "-" if fills.mean_absolute_error_s is None else f"{fills.mean_absolute_error_s:.2f}"
        counts = (str(fills.truly), str(fills.model), str(fills.both), late)
    return (score.name, *counts, *(f"{forecast.brier:.4f}" for forecast in score.forecasts))


def _print_reliability(found: QueueCalibration) -> None:
    """The curve of the mix, which has more than two points."""
    curves = [each for each in found.scores[-1].forecasts if each.horizon_s == _SHOWN_HORIZON_S]
    for curve in curves:
        never = ", ".join(f"{each.never_brier:.4f}" for each in found.scores[-1].forecasts)
        print_text(f'\n"Never" would score {never}.\n')
        rows = [
            (f"{point.forecast:.3f}", str(point.orders), f"{point.filled_share:.3f}") for point in curve.reliability
        ]
        print_table(
            f"Reliability of the mean of all models, filled within {curve.horizon_s} s",
            ("forecast", "orders", "truly filled"),
            rows,
        )


calibrate.command("queue")(queue)
calibrate.command("latency")(latency)
calibrate.command("flow")(flow)
