"""A synthetic Tardis capture of any size, made as it is read, imported by a process of its own that says how much memory it took.

    python -m tests.support.big_import MEBIBYTES STORE

Prints one JSON object: rows, days, seconds, stored bytes, peak resident MiB, and the digest.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import IO, Any

import numpy as np

from lobsim.feeds import tardis
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.source import Source
from lobsim.feeds.writer import Origin, write

HEADER = b"exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
START_US = 1_600_000_000_000_000
STEP_US = 120
ROWS_AT_ONCE = 20_000


class Capture(io.RawIOBase):
    """A stream of lines: a snapshot of 1,000 levels, then updates of them, 120 microseconds apart."""

    def __init__(self, nbytes: int) -> None:
        snapshot = (_line(START_US, "true", tick, 1000) for tick in range(-500, 501) if tick)
        self._left, self._ready = nbytes, HEADER + "".join(snapshot).encode()
        random = np.random.default_rng(7)
        ticks = random.integers(-500, 500, ROWS_AT_ONCE)
        ticks[ticks == 0] = 1
        sizes = random.integers(0, 99_999, ROWS_AT_ONCE)
        self._tails = [
            _line(0, "false", tick, size).partition(",0,")[2] for tick, size in zip(ticks, sizes, strict=True)
        ]
        self._tails = [tail.partition(",")[2] for tail in self._tails]
        self._now = START_US + 10**6

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer."""
        if not self._ready and self._left > 0:
            start = self._now
            self._ready = "".join(
                [
                    f"x,BTCUSDT,{start + k * STEP_US},{start + k * STEP_US + 5000},{tail}"
                    for k, tail in enumerate(self._tails)
                ]
            ).encode()
            self._now += ROWS_AT_ONCE * STEP_US
            self._left -= len(self._ready)
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count


def _line(at_us: int, snapshot: str, tick: int, size: int) -> str:
    side = "bid" if tick < 0 else "ask"
    local = at_us + 5000 if at_us else 0
    return f"x,BTCUSDT,{at_us},{local},{snapshot},{side},{10_000 + tick / 100:.2f},{size // 1000}.{size % 1000:03}\n"


class Generated(Source):
    """A source whose bytes are made as they are read."""

    is_packed = True  # pyright: ignore[reportAssignmentType]

    def __init__(self, path: Path, nbytes: int) -> None:
        super().__init__(path)
        self._nbytes = nbytes

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The capture from its beginning."""
        yield io.BufferedReader(Capture(self._nbytes), 65_536)


def peak_mib() -> int:
    """The most memory this process has had resident; the kernel's ``ru_maxrss`` would count its parent's before the start too."""
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) // 1024


def main(mebibytes: str, store: str) -> None:
    """Import a capture and report."""
    named = Path(store).parent / "generated.csv"
    named.write_bytes(b"generated\n")
    source = Generated(named, int(mebibytes) * 2**20)
    clock = perf_counter()
    written = write([(Origin([named]), tardis.read_together([source], ReadOptions()))], store)
    seconds = perf_counter() - clock
    report = {
        "rows": sum(one.rows for one in written),
        "days": len(written),
        "seconds": round(seconds, 2),
        "stored_bytes": sum(one.nbytes for one in written),
        "peak_mib": peak_mib(),
        "digest": written[0].digest,
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
