"""Level replay on the slow book: section 4 of docs/rules.md.

A queue holds anonymous `Block`s and own `Order`s; two blocks never stand side by side.  Own sizes are whole lots (ints).
Anonymous quantities are numbers of the chosen unit: ``unit="real"`` keeps exact fractions of a lot, ``unit="fixed"`` whole
numbers of 2^-20 lot, where a share of a decrease is rounded down in its running sum (`tests.oracle.queue_models`), so that the
shares of all blocks add up to c exactly.

Readings chosen where the rules are silent: what own passive fills have spared at a level is all that own orders took out of
the prints at its price, those at better prices included; a better level is one with any quantity; an own taker eats blocks to
the unit and own makers in whole lots; a print does not change ``consumed``; under NONE blocks give way to the whole print and
nothing is spared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from lobsim.types import L2_SHIFT, FillReason, Flag, Impact, Kind, OrderType, QueueModel, Reason, ReportKind, Side, Verb
from tests.oracle import Row, row_of
from tests.oracle.book import Order, Report, better, reaches, report
from tests.oracle.late_prints import more_to_come, told_late
from tests.oracle.queue_models import share
from tests.oracle.replay_l3 import Fill
from tests.oracle.venue import OracleVenue

Quantity = int | Fraction
DECAY_FACTOR = Fraction(round(2 ** (30 - 1 / 64)), 2**30)
"""What a 64th of a half-life leaves."""


@dataclass(eq=False)
class Block:
    """Anonymous quantity between own orders."""

    quantity: Quantity


@dataclass
class Level:
    """One price of one side."""

    recorded: Quantity = 0
    consumed: Quantity = 0
    spared: Quantity = 0
    decayed_ns: int = 0
    waiting: Row | None = None
    queue: list[Block | Order] = field(default_factory=list)

    def blocks(self) -> list[Block]:
        """The anonymous blocks, first to last."""
        return [entry for entry in self.queue if isinstance(entry, Block)]

    def own(self) -> list[Order]:
        """The own orders, first to last."""
        return [entry for entry in self.queue if isinstance(entry, Order)]

    def anonymous(self) -> Quantity:
        """All anonymous quantity."""
        return sum((block.quantity for block in self.blocks()), start=0)

    def tidy(self) -> None:
        """Empty blocks leave, neighbours become one."""
        tidied: list[Block | Order] = []
        for entry in self.queue:
            if isinstance(entry, Block) and not entry.quantity:
                continue
            if isinstance(entry, Block) and tidied and isinstance(tidied[-1], Block):
                tidied[-1].quantity += entry.quantity
            else:
                tidied.append(entry)
        self.queue = tidied


class OracleLevels(OracleVenue):
    """A replayed book of levels with own orders between anonymous blocks."""

    own_orders = True

    def __init__(
        self,
        *,
        unit: str = "real",
        impact: Impact = Impact.CONSUME,
        model: QueueModel = QueueModel.POWER3,
        power: float = 3,
        half_life_ns: int = 10**10,
        tape: Sequence[Row] = (),
    ) -> None:
        """tape: the whole recording, for prints that it tells after the row of their level; rows then come from it in order."""
        super().__init__()
        self.one: Quantity = Fraction(1) if unit == "real" else 1 << L2_SHIFT
        self.unit, self.impact, self.model, self.power = unit, impact, model, Decimal(str(power))
        self.half_life_ns = half_life_ns
        self.tape, self.rows_applied = tape, 0
        self.depth: tuple[dict[int, Level], dict[int, Level]] = ({}, {})
        self.fills: list[Fill] = []

    # --- questions

    def level(self, side: int, price: int) -> Level:
        """The level at a price, made when there is none."""
        return self.depth[side].setdefault(price, Level())

    def shown(self, side: int, price: int) -> Quantity:
        """Anonymous quantity at a price, in lots."""
        anonymous = self.level(side, price).anonymous()
        return anonymous if self.unit == "real" else Fraction(anonymous, self.one)

    def prices(self, side: int) -> list[int]:
        held = [price for price, level in self.depth[side].items() if level.queue]
        return sorted(held, reverse=side == Side.BUY)

    def total(self, side: int, price: int) -> Any:
        """Anonymous and own lots at a price; may be a fraction."""
        level = self.level(side, price)
        return self.shown(side, price) + sum(order.size for order in level.own())

    def levels(self, side: int) -> list[tuple[int, Any, int]]:
        """(price, total lots, entries in the queue) best first."""
        return [(price, self.total(side, price), len(self.level(side, price).queue)) for price in self.prices(side)]

    def queue(self, side: int, price: int) -> list[tuple[int, Any]]:
        """(id, lots) first to last; a block has id 0."""
        answer: list[tuple[int, Any]] = []
        for entry in self.level(side, price).queue:
            if isinstance(entry, Order):
                answer.append((entry.id, entry.size))
            else:
                answer.append((0, Fraction(entry.quantity, self.one)))
        return answer

    def state_hash(self) -> int:
        """The rules define no hash for levels."""
        raise NotImplementedError("no state hash is defined for an L2 book")

    def whole(self, quantity: Quantity) -> int:
        """Whole lots in a quantity."""
        return int(quantity // self.one)

    def lots_up(self, quantity: Quantity) -> Quantity:
        """A quantity made up to whole lots."""
        return -(-quantity // self.one) * self.one

    # --- recorded rows

    def apply(self, recorded: Row | Mapping[str, Any] | Any) -> list[Report]:
        """Apply one LEVEL or PRINT row; answers the EXPIRED reports of own orders."""
        row = row_of(recorded)
        expired = self.advance_clock(row.ts_ns)
        place, self.rows_applied = self.rows_applied, self.rows_applied + 1
        if row.kind == Kind.LEVEL:
            level = self.level(row.side, row.price_ticks)
            falls = row.size_lots * self.one < level.recorded
            level.waiting = row if falls and self.tape and more_to_come(self.tape, place) else None
            if level.waiting is None:
                self._set_level(row)
        elif row.kind == Kind.PRINT:
            self._print(row)
            waiting = self.level(row.side, row.price_ticks).waiting
            if waiting is not None and told_late(self.tape, place) and not more_to_come(self.tape, place):
                self.level(row.side, row.price_ticks).waiting = None
                self._set_level(waiting)
        self._tidy()
        return expired

    def process(self, message: Mapping[str, Any] | Any) -> list[Report]:
        """An own message reaches the venue."""
        reports = self.advance_clock(int(message["ts_ns"]))
        if self.impact == Impact.DECAY:
            self._look(message)
        reports += super().process(message)
        self._tidy()
        return reports

    def advance_clock(self, ts_ns: int) -> list[Report]:
        reports = super().advance_clock(ts_ns)
        self._tidy()
        return reports

    def _look(self, message: Mapping[str, Any] | Any) -> None:
        """What has come back joins the levels that an own message reaches, and the one it may join."""
        side, limit = int(message["side"]), int(message["price_ticks"])
        if message["verb"] == Verb.REPLACE and int(message["order_id"]) in self.orders:
            side = self.orders[int(message["order_id"])].side
        elif message["verb"] != Verb.NEW:
            return
        bounded = message["verb"] == Verb.REPLACE or message["type"] == OrderType.LIMIT
        if bounded:
            self._renew(side, limit, by_row=False)
        left = int(message["size_lots"])
        known = sorted(self.depth[1 - side], reverse=side == Side.SELL)
        for price in known:
            if left > 0 and reaches(side, limit if bounded else None, price):
                self._renew(1 - side, price, by_row=False)
                left -= self.total(1 - side, price)

    def _renew(self, side: int, price: int, *, by_row: bool) -> None:
        """The level catches up; behind an own order its quantity waits for a row."""
        assert self.clock is not None
        level = self.level(side, price)
        for _ in range(self._step(self.clock) - self._step(level.decayed_ns)):
            if not level.consumed:
                break
            exact = Fraction(level.consumed) * DECAY_FACTOR
            level.consumed = exact if self.unit == "real" else int(exact)
        level.decayed_ns = self.clock
        missing = level.recorded - self.lots_up(level.consumed) - level.anonymous()
        if missing > 0 and (by_row or not level.queue or isinstance(level.queue[-1], Block)):
            level.queue.append(Block(missing))
            level.tidy()

    def _step(self, ts_ns: int) -> int:
        """How many 64ths of a half-life have begun since 1970."""
        return 64 * ts_ns // self.half_life_ns

    def _tidy(self) -> None:
        """Only between events: a block that a loop still holds must not be merged away."""
        for levels in self.depth:
            for level in levels.values():
                level.tidy()

    def replay(self, rows: Iterable[Any], own: Iterable[Any] = ()) -> list[Report]:
        """Rows and own messages in one order of time, rows first at equal times; answers all reports."""
        waiting = sorted(own, key=lambda message: int(message["ts_ns"]))
        reports: list[Report] = []
        for row in map(row_of, rows):
            while waiting and int(waiting[0]["ts_ns"]) < row.ts_ns:
                reports += self.process(waiting.pop(0))
            reports += self.apply(row)
        for message in waiting:
            reports += self.process(message)
        return reports

    def _set_level(self, row: Row) -> None:
        level, new = self.level(row.side, row.price_ticks), row.size_lots * self.one
        if self.impact == Impact.DECAY:
            self._renew(row.side, row.price_ticks, by_row=True)
        rise = max(0, new - level.recorded)
        level.consumed = min(level.consumed, new)
        level.consumed -= min(level.consumed, rise)
        level.recorded = new
        taken = self._arrive_through(row, rise)
        if self.impact != Impact.NONE:
            level.consumed += taken
        excess = level.anonymous() - max(0, new - self.lots_up(level.consumed))
        if excess < 0:
            level.queue.append(Block(-excess))
        elif excess > 0:
            from_own = min(level.spared, excess)
            self._take_from_back(level, from_own)
            self._take_by_model(level, excess - from_own)
        level.spared = 0

    def _arrive_through(self, row: Row, rise: Quantity) -> Quantity:
        """Own orders of the other side that the increase reaches trade first; answers the quantity they took."""
        left, other = self.whole(rise), 1 - row.side
        for price in self.prices(other):
            if reaches(row.side, row.price_ticks, price):
                for order in self.level(other, price).own():
                    left -= self._own_fill(row.ts_ns, order, left, FillReason.BOOK_CROSSED)
        return (self.whole(rise) - left) * self.one

    @staticmethod
    def _take_from_back(level: Level, quantity: Quantity) -> None:
        for block in reversed(level.blocks()):
            taken = min(quantity, block.quantity)
            block.quantity -= taken
            quantity -= taken

    def _take_by_model(self, level: Level, decrease: Quantity) -> None:
        """Each block its share; what it cannot give comes from the block in front, then from behind."""
        if self.model == QueueModel.RISK_AVERSE:
            self._take_from_back(level, decrease)
            return
        if not decrease:
            return
        one = None if self.unit == "real" else int(self.one)
        of = partial(share, self.model, self.power, one=one)
        blocks, whole, ahead = level.blocks(), level.anonymous(), 0
        shares: list[Quantity] = []
        for block in blocks:
            end = ahead + block.quantity
            shares.append(of(decrease, end, whole) - of(decrease, ahead, whole))
            ahead = end
        owed: Quantity = 0
        for block, part in zip(reversed(blocks), reversed(shares), strict=True):
            owed += part
            taken = min(owed, block.quantity)
            block.quantity -= taken
            owed -= taken
        for block in blocks:
            taken = min(owed, block.quantity)
            block.quantity -= taken
            owed -= taken

    def _print(self, row: Row) -> None:
        """One budget: own orders better than the price, then the queue at the price (unless it lies between two ticks)."""
        level, left = self.level(row.side, row.price_ticks), row.size_lots * self.one
        for_blocks, own_lots = left, 0
        for price in self.prices(row.side):
            if better(row.side, price, row.price_ticks):
                for order in self.level(row.side, price).own():
                    lots = self._own_fill(row.ts_ns, order, self.whole(left), FillReason.TRADED_THROUGH)
                    left -= lots * self.one
                    own_lots += lots
        if row.flags & Flag.OFF_TICK:
            return
        if self.impact == Impact.DECAY:
            self._renew(row.side, row.price_ticks, by_row=True)
        if self.impact != Impact.NONE:
            for_blocks = left
        for entry in list(level.queue):
            if isinstance(entry, Block):
                taken = min(entry.quantity, for_blocks)
                entry.quantity -= taken
                for_blocks -= taken
                left -= min(left, taken)
                continue
            lots = self._own_fill(row.ts_ns, entry, self.whole(left), FillReason.QUEUE_EXHAUSTED)
            left -= lots * self.one
            own_lots += lots
            if self.impact != Impact.NONE:
                for_blocks -= lots * self.one
        if self.impact != Impact.NONE:
            level.spared += own_lots * self.one
        level.recorded -= min(level.recorded, row.size_lots * self.one)

    # --- own orders, against blocks

    def match(self, taker: Order) -> list[Report]:
        other, trades = 1 - taker.side, []
        for price in self.prices(other):
            if not reaches(taker.side, taker.limit, price):
                break
            taken = self._take_from(self.level(other, price), taker.size)
            taker.size -= taken
            if taken:
                assert self.clock is not None
                reason = int(FillReason.OWN_AGGRESSION)
                self.fills.append((self.clock, -taker.id - 1, taker.side, reason, 0, price, taken))
                facts: dict[str, Any] = {"side": other, "order_id": 0, "other_id": taker.id, "price": price}
                trades.append(report(ReportKind.TRADE, Reason.NONE, size=taken, remaining=0, **facts))
        return trades

    def _take_from(self, level: Level, lots: int) -> int:
        """An own taker at one level: blocks to the unit, own makers in whole lots; answers the lots taken."""
        assert self.clock is not None
        left = lots * self.one
        for entry in list(level.queue):
            if isinstance(entry, Order):
                left -= self._own_fill(self.clock, entry, self.whole(left), FillReason.OWN_AGGRESSION) * self.one
                continue
            taken = min(left, entry.quantity)
            left -= taken
            if self.impact != Impact.NONE:
                entry.quantity -= taken
                level.consumed += taken
        assert left % self.one == 0  # blocks of a level add up to whole lots
        return lots - self.whole(left)

    def fillable(self, side: int, limit: int | None, owner: int) -> int:
        prices = [price for price in self.prices(1 - side) if reaches(side, limit, price)]
        return sum(int(self.total(1 - side, price)) for price in prices)

    def _own_fill(self, ts_ns: int, order: Order, at_most: int, reason: FillReason) -> int:
        lots = min(at_most, order.size)
        if lots:
            self.fills.append((ts_ns, -order.id - 1, order.side, int(reason), 1, order.price, lots))
            order.size -= lots
            self.leave_if_empty(order)
        return lots

    def join(self, order: Order, place: int | None = None) -> None:
        super().join(order, place)
        self.level(order.side, order.price).queue.append(order)

    def remove(self, order: Order) -> None:
        super().remove(order)
        self.level(order.side, order.price).queue.remove(order)
