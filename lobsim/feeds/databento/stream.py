"""From blocks of Databento records, many instruments in one stream, to pieces.

Records of an instrument are gathered until there are enough of them to be worth converting, and are cut only between two event times, so that what belongs
together (a fill and the change that follows it) is seen together.  What is gathered is bounded, unless one event time alone is larger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.databento.levels import LevelRows, TradeRows
from lobsim.feeds.databento.orders import OrderRows
from lobsim.feeds.databento.records import check
from lobsim.feeds.order_rows import groups
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options
from lobsim.types import Fidelity

_ENOUGH_RECORDS = 131_072
_MOST_BYTES = 96 * 2**20
_US_EQUITIES = (
    "XNAS",
    "XBOS",
    "XPSX",
    "XNYS",
    "ARCX",
    "XASE",
    "XCHI",
    "XCIS",
    "BATS",
    "BATY",
    "EDGA",
    "EDGX",
    "IEXG",
    "MEMX",
    "EPRL",
)
_NO_CURRENCY = "XXX"  # ISO 4217 for "none": the records do not say it
_DEPTH = {
    "mbo": (Fidelity.L3_FULL, 0),
    "mbp-1": (Fidelity.L1, 1),
    "mbp-10": (Fidelity.L2_TRADES, 10),
    "trades": (Fidelity.L1, 0),
}

Converter = Callable[[np.ndarray], tuple[pl.DataFrame, dict[str, int]]]


@dataclass(frozen=True)
class Feed:
    """What a file says about all its records.

    schema   mbo, mbp-1, mbp-10 or trades
    dataset  "GLBX.MDP3", or "" where the file does not say
    symbols  instrument -> (from, until, symbol), nanoseconds
    """

    schema: str
    dataset: str
    symbols: dict[int, list[tuple[int, int, str]]]
    file: str
    options: ReadOptions


class _Gathered:
    """Records of one publisher and instrument that are not converted yet, and what converts them."""

    def __init__(self, instrument: Instrument, convert: Converter) -> None:
        self.instrument = instrument
        self.convert = convert
        self.waiting: list[np.ndarray] = []
        self.count = 0

    def add(self, records: np.ndarray) -> None:
        self.waiting.append(records)
        self.count += len(records)

    def piece(self, *, last: bool) -> Piece | None:
        """Convert what is whole; the records of the last event time stay unless this is the end."""
        if self.count == 0:
            return None
        records: Any = np.concatenate(self.waiting)
        other = np.flatnonzero(records["ts_event"] != records["ts_event"][-1])
        cut = len(records) if last else (int(other[-1]) + 1 if len(other) else 0)
        self.waiting, self.count = [records[cut:].copy()], len(records) - cut
        if cut == 0:
            return None
        events, notes = self.convert(records[:cut])
        return Piece(self.instrument, events, notes) if len(events) or notes else None


def pieces(feed: Feed, blocks: Iterator[np.ndarray]) -> Iterator[Piece]:
    """Convert a stream of records; raises DataError for what cannot be, or where ``options.symbol`` is not in it."""
    refuse_options(feed.file, feed.options, ("symbol", "venue", "tick", "lot"))
    gathered: dict[int, _Gathered | None] = {}
    row = waiting_bytes = 0
    for records in blocks:
        check(records, row, feed.file, orders=feed.schema == "mbo")
        row += len(records)
        key = records["publisher_id"].astype(np.int64) << 32 | records["instrument_id"].astype(np.int64)
        for code, index in groups(key):
            own = records if len(index) == len(records) else records[index]
            if code not in gathered:
                gathered[code] = _begin(feed, own[0])
            if (one := gathered[code]) is None:
                continue
            one.add(own)
            waiting_bytes += own.nbytes
            if one.count >= _ENOUGH_RECORDS and (piece := one.piece(last=False)) is not None:
                yield piece
        if waiting_bytes > _MOST_BYTES:
            for one in gathered.values():
                if one is not None and (piece := one.piece(last=False)) is not None:
                    yield piece
            waiting_bytes = 0
    for one in gathered.values():
        if one is not None and (piece := one.piece(last=True)) is not None:
            yield piece
    if not any(gathered.values()):
        wanted = feed.options.symbol
        raise DataError(f"it holds no record of {wanted}" if wanted and row else "it holds no record", file=feed.file)


def _begin(feed: Feed, record: np.void) -> _Gathered | None:
    """What gathers the records of an instrument seen for the first time; None where another symbol is wanted."""
    symbol = _symbol(feed, record)
    wanted = feed.options.symbol
    if symbol is None:
        if wanted is None:
            raise DataError(
                f"it does not say which symbol instrument {record['instrument_id']} is",
                file=feed.file,
                hint="say it with symbol",
            )
        symbol = wanted
    if wanted is not None and wanted != symbol:
        return None
    market = feed.dataset.partition(".")[0] or feed.options.venue
    if feed.options.venue and market != feed.options.venue:
        raise DataError(f"it is of venue {market}, not {feed.options.venue}", file=feed.file)
    if not market:
        raise DataError(
            f"it does not say which venue publisher {record['publisher_id']} is",
            file=feed.file,
            hint="say it with venue",
        )
    fidelity, depth = _DEPTH[feed.schema]
    equities = market in _US_EQUITIES
    instrument = Instrument(
        symbol=symbol,
        venue=market,
        currency="USD" if equities else _NO_CURRENCY,
        fidelity=fidelity,
        depth=depth,
        price_scale="0.000000001",
        size_scale="1",
        tick=feed.options.tick,
        lot=feed.options.lot or "1",
        time_zone="America/New_York" if equities else "UTC",
    )
    if feed.schema == "mbo":
        return _Gathered(instrument, OrderRows().rows)
    return _Gathered(instrument, TradeRows().rows if feed.schema == "trades" else LevelRows(depth).rows)


def _symbol(feed: Feed, record: np.void) -> str | None:
    """The symbol of a record's instrument, at its time where there have been several."""
    stretches = feed.symbols.get(int(record["instrument_id"]), [])
    received = int(record["ts_recv"])
    at_the_time = [symbol for first, end, symbol in stretches if first <= received < end]
    return next(iter(at_the_time or [symbol for _, _, symbol in stretches]), None)
