"""The log of AXOrderBook with a Shanghai security order by order: every order, deletion and trade, and the exchange's snapshots.

One message a line, ``Key=Value`` pairs; prices in 0.001 CNY, quantities in 0.001 share, times HHMMSS and hundredths, Shanghai.

=====================  ==========================================================================================
line                   becomes
=====================  ==========================================================================================
192 order, OrdType 65  ADD of OrderNo.  Only what rests is published: of an order that traded on arrival, the rest
192 order, OrdType 68  DELETE
191 trade, 66 or 83    EXECUTE of the order that rested (66: a buyer came, so the seller's); match_id = the other order
191 trade, 78          a call auction: EXECUTE of both orders, the seller's first, both flagged AUCTION
111 snapshot           nothing (counted): it is the exchange's view of the same book
=====================  ==========================================================================================

The lines of the two message types are not in order: they are sorted by BizIndex, within a window of ``WINDOW_ROWS`` rows of a security.
PHASE rows mark the day of the exchange: PRE_OPEN 09:15, AUCTION 09:25, CONTINUOUS 09:30, CLOSED 11:30, CONTINUOUS 13:00,
AUCTION 14:57, and CLOSED behind the last row of a day that reaches 15:00.  ``sequence`` is the BizIndex; PHASE rows repeat the one before.

The file does not say which day it is: ``ReadOptions.date`` does.
Known limits: Shenzhen logs (SecurityIDSource=102) publish aggressors too and are refused; times are exact to 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.limits import CUT_HINT
from lobsim.feeds.lines import line_frames
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options, refuse_row
from lobsim.feeds.rows import whole_table
from lobsim.feeds.source import BLOCK_BYTES, Source
from lobsim.feeds.text import day_start_ns
from lobsim.types import NONE, Fidelity, Flag, Kind, Phase, Side

NAME = "SSE order log of AXOrderBook"
WINDOW_ROWS = 2**17
"""Rows of a security held back for sorting; a row that comes later than that is refused."""

_ZONE = "Asia/Shanghai"
_START = b"//SecurityIDSource="
_SHENZHEN = "102"
_HEAD = r"^//SecurityIDSource=(?P<source>\d+)\s+MsgType=(?P<type>\d+)\s+MsgLen=\d+\s+SecurityID=(?P<symbol>\w+)\s"
_NUMBER = r"\d{1,18}"
_ORDER = (
    rf"OrderNo=(?P<order>{_NUMBER})\s+Price=(?P<price>{_NUMBER})\s+OrderQty=(?P<size>{_NUMBER})\s+OrdType=(?P<code>65|68)\s+"
    rf"Side=(?P<way>66|83)\s+TransactTime=(?P<clock>\d{{7,8}})\s.*BizIndex=(?P<index>{_NUMBER})\s*$"
)
_TRADE = (
    rf"BidApplSeqNum=(?P<bid>{_NUMBER})\s+OfferApplSeqNum=(?P<offer>{_NUMBER})\s+LastPx=(?P<price>{_NUMBER})\s+"
    rf"LastQty=(?P<size>{_NUMBER})\s+ExecType=(?P<code>66|83|78)\s+TransactTime=(?P<clock>\d{{7,8}})\s.*BizIndex=(?P<index>{_NUMBER})\s*$"
)
_DELETION, _BUYER, _AUCTION = 68, 66, 78
_PHASES = (
    (91500, Phase.PRE_OPEN),
    (92500, Phase.AUCTION),
    (93000, Phase.CONTINUOUS),
    (113000, Phase.CLOSED),
    (130000, Phase.CONTINUOUS),
    (145700, Phase.AUCTION),
)
_CLOSE = 150000
_SNAPSHOTS = "exchange snapshots left out"


def recognise(source: Source) -> bool:
    """Whether the first line is a message of this log."""
    return source.head.startswith(_START) and b" MsgType=" in source.head[:64]


def read(
    source: Source, options: ReadOptions, *, nbytes: int = BLOCK_BYTES, window_rows: int = WINDOW_ROWS
) -> Iterator[Piece]:
    """The canonical rows of every security of a log.

    nbytes       of a block of the file
    window_rows  rows of a security held back for sorting

    Raises DataError for a line that is no message of this log, and for rows that cannot be brought in order.
    """
    refuse_options(source.name, options, ("symbol", "date", "tick", "lot"))
    if not options.date:
        raise DataError("it does not say which day it is", file=source.name, hint="say which with date")
    midnight_ns = day_start_ns(options.date, _ZONE, file=source.name)
    days: dict[str, _Day] = {}
    for lines in line_frames(source, nbytes, strict=True):
        for (symbol,), rows in (
            _parsed(source, lines, midnight_ns).partition_by("symbol", as_dict=True, maintain_order=True).items()
        ):
            if options.symbol and symbol != options.symbol:
                what = f"it holds security {symbol}, not {options.symbol}"
                raise DataError(what, file=source.name, row=int(rows["row"][0]))
            if symbol not in days:
                days[str(symbol)] = _Day(source, _instrument(str(symbol), options), midnight_ns, window_rows)
            yield from days[str(symbol)].take(rows)
    for day in days.values():
        yield from day.finish()


def _instrument(symbol: str, options: ReadOptions) -> Instrument:
    """What a security is; tick and lot differ between shares, funds and bonds, so they are looked for in the numbers."""
    return Instrument(
        symbol=symbol,
        venue="SSE",
        currency="USD" if symbol.startswith("900") else "CNY",
        fidelity=Fidelity.L3_FULL,
        depth=0,
        price_scale="0.001",
        size_scale="0.001",
        tick=options.tick,
        lot=options.lot,
        time_zone=_ZONE,
    )


def _parsed(source: Source, lines: pl.DataFrame, midnight_ns: int) -> pl.DataFrame:
    """The messages of a block: row, symbol, type, ts, index, code, and the fields of orders and trades (null for the other type)."""
    frame = lines.with_columns(pl.col("line").str.extract_groups(_HEAD).alias("head")).unnest("head")
    refuse_row(
        source.name,
        frame,
        pl.col("source").eq_missing(_SHENZHEN),
        "it is of the Shenzhen exchange",
        hint="only Shanghai logs are read",
    )
    known = pl.col("type").is_in(["191", "192", "111"]) & (pl.col("source") == "101")
    refuse_row(source.name, frame, ~known, "the line is {!r}, which is no message of this log", hint=CUT_HINT)
    parts = [frame.filter(pl.col("type") == "111").select("row", "symbol", pl.col("type").cast(pl.Int64))]
    for kind, pattern in (("192", _ORDER), ("191", _TRADE)):
        part = frame.filter(pl.col("type") == kind)
        part = part.with_columns(pl.col("line").str.extract_groups(pattern).alias("fields")).unnest("fields")
        what = f"the message {kind} does not have its fields, or not in order: {{}}"
        refuse_row(source.name, part, pl.col("index").is_null(), what, hint=CUT_HINT)
        texts = [name for name in part.columns if name not in ("row", "line", "source", "symbol")]
        parts.append(part.drop("line", "source").with_columns(pl.col(texts).cast(pl.Int64)))
    hour, minute, hundredths = pl.col("clock") // 1_000_000, pl.col("clock") // 10_000 % 100, pl.col("clock") % 10_000
    for part in parts[1:]:
        bad = (hour > 23) | (minute > 59) | (hundredths > 5999)
        refuse_row(source.name, part, bad, "TransactTime is {}, which is no time", show="clock")
    rows = pl.concat(parts, how="diagonal")
    return rows.with_columns(ts_exchange=midnight_ns + ((hour * 60 + minute) * 6000 + hundredths) * 10**7)


class _Day:
    """The rows of one security: held back, brought in order, and given out with the phases of the day."""

    def __init__(self, source: Source, instrument: Instrument, midnight_ns: int, window_rows: int) -> None:
        self.source = source
        self.instrument = instrument
        self.window_rows = window_rows
        self.held = pl.DataFrame()
        self.given_index = self.given_ns = -1
        self.snapshots = 0
        self.close_ns = midnight_ns + _clock_ns(_CLOSE)
        self.phases = [(midnight_ns + _clock_ns(clock), phase) for clock, phase in _PHASES]

    def take(self, rows: pl.DataFrame) -> Iterator[Piece]:
        """Some more rows in the order of the file; gives out what can no longer be preceded."""
        messages = rows.filter(pl.col("type") != 111)
        snapshots = len(rows) - len(messages)
        late = pl.col("index") <= self.given_index
        hint = "sort the file by BizIndex"
        refuse_row(
            self.source.name,
            messages,
            late,
            "BizIndex {} comes too late to be put in its place",
            show="index",
            hint=hint,
        )
        self.held = pl.concat([self.held, messages], how="diagonal").sort("index")
        again = pl.col("index").diff() == 0
        refuse_row(self.source.name, self.held, again.fill_null(False), "BizIndex {} is there twice", show="index")
        self.snapshots += snapshots
        if len(self.held) > self.window_rows:
            yield self._given(len(self.held) - self.window_rows, last=False)

    def finish(self) -> Iterator[Piece]:
        """What is still held back, and the end of the day."""
        if len(self.held):
            yield self._given(len(self.held), last=True)

    def _given(self, count: int, *, last: bool) -> Piece:
        """The first rows held back as a piece."""
        rows, self.held = self.held.head(count), self.held.slice(count)
        earlier = pl.col("ts_exchange").diff().fill_null(0) < 0
        earlier |= (pl.int_range(pl.len()) == 0) & (pl.col("ts_exchange") < self.given_ns)
        refuse_row(
            self.source.name,
            rows,
            earlier,
            "TransactTime is {}, earlier than that of the BizIndex before",
            show="clock",
        )
        first_index, self.given_ns, self.given_index = (
            self.given_index,
            int(rows["ts_exchange"][-1]),
            int(rows["index"][-1]),
        )
        marks = [(ts, phase) for ts, phase in self.phases if ts <= self.given_ns]
        self.phases = self.phases[len(marks) :]
        events = _phases(marks, rows, max(0, first_index))
        events = pl.concat([events, _events(rows)]).sort("ts_exchange", maintain_order=True)
        if last and self.given_ns >= self.close_ns:
            end = _phases([(self.given_ns, Phase.CLOSED)], rows, self.given_index)
            events = pl.concat([events, end.with_columns(sequence=pl.lit(self.given_index, dtype=pl.Int64))])
        notes, self.snapshots = {_SNAPSHOTS: self.snapshots}, 0
        return Piece(self.instrument, whole_table(events), notes)


def _clock_ns(clock: int) -> int:
    """HHMMSS as nanoseconds after midnight."""
    return (clock // 10_000 * 3600 + clock // 100 % 100 * 60 + clock % 100) * 10**9


def _events(rows: pl.DataFrame) -> pl.DataFrame:
    """Canonical rows of sorted messages; a trade of a call auction becomes two."""
    order, code = pl.col("type") == 192, pl.col("code")
    auction = (pl.col("code") == _AUCTION) & ~order
    bought = code == _BUYER
    single = rows.with_columns(
        kind=pl.when(~order)
        .then(int(Kind.EXECUTE))
        .when(code == _DELETION)
        .then(int(Kind.DELETE))
        .otherwise(int(Kind.ADD)),
        side=pl.when(pl.when(order).then(pl.col("way") == _BUYER).otherwise(~bought & ~auction))
        .then(int(Side.BUY))
        .otherwise(int(Side.SELL)),
        order_id=pl.when(order).then("order").when(bought | auction).then("offer").otherwise("bid"),
        match_id=pl.when(order | auction).then(0).when(bought).then("bid").otherwise("offer"),
        flags=pl.when(order).then(0).when(auction).then(int(Flag.AUCTION)).otherwise(int(Flag.AGGRESSOR_KNOWN)),
        sequence=pl.col("index"),
    )
    bids = single.filter(auction).with_columns(side=pl.lit(int(Side.BUY)), order_id=pl.col("bid"))
    columns = ("ts_exchange", "kind", "side", "price", "size", "order_id", "match_id", "flags", "sequence")
    both = pl.concat([single.select(columns), bids.select(pl.col(columns))]).with_columns(
        pl.col(columns).cast(pl.Int64)
    )
    last = pl.col("sequence") != pl.col("sequence").shift(-1, fill_value=-1)
    return both.sort("sequence", maintain_order=True).with_columns(
        flags=pl.col("flags") | last.cast(pl.Int64) * int(Flag.LAST_IN_PACKET)
    )


def _phases(marks: list[tuple[int, Phase]], rows: pl.DataFrame, first_index: int) -> pl.DataFrame:
    """PHASE rows at given times; their sequence is that of the message before them."""
    times = pl.Series("ts_exchange", [ts for ts, _ in marks], dtype=pl.Int64)
    before = pl.concat([pl.Series([first_index]), rows["index"]])
    place = rows["ts_exchange"].search_sorted(times, side="left")
    return pl.DataFrame([times]).with_columns(
        kind=pl.lit(int(Kind.PHASE), dtype=pl.Int64),
        side=pl.lit(NONE, dtype=pl.Int64),
        price=pl.lit(0, dtype=pl.Int64),
        size=pl.Series([int(phase) for _, phase in marks], dtype=pl.Int64),
        order_id=pl.lit(0, dtype=pl.Int64),
        match_id=pl.lit(0, dtype=pl.Int64),
        flags=pl.lit(int(Flag.LAST_IN_PACKET), dtype=pl.Int64),
        sequence=before.gather(place),
    )
