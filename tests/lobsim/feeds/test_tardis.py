"""Made-up Tardis files: what the recordings do not hold, and every refusal."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from lobsim.errors import DataError, LobsimError
from lobsim.feeds import delimited, load, tardis
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.schema import Dataset
from lobsim.feeds.source import Source
from lobsim.feeds.store import list_partitions
from lobsim.feeds.writer import Origin, write
from lobsim.types import NONE, Fidelity, Flag, Kind, Side

BOOK = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
QUOTES = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
SNAPSHOT_2 = (
    "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,"
    "asks[1].price,asks[1].amount,bids[1].price,bids[1].amount\n"
)
T0 = 1_600_000_000_000_000


def book_row(at: int, snapshot: bool, side: str, price: str, amount: str, symbol: str = "A-USD", late: int = 0) -> str:
    """One line of an incremental_book_L2 file."""
    return f"x,{symbol},{T0 + at - late},{T0 + at + 50},{str(snapshot).lower()},{side},{price},{amount}\n"


def trade_row(at: int, side: str, price: str, amount: str, symbol: str = "A-USD") -> str:
    """One line of a trades file."""
    return f"x,{symbol},{T0 + at},{T0 + at + 50},,{side},{price},{amount}\n"


OPENING = book_row(0, True, "bid", "10.5", "3") + book_row(0, True, "ask", "11", "2")


def file(tmp_path: Path, name: str, text: str) -> Path:
    """A file with this text, packed where its name says so."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def written(tmp_path: Path, *paths: Path, **options: Any) -> Dataset:
    """The data set in some files."""
    pieces = tardis.read_together([Source(path) for path in paths], ReadOptions(**options))
    write([(Origin(paths), pieces)], tmp_path / "store")
    return load(tmp_path / "store", options.get("symbol"))


def rows(dataset: Dataset) -> list[tuple[int, ...]]:
    """kind, side, price and size of every row."""
    return dataset.events.select("kind", "side", "price", "size").rows()


def test_a_snapshot_after_updates_clears_the_book_first(tmp_path: Path) -> None:
    text = BOOK + OPENING + book_row(5, False, "ask", "11", "0") + book_row(9, True, "ask", "12", "4")
    dataset = written(tmp_path, file(tmp_path, "a.csv", text))
    kinds = [Kind.CLEAR, Kind.LEVEL, Kind.LEVEL, Kind.LEVEL, Kind.CLEAR, Kind.LEVEL]
    assert kinds == dataset.events["kind"].to_list()
    last, snapshot = int(Flag.LAST_IN_PACKET), int(Flag.SNAPSHOT)
    assert [0, snapshot, snapshot | last, last, 0, snapshot | last] == dataset.events["flags"].to_list()
    assert (NONE, "resynchronised: 1") == (dataset.events["side"][4], dataset.info.notes[0])


def test_an_exchange_time_that_falls_is_lifted_and_counted(tmp_path: Path) -> None:
    text = BOOK + OPENING + book_row(50, False, "ask", "11", "5") + book_row(60, False, "ask", "11", "4", late=30)
    dataset = written(tmp_path, file(tmp_path, "a.csv", text))
    assert dataset.events["ts_exchange"].is_sorted()
    assert (T0 + 50) * 1000 == dataset.events["ts_exchange"][-1]
    assert "exchange times moved: 1" in dataset.info.notes
    far = (
        BOOK
        + OPENING
        + book_row(70_000_000, False, "ask", "11", "5")
        + book_row(70_000_001, False, "ask", "11", "4", late=61_000_000)
    )
    with pytest.raises(
        DataError, match="row 5, field timestamp: the exchange time is 60999999 microseconds out of place"
    ):
        written(tmp_path, file(tmp_path, "b.csv", far))


def test_no_row_of_a_day_begins_another(tmp_path: Path) -> None:
    midnight = (T0 // 86_400_000_000 + 1) * 86_400_000_000 - T0
    text = BOOK + OPENING.replace(f"{T0},{T0 + 50}", f"{T0 + midnight - 9 * 10**9},{T0 + midnight + 5}")
    text += book_row(midnight + 20, False, "ask", "11", "5", late=30)
    text += f"x,A-USD,{T0 + midnight + 86_400_000_005},{T0 + midnight + 86_399_999_995},false,ask,11,4\n"
    dataset = written(tmp_path, file(tmp_path, "a.csv", text))
    start = (T0 + midnight) * 1000
    assert [start] * 4 + [start + 86_400 * 10**9 - 1] == dataset.events["ts_exchange"].to_list()
    assert "exchange times moved: 4" in dataset.info.notes


def test_prints_and_levels_of_one_instant_come_prints_first(tmp_path: Path) -> None:
    book = file(tmp_path, "book.csv", BOOK + OPENING + book_row(5, False, "ask", "11", "1"))
    trades = file(
        tmp_path, "trades.csv.gz", TRADES + trade_row(5, "buy", "11", "1") + trade_row(6, "unknown", "11", "1")
    )
    for paths, options in (((book, trades), {}), ((trades,), {"book": str(book)})):
        sources = [Source(path) for path in paths]
        reader = next(one for one in tardis.FORMATS if one.recognise(sources[-1]))
        pieces = (
            reader.read(sources[-1], ReadOptions(**options))
            if options
            else tardis.read_together(sources, ReadOptions())
        )
        write([(Origin(paths), pieces)], tmp_path / "store")
        dataset = load(tmp_path / "store")
        assert Fidelity.L2_TRADES == dataset.info.fidelity
        assert [(Kind.PRINT, Side.SELL), (Kind.LEVEL, Side.SELL), (Kind.PRINT, NONE)] == [
            row[:2] for row in rows(dataset)[3:]
        ]
        assert [int(Flag.AGGRESSOR_KNOWN), 0] == [
            flags & Flag.AGGRESSOR_KNOWN for flags in dataset.events["flags"].to_list()[3::2]
        ]


def test_a_level_that_leaves_the_window_is_gone_and_one_that_is_missing_was_never_there(tmp_path: Path) -> None:
    text = SNAPSHOT_2 + (
        f"x,B,{T0},{T0},11,1,10,1,12,5,9,5\n"
        f"x,B,{T0 + 1},{T0 + 1},11,1,10,1,12,5,9,5\n"
        f"x,B,{T0 + 2},{T0 + 2},10.5,2,10,1,11,1,,\n"
    )
    dataset = written(tmp_path, file(tmp_path, "a.csv", text))
    sell, buy = int(Side.SELL), int(Side.BUY)
    unit = 2  # ticks of 0.5
    assert [
        (Kind.CLEAR, NONE, 0, 0),
        (Kind.LEVEL, buy, 9 * unit, 5),
        (Kind.LEVEL, buy, 10 * unit, 1),
        (Kind.LEVEL, sell, 11 * unit, 1),
        (Kind.LEVEL, sell, 12 * unit, 5),
        (Kind.LEVEL, buy, 9 * unit, 0),
        (Kind.LEVEL, sell, 12 * unit, 0),
        (Kind.LEVEL, sell, 21, 2),
    ] == rows(dataset)
    assert (2, "rows in which nothing changed: 1") == (dataset.info.depth, dataset.info.notes[0])


def test_numbers_as_a_float_prints_them_are_exact(tmp_path: Path) -> None:
    text = BOOK + book_row(0, True, "bid", "1e-7", "100000000000") + book_row(0, True, "ask", "1.5e-7", "0.5")
    dataset = written(tmp_path, file(tmp_path, "a.csv", text))
    assert ("0.00000005", "0.5") == (dataset.info.price_quantum, dataset.info.lot)
    assert [2, 3] == dataset.events["price"].to_list()[1:]


def test_several_symbols_of_a_file_come_out_apart_or_one_alone(tmp_path: Path) -> None:
    other = OPENING.replace("A-USD", "B-USD")
    text = BOOK + OPENING + other + book_row(9, False, "bid", "10", "1", symbol="B-USD")
    path = file(tmp_path, "a.csv", text)
    written(tmp_path, path, symbol="B-USD")
    assert ["B-USD"] == [one.symbol for one in list_partitions(tmp_path / "store")]
    pieces = tardis.read_together([Source(path)], ReadOptions())
    write([(Origin([path]), pieces)], tmp_path / "both")
    assert [("A-USD", 3), ("B-USD", 4)] == [
        (one.symbol, len(load(one.path).events)) for one in list_partitions(tmp_path / "both")
    ]


def test_the_size_of_the_blocks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [book_row(at // 3, False, "bid", f"{10 + at % 7}.5", str(at % 5)) for at in range(200)]
    path = file(tmp_path, "a.csv", BOOK + OPENING + "".join(lines))
    whole = written(tmp_path, path).digest
    blocks = Source.line_blocks
    for nbytes in (150, 1000):
        monkeypatch.setattr(delimited.Source, "line_blocks", lambda self, nbytes=nbytes: blocks(self, nbytes))
        assert whole == written(tmp_path, path).digest


def test_days_that_follow_each_other_are_put_in_order_by_their_first_rows(tmp_path: Path) -> None:
    later = BOOK + OPENING.replace(str(T0), str(T0 + 10**9)).replace(str(T0 + 50), str(T0 + 10**9 + 50))
    paths = [file(tmp_path, "a_second.csv", later), file(tmp_path, "b_first.csv", BOOK + OPENING)]
    dataset = written(tmp_path, *paths)
    assert (6, True) == (len(dataset.events), dataset.events["ts_exchange"].is_sorted())


REFUSED = {
    "no snapshot first": (
        BOOK + book_row(0, False, "bid", "1", "1"),
        r"row 2: an update of A-USD comes before any snapshot",
    ),
    "no row": (BOOK, "it holds no row after its header"),
    "cut in a number": (BOOK + OPENING[:-1], "row 3: it has no newline at its end and may be cut"),
    "too few fields": (BOOK + OPENING + "x,A-USD,1,2,true\n", "row 4: the row has 5 columns, 8 are needed"),
    "no side": (
        BOOK + OPENING + book_row(1, False, "buy", "1", "1"),
        "row 4, field side: side is 'buy', a name is needed",
    ),
    "blank": (BOOK + OPENING + book_row(1, False, "bid", " 1", "1"), "row 4, field price: price is ' 1', a number"),
    "sign": (BOOK + OPENING + book_row(1, False, "bid", "+1", "1"), r"row 4, field price: price is '\+1'"),
    "nan": (BOOK + OPENING + book_row(1, False, "bid", "nan", "1"), "row 4, field price: price is 'nan'"),
    "no amount": (BOOK + OPENING + book_row(1, False, "bid", "1", ""), "row 4, field amount: amount is ''"),
    "negative": (BOOK + OPENING + book_row(1, False, "bid", "1", "-1"), "row 4, field size: size is -1"),
    "too fine": (
        BOOK + OPENING + book_row(1, False, "bid", "1.12345678901234567", "1"),
        "row 4, field price: .* decimals",
    ),
    "time in seconds": (BOOK + OPENING + "x,A-USD,1.5,1,true,bid,1,1\n", "row 4, field timestamp: timestamp is '1.5'"),
    "time too large": (
        BOOK + OPENING.replace(f"{T0},", f"{T0}000,"),
        "row 2, field timestamp: timestamp is 1600000000000000000, microseconds",
    ),
    "quotes": (QUOTES + "x,B,1,2,1,5,4,1\nx,B,1,2,a,5,4,1\n", "row 3, field ask_amount: ask_amount is 'a'"),
    "levels out of order": (
        SNAPSHOT_2 + f"x,B,{T0},{T0},11,1,10,1,11,5,9,5\n",
        "row 2: a level does not lie behind the level before it",
    ),
    "trade of nothing": (TRADES + trade_row(0, "buy", "1", "0"), "row 1, field size: size is 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_with_its_line(case: str, tmp_path: Path) -> None:
    text, sentence = REFUSED[case]
    with pytest.raises(DataError, match=sentence) as caught:
        written(tmp_path, file(tmp_path, "a.csv", text))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store").exists()


def test_a_packed_file_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv.gz", BOOK + OPENING * 3000)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="cannot be unpacked"):
        written(tmp_path, path)


def test_a_packed_file_may_lack_its_last_newline(tmp_path: Path) -> None:
    assert 3 == len(written(tmp_path, file(tmp_path, "a.csv.gz", BOOK + OPENING[:-1])).events)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"mapping": (("price", "p"),)}, "--map has no meaning"),
        ({"date": "2020-01-01"}, "--date has no meaning"),
        ({"venue": "ELSEWHERE"}, "--venue is ELSEWHERE, but the file is of X"),
        ({"symbol": "C"}, "it holds no row of C"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(LobsimError, match=sentence):
        written(tmp_path, file(tmp_path, "a.csv", BOOK + OPENING), **options)


def test_two_books_of_a_symbol_are_refused(tmp_path: Path) -> None:
    paths = [
        file(tmp_path, "a.csv", BOOK + OPENING),
        file(tmp_path, "b.csv", QUOTES + f"x,A-USD,{T0},{T0 + 60},1,5,4,1\n"),
    ]
    with pytest.raises(DataError, match=r"b\.csv: .*a\.csv is a book of A-USD too; import one of them"):
        written(tmp_path, *paths)


@pytest.mark.parametrize("text", ["", "a,b\n", BOOK[:-1], TRADES.replace("id,", ""), "exchange,symbol\n", "\x00\xff\n"])
def test_other_files_are_not_recognised(text: str, tmp_path: Path) -> None:
    source = Source(file(tmp_path, "a.csv", text))
    assert [] == [one.NAME for one in tardis.FORMATS if one.recognise(source)]
