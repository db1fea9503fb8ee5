"""``lobsim doctor``: what is wrong with a data set and what can be done about it; without a data set, how the installation is."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lobsim.cli.data_source import DateOption, SymbolOption, is_stored, open_dataset
from lobsim.cli.output import JsonOption, print_facts, print_json, print_table, print_text, progress
from lobsim.errors import ConfigError, DataError

if TYPE_CHECKING:
    from lobsim.feeds.findings import Finding, Report
    from lobsim.feeds.repair import Entry, Step
    from lobsim.feeds.schema import Dataset

RepairOption = Annotated[
    list[str] | None,
    typer.Option(
        "--repair",
        metavar="NAME",
        help="Make a repair, several in the order given: clock-offset[:base_ns=N,window_s=N], event-order, "
        "lift-exchange-time, drop-duplicates, drop-stale[:after_ns=N], mark-gaps.",
    ),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="With --repair: the store that gets the repaired days; never the same one.")
]
_COLOURS = ("dim", "yellow", "bold red")


@dataclass(frozen=True)
class _Source:
    """One day that is looked at: a folder of a store, or a data set in memory."""

    label: str
    folder: Path | None
    dataset: Dataset | None


def doctor(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATASET]...", help="Stores, days of a store, LOBSTER files, or the word sample."),
    ] = None,
    repairs: RepairOption = None,
    out: OutOption = None,
    symbol: SymbolOption = None,
    date: DateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is wrong with recorded days, and repair it into a new store.

    Every finding comes with how often it was found, its first row (rows
    count from 1), how bad it is, and the repair there is for it, or why
    there is none. What is found is the result: the exit code is 0.

    Without a data set: versions, the folder of compiled code, threads, the
    speed of matrix products, and where the shared recordings are.
    """
    if not files:
        _refuse_without_data(repairs, out)
        _report_installation(as_json)
        return
    if out is not None and not repairs:
        raise ConfigError("--out is for repaired days", hint="name a repair with --repair")
    if repairs and out is None:
        raise ConfigError("a repair needs a store for its days: the original is never changed", hint="give --out STORE")
    from lobsim.feeds.repair import parse_steps

    steps = parse_steps(repairs or [])
    sources = [source for file in files for source in _sources(file, symbol, date)]
    if out is not None:
        _refuse_same_store(sources, out)
    if as_json:
        print_json({"datasets": [_as_json(source, steps, out) for source in sources]})
        return
    for number, source in enumerate(sources):
        if number:
            print_text("")
        _show(source, steps, out)


def _refuse_without_data(repairs: list[str] | None, out: Path | None) -> None:
    if repairs or out is not None:
        raise ConfigError("there is nothing to repair", hint="name a data set")


def _report_installation(as_json: bool) -> None:
    from lobsim.cli.installation import in_words, installation

    found = installation()
    if as_json:
        print_json(found)
    else:
        print_facts("lobsim on this machine", in_words(found))


def _sources(file: str, symbol: str | None, date: str | None) -> list[_Source]:
    """The days that a word on the command line names: all of a store, or those of a symbol or date."""
    path = Path(file)
    if not is_stored(path):
        return [_Source(file, None, open_dataset(file, symbol=symbol, date=date))]
    from lobsim.feeds.store import EVENTS, list_partitions

    folder = path.parent if path.name == EVENTS else path
    if (folder / EVENTS).exists():
        return [_Source(file, folder, None)]
    held = list_partitions(folder)
    wanted = [day for day in held if symbol in (None, day.symbol) and date in (None, day.date)]
    if not wanted:
        hint = (
            "import something into it"
            if not held
            else f"it holds {', '.join(f'{d.symbol} {d.date}' for d in held[:5])}"
        )
        raise DataError("it holds no such day", file=file, hint=hint)
    return [_Source(str(day.path), day.path, None) for day in wanted]


def _refuse_same_store(sources: list[_Source], out: Path) -> None:
    """A repaired day must not take the place of the day it was made from."""
    for source in sources:
        if source.folder is not None and source.folder.resolve().is_relative_to(out.resolve()):
            raise ConfigError("the original would be replaced", where=str(out), hint="give another store with --out")


def _look(source: _Source) -> Report:
    """What the doctor says of a day."""
    from lobsim.feeds.doctor import examine
    from lobsim.feeds.store import read_info

    data = source.dataset if source.folder is None else source.folder
    assert data is not None
    total = len(source.dataset.events) if source.dataset is not None else read_info(str(data)).n_events
    with progress(f"looking at {Path(source.label).name}", total) as count:
        return examine(data, count)


def _repair(source: _Source, steps: list[Step], out: Path) -> tuple[_Source, list[Entry], str]:
    """Write the repaired day; where it lies, the log, and its digest."""
    from lobsim.feeds.manifest import write_manifest
    from lobsim.feeds.repair import repair
    from lobsim.feeds.store import load, save

    with progress(f"repairing {Path(source.label).name}", None):
        dataset = source.dataset if source.folder is None else load(source.folder)
        assert dataset is not None
        repaired, log = repair(dataset, steps)
        folder = save(repaired, out)
        write_manifest(out)
    return _Source(str(folder), folder, None), log, repaired.digest


def _as_json(source: _Source, steps: list[Step], out: Path | None) -> dict[str, Any]:
    """One day for programs."""
    found = {"data": source.label} | _look(source).to_json()
    if out is None:
        return found
    after, log, digest = _repair(source, steps, out)
    repaired = {"log": [entry.to_json() for entry in log], "folder": after.label, "digest": digest}
    return found | {"repaired": repaired | _look(after).to_json()}


def _show(source: _Source, steps: list[Step], out: Path | None) -> None:
    """One day for people."""
    report = _look(source)
    _print_report(source, report)
    if out is None:
        offered = list(dict.fromkeys(each.repair for each in report.findings if each.repair))
        if offered:
            words = [word for name in offered for word in ("--repair", name)]
            print_text(f"\nTry next: {shlex.join(['lobsim', 'doctor', source.label, *words, '--out', 'REPAIRED'])}")
        return
    after, log, digest = _repair(source, steps, out)
    print_text("")
    print_facts("repaired", {"folder": after.label, "digest": digest})
    for entry in log:
        print_text(f"  {entry.note}")
    print_text("")
    _print_report(after, _look(after))


def _print_report(source: _Source, report: Report) -> None:
    """Title, table of findings, what each means, and what was looked for in vain."""
    print_facts(
        f"{report.info.symbol} {report.info.date}: {report.grade}",
        {"data": source.label, "rows": f"{report.rows:,}", "source": report.info.source},
    )
    if not report.findings:
        print_text("\nNothing was found.")
    else:
        print_text("")
        headings = ("finding", "severity", "count", "first row", "repair")
        print_table("", headings, [_cells(finding) for finding in report.findings], left=("severity", "repair"))
        print_text("")
    for finding in report.findings:
        print_text(_in_words(finding))
    if report.clean:
        print_text(f"\nLooked for and not found: {', '.join(report.clean)}.")
    for reason in dict.fromkeys(report.unjudged.values()):
        names = [name for name, why in report.unjudged.items() if why == reason]
        print_text(f"Not judged: {', '.join(names)} ({reason}).")


def _cells(finding: Finding) -> list[Any]:
    """A row of the table."""
    from rich.text import Text

    first = finding.first
    return [
        Text(finding.name, _COLOURS[finding.severity]),
        Text(finding.severity.name.lower(), _COLOURS[finding.severity]),
        f"{finding.count:,}",
        "" if first is None else f"{first.row:,}",
        Text(finding.repair or "", "cyan"),
    ]


def _in_words(finding: Finding) -> str:
    """What a finding means, its figures, its first row, and why there is no repair."""
    said = [f"{finding.name}: {finding.what}."]
    figures = [
        f"{name.removesuffix('_ns').replace('_', ' ')}: {_figure(name, value)}" for name, value in finding.facts.items()
    ]
    said += [f"{'; '.join(figures).capitalize()}."] if figures else []
    if finding.note:
        said.append(f"{finding.note}.")
    if finding.first is not None:
        said.append(f"First in row {finding.first.row:,} at {finding.first.time}: {finding.first.what}.")
    if finding.why_not and finding.severity:
        said.append(f"No repair: {finding.why_not}.")
    return " ".join(said)


def _figure(name: str, value: int) -> str:
    """A number with its unit."""
    return f"{value / 1e6:,.3f} ms" if name.endswith("_ns") else f"{value:,}"
