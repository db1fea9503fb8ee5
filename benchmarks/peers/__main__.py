"""Peers side by side: `./run bench peers [--env DIR] [--messages N] [--rounds N] [--out FILE]`.

Makes an environment of its own for the peer (a temporary folder, or --env, used again if it is there), writes every recording once for each engine, and
replays it A B A B ..., each replay a process of its own: thread CPU time of the replay, peak memory of the process.  No time counts unless all
engines end with the same touch, prices and sizes, and, where it is known from elsewhere, the right one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.by_levels import measure_levels
from benchmarks.peers.hftbacktest_file import write_npz
from benchmarks.peers.reading import measure_reading, reading_in_words
from benchmarks.peers.recordings import Recording, aapl_recording, yardstick_recordings
from benchmarks.peers.turns import Runs, figures_of, in_turns

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
OURS, ONE_BOOK, PEER_ARRAY, PEER_HASH = "lobsim", "lobsim, one book", "hftbacktest, array", "hftbacktest, hash map"


def make_environment(folder: Path) -> Path:
    """The peer's environment in folder, installed if it is not there; returns its interpreter."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        sys.stderr.write(f"installing the peer into {folder}\n")
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "-q", "-r", str(HERE / "requirements.txt")]
        subprocess.run(command, check=True)
    return python


def _run(command: list[str]) -> dict[str, Any]:
    """One replay in a process of its own; its JSON line."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if command[0] == sys.executable:
        environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(recording: Recording, python: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Both engines on one recording, in turns; the ratio is that of the least times."""
    ours, theirs = folder / "events.npy", folder / "events.npz"
    np.save(ours, recording.events)
    rows = write_npz(recording.events, theirs)
    prices = recording.events["price_ticks"]
    low, high = str(int(prices.min()) - 10), str(int(prices.max()) + 10)
    script = str(HERE / "hftbacktest_l3.py")
    mine = [sys.executable, "-m", "benchmarks.peers.lobsim_l3", str(ours)]
    commands = {
        OURS: [*mine, "two"],
        PEER_ARRAY: [str(python), script, str(theirs), low, high, "roi"],
        ONE_BOOK: [*mine, "one"],
        PEER_HASH: [str(python), script, str(theirs), low, high, "hash"],
    }
    found = in_turns(recording.name, commands, rounds, _run)
    _check(recording, found)
    peers = (PEER_ARRAY, PEER_HASH)
    return figures_of(found, len(recording.events), peer_rows=rows, note=recording.note, ours=OURS, peers=peers)


def _check(recording: Recording, found: Runs) -> None:
    """Everybody came to the end, with one and the same touch."""
    ends = {(tuple(run["touch"]), tuple(run["sizes"]), run["ended"]) for runs in found.values() for run in runs}
    if len(ends) != 1 or not next(iter(ends))[2]:
        raise SystemExit(f"{recording.name}: the engines do not end alike, no time counts: {sorted(ends)}")
    if recording.touch_ticks is not None and next(iter(ends))[0] != recording.touch_ticks:
        raise SystemExit(f"{recording.name}: the touch is {ends}, it must be {recording.touch_ticks}: no time counts")


def _print(result: dict[str, Any]) -> None:
    for name, figures in result.items():
        print(f"\n{name}: {figures['note']}; {figures['peer_rows']:,} rows for the peer")
        for engine, row in figures["engines"].items():
            rate = f"{row['events_per_s']:>14,} events/s {row['ns_per_event']:>9,.1f} ns"
            print(f"  {engine:24}{rate}   peak {row['peak_mib']:>6,} MiB")
        print(f"  ratio to the faster of the peer's two: {figures['ratio']} (medians {figures['ratio_of_medians']})")


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(prog="./run bench peers", description="lobsim beside hftbacktest")
    parser.add_argument("--env", type=Path, help="folder of the peer's environment (default: a temporary one)")
    parser.add_argument("--messages", type=int, default=1_000_000, help="timed messages of the yardstick's streams")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    options = parser.parse_args()
    shared = (ROOT / os.environ.get("LOBSIM_SHARED", "../shared")).resolve()
    if not (shared / "yardstick").is_dir():
        raise SystemExit(f"LOBSIM_SHARED: there is no yardstick in {shared}")
    with tempfile.TemporaryDirectory(prefix="lobsim-peers-") as name:
        folder = Path(name)
        python = make_environment((options.env or folder / "environment").resolve())
        recordings = yardstick_recordings(shared / "yardstick", folder, options.messages)
        recordings.append(aapl_recording(shared / "data" / "lobster"))
        result = {each.name: measure(each, python, folder, options.rounds) for each in recordings}
        levels = measure_levels(shared / "data", python, folder, options.rounds, _run)
        result["BTCUSDT by levels"] = levels
        reading = measure_reading(folder / "levels", options.rounds)
    _print(result)
    print(f"\n{reading_in_words(reading)}")
    result["reading back"] = reading
    if options.out is not None:
        partial = options.out.with_name(f".{options.out.name}.partial")
        partial.write_text(json.dumps(result, indent=1) + "\n")
        os.replace(partial, options.out)


if __name__ == "__main__":
    main()
