"""From a vendor's file to a stored day, feed by feed: rows a second, MB of unpacked text a second, peak memory.

    ./run bench benchmarks/bench_import.py        # the table is in the extra info; prints it with -s
    python -m benchmarks.bench_import FEED        # one import in a process of its own: rows and peak MiB

An import is everything that ``lobsim import`` does: unpacking, parsing, checks, two passes for scales and digest, Parquet, flushing to the disk.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest

from lobsim.feeds.importing import plan_of
from lobsim.feeds.itch_writer import write_itch
from lobsim.feeds.piece import ReadOptions
from lobsim.feeds.recognise import streams_of
from lobsim.feeds.writer import Written, write
from lobsim.sample import bundled_day

ROOT = Path(__file__).resolve().parent.parent
PITCH_LINES = 20_000  # the recording holds them five times
MAPPING = {"ts_exchange": "ts@ns", "kind": "what", "side": "side", "price": "px", "size": "qty", "order_id": "id"}
MAPPED_ROWS = 300_000


class Feed(NamedTuple):
    """A recording, and what must be said besides; ``make`` writes one where none may be passed on."""

    path: str
    options: ReadOptions = ReadOptions()
    make: Callable[[Path, Path], Path] | None = None


def _itch(folder: Path, data: Path) -> Path:
    """The bundled day in the wire format."""
    write_itch(folder / "day.itch", [bundled_day()])
    return folder / "day.itch"


def _pitch(folder: Path, data: Path) -> Path:
    lines = gzip.decompress((data / "pitch/pitch_data_100k.gz").read_bytes()).splitlines(keepends=True)
    (folder / "pitch.txt").write_bytes(b"".join(lines[:PITCH_LINES]))
    return folder / "pitch.txt"


def _mapped(folder: Path, data: Path) -> Path:
    """Orders that come and go, as a CSV of one's own."""
    rows = [
        f"{1_700_000_000 * 10**9 + n * 1000},{'add' if n % 2 == 0 else 'delete'},{'buy' if n % 4 < 2 else 'sell'},{99 + n % 4}.25,1.5,{n // 2 + 1}\n"
        for n in range(MAPPED_ROWS)
    ]
    (folder / "mine.csv").write_text("ts,what,side,px,qty,id\n" + "".join(rows))
    return folder / "mine.csv"


FEEDS = {
    "binance capture, USD-M": Feed("binance/usdm_btcusdt_20240808.gz"),
    "binance capture, COIN-M": Feed("binance/coinm_btcusd_perp_20240808.gz"),
    "binance capture, spot": Feed("binance/spot_btcusdt_20240808.gz"),
    "bitfinex": Feed("bitfinex/L3_feed.json.gz", ReadOptions(date="2021-04-01")),
    "bitstamp log": Feed("bitstamp/2015-05-01.log.bz2", ReadOptions(symbol="btcusd")),
    "bitstamp table": Feed("bitstamp/orders.csv.bz2", ReadOptions(symbol="btcusd")),
    "bybit recording, linear": Feed("bybit/BYBIT.jsonl.zst", ReadOptions(venue="BYBIT_LINEAR")),
    "bybit trades": Feed("bybit/1INCHUSDT_2025-05-19.csv.gz"),
    "coinbase": Feed("coinbase/COINBASE.jsonl.zst"),
    "databento DBN, mbo": Feed("databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst"),
    "databento CSV, mbo": Feed("databento/ARL_2025-07-17_mbo.csv.gz"),
    "databento CSV, mbp-10": Feed("databento/ARL_2025-07-17_mbp-10.csv.gz"),
    "itch": Feed("", ReadOptions(date="2026-01-05"), _itch),
    "pitch": Feed("", ReadOptions(date="2013-01-02"), _pitch),
    "sse": Feed("sse/AX_sbe_sse_600519.zip", ReadOptions(date="2023-02-07")),
    "tardis quotes": Feed("tardis/binance-futures_quotes_BTCUSDT_2020-02-22.csv.gz"),
    "tardis trades": Feed("tardis/binance-futures_trades_BTCUSDT_2020-02-22.csv.gz"),
    "mapped CSV": Feed("", ReadOptions(symbol="MINE", mapping=tuple(MAPPING.items())), _mapped),
}


def file_of(feed: Feed, folder: Path, data: Path) -> Path:
    """The recording."""
    return feed.make(folder, data) if feed.make else data / feed.path


def run_import(feed: Feed, path: Path, store: Path) -> list[Written]:
    """What the command does."""
    found = plan_of(path, mapped=bool(feed.options.mapping)).found
    return write(streams_of(found, feed.options), store)


@pytest.mark.parametrize("name", FEEDS)
def test_import(name: str, benchmark: Any, shared: Path, tmp_path: Path) -> None:
    """One feed."""
    feed = FEEDS[name]
    path = file_of(feed, tmp_path, shared / "data")
    written = benchmark.pedantic(lambda: run_import(feed, path, tmp_path / "store"), rounds=3, warmup_rounds=1)
    rows, seconds = sum(one.rows for one in written), benchmark.stats.stats.min
    found = plan_of(path, mapped=bool(feed.options.mapping)).found
    unpacked = sum(len(block) for one in found for block in one.source.blocks())
    command = [sys.executable, "-m", "benchmarks.bench_import", name]
    environment = os.environ | {"LOBSIM_SHARED": str(shared)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    figures = {"rows": rows, "rows_per_s": round(rows / seconds), "mb_per_s": round(unpacked / seconds / 1e6, 1)}
    figures |= {"peak_mib": int(done.stdout), "stored_bytes_per_row": round(sum(w.nbytes for w in written) / rows, 1)}
    benchmark.extra_info.update(figures)
    print(f"\n| {name} | " + " | ".join(f"{value:,}" for value in figures.values()) + " |")


def main(name: str) -> None:
    """Import once; prints the most memory this process has had resident, MiB."""
    data = Path(os.environ.get("LOBSIM_SHARED", ROOT.parent / "shared")) / "data"
    with TemporaryDirectory() as folder:
        run_import(FEEDS[name], file_of(FEEDS[name], Path(folder), data), Path(folder) / "store")
    print(int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) // 1024)


if __name__ == "__main__":
    main(sys.argv[1])
