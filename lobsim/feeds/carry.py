"""The recorded book at the end of some rows, so that the next day can begin with it and stand alone.

Levels: the last LEVEL of each price since the last CLEAR.  Orders: those added since and not gone, in the order of their places in the queue; a REPLACE
keeps its place where docs/rules.md, 2, says so.  A phase other than CONTINUOUS is carried on too.
Known limits: rows about an id that is not live are ignored, and an ADD of a live id begins a new order; a replay counts both.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from lobsim.feeds.schema import COLUMNS
from lobsim.types import NONE, Flag, Kind, Phase

_LEVELS = {"side": pl.Int8, "price": pl.Int64, "size": pl.Int64}
_ORDERS = {"order_id": pl.Int64, "side": pl.Int8, "price": pl.Int64, "size": pl.Int64, "place": pl.Int64}
_ORDER_KINDS = tuple(map(int, (Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.REPLACE, Kind.EXECUTE)))


class BookAtEnd:
    """Follows rows, part by part, and knows the book after the last."""

    def __init__(self) -> None:
        self._levels = pl.DataFrame(schema=_LEVELS)
        self._orders = pl.DataFrame(schema=_ORDERS)
        self._phase = int(Phase.CONTINUOUS)
        self._rows = 0
        self.has_book = False

    def take(self, events: pl.DataFrame) -> None:
        """The next rows, with at least kind, side, price, size, order_id and other_id."""
        kind = events["kind"].to_numpy()
        phases = np.flatnonzero(kind == Kind.PHASE)
        if len(phases):
            self._phase = int(events["size"][int(phases[-1])])
        clears = np.flatnonzero(kind == Kind.CLEAR)
        if len(clears):
            self._levels, self._orders = self._levels.clear(), self._orders.clear()
            self.has_book = True
            events = events[int(clears[-1]) + 1 :]
        levels = events.filter(pl.col("kind") == Kind.LEVEL)
        if len(levels):
            self.has_book = True
            both = pl.concat([self._levels, levels.select(list(_LEVELS))])
            self._levels = both.unique(["side", "price"], keep="last", maintain_order=True).filter(pl.col("size") > 0)
        if events["kind"].is_in(_ORDER_KINDS).any():
            self.has_book = True
            self._orders = _live_orders(self._orders, events, self._rows)
        self._rows += len(events)

    def rows(self, ts_exchange: int, ts_local: int, sequence: int) -> pl.DataFrame:
        """One packet that makes this book: CLEAR, the phase where it is not CONTINUOUS, SNAPSHOT rows.  Empty where there never was a book."""
        if not self.has_book:
            return pl.DataFrame(schema=COLUMNS)
        is_bid = pl.col("side") == 0
        levels = self._levels.sort("side", pl.when(is_bid).then(-pl.col("price")).otherwise("price"))
        head = [{"kind": int(Kind.CLEAR)}]
        if self._phase != Phase.CONTINUOUS:
            head.append({"kind": int(Kind.PHASE), "size": self._phase})
        snapshot = {"flags": pl.lit(int(Flag.SNAPSHOT))}
        parts = [
            pl.DataFrame(head, schema={"kind": pl.Int64, "size": pl.Int64}).with_columns(side=NONE),
            levels.with_columns(kind=int(Kind.LEVEL), **snapshot),
            self._orders.sort("place").drop("place").with_columns(kind=int(Kind.ADD), **snapshot),
        ]
        whole = pl.concat(parts, how="diagonal_relaxed").with_columns(
            ts_exchange=ts_exchange, ts_local=ts_local, sequence=sequence, other_id=0, match_id=0
        )
        is_last = pl.int_range(pl.len()) == pl.len() - 1
        flags = pl.col("flags").fill_null(0) + pl.when(is_last).then(int(Flag.LAST_IN_PACKET)).otherwise(0)
        whole = whole.with_columns(flags.alias("flags"))
        return whole.select(pl.col(name).fill_null(0).cast(kind) for name, kind in COLUMNS.items())


def _live_orders(live: pl.DataFrame, events: pl.DataFrame, rows_before: int) -> pl.DataFrame:
    """Orders that live after some rows, given those before.

    Each birth of an id (ADD, REPLACE, or being there before) begins one life of it; what happens to the id belongs to its latest life.
    """
    row = pl.int_range(pl.len()) + rows_before
    rows = events.filter(pl.col("kind").is_in(_ORDER_KINDS)).with_columns(place=row)
    kind = pl.col("kind")
    born = rows.filter(kind.is_in([int(Kind.ADD), int(Kind.REPLACE)])).select(
        pl.when(kind == Kind.REPLACE).then("other_id").otherwise("order_id").alias("order_id"),
        "side",
        "price",
        "size",
        "place",
        at=2 * pl.col("place") + 1,
        born=True,
        parent=pl.when(kind == Kind.REPLACE).then("place").otherwise(None),
    )
    before = live.with_columns(at=pl.lit(-1, pl.Int64), born=True, parent=pl.lit(None, pl.Int64))
    touched = rows.filter(kind != Kind.ADD).select(
        "order_id",
        at=2 * pl.col("place"),
        born=False,
        taken=pl.when(kind.is_in([int(Kind.REDUCE), int(Kind.EXECUTE)])).then("size").otherwise(0),
        ended=kind.is_in([int(Kind.DELETE), int(Kind.REPLACE)]),
        replaced_at=pl.when(kind == Kind.REPLACE).then("place").otherwise(None),
    )
    story = pl.concat([before, born, touched], how="diagonal").sort("order_id", "at", maintain_order=True)
    story = story.filter(pl.col("born").cum_sum().over("order_id") > 0).with_columns(life=pl.col("born").cum_sum())
    lives = story.group_by("life", maintain_order=True).agg(
        pl.col("order_id", "side", "price", "size", "place", "parent").first(),
        pl.col("taken").sum(),
        pl.col("ended").any(),
        pl.col("replaced_at").drop_nulls().first(),
    )
    lives = lives.with_columns(size=pl.col("size") - pl.col("taken")).with_row_index("index")
    lives = _places_kept(lives)
    return lives.filter(~pl.col("ended").fill_null(False) & (pl.col("size") > 0)).sort("place").select(list(_ORDERS))


def _places_kept(lives: pl.DataFrame) -> pl.DataFrame:
    """Give a replacement that keeps its place the place of the order it came from."""
    parents = lives.filter(pl.col("replaced_at").is_not_null()).select(
        parent="replaced_at", parent_index="index", parent_price="price", parent_side="side", left="size"
    )
    entered = (pl.col("size") + pl.col("taken")).alias("entered")
    joined = lives.with_columns(entered).join(parents, on="parent", how="left", maintain_order="left")
    keeps = (
        (pl.col("price") == pl.col("parent_price"))
        & (pl.col("side") == pl.col("parent_side"))
        & (pl.col("entered") <= pl.col("left"))
    ).fill_null(False)
    index = joined.select(pl.when(keeps).then("parent_index").otherwise("index"))["parent_index"].to_numpy()
    while not np.array_equal(further := index[index], index):
        index = further
    return lives.with_columns(place=lives["place"].gather(index))
