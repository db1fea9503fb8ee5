"""The book at the end of a day is what a slow book, kept row by row, holds."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from lobsim.feeds.carry import BookAtEnd
from lobsim.types import Flag, Kind, Phase
from tests.support.pieces import BUY, SELL, PlainQueues, level, order, table
from tests.support.recorded_books import levels_after


def carried(events: pl.DataFrame, cuts: list[int]) -> pl.DataFrame:
    """The rows that begin the next day, the rows before given in parts."""
    book = BookAtEnd()
    edges = sorted({0, *(min(cut, len(events)) for cut in cuts), len(events)})
    for start, end in pairwise(edges):
        book.take(events[start:end])
    return book.rows(1000, 1007, 5)


@st.composite
def order_rows(draw: st.DrawFn) -> list[dict]:
    """A feed of orders: every row is about an id that lives, but for a few; ids of the dead come again."""
    rows, live = [], {}
    for at_ns in range(draw(st.integers(1, 40))):
        kind = draw(st.sampled_from(["add", "add", "replace", "reduce", "execute", "delete", "clear", "unknown"]))
        if kind == "clear":
            if draw(st.booleans()):
                rows.append(level(at_ns, -1, 0, 0, kind=Kind.CLEAR))
                live.clear()
        elif kind == "unknown":
            rows.append(order(at_ns, Kind.REDUCE, 99, BUY, 10, 1))
        elif kind == "add" or not live:
            order_id = draw(st.sampled_from([n for n in range(1, 60) if n not in live]))
            live[order_id] = (draw(st.integers(0, 1)), draw(st.integers(10, 12)), draw(st.integers(1, 9)))
            rows.append(order(at_ns, Kind.ADD, order_id, *live[order_id]))
        else:
            order_id = draw(st.sampled_from(sorted(live)))
            side, price, size = live.pop(order_id)
            if kind == "replace":
                other = draw(st.sampled_from([n for n in range(1, 60) if n not in live]))
                live[other] = (side, draw(st.integers(price, 12)), draw(st.integers(1, 9)))
                rows.append(order(at_ns, Kind.REPLACE, order_id, *live[other], other_id=other))
            elif kind == "delete":
                rows.append(order(at_ns, Kind.DELETE, order_id, side, price, size))
            else:
                taken = draw(st.integers(1, size))
                rows.append(order(at_ns, Kind[kind.upper()], order_id, side, price, taken))
                if taken < size:
                    live[order_id] = (side, price, size - taken)
    return rows


@given(rows=order_rows(), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_live_orders_are_carried_in_their_places(rows: list[dict], cuts: list[int]) -> None:
    events = table(rows)
    packet = carried(events, cuts)
    assert PlainQueues().take(events).orders() == PlainQueues().take(packet).orders()
    assert ([Kind.CLEAR] + [Kind.ADD] * len(packet))[: len(packet)] == packet["kind"].to_list()


@given(
    rows=st.lists(
        st.one_of(
            st.tuples(st.just(Kind.LEVEL), st.integers(0, 1), st.integers(10, 15), st.integers(0, 3)),
            st.tuples(st.just(Kind.PRINT), st.integers(-1, 1), st.integers(10, 15), st.integers(1, 3)),
            st.just((Kind.CLEAR, -1, 0, 0)),
        ),
        min_size=1,
        max_size=50,
    ),
    cuts=st.lists(st.integers(0, 50), max_size=4),
)
def test_the_last_size_of_every_level_is_carried(rows: list[tuple[int, int, int, int]], cuts: list[int]) -> None:
    events = table([level(at, side, price, size, kind=kind) for at, (kind, side, price, size) in enumerate(rows)])
    packet = carried(events, cuts)
    assert levels_after(events) == levels_after(packet)
    if set(events["kind"]) == {int(Kind.PRINT)}:
        assert 0 == len(packet)


def test_the_packet_of_a_midnight_is_one_snapshot_best_levels_first() -> None:
    events = table([level(0, BUY, 10, 5), level(1, SELL, 13, 2), level(2, SELL, 12, 1), level(3, BUY, 11, 4)])
    packet = carried(events, [])
    assert [(BUY, 11), (BUY, 10), (SELL, 12), (SELL, 13)] == packet[1:].select("side", "price").rows()
    assert {(1000, 1007, 5)} == set(packet.select("ts_exchange", "ts_local", "sequence").rows())
    snapshot = int(Flag.SNAPSHOT)
    assert [0, snapshot, snapshot, snapshot, snapshot | Flag.LAST_IN_PACKET] == packet["flags"].to_list()
    assert -1 == packet["side"][0]


def test_a_phase_that_is_not_continuous_is_carried_on() -> None:
    events = table([level(0, BUY, 10, 5), level(1, -1, 0, int(Phase.HALT), kind=Kind.PHASE)])
    assert [(Kind.CLEAR, 0), (Kind.PHASE, Phase.HALT), (Kind.LEVEL, 5)] == carried(events, []).select(
        "kind", "size"
    ).rows()
    opened = pl.concat([events, table([level(2, -1, 0, int(Phase.CONTINUOUS), kind=Kind.PHASE)])])
    assert [Kind.CLEAR, Kind.LEVEL] == carried(opened, [2])["kind"].to_list()
