"""Ctrl-C through real processes: exit code 130 within about a second, nothing said, nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from lobsim.cli.compiling import ANNOUNCEMENT
from lobsim.feeds.store import list_partitions
from tests.lobsim.cli.conftest import ROOT
from tests.lobsim.feeds.conftest import TinyRecording

LIMIT_S = 2.0
"""The promise is a second; a busy machine may be late."""
MARK = "the test may press Ctrl-C now"

# A shell that starts the suite in the background switches Ctrl-C off for all its children: switched on again.
START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
RUN = "\nfrom lobsim.cli.main import run; run()"
SAY_MARK = f"import sys; print({MARK!r}, file=sys.stderr, flush=True)"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX sends them")


class Ended(NamedTuple):
    """How a process took Ctrl-C."""

    code: int
    seconds: float
    out: str
    err: str


def interrupt(prepare: str, *arguments: object, mark: str = MARK, wait_s: float = 0.2, **variables: str) -> Ended:
    """Run a command line, press Ctrl-C a moment after a line on stderr, and see what happens.

    prepare    statements that run before the command line, to make it stop where the test wants it
    variables  of the environment
    """
    command = [sys.executable, "-c", START + prepare + RUN, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | variables, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stderr is not None
        assert f"{mark}\n" == process.stderr.readline()
        time.sleep(wait_s)
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return Ended(process.returncode, time.monotonic() - pressed, out, err)


def assert_ended_well(ended: Ended) -> None:
    """Exit code 130, in time, and not a word."""
    assert (130, "", "") == (ended.code, ended.out, ended.err)
    assert ended.seconds < LIMIT_S


def test_ctrl_c_while_writing_leaves_nothing(tiny: TinyRecording, tmp_path: Path) -> None:
    prepare = f"""
import lobsim.feeds.store as store
write = store._write
def write_and_wait(table, path):
    import time
    write(table, path)
    {SAY_MARK}
    time.sleep(60)
store._write = write_and_wait
"""
    store = tmp_path / "store"
    assert_ended_well(interrupt(prepare, "import", tiny.write_zip(), "--out", store))
    assert [] == [path for path in store.rglob("*") if path.is_file()]


def test_ctrl_c_while_replacing_keeps_the_older_import(tiny: TinyRecording, tmp_path: Path) -> None:
    prepare = f"""
import lobsim.feeds.store as store
def wait(dataset):
    import time
    {SAY_MARK}
    time.sleep(60)
store._tables = wait
"""
    store = tmp_path / "store"
    command = [sys.executable, "-m", "lobsim", "import", str(tiny.write_zip()), "--out", str(store)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert_ended_well(interrupt(prepare, "import", tiny.write_zip(), "--out", store))
    assert before == {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert 1 == len(list_partitions(store))


def test_ctrl_c_while_replaying(tiny: TinyRecording) -> None:
    prepare = f"""
from lobsim.market import Market
replay = Market.replay
def replay_for_ever(self, progress, **options):
    {SAY_MARK}
    while True:
        replay(self, progress, **options)
Market.replay = replay_for_ever
import lobsim.cli.compiling
lobsim.cli.compiling.is_cold = lambda: False
"""
    assert_ended_well(interrupt(prepare, "replay", tiny.write_zip(), "--json"))


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"), reason="nothing is compiled")
def test_ctrl_c_while_compiling(tiny: TinyRecording, tmp_path: Path) -> None:
    fresh = {"NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    assert_ended_well(interrupt("", "replay", tiny.write_zip(), mark=ANNOUNCEMENT, wait_s=3.0, **fresh))


@pytest.mark.parametrize(
    "deaf",
    [
        pytest.param("hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)", id="a long call of a library"),
        pytest.param("swallow()", id="somebody who swallows the interrupt"),
    ],
)
def test_ctrl_c_ends_what_does_not_listen(deaf: str, tiny: TinyRecording) -> None:
    prepare = f"""
import hashlib, time
import lobsim.cli.import_
def swallow():
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            pass
def open_for_ever(*arguments, **options):
    {SAY_MARK}
    {deaf}
lobsim.cli.import_.open_dataset = open_for_ever
"""
    assert_ended_well(interrupt(prepare, "import", tiny.write_zip(), "--out", tiny.folder / "store"))
