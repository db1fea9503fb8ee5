"""Pro-rata and top-N allocation, worked out by hand from section 1b of docs/rules.md."""

from __future__ import annotations

import pytest

from tests.lobsim.core.types.conftest import PlayExample

THREE = """
    . new 1 sell 10 @ 101
    . new 2 sell 20 @ 101
    . new 3 sell 30 @ 101
"""

PRO_RATA = {
    "shares in proportion": """
        > new 9 buy 30 @ 101
        ACCEPTED 9 buy 30 @ 101 left 0
        TRADE 1/9 sell 5 @ 101 left 5
        TRADE 2/9 sell 10 @ 101 left 10
        TRADE 3/9 sell 15 @ 101 left 15
    """,
    "what the floors leave goes to the first": """
        > new 9 buy 31 @ 101
        ACCEPTED 9 buy 31 @ 101 left 0
        TRADE 1/9 sell 6 @ 101 left 4
        TRADE 2/9 sell 10 @ 101 left 10
        TRADE 3/9 sell 15 @ 101 left 15
    """,
    "a share of nothing is no trade": """
        > new 9 buy 1 @ 101
        ACCEPTED 9 buy 1 @ 101 left 0
        TRADE 1/9 sell 1 @ 101 left 9
    """,
    "with enough for all each gets its size and the next level follows": """
        . new 4 sell 4 @ 102
        . new 5 sell 4 @ 102
        > new 9 buy 63 @ 102
        ACCEPTED 9 buy 63 @ 102 left 0
        TRADE 1/9 sell 10 @ 101 left 0
        TRADE 2/9 sell 20 @ 101 left 0
        TRADE 3/9 sell 30 @ 101 left 0
        TRADE 4/9 sell 2 @ 102 left 2
        TRADE 5/9 sell 1 @ 102 left 3
    """,
}

PRO_RATA_ALONE = {
    "what the floors leave goes to each as far as its size": """
        . new 1 sell 1 @ 101
        . new 2 sell 1 @ 101
        . new 3 sell 1 @ 101
        > new 9 buy 2 @ 101
        ACCEPTED 9 buy 2 @ 101 left 0
        TRADE 1/9 sell 1 @ 101 left 0
        TRADE 2/9 sell 1 @ 101 left 0
    """,
    "the first may take all of what the floors leave": """
        . new 1 sell 7 @ 101
        . new 2 sell 7 @ 101
        . new 3 sell 7 @ 101
        > new 9 buy 5 @ 101
        ACCEPTED 9 buy 5 @ 101 left 0
        TRADE 1/9 sell 3 @ 101 left 4
        TRADE 2/9 sell 1 @ 101 left 6
        TRADE 3/9 sell 1 @ 101 left 6
    """,
    "icebergs refresh after the round, and another round follows": """
        . new 1 sell 10 @ 101 display 4
        . new 2 sell 4 @ 101
        . new 3 sell 9 @ 101 display 2
        > new 9 buy 13 @ 101
        ACCEPTED 9 buy 13 @ 101 left 0
        TRADE 1/9 sell 4 @ 101 left 6
        TRADE 2/9 sell 4 @ 101 left 0
        TRADE 3/9 sell 2 @ 101 left 7
        REFRESHED 1 sell 4 @ 101 left 6
        REFRESHED 3 sell 2 @ 101 left 7
        TRADE 1/9 sell 2 @ 101 left 4
        TRADE 3/9 sell 1 @ 101 left 6
    """,
    "an iceberg used up by a share refreshes too": """
        . new 1 sell 3 @ 101 display 1
        . new 2 sell 9 @ 101
        > new 9 buy 5 @ 101
        ACCEPTED 9 buy 5 @ 101 left 0
        TRADE 1/9 sell 1 @ 101 left 2
        TRADE 2/9 sell 4 @ 101 left 5
        REFRESHED 1 sell 1 @ 101 left 2
        > new 8 buy 1 @ 101
        ACCEPTED 8 buy 1 @ 101 left 0
        TRADE 2/8 sell 1 @ 101 left 4
    """,
    "hidden orders are served one by one behind the displayed": """
        . new 1 sell 5 @ 101 hidden
        . new 2 sell 5 @ 101 hidden
        . new 3 sell 4 @ 101 display 2
        > new 9 buy 10 @ 101
        ACCEPTED 9 buy 10 @ 101 left 0
        TRADE 3/9 sell 2 @ 101 left 2
        REFRESHED 3 sell 2 @ 101 left 2
        TRADE 3/9 sell 2 @ 101 left 0
        TRADE 1/9 sell 5 @ 101 left 0
        TRADE 2/9 sell 1 @ 101 left 4
    """,
    "sizes end at 2147483647": """
        > new 1 sell 2147483648 @ 101
        REJECTED BAD_SIZE 1
        > new 1 sell 2147483647 @ 101
        ACCEPTED 1 sell 2147483647 @ 101 left 2147483647
        > new 2 sell 2147483647 @ 101
        ACCEPTED 2 sell 2147483647 @ 101 left 2147483647
        > replace 1 2147483648 @ 101
        REJECTED BAD_SIZE 1
        > new 3 buy 2147483647 @ 101
        ACCEPTED 3 buy 2147483647 @ 101 left 0
        TRADE 1/3 sell 1073741824 @ 101 left 1073741823
        TRADE 2/3 sell 1073741823 @ 101 left 1073741824
    """,
    "reduce-only may not rest but may take": """
        . new 1 sell 4 @ 101
        . new 2 buy 4 @ 101 owner 1
        . new 3 buy 9 @ 99
        > new 5 sell 4 @ 101 owner 1 reduce-only
        REJECTED BAD_FIELD 5
        > new 5 sell 4 to-limit owner 1 reduce-only
        REJECTED BAD_FIELD 5
        > new 5 sell 4 @ 90 stop 90 owner 1 reduce-only
        REJECTED BAD_FIELD 5
        > new 5 sell 1 stop 90 owner 1 reduce-only
        ACCEPTED 5 sell 1 @ 0 left 1
        > new 6 sell 9 @ 99 ioc owner 1 reduce-only
        ACCEPTED 6 sell 4 @ 99 left 0
        TRADE 3/6 buy 4 @ 99 left 5
    """,
}

TOP = [
    pytest.param(
        1,
        """
        > new 9 buy 30 @ 101
        ACCEPTED 9 buy 30 @ 101 left 0
        TRADE 1/9 sell 10 @ 101 left 0
        TRADE 2/9 sell 8 @ 101 left 12
        TRADE 3/9 sell 12 @ 101 left 18
        """,
        id="the first in full, the others share",
    ),
    pytest.param(
        2,
        """
        > new 9 buy 15 @ 101
        ACCEPTED 9 buy 15 @ 101 left 0
        TRADE 1/9 sell 10 @ 101 left 0
        TRADE 2/9 sell 5 @ 101 left 15
        """,
        id="nothing left for the others",
    ),
    pytest.param(
        5,
        """
        > new 9 buy 31 @ 101
        ACCEPTED 9 buy 31 @ 101 left 0
        TRADE 1/9 sell 10 @ 101 left 0
        TRADE 2/9 sell 20 @ 101 left 0
        TRADE 3/9 sell 1 @ 101 left 29
        """,
        id="more first orders than there are",
    ),
    pytest.param(
        0,
        """
        > new 9 buy 31 @ 101
        ACCEPTED 9 buy 31 @ 101 left 0
        TRADE 1/9 sell 6 @ 101 left 4
        TRADE 2/9 sell 10 @ 101 left 10
        TRADE 3/9 sell 15 @ 101 left 15
        """,
        id="no first orders: pro rata",
    ),
]

SELF_TRADE = [
    pytest.param(
        "CANCEL_NEWEST",
        """
        . new 1 sell 4 @ 101
        . new 2 sell 4 @ 102
        . new 3 sell 4 @ 102 owner 1
        > new 9 buy 5 @ 102 fok owner 1
        REJECTED FOK_NOT_FILLABLE 9
        > new 9 buy 10 @ 102 owner 1
        ACCEPTED 9 buy 10 @ 102 left 0
        TRADE 1/9 sell 4 @ 101 left 0
        CANCELLED SELF_TRADE 9 buy 6 @ 102 left 0
        """,
        id="the newest ends in front of the level",
    ),
    pytest.param(
        "CANCEL_OLDEST",
        """
        . new 1 sell 4 @ 101 owner 1
        . new 2 sell 4 @ 101
        . new 3 sell 7 @ 101 owner 1 display 2
        . new 4 sell 4 @ 101
        . new 5 sell 1 @ 101 owner 1 hidden
        > new 9 buy 5 @ 101 owner 1
        ACCEPTED 9 buy 5 @ 101 left 0
        CANCELLED SELF_TRADE 1 sell 4 @ 101 left 0
        CANCELLED SELF_TRADE 3 sell 7 @ 101 left 0
        CANCELLED SELF_TRADE 5 sell 1 @ 101 left 0
        TRADE 2/9 sell 3 @ 101 left 1
        TRADE 4/9 sell 2 @ 101 left 2
        """,
        id="all own orders of the level go before anything is shared",
    ),
    pytest.param(
        "CANCEL_BOTH",
        """
        . new 1 sell 4 @ 101
        . new 2 sell 4 @ 101 owner 1 hidden
        > new 9 buy 1 @ 101 owner 1
        ACCEPTED 9 buy 1 @ 101 left 0
        CANCELLED SELF_TRADE 2 sell 4 @ 101 left 0
        CANCELLED SELF_TRADE 9 buy 1 @ 101 left 0
        """,
        id="a hidden own order counts, and both go",
    ),
]


@pytest.mark.parametrize("story", PRO_RATA)
def test_pro_rata_among_three(story: str, play: PlayExample) -> None:
    play(THREE + PRO_RATA[story], "allocation=PRO_RATA")


@pytest.mark.parametrize("story", PRO_RATA_ALONE)
def test_pro_rata(story: str, play: PlayExample) -> None:
    play(PRO_RATA_ALONE[story], "allocation=PRO_RATA")


@pytest.mark.parametrize(("top", "story"), TOP)
def test_top_orders_among_three(top: int, story: str, play: PlayExample) -> None:
    play(THREE + story, f"allocation=TOP_N top_orders={top}")


@pytest.mark.parametrize(("mode", "story"), SELF_TRADE)
@pytest.mark.parametrize("allocation", ["allocation=PRO_RATA", "allocation=TOP_N top_orders=0"])
def test_self_trade_prevention_acts_when_a_level_is_entered(
    allocation: str, mode: str, story: str, play: PlayExample
) -> None:
    play(story, f"{allocation} self_trade={mode}")
