"""One order book for people who want a matching engine: natural units in, reports out; and in bulk at full speed.

``Book`` drives the compiled floor with the same kernels as every market.  Two ways in, one engine:

- ``limit``, ``market``, ``cancel``, ``reduce``, ``replace`` take prices and sizes as text, Decimal, int or float and answer with
  ``Reports`` in natural units.  A float stands for its shortest decimal text: ``166.01`` is the price 166.01, ``0.1 + 0.2`` is off tick.
- ``run`` takes a MESSAGE array and answers with one REPORT array, in ticks and lots.

Invariants: a refusal is a report with a reason, never an exception; what cannot be an order at all (a side that does not exist, a price that is no
number) is an OrderError; the book makes room by itself and no answer depends on how much it began with.
Known limit: one fixed tick and lot per book.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple, SupportsIndex

import numpy as np

from lobsim.core.audit import Broken, audit, audit_scratch, copy_levels, state_hash
from lobsim.core.book import BookSize, new_book
from lobsim.core.exchange import run_messages
from lobsim.core.ids import id_range
from lobsim.core.layout import Book as Arrays
from lobsim.core.world import book_size, resize_book, roomier_book
from lobsim.errors import LobsimError, OrderError
from lobsim.natural import Number, number_of, step_of, steps_in, whole_of, word_of
from lobsim.snapshot import Snapshot
from lobsim.types import (
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    MESSAGE,
    NONE,
    REPORT,
    MessageFlag,
    OrderType,
    Reason,
    ReportKind,
    Side,
    Status,
    TimeInForce,
    Verb,
)

_CHUNK_MESSAGES = 100_000
"""Messages per compiled call: some ten milliseconds, so Ctrl-C is heard within one."""
_ROOM = BookSize(window=2**16)
"""To begin with: a flow whose price runs far takes two thirds of the time it takes with 2^12 ticks, a quiet one the same."""
_DENSE_PER_MESSAGE = 4
_DENSE_SPARE = 1024


def check(arrays: Arrays) -> None:
    """Walk a book of the compiled floor; raises LobsimError naming the first broken invariant, its side and price in ticks."""
    marks, found = audit_scratch(arrays)
    broken = Broken(audit(arrays, marks, found))
    if broken != Broken.SOUND:
        place = f"{Side(int(found[0])).name.lower()} side, price {found[1]} ticks, slot {found[2]}"
        raise LobsimError(f"the book is not sound: {broken.name}", where=place, hint="please report this")


class Level(NamedTuple):
    """One price of a side: natural units, and how many orders stand there."""

    price: Decimal
    size: Decimal
    orders: int


@dataclass(frozen=True)
class Report:
    """One answer of the book, in natural units (lobsim.types.ReportKind says what each number means).

    side       of the order; of a TRADE the maker's; None where it is not known
    order_id   the order; of a TRADE the maker
    other_id   of a TRADE the taker; of a REPLACED the id before; of a refused replace the id asked for; else 0
    """

    kind: ReportKind
    reason: Reason
    side: Side | None
    order_id: int
    other_id: int
    price: Decimal
    size: Decimal
    remaining: Decimal

    def __str__(self) -> str:
        """One line to read."""
        words = [f"{self.kind.name} {self.size} @ {self.price}, order {self.order_id}"]
        if self.other_id:
            words.append(f"{'taken by' if self.kind == ReportKind.TRADE else 'was'} {self.other_id}")
        if self.side is not None:
            words.append(self.side.name.lower())
        if self.kind not in (ReportKind.CANCELLED, ReportKind.REJECTED, ReportKind.EXPIRED):
            words.append(f"{self.remaining} left")
        if self.reason != Reason.NONE:
            words.append(self.reason.name)
        return ", ".join(words)


class Reports(tuple[Report, ...]):
    """Everything the book answered to one request, in order."""

    __slots__ = ()

    @property
    def trades(self) -> tuple[Report, ...]:
        """The trades among them."""
        return tuple(report for report in self if report.kind == ReportKind.TRADE)

    @property
    def filled(self) -> Decimal:
        """Total size traded."""
        return sum((report.size for report in self.trades), Decimal(0))

    @property
    def refused(self) -> Reason | None:
        """Why the request was refused, None if it was not."""
        last = self[-1]
        return last.reason if last.kind == ReportKind.REJECTED else None

    def __repr__(self) -> str:
        """One line for each report."""
        return "\n".join(str(report) for report in self)


class Book:
    """A limit order book with price-time priority (docs/rules.md, section 1).

    tick_size  smallest price step, decimal text
    lot_size   smallest size step, decimal text
    room       capacities to begin with; the book grows by itself

    Raises ConfigError for a tick or lot that is no decimal above 0.
    """

    def __init__(self, tick_size: Number = "0.01", lot_size: Number = "1", *, room: BookSize | None = None) -> None:
        self.tick_size = step_of(tick_size, "tick_size")
        self.lot_size = step_of(lot_size, "lot_size")
        self.arrays = new_book(room or _ROOM)
        self._messages_run = 0
        self._one = np.zeros(1, MESSAGE)
        self._answers = np.zeros(64, REPORT)

    # requests

    def limit(
        self,
        id: SupportsIndex,
        side: str | Side,
        price: Number,
        size: Number,
        tif: str | TimeInForce = "gtc",
        *,
        post_only: bool = False,
        expire_ns: SupportsIndex | None = None,
        ts_ns: SupportsIndex | None = None,
    ) -> Reports:
        """A limit order; with tif "gtd" it leaves at expire_ns.

        ts_ns  moves the book's clock, which never goes back; without it the clock stands still
        """
        life = word_of(tif, TimeInForce, "tif")
        if (life == TimeInForce.GTD) != (expire_ns is not None):
            raise OrderError("a time limit needs both tif='gtd' and expire_ns")
        message = self._new(id, side, ts_ns)
        message["tif"] = life
        message["flags"] = MessageFlag.POST_ONLY if post_only else 0
        message["expire_ns"] = 0 if expire_ns is None else whole_of(expire_ns, "expire_ns")
        return self._ask(price, size)

    def market(
        self,
        id: SupportsIndex,
        side: str | Side,
        size: Number,
        tif: str | TimeInForce = "ioc",
        *,
        ts_ns: SupportsIndex | None = None,
    ) -> Reports:
        """A market order: it takes what there is at any price, and what finds nobody is cancelled; tif "fok": all or nothing."""
        message = self._new(id, side, ts_ns)
        message["type"] = OrderType.MARKET
        message["tif"] = word_of(tif, TimeInForce, "tif")
        return self._ask(None, size)

    def cancel(self, id: SupportsIndex, *, ts_ns: SupportsIndex | None = None) -> Reports:
        """Take an order out."""
        self._about(Verb.CANCEL, id, ts_ns)
        return self._ask(None, None)

    def reduce(self, id: SupportsIndex, size: Number, *, ts_ns: SupportsIndex | None = None) -> Reports:
        """Take size off an order; it keeps its place."""
        self._about(Verb.REDUCE, id, ts_ns)
        return self._ask(None, size)

    def replace(
        self,
        id: SupportsIndex,
        price: Number,
        size: Number,
        *,
        new_id: SupportsIndex | None = None,
        post_only: bool = False,
        lose_place: bool = False,
        ts_ns: SupportsIndex | None = None,
    ) -> Reports:
        """Another price or remaining size; only a smaller size at the same price keeps the place."""
        message = self._about(Verb.REPLACE, id, ts_ns)
        message["new_id"] = message["order_id"] if new_id is None else whole_of(new_id, "new_id")
        message["flags"] = MessageFlag.POST_ONLY * bool(post_only) | MessageFlag.LOSE_PLACE * bool(lose_place)
        return self._ask(price, size)

    # bulk

    def run(self, messages: np.ndarray, reports: np.ndarray | None = None) -> np.ndarray:
        """Apply an array of messages at full speed.

        messages  MESSAGE [any]; prices in ticks, sizes in lots
        reports   REPORT [any] to write into, if it is to be used again; more room is made where it does not do

        Returns REPORT [number of reports]: all answers in order, ``sequence`` the index of the message.
        Raises OrderError for another kind of array.  Ctrl-C is heard between two messages: the book stays sound and holds what was applied.
        """
        if getattr(messages, "dtype", None) != MESSAGE or messages.ndim != 1:
            raise OrderError("messages are a one-dimensional array of lobsim.types.MESSAGE")
        if reports is not None and (getattr(reports, "dtype", None) != REPORT or reports.ndim != 1):
            raise OrderError("reports are a one-dimensional array of lobsim.types.REPORT")
        messages = np.require(messages, requirements=["C", "W"])
        if reports is None or not (reports.flags.c_contiguous and reports.flags.writeable):
            reports = np.empty(len(messages) + len(messages) // 2 + 256, REPORT)
        done = count = 0
        while done < len(messages):
            stop = min(done + _CHUNK_MESSAGES, len(messages))
            self._index_directly(messages, done, stop)
            status = Status.ROOM_REPORTS
            while status != Status.OK:
                status, done, count = run_messages(
                    self.arrays, messages, self.arrays.no_terms, done, stop, MAX_SIZE_LOTS, reports, count
                )
                if status == Status.ROOM_REPORTS:
                    reports = np.concatenate([reports[:count], np.empty(len(reports) + 64, REPORT)])
                elif status != Status.OK:
                    self.arrays = roomier_book(self.arrays, status)
        self._messages_run += len(messages)
        return reports[:count]

    def _index_directly(self, messages: np.ndarray, start: int, stop: int) -> None:
        """Let small ids index a table: the direct way, where ids are counted up from 0 or so."""
        lowest, highest = id_range(messages, start, stop)
        worthwhile = _DENSE_PER_MESSAGE * (self._messages_run + len(messages)) + _DENSE_SPARE
        size = book_size(self.arrays)
        if lowest >= 0 and size.dense <= highest <= worthwhile:
            self.arrays = resize_book(self.arrays, size._replace(dense=1 << int(highest).bit_length()))

    # keeping aside

    def snapshot(self) -> Snapshot[Arrays]:
        """The state of the book at this moment, kept aside."""
        return Snapshot(self.arrays)

    def restore(self, snapshot: Snapshot[Arrays]) -> None:
        """Put a snapshot of a book of the same tick and lot back: it goes on as the book did."""
        self.arrays = snapshot.restore(self.arrays)

    def copy(self) -> Book:
        """An independent book in the same state."""
        other = copy(self)
        other.arrays = self.snapshot().restore(new_book(book_size(self.arrays)))
        other._one, other._answers = self._one.copy(), self._answers.copy()
        return other

    # questions

    def bids(self, count: int = 10) -> list[Level]:
        """The best buy levels, best first."""
        return self._levels(Side.BUY, count)

    def asks(self, count: int = 10) -> list[Level]:
        """The best sell levels, best first."""
        return self._levels(Side.SELL, count)

    @property
    def best_bid(self) -> Decimal | None:
        """Highest price anybody pays, None if nobody does."""
        return next((level.price for level in self.bids(1)), None)

    @property
    def best_ask(self) -> Decimal | None:
        """Lowest price anybody sells at, None if nobody does."""
        return next((level.price for level in self.asks(1)), None)

    @property
    def orders(self) -> int:
        """How many orders stand in the book."""
        return int(self.arrays.sides["orders"].sum())

    def state_hash(self) -> int:
        """64-bit hash of every level and order (docs/rules.md, section 1)."""
        return int(state_hash(self.arrays))

    def audit(self) -> None:
        """Walk the book; raises LobsimError naming the first broken invariant."""
        check(self.arrays)

    def __repr__(self) -> str:
        """The touch and the number of orders."""
        bid, ask = (levels[0] if levels else None for levels in (self.bids(1), self.asks(1)))
        words = [f"{side.size} @ {side.price}" if side else "nobody" for side in (bid, ask)]
        return f"<Book {' | '.join(words)}, {self.orders} orders>"

    # between natural units and the compiled floor

    def _about(self, verb: Verb, order_id: SupportsIndex, ts_ns: SupportsIndex | None) -> np.ndarray:
        """Begin a message about an order."""
        self._one[:] = np.zeros(1, MESSAGE)
        message = self._one[0]
        message["verb"] = verb
        message["side"] = NONE
        message["order_id"] = whole_of(order_id, "id")
        message["ts_ns"] = self.arrays.head[0]["clock_ns"] if ts_ns is None else whole_of(ts_ns, "ts_ns")
        return message

    def _new(self, order_id: SupportsIndex, side: str | Side, ts_ns: SupportsIndex | None) -> np.ndarray:
        """Begin a NEW message."""
        message = self._about(Verb.NEW, order_id, ts_ns)
        message["side"] = word_of(side, Side, "side")
        return message

    def _ask(self, price: Number | None, size: Number | None) -> Reports:
        """Send the message begun, with price and size in natural units."""
        message = self._one[0]
        asked_price = Decimal(0) if price is None else number_of(price, "price")
        asked_size = Decimal(0) if size is None else number_of(size, "size")
        ticks = steps_in(asked_price, self.tick_size, MAX_PRICE_TICKS)
        lots = steps_in(asked_size, self.lot_size, MAX_SIZE_LOTS)
        off = Reason.OFF_TICK if ticks is None else Reason.OFF_LOT if lots is None else None
        if off is None:
            message["price_ticks"], message["size_lots"] = ticks, lots
        else:
            # A verb that does not exist is refused too, but the clock moves first, as it does for every message.
            message["verb"] = NONE
        answers = [self._natural(row) for row in self._answer()]
        if answers[-1].kind == ReportKind.REJECTED:
            why = answers[-1].reason if off is None else off
            other_id = int(message["new_id"])
            answers[-1] = replace(answers[-1], reason=why, price=asked_price, size=asked_size, other_id=other_id)
        return Reports(answers)

    def _answer(self) -> np.ndarray:
        """Run the message begun."""
        reports = self.run(self._one, self._answers)
        if len(reports) > len(self._answers):
            self._answers = np.zeros(2 * len(reports), REPORT)
        return reports

    def _natural(self, row: np.ndarray) -> Report:
        """One report of the compiled floor in natural units."""
        return Report(
            ReportKind(int(row["kind"])),
            Reason(int(row["reason"])),
            None if row["side"] == NONE else Side(int(row["side"])),
            int(row["order_id"]),
            int(row["other_id"]),
            self.tick_size * int(row["price_ticks"]),
            self.lot_size * int(row["size_lots"]),
            self.lot_size * int(row["remaining_lots"]),
        )

    def _levels(self, side: Side, count: int) -> list[Level]:
        rows = np.zeros((min(max(count, 0), int(self.arrays.sides[side]["levels"])), 3), np.int64)
        rows = rows[: copy_levels(self.arrays, int(side), rows)]
        return [Level(self.tick_size * int(p), self.lot_size * int(s), int(orders)) for p, s, orders in rows]
