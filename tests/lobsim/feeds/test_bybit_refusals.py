"""Gaps, snapshots and what a Bybit recording may not hold, on made-up files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds.bybit import stream
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Fidelity, Flag, Kind
from tests.support.captures import BybitCapture, SmallBlocks
from tests.support.read_pieces import all_events
from tests.support.recorded_books import after_level_packets

BIDS, ASKS = (("100.0", "5"), ("99.5", "7")), (("100.5", "4"), ("101.0", "9"))
OTHER_BIDS, OTHER_ASKS = (("90.0", "1"),), (("91.0", "2"),)


def started() -> BybitCapture:
    return BybitCapture().book("snapshot", 5, BIDS, ASKS).book("delta", 6, [("100.0", "0")])


def read(path: Path, **options: Any) -> tuple[pl.DataFrame, dict[str, int]]:
    return all_events(stream.read(Source(path), ReadOptions(**options)))


def bests(events: pl.DataFrame) -> list[tuple[float, ...] | None]:
    return [
        None if (b := book.best()) is None else (b[0] / 1e10, b[2] / 1e10) for _, book in after_level_packets(events)
    ]


def test_a_snapshot_replaces_the_book_at_any_time(tmp_path: Path) -> None:
    capture = started().book("snapshot", 70, OTHER_BIDS, OTHER_ASKS).book("delta", 71, [("90.5", "1")])
    events, notes = read(capture.write(tmp_path))
    assert [(100.0, 100.5), (99.5, 100.5), (90.0, 91.0), (90.5, 91.0)] == bests(events)
    assert {} == notes


def test_update_1_is_a_snapshot_whatever_its_type(tmp_path: Path) -> None:
    events, _ = read(
        started().book("delta", 1, OTHER_BIDS, OTHER_ASKS).book("delta", 2, [("90.5", "1")]).write(tmp_path)
    )
    assert (90.5, 91.0) == bests(events)[-1]
    assert 2 == (events["kind"] == Kind.CLEAR).sum()


@pytest.mark.parametrize("nbytes", [1, 400, 10**6])
def test_a_jump_in_u_clears_the_book_until_the_next_snapshot(tmp_path: Path, nbytes: int) -> None:
    capture = started().trade("100.5", "1").book("delta", 7, [("99.0", "1")])
    capture.trade("100.5", "2").book("delta", 9, [("98.0", "1")]).book("delta", 10, [("97.0", "1")]).trade("100.5", "3")
    capture.book("snapshot", 11, OTHER_BIDS, OTHER_ASKS).trade("91.0", "4").book("delta", 12, [("90.5", "1")])
    events, notes = all_events(stream.read(SmallBlocks(capture.write(tmp_path), nbytes=nbytes), ReadOptions()))
    shown = events.filter(pl.col("kind") != Kind.LEVEL).select("kind", pl.col("size") // 10**8).rows()
    assert [(8, 0), (7, 1), (8, 0), (8, 0), (7, 4)] == shown
    assert (1, 2, 2) == (
        notes["gaps"],
        notes["updates without a book, dropped"],
        notes["trades without a known book, dropped"],
    )
    assert (90.5, 91.0) == bests(events)[-1]


def test_a_jump_in_u_that_no_snapshot_mends_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 3: u is 8, 7 is needed, and no later snapshot mends the gap"):
        read(started().book("delta", 8, [("99.0", "1")]).write(tmp_path))


def test_deltas_without_a_snapshot_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1: order book deltas come without a snapshot to start from"):
        read(BybitCapture().book("delta", 6, BIDS).write(tmp_path))


def test_deltas_before_the_first_snapshot_are_dropped_and_counted(tmp_path: Path) -> None:
    capture = BybitCapture().book("delta", 4, [("200.0", "1")]).book("snapshot", 5, BIDS, ASKS)
    events, notes = read(capture.write(tmp_path))
    assert [(100.0, 100.5)] == bests(events)
    assert 1 == notes["updates without a book, dropped"]


@pytest.mark.parametrize("topic", ["orderBookL2_25.BTCUSD", "orderBook_200.100ms.BTCUSD", "trade.BTCUSD"])
def test_retired_versions_are_refused_in_one_sentence(tmp_path: Path, topic: str) -> None:
    level = {"price": "2999.00", "symbol": "BTCUSD", "id": 29990000, "side": "Buy", "size": 9}
    message = {
        "topic": topic,
        "type": "snapshot",
        "data": [level],
        "cross_seq": 11518,
        "timestamp_e6": 1555647164875373,
    }
    path = tmp_path / "old.jsonl"
    path.write_text(json.dumps(message) + "\n")
    assert stream.recognise(Source(path))
    with pytest.raises(
        DataError, match=f"row 1: topic {topic} is of a version of Bybit's feed that was retired"
    ) as found:
        read(path)
    assert 1 == len(str(found.value).splitlines())


def test_a_recording_of_the_retired_address_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    line = {"t": "connect", "conn": "BYBIT.ws.1", "ts": 1786310818.22, "addr": "wss://stream.bybit.com/realtime"}
    path.write_text(json.dumps({"t": "header", "exchange": "BYBIT"}) + "\n" + json.dumps(line) + "\n")
    with pytest.raises(DataError, match=r"row 2: it was recorded from .*, only the v5 feed is read"):
        read(path)


def test_block_trades_are_left_out_and_retail_trades_are_told(tmp_path: Path) -> None:
    capture = started().trade("100.5", "1", BT=True).trade("100.5", "2", RPI=True).trade("100.5", "3")
    events, notes = read(capture.write(tmp_path))
    assert 2 == (events["kind"] == Kind.PRINT).sum()
    assert (1, 1) == (notes["block trades outside the book, left out"], notes["RPI trades, told"])


def test_the_deepest_channel_is_taken(tmp_path: Path) -> None:
    capture = started()
    shallow = BybitCapture(depth=50).book("snapshot", 900, OTHER_BIDS, OTHER_ASKS)
    capture.lines[1:1] = shallow.lines
    events, notes = read(capture.write(tmp_path))
    assert [(100.0, 100.5), (99.5, 100.5)] == bests(events)
    assert 1 == notes["messages of other depths, left out"]


def test_matching_time_is_preferred_and_the_system_time_serves_where_there_is_none(tmp_path: Path) -> None:
    with_both, without = started(), started()
    without.lines = [json.dumps({k: v for k, v in json.loads(line).items() if k != "cts"}) for line in without.lines]
    times = [read(c.write(tmp_path))[0]["ts_exchange"] for c in (with_both, without)]
    assert {3 * 10**6} == set(times[1] - times[0])


def test_receive_stamps_before_the_messages_are_read(tmp_path: Path) -> None:
    capture = started()
    bare = read(capture.write(tmp_path))[0]
    capture.lines = [f"1700000000500000000 {line}" for line in capture.lines]
    stamped = read(capture.write(tmp_path))[0]
    assert bare.drop("ts_local").equals(stamped.drop("ts_local"))
    assert {1700000000500000000} == set(stamped["ts_local"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"type": "partial"}, "row 3, field type: type is 'partial', snapshot or delta is needed"),
        ({"data": {"s": "BTCUSDT", "b": [], "a": [], "seq": 1}}, "row 3, field u: u is missing"),
        ({"data": {"s": "BTCUSDT", "b": [["1", 5]], "a": [], "u": 7}}, "row 3: a price or size stands without quotes"),
        ({"data": {"s": "BTCUSDT", "b": [["1", "x"]], "a": [], "u": 7}}, "row 3, field size: size is 'x'"),
        ({"cts": 17}, "row 3, field time: time is 17"),
    ],
)
def test_a_message_that_cannot_be_right_is_named(tmp_path: Path, change: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read(started().book("delta", 7, **change).write(tmp_path))


def test_a_cut_line_is_refused(tmp_path: Path) -> None:
    path = started().write(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"row 2: .* is no whole message"):
        read(path)


def test_a_cut_zst_is_refused(tmp_path: Path, shared: Path) -> None:
    path = tmp_path / "cut.zst"
    path.write_bytes((shared / "data" / "bybit" / "BYBIT.jsonl.zst").read_bytes()[:-3])
    with pytest.raises(DataError, match=r"it cannot be unpacked .*fetch it again"):
        read(path)


def test_inverse_contracts_are_known_by_their_symbol(tmp_path: Path) -> None:
    path = BybitCapture("BTCUSD").trade("100.5", "1").write(tmp_path)
    instrument = next(stream.read(Source(path), ReadOptions())).instrument
    assert ("BYBIT_INVERSE", "USD", True, "1") == (
        instrument.venue,
        instrument.currency,
        instrument.inverse,
        instrument.multiplier,
    )
    assert Fidelity.L1 == instrument.fidelity


def test_snapshot_rows_are_flagged_and_the_last_row_ends_the_packet(tmp_path: Path) -> None:
    events, _ = read(started().write(tmp_path))
    s, last = int(Flag.SNAPSHOT), int(Flag.LAST_IN_PACKET)
    assert [0, s, s, s, s | last, last] == events["flags"].to_list()
