"""``lobsim bench core``: keys that others rely on, what is said about what cannot be measured, and wrong answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lobsim.bench import suite
from lobsim.bench.answers import WrongAnswer
from tests.lobsim.cli.conftest import Run

KEYS = {"vs_c", "tapes", "flatness_1e6_over_1e3", "batch_1024_over_1", "warm_start_s"}


@pytest.fixture(autouse=True)
def nothing_is_warmed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "warm_up", lambda: 0.0)


def test_a_quick_run_has_every_key(run: Run, small: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if small:
        pytest.skip("a million resting orders need compiled speed")
    monkeypatch.setenv("LOBSIM_SHARED", str(tmp_path / "nowhere"))
    names = ("verbs", "calls", "flatness", "ids", "yardstick", "tapes", "batches", "memory", "start")
    only = [word for name in names for word in ("--only", name)]
    out = tmp_path / "figures.json"
    done = run("bench", "core", "--quick", "--rounds", 1, "--json", "--out", out, "--histograms", tmp_path / "h", *only)
    assert 0 == done.code, done.err
    found = done.json
    assert set(found) >= KEYS
    assert {"shallow": None, "deep": None} == found["vs_c"]
    assert {} == found["tapes"]
    assert found["flatness_1e6_over_1e3"] > 0
    assert found["batch_1024_over_1"] > 0
    assert found["warm_start_s"] > 0
    assert "--yardstick" in found["not_measured"]["yardstick"]
    assert "not asked for" == found["not_measured"]["cores"]
    assert found == json.loads(out.read_text())
    assert ["figures.json", "h"] == sorted(path.name for path in tmp_path.iterdir())
    assert "match-1000.hgrm" in {path.name for path in (tmp_path / "h").iterdir()}


def test_the_table_can_be_read(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(suite, "QUICK", suite.Plan(rounds=1, sizes=(100,), blocks=2, timed=50))
    done = run("bench", "core", "--quick", "--only", "verbs", "--only", "memory")
    assert 0 == done.code, done.err
    for words in ("One verb, ns per message over blocks of 64", "restore us", "not measured: start"):
        assert words in done.out


def test_a_wrong_answer_ends_with_exit_code_1_and_no_figure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: Any, **__: Any) -> None:
        raise WrongAnswer("fills is 3, it must be 4", where="mix at 1000 orders")

    monkeypatch.setattr("lobsim.bench.flow.measure_flatness", wrong)
    done = run("bench", "core", "--quick", "--only", "flatness", "--json")
    assert 1 == done.code
    assert done.json["flatness_1e6_over_1e3"] is None
    assert {"flatness": "mix at 1000 orders: fills is 3, it must be 4"} == done.json["invalid"]
    assert "invalid: flatness: mix at 1000 orders: fills is 3, it must be 4" in done.err


def test_a_wrong_digest_ends_with_exit_code_1(run: Run, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBSIM_SHARED", str(shared))
    row = {"messages_per_s": 5, "ns_per_message": 2.0, "digest_ok": False}
    monkeypatch.setattr("lobsim.bench.tapes.measure_tape", lambda *_: dict(row))
    done = run("bench", "core", "--quick", "--only", "tapes", "--json")
    assert 1 == done.code
    assert {"messages_per_s": None, "ns_per_message": None, "digest_ok": False} == done.json["tapes"]["quantcup-feed"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "speed"], "--only speed is no step; there are verbs, calls"),
        (["--out", "no/such/folder/file.json"], "--out: there is no folder no/such/folder"),
        (["--yardstick", "no/such/folder"], "--yardstick: there is no folder no/such/folder"),
    ],
)
def test_bad_input_is_one_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    done = run("bench", "core", *arguments)
    assert 1 == done.code
    assert done.err.startswith(f"error: {sentence}")
    assert 1 == done.err.count("\n")
