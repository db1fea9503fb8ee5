"""Compiling the matching core before it is needed, so that it is announced, timed apart, and stopped by Ctrl-C.

Invariant: after ``compile_replay`` a replay of the same kind of data compiles nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lobsim.cli.interrupt import nothing_to_clean_up
from lobsim.cli.output import Stopwatch, progress, say

if TYPE_CHECKING:
    from lobsim.feeds.schema import Dataset

ANNOUNCEMENT = "compiling the matching core (once per version, up to a minute)"
_LAST_KERNEL = "loop.advance-*.nbc"
"""The compiled form of the event loop: it calls all the others, so it is stored after them."""


def is_cold() -> bool:
    """Whether the event loop has still to be compiled: nothing of this version is stored."""
    from numba import config

    from lobsim.core.jit import cache_folder

    disabled = config.DISABLE_JIT  # pyright: ignore[reportAttributeAccessIssue]  (numba fills that module as it loads)
    folder = Path(cache_folder())
    return not disabled and not (folder.is_dir() and any(folder.rglob(_LAST_KERNEL)))


def compile_replay(dataset: Dataset, *, hashes: bool = False) -> float:
    """Compile, or load, what a replay of a data set runs, and answer the seconds that took.

    hashes  whether state hashes are taken on the way
    """
    clock = Stopwatch()
    with nothing_to_clean_up():
        if is_cold():
            say(ANNOUNCEMENT)
            with progress("compiling", None):
                _run_first_rows(dataset, hashes)
        else:
            _run_first_rows(dataset, hashes)
    return clock.seconds


def _run_first_rows(dataset: Dataset, hashes: bool) -> None:
    """Replay two rows and make room once: every compiled routine of a replay is then ready."""
    from lobsim.core.world import roomier_world
    from lobsim.core.world_hash import world_hash
    from lobsim.feeds.schema import Dataset
    from lobsim.market import Market
    from lobsim.types import NEVER, Status

    rows, truth = (None if book is None else book[:2] for book in (dataset.rows, dataset.truth))
    run = Market(Dataset(dataset.info, dataset.events.head(2), rows, dataset.seed_row, truth)).start(participant=False)
    run.advance(NEVER)
    roomier_world(run.world, Status.ROOM_ORDERS)
    if hashes:
        world_hash(run.world)


def compile_backtest() -> float:
    """Compile, or load, everything a backtest runs, and answer the seconds that took."""
    from execution.warm import warm_backtest

    return _announced(warm_backtest)


def compile_all() -> float:
    """Compile, or load, everything there is, and answer the seconds that took."""
    from execution.warm import warm

    return _announced(warm)


def _announced(work: Callable[[], float]) -> float:
    clock = Stopwatch()
    with nothing_to_clean_up():
        if is_cold():
            say(ANNOUNCEMENT)
        with progress("compiling", None):
            work()
    return clock.seconds
