"""The Santa Fe flow in plain Python: one list of what may happen; a dying order is any of those that rest."""

from __future__ import annotations

from lobsim.types import Kind
from tests.oracle.agents.flow_market import FlowMarket, Order, TwinFlow


class TwinZeroIntelligence(TwinFlow):
    """Orders uniformly behind the opposite best, takers, and the death of each order at one rate."""

    def __init__(
        self,
        market: FlowMarket,
        index: int,
        seed: int,
        start: int,
        *,
        alpha: float,
        mu: float,
        delta: float,
        sigma: int,
        window: int,
    ) -> None:
        super().__init__(market, index, seed)
        self.alpha, self.mu, self.delta, self.sigma, self.window = alpha, mu, delta, sigma, window
        self.last = [start, start]
        self.places = Places()

    def resting(self) -> list[Order]:
        return [order for queue in self.market.queues.values() for order in queue]

    def rates(self) -> tuple[float, float, float]:
        """Of limit orders and of takers, each on one side, and of deaths."""
        entering = self.alpha * self.window / self.sigma
        return entering, self.mu / self.sigma, self.delta * float(len(self.resting()))

    def rate(self) -> float:
        entering, taking, dying = self.rates()
        return 2.0 * (entering + taking) + dying

    def act(self) -> None:
        entering, taking, _ = self.rates()
        at = self.draws.uniform() * self.rate()
        before = len(self.market.rows)
        if at < 2.0 * entering:
            side = int(at >= entering)
            steps = 1 + self.draws.below(self.window)
            opposite = self.remembered(1 - side)
            self.market.limit(self.index, side, opposite + steps if side else opposite - steps, self.sigma)
            self.places.enter(self.market.numbers)
        elif at < 2.0 * (entering + taking):
            self.market.market(self.index, int(at >= 2.0 * entering + taking), self.sigma)
            self.places.enter(self.market.numbers)
        elif self.resting():
            number = self.places.any_of({order.number for order in self.resting()}, self)
            self.market.cancel(next(order for order in self.resting() if order.number == number))
        self._leave(before)

    def _leave(self, before: int) -> None:
        """Whoever is gone leaves its place: makers as they traded, then the taker."""
        alive = {order.number for order in self.resting()}
        touched = [number for _, kind, _, _, _, number, _, _ in self.market.rows[before:] if kind != Kind.ADD]
        for number in [*dict.fromkeys(touched), self.market.numbers]:
            if number not in alive:
                self.places.leave(number)


class Places:
    """Where orders are kept: the place that was left last is taken first.  An order is picked by trying places until one holds an order."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}
        self.left: list[int] = []

    def enter(self, number: int) -> None:
        place = self.left.pop() if self.left else 1 + len(self.held) + len(self.left)
        self.held[place] = number

    def leave(self, number: int) -> None:
        for place, holder in list(self.held.items()):
            if holder == number:
                del self.held[place]
                self.left.append(place)

    def any_of(self, numbers: set[int], flow: TwinFlow) -> int:
        count = len(self.held) + len(self.left)
        if len(numbers) * 8 >= count:
            while True:
                place = 1 + flow.draws.below(count)
                if place in self.held:
                    return self.held[place]
        return sorted(numbers, reverse=True)[flow.draws.below(len(numbers))]
