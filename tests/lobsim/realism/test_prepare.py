"""A day made ready for statistics: the book around rows, market orders and order lives, beside their slow twins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lobsim.market import Market
from lobsim.realism.prepare import VOLUME_LEVELS, Day, prepare_day
from lobsim.realism.record import record_market
from lobsim.types import NEVER, Fidelity, Flag, Kind, Phase, Side
from tests.oracle import Row, row_of
from tests.oracle.realism import SlowBook, slow_lives, slow_market_orders
from tests.oracle.streams import random_history
from tests.support.made_days import SECOND, day, phase, trade
from tests.support.order_days import order_day
from tests.support.pieces import MONDAY_NS, level
from tests.support.worlds import BUY, SELL, row


def plain(history: np.ndarray) -> list[Row]:
    return [row_of(one) for one in history]


def made(rows: list[dict[str, int]]) -> Day:
    return prepare_day(order_day(rows))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_book_around_every_row_is_that_of_the_slow_book(seed: int, limit: Callable[[int, int], int]) -> None:
    rows = plain(random_history(seed, limit(1500, 250)))
    record = record_market(Market(order_day(rows)), volume_levels=3)
    book = SlowBook()
    for index, one in enumerate(rows):
        expected = book.around(one, 3)
        found = (
            *(getattr(record, name)[index] for name in ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")),
            *(record.bid_volume[index], record.ask_volume[index]),
            *(record.order_ticks[index], record.order_lots[index], record.index[index]),
        )
        if one.kind in (Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.EXECUTE, Kind.REPLACE):
            assert tuple(expected) == found, f"row {index}: {one}"
        else:
            assert tuple(expected)[:6] == found[:6], f"row {index}: {one}"


def test_pictures_show_the_book_after_all_rows_of_their_instant() -> None:
    rows = [row(0, Kind.ADD, BUY, 1, 100, 5), row(0, Kind.ADD, SELL, 2, 103, 7)]
    rows += [row(2 * SECOND, Kind.ADD, BUY, 3, 101, 2), row(4 * SECOND, Kind.DELETE, BUY, 3, 101, 2)]
    record = record_market(Market(order_day(rows)), volume_levels=10)
    assert [SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND] == record.picture_ns.tolist()
    assert [100, 101, 101, 100] == record.pictures[:, 0, 0, 0].tolist()
    assert [[100, 5], [0, 0]] == record.pictures[1, 0, 1:3].tolist()
    assert [7, 7, 7, 7] == record.pictures[:, 1, 0, 1].tolist()


@pytest.mark.parametrize("match_ids", [False, True])
def test_market_orders_are_those_of_the_slow_twin(match_ids: bool, limit: Callable[[int, int], int]) -> None:
    rows = plain(random_history(7, limit(1500, 300), match_ids=match_ids))
    orders = made(rows).orders
    expected = slow_market_orders(rows)
    assert len(expected) > 10
    found = zip(orders.row, orders.sign, orders.size_lots, orders.prices, orders.executions, strict=True)
    assert [tuple(one) for one in expected] == [tuple(map(int, one)) for one in found]


def test_order_lives_are_those_of_the_slow_twin(limit: Callable[[int, int], int]) -> None:
    rows = plain(random_history(11, limit(2000, 400), clears=False))
    lives = made(rows).lives
    assert lives is not None
    found = zip(lives.row, lives.end_ns, lives.cancelled, lives.first_fill_ns, lives.first_cancel_ns, strict=True)
    assert [tuple(one) for one in slow_lives(rows)] == [tuple(map(int, one)) for one in found]


def test_a_market_order_sees_the_book_before_the_first_row_of_its_instant() -> None:
    rows = [row(0, Kind.ADD, BUY, 1, 100, 5), row(0, Kind.ADD, SELL, 2, 104, 7), row(0, Kind.ADD, SELL, 3, 105, 7)]
    rows += [row(9, Kind.ADD, SELL, 4, 102, 1), row(9, Kind.EXECUTE, SELL, 4, 102, 1)]
    rows += [row(9, Kind.EXECUTE, SELL, 2, 104, 7), row(12, Kind.EXECUTE, BUY, 1, 100, 2)]
    orders = made(rows).orders
    assert [1, -1] == orders.sign.tolist()
    assert [8, 2] == orders.size_lots.tolist()
    assert [102.0, 102.5] == orders.mid_before.tolist()
    assert [7, 5] == orders.opposite_lots.tolist()
    assert [(102 + 7 * 104) / 8, 100.0] == orders.vwap_ticks.tolist()


def test_an_id_that_comes_again_is_another_order() -> None:
    rows = [row(0, Kind.ADD, BUY, 1, 100, 5), row(1, Kind.DELETE, BUY, 1, 100, 5)]
    rows += [row(2, Kind.ADD, BUY, 1, 99, 4), row(3, Kind.EXECUTE, BUY, 1, 99, 4)]
    lives = made(rows).lives
    assert lives is not None
    assert [1, 3] == lives.end_ns.tolist()
    assert [NEVER, 3] == lives.first_fill_ns.tolist()
    assert [1, NEVER] == lives.first_cancel_ns.tolist()


def test_a_replacement_that_moves_is_a_new_order_and_one_that_shrinks_is_not() -> None:
    rows = [row(0, Kind.ADD, BUY, 1, 100, 5), row(1, Kind.REPLACE, BUY, 1, 100, 3, other_id=1)]
    rows += [row(2, Kind.REPLACE, BUY, 1, 99, 3, other_id=8), row(3, Kind.DELETE, BUY, 8, 99, 3)]
    lives = made(rows).lives
    assert lives is not None
    assert [0, 2] == lives.row.tolist()
    assert [2, 3] == lives.end_ns.tolist()
    assert [1, 3] == lives.first_cancel_ns.tolist()


def test_snapshots_auctions_and_halts_are_not_live() -> None:
    rows = [
        row(0, Kind.ADD, BUY, 1, 100, 5, flags=int(Flag.SNAPSHOT)),
        row(0, Kind.ADD, SELL, 2, 102, 5),
        row(1, Kind.PHASE, -1, 0, 0, int(Phase.HALT)),
        row(2, Kind.ADD, SELL, 3, 103, 5),
        row(3, Kind.PHASE, -1, 0, 0, int(Phase.CONTINUOUS)),
        row(4, Kind.EXECUTE, SELL, 2, 102, 1, flags=int(Flag.AUCTION)),
        row(5, Kind.EXECUTE, SELL, 2, 102, 1),
        row(6, Kind.EXECUTE_HIDDEN, SELL, 0, 101, 1),
    ]
    prepared = made(rows)
    assert [1, 4, 6, 7] == np.flatnonzero(prepared.live).tolist()
    assert [6] == prepared.orders.row.tolist()
    assert [7] == prepared.hidden.tolist()
    assert 1 == prepared.dwell_ns[0:2].sum()
    assert 0 == prepared.dwell_ns[2:4].sum()
    assert 3 == prepared.dwell_ns.sum() - 1


def test_a_day_of_levels_has_market_orders_from_its_prints_and_no_lives() -> None:
    rows = [level(0, Side.BUY, 100, 5), level(0, Side.SELL, 102, 7), level(SECOND, Side.SELL, 102, 4)]
    rows += [trade(2 * SECOND, Side.SELL, 102, 2), trade(2 * SECOND, Side.SELL, 103, 1), trade(2 * SECOND, -1, 102, 9)]
    rows += [phase(3 * SECOND, Phase.CLOSED)]
    prepared = prepare_day(day(rows, Fidelity.L2_TRADES))
    assert prepared.lives is None
    assert not prepared.by_orders
    assert [3] == prepared.orders.size_lots.tolist()
    assert [4] == prepared.orders.opposite_lots.tolist()
    assert [5] == prepared.hidden.tolist()
    assert 4 == prepared.after.ask_lots[2]


def test_the_mid_on_a_grid_is_that_of_the_last_row_and_none_while_a_side_is_empty() -> None:
    rows = [
        row(0, Kind.ADD, BUY, 1, 100, 5),
        row(SECOND, Kind.ADD, SELL, 2, 104, 5),
        row(2 * SECOND, Kind.DELETE, BUY, 1, 100, 5),
    ]
    prepared = made(rows)
    found = prepared.mid_at(np.array([0, SECOND, SECOND + 1, 2 * SECOND, 3 * SECOND]))
    assert [102.0, 102.0, 102.0] == found[:3].tolist()
    assert np.isnan(found[3:]).all()


def test_volumes_cover_ten_levels() -> None:
    rows = [row(index, Kind.ADD, BUY, index + 1, 100 - index, 1) for index in range(12)]
    assert [*range(1, 11), 10, 10] == made(rows).bid_volume.tolist()
    assert 10 == VOLUME_LEVELS


def test_the_break_at_noon_is_no_time_at_which_anything_stands() -> None:
    """Shanghai, 11:30 to 13:00: five minutes before it and five after."""
    open_ns = MONDAY_NS + (3 * 3600 + 25 * 60) * SECOND
    rows = [row(open_ns, Kind.ADD, BUY, 1, 100, 5), row(open_ns, Kind.ADD, SELL, 2, 102, 5)]
    rows += [row(open_ns + 6000 * SECOND, Kind.DELETE, SELL, 2, 102, 5)]
    dataset = order_day(rows)
    prepared = prepare_day(replace(dataset, info=replace(dataset.info, venue="SSE")))
    assert 600 * SECOND == prepared.dwell_ns.sum()
    found = prepared.mid_at(open_ns + np.array([299, 300, 5699, 5700]) * SECOND)
    assert [False, True, True, False] == np.isnan(found).tolist()
