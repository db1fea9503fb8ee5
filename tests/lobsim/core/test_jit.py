"""The compiled floor's cache: an edit anywhere is a miss, nobody else's settings change, and importing compiles nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import polars as pl
import pytest

from lobsim import Book, Latency, Market
from lobsim.core import jit, warm
from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo
from lobsim.types import MESSAGE, NEVER, Fidelity, Kind, Side

ROOT = Path(__file__).resolve().parents[3]

HELPER = '''"""A helper of the compiled floor."""

from lobsim.core.jit import inline


@inline
def step():
    """The number that the edit changes."""
    return 1
'''

CALLER = '''"""A kernel that uses a helper of another file."""

from lobsim.core.helper import step
from lobsim.core.jit import kernel


@kernel
def twice():
    """Two steps."""
    return 2 * step()
'''

USE = """
import sys
from lobsim.core import caller, jit
result = caller.twice()
hits = sum(caller.twice.stats.cache_hits.values()) if hasattr(caller.twice, 'stats') else 0
sys.stdout.write(f"{result} {hits} {jit.source_hash()}")
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A project of its own: just the vocabulary, the decorator, and two little files."""
    core = tmp_path / "project" / "lobsim" / "core"
    core.mkdir(parents=True)
    for name in ("__init__.py", "errors.py", "types.py", "core/__init__.py", "core/jit.py", "core/references.py"):
        shutil.copy(ROOT / "lobsim" / name, core.parent / name)
    (core / "helper.py").write_text(HELPER)
    (core / "caller.py").write_text(CALLER)
    return tmp_path / "project"


def run_python(code: str, folder: Path, **variables: str) -> str:
    """Standard output of a fresh interpreter in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_an_edit_of_a_helper_reaches_the_kernels_of_other_files(copied: Path, tmp_path: Path) -> None:
    def use() -> list[str]:
        cache = str(tmp_path / "cache")
        return run_python(USE, copied, NUMBA_CACHE_DIR=cache, NUMBA_DISABLE_JIT="0", NUMBA_BOUNDSCHECK="0").split()

    first = use()
    assert ["2", "0"] == first[:2]
    assert ["2", "1", first[2]] == use()  # the second time out of the cache
    helper = copied / "lobsim" / "core" / "helper.py"
    helper.write_text(HELPER.replace("return 1", "return 21"))
    edited = use()
    assert ["42", "0"] == edited[:2]
    assert first[2] != edited[2]
    assert {first[2], edited[2]} == {path.name for path in (tmp_path / "cache").iterdir()}


def change_content(core: Path) -> None:
    (core / "caller.py").write_text(CALLER + "\n")


def change_vocabulary(core: Path) -> None:
    types = core.parent / "types.py"
    types.write_text(types.read_text() + "\n")


def add_file(core: Path) -> None:
    (core / "agents").mkdir()
    (core / "agents" / "new.py").write_text("")


def rename_file(core: Path) -> None:
    (core / "helper.py").rename(core / "helpers.py")


def change_upper_floor(core: Path) -> None:
    upper = core.parent.parent / "execution" / "core"
    upper.mkdir(parents=True)
    (upper / "desk.py").write_text("")


@pytest.mark.parametrize("edit", [change_content, change_vocabulary, add_file, rename_file, change_upper_floor])
def test_any_edit_of_the_compiled_floors_changes_the_hash(
    copied: Path, monkeypatch: pytest.MonkeyPatch, edit: Callable[[Path], None]
) -> None:
    core = copied / "lobsim" / "core"
    monkeypatch.setattr(jit, "_ROOT", str(copied))
    monkeypatch.setattr(jit, "_HERE", str(core))
    before = jit.source_hash()
    assert before == jit.source_hash()
    (copied / "lobsim" / "market.py").write_text("")  # above the compiled floor
    assert before == jit.source_hash()
    edit(core)
    assert before != jit.source_hash()


def test_another_version_of_numba_changes_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = jit.source_hash()
    monkeypatch.setattr(numba, "__version__", "0.0.1")
    assert before != jit.source_hash()


def test_the_cache_folder_follows_the_users_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jit.config, "BOUNDSCHECK", None)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert str(tmp_path / jit.source_hash()) == jit.cache_folder()
    monkeypatch.setattr(jit.config, "BOUNDSCHECK", 1)
    assert str(tmp_path / f"{jit.source_hash()}-checked") == jit.cache_folder()
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    assert Path(jit.cache_folder()).parent.parts[-2:] == ("lobsim", "compiled")


def test_other_peoples_cache_setting_is_left_alone(tmp_path: Path) -> None:
    code = (
        "import sys, numba; numba.config.CACHE_DIR = 'mine'; import lobsim.core.exchange;"
        "sys.stdout.write(numba.config.CACHE_DIR)"
    )
    assert "mine" == run_python(code, ROOT, NUMBA_CACHE_DIR=str(tmp_path))


def test_importing_compiles_nothing(tmp_path: Path) -> None:
    code = """
import sys
import lobsim
light = "numba" not in sys.modules
import lobsim.book_shell, lobsim.market
from lobsim.core.warm import compiled_kernels
sys.stdout.write(f"{light} {compiled_kernels()}")
"""
    assert "True 0" == run_python(code, ROOT, NUMBA_CACHE_DIR=str(tmp_path))
    assert [] == list(tmp_path.rglob("*.nb?"))


def three_rows() -> Dataset:
    """A data set of a bid, an ask, and a trade at the ask."""
    columns = {
        "ts_exchange": [1, 2, 3],
        "kind": [Kind.ADD, Kind.ADD, Kind.EXECUTE],
        "side": [Side.BUY, Side.SELL, Side.SELL],
        "price": [100, 101, 101],
        "size": [5, 5, 2],
        "order_id": [1, 2, 2],
    }
    table = {name: pl.Series(name, columns.get(name, [0, 0, 0]), dtype) for name, dtype in COLUMNS.items()}
    info = DatasetInfo("X", "V", "2024-01-02", "USD", "0.01", 1, "1", Fidelity.L3_FULL, 0, 0, 9, "made up", "")
    return Dataset(info, pl.DataFrame(table))


def test_after_the_warm_up_nothing_is_left_to_compile() -> None:
    assert warm.warm() > 0
    before = warm.compiled_kernels()
    book = Book("0.5")
    book.limit(1, "buy", "99.5", 3, "gtd", expire_ns=9)
    book.run(np.zeros(4, MESSAGE))
    book.audit()
    market = Market(three_rows())
    assert 3 == market.replay().rows
    assert 2 == market.quotes.height - 1
    run = market.start(participant=True, latency=Latency.round_trip(5))
    run.make_room()
    run.copy().advance(NEVER)
    assert before == warm.compiled_kernels()
