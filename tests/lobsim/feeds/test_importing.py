"""Files become stored days from Python as from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import lobsim
from tests.lobsim.feeds.conftest import TinyRecording
from tests.lobsim.feeds.test_generic import ORDERS, write


def test_a_table_is_imported_and_read_back(tmp_path: Path) -> None:
    source = write(tmp_path)
    done = lobsim.import_data(source.path, tmp_path / "store", symbol="TINY", columns=ORDERS)
    (day,), skipped = done
    assert ([], "TINY", "1970-01-01", 7) == (skipped, day.info.symbol, day.info.date, day.rows)
    again = lobsim.load(tmp_path / "store", "TINY", "1970-01-01")
    assert (day.digest, 7) == (again.digest, len(again.events))


def test_a_folder_of_several_formats_is_imported_whole_or_passed_over_as_asked(
    tiny: TinyRecording, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    recording = tiny.write_zip()
    recording.rename(folder / recording.name)
    (folder / "letter.txt").write_text("Dear Sirs\n")
    with pytest.raises(lobsim.DataError, match=r"letter\.txt"):
        lobsim.import_data(folder, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    days, skipped = lobsim.import_data(folder, tmp_path / "store", skip_unknown=True)
    assert ([str(folder / "letter.txt")], 1) == (skipped, len(days))


def test_what_does_not_fit_the_format_is_refused(tiny: TinyRecording, tmp_path: Path) -> None:
    with pytest.raises(lobsim.ConfigError, match="is a LOBSTER file, venue, tick, lot, book and columns cannot"):
        lobsim.import_data(tiny.write_zip(), tmp_path / "store", tick="0.01")
    empty = tmp_path / "nothing"
    empty.mkdir()
    with pytest.raises(lobsim.DataError, match="nothing that lobsim understands is there"):
        lobsim.import_data(empty, tmp_path / "store")
