"""Runs the suite three ways; ``./run test`` without arguments is this file.

compiled      as users run it
checked       NUMBA_BOUNDSCHECK=1: an index outside an array is an error instead of a wrong answer (not what compiles nothing: NOTHING_COMPILED)
uncompiled    NUMBA_DISABLE_JIT=1 on small inputs, with coverage: which lines really ran (not LONG_UNCOMPILED)

The compiled caches are filled before workers share them, one process for each, side by side.  The exit code is not 0 if any way fails; all three run in any case.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "-p", "no:benchmark"]
COVERAGE = ["--cov", "--cov-report=term"]
SWITCHES = ("NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT", "LOBSIM_SMALL")
TAIL_BYTES = 4096


NOTHING_COMPILED = (
    "tests/benchmarks",
    "tests/execution/test_parent.py",
    "tests/execution/test_report.py",
    "tests/execution/test_report_build.py",
    "tests/execution/test_report_delays.py",
    "tests/execution/test_schedules.py",
    "tests/execution/test_tca.py",
    "tests/lobsim/cli/test_bad_input.py",
    "tests/lobsim/calibration/flow",
    "tests/lobsim/cli/test_calibrate_flow.py",
    "tests/lobsim/cli/test_calibrate_latency.py",
    "tests/lobsim/cli/test_doctor.py",
    "tests/lobsim/cli/test_import.py",
    "tests/lobsim/cli/test_import_streams.py",
    "tests/lobsim/cli/test_every_feed.py",
    "tests/lobsim/cli/test_prepare.py",
    "tests/lobsim/feeds",
    "tests/lobsim/realism/test_discriminator.py",
    "tests/lobsim/realism/test_distances.py",
    "tests/lobsim/realism/test_estimators.py",
    "tests/lobsim/realism/test_facts.py",
    "tests/lobsim/realism/test_reference_hour.py",
    "tests/lobsim/simulation/test_preset.py",
    "tests/lobsim/test_fees.py",
    "tests/lobsim/test_latency_calibration.py",
    "tests/lobsim/test_latency_fit.py",
    "tests/oracle",
    "tests/test_architecture.py",
)
"""Importers, reports, estimators, slow twins among themselves: checking the bounds of compiled code says nothing about them, or nothing that other tests do not say."""

COUNTS_COMPILATIONS = "tests/lobsim/core/test_batch.py::test_a_batch_compiles_no_kernel_of_single_states_anew"
"""It compiles the core for itself, half a minute, and has its answer in one way."""


LONG_UNCOMPILED = ("tests/lobsim/calibration/flow/test_models.py", "tests/lobsim/realism/test_discriminator.py")
"""Arithmetic over simulated days that are too long to be made line by line."""


class Way(NamedTuple):
    """One way to run the suite."""

    name: str
    switches: dict[str, str]
    arguments: list[str]


WAYS = (
    Way("compiled", {}, ["-m", "not slow"]),
    Way(
        "checked",
        {"NUMBA_BOUNDSCHECK": "1"},
        [
            "-m",
            "not slow and not browser",
            f"--deselect={COUNTS_COMPILATIONS}",
            *(f"--ignore={path}" for path in NOTHING_COMPILED),
        ],
    ),
    Way(
        "uncompiled",
        {"NUMBA_DISABLE_JIT": "1", "LOBSIM_SMALL": "1"},
        ["-m", "not slow and not browser", *COVERAGE, *(f"--ignore={path}" for path in LONG_UNCOMPILED)],
    ),
)


def environment(way: Way) -> dict[str, str]:
    """The present environment with exactly the switches of one way."""
    rest = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    return rest | way.switches


def warm() -> dict[str, int]:
    """Fill the compiled cache of every way that compiles, each in one process: several workers would each compile the same.  Returns exit codes by way."""
    command = [sys.executable, "-m", "lobsim", "warmup"]
    running = {
        way.name: subprocess.Popen(command, cwd=ROOT, env=environment(way))
        for way in WAYS
        if "NUMBA_DISABLE_JIT" not in way.switches
    }
    return {name: process.wait() for name, process in running.items()}


def stream(command: list[str], variables: dict[str, str]) -> tuple[int, str]:
    """Run a command, pass its output through as it comes, and return its exit code and last line."""
    tail = b""
    with subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while chunk := os.read(process.stdout.fileno(), 65536):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            tail = (tail + chunk)[-TAIL_BYTES:]
    lines = tail.decode(errors="replace").strip().splitlines()
    return process.returncode, lines[-1] if lines else ""


def run_way(way: Way) -> tuple[int, str]:
    """Run the suite one way; exit code and pytest's closing line."""
    print(f"\n== {way.name}: {' '.join(f'{name}={value}' for name, value in way.switches.items())}", flush=True)
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    return stream([*PYTEST, *colour, *way.arguments], environment(way))


def main() -> int:
    """Run all three and repeat their closing lines together; the worst exit code."""
    codes = warm()
    results = [
        (way.name, codes[way.name], "the warm-up failed") if codes.get(way.name) else (way.name, *run_way(way))
        for way in WAYS
    ]
    print("\n== closing lines")
    for name, code, last_line in results:
        print(f"{name:<11} exit {code}  {last_line}")
    return max(abs(code) for _, code, _ in results)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
