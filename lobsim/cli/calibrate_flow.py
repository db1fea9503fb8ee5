"""``lobsim calibrate flow``: a model of order flow fitted to recorded days, as a preset for ``lobsim simulate``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lobsim.cli.compiling import compile_replay
from lobsim.cli.data_source import BookOption, DateOption, SeedBookOption, SymbolOption, open_dataset
from lobsim.cli.output import JsonOption, Stopwatch, print_facts, print_json, print_table, print_text, progress
from lobsim.errors import ConfigError

if TYPE_CHECKING:
    from lobsim.calibration.flow.calibrate import Calibration, HeldOut
    from lobsim.calibration.flow.estimates import Estimate
    from lobsim.feeds.schema import Dataset
    from lobsim.realism.facts.catalogue import Finding

_NOTHING = "-"
_MOST_ROWS = 40
_NEGLIGIBLE = 2.0
"""Kernels within so many errors of 0 are left out of the printed table."""


def flow(
    files: Annotated[list[str], typer.Argument(metavar="DATASET...", help="One or several recorded days.")],
    model: Annotated[
        str, typer.Option("--model", help="zi, cst, qr (large ticks) or hawkes12: the presets of these names.")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The preset to write: FILE.toml.")] = None,
    drop: Annotated[
        str | None,
        typer.Option(
            "--drop",
            help="Leave out so much at either end of a day, 0: nothing. Default 15m, an eighth of a short day; hawkes12: 0.",
        ),
    ] = None,
    check: Annotated[
        str | None,
        typer.Option("--check", metavar="1h", help="Simulate so long and print the facts that no fit has used."),
    ] = None,
    central: Annotated[
        str,
        typer.Option("--central", metavar="LOW,HIGH", help="Of model zi: count placements between these quantiles."),
    ] = "0.01,0.99",
    queues: Annotated[int, typer.Option("--queues", min=2, max=10, help="Of model qr, a side.")] = 3,
    decays: Annotated[
        str | None, typer.Option("--decays", metavar="1500,100,5,0.2", help="Of model hawkes12, per second.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of theta_reinit and of --check.")] = 0,
    book: BookOption = None,
    seed_book: SeedBookOption = None,
    symbol: SymbolOption = None,
    date: DateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a model of order flow to recorded days and keep it as a preset.

    lobsim calibrate flow store --model cst --out mine.toml --check 1h

    lobsim simulate mine.toml

    Orders (L3) are best; of levels with trades (L2) arrivals and cancels are
    inferred. The kurtosis of returns, the memory of signs, the response to
    market orders and what order flow explains are used by no fit.
    """
    from lobsim.calibration.flow.calibrate import MODELS, calibrate_flow, check_held_out
    from lobsim.calibration.flow.preset_file import check_name

    if model not in MODELS:
        raise ConfigError(f"there is no model {model!r}", where="--model", hint=f"take one of {', '.join(MODELS)}")
    if out is not None:
        check_name(out)
    settings = _settings(model, drop, decays)
    quantiles = _central(central)
    check_ns = None if check is None else _duration(check, "--check")
    datasets = [_open(file, len(files), book, seed_book, symbol, date) for file in files]
    compile_replay(datasets[0])
    clock = Stopwatch()
    with progress(f"fitting {model}", None):
        found = calibrate_flow(datasets, model, central=quantiles, queues=queues, seed=seed, **settings)
    if out is not None:
        found.write(out)
    with progress("simulating", None):
        held_out = [] if check_ns is None else check_held_out(found, check_ns, seed)
    if as_json:
        _print_json(found, out, check_ns, held_out, seed, clock.seconds)
        return
    _print(found, out, clock.seconds)
    if check is not None:
        _print_check(held_out, check, seed)


def _print_json(
    found: Calibration, out: Path | None, check_ns: int | None, held_out: list[HeldOut], seed: int, seconds: float
) -> None:
    content = found.as_json() | {"out": None if out is None else str(out), "seed": seed}
    if check_ns is not None:
        content["check"] = {"simulated_s": check_ns / 1e9, "facts": [each.as_json() for each in held_out]}
    print_json(content | {"seconds": seconds})


def _open(
    file: str, count: int, book: Path | None, seed_book: Path | None, symbol: str | None, date: str | None
) -> Dataset:
    if count > 1 and (book is not None or seed_book is not None):
        raise ConfigError(
            "--book and --seed-book belong to one file", hint="import the days first, then name the stores"
        )
    with progress(f"reading {file}", None):
        return open_dataset(file, book=book, seed_book=seed_book, symbol=symbol, date=date)


def _duration(text: str, where: str) -> int:
    from lobsim.clock import duration_ns

    return duration_ns(text, where)


def _settings(model: str, drop: str | None, decays: str | None) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if drop is not None:
        settings["drop_ns"] = 0 if drop.strip() in ("0", "0s") else _duration(drop, "--drop")
    if decays is not None:
        if model != "hawkes12":
            raise ConfigError(f"model {model} has no decays", where="--decays", hint="leave it out")
        settings["decays"] = _decays(decays)
    return settings


def _central(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 1.0, 0.0
    if not 0 <= low < high <= 1:
        raise ConfigError(f"{text!r} are no two quantiles", where="--central", hint="write LOW,HIGH like 0.01,0.99")
    return low, high


def _decays(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < value < math.inf for value in found) or len(set(found)) < len(found):
        raise ConfigError(f"{text!r} are no decays", where="--decays", hint="write rates per second like 1500,100")
    return found


def _print(found: Calibration, out: Path | None, seconds: float) -> None:
    content = found.as_json()
    days = [f"{each['symbol']} {each['date']}" for each in content["recordings"]]
    events = sum(each["events"] for each in content["recordings"])
    facts = {
        "data": f"{', '.join(days)}, {content['recordings'][0]['fidelity']}",
        "used": f"{content['seconds_used']:,.0f} s, {events:,} events",
        "book": f"{found.agreement:.2%} of the time the events add up to its best sizes",
    }
    print_facts(f"{found.model}: fitted in {seconds:.1f} s", facts | {f"not used: {k}": v for k, v in found.left_out.items()})  # fmt: skip
    print_text("")
    shown, hidden = _worth_showing(found)
    rows = [
        (each.name, f"{each.value:,.5g}", _error(each), f"{each.count:,}" if each.count >= 0 else _NOTHING, each.unit)
        for each in shown
    ]
    print_table("Estimates", ("parameter", "value", "error", "events", "unit"), rows, left=("unit",))
    if hidden:
        print_text(f"{hidden} more are in the --json answer{' and the preset' if out is not None else ''}.")
    _print_time_of_day(found.fitted.family.get("time_of_day", {}))
    if found.fitted.diagnostics:
        print_text("")
        print_facts("The fit", {name.replace("_", " "): f"{value:.4g}" for name, value in found.fitted.diagnostics.items()})  # fmt: skip
    for note in found.fitted.notes:
        print_text(note)
    print_text("")
    if out is None:
        print_text("Nothing was written; --out FILE.toml writes the preset.")
    else:
        print_text(f"The preset: {out}.  Simulate it with: lobsim simulate {out}")


def _error(each: Estimate) -> str:
    return f"{each.error:,.2g}" if math.isfinite(each.error) else _NOTHING


def _worth_showing(found: Calibration) -> tuple[list[Estimate], int]:
    """The estimates that a table has room for: of kernels those that are told from 0, of long tables the first; time of day has a table of its own."""
    from lobsim.calibration.flow.hawkes import TIME_OF_DAY

    every = [each for each in found.fitted.estimates if not each.name.startswith(TIME_OF_DAY)]
    told = [
        each
        for each in every
        if " -> " not in each.name or not math.isfinite(each.error) or abs(each.value) > _NEGLIGIBLE * each.error
    ]
    limit = _MOST_ROWS if found.model in ("cst", "qr") else len(told)
    shown = told[:limit] + [each for each in told[limit:] if not any(c.isdigit() for c in each.name)]
    return shown, len(every) - len(shown)


def _print_time_of_day(times: dict[str, list[float]]) -> None:
    """Multipliers by half hour, a column for each type."""
    if not times:
        return
    rows = [
        (str(place + 1), *(f"{value:.2f}" for value in half))
        for place, half in enumerate(zip(*times.values(), strict=True))
    ]
    print_text("")
    print_table("Time of day: multipliers of base by half hour", ("half hour", *times), rows)


def _print_check(facts: list[HeldOut], duration: str, seed: int) -> None:
    rows = []
    for each in facts:
        for name, bound in each.recorded.fact.band.items():
            cells = [*_cells(each.recorded, name), *_cells(each.simulated, name)]
            rows.append((each.recorded.fact.key, name.replace("_", " "), str(bound), *cells))
    print_text("")
    print_table(
        f"Held out of the fit: recorded, and {duration} simulated with seed {seed}",
        ("fact", "value", "band", "recorded", "verdict", "simulated", "verdict "),
        rows,
        left=("value", "band", "verdict", "verdict "),
    )
    for each in facts:
        print_text(f"{each.recorded.fact.key}: {each.recorded.fact.name}.")
        for side, finding in (("recorded", each.recorded), ("simulated", each.simulated)):
            if finding.measured is None:
                print_text(f"{finding.fact.key}, {side}: {finding.note}.")


def _cells(finding: Finding, name: str) -> tuple[str, str]:
    """A value of a fact, and the verdict on the fact."""
    verdict = _NOTHING if finding.verdict is None else finding.verdict.value
    value = math.nan if finding.measured is None else finding.measured.values.get(name, math.nan)
    return f"{value:.2f}" if math.isfinite(value) else _NOTHING, verdict
