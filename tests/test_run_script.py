"""The set-up script ``run``, driven with a make-believe Python that writes down how it is called.

No network and no real environment: the stand-in answers the version check, makes an environment that
holds a copy of itself, and fails where a file named ``fail-WORD`` lies beside its log.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.three_ways import WAYS, environment, stream

ROOT = Path(__file__).resolve().parent.parent
BASE_TOOLS = ("sh", "cat", "cksum", "cp", "dirname", "head", "mkdir", "tr", "chmod")

STAND_IN = """#!/bin/sh
printf '%s|UV_FIND_LINKS=%s|%s\\n' "$*" "${UV_FIND_LINKS:-}" "$PWD" >>"$FAKE_LOG"
case "$*" in
    -c*) [ ! -e "$FAKE_LOG-fail-version" ] ;;
    "-m venv"*)
        for folder; do :; done
        mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python" && cp "$0" "$folder/bin/lobsim"
        : >"$folder/pyvenv.cfg" ;;
    "-m pip --version") [ ! -e "$FAKE_LOG-fail-has-pip" ] ;;
    "-m pip install -qq uv") [ ! -e "$FAKE_LOG-fail-uv" ] ;;
    "-m pip install"*) [ ! -e "$FAKE_LOG-fail-pip" ] ;;
    "exit "*) exit "${2}" ;;
esac
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the script is for POSIX shells")


class Sandbox:
    """A copy of the script in a folder with a space in its name, and the log of the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "a clone"
        self.elsewhere = folder / "elsewhere"
        self.tools = folder / "tools"
        self.log = folder / "log"
        for made in (self.project, self.elsewhere, self.tools):
            made.mkdir()
        for name in ("run", "pyproject.toml", "constraints.txt"):
            shutil.copy2(ROOT / name, self.project / name)
        for name in BASE_TOOLS:
            found = shutil.which(name)
            assert found, name
            (self.tools / name).symlink_to(found)
        self.add_python("python3")

    def add_python(self, name: str) -> None:
        """Put a stand-in of that name on the path."""
        (self.tools / name).write_text(STAND_IN, encoding="utf-8")
        (self.tools / name).chmod(0o755)

    def fail(self, word: str) -> None:
        """Make one step of the stand-in fail from now on."""
        Path(f"{self.log}-fail-{word}").touch()

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Call the script from another folder."""
        variables = {"PATH": str(self.tools), "FAKE_LOG": str(self.log), **variables}
        command = [str(self.project / "run"), *arguments]
        return subprocess.run(command, cwd=self.elsewhere, env=variables, capture_output=True, text=True)

    def calls(self, start: str = "") -> list[str]:
        """The logged calls that begin so."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [line for line in lines if line.startswith(start)]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


INSTALL_WITH_UV = "-m uv pip install"
INSTALL_WITH_PIP = "-m pip install -qq -c constraints.txt -e .[test]"


def test_first_call_installs_under_constraints_and_second_does_not(sandbox: Sandbox) -> None:
    assert 0 == sandbox.run("demo").returncode
    (call,) = sandbox.calls(INSTALL_WITH_UV)
    assert "-c constraints.txt -e .[test]|" in call
    assert 0 == sandbox.run("demo").returncode
    assert 1 == len(sandbox.calls(INSTALL_WITH_UV))


def test_arguments_folder_and_exit_code_pass_through(sandbox: Sandbox) -> None:
    sandbox.run("demo")
    assert 7 == sandbox.run("exit", "7").returncode
    assert 1 == len(sandbox.calls(f"exit 7|UV_FIND_LINKS=|{sandbox.elsewhere}"))


def test_pip_takes_over_where_uv_fails(sandbox: Sandbox) -> None:
    sandbox.fail("uv")
    done = sandbox.run("demo")
    assert 0 == done.returncode
    assert "pip instead" in done.stderr
    assert 1 == len(sandbox.calls(INSTALL_WITH_PIP))


def test_a_failed_install_is_tried_again(sandbox: Sandbox) -> None:
    sandbox.fail("uv")
    sandbox.fail("pip")
    assert 0 != sandbox.run("demo").returncode
    assert 0 != sandbox.run("demo").returncode
    assert 2 == len(sandbox.calls(INSTALL_WITH_PIP))
    assert [] == sandbox.calls("demo")


def test_an_environment_without_pip_is_given_one(sandbox: Sandbox) -> None:
    sandbox.run("demo")
    assert [] == sandbox.calls("-m ensurepip")
    sandbox.fail("has-pip")
    sandbox.run("demo", LOBSIM_VENV="interrupted")
    assert 1 == len(sandbox.calls("-m ensurepip"))


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_requirement_installs_again_in_the_same_environment(sandbox: Sandbox, name: str) -> None:
    sandbox.run("demo")
    with (sandbox.project / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    sandbox.run("demo")
    assert 2 == len(sandbox.calls(INSTALL_WITH_UV))
    assert 1 == len(sandbox.calls("-m venv"))


def test_a_copied_project_makes_its_own_environment(sandbox: Sandbox) -> None:
    sandbox.run("demo")
    copy = sandbox.project.with_name("b clone")
    shutil.copytree(sandbox.project, copy)
    sandbox.project = copy
    sandbox.run("demo")
    assert [f"-m venv --clear {copy}/.venv"] == [call.split("|")[0] for call in sandbox.calls("-m venv")[1:]]


def test_a_folder_that_is_no_environment_is_never_cleared(sandbox: Sandbox) -> None:
    precious = sandbox.elsewhere / "precious"
    precious.mkdir()
    sandbox.run("demo", LOBSIM_VENV="precious")
    assert [f"-m venv {precious}"] == [call.split("|")[0] for call in sandbox.calls("-m venv")]


def test_find_links_of_pip_are_handed_to_uv_unless_it_has_its_own(sandbox: Sandbox) -> None:
    sandbox.run("demo", PIP_FIND_LINKS="one two")
    sandbox.run("demo", PIP_FIND_LINKS="one two", UV_FIND_LINKS="three", LOBSIM_VENV="other")
    links = [call.split("|")[1] for call in sandbox.calls(INSTALL_WITH_UV)]
    assert ["UV_FIND_LINKS=one,two", "UV_FIND_LINKS=three"] == links


def test_without_a_fitting_python_it_says_so(sandbox: Sandbox) -> None:
    sandbox.fail("version")
    done = sandbox.run("demo")
    assert 1 == done.returncode
    assert "no Python 3.11 or newer" in done.stderr
    assert [] == sandbox.calls("-m")


def test_the_python_can_be_named(sandbox: Sandbox) -> None:
    sandbox.add_python("my own python")
    (sandbox.tools / "python3").unlink()
    assert 1 == sandbox.run("demo").returncode
    assert 0 == sandbox.run("demo", LOBSIM_PYTHON=str(sandbox.tools / "my own python")).returncode


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["test"], "-m tests.three_ways"),
        (["test", "-k", "a b"], "-m pytest -k a b"),
        (["lint"], "-m ruff format --check ."),
        (["types"], "-m pyright --pythonpath"),
        (["bench", "-x"], "-m pytest benchmarks --benchmark-only -x"),
        (["bench", "peers", "--rounds", "1"], "-m benchmarks.peers --rounds 1"),
    ],
)
def test_developer_commands_run_in_the_project_folder(sandbox: Sandbox, arguments: list[str], expected: str) -> None:
    sandbox.run(*arguments)
    last = sandbox.calls()[-1]
    assert last.startswith(expected)
    assert last.endswith(f"|{sandbox.project}")


def test_each_way_sets_exactly_its_own_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setenv("KEPT", "yes")
    compiled, checked, uncompiled = (environment(way) for way in WAYS)
    assert ("yes", False) == (compiled["KEPT"], "NUMBA_DISABLE_JIT" in compiled)
    assert ("1", False) == (checked["NUMBA_BOUNDSCHECK"], "NUMBA_DISABLE_JIT" in checked)
    assert ("1", "1") == (uncompiled["NUMBA_DISABLE_JIT"], uncompiled["LOBSIM_SMALL"])


def test_a_way_passes_on_the_exit_code_and_the_last_line() -> None:
    code = "print('first'); print('3 passed in 1 s'); raise SystemExit(5)"
    assert (5, "3 passed in 1 s") == stream([sys.executable, "-c", code], dict(os.environ))
