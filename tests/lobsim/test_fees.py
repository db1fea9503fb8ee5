"""Fees against a slow twin that goes through the fills one by one in decimals, and by hand."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.errors import ConfigError, DataError
from lobsim.fee_files import parse_fees, read_fees
from lobsim.fees import FeeSchedule, Period, Rates, Tier, TierRule, add_fees

DAY_NS = 24 * 3600 * 10**9
Fill = tuple[int, int, int, int, bool]
"""ts_ns, order, price in ticks, lots, passive."""


def table(*fills: Fill) -> pl.DataFrame:
    """Fills as a table."""
    schema = dict.fromkeys(("ts_ns", "order", "price_ticks", "size_lots"), pl.Int64)
    return pl.DataFrame(list(fills), schema=schema | {"passive": pl.Boolean}, orient="row")


def charged(schedule: FeeSchedule, *fills: Fill, tick: str = "0.01", lot: str = "1") -> list[Decimal]:
    """Money per fill, exact."""
    charges = schedule.charge(table(*fills), tick=tick, lot=lot)
    return [charges.exact(int(steps)) for steps in charges.steps]


# The slow twin: one fill after the other, in decimals


def period_of(schedule: FeeSchedule, ts_ns: int) -> tuple[int, ...]:
    """The period a time lies in."""
    day = datetime.fromtimestamp(ts_ns // 10**9, UTC)
    return {Period.ALL: (), Period.DAY: (day.year, day.month, day.day), Period.MONTH: (day.year, day.month)}[
        schedule.period
    ]


def slow_fees(schedule: FeeSchedule, fills: list[Fill], tick: Decimal, lot: Decimal) -> list[Decimal]:
    """What each fill costs."""
    with localcontext(prec=200):
        values = [abs(price) * tick * size * lot for _, _, price, size, _ in fills]
        first = min(period_of(schedule, fill[0]) for fill in fills)
        done: dict[tuple[int, ...], Decimal] = {first: Decimal(str(schedule.traded_before))}
        whole = dict(done)
        for fill, value in zip(fills, values, strict=True):
            whole[period_of(schedule, fill[0])] = whole.get(period_of(schedule, fill[0]), Decimal(0)) + value
        sums: dict[int, Decimal] = {}
        paid: dict[int, Decimal] = {}
        out = []
        for fill, value in zip(fills, values, strict=True):
            ts_ns, order, _, size, passive = fill
            period = period_of(schedule, ts_ns)
            side = schedule.maker if passive else schedule.taker
            before = done.get(period, Decimal(0))
            done[period] = before + value
            if schedule.tier_rule == TierRule.WHOLE:
                fee = value * rate_at(schedule, whole[period], passive)
            else:
                fee = part_by_part(schedule, before, before + value, passive)
            fee = fee / 10_000 + size * Decimal(str(side.per_lot))
            if order not in sums:
                fee += Decimal(str(side.per_order))
            fee = fee.quantize(Decimal(str(schedule.money_step)), ROUND_HALF_EVEN)
            sums[order] = sums.get(order, Decimal(0)) + fee
            owed = sums[order]
            if schedule.minimum_per_order is not None:
                owed = max(owed, Decimal(str(schedule.minimum_per_order)))
            if schedule.maximum_per_order is not None:
                owed = min(owed, Decimal(str(schedule.maximum_per_order)))
            out.append(owed - paid.get(order, Decimal(0)))
            paid[order] = owed
        return out


def rate_at(schedule: FeeSchedule, value: Decimal, passive: bool) -> Decimal:
    """bps of the tier that begins last at or below a traded value."""
    rate = (schedule.maker if passive else schedule.taker).bps
    for tier in schedule.tiers:
        if value >= Decimal(str(tier.from_value)):
            rate = tier.maker_bps if passive else tier.taker_bps
    return Decimal(str(rate))


def part_by_part(schedule: FeeSchedule, start: Decimal, end: Decimal, passive: bool) -> Decimal:
    """Value x bps from one traded value to another, cut at the thresholds."""
    cuts = [Decimal(str(tier.from_value)) for tier in schedule.tiers]
    edges = [start, *(cut for cut in cuts if start < cut < end), end]
    pieces = itertools.pairwise(edges)
    return sum(((high - low) * rate_at(schedule, low, passive) for low, high in pieces), Decimal(0))


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    """Decimals with so many places."""
    return st.integers(low * 10**places, high * 10**places).map(lambda value: Decimal(value).scaleb(-places))


RATES = st.builds(Rates, bps=decimals(-20, 20, 3), per_lot=decimals(-1, 1, 5), per_order=decimals(-3, 3, 2))


@st.composite
def schedules(draw: st.DrawFn) -> FeeSchedule:
    """Any schedule that is one."""
    starts = sorted(draw(st.sets(decimals(1, 5_000_000, 2), max_size=4)))
    bps = decimals(-20, 20, 2)
    bounds = sorted(draw(st.lists(st.integers(-500, 5_000), min_size=2, max_size=2)))
    low, high = (draw(st.none() | st.just(Decimal(bound).scaleb(-2))) for bound in bounds)
    return FeeSchedule(
        maker=draw(RATES),
        taker=draw(RATES),
        tiers=tuple(Tier(from_value=start, maker_bps=draw(bps), taker_bps=draw(bps)) for start in starts),
        tier_rule=draw(st.sampled_from(TierRule)),
        period=draw(st.sampled_from(Period)),
        traded_before=draw(decimals(0, 2_000_000, 2)),
        minimum_per_order=low,
        maximum_per_order=high,
        money_step=draw(st.sampled_from(["0.01", "0.0001", "0.00000001"])),
    )


@st.composite
def fill_lists(draw: st.DrawFn) -> list[Fill]:
    """Fills in order of trading; sizes and prices of every magnitude a venue has."""
    largest = draw(st.sampled_from([10, 10**4, 2**40]))
    each = st.tuples(
        st.integers(0, 90 * DAY_NS),
        st.integers(-3, 3),
        st.integers(-largest, largest),
        st.integers(1, largest),
        st.booleans(),
    )
    return sorted(draw(st.lists(each, min_size=1, max_size=12)), key=lambda fill: fill[0])


@given(
    schedule=schedules(), fills=fill_lists(), units=st.sampled_from([("0.01", "1"), ("0.1", "0.00001"), ("0.25", "50")])
)
def test_every_fee_is_that_of_the_slow_twin_to_the_last_step(
    schedule: FeeSchedule, fills: list[Fill], units: tuple[str, str]
) -> None:
    expected = slow_fees(schedule, fills, *map(Decimal, units))
    assert expected == charged(schedule, *fills, tick=units[0], lot=units[1])


@given(schedule=schedules(), fills=fill_lists())
def test_the_total_is_the_sum_of_the_fills_to_the_step(schedule: FeeSchedule, fills: list[Fill]) -> None:
    charges = schedule.charge(table(*fills), tick="0.01", lot="1")
    assert sum(charged(schedule, *fills), Decimal(0)) == charges.total
    assert [float(money) for money in charged(schedule, *fills)] == pytest.approx(charges.money.tolist(), rel=1e-15)


# By hand


def test_makers_and_takers_pay_their_own_rates_and_rebates_are_negative() -> None:
    schedule = FeeSchedule(maker=Rates(bps="-0.5", per_lot="-0.002"), taker=Rates(bps=1, per_lot="0.003", per_order=2))
    fills = [(0, 1, 10_000, 10, True), (1, 2, 20_000, 5, False), (2, 2, 20_000, 5, False)]
    assert [Decimal("-0.07"), Decimal("2.115"), Decimal("0.115")] == charged(schedule, *fills)


def test_a_fill_across_a_threshold_is_split_or_not_by_the_rule() -> None:
    tiers = (Tier(from_value=1_000, maker_bps=0, taker_bps=1),)
    fills = [(0, 1, 10_000, 8, False), (1, 1, 10_000, 4, False)]  # 800, then 400 of which 200 lie beyond
    by_rule = {rule: charged(FeeSchedule(taker=Rates(bps=2), tiers=tiers, tier_rule=rule), *fills) for rule in TierRule}
    assert [Decimal("0.16"), Decimal("0.06")] == by_rule[TierRule.MARGINAL]
    assert [Decimal("0.08"), Decimal("0.04")] == by_rule[TierRule.WHOLE]


def test_traded_value_starts_again_with_each_period_and_earlier_trading_counts_in_the_first() -> None:
    tiers = (Tier(from_value=100, maker_bps=0, taker_bps=0),)
    schedule = FeeSchedule(taker=Rates(bps=100), tiers=tiers, period=Period.DAY, traded_before=60)
    fills = [(DAY_NS - 1, 1, 100, 100, False), (DAY_NS, 1, 100, 100, False)]
    assert [Decimal("0.4"), Decimal(1)] == charged(schedule, *fills)


def test_a_minimum_is_paid_once_and_earned_back_before_more_is_owed() -> None:
    schedule = FeeSchedule(taker=Rates(per_lot="0.1"), minimum_per_order=1, maximum_per_order="1.5")
    fills = [(place, 7, 100, 6, False) for place in range(4)]
    assert [Decimal(1), Decimal("0.2"), Decimal("0.3"), Decimal(0)] == charged(schedule, *fills)


@pytest.mark.parametrize(("lots", "expected"), [(1, "0.00"), (3, "0.02"), (5, "0.02"), (-1, "0.00"), (-3, "-0.02")])
def test_half_a_step_goes_to_the_even_one(lots: int, expected: str) -> None:
    rate = "0.005" if lots > 0 else "-0.005"
    schedule = FeeSchedule(taker=Rates(per_lot=rate), money_step="0.01")
    assert [Decimal(expected)] == charged(schedule, (0, 1, 1, abs(lots), False))


def test_sums_beyond_64_bits_stay_exact() -> None:
    schedule = FeeSchedule(taker=Rates(bps="0.123"), money_step="0.000000000001")
    assert [Decimal(2**86) * Decimal("0.0000123")] == charged(schedule, (0, 1, 2**46, 2**40, False), tick="1")


def test_no_fills_cost_nothing() -> None:
    charges = FeeSchedule(minimum_per_order=1).charge(table(), tick="0.01", lot=1)
    assert (0, 0) == (len(charges.money), charges.total)


def test_real_fills_in_natural_units_get_a_fee_column_or_an_error_with_the_row() -> None:
    real = pl.DataFrame({"price": [100.01, 99.99], "size": [5.0, 10.0], "passive": [True, False]})
    paid = add_fees(real, FeeSchedule(taker=Rates(bps=1)), tick="0.01", lot=1)
    assert [0.0, 0.09999] == paid["fee"].to_list()
    assert real.columns == paid.columns[:-1]
    between = real.with_columns(price=pl.Series([100.01, 99.995]))
    with pytest.raises(DataError, match=r"fills row 2, field price: 99\.995 is not a whole number of 1/100"):
        add_fees(between, FeeSchedule(), tick="0.01", lot=1)


def test_a_column_that_is_needed_is_asked_for() -> None:
    fills = table((0, 1, 100, 1, True))
    FeeSchedule().charge(fills.drop("ts_ns", "order"), tick=1, lot=1)
    with pytest.raises(DataError, match="fills, field order: these fees need the column"):
        FeeSchedule(minimum_per_order=1).charge(fills.drop("order"), tick=1, lot=1)
    with pytest.raises(DataError, match="fills, field ts_ns: these fees need the column"):
        FeeSchedule(period=Period.DAY).charge(fills.drop("ts_ns"), tick=1, lot=1)
    with pytest.raises(DataError, match="fills row 1, field size_lots: a fill has at least one lot"):
        FeeSchedule().charge(fills.with_columns(size_lots=0), tick=1, lot=1)


# Settings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"taker": {"bps": float("nan")}}, "fees: bps is nan, which is no number; a fee must be a finite number"),
        ({"minimum_per_order": 2, "maximum_per_order": 1}, "minimum_per_order 2 is above maximum_per_order 1"),
        ({"minimum_per_order": "0.001", "money_step": "0.01"}, "not a multiple of money_step"),
        ({"traded_before": -1}, "traded_before is -1, 0 or more is needed"),
        ({"maker": {"bps": "1e-400"}}, "which has too many digits"),
    ],
)
def test_a_setting_that_cannot_be_is_one_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as found:
        FeeSchedule(**{name: Rates(**value) if isinstance(value, dict) else value for name, value in settings.items()})
    assert sentence in str(found.value)


@pytest.mark.parametrize("starts", [(0,), (-5,), (5, 5), (9, 5)])
def test_tiers_must_rise_from_above_zero(starts: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="tiers must begin above 0 and rise"):
        FeeSchedule(tiers=tuple(Tier(from_value=start, maker_bps=0, taker_bps=0) for start in starts))


WHOLE_FILE = """
minimum_per_order = 1.00
tier_rule = "whole"
period = "month"
traded_before = "250000"

[maker]
bps = -0.2
[taker]
bps = 0.1
per_lot = "0.003"

[[tiers]]
from_value = 1_000_000
maker_bps = -0.3
taker_bps = 0.25
"""


def test_a_file_says_what_the_arguments_say(tmp_path: Path) -> None:
    path = tmp_path / "fees.toml"
    path.write_text(WHOLE_FILE)
    expected = FeeSchedule(
        maker=Rates(bps=Decimal("-0.2")),
        taker=Rates(bps=Decimal("0.1"), per_lot="0.003"),
        minimum_per_order=Decimal("1.00"),
        tiers=(Tier(from_value=1_000_000, maker_bps=Decimal("-0.3"), taker_bps=Decimal("0.25")),),
        tier_rule=TierRule.WHOLE,
        period=Period.MONTH,
        traded_before="250000",
    )
    assert expected == read_fees(path) == parse_fees(str(path))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("takr = 1", "fees: there is no setting 'takr'; did you mean taker?"),
        ("[taker]\nbsp = 1", "taker: there is no setting 'bsp'; did you mean bps?"),
        ("taker = 1", "taker: a table of settings is needed"),
        ("tiers = 1", "tiers: a table of settings is needed"),
        ("[[tiers]]\nfrom_value = 1", "tiers: a tier lacks maker_bps, taker_bps"),
        ("period = 'week'", "fees: period is 'week'; choose all or day or month"),
        ("[taker]\nbps = nan", "fees: bps is Decimal('NaN'), which is no number"),
        ("[taker]\nbps = [1]", "fees: bps is [1], which is no number"),
        ("money_step = 0", "money_step is 0, a decimal above 0 is needed"),
        ("taker", "this is no TOML"),
    ],
)
def test_a_file_that_cannot_be_right_is_one_sentence_with_its_name(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "fees.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as found:
        read_fees(path)
    assert str(found.value).startswith(str(path))
    assert sentence in str(found.value)


def test_fees_in_a_word_are_bps_of_value() -> None:
    expected = FeeSchedule(taker=Rates(bps="0.3"), maker=Rates(bps="-0.1"))
    assert expected == parse_fees("taker=0.3,maker=-0.1") == parse_fees(" maker = -0.1 , taker = 0.3 ")
