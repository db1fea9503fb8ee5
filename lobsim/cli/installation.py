"""What ``lobsim doctor`` says of the installation: versions, the folder of compiled code, threads, the speed of matrix products."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

from lobsim import __version__

PACKAGES = ("numpy", "numba", "llvmlite", "polars", "pyarrow", "torch")
THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS")
SHARED_VARIABLE = "LOBSIM_SHARED"
MATRIX_SIZE = 1024
_REPEATS = 5


def installation() -> dict[str, Any]:
    """Everything, as one JSON object; the speed is measured now (about a tenth of a second)."""
    return {
        "versions": versions(),
        "cache": cache(),
        "threads": threads(),
        "matrix": {"size": MATRIX_SIZE, "type": "float32"} | {"gflops": matrix_gflops()},
        "shared_data": shared_data(),
        "platform": platform.platform(),
    }


def versions() -> dict[str, str | None]:
    """Name -> version, None where it is not installed; nothing is imported for it."""
    found: dict[str, str | None] = {"python": platform.python_version(), "lobsim": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def cache() -> dict[str, Any]:
    """Where compiled code is kept, whether it can be written, and whether the code of this version is there."""
    from numba import config

    from lobsim.cli.compiling import is_cold
    from lobsim.core.jit import cache_folder

    folder = Path(cache_folder())
    files = list(folder.rglob("*.nbc")) if folder.is_dir() else []
    compiles = not config.DISABLE_JIT  # pyright: ignore[reportAttributeAccessIssue]  (numba fills that module as it loads)
    return {
        "folder": str(folder),
        "writable": _can_write(folder),
        "warm": compiles and not is_cold(),
        "compiles": compiles,
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
    }


def threads() -> dict[str, Any]:
    """Processors this process may use, and what the environment says about threads."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    variables = {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}
    return {"processors": os.cpu_count(), "usable": usable, "variables": variables}


def matrix_gflops(size: int = MATRIX_SIZE) -> float:
    """Best of some products of two float32 matrices, in 10^9 operations per second: 2 size^3 operations a product."""
    import numpy as np

    left = np.ones((size, size), dtype=np.float32)
    right, out = left.copy(), np.empty_like(left)
    best_s = float("inf")
    for _ in range(_REPEATS):
        start = perf_counter()
        np.matmul(left, right, out=out)
        best_s = min(best_s, perf_counter() - start)
    return round(2 * size**3 / best_s / 1e9, 1)


def shared_data() -> dict[str, Any]:
    """The folder of recorded data that tests and benchmarks use, from the project's folder, and whether it is there."""
    given = os.environ.get(SHARED_VARIABLE)
    folder = (Path(__file__).resolve().parents[2] / (given or "../shared")).resolve()
    return {"variable": SHARED_VARIABLE, "value": given, "folder": str(folder), "found": folder.is_dir()}


def in_words(found: dict[str, Any]) -> dict[str, str]:
    """Name -> value as a person reads it."""
    facts = {name: value or "not installed" for name, value in found["versions"].items()}
    kept = found["cache"]
    state = "warm" if kept["warm"] else "cold: lobsim warmup compiles everything"
    if not kept["compiles"]:
        state = "nothing is compiled (NUMBA_DISABLE_JIT)"
    facts["cache folder"] = kept["folder"]
    facts["compiled code"] = f"{state}; {kept['files']:,} files, {kept['bytes']:,} bytes"
    facts["can be written"] = "yes" if kept["writable"] else "no: set NUMBA_CACHE_DIR to a folder that can be written"
    set_to = ", ".join(f"{name}={value}" for name, value in found["threads"]["variables"].items())
    facts["threads"] = f"{found['threads']['usable']} of {found['threads']['processors']} processors" + (
        f"; {set_to}" if set_to else ""
    )
    facts["matrix products"] = f"{found['matrix']['gflops']:,.0f} GFLOP/s ({MATRIX_SIZE} x {MATRIX_SIZE}, float32)"
    shared = found["shared_data"]
    value = f"{SHARED_VARIABLE}={shared['value']}" if shared["value"] else f"{SHARED_VARIABLE} is not set"
    facts["shared data"] = f"{value}: {shared['folder']} is {'there' if shared['found'] else 'not there'}"
    facts["machine"] = f"{found['platform']}, {sys.maxsize.bit_length() + 1} bit"
    return facts


def _can_write(folder: Path) -> bool:
    """Whether a file can be made in a folder, or in the nearest one above it that exists; nothing is left behind."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
