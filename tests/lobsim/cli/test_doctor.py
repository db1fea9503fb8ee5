"""``lobsim doctor``: what it says of days, of stores and of the installation, what it repairs, and what it refuses."""

from __future__ import annotations

import doctest
import json
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import lobsim
from lobsim.cli.doctor import doctor
from lobsim.feeds import Dataset, list_partitions, load, save
from lobsim.feeds.findings import CHECKS
from lobsim.feeds.repair import REPAIRS
from lobsim.sample import bundled_day
from tests.lobsim.cli.conftest import ROOT, Run
from tests.lobsim.feeds.conftest import TinyRecording
from tests.support.made_days import SECOND, day
from tests.support.pieces import MONDAY_NS, level

PAGE = ROOT / "docs" / "doctor.md"
EARLY = level(9, 0, 98, 1, ts_local=MONDAY_NS + 4)


def made(early: bool = True, **info: str) -> Dataset:
    """A day with a stale level, and where asked a row that came too early."""
    rows = [level(0, 0, 99, 5), level(0, 1, 101, 5), level(1, 0, 101, 1), level(2 + SECOND, 0, 98, 1)]
    return day([*rows[:3], *[EARLY] * early, *rows[3:]], **info)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of two symbols and three days."""
    for symbol, date, early in (
        ("ABC", "2026-01-05", True),
        ("ABC", "2026-01-06", False),
        ("XYZ", "2026-01-05", False),
    ):
        save(made(early, symbol=symbol, date=date), tmp_path / "store")
    return tmp_path / "store"


def test_a_store_is_looked_at_day_by_day_and_can_be_narrowed(run: Run, store: Path) -> None:
    done = run("doctor", store, "--json")
    assert (0, "") == (done.code, done.err)
    days = [(each["symbol"], each["date"], each["grade"]) for each in done.json["datasets"]]
    broken = "L2 + trades, broken"
    assert [("ABC", "2026-01-05", broken), ("ABC", "2026-01-06", broken), ("XYZ", "2026-01-05", broken)] == days
    names = [[each["name"] for each in found["findings"]] for found in done.json["datasets"]]
    late = ["locked-book", "missing-removal"]
    assert [[*late, "local-clock-falls", "negative-latency"], late, late] == names
    one = run("doctor", store, "--symbol", "ABC", "--date", "2026-01-06", "--json").json["datasets"]
    assert ["2026-01-06"] == [each["date"] for each in one]


def test_several_data_sets_are_named_one_after_the_other(run: Run, store: Path, tiny: TinyRecording) -> None:
    partition = list_partitions(store)[1].path
    done = run("doctor", partition, partition / "events.parquet", tiny.write_zip(), "--json")
    assert ["ABC", "ABC", "TINY"] == [each["symbol"] for each in done.json["datasets"]]


def test_a_repair_writes_a_new_store_with_the_log_and_leaves_the_original(
    run: Run, store: Path, tmp_path: Path
) -> None:
    before = [load(each.path).digest for each in list_partitions(store)]
    out = tmp_path / "repaired"
    steps = ["--repair", "clock-offset", "--repair", "event-order", "--repair", "drop-stale:after_ns=1000000000"]
    done = run("doctor", store, *steps, "--out", out, "--json")
    assert (0, "") == (done.code, done.err)
    assert before == [load(each.path).digest for each in list_partitions(store)]
    repaired = [each["repaired"] for each in done.json["datasets"]]
    assert [[5, 1, 1], [0, 0, 1], [0, 0, 1]] == [[entry["rows"] for entry in each["log"]] for each in repaired]
    assert [load(each.path).digest for each in list_partitions(out)] == [each["digest"] for each in repaired]
    assert not {each["digest"] for each in repaired} & set(before)
    assert {"missing-removal", "negative-latency"} <= set(repaired[0]["found_nothing"])
    notes = load(out, "ABC", "2026-01-05").info.notes
    assert ["repair clock-offset", "repair event-order:", "repair drop-stale a"] == [note[:19] for note in notes]
    manifest = json.loads((out / "manifest.json").read_text())["partitions"]
    assert [list(notes), 3] == [manifest[0]["notes"], len(manifest)]


def test_it_says_in_words_what_it_found_and_what_to_do(run: Run, store: Path) -> None:
    path = list_partitions(store)[0].path
    done = run("doctor", path)
    assert (0, "") == (done.code, done.err)
    assert "ABC 2026-01-05: L2 + trades, broken" in done.out
    assert re.search(r"negative-latency +warning +1 +4 +clock-offset", done.out)
    assert "Median: -0.000 ms; worst: -0.000 ms." in done.out
    assert "No repair: " not in done.out.partition("Looked for")[0]
    words = "--repair drop-stale --repair event-order --repair clock-offset --out REPAIRED"
    assert done.out.endswith(f"Try next: lobsim doctor {path} {words}\n")
    assert max(map(len, done.out.split("\n\n")[1].splitlines())) <= 80


def test_a_day_without_findings_says_so(run: Run, tmp_path: Path) -> None:
    path = save(day([level(0, 0, 99, 5), level(1, 1, 101, 5)]), tmp_path)
    done = run("doctor", path)
    assert "L2 + trades, exact" in done.out and "Nothing was found." in done.out and "Try next" not in done.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["STORE", "--repair", "polish", "--out", "OUT"],
            f"there is no repair 'polish'; choose from {', '.join(REPAIRS)}",
        ),
        (
            ["STORE", "--repair", "mark-gaps"],
            "a repair needs a store for its days: the original is never changed; give --out",
        ),
        (["STORE", "--out", "OUT"], "--out is for repaired days; name a repair with --repair"),
        (["--repair", "mark-gaps", "--out", "OUT"], "there is nothing to repair; name a data set"),
        (
            ["STORE", "--repair", "mark-gaps", "--out", "STORE"],
            "the original would be replaced; give another store with",
        ),
        (["STORE", "--symbol", "QQQ"], "it holds no such day; it holds ABC 2026-01-05, ABC 2026-01-06, XYZ 2026-01-05"),
        (["OUT"], "there is no such file or folder"),
    ],
)
def test_what_does_not_make_sense_is_refused_in_one_sentence(
    run: Run, store: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    places = {"STORE": store, "OUT": tmp_path / "out"}
    done = run("doctor", *(places.get(word, word) for word in words))
    assert (1, "", 1) == (done.code, done.out, done.err.count("\n"))
    assert sentence in done.err
    assert not (tmp_path / "out").exists()


def test_a_damaged_file_is_one_sentence(run: Run, store: Path) -> None:
    path = list_partitions(store)[0].path / "events.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    done = run("doctor", store, "--json")
    assert (1, "", True) == (done.code, done.out, "not a whole Parquet file" in done.err)


# The installation


def test_without_a_data_set_it_tells_how_the_installation_is(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOBSIM_SHARED", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = run("doctor", "--json").json
    assert ["python", "lobsim", "numpy", "numba", "llvmlite", "polars", "pyarrow", "torch"] == list(found["versions"])
    assert (lobsim.__version__, pl.__version__) == (found["versions"]["lobsim"], found["versions"]["polars"])
    assert {"variable": "LOBSIM_SHARED", "value": str(tmp_path), "folder": str(tmp_path), "found": True} == found[
        "shared_data"
    ]
    assert 1 <= found["threads"]["usable"] <= found["threads"]["processors"]
    assert "3" == found["threads"]["variables"]["OMP_NUM_THREADS"]
    assert 0.01 < found["matrix"]["gflops"] < 100_000
    assert {"folder", "writable", "warm", "compiles", "files", "bytes"} == set(found["cache"])
    assert found["cache"]["writable"]


def test_the_installation_is_told_in_words_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBSIM_SHARED", "nowhere/at/all")
    done = run("doctor")
    assert "lobsim on this machine" in done.out and "GFLOP/s" in done.out and "cache folder" in done.out
    assert f"LOBSIM_SHARED=nowhere/at/all: {ROOT / 'nowhere/at/all'} is not there" in done.out


def test_a_folder_that_cannot_be_written_is_told(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setattr("lobsim.core.jit.cache_folder", lambda: str(tmp_path / "new" / "deep"))
    assert run("doctor", "--json").json["cache"]["writable"]
    monkeypatch.setattr("lobsim.cli.installation.tempfile.TemporaryFile", _refuse)
    assert not run("doctor", "--json").json["cache"]["writable"]
    assert "no: set NUMBA_CACHE_DIR to a folder that can be written" in run("doctor").out


def _refuse(**_: object) -> None:
    raise OSError("read-only")


# What is written about it


def test_help_names_every_repair() -> None:
    import inspect

    text = str(inspect.signature(doctor)) + (ROOT / "lobsim" / "cli" / "doctor.py").read_text()
    assert [] == [name for name in REPAIRS if name not in text]


def test_the_page_names_every_finding_and_every_repair() -> None:
    text = PAGE.read_text()
    assert [] == [name for name in (*CHECKS, *REPAIRS) if f"`{name}`" not in text]


def test_the_examples_of_the_page_run_as_printed() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert (0, True) == (failed, tried >= 10)


def test_the_command_of_the_page_prints_what_the_page_shows(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = bundled_day()
    early = whole.events.with_columns(pl.col("ts_local") - 3_000_000)
    save(replace(whole, events=early), tmp_path / "recorded")
    (block,) = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    command, _, shown = block.partition("\n")
    done = run(*command.removeprefix("$ lobsim ").split())
    assert (0, "") == (done.code, done.err)
    assert [line.rstrip() for line in shown.splitlines()] == [line.rstrip() for line in done.out.splitlines()]
