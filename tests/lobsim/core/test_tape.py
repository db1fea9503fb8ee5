"""Preparing a tape: aggressor groups, how far they would have gone, and what they left over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from lobsim.core.tape import prepare_tape
from lobsim.types import Flag, Kind
from tests.oracle import prepare
from tests.oracle.streams import random_history
from tests.support.worlds import BUY, SELL, row, tape_of

MARKS = int(Flag.GROUP_END | Flag.RESIDUAL)


def marked(rows: Iterable[dict[str, int]]) -> list[tuple[int, int]]:
    """(limit, GROUP_END and RESIDUAL) of every row."""
    tape = tape_of(rows)
    return list(zip(tape["limit_ticks"].tolist(), (tape["flags"] & MARKS).tolist(), strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_a_tape_is_prepared_as_the_slow_replay_prepares_it(seed: int, limit: Any) -> None:
    history = random_history(seed, limit(1_500, 300), match_ids=seed % 2 == 0)
    tape = tape_of(history)
    expected = prepare(history)
    assert [line.limit_ticks for line in expected] == tape["limit_ticks"].tolist()
    assert [line.flags for line in expected] == tape["flags"].tolist()
    assert {int(Flag.GROUP_END), int(Flag.RESIDUAL)} <= set((tape["flags"] & MARKS).tolist())


def test_preparing_twice_changes_nothing() -> None:
    tape = tape_of(random_history(3, 400))
    again = tape.copy()
    prepare_tape(again)
    assert tape.tobytes() == again.tobytes()


def test_executions_side_by_side_are_one_aggressor_with_the_worst_price_as_limit() -> None:
    rows = [row(1, Kind.EXECUTE, SELL, order_id, price, 5) for order_id, price in ((1, 100), (2, 102), (3, 101))]
    assert [(102, 0), (102, 0), (102, Flag.GROUP_END)] == marked(rows)
    mirrored = [row(1, Kind.EXECUTE, BUY, order_id, price, 5) for order_id, price in ((1, 102), (2, 100), (3, 101))]
    assert [(100, 0), (100, 0), (100, Flag.GROUP_END)] == marked(mirrored)


@pytest.mark.parametrize(
    "second",
    [
        row(2, Kind.EXECUTE, SELL, 2, 101, 5, match_id=7),
        row(1, Kind.EXECUTE, BUY, 2, 99, 5, match_id=7),
        row(1, Kind.EXECUTE, SELL, 2, 101, 5, match_id=8),
    ],
    ids=["later", "other side", "other match"],
)
def test_another_time_side_or_match_is_another_aggressor(second: dict[str, int]) -> None:
    rows = [row(1, Kind.EXECUTE, SELL, 1, 100, 5, match_id=7), second]
    assert [(100, Flag.GROUP_END), (second["price_ticks"], Flag.GROUP_END)] == marked(rows)


@pytest.mark.parametrize("between", [Kind.EXECUTE_HIDDEN, Kind.DELETE, Kind.PRINT, Kind.PHASE])
def test_any_other_row_ends_a_group(between: Kind) -> None:
    rows = [
        row(1, Kind.EXECUTE, SELL, 1, 100, 5),
        row(1, between, SELL, 9, 100, 1),
        row(1, Kind.EXECUTE, SELL, 2, 103, 5),
    ]
    assert [(100, Flag.GROUP_END), (100, 0), (103, Flag.GROUP_END)] == marked(rows)


@pytest.mark.parametrize(
    ("price", "limit", "mark"), [(104, 104, Flag.RESIDUAL), (101, 101, Flag.RESIDUAL), (100, 101, 0)]
)
def test_an_add_at_or_beyond_the_worst_print_is_the_remainder(price: int, limit: int, mark: int) -> None:
    rows = [
        row(1, Kind.EXECUTE, SELL, 1, 100, 5),
        row(1, Kind.EXECUTE, SELL, 2, 101, 5),
        row(1, Kind.ADD, BUY, 3, price, 5),
    ]
    assert [(limit, 0), (limit, Flag.GROUP_END), (price, mark)] == marked(rows)


@pytest.mark.parametrize(
    "added", [row(2, Kind.ADD, BUY, 3, 104, 5), row(1, Kind.ADD, SELL, 3, 104, 5)], ids=["later", "same side"]
)
def test_an_add_at_another_time_or_of_the_same_side_is_nobodys_remainder(added: dict[str, int]) -> None:
    assert [(100, Flag.GROUP_END), (104, 0)] == marked([row(1, Kind.EXECUTE, SELL, 1, 100, 5), added])


def test_in_an_auction_nobody_is_the_aggressor() -> None:
    rows = [row(1, Kind.EXECUTE, SELL, order_id, 100, 5, flags=int(Flag.AUCTION)) for order_id in (1, 2)]
    end = int(Flag.GROUP_END)
    assert [(100, end), (100, end), (104, 0)] == marked([*rows, row(1, Kind.ADD, BUY, 3, 104, 5)])
    mixed = [row(1, Kind.EXECUTE, SELL, 1, 100, 5), rows[1], row(1, Kind.EXECUTE, SELL, 3, 102, 5)]
    assert [(100, end), (100, end), (102, end)] == marked(mixed)


def test_only_the_first_add_after_a_group_is_its_remainder() -> None:
    rows = [row(1, Kind.EXECUTE, SELL, 1, 100, 5), *(row(1, Kind.ADD, BUY, order_id, 104, 5) for order_id in (3, 4))]
    assert [Flag.GROUP_END, Flag.RESIDUAL, 0] == [mark for _, mark in marked(rows)]


def test_rows_that_execute_nothing_have_their_own_price_as_limit() -> None:
    tape = tape_of(random_history(1, 300))
    assert np.all(
        tape["limit_ticks"][tape["kind"] != Kind.EXECUTE] == tape["price_ticks"][tape["kind"] != Kind.EXECUTE]
    )
