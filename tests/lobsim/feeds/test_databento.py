"""Databento: what the recordings do not hold, and every refusal, on made-up files."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobsim.errors import DataError
from lobsim.feeds.databento import dbn, delimited
from lobsim.feeds.databento.records import MBO, RECORD_OF_SCHEMA, UNDEFINED_PRICE
from lobsim.feeds.piece import ReadOptions
from lobsim.types import Flag, Kind, Side
from tests.support.read_pieces import read_one, read_symbols

NANO = 10**9
LAST, SNAPSHOT, BAD = 128, 32, 4
Row = tuple[Any, ...]


def head(schema: int = 0, symbols: Sequence[str] = ("AA", "BB")) -> bytes:
    """The head of a DBN file of version 1; instruments 1, 2 ... are the symbols.  Schema 0 is mbo, 65535 mixed."""
    fixed = struct.pack(
        "<16sHQQQQBBB47x", b"GLBX.MDP3", schema, 1_703_462_400 * NANO, 1_703_548_800 * NANO, 0, 0, 1, 0, 0
    )
    names = struct.pack("<II", 0, len(symbols)) + b"".join(struct.pack("<22s", name.encode()) for name in symbols)
    mappings = struct.pack("<III", 0, 0, len(symbols))
    for number, name in enumerate(symbols, 1):
        stretch = struct.pack("<II22s", 20_231_225, 20_231_226, str(number).encode())
        mappings += struct.pack("<22sI", name.encode(), 1) + stretch
    body = fixed + names + mappings
    return b"DBN\x01" + struct.pack("<I", len(body)) + body


def mbo(*rows: Row) -> bytes:
    """MBO records from (seconds, action, side, order id, price, size, flags[, instrument])."""
    records = np.zeros(len(rows), dtype=MBO)
    for number, (seconds, action, side, order_id, price, size, flags, *instrument) in enumerate(rows):
        record = records[number]
        record["length"], record["rtype"], record["publisher_id"] = MBO.itemsize // 4, 160, 1
        record["instrument_id"] = instrument[0] if instrument else 1
        record["ts_event"] = (1_703_470_000 + seconds) * NANO
        record["ts_recv"] = record["ts_event"] + 500
        record["action"], record["side"] = ord(action), ord(side)
        record["order_id"], record["size"], record["flags"], record["sequence"] = order_id, size, flags, number
        record["price"] = UNDEFINED_PRICE if price is None else price * NANO
    return records.tobytes()


@pytest.fixture
def rows_of(tmp_path: Path) -> Callable[..., Any]:
    """Write MBO records and read them back: (kind, side, price, size, order id, flags) of each row, and the notes."""

    def read(*rows: Row) -> Any:
        path = tmp_path / "made-up.dbn"
        path.write_bytes(head() + mbo(*rows))
        whole = read_one(dbn, path)
        columns = whole.events.select("kind", "side", "price", "size", "order_id", "flags").rows()
        return [(Kind(kind).name, side, price // NANO, *rest) for kind, side, price, *rest in columns], dict(
            whole.notes
        )

    return read


def test_a_fill_and_the_cancel_that_follows_are_one_execution(rows_of: Any) -> None:
    rows, notes = rows_of(
        (0, "A", "B", 7, 100, 5, LAST),
        (1, "T", "A", 0, 100, 3, 0),
        (1, "F", "B", 7, 100, 3, 0),
        (1, "C", "B", 7, 100, 3, LAST),
    )
    known = Flag.AGGRESSOR_KNOWN | Flag.LAST_IN_PACKET
    assert [("ADD", 0, 100, 5, 7, Flag.LAST_IN_PACKET), ("EXECUTE", 0, 100, 3, 7, known)] == rows
    assert {} == notes


def test_a_cancel_of_more_than_its_fill_says_the_rest_was_cancelled(rows_of: Any) -> None:
    rows, _ = rows_of(
        (0, "A", "B", 7, 100, 5, LAST),
        (1, "T", "A", 0, 100, 3, 0),
        (1, "F", "B", 7, 100, 3, 0),
        (1, "C", "B", 7, 100, 5, LAST),
    )
    assert [("EXECUTE", 3), ("DELETE", 2)] == [(row[0], row[3]) for row in rows[1:]]


def test_a_partial_cancel_keeps_the_order(rows_of: Any) -> None:
    rows, _ = rows_of((0, "A", "A", 7, 100, 5, LAST), (1, "C", "A", 7, 100, 2, LAST), (2, "C", "A", 7, 100, 3, LAST))
    assert [("REDUCE", 2), ("DELETE", 3)] == [(row[0], row[3]) for row in rows[1:]]


def test_a_fill_that_nothing_settles_leaves_the_book_alone(rows_of: Any) -> None:
    rows, notes = rows_of((0, "A", "B", 7, 100, 5, LAST), (1, "T", "A", 0, 100, 3, 0), (1, "F", "B", 7, 100, 3, LAST))
    assert [("EXECUTE_HIDDEN", Side.BUY, 100, 3)] == [row[:4] for row in rows[1:]]
    assert {"fills beyond what was shown": 1} == notes


def test_a_fill_of_an_unknown_order_is_a_hidden_execution(rows_of: Any) -> None:
    rows, notes = rows_of((1, "T", "A", 0, 100, 3, 0), (1, "F", "B", 7, 100, 3, LAST))
    assert [("EXECUTE_HIDDEN", Side.BUY, 100, 3)] == [row[:4] for row in rows]
    assert {"fills of unknown orders": 1} == notes


def test_the_part_of_a_trade_without_a_fill_is_hidden(rows_of: Any) -> None:
    rows, _ = rows_of(
        (0, "A", "A", 7, 100, 5, LAST),
        (1, "T", "B", 9, 100, 8, 0),
        (1, "F", "A", 7, 100, 5, 0),
        (1, "C", "A", 7, 100, 5, LAST),
    )
    assert [("EXECUTE_HIDDEN", 1, 3), ("EXECUTE", 1, 5)] == [(row[0], row[1], row[3]) for row in rows[1:]]


def test_an_iceberg_that_is_shown_again_joins_anew(rows_of: Any) -> None:
    rows, notes = rows_of(
        (0, "A", "B", 7, 100, 2, LAST),
        (1, "T", "A", 9, 100, 5, 0),
        (1, "F", "B", 7, 100, 5, 0),
        (1, "M", "B", 7, 100, 4, LAST),
    )
    assert [("EXECUTE", 2), ("EXECUTE_HIDDEN", 3), ("ADD", 4)] == [(row[0], row[3]) for row in rows[1:]]
    assert {"fills beyond what was shown": 1, "shown again after a fill": 1} == notes


def test_a_book_that_may_be_bad_is_cleared_and_waits_for_the_next_snapshot(rows_of: Any) -> None:
    rows, notes = rows_of(
        (0, "A", "B", 7, 100, 2, LAST),
        (1, "A", "B", 8, 101, 2, LAST | BAD),
        (2, "A", "B", 9, 102, 2, LAST),
        (3, "R", "N", 0, None, 0, 0),
        (3, "A", "B", 7, 100, 2, SNAPSHOT),
        (3, "A", "B", 8, 101, 2, SNAPSHOT | LAST),
        (4, "C", "B", 7, 100, 2, LAST),
    )
    assert ["ADD", "CLEAR", "CLEAR", "ADD", "ADD", "DELETE"] == [row[0] for row in rows]
    assert {"gaps": 1, "rows in gaps": 2} == notes


def test_what_is_not_known_is_counted(rows_of: Any) -> None:
    rows, notes = rows_of(
        (0, "C", "B", 7, 100, 2, LAST),
        (1, "M", "B", 8, 100, 2, LAST),
        (2, "A", "B", 8, 101, 3, LAST),
        (3, "C", "B", 8, 101, 9, LAST),
        (2, "A", "A", 9, 105, 1, LAST),
    )
    assert [("ADD", 2), ("REPLACE", 3), ("DELETE", 3), ("ADD", 1)] == [(row[0], row[3]) for row in rows]
    assert {
        "cancels of unknown orders": 1,
        "modifies of unknown orders": 1,
        "added twice": 1,
        "cancels of more than there is": 1,
        "times raised": 1,
    } == notes


def test_instruments_of_one_stream_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "two.dbn"
    path.write_bytes(
        head()
        + mbo((0, "A", "B", 7, 100, 2, LAST, 1), (0, "A", "A", 7, 50, 3, LAST, 2), (1, "C", "B", 7, 100, 2, LAST, 1))
    )
    found = read_symbols(dbn, path)
    assert {"AA": 2, "BB": 1} == {symbol: len(whole.events) for symbol, whole in found.items()}


def test_blocks_may_be_cut_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(k // 4, "A", "B", 100 + k, 100 + k % 7, 1 + k % 5, LAST if k % 4 == 3 else 0) for k in range(400)]
    rows += [
        (200 + k, *row)
        for k in range(100)
        for row in (("T", "A", 0, 9, 1, 0), ("F", "B", 100 + k, 9, 1, 0), ("C", "B", 100 + k, 9, 1, LAST))
    ]
    path = tmp_path / "blocks.dbn"
    path.write_bytes(head() + mbo(*rows))
    whole = read_one(dbn, path)
    monkeypatch.setattr(dbn, "BLOCK_BYTES", 777)
    monkeypatch.setattr("lobsim.feeds.databento.stream._ENOUGH_RECORDS", 5)
    assert whole.events.equals(read_one(dbn, path).events)


def _refused(path: Path, reader: Any = dbn, options: ReadOptions | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_one(reader, path, options)
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"DBN\x04\x10\x00\x00\x00" + bytes(16), "it is DBN version 4, known are 1, 2 and 3"),
        (b"DBN\x01\x10", "it ends inside its head"),
        (b"DBN\x01\x10\x00\x00\x00" + bytes(3), "it ends inside its head"),
        (b"DBN\x01\xff\xff\xff\xff", "its head claims 4294967295 bytes"),
        (b"\x51\x2a\x4d\x18\x40\x00\x00\x00DBZ1" + bytes(60), "it is DBZ, the encoding that Databento gave up for DBN"),
    ],
)
def test_files_that_are_not_dbn_of_a_known_version_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "bad.dbn"
    path.write_bytes(content)
    assert sentence in _refused(path)


@pytest.mark.parametrize("schema", ["ohlcv-1m", "tbbo"])
def test_schemas_that_cannot_be_replayed_are_refused(shared: Path, schema: str) -> None:
    path = shared / "data" / "databento" / "dbn_format_samples" / f"test_data.{schema}.v3.dbn.zst"
    expected = f"FILE: its schema {schema} is not one that can be replayed; give one of mbo, mbp-1, mbp-10, trades"
    assert expected == _refused(path)


def test_a_live_recording_that_mixes_schemas_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "live.dbn"
    path.write_bytes(head(65_535))
    assert "it is a live recording that mixes schemas" in _refused(path)


def test_a_truncated_zst_is_refused(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.dbn.zst"
    whole = shared / "data" / "databento" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    path.write_bytes(whole.read_bytes()[:500_000])
    assert (
        "FILE: it cannot be unpacked (Truncated compressed stream); the file seems to be cut or damaged: fetch it again"
        == _refused(path)
    )


GOOD = (0, "A", "B", 7, 100, 2, LAST)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (mbo(GOOD, GOOD)[:-1], "FILE row 2: it ends inside a record"),
        (
            mbo(GOOD) + np.zeros(1, RECORD_OF_SCHEMA["trades"][0]).tobytes() + bytes(8),
            "FILE row 2: a record of type 0 and 0 bytes",
        ),
        (mbo(GOOD, (0, "X", "B", 7, 100, 2, LAST)), "FILE row 2, field action: action is 88"),
        (mbo(GOOD, (0, "A", "X", 7, 100, 2, LAST)), "FILE row 2, field side: side is 88"),
        (mbo(GOOD, (0, "A", "N", 7, 100, 2, LAST)), "FILE row 2, field side: side is 78, an order has side B or A"),
        (mbo(GOOD, (0, "A", "B", 7, 100, 0, LAST)), "FILE row 2, field size: size is 0, 1 or more is needed"),
        (
            mbo(GOOD, (0, "A", "B", 7, None, 1, LAST)),
            "FILE row 2, field price: price is 9223372036854775807, a price is needed",
        ),
        (mbo(GOOD, (0, "A", "B", 2**63, 100, 1, LAST)), "FILE row 2, field order_id"),
        (b"", "FILE: it holds no record"),
        (mbo((*GOOD, 3)), "FILE: it does not say which symbol instrument 3 is; say it with symbol"),
    ],
)
def test_records_that_cannot_be_are_refused(tmp_path: Path, body: bytes, sentence: str) -> None:
    path = tmp_path / "bad.dbn"
    path.write_bytes(head() + body)
    assert _refused(path).startswith(sentence)


NAMES = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,order_id,flags,sequence,symbol"
LINE = "1000,2025-07-17T07:05:09.035627674Z,160,2,1108,A,B,5.51,100,7,130,1,ARL"


def _csv(tmp_path: Path, *lines: str, names: str = NAMES, end: str = "\n") -> Path:
    path = tmp_path / "made-up.csv"
    path.write_text("\n".join([names, *lines]) + end)
    return path


@pytest.mark.parametrize(
    ("price", "expected"), [("5.51", 5_510_000_000), ("5510000000", 5_510_000_000), ("-0.25", -250_000_000)]
)
def test_prices_in_text_are_exact_whether_decimal_or_whole(tmp_path: Path, price: str, expected: int) -> None:
    row = read_one(delimited, _csv(tmp_path, LINE.replace("5.51", price))).events.row(0, named=True)
    assert (expected, 100, 7, 1000) == (row["price"], row["size"], row["order_id"], row["ts_local"])
    assert row["ts_exchange"] == 1_752_735_909_035_627_674


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("5.51", "5.5x", "FILE row 3, field price: price is '5.5x', a decimal with up to 9 decimals is needed"),
        ("5.51", "5.1234567891", "FILE row 3, field price"),
        (",100,", ",1e2,", "FILE row 3, field size: size is '1e2', a whole number is needed"),
        (",100,", ",4294967296,", "FILE row 3, field size: size is 4294967296, 0 to 4294967295 is possible"),
        (
            "2025-07-17T",
            "2025-13-17T",
            "FILE row 3, field ts_event: ts_event is '2025-13-17T07:05:09.035627674Z', there is no such time",
        ),
        (",A,B,", ",AA,B,", "FILE row 3, field action: action is 'AA', one capital letter is needed"),
        (",160,", ",1,", "FILE row 3, field rtype: rtype is 1, the first row has 160"),
        (",ARL", "", "FILE row 3: the row has 12 columns, 13 are needed"),
        (",ARL", ",ARL,1", "FILE row 3: the row has 14 columns, 13 are needed"),
    ],
)
def test_text_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = _csv(tmp_path, LINE, LINE.replace(old, new, 1))
    assert _refused(path, delimited).startswith(sentence)


def test_a_csv_without_its_last_newline_or_a_column_is_refused(tmp_path: Path) -> None:
    assert "it has no newline at its end and may be cut" in _refused(_csv(tmp_path, LINE, end=""), delimited)
    path = _csv(tmp_path, LINE, names=NAMES.replace("order_id", "identity"))
    assert "the column order_id is missing" in _refused(path, delimited)
    assert "it holds no record" in _refused(_csv(tmp_path), delimited)
    path = _csv(tmp_path, LINE.replace(",160,", ",32,"))
    assert "records of type 32 cannot be replayed" in _refused(path, delimited)


def test_a_csv_of_an_unknown_publisher_needs_the_venue(tmp_path: Path) -> None:
    path = _csv(tmp_path, LINE.replace(",160,2,", ",160,99,"))
    assert "it does not say which venue publisher 99 is; say it with venue" in _refused(path, delimited)
    assert "XEUR" == read_one(delimited, path, ReadOptions(venue="XEUR")).instrument.venue


def test_options_that_contradict_the_file_or_say_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "good.dbn"
    path.write_bytes(head() + mbo(GOOD))
    assert "FILE: it is of venue GLBX, not XNAS" == _refused(path, dbn, ReadOptions(venue="XNAS"))
    assert "FILE: book was given, this format has no use for it; leave it out" == _refused(
        path, dbn, ReadOptions(book="x")
    )
