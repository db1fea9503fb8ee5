"""Samples are stratified, as large as asked for, and the same for the same seed."""

from __future__ import annotations

from lobsim.calibration.sampling import draw, split_count
from lobsim.calibration.stories import End, Fill, Story, Stratum


def story(row: int, stratum: Stratum) -> Story:
    """An order of one lot, or of two, of which one was filled."""
    made = Story(row, row + 1, 0, 100, 2)
    if stratum:
        made.fills.append(Fill(row + 1, row, 1))
    made.finish(End.FILLED if stratum == Stratum.FULLY else End.CANCELLED, row + 2)
    return made


STORIES = [story(row, Stratum((row % 10 > 4) + (row % 10 > 5))) for row in range(1000)]


def test_strata_get_their_share_and_what_one_lacks_goes_to_the_others() -> None:
    assert {Stratum.NEVER: 20, Stratum.PARTLY: 40, Stratum.FULLY: 40} == split_count(
        100, {Stratum.NEVER: 500, Stratum.PARTLY: 500, Stratum.FULLY: 500}
    )
    assert {Stratum.NEVER: 32, Stratum.PARTLY: 5, Stratum.FULLY: 63} == split_count(
        100, {Stratum.NEVER: 500, Stratum.PARTLY: 5, Stratum.FULLY: 500}
    )


def test_a_sample_larger_than_the_tape_is_the_tape() -> None:
    assert STORIES == draw(STORIES, 5000, seed=1)


def test_a_sample_depends_on_the_seed_alone_and_comes_by_row() -> None:
    first, again, other = draw(STORIES, 90, 3), draw(STORIES, 90, 3), draw(STORIES, 90, 4)
    assert first == again
    assert first != other
    assert 90 == len(set(map(id, first)))
    rows = [each.row for each in first]
    assert sorted(rows) == rows
