"""``lobsim backtest``: its JSON object, its table, the files it writes, and options that do not fit."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lobsim.cli.results import verdict
from lobsim.feeds.schema import Dataset
from lobsim.feeds.store import save
from tests.execution import steady_market as made
from tests.lobsim.cli.conftest import Run
from tests.lobsim.cli.test_interrupt import SAY_MARK, assert_ended_well, interrupt

PARTS = ("delay", "spread", "impact", "timing", "opportunity", "fees")
WRITTEN = ["fills.parquet", "orders.parquet", "report.html", "results.parquet", "schedule.parquet"]
LIVELY = made.lively(120, seed=21)


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """A store of one made-up day."""
    return store_of(LIVELY, tmp_path / "store")


def store_of(dataset: Dataset, folder: Path) -> Path:
    """A data set as `lobsim import` writes it."""
    save(dataset, folder)
    return folder


def order(day: Path, **options: object) -> list[object]:
    """Arguments for a minute's order on that day; an option of None is left out."""
    settings = {"data": day, "side": "buy", "size": 500, "start": "09:30:30", "duration": "1m"} | options
    words: list[object] = ["backtest"]
    for name, value in settings.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", value]
    return words


# For machines


def test_one_json_object_holds_every_result(run: Run, day: Path) -> None:
    done = run(*order(day, algo="twap,vwap,pov,ac", fees="taker=0.3", limit_price="100.02"), "--json")
    assert (0, "", 1) == (done.code, done.err, done.out.count("\n"))
    assert ["twap", "vwap", "pov", "ac"] == [row["algo"] for row in done.json["results"]]
    for row in done.json["results"]:
        assert 0 < row["filled"] <= 500
        assert set(PARTS) == set(row["shortfall_parts_bps"])
        assert row["shortfall_bps"] == pytest.approx(fsum(row["shortfall_parts_bps"].values()), abs=1e-9)
        assert None not in [row[name] for name in ("avg_price", "arrival_cost_bps", "vwap_cost_bps")]
    facts = {"symbol": "STEADY", "date": "2020-01-02", "fidelity": "L3_FULL", "impact": "rematch", "report": None}
    assert facts == {name: done.json[name] for name in facts}
    assert "100 us on each leg" == done.json["latency"]


def test_the_same_command_gives_the_same_object(run: Run, day: Path) -> None:
    words = [*order(day, algo="twap:peg,pov"), "--json"]
    assert run(*words).out == run(*words).out


def test_several_parents_follow_each_other(run: Run, day: Path) -> None:
    found = run(*order(day, algo="once", parents=3, duration="20s"), "--json").json["results"]
    assert ["1", "2", "3"] == [row["parent_id"] for row in found]
    assert [500.0] * 3 == [row["filled"] for row in found]


def test_a_size_and_a_price_are_read_as_decimals(run: Run, day: Path) -> None:
    words = order(day, size="1,000", side="SELL", limit_price="99.90", max_participation="0.2", algo=" TWAP:Cross ")
    (row,) = run(*words, "--json").json["results"]
    assert ("sell", 1000.0, "twap:cross") == (row["side"], row["size"], row["algo"])
    assert 0 < row["participation"] <= 0.2


def test_without_a_start_the_order_begins_with_the_recording(run: Run, day: Path) -> None:
    (row,) = run(*order(day, start=None, algo="once"), "--json").json["results"]
    assert 500.0 == row["filled"]


@pytest.mark.parametrize(("latency", "words"), [("0", "0 ns"), ("2ms", "2 ms"), ("0s", "0 ns")])
def test_the_delay_is_chosen(run: Run, day: Path, latency: str, words: str) -> None:
    assert f"{words} on each leg" == run(*order(day, algo="once", latency=latency), "--json").json["latency"]


# For people


def table_of(text: str) -> list[str]:
    """The lines of the first table, title first."""
    return text.split("\n\n")[0].rstrip("\n").splitlines()


@pytest.mark.parametrize("columns", ["80", "200"])
def test_the_table_fits_eighty_columns_whole(
    run: Run, day: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = run(*order(day, algo="twap,vwap:cross,pov:cross,ac,leave,once", size=900, fees="taker=250"))
    lines = [line.rstrip() for line in done.out.splitlines()]
    assert "STEADY 2020-01-02, L3 rematch, costs in bps" == lines[0]
    headings = [
        "algorithm",
        "filled",
        "avg",
        "price",
        "arrival",
        "VWAP",
        "spread",
        "impact",
        "timing",
        "total",
        "passive",
    ]
    assert headings == lines[1].split()
    rows = [line.split() for line in lines[3:9]]
    assert {"twap", "vwap:cross", "pov:cross", "ac", "leave", "once"} == {row[0] for row in rows}
    assert [10] * 6 == [len(row) for row in rows]
    assert "…" not in done.out
    assert all(len(line) <= 80 for line in lines[:9])


def test_rows_stand_cheapest_first_and_one_sentence_says_which(run: Run, day: Path) -> None:
    words = order(day, algo="twap:cross,leave,once")
    found = {row["algo"]: row["shortfall_bps"] for row in run(*words, "--json").json["results"]}
    expected = sorted(found, key=lambda name: found[name])
    lines = run(*words).out.splitlines()
    assert expected == [line.split()[0] for line in lines[3:6]]
    assert lines[-1].startswith(f"{expected[0]} was cheapest with a ")
    assert lines[-1].endswith(f" bps below {expected[-1]}, the dearest.")
    assert 1 == lines[-1].count(". ") + lines[-1].endswith(".")


def test_several_parents_are_shown_as_their_mean(run: Run, day: Path) -> None:
    words = order(day, algo="once,twap", parents=3, duration="20s")
    found = run(*words, "--json").json["results"]
    lines = run(*words).out.splitlines()
    assert "STEADY 2020-01-02, L3 rematch, mean of 3 orders, costs in bps" == lines[0].rstrip()
    mean = fsum(row["avg_price"] for row in found if row["algo"] == "once") / 3
    (line,) = (line for line in lines[3:5] if line.startswith("once"))
    assert f"{mean:.4f}" == line.split()[2]


def row_of(algo: str, bps: float | None, money: float | None) -> dict[str, Any]:
    """What a sentence is made of."""
    return {"algo": algo, "shortfall_bps": bps, "shortfall_money": money}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [row_of("ac", 1.234, 1234.5), row_of("pov", 3.5, 9.0)],
            "ac was cheapest with a cost of 1.23 bps (USD 1,234.50), 2.27 bps below pov, the dearest.",
        ),
        (
            [row_of("ac", -1.0, -5.0), row_of("twap", 0.0, 0.0), row_of("pov", None, None)],
            "ac was cheapest with a gain of 1.00 bps (USD 5.00), 1.00 bps below twap, the dearest.",
        ),
        ([row_of("ac", 1.0, 5.0)], "ac came to a cost of 1.00 bps (USD 5.00)."),
        (
            [row_of("ac", None, None)],
            "No cost is known: there was no price on both sides of the book when the order began.",
        ),
    ],
)
def test_the_verdict_is_one_sentence(rows: list[dict[str, Any]], expected: str) -> None:
    assert expected == verdict(rows, "USD")


# Files


def test_without_out_nothing_is_written(run: Run, day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    before = sorted(tmp_path.rglob("*"))
    assert 0 == run(*order(day, algo="once")).code
    assert before == sorted(tmp_path.rglob("*"))


def test_out_holds_the_report_and_the_tables_behind_it(run: Run, day: Path, tmp_path: Path) -> None:
    out = tmp_path / "a" / "report"
    done = run(*order(day, algo="twap,once", out=out), "--json")
    assert str(out / "report.html") == done.json["report"]
    assert WRITTEN == sorted(path.name for path in out.iterdir())
    results = pl.read_parquet(out / "results.parquet")
    assert [row["shortfall_bps"] for row in done.json["results"]] == results["shortfall_bps"].to_list()
    fills = pl.read_parquet(out / "fills.parquet")
    assert [row["filled"] for row in done.json["results"]] == [
        fills.filter(pl.col("algo") == name)["size"].sum() for name in ("twap", "once")
    ]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert str(tmp_path) not in page
    assert "lobsim backtest --data store --side buy --size 500" in page


def test_a_second_run_replaces_the_first_and_gives_the_same_bytes(run: Run, day: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    contents = []
    for _ in range(2):
        run(*order(day, algo="twap", out=out))
        contents.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert contents[0] == contents[1]


def test_out_must_not_be_a_file(run: Run, day: Path) -> None:
    file = day.parent / "file"
    file.write_text("mine")
    done = run(*order(day, out=file))
    assert (1, "", f"error: --out: {file} is a file; name a folder\n") == done
    assert "mine" == file.read_text()


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")
def test_ctrl_c_while_writing_keeps_the_older_report(run: Run, day: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    words = order(day, algo="once", out=out)
    run(*words)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    prepare = f"""
import execution.report, execution.warm
execution.warm.warm = lambda: 0.0
def wait(data, folder):
    import time
    {SAY_MARK}
    time.sleep(60)
execution.report.write_report = wait
import lobsim.cli.compiling
lobsim.cli.compiling.is_cold = lambda: False
"""
    assert_ended_well(interrupt(prepare, *order(day, algo="leave", size=100, out=out)))
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}


# Levels


def test_a_market_of_levels_takes_its_own_settings(run: Run, tmp_path: Path) -> None:
    levels = store_of(made.steady_levels(120), tmp_path / "levels")
    settings = {"impact": "decay", "half_life": "5s", "queue": "Power:2.5"}
    done = run(*order(levels, algo="twap", **settings), "--json")
    assert (0, "", "decay") == (done.code, done.err, done.json["impact"])


def test_an_overlay_is_stated_with_what_moves_a_tick(run: Run, day: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    found = run(*order(day, algo="once", impact="overlay", half_life="2m", out=out), "--json")
    assert (0, "overlay") == (found.code, found.json["impact"])
    assert {"offset", "shifts", "reentered"} < set(found.json["results"][0]["drift"])
    assert "half of the pressure gone after 120 s" in (out / "report.html").read_text(encoding="utf-8")


def test_levels_add_the_same_order_on_displayed_quantities(run: Run, day: Path) -> None:
    pytest.importorskip("lobsim.sample")
    found = run(*order(day, algo="twap,once"), "--levels", "--json").json["results"]
    conditions = [(row["condition"], row["algo"]) for row in found]
    assert [
        ("L3 rematch", "twap"),
        ("L3 rematch", "once"),
        ("L2 consume", "twap"),
        ("L2 consume", "once"),
    ] == conditions
    assert [500.0] * 4 == [row["filled"] for row in found]
    titles = [line for line in run(*order(day, algo="twap"), "--levels").out.splitlines() if "costs in bps" in line]
    assert ["L3 rematch", "L2 consume"] == [title.split(", ")[1] for title in titles]


# The volume curve of an earlier day


def test_vwap_follows_the_volume_of_an_earlier_day(run: Run, day: Path, tmp_path: Path) -> None:
    earlier = replace(LIVELY, info=replace(LIVELY.info, date="2020-01-01"))
    heavy_end = pl.when(pl.col("ts_exchange") > made.OPEN_NS + 75 * 10**9).then(900).otherwise(pl.col("size"))
    earlier = replace(earlier, events=earlier.events.with_columns(size=heavy_end))
    profile = store_of(earlier, tmp_path / "earlier")
    out = {name: tmp_path / name for name in ("plain", "profiled")}
    run(*order(day, algo="vwap", slices=2, out=out["plain"]))
    assert 0 == run(*order(day, algo="vwap", slices=2, profile=profile, out=out["profiled"])).code
    plain, profiled = (pl.read_parquet(folder / "schedule.parquet") for folder in out.values())
    half_ns = made.OPEN_NS + 60 * 10**9
    before, after = (table.filter(pl.col("ts_ns") == half_ns)["target"][0] for table in (plain, profiled))
    assert after < before - 100


def test_the_volume_of_the_day_itself_may_not_be_known(run: Run, day: Path) -> None:
    done = run(*order(day, algo="vwap", profile=day))
    expected = "error: --profile: STEADY 2020-01-02 is not before 2020-01-02, its volume could not have been known"
    assert (1, "", f"{expected}; name an earlier day\n") == done


# What is refused


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"side": "both"}, "--side: 'both' is no side; write buy or sell"),
        ({"size": "0"}, "--size: 0 is out of range"),
        ({"size": "-5"}, "--size: -5 is out of range"),
        ({"size": "2.5"}, "--size: 2.5 is not a whole number of lots; one lot is 1"),
        ({"size": "many"}, "--size is 'many', which is no number"),
        ({"size": "1e400"}, "--size: 1e400 is out of range"),
        ({"start": "25:00"}, "--start: '25:00' is no time of day"),
        ({"start": "04:00"}, "the parent order does not lie within the recording; choose --start and --duration"),
        ({"duration": "2h"}, "the parent order does not lie within the recording; choose --start and --duration"),
        ({"duration": "soon"}, "--duration: 'soon' is no duration"),
        ({"duration": "0s"}, "--duration: '0s' is not a whole number of nanoseconds above 0"),
        ({"algo": "twop"}, "--algo: there is no algorithm 'twop'"),
        ({"algo": "twap:jump"}, "--algo: there is no style 'jump'"),
        ({"algo": "twap,,pov"}, "--algo: there is no algorithm ''"),
        ({"style": "jump"}, "--style: there is no style 'jump'; choose cross, join or peg"),
        ({"slices": "0"}, "algorithm: 0 slices, 1 to 100,000 are allowed"),
        ({"rate": "1.5"}, "pov: a participation rate of 1.5, above 0 and below 1 is needed"),
        ({"rate": "nan"}, "pov: a participation rate of nan"),
        ({"urgency": "-1"}, "ac: an urgency of -1.0, a finite number from 0 is needed"),
        ({"limit_price": "100.005"}, "--limit-price: 100.005 is not on a tick; one tick is 0.01"),
        ({"limit_price": "cheap"}, "--limit-price is 'cheap', which is no number"),
        ({"max_participation": "0"}, "parent: max_participation is 0.0, above 0 and at most 1 is needed"),
        ({"max_participation": "nan"}, "parent: max_participation is nan"),
        ({"latency": "-1ms"}, "--latency: '-1ms' is no duration"),
        ({"latency": "25h"}, "latency: feed_ns is 90000000000000, whole nanoseconds from 0 to one day are needed"),
        ({"impact": "big"}, "--impact: there is no impact mode 'big'; choose none, consume, decay, rematch"),
        ({"impact": "consume"}, "impact consume does not exist for L3_FULL data; use rematch, overlay or none"),
        ({"impact": "decay"}, "impact decay does not exist for L3_FULL data; use rematch, overlay or none"),
        ({"queue": "lifo"}, "--queue: there is no queue model 'lifo'; choose risk-averse, proportional, power3"),
        ({"queue": "log:2"}, "--queue: log has no exponent; write log"),
        ({"queue": "power:two"}, "--queue: 'two' is no number; write power:3"),
        ({"queue": "power:0"}, "market: queue_power is 0.0, a number above 0 and up to 64 is needed"),
        ({"half_life": "soon"}, "--half-life: 'soon' is no duration"),
        ({"half_life": "10ns"}, "market: half_life_ns is 10, 1,000 (1 us) to a year is needed"),
        ({"seed": "99999999999999999999"}, "market: seed is 99999999999999999999, a number of 64 bits is needed"),
        ({"fees": "taker=nan"}, "fees: bps is 'nan', which is no number; a fee must be a finite number"),
        ({"fees": "0.3"}, "0.3: the fees cannot be read: No such file or directory"),
        ({"fees": "taker=1,take=2"}, "--fees: 'take=2' is no fee; write taker=0.3,maker=-0.1 or name a TOML file"),
        ({"data": "nowhere.zip"}, "nowhere.zip: there is no such file or folder"),
    ],
)
def test_an_option_that_does_not_fit_is_one_sentence(
    run: Run, day: Path, tmp_path: Path, options: dict[str, object], sentence: str
) -> None:
    done = run(*order(day, out=tmp_path / "report", **options))
    assert (1, "", 1) == (done.code, done.out, done.err.count("\n"))
    assert sentence in done.err
    assert not (tmp_path / "report").exists()


def test_a_missing_option_is_a_wrong_command_line(run: Run, day: Path) -> None:
    assert 2 == run("backtest", "--data", day, "--side", "buy").code
    assert 2 == run(*order(day, parents=0)).code


# A recorded day


def test_a_recorded_day_as_the_documentation_calls_it(shared: Path, run: Run, small: bool, unpack: Any) -> None:
    archive = shared / "data" / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
    data = unpack("GOOG_2012-06-21_10") if small else archive
    start, duration = ("09:30:10", "30s") if small else ("10:00", "30m")
    words = order(data, size=5000 if not small else 300, start=start, duration=duration, algo="twap,vwap,pov,ac")
    done = run(*words, "--json")
    assert (0, "GOOG", "L3_TOP_K") == (done.code, done.json["symbol"], done.json["fidelity"])
    for row in done.json["results"]:
        assert (300.0 if small else 5000.0) == row["filled"]
        assert row["shortfall_bps"] == pytest.approx(fsum(row["shortfall_parts_bps"].values()), abs=1e-9)
        assert 560 < row["avg_price"] < 600
    assert json.loads(done.out) == done.json
