"""Telling days apart: alike days are not, different ones are, and neither tick, price, size nor pace gives a day away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobsim.realism.discriminator import area_between, discriminate, ridge, roc_area
from lobsim.realism.facts.measured import Context, NotMeasurable
from lobsim.realism.prepare import Day
from lobsim.realism.windows import FEATURES, MESSAGES, Windows, windows_of
from lobsim.types import Fidelity, Kind
from tests.oracle.roc import pair_count_area
from tests.support.flow_days import MIDDLE, flow_day, touch_at

ROWS = 24_000


def made(seed: int, *, memory: float = 0.5, tick: int = 1, lot: int = 1, pace: float = 1.0, rows: int = ROWS) -> Day:
    """An hour of messages, kinds and sides with a memory: each is the last one's again with probability `memory`, else drawn."""
    draw = np.random.default_rng(seed)
    fresh = draw.random(rows) >= memory
    fresh[0] = True
    source = np.maximum.accumulate(np.where(fresh, np.arange(rows), 0))
    kind = draw.choice([int(Kind.ADD), int(Kind.DELETE), int(Kind.EXECUTE)], rows)[source]
    side = draw.integers(0, 2, rows)[source]
    mid = MIDDLE + tick * np.cumsum(draw.integers(-1, 2, rows) * (draw.random(rows) < 0.2))
    time = np.cumsum(draw.exponential(0.14 * pace, rows) * 1e9).astype(np.int64) + 1
    lots = [lot * draw.integers(1, 9, rows) for _ in range(3)]
    after = touch_at(mid, tick, lots[0], lots[1])
    behind = tick * draw.integers(0, 4, rows)
    return flow_day(time, mid, after=after, kind=kind, side=side, size=lots[2], behind=behind, end_ns=int(time[-1]) + 1)


def told_apart(ours: Day, theirs: Day, **options: Any) -> Any:
    return discriminate(Context(ours), Context(theirs), **options)


def test_the_area_is_that_of_counted_pairs() -> None:
    draw = np.random.default_rng(3)
    score, label = draw.integers(0, 6, 40).astype(float), draw.random(40) < 0.4
    weights = draw.integers(0, 4, (5, 40)).astype(float)
    expected = [pair_count_area(score.tolist(), label.tolist(), weight.tolist()) for weight in weights]
    assert expected == pytest.approx(roc_area(score, label, weights).tolist())


def test_two_draws_of_one_law_are_not_told_apart() -> None:
    found = told_apart(made(1), made(2))
    assert found.days.low < 0.5 < found.days.high
    assert 0.4 < found.days.area < 0.6
    assert found.floor is None
    longer = told_apart(made(1, pace=3.0), made(2, pace=3.0))
    assert longer.days.low < 0.5 < longer.days.high
    assert longer.floor is not None and longer.floor.low < 0.5 < longer.floor.high


def test_a_day_with_another_memory_is_told_apart() -> None:
    found = told_apart(made(1), made(2, memory=0.0))
    assert found.days.area > 0.95 and found.days.low > 0.9


def test_neither_tick_nor_lot_nor_pace_gives_a_day_away() -> None:
    found = told_apart(made(1), made(2, tick=19, lot=100, pace=3.0))
    assert found.days.low < 0.5 < found.days.high


def test_the_same_days_and_seed_give_the_same_area() -> None:
    one, two = (told_apart(made(1, rows=12_000), made(2, rows=12_000), seed=5).as_json() for _ in range(2))
    assert one == two
    assert one != told_apart(made(1, rows=12_000), made(2, rows=12_000), seed=6).as_json()


def test_windows_lie_within_blocks_and_are_a_day_in_its_own_units() -> None:
    context = Context(made(4))
    found = windows_of(context, 0, 0)
    assert (len(FEATURES), MESSAGES) == found.features.shape[1:]
    assert (np.diff(found.block) >= 0).all() and len(np.unique(found.block)) == context.resampler.blocks
    for name in ("gap", "distance", "size", "spread", "own_best", "other_best"):
        ranks = found.features[:, FEATURES.index(name)]
        assert (np.abs(ranks).max(), 1 / np.sqrt(3)) == pytest.approx((1.0, ranks.std()), abs=0.01)
    assert (found.features[:, FEATURES.index("side"), -1] == 1).all()


def test_no_block_is_both_learnt_from_and_asked_about() -> None:
    """Every block has a mark of its own day: who had seen a block would know it, who has not can only guess."""
    draw = np.random.default_rng(8)
    pair = []
    for _ in range(2):
        block = np.repeat(np.arange(24), 20)
        mark = draw.normal(size=(24, len(FEATURES)))[block][:, :, None] * np.ones(MESSAGES)
        pair.append(Windows((mark + 0.01 * draw.normal(size=mark.shape)).astype(np.float32), block))
    found = area_between(*pair, seed=0)
    assert found.low < 0.5 < found.high
    assert (640, 320) == (found.learnt, found.asked)


def test_a_ridge_finds_what_is_there() -> None:
    draw = np.random.default_rng(2)
    inputs = draw.normal(size=(400, 5))
    inputs -= inputs.mean(axis=0)
    weights, offset = ridge(inputs, inputs @ np.arange(5.0) + 3 + draw.normal(0, 0.01, 400))
    assert np.arange(5.0) == pytest.approx(weights, abs=0.02)
    assert 3.0 == pytest.approx(offset, abs=0.02)


def test_days_of_levels_and_short_days_cannot_be_told_apart() -> None:
    with pytest.raises(NotMeasurable, match="levels, not orders"):
        told_apart(made(1, rows=600), flow_day(np.arange(600), fidelity=Fidelity.L2_TRADES))
    with pytest.raises(NotMeasurable, match="blocks of time to be asked about"):
        told_apart(made(1, rows=600), made(2, rows=600))
    with pytest.raises(NotMeasurable, match="windows of 64 messages to learn from"):
        told_apart(made(1, rows=2400), made(2, rows=2400))
