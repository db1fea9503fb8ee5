"""Which recorded orders are followed: a stratified sample, drawn from the seed.

Invariant: the same stories, count and seed give the same sample, in the order of its rows; a sample as large as a stratum is the whole stratum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lobsim.calibration.stories import Story, Stratum

SHARES = {Stratum.NEVER: 1, Stratum.PARTLY: 2, Stratum.FULLY: 2}
"""Weight of each stratum in a sample: orders that were filled ask more of a simulator."""


def split_count(count: int, populations: Mapping[Stratum, int]) -> dict[Stratum, int]:
    """How many of each stratum: by SHARES, and what a stratum does not have goes to the others."""
    given = dict.fromkeys(populations, 0)
    left = min(count, sum(populations.values()))
    while left > 0:
        open_strata = [stratum for stratum in populations if given[stratum] < populations[stratum]]
        total = sum(SHARES[stratum] for stratum in open_strata)
        before = left
        for stratum in open_strata:
            more = min(before * SHARES[stratum] // total, populations[stratum] - given[stratum])
            given[stratum] += more
            left -= more
        if left == before:
            given[open_strata[0]] += 1
            left -= 1
    return given


def draw(stories: Sequence[Story], count: int, seed: int) -> list[Story]:
    """So many stories, in the order of their rows."""
    strata = {stratum: [story for story in stories if story.stratum == stratum] for stratum in Stratum}
    counts = split_count(count, {stratum: len(members) for stratum, members in strata.items()})
    chosen = []
    for stratum, members in strata.items():
        generator = np.random.default_rng((seed, int(stratum)))
        places = generator.permutation(len(members))[: counts[stratum]]
        chosen += [members[place] for place in places]
    return sorted(chosen, key=lambda story: story.row)
