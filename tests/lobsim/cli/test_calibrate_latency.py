"""``lobsim calibrate latency``: what it prints, what it writes, and that a backtest reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobsim.latency import Latency
from tests.lobsim.cli.conftest import Run
from tests.lobsim.test_latency_calibration import made


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file of 400 round trips, the last one refused."""
    trips, load = made(400, rho=0.5)
    lines = ["request_ns,exchange_ns,response_ns,busy"]
    lines += [f"{a},{b},{c},{z:.6f}" for a, b, c, z in zip(trips.request_ns, trips.exchange_ns, trips.response_ns, load, strict=True)]  # fmt: skip
    lines[-1] = f"{trips.request_ns[-1]},0,0,1.5"
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_models_quantiles_and_settings_are_printed_and_written(run: Run, rows: Path, tmp_path: Path) -> None:
    done = run("calibrate", "latency", rows, "--feed", "50us", "--out", tmp_path / "m.json")
    assert (0, "") == (done.code, done.err)
    for words in ("shifted_lognormal", "Taken: ", "requests  400", "refused   1 (0.25%)", "99.9%", "rho 0.5"):
        assert words in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines() if "%" in line and "Taken" not in line)
    settings = Latency.read(tmp_path / "m.json")
    assert (50_000, 1 / 400) == (settings.feed_ns, settings.reject_share)


def test_the_object_for_machines_holds_every_model_and_the_settings(run: Run, rows: Path) -> None:
    found = run("calibrate", "latency", rows, "--map", "rate=busy", "--model", "empirical", "--json").json
    assert {"constant", "uniform", "shifted_lognormal", "gamma", "empirical"} <= set(found["request"]["models"])
    assert (400, 1, "empirical") == (found["rows"], found["refused"], found["answer"]["chosen"])
    assert [0.01, 0.5, 0.999] == [found["answer"]["quantiles"][place]["share"] for place in (0, 4, 9)]
    assert "empirical" == found["latency"]["fill"]["model"]
    assert found["request"]["load_slope"] is not None


def test_wrong_rows_and_options_are_one_sentence(run: Run, rows: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("request_ns,exchange_ns,response_ns\n10,9,12\n")
    for words, what in (
        ((bad,), "row 2, field exchange_ns: exchange_ns is 9, before its request"),
        ((rows, "--map", "busy"), "'busy' maps nothing"),
        ((rows, "--model", "normal"), "there is no model 'normal'"),
        ((rows, "--feed", "soon"), "'soon' is no duration"),
        ((tmp_path / "absent.csv",), "there is no such file"),
    ):
        done = run("calibrate", "latency", *words)
        assert (1, "", 1) == (done.code, done.out, done.err.count("\n"))
        assert what in done.err
