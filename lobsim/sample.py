"""The bundled sample: one trading day of the simulated market ``day``, carried with the package.

``bundled_day`` reads it; ``generate_day`` makes it anew, the same bytes on every platform, for the preset draws from tables of integers only.

    python -m lobsim.sample --write data     generates the day and writes it to data/LOBS-2026-01-05-v2

Prices are dollars in quanta of 0.0001 with a tick of one cent, as in LOBSTER files: hidden orders print between two ticks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from lobsim.errors import ConfigError, DataError, LobsimError
from lobsim.feeds.schema import Dataset
from lobsim.feeds.store import load, save
from lobsim.projection import to_levels

VERSION = 2
"""Of the day; another preset, seed or rule of the market is another version."""
SEED = 1
"""The first whose day meets every fact that the preset is to meet."""
PRESET = "day"
PRESET_DIGEST = "d948b58a5f86370b8aa9fb45af213e056c8a47569b97f0b0a572bf6f3a8bf535"
"""Of the preset's meaning: frozen, for policies are trained on its days."""
SYMBOL, DATE = "LOBS", "2026-01-05"
NAME = f"{SYMBOL}-{DATE}-v{VERSION}"
_STEP_NS = 60 * 10**9


def _make(seed: int, limit: int | None) -> tuple[Dataset, pl.DataFrame]:
    """A session, or the first rows of it, and the metaorders that were done in it."""
    from lobsim.simulation import Simulation, load_preset
    from lobsim.simulation.market import metaorder_table

    simulation = Simulation(load_preset(PRESET), seed)
    run = simulation.start()
    run.record()
    until_ns = simulation.info.session_end_ns if limit is None else simulation.info.session_start_ns
    run.advance(until_ns)
    while limit is not None and run.recorded < limit and until_ns < simulation.info.session_end_ns:
        until_ns = min(until_ns + _STEP_NS, simulation.info.session_end_ns)
        run.advance(until_ns)
    made, info = simulation.dataset_of(run), simulation.info
    if seed == SEED:
        info = replace(info, source=NAME, notes=(*info.notes, f"version {VERSION} of the bundled day"))
    return Dataset(info, made.events[:limit]), metaorder_table(run.take_metaorders())


def generate_day(seed: int = SEED, *, limit: int | None = None) -> Dataset:
    """One session of the preset `day`, order by order, at full depth.

    seed   any whole number of 64 bits; the bundled day has the default
    limit  only so many rows, at least 1; None: the whole session

    The first rows are the book as it stands at the open, flagged SNAPSHOT.  Raises ConfigError for a seed or limit out of range.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit is {limit}, at least 1 row is needed")
    return _make(seed, limit)[0]


def _folder() -> Path:
    """Where the bundled day is.  Raises DataError where it is missing."""
    here = Path(__file__).resolve().parent
    for folder in (here / "_data" / NAME, here.parent / "data" / NAME):
        if folder.is_dir():
            return folder
    raise DataError("the bundled day is missing", file=NAME, hint="install lobsim again, or write the day with --write")


def bundled_day() -> Dataset:
    """The day that is carried with the package, order by order.  Raises DataError where it is missing or damaged."""
    return load(_folder())


def bundled_metaorders() -> pl.DataFrame:
    """Who worked what in it: the metaorders that were done, as `lobsim.realism` reads them.  Raises DataError where they are missing or damaged."""
    from lobsim.realism.metaorder_files import FILE_NAME, read_metaorders

    return read_metaorders(_folder() / FILE_NAME)


def bundled_day_levels() -> Dataset:
    """The level view of ``bundled_day``: the same market, seen through displayed quantities and prints."""
    return to_levels(bundled_day())


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m lobsim.sample``.  Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lobsim.sample", description="The bundled synthetic day.")
    parser.add_argument(
        "--write", metavar="FOLDER", required=True, help=f"generate the day and write it to FOLDER/{NAME}"
    )
    options = parser.parse_args(arguments)
    try:
        from lobsim.realism.metaorder_files import write_metaorders

        day, metaorders = _make(SEED, None)
        folder = Path(options.write) / NAME
        sys.stdout.write(f"{save(day, folder)}\ndigest {day.digest}\n")
        write_metaorders(metaorders, folder, [day.digest])
    except LobsimError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
