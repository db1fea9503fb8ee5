"""Engines in turns on one recording, and what comes of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from statistics import median
from typing import Any

Runs = dict[str, list[dict[str, Any]]]
"""Name of an engine -> what each of its replays printed."""
_MIB = 2**20


def in_turns(
    recording: str, commands: Mapping[str, list[str]], rounds: int, run: Callable[[list[str]], dict[str, Any]]
) -> Runs:
    """Every engine once, and again, so often as there are rounds."""
    found: Runs = {name: [] for name in commands}
    for turn in range(rounds):
        for name, command in commands.items():
            sys.stderr.write(f"{recording}: round {turn + 1} of {rounds}, {name}\n")
            found[name].append(run(command))
    return found


def figures_of(
    found: Runs, events: int, *, peer_rows: int, note: str, ours: str, peers: Collection[str]
) -> dict[str, Any]:
    """What the engines took; the ratio is that of the least times, ours to the fastest of the peer's ways."""
    engines = {}
    for name, runs in found.items():
        seconds = [run["seconds"] for run in runs]
        engines[name] = {
            "events_per_s": round(events / min(seconds)),
            "ns_per_event": round(min(seconds) / events * 1e9, 1),
            "median_ns_per_event": round(median(seconds) / events * 1e9, 1),
            "peak_mib": round(max(run["peak_bytes"] for run in runs) / _MIB),
            "imports_mib": round(max(run["imports_bytes"] for run in runs) / _MIB),
        }
    best = min(engines[name]["ns_per_event"] for name in peers)
    middle = min(engines[name]["median_ns_per_event"] for name in peers)
    last = found[ours][-1]
    return {
        "events": events,
        "peer_rows": peer_rows,
        "note": note,
        "touch_ticks": last["touch"],
        "touch_sizes": last["sizes"],
        "engines": engines,
        "ratio": round(best / engines[ours]["ns_per_event"], 2),
        "ratio_of_medians": round(middle / engines[ours]["median_ns_per_event"], 2),
    }
