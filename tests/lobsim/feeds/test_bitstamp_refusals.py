"""Small made-up Bitstamp recordings: how each blemish is handled, which fills are certain, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds.bitstamp import log, table
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import NONE, Flag, Kind, Side

PAIR = ReadOptions(symbol="btcusd")
START = 1430438404000
_UNIT = 10**8


def event(ms: int, what: str, number: int, side: int, price: str, amount: str) -> str:
    """A line about an order."""
    body = (
        f'{{"price": "{price}", "amount": "{amount}", "datetime": "1430438404", "id": {number}, "order_type": {side}}}'
    )
    return f"{START + ms} order_{what} {body}"


def trade(ms: int, price: str, amount: str) -> str:
    """A line about a trade."""
    return f'{START + ms} trade {{"price": {price}, "amount": {amount}, "id": 8111041}}'


def read(folder: Path, lines: list[str]) -> tuple[list[tuple], dict[str, int]]:
    """(kind, side, price, size, order, new id, match) of each row, in whole units, and the notes that count something."""
    path = folder / "made_up.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    pieces = list(log.read(Source(path), PAIR))
    events = pl.concat([piece.events for piece in pieces])
    scaled = events.with_columns(pl.col("price", "size") // _UNIT)
    notes: dict[str, int] = {}
    for piece in pieces:
        notes |= {name: notes.get(name, 0) + count for name, count in piece.notes.items() if count}
    return scaled.select("kind", "side", "price", "size", "order_id", "other_id", "match_id").rows(), notes


BID = event(0, "created", 5, 0, "100.00", "3.00000000")


def test_a_smaller_amount_takes_the_difference_off(tmp_path: Path) -> None:
    rows, notes = read(tmp_path, [BID, event(5, "changed", 5, 0, "100.00", "1.00000000")])
    assert (Kind.REDUCE, Side.BUY, 100, 2, 5, 0, 0) == rows[1]
    assert {"decreases that are no certain fill": 1} == notes


def test_a_larger_amount_and_another_price_replace_the_order(tmp_path: Path) -> None:
    larger, dearer = (
        event(5, "changed", 5, 0, "100.00", "4.00000000"),
        event(6, "changed", 5, 0, "101.00", "4.00000000"),
    )
    rows, notes = read(tmp_path, [BID, larger, dearer])
    assert [(Kind.REPLACE, 0, 100, 4, 5, 5, 0), (Kind.REPLACE, 0, 101, 4, 5, 5, 0)] == rows[1:]
    assert {"changes to a larger amount": 1, "changes of the price": 1} == notes


def test_a_cancelled_order_is_deleted_with_what_was_left(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, [BID, event(5, "deleted", 5, 0, "100.00", "3.00000000")])
    assert (Kind.DELETE, 0, 100, 3, 5, 0, 0) == rows[1]


@pytest.mark.parametrize("what", ["created", "changed", "deleted"])
def test_what_comes_after_the_deletion_is_left_out(tmp_path: Path, what: str) -> None:
    gone = event(5, "deleted", 5, 0, "100.00", "3.00000000")
    rows, notes = read(tmp_path, [BID, gone, event(9, what, 5, 0, "100.00", "3.00000000")])
    assert [Kind.ADD, Kind.DELETE] == [row[0] for row in rows]
    name = {"created": "creations", "changed": "changes", "deleted": "deletions"}[what]
    assert {f"{name} after the deletion of their order": 1} == notes


def test_a_second_creation_of_an_order_that_is_there_is_left_out(tmp_path: Path) -> None:
    rows, notes = read(tmp_path, [BID, BID])
    assert 1 == len(rows)
    assert {"creations of an order that is there": 1} == notes


def test_a_deletion_of_an_order_never_seen_is_left_out(tmp_path: Path) -> None:
    rows, notes = read(tmp_path, [event(0, "deleted", 4, 0, "99.00", "1.00000000"), BID])
    assert [5] == [row[4] for row in rows]
    assert {"deletions of an order never seen": 1} == notes


def test_a_change_of_an_order_never_seen_shows_that_it_was_there(tmp_path: Path) -> None:
    rows, notes = read(tmp_path, [event(0, "changed", 4, 1, "102.00", "1.00000000")])
    assert [(Kind.ADD, Side.SELL, 102, 1, 4, 0, 0)] == rows
    assert {"changes of an order never seen": 1} == notes


FILLED = [
    event(0, "created", 5, 0, "100.00", "3.00000000"),
    event(900, "created", 9, 1, "99.00", "2.00000000"),
    event(905, "changed", 5, 0, "100.00", "1.00000000"),
    event(907, "deleted", 9, 1, "99.00", "0.00000000"),
]


def test_a_trade_executes_the_older_of_two_orders_that_shrank_alike(tmp_path: Path) -> None:
    rows, notes = read(tmp_path, [*FILLED, trade(915, "100.0", "2.0")])
    assert [(Kind.EXECUTE, Side.BUY, 100, 2, 5, 0, 9)] == rows[1:]
    assert {"fills linked": 1, "trades linked": 1, "orders that traded on arrival, in full": 1} == notes


def test_what_an_arriving_order_leaves_over_stands_behind_its_last_fill(tmp_path: Path) -> None:
    lines = [
        event(0, "created", 4, 0, "101.00", "1.00000000"),
        event(1, "created", 5, 0, "100.00", "2.00000000"),
        event(900, "created", 9, 1, "99.00", "5.00000000"),
        event(1000, "created", 10, 1, "103.00", "5.00000000"),
        event(1020, "deleted", 4, 0, "101.00", "0.00000000"),
        event(1021, "changed", 9, 1, "99.00", "4.00000000"),
        event(1050, "changed", 9, 1, "99.00", "2.00000000"),
        event(1052, "deleted", 5, 0, "100.00", "0.00000000"),
        event(3000, "deleted", 9, 1, "99.00", "2.00000000"),
    ]
    rows, notes = read(tmp_path, sorted([*lines, trade(1030, "101.0", "1.0"), trade(1060, "100.0", "2.0")]))
    assert [
        (Kind.EXECUTE, Side.BUY, 101, 1, 4, 0, 9),
        (Kind.EXECUTE, Side.BUY, 100, 2, 5, 0, 9),
        (Kind.ADD, Side.SELL, 99, 2, 9, 0, 0),
        (Kind.DELETE, Side.SELL, 99, 2, 9, 0, 0),
    ] == rows[3:]
    assert {"fills linked": 2, "trades linked": 2, "orders that traded on arrival, in part": 1} == notes


def test_an_order_that_rested_before_it_shrank_did_not_trade_on_arrival(tmp_path: Path) -> None:
    late = [line.replace(str(START + 900), str(START - 1500)) for line in FILLED]
    rows, notes = read(tmp_path, sorted([*late, trade(915, "100.0", "2.0")]))
    assert [Kind.ADD, Kind.ADD, Kind.EXECUTE, Kind.DELETE] == [row[0] for row in rows]
    assert {"fills linked": 1, "trades linked": 1} == notes


@pytest.mark.parametrize("late", [trade(915, "99.0", "2.0"), trade(1300, "100.0", "2.0"), trade(915, "100.0", "1.0")])
def test_a_trade_that_does_not_fit_is_printed_without_a_side(tmp_path: Path, late: str) -> None:
    rows, notes = read(tmp_path, [*FILLED, late])
    assert [Kind.ADD, Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.PRINT] == [row[0] for row in rows]
    assert (NONE, 0) == (rows[-1][1], rows[-1][4])
    assert {"decreases that are no certain fill": 2, "trades printed without their order": 1} == notes


def test_two_fills_that_could_be_either_are_not_certain(tmp_path: Path) -> None:
    twin = [event(1, "created", 6, 0, "100.00", "2.00000000"), event(906, "deleted", 6, 0, "100.00", "0.00000000")]
    lines = sorted([*FILLED, *twin, trade(915, "100.0", "2.0")])
    rows, notes = read(tmp_path, lines)
    assert Kind.EXECUTE not in [row[0] for row in rows]
    assert 1 == notes["trades printed without their order"]


def test_the_noise_of_printed_floats_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "noise.log"
    path.write_text(f"{trade(0, '236.27000000000001', '9.9999999999999995e-07')}\n")
    row = pl.concat([piece.events for piece in log.read(Source(path), PAIR)]).row(0, named=True)
    assert (23_627_000_000, 100) == (row["price"], row["size"])
    assert Flag.LAST_IN_PACKET == row["flags"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([BID, "1430438404518 order_made {}"], "row 2: the line is"),
        ([BID, BID.replace('"id": 5', '"id": "x"')], "row 2: its fields cannot be read"),
        ([BID, BID.replace("3.00000000", "3.000000001")], "row 2: its fields cannot be read"),
        ([BID, BID.replace("3.00000000", "-3.0")], "row 2: its fields cannot be read"),
        ([trade(0, "236.123456789123", "1.0")], "row 1: its fields cannot be read"),
        (
            [event(5, "created", 5, 0, "1.0", "1.0"), event(4, "created", 6, 0, "1.0", "1.0")],
            "row 2: the time of arrival",
        ),
        ([BID, event(4, "changed", 5, 1, "100.00", "1.0")], "row 2: order 5 changes its side"),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(DataError) as refused:
        read(tmp_path, lines)
    assert said in str(refused.value)


def test_the_pair_must_be_said(tmp_path: Path) -> None:
    path = tmp_path / "pair.log"
    path.write_text(f"{BID}\n")
    with pytest.raises(DataError, match="say which with symbol, such as btcusd"):
        list(log.read(Source(path), ReadOptions()))


HEADER = "id,timestamp,exchange.timestamp,price,volume,action,direction"
ROW = "65595247,1430438404518,1430438404000,236.47,200000000,created,bid"


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            ROW.replace("created", "made"),
            "row 3, field action: action is 'made', created, changed or deleted is needed",
        ),
        (
            ROW.replace("236.47", "2e"),
            "row 3, field price: price is '2e', a number of at most 18 digits, 8 of them decimals",
        ),
        (ROW.replace("1430438404518", "1430438404"), "row 3, field timestamp: timestamp is 1430438404, milliseconds"),
        (ROW.replace("200000000", "-1"), "row 3, field volume: volume is -1, 0 or more is needed"),
        (f"{ROW},1", "row 3: the row has 8 columns, 7 are needed"),
        ("", "row 3: the row is empty"),
    ],
)
def test_a_row_of_the_table_that_is_none_is_refused(tmp_path: Path, row: str, sentence: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(f"{HEADER}\n{ROW}\n{row}\n")
    assert table.recognise(Source(path))
    with pytest.raises(DataError, match=sentence):
        list(table.read(Source(path), PAIR))
