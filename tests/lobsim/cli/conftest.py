"""The command line as the tests call it: in a process of its own, or in this one, where the core is loaded once."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lobsim.feeds.conftest import TinyRecording
from tests.support.commands import Outcome, Run, run

__all__ = ["Outcome", "Run", "run"]

ROOT = Path(__file__).resolve().parents[3]
CUT_ROWS = 3000
CROSS_ROW = 10  # of the made-up recording
AAPL_HOUR = "AAPL_2012-06-21_34200000_37800000"


@pytest.fixture
def tiny(tmp_path: Path) -> TinyRecording:
    """A made-up recording of fourteen messages, in a folder of its own; its cross has order id 0."""
    folder = tmp_path / "recorded"
    folder.mkdir()
    return TinyRecording(folder).set_field(CROSS_ROW, 2, 0)


@pytest.fixture
def run_apart() -> Run:
    """``run_apart(*arguments)``: the command line, in a process of its own."""

    def call(*arguments: object) -> Outcome:
        command = [sys.executable, "-m", "lobsim", *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each csv file in a zip."""
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if name.endswith(".csv"):
                yield name, opened.read(name)


def first_rows(data: bytes, count: int | None) -> bytes:
    """The first lines of a file; None: all."""
    return data if count is None else b"".join(io.BytesIO(data).readlines()[:count])


@pytest.fixture
def unpack(shared: Path, small: bool, tmp_path: Path) -> Callable[[str], Path]:
    """``unpack("GOOG_2012-06-21_10")``: that LOBSTER day as a csv pair; answers the message file (short when small)."""

    def write(day: str) -> Path:
        for name, data in members(shared / "data" / "lobster" / f"LOBSTER_SampleFile_{day}.zip"):
            (tmp_path / name).write_bytes(first_rows(data, CUT_ROWS if small else None))
        return next(tmp_path.glob("*_message_*.csv"))

    return write


@pytest.fixture
def aapl_hour(shared: Path, small: bool, tmp_path: Path) -> list[object]:
    """Arguments that name the AAPL hour of fifty levels, its seed and its truth (short when small)."""
    folder = shared / "data" / "lobster"
    for part in ("message_50", "orderbook_50.level1only"):
        data = gzip.decompress((folder / f"{AAPL_HOUR}_{part}.csv.gz").read_bytes())
        (tmp_path / f"{AAPL_HOUR}_{part}.csv").write_bytes(first_rows(data, CUT_ROWS if small else None))
    seed = folder / f"{AAPL_HOUR}_orderbook_50.first672rows.csv.gz"
    truth = tmp_path / f"{AAPL_HOUR}_orderbook_50.level1only.csv"
    return [tmp_path / f"{AAPL_HOUR}_message_50.csv", "--seed-book", seed, "--truth", truth]
