"""Recorded book rows: what they may hold, and whether they belong to the events beside them.

A row is int64 [4 K]: ask price, ask size, bid price, bid size of level 1, then of level 2 ... (``schema.Dataset.rows``).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from lobsim.errors import DataError
from lobsim.types import MAX_PRICE_TICKS, MAX_SIZE_LOTS, NONE_PRICE, Kind, Side


def check_book(rows: np.ndarray, tick_quanta: int, *, file: str | None) -> None:
    """Refuse book rows with a price off tick or out of order, a size that does not fit its price, or out of bounds."""
    cells = rows.reshape(len(rows), -1, 2, 2)  # row, level, ask or bid, price or size
    price, size = cells[..., 0], cells[..., 1]
    there = price != NONE_PRICE
    off_tick = there & (price % tick_quanta != 0)
    limit = MAX_PRICE_TICKS * tick_quanta
    unbounded = there & ((price > limit) | (price < -limit))
    bad_size = np.where(there, (size < 1) | (size > MAX_SIZE_LOTS), size != 0)
    falling = there[:, 1:] & (~there[:, :-1] | ((price[:, 1:] - price[:, :-1]) * np.array([1, -1]) <= 0))
    rules = (
        (off_tick, 0, f"which is not a multiple of the tick of {tick_quanta}"),
        (unbounded, 0, f"at most {MAX_PRICE_TICKS} ticks are allowed"),
        (bad_size, 1, "1 lot or more is needed at a price, 0 where there is none"),
        (falling, 0, "which does not lie behind the level before it"),
    )
    broken = [(int(np.argmax(bad.any(axis=(1, 2)))), bad, what, words) for bad, what, words in rules if bad.any()]
    if not broken:
        return
    row, bad, what, words = min(broken, key=lambda entry: entry[0])
    level, side = (int(index) for index in np.argwhere(bad[row])[0])
    level += cells.shape[1] - bad.shape[1]  # the order of levels is judged from the second on
    field = f"{('ask', 'bid')[side]} {('price', 'size')[what]} {level + 1}"
    raise DataError(f"{field} is {cells[row, level, side, what]}, {words}", file=file, row=row + 1, field=field)


def refuse_foreign_book(rows: np.ndarray, events: pl.DataFrame, *, file: str | None, whole: bool) -> None:
    """Refuse book rows that do not show the orders added: each must stand at its price with its size in its own row.

    More than one, and more than one in twenty, of the first 4,096 additions must be missing: a lone wrong cell passes.
    whole  the book shows every level the events touch; else only additions not beyond its last price are looked for
    """
    added = events.with_row_index("row").filter(pl.col("kind") == Kind.ADD).head(4096)
    row, side, price, size = (added[name].to_numpy() for name in ("row", "side", "price", "size"))
    cells = rows[row].reshape(len(row), -1, 2, 2)[np.arange(len(row)), :, 1 - side]  # asks stand before bids
    wrong = ~((cells[..., 0] == price[:, None]) & (cells[..., 1] >= size[:, None])).any(axis=1)
    if not whole:
        last = cells[:, -1, 0]
        wrong &= (last == NONE_PRICE) | np.where(side == Side.BUY, price >= last, price <= last)
    if wrong.sum() > max(1, len(wrong) // 20):
        first = int(np.argmax(wrong))
        raise DataError(
            f"it does not show the order of {size[first]} at {price[first]} that its message adds",
            file=file,
            row=int(row[first]) + 1,
            hint="give the two files of one pair",
        )
