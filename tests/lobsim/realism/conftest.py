"""The recorded hour of Apple, prepared once."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobsim.feeds.lobster import read_lobster
from lobsim.realism.prepare import Day, prepare_day

AAPL_HOUR = "AAPL_2012-06-21_34200000_37800000"


@pytest.fixture(scope="session")
def hour(shared: Path, small: bool) -> Day:
    """Apple on 21 June 2012, 09:30 to 10:30, fifty levels, seeded from the first book row."""
    if small:
        pytest.skip("it replays an hour: compiled runs only")
    folder = shared / "data" / "lobster"
    seed_book = folder / f"{AAPL_HOUR}_orderbook_50.first672rows.csv.gz"
    return prepare_day(read_lobster(folder / f"{AAPL_HOUR}_message_50.csv.gz", seed_book=seed_book))
