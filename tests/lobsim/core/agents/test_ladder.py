"""Prices in a row: read by their places in the window, or each by itself where they leave it, the lots are the same."""

from __future__ import annotations

import pytest

from lobsim.core.agents.ladder import beside, lots_at, lots_in_row, row_of
from lobsim.core.book import BookSize
from lobsim.types import AgentKind, Side
from tests.support import flow_scenes
from tests.support.flow_scenes import START, flow_scene

WINDOW = 64
_SMALL = BookSize(orders=2**10, window=WINDOW, far=256, ids=64, dense=2**10)
NOBODY: flow_scenes.Agent = (AgentKind.NONE, [], [])


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_lots_in_a_row_are_the_lots_at_each_price(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_scenes, "_BOOK", _SMALL)
    lots = {away: 1 + away % 7 for away in range(-5, 100) if away % 3}
    opening = [(int(side), beside(side, START, away), size) for away, size in lots.items()]
    book = flow_scene([NOBODY], opening=sorted(opening, key=lambda order: abs(order[1] - START))).world.book
    assert book.sides[int(side)]["far"] > 0
    rows = []
    for begin in range(-40, 100, 5):
        price = beside(side, START, begin)
        row = row_of(book, side, price, 30)
        rows.append(row)
        for steps in range(30):
            right = lots.get(begin + steps, 0)
            assert (
                lots_in_row(book, row, side, price, steps) == right == lots_at(book, side, beside(side, price, steps))
            )
    assert rows.count(0) not in (0, len(rows))
