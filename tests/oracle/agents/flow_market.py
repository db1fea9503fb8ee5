"""A market of flows in plain Python: lists of orders, draws in whole numbers, clocks added up by hand.

`FlowMarket` is the venue: price-time priority, and one row for everything that happens to the book.  `TwinFlow` is a population with a clock; a family says how often it
acts (`rate`) and what it does (`act`).  Draws are the hash of (seed, agent, event, draw) that all background agents use, so a twin makes the decisions of the flow it follows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from lobsim.types import NEVER, Kind

_MASK = 2**64 - 1

Row = tuple[int, int, int, int, int, int, int, int]
"""time, Kind, side, price, lots, number of the order, number of the taker, number of the match"""


def splitmix64(value: int) -> int:
    """The published algorithm in Python integers."""
    z = (value + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


class Draws:
    """The random numbers of one agent."""

    def __init__(self, seed: int, index: int) -> None:
        self.key = splitmix64(splitmix64(seed) ^ index)
        self.events = 0
        self.draws = 0

    def begin_event(self) -> None:
        self.events += 1
        self.draws = 0

    def word(self) -> int:
        self.draws += 1
        return splitmix64(splitmix64(self.key ^ self.events) ^ self.draws)

    def uniform(self) -> float:
        return (self.word() >> 11) / 2**53

    def below(self, count: int) -> int:
        return ((self.word() >> 33) * count) >> 31

    def exponential(self) -> float:
        return -math.log(1.0 - self.uniform())

    def normal(self) -> float:
        return NormalDist().inv_cdf(((self.word() >> 12) + 0.5) / 2**52)


@dataclass(eq=False)
class Order:
    """One order in the book."""

    number: int
    agent: int
    side: int
    price: int
    lots: int


class FlowMarket:
    """The venue.  rows: everything that happened to the book"""

    def __init__(self) -> None:
        self.queues: dict[tuple[int, int], list[Order]] = {}
        self.rows: list[Row] = []
        self.now_ns = 0
        self.numbers = 0
        self.matches = 0
        self.bought = 0
        self.sold = 0
        self.changed = False

    def best(self, side: int) -> int | None:
        prices = [price for at, price in self.queues if at == side]
        return (min(prices) if side else max(prices)) if prices else None

    def lots(self, side: int, price: int) -> int:
        return sum(order.lots for order in self.queues.get((side, price), []))

    def _write(self, kind: Kind, order: Order, lots: int, taker: int = 0, match: int = 0) -> None:
        self.rows.append((self.now_ns, int(kind), order.side, order.price, lots, order.number, taker, match))
        self.changed = True

    def _leave(self, order: Order) -> None:
        queue = self.queues[order.side, order.price]
        queue.remove(order)
        if not queue:
            del self.queues[order.side, order.price]

    def _take(self, order: Order, limit: int | None) -> None:
        """The order trades with the other side as far as its limit; None: any price."""
        other = 1 - order.side
        traded = False
        while order.lots and (best := self.best(other)) is not None:
            if limit is not None and (best > limit if other else best < limit):
                break
            maker = self.queues[other, best][0]
            lots = min(order.lots, maker.lots)
            self.matches += not traded
            traded = True
            self._write(Kind.EXECUTE, maker, lots, order.number, self.matches)
            if order.side:
                self.sold += lots
            else:
                self.bought += lots
            order.lots -= lots
            maker.lots -= lots
            if maker.lots == 0:
                self._leave(maker)

    def limit(self, agent: int, side: int, price: int, lots: int) -> None:
        self.numbers += 1
        order = Order(self.numbers, agent, side, price, lots)
        self._take(order, price)
        if order.lots:
            self.queues.setdefault((side, price), []).append(order)
            self._write(Kind.ADD, order, order.lots)

    def market(self, agent: int, side: int, lots: int) -> None:
        self.numbers += 1
        self._take(Order(self.numbers, agent, side, 0, lots), None)
        self.changed = True

    def cancel(self, order: Order, lots: int = 0) -> None:
        """lots  0, or as many as it has and more: all of the order"""
        if 0 < lots < order.lots:
            order.lots -= lots
            self._write(Kind.REDUCE, order, lots)
        else:
            self._write(Kind.DELETE, order, order.lots)
            self._leave(order)

    def cancel_share(self, flow: TwinFlow, side: int, price: int, lots: int = 0) -> None:
        """One lot of a price is chosen; if it is the flow's, its order loses lots."""
        queue = self.queues.get((side, price), [])
        if queue:
            owners = [order for order in queue for _ in range(order.lots)]
            chosen = owners[int(flow.draws.uniform() * len(owners))]
            if chosen.agent == flow.index:
                self.cancel(chosen, lots)


class TwinFlow:
    """A population with a clock: one exponential number that runs down at the speed of its intensity."""

    def __init__(self, market: FlowMarket, index: int, seed: int) -> None:
        self.market = market
        self.index = index
        self.draws = Draws(seed, index)
        self.clock = 0.0
        self.speed = 0.0
        self.since_ns = 0
        self.due_ns: int = NEVER
        self.until_ns = NEVER
        """it wakes by then at the latest"""

    def rate(self) -> float:
        """Events per second."""
        raise NotImplementedError

    def act(self) -> None:
        """One event."""
        raise NotImplementedError

    def remembered(self, side: int) -> int:
        """Best price of a side, or the last one it had."""
        best = self.market.best(side)
        if best is not None:
            self.last[side] = best
        return self.last[side]

    last: list[int]

    @staticmethod
    def pick(events: Sequence[tuple[float, str, int, int]], at: float) -> tuple[str, int, int]:
        """Of (rate, what, side, place) in a row, what lies at `at` of their sum."""
        for rate, *event in events:
            if at < rate:
                return event[0], event[1], event[2]
            at -= rate
        raise AssertionError("beyond the sum of all rates")

    def wind(self) -> None:
        self.clock = self.draws.exponential()
        self._set_due()

    def go_on(self) -> None:
        passed = (self.market.now_ns - self.since_ns) / 1e9 * self.speed
        self.clock = max(self.clock - passed, 0.0)
        self._set_due()

    def _set_due(self) -> None:
        self.speed = self.rate()
        self.since_ns = self.market.now_ns
        wait = self.clock / self.speed * 1e9 if self.speed > 0 else math.inf
        due_ns = self.market.now_ns + math.ceil(wait) if wait < 9e18 - self.market.now_ns else NEVER
        self.due_ns = min(due_ns, self.until_ns)


def run_flows(market: FlowMarket, flows: Sequence[TwinFlow], events: int) -> None:
    """Let flows act, so many times all together."""
    for flow in flows:
        flow.draws.begin_event()
        flow.wind()
    for _ in range(events):
        flow = min(flows, key=lambda flow: flow.due_ns)
        if flow.due_ns == NEVER:
            return
        market.now_ns = flow.due_ns
        market.changed = False
        flow.draws.begin_event()
        flow.act()
        flow.wind()
        if market.changed:
            for other in flows:
                if other is not flow:
                    other.go_on()
