"""A recording by levels for both engines: a Binance capture, imported once, and the same rows in hftbacktest's table.

The recording ends with its last packet of levels, so that no engine knows of a trade whose level has not come yet.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.peers.hftbacktest_file import FEED_NS, ROW
from lobsim.feeds.importing import import_data
from lobsim.feeds.schema import Dataset
from lobsim.feeds.store import load
from lobsim.types import Flag, Kind, Side

CAPTURE = Path("binance", "usdm_btcusdt_20240808.gz")
_CODES = {Kind.LEVEL: 1, Kind.PRINT: 2, Kind.CLEAR: 3}
_SNAPSHOT_LEVEL = 4
_EXCHANGE_AND_LOCAL = (1 << 31) | (1 << 30)
_BUY, _SELL = 1 << 29, 1 << 28


def stored_levels(data: Path, folder: Path) -> Path:
    """The capture's largest day as a partition in folder."""
    import_data(data / CAPTURE, folder)
    return max(folder.glob("symbol=*/date=*"), key=lambda path: (path / "events.parquet").stat().st_size)


def whole_packets(day: Dataset) -> Dataset:
    """The day up to its last level."""
    kinds = day.events["kind"].to_numpy()
    return replace(day, events=day.events.head(int(np.flatnonzero(kinds == Kind.LEVEL)[-1]) + 1))


def rows_of_levels(day: Dataset) -> np.ndarray:
    """The rows in hftbacktest's table, prices in ticks, sizes in lots; everything is known locally a feed leg later."""
    events = day.events
    kind, side, flags = (events[name].to_numpy() for name in ("kind", "side", "flags"))
    rows = np.zeros(len(kind), ROW)
    code = np.zeros(len(kind), np.uint64)
    for ours, theirs in _CODES.items():
        code[kind == ours] = theirs
    code[(kind == Kind.LEVEL) & (flags & Flag.SNAPSHOT != 0)] = _SNAPSHOT_LEVEL
    sides = np.where(side == Side.BUY, _BUY, np.where(side == Side.SELL, _SELL, 0)).astype(np.uint64)
    rows["ev"] = code | np.uint64(_EXCHANGE_AND_LOCAL) | sides
    rows["exch_ts"] = events["ts_exchange"]
    rows["local_ts"] = events["ts_exchange"].to_numpy() + FEED_NS
    rows["px"] = events["price"].to_numpy() // day.info.tick_quanta
    rows["qty"] = events["size"]
    return rows


def stored_day(folder: Path) -> Dataset:
    """The day of a partition, to its last level."""
    return whole_packets(load(folder))
