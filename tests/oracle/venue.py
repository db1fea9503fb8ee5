"""A venue: what each message does to the book (docs/rules.md, sections 1 and 1b).

`OracleVenue` holds the rules, the phase, the positions and the last trade, and walks a message from its checks to its reports.
The pieces stand in files of their own: `refusal` (checks), `matching` (a taker meets makers), `allocation` (shares of a level),
`stops` (election), `auction` (uncrossing), `pegs` (prices that follow).

Bad verbs are refused with BAD_FIELD.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lobsim.types import (
    MAX_LEVEL_UNITS,
    MAX_PRICE_TICKS,
    NEVER,
    NONE,
    RULES,
    TERMS,
    Allocation,
    MessageFlag,
    OrderType,
    Phase,
    Reason,
    ReportKind,
    SelfTrade,
    Side,
    TimeInForce,
    Verb,
)
from tests.oracle import auction, matching, pegs, refusal, stops
from tests.oracle.book import OracleBook, Order, Report, about, plain, report

STAYS_ON = (TimeInForce.GTC, TimeInForce.GTD)
GATHERS = (Phase.PRE_OPEN, Phase.QUOTING, Phase.AUCTION)
DEFAULT_RULES: dict[str, int] = dict.fromkeys(RULES.names or (), 0) | {
    "tick_step": 1,
    "lot_step": 1,
    "band_low_ticks": -MAX_PRICE_TICKS,
    "band_high_ticks": MAX_PRICE_TICKS,
}


class OracleVenue(OracleBook):
    """``process`` takes one message and answers all its reports in order; ``run`` takes many.

    rules  fields of RULES that are not as in DEFAULT_RULES
    terms  TERMS table whose row 0 means nothing, None for a table of that row alone
    """

    own_orders = False
    """Whether orders that arrive are ours (a replay)."""

    def __init__(
        self,
        rules: Mapping[str, int] | None = None,
        terms: np.ndarray | None = None,
        *,
        max_level_units: int = MAX_LEVEL_UNITS,
    ) -> None:
        super().__init__(max_level_units=max_level_units)
        self.rules = DEFAULT_RULES | {name: int(value) for name, value in (rules or {}).items()}
        if self.rules["allocation"] != Allocation.FIFO and self.rules["self_trade"] == SelfTrade.DECREMENT:
            raise ValueError("DECREMENT cannot be combined with an allocation that is not FIFO")
        self.tick_step, self.lot_step = max(1, self.rules["tick_step"]), max(1, self.rules["lot_step"])
        self.phase, self.reference = self.rules["phase"], self.rules["reference_ticks"]
        table = np.zeros(1, TERMS) if terms is None else terms
        self.terms = [{name: int(row[name]) for name in TERMS.names or ()} for row in table]
        self.positions: dict[int, int] = {}
        self.last_trade: int | None = None
        self.arrivals = 0

    # --- questions

    def in_band(self, price: int) -> bool:
        """Whether a limit price may lie there."""
        return self.rules["band_low_ticks"] <= price <= self.rules["band_high_ticks"]

    def reducible(self, owner: int, side: int) -> int:
        """By how much trades of `side` may bring the owner's position nearer to 0."""
        position = self.positions.get(owner, 0)
        return max(0, -position if side == Side.BUY else position)

    def size_that_enters(self, asked: Mapping[str, int]) -> int:
        """The size of a NEW, cut to the position if it is REDUCE_ONLY."""
        if asked["flags"] & MessageFlag.REDUCE_ONLY:
            return min(asked["size_lots"], self.reducible(asked["owner"], asked["side"]))
        return asked["size_lots"]

    def minimum_that_counts(self, asked: Mapping[str, int]) -> int:
        """The minimum of a NEW, cut as its size is."""
        return min(asked["min_lots"], self.size_that_enters(asked))

    def overflows(self, side: int, price: int, size: int) -> bool:
        """Whether the level's total would be too large if the whole size joined it."""
        return self.total(side, price) + size > self.max_level_units

    def fillable(self, side: int, limit: int | None, owner: int) -> int:
        """What could trade at once."""
        return matching.fillable(self, side, limit, owner)

    # --- messages

    def run(self, messages: Iterable[Any]) -> list[tuple[int, ...]]:
        """All reports to these messages, each behind the index of its message."""
        return [(i, *line) for i, message in enumerate(messages) for line in self.process(message)]

    def process(self, message: Mapping[str, Any] | Any) -> list[Report]:
        """Apply one message; answer its reports, expiries first, then those of stops and pegged orders it moved."""
        asked = plain(message)
        reports = self.advance_clock(asked["ts_ns"])
        reports += self._answer(asked)
        if self.phase == Phase.CONTINUOUS:
            reports += stops.enter_elected(self)
            reports += pegs.look_at_all(self)
        return reports

    def _answer(self, asked: dict[str, int]) -> list[Report]:
        verb = asked["verb"]
        if verb == Verb.NEW:
            return self._new(asked)
        if verb == Verb.PHASE:
            return self._change_phase(asked)
        if verb not in (Verb.CANCEL, Verb.REDUCE, Verb.REPLACE):
            return [self._rejected(asked, Reason.BAD_FIELD, asked["side"])]
        order = self.orders.get(asked["order_id"])
        if order is None:
            return [self._rejected(asked, Reason.UNKNOWN_ORDER, NONE)]
        if verb == Verb.CANCEL:
            return [self.leave(order, ReportKind.CANCELLED, Reason.REQUESTED)]
        if verb == Verb.REDUCE:
            return self._reduce(order, asked)
        return self._replace(order, asked)

    @staticmethod
    def _rejected(asked: Mapping[str, int], reason: Reason, side: int) -> Report:
        other = asked["new_id"] if asked["verb"] == Verb.REPLACE else 0
        facts: dict[str, Any] = {"order_id": asked["order_id"], "other_id": other, "price": asked["price_ticks"]}
        return report(ReportKind.REJECTED, reason, side=side, size=asked["size_lots"], **facts)

    # --- NEW

    def _new(self, asked: dict[str, int]) -> list[Report]:
        asked = self._as_read(asked)
        reason = refusal.refusal_of_new(self, asked)
        if reason != Reason.NONE:
            return [self._rejected(asked, reason, asked["side"])]
        order = self._arriving(asked)
        size = order.size
        if asked["type"] in (OrderType.STOP, OrderType.STOP_LIMIT):
            stops.wait_for_election(self, order)
            return [about(ReportKind.ACCEPTED, Reason.NONE, order, size=size, remaining=size)]
        if asked["type"] == OrderType.PEGGED:
            accepted = about(ReportKind.ACCEPTED, Reason.NONE, order, size=size)
            self.wait(order)
            return [accepted]
        if asked["type"] == OrderType.MARKET_TO_LIMIT:
            order.limit = self.best_of_any_kind(1 - order.side)
        price = order.reported_price
        rests = asked["tif"] in STAYS_ON and order.limit is not None
        if not rests and self._below_minimum(asked, order.limit):
            reports = [self.end_of_taker(order, Reason.NO_LIQUIDITY)]
        else:
            reports = self.enter(order, rests=rests)
        facts: dict[str, Any] = {"side": order.side, "order_id": order.id, "price": price, "size": size}
        return [report(ReportKind.ACCEPTED, remaining=order.whole, **facts), *reports]

    def _below_minimum(self, asked: Mapping[str, int], limit: int | None) -> bool:
        """Whether less than the minimum of an immediate order could trade."""
        minimum = self.minimum_that_counts(asked)
        return bool(minimum) and self.fillable(asked["side"], limit, asked["owner"]) < minimum

    def _as_read(self, asked: dict[str, int]) -> dict[str, int]:
        """The message with the fields of its terms; a MARKET order that is GTC is IOC."""
        row = asked["terms"] if 0 <= asked["terms"] < len(self.terms) else 0
        asked = asked | self.terms[row]
        if asked["type"] == OrderType.MARKET and asked["tif"] == TimeInForce.GTC:
            asked["tif"] = int(TimeInForce.IOC)
        return asked

    def _arriving(self, asked: Mapping[str, int]) -> Order:
        """The order that a NEW means, before it meets anyone."""
        size = self.size_that_enters(asked)
        order = Order(asked["order_id"], asked["side"], 0, size, own=self.own_orders, limit=refusal.limit_of(asked))
        self.arrivals += 1
        order.arrival, order.owner = self.arrivals, asked["owner"]
        order.display = asked["display_lots"] if asked["display_lots"] < size else 0
        order.hidden = bool(asked["flags"] & MessageFlag.HIDDEN)
        order.reduce_only = bool(asked["flags"] & MessageFlag.REDUCE_ONLY)
        order.stop = asked["stop_ticks"] if asked["has_stop"] else None
        order.peg, order.peg_ticks = asked["peg"], asked["peg_ticks"]
        if asked["tif"] == TimeInForce.GTD and asked["expire_ns"] != NEVER:
            self.give_limit(order, asked["expire_ns"])
        return order

    def enter(self, order: Order, *, rests: bool) -> list[Report]:
        """The order trades as far as it may; what is left rests at its limit, or is cancelled."""
        reports = self.match(order) if self.phase == Phase.CONTINUOUS else []
        if order.size and rests:
            self.rest(order)
        elif order.size:
            reports.append(self.end_of_taker(order, Reason.NO_LIQUIDITY))
        return reports

    def rest(self, order: Order) -> None:
        """What is left joins the queue at its limit; an iceberg shows a part of it."""
        assert order.limit is not None
        order.price, left = order.limit, order.whole
        order.size = min(order.display, left) if order.display else left
        order.reserve = left - order.size
        self.join(order)

    @staticmethod
    def end_of_taker(order: Order, reason: Reason) -> Report:
        """What is left of a taker is cancelled."""
        said = about(ReportKind.CANCELLED, reason, order, size=order.size)
        order.size = 0
        return said

    # --- REDUCE, REPLACE, PHASE

    def _reduce(self, order: Order, asked: dict[str, int]) -> list[Report]:
        reason = refusal.refusal_of_reduce(self, asked)
        if reason != Reason.NONE:
            return [self._rejected(asked, reason, order.side)]
        size = asked["size_lots"]
        if size >= order.whole:
            return [self.leave(order, ReportKind.CANCELLED, Reason.REQUESTED)]
        order.take_off(size)
        return [about(ReportKind.REDUCED, Reason.NONE, order, size=size, remaining=order.whole)]

    def _replace(self, order: Order, asked: dict[str, int]) -> list[Report]:
        price, size, new_id = asked["price_ticks"], asked["size_lots"], asked["new_id"]
        loses = bool(asked["flags"] & MessageFlag.LOSE_PLACE)
        keeps = not order.waiting and price == order.price and size <= order.whole and not loses
        reason = refusal.refusal_of_replace(self, order, asked, keeps=keeps)
        if reason != Reason.NONE:
            return [self._rejected(asked, reason, order.side)]
        reports: list[Report] = []
        if order.waiting:
            self.rename(order, new_id)
            order.limit = None if order.limit is None else price
            order.size = size
        elif keeps:
            self.rename(order, new_id)
            order.take_off(order.whole - size)
        else:
            self.remove(order)
            if order.reduce_only:
                size = min(size, self.reducible(order.owner, order.side))
            order.id, order.limit, order.size, order.reserve = new_id, price, size, 0
            reports = self.enter(order, rests=True)
        facts: dict[str, Any] = {"side": order.side, "order_id": new_id, "other_id": asked["order_id"]}
        price = 0 if order.limit is None else price
        return [*reports, report(ReportKind.REPLACED, price=price, size=size, remaining=order.whole, **facts)]

    def _change_phase(self, asked: dict[str, int]) -> list[Report]:
        reason = refusal.refusal_of_phase(asked)
        if reason != Reason.NONE:
            return [self._rejected(asked, reason, asked["side"])]
        before, self.phase, self.reference = self.phase, asked["size_lots"], asked["price_ticks"]
        reports = [
            report(ReportKind.PHASE_CHANGED, side=NONE, order_id=0, price=self.reference, size=self.phase),
        ]
        if self.phase == Phase.CONTINUOUS or (self.phase == Phase.CLOSED and before in GATHERS):
            reports += auction.uncross(self)
        return reports

    # --- trading

    def match(self, taker: Order) -> list[Report]:
        """Trade the taker's size against the other side, as far as its limit."""
        return matching.match(self, taker)

    def trade(self, maker: Order, taker: Order, lots: int) -> Report:
        """One trade at the resting price."""
        self.take(maker, lots)
        taker.size -= lots
        buyer, seller = (maker, taker) if maker.side == Side.BUY else (taker, maker)
        self.note_trade(buyer.owner, seller.owner, maker.price, lots)
        facts: dict[str, Any] = {"side": maker.side, "order_id": maker.id, "other_id": taker.id, "price": maker.price}
        return report(ReportKind.TRADE, size=lots, remaining=maker.whole, **facts)

    def take(self, maker: Order, lots: int) -> None:
        """Size that is shown (or hidden) goes."""
        maker.size -= lots

    def note_trade(self, buyer: int, seller: int, price: int, lots: int) -> None:
        """A trade moves positions, becomes the last one, and elects stops."""
        for owner, change in ((buyer, lots), (seller, -lots)):
            if owner:
                self.positions[owner] = self.positions.get(owner, 0) + change
        self.last_trade = price
        stops.elect(self, price)

    def refresh_or_leave(self, order: Order) -> list[Report]:
        """An order that shows nothing any more shows its reserve, behind the displayed orders, or leaves."""
        if order.size == 0 and order.reserve:
            order.size = min(order.display, order.reserve)
            order.reserve -= order.size
            order.turn += 1
            self.remove(order)
            self.join(order)
            return [about(ReportKind.REFRESHED, Reason.NONE, order, size=order.size, remaining=order.whole)]
        self.leave_if_empty(order)
        return []
