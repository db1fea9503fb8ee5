"""Order by order replay under impact OVERLAY, the literal way: docs/rules.md, section 2b.

When history moves every recorded order gets another price here, every later row is shifted as it comes in, and own orders stay where they are.

Invariants: recorded orders keep their order in every queue; own orders stand behind them after a shift, in the order they were sent.
"""

from __future__ import annotations

from typing import Any

from lobsim.types import NEVER, FillReason, Phase, Reason, Side, TimeInForce
from tests.oracle import row_of
from tests.oracle.book import Order, Report, reaches
from tests.oracle.replay_l3 import Fill, OracleReplay

UNITS = 1024
"""Units of pressure in a lot taken."""
STEPS = 64
FACTOR = 1_062_175_491
"""2^(-1/64), times 2^30."""


def square(value: int) -> int:
    """The square with the sign of the value."""
    return value * abs(value)


def is_outside(pressure: int, scale: int, offset: int) -> bool:
    """Whether x = sign(E) sqrt(|E| / scale) is more than 0.6 away from the offset."""
    return not scale * square(5 * offset - 3) <= 25 * pressure <= scale * square(5 * offset + 3)


def nearest(pressure: int, scale: int) -> int:
    """The whole number nearest to x, half a tick outwards."""
    ticks = 0
    while 4 * abs(pressure) >= scale * (2 * ticks + 1) ** 2:
        ticks += 1
    return ticks if pressure > 0 else -ticks


def lots_until(pressure: int, scale: int, offset: int, side: int) -> int:
    """The first number of lots taken by that side after which the offset moves."""
    lots, sign = 1, -1 if side else 1
    while not is_outside(pressure + sign * lots * UNITS, scale, offset):
        lots += 1
    return lots


def one_fill_per_price(fills: list[Fill]) -> list[Fill]:
    """The fills of one part of an own taker: at each price those of the makers, then one of its own."""
    answer: list[Fill] = []
    for price in dict.fromkeys(fill[5] for fill in fills):
        here = [fill for fill in fills if fill[5] == price]
        answer += [fill for fill in here if fill[4]]
        taken = [fill for fill in here if not fill[4]]
        answer.append((*taken[0][:6], sum(fill[6] for fill in taken)))
    return answer


class OracleOverlay(OracleReplay):
    """A replay whose history moves.

    scale           lots that move it by one tick, in UNITS
    half_life_ns    of the pressure
    passive_weight  units of pressure in a lot filled passively
    """

    def __init__(self, *, scale: int, half_life_ns: int, passive_weight: int = 0, **settings: Any) -> None:
        super().__init__(**settings)
        self.scale, self.half_life_ns, self.passive_weight = scale, half_life_ns, passive_weight
        self.offset = self.pressure = self.step = 0
        self.shifts: list[tuple[int, int]] = []
        self._pressed = 0

    # --- pressure

    def _step_at(self, ts_ns: int) -> int:
        return STEPS * ts_ns // self.half_life_ns

    def _decay_to(self, step: int) -> None:
        while self.step < step and self.pressure:
            size = abs(self.pressure) * FACTOR >> 30
            self.pressure = size if self.pressure > 0 else -size
            self.step += 1
        self.step = step

    def _next_move_ns(self) -> int:
        """When the offset next moves by decay alone."""
        if self.offset == 0:
            return NEVER
        size, step = abs(self.pressure), self.step
        while not is_outside(size, self.scale, abs(self.offset)):
            size, step = size * FACTOR >> 30, step + 1
        return -(-step * self.half_life_ns // STEPS)

    def _note_pressure(self) -> None:
        """The fills since the last time press."""
        assert self.clock is not None
        for _, _, side, _, passive, _, lots in self.fills[self._pressed :]:
            self._decay_to(self._step_at(self.clock))
            units = lots * (self.passive_weight if passive else UNITS)
            self.pressure += units if side == Side.BUY else -units
        self._pressed = len(self.fills)

    # --- history moves

    def _move_history(self) -> None:
        """Fills press, and the offset moves until it stays."""
        self._note_pressure()
        while is_outside(self.pressure, self.scale, self.offset):
            self._shift(nearest(self.pressure, self.scale))
            self._note_pressure()

    def _shift(self, offset: int) -> None:
        by, self.offset = offset - self.offset, offset
        assert self.clock is not None
        self.shifts.append((self.clock, offset))
        queues: tuple[dict[int, list[Order]], dict[int, list[Order]]] = ({}, {})
        own: list[Order] = []
        for side in Side:
            for price, queue in self.queues[side].items():
                for order in queue:
                    if order.own:
                        own.append(order)
                    else:
                        order.price = price + by
                        queues[side].setdefault(order.price, []).append(order)
        for order in sorted(own, key=lambda order: -order.id):
            queues[order.side].setdefault(order.price, []).append(order)
        self.queues = queues
        if self.phase == Phase.CONTINUOUS:
            for side in Side:
                self._trade_reached(side)

    def _trade_reached(self, side: int) -> None:
        """Own orders that history has come to trade at their own prices, best first."""
        assert self.clock is not None
        for price in self.prices(side):
            for order in [order for order in self.queues[side][price] if order.own]:
                taken = self._take_recorded(order)
                if taken:
                    self.counters["crossing_fills"] += taken
                    self._own_fill(self.clock, order, taken, FillReason.BOOK_CROSSED)

    def _take_recorded(self, order: Order) -> int:
        other, left = 1 - order.side, order.size
        for price in self.prices(other):
            if reaches(order.side, order.price, price):
                for maker in [maker for maker in self.queues[other][price] if not maker.own]:
                    lots = min(left, maker.size)
                    maker.size -= lots
                    left -= lots
                    self.leave_if_empty(maker)
        return order.size - left

    # --- what comes in

    def advance_clock(self, ts_ns: int) -> list[Report]:
        """Time limits and moves by decay, as they come; limits first."""
        reports: list[Report] = []
        while True:
            limit_ns = min((order.expire_ns for order in self.limited), default=NEVER)
            move_ns = self._next_move_ns()
            if min(limit_ns, move_ns) > ts_ns or move_ns == limit_ns == NEVER:
                return reports + super().advance_clock(ts_ns)
            if limit_ns <= move_ns:
                reports += super().advance_clock(limit_ns)
            else:
                self.clock = move_ns if self.clock is None else max(self.clock, move_ns)
                self._decay_to(self._step_at(move_ns))
                self._move_history()

    def apply(self, recorded: Any) -> list[Report]:
        row = row_of(recorded)
        reports = self.advance_clock(row.ts_ns)
        offset = self.offset
        shifted = row._replace(price_ticks=row.price_ticks + offset, limit_ticks=row.limit_ticks + offset)
        super().apply(shifted)
        self._move_history()
        return reports

    def process(self, message: Any) -> list[Report]:
        reports = super().process(message)
        self._move_history()
        return reports

    def match(self, taker: Order) -> list[Report]:
        """In parts: each as large as the offset stays, then history moves."""
        assert self.clock is not None
        self._decay_to(self._step_at(self.clock))
        reports: list[Report] = []
        left = taker.size
        while left:
            part = min(left, lots_until(self.pressure, self.scale, self.offset, taker.side))
            taker.size, start = part, len(self.fills)
            reports += super().match(taker)
            self.fills[start:] = one_fill_per_price(self.fills[start:])
            left -= part - taker.size
            full = taker.size == 0
            self._move_history()
            if not full:
                break
        taker.size = left
        return reports

    def _new(self, asked: dict[str, int]) -> list[Report]:
        if asked["tif"] == TimeInForce.FOK and not self._fills_on_the_way(asked):
            return [self._rejected(asked, Reason.FOK_NOT_FILLABLE, asked["side"])]
        return super()._new(asked)

    def _fills_on_the_way(self, asked: dict[str, int]) -> bool:
        """Whether recorded quantity fills a FOK order that is larger than its first part, the offset moving as it takes."""
        assert self.clock is not None
        side, left = asked["side"], asked["size_lots"]
        self._decay_to(self._step_at(self.clock))
        pressure, offset = self.pressure, self.offset
        if left <= lots_until(pressure, self.scale, offset, side) or self.fillable(side, asked["price_ticks"], 0) == 0:
            return True
        for price in self.prices(1 - side):
            there = sum(order.size for order in self.queues[1 - side][price] if not order.own)
            while there and left:
                if not reaches(side, asked["price_ticks"], price + offset - self.offset):
                    return False
                there, left = there - 1, left - 1
                pressure += -UNITS if side else UNITS
                if is_outside(pressure, self.scale, offset):
                    offset = nearest(pressure, self.scale)
        return left == 0
