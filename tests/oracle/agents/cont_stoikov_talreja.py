"""Cont, Stoikov, Talreja (2010) in plain Python, and the two probabilities it has in closed form."""

from __future__ import annotations

import numpy as np

from tests.oracle.agents.flow_market import FlowMarket, TwinFlow


class TwinContStoikovTalreja(TwinFlow):
    """One list of everything that may happen, with its rate; one is picked."""

    def __init__(
        self,
        market: FlowMarket,
        index: int,
        seed: int,
        start: int,
        entering: list[float],
        dying: list[float],
        mu: float,
    ) -> None:
        super().__init__(market, index, seed)
        self.entering, self.dying, self.mu = entering, dying, mu
        self.size = 1
        self.last = [start, start]

    def price(self, side: int, distance: int) -> int:
        opposite = self.remembered(1 - side)
        return opposite + distance if side else opposite - distance

    def events(self) -> list[tuple[float, str, int, int]]:
        """(rate, what, side, distance)"""
        found = []
        for side in (0, 1):
            found += [(rate, "limit", side, i) for i, rate in enumerate(self.entering, 1)]
        found += [(self.mu, "market", side, 0) for side in (0, 1)]
        for side in (0, 1):
            for i, rate in enumerate(self.dying, 1):
                lots = self.market.lots(side, self.price(side, i))
                found.append((rate * lots / self.size, "cancel", side, i))
        return found

    def rate(self) -> float:
        return sum(rate for rate, *_ in self.events())

    def act(self) -> None:
        at = self.draws.uniform() * self.rate()
        what, side, distance = self.pick(self.events(), at)
        if what == "limit":
            self.market.limit(self.index, side, self.price(side, distance), self.size)
        elif what == "market":
            self.market.market(self.index, side, self.size)
        else:
            self.market.cancel_share(self, side, self.price(side, distance))


def up_first(entering: float, dying: float, mu: float, most: int = 60) -> np.ndarray:
    """P(the ask queue empties before the bid queue), spread one tick: row b - 1, column a - 1, both below `most`.

    Both queues gain at `entering` and lose at mu + dying * orders; solved as one linear system by relaxation.
    """
    orders = np.arange(1, most + 1)
    death = mu + dying * orders
    chance = np.full((most + 2, most + 2), 0.5)
    chance[0, :], chance[:, 0] = 0.0, 1.0
    up = np.where(orders < most, entering, 0.0)  # queues never get that long
    total = up[:, None] + up[None, :] + death[:, None] + death[None, :]
    for _ in range(6000):
        chance[1:-1, 1:-1] = (
            up[:, None] * chance[2:, 1:-1]
            + death[:, None] * chance[:-2, 1:-1]
            + up[None, :] * chance[1:-1, 2:]
            + death[None, :] * chance[1:-1, :-2]
        ) / total
    return chance[1:-1, 1:-1]


def own_fills_first(entering: float, dying: float, mu: float, most: int = 60) -> np.ndarray:
    """P(the n-th order of the bid queue trades before the ask queue empties): row n - 1, column a - 1.

    The own order is never cancelled: what is ahead of it loses at mu + dying * (n - 1).
    """
    n = np.arange(1, most + 1)
    ahead = mu + dying * (n - 1)
    death = mu + dying * n
    up = np.where(n < most, entering, 0.0)
    chance = np.full((most + 1, most + 2), 0.5)
    chance[0, :], chance[1:, 0] = 1.0, 0.0
    total = ahead[:, None] + up[None, :] + death[None, :]
    for _ in range(6000):
        chance[1:, 1:-1] = (
            ahead[:, None] * chance[:-1, 1:-1] + up[None, :] * chance[1:, 2:] + death[None, :] * chance[1:, :-2]
        ) / total
    return chance[1:, 1:-1]
