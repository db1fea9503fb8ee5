"""Costs by hand: the golden shortfall, every benchmark, mark-outs, mirrors, and parts that add up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.tca import CostReport, ParentFacts, RemainderRule, evaluate, per_fill, textbook_bps
from lobsim.errors import ConfigError, DataError
from lobsim.types import Side
from tests.execution.conftest import SECOND_NS, fills_of, prints_of, quotes_of

NO_PRINTS = prints_of([])
FLAT = [(0, 99.0, 101.0)]


def facts_of(
    side: Side = Side.BUY, size: float = 1000, decision: float = 10, arrival: float = 10, end: float = 70
) -> ParentFacts:
    """An order by its size and its times in seconds."""
    times = {"decision_ns": decision, "arrival_ns": arrival, "end_ns": end}
    return ParentFacts(side=side, size=size, **{name: round(value * SECOND_NS) for name, value in times.items()})


# --- the golden example: 1,000 to buy, P_d 50.00, P_0 50.05, 700 filled at 50.07, P_T 50.09, fee 23

GOLDEN_QUOTES = quotes_of([(5, 49.99, 50.01), (11, 50.04, 50.06), (60, 50.08, 50.10)])
GOLDEN_FACTS = facts_of(arrival=12)
GOLDEN_FILLS = fills_of(Side.BUY, [(20, 50.07, 400, 50.05, 50.07), (30, 50.07, 300, 50.05, 50.07)]).with_columns(
    fee=pl.Series([13.0, 10.0])
)


def golden(remainder: RemainderRule) -> CostReport:
    return evaluate(GOLDEN_FACTS, GOLDEN_FILLS, GOLDEN_QUOTES, NO_PRINTS, remainder=remainder)


def test_the_golden_shortfall_is_99_dollars_or_19_8_bps() -> None:
    report = golden(RemainderRule.MID)
    assert (99.0, 19.8) == pytest.approx((report.shortfall_money, report.shortfall_bps))
    assert (50.0, 50.05, 50.09, 50.09) == pytest.approx(
        (report.decision_price, report.arrival_price, report.end_price, report.remainder_price)
    )


def test_the_golden_shortfall_in_parts() -> None:
    parts = golden(RemainderRule.MID).shortfall_parts_bps
    assert ["delay", "spread", "impact", "timing", "opportunity", "fees"] == list(parts)
    expected = {"delay": 10.0, "spread": 1.4, "impact": 1.4, "timing": 0.0, "opportunity": 2.4, "fees": 4.6}
    assert expected == pytest.approx(parts)


def test_the_golden_shortfall_by_the_textbook() -> None:
    parts = textbook_bps(GOLDEN_FACTS, GOLDEN_FILLS, GOLDEN_QUOTES, remainder=RemainderRule.MID)
    assert {"delay": 7.0, "execution": 2.8, "missed": 5.4, "fees": 4.6} == pytest.approx(parts)


def test_a_remainder_is_marked_at_the_far_touch_unless_told_otherwise() -> None:
    report = evaluate(GOLDEN_FACTS, GOLDEN_FILLS, GOLDEN_QUOTES, NO_PRINTS)
    assert (300.0, 50.10) == pytest.approx((report.remainder, report.remainder_price))
    assert 300 * 0.05 / 50_000 * 1e4 == pytest.approx(report.shortfall_parts_bps["opportunity"])
    assert 102.0 == pytest.approx(report.shortfall_money)


def test_a_seller_meets_the_bid_at_the_end() -> None:
    report = evaluate(facts_of(Side.SELL), fills_of(Side.SELL, []), GOLDEN_QUOTES, NO_PRINTS)
    assert 50.08 == report.remainder_price
    assert -1000 * (50.08 - 50.0) == pytest.approx(report.shortfall_money)


def test_a_remainder_is_marked_at_the_mid_where_the_far_side_is_empty() -> None:
    quotes = quotes_of([(5, 99.0, 101.0), (40, 99.5, None)])
    assert 100.0 == evaluate(facts_of(), fills_of(Side.BUY, []), quotes, NO_PRINTS).remainder_price


# --- mids


@pytest.mark.parametrize(
    ("decision", "mid"),
    [(9.999999999, None), (10, 100.0), (19.5, 100.0), (20, 103.0), (25, 103.0), (30, 103.0), (99, 103.0)],
)
def test_the_mid_is_that_of_the_last_two_sided_row_up_to_the_instant(decision: float, mid: float | None) -> None:
    rows = [(10, 99.0, 101.0), (20, 100.0, 102.0), (20, 102.0, 104.0), (30, None, 104.0)]
    report = evaluate(
        facts_of(decision=decision, arrival=decision, end=100), fills_of(Side.BUY, []), quotes_of(rows), NO_PRINTS
    )
    assert mid == report.decision_price


def test_a_fill_is_compared_with_the_mid_strictly_before_it() -> None:
    quotes = quotes_of([(5, 99.0, 101.0), (20, 101.0, 103.0), (20, 103.0, 105.0)])
    fills = fills_of(Side.BUY, [(20, 101.0, 10), (20.000000001, 105.0, 10)])
    assert [100.0, 104.0] == per_fill(facts_of(), fills, quotes)["mid0_before"].to_list()


def test_a_fill_before_any_quote_takes_the_arrival_price() -> None:
    fills = fills_of(Side.BUY, [(5, 101.0, 10)])
    assert [100.0] == per_fill(facts_of(), fills, quotes_of([(5, 99.0, 101.0)]))["mid0_before"].to_list()


def test_a_fill_that_does_not_know_its_touch_counts_no_impact() -> None:
    fills = fills_of(Side.BUY, [(20, 102.0, 10)]).with_columns(ask_before=pl.lit(102.0))
    row = per_fill(facts_of(), fills, quotes_of([(5, 99.0, 101.0), (15, 100.0, 102.0)])).row(0, named=True)
    assert (101.0, 10.0, 0.0, 10.0, None) == (
        row["mid_before"], row["spread_money"], row["impact_money"], row["timing_money"], row["spread_capture"],
    )  # fmt: skip


# --- the parts of execution


def test_spread_impact_and_timing_of_a_fill() -> None:
    # arrival 100; the market alone drifts to 101; own trades have pushed its mid on to 101.5; paid 102
    quotes = quotes_of([(5, 99.0, 101.0), (15, 100.0, 102.0)])
    row = per_fill(facts_of(), fills_of(Side.BUY, [(20, 102.0, 10, 101.0, 102.0)]), quotes).row(0, named=True)
    assert (101.5, 101.0) == (row["mid_before"], row["mid0_before"])
    assert (5.0, 5.0, 10.0) == (row["spread_money"], row["impact_money"], row["timing_money"])
    assert 200.0 == pytest.approx(row["arrival_cost_bps"])


def test_a_passive_fill_earns_half_the_spread() -> None:
    report = evaluate(
        facts_of(), fills_of(Side.BUY, [(20, 99.0, 1000, 99.0, 101.0)], passive=True), quotes_of(FLAT), NO_PRINTS
    )
    assert (-100.0, 1.0, 1.0) == pytest.approx(
        (report.effective_half_spread_bps, report.spread_capture, report.passive_share)
    )
    assert -100.0 == pytest.approx(report.shortfall_parts_bps["spread"])


def test_spread_capture_is_size_weighted_from_near_to_far_touch() -> None:
    fills = fills_of(
        Side.SELL,
        [(20, 101.0, 300, 99.0, 101.0), (21, 99.0, 100, 99.0, 101.0), (22, 98.0, 100), (23, 100.0, 50, 100.0, 100.0)],
    )
    report = evaluate(facts_of(Side.SELL), fills, quotes_of(FLAT), NO_PRINTS)
    assert 0.5 == pytest.approx(report.spread_capture)  # fills without a spread do not count


# --- benchmarks


def test_arrival_cost_counts_what_was_filled_and_its_sign_is_the_sides() -> None:
    for side, cost in ((Side.BUY, 50.0), (Side.SELL, -50.0)):
        report = evaluate(
            facts_of(side), fills_of(side, [(20, 100.0, 100), (30, 101.0, 100)]), quotes_of(FLAT), NO_PRINTS
        )
        assert (100.5, cost) == pytest.approx((report.avg_price, report.arrival_cost_bps))


PRINTS = prints_of(
    [
        (9, 500.0, 1000, False, False),  # before the decision
        (10, 100.0, 300, False, False),
        (40, 104.0, 100, True, False),
        (50, 900.0, 5000, False, True),  # an auction
        (70, 98.0, 100, False, False),
        (71, 500.0, 1000, False, False),  # after the end
    ]
)


def test_vwap_counts_hidden_prints_and_leaves_auctions_own_fills_and_other_times_out() -> None:
    report = evaluate(facts_of(), fills_of(Side.BUY, [(20, 101.0, 500)]), quotes_of(FLAT), PRINTS)
    vwap = (300 * 100 + 100 * 104 + 100 * 98) / 500
    assert (500.0, vwap) == pytest.approx((report.market_volume, report.vwap))
    assert 1e4 * (101 - vwap) / vwap == pytest.approx(report.vwap_cost_bps)


def test_vwap_with_own_fills_and_lit_only() -> None:
    report = evaluate(facts_of(), fills_of(Side.BUY, [(20, 101.0, 500)]), quotes_of(FLAT), PRINTS)
    with_own, lit = (500 * 100.4 + 500 * 101) / 1000, (300 * 100 + 100 * 98) / 400
    assert (with_own, lit) == pytest.approx((report.vwap_with_own, report.vwap_lit))
    costs = (1e4 * (101 - with_own) / with_own, 1e4 * (101 - lit) / lit)
    assert costs == pytest.approx((report.vwap_with_own_cost_bps, report.vwap_lit_cost_bps))


def test_twap_weighs_each_mid_by_how_long_it_lasted() -> None:
    quotes = quotes_of([(0, 99.0, 101.0), (40, 109.0, 111.0), (55, None, 111.0), (60, 119.0, 121.0), (90, 1.0, 3.0)])
    report = evaluate(facts_of(), fills_of(Side.BUY, [(20, 101.0, 500)]), quotes, NO_PRINTS)
    twap = (30 * 100 + 20 * 110 + 10 * 120) / 60
    assert twap == pytest.approx(report.twap)
    assert 1e4 * (101 - twap) / twap == pytest.approx(report.twap_cost_bps)


def test_participation_is_the_share_of_all_volume_own_included() -> None:
    report = evaluate(facts_of(), fills_of(Side.BUY, [(20, 101.0, 125)]), quotes_of(FLAT), PRINTS)
    assert 0.2 == pytest.approx(report.participation)


# --- mark-outs


def test_markouts_look_ahead_in_the_market_without_us() -> None:
    quotes = quotes_of([(0, 99.0, 101.0), (20.1, 98.0, 100.0), (30, 97.0, 99.0), (80, 90.0, 92.0), (81, None, 92.0)])
    row = per_fill(facts_of(), fills_of(Side.BUY, [(20, 99.0, 10, 99.0, 101.0)], passive=True), quotes).row(
        0, named=True
    )
    markouts = [row[f"markout_{name}_bps"] for name in ("100ms", "1s", "10s", "60s", "300s")]
    assert [0.0, 0.0, -100.0, -800.0, None] == markouts


def test_the_realised_spread_is_the_effective_one_less_the_move_after() -> None:
    quotes = quotes_of([(0, 99.0, 101.0), (21, 98.0, 100.0), (400, 98.0, 100.0)])
    report = evaluate(facts_of(), fills_of(Side.BUY, [(20, 101.0, 10, 99.0, 101.0)]), quotes, NO_PRINTS)
    assert (100.0, 200.0) == pytest.approx((report.effective_half_spread_bps, report.realised_spread_bps["1s"]))
    assert -200.0 == pytest.approx(report.markout_bps["1s"])


def test_a_markout_beyond_the_quotes_is_not_known_and_its_coverage_says_so() -> None:
    quotes = quotes_of([(0, 99.0, 101.0), (35, 100.0, 102.0)])
    fills = fills_of(Side.BUY, [(20, 101.0, 300), (30, 101.0, 100)])
    report = evaluate(facts_of(), fills, quotes, NO_PRINTS)
    assert (1.0, 0.75, 0.0) == tuple(report.markout_known[name] for name in ("1s", "10s", "60s"))
    assert -100.0 == pytest.approx(report.markout_bps["10s"])  # the quote of second 35 is too late for both
    assert (None, None) == (report.markout_bps["60s"], report.realised_spread_bps["60s"])


# --- shares and the schedule


def test_shares_of_what_was_filled() -> None:
    fills = fills_of(Side.BUY, [(20, 100.0, 300), (30, 100.0, 100), (70, 100.0, 100)]).with_columns(
        passive=pl.Series([True, False, False]), forced=pl.Series([False, False, True])
    )
    report = evaluate(facts_of(), fills, quotes_of(FLAT), NO_PRINTS, submitted=2000)
    shares = (report.completion, report.fill_ratio, report.passive_share, report.forced_share)
    assert (0.5, 0.25, 0.6, 0.2) == pytest.approx(shares)
    assert 3 == report.fills


def test_the_schedule_deviation_is_the_largest_gap_anywhere() -> None:
    schedule = pl.DataFrame({"ts_ns": [10 * SECOND_NS, 70 * SECOND_NS], "target": [0.0, 1000.0]})
    fills = fills_of(Side.BUY, [(40, 100.0, 600), (70, 100.0, 400)])
    report = evaluate(facts_of(), fills, quotes_of(FLAT), NO_PRINTS, schedule=schedule)
    assert 0.5 == pytest.approx(report.max_schedule_deviation)  # just before the first fill, 500 were due


# --- what is not known is None


def test_an_order_without_fills_costs_what_the_market_ran_away() -> None:
    quotes = quotes_of([(0, 99.0, 101.0), (60, 102.0, 104.0)])
    report = evaluate(facts_of(), fills_of(Side.BUY, []), quotes, NO_PRINTS)
    assert (0, 0.0, None, None) == (report.fills, report.completion, report.avg_price, report.arrival_cost_bps)
    assert 400.0 == pytest.approx(report.shortfall_bps) == report.shortfall_parts_bps["opportunity"]


def test_without_quotes_no_price_is_known_and_nothing_is_nan() -> None:
    report = evaluate(facts_of(), fills_of(Side.BUY, [(20, 100.0, 10)]), quotes_of([]), NO_PRINTS)
    assert "NaN" not in json.dumps(report.to_dict())
    assert 100.0 == report.avg_price
    unknown = (report.decision_price, report.twap, report.vwap, report.shortfall_bps, report.shortfall_money)
    assert (None,) * 5 == unknown
    assert {None} == set(report.shortfall_parts_bps.values())


def test_optional_columns_may_be_absent() -> None:
    fills = fills_of(Side.BUY, [(20, 101.0, 1000)]).drop("fee", "forced", "bid_before", "ask_before")
    report = evaluate(facts_of(), fills, quotes_of(FLAT), PRINTS.drop("hidden", "auction"))
    assert (0.0, None, None) == (report.fees, report.forced_share, report.spread_capture)
    assert 100.0 == pytest.approx(report.shortfall_bps)


def test_the_order_of_rows_does_not_matter() -> None:
    fills = fills_of(Side.BUY, [(20, 101.0, 300, 99.0, 101.0), (30, 102.0, 100, 99.0, 101.0)])
    quotes = quotes_of([(0, 99.0, 101.0), (25, 100.0, 101.0), (400, 99.0, 103.0)])
    expected = evaluate(facts_of(), fills, quotes, PRINTS)
    assert expected == evaluate(facts_of(), fills.reverse(), quotes.reverse(), PRINTS.reverse())


# --- symmetry and additivity

PRICES = st.integers(9000, 11000).map(lambda cents: cents / 100)
SIZES = st.integers(1, 400).map(float)
FILLS = st.lists(st.tuples(st.integers(5, 80), PRICES, SIZES, PRICES, PRICES), max_size=8)
QUOTES = st.lists(st.tuples(st.integers(0, 90), PRICES | st.none(), PRICES | st.none()), max_size=12)


def fitted(rows: Sequence[tuple[float, ...]], spare: float) -> float:
    """A size of the order that the fills fit into."""
    return sum(row[2] for row in rows) + spare


@given(rows=FILLS, quotes=QUOTES, spare=st.integers(1, 300), side=st.sampled_from(Side), fee=st.floats(-50, 50))
def test_parts_add_up_to_the_shortfall_in_both_conventions(
    rows: list[tuple[float, ...]], quotes: list[tuple[float, float, float]], spare: int, side: Side, fee: float
) -> None:
    facts = facts_of(side, fitted(rows, spare), arrival=12)
    fills = fills_of(side, rows).with_columns(fee=pl.lit(fee))
    market = quotes_of([(0, 99.0, 101.0), *sorted(quotes, key=lambda row: row[0])])
    for rule in RemainderRule:
        report = evaluate(facts, fills, market, NO_PRINTS, remainder=rule)
        parts = [part for part in report.shortfall_parts_bps.values() if part is not None]
        textbook = [part for part in textbook_bps(facts, fills, market, remainder=rule).values() if part is not None]
        assert (6, 4) == (len(parts), len(textbook))
        assert report.shortfall_bps == pytest.approx(sum(parts), abs=1e-9)
        assert report.shortfall_bps == pytest.approx(sum(textbook), abs=1e-9)


@given(rows=FILLS, quotes=QUOTES, spare=st.integers(1, 300))
def test_a_mirrored_order_in_a_mirrored_market_costs_the_same(
    rows: list[tuple[float, ...]], quotes: list[tuple[float, float | None, float | None]], spare: int
) -> None:
    level = 100.0  # the mid at decision and arrival, so that the base of the bps is the same too

    def flip(price: float | None) -> float | None:
        return None if price is None else 2 * level - price

    later = sorted([(second + 11, bid, ask) for second, bid, ask in quotes], key=lambda row: row[0])
    buy = evaluate(
        facts_of(Side.BUY, fitted(rows, spare)), fills_of(Side.BUY, rows), quotes_of([*FLAT, *later]), NO_PRINTS
    )
    mirrored_rows = [(t, flip(price), size, flip(ask), flip(bid)) for t, price, size, bid, ask in rows]
    mirrored_quotes = [(t, flip(ask), flip(bid)) for t, bid, ask in [*FLAT, *later]]
    sell = evaluate(
        facts_of(Side.SELL, fitted(rows, spare)),
        fills_of(Side.SELL, mirrored_rows),
        quotes_of(mirrored_quotes),
        NO_PRINTS,
    )
    assert buy.shortfall_bps == pytest.approx(sell.shortfall_bps, abs=1e-8)
    assert buy.shortfall_parts_bps == pytest.approx(sell.shortfall_parts_bps, abs=1e-8)
    assert buy.arrival_cost_bps == pytest.approx(sell.arrival_cost_bps, abs=1e-8)
    assert buy.spread_capture == pytest.approx(sell.spread_capture, abs=1e-8)


@given(rows=FILLS.filter(bool), spare=st.integers(1, 300))
def test_the_money_per_fill_adds_up_to_the_parts_of_the_order(rows: list[tuple[float, ...]], spare: int) -> None:
    facts = facts_of(size=fitted(rows, spare))
    fills, quotes = fills_of(Side.BUY, rows), quotes_of([*FLAT, (15, 100.0, 103.0)])
    each, report = per_fill(facts, fills, quotes), evaluate(facts, fills, quotes, NO_PRINTS)
    for part in ("spread", "impact", "timing"):
        money = float(each[f"{part}_money"].sum())
        assert 1e4 * money / (facts.size * 100) == pytest.approx(report.shortfall_parts_bps[part], abs=1e-9)


# --- refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": float("nan")}, "fills row 2, field price: .*nan"),
        ({"size": -3.0}, "fills row 2, field size: .*-3"),
        ({"size": 0.0}, "fills row 2, field size"),
        ({"size": 5000.0}, "field size: add up to 5100"),
        ({"side": 1}, "fills row 2, field side: the order is a buy"),
        ({"ts_ns": None}, "fills row 2, field ts_ns: every row needs a time"),
        ({"fee": float("inf")}, "fills row 2, field fee"),
    ],
)
def test_a_fill_that_cannot_be_is_refused_by_row_and_field(change: dict[str, float | None], message: str) -> None:
    good = fills_of(Side.BUY, [(20, 101.0, 100)])
    bad = good.with_columns(pl.lit(value).cast(good.schema[name]).alias(name) for name, value in change.items())
    with pytest.raises(DataError, match=message):
        evaluate(facts_of(), pl.concat([good, bad]), quotes_of(FLAT), NO_PRINTS)


def test_a_missing_column_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="quotes, field ask: the column is missing"):
        evaluate(facts_of(), GOLDEN_FILLS, GOLDEN_QUOTES.drop("ask"), NO_PRINTS)


def test_a_column_of_the_wrong_type_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="prints, field ts_ns: the column holds Float64"):
        evaluate(facts_of(), GOLDEN_FILLS, GOLDEN_QUOTES, PRINTS.with_columns(pl.col("ts_ns").cast(pl.Float64)))


def test_a_print_without_a_price_is_refused_only_where_it_counts() -> None:
    broken = PRINTS.with_columns(price=pl.when(pl.col("auction")).then(None).otherwise(pl.col("price")))
    expected = evaluate(facts_of(), GOLDEN_FILLS, GOLDEN_QUOTES, PRINTS)
    assert expected == evaluate(facts_of(), GOLDEN_FILLS, GOLDEN_QUOTES, broken)
    broken = PRINTS.with_columns(price=pl.when(pl.col("hidden")).then(None).otherwise(pl.col("price")))
    with pytest.raises(DataError, match="prints row 3, field price"):
        evaluate(facts_of(), GOLDEN_FILLS, GOLDEN_QUOTES, broken)


@pytest.mark.parametrize(
    "change", [{"size": 0.0}, {"size": float("nan")}, {"arrival_ns": 0}, {"end_ns": 10 * SECOND_NS}]
)
def test_facts_that_cannot_be_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        replace(facts_of(), **change)
