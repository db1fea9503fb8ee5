"""One replay of a market without a participant, and what the book was around every row of it.

Invariant: sizes are whole lots, whatever the core counts in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lobsim.core.book_record import AROUND, record_book
from lobsim.core.world import roomier_world, scratch
from lobsim.market import Market
from lobsim.types import NONE, Status

PICTURES = 2400
"""Pictures of the book that a day gets at most; never more than one a second."""
PICTURE_LEVELS = 60


class BookRecord(NamedTuple):
    """The book around every row (lobsim.core.book_record.AROUND, in lots), and pictures of it at regular times.

    picture_ns  int64 [pictures]
    pictures    int64 [pictures, 2, PICTURE_LEVELS, 2]: bids, then asks, best first: price in ticks, lots; 0 where there is no level
    """

    bid_ticks: np.ndarray
    bid_lots: np.ndarray
    ask_ticks: np.ndarray
    ask_lots: np.ndarray
    bid_volume: np.ndarray
    ask_volume: np.ndarray
    order_ticks: np.ndarray
    order_lots: np.ndarray
    index: np.ndarray
    picture_ns: np.ndarray
    pictures: np.ndarray


def record_market(market: Market, *, volume_levels: int) -> BookRecord:
    """Replay the whole day and write the book down.

    volume_levels  levels a side that bid_volume and ask_volume cover
    """
    first_ns, last_ns = int(market.tape["ts_ns"][0]), int(market.tape["ts_ns"][-1])
    step_ns = max((last_ns - first_ns) // PICTURES, 10**9)
    picture_ns = np.arange(first_ns + step_ns, last_ns + 1, step_ns, dtype=np.int64)
    pictures = np.zeros((len(picture_ns), 2, PICTURE_LEVELS, 2), np.int64)
    around = np.zeros(len(market.tape), AROUND)
    messages, spare = scratch()
    world = market.start(participant=False).world
    while (status := record_book(world, around, picture_ns, pictures, volume_levels, messages, spare)) != Status.DONE:
        world = roomier_world(world, Status(status))
    pictures[..., 1] >>= market.shift
    lots = {name: around[name] >> market.shift for name in ("bid", "ask", "bid_volume", "ask_volume")}
    return BookRecord(
        bid_ticks=around["bid_ticks"].copy(),
        bid_lots=lots["bid"],
        ask_ticks=around["ask_ticks"].copy(),
        ask_lots=lots["ask"],
        bid_volume=lots["bid_volume"],
        ask_volume=lots["ask_volume"],
        order_ticks=around["order_ticks"].copy(),
        order_lots=np.where(around["order"] < 0, NONE, around["order"] >> market.shift),
        index=around["index"].copy(),
        picture_ns=picture_ns,
        pictures=pictures,
    )
