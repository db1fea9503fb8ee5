"""Breaks that a calendar tells, time without them, and schedules that step over them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from execution.baselines import Scheduled
from execution.catalogue import Choices, algorithm_named
from execution.parent import Parent
from execution.schedules import u_shape
from lobsim.clock import time_ns
from lobsim.sessions import scheduled_breaks_ns, with_breaks, without_breaks
from lobsim.types import Side
from tests.execution import steady_market as made

ELSEWHERE = made.steady(10).info
SHANGHAI = replace(
    ELSEWHERE, venue="SSE", date="2023-02-07", session_start_ns=0, session_end_ns=2 * 10**18
)  # a session of the calendar is not needed here
LUNCH = scheduled_breaks_ns(SHANGHAI)


def at(text: str) -> int:
    """An instant in Shanghai."""
    return time_ns(text, SHANGHAI)


def curve(name: str, start: str, end: str, choices: Choices | None = None) -> list[tuple[int, int]]:
    """Edges and targets of a parent of 600 lots there."""
    session = replace(SHANGHAI, session_start_ns=at("09:30"), session_end_ns=at("15:00"))
    parent = Parent(side=Side.BUY, size_lots=600, start_ns=at(start), end_ns=at(end))
    algorithm = algorithm_named(name, choices or Choices(slices=6))(parent, session)
    assert isinstance(algorithm, Scheduled)
    schedule = algorithm.schedule
    return list(zip(schedule.times_ns.tolist(), schedule.cumulative_lots.tolist(), strict=True))


def test_shanghai_rests_at_noon_and_others_do_not() -> None:
    assert [(at("11:30"), at("13:00"))] == LUNCH
    assert [] == scheduled_breaks_ns(ELSEWHERE)


def test_time_without_breaks_and_back() -> None:
    morning, noon, lunch, after = at("11:00"), at("11:30"), at("12:15"), at("13:10")
    assert [morning, noon, noon, after - 5400 * 10**9] == [
        without_breaks(each, LUNCH) for each in (morning, noon, lunch, after)
    ]
    short = np.array([morning, noon, without_breaks(after, LUNCH)])
    assert [morning, at("13:00"), after] == with_breaks(short, LUNCH).tolist()


def test_an_even_schedule_gives_the_break_nothing() -> None:
    edges = curve("twap", "11:15", "13:15")
    assert [at("11:15"), at("11:20"), at("11:25"), at("13:00"), at("13:05"), at("13:10"), at("13:15")] == [
        edge for edge, _ in edges
    ]
    assert [0, 100, 200, 300, 400, 500, 600] == [lots for _, lots in edges]


@pytest.mark.parametrize("name", ["twap", "vwap", "ac"])
@pytest.mark.parametrize(
    ("start", "end"), [("11:45", "13:10"), ("11:20", "12:30"), ("11:40", "12:40"), ("10:00", "10:30")]
)
def test_a_schedule_begins_and_ends_with_its_parent_and_never_steps_within_the_break(
    name: str, start: str, end: str
) -> None:
    edges = curve(name, start, end)
    assert ((at(start), 0), (at(end), 600)) == (edges[0], edges[-1])
    if (start, end) != ("11:40", "12:40"):  # all of it a break: nothing can be avoided
        assert not [edge for edge, _ in edges[1:-1] if at("11:30") < edge < at("13:00")]


def test_a_measured_volume_curve_has_the_break_in_it_already() -> None:
    edges = curve("vwap", "11:15", "13:15", Choices(slices=6, profile=u_shape()))
    assert at("12:15") in [edge for edge, _ in edges]
