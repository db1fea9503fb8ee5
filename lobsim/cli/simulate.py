"""``lobsim simulate``: a day of a simulated market, kept as the same tables as a recorded one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lobsim.cli.data_source import open_dataset
from lobsim.cli.output import JsonOption, Stopwatch, print_facts, print_json, progress
from lobsim.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from lobsim.feeds.schema import Dataset
    from lobsim.simulation import Simulation
    from lobsim.simulation.market import SimulationRun

_ORDERS, _LEVELS = "orders", "levels"


def simulate(
    preset: Annotated[
        str | None, typer.Argument(metavar="PRESET", help="The name of a preset, or a TOML file; see --list.")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--duration", help="How long the session lasts: 6h30m; default: the preset's own.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another day of the same market.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help=f"Folder for two stores: {_ORDERS} (L3) and {_LEVELS} (L2); and metaorders.parquet."
        ),
    ] = None,
    tape: Annotated[
        str | None,
        typer.Option("--tape", metavar="DATASET", help="A recorded day of orders (L3) that goes on in the same book."),
    ] = None,
    list_presets: Annotated[bool, typer.Option("--list", help="Name the presets that come with lobsim.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Simulate a market: background agents and order flow in one matching core.

    With --out the day is kept as events of orders and as their projection
    to levels, ready for replay, backtest, doctor and realism:

    lobsim simulate zi --duration 10m --seed 7 --out days

    lobsim backtest --data days/orders --side buy --size 500 --duration 5m

    With --tape the agents trade among the orders of a recorded day, which
    are hit and taken as history meets own orders:

    lobsim simulate zi --tape sample --duration 10m --seed 7 --out days

    The same preset, duration, seed and tape give the same digest. What is counted
    as a message: an order or cancel that reaches the venue, an answer that
    travels to an agent, a turn of an agent that wakes by itself.
    """
    from lobsim.clock import duration_ns
    from lobsim.simulation import Simulation, load_preset
    from lobsim.simulation.market import metaorder_table

    if list_presets:
        _print_presets(as_json)
        return
    if preset is None:
        raise ConfigError("no preset is named", hint="lobsim simulate --list names them")
    length_ns = None if duration is None else duration_ns(duration, "--duration")
    chosen = load_preset(preset)
    recorded = None if tape is None else open_dataset(tape)
    with progress("compiling", None):
        simulation = Simulation(chosen, seed, duration_ns=length_ns, tape=recorded)
        run = simulation.start()
    run.record()
    info = simulation.info
    clock = Stopwatch()
    with progress(f"simulating {simulation.preset.name}", info.session_end_ns - info.session_start_ns) as show:
        tell = None if show is None else lambda now_ns: show(now_ns - info.session_start_ns)
        run.advance(info.session_end_ns, tell)
    seconds = clock.seconds
    dataset = simulation.dataset_of(run)
    kept = {} if out is None else _keep(dataset, metaorder_table(run.take_metaorders()), out)
    result = _as_json(simulation, run, dataset, seconds) | kept
    if as_json:
        print_json(result)
    else:
        _print(simulation, result)


def _keep(dataset: Dataset, metaorders: pl.DataFrame, out: Path) -> dict[str, Any]:
    """Write both stores, and the metaorders if any were done.  Returns what to say of them."""
    from lobsim.feeds.manifest import write_manifest
    from lobsim.feeds.store import save
    from lobsim.projection import to_levels
    from lobsim.realism.metaorder_files import FILE_NAME, write_metaorders

    with progress("writing", None):
        levels = to_levels(dataset)
        kept = {}
        for name, day in ((_ORDERS, dataset), (_LEVELS, levels)):
            kept[name] = str(save(day, out / name))
            write_manifest(out / name)
        if len(metaorders):
            kept["metaorders"] = str(write_metaorders(metaorders, out, (dataset.digest, levels.digest)))
        else:
            (out / FILE_NAME).unlink(missing_ok=True)  # an earlier day's
    return kept | {"levels_rows": len(levels.events), "levels_digest": levels.digest}


def _as_json(simulation: Simulation, run: SimulationRun, dataset: Dataset, seconds: float) -> dict[str, Any]:
    counts = run.counts
    return {
        "preset": simulation.preset.name,
        "preset_digest": simulation.preset.digest,
        "seed": simulation.seed,
        "tape": None if simulation.tape is None else simulation.tape.market.dataset.digest,
        "symbol": dataset.info.symbol,
        "date": dataset.info.date,
        "simulated_s": (dataset.info.session_end_ns - dataset.info.session_start_ns) / 1e9,
        "seconds": seconds,
        "messages": counts.messages,
        "messages_per_s": round(counts.messages / seconds) if seconds > 0 else 0,
        "requests": counts.requests,
        "rejected": counts.rejected,
        "answers": counts.answers,
        "wakes": counts.wakes,
        "trades": counts.trades,
        "traded_lots": counts.traded_lots,
        "rows": len(dataset.events),
        "digest": dataset.digest,
    }


def _print(simulation: Simulation, result: dict[str, Any]) -> None:
    from lobsim.clock import time_text

    info = simulation.info
    until = time_text(info.session_end_ns, info)
    facts = {
        "session": f"{info.date} {time_text(info.session_start_ns, info)} to {until}, seed {result['seed']}",
        "messages": f"{result['messages']:,} ({result['messages_per_s']:,} a second)",
        "requests": f"{result['requests']:,} ({result['rejected']:,} refused)",
        "answers, turns": f"{result['answers']:,}, {result['wakes']:,}",
        "trades": f"{result['trades']:,} of {result['traded_lots']:,} lots",
        "rows": f"{result['rows']:,}",
        "seconds": f"{result['seconds']:.2f}",
        "digest": result["digest"],
    }
    facts |= {name: result[name] for name in (_ORDERS, _LEVELS, "metaorders") if name in result}
    print_facts(f"{simulation.preset.name}: {simulation.preset.about}", facts)


def _print_presets(as_json: bool) -> None:
    from lobsim.simulation import load_preset, preset_names

    about = {name: load_preset(name).about for name in preset_names()}
    if as_json:
        print_json({"presets": about})
    else:
        print_facts("presets", about)
