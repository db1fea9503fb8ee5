"""Orders in queues, on lists and dictionaries: what docs/rules.md, sections 1 and 1b, say a book holds.

`OracleBook` knows where orders stand, when their time is up, and its hash; what a message does to it is said in
`tests.oracle.venue`.

Invariants: a queue is the list of orders at one price, the displayed ones first, then the hidden, each oldest first; a price
without orders has no entry; every live order is in ``orders`` under its id (but for the anonymous orders of a replay) and either
in a queue or in ``waiting``; every live order with a time limit is in ``limited``.

Known limits: O(n) everywhere, on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lobsim.types import MAX_LEVEL_UNITS, MESSAGE, NEVER, Peg, Reason, ReportKind, Side

Report = tuple[int, int, int, int, int, int, int, int]
"""(kind, reason, side, order_id, other_id, price_ticks, size_lots, remaining_lots)"""

MESSAGE_FIELDS = MESSAGE.names or ()
FNV_START = 1469598103934665603
FNV_PRIME = 1099511628211
WORD = 1 << 64


@dataclass(eq=False)
class Order:
    """One order, in a queue, waiting outside the book, or just arriving.  Outside a replay ``hist`` is 0."""

    id: int
    side: int
    price: int  # where it stands, once it rests
    size: int  # what it shows; all that is left while it arrives or waits
    hist: int = 0
    expire_ns: int = NEVER
    limit_given: int = 0  # the how-manieth time limit of this book; settles ties of expire_ns
    own: bool = False  # replay: ours, not recorded
    anonymous: bool = False  # replay: a recorded quantity without a known id
    epoch: int = 0  # replay: number of CLEAR rows seen when an own order joined
    blind: bool = False  # replay: an own order posted at a price the feed did not show
    arrival: int = 0  # the how-manieth NEW of this book
    owner: int = 0
    limit: int | None = None  # the worst price it accepts, None: any
    reserve: int = 0  # of an iceberg: what it does not show yet
    display: int = 0  # of an iceberg: how much it shows at a time, 0: all
    turn: int = 0  # how often it showed its reserve
    hidden: bool = False
    reduce_only: bool = False
    resting: bool = False  # in a queue
    waiting: bool = False  # outside the book: a stop, or a pegged order without a price
    stop: int | None = None  # stop price, None: not a stop (any more)
    elected: bool = False
    peg: int = int(Peg.NONE)
    peg_ticks: int = 0

    @property
    def whole(self) -> int:
        """All that is left of it, shown or not."""
        return self.size + self.reserve

    @property
    def reported_price(self) -> int:
        """The price its reports bear: where it rests, else its limit; 0 without one, and for a pegged order that waits."""
        if self.resting:
            return self.price
        parked = self.waiting and self.peg != Peg.NONE
        return 0 if self.limit is None or parked else self.limit

    def take_off(self, lots: int) -> None:
        """Its owner (or the venue) takes size off: reserve first."""
        from_reserve = min(lots, self.reserve)
        self.reserve -= from_reserve
        self.size -= lots - from_reserve


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


def about(kind: ReportKind, reason: Reason, order: Order, *, size: int, remaining: int = 0) -> Report:
    """A report about one order."""
    price = order.reported_price
    return report(kind, reason, side=order.side, order_id=order.id, price=price, size=size, remaining=remaining)


def plain(message: Mapping[str, Any] | Any) -> dict[str, int]:
    """The message (mapping or numpy record) as a dictionary of Python ints; absent fields of a mapping are 0."""
    if isinstance(message, Mapping):
        return {name: int(message.get(name, 0)) for name in MESSAGE_FIELDS}
    return {name: int(message[name]) for name in MESSAGE_FIELDS}


def fnv(words: Iterable[int]) -> int:
    """64-bit FNV-1a over words."""
    value = FNV_START
    for word in words:
        value = ((value ^ (word % WORD)) * FNV_PRIME) % WORD
    return value


class OracleBook:
    """Queues by price and time, the orders that wait outside them, and the clock."""

    def __init__(self, *, max_level_units: int = MAX_LEVEL_UNITS) -> None:
        self.max_level_units = max_level_units
        self.queues: tuple[dict[int, list[Order]], dict[int, list[Order]]] = ({}, {})
        self.orders: dict[int, Order] = {}
        self.waiting: list[Order] = []
        self.clock: int | None = None
        self.limited: list[Order] = []
        self.limits_given = 0

    # --- questions

    def prices(self, side: int) -> list[int]:
        """Prices that hold an order, best first."""
        return sorted(self.queues[side], reverse=side == Side.BUY)

    def best(self, side: int) -> int | None:
        """Best price that shows size, None if none does."""
        return next((price for price in self.prices(side) if self.total(side, price) > 0), None)

    def best_of_any_kind(self, side: int) -> int | None:
        """Best price at which something rests, hidden orders too."""
        prices = (price for price in self.prices(side) if self.total(side, price) > 0 or self._hides(side, price))
        return next(prices, None)

    def _hides(self, side: int, price: int) -> bool:
        return any(order.hidden for order in self.queues[side].get(price, ()))

    def total(self, side: int, price: int) -> int:
        """Lots shown at one price."""
        return sum(order.size for order in self.queues[side].get(price, ()) if not order.hidden)

    def levels(self, side: int) -> list[tuple[int, int, int]]:
        """(price, lots shown, orders that show size) of every level that shows size, best first."""
        rows = []
        for price in self.prices(side):
            sizes = [order.size for order in self.queues[side][price] if order.size > 0 and not order.hidden]
            if sizes:
                rows.append((price, sum(sizes), len(sizes)))
        return rows

    def queue(self, side: int, price: int) -> list[tuple[int, int]]:
        """(id, size shown or hidden) of every order at one price, first to last."""
        return [(order.id, order.size) for order in self.queues[side].get(price, ())]

    def live(self, order_id: int) -> bool:
        """Whether an order with this id is in the book, or waits outside it."""
        return order_id in self.orders

    def state_hash(self) -> int:
        """The hash of section 1, with the words of section 1b; halved."""
        return fnv(self._words()) >> 1

    def _words(self) -> Iterator[int]:
        for side in (Side.BUY, Side.SELL):
            yield -1 - side
            for price in self.prices(side):
                yield price
                for order in self.queues[side][price]:
                    yield from (order.id, order.size, order.hist)
                    if order.reserve or order.hidden:
                        yield from (order.reserve, int(order.hidden))
        if self.waiting:
            yield sum(fnv((order.id, order.stop or 0, order.size)) for order in self.waiting) % WORD

    # --- orders come, move and leave

    def join(self, order: Order, place: int | None = None) -> None:
        """Put the order behind its like at its price (displayed or hidden), or at index `place` of the queue."""
        queue = self.queues[order.side].setdefault(order.price, [])
        if place is None:
            place = len(queue) if order.hidden else sum(not other.hidden for other in queue)
        queue.insert(place, order)
        order.resting = True
        self._enlist(order)

    def wait(self, order: Order) -> None:
        """The order waits outside the book."""
        order.waiting = True
        self.waiting.append(order)
        self._enlist(order)

    def _enlist(self, order: Order) -> None:
        if not order.anonymous:
            self.orders[order.id] = order
        if order.expire_ns != NEVER:
            self.limited.append(order)

    def remove(self, order: Order) -> None:
        """The order leaves its queue, or waits no longer."""
        if order.waiting:
            self.waiting.remove(order)
            order.waiting = False
        else:
            queue = self.queues[order.side][order.price]
            queue.remove(order)
            order.resting = False
            if not queue:
                del self.queues[order.side][order.price]
        if not order.anonymous:
            del self.orders[order.id]
        if order in self.limited:
            self.limited.remove(order)

    def leave_if_empty(self, order: Order) -> None:
        """An order leaves when neither size nor history is left of it."""
        if order.size == 0 and order.hist == 0:
            self.remove(order)

    def rename(self, order: Order, new_id: int) -> None:
        """The order is known under another id from now on."""
        del self.orders[order.id]
        order.id = new_id
        self.orders[new_id] = order

    def give_limit(self, order: Order, expire_ns: int) -> None:
        """The order gets a time limit; ties end in the order of giving."""
        self.limits_given += 1
        order.expire_ns, order.limit_given = expire_ns, self.limits_given

    # --- time

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
        return [self.leave(order, ReportKind.EXPIRED, Reason.TIME_LIMIT)]

    def leave(self, order: Order, kind: ReportKind, reason: Reason) -> Report:
        """The order leaves with all that is left of it; answers the report."""
        said = about(kind, reason, order, size=order.whole)
        self.remove(order)
        return said
