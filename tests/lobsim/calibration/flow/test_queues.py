"""Where the reference price of a queue-reactive market is, told by how stretches with a wider spread end."""

from __future__ import annotations

import numpy as np

from lobsim.calibration.flow.queues import QueueView, queue_view
from lobsim.types import NONE, Side
from tests.lobsim.calibration.flow.test_recording import whole
from tests.support.made_days import SECOND, day
from tests.support.pieces import level

BUY, SELL = int(Side.BUY), int(Side.SELL)


def view_of(*changes: tuple[int, int, int]) -> QueueView:
    """A book of 9998, 9999 against 10000, 10001, then one change a second."""
    first = [(BUY, 9998, 20), (BUY, 9999, 50), (SELL, 10000, 40), (SELL, 10001, 30)]
    rows = [level(0, *each) for each in first]
    rows += [level((place + 1) * SECOND, *each) for place, each in enumerate(changes)]
    return queue_view(whole(day([*rows, level((len(changes) + 1) * SECOND, BUY, 9990, 1)])))


def test_at_a_spread_of_one_tick_the_reference_is_the_mid() -> None:
    view = view_of((BUY, 9999, 60))
    assert view.lower[3:].tolist() == [9999] * 3 and view.usable[3:].all()
    last = np.array([4])
    assert [int(view.lots(side, i, last)[0]) for side in (BUY, SELL) for i in (0, 1)] == [60, 20, 40, 30]


def test_a_price_that_its_own_side_fills_again_was_that_sides_first_queue() -> None:
    view = view_of((BUY, 9999, 0), (BUY, 9999, 10))
    gap = view.gaps
    assert (gap.first.tolist(), gap.emptied.tolist(), gap.filled.tolist()) == ([4], [BUY], [BUY])
    assert view.lower[4] == 9999 and view.lots(BUY, 0, np.array([4]))[0] == 0


def test_a_price_that_the_other_side_takes_over_has_moved_the_reference() -> None:
    view = view_of((BUY, 9999, 0), (SELL, 9999, 10))
    assert (view.gaps.emptied.tolist(), view.gaps.filled.tolist()) == ([BUY], [SELL])
    assert view.lower[4] == 9998
    assert [int(view.lots(SELL, i, np.array([4]))[0]) for i in (0, 1)] == [0, 40]


def test_a_stretch_that_ends_without_an_order_there_keeps_the_reference() -> None:
    view = view_of((SELL, 10000, 0), (SELL, 10001, 0))
    assert (view.gaps.emptied.tolist(), view.gaps.filled.tolist()) == ([SELL], [NONE])
    assert view.lower[4] == 9999 and view.usable[4]


def test_what_follows_a_move_of_the_mid_at_once_is_left_out_with_its_time() -> None:
    view = view_of((BUY, 9999, 0), (BUY, 9999, 10), (BUY, 9998, 25))
    assert view.time_ns[4] == SECOND - 1000
    assert view.event_usable[-2:].all()
