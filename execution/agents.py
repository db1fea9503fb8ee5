"""Agents written in Python in one simulated market, each with its own algorithm, position, orders, delays and view.

A preset keeps places for them (family ``outside``), `MarketAgents` fills the places and decides for them in a run::

    class Chaser:
        '''Buys ten lots at the offer, once a second.'''

        def on_wake(self, view, orders):
            yield WakeAt(view.now_ns + 10**9)
            if view.best_ask_ticks is not None:
                yield Limit(view.best_ask_ticks, 10, tif=TimeInForce.IOC, side=Side.BUY)

    places = Outside(family="outside", count=2, order="1ms", answer="1ms", feed="1ms")
    agents = MarketAgents([Chaser(), Chaser()])
    run = Simulation(with_agents(load_preset("rmsc04"), places), seed=7).start(decider=agents)

An algorithm is anything with an ``on_wake`` (`execution.algorithm`).  Without a parent order it says the side of each order; with one (`Member`) orders are on the parent's side,
cut to what is left of it and kept to its limit price, and after its end nothing is asked and what is at work is cancelled: nobody forces the rest out.  It is asked when the market
begins (with a parent: when that starts), at the earliest time it asked for, and if ``wake_on_reports`` or ``wake_on_touch`` are true when it hears of its orders or the best
prices it sees change; at most once in an instant.  What it heard since it was asked last is in ``view.heard`` if its attribute ``hears`` is true.

A `Group` decides for all its agents at once in arrays and costs a call for all who wake together, not one for each.

Known limits: agents see the best prices and not the levels behind them; they cancel and send anew where others replace, and have no post-only orders and no time limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np

from execution.agent_view import AgentView, Seat
from execution.algorithm import Algorithm, ChildOrder
from execution.parent import Parent
from lobsim.core.agents.outside import NEWS, ON_REPORTS, ON_TOUCH
from lobsim.errors import ConfigError
from lobsim.simulation.outside import REPLY
from lobsim.simulation.run import SimulationRun
from lobsim.types import Side


@dataclass(frozen=True)
class Member:
    """One agent: its algorithm, and the parent order it works, if it works one.

    Raises ConfigError for a parent with a largest share of the volume, which nobody holds an agent to.
    """

    algorithm: Algorithm
    parent: Parent | None = None

    def __post_init__(self) -> None:
        if self.parent is not None and self.parent.max_participation is not None:
            raise ConfigError("an agent's parent order has no largest share of the volume", where="member")


class GroupAlgorithm(Protocol):
    """Decides for many agents at once."""

    def on_wake_all(self, asked: np.ndarray, opens: np.ndarray) -> np.ndarray:
        """What all those who are asked together decide.

        asked  ASKED [any], in the order of their turns
        opens  OPEN_ORDER [any], their open orders: each agent's from its ``first_open`` on, ``open_orders`` of them

        Both are valid during the call.  Returns REPLY [any]; requests leave in this order.
        """
        ...


@dataclass(frozen=True)
class Group:
    """So many agents with one mind.

    Raises ConfigError for fewer than one.
    """

    algorithm: GroupAlgorithm
    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"a group has {self.count} agents, at least 1 is needed", where="group")


class MarketAgents:
    """Decides for the agents outside of one run: hand it to ``Simulation.start(decider=...)``.

    members  in the order of their places: algorithms, `Member`s, `Group`s

    The first decision raises ConfigError where the preset has not as many places as there are members.
    """

    def __init__(self, members: Iterable[Algorithm | Member | Group]) -> None:
        self.members: list[Member | Group] = [
            member if isinstance(member, (Member, Group)) else Member(member) for member in members
        ]
        self._seats: dict[int, Seat | Group] = {}
        self._alone: Group | None = None
        self._apart = not any(isinstance(member, Group) for member in self.members)
        self._hears = False

    def __call__(self, run: SimulationRun) -> None:
        """Those who are asked decide."""
        if not self._seats:
            self._sit_down(run)
        if self._hears:
            self._hand_out(run.take_news())
        if self._alone is not None:
            run.reply(self._alone.algorithm.on_wake_all(run.asked, run.opens))
        elif self._apart:
            opens = run.opens
            run.put_replies([reply for entry in run.asked.tolist() for reply in self._ask(entry, opens)])
        else:
            run.reply(self._ask_each(run.asked, run.opens))

    def _sit_down(self, run: SimulationRun) -> None:
        crowd = run.scene.crowd
        places = np.flatnonzero(run.outside).tolist()
        wanted = sum(member.count if isinstance(member, Group) else 1 for member in self.members)
        if len(places) != wanted:
            raise ConfigError(
                f"the market has places for {len(places)} agents, and {wanted} want to join",
                where="agents",
                hint='families "outside" of the preset keep the places',
            )
        taken = iter(places)
        for member in self.members:
            for _ in range(member.count if isinstance(member, Group) else 1):
                index = next(taken)
                self._seats[index] = (
                    member if isinstance(member, Group) else Seat(index, member.algorithm, member.parent)
                )
                memory = int(crowd.agents[index]["memory"])
                for place, name in ((ON_REPORTS, "wake_on_reports"), (ON_TOUCH, "wake_on_touch"), (NEWS, "hears")):
                    crowd.memory[memory + place] = bool(getattr(member.algorithm, name, False))
                crowd.head["watchers"] += int(crowd.memory[memory + ON_TOUCH])
                self._hears = self._hears or bool(crowd.memory[memory + NEWS])
        if len(self.members) == 1 and isinstance(self.members[0], Group):
            self._alone = self.members[0]

    def _hand_out(self, news: np.ndarray) -> None:
        """What was heard goes to those it is about."""
        for entry in news:
            seat = self._seats[int(entry["agent"])]
            if isinstance(seat, Seat):
                seat.heard.append(entry)

    def _ask_each(self, asked: np.ndarray, opens: np.ndarray) -> np.ndarray:
        parts = []
        begin = 0
        entries = asked.tolist()
        for seat, together in groupby(entries, key=lambda entry: self._group_of(entry[0])):
            mine = list(together)
            if seat is None:
                said = [reply for entry in mine for reply in self._ask(entry, opens)]
                parts.append(np.array(said, REPLY))
            else:
                parts.append(seat.algorithm.on_wake_all(asked[begin : begin + len(mine)], opens))
            begin += len(mine)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _group_of(self, index: int) -> Group | None:
        seat = self._seats[index]
        return seat if isinstance(seat, Group) else None

    def _ask(self, entry: tuple[int, ...], opens: np.ndarray) -> list[tuple[int, ...]]:
        """What one agent decides, as rows of REPLY."""
        seat = self._seats[entry[0]]
        assert isinstance(seat, Seat)
        view = AgentView(seat, entry)
        first, count = view.first_open, view.open_orders
        orders = [_child(order) for order in opens[first : first + count].tolist()] if count else []
        return seat.decide(view, orders)


def _child(order: tuple[int, ...]) -> ChildOrder:
    number, side, price_ticks, size_lots, filled_lots, acknowledged, leaving = order
    return ChildOrder(number, Side(side), price_ticks, size_lots, filled_lots, bool(acknowledged), bool(leaving))


def holdings(run: SimulationRun, agents: Sequence[int] | None = None) -> np.ndarray:
    """What agents of a run have, at the venue's word: int64 [agents, 3]: index, position in lots, cash in ticks times lots.  agents: indices, None: all outside"""
    crowd = run.scene.crowd
    index = np.flatnonzero(run.outside) if agents is None else np.array(agents, np.int64)
    return np.stack([index, crowd.agents["position_lots"][index], crowd.agents["cash_ticks"][index]], axis=1)
