"""``lobsim bench``: how fast the matching core is here, beside a reference, with every answer checked."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lobsim.cli.interrupt import nothing_to_clean_up
from lobsim.cli.output import JsonOption, print_facts, print_json, print_table, print_text, progress, say
from lobsim.errors import ConfigError
from lobsim.whole_files import whole_file

_EXIT_INVALID = 1
_STEPS = 11


class Suite(StrEnum):
    """What can be measured."""

    CORE = "core"


def bench(
    suite: Annotated[Suite, typer.Argument(help="What to measure.")] = Suite.CORE,
    yardstick: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the C reference and its streams.  [default: yardstick, in LOBSIM_SHARED]"
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Seconds instead of minutes; times then say little.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only this step (again for more): verbs, calls, flatness, ids, yardstick, ..."
        ),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Rounds of every comparison.  [default: 7; quick: 2]")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the JSON object there too.")] = None,
    histograms: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write HdrHistogram files (.hgrm) of the percentiles there.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the matching core; no time counts unless the answers match.

    The exit code is 1 if any answer was wrong.  What cannot be measured here
    is said so, with the reason.
    """
    if out is not None and not out.parent.is_dir():
        raise ConfigError(f"there is no folder {out.parent}", where="--out")
    if yardstick is not None and not yardstick.is_dir():
        raise ConfigError(f"there is no folder {yardstick}", where="--yardstick")
    result = _measure(quick, only or [], rounds, yardstick, histograms)
    if out is not None:
        _write(result, out)
    if as_json:
        print_json(result)
    else:
        _print(result)
    if result["invalid"]:
        for name, reason in result["invalid"].items():
            say(f"invalid: {name}: {reason}")
        raise typer.Exit(_EXIT_INVALID)


def _shared() -> Path | None:
    """The folder that LOBSIM_SHARED names (default: ../shared, from the project's folder), if there is one."""
    import lobsim

    root = Path(lobsim.__file__).resolve().parents[1]
    folder = root / os.environ.get("LOBSIM_SHARED", "../shared")
    return folder.resolve() if folder.is_dir() else None


def _measure(
    quick: bool, only: list[str], rounds: int | None, yardstick: Path | None, histograms: Path | None
) -> dict[str, Any]:
    with nothing_to_clean_up():
        from dataclasses import replace

        from lobsim.bench.suite import QUICK, Plan, Run, run_core
    plan = QUICK if quick else Plan()
    if rounds is not None:
        plan = replace(plan, rounds=rounds)
    shared = _shared()
    beside = None if shared is None else shared / "yardstick"
    run = Run(plan, yardstick or (beside if beside and beside.is_dir() else None), shared, histograms)
    with progress("measuring", _STEPS) as count:
        done = -1

        def tell(name: str) -> None:
            nonlocal done
            done += 1
            if count is not None:
                count(done)
                say(f"  {name}")

        return run_core(run, only, tell)


def _write(result: dict[str, Any], out: Path) -> None:
    """The JSON object as a file."""
    with whole_file(out) as partial:
        partial.write_text(json.dumps(result, allow_nan=False, indent=1) + "\n")


# tables


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table under a title that may be wider than it."""
    print_text(f"\n{title}")
    print_table("", headings, rows)


def _ns(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.1f}"


def _ratio(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"


def _print(result: dict[str, Any]) -> None:
    machine = result["machine"]
    print_facts(
        "Matching core",
        {
            "processor": f"{machine['processor']}, {machine['cores']} cores",
            "versions": f"python {machine['python']}, numba {machine['numba']}, numpy {machine['numpy']}",
            "load before": " ".join(map(str, machine["load_average"])) or "unknown",
            "compiling": f"{result['compile_s']} s, not in any figure below",
        },
    )
    _print_yardstick(result)
    _print_verbs(result)
    _print_calls(result)
    _print_bulk(result)
    _print_batches(result)
    _print_memory(result)
    _print_rest(result)


def _print_yardstick(result: dict[str, Any]) -> None:
    figures = result["yardstick"]
    if figures:
        rows = [
            (name, _ns(row.get("c_ns")), _ns(row["ns"]), _ratio(row.get("ratio")), _ratio(row.get("ratio_of_medians")))
            for name in result["vs_c"]
            if (row := figures[name])
        ]
        _table("Yardstick, ns per message", ("stream", "C", "lobsim", "ratio", "of medians"), rows)
        print_text(f"C reference: {figures['reference']}")
    if result["tapes"]:
        rows = [
            (name, f"{row['messages_per_s'] or 0:,}", _ns(row["ns_per_message"]), "yes" if row["digest_ok"] else "NO")
            for name, row in result["tapes"].items()
        ]
        _table("Consensus tapes", ("tape", "messages/s", "ns", "digest ok"), rows)


def _print_verbs(result: dict[str, Any]) -> None:
    rows = [
        (verb, f"{int(size):,}", *(_ns(row[name]) for name in ("p50", "p99", "p99.9")), _ns(row["timer_ns"]))
        for verb, sizes in (result["verbs"] or {}).items()
        for size, row in sizes.items()
    ]
    if rows:
        _table("One verb, ns per message over blocks of 64", ("verb", "resting", "p50", "p99", "p99.9", "timer"), rows)


def _print_calls(result: dict[str, Any]) -> None:
    rows = [
        (name, _ns(row["interval_ns"]), *(_ns(row["latency_ns"][key]) for key in ("p50", "p99", "p99.9", "max")))
        for name, row in (result["calls"] or {}).items()
    ]
    if rows:
        _table("One call per message from Python, open loop, ns", ("call", "every", "p50", "p99", "p99.9", "max"), rows)


def _print_bulk(result: dict[str, Any]) -> None:
    flatness = result["flatness"]
    if flatness:
        rows = [
            (f"{int(size):,}", _ns(row["min"]), _ns(row["median"])) for size, row in flatness["ns_per_message"].items()
        ]
        _table("The mix over the size of the book, ns per message", ("resting", "min", "median"), rows)
    rows = [
        (f"{int(size):,}", _ns(row["dense_ns"]), _ns(row["arbitrary_ns"]), _ratio(row["ratio"]))
        for size, row in (result["ids_arbitrary_over_dense"] or {}).items()
    ]
    if rows:
        _table("Ids, ns per message", ("resting", "dense", "arbitrary", "ratio"), rows)


def _print_batches(result: dict[str, Any]) -> None:
    figures = result["batches"]
    if not figures:
        return
    for title, key, of in (
        ("Batches, ns per message by messages per visit", "ns_by_books_and_messages_per_visit", figures),
        (
            "1,024 books by resting orders, ns per message",
            "ns_by_resting_and_messages_per_visit",
            figures["book_sizes"],
        ),
    ):
        grid = of[key]
        visits = list(next(iter(grid.values())))
        rows = [(f"{int(name):,}", *(_ns(row[visit]) for visit in visits)) for name, row in grid.items()]
        _table(title, ("books" if of is figures else "resting", *visits), rows)


def _print_memory(result: dict[str, Any]) -> None:
    sizes, times = result["bytes_per_book"], result["snapshots"]
    if sizes and times:
        rows = [
            (f"{int(name):,}", f"{row['bytes']:,}", _ns(times[name]["snapshot_us"]), _ns(times[name]["restore_us"]))
            for name, row in sizes.items()
        ]
        _table("Memory", ("resting", "bytes", "snapshot us", "restore us"), rows)


def _print_rest(result: dict[str, Any]) -> None:
    facts = {
        "10^6 over 10^3 orders": _ratio(result["flatness_1e6_over_1e3"]),
        "1,024 books over one": _ratio(result["batch_1024_over_1"]),
        "warm start": f"{_ratio(result['warm_start_s'])} s",
    }
    if result["cores"]:
        facts["two threads over one"] = _ratio(result["cores"]["two_over_one"])
        facts["the same, busy machine"] = _ratio(result["cores"]["busy_two_over_one"])
    if result["start"] and result["start"]["cold_s"] is not None:
        facts["cold start"] = f"{_ratio(result['start']['cold_s'])} s"
    facts |= {f"not measured: {name}": reason for name, reason in result["not_measured"].items()}
    facts |= {f"noisy: {name}": "minima and medians differ by more than 15 %" for name in result["noisy"]}
    print_facts("In short", facts)
