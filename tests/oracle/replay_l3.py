"""Order by order replay on the slow book: section 2 of docs/rules.md.

A recorded order carries ``hist`` (what history says remains) and ``size`` (what remains here); own orders have ``hist`` 0,
``own`` set and the ids -1, -2, ... in the order they are sent (index i is id -(i + 1)).  Recorded ids are positive.

Invariants: outside own messages every recorded order has ``size == hist`` as long as no own order ever rested or traded;
an order with neither hist nor size is not in the book.

Readings chosen where the rules are silent: an own order that trades with an own order makes two fills, the maker's first,
both OWN_AGGRESSION; an OFF_TICK hidden print never counts as "at an equal price"; an execution outside CONTINUOUS still counts
what its maker could not give as unfilled; ``history_crossed`` looks at orders with size only; an execution counts for at most
its maker's hist, the rest is ``overdrawn`` and goes nowhere (else null replay would not be identical on every tape).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lobsim.types import (
    NONE,
    CrossPolicy,
    FillReason,
    Flag,
    Impact,
    Kind,
    Phase,
    Reason,
    Side,
    SurplusPolicy,
    Verb,
)
from tests.oracle import Row, prepare, row_of
from tests.oracle.book import Order, Report, better, reaches
from tests.oracle.venue import OracleVenue

Fill = tuple[int, int, int, int, int, int, int]
"""(ts_ns, own order index, side, FillReason, passive, price_ticks, size_lots)"""

WORD = (1 << 64) - 1

__all__ = ["Fill", "OracleReplay", "Row", "lifetime_ns", "prepare", "row_of", "splitmix64"]


def splitmix64(value: int) -> int:
    """The first output of the splitmix64 generator whose state is `value` (Steele, Lea and Flood, 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & WORD
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & WORD
    return value ^ (value >> 31)


def lifetime_ns(median_life_ns: int, seed: int, order_id: int) -> int:
    """How long surplus of this order stays under LIFETIME: exponential with the given median, drawn from its id."""
    low = splitmix64((seed ^ order_id) & WORD) & 1023
    return (median_life_ns * round(-math.log2((low + 0.5) / 1024) * 2**20)) >> 20


class OracleReplay(OracleVenue):
    """A replayed book with own orders in its queues.  ``apply`` a recorded row, ``submit`` an own message."""

    own_orders = True

    def __init__(
        self,
        *,
        impact: Impact = Impact.REMATCH,
        cross: CrossPolicy = CrossPolicy.MATCH,
        surplus: SurplusPolicy = SurplusPolicy.LIFETIME,
        median_life_ns: int = 370_000_000,
        seed: int = 0,
        hidden_at_equal: bool = False,
    ) -> None:
        super().__init__()
        self.impact, self.cross, self.surplus = impact, cross, surplus
        self.median_life_ns, self.seed, self.hidden_at_equal = median_life_ns, seed, hidden_at_equal
        self.fills: list[Fill] = []
        self.passive_lots = 0
        self.executions: list[tuple[int, int, int, int]] = []
        """Per EXECUTE with a maker: (lots of the row, to own orders, to recorded orders, unfilled)."""
        in_rows = ("unknown", "duplicate_ids", "history_crossed")
        in_lots = ("evicted", "surplus_expired", "unfilled_hist", "took_surplus", "crossing_fills", "overdrawn")
        self.counters: dict[str, int] = dict.fromkeys(in_rows + in_lots, 0)
        self.epoch = 0
        self.group_left = 0
        self.group_over = False
        self.is_visible: Callable[[int, int], bool] = lambda _side, _price: True

    # --- recorded rows

    def apply(self, recorded: Row | Mapping[str, Any] | Any) -> list[Report]:
        """Apply one recorded row; answers the EXPIRED reports of own orders whose time came first."""
        row = row_of(recorded)
        expired = self.advance_clock(row.ts_ns)
        extra = 0
        if self.group_over:
            extra, self.group_left, self.group_over = self.group_left, 0, False
        if row.kind == Kind.ADD:
            self._add(row, extra if row.flags & Flag.RESIDUAL else 0)
        elif row.kind == Kind.REDUCE:
            self.history_takes(self._named(row), row.size_lots)
        elif row.kind == Kind.DELETE:
            self._delete(row)
        elif row.kind == Kind.REPLACE:
            self._history_replaces(row)
        elif row.kind == Kind.EXECUTE:
            self._execute(row)
            self.group_over = bool(row.flags & Flag.GROUP_END)
        elif row.kind == Kind.EXECUTE_HIDDEN:
            if self.phase == Phase.CONTINUOUS and not row.flags & Flag.AUCTION:
                self._fill_own_better(row, equal_too=self.hidden_at_equal and not row.flags & Flag.OFF_TICK)
        elif row.kind == Kind.CLEAR:
            self._clear()
        elif row.kind == Kind.PHASE:
            self.phase = row.size_lots
        return expired

    def replay(self, rows: Iterable[Any], own: Iterable[Any] = ()) -> list[Report]:
        """Rows and own messages in one order of time, rows first at equal times; answers all reports."""
        waiting = sorted(own, key=lambda message: int(message["ts_ns"]))
        reports: list[Report] = []
        for row in map(row_of, rows):
            while waiting and int(waiting[0]["ts_ns"]) < row.ts_ns:
                reports += self.submit(waiting.pop(0))
            reports += self.apply(row)
        for message in waiting:
            reports += self.submit(message)
        return reports

    def _add(self, row: Row, extra: int) -> None:
        if self.live(row.order_id):
            self.counters["duplicate_ids"] += 1
            return
        order = Order(row.order_id, row.side, row.price_ticks, row.size_lots + extra, hist=row.size_lots)
        if self.phase == Phase.CONTINUOUS:
            if self.cross == CrossPolicy.SLIDE:
                self._slide(order)
            self._arrive_through(order, row)
        self.join(order, self._place_of_snapshot(order) if row.flags & Flag.SNAPSHOT else None)

    def _slide(self, order: Order) -> None:
        """One tick short of the best own price it would have reached, at its recorded size."""
        other = 1 - order.side
        for price in self.prices(other):
            if reaches(order.side, order.price, price) and any(maker.own for maker in self.queues[other][price]):
                order.price = price - 1 if order.side == Side.BUY else price + 1
                order.size = order.hist
                return

    def _arrive_through(self, order: Order, row: Row) -> None:
        """Trade with own orders, push surplus out of the way, pass over the rest, as far as the order's price."""
        other, left, crossed = 1 - order.side, order.size, False
        for price in self.prices(other):
            if not reaches(order.side, order.price, price):
                break
            for maker in list(self.queues[other][price]):
                if not left:
                    break
                if maker.own:
                    lots = self._own_fill(row.ts_ns, maker, left, FillReason.BOOK_CROSSED)
                    self.counters["crossing_fills"] += lots
                    left -= lots
                elif maker.size > maker.hist:
                    self.counters["evicted"] += maker.size - maker.hist
                    maker.size = maker.hist
                    self.leave_if_empty(maker)
                elif maker.size:
                    crossed = True
        self.counters["history_crossed"] += crossed
        if self.impact != Impact.NONE:
            order.size = left

    def _place_of_snapshot(self, order: Order) -> int | None:
        """In front of the first own order that was there before the CLEAR."""
        queue = self.queues[order.side].get(order.price, [])
        return next((place for place, ours in enumerate(queue) if ours.own and ours.epoch < self.epoch), None)

    def _delete(self, row: Row) -> None:
        order = self._named(row)
        if order is not None and not order.anonymous:
            self.remove(order)
        else:
            self.history_takes(order, row.size_lots)

    def history_takes(self, order: Order | None, lots: int) -> None:
        """History takes `lots` off both ledgers."""
        if order is None:
            return
        had_hist = order.hist > 0
        order.hist -= min(lots, order.hist)
        order.size -= min(lots, order.size)
        self._settle(order, had_hist)

    def _history_replaces(self, row: Row) -> None:
        order = self.orders.get(row.order_id)
        renamed = row.other_id != row.order_id
        if order is None:
            self.counters["unknown"] += 1
        elif (
            row.price_ticks == order.price and row.size_lots <= order.hist and not (renamed and self.live(row.other_id))
        ):
            self.rename(order, row.other_id)
            self.history_takes(order, order.hist - row.size_lots)
            return
        else:
            self.remove(order)
        self._add(row._replace(order_id=row.other_id), 0)

    def _execute(self, row: Row) -> None:
        maker = self._named(row)
        if maker is None:
            if self.phase == Phase.CONTINUOUS:
                self._fill_own_better(row, equal_too=False)
            return
        quantity = min(row.size_lots, maker.hist)
        self.counters["overdrawn"] += row.size_lots - quantity
        trades = self.phase == Phase.CONTINUOUS
        left, own_before = quantity, self.passive_lots
        if trades:
            left = self._give_to_those_ahead(maker, row, quantity)
        if self.impact == Impact.NONE:
            left = quantity
        taken = min(left, maker.size)
        maker.size -= taken
        left -= taken
        if trades and self.impact != Impact.NONE:
            left = self._sweep(maker, row, left)
        own = self.passive_lots - own_before
        extra_volume = self.impact == Impact.NONE
        self.executions.append((quantity, own, quantity - left - (0 if extra_volume else own), left))
        self.counters["unfilled_hist"] += left
        self.group_left += left
        had_hist = maker.hist > 0
        maker.hist -= min(quantity, maker.hist)
        self._settle(maker, had_hist)

    def _give_to_those_ahead(self, maker: Order, row: Row, left: int) -> int:
        """(a): own orders and surplus with priority over the named maker; answers what is left of the row."""
        for price in self.prices(row.side):
            if better(row.side, maker.price, price):
                break
            for order in list(self.queues[row.side][price]):
                if order is maker:
                    return left
                if order.own:
                    left -= self._own_fill(row.ts_ns, order, left, self._reason(row, price))
                elif order.size > order.hist:
                    surplus = min(left, order.size - order.hist)
                    order.size -= surplus
                    left -= surplus
                    self.leave_if_empty(order)
        return left

    def _sweep(self, maker: Order, row: Row, left: int) -> int:
        """(c): every order with size, best first and first to last, up to the limit; answers what is left."""
        for price in self.prices(row.side):
            if not reaches(1 - row.side, row.limit_ticks, price):
                break
            for order in list(self.queues[row.side][price]):
                if order.own:
                    left -= self._own_fill(row.ts_ns, order, left, self._reason(row, price))
                else:
                    taken = min(left, order.size)
                    order.size -= taken
                    left -= taken
                    if order is not maker:
                        self.leave_if_empty(order)
        return left

    def _fill_own_better(self, row: Row, *, equal_too: bool) -> None:
        """Own orders at better prices than the row's (and at the same), best first, at most the row's size in all."""
        left = row.size_lots
        for price in self.prices(row.side):
            if better(row.side, price, row.price_ticks) or (equal_too and price == row.price_ticks):
                for order in [order for order in self.queues[row.side][price] if order.own]:
                    left -= self._own_fill(row.ts_ns, order, left, self._reason(row, price))

    def _clear(self) -> None:
        self.epoch += 1
        everything = [order for queues in self.queues for queue in queues.values() for order in queue]
        for order in everything:
            if not order.own:
                self.remove(order)

    # --- the two ledgers

    def _named(self, row: Row) -> Order | None:
        """The order a row means: by id, else (counted) the anonymous order at its price and side, else None."""
        order = self.orders.get(row.order_id)
        if order is None:
            self.counters["unknown"] += 1
            return self.anonymous(row.side, row.price_ticks)
        return order

    def anonymous(self, side: int, price: int) -> Order | None:
        """The anonymous order at a price, as long as history says something of it remains."""
        queue = self.queues[side].get(price, [])
        return next((order for order in queue if order.anonymous and order.hist), None)

    def _settle(self, order: Order, had_hist: bool) -> None:
        """An order whose history has ended leaves, or becomes surplus under the policy."""
        if order.hist == 0 and order.size == 0:
            self.remove(order)
        elif order.hist == 0 and had_hist:
            if self.surplus == SurplusPolicy.EVICT:
                self.counters["evicted"] += order.size
                self.remove(order)
            elif self.surplus == SurplusPolicy.LIFETIME:
                assert self.clock is not None
                self.give_limit(order, self.clock + lifetime_ns(self.median_life_ns, self.seed, order.id))
                if order not in self.limited:
                    self.limited.append(order)

    def _expire(self, order: Order) -> list[Report]:
        if order.own:
            return super()._expire(order)
        self.counters["surplus_expired"] += order.size
        self.remove(order)
        return []

    # --- own orders

    def submit(self, message: Mapping[str, Any] | Any) -> list[Report]:
        """An own message reaches the venue; section 1 against `size`."""
        return self.process(message)

    def _answer(self, asked: dict[str, int]) -> list[Report]:
        if self.phase != Phase.CONTINUOUS and asked["verb"] in (Verb.NEW, Verb.REPLACE):
            order = self.orders.get(asked["order_id"])
            side = NONE if order is None else order.side
            return [self._rejected(asked, Reason.HALTED, asked["side"] if asked["verb"] == Verb.NEW else side)]
        return super()._answer(asked)

    def join(self, order: Order, place: int | None = None) -> None:
        if order.own:
            order.epoch, order.blind = self.epoch, not self.is_visible(order.side, order.price)
        super().join(order, place)

    def trade(self, maker: Order, taker: Order, lots: int) -> Report:
        """An own order takes from `maker`; under NONE a recorded maker keeps all it shows."""
        assert self.clock is not None
        if maker.own:
            self._note_fill(self.clock, maker, FillReason.OWN_AGGRESSION, lots)
        elif self.impact != Impact.NONE:
            self.counters["took_surplus"] += min(lots, max(0, maker.size - maker.hist))
        reason = int(FillReason.OWN_AGGRESSION)
        self.fills.append((self.clock, -taker.id - 1, 1 - maker.side, reason, 0, maker.price, lots))
        return super().trade(maker, taker, lots)

    def take(self, maker: Order, lots: int) -> None:
        if maker.own or self.impact != Impact.NONE:
            super().take(maker, lots)

    def _own_fill(self, ts_ns: int, order: Order, at_most: int, reason: FillReason) -> int:
        """History trades with an own order; answers the lots."""
        lots = min(at_most, order.size)
        if lots:
            self._note_fill(ts_ns, order, reason, lots)
            order.size -= lots
            self.leave_if_empty(order)
        return lots

    def _note_fill(self, ts_ns: int, order: Order, reason: FillReason, lots: int) -> None:
        self.fills.append((ts_ns, -order.id - 1, order.side, int(reason), 1, order.price, lots))
        self.passive_lots += lots

    @staticmethod
    def _reason(row: Row, price: int) -> FillReason:
        is_better = better(row.side, price, row.price_ticks)
        return FillReason.TRADED_THROUGH if is_better else FillReason.QUEUE_EXHAUSTED
