"""Bad files through the real command: one sentence that names file and row, exit code 1, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lobsim.feeds.store import list_partitions
from tests.lobsim.cli.conftest import Run
from tests.lobsim.feeds.conftest import TinyRecording

MESSAGES = "TINY_2012-06-21_34200000_57600000_message_2.csv"
BOOK = MESSAGES.replace("message", "orderbook")
Damage = Callable[[TinyRecording], Path]

DAMAGES: dict[str, tuple[Damage, str]] = {
    "a cut zip": (lambda tiny: tiny.write_cut_zip(0.6), "LOBSTER_SampleFile_TINY.zip: not a whole zip archive"),
    "a damaged zip": (lambda tiny: tiny.write_damaged_zip(), f"member {BOOK}: it cannot be unpacked"),
    "a cut message file": (lambda tiny: tiny.write_cut_csv(tiny.message_name, 3), f"{MESSAGES} row 14"),
    "a swapped pair": (lambda tiny: tiny.swap_files().write_zip(), f"{MESSAGES} row 1: the row has 8 columns"),
    "the book of another day": (lambda tiny: tiny.shift_book(5000).write_zip(), f"{BOOK} row 1: it does not show"),
    "a book that is too short": (lambda tiny: tiny.drop_last("book").write_zip(), f"{BOOK} row 14: it has 13 rows"),
    "NaN as a price": (lambda tiny: tiny.set_field(5, 4, "NaN").write_zip(), f"{MESSAGES} row 5, field price"),
    "NaN as a time": (lambda tiny: tiny.set_field(1, 0, "nan").write_zip(), f"{MESSAGES} row 1, field time"),
    "a negative size": (lambda tiny: tiny.set_field(6, 3, -100).write_zip(), f"{MESSAGES} row 6, field size"),
    "time running backwards": (lambda tiny: tiny.set_field(3, 0, "34199").write_zip(), f"{MESSAGES} row 3, field time"),
    "a price off tick": (lambda tiny: tiny.set_field(2, 4, 1000150).write_zip(), f"{MESSAGES} row 2, field price"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_import_refuses_it_in_one_sentence_and_writes_nothing(
    name: str, run_apart: Run, tiny: TinyRecording, tmp_path: Path
) -> None:
    damage, place = DAMAGES[name]
    done = run_apart("import", damage(tiny), "--out", tmp_path / "store")
    assert (1, "", 1) == (done.code, done.out, done.err.count("\n"))
    assert done.err.startswith("error: ")
    assert place in done.err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("name", DAMAGES)
def test_replay_refuses_it_in_the_same_words(name: str, run: Run, tiny: TinyRecording) -> None:
    damage, place = DAMAGES[name]
    done = run("replay", damage(tiny), "--json")
    assert (1, "", 1) == (done.code, done.out, done.err.count("\n"))
    assert place in done.err


def test_a_damaged_file_of_the_store_is_refused(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    run("import", tiny.write_zip(), "--out", tmp_path)
    events = list_partitions(tmp_path)[0].path / "events.parquet"
    events.write_bytes(events.read_bytes()[:-20])
    done = run("replay", tmp_path)
    assert (1, 1) == (done.code, done.err.count("\n"))
    assert f"{events}: not a whole Parquet file" in done.err
