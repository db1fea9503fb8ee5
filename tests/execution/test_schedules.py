"""Target curves: golden numbers of Almgren and Chriss, whole lots that add up, and the shape of each curve."""

from __future__ import annotations

from dataclasses import replace
from math import acosh, sinh, tanh

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.parent import Parent
from execution.schedules import (
    ImpactModel,
    Schedule,
    VolumeProfile,
    ac_curve,
    almgren_chriss,
    pov_child,
    profile_from_trades,
    share_left,
    slice_edges,
    slice_sizes,
    twap_curve,
    u_shape,
    vwap_curve,
)
from lobsim.errors import ConfigError
from lobsim.types import Side

SECOND_NS = 1_000_000_000
PAPER = ImpactModel(sigma=0.95, eta=2.5e-6, gamma=2.5e-7, epsilon=0.0625, risk_aversion=1e-6)
"""The example of Almgren and Chriss (2000): a million shares in five days."""


def seconds(schedule: Schedule) -> list[float]:
    return (schedule.times_ns / SECOND_NS).tolist()


# --- TWAP and the schedule itself


def test_twap_is_even_in_time(a_parent: Parent) -> None:
    schedule = twap_curve(a_parent, 4)
    assert [100.0, 125.0, 150.0, 175.0, 200.0] == seconds(schedule)
    assert [250, 250, 250, 250] == schedule.slice_lots.tolist()


def test_lots_that_do_not_divide_are_spread_and_add_up(a_parent: Parent) -> None:
    schedule = twap_curve(replace(a_parent, size_lots=10), 4)
    assert [0, 3, 5, 8, 10] == schedule.cumulative_lots.tolist()


def test_more_slices_than_lots_leave_slices_empty(a_parent: Parent) -> None:
    schedule = twap_curve(replace(a_parent, size_lots=3), 10)
    assert 3 == schedule.slice_lots.sum() and 1 == schedule.slice_lots.max()


def test_target_is_what_should_be_done_by_the_end_of_the_slice(a_parent: Parent) -> None:
    schedule = twap_curve(a_parent, 4)
    targets = [schedule.target(int(second * SECOND_NS)) for second in (99, 100, 124.999999999, 125, 199, 200, 300)]
    assert [0, 250, 250, 500, 1000, 1000, 1000] == targets


def test_even_target_runs_straight_between_the_edges(a_parent: Parent) -> None:
    schedule = twap_curve(a_parent, 4)
    assert [0.0, 125.0, 1000.0] == [schedule.even_target(half * SECOND_NS // 2) for half in (100, 225, 500)]


def test_jitter_moves_inner_edges_by_at_most_its_share_and_is_seeded(a_parent: Parent) -> None:
    plain, moved = twap_curve(a_parent, 20), twap_curve(a_parent, 20, jitter=0.2, seed=7)
    shift_s = np.abs(moved.times_ns - plain.times_ns) / SECOND_NS
    assert (0.0, 0.0) == (shift_s[0], shift_s[-1])
    assert 0.1 < shift_s.max() <= 1.0
    assert moved.times_ns.tolist() == twap_curve(a_parent, 20, jitter=0.2, seed=7).times_ns.tolist()
    assert moved.times_ns.tolist() != twap_curve(a_parent, 20, jitter=0.2, seed=8).times_ns.tolist()


def test_jitter_moves_the_quantity_with_the_edge(a_parent: Parent) -> None:
    moved = twap_curve(replace(a_parent, size_lots=10**9), 20, jitter=0.4)
    even = (moved.times_ns - a_parent.start_ns) / a_parent.duration_ns
    assert even * 10**9 == pytest.approx(moved.cumulative_lots, abs=0.51)


def test_edges_of_a_window_that_does_not_divide_stay_inside_and_differ_by_a_nanosecond() -> None:
    parent = Parent(side=Side.SELL, size_lots=1, start_ns=2**60, end_ns=2**60 + 10**15 + 7)
    widths = np.diff(slice_edges(parent, 1001))
    assert 10**15 + 7 == widths.sum()
    assert widths.max() - widths.min() <= 1


@pytest.mark.parametrize("slices", [0, -1, 100 * SECOND_NS + 1])
def test_an_impossible_number_of_slices_is_refused(a_parent: Parent, slices: int) -> None:
    with pytest.raises(ConfigError, match="slices"):
        twap_curve(a_parent, slices)


@pytest.mark.parametrize("jitter", [-0.1, 0.5, float("nan")])
def test_an_impossible_jitter_is_refused(a_parent: Parent, jitter: float) -> None:
    with pytest.raises(ConfigError, match="jitter"):
        twap_curve(a_parent, 5, jitter=jitter)


@pytest.mark.parametrize(
    ("times", "lots"), [([0, 1], [0]), ([0], [0]), ([0, 0], [0, 1]), ([0, 1], [1, 2]), ([0, 1, 2], [0, 2, 1])]
)
def test_a_schedule_that_is_no_curve_is_refused(times: list[int], lots: list[int]) -> None:
    with pytest.raises(ConfigError):
        Schedule(np.array(times, np.int64), np.array(lots, np.int64))


@given(
    size_lots=st.integers(1, 2**40),
    slices=st.integers(1, 60),
    urgency=st.floats(0, 1e4),
    duration_ns=st.integers(60, 10**14),
)
def test_every_curve_starts_at_nothing_never_falls_and_ends_at_the_size(
    size_lots: int, slices: int, urgency: float, duration_ns: int
) -> None:
    parent = Parent(side=Side.SELL, size_lots=size_lots, start_ns=10**18, end_ns=10**18 + duration_ns)
    session = {"session_open_ns": 10**18 - 5, "session_close_ns": 10**18 + 2 * duration_ns}
    for schedule in (
        twap_curve(parent, slices),
        vwap_curve(parent, u_shape(), slices, **session),
        ac_curve(parent, slices, urgency),
    ):
        assert (0, size_lots) == (schedule.cumulative_lots[0], schedule.size_lots)
        assert np.all(schedule.slice_lots >= 0)


def test_slice_sizes_round_the_running_total_not_each_slice() -> None:
    times_ns = np.arange(4, dtype=np.int64)
    assert [1, 0, 1] == slice_sizes(lambda t: t / 3, times_ns, 2).tolist()
    assert [1, 1, 2] == slice_sizes(lambda t: (t / 3) ** 1.2, times_ns, 4).tolist()


# --- VWAP


def test_vwap_follows_the_profile_linearly_inside_its_bins(a_parent: Parent) -> None:
    profile = VolumeProfile(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.8, 1.0]))
    schedule = vwap_curve(a_parent, profile, 4, session_open_ns=100 * SECOND_NS, session_close_ns=200 * SECOND_NS)
    assert [400, 400, 100, 100] == schedule.slice_lots.tolist()


def test_vwap_uses_only_the_part_of_the_profile_inside_the_window(a_parent: Parent) -> None:
    profile = VolumeProfile(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.8, 1.0]))
    schedule = vwap_curve(a_parent, profile, 2, session_open_ns=50 * SECOND_NS, session_close_ns=250 * SECOND_NS)
    assert [800, 200] == schedule.slice_lots.tolist()  # .4 of .5 before the middle, .1 after


def test_vwap_on_a_flat_profile_is_twap(a_parent: Parent) -> None:
    session = {"session_open_ns": 0, "session_close_ns": 400 * SECOND_NS}
    assert (
        twap_curve(a_parent, 7).cumulative_lots.tolist()
        == vwap_curve(a_parent, u_shape(1, 0), 7, **session).cumulative_lots.tolist()
    )


def test_a_window_without_expected_volume_is_refused(a_parent: Parent) -> None:
    with pytest.raises(ConfigError, match="no volume"):
        vwap_curve(a_parent, u_shape(), 4, session_open_ns=0, session_close_ns=100 * SECOND_NS)


def test_u_shape_is_the_integral_of_its_density() -> None:
    profile = u_shape(a=0.6, b=1.2, bins=10)
    u = (np.arange(100_000) + 0.5) / 100_000
    density = 0.6 + 1.2 * (2 * u - 1) ** 2
    by_sum = np.concatenate(([0.0], np.cumsum(density.reshape(10, -1).sum(axis=1)) / density.sum()))
    assert by_sum == pytest.approx(profile.shares, abs=1e-9)


def test_u_shape_is_busy_at_both_ends() -> None:
    first, *_, last = np.diff(u_shape(bins=13).shares)
    assert first == pytest.approx(last)
    assert 1.5 < first / np.diff(u_shape(bins=13).shares)[6] < 3


def test_profile_from_trades_adds_sizes_per_bin_and_ignores_what_lies_outside() -> None:
    times_ns = [999, 1000, 1249, 1250, 1999, 2000, 2001]
    profile = profile_from_trades(times_ns, [50, 1, 2, 3, 4, 10, 50], 1000, 2000, bins=4)
    assert [0.0, 0.15, 0.3, 0.3, 1.0] == pytest.approx(profile.shares.tolist())


def test_a_day_without_prints_gives_no_profile() -> None:
    with pytest.raises(ConfigError, match="no prints"):
        profile_from_trades([], [], 1000, 2000)


def test_a_session_that_closes_before_it_opens_is_refused() -> None:
    with pytest.raises(ConfigError, match="close"):
        profile_from_trades([1], [1], 2000, 1000)


@pytest.mark.parametrize("shares", [[0.0, 0.5, 0.9], [0.1, 0.5, 1.0], [0.0, 1.2, 1.0], [0.0, float("nan"), 1.0]])
def test_a_profile_that_does_not_rise_from_0_to_1_is_refused(shares: list[float]) -> None:
    with pytest.raises(ConfigError, match="0 to 1"):
        VolumeProfile(np.array([0.0, 0.5, 1.0]), np.array(shares))


@pytest.mark.parametrize(("a", "b"), [(-1, 2), (1, -0.1), (0, 0), (float("nan"), 1)])
def test_a_u_shape_with_negative_density_is_refused(a: float, b: float) -> None:
    with pytest.raises(ConfigError):
        u_shape(a, b)


# --- Almgren-Chriss


def test_almgren_chriss_reproduces_the_golden_numbers() -> None:
    path = almgren_chriss(1e6, 5, 5, PAPER)
    assert 0.6070762 == pytest.approx(path.kappa, abs=5e-8)
    assert [458044.45, 252101.33, 141956.73, 85755.69, 62141.80] == pytest.approx(path.trades.tolist(), abs=0.005)
    assert 911226.99 == pytest.approx(path.expected_cost, abs=0.005)
    assert 603430.67 == pytest.approx(path.variance**0.5, abs=0.005)


def test_almgren_chriss_without_risk_aversion_is_twap() -> None:
    path = almgren_chriss(1e6, 5, 5, replace(PAPER, risk_aversion=0.0))
    assert [2e5] * 5 == pytest.approx(path.trades.tolist())
    assert 662500 == pytest.approx(path.expected_cost)
    assert 1040672.86 == pytest.approx(path.variance**0.5, abs=0.005)


def test_almgren_chriss_approaches_twap_as_risk_aversion_vanishes() -> None:
    path = almgren_chriss(1e6, 5, 5, replace(PAPER, risk_aversion=1e-20))
    assert [2e5] * 5 == pytest.approx(path.trades.tolist(), rel=1e-9)


@given(risk_aversion=st.floats(1e-9, 1e-4), slices=st.integers(2, 50))
def test_almgren_chriss_agrees_with_the_closed_forms_of_the_paper(risk_aversion: float, slices: int) -> None:
    model, total, horizon = replace(PAPER, risk_aversion=risk_aversion), 1e6, 5.0
    path = almgren_chriss(total, horizon, slices, model)
    tau = horizon / slices
    eta = model.eta - model.gamma * tau / 2
    k = acosh(1 + risk_aversion * model.sigma**2 / eta * tau**2 / 2) / tau
    end = sinh(k * horizon)
    expected = (
        model.gamma * total**2 / 2
        + model.epsilon * total
        + eta * total**2 * tanh(k * tau / 2) * (tau * sinh(2 * k * horizon) + 2 * horizon * sinh(k * tau))
        / (2 * tau**2 * end**2)
    )  # fmt: skip
    inner = tau * end * np.cosh(k * (horizon - tau)) - horizon * sinh(k * tau)
    variance = model.sigma**2 * total**2 / 2 * inner / (end**2 * sinh(k * tau))
    assert expected == pytest.approx(path.expected_cost, rel=1e-6)
    assert variance == pytest.approx(path.variance, rel=1e-6)


@given(bump=st.lists(st.floats(-1000, 1000), min_size=4, max_size=4))
def test_no_other_trajectory_has_a_smaller_cost_plus_risk(bump: list[float]) -> None:
    path = almgren_chriss(1e6, 5, 5, PAPER)

    def objective(holdings: np.ndarray) -> float:
        trades = -np.diff(holdings)
        return float(
            (PAPER.eta - PAPER.gamma / 2) * trades @ trades + 1e-6 * PAPER.sigma**2 * holdings[1:] @ holdings[1:]
        )

    moved = path.holdings.copy()
    moved[1:-1] += bump
    assert objective(path.holdings) <= objective(moved) * (1 + 1e-12)


@pytest.mark.parametrize("urgency", [1e-12, 1.0, 700.0, 1e5, 1e300])
def test_the_share_left_is_stable_for_any_urgency(urgency: float) -> None:
    left = share_left(np.linspace(0, 1, 11), urgency)
    assert (1.0, 0.0) == (left[0], left[-1])
    assert np.all(np.diff(left) <= 0) and np.all((left >= 0) & (left <= 1))


def test_ac_curve_trades_early_and_takes_kappa_t(a_parent: Parent) -> None:
    schedule = ac_curve(a_parent, 4, 2.0)
    shares = 1 - np.sinh(2 * np.array([1, 0.75, 0.5, 0.25, 0])) / np.sinh(2)
    assert np.floor(shares * 1000 + 0.5).astype(int).tolist() == schedule.cumulative_lots.tolist()
    assert np.all(np.diff(schedule.slice_lots) < 0)


def test_ac_curve_takes_a_model_in_lots_and_seconds(a_parent: Parent) -> None:
    parent = replace(a_parent, size_lots=1_000_000, end_ns=105 * SECOND_NS)
    assert [458044, 252102, 141957, 85755, 62142] == ac_curve(parent, 5, PAPER).slice_lots.tolist()


def test_impact_too_cheap_for_its_permanent_part_is_refused() -> None:
    with pytest.raises(ConfigError, match="eta"):
        almgren_chriss(1e6, 5, 1, replace(PAPER, gamma=2e-6))


@pytest.mark.parametrize("urgency", [-1.0, float("inf"), float("nan")])
def test_an_impossible_urgency_is_refused(a_parent: Parent, urgency: float) -> None:
    with pytest.raises(ConfigError, match="urgency"):
        ac_curve(a_parent, 5, urgency)


@pytest.mark.parametrize("field", ["sigma", "eta", "gamma", "epsilon", "risk_aversion"])
def test_a_negative_model_parameter_is_refused_by_name(field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        replace(PAPER, **{field: -1.0})


# --- percentage of volume


@pytest.mark.parametrize(
    ("rate", "others", "executed", "working", "child"),
    [
        (0.1, 90, 0, 0, 10),  # 10 of 100 in all
        (0.2, 400, 60, 30, 10),
        (0.2, 400, 90, 30, 0),  # ahead: nothing, never less
        (0.3, 10, 0, 0, 4),  # 4.28 rounded down
        (0.5, 7, 0, 0, 7),
    ],
)
def test_pov_child_makes_own_volume_the_rate_of_all_volume(
    rate: float, others: int, executed: int, working: int, child: int
) -> None:
    assert child == pov_child(rate, others, executed, working)


def test_pov_child_is_capped_by_what_remains() -> None:
    assert (3, 0) == (pov_child(0.1, 90, 0, 0, remaining=3), pov_child(0.1, 90, 0, 0, remaining=-1))


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="rate"):
        pov_child(rate, 1, 0, 0)


@given(rate=st.integers(1, 99), others=st.integers(0, 10**12))
def test_pov_child_is_the_whole_lots_of_the_exact_share(rate: int, others: int) -> None:
    assert rate * others // (100 - rate) == pov_child(rate / 100, others, 0, 0)
