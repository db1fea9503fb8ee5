"""The repair ``mark-gaps``: where numbers of the venue are missing the book is not known until the next snapshot.

A gap is what ``row_checks`` counts: a step of more than one in the numbers of book rows, where nearly all steps are by one.  At the packet behind it the
book is emptied (CLEAR, a packet of its own) and everything is left out up to the next CLEAR or SNAPSHOT row, trades included, so that nothing can
be filled meanwhile; phases are kept.  Without a snapshot the rest of the day is left out.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from lobsim.feeds.changes import Change, kept_rows, packet_starts, put_in
from lobsim.feeds.day_blocks import day_of
from lobsim.feeds.row_checks import Sequences, book_steps
from lobsim.feeds.schema import COLUMNS, Dataset
from lobsim.types import NONE, Flag, Kind


def mark_gaps(dataset: Dataset) -> Change:
    """Empty the book at every gap in the venue's numbers, and tell nothing until the next snapshot."""
    gaps = _gap_rows(dataset)
    begins, ends = _bad_stretches(dataset.events, gaps)
    if not len(begins):
        return Change(dataset, np.zeros(0, dtype=np.int64))
    bad = np.zeros(len(dataset.events) + 1, dtype=np.int64)
    np.add.at(bad, begins, 1)
    np.add.at(bad, ends, -1)
    phases = dataset.events["kind"].to_numpy() == Kind.PHASE
    keep = (np.cumsum(bad)[:-1] == 0) | phases
    whole = kept_rows(dataset, keep).dataset
    place = np.concatenate([[0], np.cumsum(keep)])[begins]
    words = f"{len(begins)} gaps marked, {int((~keep).sum())} rows left out"
    return Change(put_in(whole, _clears(dataset.events, begins), place), np.flatnonzero(~keep), words)


def _gap_rows(dataset: Dataset) -> np.ndarray:
    """Rows before which numbers are missing."""
    judge, rows, last = Sequences(), [np.zeros(0, dtype=np.int64)], None
    for block in day_of(dataset).blocks():
        judge.take(block)
        found, step, last = book_steps(block, last)
        rows.append(found[step > 1] + block.offset)
    return np.concatenate(rows) if judge.dense else rows[0]


def _bad_stretches(events: pl.DataFrame, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row of each stretch without a known book, and the row after its last; a gap inside a stretch is no new one."""
    kind, flags = events["kind"].to_numpy(), events["flags"].to_numpy()
    packets = np.flatnonzero(packet_starts(events))
    snapshots = np.flatnonzero((kind == Kind.CLEAR) | (flags & Flag.SNAPSHOT != 0))
    snapshots = np.append(snapshots, len(events))
    begins, ends = [], []
    for gap in gaps.tolist():
        begin = int(packets[np.searchsorted(packets, gap, "right") - 1])
        if ends and begin < ends[-1]:
            continue
        begins.append(begin)
        ends.append(int(snapshots[np.searchsorted(snapshots, begin)]))
    return np.array(begins, dtype=np.int64), np.array(ends, dtype=np.int64)


def _clears(events: pl.DataFrame, rows: np.ndarray) -> pl.DataFrame:
    """A CLEAR at the time of each of some rows."""
    zero = ("price", "size", "order_id", "other_id", "match_id")
    values = {"kind": int(Kind.CLEAR), "side": NONE, "flags": int(Flag.LAST_IN_PACKET)} | dict.fromkeys(zero, 0)
    clears = events[rows].with_columns(pl.lit(value).alias(name) for name, value in values.items())
    return clears.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items())
