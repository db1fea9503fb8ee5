"""A print that does not say which side rested is volume and nothing more (docs/rules.md, section 4)."""

from __future__ import annotations

import pytest

from lobsim.types import L2_SHIFT, NONE, Impact, Kind
from tests.support.worlds import BUY, SELL, Venue, row


@pytest.mark.parametrize("impact", [Impact.CONSUME, Impact.NONE])
@pytest.mark.parametrize(("side", "price"), [(SELL, 101), (BUY, 100)])
def test_a_print_without_a_side_reaches_nobody(impact: Impact, side: int, price: int) -> None:
    rows = [
        row(1, Kind.LEVEL, BUY, price=99, size=10),
        row(1, Kind.LEVEL, SELL, price=102, size=10),
        *(row(5, Kind.PRINT, NONE, price=printed, size=50) for printed in (95, 99, 100, 101, 102, 110)),
    ]
    venue = Venue(rows, by_levels=True, impact=impact)
    venue.run_to(2)
    venue.send(side, price, 3)
    venue.run_to(9)
    lot = 1 << L2_SHIFT
    assert [] == venue.fills
    mine = [(price, 3 * lot)]
    assert [*(mine if side == BUY else []), (99, 10 * lot)] == venue.levels(BUY)
    assert [*(mine if side == SELL else []), (102, 10 * lot)] == venue.levels(SELL)
