"""The warm-up: afterwards nothing is left to compile, whatever is used; and no kernel is ever compiled for two kinds of arguments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from execution.backtest import backtest
from execution.catalogue import NAMES, algorithm_named
from execution.parent import Parent
from execution.warm import warm
from lobsim import Book, Latency, Market
from lobsim.core.book import BookSize
from lobsim.core.warm import kernel_counts, use_venue
from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo
from lobsim.sample import generate_day
from lobsim.types import MESSAGE, NEVER, Fidelity, Kind, ReportKind, Side
from tests.oracle.typed_streams import typed_messages
from tests.support.engines import CoreEngine

ROOT = Path(__file__).resolve().parents[2]
EVERY_ALGORITHM = (*NAMES, "twap:join", "twap:peg")

L3_ROWS = {
    "kind": [Kind.ADD, Kind.ADD, Kind.EXECUTE, Kind.ADD],
    "order_id": [1, 2, 2, 3],
    "size": [50, 50, 2, 7],
}
L2_ROWS = {
    "kind": [Kind.LEVEL, Kind.LEVEL, Kind.PRINT, Kind.LEVEL],
    "size": [50, 50, 2, 48],
}


def four_rows(fidelity: Fidelity) -> Market:
    """A bid, an ask, a trade at the ask, and more at the ask."""
    columns = {
        "ts_exchange": [1, 2, 3, 9],
        "side": [Side.BUY, Side.SELL, Side.SELL, Side.SELL],
        "price": [100, 101, 101, 101],
    } | (L2_ROWS if fidelity == Fidelity.L2_TRADES else L3_ROWS)
    table = {name: pl.Series(name, columns.get(name, [0] * 4), dtype) for name, dtype in COLUMNS.items()}
    info = DatasetInfo("X", "V", "2024-01-02", "USD", "0.01", 1, "1", fidelity, 0, 0, 9, "made up", "")
    return Market(Dataset(info, pl.DataFrame(table)))


def use_everything() -> None:
    """A book, venues of every kind, worlds by orders and by levels, a made-up day, backtests."""
    book = Book("0.5")
    book.limit(1, "buy", "99.5", 3, "gtd", expire_ns=9)
    book.run(np.zeros(4, MESSAGE))
    book.audit()
    for profile in ("everything", "phases", "allocation", "pegs"):
        stream = typed_messages(1, 150, profile)
        venue = CoreEngine(stream.rules, stream.terms, BookSize(orders=8, window=64, far=2, ids=8, timers=2, extras=2))
        venue.play(stream.messages)
        venue.audit()
    for fidelity in (Fidelity.L3_FULL, Fidelity.L2_TRADES):
        market = four_rows(fidelity)
        assert 4 == market.replay().rows
        assert market.quotes.height > 1
        run = market.start(participant=True, latency=Latency.round_trip(5))
        run.make_room()
        run.copy().advance(NEVER)
        parent = Parent(side=Side.BUY, size_lots=4, start_ns=2, end_ns=8)
        backtest(market, [parent], {name: algorithm_named(name) for name in EVERY_ALGORITHM})
    generate_day(limit=50)


def test_after_the_warm_up_nothing_is_left_to_compile() -> None:
    assert warm() > 0
    before = kernel_counts()
    use_everything()
    assert before == kernel_counts()


def test_the_venue_that_is_warmed_answers_with_every_kind_of_report_that_rules_bring() -> None:
    kinds = {report.kind for report in use_venue()}
    brought = {ReportKind.TRIGGERED, ReportKind.REFRESHED, ReportKind.REPRICED, ReportKind.PHASE_CHANGED}
    assert brought <= kinds
    assert ReportKind.REJECTED not in kinds


@pytest.mark.slow
def test_from_nothing_every_kernel_is_compiled_for_one_kind_of_arguments(tmp_path: Path) -> None:
    code = (
        "import json, sys; from execution.warm import warm; warm();"
        "from lobsim.core.warm import kernel_counts; json.dump(kernel_counts()._asdict(), sys.stdout)"
    )
    modes = {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0", "NUMBA_BOUNDSCHECK": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | modes, capture_output=True, text=True, check=True
    )
    counts = json.loads(done.stdout)
    assert counts["entries"] == counts["compiled"]
    assert 1 == counts["most"]
