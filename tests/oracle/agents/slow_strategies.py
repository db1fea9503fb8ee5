"""Execution crowds, the maker of Avellaneda and Stoikov, and liquidity that follows the flow, written from their rules."""

from __future__ import annotations

import math

from tests.oracle.agents.slow_background import Waiting
from tests.oracle.agents.slow_market import BUY, SELL, SlowAgent, SlowMarket

TWAP, VWAP, POV = 0, 1, 2


class SlowExecution(SlowAgent):
    """One parent order."""

    def __init__(self, *numbers: float) -> None:
        super().__init__()
        self.style, self.side_law, self.least, self.tail, self.most, *times = numbers
        self.start, self.start_span, self.horizon, self.horizon_span, self.every, self.jitter, self.share = times[:7]
        self.day = times[7], times[8]
        self.metaorder: tuple[int, int, int, int, int] | None = None
        self.patient = bool(times[9])

    def wake(self, market: SlowMarket) -> int | None:
        if self.wakes == 1:
            self.begun = market.now
            self.side = self.chance.below(2) if self.side_law == 2 else int(self.side_law)
            self.lots = int(self.least)
            if self.tail > 0:
                self.lots = int(min(self.most, math.floor(self.least * self.chance.pareto(self.tail))))
            self.t0 = math.floor(self.start + self.chance.uniform() * self.start_span)
            self.t1 = self.t0 + math.floor(self.horizon + self.chance.uniform() * self.horizon_span)
            self.market_before: int | None = None
            self.sent: list[int] = []
            self.ended = False
            return self.begun + self.t0
        market.cancel_all(self)
        if self.known:
            return market.now + self.order_ns + self.answer_ns + 1
        now = market.now - self.begun
        done = self.known_lots if self.side == BUY else -self.known_lots
        if done >= self.lots:
            return self.close(market)
        if now >= self.t1:
            if self.style != POV and not self.ended:
                self.ended = True
                self.sent.append(market.now)
                market.send(self, self.side, 0, self.lots - done, immediate=True, market=True)
                if self.hears:
                    return market.now + self.order_ns + self.answer_ns + 1
            return self.close(market)
        wait = math.ceil(self.every * (1 + self.jitter * (2 * self.chance.uniform() - 1)))
        self.work(market, now, wait, done)
        return min(market.now + wait, self.begun + self.t1)

    def close(self, market: SlowMarket) -> None:
        """It is done: side, first order's and last trade's time, lots, orders; nothing where nothing traded."""
        if self.known_lots:
            end = market.now if self.patient else self.sent[-1] + self.order_ns
            self.metaorder = (self.side, self.sent[0], end, abs(self.known_lots), len(self.sent))

    def target(self, t: float) -> int:
        """Lots to be done by t."""
        t = min(t, self.t1)
        if self.style == TWAP:
            return math.floor(self.lots * ((t - self.t0) / (self.t1 - self.t0)))

        def volume(t: float) -> float:
            u = min(1.0, max(0.0, (t - self.day[0]) / (self.day[1] - self.day[0])))
            return 0.6 * u + 0.2 * ((2 * u - 1) * (2 * u - 1) * (2 * u - 1) + 1)

        share = (volume(t) - volume(self.t0)) / (volume(self.t1) - volume(self.t0))
        return math.floor(self.lots * share)

    def work(self, market: SlowMarket, now: int, wait: int, done: int) -> None:
        """What is due is taken, what falls due is posted."""
        touch = market.seen(self)
        if touch is None:
            return
        take = post = 0
        if self.style == POV:
            traded = touch.bought + touch.sold
            if self.market_before is None:
                self.market_before = traded
            others = max(0, traded - self.market_before - done)
            due = math.floor(min(self.lots, self.share / (1 - self.share) * others))
            take = max(0, due - done)
            if self.patient:
                take, post = 0, take
        else:
            take = max(0, self.target(now) - done)
            if self.patient:
                post = self.target(now + wait) - done - take
        opposite, own = touch.price(1 - self.side), touch.price(self.side)
        if take > 0 and opposite is not None:
            self.sent.append(market.now)
            market.send(self, self.side, opposite, take, immediate=True)
        if post > 0 and own is not None:
            self.sent.append(market.now)
            market.send(self, self.side, own, post)


class SlowStoikov(Waiting):
    """Quotes around its reservation price."""

    def __init__(self, *numbers: float) -> None:
        super().__init__()
        self.wait, self.aversion, self.thinning, self.volatility, lots, most, self.horizon, rolling = numbers
        self.lots, self.most, self.rolling = int(lots), int(most), bool(rolling)
        self.middle: float | None = None

    def wake(self, market: SlowMarket) -> int:
        if self.wakes == 1:
            self.start(market)
            return self.later(market)
        market.cancel_all(self)
        touch = market.seen(self)
        bid, ask = (touch.bid, touch.ask) if touch else (None, None)
        if bid is not None and ask is not None:
            self.middle = (bid + ask) / 2
        if self.middle is not None:
            left = self.horizon - (0 if self.rolling else market.now - self.begun)
            risk = self.aversion * self.volatility**2 * max(0.0, left) / 1e9
            reservation = self.middle - self.known_lots / self.lots * risk
            spread = risk + 2 / self.aversion * math.log(1 + self.aversion / self.thinning)
            buy, sell = math.floor(reservation - spread / 2), math.ceil(reservation + spread / 2)
            buy = buy if ask is None else min(buy, ask - 1)
            sell = sell if bid is None else max(sell, bid + 1)
            if self.known_lots + self.lots <= self.most:
                market.send(self, BUY, buy, self.lots)
            if self.known_lots - self.lots >= -self.most:
                market.send(self, SELL, sell, self.lots)
        return self.later(market)


class SlowResponse(SlowAgent):
    """Limit orders against the flow."""

    is_flow = True

    def __init__(self, first: int, *numbers: float) -> None:
        super().__init__()
        self.base, self.gain, self.forgetting, self.cancel, lots, self.nearness = numbers
        self.lots = int(lots)
        self.last = [first, first]
        self.flow, self.at = 0.0, 0
        self.volume = 0, 0

    def decayed(self, market: SlowMarket) -> float:
        """What is left of the flow."""
        return self.flow * math.exp(-self.forgetting * (market.now - self.at) / 1e9)

    def rate(self, market: SlowMarket) -> float:
        bought, sold = market.bought - self.volume[0], market.sold - self.volume[1]
        self.flow = self.decayed(market) + bought - sold
        self.volume, self.at = (market.bought, market.sold), market.now
        return 2 * self.base + self.gain * abs(self.flow) + self.cancel * len(self.known)

    def wake(self, market: SlowMarket) -> None:
        flow = self.decayed(market)
        at = self.chance.uniform() * market.clocks[self.index].rate
        selling, buying = (self.base + self.gain * max(0.0, signed) for signed in (flow, -flow))
        if at < selling + buying:
            side = SELL if at < selling else BUY
            for each in (BUY, SELL):
                best = market.best(each)
                self.last[each] = self.last[each] if best is None else best.price
            u = self.chance.uniform()
            away = 1 + math.floor(-math.log(1 - u) / -math.log(1 - self.nearness))
            market.send(self, side, self.last[1 - side] + (away if side == SELL else -away), self.lots)
        elif at < selling + buying + self.cancel * len(self.known) and self.known:
            market.cancel(market.any_order_of(self))
