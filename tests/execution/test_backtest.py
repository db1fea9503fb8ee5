"""Backtests: order of the rows, runs that do not touch each other, errors, and costs that a person can recompute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from execution.backtest import PARTS, BacktestResult, backtest, condition_text
from execution.catalogue import Choices, algorithm_named
from execution.decomposition import ParentFacts
from execution.parent import Parent
from execution.tca import evaluate
from lobsim.clock import time_ns
from lobsim.errors import ConfigError
from lobsim.fees import FeeSchedule, Rates
from lobsim.types import Impact, Side
from tests.execution import steady_market as made
from tests.execution.steady_market import MILLISECOND_NS, SECOND_NS

STEADY = made.steady(130)
LIVELY = made.lively(100, seed=11)
ALL = ("twap", "vwap", "pov", "ac", "leave", "once", "twap:cross", "ac:peg")


def makers(*names: str, choices: Choices | None = None) -> dict[str, Any]:
    """Named algorithms."""
    return {name: algorithm_named(name, choices) for name in names}


def run(
    dataset: Any, parents: list[Parent], *names: str, latency_ns: int = MILLISECOND_NS, **settings: Any
) -> BacktestResult:
    """A backtest on a fresh market."""
    return backtest(made.market_of(dataset, latency_ns, **settings), parents, makers(*names))


# Rows


def test_rows_are_in_the_order_of_parents_then_algorithms() -> None:
    late, early = made.parent_of(Side.BUY, 100, 50, 60), made.parent_of(Side.SELL, 200, 10, 20)
    result = run(STEADY, [late, early], "twap", "once")
    rows = result.results.select("run_id", "parent_id", "algo", "side", "size").rows()
    assert [
        ("L3 rematch/1/twap", "1", "twap", "buy", 100.0),
        ("L3 rematch/1/once", "1", "once", "buy", 100.0),
        ("L3 rematch/2/twap", "2", "twap", "sell", 200.0),
        ("L3 rematch/2/once", "2", "once", "sell", 200.0),
    ] == rows
    assert [row[0] for row in rows] == result.fills["run_id"].unique(maintain_order=True).to_list()
    for table in (result.fills, result.orders, result.schedule):
        assert ["run_id", "algo"] == table.columns[:2]


def test_the_condition_names_data_and_impact() -> None:
    assert "L3 rematch" == condition_text(made.market_of(STEADY))
    assert "L3 none" == condition_text(made.market_of(STEADY, impact=Impact.NONE))
    assert "L2 consume" == condition_text(made.market_of(made.steady_levels(5)))


def test_progress_counts_every_run() -> None:
    told: list[tuple[int, int]] = []
    parents = [made.parent_of(Side.BUY, 100, at_s, at_s + 5) for at_s in (10, 20)]
    backtest(
        made.market_of(STEADY), parents, makers("twap", "once"), progress=lambda done, whole: told.append((done, whole))
    )
    assert [(1, 4), (2, 4), (3, 4), (4, 4)] == told


# Independence


def test_running_together_or_alone_gives_equal_fills() -> None:
    parents = [made.parent_of(Side.BUY, 400, 30.5, 60.5), made.parent_of(Side.BUY, 300, 5.5, 40.5)]
    together = run(LIVELY, parents, *ALL)
    for place, parent in enumerate(parents):
        for name in ALL[:: 3 - place]:
            alone = run(LIVELY, [parent], name).runs[0]
            beside = next(r for r in together.runs if (r.parent_id, r.algo) == (str(place + 1), name))
            assert alone.fills.height > 0
            assert alone.fills.equals(beside.fills)
            assert alone.orders.equals(beside.orders)
            assert alone.cost == beside.cost
            assert alone.drift == beside.drift


def test_two_runs_have_one_digest_and_any_change_another() -> None:
    parents = [made.parent_of(Side.BUY, 400, 30.5, 60.5)]
    first = run(LIVELY, parents, "twap", "pov").digest
    assert first == run(LIVELY, parents, "twap", "pov").digest
    others = {
        "seed": run(made.lively(100, seed=12), parents, "twap", "pov").digest,
        "size": run(LIVELY, [made.parent_of(Side.BUY, 401, 30.5, 60.5)], "twap", "pov").digest,
        "algorithms": run(LIVELY, parents, "pov", "twap").digest,
        "impact": run(LIVELY, parents, "twap", "pov", impact=Impact.NONE).digest,
    }
    assert 5 == len({first, *others.values()}), others


def test_a_backtest_leaves_its_market_as_it_was() -> None:
    market, parents = made.market_of(LIVELY), [made.parent_of(Side.BUY, 400, 30.5, 60.5)]
    first = backtest(market, parents, makers("once"))
    assert first.fills.equals(backtest(market, parents, makers("once")).fills)
    assert market.quotes.equals(made.market_of(LIVELY).quotes)


# Costs


def test_costs_on_a_market_that_never_moves_are_those_computed_by_hand() -> None:
    """A market order of 700 pays 500 x 100.01 + 200 x 100.02 against a mid of 100; the market trades at 100.01 and 99.99 in turn."""
    parent = made.parent_of(Side.BUY, 700, 10.5, 20.5)
    row = run(STEADY, [parent], "once", latency_ns=0).results.row(0, named=True)
    paid = 500 * 0.01 + 200 * 0.02
    assert 100 + paid / 700 == pytest.approx(row["avg_price"], abs=1e-12)
    assert 1e4 * paid / 700 / 100 == pytest.approx(row["arrival_cost_bps"], abs=1e-8)
    # prints within the window: 11, 13, 15, 17, 19 at the ask, 12, 14, 16, 18, 20 at the bid: their mean is 100
    assert row["arrival_cost_bps"] == pytest.approx(row["vwap_cost_bps"], abs=1e-8)
    assert row["arrival_cost_bps"] == pytest.approx(row["twap_cost_bps"], abs=1e-8)
    assert paid == pytest.approx(row["shortfall_money"], abs=1e-8)
    assert (700.0, 1.0, 0.0, 2) == (row["filled"], row["completion"], row["passive_share"], row["fills"])
    assert 700 / 1700 == pytest.approx(row["participation"])


def test_every_part_of_the_shortfall_computed_by_hand() -> None:
    """Half the order is done 250 ms late at the ask, the rest is beyond the limit price and marked at the ask of the end."""
    parent = made.parent_of(Side.BUY, 1000, 10.5, 20.5, limit_price_ticks=made.ASK)
    fees = FeeSchedule(taker=Rates(per_lot=0.003))
    market = made.market_of(STEADY, 250 * MILLISECOND_NS)
    only = Choices(slices=1)
    (done,) = backtest(market, [parent], makers("twap:cross", choices=only), fees=fees).runs
    filled = done.cost.filled
    assert 500 < filled < 1000  # what was there, and what the sweep still found
    expected = {
        "delay": 0.0,
        "opportunity": 1e4 * 0.01 * (1000 - filled) / 1e5,
        "fees": 1e4 * 0.003 * filled / 1e5,
    }
    for name, value in expected.items():
        assert value == pytest.approx(done.cost.shortfall_parts_bps[name], abs=1e-8)
    whole = 0.01 * 1000 + 0.003 * filled
    assert whole == pytest.approx(done.cost.shortfall_money, abs=1e-8)
    assert 1e4 * whole / 1e5 == pytest.approx(
        fsum(done.cost.shortfall_parts_bps[part] or 0 for part in PARTS), abs=1e-9
    )


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("impact", [Impact.REMATCH, Impact.NONE])
def test_costs_are_those_of_the_tables_and_parts_add_up(side: Side, impact: Impact) -> None:
    parent = made.parent_of(side, 600, 10.5, 80.5, limit_price_ticks=made.MID + (3 if side == Side.BUY else -3))
    market = made.market_of(LIVELY, 2 * MILLISECOND_NS, impact=impact)
    result = backtest(market, [parent], makers(*ALL), fees=FeeSchedule(taker=Rates(bps=0.3), maker=Rates(bps=-0.1)))
    facts = ParentFacts(
        side=side,
        size=600.0,
        decision_ns=parent.start_ns,
        arrival_ns=parent.start_ns + 2 * MILLISECOND_NS,
        end_ns=parent.end_ns,
    )
    for place, done in enumerate(result.runs):
        fills = result.fills.filter(pl.col("run_id") == done.run_id)
        sent = float(result.orders.filter(pl.col("run_id") == done.run_id)["size"].sum())
        assert done.cost == evaluate(facts, fills, market.quotes, market.prints, submitted=sent)
        row = result.results.row(place, named=True)
        assert row["shortfall_bps"] == pytest.approx(fsum(row[f"{part}_bps"] for part in PARTS), abs=1e-9)
        paid = float((fills["price"] * fills["size"]).sum())
        assert row["avg_price"] == pytest.approx(paid / row["filled"], rel=1e-12)
        assert row["fees_bps"] == pytest.approx(1e4 * float(fills["fee"].sum()) / (600 * done.cost.decision_price))


def test_one_fill_of_a_parent_that_trades_nothing_else_is_null_where_unknown() -> None:
    parent = made.parent_of(Side.BUY, 100, 10.5, 20.5, limit_price_ticks=made.BID - 50)
    row = run(STEADY, [parent], "once").results.row(0, named=True)
    assert (0.0, None, None, None, 0.0) == tuple(
        row[name] for name in ("filled", "avg_price", "arrival_cost_bps", "vwap_cost_bps", "completion")
    )
    # nothing was done: the whole is marked at the ask of the end
    assert 1.0 == pytest.approx(row["shortfall_bps"])
    assert 1.0 == pytest.approx(row["opportunity_bps"])


# Levels


def test_levels_of_the_steady_market_cost_what_its_orders_do() -> None:
    parent = made.parent_of(Side.BUY, 400, 10.5, 40.5)
    orders = run(STEADY, [parent], "twap:cross", "leave", latency_ns=0)
    levels = run(made.steady_levels(130), [parent], "twap:cross", "leave", latency_ns=0)
    assert orders.results["avg_price"].to_list() == levels.results["avg_price"].to_list()
    assert orders.results["filled"].to_list() == levels.results["filled"].to_list()


# What is refused


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [pytest.param(-1, 10, id="before the first row"), pytest.param(100, 131, id="beyond the end of the session")],
)
def test_a_parent_outside_the_recording_is_refused(start_s: float, end_s: float) -> None:
    with pytest.raises(ConfigError, match="made up: the parent order does not lie within the recording"):
        run(STEADY, [made.parent_of(Side.BUY, 100, start_s, end_s)], "twap")


def test_a_parent_may_last_to_the_last_instant() -> None:
    result = run(STEADY, [made.parent_of(Side.BUY, 100, 100, 130)], "twap")
    assert [100.0] == result.results["filled"].to_list()


def test_a_backtest_of_nothing_is_refused() -> None:
    parent = made.parent_of(Side.BUY, 100, 10, 20)
    for parents, algorithms in (([], makers("twap")), ([parent], {})):
        with pytest.raises(ConfigError, match="at least one parent and one algorithm"):
            backtest(made.market_of(STEADY), parents, algorithms)


def test_a_size_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="size_lots is 0"):
        made.parent_of(Side.BUY, 0, 10, 20)


# A recorded day


def test_a_recorded_day_executes_with_every_algorithm(shared: Path, limit: Callable[[int, int], int]) -> None:
    dataset = made.goog(shared, limit(20_000, 2500))
    start_ns = int(dataset.events["ts_exchange"][limit(2000, 400)])
    end_ns = int(dataset.events["ts_exchange"][-1]) - SECOND_NS
    parent = replace(made.parent_of(Side.BUY, 700, 0, 1), start_ns=start_ns, end_ns=end_ns)
    result = run(dataset, [parent], *ALL, latency_ns=100_000)
    assert [700.0] * len(ALL) == result.results["filled"].to_list()
    for done in result.runs:
        assert done.cost.shortfall_bps == pytest.approx(
            fsum(done.cost.shortfall_parts_bps[part] or 0 for part in PARTS), abs=1e-9
        )
        assert abs(done.cost.arrival_cost_bps or 0.0) < 100
    cents = (result.fills["price"] * 100).round(9)
    assert cents.equals(cents.round())
    assert result.digest == run(dataset, [parent], *ALL, latency_ns=100_000).digest


def test_times_of_day_are_those_of_the_venue(shared: Path) -> None:
    info = made.goog(shared, 10).info
    assert info.session_start_ns == time_ns("09:30", info)
