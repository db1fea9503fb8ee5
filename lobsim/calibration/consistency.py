"""Re-insertion consistency of a data set: how often does the same happen to the same order when it is ours?

*Exact*: as many lots filled, by the time the recorded order was gone, as of the recorded order.  *In time*: also every fill in the same instant.
The tape's own ceiling is its share of executions that hit the oldest order at their price: a matching engine hits the oldest always.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from lobsim.calibration.causes import Cause, Explainer, by_time
from lobsim.calibration.reinsertion import Outcome, Reinsertion, read_turns
from lobsim.calibration.sampling import draw
from lobsim.calibration.stories import Story, Stratum, read_stories
from lobsim.errors import ConfigError, DataError
from lobsim.market import Market

MULTIPLES = (1, 2, 5)


@dataclass(frozen=True)
class StratumCount:
    """One stratum: orders of the tape in it, sampled ones, and of these the exact ones and those exact in time."""

    population: int
    sampled: int
    exact: int
    in_time: int


@dataclass(frozen=True)
class SizeCount:
    """What became of the sample at a multiple of its size.

    lots, filled_lots     put in, and filled of them
    history_lots          what the recorded orders were filled of their single size
    never, partly, fully  samples by what was filled of them
    """

    lots: int
    filled_lots: int
    history_lots: int
    never: int
    partly: int
    fully: int


class Miss(NamedTuple):
    """A sample that is not exact, or exact but not in time.

    row  of its ADD, counted from 1
    """

    row: int
    order_id: int
    stratum: Stratum
    filled_lots: int
    own_filled_lots: int
    cause: Cause

    @property
    def exact(self) -> bool:
        """Whether only the times differ."""
        return self.filled_lots == self.own_filled_lots


@dataclass(frozen=True)
class Consistency:
    """What `measure_consistency` found.

    oldest_first_share, best_first_share  of the tape's executions (Turns); None where there are none
    """

    strata: dict[Stratum, StratumCount]
    oldest_first_share: float | None
    best_first_share: float | None
    sizes: dict[int, SizeCount]
    misses: tuple[Miss, ...]

    def total(self, field: str, *, filled: bool = False) -> int:
        """Sum of a field of StratumCount over all strata, or over those with fills."""
        return sum(getattr(count, field) for stratum, count in self.strata.items() if stratum or not filled)

    def share_of_all(self, field: str) -> float | None:
        """What share of all orders of the tape is `exact` or `in_time`: the strata weighed by their populations."""
        counts = [count for count in self.strata.values() if count.sampled]
        population = sum(count.population for count in counts)
        if not population:
            return None
        return sum(getattr(count, field) / count.sampled * count.population for count in counts) / population

    @property
    def never_share(self) -> float | None:
        """What a forecaster that always says "never filled" gets right of all orders."""
        population = self.total("population")
        return self.strata[Stratum.NEVER].population / population if population else None

    def causes(self, *, exact: bool) -> dict[Cause, int]:
        """How often each cause is behind a miss in quantity, or (exact) one in time only."""
        return dict(Counter(miss.cause for miss in self.misses if miss.exact == exact).most_common())

    def as_json(self) -> dict[str, Any]:
        """Plain values for a JSON object."""
        return {
            "sampled": self.total("sampled"),
            "exact": self.total("exact"),
            "in_time": self.total("in_time"),
            "filled_sampled": self.total("sampled", filled=True),
            "filled_exact": self.total("exact", filled=True),
            "filled_in_time": self.total("in_time", filled=True),
            "oldest_first_share": self.oldest_first_share,
            "best_first_share": self.best_first_share,
            "exact_share_of_all": self.share_of_all("exact"),
            "never_baseline": {
                "exact": self.strata[Stratum.NEVER].sampled,
                "filled_exact": 0,
                "exact_share_of_all": self.never_share,
            },
            "strata": {stratum.name.lower(): asdict(count) for stratum, count in self.strata.items()},
            "sizes": {str(multiple): asdict(count) for multiple, count in self.sizes.items()},
            "causes": {cause.name.lower(): count for cause, count in self.causes(exact=False).items()},
            "causes_in_time": {cause.name.lower(): count for cause, count in self.causes(exact=True).items()},
            "misses": [
                miss._asdict()
                | {"stratum": miss.stratum.name.lower(), "cause": miss.cause.name.lower(), "why": str(miss.cause)}
                for miss in self.misses
            ],
        }


def measure_consistency(
    market: Market,
    count: int,
    seed: int = 0,
    multiples: Sequence[int] = MULTIPLES,
    progress: Callable[[int], None] | None = None,
) -> Consistency:
    """Put a sample of recorded orders in again, one at a time.

    market     order by order data; latency is 0, impact REMATCH
    count      samples, spread over the strata
    multiples  sizes to put in, in sizes of the recorded order; 1 is needed
    progress   called with the number of samples done

    Raises ConfigError for level data, a count below 1 or multiples without 1, DataError where nobody ever added an order in continuous trading.
    """
    _refuse(market, count, multiples)
    stories = read_stories(market.tape)
    if not stories:
        raise DataError("no order was added in continuous trading", file=market.dataset.info.source)
    turns = read_turns(market)
    explainer = Explainer(market.tape, turns, stories)
    sample = draw(stories, count, seed)
    runs = Reinsertion(market)
    outcomes = []
    for done, story in enumerate(sample):
        outcomes.append(runs.outcomes(story, multiples))
        if progress is not None and done % 64 == 0:
            progress(done)
    single = [each[list(multiples).index(1)] for each in outcomes]
    return Consistency(
        strata=_strata(stories, sample, single),
        oldest_first_share=turns.oldest_first_share,
        best_first_share=turns.best_first_share,
        sizes={
            multiple: _sizes(sample, [each[i] for each in outcomes], multiple) for i, multiple in enumerate(multiples)
        },
        misses=_misses(sample, single, explainer),
    )


def _refuse(market: Market, count: int, multiples: Sequence[int]) -> None:
    if market.by_levels:
        raise ConfigError(
            f"{market.dataset.info.fidelity.name} data does not know single orders",
            where=market.dataset.info.source,
            hint="re-insertion needs order by order data",
        )
    if count < 1:
        raise ConfigError(f"the sample is {count}, at least 1 is needed")
    if 1 not in multiples or min(multiples) < 1:
        raise ConfigError(f"the multiples are {tuple(multiples)}, 1 and whole numbers above it are needed")


def _is_exact(story: Story, outcome: Outcome) -> bool:
    return outcome.entered and story.filled_lots == outcome.filled_lots


def _is_in_time(story: Story, outcome: Outcome) -> bool:
    return outcome.entered and by_time(story.fills) == by_time(outcome.fills)


def _strata(
    stories: Sequence[Story], sample: Sequence[Story], single: Sequence[Outcome]
) -> dict[Stratum, StratumCount]:
    population = Counter(story.stratum for story in stories)
    sampled = Counter(story.stratum for story in sample)
    pairs = list(zip(sample, single, strict=True))
    exact = Counter(story.stratum for story, outcome in pairs if _is_exact(story, outcome))
    in_time = Counter(story.stratum for story, outcome in pairs if _is_in_time(story, outcome))
    return {
        stratum: StratumCount(population[stratum], sampled[stratum], exact[stratum], in_time[stratum])
        for stratum in Stratum
    }


def _sizes(sample: Sequence[Story], outcomes: Sequence[Outcome], multiple: int) -> SizeCount:
    pairs = [(story, outcome) for story, outcome in zip(sample, outcomes, strict=True) if outcome.entered]
    put_in = [multiple * story.size_lots for story, _ in pairs]
    filled = [outcome.filled_lots for _, outcome in pairs]
    never = sum(lots == 0 for lots in filled)
    # An order that its owner made smaller is full with less than was put in; it then counts as partly filled.
    fully = sum(lots >= size for lots, size in zip(filled, put_in, strict=True))
    return SizeCount(
        lots=sum(put_in),
        filled_lots=sum(filled),
        history_lots=sum(story.filled_lots for story, _ in pairs),
        never=never,
        partly=len(pairs) - never - fully,
        fully=fully,
    )


def _misses(sample: Sequence[Story], single: Sequence[Outcome], explainer: Explainer) -> tuple[Miss, ...]:
    return tuple(
        Miss(
            row=story.row + 1,
            order_id=story.order_id,
            stratum=story.stratum,
            filled_lots=story.filled_lots,
            own_filled_lots=outcome.filled_lots if outcome.entered else -1,
            cause=explainer.cause(story, outcome),
        )
        for story, outcome in zip(sample, single, strict=True)
        if not _is_in_time(story, outcome)
    )
