"""Which two orders traded with each other: fills inferred from amounts that fall on both sides at nearly the same time.

The rule.  Two decreases that are no cancellations *fit* when they are of orders of opposite sides, of the same amount, arrive within ``WINDOW_NS`` of each other, and
the buyer's price reaches the seller's.  The older order (smaller id) is the maker, and its price that of the trade.  Where the recording has trades, a trade of the
same amount at that price within ``WINDOW_NS`` must fit too.  A fill is *certain* when nothing in it fits anything else: then the maker's decrease becomes EXECUTE
(``match_id`` = the younger order), and the trade is not printed again.  A maker whose message also moved its price is not certain.

An order that trades on arrival is announced before it trades (on the recorded day some 120 ms before), and would stand across the book meanwhile.  Where its
first changes are all certain fills as the younger order, at most ``ARRIVAL_NS`` after its creation, it becomes what other feeds say of it: the EXECUTE rows
of its makers, each at the earlier of its two messages, and directly behind the last an ADD of what is left, if anything is.  Its own decreases make no rows.

On the recorded day of 2015 with 4,251 trades the rule finds the counts that the tests state.

Invariant: every row is judged with all that it can depend on, whatever the size of the blocks.
"""

from __future__ import annotations

import polars as pl

from lobsim.feeds.rows import whole_table
from lobsim.types import NONE, Flag, Kind

WINDOW_NS = 100 * 10**6
ARRIVAL_NS = 2 * 10**9

_AHEAD_NS = ARRIVAL_NS + 2 * WINDOW_NS
_BEHIND_NS = ARRIVAL_NS + 4 * WINDOW_NS

_MOVES = {
    "row": pl.Int64,
    "ts": pl.Int64,
    "kind": pl.Int64,
    "side": pl.Int64,
    "id": pl.Int64,
    "price": pl.Int64,
    "size": pl.Int64,
    "old_price": pl.Int64,
    "moved": pl.Boolean,
    "filled": pl.Int64,
}
_FIT = ("maker_row", "taker_row")


class Links:
    """Moves held back until everything that could fit them has come."""

    def __init__(self, *, trades: bool) -> None:
        self.trades = trades
        self.held = pl.DataFrame(schema=_MOVES)
        self.given_row = 0

    def take(self, moves: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
        """Canonical rows of what can be judged now, and counts."""
        self.held = pl.concat([self.held, moves.select(pl.col(name).cast(kind) for name, kind in _MOVES.items())])
        until = self.held["ts"].max()
        return self._given(int(until) - _AHEAD_NS if isinstance(until, int) else 0)

    def finish(self) -> tuple[pl.DataFrame, dict[str, int]]:
        """The rest."""
        return self._given(2**62)

    def _given(self, until_ns: int) -> tuple[pl.DataFrame, dict[str, int]]:
        """Rows whose place is before an instant."""
        linked = _linked(self.held, trades=self.trades).filter(
            (pl.col("place") > self.given_row) & (pl.col("ts") < until_ns)
        )
        if len(linked):
            self.given_row = int(linked["place"][-1])
        self.held = self.held.filter(pl.col("ts") >= until_ns - _BEHIND_NS)
        print_, linked_row = pl.col("kind") == int(Kind.PRINT), pl.col("linked")
        arrived = pl.col("arrived") & (pl.col("kind") == int(Kind.ADD))
        counts = {
            "fills linked": linked_row & ~print_,
            "trades linked": linked_row & print_,
            "trades printed without their order": ~linked_row & print_,
            "decreases that are no certain fill": (pl.col("filled") > 0) & ~pl.col("fits"),
            "orders that traded on arrival, in full": arrived & pl.col("gone"),
            "orders that traded on arrival, in part": arrived & ~pl.col("gone"),
        }
        totals = linked.select(expression.sum().alias(name) for name, expression in counts.items()).row(0, named=True)
        return _canonical(linked.filter(~(print_ & linked_row) & ~pl.col("gone"))), {
            name: int(count) for name, count in totals.items()
        }


def _linked(moves: pl.DataFrame, *, trades: bool) -> pl.DataFrame:
    """The moves in the order of their places, with taker_id, and whether they are

    linked   a maker, or a trade that was linked
    fits     part of a certain fill
    arrived  of an order that traded on arrival
    gone     to be left out, as the decreases of such an order
    """
    pairs = _pairs(moves)
    pairs = _with_trades(pairs, moves) if trades else pairs.with_columns(trade_row=pl.lit(None, dtype=pl.Int64))
    names = [*_FIT, "trade_row"] if trades else list(_FIT)
    certain = pairs.filter(pl.all_horizontal(pl.col(name).is_unique() for name in names) & ~pl.col("maker_moved"))
    runs = _arrivals(moves, certain)
    makers = certain.join(runs.select("taker_row", arrived=True), on="taker_row", how="left")
    earlier = pl.when("arrived").then(pl.min_horizontal(*_FIT)).otherwise("maker_row")
    makers = makers.select("taker_id", "taker_row", row="maker_row", place=earlier)
    rows = moves.join(makers.select("row", "taker_id", "place"), on="row", how="left", maintain_order="left")
    linked = pl.col("taker_id").is_not_null() | pl.col("row").is_in(certain["trade_row"].drop_nulls().implode())
    rows = rows.with_columns(
        linked=linked,
        fits=linked | pl.col("row").is_in(certain["taker_row"].implode()),
        arrived=pl.lit(False),
        gone=pl.col("row").is_in(runs["taker_row"].implode()),
        place=pl.col("place").fill_null(pl.col("row")),
    )
    rows = _with_arrivals(rows, runs, makers)
    times = moves.select("ts", place="row")
    return rows.drop("ts").join(times, on="place", how="left").sort("place", "arrived", maintain_order=True)


def _arrivals(moves: pl.DataFrame, certain: pl.DataFrame) -> pl.DataFrame:
    """The decreases of orders that traded on arrival: taker_row, id."""
    own = (
        moves.join(certain.select(id="taker_id").unique(), on="id", how="semi")
        .filter(pl.col("kind") != int(Kind.PRINT))
        .sort("id", "row")
    )
    created = pl.col("kind") == int(Kind.ADD)
    since = pl.when(created).then("ts").otherwise(None).forward_fill().over("id")
    own = own.with_columns(since=since).filter(~created & pl.col("since").is_not_null())
    taken = pl.col("row").is_in(certain["taker_row"].implode()) & pl.col("kind").is_in(
        [int(Kind.REDUCE), int(Kind.DELETE)]
    )
    run = (taken & (pl.col("ts") - pl.col("since") <= ARRIVAL_NS)).cast(pl.Int8).cum_min().over("id") == 1
    return own.filter(run).select("id", taker_row="row")


def _with_arrivals(rows: pl.DataFrame, runs: pl.DataFrame, makers: pl.DataFrame) -> pl.DataFrame:
    """The ADD of an order that traded on arrival moved behind its last fill, with what was left of it then; gone if nothing was."""
    fills = rows.filter("gone").group_by("id").agg(taken=pl.col("filled").sum())
    last = makers.join(runs, on="taker_row", how="semi")
    fills = fills.join(last.group_by("taker_id").agg(behind=pl.col("place").max()), left_on="id", right_on="taker_id")
    rows = rows.join(fills, on="id", how="left", maintain_order="left")
    moved = (pl.col("kind") == int(Kind.ADD)) & pl.col("taken").is_not_null()
    return rows.with_columns(
        arrived=moved,
        place=pl.when(moved).then("behind").otherwise("place"),
        size=pl.when(moved).then(pl.col("size") - pl.col("taken")).otherwise("size"),
        gone=pl.col("gone") | (moved & (pl.col("size") <= pl.col("taken"))),
    ).drop("taken", "behind")


def _pairs(moves: pl.DataFrame) -> pl.DataFrame:
    """All decreases that fit each other: maker_row, taker_row, taker_id, maker_moved, price, size, ts (of the maker)."""
    falls = moves.filter(pl.col("filled") > 0).select(
        "row", "ts", "side", "id", "old_price", "price", "moved", size="filled"
    )
    limit = pl.max_horizontal("old_price", "price"), pl.min_horizontal("old_price", "price")
    buys = falls.filter(pl.col("side") == 0).with_columns(limit=limit[0])
    sells = falls.filter(pl.col("side") == 1).with_columns(limit=limit[1])
    pairs = _near(buys, sells, ["size"]).filter(pl.col("limit") >= pl.col("limit_right"))
    first = pl.col("id") < pl.col("id_right")
    return pairs.select(
        "size",
        maker_row=pl.when(first).then("row").otherwise("row_right"),
        taker_row=pl.when(first).then("row_right").otherwise("row"),
        taker_id=pl.max_horizontal("id", "id_right"),
        maker_moved=pl.when(first).then("moved").otherwise("moved_right"),
        price=pl.when(first).then("old_price").otherwise("old_price_right"),
        ts=pl.when(first).then("ts").otherwise("ts_right"),
    )


def _with_trades(pairs: pl.DataFrame, moves: pl.DataFrame) -> pl.DataFrame:
    """The pairs that have a trade, once for each trade that fits: column trade_row."""
    prints = moves.filter(pl.col("kind") == int(Kind.PRINT)).select("ts", "price", "size", trade_row="row")
    return _near(pairs, prints, ["size", "price"])


def _near(left: pl.DataFrame, right: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """Rows of two frames with equal columns ``on`` and at most WINDOW_NS apart; buckets of time keep the join small."""
    bucket = pl.col("ts") // WINDOW_NS
    spread = right.with_columns(bucket=pl.concat_list(bucket - 1, bucket, bucket + 1)).explode("bucket")
    pairs = left.with_columns(bucket=bucket).join(spread, on=[*on, "bucket"])
    return pairs.filter((pl.col("ts") - pl.col("ts_right")).abs() <= WINDOW_NS).drop("bucket")


def _canonical(rows: pl.DataFrame) -> pl.DataFrame:
    """Moves as canonical rows."""
    maker, print_ = pl.col("linked"), pl.col("kind") == int(Kind.PRINT)
    flags = int(Flag.LAST_IN_PACKET) + pl.when(maker).then(int(Flag.AGGRESSOR_KNOWN)).otherwise(0)
    return whole_table(
        rows.select(
            "price",
            "size",
            ts_exchange="ts",
            kind=pl.when(maker).then(int(Kind.EXECUTE)).otherwise("kind"),
            side=pl.col("side").fill_null(NONE),
            order_id=pl.when(print_).then(0).otherwise("id"),
            other_id=pl.when(pl.col("kind") == int(Kind.REPLACE)).then("id").otherwise(0),
            match_id=pl.when(print_).then(0).otherwise(pl.col("taker_id").fill_null(0)),
            flags=flags,
        )
    )
