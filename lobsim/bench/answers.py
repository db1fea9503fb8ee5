"""What a stream must answer, and the refusal of everything else.

The answers of a stream are those that any price-time engine reproduces: number of fills, quantity, notional at the maker's price, resting
orders, the touch, and an order-sensitive hash: 64-bit FNV-1a over (maker, taker, price, quantity) of every fill, halved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lobsim.bench.ids import dense_ids
from lobsim.core.jit import kernel, mix
from lobsim.core.layout import Book
from lobsim.errors import LobsimError
from lobsim.types import NEVER, ReportKind

_FNV_START = np.uint64(1469598103934665603)


class WrongAnswer(LobsimError):
    """A measured run answered something else than it must: its time does not count."""


@dataclass(frozen=True)
class Answers:
    """What a whole stream leads to.

    bid_ticks, ask_ticks  the touch at the end, None where a side is empty
    fill_hash             hash of all fills, in order
    """

    fills: int
    quantity_lots: int
    notional: int
    live: int
    bid_ticks: int | None
    ask_ticks: int | None
    fill_hash: int


@kernel
def fold_fills(h, makers, takers, prices_ticks, sizes_lots):
    """Continue the hash of fills (uint64 state) over fills; all four int64 [fills].  Returns the new state."""
    for i in range(len(makers)):
        h = mix(h, makers[i])
        h = mix(h, takers[i])
        h = mix(h, prices_ticks[i])
        h = mix(h, sizes_lots[i])
    return h


class FillLog:
    """Adds up the trades of report blocks as they come.

    dense  whether ids are the stream's own; else they are turned back into them before they are hashed
    """

    def __init__(self, *, dense: bool = True) -> None:
        self._dense = dense
        self._hash = _FNV_START
        self.fills = 0
        self.quantity_lots = 0
        self.notional = 0

    def __call__(self, reports: np.ndarray) -> None:
        """Take the trades of one block of reports (REPORT [any])."""
        trades = reports[reports["kind"] == ReportKind.TRADE]
        makers, takers, prices, sizes = (
            np.ascontiguousarray(trades[name]) for name in ("order_id", "other_id", "price_ticks", "size_lots")
        )
        if not self._dense:
            makers, takers = dense_ids(makers), dense_ids(takers)
        self.fills += len(trades)
        self.quantity_lots += int(sizes.sum())
        self.notional += int((sizes * prices).sum())
        self._hash = np.uint64(fold_fills(self._hash, makers, takers, prices, sizes))

    def answers(self, book: Book) -> Answers:
        """What the run came to, with the book at its end."""
        bid, ask = (int(key) for key in book.sides["best_key"])
        return Answers(
            self.fills,
            self.quantity_lots,
            self.notional,
            int(book.sides["orders"].sum()),
            None if bid == NEVER else -bid,
            None if ask == NEVER else ask,
            int(self._hash) >> 1,
        )


def compare(expected: Answers, found: Answers, where: str) -> None:
    """Raise WrongAnswer naming the first figure that differs."""
    for name, value in vars(expected).items():
        other = getattr(found, name)
        if other != value:
            raise WrongAnswer(f"{name} is {other}, it must be {value}", where=where, hint="its time does not count")


def from_yardstick(written: dict[str, Any], lowest: int = 0, highest: int = 65537) -> Answers:
    """The answers in a yardstick's .json; prices outside (lowest, highest) stand for an empty side."""
    touch = [written[name] for name in ("best_bid", "best_ask")]
    bid, ask = (price if lowest < price < highest else None for price in touch)
    return Answers(
        written["fills"], written["traded_qty"], written["notional"], written["live"], bid, ask, written["fill_hash"]
    )
