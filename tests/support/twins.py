"""A compiled world and its slow twin on one tape, moved on together and compared on the way.

Own messages of a stream are numbered anew for both (`numbered`): in a world a REPLACE makes another own order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import pytest

from lobsim.types import NEVER, OrderState, Reason, ReportKind, Verb
from tests.oracle.book import Order
from tests.oracle.replay_l2 import OracleLevels
from tests.oracle.replay_l3 import Fill, OracleReplay
from tests.support.worlds import BUY, SELL, Ledger, Venue

COUNTERS = {
    "evicted": "evicted",
    "unfilled_hist": "unfilled_history",
    "history_crossed": "history_crossed",
    "crossing_fills": "crossing_fills",
    "unknown": "unknown",
    "duplicate_ids": "duplicates",
    "overdrawn": "overdrawn",
}
"""Counters of the slow replay, and their names in the head of a world."""


def oracle_queues(replay: OracleReplay, side: int) -> list[tuple[int, list[Ledger]]]:
    """The queues of the slow replay, as `Venue.queues` has them."""
    orders = replay.queues[side]
    return [(price, [(order.id, order.size, order.hist) for order in orders[price]]) for price in replay.prices(side)]


def oracle_blocks(replay: OracleLevels, side: int) -> list[tuple[int, list[tuple[int, int]]]]:
    """(price, [(id, units)]) of the slow replay of levels, best first; a block has id 0."""
    answer = []
    for price in replay.prices(side):
        queue = replay.level(side, price).queue
        units = [
            (entry.id, entry.size * replay.one) if isinstance(entry, Order) else (0, entry.quantity) for entry in queue
        ]
        answer.append((price, [(order_id, int(size)) for order_id, size in units]))
    return answer


def blocks(venue: Venue, side: int) -> list[tuple[int, list[tuple[int, int]]]]:
    """The same of a world: neighbouring blocks are one, empty ones none."""
    answer = []
    for price, queue in venue.queues(side):
        merged: list[tuple[int, int]] = []
        for order_id, size, _ in queue:
            if order_id == 0 and merged and merged[-1][0] == 0:
                merged[-1] = (0, merged[-1][1] + size)
            elif size:
                merged.append((order_id, size))
        if merged:
            answer.append((price, merged))
    return answer


def numbered(messages: Iterable[Any], oracle: OracleReplay | OracleLevels) -> Iterator[dict[str, int]]:
    """A stream's own messages in the ids of a world: each NEW and each REPLACE counts one further down from -1.

    A REDUCE becomes the REPLACE or CANCEL that does the same.  Ask for the next one only when the last was played.
    """
    names: dict[int, int] = {}
    sent = 0
    for message in messages:
        asked = {name: int(message[name]) for name in message.dtype.names}
        stream_id = asked["order_id"]
        if asked["verb"] == Verb.NEW:
            sent += 1
            names[stream_id] = asked["order_id"] = -sent
            yield asked
            continue
        if stream_id not in names:
            continue  # sent before its order
        asked["order_id"] = names[stream_id]
        order = oracle.orders.get(names[stream_id])
        if asked["verb"] == Verb.REDUCE:
            asked["verb"] = int(Verb.CANCEL)
            if order is not None and asked["size_lots"] < order.size:
                size = order.size - asked["size_lots"]
                asked |= {"verb": int(Verb.REPLACE), "price_ticks": order.price, "size_lots": size}
        if asked["verb"] == Verb.REPLACE:
            sent += 1
            asked["new_id"] = -sent
        yield asked
        if asked["verb"] == Verb.REPLACE and order is not None and not oracle.live(asked["order_id"]):
            names[stream_id] = -sent


def one_fill_per_price(fills: Iterable[Fill]) -> list[Fill]:
    """The fills of one own message: at each price the own makers', then one of the taker."""
    answer: list[Fill] = []
    for _, group in groupby(fills, key=lambda fill: fill[5]):
        at_price = list(group)
        answer += [fill for fill in at_price if fill[4]]
        taken = [fill for fill in at_price if not fill[4]]
        if taken:
            answer.append((*taken[0][:6], sum(fill[6] for fill in taken)))
    return answer


def reason_of(venue: Venue, message: Mapping[str, int]) -> int:
    """Why the world refused an own message, Reason.NONE if it did not."""
    if message["verb"] == Verb.CANCEL:
        refused = venue.own(-message["order_id"] - 1)["cancel_sent"] == 0
        return int(Reason.TOO_LATE if refused else Reason.NONE)
    order = venue.own(-message["new_id" if message["verb"] == Verb.REPLACE else "order_id"] - 1)
    return int(order["reason"]) if order["venue_state"] == OrderState.REJECTED else int(Reason.NONE)


def reason_told(reports: Iterable[tuple[int, ...]]) -> int:
    """Why the slow replay refused an own message; an order that is gone is TOO_LATE in a world."""
    reasons = [report[1] for report in reports if report[0] == ReportKind.REJECTED]
    reason = reasons[0] if reasons else int(Reason.NONE)
    return int(Reason.TOO_LATE) if reason == Reason.UNKNOWN_ORDER else reason


class Twins:
    """A compiled world and its slow twin on the same tape, moved on together.

    oracle  its rows come from `prepare`d `rows`; own messages act at once in both
    """

    def __init__(self, venue: Venue, oracle: OracleReplay | OracleLevels, rows: Sequence[Any]) -> None:
        self.venue, self.oracle, self.rows = venue, oracle, rows
        self.done = 0

    def compare(self) -> None:
        """Every queue is the same."""
        if isinstance(self.oracle, OracleLevels):
            for side in (BUY, SELL):
                assert oracle_blocks(self.oracle, side) == blocks(self.venue, side), f"after row {self.done}"
        elif self.oracle.state_hash() != self.venue.hash():
            for side in (BUY, SELL):
                assert oracle_queues(self.oracle, side) == list(self.venue.queues(side)), f"after row {self.done}"
            pytest.fail(f"the state hashes differ after row {self.done}")

    def apply_to_oracle(self, place: int) -> None:
        """One row of the tape reaches the slow twin."""
        self.oracle.apply(self.rows[place])

    def replay(self, before_ns: int = NEVER, *, every: int = 20) -> None:
        """The rows up to and at before_ns; compared now and then."""
        while self.done < len(self.rows) and self.rows[self.done].ts_ns <= before_ns:
            self.apply_to_oracle(self.done)
            self.done += 1
            if self.done % every == 0:
                self.venue.apply(self.done - int(self.venue.head["cursor"]))
                self.compare()

    def submit(self, message: Mapping[str, int]) -> None:
        """An own message reaches both; its refusal and the books are compared."""
        start = len(self.oracle.fills)
        reports = self.oracle.process(message)
        self.oracle.fills[start:] = one_fill_per_price(self.oracle.fills[start:])
        self.venue.submit(message)
        assert reason_told(reports) == reason_of(self.venue, message), f"{message} after row {self.done}"
        self.compare()

    def play(self, messages: Iterable[Any], *, every: int = 20) -> None:
        """Everything, rows first at equal times; then all fills, the counters and the audit."""
        for message in numbered(messages, self.oracle):
            self.replay(message["ts_ns"], every=every)
            self.submit(message)
        self.replay(every=every)
        self.venue.apply(self.done - int(self.venue.head["cursor"]))
        self.compare()
        assert self.oracle.fills == self.venue.fills
        self.venue.check()
