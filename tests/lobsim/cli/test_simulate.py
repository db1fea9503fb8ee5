"""``lobsim simulate``: what it prints, what it keeps, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobsim.feeds.store import load, save
from lobsim.sample import generate_day
from lobsim.simulation import preset_names
from tests.support.commands import Run

COUNTS = ("messages", "messages_per_s", "requests", "rejected", "answers", "wakes", "trades", "traded_lots", "rows")


def test_a_day_is_kept_as_orders_and_as_levels(run: Run, tmp_path: Path) -> None:
    found = run("simulate", "cst", "--duration", "10s", "--seed", "7", "--out", tmp_path, "--json")
    assert (found.code, found.err) == (0, "")
    said = found.json
    orders, levels = load(tmp_path / "orders"), load(tmp_path / "levels")
    assert orders.digest == said["digest"] and levels.digest == said["levels_digest"]
    assert orders.events.height == said["rows"] and levels.events.height == said["levels_rows"]
    assert all(isinstance(said[name], int) for name in COUNTS)
    assert said["messages"] == said["requests"] + said["answers"] + said["wakes"]
    again = run("simulate", "cst", "--duration", "10s", "--seed", "7", "--json").json
    assert again["digest"] == said["digest"]
    assert run("replay", tmp_path / "orders", "--check", "--json").code == 0
    assert run("replay", tmp_path / "levels", "--json").code == 0


def test_what_is_printed_for_people_names_the_digest(run: Run) -> None:
    found = run("simulate", "cst", "--duration", "2s", "--seed", "1")
    digest = run("simulate", "cst", "--duration", "2s", "--seed", "1", "--json").json["digest"]
    assert found.code == 0
    assert digest in found.out and "seed 1" in found.out


def test_a_tape_goes_on_in_the_same_book(run: Run, tmp_path: Path) -> None:
    save(generate_day(limit=400), tmp_path / "tape")
    arguments = ("simulate", "martingale", "--duration", "2s", "--seed", "7", "--json")
    found = run(*arguments, "--tape", tmp_path / "tape", "--out", tmp_path / "days")
    assert (found.code, found.err) == (0, "")
    alone = run(*arguments).json
    assert alone["tape"] is None and found.json["tape"] == load(tmp_path / "tape").digest
    assert found.json["digest"] != alone["digest"]
    assert load(tmp_path / "days" / "orders").info.symbol == "LOBS"
    assert run("replay", tmp_path / "days" / "orders", "--check", "--json").code == 0


def test_presets_are_listed(run: Run) -> None:
    assert sorted(run("simulate", "--list", "--json").json["presets"]) == preset_names()
    assert all(name in run("simulate", "--list").out for name in preset_names())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no preset is named"),
        (["gold"], "there is no preset 'gold'"),
        (["zi", "--duration", "soon"], "--duration"),
        (["zi", "--seed", str(2**63)], "64 bits"),
        (["zi", "--tape", "nowhere"], "no such file"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_a_sentence(run: Run, arguments: list[str], said: str) -> None:
    found = run("simulate", *arguments)
    assert found.code == 1
    assert said in found.err and len(found.err.splitlines()) == 1 and not found.out
