"""What a Binance capture may not hold, and what is left out of it with a count."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds.binance import raw
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Fidelity, Kind, Side
from tests.support.captures import BinanceCapture, SmallBlocks
from tests.support.read_pieces import all_events

BIDS, ASKS = (("100.0", "5"),), (("100.5", "4"),)
STAMP = "1700000000000000000"


def started(**kind: bool) -> BinanceCapture:
    return BinanceCapture(**kind).snapshot(20, BIDS, ASKS).update(20, 21, 19, bids=[("99.0", "1")])


def read(path: Path, **options: Any) -> tuple[pl.DataFrame, dict[str, int]]:
    return all_events(raw.read(Source(path), ReadOptions(**options)))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"stream":"btcusdt@trade","data":{}}', "row 3, field line: line is .* a receive time, a space and the JSON"),
        (f'{STAMP} {{"stream":"btcusdt@depth","data":{{"e":"depthUpdate","E":17', "row 3: .* no whole message"),
        ("17000000 {}", "row 3, field local: local is 17000000, 13 to 19 digits"),
        (f"{STAMP} \x01", "row 3: it is not plain text"),
    ],
    ids=["no stamp", "cut", "stamp of seconds", "binary"],
)
def test_a_line_that_cannot_be_right_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    capture = started()
    capture.lines.append(line)
    with pytest.raises(DataError, match=sentence):
        read(capture.write(tmp_path))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"u": None}, "row 3, field u: u is missing"),
        ({"U": 99}, "row 3, field U: U is 99, which is above u"),
        ({"E": "soon"}, "row 3: .* no whole message"),
        ({"b": [["100.0"]]}, "row 3: a level is not a pair of price and size"),
        ({"b": [["100.0", "1", "2"]]}, "row 3: a level is not a pair"),
        ({"b": [["1e2", "1"]]}, "row 3, field price: price is '1e2', a decimal of at most 8 places"),
        ({"b": [["-1", "1"]]}, "row 3, field price: price is '-1'"),
        ({"b": [["nan", "1"]]}, "row 3, field price: price is 'nan'"),
        ({"b": [["100.123456789", "1"]]}, "row 3, field price: price is '100.123456789'"),
        ({"b": [["100", "99999999999999"]]}, "row 3, field size: size is '99999999999999'"),
        ({"b": [[100.5, "1"]]}, "row 3: a price or size stands without quotes"),
        ({"b": [["100.5", 1]]}, "row 3: a price or size stands without quotes"),
    ],
)
def test_an_update_that_cannot_be_right_is_named(tmp_path: Path, changes: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read(started().update(22, 23, 21, **changes).write(tmp_path))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"p": 100.5}, "row 3: a price or size stands without quotes"),
        ({"m": None}, "row 3, field m: m is missing"),
        ({"q": "1,5"}, "row 3, field size: size is '1,5'"),
    ],
)
def test_a_trade_that_cannot_be_right_is_named(tmp_path: Path, changes: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read(started().trade(1, "100.0", "1", **changes).write(tmp_path))


def test_trades_outside_the_book_are_left_out_by_origin(tmp_path: Path) -> None:
    capture = started()
    for number, origin in enumerate(("MARKET", "INSURANCE_FUND", "ADL", "MARKET"), 1):
        capture.trade(number, "100.0", "1", X=origin)
    events, notes = read(capture.write(tmp_path))
    assert 2 == (events["kind"] == Kind.PRINT).sum()
    assert 1 == notes["INSURANCE_FUND trades outside the book, left out"]
    assert 1 == notes["ADL trades outside the book, left out"]


def test_trades_missing_or_repeated_by_their_ids_are_counted(tmp_path: Path) -> None:
    capture = started()
    for number in (1, 2, 2, 6):
        capture.trade(number, "100.0", "1")
    events, notes = read(capture.write(tmp_path))
    assert 3 == (events["kind"] == Kind.PRINT).sum()
    assert (3, 1) == (notes["trades missing by their ids"], notes["trades repeated or out of order, left out"])


def test_aggregate_trades_count_only_where_there_are_no_plain_ones(tmp_path: Path) -> None:
    both = started().trade(1, "100.0", "1").trade(2, "100.0", "2", e="aggTrade", a=7)
    events, notes = read(both.write(tmp_path))
    assert 1 == (events["kind"] == Kind.PRINT).sum()
    assert 1 == notes["trades told twice (plain and aggregate), left out"]
    alone = started().trade(2, "100.0", "2", e="aggTrade", a=7)
    assert 1 == (read(alone.write(tmp_path))[0]["kind"] == Kind.PRINT).sum()


def test_partial_depth_is_not_taken_for_updates(tmp_path: Path) -> None:
    capture = started()
    data = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 1, "u": 2, "pu": 0, "b": [["1.0", "1"]], "a": []}
    capture.add({"stream": "btcusdt@depth20@100ms", "data": data})
    assert 1 == read(capture.write(tmp_path))[1]["partial depth messages, no events"]


def test_messages_without_the_envelope_of_combined_streams_are_read(tmp_path: Path) -> None:
    capture = started()
    wrapped = read(capture.write(tmp_path, "wrapped"))[0]
    text = "\n".join(capture.lines).replace('{"stream":"btcusdt@depth@0ms","data":', "").replace("}}", "}")
    bare = tmp_path / "bare"
    bare.write_text(text + "\n")
    assert wrapped.equals(read(bare)[0])


def test_trades_alone_are_of_the_lowest_fidelity(tmp_path: Path) -> None:
    path = BinanceCapture().trade(1, "100.0", "1", buyer_is_maker=True).write(tmp_path)
    piece = next(raw.read(Source(path), ReadOptions()))
    assert Fidelity.L1 == piece.instrument.fidelity
    assert [(int(Kind.PRINT), int(Side.BUY))] == piece.events.select("kind", "side").rows()


def test_several_symbols_are_read_apart_and_one_can_be_asked_for(tmp_path: Path) -> None:
    first, second = started(), BinanceCapture("ETHUSDT").trade(1, "10.0", "1")
    both = BinanceCapture()
    both.lines = [*first.lines, *second.lines]
    path = tmp_path / "both"
    path.write_text("\n".join(line.replace('"bids"', '"symbol":"BTCUSDT","bids"') for line in both.lines) + "\n")
    assert {"BTCUSDT", "ETHUSDT"} == {p.instrument.symbol for p in raw.read(Source(path), ReadOptions())}
    assert {"ETHUSDT"} == {p.instrument.symbol for p in raw.read(Source(path), ReadOptions(symbol="ETHUSDT"))}
    with pytest.raises(DataError, match="it holds BTCUSDT, ETHUSDT, SOLUSDT is wanted"):
        read(path, symbol="SOLUSDT")


def test_a_snapshot_that_does_not_say_its_symbol_is_refused_among_several(tmp_path: Path) -> None:
    capture = started()
    capture.lines += BinanceCapture("ETHUSDT").trade(1, "10.0", "1").lines
    with pytest.raises(DataError, match="row 1: a snapshot does not say which of several symbols"):
        read(capture.write(tmp_path))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"venue": "BINANCE_SPOT"}, "venue was given as BINANCE_SPOT, the recording is of BINANCE_USDM"),
        ({"date": "2024-01-01"}, "it begins on 2023-11-14, not on 2024-01-01"),
        ({"mapping": (("price", "p"),)}, "mapping was given, this format has no use for it"),
    ],
)
def test_what_contradicts_the_recording_is_refused(tmp_path: Path, options: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        list(raw.read(Source(started().write(tmp_path)), ReadOptions(**options)))


def test_a_lot_that_is_said_makes_room_for_large_sizes(tmp_path: Path) -> None:
    capture = BinanceCapture().snapshot(20, [("0.001", "99999999999999.0")], ASKS).update(20, 21, 19)
    path = capture.write(tmp_path)
    with pytest.raises(DataError, match="say tick or lot"):
        read(path)
    piece = next(raw.read(Source(path), ReadOptions(lot="1", tick="0.001")))
    assert ("1", "1", "0.001") == (piece.instrument.size_scale, piece.instrument.lot, piece.instrument.tick)
    assert 99999999999999 == piece.events["size"].max()


def test_a_recording_cut_in_its_packing_is_refused(tmp_path: Path, shared: Path) -> None:
    data = (shared / "data" / "binance" / "usdm_btcusdt_20230404.dat.gz").read_bytes()
    path = tmp_path / "cut.gz"
    path.write_bytes(data[:-5])
    with pytest.raises(DataError, match="it cannot be unpacked"):
        read(path)


def test_the_format_is_told_by_content(tmp_path: Path) -> None:
    path = started().write(tmp_path)
    assert raw.recognise(Source(path))
    packed = tmp_path / "anything"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert raw.recognise(Source(packed))
    other = tmp_path / "other"
    other.write_text('1700000000000000000 {"topic":"orderbook.50.BTCUSDT"}\n')
    assert not raw.recognise(Source(other))


def test_updates_that_begin_after_too_many_trades_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lobsim.feeds.level_track._HELD", 2)
    capture = BinanceCapture().trade(1, "100.0", "1").trade(2, "100.0", "1").trade(3, "100.0", "1")
    capture.snapshot(20, BIDS, ASKS).update(20, 21, 19, bids=[("99.0", "1")])
    with pytest.raises(DataError, match="row 5: book messages begin only here, long after the trades"):
        list(raw.read(SmallBlocks(capture.write(tmp_path), nbytes=1), ReadOptions()))
