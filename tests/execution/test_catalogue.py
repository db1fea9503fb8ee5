"""Algorithms by name: styles, choices, the volume curve of an earlier day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from execution.baselines import AllAtOnce, PercentOfVolume, Scheduled, Style, SubmitAndLeave
from execution.catalogue import NAMES, Choices, algorithm_named, profile_of
from execution.schedules import ac_curve, twap_curve, u_shape, vwap_curve
from lobsim.errors import ConfigError
from lobsim.feeds.schema import Dataset
from lobsim.types import Flag, Kind, Side
from tests.execution import steady_market as made

DAY = made.steady(100)
PARENT = made.parent_of(Side.BUY, 1000, 10, 70)


def made_by(text: str, choices: Choices | None = None) -> Any:
    """The algorithm of that name for the parent of this page."""
    return algorithm_named(text, choices)(PARENT, DAY.info)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_makes_a_fresh_algorithm(name: str) -> None:
    kinds = {"pov": PercentOfVolume, "leave": SubmitAndLeave, "once": AllAtOnce}
    make = algorithm_named(name)
    first, second = make(PARENT, DAY.info), make(PARENT, DAY.info)
    assert isinstance(first, kinds.get(name, Scheduled))
    assert first is not second


@pytest.mark.parametrize(
    ("text", "expected"),
    [("twap", Style.JOIN), ("twap:cross", Style.CROSS), (" AC:Peg ", Style.PEG), ("pov:cross", Style.CROSS)],
)
def test_a_style_stands_behind_a_colon(text: str, expected: Style) -> None:
    assert expected is made_by(text).style


def test_a_style_of_the_name_goes_before_the_chosen_one() -> None:
    choices = Choices(style=Style.PEG)
    assert (Style.PEG, Style.CROSS) == (made_by("twap", choices).style, made_by("twap:cross", choices).style)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("twop", "--algo: there is no algorithm 'twop'; choose from twap, vwap, pov, ac, leave, once"),
        ("", "--algo: there is no algorithm ''; choose from twap, vwap, pov, ac, leave, once"),
        ("twap:jump", "--algo: there is no style 'jump'; choose from cross, join, peg"),
    ],
)
def test_unknown_names_and_styles_are_refused_with_what_there_is(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        algorithm_named(text)
    assert message == str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [{"slices": 0}, {"slices": 100_001}, {"rate": 0.0}, {"rate": 1.0}, {"rate": float("nan")}, {"urgency": -1.0},
     {"urgency": float("inf")}],
)  # fmt: skip
def test_choices_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Choices(**wrong)


@pytest.mark.parametrize(("minutes", "expected"), [(1, 6), (6, 6), (30, 30), (390, 390), (600, 390)])
def test_a_schedule_has_a_slice_a_minute_within_bounds(minutes: int, expected: int) -> None:
    parent = made.parent_of(Side.BUY, 1000, 0, 60 * minutes)
    assert expected == Choices().slices_of(parent)
    assert 17 == Choices(slices=17).slices_of(parent)


def test_curves_are_those_of_the_names() -> None:
    info = DAY.info
    session = {"session_open_ns": info.session_start_ns, "session_close_ns": info.session_end_ns}
    choices = Choices(slices=9, urgency=3.0)
    expected = {
        "twap": twap_curve(PARENT, 9),
        "ac": ac_curve(PARENT, 9, 3.0),
        "vwap": vwap_curve(PARENT, u_shape(), 9, **session),
    }
    for name, curve in expected.items():
        found = made_by(name, choices).schedule
        assert curve.cumulative_lots.tolist() == found.cumulative_lots.tolist()
        assert curve.times_ns.tolist() == found.times_ns.tolist()


# The volume curve of an earlier day


def on(day: str, dataset: Dataset) -> Dataset:
    """The same recording of another day."""
    return replace(dataset, info=replace(dataset.info, date=day))


def test_an_earlier_day_gives_the_curve_that_vwap_follows() -> None:
    early = pl.col("ts_exchange") < made.OPEN_NS + 50 * made.SECOND_NS
    traded = pl.col("kind") == int(Kind.EXECUTE)
    heavy = DAY.events.with_columns(size=pl.when(early & traded).then(300).otherwise(pl.col("size")))
    profile = profile_of(on("2020-01-01", replace(DAY, events=heavy)), DAY.info)
    assert 0.75 == pytest.approx(float(profile.share_done(0.5)), abs=0.01)
    schedule = made_by("vwap", Choices(profile=profile, slices=2)).schedule
    # second 10 to 40 at three times the pace, then ten seconds so and twenty at the plain one
    assert 1000 * 90 / 140 == pytest.approx(schedule.cumulative_lots[1], abs=20)


def test_auctions_do_not_count_for_the_curve() -> None:
    last = pl.int_range(pl.len()) == pl.len() - 2
    cross = DAY.events.with_columns(
        size=pl.when(last).then(10**6).otherwise(pl.col("size")),
        flags=pl.when(last).then(int(Flag.AUCTION)).otherwise(pl.col("flags")).cast(pl.Int32),
    )
    with_cross, without = (profile_of(on("2020-01-01", replace(DAY, events=e)), DAY.info) for e in (cross, DAY.events))
    assert np.allclose(with_cross.shares, without.shares, atol=0.02)


@pytest.mark.parametrize("day", ["2020-01-02", "2020-01-03"])
def test_the_same_day_or_a_later_one_would_be_looking_ahead(day: str) -> None:
    with pytest.raises(
        ConfigError, match=f"STEADY {day} is not before 2020-01-02, its volume could not have been known"
    ):
        profile_of(on(day, DAY), DAY.info)


def test_a_day_without_trades_has_no_curve() -> None:
    quiet = replace(DAY, events=DAY.events.filter(pl.col("kind") == int(Kind.ADD)))
    with pytest.raises(ConfigError, match="no prints"):
        profile_of(on("2020-01-01", quiet), DAY.info)
