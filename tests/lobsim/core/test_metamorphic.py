"""Changes of a stream whose effect is known without knowing the answers: the project's metamorphic relations 43 to 51, one test each by name.

The streams hold every order type and rule of docs/rules.md 1b, but for what a relation does not speak of, which its docstring names.
tests/lobsim/core/test_matching_differential.py holds 43, 44, 47 and 50 for the public book too, with every field of every report.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobsim import Book
from lobsim.core.layout import Book as Arrays
from lobsim.core.world import copy_world
from lobsim.types import (
    MAX_PRICE_TICKS,
    MESSAGE,
    Allocation,
    MessageFlag,
    OrderType,
    Phase,
    ReportKind,
    TimeInForce,
    Verb,
)
from tests.conftest import SMALL
from tests.oracle.streams import random_history, random_messages
from tests.oracle.typed_streams import Stream, typed_messages
from tests.support.engines import FIELDS, CoreEngine
from tests.support.worlds import Venue, tape_of

COUNT = 250 if SMALL else 1_000
STREAMS = {
    profile: typed_messages(41 + seed, COUNT, profile)
    for seed, profile in enumerate(("everything", "icebergs", "self_trade", "allocation"))
}
"""Streams over all types; "allocation" shares levels out."""

EACH = pytest.mark.parametrize("profile", STREAMS)
PLAIN = random_messages(41, COUNT, invalid=0)


def answers(stream: Stream) -> np.ndarray:
    """What a fresh book says."""
    return CoreEngine(stream.rules, stream.terms).reports(stream.messages)


def kept(stream: Stream, which: np.ndarray) -> Stream:
    """The stream of these messages only, its own to change."""
    return Stream(stream.messages[which], stream.terms.copy(), dict(stream.rules))


def is_market(messages: np.ndarray) -> np.ndarray:
    """Which are NEW market orders."""
    return (messages["verb"] == Verb.NEW) & (messages["type"] == OrderType.MARKET)


def trades(reports: np.ndarray) -> np.ndarray:
    """Every trade, in order."""
    return reports[reports["kind"] == ReportKind.TRADE]


@EACH
def test_43_mirrored_sides_and_prices_give_the_mirrored_result(profile: str) -> None:
    """Without phases: a call auction prefers the higher of two prices."""
    messages = STREAMS[profile].messages
    sided = (messages["side"] == 0) | (messages["side"] == 1)
    stream = kept(STREAMS[profile], sided & (messages["verb"] != Verb.PHASE))
    expected = answers(stream)
    assert len(trades(expected)) > 10
    stream.messages["side"] = 1 - stream.messages["side"]
    for table, name in ((stream.messages, "price_ticks"), (stream.terms, "stop_ticks"), (expected, "price_ticks")):
        table[name] *= -1
    known = expected["side"] >= 0
    expected["side"][known] = 1 - expected["side"][known]
    assert np.array_equal(expected, answers(stream))


@EACH
@pytest.mark.parametrize("ticks", [1, -10_000, 3_000_017, -(2**45)])
def test_44_a_constant_added_to_all_prices_gives_the_same_fills(profile: str, ticks: int) -> None:
    """Trades at prices moved by the constant; every other answer is the same but for its price."""
    stream = kept(STREAMS[profile], np.abs(STREAMS[profile].messages["price_ticks"]) < 10**6)
    expected = answers(stream)
    stream.messages["price_ticks"] += ticks
    stream.terms["stop_ticks"][np.abs(stream.terms["stop_ticks"]) < 10**6] += ticks
    got = answers(stream)
    expected["price_ticks"] += ticks
    for reports in (expected, got):
        reports["price_ticks"][reports["kind"] != ReportKind.TRADE] = 0
    assert np.array_equal(expected, got)


@pytest.mark.parametrize("profile", [name for name in STREAMS if name != "allocation"])
@pytest.mark.parametrize("factor", [2, 7, 1_000])
def test_45_all_quantities_times_k_give_fills_times_k(profile: str, factor: int) -> None:
    """FIFO only: shares of a level are rounded to lots."""
    stream = kept(STREAMS[profile], np.abs(STREAMS[profile].messages["size_lots"]) < 10**6)
    assert Allocation.FIFO == stream.rules.get("allocation", 0)
    expected = answers(stream)
    stream.messages["size_lots"][stream.messages["verb"] != Verb.PHASE] *= factor
    for name in ("display_lots", "min_lots"):
        stream.terms[name] *= factor
    of_phase = stream.messages["verb"][expected["sequence"]] == Verb.PHASE
    told_phase = np.isin(expected["kind"], (ReportKind.PHASE_CHANGED, ReportKind.REJECTED)) & of_phase
    expected["size_lots"][~told_phase] *= factor
    expected["remaining_lots"] *= factor
    assert np.array_equal(expected, answers(stream))


def inserted(messages: np.ndarray, places: list[int], asked: dict[str, int]) -> np.ndarray:
    """A stream with an order put in and cancelled again before each of these places."""
    extra = np.zeros(2 * len(places), MESSAGE)
    for i, place in enumerate(places):
        order, gone = extra[2 * i], extra[2 * i + 1]
        order["ts_ns"] = gone["ts_ns"] = messages["ts_ns"][max(place - 1, 0)]
        for name, value in asked.items():
            order[name] = value
        order["order_id"] = gone["order_id"] = 10**9 + i
        gone["verb"], gone["side"] = Verb.CANCEL, -1
    return np.insert(messages, np.repeat(places, 2), extra)


@EACH
@settings(max_examples=5 if SMALL else 40)
@given(data=st.data())
def test_46_an_order_that_does_not_trade_put_in_and_cancelled_anywhere_changes_no_trade(
    profile: str, data: st.DataObject
) -> None:
    """Hidden, so that no pegged order follows it, and far from the market."""
    stream = kept(STREAMS[profile], np.arange(120))
    places = sorted(data.draw(st.lists(st.integers(0, 120), min_size=1, max_size=8)))
    side = data.draw(st.integers(0, 1))
    price = 1000 + (100 if side else -100) + data.draw(st.integers(-30, 30))
    asked = {"side": side, "price_ticks": price, "size_lots": 7, "flags": MessageFlag.HIDDEN}
    longer = stream._replace(messages=inserted(stream.messages, places, asked))
    plain, crowded = CoreEngine(stream.rules, stream.terms), CoreEngine(stream.rules, stream.terms)
    names = FIELDS[1:]
    expected, got = plain.reports(stream.messages), crowded.reports(longer.messages)
    assert trades(expected)[names].tolist() == trades(got)[names].tolist()
    assert plain.state_hash() == crowded.state_hash()


@settings(max_examples=8 if SMALL else 60)
@given(data=st.data())
def test_46_one_that_may_only_rest_put_in_near_the_market_and_cancelled_changes_no_trade(data: st.DataObject) -> None:
    """The same in a plain book at any price: where it would trade it is refused."""
    part = PLAIN[:200]
    places = sorted(data.draw(st.lists(st.integers(0, len(part)), min_size=1, max_size=8)))
    price = int(part["price_ticks"].max()) + data.draw(st.integers(-40, 10))
    asked = {"side": data.draw(st.integers(0, 1)), "price_ticks": price, "size_lots": 9}
    plain, crowded = Book("1"), Book("1")
    names = ["order_id", "other_id", "side", "price_ticks", "size_lots"]
    longer = inserted(part, places, asked | {"flags": MessageFlag.POST_ONLY})
    assert trades(plain.run(part))[names].tolist() == trades(crowded.run(longer))[names].tolist()
    assert plain.state_hash() == crowded.state_hash()


@EACH
def test_47_other_ids_give_the_same_trades_relabelled(profile: str) -> None:
    """Every field of every report; 0 stays 0, since it stands for nobody."""
    stream = kept(STREAMS[profile], np.arange(COUNT))
    expected = answers(stream)
    for table, names in ((stream.messages, ("order_id", "new_id")), (expected, ("order_id", "other_id"))):
        for name in names:
            table[name] = (table[name].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64)
    assert np.array_equal(expected, answers(stream))


@EACH
def test_48_a_market_order_is_an_immediate_one_at_an_unreachable_limit(profile: str) -> None:
    """The same answers, but for the price of a limit, and the same book; GTD market orders are none."""
    stream = kept(STREAMS[profile], np.arange(COUNT))
    messages = stream.messages
    market = is_market(messages) & (messages["tif"] != TimeInForce.GTD)
    assert market.sum() >= 5
    limited = messages.copy()
    limited["type"][market] = OrderType.LIMIT
    limited["tif"][market & (messages["tif"] == TimeInForce.GTC)] = TimeInForce.IOC
    limited["price_ticks"][market] = np.where(messages["side"][market] == 0, MAX_PRICE_TICKS, -MAX_PRICE_TICKS)
    first, second = CoreEngine(stream.rules, stream.terms), CoreEngine(stream.rules, stream.terms)
    expected, got = first.reports(messages), second.reports(limited)
    for reports in (expected, got):
        reports["price_ticks"][market[reports["sequence"]] & (reports["kind"] != ReportKind.TRADE)] = 0
    assert np.array_equal(expected, got)
    assert first.state_hash() == second.state_hash()


@EACH
@pytest.mark.parametrize("cut", [1, COUNT // 3, COUNT - 1])
def test_49_a_book_written_to_files_read_back_and_continued_is_one_run(profile: str, cut: int, tmp_path: Path) -> None:
    """A book with stops, pegged orders and phases under way."""
    stream = STREAMS[profile]
    whole, first, second = (CoreEngine(stream.rules, stream.terms) for _ in range(3))
    expected = whole.play(stream.messages)
    told = first.play(stream.messages[:cut])
    for name, array in first.book._asdict().items():
        np.save(tmp_path / f"{name}.npy", array)
    second.book = Arrays(*(np.load(tmp_path / f"{name}.npy") for name in Arrays._fields))
    second.played = cut
    assert expected == told + second.play(stream.messages[cut:])
    assert whole.state_hash() == second.state_hash()


def test_49_a_replay_copied_in_the_middle_and_continued_is_one_run() -> None:
    """For a replayed day; what the copy does is nothing to the run it came from."""
    tape = tape_of(random_history(4, 400))
    whole, cut = Venue(tape), Venue(tape)
    last_ns = int(tape["ts_ns"][-1])
    whole.run_to(last_ns)
    cut.run_to(int(tape["ts_ns"][200]))
    middle = cut.hash()
    continued = Venue(tape)
    continued.world = copy_world(cut.world)
    continued.run_to(last_ns)
    assert whole.hash() == continued.hash()
    assert middle == cut.hash()


@EACH
def test_50_a_batch_of_n_is_n_calls_of_one(profile: str) -> None:
    """Every report and the state."""
    stream = STREAMS[profile]
    batch, single = CoreEngine(stream.rules, stream.terms), CoreEngine(stream.rules, stream.terms)
    expected = batch.play(stream.messages)
    assert expected == [line for i in range(COUNT) for line in single.play(stream.messages[i : i + 1])]
    assert batch.state_hash() == single.state_hash()


@settings(max_examples=6 if SMALL else 60)
@given(cuts=st.lists(st.integers(1, 60), min_size=5, max_size=40))
def test_51_two_symbols_interleaved_are_each_alone(cuts: list[int]) -> None:
    """Two venues with rules of their own."""
    streams = [kept(STREAMS[name], np.arange(200)) for name in ("everything", "allocation")]
    engines = [CoreEngine(stream.rules, stream.terms) for stream in streams]
    told, done = ([], []), [0, 0]
    for turn, length in enumerate(cuts):
        which = turn % 2
        part = streams[which].messages[done[which] : done[which] + length]
        told[which].extend(engines[which].play(part))
        done[which] += len(part)
    for which, stream in enumerate(streams):
        alone = CoreEngine(stream.rules, stream.terms)
        assert alone.play(stream.messages[: done[which]]) == told[which]
        assert alone.state_hash() == engines[which].state_hash()


def test_the_streams_hold_what_the_relations_are_about() -> None:
    """A relation over a stream without an order type says nothing about it."""
    everything = STREAMS["everything"]
    reports = answers(everything)
    expected = set(ReportKind) - ({ReportKind.EXPIRED} if SMALL else set())
    assert expected <= {ReportKind(int(kind)) for kind in reports["kind"]}
    accepted = everything.messages[reports["sequence"][reports["kind"] == ReportKind.ACCEPTED]]
    assert set(OrderType) == {OrderType(int(kind)) for kind in accepted["type"]}
    assert Phase.CONTINUOUS in set(everything.messages["size_lots"][everything.messages["verb"] == Verb.PHASE])
