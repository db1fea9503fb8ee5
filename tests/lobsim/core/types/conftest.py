"""Worked examples run against the slow venue and the compiled core, and both ways round."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.engines import ENGINES, CoreEngine, EngineMaker, OracleEngine
from tests.support.scenarios import check

PlayExample = Callable[..., None]


@pytest.fixture(params=ENGINES)
def make(request: pytest.FixtureRequest) -> EngineMaker:
    """One engine after the other."""
    return request.param


@pytest.fixture
def play(make: EngineMaker) -> PlayExample:
    """``play(text, rules="", mirror=True)``: the example holds, and so does its mirror image; the states agree too."""

    def both_ways(text: str, rules: str = "", *, mirror: bool = True) -> None:
        for turned in (False, True) if mirror else (False,):
            engine = check(text, rules, make, mirror=turned)
            if make is CoreEngine:
                assert check(text, rules, OracleEngine, mirror=turned).state_hash() == engine.state_hash()

    return both_ways
