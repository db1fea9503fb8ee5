"""Recorded days for the tests of the compiled floor, read once per session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from lobsim.feeds.lobster import read_lobster
from lobsim.market import Market

AAPL_HOUR = "AAPL_2012-06-21_34200000_37800000"


@pytest.fixture(scope="session")
def lobster_day(shared: Path) -> Callable[[str], Market]:
    """``lobster_day("GOOG_2012-06-21_10")``: that LOBSTER sample as a market."""

    @cache
    def read(day: str) -> Market:
        return Market(read_lobster(shared / "data" / "lobster" / f"LOBSTER_SampleFile_{day}.zip"))

    return read


@pytest.fixture(scope="session")
def aapl_hour(shared: Path) -> Market:
    """An hour of AAPL, fifty levels: messages alone, seeded from the first book row, with level 1 as truth."""
    folder = shared / "data" / "lobster"
    return Market(
        read_lobster(
            folder / f"{AAPL_HOUR}_message_50.csv.gz",
            seed_book=folder / f"{AAPL_HOUR}_orderbook_50.first672rows.csv.gz",
            truth=folder / f"{AAPL_HOUR}_orderbook_50.level1only.csv.gz",
        )
    )
