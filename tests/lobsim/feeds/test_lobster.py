"""LOBSTER days come in whole and exact, or are refused in one sentence that names file and row."""

from __future__ import annotations

import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds import limits, read_lobster
from lobsim.feeds.lobster import parse_name, recognise
from lobsim.types import NONE, NONE_PRICE, Fidelity, Flag, Kind, Phase, Side

Edit = Callable[[Any], Path]

GOOG_10_COUNTS = {Kind.ADD: 71258, Kind.REDUCE: 19, Kind.DELETE: 64961, Kind.EXECUTE: 7765, Kind.EXECUTE_HIDDEN: 3913}
GOOG_1_COUNTS = {Kind.ADD: 24368, Kind.REDUCE: 7, Kind.DELETE: 13429, Kind.EXECUTE: 7765, Kind.EXECUTE_HIDDEN: 3913}
AAPL_1_COUNTS = {Kind.ADD: 54818, Kind.REDUCE: 252, Kind.DELETE: 28437, Kind.EXECUTE: 23658, Kind.EXECUTE_HIDDEN: 11332}
AAPL_50_COUNTS = {Kind.ADD: 44256, Kind.REDUCE: 469, Kind.DELETE: 41004, Kind.EXECUTE: 4067, Kind.EXECUTE_HIDDEN: 2201}
AAPL_HOUR = "AAPL_2012-06-21_34200000_37800000"


def utc_ns(*parts: int) -> int:
    """A UTC instant in nanoseconds."""
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 10**9


# ---- recorded days


@pytest.mark.parametrize(
    ("name", "depth", "counts"),
    [
        ("GOOG_2012-06-21_10", 10, GOOG_10_COUNTS),
        ("GOOG_2012-06-21_1", 1, GOOG_1_COUNTS),
        ("AAPL_2012-06-21_1", 1, AAPL_1_COUNTS),
    ],
)
def test_a_recorded_day_has_the_documented_counts(shared: Path, name: str, depth: int, counts: dict[Kind, int]) -> None:
    dataset = read_lobster(shared / "data" / "lobster" / f"LOBSTER_SampleFile_{name}.zip")
    assert counts == Counter(dataset.events["kind"].to_list())
    assert dataset.rows is not None
    assert (sum(counts.values()), 4 * depth) == dataset.rows.shape
    assert (depth, Fidelity.L3_TOP_K) == (dataset.info.depth, dataset.info.fidelity)
    assert dataset.rows.flags.c_contiguous
    assert not (dataset.rows == NONE_PRICE).any()


def test_the_goog_archive_keeps_every_integer(shared: Path) -> None:
    archive = shared / "data" / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
    dataset = read_lobster(archive)
    events, info = dataset.events, dataset.info
    assert 147_916 == len(events)
    open_ns = utc_ns(2012, 6, 21, 13, 30)
    assert [open_ns + 15105074, open_ns + 59901970] == events["ts_exchange"].head(2).to_list()
    assert (Kind.EXECUTE, Side.BUY, 5794000, 4, 15818974) == events.row(0)[2:7]
    assert [5802300, 100, 5794000, 496] == dataset.rows[0, :4].tolist()
    assert (open_ns, utc_ns(2012, 6, 21, 20)) == (info.session_start_ns, info.session_end_ns)
    assert ("GOOG", "2012-06-21", "0.0001", 100) == (info.symbol, info.date, info.price_quantum, info.tick_quanta)
    assert "2fa66b61c7c4d4cd3f19180aaa7f5937a26355f81b2ac8e4a84e36550e8dde4a" == info.source_sha256
    assert {"type 4: 7765", "hidden executions off tick: 50"} < set(info.notes)
    hidden = events.filter(pl.col("kind") == Kind.EXECUTE_HIDDEN)
    visible = events.filter(pl.col("kind") == Kind.EXECUTE)
    assert (213_616, 492_509) == (hidden["size"].sum(), visible["size"].sum())
    assert {Flag.AGGRESSOR_KNOWN} == set(hidden["flags"]) | set(visible["flags"])


def test_archive_and_packed_pair_have_one_digest(shared: Path) -> None:
    folder = shared / "data" / "lobster"
    archive = read_lobster(folder / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip")
    pair = read_lobster(folder / "GOOG_2012-06-21_34200000_57600000_message_10.csv.gz")
    assert "fe2d1626ad1c1c02e36669eadb40bdbabd14324376d73968ea591d734d7a79b5" == archive.digest
    assert archive.digest == pair.digest
    assert archive.digest != read_lobster(folder / "LOBSTER_SampleFile_GOOG_2012-06-21_1.zip").digest


def test_deep_messages_alone_carry_a_seed_row_and_the_truth(shared: Path) -> None:
    hour = shared / "data" / "lobster" / AAPL_HOUR
    dataset = read_lobster(
        f"{hour}_message_50.csv.gz",
        seed_book=f"{hour}_orderbook_50.first672rows.csv.gz",
        truth=f"{hour}_orderbook_50.level1only.csv.gz",
    )
    assert AAPL_50_COUNTS == Counter(dataset.events["kind"].to_list())
    assert dataset.rows is None and dataset.seed_row is not None and dataset.truth is not None
    assert ((200,), (91_997, 4), 50) == (dataset.seed_row.shape, dataset.truth.shape, dataset.info.depth)
    assert [5859400, 200, 5853300, 18] == dataset.seed_row[:4].tolist()
    # One time of this file was written through a 64-bit float: 35821.088778456004.
    assert utc_ns(2012, 6, 21, 4) + 35821088778456 == dataset.events["ts_exchange"][39482]
    assert "times with float noise taken off: 1" in dataset.info.notes


def test_a_single_size_altered_in_the_book_does_not_stop_the_import(shared: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared / "data" / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_1.zip") as archive:
        for member in archive.namelist():
            (tmp_path / member).write_bytes(archive.read(member))
    messages = tmp_path / "GOOG_2012-06-21_34200000_57600000_message_1.csv"
    book = tmp_path / "GOOG_2012-06-21_34200000_57600000_orderbook_1.csv"
    lines = book.read_bytes().splitlines(keepends=True)
    ask, size, rest = lines[1000].split(b",", 2)
    lines[1000] = b",".join((ask, b"%d" % (int(size) + 1), rest))
    whole = read_lobster(messages).rows
    book.write_bytes(b"".join(lines))
    altered = read_lobster(messages).rows
    assert whole is not None and altered is not None
    assert [[1000, 1]] == np.argwhere(whole != altered).tolist()


# ---- what each row becomes


def test_every_type_becomes_its_canonical_row(tiny: Any) -> None:
    events = read_lobster(tiny.write_zip()).events
    kinds = [Kind.ADD] * 5 + [Kind.REDUCE, Kind.EXECUTE, Kind.EXECUTE, Kind.EXECUTE_HIDDEN, Kind.PRINT]
    assert [*kinds, Kind.PHASE, Kind.PHASE, Kind.PHASE, Kind.DELETE] == events["kind"].to_list()
    assert [Side.SELL, Side.SELL, Side.BUY] == events["side"].head(3).to_list()
    known = Flag.AGGRESSOR_KNOWN
    assert [0] * 6 + [known] * 3 + [Flag.AUCTION] + [0] * 4 == events["flags"].to_list()
    assert {"side": NONE, "price": 1000000, "size": 500, "order_id": -1}.items() <= events.row(9, named=True).items()
    phases = events[10:13].select("side", "price", "size", "order_id").rows()
    assert [(NONE, 0, phase, 0) for phase in (Phase.HALT, Phase.QUOTING, Phase.CONTINUOUS)] == phases
    assert list(range(14)) == events["sequence"].to_list()
    assert events["ts_local"].equals(events["ts_exchange"].alias("ts_local"))


def test_times_of_any_number_of_decimals_are_exact(tiny: Any) -> None:
    midnight_ns = utc_ns(2012, 6, 21, 4)
    times = (read_lobster(tiny.write_zip()).events["ts_exchange"] - midnight_ns).to_list()
    assert [34200000000001, 34200059901970, 34201000000000, 34201500000000] == times[:4]


def test_winter_days_start_an_hour_later_in_utc(tiny: Any) -> None:
    tiny.message_name = tiny.message_name.replace("2012-06-21", "2012-12-20")
    tiny.book_name = tiny.book_name.replace("2012-06-21", "2012-12-20")
    assert utc_ns(2012, 12, 20, 14, 30) == read_lobster(tiny.write_csv()).info.session_start_ns


def test_a_missing_level_has_no_price(tiny: Any) -> None:
    rows = read_lobster(tiny.write_zip()).rows
    assert [1000100, 100, 999700, 10, 1000300, 10, NONE_PRICE, 0] == rows[0].tolist()


def test_zip_csv_and_gz_agree(tiny: Any) -> None:
    digests = {read_lobster(tiny.write_zip()).digest, read_lobster(tiny.write_csv()).digest}
    for path in tiny.folder.glob("*.csv"):
        path.unlink()
    assert 1 == len(digests | {read_lobster(tiny.write_csv(packed=True)).digest})


@pytest.mark.parametrize("seventh", ["null", "NSDQ", ""])
def test_a_seventh_column_is_ignored(tiny: Any, seventh: str) -> None:
    six = read_lobster(tiny.write_zip()).digest
    tiny.messages = [f"{line},{seventh}" for line in tiny.messages]
    assert six == read_lobster(tiny.write_zip()).digest


def test_windows_line_ends_change_nothing(tiny: Any) -> None:
    path = tiny.write_csv()
    digest = read_lobster(path).digest
    for file in tiny.folder.glob("*.csv"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert digest == read_lobster(path).digest


def test_a_missing_last_newline_is_forgiven_where_no_digit_can_be_missing(tiny: Any) -> None:
    digest = read_lobster(tiny.write_csv()).digest
    tiny.final_newline = {"message": False, "book": False}
    assert digest == read_lobster(tiny.write_csv()).digest


def test_messages_alone_have_no_rows(tiny: Any) -> None:
    dataset = read_lobster(tiny.write_zip(book=False))
    assert (None, None, None, 2) == (dataset.rows, dataset.seed_row, dataset.truth, dataset.info.depth)


def test_files_of_any_name_come_in_with_symbol_and_date(tiny: Any) -> None:
    digest = read_lobster(tiny.write_csv()).digest
    messages = (tiny.folder / tiny.message_name).rename(tiny.folder / "m.csv")
    book = (tiny.folder / tiny.book_name).rename(tiny.folder / "b.csv")
    dataset = read_lobster(messages, book=book, symbol="TINY", date="2012-06-21")
    assert digest == dataset.digest
    assert utc_ns(2012, 6, 21, 13, 30) == dataset.info.session_start_ns


def test_a_finer_tick_can_be_asked_for(tiny: Any) -> None:
    tiny.set_field(1, 4, 1000150).set_cell(1, 0, 1000150)
    with pytest.raises(DataError, match="off the tick of 100"):
        read_lobster(tiny.write_zip())
    assert 10 == read_lobster(tiny.write_zip(), tick_quanta=10).info.tick_quanta


# ---- names


def test_names_are_read_and_others_are_not() -> None:
    name = parse_name("AAPL_2012-06-21_34200000_37800000_orderbook_50.first672rows.csv.gz")
    assert name is not None
    assert ("AAPL", "2012-06-21", 34200000, 37800000, "orderbook", 50) == tuple(vars(name).values())
    assert parse_name("../AAPL_2012-06-21_34200000_37800000_message_50.csv") is None
    assert parse_name("trades.csv") is None


def test_lobster_files_are_recognised(tiny: Any) -> None:
    path = tiny.write_zip(name="any.zip")
    assert recognise(path) and recognise(tiny.write_csv())
    cut = tiny.folder / "LOBSTER_cut.zip"
    cut.write_bytes(path.read_bytes()[:100])
    assert recognise(cut)
    assert not recognise(tiny.folder / "absent.zip") and not recognise("trades.csv")


# ---- refusals: an edit of the recording, then what the sentence must name


def edited(field: int, value: object, row: int = 3) -> Edit:
    return lambda tiny: tiny.set_field(row, field, value).write_zip()


def edited_cell(column: int, value: object, row: int = 3) -> Edit:
    return lambda tiny: tiny.set_cell(row, column, value).write_zip()


def with_line(row: int, line: str) -> Edit:
    return lambda tiny: tiny.set_line("messages", row, line).write_zip()


MESSAGE, BOOK = "_message_2.csv", "_orderbook_2.csv"
REFUSALS: dict[str, tuple[Edit, str, int | None, str]] = {
    # name: edit, part of the file's name, row, part of the sentence
    "size nan": (edited(3, "nan"), MESSAGE, 3, "size is 'nan'"),
    "size negative": (edited(3, -5), MESSAGE, 3, "size is '-5'"),
    "size with exponent": (edited(3, "1e3"), MESSAGE, 3, "size is '1e3'"),
    "size with spaces": (edited(3, " 100 "), MESSAGE, 3, "size is ' 100 '"),
    "size with sign": (edited(3, "+100"), MESSAGE, 3, "size is '+100'"),
    "size in hexadecimal": (edited(3, "0x10"), MESSAGE, 3, "size is '0x10'"),
    "size in quotes": (edited(3, '"100"'), MESSAGE, 3, "size is"),
    "size with decimals": (edited(3, "100.0"), MESSAGE, 3, "size is '100.0'"),
    "size empty": (edited(3, ""), MESSAGE, 3, "size is ''"),
    "size zero": (edited(3, 0), MESSAGE, 3, "size is 0, 1 or more"),
    "size of twenty digits": (edited(3, 10**19), MESSAGE, 3, "size is"),
    "size beyond the core's bound": (edited(3, 2**41, row=9), MESSAGE, 9, "lots are allowed"),
    "size in another script": (edited(3, "१००"), MESSAGE, 3, "size is"),
    "time nan": (edited(0, "nan"), MESSAGE, 3, "time is 'nan'"),
    "time with exponent": (edited(0, "3.42e4"), MESSAGE, 3, "time is '3.42e4'"),
    "time with twelve decimals": (edited(0, "34201.123456789123"), MESSAGE, 3, "at most 9 decimals"),
    "time with ten decimals": (edited(0, "34201.1234567891"), MESSAGE, 3, "at most 9 decimals"),
    "time empty": (edited(0, ""), MESSAGE, 3, "time is ''"),
    "time running backwards": (edited(0, "34200.000000000"), MESSAGE, 3, "earlier than the row before"),
    "time of the next day": (edited(0, "86400", row=14), MESSAGE, 14, "86400"),
    "type unknown": (edited(1, 8), MESSAGE, 3, "type is '8'"),
    "order id zero": (edited(2, 0), MESSAGE, 3, "order id is 0"),
    "price zero": (edited(4, 0), MESSAGE, 3, "price is 0"),
    "price negative": (edited(4, -999900), MESSAGE, 3, "price is -999900"),
    "price off tick": (edited(4, 999950), MESSAGE, 3, "off the tick"),
    "price nan": (edited(4, "nan"), MESSAGE, 3, "price is 'nan'"),
    "price of a halt": (edited(4, 2, row=11), MESSAGE, 11, "price is 2"),
    "price beyond the core's bound": (edited(4, 10**17, row=9), MESSAGE, 9, "ticks are allowed"),
    "direction unknown": (edited(5, 2), MESSAGE, 3, "direction is '2'"),
    "direction zero": (edited(5, 0), MESSAGE, 3, "direction is 0"),
    "column missing": (with_line(3, "34201,1,13,100,999900"), MESSAGE, 3, "5 columns, 6 are needed"),
    "column too many": (with_line(3, "34201,1,13,100,999900,1,9"), MESSAGE, 3, "7 columns, 6 are needed"),
    "line empty": (with_line(3, ""), MESSAGE, 3, "row is empty"),
    "book cell nan": (edited_cell(1, "nan"), BOOK, 3, "ask size 1 is 'nan'"),
    "book cell with spaces": (edited_cell(1, " 100 "), BOOK, 3, "ask size 1 is ' 100 '"),
    "book cell empty": (edited_cell(3, ""), BOOK, 3, "bid size 1 is ''"),
    "book cell too large": (edited_cell(3, 10**19), BOOK, 3, "bid size 1 is"),
    "book size negative": (edited_cell(3, -5), BOOK, 3, "bid size 1 is -5"),
    "book size zero at a price": (edited_cell(3, 0), BOOK, 3, "bid size 1 is 0"),
    "book size without a price": (edited_cell(7, 5, row=1), BOOK, 1, "bid size 2 is 5"),
    "book price off tick": (edited_cell(0, 1000150), BOOK, 3, "ask price 1 is 1000150"),
    "book levels out of order": (edited_cell(4, 1000000), BOOK, 3, "ask price 2 is 1000000"),
    "book column missing": (lambda t: t.set_line("book", 3, "1,2,3").write_zip(), BOOK, 3, "3 columns, 8 are needed"),
    "messages one row short": (lambda t: t.drop_last("messages").write_csv(), BOOK, 14, "the messages are 13"),
    "book one row short": (lambda t: t.drop_last("book").write_csv(), BOOK, 14, "13 rows, the messages are 14"),
    "message file cut in a row": (lambda t: t.write_cut_csv(t.message_name, 8), MESSAGE, 14, "cut"),
    "message file cut in a field": (lambda t: t.write_cut_csv(t.message_name, 2), MESSAGE, 14, "direction is '-'"),
    "book cut in a row": (lambda t: t.write_cut_csv(t.book_name, 12), BOOK, 14, "cut"),
    "book cut inside its last number": (lambda t: t.write_cut_csv(t.book_name, 2), BOOK, 14, "cut"),
    "message file empty": (lambda t: t.write_cut_csv(t.message_name, None), MESSAGE, None, "empty"),
    "book empty": (lambda t: t.write_cut_csv(t.book_name, None), BOOK, None, "empty"),
    "gz cut": (lambda t: t.write_cut_gz(), f"{MESSAGE}.gz", None, "not a whole gzip file"),
    "gz with a wrong checksum": (lambda t: t.write_damaged_gz(), f"{MESSAGE}.gz", None, "not a whole gzip file"),
    "gz bomb": (lambda t: t.write_gz_bomb(limits.RATIO_FREE_BYTES + 1), f"{MESSAGE}.gz", None, "unpacks to more"),
    "zip cut at its end": (lambda t: t.write_cut_zip(0.98), ".zip", None, "not a whole zip archive"),
    "zip cut in half": (lambda t: t.write_cut_zip(0.5), ".zip", None, "not a whole zip archive"),
    "zip empty": (lambda t: t.write_cut_zip(0.0), ".zip", None, "not a whole zip archive"),
    "zip damaged inside": (lambda t: t.write_damaged_zip(), BOOK, None, "cannot be unpacked"),
    "zip bomb": (lambda t: t.set_line("book", 1, "0" * 2**24).write_zip(), ".zip", None, "declares 16777"),
    "zip member with a path": (lambda t: t.rename_book("TINY", "../TINY").write_zip(), ".zip", None, "has a path"),
    "zip with two message files": (lambda t: t.write_zip_of_two_days(), ".zip", None, "2 message and 1 orderbook"),
    "book of another symbol": (lambda t: t.rename_book("TINY", "ELSE").write_zip(), "ELSE_", None, "symbol ELSE"),
    "book of another day": (lambda t: t.rename_book("06-21", "06-22").write_zip(), "06-22", None, "date 2012-06-22"),
    "book of another depth": (lambda t: t.rename_book("book_2", "book_5").write_zip(), "book_5", None, "depth 5"),
    "book of other hours": (lambda t: t.rename_book("57600000", "37800000").write_zip(), BOOK, None, "end_ms 37800000"),
    "book with an odd name": (lambda t: t.rename_book("orderbook", "lob").write_zip(), ".zip", None, "not named as"),
    "message file and book swapped": (lambda t: t.swap_files().write_zip(), MESSAGE, 1, "8 columns, 6 are needed"),
    "book of other content": (lambda t: t.shift_book(100).write_zip(), BOOK, 1, "does not show the order"),
    "book shallower than its name": (lambda t: t.cut_book(4).write_zip(), BOOK, 1, "4 columns, 8 are needed"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_bad_file_is_refused_in_one_sentence(tiny: Any, case: str) -> None:
    edit, file, row, words = REFUSALS[case]
    path = edit(tiny)
    with pytest.raises(DataError) as caught:
        read_lobster(path)
    error = caught.value
    assert file in str(error.file)
    assert row == error.row
    assert words in str(error)
    assert "\n" not in str(error)


def test_a_swapped_recorded_pair_is_refused(shared: Path, tmp_path: Path) -> None:
    """AAPL messages with as many GOOG rows under AAPL's name: only the content can tell."""
    folder = shared / "data" / "lobster"
    with zipfile.ZipFile(folder / "LOBSTER_SampleFile_GOOG_2012-06-21_1.zip") as goog:
        book = goog.read("GOOG_2012-06-21_34200000_57600000_orderbook_1.csv").splitlines(keepends=True)
    with zipfile.ZipFile(folder / "LOBSTER_SampleFile_AAPL_2012-06-21_1.zip") as aapl:
        messages = aapl.read("AAPL_2012-06-21_34200000_57600000_message_1.csv").splitlines(keepends=True)
    path = tmp_path / "AAPL_2012-06-21_34200000_57600000_message_1.csv"
    path.write_bytes(b"".join(messages[: len(book)]))
    (tmp_path / "AAPL_2012-06-21_34200000_57600000_orderbook_1.csv").write_bytes(b"".join(book))
    with pytest.raises(DataError, match=r"orderbook_1\.csv row \d+: it does not show the order of"):
        read_lobster(path)


def test_truth_and_seed_of_something_else_are_refused(tiny: Any) -> None:
    path = tiny.write_csv(book=False)
    seed, truth = tiny.folder / "seed.csv", tiny.folder / "truth.csv"
    seed.write_text("\n".join(tiny.book) + "\n")
    best = [",".join(line.split(",")[:4]) for line in tiny.book]
    truth.write_text("\n".join(best) + "\n")
    dataset = read_lobster(path, seed_book=seed, truth=truth)
    assert dataset.seed_row is not None and dataset.truth is not None
    assert ((8,), (14, 4)) == (dataset.seed_row.shape, dataset.truth.shape)
    for edit, match in (
        (best[:-1], r"truth\.csv row 14: it has 13 rows"),
        ([best[0].replace(",100,", ",101,"), *best[1:]], r"seed\.csv row 1: level 1 differs"),
        ([line + ",1" for line in best], r"truth\.csv row 1: the row has 5 columns"),
    ):
        truth.write_text("\n".join(edit) + "\n")
        with pytest.raises(DataError, match=match):
            read_lobster(path, seed_book=seed, truth=truth)


def test_wrong_ways_to_ask_are_refused(tiny: Any) -> None:
    path = tiny.write_csv()
    book = tiny.folder / tiny.book_name
    odd = Path(shutil.copy(path, tiny.folder / "odd.csv"))
    for arguments, match in (
        ({"path": tiny.folder / "absent.csv"}, "absent.csv: there is no such file"),
        ({"path": tiny.folder}, "cannot be read"),
        ({"path": book}, "this is an orderbook file"),
        ({"path": path, "book": path}, "this is a message file where a book is needed"),
        ({"path": path, "book": book, "seed_book": book}, "both given"),
        ({"path": tiny.write_zip(), "book": book}, "another was given"),
        ({"path": path, "tick_quanta": 0}, "tick_quanta is 0"),
        ({"path": path, "symbol": "ELSE"}, "of symbol TINY, not ELSE"),
        ({"path": odd}, "does not tell symbol and date"),
        ({"path": odd, "symbol": "TINY", "date": "June"}, "date is 'June'"),
    ):
        with pytest.raises(DataError, match=match):
            read_lobster(**arguments)
