"""Lines of Bybit v5 websocket messages, sorted by what they are and parsed into typed frames.

Three ways to write such a line are read: the bare message, as in Bybit's archives; a receive time, a space and the message; and cryptofeed's recording, an
object with the kind of line, connection, receive time in seconds and the message as a string.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.exact import exact
from lobsim.feeds.json_text import LEVELS, decoded, epoch_ns
from lobsim.feeds.refusals import refuse, refuse_missing

RETIRED = r"^(?:orderBookL2|orderBook_|trade\.|instrument_info|candle|klineV2|depth(?:$|V1|\.)|diffDepth|mergedDepth)"
"""Topics of versions 1 and 2 of the feed."""
_BOOK = {
    "topic": pl.String,
    "type": pl.String,
    "ts": pl.Int64,
    "cts": pl.Int64,
    "data": pl.Struct({"s": pl.String, "b": LEVELS, "a": LEVELS, "u": pl.Int64, "seq": pl.Int64}),
}
_TRADE = {
    "T": pl.Int64,
    "s": pl.String,
    "S": pl.String,
    "v": pl.String,
    "p": pl.String,
    "BT": pl.Boolean,
    "RPI": pl.Boolean,
    "seq": pl.Int64,
}
_TRADES = {"data": pl.List(pl.Struct(_TRADE))}
_OUTER = {"t": pl.String, "conn": pl.String, "addr": pl.String, "url": pl.String, "data": pl.String}
_STEPS = pl.Struct(
    {
        "symbol": pl.String,
        "priceFilter": pl.Struct({"tickSize": pl.String}),
        "lotSizeFilter": pl.Struct({"qtyStep": pl.String, "basePrecision": pl.String}),
    }
)
_INSTRUMENTS = {"result": pl.Struct({"category": pl.String, "list": pl.List(_STEPS)})}
_RECORDED = r'^\{\s*"t"\s*:'
_STAMPED = r"^[0-9]{13,19} \{"
_BARE_NUMBER_IN_LIST = r"[\[,]\s*[-+0-9.]"
_BARE_NUMBER_FIELD = r'"(?:p|v)"\s*:\s*[-+0-9.]'
_CATEGORY = re.compile(r"/v5/public/(linear|spot|inverse|option)")


class Messages(NamedTuple):
    """What one block holds, each in order of rows; times in nanoseconds, ``local`` null where there is no receive time.

    books   row, local, conn, ts, symbol, depth, is_snapshot, update, sequence, bids, asks
    trades  row, local, conn, ts, symbol, taker, price, size, block, rpi, sequence (null in older ones)
    others  name of what is not needed -> number of lines
    """

    books: pl.DataFrame
    trades: pl.DataFrame
    others: dict[str, int]


class Connections:
    """What a recording says of its connections and of the venue's instruments."""

    def __init__(self) -> None:
        self.venues: dict[str, str] = {}
        self.steps: dict[tuple[str, str], tuple[str, str]] = {}

    def learn(self, outer: pl.DataFrame, *, file: str) -> None:
        """Take in the lines of cryptofeed's recording that hold no message of a channel."""
        for row, conn, address in outer.filter(pl.col("addr").is_not_null()).select("row", "conn", "addr").iter_rows():
            found = _CATEGORY.search(address)
            if found is None and "bybit" in address:
                raise DataError(f"it was recorded from {address}, only the v5 feed is read", file=file, row=row)
            if found is not None:
                self.venues[conn] = f"BYBIT_{found[1].upper()}"
        answers = outer.filter(pl.col("url").str.contains("instruments-info", literal=True)).select("row", "data")
        for category, listed in decoded(answers, "data", _INSTRUMENTS, file=file)["result"].struct.unnest().iter_rows():
            for one in listed or ():
                lot = one["lotSizeFilter"] or {}
                tick, step = (one["priceFilter"] or {}).get("tickSize"), lot.get("qtyStep") or lot.get("basePrecision")
                if category and tick and step:
                    self.steps[f"BYBIT_{category.upper()}", one["symbol"]] = tick, step


def messages(lines: pl.DataFrame, connections: Connections, *, file: str) -> Messages:
    """Sort and parse the lines of one block (row, line); raises DataError for the first that cannot be right."""
    texts = _texts(lines, connections, file)
    texts = texts.with_columns(topic=pl.col("text").str.extract(r'"topic"\s*:\s*"([^"]*)"').fill_null(""))
    retired = texts.filter(pl.col("topic").str.contains(RETIRED))
    if len(retired):
        row, topic = retired.select("row", "topic").row(0)
        words = f"topic {topic} is of a version of Bybit's feed that was retired"
        raise DataError(words, file=file, row=row, hint="record version 5 (orderbook.200 and publicTrade)")
    is_book = pl.col("topic").str.starts_with("orderbook.")
    is_trade = pl.col("topic").str.starts_with("publicTrade.")
    others = texts.filter(~is_book & ~is_trade)["topic"].str.extract(r"^([A-Za-z]*)").value_counts(sort=True)
    counts = {f"{name or 'other'} messages": count for name, count in sorted(others.iter_rows())}
    return Messages(_books(texts.filter(is_book), file), _trades(texts.filter(is_trade), file), counts)


def _texts(lines: pl.DataFrame, connections: Connections, file: str) -> pl.DataFrame:
    """row, conn, local (ns or null), text of the message."""
    recorded = lines.filter(pl.col("line").str.contains(_RECORDED))
    rest = lines if len(recorded) == 0 else lines.filter(~pl.col("line").str.contains(_RECORDED))
    parts = []
    if len(rest):
        stamped = pl.col("line").str.contains(_STAMPED)
        stamp = pl.when(stamped).then(pl.col("line").str.extract(r"^([0-9]+) ")).cast(pl.Int64)
        text = pl.when(stamped).then(pl.col("line").str.extract(r"^[0-9]+ (.*)$")).otherwise("line")
        plain = rest.select("row", conn=pl.lit(""), local=stamp, text=text)
        known = epoch_ns(plain.filter(pl.col("local").is_not_null()), "local", file=file)
        parts += [known, plain.filter(pl.col("local").is_null())]
    if len(recorded):
        outer = decoded(recorded.with_columns(text="line"), "line", _OUTER, file=file)
        refuse_missing(outer, ("t",), file=file)
        connections.learn(outer.filter(pl.col("t") != "recv"), file=file)
        outer = outer.filter(pl.col("t") == "recv")
        refuse_missing(outer, ("conn", "data"), file=file)
        seconds = outer["text"].str.extract(r'"ts"\s*:\s*([0-9]+(?:\.[0-9]+)?)')
        outer = outer.with_columns(seconds=seconds).with_columns(local=exact(pl.col("seconds"), 9))
        refuse(outer, pl.col("local").is_null(), "ts", "seconds with at most nine decimals are needed", file=file)
        parts.append(outer.select("row", "conn", "local", text="data"))
    return pl.concat(parts).sort("row")


def _books(texts: pl.DataFrame, file: str) -> pl.DataFrame:
    """Messages of the order book."""
    _refuse_bare(texts, _BARE_NUMBER_IN_LIST, file)
    found = decoded(texts.drop("topic"), "text", _BOOK, file=file).unnest("data")
    refuse_missing(found, ("type", "s", "b", "a", "u", "ts"), file=file)
    refuse(found, ~pl.col("type").is_in(["snapshot", "delta"]), "type", "snapshot or delta is needed", file=file)
    depth = pl.col("topic").str.extract(r"^orderbook\.([0-9]{1,4})\.").cast(pl.Int64)
    found = found.with_columns(depth=depth, time=pl.coalesce("cts", "ts"))
    refuse(found, pl.col("depth").is_null(), "topic", "orderbook.DEPTH.SYMBOL is needed", file=file)
    found = epoch_ns(found, "time", file=file)
    return found.select(
        *("row", "local", "conn", "depth"),
        ts="time",
        symbol="s",
        is_snapshot=(pl.col("type") == "snapshot") | (pl.col("u") == 1),
        update="u",
        sequence=pl.col("seq").fill_null(-1),
        bids="b",
        asks="a",
    )


def _trades(texts: pl.DataFrame, file: str) -> pl.DataFrame:
    """Trades, one a row; a message holds several."""
    _refuse_bare(texts, _BARE_NUMBER_FIELD, file)
    found = decoded(texts.drop("topic"), "text", _TRADES, file=file)
    refuse_missing(found, ("data",), file=file)
    found = found.explode("data").filter(pl.col("data").is_not_null()).unnest("data")
    refuse_missing(found, ("T", "s", "S", "v", "p"), file=file)
    refuse(found, ~pl.col("S").is_in(["Buy", "Sell"]), "S", "Buy or Sell is needed", file=file)
    found = epoch_ns(found, "T", file=file)
    return found.select(
        *("row", "local", "conn"),
        ts="T",
        symbol="s",
        taker="S",
        price="p",
        size="v",
        block=pl.col("BT").fill_null(False),
        rpi=pl.col("RPI").fill_null(False),
        sequence=pl.col("seq").fill_null(-1),
    )


def _refuse_bare(texts: pl.DataFrame, pattern: str, file: str) -> None:
    """Refuse a price or size that a recorder has written as a number: it may have been through a float."""
    bad = texts.filter(pl.col("text").str.contains(pattern))
    if len(bad):
        hint = "record prices and sizes as the venue writes them, in quotes"
        raise DataError("a price or size stands without quotes", file=file, row=int(bad["row"][0]), hint=hint)
