"""``lobsim calibrate flow``: what it prints, what it writes, and that the preset simulates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lobsim.feeds.store import save
from lobsim.sample import to_levels
from lobsim.simulation import Simulation, load_preset
from tests.lobsim.simulation.test_market import preset_of
from tests.support.commands import Run

SECOND = 10**9


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, limit: Callable[[int, int], int]) -> Path:
    """A simulated day of model cst, as orders."""
    folder = tmp_path_factory.mktemp("days") / "orders"
    save(Simulation(preset_of("cst"), 7, duration_ns=limit(7200, 1200) * SECOND).day().dataset, folder)
    return folder


def test_the_preset_that_is_written_simulates_at_once(stored: Path, run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "mine.toml"
    done = run("calibrate", "flow", stored, "--model", "cst", "--out", kept)
    assert (done.code, done.err) == (0, "")
    assert "lambda(1)" in done.out and "orders per second" in done.out and "not used: hidden executions" in done.out
    preset = load_preset(kept)
    assert preset.agents[0].family == "cont_stoikov_talreja"
    assert preset.name == "cst-CST-2026-01-05" and "Calibrated from CST 2026-01-05" in kept.read_text(encoding="utf-8")
    simulated = run("simulate", kept, "--duration", "60s", "--json")
    assert simulated.code == 0 and simulated.json["preset_digest"] == preset.digest


def test_the_same_recording_gives_the_same_preset(stored: Path, run: Run, tmp_path: Path) -> None:
    written = []
    for name in ("one.toml", "two.toml"):
        assert run("calibrate", "flow", stored, "--model", "cst", "--out", tmp_path / name).code == 0
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


def test_the_answer_in_json_says_what_was_used_and_what_was_held_out(stored: Path, run: Run) -> None:
    told = run("calibrate", "flow", stored, "--model", "zi", "--check", "60s", "--json").json
    names = {each["name"]: each for each in told["estimates"]}
    assert set(names) == {"alpha", "mu", "delta", "sigma", "window"}
    assert names["mu"]["error"] > 0 and names["mu"]["events"] > 0
    assert told["preset"]["agents"][0]["mu"] == names["mu"]["value"]
    assert told["recordings"][0]["events"] > 0 and told["out"] is None
    assert [each["fact"] for each in told["check"]["facts"]] == ["R3", "F1", "I1", "I7"]


def test_the_held_out_facts_are_printed_for_both_markets(stored: Path, run: Run) -> None:
    done = run("calibrate", "flow", stored, "--model", "cst", "--check", "60s")
    assert done.code == 0
    assert "Held out of the fit: recorded, and 60s simulated with seed 0" in done.out
    assert "long memory of signs" in done.out and "Nothing was written" in done.out


def test_several_days_and_levels_are_taken(stored: Path, run: Run, tmp_path: Path) -> None:
    from lobsim.feeds.store import load

    save(to_levels(load(stored)), tmp_path / "levels")
    one = run("calibrate", "flow", stored, "--model", "zi", "--json").json
    two = run("calibrate", "flow", stored, stored, "--model", "zi", "--json").json
    levels = run("calibrate", "flow", tmp_path / "levels", "--model", "zi", "--json").json
    assert two["seconds_used"] == pytest.approx(2 * one["seconds_used"])
    for name in ("alpha", "mu", "delta", "sigma"):
        assert two["preset"]["agents"][0][name] == pytest.approx(one["preset"]["agents"][0][name])
    assert levels["preset"]["agents"][0]["alpha"] == one["preset"]["agents"][0]["alpha"]
    mixed = run("calibrate", "flow", stored, tmp_path / "levels", "--model", "zi")
    assert mixed.code == 1 and "differ in fidelity" in mixed.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "gold"), "there is no model 'gold'"),
        (("--model", "zi", "--out", "mine.json"), "end in .toml"),
        (("--model", "zi", "--drop", "soon"), "--drop"),
        (("--model", "zi", "--check", "soon"), "--check"),
        (("--model", "zi", "--decays", "1,2"), "has no decays"),
        (("--model", "hawkes12", "--decays", "1,fast"), "no decays"),
        (("--model", "zi", "--central", "0.9"), "no two quantiles"),
    ],
)
def test_what_cannot_be_fitted_is_said_in_a_sentence(stored: Path, run: Run, words: tuple[str, ...], said: str) -> None:
    done = run("calibrate", "flow", stored, *words)
    assert done.code == 1
    assert said in done.err and len(done.err.splitlines()) == 1 and not done.out


@pytest.mark.parametrize("model", ["zi", "cst", "hawkes12"])
def test_a_recorded_hour_is_fitted_and_its_preset_simulates(
    model: str, aapl_hour: list[object], run: Run, tmp_path: Path, limit: Callable[[int, int], int]
) -> None:
    if limit(0, 1):
        pytest.skip("the hour and the warm-up of its preset need compiled speed")
    kept = tmp_path / "apple.toml"
    file, _, seed_book = aapl_hour[:3]
    words = ("--decays", "1500,100") if model == "hawkes12" else ()
    told = run("calibrate", "flow", file, "--seed-book", seed_book, "--model", model, "--out", kept, "--json", *words)
    assert told.code == 0, told.err
    assert told.json["agreement"] > 0.95
    assert run("simulate", kept, "--duration", "30s", "--json").json["messages"] > 0
