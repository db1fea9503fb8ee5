"""Model III of Huang, Lehalle, Rosenbaum (2015) in plain Python, with laws of sizes and impact feedback."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tests.oracle.agents.flow_market import FlowMarket, TwinFlow

Law = list[tuple[int, float]]
"""(lots, share) of each"""


@dataclass(frozen=True)
class Queues:
    """Tables by queue (nearest first) and number of units.  sizes: by (queue, event, bin)"""

    unit: list[int]
    add: list[list[float]]
    cancel: list[list[float]]
    market: list[list[float]]
    theta: float = 0.0
    theta_reinit: float = 0.0
    feedback: float = 0.0
    kernel: list[tuple[float, float]] = field(default_factory=list)
    bins: list[int] = field(default_factory=lambda: [10**6])
    sizes: dict[tuple[int, int, int], Law] = field(default_factory=dict)

    def law(self, i: int, event: int, place: int) -> Law:
        """Sizes of an event; a unit unless said otherwise."""
        return self.sizes.get((i, event, place), [(self.unit[i], 1.0)])

    def stationary(self, i: int) -> list[float]:
        """pi(n) in proportion to the product over k = 1..n of add(k - 1) / (cancel(k) + market(k))."""
        weights = [1.0]
        for n in range(1, len(self.add[i])):
            weights.append(weights[-1] * self.add[i][n - 1] / (self.cancel[i][n] + self.market[i][n]))
        return [weight / sum(weights) for weight in weights]


class TwinQueueReactive(TwinFlow):
    """A reference, a list of rates, and a list of queues still to be drawn."""

    at_once = 1e9

    def __init__(self, market: FlowMarket, index: int, seed: int, reference: int, queues: Queues) -> None:
        super().__init__(market, index, seed)
        self.queues = queues
        self.reference = reference
        self.mid: int | None = None
        self.k = len(queues.unit)
        self.targets: dict[tuple[int, int], int | None] = {(side, i): None for side in (0, 1) for i in range(self.k)}
        """queues that are to be changed, and to how many lots; None: not drawn yet"""
        self.seen = (0, 0)
        self.trades: list[tuple[int, float]] = []

    def price(self, side: int, i: int) -> int:
        return self.reference + 1 + i if side else self.reference - i

    def units(self, side: int, i: int) -> int:
        lots = self.market.lots(side, self.price(side, i))
        return min(-(-lots // self.queues.unit[i]), len(self.queues.add[i]) - 1)

    def look(self) -> float:
        """Feedback times phi, with all trades so far."""
        bought, sold = self.market.bought - self.seen[0], self.market.sold - self.seen[1]
        self.seen = (self.market.bought, self.market.sold)
        if bought or sold:
            self.trades.append((self.market.now_ns, math.sqrt(bought) - math.sqrt(sold)))
        ages = [((self.market.now_ns - when) / 1e9, impulse) for when, impulse in self.trades]
        kernel = self.queues.kernel
        phi = sum(impulse * weight * math.exp(-decay * age) for age, impulse in ages for weight, decay in kernel)
        return self.queues.feedback * phi

    def pull(self) -> int:
        """Where the reference may follow the mid."""
        bid, ask = self.market.best(0), self.market.best(1)
        if bid is None or ask is None:
            return 0
        last, mid = self.mid, bid + ask
        if last is not None and mid > last and not self.market.lots(1, self.price(1, 0)):
            return 1
        if last is not None and mid < last and not self.market.lots(0, self.price(0, 0)):
            return -1
        self.mid = mid
        return 0

    def events(self, pressure: float) -> list[tuple[float, str, int, int]]:
        """(rate, what, side, queue)"""
        found = []
        for side in (0, 1):
            for i in range(self.k):
                n = self.units(side, i)
                found.append((self.queues.add[i][n], "add", side, i))
                found.append((self.queues.cancel[i][n] if n else 0.0, "cancel", side, i))
                is_best = n > 0 and self.market.best(side) == self.price(side, i)
                times = math.exp(max(-pressure if side else pressure, 0.0))
                found.append((times * self.queues.market[i][n] if is_best else 0.0, "market", side, i))
        return found

    def rate(self) -> float:
        self.look()
        if self.targets or self.pull():
            return self.at_once
        return sum(rate for rate, *_ in self.events(0.0))

    def act(self) -> None:
        waiting = bool(self.targets)
        pull = self.pull()
        if not waiting and not pull:
            self.one_event()
            return
        if not waiting:
            self.follow(pull)
        if self.targets:
            self.draw()
            self.redraw()

    def follow(self, pull: int) -> None:
        bid, ask = self.market.best(0), self.market.best(1)
        assert bid is not None and ask is not None
        self.mid = bid + ask
        if self.draws.uniform() < self.queues.theta:
            self.reference += pull
            if self.draws.uniform() < self.queues.theta_reinit:
                self.targets = {(side, i): None for side in (0, 1) for i in range(self.k)}
            else:
                self.targets = {(int(pull > 0), self.k - 1): None}

    def draw(self) -> None:
        for (side, i), target in self.targets.items():
            if target is None:
                at, n = self.draws.uniform(), 0
                law = self.queues.stationary(i)
                while n < len(law) - 1 and at >= sum(law[: n + 1]):
                    n += 1
                self.targets[side, i] = n * self.queues.unit[i]

    def redraw(self) -> None:
        """All cancels, then all orders (with fewer than 48 requests)."""
        for (side, i), target in self.targets.items():
            price = self.price(side, i)
            excess = self.market.lots(side, price) - (target or 0)
            for order in reversed(self.market.queues.get((side, price), [])[:]):
                if excess > 0 and order.agent == self.index:
                    lots = min(order.lots, excess)
                    self.market.cancel(order, lots)
                    excess -= lots
        for (side, i), target in self.targets.items():
            missing = (target or 0) - self.market.lots(side, self.price(side, i))
            if missing > 0:
                self.market.limit(self.index, side, self.price(side, i), missing)
        self.targets = {}
        self.mid = None

    def one_event(self) -> None:
        events = self.events(self.look())
        at = self.draws.uniform() * sum(rate for rate, *_ in events)
        what, side, i = self.pick(events, at)
        n = self.units(side, i)
        place = next(place for place, bound in enumerate(self.queues.bins) if n <= bound)
        law = self.queues.law(i, ["add", "cancel", "market"].index(what), place)
        at, point = self.draws.uniform(), 0
        while point < len(law) - 1 and at >= sum(share for _, share in law[: point + 1]):
            point += 1
        lots = law[point][0]
        if what == "add":
            self.market.limit(self.index, side, self.price(side, i), lots)
        elif what == "cancel":
            self.market.cancel_share(self, side, self.price(side, i), lots)
        else:
            self.market.market(self.index, 1 - side, lots)
