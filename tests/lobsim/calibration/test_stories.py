"""What truly happened to recorded orders: by hand, and against a reading of all rows after each ADD."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lobsim.calibration.stories import End, Fill, Story, Stratum, read_stories
from lobsim.types import Flag, Kind, Phase
from tests.oracle import Row, prepare
from tests.oracle.reinsertion import truth_of
from tests.oracle.streams import random_history
from tests.support.worlds import BUY, SELL, row, tape_of


def story(rows: list[dict[str, int]], order_id: int) -> Story:
    """The story that begins under an id."""
    return next(story for story in read_stories(tape_of(rows)) if story.order_id == order_id)


def test_an_order_that_trades_in_two_parts_is_fully_filled() -> None:
    found = story(
        [row(1, Kind.ADD, BUY, 7, 100, 5), row(2, Kind.EXECUTE, BUY, 7, 100, 2), row(4, Kind.EXECUTE, BUY, 7, 100, 3)],
        7,
    )
    assert (Stratum.FULLY, End.FILLED, 3) == (found.stratum, found.end, found.end_row)
    assert [Fill(1, 2, 2), Fill(2, 4, 3)] == found.fills


def test_an_order_cancelled_after_a_fill_is_partly_filled() -> None:
    rows = [
        row(1, Kind.ADD, SELL, 7, 100, 5),
        row(2, Kind.REDUCE, SELL, 7, 100, 1),
        row(3, Kind.EXECUTE, SELL, 7, 100, 2),
        row(4, Kind.DELETE, SELL, 7, 100, 2),
    ]
    found = story(rows, 7)
    assert (Stratum.PARTLY, End.CANCELLED, 4, 2) == (found.stratum, found.end, found.end_row, found.filled_lots)
    assert [(1, -1, False)] == [change[:3] for change in found.changes]


def test_a_replaced_order_is_followed_under_its_new_id_and_price() -> None:
    rows = [
        row(1, Kind.ADD, BUY, 7, 100, 5),
        row(2, Kind.REPLACE, BUY, 7, 100, 3, other_id=8),
        row(3, Kind.REPLACE, BUY, 8, 101, 3, other_id=9),
        row(4, Kind.EXECUTE, BUY, 9, 101, 3),
    ]
    found = story(rows, 7)
    assert [(1, -2, False, 100, 8), (2, 0, True, 101, 9)] == found.changes
    assert (Stratum.FULLY, 3) == (found.stratum, found.filled_lots)


@pytest.mark.parametrize("ending", [row(2, Kind.CLEAR), row(2, Kind.EXECUTE, BUY, 7, 100, 5, flags=int(Flag.AUCTION))])
def test_a_story_ends_in_front_of_what_no_own_order_could_live_through(ending: dict[str, int]) -> None:
    found = story([row(1, Kind.ADD, BUY, 7, 100, 5), ending], 7)
    assert (Stratum.NEVER, 1) == (found.stratum, found.end_row)
    assert found.end in (End.CLEARED, End.AUCTION)


def test_orders_of_a_snapshot_or_of_another_phase_have_no_story() -> None:
    rows = [
        row(1, Kind.ADD, BUY, 1, 100, 5, flags=int(Flag.SNAPSHOT)),
        row(2, Kind.PHASE, size=int(Phase.PRE_OPEN)),
        row(3, Kind.ADD, BUY, 2, 100, 5),
        row(4, Kind.PHASE, size=int(Phase.CONTINUOUS)),
        row(5, Kind.EXECUTE, BUY, 1, 100, 5),
        row(6, Kind.ADD, BUY, 1, 100, 5),
    ]
    assert [(5, 1)] == [(found.row, found.order_id) for found in read_stories(tape_of(rows))]


def test_stories_of_random_days_are_those_of_the_slow_reading(limit: Callable[[int, int], int]) -> None:
    ends = {
        "filled": End.FILLED,
        "cancelled": End.CANCELLED,
        "tape": End.TAPE,
        "cleared": End.CLEARED,
        "auction": End.AUCTION,
    }
    seen = set()
    for seed in range(limit(20, 4)):
        rows: list[Row] = prepare(random_history(seed, 400, fifo=0.7))
        for found in read_stories(tape_of(rows)):
            truth = truth_of(rows, found.row)
            assert (ends[truth.ended], truth.rows) == (found.end, found.end_row)
            executed = [(act.row, act.executed) for act in truth.acts if act.executed]
            assert executed == [(fill.row, fill.size_lots) for fill in found.fills]
            changed = [act for act in truth.acts if not act.executed and act.left]
            assert [(act.row, act.changed, act.moved_to is not None, act.order_id) for act in changed] == [
                (change.row, change.change_lots, change.moves, change.order_id) for change in found.changes
            ]
            seen.add(found.end)
    assert {End.FILLED, End.CANCELLED, End.TAPE} <= seen
