"""Stops and stop-limits, worked out by hand from section 1b of docs/rules.md."""

from __future__ import annotations

import pytest

from tests.lobsim.core.types.conftest import PlayExample

ELECTION = {
    "a trade at the stop price elects it when the message is done": """
        . new 1 sell 5 @ 101
        . new 2 sell 5 @ 102
        . new 3 sell 5 @ 103
        > new 4 buy 6 stop 102
        ACCEPTED 4 buy 6 @ 0 left 6
        > new 5 buy 7 @ 102
        ACCEPTED 5 buy 7 @ 102 left 0
        TRADE 1/5 sell 5 @ 101 left 0
        TRADE 2/5 sell 2 @ 102 left 3
        TRIGGERED 4 buy 6 @ 102 left 0
        TRADE 2/4 sell 3 @ 102 left 0
        TRADE 3/4 sell 3 @ 103 left 2
    """,
    "a trade one tick short does not": """
        . new 1 sell 5 @ 101
        . new 4 buy 6 stop 102
        > new 5 buy 1 @ 105
        ACCEPTED 5 buy 1 @ 105 left 0
        TRADE 1/5 sell 1 @ 101 left 4
    """,
    "any trade of the message elects, not only the last": """
        . new 1 sell 1 @ 100
        . new 2 sell 1 @ 103
        . new 3 buy 1 @ 90
        > new 4 sell 1 stop 100
        ACCEPTED 4 sell 1 @ 0 left 1
        > new 5 buy 2 @ 103
        ACCEPTED 5 buy 2 @ 103 left 0
        TRADE 1/5 sell 1 @ 100 left 0
        TRADE 2/5 sell 1 @ 103 left 0
        TRIGGERED 4 sell 1 @ 100 left 0
        TRADE 3/4 buy 1 @ 90 left 0
    """,
    "what a stop cannot trade is cancelled at price 0": """
        . new 1 sell 2 @ 101
        . new 4 buy 6 stop 101
        > new 5 buy 1 @ 101
        ACCEPTED 5 buy 1 @ 101 left 0
        TRADE 1/5 sell 1 @ 101 left 1
        TRIGGERED 4 buy 6 @ 101 left 0
        TRADE 1/4 sell 1 @ 101 left 0
        CANCELLED NO_LIQUIDITY 4 buy 5 @ 0 left 0
    """,
    "a stop-limit rests at its limit": """
        . new 1 sell 2 @ 101
        . new 2 sell 2 @ 104
        > new 4 buy 6 @ 103 stop 101
        ACCEPTED 4 buy 6 @ 103 left 6
        > new 5 buy 1 @ 101
        ACCEPTED 5 buy 1 @ 101 left 0
        TRADE 1/5 sell 1 @ 101 left 1
        TRIGGERED 4 buy 6 @ 101 left 0
        TRADE 1/4 sell 1 @ 101 left 0
        > new 6 sell 5 @ 103
        ACCEPTED 6 sell 5 @ 103 left 0
        TRADE 4/6 buy 5 @ 103 left 0
    """,
    "where the last trade has reached the price already it enters on arrival": """
        . new 1 sell 5 @ 101
        . new 2 buy 1 @ 101
        > new 4 buy 2 stop 101
        ACCEPTED 4 buy 2 @ 0 left 2
        TRIGGERED 4 buy 2 @ 101 left 0
        TRADE 1/4 sell 2 @ 101 left 2
        > new 5 buy 2 @ 101 stop 102
        ACCEPTED 5 buy 2 @ 101 left 2
    """,
    "without any trade nothing is elected, whatever the quotes say": """
        . new 1 sell 5 @ 101
        > new 4 buy 2 stop 99
        ACCEPTED 4 buy 2 @ 0 left 2
        > new 5 buy 2 @ 100
        ACCEPTED 5 buy 2 @ 100 left 2
    """,
    "one stop sets off the next": """
        . new 1 sell 1 @ 101
        . new 2 sell 1 @ 102
        . new 3 sell 1 @ 103
        . new 11 buy 1 stop 102
        . new 12 buy 1 stop 101
        > new 5 buy 1 @ 101
        ACCEPTED 5 buy 1 @ 101 left 0
        TRADE 1/5 sell 1 @ 101 left 0
        TRIGGERED 12 buy 1 @ 101 left 0
        TRADE 2/12 sell 1 @ 102 left 0
        TRIGGERED 11 buy 1 @ 102 left 0
        TRADE 3/11 sell 1 @ 103 left 0
    """,
}

ORDER = {
    "the lowest buy stop first, at one price the oldest": """
        . new 1 sell 9 @ 103
        . new 11 buy 1 stop 103
        . new 12 buy 1 stop 102
        . new 13 buy 1 stop 102
        > new 5 buy 1 @ 103
        ACCEPTED 5 buy 1 @ 103 left 0
        TRADE 1/5 sell 1 @ 103 left 8
        TRIGGERED 12 buy 1 @ 102 left 0
        TRADE 1/12 sell 1 @ 103 left 7
        TRIGGERED 13 buy 1 @ 102 left 0
        TRADE 1/13 sell 1 @ 103 left 6
        TRIGGERED 11 buy 1 @ 103 left 0
        TRADE 1/11 sell 1 @ 103 left 5
    """,
    "of the first buy and the first sell the one that arrived earlier": """
        . new 1 sell 1 @ 104
        . new 2 buy 1 @ 104
        . new 3 sell 1 @ 102
        . new 4 sell 9 @ 106
        . new 5 buy 9 @ 90
        . new 11 sell 1 stop 101
        . new 12 buy 1 stop 106
        . new 13 sell 1 stop 102
        > new 6 buy 2 @ 106
        ACCEPTED 6 buy 2 @ 106 left 0
        TRADE 3/6 sell 1 @ 102 left 0
        TRADE 4/6 sell 1 @ 106 left 8
        TRIGGERED 12 buy 1 @ 106 left 0
        TRADE 4/12 sell 1 @ 106 left 7
        TRIGGERED 13 sell 1 @ 102 left 0
        TRADE 5/13 buy 1 @ 90 left 8
        TRIGGERED 11 sell 1 @ 101 left 0
        TRADE 5/11 buy 1 @ 90 left 7
    """,
}

WAITING = {
    "its id is taken, and it can be cancelled and reduced": """
        . new 4 buy 6 stop 102
        . new 5 buy 6 @ 103 stop 102
        > new 4 buy 1 @ 100
        REJECTED DUPLICATE_ID 4
        > reduce 4 2
        REDUCED 4 buy 2 @ 0 left 4
        > reduce 5 2
        REDUCED 5 buy 2 @ 103 left 4
        > reduce 4 4
        CANCELLED REQUESTED 4 buy 4 @ 0 left 0
        > cancel 5
        CANCELLED REQUESTED 5 buy 4 @ 103 left 0
        > cancel 5
        REJECTED UNKNOWN_ORDER 5
    """,
    "a replace changes limit, size and id, and keeps stop price and arrival": """
        . new 1 sell 9 @ 102
        . new 4 buy 1 @ 101 stop 102
        . new 5 buy 1 stop 102
        > replace 4 3 @ 103 as 8
        REPLACED 8/4 buy 3 @ 103 left 3
        > new 6 buy 1 @ 102
        ACCEPTED 6 buy 1 @ 102 left 0
        TRADE 1/6 sell 1 @ 102 left 8
        TRIGGERED 8 buy 3 @ 102 left 0
        TRADE 1/8 sell 3 @ 102 left 5
        TRIGGERED 5 buy 1 @ 102 left 0
        TRADE 1/5 sell 1 @ 102 left 4
    """,
    "the price of a replace means nothing to a stop": """
        . new 4 buy 1 stop 102
        > replace 4 2 @ 111 as 5
        REPLACED 5/4 buy 2 @ 0 left 2
    """,
    "a replace is still checked": """
        . new 4 buy 1 @ 101 stop 102
        . new 5 buy 1 @ 90
        > replace 4 0 @ 101
        REJECTED BAD_SIZE 4
        > replace 4 1 @ 101 as 5
        REJECTED DUPLICATE_ID 4
        > replace 9 1 @ 101
        REJECTED UNKNOWN_ORDER 9
    """,
    "its time limit works while it waits": """
        . new 4 buy 6 stop 102 gtd 50 at 1
        . new 5 buy 6 @ 103 stop 102 gtd 50 at 1
        > cancel 9 at 50
        EXPIRED TIME_LIMIT 4 buy 6 @ 0 left 0
        EXPIRED TIME_LIMIT 5 buy 6 @ 103 left 0
        REJECTED UNKNOWN_ORDER 9
    """,
    "its time limit goes with a stop-limit into the book": """
        . new 1 sell 1 @ 102
        . new 4 buy 6 @ 102 stop 102 gtd 50 at 1
        . new 6 buy 1 @ 102 at 2
        > cancel 4 at 50
        EXPIRED TIME_LIMIT 4 buy 6 @ 102 left 0
        REJECTED UNKNOWN_ORDER 4
    """,
    "nobody can trade with it": """
        . new 4 buy 6 @ 103 stop 102
        > new 5 sell 1 @ 100
        ACCEPTED 5 sell 1 @ 100 left 1
    """,
}

REDUCE_ONLY = {
    "with nothing left to reduce it is cancelled instead of triggered": """
        . new 1 sell 2 @ 101
        . new 2 buy 2 @ 101 owner 1
        . new 3 buy 5 @ 99
        > new 4 sell 9 stop 99 owner 1 reduce-only
        ACCEPTED 4 sell 2 @ 0 left 2
        > new 5 sell 2 @ 99 owner 1
        ACCEPTED 5 sell 2 @ 99 left 0
        TRADE 3/5 buy 2 @ 99 left 3
        CANCELLED REDUCE_ONLY 4 sell 2 @ 0 left 0
    """,
    "with less to reduce it is cut": """
        . new 1 sell 4 @ 101
        . new 2 buy 4 @ 101 owner 1
        . new 3 buy 5 @ 99
        . new 4 sell 4 stop 99 owner 1 reduce-only
        > new 5 sell 3 @ 99 owner 1
        ACCEPTED 5 sell 3 @ 99 left 0
        TRADE 3/5 buy 3 @ 99 left 2
        TRIGGERED 4 sell 1 @ 99 left 0
        TRADE 3/4 buy 1 @ 99 left 1
    """,
    "without a position it is not taken at all": """
        > new 4 sell 4 stop 99 owner 1 reduce-only
        REJECTED REDUCE_ONLY 4
    """,
}

PHASES = {
    "the last trade is not forgotten by a phase": """
        . new 1 sell 5 @ 101
        . new 2 buy 1 @ 101
        . phase halt
        . phase continuous
        > new 4 buy 2 stop 101
        ACCEPTED 4 buy 2 @ 0 left 2
        TRIGGERED 4 buy 2 @ 101 left 0
        TRADE 1/4 sell 2 @ 101 left 2
    """,
    "an auction elects, after all its trades": """
        . new 1 sell 5 @ 103
        . new 4 buy 2 stop 102
        . phase auction
        . new 5 sell 1 @ 102
        . new 6 buy 1 @ 102
        > phase continuous reference 100
        PHASE_CHANGED CONTINUOUS @ 100
        TRADE AUCTION 5/6 sell 1 @ 102 left 0
        TRIGGERED 4 buy 2 @ 102 left 0
        TRADE 1/4 sell 2 @ 103 left 3
    """,
    "elected by the closing auction it enters when trading goes on": """
        . new 1 sell 5 @ 103
        . new 4 buy 2 stop 102
        . phase auction
        . new 5 sell 1 @ 102
        . new 6 buy 1 @ 102
        > phase closed reference 100
        PHASE_CHANGED CLOSED @ 100
        TRADE AUCTION 5/6 sell 1 @ 102 left 0
        > reduce 4 1
        REDUCED 4 buy 1 @ 0 left 1
        > phase continuous reference 100
        PHASE_CHANGED CONTINUOUS @ 100
        TRIGGERED 4 buy 1 @ 102 left 0
        TRADE 1/4 sell 1 @ 103 left 4
    """,
}


@pytest.mark.parametrize("story", ELECTION | ORDER)
def test_election_of_stops(story: str, play: PlayExample) -> None:
    play((ELECTION | ORDER)[story])


@pytest.mark.parametrize("story", WAITING)
def test_a_stop_that_waits(story: str, play: PlayExample) -> None:
    play(WAITING[story])


@pytest.mark.parametrize("story", REDUCE_ONLY)
def test_a_reduce_only_stop(story: str, play: PlayExample) -> None:
    play(REDUCE_ONLY[story])


@pytest.mark.parametrize("story", PHASES)
def test_a_stop_and_the_phases(story: str, play: PlayExample) -> None:
    play(PHASES[story], mirror=False)
