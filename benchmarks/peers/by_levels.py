"""A day of levels beside hftbacktest, replayed with a compiled call at every packet (read back from the disk: `reading`).

Replays are processes of their own, in turns; both engines must have called as often, but for the last packet (hftbacktest does not tell of it), and end with
the same touch, prices and sizes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.levels import rows_of_levels, stored_day, stored_levels
from benchmarks.peers.turns import Runs, figures_of, in_turns

HERE = Path(__file__).resolve().parent
OURS = "lobsim, a call a packet"
_LOW, _HIGH = "300000", "1500000"
"""Where the array-backed depth of the peer begins and ends, in ticks: around the market, its memory bounded."""


def measure_levels(
    data: Path, python: Path, folder: Path, rounds: int, run: Callable[[list[str]], dict[str, Any]]
) -> dict[str, Any]:
    """Both engines on the Binance capture, in turns; the ratio is that of the least times.

    run  starts a replay and answers its JSON
    """
    partition = stored_levels(data, folder / "levels")
    day = stored_day(partition)
    theirs = folder / "levels.npz"
    rows = rows_of_levels(day)
    np.savez(theirs, data=rows)
    peer = [str(python), str(HERE / "hftbacktest_l2.py"), str(theirs), _LOW, _HIGH]
    commands = {OURS: [sys.executable, "-m", "benchmarks.peers.lobsim_l2", str(partition)]}
    for depth in ("roi", "hash"):
        for mode in ("calls", "through"):
            commands[f"hftbacktest, {depth}, {mode}"] = [*peer, depth, mode]
    found = in_turns("BTCUSDT by levels", commands, rounds, run)
    _check(found)
    note = f"{len(rows):,} rows, {found[OURS][-1]['calls']:,} calls"
    peers = [name for name in commands if name != OURS]
    return figures_of(found, len(rows), peer_rows=len(rows), note=note, ours=OURS, peers=peers)


def _check(found: Runs) -> None:
    """Everybody came to the end with one touch, and whoever called did so at every packet."""
    runs = [run for runs in found.values() for run in runs]
    ends = {(tuple(run["touch"]), tuple(run["sizes"]), run["ended"]) for run in runs}
    calls = {run["calls"] for run in runs if run["calls"]}
    if len(ends) != 1 or not next(iter(ends))[2] or max(calls) - min(calls) > 1:
        raise SystemExit(f"the engines do not end alike, no time counts: {sorted(ends)}, calls {sorted(calls)}")
