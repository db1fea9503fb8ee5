"""``lobsim import`` of what is read in blocks: files, zips and folders of any recognised format."""

from __future__ import annotations

import shlex
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lobsim.errors import DataError
from lobsim.feeds import load, recognise
from lobsim.feeds.manifest import read_manifest
from lobsim.feeds.piece import Piece, ReadOptions
from lobsim.feeds.source import Source
from lobsim.feeds.store import list_partitions
from tests.lobsim.cli.conftest import Run
from tests.lobsim.feeds.conftest import SYMBOL, TinyRecording
from tests.lobsim.feeds.test_tardis import BOOK, OPENING, T0, TRADES, book_row, file, trade_row

DAY_US = 86_400 * 10**6
BOOK_FILE, TRADES_FILE = "x_incremental_book_L2_A-USD.csv.gz", "x_trades_A-USD.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a book and trades of one day."""
    day = tmp_path / "day"
    day.mkdir()
    file(day, BOOK_FILE, BOOK + OPENING + book_row(5, False, "ask", "11", "1"))
    file(day, TRADES_FILE, TRADES + trade_row(5, "buy", "11", "1"))
    return day


def test_one_file_becomes_a_day_with_its_figures(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("import", folder / BOOK_FILE, "--out", tmp_path / "store", "--json")
    assert (0, "") == (done.code, done.err)
    (day,) = done.json["datasets"]
    dataset = load(tmp_path / "store")
    assert ("A-USD", "2020-09-13", "L2_SNAPSHOTS", 4) == (day["symbol"], day["date"], day["fidelity"], day["rows"])
    assert (dataset.digest, []) == (day["digest"], done.json["skipped"])
    assert Path(day["folder"]) / "events.parquet" == next((tmp_path / "store").rglob("*.parquet"))
    assert day["bytes"] == (Path(day["folder"]) / "events.parquet").stat().st_size
    assert 0 < done.json["seconds"]
    assert ["lobsim", "replay", day["folder"]] == shlex.split(day["next"])
    assert [dataset.digest] == [entry["digest"] for entry in read_manifest(tmp_path / "store")]


def test_a_folder_becomes_one_data_set_of_book_and_trades(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("import", folder, "--out", tmp_path / "store", "--json")
    assert (0, "L2_TRADES", 5) == (done.code, done.json["datasets"][0]["fidelity"], done.json["rows"])
    again = run("import", folder / TRADES_FILE, "--book", folder / BOOK_FILE, "--out", tmp_path / "other", "--json")
    assert done.json["datasets"][0]["digest"] == again.json["datasets"][0]["digest"]


def test_a_zip_is_read_as_the_folder_in_it(run: Run, folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "day.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"deep/{path.name}")
    done = run("import", tmp_path / "day.zip", "--out", tmp_path / "store", "--json")
    beside = run("import", folder, "--out", tmp_path / "other", "--json")
    assert done.json["datasets"][0]["digest"] == beside.json["datasets"][0]["digest"]
    assert "day.zip" == load(tmp_path / "store").info.source


def test_each_day_says_which_files_it_came_from(run: Run, folder: Path, tmp_path: Path) -> None:
    tomorrow = OPENING.replace(f"{T0},{T0 + 50}", f"{T0 + DAY_US},{T0 + DAY_US + 50}")
    file(folder, "y_book.csv", BOOK + tomorrow)
    file(folder, "y_trades.csv", TRADES + trade_row(DAY_US + 60, "sell", "10.5", "1"))
    done = run("import", folder, "--out", tmp_path / "store", "--json")
    assert ["2020-09-13", "2020-09-14"] == [day["date"] for day in done.json["datasets"]]
    sources = [entry["source"] for entry in read_manifest(tmp_path / "store")]
    assert [f"{BOOK_FILE} + {TRADES_FILE}", "y_book.csv + y_trades.csv"] == sources


def test_files_that_are_not_understood_are_named_and_refused_or_passed_over(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    (folder / "readme.txt").write_text("hello\n")
    (folder / ".litter").write_text("hello\n")
    done = run("import", folder, "--out", tmp_path / "store")
    assert (1, "", 1) == (done.code, done.out, done.err.count("\n"))
    assert f"lobsim does not understand {folder / 'readme.txt'}; take them away or pass over them" in done.err
    assert not (tmp_path / "store").exists()
    done = run("import", folder, "--out", tmp_path / "store", "--skip-unknown", "--json")
    assert (0, [str(folder / "readme.txt")]) == (done.code, done.json["skipped"])
    shown = run("import", folder, "--out", tmp_path / "store", "--skip-unknown")
    assert f"passed over: {folder / 'readme.txt'}" in shown.out and "A-USD" in shown.out


def test_lobster_days_lie_among_others(run: Run, folder: Path, tmp_path: Path) -> None:
    TinyRecording(folder).write_csv()
    done = run("import", folder, "--out", tmp_path / "store", "--json")
    assert (0, ["A-USD", SYMBOL]) == (done.code, sorted(day["symbol"] for day in done.json["datasets"]))
    assert 2 == len(read_manifest(tmp_path / "store"))


def test_a_lobster_book_without_its_messages_is_not_understood(run: Run, folder: Path, tmp_path: Path) -> None:
    tiny = TinyRecording(folder)
    tiny.write_csv()
    (folder / tiny.message_name).unlink()
    done = run("import", folder, "--out", tmp_path / "store")
    assert (1, True) == (done.code, f"lobsim does not understand {folder / tiny.book_name}" in done.err)


def test_a_file_that_is_wrong_leaves_nothing_of_the_folder(run: Run, folder: Path, tmp_path: Path) -> None:
    file(folder, "z_trades.csv", TRADES + trade_row(0, "buy", "1", "0", symbol="Z"))
    done = run("import", folder, "--out", tmp_path / "store")
    assert (1, 1) == (done.code, done.err.count("\n"))
    assert "z_trades.csv (Z) row 1, field size: size is 0" in done.err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--tick", "0.3"], "price is 11, which is no multiple of the tick of 0.3"),
        (["--lot", "2"], "size is 3, which is no multiple of the lot of 2"),
        (["--map", "price"], "--map is 'price', NAME=COLUMN such as price=px is needed"),
        (["--truth", "x.csv"], "is no LOBSTER file, --truth cannot be used with it"),
        (["--venue", "Y"], "--venue is Y, but the file is of X"),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(
    run: Run, folder: Path, tmp_path: Path, options: list[str], sentence: str
) -> None:
    done = run("import", folder / BOOK_FILE, "--out", tmp_path / "store", *options)
    assert (1, 1) == (done.code, done.err.count("\n"))
    assert sentence in done.err
    assert not (tmp_path / "store").exists()


def test_a_tick_that_divides_is_taken(run: Run, folder: Path, tmp_path: Path) -> None:
    assert 0 == run("import", folder, "--out", tmp_path / "store", "--tick", "0.1", "--lot", "0.5").code
    assert [("0.1", "0.5")] == [(entry["tick"], entry["lot"]) for entry in read_manifest(tmp_path / "store")]


def test_new_options_mean_nothing_for_lobster(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    done = run("import", tiny.write_zip(), "--out", tmp_path / "store", "--tick", "0.01")
    assert (1, True) == (done.code, "is a LOBSTER file, --tick cannot be used with it" in done.err)


@pytest.mark.parametrize("command", ["replay", "backtest"])
def test_a_vendor_file_that_is_named_directly_is_told_how_to_import_it(run: Run, folder: Path, command: str) -> None:
    path = folder / BOOK_FILE
    words = ["--data", path, "--side", "buy", "--size", "1"] if command == "backtest" else [path]
    done = run(command, *words)
    expected = f"lobsim import {path} --out STORE\n"
    assert (1, 1) == (done.code, done.err.count("\n")), done
    assert done.err.endswith(expected) and "Tardis incremental_book_L2 has to be imported first" in done.err


def test_a_folder_without_anything_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    done = run("import", tmp_path / "bare", "--out", tmp_path / "store")
    assert (1, 1) == (done.code, done.err.count("\n"))
    assert "it holds no file that lobsim understands; give a LOBSTER zip" in done.err


class Claims:
    """A reader that claims everything."""

    NAME = "Claims everything"

    def recognise(self, source: Source) -> bool:
        return True

    def read(self, source: Source, options: ReadOptions) -> Iterator[Piece]:
        return iter(())


def test_a_file_that_two_readers_claim_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = recognise.readers()
    monkeypatch.setattr(recognise, "readers", lambda: (*known, ("made up", Claims())))
    with pytest.raises(DataError, match="it could be Tardis incremental_book_L2 and Claims everything"):
        recognise.recognise(Source(folder / BOOK_FILE))


def test_what_was_imported_is_not_imported_again(run: Run, folder: Path, tmp_path: Path) -> None:
    run("import", folder, "--out", tmp_path / "store")
    done = run("import", tmp_path / "store", "--out", tmp_path / "other")
    assert (1, True) == (done.code, "it is imported already" in done.err)
    assert 1 == len(list_partitions(tmp_path / "store"))
