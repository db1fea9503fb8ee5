"""A capture larger than memory is imported with memory bounded: measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lobsim.feeds import load
from lobsim.feeds.store import list_partitions, read_info

ROOT = Path(__file__).resolve().parents[3]


def imported(mebibytes: int, store: Path) -> Any:
    """What the process says that imported a synthetic capture of so many MiB."""
    store.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.support.big_import", str(mebibytes), str(store)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


def test_the_memory_of_an_import_does_not_grow_with_the_file(tmp_path: Path, small: bool) -> None:
    little, more = (8, 24) if small else (32, 128)
    first, second = imported(little, tmp_path / "a" / "store"), imported(more, tmp_path / "b" / "store")
    assert second["rows"] > 2.5 * first["rows"]
    assert second["peak_mib"] < first["peak_mib"] + 160
    assert second["peak_mib"] < 600
    assert second["digest"] == load(tmp_path / "b" / "store").digest


@pytest.mark.slow
def test_a_day_of_ten_gigabytes_is_imported_under_one(tmp_path: Path) -> None:
    done = imported(10 * 1024, tmp_path / "big" / "store")
    (day,) = list_partitions(tmp_path / "big" / "store")
    stored = read_info(day.path)
    assert (done["rows"], done["digest"]) == (stored.n_events, stored.digest)
    assert done["rows"] > 150_000_000
    assert done["peak_mib"] < 1024
