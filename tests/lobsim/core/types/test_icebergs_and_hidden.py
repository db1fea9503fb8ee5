"""Icebergs and hidden orders, worked out by hand from section 1b of docs/rules.md."""

from __future__ import annotations

import pytest

from tests.lobsim.core.types.conftest import PlayExample

ICEBERGS = {
    "it trades on arrival with its whole size and shows a part of the rest": """
        . new 1 sell 6 @ 101
        > new 2 buy 20 @ 101 display 4
        ACCEPTED 2 buy 20 @ 101 left 14
        TRADE 1/2 sell 6 @ 101 left 0
        > new 3 sell 4 @ 101
        ACCEPTED 3 sell 4 @ 101 left 0
        TRADE 2/3 buy 4 @ 101 left 10
        REFRESHED 2 buy 4 @ 101 left 10
    """,
    "a refresh goes behind the displayed orders of its level": """
        . new 1 buy 10 @ 100 display 3
        . new 2 buy 5 @ 100
        > new 3 sell 9 @ 100
        ACCEPTED 3 sell 9 @ 100 left 0
        TRADE 1/3 buy 3 @ 100 left 7
        REFRESHED 1 buy 3 @ 100 left 7
        TRADE 2/3 buy 5 @ 100 left 0
        TRADE 1/3 buy 1 @ 100 left 6
    """,
    "the last refresh shows what is left and the last trade needs none": """
        . new 1 buy 7 @ 100 display 3
        > new 2 sell 9 @ 100
        ACCEPTED 2 sell 9 @ 100 left 2
        TRADE 1/2 buy 3 @ 100 left 4
        REFRESHED 1 buy 3 @ 100 left 4
        TRADE 1/2 buy 3 @ 100 left 1
        REFRESHED 1 buy 1 @ 100 left 1
        TRADE 1/2 buy 1 @ 100 left 0
    """,
    "a part of what is shown keeps the place": """
        . new 1 buy 10 @ 100 display 3
        . new 2 buy 5 @ 100
        > new 3 sell 2 @ 100
        ACCEPTED 3 sell 2 @ 100 left 0
        TRADE 1/3 buy 2 @ 100 left 8
        > new 4 sell 2 @ 100
        ACCEPTED 4 sell 2 @ 100 left 0
        TRADE 1/4 buy 1 @ 100 left 7
        REFRESHED 1 buy 3 @ 100 left 7
        TRADE 2/4 buy 1 @ 100 left 4
    """,
    "a taker that ends with the shown part still makes it refresh": """
        . new 1 buy 10 @ 100 display 3
        . new 2 buy 1 @ 100
        > new 3 sell 3 @ 100 ioc
        ACCEPTED 3 sell 3 @ 100 left 0
        TRADE 1/3 buy 3 @ 100 left 7
        REFRESHED 1 buy 3 @ 100 left 7
        > new 4 sell 2 @ 100
        ACCEPTED 4 sell 2 @ 100 left 0
        TRADE 2/4 buy 1 @ 100 left 0
        TRADE 1/4 buy 1 @ 100 left 6
    """,
    "a display as large as the size leaves an ordinary order": """
        . new 1 buy 5 @ 100 display 5
        > new 2 sell 5 @ 100
        ACCEPTED 2 sell 5 @ 100 left 0
        TRADE 1/2 buy 5 @ 100 left 0
    """,
    "reduce takes reserve first and then what is shown": """
        . new 1 buy 10 @ 100 display 4
        . new 2 buy 1 @ 100
        > reduce 1 5
        REDUCED 1 buy 5 @ 100 left 5
        > new 3 sell 4 @ 100
        ACCEPTED 3 sell 4 @ 100 left 0
        TRADE 1/3 buy 4 @ 100 left 1
        REFRESHED 1 buy 1 @ 100 left 1
        . new 4 buy 10 @ 99 display 4
        > reduce 4 8
        REDUCED 4 buy 8 @ 99 left 2
        > new 5 sell 5 @ 99
        ACCEPTED 5 sell 5 @ 99 left 1
        TRADE 2/5 buy 1 @ 100 left 0
        TRADE 1/5 buy 1 @ 100 left 0
        TRADE 4/5 buy 2 @ 99 left 0
    """,
    "reduce by the whole, reserve included, is a cancel": """
        . new 1 buy 10 @ 100 display 4
        > reduce 1 9
        REDUCED 1 buy 9 @ 100 left 1
        > reduce 1 1
        CANCELLED REQUESTED 1 buy 1 @ 100 left 0
        . new 2 buy 10 @ 100 display 4
        > reduce 2 10
        CANCELLED REQUESTED 2 buy 10 @ 100 left 0
    """,
    "cancel and expiry report the whole": """
        . new 1 buy 10 @ 100 display 4
        . new 2 buy 12 @ 100 display 5 gtd 50 at 1
        > cancel 1
        CANCELLED REQUESTED 1 buy 10 @ 100 left 0
        > cancel 1 at 50
        EXPIRED TIME_LIMIT 2 buy 12 @ 100 left 0
        REJECTED UNKNOWN_ORDER 1
    """,
    "a smaller replace keeps the place and takes reserve first": """
        . new 1 buy 10 @ 100 display 4
        . new 2 buy 5 @ 100
        > replace 1 4 @ 100 as 7
        REPLACED 7/1 buy 4 @ 100 left 4
        > new 3 sell 5 @ 100
        ACCEPTED 3 sell 5 @ 100 left 0
        TRADE 7/3 buy 4 @ 100 left 0
        TRADE 2/3 buy 1 @ 100 left 4
    """,
    "a replace to the same whole keeps the place though less is shown": """
        . new 1 buy 10 @ 100 display 4
        . new 2 buy 5 @ 100
        > replace 1 10 @ 100
        REPLACED 1/1 buy 10 @ 100 left 10
        > new 3 sell 1 @ 100
        ACCEPTED 3 sell 1 @ 100 left 0
        TRADE 1/3 buy 1 @ 100 left 9
    """,
    "a replace that enters anew shows its display again, trading first": """
        . new 1 buy 4 @ 100 display 3
        . new 2 sell 5 @ 102
        > replace 1 12 @ 102
        TRADE 2/1 sell 5 @ 102 left 0
        REPLACED 1/1 buy 12 @ 102 left 7
        > new 3 sell 3 @ 102
        ACCEPTED 3 sell 3 @ 102 left 0
        TRADE 1/3 buy 3 @ 102 left 4
        REFRESHED 1 buy 3 @ 102 left 4
    """,
    "fill or kill counts the reserve to the lot": """
        . new 1 buy 10 @ 100 display 2
        . new 2 buy 3 @ 99
        > new 3 sell 14 @ 99 fok
        REJECTED FOK_NOT_FILLABLE 3
        > new 3 sell 13 @ 99 fok
        ACCEPTED 3 sell 13 @ 99 left 0
        TRADE 1/3 buy 2 @ 100 left 8
        REFRESHED 1 buy 2 @ 100 left 8
        TRADE 1/3 buy 2 @ 100 left 6
        REFRESHED 1 buy 2 @ 100 left 6
        TRADE 1/3 buy 2 @ 100 left 4
        REFRESHED 1 buy 2 @ 100 left 4
        TRADE 1/3 buy 2 @ 100 left 2
        REFRESHED 1 buy 2 @ 100 left 2
        TRADE 1/3 buy 2 @ 100 left 0
        TRADE 2/3 buy 3 @ 99 left 0
    """,
    "two icebergs take turns": """
        . new 1 buy 4 @ 100 display 2
        . new 2 buy 3 @ 100 display 1
        > new 3 sell 6 @ 100
        ACCEPTED 3 sell 6 @ 100 left 0
        TRADE 1/3 buy 2 @ 100 left 2
        REFRESHED 1 buy 2 @ 100 left 2
        TRADE 2/3 buy 1 @ 100 left 2
        REFRESHED 2 buy 1 @ 100 left 2
        TRADE 1/3 buy 2 @ 100 left 0
        TRADE 2/3 buy 1 @ 100 left 1
        REFRESHED 2 buy 1 @ 100 left 1
    """,
}

HIDDEN = {
    "a displayed order that joins later stands in front": """
        . new 1 buy 5 @ 100 hidden
        . new 2 buy 5 @ 100
        > new 3 sell 7 @ 100
        ACCEPTED 3 sell 7 @ 100 left 0
        TRADE 2/3 buy 5 @ 100 left 0
        TRADE 1/3 buy 2 @ 100 left 3
    """,
    "hidden orders are first come first served, at a better price before displayed ones": """
        . new 1 buy 2 @ 101 hidden
        . new 2 buy 2 @ 101 hidden
        . new 3 buy 2 @ 100
        > new 4 sell 5 @ 100
        ACCEPTED 4 sell 5 @ 100 left 0
        TRADE 1/4 buy 2 @ 101 left 0
        TRADE 2/4 buy 2 @ 101 left 0
        TRADE 3/4 buy 1 @ 100 left 1
    """,
    "a reserve comes before hidden orders": """
        . new 1 buy 2 @ 100 hidden
        . new 2 buy 4 @ 100 display 2
        > new 3 sell 5 @ 100
        ACCEPTED 3 sell 5 @ 100 left 0
        TRADE 2/3 buy 2 @ 100 left 2
        REFRESHED 2 buy 2 @ 100 left 2
        TRADE 2/3 buy 2 @ 100 left 0
        TRADE 1/3 buy 1 @ 100 left 1
    """,
    "post only meets a hidden order": """
        . new 1 buy 5 @ 101 hidden
        . new 2 buy 5 @ 100
        > new 3 sell 1 @ 101 post
        REJECTED POST_ONLY_WOULD_TRADE 3
        > new 3 sell 1 @ 102 post
        ACCEPTED 3 sell 1 @ 102 left 1
    """,
    "a hidden order may be post only itself": """
        . new 1 buy 5 @ 100
        > new 2 sell 5 @ 100 post hidden
        REJECTED POST_ONLY_WOULD_TRADE 2
        > new 2 sell 5 @ 101 post hidden
        ACCEPTED 2 sell 5 @ 101 left 5
    """,
    "fill or kill counts hidden orders": """
        . new 1 buy 5 @ 100 hidden
        . new 2 buy 2 @ 100
        > new 3 sell 8 @ 100 fok
        REJECTED FOK_NOT_FILLABLE 3
        > new 3 sell 7 @ 100 fok
        ACCEPTED 3 sell 7 @ 100 left 0
        TRADE 2/3 buy 2 @ 100 left 0
        TRADE 1/3 buy 5 @ 100 left 0
    """,
    "replace: smaller keeps the place among the hidden, larger goes behind them and not before the displayed": """
        . new 1 buy 5 @ 100 hidden
        . new 2 buy 5 @ 100 hidden
        . new 3 buy 1 @ 100
        . replace 1 4 @ 100
        . replace 2 6 @ 100
        > new 4 sell 6 @ 100
        ACCEPTED 4 sell 6 @ 100 left 0
        TRADE 3/4 buy 1 @ 100 left 0
        TRADE 1/4 buy 4 @ 100 left 0
        TRADE 2/4 buy 1 @ 100 left 5
        . new 5 buy 3 @ 100 hidden
        . replace 2 6 @ 100
        > new 6 sell 4 @ 100
        ACCEPTED 6 sell 4 @ 100 left 0
        TRADE 5/6 buy 3 @ 100 left 0
        TRADE 2/6 buy 1 @ 100 left 5
    """,
    "a hidden order trades on arrival like any other": """
        . new 1 sell 3 @ 100
        > new 2 buy 5 @ 100 hidden
        ACCEPTED 2 buy 5 @ 100 left 2
        TRADE 1/2 sell 3 @ 100 left 0
    """,
}


@pytest.mark.parametrize("story", ICEBERGS)
def test_an_iceberg(story: str, play: PlayExample) -> None:
    play(ICEBERGS[story])


@pytest.mark.parametrize("story", HIDDEN)
def test_a_hidden_order(story: str, play: PlayExample) -> None:
    play(HIDDEN[story])
