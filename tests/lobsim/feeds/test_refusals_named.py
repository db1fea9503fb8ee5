"""What ``lobsim import`` must refuse, each by name: exit code 1, one sentence with the file and what to do, and nothing left in the store."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest

from lobsim.feeds import limits
from tests.support.captures import BinanceCapture, BybitCapture
from tests.support.commands import Run

BIDS, ASKS = [("100", "3")], [("101", "2")]


def _capture(last: int = 10) -> BinanceCapture:
    """A snapshot and two updates that follow it."""
    capture = BinanceCapture().snapshot(last, BIDS, ASKS)
    return capture.update(9, 11, 8, bids=[("100", "4")]).update(12, 13, 11, asks=[("101", "1")])


def diffs_before_their_snapshot(folder: Path) -> Path:
    return BinanceCapture().update(9, 11, 8, bids=BIDS).update(12, 13, 11, asks=ASKS).write(folder)


def gap_in_pu(folder: Path) -> Path:
    return _capture().update(16, 17, 15, bids=[("100", "5")]).write(folder)


def truncated_zst(folder: Path) -> Path:
    capture = _capture()
    for number in range(2000):
        capture.update(14 + number, 14 + number, 13 + number, bids=[("99", str(number + 1))])
    path = folder / "capture.zst"
    with pa.OSFile(str(path), "wb") as file, pa.CompressedOutputStream(file, "zstd") as stream:
        stream.write("".join(f"{line}\n" for line in capture.lines).encode())
    path.write_bytes(path.read_bytes()[:-100])
    return path


def retired_bybit_messages(folder: Path) -> Path:
    return BybitCapture().add({"topic": "orderBookL2_25.BTCUSD", "type": "snapshot", "data": []}).write(folder)


def unknown_dbn_version(folder: Path) -> Path:
    path = folder / "day.dbn"
    path.write_bytes(b"DBN\x07" + (16).to_bytes(4, "little") + bytes(16))
    return path


def lots_that_do_not_divide(folder: Path) -> Path:
    return _capture().write(folder)


def zip_bomb(folder: Path) -> Path:
    return _zipped(folder, "bomb.csv", bytes(limits.RATIO_FREE_BYTES + 1))


def path_that_climbs_out(folder: Path) -> Path:
    return _zipped(folder, "../../capture.csv", b"1,2\n")


def _zipped(folder: Path, member: str, data: bytes) -> Path:
    path = folder / "day.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, data)
    return path


class Refusal(NamedTuple):
    """How the file is made, the sentence about it (after its name), and options."""

    make: Callable[[Path], Path]
    sentence: str
    options: tuple[str, ...] = ()


REFUSALS = [
    Refusal(
        diffs_before_their_snapshot,
        " row 1: depth updates come without a snapshot to start from;"
        " give a snapshot, or the recording before this one, as book",
    ),
    Refusal(
        gap_in_pu,
        " row 4: pu is 15, 13 is needed to follow the update before it, and no later snapshot mends the gap;"
        " cut the recording there, or record a snapshot after a gap",
    ),
    Refusal(
        truncated_zst,
        ": it cannot be unpacked (Truncated compressed stream); the file seems to be cut or damaged: fetch it again",
    ),
    Refusal(
        retired_bybit_messages,
        " row 1: topic orderBookL2_25.BTCUSD is of a version of Bybit's feed that was retired;"
        " record version 5 (orderbook.200 and publicTrade)",
    ),
    Refusal(
        unknown_dbn_version,
        ": it is DBN version 7, known are 1, 2 and 3; install a newer lobsim, or order it as DBN 3",
    ),
    Refusal(
        lots_that_do_not_divide,
        " (BTCUSDT) row 2, field size: size is 3, which is no multiple of the lot of 2; give another --lot",
        ("--lot", "2"),
    ),
    Refusal(
        zip_bomb,
        f": member bomb.csv declares {limits.RATIO_FREE_BYTES + 1} bytes out of",
    ),
    Refusal(
        path_that_climbs_out,
        ": member '../../capture.csv' climbs out of the archive; repack it with plain names",
    ),
]


@pytest.mark.parametrize("in_a_folder", [False, True], ids=["named", "in a folder"])
@pytest.mark.parametrize("refusal", REFUSALS, ids=[refusal.make.__name__ for refusal in REFUSALS])
def test_it_is_refused_in_one_sentence_and_nothing_is_left(
    refusal: Refusal, in_a_folder: bool, run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "recorded"
    folder.mkdir()
    path = refusal.make(folder)
    done = run("import", folder if in_a_folder else path, "--out", tmp_path / "store", *refusal.options)
    assert (1, "", 1) == (done.code, done.out, done.err.count("\n")), done
    assert f"{path.name}{refusal.sentence}" in done.err
    assert "; " in done.err, "it does not say what to do"
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("refusal", REFUSALS, ids=[refusal.make.__name__ for refusal in REFUSALS])
def test_what_was_in_the_store_stays(refusal: Refusal, run: Run, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    store = tmp_path / "store"
    assert 0 == run("import", _capture().write(tmp_path / "good"), "--out", store).code
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert 1 == run("import", refusal.make(tmp_path), "--out", store, *refusal.options).code
    assert before == {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}


def test_a_gap_that_a_later_snapshot_mends_is_marked_and_counted(run: Run, tmp_path: Path) -> None:
    capture = _capture().update(16, 17, 15, bids=[("100", "5")]).snapshot(20, BIDS, ASKS)
    path = capture.update(19, 21, 17, bids=[("100", "9")]).write(tmp_path)
    done = run("import", path, "--out", tmp_path / "store", "--json")
    assert (0, True) == (done.code, "gaps: 1" in done.json["datasets"][0]["notes"]), done
