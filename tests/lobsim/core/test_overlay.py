"""Impact OVERLAY: the compiled world beside a replay in which every recorded price is shifted one by one, and what own trading can earn by it."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from lobsim.core.pressure import PRESSURE_UNITS, is_outside, lots_to_move, nearest_offset
from lobsim.types import FillReason, Impact, Kind, MessageFlag, OrderState, Phase, Reason, SurplusPolicy, TimeInForce
from tests.oracle import overlay as slow
from tests.oracle.overlay import OracleOverlay
from tests.oracle.replay_l3 import prepare
from tests.oracle.streams import random_history, random_own
from tests.support.twins import COUNTERS, Twins, oracle_queues, reason_of, reason_told
from tests.support.worlds import BUY, SELL, Venue, row

MINUTE_NS = 60 * 10**9


def overlaid(
    rows: Any, lots_per_tick: float, half_life_ns: int = MINUTE_NS, passive_weight: float = 0.0, **more: Any
) -> Venue:
    """A world whose history moves by a tick when so many lots are taken."""
    venue = Venue(rows, impact=Impact.OVERLAY, **more)
    venue.head["overlay_scale"] = int(lots_per_tick * PRESSURE_UNITS)
    venue.head["half_life_ns"] = half_life_ns
    venue.head["passive_weight"] = int(passive_weight * PRESSURE_UNITS)
    return venue


class OverlaidTwins(Twins):
    """The world's book stands in the coordinates of history, the slow one's in public prices."""

    oracle: OracleOverlay

    def compare(self) -> None:
        while self.venue.head["overlay_ns"] <= self.venue.head["now_ns"]:  # what the last row set off
            self.venue.step(int(self.venue.head["now_ns"]))
        offset = int(self.venue.head["offset_ticks"])
        assert offset == self.oracle.offset, f"after row {self.done}"
        for side in (BUY, SELL):
            public = [(price + offset, queue) for price, queue in self.venue.queues(side)]
            assert oracle_queues(self.oracle, side) == public, f"after row {self.done}"

    def submit(self, message: Mapping[str, int]) -> None:
        reports = self.oracle.process(message)
        self.venue.submit(message)
        assert reason_told(reports) == reason_of(self.venue, message), f"{message} after row {self.done}"
        self.compare()


def play(seed: int, rows: int, messages: int, lots_per_tick: int, **settings: Any) -> OverlaidTwins:
    """Both replays of one random history and its own messages, from end to end."""
    half_life_ns = (10**8, 10**9, 10**10)[seed % 3]
    weight = (0.0, 0.25, 1.0)[seed // 2 % 3]
    history = random_history(seed, rows, match_ids=seed % 2 == 0, fifo=(0.9, 0.4)[seed % 2])
    venue = overlaid(history, lots_per_tick, half_life_ns, weight, seed=seed, **settings)
    oracle = OracleOverlay(
        scale=lots_per_tick * PRESSURE_UNITS,
        half_life_ns=half_life_ns,
        passive_weight=int(weight * PRESSURE_UNITS),
        seed=seed,
        **settings,
    )
    twins = OverlaidTwins(venue, oracle, prepare(history))
    twins.play(random_own(seed, messages, history))
    assert len(oracle.shifts) == venue.head["shifts"]
    for of_oracle, of_world in COUNTERS.items():
        assert oracle.counters[of_oracle] == venue.head[of_world], of_oracle
    return twins


@pytest.mark.parametrize("seed", range(12))
def test_own_orders_fare_as_in_a_history_whose_prices_are_shifted_one_by_one(seed: int, small: bool) -> None:
    surplus = SurplusPolicy(seed % 3)
    twins = play(seed, 150 if small else 500, 60 if small else 250, (15, 60, 400)[seed % 3], surplus=surplus)
    assert small or len(twins.oracle.shifts) >= 4


# --- the offset


@pytest.mark.parametrize("seed", range(4))
def test_the_offset_is_the_nearest_tick_of_the_square_root_within_its_band(seed: int, limit: Any) -> None:
    rng = random.Random(seed)
    for _ in range(limit(400, 100)):
        pressure, scale = rng.randint(-(2**30), 2**30), rng.randint(2**14, 2**24)
        ticks = math.copysign(math.sqrt(abs(pressure) / scale), pressure)
        offset = int(nearest_offset(pressure, scale))
        assert offset == slow.nearest(pressure, scale)
        assert abs(ticks - offset) <= 0.5 + 1e-9
        near = offset + rng.randint(-2, 2)
        assert slow.is_outside(pressure, scale, near) == is_outside(pressure, scale, near)
        if abs(abs(ticks - near) - 0.6) > 1e-6:
            assert is_outside(pressure, scale, near) == (abs(ticks - near) > 0.6)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_taker_is_cut_at_the_lot_after_which_the_offset_moves(side: int) -> None:
    rng = random.Random(side)
    for _ in range(200):
        scale, pressure = rng.randint(1, 2**18), rng.randint(-(2**22), 2**22)
        offset = slow.nearest(pressure, scale)
        assert slow.lots_until(pressure, scale, offset, side) == lots_to_move(pressure, scale, offset, side)


def deep(lots: int = 10**6, levels: int = 40) -> list[dict[str, int]]:
    """A market at 999 to 1000 with so many lots at every tick, and a last row an hour later."""
    rows = [row(1, Kind.ADD, BUY, 1 + place, 999 - place, lots) for place in range(levels)]
    rows += [row(1, Kind.ADD, SELL, 101 + place, 1000 + place, lots) for place in range(levels)]
    return [*rows, row(60 * MINUTE_NS, Kind.ADD, BUY, 1000, 900, 1)]


def test_the_offset_waits_for_six_tenths_of_a_tick_on_its_way_up_and_down() -> None:
    venue = overlaid(deep(), 100, half_life_ns=10 * MINUTE_NS)
    venue.run_to(2)
    moves = []
    for size in (36, 1, 219, 1):  # x = sqrt(lots / 100): 0.6 at 36, 1.6 at 256
        venue.send(BUY, 2000, size, tif=TimeInForce.IOC)
        venue.run_to(2)
        moves.append(int(venue.head["offset_ticks"]))
    assert [0, 1, 1, 2] == moves
    # down again where 257 lots have decayed to 1.4^2 = 196: at log2(257 / 196) half-lives, on the next 64th of one
    due = math.ceil(math.log2(257 / 196) * 64) * 10 * MINUTE_NS // 64
    assert due == pytest.approx(int(venue.head["overlay_ns"]), abs=10 * MINUTE_NS // 64)
    venue.run_to(int(venue.head["overlay_ns"]) - 1)
    assert 2 == venue.head["offset_ticks"]
    venue.run_to(int(venue.head["overlay_ns"]))
    assert 1 == venue.head["offset_ticks"]
    venue.run_to(120 * MINUTE_NS)
    assert (0, 4) == (venue.head["offset_ticks"], venue.head["shifts"])


def test_an_own_taker_pays_for_the_offset_it_causes() -> None:
    venue = overlaid(deep(), 100)
    venue.run_to(2)
    order = venue.send(BUY, 1002, 1000)
    venue.run_to(2)
    assert [(1000, 37), (1001, 220), (1002, 420)] == [fill[5:] for fill in venue.fills]
    assert OrderState.LIVE == venue.own(order)["state"]
    assert 3 == venue.head["offset_ticks"]
    assert [(1, 10**6, 10**6), (-1, 323, 0)] == venue.queue(BUY, 999)  # 1002 less 3
    venue.check()


def test_own_orders_keep_their_price_and_join_the_queue_that_history_brings_there() -> None:
    venue = overlaid(deep(lots=50), 100)
    venue.run_to(2)
    resting = venue.send(SELL, 1005, 7)
    venue.run_to(2)
    assert [(106, 50, 50), (-1, 7, 0)] == venue.queue(SELL, 1005)
    venue.send(BUY, 2000, 40, tif=TimeInForce.IOC)
    venue.run_to(2)
    assert 1 == venue.head["offset_ticks"]
    assert [(105, 50, 50), (-1, 7, 0)] == venue.queue(SELL, 1004)
    assert 1005 == venue.own(resting)["price_ticks"]
    assert 1 == venue.head["reentered"]


def test_an_own_order_that_history_is_shifted_onto_trades_at_its_own_price() -> None:
    venue = overlaid(deep(), 100)
    venue.run_to(2)
    resting = venue.send(SELL, 1000, 7)
    venue.run_to(2)
    venue.send(BUY, 2000, 37, tif=TimeInForce.IOC)
    venue.run_to(2)
    assert (2, resting, SELL, FillReason.BOOK_CROSSED, 1, 1000, 7) == venue.fills[-1]
    assert [(1, 10**6 - 7, 10**6)] == venue.queue(BUY, 999)
    venue.check()


def test_a_fill_or_kill_order_is_asked_for_on_its_way_and_then_filled_whole() -> None:
    venue = overlaid(deep(lots=200), 100)
    venue.run_to(2)
    refused = venue.send(BUY, 1001, 400, tif=TimeInForce.FOK)  # the second tick is out of reach once the first is taken
    filled = venue.send(BUY, 1004, 400, tif=TimeInForce.FOK)
    venue.run_to(2)
    assert (OrderState.REJECTED, Reason.FOK_NOT_FILLABLE) == tuple(venue.own(refused)[["state", "reason"]])
    assert OrderState.FILLED == venue.own(filled)["state"]


def test_a_replaced_order_that_takes_is_cut_too_and_rests_with_all_that_is_left() -> None:
    venue = overlaid(deep(), 100)
    venue.run_to(2)
    first = venue.send(BUY, 990, 300)
    venue.run_to(2)
    second = venue.change(first, 1000, 300)
    venue.run_to(2)
    assert [(2, second, BUY, FillReason.OWN_AGGRESSION, 0, 1000, 37)] == venue.fills
    assert [(1, 10**6, 10**6), (-2, 263, 0)] == venue.queue(BUY, 999)


def test_what_is_published_is_at_public_prices() -> None:
    from execution.core.desk import list_levels  # the reader above the seam

    venue = overlaid(deep(lots=50), 100, listens=True)
    venue.run_to(2)
    venue.send(SELL, 1005, 7)
    venue.send(BUY, 2000, 40, tif=TimeInForce.IOC)
    venue.head["wake_ns"] = 3
    venue.run_to(3)
    asks = np.zeros((6, 2), np.int64)
    bids = np.zeros((1, 2), np.int64)
    list_levels(venue.world, SELL, asks)
    list_levels(venue.world, BUY, bids)
    assert [[1001, 10], [1002, 50], [1003, 50], [1004, 50], [1005, 57], [1006, 50]] == asks.tolist()
    assert [[1000, 50]] == bids.tolist()
    assert 1001 == venue.head["seen_price_ticks"]


def test_history_alone_is_what_it_is_without_an_overlay() -> None:
    history = random_history(3, 200)
    venue, plain = overlaid(history, 10), Venue(history)
    venue.run_to(10**18)
    plain.run_to(10**18)
    assert plain.hash() == venue.hash()
    assert 0 == venue.head["shifts"]


def test_outside_continuous_trading_the_offset_moves_without_trading() -> None:
    rows = [*deep()[:-1], row(3, Kind.PHASE, size=int(Phase.HALT)), row(60 * MINUTE_NS, Kind.ADD, BUY, 1000, 900, 1)]
    venue = overlaid(rows, 100)
    venue.run_to(2)
    venue.send(BUY, 2000, 37, tif=TimeInForce.IOC)
    venue.run_to(2)
    venue.send(BUY, 1000, 5, flags=MessageFlag.POST_ONLY)
    venue.run_to(2)
    venue.run_to(30 * MINUTE_NS)
    assert 0 == venue.head["offset_ticks"]
    assert 1 == venue.head["fills"]
    assert [(-2, 5, 0)] == venue.queue(BUY, 1000)


# --- what it can earn


def money(venue: Venue) -> int:
    """Ticks times lots received for all fills."""
    fills = venue.world.fills[: venue.head["fills"]]
    return int(np.sum(np.where(fills["side"] == SELL, 1, -1) * fills["price_ticks"] * fills["size_lots"]))


def cost_by_formula(pressure: float, lots: int, lots_per_tick: float) -> float:
    """G(E + q) - G(E) with G(x) = 2/3 |x|^1.5 / sqrt(scale): what the square root law asks for, in ticks times lots."""
    return 2 / 3 * (abs(pressure + lots) ** 1.5 - abs(pressure) ** 1.5) / math.sqrt(lots_per_tick)


@pytest.mark.parametrize("seed", range(40))
def test_no_round_trip_of_taking_earns_money(seed: int, small: bool) -> None:
    rng = random.Random(seed)
    venue = overlaid(deep(10**7), rng.choice((5, 50, 700)), half_life_ns=rng.choice((1, 5, 30)) * MINUTE_NS)
    position, now_ns, traded = 0, 2, 0
    for _ in range(4 if small else 12):
        now_ns += rng.randint(0, 4 * MINUTE_NS)
        venue.run_to(now_ns)
        lots = rng.choice((-1, 1)) * int(rng.lognormvariate(5, 1.5)) or 1
        position, traded = position + lots, traded + abs(lots)
        venue.send(BUY if lots > 0 else SELL, 5000 if lots > 0 else -5000, abs(lots), tif=TimeInForce.IOC)
        venue.run_to(now_ns)
    if position:
        venue.send(SELL if position > 0 else BUY, -5000 if position > 0 else 5000, abs(position), tif=TimeInForce.IOC)
    venue.run_to(now_ns)
    traded = (traded + abs(position)) // 2
    fills = venue.world.fills[: venue.head["fills"]]
    assert 0 == int(np.sum(np.where(fills["side"] == SELL, -1, 1) * fills["size_lots"]))
    assert money(venue) <= 0.2 * traded  # a spread of one tick is paid, the band gives back 2 x 0.6 at most
    assert money(venue) <= 0 or traded < 2000


@pytest.mark.parametrize("lots", [1, 30, 400, 5000])
def test_taking_costs_what_the_formula_says_within_the_band(lots: int) -> None:
    venue = overlaid(deep(10**7), 50)
    venue.run_to(2)
    for sent in (lots, 3 * lots):
        before, pressure = money(venue), int(venue.head["pressure"]) / PRESSURE_UNITS
        venue.send(BUY, 5000, sent, tif=TimeInForce.IOC)
        venue.run_to(2)
        paid = before - money(venue) - 1000 * sent
        assert abs(paid - cost_by_formula(pressure, sent, 50)) <= 0.6 * sent + 1
