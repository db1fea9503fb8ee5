"""Distances of samples whose distance is known, and of days against themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lobsim.realism.comparison import SUMMARIES, Comparison, compare
from lobsim.realism.distances import MOST_BINS, bin_edges, centred_interval, distance
from lobsim.realism.facts.measured import Context
from lobsim.realism.prepare import Day
from lobsim.realism.responses import EVENTS, LAGS, curves, response_sums
from lobsim.realism.scores import SCORES, Sample
from lobsim.types import NEVER, Fidelity, Kind
from tests.support.flow_days import MIDDLE, SECOND, flow_day, lives_of, touch_at

BY_NAME = {score.name: score for score in SCORES}
ONCE = np.ones((1, 1))


def sample(values: object, atom: object = False, weights: object = 1.0) -> Sample:
    x = np.asarray(values, float)
    return Sample(
        x,
        np.zeros(len(x), np.int64),
        np.broadcast_to(weights, x.shape).astype(float),
        np.broadcast_to(atom, x.shape).astype(bool),
    )


def apart(ours: Sample, theirs: Sample, discrete: bool = False) -> tuple[float, float]:
    found = distance(ours, theirs, discrete, ONCE, ONCE)
    assert found.total_variation == pytest.approx(found.total_variation_draws[0])
    assert found.wasserstein == pytest.approx(found.wasserstein_draws[0], abs=0.01)
    return found.total_variation, found.wasserstein


def test_a_sample_is_no_way_from_itself_and_all_the_way_from_one_elsewhere() -> None:
    x = np.random.default_rng(1).normal(size=4000)
    assert (0.0, 0.0) == apart(sample(x), sample(x))
    assert 1.0 == pytest.approx(apart(sample(x), sample(x + 40))[0])


def test_two_normals_are_as_far_apart_as_their_means_in_pooled_deviations() -> None:
    """Means 1 apart, deviation 1: the pooled deviation is the root of 1.25, the overlap is that of normals half a deviation from the middle."""
    x, y = np.random.default_rng(1).normal(size=100_000), np.random.default_rng(2).normal(1.0, 1.0, 100_000)
    variation, wasserstein = apart(sample(x), sample(y))
    assert 0.3829 == pytest.approx(variation, abs=0.02)
    assert 1 / np.sqrt(1.25) == pytest.approx(wasserstein, abs=0.01)


def test_discrete_scores_keep_their_own_values() -> None:
    variation, wasserstein = apart(sample([1, 1, 2, 5]), sample([1, 2, 2, 5]), discrete=True)
    assert 0.25 == pytest.approx(variation)
    assert 0.25 / np.std([1, 1, 2, 5, 1, 2, 2, 5]) == pytest.approx(wasserstein)


def test_an_atom_is_a_bin_of_its_own_and_never_a_very_small_number() -> None:
    """Half of ours is in the atom and none of theirs; beside it the law is the same."""
    ours = sample([1.0, 2.0, 0.0, 0.0], atom=[False, False, True, True])
    theirs = sample([1.0, 2.0, 1.0, 2.0])
    assert (0.5, 0.5) == pytest.approx(apart(ours, theirs, discrete=True))


def test_weights_count_like_repetitions() -> None:
    assert apart(sample([1.0, 2.0], weights=[3.0, 1.0]), sample([2.0]), True) == pytest.approx(
        (0.75, 0.75 / np.std([1.0, 2.0, 2.0])), abs=1e-9
    )


def test_bins_are_those_of_freedman_and_diaconis_and_bounded() -> None:
    x = np.random.default_rng(4).uniform(0, 1, 1000)
    width = np.diff(bin_edges(x, False))[0]
    assert 2 * 0.5 / 10 == pytest.approx(width, rel=0.1)
    wild = np.concatenate([np.random.default_rng(4).normal(0, 1e-9, 10_000), np.arange(1000)])
    assert len(bin_edges(wild, False)) <= MOST_BINS
    assert 0 == len(bin_edges(np.full(50, 3.0), False))


def test_an_interval_lies_around_its_distance_and_not_below_nothing() -> None:
    assert (0.0, pytest.approx(0.3)) == centred_interval(0.1, np.array([0.2, 0.4, 0.6]), 1.0)


def busy_day(seed: int, spread: int = 1, **described: object) -> Day:
    """A day of orders in all kinds around a wandering mid."""
    draw = np.random.default_rng(seed)
    count = 4000
    kinds = draw.choice([Kind.ADD, Kind.DELETE, Kind.EXECUTE], count, p=[0.5, 0.4, 0.1])
    side = draw.integers(0, 2, count)
    signs = np.where(kinds == Kind.EXECUTE, np.where(side == 1, 1, -1), 0)
    mid = MIDDLE + np.cumsum(draw.choice((-1, 0, 0, 0, 1), count))
    start = np.sort(draw.integers(0, 3600 * SECOND, count))
    gone = start + draw.exponential(5e9, count).astype(np.int64)
    lives = lives_of(start, np.where(gone > 3600 * SECOND, NEVER, gone), draw.random(count) < 0.1)
    touch = touch_at(
        mid, draw.integers(spread, spread + 4, count), draw.integers(1, 50, count), draw.integers(1, 50, count)
    )
    return flow_day(start, after=touch, kind=kinds, side=side, size=draw.integers(1, 30, count), behind=draw.integers(0, 6, count), signs=signs, lives=lives, end_ns=3600 * SECOND, **described)  # fmt: skip


def test_a_day_beside_itself_is_at_no_distance_in_all_21_scores() -> None:
    found = compare(Context(busy_day(1)), Context(busy_day(1)))
    assert 21 == len(found.scores)
    for score in (*found.scores, *found.conditionals):
        assert score.distance is not None, score
        assert (0.0, 0.0) == pytest.approx((score.distance.total_variation, score.distance.wasserstein), abs=1e-12)
    assert found.responses is not None
    assert 0.0 == found.responses.gap
    assert found.drift is not None
    assert found.drift.ours.tolist() == found.drift.floor.tolist()


@pytest.fixture(scope="module")
def same() -> Comparison:
    """Two draws of one market beside each other."""
    return compare(Context(busy_day(1)), Context(busy_day(2)))


def test_the_same_days_and_seed_give_the_same_comparison(same: Comparison) -> None:
    assert same.as_json() == compare(Context(busy_day(1)), Context(busy_day(2))).as_json()


def test_two_draws_of_one_market_are_within_each_others_noise_and_a_wider_spread_is_not(same: Comparison) -> None:
    other = compare(Context(busy_day(1, spread=5)), Context(busy_day(2)))
    near, far = ({score.name: score for score in found.scores}["spread"] for found in (same, other))
    assert near.distance is not None
    assert far.distance is not None
    assert near.floor is not None
    assert near.distance.total_variation < 2 * near.floor[0]
    assert 1.0 == pytest.approx(far.distance.total_variation)
    assert same.summary["total_variation"]["mean"] < other.summary["total_variation"]["mean"]


def test_a_comparison_is_plain_json_with_intervals_around_its_summaries(same: Comparison) -> None:
    found = same.as_json()
    json.dumps(found, allow_nan=False)
    for one in found["summary"].values():
        for word in SUMMARIES:
            low, high = one[f"{word}_interval"]
            assert low <= one[word] <= high


def test_levels_leave_out_what_orders_tell_and_say_why() -> None:
    found = compare(Context(busy_day(1, fidelity=Fidelity.L2_TRADES)), Context(busy_day(2)))
    missing = {score.name: score.note for score in found.scores if score.distance is None}
    assert "not measurable, because the day tells levels, not orders" == missing["log_time_to_cancel_s"]
    assert 10 == len(missing)
    assert found.responses is None
    assert ["response curves are not measurable, because the day tells levels, not orders"] == found.notes


def test_inter_arrivals_of_nothing_are_the_atom() -> None:
    taken = BY_NAME["log_inter_arrival_ms"].take(Context(flow_day(np.repeat(np.arange(500), 2) * SECOND)))
    assert 500 == taken.atom.sum()
    assert [np.log(1000.0)] == pytest.approx(np.unique(taken.values[~taken.atom]).tolist())


def test_times_to_cancel_count_orders_whose_end_was_not_seen_for_as_long_as_they_were() -> None:
    """Exponential lives under heavy censoring: the weighted law has the true median, the plain one does not."""
    draw = np.random.default_rng(3)
    start = draw.integers(0, 60 * SECOND, 20_000)
    end = start + draw.exponential(30e9, 20_000).astype(np.int64)
    seen = np.where(end < 60 * SECOND, end, NEVER)
    order = np.argsort(start)
    lives = lives_of(start[order], seen[order], np.zeros(20_000))
    taken = BY_NAME["log_time_to_cancel_s"].take(Context(flow_day(np.sort(start), lives=lives, end_ns=60 * SECOND)))
    waited = np.exp(taken.values[~taken.atom])
    weights = taken.weights[~taken.atom]
    shares = [1 - np.exp(-at / 30) for at in (5, 20, 40)]
    assert shares == pytest.approx([weights[waited <= at].sum() / 20_000 for at in (5, 20, 40)], abs=0.02)
    assert abs((waited <= 20).mean() - shares[1]) > 0.1


def test_flow_before_a_move_is_told_apart_by_the_move() -> None:
    context = Context(busy_day(5))
    whole, *parts = (BY_NAME[name].take(context) for name in ("ofi", "ofi_up", "ofi_stay", "ofi_down"))
    assert len(whole.values) - 1 == sum(len(part.values) for part in parts)
    assert parts[1].values.size > parts[0].values.size


def test_response_curves_are_the_plain_loop_of_them() -> None:
    day = busy_day(6)
    context = Context(day)
    found = curves(response_sums(context).sum(axis=0))
    expected = slow_curves(day)
    for place, event in enumerate(EVENTS):
        for lag_place, lag in enumerate(LAGS[:8]):
            mean = expected[event, int(lag)]
            assert (np.nan if mean is None else mean) == pytest.approx(found[place, lag_place], nan_ok=True), (
                event,
                lag,
            )


def slow_curves(day: Day) -> dict[tuple[str, int], float | None]:
    """Events at the best prices one by one: (kind, sign, row); the signed move of the mid from before one to after the one lag - 1 later."""
    events = []
    touch = day.after
    for row in range(1, len(day.ts_ns)):
        best = int((touch.ask_ticks if day.side[row] else touch.bid_ticks)[row - 1])
        price, own = int(day.price_ticks[row]), -1 if day.side[row] else 1
        if day.kind[row] == Kind.EXECUTE:
            events.append(("MO", -own, row))
        elif day.kind[row] == Kind.ADD and (price - best) * own >= 0:
            events.append(("LO", own, row))
        elif day.kind[row] == Kind.DELETE and price == best:
            events.append(("CA", -own, row))
    sums: dict[tuple[str, int], list[float]] = {}
    for number, (kind, sign, row) in enumerate(events):
        changed = any(column[row] != column[row - 1] for column in (touch.bid_ticks, touch.ask_ticks))
        for lag in map(int, LAGS[:8]):
            if number + lag - 1 < len(events):
                later = events[number + lag - 1][2]
                sums.setdefault((f"{kind}_{int(changed)}", lag), []).append(
                    sign * (touch.mid[later] - touch.mid[row - 1])
                )
    return {
        (event, int(lag)): float(np.mean(sums[event, int(lag)])) if (event, int(lag)) in sums else None
        for event in EVENTS
        for lag in LAGS[:8]
    }
