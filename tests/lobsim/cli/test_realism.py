"""``lobsim realism`` as it is typed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from lobsim.feeds.store import save
from lobsim.realism.facts.measured import METAORDERS
from tests.lobsim.feeds.conftest import TinyRecording
from tests.oracle.streams import random_history
from tests.support.commands import Run
from tests.support.order_days import order_day


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A short made-up day of orders."""
    return save(order_day(random_history(5, 300)), tmp_path / "store")


def test_every_fact_is_answered_and_what_cannot_be_told_says_why(stored: Path, run: Run) -> None:
    done = run("realism", stored, "--json")
    assert (0, "") == (done.code, done.err)
    told = done.json
    facts = {fact["fact"]: fact for fact in told["facts"]}
    assert 32 == len(facts)
    assert "not measurable" == facts["S1"]["verdict"]
    assert "not measurable, because it needs at least 20 days" == facts["S1"]["note"]
    assert facts["B1"]["verdict"] is None
    assert facts["B1"]["values"]["mean_ticks"] > 0
    assert {"met", "missed", "not measurable"} == set(told["verdicts"])
    assert told["comparison"] is None


def test_the_table_names_facts_verdicts_and_reasons(stored: Path, run: Run) -> None:
    done = run("realism", stored)
    assert 0 == done.code, done.err
    assert "S1  seasons of the day" in done.out
    assert "S1 not measurable, because it needs at least 20 days" in done.out
    rows = [line for line in done.out.splitlines() if re.match(r"[RFBIS]\d+ +[a-z]", line) and "because" not in line]
    assert 32 == len(rows)
    assert [] == [line for line in rows if len(line.rstrip()) > 80 or "…" in line]


def test_another_day_is_held_beside_it_and_a_page_is_written(stored: Path, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "report"
    done = run("realism", stored, "--against", stored, "--out", out, "--json")
    assert 0 == done.code, done.err
    told = done.json
    assert told["digest"] == told["against"]["digest"]
    distances = {score["name"]: score["total_variation"] for score in told["comparison"]["scores"]}
    assert 21 == len(distances)
    assert 0.0 == distances["spread"]
    assert [str(out / "realism.html"), str(out / "realism.json")] == told["out"]
    kept = json.loads((out / "realism.json").read_text(encoding="utf-8"))
    assert kept["facts"] == told["facts"]
    page = (out / "realism.html").read_text(encoding="utf-8")
    assert "https://" not in page.split("<script")[0]
    assert page.count('class="chart"') == page.count('role="img"') >= 9
    assert "seasons of the day" in page


def test_a_day_is_judged_by_the_reference_of_a_preset(stored: Path, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "report"
    done = run("realism", stored, "--preset", "zi", "--out", out, "--json")
    assert (0, "") == (done.code, "".join(line for line in done.err.splitlines() if "error" in line))
    told = done.json["reference"]
    assert ("zi", []) == (told["preset"], told["broken"])
    facts = {fact["fact"]: fact for fact in done.json["facts"]}
    assert "mean_ticks 53.8 to 57.2" == facts["B1"]["band"]
    assert [False, True] == [facts[key]["meant"] for key in ("F1", "I7")]
    assert "What the preset zi owes" in (out / "realism.html").read_text(encoding="utf-8")
    printed = run("realism", stored, "--preset", "day").out
    assert "required, and not met: R1" in printed and "never meant to be met (in brackets): none" in printed
    refused = run("realism", stored, "--preset", "gold")
    assert 1 == refused.code and "preset 'gold' has no reference" in refused.err


def test_the_same_command_writes_the_same_page(stored: Path, run: Run, tmp_path: Path) -> None:
    pages = []
    for name in ("one", "two"):
        assert 0 == run("realism", stored, "--out", tmp_path / name, "--seed", 4).code
        pages.append((tmp_path / name / "realism.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_vendor_file_is_taken_as_it_is(tiny: TinyRecording, run: Run) -> None:
    done = run("realism", tiny.write_csv(), "--json")
    assert 0 == done.code, done.err
    assert "L3_TOP_K" == done.json["fidelity"]


def test_metaorders_come_from_a_table_and_anything_else_is_refused(stored: Path, run: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "meta.parquet", tmp_path / "bad.parquet"
    pl.DataFrame({name: [1, 2] for name in METAORDERS}, schema=METAORDERS).write_parquet(good)
    pl.DataFrame({"start_ns": [1.5]}).write_parquet(bad)
    notes = {
        fact["fact"]: fact["note"] for fact in run("realism", stored, "--metaorders", good, "--json").json["facts"]
    }
    assert "not measurable, because there are 0 metaorders within the day, 30 are needed" == notes["I3"]
    for path in (bad, tmp_path / "absent.parquet"):
        done = run("realism", stored, "--metaorders", path)
        assert 1 == done.code
        assert done.err.startswith("error: ")
        assert 1 == done.err.count("\n")


def test_options_of_a_day_that_is_not_there_are_refused(stored: Path, run: Run) -> None:
    done = run("realism", stored, "--against-date", "2012-06-21")
    assert 1 == done.code
    assert "options of the other day need --against" in done.err
