"""Properties of replayed days: random and recorded ones pass, with own orders in every mode, and planted violations are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lobsim.errors import ConfigError
from lobsim.market import Market
from lobsim.properties import Findings, Violation
from lobsim.replay_properties import TracedRun, check_market, check_run
from lobsim.types import CrossPolicy, Impact, Kind, Side, Status, SurplusPolicy, TimeInForce
from tests.execution import steady_market as made
from tests.lobsim.core.test_replay_invariants import asks_of
from tests.oracle.streams import random_history, random_own
from tests.support.worlds import BUY, SELL, Venue, row, tape_of

MODES: dict[str, dict[str, Any]] = {
    "lifetime": {},
    "persist": {"surplus": SurplusPolicy.PERSIST},
    "evict": {"surplus": SurplusPolicy.EVICT},
    "slide": {"cross": CrossPolicy.SLIDE},
    "none": {"impact": Impact.NONE},
}


class TracedVenue(Venue):
    """A world driven by hand that remembers every event."""

    def __init__(self, rows: Any, **settings: Any) -> None:
        super().__init__(rows, **settings)
        self.run = TracedRun(self.world)

    def _advance(self, until_ns: int, budget: int) -> Status:
        """The budget does not matter: nobody counts events here."""
        self.run.world = self.world
        status = self.run.advance(until_ns)
        self.world = self.run.world
        return status

    @property
    def found(self) -> Findings:
        """What the checker says so far."""
        return check_run(self.run)


def kinds(found: Findings) -> set[Violation]:
    """Which kinds of violation there are."""
    return {finding.violation for finding in found.found}


def with_own_orders(tape: np.ndarray, seed: int, count: int, **settings: Any) -> TracedVenue:
    """A whole tape with random own orders and cancels on it."""
    venue = TracedVenue(tape, **settings)
    for message in asks_of(random_own(seed, count, tape)):
        venue.submit(message)
    venue.run_to(int(tape["ts_ns"][-1]))
    return venue


# Nothing is found where nothing is wrong


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(2))
def test_random_days_with_own_orders_have_the_properties(mode: str, seed: int, small: bool) -> None:
    tape = tape_of(random_history(seed, 150 if small else 3_000, match_ids=bool(seed)))
    venue = with_own_orders(tape, seed, 60 if small else 800, **MODES[mode])
    assert "no violation" == str(venue.found)
    assert venue.found.facts["own_fills"] > (5 if small else 100)


@pytest.mark.parametrize("day", ["AAPL_2012-06-21_1", "GOOG_2012-06-21_1", "GOOG_2012-06-21_10", "AAPL hour"])
def test_recorded_days_have_the_properties_alone_and_with_own_orders(
    day: str, lobster_day: Callable[[str], Market], request: pytest.FixtureRequest, small: bool
) -> None:
    market: Market = request.getfixturevalue("aapl_hour") if day == "AAPL hour" else lobster_day(day)
    tape, rows = market.tape, market.rows
    if small:
        tape, rows = tape[:300], rows[:300]
    else:
        found = check_market(market)
        assert "no violation" == str(found)
        assert (0, 0) == (found.facts["history_crossed"], found.facts["crossed_by_correction"])
    for mode, settings in MODES.items():
        venue = with_own_orders(tape, 1, 30 if small else 1_500, book_rows=rows, **settings)
        assert "no violation" == str(venue.found), mode
        assert small or venue.found.facts["own_fills"] > 500


def test_what_a_desk_does_in_a_market_has_the_properties() -> None:
    from execution.catalogue import algorithm_named
    from execution.desk import Desk

    market = made.market_of(made.lively(60, seed=2), 1_000_000)
    for name in ("twap:join", "twap:cross", "leave", "once"):
        parent = made.parent_of(Side.BUY, 700, 5.5, 40.5)
        run = TracedRun(market.start(participant=True).world)
        Desk(run, parent, algorithm_named(name)(parent, market.dataset.info)).execute()
        assert "no violation" == str(check_run(run))
        assert check_run(run).facts["own_fills"] > 0


def test_a_copy_of_a_run_remembers_what_the_run_did() -> None:
    run = TracedRun(made.market_of(made.steady(10)).start(participant=False).world)
    run.advance(made.OPEN_NS + 5 * made.SECOND_NS)
    other = run.copy()
    for each in (run, other):
        each.advance(2**62)
    assert check_run(run) == check_run(other)
    assert "no violation" == str(check_run(other))


def test_levels_are_not_checked() -> None:
    with pytest.raises(ConfigError, match="checked order by order; give order data"):
        check_market(made.market_of(made.steady_levels(5)))


# What history itself does is counted, and is no violation


def test_history_out_of_turn_away_from_the_best_and_crossed_is_counted() -> None:
    rows = [
        row(1, Kind.ADD, SELL, 1, 101, 5),
        row(2, Kind.ADD, SELL, 2, 101, 5),
        row(3, Kind.ADD, SELL, 3, 102, 5),
        row(4, Kind.EXECUTE, SELL, 2, 101, 5),
        row(5, Kind.EXECUTE, SELL, 3, 102, 5),
        row(6, Kind.ADD, BUY, 4, 101, 5),
        row(7, Kind.DELETE, BUY, 4, 101, 5),
    ]
    venue = TracedVenue(rows)
    venue.run_to(10)
    assert "no violation" == str(venue.found)
    facts = venue.found.facts
    assert (1, 1, 1) == (facts["out_of_turn"], facts["away_from_best"], facts["history_crossed"])


# Planted violations


DAY = [
    row(1, Kind.ADD, SELL, 1, 101, 5),
    row(2, Kind.ADD, BUY, 2, 99, 5),
    row(10, Kind.ADD, SELL, 3, 101, 5),
    row(20, Kind.EXECUTE, SELL, 1, 101, 5),
    row(30, Kind.EXECUTE, SELL, 3, 101, 4),
    row(40, Kind.ADD, SELL, 4, 102, 5),
]


def quiet_day() -> TracedVenue:
    """An own sell of 3 at 101 joins between orders 1 and 3: it gets 3 of the second execution."""
    venue = TracedVenue(DAY, surplus=SurplusPolicy.PERSIST)
    venue.run_to(5)
    venue.send(SELL, 101, 3)
    venue.run_to(50)
    assert [(30, 0, SELL, 1, 1, 101, 3)] == venue.fills
    assert "no violation" == str(venue.found)
    return venue


@pytest.mark.parametrize(
    ("violation", "field", "value"),
    [
        (Violation.NOT_RESTING_PRICE, "price_ticks", 102),
        (Violation.SIZE, "size_lots", 4),
        (Violation.PASSED_OVER, "size_lots", 2),
        (Violation.BEYOND_LIMIT, "passive", 0),
    ],
)
def test_a_planted_wrong_fill_is_found(violation: Violation, field: str, value: int) -> None:
    venue = quiet_day()
    venue.world.fills[0][field] = value
    if violation == Violation.BEYOND_LIMIT:
        venue.world.fills[0]["price_ticks"] = 100
    assert violation in kinds(venue.found)


@pytest.mark.parametrize(
    ("violation", "event"), [(Violation.JUMPED, 5), (Violation.BUDGET, 4), (Violation.NO_SUCH_ORDER, 2)]
)
def test_a_fill_by_the_wrong_row_is_found(violation: Violation, event: int) -> None:
    """Events: two rows, the own order and its answer, row of order 3, the two executions."""
    venue = quiet_day()
    venue.world.own[0]["arrived_ns"] = 5
    trace = venue.run._trace
    trace["fills"][event:7] = 1
    if violation == Violation.NO_SUCH_ORDER:
        trace["arrived"][2:4] = 0
    assert violation in kinds(venue.found)


def test_a_fill_that_never_comes_is_found() -> None:
    venue = quiet_day()
    venue.run._trace["fills"] = 0
    venue.world.head[0]["fills"] = 0
    assert {Violation.PASSED_OVER, Violation.TOTAL} <= kinds(venue.found)


def test_a_younger_own_order_filled_first_is_found() -> None:
    venue = TracedVenue(DAY)
    venue.run_to(5)
    venue.send(SELL, 101, 3)
    venue.send(SELL, 101, 3)
    venue.run_to(50)
    assert [(30, 0, 3), (30, 1, 1)] == [(fill[0], fill[1], fill[6]) for fill in venue.fills]
    assert "no violation" == str(venue.found)
    venue.world.fills["order"][:2] = (1, 0)
    assert Violation.PASSED_OVER in kinds(venue.found)


def test_a_taker_that_leaves_something_within_its_limit_is_found() -> None:
    venue = TracedVenue(DAY)
    venue.run_to(5)
    venue.send(BUY, 101, 9, tif=TimeInForce.IOC)
    venue.run_to(6)
    assert "no violation" == str(venue.found)
    venue.run._trace["ask_ticks"][2] = 101
    venue.run._trace["ask_units"][2] = 1
    assert {Violation.MISSED_TRADE} == kinds(venue.found)


def test_a_taker_that_gets_a_worse_price_first_is_found() -> None:
    venue = TracedVenue(DAY)
    venue.run_to(45)
    venue.send(BUY, 102, 6)
    venue.run_to(50)
    assert [(101, 1), (102, 5)] == [(fill[5], fill[6]) for fill in venue.fills]
    assert "no violation" == str(venue.found)
    venue.world.fills["price_ticks"][:2] = (102, 101)
    assert Violation.NOT_BEST_PRICE in kinds(venue.found)


def test_a_touch_that_is_not_history_or_crosses_is_found() -> None:
    venue = TracedVenue(DAY)
    venue.run_to(50)
    venue.run._trace["ask_units"][3] += 1
    assert {Violation.TOUCH} == kinds(venue.found)
    venue.run._trace["bid_ticks"][3] = 101
    assert {Violation.TOUCH, Violation.SPREAD} == kinds(venue.found)


def test_findings_count_rows_and_events_from_zero() -> None:
    venue = quiet_day()
    venue.world.fills[0]["price_ticks"] = 102
    assert "not resting price: 1, first at 4 (report 6, order -1)" == str(venue.found)
