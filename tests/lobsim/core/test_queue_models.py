"""The queue models: the published example, the real-number model over many cancels, and what holds for every one of them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobsim.core.queue_models import MILLION, part_of, share_ahead
from lobsim.types import L2_SHIFT, Kind, QueueModel
from tests.support.twins import blocks
from tests.support.worlds import BUY, Venue, row

ONE_LOT = 1 << L2_SHIFT
SPLITTING = [model for model in QueueModel if model != QueueModel.RISK_AVERSE]
POWERS = st.one_of(st.integers(1, 8).map(float), st.floats(0.1, 64))


def level(ts_ns: int, size: int) -> dict[str, int]:
    """The feed shows size lots bid at 100."""
    return row(ts_ns, Kind.LEVEL, BUY, 0, 100, size)


def units_bid(venue: Venue) -> list[tuple[int, int]]:
    """(id, units) in the queue at 100; a block has id 0."""
    return dict(blocks(venue, BUY)).get(100, [])


# 40 ahead, 60 behind, 20 leave: what is ahead then
EXAMPLE = [
    (QueueModel.RISK_AVERSE, 3, 40.00),
    (QueueModel.PROPORTIONAL, 3, 32.00),
    (QueueModel.POWER, 1, 32.00),
    (QueueModel.POWER, 2, 33.85),
    (QueueModel.POWER, 3, 35.43),
    (QueueModel.LOG, 3, 30.51),
    (QueueModel.LOG2, 3, 37.81),
    (QueueModel.POWER2, 2, 27.20),
    (QueueModel.POWER3, 2, 36.80),
    (QueueModel.POWER3, 3, 38.72),
]


@pytest.mark.parametrize(("model", "power", "ahead"), EXAMPLE)
def test_the_example_is_split_as_published(model: QueueModel, power: float, ahead: float) -> None:
    rows = [level(1, 40), level(3, 100), level(4, 80)]
    venue = Venue(rows, by_levels=True, queue_model=model, queue_power=power)
    venue.run_to(1)
    venue.send(BUY, 100, 5)
    venue.run_to(9)
    (_, front), (own, _), (_, back) = units_bid(venue)
    assert -1 == own
    assert abs(ahead - front / ONE_LOT) <= 1e-2
    assert 80 * ONE_LOT == front + back


REAL: dict[QueueModel, Callable[[float, float, float], float]] = {
    QueueModel.RISK_AVERSE: lambda a, b, n: 0.0,
    QueueModel.PROPORTIONAL: lambda a, b, n: a / (a + b),
    QueueModel.POWER: lambda a, b, n: a**n / (a**n + b**n),
    QueueModel.LOG: lambda a, b, n: log1p(a) / (log1p(a) + log1p(b)),
    QueueModel.LOG2: lambda a, b, n: 1 - log1p(b) / log1p(a + b),
    QueueModel.POWER2: lambda a, b, n: 1 - (b / (a + b)) ** n,
    QueueModel.POWER3: lambda a, b, n: (a / (a + b)) ** n,
}


def ahead_in_real_numbers(model: QueueModel, power: float, ahead: float, whole: float, cancels: int) -> list[float]:
    """Lots ahead after each one-lot cancel; what cannot leave behind leaves ahead."""
    track = []
    for _ in range(cancels):
        share = REAL[model](ahead, whole - ahead, power) if ahead else 0.0
        ahead = max(0.0, ahead - share + min(whole - ahead - (1 - share), 0.0))
        whole -= 1
        track.append(ahead)
    return track


@pytest.mark.parametrize(
    ("model", "power"), [(model, 3.0) for model in QueueModel] + [(QueueModel.POWER3, 2.7), (QueueModel.POWER2, 1.5)]
)
def test_many_one_lot_cancels_follow_the_real_number_model(
    model: QueueModel, power: float, limit: Callable[[int, int], int]
) -> None:
    cancels = limit(100_000, 1_000)
    front, whole = cancels * 2 // 5, cancels + 10
    rows = [level(1, front), level(3, whole)] + [level(4 + i, whole - 1 - i) for i in range(cancels)]
    venue = Venue(rows, by_levels=True, queue_model=model, queue_power=power)
    venue.run_to(1)
    venue.send(BUY, 100, 1)
    expected = ahead_in_real_numbers(model, power, front, whole, cancels)
    for done in range(cancels // 10, cancels + 1, cancels // 10):
        venue.run_to(3 + done)
        queue = units_bid(venue)
        ahead = queue[0][1] if queue[0][0] == 0 else 0
        assert abs(expected[done - 1] - ahead / ONE_LOT) < 1, f"after {done} cancels"


def test_shares_are_exact_where_the_product_leaves_64_bits() -> None:
    rng = np.random.default_rng(4)
    for bits in (8, 31, 53, 61):
        for _ in range(50):
            total = int(rng.integers(1, 2**bits))
            size, ahead = int(rng.integers(0, total + 1)), int(rng.integers(0, total + 1))
            assert size * ahead // total == part_of(size, ahead, total)


@given(st.data(), st.sampled_from(SPLITTING), POWERS)
def test_a_share_grows_with_the_place_from_nothing_to_all(data: st.DataObject, model: QueueModel, power: float) -> None:
    total = data.draw(st.integers(1, 2**61))
    size = data.draw(st.integers(0, total))
    nearer, further = sorted(data.draw(st.lists(st.integers(0, total), min_size=2, max_size=2)))
    places = (0, nearer, further, total)
    shares = [int(share_ahead(int(model), round(power * MILLION), size, place, total)) for place in places]
    assert [0, size] == [shares[0], shares[-1]]
    assert sorted(shares) == shares


def stretches_of(venue: Venue, own_orders: int) -> list[int]:
    """Anonymous units in front of the first own order, between it and the next, and so on."""
    stretches = [0] * (own_orders + 1)
    place = 0
    for order_id, units in units_bid(venue):
        if order_id == 0:
            stretches[place] += units
        else:
            place += 1
    return stretches


@given(
    st.sampled_from(list(QueueModel)),
    POWERS,
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), min_size=1, max_size=5),
    st.data(),
)
def test_every_block_gives_at_most_itself_and_together_they_give_all(
    model: QueueModel, power: float, stretches: list[tuple[int, int]], data: st.DataObject
) -> None:
    whole = sum(size for size, _ in stretches)
    to = data.draw(st.lists(st.integers(0, whole), min_size=1, max_size=3).map(lambda sizes: sorted(sizes)[::-1]))
    grown = np.cumsum([size for size, _ in stretches]).tolist()
    rows = [level(1 + i, size) for i, size in enumerate(grown)]
    rows += [level(50 + i, size) for i, size in enumerate(to)]
    venue = Venue(rows, by_levels=True, queue_model=model, queue_power=power)
    for instant, (_, own) in enumerate(stretches, 1):
        venue.run_to(instant)
        venue.send(BUY, 100, own)
    venue.run_to(40)
    for i, size in enumerate(to):
        before = stretches_of(venue, len(stretches))
        venue.run_to(50 + i)
        after = stretches_of(venue, len(stretches))
        assert all(0 <= left <= had for left, had in zip(after, before, strict=True))
        assert size * ONE_LOT == sum(after)
    venue.check()


def test_a_whole_exponent_is_exact_and_another_is_near_it() -> None:
    size, ahead, total = 7 * ONE_LOT, 40 * ONE_LOT, 100 * ONE_LOT
    exact = Fraction(size) * Fraction(ahead, total) ** 3
    assert 0 <= exact - int(share_ahead(int(QueueModel.POWER3), 3 * MILLION, size, ahead, total)) < 3
    assert abs(exact - int(share_ahead(int(QueueModel.POWER3), 3 * MILLION + 1, size, ahead, total))) < 5
