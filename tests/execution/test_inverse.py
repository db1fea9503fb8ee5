"""Contracts: costs in the money they are settled in, held against a plain sum over fills."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from execution.decomposition import ParentFacts
from execution.outcome import Units
from execution.report.build import fidelity_words, unit_of
from execution.report.formats import money
from execution.tca import evaluate, per_fill
from lobsim.errors import ConfigError
from lobsim.types import Fidelity, Side
from tests.execution import steady_market as made

INFO = made.steady(10).info
FILLS = pl.DataFrame(
    {"ts_ns": [20, 30, 40], "side": [0, 0, 0], "price": [50_000.0, 50_100.0, 50_300.0], "size": [10.0, 20.0, 30.0],
     "passive": [True, False, False], "bid_before": [49_990.0] * 3, "ask_before": [50_010.0] * 3, "fee": [1e-6] * 3}
)  # fmt: skip
QUOTES = pl.DataFrame(
    {"ts_ns": [0, 15, 60], "bid": [49_900.0, 49_990.0, 50_400.0], "ask": [49_910.0, 50_010.0, 50_420.0]}
)
PRINTS = pl.DataFrame({"ts_ns": [22, 50], "price": [50_000.0, 50_200.0], "size": [5.0, 15.0]})


def facts(side: Side = Side.BUY, **more: object) -> ParentFacts:
    """An order of 100 contracts over 10 to 70 ns that could act at 16."""
    return ParentFacts(side=side, size=100.0, decision_ns=10, arrival_ns=16, end_ns=70, **more)  # type: ignore[arg-type]


def test_an_inverse_order_costs_the_coins_that_a_paper_order_would_not_have_lost() -> None:
    found = evaluate(facts(multiplier=100.0, inverse=True), FILLS, QUOTES, PRINTS)
    decision, end = 49_905.0, 50_420.0
    # A long position of q contracts bought at p and valued at P has gained q * 100 * (1 / p - 1 / P) coins.
    lost = sum(100 * q * (1 / decision - 1 / p) for p, q in FILLS.select("price", "size").iter_rows())
    lost += 100 * 40 * (1 / decision - 1 / end) + 3e-6
    assert lost == pytest.approx(found.shortfall_money, rel=1e-12)
    assert 1e4 * lost / (100 * 100 / decision) == pytest.approx(found.shortfall_bps, rel=1e-12)
    parts = found.shortfall_parts_bps
    assert found.shortfall_bps == pytest.approx(sum(value or 0.0 for value in parts.values()), rel=1e-9)


def test_average_prices_of_inverse_contracts_are_harmonic() -> None:
    found = evaluate(facts(multiplier=100.0, inverse=True), FILLS, QUOTES, PRINTS)
    assert 60 / (10 / 50_000 + 20 / 50_100 + 30 / 50_300) == pytest.approx(found.avg_price, rel=1e-12)
    assert 20 / (5 / 50_000 + 15 / 50_200) == pytest.approx(found.vwap, rel=1e-12)


def test_a_sell_of_an_inverse_contract_gains_what_the_buy_loses() -> None:
    free = FILLS.with_columns(fee=pl.lit(0.0))
    kind = {"multiplier": 100.0, "inverse": True}
    mirrored = QUOTES.with_columns(bid="ask", ask="ask")
    buy = evaluate(facts(**kind), free, mirrored, PRINTS)
    sell = evaluate(facts(Side.SELL, **kind), free.with_columns(side=pl.lit(1)), mirrored, PRINTS)
    assert buy.shortfall_money == pytest.approx(-(sell.shortfall_money or 0.0), rel=1e-12)


def test_a_multiplier_multiplies_money_and_leaves_basis_points() -> None:
    free = FILLS.with_columns(fee=pl.lit(0.0))
    one, fifty = (evaluate(facts(multiplier=each), free, QUOTES, PRINTS) for each in (1.0, 50.0))
    assert 50 * (one.shortfall_money or 0.0) == pytest.approx(fifty.shortfall_money, rel=1e-12)
    assert one.shortfall_bps == pytest.approx(fifty.shortfall_bps, rel=1e-12)
    assert one.avg_price == pytest.approx(fifty.avg_price, rel=1e-12)


def test_money_per_fill_adds_up_to_the_parts() -> None:
    inverse = facts(multiplier=100.0, inverse=True)
    found = evaluate(inverse, FILLS, QUOTES, PRINTS)
    value = 100 * 100 / 49_905.0
    for part in ("spread", "impact", "timing"):
        total = per_fill(inverse, FILLS, QUOTES)[f"{part}_money"].sum()
        assert found.shortfall_parts_bps[part] == pytest.approx(1e4 * total / value, rel=1e-9)


def test_a_multiplier_must_be_above_nothing() -> None:
    with pytest.raises(ConfigError, match="multiplier is 0"):
        facts(multiplier=0.0)


@pytest.mark.parametrize(
    ("symbol", "inverse", "currency"),
    [("BTCUSD_PERP", True, "BTC"), ("ETHUSDZ26", True, "ETH"), ("BTC-PERPETUAL", True, "BTC"), ("USDX", True, "coins"), ("ES", False, "USD")],
)  # fmt: skip
def test_money_is_counted_in_the_coin_of_an_inverse_contract(symbol: str, inverse: bool, currency: str) -> None:
    assert currency == replace(INFO, symbol=symbol, inverse=inverse, currency="USD").money_currency


def test_units_follow_the_contract() -> None:
    assert "contracts" == unit_of(replace(INFO, inverse=True)) == unit_of(replace(INFO, multiplier="50"))
    assert ("shares", "units") == (unit_of(replace(INFO, venue="SSE")), unit_of(replace(INFO, venue="COINBASE")))
    assert (100, True) == (Units(replace(INFO, multiplier="100", inverse=True)).multiplier, True)


def test_small_amounts_of_coins_keep_their_figures() -> None:
    assert ["0.0005964 BTC", "12.35 BTC", "$0.00"] == [
        money(0.00059637, "BTC"), money(12.3456, "BTC"), money(0.001, "USD")
    ]  # fmt: skip


def test_what_data_without_trades_cannot_tell_is_said() -> None:
    for fidelity in (Fidelity.L2_SNAPSHOTS, Fidelity.L1, Fidelity.L3_TOP_K):
        words = fidelity_words(replace(INFO, fidelity=fidelity, depth=5), trades=False)
        assert "a waiting order fills only where the book crosses its price" in words
    assert "it counts as first" in fidelity_words(replace(INFO, fidelity=Fidelity.L1))
