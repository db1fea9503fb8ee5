"""``lobsim import``: a vendor file in, one checked day of a store out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lobsim.cli.data_source import (
    BookOption,
    DateOption,
    SeedBookOption,
    SymbolOption,
    TruthOption,
    is_stored,
    open_dataset,
)
from lobsim.cli.output import JsonOption, Stopwatch, print_facts, print_json, print_text, progress
from lobsim.errors import ConfigError

if TYPE_CHECKING:
    from lobsim.feeds.schema import Dataset


def import_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A LOBSTER zip, or message file (csv, csv.gz).")],
    out: Annotated[Path, typer.Option("--out", help="The store: a folder that holds one folder for each day.")],
    book: BookOption = None,
    seed_book: SeedBookOption = None,
    truth: TruthOption = None,
    symbol: SymbolOption = None,
    date: DateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a vendor file, check every row, and keep it as Parquet.

    Nothing is written unless the whole file is right; an older import of the same day is replaced.
    """
    if is_stored(Path(file)):
        raise ConfigError("it is imported already", where=file, hint=f"use it directly: {_replay_command(Path(file))}")
    clock = Stopwatch()
    with progress(f"reading {Path(file).name}", None):
        dataset = open_dataset(file, book=book, seed_book=seed_book, truth=truth, symbol=symbol, date=date)
    read_s = clock.seconds
    folder, size = _save(dataset, out)
    seconds = clock.seconds
    command = _replay_command(folder, verify=dataset.rows is not None or dataset.truth is not None)
    if as_json:
        print_json(
            {
                "symbol": dataset.info.symbol,
                "date": dataset.info.date,
                "fidelity": dataset.info.fidelity.name,
                "depth": dataset.info.depth,
                "rows": len(dataset.events),
                "bytes": size,
                "digest": dataset.digest,
                "seconds": seconds,
                "read_s": read_s,
                "folder": str(folder),
                "next": command,
            }
        )
        return
    print_facts(
        f"{dataset.info.symbol} {dataset.info.date}, imported",
        {
            "rows": f"{len(dataset.events):,}",
            "bytes": f"{size:,} written",
            "digest": dataset.digest,
            "seconds": f"{seconds:.2f}, {read_s:.2f} of them for reading and checking",
            "folder": str(folder),
        },
    )
    print_text(f"\nTry next: {command}")


def _save(dataset: Dataset, out: Path) -> tuple[Path, int]:
    """Write the day; its folder, and how many bytes lie there."""
    from lobsim.feeds.store import save

    with progress(f"writing to {out}", None):
        folder = save(dataset, out)
    return folder, sum(path.stat().st_size for path in folder.glob("*.parquet"))


def _replay_command(folder: Path, *, verify: bool = False) -> str:
    return shlex.join(["lobsim", "replay", str(folder), *(["--verify"] if verify else [])])
