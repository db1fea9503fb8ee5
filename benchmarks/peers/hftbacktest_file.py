"""Writes a recording as hftbacktest's event file (npz, one array ``data``).

Its format knows a trade in two rows: FILL, which its queue model reads, then the order's new size (MODIFY) or its end (CANCEL).  Every row is
valid for the exchange at its time and for the strategy 50 microseconds later.  Prices are written in ticks, with a tick of 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lobsim.types import Kind, Side

FEED_NS = 50_000
ROW = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ],
    align=True,
)
_ADD, _CANCEL, _MODIFY, _FILL = 10, 11, 12, 13
_BOTH_PLACES = (1 << 31) | (1 << 30)
_BUY, _SELL = 1 << 29, 1 << 28


def rows_of(events: np.ndarray) -> np.ndarray:
    """The events of a recording as rows of hftbacktest's table (`ROW`)."""
    traded = events["kind"] == Kind.EXECUTE
    source = np.repeat(np.arange(len(events)), 1 + traded)
    second = np.zeros(len(source), bool)
    second[1:] = source[1:] == source[:-1]
    each = events[source]
    fill = traded[source] & ~second
    gone = each["left"] == 0
    code = np.where(gone, _CANCEL, _MODIFY)
    code = np.where(fill, _FILL, np.where(each["kind"] == Kind.ADD, _ADD, code))
    rows = np.zeros(len(source), ROW)
    rows["ev"] = code | _BOTH_PLACES | np.where(each["side"] == Side.BUY, _BUY, _SELL)
    rows["exch_ts"] = each["ts_ns"]
    rows["local_ts"] = each["ts_ns"] + FEED_NS
    rows["px"] = each["price_ticks"]
    rows["qty"] = np.where((code == _MODIFY) | (code == _CANCEL), each["left"], each["size"])
    rows["order_id"] = each["order_id"]
    return rows


def write_npz(events: np.ndarray, path: Path) -> int:
    """Write the file; returns its number of rows."""
    rows = rows_of(events)
    np.savez(path, data=rows)
    return len(rows)
