"""Start-up: the command's help, a cold compile of everything, a warm start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.conftest import ROOT


def _run(arguments: list[str], cache: Path | None = None) -> None:
    environment = dict(os.environ)
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT, env=environment)


def test_help(benchmark: Any) -> None:
    """``lobsim --help`` as a process of its own."""
    benchmark.pedantic(lambda: _run(["-m", "lobsim", "--help"]), rounds=7, warmup_rounds=1)


def test_cold_compile(benchmark: Any, tmp_path: Path) -> None:
    """Everything a replay and a backtest run, from nothing."""
    benchmark.pedantic(lambda: _run(["-m", "lobsim", "warmup"], tmp_path), rounds=1)


def test_warm_start(benchmark: Any, tmp_path: Path) -> None:
    """The same with the cache filled."""
    _run(["-m", "lobsim", "warmup"], tmp_path)
    benchmark.pedantic(lambda: _run(["-m", "lobsim", "warmup"], tmp_path), rounds=5)
