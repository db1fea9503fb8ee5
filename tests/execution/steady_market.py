"""Markets for the tests of execution: made up, small, integer, the same on every run; and the beginning of a recorded day.

`steady` is a market that never moves: bid 99.99, ask 100.01, five orders of 100 at each of five prices a side; at every second one order at
the best bid (even seconds) or best ask (odd) is executed, and a millisecond later another of 100 joins at the back.
`lively` is a random walk of orders; `mirrored` swaps its sides around a price of 100.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from execution.algorithm import ChildOrder, Command, View
from execution.backtest import Run, run_parent
from execution.catalogue import AlgorithmMaker
from execution.desk import Desk
from execution.parent import Parent
from lobsim.config import Latency, MarketConfig
from lobsim.feeds.lobster import read_lobster
from lobsim.feeds.schema import COLUMNS, Dataset, DatasetInfo
from lobsim.fees import FeeSchedule
from lobsim.market import Market
from lobsim.types import Fidelity, Kind, Side

SECOND_NS = 10**9
MILLISECOND_NS = 10**6
OPEN_NS = 1_577_975_400 * SECOND_NS
"""09:30 of 2 January 2020 in New York."""
MID, BID, ASK = 10_000, 9_999, 10_001
LEVELS, PER_LEVEL, LOTS = 5, 5, 100

Row = tuple[int, Kind, Side, int, int, int]
"""ns after the open, kind, side, price in ticks, lots, order id."""


Decision = Callable[[View, Sequence[ChildOrder]], Iterable[Command]]
"""What an algorithm does when it wakes."""


class Algo:
    """An algorithm out of a function."""

    def __init__(self, decide: Decision, *, reports: bool = False, touch: bool = False) -> None:
        self.on_wake = decide
        self.wake_on_reports = reports
        self.wake_on_touch = touch


def once(*commands: Command) -> Algo:
    """Commands at the parent's start, and nothing after."""
    return Algo(lambda view, orders: commands)


def info_of(fidelity: Fidelity, seconds: int) -> DatasetInfo:
    """A day of 2 January 2020 with ticks of a cent and lots of one share."""
    return DatasetInfo(
        symbol="STEADY",
        venue="LOBSIM",
        date="2020-01-02",
        currency="USD",
        price_quantum="0.01",
        tick_quanta=1,
        lot="1",
        fidelity=fidelity,
        depth=0,
        session_start_ns=OPEN_NS,
        session_end_ns=OPEN_NS + seconds * SECOND_NS,
        source="made up",
        source_sha256="",
    )


def dataset_of(rows: list[Row], info: DatasetInfo) -> Dataset:
    """A data set of such rows, in their order."""
    count = len(rows)
    times = [OPEN_NS + row[0] for row in rows]
    columns: dict[str, Any] = {
        "ts_exchange": times,
        "ts_local": times,
        "kind": [int(row[1]) for row in rows],
        "side": [int(row[2]) for row in rows],
        "price": [row[3] for row in rows],
        "size": [row[4] for row in rows],
        "order_id": [row[5] for row in rows],
        "other_id": [0] * count,
        "match_id": [0] * count,
        "flags": [0] * count,
        "sequence": list(range(count)),
    }
    return Dataset(info, pl.DataFrame(columns, schema=COLUMNS))


def steady(seconds: int) -> Dataset:
    """The market that never moves, order by order."""
    rows: list[Row] = []
    queues: dict[Side, list[int]] = {Side.BUY: [], Side.SELL: []}
    number = 0
    for depth in range(LEVELS):
        for side, price in ((Side.BUY, BID - depth), (Side.SELL, ASK + depth)):
            for _ in range(PER_LEVEL):
                number += 1
                rows.append((0, Kind.ADD, side, price, LOTS, number))
                if depth == 0:
                    queues[side].append(number)
    for second in range(1, seconds + 1):
        side, price = (Side.SELL, ASK) if second % 2 else (Side.BUY, BID)
        number += 1
        rows.append((second * SECOND_NS, Kind.EXECUTE, side, price, LOTS, queues[side].pop(0)))
        rows.append((second * SECOND_NS + MILLISECOND_NS, Kind.ADD, side, price, LOTS, number))
        queues[side].append(number)
    return dataset_of(rows, info_of(Fidelity.L3_FULL, seconds))


def steady_levels(seconds: int) -> Dataset:
    """The same market as displayed quantities and prints."""
    whole = PER_LEVEL * LOTS
    rows: list[Row] = []
    for depth in range(LEVELS):
        rows.append((0, Kind.LEVEL, Side.BUY, BID - depth, whole, 0))
        rows.append((0, Kind.LEVEL, Side.SELL, ASK + depth, whole, 0))
    for second in range(1, seconds + 1):
        side, price = (Side.SELL, ASK) if second % 2 else (Side.BUY, BID)
        rows.append((second * SECOND_NS, Kind.PRINT, side, price, LOTS, 0))
        rows.append((second * SECOND_NS, Kind.LEVEL, side, price, whole - LOTS, 0))
        rows.append((second * SECOND_NS + MILLISECOND_NS, Kind.LEVEL, side, price, whole, 0))
    return dataset_of(rows, info_of(Fidelity.L2_TRADES, seconds))


def lively(seconds: int, seed: int) -> Dataset:
    """A random book of four events a second that starts like the steady one and stays near it; FIFO, never crossed."""
    random = np.random.default_rng(seed)
    rows: list[Row] = []
    book: dict[Side, dict[int, list[tuple[int, int]]]] = {Side.BUY: {}, Side.SELL: {}}
    number = 0

    def add(at_ns: int, side: Side, price: int, lots: int) -> None:
        nonlocal number
        number += 1
        book[side].setdefault(price, []).append((number, lots))
        rows.append((at_ns, Kind.ADD, side, price, lots, number))

    for depth in range(LEVELS):
        add(0, Side.BUY, BID - depth, 300)
        add(0, Side.SELL, ASK + depth, 300)
    for step in range(1, 4 * seconds):
        at_ns = step * SECOND_NS // 4 + int(random.integers(0, 10**8))
        side = Side(int(random.integers(0, 2)))
        levels, other = book[side], book[Side(1 - side)]
        best = max(levels) if side == Side.BUY else min(levels)
        last = sum(map(len, levels.values())) <= 3
        draw = random.random()
        if draw < 0.5 or last:
            far = min(other) - 1 if side == Side.BUY else max(other) + 1
            reach = int(random.integers(0, 4))
            price = min(best + 1 - reach, far) if side == Side.BUY else max(best - 1 + reach, far)
            add(at_ns, side, price, int(random.integers(1, 5)) * 100)
            continue
        price = best if draw < 0.8 else int(random.choice(sorted(levels)))
        order, lots = levels[price][0]
        taken = lots if draw >= 0.8 else min(lots, int(random.integers(1, 4)) * 50)
        rows.append((at_ns, Kind.DELETE if draw >= 0.8 else Kind.EXECUTE, side, price, taken, order))
        levels[price][0] = (order, lots - taken)
        if taken == lots:
            levels[price].pop(0)
            if not levels[price]:
                del levels[price]
    return dataset_of(rows, info_of(Fidelity.L3_FULL, seconds))


def mirrored(dataset: Dataset) -> Dataset:
    """Bids as asks and asks as bids, prices turned around the mid of 100."""
    return replace(
        dataset, events=dataset.events.with_columns(side=1 - pl.col("side"), price=2 * MID - pl.col("price"))
    )


@cache
def _goog(archive: Path) -> Dataset:
    return read_lobster(archive)


def goog(shared: Path, rows: int) -> Dataset:
    """The first rows of the recorded GOOG day of ten levels."""
    whole = _goog(shared / "data" / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip")
    assert whole.rows is not None
    return replace(whole, events=whole.events.head(rows), rows=whole.rows[:rows])


def market_of(dataset: Dataset, latency_ns: int = 0, **settings: Any) -> Market:
    """A market with the same delay on every leg."""
    return Market(dataset, MarketConfig(latency=Latency.round_trip(latency_ns), **settings))


def parent_of(side: Side, size: int, start_s: float, end_s: float, **bounds: Any) -> Parent:
    """A parent order from second to second after the open."""
    return Parent(
        side=side,
        size_lots=size,
        start_ns=OPEN_NS + round(start_s * SECOND_NS),
        end_ns=OPEN_NS + round(end_s * SECOND_NS),
        **bounds,
    )


def executed(market: Market, parent: Parent, algorithm: Any) -> Desk:
    """A finished desk."""
    desk = Desk(market.start(participant=True), parent, algorithm)
    desk.execute()
    return desk


def fills_of(desk: Desk) -> np.ndarray:
    """Its fills, FILL records."""
    return desk.run.world.fills[: desk.run.world.head[0]["fills"]].copy()


def orders_of(desk: Desk) -> np.ndarray:
    """Its child orders, OWN_ORDER records."""
    return desk.run.world.own[: desk.run.world.head[0]["own"]].copy()


def run_of(market: Market, parent: Parent, make: AlgorithmMaker, fees: FeeSchedule | None = None) -> Run:
    """One run with its tables and costs."""
    return run_parent(market, market.start(participant=True), parent, "test", make, "1", fees or FeeSchedule())


def seconds_of(view: View) -> float:
    """Time of a decision, seconds after the open."""
    return (view.now_ns - OPEN_NS) / SECOND_NS
