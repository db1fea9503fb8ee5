"""What a participant knows, held against one who keeps two books: one applied at exchange time, one when each packet is due."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.core.depth import copy_levels
from lobsim.core.world import WorldSize
from lobsim.latency import LEGS, Constant, Delay, Empirical, Gamma, Latency, ParetoTail, ShiftedLognormal, Uniform
from lobsim.latency_tables import load_scale
from lobsim.types import NEVER, Kind, Status, TimeInForce
from tests.oracle.latency import Leg, Listener
from tests.oracle.streams import random_history, random_l2_history, random_own
from tests.support.batches import TINY
from tests.support.worlds import BUY, SELL, Venue, row

MS = 10**6
ORDERS = {"submit": Uniform(0, 9 * MS), "cancel": 2 * MS, "acknowledge": Gamma(MS, 2.0, MS), "fill": 3 * MS}
FEEDS: dict[str, tuple[Delay, Delay]] = {
    "two constants": (Constant(3 * MS), Constant(70 * MS)),
    "book slower": (Uniform(0, 300 * MS), Constant(0)),
    "both drawn": (ShiftedLognormal(MS, 20 * MS, 1.0), Gamma(0, 0.7, 60 * MS)),
    "tail and bursts": (
        ParetoTail(Uniform(0, 9 * MS), 0.8, 1.1, rho=0.7),
        Empirical((0, 5 * MS, 400 * MS), rho=-0.3),
    ),
    "load": (Uniform(MS, 40 * MS, load_slope=0.8), Constant(30 * MS, load_slope=-0.5)),
}


def legs_of(latency: Latency, venue: Venue, seed: int) -> tuple[Leg, Leg]:
    """The slow twins of both feed legs."""
    times = venue.world.tape["ts_ns"].astype(np.int64)
    load = (latency.load_window_ns, *load_scale(times, latency.load_window_ns))
    book, trades = (Leg(k, latency.leg(LEGS[k]), seed, times.tolist(), load) for k in range(2))
    return book, trades


class Pair:
    """A world whose participant hears late, and its twin that is heard at once: the twin's ring tells two books."""

    def __init__(self, rows: Any, feed: tuple[Delay, Delay], seed: int, **settings: Any) -> None:
        late = Latency(feed_book=feed[0], feed_trades=feed[1], load_window_ns=300 * MS, **ORDERS)  # type: ignore[arg-type]
        size = settings.pop("size", WorldSize())
        self.late = Venue(rows, listens=True, latency=late, seed=seed, size=size, **settings)
        self.twin = Venue(rows, listens=True, latency=Latency(**ORDERS), seed=seed, **settings)  # type: ignore[arg-type]
        self.now = Listener(tuple(Leg(k, Constant(0)) for k in range(2)))  # type: ignore[arg-type]
        self.then = Listener(legs_of(late, self.late, seed))
        self._told = 0

    def run_to(self, at_ns: int) -> None:
        """Both worlds move on; what the twin publishes is told to both listeners."""
        self.late.run_to(at_ns)
        going = True
        while going:
            going = self.twin.step(at_ns)
            self._tell()

    def send(self, ask: Any) -> None:
        """Both participants send the same order at its time."""
        self.run_to(int(ask["ts_ns"]))
        limit = {"expire_ns": int(ask["expire_ns"])} if ask["tif"] == TimeInForce.GTD else {}
        for venue in (self.late, self.twin):
            price, size, tif = (int(ask[name]) for name in ("price_ticks", "size_lots", "tif"))
            venue.send(int(ask["side"]), price, size, type=int(ask["type"]), tif=tif, flags=int(ask["flags"]), **limit)

    def look(self, at_ns: int) -> None:
        """The participant decides at a time, and knows what the listener knows."""
        self.run_to(at_ns)
        self.late.head["wake_ns"] = at_ns
        assert Status.WAKE == self.late.run_to(at_ns)
        self.compare()

    def compare(self) -> None:
        """Books, volumes, phase and own orders are the same on both sides."""
        late, now_ns = self.late, int(self.late.head["now_ns"])
        for listener in (self.now, self.then):
            listener.look(now_ns)
        for side in (BUY, SELL):
            assert self.now.levels(side) == late.levels(side) == self.twin.levels(side)
            assert self.then.levels(side) == _seen(late, side)
        head = late.head
        known = (head["seen_volume"], head["seen_own_volume"], head["seen_phase"])
        assert (self.then.volume, self.then.own_volume, self.then.phase) == known
        count = int(head["own"])
        for name in ("state", "known_filled_lots", "acked_ns", "arrived_ns", "cancel_sent"):
            assert late.world.own[name][:count].tolist() == self.twin.world.own[name][:count].tolist()

    def _tell(self) -> None:
        head, ring = self.twin.head, self.twin.world.ring
        for k in range(self._told, int(head["written"])):
            entry = ring[k & (len(ring) - 1)]
            facts = [int(entry[name]) for name in ("ts_ns", "kind", "side", "price_ticks", "size", "own")]
            for listener in (self.now, self.then):
                listener.publish(*facts)
        self._told = int(head["written"])


def _seen(venue: Venue, side: int) -> list[tuple[int, int]]:
    out = np.zeros((1000, 3), np.int64)
    return [(int(price), int(size)) for price, size, _ in out[: copy_levels(venue.world.seen, side, out)]]


@pytest.mark.parametrize("kind", ["orders", "levels"])
@pytest.mark.parametrize("feed", FEEDS)
def test_a_participant_knows_what_the_book_of_due_times_holds(kind: str, feed: str, limit: Any) -> None:
    seed = sorted(FEEDS).index(feed)
    make = random_l2_history if kind == "levels" else random_history
    history = make(seed, limit(500, 60))
    pair = Pair(
        history, FEEDS[feed], seed, by_levels=kind == "levels", size=TINY if feed == "both drawn" else WorldSize()
    )
    own = [ask for ask in random_own(seed, limit(150, 25), history, level_rows=kind == "levels") if ask["verb"] == 0]
    rng = np.random.default_rng(seed)
    for ask in own:
        pair.send(ask)
        pair.look(int(ask["ts_ns"]) + int(rng.integers(0, 2)))
        if rng.random() < 0.2:
            for venue in (pair.late, pair.twin):
                venue.cancel(int(venue.head["own"]) - 1)
    pair.look(int(pair.late.world.tape["ts_ns"][-1]) + 20_000 * MS)
    assert pair.then.book
    assert pair.then.volume > 0
    assert pair.late.hash() == pair.twin.hash()


@pytest.mark.parametrize("feed", ["two constants", "both drawn", "tail and bursts"])
def test_whoever_watches_the_touch_is_woken_when_the_change_is_heard(feed: str, limit: Any) -> None:
    history = random_history(5, limit(300, 80))
    pair = Pair(history, FEEDS[feed], 5)
    pair.late.head["wake_on_touch"] = 1
    changes, touch = [], None
    going = True
    while going:
        going = pair.twin.step(NEVER)
        pair._tell()
        best = [pair.twin.levels(side, 1)[:1] for side in (BUY, SELL)]
        prices = [level[0][0] if level else None for level in best]
        if prices != touch:
            changes.append(pair.then.last[0][1])
        touch = prices
    woken = []
    while pair.late.run_to(NEVER) == Status.WAKE:
        woken.append(int(pair.late.head["now_ns"]))
    assert len(set(changes)) > limit(9, 3)
    assert set(changes) <= set(woken)
    assert len(woken) == len(set(woken))


def test_trades_and_book_do_not_wait_for_each_other() -> None:
    rows = [row(1, Kind.ADD, SELL, 1, 100, 10), row(50, Kind.EXECUTE, SELL, 1, 100, 4)]
    venue = Venue(rows, listens=True, latency=Latency(feed_book=30, feed_trades=5))
    heard = []
    for at_ns in (30, 31, 54, 55, 79, 80):
        venue.head["wake_ns"] = at_ns
        assert Status.WAKE == venue.run_to(at_ns)
        heard.append((_seen(venue, SELL), int(venue.head["seen_volume"])))
    ten, six = [(100, 10)], [(100, 6)]
    assert [([], 0), (ten, 0), (ten, 0), (ten, 4), (ten, 4), (six, 4)] == heard


def test_a_packet_never_overtakes_the_one_before_it_and_is_heard_whole(limit: Any) -> None:
    count = limit(300, 80)
    rows = [row(10 * (k // 3), Kind.ADD, SELL, k + 1, 1000 - k, 1) for k in range(count)]
    venue = Venue(rows, listens=True, latency=Latency(feed_book=Uniform(0, 400)), seed=2)
    levels = []
    for at_ns in range(10 * count // 3 + 500):
        venue.head["wake_ns"] = at_ns
        assert Status.WAKE == venue.run_to(at_ns)
        levels.append(len(_seen(venue, SELL)))
    assert {0} == {number % 3 for number in levels if number < count}
    assert sorted(levels) == levels
    assert count == levels[-1]
