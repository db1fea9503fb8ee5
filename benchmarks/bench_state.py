"""How state is carried: the compiled handle of ``jit.borrow`` against the plain NamedTuple it replaces, on the real book.

The second runs in a copy of the package in which ``borrow`` does nothing; both do the same yardstick stream in turn.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.conftest import ROOT

_PLAIN = """
@inline
def _same(state):
    return state


if not config.DISABLE_JIT:
    borrow = _same
    borrow_array = _same
"""

_SCRIPT = """
import json, sys
from pathlib import Path
from lobsim.bench.flow import time_blocks_of
from lobsim.bench.yardstick import read_stream
stream = read_stream(Path(sys.argv[1]))
print(json.dumps(min([time_blocks_of(stream) for _ in range(6)][1:])))
"""


def _copy(folder: Path, plain: bool) -> Path:
    for package in ("lobsim", "execution"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    if plain:
        with (folder / "lobsim" / "core" / "jit.py").open("a") as file:
            file.write(_PLAIN)
    return folder


def _measure(folder: Path, stream: Path) -> float:
    environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-c", _SCRIPT, str(stream)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=environment)
    return float(json.loads(done.stdout))


@pytest.mark.parametrize("name", ["shallow", "deep"])
def test_state_representation(benchmark: Any, stream_files: dict[str, Path], tmp_path: Path, name: str) -> None:
    """Nanoseconds per message of both forms, alternating, best of three each."""
    folders = {form: _copy(tmp_path / form, form == "plain") for form in ("handle", "plain")}
    figures: dict[str, list[float]] = {form: [] for form in folders}

    def turn() -> None:
        for form, folder in folders.items():
            figures[form].append(_measure(folder, stream_files[name]))

    benchmark.pedantic(turn, rounds=3)
    best = {form: min(values) for form, values in figures.items()}
    benchmark.extra_info |= {f"{form}_ns_per_message": round(value, 1) for form, value in best.items()}
    benchmark.extra_info["plain_over_handle"] = round(best["plain"] / best["handle"], 2)
