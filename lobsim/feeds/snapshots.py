"""Rows of whole books -> what changed from one to the next, so that a level that stays as it was is not sent again.

The first row becomes CLEAR and SNAPSHOT rows, each later one a packet of LEVEL rows: levels that are gone (size 0) first, then those that are new or changed.
A level that leaves the window of the feed is gone too: nothing is known of it until it is shown again.

Known limits: rows in which nothing changed leave no trace but a count.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.rows import whole_table
from lobsim.types import NONE, Flag, Kind, Side

_KEY = ["side", "price"]


class SnapshotChanges:
    """Follows the book rows of one symbol, block by block."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._before: pl.DataFrame | None = None
        self.unchanged = 0

    def take(self, ts_exchange: np.ndarray, ts_local: np.ndarray, cells: np.ndarray, row: np.ndarray) -> pl.DataFrame:
        """The canonical rows of some book rows.

        ts_exchange, ts_local  int64 [n]
        cells                  int64 [n, levels, 2, 2]: ask then bid, price then size; size 0 where there is no level
        row                    int64 [n], lines of the file, for errors
        """
        _refuse_disorder(cells, row, self._file)
        count = len(cells)
        shown = _long(cells)
        whole = shown if self._before is None else pl.concat([self._before, shown])
        changes = _changes(whole, count)
        is_first = self._before is None
        clear = pl.DataFrame({"row": [0], "side": [NONE], "price": [0], "size": [0], "kind": [int(Kind.CLEAR)]})
        parts = [changes.with_columns(kind=pl.lit(int(Kind.LEVEL)))]
        if is_first:
            parts.insert(0, clear)
        rows = pl.concat(parts, how="vertical_relaxed")
        rank = pl.when(pl.col("kind") == Kind.CLEAR).then(0).when(pl.col("size") == 0).then(1).otherwise(2)
        rows = rows.sort("row", rank, "side", "price")
        self._before = shown.filter(pl.col("row") == count - 1).with_columns(row=pl.lit(-1, pl.Int64))
        self.unchanged += count - rows["row"].n_unique()
        last = (pl.col("row") != pl.col("row").shift(-1)).fill_null(True)
        snapshot = (pl.col("row") == 0) & (pl.col("kind") == Kind.LEVEL) & is_first
        index = rows["row"].to_numpy()
        out = rows.with_columns(
            ts_exchange=pl.Series(ts_exchange[index]),
            ts_local=pl.Series(ts_local[index]),
            flags=last.cast(pl.Int32) * Flag.LAST_IN_PACKET + snapshot.cast(pl.Int32) * Flag.SNAPSHOT,
        )
        return whole_table(out)


def _long(cells: np.ndarray) -> pl.DataFrame:
    """One row for each level that is shown: row, side, price, size."""
    row, level, side = np.nonzero(cells[..., 1] > 0)
    price, size = cells[row, level, side].T
    return pl.DataFrame(
        {"row": row.astype(np.int64), "side": np.where(side == 0, Side.SELL, Side.BUY), "price": price, "size": size}
    )


def _changes(whole: pl.DataFrame, count: int) -> pl.DataFrame:
    """What is new, changed or gone at each row; row -1 is the book before."""
    ordered = whole.sort(*_KEY, "row")
    follows = (  # the row before this one, in the order of the sort, is the same level one book earlier
        (pl.col("side") == pl.col("side").shift(1))
        & (pl.col("price") == pl.col("price").shift(1))
        & (pl.col("row") == pl.col("row").shift(1) + 1)
    ).fill_null(False)
    stays = follows & (pl.col("size") == pl.col("size").shift(1))
    ends = ~follows.shift(-1).fill_null(False) & (pl.col("row") + 1 < count)
    marked = ordered.with_columns(new=(pl.col("row") >= 0) & ~stays.fill_null(False), ends=ends)
    new = marked.filter("new").select("row", "side", "price", "size")
    gone = marked.filter("ends").select(pl.col("row") + 1, "side", "price", size=pl.lit(0, pl.Int64))
    return pl.concat([gone, new])


def _refuse_disorder(cells: np.ndarray, row: np.ndarray, file: str) -> None:
    """Refuse a row whose levels do not lie behind one another."""
    price, there = cells[..., 0], cells[..., 1] > 0
    worse = (price[:, 1:] - price[:, :-1]) * np.array([1, -1]) > 0
    bad = (there[:, 1:] & (~there[:, :-1] | ~worse)).any(axis=(1, 2))
    if bad.any():
        raise DataError("a level does not lie behind the level before it", file=file, row=int(row[int(np.argmax(bad))]))
