"""Compiles everything there is, in one process, before anything is timed or several processes start; ``lobsim warmup`` runs it."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import polars as pl

from execution.backtest import backtest
from execution.catalogue import algorithm_named
from execution.parent import Parent
from lobsim.core import warm as core
from lobsim.core.code_cache import remove_stale
from lobsim.core.jit import cache_folder
from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo
from lobsim.market import Market
from lobsim.types import Fidelity, Flag, Kind, Side

_STEP_NS = 10**9


def _tiny_market(fidelity: Fidelity) -> Market:
    """A book of two levels a side and one trade."""
    kind = Kind.LEVEL if fidelity == Fidelity.L2_TRADES else Kind.ADD
    trade = Kind.PRINT if fidelity == Fidelity.L2_TRADES else Kind.EXECUTE
    rows = [
        (kind, Side.BUY, 99, 10, 1),
        (kind, Side.BUY, 98, 10, 2),
        (kind, Side.SELL, 101, 10, 3),
        (kind, Side.SELL, 102, 10, 4),
        (trade, Side.SELL, 101, 2, 3),
        (kind, Side.SELL, 103, 10, 5),
    ]
    count = len(rows)
    events = pl.DataFrame(
        {
            "ts_exchange": np.arange(1, count + 1) * _STEP_NS,
            "ts_local": np.arange(1, count + 1) * _STEP_NS,
            "kind": [int(row[0]) for row in rows],
            "side": [int(row[1]) for row in rows],
            "price": [row[2] for row in rows],
            "size": [row[3] for row in rows],
            "order_id": [row[4] for row in rows],
            "other_id": [0] * count,
            "match_id": [0] * count,
            "flags": [int(Flag.AGGRESSOR_KNOWN)] * count,
            "sequence": list(range(count)),
        },
        schema=COLUMNS,
    )
    info = DatasetInfo(
        symbol="WARM",
        venue="LOBSIM",
        date="1970-01-01",
        currency="USD",
        price_quantum="0.01",
        tick_quanta=1,
        lot="1",
        fidelity=fidelity,
        depth=0,
        session_start_ns=0,
        session_end_ns=count * _STEP_NS,
        source="made up",
        source_sha256="",
    )
    return Market(Dataset(info, events))


def warm_backtest() -> float:
    """Compile, or load from the cache, what a replay and a backtest run.  Returns the seconds it took."""
    start = perf_counter()
    parent = Parent(side=Side.BUY, size_lots=4, start_ns=3 * _STEP_NS, end_ns=6 * _STEP_NS)
    makers = {name: algorithm_named(name) for name in ("twap:join", "twap:peg", "once")}
    for fidelity in (Fidelity.L3_FULL, Fidelity.L2_TRADES):
        backtest(_tiny_market(fidelity), [parent], makers)
    return perf_counter() - start


def warm() -> float:
    """Compile, or load from the cache, every kernel there is.  Returns the seconds it took."""
    start = perf_counter()
    warm_backtest()
    core.warm()
    remove_stale(cache_folder())
    return perf_counter() - start
