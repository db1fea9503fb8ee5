"""What a feed of levels and trades would have shown of orders: the L2 projection of an order by order data set, and its touch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from lobsim.core.loop import advance
from lobsim.core.state import PUBLISHED, PUBLISHED_LEVEL
from lobsim.core.world import roomier_world, scratch
from lobsim.errors import CapacityError, ConfigError
from lobsim.feeds.schema import COLUMNS, Dataset
from lobsim.market import Market
from lobsim.types import NEVER, Fidelity, Flag, Kind, Side, Status

_ORDER_DATA = (Fidelity.L3_FULL, Fidelity.L3_TOP_K)
_PRINTS = (int(Kind.EXECUTE), int(Kind.EXECUTE_HIDDEN), int(Kind.PRINT))
_RING = 2**18
_ROWS_PER_CALL = 2048


def to_levels(dataset: Dataset) -> Dataset:
    """The L2 projection of an order by order data set: what a feed of levels and trades would have shown of it.

    The rows of one exchange time form one packet: its prints, then the quantity at every price that a print or a change of
    the book has touched, as it is at the end; the last row is LAST_IN_PACKET.  ``side`` of a print is that of the resting order.  A hidden
    execution is a print at its own price.  The book that a recording begins with is flagged SNAPSHOT.
    Orders of a book cut to K levels are replayed with its corrections, so levels beyond the window stay as last seen.

    Raises ConfigError for data that does not know orders.
    """
    if dataset.info.fidelity not in _ORDER_DATA:
        raise ConfigError(f"{dataset.info.fidelity.name} data has no orders to project", hint="give L3 data")
    prints = _print_rows(dataset)
    shown = _published_levels(Market(dataset), dataset.info.tick_quanta)
    levels = _level_rows(shown, prints, dataset.info.tick_quanta)
    rows = pl.concat([prints.select(levels.columns), levels]).sort("ts_exchange", "rank", "order")
    last = (pl.col("ts_exchange") != pl.col("ts_exchange").shift(-1)).fill_null(True)
    clock = dataset.events.group_by("ts_exchange").agg(
        pl.col("ts_local").max(), snapshot=((pl.col("flags") & Flag.SNAPSHOT) != 0).any()
    )
    seeded = dataset.rows is not None or dataset.seed_row is not None
    snapshot = pl.col("snapshot") | (seeded & (pl.col("ts_exchange") == pl.col("ts_exchange").first()))
    snapshot &= pl.col("kind") == Kind.LEVEL
    events = rows.join(clock, on="ts_exchange", how="left", maintain_order="left").with_columns(
        flags=pl.col("flags") | last.cast(pl.Int32) * Flag.LAST_IN_PACKET | snapshot.cast(pl.Int32) * Flag.SNAPSHOT,
        order_id=0,
        other_id=0,
        sequence=pl.int_range(pl.len()),
    )
    notes = (*dataset.info.notes, "levels and prints projected from orders")
    info = replace(dataset.info, fidelity=Fidelity.L2_TRADES, notes=notes)
    return Dataset(info, events.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items()))


def _print_rows(dataset: Dataset) -> pl.DataFrame:
    """Trades as PRINT rows, and changes of phase, in the order of the recording."""
    kept = Flag.AGGRESSOR_KNOWN | Flag.AUCTION
    traded = pl.col("kind").is_in(_PRINTS)
    return (
        dataset.events.with_row_index("order")
        .filter(traded | (pl.col("kind") == Kind.PHASE))
        .with_columns(
            kind=pl.when(traded).then(int(Kind.PRINT)).otherwise(int(Kind.PHASE)),
            flags=pl.col("flags") & int(kept),
            order=pl.col("order").cast(pl.Int64),
            rank=0,
        )
    )


def _published_levels(market: Market, tick_quanta: int) -> pl.DataFrame:
    """Every change of a displayed quantity in a replay without own orders, from the venue's publication ring.

    Columns: order (a running number), ts_exchange, side, price in quanta, size in lots.  Raises CapacityError if the ring was too short.
    """
    world = market.start(participant=False).world._replace(ring=np.zeros(_RING, PUBLISHED))
    world.head["publish"] = 1
    messages, spare = scratch()
    pieces = []
    status = Status.CHUNK
    while status != Status.DONE:
        first = int(world.head[0]["written"])
        status = advance(world, NEVER, _ROWS_PER_CALL, messages, spare)
        count = int(world.head[0]["written"]) - first
        if count > len(world.ring):
            raise CapacityError(f"{count} changes of the book came within {_ROWS_PER_CALL} rows")
        published = world.ring[(first + np.arange(count)) & (len(world.ring) - 1)]
        pieces.append(published[published["kind"] == PUBLISHED_LEVEL])
        world.head["read"] = world.head["written"]
        if status not in (Status.CHUNK, Status.DONE):
            world = roomier_world(world, status)
    shown = np.concatenate(pieces)
    frame = pl.DataFrame(
        {
            "ts_exchange": shown["ts_ns"],
            "side": shown["side"],
            "price": shown["price_ticks"] * tick_quanta,
            "size": shown["size"],
        }
    )
    before = pl.col("size").shift(1, fill_value=0).over("side", "price")
    return frame.with_row_index("order").filter(pl.col("size") != before).with_columns(pl.col("order").cast(pl.Int64))


def _level_rows(shown: pl.DataFrame, prints: pl.DataFrame, tick_quanta: int) -> pl.DataFrame:
    """LEVEL rows: what each packet leaves at every price it has touched.

    A print takes its size off the level it names; where the level did not change by it, the row that restates it undoes that.
    """
    key = ["ts_exchange", "side", "price"]
    after = shown.group_by(key).agg(pl.col("size").last(), pl.col("order").last()).sort("order")
    changed = after.filter(pl.col("size") != pl.col("size").shift(1, fill_value=0).over("side", "price"))
    low = pl.col("price") // tick_quanta
    worse = (pl.col("side") == Side.SELL) & (low * tick_quanta != pl.col("price"))
    named = (
        prints.filter(pl.col("kind") == Kind.PRINT).with_columns(price=(low + worse) * tick_quanta).select(key).unique()
    )
    restated = (
        named.join(changed, on=key, how="anti")
        .sort("ts_exchange")
        .join_asof(after.sort("ts_exchange"), on="ts_exchange", by=["side", "price"], check_sortedness=False)
        .filter(pl.col("size") > 0)
    )
    return (
        pl.concat([changed, restated.select(changed.columns)])
        .with_columns(kind=int(Kind.LEVEL), match_id=0, flags=0, rank=1)
        .with_columns(pl.col("match_id").cast(pl.Int64), pl.col("flags").cast(pl.Int32))
    )


def touch_of(dataset: Dataset) -> np.ndarray:
    """The touch after every row of a replay without own orders.

    Returns int64 [rows, 4]: bid price in ticks, bid size, ask price in ticks, ask size; a size of 0 where a side is empty.  Sizes of level
    data are in 2^-20 lot.
    """
    market = Market(dataset)
    touch = np.zeros((len(market.tape), 4), np.int64)
    market.start(participant=False).record(touch)
    return touch
