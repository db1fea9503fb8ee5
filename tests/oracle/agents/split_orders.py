"""The order-splitting flow of Lillo, Mike and Farmer (2005) in plain Python."""

from __future__ import annotations

import math

from lobsim.types import Kind
from tests.oracle.agents.flow_market import FlowMarket, TwinFlow


class TwinSplitOrders(TwinFlow):
    """A list of metaorders: (side, orders left), None where a new one begins."""

    def __init__(
        self, market: FlowMarket, index: int, seed: int, mu: float, size: int, live: int, alpha: float, longest: int
    ) -> None:
        super().__init__(market, index, seed)
        self.mu, self.size, self.alpha, self.longest = mu, size, alpha, longest
        self.live: list[tuple[int, int] | None] = [None] * live
        self.begun: list[tuple[int, int]] = [(0, 0)] * live
        self.done: list[tuple[int, int, int, int, int]] = []
        """side, first and last order's time, lots traded, orders: of each metaorder that is done"""
        self.sent = [0] * live

    def rate(self) -> float:
        return self.mu

    def act(self) -> None:
        place = self.draws.below(len(self.live))
        metaorder = self.live[place]
        if metaorder is None:
            side = self.draws.below(2)
            metaorder = (side, math.floor(min(math.exp(self.draws.exponential() / self.alpha), self.longest)))
            self.begun[place] = (self.market.now_ns, 0)
            self.sent[place] = 0
        side, left = metaorder
        self.live[place] = (side, left - 1) if left > 1 else None
        rows = len(self.market.rows)
        self.market.market(self.index, side, self.size)
        start, traded = self.begun[place]
        traded += sum(row[4] for row in self.market.rows[rows:] if row[1] == Kind.EXECUTE)
        self.begun[place] = (start, traded)
        self.sent[place] += 1
        if left == 1 and traded > 0:
            self.done.append((side, start, self.market.now_ns, traded, self.sent[place]))
