"""``lobsim simulate``: what it prints, what it keeps, what it refuses."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lobsim.feeds.store import load, save
from lobsim.realism.metaorder_files import write_metaorders
from lobsim.sample import generate_day
from lobsim.simulation import preset_names
from tests.support.commands import Run

COUNTS = ("messages", "messages_per_s", "requests", "rejected", "answers", "wakes", "trades", "traded_lots", "rows")


SPLIT = """
name = "split"
about = "Metaorders taken from a few queues"
listing = { symbol = "SPL", start_price = "100.00" }
session = { duration = "60s" }
opening = { levels = 5, orders = 3 }

[[agents]]
family = "cont_stoikov_talreja"
entering = [2.0, 1.0, 1.0]
dying = [0.1, 0.1, 0.1]
mu = 0.0

[[agents]]
family = "split_orders"
mu = 2.0
"""


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


def test_metaorders_are_kept_beside_the_day_and_found_by_who_judges_it(run: Run, tmp_path: Path) -> None:
    preset = tmp_path / "split.toml"
    preset.write_text(SPLIT, encoding="utf-8")
    said = run("simulate", preset, "--seed", "7", "--out", tmp_path, "--json").json
    table = pl.read_parquet(said["metaorders"])
    assert Path(said["metaorders"]) == tmp_path / "metaorders.parquet"
    assert table.columns == ["agent", "serial", "start_ns", "end_ns", "side", "size_lots", "children"]
    assert len(table) > 30 and (table["end_ns"] >= table["start_ns"]).all()
    events = load(tmp_path / "orders").events
    assert table["end_ns"].is_in(events["ts_exchange"].implode()).mean() > 0.9
    for store in (tmp_path / "orders", tmp_path / "levels", said["orders"]):
        facts = {fact["fact"]: fact for fact in run("realism", store, "--json").json["facts"]}
        assert "nobody knows" not in facts["I3"]["note"]
    run("simulate", preset, "--duration", "20s", "--seed", "8", "--out", tmp_path / "other", "--json")
    write_metaorders(table, tmp_path / "other", (said["digest"],))
    facts = {fact["fact"]: fact for fact in run("realism", tmp_path / "other" / "orders", "--json").json["facts"]}
    assert "nobody knows" in facts["I3"]["note"]


def test_a_day_without_metaorders_leaves_no_table_of_an_earlier_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "metaorders.parquet").write_bytes(b"old")
    said = run("simulate", "cst", "--duration", "2s", "--out", tmp_path, "--json").json
    assert "metaorders" not in said and not (tmp_path / "metaorders.parquet").exists()


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
