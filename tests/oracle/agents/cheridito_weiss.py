"""The flow and the strategic trader of Cheridito and Weiss (2025) in plain Python."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tests.oracle.agents.flow_market import FlowMarket, Order, TwinFlow


@dataclass(frozen=True)
class Flow:
    """What the flow is made of."""

    entering: list[float]
    dying: list[float]
    mu: float
    spread: float = 2.0
    most: int = 20
    far: int = 30
    tilt: float = 0.0
    damping: float = 0.65


class TwinCheriditoWeiss(TwinFlow):
    """One list of everything that may happen, with its rate; one is picked."""

    def __init__(self, market: FlowMarket, index: int, seed: int, start: int, flow: Flow) -> None:
        super().__init__(market, index, seed)
        self.flow = flow
        self.last = [start, start]

    def price(self, side: int, distance: int) -> int:
        opposite = self.remembered(1 - side)
        return opposite + distance if side else opposite - distance

    def imbalance(self) -> float:
        def weighed(side: int) -> float:
            best = self.market.best(side)
            if best is None:
                return 0.0
            return sum(
                math.exp(-self.flow.damping * k) * self.market.lots(side, best + k if side else best - k)
                for k in range(self.flow.far)
            )

        buys, sells = weighed(0), weighed(1)
        return (buys - sells) / (buys + sells) if buys + sells else 0.0

    def events(self) -> list[tuple[float, str, int, int]]:
        """(rate, what, side, distance)"""
        flow = self.flow
        imbalance = self.imbalance()
        times = [1 + flow.tilt * max(0.0, imbalance), 1 + flow.tilt * max(0.0, -imbalance)]
        found = []
        for side in (0, 1):
            found += [(rate * times[side], "limit", side, i) for i, rate in enumerate(flow.entering, 1)]
        found += [(flow.mu * times[side], "market", side, 0) for side in (0, 1)]
        for side in (0, 1):
            for i, rate in enumerate(flow.dying, 1):
                lots = self.market.lots(side, self.price(side, i))
                found.append((rate * lots * times[1 - side], "cancel", side, i))
        return found

    def rate(self) -> float:
        return sum(rate for rate, *_ in self.events())

    def size(self) -> int:
        drawn = 1 + abs(self.flow.spread * self.draws.normal())
        return math.floor(min(drawn, self.flow.most) + 0.5)

    def act(self) -> None:
        at = self.draws.uniform() * self.rate()
        what, side, distance = self.pick(self.events(), at)
        size = self.size()
        if what == "limit":
            self.market.limit(self.index, side, self.price(side, distance), size)
        elif what == "market":
            self.market.market(self.index, side, size)
        else:
            self.market.cancel_share(self, side, self.price(side, distance), size)
        for side in (0, 1):
            for order in self.too_far(side):
                self.market.cancel(order)

    def too_far(self, side: int) -> list[Order]:
        """Own orders further from the opposite best than is allowed, nearest first."""
        opposite = self.remembered(1 - side)
        places = sorted((abs(price - opposite), price) for at, price in self.market.queues if at == side)
        queues = [self.market.queues[side, price] for away, price in places if away > self.flow.far]
        return [order for queue in queues for order in queue if order.agent == self.index]
