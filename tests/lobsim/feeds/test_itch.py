"""TotalView-ITCH 5.0: the recorded framing, a synthetic day written and read, and every refusal."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date as date_type
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds.itch import messages, reader
from lobsim.feeds.itch.messages import MESSAGES
from lobsim.feeds.itch_writer import write_itch
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.schema import COLUMNS, Dataset
from lobsim.feeds.source import Source
from lobsim.sample import bundled_day
from lobsim.types import Fidelity, Flag, Kind, Phase, Side
from tests.support.read_pieces import read_one, read_symbols
from tests.support.recorded_books import OrderBook

DAY = "2012-06-21"
_SPECIFIED = {
    "S": 12, "R": 39, "H": 25, "Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21, "A": 36, "F": 40, "E": 31,
    "C": 36, "X": 23, "D": 19, "U": 35, "P": 44, "Q": 40, "B": 19, "I": 50, "N": 20, "O": 48,
}  # fmt: skip


def message(letter: str, seconds: int = 36_000, locate: int = 1, **fields: Any) -> bytes:
    """One framed message."""
    record = np.zeros(1, dtype=MESSAGES[letter])
    time = seconds * 10**9
    record["type"], record["locate"], record["time_high"], record["time_low"] = (
        letter.encode(),
        locate,
        time >> 32,
        time & 0xFFFFFFFF,
    )
    for name, value in fields.items():
        record[name] = value.ljust(8).encode() if name == "stock" else value
    return len(record.tobytes()).to_bytes(2, "big") + record.tobytes()


def add(
    order_id: int, side: bytes = b"B", shares: int = 100, price: int = 1_000_000, letter: str = "A", **more: Any
) -> bytes:
    return message(letter, order_id=order_id, side=side, shares=shares, stock="ZVZZT", price=price, **more)


def _write(tmp_path: Path, *parts: bytes) -> Path:
    path = tmp_path / "made-up.itch"
    path.write_bytes(b"".join(parts))
    return path


def _rows(tmp_path: Path, *parts: bytes, day: str = DAY) -> Any:
    whole = read_one(reader, _write(tmp_path, *parts), ReadOptions(date=day))
    columns = whole.events.select("kind", "side", "price", "size", "order_id", "other_id", "flags").rows()
    return [(Kind(kind).name, *rest, flags & ~Flag.LAST_IN_PACKET) for kind, *rest, flags in columns], dict(whole.notes)


def test_every_message_has_the_length_of_the_specification() -> None:
    assert _SPECIFIED == {letter: dtype.itemsize for letter, dtype in MESSAGES.items()}


def test_the_recorded_file_parses_to_its_end(shared: Path) -> None:
    source = Source(shared / "data" / "itch" / "totalview_itch50_first1000msgs.itch")
    assert reader.recognise(source)
    found: Counter[str] = Counter()
    stocks, times = [], []
    for block in messages.blocks(source):
        found.update({letter: len(records) for letter, records in block.records.items()})
        stocks += [stock.decode().strip() for stock in block.records["R"]["stock"]]
        times += block.time.tolist()
    assert {"R": 993, "H": 3, "Y": 3, "S": 1} == found
    assert len(set(stocks)) == 993
    assert sorted(times) == times
    assert (3, 3) == (times[0] // (3600 * 10**9), times[-1] // (3600 * 10**9))
    with pytest.raises(DataError, match=r"it holds no order and no trade \(1000 messages\)"):
        list(reader.read(source, ReadOptions(date=DAY)))


def test_each_message_becomes_its_row(tmp_path: Path) -> None:
    rows, notes = _rows(
        tmp_path,
        add(1),
        add(2, b"S", 300, 1_000_100, "F", participant=b"ABCD"),
        message("E", order_id=1, shares=40, match=1),
        message("C", order_id=1, shares=10, match=2, printable=b"Y", price=999_950),
        message("C", order_id=1, shares=10, match=3, printable=b"N", price=1_000_000),
        message("X", order_id=1, shares=15),
        message("X", order_id=1, shares=25),
        message("U", order_id=2, new_id=3, shares=250, price=1_000_200),
        message("D", order_id=3),
        message("P", order_id=0, side=b"S", shares=7, stock="ZVZZT", price=1_000_050, match=4),
        message("Q", shares=0, stock="ZVZZT", price=0, match=5, cross=b"O"),
        message("B", match=4),
        message("H", stock="ZVZZT", state=b"P"),
        message("I", stock="ZVZZT"),
    )
    known = Flag.AGGRESSOR_KNOWN
    assert [
        ("ADD", 0, 1_000_000, 100, 1, 0, 0),
        ("ADD", 1, 1_000_100, 300, 2, 0, 0),
        ("EXECUTE", 0, 1_000_000, 40, 1, 0, known),
        ("EXECUTE", 0, 999_950, 10, 1, 0, known),
        ("EXECUTE", 0, 1_000_000, 10, 1, 0, known | Flag.AUCTION),
        ("REDUCE", 0, 1_000_000, 15, 1, 0, 0),
        ("DELETE", 0, 1_000_000, 25, 1, 0, 0),
        ("REPLACE", 1, 1_000_200, 250, 2, 3, 0),
        ("DELETE", 1, 1_000_200, 250, 3, 0, 0),
        ("EXECUTE_HIDDEN", 1, 1_000_050, 7, 0, 0, known),
        ("PRINT", -1, 0, 0, 0, 0, Flag.AUCTION),
        ("PHASE", -1, 0, Phase.HALT, 0, 0, 0),
    ] == rows
    assert {"broken trades": 1} == notes


def test_the_side_of_a_hidden_execution_is_not_known_since_july_2014(tmp_path: Path) -> None:
    hidden = message("P", order_id=0, side=b"B", shares=7, stock="ZVZZT", price=1_000_050, match=4)
    assert 0 == _rows(tmp_path, hidden, day="2014-07-14")[0][0][-1]
    assert Flag.AGGRESSOR_KNOWN == _rows(tmp_path, hidden, day="2014-07-11")[0][0][-1]


def test_a_chain_of_replacements_keeps_the_side(tmp_path: Path) -> None:
    chain = [message("U", order_id=k, new_id=k + 1, shares=10 + k, price=1_000_000 + k) for k in range(1, 40)]
    rows, _ = _rows(tmp_path, add(1, b"S"), *chain, message("E", order_id=40, shares=49, match=1))
    assert {Side.SELL} == {row[1] for row in rows}
    assert ("EXECUTE", 1, 1_000_039, 49, 40, 0, Flag.AGGRESSOR_KNOWN) == rows[-1]


def test_phases_begin_with_system_hours_and_wait_for_the_first_order(tmp_path: Path) -> None:
    def system(event: bytes, seconds: int) -> bytes:
        return message("S", seconds, 0, event=event)

    path = _write(
        tmp_path,
        system(b"O", 11_000),
        *(message("R", 11_001, locate, stock=stock) for locate, stock in ((1, "AA"), (2, "BB"), (3, "CC"))),
        message("H", 11_002, 1, stock="AA", state=b"H"),
        system(b"S", 14_400),
        message("A", 15_000, 1, order_id=1, side=b"B", shares=1, stock="AA", price=10_000),
        message("A", 15_000, 2, order_id=2, side=b"B", shares=1, stock="BB", price=10_000),
        message("H", 15_001, 1, stock="AA", state=b"Q"),
        system(b"Q", 34_200),
        message("H", 34_300, 1, stock="AA", state=b"T"),
        system(b"E", 72_000),
        system(b"C", 72_001),
    )
    found = read_symbols(reader, path, ReadOptions(date=DAY))
    phases = {
        symbol: [
            (Phase(size).name, time % 10**15)
            for size, time in whole.events.filter(pl.col("kind") == Kind.PHASE).select("size", "ts_exchange").rows()
        ]
        for symbol, whole in found.items()
    }
    assert {"AA", "BB"} == set(found)
    assert ["HALT", "QUOTING", "CONTINUOUS", "CLOSED"] == [name for name, _ in phases["AA"]]
    assert ["CONTINUOUS", "CLOSED"] == [name for name, _ in phases["BB"]]


def _moved(date: str) -> Dataset:
    """The bundled day on another winter day."""
    sample = bundled_day()
    days = (date_type.fromisoformat(sample.info.date) - date_type.fromisoformat(date)).days
    moved = sample.events.with_columns(pl.col("ts_exchange", "ts_local") - days * 86_400 * 10**9)
    return Dataset(replace(sample.info, date=date), moved)


def _comparable(events: pl.DataFrame) -> pl.DataFrame:
    """What ITCH can say of rows: it does not name the taker of an execution."""
    kept = int(Flag.AGGRESSOR_KNOWN | Flag.AUCTION)
    taker = pl.when(pl.col("kind") == Kind.EXECUTE).then(0).otherwise(pl.col("other_id"))
    told = events.with_columns(flags=pl.col("flags") & kept, other_id=taker)
    return told.select(pl.col(list(COLUMNS)).exclude("ts_local", "match_id", "sequence"))


def test_a_whole_synthetic_day_comes_back_row_for_row_and_byte_for_byte(tmp_path: Path) -> None:
    sample = _moved("2012-01-05")
    path = tmp_path / "01052012.NASDAQ_ITCH50"
    count = write_itch(path, [sample])
    whole = read_one(reader, path)
    assert len(sample.events) + 6 == count
    assert (Fidelity.L3_FULL, "LOBS") == (whole.instrument.fidelity, whole.instrument.symbol)
    frame = whole.events["kind"] == Kind.PHASE
    assert [Phase.CONTINUOUS, Phase.CLOSED] == whole.events.filter(frame)["size"].to_list()
    assert _comparable(sample.events).equals(_comparable(whole.events.filter(~frame)))
    again = tmp_path / "again.itch"
    write_itch(again, [Dataset(sample.info, whole.events)])
    assert path.read_bytes() == again.read_bytes()


def test_several_symbols_share_a_day_and_each_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "BLOCK_BYTES", 10_001)
    monkeypatch.setattr(reader, "_ENOUGH_ROWS", 1_000)
    sample = _moved("2012-01-05")
    parts = []
    for number in range(3):
        events = sample.events.head(5_000).with_columns(
            order_id=pl.when(pl.col("order_id") > 0).then(pl.col("order_id") * 3 + number).otherwise(0),
            ts_exchange=pl.col("ts_exchange") + number,
        )
        parts.append(Dataset(replace(sample.info, symbol=f"S{number}"), events))
    path = tmp_path / "several.itch"
    write_itch(path, parts)
    found = read_symbols(reader, path, ReadOptions(date="2012-01-05"))
    assert ["S0", "S1", "S2"] == sorted(found)
    for part in parts:
        events = found[part.info.symbol].events
        assert _comparable(part.events).equals(_comparable(events.filter(pl.col("kind") != Kind.PHASE)))
    only = read_one(reader, path, ReadOptions(date="2012-01-05", symbol="S1"))
    assert only.events.equals(found["S1"].events)


def test_the_book_of_a_day_read_from_itch_never_crosses(tmp_path: Path) -> None:
    path = tmp_path / "day.itch"
    sample = _moved("2012-01-05")
    write_itch(path, [Dataset(sample.info, sample.events.head(20_000))])
    book = OrderBook()
    assert not any(book.crossed for _ in book.after_each(read_one(reader, path, ReadOptions(date="2012-01-05")).events))


def _refused(path: Path, options: ReadOptions | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_one(reader, path, options or ReadOptions(date=DAY))
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ((add(1), add(1)), "FILE row 2: order 1 is added a second time"),
        ((add(1), message("E", order_id=1, shares=101, match=1)), "FILE row 2: more is taken off order 1 than is left"),
        ((add(1), message("X", order_id=1, shares=0)), "FILE row 2: order 1 is given or loses 0 shares"),
        ((add(1), message("D", 35_999, order_id=1)), "FILE row 2: its time is earlier than that of the message before"),
        ((add(1), message("H", stock="ZVZZT", state=b"Z")), "FILE row 2: a trading state b'Z' is not known"),
        ((add(1), add(2)[:-1]), "FILE row 2: it ends inside a message"),
        ((*(add(k) for k in range(1, 18)), b"\x00\x03ZZZ"), "FILE row 18: a message of type 'Z' and 3 bytes"),
        (
            (*(add(k) for k in range(1, 18)), b"\x00\x14" + add(18)[2:22]),
            "FILE row 18: a message of type 'A' and 20 bytes",
        ),
    ],
)
def test_messages_that_cannot_be_are_refused(tmp_path: Path, parts: tuple[bytes, ...], sentence: str) -> None:
    assert _refused(_write(tmp_path, *parts)).startswith(sentence)


def test_what_speaks_of_unknown_orders_is_left_out_and_counted(tmp_path: Path) -> None:
    rows, notes = _rows(
        tmp_path,
        add(1),
        message("E", order_id=9, shares=1, match=1),
        message("U", order_id=9, new_id=10, shares=5, price=1),
        message("D", order_id=10),
    )
    assert ["ADD"] == [row[0] for row in rows]
    assert {"messages of unknown orders": 3} == notes


def test_the_day_must_be_told_once_and_without_contradiction(tmp_path: Path) -> None:
    path = _write(tmp_path, add(1))
    assert "FILE: it does not say which day it is; say it with date" == _refused(path, ReadOptions())
    named = tmp_path / "01302019.NASDAQ_ITCH50"
    named.write_bytes(add(1))
    assert "by its name it is of 2019-01-30, not 2012-06-21" in _refused(named)
    assert "it holds no order and no trade of AA" in _refused(path, ReadOptions(date=DAY, symbol="AA"))


def test_other_bytes_are_not_recognised(tmp_path: Path) -> None:
    for content in (b"", b"time,price\n1,2\n", b"\x00\x0cZ" + bytes(30)):
        path = tmp_path / "other"
        path.write_bytes(content)
        assert not reader.recognise(Source(path))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": pl.lit(int(Kind.LEVEL), dtype=pl.Int8)}, "ITCH cannot say this LEVEL"),
        ({"price": pl.col("price") * 10**6}, "ITCH cannot say this ADD"),
        ({"order_id": pl.lit(5, dtype=pl.Int64)}, "order 5 is not there, or has less, or is added twice"),
    ],
)
def test_what_itch_cannot_say_is_not_written(tmp_path: Path, change: dict[str, pl.Expr], sentence: str) -> None:
    sample = bundled_day()
    with pytest.raises(DataError, match=sentence):
        write_itch(tmp_path / "bad.itch", [Dataset(sample.info, sample.events.head(10).with_columns(**change))])
    assert [] == list(tmp_path.iterdir())
