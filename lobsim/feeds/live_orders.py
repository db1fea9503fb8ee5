"""Which orders live, followed over blocks of a feed that names orders: what was there before each of its messages.

Feeds say "so much of order 17 is gone" and leave side, price and rest to the reader.  ``LiveOrders`` answers that for a whole block at once, without a
Python loop: the messages are sorted by order, and within an order the rest is a running sum since it was last set.

Invariants: messages are judged in the order they come; an order of which nothing is left is dead, and what speaks of a dead order finds nothing
(``size`` 0, ``side`` NONE).  Between blocks only live orders are kept.
Known limit: a message that takes more than there is leaves a dead order, and the surplus is forgotten here: the reader sees it as amount > size.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from lobsim.types import NONE


class Act(IntEnum):
    """What a message does to an order."""

    SET = 0  # it now has this side, price and size, whether it was there or not; side NONE: that of the message before, which ENDs its former self
    TAKE = 1  # so much is gone
    END = 2  # it leaves
    LOOK = 3  # nothing changes
    CLEAR = 4  # every order leaves


class Found(NamedTuple):
    """What was there just before each message, int64 each; size 0 and side NONE where no such order lived."""

    size: np.ndarray
    side: np.ndarray
    price: np.ndarray


class LiveOrders:
    """The live orders of one id space, empty at first.

    ids, size, side, price  int64, one entry for each live order, ids rising
    """

    def __init__(self) -> None:
        self.ids, self.size, self.side, self.price = (np.zeros(0, dtype=np.int64) for _ in range(4))

    def follow(
        self, act: np.ndarray, ids: np.ndarray, amount: np.ndarray, side: np.ndarray, price: np.ndarray
    ) -> Found:
        """Apply the messages of one block; all arguments have one length.

        amount  what is SET or TAKEn;  side, price  of a SET
        """
        block = np.unique(ids)
        place = np.minimum(np.searchsorted(self.ids, block), max(len(self.ids) - 1, 0))
        carried = place[self.ids[place] == block] if len(self.ids) else np.zeros(0, dtype=np.int64)
        before = len(carried)
        table = _Table(
            np.concatenate([np.full(before, Act.SET), act]),
            np.concatenate([self.ids[carried], ids]),
            np.concatenate([self.size[carried], amount]),
            np.concatenate([self.side[carried], side]),
            np.concatenate([self.price[carried], price]),
        )
        found, last = _judge(table)
        self._keep(carried, table, last, cleared=bool((act == Act.CLEAR).any()))
        return Found(*(column[before:] for column in found))

    def _keep(self, carried: np.ndarray, table: _Table, last: _Last, *, cleared: bool) -> None:
        """Keep what lives after the block."""
        stays = np.full(len(self.ids), not cleared)
        stays[carried] = False
        live = last.size > 0
        order = last.epoch[live]
        ids = table.ids[order]
        at = np.searchsorted(self.ids[stays], ids)
        self.size = np.insert(self.size[stays], at, last.size[live])
        self.side = np.insert(self.side[stays], at, table.side[order])
        self.price = np.insert(self.price[stays], at, table.price[order])
        self.ids = np.insert(self.ids[stays], at, ids)


class _Table(NamedTuple):
    """Carried orders as SET messages, then the messages of the block; ``side`` is filled in where it was inherited."""

    act: np.ndarray
    ids: np.ndarray
    amount: np.ndarray
    side: np.ndarray
    price: np.ndarray


class _Last(NamedTuple):
    """What each order of a block is after it: the message that set it last, and its size (0 = dead); ids rising."""

    epoch: np.ndarray
    size: np.ndarray


def _judge(table: _Table) -> tuple[Found, _Last]:
    """What was there before every message, and what is there after the last of every order.  changes: table.side"""
    count = len(table.ids)
    if count == 0:
        none = np.zeros(0, dtype=np.int64)
        return Found(none, none, none), _Last(none, none)
    order = np.argsort(table.ids, kind="stable")
    act, amount, ids = table.act[order], table.amount[order], table.ids[order]
    start = np.concatenate([[True], ids[1:] != ids[:-1]])
    index = np.arange(count)
    epoch = np.maximum.accumulate(np.where(start | (act == Act.SET) | (act == Act.END), index, 0))
    earlier = np.where(start, index, np.concatenate([[0], epoch[:-1]]))
    taken = np.cumsum(np.where(act == Act.TAKE, amount, 0))
    is_set = act == Act.SET
    base = np.where(is_set, amount, 0)
    begun = np.where(is_set | (act == Act.END), taken, taken - np.where(act == Act.TAKE, amount, 0))
    rest = np.maximum(base[epoch] - (taken - begun[epoch]), 0)
    previous = np.where(start, 0, np.concatenate([[0], rest[:-1]]))
    setter = order[earlier]
    size = np.empty(count, dtype=np.int64)
    size[order] = previous
    source = np.empty(count, dtype=np.int64)
    source[order] = setter
    cleared = np.maximum.accumulate(np.where(table.act == Act.CLEAR, np.arange(count), NONE))
    size[source < cleared] = 0
    _inherit_sides(table, source, size)
    size[table.side[source] == NONE] = 0
    known = size > 0
    found = Found(size, np.where(known, table.side[source], NONE), np.where(known, table.price[source], 0))
    end = np.flatnonzero(np.concatenate([start[1:], [True]]))
    final = order[epoch[end]]
    alive = (final > cleared[-1]) & (table.side[final] != NONE)
    return found, _Last(final, np.where(alive, rest[end], 0))


def _inherit_sides(table: _Table, source: np.ndarray, size: np.ndarray) -> None:
    """Give every SET without a side that of the order it takes over, over chains of any length.  changes: table.side

    source  the message that had set each message's order;  size  what was there before
    """
    heirs = np.flatnonzero((table.act == Act.SET) & (table.side == NONE))
    if len(heirs) == 0:
        return
    parent = np.arange(len(table.ids))
    parent[heirs] = np.where(size[heirs - 1] > 0, source[heirs - 1], heirs)
    while not np.array_equal(above := parent[parent], parent):
        parent = above
    table.side[heirs] = table.side[parent[heirs]]
