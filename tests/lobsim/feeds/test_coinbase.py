"""The recorded seconds of Coinbase: whole books, never crossed, trades on the maker's side; and small made-up recordings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest

from lobsim.errors import DataError
from lobsim.feeds import coinbase
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import NONE, Fidelity, Flag, Kind, Side

Books = dict[str, tuple[Instrument, pl.DataFrame, Counter[str]]]


def joined(pieces: Iterable[Piece]) -> Books:
    """Instrument, all rows and all notes by symbol."""
    books: Books = {}
    for piece in pieces:
        before = books.get(piece.instrument.symbol)
        events = pl.concat([before[1], piece.events]) if before else piece.events
        books[piece.instrument.symbol] = (
            piece.instrument,
            events,
            Counter(piece.notes) + (before[2] if before else Counter()),
        )
    return books


@pytest.fixture(scope="module")
def source(shared: Path) -> Source:
    """The recording."""
    return Source(shared / "data" / "coinbase" / "COINBASE.jsonl.zst")


@pytest.fixture(scope="module")
def books(source: Source) -> Books:
    """Both products."""
    return joined(coinbase.read(source, ReadOptions()))


def test_the_recording_holds_two_whole_books(source: Source, books: Books) -> None:
    assert coinbase.recognise(source)
    counts = {symbol: Counter(events["kind"]) for symbol, (_, events, _) in books.items()}
    assert {Kind.CLEAR: 1, Kind.LEVEL: 46_000 + 1_930, Kind.PRINT: 46} == counts["BTC-USD"]
    assert {Kind.CLEAR: 1, Kind.LEVEL: 23_334 + 2_929, Kind.PRINT: 32} == counts["ETH-USD"]
    assert {"past trades left out": 100, "trades before the book left out": 1} == books["BTC-USD"][2]
    assert {"past trades left out": 100} == books["ETH-USD"][2]


def test_tick_and_lot_are_those_of_the_list_of_products(books: Books) -> None:
    instrument = books["ETH-USD"][0]
    assert ("COINBASE", "USD", "0.01", "0.00000001") == (
        instrument.venue,
        instrument.currency,
        instrument.tick,
        instrument.lot,
    )
    assert Fidelity.L2_TRADES == instrument.fidelity


def test_no_packet_leaves_a_crossed_book_and_every_trade_lies_on_the_side_of_its_maker(books: Books) -> None:
    packets = {"BTC-USD": 399, "ETH-USD": 374}
    for symbol, (_, events, _) in books.items():
        assert events["ts_exchange"].is_sorted()
        sides: dict[int, dict[int, int]] = {0: {}, 1: {}}
        seen = 0
        for kind, side, price, size, flags in events.select("kind", "side", "price", "size", "flags").iter_rows():
            if kind == Kind.LEVEL:
                sides[side][price] = size
                if not size:
                    del sides[side][price]
                if flags & Flag.LAST_IN_PACKET:
                    assert max(sides[Side.BUY]) < min(sides[Side.SELL])
                    seen += not flags & Flag.SNAPSHOT
            elif kind == Kind.PRINT:
                middle = (max(sides[Side.BUY]) + min(sides[Side.SELL])) / 2
                assert (side == Side.BUY) == (price < middle)
        assert packets[symbol] == seen


def test_the_rows_do_not_depend_on_the_blocks(source: Source, books: Books) -> None:
    again = joined(coinbase.read(source, ReadOptions(), nbytes=400_000))
    for symbol, (_, events, notes) in books.items():
        assert events.equals(again[symbol][1])
        assert notes == again[symbol][2]


def test_one_product_can_be_asked_for(source: Source, books: Books) -> None:
    only = joined(coinbase.read(source, ReadOptions(symbol="ETH-USD")))
    assert ["ETH-USD"] == list(only)
    assert books["ETH-USD"][1].equals(only["ETH-USD"][1])
    with pytest.raises(DataError, match="no depth of SOL-USD; it has BTC-USD, ETH-USD"):
        list(coinbase.read(source, ReadOptions(symbol="SOL-USD")))


# ---- made up

HEADER = '{"t":"header","format":2,"exchange":"COINBASE","config":{}}'


class Recording:
    """Lines of a made-up recording, one message after the other."""

    def __init__(self) -> None:
        self.lines = [HEADER]
        self.sequence = 0

    def message(self, channel: str, events: list[dict], skip: int = 0) -> Recording:
        """A message, after ``skip`` that were lost."""
        self.sequence += skip
        data = {
            "channel": channel,
            "timestamp": "2026-08-09T21:05:48Z",
            "sequence_num": self.sequence,
            "events": events,
        }
        seconds = f"{1786309548 + len(self.lines)}.25"
        self.lines.append(f'{{"t":"recv","conn":"ws.1","ts":{seconds},"data":{json.dumps(json.dumps(data))}}}')
        self.sequence += 1
        return self

    def depth(
        self, kind: str, second: int, *levels: tuple[str, str, str], product: str = "A-USD", skip: int = 0
    ) -> Recording:
        """A depth message at a second of the minute."""
        time = f"2026-08-09T21:05:{second:02}.5Z"
        updates = [{"side": s, "event_time": time, "price_level": p, "new_quantity": q} for s, p, q in levels]
        return self.message("l2_data", [{"type": kind, "product_id": product, "updates": updates}], skip)

    def trades(self, kind: str, *trades: tuple[int, int, str, str], product: str = "A-USD") -> Recording:
        """A message of trades: id, second, side, price; newest first, as the venue sends them."""
        rows = [
            {
                "product_id": product,
                "trade_id": str(i),
                "price": p,
                "size": "1.5",
                "time": f"2026-08-09T21:05:{t:02}Z",
                "side": s,
            }
            for i, t, s, p in trades
        ]
        return self.message("market_trades", [{"type": kind, "trades": rows}])

    def write(self, folder: Path) -> Source:
        """The recording as a file."""
        path = folder / "made_up.jsonl"
        path.write_text("".join(f"{line}\n" for line in self.lines))
        return Source(path)

    def rows(self, folder: Path) -> tuple[list[tuple], Counter[str]]:
        """(kind, side, price, flags, second) of each row of A-USD, and the notes."""
        _, events, notes = joined(coinbase.read(self.write(folder), ReadOptions()))["A-USD"]
        second = (pl.col("ts_exchange") // 10**9 % 60).alias("second")
        price = pl.col("price") // 10**10
        return events.select("kind", "side", price, "flags", second).rows(), notes


def started() -> Recording:
    """A recording that begins with a book."""
    return Recording().depth("snapshot", 1, ("bid", "10", "1"), ("offer", "12", "2"))


def test_a_snapshot_becomes_an_emptied_book_and_its_levels(tmp_path: Path) -> None:
    rows, _ = started().depth("update", 2, ("bid", "11", "1.25"), ("bid", "10", "0")).rows(tmp_path)
    last, snapshot = int(Flag.LAST_IN_PACKET), int(Flag.SNAPSHOT)
    assert (Kind.CLEAR, NONE, 0, 0, 1) == rows[0]
    assert [(Kind.LEVEL, 0, 10, snapshot, 1), (Kind.LEVEL, 1, 12, snapshot | last, 1)] == rows[1:3]
    assert [(Kind.LEVEL, 0, 11, 0, 2), (Kind.LEVEL, 0, 10, last, 2)] == rows[3:]


def test_trades_take_their_place_by_exchange_time_oldest_first(tmp_path: Path) -> None:
    recording = started().depth("update", 5, ("bid", "10", "3"))
    rows, _ = recording.trades("update", (8, 4, "SELL", "12"), (7, 3, "BUY", "10")).rows(tmp_path)
    known = int(Flag.LAST_IN_PACKET | Flag.AGGRESSOR_KNOWN)
    assert [(Kind.PRINT, Side.BUY, 10, known, 3), (Kind.PRINT, Side.SELL, 12, known, 4)] == rows[3:5]
    assert Kind.LEVEL == rows[5][0]


def test_past_trades_and_trades_before_the_book_are_left_out(tmp_path: Path) -> None:
    recording = Recording().trades("snapshot", (1, 0, "BUY", "10")).trades("update", (2, 0, "BUY", "10"))
    recording.depth("snapshot", 1, ("bid", "10", "1")).trades("update", (3, 0, "BUY", "10"))
    rows, notes = recording.rows(tmp_path)
    assert [Kind.CLEAR, Kind.LEVEL] == [row[0] for row in rows]
    assert {"past trades left out": 1, "trades before the book left out": 2} == notes


def test_a_gap_empties_the_book_until_the_next_snapshot(tmp_path: Path) -> None:
    recording = started().depth("update", 2, ("bid", "11", "1"), skip=1).trades("update", (1, 2, "BUY", "11"))
    recording.depth("snapshot", 4, ("bid", "9", "1")).depth("update", 5, ("bid", "8", "1"))
    rows, notes = recording.rows(tmp_path)
    kinds = [Kind.CLEAR, Kind.LEVEL, Kind.LEVEL, Kind.CLEAR, Kind.CLEAR, Kind.LEVEL, Kind.LEVEL]
    assert kinds == [row[0] for row in rows]
    assert (1, int(Flag.LAST_IN_PACKET)) == (rows[3][4], rows[3][3])
    assert {"gaps": 1, "rows left out after a gap": 2} == notes


def test_a_gap_in_another_channel_is_a_gap(tmp_path: Path) -> None:
    _, notes = started().message("heartbeats", [{"current_time": "now"}], skip=3).rows(tmp_path)
    assert {"gaps": 1} == notes


def test_times_of_depth_never_fall(tmp_path: Path) -> None:
    rows, notes = started().depth("update", 5, ("bid", "9", "1")).depth("update", 4, ("bid", "8", "1")).rows(tmp_path)
    assert [5, 5] == [row[4] for row in rows[3:]]
    assert {"depth rows lifted to the latest time": 1} == notes


@pytest.mark.parametrize(
    ("recording", "said"),
    [
        (Recording().depth("update", 1, ("bid", "10", "1")), "row 2: depth of A-USD comes before its snapshot"),
        (started().depth("update", 1, ("bid", "ten", "1")), "row 3: price_level is ten"),
        (started().depth("update", 1, ("bid", "10", "-1")), "row 3: new_quantity is -1"),
        (started().depth("update", 1, ("bid", "10", "1e3")), "row 3: new_quantity is 1e3"),
        (started().depth("update", 1, ("buy", "10", "1")), "row 3: the side of a level"),
        (started().depth("delta", 1, ("bid", "10", "1")), "row 3: the depth message is of type delta"),
        (started().trades("update", (1, 3, "BOUGHT", "10")), "row 3: a trade has no side"),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path: Path, recording: Recording, said: str) -> None:
    with pytest.raises(DataError) as refused:
        recording.rows(tmp_path)
    assert said in str(refused.value)


def test_lines_that_are_no_records_and_other_versions_are_refused(tmp_path: Path) -> None:
    recording = started()
    recording.lines.append(recording.lines[-1][:-30])
    with pytest.raises(DataError, match="row 3: its JSON cannot be read"):
        recording.rows(tmp_path)
    recording.lines[-1] = "nonsense"
    with pytest.raises(DataError, match="row 3: the line is 'nonsense'"):
        recording.rows(tmp_path)
    recording.lines[0] = HEADER.replace('"format":2', '"format":3')
    assert coinbase.recognise(recording.write(tmp_path))
    with pytest.raises(DataError, match="row 1: its header says format 3"):
        recording.rows(tmp_path)
