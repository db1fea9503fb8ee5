"""Order-by-order recordings that every engine replays: the yardstick's streams as market data, and an hour of AAPL.

A recording is one array of `EVENT`: orders that join, lose size, leave, and trade.  Every event names an order that is there at that
moment, so that an engine which refuses unknown orders can replay it too: in the AAPL hour the book that was there before the first message stands as
one order per price, what happens to orders nobody saw arrive happens to that order, and what nothing is left for is dropped (and counted).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lobsim.feeds.lobster import read_lobster
from lobsim.types import NONE_PRICE, Kind, Side

EVENT = np.dtype(
    [
        ("ts_ns", "i8"),
        ("order_id", "i8"),
        ("price_ticks", "i8"),
        ("size", "i8"),
        ("left", "i8"),
        ("kind", "i1"),
        ("side", "i1"),
    ]
)
"""One event; size: what joins, is taken off, leaves or trades, left: what then rests of the order."""
_MARKET_DATA = np.dtype(
    [("msg", "i4"), ("ev", "u1"), ("side", "u1"), ("pad", "u2"), ("price", "i4"), ("qty", "i4"), ("id", "i4")]
)
_KINDS = np.array([Kind.ADD, Kind.DELETE, Kind.EXECUTE], np.int8)
_START_NS = 34_200 * 10**9
_STEP_NS = 1000
_SEED_ID = 10**12
_AAPL = "AAPL_2012-06-21_34200000_37800000"
_TICK_QUANTA = 100


class Recording(NamedTuple):
    """Events by name, and the touch (best bid and ask, ticks) known from elsewhere, if it is."""

    name: str
    events: np.ndarray
    touch_ticks: tuple[int, int] | None
    note: str


def with_left(events: np.ndarray) -> np.ndarray:
    """Fill in what rests of each order after each event about it."""
    order = np.argsort(events["order_id"], kind="stable")
    signed = np.where(events["kind"] == Kind.ADD, events["size"], -events["size"])[order]
    ids = events["order_id"][order]
    total = np.cumsum(signed)
    first = np.flatnonzero(np.diff(ids, prepend=ids[0] - 1))
    base = np.repeat(total[first] - signed[first], np.diff(np.append(first, len(ids))))
    events["left"][order] = total - base
    return events


def yardstick_recordings(yardstick: Path, folder: Path, messages: int) -> list[Recording]:
    """The shallow and the deep stream as market data, written by the yardstick's generator into folder."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "compiled")}
    command = [sys.executable, str(yardstick / "gen_stream.py"), str(folder), str(messages)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return [_from_market_data(folder, name) for name in ("shallow", "deep")]


def _from_market_data(folder: Path, name: str) -> Recording:
    rows = np.load(folder / f"{name}.l3.npy")
    assert rows.dtype == _MARKET_DATA
    events = np.zeros(len(rows), EVENT)
    events["ts_ns"] = _START_NS + np.arange(len(rows)) * _STEP_NS
    for ours, theirs in (("order_id", "id"), ("price_ticks", "price"), ("size", "qty"), ("side", "side")):
        events[ours] = rows[theirs]
    events["kind"] = _KINDS[rows["ev"]]
    answers = json.loads((folder / f"{name}.json").read_text())
    return Recording(
        f"yardstick {name}", with_left(events), (answers["best_bid"], answers["best_ask"]), f"{len(rows):,} events"
    )


class _Orders:
    """What rests, by id and, for orders that were there before the recording, by price."""

    def __init__(self) -> None:
        self.events: list[tuple[int, int, int, int, int, int, int]] = []
        self.left: dict[int, int] = {}
        self.seeds: dict[tuple[int, int], int] = {}
        self.dropped = 0

    def seed(self, ts_ns: int, row: np.ndarray) -> None:
        """One order for each price of a recorded book row (ask price, ask size, bid price, bid size, ...)."""
        cells = row.reshape(-1, 2, 2)
        for column, side in ((0, Side.SELL), (1, Side.BUY)):
            for price, size in cells[:, column].tolist():
                if price != NONE_PRICE and size > 0:
                    order_id = _SEED_ID + len(self.seeds)
                    self.seeds[int(side), price // _TICK_QUANTA] = order_id
                    self.apply(ts_ns, Kind.ADD, int(side), price // _TICK_QUANTA, size, order_id)

    def apply(self, ts_ns: int, kind: int, side: int, price: int, size: int, order_id: int) -> None:
        """One recorded event, made whole: it names an order that rests, and takes no more than rests of it."""
        if kind == Kind.ADD:
            self.left[order_id] = size
        else:
            if order_id not in self.left:
                order_id = self.seeds.get((side, price), 0)
            rests = self.left.get(order_id, 0)
            if rests == 0:
                self.dropped += 1
                return
            size = rests if kind == Kind.DELETE and order_id < _SEED_ID else min(size, rests)
            self.left[order_id] = rests - size
            if size == rests:
                del self.left[order_id]
            if kind != Kind.EXECUTE:
                kind = Kind.DELETE if size == rests else Kind.REDUCE
        self.events.append((ts_ns, order_id, price, size, self.left.get(order_id, 0), int(kind), side))


def aapl_recording(lobster: Path) -> Recording:
    """AAPL, 2012-06-21, 9:30 to 10:30, messages of 50 levels, from the book after the first message."""
    day = read_lobster(
        lobster / f"{_AAPL}_message_50.csv.gz", seed_book=lobster / f"{_AAPL}_orderbook_50.first672rows.csv.gz"
    )
    assert day.seed_row is not None
    columns = [day.events[name].to_list() for name in ("ts_exchange", "kind", "side", "price", "size", "order_id")]
    rows = zip(*columns, strict=True)
    orders = _Orders()
    orders.seed(next(rows)[0], day.seed_row)
    for ts_ns, kind, side, price, size, order_id in rows:
        if kind != Kind.EXECUTE_HIDDEN:
            orders.apply(ts_ns, kind, side, price // _TICK_QUANTA, size, order_id)
    events = np.array(orders.events, EVENT)
    note = f"{len(events):,} events, {len(orders.seeds)} of them the first book; {orders.dropped} dropped"
    return Recording("AAPL 50 levels, one hour", events, None, note)
