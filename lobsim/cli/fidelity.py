"""``lobsim fidelity``: recorded orders taken out and put in again as own orders; does the same happen to them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lobsim.cli.compiling import compile_replay
from lobsim.cli.data_source import (
    BookOption,
    DatasetArgument,
    DateOption,
    SeedBookOption,
    SymbolOption,
    TruthOption,
    open_dataset,
)
from lobsim.cli.output import JsonOption, Stopwatch, print_json, print_table, print_text, progress

if TYPE_CHECKING:
    from lobsim.calibration.consistency import Consistency
    from lobsim.feeds.schema import Dataset

_SHOWN_MISSES = 12


def fidelity(
    file: DatasetArgument,
    sample: Annotated[int, typer.Option("--sample", metavar="N", min=1, help="How many orders to put in.")] = 3000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draw.")] = 0,
    truth: TruthOption = None,
    seed_book: SeedBookOption = None,
    book: BookOption = None,
    symbol: SymbolOption = None,
    date: DateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take recorded orders out one at a time, put each in again as ours.

    The order enters at the row of the recorded one, follows its changes, and
    is taken back when that was cancelled. It is exact if as many lots were
    filled as in history, in time if each also in the same instant.

    The tape's own ceiling is the share of its executions that hit the oldest
    order at their price. Where it is below 1 the venue, or the recording, did
    not go by price and time alone.

    Rows count from 1.
    """
    with progress(f"reading {file}", None):
        dataset = open_dataset(file, book=book, seed_book=seed_book, truth=truth, symbol=symbol, date=date)
    compile_replay(dataset)
    from lobsim.calibration.consistency import measure_consistency
    from lobsim.market import Market

    market = Market(dataset)
    clock = Stopwatch()
    with progress("putting orders in", sample) as count:
        found = measure_consistency(market, sample, seed, progress=count)
    if as_json:
        print_json(_labels(dataset) | {"seed": seed, "seconds": clock.seconds} | found.as_json())
    else:
        _print_report(dataset, found, clock.seconds)


def _labels(dataset: Dataset) -> dict[str, Any]:
    info = dataset.info
    return {
        "symbol": info.symbol,
        "date": info.date,
        "fidelity": info.fidelity.name,
        "digest": dataset.digest,
    }


def _percent(part: float | None, whole: float = 1) -> str:
    return "-" if part is None or not whole else f"{100 * part / whole:.2f} %"


def _print_report(dataset: Dataset, found: Consistency, seconds: float) -> None:
    from lobsim.calibration.stories import Stratum

    filled = (
        found.total("sampled", filled=True),
        found.total("exact", filled=True),
        found.total("in_time", filled=True),
    )
    rows = [
        (
            stratum.name.lower(),
            f"{count.population:,}",
            f"{count.sampled:,}",
            f"{count.exact:,}",
            _percent(count.exact, count.sampled),
            _percent(count.in_time, count.sampled),
        )
        for stratum, count in found.strata.items()
    ]
    population = found.total("population") - found.strata[Stratum.NEVER].population
    rows.append(
        (
            "all filled",
            f"{population:,}",
            f"{filled[0]:,}",
            f"{filled[1]:,}",
            _percent(filled[1], filled[0]),
            _percent(filled[2], filled[0]),
        )
    )
    title = f"{dataset.info.symbol} {dataset.info.date}, recorded orders put in again"
    print_table(title, ("truly filled", "orders", "sampled", "exact", "share", "in time"), rows)
    print_text(
        f"\nOf the recorded executions {_percent(found.oldest_first_share)} hit the oldest order at their price. Over all"
        f' orders {_percent(found.share_of_all("exact"))} are exact; "never filled" is right for {_percent(found.never_share)}.'
        f" {seconds:.1f} s.\n"
    )
    _print_sizes(found)
    _print_misses(found)


def _print_sizes(found: Consistency) -> None:
    rows = [
        (
            f"{multiple}x",
            f"{count.lots:,}",
            _percent(count.filled_lots, count.lots),
            f"{count.filled_lots / count.history_lots:.2f}" if count.history_lots else "-",
            f"{count.never:,}",
            f"{count.partly:,}",
            f"{count.fully:,}",
        )
        for multiple, count in found.sizes.items()
    ]
    print_table(
        "Larger orders, resting up to 60 s after the recorded one was full",
        ("size", "lots", "filled", "history x", "never", "partly", "fully"),
        rows,
    )


def _print_misses(found: Consistency) -> None:
    """Causes, and the first misses."""
    print_text("")
    if not found.misses:
        print_text("No sample missed.")
        return
    quantity, time = found.causes(exact=False), found.causes(exact=True)
    present = list({**quantity, **time})
    rows = [(cause.name.lower(), str(quantity.get(cause, 0)), str(time.get(cause, 0))) for cause in present]
    print_table("Misses by cause", ("what came first", "quantity", "time only"), rows)
    for cause in present:
        print_text(f"{cause.name.lower()}: {cause}")
    print_text("")
    shown = [miss for miss in found.misses if not miss.exact][:_SHOWN_MISSES]
    rows = [
        (
            f"{miss.row:,}",
            str(miss.order_id),
            f"{miss.filled_lots:,}",
            f"{miss.own_filled_lots:,}" if miss.own_filled_lots >= 0 else "refused",
            miss.cause.name.lower(),
        )
        for miss in shown
    ]
    if rows:
        print_table("First misses", ("row", "order", "filled", "ours", "cause"), rows, left=("cause",))
