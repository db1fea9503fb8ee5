"""What must hold on every tape, whatever own orders do: the nine invariants of the replay, on random tapes and on recorded ones.

I1 without own orders the book is history; I2 an aggressor's quantity is conserved; I3 no negative size, no crossed book; I4 own fills stay within the
flow that could reach them; I5 a later or longer queue never helps; I6 an order may be split; I7 buying mirrors selling; I8 the same bytes every time;
I9 an order withdrawn in time was never there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest

from lobsim.config import Latency
from lobsim.core.book import BookSize
from lobsim.core.world import WorldSize
from lobsim.market import Market
from lobsim.types import (
    FILL,
    NEVER,
    FillReason,
    Flag,
    Kind,
    MessageFlag,
    OrderState,
    Status,
    SurplusPolicy,
    TimeInForce,
    Verb,
)
from tests.oracle.streams import random_history, random_own
from tests.support.worlds import BUY, SELL, Venue, row, tape_of

TINY = WorldSize(
    book=BookSize(orders=4, window=64, far=2, ids=8, dense=1, timers=2),
    seen=BookSize(orders=2, window=64, far=4, ids=8, dense=1, timers=2),
    own=1,
    fills=1,
    reports=1,
    mail=1,
    ring=2,
)
DRIFT = ["evicted", "unfilled_history", "history_crossed", "crossing_fills"]


def quiet(history: np.ndarray) -> np.ndarray:
    """A history without halts: what comes in during a halt may rest through an own order."""
    return history[history["kind"] != Kind.PHASE]


def asks_of(messages: np.ndarray) -> list[dict[str, int]]:
    """The NEWs and CANCELs of a stream, ids as a world counts them."""
    names: dict[int, int] = {}
    asked = []
    for message in messages:
        fields = {name: int(message[name]) for name in message.dtype.names or ()}
        if message["verb"] == Verb.NEW:
            names[fields["order_id"]] = -len(names) - 1
        if message["verb"] in (Verb.NEW, Verb.CANCEL) and fields["order_id"] in names:
            asked.append(fields | {"order_id": names[fields["order_id"]]})
    return asked


def events(venue: Venue, messages: Iterable[dict[str, int]]) -> Iterator[None]:
    """One recorded row, expiry or own message after the other, to the end of the tape."""
    for message in messages:
        while venue.step(message["ts_ns"]):
            yield
        venue.submit(message)
        yield
    while venue.head["cursor"] < len(venue.world.tape) and venue.step(NEVER):
        yield


def resting(venue: Venue, side: int) -> int:
    """Recorded units that rest on a side."""
    return sum(size for _, queue in venue.queues(side) for order_id, size, _ in queue if order_id >= 0)


@pytest.fixture(scope="module", params=["random", "AAPL hour"])
def tape(request: pytest.FixtureRequest, limit: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """(tape, book rows): a random one, or the first rows of a recorded hour with its seed row."""
    if request.param == "random":
        return tape_of(quiet(random_history(5, limit(1_500, 150)))), None
    market: Market = request.getfixturevalue("aapl_hour")
    return market.tape[: limit(3_000, 150)], market.rows


Tape = tuple[np.ndarray, np.ndarray | None]


def venue_on(tape: Tape, **settings: Any) -> Venue:
    """A world at the beginning of a tape."""
    return Venue(tape[0], book_rows=tape[1], **settings)


# --- I1


def test_i1_without_own_orders_the_book_is_history(tape: Tape) -> None:
    venue = venue_on(tape)
    for count, _ in enumerate(events(venue, [])):
        assert (0, 0) == tuple(venue.world.book.head[0][["surplus", "deficit"]]), f"after event {count}"
    assert [0] * len(DRIFT) == [int(venue.head[name]) for name in DRIFT]
    assert all(size == hist for side in (BUY, SELL) for _, queue in venue.queues(side) for _, size, hist in queue)
    venue.check()


# --- I2


def _aggressor_groups(venue: Venue, messages: list[dict[str, int]]) -> Iterator[tuple[int, int, int, int]]:
    """(quantity, to own orders, to recorded orders, unfilled) of every aggressor, each measured by itself."""
    tape, sums = venue.world.tape, np.zeros(4, np.int64)
    moves = events(venue, messages)
    while venue.head["cursor"] < len(tape):
        k = int(venue.head["cursor"])
        side = int(tape[k]["side"])
        before = [
            resting(venue, side),
            len(venue.fills),
            *(int(venue.head[name]) for name in ("overdrawn", "unfilled_history")),
        ]
        known = int(venue.head["unknown"])
        if next(moves, StopIteration) is StopIteration:
            return
        if venue.head["cursor"] == k or tape[k]["kind"] != Kind.EXECUTE or venue.head["unknown"] > known:
            continue
        own = sum(fill[6] for fill in venue.fills[before[1] :])
        quantity = int(tape[k]["size"]) - (int(venue.head["overdrawn"]) - before[2])
        sums += (quantity, own, before[0] - resting(venue, side), int(venue.head["unfilled_history"]) - before[3])
        if tape[k]["flags"] & Flag.GROUP_END:
            yield tuple(sums.tolist())
            sums[:] = 0


@pytest.mark.parametrize("seed", range(3))
def test_i2_what_an_aggressor_brought_went_to_own_orders_to_recorded_ones_or_found_nothing(
    seed: int, tape: Tape, limit: Any
) -> None:
    cut = tape[0][: limit(700, 150)], tape[1]
    messages = asks_of(random_own(seed, limit(250, 60), cut[0]))
    groups = list(_aggressor_groups(venue_on(cut, surplus=SurplusPolicy.PERSIST), messages))
    for quantity, to_own, to_recorded, unfilled in groups:
        assert quantity == to_own + to_recorded + unfilled
    assert any(to_own for _, to_own, _, _ in groups)


# --- I3


@pytest.mark.parametrize("surplus", list(SurplusPolicy))
def test_i3_no_size_is_negative_and_the_book_never_crosses(surplus: SurplusPolicy, tape: Tape, limit: Any) -> None:
    venue = venue_on(tape, surplus=surplus)
    for count, _ in enumerate(events(venue, asks_of(random_own(1, limit(500, 60), tape[0])))):
        sides = venue.world.book.sides
        assert not sides["best"].all() or -sides[0]["best_key"] < sides[1]["best_key"], f"after event {count}"
        if count % 50 == 0:
            venue.check()
    assert len(venue.fills) > limit(20, 0)


# --- I4


def _flow_within_reach(tape: np.ndarray, side: int, price: int, since_ns: int) -> int:
    """Units that recorded aggressors, crossing ADDs and hidden prints from a time on could have brought to a price."""
    key = tape["price_ticks"] if side == SELL else -tape["price_ticks"]
    limit = tape["limit_ticks"] if side == SELL else -tape["limit_ticks"]
    own = price if side == SELL else -price
    late = tape["ts_ns"] >= since_ns
    executed = (tape["kind"] == Kind.EXECUTE) & (tape["side"] == side) & (limit >= own)
    crossing = (tape["kind"] == Kind.ADD) | (tape["kind"] == Kind.REPLACE)
    crossing &= (tape["side"] == 1 - side) & (key >= own)
    hidden = (tape["kind"] == Kind.EXECUTE_HIDDEN) & (tape["side"] == side) & (key > own)
    return int(tape["size"][late & (executed | crossing | hidden)].sum())


@pytest.mark.parametrize("seed", range(3))
def test_i4_an_own_order_gets_no_more_than_could_have_reached_it(seed: int, tape: Tape, limit: Any) -> None:
    venue = venue_on(tape)
    for _ in events(venue, asks_of(random_own(seed, limit(500, 60), tape[0]))):
        pass
    passive: dict[int, int] = {}
    for _, order, _, reason, is_passive, _, size in venue.fills:
        if is_passive and reason != FillReason.OWN_AGGRESSION:
            passive[order] = passive.get(order, 0) + size
    assert len(passive) > limit(10, 0)
    for order, filled in passive.items():
        mine = venue.own(order)
        reach = _flow_within_reach(tape[0], int(mine["side"]), int(mine["price_ticks"]), int(mine["arrived_ns"]))
        assert filled <= reach, f"order {order}"


# --- I5


def _filled(tape: Tape, at_ns: int, side: int, price: int, sizes: Iterable[int], **more: int) -> list[int]:
    """Lots filled to the end of the tape of own orders sent one after the other at one time; -1 if refused."""
    venue = venue_on(tape)
    venue.run_to(at_ns)
    orders = [venue.send(side, price, size, **more) for size in sizes]
    venue.run_to(int(tape[0]["ts_ns"][-1]))
    refused = [venue.own(order)["venue_state"] == OrderState.REJECTED for order in orders]
    return [-1 if gone else int(venue.own(order)["filled_lots"]) for order, gone in zip(orders, refused, strict=True)]


def _places(tape: Tape, seed: int, count: int) -> Iterator[tuple[int, int, int, int]]:
    """(row, side, price, size) near recorded prices."""
    rng = np.random.default_rng(seed)
    rows = tape[0]
    anchors = np.flatnonzero(np.isin(rows["kind"], (Kind.ADD, Kind.EXECUTE)))
    for _ in range(count):
        k, side = int(rng.choice(anchors[: len(anchors) // 2])), int(rng.integers(2))
        yield k, side, int(rows["price_ticks"][k] + rng.integers(-2, 3)), int(rng.choice((5, 40, 200)))


def test_i5_arriving_later_never_fills_more(tape: Tape, limit: Any) -> None:
    rng, compared = np.random.default_rng(3), 0
    for k, side, price, size in _places(tape, 1, limit(80, 4)):
        later = min(k + int(rng.integers(1, 200)), len(tape[0]) - 1)
        early, late = (
            _filled(tape, int(tape[0]["ts_ns"][i]), side, price, [size], flags=MessageFlag.POST_ONLY)[0]
            for i in (k, later)
        )
        if early >= 0 and late >= 0:
            compared += 1
            assert early >= late, f"{side} {price} after rows {k} and {later}"
    assert compared > limit(20, 0)


def test_i5_a_longer_queue_ahead_never_fills_more(tape: Tape, limit: Any) -> None:
    compared = 0
    for k, side, price, size in _places(tape, 2, limit(80, 4)):
        rows, at_ns = tape[0], int(tape[0]["ts_ns"][k])
        k = int(np.searchsorted(rows["ts_ns"], at_ns, side="right"))
        ahead = tape_of([row(at_ns, Kind.ADD, side, 10**15, price, 30)])
        longer = np.concatenate([rows[:k], ahead, rows[k:]])
        short, long = (
            _filled((of, tape[1]), at_ns, side, price, [size], flags=MessageFlag.POST_ONLY)[0] for of in (rows, longer)
        )
        if short >= 0 and long >= 0:
            compared += 1
            assert short >= long, f"{side} {price} after row {k}"
    assert compared > limit(20, 0)


# --- I6


@pytest.mark.parametrize("flags", [0, MessageFlag.POST_ONLY])
def test_i6_two_orders_fill_like_one_of_their_total(flags: int, tape: Tape, limit: Any) -> None:
    filled = 0
    for k, side, price, size in _places(tape, 4, limit(60, 4)):
        at_ns = int(tape[0]["ts_ns"][k])
        whole = _filled(tape, at_ns, side, price, [size], flags=flags)
        parts = _filled(tape, at_ns, side, price, [size // 3, size - size // 3], flags=flags)
        assert sum(max(0, part) for part in whole) == sum(max(0, part) for part in parts), (
            f"{side} {price} after row {k}"
        )
        filled += whole[0] > 0
    assert filled > limit(10, 0)


# --- I7


def _mirrored(tape: np.ndarray) -> np.ndarray:
    other = tape.copy()
    other["side"] = 1 - tape["side"]
    for name in ("price_ticks", "limit_ticks"):
        other[name] = -tape[name]
    return other


@pytest.mark.parametrize("surplus", list(SurplusPolicy))
def test_i7_on_the_mirrored_tape_mirrored_orders_get_mirrored_fills(surplus: SurplusPolicy, limit: Any) -> None:
    tape = tape_of(random_history(9, limit(1_500, 150)))
    messages = asks_of(random_own(9, limit(600, 60), tape))
    turned = [message | {"side": 1 - message["side"], "price_ticks": -message["price_ticks"]} for message in messages]
    fills = []
    for rows, own in ((tape, messages), (_mirrored(tape), turned)):
        venue = Venue(rows, surplus=surplus)
        for _ in events(venue, own):
            pass
        fills.append(venue.world.fills[: venue.head["fills"]].copy())
    expected = fills[0].copy()
    expected["side"] = 1 - fills[0]["side"]
    expected["price_ticks"] = -fills[0]["price_ticks"]
    expected["bid_ticks"] = np.where(fills[0]["ask_ticks"] == -(2**62), -(2**62), -fills[0]["ask_ticks"])
    expected["ask_ticks"] = np.where(fills[0]["bid_ticks"] == -(2**62), -(2**62), -fills[0]["bid_ticks"])
    assert len(expected) > limit(100, 5)
    assert expected.tolist() == fills[1].tolist()


# --- I8


def _busy_run(tape: Tape, messages: list[dict[str, int]], budget: int, size: WorldSize) -> Venue:
    """A world with a slow participant and far-away orders, driven in calls of so many events."""
    latency = Latency(feed_ns=40_000_000, order_ns=3_000_000, response_ns=5_000_000)
    venue = venue_on(tape, listens=True, size=size, latency=latency)
    for message in messages:
        venue.run_to(message["ts_ns"], budget)
        order = -message["order_id"] - 1
        if message["verb"] == Verb.CANCEL:
            venue.cancel(order)
            continue
        away = (order % 7 == 0) * 10**6 * (order + 1)
        price = message["price_ticks"] + (away if message["side"] == SELL else -away)
        tif = TimeInForce.GTD if away else message["tif"]
        venue.send(message["side"], price, message["size_lots"], tif=tif, expire_ns=message["ts_ns"] + 10**10)
    venue.run_to(int(tape[0]["ts_ns"][-1]) + 10**9, budget)
    return venue


_NOT_OF_A_REPLAY = {Status.ROOM_EXTRAS, Status.ROOM_OWNERS}  # of typed orders
_NOT_OF_A_REPLAY |= {Status.ROOM_CROWD_ORDERS, Status.ROOM_CROWD_MAIL, Status.ROOM_TOUCHES, Status.ROOM_LOG}
_NOT_OF_A_REPLAY |= {Status.ROOM_METAORDERS, Status.ROOM_NEWS}


def test_i8_the_same_bytes_whatever_the_room_and_the_length_of_calls(tape: Tape, limit: Any) -> None:
    messages = asks_of(random_own(2, limit(400, 80), tape[0]))
    roomy = _busy_run(tape, messages, 10**6, WorldSize())
    expected = roomy.world.fills[: roomy.head["fills"]].tobytes()
    assert len(expected) > limit(50, 1) * FILL.itemsize
    for budget, size in ((10**6, WorldSize()), (7, WorldSize()), (10**6, TINY), (1, TINY)):
        venue = _busy_run(tape, messages, budget, size)
        assert expected == venue.world.fills[: venue.head["fills"]].tobytes()
        assert roomy.hash() == venue.hash()
        assert roomy.head.tobytes() == venue.head.tobytes() or size is TINY
        venue.check()
        if size is TINY:
            rooms = {status for status in Status if status.name.startswith("ROOM_")}
            assert rooms - _NOT_OF_A_REPLAY == venue.rooms


# --- I9


def test_i9_an_order_withdrawn_before_it_traded_was_never_there(tape: Tape, limit: Any) -> None:
    rng, withdrawn = np.random.default_rng(6), 0
    end_ns = int(tape[0]["ts_ns"][-1])
    for k, side, price, size in _places(tape, 7, limit(60, 4)):
        leave = min(k + int(rng.integers(1, 60)), len(tape[0]) - 2)
        venue, without = venue_on(tape), venue_on(tape)
        venue.run_to(int(tape[0]["ts_ns"][k]))
        order = venue.send(side, price, size, flags=MessageFlag.POST_ONLY)
        venue.run_to(int(tape[0]["ts_ns"][leave]))
        venue.cancel(order)
        for until_ns in (int(tape[0]["ts_ns"][leave + 1]), end_ns):
            venue.run_to(until_ns)
            without.run_to(until_ns)
            if not venue.fills and venue.own(order)["venue_state"] == OrderState.CANCELLED:
                withdrawn += 1
                assert without.hash() == venue.hash(), f"{side} {price} rows {k} to {leave}"
    assert withdrawn > limit(30, 0)
