"""Seeded streams for the differential tests: messages for a book, histories of a venue, own messages on top of them.

Every generator draws from its own ``random.Random(seed)``.  Prices cluster around a slowly wandering middle, so that orders
cross, sweep and empty levels and queues grow deep.

`random_messages` asks the slow book which orders are live, so that most requests mean one; what it writes depends on the seed
and on the rules only.  Order types and venue rules are in `tests.oracle.typed_streams`.  Known limits: an ADD that happens to follow a group at the same time and beyond its
price counts as that group's remainder, as it would on a real tape.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from lobsim.types import (
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    MESSAGE,
    Flag,
    Kind,
    MessageFlag,
    OrderType,
    Phase,
    Side,
    TimeInForce,
    Verb,
)
from tests.oracle import Row
from tests.oracle.venue import OracleVenue

_IN_BYTES = {"kind": "i1", "side": "i1", "flags": "i4"}
ROW = np.dtype([(name, _IN_BYTES.get(name, "i8")) for name in Row._fields[:-1]])
"""One recorded row: the fields of `tests.oracle.Row` but for the limit, which preparing finds."""

BOOK_VERBS = (Verb.NEW, Verb.CANCEL, Verb.REDUCE, Verb.REPLACE)
START_NS = 34_200_000_000_000


def records(rows: list[dict[str, int]], layout: np.dtype) -> np.ndarray:
    """Dictionaries as a structured array; absent fields are 0."""
    table = np.zeros(len(rows), layout)
    for name in layout.names or ():
        table[name] = [int(row.get(name, 0)) for row in rows]
    return table


def _later(rng: random.Random, ts_ns: int) -> int:
    """The next time stamp; every third event shares the one before."""
    return ts_ns if rng.random() < 0.33 else ts_ns + rng.randint(1, 20_000_000)


# --- messages for a book


class _Messages:
    """State of `random_messages`: the middle, the clock, and a book that knows which orders are live."""

    def __init__(self, rng: random.Random, center: int, spread: int) -> None:
        self.rng, self.center, self.spread = rng, center, spread
        self.ts_ns, self.next_id = START_NS, 1
        self.book = OracleVenue()
        self.named: list[int] = []

    def fresh(self) -> int:
        self.named.append(self.next_id)
        self.next_id += 1
        return self.next_id - 1

    def some_id(self) -> int:
        """A live id, seldom one that has left or never was."""
        while self.named and self.rng.random() > 0.03:
            place = self.rng.randrange(len(self.named))
            if self.book.live(self.named[place]):
                return self.named[place]
            self.named[place] = self.named[-1]
            self.named.pop()
        return self.rng.randint(1, self.next_id + 5)

    def price(self, side: int) -> int:
        rng = self.rng
        away = int(rng.expovariate(1 / self.spread)) - (2 if rng.random() < 0.08 else 0)
        if rng.random() < 0.004:
            away = rng.randint(10**6, 10**8)
        return self.center - away if side == Side.BUY else self.center + 1 + away

    def size(self) -> int:
        return self.rng.choice((1, 1, 2, 3, 5, 10, 10, 50, 100, 100, self.rng.randint(1, 1000)))

    def new(self) -> dict[str, int]:
        rng, side = self.rng, self.rng.randint(0, 1)
        message = {"verb": Verb.NEW, "side": side, "order_id": self.fresh(), "size_lots": self.size()}
        message["price_ticks"] = self.price(side)
        message["tif"] = rng.choices(list(TimeInForce), (70, 8, 8, 14))[0]
        if message["tif"] == TimeInForce.GTD:
            message["expire_ns"] = self.ts_ns + rng.randint(0, 400_000_000)
        if rng.random() < 0.06:
            message["type"] = OrderType.MARKET
            message["tif"] = rng.choices(list(TimeInForce), (40, 40, 18, 2))[0]
            message["size_lots"] *= rng.choice((1, 1, 1, 20))
        elif rng.random() < 0.12:
            message["flags"] = MessageFlag.POST_ONLY
        return message

    def replace(self) -> dict[str, int]:
        """To a new price or at the same, larger or smaller, under the same id or another."""
        rng, old = self.rng, self.some_id()
        order = self.book.orders.get(old)
        side = rng.randint(0, 1) if order is None else order.side
        price, size = self.price(side), self.size()
        if order is not None and rng.random() < 0.4:
            price, size = order.price, max(1, order.size + rng.randint(-order.size, 3))
        message = {"verb": Verb.REPLACE, "side": side, "order_id": old, "price_ticks": price, "size_lots": size}
        message["new_id"] = old if rng.random() < 0.5 else self.fresh()
        message["flags"] = rng.choice((0, 0, 0, MessageFlag.POST_ONLY, MessageFlag.LOSE_PLACE))
        return message

    def spoil(self, message: dict[str, int]) -> dict[str, int]:
        """One thing wrong with it."""
        wrong: tuple[dict[str, int], ...] = (
            {"side": self.rng.choice((2, -1))},
            {"type": self.rng.choice((6, -1))},
            {"tif": self.rng.choice((4, -1))},
            {"size_lots": self.rng.choice((0, -5, MAX_SIZE_LOTS + 1, 2**62))},
            {"price_ticks": self.rng.choice((1, -1)) * (MAX_PRICE_TICKS + self.rng.randint(1, 9))},
            {"order_id": self.some_id()},
            {"order_id": self.next_id + 1000},
            {"new_id": self.some_id()},
            {"flags": MessageFlag.POST_ONLY, "tif": TimeInForce.IOC},
            {"tif": TimeInForce.GTD, "expire_ns": self.ts_ns - self.rng.randint(0, 5)},
            {"type": OrderType.MARKET, "tif": TimeInForce.GTD, "expire_ns": self.ts_ns + 5},
        )
        return message | self.rng.choice(wrong)


def random_messages(
    seed: int, n: int, *, center: int = 10_000, spread: int = 4, invalid: float = 0.04, keep: int = 400
) -> np.ndarray:
    """`n` messages (MESSAGE) of section 1; above `keep` live orders cancels prevail."""
    rng = random.Random(seed)
    state, rows = _Messages(rng, center, spread), []
    for _ in range(n):
        state.ts_ns = _later(rng, state.ts_ns)
        state.center += rng.choice((0, 0, 0, 0, 0, 0, 0, -1, 1))
        crowded = len(state.book.orders) > keep
        verb = rng.choices(BOOK_VERBS, (50, 75 if crowded else 10, 9, 14))[0]
        if verb == Verb.NEW:
            message = state.new()
        elif verb == Verb.REPLACE:
            message = state.replace()
        else:
            message = {"verb": verb, "order_id": state.some_id(), "size_lots": state.size()}
        if rng.random() < invalid:
            message = state.spoil(message)
        message["ts_ns"] = state.ts_ns - (rng.random() < 0.01)
        state.book.process(message)
        rows.append(message)
    return records(rows, MESSAGE)


# --- a venue's history, order by order


class _Venue:
    """A venue that keeps a book of [id, size] lists and writes down what happens, in the words of the event table."""

    def __init__(self, rng: random.Random, center: int, match_ids: bool, fifo: float) -> None:
        self.rng, self.center, self.fifo = rng, center, fifo
        self.match_ids = match_ids
        self.queues: tuple[dict[int, list[list[int]]], dict[int, list[list[int]]]] = ({}, {})
        self.rows: list[dict[str, int]] = []
        self.ts_ns, self.next_id, self.next_match = START_NS, 1, 1

    def write(self, kind: Kind, side: int = 0, price: int = 0, size: int = 0, **more: int) -> None:
        row = {"ts_ns": self.ts_ns, "kind": kind, "side": side, "price_ticks": price, "size_lots": size}
        self.rows.append(row | more)

    def best(self, side: int) -> int | None:
        prices = self.queues[side]
        return (max(prices) if side == Side.BUY else min(prices)) if prices else None

    def passive_price(self, side: int) -> int:
        """A price that does not cross."""
        away = int(self.rng.expovariate(0.4))
        other = self.best(1 - side)
        if side == Side.BUY:
            return min(self.center - away, self.center if other is None else other - 1)
        return max(self.center + 1 + away, self.center if other is None else other + 1)

    def any_order(self) -> tuple[int, int, list[int]] | None:
        places = [(side, price) for side in Side for price in self.queues[side]]
        if not places:
            return None
        side, price = self.rng.choice(places)
        return int(side), price, self.rng.choice(self.queues[side][price])

    def leave(self, side: int, price: int, order: list[int]) -> None:
        self.queues[side][price].remove(order)
        if not self.queues[side][price]:
            del self.queues[side][price]

    def add(self, side: int | None = None, price: int | None = None, size: int | None = None) -> None:
        side = self.rng.randint(0, 1) if side is None else side
        price = self.passive_price(side) if price is None else price
        size = self.rng.choice((1, 5, 10, 20, 50, 100)) if size is None else size
        self.queues[side].setdefault(price, []).append([self.next_id, size])
        self.write(Kind.ADD, side, price, size, order_id=self.next_id)
        self.next_id += 1

    def withdraw(self, whole: bool) -> None:
        found = self.any_order()
        if found is None:
            return
        side, price, order = found
        if whole or order[1] == 1:
            self.leave(side, price, order)
            self.write(Kind.DELETE, side, price, order[1], order_id=order[0])
        else:
            size = self.rng.randint(1, order[1] - 1)
            order[1] -= size
            self.write(Kind.REDUCE, side, price, size, order_id=order[0])

    def replace(self) -> None:
        found = self.any_order()
        if found is None:
            return
        side, price, order = found
        new_id = order[0] if self.rng.random() < 0.3 else self.next_id
        self.next_id += new_id == self.next_id
        if self.rng.random() < 0.4:
            new_price, size = price, self.rng.randint(1, order[1])
            identity = order[0]
            order[:] = [new_id, size]
        else:
            identity, size = order[0], self.rng.choice((1, 10, 60))
            self.leave(side, price, order)
            new_price = self.passive_price(side)
            self.queues[side].setdefault(new_price, []).append([new_id, size])
        self.write(Kind.REPLACE, side, new_price, size, order_id=identity, other_id=new_id)

    def aggress(self) -> None:
        """One aggressor: executions, best level first, mostly first to last, and perhaps a remainder that rests."""
        rng, side = self.rng, self.rng.randint(0, 1)
        best = self.best(1 - side)
        if best is None:
            return
        left, reach = rng.choice((1, 5, 30, 80, 200, 400)), rng.choice((0, 0, 0, 1, 3))
        limit = best + reach if side == Side.BUY else best - reach
        more = {"match_id": self.next_match} if self.match_ids else {}
        self.next_match += 1
        while left and best is not None and (best <= limit if side == Side.BUY else best >= limit):
            queue = self.queues[1 - side][best]
            order = queue[0] if rng.random() < self.fifo else rng.choice(queue)
            size = min(left, order[1])
            left -= size
            order[1] -= size
            self.write(Kind.EXECUTE, 1 - side, best, size, order_id=order[0], **more)
            if not order[1]:
                self.leave(1 - side, best, order)
            best = self.best(1 - side)
        if left and rng.random() < 0.7:
            self.add(side, limit, left)

    def hidden(self) -> None:
        """A print inside the spread or at a touch."""
        side = self.rng.randint(0, 1)
        bid, ask = self.best(Side.BUY), self.best(Side.SELL)
        if bid is not None and ask is not None:
            self.write(Kind.EXECUTE_HIDDEN, side, self.rng.randint(bid, ask), self.rng.choice((1, 10, 70)))

    def halt(self) -> None:
        self.write(Kind.PHASE, size=Phase.HALT)
        for _ in range(self.rng.randint(0, 4)):
            self.ts_ns = _later(self.rng, self.ts_ns)
            self.rng.choice((self.add, lambda: self.withdraw(True)))()
        self.write(Kind.PHASE, size=Phase.CONTINUOUS)

    def clear(self) -> None:
        """CLEAR and the snapshot of what is really there; now and then an order has gone missing."""
        self.write(Kind.CLEAR)
        for side in Side:
            for price in sorted(self.queues[side], reverse=side == Side.BUY):
                for order in list(self.queues[side][price]):
                    if self.rng.random() < 0.1:
                        self.leave(side, price, order)
                    else:
                        flags = int(Flag.SNAPSHOT)
                        self.write(Kind.ADD, side, price, order[1], order_id=order[0], flags=flags)


def random_history(
    seed: int, n: int, *, center: int = 10_000, match_ids: bool = False, fifo: float = 0.9, clears: bool = True
) -> np.ndarray:
    """About `n` rows (ROW) that a venue could have published: no crossed book, every id known, sizes that add up."""
    rng = random.Random(seed)
    venue = _Venue(rng, center, match_ids, fifo)
    for _ in range(12):
        venue.add()
    acts = (venue.add, lambda: venue.withdraw(True), lambda: venue.withdraw(False), venue.replace)
    acts += (venue.aggress, venue.hidden, venue.halt, venue.clear)
    while len(venue.rows) < n:
        venue.ts_ns = _later(rng, venue.ts_ns)
        venue.center += rng.choice((0, 0, 0, 0, 0, -1, 1))
        rng.choices(acts, (50, 22, 6, 6, 14, 4, 0.4, 0.25 if clears else 0))[0]()
    return records(venue.rows, ROW)


# --- own messages on top of a history


def random_own(seed: int, n: int, history: np.ndarray, *, level_rows: bool = False) -> np.ndarray:
    """`n` own messages (MESSAGE) inside the history's time, near its prices; ids -1, -2, ... in the order of NEW.

    A REPLACE keeps its id.  Half of the messages come at the very time of a row.  `level_rows`: the history is one of levels.
    """
    rng = random.Random(seed)
    priced = (Kind.LEVEL, Kind.PRINT) if level_rows else (Kind.ADD, Kind.EXECUTE)
    anchors = history[np.isin(history["kind"], [int(kind) for kind in priced])]
    chosen = sorted(rng.randrange(len(anchors)) for _ in range(n))
    rows: list[dict[str, int]] = []
    sent = 0
    for index in chosen:
        anchor = anchors[index]
        ts_ns = int(anchor["ts_ns"]) + (0 if rng.random() < 0.5 else rng.randint(1, 10_000_000))
        if sent == 0 or rng.random() < 0.6:
            sent += 1
            rows.append(_own_new(rng, -sent, anchor) | {"ts_ns": ts_ns})
        else:
            rows.append(_own_change(rng, sent, anchor) | {"ts_ns": ts_ns})
    rows.sort(key=lambda row: row["ts_ns"])
    return records(rows, MESSAGE)


def _own_new(rng: random.Random, order_id: int, anchor: Any) -> dict[str, int]:
    side, price = rng.randint(0, 1), int(anchor["price_ticks"])
    away = rng.choice((0, 0, 1, 1, 2, 3, -1, -3))
    message = {"verb": Verb.NEW, "side": side, "order_id": order_id, "size_lots": rng.choice((1, 10, 40, 100, 300))}
    message["price_ticks"] = price - away if side == Side.BUY else price + away
    message["tif"] = rng.choices(list(TimeInForce), (75, 10, 3, 12))[0]
    if message["tif"] == TimeInForce.GTD:
        message["expire_ns"] = int(anchor["ts_ns"]) + rng.randint(1, 800_000_000)
    if rng.random() < 0.07:
        message["type"], message["tif"] = OrderType.MARKET, TimeInForce.IOC
    elif message["tif"] == TimeInForce.GTC and rng.random() < 0.4:
        message["flags"] = MessageFlag.POST_ONLY
    return message


def _own_change(rng: random.Random, sent: int, anchor: Any) -> dict[str, int]:
    order_id = -max(1, sent - int(rng.expovariate(0.3)))
    verb = rng.choices((Verb.CANCEL, Verb.REDUCE, Verb.REPLACE), (50, 20, 30))[0]
    message = {"verb": verb, "order_id": order_id, "new_id": order_id, "size_lots": rng.choice((1, 10, 40, 100))}
    message["price_ticks"] = int(anchor["price_ticks"]) + rng.randint(-3, 3)
    return message


# --- a history of levels


def random_l2_history(seed: int, n: int, *, center: int = 10_000) -> np.ndarray:
    """About `n` LEVEL and PRINT rows (ROW) of a feed that does not cross: a print is followed by its level's row."""
    rng = random.Random(seed)
    shown: tuple[dict[int, int], dict[int, int]] = ({}, {})
    rows: list[dict[str, int]] = []
    ts_ns = START_NS

    def write(kind: Kind, side: int, price: int, size: int) -> None:
        rows.append({"ts_ns": ts_ns, "kind": kind, "side": side, "price_ticks": price, "size_lots": size})

    def set_level(side: int, price: int, size: int) -> None:
        shown[side].pop(price, None)
        if size:
            shown[side][price] = size
        write(Kind.LEVEL, side, price, size)

    while len(rows) < n:
        ts_ns = _later(rng, ts_ns)
        center += rng.choice((0, 0, 0, 0, 0, -1, 1))
        side = rng.randint(0, 1)
        other = shown[1 - side]
        if rng.random() < 0.2 and shown[side]:
            price = max(shown[side]) if side == Side.BUY else min(shown[side])
            size = rng.randint(1, shown[side][price])
            write(Kind.PRINT, side, price, size)
            set_level(side, price, max(0, shown[side][price] - size + rng.choice((0, 0, 0, 15, -5))))
            continue
        away = int(rng.expovariate(0.5))
        price = center - away if side == Side.BUY else center + 1 + away
        if other:
            price = min(price, min(other) - 1) if side == Side.BUY else max(price, max(other) + 1)
        before = shown[side].get(price, 0)
        set_level(side, price, max(0, before + rng.choice((-before, -30, -10, -1, 1, 10, 40, 100))))
    return records(rows, ROW)
