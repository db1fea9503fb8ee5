"""Models II and III of Huang, Lehalle, Rosenbaum (2015) in plain Python, with laws of sizes and impact feedback; and the law of model II, solved."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from tests.oracle.agents.flow_market import FlowMarket, TwinFlow

Law = list[tuple[int, float]]
"""(lots, share) of each"""

Rates = tuple[list[float], list[float], list[float]]
"""add, cancel, market by units"""

CLASSES = ("empty", "small", "usual", "large")


@dataclass(frozen=True)
class Queues:
    """Tables by queue (nearest first) and number of units.

    sizes    by (queue, event, bin)
    classes  units up to which a first queue is small, usual
    seeing   other tables, by (queue, class of the queue it looks at)
    drawn    weights by units, where a queue is drawn from a law that is not `stationary`
    """

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
    classes: tuple[int, int] = (0, 0)
    seeing: dict[tuple[int, str], Rates] = field(default_factory=dict)
    drawn: dict[int, list[float]] = field(default_factory=dict)

    def class_of(self, units: int) -> str:
        """What a first queue is to those that look at it."""
        return CLASSES[0] if units == 0 else CLASSES[1 + sum(units > bound for bound in self.classes)]

    def rates(self, i: int, n: int, seen: int) -> tuple[float, float, float]:
        """(add, cancel, market) of a queue of n units that looks at one of `seen` units; nothing leaves an empty queue."""
        tables = self.seeing.get((i, self.class_of(seen)), (self.add[i], self.cancel[i], self.market[i]))
        return tables[0][n], tables[1][n] if n else 0.0, tables[2][n] if n else 0.0

    def law(self, i: int, event: int, place: int) -> Law:
        """Sizes of an event; a unit unless said otherwise."""
        return self.sizes.get((i, event, place), [(self.unit[i], 1.0)])

    def stationary(self, i: int) -> list[float]:
        """pi(n) in proportion to the product over k = 1..n of add(k - 1) / (cancel(k) + market(k))."""
        weights = [1.0]
        for n in range(1, len(self.add[i])):
            weights.append(weights[-1] * self.add[i][n - 1] / (self.cancel[i][n] + self.market[i][n]))
        return [weight / sum(weights) for weight in weights]

    def drawn_law(self, i: int) -> list[float]:
        """What a queue is drawn from."""
        weights = self.drawn.get(i)
        return [weight / sum(weights) for weight in weights] if weights else self.stationary(i)


def law_of_model_two(queues: Queues, most: int) -> np.ndarray:
    """Stationary law of two queues a side that take in no more than `most` units, if the reference never follows.

    Float [bids' first, bids' second, asks' first, asks' second].  Each event changes one queue by a unit; the law is the one that the matrix of rates leaves as it is.
    """
    states = list(product(range(most + 1), repeat=4))
    place = {state: k for k, state in enumerate(states)}
    matrix = np.zeros((len(states), len(states)))
    for state in states:
        for queue in range(4):
            side, i = divmod(queue, 2)
            seen = state[2 - 2 * side] if i == 0 else state[2 * side]
            add, cancel, market = queues.rates(i, state[queue], seen)
            best = i == 0 or state[2 * side] == 0
            for step, rate in ((1, add), (-1, cancel + (market if best else 0.0))):
                if rate > 0:
                    then = place[(*state[:queue], state[queue] + step, *state[queue + 1 :])]
                    matrix[then, place[state]] += rate
                    matrix[place[state], place[state]] -= rate
    matrix[-1] = 1.0
    law = np.linalg.solve(matrix, [0.0] * (len(states) - 1) + [1.0])
    return law.reshape([most + 1] * 4)


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
            times = math.exp(max(-pressure if side else pressure, 0.0))
            for i in range(self.k):
                seen = self.units(side if i else 1 - side, 0)
                add, cancel, market = self.queues.rates(i, self.units(side, i), seen)
                is_best = self.market.best(side) == self.price(side, i)
                found.append((add, "add", side, i))
                found.append((cancel, "cancel", side, i))
                found.append((times * market if is_best else 0.0, "market", side, i))
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
                law = self.queues.drawn_law(i)
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
