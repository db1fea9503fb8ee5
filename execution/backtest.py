"""Parents x algorithms in a market: fills and costs as tables.

Every run starts from the same recorded market and is alone in it; nothing one run does can be seen by another.  The order of rows is that of the
parents, then of the algorithms, whatever the order of work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from execution.catalogue import AlgorithmMaker
from execution.desk import Desk
from execution.outcome import Units, drift_table, fills_table, orders_table, schedule_table
from execution.parent import Parent
from execution.tca import CostReport, ParentFacts, evaluate
from lobsim.clock import time_text
from lobsim.errors import ConfigError
from lobsim.fees import FeeSchedule
from lobsim.market import Market, MarketRun

PARTS = ("delay", "spread", "impact", "timing", "opportunity", "fees")


@dataclass(frozen=True)
class Run:
    """One parent executed by one algorithm."""

    run_id: str
    parent_id: str
    parent: Parent
    algo: str
    condition: str
    cost: CostReport
    fills: pl.DataFrame
    orders: pl.DataFrame
    schedule: pl.DataFrame
    drift: list[tuple[str, float, str]]
    computed_ns: tuple[int, ...] = ()
    """what each decision took, where that was measured; ``Desk(compute_ns=...)`` repeats the run with it"""


@dataclass(frozen=True)
class BacktestResult:
    """All runs of a backtest, and its tables.

    ``results`` has one row per run; ``fills``, ``orders`` and ``schedule`` carry run_id and algo in front.
    """

    market: Market
    runs: tuple[Run, ...]

    @property
    def results(self) -> pl.DataFrame:
        """One row per run: what was filled, at what average price, and every cost in bps (positive = bad)."""
        return pl.DataFrame([result_row(run) for run in self.runs], infer_schema_length=None)

    @property
    def fills(self) -> pl.DataFrame:
        """Every fill of every run."""
        return self._joined("fills")

    @property
    def orders(self) -> pl.DataFrame:
        """Every child order of every run."""
        return self._joined("orders")

    @property
    def schedule(self) -> pl.DataFrame:
        """Target and executed quantity of every run."""
        return self._joined("schedule")

    def _joined(self, name: str) -> pl.DataFrame:
        frames = [
            getattr(run, name).select(pl.lit(run.run_id).alias("run_id"), pl.lit(run.algo).alias("algo"), pl.all())
            for run in self.runs
        ]
        return pl.concat(frames)

    @property
    def digest(self) -> str:
        """SHA-256 over every fill of every run, in their order: two backtests with one digest did the same."""
        total = hashlib.sha256(self.market.dataset.digest.encode())
        for run in self.runs:
            total.update(f"{run.run_id} {run.algo} {run.condition}\n".encode())
            for name in ("ts_ns", "order", "side", "price", "size", "passive"):
                total.update(run.fills[name].to_numpy().tobytes())
        return total.hexdigest()


def result_row(run: Run) -> dict[str, Any]:
    """The figures of one run that a person compares, in natural units and bps."""
    cost = run.cost
    row: dict[str, Any] = {
        "run_id": run.run_id,
        "parent_id": run.parent_id,
        "algo": run.algo,
        "condition": run.condition,
        "side": cost.side,
        "size": cost.size,
        "filled": cost.filled,
        "avg_price": cost.avg_price,
        "arrival_cost_bps": cost.arrival_cost_bps,
        "vwap_cost_bps": cost.vwap_cost_bps,
        "vwap_with_own_cost_bps": cost.vwap_with_own_cost_bps,
        "vwap_lit_cost_bps": cost.vwap_lit_cost_bps,
        "twap_cost_bps": cost.twap_cost_bps,
        "shortfall_bps": cost.shortfall_bps,
        "shortfall_money": cost.shortfall_money,
    }
    row |= {f"{part}_bps": cost.shortfall_parts_bps[part] for part in PARTS}
    row |= {
        "participation": cost.participation,
        "passive_share": cost.passive_share,
        "completion": cost.completion,
        "fill_ratio": cost.fill_ratio,
        "spread_capture": cost.spread_capture,
        "fills": cost.fills,
    }
    return row


def condition_text(market: Market) -> str:
    """Data and impact mode in two words: "L3 rematch"."""
    return f"{'L2' if market.by_levels else 'L3'} {market.impact.name.lower()}"


def _facts(market: Market, parent: Parent, units: Units) -> ParentFacts:
    return ParentFacts(
        side=parent.side,
        size=float(parent.size_lots * units.lot),
        decision_ns=parent.start_ns,
        arrival_ns=min(parent.start_ns + market.config.latency.typical_order_ns, parent.end_ns),
        end_ns=parent.end_ns,
        multiplier=float(units.multiplier),
        inverse=units.inverse,
    )


def check_parent(market: Market, parent: Parent) -> None:
    """Raise ConfigError if a parent does not lie within the recording."""
    first, last = int(market.tape["ts_ns"][0]), int(market.tape["ts_ns"][-1])
    info = market.dataset.info
    end_ns = max(last, info.session_end_ns)
    if parent.start_ns < first or parent.end_ns > end_ns:
        raise ConfigError(
            "the parent order does not lie within the recording",
            where=info.source,
            hint=f"choose --start and --duration inside {time_text(first, info)} to {time_text(end_ns, info)}",
        )


def run_parent(
    market: Market,
    base: MarketRun,
    parent: Parent,
    name: str,
    make: AlgorithmMaker,
    parent_id: str,
    fees: FeeSchedule,
    clock_ns: Callable[[], int] | None = None,
) -> Run:
    """Execute one parent with one algorithm on a copy of a run that has not passed the parent's start.

    clock_ns  measures what each decision takes (``execution.desk.Desk``)
    """
    units = Units(market.dataset.info)
    algorithm = make(parent, market.dataset.info)
    desk = Desk(base.copy(), parent, algorithm, clock_ns=clock_ns)
    desk.execute()
    fills = fills_table(desk, units, fees)
    orders = orders_table(desk, units)
    schedule = schedule_table(parent, getattr(algorithm, "schedule", None), fills, units)
    cost = evaluate(
        _facts(market, parent, units),
        fills,
        market.quotes,
        market.prints,
        submitted=float(orders["size"].sum()) or None,
    )
    condition = condition_text(market)
    run_id = f"{condition}/{parent_id}/{name}"
    drift = drift_table(desk, units)
    measured = tuple(desk.computed_ns)
    return Run(run_id, parent_id, parent, name, condition, cost, fills, orders, schedule, drift, measured)


def backtest(
    market: Market,
    parents: Sequence[Parent],
    algorithms: Mapping[str, AlgorithmMaker],
    *,
    fees: FeeSchedule | None = None,
    progress: Callable[[int, int], None] | None = None,
    clock_ns: Callable[[], int] | None = None,
) -> BacktestResult:
    """Execute every parent with every algorithm.

    algorithms  name -> maker (`execution.catalogue.algorithm_named`, or a function of your own)
    progress    called with (runs done, runs in all)
    clock_ns    measures what each decision takes, which then delays it; None: the compute leg of the market

    Raises ConfigError for a parent outside the recording, or for no parents or algorithms at all.
    """
    if not parents or not algorithms:
        raise ConfigError("at least one parent and one algorithm are needed", where="backtest")
    for parent in parents:
        check_parent(market, parent)
    done: dict[tuple[int, str], Run] = {}
    base = market.start(participant=True)
    for place in sorted(range(len(parents)), key=lambda index: parents[index].start_ns):
        parent = parents[place]
        base.advance(parent.start_ns - 1)
        for name, make in algorithms.items():
            numbered = str(place + 1)
            done[place, name] = run_parent(market, base, parent, name, make, numbered, fees or FeeSchedule(), clock_ns)
            if progress is not None:
                progress(len(done), len(parents) * len(algorithms))
    runs = tuple(done[place, name] for place in range(len(parents)) for name in algorithms)
    return BacktestResult(market, runs)
