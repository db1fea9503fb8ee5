"""A compiled world driven by hand: recorded rows and own messages go in, queues and fills come out.

`Venue` builds a world straight from rows and speaks for the participant without a desk.  Own orders leave at the time the world has reached, with
whatever legs it has; without any they arrive when time moves on (`run_to` the same time is enough).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lobsim.config import MarketConfig
from lobsim.core.audit import Broken, audit, audit_scratch
from lobsim.core.book_hash import state_hash
from lobsim.core.depth import copy_levels
from lobsim.core.layout import RECORDED
from lobsim.core.levels import first_level, fold, next_level
from lobsim.core.loop import advance, post_cancel, post_new
from lobsim.core.state import TAPE, World
from lobsim.core.world import WorldSize, make_tape, new_world, roomier_world, scratch
from lobsim.latency_tables import leg_arrays
from lobsim.types import (
    L2_SHIFT,
    NEVER,
    NONE,
    Fidelity,
    OrderState,
    OrderType,
    Side,
    Status,
    TimeInForce,
    Verb,
)
from tests.oracle import row_of
from tests.oracle.replay_l3 import Fill

BUY, SELL = int(Side.BUY), int(Side.SELL)
LIFE_NS = 370_000_000
"""Median lifetime of surplus, as the slow replay has it."""

Ledger = tuple[int, int, int]
"""(id, size, hist) of one order in a queue."""


def row(
    ts_ns: int, kind: int, side: int = 0, order_id: int = 0, price: int = 0, size: int = 0, **more: int
) -> dict[str, int]:
    """One recorded row."""
    fields = {"kind": int(kind), "side": side, "order_id": order_id, "price_ticks": price, "size_lots": size}
    return {"ts_ns": ts_ns} | fields | more


def tape_of(rows: Iterable[Any], shift: int = 0) -> np.ndarray:
    """Rows as a prepared tape."""
    plain = [row_of(row) for row in rows]
    names = ("ts_ns", "order_id", "other_id", "match_id", "price_ticks", "kind", "side", "flags")
    columns = {name: np.array([getattr(row, name) for row in plain], np.int64) for name in names}
    columns["size"] = np.array([row.size_lots for row in plain], np.int64) << shift
    return make_tape(columns)


class Venue:
    """One compiled world, and its participant.

    rows       recorded rows: ROW records, Rows or mappings; or a TAPE made ready by a Market
    by_levels  a tape of levels and prints
    book_rows  the recorded book after each row, for a feed cut to K levels
    truth      level 1 after each row
    listens    whether anything is published
    size       capacities to begin with
    settings   fields of MarketConfig
    """

    def __init__(
        self,
        rows: Iterable[Any],
        *,
        by_levels: bool = False,
        book_rows: Sequence[Sequence[int]] | np.ndarray | None = None,
        truth: np.ndarray | None = None,
        listens: bool = False,
        size: WorldSize = WorldSize(),  # noqa: B008
        **settings: Any,
    ) -> None:
        shift = L2_SHIFT if by_levels else 0
        fidelity = Fidelity.L2_TRADES if by_levels else Fidelity.L3_FULL
        config = MarketConfig(**settings)
        params = config.params(fidelity, LIFE_NS, shift) | {"publish": int(listens)}
        nothing = np.zeros((0, 0), np.int64)
        shown = nothing if book_rows is None else np.array(book_rows, np.int64)
        made = isinstance(rows, np.ndarray) and rows.dtype == TAPE
        tape = np.array(rows) if made else tape_of(rows, shift)
        legs = leg_arrays(config.latency, None, tape["ts_ns"])
        self.world = new_world(tape, shown, nothing if truth is None else truth, params | legs.head, size, *legs[1:])
        self.rooms: set[Status] = set()
        """What room was asked for on the way."""
        self._scratch = scratch()

    @classmethod
    def around(cls, world: World) -> Venue:
        """The same for a world that is there already."""
        venue = cls.__new__(cls)
        venue.world, venue.rooms, venue._scratch = world, set(), scratch()
        return venue

    # --- time

    def _advance(self, until_ns: int, budget: int) -> Status:
        """At most so many events; CHUNK also where room had to be made."""
        status = Status(advance(self.world, until_ns, budget, *self._scratch))
        if status in (Status.OK, Status.WAKE, Status.DONE, Status.CHUNK):
            return status
        self._make_room(status)
        return Status.CHUNK

    def run_to(self, until_ns: int, budget: int = 10**6) -> Status:
        """Everything up to until_ns happens; stops early at a decision (WAKE)."""
        while (status := self._advance(until_ns, budget)) == Status.CHUNK:
            pass
        return status

    def apply(self, rows: int = 1) -> None:
        """The next rows are replayed, and what is due before and between them happens."""
        end = int(self.head["cursor"]) + rows
        while self.head["cursor"] < end:
            self._advance(NEVER, end - int(self.head["cursor"]))

    def step(self, until_ns: int) -> bool:
        """The next event happens, if it is due by until_ns; answers whether to go on (an event may ask for room first)."""
        return self._advance(until_ns, 1) not in (Status.DONE, Status.WAKE)

    # --- the participant

    def send(
        self,
        side: int,
        price: int,
        size: int,
        *,
        type: int = OrderType.LIMIT,
        tif: int = TimeInForce.GTC,
        flags: int = 0,
        expire_ns: int = NEVER,
        replaces: int = NONE,
    ) -> int:
        """An own order leaves now; answers its index."""
        while len(self.world.own) <= self.head["own"]:
            self._make_room(Status.ROOM_OWN)
        self._make_mail_room()
        order = int(self.head["own"])
        mine = self.world.own[order]
        for name, value in {"side": side, "price_ticks": price, "size_lots": size, "type": type, "tif": tif}.items():
            mine[name] = value
        mine["flags"], mine["expire_ns"], mine["replaces"] = flags, expire_ns, replaces
        mine["arrived_ns"] = mine["acked_ns"] = mine["done_ns"] = NEVER
        mine["state"] = mine["venue_state"] = OrderState.PENDING
        self.head["own"] += 1
        post_new(self.world, order)
        return order

    def change(self, order: int, price: int, size: int, *, flags: int = 0, tif: int | None = None) -> int:
        """A REPLACE of an own order leaves now; answers the index of the new one."""
        old = self.world.own[order]
        chosen = int(old["tif"]) if tif is None else tif
        return self.send(int(old["side"]), price, size, tif=chosen, flags=flags, replaces=order)

    def cancel(self, order: int) -> None:
        """A cancel of an own order leaves now."""
        self._make_mail_room()
        post_cancel(self.world, order)

    def submit(self, message: Mapping[str, Any]) -> None:
        """One own message is sent at its time, with whatever legs the world has; then what is due then happens."""
        self.run_to(int(message["ts_ns"]))
        order = -int(message["order_id"]) - 1
        price, size = int(message["price_ticks"]), int(message["size_lots"])
        if message["verb"] == Verb.CANCEL:
            self.cancel(order)
        elif message["verb"] == Verb.REPLACE:
            assert -int(message["new_id"]) - 1 == self.change(order, price, size, flags=int(message["flags"]))
        else:
            kind, tif, flags = int(message["type"]), int(message["tif"]), int(message["flags"])
            limit = {"expire_ns": int(message["expire_ns"])} if tif == TimeInForce.GTD else {}
            assert order == self.send(int(message["side"]), price, size, type=kind, tif=tif, flags=flags, **limit)
        self.run_to(int(message["ts_ns"]))

    def _make_room(self, status: Status) -> None:
        self.rooms.add(status)
        self.world = roomier_world(self.world, status)

    def _make_mail_room(self) -> None:
        while self.world.transit.head[0]["count"] + 1 >= len(self.world.mail):
            self._make_room(Status.ROOM_MAILBOX)

    # --- questions

    @property
    def head(self) -> np.void:
        """Everything of the world that is one number."""
        return self.world.head[0]

    def own(self, order: int) -> np.void:
        """The record of an own order."""
        return self.world.own[order]

    @property
    def fills(self) -> list[Fill]:
        """Own fills as the slow replays write them."""
        names = ["ts_ns", "order", "side", "reason", "passive", "price_ticks", "size_lots"]
        return self.world.fills[: self.head["fills"]][names].tolist()

    def queue(self, side: int, price: int) -> list[Ledger]:
        """(id, size, hist) of every order at a price, first to last; sizes in units."""
        return dict(self.queues(side)).get(price, [])

    def queues(self, side: int) -> Iterator[tuple[int, list[Ledger]]]:
        """(price, queue) of every level that holds an order, best first."""
        book = self.world.book
        level = int(first_level(book, side))
        while level:
            slot, orders = int(book.nodes[level]["next"]), []
            while slot != level:
                node = book.nodes[slot]
                hist = int(book.info[slot]["hist"]) if node["meta"] & RECORDED else 0
                orders.append((int(node["key"]), int(node["size"]), hist))
                slot = int(node["next"])
            price = int(book.nodes[level]["key"])
            yield price, orders
            level = int(next_level(book, side, fold(side, price)))

    def levels(self, side: int, depth: int = 1000) -> list[tuple[int, int]]:
        """(price, units) of the levels with size, best first."""
        out = np.zeros((depth, 3), np.int64)
        return [(int(price), int(size)) for price, size, _ in out[: copy_levels(self.world.book, side, out)]]

    def hash(self) -> int:
        """State hash of the simulated book."""
        return int(state_hash(self.world.book))

    def check(self) -> None:
        """Every invariant of the book holds."""
        marks, found = audit_scratch(self.world.book)
        broken = Broken(audit(self.world.book, marks, found))
        assert Broken.SOUND == broken, f"{broken.name} at side {found[0]}, price {found[1]}, row {self.head['cursor']}"
