"""Self-trade prevention in all its modes, worked out by hand from section 1b of docs/rules.md."""

from __future__ import annotations

import pytest

from tests.lobsim.core.types.conftest import PlayExample

STAGE = """
    . new 1 sell 3 @ 101
    . new 2 sell 4 @ 101 owner 1
    . new 3 sell 5 @ 101
"""

MODES = {
    "NONE": """
        > new 9 buy 8 @ 101 owner 1
        ACCEPTED 9 buy 8 @ 101 left 0
        TRADE 1/9 sell 3 @ 101 left 0
        TRADE 2/9 sell 4 @ 101 left 0
        TRADE 3/9 sell 1 @ 101 left 4
    """,
    "CANCEL_NEWEST": """
        > new 9 buy 8 @ 101 owner 1
        ACCEPTED 9 buy 8 @ 101 left 0
        TRADE 1/9 sell 3 @ 101 left 0
        CANCELLED SELF_TRADE 9 buy 5 @ 101 left 0
        > new 8 buy 5 market owner 1
        ACCEPTED 8 buy 5 @ 0 left 0
        CANCELLED SELF_TRADE 8 buy 5 @ 0 left 0
        > new 7 buy 5 @ 101 ioc owner 2
        ACCEPTED 7 buy 5 @ 101 left 0
        TRADE 2/7 sell 4 @ 101 left 0
        TRADE 3/7 sell 1 @ 101 left 4
    """,
    "CANCEL_OLDEST": """
        > new 9 buy 9 @ 101 owner 1
        ACCEPTED 9 buy 9 @ 101 left 1
        TRADE 1/9 sell 3 @ 101 left 0
        CANCELLED SELF_TRADE 2 sell 4 @ 101 left 0
        TRADE 3/9 sell 5 @ 101 left 0
    """,
    "CANCEL_BOTH": """
        > new 9 buy 8 @ 101 owner 1
        ACCEPTED 9 buy 8 @ 101 left 0
        TRADE 1/9 sell 3 @ 101 left 0
        CANCELLED SELF_TRADE 2 sell 4 @ 101 left 0
        CANCELLED SELF_TRADE 9 buy 5 @ 101 left 0
        > new 8 buy 6 @ 101
        ACCEPTED 8 buy 6 @ 101 left 1
        TRADE 3/8 sell 5 @ 101 left 0
    """,
    "DECREMENT": """
        > new 9 buy 9 @ 101 owner 1
        ACCEPTED 9 buy 9 @ 101 left 0
        TRADE 1/9 sell 3 @ 101 left 0
        REDUCED SELF_TRADE 2 sell 4 @ 101 left 0
        REDUCED SELF_TRADE 9 buy 4 @ 101 left 2
        TRADE 3/9 sell 2 @ 101 left 3
    """,
}

DECREMENT = {
    "the smaller taker is done": """
        . new 1 sell 5 @ 101 owner 1
        > new 9 buy 3 market owner 1
        ACCEPTED 9 buy 3 @ 0 left 0
        REDUCED SELF_TRADE 1 sell 3 @ 101 left 2
        REDUCED SELF_TRADE 9 buy 3 @ 0 left 0
        > new 8 buy 3 @ 101
        ACCEPTED 8 buy 3 @ 101 left 1
        TRADE 1/8 sell 2 @ 101 left 0
    """,
    "equal sizes: both are gone and nothing more is said": """
        . new 1 sell 5 @ 101 owner 1
        > new 9 buy 5 @ 101 owner 1
        ACCEPTED 9 buy 5 @ 101 left 0
        REDUCED SELF_TRADE 1 sell 5 @ 101 left 0
        REDUCED SELF_TRADE 9 buy 5 @ 101 left 0
        > cancel 1
        REJECTED UNKNOWN_ORDER 1
    """,
    "an iceberg loses what it shows, refreshes and is met again": """
        . new 1 sell 7 @ 101 owner 1 display 3
        . new 2 sell 1 @ 101
        > new 9 buy 6 @ 101 owner 1
        ACCEPTED 9 buy 6 @ 101 left 0
        REDUCED SELF_TRADE 1 sell 3 @ 101 left 4
        REDUCED SELF_TRADE 9 buy 3 @ 101 left 3
        REFRESHED 1 sell 3 @ 101 left 4
        TRADE 2/9 sell 1 @ 101 left 0
        REDUCED SELF_TRADE 1 sell 2 @ 101 left 2
        REDUCED SELF_TRADE 9 buy 2 @ 101 left 0
    """,
    "positions do not move": """
        . new 1 sell 5 @ 101 owner 1
        . new 9 buy 5 @ 101 owner 1
        > new 8 buy 1 @ 90 owner 1 reduce-only
        REJECTED REDUCE_ONLY 8
    """,
}

ELSEWHERE = [
    pytest.param(
        "CANCEL_OLDEST",
        """
        . new 1 sell 7 @ 101 owner 1 display 3
        > new 9 buy 2 @ 101 owner 1
        ACCEPTED 9 buy 2 @ 101 left 2
        CANCELLED SELF_TRADE 1 sell 7 @ 101 left 0
        """,
        id="a cancelled maker reports its reserve",
    ),
    pytest.param(
        "CANCEL_NEWEST",
        """
        . new 1 sell 2 @ 101
        . new 2 sell 2 @ 102 owner 1
        . new 9 buy 5 @ 100 owner 1
        > replace 9 5 @ 102 as 8
        TRADE 1/8 sell 2 @ 101 left 0
        CANCELLED SELF_TRADE 8 buy 3 @ 102 left 0
        REPLACED 8/9 buy 5 @ 102 left 0
        > cancel 8
        REJECTED UNKNOWN_ORDER 8
        """,
        id="a replace that is cancelled reports itself last",
    ),
    pytest.param(
        "DECREMENT",
        """
        . new 2 sell 2 @ 102 owner 1
        . new 9 buy 5 @ 100 owner 1
        > replace 9 5 @ 102 as 8
        REDUCED SELF_TRADE 2 sell 2 @ 102 left 0
        REDUCED SELF_TRADE 8 buy 2 @ 102 left 3
        REPLACED 8/9 buy 5 @ 102 left 3
        """,
        id="a replace that is decremented rests with what is left",
    ),
    pytest.param(
        "CANCEL_NEWEST",
        """
        . new 1 sell 2 @ 101
        . new 2 sell 2 @ 101 owner 1
        . new 3 sell 2 @ 101 hidden
        > new 9 buy 2 @ 102 fok owner 1
        ACCEPTED 9 buy 2 @ 102 left 0
        TRADE 1/9 sell 2 @ 101 left 0
        > new 8 buy 1 @ 102 fok owner 1
        REJECTED FOK_NOT_FILLABLE 8
        > new 7 buy 4 @ 102 fok owner 2
        ACCEPTED 7 buy 4 @ 102 left 0
        TRADE 2/7 sell 2 @ 101 left 0
        TRADE 3/7 sell 2 @ 101 left 0
        """,
        id="an own order ends what fill or kill counts",
    ),
    pytest.param(
        "CANCEL_NEWEST",
        """
        . new 1 sell 6 @ 101 display 2
        . new 2 sell 2 @ 101 owner 1
        > new 9 buy 3 @ 101 fok owner 1
        REJECTED FOK_NOT_FILLABLE 9
        > new 9 buy 2 @ 101 fok owner 1
        ACCEPTED 9 buy 2 @ 101 left 0
        TRADE 1/9 sell 2 @ 101 left 4
        REFRESHED 1 sell 2 @ 101 left 4
        """,
        id="a reserve in front of a displayed own order does not count",
    ),
    pytest.param(
        "CANCEL_BOTH",
        """
        . new 1 sell 6 @ 101 display 2
        . new 2 sell 1 @ 101 hidden
        . new 3 sell 2 @ 101 owner 1 hidden
        > new 9 buy 8 @ 101 fok owner 1
        REJECTED FOK_NOT_FILLABLE 9
        > new 9 buy 7 @ 101 ioc owner 1 min 7
        ACCEPTED 9 buy 7 @ 101 left 0
        TRADE 1/9 sell 2 @ 101 left 4
        REFRESHED 1 sell 2 @ 101 left 4
        TRADE 1/9 sell 2 @ 101 left 2
        REFRESHED 1 sell 2 @ 101 left 2
        TRADE 1/9 sell 2 @ 101 left 0
        TRADE 2/9 sell 1 @ 101 left 0
        """,
        id="a hidden own order ends the count behind every reserve",
    ),
    pytest.param(
        "CANCEL_OLDEST",
        """
        . new 1 sell 2 @ 101 owner 1
        . new 2 sell 2 @ 102
        > new 9 buy 3 @ 102 fok owner 1
        REJECTED FOK_NOT_FILLABLE 9
        > new 9 buy 2 @ 102 fok owner 1
        ACCEPTED 9 buy 2 @ 102 left 0
        CANCELLED SELF_TRADE 1 sell 2 @ 101 left 0
        TRADE 2/9 sell 2 @ 102 left 0
        """,
        id="cancelling the oldest leaves own orders out of the count",
    ),
    pytest.param(
        "CANCEL_NEWEST",
        """
        . new 1 sell 2 @ 101
        . new 2 sell 3 @ 101
        > new 9 buy 3 @ 101
        ACCEPTED 9 buy 3 @ 101 left 0
        TRADE 1/9 sell 2 @ 101 left 0
        TRADE 2/9 sell 1 @ 101 left 2
        """,
        id="owner 0 is nobody's owner",
    ),
    pytest.param(
        "CANCEL_NEWEST",
        """
        . new 1 sell 2 @ 101
        . new 2 sell 2 @ 102 owner 1
        . new 4 buy 3 stop 101 owner 1
        > new 9 buy 1 @ 101
        ACCEPTED 9 buy 1 @ 101 left 0
        TRADE 1/9 sell 1 @ 101 left 1
        TRIGGERED 4 buy 3 @ 101 left 0
        TRADE 1/4 sell 1 @ 101 left 0
        CANCELLED SELF_TRADE 4 buy 2 @ 0 left 0
        """,
        id="a triggered stop is a taker like any other",
    ),
]


@pytest.mark.parametrize("mode", MODES)
def test_a_taker_meets_its_owner(mode: str, play: PlayExample) -> None:
    play(STAGE + MODES[mode], f"self_trade={mode}")


@pytest.mark.parametrize("story", DECREMENT)
def test_decrement(story: str, play: PlayExample) -> None:
    play(DECREMENT[story], "self_trade=DECREMENT")


@pytest.mark.parametrize(("mode", "story"), ELSEWHERE)
def test_prevention_elsewhere(mode: str, story: str, play: PlayExample) -> None:
    play(story, f"self_trade={mode}")
