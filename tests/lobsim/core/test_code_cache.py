"""Compiled code on disk: edits, checkouts and modes in turn, several processes at once, what cannot be written, damaged files, old folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lobsim.core import code_cache
from tests.support.forks import Forks
from tests.support.tiny_core import HELPER, Used, make_project, use, use_at_once

DAY_S = 86_400
HASHES = [f"{i:012x}" for i in range(8)]
RIGHT = "[6, 'read']"
COMPILED = "2 compiled, 0 found"
FOUND = "0 compiled, 2 found"

DEAF = """
import sys
def refuse(event, arguments, writes=3 | 64, below={below!r}):
    changes = event in ("os.mkdir", "os.rename", "os.remove") or event == "open" and arguments[2] & writes
    if changes and str(arguments[0]).startswith(below):
        raise PermissionError(13, "Permission denied")
sys.addaudithook(refuse)
"""
"""Nothing below a folder can be changed, not even by root."""


NOTEBOOK = """
import code
shell = code.InteractiveInterpreter()
shell.runsource("from lobsim.core.jit import kernel\\n@kernel\\ndef here(n):\\n    return 2 * n\\n", "<notebook>", "exec")
assert 4 == shell.locals["here"](2)
"""
"""A kernel that stands in no file."""


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Where processes come from."""
    with Forks(tmp_path_factory.mktemp("forks")) as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny project."""
    return make_project(tmp_path_factory.mktemp("tiny") / "project")


@pytest.fixture(scope="module")
def filled(forks: Forks, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that three processes filled at once."""
    folder = tmp_path_factory.mktemp("filled")
    for used in use_at_once(forks, 3, project, folder):
        assert (RIGHT, "") == (used.answer, used.err)
    return folder


def right(work: str, used: Used) -> None:
    """It answered right, with this much work and without a word on stderr."""
    assert (RIGHT, work, "") == (used.answer, used.work, used.err)


def test_processes_that_start_at_once_leave_a_cache_that_the_next_one_reads(
    forks: Forks, project: Path, filled: Path
) -> None:
    assert [] == [path for path in filled.rglob("*") if ".tmp." in path.name]
    assert 4 == len(list(filled.rglob("*.nb?")))  # an index and a file of code for each of two entry points
    right(FOUND, use(forks, project, filled))


def test_code_for_other_arguments_has_files_of_its_own(
    forks: Forks, project: Path, filled: Path, tmp_path: Path
) -> None:
    """Whoever writes last: nobody's code ends up under another's name."""
    both = shutil.copytree(filled, tmp_path / "both")
    right_for_floats = use(forks, project, tmp_path / "floats", kinds="float")
    assert "[6.0, 'read']" == right_for_floats.answer
    shutil.copytree(tmp_path / "floats", both, dirs_exist_ok=True)
    used = use(forks, project, both, kinds="int, float")
    assert ("[6, 6.0, 'read']", "0 compiled, 3 found") == (used.answer, used.work)


def test_an_edit_of_a_helper_reaches_the_kernels_of_other_files_and_both_versions_work_in_turn(
    forks: Forks, project: Path, filled: Path, tmp_path: Path
) -> None:
    cache = shutil.copytree(filled, tmp_path / "cache")
    other = shutil.copytree(project, tmp_path / "other")
    before = use(forks, other, cache)
    right(FOUND, before)  # the same sources elsewhere: the same code
    (other / "lobsim" / "core" / "helper.py").write_text(HELPER.replace("return 1", "return 21"))
    edited = use(forks, other, cache)
    assert ("[126, 'read']", COMPILED) == (edited.answer, edited.work)
    assert {before.source_hash, edited.source_hash} == {path.name for path in cache.iterdir()}
    right(FOUND, use(forks, project, cache))
    assert ("[126, 'read']", FOUND) == use(forks, other, cache)[:2]


def test_plain_checked_and_uncompiled_runs_in_turn_say_the_same(
    forks: Forks, project: Path, filled: Path, tmp_path: Path
) -> None:
    cache = shutil.copytree(filled, tmp_path / "cache")
    checked = use(forks, project, cache, asked="checked", NUMBA_BOUNDSCHECK="1")
    assert ("[6, 'outside']", COMPILED) == (checked.answer, checked.work)
    right(FOUND, use(forks, project, cache))
    assert ("[6, 'outside']", FOUND) == use(forks, project, cache, asked="checked", NUMBA_BOUNDSCHECK="1")[:2]
    right("0 compiled, 0 found", use(forks, project, tmp_path / "none", NUMBA_DISABLE_JIT="1"))
    assert not (tmp_path / "none").exists()


def test_a_read_only_installation_works(forks: Forks, project: Path, tmp_path: Path) -> None:
    installed = shutil.copytree(project, tmp_path / "installed", ignore=shutil.ignore_patterns("__pycache__"))
    everything = [installed, *installed.rglob("*")]
    for path in everything:
        path.chmod(path.stat().st_mode & ~0o222)
    deaf = DEAF.format(below=str(installed))
    right(COMPILED, use(forks, installed, tmp_path / "cache", deaf))
    right(FOUND, use(forks, installed, tmp_path / "cache", deaf))
    assert everything == [installed, *installed.rglob("*")]
    for path in everything:
        path.chmod(path.stat().st_mode | 0o200)


def test_a_filled_cache_that_cannot_be_written_is_read(forks: Forks, project: Path, filled: Path) -> None:
    right(FOUND, use(forks, project, filled, DEAF.format(below=str(filled))))


def test_without_a_folder_to_write_everything_works_and_one_line_says_why(
    forks: Forks, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    used = use(forks, project, tmp_path / "file" / "cache", NOTEBOOK)
    assert (RIGHT, COMPILED) == (used.answer, used.work)
    assert used.err.startswith("lobsim: compiled code cannot be kept in ")
    assert used.err.endswith(
        "(not a directory), so every process compiles it again; set NUMBA_CACHE_DIR to a folder that can be written\n"
    )
    assert 1 == used.err.count("\n")


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_damaged_file_is_compiled_anew(
    forks: Forks, project: Path, filled: Path, tmp_path: Path, suffix: str
) -> None:
    cache = shutil.copytree(filled, tmp_path / "cache")
    files = list(cache.rglob(f"*{suffix}"))
    for path in files:
        path.write_bytes(path.read_bytes()[:40])
    right(COMPILED, use(forks, project, cache))
    assert all(path.stat().st_size > 40 for path in files)


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
