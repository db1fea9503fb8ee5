"""A crowd beside a tape, slowly: to history the orders of agents are own orders (docs/rules.md, section 2), and whose they are is kept beside the slow replay."""

from __future__ import annotations

from collections.abc import Sequence

from lobsim.types import MESSAGE, NEVER, FillReason, Kind, OrderType, TimeInForce, Verb
from tests.oracle import Row
from tests.oracle.replay_l3 import OracleReplay

CROWD = 10**6
"""The k-th order of the crowd, from 0, has the id -(CROWD + 1) - k in the slow book; a participant's are -1, -2, ..."""


class SlowMixture:
    """History, a crowd and a participant in one slow book."""

    def __init__(self, rows: Sequence[Row], replay: OracleReplay) -> None:
        self.rows, self.replay = rows, replay
        self.done = 0
        self.owners: list[int] = []
        self.volume = 0

    def run_to(self, ts_ns: int) -> None:
        """Everything recorded up to and at a time."""
        while self.done < len(self.rows) and self.rows[self.done].ts_ns <= ts_ns:
            row = self.rows[self.done]
            told = len(self.replay.executions)
            self.replay.apply(row)
            self.volume += sum(own + others for _, own, others, _ in self.replay.executions[told:])
            if row.kind == Kind.EXECUTE_HIDDEN:
                self.volume += row.size_lots
            self.done += 1
        self.replay.advance_clock(ts_ns)

    def send(self, agent: int, ts_ns: int, side: int, price: int, size: int, *, market: bool, tif: int) -> None:
        """An agent's order arrives."""
        self.owners.append(agent)
        order_id = -(CROWD + len(self.owners))
        kind = OrderType.MARKET if market else OrderType.LIMIT
        tif = TimeInForce.IOC if market else tif
        self._process(ts_ns, Verb.NEW, order_id, side=side, price_ticks=price, size_lots=size, type=kind, tif=tif)

    def cancel(self, number: int, ts_ns: int) -> None:
        """The cancel of the crowd's order of this number arrives, which may be gone."""
        self._process(ts_ns, Verb.CANCEL, -(CROWD + 1) - number)

    def participant(self, ts_ns: int, index: int, side: int, price: int, size: int, *, market: bool) -> None:
        """An order of the participant arrives."""
        kind, tif = (OrderType.MARKET, TimeInForce.IOC) if market else (OrderType.LIMIT, TimeInForce.GTC)
        self._process(ts_ns, Verb.NEW, -index - 1, side=side, price_ticks=price, size_lots=size, type=kind, tif=tif)

    def _process(self, ts_ns: int, verb: int, order_id: int, **more: int) -> None:
        fields = dict.fromkeys(MESSAGE.names or (), 0)
        self.replay.process(fields | {"ts_ns": ts_ns, "verb": verb, "order_id": order_id, "expire_ns": NEVER} | more)

    def holdings(self) -> dict[int, tuple[int, int]]:
        """Position and cash of every agent that has traded."""
        found: dict[int, tuple[int, int]] = {}
        for _, index, side, _, _, price, lots in self.replay.fills:
            if index >= CROWD:
                lots = -lots if side else lots
                position, cash = found.get(self.owners[index - CROWD], (0, 0))
                found[self.owners[index - CROWD]] = position + lots, cash - lots * price
        return found

    def traded(self) -> int:
        """All lots traded: history's executions, what own orders took, and what crossed."""
        fills = self.replay.fills
        took = sum(fill[6] for fill in fills if not fill[4])
        return self.volume + took + sum(fill[6] for fill in fills if fill[3] == FillReason.BOOK_CROSSED)
