"""BATS PITCH text: the recording, and every refusal."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from lobsim.errors import DataError
from lobsim.feeds import pitch
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.types import Flag, Kind, Side
from tests.support.read_pieces import read_one, read_symbols
from tests.support.recorded_books import OrderBook

DAY = ReadOptions(date="2010-06-21")
ADD = "28800011AAK27GA0000DTS000100SH    0000619200Y"
REDUCE = "28800012XAK27GA0000DT000040"
EXECUTE = "28800013EAK27GA0000DT00006000001AQ00001"
HIDDEN = "28803240P4K27GA00003PB000100SH    0000499600000N4AQ00003"


@pytest.fixture(scope="module")
def recording(shared: Path) -> list[bytes]:
    return gzip.decompress((shared / "data" / "pitch" / "pitch_data_100k.gz").read_bytes()).splitlines(keepends=True)


def _write(tmp_path: Path, *lines: str, end: str = "\n") -> Path:
    path = tmp_path / "pitch"
    path.write_text("\n".join(lines) + end)
    return path


def _refused(path: Path, options: ReadOptions = DAY) -> str:
    with pytest.raises(DataError) as caught:
        read_symbols(pitch, path, options)
    return str(caught.value).replace(str(path), "FILE")


def test_the_recording_names_no_unknown_order(recording: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "first"
    path.write_bytes(b"".join(recording[:20_000]))
    found = read_symbols(pitch, path, DAY)
    total = sum(len(whole.events) for whole in found.values())
    added = [symbol for symbol, whole in found.items() if (whole.events["kind"] == Kind.ADD).any()]
    assert (20_000, 286) == (total, len(added))
    notes = {name: count for whole in found.values() for name, count in whole.notes.items()}
    assert {"times raised"} == set(notes)
    for whole in found.values():
        book = OrderBook()
        for _ in book.after_each(whole.events):
            pass
        assert whole.events["ts_exchange"].is_sorted()


def test_the_recording_holds_its_first_stretch_five_times_and_is_refused_there(
    shared: Path, recording: list[bytes]
) -> None:
    assert all(sorted(recording[:20_000]) == sorted(recording[k * 20_000 : (k + 1) * 20_000]) for k in range(1, 5))
    sentence = _refused(shared / "data" / "pitch" / "pitch_data_100k.gz")
    assert sentence.startswith(
        "FILE row 20001: its time goes back by 163723 ms; the file seems to hold a stretch twice"
    )


def test_each_line_becomes_its_row(tmp_path: Path) -> None:
    whole = read_one(
        pitch,
        _write(tmp_path, ADD, REDUCE, EXECUTE, ADD.replace("00011A", "00014A"), HIDDEN, "28803241B0000N4AQ0003"[:21]),
        DAY,
    )
    number = int("AK27GA0000DT", 36)
    known = Flag.AGGRESSOR_KNOWN
    assert [
        (Kind.ADD, Side.SELL, 619_200, 100, number, 0),
        (Kind.REDUCE, Side.SELL, 619_200, 40, number, 0),
        (Kind.EXECUTE, Side.SELL, 619_200, 60, number, known),
        (Kind.ADD, Side.SELL, 619_200, 100, number, 0),
        (Kind.EXECUTE_HIDDEN, Side.BUY, 499_600, 100, 0, known),
    ] == [
        (*row[:5], row[5] & ~Flag.LAST_IN_PACKET)
        for row in whole.events.select("kind", "side", "price", "size", "order_id", "flags").rows()
    ]
    assert {"broken trades": 1} == whole.notes
    assert ("SH", "BATS") == (whole.instrument.symbol, whole.instrument.venue)
    assert (12 * 3600 + 0) * 10**9 + 11 * 10**6 == whole.events["ts_exchange"][0] % (86_400 * 10**9)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((ADD, ADD), "FILE row 2: order AK27GA0000DT is added a second time"),
        ((ADD, REDUCE.replace("000040", "000101")), "FILE row 2: more is taken off order AK27GA0000DT than is left"),
        ((ADD, REDUCE.replace("000040", "000000")), "FILE row 2: it tells of 0 shares"),
        ((ADD, REDUCE.replace("000040", "00004x")), "FILE row 2: columns 22 to 27 are no number"),
        ((*[ADD.replace("0DT", f"{k:03}") for k in range(16)], ADD[:-1]), "FILE row 17: the line is of another type"),
        (
            (*[ADD.replace("0DT", f"{k:03}") for k in range(16)], ADD.replace("AAK", "dAK")),
            "FILE row 17: the line is of another type",
        ),
        ((ADD.replace("DTS", "DTQ"),), "FILE row 1: its side is neither B nor S"),
        ((ADD, "28799010" + REDUCE[8:]), "FILE row 2: its time goes back by 1001 ms"),
    ],
)
def test_lines_that_cannot_be_are_refused(tmp_path: Path, lines: tuple[str, ...], sentence: str) -> None:
    assert _refused(_write(tmp_path, *lines)).startswith(sentence)


def test_a_cut_file_and_a_missing_day_are_refused(tmp_path: Path) -> None:
    assert "FILE row 2: it has no newline at its end and may be cut" in _refused(_write(tmp_path, ADD, REDUCE, end=""))
    assert "it does not say which day it is" in _refused(_write(tmp_path, ADD), ReadOptions())
    assert "it holds no order and no trade of AA" in _refused(
        _write(tmp_path, ADD), ReadOptions(date=DAY.date, symbol="AA")
    )


def test_what_speaks_of_unknown_orders_is_counted(tmp_path: Path) -> None:
    assert {"messages of unknown orders": 1} == read_one(
        pitch, _write(tmp_path, REDUCE, ADD.replace("0011A", "0012A")), DAY
    ).notes


def test_other_text_is_not_recognised(tmp_path: Path) -> None:
    assert not pitch.recognise(Source(_write(tmp_path, "28800011A,1,2")))
