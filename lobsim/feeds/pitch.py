"""BATS PITCH text -> canonical rows, all symbols of a file in one go.

Fixed-width lines: milliseconds since midnight in New York (8 digits), the type, then

====  ===========================================================================  ==========================================
type  fields                                                                       becomes
====  ===========================================================================  ==========================================
A     order id 12, side 1, shares 6, symbol 6, price 10 (1e-4 dollars), display 1  ADD
E     order id 12, shares 6, execution id 12                                       EXECUTE, AGGRESSOR_KNOWN
X     order id 12, shares 6                                                        REDUCE, or DELETE of all that was left
P     order id 12, side 1, shares 6, symbol 6, price 10, execution id 12           EXECUTE_HIDDEN, AGGRESSOR_KNOWN
B     execution id 12                                                              nothing; counted
====  ===========================================================================  ==========================================

Ids are read as numbers in base 36.  An id may come again once its order is gone: that is how a change of price is told.  The matching units of the venue are
merged with a jitter of some milliseconds: a time that falls by less than a second is raised to the one before and counted; one that falls further is refused
(a recording that holds a stretch twice).  The day is an option.

Refused: other types (the long forms d and r among them), an order added twice, an execution or cancellation of more than is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.live_orders import Act, LiveOrders
from lobsim.feeds.order_rows import RowParts, groups
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options
from lobsim.feeds.source import Source
from lobsim.feeds.text import day_start_ns
from lobsim.types import NONE, Fidelity, Flag, Kind, Side

NAME = "BATS PITCH"

_TIME_ZONE = "America/New_York"
_WIDTH = {"A": 45, "E": 39, "X": 27, "P": 56, "B": 21}
_ACTS = {"A": Act.SET, "E": Act.TAKE, "X": Act.TAKE}
_MOST_JITTER_MS = 1_000
_SYMBOL_SHIFT = 36  # prices have 10 digits: symbols travel above them through LiveOrders
_PRICE_MASK = (1 << _SYMBOL_SHIFT) - 1
_BAD = 255
_DIGITS = np.full(256, _BAD, dtype=np.uint8)
_DIGITS[ord("0") : ord("9") + 1] = np.arange(10)
_BASE_36 = _DIGITS.copy()
_BASE_36[ord("A") : ord("Z") + 1] = np.arange(10, 36)
_CUT_HINT = "the file is cut or damaged: fetch it again"


def recognise(source: Source) -> bool:
    """Whether its first lines are of PITCH's types, with the width of their type."""
    lines = source.head.replace(b"\r\n", b"\n").split(b"\n")[:16]
    whole = lines[:-1] if len(lines) < 16 else lines
    return bool(whole) and all(
        len(line) == _WIDTH.get(chr(line[8]) if len(line) > 8 else "", 0) and line[:8].isdigit() for line in whole
    )


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The rows of every symbol of a file, or of ``options.symbol`` alone."""
    refuse_options(source.name, options, ("symbol", "date", "venue", "tick", "lot"))
    if options.date is None:
        raise DataError("it does not say which day it is", file=source.name, hint="say it with date")
    day = _Day(options, source.name)
    for block in source.line_blocks():
        yield from day.pieces(block.replace(b"\r\n", b"\n"))
    if not day.found:
        wanted = f" of {options.symbol}" if options.symbol else ""
        raise DataError(f"it holds no order and no trade{wanted}", file=source.name)


class _Lines:
    """The lines of a block as columns; every field is empty (0) where the type has none.

    letter, time_ms, ids, shares, side, price, symbol (number of the symbol, NONE)
    """

    def __init__(self, block: bytes, row: int, symbols: dict[bytes, int], file: str) -> None:
        self.row, self.file = row, file
        self._raw = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(self._raw == 10)
        self._starts = np.concatenate([[0], ends[:-1] + 1])
        widths = ends - self._starts
        self._refuse(widths < 9, "the line is too short")
        self.letter = self._raw[self._starts + 8]
        wanted = np.zeros(256, dtype=np.int64)
        for letter, width in _WIDTH.items():
            wanted[ord(letter)] = width
        self._refuse(
            wanted[self.letter] != widths,
            "the line is of another type than A, E, X, P and B, or its width is not that of its type",
        )
        count = len(ends)
        everywhere = np.arange(count)
        self.time_ms = self._number(everywhere, 0, 8)
        self.ids, self.shares, self.price = (np.zeros(count, dtype=np.int64) for _ in range(3))
        self.side, self.symbol = np.full(count, NONE), np.full(count, NONE)
        self._read_fields(symbols)

    def of(self, letters: str) -> np.ndarray:
        """Indices of the lines of some types."""
        return np.flatnonzero(np.isin(self.letter, np.frombuffer(letters.encode(), dtype=np.uint8)))

    def _read_fields(self, symbols: dict[bytes, int]) -> None:
        named, sided, taking = self.of("AEXP"), self.of("AP"), self.of("EX")
        self.ids[named] = self._number(named, 9, 12, _BASE_36)
        self.shares[taking] = self._number(taking, 21, 6)
        code = self._raw[self._starts[sided] + 21]
        self._refuse_at(sided, (code != ord("B")) & (code != ord("S")), "its side is neither B nor S")
        self.side[sided] = np.where(code == ord("B"), Side.BUY, Side.SELL)
        self.shares[sided] = self._number(sided, 22, 6)
        self.price[sided] = self._number(sided, 34, 10)
        names, index = np.unique(self._matrix(sided, 28, 6).view("S6")[:, 0], return_inverse=True)
        numbers = [symbols.setdefault(bytes(name).strip(), len(symbols)) for name in names]
        self.symbol[sided] = np.array(numbers, dtype=np.int64)[index]
        self._refuse_at(named, self.shares[named] == 0, "it tells of 0 shares")

    def _matrix(self, at: np.ndarray, first: int, width: int) -> np.ndarray:
        return np.ascontiguousarray(self._raw[self._starts[at][:, None] + np.arange(first, first + width)])

    def _number(self, at: np.ndarray, first: int, width: int, digits: np.ndarray = _DIGITS) -> np.ndarray:
        """A field of digits as int64."""
        values = digits[self._matrix(at, first, width)]
        self._refuse_at(at, (values == _BAD).any(axis=1), f"columns {first + 1} to {first + width} are no number")
        base = 10 if digits is _DIGITS else 36
        return values.astype(np.int64) @ (base ** np.arange(width - 1, -1, -1, dtype=np.int64))

    def _refuse(self, bad: np.ndarray, words: str) -> None:
        if bad.any():
            raise DataError(words, file=self.file, row=self.row + int(np.argmax(bad)) + 1, hint=_CUT_HINT)

    def _refuse_at(self, at: np.ndarray, bad: np.ndarray, words: str) -> None:
        if bad.any():
            raise DataError(words, file=self.file, row=self.row + int(at[np.argmax(bad)]) + 1, hint=_CUT_HINT)


class _Day:
    """What is known of a day so far."""

    def __init__(self, options: ReadOptions, file: str) -> None:
        self.found = False
        self._options, self._file = options, file
        self._midnight_ns = day_start_ns(str(options.date), _TIME_ZONE, file=file)
        self._orders = LiveOrders()
        self._symbols: dict[bytes, int] = {}
        self._row = self._time_ms = 0

    def pieces(self, block: bytes) -> Iterator[Piece]:
        """The rows of some lines, parted by symbol."""
        if not block.endswith(b"\n"):
            last = self._row + block.count(b"\n") + 1
            raise DataError("it has no newline at its end and may be cut", file=self._file, row=last, hint=_CUT_HINT)
        lines = _Lines(block, self._row, self._symbols, self._file)
        time = self._times(lines)
        notes = Counter[str]({"broken trades": len(lines.of("B")), "times raised": int((time != lines.time_ms).sum())})
        parts = RowParts()
        symbol = self._add_orders(parts, lines, notes)
        hidden = lines.of("P")
        parts.add(
            hidden,
            1,
            kind=Kind.EXECUTE_HIDDEN,
            side=lines.side[hidden],
            price=lines.price[hidden],
            size=lines.shares[hidden],
            flags=Flag.AGGRESSOR_KNOWN,
        )
        self._row += len(time)
        nanoseconds = self._midnight_ns + time * 10**6
        table, at = parts.table(nanoseconds, nanoseconds, np.full(len(time), NONE), np.ones(len(time), dtype=bool))
        yield from self._parted(table, symbol[at], notes)

    def _parted(self, table: pl.DataFrame, symbol: np.ndarray, notes: Counter[str]) -> Iterator[Piece]:
        """One piece for each symbol; the notes of the block go with the first."""
        names = [name.decode("ascii", "replace") for name in self._symbols]
        ordered, start = table[np.argsort(symbol, kind="stable")], 0
        for number, index in groups(symbol):
            rows = ordered.slice(start, len(index))
            start += len(index)
            if self._options.symbol in (None, names[number]):
                self.found = True
                yield Piece(
                    self._instrument(names[number]), rows, {name: count for name, count in notes.items() if count}
                )
                notes.clear()

    def _instrument(self, symbol: str) -> Instrument:
        return Instrument(
            symbol=symbol,
            venue=self._options.venue or "BATS",
            currency="USD",
            fidelity=Fidelity.L3_FULL,
            depth=0,
            price_scale="0.0001",
            size_scale="1",
            tick=self._options.tick,
            lot=self._options.lot or "1",
            time_zone=_TIME_ZONE,
        )

    def _times(self, lines: _Lines) -> np.ndarray:
        """Milliseconds of each line, never falling; refuses a fall that is more than jitter."""
        time = np.maximum.accumulate(np.maximum(lines.time_ms, self._time_ms))
        falls = time - lines.time_ms > _MOST_JITTER_MS
        if falls.any():
            at = int(np.argmax(falls))
            raise DataError(
                f"its time goes back by {time[at] - lines.time_ms[at]} ms",
                file=self._file,
                row=self._row + at + 1,
                hint="the file seems to hold a stretch twice: cut it before this row",
            )
        self._time_ms = int(time[-1])
        return time

    def _add_orders(self, parts: RowParts, lines: _Lines, notes: Counter[str]) -> np.ndarray:
        """Rows of A, E and X; returns the number of the symbol of each line.  changes: parts, notes"""
        at = lines.of("AEX")
        letter, shares, ids = lines.letter[at], lines.shares[at], lines.ids[at]
        act = np.where(letter == ord("A"), Act.SET, Act.TAKE)
        packed = lines.price[at] | np.where(act == Act.SET, lines.symbol[at], 0) << _SYMBOL_SHIFT
        found = self._orders.follow(act, ids, shares, lines.side[at], packed)
        known, takes = found.size > 0, act == Act.TAKE
        for bad, words in (
            (~takes & known, "order {} is added a second time"),
            (takes & known & (shares > found.size), "more is taken off order {} than is left"),
        ):
            if bad.any():
                first = int(np.argmax(bad))
                name = np.base_repr(int(ids[first]), 36)
                raise DataError(words.format(name), file=self._file, row=self._row + int(at[first]) + 1, hint=_CUT_HINT)
        notes["messages of unknown orders"] = int((takes & ~known).sum())
        symbol = lines.symbol.copy()
        symbol[at[takes]] = found.price[takes] >> _SYMBOL_SHIFT
        price = np.where(takes, found.price & _PRICE_MASK, lines.price[at])
        side = np.where(takes, found.side, lines.side[at])
        left = np.where(shares == found.size, Kind.DELETE, Kind.REDUCE)
        kind = np.where(~takes, Kind.ADD, np.where(letter == ord("E"), Kind.EXECUTE, left))
        flags = np.where(kind == Kind.EXECUTE, Flag.AGGRESSOR_KNOWN, 0)
        told = np.flatnonzero(~takes | known)
        parts.add(
            at[told],
            1,
            kind=kind[told],
            side=side[told],
            price=price[told],
            size=shares[told],
            order_id=ids[told],
            flags=flags[told],
        )
        return symbol
