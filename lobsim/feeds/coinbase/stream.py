"""From messages of Coinbase to canonical rows: which book is whole, what a gap loses, packets and prints.

Invariant: what comes out does not depend on where the messages were cut into blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import polars as pl

from lobsim.feeds.exact import exact, iso_time_ns
from lobsim.feeds.refusals import refuse_row
from lobsim.feeds.rows import whole_table
from lobsim.feeds.schema import COLUMNS
from lobsim.feeds.source import Source
from lobsim.types import Flag, Kind, Side

PRICE_DIGITS, SIZE_DIGITS = 10, 8

_DEPTH_SIDES = {"bid": int(Side.BUY), "offer": int(Side.SELL)}
_TRADE_SIDES = {"BUY": int(Side.BUY), "SELL": int(Side.SELL)}
_STATE = {"product_id": pl.String, "row": pl.Int64, "whole": pl.Boolean, "since_ns": pl.Int64}
_LAST = int(Flag.LAST_IN_PACKET)


class Stream:
    """What is carried from block to block: the last sequence_num of each connection, and each product's book."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.sequences: dict[str, int] = {}
        self.connections: dict[str, str] = {}
        self.booked: dict[str, tuple[bool, int]] = {}
        self.latest_ns: dict[str, int] = {}
        self.notes: dict[str, Counter[str]] = {}

    def take(self, messages: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame, dict[str, int]]]:
        """Symbol, canonical rows and counts of each product of a block."""
        depth = _depth(self.source, messages)
        self.connections |= dict(depth.select("product_id", "conn").iter_rows())
        gaps = self._gaps(messages)
        states = self._states(depth, gaps)
        prints = self._prints(_trades(self.source, messages), states)
        levels = self._levels(depth, states)
        for symbol in dict.fromkeys([*states["product_id"], *prints["product_id"]]):
            own = self._timed(symbol, levels.filter(pl.col("product_id") == symbol))
            rows = pl.concat([own, prints.filter(pl.col("product_id") == symbol)], how="diagonal_relaxed").sort(
                "row", maintain_order=True
            )
            if len(rows):
                yield symbol, whole_table(rows), dict(self.notes.pop(symbol, {}))

    def finish(self) -> Iterator[tuple[str, pl.DataFrame, dict[str, int]]]:
        """Counts that came after the last rows of a product."""
        for symbol in self.booked:
            if symbol in self.notes:
                yield symbol, pl.DataFrame(schema=COLUMNS), dict(self.notes.pop(symbol))

    def _count(self, frame: pl.DataFrame, name: str) -> None:
        """Count rows by product."""
        for symbol, count in frame["product_id"].value_counts().iter_rows():
            self.notes.setdefault(symbol, Counter())[name] += count

    def _gaps(self, messages: pl.DataFrame) -> pl.DataFrame:
        """Messages before which something is missing: product_id, row."""
        firsts = pl.DataFrame(
            {"conn": list(self.sequences), "sequence_num": list(self.sequences.values())},
            schema={"conn": pl.String, "sequence_num": pl.Int64},
        )
        whole = pl.concat([firsts, messages.select("conn", "sequence_num", "row")], how="diagonal")
        self.sequences |= dict(whole.select("conn", "sequence_num").iter_rows())
        broken = whole.filter(pl.col("sequence_num") != pl.col("sequence_num").shift(1).over("conn") + 1)
        products = pl.DataFrame(
            {"product_id": list(self.connections), "conn": list(self.connections.values())},
            schema={"product_id": pl.String, "conn": pl.String},
        )
        return broken.join(products, on="conn").select("product_id", "row")

    def _states(self, depth: pl.DataFrame, gaps: pl.DataFrame) -> pl.DataFrame:
        """From which row on the book of a product is whole, and since what time, or lost; sorted by row."""
        carried = [(symbol, 0, whole, since) for symbol, (whole, since) in self.booked.items()]
        snapshots = depth.filter(pl.col("type") == "snapshot")
        since = pl.col("updates").list.first().struct.field("event_ns").fill_null(0)
        states = pl.concat(
            [
                pl.DataFrame(carried, schema=_STATE, orient="row"),
                gaps.with_columns(whole=pl.lit(False), since_ns=pl.lit(0, dtype=pl.Int64)),
                snapshots.select("product_id", "row", whole=pl.lit(True), since_ns=since),
            ]
        ).sort("row", maintain_order=True)
        # A gap is one only where there was a whole book before.
        before = pl.col("whole").shift(1).over("product_id").fill_null(False)
        states = states.filter(pl.col("whole") | before | (pl.col("row") == 0))
        lost = states.filter(~pl.col("whole") & (pl.col("row") > 0))
        self._count(lost, "gaps")
        self.booked |= {symbol: (whole, since) for symbol, _, whole, since in states.iter_rows()}
        return states

    def _prints(self, trades: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
        """PRINT rows of trades; what is not covered by a book is left out."""
        self._count(trades.filter("past"), "past trades left out")
        trades = trades.filter(~pl.col("past")).sort("row", maintain_order=True)
        trades = trades.join_asof(states, on="row", by="product_id", check_sortedness=False)
        covered = pl.col("whole").fill_null(False) & (pl.col("ts_exchange") >= pl.col("since_ns"))
        self._count(trades.filter(~covered & pl.col("whole").fill_null(True)), "trades before the book left out")
        self._count(trades.filter(~pl.col("whole")), "rows left out after a gap")
        flags = _LAST | int(Flag.AGGRESSOR_KNOWN)
        rows = trades.filter(covered).sort("ts_exchange", "trade_id")
        return rows.with_columns(kind=pl.lit(int(Kind.PRINT)), flags=pl.lit(flags)).drop("trade_id", "past", "whole")

    def _levels(self, depth: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
        """CLEAR and LEVEL rows of all products; ts_exchange is null where the feed gives none."""
        depth = depth.join_asof(states, on="row", by="product_id", check_sortedness=False)
        first = pl.col("whole").is_null()
        what = "depth of {} comes before its snapshot"
        refuse_row(self.source.name, depth, first, what, show="product_id", hint="record from the subscription on")
        self._count(depth.filter(~pl.col("whole")).explode("updates"), "rows left out after a gap")
        depth = depth.filter("whole")
        lost = states.filter(~pl.col("whole") & (pl.col("row") > 0)).select(
            "product_id", "row", place=pl.lit(-2), event=pl.lit(-1)
        )
        snapshot = pl.col("type") == "snapshot"
        fresh = depth.filter(snapshot).with_columns(place=pl.lit(-1), ts_exchange=pl.col("since_ns"))
        levels = depth.explode("updates").filter(pl.col("updates").is_not_null()).unnest("updates")
        levels = levels.with_columns(
            kind=pl.lit(int(Kind.LEVEL)),
            flags=pl.when(snapshot).then(int(Flag.SNAPSHOT)).otherwise(0),
            ts_exchange="event_ns",
            place=pl.int_range(pl.len()).over("row", "event"),
        )
        columns = [
            "product_id",
            "row",
            "event",
            "place",
            "ts_exchange",
            "ts_local",
            "kind",
            "side",
            "price",
            "size",
            "flags",
        ]
        clears = pl.concat([lost, fresh], how="diagonal_relaxed").with_columns(kind=pl.lit(int(Kind.CLEAR)))
        rows = pl.concat([clears, levels], how="diagonal_relaxed").select(columns)
        rows = rows.sort("row", "event", "place")
        last = pl.struct("product_id", "row", "event").rle_id()
        flags = pl.col("flags").fill_null(0) | (last != last.shift(-1)).fill_null(True).cast(pl.Int64) * _LAST
        return rows.with_columns(
            flags=flags,
            side=pl.col("side").fill_null(-1),
            price=pl.col("price").fill_null(0),
            size=pl.col("size").fill_null(0),
        )

    def _timed(self, symbol: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Depth of one product with times that never fall."""
        if not len(rows):
            return rows
        floor = self.latest_ns.get(symbol, 0)
        lifted = pl.max_horizontal(pl.col("ts_exchange").fill_null(0).cum_max(), pl.lit(floor, dtype=pl.Int64))
        rows = rows.with_columns(lifted=lifted)
        late = rows.filter((pl.col("ts_exchange") < pl.col("lifted")) & (pl.col("kind") == int(Kind.LEVEL)))
        self._count(late, "depth rows lifted to the latest time")
        self.latest_ns[symbol] = int(rows["lifted"][-1])
        return rows.with_columns(ts_exchange="lifted", ts_local=pl.col("ts_local").fill_null(pl.col("lifted")))


def _depth(source: Source, messages: pl.DataFrame) -> pl.DataFrame:
    """Depth events: row, event (which of the message), conn, ts_local, type, product_id, updates {event_ns, side, price, size}."""
    events = messages.filter(pl.col("channel") == "l2_data").explode("events").unnest("events")
    events = events.with_columns(event=pl.int_range(pl.len()).over("row"))
    bad = pl.col("product_id").is_null() | ~pl.col("type").is_in(["snapshot", "update"]) | pl.col("updates").is_null()
    refuse_row(source.name, events, bad, "the depth message is of type {}, or lacks product_id or updates", show="type")
    flat = (
        events.select("row", "event", "updates")
        .explode("updates")
        .filter(pl.col("updates").is_not_null())
        .unnest("updates")
    )
    flat = flat.with_columns(
        iso_time_ns(pl.col("event_time")).alias("event_ns"),
        pl.col("side").replace_strict(_DEPTH_SIDES, default=None, return_dtype=pl.Int64),
        exact(pl.col("price_level"), PRICE_DIGITS, signed=True).alias("price"),
        exact(pl.col("new_quantity"), SIZE_DIGITS, signed=True).alias("size"),
    )
    for name in ("event_time", "price_level", "new_quantity"):
        number = {"event_time": "event_ns", "price_level": "price", "new_quantity": "size"}[name]
        refuse_row(source.name, flat, pl.col(number).is_null() | (pl.col(number) < 0), f"{name} is {{}}", show=name)
    refuse_row(
        source.name,
        flat,
        pl.col("side").is_null(),
        "the side of a level is neither bid nor offer: price {}",
        show="price_level",
    )
    packed = flat.group_by("row", "event", maintain_order=True).agg(
        updates=pl.struct("event_ns", "side", "price", "size")
    )
    return events.drop("updates").join(packed, on=["row", "event"], how="left", maintain_order="left")


def _trades(source: Source, messages: pl.DataFrame) -> pl.DataFrame:
    """Trades: row, ts_local, product_id, ts_exchange, trade_id, price, size, side, past (of the snapshot)."""
    events = messages.filter(pl.col("channel") == "market_trades").explode("events").unnest("events")
    flat = events.select("row", "ts_local", "trades", past=pl.col("type") == "snapshot").explode("trades")
    flat = (
        flat.filter(pl.col("trades").is_not_null())
        .unnest("trades")
        .with_columns(
            iso_time_ns(pl.col("time")).alias("ts_exchange"),
            pl.col("trade_id").cast(pl.Int64, strict=False),
            pl.col("side").replace_strict(_TRADE_SIDES, default=None, return_dtype=pl.Int64),
            exact(pl.col("price"), PRICE_DIGITS, signed=True),
            exact(pl.col("size"), SIZE_DIGITS, signed=True),
        )
    )
    for name in ("product_id", "time", "trade_id", "side", "price", "size"):
        column = "ts_exchange" if name == "time" else name
        refuse_row(source.name, flat, pl.col(column).is_null(), f"a trade has no {name} that can be read", show="row")
    return flat.drop("time")
