"""Fixtures every test may use: the folder of recorded data, and whether inputs are to be small."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
SHARED_FOLDERS = ("data", "consensus_tapes", "yardstick")


def _switched_on(variable: str) -> bool:
    return os.environ.get(variable, "0") not in ("", "0")


SMALL = _switched_on("LOBSIM_SMALL") or _switched_on("NUMBA_DISABLE_JIT")

# The same examples on every run; no deadline, because a first example may compile.
settings.register_profile("lobsim", derandomize=True, deadline=None, database=None, max_examples=20 if SMALL else 100)
settings.load_profile("lobsim")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded data named by LOBSIM_SHARED (default ../shared, from the project root).

    Where it is absent the test is skipped, or fails when LOBSIM_REQUIRE_SHARED=1.
    """
    folder = (ROOT / os.environ.get("LOBSIM_SHARED", "../shared")).resolve()
    missing = [name for name in SHARED_FOLDERS if not (folder / name).is_dir()]
    if missing:
        reason = f"LOBSIM_SHARED: the shared folder has no {', '.join(missing)}"
        if _switched_on("LOBSIM_REQUIRE_SHARED"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def small() -> bool:
    """True where inputs must be small: uncompiled runs, or LOBSIM_SMALL=1."""
    return SMALL


@pytest.fixture(scope="session")
def limit(small: bool) -> Callable[[int, int], int]:
    """``limit(big, little)`` picks the size of an input: little where inputs must be small."""
    return lambda big, little: little if small else big
