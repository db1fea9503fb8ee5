"""Delay models and legs as a person writes them: quantiles, files, what is refused; and markets whose legs vary."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

import tests.lobsim.test_batch as batches
from lobsim.batch import Worlds
from lobsim.config import MarketConfig
from lobsim.core.state import World
from lobsim.core.world_hash import world_hash
from lobsim.delays import MODELS
from lobsim.errors import ConfigError, DataError
from lobsim.feeds.repair import repair
from lobsim.journal import load_run, save_run
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
    model_from_dict,
)
from lobsim.market import Market
from lobsim.snapshot import Snapshot, fork
from lobsim.types import NEVER, Fidelity, Kind, Status
from tests.lobsim.test_journal import run_on
from tests.lobsim.test_keyframes import look
from tests.lobsim.test_market import dataset, event, from_stream
from tests.oracle.streams import random_history
from tests.support.batches import SMALL, decide, run_alone, tapes, told
from tests.support.worlds import SELL, Venue

MS = 10**6
DAY_NS = 86_400 * 10**9
VARIED = Latency(
    feed_book=ShiftedLognormal(MS, 20 * MS, 1.0, load_slope=0.3),
    feed_trades=Uniform(0, 60 * MS),
    submit=Gamma(MS, 2.0, 20 * MS, rho=0.6),
    cancel=Uniform(0, 90 * MS),
    acknowledge=ParetoTail(Uniform(0, 9 * MS), 0.9, 1.5),
    fill=5 * MS,
    compute=Uniform(0, 3 * MS),
    messages_per_window=4,
    reject_above_load=1.0,
    reject_share=0.3,
    load_window_ns=200 * MS,
)
EXAMPLES: list[Delay] = [
    Constant(5, load_slope=0.1),
    Uniform(10, 20, rho=-0.2),
    ShiftedLognormal(1000, 5000, 0.5, rho=0.3),
    Gamma(10, 2.0, 100, load_slope=0.2),
    ParetoTail(ShiftedLognormal(1000, 5000, 0.5), 0.99, 1.5),
    Empirical((3, 1, 2)),
    Table([[1, 3, 5], [10, 0, 0], [20, 24, 30]]),  # type: ignore[arg-type]
]


# --- models


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Uniform(100, 1100), stats.uniform(100, 1000)),
        (ShiftedLognormal(1000, 50_000, 0.7), stats.lognorm(0.7, 1000, 50_000)),
        (Gamma(500, 1.3, 20_000), stats.gamma(1.3, 500, 20_000)),
    ],
)
def test_quantiles_are_those_of_the_distribution(model: Delay, expected: Any) -> None:
    for share in (0.001, 0.1, 0.5, 0.9, 0.999, 0.999999):
        assert expected.ppf(share) == pytest.approx(model.quantile(share), abs=1)


def test_a_tail_begins_where_its_body_is_and_falls_as_a_power() -> None:
    body = Gamma(500, 1.3, 20_000)
    model = ParetoTail(body, 0.95, 2.0)
    assert [body.quantile(share) for share in (0.1, 0.5, 0.94)] == [model.quantile(share) for share in (0.1, 0.5, 0.94)]
    start = body.quantile(0.95)
    assert start == pytest.approx(model.quantile(0.95), abs=1)
    assert 10 * start == pytest.approx(model.quantile(1 - 0.05 / 100), rel=1e-6)
    assert ParetoTail(body, 0.5, 0.001).quantile(0.999) == DAY_NS


def test_measured_delays_are_interpolated_by_their_order() -> None:
    model = Empirical((30, 10, 20, 50))
    assert (10, 15, 30, 48) == tuple(model.quantile(share) for share in (0.0, 1 / 6, 2 / 3, 0.9666666))


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.name)
def test_a_model_goes_into_json_and_comes_back(model: Delay) -> None:
    assert model == model_from_dict(json.loads(json.dumps(model.as_dict())))
    assert set(MODELS) == {example.name for example in EXAMPLES}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(-1), "latency: constant: delay_ns is -1, whole nanoseconds from 0 to one day are needed"),
        (lambda: Constant(2.5), "delay_ns is 2.5, whole nanoseconds"),  # type: ignore[arg-type]
        (lambda: Uniform(5, 3), "high_ns is 3, whole nanoseconds from 5"),
        (lambda: ShiftedLognormal(-1, 5, 0.1), "shift_ns is -1"),
        (lambda: ShiftedLognormal(0, 5, float("nan")), "sigma is nan, a number between 0 and 10"),
        (lambda: Gamma(0, 0.0, 5), "shape is 0.0, a number between 0"),
        (lambda: Uniform(0, 5, rho=1.0), "rho is 1.0, a number between -1 and 1"),
        (lambda: Uniform(0, 5, load_slope=4.0), "load_slope is 4.0, a number between -3 and 3"),
        (lambda: ParetoTail(Uniform(0, 5, rho=0.1), 0.9, 1.0), "the body has a rho or load_slope of its own"),
        (lambda: ParetoTail(EXAMPLES[-1], 0.9, 1.0), "a model that is neither a table nor a tail is needed"),
        (lambda: ParetoTail(Uniform(0, 5), 1.0, 1.0), "from_quantile is 1.0"),
        (lambda: Empirical(()), "delays_ns is empty"),
        (lambda: Empirical((4, -2)), "delays_ns is -2"),
        (lambda: Empirical((1.5,)), "delays_ns must be whole nanoseconds"),  # type: ignore[arg-type]
        (lambda: Table([[5, 3, 6]]), "row 1 reached the exchange before it was sent"),  # type: ignore[arg-type]
        (lambda: Table([[5, 8, 6]]), "row 1 was answered before it reached"),  # type: ignore[arg-type]
        (lambda: Table([[5, 6, 7], [4, 6, 7]]), "row 2 was requested before the row above"),  # type: ignore[arg-type]
        (lambda: Table([[5, 0, 7]]), "one of them not rejected"),  # type: ignore[arg-type]
        (lambda: Table([[5, 6]]), "rows must hold request_ns"),  # type: ignore[arg-type]
        (lambda: Table([[1, 2, 3]], rho=0.1), "a table takes neither rho nor load_slope"),  # type: ignore[arg-type]
        (lambda: model_from_dict({"model": "guess"}), "there is no delay model 'guess'; known are constant, uniform"),
        (lambda: model_from_dict({"model": "uniform", "low_ns": 1}), "uniform: high_ns is missing"),
        (lambda: model_from_dict({"model": "constant", "delay_ns": 1, "x": 2}), "the model has no x; leave it out"),
        (lambda: Latency(feed_book=EXAMPLES[-1]), "feed_book cannot follow a table of requests"),
        (lambda: Latency(submit=-5), "submit is -5, whole nanoseconds from 0 to one day"),
        (lambda: Latency(submit=True), "submit is True, whole nanoseconds"),
        (lambda: Latency(recorded_feed=True, feed_ns=3), "a recorded feed takes no feed delay besides"),
        (lambda: Latency(load_window_ns=5), "load_window_ns is 5, a whole number from 1000"),
        (lambda: Latency(messages_per_window=-1), "messages_per_window is -1"),
        (lambda: Latency(reject_share=1.5), "reject_share is 1.5, a share from 0 to 1"),
        (lambda: Latency(reject_above_load=float("nan")), "reject_above_load is nan"),
        (lambda: Latency.from_dict({"latency": 5}), "there is no setting 'latency'; known are feed_book"),
        (lambda: Latency.from_dict({"order_ns": Constant(5).as_dict()}), "order_ns takes no model; give it to"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)


# --- legs


def test_a_leg_goes_before_its_group() -> None:
    latency = Latency(feed_ns=1, order_ns=2, response_ns=3, cancel=7, fill=Uniform(1, 9), compute=4)
    expected = [1, 1, 2, 7, 2, 3, 5, 4]
    assert expected == [latency.leg(name).quantile(0.5) for name in LEGS]
    assert not latency.is_simple
    assert 6 == latency.typical_order_ns
    assert Latency(feed_ns=1, order_ns=2, response_ns=3, submit=2).is_simple
    assert "feed 1 ns, order 2 ns, response 3 ns, cancel 7 ns, fill uniform around 5 ns, compute 4 ns" == str(latency)


def test_a_latency_is_kept_in_a_file(tmp_path: Path) -> None:
    for latency in (Latency(), Latency.round_trip(5), VARIED, Latency(submit=EXAMPLES[-1], recorded_feed=True)):
        latency.write(tmp_path / "legs.json")
        assert latency == Latency.read(tmp_path / "legs.json")
    assert [tmp_path / "legs.json"] == list(tmp_path.iterdir())


def test_a_file_that_is_no_latency_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: it cannot be read"):
        Latency.read(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match=r"bad\.json: this is no JSON; write one with Latency\.write"):
        Latency.read(tmp_path / "bad.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(ConfigError, match="latency: names with their values are needed"):
        Latency.read(tmp_path / "list.json")
    with pytest.raises(DataError, match="it cannot be saved"):
        Latency().write(tmp_path / "no" / "legs.json")


# --- worlds with legs that vary


def test_constants_give_the_same_bytes_on_either_path(limit: Any) -> None:
    same = {"feed_ns": 40 * MS, "order_ns": 3 * MS, "response_ns": 5 * MS}
    for tape in tapes(2, limit(400, 60)):
        worlds = []
        for latency in (Latency(**same), Latency(messages_per_window=10**4, **same)):
            world = Venue(tape, listens=True, size=SMALL, latency=latency).world
            world.head["wake_ns"] = tape["ts_ns"][len(tape) // 10]
            worlds.append(run_alone(world, 1))
        assert told(worlds[0]) == told(worlds[1])
        assert world_hash(worlds[0]) == world_hash(worlds[1])
        assert worlds[0].head[0]["own"] > 5


def varied_world(tape: np.ndarray, seed: int = 0) -> World:
    """A world whose legs vary, before its first row, with a participant that is woken a tenth of the tape later."""
    world = Venue(tape, listens=True, size=SMALL, latency=VARIED, seed=seed).world
    world.head["wake_ns"] = tape["ts_ns"][len(tape) // 10]
    return world


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_worlds_with_legs_that_vary_are_the_same_for_any_number_of_threads(
    threads: int, limit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_ALONE_EVENTS", "_CHUNK_EVENTS"):
        monkeypatch.setattr(f"lobsim.batch.{name}", 37)
    recorded = tapes(limit(6, 3), limit(300, 60))
    batch = Worlds(varied_world(tape) for tape in recorded)
    batches.run_together(batch, threads)
    for index, tape in enumerate(recorded):
        alone = run_alone(varied_world(tape), index)
        assert told(alone) == told(batch[index])
        assert Snapshot(alone).memory.tobytes() == Snapshot(batch[index]).memory.tobytes()


def test_another_seed_draws_other_delays_and_the_same_seed_the_same(limit: Any) -> None:
    tape = tapes(1, limit(300, 60))[0]
    one, again, other = (run_alone(varied_world(tape, seed), 1) for seed in (0, 0, 1))
    assert told(one) == told(again)
    assert told(one) != told(other)


def test_a_snapshot_and_a_fork_go_on_with_the_same_draws(limit: Any) -> None:
    tape = tapes(1, limit(300, 80))[0]
    middle = run_alone(varied_world(tape), 1, int(tape["ts_ns"][len(tape) // 2]))
    middle.head["wake_ns"] = middle.head["now_ns"]
    copies = [Snapshot(middle).restore(varied_world(tape)), *fork(middle, 2)]
    expected = told(run_alone(middle, 1))
    for copy in copies:
        assert expected == told(run_alone(copy, 1))


@pytest.fixture(scope="module")
def market(limit: Any) -> Market:
    """A random day with legs that vary."""
    config = MarketConfig(latency=VARIED, median_life_ns=10**9, seed=5)
    return Market(from_stream(random_history(3, limit(900, 150)), Fidelity.L3_FULL), config)


def test_a_saved_run_goes_on_with_the_same_draws_whatever_the_market_has(market: Market, tmp_path: Path) -> None:
    run = market.start(participant=True)
    times = market.tape["ts_ns"]
    run.world.head["wake_ns"] = times[len(times) // 10]
    run_on(run, int(times[len(times) // 2]))
    save_run(run, market, tmp_path / "noon.run")
    other = Market(market.dataset, replace(market.config, latency=Latency()))
    again = load_run(tmp_path / "noon.run", other)
    assert VARIED == again.latency
    for one in (run, again):
        one.world.head["wake_ns"] = one.now_ns
    assert told(run_on(run).world) == told(run_on(again).world)


@pytest.mark.parametrize("bursts", [0.0, 0.5])
def test_a_start_at_a_keyframe_hears_what_a_replay_from_the_open_hears(market: Market, bursts: float) -> None:
    legs = Latency(feed_book=Uniform(0, 90 * MS, rho=bursts), feed_trades=30 * MS, order_ns=MS, messages_per_window=3)
    times = market.tape["ts_ns"]
    market.keyframes(count=9)
    for ts_ns in (int(times[0]), int(times[len(times) // 2]) + 777, int(times[-1])):
        whole = market.start(participant=True, latency=legs)
        whole.advance(ts_ns)
        part = market.start_at(ts_ns, participant=True, latency=legs)
        assert world_hash(whole.world) == world_hash(part.world)
        assert look(whole) == look(part)
        for run in (whole, part):
            run.world = decide(run.world, 3)
            run_on(run)
        assert told(whole.world) == told(part.world)


# --- the feed as recorded


def delayed(local: Callable[[int, int], int], clock: bool = True) -> Market:
    """Offers one after the other and a print after each; local(row, exchange time) is when each was received."""
    events = []
    for k in range(40):
        ts_ns = 1000 * (k // 2) + 100
        kind = Kind.ADD if k % 2 == 0 else Kind.EXECUTE_HIDDEN
        more = {"ts_local": local(k, ts_ns) if clock else ts_ns}
        events.append(event(ts_ns, kind, SELL, k + 1 if k % 2 == 0 else 0, 10_000 * (200 - k), 1, **more))
    return Market(dataset(events), MarketConfig(latency=Latency(recorded_feed=True)))


def test_a_recorded_local_clock_gives_each_channel_its_delay() -> None:
    market = delayed(lambda k, ts_ns: ts_ns + (700 + 90 * k if k % 2 == 0 else 50 + k))
    run = market.start(participant=True)
    events = market.dataset.events
    for at_ns in range(0, 30_000, 333):
        run.world.head["wake_ns"] = at_ns
        assert Status.WAKE == run.advance(at_ns)
        heard = events.filter(pl.col("ts_local") <= at_ns)
        assert (heard["kind"] == Kind.EXECUTE_HIDDEN).sum() == run.world.head[0]["seen_volume"]
        assert (heard["kind"] == Kind.ADD).sum() == run.world.seen.sides[SELL]["levels"]


def test_a_local_clock_that_runs_ahead_is_refused_until_it_is_mended() -> None:
    market = delayed(lambda k, ts_ns: ts_ns + (40 if k != 6 else -25))
    sentence = r"tiny\.csv row 7: it was received 25 ns before it happened, .* lobsim doctor .* the repair clock-offset"
    with pytest.raises(DataError, match=sentence):
        market.start(participant=True)
    mended, _ = repair(market.dataset, ["clock-offset"])
    run = Market(mended, market.config).start(participant=True)
    assert Status.DONE == run.advance(NEVER)


def test_a_data_set_without_a_local_clock_gives_no_feed_delay() -> None:
    with pytest.raises(ConfigError, match="the data set has no local clock that could give the feed delay"):
        delayed(lambda k, ts_ns: ts_ns, clock=False).start(participant=True)
