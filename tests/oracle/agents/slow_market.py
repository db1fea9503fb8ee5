"""A market of agents that wake by time, written from the rules and not from the compiled scenes: a heap of things to come, a list of resting orders, a list of touches.

Every request takes its agent's `order_ns` (0: it is executed at once), every answer its `answer_ns` (where it `hears`), and an agent sees the last touch that is at least `feed_ns` old.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lobsim.types import Kind
from tests.oracle.agents.chance import Chance

BUY, SELL = 0, 1
Row = tuple[int, int, int, int, int, int, int, int]


@dataclass
class Order:
    """One order; ``left`` is what rests, ``seen_gone`` that its owner knows it is gone."""

    serial: int
    owner: SlowAgent
    side: int
    price: int
    size: int
    immediate: bool = False
    market: bool = False
    left: int = 0
    cancel_sent: bool = False
    sent: int = 0


@dataclass
class Touch:
    """Best prices and sizes after one change (None: the side is empty), and what had been traded."""

    ts: int
    bid: int | None
    bid_lots: int
    ask: int | None
    ask_lots: int
    last: int | None
    bought: int
    sold: int

    def price(self, side: int) -> int | None:
        """The best price of a side."""
        return self.bid if side == BUY else self.ask


class SlowAgent:
    """What all agents have: delays, chance, the orders they know of."""

    is_flow = False
    order_ns = answer_ns = feed_ns = 0
    hears = False
    warned = False

    def __init__(self) -> None:
        self.known: list[Order] = []
        self.known_lots = 0
        self.wakes = 0
        self.chance = Chance(0, 0)
        self.index = -1

    def wake(self, market: SlowMarket) -> int | None:
        """A turn; returns when the next one is."""
        raise NotImplementedError

    def heed(self, market: SlowMarket) -> None:
        """The book has become one-sided."""

    def rate(self, market: SlowMarket) -> float:
        """Events per second of a flow."""
        raise NotImplementedError


@dataclass
class Clock:
    """A flow's clock: so much of its exponential number was left at ``since``, and it ran at ``rate``."""

    left: float = 0.0
    rate: float = 0.0
    since: int = 0

    @property
    def due(self) -> float:
        """When it has run down."""
        return self.since + math.ceil(self.left / self.rate * 1e9) if self.rate > 0 else math.inf


@dataclass
class SlowMarket:
    """The whole market."""

    seed: int
    agents: list[SlowAgent]
    now: int = 0
    heap: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    resting: list[Order] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    pushed: int = 0
    serials: int = 0
    matches: int = 0
    bought: int = 0
    sold: int = 0
    last: int | None = None
    one_sided: int | None = None
    changed: bool = False
    clocks: dict[int, Clock] = field(default_factory=dict)
    slots: list[Order | None] = field(default_factory=list)
    free: list[int] = field(default_factory=list)

    def begin(self, start: int) -> None:
        """Everybody wakes at the start."""
        self.now = start
        for index, agent in enumerate(self.agents):
            agent.index = index
            agent.chance = Chance(self.seed, index)
            if agent.is_flow:
                agent.chance.begin()
                self.clocks[index] = Clock()
                self._wind(agent)
            else:
                self._push(start, lambda agent=agent: self._wake(agent))
        self._look()
        self.changed = False

    def run(self, until: int) -> None:
        """Everything that is due by then."""
        while True:
            flow = min(self.clocks, key=lambda index: self.clocks[index].due, default=-1)
            flow_due = self.clocks[flow].due if flow >= 0 else math.inf
            due = self.heap[0][0] if self.heap else math.inf
            if min(due, flow_due) > until:
                return
            if flow_due <= due:
                self.now = int(flow_due)
                self._wake(self.agents[flow])
                self._wind(self.agents[flow])
            else:
                flow = -1
                self.now, _, what = heapq.heappop(self.heap)
                what()
            if self.changed:
                self._adjust(flow)
            self.changed = False

    def _wind(self, agent: SlowAgent) -> None:
        """A new number for a flow's clock."""
        left = agent.chance.exponential()
        self.clocks[agent.index] = Clock(left, agent.rate(self), self.now)

    def _adjust(self, actor: int) -> None:
        """The book has changed: all other flows go on at their new rates."""
        for index, clock in self.clocks.items():
            if index != actor:
                left = max(0.0, clock.left - (self.now - clock.since) / 1e9 * clock.rate)
                self.clocks[index] = Clock(left, self.agents[index].rate(self), self.now)

    def _push(self, ts: int, what: Callable[[], None]) -> None:
        self.pushed += 1
        heapq.heappush(self.heap, (ts, self.pushed, what))

    def _wake(self, agent: SlowAgent) -> None:
        agent.wakes += 1
        agent.chance.begin()
        following = agent.wake(self)
        if following is not None:
            self._push(following, lambda: self._wake(agent))

    def _warn(self, agent: SlowAgent) -> None:
        agent.wakes += 1
        agent.chance.begin()
        agent.heed(self)

    def seen(self, agent: SlowAgent) -> Touch | None:
        """What an agent sees now."""
        old = [touch for touch in self.touches if touch.ts <= self.now - agent.feed_ns]
        return old[-1] if old else None

    def send(self, agent: SlowAgent, side: int, price: int, size: int, **how: Any) -> Order:
        """An agent sends an order (immediate=True, market=True)."""
        self.serials += 1
        order = Order(self.serials, agent, side, price, size, sent=self.now, **how)
        agent.known.insert(0, order)
        if self.free:
            self.slots[self.free.pop()] = order
        else:
            self.slots.append(order)
        self._travel(agent.order_ns, lambda: self._arrive(order))
        return order

    def cancel(self, order: Order) -> None:
        """The owner asks for it to be cancelled, once."""
        if not order.cancel_sent:
            order.cancel_sent = True
            self._travel(order.owner.order_ns, lambda: self._arrive_cancel(order))

    def cancel_all(self, agent: SlowAgent) -> None:
        """Every order the agent still believes to be there, newest first."""
        for order in list(agent.known):
            self.cancel(order)

    def any_order_of(self, agent: SlowAgent) -> Order:
        """Any of its orders: places are tried where it has many of them, else one of its list."""
        if 8 * len(agent.known) >= len(self.slots):
            while True:
                order = self.slots[agent.chance.below(len(self.slots))]
                if order is not None and order.owner is agent:
                    return order
        return agent.known[agent.chance.below(len(agent.known))]

    def _travel(self, delay: int, what: Callable[[], None]) -> None:
        if delay == 0:
            what()
        else:
            self._push(self.now + delay, what)

    def _tell(self, order: Order, lots: int, gone: bool) -> None:
        def learn() -> None:
            order.owner.known_lots += lots if order.side == BUY else -lots
            if gone:
                order.owner.known.remove(order)
                slot = next(slot for slot, there in enumerate(self.slots) if there is order)
                self.slots[slot] = None
                self.free.append(slot)

        if order.owner.hears:
            self._push(self.now + order.owner.answer_ns, learn)
        else:
            learn()

    def _arrive(self, order: Order) -> None:
        if order.size < 1:
            self._tell(order, 0, True)
            return
        order.left = order.size
        traded = False
        while order.left and (maker := self.best(1 - order.side)) is not None:
            better = order.price >= maker.price if order.side == BUY else order.price <= maker.price
            if not (order.market or better):
                break
            if not traded:
                self.matches += 1
                traded = True
            self._trade(maker, order)
        if order.left and not order.immediate:
            self.resting.append(order)
            self.rows.append((self.now, Kind.ADD, order.side, order.price, order.left, order.serial, 0, 0))
            self._tell(order, 0, False)
        else:
            order.left = 0
            self._tell(order, 0, True)
        self._look()

    def _trade(self, maker: Order, taker: Order) -> None:
        lots = min(maker.left, taker.left)
        maker.left -= lots
        taker.left -= lots
        self.last = maker.price
        if taker.side == BUY:
            self.bought += lots
        else:
            self.sold += lots
        self.rows.append(
            (self.now, Kind.EXECUTE, maker.side, maker.price, lots, maker.serial, taker.serial, self.matches)
        )
        if maker.left == 0:
            self.resting.remove(maker)
        self._tell(maker, lots, maker.left == 0)
        self._tell(taker, lots, False)

    def _arrive_cancel(self, order: Order) -> None:
        if order in self.resting:
            self.resting.remove(order)
            self.rows.append((self.now, Kind.DELETE, order.side, order.price, order.left, order.serial, 0, 0))
            order.left = 0
            self._tell(order, 0, True)
            self._look()

    def best(self, side: int) -> Order | None:
        """The order of a side that trades first."""
        mine = [order for order in self.resting if order.side == side]
        if not mine:
            return None
        return max(mine, key=lambda order: order.price) if side == BUY else min(mine, key=lambda order: order.price)

    def _look(self) -> None:
        """The touch after a change, and the warning of a one-sided book."""
        self.changed = True
        best = [self.best(BUY), self.best(SELL)]
        price = [order.price if order else None for order in best]
        lots = [
            sum(order.left for order in self.resting if order.side == side and order.price == price[side])
            for side in (BUY, SELL)
        ]
        self.touches.append(Touch(self.now, price[0], lots[0], price[1], lots[1], self.last, self.bought, self.sold))
        total = [sum(order.left for order in self.resting if order.side == side) for side in (BUY, SELL)]
        few = [side for side in (BUY, SELL) if 10 * total[side] < total[1 - side]]
        one_sided = few[0] if few else None
        if one_sided is not None and one_sided != self.one_sided:
            for agent in self.agents:
                if agent.warned:
                    self._push(self.now + agent.answer_ns, lambda agent=agent: self._warn(agent))
        self.one_sided = one_sided
