"""Noise, value and momentum agents and the market maker of ABIDES, written from their rules."""

from __future__ import annotations

import math

from tests.oracle.agents.chance import Chance
from tests.oracle.agents.slow_market import BUY, SELL, Order, SlowAgent, SlowMarket

_HUNDREDS = (0.7, 0.06, 0.004, 0.0329, 0.001, 0.0006, 0.0004, 0.0005, 0.0003, 0.0003)


def round_half_up(x: float) -> int:
    """The nearest whole number."""
    return math.floor(x + 0.5)


def order_size(chance: Chance) -> int:
    """Lots of one order: a fifth lognormal, the rest hundreds."""
    at = chance.uniform()
    if at < 0.2:
        return max(1, round_half_up(math.exp(2.9 + 1.2 * chance.normal())))
    for hundreds in range(1, 10):
        if at < 0.2 + sum(_HUNDREDS[:hundreds]):
            return 100 * hundreds
    return 1000


class SlowFundamental(SlowAgent):
    """Ornstein-Uhlenbeck with shocks, stepped from shock to shock."""

    def __init__(
        self, mean: float, start: float, reversion: float, volatility: float, rate: float, shock: float, variance: float
    ) -> None:
        super().__init__()
        self.mean, self.value, self.reversion, self.volatility = mean, start, reversion, volatility
        self.shock_rate, self.shock, self.variance = rate, shock, variance

    def wake(self, market: SlowMarket) -> None:
        self.at = market.now
        self.next_shock = self._after(self.at)

    def _after(self, ns: int) -> float:
        return ns + math.ceil(self.chance.exponential() / self.shock_rate * 1e9) if self.shock_rate > 0 else math.inf

    def _step(self, until: int) -> None:
        gap = (until - self.at) / 1e9
        self.at = until
        g, s = self.reversion, self.volatility
        variance = s * s * gap if g == 0 else s * s * -math.expm1(-2 * g * gap) / (2 * g)
        drifted = self.mean + (self.value - self.mean) * math.exp(-g * gap)
        self.value = drifted + math.sqrt(variance) * self.chance.normal()

    def now(self, market: SlowMarket) -> float:
        """The value at this moment, seen never below 0."""
        if self.at < market.now:
            self.chance.begin()
            while self.next_shock <= market.now:
                self._step(int(self.next_shock))
                shock = self.shock + math.sqrt(self.variance) * self.chance.normal()
                self.value += shock if self.chance.below(2) == 0 else -shock
                self.next_shock = self._after(int(self.next_shock))
            self._step(market.now)
        return max(self.value, 0.0)


class Waiting(SlowAgent):
    """Who wakes at random."""

    wait = 0.0
    begun = 0

    def start(self, market: SlowMarket) -> int:
        """Soon after the start."""
        self.begun = market.now
        return market.now + self.chance.below(100)

    def later(self, market: SlowMarket) -> int:
        """After an exponential wait."""
        return market.now + math.ceil(self.chance.exponential() * self.wait)


class SlowNoise(Waiting):
    """One order at a time of the U-quadratic law."""

    def __init__(self, begin: int, end: int) -> None:
        super().__init__()
        self.law = begin, end

    def wake(self, market: SlowMarket) -> int | None:
        if self.wakes == 1:
            soon = self.start(market)
            begin, end = self.law
            x = 0.5 + math.cbrt(self.chance.uniform() / 4 - 0.125)
            return max(soon, self.begun + round_half_up(begin + x * (end - begin)))
        side = self.chance.below(2)
        touch = market.seen(self)
        price = touch.price(1 - side) if touch else None
        if price is not None:
            market.send(self, side, price, order_size(self.chance))
        return None


class SlowValue(Waiting):
    """Buys below, sells above what the value is thought to become."""

    def __init__(
        self,
        fundamental: SlowFundamental,
        mean: float,
        reversion: float,
        wait: float,
        noise: float,
        close: float,
        aggressive: float,
        depth: float,
    ) -> None:
        super().__init__()
        self.fundamental, self.mean, self.reversion, self.wait, self.noise = fundamental, mean, reversion, wait, noise
        self.close, self.aggressive, self.depth = close, aggressive, int(depth)

    def wake(self, market: SlowMarket) -> int:
        if self.wakes == 1:
            return self.start(market)
        market.cancel_all(self)
        observed = round_half_up(self.fundamental.now(market) + self.noise * self.chance.normal())
        left = max(0, self.close - (market.now - self.begun)) / 1e9
        weight = math.exp(-self.reversion * left)
        expected = round_half_up((1 - weight) * self.mean + weight * observed)
        size = order_size(self.chance)
        touch = market.seen(self)
        if touch is None or touch.bid is None or touch.ask is None:
            market.send(self, self.chance.below(2), expected, size)
        else:
            behind = 0
            if self.chance.uniform() >= self.aggressive:
                behind = self.chance.below(self.depth * (touch.ask - touch.bid))
            if expected < (touch.ask + touch.bid) / 2:
                market.send(self, SELL, touch.bid + behind, size)
            else:
                market.send(self, BUY, touch.ask - behind, size)
        return self.later(market)


class SlowMomentum(Waiting):
    """With the trend of two averages."""

    def __init__(self, wait: float, least: int, most: int) -> None:
        super().__init__()
        self.wait, self.sizes = wait, (least, most)
        self.middles: list[float] = []

    def wake(self, market: SlowMarket) -> int:
        if self.wakes == 1:
            self.start(market)
            return self.later(market)
        touch = market.seen(self)
        if touch and touch.bid is not None and touch.ask is not None:
            self.middles.append((touch.bid + touch.ask) / 2)
            if len(self.middles) > 50:
                least, most = self.sizes
                size = least + self.chance.below(most - least + 1) if most else order_size(self.chance)
                if sum(self.middles[-20:]) / 20 >= sum(self.middles[-50:]) / 50:
                    market.send(self, BUY, touch.ask, size)
                else:
                    market.send(self, SELL, touch.bid, size)
        return self.later(market)


class SlowMaker(Waiting):
    """A ladder around the middle, sized by the volume."""

    def __init__(
        self,
        wait: float,
        share: float,
        levels: float,
        least: float,
        spacing: float,
        alpha: float,
        size_skew: float,
        price_skew: float,
        backstop: float,
    ) -> None:
        super().__init__()
        self.wait, self.share, self.levels, self.least, self.spacing = wait, share, int(levels), int(least), spacing
        self.alpha, self.size_skew, self.price_skew, self.backstop = alpha, size_skew, price_skew, int(backstop)
        self.spread = 50.0
        self.middle: int | None = None
        self.volume = 0, 0
        self.lots = 0, 0
        self.imbalance = 0.0

    def wake(self, market: SlowMarket) -> int:
        if self.wakes == 1:
            self.start(market)
            return self.later(market)
        market.cancel_all(self)
        touch = market.seen(self)
        if touch:
            bought, sold = touch.bought - self.volume[0], touch.sold - self.volume[1]
            self.volume = touch.bought, touch.sold
            self.imbalance = 2 * bought / (bought + sold) - 1 if bought + sold else 0.0
            quantity = round_half_up(self.share * (bought + sold))
            buying = selling = quantity
            if self.size_skew:
                sell_share = 1 / (1 + math.exp(-self.size_skew * self.known_lots))
                buying, selling = math.floor((1 - sell_share) * quantity), math.ceil(sell_share * quantity)
            self.lots = max(buying, self.least), max(selling, self.least)
            if touch.bid is not None and touch.ask is not None:
                self.spread = self.alpha * (touch.ask - touch.bid) + (1 - self.alpha) * self.spread
                self.middle = (touch.bid + touch.ask) // 2
        self.quote(market)
        return self.later(market)

    def heed(self, market: SlowMarket) -> None:
        if len(self.known) + 4 * self.levels <= 128:
            self.quote(market)

    def quote(self, market: SlowMarket) -> list[Order]:
        """The ladder, best prices first."""
        if self.middle is None:
            return []
        centre = math.floor(self.middle + self.imbalance * self.price_skew)
        step = max(1, round_half_up(self.spacing * self.spread))
        sent = []
        for side, best, away in (
            (BUY, centre - math.floor(self.spread / 2), -step),
            (SELL, centre + math.ceil(self.spread / 2), step),
        ):
            for level in range(self.levels):
                last = level == self.levels - 1 and self.backstop
                sent.append(market.send(self, side, best + level * away, self.backstop if last else self.lots[side]))
        return sent
