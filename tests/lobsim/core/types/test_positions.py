"""Positions and reduce-only orders, worked out by hand from section 1b of docs/rules.md."""

from __future__ import annotations

import pytest

from tests.lobsim.core.types.conftest import PlayExample

LONG_FOUR = """
    . new 901 sell 4 @ 101
    . new 902 buy 4 @ 101 owner 1
"""
"""Owner 1 is long 4."""

ARRIVING = {
    "only the side that brings the position nearer to 0": """
        > new 1 buy 2 @ 99 owner 1 reduce-only
        REJECTED REDUCE_ONLY 1
        > new 1 sell 2 @ 105 owner 1 reduce-only
        ACCEPTED 1 sell 2 @ 105 left 2
        > new 2 sell 2 @ 105 owner 2 reduce-only
        REJECTED REDUCE_ONLY 2
    """,
    "it is cut to the position, and says so": """
        . new 1 buy 3 @ 100
        > new 2 sell 9 @ 100 owner 1 reduce-only
        ACCEPTED 2 sell 4 @ 100 left 1
        TRADE 1/2 buy 3 @ 100 left 0
    """,
    "a market order is cut too, and its minimum with it": """
        . new 1 buy 9 @ 100
        > new 2 sell 9 market owner 1 reduce-only min 7
        ACCEPTED 2 sell 4 @ 0 left 0
        TRADE 1/2 buy 4 @ 100 left 5
        > new 3 sell 1 market owner 1 reduce-only
        REJECTED REDUCE_ONLY 3
    """,
    "fill or kill asks for the cut size only": """
        . new 1 buy 4 @ 100
        > new 2 sell 9 @ 100 fok owner 1 reduce-only
        ACCEPTED 2 sell 4 @ 100 left 0
        TRADE 1/2 buy 4 @ 100 left 0
    """,
    "it needs an owner": """
        > new 2 sell 1 @ 100 reduce-only
        REJECTED BAD_FIELD 2
    """,
    "market-to-limit may be reduce-only": """
        . new 1 buy 1 @ 100
        > new 2 sell 9 to-limit owner 1 reduce-only
        ACCEPTED 2 sell 4 @ 100 left 3
        TRADE 1/2 buy 1 @ 100 left 0
    """,
}

RESTING = {
    "met without a position it is cancelled and the taker goes on": """
        . new 1 sell 4 @ 101 owner 1 reduce-only
        . new 2 sell 4 @ 102
        . new 3 buy 4 @ 100
        . new 4 sell 4 @ 100 owner 1
        > new 5 buy 5 @ 102
        ACCEPTED 5 buy 5 @ 102 left 1
        CANCELLED REDUCE_ONLY 1 sell 4 @ 101 left 0
        TRADE 2/5 sell 4 @ 102 left 0
    """,
    "met with less of one it is cut first": """
        . new 1 sell 4 @ 101 owner 1 reduce-only
        . new 3 buy 3 @ 100
        . new 4 sell 3 @ 100 owner 1
        > new 5 buy 5 @ 101
        ACCEPTED 5 buy 5 @ 101 left 4
        REDUCED REDUCE_ONLY 1 sell 3 @ 101 left 1
        TRADE 1/5 sell 1 @ 101 left 0
    """,
    "the cut takes reserve first": """
        . new 1 sell 4 @ 101 owner 1 reduce-only display 2
        . new 3 buy 1 @ 100
        . new 4 sell 1 @ 100 owner 1
        > new 5 buy 2 @ 101
        ACCEPTED 5 buy 2 @ 101 left 0
        REDUCED REDUCE_ONLY 1 sell 1 @ 101 left 3
        TRADE 1/5 sell 2 @ 101 left 1
        REFRESHED 1 sell 1 @ 101 left 1
    """,
    "its own trades shrink what it may do": """
        . new 1 sell 3 @ 101 owner 1 reduce-only
        . new 2 sell 3 @ 102 owner 1 reduce-only
        > new 5 buy 6 @ 102
        ACCEPTED 5 buy 6 @ 102 left 2
        TRADE 1/5 sell 3 @ 101 left 0
        REDUCED REDUCE_ONLY 2 sell 2 @ 102 left 1
        TRADE 2/5 sell 1 @ 102 left 0
    """,
    "fill or kill does not count on it": """
        . new 1 sell 4 @ 101 owner 1 reduce-only
        . new 2 sell 4 @ 102
        > new 5 buy 5 @ 102 fok
        REJECTED FOK_NOT_FILLABLE 5
        > new 5 buy 4 @ 102 fok
        ACCEPTED 5 buy 4 @ 102 left 0
        TRADE 1/5 sell 4 @ 101 left 0
    """,
    "post only does not trade with it": """
        . new 1 sell 4 @ 101 owner 1 reduce-only
        > new 5 buy 5 @ 101 post
        REJECTED POST_ONLY_WOULD_TRADE 5
    """,
    "a replace that enters anew is cut to the position": """
        . new 1 sell 4 @ 105 owner 1 reduce-only
        > replace 1 9 @ 104
        REPLACED 1/1 sell 4 @ 104 left 4
        . new 3 buy 4 @ 100
        . new 4 sell 4 @ 100 owner 1
        > replace 1 2 @ 103
        REJECTED REDUCE_ONLY 1
        > replace 1 2 @ 104
        REPLACED 1/1 sell 2 @ 104 left 2
    """,
}

MOVES = {
    "a position passes through 0 and turns": """
        . new 1 buy 9 @ 100
        . new 2 sell 6 @ 100 owner 1
        > new 3 sell 1 @ 105 owner 1 reduce-only
        REJECTED REDUCE_ONLY 3
        > new 3 buy 9 @ 90 owner 1 reduce-only
        ACCEPTED 3 buy 2 @ 90 left 2
    """,
    "the maker's owner has one as well": """
        . new 1 buy 9 @ 100 owner 2
        . new 2 sell 6 @ 100 owner 1
        > new 3 sell 9 @ 105 owner 2 reduce-only
        ACCEPTED 3 sell 6 @ 105 left 6
    """,
    "a trade with oneself moves nothing": """
        . new 1 buy 9 @ 100 owner 1
        . new 2 sell 6 @ 100 owner 1
        > new 3 sell 9 @ 105 owner 1 reduce-only
        ACCEPTED 3 sell 4 @ 105 left 4
    """,
}


@pytest.mark.parametrize("story", ARRIVING)
def test_a_reduce_only_order_arrives(story: str, play: PlayExample) -> None:
    play(LONG_FOUR + ARRIVING[story])


@pytest.mark.parametrize("story", RESTING)
def test_a_reduce_only_order_rests(story: str, play: PlayExample) -> None:
    play(LONG_FOUR + RESTING[story])


@pytest.mark.parametrize("story", MOVES)
def test_a_position_moves(story: str, play: PlayExample) -> None:
    play(LONG_FOUR + MOVES[story])


def test_the_cut_comes_before_self_trade_prevention(play: PlayExample) -> None:
    text = """
        . new 1 sell 4 @ 101 owner 1 reduce-only
        . new 3 buy 4 @ 100
        . new 4 sell 4 @ 100 owner 1
        > new 5 buy 2 @ 101 owner 1
        ACCEPTED 5 buy 2 @ 101 left 2
        CANCELLED REDUCE_ONLY 1 sell 4 @ 101 left 0
    """
    play(LONG_FOUR + text, "self_trade=CANCEL_NEWEST")
