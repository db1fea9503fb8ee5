"""Recorded days of orders, read once per session; only their beginnings where inputs are to be small."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lobsim.cli.main import build_app
from lobsim.feeds.lobster import read_lobster
from lobsim.feeds.schema import Dataset
from lobsim.feeds.store import load

AAPL_HOUR = "AAPL_2012-06-21_34200000_37800000"


def beginning(dataset: Dataset, rows: int | None) -> Dataset:
    """The first rows of a day; None: all."""
    return dataset if rows is None else Dataset(dataset.info, dataset.events.head(rows), None, dataset.seed_row)


@pytest.fixture(scope="session")
def aapl_hour(shared: Path, small: bool) -> Dataset:
    """An hour of AAPL, fifty levels, seeded from the first book row."""
    folder = shared / "data" / "lobster"
    seed_book = folder / f"{AAPL_HOUR}_orderbook_50.first672rows.csv.gz"
    return beginning(
        read_lobster(folder / f"{AAPL_HOUR}_message_50.csv.gz", seed_book=seed_book), 1200 if small else None
    )


@pytest.fixture(scope="session")
def sse_day(shared: Path, small: bool, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A day of Shanghai 600519."""
    folder = tmp_path_factory.mktemp("sse")
    archive = shared / "data" / "sse" / "AX_sbe_sse_600519.zip"
    done = CliRunner().invoke(build_app(), ["import", str(archive), "--date", "2023-02-07", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    return beginning(load(folder), 3200 if small else None)
