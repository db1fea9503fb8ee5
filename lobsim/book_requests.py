"""Requests to a `Book` in natural units, one at a time.

Prices and sizes are text, Decimal, int or float.  A float stands for its shortest decimal text: ``166.01`` is the price 166.01,
``0.1 + 0.2`` is off tick.  Every request answers with ``Reports``; a refusal is a report with a reason, never an exception; what cannot be an order at
all (a side that does not exist, a price that is no number) is an OrderError.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from decimal import Decimal
from typing import Any, SupportsIndex

import numpy as np

from lobsim.answers import Report, Reports
from lobsim.core.layout import Book as Arrays
from lobsim.errors import OrderError
from lobsim.natural import Number, number_of, steps_in, whole_of, word_of
from lobsim.types import (
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    MESSAGE,
    NONE,
    REPORT,
    TERMS,
    MessageFlag,
    OrderType,
    Peg,
    Phase,
    Reason,
    ReportKind,
    Side,
    TimeInForce,
    Verb,
)

_TERMS_FIELDS = {
    "stop_price": "stop_ticks",
    "offset": "peg_ticks",
    "display": "display_lots",
    "minimum": "min_lots",
}
"""What a request calls it -> the field of TERMS."""


class Requests:
    """The requests of a book.  `_run` is the book's own."""

    arrays: Arrays

    def __init__(self, tick_size: Decimal, lot_size: Decimal) -> None:
        self.tick_size = tick_size
        self.lot_size = lot_size
        self._one = np.zeros(1, MESSAGE)
        self._table = np.zeros(2, TERMS)
        self._answers = np.zeros(64, REPORT)

    @abstractmethod
    def _run(self, messages: np.ndarray, table: np.ndarray, reports: np.ndarray) -> tuple[np.ndarray, int]:
        """Apply messages; answers the report buffer and how many it holds."""

    # orders

    def limit(
        self,
        id: SupportsIndex,
        side: str | Side,
        price: Number,
        size: Number,
        tif: str | TimeInForce = "gtc",
        *,
        display: Number | None = None,
        hidden: bool = False,
        minimum: Number | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        owner: SupportsIndex = 0,
        expire_ns: SupportsIndex | None = None,
        ts_ns: SupportsIndex | None = None,
    ) -> Reports:
        """A limit order; with tif "gtd" it leaves at expire_ns.

        display      an iceberg: it shows so much at a time
        hidden       in no public total, and behind all that is displayed at its price
        minimum      trade at least so much at once, or nothing
        reduce_only  it may only bring its owner's position nearer to 0
        owner        owner group from 1 (self-trade prevention, positions), 0 = nobody
        ts_ns        moves the book's clock, which never goes back; without it the clock stands still
        """
        self._new(OrderType.LIMIT, id, side, tif, expire_ns, owner, ts_ns)
        self._flag(post_only=post_only, hidden=hidden, reduce_only=reduce_only)
        return self._ask(price, size, display=display, minimum=minimum)

    def market(
        self,
        id: SupportsIndex,
        side: str | Side,
        size: Number,
        tif: str | TimeInForce = "ioc",
        *,
        minimum: Number | None = None,
        reduce_only: bool = False,
        owner: SupportsIndex = 0,
        ts_ns: SupportsIndex | None = None,
    ) -> Reports:
        """A market order: it takes what there is at any price, and what finds nobody is cancelled; tif "fok": all or nothing."""
        self._new(OrderType.MARKET, id, side, tif, None, owner, ts_ns)
        self._flag(reduce_only=reduce_only)
        return self._ask(None, size, minimum=minimum)

    def market_to_limit(
        self,
        id: SupportsIndex,
        side: str | Side,
        size: Number,
        tif: str | TimeInForce = "gtc",
        *,
        reduce_only: bool = False,
        owner: SupportsIndex = 0,
        expire_ns: SupportsIndex | None = None,
        ts_ns: SupportsIndex | None = None,
    ) -> Reports:
        """It takes what the best price of the other side offers; what is left rests there."""
        self._new(OrderType.MARKET_TO_LIMIT, id, side, tif, expire_ns, owner, ts_ns)
        self._flag(reduce_only=reduce_only)
        return self._ask(None, size)

    def stop(
        self,
        id: SupportsIndex,
        side: str | Side,
        stop_price: Number,
        size: Number,
        limit_price: Number | None = None,
        tif: str | TimeInForce = "gtc",
        *,
        reduce_only: bool = False,
        owner: SupportsIndex = 0,
        expire_ns: SupportsIndex | None = None,
        ts_ns: SupportsIndex | None = None,
    ) -> Reports:
        """It waits for a trade at its stop price or beyond, and goes on as a market order; with a limit price as a limit order."""
        kind = OrderType.STOP if limit_price is None else OrderType.STOP_LIMIT
        self._new(kind, id, side, tif, expire_ns, owner, ts_ns)
        self._flag(reduce_only=reduce_only)
        self._table[1]["has_stop"] = 1
        return self._ask(limit_price, size, stop_price=stop_price)

    def pegged(
        self,
        id: SupportsIndex,
        side: str | Side,
        limit_price: Number,
        size: Number,
        to: str | Peg = "mid",
        offset: Number = 0,
        tif: str | TimeInForce = "gtc",
        *,
        hidden: bool = False,
        owner: SupportsIndex = 0,
        expire_ns: SupportsIndex | None = None,
        ts_ns: SupportsIndex | None = None,
    ) -> Reports:
        """It follows the best price of its own side ("primary"), of the other ("market") or their middle, never beyond its limit.

        offset  price distance from the reference, away from the other side
        """
        self._new(OrderType.PEGGED, id, side, tif, expire_ns, owner, ts_ns)
        self._flag(hidden=hidden)
        self._table[1]["peg"] = word_of(to, Peg, "to")
        return self._ask(limit_price, size, offset=offset)

    # about orders

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
        self._flag(post_only=post_only, lose_place=lose_place)
        return self._ask(price, size)

    def phase(self, phase: str | Phase, reference: Number = 0, *, ts_ns: SupportsIndex | None = None) -> Reports:
        """The venue changes phase; where that uncrosses the book, ties go to the price nearest to the reference."""
        message = self._about(Verb.PHASE, 0, ts_ns)
        message["size_lots"] = word_of(phase, Phase, "phase")
        return self._ask(reference, None)

    # between natural units and the compiled floor

    def _about(self, verb: Verb, order_id: SupportsIndex, ts_ns: SupportsIndex | None) -> Any:
        """Begin a message about an order."""
        self._one[:] = np.zeros(1, MESSAGE)
        self._table[1] = np.zeros(1, TERMS)[0]
        message = self._one[0]
        message["verb"] = verb
        message["side"] = NONE
        message["order_id"] = whole_of(order_id, "id")
        message["ts_ns"] = self.arrays.head[0]["clock_ns"] if ts_ns is None else whole_of(ts_ns, "ts_ns")
        return message

    def _new(
        self,
        kind: OrderType,
        order_id: SupportsIndex,
        side: str | Side,
        tif: str | TimeInForce,
        expire_ns: SupportsIndex | None,
        owner: SupportsIndex,
        ts_ns: SupportsIndex | None,
    ) -> None:
        """Begin a NEW message."""
        life = word_of(tif, TimeInForce, "tif")
        if (life == TimeInForce.GTD) != (expire_ns is not None):
            raise OrderError("a time limit needs both tif='gtd' and expire_ns")
        message = self._about(Verb.NEW, order_id, ts_ns)
        message["side"] = word_of(side, Side, "side")
        message["type"] = kind
        message["tif"] = life
        message["expire_ns"] = 0 if expire_ns is None else whole_of(expire_ns, "expire_ns")
        group = whole_of(owner, "owner")
        message["owner"] = group if 0 <= group < 2**31 else NONE

    def _flag(self, **flags: bool) -> None:
        """Set the flags of the message begun, by name."""
        for name, is_set in flags.items():
            if is_set:
                self._one[0]["flags"] |= MessageFlag[name.upper()]

    def _ask(self, price: Number | None, size: Number | None, **terms: Number | None) -> Reports:
        """Send the message begun, with numbers in natural units."""
        message = self._one[0]
        asked_price = Decimal(0) if price is None else number_of(price, "price")
        asked_size = Decimal(0) if size is None else number_of(size, "size")
        off = None
        for name, field, number in (("price", "price_ticks", price), ("size", "size_lots", size)):
            if number is not None:
                wrong = self._put(message, field, name, number)
                off = off or wrong
        for name, number in terms.items():
            if number is not None:
                wrong = self._put(self._table[1], _TERMS_FIELDS[name], name, number)
                off = off or wrong
        message["terms"] = 1 if any(self._table[1].tolist()) else 0
        if off is not None:
            # A verb that does not exist is refused too, but the clock moves first, as it does for every message.
            message["verb"] = NONE
        answers = [self._natural(row) for row in self._answer()]
        for place, answer in enumerate(answers):
            if answer.kind == ReportKind.REJECTED:
                reason = answer.reason if off is None else off
                facts: dict[str, Any] = {"price": asked_price, "size": asked_size, "other_id": int(message["new_id"])}
                answers[place] = replace(answer, reason=reason, **facts)
        return Reports(answers)

    def _put(self, record: Any, field: str, name: str, number: Number) -> Reason | None:
        """Put a number of ticks or lots into a record; the reason to refuse it where it lies between two."""
        in_ticks = field.endswith("_ticks")
        step, most = (self.tick_size, MAX_PRICE_TICKS) if in_ticks else (self.lot_size, MAX_SIZE_LOTS)
        steps = steps_in(number_of(number, name), step, most)
        if steps is None:
            return Reason.OFF_TICK if in_ticks else Reason.OFF_LOT
        record[field] = steps
        return None

    def _answer(self) -> np.ndarray:
        """Run the message begun; a buffer that had to grow is kept."""
        self._answers, count = self._run(self._one, self._table, self._answers)
        return self._answers[:count]

    def _natural(self, row: np.ndarray) -> Report:
        """One report of the compiled floor in natural units."""
        kind = ReportKind(int(row["kind"]))
        return Report(
            kind,
            Reason(int(row["reason"])),
            None if row["side"] == NONE else Side(int(row["side"])),
            int(row["order_id"]),
            int(row["other_id"]),
            self.tick_size * int(row["price_ticks"]),
            Decimal(int(row["size_lots"]))
            if kind == ReportKind.PHASE_CHANGED
            else self.lot_size * int(row["size_lots"]),
            self.lot_size * int(row["remaining_lots"]),
        )
