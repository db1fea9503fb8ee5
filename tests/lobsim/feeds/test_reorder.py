"""Pieces come out in the order of exchange time, whatever their cuts, or the row too far out of order is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.errors import DataError
from lobsim.feeds.piece import Instrument, Piece
from lobsim.feeds.reorder import merge, reorder
from lobsim.feeds.schema import COLUMNS
from lobsim.types import Fidelity, Kind

BTC = Instrument("BTC", "MADE_UP", "USD", Fidelity.L2_TRADES, 0, "1", "1")
ETH = Instrument("ETH", "MADE_UP", "USD", Fidelity.L2_TRADES, 0, "1", "1")
Row = tuple[int, int]  # time, number


def piece(rows: list[Row], instrument: Instrument = BTC, kind: int = Kind.LEVEL, **notes: int) -> Piece:
    """Rows with a time and a number each."""
    columns = dict.fromkeys(COLUMNS, [0] * len(rows)) | {
        "ts_exchange": [time for time, _ in rows],
        "sequence": [number for _, number in rows],
        "kind": [kind] * len(rows),
    }
    return Piece(instrument, pl.DataFrame(columns, schema=COLUMNS), notes)


def rows_of(pieces: Iterator[Piece], symbol: str = "BTC") -> list[Row]:
    """Times and numbers of one symbol."""
    return [
        row
        for each in pieces
        if each.instrument.symbol == symbol
        for row in each.events.select("ts_exchange", "sequence").rows()
    ]


def cut(rows: list[Row], cuts: list[int]) -> Iterator[Piece]:
    """The rows in pieces that begin at the cuts."""
    edges = [0, *sorted(cuts), len(rows)]
    return (piece(rows[start:end]) for start, end in pairwise(edges))


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_rows_come_out_sorted_and_stable_wherever_the_pieces_are_cut(
    steps: list[tuple[int, int]], cuts: list[int]
) -> None:
    rows, now = [], 100
    for number, (ahead, late) in enumerate(steps):
        now += ahead
        rows.append((now - late, number))
    cuts = [min(place, len(rows)) for place in cuts]
    assert sorted(rows, key=lambda row: row[0]) == rows_of(reorder(cut(rows, cuts), 5))


def test_a_row_too_far_out_of_order_is_named_with_how_far() -> None:
    pieces = iter([piece([(10, 0), (20, 1)]), piece([(30, 2), (19, 3)])])
    with pytest.raises(
        DataError, match=r"day\.csv row 4, field ts_exchange: BTC goes back by 11 ns, more than the 10 ns"
    ):
        list(reorder(pieces, 10, file="day.csv"))
    assert [10, 20, 20, 30] == [
        time for time, _ in rows_of(reorder(cut([(10, 0), (20, 1), (30, 2), (20, 3)], [2]), 10))
    ]


def test_symbols_are_put_in_order_each_for_itself() -> None:
    pieces = [piece([(100, 0), (90, 1)]), piece([(5, 0), (3, 1)], ETH), piece([(95, 2)])]
    assert [(90, 1), (95, 2), (100, 0)] == rows_of(reorder(iter(pieces), 10))
    assert [(3, 1), (5, 0)] == rows_of(reorder(iter(pieces), 10), "ETH")


def test_no_more_than_the_window_is_held_back() -> None:
    taken = 0

    def source() -> Iterator[Piece]:
        nonlocal taken
        for time in range(0, 1000, 10):
            taken += 1
            yield piece([(time, time)])

    held, given_out = [], 0
    for each in reorder(source(), 50):
        given_out += len(each.events)
        held.append(taken - given_out)
    assert (100, 6) == (given_out, max(held))


def test_notes_are_handed_on_once() -> None:
    pieces = [piece([(1, 0)], gaps=1), piece([], gaps=2), piece([(2, 1)])]
    assert 3 == sum(each.notes.get("gaps", 0) for each in reorder(iter(pieces), 10))
    assert 3 == sum(each.notes.get("gaps", 0) for each in merge([iter(pieces)]))
    assert 2 == sum(each.notes.get("gaps", 0) for each in merge([iter([piece([], gaps=2)])]))


def test_prints_come_before_the_depth_of_their_instant() -> None:
    depth = [piece([(10, 0), (10, 1), (20, 2)]), piece([(20, 3), (30, 4)])]
    trades = [piece([(5, 100), (10, 101), (20, 102)], kind=Kind.PRINT), piece([(20, 103), (40, 104)], kind=Kind.PRINT)]
    wanted = [100, 101, 0, 1, 102, 103, 2, 3, 4, 104]
    assert wanted == [number for _, number in rows_of(merge([iter(depth), iter(trades)]))]
    mixed = iter([piece([(10, 0)]), piece([(10, 100)], kind=Kind.PRINT), piece([(9, 101)], kind=Kind.PRINT)])
    assert [101, 100, 0] == [number for _, number in rows_of(reorder(mixed, 5, prints_first=True))]


@given(
    first=st.lists(st.integers(0, 30), max_size=30),
    second=st.lists(st.integers(0, 30), max_size=30),
    size=st.integers(1, 7),
)
def test_streams_are_merged_by_time_then_by_stream(first: list[int], second: list[int], size: int) -> None:
    streams = []
    for offset, times in ((0, sorted(first)), (1000, sorted(second))):
        rows = [(time, offset + number) for number, time in enumerate(times)]
        streams.append([piece(rows[k : k + size]) for k in range(0, len(rows), size)])
    wanted = sorted(
        [row for stream in streams for each in stream for row in each.events.select("ts_exchange", "sequence").rows()],
        key=lambda row: row[0],
    )
    assert wanted == rows_of(merge([iter(stream) for stream in streams]))


def test_streams_of_two_instruments_or_out_of_order_are_not_merged() -> None:
    with pytest.raises(DataError, match=r"ETH \(MADE_UP\) cannot be put together with BTC"):
        list(merge([iter([piece([(1, 0)])]), iter([piece([(1, 0)], ETH)])]))
    with pytest.raises(DataError, match="goes back from 5 to 3"):
        list(merge([iter([piece([(5, 0)]), piece([(3, 0)])])]))


def test_one_symbol_of_two_markets_is_two_instruments() -> None:
    spot = replace(BTC, venue="SPOT")
    pieces = list(reorder(iter([piece([(100, 0)]), piece([(1, 1)], spot), piece([(101, 2)])]), 5))
    assert {BTC: [(100, 0), (101, 2)], spot: [(1, 1)]} == {
        one: rows_of(each for each in pieces if each.instrument == one) for one in (BTC, spot)
    }
