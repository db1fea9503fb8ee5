"""``lobsim fidelity`` and ``lobsim calibrate queue`` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lobsim.feeds.store import save
from lobsim.types import Kind
from tests.support.commands import Run
from tests.support.order_days import order_day
from tests.support.worlds import BUY, SELL, row


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A made-up day of orders, one of which jumps the queue."""
    rows = [row(0, Kind.ADD, SELL, 1, 110, 50)]
    for turn in range(8):
        first = 10 * turn + 2
        rows += [
            row(100 * turn + 1, Kind.ADD, BUY, first, 100, 5),
            row(100 * turn + 2, Kind.ADD, BUY, first + 1, 100, 5),
            row(100 * turn + 3, Kind.EXECUTE, BUY, first + (turn == 7), 100, 5),
            row(100 * turn + 4, Kind.DELETE, BUY, first + (turn != 7), 100, 5),
        ]
    return save(order_day(rows), tmp_path / "store")


def test_fidelity_tells_what_was_sampled_and_why_it_missed(stored: Path, run: Run) -> None:
    done = run("fidelity", stored, "--sample", 100, "--json")
    assert (0, "") == (done.code, done.err)
    told = done.json
    assert (17, 15, 8, 7) == tuple(told[name] for name in ("sampled", "exact", "filled_sampled", "filled_exact"))
    assert 7 / 8 == told["oldest_first_share"]
    assert {"older_stood_ahead", "younger_hit"} == {miss["cause"] for miss in told["misses"]}
    assert told["misses"][0]["why"].startswith("an execution hit a younger order")


def test_fidelity_prints_tables_and_causes_in_words(stored: Path, run: Run) -> None:
    done = run("fidelity", stored)
    assert 0 == done.code
    assert "all filled" in done.out
    assert "older_stood_ahead: it was executed while an older order stood at its price" in done.out


def test_calibrate_queue_prints_the_models_and_keeps_what_it_chose(stored: Path, run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "queue.json"
    done = run("calibrate", "queue", stored, "--orders", 4, "--out", kept)
    assert 0 == done.code, done.err
    assert "proportional" in done.out
    chosen = json.loads(kept.read_text(encoding="utf-8"))
    assert f"Chosen: {chosen['queue_model']}" in done.out


def test_calibrate_queue_answers_in_json(stored: Path, run: Run) -> None:
    told = run("calibrate", "queue", stored, "--orders", 4, "--json").json
    assert {"queue_model", "queue_power", "models", "fit_mean_absolute_percent"} <= set(told)


def test_levels_are_refused_by_both(stored: Path, run: Run, tmp_path: Path) -> None:
    from lobsim.feeds.store import load
    from lobsim.projection import to_levels

    levels = save(to_levels(load(stored)), tmp_path / "levels")
    for command in (("fidelity",), ("calibrate", "queue")):
        done = run(*command, levels)
        assert 1 == done.code
        assert 1 == len(done.err.strip().splitlines())
        assert "L2_TRADES" in done.err
