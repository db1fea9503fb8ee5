"""What changed from book to book makes, row by row, the books that were shown."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.errors import DataError
from lobsim.feeds.snapshots import SnapshotChanges
from lobsim.types import Flag, Kind, Side
from tests.support.recorded_books import levels_after

LEVELS = 3
Half = dict[int, int]


def cells_of(asks: Half, bids: Half) -> list[list[list[int]]]:
    """One book row: best levels first, at most LEVELS of them, the rest empty."""
    both = [sorted(asks.items()), sorted(bids.items(), reverse=True)]
    return [[list(side[k]) if k < len(side) else [0, 0] for side in both] for k in range(LEVELS)]


half = st.dictionaries(st.integers(1, 8), st.integers(1, 3), max_size=LEVELS)


@given(books=st.lists(st.tuples(half, half), min_size=1, max_size=12), cuts=st.lists(st.integers(1, 12), max_size=3))
def test_every_packet_makes_the_book_that_was_shown(books: list[tuple[Half, Half]], cuts: list[int]) -> None:
    cells = np.array([cells_of(*book) for book in books], dtype=np.int64)
    time = np.arange(len(books)) * 10
    changes = SnapshotChanges("x")
    edges = sorted({0, *(min(cut, len(books)) for cut in cuts), len(books)})
    parts = [changes.take(time[a:b], time[a:b] + 3, cells[a:b], time[a:b]) for a, b in pairwise(edges)]
    events = pl.concat(parts)
    for at, (asks, bids) in enumerate(books):
        shown = {(int(Side.SELL), price): size for price, size in asks.items()}
        shown |= {(int(Side.BUY), price): size for price, size in bids.items()}
        assert shown == levels_after(events.filter(pl.col("ts_exchange") <= at * 10))
    differ = 1 + sum(one != other for one, other in pairwise(books))
    assert (differ, len(books) - differ) == (events["ts_exchange"].n_unique(), changes.unchanged)
    assert differ == int(((events["flags"] & int(Flag.LAST_IN_PACKET)) != 0).sum())
    snapshot = (events["flags"] & int(Flag.SNAPSHOT)) != 0
    assert snapshot.to_list() == ((events["ts_exchange"] == 0) & (events["kind"] == Kind.LEVEL)).to_list()
    assert [3] * len(events) == (events["ts_local"] - events["ts_exchange"]).to_list()


@pytest.mark.parametrize("bad", [{"price": 5}, {"price": 0, "size": 1}])
def test_levels_that_do_not_lie_behind_one_another_are_refused(bad: dict[str, int]) -> None:
    cells = np.array([cells_of({5: 1, 6: 1}, {4: 1, 3: 1})] * 3, dtype=np.int64)
    cells[1, 1, 0] = bad["price"], bad.get("size", 1)
    with pytest.raises(DataError, match="x row 8: a level does not lie behind the level before it"):
        SnapshotChanges("x").take(np.arange(3), np.arange(3), cells, np.array([7, 8, 9]))


def test_a_level_after_an_empty_one_is_refused() -> None:
    cells = np.array([cells_of({5: 1, 6: 1, 7: 1}, {})], dtype=np.int64)
    cells[0, 1, 0] = 0
    with pytest.raises(DataError, match="x row 1"):
        SnapshotChanges("x").take(np.arange(1), np.arange(1), cells, np.array([1]))
