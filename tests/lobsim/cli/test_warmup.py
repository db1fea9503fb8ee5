"""``lobsim warmup``: afterwards nothing is left to compile, and it says what it did."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from lobsim.core.jit import cache_folder
from tests.lobsim.cli.conftest import ROOT, Run

compiled_only = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"), reason="nothing is compiled"
)


@compiled_only
def test_after_it_another_process_compiles_nothing(run: Run) -> None:
    first = run("warmup", "--json")
    assert 0 == first.code
    assert (cache_folder(), True) == (first.json["cache_folder"], first.json["kept"])
    second = subprocess.run(
        [sys.executable, "-m", "lobsim", "warmup", "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(second.stdout)
    assert (0, 0, "") == (found["compiled"], found["parts_compiled"], second.stderr)
    assert found["entry_points"] > 10


@compiled_only
def test_it_says_in_words_what_it_did(run: Run) -> None:
    run("warmup")
    done = run("warmup")
    assert "the matching core is ready" in done.out
    assert cache_folder() in done.out


def test_it_works_where_nothing_is_compiled(run: Run) -> None:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
        pytest.skip("something is compiled")
    assert {"entry_points": 0, "compiled": 0} == {
        name: run("warmup", "--json").json[name] for name in ("entry_points", "compiled")
    }
