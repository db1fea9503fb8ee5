"""Agents written in Python for simulated markets of tests, among them copies of compiled families by their slow twins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from execution.agent_view import AgentView
from execution.algorithm import Cancel, ChildOrder, Command, Limit, View, WakeAt
from lobsim.core.agents.state import REPLY_CANCEL, REPLY_LIMIT
from lobsim.simulation.outside import REPLY, wakes_at
from lobsim.types import NONE_PRICE, Side, TimeInForce
from tests.oracle.agents.chance import Chance
from tests.oracle.agents.slow_market import SlowAgent, Touch


class AsMarket:
    """What a slow twin sees of its market, made of a view; what it sends becomes commands."""

    def __init__(self, view: AgentView, orders: Sequence[ChildOrder]) -> None:
        self.now = view.now_ns
        self.orders = orders
        self.commands: list[Command] = []
        ask, bid = view.best_ask_ticks, view.best_bid_ticks
        lots, volume = (view.bid_lots, view.ask_lots), (view.bought_lots, view.sold_lots)
        self.touch = Touch(self.now, bid, lots[0], ask, lots[1], view.last_ticks, *volume)

    def seen(self, agent: SlowAgent) -> Touch:
        return self.touch

    def send(self, agent: SlowAgent, side: int, price: int, size: int) -> None:
        self.commands.append(Limit(price, size, side=Side(side)))

    def cancel_all(self, agent: SlowAgent) -> None:
        self.commands += [Cancel(order.order) for order in reversed(self.orders) if not order.leaving]


class Copy:
    """A slow twin of a compiled family as an algorithm."""

    def __init__(self, twin: SlowAgent, seed: int) -> None:
        self.twin, self.seed = twin, seed

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> list[Command]:
        assert isinstance(view, AgentView)
        market: Any = AsMarket(view, orders)
        if self.twin.wakes == 0:
            self.twin.chance = Chance(self.seed, view.agent)
        self.twin.wakes += 1
        self.twin.chance.begin()
        following = self.twin.wake(market)
        return market.commands + ([] if following is None else [WakeAt(following)])


class Quoter:
    """Keeps one order at the best price of each side, sees to them every so often."""

    wake_on_reports = False

    def __init__(self, every_ns: int, lots: int) -> None:
        self.every_ns, self.lots = every_ns, lots
        self.turns: list[int] = []

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterator[Command]:
        self.turns.append(view.now_ns)
        for order in orders:
            if not order.leaving:
                yield Cancel(order.order)
        if view.best_bid_ticks is not None and view.best_ask_ticks is not None:
            yield Limit(view.best_bid_ticks, self.lots, side=Side.BUY)
            yield Limit(view.best_ask_ticks, self.lots, side=Side.SELL)
        yield WakeAt(view.now_ns + self.every_ns)


class Taker:
    """Buys and sells by turns, at once or not at all."""

    def __init__(self, every_ns: int, lots: int) -> None:
        self.every_ns, self.lots, self.turn = every_ns, lots, 0

    def on_wake(self, view: View, orders: Sequence[ChildOrder]) -> Iterator[Command]:
        self.turn += 1
        side = Side(self.turn % 2)
        price = view.best_ask_ticks if side == Side.BUY else view.best_bid_ticks
        if price is not None and self.turn > 1:
            yield Limit(price, self.lots, tif=TimeInForce.IOC, side=side)
        yield WakeAt(view.now_ns + self.every_ns)


class Quoters:
    """Many quoters of one kind who decide together, in arrays."""

    def __init__(self, every_ns: int, lots: int) -> None:
        self.every_ns, self.lots, self.calls = every_ns, lots, 0

    def on_wake_all(self, asked: np.ndarray, opens: np.ndarray) -> np.ndarray:
        self.calls += 1
        quoting = (asked["bid_ticks"] != NONE_PRICE) & (asked["ask_ticks"] != NONE_PRICE)
        mine = np.concatenate(
            [np.arange(first, first + n) for first, n in asked[["first_open", "open_orders"]].tolist()]
        )
        owner = np.repeat(np.arange(len(asked)), asked["open_orders"])
        kept = opens["leaving"][mine] == 0
        cancels = np.zeros(len(mine), REPLY)
        cancels["agent"], cancels["kind"], cancels["order"] = asked["agent"][owner], REPLY_CANCEL, opens["order"][mine]
        quotes = []
        for side, name in ((Side.BUY, "bid_ticks"), (Side.SELL, "ask_ticks")):
            quote = np.zeros(len(asked), REPLY)
            quote["agent"], quote["kind"], quote["side"] = asked["agent"], REPLY_LIMIT, side
            quote["price_ticks"], quote["size_lots"] = asked[name], self.lots
            quotes.append(quote[quoting])
        wakes = wakes_at(asked["agent"], 0)
        wakes["time_ns"] = asked["now_ns"] + self.every_ns
        replies = np.concatenate([cancels[kept], *quotes, wakes])
        return replies[np.argsort(replies["agent"], kind="stable")] if np.all(np.diff(asked["agent"]) > 0) else replies
