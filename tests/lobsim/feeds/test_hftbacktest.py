"""hftbacktest's arrays: levels, orders, and every refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobsim.errors import DataError
from lobsim.feeds import hftbacktest as hft
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Fidelity, Flag, Kind, Side
from tests.support.read_pieces import read_one

EVENT = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ],
    align=True,
)
WHO = ReadOptions(symbol="BTCUSDT", venue="BINANCE_USDM")
BOTH = hft.EXCHANGE | hft.LOCAL
T0 = 1_700_000_000 * 10**9
BID, ASK = BOTH | hft.BUY, BOTH | hft.SELL
SNAPSHOT = [(hft.SNAPSHOT | BID, 0, 100.0, 1.5), (hft.SNAPSHOT | ASK, 0, 100.1, 2.5)]


def _save(tmp_path: Path, *rows: tuple[Any, ...], name: str = "day.npz", **more: Any) -> Path:
    """Write events given as (ev, seconds, px, qty[, order id])."""
    events = np.zeros(len(rows), dtype=EVENT)
    for k, (ev, seconds, price, size, *order_id) in enumerate(rows):
        time = T0 + seconds * 10**9
        events[k] = (ev, time, time + 1000, price, size, order_id[0] if order_id else 0, 0, 0.0)
    path = tmp_path / name
    np.savez_compressed(path, data=events, **more)
    return path


def _rows(path: Path, options: ReadOptions = WHO) -> list[tuple[Any, ...]]:
    columns = read_one(hft, path, options).events.select("kind", "side", "price", "size", "order_id", "flags").rows()
    return [
        (Kind(kind).name, side, price / 1e10, size / 1e8, order, flags)
        for kind, side, price, size, order, flags in columns
    ]


def _refused(path: Path, options: ReadOptions = WHO) -> str:
    with pytest.raises(DataError) as caught:
        read_one(hft, path, options)
    return str(caught.value).replace(str(path), "FILE")


def test_levels_and_prints(tmp_path: Path) -> None:
    path = _save(
        tmp_path,
        *SNAPSHOT,
        (hft.TRADE | BID, 1, 100.1, 0.25),
        (hft.DEPTH | ASK, 1, 100.1, 2.25),
        (hft.DEPTH | BID, 2, 100.0, 0.0),
        (hft.DEPTH | hft.LOCAL | hft.BUY, 3, 7.0, 7.0),
        (hft.BEST | BID, 3, 7.0, 7.0),
    )
    last, snap, known = Flag.LAST_IN_PACKET, Flag.SNAPSHOT, Flag.AGGRESSOR_KNOWN
    assert [
        ("CLEAR", -1, 0, 0, 0, 0),
        ("LEVEL", 0, 100.0, 1.5, 0, snap),
        ("LEVEL", 1, 100.1, 2.5, 0, snap | last),
        ("PRINT", 1, 100.1, 0.25, 0, known),
        ("LEVEL", 1, 100.1, 2.25, 0, last),
        ("LEVEL", 0, 100.0, 0.0, 0, last),
    ] == _rows(path)
    whole = read_one(hft, path, WHO)
    assert (Fidelity.L2_TRADES, {"best quotes": 1}) == (whole.instrument.fidelity, dict(whole.notes))
    assert (T0, T0 + 1000) == whole.events.select("ts_exchange", "ts_local").row(0)


def test_a_clear_of_one_side_removes_the_known_levels_up_to_its_price(tmp_path: Path) -> None:
    path = _save(
        tmp_path,
        *SNAPSHOT,
        (hft.DEPTH | BID, 1, 99.5, 3.0),
        (hft.DEPTH | BID, 1, 99.0, 4.0),
        (hft.CLEAR | BID, 2, 99.5, 0.0),
        (hft.SNAPSHOT | BID, 2, 99.7, 1.0),
        (hft.CLEAR | BOTH, 3, 0.0, 0.0),
        (hft.SNAPSHOT | BID, 3, 98.0, 1.0),
    )
    assert [
        ("LEVEL", 0, 99.5, 0.0),
        ("LEVEL", 0, 100.0, 0.0),
        ("LEVEL", 0, 99.7, 1.0),
        ("CLEAR", -1, 0.0, 0.0),
        ("LEVEL", 0, 98.0, 1.0),
    ] == [row[:4] for row in _rows(path)[5:]]
    assert [0, Flag.SNAPSHOT] == [row[5] & Flag.SNAPSHOT for row in _rows(path)[7:] if row[0] == "LEVEL"]


def test_the_snapshot_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    book = _save(
        tmp_path, *[(ev, seconds - 500, price, size) for ev, seconds, price, size in SNAPSHOT], name="book.npz"
    )
    path = _save(tmp_path, (hft.DEPTH | BID, 1, 100.0, 1.0))
    assert (
        "FILE (data.npy) row 1: a change of depth comes before the first snapshot; give the snapshot with book"
        == _refused(path)
    )
    options = ReadOptions(symbol="BTCUSDT", venue="X", book=str(book))
    assert ["CLEAR", "LEVEL", "LEVEL", "LEVEL"] == [row[0] for row in _rows(path, options)]
    assert {T0 + 10**9} == set(read_one(hft, path, options).events["ts_exchange"])


def test_orders_become_executions_with_their_makers(tmp_path: Path) -> None:
    path = _save(
        tmp_path,
        (hft.CLEAR | BOTH, 0, float("nan"), 0.0),
        (hft.ADD | BID, 1, 100.0, 5.0, 7),
        (hft.ADD | BID, 1, 100.0, 2.0, 8),
        (hft.TRADE | ASK, 2, 100.0, 5.0, 9),
        (hft.FILL | BID, 2, 100.0, 5.0, 7),
        (hft.CANCEL | BID, 2, 100.0, 5.0, 7),
        (hft.MODIFY | BID, 3, 101.0, 2.0, 8),
        (hft.CANCEL | BID, 4, 101.0, 0.0, 8),
    )
    whole = read_one(hft, path, WHO)
    assert [
        ("CLEAR", -1, 0.0, 0.0, 0),
        ("ADD", 0, 100.0, 5.0, 7),
        ("ADD", 0, 100.0, 2.0, 8),
        ("EXECUTE", 0, 100.0, 5.0, 7),
        ("REPLACE", 0, 101.0, 2.0, 8),
        ("DELETE", 0, 101.0, 2.0, 8),
    ] == [row[:5] for row in _rows(path)]
    assert (Fidelity.L3_FULL, {}) == (whole.instrument.fidelity, dict(whole.notes))


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            (hft.DEPTH | BID, 1, 0.1 + 0.2, 1.0),
            "row 3, field px: px is 0.30000000000000004, which is no decimal of at most 10 decimals",
        ),
        (
            (hft.DEPTH | BID, 1, 1.0, 1 / 3),
            "row 3, field qty: qty is 0.3333333333333333, which is no decimal of at most 8",
        ),
        ((hft.DEPTH | BID, 1, 1.0, -1.0), "row 3, field qty: qty is -1.0, a quantity is needed"),
        ((hft.TRADE | BID, 1, 1.0, 0.0), "row 3, field qty: qty is 0.0, a quantity is needed"),
        ((hft.DEPTH | BOTH, 1, 1.0, 1.0), "row 3, field ev: ev is 3221225473, a side is needed"),
        ((99 | BID, 1, 1.0, 1.0), "row 3, field ev: ev is 3758096483, there is no such event"),
        ((hft.DEPTH | BID, -1, 1.0, 1.0), "row 3: its exch_ts is earlier than that of the event before"),
        (
            (hft.DEPTH | BID, -1_699_999_999, 1.0, 1.0),
            "row 3, field exch_ts: exch_ts is 1000000000, nanoseconds since 1970 are needed",
        ),
        ((hft.ADD | BID, 1, 1.0, 1.0, 2**63), "row 3, field order_id"),
    ],
)
def test_events_that_cannot_be_are_refused(tmp_path: Path, row: tuple[Any, ...], sentence: str) -> None:
    assert _refused(_save(tmp_path, *SNAPSHOT, row)).startswith(f"FILE (data.npy) {sentence}")


def test_levels_among_orders_are_refused(tmp_path: Path) -> None:
    path = _save(tmp_path, (hft.ADD | BID, 1, 1.0, 1.0, 7), (hft.DEPTH | BID, 1, 1.0, 1.0))
    assert "row 2: levels and orders are mixed" in _refused(path)


def test_symbol_and_venue_must_be_said(tmp_path: Path) -> None:
    path = _save(tmp_path, *SNAPSHOT)
    assert "FILE: it does not say its symbol; say it with symbol" == _refused(path, ReadOptions())
    assert "FILE: it does not say its venue; say it with venue" == _refused(path, ReadOptions(symbol="A"))
    assert "it holds no event of the exchange" in _refused(
        _save(tmp_path, (hft.DEPTH | hft.LOCAL | hft.BUY, 0, 1.0, 1.0))
    )


def test_a_cut_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.npy"
    np.save(path, np.zeros(100, dtype=EVENT))
    path.write_bytes(path.read_bytes()[:-70])
    with pytest.raises(DataError, match="2 of 100 records are missing"):
        list(hft.record_blocks(Source(path)))


def test_other_arrays_and_pickles_are_not_recognised(tmp_path: Path) -> None:
    for name, array in (
        ("a.npy", np.zeros(3)),
        ("b.npy", np.array([{}], dtype=object)),
        ("c.npy", np.zeros((2, 2), dtype=EVENT)),
    ):
        np.save(tmp_path / name, array, allow_pickle=True)
        assert not hft.recognise(Source(tmp_path / name))
    assert not hft.recognise(Source(_save(tmp_path, *SNAPSHOT, name="two.npz", other=np.zeros(1))))
    assert hft.recognise(Source(_save(tmp_path, *SNAPSHOT)))


def test_blocks_may_be_cut_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _save(
        tmp_path, *SNAPSHOT, *[(hft.DEPTH | (BID if k % 2 else ASK), k // 3, 50.0 + k % 7, 1.0 + k) for k in range(300)]
    )
    whole = read_one(hft, path, WHO).events
    monkeypatch.setattr("lobsim.feeds.npy_stream.BLOCK_BYTES", 333)
    assert whole.equals(read_one(hft, path, WHO).events)
    assert {Side.BUY, Side.SELL, -1} == set(whole["side"])
