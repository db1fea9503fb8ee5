"""Compiled code on disk: several processes at once, folders that cannot be written, damaged files, folders of older sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lobsim.core import code_cache

ROOT = Path(__file__).resolve().parents[3]
DAY_S = 86_400
HASHES = [f"{i:012x}" for i in range(8)]

compiled_only = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"), reason="nothing is compiled"
)

USE = """
import sys
import numpy as np
from lobsim.book_shell import Book
from lobsim.core.warm import kernel_counts
from lobsim.types import MESSAGE
messages = np.zeros(3, MESSAGE)
messages["order_id"] = (1, 2, 3)
messages["side"] = (1, 1, 0)
messages["price_ticks"] = 10
messages["size_lots"] = (5, 5, 7)
reports = Book().run(messages)
counts = kernel_counts()
sys.stdout.write(f"{len(reports)} {reports['size_lots'].sum()};{counts.compiled > 0} {counts.parts > 0} {counts.most}")
"""
ANSWER = "5 24"
DEAF = """
import os
def refuse(*arguments, **options):
    raise PermissionError(13, "Permission denied")
os.makedirs = os.replace = refuse
"""


def start(folder: Path, before: str = "") -> subprocess.Popen[str]:
    """A process that matches three messages, its compiled code below a folder."""
    variables = {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder), "NUMBA_BOUNDSCHECK": "0"}
    return subprocess.Popen(
        [sys.executable, "-c", before + USE],
        cwd=ROOT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str, str]:
    """(answer, what was compiled, stderr) of a process that ended well."""
    out, err = process.communicate(timeout=300)
    assert 0 == process.returncode, err
    answer, _, counts = out.partition(";")
    return answer, counts, err


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that three processes filled at once."""
    folder = tmp_path_factory.mktemp("filled")
    processes = [start(folder) for _ in range(3)]
    for process in processes:
        answer, counts, err = finish(process)
        assert (ANSWER, "") == (answer, err)
        assert counts in ("True True 1", "False False 1")  # a late one may find what an early one made
    return folder


@compiled_only
def test_processes_that_start_at_once_leave_a_cache_that_the_next_one_reads(filled: Path) -> None:
    assert (ANSWER, "False False 1", "") == finish(start(filled))
    assert [] == [path for path in filled.rglob("*") if ".tmp." in path.name]


@compiled_only
def test_a_filled_cache_that_cannot_be_written_is_read(filled: Path) -> None:
    assert (ANSWER, "False False 1", "") == finish(start(filled, DEAF))


@compiled_only
def test_without_a_folder_to_write_everything_works_and_one_line_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer, counts, err = finish(start(tmp_path / "file" / "cache"))
    assert (ANSWER, "True True 1") == (answer, counts)
    assert err.startswith("lobsim: compiled code cannot be kept in ")
    assert err.endswith(
        "(not a directory), so every process compiles it again; set NUMBA_CACHE_DIR to a folder that can be written\n"
    )
    assert 1 == err.count("\n")


@compiled_only
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_damaged_file_is_compiled_anew(filled: Path, tmp_path: Path, suffix: str) -> None:
    shutil.copytree(filled, tmp_path / "cache")
    for path in (tmp_path / "cache").rglob(f"*{suffix}"):
        path.write_bytes(path.read_bytes()[:40])
    assert (ANSWER, "True True 1", "") == finish(start(tmp_path / "cache"))
    assert (ANSWER, "False False 1", "") == finish(start(tmp_path / "cache"))


def folders(base: Path, ages_in_days: list[float]) -> list[Path]:
    """Folders of sources that were used so long ago; the first is in use now."""
    made = []
    for name, age in zip(HASHES, ages_in_days, strict=False):
        made.append(base / name)
        (base / name / "lobsim.core.book").mkdir(parents=True)
        (base / name / "lobsim.core.book" / "kernel.nbc").write_text("")
        then = (base / HASHES[0]).stat().st_mtime - age * DAY_S
        os.utime(base / name, (then, then))
    return made


def test_the_folders_of_older_sources_are_removed_but_for_the_latest(tmp_path: Path) -> None:
    made = folders(tmp_path, [100, 9, 2, 3, 5, 4])
    (tmp_path / "somebody_elses").mkdir()
    os.utime(tmp_path / "somebody_elses", (0, 0))
    assert {made[1].name, made[4].name} == set(code_cache.remove_stale(str(made[0])))
    assert {made[0], made[2], made[3], made[5], tmp_path / "somebody_elses"} == set(tmp_path.iterdir())


def test_what_was_used_within_a_day_stays(tmp_path: Path) -> None:
    made = folders(tmp_path, [0, 0.1, 0.2, 0.3, 0.4, 0.9, 1.5])
    assert [made[6].name] == code_cache.remove_stale(str(made[0]))


def test_nothing_is_removed_where_there_is_no_folder(tmp_path: Path) -> None:
    made = folders(tmp_path, [0, 2, 3, 4, 5, 6])
    assert [] == code_cache.remove_stale(str(tmp_path / "none"))
    assert set(made) == set(tmp_path.iterdir())


@compiled_only
def test_a_read_only_installation_works(filled: Path, tmp_path: Path) -> None:
    project = tmp_path / "installed"
    shutil.copytree(ROOT / "lobsim", project / "lobsim", ignore=shutil.ignore_patterns("__pycache__"))
    if (ROOT / "execution" / "core").is_dir():
        shutil.copytree(ROOT / "execution" / "core", project / "execution" / "core")
    before = set(project.rglob("*.nb?"))
    for path in [project, *project.rglob("*")]:
        path.chmod(0o555)
    process = subprocess.run(
        [sys.executable, "-B", "-c", USE],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project), "NUMBA_CACHE_DIR": str(filled), "NUMBA_BOUNDSCHECK": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    for path in [project, *project.rglob("*")]:
        path.chmod(0o755)
    assert f"{ANSWER};False False 1" == process.stdout  # the same sources elsewhere: the same code
    assert before == set(project.rglob("*.nb?"))
