"""Prices in a row: read by their places in the window, or each by itself where they leave it, the lots are the same."""

from __future__ import annotations

import numpy as np
import pytest

from lobsim.core.agents.ladder import beside, lots_at, lots_in_row, row_of
from lobsim.core.book import BookSize
from lobsim.core.jit import borrow, borrow_array, kernel
from lobsim.types import AgentKind
from tests.support import flow_scenes
from tests.support.flow_scenes import START, Agent, flow_scene

_SMALL = BookSize(orders=2**10, window=64, far=256, ids=64, dense=2**10)
NOBODY: Agent = (AgentKind.NONE, [], [])


@kernel
def _read(book, side, price_ticks, found):
    """Lots behind a price, in a row (first half of found) and one by one (second half).  Returns the row."""
    book = borrow(book)
    found = borrow_array(found)
    count = len(found) >> 1
    row = row_of(book, side, price_ticks, count)
    for steps in range(count):
        found[steps] = lots_in_row(book, row, side, price_ticks, steps)
        found[count + steps] = lots_at(book, side, beside(side, price_ticks, steps))
    return row


@pytest.mark.parametrize("side", [0, 1])
def test_lots_in_a_row_are_the_lots_at_each_price(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_scenes, "_BOOK", _SMALL)
    away = 1 if side else -1
    lots = {steps: 1 + steps % 7 for steps in range(-5, 100) if steps % 3}
    nearest_first = sorted(lots, key=abs)
    opening = [(side, START + away * steps, lots[steps]) for steps in nearest_first]
    book = flow_scene([NOBODY], opening=opening).world.book
    assert book.sides[side]["far"] > 0
    rows = []
    for begin in range(-40, 100, 5):
        found = np.zeros(60, np.int64)
        rows.append(_read(book, side, START + away * begin, found))
        right = [lots.get(begin + steps, 0) for steps in range(30)]
        assert [right, right] == found.reshape(2, 30).tolist()
    assert rows.count(0) not in (0, len(rows))
