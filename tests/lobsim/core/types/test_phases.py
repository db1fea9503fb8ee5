"""Phases and uncrossing, worked out by hand from section 1b of docs/rules.md."""

from __future__ import annotations

import pytest

from tests.lobsim.core.types.conftest import PlayExample

PHASES = {
    "before the open limit orders and replaces join without trading": """
        > phase pre_open reference 100
        PHASE_CHANGED PRE_OPEN @ 100
        > new 1 sell 5 @ 99
        ACCEPTED 1 sell 5 @ 99 left 5
        > new 2 buy 5 @ 101 display 2 gtd 50
        ACCEPTED 2 buy 5 @ 101 left 5
        > new 3 buy 5 @ 100 hidden
        ACCEPTED 3 buy 5 @ 100 left 5
        > replace 3 7 @ 102 as 4
        REPLACED 4/3 buy 7 @ 102 left 7
        > reduce 4 6
        REDUCED 4 buy 6 @ 102 left 1
        > cancel 1
        CANCELLED REQUESTED 1 sell 5 @ 99 left 0
    """,
    "what would have to trade at once is not taken before the open": """
        . new 9 buy 1 @ 100 owner 1
        . new 8 sell 1 @ 100 owner 2
        . phase pre_open
        > new 1 sell 5 @ 99 ioc
        REJECTED NOT_IN_PHASE 1
        > new 1 sell 5 @ 99 fok
        REJECTED NOT_IN_PHASE 1
        > new 1 sell 5 market
        REJECTED NOT_IN_PHASE 1
        > new 1 sell 5 to-limit
        REJECTED NOT_IN_PHASE 1
        > new 1 sell 5 stop 90
        REJECTED NOT_IN_PHASE 1
        > new 1 sell 5 @ 90 stop 90
        REJECTED NOT_IN_PHASE 1
        > new 1 sell 5 peg mid 0 @ 90
        REJECTED NOT_IN_PHASE 1
        > new 1 sell 5 @ 99 post
        REJECTED NOT_IN_PHASE 1
        > new 1 sell 1 @ 99 reduce-only owner 1
        REJECTED NOT_IN_PHASE 1
        > new 1 sell 5 @ 99 min 1
        REJECTED NOT_IN_PHASE 1
        > new 1 sell 5 @ 99
        ACCEPTED 1 sell 5 @ 99 left 5
        > replace 1 4 @ 99 post
        REJECTED NOT_IN_PHASE 1
    """,
    "a halt and the close take cancels and reductions only": """
        . new 1 sell 5 @ 99
        . phase halt
        > new 2 sell 5 @ 99
        REJECTED HALTED 2
        > replace 1 4 @ 99
        REJECTED HALTED 1
        > replace 7 4 @ 99
        REJECTED UNKNOWN_ORDER 7
        > reduce 1 1
        REDUCED 1 sell 1 @ 99 left 4
        . phase closed
        > new 2 sell 5 @ 99 market
        REJECTED HALTED 2
        > replace 1 4 @ 99
        REJECTED HALTED 1
        > cancel 1
        CANCELLED REQUESTED 1 sell 4 @ 99 left 0
    """,
    "a field that does not exist comes before the phase": """
        . phase halt
        > new 2 sell 5 @ 99 market gtd 50
        REJECTED BAD_FIELD 2
    """,
    "time limits go on": """
        . new 1 sell 5 @ 99 gtd 50 at 1
        . phase halt at 2
        > phase closed reference 7 at 50
        EXPIRED TIME_LIMIT 1 sell 5 @ 99 left 0
        PHASE_CHANGED CLOSED @ 7
    """,
    "the phase it is in is answered too": """
        > phase continuous reference 5
        PHASE_CHANGED CONTINUOUS @ 5
        . phase halt
        > phase halt reference 6
        PHASE_CHANGED HALT @ 6
    """,
}

UNCROSSING = {
    "at equal volume, imbalance and distance the highest price": """
        . phase auction
        . new 1 sell 5 @ 99
        . new 2 buy 3 @ 101
        > phase continuous reference 100
        PHASE_CHANGED CONTINUOUS @ 100
        TRADE AUCTION 1/2 sell 3 @ 101 left 2
    """,
    "nearest to the reference price that the leaving brings": """
        . phase auction reference 101
        . new 1 sell 5 @ 99
        . new 2 buy 3 @ 101
        > phase continuous reference 99
        PHASE_CHANGED CONTINUOUS @ 99
        TRADE AUCTION 1/2 sell 3 @ 99 left 2
    """,
    "the smallest imbalance before the reference price": """
        . phase auction
        . new 1 sell 5 @ 99
        . new 2 sell 2 @ 101
        . new 3 buy 5 @ 101
        > phase continuous reference 101
        PHASE_CHANGED CONTINUOUS @ 101
        TRADE AUCTION 1/3 sell 5 @ 99 left 0
    """,
    "the largest volume before the imbalance": """
        . phase auction
        . new 1 sell 4 @ 99
        . new 2 buy 4 @ 99
        . new 3 buy 4 @ 101
        . new 4 sell 9 @ 101
        > phase continuous reference 99
        PHASE_CHANGED CONTINUOUS @ 99
        TRADE AUCTION 1/3 sell 4 @ 99 left 0
    """,
    "both sides are served by price and then by time, all at one price": """
        . phase auction
        . new 1 sell 3 @ 100
        . new 2 sell 4 @ 99
        . new 3 buy 5 @ 100
        . new 4 buy 2 @ 101
        > phase continuous reference 100
        PHASE_CHANGED CONTINUOUS @ 100
        TRADE AUCTION 2/4 sell 2 @ 100 left 2
        TRADE AUCTION 2/3 sell 2 @ 100 left 0
        TRADE AUCTION 1/3 sell 3 @ 100 left 0
    """,
    "shown, then reserve as it refreshes, then hidden": """
        . phase auction
        . new 2 sell 2 @ 100 hidden
        . new 1 sell 5 @ 100 display 2
        . new 3 sell 1 @ 100
        . new 4 buy 8 @ 100
        > phase continuous reference 100
        PHASE_CHANGED CONTINUOUS @ 100
        TRADE AUCTION 1/4 sell 2 @ 100 left 3
        REFRESHED 1 sell 2 @ 100 left 3
        TRADE AUCTION 3/4 sell 1 @ 100 left 0
        TRADE AUCTION 1/4 sell 2 @ 100 left 1
        REFRESHED 1 sell 1 @ 100 left 1
        TRADE AUCTION 1/4 sell 1 @ 100 left 0
        TRADE AUCTION 2/4 sell 2 @ 100 left 0
    """,
    "where both refresh the seller says so first": """
        . phase auction
        . new 1 sell 4 @ 99 display 2
        . new 2 buy 5 @ 99 display 2
        > phase continuous reference 99
        PHASE_CHANGED CONTINUOUS @ 99
        TRADE AUCTION 1/2 sell 2 @ 99 left 2
        REFRESHED 1 sell 2 @ 99 left 2
        REFRESHED 2 buy 2 @ 99 left 3
        TRADE AUCTION 1/2 sell 2 @ 99 left 0
        REFRESHED 2 buy 1 @ 99 left 1
    """,
    "without volume nothing happens": """
        . phase auction
        . new 1 sell 4 @ 101
        . new 2 buy 4 @ 99
        > phase continuous reference 100
        PHASE_CHANGED CONTINUOUS @ 100
        > new 3 buy 4 @ 101
        ACCEPTED 3 buy 4 @ 101 left 0
        TRADE 1/3 sell 4 @ 101 left 0
    """,
    "only leaving for trading or the close uncrosses": """
        . phase pre_open
        . new 1 sell 4 @ 99
        . new 2 buy 1 @ 101
        > phase quoting reference 99
        PHASE_CHANGED QUOTING @ 99
        > phase auction reference 99
        PHASE_CHANGED AUCTION @ 99
        > phase halt reference 99
        PHASE_CHANGED HALT @ 99
        > phase closed reference 99
        PHASE_CHANGED CLOSED @ 99
        > phase continuous reference 99
        PHASE_CHANGED CONTINUOUS @ 99
        TRADE AUCTION 1/2 sell 1 @ 99 left 3
        . phase quoting
        . new 3 buy 1 @ 101
        > phase closed reference 99
        PHASE_CHANGED CLOSED @ 99
        TRADE AUCTION 1/3 sell 1 @ 99 left 2
        . phase pre_open
        . new 4 buy 1 @ 101
        . phase halt
        > phase continuous reference 99
        PHASE_CHANGED CONTINUOUS @ 99
        TRADE AUCTION 1/4 sell 1 @ 99 left 1
    """,
    "the book is not crossed afterwards": """
        . phase auction
        . new 1 sell 4 @ 98
        . new 2 sell 4 @ 100
        . new 3 buy 3 @ 101
        . new 4 buy 2 @ 99
        > phase continuous reference 100
        PHASE_CHANGED CONTINUOUS @ 100
        TRADE AUCTION 1/3 sell 3 @ 99 left 1
        TRADE AUCTION 1/4 sell 1 @ 99 left 0
        > new 5 sell 1 @ 99
        ACCEPTED 5 sell 1 @ 99 left 0
        TRADE 4/5 buy 1 @ 99 left 0
    """,
    "a resting reduce-only order is not cut there, and positions move": """
        . new 1 sell 4 @ 101
        . new 2 buy 4 @ 101 owner 1
        . new 3 sell 4 @ 102 owner 1 reduce-only
        . new 4 buy 4 @ 100
        . new 5 sell 4 @ 100 owner 1
        . phase auction
        . new 6 buy 4 @ 102
        > phase continuous reference 100
        PHASE_CHANGED CONTINUOUS @ 100
        TRADE AUCTION 3/6 sell 4 @ 102 left 0
        > new 7 buy 9 @ 90 owner 1 reduce-only
        ACCEPTED 7 buy 4 @ 90 left 4
    """,
}


@pytest.mark.parametrize("story", PHASES)
def test_a_phase(story: str, play: PlayExample) -> None:
    play(PHASES[story])


@pytest.mark.parametrize("story", UNCROSSING)
def test_uncrossing(story: str, play: PlayExample) -> None:
    play(UNCROSSING[story], mirror=False)


def test_an_order_may_trade_with_its_owner_in_an_auction(play: PlayExample) -> None:
    text = """
        . new 1 sell 4 @ 100 owner 1
        . new 2 buy 4 @ 100 owner 1
        > phase continuous reference 100
        PHASE_CHANGED CONTINUOUS @ 100
        TRADE AUCTION 1/2 sell 4 @ 100 left 0
    """
    play(text, "self_trade=CANCEL_BOTH phase=AUCTION", mirror=False)


def test_an_unknown_phase_and_a_reference_out_of_range_are_refused(play: PlayExample) -> None:
    play(
        f"""
        > phase halt reference {2**46 + 1}
        REJECTED BAD_PRICE 0
        > phase halt reference {-(2**46)}
        PHASE_CHANGED HALT @ {-(2**46)}
        """,
        mirror=False,
    )
