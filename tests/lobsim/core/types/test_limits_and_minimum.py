"""Market-to-limit orders and minimum quantities, worked out by hand from section 1b of docs/rules.md."""

from __future__ import annotations

import pytest

from tests.lobsim.core.types.conftest import PlayExample

MARKET_TO_LIMIT = {
    "takes the best opposite price as its limit and rests there": """
        . new 1 sell 3 @ 101
        . new 2 sell 3 @ 102
        > new 3 buy 5 to-limit
        ACCEPTED 3 buy 5 @ 101 left 2
        TRADE 1/3 sell 3 @ 101 left 0
        > new 4 sell 1 @ 101
        ACCEPTED 4 sell 1 @ 101 left 0
        TRADE 3/4 buy 1 @ 101 left 1
    """,
    "is cancelled at price 0 where the other side is empty": """
        . new 1 buy 3 @ 99
        > new 3 buy 5 to-limit
        ACCEPTED 3 buy 5 @ 0 left 0
        CANCELLED NO_LIQUIDITY 3 buy 5 @ 0 left 0
    """,
    "finds a hidden price": """
        . new 1 sell 3 @ 101 hidden
        . new 2 sell 3 @ 102
        > new 3 buy 4 to-limit
        ACCEPTED 3 buy 4 @ 101 left 1
        TRADE 1/3 sell 3 @ 101 left 0
    """,
    "keeps its time limit and may be replaced like a limit order": """
        . new 1 sell 3 @ 101
        . new 3 buy 5 to-limit gtd 50 at 1
        > replace 3 1 @ 101 as 4
        REPLACED 4/3 buy 1 @ 101 left 1
        > cancel 9 at 50
        EXPIRED TIME_LIMIT 4 buy 1 @ 101 left 0
        REJECTED UNKNOWN_ORDER 9
    """,
    "is neither immediate nor priced": """
        . new 1 sell 3 @ 101
        > new 3 buy 5 to-limit ioc
        REJECTED BAD_FIELD 3
        > new 3 buy 5 to-limit fok
        REJECTED BAD_FIELD 3
        > new 3 buy 5 to-limit display 2
        REJECTED BAD_FIELD 3
        > new 3 buy 2 to-limit @ 150
        ACCEPTED 3 buy 2 @ 101 left 0
        TRADE 1/3 sell 2 @ 101 left 1
    """,
}

MINIMUM = {
    "immediate: with less in reach nothing trades": """
        . new 1 sell 3 @ 101
        . new 2 sell 3 @ 103
        > new 3 buy 9 @ 102 ioc min 4
        ACCEPTED 3 buy 9 @ 102 left 0
        CANCELLED NO_LIQUIDITY 3 buy 9 @ 102 left 0
        > new 4 buy 9 @ 102 ioc min 3
        ACCEPTED 4 buy 9 @ 102 left 0
        TRADE 1/4 sell 3 @ 101 left 0
        CANCELLED NO_LIQUIDITY 4 buy 6 @ 102 left 0
    """,
    "market: read as immediate": """
        . new 1 sell 3 @ 101
        > new 3 buy 9 market min 4
        ACCEPTED 3 buy 9 @ 0 left 0
        CANCELLED NO_LIQUIDITY 3 buy 9 @ 0 left 0
        > new 4 buy 9 market ioc min 3
        ACCEPTED 4 buy 9 @ 0 left 0
        TRADE 1/4 sell 3 @ 101 left 0
        CANCELLED NO_LIQUIDITY 4 buy 6 @ 0 left 0
    """,
    "resting: refused where it would trade less, welcome where it would trade nothing": """
        . new 1 sell 3 @ 101
        > new 3 buy 9 @ 101 min 4
        REJECTED MIN_NOT_FILLABLE 3
        > new 3 buy 9 @ 100 min 4
        ACCEPTED 3 buy 9 @ 100 left 9
        > new 4 buy 9 @ 101 min 3
        ACCEPTED 4 buy 9 @ 101 left 6
        TRADE 1/4 sell 3 @ 101 left 0
    """,
    "resting: it has none any more": """
        . new 1 buy 9 @ 100 min 5
        > new 2 sell 1 @ 100
        ACCEPTED 2 sell 1 @ 100 left 0
        TRADE 1/2 buy 1 @ 100 left 8
        . new 3 sell 2 @ 101
        > replace 1 8 @ 101
        TRADE 3/1 sell 2 @ 101 left 0
        REPLACED 1/1 buy 8 @ 101 left 6
    """,
    "reserve and hidden orders count": """
        . new 1 sell 5 @ 101 display 1
        . new 2 sell 2 @ 101 hidden
        > new 3 buy 9 @ 101 ioc min 8
        ACCEPTED 3 buy 9 @ 101 left 0
        CANCELLED NO_LIQUIDITY 3 buy 9 @ 101 left 0
        > new 4 buy 9 @ 102 min 8 gtd 50
        REJECTED MIN_NOT_FILLABLE 4
        > new 5 buy 2 @ 102 min 2 gtd 50
        ACCEPTED 5 buy 2 @ 102 left 0
        TRADE 1/5 sell 1 @ 101 left 4
        REFRESHED 1 sell 1 @ 101 left 4
        TRADE 1/5 sell 1 @ 101 left 3
        REFRESHED 1 sell 1 @ 101 left 3
    """,
    "not beside fill or kill or post only, and never above the size": """
        > new 1 buy 9 @ 100 fok min 2
        REJECTED BAD_FIELD 1
        > new 1 buy 9 @ 100 post min 2
        REJECTED BAD_FIELD 1
        > new 1 buy 9 @ 100 min 10
        REJECTED BAD_SIZE 1
        > new 1 buy 9 @ 100 min -1
        REJECTED BAD_SIZE 1
        > new 1 buy 9 @ 100 min 9 display 2
        ACCEPTED 1 buy 9 @ 100 left 9
    """,
    "a resting reduce-only order counts for nothing, so that no trade is below the minimum": """
        . new 1 buy 4 @ 100 owner 1
        . new 2 sell 4 @ 100
        . new 3 sell 4 @ 101 owner 1 reduce-only
        > new 4 buy 9 @ 101 min 2
        REJECTED MIN_NOT_FILLABLE 4
        > new 4 buy 9 @ 101
        ACCEPTED 4 buy 9 @ 101 left 5
        TRADE 3/4 sell 4 @ 101 left 0
    """,
}


@pytest.mark.parametrize("story", MARKET_TO_LIMIT)
def test_a_market_to_limit_order(story: str, play: PlayExample) -> None:
    play(MARKET_TO_LIMIT[story])


@pytest.mark.parametrize("story", MINIMUM)
def test_a_minimum(story: str, play: PlayExample) -> None:
    play(MINIMUM[story])
