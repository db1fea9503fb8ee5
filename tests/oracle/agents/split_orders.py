"""The order-splitting flow of Lillo, Mike and Farmer (2005) in plain Python."""

from __future__ import annotations

import math

from tests.oracle.agents.flow_market import FlowMarket, TwinFlow


class TwinSplitOrders(TwinFlow):
    """A list of metaorders: (side, orders left), None where a new one begins."""

    def __init__(
        self, market: FlowMarket, index: int, seed: int, mu: float, size: int, live: int, alpha: float, longest: int
    ) -> None:
        super().__init__(market, index, seed)
        self.mu, self.size, self.alpha, self.longest = mu, size, alpha, longest
        self.live: list[tuple[int, int] | None] = [None] * live

    def rate(self) -> float:
        return self.mu

    def act(self) -> None:
        place = self.draws.below(len(self.live))
        metaorder = self.live[place]
        if metaorder is None:
            side = self.draws.below(2)
            metaorder = (side, math.floor(min(math.exp(self.draws.exponential() / self.alpha), self.longest)))
        side, left = metaorder
        self.live[place] = (side, left - 1) if left > 1 else None
        self.market.market(self.index, side, self.size)
