"""Seeded command streams over all order types, rules and phases (docs/rules.md, section 1b), for the differential tests.

A stream is written against a slow venue that plays along, so that most commands mean an order that is live, a position that can
be reduced, a phase that can be left.  Prices lie within a few ticks of a middle and sizes are small, so that queues, sweeps,
self-trades, cascades of stops, refreshes and crossed auctions happen all the time.  What a stream holds depends on the seed and on
the rules only.

Known limits: levels never come near MAX_LEVEL_UNITS.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from lobsim.types import (
    MAX_OWNER,
    MAX_PRICE_TICKS,
    MAX_SIZE_LOTS,
    MESSAGE,
    RULES,
    TERMS,
    Allocation,
    MessageFlag,
    OrderType,
    Peg,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
    Verb,
)
from tests.oracle.streams import START_NS, records
from tests.oracle.venue import DEFAULT_RULES, OracleVenue

GTC, GTD, IOC, FOK = (int(tif) for tif in (TimeInForce.GTC, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK))
STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


@dataclass(frozen=True)
class Profile:
    """How often what happens: weights of order types, and shares between 0 and 1."""

    types: tuple[float, ...] = (60, 8, 4, 4, 4, 3)  # in the order of OrderType
    immediate: float = 0.15  # of the limit orders
    timed: float = 0.12  # of what may rest
    iceberg: float = 0.15
    hidden: float = 0.1
    minimum: float = 0.06
    post_only: float = 0.05
    reduce_only: float = 0.08
    phase: float = 0.01  # of the messages, while the phase is CONTINUOUS
    invalid: float = 0.05
    cancels: float = 10
    reduces: float = 8
    replaces: float = 14
    owners: int = 4
    keep: int = 60  # above so many live orders cancels prevail
    spread: float = 2.0
    rules: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Fields of RULES and what is drawn from; the band is given as a distance from the middle."""


EVERY_SELF_TRADE = tuple(int(mode) for mode in SelfTrade)
EVERYTHING = Profile(rules={"self_trade": EVERY_SELF_TRADE})
_SHARED = {"allocation": (Allocation.PRO_RATA, Allocation.TOP_N), "top_orders": (0, 1, 2, 5)}
PROFILES: dict[str, Profile] = {
    "everything": EVERYTHING,
    "plain": Profile(types=(80, 10, 0, 0, 0, 0), iceberg=0, hidden=0, minimum=0, reduce_only=0, phase=0, owners=1),
    "icebergs": replace(EVERYTHING, types=(90, 6, 2, 0, 0, 0), iceberg=0.55, hidden=0.25, immediate=0.3, replaces=20),
    "minimum": replace(EVERYTHING, types=(80, 15, 0, 0, 0, 0), minimum=0.5, immediate=0.35, post_only=0),
    "stops": replace(EVERYTHING, types=(50, 8, 2, 14, 14, 0), keep=40, replaces=20, timed=0.2),
    "self_trade": replace(EVERYTHING, owners=2, iceberg=0.3, hidden=0.2, phase=0.002, spread=1.2),
    "positions": replace(EVERYTHING, types=(70, 10, 8, 6, 6, 1), reduce_only=0.45, owners=3, phase=0.002),
    "phases": replace(EVERYTHING, phase=0.06, iceberg=0.3, hidden=0.2, keep=80),
    "pegs": replace(EVERYTHING, types=(50, 6, 2, 2, 2, 25), hidden=0.3, timed=0.2, keep=50),
    "allocation": replace(
        EVERYTHING, iceberg=0.3, spread=0.8, keep=90, rules=_SHARED | {"self_trade": (0, 0, 1, 2, 3)}
    ),
    "steps": replace(
        EVERYTHING,
        spread=6,
        invalid=0.3,
        rules={"tick_step": (3, 5), "lot_step": (2, 10), "band_low_ticks": (15, 30), "band_high_ticks": (15, 30)},
    ),
    "invalid": replace(EVERYTHING, invalid=0.4, phase=0.03),
}
"""One family each, and "everything"."""


class Stream(NamedTuple):
    """Commands and what they are played against."""

    messages: np.ndarray  # MESSAGE
    terms: np.ndarray  # TERMS, row 0 means nothing
    rules: dict[str, int]


def rules_record(rules: dict[str, int]) -> np.ndarray:
    """RULES[1] of a dictionary that may leave fields at their defaults."""
    return records([DEFAULT_RULES | rules], RULES)


def typed_messages(seed: int, n: int, profile: str = "everything", *, center: int = 1000) -> Stream:
    """`n` commands under one of PROFILES."""
    author = _Author(random.Random(seed), PROFILES[profile], center)
    rows = [author.next() for _ in range(n)]
    return Stream(records(rows, MESSAGE), records(author.venue.terms, TERMS), author.rules)


class _Author:
    """Writes one command after the other, and lets its venue play each."""

    def __init__(self, rng: random.Random, profile: Profile, center: int) -> None:
        self.rng, self.profile, self.center = rng, profile, center
        self.rules = {name: int(rng.choice(choices)) for name, choices in profile.rules.items()}
        if "band_low_ticks" in self.rules:
            self.rules["band_low_ticks"] = center - self.rules["band_low_ticks"]
            self.rules["band_high_ticks"] = center + self.rules["band_high_ticks"]
        self.venue = OracleVenue(self.rules)
        self.ts_ns, self.next_id = START_NS, 1

    def next(self) -> dict[str, int]:
        """The next command; the venue has played it."""
        rng, profile = self.rng, self.profile
        if rng.random() < 0.6:
            self.ts_ns += rng.choice((1, 10, 10, 50))
        self.center += rng.choice((0, 0, 0, 0, 0, 0, 0, 0, -1, 1)) if "band_low_ticks" not in self.rules else 0
        continuous = self.venue.phase == Phase.CONTINUOUS
        if rng.random() < (profile.phase if continuous else 0.09):
            message = self.change_phase(continuous)
        else:
            message = self.command()
        if rng.random() < profile.invalid:
            message = self.spoil(message)
        message["ts_ns"] = self.ts_ns - (rng.random() < 0.01)
        self.venue.process(message)
        return message

    def command(self) -> dict[str, int]:
        crowded = len(self.venue.orders) > self.profile.keep
        weights = (50, 60 if crowded else self.profile.cancels, self.profile.reduces, self.profile.replaces)
        verb = self.rng.choices((Verb.NEW, Verb.CANCEL, Verb.REDUCE, Verb.REPLACE), weights)[0]
        if verb == Verb.NEW:
            return self.new()
        if verb == Verb.REPLACE:
            return self.replace()
        return {"verb": verb, "order_id": self.some_id(), "size_lots": self.size()}

    def change_phase(self, continuous: bool) -> dict[str, int]:
        """Out of CONTINUOUS to any other phase, and mostly back."""
        weights = (1, 8, 6, 4, 3, 2) if continuous else (16, 1, 3, 2, 1, 2)
        phase = self.rng.choices(list(Phase), weights)[0]
        return {"verb": Verb.PHASE, "size_lots": phase, "price_ticks": self.center + self.rng.randint(-4, 4)}

    # --- what commands are made of

    def fresh(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def some_id(self) -> int:
        """A live id, seldom one that has left or never was."""
        live = list(self.venue.orders)
        return self.rng.choice(live) if live and self.rng.random() > 0.04 else self.rng.randint(1, self.next_id + 3)

    def size(self) -> int:
        lots = self.rng.choice((1, 2, 3, 5, 5, 8, 10, 10, 20, 30, self.rng.randint(1, 60)))
        return lots * self.venue.lot_step

    def on_tick(self, price: int) -> int:
        return price - price % self.venue.tick_step

    def price(self, side: int) -> int:
        """Near the middle, on either side of it; deeper across while nothing trades."""
        rng, step = self.rng, self.venue.tick_step
        across = 0.15 if self.venue.phase == Phase.CONTINUOUS else 0.5
        away = int(rng.expovariate(1 / self.profile.spread)) - (rng.randint(1, 5) if rng.random() < across else 0)
        return self.on_tick(self.center - away * step if side == Side.BUY else self.center + (1 + away) * step)

    # --- orders

    def new(self) -> dict[str, int]:
        rng, profile = self.rng, self.profile
        side, owner = rng.randint(0, 1), rng.randint(0, profile.owners)
        weights = profile.types if self.venue.phase == Phase.CONTINUOUS or rng.random() < 0.1 else (1, 0, 0, 0, 0, 0)
        kind = rng.choices(list(OrderType), weights)[0]
        flags, terms = 0, {}
        if rng.random() < profile.reduce_only and kind != OrderType.PEGGED:
            flags |= MessageFlag.REDUCE_ONLY
            owner = max(1, owner)
            position = self.venue.positions.get(owner, 0)
            if position and rng.random() < 0.85:
                side = int(Side.SELL if position > 0 else Side.BUY)
        message = {"verb": Verb.NEW, "type": kind, "side": side, "owner": owner, "order_id": self.fresh()}
        message |= {"price_ticks": self.price(side), "size_lots": self.size(), "tif": self.tif(kind)}
        if kind == OrderType.LIMIT:
            flags |= self.limit_flags(message)
            terms = self.limit_terms(message, flags)
        elif kind == OrderType.MARKET and rng.random() < profile.minimum:
            terms = {"min_lots": self.part(message["size_lots"])}
        elif kind in STOPS:
            ahead = rng.choice((-3, -1, 0, 1, 1, 2, 2, 3, 4, 6)) * self.venue.tick_step
            stop = self.center + ahead if side == Side.BUY else self.center - ahead
            terms = {"has_stop": 1, "stop_ticks": self.on_tick(stop)}
        elif kind == OrderType.PEGGED:
            flags |= MessageFlag.HIDDEN if rng.random() < profile.hidden else 0
            terms = {"peg": rng.choice((Peg.PRIMARY, Peg.MID, Peg.MARKET)), "peg_ticks": rng.choice((0, 0, 0, 1, 2, 5))}
            further = rng.choice((-2, 0, 2, 10)) * self.venue.tick_step
            message["price_ticks"] = self.on_tick(self.center + (further if side == Side.BUY else -further))
        if message["tif"] == GTD:
            message["expire_ns"] = self.ts_ns + 50 * rng.randint(0, 40)
        return message | {"flags": int(flags), "terms": self.row_of(terms)}

    def tif(self, kind: int) -> int:
        rng, profile = self.rng, self.profile
        resting = GTD if rng.random() < profile.timed else GTC
        if kind == OrderType.MARKET:
            return rng.choice((GTC, IOC, IOC, FOK))
        continuous = self.venue.phase == Phase.CONTINUOUS or rng.random() < 0.1
        if kind == OrderType.LIMIT and continuous and rng.random() < profile.immediate:
            return rng.choice((IOC, FOK))
        return resting

    def limit_flags(self, message: dict[str, int]) -> int:
        """POST_ONLY and HIDDEN of a limit order that may rest."""
        rng, profile, flags = self.rng, self.profile, 0
        if message["tif"] in (GTC, GTD):
            continuous = self.venue.phase == Phase.CONTINUOUS or rng.random() < 0.1
            flags |= MessageFlag.POST_ONLY if continuous and rng.random() < profile.post_only else 0
            flags |= MessageFlag.HIDDEN if rng.random() < profile.hidden else 0
        return int(flags)

    def limit_terms(self, message: dict[str, int], flags: int) -> dict[str, int]:
        """Iceberg, minimum, or both."""
        rng, profile, terms = self.rng, self.profile, {}
        if message["tif"] in (GTC, GTD) and not flags & MessageFlag.HIDDEN and rng.random() < profile.iceberg:
            terms["display_lots"] = self.part(message["size_lots"])
        may_have_minimum = message["tif"] != FOK and not flags & MessageFlag.POST_ONLY
        may_have_minimum &= self.venue.phase == Phase.CONTINUOUS or rng.random() < 0.1
        if may_have_minimum and rng.random() < profile.minimum:
            terms["min_lots"] = self.part(message["size_lots"])
        return terms

    def part(self, size: int) -> int:
        """Some lots of a size, in whole steps."""
        step = self.venue.lot_step
        return self.rng.randint(1, max(1, min(6, size // step))) * step

    def row_of(self, terms: dict[str, int]) -> int:
        """The row of the table that says this, made for it."""
        if not terms:
            return 0
        self.venue.terms.append(dict.fromkeys(TERMS.names or (), 0) | {name: int(terms[name]) for name in terms})
        return len(self.venue.terms) - 1

    def replace(self) -> dict[str, int]:
        """To a new price or at the same, larger or smaller, under the same id or another."""
        rng, old = self.rng, self.some_id()
        order = self.venue.orders.get(old)
        side = rng.randint(0, 1) if order is None else order.side
        price, size, step = self.price(side), self.size(), self.venue.lot_step
        if order is not None and rng.random() < 0.5:
            price = order.price if order.resting else price
            size = max(1, order.whole // step + rng.randint(-order.whole // step, 3)) * step
        message = {"verb": Verb.REPLACE, "side": side, "order_id": old, "price_ticks": price, "size_lots": size}
        message["new_id"] = old if rng.random() < 0.5 else self.fresh()
        message["flags"] = int(rng.choice((0, 0, 0, 0, MessageFlag.POST_ONLY, MessageFlag.LOSE_PLACE)))
        return message

    # --- mistakes

    def spoil(self, message: dict[str, int]) -> dict[str, int]:
        """One thing wrong with it, or at least strange."""
        rng = self.rng
        wrong: tuple[dict[str, int], ...] = (
            {"side": rng.choice((2, -1))},
            {"type": rng.choice((-1, 6, 0, 1, 2, 3, 4, 5))},
            {"tif": rng.choice((-1, 4, 0, 1, 2, 3))},
            {"verb": rng.choice((-1, 5))},
            {"flags": rng.choice((1, 2, 4, 5, 8, 9, 12, 16, -1))},
            {"owner": rng.choice((-1, MAX_OWNER, MAX_OWNER + 1, 0, 1))},
            {"terms": rng.choice((-1, 2**30, 0))},
            {"terms": self.strange_row(message.get("size_lots", 1))},
            {"size_lots": rng.choice((0, -5, MAX_SIZE_LOTS + 1, 2**31, 2**62))},
            {"size_lots": max(1, message.get("size_lots", 1) + rng.choice((-1, 1)))},
            {"price_ticks": rng.choice((1, -1)) * (MAX_PRICE_TICKS + rng.randint(1, 9))},
            {"price_ticks": message.get("price_ticks", 0) + rng.choice((-1, 1, -40, 40))},
            {"order_id": self.some_id()},
            {"order_id": self.next_id + 1000},
            {"new_id": self.some_id()},
            {"tif": GTD, "expire_ns": self.ts_ns - rng.randint(0, 5)},
        )
        return message | rng.choice(wrong)

    def strange_row(self, size: int) -> int:
        """Terms that hardly any order may have."""
        rng = self.rng
        rows: tuple[dict[str, int], ...] = (
            {"display_lots": rng.choice((-1, size + self.venue.lot_step, 1))},
            {"min_lots": rng.choice((-1, size + self.venue.lot_step, 1))},
            {"has_stop": rng.choice((1, 2, -1)), "stop_ticks": self.center},
            {"has_stop": 1, "stop_ticks": rng.choice((MAX_PRICE_TICKS + 1, self.center + 1))},
            {"peg": rng.choice((-1, 1, 2, 3, 4))},
            {"peg": Peg.MARKET, "peg_ticks": rng.choice((-1, MAX_PRICE_TICKS, MAX_PRICE_TICKS + 1))},
            {"stop_ticks": 5, "peg_ticks": 7},
            {"display_lots": 2, "min_lots": 2},
        )
        return self.row_of(rng.choice(rows))
