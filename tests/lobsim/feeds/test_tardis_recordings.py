"""The recorded Tardis files, read by a slow reader beside: every row of theirs is found again in ours."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from lobsim.feeds import load, tardis
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.schema import Dataset
from lobsim.feeds.source import Source
from lobsim.feeds.writer import Origin, write
from lobsim.types import Fidelity, Flag, Kind, Side

FILES = {
    "binance-futures_book_snapshot_25_BTCUSDT.csv": (Fidelity.L2_SNAPSHOTS, 25, "0.01", "0.001"),
    "binance-futures_book_snapshot_5_BTCUSDT.csv": (Fidelity.L2_SNAPSHOTS, 5, "0.01", "0.001"),
    "binance-futures_quotes_BTCUSDT_2020-02-22.csv.gz": (Fidelity.L1, 1, "0.01", "0.001"),
    "binance-futures_trades_BTCUSDT_2020-02-22.csv.gz": (Fidelity.L1, 0, "0.01", "0.001"),
    "bitmex_trades_XBTUSD.csv": (Fidelity.L1, 0, "0.5", "1"),
    "deribit_incremental_book_L2_BTC-PERPETUAL.csv": (Fidelity.L2_SNAPSHOTS, 0, "0.5", "10"),
    "huobi-dm-swap_quotes_BTC-USD.csv": (Fidelity.L1, 1, "0.1", "1"),
}
Book = dict[tuple[int, Decimal], Decimal]


def imported(paths: list[Path], store: Path) -> Dataset:
    """The one day in some files, through the store."""
    sources = [Source(path) for path in paths]
    write([(Origin(paths), tardis.read_together(sources, ReadOptions()))], store)
    return load(store)


def slow_rows(path: Path) -> list[dict[str, str]]:
    """The rows as the standard library reads them."""
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return list(csv.DictReader(io.StringIO(text.decode())))


def books(dataset: Dataset) -> Iterator[tuple[int, int, Book]]:
    """Both clocks and the book at the end of every packet."""
    book: Book = {}
    for row in dataset.events.iter_rows(named=True):
        place = (row["side"], dataset.price_decimal(row["price"]))
        if row["kind"] == Kind.CLEAR:
            book.clear()
        elif row["kind"] == Kind.LEVEL:
            book.pop(place, None)
            if row["size"]:
                book[place] = dataset.lots_decimal(row["size"])
        if row["flags"] & Flag.LAST_IN_PACKET:
            yield row["ts_exchange"], row["ts_local"], dict(book)


def shown(row: dict[str, str]) -> Book:
    """The book that a row of a snapshot or quotes file shows."""
    if "ask_price" in row:
        cells = [("ask", row["ask_price"], row["ask_amount"]), ("bid", row["bid_price"], row["bid_amount"])]
    else:
        names = [name for name in row if name.endswith(".price")]
        cells = [(name[:3], row[name], row[name.replace("price", "amount")]) for name in names]
    sides = {"ask": Side.SELL, "bid": Side.BUY}
    return {(sides[side], Decimal(price)): Decimal(amount) for side, price, amount in cells if price}


def clocks(row: dict[str, str]) -> tuple[int, int]:
    """Both clocks of a row, in nanoseconds."""
    return int(row["timestamp"]) * 1000, int(row["local_timestamp"]) * 1000


@pytest.mark.parametrize("name", FILES)
def test_every_recording_is_recognised_and_says_what_it_is(name: str, shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "tardis" / name
    kinds = [one.NAME for one in tardis.FORMATS if one.recognise(Source(path))]
    assert 1 == len(kinds) and kinds[0].removeprefix("Tardis ").removesuffix("N") in name
    dataset = imported([path], tmp_path / "store")
    fidelity, depth, tick, lot = FILES[name]
    assert (fidelity, depth, lot) == (dataset.info.fidelity, dataset.info.depth, dataset.info.lot)
    assert Decimal(tick) == Decimal(dataset.info.price_quantum) * dataset.info.tick_quanta
    assert name == dataset.info.source


@pytest.mark.parametrize("name", [name for name in FILES if "snapshot" in name or "quotes" in name])
def test_the_book_after_every_packet_is_the_row_of_the_file(name: str, shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "tardis" / name
    rows = slow_rows(path)
    changed = [
        row for before, row in zip([None, *rows], rows, strict=False) if before is None or shown(before) != shown(row)
    ]
    ours = list(books(imported([path], tmp_path / "store")))
    assert [(*clocks(row)[1:], shown(row)) for row in changed] == [(local, book) for _, local, book in ours]
    late = sum(clocks(row)[0] != ours_ns for row, (ours_ns, _, _) in zip(changed, ours, strict=True))
    assert late <= len(rows) // 100


@pytest.mark.parametrize("name", [name for name in FILES if "trades" in name])
def test_every_trade_is_a_print_of_the_side_that_rested(name: str, shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "tardis" / name
    dataset = imported([path], tmp_path / "store")
    resting = {"buy": Side.SELL, "sell": Side.BUY}
    wanted = [(resting[row["side"]], Decimal(row["price"]), Decimal(row["amount"])) for row in slow_rows(path)]
    prints = dataset.events.select("side", "price", "size").rows()
    assert wanted == [(side, dataset.price_decimal(price), dataset.lots_decimal(size)) for side, price, size in prints]
    assert {(int(Kind.PRINT), int(Flag.AGGRESSOR_KNOWN | Flag.LAST_IN_PACKET))} == set(
        dataset.events.select("kind", "flags").rows()
    )


def test_updates_are_levels_packet_by_packet(shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "tardis" / "deribit_incremental_book_L2_BTC-PERPETUAL.csv"
    dataset = imported([path], tmp_path / "store")
    rows = slow_rows(path)
    sides = {"bid": Side.BUY, "ask": Side.SELL}
    wanted = [(*clocks(row), sides[row["side"]], Decimal(row["price"]), Decimal(row["amount"])) for row in rows]
    clear, levels = dataset.events[:1], dataset.events[1:]
    assert [Kind.CLEAR] == clear["kind"].to_list()
    assert wanted == [
        (exchange, local, side, dataset.price_decimal(price), dataset.lots_decimal(size))
        for exchange, local, side, price, size in levels.select(
            "ts_exchange", "ts_local", "side", "price", "size"
        ).rows()
    ]
    is_snapshot = [row["is_snapshot"] == "true" for row in rows]
    assert is_snapshot == [bool(flags & Flag.SNAPSHOT) for flags in levels["flags"]]
    packets = len({row["local_timestamp"] for row in rows})
    assert packets == sum(bool(flags & Flag.LAST_IN_PACKET) for flags in levels["flags"])


def test_quotes_and_trades_of_a_day_are_one_stream_prints_first(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "tardis"
    paths = sorted(folder.glob("*_2020-02-22.csv.gz"))
    joined = imported(paths, tmp_path / "store")
    alone = [imported([path], tmp_path / path.stem).events for path in paths]
    assert sum(map(len, alone)) == len(joined.events)
    for kind, events in ((Kind.LEVEL, alone[0]), (Kind.PRINT, alone[1])):
        wanted = events.filter(pl.col("kind") == kind).drop("sequence")
        assert wanted.equals(joined.events.filter(pl.col("kind") == kind).drop("sequence"))
    assert joined.events["ts_exchange"].is_sorted()
    is_print = joined.events["kind"] == Kind.PRINT
    same_instant = joined.events["ts_exchange"] == joined.events["ts_exchange"].shift(1)
    assert 0 == int((is_print & same_instant & ~is_print.shift(1)).sum())
    assert "binance-futures_quotes_BTCUSDT_2020-02-22.csv.gz + binance-futures_trades_BTCUSDT_2020-02-22.csv.gz" == (
        joined.info.source
    )
