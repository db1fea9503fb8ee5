"""The standard algorithms follow their curves in their styles, keep their share, and treat both sides alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from execution.baselines import AllAtOnce, PercentOfVolume, Scheduled, Style, SubmitAndLeave
from execution.catalogue import Choices, algorithm_named
from execution.desk import Desk
from execution.parent import Parent
from execution.schedules import Schedule, ac_curve, twap_curve, u_shape, vwap_curve
from lobsim.types import NONE, FillReason, Impact, Kind, Side, TimeInForce
from tests.execution import steady_market as made
from tests.execution.steady_market import ASK, BID, MILLISECOND_NS, OPEN_NS, SECOND_NS

BUY, SELL = Side.BUY, Side.SELL
STEADY = made.steady(130)
LIVELY = made.lively(100, seed=11)


def curve_of(name: str, parent: Parent, slices: int) -> Schedule:
    """The curve that an algorithm of this name follows."""
    if name == "twap":
        return twap_curve(parent, slices)
    if name == "ac":
        return ac_curve(parent, slices, 2.0)
    close_ns = OPEN_NS + 130 * SECOND_NS
    return vwap_curve(parent, u_shape(), slices, session_open_ns=OPEN_NS, session_close_ns=close_ns)


def done_before(desk: Desk, times_ns: np.ndarray) -> np.ndarray:
    """Lots executed strictly before each time."""
    fills = made.fills_of(desk)
    done = np.concatenate([[0], fills["size_lots"].cumsum()])
    return done[np.searchsorted(fills["ts_ns"], times_ns, side="left")]


def open_before(desk: Desk, times_ns: np.ndarray) -> np.ndarray:
    """Lots sent and neither traded nor gone just before each time."""
    orders, fills = made.orders_of(desk), made.fills_of(desk)
    out = []
    for at_ns in times_ns:
        alive = (orders["sent_ns"] < at_ns) & (orders["done_ns"] >= at_ns)
        earlier = fills[fills["ts_ns"] < at_ns]
        filled = sum(int(earlier["size_lots"][earlier["order"] == place].sum()) for place in np.flatnonzero(alive))
        out.append(int(orders["size_lots"][alive].sum()) - filled)
    return np.array(out)


@pytest.mark.parametrize("name", ["twap", "vwap", "ac"])
@pytest.mark.parametrize("side", Side)
def test_crossing_does_every_slice_at_its_start_and_only_aggressively(name: str, side: Side) -> None:
    parent = made.parent_of(side, 1000, 10.5, 110.5)
    curve = curve_of(name, parent, 10)
    desk = made.executed(made.market_of(STEADY), parent, Scheduled(curve, Style.CROSS))
    fills = made.fills_of(desk)
    assert curve.cumulative_lots[1:].tolist() == done_before(desk, curve.times_ns[:-1] + 1).tolist()
    assert {0} == set(fills["passive"].tolist())
    assert {int(FillReason.OWN_AGGRESSION)} == set(fills["reason"].tolist())
    assert set(curve.times_ns[:-1].tolist()) == set(fills["ts_ns"].tolist())


@pytest.mark.parametrize("name", ["twap", "vwap", "ac"])
@pytest.mark.parametrize("market", [STEADY, LIVELY], ids=["steady", "lively"])
@pytest.mark.parametrize("side", Side)
def test_joining_is_never_ahead_of_its_slice_nor_behind_it_after_its_end(name: str, market: Any, side: Side) -> None:
    parent = made.parent_of(side, 600, 10.5, 90.5)
    curve = curve_of(name, parent, 8)
    desk = made.executed(made.market_of(market), parent, Scheduled(curve, Style.JOIN))
    at_edges = done_before(desk, curve.times_ns + 1)
    assert np.all(curve.cumulative_lots <= at_edges)
    assert np.all(at_edges[:-1] <= curve.cumulative_lots[1:])
    assert 600 == at_edges[-1]


@pytest.mark.parametrize("side", Side)
def test_joining_rests_at_the_near_touch_and_crosses_in_place_at_the_end_of_the_slice(side: Side) -> None:
    parent = made.parent_of(side, 300, 10.5, 19.5)
    desk = made.executed(made.market_of(STEADY), parent, Scheduled(twap_curve(parent, 3), Style.JOIN))
    near = BID if side == BUY else ASK
    orders = [(int(o["price_ticks"]), int(o["tif"]), int(o["replaces"])) for o in made.orders_of(desk)]
    far = {BUY: 2**46, SELL: -(2**46)}[side]
    rest, cross = (near, TimeInForce.GTC, NONE), (far, TimeInForce.IOC)
    assert [rest, (*cross, 0), rest, (*cross, 2), rest, (*cross, NONE)] == orders
    assert 1 == made.orders_of(desk)["forced"][-1]


def test_what_was_joined_early_enough_fills_in_the_queue() -> None:
    parent = made.parent_of(BUY, 100, 10.5, 30.5)
    desk = made.executed(made.market_of(STEADY), parent, Scheduled(twap_curve(parent, 1), Style.JOIN))
    (fill,) = made.fills_of(desk)
    # five hundred stand in front, a hundred are taken at every even second from 12 on
    assert (OPEN_NS + 22 * SECOND_NS, 1, FillReason.QUEUE_EXHAUSTED) == (fill["ts_ns"], fill["passive"], fill["reason"])
    assert (500, 0) == (fill["ahead_entry_lots"], fill["ahead_fill_lots"])


@pytest.mark.parametrize("side", Side)
def test_pegging_follows_the_near_touch(side: Side) -> None:
    """The near touch improves at second 20 and falls back at second 30."""
    near = BID if side == BUY else ASK
    better = near + 1 if side == BUY else near - 1
    rows: list[made.Row] = [(0, Kind.ADD, BUY, BID, 500, 1), (0, Kind.ADD, SELL, ASK, 500, 2)]
    rows += [(20 * SECOND_NS, Kind.ADD, side, better, 100, 3), (30 * SECOND_NS, Kind.DELETE, side, better, 100, 3)]
    market = made.market_of(made.dataset_of(rows, made.info_of(STEADY.info.fidelity, 60)), 10 * MILLISECOND_NS)
    parent = made.parent_of(side, 100, 10, 50)
    desk = made.executed(market, parent, Scheduled(twap_curve(parent, 1), Style.PEG, band=1.0))
    orders = made.orders_of(desk)
    assert [near, better] == orders["price_ticks"][:2].tolist()
    # alone at the best price afterwards, it is the near touch itself
    assert [NONE, 0, NONE] == orders["replaces"].tolist()
    assert OPEN_NS + 20 * SECOND_NS + 20 * MILLISECOND_NS == orders["arrived_ns"][1]


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("latency_ns", [0, 20 * MILLISECOND_NS])
def test_pegging_falls_behind_by_no_more_than_its_band_and_a_slice(side: Side, latency_ns: int) -> None:
    parent = made.parent_of(side, 1000, 10.5, 90.5)
    curve = twap_curve(parent, 20)
    desk = made.executed(made.market_of(LIVELY, latency_ns), parent, Scheduled(curve, Style.PEG, band=0.1))
    soon = curve.times_ns[:-1] + 2 * latency_ns + 1
    assert np.all(curve.cumulative_lots[:-1] - done_before(desk, soon) <= 0.1 * 1000)
    assert 0 < made.fills_of(desk)["passive"].sum() < len(made.fills_of(desk))


def test_pegging_at_a_limit_price_sends_one_order_and_no_more() -> None:
    parent = made.parent_of(BUY, 100, 10.5, 30.5, limit_price_ticks=BID - 2)
    desk = made.executed(made.market_of(LIVELY), parent, Scheduled(twap_curve(parent, 1), Style.PEG, band=1.0))
    assert {BID - 2} == set(made.orders_of(desk)["price_ticks"].tolist())
    assert 2 == len(made.orders_of(desk))


# Share of volume


@pytest.mark.parametrize("style", [Style.CROSS, Style.JOIN])
@pytest.mark.parametrize("rate", [0.1, 0.25])
@pytest.mark.parametrize("side", Side)
def test_participation_keeps_its_share_until_the_sweep(style: Style, rate: float, side: Side) -> None:
    parent = made.parent_of(side, 5000, 10.5, 110.5, max_participation=rate)
    desk = made.executed(made.market_of(STEADY, impact=Impact.NONE), parent, PercentOfVolume(rate, style=style))
    # a hundred of others trade each second: what is due, less what one look at the tape may bring
    for at_s in range(31, 111, 10):
        others = 100 * (at_s - 11)
        due = rate / (1 - rate) * others
        at_ns = np.array([OPEN_NS + at_s * SECOND_NS])
        done = int(done_before(desk, at_ns)[0])
        assert done <= due
        pending = int(open_before(desk, at_ns)[0])
        assert due - rate / (1 - rate) * 1000 - 1 <= done + pending
    assert int(rate / (1 - rate) * 100 * 100 + 1e-9) == made.fills_of(desk)["size_lots"].sum()


@pytest.mark.parametrize("side", Side)
def test_volume_that_own_orders_absorb_is_not_that_of_others(side: Side) -> None:
    parent = made.parent_of(side, 5000, 10.5, 110.5, max_participation=0.25)
    fills = made.fills_of(made.executed(made.market_of(STEADY), parent, PercentOfVolume(0.25, 30 * SECOND_NS)))
    executed, absorbed = int(fills["size_lots"].sum()), int(fills["size_lots"][fills["passive"] == 1].sum())
    assert 0 < absorbed
    assert executed * 3 <= 100 * 100 - absorbed


def test_participation_looks_at_the_tape_every_interval() -> None:
    parent = made.parent_of(BUY, 5000, 10.5, 60.5)
    market = made.market_of(STEADY, impact=Impact.NONE)
    desk = made.executed(market, parent, PercentOfVolume(0.2, 5 * SECOND_NS, Style.CROSS))
    orders = made.orders_of(desk)[:-1]
    assert list(range(5, 50, 5)) == ((orders["sent_ns"] - parent.start_ns) // SECOND_NS).tolist()
    assert {125} == set(orders["size_lots"].tolist())


# The two extremes


def test_leaving_posts_once_and_is_swept_at_the_end() -> None:
    parent = made.parent_of(SELL, 900, 10.5, 31.5)
    desk = made.executed(made.market_of(STEADY), parent, SubmitAndLeave())
    orders, fills = made.orders_of(desk), made.fills_of(desk)
    assert [900, 300] == orders["size_lots"].tolist()
    # odd seconds from 11 on: five hundred in front are taken by second 19, then 21, 23, ... fill
    assert [1] * 6 + [0] == fills["passive"].tolist()
    assert 21 * SECOND_NS + OPEN_NS == fills["ts_ns"][0]


def test_leaving_waits_for_a_touch_to_join() -> None:
    rows: list[made.Row] = [(0, Kind.ADD, SELL, ASK, 500, 1), (12 * SECOND_NS, Kind.ADD, BUY, BID, 500, 2)]
    market = made.market_of(made.dataset_of(rows, made.info_of(STEADY.info.fidelity, 60)))
    desk = made.executed(market, made.parent_of(BUY, 10, 10.5, 20.5), SubmitAndLeave())
    order = made.orders_of(desk)[0]
    assert (BID, OPEN_NS + round(12.5 * SECOND_NS)) == (order["price_ticks"], order["sent_ns"])


def test_all_at_once_takes_what_is_there_and_what_comes() -> None:
    parent = made.parent_of(BUY, 2900, 10.5, 20.5)
    desk = made.executed(made.market_of(STEADY), parent, AllAtOnce())
    fills = made.fills_of(desk)
    assert [500] * 5 == fills["size_lots"][:5].tolist()
    assert {parent.start_ns} == set(fills["ts_ns"][:5].tolist())
    # the ask is bought up: history's own executions there find less and less, and what joins is taken a second later at most
    assert 2900 == fills["size_lots"].sum()
    assert np.all(np.diff(fills["ts_ns"][4:]) <= 2 * SECOND_NS)


def test_all_at_once_goes_on_when_the_answer_takes_longer_than_a_second() -> None:
    parent = made.parent_of(BUY, 2600, 10.5, 25.5)
    desk = made.executed(made.market_of(STEADY, 800 * MILLISECOND_NS), parent, AllAtOnce())
    assert 2600 == made.fills_of(desk)["size_lots"].sum()
    assert 0 == made.orders_of(desk)["forced"].sum()


# Both sides alike


@pytest.mark.parametrize("style", ["cross", "join", "peg"])
@pytest.mark.parametrize("name", ["twap", "vwap", "pov", "ac", "leave", "once"])
def test_a_sell_in_the_mirrored_market_costs_what_the_buy_does(name: str, style: str) -> None:
    make = algorithm_named(f"{name}:{style}", Choices(rate=0.3))
    bounds = {"limit_price_ticks": made.MID + 2, "max_participation": 0.6}
    buy = made.run_of(made.market_of(LIVELY, MILLISECOND_NS), made.parent_of(BUY, 800, 10.5, 90.5, **bounds), make)
    bounds["limit_price_ticks"] = made.MID - 2
    mirror = made.market_of(made.mirrored(LIVELY), MILLISECOND_NS)
    sell = made.run_of(mirror, made.parent_of(SELL, 800, 10.5, 90.5, **bounds), make)
    same = [name for name in buy.fills.columns if name not in ("side", "price", "bid_before", "ask_before", "fee")]
    assert buy.fills.height > 0
    assert buy.fills.select(same).equals(sell.fills.select(same))
    turned = sell.fills.select(price=(200 - pl.col("price")).round(9), bid_before=(200 - pl.col("ask_before")).round(9))
    assert buy.fills.select("price", "bid_before").equals(turned)
    assert buy.cost.shortfall_money == pytest.approx(sell.cost.shortfall_money, abs=1e-6)


def test_an_algorithm_decides_only_as_often_as_its_style_needs() -> None:
    schedule = twap_curve(made.parent_of(BUY, 10, 1, 2), 2)
    listens = {style: Scheduled(schedule, style) for style in Style}
    assert {Style.CROSS: False, Style.JOIN: False, Style.PEG: True} == {s: a.wake_on_touch for s, a in listens.items()}
    assert all(algorithm.wake_on_touch == algorithm.wake_on_reports for algorithm in listens.values())
