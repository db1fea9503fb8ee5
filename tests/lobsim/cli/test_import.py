"""``lobsim import``: what it keeps, what it says, and what it refuses."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from lobsim.feeds.lobster import read_lobster
from lobsim.feeds.recognise import understood
from lobsim.feeds.store import list_partitions, load
from tests.lobsim.cli.conftest import Run
from tests.lobsim.feeds.conftest import DATE, MESSAGES, SYMBOL, TinyRecording

Unpack = Callable[[str], Path]


def test_an_import_answers_rows_bytes_digest_seconds_and_place(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    archive = tiny.write_zip()
    done = run("import", archive, "--out", tmp_path / "store", "--json")
    assert (0, "") == (done.code, done.err)
    folder = tmp_path / "store" / f"symbol={SYMBOL}" / f"date={DATE}"
    assert (len(MESSAGES), read_lobster(archive).digest, str(folder)) == tuple(
        done.json[name] for name in ("rows", "digest", "folder")
    )
    assert sum(path.stat().st_size for path in folder.iterdir()) == done.json["bytes"]
    assert 0 < done.json["read_s"] <= done.json["seconds"]


def test_what_was_imported_is_what_the_file_holds(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    message_file = tiny.write_csv(packed=True)
    assert 0 == run("import", message_file, "--out", tmp_path / "store").code
    assert read_lobster(message_file).digest == load(tmp_path / "store").digest


def test_the_next_command_that_is_named_works(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    done = run("import", tiny.write_zip(), "--out", tmp_path / "a store")
    command = shlex.split(done.out.partition("Try next: ")[2])
    assert ["lobsim", "replay", "--verify"] == [*command[:2], command[-1]]
    assert 0 == run(*command[1:]).code


def test_a_file_is_recognised_by_what_it_holds(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    plain = tiny.write_csv(book=False).rename(tmp_path / "monday.txt")
    done = run("import", plain, "--out", tmp_path / "store", "--symbol", SYMBOL, "--date", DATE, "--json")
    assert (0, "L3_FULL") == (done.code, done.json["fidelity"])


def test_a_name_that_does_not_tell_the_day_asks_for_it(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    plain = tiny.write_csv(book=False).rename(tmp_path / "monday.txt")
    done = run("import", plain, "--out", tmp_path / "store")
    assert 1 == done.code
    assert f"error: {plain}: its name does not tell symbol and date; say which with symbol and date\n" == done.err


@pytest.mark.parametrize("content", [b"a,b,c,d,e,f\n1,2,3,4,5,6\n", b"%PDF-1.7", b"PAR1", b"PK\x05\x06" + bytes(18)])
def test_anything_else_is_told_what_is_understood(run: Run, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "something.zip"
    file.write_bytes(content)
    file = file if content[:2] == b"PK" else file.rename(tmp_path / "something.dat")
    done = run("import", file, "--out", tmp_path / "store")
    expected = (
        f"error: {file}: this is no file that lobsim understands; give a LOBSTER zip, csv or csv.gz, {understood()}\n"
    )
    assert (1, "", expected) == done
    assert not (tmp_path / "store").exists()


def test_a_file_that_is_not_there_is_one_sentence(run: Run, tmp_path: Path) -> None:
    done = run("import", tmp_path / "absent.zip", "--out", tmp_path / "store")
    assert 1 == done.code
    assert done.err.startswith(f"error: {tmp_path / 'absent.zip'}: there is no such file or folder; give ")


def test_a_store_is_not_imported_again(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    run("import", tiny.write_zip(), "--out", tmp_path / "store")
    done = run("import", tmp_path / "store", "--out", tmp_path / "other")
    assert (1, False) == (done.code, (tmp_path / "other").exists())
    assert "it is imported already; use it directly: lobsim replay" in done.err


def test_a_folder_that_cannot_be_made_is_one_sentence(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = run("import", tiny.write_zip(), "--out", tmp_path / "taken")
    assert (1, 1) == (done.code, done.err.count("\n"))
    assert "the data set cannot be written" in done.err


def test_a_bad_file_leaves_an_older_import_as_it_was(run: Run, tiny: TinyRecording, tmp_path: Path) -> None:
    run("import", tiny.write_zip(), "--out", tmp_path / "store")
    before = load(tmp_path / "store").digest
    done = run("import", tiny.set_field(4, 3, -5).write_zip(), "--out", tmp_path / "store")
    assert 1 == done.code
    assert before == load(tmp_path / "store").digest
    assert 1 == len(list_partitions(tmp_path / "store"))


def test_a_recorded_day_is_imported_and_replayed_from_its_folder(run: Run, unpack: Unpack, tmp_path: Path) -> None:
    done = run("import", unpack("GOOG_2012-06-21_1"), "--out", tmp_path / "store", "--json")
    again = run("replay", tmp_path / "store", "--symbol", "GOOG", "--verify", "--json")
    assert (0, 0) == (done.code, again.code)
    assert (done.json["rows"], done.json["digest"]) == (again.json["rows_matching"], again.json["digest"])
