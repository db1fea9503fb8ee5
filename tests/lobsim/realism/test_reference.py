"""The references of the presets: complete, consistent, and refused where they are not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lobsim.errors import ConfigError
from lobsim.feeds.lobster import read_lobster
from lobsim.realism.assess import assess
from lobsim.realism.facts.catalogue import FACTS, Bound, Finding, Verdict
from lobsim.realism.reference import (
    account_of,
    load_reference,
    parse_reference,
    profile_of,
    reference_names,
    reference_of,
)
from lobsim.sample import bundled_day, bundled_metaorders
from lobsim.simulation import preset_names
from tests.oracle.streams import random_history
from tests.support.flow_days import MIDDLE, SECOND, flow_day
from tests.support.order_days import order_day

AAPL_HOUR = "AAPL_2012-06-21_34200000_37800000"
DAY_MEETS = {
    "R1": {"lag_1": Bound(-0.1, 0.1), "mean_lags_2_10": Bound(-0.1, 0.1)},
    "R2": {"alpha": Bound(2.5, 5)},
    "R3": {"10_s": Bound(1), "rank_correlation": Bound(high=-0.8)},
    "R4": {"lag_1": Bound(0.05), "mean_lags_2_20": Bound(0)},
    "R5": {"finest_to_coarsest": Bound(0.6, 1.6)},
    "R7": {"correlation": Bound(0.2)},
    "F1": {"lag_1": Bound(0.3), "lag_10": Bound(0.05)},
    "F3": {"cv": Bound(1.5)},
    "F4": {"execution": Bound(0.02, 0.08)},
    "F8": {"filled": Bound(0.02, 0.2)},
    "B2": {"skewness": Bound(0)},
    "B3": {"peak_to_first": Bound(1)},
    "B4": {"correlation": Bound(0.7)},
    "I1": {"last_to_first": Bound(1.5, 4)},
    "I2": {"exponent": Bound(high=0.7)},
    "I4": {"decay": Bound(0.2, 0.6)},
    "I7": {"r2_10_s": Bound(0.1)},
    "I8": {"r2_1_s": Bound(high=0.03), "r2_10_s": Bound(high=0.03)},
    "I9": {"realised_less_effective": Bound(high=0)},
}
"""Frozen: what the preset `day` was committed to before it was tuned."""


def test_every_shipped_preset_has_a_reference_and_the_coming_day_too() -> None:
    assert set(preset_names()) | {"day"} <= set(reference_names())


@pytest.mark.parametrize("name", reference_names())
def test_a_reference_is_whole(name: str) -> None:
    found = load_reference(name)
    assert found.preset == name
    assert len(found.facts) == len(FACTS)
    assert all(key in {fact.key for fact in FACTS if fact.band} for key in found.why_not)
    assert len(found.digest) == 64


def test_day_is_held_to_the_frozen_bands() -> None:
    found = load_reference("day")
    bands = {fact.key: dict(fact.band) for fact in found.facts}
    assert set(DAY_MEETS) == set(found.required)
    assert DAY_MEETS == {key: bands[key] for key in DAY_MEETS}
    assert not found.why_not
    assert bands["B1"] == {"mean_ticks": Bound(2, 3)}


def test_a_digest_is_that_of_the_bands() -> None:
    zi, lmf, rmsc03, rmsc04 = (load_reference(name).digest for name in ("zi", "lmf", "rmsc03", "rmsc04"))
    assert zi != lmf
    assert rmsc03 == rmsc04


def test_recordings_are_those_of_the_shared_files(shared: Path) -> None:
    folder = shared / "data" / "lobster"
    goog, aapl = load_reference("day").recordings
    for recording, seed_book in ((goog, None), (aapl, f"{AAPL_HOUR}_orderbook_50.first672rows.csv.gz")):
        dataset = read_lobster(folder / recording.source, seed_book=None if seed_book is None else folder / seed_book)
        assert (recording.source_sha256, recording.digest) == (dataset.info.source_sha256, dataset.digest)


WHOLE = 'preset = "mine"\nstands_for = "a share"\npublished = ["a paper"]\n'


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("[[not_meant]]\nfacts = ['R9']\nwhy = 'so'", "there is no fact 'R9'"),
        ("[[not_meant]]\nfacts = ['R1', 'R1']\nwhy = 'so'", "fact R1 is named twice"),
        ("required = ['R1']\n[[not_meant]]\nfacts = ['R1']\nwhy = 'so'", "fact R1 is not meant"),
        ("[bands.B1]\nwhy = 'so'\nvalues = { mean_ticks = [3, 2] }", "3 to 2 is no range"),
        ("[bands.B1]\nvalues = { mean_ticks = [2, 3] }", "bands.B1.why"),
        ("[profile]\nweather = [1, 2]", "profile has no 'weather'"),
        ("colour = 1", "colour"),
        ("= 1", "this is no TOML"),
    ],
)
def test_a_mistake_in_a_reference_is_told_in_one_sentence(more: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse_reference(WHOLE + more, "mine")


def test_a_reference_needs_something_to_refer_to() -> None:
    with pytest.raises(ConfigError, match="neither a recording nor published numbers"):
        parse_reference('preset = "mine"\nstands_for = "a share"', "mine")


def test_a_reference_of_another_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match="that of preset 'mine'"):
        parse_reference(WHOLE, "yours")


def test_a_preset_without_a_reference_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no reference"):
        load_reference("nothing")


def finding(key: str, verdict: Verdict | None) -> Finding:
    return Finding(next(fact for fact in FACTS if fact.key == key), verdict, None, "")


def test_what_is_owed_is_told_apart_from_what_was_never_asked() -> None:
    text = "required = ['R1', 'R2', 'R3']\n[[not_meant]]\nfacts = ['F1', 'F3']\nwhy = 'so'"
    found = parse_reference(WHOLE + text, "mine").mark(
        [
            finding("R1", Verdict.MISSED),
            finding("R2", Verdict.NOT_MEASURABLE),
            finding("R3", Verdict.MET),
            finding("R4", Verdict.MISSED),
            finding("R5", Verdict.NOT_MEASURABLE),
            finding("R6", None),
            finding("F1", Verdict.MISSED),
            finding("F3", Verdict.MET),
        ]
    )
    assert account_of(found) == (["R1", "R2"], ["R4"], ["F1"])
    assert found[-1].as_json()["why_not"] == "so" and not found[-1].as_json()["meant"]


def test_a_day_is_judged_by_the_preset_that_its_notes_name() -> None:
    info = order_day(random_history(5, 20)).info
    noted = replace(info, notes=("simulated: preset lmf, 0123456789abcdef, seed 7",))
    unknown = replace(info, notes=("simulated: preset gold, 0123456789abcdef, seed 7",))
    told = [reference_of(one) for one in (info, noted, unknown)]
    assert [None, "lmf", None] == [one and one.preset for one in told]
    named = reference_of(noted, "day")
    assert named is not None and named.preset == "day"
    with pytest.raises(ConfigError, match="has no reference"):
        reference_of(noted, "gold")


def test_a_profile_names_what_lies_outside() -> None:
    found = parse_reference(WHOLE + "[profile]\nmid_price = [80, 120]\nrows = [10, 20]", "mine")
    assert found.outside({"mid_price": 120.0, "rows": 21.0}) == ["rows is 21, not 10 to 20"]
    assert found.outside({"mid_price": math.nan, "rows": 10.0}) == ["mid price is nan, not 80 to 120"]


def test_a_profile_is_measured_on_a_day() -> None:
    day = flow_day(np.arange(1, 11) * SECOND, MIDDLE + np.zeros(10), signs=np.ones(10), size=np.full(10, 3))
    found = profile_of(day)
    tick = float(day.info.price_quantum) * day.info.tick_quanta
    assert (30.0, 10.0) == (found["traded_lots"], found["rows"])
    assert MIDDLE * tick == pytest.approx(found["mid_price"])


def test_the_bundled_day_meets_what_its_preset_was_committed_to(small: bool) -> None:
    if small:
        pytest.skip("statistics need the whole day")
    found = assess(bundled_day(), metaorders=bundled_metaorders())
    required = [finding for finding in found.ours.findings if finding.required]
    assert len(required) == len(DAY_MEETS)
    assert [finding.fact.key for finding in required if finding.verdict is not Verdict.MET] == []
