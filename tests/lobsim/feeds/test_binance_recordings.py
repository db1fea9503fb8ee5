"""The genuine Binance captures: the rebuilt book equals the venue's own best prices at every update, and every trade is accounted for."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds.binance import raw
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Fidelity, Flag, Kind, Side
from tests.support.captures import SmallBlocks
from tests.support.read_pieces import all_events
from tests.support.recorded_books import LevelBook, after_level_packets

# name, the recording before it, updates compared with a book ticker, how many agree
CAPTURES = (
    ("usdm_btcusdt_20240808.gz", None, 6547, 6547),
    ("coinm_btcusd_perp_20240808.gz", None, 26824, 26824),
    ("spot_btcusdt_20240808.gz", None, 3449, 3449),
    ("usdm_btcusdt_20230404.dat.gz", None, 4322, 4322),
    ("usdm_btcusdt_20230405.dat.gz", "usdm_btcusdt_20230404.dat.gz", 11785, 11785),
    ("spot_btcusdt_20240809.gz", "spot_btcusdt_20240808.gz", 3043, 3041),
)
NAMES = [capture[0] for capture in CAPTURES]


@cache
def imported(folder: Path, name: str) -> tuple[pl.DataFrame, dict[str, int]]:
    before = {capture[0]: capture[1] for capture in CAPTURES}[name]
    book = str(folder / before) if before else None
    return all_events(raw.read(Source(folder / name), ReadOptions(book=book)))


@cache
def lines(folder: Path, name: str) -> list[dict]:
    with gzip.open(folder / name, "rt") as file:
        return [json.loads(line.split(" ", 1)[1]) for line in file]


def applied_updates(folder: Path, name: str) -> list[int]:
    """The u of the updates that the venue's rule keeps, from plain JSON."""
    messages = lines(folder, name)
    seed = next((message["lastUpdateId"] for message in messages if "lastUpdateId" in message), 0)
    updates = [message["data"] for message in messages if message.get("data", {}).get("e") == "depthUpdate"]
    return [u["u"] for u in updates if (u["u"] >= seed if "pu" in u else u["u"] > seed)]


@pytest.mark.parametrize(("name", "before", "compared", "agreeing"), CAPTURES)
def test_best_prices_and_sizes_equal_the_book_ticker_at_every_update_and_never_cross(
    shared: Path, name: str, before: str | None, compared: int, agreeing: int
) -> None:
    folder = shared / "data" / "binance"
    events, notes = imported(folder, name)
    assert events["ts_exchange"].is_sorted()
    assert "gaps" not in notes
    assert "book times that fell, raised" not in notes
    packets = after_level_packets(events)
    next(packets)  # the snapshot
    ticker = iter(raw.book_tickers(Source(folder / name)).sort("last", maintain_order=True).iter_rows(named=True))
    coming = next(ticker, None)
    told = None
    looked_at = equal = 0
    for update, (_, book) in zip(applied_updates(folder, name), packets, strict=True):
        while coming is not None and coming["last"] <= update:
            told, coming = coming, next(ticker, None)
        if told is not None:
            best = book.best()
            assert best is not None
            assert best[0] < best[2]
            looked_at += 1
            equal += best == (told["bid"], told["bid_size"], told["ask"], told["ask_size"])
    assert (compared, agreeing) == (looked_at, equal)


@pytest.mark.parametrize("name", NAMES)
def test_every_trade_is_a_print_with_the_resting_side_or_is_counted(shared: Path, name: str) -> None:
    folder = shared / "data" / "binance"
    events, notes = imported(folder, name)
    trades = [message["data"] for message in lines(folder, name) if message.get("data", {}).get("e") == "trade"]
    told = events.filter(pl.col("kind") == Kind.PRINT)
    dropped = sum(count for note, count in notes.items() if "trades" in note)
    assert len(trades) == len(told) + dropped
    expected = [
        (t["T"] * 10**6, int(Side.BUY if t["m"] else Side.SELL), units(t["p"]), units(t["q"]))
        for t in trades
        if t.get("X", "MARKET") == "MARKET"
    ]
    assert expected[-len(told) :] == told.select("ts_exchange", "side", "price", "size").rows()
    assert {int(Flag.AGGRESSOR_KNOWN | Flag.LAST_IN_PACKET)} == set(told["flags"])


def units(text: str) -> int:
    """Decimal text in 10^-8."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(8, "0"))


def test_insurance_fund_trade_is_left_out_with_a_count(shared: Path) -> None:
    _, notes = imported(shared / "data" / "binance", "usdm_btcusdt_20230405.dat.gz")
    assert 1 == notes["INSURANCE_FUND trades outside the book, left out"]


def test_first_packet_is_the_snapshot_and_no_print_comes_before_it(shared: Path) -> None:
    events, notes = imported(shared / "data" / "binance", "usdm_btcusdt_20240808.gz")
    assert (int(Kind.CLEAR), -1, 1723161256493 * 10**6) == events.select("kind", "side", "ts_exchange").row(0)
    snapshot = events.filter(pl.col("flags") & Flag.SNAPSHOT != 0)
    assert 2000 == len(snapshot)
    assert [False] * 1999 + [True] == (snapshot["flags"] & Flag.LAST_IN_PACKET != 0).to_list()
    assert {int(Kind.LEVEL)} == set(snapshot["kind"])
    assert 4 == notes["updates before the snapshot, dropped"]


def test_a_local_clock_behind_the_exchange_is_kept_and_counted(shared: Path) -> None:
    events, notes = imported(shared / "data" / "binance", "usdm_btcusdt_20240808.gz")
    assert len(events) == notes["rows received before they happened"]
    delay_ns = (events["ts_local"] - events["ts_exchange"]).median()
    assert isinstance(delay_ns, float)
    assert -1.3e9 < delay_ns < -1.2e9


def test_microsecond_and_nanosecond_stamps_are_told_apart_by_magnitude(shared: Path) -> None:
    events, _ = imported(shared / "data" / "binance", "usdm_btcusdt_20230404.dat.gz")
    assert 1680652700599351_000 == events["ts_local"][0]
    assert 1680652700580_000_000 == events["ts_exchange"][0]


@pytest.mark.parametrize(
    ("name", "venue", "currency", "multiplier", "lot"),
    [
        ("usdm_btcusdt_20240808.gz", "BINANCE_USDM", "USDT", "1", None),
        ("coinm_btcusd_perp_20240808.gz", "BINANCE_COINM", "USD", "100", "1"),
        ("spot_btcusdt_20240808.gz", "BINANCE_SPOT", "USDT", "1", None),
    ],
)
def test_market_is_told_by_the_fields_of_its_messages(
    shared: Path, name: str, venue: str, currency: str, multiplier: str, lot: str | None
) -> None:
    found = next(raw.read(Source(shared / "data" / "binance" / name), ReadOptions())).instrument
    assert (venue, currency, multiplier, lot) == (found.venue, found.currency, found.multiplier, found.lot)
    assert (venue == "BINANCE_COINM") == found.inverse
    assert Fidelity.L2_TRADES == found.fidelity


def test_two_files_of_one_recorder_read_as_one_go_on_without_a_second_snapshot(shared: Path) -> None:
    folder = shared / "data" / "binance"
    files = [Source(folder / name) for name in ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")]
    events, notes = all_events(raw.read_all(files, ReadOptions()))
    assert 1 == (events["kind"] == Kind.CLEAR).sum()
    assert "gaps" not in notes
    *_, (_, chained) = after_level_packets(events)
    *_, (_, continued) = after_level_packets(imported(folder, "spot_btcusdt_20240809.gz")[0])
    assert chained.sides == continued.sides


def test_updates_and_snapshot_in_the_order_of_the_file_would_cross_the_book(shared: Path) -> None:
    """An update newer than the snapshot was received before it: why the numbers decide, and the lines do not."""
    folder, name = shared / "data" / "binance", "spot_btcusdt_20240808.gz"
    book = LevelBook()
    crossed = False
    for message in lines(folder, name)[:20_000]:
        is_snapshot = "lastUpdateId" in message
        fields = {"b": "bids", "a": "asks"} if is_snapshot else {"b": "b", "a": "a"}
        levels = message if is_snapshot else message["data"]
        if not is_snapshot and levels.get("e") != "depthUpdate":
            continue
        if is_snapshot:
            book.apply(Kind.CLEAR, -1, 0, 0)
        for side, field in ((Side.BUY, "b"), (Side.SELL, "a")):
            for price, size in levels[fields[field]]:
                book.apply(Kind.LEVEL, side, units(price), units(size))
        best = book.best()
        crossed |= best is not None and best[0] >= best[2]
    assert crossed
    assert 2 == imported(folder, name)[1]["updates before the snapshot, dropped"]


@pytest.mark.parametrize("nbytes", [30_000, 1_000_000])
def test_rows_do_not_depend_on_where_the_blocks_are_cut(shared: Path, nbytes: int) -> None:
    folder, name = shared / "data" / "binance", "usdm_btcusdt_20230404.dat.gz"
    events, notes = all_events(raw.read(SmallBlocks(folder / name, nbytes=nbytes), ReadOptions()))
    expected, expected_notes = imported(folder, name)
    assert expected.equals(events)
    assert expected_notes == notes


def test_one_update_left_out_of_a_recording_is_refused_as_a_gap(shared: Path, tmp_path: Path) -> None:
    with gzip.open(shared / "data" / "binance" / "usdm_btcusdt_20230404.dat.gz", "rt") as file:
        text = file.readlines()
    updates = [row for row, line in enumerate(text) if "depthUpdate" in line]
    left_out = updates[1000]
    path = tmp_path / "gap"
    path.write_text("".join(text[:left_out] + text[left_out + 1 :]))
    row = updates[1001]
    with pytest.raises(DataError, match=rf"row {row}: pu is \d+, \d+ is needed to follow the update before it"):
        list(raw.read(Source(path), ReadOptions()))
