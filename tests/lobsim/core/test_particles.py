"""Particles of a queue: beside the slow ones, in the mean beside the deterministic model, and against queues whose fill times are known."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from lobsim.core.particles import forecast_fills
from lobsim.errors import ConfigError
from lobsim.particles import FlowRates, QueueParticles
from lobsim.types import Flag, Kind, QueueModel, Side
from tests.oracle.particles import OracleParticles, share_ahead
from tests.support.worlds import BUY, SELL, row, tape_of

SECOND_NS = 10**9
TOKYO = (1.85, 0.94, 0.71)
"""Arrivals, executions, and cancels per order and time, of one-lot orders at the touch (Cont, Stoikov and Talreja, 2010)."""


# --- beside the slow particles


@pytest.mark.parametrize("model", list(QueueModel))
def test_particles_move_as_the_slow_ones(model: QueueModel, limit: Any) -> None:
    for seed in range(limit(6, 2)):
        rng = random.Random(seed)
        shown, own, clump = rng.randint(0, 300), rng.randint(1, 20), rng.choice((1, 3, 25))
        made = {"model": model, "power": 2.5, "particles": limit(40, 8), "seed": seed}
        fast = QueueParticles(shown, own, clump_lots=clump, **made)
        slow = OracleParticles(shown, own, clump=clump, **made)
        for ts_ns in range(limit(60, 20)):
            if rng.random() < 0.3:
                lots = rng.randint(1, 20)
                fast.traded(ts_ns, lots)
                slow.traded(lots)
            else:
                shown = max(0, slow.shown_lots + rng.randint(-40, 35))
                fast.shown(ts_ns, shown)
                slow.shown(shown)
            assert slow.ahead == fast.ahead.tolist()
        assert slow.draws == fast._queues[0]["draws"]


@pytest.mark.parametrize(("mean_lots", "cancels"), [(1.0, 0.05), (6.5, 0.05), (3.0, 0.0)])
def test_futures_are_those_of_the_slow_particles(mean_lots: float, cancels: float, limit: Any) -> None:
    for model in QueueModel:
        made = {"model": model, "power": 3.0, "particles": limit(50, 10), "seed": 7}
        fast, slow = QueueParticles(30, 4, clump_lots=2, **made), OracleParticles(30, 4, clump=2, **made)
        fast.shown(1, 90)
        slow.shown(90)
        seconds = np.zeros(len(fast.ahead))
        forecast_fills(fast._queues, fast.ahead, 2.0, mean_lots, cancels, 20.0, seconds)
        expected = slow.fill_seconds(2.0, mean_lots, cancels, 20.0)
        assert expected == pytest.approx(seconds.tolist(), rel=1e-12)


# --- the deterministic model


@pytest.mark.parametrize("model", list(QueueModel))
def test_the_mean_follows_the_deterministic_model(model: QueueModel, small: bool) -> None:
    shown = 150 if small else 1000
    particles = QueueParticles(shown, model=model, particles=40 if small else 256, seed=3)
    particles.shown(0, 2 * shown)
    expected, total = float(shown), 2 * shown
    for step in range(shown):
        behind = total - expected
        share = 0.0 if model == QueueModel.RISK_AVERSE else share_ahead(model, 3.0, expected, behind)
        lost = share if behind >= 1 - share else 1 - behind
        expected, total = expected - lost, total - 1
        particles.shown(step, total)
    assert expected == pytest.approx(particles.position[0], abs=0.02 * shown)


def test_one_cancel_of_many_lots_is_one_clump_or_many() -> None:
    whole = QueueParticles(50, model=QueueModel.PROPORTIONAL, clump_lots=100, particles=400)
    single = QueueParticles(50, model=QueueModel.PROPORTIONAL, clump_lots=1, particles=400)
    for particles in (whole, single):
        particles.shown(0, 100)
        particles.shown(1, 60)
        assert 30 == pytest.approx(particles.position[0], abs=3)
    assert {10, 50} == set(whole.ahead.tolist())
    assert single.ahead.std() < 5 < whole.ahead.std()


# --- queues whose answer is known


def death_chain(orders: int, executions: float, cancels: float, seconds: float) -> float:
    """P(the last of so many one-lot orders has traded by then): deaths at ``executions + cancels * (n - 1)``, exactly."""
    rates = np.array([executions + cancels * place for place in range(orders)])
    generator = np.zeros((orders + 1, orders + 1))
    for place, rate in enumerate(rates, 1):
        generator[place, place], generator[place, place - 1] = -rate, rate
    return float(expm(generator * seconds)[orders, 0])


@pytest.mark.parametrize("orders", [1, 3, 8])
def test_a_forecast_has_the_law_of_the_death_chain(orders: int, small: bool) -> None:
    _, executions, cancels = TOKYO
    count = 300 if small else 4000
    particles = QueueParticles(orders - 1, model=QueueModel.PROPORTIONAL, particles=count, seed=orders)
    horizons = (0.3, 1.0, 3.0, 8.0)
    found = particles.fill_by(horizons, FlowRates(executions, 1.0, cancels))
    for horizon, probability in zip(horizons, found, strict=True):
        exact = death_chain(orders, executions, cancels, horizon)
        assert abs(probability - exact) <= 4 * (exact * (1 - exact) / count) ** 0.5 + 2 / count


def depletion_times(start: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """When the other side's queue of one-lot orders, with arrivals, is empty for the first time."""
    arrivals, executions, cancels = TOKYO
    times = np.zeros(count)
    for k in range(count):
        orders = start
        while orders:
            leaving = executions + cancels * orders
            times[k] += rng.exponential(1 / (arrivals + leaving))
            orders += 1 if rng.random() * (arrivals + leaving) < arrivals else -1
    return times


@pytest.mark.parametrize(("place", "other", "published"), [(1, 1, 0.503), (2, 3, 0.664), (3, 2, 0.465), (5, 5, 0.607)])
def test_the_published_chances_of_a_fill_before_the_price_moves(
    place: int, other: int, published: float, small: bool
) -> None:
    count = 300 if small else 3000
    particles = QueueParticles(place - 1, model=QueueModel.PROPORTIONAL, particles=count, seed=place + 10 * other)
    seconds = np.zeros(count)
    forecast_fills(particles._queues, particles.ahead, TOKYO[1], 1.0, TOKYO[2], 1e6, seconds)
    first = np.mean(seconds < depletion_times(other, count, np.random.default_rng(place)))
    assert abs(first - published) <= 4 * (0.25 / count) ** 0.5


def lived_queue(rng: random.Random, horizon: float) -> tuple[list[tuple[float, int]], float]:
    """One queue of one-lot orders, the last of ten followed: (time, 1 joins, 0 is cancelled, -1 trades) up to 1.5, and when the order traded."""
    arrivals, executions, cancels = 2.0, 1.2, 0.25
    queue = [*range(9), 99]
    events: list[tuple[float, int]] = []
    now = 0.0
    while 99 in queue and now < horizon:
        others = len(queue) - 1
        total = arrivals + executions + cancels * others
        now += rng.expovariate(total)
        draw = rng.random() * total
        if draw < arrivals:
            queue.append(0)
        elif draw < arrivals + executions:
            queue.pop(0)
        else:
            queue.pop(rng.choice([k for k, name in enumerate(queue) if name != 99]))
        kind = 1 if draw < arrivals else -1 if draw < arrivals + executions else 0
        events.append((now, kind))
    return [event for event in events if event[0] < 1.5], now


def test_forecasts_from_totals_alone_come_true_as_often_as_they_say(small: bool) -> None:
    rng = random.Random(5)
    said, came = [], []
    for seed in range(60 if small else 1500):
        seen, filled_at = lived_queue(rng, 20.0)
        if filled_at < 1.5:
            continue
        particles = QueueParticles(9, model=QueueModel.PROPORTIONAL, particles=30 if small else 128, seed=seed)
        shown = 9
        for at, kind in seen:
            shown += kind if kind else -1
            if kind < 0:
                particles.traded(int(at * SECOND_NS), 1)
            else:
                particles.shown(int(at * SECOND_NS), shown)
        said.append(float(particles.fill_by([3.0], FlowRates(1.2, 1.0, 0.25))[0]))
        came.append(filled_at <= 4.5)
    told, happened = np.array(said), np.array(came, float)
    for low, high in ((0, 0.33), (0.33, 0.66), (0.66, 1.01)):
        inside = (told >= low) & (told < high)
        if inside.sum() > 30:
            error = 4 * (0.25 / inside.sum()) ** 0.5 / (1 if small else 1.5)
            assert abs(told[inside].mean() - happened[inside].mean()) <= error
    constant = np.mean((happened - happened.mean()) ** 2)
    assert small or np.mean((told - happened) ** 2) < 0.9 * constant  # they tell more than the mean alone


# --- what is measured, and rows of a tape


def test_the_rates_are_those_of_the_recent_past() -> None:
    particles = QueueParticles(100, half_life_ns=10**15)
    for second in range(1, 101):
        particles.shown(second * SECOND_NS, 100 + second % 2)  # every other second one lot is cancelled
        if second % 10 == 0:
            particles.traded(second * SECOND_NS, 4)
            particles.shown(second * SECOND_NS, 100 + second % 2)
    rates = particles.rates
    assert (0.1, 4.0, 0.005) == pytest.approx(rates, rel=0.02)
    assert (0.0, 1.0, 0.0) == QueueParticles(5).rates


@pytest.mark.parametrize("side", [BUY, SELL])
def test_rows_of_a_tape_act_on_the_queue_of_their_price(side: int) -> None:
    through = 99 if side == BUY else 101
    rows = [
        row(1, Kind.LEVEL, side, 0, 100, 70),
        row(2, Kind.LEVEL, side, 0, through, 5),
        row(3, Kind.PRINT, side, 0, 100, 20),
        row(4, Kind.PRINT, 1 - side, 0, 100, 20),
        row(5, Kind.PRINT, side, 0, 100, 99, flags=int(Flag.AUCTION)),
        row(6, Kind.PRINT, side, 0, through, 1),
    ]
    tape = tape_of(rows, 20)
    particles = QueueParticles(60, 5, side=Side(side), price_ticks=100)
    particles.follow(tape, 0, 5)
    assert (40.0, 40.0, 40.0, 40.0) == particles.position
    assert 0.0 == particles.filled
    particles.follow(tape, 5, 99)
    assert 1.0 == particles.filled
    assert [1.0] == particles.fill_by([0.0]).tolist()


@pytest.mark.parametrize("wrong", [{"shown_lots": -1}, {"own_lots": 0}, {"particles": 0}, {"power": 0.0}])
def test_a_queue_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"queue particles: {next(iter(wrong))} is"):
        QueueParticles(**({"shown_lots": 5} | wrong))
