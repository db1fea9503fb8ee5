"""Bybit's archives of trades: the recorded spot days, and made-up files in the layout of the contracts."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds.bybit import trades
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Fidelity, Kind, Side
from tests.support.captures import SmallBlocks
from tests.support.read_pieces import all_events

HEADER = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"
ROWS = [
    f"1585180700.{index:04d},BTCUSDT,{side},0.042,{price},PlusTick,match-{index},2.8e+10,0.042,281.337"
    for index, (side, price) in enumerate((("Sell", "6698.5"), ("Buy", "6699"), ("Buy", "6699.5"), ("Sell", "6698")), 1)
]


def write(folder: Path, rows: list[str], header: str = HEADER, name: str = "BTCUSDT2020-03-26.csv") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in (header, *rows)))
    return path


def read(path: Path, **options: Any) -> tuple[pl.DataFrame, dict[str, int]]:
    return all_events(trades.read(Source(path), ReadOptions(**options)))


@pytest.mark.parametrize(
    ("name", "symbol", "count", "retail"),
    [("1INCHUSDT_2025-05-19.csv.gz", "1INCHUSDT", 6682, 32), ("UNIUSDC_2025-05-17.csv", "UNIUSDC", 219, 0)],
)
def test_recorded_spot_days_are_prints_on_the_makers_side(
    shared: Path, name: str, symbol: str, count: int, retail: int
) -> None:
    path = shared / "data" / "bybit" / name
    assert trades.recognise(Source(path))
    pieces = list(trades.read(Source(path), ReadOptions()))
    events, notes = all_events(iter(pieces))
    found = pieces[0].instrument
    assert (symbol, "BYBIT_SPOT", Fidelity.L1) == (found.symbol, found.venue, found.fidelity)
    with gzip.open(path, "rt") if name.endswith("gz") else path.open() as file:
        recorded = list(csv.DictReader(file))
    expected = [
        (
            int(row["timestamp"]) * 10**6,
            int(Side.SELL if row["side"] == "buy" else Side.BUY),
            round(float(row["price"]) * 1e10),
            round(float(row["volume"]) * 1e8),
        )
        for row in recorded
    ]
    assert count == len(expected)
    assert expected == events.select("ts_exchange", "side", "price", "size").rows()
    assert retail == notes.get("RPI trades, told", 0)
    assert {int(Kind.PRINT)} == set(events["kind"])


@pytest.mark.parametrize("nbytes", [1, 200, 10**6])
@pytest.mark.parametrize("newest_first", [False, True])
def test_contracts_are_read_oldest_first_whichever_way_they_are_written(
    tmp_path: Path, nbytes: int, newest_first: bool
) -> None:
    path = write(tmp_path, ROWS[::-1] if newest_first else ROWS)
    events, _ = all_events(trades.read(SmallBlocks(path, nbytes=nbytes), ReadOptions(venue="BYBIT_LINEAR")))
    assert [1585180700_000100000 + 100000 * index for index in range(4)] == events["ts_exchange"].to_list()
    assert [Side.BUY, Side.SELL, Side.SELL, Side.BUY] == events["side"].to_list()
    assert 66985 * 10**9 == events["price"][0]


def test_retail_column_of_newer_contract_files_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, [f"{row},{index % 2}" for index, row in enumerate(ROWS)], f"{HEADER},RPI")
    assert 2 == read(path)[1]["RPI trades, told"]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("1585180700.0003", "1585180600.0003", "row 4, field ts: .*earlier than the row before it; sort the file"),
        ("1585180700.0003", "1.58e9", "row 4, field timestamp: timestamp is '1.58e9'"),
        ("Buy,0.042,6699.5", "buy,0.042,6699.5", "row 4, field side: side is 'buy'"),
        ("6699.5", "6.7e3", "row 4, field price: price is '6.7e3'"),
        ("0003,BTCUSDT", "0003,ETHUSDT", "row 4, field symbol: symbol is 'ETHUSDT', the other rows are of BTCUSDT"),
        (",match-3", ",match,3", "row 4: the row has 11 columns, 10 are needed"),
    ],
)
def test_rows_that_cannot_be_right_are_named(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    text = "\n".join(ROWS)
    assert old in text
    with pytest.raises(DataError, match=sentence):
        read(write(tmp_path, text.replace(old, new).split("\n")))


def test_a_file_without_its_last_newline_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="row 5: it has no newline at its end and may be cut"):
        read(path)


def test_the_symbol_of_a_spot_file_comes_from_its_name_or_must_be_said(tmp_path: Path) -> None:
    rows, header = ["1,1747612836878,0.2271,220.16,buy"], "id,timestamp,price,volume,side"
    unnamed = write(tmp_path, rows, header, "trades.csv")
    with pytest.raises(DataError, match="neither its rows nor its name tell the symbol"):
        read(unnamed)
    assert 1 == len(read(unnamed, symbol="1INCHUSDT")[0])
    named = write(tmp_path, rows, header, "1INCHUSDT-2025-05.csv")
    with pytest.raises(DataError, match="it is of 1INCHUSDT, BTCUSDT is wanted"):
        read(named, symbol="BTCUSDT")
