"""Reading a stored day back, beside ``numpy.load`` of a compressed npz of the same rows in hftbacktest's table.

    python -m benchmarks.peers.reading [--rounds N]      # imports the Binance capture of LOBSIM_SHARED; needs no peer

Every way is timed twice, in one process and in turns: until the table is there, and until each of its values was looked at once as well (the
largest of every column, the same on both sides; a mapped file that nobody looks at is not read).  CPU seconds, files in the cache of the system, least of the
rounds.  Beside it wall seconds where nothing of the file is cached, and the memory that a process of its own takes on for the loaded and looked at day.  All ways must
hold the same sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks.peers.levels import rows_of_levels, stored_levels
from lobsim.feeds.mapped import PREPARED
from lobsim.feeds.prepared import prepare
from lobsim.feeds.schema import Dataset
from lobsim.feeds.store import load

ROOT = Path(__file__).resolve().parent.parent.parent
NPZ = "packed.npz"
PEER = "npz"
WAYS: dict[str, Callable[[Path], Any]] = {
    PEER: lambda folder: np.load(folder / NPZ)["data"],
    "parquet, digest verified": lambda folder: load(folder, prepared=False),
    "parquet, trusted": lambda folder: load(folder, prepared=False, verify=False),
    "prepared, page sums verified": load,
    "prepared, trusted": lambda folder: load(folder, verify=False),
}
"""Name -> what reads the day in a partition's folder; the npz lies in it too."""


def look(table: Any) -> int:
    """Look at every value of a table once."""
    if isinstance(table, Dataset):
        return sum(int(table.events[name].to_numpy().max()) for name in table.events.columns)
    return sum(int(table[name].max()) for name in table.dtype.names)


def measure_reading(store: Path, rounds: int) -> dict[str, Any]:
    """The figures of the largest day of a store, which gets a prepared copy and an npz beside it."""
    folder = max(store.glob("symbol=*/date=*"), key=lambda path: (path / "events.parquet").stat().st_size)
    prepare(folder)
    day = load(folder, prepared=False)
    np.savez_compressed(folder / NPZ, data=rows_of_levels(day))
    there, looked_at = _times(folder, max(rounds, 5), day.events["size"].to_numpy())
    npz, parquet, copy = (folder / name for name in (NPZ, "events.parquet", PREPARED))
    files = dict(zip(WAYS, (npz, parquet, parquet, copy, copy), strict=True))
    return {
        "rows": day.events.height,
        "bytes": {file.name: file.stat().st_size for file in (npz, parquet, copy)},
        "smaller": round(npz.stat().st_size / parquet.stat().st_size, 2),
        "ways": {
            name: {
                "there_s": round(there[name], 6),
                "faster": round(there[PEER] / there[name], 1),
                "looked_at_s": round(looked_at[name], 6),
                "faster_looked_at": round(looked_at[PEER] / looked_at[name], 1),
                "uncached_wall_s": round(_uncached(name, folder, files[name]), 4),
                **_memory(name, folder),
            }
            for name in WAYS
        },
    }


def _times(folder: Path, rounds: int, sizes: np.ndarray) -> tuple[dict[str, float], dict[str, float]]:
    """Name -> least CPU seconds until the table is there, and until every value was looked at too."""
    there: dict[str, list[float]] = {name: [] for name in WAYS}
    looked_at: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, read in WAYS.items():
            start = process_time()
            table = read(folder)
            there[name].append(process_time() - start)
            look(table)
            looked_at[name].append(process_time() - start)
            held = table.events["size"].to_numpy() if isinstance(table, Dataset) else table["qty"].astype(np.int64)
            if not np.array_equal(held, sizes):
                raise SystemExit(f"{name}: what is read back is not what was stored")
            del table, held
    return tuple({name: min(each) for name, each in seconds.items()} for seconds in (there, looked_at))


def _uncached(name: str, folder: Path, file: Path) -> float:
    """Wall seconds until every value was looked at, the file not in the cache of the system."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        if sys.platform == "linux":
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    start = perf_counter()
    look(WAYS[name](folder))
    return perf_counter() - start


def _memory(name: str, folder: Path) -> dict[str, float]:
    """What a process of its own takes on, in MiB: at most while it reads and looks, and what stays its own then (mapped pages are the system's)."""
    command = [sys.executable, "-m", "benchmarks.peers.reading", "--way", name, "--folder", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=True
    )
    return json.loads(done.stdout)


def _memory_of_this_process(name: str, folder: Path) -> dict[str, float]:
    before = _status()
    table = WAYS[name](folder)
    look(table)
    after = _status()
    return {
        "peak_mib": round((after["VmHWM"] - before["VmHWM"]) / 1024, 1),
        "own_mib": round((after["RssAnon"] - before["RssAnon"]) / 1024, 1),
    }


def _status() -> dict[str, int]:
    """KiB by name, as Linux tells them."""
    pairs = (line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(value.split()[0]) for name, value in pairs if name in ("VmHWM", "RssAnon")}


def reading_in_words(found: dict[str, Any]) -> str:
    """The figures as a table."""
    sizes = ", ".join(f"{name} {size:,}" for name, size in found["bytes"].items())
    lines = [f"reading back {found['rows']:,} rows; bytes: {sizes}; npz / Parquet {found['smaller']}"]
    lines.append(
        f"{'':30}{'there':>10} {'ratio':>7} {'looked at':>11} {'ratio':>6} {'uncached':>10} {'peak':>8} {'own':>8}"
    )
    for name, row in found["ways"].items():
        there = f"{row['there_s'] * 1e3:>7.2f} ms {row['faster']:>6}x"
        looked = f"{row['looked_at_s'] * 1e3:>8.2f} ms {row['faster_looked_at']:>5}x"
        rest = f"{row['uncached_wall_s'] * 1e3:>7.1f} ms {row['peak_mib']:>4} MiB {row['own_mib']:>4} MiB"
        lines.append(f"{name:30}{there} {looked} {rest}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.reading", description="reading back beside npz")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.way is not None:
        print(json.dumps(_memory_of_this_process(options.way, options.folder)))
        return
    shared = (ROOT / os.environ.get("LOBSIM_SHARED", "../shared")).resolve()
    if not (shared / "data").is_dir():
        raise SystemExit(f"LOBSIM_SHARED: there is no data in {shared}")
    with tempfile.TemporaryDirectory(prefix="lobsim-reading-") as name:
        stored_levels(shared / "data", Path(name))
        print(reading_in_words(measure_reading(Path(name), options.rounds)))


if __name__ == "__main__":
    main()
