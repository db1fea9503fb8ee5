"""Delays of the core: each draw as the rules say, each distribution as its model says, and what a venue refuses that is overrun."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.core.latency import leg_delay, load_at
from lobsim.latency import (
    LEGS,
    Constant,
    Delay,
    Empirical,
    Gamma,
    Latency,
    ParetoTail,
    ShiftedLognormal,
    Table,
    Uniform,
)
from lobsim.latency_tables import load_scale
from lobsim.types import Kind, OrderState, Reason, Status
from tests.oracle.latency import Leg, quantile, word_of
from tests.support.worlds import BUY, SELL, Venue, row

US = 1000
SEED = 11
TABLE = Table(np.array([[100, 130, 150], [200, 260, 300], [300, 0, 0], [400, 410, 480], [500, 590, 600]]))
MODELS: dict[str, Delay] = {
    "uniform": Uniform(3 * US, 90 * US),
    "shifted lognormal": ShiftedLognormal(20 * US, 50 * US, 0.6),
    "gamma": Gamma(5 * US, 1.7, 30 * US),
    "pareto tail": ParetoTail(Gamma(5 * US, 1.7, 30 * US), 0.9, 1.3),
    "empirical": Empirical((5, 9, 2, 70, 31, 31, 44)),
    "bursts": ShiftedLognormal(20 * US, 50 * US, 0.6, rho=0.6),
    "turns": Gamma(0, 0.8, 30 * US, rho=-0.5),
    "load": ShiftedLognormal(20 * US, 50 * US, 0.6, load_slope=0.4),
    "load on a constant": Constant(70 * US, load_slope=-0.3),
    "bursts and load": Uniform(1000, 9000, rho=0.9, load_slope=0.2),
}


def history(count: int = 400, seed: int = 3) -> list[dict[str, int]]:
    """Offers that come in bursts, far from anything that could trade."""
    gaps = np.random.default_rng(seed).choice([0, 40, 100, 7000], count)
    return [row(int(ts_ns), Kind.ADD, SELL, k + 1, 1000 + k % 7, 5) for k, ts_ns in enumerate(1 + np.cumsum(gaps))]


def venue_of(latency: Latency, rows: list[dict[str, int]] | None = None, **settings: Any) -> Venue:
    """A world with these legs."""
    return Venue(history() if rows is None else rows, latency=latency, seed=SEED, **settings)


def draws(venue: Venue, leg: str, times_ns: np.ndarray) -> np.ndarray:
    """The first draws of a leg, for messages that leave at these times."""
    number = LEGS.index(leg)
    return np.array([leg_delay(venue.world, number, int(ts_ns), k) for k, ts_ns in enumerate(times_ns)])


@pytest.mark.parametrize("name", MODELS)
def test_every_draw_is_that_of_the_rules(name: str, limit: Any) -> None:
    window_ns = 5000
    venue = venue_of(Latency(cancel=MODELS[name], load_window_ns=window_ns))
    times = venue.world.tape["ts_ns"].astype(np.int64)
    load = (window_ns, *load_scale(times, window_ns))
    twin = Leg(LEGS.index("cancel"), MODELS[name], SEED, times.tolist(), load)
    at = np.random.default_rng(1).integers(0, times[-1] + 9000, limit(400, 60))
    assert [twin.delay(int(at_ns)) for at_ns in at] == draws(venue, "cancel", at).tolist()


def test_a_table_is_followed_on_both_legs() -> None:
    venue = venue_of(Latency(submit=TABLE, acknowledge=TABLE))
    at = np.arange(0, 700, 7)
    for name in ("submit", "acknowledge"):
        twin = Leg(LEGS.index(name), TABLE)
        assert [twin.delay(int(at_ns)) for at_ns in at] == draws(venue, name, at).tolist()
    assert [30, 45, 60, 10, 90, 90] == draws(venue, "submit", np.array([0, 150, 200, 400, 500, 999])).tolist()
    assert [20, 30, 40, 70, 10] == draws(venue, "acknowledge", np.array([1, 195, 260, 410, 900])).tolist()


def test_a_table_with_long_gaps_stays_exact_to_its_last_bits() -> None:
    day, hour = 86_400 * 10**9, 3600 * 10**9
    table = Table([[0, hour, hour], [300 * day, 300 * day + 20 * hour, 301 * day]])
    venue = venue_of(Latency(submit=table))
    twin = Leg(2, table)
    for at_ns in range(0, 300 * day, 7 * day + 12345):
        assert abs(twin.delay(at_ns) - int(leg_delay(venue.world, 2, at_ns, 0))) < 20 * hour / 2**16


@pytest.mark.parametrize("name", ["uniform", "shifted lognormal", "gamma", "pareto tail", "bursts"])
def test_what_is_drawn_has_the_distribution_of_its_model(name: str, limit: Any) -> None:
    count = limit(20_000, 2000)
    model = MODELS[name]
    drawn = np.sort(draws(venue_of(Latency(fill=model)), "fill", np.zeros(count, np.int64)))
    shares = np.linspace(0, 1, 20_001)[:-1]
    expected = np.searchsorted(model.quantiles(shares), drawn) / len(shares)
    distance = np.abs(expected - (np.arange(count) + 0.5) / count).max()
    # Kolmogorov-Smirnov at one in ten thousand; what comes in bursts is worth fewer draws
    assert distance < 2.23 / np.sqrt(count * (0.25 if model.rho else 1))


def test_a_pareto_tail_survives_far_out() -> None:
    model = ParetoTail(Uniform(1000, 2000), 0.5, 2.0)
    words = [2**62 - 1 - int(2**62 * 10.0**-power) for power in range(1, 10)]
    expected = [1500 * (0.5 * 10.0**power) ** 0.5 for power in range(1, 10)]
    assert expected == pytest.approx([quantile(model, word) for word in words], rel=1e-3)


def test_draws_of_two_legs_and_of_two_seeds_are_strangers(limit: Any) -> None:
    count = limit(5000, 1500)
    same = np.zeros(count, np.int64)
    one, other = (
        draws(venue_of(Latency(submit=MODELS["uniform"], fill=MODELS["uniform"])), of, same)
        for of in ("submit", "fill")
    )
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(count)
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 4 / np.sqrt(count)
    assert word_of(1, 2, 3) != word_of(2, 2, 3)


@pytest.mark.parametrize("rho", [0.8, -0.4])
def test_bursts_have_the_correlation_asked_for(rho: float, limit: Any) -> None:
    count = limit(20_000, 3000)
    model = ShiftedLognormal(0, 50 * US, 0.5, rho=rho)
    z = np.log(draws(venue_of(Latency(submit=model)), "submit", np.zeros(count, np.int64)) / (50 * US)) / 0.5
    for lag in (1, 2, 3):
        assert rho**lag == pytest.approx(np.corrcoef(z[lag:], z[:-lag])[0, 1], abs=6 / np.sqrt(count))
    assert (0, 1) == pytest.approx((z.mean(), z.std()), abs=15 / np.sqrt(count))


def test_delays_grow_with_load_by_the_slope_asked_for() -> None:
    model = ShiftedLognormal(20 * US, 50 * US, 0.6, load_slope=0.4)
    plain, loaded = (
        venue_of(Latency(submit=of, load_window_ns=5000)) for of in (ShiftedLognormal(20 * US, 50 * US, 0.6), model)
    )
    at = loaded.world.tape["ts_ns"].astype(np.int64)
    growth = np.log((draws(loaded, "submit", at) - 20 * US) / (draws(plain, "submit", at) - 20 * US))
    load = np.array([int(load_at(loaded.world, int(at_ns))) for at_ns in at]) / 2**16
    assert abs(load.mean()) < 0.01
    assert pytest.approx(1, abs=0.01) == load.std()
    assert 0.4 == pytest.approx(np.polyfit(np.clip(load, -3, 3), growth, 1)[0], abs=0.005)


# --- messages


def test_every_verb_and_answer_has_its_leg() -> None:
    legs = Latency(submit=10, cancel=20, replace=40, acknowledge=300, fill=700)
    venue = venue_of(legs, [row(1, Kind.ADD, SELL, 1, 100, 10)])
    venue.run_to(50)
    order = venue.send(BUY, 90, 3)
    venue.run_to(400)
    assert (60, 360) == (venue.own(order)["arrived_ns"], venue.own(order)["acked_ns"])
    new = venue.change(order, 91, 3)
    venue.run_to(800)
    assert (440, 740) == (venue.own(new)["arrived_ns"], venue.own(new)["acked_ns"])
    venue.cancel(new)
    venue.run_to(819)
    assert OrderState.LIVE == venue.own(new)["venue_state"]
    venue.run_to(820)
    assert OrderState.CANCELLED == venue.own(new)["venue_state"]
    taker = venue.send(BUY, 100, 4)
    venue.run_to(1529)
    assert (0, 1130) == (venue.own(taker)["known_filled_lots"], venue.own(taker)["acked_ns"])
    venue.run_to(1530)
    assert 4 == venue.own(taker)["known_filled_lots"]


def test_nothing_is_overtaken_in_either_direction() -> None:
    slow, fast = Uniform(0, 90 * US), Uniform(0, 5 * US)
    legs = Latency(submit=slow, cancel=fast, replace=fast, acknowledge=slow, fill=fast)
    venue = venue_of(legs, [row(1, Kind.ADD, SELL, k, 100 + k, 10) for k in range(1, 40)])
    rng = np.random.default_rng(4)
    arrivals = []
    for k in range(60):
        venue.run_to(1000 * k)
        order = venue.send(BUY, int(rng.integers(98, 112)), 1)
        if rng.random() < 0.5:
            venue.cancel(order)
    known: dict[int, int] = {}
    while venue.step(10**9):
        for order in range(int(venue.head["own"])):
            mine = venue.own(order)
            assert mine["known_filled_lots"] == 0 or mine["acked_ns"] <= venue.head["now_ns"]
            assert mine["known_filled_lots"] <= mine["filled_lots"]
            if mine["state"] != OrderState.PENDING:
                known.setdefault(order, int(venue.head["now_ns"]))
                assert mine["sent_ns"] <= mine["arrived_ns"] <= known[order]
    arrivals = venue.world.own["arrived_ns"][: venue.head["own"]]
    assert np.all(np.diff(arrivals) >= 0)
    assert len(set(arrivals.tolist())) < len(arrivals)  # some would have been overtaken
    assert len(venue.fills) > 5


def test_no_decision_is_made_while_the_last_one_is_being_computed() -> None:
    rows = [row(1, Kind.ADD, SELL, 1, 100, 10), *(row(t, Kind.ADD, SELL, t, 99, 1) for t in range(20, 90, 10))]
    venue = venue_of(Latency(compute=35, submit=3), rows, listens=True)
    venue.head["wake_on_touch"], venue.head["wake_on_reports"] = 1, 1
    woken = []
    while venue.run_to(1000) == Status.WAKE:
        woken.append(int(venue.head["now_ns"]))
        if len(woken) == 1:
            order = venue.send(BUY, 90, 1)
    # the touch changes at 1 and 20, the order leaves at 36, and its answer comes at 39
    assert [1, 36, 71] == woken
    assert 39 == venue.own(order)["arrived_ns"]


# --- refusals


def rate_limited(most: int, window_ns: int) -> Venue:
    """A quiet market that takes so many requests in its window."""
    legs = Latency(messages_per_window=most, rate_window_ns=window_ns, acknowledge=7)
    return venue_of(legs, [row(1, Kind.ADD, SELL, 1, 100, 10)])


def test_requests_beyond_the_rate_are_refused_after_the_acknowledge_leg() -> None:
    venue = rate_limited(2, 100)
    orders = []
    for at_ns in (10, 20, 30, 109, 131, 209, 300):
        venue.run_to(at_ns)
        orders.append(venue.send(BUY, 90, 1))
        venue.run_to(at_ns + 6)
        assert OrderState.PENDING == venue.own(orders[-1])["state"]
        venue.run_to(at_ns + 7)
        assert OrderState.PENDING != venue.own(orders[-1])["state"]
    refused = [venue.own(order)["reason"] == Reason.RATE_LIMIT for order in orders]
    # the second before it came at 10 and 20, later than 100 ago; then at 30, 109 and 131, which is long enough
    assert [False, False, True, True, False, False, False] == refused


def test_a_refused_cancel_or_replace_leaves_the_order_as_it_was() -> None:
    venue = rate_limited(1, 50)
    venue.run_to(10)
    order = venue.send(BUY, 90, 4)
    new = venue.change(order, 91, 4)
    venue.run_to(30)
    venue.cancel(order)
    venue.run_to(59)
    mine, other = venue.own(order), venue.own(new)
    assert (OrderState.LIVE, OrderState.LIVE, 0) == (mine["state"], mine["venue_state"], mine["cancel_sent"])
    assert (OrderState.REJECTED, Reason.RATE_LIMIT) == (other["state"], other["reason"])
    assert [(90, 4)] == venue.levels(BUY)
    venue.run_to(200)
    venue.cancel(order)
    venue.run_to(300)
    assert OrderState.CANCELLED == venue.own(order)["state"]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_an_overrun_venue_refuses_its_share_while_load_is_high(share: float, limit: Any) -> None:
    rows = history(limit(900, 300))
    settings: dict[str, Any] = {"reject_above_load": 0.5, "reject_share": share, "load_window_ns": 5000}
    venue = venue_of(Latency(**settings), rows)
    times = sorted({int(of["ts_ns"]) for of in rows})
    high = []
    for at_ns in times:
        venue.run_to(at_ns)
        high.append(int(load_at(venue.world, at_ns)) > 0.5 * 2**16)
        venue.send(BUY, 90, 1)
    venue.run_to(times[-1] + 1)
    refused = venue.world.own["reason"][: len(times)] == Reason.OVERLOAD
    assert not np.any(refused & ~np.array(high))
    assert sum(high) > len(high) // 10
    assert share == pytest.approx(refused.sum() / sum(high), abs=2.5 / np.sqrt(sum(high)) if 0 < share < 1 else 0)


def test_a_request_that_leaves_in_a_rejected_span_is_rejected() -> None:
    venue = venue_of(Latency(submit=TABLE, acknowledge=TABLE), [row(1, Kind.ADD, SELL, 1, 100, 10)])
    orders = []
    for at_ns in (250, 299, 300, 350, 399, 400):
        venue.run_to(at_ns)
        orders.append(venue.send(BUY, 90, 1))
    venue.run_to(5000)
    assert [False, False, True, True, True, False] == [venue.own(of)["reason"] == Reason.OVERLOAD for of in orders]
    assert OrderState.REJECTED == venue.own(orders[3])["state"]
