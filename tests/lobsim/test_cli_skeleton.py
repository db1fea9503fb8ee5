"""The command line before any command: help, version, exit codes, and errors as one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from lobsim import __version__
from lobsim.cli.main import build_app, guarded
from lobsim.errors import CapacityError, ConfigError, DataError, LobsimError, OrderError

ROOT = Path(__file__).resolve().parents[2]


def fail_with_data_error() -> None:
    """Reads a bad file."""
    raise DataError("size is -3, at least 1 is needed", file="day.csv", row=17, field="size", hint="export it again")


def fail_with_missing_file() -> None:
    """Opens a file that is not there."""
    Path("no such folder/day.csv").read_text(encoding="utf-8")


def be_interrupted() -> None:
    """Is stopped by the user."""
    raise KeyboardInterrupt


def have_a_defect() -> None:
    """Breaks."""
    raise ZeroDivisionError("a defect")


def succeed(size: int = 1) -> None:
    """Works."""
    typer.echo(f"size {size}")


COMMANDS = {
    name.replace("_", "-"): f"{__name__}:{name}"
    for name in ("fail_with_data_error", "fail_with_missing_file", "be_interrupted", "have_a_defect", "succeed")
}


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of a command line made of the functions above."""
    monkeypatch.setattr(sys, "argv", ["lobsim", *arguments])
    return guarded(build_app(COMMANDS))


def lobsim(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command line in a process of its own."""
    command = [sys.executable, "-m", "lobsim.cli.main", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_help_page_names_the_program_and_exits_with_0() -> None:
    done = lobsim("--help")
    assert (0, "") == (done.returncode, done.stderr)
    assert "Usage: lobsim" in done.stdout


def test_version_is_one_line() -> None:
    done = lobsim("--version")
    assert (0, f"lobsim {__version__}\n") == (done.returncode, done.stdout)


def test_unknown_command_exits_with_2_and_names_it() -> None:
    done = lobsim("no-such-command")
    assert 2 == done.returncode
    assert "no-such-command" in done.stderr


def test_closed_output_ends_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "lobsim.cli.main", "--version"]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (1, "") == (done.returncode, done.stderr)


def test_a_command_runs_with_its_options(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == exit_code(monkeypatch, "succeed", "--size", "3")
    assert "size 3\n" == capsys.readouterr().out


def test_bad_data_is_one_sentence_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 1 == exit_code(monkeypatch, "fail-with-data-error")
    expected = "error: day.csv row 17, field size: size is -3, at least 1 is needed; export it again\n"
    assert ("", expected) == tuple(capsys.readouterr())


def test_missing_file_is_one_sentence_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 1 == exit_code(monkeypatch, "fail-with-missing-file")
    assert "error: no such folder/day.csv: no such file or directory\n" == capsys.readouterr().err


def test_interrupt_exits_with_130_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 130 == exit_code(monkeypatch, "be-interrupted")
    assert ("", "") == tuple(capsys.readouterr())


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code(monkeypatch, "have-a-defect")


@pytest.mark.parametrize(
    ("expected", "error"),
    [
        ("day.csv row 2: cut short", DataError("cut short", file=Path("day.csv"), row=2)),
        ("day.csv: is empty", DataError("is empty", file="day.csv")),
        ("field price: is not a number", DataError("is not a number", field="price")),
        ("two lines; become one", ConfigError("two\nlines", hint="become one")),
        ("--size: too large", OrderError("too large", where="--size")),
    ],
)
def test_an_error_reads_as_one_sentence(expected: str, error: LobsimError) -> None:
    assert expected == str(error)


def test_every_error_is_a_lobsim_error() -> None:
    assert all(issubclass(kind, LobsimError) for kind in (DataError, ConfigError, OrderError, CapacityError))
