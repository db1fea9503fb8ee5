"""A limit order book on lists and dictionaries: section 1 of docs/rules.md, word for word.

Invariants: a queue is the list of orders at one price, oldest first; a price without orders has no entry; every order in
a queue is in ``orders`` under its id, but for the anonymous orders of a replay; every order with a time limit is in ``limited``.

Known limits: O(n) everywhere, on purpose.  Bad verbs are not in the rules; they are refused with BAD_FIELD.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lobsim.types import (
    MAX_LEVEL_UNITS,
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    MESSAGE,
    NEVER,
    NONE,
    MessageFlag,
    OrderType,
    Reason,
    ReportKind,
    Side,
    TimeInForce,
    Verb,
)

Report = tuple[int, int, int, int, int, int, int, int]
"""(kind, reason, side, order_id, other_id, price_ticks, size_lots, remaining_lots)"""

MESSAGE_FIELDS = MESSAGE.names or ()
FNV_START = 1469598103934665603
FNV_PRIME = 1099511628211
WORD = 1 << 64


@dataclass(eq=False)
class Order:
    """One order in a queue.  Outside a replay ``hist`` is 0 and only the first seven fields matter."""

    id: int
    side: int
    price: int
    size: int
    hist: int = 0
    expire_ns: int = NEVER
    limit_given: int = 0  # the how-manieth time limit of this book; settles ties of expire_ns
    own: bool = False  # replay: ours, not recorded
    anonymous: bool = False  # replay: a recorded quantity without a known id
    epoch: int = 0  # replay: number of CLEAR rows seen when an own order joined
    blind: bool = False  # replay: an own order posted at a price the feed did not show


def better(side: int, price: int, than: int) -> bool:
    """Whether `price` is strictly better than `than` for a resting order of `side`."""
    return price > than if side == Side.BUY else price < than


def reaches(side: int, limit: int | None, price: int) -> bool:
    """Whether a taker of `side` with `limit` (None: no limit) may trade at the resting `price`."""
    if limit is None:
        return True
    return price <= limit if side == Side.BUY else price >= limit


def report(
    kind: ReportKind,
    reason: Reason = Reason.NONE,
    *,
    side: int,
    order_id: int,
    other_id: int = 0,
    price: int = 0,
    size: int = 0,
    remaining: int = 0,
) -> Report:
    """One report as a plain tuple of ints."""
    return (int(kind), int(reason), side, order_id, other_id, price, size, remaining)


def plain(message: Mapping[str, Any] | Any) -> dict[str, int]:
    """The message (mapping or numpy record) as a dictionary of Python ints; absent fields of a mapping are 0."""
    if isinstance(message, Mapping):
        return {name: int(message.get(name, 0)) for name in MESSAGE_FIELDS}
    return {name: int(message[name]) for name in MESSAGE_FIELDS}


class OracleBook:
    """Price-time priority.  ``process`` takes one message and answers all its reports in order."""

    def __init__(self, *, max_level_units: int = MAX_LEVEL_UNITS) -> None:
        self.max_level_units = max_level_units
        self.queues: tuple[dict[int, list[Order]], dict[int, list[Order]]] = ({}, {})
        self.orders: dict[int, Order] = {}
        self.clock: int | None = None
        self.limited: list[Order] = []
        self.limits_given = 0

    # --- questions

    def prices(self, side: int) -> list[int]:
        """Prices that hold an order, best first."""
        return sorted(self.queues[side], reverse=side == Side.BUY)

    def best(self, side: int) -> int | None:
        """Price of the first level with size on it, None for an empty side."""
        return next((price for price in self.prices(side) if self.total(side, price) > 0), None)

    def total(self, side: int, price: int) -> int:
        """Resting lots at one price."""
        return sum(order.size for order in self.queues[side].get(price, ()))

    def levels(self, side: int) -> list[tuple[int, int, int]]:
        """(price, total lots, orders with size) of every level with size, best first."""
        rows = []
        for price in self.prices(side):
            sizes = [order.size for order in self.queues[side][price] if order.size > 0]
            if sizes:
                rows.append((price, sum(sizes), len(sizes)))
        return rows

    def queue(self, side: int, price: int) -> list[tuple[int, int]]:
        """(id, size) of every order at one price, first to last."""
        return [(order.id, order.size) for order in self.queues[side].get(price, ())]

    def live(self, order_id: int) -> bool:
        """Whether an order with this id is in the book."""
        return order_id in self.orders

    def state_hash(self) -> int:
        """64-bit FNV-1a over sides, prices, ids, sizes and hist, halved."""
        value = FNV_START
        for word in self._words():
            value = ((value ^ (word % WORD)) * FNV_PRIME) % WORD
        return value >> 1

    def _words(self) -> Iterator[int]:
        for side in (Side.BUY, Side.SELL):
            yield -1 - side
            for price in self.prices(side):
                yield price
                for order in self.queues[side][price]:
                    yield from (order.id, order.size, order.hist)

    # --- messages

    def process(self, message: Mapping[str, Any] | Any) -> list[Report]:
        """Apply one message; answer its reports, expiries first."""
        asked = plain(message)
        reports = self.advance_clock(asked["ts_ns"])
        verb = asked["verb"]
        if verb == Verb.NEW:
            return reports + self._new(asked)
        if verb == Verb.CANCEL:
            return reports + self._cancel(asked)
        if verb == Verb.REDUCE:
            return reports + self._reduce(asked)
        if verb == Verb.REPLACE:
            return reports + self._replace(asked)
        return [*reports, self._rejected(asked, Reason.BAD_FIELD, asked["side"])]

    def advance_clock(self, ts_ns: int) -> list[Report]:
        """Move the clock (never back) and let every order leave whose time limit is reached."""
        self.clock = ts_ns if self.clock is None else max(self.clock, ts_ns)
        due = [order for order in self.limited if order.expire_ns <= self.clock]
        due.sort(key=lambda order: (order.expire_ns, order.limit_given))
        reports = []
        for order in due:
            reports += self._expire(order)
        return reports

    def _expire(self, order: Order) -> list[Report]:
        self._remove(order)
        return [self._left(ReportKind.EXPIRED, Reason.TIME_LIMIT, order)]

    def _new(self, asked: dict[str, int]) -> list[Report]:
        if asked["type"] == OrderType.MARKET and asked["tif"] == TimeInForce.GTC:
            asked = asked | {"tif": int(TimeInForce.IOC)}
        reason = self._refusal_of_new(asked)
        if reason != Reason.NONE:
            return [self._rejected(asked, reason, asked["side"])]
        limit = self._limit_of(asked)
        rests = asked["tif"] in (TimeInForce.GTC, TimeInForce.GTD)
        trades, left = self._match(asked["order_id"], asked["side"], limit, asked["size_lots"])
        facts: dict[str, Any] = {
            "side": asked["side"],
            "order_id": asked["order_id"],
            "price": 0 if limit is None else limit,
        }
        reports = [
            report(ReportKind.ACCEPTED, size=asked["size_lots"], remaining=left if rests else 0, **facts),
            *trades,
        ]
        if left and rests:
            assert limit is not None
            order = self._arriving(asked["order_id"], asked["side"], limit, left)
            if asked["tif"] == TimeInForce.GTD:
                self._give_limit(order, asked["expire_ns"])
            self.join(order)
        elif left:
            reports.append(report(ReportKind.CANCELLED, Reason.NO_LIQUIDITY, size=left, **facts))
        return reports

    def _refusal_of_new(self, asked: dict[str, int]) -> Reason:
        """The first check of section 1 that fails, in its order."""
        side, price, size = asked["side"], asked["price_ticks"], asked["size_lots"]
        limit = self._limit_of(asked)
        assert self.clock is not None
        if not fields_exist(asked):
            return Reason.BAD_FIELD
        if not 1 <= size <= MAX_SIZE_LOTS:
            return Reason.BAD_SIZE
        if limit is not None and abs(price) > MAX_PRICE_TICKS:
            return Reason.BAD_PRICE
        if asked["tif"] == TimeInForce.GTD and asked["expire_ns"] <= self.clock:
            return Reason.ALREADY_EXPIRED
        if self.live(asked["order_id"]):
            return Reason.DUPLICATE_ID
        if asked["flags"] & MessageFlag.POST_ONLY and self._would_trade(side, limit):
            return Reason.POST_ONLY_WOULD_TRADE
        if asked["tif"] == TimeInForce.FOK and self._fillable(side, limit) < size:
            return Reason.FOK_NOT_FILLABLE
        if asked["tif"] in (TimeInForce.GTC, TimeInForce.GTD) and self._overflows(side, price, size):
            return Reason.SIZE_OVERFLOW
        return Reason.NONE

    def _cancel(self, asked: dict[str, int]) -> list[Report]:
        order = self.orders.get(asked["order_id"])
        if order is None:
            return [self._rejected(asked, Reason.UNKNOWN_ORDER, NONE)]
        self._remove(order)
        return [self._left(ReportKind.CANCELLED, Reason.REQUESTED, order)]

    def _reduce(self, asked: dict[str, int]) -> list[Report]:
        order = self.orders.get(asked["order_id"])
        size = asked["size_lots"]
        if order is None:
            return [self._rejected(asked, Reason.UNKNOWN_ORDER, NONE)]
        if size < 1:
            return [self._rejected(asked, Reason.BAD_SIZE, order.side)]
        if size >= order.size:
            return self._cancel(asked)
        order.size -= size
        facts: dict[str, Any] = {"side": order.side, "order_id": order.id, "price": order.price}
        return [report(ReportKind.REDUCED, size=size, remaining=order.size, **facts)]

    def _replace(self, asked: dict[str, int]) -> list[Report]:
        order = self.orders.get(asked["order_id"])
        if order is None:
            return [self._rejected(asked, Reason.UNKNOWN_ORDER, NONE)]
        price, size, new_id = asked["price_ticks"], asked["size_lots"], asked["new_id"]
        keeps = price == order.price and size <= order.size and not asked["flags"] & MessageFlag.LOSE_PLACE
        reason = self._refusal_of_replace(order, asked, keeps)
        if reason != Reason.NONE:
            return [self._rejected(asked, reason, order.side)]
        trades: list[Report] = []
        if keeps:
            self._rename(order, new_id)
            order.size = size
        else:
            self._remove(order)
            trades, order.size = self._match(new_id, order.side, price, size)
            order.id, order.price = new_id, price
            if order.size:
                self.join(order)
        facts: dict[str, Any] = {"side": order.side, "order_id": new_id, "other_id": asked["order_id"], "price": price}
        return [*trades, report(ReportKind.REPLACED, size=size, remaining=order.size, **facts)]

    def _refusal_of_replace(self, order: Order, asked: dict[str, int], keeps: bool) -> Reason:
        price, size, new_id = asked["price_ticks"], asked["size_lots"], asked["new_id"]
        if not 1 <= size <= MAX_SIZE_LOTS:
            return Reason.BAD_SIZE
        if abs(price) > MAX_PRICE_TICKS:
            return Reason.BAD_PRICE
        if new_id != order.id and self.live(new_id):
            return Reason.DUPLICATE_ID
        if not keeps and asked["flags"] & MessageFlag.POST_ONLY and self._would_trade(order.side, price):
            return Reason.POST_ONLY_WOULD_TRADE
        if not keeps and self._overflows(order.side, price, size):
            return Reason.SIZE_OVERFLOW
        return Reason.NONE

    # --- matching

    def _match(self, taker_id: int, side: int, limit: int | None, size: int) -> tuple[list[Report], int]:
        """Trade `size` against the other side, best price first, first to last; answer trades and what is left."""
        other, trades = 1 - side, []
        for price in self.prices(other):
            if not reaches(side, limit, price):
                break
            for maker in list(self.queues[other][price]):
                traded = min(size, maker.size)
                if traded:
                    size -= traded
                    trades.append(self._trade(maker, taker_id, traded))
        return trades, size

    def _trade(self, maker: Order, taker_id: int, traded: int) -> Report:
        self._take(maker, traded)
        facts: dict[str, Any] = {"side": maker.side, "order_id": maker.id, "other_id": taker_id, "price": maker.price}
        return report(ReportKind.TRADE, size=traded, remaining=maker.size, **facts)

    def _take(self, maker: Order, traded: int) -> None:
        maker.size -= traded
        self._leave_if_empty(maker)

    def _would_trade(self, side: int, limit: int | None) -> bool:
        best = self.best(1 - side)
        return best is not None and reaches(side, limit, best)

    def _fillable(self, side: int, limit: int | None) -> int:
        other = 1 - side
        return sum(self.total(other, price) for price in self.prices(other) if reaches(side, limit, price))

    def _overflows(self, side: int, price: int, size: int) -> bool:
        return self.total(side, price) + size > self.max_level_units

    # --- the book itself

    def _arriving(self, order_id: int, side: int, price: int, size: int) -> Order:
        return Order(order_id, side, price, size)

    def join(self, order: Order, place: int | None = None) -> None:
        """Put the order behind everything at its price, or at index `place` of the queue."""
        queue = self.queues[order.side].setdefault(order.price, [])
        queue.insert(len(queue) if place is None else place, order)
        if not order.anonymous:
            self.orders[order.id] = order
        if order.expire_ns != NEVER:
            self.limited.append(order)

    def _remove(self, order: Order) -> None:
        queue = self.queues[order.side][order.price]
        queue.remove(order)
        if not queue:
            del self.queues[order.side][order.price]
        if not order.anonymous:
            del self.orders[order.id]
        if order in self.limited:
            self.limited.remove(order)

    def _leave_if_empty(self, order: Order) -> None:
        if order.size == 0 and order.hist == 0:
            self._remove(order)

    def _rename(self, order: Order, new_id: int) -> None:
        del self.orders[order.id]
        order.id = new_id
        self.orders[new_id] = order

    def _give_limit(self, order: Order, expire_ns: int) -> None:
        self.limits_given += 1
        order.expire_ns, order.limit_given = expire_ns, self.limits_given

    @staticmethod
    def _limit_of(asked: dict[str, int]) -> int | None:
        return None if asked["type"] == OrderType.MARKET else asked["price_ticks"]

    @staticmethod
    def _rejected(asked: dict[str, int], reason: Reason, side: int) -> Report:
        other = asked["new_id"] if asked["verb"] == Verb.REPLACE else 0
        facts: dict[str, Any] = {"order_id": asked["order_id"], "other_id": other, "price": asked["price_ticks"]}
        return report(ReportKind.REJECTED, reason, side=side, size=asked["size_lots"], **facts)

    @staticmethod
    def _left(kind: ReportKind, reason: Reason, order: Order) -> Report:
        return report(kind, reason, side=order.side, order_id=order.id, price=order.price, size=order.size)


def fields_exist(asked: dict[str, int]) -> bool:
    """Check 1 of NEW: known side, type and time in force, in a combination that means something."""
    known = asked["side"] in tuple(Side) and asked["type"] in tuple(OrderType) and asked["tif"] in tuple(TimeInForce)
    if not known:
        return False
    if asked["type"] == OrderType.MARKET:
        post_only = bool(asked["flags"] & MessageFlag.POST_ONLY)
        return asked["tif"] in (TimeInForce.IOC, TimeInForce.FOK) and not post_only
    if asked["flags"] & MessageFlag.POST_ONLY:
        return asked["tif"] in (TimeInForce.GTC, TimeInForce.GTD)
    return True
