"""Cold and warm start: a fresh process that makes a book and trades once, with an empty folder of compiled code and with a filled one.

Wall time, for a person waits in it; the start of the interpreter is included.  Beside it stands a process that only imports numpy and numba.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from lobsim.errors import LobsimError

FIRST_RESULT = """
import lobsim
book = lobsim.Book()
book.limit(1, "sell", "10.00", 5)
assert 5 == book.limit(2, "buy", "10.00", 5).filled
"""
IMPORTS_ONLY = "import numpy, numba"
_ROOT = Path(__file__).resolve().parent.parent.parent


def _seconds(code: str, environment: Mapping[str, str]) -> float:
    """Wall time of a process; raises LobsimError if it fails."""
    before = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=_ROOT, env=dict(environment), capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LobsimError(f"a fresh process failed: {last}", where="start")
    return perf_counter() - before


def measure_start(folder: Path, repeats: int, *, cold: bool) -> dict[str, Any]:
    """Seconds to the first result, least of the repeats.

    folder  an empty folder for compiled code
    cold    whether to compile into it first and say how long that took; else the user's own compiled code is used
    """
    environment = dict(os.environ)
    cold_s = None
    if cold:
        environment["NUMBA_CACHE_DIR"] = str(folder)
        cold_s = round(_seconds(FIRST_RESULT, environment), 3)
    else:
        _seconds(FIRST_RESULT, environment)
    warm = min(_seconds(FIRST_RESULT, environment) for _ in range(repeats))
    imports = min(_seconds(IMPORTS_ONLY, environment) for _ in range(repeats))
    return {
        "cold_s": cold_s,
        "warm_s": round(warm, 3),
        "imports_of_numpy_and_numba_s": round(imports, 3),
        "warm_over_imports": round(warm / imports, 3),
    }
