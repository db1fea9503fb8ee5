"""From messages about what remains of an order to canonical rows, and what becomes of the blemishes of a recording (each counted in the notes).

=========================================  ==========================================================================
message                                    becomes
=========================================  ==========================================================================
creation                                   ADD (of an order that trades on arrival: what is left, see ``links``)
change to a smaller amount                 REDUCE, or EXECUTE where a fill of it is certain (``links``)
change to a larger amount, or the price    REPLACE under the same id: it goes to the back
deletion with nothing left (filled)        EXECUTE where certain, else DELETE
deletion with something left (cancelled)   DELETE
trade                                      nothing where it is linked with an EXECUTE, else PRINT without a side
-----------------------------------------  --------------------------------------------------------------------------
anything after the deletion of its order   nothing
creation of an order that is there         nothing
deletion of an order never seen            nothing
change of an order never seen              ADD of what remains: it stood there before
=========================================  ==========================================================================

Invariant: the rows do not depend on the size of the blocks.
Known limits: the recording starts without a book; of deleted orders the last ``DEAD_ORDERS`` are remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.bitstamp.links import Links
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options, refuse_row
from lobsim.feeds.rows import before_in, first_of
from lobsim.feeds.source import Source
from lobsim.types import NONE, Fidelity, Kind

DIGITS = 8
CREATED, CHANGED, DELETED, TRADED = range(4)
DEAD_ORDERS = 2**20

_ALIVE, _DEAD = 4, 5  # what a block begins with
_STATE = {"id": pl.Int64, "side": pl.Int64, "price": pl.Int64, "amount": pl.Int64, "what": pl.Int64}
_AFTER = ("creations", "changes", "deletions")


def read_events(
    source: Source, options: ReadOptions, blocks: Iterable[tuple[pl.DataFrame, dict[str, int]]], *, trades: bool
) -> Iterator[Piece]:
    """Pieces of one recording.

    blocks  frames of row, ts, what, id, side, price, amount, in the order of arrival, and notes
    trades  whether the recording has trades
    """
    refuse_options(source.name, options, ("symbol", "tick", "lot"))
    if not options.symbol:
        raise DataError(
            "it does not say which pair it is", file=source.name, hint="say which with symbol, such as btcusd"
        )
    instrument = _instrument(options.symbol, options)
    book, links = _Book(source), Links(trades=trades)
    for rows, notes in blocks:
        moves, counts = book.apply(rows)
        events, links_notes = links.take(moves)
        yield Piece(instrument, events, notes | counts | links_notes)
    events, links_notes = links.finish()
    yield Piece(instrument, events, links_notes)


def _instrument(symbol: str, options: ReadOptions) -> Instrument:
    scale = f"0.{'0' * (DIGITS - 1)}1"
    return Instrument(
        symbol=symbol,
        venue="BITSTAMP",
        currency=symbol[-3:].upper(),
        fidelity=Fidelity.L3_FULL,
        depth=0,
        price_scale=scale,
        size_scale=scale,
        tick=options.tick,
        lot=options.lot,
    )


class _Book:
    """What remains of every order that was seen, carried from block to block."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.live = pl.DataFrame(schema=_STATE)
        self.dead = pl.DataFrame(schema=_STATE)
        self.last_ns = 0

    def apply(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
        """What a block of messages does, row by row (see ``_moves``), and counts of what was put right."""
        earlier = pl.col("ts") < pl.col("ts").shift(1, fill_value=self.last_ns)
        refuse_row(
            self.source.name, rows, earlier, "the time of arrival is {} ns, earlier than the row before it", show="ts"
        )
        self.last_ns = int(rows["ts"][-1]) if len(rows) else self.last_ns
        orders = rows.filter(pl.col("what") != TRADED)
        state = pl.concat([self.live, self.dead]).join(orders.select("id").unique(), on="id", how="semi")
        whole = pl.concat([state.with_columns(row=pl.lit(0, dtype=pl.Int64)), orders], how="diagonal").sort("id", "row")
        gone = pl.col("what").is_in([DELETED, _DEAD]).cast(pl.Int64)
        so_far = gone.cum_sum() - gone
        after = so_far > pl.when(first_of("id")).then(so_far).forward_fill()
        whole = whole.with_columns(after=after & (pl.col("row") > 0))
        late, whole = whole.filter("after"), whole.filter(~pl.col("after"))
        whole = whole.with_columns(again=(pl.col("what") == CREATED) & ~first_of("id"))
        twice, whole = whole.filter("again"), whole.filter(~pl.col("again"))
        before = [before_in("id", name).alias(f"old_{name}") for name in ("side", "price", "amount")]
        whole = whole.with_columns(before)
        refuse_row(
            self.source.name,
            whole.sort("row"),
            (pl.col("side") != pl.col("old_side")).fill_null(False),
            "order {} changes its side",
            show="id",
        )
        self._keep(whole)
        moves, notes = _moves(whole.filter(pl.col("row") > 0))
        prints = rows.filter(pl.col("what") == TRADED).select(
            "row", "ts", "id", "price", size="amount", kind=pl.lit(int(Kind.PRINT))
        )
        counts = {
            f"{name} after the deletion of their order": int((late["what"] == what).sum())
            for what, name in enumerate(_AFTER)
        }
        notes = counts | {"creations of an order that is there": len(twice)} | notes
        return pl.concat([moves, prints], how="diagonal_relaxed").sort("row"), notes

    def _keep(self, whole: pl.DataFrame) -> None:
        """Remember how a block leaves every order it spoke of."""
        last = whole.group_by("id", maintain_order=True).last().select(list(_STATE))
        gone = pl.col("what").is_in([DELETED, _DEAD])
        self.live = pl.concat(
            [
                self.live.join(last, on="id", how="anti"),
                last.filter(~gone).with_columns(what=pl.lit(_ALIVE, dtype=pl.Int64)),
            ]
        )
        dead = last.filter(gone & (pl.col("what") == DELETED)).with_columns(what=pl.lit(_DEAD, dtype=pl.Int64))
        self.dead = pl.concat([self.dead, dead]).tail(DEAD_ORDERS)


def _moves(whole: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Rows with kind, side, price, size, id, and for a decrease without a cancel: filled (how much), old_price, moved; in any order.

    For a decrease ``size`` is what was taken off, and ``price`` where the order stood.
    """
    known, price, amount = pl.col("old_amount").is_not_null(), pl.col("price"), pl.col("amount")
    deleted, changed = pl.col("what") == DELETED, pl.col("what") == CHANGED
    moved = known & (price != pl.col("old_price"))
    rows = whole.with_columns(
        case=pl.when(~known & deleted)
        .then(pl.lit("deletions of an order never seen"))
        .when(deleted & (pl.col("old_amount") == 0))
        .then(pl.lit("deletions of an order used up"))
        .when(~deleted & (amount == 0) & ~known)
        .then(pl.lit("orders without an amount"))
        .when(~known & changed)
        .then(pl.lit("changes of an order never seen"))
        .when(deleted)
        .then(pl.lit("delete"))
        .when(changed & moved & (amount > 0))
        .then(pl.lit("changes of the price"))
        .when(changed & (amount > pl.col("old_amount")))
        .then(pl.lit("changes to a larger amount"))
        .when(changed & (amount == pl.col("old_amount")))
        .then(pl.lit("changes of nothing"))
        .when(changed)
        .then(pl.lit("reduce"))
        .otherwise(pl.lit("add")),
        moved=moved,
        filled=pl.when(known & (~deleted | (amount == 0))).then((pl.col("old_amount") - amount).clip(0)).otherwise(0),
    )
    names = (
        "deletions of an order never seen",
        "deletions of an order used up",
        "orders without an amount",
        "changes of an order never seen",
        "changes of the price",
        "changes to a larger amount",
        "changes of nothing",
    )
    notes = {name: int((rows["case"] == name).sum()) for name in names}
    kinds = {
        "add": int(Kind.ADD),
        names[3]: int(Kind.ADD),
        "delete": int(Kind.DELETE),
        "reduce": int(Kind.REDUCE),
        names[4]: int(Kind.REPLACE),
        names[5]: int(Kind.REPLACE),
    }
    rows = rows.with_columns(kind=pl.col("case").replace_strict(kinds, default=NONE, return_dtype=pl.Int64)).filter(
        pl.col("kind") != NONE
    )
    stands = pl.col("kind").is_in([int(Kind.ADD), int(Kind.REPLACE)])
    size = pl.when(stands).then(amount).when(pl.col("case") == "delete").then("old_amount").otherwise("filled")
    return rows.select(
        "row",
        "ts",
        "kind",
        "side",
        "id",
        "old_price",
        "moved",
        "filled",
        price=pl.when(stands).then(price).otherwise("old_price"),
        size=size,
    ), notes
