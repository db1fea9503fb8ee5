"""The market without an edge: its quotes beside the rule, its middle a martingale, and three strategies that try."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lobsim.simulation import Simulation, SimulationRun, load_preset
from lobsim.simulation.paired import mid_ticks
from lobsim.types import NEVER, Kind, Side, Status
from tests.support.participants import cancel, fills_of, post

SECOND = 10**9
HALF, LOTS, LEVELS = 1, 100, 5


def market(seed: int, seconds: int, *, participant: bool = False) -> SimulationRun:
    simulation = Simulation(load_preset("martingale"), seed, duration_ns=seconds * SECOND)
    return simulation.start(participant=participant)


def quotes(run: SimulationRun) -> set[tuple[int, int, int]]:
    """(side, price, lots) of every order in the book."""
    found = set()
    crowd = run.scene.crowd
    for slot in range(1, int(crowd.head[0]["fresh"])):
        order = crowd.orders[slot]
        if order["live"]:
            node = run.world.book.nodes[run.world.book.dense[slot]]
            found.add((int(order["side"]), int(order["price_ticks"]), int(node["size"])))
    return found


def expected(centre: int) -> set[tuple[int, int, int]]:
    return {
        (side, centre + (1 if side else -1) * HALF * level, LOTS) for side in (0, 1) for level in range(1, LEVELS + 1)
    }


def test_after_every_trade_the_quotes_stand_around_the_new_middle(limit: Callable[[int, int], int]) -> None:
    run = market(1, 1000)
    middles = []
    for _ in range(limit(400, 40)):
        run.advance(run.now_ns + SECOND)
        head = run.scene.crowd.head[0]
        centre = 10_000 + HALF * int(head["bought_lots"] - head["sold_lots"]) // LOTS
        assert quotes(run) == expected(centre)
        assert mid_ticks(run) == centre
        middles.append(centre)
    assert len(set(middles)) > 3


def test_the_middle_is_a_martingale(limit: Callable[[int, int], int]) -> None:
    day = Simulation(load_preset("martingale"), 3, duration_ns=limit(20_000, 300) * SECOND).day()
    trades = day.dataset.events.filter(kind=int(Kind.EXECUTE)).group_by("match_id", maintain_order=True).first()
    signs = np.where(trades["side"].to_numpy() == Side.SELL, 1.0, -1.0)
    bound = 4 / np.sqrt(len(signs))
    assert len(signs) > limit(30_000, 300)
    assert abs(signs.mean()) < bound
    for lag in (1, 2, 5, 10):
        assert abs(np.mean(signs[lag:] * signs[:-lag])) < bound


def test_taking_pays_the_half_spread_and_moves_the_middle_by_it() -> None:
    run = market(4, 100, participant=True)
    before = mid_ticks(run)
    post(run, Side.BUY, 0, 3 * LOTS, market=True)
    run.advance(run.now_ns + 1000)
    prices = fills_of(run)["price_ticks"].tolist()
    assert prices == [before + HALF, before + 2 * HALF, before + 3 * HALF]
    assert mid_ticks(run) == before + 3 * HALF


def test_odd_lots_move_the_middle_when_they_add_up() -> None:
    run = market(4, 100, participant=True)
    before = mid_ticks(run)
    moved = []
    for _ in range(4):
        post(run, Side.BUY, 0, LOTS // 4, market=True)
        run.advance(run.now_ns + 1000)
        moved.append(mid_ticks(run) - before)
    assert moved == [0, HALF, HALF, HALF]
    prices = fills_of(run)["price_ticks"]
    assert np.all(prices - before >= HALF)


def gains(strategy: str, seed: int, seconds: int) -> np.ndarray:
    """Ticks won on each lot that a strategy trades, marked at the middle some seconds later."""
    run = market(seed, 10 * seconds, participant=True)
    won = []
    before = mid_ticks(run)
    for _ in range(seconds):
        now = mid_ticks(run)
        side = int(now < before) if strategy == "trend" else Side.BUY
        before = now
        if strategy == "wait":
            index = post(run, side, int(run.world.book.sides[0]["best_key"]) * -1, LOTS // 2)
        else:
            index = post(run, side, 0, LOTS // 2, market=True)
        done = int(run.world.head[0]["fills"])
        run.advance(run.now_ns + 2 * SECOND)
        cancel(run, index)
        assert run.advance(run.now_ns + SECOND) == Status.DONE
        sign = -1.0 if side == Side.SELL else 1.0
        fills = fills_of(run)[done:]
        won += [sign * (mid_ticks(run) - float(fill["price_ticks"])) for fill in fills]
    return np.array(won)


@pytest.mark.parametrize("strategy", ["take", "wait", "trend"])
def test_no_strategy_earns_anything(strategy: str, limit: Callable[[int, int], int]) -> None:
    won = gains(strategy, 11, limit(1500, 25))
    error = won.std(ddof=1) / np.sqrt(len(won))
    assert len(won) >= limit(300, 3)
    assert won.mean() < 3 * error
    if strategy == "wait":
        assert won.mean() > -HALF - 3 * error


def test_nobody_waits_for_ever_for_a_first_trade() -> None:
    run = market(1, 60)
    assert run.advance(run.now_ns + 30 * SECOND) == Status.DONE
    assert run.scene.crowd.agents[0]["due_ns"] < NEVER
    assert run.counts.trades > 0
