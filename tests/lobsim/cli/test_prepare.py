"""``lobsim prepare`` and ``lobsim import --prepare``: what they make, say and refuse; results are the same with a copy."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lobsim.feeds.mapped import PREPARED
from lobsim.feeds.store import list_partitions, save
from lobsim.sample import bundled_day
from tests.lobsim.cli.conftest import Run
from tests.lobsim.feeds.conftest import MESSAGES, TinyRecording

VOLATILE = ("seconds", "read_s", "compile_s", "prepare_s", "rows_per_s", "created", "out")


def steady(found: Any) -> Any:
    """A command's object without times and places."""
    if isinstance(found, dict):
        return {name: steady(value) for name, value in found.items() if not _varies(name)}
    return [steady(each) for each in found] if isinstance(found, list) else found


def _varies(name: str) -> bool:
    return name in VOLATILE or name.endswith(("seconds", "_s"))


def test_prepare_says_what_it_made_and_what_was_there(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run("import", tiny.write_zip(), "--out", store)
    path = list_partitions(store)[0].path / PREPARED
    first = run("prepare", store, "--json")
    assert (0, "") == (first.code, first.err)
    (day,) = first.json["datasets"]
    assert (True, len(MESSAGES), path.stat().st_size) == (day["is_new"], day["rows"], day["nbytes"])
    again = run("prepare", store)
    assert 0 == again.code
    assert "there already" in again.out and f"{path.stat().st_size:,} bytes in prepared copies" in again.out


def test_remove_takes_the_copies_away(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run("import", tiny.write_zip(), "--out", store, "--prepare")
    path = list_partitions(store)[0].path
    assert {"removed": [str(path)]} == run("prepare", store, "--remove", "--json").json
    assert not (path / PREPARED).exists()
    assert "there was no copy\n" == run("prepare", store, "--remove").out


@pytest.mark.parametrize("folder", [False, True], ids=["one file", "a folder"])
def test_import_with_prepare_makes_the_copies_and_counts_their_bytes(
    run: Run, tiny: TinyRecording, tmp_path: Path, folder: bool
) -> None:
    archive = tiny.write_zip()
    source, store = archive.parent if folder else archive, tmp_path / "store"
    done = run("import", source, "--out", store, "--prepare", "--json")
    assert (0, "") == (done.code, done.err)
    row = done.json["datasets"][0] if folder else done.json
    assert (Path(row["folder"]) / PREPARED).stat().st_size == row["prepared_bytes"]
    plain = run("import", source, "--out", store, "--json").json
    assert (plain["datasets"][0] if folder else plain)["prepared_bytes"] is None
    assert "more in the prepared copy" in run("import", source, "--out", store, "--prepare").out


def test_what_cannot_be_prepared_is_one_sentence(run: Run, tmp_path: Path) -> None:
    done = run("prepare", tmp_path / "nowhere")
    assert (1, f"error: {tmp_path / 'nowhere'}: there is no such store\n") == (done.code, done.err)


def test_a_copy_that_is_set_aside_is_told_on_stderr(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run("import", tiny.write_zip(), "--out", store, "--prepare")
    path = list_partitions(store)[0].path / PREPARED
    path.write_bytes(path.read_bytes()[:-9])
    done = run("replay", store, "--json")
    assert 0 == done.code
    assert done.err.startswith(f"note: {path}: not a whole prepared copy")
    assert done.err.endswith("the day is read from events.parquet\n")


def test_commands_answer_the_same_with_a_copy(
    run: Run, tmp_path: Path, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = bundled_day()
    save(type(day)(day.info, day.events[: 1500 if small else 60_000]), tmp_path / "store")
    order = ["--side", "buy", "--size", "200", "--duration", "20s" if small else "5m", "--algo", "twap,pov"]
    lines = (
        ["replay", "store", "--trace-hash", "500"],
        ["doctor", "store"],
        ["backtest", "--data", "store", *order],
    )
    monkeypatch.chdir(tmp_path)
    found = []
    for prepared in (False, True):
        if prepared:
            assert 0 == run("prepare", "store").code
            monkeypatch.setattr("lobsim.feeds.store._read", None)  # the copy is what is read
        done = [run(*line, "--json") for line in lines]
        assert [0, 0, 0] == [each.code for each in done], [each.err for each in done]
        found.append([steady(each.json) for each in done])
        shutil.rmtree("report", ignore_errors=True)
    assert found[0] == found[1]
