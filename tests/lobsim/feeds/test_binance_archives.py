"""Binance T_DEPTH downloads and REST aggregate trades: the recorded heads, and made-up files for the rest."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds.binance import FORMATS, agg_archive, agg_trades, t_depth
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Fidelity, Flag, Kind, Side
from tests.support.captures import SmallBlocks
from tests.support.read_pieces import all_events
from tests.support.recorded_books import after_level_packets

HEADER = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n"
START_MS = 1_667_347_199_939
SNAP = "".join(
    f"BTCUSDT,{START_MS - 5},20,20,{side},snap,{price},{size},-1\n"
    for side, price, size in (("b", "100.0", "5"), ("b", "99.0", "7"), ("a", "100.5", "4"), ("a", "101.0", "9"))
)
UPDATES = (
    f"BTCUSDT,{START_MS},18,22,b,set,100.0,6.5,17\n"
    f"BTCUSDT,{START_MS},18,22,a,set,100.5,0.000,17\n"
    f"BTCUSDT,{START_MS + 7},25,26,a,set,101.0,8,22\n"
)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def read_depth(path: Path, **options: Any) -> tuple[pl.DataFrame, dict[str, int]]:
    return all_events(t_depth.read(Source(path), ReadOptions(**options)))


def test_recorded_snapshot_is_one_packet_of_its_hundred_levels(shared: Path) -> None:
    path = shared / "data" / "binance" / "btcusdt-depth-snap.csv"
    assert t_depth.recognise(Source(path))
    events, _ = read_depth(path)
    assert (101, 100) == (len(events), (events["flags"] & Flag.SNAPSHOT != 0).sum())
    recorded = pl.read_csv(path, infer_schema=False)
    _, book = next(after_level_packets(events))
    expected = {
        (round(float(price) * 1e8), round(float(qty) * 1e8))
        for price, qty in recorded.select("price", "qty").iter_rows()
    }
    assert expected == {level for side in book.sides.values() for level in side.items()}


def test_recorded_updates_do_not_join_the_recorded_snapshot(shared: Path) -> None:
    folder = shared / "data" / "binance"
    sentence = "row 2: its first update, 2098041693435 to 2098041696700, does not join the snapshot of 2098021528332"
    with pytest.raises(DataError, match=sentence):
        read_depth(folder / "btcusdt-depth-update.csv", book=str(folder / "btcusdt-depth-snap.csv"))


def test_recorded_updates_are_one_packet_after_a_snapshot_that_fits(shared: Path, tmp_path: Path) -> None:
    snap = SNAP.replace(",20,20,", ",2098041696000,2098041696000,")
    events, _ = read_depth(
        shared / "data" / "binance" / "btcusdt-depth-update.csv", book=str(write(tmp_path, "snap.csv", HEADER + snap))
    )
    assert 100 == len(events.filter(pl.col("flags") & Flag.SNAPSHOT == 0)) - 1
    assert [1667347199939 * 10**6] == events["ts_exchange"].tail(100).unique().to_list()


def test_updates_without_their_snapshot_file_are_refused(shared: Path) -> None:
    with pytest.raises(DataError, match="row 2: depth updates come without a snapshot to start from"):
        read_depth(shared / "data" / "binance" / "btcusdt-depth-update.csv")


@pytest.mark.parametrize("nbytes", [1, 200, 10**6])
def test_rows_of_one_update_are_one_packet_wherever_the_blocks_are_cut(tmp_path: Path, nbytes: int) -> None:
    snap = write(tmp_path, "snap.csv", HEADER + SNAP)
    source = SmallBlocks(write(tmp_path, "update.csv", HEADER + UPDATES), nbytes=nbytes)
    events, _ = all_events(t_depth.read(source, ReadOptions(book=str(snap))))
    packets = [time for time, _ in after_level_packets(events)]
    assert [(START_MS - 5) * 10**6, START_MS * 10**6, (START_MS + 7) * 10**6] == packets
    *_, (_, book) = after_level_packets(events)
    assert (100 * 10**8, 65 * 10**7, 101 * 10**8, 8 * 10**8) == book.best()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (",25,26,", ",27,26,", "row 8, field first: first is 27, which is above"),
        (",22\n", ",21\n", "row 8: pu is 21, 22 is needed"),
        (
            "18,22,a,",
            "17,22,a,",
            "row 7, field first_update_id: first_update_id is 17, the rows of one update must agree",
        ),
        (",a,set,101.0", ",x,set,101.0", "row 8, field side: side is 'x', a or b"),
        ("101.0,8", "1e2,8", "row 8, field price: price is '1e2'"),
        ("BTCUSDT,1667347199946", "ETHUSDT,1667347199946", "row 8, field symbol: symbol is 'ETHUSDT'"),
        (",8,22\n", ",8,22", "row 8: it has no newline at its end and may be cut"),
    ],
)
def test_rows_that_cannot_be_right_are_named(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    text = HEADER + SNAP + UPDATES
    assert old in text
    with pytest.raises(DataError, match=sentence):
        read_depth(write(tmp_path, "depth.csv", text.replace(old, new)))


def test_recorded_aggregate_trades_are_prints_in_their_order(shared: Path) -> None:
    path = shared / "data" / "binance" / "spot_rest_aggTrades_BTCUSDT.json.gz"
    assert agg_trades.recognise(Source(path))
    pieces = list(agg_trades.read(Source(path), ReadOptions(symbol="BTCUSDT", date="2020-01-02")))
    events, notes = all_events(iter(pieces))
    with gzip.open(path, "rt") as file:
        recorded = json.load(file)
    expected = [
        (
            t["T"] * 10**6,
            int(Side.BUY if t["m"] else Side.SELL),
            int(t["p"].replace(".", "")),
            int(t["q"].replace(".", "")),
        )
        for t in recorded
    ]
    assert expected == events.select("ts_exchange", "side", "price", "size").rows()
    assert {int(Kind.PRINT)} == set(events["kind"])
    assert {} == notes
    assert ("BINANCE_SPOT", Fidelity.L1) == (pieces[0].instrument.venue, pieces[0].instrument.fidelity)


def trade(number: int, **changes: object) -> dict[str, object]:
    return {
        "a": number,
        "p": "1.5",
        "q": "2",
        "f": number,
        "l": number,
        "T": 1577977823305 + number,
        "m": True,
    } | changes


def write_trades(folder: Path, *trades: dict[str, object], indent: int | None = None) -> Path:
    return write(folder, "trades.json", json.dumps(trades, indent=indent))


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("nbytes", [1, 50, 10**6])
def test_the_array_is_cut_between_its_trades_however_it_is_written(
    tmp_path: Path, indent: int | None, nbytes: int
) -> None:
    path = write_trades(tmp_path, *(trade(number) for number in range(1, 8)), indent=indent)
    source = SmallBlocks(path, nbytes=nbytes)
    assert agg_trades.recognise(source)
    events, _ = all_events(agg_trades.read(source, ReadOptions(symbol="BTCUSDT")))
    assert [(1577977823305 + number) * 10**6 for number in range(1, 8)] == events["ts_exchange"].to_list()


def test_symbol_must_be_said_for_aggregate_trades(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file does not say of which symbol it is; say it with symbol"):
        list(agg_trades.read(Source(write_trades(tmp_path, trade(1))), ReadOptions()))


@pytest.mark.parametrize(
    ("trades", "sentence"),
    [
        ((trade(1), trade(1)), "row 2, field a: a is 1, which is not above the one before it"),
        ((trade(1), trade(2, T=1577977823300)), "row 2, field T: .*earlier"),
        ((trade(1), trade(2, p=1.5)), "row 2, field text: .*quotes"),
        ((trade(1), trade(2, q="-2")), "row 2, field size: size is '-2'"),
        ((trade(1), trade(5, f=9)), "row 2, field f: f is 9, which is above l"),
    ],
)
def test_aggregate_trades_that_cannot_be_right_are_named(tmp_path: Path, trades: tuple, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        list(agg_trades.read(Source(write_trades(tmp_path, *trades)), ReadOptions(symbol="BTCUSDT")))


@pytest.mark.parametrize("cut", [1, 10])
def test_a_cut_array_is_refused(tmp_path: Path, cut: int) -> None:
    path = write_trades(tmp_path, trade(1), trade(2))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match="its array does not end"):
        list(agg_trades.read(Source(path), ReadOptions(symbol="BTCUSDT")))


def test_missing_aggregate_trades_are_counted(tmp_path: Path) -> None:
    path = write_trades(tmp_path, trade(1), trade(4))
    assert 2 == all_events(agg_trades.read(Source(path), ReadOptions(symbol="X")))[1]["trades missing by their ids"]


SPOT_ROWS = (
    "202790190,7139.89000000,0.06702300,222825297,222825297,1577977823305,False,True\n"
    "202790191,7139.97,0.002,222825298,222825299,1577977824874,True,True\n"
)
FUTURES_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"


def futures_rows(header: str = "") -> str:
    return header + SPOT_ROWS.replace(",True\n", "\n").lower()


@pytest.mark.parametrize(
    ("text", "venue"),
    [
        (SPOT_ROWS, "BINANCE_SPOT"),
        (SPOT_ROWS.replace("305,", "305000,").replace("874,", "874000,"), "BINANCE_SPOT"),
        (futures_rows(), "BINANCE_USDM"),
        (futures_rows(FUTURES_HEADER), "BINANCE_USDM"),
    ],
    ids=["spot", "spot in microseconds", "futures", "futures with header"],
)
def test_archives_of_aggregate_trades_are_told_by_their_columns(tmp_path: Path, text: str, venue: str) -> None:
    source = Source(write(tmp_path, "BTCUSDT-aggTrades-2020-01-02.csv", text))
    assert [agg_archive] == [reader for reader in FORMATS if reader.recognise(source)]
    pieces = list(agg_archive.read(source, ReadOptions(date="2020-01-02")))
    events, notes = all_events(iter(pieces))
    assert (venue, "BTCUSDT") == (pieces[0].instrument.venue, pieces[0].instrument.symbol)
    expected = [
        (1577977823305_000_000, int(Side.SELL), 713989000000, 6702300),
        (1577977824874_000_000, int(Side.BUY), 713997000000, 200000),
    ]
    assert expected == events.select("ts_exchange", "side", "price", "size").rows()
    assert {} == notes


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("7139.97", "7.1e3", "row 2, field p: p is '7.1e3'"),
        ("True,True", "yes,True", "row 2, field m: m is 'yes'"),
        ("1577977824874", "1577977823304", "row 2, field T: .*earlier"),
        (",True,True\n", ",True\n", "row 2: the row has 7 columns, 8 are needed"),
    ],
)
def test_rows_of_an_archive_that_cannot_be_right_are_named(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in SPOT_ROWS
    source = Source(write(tmp_path, "BTCUSDT-aggTrades-2020-01.csv", SPOT_ROWS.replace(old, new)))
    with pytest.raises(DataError, match=sentence):
        list(agg_archive.read(source, ReadOptions()))


def test_an_archive_whose_name_does_not_tell_the_symbol_needs_it_said(tmp_path: Path) -> None:
    source = Source(write(tmp_path, "trades.csv", SPOT_ROWS))
    with pytest.raises(DataError, match="its name does not tell the symbol; say it with symbol"):
        agg_archive.read(source, ReadOptions())
