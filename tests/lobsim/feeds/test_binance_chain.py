"""Start-up and continuity of Binance captures, on made-up files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds.binance import raw
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Flag, Kind
from tests.support.captures import START_MS, BinanceCapture, SmallBlocks
from tests.support.read_pieces import all_events
from tests.support.recorded_books import after_level_packets

UNIT = 10**8
BIDS, ASKS = (("100.0", "5"), ("99.5", "7")), (("100.5", "4"), ("101.0", "9"))


def read(path: Path, **options: Any) -> tuple[pl.DataFrame, dict[str, int]]:
    return all_events(raw.read(Source(path), ReadOptions(**options)))


def last_best(events: pl.DataFrame) -> tuple[float, ...]:
    *_, (_, book) = after_level_packets(events)
    best = book.best()
    assert best is not None
    return tuple(number / UNIT for number in best)


def futures() -> BinanceCapture:
    """Three updates of which the first is older than the snapshot (id 20) that comes after two of them."""
    capture = BinanceCapture()
    capture.update(1, 9, 0, bids=[("100.4", "1")])
    capture.update(11, 22, 9, bids=[("100.0", "6")])
    capture.snapshot(20, BIDS, ASKS)
    return capture.update(25, 30, 22, asks=[("100.5", "0")])


def spot() -> BinanceCapture:
    capture = BinanceCapture(futures=False)
    capture.update(1, 20, bids=[("100.4", "1")])
    capture.update(21, 22, bids=[("100.0", "6")])
    capture.snapshot(20, BIDS, ASKS)
    return capture.update(23, 30, asks=[("100.5", "0")])


@pytest.mark.parametrize("capture", [futures(), spot()], ids=["futures", "spot"])
def test_updates_received_before_the_snapshot_are_applied_if_later_and_dropped_if_earlier(
    tmp_path: Path, capture: BinanceCapture
) -> None:
    events, notes = read(capture.write(tmp_path))
    assert (100.0, 6.0, 101.0, 9.0) == last_best(events)
    assert 1 == notes["updates before the snapshot, dropped"]
    assert [Kind.CLEAR, *[Kind.LEVEL] * 6] == events["kind"].to_list()
    assert events["ts_exchange"].is_sorted()


def test_futures_keep_the_update_that_ends_at_the_snapshot_and_spot_drops_it(tmp_path: Path) -> None:
    kept = BinanceCapture().update(11, 20, 9, bids=[("100.0", "6")]).snapshot(20, BIDS, ASKS).update(21, 22, 20)
    dropped = BinanceCapture(futures=False).update(11, 20, bids=[("100.0", "6")]).snapshot(20, BIDS, ASKS)
    dropped.update(21, 22, asks=[("101.0", "8")])
    assert "updates before the snapshot, dropped" not in read(kept.write(tmp_path, "a"))[1]
    assert 1 == read(dropped.write(tmp_path, "b"))[1]["updates before the snapshot, dropped"]


@pytest.mark.parametrize("futures", [True, False])
def test_a_snapshot_older_than_the_first_update_is_refused(tmp_path: Path, futures: bool) -> None:
    path = BinanceCapture(futures=futures).snapshot(20, BIDS, ASKS).update(22, 30, 21).write(tmp_path)
    with pytest.raises(DataError, match=r"row 2: its first update, 22 to 30, does not join the snapshot of 20"):
        read(path)


def test_an_old_snapshot_is_left_out_when_a_later_one_fits(tmp_path: Path) -> None:
    capture = BinanceCapture().snapshot(5, BIDS, ASKS).update(22, 30, 21, bids=[("100.0", "1")])
    capture.snapshot(28, BIDS, ASKS)
    events, notes = read(capture.update(31, 32, 30, bids=[("99.5", "3")]).write(tmp_path))
    assert (100.0, 1.0, 100.5, 4.0) == last_best(events)
    assert 1 == notes["snapshots that do not fit, left out"]


def test_updates_without_any_snapshot_are_refused(tmp_path: Path) -> None:
    path = BinanceCapture().update(1, 2, 0).update(3, 4, 2).write(tmp_path)
    with pytest.raises(DataError, match="row 1: depth updates come without a snapshot to start from"):
        read(path)


def gap_futures() -> BinanceCapture:
    return futures().update(40, 50, 39, bids=[("99.0", "1")])


def gap_spot() -> BinanceCapture:
    return spot().update(32, 50, bids=[("99.0", "1")])


@pytest.mark.parametrize(
    ("capture", "sentence"),
    [
        (gap_futures(), "row 5: pu is 39, 30 is needed"),
        (gap_spot(), "row 5: U is 32, 31 is needed"),
    ],
    ids=["pu", "U"],
)
def test_a_gap_that_no_snapshot_mends_is_refused(tmp_path: Path, capture: BinanceCapture, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as found:
        read(capture.write(tmp_path))
    assert 1 == len(str(found.value).splitlines())


def mended() -> BinanceCapture:
    """A gap with a trade on either side of its end, then a snapshot; the update that ends at it is where the book begins anew."""
    capture = futures().trade(1, "100.0", "1", buyer_is_maker=True)
    capture.update(31, 33, 30, bids=[("100.0", "5")])
    capture.trade(2, "100.0", "2")
    capture.update(40, 50, 39, bids=[("99.0", "1")])
    capture.trade(3, "100.0", "3")
    capture.update(51, 60, 50)
    capture.snapshot(60, [("98.0", "2")], [("99.0", "3")])
    capture.update(61, 70, 60, asks=[("99.0", "2")])
    return capture.trade(4, "98.0", "1", buyer_is_maker=True)


@pytest.mark.parametrize("nbytes", [1, 300, 10**6])
def test_a_gap_clears_the_book_until_the_next_snapshot_and_its_trades_are_dropped(tmp_path: Path, nbytes: int) -> None:
    source = SmallBlocks(mended().write(tmp_path), nbytes=nbytes)
    events, notes = all_events(raw.read(source, ReadOptions()))
    shown = events.filter(pl.col("kind") != Kind.LEVEL).select("kind", "size").rows()
    assert [(Kind.CLEAR, 0), (Kind.PRINT, UNIT), (Kind.CLEAR, 0), (Kind.CLEAR, 0), (Kind.PRINT, UNIT)] == shown
    assert (98.0, 2.0, 99.0, 2.0) == last_best(events)
    assert (1, 2) == (notes["gaps"], notes["trades without a known book, dropped"])


def test_the_book_is_cleared_at_the_last_update_that_was_good(tmp_path: Path) -> None:
    events, _ = read(mended().write(tmp_path))
    clear = events.with_row_index().filter((pl.col("kind") == Kind.CLEAR) & (pl.col("index") > 0)).row(0, named=True)
    assert events["ts_exchange"][clear["index"] - 1] == clear["ts_exchange"]
    assert Flag.LAST_IN_PACKET == clear["flags"]
    assert clear["ts_local"] > clear["ts_exchange"] + 2 * 10**6


def test_a_trade_that_arrives_after_a_later_update_is_put_before_it(tmp_path: Path) -> None:
    capture = futures()
    capture.trade(1, "100.0", "1", ms=START_MS + 4)
    events, _ = read(capture.write(tmp_path))
    assert [Kind.PRINT, Kind.LEVEL] == events["kind"].to_list()[-2:]


def test_a_snapshot_that_is_not_needed_is_left_out(tmp_path: Path) -> None:
    capture = futures().snapshot(30, [("1.0", "1")], [("2.0", "1")])
    events, notes = read(capture.write(tmp_path))
    assert (100.0, 6.0, 101.0, 9.0) == last_best(events)
    assert 1 == notes["snapshots not needed, left out"]


def test_a_recording_without_snapshot_goes_on_from_the_one_before_it(tmp_path: Path) -> None:
    before = futures().write(tmp_path, "before")
    after = BinanceCapture().update(31, 40, 30, bids=[("100.0", "2")]).write(tmp_path, "after")
    events, _ = read(after, book=str(before))
    assert (100.0, 2.0, 101.0, 9.0) == last_best(events)
    lost = BinanceCapture().update(33, 40, 32, bids=[("100.0", "2")]).write(tmp_path, "lost")
    with pytest.raises(DataError, match="does not join the snapshot of 30"):
        read(lost, book=str(before))


def test_a_recording_without_snapshot_takes_one_that_was_saved_by_itself(tmp_path: Path) -> None:
    body = tmp_path / "depth.json"
    body.write_text('{"lastUpdateId": 20,\n "bids": [["100.0", "5"]],\n "asks": [["100.5", "4"]]}\n')
    after = BinanceCapture(futures=False).update(21, 40, bids=[("100.0", "2")]).write(tmp_path)
    assert (100.0, 2.0, 100.5, 4.0) == last_best(read(after, book=str(body))[0])


def test_times_that_fall_in_the_chain_are_raised_and_counted(tmp_path: Path) -> None:
    capture = futures().update(31, 33, 30, bids=[("100.0", "5")], T=START_MS)
    events, notes = read(capture.write(tmp_path))
    assert events["ts_exchange"].is_sorted()
    assert 1 == notes["book times that fell, raised"]


def test_a_snapshot_that_is_all_of_the_first_block_is_not_forgotten(tmp_path: Path) -> None:
    path = BinanceCapture().snapshot(20, BIDS, ASKS).update(20, 21, 19, bids=[("99.0", "1")]).write(tmp_path)
    events, _ = all_events(raw.read(SmallBlocks(path, nbytes=1), ReadOptions()))
    assert (100.0, 5.0, 100.5, 4.0) == last_best(events)
