"""hftbacktest's event arrays (npz, npy) -> canonical rows of levels, or of orders.

Fields: ev (kind and flags), exch_ts, local_ts (nanoseconds), px, qty (floats), order_id, ival, fval.  Rows are in the order of two clocks at once; those with
the flag EXCH_EVENT, taken in turn, are in the order of the exchange, and only they are read.

====================  ================================================================================================
event                 becomes
====================  ================================================================================================
1 depth               LEVEL
2 trade               PRINT against the initiator's side (levels); as T of Databento (orders)
3 depth clear         without side: CLEAR; with a side: LEVEL 0 for every known price from the best one to ``px``
4 depth snapshot      LEVEL, flagged SNAPSHOT while it follows a CLEAR; the first ones are preceded by CLEAR
5 best bid and offer  nothing; counted
10 to 13              add, cancel, modify, fill of an order: as A, C, M, F of Databento (``databento.orders``), from whose files these come; a cancel
                      without quantity takes all that is left
====================  ================================================================================================

Rows of one exchange time and arrival form a packet.  Floats are taken back exactly (``exact_floats``).  A recording of levels must begin with a snapshot; where that lies in a
file of its own, the option ``book`` names it, and its rows take the time of the first event.
The array says neither symbol nor venue: both are options.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.databento.orders import Messages, OrderRows
from lobsim.feeds.databento.records import LAST
from lobsim.feeds.exact import exact_integers, exact_rule
from lobsim.feeds.npy_stream import array_source, field_names, record_blocks
from lobsim.feeds.order_rows import RowParts, counted
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options
from lobsim.feeds.schema import Rule, refuse_first
from lobsim.feeds.source import Source
from lobsim.types import NONE, Fidelity, Flag, Kind, Side

NAME = "hftbacktest npz"

FIELDS = ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")
DEPTH, TRADE, CLEAR, SNAPSHOT, BEST = 1, 2, 3, 4, 5
ADD, CANCEL, MODIFY, FILL = 10, 11, 12, 13
EXCHANGE, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
_ORDER_KINDS = (ADD, CANCEL, MODIFY, FILL)
_LETTERS = {TRADE: "T", CLEAR: "R", ADD: "A", CANCEL: "C", MODIFY: "M", FILL: "F"}
_PRICE_DIGITS, _SIZE_DIGITS = 10, 8
_ALL_THERE_IS = 2**56
_EARLIEST_NS = 10**17


def recognise(source: Source) -> bool:
    """Whether it holds one array with hftbacktest's fields."""
    inner = array_source(source)
    return inner is not None and field_names(inner) == FIELDS


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The rows of the one symbol of an array."""
    refuse_options(source.name, options, ("symbol", "venue", "tick", "lot", "book"))
    inner = array_source(source)
    if inner is None or not options.symbol or not options.venue:
        missing = "venue" if options.symbol else "symbol"
        raise DataError(f"it does not say its {missing}", file=source.name, hint=f"say it with {missing}")
    blocks = (_columns(records, row, inner.name) for row, records in _numbered(record_blocks(inner)))
    first = next((block for block in blocks if len(block.kind)), None)
    if first is None:
        raise DataError("it holds no event of the exchange", file=source.name)
    orders = bool(np.isin(first.kind, _ORDER_KINDS).any())
    instrument = _instrument(options, orders=orders)
    held = _held_back(first, blocks)
    if orders:
        refuse_options(source.name, options, ("symbol", "venue", "tick", "lot"))
        yield from _order_pieces(instrument, held, inner.name)
    else:
        book = _book(options, first) if options.book else None
        yield from _level_pieces(instrument, held, book, inner.name)


def _instrument(options: ReadOptions, *, orders: bool) -> Instrument:
    return Instrument(
        symbol=str(options.symbol),
        venue=str(options.venue),
        currency="XXX",  # ISO 4217 for "none": the array does not say it
        fidelity=Fidelity.L3_FULL if orders else Fidelity.L2_TRADES,
        depth=0,
        price_scale=f"{10**-_PRICE_DIGITS:.{_PRICE_DIGITS}f}",
        size_scale=f"{10**-_SIZE_DIGITS:.{_SIZE_DIGITS}f}",
        tick=options.tick,
        lot=options.lot,
    )


class _Events:
    """Events of the exchange as int64 columns; ``row`` counts from 0 in the file."""

    NAMES = ("row", "kind", "side", "time", "received", "price", "size", "order_id")

    def __init__(self, **columns: np.ndarray) -> None:
        self.row, self.kind, self.side, self.time = (columns[name] for name in self.NAMES[:4])
        self.received, self.price, self.size, self.order_id = (columns[name] for name in self.NAMES[4:])

    def part(self, index: slice | np.ndarray) -> _Events:
        return _Events(**{name: getattr(self, name)[index] for name in self.NAMES})

    def followed_by(self, other: _Events) -> _Events:
        return _Events(**{name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.NAMES})


def _numbered(blocks: Iterator[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    row = 0
    for records in blocks:
        yield row, records
        row += len(records)


def _columns(records: np.ndarray, first_row: int, file: str) -> _Events:
    """The events of the exchange of a block, checked."""
    at = np.flatnonzero(records["ev"] & np.uint64(EXCHANGE))
    chosen = records[at]
    flags = chosen["ev"].astype(np.int64)
    kind = flags & 0xFF
    side = np.where(flags & BUY, Side.BUY, np.where(flags & SELL, Side.SELL, NONE))
    priced = ~np.isin(kind, (CLEAR, BEST)) | ((kind == CLEAR) & (side != NONE))
    price, bad_price = exact_integers(np.where(priced, chosen["px"], 0.0), _PRICE_DIGITS)
    size, bad_size = exact_integers(np.where(np.isin(kind, (CLEAR, BEST)), 0.0, chosen["qty"]), _SIZE_DIGITS)
    known = np.isin(kind, (DEPTH, TRADE, CLEAR, SNAPSHOT, BEST, *_ORDER_KINDS))
    sided = np.isin(kind, (DEPTH, SNAPSHOT, ADD, CANCEL, MODIFY))
    needs_size = np.isin(kind, (TRADE, ADD, MODIFY, FILL))
    time = chosen["exch_ts"].astype(np.int64)
    try:
        refuse_first(
            [
                Rule(~known, "ev", flags, "there is no such event"),
                Rule(sided & (side == NONE), "ev", flags, "a side is needed"),
                Rule(time < _EARLIEST_NS, "exch_ts", time, "nanoseconds since 1970 are needed"),
                exact_rule("px", chosen["px"], bad_price, _PRICE_DIGITS),
                exact_rule("qty", chosen["qty"], bad_size, _SIZE_DIGITS),
                Rule((size < 0) | (needs_size & (size == 0)), "qty", chosen["qty"], "a quantity is needed"),
                Rule(
                    chosen["order_id"] > np.uint64(2**63 - 1),
                    "order_id",
                    chosen["order_id"],
                    "at most 2^63 - 1 is possible",
                ),
            ],
            file=file,
        )
    except DataError as error:
        row = first_row + int(at[(error.row or 1) - 1]) + 1
        raise DataError(error.what, file=file, row=row, field=error.field) from None
    return _Events(
        row=at + first_row,
        kind=kind,
        side=side,
        time=time,
        received=chosen["local_ts"].astype(np.int64),
        price=price,
        size=size,
        order_id=chosen["order_id"].astype(np.int64),
    )


def _held_back(first: _Events, blocks: Iterator[_Events]) -> Iterator[_Events]:
    """The events, parted only between two exchange times."""
    waiting = first
    for block in blocks:
        whole = waiting.followed_by(block)
        other = np.flatnonzero(whole.time != whole.time[-1])
        cut = int(other[-1]) + 1 if len(other) else 0
        if cut:
            yield whole.part(slice(0, cut))
        waiting = whole.part(slice(cut, None))
    yield waiting


def _refuse_disorder(events: _Events, not_before: int, foreign: np.ndarray, file: str) -> None:
    """Refuse time that falls, and levels among orders or the reverse."""
    falls = events.time < np.concatenate([[not_before], events.time[:-1]])
    for bad, words in (
        (falls, "its exch_ts is earlier than that of the event before"),
        (foreign, "levels and orders are mixed"),
    ):
        if bad.any():
            raise DataError(words, file=file, row=int(events.row[np.argmax(bad)]) + 1)


def _order_pieces(instrument: Instrument, blocks: Iterator[_Events], file: str) -> Iterator[Piece]:
    """Orders, in Databento's manner."""
    rows, last = OrderRows(), 0
    letter = np.zeros(256, dtype=np.int64)
    for kind, name in _LETTERS.items():
        letter[kind] = ord(name)
    for block in blocks:
        _refuse_disorder(block, last, np.isin(block.kind, (DEPTH, SNAPSHOT)), file)
        last = int(block.time[-1])
        events = block.part(np.flatnonzero(block.kind != BEST))
        whole_cancel = (events.kind == CANCEL) & (events.size == 0)
        count = len(events.kind)
        messages = Messages(
            action=letter[events.kind],
            side=events.side,
            price=events.price,
            size=np.where(whole_cancel, _ALL_THERE_IS, events.size),
            order_id=events.order_id,
            flags=np.full(count, LAST),
            time=events.time,
            received=events.received,
            sequence=np.full(count, NONE),
        )
        table, notes = rows.convert(messages)
        if whole_cancel.any():
            notes.pop("cancels of more than there is", None)
        yield Piece(instrument, table, notes | counted(best_quotes=len(block.kind) - count))


def _book(options: ReadOptions, first: _Events) -> _Events:
    """The snapshot of a file of its own, at the time of the first event."""
    source = Source(Path(str(options.book)))
    inner = array_source(source)
    if inner is None or field_names(inner) != FIELDS:
        raise DataError("it is not an hftbacktest array", file=source.name)
    parts = [_columns(records, row, inner.name) for row, records in _numbered(record_blocks(inner))]
    if not parts:
        raise DataError("it holds no event", file=source.name)
    book = parts[0]
    for part in parts[1:]:
        book = book.followed_by(part)
    book.time[:], book.received[:] = first.time[0], first.received[0]
    return book.part(np.flatnonzero(book.kind == SNAPSHOT))


def _level_pieces(
    instrument: Instrument, blocks: Iterator[_Events], book: _Events | None, file: str
) -> Iterator[Piece]:
    """Levels and prints."""
    levels, last = _Levels(), 0
    for block in blocks:
        _refuse_disorder(block, last, np.isin(block.kind, _ORDER_KINDS), file)
        last = int(block.time[-1])
        block = book.followed_by(block) if book is not None else block
        book = None
        yield Piece(instrument, levels.rows(block, file), counted(best_quotes=(block.kind == BEST).sum()))


class _Levels:
    """The prices that show something, kept for clears that take only some of them."""

    def __init__(self) -> None:
        self._shown: tuple[set[int], set[int]] = (set(), set())
        self._begun = False
        self._in_snapshot = False

    def rows(self, events: _Events, file: str) -> pl.DataFrame:
        """The rows of some events."""
        parts = RowParts()
        clears = np.flatnonzero(events.kind == CLEAR)
        for start, end in zip([0, *(clears + 1)], [*clears, len(events.kind)], strict=True):
            self._add_run(parts, events, np.arange(start, end), file)
            if end < len(events.kind):
                self._add_clear(parts, events, int(end))
        trade = np.flatnonzero(events.kind == TRADE)
        side = np.where(events.side[trade] == NONE, NONE, 1 - events.side[trade])
        flags = np.where(side == NONE, 0, Flag.AGGRESSOR_KNOWN)
        parts.add(trade, 1, kind=Kind.PRINT, side=side, price=events.price[trade], size=events.size[trade], flags=flags)
        following = np.minimum(np.arange(1, len(events.time) + 1), len(events.time) - 1)
        ends = (events.time != events.time[following]) | (events.received != events.received[following])
        ends[-1] = True
        return parts.table(events.time, events.received, np.full(len(events.time), NONE), ends)[0]

    def _add_run(self, parts: RowParts, events: _Events, run: np.ndarray, file: str) -> None:
        """Levels between two clears.  changes: parts"""
        at = run[np.isin(events.kind[run], (DEPTH, SNAPSHOT))]
        if len(at) == 0:
            return
        is_snapshot = events.kind[at] == SNAPSHOT
        if not self._begun:
            if not is_snapshot[0]:
                raise DataError(
                    "a change of depth comes before the first snapshot",
                    file=file,
                    row=int(events.row[at[0]]) + 1,
                    hint="give the snapshot with book",
                )
            parts.add(at[:1], 0, kind=Kind.CLEAR)
            self._begun = self._in_snapshot = True
        first_change = np.maximum.accumulate(~is_snapshot)
        flags = np.where(is_snapshot & ~first_change & self._in_snapshot, Flag.SNAPSHOT, 0)
        self._in_snapshot = self._in_snapshot and not bool(first_change[-1])
        parts.add(
            at, 1, kind=Kind.LEVEL, side=events.side[at], price=events.price[at], size=events.size[at], flags=flags
        )
        for side in Side:
            own = at[events.side[at] == side][::-1]
            price, last = np.unique(events.price[own], return_index=True)
            there = events.size[own[last]] > 0
            self._shown[side].difference_update(price[~there].tolist())
            self._shown[side].update(price[there].tolist())

    def _add_clear(self, parts: RowParts, events: _Events, at: int) -> None:
        """One clear.  changes: parts"""
        side = int(events.side[at])
        if side == NONE:
            parts.add(np.array([at]), 1, kind=Kind.CLEAR)
            self._begun = self._in_snapshot = True
            for shown in self._shown:
                shown.clear()
            return
        limit = int(events.price[at])
        gone = sorted(p for p in self._shown[side] if limit == 0 or (p >= limit if side == Side.BUY else p <= limit))
        self._shown[side].difference_update(gone)
        parts.add(np.full(len(gone), at), 1, kind=Kind.LEVEL, side=side, price=np.array(gone, dtype=np.int64))
