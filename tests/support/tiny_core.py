"""A project of four kernels with the real compiler and cache below it, so that start-up is tested in seconds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from tests.support.forks import ROOT, Forks, Job, Outcome

REAL = (
    "__init__.py",
    "errors.py",
    "types.py",
    *(f"core/{name}.py" for name in ("__init__", "jit", "parts", "references", "code_cache")),
)
"""Files of lobsim that are taken as they are."""

HELPER = '''"""A helper of the compiled floor."""

from lobsim.core.jit import inline


@inline
def step():
    """The number that the edit changes."""
    return 1
'''

CALLER = '''"""Kernels that use a helper of another file."""

from lobsim.core.helper import step
from lobsim.core.jit import borrow_array, kernel


@kernel
def _twice(number):
    """A part."""
    return 2 * step() * number


@kernel
def scaled(number):
    """The number, two steps long."""
    return _twice(number)


@kernel
def item(numbers, place):
    """One of them."""
    return borrow_array(numbers)[place]
'''

USE = """
import sys
import numpy as np
from lobsim.core import caller, jit
answer = [caller.scaled(kind(3)) for kind in ({kinds},)]
try:
    caller.item(np.arange(3), 4 if "checked" in {asked!r} else 2)
    answer.append("read")
except IndexError:
    answer.append("outside")
kernels = [thing for thing in vars(caller).values() if hasattr(thing, "stats")]
compiled = sum(sum(entry.stats.cache_misses.values()) for entry in kernels)
found = sum(sum(entry.stats.cache_hits.values()) for entry in kernels)
sys.stdout.write(f"{{answer}} {{compiled}} compiled, {{found}} found {{jit.source_hash()}}")
"""


class Used(NamedTuple):
    """What one process answered."""

    answer: str
    work: str  # "2 compiled, 0 found"
    source_hash: str
    err: str


def make_project(folder: Path) -> Path:
    """A project below a folder."""
    core = folder / "lobsim" / "core"
    core.mkdir(parents=True)
    for name in REAL:
        shutil.copy(ROOT / "lobsim" / name, core.parent / name)
    (core / "helper.py").write_text(HELPER)
    (core / "caller.py").write_text(CALLER)
    return folder


def use(
    forks: Forks, project: Path, cache: Path, before: str = "", *, kinds: str = "int", asked: str = "", **variables: str
) -> Used:
    """What a process answers that calls two kernels of the project.

    before  code that runs first
    kinds   the types of number that `scaled` is called with
    asked   "checked": reads outside an array
    """
    return use_at_once(forks, 1, project, cache, before, kinds=kinds, asked=asked, **variables)[0]


def use_at_once(
    forks: Forks,
    processes: int,
    project: Path,
    cache: Path,
    before: str = "",
    *,
    kinds: str = "int",
    asked: str = "",
    **variables: str,
) -> list[Used]:
    """The same from several that start at once."""
    plain = {"NUMBA_CACHE_DIR": str(cache), "NUMBA_DISABLE_JIT": "0", "NUMBA_BOUNDSCHECK": "0"}
    job = Job(before + USE.format(kinds=kinds, asked=asked), str(project), plain | variables)
    return [_read(outcome) for outcome in forks.run([job] * processes)]


def _read(outcome: Outcome) -> Used:
    assert 0 == outcome.code, outcome.err
    answer, _, rest = outcome.out.partition("] ")
    work, _, source_hash = rest.rpartition(" ")
    return Used(answer + "]", work, source_hash, outcome.err)
