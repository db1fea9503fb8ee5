"""Facts of made-up days whose answer is known: noise, bounces, runs of signs, Poisson arrivals, orders of known lives."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lobsim.errors import ConfigError
from lobsim.realism.facts.catalogue import FACTS, HELD_OUT, Finding, Verdict, judge, judge_day
from lobsim.realism.facts.measured import METAORDERS, Context
from lobsim.realism.facts.metaorders import impact_curves
from lobsim.realism.prepare import Day
from lobsim.types import NEVER, Fidelity, Kind
from tests.support.flow_days import MIDDLE, SECOND, flow_day, lives_of, touch_at

BY_KEY = {fact.key: fact for fact in FACTS}


def generator(seed: int = 9) -> np.random.Generator:
    return np.random.default_rng(seed)


def tell(key: str, day: Day, metaorders: pl.DataFrame | None = None) -> Finding:
    return judge(BY_KEY[key], Context(day, 0, metaorders))


def values(key: str, day: Day, metaorders: pl.DataFrame | None = None) -> dict[str, float]:
    measured = tell(key, day, metaorders).measured
    assert measured is not None
    return measured.values


def walk(seconds: int = 7200, step: float = 5.0) -> Day:
    """A random walk with normal steps every second."""
    return flow_day(np.arange(seconds) * SECOND, MIDDLE + np.rint(np.cumsum(generator().normal(0, step, seconds))))


def sign_day(signs: np.ndarray, gap_ns: int = SECOND // 5) -> Day:
    return flow_day(np.arange(1, len(signs) + 1) * gap_ns, signs=signs, kind=Kind.EXECUTE, side=(signs > 0).astype(int))


def test_a_random_walk_has_no_memory_no_fat_tails_and_a_flat_signature() -> None:
    day = walk()
    assert [Verdict.MET, Verdict.MISSED, Verdict.MISSED, Verdict.MET] == [
        tell(key, day).verdict for key in ("R1", "R3", "R4", "R5")
    ]
    assert 0.0 == pytest.approx(values("R3", day)["1_s"], abs=0.2)
    rates = values("R5", day)
    assert [25.0, 25.0] == pytest.approx([rates["1_s"], rates["10_s"]], rel=0.1)


def test_a_bouncing_mid_has_a_signature_that_falls() -> None:
    bounce = generator().integers(-20, 21, 7200)
    day = flow_day(np.arange(7200) * SECOND, MIDDLE + bounce + np.rint(np.cumsum(generator(3).normal(0, 0.5, 7200))))
    assert Verdict.MISSED == tell("R5", day).verdict
    assert values("R5", day)["finest_to_coarsest"] > 5


def test_student_returns_have_their_tail() -> None:
    steps = generator().standard_t(3.0, 4_900) * 50
    day = flow_day(np.arange(4_900) * SECOND, 10**7 + np.rint(np.cumsum(steps)))
    alpha = values("R2", day)["alpha"]
    assert 2.3 < alpha < 4.5
    assert "returns over 1 s" in tell("R2", day).note
    thin = values(
        "R2", flow_day(np.arange(4_900) * SECOND, 10**7 + np.rint(np.cumsum(generator().normal(0, 50, 4_900))))
    )
    assert thin["alpha"] > alpha


def test_clustered_volatility_is_seen_and_goes_with_volume() -> None:
    scale = np.repeat(generator().uniform(0.5, 8.0, 120), 60)
    mid = MIDDLE + np.rint(np.cumsum(generator(2).normal(0, 1, 7200) * scale))
    day = flow_day(np.arange(7200) * SECOND, mid, signs=np.ones(7200), size=np.rint(10 * scale))
    assert Verdict.MET == tell("R4", day).verdict
    assert values("R7", day)["correlation"] > 0.3


def test_runs_of_signs_have_the_memory_of_their_law() -> None:
    stay = np.where(generator().random(20_000) < 0.8, 1, -1)
    found = values("F1", sign_day(np.cumprod(stay)))
    assert [0.6, 0.36, 0.6**5] == pytest.approx([found["lag_1"], found["lag_2"], found["lag_5"]], abs=0.03)
    coins = generator(4).choice((-1, 1), 20_000)
    assert Verdict.MISSED == tell("F1", sign_day(coins)).verdict


def test_split_metaorders_of_pareto_size_give_signs_the_memory_that_lillo_mike_and_farmer_say() -> None:
    """One metaorder at a time, of Pareto length with index 1.5: the autocorrelation falls with exponent 0.5."""
    draw = generator(12)
    lengths = np.ceil(draw.pareto(1.5, 60_000) + 1).astype(int)
    signs = np.repeat(draw.choice((-1, 1), len(lengths)), np.minimum(lengths, 20_000))[:200_000]
    found = values("F2", sign_day(signs))
    assert 0.5 == pytest.approx(found["gamma"], abs=0.15)
    assert found["gamma"] + 1 == found["alpha"]
    assert Verdict.MET == tell("F1", sign_day(signs)).verdict


def test_poisson_arrivals_do_not_cluster_and_bursts_do() -> None:
    gaps = generator().exponential(10**8, 20_000)
    found = values("F3", flow_day(np.cumsum(gaps)))
    assert [1.0, 100.0, 100 * np.log(2)] == pytest.approx([found["cv"], found["mean_ms"], found["median_ms"]], rel=0.03)
    assert 1 - np.exp(-0.01) == pytest.approx(found["below_1_ms"], rel=0.25)
    assert Verdict.MISSED == tell("F3", flow_day(np.cumsum(gaps))).verdict
    bursts = np.where(np.arange(20_000) % 10 == 0, gaps * 20, gaps / 100)
    assert Verdict.MET == tell("F3", flow_day(np.cumsum(bursts))).verdict


def test_the_mix_counts_a_replacement_twice() -> None:
    kinds = np.tile([Kind.ADD, Kind.DELETE, Kind.REPLACE, Kind.EXECUTE, Kind.EXECUTE_HIDDEN], 400)
    found = values("F4", flow_day(np.arange(2000) * SECOND, kind=kinds))
    assert [2 / 6, 2 / 6, 0, 1 / 6, 1 / 6] == pytest.approx(
        [found[name] for name in ("add", "delete", "partial_cancel", "execution", "hidden")]
    )


def test_sizes_spike_where_most_orders_are() -> None:
    found = values("F5", flow_day(np.arange(2000) * SECOND, size=np.tile([100, 100, 30, 500], 500)))
    assert [0.5, 0.25, 100, 500] == [
        found[name] for name in ("most_frequent_share", "smaller_share", "most_frequent", "p99")
    ]


def test_distances_are_counted_from_the_best_price_before_the_instant() -> None:
    behind = np.tile([-1, 0, 3, 15, 70, 400], 200)
    time = np.arange(1200) * SECOND
    placed = values("F6", flow_day(time, behind=behind))
    assert [1 / 6] * 6 == pytest.approx(
        [placed[name] for name in ("inside", "at", "1_to_5", "6_to_20", "21_to_100", "beyond_100")], abs=0.001
    )
    gone = values("F7", flow_day(time, behind=np.tile([0, 3], 600), kind=Kind.DELETE, side=1))
    assert [0.5, 0.5] == pytest.approx([gone["at"], gone["1_to_5"]], abs=0.001)


def test_fates_and_lives_of_orders_with_known_clocks() -> None:
    draw = generator()
    start = np.sort(draw.integers(0, 3000 * SECOND, 6000))
    cancel, fill = draw.exponential(4e9, 6000), draw.exponential(36e9, 6000)
    end = start + np.minimum(cancel, fill).astype(np.int64)
    end = np.where(end > 3000 * SECOND, NEVER, end)
    day = flow_day(start, lives=lives_of(start, end, (fill < cancel) & (end != NEVER)), end_ns=3000 * SECOND)
    assert [0.1, 0.9] == pytest.approx(list(values("F8", day).values()), abs=0.02)
    lived = values("F9", day)
    assert 3.6 * np.log(2) == pytest.approx(lived["life_p50_s"], rel=0.05)
    assert [0.1, 0.9] == pytest.approx([lived["filled_by_60_s"], lived["cancelled_by_60_s"]], abs=0.02)
    assert 3.6 * np.log(2) == pytest.approx(lived["cancel_p50_s"], rel=0.08)


def test_market_orders_are_held_against_what_they_met() -> None:
    size = np.tile([5, 3, 9, 5], 100)
    day = flow_day(
        np.arange(400) * SECOND, after=touch_at(np.full(400, MIDDLE), 1, 5, 5), size=size, signs=np.ones(400)
    )
    assert [0.5, 0.25, 0.25] == pytest.approx(list(values("F10", day).values()), abs=0.01)


def test_the_spread_counts_by_the_time_it_stands() -> None:
    half = np.tile([1, 3], 50)
    time = np.cumsum(np.tile([10, 30], 50)) * SECOND
    day = flow_day(time, after=touch_at(np.full(100, MIDDLE), half))
    found = values("B1", day)
    assert (2 * 50 * 30 + 6 * 49 * 10) / (50 * 30 + 49 * 10) == pytest.approx(found["mean_ticks"])
    assert 4.0 == found["event_mean_ticks"]


def test_an_imbalance_that_tells_the_next_move_is_found_and_one_that_does_not_is_not() -> None:
    draw = generator()
    bid, ask = draw.integers(1, 100, 20_000), draw.integers(1, 100, 20_000)
    honest = np.where(draw.random(20_000) < bid / (bid + ask), 1, -1)
    blind = draw.choice((-1, 1), 20_000)
    verdicts = []
    for step in (honest, blind):
        mid = MIDDLE + np.concatenate([[0], np.cumsum(step)[:-1]])
        verdicts.append(
            tell("B4", flow_day(np.arange(20_000) * SECOND // 10, after=touch_at(mid, 1, bid, ask))).verdict
        )
    assert [Verdict.MET, Verdict.MISSED] == verdicts


def test_a_response_that_comes_at_once_and_stays_does_not_rise() -> None:
    signs = generator().choice((-1, 1), 5000)
    day = flow_day(np.arange(5000) * SECOND, MIDDLE + 2 * np.cumsum(signs), signs=signs)
    found = values("I1", day)
    assert 2.0 == pytest.approx(found["lag_1"])
    assert 2.0 == pytest.approx(found["lag_10"], abs=0.3)
    assert Verdict.MISSED == tell("I1", day).verdict
    assert 1.0 == pytest.approx(values("I5", day)["ratio"])


def test_impact_as_the_root_of_size_has_exponent_one_half() -> None:
    signs, size = generator().choice((-1, 1), 20_000), generator(6).integers(1, 200, 20_000)
    mid = 10**7 + np.rint(np.cumsum(signs * 100 * np.sqrt(size)))
    day = flow_day(np.arange(20_000) * SECOND, mid, signs=signs, size=size)
    assert 0.5 == pytest.approx(values("I2", day)["exponent"], abs=0.03)
    equal = flow_day(np.arange(20_000) * SECOND, mid, signs=signs)
    assert "not measurable, because market orders hardly differ in size" == tell("I2", equal).note


def test_moves_made_of_order_flow_are_explained_by_it_and_not_foretold() -> None:
    steps = generator().choice((-1, 1), 7200)
    day = flow_day(np.arange(7200) * SECOND, MIDDLE + np.cumsum(steps))
    assert [1.0, 1.0] == pytest.approx([values("I7", day)[name] for name in ("r2_1_s", "r2_60_s")])
    assert values("I8", day)["r2_1_s"] < 0.01


def test_order_flow_is_what_joins_the_best_prices_less_what_leaves_them() -> None:
    """Rows of the definition of Cont, Kukanov and Stoikov, one case each."""
    from lobsim.realism.facts.impact import order_flow
    from lobsim.realism.prepare import Touch

    touch = Touch(
        *(np.array(column) for column in ([10, 10, 11, 10, 10], [5, 8, 2, 4, 4], [12, 12, 12, 12, 11], [7, 7, 7, 4, 6]))
    )
    flow = order_flow(flow_day(np.arange(5) * SECOND, after=touch))
    assert [0, 3, 2, -2 + 3, -6] == flow.tolist()


def test_half_spreads_are_counted_from_the_mid_before_and_after() -> None:
    mid = MIDDLE + 2 * np.arange(200)
    day = flow_day(np.arange(200) * SECOND, mid, signs=np.ones(200))
    found = values("I9", day)
    assert [1.0, 1.0, 1.0 - 4.0] == pytest.approx([found["effective"], found["quoted"], found["realised_1_s"]])


def test_a_spread_that_closes_again_is_seen_to() -> None:
    half = np.tile([6, 1], 3000)
    time = np.repeat(np.arange(3000) * 20 * SECOND, 2) + np.tile([0, 2 * SECOND], 3000)
    day = flow_day(time, after=touch_at(np.full(6000, MIDDLE), half))
    found = values("I10", day)
    assert found["after_0.1_s"] - found["after_10_s"] == pytest.approx(10.0, abs=0.1)
    assert Verdict.MET == tell("I10", day).verdict


def metaorders(count: int) -> tuple[pl.DataFrame, Day]:
    """Metaorders of ten seconds that push the mid by the root of their size, and let a third of it go in the ten seconds after."""
    draw = generator()
    size, side = draw.integers(10, 5000, count), draw.integers(0, 2, count)
    push = np.rint(30 * np.sqrt(size)) * np.where(side == 0, 1, -1)
    start = (np.arange(count) * 40 + 5) * SECOND
    time = np.stack([start + 5 * SECOND, start + 15 * SECOND], axis=1).ravel()
    mid = 10**7 + np.cumsum(np.stack([push, -np.rint(push / 3)], axis=1).ravel())
    table = pl.DataFrame(
        {"start_ns": start, "end_ns": start + 10 * SECOND, "side": side, "size_lots": size}, schema=METAORDERS
    )
    before = np.arange(0, 5) * SECOND
    day = flow_day(
        np.concatenate([before, time]),
        np.concatenate([np.full(5, 10**7), mid]),
        signs=np.ones(5 + 2 * count),
        size=1000,
    )
    return table, day


def test_metaorders_with_a_square_root_law_and_a_decay_are_told_as_such() -> None:
    table, day = metaorders(300)
    assert 0.5 == pytest.approx(values("I3", day, table)["delta"], abs=0.05)
    assert 1 / 3 == pytest.approx(values("I4", day, table)["decay"], abs=0.01)
    assert [Verdict.MET, Verdict.MET] == [tell(key, day, table).verdict for key in ("I3", "I4")]


def test_the_curve_of_a_metaorder_rises_peaks_at_its_end_and_decays() -> None:
    table, day = metaorders(300)
    curves = impact_curves(Context(day, 0, table))
    assert 3 == len(curves)
    assert sorted(curve.lots for curve in curves) == [curve.lots for curve in curves]
    for curve in curves:
        at = dict(zip(curve.durations.tolist(), curve.ticks.tolist(), strict=True))
        assert 0.0 == at[0.0] == at[0.45]
        assert at[1.0] == max(at.values()) and at[2.0] == pytest.approx(at[1.0] * 2 / 3, rel=0.01)
        assert all(curve.low <= curve.ticks + 1e-9) and all(curve.ticks <= curve.high + 1e-9)


def test_metaorders_of_one_child_order_have_no_duration_to_decay_over() -> None:
    table, day = metaorders(300)
    single = table.with_columns(start_ns=pl.col("start_ns") + 5 * SECOND, end_ns=pl.col("start_ns") + 5 * SECOND)
    both = pl.concat([table, single])
    assert values("I4", day, table)["decay"] == values("I4", day, both)["decay"]
    assert "0 metaorders of several child orders end early enough" in tell("I4", day, single).note


def test_metaorders_outside_the_day_do_not_count() -> None:
    table, day = metaorders(300)
    early = table.with_columns(start_ns=pl.col("start_ns") - 10**6 * SECOND)
    assert values("I3", day, table) == values("I3", day, pl.concat([early, table]))
    assert "there are 0 metaorders" in tell("I3", day, early).note


def test_the_interval_of_the_square_root_law_covers_what_noise_hides() -> None:
    """Impacts of the same law with noise ten times as large: the exponent is off, its interval holds the truth."""
    table, day = metaorders(600)
    noisy = flow_day(
        day.ts_ns,
        day.after.mid + np.rint(np.cumsum(generator(7).normal(0, 600, len(day.ts_ns)))),
        signs=np.ones(len(day.ts_ns)),
        size=1000,
    )
    measured = tell("I3", noisy, table).measured
    assert measured is not None
    low, high = measured.intervals["delta"]
    assert low < 0.5 < high and 0.05 < high - low < 2


def test_large_and_small_metaorders_decay_apart() -> None:
    found = values("I4", *reversed(metaorders(300)))
    assert [1 / 3, 1 / 3] == pytest.approx([found["decay_small"], found["decay_large"]], abs=0.01)


def test_without_metaorders_nobody_can_tell() -> None:
    finding = tell("I3", walk(1300))
    assert Verdict.NOT_MEASURABLE == finding.verdict
    assert "not measurable, because nobody knows whose an order is: a table of metaorders is needed" == finding.note


def test_a_table_of_metaorders_with_other_columns_is_refused() -> None:
    with pytest.raises(ConfigError, match="start_ns"):
        judge_day(walk(1300), metaorders=pl.DataFrame({"start": [1]}))


def test_levels_do_not_tell_what_needs_orders() -> None:
    day = flow_day(np.arange(2000) * SECOND, fidelity=Fidelity.L2_TRADES)
    for key in ("F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10"):
        assert "not measurable, because the day tells levels, not orders" == tell(key, day).note


def test_a_cut_book_does_not_tell_what_lies_beyond_it() -> None:
    start = np.arange(2000) * SECOND
    half_seen = lives_of(start, np.where(np.arange(2000) % 2, start + 1, NEVER), np.zeros(2000))
    day = flow_day(start, lives=half_seen, fidelity=Fidelity.L3_TOP_K, depth=1)
    assert "cut to 1 level, and most of where orders are placed lies beyond" in tell("F6", day).note
    assert "cut to 1 level, and 50% of the orders leave it unseen" in tell("F8", day).note
    assert (
        Verdict.MET
        == tell("F8", flow_day(start, lives=lives_of(start, start + 1, np.arange(2000) % 10 == 0), depth=50)).verdict
    )


def test_every_fact_says_what_it_is_and_a_short_day_says_why_it_cannot_tell() -> None:
    findings = judge_day(flow_day(np.arange(5) * SECOND))
    assert 32 == len({finding.fact.key for finding in findings})
    for finding in findings:
        assert finding.fact.what, finding.fact.key
        assert finding.fact.reference
        assert finding.verdict is None or Verdict.NOT_MEASURABLE == finding.verdict, finding
    assert set(HELD_OUT) <= set(BY_KEY)


def test_the_same_seed_gives_the_same_findings() -> None:
    first, second = ([finding.as_json() for finding in judge_day(walk(1300), seed=3)] for _ in range(2))
    assert first == second
