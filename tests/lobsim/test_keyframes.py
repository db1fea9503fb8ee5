"""Keyframes: a run that begins in the middle of a day is the run that replayed everything before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.config import Latency
from lobsim.core.book_hash import state_hash
from lobsim.core.world_hash import world_hash
from lobsim.errors import ConfigError
from lobsim.feeds.lobster import read_lobster
from lobsim.market import Market, MarketRun
from lobsim.types import NEVER, Fidelity, Status
from tests.lobsim.test_market import from_stream
from tests.oracle.streams import random_history, random_l2_history
from tests.support.batches import decide, told

SLOW = Latency(feed_ns=300_000_000, order_ns=3_000_000, response_ns=5_000_000)
SEEN = ("seen_volume", "seen_own_volume", "seen_price_ticks", "seen_phase", "written")


@pytest.fixture(scope="module", params=["orders", "levels", "GOOG day"])
def market(request: pytest.FixtureRequest, limit: Any, small: bool) -> Market:
    """A random tape of orders, one of levels, and a recorded day."""
    if request.param == "GOOG day":
        if small:
            pytest.skip("a whole day, uncompiled, takes minutes")
        lobster = request.getfixturevalue("shared") / "data" / "lobster"
        return Market(read_lobster(lobster / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"))
    if request.param == "orders":
        return Market(from_stream(random_history(4, limit(1_500, 150)), Fidelity.L3_FULL))
    return Market(from_stream(random_l2_history(4, limit(1_500, 150)), Fidelity.L2_TRADES))


def instants(market: Market, count: int) -> list[int]:
    """Times of rows, times between rows, the first and the last."""
    rng = np.random.default_rng(7)
    times = market.tape["ts_ns"]
    rows = rng.integers(len(times), size=count)
    return [int(times[0]), int(times[-1]), *(int(times[k]) + int(rng.integers(2)) * 777 for k in rows)]


def look(run: MarketRun) -> dict[str, Any]:
    """What a participant knows who looks now."""
    run.world.head["wake_ns"] = run.now_ns
    assert Status.WAKE == run.advance(run.now_ns)
    head = run.world.head[0]
    return {name: int(head[name]) for name in SEEN} | {
        "book": int(state_hash(run.world.seen)),
        "unread": int(head["written"] - head["read"]),
    }


@pytest.mark.parametrize("participant", [False, True])
def test_a_start_in_the_middle_has_the_state_of_a_replay_from_the_open(market: Market, participant: bool) -> None:
    frames = market.keyframes(count=9)
    assert frames.nbytes > 0
    for ts_ns in instants(market, 6):
        whole = market.start(participant=participant, latency=SLOW)
        whole.advance(ts_ns)
        part = market.start_at(ts_ns, participant=participant, latency=SLOW)
        assert world_hash(whole.world) == world_hash(part.world)
        assert ts_ns == part.now_ns
        if participant:
            assert look(whole) == look(part)
        for run in (whole, part):
            run.advance(NEVER)
        assert world_hash(whole.world) == world_hash(part.world)


def test_own_orders_meet_the_same_fate_after_a_start_in_the_middle(market: Market) -> None:
    market.keyframes(count=5)
    times = market.tape["ts_ns"]
    ends = []
    for begin in (lambda ts_ns: market.start(participant=True, latency=SLOW), None):
        ts_ns = int(times[len(times) // 2])
        run = market.start_at(ts_ns, participant=True, latency=SLOW) if begin is None else begin(ts_ns)
        run.advance(ts_ns)
        run.world.head["wake_ns"] = ts_ns
        while run.advance(NEVER) == Status.WAKE:
            run.world = decide(run.world, 1)
        ends.append(told(run.world) | {"hash": world_hash(run.world)})
    assert ends[0] == ends[1]
    assert ends[0]["own"]


def test_a_start_goes_on_from_a_keyframe_and_not_from_the_open(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = market.keyframes(count=4)
    cursors = []
    advance = MarketRun.advance

    def watched(run: MarketRun, *arguments: Any) -> Status:
        cursors.append(int(run.world.head[0]["cursor"]))
        return advance(run, *arguments)

    monkeypatch.setattr(MarketRun, "advance", watched)
    for time_ns in frames.times_ns[1:]:
        market.start_at(time_ns, participant=False, latency=Latency())
        market.start_at(time_ns + SLOW.feed_ns, participant=True, latency=SLOW)
    assert all(cursors)
    market.start_at(frames.times_ns[0] - 1, participant=False)
    assert 0 == cursors[-1]


def test_keyframes_are_at_the_times_asked_for(market: Market) -> None:
    times = market.tape["ts_ns"]
    every_ns = int(times[-1] - times[0]) // 3
    assert [int(times[0]) + k * every_ns for k in range(4)] == market.keyframes(every_ns=every_ns).times_ns[:4]
    places = np.searchsorted(times, market.keyframes(count=3).times_ns)
    assert np.all(np.diff(places) > len(times) // 4)


@pytest.mark.parametrize("asked", [{}, {"every_ns": 1, "count": 1}, {"every_ns": 0}, {"count": -1}])
def test_keyframes_are_asked_for_in_one_way(market: Market, asked: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="by every_ns or by count, one of them and above 0"):
        market.keyframes(**asked)
