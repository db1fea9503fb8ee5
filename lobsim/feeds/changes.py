"""Changes of a table that keep what belongs together: packets, numbers of rows, and the books recorded beside the events."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.row_checks import numbers_are_rows
from lobsim.feeds.schema import COLUMNS, Dataset
from lobsim.types import Flag


class Change(NamedTuple):
    """What became of a data set.

    rows   of the old data set, from 0, that were changed or left out, or before which one was put in
    words  what else is to be said, or ""
    """

    dataset: Dataset
    rows: np.ndarray
    words: str = ""


def changed_values(dataset: Dataset, values: dict[str, np.ndarray], words: str = "") -> Change:
    """Other values in some columns."""
    changed = np.zeros(len(dataset.events), dtype=bool)
    for name, new in values.items():
        changed |= new != dataset.events[name].to_numpy()
    if not changed.any():
        return Change(dataset, np.flatnonzero(changed))
    columns = [pl.Series(name, new, dtype=COLUMNS[name]) for name, new in values.items()]
    return Change(replace(dataset, events=dataset.events.with_columns(columns)), np.flatnonzero(changed), words)


def kept_rows(dataset: Dataset, keep: np.ndarray, words: str = "") -> Change:
    """Only some rows; a packet whose last row goes ends with the last that stays."""
    if keep.all():
        return Change(dataset, np.zeros(0, dtype=np.int64))
    old = dataset.events
    events = old.with_columns(flags=pl.Series(_flags_without(old["flags"].to_numpy(), keep), dtype=pl.Int32))
    events = numbered_anew(old, events.filter(pl.Series(keep)))
    rows, truth = (None if book is None else book[keep] for book in (dataset.rows, dataset.truth))
    return Change(replace(dataset, events=events, rows=rows, truth=truth), np.flatnonzero(~keep), words)


def put_in(dataset: Dataset, new: pl.DataFrame, before: np.ndarray) -> Dataset:
    """Rows put in front of rows of the table, stable; recorded level 1 stays as it was before them.

    before  int64, one for each new row: index of the row it comes before, or the number of rows
    """
    if not len(new):
        return dataset
    if dataset.rows is not None:
        raise DataError("rows cannot be put into it: a book is recorded beside every row", file=dataset.info.source)
    count = len(dataset.events)
    place = np.concatenate([before * 2, np.arange(count) * 2 + 1])
    order = np.argsort(place, kind="stable")
    events = pl.concat([new.select(list(COLUMNS)), dataset.events])[order]
    truth = dataset.truth
    if truth is not None:
        truth = np.insert(truth, before, truth[np.maximum(before - 1, 0)], axis=0)
    return replace(dataset, events=numbered_anew(dataset.events, events), truth=truth)


def packet_starts(events: pl.DataFrame) -> np.ndarray:
    """Whether a packet begins with a row; where no row says where a packet ends, whether its exchange time is a new one."""
    last = events["flags"].to_numpy() & Flag.LAST_IN_PACKET != 0
    if last.any():
        return np.concatenate([[True], last[:-1]])
    time = events["ts_exchange"].to_numpy()
    return np.concatenate([[True], time[1:] != time[:-1]])


def _flags_without(flags: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Flags after rows are left out: the last row of a packet that stays carries its end."""
    flags = flags.copy()
    last = np.flatnonzero(flags & Flag.LAST_IN_PACKET)
    kept = np.maximum.accumulate(np.where(keep, np.arange(len(keep)), -1))
    begin = np.concatenate([[0], last[:-1] + 1])
    stays = kept[last]
    flags[stays[stays >= begin]] |= Flag.LAST_IN_PACKET
    return flags


def numbered_anew(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Numbers of the rows where the old numbers were that."""
    if not numbers_are_rows(old["sequence"].to_numpy()):
        return new
    return new.with_columns(sequence=pl.int_range(pl.len(), dtype=pl.Int64))
