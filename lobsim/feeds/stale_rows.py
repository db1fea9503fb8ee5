"""The repair ``drop-stale``: what should have been removed is removed (``crossing``: missing removals).

An entry leaves when it has been crossed for ``after_ns``: a level by a LEVEL row of size 0, an order by a DELETE.  What the feed tells of the order afterwards
would be about an order that is not there: its executions become hidden ones, so that the trades stay, reductions and deletions are left out,
and a replacement becomes an arrival.

Known limit: nothing is done where book rows are recorded beside the events: they are the book.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from lobsim.feeds.changes import Change, kept_rows, packet_starts, put_in
from lobsim.feeds.crossing import BookWatch, Stale
from lobsim.feeds.day_blocks import day_of
from lobsim.feeds.schema import COLUMNS, Dataset
from lobsim.feeds.touches import LevelTouches, OrderTouches
from lobsim.types import Fidelity, Flag, Kind

_ABOUT = (Kind.REDUCE, Kind.DELETE, Kind.REPLACE, Kind.EXECUTE)
_ORDER_DATA = (Fidelity.L3_FULL, Fidelity.L3_TOP_K)


def drop_stale(dataset: Dataset, after_ns: int = 10**9) -> Change:
    """Remove every level or order that newer ones of the other side have crossed for longer than ``after_ns``."""
    by_orders = dataset.info.fidelity in _ORDER_DATA
    stale = missing_removals(dataset, after_ns)
    if not len(stale.row):
        return Change(dataset, np.zeros(0, dtype=np.int64))
    time = dataset.events["ts_exchange"].to_numpy()
    before = np.searchsorted(time, stale.ts + after_ns, "right")
    removals = _removals(dataset, stale, before, stale.ts + after_ns, by_orders=by_orders)
    edited, keep = dataset.events, np.ones(len(time), dtype=bool)
    if by_orders:
        edited, keep = _without_orders(dataset.events, stale.key, before)
    touched = np.flatnonzero(~keep | _differs(edited, dataset.events))
    whole = kept_rows(replace(dataset, events=edited), keep).dataset
    place = np.concatenate([[0], np.cumsum(keep)])[before]
    words = f"{len(before)} removals put in, {int((~keep).sum())} rows about removed orders left out"
    return Change(put_in(whole, removals, place), np.sort(np.concatenate([before, touched])), words)


def missing_removals(dataset: Dataset, after_ns: int) -> Stale:
    """All missing removals of a day."""
    none = Stale(*(np.zeros(0, dtype=np.int64) for _ in Stale._fields))
    if dataset.rows is not None or dataset.info.fidelity == Fidelity.L1:
        return none
    levels, orders, watch = LevelTouches(), OrderTouches(), BookWatch(after_ns)
    found = [none]
    for block in day_of(dataset).blocks():
        by_orders = dataset.info.fidelity in _ORDER_DATA
        touches = orders.take(block)[0] if by_orders else levels.take(block)
        found.append(watch.take(block, touches)[1])
    return Stale(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _removals(dataset: Dataset, stale: Stale, before: np.ndarray, time: np.ndarray, *, by_orders: bool) -> pl.DataFrame:
    """One row for each removal; the last of a packet of its own, where it does not fall into the middle of one."""
    events = dataset.events
    behind = np.maximum(before - 1, 0)
    delay = (events["ts_local"] - events["ts_exchange"]).to_numpy()[behind]
    next_local = np.append(events["ts_local"].to_numpy(), np.iinfo(np.int64).max)[before]
    flagged = bool((events["flags"].to_numpy() & Flag.LAST_IN_PACKET).any())
    between = np.append(packet_starts(events), True)[before] & flagged
    zero = np.zeros(len(before), dtype=np.int64)
    columns = {
        "ts_exchange": time,
        "ts_local": np.minimum(time + delay, next_local),
        "kind": zero + int(Kind.DELETE if by_orders else Kind.LEVEL),
        "side": stale.side,
        "price": stale.price,
        "size": stale.size if by_orders else zero,
        "order_id": stale.key if by_orders else zero,
        "other_id": zero,
        "match_id": zero,
        "flags": between * int(Flag.LAST_IN_PACKET),
        "sequence": events["sequence"].to_numpy()[behind],
    }
    return pl.DataFrame([pl.Series(name, columns[name]).cast(kind) for name, kind in COLUMNS.items()])


def _without_orders(events: pl.DataFrame, ids: np.ndarray, before: np.ndarray) -> tuple[pl.DataFrame, np.ndarray]:
    """Rows about orders that are gone from some row on, until their id is used anew: as they read without the order, and which of them stay."""
    kind, order_id = events["kind"].to_numpy().copy(), events["order_id"].to_numpy().copy()
    other_id = events["other_id"].to_numpy().copy()
    keep = np.ones(len(events), dtype=bool)
    by_id = np.argsort(order_id, kind="stable")
    sorted_ids = order_id[by_id]
    replaced = np.flatnonzero(kind == Kind.REPLACE)
    for gone, row in zip(ids.tolist(), before.tolist(), strict=True):
        mine = by_id[np.searchsorted(sorted_ids, gone) : np.searchsorted(sorted_ids, gone, "right")]
        mine = mine[mine >= row]
        into = replaced[(replaced >= row) & (other_id[replaced] == gone)]
        born = np.concatenate([mine[kind[mine] == Kind.ADD], into])
        mine = mine[(mine < born.min(initial=len(events))) & np.isin(kind[mine], _ABOUT)]
        keep[mine[np.isin(kind[mine], (Kind.REDUCE, Kind.DELETE))]] = False
        traded, moved = mine[kind[mine] == Kind.EXECUTE], mine[kind[mine] == Kind.REPLACE]
        kind[traded], order_id[traded] = Kind.EXECUTE_HIDDEN, 0
        kind[moved], order_id[moved], other_id[moved] = Kind.ADD, other_id[moved], 0
    columns = {"kind": kind, "order_id": order_id, "other_id": other_id}
    return events.with_columns(pl.Series(name, new, dtype=COLUMNS[name]) for name, new in columns.items()), keep


def _differs(one: pl.DataFrame, other: pl.DataFrame) -> np.ndarray:
    """Rows of two tables that are not the same."""
    names = ("kind", "order_id", "other_id")
    return np.any([one[name].to_numpy() != other[name].to_numpy() for name in names], axis=0)
