"""Pegged orders, worked out by hand from section 1b of docs/rules.md."""

from __future__ import annotations

import pytest

from tests.lobsim.core.types.conftest import PlayExample

TOUCH = """
    . new 901 buy 5 @ 99
    . new 902 sell 5 @ 103
"""
"""Best prices 99 and 103."""

PRICES = {
    "primary follows its own side up and down, and trades there": """
        > new 9 buy 3 peg primary 0 @ 110
        ACCEPTED 9 buy 3 @ 110 left 0
        REPRICED 9 buy 3 @ 99 left 3
        > new 3 buy 1 @ 100
        ACCEPTED 3 buy 1 @ 100 left 1
        REPRICED 9 buy 3 @ 100 left 3
        > cancel 3
        CANCELLED REQUESTED 3 buy 1 @ 100 left 0
        REPRICED 9 buy 3 @ 99 left 3
        > new 4 sell 7 @ 99
        ACCEPTED 4 sell 7 @ 99 left 0
        TRADE 901/4 buy 5 @ 99 left 0
        TRADE 9/4 buy 2 @ 99 left 1
        REPRICED 9 buy 1 @ 0 left 0
    """,
    "the distance is away from the other side": """
        > new 9 buy 3 peg primary 2 @ 110
        ACCEPTED 9 buy 3 @ 110 left 0
        REPRICED 9 buy 3 @ 97 left 3
        > new 8 buy 3 peg market 3 @ 110
        ACCEPTED 8 buy 3 @ 110 left 0
        REPRICED 8 buy 3 @ 100 left 3
    """,
    "market follows the other side, one tick short": """
        > new 9 buy 3 peg market 0 @ 110
        ACCEPTED 9 buy 3 @ 110 left 0
        REPRICED 9 buy 3 @ 102 left 3
        > new 3 sell 1 @ 103
        ACCEPTED 3 sell 1 @ 103 left 1
    """,
    "the middle is rounded away from the other side": """
        . cancel 902
        . new 903 sell 5 @ 102
        > new 9 buy 3 peg mid 0 @ 110
        ACCEPTED 9 buy 3 @ 110 left 0
        REPRICED 9 buy 3 @ 100 left 3
        > new 8 sell 3 peg mid 0 @ 90
        ACCEPTED 8 sell 3 @ 90 left 0
        REPRICED 8 sell 3 @ 101 left 3
    """,
    "not beyond its limit": """
        > new 9 buy 3 peg primary 0 @ 98
        ACCEPTED 9 buy 3 @ 98 left 0
        REPRICED 9 buy 3 @ 98 left 3
        > cancel 901
        CANCELLED REQUESTED 901 buy 5 @ 99 left 0
        REPRICED 9 buy 3 @ 0 left 0
    """,
    "one tick short of a hidden order it would trade with": """
        . new 3 sell 1 @ 100 hidden
        > new 9 buy 3 peg market 1 @ 110
        ACCEPTED 9 buy 3 @ 110 left 0
        REPRICED 9 buy 3 @ 99 left 3
    """,
    "one tick short of another pegged order": """
        . new 8 buy 3 peg mid 0 @ 110
        > new 9 sell 3 peg mid 0 @ 90
        ACCEPTED 9 sell 3 @ 90 left 0
        REPRICED 9 sell 3 @ 102 left 3
    """,
    "hidden and pegged orders are no reference": """
        . new 3 buy 1 @ 101 hidden
        . new 8 buy 3 peg market 2 @ 110
        > new 9 buy 3 peg primary 0 @ 110
        ACCEPTED 9 buy 3 @ 110 left 0
        REPRICED 9 buy 3 @ 99 left 3
    """,
}

PLACES = {
    "a price that stays keeps the place, a new one is the back": """
        . new 9 buy 3 peg primary 0 @ 110
        . new 3 buy 1 @ 99
        . new 4 sell 1 @ 105
        > new 5 sell 9 @ 99
        ACCEPTED 5 sell 9 @ 99 left 0
        TRADE 901/5 buy 5 @ 99 left 0
        TRADE 9/5 buy 3 @ 99 left 0
        TRADE 3/5 buy 1 @ 99 left 0
    """,
    "moved away and back it stands behind": """
        . new 9 buy 3 peg primary 0 @ 110
        . new 3 buy 1 @ 99
        . new 4 buy 1 @ 100
        . cancel 4
        > new 5 sell 9 @ 99
        ACCEPTED 5 sell 9 @ 99 left 0
        TRADE 901/5 buy 5 @ 99 left 0
        TRADE 3/5 buy 1 @ 99 left 0
        TRADE 9/5 buy 3 @ 99 left 0
    """,
    "a hidden one stands behind the displayed": """
        > new 9 buy 3 peg primary 0 @ 110 hidden
        ACCEPTED 9 buy 3 @ 110 left 0
        REPRICED 9 buy 3 @ 99 left 3
        . new 3 buy 1 @ 99
        > new 5 sell 7 @ 99
        ACCEPTED 5 sell 7 @ 99 left 0
        TRADE 901/5 buy 5 @ 99 left 0
        TRADE 3/5 buy 1 @ 99 left 0
        TRADE 9/5 buy 1 @ 99 left 2
        REPRICED 9 buy 2 @ 0 left 0
    """,
    "the oldest moves first": """
        . new 8 buy 1 peg primary 0 @ 110
        . new 9 buy 1 peg primary 0 @ 110
        > new 3 buy 1 @ 100
        ACCEPTED 3 buy 1 @ 100 left 1
        REPRICED 8 buy 1 @ 100 left 1
        REPRICED 9 buy 1 @ 100 left 1
        > new 4 sell 3 @ 100
        ACCEPTED 4 sell 3 @ 100 left 0
        TRADE 3/4 buy 1 @ 100 left 0
        TRADE 8/4 buy 1 @ 100 left 0
        TRADE 9/4 buy 1 @ 100 left 0
    """,
}

WAITING = {
    "without a reference it waits, and comes when there is one": """
        . cancel 901
        > new 9 buy 3 peg primary 1 @ 110 gtd 50 at 1
        ACCEPTED 9 buy 3 @ 110 left 0
        > new 3 sell 1 @ 90
        ACCEPTED 3 sell 1 @ 90 left 1
        > new 4 buy 2 @ 89
        ACCEPTED 4 buy 2 @ 89 left 2
        REPRICED 9 buy 3 @ 88 left 3
        > cancel 4
        CANCELLED REQUESTED 4 buy 2 @ 89 left 0
        REPRICED 9 buy 3 @ 0 left 0
        > reduce 9 1
        REDUCED 9 buy 1 @ 0 left 2
        > new 9 buy 1 @ 80
        REJECTED DUPLICATE_ID 9
        > cancel 7 at 50
        EXPIRED TIME_LIMIT 9 buy 2 @ 0 left 0
        REJECTED UNKNOWN_ORDER 7
    """,
    "it is cancelled where it stands or at price 0": """
        . new 9 buy 3 peg primary 0 @ 110
        > cancel 9
        CANCELLED REQUESTED 9 buy 3 @ 99 left 0
        . cancel 901
        . new 9 buy 3 peg primary 0 @ 110
        > cancel 9
        CANCELLED REQUESTED 9 buy 3 @ 0 left 0
    """,
    "it cannot be replaced but reduced": """
        . new 9 buy 3 peg primary 0 @ 110
        > replace 9 2 @ 99
        REJECTED BAD_FIELD 9
        > reduce 9 1
        REDUCED 9 buy 1 @ 99 left 2
    """,
    "a refused message that moves the clock moves it too": """
        . new 3 buy 1 @ 101 gtd 50 at 1
        . new 9 buy 3 peg primary 0 @ 110 at 2
        > cancel 7 at 50
        EXPIRED TIME_LIMIT 3 buy 1 @ 101 left 0
        REJECTED UNKNOWN_ORDER 7
        REPRICED 9 buy 3 @ 99 left 3
    """,
    "it moves after the stops of a message": """
        . new 9 buy 3 peg market 0 @ 110
        . new 3 sell 2 @ 104
        . new 4 buy 1 stop 103
        > new 5 buy 4 @ 103
        ACCEPTED 5 buy 4 @ 103 left 0
        TRADE 902/5 sell 4 @ 103 left 1
        TRIGGERED 4 buy 1 @ 103 left 0
        TRADE 902/4 sell 1 @ 103 left 0
        REPRICED 9 buy 3 @ 103 left 3
    """,
    "it stands still while nothing trades": """
        . new 9 buy 3 peg primary 0 @ 110
        . phase quoting
        > new 3 buy 1 @ 101
        ACCEPTED 3 buy 1 @ 101 left 1
        > phase continuous reference 100
        PHASE_CHANGED CONTINUOUS @ 100
        REPRICED 9 buy 3 @ 101 left 3
    """,
}

STEPS = {
    "rounded to a step away from the other side, one step short": """
        . new 1 buy 5 @ 95
        . new 2 sell 5 @ 110
        > new 9 buy 3 peg mid 0 @ 150
        ACCEPTED 9 buy 3 @ 150 left 0
        REPRICED 9 buy 3 @ 100 left 3
        > new 8 buy 3 peg primary 2 @ 150
        ACCEPTED 8 buy 3 @ 150 left 0
        REPRICED 8 buy 3 @ 90 left 3
        > new 7 buy 3 peg market 0 @ 150
        ACCEPTED 7 buy 3 @ 150 left 0
        REPRICED 7 buy 3 @ 105 left 3
    """,
    "outside the band it waits": """
        . new 1 buy 5 @ 55
        > new 9 buy 3 peg primary 5 @ 100
        ACCEPTED 9 buy 3 @ 100 left 0
        REPRICED 9 buy 3 @ 50 left 3
        > new 8 buy 3 peg primary 6 @ 100
        ACCEPTED 8 buy 3 @ 100 left 0
    """,
}


@pytest.mark.parametrize("story", PRICES)
def test_where_a_pegged_order_stands(story: str, play: PlayExample) -> None:
    play(TOUCH + PRICES[story])


@pytest.mark.parametrize("story", PLACES)
def test_the_place_of_a_pegged_order(story: str, play: PlayExample) -> None:
    play(TOUCH + PLACES[story])


@pytest.mark.parametrize("story", WAITING)
def test_a_pegged_order_waits_and_moves(story: str, play: PlayExample) -> None:
    play(TOUCH + WAITING[story])


@pytest.mark.parametrize("story", STEPS)
def test_a_pegged_order_and_the_steps_of_a_venue(story: str, play: PlayExample) -> None:
    play(STEPS[story], "tick_step=5 band_low_ticks=50 band_high_ticks=150")
