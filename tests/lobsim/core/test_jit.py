"""What names the compiled floor's cache, nobody else's settings change, and importing compiles nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numba
import pytest

from lobsim.core import jit
from tests.support.tiny_core import CALLER, make_project

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A project of its own: just the vocabulary, the decorator, and two little files."""
    return make_project(tmp_path / "project")


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
from lobsim.core.warm import kernel_counts
counts = kernel_counts()
sys.stdout.write(f"{light} {counts.entries + counts.parts}")
"""
    assert "True 0" == run_python(code, ROOT, NUMBA_CACHE_DIR=str(tmp_path))
    assert [] == list(tmp_path.rglob("*.nb?"))
