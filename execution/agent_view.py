"""What one agent of a simulated market sees at a decision, and how its commands become requests."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

import numpy as np

from execution.algorithm import Algorithm, Cancel, ChildOrder, Command, Limit, Market, View, WakeAt
from execution.parent import Parent
from lobsim.core.agents.state import ASKED
from lobsim.errors import ConfigError
from lobsim.simulation.outside import REPLY_CANCEL, REPLY_LIMIT, REPLY_MARKET, REPLY_WAKE
from lobsim.types import MAX_PRICE_TICKS, NEVER, NONE_PRICE, Phase, Side, TimeInForce

_AT = {name: place for place, name in enumerate(ASKED.names or ())}
_NOW, _BID, _BID_LOTS, _ASK, _ASK_LOTS = (
    _AT[name] for name in ("now_ns", "bid_ticks", "bid_lots", "ask_ticks", "ask_lots")
)
_LAST, _BOUGHT, _SOLD, _PHASE = (_AT[name] for name in ("last_ticks", "bought_lots", "sold_lots", "phase"))
_POSITION, _CASH, _WORKING = (_AT[name] for name in ("position_lots", "cash_ticks", "working_lots"))
_COUNT, _FIRST = _AT["open_orders"], _AT["first_open"]
_MOST_LOTS = 2**31 - 1
_TIFS = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)
Reply = tuple[int, int, int, int, int, int, int, int]
"""One row of REPLY"""


class Seat:
    """One agent in the market: who it is, and what is kept for it between its decisions.

    index  of the agent in the crowd;  heard  HEARD records since it was asked last
    """

    def __init__(self, index: int, algorithm: Algorithm, parent: Parent | None) -> None:
        self.index = index
        self.algorithm = algorithm
        self.parent = parent
        self.heard: list[np.void] = []
        self.volume_before: int | None = None

    def decide(self, view: AgentView, orders: Sequence[ChildOrder]) -> list[Reply]:
        """The agent's turn.  Returns its requests.

        Raises ConfigError for something that is no command an agent may give.
        """
        parent, now_ns = self.parent, view.now_ns
        if parent is not None and now_ns < parent.start_ns:
            return [self._wake(parent.start_ns)]
        if parent is not None and now_ns >= parent.end_ns:
            return [self._cancel(order.order) for order in orders]
        if self.volume_before is None:
            self.volume_before = 0 if parent is None else view.traded_lots
        left = _MOST_LOTS if parent is None else parent.size_lots - view.executed_lots - view.working_lots
        replies = []
        for command in self.algorithm.on_wake(view, orders) or ():
            reply = self._reply(command, left)
            if reply is not None:
                left -= 0 if parent is None else reply[4]
                replies.append(reply)
        if parent is not None:
            replies.append(self._wake(parent.end_ns))
        self.heard = []
        return replies

    def _wake(self, time_ns: int) -> Reply:
        return (self.index, REPLY_WAKE, 0, 0, 0, 0, 0, min(time_ns, NEVER - 1))

    def _cancel(self, order: int) -> Reply:
        return (self.index, REPLY_CANCEL, 0, 0, 0, 0, order, 0)

    def _reply(self, command: Command, left: int) -> Reply | None:
        """A command as a request, None where the parent leaves nothing of it."""
        if isinstance(command, WakeAt):
            return self._wake(_whole(command, "time_ns", -(2**63), NEVER))
        if isinstance(command, Cancel):
            return self._cancel(_whole(command, "order", -(2**63), 2**63 - 1))
        if not isinstance(command, (Limit, Market)):
            raise ConfigError(
                f"{command!r} is no command of an agent", where="on_wake", hint="yield Limit, Market, Cancel, WakeAt"
            )
        side = self._side_of(command)
        size = min(_whole(command, "size_lots", 1, _MOST_LOTS), left)
        if size < 1:
            return None
        limit = self._limit(side)
        if isinstance(command, Market) and limit is None:
            return (self.index, REPLY_MARKET, side, 0, size, 0, 0, 0)
        price, tif = limit or 0, TimeInForce.IOC
        if isinstance(command, Limit):
            tif = command.tif
            if command.post_only or tif not in _TIFS:
                raise ConfigError(f"{command!r} is no order of an agent", where="on_wake", hint="GTC, IOC or FOK")
            price = _whole(command, "price_ticks", -MAX_PRICE_TICKS, MAX_PRICE_TICKS)
            if limit is not None:
                price = min(price, limit) if side == Side.BUY else max(price, limit)
        return (self.index, REPLY_LIMIT, side, price, size, tif, 0, 0)

    def _limit(self, side: int) -> int | None:
        """The worst price the parent allows, if it has one."""
        return None if self.parent is None else self.parent.limit_price_ticks

    def _side_of(self, command: Limit | Market) -> int:
        """The side of an order: as it says, else the parent's."""
        side = command.side
        if self.parent is None:
            if side is None:
                raise ConfigError(f"{command!r} says no side", where="on_wake", hint="side=Side.BUY or Side.SELL")
            return int(side if type(side) is Side else Side(side))
        if side is not None and side != self.parent.side:
            raise ConfigError(f"{command!r} is not on the parent's side", where="on_wake", hint="leave the side out")
        return int(self.parent.side)


def _whole(command: Command, name: str, least: int, most: int) -> int:
    """A field of a command as a whole number within bounds."""
    value = getattr(command, name)
    if type(value) is not int:
        try:
            value = index(value)
        except TypeError:
            raise ConfigError(f"{name} of {command!r} is no whole number", where="on_wake") from None
    if not least <= value <= most:
        raise ConfigError(f"{name} of {command!r} is out of range", where="on_wake", hint=f"{least} to {most}")
    return value


class AgentView(View):
    """What an agent knows at one decision: the best prices as they were its feed delay ago, its own orders as it heard.

    Without a parent order there is no near side, and volumes count from the beginning of the market.
    """

    __slots__ = ("_entry", "_seat")

    def __init__(self, seat: Seat, entry: Sequence[int]) -> None:
        self._seat = seat
        self._entry = entry
        if seat.parent is not None:
            self.parent = seat.parent

    @property
    def agent(self) -> int:
        """Its index in the crowd."""
        return self._seat.index

    @property
    def heard(self) -> list[np.void]:
        """HEARD records since it was asked last, in order of time; none unless the algorithm's attribute ``hears`` is true."""
        return self._seat.heard

    @property
    def now_ns(self) -> int:
        """Time of the decision."""
        return self._entry[_NOW]

    def _price(self, name: str) -> int | None:
        value = self._entry[_AT[name]]
        return None if value == NONE_PRICE else value

    @property
    def best_bid_ticks(self) -> int | None:
        """Highest bid."""
        value = self._entry[_BID]
        return None if value == NONE_PRICE else value

    @property
    def best_ask_ticks(self) -> int | None:
        """Lowest offer."""
        value = self._entry[_ASK]
        return None if value == NONE_PRICE else value

    @property
    def bid_lots(self) -> int:
        """Displayed at the best bid, own orders included."""
        return self._entry[_BID_LOTS]

    @property
    def ask_lots(self) -> int:
        """Displayed at the best offer, own orders included."""
        return self._entry[_ASK_LOTS]

    @property
    def join_ticks(self) -> int | None:
        """Where a passive order of this parent stands: the near touch, or the parent's limit where that is further back."""
        near, limit = self.near_ticks, self.parent.limit_price_ticks
        if near is None or limit is None:
            return near
        return min(near, limit) if self.parent.side == Side.BUY else max(near, limit)

    @property
    def last_ticks(self) -> int | None:
        """Price of the last trade seen, None before the first."""
        return self._price("last_ticks")

    @property
    def bought_lots(self) -> int:
        """Traded since the market began by aggressors who bought."""
        return self._entry[_BOUGHT]

    @property
    def sold_lots(self) -> int:
        """The same, who sold."""
        return self._entry[_SOLD]

    @property
    def traded_lots(self) -> int:
        """Traded since the market began."""
        return self._entry[_BOUGHT] + self._entry[_SOLD]

    @property
    def volume_lots(self) -> int:
        """Traded since the parent began, or the market, own volume included."""
        return self.traded_lots - (self._seat.volume_before or 0)

    @property
    def others_volume_lots(self) -> int:
        """Traded by others since the parent began."""
        return self.volume_lots - self.executed_lots

    @property
    def position_lots(self) -> int:
        """What it has bought less what it has sold, as it has heard."""
        return self._entry[_POSITION]

    @property
    def cash_ticks(self) -> int:
        """What it was paid less what it paid, in ticks times lots, as it has heard."""
        return self._entry[_CASH]

    @property
    def executed_lots(self) -> int:
        """Own fills heard of; without a parent the position, bought or sold."""
        return abs(self._entry[_POSITION])

    @property
    def working_lots(self) -> int:
        """Own quantity that may still trade."""
        return self._entry[_WORKING]

    @property
    def open_orders(self) -> int:
        """How many orders are open, as it has heard."""
        return self._entry[_COUNT]

    @property
    def first_open(self) -> int:
        """Where they begin in the open orders of all who are asked."""
        return self._entry[_FIRST]

    @property
    def trading(self) -> bool:
        """Whether the venue trades continuously."""
        return self._entry[_PHASE] == Phase.CONTINUOUS

    def levels(self, side: Side, count: int = 10) -> np.ndarray:
        """The best level of a side, which is all an agent sees.  Returns int64 [at most 1, 2]: price in ticks, lots."""
        price, lots = (_ASK, _ASK_LOTS) if side == Side.SELL else (_BID, _BID_LOTS)
        if self._entry[price] == NONE_PRICE or count < 1:
            return np.zeros((0, 2), np.int64)
        return np.array([[self._entry[price], self._entry[lots]]], np.int64)
