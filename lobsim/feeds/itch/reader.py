"""Nasdaq TotalView-ITCH 5.0 -> canonical rows, all symbols of a file in one go.

=======  =============================================================================================================
message  becomes
=======  =============================================================================================================
A, F     ADD
E        EXECUTE at the order's price, AGGRESSOR_KNOWN
C        EXECUTE at the message's price; not printable (it is part of a cross, whose volume is in its Q): flagged AUCTION
X, D     REDUCE, or DELETE of all that was left; DELETE
U        REPLACE: the new order is behind all others, whatever its price
P        EXECUTE_HIDDEN; since 2014-07-14 its side is always B, whoever rested, so AGGRESSOR_KNOWN only before that day
Q        PRINT of the cross, AUCTION, side -1, size 0 where nothing crossed
H        PHASE: H and P (paused) HALT, Q QUOTING, T CONTINUOUS
S        S: every symbol begins its phase; E: CLOSED for all; Nasdaq also trades before and after the market hours Q to M
B        nothing; counted: the trade had happened to the book
others   parsed and left out: R, Y, L, V, W, K, J, h, I, N, O
=======  =============================================================================================================

``match_id`` is 0: Nasdaq numbers every execution on its own.  Each message is a packet of its own.  A symbol begins with its first order or trade; phases before
that are told then.  The day is in the name of the file as Nasdaq writes it, or an option.

Refused: an order added twice, an execution or cancellation of more than is left, time that falls.  What speaks of orders never added (a file that
begins within the day) is left out and counted.
Known limit: the tick is left to the prices; an execution of type C may lie between two cents.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.feeds.itch.messages import Block, blocks, looks_framed
from lobsim.feeds.live_orders import Act, Found, LiveOrders
from lobsim.feeds.order_rows import RowParts, groups
from lobsim.feeds.piece import Instrument, Piece, ReadOptions
from lobsim.feeds.refusals import refuse_options
from lobsim.feeds.source import Source
from lobsim.feeds.text import day_start_ns
from lobsim.types import NONE, Fidelity, Flag, Kind, Phase, Side

NAME = "Nasdaq TotalView-ITCH 5.0"

TIME_ZONE = "America/New_York"
_ENOUGH_ROWS = 250_000
_SIDE_HIDDEN_SINCE = "2014-07-14"
_PHASES = {b"H": Phase.HALT, b"P": Phase.HALT, b"Q": Phase.QUOTING, b"T": Phase.CONTINUOUS}
_NAMES = (
    re.compile(r"(?P<month>\d\d)(?P<day>\d\d)(?P<year>\d{4})\.NASDAQ_ITCH50"),
    re.compile(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)\.(?:BX|PSX|NASDAQ)_ITCH_?50"),
    re.compile(r"S(?P<month>\d\d)(?P<day>\d\d)(?P<short>\d\d)-v50"),
)


def recognise(source: Source) -> bool:
    """Whether it is framed as ITCH 5.0, every message with the length of its type."""
    return looks_framed(source.head)


def read(source: Source, options: ReadOptions) -> Iterator[Piece]:
    """The rows of every symbol of a file, or of ``options.symbol`` alone."""
    refuse_options(source.name, options, ("symbol", "date", "venue", "tick", "lot"))
    day = _day(source, options)
    state = _Day(day, source.name, options)
    gathered, count = [], 0
    for block in blocks(source):
        rows = state.rows(block)
        if len(rows):
            gathered.append(rows)
            count += len(rows)
        if count >= _ENOUGH_ROWS:
            yield from state.pieces(pl.concat(gathered))
            gathered, count = [], 0
    if gathered:
        yield from state.pieces(pl.concat(gathered))
    if not state.begun:
        wanted = f" of {options.symbol}" if options.symbol else ""
        raise DataError(f"it holds no order and no trade{wanted} ({state.messages} messages)", file=source.name)


def _day(source: Source, options: ReadOptions) -> str:
    """The trading day, from the name or the options; refuses a contradiction."""
    found = next((match for pattern in _NAMES if (match := pattern.search(source.base))), None)
    named = None
    if found is not None:
        parts = found.groupdict()
        named = f"{parts.get('year') or '20' + parts['short']}-{parts['month']}-{parts['day']}"
    if named is None and options.date is None:
        raise DataError("it does not say which day it is", file=source.name, hint="say it with date")
    if named and options.date and named != options.date:
        raise DataError(f"by its name it is of {named}, not {options.date}", file=source.name)
    return named or str(options.date)


class _Orders(NamedTuple):
    """Messages about orders, and U twice (the old order, then the new), as columns for LiveOrders; ``at``: index of the message in the block."""

    at: np.ndarray
    act: np.ndarray
    ids: np.ndarray
    shares: np.ndarray
    side: np.ndarray
    price: np.ndarray


class _Day:
    """What is known of a day so far: live orders, names and phases of symbols."""

    def __init__(self, day: str, file: str, options: ReadOptions) -> None:
        self.file = file
        self.messages = 0
        self.begun: set[int] = set()
        self._options = options
        self._midnight_ns = day_start_ns(day, TIME_ZONE, file=file)
        self._side_known = date.fromisoformat(day) < date.fromisoformat(_SIDE_HIDDEN_SINCE)
        self._orders = LiveOrders()
        self._symbols: dict[int, str] = {}
        self._phases: dict[int, int] = {}
        self._open = True
        self._time = 0
        self._waiting: dict[int, pl.DataFrame] = {}
        self._notes: dict[int, Counter[str]] = {}

    def rows(self, block: Block) -> pl.DataFrame:
        """The canonical rows of a block; ``match_id`` is the stock locate."""
        self.messages += len(block.letters)
        falls = block.time < np.concatenate([[self._time], block.time[:-1]])
        if falls.any():
            at = int(np.argmax(falls))
            raise DataError(
                "its time is earlier than that of the message before", file=self.file, row=block.first + at + 1
            )
        self._time = int(block.time[-1])
        self._learn_symbols(block)
        parts = RowParts()
        self._add_phases(parts, block)
        self._add_orders(parts, block)
        self._add_trades(parts, block)
        time = block.time + self._midnight_ns
        sequence = np.full(len(time), NONE)
        table, _ = parts.table(time, time, sequence, np.ones(len(time), dtype=bool))
        if self._options.symbol is None:
            return table
        wanted = [locate for locate, symbol in self._symbols.items() if symbol == self._options.symbol]
        return table.filter(pl.col("match_id").is_in(wanted))

    def pieces(self, rows: pl.DataFrame) -> Iterator[Piece]:
        """Part rows by symbol; a symbol of which only phases are known waits."""
        locates = rows["match_id"].to_numpy()
        rows = rows.with_columns(match_id=pl.lit(0, dtype=pl.Int64), flags=pl.col("flags") | int(Flag.LAST_IN_PACKET))
        ordered = rows[np.argsort(locates, kind="stable")]
        start = 0
        for locate, index in groups(locates):
            own = ordered.slice(start, len(index))
            start += len(index)
            if locate not in self.begun:
                if locate in self._waiting:
                    own = pl.concat([self._waiting.pop(locate), own])
                if (own["kind"] == Kind.PHASE).all():
                    self._waiting[locate] = own
                    continue
                self.begun.add(locate)
            yield Piece(self._instrument(locate), own, dict(self._notes.pop(locate, {})))

    def _instrument(self, locate: int) -> Instrument:
        if locate not in self._symbols:
            raise DataError(f"it does not say which symbol locate {locate} is", file=self.file)
        return Instrument(
            symbol=self._symbols[locate],
            venue=self._options.venue or "NASDAQ",
            currency="USD",
            fidelity=Fidelity.L3_FULL,
            depth=0,
            price_scale="0.0001",
            size_scale="1",
            tick=self._options.tick,
            lot=self._options.lot or "1",
            time_zone=TIME_ZONE,
        )

    def _learn_symbols(self, block: Block) -> None:
        """Names by locate: from the directory, and from every message that names its stock where the directory is missing."""
        for letter in ("R", "A", "F", "P", "Q"):
            if letter in block.records:
                records = block.records[letter]
                locates, first = np.unique(records["locate"], return_index=True)
                for locate, at in zip(locates.tolist(), first.tolist(), strict=True):
                    self._symbols.setdefault(locate, bytes(records["stock"][at]).decode("ascii", "replace").strip())

    def _add_phases(self, parts: RowParts, block: Block) -> None:
        """PHASE rows of H and S, which are few."""
        told = [(at, "H", k) for k, at in enumerate(block.places.get("H", ()))]
        told += [(at, "S", k) for k, at in enumerate(block.places.get("S", ()))]
        for at, letter, k in sorted(told):
            record = block.records[letter][k]
            if letter == "H":
                if record["state"] not in _PHASES:
                    raise DataError(
                        f"a trading state {bytes(record['state'])!r} is not known",
                        file=self.file,
                        row=block.first + int(at) + 1,
                    )
                self._phases[int(record["locate"])] = _PHASES[record["state"]]
                who = [int(record["locate"])] if self._open else []
            else:
                who = self._system_event(bytes(record["event"]))
            if who:
                phase = [self._phases.get(one, Phase.CONTINUOUS) if self._open else Phase.CLOSED for one in who]
                parts.add(np.full(len(who), at), 0, kind=Kind.PHASE, size=np.array(phase), match_id=np.array(who))

    def _system_event(self, event: bytes) -> list[int]:
        """Whose phase changes by a system event."""
        if event == b"O":
            self._open = False
        elif event in (b"S", b"E"):
            self._open = event == b"S"
            return sorted(self._symbols)
        return []

    def _add_orders(self, parts: RowParts, block: Block) -> None:
        """Rows of A, F, E, C, X, D and U."""
        orders = _order_columns(block)
        side = orders.side.copy()
        found = self._orders.follow(orders.act, orders.ids, orders.shares, side, orders.price)
        self._refuse(block, orders, found)
        letter = block.letters[orders.at]
        known = found.size > 0
        self._count_unknown(block, orders, found, letter)

        def add(chosen: np.ndarray, **columns: np.ndarray | int) -> None:
            index = np.flatnonzero(chosen)
            picked = {name: value[index] if isinstance(value, np.ndarray) else value for name, value in columns.items()}
            at = orders.at[index]
            parts.add(at, 1, match_id=block.locate[at], order_id=orders.ids[index], **picked)

        joins = np.isin(letter, (ord("A"), ord("F")))
        add(joins, kind=Kind.ADD, side=orders.side, price=orders.price, size=orders.shares)
        executed = np.isin(letter, (ord("E"), ord("C"))) & known
        price, flags = found.price.copy(), np.full(len(letter), Flag.AGGRESSOR_KNOWN)
        _execution_terms(block, orders, price, flags)
        add(executed, kind=Kind.EXECUTE, side=found.side, price=price, size=orders.shares, flags=flags)
        gone = (letter == ord("D")) | (orders.shares == found.size)
        leaves = np.isin(letter, (ord("X"), ord("D"))) & known
        kind, size = np.where(gone, Kind.DELETE, Kind.REDUCE), np.where(gone, found.size, orders.shares)
        add(leaves, kind=kind, side=found.side, price=found.price, size=size)
        replaced = (letter == ord("U")) & (orders.act == Act.END) & known
        following = np.minimum(np.arange(len(letter)) + 1, max(len(letter) - 1, 0))
        add(
            replaced,
            kind=Kind.REPLACE,
            other_id=orders.ids[following],
            side=found.side,
            price=orders.price[following],
            size=orders.shares[following],
        )

    def _refuse(self, block: Block, orders: _Orders, found: Found) -> None:
        """Raise DataError for an order added twice, or for more taken than there is."""
        twice = (orders.act == Act.SET) & (found.size > 0)
        over = (orders.act == Act.TAKE) & (found.size > 0) & (orders.shares > found.size)
        empty = np.isin(orders.act, (Act.SET, Act.TAKE)) & (orders.shares == 0)
        for bad, words in (
            (twice, "order {} is added a second time"),
            (over, "more is taken off order {} than is left"),
            (empty, "order {} is given or loses 0 shares"),
        ):
            if bad.any():
                first = int(np.argmax(bad))
                row = block.first + int(orders.at[first]) + 1
                raise DataError(
                    words.format(orders.ids[first]), file=self.file, row=row, hint="the file is damaged: fetch it again"
                )

    def _count_unknown(self, block: Block, orders: _Orders, found: Found, letter: np.ndarray) -> None:
        """Count, by symbol, what speaks of orders that are not there, and broken trades."""
        unknown = (found.size == 0) & (orders.act != Act.SET)
        self._count("messages of unknown orders", block.locate[orders.at[unknown]])
        self._count("broken trades", block.locate[block.places.get("B", np.zeros(0, dtype=np.int64))])

    def _count(self, name: str, locates: np.ndarray) -> None:
        for locate, count in zip(*np.unique(locates, return_counts=True), strict=True):
            self._notes.setdefault(int(locate), Counter())[name] += int(count)

    def _add_trades(self, parts: RowParts, block: Block) -> None:
        """Rows of P and Q."""
        if "P" in block.records:
            records, at = block.records["P"], block.places["P"]
            parts.add(
                at,
                1,
                kind=Kind.EXECUTE_HIDDEN,
                side=np.where(records["side"] == b"B", Side.BUY, Side.SELL),
                price=records["price"].astype(np.int64),
                size=records["shares"].astype(np.int64),
                flags=Flag.AGGRESSOR_KNOWN if self._side_known else 0,
                match_id=block.locate[at],
            )
        if "Q" in block.records:
            records, at = block.records["Q"], block.places["Q"]
            price, size = records["price"].astype(np.int64), records["shares"].astype(np.int64)
            parts.add(at, 1, kind=Kind.PRINT, price=price, size=size, flags=Flag.AUCTION, match_id=block.locate[at])


_ACTS = {"A": Act.SET, "F": Act.SET, "E": Act.TAKE, "C": Act.TAKE, "X": Act.TAKE, "D": Act.END, "U": Act.END}


def _order_columns(block: Block) -> _Orders:
    """The messages about orders of a block as columns."""
    is_order = np.isin(block.letters, [ord(letter) for letter in _ACTS])
    doubled = np.where(is_order, 1 + (block.letters == ord("U")), 0)
    at = np.repeat(np.arange(len(block.letters)), doubled)
    place = np.cumsum(doubled) - doubled
    act, ids, shares, price = (np.zeros(len(at), dtype=np.int64) for _ in range(4))
    side = np.full(len(at), NONE)
    for letter, what in _ACTS.items():
        if letter not in block.records:
            continue
        records, here = block.records[letter], place[block.places[letter]]
        act[here], ids[here] = what, records["order_id"].astype(np.int64)
        target = here
        if letter == "U":
            target = here + 1
            act[target], ids[target] = Act.SET, records["new_id"].astype(np.int64)
        if letter != "D":
            shares[target] = records["shares"]
        if letter in "AFU":
            price[target] = records["price"]
        if letter in "AF":
            side[here] = np.where(records["side"] == b"B", Side.BUY, Side.SELL)
    return _Orders(at, act, ids, shares, side, price)


def _execution_terms(block: Block, orders: _Orders, price: np.ndarray, flags: np.ndarray) -> None:
    """Price and flags of executions of type C.  changes: price, flags"""
    if "C" in block.records:
        records = block.records["C"]
        at = np.flatnonzero(block.letters[orders.at] == ord("C"))
        price[at] = records["price"]
        flags[at] |= np.where(records["printable"] == b"N", Flag.AUCTION, 0)
