"""Which Binance files are read as one recording."""

from __future__ import annotations

from pathlib import Path

from lobsim.feeds.binance import FORMATS, streams
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from tests.support.captures import BinanceCapture
from tests.support.read_pieces import all_events

HEADER = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n"


def test_every_recorded_file_is_recognised_by_exactly_one_reader(shared: Path) -> None:
    files = [path for path in sorted((shared / "data" / "binance").iterdir()) if "klines" not in path.name]
    assert [1] * 9 == [sum(reader.recognise(Source(path)) for reader in FORMATS) for path in files]


def test_captures_of_one_market_are_chained_by_their_clocks_unless_days_lie_between(shared: Path) -> None:
    folder = shared / "data" / "binance"
    names = (
        "usdm_btcusdt_20240808.gz",
        "usdm_btcusdt_20230405.dat.gz",
        "spot_btcusdt_20240809.gz",
        "spot_btcusdt_20240808.gz",
        "usdm_btcusdt_20230404.dat.gz",
        "coinm_btcusd_perp_20240808.gz",
    )
    found = [(files, pieces) for files, pieces in streams([Source(folder / name) for name in names], ReadOptions())]
    assert [
        ["usdm_btcusdt_20230404.dat.gz", "usdm_btcusdt_20230405.dat.gz"],
        ["usdm_btcusdt_20240808.gz"],
        ["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"],
        ["coinm_btcusd_perp_20240808.gz"],
    ] == [[source.base for source in files] for files, _ in found]
    for _, pieces in found:
        events, notes = all_events(pieces)
        assert "gaps" not in notes
        assert events["ts_exchange"].is_sorted()


def test_a_later_recording_that_does_not_go_on_begins_with_its_own_snapshot(tmp_path: Path) -> None:
    first = BinanceCapture().snapshot(20, [("100.0", "5")], [("100.5", "4")]).update(20, 21, 19, bids=[("99.0", "1")])
    second = BinanceCapture()
    second.time_ms = first.time_ms + 10_000
    second.update(900, 905, 899, bids=[("98.0", "1")]).snapshot(903, [("97.0", "5")], [("97.5", "4")])
    sources = [Source(capture.write(tmp_path, name)) for capture, name in ((second, "b"), (first, "a"))]
    ((files, pieces),) = streams(sources, ReadOptions())
    assert ["a", "b"] == [source.base for source in files]
    assert 1 == all_events(pieces)[1]["gaps"]


def test_snapshot_file_of_a_download_comes_before_its_updates(tmp_path: Path) -> None:
    snap, update = tmp_path / "z-snap.csv", tmp_path / "a-update.csv"
    snap.write_text(
        HEADER + "BTCUSDT,1667347199000,20,20,b,snap,100.0,5,-1\nBTCUSDT,1667347199000,20,20,a,snap,101,5,-1\n"
    )
    update.write_text(HEADER + "BTCUSDT,1667347199100,18,22,b,set,100.0,6.5,17\n")
    ((files, pieces),) = streams([Source(update), Source(snap)], ReadOptions())
    assert ["z-snap.csv", "a-update.csv"] == [source.base for source in files]
    assert 4 == len(all_events(pieces)[0])
