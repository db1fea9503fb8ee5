"""``lobsim import``: vendor files in, checked days of a store out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lobsim.cli.data_source import (
    BookOption,
    DateOption,
    SeedBookOption,
    SymbolOption,
    TruthOption,
    is_lobster,
    is_stored,
    open_dataset,
    refuse_options,
)
from lobsim.cli.output import JsonOption, Stopwatch, print_facts, print_json, print_text, progress
from lobsim.errors import ConfigError, DataError

if TYPE_CHECKING:
    from lobsim.feeds.importing import Plan
    from lobsim.feeds.writer import Written

VenueOption = Annotated[str | None, typer.Option("--venue", help="Where the format is used by several venues.")]
TickOption = Annotated[
    str | None, typer.Option("--tick", help="Price step such as 0.01, instead of the stated or found one.")
]
LotOption = Annotated[str | None, typer.Option("--lot", help="Size step such as 0.001; as --tick.")]
MapOption = Annotated[
    list[str] | None, typer.Option("--map", metavar="NAME=COLUMN", help="A column of a generic table; may be repeated.")
]
SkipOption = Annotated[
    bool, typer.Option("--skip-unknown", help="Pass over files of a folder that are not understood.")
]
PrepareOption = Annotated[
    bool,
    typer.Option("--prepare", help='Make prepared copies too, large and loaded at once, as "lobsim prepare" does.'),
]


def import_file(
    file: Annotated[str, typer.Argument(metavar="PATH", help="A vendor's file, a zip of them, or a folder.")],
    out: Annotated[Path, typer.Option("--out", help="The store: a folder that holds one folder for each day.")],
    book: BookOption = None,
    seed_book: SeedBookOption = None,
    truth: TruthOption = None,
    symbol: SymbolOption = None,
    date: DateOption = None,
    venue: VenueOption = None,
    tick: TickOption = None,
    lot: LotOption = None,
    columns: MapOption = None,
    skip_unknown: SkipOption = False,
    prepare: PrepareOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read vendor files, check every row, and keep them as Parquet, one folder for each symbol and day.

    The format is told by what a file holds. Nothing is written unless everything is right; older imports of the same days are replaced.
    """
    from lobsim.feeds.importing import carry_out, refuse_unknown
    from lobsim.feeds.piece import ReadOptions

    path = Path(file)
    if is_stored(path) and (not path.is_dir() or _is_store(path)):
        raise ConfigError("it is imported already", where=file, hint=f"use it directly: {_replay_command(path)}")
    clock = Stopwatch()
    others = {"--venue": venue, "--tick": tick, "--lot": lot, "--map": columns}
    plan = _plan(path, mapped=bool(columns))
    if plan is None:
        refuse_options(others, f"{file} is a LOBSTER file")
        files = {"book": book, "seed_book": seed_book, "truth": truth}
        _import_lobster(file, out, clock, as_json, files | {"symbol": symbol, "date": date}, prepare=prepare)
        return
    refuse_options({"--seed-book": seed_book, "--truth": truth}, f"{file} is no LOBSTER file")
    if path.is_dir():
        refuse_options({"--book": book}, f"{file} is a folder")
    if plan.lobster:
        refuse_options(others, f"{plan.lobster[0]} is a LOBSTER file")
    if not skip_unknown:
        refuse_unknown(path, plan.unknown)
    options = ReadOptions(symbol, date, venue, tick, lot, None if book is None else str(book), _mapping(columns or []))
    with progress(f"reading {path.name}", None):
        days = carry_out(plan, out, options)
    copies = _prepared(days) if prepare else {}
    rows = [_row(day, copies.get(day.folder)) for day in days]
    _print_rows(path, rows, plan.unknown, clock.seconds, as_json)


def _plan(path: Path, *, mapped: bool) -> Plan | None:
    """What to read at a path; None for a single LOBSTER file, which is read as a whole."""
    from lobsim.feeds.importing import plan_of

    if not path.is_dir() and not path.is_file():
        raise DataError("there is no such file or folder", file=str(path), hint=f"give {_understood()}")
    try:
        plan = plan_of(path, mapped=mapped)
    except DataError:
        if path.is_file() and is_lobster(path):
            return None  # its reader says what is wrong with it
        raise
    if path.is_file() and not plan.found and (plan.lobster or is_lobster(path)):
        return None
    if not plan.found and not plan.lobster:
        what = "this is no file" if path.is_file() else "it holds no file"
        raise DataError(f"{what} that lobsim understands", file=path, hint=f"give {_understood()}")
    return plan


def _understood() -> str:
    from lobsim.feeds.recognise import understood

    return f"a LOBSTER zip, csv or csv.gz, {understood()}"


def _mapping(pairs: list[str]) -> tuple[tuple[str, str], ...]:
    """``--map name=column``, taken apart; raises ConfigError."""
    parts = [pair.partition("=") for pair in pairs]
    for pair, (name, _, column) in zip(pairs, parts, strict=True):
        if not name or not column:
            raise ConfigError(f"--map is {pair!r}, NAME=COLUMN such as price=px is needed")
    return tuple((name, column) for name, _, column in parts)


def _prepared(days: list[Written]) -> dict[Path, int]:
    """Make the copies that were asked for; folder -> bytes of its copy."""
    from lobsim.feeds.prepared import prepare_days

    with progress("preparing", None):
        return {each.folder: each.nbytes for each in prepare_days([day.folder for day in days])}


def _row(day: Written, prepared_bytes: int | None) -> dict[str, Any]:
    """One imported day, for people and for programs."""
    info = day.info
    return {
        "symbol": info.symbol,
        "date": info.date,
        "venue": info.venue,
        "fidelity": info.fidelity.name,
        "depth": info.depth,
        "rows": day.rows,
        "bytes": day.nbytes,
        "prepared_bytes": prepared_bytes,
        "digest": day.digest,
        "notes": list(info.notes),
        "folder": str(day.folder),
        "next": _replay_command(day.folder),
    }


def _print_rows(path: Path, rows: list[dict[str, Any]], skipped: list[str], seconds: float, as_json: bool) -> None:
    """What was imported, and what was not."""
    total = {"rows": sum(row["rows"] for row in rows), "bytes": sum(row["bytes"] for row in rows), "seconds": seconds}
    if as_json:
        print_json({"datasets": rows, **total, "skipped": skipped})
        return
    for row in rows:
        facts = {"fidelity": row["fidelity"], "rows": f"{row['rows']:,}", "bytes": _bytes_in_words(row)}
        facts |= {"digest": row["digest"], "folder": row["folder"]} | (
            {"notes": "; ".join(row["notes"])} if row["notes"] else {}
        )
        print_facts(f"{row['symbol']} {row['date']}, imported", facts)
    print_text(f"{total['rows']:,} rows, {total['bytes']:,} bytes, {seconds:.2f} seconds")
    for name in skipped:
        print_text(f"passed over: {name}")
    print_text(f"\nTry next: {rows[0]['next']}")


def _bytes_in_words(row: Mapping[str, Any]) -> str:
    copy = row["prepared_bytes"]
    return f"{row['bytes']:,} written" + (f", {copy:,} more in the prepared copy" if copy is not None else "")


def _import_lobster(
    file: str, out: Path, clock: Stopwatch, as_json: bool, options: Mapping[str, Any], *, prepare: bool
) -> None:
    """One LOBSTER file, read as a whole."""
    from lobsim.feeds.importing import save_day

    with progress(f"reading {Path(file).name}", None):
        dataset = open_dataset(file, **options)
    read_s = clock.seconds
    with progress(f"writing to {out}", None):
        day = save_day(dataset, out)
    row = _row(day, _prepared([day])[day.folder] if prepare else None)
    seconds = clock.seconds
    command = _replay_command(day.folder, verify=dataset.rows is not None or dataset.truth is not None)
    if as_json:
        print_json(row | {"seconds": seconds, "read_s": read_s, "next": command})
        return
    print_facts(
        f"{dataset.info.symbol} {dataset.info.date}, imported",
        {
            "rows": f"{day.rows:,}",
            "bytes": _bytes_in_words(row),
            "digest": day.digest,
            "seconds": f"{seconds:.2f}, {read_s:.2f} of them for reading and checking",
            "folder": str(day.folder),
        },
    )
    print_text(f"\nTry next: {command}")


def _is_store(folder: Path) -> bool:
    """Whether a folder is a store or a day of one, not a folder of vendor files."""
    from lobsim.feeds.store import EVENTS, list_partitions

    return (folder / EVENTS).exists() or bool(list_partitions(folder))


def _replay_command(folder: Path, *, verify: bool = False) -> str:
    return shlex.join(["lobsim", "replay", str(folder), *(["--verify"] if verify else [])])
