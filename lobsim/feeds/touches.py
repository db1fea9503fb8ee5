"""Every time a recorded order or level is set, changed or removed, over blocks of a day: what the checks of a book are made from.

A *touch* is a row that says what an entry of the book is from then on.  An entry is an order (its key is the id) or a level (its key is price and side).
A REPLACE touches two orders.  CLEAR touches nothing: it ends everything (``cleared``).

Invariants: touches are in the order of the rows; what stood before each is known across blocks; memory holds the live entries and a block.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.feeds.day_blocks import Block
from lobsim.feeds.live_orders import Act, LiveOrders
from lobsim.types import Kind, Side

_TAKING = (Kind.REDUCE, Kind.EXECUTE)
_ENDING = (Kind.DELETE, Kind.REPLACE)


class Touches(NamedTuple):
    """Columns of equal length, int64.

    row     of the day, from 0
    ts      exchange time
    key     what is touched
    side    of the entry
    price   of the entry, in quanta
    before  its size just before, 0 where there was none
    after   its size from then on, 0 = gone
    """

    row: np.ndarray
    ts: np.ndarray
    key: np.ndarray
    side: np.ndarray
    price: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def take(self, which: np.ndarray) -> Touches:
        """Some of them."""
        return Touches(*(column[which] for column in self))


class Blemishes(NamedTuple):
    """Rows of a block, from 0, whose order is not there, is there already, or has less than they take."""

    orphan_cancel: np.ndarray
    orphan_execution: np.ndarray
    overdrawn: np.ndarray
    duplicate_order: np.ndarray


class LevelTouches:
    """Follows the LEVEL rows of a day."""

    def __init__(self) -> None:
        self._key = np.zeros(0, dtype=np.int64)
        self._size = np.zeros(0, dtype=np.int64)

    def take(self, block: Block) -> Touches:
        """The touches of the next block."""
        column = block.column
        row = np.flatnonzero(column["kind"] == Kind.LEVEL)
        cleared = np.flatnonzero(column["kind"] == Kind.CLEAR)
        side, price, after = (column[name][row].astype(np.int64) for name in ("side", "price", "size"))
        key = level_key(side, price)
        order = np.lexsort((row, key))
        keys, rows = key[order], row[order]
        first = np.concatenate([[True], keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, dtype=bool)
        previous = np.concatenate([[0], after[order][:-1]]) if len(keys) else after
        previous = np.where(first, self._known(keys), previous)
        previous_row = np.where(first, -1, np.concatenate([[0], rows[:-1]]) if len(keys) else rows)
        lost = np.searchsorted(cleared, previous_row) != np.searchsorted(cleared, rows)
        before = np.empty(len(row), dtype=np.int64)
        before[order] = np.where(lost, 0, previous)
        self._keep(keys, after[order], rows, cleared)
        ts = column["ts_exchange"][row]
        return Touches(row + block.offset, ts, key, side, price, before, after)

    def _known(self, keys: np.ndarray) -> np.ndarray:
        """Sizes from the blocks before."""
        if not len(self._key):
            return np.zeros(len(keys), dtype=np.int64)
        place = np.minimum(np.searchsorted(self._key, keys), len(self._key) - 1)
        return np.where(self._key[place] == keys, self._size[place], 0)

    def _keep(self, keys: np.ndarray, after: np.ndarray, rows: np.ndarray, cleared: np.ndarray) -> None:
        """Keep the levels that are there after the block."""
        last = np.concatenate([keys[1:] != keys[:-1], [True]]) if len(keys) else np.zeros(0, dtype=bool)
        new_key, new_size, new_row = keys[last], after[last], rows[last]
        old_key, old_size = self._key, self._size
        if len(cleared):
            old_key, old_size = old_key[:0], old_size[:0]
            new_size = np.where(new_row > cleared[-1], new_size, 0)
        old = ~np.isin(old_key, new_key)
        there = new_size > 0
        key = np.concatenate([old_key[old], new_key[there]])
        order = np.argsort(key)
        self._key, self._size = key[order], np.concatenate([old_size[old], new_size[there]])[order]


class OrderTouches:
    """Follows the rows about orders of a day."""

    def __init__(self) -> None:
        self._live = LiveOrders()

    def take(self, block: Block) -> tuple[Touches, Blemishes]:
        """The touches of the next block, and the rows that do not fit the orders there are."""
        message = _messages(block)
        found = self._live.follow(message.act, message.ids, message.amount, message.side, message.price)
        act, there = message.act, found.size > 0
        blemishes = Blemishes(
            message.row[((act == Act.END) | ((act == Act.TAKE) & ~message.executes)) & ~there],
            message.row[(act == Act.TAKE) & message.executes & ~there],
            message.row[(act == Act.TAKE) & there & (message.amount > found.size)],
            message.row[(act == Act.SET) & there],
        )
        is_set = act == Act.SET
        touches = Touches(
            message.row + block.offset,
            block.column["ts_exchange"][message.row],
            message.ids,
            np.where(is_set, message.side, found.side),
            np.where(is_set, message.price, found.price),
            found.size,
            np.where(is_set, message.amount, np.where(act == Act.TAKE, np.maximum(found.size - message.amount, 0), 0)),
        )
        return touches.take((act != Act.CLEAR) & (is_set | there)), blemishes


class _Messages(NamedTuple):
    """What ``LiveOrders`` is told; ``row`` within the block, a REPLACE gives two."""

    row: np.ndarray
    act: np.ndarray
    ids: np.ndarray
    amount: np.ndarray
    side: np.ndarray
    price: np.ndarray
    executes: np.ndarray


def _messages(block: Block) -> _Messages:
    """The rows about orders, and CLEAR."""
    column, kind = block.column, block.column["kind"]
    told = np.flatnonzero(np.isin(kind, (Kind.ADD, *_TAKING, *_ENDING, Kind.CLEAR)))
    second = told[kind[told] == Kind.REPLACE]
    row = np.concatenate([told, second])
    is_second = np.arange(len(row)) >= len(told)
    act = np.full(len(row), int(Act.SET))
    act[np.isin(kind[row], _TAKING)] = Act.TAKE
    act[np.isin(kind[row], _ENDING) & ~is_second] = Act.END
    act[kind[row] == Kind.CLEAR] = Act.CLEAR
    order = np.argsort(row, kind="stable")
    row, is_second, act = row[order], is_second[order], act[order]
    return _Messages(
        row,
        act,
        np.where(is_second, column["other_id"][row], column["order_id"][row]),
        np.where(act == Act.END, 0, column["size"][row]),
        column["side"][row].astype(np.int64),
        column["price"][row],
        kind[row] == Kind.EXECUTE,
    )


def level_key(side: np.ndarray, price: np.ndarray) -> np.ndarray:
    """One number for a side and a price."""
    return price * len(Side) + side
