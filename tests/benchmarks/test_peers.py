"""Recordings for other engines: every event names an order that is there, and the written rows lead to the same book."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.hftbacktest_file import FEED_NS, ROW, rows_of, write_npz
from benchmarks.peers.lobsim_l3 import dataset_of, replay
from benchmarks.peers.recordings import EVENT, aapl_recording, with_left
from lobsim.market import Market
from lobsim.types import Kind, Side

ADD, CANCEL, MODIFY, FILL = 10, 11, 12, 13


def made_up() -> np.ndarray:
    rows = [
        (1, 7, 100, 10, 0, Kind.ADD, Side.BUY),
        (2, 8, 103, 5, 0, Kind.ADD, Side.SELL),
        (3, 7, 100, 4, 0, Kind.EXECUTE, Side.BUY),
        (4, 9, 101, 3, 0, Kind.ADD, Side.BUY),
        (5, 7, 100, 6, 0, Kind.EXECUTE, Side.BUY),
        (6, 9, 101, 1, 0, Kind.REDUCE, Side.BUY),
        (7, 8, 103, 5, 0, Kind.DELETE, Side.SELL),
        (8, 11, 102, 6, 0, Kind.ADD, Side.SELL),
    ]
    return with_left(np.array([tuple(map(int, row)) for row in rows], EVENT))


def test_what_is_left_follows_each_order() -> None:
    assert [10, 5, 6, 3, 0, 2, 0, 6] == made_up()["left"].tolist()


def test_a_trade_is_a_fill_and_what_becomes_of_the_order(tmp_path: Path) -> None:
    rows = rows_of(made_up())
    code = rows["ev"] & np.uint64(0xFF)
    assert [ADD, ADD, FILL, MODIFY, ADD, FILL, CANCEL, MODIFY, CANCEL, ADD] == code.tolist()
    assert [10, 5, 4, 6, 3, 6, 0, 2, 0, 6] == rows["qty"].tolist()
    assert set((rows["local_ts"] - rows["exch_ts"]).tolist()) == {FEED_NS}
    assert 10 == write_npz(made_up(), tmp_path / "events.npz")
    with np.load(tmp_path / "events.npz") as file:
        assert ROW == file["data"].dtype
    assert 64 == ROW.itemsize


@pytest.mark.parametrize("two", [True, False])
def test_the_core_replays_a_recording_to_the_touch_it_must_have(two: bool) -> None:
    events = made_up()
    _, world = replay(Market(dataset_of(events)), int(events["ts_ns"][-1]), two=two)
    book = world.seen if two else world.book
    assert [-101, 102] == book.sides["best_key"].tolist()


def test_the_aapl_hour_is_made_whole(shared: Path, small: bool) -> None:
    if small:
        pytest.skip("ninety thousand rows are slow under coverage")
    recording = aapl_recording(shared / "data" / "lobster")
    events = with_left(recording.events.copy())
    assert np.all(events["left"] >= 0)
    assert np.array_equal(events["left"], recording.events["left"])
    assert "45 dropped" in recording.note
