"""Fresh processes at a tenth of the price: one process loads Numba, and nothing of lobsim, and forks for every job.

What a job sees is what a process of its own would: its environment is set and Numba's settings are read anew before it imports anything.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Job(NamedTuple):
    """Python code, the folder it runs and imports in, and variables of its environment."""

    code: str
    folder: str
    variables: Mapping[str, str]


class Outcome(NamedTuple):
    """How a job ended."""

    code: int
    out: str
    err: str


class Forks:
    """The process that forks; a context manager.  `scratch` is a folder for what jobs write."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.support.forks"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.communicate(timeout=60)

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """All jobs at once, each in a process of its own."""
        places = [[str(self.scratch / f"{i}.{name}") for name in ("py", "out", "err")] for i in range(len(jobs))]
        for job, (script, _, _) in zip(jobs, places, strict=True):
            Path(script).write_text(job.code)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps([[job._asdict(), *place] for job, place in zip(jobs, places, strict=True)]) + "\n")
        stdin.flush()
        codes = json.loads(stdout.readline())
        return [
            Outcome(code, *(Path(name).read_text() for name in place[1:]))
            for code, place in zip(codes, places, strict=True)
        ]


def _fork(job: dict[str, Any], script: str, out: str, err: str) -> int:
    """Start a job; answers its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        for target, name in ((1, out), (2, err)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), target)
        os.environ.update(job["variables"])
        _read_settings()
        os.chdir(job["folder"])
        sys.path[:] = [job["folder"], *(path for path in sys.path if Path(path or ".").resolve() != ROOT)]
        runpy.run_path(script)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _read_settings() -> None:
    from numba.core import config

    config.reload_config()


def _serve() -> None:
    """Jobs by the line on stdin, exit codes by the line on stdout."""
    import numba

    numba.njit(lambda: 1)()  # a first compilation loads half of Numba
    assert not any(name.partition(".")[0] == "lobsim" for name in sys.modules)
    for line in sys.stdin:
        children = [_fork(*job) for job in json.loads(line)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        sys.stdout.write(json.dumps(codes) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
