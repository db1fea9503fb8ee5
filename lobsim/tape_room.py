"""How large a world begins, by what its tape will bring: so that it need not grow on the way, which costs more than many rows.

Room is a guess and never a limit: a world that lacks some gets more where it stands.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from lobsim.core.book import BookSize
from lobsim.core.world import WorldSize
from lobsim.types import Kind

_SHORT_ROWS = 8192
"""A tape of no more rows is not looked at."""
_LEAST_ORDERS = 8192
_LEAST_WINDOW = 4096
_MOST = 2**16
"""More room than for so many levels, or a wider window, is made on the way."""
_LOOKED_AT = 2**16
_ORDERS_WITHIN = 0.999
"""Share of the orders whose price is to lie in the window; the rest, stub quotes far away among them, is kept in a list."""
_LEVELS_WITHIN = 0.95
"""The same of the prices of a feed of levels: most rows speak of few of them, and a window of all of them (0.999 was tried) takes twice the time to touch."""


def room_for(tape: np.ndarray, *, by_levels: bool, cells: int = 0) -> WorldSize:
    """Capacities to begin with.

    tape   TAPE [rows]
    cells  of a recorded book row, 0 where there are none
    """
    far = 256 + 2 * cells
    if len(tape) <= _SHORT_ROWS:
        book = BookSize(orders=_LEAST_ORDERS, window=_LEAST_WINDOW, far=far, ids=2 * _LEAST_ORDERS, timers=256)
        return WorldSize(book=book)
    if by_levels:
        return _room_for_levels(tape, far)
    most = most_orders(tape)
    orders = max(_LEAST_ORDERS, 1 << (most + most // 4).bit_length())
    window = _window(tape["price_ticks"][tape["kind"] == Kind.ADD], _ORDERS_WITHIN)
    return WorldSize(
        book=BookSize(orders=orders, window=window, far=far, ids=2 * orders, timers=256),
        seen=BookSize(orders=4096, window=window, ids=64, timers=2),
        reports=max(4096, orders),
    )


def most_orders(tape: np.ndarray) -> int:
    """About the most orders that ever rest at once: each lives from its ADD to the last row that takes from it."""
    kind = tape["kind"]
    ends = (
        pl.DataFrame({"order_id": tape["order_id"], "kind": kind})
        .lazy()
        .with_row_index("row")
        .filter(pl.col("kind").is_in((int(Kind.DELETE), int(Kind.EXECUTE))))
        .group_by("order_id")
        .agg(pl.col("row").max())
        .collect()
    )
    change = (kind == Kind.ADD).astype(np.int64)
    change[ends["row"].to_numpy()] -= 1
    return max(int(np.cumsum(change).max()), 0)


def _room_for_levels(tape: np.ndarray, far: int) -> WorldSize:
    named = pl.Series(tape["price_ticks"][tape["kind"] == Kind.LEVEL])
    prices = named.unique().sort().to_numpy()  # by hash first: few of the rows name a price of their own
    levels = min(len(prices), _MOST)
    book = BookSize(
        orders=2 * levels + _LEAST_ORDERS,
        window=_window(prices, _LEVELS_WITHIN),
        far=far + levels // 2,
        ids=1024,
        timers=256,
    )
    seen = book._replace(ids=64, timers=2)
    # One event may touch every level: so many fills, messages and publications must fit before anything happens.  Half of them are there at a time.
    ring = max(1 << (levels + levels // 2).bit_length(), 2**12)
    return WorldSize(book=book, seen=seen, ring=ring, reports=2**14, fills=levels + 1024, mail=levels + 1024)


def _window(prices: np.ndarray, share: float) -> int:
    """Ticks a side, a power of two, that hold such a share of the prices around their middle."""
    sample = prices[:: max(len(prices) // _LOOKED_AT, 1)]
    if not len(sample):
        return _LEAST_WINDOW
    apart = 2 * int(np.quantile(np.abs(sample - int(np.median(sample))), share))
    return min(max(1 << apart.bit_length(), _LEAST_WINDOW), _MOST)
