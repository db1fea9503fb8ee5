"""The yardstick: two fixed streams with published answers, and a C reference compiled on the spot, side by side with the core.

The folder holds ``gen_stream.py`` (writes the streams with their answers) and ``lob_ref.c``.  Both are used as they are, in a temporary folder: the
generator runs in a process of its own, the reference is compiled with ``cc -O3 -march=native``.  Each round runs the reference, then the core,
in one process tree; thread CPU time on both sides, the filling untimed, each side three passes a round.

Both sides' answers are held against the generator's in every round.  The reference writes fills only (16 bytes each); the core writes a report for
everything (56 bytes), block by block, and a second figure has it keep all of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from lobsim.bench.answers import Answers, compare, from_yardstick
from lobsim.bench.flow import time_blocks_of, time_whole
from lobsim.bench.rounds import compare_times, in_turns
from lobsim.bench.streams import Stream
from lobsim.errors import LobsimError
from lobsim.types import MESSAGE, Verb

STREAMS = ("shallow", "deep")
FLAGS = ("-O3", "-march=native")
_PASSES = 3
_RECORD = np.dtype([("kind", "u1"), ("side", "u1"), ("pad", "u2"), ("price", "i4"), ("qty", "i4"), ("id", "i4")])
_HEADER_BYTES = 64
_LINE = re.compile(
    r"min +([\d.]+) med +([\d.]+) ns/msg +fills (\d+) qty (\d+) notional (\d+) live (\d+) bb (-?\d+) ba (-?\d+) hash (\d+)"
)
_ANSWERS = ("fills", "traded_qty", "notional", "live", "best_bid", "best_ask", "fill_hash")


class Unavailable(LobsimError):
    """Something a measurement needs is not here: it is reported as not measured."""


def generate(yardstick: Path, folder: Path, messages: int) -> dict[str, Path]:
    """Write the yardstick's streams into folder; returns their files.  Raises Unavailable without the generator, or if it fails."""
    script = yardstick / "gen_stream.py"
    if not script.is_file():
        raise Unavailable(f"there is no {script.name} in {yardstick}", hint="name the folder with --yardstick")
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "compiled")}
    command = [sys.executable, str(script), str(folder), str(messages)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise Unavailable(f"{script.name} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return {name: folder / f"{name}.bin" for name in STREAMS}


def read_stream(path: Path) -> Stream:
    """A yardstick stream and the answers beside it."""
    header = np.fromfile(path, np.int64, 8)
    records = np.fromfile(path, _RECORD, offset=_HEADER_BYTES)
    messages = np.zeros(len(records), MESSAGE)
    messages["verb"] = np.where(records["kind"] == 0, Verb.NEW, Verb.CANCEL)
    messages["side"] = records["side"]
    messages["price_ticks"] = records["price"]
    messages["size_lots"] = records["qty"]
    messages["order_id"] = records["id"]
    written = json.loads(path.with_suffix(".json").read_text())
    return Stream(messages, int(header[2]), int(header[5]) + 1, from_yardstick(written))


def compile_reference(yardstick: Path, folder: Path) -> tuple[Path, str]:
    """Compile lob_ref.c into folder; returns the program and the command.  Raises Unavailable without a compiler."""
    source = yardstick / "lob_ref.c"
    if not source.is_file():
        raise Unavailable(f"there is no {source.name} in {yardstick}", hint="name the folder with --yardstick")
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        raise Unavailable("there is no C compiler (cc, gcc, clang)", hint="install one to compare with C")
    program = folder / "lob_ref"
    done = subprocess.run([compiler, *FLAGS, str(source), "-o", str(program)], capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{Path(compiler).name} {' '.join(FLAGS)} does not compile {source.name}")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout.splitlines()
    return program, f"{Path(compiler).name} {' '.join(FLAGS)} ({version[0] if version else 'version unknown'})"


def run_reference(program: Path, path: Path, expected: Answers) -> list[float]:
    """One round of the reference on a stream: its minimum and median, ns per message; raises WrongAnswer."""
    done = subprocess.run([str(program), str(path), str(_PASSES)], capture_output=True, text=True)
    line = _LINE.search(done.stdout)
    if done.returncode or line is None:
        raise Unavailable(f"the C reference failed on {path.name} (exit code {done.returncode})")
    found = from_yardstick(dict(zip(_ANSWERS, map(int, line.groups()[2:]), strict=True)))
    compare(expected, found, f"C reference, {path.stem}")
    least, middle = float(line[1]), float(line[2])
    return [least, middle]


def _passes(stream: Stream, where: str) -> list[float]:
    """One round of the core: minimum and median of as many passes as the reference makes."""
    times = [time_blocks_of(stream, where=where) for _ in range(_PASSES)]
    return [min(times), median(times)]


def measure_stream(path: Path, program: Path | None, rounds: int) -> dict[str, Any]:
    """The core on one stream, beside the reference if there is one; ns per message and their ratio."""
    stream = read_stream(path)
    name = path.stem
    runs: dict[str, Any] = {"ours": partial(_passes, stream, f"yardstick {name}")}
    if program is not None:
        runs = {"c": partial(run_reference, program, path, stream.answers)} | runs
    times = in_turns(runs, rounds)
    kept = min(time_whole(stream, where=f"yardstick {name}, all reports kept") for _ in range(2))
    figures: dict[str, Any] = {
        "messages": len(stream.messages) - stream.warm,
        "ns": round(min(times["ours"]), 2),
        "ns_all_reports_kept": round(kept, 2),
    }
    if program is not None:
        figures |= {"c_ns": round(min(times["c"]), 2), **compare_times(times["ours"], times["c"])}
    return figures
