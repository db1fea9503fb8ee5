"""Repairs of the local clock: it may be behind the exchange's, and it may go back.

**Offset.** What is known of a local clock is the delay, local minus exchange time; its smallest value is the fastest delivery plus the offset of the two clocks.
A negative smallest delay is therefore an offset, and all local times are shifted by it: hftbacktest's ``correct_local_timestamp`` does that with the
smallest delay of the whole recording and adds a ``base_latency`` (its README and ``hftbacktest.data.validation``).  So does ``clock_offset`` where ``window_s`` is 0.

A clock that drifts is followed by a **moving minimum** (``window_s`` above 0), a lower envelope of the delays as in Moon, Skelly and Towsley (1999), Estimation
and removal of clock skew from network delay measurements; the smallest sample of a window is also what NTP's clock filter trusts (RFC 5905, 10).
Per window of exchange time the smallest delay is taken, then the smallest of a window and its two neighbours, and between the middles of windows it is
interpolated: that line never lies above a delay.  Where it is below ``base_ns`` local times are raised by the difference.

**Order.** The canonical table has one order of rows, that of the exchange, and two clocks.  A channel delivers in order: within book rows, and within
trades, a row cannot be seen before an earlier one.  ``event_order`` raises local times to the latest before them, each channel for itself, so that a trade that
came late delays no book row.  (hftbacktest instead splits such an event into one row for each clock.)

Invariants: local times are only ever raised; exchange times, and so the replay without a participant, stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lobsim.errors import DataError
from lobsim.feeds.changes import Change, changed_values, numbered_anew
from lobsim.feeds.schema import Dataset
from lobsim.types import Kind

_TRADES = (Kind.PRINT, Kind.EXECUTE_HIDDEN)


def clock_offset(dataset: Dataset, base_ns: int = 0, window_s: int = 0) -> Change:
    """Shift local times so that every row is received at least ``base_ns`` after it happened.

    window_s  0: by one amount; else follow a drifting clock with windows of so many seconds

    Data sets without a negative delay are left alone.
    """
    exchange, local = (dataset.events[name].to_numpy() for name in ("ts_exchange", "ts_local"))
    delay = local - exchange
    if delay.min() >= 0:
        return changed_values(dataset, {})
    if window_s == 0:
        shift_ns = base_ns - int(delay.min())
        return changed_values(dataset, {"ts_local": local + shift_ns}, f"local clock shifted by {shift_ns} ns")
    shift = _moving_shift(exchange, delay, base_ns, window_s * 10**9)
    words = f"local clock shifted by {shift.min()} to {shift.max()} ns"
    return changed_values(dataset, {"ts_local": local + shift}, words)


def _moving_shift(exchange: np.ndarray, delay: np.ndarray, base_ns: int, window_ns: int) -> np.ndarray:
    """By how much each local time is raised; nanoseconds, 0 or more."""
    window = (exchange - exchange.min()) // window_ns
    numbers, place = np.unique(window, return_inverse=True)
    smallest = np.full(len(numbers), np.iinfo(np.int64).max)
    np.minimum.at(smallest, place, delay)
    middle = numbers * window_ns + window_ns // 2
    around = np.minimum(
        smallest, np.minimum(np.append(smallest[1:], smallest[-1]), np.append(smallest[0], smallest[:-1]))
    )
    line = np.interp(
        (exchange - exchange.min()).astype(np.float64), middle.astype(np.float64), around.astype(np.float64)
    )
    # whole nanoseconds, and never above a delay, whatever the floats have rounded
    floor = np.minimum(np.floor(line).astype(np.int64), delay)
    return np.maximum(base_ns - floor, 0)


def event_order(dataset: Dataset) -> Change:
    """Rows by exchange time (stable), and local times that never fall within book rows or within trades.

    Raises DataError where rows would have to move and a book is recorded beside them.
    """
    time = dataset.events["ts_exchange"].to_numpy()
    order = np.argsort(time, kind="stable")
    moved = np.flatnonzero(order != np.arange(len(order)))
    if len(moved):
        if dataset.rows is not None or dataset.truth is not None:
            raise DataError(
                "its rows cannot change places: a book is recorded beside every row",
                file=dataset.info.source,
                row=int(moved[0]) + 1,
                hint="use lift-exchange-time",
            )
        dataset = replace(dataset, events=numbered_anew(dataset.events, dataset.events[order]))
    local = dataset.events["ts_local"].to_numpy().copy()
    trades = np.isin(dataset.events["kind"].to_numpy(), _TRADES)
    for mine in (~trades, trades):
        local[mine] = np.maximum.accumulate(local[mine])
    raised = changed_values(dataset, {"ts_local": local})
    rows = np.union1d(moved, raised.rows)
    words = f"{len(moved)} rows moved, {len(raised.rows)} local times raised" if len(rows) else ""
    return Change(raised.dataset, rows, words)
