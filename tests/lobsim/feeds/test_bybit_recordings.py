"""The genuine Bybit recordings: the depth the channel promises after every delta, and the venue's own best prices."""

from __future__ import annotations

import json
from bisect import bisect_left
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from lobsim.feeds.bybit import stream
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Flag, Kind, Side
from tests.support.read_pieces import all_events
from tests.support.recorded_books import after_level_packets

MEMBER = "2024-12-01_XRPUSDT_ob500.data"


def recorded_path(shared: Path) -> Path:
    return shared / "data" / "bybit" / "BYBIT.jsonl.zst"


@cache
def imported(path: Path) -> dict[Instrument, tuple[pl.DataFrame, dict[str, int]]]:
    pieces: dict[Instrument, list[Piece]] = {}
    for piece in stream.read(Source(path), ReadOptions()):
        pieces.setdefault(piece.instrument, []).append(piece)
    return {instrument: all_events(iter(theirs)) for instrument, theirs in pieces.items()}


@cache
def messages(path: Path) -> list[tuple[dict, dict]]:
    """Recorder's line and venue's message."""
    with pa.input_stream(str(path), compression="zstd") as stream_:
        lines = [json.loads(line) for line in stream_.read().splitlines()]
    return [(line, json.loads(line["data"])) for line in lines if line["t"] == "recv"]


def test_every_symbol_of_either_market_is_read_with_the_steps_that_the_venue_states(shared: Path) -> None:
    found = {(i.venue, i.symbol, i.tick, i.lot, i.depth) for i in imported(recorded_path(shared))}
    assert {
        ("BYBIT_LINEAR", "BTCUSDT", "0.10", "0.001", 200),
        ("BYBIT_LINEAR", "ETHUSDT", "0.01", "0.01", 200),
        ("BYBIT_LINEAR", "SOLUSDT", "0.010", "0.1", 200),
        ("BYBIT_LINEAR", "DOGEUSDT", "0.00001", "1", 200),
        ("BYBIT_SPOT", "BTCUSDT", "0.1", "0.000001", 200),
        ("BYBIT_SPOT", "ETHUSDT", "0.01", "0.00001", 200),
    } == found


def test_both_sides_hold_exactly_200_levels_after_every_message_and_never_cross(shared: Path) -> None:
    count = 0
    for events, notes in imported(recorded_path(shared)).values():
        assert "gaps" not in notes
        for _, book in after_level_packets(events):
            assert (200, 200) == book.depth()
            bid, _, ask, _ = book.best() or (0, 0, 0, 0)
            assert bid < ask
            count += 1
    assert 2148 == count


def test_time_and_sequence_never_fall(shared: Path) -> None:
    for events, _ in imported(recorded_path(shared)).values():
        assert events["ts_exchange"].is_sorted()
        assert events["sequence"].is_sorted()


def test_best_bid_equals_that_of_the_tickers_received_in_398_of_402(shared: Path) -> None:
    path = recorded_path(shared)
    bids: dict[str, tuple[list[int], list[int], int]] = {}
    for instrument, (events, _) in imported(path).items():
        if instrument.venue != "BYBIT_LINEAR":
            continue
        times, prices = [], []
        received = events.filter((pl.col("kind") == Kind.LEVEL) & (pl.col("flags") & Flag.LAST_IN_PACKET != 0))[
            "ts_local"
        ]
        for time_ns, (_, book) in zip(received, after_level_packets(events), strict=True):
            times.append(time_ns)
            prices.append((book.best() or (0,))[0])
        bids[instrument.symbol] = times, prices, len(instrument.price_scale.partition(".")[2])
    compared = agreeing = 0
    for line, message in messages(path):
        if not message.get("topic", "").startswith("tickers.") or "bid1Price" not in message["data"]:
            continue
        times, prices, digits = bids[message["data"]["symbol"]]
        at = bisect_left(times, round(line["ts"] * 1e9)) - 1
        if at >= 0:
            compared += 1
            whole, _, fraction = message["data"]["bid1Price"].partition(".")
            agreeing += prices[at] == int(whole + fraction.rstrip("0").ljust(digits, "0"))
    assert (402, 398) == (compared, agreeing)


def test_every_trade_is_a_print_on_the_makers_side(shared: Path) -> None:
    path = recorded_path(shared)
    told = [
        (instrument.venue, instrument.symbol, *row)
        for instrument, (events, _) in imported(path).items()
        for row in events.filter(pl.col("kind") == Kind.PRINT).select("ts_exchange", "side", "sequence").iter_rows()
    ]
    venue = {"BYBIT.ws.2": "BYBIT_LINEAR", "BYBIT.ws.3": "BYBIT_SPOT"}
    expected = [
        (venue[line["conn"]], t["s"], t["T"] * 10**6, int(Side.SELL if t["S"] == "Buy" else Side.BUY), t["seq"])
        for line, message in messages(path)
        if message.get("topic", "").startswith("publicTrade.")
        for t in message["data"]
    ]
    assert 347 == len(expected)
    assert sorted(expected) == sorted(told)


def test_receive_times_are_read_to_the_last_digit_written(shared: Path) -> None:
    path = recorded_path(shared)
    events, _ = next(found for i, found in imported(path).items() if i == next(iter(imported(path))))
    assert 1786310819_720003100 == events["ts_local"][0]


def test_archive_head_holds_500_levels_after_every_delta(shared: Path) -> None:
    source = Source(shared / "data" / "bybit" / "xrpusdt-ob500.data.zip", MEMBER)
    assert stream.recognise(source)
    pieces = list(stream.read(source, ReadOptions(venue="BYBIT_LINEAR", date="2024-12-01")))
    events, notes = all_events(iter(pieces))
    assert ("BYBIT_LINEAR", "XRPUSDT", 500) == (
        pieces[0].instrument.venue,
        pieces[0].instrument.symbol,
        pieces[0].instrument.depth,
    )
    assert {} == notes
    books = [(book.depth(), book.best()) for _, book in after_level_packets(events)]
    assert [(500, 500)] * 50 == [depth for depth, _ in books]
    assert all(best is not None and best[0] < best[2] for _, best in books)
    assert events["ts_local"].equals(events["ts_exchange"])


@pytest.mark.parametrize(("options", "count"), [({"symbol": "BTCUSDT"}, 2), ({"venue": "BYBIT_SPOT"}, 2)])
def test_one_of_several_can_be_asked_for(shared: Path, options: dict[str, str], count: int) -> None:
    pieces = stream.read(Source(recorded_path(shared)), ReadOptions(**options))
    assert count == len({piece.instrument for piece in pieces})
