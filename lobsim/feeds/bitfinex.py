"""Bitfinex raw book (R0): one order a message, the first so many orders of each side, as one JSON array of websocket messages.

The array holds, after the venue's greeting, ``[channel, [[id, price, amount], ...]]`` (the book) and then ``[channel, [id, price, amount]]``: amount above 0 is a
bid, below 0 an ask; price 0 takes the order out; an id that is there gets a new price and amount.

=========================================  ===============================================
message                                    becomes
=========================================  ===============================================
the book                                   CLEAR, ADD rows flagged SNAPSHOT
an id that was not there                   ADD
a smaller amount at the same price         REDUCE
a larger amount, or another price          REPLACE under the same id: it goes to the back
price 0                                    DELETE of what was left
=========================================  ===============================================

There are no times in the recording: message k is put at midnight (UTC) of ``ReadOptions.date`` and k milliseconds.  There are no trades: an execution
shows as REDUCE or DELETE.  An order also leaves when better ones push it out of the window, and comes back anew: at the end of its price.

Left out and counted: heartbeats, removals of orders that are not there, messages that change nothing.
Known limits: one channel a recording; the window counts orders, ``Instrument.depth`` states it as levels.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.exact import exact, without_float_noise
from lobsim.feeds.limits import CUT_HINT
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options, refuse_row
from lobsim.feeds.rows import before_in, whole_table
from lobsim.feeds.source import BLOCK_BYTES, Source
from lobsim.feeds.text import day_start_ns
from lobsim.types import Fidelity, Flag, Kind, Side

NAME = "Bitfinex raw book (R0)"

_DIGITS = 8
_STEP_NS = 10**6
_CUT = re.compile(r"\]\],\s*\[")
_HEARTBEAT = re.compile(r'\d+,\s*"hb"\],\s*\[')
_LAST_HEARTBEATS = re.compile(r'(?:\d+,\s*"hb"\],\s*\[)*\d+,\s*"hb"\]\s*\]')
_UPDATE = r"^(?P<channel>\d+),\s*\[(?P<id>\d{1,18}),\s*(?P<price>[0-9.e-]+),\s*(?P<amount>[0-9.e-]+)$"
_STATE = {"row": pl.Int64, "id": pl.Int64, "price": pl.Int64, "amount": pl.Int64}
_LAST = int(Flag.LAST_IN_PACKET)


def recognise(source: Source) -> bool:
    """Whether it begins as an array of messages of a raw book."""
    head = source.head[:2000].lstrip()
    return (
        head.startswith(b"[{")
        and b'"subscribed"' in head
        and b'"book"' in head
        and re.search(rb'"prec":\s*"R0"', head) is not None
    )


def read(source: Source, options: ReadOptions, *, nbytes: int = BLOCK_BYTES) -> Iterator[Piece]:
    """The canonical rows of a recording; raises DataError for a message that is none (rows are counted in messages of the channel)."""
    refuse_options(source.name, options, ("symbol", "date", "tick", "lot"))
    if not options.date:
        raise DataError(
            "it holds no times, and does not say which day it is", file=source.name, hint="say which with date"
        )
    start_ns = day_start_ns(options.date, "UTC", file=source.name)
    messages = _messages(source, nbytes)
    instrument, channel, orders = _opening(source, next(messages)[0], options)
    live = _parsed(source, orders, 1)
    yield Piece(instrument, _snapshot(live, start_ns), {})
    row = 2
    for texts, heartbeats in messages:
        frame = pl.DataFrame(
            [
                pl.int_range(row, row + len(texts), dtype=pl.Int64, eager=True).alias("row"),
                pl.Series("line", texts, dtype=pl.String),
            ]
        )
        row += len(texts)
        frame = frame.with_columns(pl.col("line").str.extract_groups(_UPDATE).alias("parts")).unnest("parts")
        refuse_row(
            source.name,
            frame,
            pl.col("id").is_null(),
            "the message is {!r}, which is none of a raw book",
            hint=CUT_HINT,
        )
        refuse_row(
            source.name,
            frame,
            pl.col("channel") != channel,
            "the message is of channel {}, another one",
            show="channel",
        )
        updates = _parsed(source, frame.drop("line", "channel"), None)
        live, events, notes = _applied(source, live, updates, start_ns)
        yield Piece(instrument, events, notes | {"heartbeats": heartbeats})


def _messages(source: Source, nbytes: int) -> Iterator[tuple[list[str], int]]:
    """The texts between the messages' ends, the opening alone first, and how many heartbeats were between them."""
    rest, opened = "", False
    for block in source.blocks(nbytes):
        if not block.isascii():
            raise DataError("it is no JSON of numbers", file=source.name, hint=CUT_HINT)
        texts = _CUT.split(rest + block.decode("ascii"))
        rest = texts.pop()
        if texts and not opened:
            yield texts[:1], 0
            texts, opened = texts[1:], True
        yield _without_heartbeats(texts)
    end = rest.rstrip()
    if opened and _LAST_HEARTBEATS.fullmatch(end):
        yield [], end.count('"hb"')
        return
    if not opened or not end.endswith("]]]"):
        raise DataError("its array does not end", file=source.name, hint=CUT_HINT)
    yield _without_heartbeats([end[:-3]])


def _without_heartbeats(texts: list[str]) -> tuple[list[str], int]:
    """The texts, heartbeats taken out of their beginnings and counted."""
    count = sum(text.count('"hb"') for text in texts)
    return ([_HEARTBEAT.sub("", text) for text in texts], count) if count else (texts, 0)


def _opening(source: Source, text: list[str], options: ReadOptions) -> tuple[Instrument, str, pl.DataFrame]:
    """Instrument, channel and the orders of the book, from everything up to the book's end."""
    try:
        *greetings, (channel, orders) = json.loads(f"{text[0]}]]]", parse_float=str, parse_int=str)
        said: dict[str, Any] = next(entry for entry in greetings if entry.get("event") == "subscribed")
        symbol, prec, depth = str(said["symbol"]), said["prec"], int(said["len"])
        cells = pl.DataFrame(orders, schema=dict.fromkeys(("id", "price", "amount"), pl.String), orient="row")
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration, pl.exceptions.PolarsError):
        raise DataError(
            "its first messages cannot be read as a subscription and a book", file=source.name, hint=CUT_HINT
        ) from None
    if prec != "R0" or said["channel"] != "book":
        raise DataError(
            f"it is of channel {said['channel']} with precision {prec}",
            file=source.name,
            hint="raw books (R0) are read",
        )
    if options.symbol and options.symbol != symbol:
        raise DataError(f"it holds {symbol}, not {options.symbol}", file=source.name)
    scale = f"0.{1:0{_DIGITS}}"
    instrument = Instrument(
        symbol=symbol,
        venue="BITFINEX",
        currency=symbol[-3:],
        fidelity=Fidelity.L3_TOP_K,
        depth=depth,
        price_scale=scale,
        size_scale=scale,
        tick=options.tick,
        lot=options.lot,
    )
    return instrument, str(channel), cells


def _parsed(source: Source, cells: pl.DataFrame, row: int | None) -> pl.DataFrame:
    """Columns row, id, price, amount as whole numbers (10^-_DIGITS)."""
    frame = cells if row is None else cells.with_columns(row=pl.lit(row, dtype=pl.Int64))
    for name in ("price", "amount"):
        frame, _ = without_float_noise(frame, name, _DIGITS)
    frame = frame.with_columns(
        pl.col("id").cast(pl.Int64, strict=False),
        exact(pl.col("price"), _DIGITS, signed=True),
        exact(pl.col("amount"), _DIGITS, signed=True),
    )
    bad = pl.any_horizontal(pl.col("id", "price", "amount").is_null()) | (pl.col("price") < 0)
    refuse_row(source.name, frame, bad, "the message {} holds a number that cannot be read", show="row", hint=CUT_HINT)
    return frame.select(list(_STATE))


def _side() -> pl.Expr:
    return pl.when(pl.col("amount") > 0).then(int(Side.BUY)).otherwise(int(Side.SELL))


def _snapshot(live: pl.DataFrame, start_ns: int) -> pl.DataFrame:
    """CLEAR and the orders of the book, in the order in which the venue lists them."""
    last = (pl.int_range(pl.len()) == pl.len() - 1).cast(pl.Int64) * _LAST
    adds = live.select(
        "price",
        kind=pl.lit(int(Kind.ADD)),
        side=_side(),
        size=pl.col("amount").abs(),
        order_id="id",
        flags=int(Flag.SNAPSHOT) + last,
    )
    rows = pl.concat([pl.DataFrame({"kind": [int(Kind.CLEAR)], "side": [-1]}), adds], how="diagonal_relaxed").fill_null(
        0
    )
    return whole_table(rows.with_columns(ts_exchange=pl.lit(start_ns + _STEP_NS, dtype=pl.Int64)))


def _applied(
    source: Source, live: pl.DataFrame, updates: pl.DataFrame, start_ns: int
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """The orders that are there afterwards, canonical rows of some messages, and counts."""
    known = live.with_columns(row=pl.lit(0, dtype=pl.Int64))
    whole = pl.concat([known, updates]).sort("id", "row")
    before = [before_in("id", name).alias(f"old_{name}") for name in ("price", "amount")]
    whole = whole.with_columns(before)
    last = whole.group_by("id", maintain_order=True).last().filter(pl.col("price") > 0)
    there = (pl.col("old_price") > 0).fill_null(False)
    gone, flat = pl.col("price") == 0, (pl.col("price") == pl.col("old_price")) & there
    changed = whole.filter(pl.col("row") > 0).sort("row")
    flipped = there & ~gone & (pl.col("amount").sign() != pl.col("old_amount").sign())
    refuse_row(source.name, changed, ~gone & (pl.col("amount") == 0), "order {} has no amount", show="id")
    refuse_row(source.name, changed, flipped, "order {} changes its side", show="id")
    size, old = pl.col("amount").abs(), pl.col("old_amount").abs()
    cases = changed.with_columns(
        kind=pl.when(gone & ~there)
        .then(-1)
        .when(gone)
        .then(int(Kind.DELETE))
        .when(~there)
        .then(int(Kind.ADD))
        .when(flat & (size == old))
        .then(-2)
        .when(flat & (size < old))
        .then(int(Kind.REDUCE))
        .otherwise(int(Kind.REPLACE)),
    )
    counts = Counter(cases["kind"])
    notes = {"removals of orders that are not there": counts[-1], "messages that change nothing": counts[-2]}
    rows = cases.filter(pl.col("kind") >= 0)
    kind = pl.col("kind")
    events = rows.select(
        "kind",
        side=pl.when(kind == int(Kind.DELETE))
        .then(pl.col("old_amount") < 0)
        .otherwise(pl.col("amount") < 0)
        .cast(pl.Int64),
        price=pl.when(kind == int(Kind.DELETE)).then("old_price").otherwise("price"),
        size=pl.when(kind == int(Kind.DELETE))
        .then(old)
        .when(kind == int(Kind.REDUCE))
        .then(old - size)
        .otherwise(size),
        order_id="id",
        other_id=pl.when(kind == int(Kind.REPLACE)).then("id").otherwise(0),
        flags=pl.lit(_LAST),
        ts_exchange=start_ns + pl.col("row") * _STEP_NS,
    )
    return last.select(list(_STATE)), whole_table(events), notes
