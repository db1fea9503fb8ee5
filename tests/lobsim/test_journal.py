"""Saved runs: gone on with in another process they end alike, and a file that is not what was written is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lobsim.config import Latency, MarketConfig
from lobsim.core.world_hash import world_hash
from lobsim.errors import ConfigError, DataError
from lobsim.journal import load_run, save_run
from lobsim.market import Market, MarketRun
from lobsim.types import NEVER, Fidelity, Status
from tests.lobsim.test_market import from_stream
from tests.oracle.streams import random_history
from tests.support.batches import decide, told

ROOT = Path(__file__).resolve().parents[2]
LATENCY = Latency(feed_ns=40_000_000, order_ns=300_000_000, response_ns=5_000_000)


def make_market(seed: int = 3, **settings: Any) -> Market:
    """A market of a random day, the same in every process."""
    settings = {"latency": LATENCY, "median_life_ns": 10**9} | settings
    return Market(from_stream(random_history(seed, 400), Fidelity.L3_FULL), MarketConfig(**settings))


def run_on(run: MarketRun, until_ns: int = NEVER) -> MarketRun:
    """Run on, deciding whenever woken."""
    while run.advance(until_ns) == Status.WAKE:
        run.world = decide(run.world, 2)
    return run


@pytest.fixture(scope="module")
def market() -> Market:
    """The market of most tests here."""
    return make_market()


def middle_of(market: Market) -> MarketRun:
    """A run at noon: orders and fills behind it, messages on their way."""
    run = market.start(participant=True)
    times = market.tape["ts_ns"]
    run.world.head["wake_ns"] = times[len(times) // 10]
    run_on(run, int(times[len(times) // 2]))
    run.world.head["wake_ns"] = run.now_ns
    while run.world.transit.head[0]["count"] == 0:
        assert Status.WAKE == run.advance(NEVER)
        run.world = decide(run.world, 2)
    return run


GO_ON = """
import sys
from tests.lobsim.test_journal import load_run, make_market, run_on, world_hash
run = run_on(load_run(sys.argv[1], make_market()))
sys.stdout.write(str(world_hash(run.world)))
"""


def test_a_run_gone_on_with_in_another_process_ends_with_the_same_hash(market: Market, tmp_path: Path) -> None:
    run = middle_of(market)
    assert run.world.head[0]["own"]
    assert run.world.transit.head[0]["count"]
    save_run(run, market, tmp_path / "noon.run")
    command = [sys.executable, "-c", GO_ON, str(tmp_path / "noon.run")]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert str(world_hash(run_on(run).world)) == answer


def test_a_loaded_run_is_the_run_that_was_saved(market: Market, tmp_path: Path) -> None:
    run = middle_of(market)
    save_run(run, market, tmp_path / "noon.run")
    again = load_run(tmp_path / "noon.run", market)
    assert (told(run.world), run.chosen) == (told(again.world), again.chosen)
    assert told(run_on(run).world) == told(run_on(again).world)


def test_another_latency_of_the_run_is_kept(market: Market, tmp_path: Path) -> None:
    run = market.start(participant=True, latency=Latency.round_trip(7))
    save_run(run, market, tmp_path / "a.run")
    assert 7 == load_run(tmp_path / "a.run", market).world.head[0]["order_ns"]


def test_saving_leaves_one_file_and_replaces_an_older_one(market: Market, tmp_path: Path) -> None:
    run = market.start(participant=False)
    save_run(run, market, tmp_path / "a.run")
    before = (tmp_path / "a.run").read_bytes()
    run.advance_rows(100)
    save_run(run, market, tmp_path / "a.run")
    assert before != (tmp_path / "a.run").read_bytes()
    assert [tmp_path / "a.run"] == list(tmp_path.iterdir())


def test_the_older_file_stands_when_saving_fails(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = market.start(participant=False)
    save_run(run, market, tmp_path / "a.run")
    before = (tmp_path / "a.run").read_bytes()
    run.advance_rows(100)

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(DataError, match=r"a\.run: it cannot be saved \(No space left on device\)"):
        save_run(run, market, tmp_path / "a.run")
    assert before == (tmp_path / "a.run").read_bytes()
    assert [tmp_path / "a.run"] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data[:-10], "the file is cut: [0-9]+ of [0-9]+ bytes are there"),
        (lambda data: data[:200], "the file is cut or altered"),
        (lambda data: data[:60], "the file is cut or altered|no run that lobsim saved"),
        (lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:], "the file is cut or altered"),
        (lambda data: data.replace(b'"nbytes": ', b'"nbytes":  '), "the file is cut or altered"),
        (lambda data: data + b"more", "the file is cut or altered"),
        (lambda data: b"", "this is no run that lobsim saved"),
        (lambda data: b"PK" + data, "this is no run that lobsim saved"),
        (lambda data: data.replace(b"lobsim run 1", b"lobsim run 2", 1), "in format 2, this version reads 1"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused_in_one_sentence(
    market: Market, tmp_path: Path, change: Any, why: str
) -> None:
    file = tmp_path / "a.run"
    save_run(market.start(participant=False), market, file)
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(DataError, match=why) as caught:
        load_run(file, market)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_no_file_no_run(market: Market, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        load_run(tmp_path / "none.run", market)
    with pytest.raises(DataError, match="it cannot be saved"):
        save_run(market.start(participant=False), market, tmp_path / "no folder" / "a.run")


def test_a_run_of_another_version_data_set_or_setting_is_refused(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.run"
    save_run(market.start(participant=True), market, file)
    with pytest.raises(DataError, match="the run was saved of another data set"):
        load_run(file, make_market(seed=4))
    with pytest.raises(ConfigError, match="the run was saved with own_first 0, the market has 1"):
        load_run(file, make_market(own_first=True))
    monkeypatch.setattr("lobsim.journal.__version__", "99.0")
    with pytest.raises(DataError, match=r"the run was saved by lobsim [0-9.]+, this is 99\.0"):
        load_run(file, market)
