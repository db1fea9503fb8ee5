"""Lines of a raw Binance capture, sorted by what they are and parsed into typed frames.

A line is ``<local receive time> <JSON>``; the JSON is what the websocket sent, with or without the envelope of combined streams (``{"stream":...,"data":...}``),
or the body of a REST depth snapshot.  The local clock is in milli-, micro- or nanoseconds, told by magnitude.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.json_text import LEVELS, decoded, epoch_ns
from lobsim.feeds.refusals import refuse, refuse_missing

_DEPTH = {
    "E": pl.Int64,
    "T": pl.Int64,
    "s": pl.String,
    "ps": pl.String,
    "U": pl.Int64,
    "u": pl.Int64,
    "pu": pl.Int64,
    "b": LEVELS,
    "a": LEVELS,
}
_SNAPSHOT = {"lastUpdateId": pl.Int64, "T": pl.Int64, "symbol": pl.String, "bids": LEVELS, "asks": LEVELS}
_TRADE = {
    "T": pl.Int64,
    "s": pl.String,
    "t": pl.Int64,
    "p": pl.String,
    "q": pl.String,
    "X": pl.String,
    "m": pl.Boolean,
}
_AGGREGATE = {**_TRADE, "a": pl.Int64}
_TICKER = {
    "s": pl.String,
    "u": pl.Int64,
    "b": pl.String,
    "B": pl.String,
    "a": pl.String,
    "A": pl.String,
}
_BARE_NUMBER_IN_LIST = r"[\[,]\s*[-+0-9.]"
_BARE_NUMBER_FIELD = r'"(?:p|q)"\s*:\s*[-+0-9.]'
_NUMBER_HINT = "record prices and sizes as the venue writes them, in quotes"


class Messages(NamedTuple):
    """What one block holds, each in order of rows; times in nanoseconds.

    updates    row, local, ts, symbol, pair (COIN-M only), first, last, previous (futures only), bids, asks
    snapshots  row, local, ts (null on spot), symbol (null on spot and USD-M), last, bids, asks
    trades     row, local, ts, symbol, id, price, size, origin (null on spot), buyer_is_maker, aggregate (Boolean)
    others     name of what is not needed -> number of lines
    """

    updates: pl.DataFrame
    snapshots: pl.DataFrame
    trades: pl.DataFrame
    others: dict[str, int]


def messages(lines: pl.DataFrame, *, file: str) -> Messages:
    """Sort and parse the lines of one block (row, line); raises DataError for the first that cannot be right."""
    stamped = _stamped(lines, file)
    text = pl.col("text")
    has = {name: text.str.contains(f'"{name}"', literal=True) for name in ("depthUpdate", "lastUpdateId", "data")}
    kinds = stamped.with_columns(
        kind=pl.when(text.str.contains(r'@depth(?:5|10|20)[@"]'))
        .then(pl.lit("partial depth messages"))
        .when(has["depthUpdate"])
        .then(pl.lit("depth"))
        .when(has["lastUpdateId"] & ~has["data"])
        .then(pl.lit("snapshot"))
        .when(text.str.contains('"trade"', literal=True))
        .then(pl.lit("trade"))
        .when(text.str.contains('"aggTrade"', literal=True))
        .then(pl.lit("aggregate"))
        .when(text.str.contains("bookTicker", literal=True))
        .then(pl.lit("book tickers"))
        .otherwise(pl.lit("other messages"))
    )
    parts = {str(key[0]): part.drop("kind") for key, part in kinds.group_by("kind", maintain_order=True)}
    empty = stamped.clear()
    trades = [_trades(parts.pop(kind, empty), kind == "aggregate", file) for kind in ("trade", "aggregate")]
    updates = _updates(parts.pop("depth", empty), file)
    snapshots = _snapshots(parts.pop("snapshot", empty), file)
    return Messages(
        updates, snapshots, pl.concat(trades).sort("row"), {kind: len(part) for kind, part in parts.items()}
    )


def tickers(lines: pl.DataFrame, *, file: str) -> pl.DataFrame:
    """The book tickers among lines: row, local, symbol, last (update id), bid, bid_size, ask, ask_size as text."""
    stamped = _stamped(lines, file).filter(pl.col("text").str.contains("bookTicker", literal=True))
    return _parsed(stamped, _TICKER, file).select(
        "row", "local", symbol="s", last="u", bid="b", bid_size="B", ask="a", ask_size="A"
    )


def _stamped(lines: pl.DataFrame, file: str) -> pl.DataFrame:
    """row, local (ns), text."""
    cut = pl.col("line").str.find(" ", literal=True)
    stamped = lines.select(
        "row",
        "line",
        local=pl.col("line").str.head(cut).cast(pl.Int64, strict=False),
        text=pl.col("line").str.slice(cut + 1),
    )
    if stamped["local"].null_count():
        words = "a receive time, a space and the JSON are needed"
        refuse(
            stamped, pl.col("local").is_null(), "line", words, file=file, hint="record it that way, or cut this line"
        )
    return epoch_ns(stamped, "local", file=file).select("row", "local", "text")


def _parsed(stamped: pl.DataFrame, fields: dict, file: str) -> pl.DataFrame:
    """row, local and the fields of each message, taken out of its envelope."""
    wrapped = stamped["text"].str.contains(r'"data"\s*:')
    parts = []
    if wrapped.any():
        outer = decoded(stamped.filter(wrapped), "text", {"data": pl.Struct(fields)}, file=file)
        parts.append(outer.unnest("data"))
    if not wrapped.all():
        parts.append(decoded(stamped.filter(~wrapped), "text", fields, file=file))
    if not parts:
        return pl.DataFrame(schema={"row": pl.Int64, "local": pl.Int64, **fields})
    return parts[0] if len(parts) == 1 else pl.concat(parts).sort("row")


def _refuse_bare_numbers(stamped: pl.DataFrame, pattern: str, file: str) -> None:
    """Refuse a price or size that a recorder has written as a number: it may have been through a float."""
    bad = stamped["text"].str.contains(pattern)
    if bad.any():
        row = int(stamped.filter(bad)["row"][0])
        raise DataError("a price or size stands without quotes", file=file, row=row, hint=_NUMBER_HINT)


def _updates(stamped: pl.DataFrame, file: str) -> pl.DataFrame:
    _refuse_bare_numbers(stamped, _BARE_NUMBER_IN_LIST, file)
    depth = _parsed(stamped, _DEPTH, file)
    refuse_missing(depth, ("E", "s", "U", "u", "b", "a"), file=file)
    refuse(depth, pl.col("U") > pl.col("u"), "U", "which is above u", file=file)
    depth = epoch_ns(depth.with_columns(ts=pl.coalesce("T", "E")), "ts", file=file)
    return depth.select(
        "row", "local", "ts", symbol="s", pair="ps", first="U", last="u", previous="pu", bids="b", asks="a"
    )


def _snapshots(stamped: pl.DataFrame, file: str) -> pl.DataFrame:
    _refuse_bare_numbers(stamped, _BARE_NUMBER_IN_LIST, file)
    found = decoded(stamped, "text", _SNAPSHOT, file=file) if len(stamped) else _empty(_SNAPSHOT)
    refuse_missing(found, ("lastUpdateId", "bids", "asks"), file=file)
    return found.select("row", "local", "symbol", "bids", "asks", ts=pl.col("T") * 10**6, last="lastUpdateId")


def _empty(fields: dict) -> pl.DataFrame:
    return pl.DataFrame(schema={"row": pl.Int64, "local": pl.Int64, **fields})


def _trades(stamped: pl.DataFrame, aggregate: bool, file: str) -> pl.DataFrame:
    _refuse_bare_numbers(stamped, _BARE_NUMBER_FIELD, file)
    found = _parsed(stamped, _AGGREGATE if aggregate else _TRADE, file)
    refuse_missing(found, ("T", "s", "a" if aggregate else "t", "p", "q", "m"), file=file)
    found = epoch_ns(found, "T", file=file)
    return found.select(
        "row",
        "local",
        ts="T",
        symbol="s",
        id="a" if aggregate else "t",
        price="p",
        size="q",
        origin="X",
        buyer_is_maker="m",
        aggregate=pl.lit(aggregate),
    )


def rest_snapshot(text: str, *, file: str) -> pl.DataFrame:
    """The snapshot in the body of a REST answer that was saved by itself; raises DataError."""
    body = pl.DataFrame({"row": [1], "local": [None], "text": [text]}, schema_overrides={"local": pl.Int64})
    return _snapshots(body, file)
