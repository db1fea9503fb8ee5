"""How large a world begins: enough for what its tape brings, and no answer depends on it."""

from __future__ import annotations

import numpy as np

from lobsim.core.world_hash import world_hash
from lobsim.market import Market
from lobsim.tape_room import most_orders, room_for
from lobsim.types import Kind
from tests.conftest import SMALL
from tests.lobsim.test_market import BUY, SELL, TWO_SIDES, dataset, event
from tests.support.worlds import row, tape_of


def test_an_order_counts_from_its_add_to_the_last_row_that_takes_from_it() -> None:
    rows = [
        row(1, Kind.ADD, BUY, 1, 100, 5),
        row(2, Kind.ADD, BUY, 2, 100, 5),
        row(3, Kind.EXECUTE, BUY, 1, 100, 2),
        row(4, Kind.EXECUTE, BUY, 1, 100, 3),
        row(5, Kind.ADD, SELL, 3, 103, 5),
        row(6, Kind.DELETE, BUY, 2, 100, 5),
    ]
    assert 2 == most_orders(tape_of(rows))
    assert 2 == most_orders(tape_of(rows[:2]))
    assert 0 == most_orders(tape_of(rows[2:4]))


def many_orders(count: int, apart_ticks: int) -> np.ndarray:
    """So many orders side by side, at prices spread over so many ticks."""
    rows = [row(n, Kind.ADD, BUY, n + 1, 100_000 - n * apart_ticks // count, 1) for n in range(count)]
    return tape_of([*rows, row(count, Kind.ADD, BUY, count + 1, 1, 1)])


def test_a_long_tape_gets_room_for_its_orders_and_a_window_for_nearly_all_of_their_prices() -> None:
    small, large = (
        room_for(many_orders(100, 20_000), by_levels=False),
        room_for(many_orders(20_000, 20_000), by_levels=False),
    )
    assert (8192, 4096) == (small.book.orders, small.book.window)
    assert (32_768, 32_768, 65_536) == (large.book.orders, large.book.window, large.book.ids)


def test_levels_far_away_do_not_widen_the_window() -> None:
    near = [row(n, Kind.LEVEL, BUY, 0, 5_000 + n % 500, 1 + n) for n in range(9_000)]
    far = [row(9_000 + n, Kind.LEVEL, SELL, 0, 2**40 + n, 1) for n in range(20)]
    size = room_for(tape_of([*near, *far]), by_levels=True)
    assert (4096, 2 * 520 + 8192) == (size.book.window, size.book.orders)


def test_the_room_changes_no_answer() -> None:
    count = 300 if SMALL else 9_000
    adds = [event(3 + n, Kind.ADD, BUY, 10 + n, 900_000 - 100 * n, 1) for n in range(count)]
    market = Market(dataset([*TWO_SIDES, *adds]))
    hashes = []
    for rows in (len(market.tape), 1):  # the second grows on the way
        market._room = room_for(market.tape[:rows], by_levels=False)
        run = market.start(participant=True)
        run.advance_rows(len(market.tape))
        hashes.append(world_hash(run.world))
    assert hashes[0] == hashes[1]
