"""Agents of models that prices are studied with, written from their rules: FCN, extended Chiarella, and the traders of the experimental auctions."""

from __future__ import annotations

import math

from lobsim.types import AgentKind
from tests.oracle.agents.slow_background import SlowFundamental, Waiting
from tests.oracle.agents.slow_market import BUY, SELL, SlowAgent, SlowMarket, Touch


class SlowHistory(SlowAgent):
    """The price at every step."""

    def __init__(self, step: float, length: float, start: float) -> None:
        super().__init__()
        self.step, self.length = int(step), int(length)
        self.start = start
        self.prices: list[float] = []

    def wake(self, market: SlowMarket) -> int:
        touch = market.seen(self)
        price = self.prices[-1] if self.prices else self.start
        if touch and touch.bid is not None and touch.ask is not None:
            price = (touch.bid + touch.ask) / 2
        self.prices = [*self.prices, price][-self.length :]
        return market.now + self.step

    def ago(self, steps: int) -> float:
        """The price so many steps ago, or the oldest."""
        return self.prices[max(0, len(self.prices) - 1 - steps)]


class SlowFcn(Waiting):
    """Three motives in one agent."""

    def __init__(self, fundamental: SlowFundamental, history: SlowHistory, *numbers: float) -> None:
        super().__init__()
        self.fundamental, self.history = fundamental, history
        self.step, *self.means, low, high, self.noise, short, long, self.margin, self.wait, lots = numbers
        self.reversion, self.windows, self.lots = (low, high), (int(short), int(long)), int(lots)

    def wake(self, market: SlowMarket) -> int:
        chance = self.chance
        if self.wakes == 1:
            self.start(market)
            self.f, self.c, self.n = (mean * chance.exponential() for mean in self.means)
            self.tf = self.reversion[0] + (self.reversion[1] - self.reversion[0]) * chance.uniform()
            self.t = self.windows[0] + chance.below(self.windows[1] - self.windows[0] + 1)
            self.k = self.margin * chance.uniform()
            return self.later(market)
        old = [order for order in self.known if order.sent <= market.now - int(self.t * self.step)]
        for order in [order for order in old if not order.cancel_sent][:64]:
            market.cancel(order)
        p = max(1.0, self.history.ago(0))
        pf = max(1.0, self.fundamental.now(market))
        r = self.f * math.log(pf / p) / self.tf + self.c * math.log(p / self.history.ago(self.t)) / self.t
        r = (r + self.n * self.noise * chance.normal()) / (self.f + self.c + self.n)
        target = p * math.exp(r * self.t)
        if target > p:
            market.send(self, BUY, math.floor(target * (1 - self.k)), self.lots)
        else:
            market.send(self, SELL, math.ceil(target * (1 + self.k)), self.lots)
        return self.later(market)


class SlowChiarella(SlowAgent):
    """A class of traders, step by step."""

    def __init__(self, first: float, fundamental: SlowFundamental, *numbers: float) -> None:
        super().__init__()
        self.fundamental = fundamental
        self.k, self.k3, self.b, self.g, self.a, self.s, self.step, *rest = numbers
        self.marketable, self.distance, self.life, lots = rest
        self.lots, self.trend, self.last = int(lots), 0.0, first

    def wake(self, market: SlowMarket) -> int:
        if self.wakes > 1:
            self.live(market)
        return market.now + int(self.step)

    def live(self, market: SlowMarket) -> None:
        """One step."""
        chance, dt = self.chance, self.step / 1e9
        dying = 1 - math.exp(-self.step / self.life)
        died = 0
        for order in list(self.known):
            if died < 48 and chance.uniform() < dying:
                market.cancel(order)
                died += 1
        touch = market.seen(self)
        bid, ask = (touch.bid, touch.ask) if touch else (None, None)
        p = (bid + ask) / 2 if bid is not None and ask is not None else self.last
        self.trend += self.a * (p - self.last - self.trend * dt)
        self.last = p
        gap = self.fundamental.now(market) - p
        rate = self.k * gap + self.k3 * gap**3 + self.b * math.tanh(self.g * self.trend)
        x = rate * dt + self.s * math.sqrt(dt) * chance.normal()
        side = BUY if x > 0 else SELL
        own, other = (bid, ask) if x > 0 else (ask, bid)
        inside = 1 if x > 0 else -1
        if own is None:
            own = math.floor(p) - 1 if x > 0 else math.ceil(p) + 1
        elif own + inside != other:
            own += inside
        for _ in range(min(48, chance.poisson(min(48.0, abs(x))))):
            if chance.uniform() < self.marketable:
                market.send(self, side, 0, self.lots, immediate=True, market=True)
            else:
                away = math.floor(self.distance * chance.exponential())
                market.send(self, side, own - away if side == BUY else own + away, self.lots)


class SlowTrader(Waiting):
    """One of ZIC, ZIP, GVWY and SHVR."""

    def __init__(self, kind: AgentKind, *numbers: float) -> None:
        super().__init__()
        self.kind = kind
        self.side_law, self.lowest, self.highest, self.floor, self.ceiling, self.period, self.wait, lots, self.step = (
            numbers
        )
        self.lots = int(lots)
        self.change = 0.0
        self.saw: Touch | None = None

    def wake(self, market: SlowMarket) -> int:
        chance = self.chance
        if self.wakes == 1:
            self.start(market)
            self.side = chance.below(2) if self.side_law == 2 else int(self.side_law)
            self.b, self.gamma = 0.1 + 0.4 * chance.uniform(), 0.1 * chance.uniform()
            self.margin = (0.05 + 0.3 * chance.uniform()) * (-1 if self.side == BUY else 1)
            self.assign(0)
            return self.later(market)
        touch = market.seen(self)
        if self.kind == AgentKind.ZIP and touch:
            self.learn(touch)
        price = self.price(touch)
        if price is None:
            if self.known:
                return self.later(market)
        else:
            market.cancel_all(self)
            if self.known:
                return market.now + self.order_ns + self.answer_ns + 1
        if market.now - self.begun >= self.given + self.period:
            self.assign(market.now - self.begun)
            return self.later(market)
        left = self.lots - abs(self.known_lots - self.base)
        if left > 0:
            assert price is not None
            market.send(self, self.side, price, left)
        return self.later(market)

    def assign(self, passed: int) -> None:
        """A new limit."""
        self.limit = int(self.lowest) + self.chance.below(int(self.highest) - int(self.lowest) + 1)
        self.given, self.base = passed, self.known_lots

    def price(self, touch: Touch | None) -> int | None:
        """What it quotes."""
        sign = 1 if self.side == BUY else -1
        outer = int(self.floor if self.side == BUY else self.ceiling)
        if self.kind == AgentKind.ZIC:
            return outer + sign * self.chance.below(abs(self.limit - outer) + 1)
        if self.kind == AgentKind.ZIP:
            wanted = self.limit * (1 + self.margin)
            return math.floor(wanted) if self.side == BUY else math.ceil(wanted)
        if self.kind == AgentKind.GVWY:
            return self.limit
        best = touch.price(self.side) if touch else None
        if best is None:
            return outer
        if self.known and self.known[0].price == best:
            return None
        return min(best + 1, self.limit) if self.side == BUY else max(best - 1, self.limit)

    def learn(self, touch: Touch) -> None:
        """From trades, or else from better quotes."""
        saw = self.saw
        bought, sold = touch.bought - (saw.bought if saw else 0), touch.sold - (saw.sold if saw else 0)
        active = abs(self.known_lots - self.base) < self.lots
        if bought + sold:
            assert touch.last is not None
            q, was_bid, p = touch.last, bought >= sold, self.limit * (1 + self.margin)
            would, other = (p >= q, not was_bid) if self.side == BUY else (p <= q, was_bid)
            if would:
                self.move(q, up=self.side == SELL)
            elif other and active:
                self.move(q, up=self.side == BUY)
        elif active:
            old_bid, old_ask = (saw.bid, saw.ask) if saw else (None, None)
            p = self.limit * (1 + self.margin)
            bid_is_new = touch.bid is not None and (old_bid is None or touch.bid > old_bid)
            ask_is_new = touch.ask is not None and (old_ask is None or touch.ask < old_ask)
            if self.side == BUY and bid_is_new and touch.bid is not None and p <= touch.bid:
                self.move(touch.bid, up=True)
            if self.side == SELL and ask_is_new and touch.ask is not None and p >= touch.ask:
                self.move(touch.ask, up=False)
        self.saw = touch

    def move(self, q: float, up: bool) -> None:
        """Widrow-Hoff with inertia."""
        sign = 1 if up else -1
        r = 1 + sign * 0.05 * self.chance.uniform()
        target = r * q + sign * self.step * self.chance.uniform()
        p = self.limit * (1 + self.margin)
        self.change = self.gamma * self.change + (1 - self.gamma) * self.b * (target - p)
        margin = (p + self.change) / self.limit - 1
        self.margin = min(0.0, max(-1.0, margin)) if self.side == BUY else max(0.0, margin)
